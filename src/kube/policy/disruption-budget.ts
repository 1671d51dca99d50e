/** The kind PodDisruptionBudget. Kubernetes: pkg/apis/policy/validation/validation.go. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { invalid } from '../field-errors.ts';
import { type LabelSelector, labelSelectorSchema, validateSelector } from '../label-selector.ts';
import type { Condition } from '../pod/types.ts';
import { anything, choice, intOrString, kindSchema, struct } from '../schema.ts';
import { validateIntOrPercent } from '../workload/template.ts';

export interface PodDisruptionBudget extends KubeObject {
  readonly spec?: {
    readonly minAvailable?: number | string;
    readonly maxUnavailable?: number | string;
    readonly selector?: LabelSelector;
    readonly unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow';
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed?: number;
    readonly currentHealthy?: number;
    readonly desiredHealthy?: number;
    readonly expectedPods?: number;
    readonly disruptedPods?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
  };
}

function amountErrors(path: string, value: number | string | undefined): FieldError[] {
  const errors = validateIntOrPercent(path, value);
  const percent = typeof value === 'string' ? /^(\d{1,9})%$/.exec(value)?.[1] : undefined;
  return percent !== undefined && Number(percent) > 100 ? [...errors, invalid(path, value, 'must not be greater than 100%')] : errors;
}

export const podDisruptionBudget = defineKind<PodDisruptionBudget>({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  namespaced: true,
  schema: kindSchema('How many pods of a set may be evicted at the same time.', {
    spec: struct('What is wanted.', {
      minAvailable: intOrString('How many must stay, as a number or a percentage.'),
      selector: labelSelectorSchema('Which pods.'),
      maxUnavailable: intOrString('How many may be missing, as a number or a percentage.'),
      unhealthyPodEvictionPolicy: choice('Whether pods that are not ready may go.', ['AlwaysAllow', 'IfHealthyBudget']),
    }),
    status: anything('What the controller reports.'),
  }),
  validate: ({ spec = {} }) => [
    ...(spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
      ? [invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...amountErrors('spec.minAvailable', spec.minAvailable),
    ...amountErrors('spec.maxUnavailable', spec.maxUnavailable),
    ...(spec.selector === undefined ? [] : validateSelector('spec.selector', spec.selector)),
  ],
  columns: columnsOf('NAME, MIN AVAILABLE, MAX UNAVAILABLE, ALLOWED DISRUPTIONS, AGE'),
  row: (object, context) => [
    object.metadata.name,
    `${object.spec?.minAvailable ?? 'N/A'}`,
    `${object.spec?.maxUnavailable ?? 'N/A'}`,
    `${object.status?.disruptionsAllowed ?? 0}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.status?.disruptionsAllowed ?? 0} disruptions allowed` }),
});
