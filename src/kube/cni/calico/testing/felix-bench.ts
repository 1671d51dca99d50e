/** Pods of a conformance case on machines wired as Calico wires them, in a real engine, with the chains and sets that Felix writes. */
import { deepEqual } from '../../../../base/equal.ts';
import { ipOf } from '../../../../net/addr/ip.ts';
import { Network } from '../../../../net/network.ts';
import type { NetRecord } from '../../../../net/records.ts';
import { fakeUserland } from '../../../../net/testing/fake-userland.ts';
import { WorldBuilder } from '../../../../net/testing/world-builder.ts';
import type { KubeObject } from '../../../../objects/types.ts';
import { findNode } from '../../../node/cluster-network.ts';
import { objectView } from '../../../node/testing/object-view.ts';
import { node, pod } from '../../../node/testing/small-cluster.ts';
import type { Pod } from '../../../pod/types.ts';
import type { Probe, Step } from '../../../policy/testing/conformance-cases.ts';
import { hostDeviceOf } from '../device-name.ts';
import { jumpsOfFelix, renderFelix } from '../felix.ts';

const ROUTER = 'router/netns/root';
const OUTSIDE = '203.0.113.9';
const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;
const origin = { component: 'felix', objects: [] };

export interface Outcome {
  readonly arrived: boolean;
  readonly dropped?: string;
}
export interface FelixBench {
  enforce(step: Step): void;
  send(probe: Probe): Outcome;
}

export function felixBench(step: Step): FelixBench {
  const b = new WorldBuilder();
  const underlay = b.host('underlay', {}, 'switch');
  const sw0 = b.device(underlay, 'sw0', { type: 'bridge', ageingSeconds: 300 });
  const join = (netns: string, name: string, address: string) =>
    b.cable('ethernet', { netns, name: 'eth0' }, { netns: underlay, name: `p-${name}` }, { addressesA: [`${address}/16`], masterB: sw0 });
  b.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  join(ROUTER, 'router', '172.18.255.1');
  b.device(ROUTER, 'dummy0', { type: 'dummy' }, [`${OUTSIDE}/32`]);
  const hosts = step.pods.filter((one) => one.spec.hostNetwork === true);
  const nodes = [0, 1, 2].map((index) => ({ name: `node${index}`, ip: hosts[index]?.status?.podIP ?? `172.18.0.${index + 2}` }));
  for (const { name, ip } of nodes) {
    const root = b.host(name, { 'net.ipv4.ip_forward': 1 });
    join(root, name, ip);
    b.route(root, '0.0.0.0/0', { gateway: '172.18.255.1', device: 'eth0' });
  }
  const netnsOf = new Map<string, string>([['external', ROUTER]]);
  const ipOfPod = new Map<string, string>();
  const nodeOf = new Map<string, string>();
  step.pods.forEach((one, index) => {
    const id = `${one.metadata.namespace}/${one.metadata.name}`;
    const ip = one.status?.podIP ?? '';
    ipOfPod.set(id, ip);
    const at = nodes[one.spec.hostNetwork === true ? hosts.indexOf(one) : index % 3] ?? { name: 'node0', ip: '' };
    nodeOf.set(id, at.name);
    const root = `${at.name}/netns/root`;
    if (one.spec.hostNetwork === true) {
      netnsOf.set(id, root);
      return;
    }
    const netns = b.netns(at.name, `${one.metadata.name}.${one.metadata.namespace}`, one.metadata.name);
    netnsOf.set(id, netns);
    const device = hostDeviceOf(one);
    b.cable('veth', { netns: root, name: device }, { netns, name: 'eth0' }, { addressesB: [`${ip}/32`] });
    b.records.put({ kind: 'proxy-neighbor', id: `${root}/proxy-neighbor/${device}/169.254.1.1`, origin, netns: root, device, ip: '169.254.1.1' });
    b.route(root, `${ip}/32`, { device });
    b.route(netns, '0.0.0.0/0', { gateway: '169.254.1.1', device: 'eth0', onlink: true });
    for (const other of ['router', ...nodes.map((machine) => machine.name)])
      if (other !== at.name) b.route(`${other}/netns/root`, `${ip}/32`, { gateway: at.ip, device: 'eth0' });
  });
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 1, records: b.records }, create);
  const written = new Map<string, NetRecord>();
  let port = 20_000;
  return {
    enforce(now) {
      const pods = now.pods.map(
        (one): Pod => ({ ...one, spec: { ...one.spec, nodeName: nodeOf.get(`${one.metadata.namespace}/${one.metadata.name}`) ?? '' } }),
      );
      const cluster: KubeObject[] = nodes.flatMap(({ name, ip }) => [
        node(name, ip, '10.99.0.0/24'),
        pod(`calico-${name}`, 'kube-system', name, ip, { hostNetwork: true, containers: [{ name: 'calico-node', image: 'quay.io/calico/node:v3.30.3' }] }),
      ]);
      const view = objectView([...cluster, ...now.namespaces, ...pods, ...now.policies]);
      const records = new Map<string, NetRecord>();
      for (const { name } of nodes) {
        const found = findNode(name, view);
        const netns = `${name}/netns/root`;
        if (found !== undefined) for (const record of renderFelix(found, origin, view)) records.set(record.id, record);
        for (const table of ['filter', 'raw', 'mangle'] as const)
          for (const from of ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const) {
            const rules = jumpsOfFelix(view).filter((one) => one.table === table && one.from === from);
            const id = `${netns}/chain/${table}/${from}`;
            if (rules.length > 0)
              records.set(id, { kind: 'chain', id, origin, netns, table, name: from, policy: 'ACCEPT', rules: rules.map(({ text }) => ({ text })) });
          }
      }
      for (const id of written.keys()) if (!records.has(id)) b.records.remove(id);
      for (const [id, record] of records) if (!deepEqual(written.get(id), record)) b.records.put(record);
      written.clear();
      for (const [id, record] of records) written.set(id, record);
    },
    send({ from, to, protocol, port: dport }) {
      port = port >= 60_000 ? 20_000 : port + 1;
      const place = (who: string): string => (who.startsWith('external') ? 'external' : who);
      const packet = hands().kernel.newPacket();
      packet.src = ipOf(from.startsWith('external') ? OUTSIDE : (ipOfPod.get(from) ?? ''));
      packet.dst = ipOf(to.startsWith('external') ? OUTSIDE : (ipOfPod.get(to) ?? ''));
      packet.protocol = PROTOCOLS[protocol];
      packet.dontFragment = true;
      packet.sport = port;
      packet.dport = dport;
      packet.payload = { bytes: 12 };
      if (protocol === 'TCP') packet.tcp = { flags: 2, seq: 1, ack: 0, window: 64240, options: {} };
      const seq = network.traceLength;
      hands().kernel.output(netnsOf.get(place(from)) ?? '', packet, 'test');
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
      const there = netnsOf.get(place(to)) ?? '';
      let dropped: string | undefined;
      for (const event of network.events(seq, network.traceLength)) {
        if (event.step.kind === 'delivered' && event.netns === there && event.layers.every((layer) => layer.protocol !== 'arp')) return { arrived: true };
        if (event.step.kind === 'dropped' && event.step.reason === 'UNHANDLED_PROTO' && event.netns === there && protocol === 'SCTP') return { arrived: true };
        if (event.step.kind !== 'dropped' || event.step.reason === 'OTHERHOST') continue;
        dropped ??= `${event.netns} ${event.step.reason} ${event.step.detail}`;
      }
      return { arrived: false, dropped: dropped ?? 'nowhere' };
    },
  };
}
