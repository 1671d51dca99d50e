/** Addresses for the pods of a node where Calico is its CNI. Calico v3.30: cni-plugin/pkg/ipamplugin */
import type { ControllerContext, StoreView } from '../../../objects/types.ts';
import { findNode } from '../../node/cluster-network.ts';
import type { Node } from '../../node/types.ts';
import type { Pod } from '../../pod/types.ts';
import { daemonsOf } from '../daemons.ts';
import { podAttribute, writeBlocks } from './calico-controller.ts';
import { CalicoAllocator } from './ipam.ts';
import { CALICO, calicoSettings } from './settings.ts';

export interface PodAddresses {
  /** Empty when there is none. */
  assign(pod: Pod): readonly string[];
  /** Why the last pod got none, in the plugin's words. */
  readonly refusal: string;
  write(context: ControllerContext): void;
}

/** `["pool-a"]` of the annotation cni.projectcalico.org/ipv4pools. */
function wantedPools(pod: Pod, view: StoreView): readonly string[] | undefined {
  const text =
    pod.metadata.annotations?.['cni.projectcalico.org/ipv4pools'] ??
    view.find(`Namespace/${pod.metadata.namespace ?? 'default'}`)?.metadata.annotations?.['cni.projectcalico.org/ipv4pools'];
  const names = text === undefined || text.length > 2000 ? undefined : [...text.matchAll(/"([^"\\]*)"/g)].map((match) => match[1] ?? '');
  return names === undefined || names.length === 0 ? undefined : names;
}

/** Undefined where another CNI gives them. */
export function podAddresses(node: Node, view: StoreView, timestamp: string): PodAddresses | undefined {
  const clusterNode = findNode(node.metadata.name, view);
  if (clusterNode === undefined || daemonsOf(CALICO, view).get(clusterNode.name)?.running !== true) return undefined;
  const allocator = new CalicoAllocator(node, calicoSettings(view).pools, view);
  return {
    assign(pod) {
      const ip = allocator.assign(podAttribute(pod, timestamp), 'Workload', wantedPools(pod, view));
      return ip === undefined ? [] : [ip];
    },
    get refusal() {
      const { fullPool } = allocator;
      const why =
        fullPool === undefined
          ? `no configured Calico pools for node ${node.metadata.name}`
          : `failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; No more free affine blocks and strict affinity enabled`;
      return `plugin type="calico" failed (add): ${fullPool === undefined ? why : why.replace('No more free affine blocks and strict affinity enabled', `pool ${fullPool} has no free address`)}`;
    },
    write: (context) => writeBlocks(allocator.changed, context),
  };
}
