/** Two hosts on one cable for tests of sockets: apps of the test's own, loss and MTU to choose. */
import type { App } from '../../app/definition.ts';
import { Network } from '../../network.ts';
import type { EthernetDevice } from '../../records.ts';
import { WorldBuilder } from '../../testing/world-builder.ts';
import { createUserland } from '../userland.ts';

export const A = 'a/netns/root';
export const B = 'b/netns/root';

export interface TwoHosts {
  readonly b: WorldBuilder;
  readonly network: Network;
  readonly out: Map<string, string>;
  readonly exits: Map<string, number>;
  run(seconds: number): void;
  start(netns: string, app: string, config?: unknown): string;
}

export function twoHosts(
  apps: readonly App[],
  options: { readonly lossRatio?: number; readonly jitterNs?: number; readonly mtu?: number; readonly latencyNs?: number; readonly seed?: number } = {},
): TwoHosts {
  const b = new WorldBuilder();
  b.host('a');
  b.host('b');
  const mtu = options.mtu === undefined ? {} : { mtuA: options.mtu, mtuB: options.mtu };
  b.cable('ethernet', { netns: A, name: 'eth0' }, { netns: B, name: 'eth0' }, { addressesA: ['10.0.0.1/24'], addressesB: ['10.0.0.2/24'], ...mtu });
  for (const netns of [A, B]) {
    const device = b.records.get(`${netns}/device/eth0`) as EthernetDevice;
    const link = { latencyNs: options.latencyNs ?? 50_000, jitterNs: options.jitterNs ?? 0, lossRatio: options.lossRatio ?? 0 };
    b.records.put({ ...device, link });
  }
  const table = new Map(apps.map((app) => [app.name, app]));
  const network = new Network({ seed: options.seed ?? 1, records: b.records }, (kernel) => createUserland(kernel, table));
  const out = new Map<string, string>();
  const exits = new Map<string, number>();
  network.onOutput = (id, stream, text, code) => {
    if (stream === 'exit') exits.set(id, code);
    else out.set(id, (out.get(id) ?? '') + text);
  };
  return {
    b,
    network,
    out,
    exits,
    run: (seconds) => {
      network.run({ untilNs: network.nowNs + seconds * 1e9, maxEvents: 2_000_000 });
    },
    start: (netns, app, config = {}) => network.spawn({ netns, app, name: app, config }),
  };
}
