/** flannel: a VXLAN device or plain routes between nodes, and the rules that keep pod traffic from being masqueraded inside the cluster. */
import type { Origin } from '../../base/origin.ts';
import { formatIp, formatPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Chain, NetRecord } from '../../net/records.ts';
import type { ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, deviceId, rootNetnsId } from '../node/record-ids.ts';
import type { HostLocalStore } from '../pod/host-local-store.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import type { Bridge, BridgeOptions } from './bridge.ts';
import { attachToBridge, makeBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';
import { podMtu, renderHostGateway, renderIpip, renderVxlan, renderWireguard, WIREGUARD, wireguardKey } from './flannel-backends.ts';
import type { FlannelConfig } from './flannel-config.ts';
import { delegateOf, parseDelegate } from './flannel-config.ts';
import {
  ANNOTATIONS,
  CNI_CONF,
  configMapOf,
  FAMILIES,
  filesOf,
  hasFlag,
  interfaceFailure,
  type Lease,
  leaseOf,
  NAME,
  NET_CONF,
  otherLeases,
  type Side,
  vxlanName,
} from './flannel-lease.ts';
import { portmapOf } from './net-conf.ts';

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
  if (site.daemon === undefined) return leftBridge(site);
  const { netConf, delegate: installed } = filesOf(site);
  const delegate = site.conf === undefined ? installed : delegateOf(site.conf.plugins);
  const config = netConf.ok ? netConf.config : undefined;
  const map = configMapOf(site);
  const podCidr = config?.four === undefined && config?.six !== undefined ? '' : (site.node.podCidr ?? '');
  return {
    nodeName: site.node.name,
    ...addressOf(podCidr, site),
    podCidr6: config?.six === undefined ? undefined : site.node.podCidr6,
    mtuBytes: podMtu(site, config?.backend ?? { type: 'host-gw' }),
    ...delegate,
    ...(config?.four === undefined ? {} : { clusterCidr: config.four.text }),
    clusterCidr6: config?.six?.text,
    origin: { component: 'cni-bridge', objects: [site.node.key, ...(map === undefined ? [] : [objectKey(map)])] },
  };
}

/** A cni0 that another plugin has made keeps its address: new pods are refused then, and old ones stay on it. */
function addressOf(podCidr: string, site: CniSite): { readonly podCidr: string; readonly gateway?: string } {
  const kept = parseIpPrefix(site.view.find<HostLocalStore>(`HostLocalStore/${site.node.name}`)?.spec?.bridges?.cni0 ?? '');
  const own = parseIpPrefix(podCidr);
  if (kept === undefined || own === undefined || (kept.network === own.network && kept.prefixLength === own.prefixLength)) return { podCidr };
  return { podCidr: formatPrefix(kept.network, kept.prefixLength), gateway: formatIp(kept.address) };
}

/** flanneld has gone: its plugin reads what is on the disk. */
function leftBridge(site: CniSite): BridgeOptions {
  const store = site.view.find<HostLocalStore>(`HostLocalStore/${site.node.name}`)?.spec;
  const value = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(store?.subnetEnv ?? '')?.[1];
  const network = value('FLANNEL_NETWORK');
  return {
    nodeName: site.node.name,
    podCidr: network === undefined ? '' : (site.node.podCidr ?? ''),
    podCidr6: value('FLANNEL_IPV6_NETWORK') === undefined ? undefined : site.node.podCidr6,
    mtuBytes: Number(value('FLANNEL_MTU') ?? 1500),
    ...(site.conf === undefined ? parseDelegate(store?.netConfs?.['10-flannel.conflist']) : delegateOf(site.conf.plugins)),
    ...(network === undefined ? {} : { clusterCidr: network }),
    clusterCidr6: value('FLANNEL_IPV6_NETWORK'),
    origin: { component: 'cni-bridge', objects: [site.node.key] },
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
