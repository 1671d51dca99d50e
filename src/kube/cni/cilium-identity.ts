/** Numbers that Cilium gives: identities to sets of labels, endpoint ids to pods. Cilium: pkg/identity, pkg/labelsfilter, pkg/endpointmanager */
import { hashText } from '../../base/prng.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { ciliumSettings } from './cilium-config.ts';

/** Below are the reserved ones. */
const FIRST_IDENTITY = 256;
const LAST_IDENTITY = 65535;
const LAST_ENDPOINT = 4095;

/** What says nothing about who a pod is: each matches at the label's beginning. Cilium: pkg/labelsfilter/filter.go, defaultLabelPrefixCfg */
const IGNORED: readonly RegExp[] = [
  /^(?:io\.kubernetes|kubernetes\.io|k8s\.io)/,
  /^(?:statefulset\.kubernetes\.io\/pod-name|apps\.kubernetes\.io\/pod-index)/,
  /^batch\.kubernetes\.io\/(?:job-completion-index|controller-uid)/,
  /^.*beta\.kubernetes\.io/,
  /^(?:pod-template-generation|pod-template-hash|controller-revision-hash|controller-uid|annotation|etcd_node)/,
];
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels';
const NO_LABELS: Readonly<Record<string, string>> = {};

/** In the order in which `cilium-dbg` prints them. */
export function identityLabels(pod: Pod, view: StoreView): readonly string[] {
  const namespace = namespaceOf(pod);
  const labels = Object.entries(pod.metadata.labels ?? {})
    .filter(([key]) => !IGNORED.some((pattern) => pattern.test(key)))
    .map(([key, value]) => `k8s:${key}=${value}`);
  const ofNamespace = view.find(`Namespace/${namespace}`)?.metadata.labels ?? NO_LABELS;
  labels.push(
    ...Object.entries(ofNamespace).map(([key, value]) => `k8s:${NAMESPACE_LABELS}.${key}=${value}`),
    `k8s:io.cilium.k8s.policy.cluster=${ciliumSettings(view).config.clusterName}`,
    `k8s:io.cilium.k8s.policy.serviceaccount=${pod.spec.serviceAccountName ?? 'default'}`,
    `k8s:io.kubernetes.pod.namespace=${namespace}`,
  );
  return labels.sort();
}

export interface EndpointNumbers {
  /** By Pod key. */
  readonly identities: ReadonlyMap<ObjectKey, number>;
  readonly endpoints: ReadonlyMap<ObjectKey, number>;
  /** Labels of each identity that pods have, by number. */
  readonly labels: ReadonlyMap<number, readonly string[]>;
  /** Equal for equal identities. */
  readonly text: string;
}

/** The hash's number, or the next one that nobody has. */
function freeNumber(text: string, first: number, last: number, isTaken: (number: number) => boolean): number {
  const count = last - first + 1;
  let at = hashText(text) % count;
  for (let tries = 0; tries < count && isTaken(first + at); tries += 1) at = (at + 1) % count;
  return first + at;
}

/** Of all pods with an address of their own. Which of two whose hashes meet gives way depends on the order of their texts alone. */
export const endpointNumbers = perState(['Pod', 'ConfigMap', 'Namespace'], (view): EndpointNumbers => {
  const identities = new Map<ObjectKey, number>();
  const endpoints = new Map<ObjectKey, number>();
  const labels = new Map<number, readonly string[]>();
  const pods = view.list<Pod>('Pod').filter(hasSandbox);
  const texts = new Map<string, readonly string[]>();
  const textOf = new Map<Pod, string>();
  for (const pod of pods) {
    const own = identityLabels(pod, view);
    const text = own.join(';');
    texts.set(text, own);
    textOf.set(pod, text);
  }
  const numbers = new Map<string, number>();
  for (const text of [...texts.keys()].sort()) {
    const number = freeNumber(text, FIRST_IDENTITY, LAST_IDENTITY, (one) => labels.has(one));
    numbers.set(text, number);
    labels.set(number, texts.get(text) ?? []);
  }
  const taken = new Set<string>();
  for (const pod of pods) {
    const key = objectKey(pod);
    const node = pod.spec.nodeName ?? '';
    identities.set(key, numbers.get(textOf.get(pod) ?? '') ?? FIRST_IDENTITY);
    const id = freeNumber(pod.metadata.uid ?? key, 1, LAST_ENDPOINT, (one) => taken.has(`${node} ${one}`));
    taken.add(`${node} ${id}`);
    endpoints.set(key, id);
  }
  return { identities, endpoints, labels, text: [...labels].map(([number, own]) => `${number} ${own.join(';')}`).join('\n') };
});
