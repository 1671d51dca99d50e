/** The volumes of a StatefulSet's pods: claims by number, which outlive the pod. Kubernetes: pkg/controller/statefulset/{stateful_set_utils,stateful_pod_control}.go. */
import type { ControllerContext, KubeObject, OwnerReference } from '../../objects/types.ts';
import { namespaceOf, type Pod, type PodSpec } from '../pod/types.ts';
import type { StatefulSet } from './types.ts';

interface ClaimTemplate {
  readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
}

const templatesOf = (set: StatefulSet): readonly ClaimTemplate[] => (set.spec.volumeClaimTemplates ?? []) as readonly ClaimTemplate[];
const claimName = (set: StatefulSet, template: ClaimTemplate, ordinal: number): string => `${template.metadata?.name ?? ''}-${set.metadata.name}-${ordinal}`;

/** Volumes of the template's names are those claims, whatever the pod's template says of them. */
export function withClaims(set: StatefulSet, spec: PodSpec, ordinal: number): PodSpec {
  const claims = templatesOf(set).map((template) => ({
    name: template.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  if (claims.length === 0) return spec;
  const names = new Set(claims.map((one) => one.name));
  return { ...spec, volumes: [...claims, ...(spec.volumes ?? []).filter((volume) => !names.has(volume.name))] };
}

/** @returns why one could not be made */
export function createClaims(set: StatefulSet, ordinal: number, component: string, context: ControllerContext): string | undefined {
  for (const template of templatesOf(set)) {
    const name = claimName(set, template, ordinal);
    const namespace = namespaceOf(set);
    if (context.view.find(`PersistentVolumeClaim/${namespace}/${name}`) !== undefined) continue;
    const { labels, annotations } = template.metadata ?? {};
    const made = context.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name,
        namespace,
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec,
    });
    const what = `create Claim ${name} Pod ${set.metadata.name}-${ordinal} in StatefulSet ${set.metadata.name}`;
    if (made === undefined) {
      context.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${context.refusal}`, component);
      return context.refusal;
    }
    context.event(set, 'Normal', 'SuccessfulCreate', `${what} success`, component);
  }
  return undefined;
}

const reference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
});

/** By the retention policy claims go with their set (`whenDeleted: Delete`) or with a pod that is one too many (`whenScaled: Delete`); by default they stay. */
export function ownClaims(set: StatefulSet, pod: Pod, ordinal: number, isCondemned: boolean, context: ControllerContext): void {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const owner = isCondemned && whenScaled === 'Delete' ? pod : whenDeleted === 'Delete' ? set : undefined;
  for (const template of templatesOf(set)) {
    const claim = context.view.find(`PersistentVolumeClaim/${namespaceOf(set)}/${claimName(set, template, ordinal)}`);
    if (claim === undefined) continue;
    const before = claim.metadata.ownerReferences ?? [];
    const others = before.filter((one) => one.uid !== set.metadata.uid && one.kind !== 'Pod');
    const owners = owner === undefined ? others : [...others, reference(owner)];
    if (owners.length === before.length && owners.every((one, i) => one.uid === before[i]?.uid)) continue;
    const { ownerReferences: _, ...metadata } = claim.metadata;
    context.update({ ...claim, metadata: owners.length === 0 ? metadata : { ...metadata, ownerReferences: owners } });
  }
}
