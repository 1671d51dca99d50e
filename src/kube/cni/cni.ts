/** What a CNI is here: the records its daemon writes on a node, and those its plugin adds for each pod. */
import type { NetRecord } from '../../net/records.ts';
import type { Rendering, StoreView } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import type { ImageRole } from '../pod/images.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import type { NetConf, NetDirFile } from './net-conf.ts';
import type { Portmap } from './portmap.ts';

/** A node as a CNI sees it. */
export interface CniSite {
  readonly node: ClusterNode;
  /** The CNI's own pod on this node, or on any other where it has left this one; undefined where no CNI is installed. */
  readonly daemon: Pod | undefined;
  readonly view: StoreView;
  /** What the runtime has read in /etc/cni/net.d, where that is a file of somebody's own. */
  readonly conf?: NetConf | undefined;
}

/** A pod with an address, on a node with a range for pods. */
export interface PodSite {
  readonly pod: Pod;
  /** id of the sandbox's netns. */
  readonly netns: string;
  /** Its IPv4 address; '' where it has none. */
  readonly ip: string;
  readonly ip6?: string | undefined;
}

export interface Cni {
  readonly name: string;
  /** Whose pods are its daemon; undefined for the one that needs none. */
  readonly role?: ImageRole;
  /** ConfigMap keys that its pods read: a change of one renders again what depends on it. */
  readonly configKeys: readonly string[];
  /** Settings of the kernel that its installation changes on a node. */
  readonly nodeSysctls?: Readonly<Record<string, number>>;
  /** None of its daemons is in the cluster, and what they have written says that it was on this node: its plugin and the wires of its pods are still there. */
  remains?(node: string, view: StoreView): boolean;
  /** Beyond a running daemon: the plugin can be called. */
  isReady?(node: string, view: StoreView): boolean;
  /** Settings of the kernel for devices of pods on their node. */
  podSysctls?(node: string, view: StoreView): Readonly<Record<string, number>>;
  /** The file that its installation puts into /etc/cni/net.d of a node: `started` once its containers have run there, though they may crash now. */
  netConf?(site: CniSite, state: { readonly running: boolean; readonly started: boolean }): NetDirFile | undefined;
  /** What the daemon writes while it runs on the node. */
  renderNode(site: CniSite): Rendering<NetRecord>;
  /** Jumps that the daemon appends to built-in chains; they stay, as its rules do, when it has gone. */
  jumps(site: CniSite): readonly BuiltInJump[];
  /** The plugin for host ports, where the network's configuration has it. */
  portmap?(site: CniSite): Portmap | undefined;
  /** What stands on the node as soon as one pod is attached: the bridge. */
  renderPodNetwork(site: CniSite): readonly NetRecord[];
  /** Both ends of the pod's wire, its addresses and routes. */
  attach(site: CniSite, pod: PodSite): readonly NetRecord[];
}

export function defineCni(cni: Cni): Cni {
  return cni;
}
