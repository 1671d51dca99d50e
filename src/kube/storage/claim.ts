/** The kind PersistentVolumeClaim. Kubernetes: pkg/apis/core/validation/validation.go, ValidatePersistentVolumeClaimSpec; plugin/pkg/admission/storage/storageclass/setdefault. */
import { deepEqual } from '../../base/equal.ts';
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject, StoreView } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { forbidden, invalidEach, required, unsupported } from '../field-errors.ts';
import { type LabelSelector, labelSelectorSchema, validateSelector } from '../label-selector.ts';
import { dnsSubdomainErrors } from '../names.ts';
import { parseQuantity } from '../pod/quantity.ts';
import { anything, kindSchema, mapOf, quantity, struct, text, texts } from '../schema.ts';
import { defaultStorageClass } from './storage-class.ts';
import { accessModeErrors, formatModes, storageErrors } from './volume.ts';

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly selector?: LabelSelector;
    readonly resources?: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> };
    readonly volumeName?: string;
    readonly storageClassName?: string;
    readonly volumeMode?: string;
  };
  readonly status?: { readonly phase?: string; readonly accessModes?: readonly string[]; readonly capacity?: Readonly<Record<string, string>> };
}

export const claimProtection = 'kubernetes.io/pvc-protection';

function validate(object: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined): FieldError[] {
  const { spec } = object;
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes', 'at least 1 access mode is required'));
  if (spec.selector !== undefined) errors.push(...validateSelector('spec.selector', spec.selector));
  errors.push(...accessModeErrors('spec.accessModes', spec.accessModes ?? []));
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) errors.push(required('spec.resources[storage]'));
  else errors.push(...storageErrors('spec.resources[storage]', storage));
  if (spec.storageClassName !== undefined && spec.storageClassName !== '')
    errors.push(...invalidEach('spec.storageClassName', spec.storageClassName, dnsSubdomainErrors(spec.storageClassName)));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Block' && spec.volumeMode !== 'Filesystem')
    errors.push(unsupported('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']));
  return old === undefined ? errors : [...errors, ...changeErrors(spec, old.spec, old.status?.phase === 'Bound')];
}

/** A claim that is bound may grow; a volume may be given to one that has none; everything else stays. */
function changeErrors(spec: PersistentVolumeClaim['spec'], old: PersistentVolumeClaim['spec'], isBound: boolean): FieldError[] {
  if (spec === old) return [];
  const rest = (one: PersistentVolumeClaim['spec']) => ({ ...one, resources: undefined, volumeName: undefined });
  const size = parseQuantity(spec.resources?.requests?.storage ?? '0') ?? 0;
  const before = parseQuantity(old.resources?.requests?.storage ?? '0') ?? 0;
  const isOther =
    !deepEqual(rest(spec), rest(old)) ||
    ((old.volumeName ?? '') !== '' && spec.volumeName !== old.volumeName) ||
    !deepEqual(spec.resources?.limits, old.resources?.limits) ||
    (size !== before && !isBound);
  if (isOther) return [forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims')];
  return size < before ? [forbidden('spec.resources.requests.storage', 'field can not be less than previous value')] : [];
}

/** A claim without a class gets the default one; growing needs a class that allows it. */
function admit(object: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined, view: StoreView) {
  if (old === undefined) {
    const finalizers = object.metadata.finalizers ?? [];
    const isProtected = finalizers.includes(claimProtection);
    const chosen = object.spec.storageClassName === undefined ? defaultStorageClass(view)?.metadata.name : undefined;
    if (isProtected && chosen === undefined) return { object, errors: [] };
    return {
      object: {
        ...object,
        metadata: isProtected ? object.metadata : { ...object.metadata, finalizers: [...finalizers, claimProtection] },
        spec: chosen === undefined ? object.spec : { ...object.spec, storageClassName: chosen },
      },
      errors: [],
    };
  }
  if (object.spec.resources === old.spec.resources) return { object, errors: [] };
  const named = view.find<KubeObject & { readonly allowVolumeExpansion?: boolean }>(`StorageClass/${object.spec.storageClassName ?? ''}`);
  const words = 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
  return { object, errors: named?.allowVolumeExpansion === true ? [] : [forbidden('spec.resources.requests.storage', words)] };
}

export const persistentVolumeClaim = defineKind<PersistentVolumeClaim>({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema(
    'Asks for a piece of storage. It gets a volume; its bytes are not part of the simulation.',
    {
      spec: struct('What is wanted.', {
        accessModes: texts('How it will be mounted.'),
        selector: labelSelectorSchema('Only volumes with these labels.'),
        resources: struct('How much.', { requests: mapOf('At least.', quantity('Bytes.')), limits: mapOf('At most.', quantity('Bytes.')) }),
        volumeName: text('The volume it is bound to.'),
        storageClassName: text('The class of the volume.'),
        volumeMode: text('Filesystem or Block.', { default: 'Filesystem' }),
        dataSource: anything('What it is filled from.'),
        dataSourceRef: anything('What it is filled from.'),
        volumeAttributesClassName: text('A class of attributes.'),
      }),
      status: anything('What the controller reports.'),
    },
    ['spec'],
  ),
  defaults: (object) => (object.status === undefined && object.spec !== undefined ? { ...object, status: { phase: 'Pending' } } : object),
  validate,
  admit,
  columns: columnsOf('NAME, STATUS, VOLUME, CAPACITY, ACCESS MODES, STORAGECLASS, VOLUMEATTRIBUTESCLASS, AGE, +VOLUMEMODE'),
  row: (object, context) => {
    const isBound = (object.spec.volumeName ?? '') !== '';
    return [
      object.metadata.name,
      object.metadata.deletionTimestamp === undefined ? (object.status?.phase ?? '') : 'Terminating',
      object.spec.volumeName ?? '',
      isBound ? (object.status?.capacity?.storage ?? '') : '',
      isBound ? formatModes(object.status?.accessModes) : '',
      object.spec.storageClassName ?? '',
      '<unset>',
      context.age(object.metadata.creationTimestamp),
      object.spec.volumeMode ?? '<unset>',
    ];
  },
  describe: (object) => ({ title: object.metadata.name, subtitle: object.status?.phase ?? '' }),
});
