/** What the API server fills into a Job. Kubernetes: pkg/apis/batch/v1/defaults.go; pkg/registry/batch/job/strategy.go, generateSelector. */
import { deepEqual } from '../../base/equal.ts';
import { podSpecDefaults } from '../pod/defaults.ts';
import type { Job } from './types.ts';

export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
const backoffLimit = 6;
/** With a limit per index, the whole Job has practically none. */
const noBackoffLimit = 2_147_483_647;

/** The same reference when nothing was missing. What is missing altogether is told by the schema's rules, which run later. */
export function jobDefaults(job: Job): Job {
  if (job.spec?.template?.spec === undefined) return job;
  const completions = job.spec.completions ?? (job.spec.parallelism === undefined ? 1 : undefined);
  const spec: Job['spec'] = {
    ...job.spec,
    backoffLimit: job.spec.backoffLimit ?? (job.spec.backoffLimitPerIndex === undefined ? backoffLimit : noBackoffLimit),
    completionMode: job.spec.completionMode ?? 'NonIndexed',
    ...(completions === undefined ? {} : { completions }),
    manualSelector: job.spec.manualSelector ?? false,
    parallelism: job.spec.parallelism ?? 1,
    podReplacementPolicy: job.spec.podReplacementPolicy ?? (job.spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    suspend: job.spec.suspend ?? false,
    template: { ...job.spec.template, spec: podSpecDefaults(job.spec.template.spec, false) },
  };
  const whole = withSelector(job, spec);
  return deepEqual(whole, job.spec) ? job : { ...job, spec: whole };
}

/** Unless its author chose a selector, a Job knows its pods by its uid. The names without a prefix are older and set as well. */
function withSelector(job: Job, spec: Job['spec']): Job['spec'] {
  const { uid, name } = job.metadata;
  if (spec.manualSelector === true || uid === undefined || spec.selector !== undefined) return spec;
  const own = { [controllerUidLabel]: uid, [jobNameLabel]: name, 'controller-uid': uid, 'job-name': name };
  const { template } = spec;
  return {
    ...spec,
    selector: { matchLabels: { [controllerUidLabel]: uid } },
    template: { ...template, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...own } } },
  };
}
