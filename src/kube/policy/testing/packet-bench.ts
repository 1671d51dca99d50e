/** Pods of a conformance case on machines wired as kindnet wires them, in a real engine, where policies are enforced by what kindnetd or kube-network-policies write. */

import { ipOf } from '../../../net/addr/ip.ts';
import { Network } from '../../../net/network.ts';
import { fakeUserland } from '../../../net/testing/fake-userland.ts';
import { WorldBuilder } from '../../../net/testing/world-builder.ts';
import { buildModel } from '../policy-model.ts';
import { buildQueueTable } from '../policy-queue.ts';
import { type Enforcer, enforcerRecords, selectedPods } from '../policy-queue-agent.ts';
import type { Probe, Step } from './conformance-cases.ts';

const ROUTER = 'router/netns/root';
const GATEWAY = '169.254.1.1';
const OUTSIDE = '203.0.113.9';
const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;

export interface Outcome {
  readonly arrived: boolean;
  /** Who dropped it and why. */
  readonly dropped?: string;
}

export interface PacketBench {
  /** The policies, labels and namespaces of this step hold from now on. */
  enforce(step: Step): void;
  send(probe: Probe): Outcome;
}

export function packetBench(step: Step, enforcer: Enforcer): PacketBench {
  const b = new WorldBuilder();
  const underlay = b.host('underlay', {}, 'switch');
  const sw0 = b.device(underlay, 'sw0', { type: 'bridge', ageingSeconds: 300 });
  const join = (netns: string, name: string, address: string) =>
    b.cable('ethernet', { netns, name: 'eth0' }, { netns: underlay, name: `p-${name}` }, { addressesA: [`${address}/16`], masterB: sw0 });
  b.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  join(ROUTER, 'router', '172.18.255.1');
  b.device(ROUTER, 'dummy0', { type: 'dummy' }, [`${OUTSIDE}/32`]);
  const hosts = step.pods.filter((pod) => pod.spec.hostNetwork === true);
  const nodes = [0, 1, 2].map((index) => ({ name: `node${index}`, ip: hosts[index]?.status?.podIP ?? `172.18.0.${index + 2}` }));
  for (const { name, ip } of nodes) {
    const root = b.host(name, { 'net.ipv4.ip_forward': 1 });
    join(root, name, ip);
    b.route(root, '0.0.0.0/0', { gateway: '172.18.255.1', device: 'eth0' });
  }
  const netnsOf = new Map<string, string>();
  const ipOfPod = new Map<string, string>();
  const nodeOf = new Map<string, string>();
  step.pods.forEach((pod, index) => {
    const id = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const ip = pod.status?.podIP ?? '';
    ipOfPod.set(id, ip);
    const place = pod.spec.hostNetwork === true ? hosts.indexOf(pod) : index % 3;
    const node = nodes[place] ?? { name: 'node0', ip: '' };
    nodeOf.set(id, node.name);
    const root = `${node.name}/netns/root`;
    if (pod.spec.hostNetwork === true) {
      netnsOf.set(id, root);
      return;
    }
    const netns = b.netns(node.name, `${pod.metadata.name}.${pod.metadata.namespace}`, pod.metadata.name);
    netnsOf.set(id, netns);
    b.cable('veth', { netns: root, name: `veth${index}` }, { netns, name: 'eth0' }, { addressesA: [`${GATEWAY}/32`], addressesB: [`${ip}/32`] });
    b.route(root, `${ip}/32`, { device: `veth${index}` });
    b.route(netns, '0.0.0.0/0', { gateway: GATEWAY, device: 'eth0', onlink: true });
    for (const other of ['router', ...nodes.map((one) => one.name)])
      if (other !== node.name) b.route(`${other}/netns/root`, `${ip}/32`, { gateway: node.ip, device: 'eth0' });
  });
  netnsOf.set('external', ROUTER);
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 1, records: b.records }, create);
  let port = 20_000;
  return {
    enforce(now) {
      const pods = now.pods.map((pod) => ({ ...pod, spec: { ...pod.spec, nodeName: nodeOf.get(`${pod.metadata.namespace}/${pod.metadata.name}`) ?? '' } }));
      const model = buildModel({ ...now, pods });
      const table = buildQueueTable(model, enforcer.all);
      const selected = selectedPods(model);
      for (const { name } of nodes) {
        for (const record of enforcerRecords(enforcer, `${name}/netns/root`, { component: 'test', objects: [] }, table, selected.get(name)))
          b.records.put(record);
      }
    },
    send({ from, to, protocol, port: dport }) {
      port = port >= 60_000 ? 20_000 : port + 1;
      const netns = netnsOf.get(from.startsWith('external') ? 'external' : from) ?? '';
      const target = to.startsWith('external') ? OUTSIDE : (ipOfPod.get(to) ?? '');
      const source = from.startsWith('external') ? OUTSIDE : (ipOfPod.get(from) ?? '');
      const packet = hands().kernel.newPacket();
      packet.src = ipOf(source);
      packet.dst = ipOf(target);
      packet.protocol = PROTOCOLS[protocol];
      packet.dontFragment = true;
      packet.sport = port;
      packet.dport = dport;
      packet.payload = { bytes: 12 };
      if (protocol === 'TCP') packet.tcp = { flags: 2, seq: 1, ack: 0, window: 64240, options: {} };
      const seq = network.traceLength;
      hands().kernel.output(netns, packet, 'test');
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
      const there = netnsOf.get(to.startsWith('external') ? 'external' : to) ?? '';
      let dropped: string | undefined;
      for (const event of network.events(seq, network.traceLength)) {
        if (event.step.kind === 'delivered' && event.netns === there && event.layers.every((layer) => layer.protocol !== 'arp')) return { arrived: true };
        // No program here speaks SCTP: its packets end where they were going.
        if (event.step.kind === 'dropped' && event.step.reason === 'UNHANDLED_PROTO' && event.netns === there && protocol === 'SCTP') return { arrived: true };
        // Others hear the questions for MAC addresses too, and have nothing to do with them.
        if (event.step.kind !== 'dropped' || event.step.reason === 'OTHERHOST') continue;
        dropped ??= `${event.netns} ${event.step.reason} ${event.step.detail}`;
      }
      if (dropped !== undefined) return { arrived: false, dropped };
      return { arrived: false, dropped: 'nowhere' };
    },
  };
}
