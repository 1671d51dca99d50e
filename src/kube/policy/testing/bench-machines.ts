/** Three machines and a router with the pods of a conformance case, in a real engine: what the benches of all enforcing CNIs have in common. */
import { ipOf } from '../../../net/addr/ip.ts';
import { Network } from '../../../net/network.ts';
import { fakeUserland } from '../../../net/testing/fake-userland.ts';
import { WorldBuilder } from '../../../net/testing/world-builder.ts';
import type { Pod } from '../../pod/types.ts';
import type { Probe, Step } from './conformance-cases.ts';

const ROUTER = 'router/netns/root';
const OUTSIDE = '203.0.113.9';
const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;

export interface Outcome {
  readonly arrived: boolean;
  /** Who dropped it and why. */
  readonly dropped?: string;
}

/** How a CNI joins a pod's netns to its machine's: the wire, and the route to the pod there. */
export type Wire = (
  builder: WorldBuilder,
  at: { readonly root: string; readonly netns: string; readonly pod: Pod; readonly ip: string; readonly index: number },
) => void;

export interface BenchMachines {
  readonly builder: WorldBuilder;
  readonly nodes: readonly { readonly name: string; readonly ip: string }[];
  /** The pods of a step, each on the machine where it is here. */
  placed(pods: readonly Pod[]): readonly Pod[];
  /** The first packet of a connection, from one pod's netns (or the outside) to another pod's address, or to one that leads there. */
  send(probe: Probe, through?: { readonly ip: string; readonly port: number }): Outcome;
}

const idOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;
const placeOf = (who: string): string => (who.startsWith('external') ? 'external' : who);

export function benchMachines(step: Step, wire: Wire): BenchMachines {
  const builder = new WorldBuilder();
  const underlay = builder.host('underlay', {}, 'switch');
  const sw0 = builder.device(underlay, 'sw0', { type: 'bridge', ageingSeconds: 300 });
  const join = (netns: string, name: string, address: string) =>
    builder.cable('ethernet', { netns, name: 'eth0' }, { netns: underlay, name: `p-${name}` }, { addressesA: [`${address}/16`], masterB: sw0 });
  builder.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  join(ROUTER, 'router', '172.18.255.1');
  builder.device(ROUTER, 'dummy0', { type: 'dummy' }, [`${OUTSIDE}/32`]);
  const hosts = step.pods.filter((pod) => pod.spec.hostNetwork === true);
  const nodes = [0, 1, 2].map((index) => ({ name: `node${index}`, ip: hosts[index]?.status?.podIP ?? `172.18.0.${index + 2}` }));
  for (const { name, ip } of nodes) {
    const root = builder.host(name, { 'net.ipv4.ip_forward': 1 });
    join(root, name, ip);
    builder.route(root, '0.0.0.0/0', { gateway: '172.18.255.1', device: 'eth0' });
  }
  const netnsOf = new Map<string, string>([['external', ROUTER]]);
  const ipOfPod = new Map<string, string>([['external', OUTSIDE]]);
  const nodeOf = new Map<string, string>();
  step.pods.forEach((pod, index) => {
    const ip = pod.status?.podIP ?? '';
    ipOfPod.set(idOf(pod), ip);
    const node = nodes[pod.spec.hostNetwork === true ? hosts.indexOf(pod) : index % 3] ?? { name: 'node0', ip: '' };
    nodeOf.set(idOf(pod), node.name);
    const root = `${node.name}/netns/root`;
    const netns = pod.spec.hostNetwork === true ? root : builder.netns(node.name, `${pod.metadata.name}.${pod.metadata.namespace}`, pod.metadata.name);
    netnsOf.set(idOf(pod), netns);
    if (netns === root) return;
    wire(builder, { root, netns, pod, ip, index });
    for (const other of ['router', ...nodes.map(({ name }) => name)])
      if (other !== node.name) builder.route(`${other}/netns/root`, `${ip}/32`, { gateway: node.ip, device: 'eth0' });
  });
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 1, records: builder.records }, create);
  let port = 20_000;
  return {
    builder,
    nodes,
    placed: (pods) => pods.map((pod) => ({ ...pod, spec: { ...pod.spec, nodeName: nodeOf.get(idOf(pod)) ?? '' } })),
    send({ from, to, protocol, port: dport }, through) {
      port = port >= 60_000 ? 20_000 : port + 1;
      const packet = hands().kernel.newPacket();
      packet.src = ipOf(ipOfPod.get(placeOf(from)) ?? '');
      packet.dst = ipOf(through?.ip ?? ipOfPod.get(placeOf(to)) ?? '');
      packet.protocol = PROTOCOLS[protocol];
      packet.dontFragment = true;
      packet.sport = port;
      packet.dport = through?.port ?? dport;
      packet.payload = { bytes: 12 };
      if (protocol === 'SCTP')
        packet.sctp = { tag: 0, chunks: [{ kind: 'INIT', offer: { tag: port, windowBytes: 1500, outStreams: 1, inStreams: 1, tsn: 1 } }] };
      if (protocol === 'ICMP') packet.icmp = { type: typeof packet.dst === 'bigint' ? 128 : 8, code: 0, id: port, sequence: 1 };
      if (protocol === 'TCP') packet.tcp = { flags: 2, seq: 1, ack: 0, window: 64240, options: {} };
      // What has been written since the last packet holds once the engine has seen it.
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
      const seq = network.traceLength;
      hands().kernel.output(netnsOf.get(placeOf(from)) ?? '', packet, 'test');
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
      const there = netnsOf.get(placeOf(to)) ?? '';
      let dropped: string | undefined;
      for (const { step: seen, netns, layers } of network.events(seq, network.traceLength)) {
        if (seen.kind === 'delivered' && netns === there && layers.every((layer) => layer.protocol !== 'arp')) return { arrived: true };
        if (seen.kind !== 'dropped') continue;
        // Others hear the questions for MAC addresses too, and have nothing to do with them.
        if (seen.reason !== 'OTHERHOST') dropped ??= `${netns} ${seen.reason} ${seen.detail}`;
      }
      return { arrived: false, dropped: dropped ?? 'nowhere' };
    },
  };
}
