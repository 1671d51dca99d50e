/** The kind PersistentVolume. Kubernetes: pkg/apis/core/validation/validation.go, ValidatePersistentVolumeSpec. */
import { deepEqual } from '../../base/equal.ts';
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject, Schema } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { forbidden, invalid, invalidEach, required, unsupported } from '../field-errors.ts';
import { dnsSubdomainErrors } from '../names.ts';
import { parseQuantity } from '../pod/quantity.ts';
import { anything, kindSchema, mapOf, quantity, struct, text, texts } from '../schema.ts';

export interface PersistentVolume extends KubeObject {
  readonly spec: {
    readonly capacity?: Readonly<Record<string, string>>;
    readonly accessModes?: readonly string[];
    readonly persistentVolumeReclaimPolicy?: string;
    readonly storageClassName?: string;
    readonly volumeMode?: string;
    readonly claimRef?: { readonly namespace?: string; readonly name?: string; readonly uid?: string };
    readonly mountOptions?: readonly string[];
    readonly [source: string]: unknown;
  };
  readonly status?: { readonly phase?: string; readonly reason?: string; readonly message?: string; readonly lastPhaseTransitionTime?: string };
}

const supportedModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const shortModes: Readonly<Record<string, string>> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };
/** `RWO,RWX` in the order in which the printer knows them. */
export const formatModes = (modes: readonly string[] | undefined): string =>
  Object.entries(shortModes)
    .filter(([mode]) => modes?.includes(mode) === true)
    .map(([, short]) => short)
    .join(',');

/** Where a volume's bytes are; exactly one of these is given. In the server's order. */
const sources = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'hostPath',
  'glusterfs',
  'nfs',
  'rbd',
  'iscsi',
  'cinder',
  'cephfs',
  'fc',
  'flocker',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'local',
  'storageos',
  'csi',
];

export function accessModeErrors(path: string, modes: readonly string[]): FieldError[] {
  const errors = modes.filter((mode) => !supportedModes.includes(mode)).map((mode) => unsupported(path, mode, supportedModes));
  if (modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod'))
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

/** Storage is an amount of bytes greater than nothing. */
export function storageErrors(path: string, amount: string): FieldError[] {
  return (parseQuantity(amount) ?? 0) > 0 ? [] : [invalid(path, amount, 'must be greater than zero')];
}

function validate(object: PersistentVolume, old: PersistentVolume | undefined): FieldError[] {
  const { spec } = object;
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'));
  errors.push(...accessModeErrors('spec.accessModes', spec.accessModes ?? []));
  const capacity = spec.capacity ?? {};
  if (Object.keys(capacity).length === 0) errors.push(required('spec.capacity'));
  else if (capacity.storage === undefined || Object.keys(capacity).length > 1) errors.push(unsupported('spec.capacity', capacity, ['storage']));
  if (capacity.storage !== undefined) errors.push(...storageErrors('spec.capacity[storage]', capacity.storage));
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy !== undefined && !['Delete', 'Recycle', 'Retain'].includes(policy))
    errors.push(unsupported('spec.persistentVolumeReclaimPolicy', policy, ['Delete', 'Recycle', 'Retain']));
  const given = sources.filter((source) => spec[source] !== undefined);
  for (const extra of given.slice(1)) errors.push(forbidden(`spec.${extra}`, 'may not specify more than 1 volume type'));
  if (given.length === 0) errors.push(required('spec', 'must specify a volume type'));
  const hostPath = spec.hostPath as { readonly path?: string } | undefined;
  if (hostPath !== undefined && (hostPath.path ?? '') === '') errors.push(required('spec.hostPath.path'));
  if (hostPath?.path === '/' && policy === 'Recycle')
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  const local = spec.local as { readonly path?: string } | undefined;
  if (local !== undefined && (local.path ?? '') === '') errors.push(required('spec.local.path'));
  if (local !== undefined && spec.nodeAffinity === undefined) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  const nfs = spec.nfs as { readonly server?: string; readonly path?: string } | undefined;
  if (nfs !== undefined && (nfs.server ?? '') === '') errors.push(required('spec.nfs.server'));
  if (nfs !== undefined && (nfs.path ?? '') === '') errors.push(required('spec.nfs.path'));
  if (nfs?.path !== undefined && nfs.path !== '' && !nfs.path.startsWith('/')) errors.push(invalid('spec.nfs.path', nfs.path, 'must be an absolute path'));
  const csi = spec.csi as { readonly driver?: string; readonly volumeHandle?: string } | undefined;
  if (csi !== undefined && (csi.driver ?? '') === '') errors.push(required('spec.csi.driver'));
  if (csi !== undefined && (csi.volumeHandle ?? '') === '') errors.push(required('spec.csi.volumeHandle'));
  if (spec.storageClassName !== undefined && spec.storageClassName !== '')
    errors.push(...invalidEach('spec.storageClassName', spec.storageClassName, dnsSubdomainErrors(spec.storageClassName)));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Block' && spec.volumeMode !== 'Filesystem')
    errors.push(unsupported('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']));
  if (old === undefined) return errors;
  if (sources.some((source) => !deepEqual(spec[source], old.spec[source])))
    errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  if (spec.volumeMode !== old.spec.volumeMode) errors.push(invalid('spec.volumeMode', spec.volumeMode ?? null, 'field is immutable'));
  return errors;
}

const sourceSchemas: Readonly<Record<string, Schema>> = Object.fromEntries(sources.map((source) => [source, anything(`Where the bytes are: ${source}.`)]));

export const persistentVolume = defineKind<PersistentVolume>({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  namespaced: false,
  hasGeneration: false,
  schema: kindSchema(
    'A piece of storage. It is bound to a claim; its bytes are not part of the simulation.',
    {
      spec: struct('What it is.', {
        capacity: mapOf('How large it is.', quantity('Bytes.')),
        accessModes: texts('How it may be mounted.'),
        persistentVolumeReclaimPolicy: text('What becomes of it without its claim.', { default: 'Retain' }),
        storageClassName: text('Its class.'),
        volumeMode: text('Filesystem or Block.', { default: 'Filesystem' }),
        claimRef: anything('The claim it is bound to.'),
        mountOptions: texts('Options of mount.'),
        nodeAffinity: anything('The nodes that can reach it.'),
        volumeAttributesClassName: text('A class of attributes.'),
        ...sourceSchemas,
      }),
      status: anything('What the controller reports.'),
    },
    ['spec'],
  ),
  defaults: (object) => (object.status === undefined && object.spec !== undefined ? { ...object, status: { phase: 'Pending' } } : object),
  validate,
  columns: columnsOf('NAME, CAPACITY, ACCESS MODES, RECLAIM POLICY, STATUS, CLAIM, STORAGECLASS, VOLUMEATTRIBUTESCLASS, REASON, AGE, +VOLUMEMODE'),
  row: (object, context) => [
    object.metadata.name,
    object.spec.capacity?.storage ?? '',
    formatModes(object.spec.accessModes),
    object.spec.persistentVolumeReclaimPolicy ?? '',
    object.metadata.deletionTimestamp === undefined ? (object.status?.phase ?? '') : 'Terminating',
    object.spec.claimRef === undefined ? '' : `${object.spec.claimRef.namespace ?? ''}/${object.spec.claimRef.name ?? ''}`,
    object.spec.storageClassName ?? '',
    '<unset>',
    object.status?.reason ?? '',
    context.age(object.metadata.creationTimestamp),
    object.spec.volumeMode ?? '<unset>',
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.status?.phase ?? '' }),
});
