/** The CNIs we know, which one a node has, and what its container runtime finds in /etc/cni/net.d. */
import { inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { StoreView } from '../../objects/types.ts';
import { type ClusterNode, findNode, NETWORK_KINDS } from '../node/cluster-network.ts';
import { perState } from '../node/per-state.ts';
import { type HostLocalStore, lastNetwork } from '../pod/host-local-store.ts';
import { calico } from './calico/calico.ts';
import { cilium } from './cilium.ts';
import type { Cni, CniSite } from './cni.ts';
import { editedNetDir } from './cni-config.ts';
import { daemonsOf } from './daemons.ts';
import { flannel } from './flannel.ts';
import { kindnet } from './kindnet.ts';
import { firstFile, ipamOf, type LoadedConf, loadNetConf, type NetConf, type NetDirFile } from './net-conf.ts';
import { plainBridge } from './plain-bridge.ts';
import { referenceCni } from './reference.ts';

export const cnis: readonly Cni[] = [flannel, cilium, calico, kindnet];

export interface NodeCni {
  /** Whose daemon concerns the node. */
  readonly cni: Cni;
  readonly site: CniSite;
  /** Its daemon runs on this very node. */
  readonly running: boolean;
  /** There is a daemon of its own here, running or crashing. */
  readonly own: boolean;
  /** What wires pods: the daemon's own plugin, or another that a file of /etc/cni/net.d names. */
  readonly plugin: Cni;
  readonly pluginSite: CniSite;
}

interface Daemonic {
  readonly cni: Cni;
  readonly site: CniSite;
  readonly running: boolean;
  readonly own: boolean;
}

/** The CNI whose daemon is on the node; else one of another node, whose plugin has been left here; else one that has gone altogether; else a plain bridge. */
function daemonicOf(node: ClusterNode, view: StoreView): Daemonic {
  let elsewhere: Daemonic | undefined;
  for (const cni of cnis) {
    if (cni.role === undefined) continue;
    const daemons = daemonsOf(cni.role, view);
    const own = daemons.get(node.name);
    if (own !== undefined) return { cni, site: { node, daemon: own.pod, view }, running: own.running, own: true };
    const [other] = daemons.values();
    if (other !== undefined) elsewhere ??= { cni, site: { node, daemon: other.pod, view }, running: false, own: false };
  }
  const left = cnis.find((cni) => hasLeft(cni, node.name, view));
  return elsewhere ?? { cni: left ?? plainBridge, site: { node, daemon: undefined, view }, running: false, own: false };
}

/** None of its daemons is on the node, and one has been: its files, its rules and the wires of its pods are still there. */
export function hasLeft(cni: Cni, node: string, view: StoreView): boolean {
  return (
    cni.role !== undefined && daemonsOf(cni.role, view).get(node) === undefined && (cni.remains?.(node, view) === true || lastNetwork(node, view) === cni.name)
  );
}

export function cniOf(node: ClusterNode, view: StoreView): NodeCni {
  const found = daemonicOf(node, view);
  const loaded = netDirOf(node.name, view).loaded;
  // What the daemon has installed is its own plugin's configuration; a directory that cannot be read concerns new pods alone.
  const conf = loaded.ok && loaded.conf.file.by !== undefined ? loaded.conf : undefined;
  const pluginSite = conf === undefined ? found.site : { ...found.site, conf };
  const plugin = conf === undefined ? found.cni : (referenceCni(conf) ?? cnis.find((cni) => pluginTypes[cni.name] === conf.plugins[0]?.type) ?? found.cni);
  return { ...found, plugin, pluginSite };
}

/** What has wired a pod: it keeps what it was plugged in by, which its address tells where the file of now has ranges of its own. */
export function plugOf(found: NodeCni, ip: string): { readonly cni: Cni; readonly site: CniSite } {
  const conf = found.pluginSite.conf;
  if (found.plugin === found.cni || conf === undefined || covers(conf, ip)) return { cni: found.plugin, site: found.pluginSite };
  return { cni: found.cni, site: found.site };
}

/** The configuration that a pod of the node was plugged in by. */
export function confOf(nodeName: string, ip: string, view: StoreView): NetConf | undefined {
  const { loaded, installed } = netDirOf(nodeName, view);
  if (loaded.ok && (loaded.conf.file.by === undefined || covers(loaded.conf, ip))) return loaded.conf;
  const before = loadNetConf(firstFile(installed));
  return before.ok ? before.conf : undefined;
}

function covers(conf: NetConf, ip: string): boolean {
  const { ranges } = ipamOf(conf.plugins[0] ?? {});
  const address = parseIp(ip);
  if (ranges.length === 0 || address === undefined) return true;
  return ranges.some(({ subnet }) => {
    const range = parseIpPrefix(subnet);
    return range !== undefined && inPrefix(range.network, range.prefixLength, address);
  });
}

/** Programs of /opt/cni/bin that belong to a CNI, beside the reference plugins. */
const pluginTypes: Readonly<Record<string, string>> = { flannel: 'flannel', cilium: 'cilium-cni', calico: 'calico' };

export interface NetDir {
  /** In the order of their names. */
  readonly files: readonly NetDirFile[];
  /** What daemons have put there. */
  readonly installed: readonly NetDirFile[];
  readonly loaded: LoadedConf;
}

const netDirs = perState(['Pod', 'ConfigMap', ...NETWORK_KINDS], () => new Map<string, NetDir>());
/** By the object that brought the file: what has been read of it stays the same for all nodes that have it. */
const loadedOf = new WeakMap<object, Map<string, LoadedConf>>();

export function netDirOf(nodeName: string, view: StoreView): NetDir {
  const known = netDirs(view);
  let dir = known.get(nodeName);
  if (dir === undefined) {
    const installed = installedFiles(nodeName, view);
    const files = editedNetDir(nodeName, installed, view);
    dir = { files, installed, loaded: load(files, view) };
    known.set(nodeName, dir);
  }
  return dir;
}

function load(files: readonly NetDirFile[], view: StoreView): LoadedConf {
  const first = firstFile(files);
  const object = first?.by === undefined ? undefined : view.find(first.by);
  if (first === undefined || object === undefined) return loadNetConf(first);
  const known = loadedOf.get(object) ?? new Map<string, LoadedConf>();
  loadedOf.set(object, known);
  // A template is another text on each node.
  const which = `${first.name}\n${first.text}`;
  const loaded = known.get(which) ?? loadNetConf(first);
  known.set(which, loaded);
  return loaded;
}

/** Nobody takes a file away when its daemon is deleted. */
function installedFiles(nodeName: string, view: StoreView): readonly NetDirFile[] {
  const node = findNode(nodeName, view);
  if (node === undefined) return [];
  const left = view.find<HostLocalStore>(`HostLocalStore/${nodeName}`)?.spec?.netConfs;
  const files = new Map(Object.entries(left ?? {}).map(([name, text]) => [name, { name, text }]));
  for (const cni of cnis) {
    const daemon = cni.role === undefined ? undefined : daemonsOf(cni.role, view).get(nodeName);
    const isThere = daemon === undefined ? cni.remains?.(nodeName, view) === true : cni.isReady?.(nodeName, view) !== false;
    const file = isThere ? cni.netConf?.({ node, daemon: daemon?.pod, view }, daemon ?? { running: true, started: true }) : undefined;
    if (file !== undefined) files.set(file.name, file);
  }
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
