/** The kind ControllerRevision, and how StatefulSets and DaemonSets keep their templates in it. Kubernetes: pkg/controller/history/controller_history.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineKind } from '../../objects/define.ts';
import type { ControllerContext, KubeObject } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { immutable } from '../field-errors.ts';
import { namespaceOf, type Pod, type PodTemplate } from '../pod/types.ts';
import { anything, kindSchema, longInteger } from '../schema.ts';
import { controllerOf, ownerReference } from './pods.ts';
import { templateHash } from './template-hash.ts';

export interface ControllerRevision extends KubeObject {
  readonly data?: { readonly spec?: { readonly template?: PodTemplate } };
  readonly revision: number;
}

export const revisionLabel = 'controller-revision-hash';

export const controllerRevision = defineKind<ControllerRevision>({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  shortNames: [],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema(
    'A template that a StatefulSet or DaemonSet had, so that there is a way back to it.',
    { data: anything('What was remembered.'), revision: longInteger('The later, the greater.') },
    ['revision'],
  ),
  validate: (object, old) => (old === undefined ? [] : immutable('data', object.data, old.data)),
  columns: columnsOf('NAME, CONTROLLER, REVISION, AGE'),
  row: (object, context) => {
    const owner = controllerOf(object);
    const group = owner === undefined ? '' : (owner.apiVersion.split('/')[0] ?? '');
    return [
      object.metadata.name,
      owner === undefined ? '<none>' : `${owner.kind.toLowerCase()}.${group}/${owner.name}`,
      `${object.revision}`,
      context.age(object.metadata.creationTimestamp),
    ];
  },
  describe: (object) => ({ title: object.metadata.name, subtitle: `revision ${object.revision}` }),
});

interface Versioned extends KubeObject {
  readonly spec: { readonly template: PodTemplate; readonly revisionHistoryLimit?: number };
}

/** Oldest first. */
export const revisionsOf = (owner: KubeObject, context: ControllerContext): readonly ControllerRevision[] =>
  [...context.view.owned<ControllerRevision>('ControllerRevision', owner.metadata.uid ?? '')].sort((a, b) => a.revision - b.revision);

/** Templates are kept with the word by which a patch takes them whole. */
const dataOf = (template: PodTemplate): unknown => ({ spec: { template: { ...template, $patch: 'replace' } } });

/**
 * The revision of the template as it is now, made where there is none; one that is in use again becomes the newest. The given labels are added to the
 * template's.
 */
export function currentRevision(
  owner: Versioned,
  labelsOf: (hash: string) => Readonly<Record<string, string>>,
  context: ControllerContext,
): ControllerRevision {
  const known = revisionsOf(owner, context);
  const data = dataOf(owner.spec.template);
  const newest = known.at(-1);
  const equal = known.findLast((one) => deepEqual(one.data, data));
  if (equal !== undefined && equal === newest) return equal;
  const revision = (newest?.revision ?? 0) + 1;
  if (equal !== undefined) return (context.update({ ...equal, revision } as KubeObject) as ControllerRevision | undefined) ?? equal;
  const { name, annotations } = owner.metadata;
  let made: ControllerRevision | undefined;
  // Another template may have the same hash.
  for (let collisions = 0; collisions < 10 && made === undefined; collisions += 1) {
    const hash = templateHash(owner.spec.template, collisions);
    const metadata = {
      name: `${name}-${hash}`,
      namespace: namespaceOf(owner),
      labels: { ...owner.spec.template.metadata?.labels, ...labelsOf(hash) },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReference(owner)],
    };
    const wanted = { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata, data, revision } as KubeObject;
    if (context.view.find(objectKey(wanted)) === undefined) made = (context.create(wanted) ?? wanted) as ControllerRevision;
  }
  return made ?? ({ metadata: { name: `${name}-${templateHash(owner.spec.template)}` }, revision } as ControllerRevision);
}

/** The oldest beyond the limit go, but for those that something still is made of. */
export function pruneRevisions(owner: Versioned, pods: readonly Pod[], inUse: readonly string[], context: ControllerContext): void {
  const live = new Set([...inUse, ...pods.map((pod) => pod.metadata.labels?.[revisionLabel] ?? '')]);
  const { name } = owner.metadata;
  const unused = revisionsOf(owner, context).filter((one) => !live.has(one.metadata.name) && !live.has(one.metadata.name.slice(name.length + 1)));
  for (const one of unused.slice(0, Math.max(0, unused.length - (owner.spec.revisionHistoryLimit ?? 10)))) context.remove(objectKey(one));
}

export const templateOf = (revision: ControllerRevision): PodTemplate | undefined => {
  const { $patch: _, ...template } = (revision.data?.spec?.template ?? {}) as PodTemplate & { readonly $patch?: string };
  return template.spec === undefined ? undefined : template;
};
