/** The kind HorizontalPodAutoscaler, autoscaling/v2. Kubernetes: pkg/apis/autoscaling/{v2/defaults.go,validation/validation.go}. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { forbidden, invalid, invalidEach, required, unsupported } from '../field-errors.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { pathSegmentErrors } from '../names.ts';
import type { Condition } from '../pod/types.ts';
import { anything, choice, integer, kindSchema, list, quantity, struct, text } from '../schema.ts';

export interface MetricTarget {
  readonly type: string;
  readonly value?: string;
  readonly averageValue?: string;
  readonly averageUtilization?: number;
}
interface NamedMetric {
  readonly name: string;
}
interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
}
export interface MetricSpec {
  readonly type: string;
  readonly resource?: { readonly name: string; readonly target: MetricTarget };
  readonly containerResource?: { readonly name: string; readonly container: string; readonly target: MetricTarget };
  readonly pods?: { readonly metric: NamedMetric; readonly target: MetricTarget };
  readonly object?: { readonly describedObject: ObjectReference; readonly metric: NamedMetric; readonly target: MetricTarget };
  readonly external?: { readonly metric: NamedMetric; readonly target: MetricTarget };
}
export interface ScalingPolicy {
  readonly type: string;
  readonly value: number;
  readonly periodSeconds: number;
}
export interface ScalingRules {
  readonly stabilizationWindowSeconds?: number;
  readonly selectPolicy?: string;
  readonly policies?: readonly ScalingPolicy[];
  readonly tolerance?: string;
}
interface MetricValue {
  readonly value?: string;
  readonly averageValue?: string;
  readonly averageUtilization?: number;
}
export interface MetricStatus {
  readonly type: string;
  readonly resource?: { readonly name: string; readonly current: MetricValue };
  readonly containerResource?: { readonly name: string; readonly container: string; readonly current: MetricValue };
  readonly pods?: { readonly current: MetricValue };
  readonly object?: { readonly current: MetricValue };
  readonly external?: { readonly current: MetricValue };
}
export interface HorizontalPodAutoscaler extends KubeObject {
  readonly spec: {
    readonly scaleTargetRef: ObjectReference;
    readonly minReplicas?: number;
    readonly maxReplicas: number;
    readonly metrics?: readonly MetricSpec[];
    readonly behavior?: { readonly scaleUp?: ScalingRules; readonly scaleDown?: ScalingRules };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly lastScaleTime?: string;
    readonly currentReplicas?: number;
    readonly desiredReplicas?: number;
    readonly currentMetrics?: readonly MetricStatus[];
    readonly conditions?: readonly Condition[];
  };
}

const sources = ['containerResource', 'external', 'object', 'pods', 'resource'] as const;
const sourceTypes: Readonly<Record<string, (typeof sources)[number]>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};

const targetSchema = struct(
  'What the metric should be.',
  {
    type: choice('In what the target is given.', ['Utilization', 'Value', 'AverageValue']),
    value: quantity('The value itself.'),
    averageValue: quantity('The value per pod.'),
    averageUtilization: integer('Per cent of what the pods request.'),
  },
  [],
  { goType: 'MetricTarget' },
);
const metricSchema = struct('The metric.', { name: text('Its name.'), selector: labelSelectorSchema('Which series.') });
const referenceSchema = (description: string) =>
  struct(description, { apiVersion: text('Its API version.'), kind: text('Its kind.'), name: text('Its name.') }, [], {
    goType: 'CrossVersionObjectReference',
  });
const rulesSchema = struct(
  'How fast.',
  {
    stabilizationWindowSeconds: integer('How far back recommendations count.'),
    selectPolicy: choice('Which policy decides.', ['Disabled', 'Max', 'Min']),
    policies: list(
      'How much in how long.',
      struct('A policy.', {
        type: choice('Pods or per cent.', ['Percent', 'Pods']),
        value: integer('How many.'),
        periodSeconds: integer('In how many seconds.'),
      }),
    ),
    tolerance: quantity('How far off the metric may be.'),
  },
  [],
  { goType: 'HPAScalingRules' },
);

const quickly: ScalingPolicy = { type: 'Percent', value: 100, periodSeconds: 15 };
const upDefaults: ScalingRules = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, quickly] };
const downDefaults: ScalingRules = { selectPolicy: 'Max', policies: [quickly] };

/** Nothing is filled where no behavior is written; where one is, both directions are. */
function withDefaults(object: HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const { spec } = object;
  if (spec === undefined) return object;
  const hasMetrics = spec.metrics !== undefined && spec.metrics.length > 0;
  const isFilled = (rules: ScalingRules | undefined): boolean => rules?.selectPolicy !== undefined && rules.policies !== undefined;
  const { behavior } = spec;
  const isWhole =
    behavior === undefined || (isFilled(behavior.scaleUp) && isFilled(behavior.scaleDown) && behavior.scaleUp?.stabilizationWindowSeconds !== undefined);
  if (hasMetrics && isWhole && spec.minReplicas !== undefined) return object;
  const cpu: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
  return {
    ...object,
    spec: {
      ...spec,
      minReplicas: spec.minReplicas ?? 1,
      metrics: hasMetrics ? (spec.metrics ?? []) : [cpu],
      ...(behavior === undefined
        ? {}
        : { behavior: { scaleUp: { ...upDefaults, ...behavior.scaleUp }, scaleDown: { ...downDefaults, ...behavior.scaleDown } } }),
    },
  };
}

const isPositive = (amount: string): boolean => !amount.startsWith('-') && amount !== '0';

function targetErrors(path: string, target: MetricTarget | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (target?.type === undefined || target.type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (target === undefined) return errors;
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.type))
    errors.push(invalid(`${path}.type`, target.type ?? '', 'must be either Utilization, Value, or AverageValue'));
  for (const field of ['value', 'averageValue'] as const) {
    const amount = target[field];
    if (amount !== undefined && !isPositive(amount)) errors.push(invalid(`${path}.${field}`, amount, 'must be positive'));
  }
  if (target.averageUtilization !== undefined && target.averageUtilization < 1)
    errors.push(invalid(`${path}.averageUtilization`, target.averageUtilization, 'must be greater than 0'));
  return errors;
}

function resourceErrors(path: string, source: { readonly name?: string; readonly target?: MetricTarget }): FieldError[] {
  const errors: FieldError[] = [];
  if ((source.name ?? '') === '') errors.push(required(`${path}.name`, 'must specify a resource name'));
  errors.push(...targetErrors(`${path}.target`, source.target));
  const { averageUtilization, averageValue } = source.target ?? {};
  if (averageUtilization === undefined && averageValue === undefined)
    errors.push(required(`${path}.target.averageUtilization`, 'must set either a target raw value or a target utilization'));
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.push(forbidden(`${path}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
  return errors;
}

function metricErrors(path: string, metric: MetricSpec): FieldError[] {
  const errors: FieldError[] = [];
  const expected = sourceTypes[metric.type];
  if ((metric.type ?? '') === '') errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (expected === undefined) errors.push(unsupported(`${path}.type`, metric.type ?? '', Object.keys(sourceTypes)));
  const present = sources.filter((source) => metric[source] !== undefined);
  if (metric.resource !== undefined) errors.push(...resourceErrors(`${path}.resource`, metric.resource));
  if (metric.containerResource !== undefined) {
    errors.push(...resourceErrors(`${path}.containerResource`, metric.containerResource));
    if ((metric.containerResource.container ?? '') === '') errors.push(required(`${path}.containerResource.container`, 'must specify a container'));
  }
  for (const source of ['pods', 'object', 'external'] as const) {
    const given = metric[source];
    if (given === undefined) continue;
    if ((given.metric?.name ?? '') === '') errors.push(required(`${path}.${source}.metric.name`, 'must specify a metric name'));
    errors.push(...targetErrors(`${path}.${source}.target`, given.target));
    if (source === 'pods' && given.target?.averageValue === undefined)
      errors.push(required(`${path}.pods.target.averageValue`, 'must specify a positive target averageValue'));
  }
  if (expected !== undefined && !present.includes(expected))
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  if (present.length > 1)
    for (const source of present) if (source !== expected) errors.push(forbidden(`${path}.${source}`, 'must populate the given metric source only'));
  return errors;
}

const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

function rulesErrors(path: string, rules: ScalingRules | undefined): FieldError[] {
  if (rules === undefined) return [];
  const errors: FieldError[] = [];
  const { stabilizationWindowSeconds: window, policies = [] } = rules;
  if (window !== undefined && window < 0) errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > MAX_WINDOW_SECONDS)
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  policies.forEach((policy, index) => {
    const at = `${path}.policies[${index}]`;
    if (policy.value === undefined || policy.value <= 0) errors.push(invalid(`${at}.value`, policy.value ?? 0, 'must be greater than zero'));
    const period = policy.periodSeconds ?? 0;
    if (period <= 0) errors.push(invalid(`${at}.periodSeconds`, period, 'must be greater than zero'));
    if (period > MAX_PERIOD_SECONDS) errors.push(invalid(`${at}.periodSeconds`, period, `must be less than or equal to ${MAX_PERIOD_SECONDS}`));
  });
  return errors;
}

function validate({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  const { minReplicas, maxReplicas = 0 } = spec;
  if (minReplicas !== undefined && minReplicas < 1) errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  for (const field of ['kind', 'name'] as const) {
    const value = spec.scaleTargetRef?.[field] ?? '';
    if (value === '') errors.push(required(`spec.scaleTargetRef.${field}`));
    else errors.push(...invalidEach(`spec.scaleTargetRef.${field}`, value, pathSegmentErrors(value)));
  }
  (spec.metrics ?? []).forEach((metric, index) => {
    errors.push(...metricErrors(`spec.metrics[${index}]`, metric));
  });
  return [...errors, ...rulesErrors('spec.behavior.scaleUp', spec.behavior?.scaleUp), ...rulesErrors('spec.behavior.scaleDown', spec.behavior?.scaleDown)];
}

/** `cpu: 5%/80%`, `memory: <unknown>/200Mi`. Kubernetes: printers.go, formatHPAMetrics. */
function targetsOf({ spec, status }: HorizontalPodAutoscaler): string {
  const specs = spec.metrics ?? [];
  if (specs.length === 0) return '<none>';
  const shown = specs.map((metric, index) => {
    const source = metric.resource ?? metric.containerResource ?? metric.pods ?? metric.object ?? metric.external;
    const reported = status?.currentMetrics?.[index];
    const current = (reported?.resource ?? reported?.containerResource ?? reported?.pods ?? reported?.object ?? reported?.external)?.current;
    const head = source !== undefined && 'name' in source ? `${source.name}: ` : '';
    const target = source?.target;
    if (target?.averageUtilization !== undefined && target.averageValue === undefined)
      return `${head}${current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`}/${target.averageUtilization}%`;
    if (target?.averageValue !== undefined) {
      const tail = metric.object === undefined && metric.external === undefined ? '' : ' (avg)';
      return `${head}${current?.averageValue ?? '<unknown>'}/${target.averageValue}${tail}`;
    }
    return `${head}${current?.value ?? '<unknown>'}/${target?.value ?? '<auto>'}`;
  });
  const words = shown.slice(0, 2).join(', ');
  return shown.length > 2 ? `${words} + ${shown.length - 2} more...` : words;
}

export const horizontalPodAutoscaler = defineKind<HorizontalPodAutoscaler>({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema(
    'Scales a Deployment, ReplicaSet or StatefulSet by what its pods are busy with.',
    {
      spec: struct('What is wanted.', {
        scaleTargetRef: referenceSchema('What is scaled.'),
        minReplicas: integer('Never fewer pods than this.'),
        maxReplicas: integer('Never more pods than this.'),
        metrics: list(
          'What decides.',
          struct(
            'A metric.',
            {
              type: text('Which of the others is filled.'),
              resource: struct('CPU or memory of the pods.', { name: text('cpu or memory.'), target: targetSchema }, [], { goType: 'ResourceMetricSource' }),
              containerResource: struct('CPU or memory of one container.', {
                name: text('cpu or memory.'),
                container: text('Which one.'),
                target: targetSchema,
              }),
              pods: struct('A metric of each pod.', { metric: metricSchema, target: targetSchema }, [], { goType: 'PodsMetricSource' }),
              object: struct('A metric of another object.', { describedObject: referenceSchema('Which one.'), metric: metricSchema, target: targetSchema }),
              external: struct('A metric from outside.', { metric: metricSchema, target: targetSchema }),
            },
            [],
            { goType: 'MetricSpec' },
          ),
        ),
        behavior: struct('How fast it may scale.', { scaleUp: rulesSchema, scaleDown: rulesSchema }),
      }),
      status: anything('What the controller reports.'),
    },
    ['spec'],
  ),
  defaults: withDefaults,
  validate,
  columns: columnsOf('NAME, REFERENCE, TARGETS, MINPODS, MAXPODS, REPLICAS, AGE'),
  row: (object, context) => [
    object.metadata.name,
    `${object.spec.scaleTargetRef.kind}/${object.spec.scaleTargetRef.name}`,
    targetsOf(object),
    object.spec.minReplicas === undefined ? '<unset>' : `${object.spec.minReplicas}`,
    `${object.spec.maxReplicas}`,
    `${object.status?.currentReplicas ?? 0}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.spec.scaleTargetRef.kind}/${object.spec.scaleTargetRef.name}` }),
});
