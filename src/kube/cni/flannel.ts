/** flannel: a VXLAN device or plain routes between nodes, and the rules that keep pod traffic from being masqueraded inside the cluster. */
import type { Origin } from '../../base/origin.ts';
import { formatIp, inPrefix, ipOf, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Chain, NetRecord, Route, VxlanDevice } from '../../net/records.ts';
import type { ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, underlayOf } from '../node/cluster-network.ts';
import { address6, gatewayRoute, kernelRoutes } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, DEVICE_INDEX, deviceId, FLANNEL6_INDEX, fdbId, neighborId, rootNetnsId } from '../node/record-ids.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import type { Bridge, BridgeOptions } from './bridge.ts';
import { attachToBridge, makeBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';
import { daemonNodes } from './daemons.ts';
import type { Delegate, FlannelConfig, FlannelParse, VxlanBackend } from './flannel-config.ts';
import { delegateOf, parseDelegate, parseNetConf, parsePortmap } from './flannel-config.ts';
import { portmapOf } from './net-conf.ts';
import type { Portmap } from './portmap.ts';

const NAME = 'flannel';
const NET_CONF = 'net-conf.json';
const CNI_CONF = 'cni-conf.json';
const ENCAPSULATION_BYTES = 50;
/** With an outer header of IPv6. */
const ENCAPSULATION6_BYTES = 70;
/** What flannel does with a node: join it to the others through a lease, which is its pod range and address. */
interface Lease {
  readonly node: ClusterNode;
  readonly four: Half | undefined;
  readonly six: Half | undefined;
}
/** A lease in one family: the node's address and its pod range. */
interface Half {
  readonly ip: string;
  readonly podCidr: string;
}
const FAMILIES = ['four', 'six'] as const;
type Side = (typeof FAMILIES)[number];

interface FlannelFiles {
  readonly netConf: FlannelParse;
  readonly delegate: Delegate;
  readonly portmap: Portmap | undefined;
}
const NOTHING_MOUNTED: FlannelFiles = {
  netConf: { ok: false, failure: 'Failed to create SubnetManager: failed to read net conf: open /etc/kube-flannel/net-conf.json: no such file or directory' },
  delegate: parseDelegate(undefined),
  portmap: parsePortmap(undefined),
};
const parsed = new WeakMap<ConfigMap, FlannelFiles>();

const configMapOf = (site: CniSite): ConfigMap | undefined => (site.daemon === undefined ? undefined : mountedConfigMap(site.daemon, NET_CONF, site.view));

function filesOf(site: CniSite): FlannelFiles {
  const map = configMapOf(site);
  if (map === undefined) return NOTHING_MOUNTED;
  let files = parsed.get(map);
  if (files === undefined) {
    files = { netConf: parseNetConf(map.data?.[NET_CONF] ?? ''), delegate: parseDelegate(map.data?.[CNI_CONF]), portmap: parsePortmap(map.data?.[CNI_CONF]) };
    parsed.set(map, files);
  }
  return files;
}

/** The lease of a node; `failure`: flanneld's words where it gets none. */
function leaseOf(node: ClusterNode, config: FlannelConfig): Lease | { readonly failure: string } {
  const halves: { four: Half | undefined; six: Half | undefined } = { four: undefined, six: undefined };
  for (const side of FAMILIES) {
    const wanted = config[side];
    if (wanted === undefined) continue;
    const [ip, podCidr] = side === 'four' ? [node.ip, node.podCidr] : [node.ip6, node.podCidr6];
    const range = parseIpPrefix(podCidr ?? '');
    const network = parseIpPrefix(wanted.text);
    if (ip === undefined || podCidr === undefined || range === undefined || network === undefined)
      return { failure: `node "${node.name}" pod cidr not assigned` };
    if (range.prefixLength < network.prefixLength || !inPrefix(network.network, network.prefixLength, range.network)) {
      const name = side === 'four' ? 'subnet' : 'IPv6 subnet';
      return { failure: `${name} "${wanted.text}" specified in the flannel net config doesn't contain "${podCidr}" PodCIDR of the "${node.name}" node` };
    }
    halves[side] = { ip, podCidr };
  }
  return { node, ...halves };
}

/** The other nodes on which flannel runs and has a lease. */
function otherLeases(site: CniSite, config: FlannelConfig): Lease[] {
  return daemonNodes(NAME, site.view).flatMap((name) => {
    if (name === site.node.name) return [];
    const node = findNode(name, site.view);
    const lease = node === undefined ? undefined : leaseOf(node, config);
    return lease === undefined || 'failure' in lease ? [] : [lease];
  });
}

/** The network's address, which a node's flannel.1 has with /32: traffic of the node itself to remote pods gets it as source. */
const vtepIp = (half: Half): string => half.podCidr.slice(0, half.podCidr.indexOf('/'));
const vxlanName = (backend: VxlanBackend, side: Side): string => `flannel${side === 'six' ? '-v6' : ''}.${backend.vni}`;

function outerMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return (backend.type === 'vxlan' ? backend.mtuBytes : undefined) ?? cardMtu(site);
}

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;

/** What the kernel makes of a tunnel's MTU when it is created: never more than the card can carry. Linux: drivers/net/vxlan, vxlan_config_apply. */
const tunnelMtu = (site: CniSite, backend: VxlanBackend, side: Side): number =>
  Math.min(podMtu(site, backend), cardMtu(site) - (side === 'six' ? ENCAPSULATION6_BYTES : ENCAPSULATION_BYTES));

function podMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return outerMtu(site, backend) - (backend.type === 'vxlan' ? ENCAPSULATION_BYTES : 0);
}

/** flannel: pkg/backend/vxlan/vxlan_network.go: one route, one neighbor and one FDB entry per remote node. */
function renderVxlan(site: CniSite, backend: VxlanBackend, own: Lease, others: readonly Lease[], side: Side, origin: Origin): NetRecord[] {
  const half = own[side];
  if (half === undefined) return [];
  const netns = rootNetnsId(own.node.name);
  const name = vxlanName(backend, side);
  const id = deviceId(netns, name);
  const device: VxlanDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name,
    // Behind all that the addresses of the node's pods give.
    index: side === 'four' ? DEVICE_INDEX['flannel.1'] : FLANNEL6_INDEX,
    mac: macFromName(id),
    mtuBytes: tunnelMtu(site, backend, side),
    up: true,
    addresses: [side === 'four' ? { ip: vtepIp(half), prefixLength: 32, scope: 'global' } : address6(vtepIp(half), 128)],
    type: 'vxlan',
    vni: backend.vni,
    localIp: half.ip,
    underlay: deviceId(netns, 'eth0'),
    destinationPort: backend.port,
    learning: backend.learning,
  };
  const records: NetRecord[] = [device];
  if (side === 'six') records.push(...kernelRoutes(device));
  for (const other of others) {
    const there = other[side];
    if (there === undefined) continue;
    const toOther: Origin = { component: NAME, objects: [other.node.key, ...origin.objects] };
    if (backend.directRouting && onUnderlay(site, there, side)) {
      records.push(gatewayRoute(netns, there.podCidr, there.ip, 'eth0', toOther));
      continue;
    }
    const mac = macFromName(deviceId(rootNetnsId(other.node.name), name));
    const gateway = vtepIp(there);
    records.push(
      { kind: 'neighbor', id: neighborId(netns, name, gateway), origin: toOther, netns, device: name, ip: gateway, mac, state: 'PERMANENT' },
      { kind: 'fdb', id: fdbId(netns, name, mac, there.ip), origin: toOther, netns, device: name, mac, dst: there.ip, state: 'permanent' },
      gatewayRoute(netns, there.podCidr, gateway, name, toOther, 'boot', true),
    );
  }
  return records;
}

function onUnderlay(site: CniSite, half: Half, side: Side): boolean {
  const underlay = underlayOf(site.view);
  const prefix = side === 'four' ? parseIpPrefix(underlay.cidr) : underlay.six?.prefix;
  return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ipOf(half.ip));
}

/** flannel: pkg/backend/hostgw: the other node is the gateway to its pods, which works only inside one subnet. */
function renderHostGateway(site: CniSite, own: Lease, others: readonly Lease[], side: Side, origin: Origin): Route[] {
  return others.flatMap((other) => {
    const there = other[side];
    if (there === undefined || !onUnderlay(site, there, side)) return [];
    return [gatewayRoute(rootNetnsId(own.node.name), there.podCidr, there.ip, 'eth0', { component: NAME, objects: [other.node.key, ...origin.objects] })];
  });
}

const masq = '-m comment --comment "flanneld masq"';
const forward = '-m comment --comment "flanneld forward"';

/** flannel: pkg/trafficmngr/iptables, masqRules. */
function masqueradeRules(network: string, podCidr: string): Chain['rules'] {
  return [
    // kube-proxy has already decided about marked packets.
    `-m mark --mark 0x4000/0x4000 ${masq} -j RETURN`,
    `-s ${podCidr} -d ${network} ${masq} -j RETURN`,
    `-s ${network} -d ${podCidr} ${masq} -j RETURN`,
    `! -s ${network} -d ${podCidr} ${masq} -j RETURN`,
    `-s ${network} ! -d ${network.includes(':') ? 'ff00::/8' : '224.0.0.0/4'} ${masq} -j MASQUERADE --random-fully`,
    `! -s ${network} -d ${network} ${masq} -j MASQUERADE --random-fully`,
  ].map((text) => ({ text }));
}

/** flanneld was started with this flag; `--flag=false` switches it off. */
function hasFlag(site: CniSite, name: string, fallback: boolean): boolean {
  for (const container of site.daemon?.spec.containers ?? []) {
    for (const word of [...(container.command ?? []), ...(container.args ?? [])]) {
      const [flag, value] = word.replace(/^--?/, '').split('=');
      if (word.startsWith('-') && flag === name) return value !== 'false';
    }
  }
  return fallback;
}

function renderChains(site: CniSite, config: FlannelConfig, own: Lease, side: Side, origin: Origin): Chain[] {
  const half = own[side];
  const network = config[side]?.text;
  if (half === undefined || network === undefined) return [];
  const netns = rootNetnsId(own.node.name);
  const family = side === 'six' ? ({ family: 'ipv6' } as const) : {};
  const chain = (table: Chain['table'], name: string, rules: Chain['rules']): Chain => ({
    kind: 'chain',
    id: chainId(netns, table, name, family.family),
    origin,
    netns,
    ...family,
    table,
    name,
    rules,
  });
  return [
    ...(hasFlag(site, 'ip-masq', false) ? [chain('nat', 'FLANNEL-POSTRTG', masqueradeRules(network, half.podCidr))] : []),
    ...(hasFlag(site, 'iptables-forward-rules', true)
      ? [
          chain(
            'filter',
            'FLANNEL-FWD',
            [`-s ${network} ${forward} -j ACCEPT`, `-d ${network} ${forward} -j ACCEPT`].map((text) => ({ text })),
          ),
        ]
      : []),
  ];
}

function complaint(key: ObjectKey, message: string, code: string, path?: string): Rendering<NetRecord> {
  const severity = code === 'not-simulated' ? 'warning' : 'error';
  return { records: [], diagnostics: [{ key, ...(path === undefined ? {} : { path }), diagnostic: { severity, code, message } }] };
}

/** What flanneld of this pod logs before it exits, or undefined where it runs. */
export function flannelFailure(pod: Pod, node: ClusterNode, view: StoreView): string | undefined {
  const { netConf } = filesOf({ node, daemon: pod, view });
  if (!netConf.ok) return 'failure' in netConf ? netConf.failure : undefined;
  const lease = leaseOf(node, netConf.config);
  return 'failure' in lease ? leaseFailure(lease.failure) : undefined;
}

const leaseFailure = (words: string) => `Error registering network: failed to acquire lease: ${words}`;

/** Configuration and lease of the node, or what is said instead. */
function joined(site: CniSite): { readonly config: FlannelConfig; readonly lease: Lease; readonly origin: Origin } | Rendering<NetRecord> {
  const daemon = site.daemon;
  if (daemon === undefined) return { records: [] };
  const map = configMapOf(site);
  const { netConf } = filesOf(site);
  const key = map === undefined ? objectKey(daemon) : objectKey(map);
  const path = map === undefined ? 'spec.volumes' : `data["${NET_CONF}"]`;
  if (!netConf.ok) return 'failure' in netConf ? complaint(key, netConf.failure, 'flannel', path) : complaint(key, netConf.unsupported, 'not-simulated', path);
  const lease = leaseOf(site.node, netConf.config);
  if ('failure' in lease) return complaint(site.node.key, leaseFailure(lease.failure), 'flannel', 'spec.podCIDR');
  return { config: netConf.config, lease, origin: { component: NAME, objects: [key, objectKey(daemon)] } };
}

/** One bridge a site, which is one object for all pods of a node. */
const bridges = new WeakMap<CniSite, { readonly bridge: Bridge | undefined }>();

function bridgeOf(site: CniSite): Bridge | undefined {
  let known = bridges.get(site);
  if (known === undefined) {
    known = { bridge: makeBridge(bridgeOptions(site)) };
    bridges.set(site, known);
  }
  return known.bridge;
}

function bridgeOptions(site: CniSite): BridgeOptions {
  const { netConf, delegate: installed } = filesOf(site);
  const delegate = site.conf === undefined ? installed : delegateOf(site.conf.plugins);
  const config = netConf.ok ? netConf.config : undefined;
  const map = configMapOf(site);
  return {
    nodeName: site.node.name,
    podCidr: config?.four === undefined && config?.six !== undefined ? '' : (site.node.podCidr ?? ''),
    podCidr6: config?.six === undefined ? undefined : site.node.podCidr6,
    mtuBytes: podMtu(site, config?.backend ?? { type: 'host-gw' }),
    ...delegate,
    ...(config?.four === undefined ? {} : { clusterCidr: config.four.text }),
    clusterCidr6: config?.six?.text,
    origin: { component: 'cni-bridge', objects: [site.node.key, ...(map === undefined ? [] : [objectKey(map)])] },
  };
}

/** What flanneld writes for its plugin; undefined where it does not run. flannel: pkg/subnet/subnet.go, WriteSubnetFile */
export function flannelSubnetEnv(site: CniSite): string | undefined {
  const found = joined(site);
  if ('records' in found) return undefined;
  const { config, lease } = found;
  const lines: string[] = [];
  for (const side of FAMILIES) {
    const half = lease[side];
    const range = parseIpPrefix(half?.podCidr ?? '');
    if (half === undefined || range === undefined) continue;
    const prefix = side === 'six' ? 'FLANNEL_IPV6' : 'FLANNEL';
    const first = formatIp(typeof range.network === 'bigint' ? range.network + 1n : (range.network + 1) | 0);
    lines.push(`${prefix}_NETWORK=${config[side]?.text ?? ''}`, `${prefix}_SUBNET=${first}/${range.prefixLength}`);
  }
  lines.push(`FLANNEL_MTU=${podMtu(site, config.backend)}`, `FLANNEL_IPMASQ=${hasFlag(site, 'ip-masq', false)}`);
  return `${lines.join('\n')}\n`;
}

const UPSTREAM_CNI_CONF = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "flannel",
      "delegate": {
        "hairpinMode": true,
        "isDefaultGateway": true
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
`;

export const flannel = defineCni({
  name: NAME,
  role: 'flannel',
  configKeys: [NET_CONF, CNI_CONF],
  renderNode(site) {
    const found = joined(site);
    if ('records' in found) return found;
    const { config, lease, origin } = found;
    const others = otherLeases(site, config);
    const { backend } = config;
    const records = FAMILIES.flatMap((side): NetRecord[] => [
      ...(backend.type === 'vxlan' ? renderVxlan(site, backend, lease, others, side, origin) : renderHostGateway(site, lease, others, side, origin)),
      ...renderChains(site, config, lease, side, origin),
    ]);
    if (!config.nftables) return { records };
    const message = 'EnableNFTables is not simulated: flannel writes its iptables rules instead';
    return {
      records,
      diagnostics: [
        { key: origin.objects[0] ?? lease.node.key, path: `data["${NET_CONF}"]`, diagnostic: { severity: 'warning', code: 'not-simulated', message } },
      ],
    };
  },
  jumps(site) {
    const found = joined(site);
    if ('records' in found) return [];
    const jumps: BuiltInJump[] = [];
    for (const side of FAMILIES) {
      if (found.config[side] === undefined) continue;
      const family = side === 'six' ? ({ family: 'ipv6' } as const) : {};
      if (hasFlag(site, 'iptables-forward-rules', true)) jumps.push({ table: 'filter', from: 'FORWARD', text: `${forward} -j FLANNEL-FWD`, ...family });
      if (hasFlag(site, 'ip-masq', false)) jumps.push({ table: 'nat', from: 'POSTROUTING', text: `${masq} -j FLANNEL-POSTRTG`, ...family });
    }
    return jumps;
  },
  portmap: (site) => (site.conf === undefined ? filesOf(site).portmap : portmapOf(site.conf.name, site.conf.plugins)),
  netConf(site, { started }) {
    return started ? { name: '10-flannel.conflist', text: configMapOf(site)?.data?.[CNI_CONF] ?? UPSTREAM_CNI_CONF } : undefined;
  },
  renderPodNetwork(site) {
    const bridge = bridgeOf(site);
    return bridge === undefined ? [] : renderBridge(bridge);
  },
  attach(site, pod) {
    const bridge = bridgeOf(site);
    return bridge === undefined ? [] : attachToBridge(pod, bridge);
  },
});
