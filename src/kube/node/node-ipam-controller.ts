/** Gives each node its pod range out of the cluster's. Kubernetes: pkg/controller/nodeipam/ipam/range_allocator.go. */

import { formatPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import { defineController } from '../../objects/define.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { type Cidr, formatCidr, overlaps, parseCidr } from '../addresses.ts';
import { clusterSettings, settingsKinds } from './cluster-config.ts';
import { type Node, podCidrsOf } from './types.ts';

/** One look serves all nodes: ranges are given out in one go, in order of name, so that the result does not depend on who came first. */
const allNodes: ObjectKey = 'Node/*';

export const nodeIpamController = defineController({
  name: 'node-ipam-controller',
  watches: ['Node', ...settingsKinds],
  keysFor: () => [allNodes],
  reconcile(_key, context) {
    const nodes = context.view.list<Node>('Node').filter((node) => node.metadata.deletionTimestamp === undefined);
    const waiting = nodes.filter((node) => podCidrsOf(node).length === 0);
    if (waiting.length === 0) return;
    const { podCidr, nodeCidrMaskSize, podCidr6, nodeCidrMaskSize6, podFamilies, serviceCidr } = clusterSettings(context.view);
    const all = nodes.flatMap(podCidrsOf);
    const sources = podFamilies.flatMap((family): Generator<string, undefined>[] => {
      if (family === 'IPv6') return podCidr6 === undefined ? [] : [freeRanges6(podCidr6, nodeCidrMaskSize6, all)];
      return podCidr === undefined
        ? []
        : [
            freeTexts(
              podCidr,
              nodeCidrMaskSize,
              // Where the service range lies in the pods', no node gets a part of it. Kubernetes: filterOutServiceRange.
              [serviceCidr, ...all.flatMap((text) => parseCidr(text) ?? [])],
            ),
          ];
    });
    if (sources.length === 0) return;
    for (const node of waiting) {
      const ranges = sources.map((source) => source.next().value);
      const [first] = ranges;
      if (first === undefined || ranges.includes(undefined)) {
        context.event(node, 'Normal', 'CIDRNotAvailable', `Node ${node.metadata.name} status is now: CIDRNotAvailable`, 'cidrAllocator');
        continue;
      }
      context.update({ ...node, spec: { ...node.spec, podCIDR: first, podCIDRs: ranges as string[] } });
    }
  },
});

function* freeTexts(cluster: Cidr, maskSize: number, taken: readonly Cidr[]): Generator<string, undefined> {
  for (const range of freeRanges(cluster, maskSize, taken)) yield formatCidr(range);
  return undefined;
}

/** The same in IPv6: ranges of `maskSize` out of the cluster's, in their order. */
export function* freeRanges6(cluster: string, maskSize: number, taken: readonly string[]): Generator<string, undefined> {
  const outer = parseIpPrefix(cluster);
  if (outer === undefined || typeof outer.network !== 'bigint' || maskSize < outer.prefixLength) return undefined;
  const used = new Set(taken);
  const count = 2 ** Math.min(16, maskSize - outer.prefixLength);
  for (let i = 0; i < count; i += 1) {
    const text = formatPrefix(outer.network + (BigInt(i) << BigInt(128 - maskSize)), maskSize);
    if (!used.has(text)) yield text;
  }
  return undefined;
}

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
