/** Pods that one selector means: by namespace and the labels that their owner knows them by. */
import type { KubeObject } from '../../objects/types.ts';
import { lastingLabels, nameOfLabels } from '../actions/policy-words.ts';
import type { NetnsView } from '../views.ts';
import type { World } from '../world.ts';

export type GroupedWorld = Pick<World, 'topology' | 'api'>;

export interface PodGroup {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pods: NetnsView[];
}

interface Owner extends KubeObject {
  readonly spec?: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
}

/** Without those that a rollout changes; without an owner, its own. */
function labelsOf(world: GroupedWorld, pod: NetnsView): Readonly<Record<string, string>> {
  const object = pod.objectKey === undefined ? undefined : world.api.view.find(pod.objectKey);
  const reference = object?.metadata.ownerReferences?.find((one) => one.controller === true);
  const owner = reference === undefined ? undefined : world.api.view.find<Owner>(`${reference.kind}/${pod.namespace ?? 'default'}/${reference.name}`);
  const chosen = lastingLabels(owner?.spec?.selector?.matchLabels ?? {});
  return Object.keys(chosen).length > 0 ? chosen : lastingLabels(pod.labels);
}

/** By the netns id of each pod that has an object; groups in the order of their first pod. */
export function podGroups(world: GroupedWorld): ReadonlyMap<string, PodGroup> {
  const groups = new Map<string, PodGroup>();
  const byPod = new Map<string, PodGroup>();
  for (const pod of world.topology().netnses) {
    if (pod.type !== 'pod' || pod.objectKey === undefined) continue;
    const namespace = pod.namespace ?? 'default';
    const labels = labelsOf(world, pod);
    const own = Object.entries(labels).sort();
    // Without labels nothing but its name tells it apart.
    const key = `${namespace} ${own.length === 0 ? pod.title : JSON.stringify(own)}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, name: own.length === 0 ? pod.title : nameOfLabels(labels, pod.title), namespace, labels, pods: [] };
      groups.set(key, group);
    }
    group.pods.push(pod);
    byPod.set(pod.id, group);
  }
  return byPod;
}
