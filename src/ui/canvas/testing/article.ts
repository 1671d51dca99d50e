/** The article's cluster as boxes, and the hops of `curl web-service` as the worker tells them: made by hand, for developing and testing the canvas without a world. */
import type { Step } from '../../../net/trace-event.ts';
import type { Layer } from '../../../net/wire/packet.ts';
import type { DeviceView, HopView, HostView, NetnsView, ServiceView, Topology } from '../../../world/views.ts';

interface PodSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly ip: string;
  readonly app: string;
  readonly ready?: boolean;
}

export function podId(host: string, name: string, namespace = 'default'): string {
  return `${host}/netns/${name}.${namespace}`;
}

function nodeParts(name: string, ip: string, cidr: string, pods: readonly PodSpec[]): { host: HostView; netnses: NetnsView[]; devices: DeviceView[] } {
  const root = `${name}/netns/root`;
  const device = (netns: string, deviceName: string, type: DeviceView['type'], more: Partial<DeviceView> = {}): DeviceView => ({
    id: `${netns}/device/${deviceName}`,
    netns,
    name: deviceName,
    type,
    mac: '0a:58:0a:f4:00:01',
    mtuBytes: type === 'ethernet' ? 1500 : type === 'loopback' ? 65536 : 1450,
    up: true,
    addresses: [],
    ...more,
  });
  const base = cidr.replace(/\.0\/24$/, '');
  const devices: DeviceView[] = [
    device(root, 'lo', 'loopback', { addresses: ['127.0.0.1/8'] }),
    device(root, 'eth0', 'ethernet', { addresses: [`${ip}/16`], peer: `underlay/netns/root/device/p-${name}` }),
    device(root, 'flannel.1', 'vxlan', { addresses: [`${base}.0/32`], vni: 1 }),
    device(root, 'cni0', 'bridge', { addresses: [`${base}.1/24`] }),
  ];
  const netnses: NetnsView[] = [{ id: root, hostId: name, type: 'root', title: name, ip, ready: true, containers: [], labels: {}, objectKey: `Node/${name}` }];
  pods.forEach((pod, index) => {
    const id = podId(name, pod.name, pod.namespace);
    const veth = `veth${(index + 1).toString(16).padStart(8, 'a')}`;
    devices.push(
      device(id, 'lo', 'loopback', { addresses: ['127.0.0.1/8'] }),
      device(id, 'eth0', 'veth', { addresses: [`${pod.ip}/24`], peer: `${root}/device/${veth}` }),
      device(root, veth, 'veth', { peer: `${id}/device/eth0`, master: `${root}/device/cni0` }),
    );
    netnses.push({
      id,
      hostId: name,
      type: 'pod',
      title: pod.name,
      namespace: pod.namespace ?? 'default',
      ip: pod.ip,
      phase: 'Running',
      ready: pod.ready ?? true,
      containers: [
        { name: 'pause', image: 'registry.k8s.io/pause:3.10', role: 'pause', ready: true },
        { name: pod.app, image: pod.app, role: 'app', ready: pod.ready ?? true },
      ],
      labels: { app: pod.app },
      objectKey: `Pod/${pod.namespace ?? 'default'}/${pod.name}`,
    });
  });
  return { host: { id: name, name, role: 'node', ip, podCidr: cidr, ready: true, objectKey: `Node/${name}` }, netnses, devices };
}

export interface NodeSpec {
  readonly name: string;
  readonly pods: readonly PodSpec[];
}

const service = (name: string, namespace: string, clusterIp: string, ports: string, endpoints: readonly string[]): ServiceView => ({
  objectKey: `Service/${namespace}/${name}`,
  name,
  namespace,
  type: 'ClusterIP',
  clusterIp,
  ports,
  endpoints,
});

/** Nodes on one underlay with a router; Services as given. */
export function makeTopology(nodes: readonly NodeSpec[], services: readonly ServiceView[] = []): Topology {
  const hosts: HostView[] = [{ id: 'underlay', name: 'underlay', role: 'switch', ip: '', cidr: '172.30.0.0/16', ready: true }];
  const netnses: NetnsView[] = [
    { id: 'underlay/netns/root', hostId: 'underlay', type: 'root', title: 'underlay', ip: '', ready: true, containers: [], labels: {} },
  ];
  const devices: DeviceView[] = [
    {
      id: 'underlay/netns/root/device/br0',
      netns: 'underlay/netns/root',
      name: 'br0',
      type: 'bridge',
      mac: '02:00:00:00:00:01',
      mtuBytes: 1500,
      up: true,
      addresses: [],
    },
  ];
  const port = (host: string) =>
    devices.push({
      id: `underlay/netns/root/device/p-${host}`,
      netns: 'underlay/netns/root',
      name: `p-${host}`,
      type: 'ethernet',
      mac: '02:00:00:00:00:02',
      mtuBytes: 1500,
      up: true,
      addresses: [],
      master: 'underlay/netns/root/device/br0',
      peer: `${host}/netns/root/device/eth0`,
    });
  nodes.forEach((node, index) => {
    const parts = nodeParts(node.name, `172.30.${index + 1}.2`, `10.244.${index}.0/24`, node.pods);
    hosts.push(parts.host);
    netnses.push(...parts.netnses);
    devices.push(...parts.devices);
    port(node.name);
  });
  hosts.push({ id: 'router', name: 'router', role: 'router', ip: '172.30.0.1', ready: true });
  netnses.push({ id: 'router/netns/root', hostId: 'router', type: 'root', title: 'router', ip: '172.30.0.1', ready: true, containers: [], labels: {} });
  devices.push({
    id: 'router/netns/root/device/eth0',
    netns: 'router/netns/root',
    name: 'eth0',
    type: 'ethernet',
    mac: '02:00:00:00:00:03',
    mtuBytes: 1500,
    up: true,
    addresses: ['172.30.0.1/16'],
    peer: 'underlay/netns/root/device/p-router',
  });
  port('router');
  return { hosts, netnses, devices, services };
}

export const webPods = ['web-64c966cf88-n66tm', 'web-64c966cf88-4x8xq', 'web-64c966cf88-45528'] as const;

/** The default world, with as many web pods as wanted. */
export function articleTopology(replicas = 3): Topology {
  const names = [...webPods, ...Array.from({ length: Math.max(0, replicas - 3) }, (_, i) => `web-64c966cf88-zz${String(i).padStart(3, '0')}`)].slice(
    0,
    replicas,
  );
  const dns = { namespace: 'kube-system', app: 'coredns' };
  return makeTopology(
    [
      {
        name: 'controlplane',
        pods: [
          { name: 'coredns-76f75df574-9wxcp', ip: '10.244.0.2', ...dns },
          { name: 'client', ip: '10.244.0.3', app: 'netshoot' },
        ],
      },
      {
        name: 'node01',
        pods: [{ name: 'coredns-76f75df574-rw2zk', ip: '10.244.1.2', ...dns }, ...names.map((name, i) => ({ name, ip: `10.244.1.${3 + i}`, app: 'nginx' }))],
      },
    ],
    [
      service('kubernetes', 'default', '10.96.0.1', '443/TCP', ['']),
      service('kube-dns', 'kube-system', '10.96.0.10', '53/UDP,53/TCP,9153/TCP', [
        podId('controlplane', 'coredns-76f75df574-9wxcp', 'kube-system'),
        podId('node01', 'coredns-76f75df574-rw2zk', 'kube-system'),
      ]),
      service(
        'web-service',
        'default',
        '10.97.253.216',
        '80/TCP',
        names.map((name) => podId('node01', name)),
      ),
    ],
  );
}

interface Stop {
  readonly place: string;
  readonly step: Step;
  readonly title: string;
  readonly layers?: readonly Layer[];
}

const origin = { component: 'test', objects: [] };
const route = (text: string): Step => ({
  kind: 'routed',
  route: { text, table: 254, prefixLength: 24, origin },
  decision: 'forward',
  device: text.split(' dev ')[1]?.split(' ')[0] ?? '',
});

interface Conversation {
  readonly id: number;
  readonly label: string;
  readonly protocol: string;
  readonly family: HopView['family'];
  readonly startNs: number;
  readonly stops: readonly Stop[];
}

let unique = 0;

/** Hops of one packet. */
export function hopsOf(one: Conversation): HopView[] {
  return one.stops.map((stop, index) => {
    unique += 1;
    const [netns = ''] = stop.place.split(/#|\/device\//);
    const layers = stop.layers ?? [];
    const dropped = stop.step.kind === 'dropped';
    return {
      event: {
        seq: unique,
        timeNs: one.startNs + index * 1800,
        packetId: one.id,
        causeSeq: -1,
        hostId: netns.split('/')[0] ?? '',
        netns,
        device: '',
        step: stop.step,
        layers,
        mark: 0,
      },
      place: stop.place,
      protocol: one.protocol,
      family: dropped ? 'drop' : layers.some((layer) => layer.protocol === 'vxlan') ? 'tunnel' : one.family,
      source: '10.244.0.3:41822',
      destination: '10.97.253.216:80',
      lengthBytes: 74,
      label: one.label,
      where: stop.place,
      title: stop.title,
      summary: stop.title,
      why: [{ text: stop.title }, { text: ' because the table says so.' }],
      background: one.family === 'l2',
      rules: [],
      hop: index + 1,
      hops: one.stops.length,
    };
  });
}

const tcp = (flags: string, reply: boolean): Layer => ({
  protocol: 'tcp',
  sport: reply ? 80 : 41822,
  dport: reply ? 41822 : 80,
  flags,
  seq: 1,
  ack: 0,
  window: 64860,
  options: '',
  payloadBytes: 0,
});
const ip = (src: string, dst: string): Layer => ({
  protocol: 'ipv4',
  src,
  dst,
  ttl: 63,
  tos: 0,
  id: 1,
  flags: 'DF',
  fragmentOffset: 0,
  totalBytes: 60,
  ipProtocol: 6,
});
const outer: readonly Layer[] = [
  { protocol: 'ethernet', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02', etherType: 2048 },
  ip('172.30.1.2', '172.30.2.2'),
  { protocol: 'udp', sport: 39104, dport: 8472, lengthBytes: 90 },
  { protocol: 'vxlan', vni: 1 },
];

const rootOf = (host: string) => `${host}/netns/root`;
const dev = (netns: string, name: string) => `${netns}/device/${name}`;

/** From a pod on one node to a pod on the other, through the overlay. `drop` ends it at the far node's FORWARD hook. */
export function crossing(
  from: string,
  fromHost: string,
  fromVeth: string,
  to: string,
  toHost: string,
  toVeth: string,
  layers: readonly Layer[],
  nat: Step | undefined,
  drop = false,
): Stop[] {
  const a = rootOf(fromHost);
  const b = rootOf(toHost);
  const wrapped = [...outer, ...layers];
  const stops: Stop[] = [
    { place: from, step: { kind: 'created', by: 'curl', summary: '' }, title: 'sent', layers },
    { place: `${from}#route`, step: route('default via 10.244.0.1 dev eth0'), title: 'routed to eth0', layers },
    { place: dev(from, 'eth0'), step: { kind: 'transmitted' }, title: 'through the veth pair', layers },
    { place: dev(a, fromVeth), step: { kind: 'received' }, title: 'out of the veth pair', layers },
    {
      place: dev(a, 'cni0'),
      step: { kind: 'bridged', bridge: 'cni0', fromPort: fromVeth, to: ['cni0'], how: 'local' },
      title: 'handed up by the bridge',
      layers,
    },
    {
      place: `${a}#PREROUTING`,
      step: nat ?? { kind: 'matched', hook: 'PREROUTING', table: 'nat', verdict: 'ACCEPT' },
      title: nat === undefined ? 'PREROUTING lets it pass' : 'DNAT to 10.244.1.4:80',
      layers,
    },
    { place: `${a}#route`, step: route('10.244.1.0/24 via 10.244.1.0 dev flannel.1'), title: 'routed to flannel.1', layers },
    { place: `${a}#FORWARD`, step: { kind: 'matched', hook: 'FORWARD', table: 'filter', verdict: 'ACCEPT' }, title: 'forward allowed', layers },
    { place: `${a}#POSTROUTING`, step: { kind: 'matched', hook: 'POSTROUTING', table: 'nat', verdict: 'ACCEPT' }, title: 'no masquerade', layers },
    {
      place: dev(a, 'flannel.1'),
      step: { kind: 'encapsulated', protocol: 'vxlan', vni: 1, localIp: '172.30.1.2', remoteIp: '172.30.2.2', overheadBytes: 50 },
      title: 'encapsulated by flannel.1',
      layers: wrapped,
    },
    { place: dev(a, 'eth0'), step: { kind: 'transmitted' }, title: 'out of eth0', layers: wrapped },
    { place: dev('underlay/netns/root', `p-${fromHost}`), step: { kind: 'received' }, title: 'into the underlay', layers: wrapped },
    {
      place: dev('underlay/netns/root', 'br0'),
      step: { kind: 'bridged', bridge: 'br0', fromPort: `p-${fromHost}`, to: [`p-${toHost}`], how: 'fdb' },
      title: 'switched',
      layers: wrapped,
    },
    { place: dev('underlay/netns/root', `p-${toHost}`), step: { kind: 'transmitted' }, title: 'out of the underlay', layers: wrapped },
    { place: dev(b, 'eth0'), step: { kind: 'received' }, title: 'into eth0', layers: wrapped },
    { place: `${b}#INPUT`, step: { kind: 'matched', hook: 'INPUT', table: 'filter', verdict: 'ACCEPT' }, title: 'for this host', layers: wrapped },
    { place: dev(b, 'flannel.1'), step: { kind: 'decapsulated', protocol: 'vxlan', vni: 1 }, title: 'unwrapped by flannel.1', layers },
    { place: `${b}#PREROUTING`, step: { kind: 'matched', hook: 'PREROUTING', table: 'nat', verdict: 'ACCEPT' }, title: 'PREROUTING lets it pass', layers },
    { place: `${b}#route`, step: route('10.244.1.0/24 dev cni0'), title: 'routed to cni0', layers },
  ];
  if (drop)
    return [
      ...stops,
      { place: `${b}#FORWARD`, step: { kind: 'dropped', reason: 'NETFILTER_DROP', detail: 'a rule of FORWARD' }, title: 'dropped in FORWARD', layers },
    ];
  return [
    ...stops,
    { place: `${b}#FORWARD`, step: { kind: 'matched', hook: 'FORWARD', table: 'filter', verdict: 'ACCEPT' }, title: 'forward allowed', layers },
    { place: `${b}#POSTROUTING`, step: { kind: 'matched', hook: 'POSTROUTING', table: 'nat', verdict: 'ACCEPT' }, title: 'no masquerade', layers },
    { place: dev(b, 'cni0'), step: { kind: 'bridged', bridge: 'cni0', fromPort: '', to: [toVeth], how: 'fdb' }, title: 'bridged to its port', layers },
    { place: dev(b, toVeth), step: { kind: 'transmitted' }, title: 'into the veth pair', layers },
    { place: dev(to, 'eth0'), step: { kind: 'received' }, title: 'into the pod', layers },
    { place: to, step: { kind: 'delivered', to: 'socket' }, title: 'delivered', layers },
  ];
}

const client = podId('controlplane', 'client');
const web = podId('node01', webPods[1]);
const clientVeth = 'vethaaaaaaa2';
const webVeth = 'vethaaaaaaa3';

/** SYN, SYN-ACK, ACK, GET and 200 OK between `client` and a web pod. */
export function curlHops(): HopView[] {
  const dnat: Step = { kind: 'translated', how: 'DNAT', field: 'destination', before: '10.97.253.216:80', after: '10.244.1.4:80' };
  const request = (flags: string) => [ip('10.244.0.3', '10.244.1.4'), tcp(flags, false)];
  const answer = (flags: string) => [ip('10.244.1.4', '10.244.0.3'), tcp(flags, true)];
  const there = (id: number, label: string, flags: string, family: HopView['family'], startNs: number, nat?: Step) =>
    hopsOf({ id, label, protocol: 'TCP', family, startNs, stops: crossing(client, 'controlplane', clientVeth, web, 'node01', webVeth, request(flags), nat) });
  const back = (id: number, label: string, flags: string, family: HopView['family'], startNs: number) =>
    hopsOf({
      id,
      label,
      protocol: 'TCP',
      family,
      startNs,
      stops: crossing(web, 'node01', webVeth, client, 'controlplane', clientVeth, answer(flags), undefined),
    });
  return [
    ...there(1, 'SYN :80', 'S', 'l4', 30_000, dnat),
    ...back(2, 'SYN-ACK', 'S.', 'l4', 90_000),
    ...there(3, 'ACK', '.', 'l4', 150_000),
    ...there(4, 'GET /', 'P.', 'l7', 210_000),
    ...back(5, '200 OK', 'P.', 'l7', 270_000),
  ];
}

export function dropHops(): HopView[] {
  const layers = [ip('10.244.0.3', '10.244.1.4'), tcp('S', false)];
  return hopsOf({
    id: 9,
    label: 'SYN :5432',
    protocol: 'TCP',
    family: 'l4',
    startNs: 0,
    stops: crossing(client, 'controlplane', clientVeth, web, 'node01', webVeth, layers, undefined, true),
  });
}

/** Many packets on their way at once, their hops interleaved. */
export function crowdHops(packets: number): HopView[] {
  const lives = Array.from({ length: packets }, (_, id) => {
    const layers = [ip('10.244.0.3', '10.244.1.4'), tcp(id % 2 === 0 ? 'P.' : '.', id % 3 === 0)];
    const stops =
      id % 2 === 0
        ? crossing(client, 'controlplane', clientVeth, web, 'node01', webVeth, layers, undefined)
        : crossing(web, 'node01', webVeth, client, 'controlplane', clientVeth, layers, undefined);
    return hopsOf({ id: 1000 + id, label: `data ${id}`, protocol: 'TCP', family: id % 3 === 0 ? 'l7' : 'l4', startNs: 0, stops });
  });
  const hops: HopView[] = [];
  // Each starts a little after the one before it, so that they are spread over the whole way.
  const length = lives[0]?.length ?? 0;
  for (let tick = 0; tick < packets + length * 40; tick += 1) {
    lives.forEach((life, id) => {
      const at = tick - id;
      const hop = at >= 0 && at % 8 === 0 ? life[at / 8] : undefined;
      if (hop !== undefined) hops.push(hop);
    });
  }
  return hops.map((hop, index) => ({ ...hop, event: { ...hop.event, seq: index, timeNs: index * 100 } }));
}
