/** Pods grouped by the node they are bound to: derived from the pod list, remembered only as long as that very list is current. */
import type { StoreView } from '../../objects/types.ts';
import type { Pod } from '../pod/types.ts';

const remembered = new WeakMap<readonly Pod[], ReadonlyMap<string, readonly Pod[]>>();
const nobody: readonly Pod[] = [];

export const podsByNode = (view: StoreView): ReadonlyMap<string, readonly Pod[]> => groupByNode(view.list<Pod>('Pod'));

export function groupByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const known = remembered.get(pods);
  if (known !== undefined) return known;
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const { nodeName } = pod.spec;
    if (nodeName === undefined || nodeName === '') continue;
    const group = groups.get(nodeName);
    if (group === undefined) groups.set(nodeName, [pod]);
    else group.push(pod);
  }
  remembered.set(pods, groups);
  return groups;
}

export const podsOn = (view: StoreView, nodeName: string): readonly Pod[] => podsByNode(view).get(nodeName) ?? nobody;
