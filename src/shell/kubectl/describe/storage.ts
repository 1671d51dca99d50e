/** kubectl describe persistentvolume, persistentvolumeclaim, storageclass. Kubernetes: kubectl/pkg/describe/describe.go */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, pairs, text } from '../../json.ts';
import { ageOf } from '../age.ts';
import { annotations, type DescribeContext, describeConditionTable, describeEvents, formatLabels, labels, metadata, yesOrUnset } from './common.ts';
import { volumeLines } from './volumes.ts';
import type { PrefixWriter } from './writer.ts';

const MODES = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;

/** `RWO,ROX`: each mode once, in this order. */
function accessModes(value: unknown): string {
  const modes = list(value).map(text);
  return MODES.filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

function classOf(object: KubeObject): string {
  return object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? text(at(object, 'spec', 'storageClassName'));
}

function phaseOf(object: KubeObject, context: DescribeContext): string {
  const { deletionTimestamp } = object.metadata;
  return deletionTimestamp === undefined ? text(at(object, 'status', 'phase')) : `Terminating (lasts ${ageOf(context.host, deletionTimestamp)})`;
}

export function describeVolume(writer: PrefixWriter, volume: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  const spec = (...path: string[]): unknown => at(volume, 'spec', ...path);
  line('Name', volume.metadata.name);
  metadata(writer, volume);
  line('Finalizers', `[${(volume.metadata.finalizers ?? []).join(' ')}]`);
  line('StorageClass', classOf(volume));
  line('Status', phaseOf(volume, context));
  line('Claim', spec('claimRef') === undefined ? '' : `${text(spec('claimRef', 'namespace'))}/${text(spec('claimRef', 'name'))}`);
  line('Reclaim Policy', text(spec('persistentVolumeReclaimPolicy')));
  line('Access Modes', accessModes(spec('accessModes')));
  if (spec('volumeMode') !== undefined) line('VolumeMode', text(spec('volumeMode')));
  line('Capacity', text(spec('capacity', 'storage')) || '0');
  const required = spec('nodeAffinity', 'required');
  if (required === undefined) line('Node Affinity', '<none>');
  else {
    line('Node Affinity', '');
    const terms = list(at(required, 'nodeSelectorTerms'));
    writer.write(1, `Required Terms:\t${terms.length === 0 ? '<none>' : ''}\n`);
    for (const [index, term] of terms.entries())
      requirements(writer, 2, `Term ${index}`, list(at(term, 'matchExpressions')), (entry) => text(at(entry, 'operator')).toLowerCase());
  }
  line('Message', text(at(volume, 'status', 'message')));
  writer.write(0, 'Source:\n');
  for (const source of volumeLines(spec(), 'volume')) writer.write(2, `${source}\n`);
  describeEvents(writer, context);
}

function requirements(writer: PrefixWriter, level: number, title: string, entries: readonly unknown[], operator: (entry: unknown) => string): void {
  writer.write(level, `${title}:\t`);
  if (entries.length === 0) writer.write(0, '<none>\n');
  for (const [index, entry] of entries.entries()) {
    if (index > 0) writer.write(level, '\t');
    const values = list(at(entry, 'values')).map(text);
    writer.write(0, `${text(at(entry, 'key'))} ${operator(entry)}${values.length === 0 ? '' : ` [${values.join(', ')}]`}\n`);
  }
}

/** `whole`: a claim, else the template of one inside a pod's ephemeral volume. */
export function describeClaimBody(writer: PrefixWriter, claim: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  line('Name', claim.metadata.name);
  line('Namespace', claim.metadata.namespace ?? '');
  line('StorageClass', classOf(claim));
  line('Status', phaseOf(claim, context));
  const volume = text(at(claim, 'spec', 'volumeName'));
  line('Volume', volume);
  labels(writer, 'Labels', claim.metadata.labels);
  annotations(writer, 'Annotations', claim.metadata.annotations);
  line('Finalizers', `[${(claim.metadata.finalizers ?? []).join(' ')}]`);
  line('Capacity', volume === '' ? '' : text(at(claim, 'status', 'capacity', 'storage')) || '0');
  line('Access Modes', volume === '' ? '' : accessModes(at(claim, 'status', 'accessModes')));
  if (at(claim, 'spec', 'volumeMode') !== undefined) line('VolumeMode', text(at(claim, 'spec', 'volumeMode')));
  const source = at(claim, 'spec', 'dataSource');
  if (source === undefined) return;
  writer.write(0, 'DataSource:\n');
  for (const [title, field] of [
    ['APIGroup', 'apiGroup'],
    ['Kind', 'kind'],
    ['Name', 'name'],
  ] as const)
    if (field !== 'apiGroup' || at(source, field) !== undefined) writer.write(1, `${title}:\t${text(at(source, field))}\n`);
}

export function describeClaim(writer: PrefixWriter, claim: KubeObject, context: DescribeContext): void {
  describeClaimBody(writer, claim, context);
  const users = context.host.api.view
    .list('Pod', claim.metadata.namespace)
    .filter((pod) => list(at(pod, 'spec', 'volumes')).some((volume) => text(at(volume, 'persistentVolumeClaim', 'claimName')) === claim.metadata.name))
    .map((pod) => pod.metadata.name);
  writer.write(0, `Used By:\t${users.length === 0 ? '<none>' : users.join('\n\t')}\n`);
  describeConditionTable(writer, claim, 'claim');
  describeEvents(writer, context);
}

/** A StatefulSet's templates. */
export function describeClaimTemplates(writer: PrefixWriter, templates: readonly unknown[]): void {
  if (templates.length === 0) {
    writer.write(0, 'Volume Claims:\t<none>\n');
    return;
  }
  writer.write(0, 'Volume Claims:\n');
  for (const template of templates) {
    writer.write(1, `Name:\t${text(at(template, 'metadata', 'name'))}\n`);
    writer.write(
      1,
      `StorageClass:\t${text(at(template, 'metadata', 'annotations', 'volume.beta.kubernetes.io/storage-class')) || text(at(template, 'spec', 'storageClassName'))}\n`,
    );
    for (const [title, field] of [
      ['Labels', 'labels'],
      ['Annotations', 'annotations'],
    ] as const) {
      const entries = pairs(at(template, 'metadata', field)).map(([key, value]) => `${key}=${value}`);
      writer.write(0, `  ${title}:\t${entries.length === 0 ? '<none>' : entries.join('\n  \t')}\n`);
    }
    writer.write(1, `Capacity:\t${text(at(template, 'spec', 'resources', 'requests', 'storage')) || '<default>'}\n`);
    writer.write(
      1,
      `Access Modes:\t[${list(at(template, 'spec', 'accessModes'))
        .map(text)
        .join(' ')}]\n`,
    );
  }
}

export function describeStorageClass(writer: PrefixWriter, object: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  line('Name', object.metadata.name);
  line(
    'IsDefaultClass',
    ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'].some(
      (key) => object.metadata.annotations?.[key] === 'true',
    )
      ? 'Yes'
      : 'No',
  );
  line('Annotations', formatLabels(object.metadata.annotations));
  line('Provisioner', text(at(object, 'provisioner')));
  line('Parameters', formatLabels(at(object, 'parameters')));
  line('AllowVolumeExpansion', yesOrUnset(at(object, 'allowVolumeExpansion')));
  const options = list(at(object, 'mountOptions')).map(text);
  writer.write(0, options.length === 0 ? 'MountOptions:\t<none>\n' : 'MountOptions:\n');
  for (const option of options) writer.write(1, `${option}\n`);
  for (const [title, field] of [
    ['ReclaimPolicy', 'reclaimPolicy'],
    ['VolumeBindingMode', 'volumeBindingMode'],
  ] as const)
    if (at(object, field) !== undefined) line(title, text(at(object, field)));
  const topologies = list(at(object, 'allowedTopologies'));
  if (topologies.length > 0) line('AllowedTopologies', '');
  for (const [index, term] of topologies.entries()) requirements(writer, 1, `Term ${index}`, list(at(term, 'matchLabelExpressions')), () => 'in');
  describeEvents(writer, context);
}
