/** Whether a node's container runtime can plug a pod in, from which ranges it gets addresses, and the words of the plugin that fails. */
import { formatIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { StoreView } from '../../objects/types.ts';
import { findNode } from '../node/cluster-network.ts';
import { type HostLocalStore, lastNetwork } from '../pod/host-local-store.ts';
import { type HostLocalRange, hostLocalRange, rangeText } from '../pod/ipam.ts';
import { daemonsOf } from './daemons.ts';
import { flannelSubnetEnv } from './flannel.ts';
import { fieldOf, isJsonObject } from './go-json.ts';
import { cniOf, netDirOf } from './index.ts';
import { BIN_DIR, ipamOf, type NetConf } from './net-conf.ts';

export const SUBNET_ENV = '/run/flannel/subnet.env';

/** What containernetworking/plugins installs and is simulated; and the rest of it. */
const SIMULATED = new Set(['bridge', 'ptp']);
export const CHAINED = new Set(['portmap', 'bandwidth', 'tuning', 'firewall', 'sbr', 'vrf']);
const OTHERS = new Set(['macvlan', 'ipvlan', 'host-device', 'vlan', 'dummy', 'tap', 'loopback']);
const IPAMS = new Set(['host-local', 'dhcp', 'static']);
export const REFERENCE_PLUGINS: readonly string[] = [...SIMULATED, ...CHAINED, ...OTHERS, ...IPAMS].sort();

export interface PlugBridge {
  readonly name: string;
  /** `10.244.1.1/24` */
  readonly address: string;
  /** `forceAddress`: another address goes. */
  readonly force: boolean;
}

export interface PodPlug {
  /** A file of somebody's own has ranges of its own; else the CNI's daemon gives addresses. */
  readonly own: boolean;
  readonly ranges: readonly HostLocalRange[];
  /** The bridge that pods are put on, with the address that the plugin gives it. */
  readonly bridge: PlugBridge | undefined;
  /** What follows `failed to setup network for sandbox "…": ` for any pod. */
  readonly failure: string | undefined;
  /** The same for a pod for which range number `full` has no address left. */
  noAddress(full: number): string;
}

/** Undefined while the runtime has nothing to plug pods in by. `podCidrs`: the node's. */
export function podPlug(nodeName: string, podCidrs: readonly string[], view: StoreView): PodPlug | undefined {
  const { loaded } = netDirOf(nodeName, view);
  if (!loaded.ok) return undefined;
  const { conf } = loaded;
  const [main] = conf.plugins;
  const own = conf.file.by !== undefined && main !== undefined && SIMULATED.has(main.type);
  const ranges = own
    ? ipamOf(main).ranges.flatMap((range) => hostLocalRange(range.subnet, range) ?? [])
    : podCidrs.flatMap((text) => hostLocalRange(text) ?? []);
  const plugin = describePlugin(conf, 0);
  const bridge = bridgeOf(conf, podCidrs);
  return {
    own,
    ranges,
    bridge,
    failure: failureOf(conf, nodeName, view) ?? addressFailure(bridge, main?.type === 'flannel', plugin, nodeName, view),
    noAddress(full) {
      const range = ranges[full];
      if (range === undefined) return main?.type === 'flannel' ? noSubnetEnv(plugin) : `plugin ${plugin} failed (add): no IP ranges specified`;
      if (main?.type === 'cilium-cni')
        return `plugin ${plugin} failed (add): unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure "range is full"`;
      const delegated = main?.type === 'flannel' ? 'failed to delegate add: ' : '';
      return `plugin ${plugin} failed (add): ${delegated}failed to allocate for range ${full}: no IP addresses available in range set: ${rangeText(range)}`;
    },
  };
}

/** Undefined where the plugin makes no bridge or gives it no IPv4 address. */
function bridgeOf(conf: NetConf, podCidrs: readonly string[]): PlugBridge | undefined {
  const main = conf.plugins[0];
  if (main === undefined || (main.type !== 'flannel' && (conf.file.by === undefined || main.type !== 'bridge'))) return undefined;
  const isFlannel = main.type === 'flannel';
  if (!isFlannel && fieldOf(main, 'isGateway') !== true && fieldOf(main, 'isDefaultGateway') !== true) return undefined;
  const range = isFlannel ? podCidrs.find((text) => !text.includes(':')) : ipamOf(main).ranges.find(({ subnet }) => !subnet.includes(':'))?.subnet;
  const prefix = parseIpPrefix(range ?? '');
  if (prefix === undefined || typeof prefix.network !== 'number') return undefined;
  const gateway = isFlannel ? undefined : ipamOf(main).ranges.find(({ subnet }) => subnet === range)?.gateway;
  const settings = isFlannel ? fieldOf(main, 'delegate') : main;
  const name = isJsonObject(settings) ? fieldOf(settings, 'bridge') : undefined;
  return {
    name: typeof name === 'string' && name !== '' ? name.slice(0, 15) : 'cni0',
    address: `${gateway ?? formatIp((prefix.network + 1) | 0)}/${prefix.prefixLength}`,
    force: isJsonObject(settings) && fieldOf(settings, 'forceAddress') === true,
  };
}

/** CNI: plugins/main/bridge/bridge.go, ensureAddr */
function addressFailure(bridge: PlugBridge | undefined, delegated: boolean, plugin: string, nodeName: string, view: StoreView): string | undefined {
  const kept = bridge === undefined ? undefined : view.find<HostLocalStore>(`HostLocalStore/${nodeName}`)?.spec?.bridges?.[bridge.name];
  if (bridge === undefined || bridge.force || kept === undefined || kept === bridge.address) return undefined;
  return `plugin ${plugin} failed (add): ${delegated ? 'failed to delegate add: ' : ''}failed to set bridge addr: "${bridge.name}" already has an IP address different from ${bridge.address}`;
}

const noSubnetEnv = (plugin: string): string => `plugin ${plugin} failed (add): loadFlannelSubnetEnv failed: open ${SUBNET_ENV}: no such file or directory`;

/** CNI: libcni/api.go, pluginDescription: an entry of a list has no name of its own. */
function describePlugin(conf: NetConf, index: number): string {
  const isList = conf.file.name.endsWith('.conflist');
  return `type="${conf.plugins[index]?.type ?? ''}"${isList || conf.name === '' ? '' : ` name="${conf.name}"`}`;
}

function failureOf(conf: NetConf, nodeName: string, view: StoreView): string | undefined {
  for (const [index, plugin] of conf.plugins.entries()) {
    const { type } = plugin;
    const failed = (words: string): string => `plugin ${describePlugin(conf, index)} failed (add): ${words}`;
    const notFound = (name: string): string => failed(`failed to find plugin "${name}" in path [${BIN_DIR}]`);
    if (type === 'flannel') {
      // Its init container brings the program.
      if (!isInstalled('flannel', nodeName, view)) return notFound(type);
      if (subnetEnvOf(nodeName, view) === undefined) return noSubnetEnv(describePlugin(conf, index));
    } else if (SIMULATED.has(type)) {
      const ipam = ipamOf(plugin);
      if (ipam.type === '') return 'failed to find network info for sandbox';
      if (!IPAMS.has(ipam.type)) return notFound(ipam.type);
      if (ipam.type === 'dhcp') return failed('error dialing DHCP daemon: dial unix /run/cni/dhcp.sock: connect: no such file or directory');
      if (ipam.type === 'static') return failed('static addresses are not simulated');
      if (ipam.ranges.length === 0) return failed('no IP ranges specified');
    } else if (type === 'cilium-cni' && conf.file.by === undefined) {
      // Cilium: plugins/cilium-cni/cmd, api client
      if (daemonsOf('cilium', view).get(nodeName)?.running !== true)
        return failed(
          'unable to connect to Cilium agent: failed to create cilium agent client after 30.000000 seconds timeout: Get "http://localhost/v1/config": dial unix /var/run/cilium/cilium.sock: connect: no such file or directory\nIs the agent running?',
        );
    } else if (OTHERS.has(type)) return failed('this plugin is not simulated');
    else if (!CHAINED.has(type) && conf.file.by !== undefined && !cniOfType(type, nodeName, view)) return notFound(type);
  }
  return undefined;
}

const isInstalled = (role: string, nodeName: string, view: StoreView): boolean =>
  daemonsOf(role, view).get(nodeName)?.started === true || lastNetwork(nodeName, view) === role;

/** A daemon of the node has brought the program. */
function cniOfType(type: string, nodeName: string, view: StoreView): boolean {
  const node = findNode(nodeName, view);
  const found = node === undefined ? undefined : cniOf(node, view);
  return found?.own === true && (type === found.cni.name || type === `${found.cni.name}-cni`);
}

/** What flanneld has written on the node: now, or (it stays when flanneld ends) while it last ran. */
export function subnetEnvOf(nodeName: string, view: StoreView): string | undefined {
  const node = findNode(nodeName, view);
  const daemon = daemonsOf('flannel', view).get(nodeName);
  const now = node === undefined || daemon?.running !== true ? undefined : flannelSubnetEnv({ node, daemon: daemon.pod, view });
  return now ?? view.find<HostLocalStore>(`HostLocalStore/${nodeName}`)?.spec?.subnetEnv;
}
