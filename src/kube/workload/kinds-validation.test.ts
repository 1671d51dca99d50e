/** CronJob, HorizontalPodAutoscaler and PodDisruptionBudget are judged in the API server's words. */
import { describe, expect, it } from 'vitest';
import { ApiServer } from '../../objects/api-server.ts';
import { causeText } from '../../objects/status.ts';
import type { KubeObject } from '../../objects/types.ts';
import { kinds } from '../index.ts';
import { cronScheduleError } from './cron-schedule-errors.ts';

function create(object: Record<string, unknown>) {
  const api = new ApiServer({ kinds, controllers: [], nowNs: () => 0, epochMs: 0, seed: 1 });
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const result = api.create(object as unknown as KubeObject);
  return result.ok ? { object: result.value as unknown as Record<string, never>, errors: [] } : { object: undefined, errors: result.causes.map(causeText) };
}

describe('a CronJob', () => {
  const cronJob = (spec: object, name = 'tick') => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name },
    spec: {
      schedule: '*/5 * * * *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'c', image: 'busybox' }] } } } },
      ...spec,
    },
  });

  it('gets the defaults of batch/v1', () => {
    expect(create(cronJob({})).object?.spec).toMatchObject({
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
  });

  it('is refused where its schedule, zone, name or policy is wrong', () => {
    expect(create(cronJob({ schedule: '* * *' })).errors).toEqual(['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]']);
    expect(create(cronJob({ schedule: 'TZ=UTC 0 * * * *' })).errors).toEqual([
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ]);
    expect(create(cronJob({ timeZone: 'Mars Base' })).errors).toEqual(['spec.timeZone: Invalid value: "Mars Base": unknown time zone Mars Base']);
    expect(create(cronJob({ concurrencyPolicy: 'Maybe' })).errors).toEqual([
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ]);
    expect(create(cronJob({}, 'x'.repeat(53))).errors).toEqual([`metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`]);
    expect(create(cronJob({ jobTemplate: { spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }] } } } } })).errors).toEqual([
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
  });

  it.each([
    ['61 * * * *', 'end of range (61) above maximum (59): 61'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['* 9-5 * * *', 'beginning of range (9) beyond end of range (5): 9-5'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@often', 'unrecognized descriptor: @often'],
    ['0 9 * jan-mar mon-fri', undefined],
    ['@every 90s', undefined],
    ['5/10 * * * *', undefined],
  ])('reads the schedule %s: %s', (schedule, error) => {
    expect(cronScheduleError(schedule)).toBe(error);
  });
});

describe('a HorizontalPodAutoscaler', () => {
  const autoscaler = (spec: object) => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5, ...spec },
  });

  it('scales by 80 % of CPU and never below one pod where nothing else is written', () => {
    const { object } = create(autoscaler({}));
    expect(object?.spec).toMatchObject({ minReplicas: 1, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 80 } } }] });
    const row = kinds.find((kind) => kind.kind === 'HorizontalPodAutoscaler')?.row;
    const context = { nowNs: 0, view: {} as never, age: () => '5s' };
    expect(row?.(object as unknown as KubeObject, context)).toEqual(['web', 'Deployment/web', 'cpu: <unknown>/80%', '1', '5', '0', '5s']);
  });

  it('is refused where its bounds, its target or its metrics are wrong', () => {
    expect(create(autoscaler({ minReplicas: 7, scaleTargetRef: { kind: 'Deployment' } })).errors).toEqual([
      'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.name: Required value',
    ]);
    expect(create(autoscaler({ metrics: [{ type: 'Resource' }] })).errors).toEqual([
      'spec.metrics[0].resource: Required value: must populate information for the given metric source',
    ]);
    expect(create(autoscaler({ behavior: { scaleDown: { stabilizationWindowSeconds: 4000 } } })).errors).toEqual([
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
    ]);
  });
});

describe('a PodDisruptionBudget', () => {
  const budget = (spec: object) => ({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' }, spec });
  it('takes one of minAvailable and maxUnavailable, at most 100 %', () => {
    expect(create(budget({ minAvailable: 1, maxUnavailable: 1 })).errors).toEqual([
      'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
    ]);
    expect(create(budget({ minAvailable: '101%' })).errors).toEqual(['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']);
    expect(create(budget({ maxUnavailable: '50%', selector: { matchLabels: { app: 'web' } } })).errors).toEqual([]);
  });
});

describe('the specs of workloads', () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const apps = (kind: string, spec: object) => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'x' },
    spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec },
  });
  const job = (spec: object) => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'x' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }, ...spec },
  });

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    [
      'a deadline within minReadySeconds',
      apps('Deployment', { minReadySeconds: 20, progressDeadlineSeconds: 10 }),
      ['spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds'],
    ],
    [
      'a DaemonSet that may do nothing',
      apps('DaemonSet', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } }),
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
    [
      'a DaemonSet that surges and lacks',
      apps('DaemonSet', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } }),
      ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
    ],
    [
      'a partition below nothing',
      apps('StatefulSet', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: -1 } } }),
      ['spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'an Indexed Job without completions',
      job({ completionMode: 'Indexed', parallelism: 2 }),
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'negative numbers',
      job({ parallelism: -1, backoffLimit: -2 }),
      ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0', 'spec.backoffLimit: Invalid value: -2: must be greater than or equal to 0'],
    ],
    [
      'a controller without a domain',
      { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'x' }, spec: { controller: 'abc' } },
      ['spec.controller: Invalid value: "abc": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
  ])('refuse %s', (_what, object, errors) => {
    expect(create(object).errors).toEqual(errors);
  });

  it.each<[Record<string, unknown>, object, string]>([
    [
      apps('StatefulSet', { serviceName: 's' }),
      { spec: { serviceName: 't' } },
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
    [job({}), { spec: { completions: 5 } }, 'spec.completions: Invalid value: 5: field is immutable'],
    [
      { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'x' }, spec: { controller: 'a.b/c' } },
      { spec: { controller: 'a.b/d' } },
      'spec.controller: Invalid value: "a.b/d": field is immutable',
    ],
  ])('let nobody change what is fixed: %j', (object, patch, error) => {
    const api = new ApiServer({ kinds, controllers: [], nowNs: () => 0, epochMs: 0, seed: 1 });
    api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    api.create(object as unknown as KubeObject);
    const isCluster = object.kind === 'IngressClass';
    const result = api.patch(`${String(object.kind)}/${isCluster ? '' : 'default/'}x`, patch, 'merge');
    expect(result.ok ? [] : result.causes.map(causeText)).toEqual([error]);
  });
});
