/** Gives each node its pod range out of the cluster's. Kubernetes: pkg/controller/nodeipam/ipam/range_allocator.go. */
import { defineController } from '../../objects/define.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { type Cidr, formatCidr, overlaps, parseCidr } from '../addresses.ts';
import { clusterSettings, settingsKinds } from './cluster-config.ts';
import { type Node, podCidrOf } from './types.ts';

/** One look serves all nodes: ranges are given out in one go, in order of name, so that the result does not depend on who came first. */
const allNodes: ObjectKey = 'Node/*';

export const nodeIpamController = defineController({
  name: 'node-ipam-controller',
  watches: ['Node', ...settingsKinds],
  keysFor: () => [allNodes],
  reconcile(_key, context) {
    const nodes = context.view.list<Node>('Node').filter((node) => node.metadata.deletionTimestamp === undefined);
    const waiting = nodes.filter((node) => podCidrOf(node) === undefined);
    if (waiting.length === 0) return;
    const { podCidr, nodeCidrMaskSize } = clusterSettings(context.view);
    if (podCidr === undefined) return;
    const taken = nodes.flatMap((node) => parseCidr(podCidrOf(node) ?? '') ?? []);
    const free = freeRanges(podCidr, nodeCidrMaskSize, taken);
    for (const node of waiting) {
      const range = free.next();
      if (range.done === true) {
        context.event(node, 'Normal', 'CIDRNotAvailable', `Node ${node.metadata.name} status is now: CIDRNotAvailable`, 'cidrAllocator');
        continue;
      }
      const cidr = formatCidr(range.value);
      context.update({ ...node, spec: { ...node.spec, podCIDR: cidr, podCIDRs: [cidr] } });
    }
  },
});

/** Kubernetes allows at most 2^16 node ranges in a cluster range. */
const maxRanges = 65536;

export function* freeRanges(cluster: Cidr, maskSize: number, taken: readonly Cidr[]): Generator<Cidr, undefined> {
  if (maskSize < cluster.prefixLength) return undefined;
  const size = 2 ** (32 - maskSize);
  const count = Math.min(cluster.size / size, maxRanges);
  // Ranges of the usual size are found by their base; odd ones (from YAML) by comparison.
  const bases = new Set(taken.filter((one) => one.prefixLength === maskSize).map((one) => one.base));
  const odd = taken.filter((one) => one.prefixLength !== maskSize);
  for (let i = 0; i < count; i += 1) {
    const range: Cidr = { base: cluster.base + i * size, prefixLength: maskSize, size };
    if (!bases.has(range.base) && !odd.some((one) => overlaps(one, range))) yield range;
  }
  return undefined;
}
