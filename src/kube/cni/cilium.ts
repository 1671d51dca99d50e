/** Cilium as a CNI: its devices and routes on a node, BPF programs on their hooks, and a /32 for each pod. Cilium v1.18: pkg/datapath/loader, pkg/datapath/linux/node.go, plugins/cilium-cni */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { contains, formatIp4, ip4, parseCidr } from '../../net/addr/ip4.ts';
import {
  type BpfProgram,
  bpfConfigId,
  bpfEndpointId,
  bpfProgramId,
  SOCKET_PROGRAMS,
  type SocketProgramName,
  type TcProgramName,
} from '../../net/bpf/bpf-records.ts';
import type { Device, NetRecord, Route, VethDevice } from '../../net/records.ts';
import type { Rendering } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, underlayOf } from '../node/cluster-network.ts';
import { gatewayRoute } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, deviceId, MAIN_TABLE, rootNetnsId, routeId } from '../node/record-ids.ts';
import { CILIUM, CILIUM_CONFIG_MAP, CILIUM_KEYS, type CiliumConfig, ciliumSettings } from './cilium-config.ts';
import { endpointNumbers } from './cilium-identity.ts';
import type { CniSite, PodSite } from './cni.ts';
import { defineCni } from './cni.ts';
import { joinedNodes } from './daemons.ts';

const ENCAPSULATION_BYTES = 50;
export const HOST_DEVICE = 'cilium_host';
const PEER_DEVICE = 'cilium_net';
export const overlayDevice = (config: CiliumConfig): 'cilium_vxlan' | 'cilium_geneve' => `cilium_${config.tunnel}`;
const CARD = 'eth0';
/** After lo and eth0; pods' wires come behind. */
const INDEX = { cilium_net: 3, cilium_host: 4, cilium_vxlan: 5, cilium_geneve: 5 } as const;
const FIRST_LXC_INDEX = 6;

/** The first address of a node's range is its cilium_host's, the gateway of its pods. */
export function routerIp(node: ClusterNode): string | undefined {
  const range = node.podCidr === undefined ? undefined : parseCidr(node.podCidr);
  return range === undefined || range.prefixLength > 30 ? undefined : formatIp4(range.network + 1);
}

/** Cilium: pkg/datapath/connector, Endpoint2IfName: `lxc` and twelve hexadecimal digits. */
export function lxcName(site: PodSite): string {
  const text = site.pod.metadata.uid ?? site.netns;
  const hex = (seed: number): string => hashText(text, seed).toString(16).padStart(8, '0');
  return `lxc${hex(1)}${hex(2)}`.slice(0, 15);
}

function originOf(site: CniSite): Origin {
  return { component: CILIUM, objects: [CILIUM_CONFIG_MAP, site.node.key, ...(site.daemon === undefined ? [] : [objectKey(site.daemon)])] };
}

function scopeRoute(netns: string, destination: string, device: string, origin: Origin, protocol: string): Route {
  return {
    kind: 'route',
    id: routeId(netns, destination),
    origin,
    netns,
    table: MAIN_TABLE,
    destination,
    type: 'unicast',
    device,
    protocol,
    scope: 'link',
    metric: 0,
    onlink: false,
  };
}

export function tcProgram(netns: string, device: string, direction: 'ingress' | 'egress', name: TcProgramName, origin: Origin): BpfProgram {
  return { kind: 'bpf-program', id: bpfProgramId(netns, device, direction), origin, netns, name, hook: `tcx/${direction}`, device };
}

function socketPrograms(netns: string, origin: Origin): BpfProgram[] {
  return (Object.keys(SOCKET_PROGRAMS) as SocketProgramName[]).map((name) => ({
    kind: 'bpf-program',
    id: bpfProgramId(netns, 'cgroup', name),
    origin,
    netns,
    name,
    hook: 'cgroup',
  }));
}

function devices(site: CniSite, config: CiliumConfig, router: string, origin: Origin): Device[] {
  const netns = rootNetnsId(site.node.name);
  const base = (name: keyof typeof INDEX) => {
    const id = deviceId(netns, name);
    const mtuBytes = site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;
    return { kind: 'device', id, origin, netns, name, index: INDEX[name], mac: macFromName(id), mtuBytes, up: true, addresses: [] } as const;
  };
  const pair: Device[] = [
    { ...base(PEER_DEVICE), type: 'veth', peer: deviceId(netns, HOST_DEVICE), noArp: true },
    { ...base(HOST_DEVICE), type: 'veth', peer: deviceId(netns, PEER_DEVICE), noArp: true, addresses: [{ ip: router, prefixLength: 32, scope: 'global' }] },
  ];
  if (config.routing === 'native') return pair;
  if (config.tunnel === 'geneve')
    return [...pair, { ...base('cilium_geneve'), type: 'geneve', vni: 0, remoteIp: '', destinationPort: config.tunnelPort, external: true }];
  return [
    ...pair,
    {
      ...base('cilium_vxlan'),
      type: 'vxlan',
      vni: 0,
      localIp: '',
      underlay: '',
      destinationPort: config.tunnelPort,
      learning: false,
      external: true,
    },
  ];
}

/** Cilium: pkg/datapath/linux/node.go: the node's own range and, in the tunnel, the others' lead to cilium_host, where a program takes over. */
function routes(site: CniSite, config: CiliumConfig, router: string, origin: Origin): Route[] {
  const { node, view } = site;
  const netns = rootNetnsId(node.name);
  const mtu = (node.mtuBytes ?? underlayOf(view).mtuBytes) - ENCAPSULATION_BYTES;
  const throughHost = (cidr: string, more: Partial<Route>): Route => ({
    ...gatewayRoute(netns, cidr, router, HOST_DEVICE, origin, 'kernel'),
    source: router,
    ...more,
  });
  const list: Route[] = [scopeRoute(netns, `${router}/32`, HOST_DEVICE, origin, 'kernel'), throughHost(node.podCidr ?? '', {})];
  const underlay = parseCidr(underlayOf(view).cidr);
  for (const name of joinedNodes(CILIUM, view)) {
    const other = name === node.name ? undefined : findNode(name, view);
    if (other?.podCidr === undefined || other.ip === undefined) continue;
    const toOther: Origin = { component: CILIUM, objects: [other.key, ...origin.objects] };
    if (config.routing === 'tunnel') list.push({ ...throughHost(other.podCidr, { mtuBytes: mtu }), origin: toOther });
    // Another subnet's node is not a next hop: somebody else must route there.
    else if (config.directRoutes && underlay !== undefined && contains(underlay.network, underlay.prefixLength, ip4(other.ip)))
      list.push(gatewayRoute(netns, other.podCidr, other.ip, CARD, toOther, 'kernel'));
  }
  return list;
}

function programs(netns: string, config: CiliumConfig, origin: Origin): BpfProgram[] {
  const tc = (device: string, direction: 'ingress' | 'egress', name: TcProgramName) => tcProgram(netns, device, direction, name, origin);
  return [
    tc(PEER_DEVICE, 'ingress', 'cil_to_host'),
    tc(HOST_DEVICE, 'ingress', 'cil_to_host'),
    tc(HOST_DEVICE, 'egress', 'cil_from_host'),
    ...(config.routing === 'tunnel' ? [tc(overlayDevice(config), 'ingress', 'cil_from_overlay'), tc(overlayDevice(config), 'egress', 'cil_to_overlay')] : []),
    tc(CARD, 'ingress', 'cil_from_netdev'),
    tc(CARD, 'egress', 'cil_to_netdev'),
    ...(config.socketLb === 'off' ? [] : socketPrograms(netns, origin)),
  ];
}

const POST_NAT = 'CILIUM_POST_nat';
const feeder = '-m comment --comment "cilium-feeder: CILIUM_POST_nat"';
/** What iptables masquerades: pods' packets to places that do not know pods. Cilium: pkg/datapath/iptables, installMasqueradeRules */
const masqueradeRule = (podCidr: string, excluded: string): string =>
  `-s ${podCidr} ! -d ${excluded} ! -o cilium_+ -m comment --comment "cilium masquerade non-cluster" -j MASQUERADE`;

function renderNode(site: CniSite): Rendering<NetRecord> {
  const { config, findings, failure } = ciliumSettings(site.view);
  const diagnostics = findings.map(({ key, severity, message }) => ({
    key: CILIUM_CONFIG_MAP,
    path: `data["${key}"]`,
    diagnostic: { severity, code: 'not-simulated', message },
  }));
  if (failure !== undefined)
    return {
      records: [],
      diagnostics: [...diagnostics, { key: CILIUM_CONFIG_MAP, path: 'data', diagnostic: { severity: 'error', code: 'cilium', message: failure } }],
    };
  const { node } = site;
  const router = routerIp(node);
  if (router === undefined || node.ip === undefined || node.podCidr === undefined) {
    const message = `required IPv4 PodCIDR not available on node "${node.name}"`;
    return { records: [], diagnostics: [...diagnostics, { key: node.key, path: 'spec.podCIDR', diagnostic: { severity: 'error', code: 'cilium', message } }] };
  }
  const netns = rootNetnsId(node.name);
  const origin = originOf(site);
  return {
    diagnostics,
    records: [
      ...devices(site, config, router, origin),
      ...routes(site, config, router, origin),
      ...programs(netns, config, origin),
      {
        kind: 'bpf-config',
        id: bpfConfigId(netns),
        origin,
        netns,
        routing: config.routing,
        hostRouting: config.hostRouting,
        nodePort: config.kubeProxyReplacement,
        socketLb: config.socketLb,
        masquerade: config.masquerade === 'bpf',
        ...(config.nativeRoutingCidr === undefined ? { nativeRoutingCidr: node.podCidr } : { nativeRoutingCidr: config.nativeRoutingCidr }),
        nodeIp: node.ip,
        routerIp: router,
        podCidr: node.podCidr,
        card: CARD,
        hostDevice: HOST_DEVICE,
        ...(config.routing === 'tunnel' ? { overlayDevice: overlayDevice(config) } : {}),
        nodePorts: config.nodePorts,
        noBackend: config.noBackend,
        dnsReject: config.dnsReject,
        ...(config.sctp ? { sctp: true as const } : {}),
      },
      ...(config.masquerade === 'iptables'
        ? [
            {
              kind: 'chain' as const,
              id: chainId(netns, 'nat', POST_NAT),
              origin,
              netns,
              table: 'nat' as const,
              name: POST_NAT,
              rules: [{ text: masqueradeRule(node.podCidr, config.nativeRoutingCidr ?? node.podCidr) }],
            },
          ]
        : []),
    ],
  };
}

/** Both ends of a pod's wire, its address and its way out. */
function attach(site: CniSite, pod: PodSite): NetRecord[] {
  const router = routerIp(site.node);
  const { config, failure } = ciliumSettings(site.view);
  // Endpoints have IPv4 addresses only.
  if (router === undefined || failure !== undefined || pod.ip === '') return [];
  const key = objectKey(pod.pod);
  const root = rootNetnsId(site.node.name);
  const origin: Origin = { component: 'cilium-cni', objects: [key, site.node.key, CILIUM_CONFIG_MAP] };
  const mtuBytes = site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;
  const name = lxcName(pod);
  const [hostId, podId] = [deviceId(root, name), deviceId(pod.netns, CARD)];
  const numbers = endpointNumbers(site.view);
  const range = parseCidr(site.node.podCidr ?? '');
  const offset = range !== undefined && contains(range.network, range.prefixLength, ip4(pod.ip)) ? ip4(pod.ip) - range.network : 0x1000000;
  const veth = (id: string, netns: string, device: string, peer: string, index: number): VethDevice => {
    return { kind: 'device', id, origin, netns, name: device, index, mac: macFromName(id), mtuBytes, up: true, addresses: [], type: 'veth', peer };
  };
  const eth0: VethDevice = { ...veth(podId, pod.netns, CARD, hostId, 2), addresses: [{ ip: pod.ip, prefixLength: 32, scope: 'global' }] };
  return [
    eth0,
    veth(hostId, root, name, podId, FIRST_LXC_INDEX + offset),
    scopeRoute(pod.netns, `${router}/32`, CARD, origin, 'boot'),
    {
      ...gatewayRoute(pod.netns, '0.0.0.0/0', router, CARD, origin),
      // The device takes whole frames of the network; what a pod sends must fit into a tunnel.
      ...(config.routing === 'tunnel' ? { mtuBytes: mtuBytes - ENCAPSULATION_BYTES } : {}),
    },
    tcProgram(root, name, 'ingress', 'cil_from_container', origin),
    {
      kind: 'bpf-endpoint',
      id: bpfEndpointId(root, pod.ip),
      origin,
      netns: root,
      ip: pod.ip,
      endpointId: numbers.endpoints.get(key) ?? 0,
      identity: numbers.identities.get(key) ?? 0,
      device: name,
      mac: eth0.mac,
    },
  ];
}

/** What the agent writes into /etc/cni/net.d. Cilium: plugins/cilium-cni/install */
const NET_CONF = `
{
  "cniVersion": "0.3.1",
  "name": "cilium",
  "plugins": [
    {
       "type": "cilium-cni",
       "enable-debug": false,
       "log-file": "/var/run/cilium/cilium-cni.log"
    }
  ]
}
`;

export const cilium = defineCni({
  name: CILIUM,
  role: CILIUM,
  configKeys: CILIUM_KEYS,
  // The init container apply-sysctl-overwrites: what a program redirects has another way back than the kernel would think.
  nodeSysctls: { 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.default.rp_filter': 0 },
  renderNode,
  jumps: (site) => {
    const { config, failure } = ciliumSettings(site.view);
    return config.masquerade === 'iptables' && failure === undefined ? [{ table: 'nat', from: 'POSTROUTING', text: `${feeder} -j ${POST_NAT}` }] : [];
  },
  renderPodNetwork: () => [],
  netConf: (_site, { running }) => (running ? { name: '05-cilium.conflist', text: NET_CONF } : undefined),
  attach,
});
