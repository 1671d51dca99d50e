/** The CNIs we know, and which one a node has. */
import type { StoreView } from '../../objects/types.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { calico } from './calico/calico.ts';
import { cilium } from './cilium.ts';
import type { Cni, CniSite } from './cni.ts';
import { daemonsOf } from './daemons.ts';
import { flannel } from './flannel.ts';
import { kindnet } from './kindnet.ts';
import { plainBridge } from './plain-bridge.ts';

export const cnis: readonly Cni[] = [flannel, cilium, calico, kindnet];

export interface NodeCni {
  readonly cni: Cni;
  readonly site: CniSite;
  /** Its daemon runs on this very node. */
  readonly running: boolean;
  /** There is a daemon of its own here, running or crashing. */
  readonly own: boolean;
}

/** The CNI whose daemon is on the node; else one of another node, whose plugin has been left here; else a plain bridge. */
export function cniOf(node: ClusterNode, view: StoreView): NodeCni {
  let elsewhere: NodeCni | undefined;
  for (const cni of cnis) {
    if (cni.role === undefined) continue;
    const daemons = daemonsOf(cni.role, view);
    const own = daemons.get(node.name);
    if (own !== undefined) return { cni, site: { node, daemon: own.pod, view }, running: own.running, own: true };
    const [other] = daemons.values();
    if (other !== undefined) elsewhere ??= { cni, site: { node, daemon: other.pod, view }, running: false, own: false };
  }
  return elsewhere ?? { cni: plainBridge, site: { node, daemon: undefined, view }, running: false, own: false };
}
