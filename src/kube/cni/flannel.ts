/** flannel: a VXLAN device or plain routes between nodes, and the rules that keep pod traffic from being masqueraded inside the cluster. */
import type { Origin } from '../../base/origin.ts';
import { contains, ip4, parseCidr } from '../../net/addr/ip4.ts';
import type { Chain, NetRecord, Route, VxlanDevice } from '../../net/records.ts';
import type { ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, underlayOf } from '../node/cluster-network.ts';
import { gatewayRoute } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, DEVICE_INDEX, deviceId, fdbId, neighborId, rootNetnsId } from '../node/record-ids.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import type { Pod } from '../pod/types.ts';
import type { Bridge, BridgeOptions } from './bridge.ts';
import { attachToBridge, makeBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';
import { daemonNodes } from './daemons.ts';
import type { Delegate, FlannelConfig, FlannelParse, VxlanBackend } from './flannel-config.ts';
import { parseDelegate, parseNetConf } from './flannel-config.ts';

const NAME = 'flannel';
const NET_CONF = 'net-conf.json';
const CNI_CONF = 'cni-conf.json';
const ENCAPSULATION_BYTES = 50;
/** What flannel does with a node: join it to the others through a lease, which is its pod range and address. */
interface Lease {
  readonly node: ClusterNode;
  readonly ip: string;
  readonly podCidr: string;
}

interface FlannelFiles {
  readonly netConf: FlannelParse;
  readonly delegate: Delegate;
}
const NOTHING_MOUNTED: FlannelFiles = {
  netConf: { ok: false, failure: 'Failed to create SubnetManager: failed to read net conf: open /etc/kube-flannel/net-conf.json: no such file or directory' },
  delegate: parseDelegate(undefined),
};
const parsed = new WeakMap<ConfigMap, FlannelFiles>();

const configMapOf = (site: CniSite): ConfigMap | undefined => (site.daemon === undefined ? undefined : mountedConfigMap(site.daemon, NET_CONF, site.view));

function filesOf(site: CniSite): FlannelFiles {
  const map = configMapOf(site);
  if (map === undefined) return NOTHING_MOUNTED;
  let files = parsed.get(map);
  if (files === undefined) {
    files = { netConf: parseNetConf(map.data?.[NET_CONF] ?? ''), delegate: parseDelegate(map.data?.[CNI_CONF]) };
    parsed.set(map, files);
  }
  return files;
}

/** The lease of a node; `failure`: flanneld's words where it gets none. */
function leaseOf(node: ClusterNode, config: FlannelConfig): Lease | { readonly failure: string } {
  if (node.podCidr === undefined || node.ip === undefined) return { failure: `node "${node.name}" pod cidr not assigned` };
  const range = parseCidr(node.podCidr);
  if (
    range === undefined ||
    range.prefixLength < config.network.prefixLength ||
    !contains(config.network.network, config.network.prefixLength, range.network)
  ) {
    return {
      failure: `subnet "${config.networkText}" specified in the flannel net config doesn't contain "${node.podCidr}" PodCIDR of the "${node.name}" node`,
    };
  }
  return { node, ip: node.ip, podCidr: node.podCidr };
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
const vtepIp = (lease: Lease): string => lease.podCidr.slice(0, lease.podCidr.indexOf('/'));
const vxlanName = (backend: VxlanBackend): string => `flannel.${backend.vni}`;

function outerMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return (backend.type === 'vxlan' ? backend.mtuBytes : undefined) ?? cardMtu(site);
}

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;

/** What the kernel makes of a tunnel's MTU when it is created: never more than the card can carry. Linux: drivers/net/vxlan, vxlan_config_apply. */
const tunnelMtu = (site: CniSite, backend: VxlanBackend): number => Math.min(podMtu(site, backend), cardMtu(site) - ENCAPSULATION_BYTES);

function podMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return outerMtu(site, backend) - (backend.type === 'vxlan' ? ENCAPSULATION_BYTES : 0);
}

/** flannel: pkg/backend/vxlan/vxlan_network.go: one route, one neighbor and one FDB entry per remote node. */
function renderVxlan(site: CniSite, backend: VxlanBackend, own: Lease, others: readonly Lease[], origin: Origin): NetRecord[] {
  const netns = rootNetnsId(own.node.name);
  const name = vxlanName(backend);
  const id = deviceId(netns, name);
  const device: VxlanDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name,
    index: DEVICE_INDEX['flannel.1'],
    mac: macFromName(id),
    mtuBytes: tunnelMtu(site, backend),
    up: true,
    addresses: [{ ip: vtepIp(own), prefixLength: 32, scope: 'global' }],
    type: 'vxlan',
    vni: backend.vni,
    localIp: own.ip,
    underlay: deviceId(netns, 'eth0'),
    destinationPort: backend.port,
    learning: backend.learning,
  };
  const records: NetRecord[] = [device];
  const underlay = parseCidr(underlayOf(site.view).cidr);
  for (const other of others) {
    const toOther: Origin = { component: NAME, objects: [other.node.key, ...origin.objects] };
    if (backend.directRouting && underlay !== undefined && contains(underlay.network, underlay.prefixLength, ip4(other.ip))) {
      records.push(gatewayRoute(netns, other.podCidr, other.ip, 'eth0', toOther));
      continue;
    }
    const mac = macFromName(deviceId(rootNetnsId(other.node.name), name));
    const gateway = vtepIp(other);
    records.push(
      { kind: 'neighbor', id: neighborId(netns, name, gateway), origin: toOther, netns, device: name, ip: gateway, mac, state: 'PERMANENT' },
      { kind: 'fdb', id: fdbId(netns, name, mac, other.ip), origin: toOther, netns, device: name, mac, dst: other.ip, state: 'permanent' },
      gatewayRoute(netns, other.podCidr, gateway, name, toOther, 'boot', true),
    );
  }
  return records;
}

/** flannel: pkg/backend/hostgw: the other node is the gateway to its pods, which works only inside one subnet. */
function renderHostGateway(site: CniSite, own: Lease, others: readonly Lease[], origin: Origin): Route[] {
  const underlay = parseCidr(underlayOf(site.view).cidr);
  return others
    .filter((other) => underlay !== undefined && contains(underlay.network, underlay.prefixLength, ip4(other.ip)))
    .map((other) =>
      gatewayRoute(rootNetnsId(own.node.name), other.podCidr, other.ip, 'eth0', { component: NAME, objects: [other.node.key, ...origin.objects] }),
    );
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
    `-s ${network} ! -d 224.0.0.0/4 ${masq} -j MASQUERADE --random-fully`,
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

function renderChains(site: CniSite, config: FlannelConfig, own: Lease, origin: Origin): Chain[] {
  const netns = rootNetnsId(own.node.name);
  const chain = (table: Chain['table'], name: string, rules: Chain['rules']): Chain => ({
    kind: 'chain',
    id: chainId(netns, table, name),
    origin,
    netns,
    table,
    name,
    rules,
  });
  const network = config.networkText;
  return [
    ...(hasFlag(site, 'ip-masq', false) ? [chain('nat', 'FLANNEL-POSTRTG', masqueradeRules(network, own.podCidr))] : []),
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
  const { netConf, delegate } = filesOf(site);
  const config = netConf.ok ? netConf.config : undefined;
  const map = configMapOf(site);
  return {
    nodeName: site.node.name,
    podCidr: site.node.podCidr ?? '',
    mtuBytes: podMtu(site, config?.backend ?? { type: 'host-gw' }),
    ...delegate,
    ...(config === undefined ? {} : { clusterCidr: config.networkText }),
    origin: { component: 'cni-bridge', objects: [site.node.key, ...(map === undefined ? [] : [objectKey(map)])] },
  };
}

export const flannel = defineCni({
  name: NAME,
  role: 'flannel',
  configKeys: [NET_CONF, CNI_CONF],
  renderNode(site) {
    const found = joined(site);
    if ('records' in found) return found;
    const { config, lease, origin } = found;
    const others = otherLeases(site, config);
    const records = [
      ...(config.backend.type === 'vxlan' ? renderVxlan(site, config.backend, lease, others, origin) : renderHostGateway(site, lease, others, origin)),
      ...renderChains(site, config, lease, origin),
    ];
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
    return [
      ...(hasFlag(site, 'iptables-forward-rules', true) ? [{ table: 'filter', from: 'FORWARD', text: `${forward} -j FLANNEL-FWD` } as const] : []),
      ...(hasFlag(site, 'ip-masq', false) ? [{ table: 'nat', from: 'POSTROUTING', text: `${masq} -j FLANNEL-POSTRTG` } as const] : []),
    ];
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
