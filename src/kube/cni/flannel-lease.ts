/** What flanneld knows before it makes anything: its files and flags, its node's lease and those of the others. flannel: main.go, pkg/subnet/kube, pkg/ipmatch */
import { compileGoRegexp, matchGoRegexp } from '../../base/go-regexp.ts';
import { inPrefix, ipOf, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { StoreView } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, underlayOf } from '../node/cluster-network.ts';
import { NAT_CARD } from '../node/types.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import type { Pod } from '../pod/types.ts';
import type { CniSite } from './cni.ts';
import { daemonsOf, joinedNodes } from './daemons.ts';
import type { Delegate, FlannelConfig, FlannelParse, VxlanBackend } from './flannel-config.ts';
import { parseDelegate, parseNetConf, parsePortmap } from './flannel-config.ts';
import type { Portmap } from './portmap.ts';

export const NAME = 'flannel';
export const NET_CONF = 'net-conf.json';
export const CNI_CONF = 'cni-conf.json';
export const ENCAPSULATION_BYTES = 50;
/** With an outer header of IPv6. */
export const ENCAPSULATION6_BYTES = 70;
/** What flannel does with a node: join it to the others through a lease, which is its pod range and address. */
export interface Lease {
  readonly node: ClusterNode;
  readonly four: Half | undefined;
  readonly six: Half | undefined;
}
/** A lease in one family: the node's address and its pod range. */
export interface Half {
  /** Of the card that flanneld has chosen. */
  readonly ip: string;
  readonly card: string;
  /** What the others are told: the node's address, unless somebody has said another. */
  readonly publicIp: string;
  readonly podCidr: string;
}
export const FAMILIES = ['four', 'six'] as const;
export type Side = (typeof FAMILIES)[number];

export const ANNOTATIONS = 'flannel.alpha.coreos.com/';

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
export function leaseOf(node: ClusterNode, config: FlannelConfig, view: StoreView): Lease | { readonly failure: string } {
  const halves: { four: Half | undefined; six: Half | undefined } = { four: undefined, six: undefined };
  for (const side of FAMILIES) {
    const wanted = config[side];
    if (wanted === undefined) continue;
    const [card, ip] = cardOf(node, side, daemonsOf(NAME, view).get(node.name)?.pod);
    const podCidr = side === 'four' ? node.podCidr : node.podCidr6;
    const range = parseIpPrefix(podCidr ?? '');
    const network = parseIpPrefix(wanted.text);
    if (ip === undefined || podCidr === undefined || range === undefined || network === undefined)
      return { failure: `node "${node.name}" pod cidr not assigned` };
    if (range.prefixLength < network.prefixLength || !inPrefix(network.network, network.prefixLength, range.network)) {
      const name = side === 'four' ? 'subnet' : 'IPv6 subnet';
      return { failure: `${name} "${wanted.text}" specified in the flannel net config doesn't contain "${podCidr}" PodCIDR of the "${node.name}" node` };
    }
    halves[side] = { ip, card, publicIp: publicIpOf(node, side, ip, view), podCidr };
  }
  return { node, ...halves };
}

/** The other nodes that have a lease. */
export function otherLeases(site: CniSite, config: FlannelConfig): Lease[] {
  // A lease is annotations of a Node: it lasts as long as the Node does.
  return joinedNodes(NAME, site.view).flatMap((name) => {
    if (name === site.node.name) return [];
    const node = findNode(name, site.view);
    const lease = node === undefined ? undefined : leaseOf(node, config, site.view);
    return lease === undefined || 'failure' in lease ? [] : [lease];
  });
}

/** The network's address, which a node's flannel.1 has with /32: traffic of the node itself to remote pods gets it as source. */
export const vtepIp = (half: Half): string => half.podCidr.slice(0, half.podCidr.indexOf('/'));
export const vxlanName = (backend: VxlanBackend, side: Side): string => `flannel${side === 'six' ? '-v6' : ''}.${backend.vni}`;

export function onUnderlay(site: CniSite, half: Half, side: Side): boolean {
  const underlay = underlayOf(site.view);
  const prefix = side === 'four' ? parseIpPrefix(underlay.cidr) : underlay.six?.prefix;
  return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ipOf(half.publicIp));
}

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

export const configMapOf = (site: CniSite): ConfigMap | undefined =>
  site.daemon === undefined ? undefined : mountedConfigMap(site.daemon, NET_CONF, site.view);

export function filesOf(site: CniSite): FlannelFiles {
  const map = configMapOf(site);
  if (map === undefined) return NOTHING_MOUNTED;
  let files = parsed.get(map);
  if (files === undefined) {
    files = { netConf: parseNetConf(map.data?.[NET_CONF] ?? ''), delegate: parseDelegate(map.data?.[CNI_CONF]), portmap: parsePortmap(map.data?.[CNI_CONF]) };
    parsed.set(map, files);
  }
  return files;
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
export function hasFlag(site: CniSite, name: string, fallback: boolean): boolean {
  const value = site.daemon === undefined ? undefined : flagOf(site.daemon, name);
  return value === undefined ? fallback : value !== 'false';
}

/** The cards of a node that flanneld can choose from, by name and address. */
function cardsOf({ ip, ip6, natCard }: ClusterNode): readonly (readonly [name: string, ips: readonly (string | undefined)[]])[] {
  return [...(natCard === undefined ? [] : [[NAT_CARD, [natCard.ip]] as const]), ['eth0', [ip, ip6]], ['lo', ['127.0.0.1']]];
}

/** Without a flag the card of the default route. flannel: main.go, pkg/ipmatch, LookupExtIface */
function cardOf(node: ClusterNode, side: Side, daemon: Pod | undefined): readonly [name: string, ip: string | undefined] {
  const [iface = '', regex = ''] = daemon === undefined ? [] : [flagOf(daemon, 'iface'), flagOf(daemon, 'iface-regex')];
  const compiled = regex === '' ? undefined : compileGoRegexp(regex);
  const fits = (name: string, ips: readonly (string | undefined)[]): boolean =>
    name === iface ||
    (iface !== '' && ips.includes(iface)) ||
    (compiled?.ok === true && [ips[0] ?? '', name].some((text) => matchGoRegexp(compiled.regexp, text) !== undefined));
  const chosen = cardsOf(node).find(([name, ips]) => (iface === '' && regex === '' ? true : fits(name, ips)));
  if (side === 'four' && chosen?.[0] === NAT_CARD) return [NAT_CARD, node.natCard?.ip];
  return ['eth0', side === 'four' ? node.ip : node.ip6];
}

/** flannel: main.go, pkg/ipmatch, LookupExtIface */
export function interfaceFailure({ node, daemon }: CniSite): string | undefined {
  if (daemon === undefined) return undefined;
  const [iface, regex] = [flagOf(daemon, 'iface'), flagOf(daemon, 'iface-regex')];
  const publicIp = flagOf(daemon, 'public-ip') ?? '';
  if (publicIp !== '' && parseIp(publicIp) === undefined) return `Failed to find any valid interface to use: invalid public IP address: ${publicIp}`;
  if ((iface ?? '') === '' && (regex ?? '') === '') return undefined;
  const cards = cardsOf(node);
  const compiled = (regex ?? '') === '' ? undefined : compileGoRegexp(regex ?? '');
  const matches =
    compiled?.ok === true && cards.some(([name, [ip = '']]) => name !== 'lo' && [ip, name].some((text) => matchGoRegexp(compiled.regexp, text) !== undefined));
  return cards.some(([name, ips]) => name === iface || ips.includes(iface)) || matches
    ? undefined
    : 'Failed to find interface to use that matches the interfaces and/or regexes provided';
}
