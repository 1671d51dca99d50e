/** The plugins bridge and ptp with host-local addresses as a file of /etc/cni/net.d asks for them: nothing joins the nodes but what the network below knows. CNI: plugins/main/{bridge,ptp} */
import type { Origin } from '../../base/origin.ts';
import { inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Chain, NetRecord } from '../../net/records.ts';
import { objectKey } from '../../objects/types.ts';
import { formatCidr, parseCidr } from '../addresses.ts';
import { underlayOf } from '../node/cluster-network.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { chainId, DEVICE_INDEX, rootNetnsId } from '../node/record-ids.ts';
import { digest64, sandboxId } from '../pod/identity.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import { attachToBridge, type Bridge, makeBridge, renderBridge } from './bridge.ts';
import { type Cni, type CniSite, defineCni } from './cni.ts';
import { fieldOf } from './go-json.ts';
import { ipamOf, mtuField, type NetConf, portmapOf } from './net-conf.ts';
import { attachPtp } from './ptp.ts';

/** Linux: what a new bridge and a new veth have. */
const DEFAULT_MTU = 1500;

/** ifindex of the first device; beside another CNI's, behind all that the addresses of its pods give. */
const firstIndex = (site: CniSite): number => (site.daemon === undefined ? DEVICE_INDEX.cni0 : 0x2000000);

const originObjects = (conf: NetConf, site: CniSite): Origin['objects'] => [site.node.key, ...(conf.file.by === undefined ? [] : [conf.file.by])];

/** One Cni a configuration. */
const made = new WeakMap<NetConf, Cni>();

/** What wires pods by this configuration; undefined where its first plugin is neither. */
export function referenceCni(conf: NetConf): Cni | undefined {
  const type = conf.plugins[0]?.type;
  if (type !== 'bridge' && type !== 'ptp') return undefined;
  let cni = made.get(conf);
  if (cni === undefined) {
    cni = type === 'bridge' ? bridgeCni(conf) : ptpCni(conf);
    made.set(conf, cni);
  }
  return cni;
}

function bridgeCni(conf: NetConf): Cni {
  const plugin = conf.plugins[0] ?? { type: 'bridge' };
  const ipam = ipamOf(plugin);
  const name = fieldOf(plugin, 'bridge');
  const defaultGateway = fieldOf(plugin, 'isDefaultGateway') === true;
  const bridges = new Map<string, Bridge | undefined>();
  const bridgeOn = (site: CniSite): Bridge | undefined => {
    const known = bridges.get(site.node.name);
    if (known !== undefined) return known;
    const [four, six] = [ipam.ranges.find(({ subnet }) => !subnet.includes(':')), ipam.ranges.find(({ subnet }) => subnet.includes(':'))];
    const bridge = makeBridge({
      nodeName: site.node.name,
      name: typeof name === 'string' && name !== '' ? name.slice(0, 15) : 'cni0',
      podCidr: four?.subnet ?? '',
      podCidr6: six?.subnet,
      gateway: four?.gateway,
      mtuBytes: mtuField(plugin) ?? DEFAULT_MTU,
      hairpin: fieldOf(plugin, 'hairpinMode') === true,
      defaultGateway,
      hasAddress: defaultGateway || fieldOf(plugin, 'isGateway') === true,
      routes: ipam.routes,
      firstIndex: firstIndex(site),
      origin: { component: 'cni-bridge', objects: originObjects(conf, site) },
    });
    bridges.set(site.node.name, bridge);
    return bridge;
  };
  return defineCni({
    ...common(conf),
    name: 'bridge',
    renderPodNetwork(site) {
      const bridge = bridgeOn(site);
      return [...(bridge === undefined ? [] : renderBridge(bridge)), ...masqueradeChains(conf, site)];
    },
    attach(site, pod) {
      const bridge = bridgeOn(site);
      return bridge === undefined ? [] : attachToBridge(pod, bridge);
    },
  });
}

function ptpCni(conf: NetConf): Cni {
  const plugin = conf.plugins[0] ?? { type: 'ptp' };
  const ipam = ipamOf(plugin);
  return defineCni({
    ...common(conf),
    name: 'ptp',
    renderPodNetwork: (site) => masqueradeChains(conf, site),
    attach: (site, pod): readonly NetRecord[] =>
      attachPtp(pod, {
        root: rootNetnsId(site.node.name),
        ranges: ipam.ranges,
        mtuBytes: mtuField(plugin) ?? site.node.mtuBytes ?? underlayOf(site.view).mtuBytes,
        routes: ipam.routes.map((route) => route.dst),
        objects: originObjects(conf, site),
        firstIndex: firstIndex(site),
      }),
  });
}

function common(conf: NetConf): Pick<Cni, 'configKeys' | 'renderNode' | 'jumps' | 'portmap'> {
  const portmap = portmapOf(conf.name, conf.plugins);
  return {
    configKeys: [],
    renderNode: () => ({ records: [] }),
    jumps: (site) => masqueradeJumps(conf, site),
    portmap: () => portmap,
  };
}

/** `ipMasq`: what pods send out of their range gets the node's address. CNI: pkg/ip/ipmasq_linux.go */
export const hasMasquerade = (conf: NetConf): boolean => fieldOf(conf.plugins[0] ?? {}, 'ipMasq') === true;

/** CNI: pkg/utils, FormatChainName: a prefix and 24 digits. */
const masqueradeChain = (conf: NetConf, pod: Pod): string => `CNI-${digest64(conf.name + sandboxId(pod.metadata.uid ?? ''))}`.slice(0, 28);
const commentOf = (conf: NetConf, pod: Pod): string => `-m comment --comment "name: \\"${conf.name}\\" id: \\"${sandboxId(pod.metadata.uid ?? '')}\\""`;
function pluggedIn(conf: NetConf, site: CniSite): readonly Pod[] {
  const range = parseIpPrefix(rangeOf(conf) ?? '');
  return podsOn(site.view, site.node.name).filter((pod) => {
    const ip = hasSandbox(pod) ? parseIp(pod.status?.podIP ?? '') : undefined;
    return range !== undefined && ip !== undefined && inPrefix(range.network, range.prefixLength, ip);
  });
}
const rangeOf = (conf: NetConf): string | undefined => ipamOf(conf.plugins[0] ?? {}).ranges.find(({ subnet }) => !subnet.includes(':'))?.subnet;

function masqueradeChains(conf: NetConf, site: CniSite): Chain[] {
  const range = parseCidr(rangeOf(conf) ?? '');
  if (!hasMasquerade(conf) || range === undefined) return [];
  const netns = rootNetnsId(site.node.name);
  return pluggedIn(conf, site).map((pod): Chain => {
    const name = masqueradeChain(conf, pod);
    return {
      kind: 'chain',
      id: chainId(netns, 'nat', name),
      origin: { component: `cni-${conf.plugins[0]?.type ?? ''}`, objects: [objectKey(pod), ...originObjects(conf, site)] },
      netns,
      table: 'nat',
      name,
      rules: [{ text: `-d ${formatCidr(range)} ${commentOf(conf, pod)} -j ACCEPT` }, { text: `! -d 224.0.0.0/4 ${commentOf(conf, pod)} -j MASQUERADE` }],
    };
  });
}

function masqueradeJumps(conf: NetConf, site: CniSite): BuiltInJump[] {
  if (!hasMasquerade(conf)) return [];
  return pluggedIn(conf, site).map((pod) => ({
    table: 'nat',
    from: 'POSTROUTING',
    text: `-s ${pod.status?.podIP}/32 ${commentOf(conf, pod)} -j ${masqueradeChain(conf, pod)}`,
  }));
}
