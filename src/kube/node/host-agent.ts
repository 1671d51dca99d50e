/** A Node as a machine: its kernel, root netns, network card and the servers that every node runs. */

import type { Origin } from '../../base/origin.ts';
import { contains, parseCidr, parseIp4 } from '../../net/addr/ip4.ts';
import type { TcpServerConfig } from '../../net/app/server-config.ts';
import type { DummyDevice, Host, NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { cniOf, hasLeft } from '../cni/index.ts';
import type { ProxyConfig } from '../service/kube-proxy-config.ts';
import { isProxyConfig, kubeProxyOn } from '../service/kube-proxy-presence.ts';
import type { ClusterNode, Underlay } from './cluster-network.ts';
import { findNode, listNodes, NETWORK_KINDS, underlayOf } from './cluster-network.ts';
import { address6, ethernet, gatewayRoute, kernelRoutes, loopback, subnetAddress } from './devices.ts';
import { isDown, withDeviceDown } from './down-devices.ts';
import { impairmentOf, impairmentProblems, withQdisc } from './impaired-wires.ts';
import { FORWARDING6, ip6Sysctls } from './ip6.ts';
import { macFromName } from './mac.ts';
import { DEVICE_INDEX, deviceId, processId, ROUTER_HOST, rootNetnsId, UNDERLAY_HOST } from './record-ids.ts';
import { NAT_CARD, type NatCard } from './types.ts';
import { underlayPort } from './underlay-agent.ts';

/** What a node's own programs resolve with; kubelets hand it to pods of dnsPolicy Default. */
export function nodeResolvConf(underlay: Underlay): string {
  const search = underlay.searches.length === 0 ? '' : `search ${underlay.searches.join(' ')}\n`;
  return `${underlay.nameservers.map((server) => `nameserver ${server}\n`).join('')}${search}`;
}

/** As an installer writes it: localhost, and every node by its name. */
export function nodeHosts(nodes: readonly ClusterNode[]): string {
  const lines = [
    '127.0.0.1 localhost',
    '',
    '::1 ip6-localhost ip6-loopback',
    'fe00::0 ip6-localnet',
    'ff00::0 ip6-mcastprefix',
    'ff02::1 ip6-allnodes',
    'ff02::2 ip6-allrouters',
  ];
  for (const node of nodes) for (const ip of [node.ip, node.ip6]) if (ip !== undefined) lines.push(`${ip} ${node.name}`);
  return `${lines.join('\n')}\n`;
}

/** Ports that answer a TCP handshake and then stay silent: what is said inside TLS is not simulated. */
function nodeServer(netns: string, name: string, port: number, node: ClusterNode): Process {
  const config: TcpServerConfig = { port, greeting: '', echo: false };
  return { kind: 'process', id: processId(netns, name), origin: { component: 'kubelet', objects: [node.key] }, netns, app: 'tcp-server', name, config };
}

/** What kube-proxy sets when it starts. Kubernetes: pkg/proxy/{iptables,ipvs}, NewProxier; it leaves conn_reuse_mode to kernels of 5.9 and later. */
function proxySysctls(config: ProxyConfig | undefined): Readonly<Record<string, number>> {
  // Node ports on localhost need it.
  if (config?.mode === 'iptables') return config.localhostNodePorts ? { 'net.ipv4.conf.all.route_localnet': 1 } : {};
  if (config?.mode !== 'ipvs') return {};
  return {
    'net.ipv4.vs.conntrack': 1,
    'net.ipv4.vs.expire_nodest_conn': 1,
    'net.ipv4.vs.expire_quiescent_template': 1,
    ...(config.strictArp ? { 'net.ipv4.conf.all.arp_ignore': 1, 'net.ipv4.conf.all.arp_announce': 2 } : {}),
  };
}

function sysctls(node: string, underlay: Underlay, view: StoreView): Readonly<Record<string, number>> {
  const six = underlay.six !== undefined;
  return {
    ...ip6Sysctls(six),
    ...(six ? { ...FORWARDING6, 'net.bridge.bridge-nf-call-ip6tables': 1 } : {}),
    'net.ipv4.ip_forward': 1,
    'net.bridge.bridge-nf-call-iptables': 1,
    // Loose, as Ubuntu and systemd set it.
    'net.ipv4.conf.all.rp_filter': 2,
    'net.ipv4.conf.default.rp_filter': 2,
    ...proxySysctls(kubeProxyOn(node, view)?.config),
    ...cniSysctls(node, view),
    ...findNode(node, view)?.sysctls,
  };
}

function cniSysctls(name: string, view: StoreView): Readonly<Record<string, number>> | undefined {
  const node = findNode(name, view);
  const found = node === undefined ? undefined : cniOf(node, view);
  // Settings stay when the daemon that made them has gone.
  return found?.own === true || (found !== undefined && hasLeft(found.cni, name, view))
    ? { ...found.cni.nodeSysctls, ...found.cni.podSysctls?.(name, view) }
    : undefined;
}

/** The newest conntrack that we know the rules of; younger kernels judge alike. */
const isOld = ({ major, minor }: { readonly major: number; readonly minor: number }): boolean => major < 6 || (major === 6 && minor < 2);

function hostRecord({ name, kernel, secondCpuRatio }: ClusterNode, origin: Origin): Host {
  return {
    kind: 'host',
    id: name,
    origin,
    name,
    role: 'node',
    ...(kernel !== undefined && isOld(kernel) ? { kernel } : {}),
    ...(secondCpuRatio === undefined ? {} : { secondCpuRatio }),
  };
}

/** The records of one machine. A Node without an address is a machine whose cable is not plugged in. */
function renderHost(name: string, view: StoreView): Rendering<NetRecord> {
  const node = findNode(name, view);
  if (node === undefined) return { records: [] };
  if (name === UNDERLAY_HOST || name === ROUTER_HOST) {
    const message = `a node cannot be called "${name}": that is the name of a machine between the nodes`;
    return { records: [], diagnostics: [{ key: node.key, path: 'metadata.name', diagnostic: { severity: 'error', code: 'reserved-name', message } }] };
  }
  const underlay = underlayOf(view);
  const origin: Origin = { component: 'node', objects: [node.key] };
  const netns = rootNetnsId(name);
  const records: NetRecord[] = [
    hostRecord(node, origin),
    {
      kind: 'netns',
      id: netns,
      origin,
      hostId: name,
      name: 'root',
      hostname: name,
      sysctls: sysctls(name, underlay, view),
      files: { '/etc/hosts': nodeHosts(listNodes(view)), '/etc/resolv.conf': nodeResolvConf(underlay), '/etc/hostname': `${name}\n` },
    },
    loopback(netns, origin),
  ];
  if (node.ip === undefined && (node.ip6 === undefined || underlay.six === undefined)) {
    const message = `node "${name}" has no address of type InternalIP in status.addresses: its network card is not connected`;
    return { records, diagnostics: [{ key: node.key, path: 'status.addresses', diagnostic: { severity: 'warning', code: 'node-without-address', message } }] };
  }
  const eth0 = ethernet(netns, 'eth0', origin, {
    index: DEVICE_INDEX.eth0,
    mtuBytes: node.mtuBytes ?? underlay.mtuBytes,
    addresses: [
      ...(node.ip === undefined ? [] : [subnetAddress(node.ip, underlay.prefixLength)]),
      ...(node.ip6 === undefined || underlay.six === undefined ? [] : [address6(node.ip6, underlay.six.prefix.prefixLength)]),
    ],
    peer: underlayPort(name),
    link: underlay.hostLink,
  });
  const networkd: Origin = { component: 'systemd-networkd', objects: [node.key] };
  records.push(eth0, ...kernelRoutes(eth0));
  if (node.natCard !== undefined) records.push(...natCardRecords(node.natCard, netns, networkd));
  else if (node.ip !== undefined) records.push(gatewayRoute(netns, '0.0.0.0/0', underlay.gateway, 'eth0', networkd, 'static'));
  if (node.ip6 !== undefined && underlay.six !== undefined) records.push(gatewayRoute(netns, '::/0', underlay.six.gateway, 'eth0', networkd, 'static'));
  const object = view.find(node.key);
  records.splice(0, records.length, ...withQdisc(records, netns, 'eth0', impairmentOf(object, 'eth0')));
  const diagnostics = object === undefined ? [] : [...impairmentProblems(object, (wire) => wire === 'eth0' || view.find(`Pod/${wire}`) !== undefined)];
  if (isDown(object, 'eth0')) records.splice(0, records.length, ...withDeviceDown(records, netns, 'eth0'));
  records.push(nodeServer(netns, 'kubelet', 10250, node));
  if (node.controlPlane) records.push(nodeServer(netns, 'kube-apiserver', 6443, node));
  const range = parseCidr(underlay.cidr);
  if (node.ip !== undefined && range !== undefined && !contains(range.network, range.prefixLength, parseIp4(node.ip) as number)) {
    const message = `node "${name}" has the address ${node.ip}, which is outside the underlay ${underlay.cidr}: no other node can reach it`;
    diagnostics.push({ key: node.key, path: 'status.addresses', diagnostic: { severity: 'warning', code: 'node-outside-underlay', message } });
  }
  return { records, ...(diagnostics.length === 0 ? {} : { diagnostics }) };
}

/** What lies behind the card is the hypervisor's: nothing of it is simulated. */
function natCardRecords({ ip, prefixLength, gateway }: NatCard, netns: string, origin: Origin): NetRecord[] {
  const id = deviceId(netns, NAT_CARD);
  const card: DummyDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name: NAT_CARD,
    index: NAT_CARD_INDEX,
    mac: macFromName(id),
    mtuBytes: 1500,
    up: true,
    addresses: [subnetAddress(ip, prefixLength)],
    type: 'dummy',
  };
  return [card, ...kernelRoutes(card), gatewayRoute(netns, '0.0.0.0/0', gateway, NAT_CARD, origin, 'dhcp')];
}
/** Behind all that addresses of pods give. */
const NAT_CARD_INDEX = 0x7fffff0;

const names = (view: StoreView) => listNodes(view).map((node) => node.name);

/** Keys are node names. Every node's /etc/hosts names all nodes, so that a Node's change is a change for all. */
export const hostAgent: Agent<NetRecord> = {
  name: 'host',
  watches: ['Pod', 'ConfigMap', 'DaemonSet', 'KubeProxyConfiguration', ...NETWORK_KINDS],
  keysFor(changed: KubeObject, view: StoreView): readonly string[] {
    if (changed.kind === 'Node') return [changed.metadata.name, ...names(view)];
    if (changed.kind === 'ConfigMap') return isProxyConfig(changed) ? names(view) : [];
    if (changed.kind !== 'Pod') return names(view);
    // Only kube-proxy's and the CNI's own pods change anything here, and those whose devices have settings of their own.
    const pod = changed as KubeObject & { readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean } };
    const { nodeName, hostNetwork } = pod.spec ?? {};
    if (nodeName === undefined) return [];
    const node = hostNetwork === true ? undefined : findNode(nodeName, view);
    return hostNetwork === true || (node !== undefined && cniOf(node, view).cni.podSysctls !== undefined) ? [nodeName] : [];
  },
  keys: names,
  render: renderHost,
};
