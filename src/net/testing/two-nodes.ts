/** The usual test world: two flannel nodes, a client and a web pod on each, one Service, with a fake userland. */
import { Network } from '../network.ts';
import type { TraceEvent } from '../trace-event.ts';
import { type FakeHands, type FakeOptions, fakeUserland } from './fake-userland.ts';
import { putKubeRules, type RuleOptions, type ServicePort } from './kube-rules.ts';
import { addFlannel, addPod, WorldBuilder as Builder, type FlannelOptions, type WorldBuilder } from './world-builder.ts';

export interface TwoNodesOptions {
  readonly flannel?: Partial<FlannelOptions>;
  readonly services?: readonly ServicePort[];
  readonly policy?: RuleOptions['policy'];
  readonly rules?: boolean;
  readonly podMtu?: number;
  readonly hairpin?: boolean;
  readonly fake?: FakeOptions;
  readonly seed?: number;
  /** Changes the records before the engine sees them. */
  readonly change?: (b: WorldBuilder) => void;
}

export interface TwoNodes {
  readonly b: WorldBuilder;
  readonly network: Network;
  readonly hands: FakeHands;
  /** What the fake userland heard since the last call. */
  heard(): string[];
  /** Runs for so long (default: until nothing is left). */
  settle(seconds?: number): void;
}

export const CLIENT = 'node1/netns/client.default';
export const WEB1 = 'node1/netns/web1.default';
export const WEB2 = 'node2/netns/web2.default';
export const NODE1 = 'node1/netns/root';
export const NODE2 = 'node2/netns/root';
export const SERVICE: ServicePort = { name: 'default/web', clusterIp: '10.96.0.20', port: 80, protocol: 'udp', endpoints: ['10.244.0.6:8080'] };

export function twoNodes(options: TwoNodesOptions = {}): TwoNodes {
  const b = new Builder();
  const nodes = [
    { name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24' },
    { name: 'node2', ip: '172.30.1.3', podCidr: '10.244.1.0/24' },
  ];
  addFlannel(b, { nodes, gateway: '172.30.1.1', ...options.flannel });
  const pod = { mtu: options.podMtu ?? 1450, hairpin: options.hairpin !== false };
  addPod(b, 'node1', 'client', '10.244.0.5', pod);
  addPod(b, 'node1', 'web1', '10.244.0.6', pod);
  addPod(b, 'node2', 'web2', '10.244.1.6', pod);
  addPod(b, 'node2', 'client2', '10.244.1.5', pod);
  if (options.rules !== false) {
    for (const node of nodes) {
      putKubeRules(b, `${node.name}/netns/root`, {
        clusterCidr: '10.244.0.0/16',
        podCidr: node.podCidr,
        services: options.services ?? [SERVICE],
        ...(options.policy === undefined ? {} : { policy: options.policy }),
      });
    }
  }
  options.change?.(b);
  const { create, hands } = fakeUserland(options.fake);
  const network = new Network({ seed: options.seed ?? 1, records: b.records }, create);
  let seen = 0;
  return {
    b,
    network,
    hands: hands(),
    heard() {
      const lines = hands().heard.slice(seen);
      seen = hands().heard.length;
      return lines;
    },
    settle(seconds) {
      if (seconds === undefined) network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 100_000 });
      else network.advanceTo(network.nowNs + seconds * 1e9);
    },
  };
}

/** Lines `host device kind` (with a short detail) of a packet's way, in order. `fromSeq` skips what came before. */
export function story(
  network: Network,
  fromSeq = 0,
  kinds: readonly TraceEvent['step']['kind'][] = ['received', 'transmitted', 'dropped', 'translated', 'delivered'],
): string[] {
  return network.events(fromSeq, network.traceLength).flatMap((e) => {
    if (!kinds.includes(e.step.kind) || e.layers.some((l) => l.protocol === 'arp')) return [];
    const where = `${e.netns.split('/')[2] === 'root' ? e.hostId : e.netns.split('/')[2]?.split('.')[0]} ${e.device}`.trim();
    switch (e.step.kind) {
      case 'received':
        return [`${where} in`];
      case 'transmitted':
        return [`${where} out`];
      case 'dropped':
        return [`${where} dropped ${e.step.reason}`];
      case 'translated':
        return [`${where} ${e.step.how} ${e.step.before} -> ${e.step.after}`];
      case 'delivered':
        return [`${where} delivered`];
      default:
        return [`${where} ${e.step.kind}`];
    }
  });
}
