/** Objects of `kubectl create deployment`, `job` and `cronjob`. Kubernetes: kubectl/pkg/cmd/create */
import type { KubeObject } from '../../objects/types.ts';
import { at } from '../json.ts';
import { findKind, getObject, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { containerNameOf, metaOf } from './generators.ts';

/** Words after `--`. */
const commandOf = (kubectl: Kubectl): readonly string[] => (kubectl.flags.hasDash ? kubectl.flags.args.slice(kubectl.flags.beforeDash) : []);

export function deployment(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const images = flags.all('image').flatMap((value) => value.split(','));
  const labels = { app: name };
  const command = commandOf(kubectl);
  if (images.length > 1 && command.length > 0) throw new KubectlError('error: cannot specify multiple --image options and command');
  const containers = images.map((image, index) => ({
    name: containerNameOf(image),
    image,
    resources: {},
    ...(command.length > 0 ? { command } : {}),
    ...(flags.has('port') && index === 0 ? { ports: [{ containerPort: Number(flags.get('port')) }] } : {}),
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metaOf(kubectl, name, labels),
    spec: {
      replicas: flags.has('replicas') ? Number(flags.get('replicas')) : 1,
      selector: { matchLabels: labels },
      strategy: {},
      template: { metadata: { labels }, spec: { containers } },
    },
    status: {},
  };
}

function podTemplate(kubectl: Kubectl, name: string, restartPolicy: string): unknown {
  const command = commandOf(kubectl);
  return {
    metadata: {},
    spec: { containers: [{ name, image: kubectl.flags.get('image'), resources: {}, ...(command.length === 0 ? {} : { command }) }], restartPolicy },
  };
}

/** With `--from=cronjob/NAME` a run of that CronJob by hand, which the annotation says. */
export function job(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const from = flags.get('from');
  if ((from === '') === (flags.get('image') === '')) throw new KubectlError('error: either --image or --from must be specified');
  if (from === '') {
    return {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: metaOf(kubectl, name),
      spec: { template: podTemplate(kubectl, name, 'Never') },
      status: {},
    } as KubeObject;
  }
  const slash = from.indexOf('/');
  if (slash < 0) throw new KubectlError(`error: from must be an existing cronjob: ${from}`);
  const source = getObject(kubectl, findKind(kubectl, from.slice(0, slash)), from.slice(slash + 1));
  if (source.kind !== 'CronJob') throw new KubectlError('error: from must be an existing cronjob');
  const template = at(source, 'spec', 'jobTemplate');
  const labels = at(template, 'metadata', 'labels');
  const annotations = {
    'cronjob.kubernetes.io/instantiate': 'manual',
    ...((at(template, 'metadata', 'annotations') ?? {}) as Readonly<Record<string, string>>),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...metaOf(kubectl, name),
      annotations,
      ...(labels === undefined ? {} : { labels: labels as Readonly<Record<string, string>> }),
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: source.metadata.name, uid: source.metadata.uid ?? '', controller: true }],
    },
    spec: at(template, 'spec'),
    status: {},
  } as KubeObject;
}

export function cronJob(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const restart = flags.get('restart') || 'OnFailure';
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metaOf(kubectl, name),
    spec: { jobTemplate: { metadata: { name }, spec: { template: podTemplate(kubectl, name, restart) } }, schedule: flags.get('schedule') },
    status: {},
  } as KubeObject;
}

/** `kubectl create pdb`: what an eviction may not go below. */
export function disruptionBudget(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const [least, most] = [flags.get('min-available'), flags.get('max-unavailable')];
  if (!flags.has('selector')) throw new KubectlError('error: a selector must be specified');
  if (least === '' && most === '') throw new KubectlError('error: one of min-available or max-unavailable must be specified');
  if (least !== '' && most !== '') throw new KubectlError('error: min-available and max-unavailable cannot be both specified');
  const amount = (word: string, flag: string): number | string => {
    if (/^\d+$/.test(word)) return Number(word);
    if (/^\d+%$/.test(word)) return word;
    throw new KubectlError(`error: invalid format specified for ${flag}`);
  };
  const pairs = flags
    .get('selector')
    .split(',')
    .map((pair) => pair.split(/==?/));
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metaOf(kubectl, name),
    spec: {
      ...(least === '' ? {} : { minAvailable: amount(least, 'min-available') }),
      ...(most === '' ? {} : { maxUnavailable: amount(most, 'max-unavailable') }),
      selector: { matchLabels: Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value])) },
    },
    status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  } as KubeObject;
}

export function priorityClass(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    ...(flags.get('description') === '' ? {} : { description: flags.get('description') }),
    ...(flags.bool('global-default') ? { globalDefault: true } : {}),
    preemptionPolicy: flags.get('preemption-policy') || 'PreemptLowerPriority',
    value: Number(flags.get('value') || '0'),
  } as KubeObject;
}

export function quota(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const limits = flags
    .all('hard')
    .flatMap((value) => value.split(','))
    .filter((word) => word !== '')
    .map((word): readonly [string, string] => {
      const [key = '', value, ...more] = word.split('=');
      if (value === undefined || more.length > 0) throw new KubectlError(`error: Invalid argument syntax ${word}, expected <resource>=<value>`);
      if (!/^[+-]?[0-9.]+[eEinumkKMGTP]*[-+]?[0-9]*$/.test(value))
        throw new KubectlError("error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
      return [key, value];
    });
  const scopes = flags.get('scopes') === '' ? [] : flags.get('scopes').split(',');
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: metaOf(kubectl, name),
    spec: { ...(limits.length === 0 ? {} : { hard: Object.fromEntries(limits) }), ...(scopes.length === 0 ? {} : { scopes }) },
    status: {},
  } as KubeObject;
}

const METRICS = ['cpu', 'memory'] as const;

/** `kubectl autoscale`: what the HorizontalPodAutoscaler aims at. */
export function autoscaler(kubectl: Kubectl, target: { readonly apiVersion: string; readonly kind: string; readonly name: string }): KubeObject {
  const { flags } = kubectl;
  const [least, most] = [Number(flags.get('min') || '-1'), Number(flags.get('max') || '-1')];
  if (most < 1) throw new KubectlError(`error: --max=MAXPODS is required and must be at least 1, max: ${most}`);
  if (most < least) throw new KubectlError(`error: --max=MAXPODS must be larger or equal to --min=MINPODS, max: ${most}, min: ${least}`);
  const percent = flags.get('cpu-percent');
  const aims = METRICS.flatMap((name) => {
    const aim = name === 'cpu' && percent !== '' && Number(percent) >= 0 ? `${percent}%` : flags.get(name);
    if (aim === '') return [];
    if (!/^\d+%$/.test(aim) && !/^\d+(?:\.\d+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.test(aim)) throw new KubectlError(`error: invalid resource ${name} value: ${aim}`);
    const aimed = aim.endsWith('%') ? { averageUtilization: Number(aim.slice(0, -1)), type: 'Utilization' } : { averageValue: aim, type: 'AverageValue' };
    return [{ resource: { name, target: aimed }, type: 'Resource' }];
  });
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metaOf(kubectl, flags.get('name') || target.name),
    spec: {
      maxReplicas: most,
      ...(aims.length === 0 ? {} : { metrics: aims }),
      ...(least > 0 ? { minReplicas: least } : {}),
      scaleTargetRef: target,
    },
    status: { currentMetrics: null, desiredReplicas: 0 },
  } as KubeObject;
}
