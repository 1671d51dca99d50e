/** The kind StorageClass. Kubernetes: pkg/apis/storage/validation/validation.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineKind } from '../../objects/define.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { forbidden, invalid, invalidEach, required, unsupported } from '../field-errors.ts';
import { qualifiedNameErrors } from '../names.ts';
import { anythings, flag, kindSchema, text, textMap, texts } from '../schema.ts';

export interface StorageClass extends KubeObject {
  readonly provisioner?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly reclaimPolicy?: string;
  readonly volumeBindingMode?: string;
  readonly allowVolumeExpansion?: boolean;
}

const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];
const isDefault = (object: StorageClass): boolean => defaultAnnotations.some((name) => object.metadata.annotations?.[name] === 'true');

/** Of several default classes the youngest counts, then the first by name. */
export function defaultStorageClass(view: StoreView): StorageClass | undefined {
  const made = (one: StorageClass): string => one.metadata.creationTimestamp ?? '';
  return view
    .list<StorageClass>('StorageClass')
    .filter(isDefault)
    .reduce<StorageClass | undefined>((best, one) => (best === undefined || made(one) > made(best) ? one : best), undefined);
}

export const storageClass = defineKind<StorageClass>({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  hasGeneration: false,
  schema: kindSchema('A kind of storage and the program that makes volumes of it. Here every provisioner makes them at once.', {
    provisioner: text('The program that makes volumes.'),
    parameters: textMap('What it is told.'),
    reclaimPolicy: text('What becomes of a volume without its claim.', { default: 'Delete' }),
    mountOptions: texts('Options of mount.'),
    allowVolumeExpansion: flag('Whether claims may grow.'),
    volumeBindingMode: text('Immediate, or WaitForFirstConsumer: when a pod that uses the claim has a node.', { default: 'Immediate' }),
    allowedTopologies: anythings('Where volumes may be.'),
  }),
  validate: (object, old) => [
    ...((object.provisioner ?? '') === ''
      ? [required('provisioner')]
      : invalidEach('provisioner', object.provisioner ?? '', qualifiedNameErrors((object.provisioner ?? '').toLowerCase()))),
    ...(object.reclaimPolicy === 'Delete' || object.reclaimPolicy === 'Retain'
      ? []
      : [unsupported('reclaimPolicy', object.reclaimPolicy ?? '', ['Delete', 'Retain'])]),
    ...(object.volumeBindingMode === 'Immediate' || object.volumeBindingMode === 'WaitForFirstConsumer'
      ? []
      : [unsupported('volumeBindingMode', object.volumeBindingMode ?? '', ['Immediate', 'WaitForFirstConsumer'])]),
    ...(old === undefined || deepEqual(object.parameters, old.parameters) ? [] : [forbidden('parameters', 'updates to parameters are forbidden.')]),
    ...(old === undefined || object.provisioner === old.provisioner ? [] : [forbidden('provisioner', 'updates to provisioner are forbidden.')]),
    ...(old === undefined || object.reclaimPolicy === old.reclaimPolicy ? [] : [forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.')]),
    ...(old === undefined || object.volumeBindingMode === old.volumeBindingMode
      ? []
      : [invalid('volumeBindingMode', object.volumeBindingMode, 'field is immutable')]),
  ],
  columns: columnsOf('NAME, PROVISIONER, RECLAIMPOLICY, VOLUMEBINDINGMODE, ALLOWVOLUMEEXPANSION, AGE'),
  row: (object, context) => [
    isDefault(object) ? `${object.metadata.name} (default)` : object.metadata.name,
    object.provisioner ?? '',
    object.reclaimPolicy ?? '',
    object.volumeBindingMode ?? '',
    `${object.allowVolumeExpansion === true}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.provisioner ?? '' }),
});
