/** Finds the pod and container that exec, logs and run mean. */
import { statusOfContainer } from '../../kube/pod/containers.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import { at, list, number, pairs, text } from '../json.ts';
import { findKind, getObject, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';

/** `web-1`, `pod/web-1`, `deploy/web`, `svc/web`: a pod by name, or the first one of a workload or Service. */
export function findPod(kubectl: Kubectl, word: string): KubeObject {
  const slash = word.indexOf('/');
  if (slash < 0) return getObject(kubectl, findKind(kubectl, 'pods'), word);
  const kind = findKind(kubectl, word.slice(0, slash));
  const object = getObject(kubectl, kind, word.slice(slash + 1));
  if (kind.kind === 'Pod') return object;
  const pods = podsOf(kubectl, object);
  const first = pods.find((pod) => isRunning(pod)) ?? pods[0];
  if (first === undefined) throw new KubectlError(`error: timed out waiting for the condition`);
  return first;
}

/** Pods that a workload's or Service's selector matches, by name. */
export function podsOf(kubectl: Kubectl, object: KubeObject): readonly KubeObject[] {
  const selector = at(object, 'spec', 'selector', 'matchLabels') ?? at(object, 'spec', 'selector');
  const labels = Object.fromEntries(pairs(selector));
  if (Object.keys(labels).length === 0) throw new KubectlError(`error: cannot attach to *v1.${object.kind}: selector is empty`);
  return kubectl.invocation.host.api.view.select('Pod', object.metadata.namespace ?? kubectl.namespace, labels);
}

export function containersOf(pod: KubeObject): readonly string[] {
  return list(at(pod, 'spec', 'containers')).map((container) => text(at(container, 'name')));
}

export const initContainersOf = (pod: KubeObject): readonly string[] => list(at(pod, 'spec', 'initContainers')).map((container) => text(at(container, 'name')));

const ephemeralContainersOf = (pod: KubeObject): readonly string[] =>
  list(at(pod, 'spec', 'ephemeralContainers')).map((container) => text(at(container, 'name')));

/** Whatever runs, ran or will run in the pod. */
export const hasContainer = (pod: KubeObject, name: string): boolean =>
  [...containersOf(pod), ...initContainersOf(pod), ...ephemeralContainersOf(pod)].includes(name);

export function isRunning(pod: KubeObject): boolean {
  return text(at(pod, 'status', 'phase')) === 'Running';
}

/** The named container, the annotated default, or the first one (said on stderr when there are several). */
export function chooseContainer(kubectl: Kubectl, pod: KubeObject, wanted: string): string {
  const names = containersOf(pod);
  const init = initContainersOf(pod);
  if (wanted !== '') {
    if (hasContainer(pod, wanted)) return wanted;
    throw new KubectlError(`Error from server (BadRequest): container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const annotated = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (annotated !== undefined && names.includes(annotated)) return annotated;
  const first = names[0] ?? '';
  const all = [...names, ...ephemeralContainersOf(pod).map((name) => `${name} (ephem)`), ...init.map((name) => `${name} (init)`)];
  if (all.length > 1) kubectl.err(`Defaulted container "${first}" out of: ${all.join(', ')}\n`);
  return first;
}

/** Why a container cannot be entered yet, in the API server's words; undefined when it runs. */
export function containerProblem(pod: KubeObject, container: string): string | undefined {
  const phase = text(at(pod, 'status', 'phase'));
  if (phase === 'Succeeded' || phase === 'Failed') return `cannot exec into a container in a completed pod; current phase is ${phase}`;
  if (text(at(pod, 'spec', 'nodeName')) === '') return `pod ${pod.metadata.name} does not have a host assigned`;
  return statusOfContainer(pod as Pod, container)?.state?.running === undefined
    ? `unable to upgrade connection: container not found ("${container}")`
    : undefined;
}

export function restartsOf(pod: KubeObject): number {
  return list(at(pod, 'status', 'containerStatuses')).reduce<number>((sum, status) => sum + number(at(status, 'restartCount')), 0);
}
