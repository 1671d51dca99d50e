/** The kinds ReplicaSet, DaemonSet, StatefulSet and Job. */
import { humanDuration, parseRfc3339 } from '../../base/time.ts';
import { defineKind } from '../../objects/define.ts';
import type { RowContext } from '../../objects/types.ts';
import { required } from '../field-errors.ts';
import { formatLabels, formatSelector, labelSelectorSchema } from '../label-selector.ts';
import { podTemplateSchema } from '../pod/spec-schema.ts';
import { validatePodSpec } from '../pod/validate.ts';
import { anything, anythings, choice, flag, integer, kindSchema, longInteger, struct, text } from '../schema.ts';
import { jobDefaults } from './job-defaults.ts';
import { daemonSetSpecErrors, jobSpecErrors, replicaSetSpecErrors, statefulSetSpecErrors } from './spec-errors.ts';
import {
  containerImages,
  containerNames,
  minReadySeconds,
  rollingUpdateSchema,
  selectorAndTemplate,
  templateDefaults,
  validateReplicas,
  validateTemplate,
} from './template.ts';
import type { DaemonSet, Job, ReplicaSet, StatefulSet } from './types.ts';

const status = anything('What the controller reports.');

/** The same reference when the spec is complete. */
const withTemplateDefaults = <T extends { readonly spec: Parameters<typeof templateDefaults>[0] }>(object: T): T => {
  if (object.spec === undefined) return object;
  const spec = templateDefaults(object.spec);
  return spec === object.spec ? object : { ...object, spec };
};

export const replicaSet = defineKind<ReplicaSet>({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  namespaced: true,
  schema: kindSchema(
    'Keeps a number of equal pods running. Usually made by a Deployment.',
    {
      spec: struct(
        'What is wanted.',
        { replicas: integer('How many pods.', { default: 1 }), minReadySeconds, ...selectorAndTemplate },
        ['selector', 'template'],
        {
          goType: 'ReplicaSetSpec',
        },
      ),
      status,
    },
    ['spec'],
  ),
  defaults: withTemplateDefaults,
  validate: (object, old) => [
    ...validateReplicas(object.spec.replicas),
    ...replicaSetSpecErrors(object),
    ...validateTemplate(object.spec, old?.spec, 'deployment'),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'DESIRED', priority: 0 },
    { name: 'CURRENT', priority: 0 },
    { name: 'READY', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'CONTAINERS', priority: 1 },
    { name: 'IMAGES', priority: 1 },
    { name: 'SELECTOR', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${object.spec.replicas ?? 1}`,
    `${object.status?.replicas ?? 0}`,
    `${object.status?.readyReplicas ?? 0}`,
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.template),
    containerImages(object.spec.template),
    formatSelector(object.spec.selector),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1} ready` }),
});

export const daemonSet = defineKind<DaemonSet>({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  namespaced: true,
  schema: kindSchema(
    'Runs one pod on each node that fits.',
    {
      spec: struct(
        'What is wanted.',
        {
          ...selectorAndTemplate,
          updateStrategy: struct('How pods are replaced.', { type: choice('How.', ['OnDelete', 'RollingUpdate']), rollingUpdate: rollingUpdateSchema }),
          minReadySeconds,
          revisionHistoryLimit: integer('How many revisions are kept.', { default: 10 }),
          templateGeneration: longInteger('Obsolete.'),
        },
        ['selector', 'template'],
        { goType: 'DaemonSetSpec' },
      ),
      status,
    },
    ['spec'],
  ),
  defaults: (object) => {
    if (object.spec === undefined) return object;
    const filled = withTemplateDefaults(object);
    const { updateStrategy } = filled.spec;
    if (updateStrategy?.type === 'OnDelete' || (updateStrategy?.type !== undefined && updateStrategy.rollingUpdate?.maxUnavailable !== undefined))
      return filled;
    const rollingUpdate = { maxSurge: 0, maxUnavailable: 1, ...updateStrategy?.rollingUpdate };
    return { ...filled, spec: { ...filled.spec, updateStrategy: { type: 'RollingUpdate', ...updateStrategy, rollingUpdate } } };
  },
  validate: (object, old) => [...validateTemplate(object.spec, old?.spec, 'daemonset'), ...daemonSetSpecErrors(object)],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'DESIRED', priority: 0 },
    { name: 'CURRENT', priority: 0 },
    { name: 'READY', priority: 0 },
    { name: 'UP-TO-DATE', priority: 0 },
    { name: 'AVAILABLE', priority: 0 },
    { name: 'NODE SELECTOR', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'CONTAINERS', priority: 1 },
    { name: 'IMAGES', priority: 1 },
    { name: 'SELECTOR', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${object.status?.desiredNumberScheduled ?? 0}`,
    `${object.status?.currentNumberScheduled ?? 0}`,
    `${object.status?.numberReady ?? 0}`,
    `${object.status?.updatedNumberScheduled ?? 0}`,
    `${object.status?.numberAvailable ?? 0}`,
    formatLabels(object.spec.template.spec.nodeSelector),
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.template),
    containerImages(object.spec.template),
    formatSelector(object.spec.selector),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.status?.numberReady ?? 0}/${object.status?.desiredNumberScheduled ?? 0} ready` }),
});

export const statefulSet = defineKind<StatefulSet>({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  namespaced: true,
  schema: kindSchema(
    'Runs numbered pods with stable names, one after the other.',
    {
      spec: struct(
        'What is wanted.',
        {
          replicas: integer('How many pods.', { default: 1 }),
          ...selectorAndTemplate,
          serviceName: text('The headless Service under which the pods have names in DNS.'),
          podManagementPolicy: choice('OrderedReady: one after the other. Parallel: all at once.', ['OrderedReady', 'Parallel'], { default: 'OrderedReady' }),
          updateStrategy: struct('How pods are replaced.', {
            type: choice('How.', ['OnDelete', 'RollingUpdate']),
            rollingUpdate: struct('How far.', {
              partition: integer('Pods with smaller numbers keep the old template.'),
              maxUnavailable: { description: 'How many at once.', 'x-kubernetes-int-or-string': true },
            }),
          }),
          ordinals: struct('How pods are numbered.', { start: integer('First number.', { minimum: 0 }) }),
          minReadySeconds,
          revisionHistoryLimit: integer('How many revisions are kept.', { default: 10 }),
          volumeClaimTemplates: anythings('A claimed volume for each pod.'),
          persistentVolumeClaimRetentionPolicy: anything('What becomes of volumes.'),
        },
        ['selector', 'template'],
        { goType: 'StatefulSetSpec' },
      ),
      status,
    },
    ['spec'],
  ),
  defaults: (object) => {
    if (object.spec === undefined) return object;
    const filled = withTemplateDefaults(object);
    if (filled.spec.updateStrategy?.type !== undefined) return filled;
    return {
      ...filled,
      spec: { ...filled.spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, ...filled.spec.updateStrategy?.rollingUpdate } } },
    };
  },
  validate: (object, old) => [
    ...validateReplicas(object.spec.replicas),
    ...validateTemplate(object.spec, undefined, 'statefulset'),
    ...statefulSetSpecErrors(object, old),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'READY', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'CONTAINERS', priority: 1 },
    { name: 'IMAGES', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1}`,
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.template),
    containerImages(object.spec.template),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1} ready` }),
});

/** Kubernetes: printers.go, printJob: as the conditions say, else how far it is. */
function jobStatus(job: Job): string {
  const holds = (type: string) => job.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  if (holds('Complete')) return 'Complete';
  if (holds('Failed')) return 'Failed';
  return job.metadata.deletionTimestamp === undefined ? (holds('Suspended') ? 'Suspended' : 'Running') : 'Terminating';
}

/** Without a wanted number, one success of its parallel pods is enough. */
function jobCompletions({ spec, status: now }: Job): string {
  if (spec.completions !== undefined) return `${now?.succeeded ?? 0}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${now?.succeeded ?? 0}/1 of ${parallelism}` : `${now?.succeeded ?? 0}/1`;
}

/** From its start to its end; while it runs, to now. */
function jobDuration({ status: now }: Job, context: RowContext): string {
  const start = parseRfc3339(now?.startTime ?? '');
  if (start === undefined) return '';
  const end = parseRfc3339(now?.completionTime ?? '');
  return end === undefined ? context.age(now?.startTime) : humanDuration((end - start) / 1000);
}

export const job = defineKind<Job>({
  apiVersion: 'batch/v1',
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  shortNames: [],
  namespaced: true,
  schema: kindSchema(
    'Runs pods until enough of them have ended well.',
    {
      spec: struct(
        'What is wanted.',
        {
          completions: integer('How many pods must end well.'),
          parallelism: integer('How many run at the same time.'),
          backoffLimit: integer('How often it is tried again.'),
          activeDeadlineSeconds: longInteger('Seconds after which it fails.'),
          ttlSecondsAfterFinished: integer('Seconds after which it is removed.'),
          completionMode: choice('Whether pods are numbered.', ['Indexed', 'NonIndexed']),
          suspend: flag('No pods for now.'),
          manualSelector: flag('The selector was written by hand.'),
          selector: labelSelectorSchema('Labels of its pods; set by the server.'),
          template: podTemplateSchema,
          podFailurePolicy: anything('What failures mean.'),
          podReplacementPolicy: text('When failed pods are replaced.'),
          backoffLimitPerIndex: integer('How often each number is tried.'),
          maxFailedIndexes: integer('How many numbers may fail.'),
          successPolicy: anything('When it has succeeded.'),
          managedBy: text('Who runs it.'),
        },
        ['template'],
        { goType: 'JobSpec' },
      ),
      status,
    },
    ['spec'],
  ),
  defaults: jobDefaults,
  validate: (object, old) => {
    const policy = object.spec.template.spec.restartPolicy;
    return [
      ...jobSpecErrors(object, old),
      ...validatePodSpec('spec.template.spec', object.spec.template.spec),
      ...(policy === 'OnFailure' || policy === 'Never' ? [] : [required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"')]),
    ];
  },
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'STATUS', priority: 0 },
    { name: 'COMPLETIONS', priority: 0 },
    { name: 'DURATION', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'CONTAINERS', priority: 1 },
    { name: 'IMAGES', priority: 1 },
    { name: 'SELECTOR', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    jobStatus(object),
    jobCompletions(object),
    jobDuration(object, context),
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.template),
    containerImages(object.spec.template),
    formatSelector(object.spec.selector),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: jobStatus(object) }),
});
