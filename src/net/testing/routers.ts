/** A test world of hosts on cables: `left`, `router`, `right`, with a fake userland; what the routing tests start from. */
import { Network } from '../network.ts';
import type { TraceEvent } from '../trace-event.ts';
import { type FakeHands, fakeUserland } from './fake-userland.ts';
import { WorldBuilder } from './world-builder.ts';

export const LEFT = 'left/netns/root';
export const ROUTER = 'router/netns/root';
export const RIGHT = 'right/netns/root';

export interface Routers {
  readonly b: WorldBuilder;
  readonly network: Network;
  readonly hands: FakeHands;
  heard(): string[];
  settle(seconds?: number): void;
  /** Events since a place of the log. */
  since(seq: number): TraceEvent[];
  /** Sets sysctls of a netns while it runs. */
  set(netns: string, values: Readonly<Record<string, number>>): void;
}

/** left 10.1.0.2/24 a0 — r0 10.1.0.1/24 router r1 10.2.0.1/24 — b0 10.2.0.2/24 right; both ends have a default route. */
export function routers(change: (b: WorldBuilder) => void = () => undefined, seed = 1): Routers {
  const b = new WorldBuilder();
  b.host('left');
  b.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  b.host('right');
  b.cable('ethernet', { netns: LEFT, name: 'a0' }, { netns: ROUTER, name: 'r0' }, { addressesA: ['10.1.0.2/24'], addressesB: ['10.1.0.1/24'] });
  b.cable('ethernet', { netns: RIGHT, name: 'b0' }, { netns: ROUTER, name: 'r1' }, { addressesA: ['10.2.0.2/24'], addressesB: ['10.2.0.1/24'] });
  b.route(LEFT, '0.0.0.0/0', { gateway: '10.1.0.1', device: 'a0' });
  b.route(RIGHT, '0.0.0.0/0', { gateway: '10.2.0.1', device: 'b0' });
  change(b);
  const fake = fakeUserland();
  const network = new Network({ seed, records: b.records }, fake.create);
  const hands = fake.hands();
  return {
    b,
    network,
    hands,
    heard: () => hands.heard.splice(0),
    settle: (seconds) => {
      if (seconds === undefined) network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000 });
      else network.advanceTo(network.nowNs + seconds * 1e9);
    },
    since: (seq) => network.events(seq, network.traceLength),
    set: (netns, values) => {
      const record = b.records.get(netns);
      if (record.kind === 'netns') b.records.put({ ...record, sysctls: { ...record.sysctls, ...values } });
      // Looking makes the engine take it in at once.
      network.neighbors(netns);
    },
  };
}

/** What ARP said on the wires: `left a0 who-has 10.1.0.1 tell 10.1.0.2`, `… 10.1.0.1 is-at …` (who sent it first). */
export function arpTalk(events: readonly TraceEvent[]): string[] {
  return events.flatMap((event) => {
    const arp = event.layers.find((layer) => layer.protocol === 'arp');
    const ethernet = event.layers.find((layer) => layer.protocol === 'ethernet');
    if (event.step.kind !== 'transmitted' || arp?.protocol !== 'arp' || ethernet?.protocol !== 'ethernet') return [];
    const to = ethernet.dst === 'ff:ff:ff:ff:ff:ff' ? 'all' : 'one';
    return [
      `${event.hostId} ${event.device} to ${to}: ${arp.operation === 'request' ? `who-has ${arp.targetIp} tell ${arp.senderIp}` : `${arp.senderIp} is-at, to ${arp.targetIp}`}`,
    ];
  });
}
