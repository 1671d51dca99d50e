/** One node between the outside and its pods, in a real engine: what kube-proxy's records do to the first packet of a flow. */

import { ipOf } from '../../../net/addr/ip.ts';
import { Network } from '../../../net/network.ts';
import type { NetRecord } from '../../../net/records.ts';
import type { Kernel } from '../../../net/stack/userland.ts';
import { fakeUserland } from '../../../net/testing/fake-userland.ts';
import { WorldBuilder } from '../../../net/testing/world-builder.ts';
import type { RuleReference, TraceEvent } from '../../../net/trace-event.ts';
import { IP_PROTO_SCTP } from '../../../net/wire/sctp.ts';

export const FLOW_NODE = 'node';
export const FLOW_NETNS = `${FLOW_NODE}/netns/root`;
const OUTSIDE = 'outside/netns/root';
const GATEWAY = { IPv4: '198.51.100.1', IPv6: '2001:db8:ffff::1' } as const;
const NODE_SIDE = { IPv4: '198.51.100.2', IPv6: '2001:db8:ffff::2' } as const;

export interface Flow {
  readonly sourceIP: string;
  readonly protocol: string;
  readonly destIP: string;
  readonly destPort: number;
}

export interface FlowOutcome {
  readonly verdict: 'dnat' | 'reject' | 'drop' | 'no-rule';
  /** `ip:port`, brackets around IPv6. */
  readonly destination?: string;
  /** kube-proxy has marked it to be masqueraded. */
  readonly masquerade: boolean;
}

/** How often a flow is tried to meet every endpoint that may be chosen. */
const TRIES = 40;

export interface FlowBench {
  readonly network: Network;
  send(flow: Flow, sourcePort: number): readonly TraceEvent[];
}

/** @param nodeIps of one family; the first is the node's main address */
export function openFlows(nodeIps: readonly string[], records: readonly NetRecord[], six: boolean): FlowBench {
  const family = six ? 'IPv6' : 'IPv4';
  const all = six ? '::/0' : '0.0.0.0/0';
  const b = new WorldBuilder();
  const on = { 'net.ipv6.conf.all.disable_ipv6': six ? 0 : 1 };
  b.host(FLOW_NODE, { ...on, 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, 'net.ipv4.conf.all.route_localnet': 1, 'net.ipv4.vs.conntrack': 1 });
  b.host('outside', on, 'router');
  b.cable(
    'ethernet',
    { netns: FLOW_NETNS, name: 'eth0' },
    { netns: OUTSIDE, name: 'eth0' },
    {
      addressesA: [`${NODE_SIDE[family]}/${six ? 64 : 24}`, ...nodeIps.map((ip) => `${ip}/${six ? 128 : 32}`)],
      addressesB: [`${GATEWAY[family]}/${six ? 64 : 24}`],
    },
  );
  b.route(FLOW_NETNS, all, { gateway: GATEWAY[family], device: 'eth0' });
  b.route(OUTSIDE, all, { gateway: NODE_SIDE[family], device: 'eth0' });
  for (const record of records) b.records.put(record);
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 7, records: b.records }, create);
  return {
    network,
    send(flow, sourcePort) {
      const from = network.traceLength;
      const here = nodeIps.includes(flow.sourceIP) || flow.sourceIP === '127.0.0.1' || flow.sourceIP === '::1';
      const netns = here ? FLOW_NETNS : OUTSIDE;
      if (flow.protocol.toUpperCase() === 'UDP') hands().sendUdp(netns, flow.destIP, flow.destPort, sourcePort, 10, { from: flow.sourceIP });
      else if (flow.protocol.toUpperCase() === 'SCTP') sendInit(hands().kernel, netns, flow, sourcePort);
      else hands().sendTcp(netns, flow.destIP, flow.destPort, sourcePort, undefined, flow.sourceIP);
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
      return network.events(from, network.traceLength);
    },
  };
}

function sendInit(kernel: Kernel, netns: string, flow: Flow, sourcePort: number): void {
  const packet = kernel.newPacket();
  const offer = { tag: sourcePort, windowBytes: 1500, outStreams: 1, inStreams: 1, tsn: 1 };
  Object.assign(packet, { src: ipOf(flow.sourceIP), dst: ipOf(flow.destIP), protocol: IP_PROTO_SCTP, sport: sourcePort, dport: flow.destPort });
  packet.sctp = { tag: 0, chunks: [{ kind: 'INIT', offer }] };
  kernel.output(netns, packet, 'test');
}

export function flowOutcomes(nodeIps: readonly string[], records: readonly NetRecord[], flow: Flow): readonly FlowOutcome[] {
  const bench = openFlows(nodeIps, records, flow.destIP.includes(':'));
  const outcomes = new Map<string, FlowOutcome>();
  for (let i = 0; i < TRIES; i += 1) {
    const outcome = outcomeOf(bench.send(flow, 20000 + i));
    outcomes.set(JSON.stringify(outcome), outcome);
  }
  return [...outcomes.values()];
}

/** Virtual time from the packet's arrival on the node until its destination is translated. */
export function flowTimeNs(nodeIps: readonly string[], records: readonly NetRecord[], flow: Flow): number {
  const events = openFlows(nodeIps, records, flow.destIP.includes(':'))
    .send(flow, 20000)
    .filter((event) => event.netns === FLOW_NETNS);
  const translated = events.find((event) => event.step.kind === 'translated');
  const received = events.find((event) => event.step.kind === 'received' && event.packetId === translated?.packetId);
  if (translated === undefined || received === undefined) throw new Error('the packet was not translated');
  return translated.timeNs - received.timeNs;
}

/** kube-proxy's mark in all modes; in IPVS mode a set of its own for pods that are their own servers. */
const hides = (rule: RuleReference): boolean =>
  rule.chain === 'mark-for-masquerade' || rule.chain === 'KUBE-MARK-MASQ' || rule.text.includes('--match-set KUBE-LOOP-BACK dst,dst,src');

/** What happened to the packet itself on the node; answers and errors about it are other packets. */
function outcomeOf(events: readonly TraceEvent[]): FlowOutcome {
  const packet = events.find(
    (event) => event.step.kind === 'created' && event.layers.some((layer) => layer.protocol === 'tcp' || layer.protocol === 'udp' || layer.protocol === 'sctp'),
  )?.packetId;
  let destination: string | undefined;
  let masquerade = false;
  for (const event of events) {
    const { step } = event;
    if (event.netns !== FLOW_NETNS || event.packetId !== packet) continue;
    if (step.kind === 'translated' && (step.how === 'DNAT' || step.how === 'IPVS')) destination = step.after;
    if (step.kind === 'matched' && step.rule !== undefined && hides(step.rule)) masquerade = true;
    if (step.kind === 'dropped' && step.reason === 'NETFILTER_DROP') {
      // ICMP errors go out at a limited rate: a refusal may stay without its answer.
      const refused = step.answered !== undefined || /^reject|REJECT|^IPVS: the virtual service has no real server/.test(step.detail);
      return { verdict: refused ? 'reject' : 'drop', masquerade: false };
    }
  }
  return destination === undefined ? { verdict: 'no-rule', masquerade } : { verdict: 'dnat', destination, masquerade };
}
