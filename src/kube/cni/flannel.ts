/** flannel: a VXLAN device or plain routes between nodes, and the rules that keep pod traffic from being masqueraded inside the cluster. */

import { compileGoRegexp, matchGoRegexp } from '../../base/go-regexp.ts';
import type { Origin } from '../../base/origin.ts';
import { formatIp, inPrefix, ipOf, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Chain, NetRecord, Route, VxlanDevice, WireguardDevice } from '../../net/records.ts';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import type { ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, underlayOf } from '../node/cluster-network.ts';
import { address6, gatewayRoute, kernelRoutes } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, DEVICE_INDEX, deviceId, FLANNEL6_INDEX, fdbId, neighborId, rootNetnsId } from '../node/record-ids.ts';
import { digest64 } from '../pod/identity.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import type { Bridge, BridgeOptions } from './bridge.ts';
import { attachToBridge, makeBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';
import { daemonNodes, daemonsOf } from './daemons.ts';
import type { Delegate, FlannelConfig, FlannelParse, VxlanBackend, WireguardBackend } from './flannel-config.ts';
import { delegateOf, parseDelegate, parseNetConf, parsePortmap } from './flannel-config.ts';
import { portmapOf } from './net-conf.ts';
import type { Portmap } from './portmap.ts';
import { hostRoute } from './ptp.ts';

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
  /** What the others are told: the node's address, unless somebody has said another. */
  readonly publicIp: string;
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

const ANNOTATIONS = 'flannel.alpha.coreos.com/';

/** An annotation of the Node counts most, then the daemon's flag. flannel: pkg/subnet/kube, AcquireLease; pkg/ipmatch */
function publicIpOf(node: ClusterNode, side: Side, ip: string, view: StoreView): string {
  const suffix = side === 'six' ? 'v6' : '';
  const overwrite = view.find(node.key)?.metadata.annotations?.[`${ANNOTATIONS}public-ip${suffix}-overwrite`];
  if (overwrite !== undefined && parseIp(overwrite) !== undefined) return overwrite;
  const daemon = daemonsOf(NAME, view).get(node.name)?.pod;
  const flag = daemon === undefined ? undefined : flagOf(daemon, side === 'six' ? 'public-ipv6' : 'public-ip');
  if (flag !== undefined && parseIp(flag) !== undefined) return flag;
  return daemon !== undefined && side === 'four' && flagOf(daemon, 'iface') === 'lo' ? '127.0.0.1' : ip;
}

/** The lease of a node; `failure`: flanneld's words where it gets none. */
function leaseOf(node: ClusterNode, config: FlannelConfig, view: StoreView): Lease | { readonly failure: string } {
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
    halves[side] = { ip, publicIp: publicIpOf(node, side, ip, view), podCidr };
  }
  return { node, ...halves };
}

/** The other nodes on which flannel runs and has a lease. */
function otherLeases(site: CniSite, config: FlannelConfig): Lease[] {
  return daemonNodes(NAME, site.view).flatMap((name) => {
    if (name === site.node.name) return [];
    const node = findNode(name, site.view);
    const lease = node === undefined ? undefined : leaseOf(node, config, site.view);
    return lease === undefined || 'failure' in lease ? [] : [lease];
  });
}

/** The network's address, which a node's flannel.1 has with /32: traffic of the node itself to remote pods gets it as source. */
const vtepIp = (half: Half): string => half.podCidr.slice(0, half.podCidr.indexOf('/'));
const vxlanName = (backend: VxlanBackend, side: Side): string => `flannel${side === 'six' ? '-v6' : ''}.${backend.vni}`;

/** What a packet grows by, where flannel takes the larger header for granted. */
const OVERHEAD_BYTES = { vxlan: ENCAPSULATION_BYTES, wireguard: 80, ipip: 20, 'host-gw': 0 } as const;

function podMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return (('mtuBytes' in backend ? backend.mtuBytes : undefined) ?? cardMtu(site)) - OVERHEAD_BYTES[backend.type];
}

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;

/** What the kernel makes of a tunnel's MTU when it is created: never more than the card can carry. Linux: drivers/net/vxlan, vxlan_config_apply. */
const tunnelMtu = (site: CniSite, backend: VxlanBackend, side: Side): number =>
  Math.min(podMtu(site, backend), cardMtu(site) - (side === 'six' ? ENCAPSULATION6_BYTES : ENCAPSULATION_BYTES));

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
      records.push(gatewayRoute(netns, there.podCidr, there.publicIp, 'eth0', toOther));
      continue;
    }
    const mac = macFromName(deviceId(rootNetnsId(other.node.name), name));
    const gateway = vtepIp(there);
    records.push(
      { kind: 'neighbor', id: neighborId(netns, name, gateway), origin: toOther, netns, device: name, ip: gateway, mac, state: 'PERMANENT' },
      { kind: 'fdb', id: fdbId(netns, name, mac, there.publicIp), origin: toOther, netns, device: name, mac, dst: there.publicIp, state: 'permanent' },
      gatewayRoute(netns, there.podCidr, gateway, name, toOther, 'boot', true),
    );
  }
  return records;
}

function onUnderlay(site: CniSite, half: Half, side: Side): boolean {
  const underlay = underlayOf(site.view);
  const prefix = side === 'four' ? parseIpPrefix(underlay.cidr) : underlay.six?.prefix;
  return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ipOf(half.publicIp));
}

/** flannel: pkg/backend/hostgw: the other node is the gateway to its pods, which works only inside one subnet. */
function renderHostGateway(site: CniSite, own: Lease, others: readonly Lease[], side: Side, origin: Origin): Route[] {
  return others.flatMap((other) => {
    const there = other[side];
    if (there === undefined || !onUnderlay(site, there, side)) return [];
    return [gatewayRoute(rootNetnsId(own.node.name), there.podCidr, there.publicIp, 'eth0', { component: NAME, objects: [other.node.key, ...origin.objects] })];
  });
}

/** flannel: pkg/backend/ipip: a device without a remote end, which the gateway of each route gives. */
function renderIpip(site: CniSite, directRouting: boolean, own: Lease, others: readonly Lease[], origin: Origin): NetRecord[] {
  const half = own.four;
  if (half === undefined) return [];
  const netns = rootNetnsId(own.node.name);
  const id = deviceId(netns, IPIP_DEVICE);
  return [
    {
      ...tunnelBase(site, { type: 'ipip', directRouting }, id, IPIP_DEVICE, origin),
      addresses: [{ ip: vtepIp(half), prefixLength: 32, scope: 'global' }],
      type: 'ipip',
      localIp: half.ip,
      ttl: 'inherit',
      tos: 0,
      pathMtuDiscovery: false,
    },
    ...others.flatMap(({ node, four: there }) => {
      if (there === undefined) return [];
      const toOther: Origin = { component: NAME, objects: [node.key, ...origin.objects] };
      const direct = directRouting && onUnderlay(site, there, 'four');
      return [gatewayRoute(netns, there.podCidr, there.publicIp, direct ? 'eth0' : IPIP_DEVICE, toOther, 'boot', true)];
    }),
  ];
}
const IPIP_DEVICE = 'flannel.ipip';

function tunnelBase(site: CniSite, backend: FlannelConfig['backend'], id: string, name: string, origin: Origin) {
  const netns = rootNetnsId(site.node.name);
  const index = name.endsWith('-v6') ? FLANNEL6_INDEX : DEVICE_INDEX['flannel.1'];
  return { kind: 'device', id, origin, netns, name, index, mac: macFromName(id), mtuBytes: podMtu(site, backend), up: true } as const;
}

/** A key that stands for its node and device, as long as a real one. */
export const wireguardKey = (node: string, device: string): string =>
  bytesToBase64(Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digest64(`wireguard ${node} ${device}`).slice(2 * i, 2 * i + 2), 16)));

const WIREGUARD = { four: 'flannel-wg', six: 'flannel-wg-v6' } as const;

/** flannel: pkg/backend/wireguard: one device whose peers are the other nodes, by their ranges; one route to all of them. */
function renderWireguard(site: CniSite, backend: WireguardBackend, config: FlannelConfig, own: Lease, others: readonly Lease[], origin: Origin): NetRecord[] {
  const netns = rootNetnsId(own.node.name);
  const families = FAMILIES.filter((side) => own[side] !== undefined);
  const devices = backend.mode === 'separate' ? families.map((side) => ({ side, sides: [side] })) : [{ side: 'four' as const, sides: families }];
  return devices.flatMap(({ side, sides }): NetRecord[] => {
    const name = WIREGUARD[side];
    const id = deviceId(netns, name);
    const port = side === 'six' ? backend.port6 : backend.port;
    const outer = backend.mode === 'separate' ? side : backend.mode === 'ipv6' ? 'six' : 'four';
    const device: WireguardDevice = {
      ...tunnelBase(site, backend, id, name, origin),
      addresses: sides.map((one) =>
        one === 'four' ? { ip: vtepIp(own.four as Half), prefixLength: 32, scope: 'global' } : address6(vtepIp(own.six as Half), 128),
      ),
      type: 'wireguard',
      listenPort: port,
      publicKey: wireguardKey(own.node.name, name),
      peers: others.flatMap((other) => {
        const end = (other[outer] ?? other.four ?? other.six)?.publicIp;
        const allowedIps = sides.flatMap((one) => other[one]?.podCidr ?? []);
        if (end === undefined || allowedIps.length === 0) return [];
        return [
          {
            publicKey: wireguardKey(other.node.name, name),
            endpoint: end.includes(':') ? `[${end}]:${port}` : `${end}:${port}`,
            allowedIps,
            ...(backend.keepaliveSeconds > 0 ? { keepaliveSeconds: backend.keepaliveSeconds } : {}),
          },
        ];
      }),
    };
    return [
      device,
      ...sides.flatMap((one) => {
        const network = config[one]?.text;
        return network === undefined ? [] : [hostRoute(netns, network, name, origin, one === 'four' ? 'link' : 'global')];
      }),
      ...(sides.includes('six') ? kernelRoutes(device) : []),
    ];
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

/** What flanneld was started with for this flag: '' where it stands without a value. */
function flagOf(daemon: Pod, name: string): string | undefined {
  for (const container of daemon.spec.containers) {
    for (const word of [...(container.command ?? []), ...(container.args ?? [])]) {
      if (!word.startsWith('-')) continue;
      const [, flag, value = ''] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      if (flag === name) return value;
    }
  }
  return undefined;
}

/** `--flag=false` switches it off. */
function hasFlag(site: CniSite, name: string, fallback: boolean): boolean {
  const value = site.daemon === undefined ? undefined : flagOf(site.daemon, name);
  return value === undefined ? fallback : value !== 'false';
}

/** Nodes have one card beside loopback. flannel: main.go, pkg/ipmatch, LookupExtIface */
function interfaceFailure({ node, daemon }: CniSite): string | undefined {
  if (daemon === undefined) return undefined;
  const [iface, regex] = [flagOf(daemon, 'iface'), flagOf(daemon, 'iface-regex')];
  const publicIp = flagOf(daemon, 'public-ip') ?? '';
  if (publicIp !== '' && parseIp(publicIp) === undefined) return `Failed to find any valid interface to use: invalid public IP address: ${publicIp}`;
  if ((iface ?? '') === '' && (regex ?? '') === '') return undefined;
  const own = new Set(['eth0', 'lo', node.ip, node.ip6]);
  const compiled = (regex ?? '') === '' ? undefined : compileGoRegexp(regex ?? '');
  const matches = compiled?.ok === true && [node.ip ?? '', 'eth0'].some((text) => matchGoRegexp(compiled.regexp, text) !== undefined);
  return own.has(iface) || matches ? undefined : 'Failed to find interface to use that matches the interfaces and/or regexes provided';
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
  const interfaceProblem = interfaceFailure({ node, daemon: pod, view });
  if (interfaceProblem !== undefined) return interfaceProblem;
  const lease = leaseOf(node, netConf.config, view);
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
  const interfaceProblem = interfaceFailure(site);
  if (interfaceProblem !== undefined) return complaint(objectKey(daemon), interfaceProblem, 'flannel', 'spec.containers');
  const lease = leaseOf(site.node, netConf.config, site.view);
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

/** What flanneld tells the others by annotations of its Node; undefined where it gets no lease. flannel: pkg/subnet/kube, pkg/backend */
export function flannelAnnotations(site: CniSite): Readonly<Record<string, string>> | undefined {
  const found = joined(site);
  if ('records' in found) return undefined;
  const { config, lease } = found;
  const { backend } = config;
  const node = lease.node.name;
  const data = (side: Side): string => {
    if (backend.type === 'vxlan') {
      const mac = macFromName(deviceId(rootNetnsId(node), vxlanName(backend, side)));
      return JSON.stringify({ VNI: backend.vni, VtepMAC: mac });
    }
    return backend.type === 'wireguard' ? JSON.stringify({ PublicKey: wireguardKey(node, WIREGUARD[backend.mode === 'separate' ? side : 'four']) }) : 'null';
  };
  return {
    ...(lease.four === undefined ? {} : { [`${ANNOTATIONS}backend-data`]: data('four') }),
    [`${ANNOTATIONS}backend-type`]: backend.type,
    ...(lease.six === undefined ? {} : { [`${ANNOTATIONS}backend-v6-data`]: data('six') }),
    [`${ANNOTATIONS}kube-subnet-manager`]: 'true',
    ...(lease.four === undefined ? {} : { [`${ANNOTATIONS}public-ip`]: lease.four.publicIp }),
    ...(lease.six === undefined ? {} : { [`${ANNOTATIONS}public-ipv6`]: lease.six.publicIp }),
  };
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
    const tunnel =
      backend.type === 'wireguard'
        ? renderWireguard(site, backend, config, lease, others, origin)
        : backend.type === 'ipip'
          ? renderIpip(site, backend.directRouting, lease, others, origin)
          : [];
    const records = FAMILIES.flatMap((side): NetRecord[] => [
      ...(side === 'four' ? tunnel : []),
      ...(backend.type === 'vxlan' ? renderVxlan(site, backend, lease, others, side, origin) : []),
      ...(backend.type === 'host-gw' ? renderHostGateway(site, lease, others, side, origin) : []),
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
