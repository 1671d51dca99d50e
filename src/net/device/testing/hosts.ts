/** Two or more hosts on one cable or switch, for tests of devices: what they heard, and the log in a few words. */

import { Network } from '../../network.ts';
import type { Qdisc } from '../../records.ts';
import { type FakeHands, fakeUserland } from '../../testing/fake-userland.ts';
import { WorldBuilder } from '../../testing/world-builder.ts';
import type { Step, TraceEvent } from '../../trace-event.ts';
import { BLANK_NETEM } from '../netem-words.ts';

export const A = 'a/netns/root';
export const B = 'b/netns/root';

export interface Hosts {
  readonly b: WorldBuilder;
  readonly network: Network;
  readonly hands: FakeHands;
  /** Lines heard since the last call, without the ICMP and UDP ports of no meaning. */
  heard(): string[];
  settle(): void;
  /** Virtual seconds pass. */
  pass(seconds: number): void;
  events(): TraceEvent[];
  steps<K extends Step['kind']>(kind: K): readonly (TraceEvent & { readonly step: Extract<Step, { kind: K }> })[];
}

/** `a` 172.16.0.1/24 and `b` 172.16.0.2/24 on one cable, eth0 each; `change` adds what is to be tested. */
export function twoHosts(change: (b: WorldBuilder) => void, options: { readonly mtu?: number; readonly seed?: number } = {}): Hosts {
  const b = new WorldBuilder();
  b.host('a', { 'net.ipv4.ip_forward': 1 });
  b.host('b', { 'net.ipv4.ip_forward': 1 });
  const mtu = options.mtu === undefined ? {} : { mtuA: options.mtu, mtuB: options.mtu };
  b.cable('ethernet', { netns: A, name: 'eth0' }, { netns: B, name: 'eth0' }, { addressesA: ['172.16.0.1/24'], addressesB: ['172.16.0.2/24'], ...mtu });
  change(b);
  return run(b, options.seed);
}

export function run(b: WorldBuilder, seed = 1): Hosts {
  const { create, hands } = fakeUserland();
  const network = new Network({ seed, records: b.records }, create);
  let seen = 0;
  const events = (): TraceEvent[] => network.events(0, network.traceLength);
  return {
    b,
    network,
    hands: hands(),
    heard() {
      const lines = hands().heard.slice(seen);
      seen = hands().heard.length;
      return lines;
    },
    settle: () => network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000 }),
    pass: (seconds) => network.advanceTo(network.nowNs + seconds * 1e9),
    events,
    steps: <K extends Step['kind']>(kind: K) => events().filter((e): e is TraceEvent & { readonly step: Extract<Step, { kind: K }> } => e.step.kind === kind),
  };
}

/** The protocols of an event's layers, outermost first. */
export const layerNames = (event: TraceEvent): string => event.layers.map((layer) => layer.protocol).join(' ');

export const NETEM: Extract<Qdisc, { kind: 'netem' }> = { ...BLANK_NETEM, handle: 0x8001 };
