/** What the specs of workloads must fulfil beyond their templates. Kubernetes: pkg/apis/apps/validation/validation.go, pkg/apis/batch/validation/validation.go. */
import { deepEqual } from '../../base/equal.ts';
import type { FieldError } from '../../objects/types.ts';
import { forbidden, immutable, invalid, notNegative, required, unsupported } from '../field-errors.ts';
import { validateIntOrPercent } from './template.ts';
import type { DaemonSet, Deployment, Job, ReplicaSet, StatefulSet } from './types.ts';

const isZero = (value: number | string | undefined): boolean => value === undefined || value === 0 || value === '0%';
const above100 = (path: string, value: number | string | undefined): FieldError[] =>
  typeof value === 'string' && /^\d{1,9}%$/.test(value) && Number(value.slice(0, -1)) > 100 ? [invalid(path, value, 'must not be greater than 100%')] : [];

type Counts = 'minReadySeconds' | 'revisionHistoryLimit' | 'progressDeadlineSeconds' | 'parallelism' | 'completions';
const counts = (spec: object, names: readonly (Counts | keyof Job['spec'])[]): FieldError[] =>
  names.flatMap((name) => notNegative(`spec.${name}`, (spec as Readonly<Record<string, number | undefined>>)[name]));

export function deploymentSpecErrors({ spec }: Deployment): FieldError[] {
  const errors = counts(spec, ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']);
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  if (deadline !== undefined && deadline <= minReadySeconds)
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  return errors;
}

export const replicaSetSpecErrors = ({ spec }: ReplicaSet): FieldError[] => counts(spec, ['minReadySeconds']);

const changeable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);
const changeWords =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function statefulSetSpecErrors({ spec }: StatefulSet, old: StatefulSet | undefined): FieldError[] {
  const errors = counts(spec, ['minReadySeconds', 'revisionHistoryLimit']);
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === 'OnDelete' && rollingUpdate !== undefined)
    errors.push(invalid('spec.updateStrategy.rollingUpdate', rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
  else errors.push(...notNegative('spec.updateStrategy.rollingUpdate.partition', rollingUpdate?.partition));
  if (old === undefined) return errors;
  const [now, before] = [spec as Readonly<Record<string, unknown>>, old.spec as Readonly<Record<string, unknown>>];
  const isOther = Object.keys({ ...now, ...before }).some((name) => !changeable.has(name) && !deepEqual(now[name], before[name]));
  return isOther ? [...errors, forbidden('spec', changeWords)] : errors;
}

export function daemonSetSpecErrors({ spec }: DaemonSet): FieldError[] {
  const errors = counts(spec, ['minReadySeconds', 'revisionHistoryLimit']);
  if (spec.updateStrategy?.type !== 'RollingUpdate') return errors;
  const { maxSurge, maxUnavailable } = spec.updateStrategy.rollingUpdate ?? {};
  const at = 'spec.updateStrategy.rollingUpdate';
  errors.push(...validateIntOrPercent(`${at}.maxUnavailable`, maxUnavailable), ...validateIntOrPercent(`${at}.maxSurge`, maxSurge));
  if (!isZero(maxUnavailable) && !isZero(maxSurge)) errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return [...errors, ...above100(`${at}.maxUnavailable`, maxUnavailable), ...above100(`${at}.maxSurge`, maxSurge)];
}

export function jobSpecErrors({ spec }: Job, old: Job | undefined): FieldError[] {
  const errors = counts(spec, [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ]);
  const { completionMode: mode } = spec;
  if (mode !== undefined && mode !== 'Indexed' && mode !== 'NonIndexed') errors.push(unsupported('spec.completionMode', mode, ['NonIndexed', 'Indexed']));
  if (mode === 'Indexed' && spec.completions === undefined) errors.push(required('spec.completions', 'when completion mode is Indexed'));
  if (mode !== 'Indexed' && spec.backoffLimitPerIndex !== undefined)
    errors.push(invalid('spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, 'requires indexed completion mode'));
  if (old === undefined) return errors;
  // An indexed Job may change both together.
  const isElastic = mode === 'Indexed' && spec.completions === spec.parallelism && spec.completions !== undefined;
  if (!isElastic) errors.push(...immutable('spec.completions', spec.completions, old.spec.completions));
  errors.push(...immutable('spec.selector', spec.selector, old.spec.selector));
  // A Job that has not begun may still say where its pods go.
  if (old.spec.suspend !== true) errors.push(...immutable('spec.template', spec.template, old.spec.template));
  errors.push(...immutable('spec.completionMode', spec.completionMode, old.spec.completionMode));
  return [...errors, ...immutable('spec.podFailurePolicy', spec.podFailurePolicy, old.spec.podFailurePolicy)];
}
