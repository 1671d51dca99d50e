/** kindnet, the CNI of kind's clusters: the ptp plugin's /32 wires without a bridge, a route to each other node's range, and a chain that keeps pod traffic from being masqueraded. kind: images/kindnetd; CNI: plugins/main/ptp/ptp.go */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { formatIp, type IpPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Chain, NetRecord, Route, VethDevice } from '../../net/records.ts';
import { objectKey } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { type ClusterNode, listNodes, underlayOf } from '../node/cluster-network.ts';
import { address6, gatewayRoute, subnetAddress } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { chainId, DEVICE_INDEX, deviceId, rootNetnsId } from '../node/record-ids.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import { type CniSite, defineCni, type PodSite } from './cni.ts';

const NAME = 'kindnet';
const MASQ_CHAIN = 'KIND-MASQ-AGENT';
const local = '-m comment --comment "kind-masq-agent: local traffic is not subject to MASQUERADE"';
const outbound = '-m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)"';
const jump = `-m comment --comment "kind-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom ${MASQ_CHAIN} chain"`;
/** Behind the devices that every node has. */
const FIRST_VETH_INDEX = DEVICE_INDEX.cni0;

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;
const originOf = (site: CniSite): Origin => ({ component: NAME, objects: [site.node.key, ...(site.daemon === undefined ? [] : [objectKey(site.daemon)])] });

/** The ranges whose traffic is not masqueraded, kindnetd's POD_SUBNET. */
function podRanges(site: CniSite): { readonly four: string | undefined; readonly six: string | undefined } {
  const { podCidr, podCidr6 } = clusterSettings(site.view);
  return { four: podCidr === undefined ? undefined : formatCidr(podCidr), six: podCidr6 };
}

/** Every other node's range by that node's address: kindnetd asks the API server for Nodes and does not care what runs on them. */
function nodeRoutes(site: CniSite): Route[] {
  const netns = rootNetnsId(site.node.name);
  return listNodes(site.view).flatMap((other: ClusterNode) => {
    if (other.name === site.node.name) return [];
    const origin: Origin = { component: NAME, objects: [other.key, ...originOf(site).objects] };
    return [
      ...(other.podCidr === undefined || other.ip === undefined ? [] : [gatewayRoute(netns, other.podCidr, other.ip, 'eth0', origin)]),
      ...(other.podCidr6 === undefined || other.ip6 === undefined ? [] : [gatewayRoute(netns, other.podCidr6, other.ip6, 'eth0', origin)]),
    ];
  });
}

function masqueradeChain(site: CniSite, range: string, family: Chain['family']): Chain {
  const netns = rootNetnsId(site.node.name);
  return {
    kind: 'chain',
    id: chainId(netns, 'nat', MASQ_CHAIN, family),
    origin: originOf(site),
    netns,
    ...(family === undefined ? {} : { family }),
    table: 'nat',
    name: MASQ_CHAIN,
    rules: [{ text: `-d ${range} ${local} -j RETURN` }, { text: `${outbound} -j MASQUERADE` }],
  };
}

/** One family of a pod's wire: its address, the node's range that holds it, and the first address of that, which each host end of a wire has. */
interface Leg {
  readonly ip: string;
  readonly range: IpPrefix;
  readonly gateway: string;
}

function legOf(ip: string | undefined, cidr: string | undefined): Leg | undefined {
  const range = parseIpPrefix(cidr ?? '');
  if (ip === undefined || ip === '' || range === undefined) return undefined;
  const first = typeof range.network === 'bigint' ? range.network + 1n : range.network + 1;
  return { ip, range, gateway: formatIp(first) };
}

function hostRoute(netns: string, destination: string, device: string, origin: Origin, scope: Route['scope'], source?: string): Route {
  const { gateway: _, ...route } = gatewayRoute(netns, destination, '', device, origin);
  return { ...route, scope, ...(source === undefined ? {} : { source }) };
}

const isSix = (ip: string): boolean => ip.includes(':');
const alone = (ip: string): string => `${ip}/${isSix(ip) ? 128 : 32}`;

/** What ptp does with one address: on the node a route to this pod alone, in the pod everything by way of the host's end. */
function legRoutes(leg: Leg, root: string, host: string, netns: string, origin: Origin): Route[] {
  const six = isSix(leg.ip);
  const network = `${formatIp(leg.range.network)}/${leg.range.prefixLength}`;
  return [
    hostRoute(root, alone(leg.ip), host, origin, six ? 'global' : 'host'),
    gatewayRoute(netns, six ? '::/0' : '0.0.0.0/0', leg.gateway, 'eth0', origin),
    { ...gatewayRoute(netns, network, leg.gateway, 'eth0', origin), source: leg.ip },
    hostRoute(netns, alone(leg.gateway), 'eth0', origin, six ? 'global' : 'link', leg.ip),
  ];
}

function vethIndex(legs: readonly Leg[]): number {
  const [leg] = legs;
  const ip = leg === undefined ? undefined : parseIp(leg.ip);
  if (leg === undefined || ip === undefined) return FIRST_VETH_INDEX;
  const offset = Number(BigInt(ip) - BigInt(leg.range.network));
  return FIRST_VETH_INDEX + (offset > 0 && offset < 0x1000000 ? offset : 0x1000000);
}

function attach(site: CniSite, pod: PodSite): NetRecord[] {
  const legs = [legOf(pod.ip, site.node.podCidr), legOf(pod.ip6, site.node.podCidr6)].filter((leg) => leg !== undefined);
  if (legs.length === 0) return [];
  const origin: Origin = { component: 'cni-ptp', objects: [objectKey(pod.pod), site.node.key] };
  const root = rootNetnsId(site.node.name);
  const hostName = `veth${hashText(pod.pod.metadata.uid ?? pod.netns)
    .toString(16)
    .padStart(8, '0')}`;
  const [hostId, podId] = [deviceId(root, hostName), deviceId(pod.netns, 'eth0')];
  const veth = (id: string, netns: string, name: string, peer: string, index: number, addresses: VethDevice['addresses']): VethDevice => ({
    kind: 'device',
    id,
    origin,
    netns,
    name,
    index,
    mac: macFromName(id),
    mtuBytes: cardMtu(site),
    up: true,
    addresses,
    type: 'veth',
    peer,
  });
  return [
    veth(
      podId,
      pod.netns,
      'eth0',
      hostId,
      2,
      legs.map((leg) => (isSix(leg.ip) ? address6(leg.ip, leg.range.prefixLength) : subnetAddress(leg.ip, leg.range.prefixLength))),
    ),
    veth(
      hostId,
      root,
      hostName,
      podId,
      vethIndex(legs),
      legs.map((leg) => (isSix(leg.ip) ? address6(leg.gateway, 128) : { ip: leg.gateway, prefixLength: 32, scope: 'global' as const })),
    ),
    ...legs.flatMap((leg) => legRoutes(leg, root, hostName, pod.netns, origin)),
  ];
}

export const kindnet = defineCni({
  name: NAME,
  role: NAME,
  configKeys: [],
  renderNode(site) {
    const { four, six } = podRanges(site);
    return {
      records: [
        ...nodeRoutes(site),
        ...(four === undefined ? [] : [masqueradeChain(site, four, undefined)]),
        ...(six === undefined ? [] : [masqueradeChain(site, six, 'ipv6')]),
      ],
    };
  },
  jumps(site) {
    const { four, six } = podRanges(site);
    const one: BuiltInJump = { table: 'nat', from: 'POSTROUTING', text: `-m addrtype ! --dst-type LOCAL ${jump} -j ${MASQ_CHAIN}` };
    return [...(four === undefined ? [] : [one]), ...(six === undefined ? [] : [{ ...one, family: 'ipv6' as const }])];
  },
  renderPodNetwork: () => [],
  attach,
});
