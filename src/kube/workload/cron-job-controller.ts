/** Makes a Job whenever its schedule strikes, and clears old ones away. Kubernetes: pkg/controller/cronjob/cronjob_controllerv2.go. */
import { deepEqual } from '../../base/equal.ts';
import { formatRfc3339, parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isTerminating, namespaceOf } from '../pod/types.ts';
import type { CronJob } from './cron-job.ts';
import { inZone, nextStrike, parseCronSchedule, strikesBetween } from './cron-schedule.ts';
import { finishedCondition } from './job-controller.ts';
import { controllerOf, ownerReference } from './pods.ts';
import type { Job } from './types.ts';

const component = 'cronjob-controller';
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** Kubernetes: more missed strikes than this are told. */
const manyMissed = 100;

export const cronJobController = defineController({
  name: component,
  watches: ['CronJob', 'Job'],
  keysFor(changed) {
    if (changed.kind === 'CronJob') return [objectKey(changed)];
    const owner = controllerOf(changed);
    return owner?.kind === 'CronJob' ? [`CronJob/${namespaceOf(changed)}/${owner.name}`] : [];
  },
  reconcile(key, context) {
    const cron = context.view.find<CronJob>(key);
    if (cron === undefined || isTerminating(cron)) return;
    observe(cron, context);
    clearHistory(cron, context);
    strike(key, context);
  },
});

const jobsOf = (cron: CronJob, context: ControllerContext): readonly Job[] => context.view.owned<Job>('Job', cron.metadata.uid ?? '');

/** Jobs that have ended leave the list of active ones. */
function observe(cron: CronJob, context: ControllerContext): void {
  const jobs = jobsOf(cron, context);
  const known = new Set((cron.status?.active ?? []).map((one) => one.uid));
  let lastSuccessfulTime = cron.status?.lastSuccessfulTime;
  for (const job of jobs) {
    const end = finishedCondition(job);
    if (end === undefined) continue;
    if (known.delete(job.metadata.uid))
      context.event(cron, 'Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${end.type}`, component);
    const time = job.status?.completionTime;
    if (end.type === 'Complete' && time !== undefined && (lastSuccessfulTime === undefined || time > lastSuccessfulTime)) lastSuccessfulTime = time;
  }
  const present = new Set(jobs.map((job) => job.metadata.uid));
  for (const one of cron.status?.active ?? [])
    if (!present.has(one.uid) && known.delete(one.uid)) context.event(cron, 'Normal', 'MissingJob', `Active job went missing: ${one.name ?? ''}`, component);
  const active = (cron.status?.active ?? []).filter((one) => known.has(one.uid));
  write(cron, { ...cron.status, active, ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }) }, context);
}

function write(cron: CronJob, { active = [], ...rest }: NonNullable<CronJob['status']>, context: ControllerContext): void {
  const status = active.length === 0 ? rest : { ...rest, active };
  if (!deepEqual(status, cron.status ?? {})) context.updateStatus({ ...cron, status });
}

function clearHistory(cron: CronJob, context: ControllerContext): void {
  const limits = { Complete: cron.spec.successfulJobsHistoryLimit, Failed: cron.spec.failedJobsHistoryLimit };
  for (const type of ['Complete', 'Failed'] as const) {
    const limit = limits[type];
    if (limit === undefined) continue;
    const ended = jobsOf(cron, context).filter((job) => finishedCondition(job)?.type === type && !isTerminating(job));
    ended.sort((a, b) => (parseRfc3339(a.status?.startTime ?? '') ?? 0) - (parseRfc3339(b.status?.startTime ?? '') ?? 0));
    for (const job of ended.slice(0, Math.max(0, ended.length - limit))) remove(cron, job, context);
  }
}

function remove(cron: CronJob, job: Job, context: ControllerContext): void {
  context.remove(objectKey(job));
  context.event(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${job.metadata.name}`, component);
}

function strike(key: ObjectKey, context: ControllerContext): void {
  const cron = context.view.find<CronJob>(key);
  const parsed = cron === undefined ? undefined : parseCronSchedule(cron.spec.schedule);
  if (cron === undefined || parsed === undefined || cron.spec.suspend === true) return;
  const schedule = inZone(parsed, cron.spec.timeZone);
  const nowMs = parseRfc3339(context.timestamp) ?? 0;
  const next = nextStrike(schedule, nowMs);
  // Times have whole seconds, the clock has more.
  if (next !== undefined) context.requeueAfter(key, (next - nowMs) * 1e6 - (context.nowNs % 1e9));
  const deadline = cron.spec.startingDeadlineSeconds;
  const last = parseRfc3339(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? '') ?? nowMs;
  const { latest, count } = strikesBetween(schedule, deadline === undefined ? last : Math.max(last, nowMs - deadline * 1000), nowMs);
  if (latest === undefined) return;
  if (count > manyMissed) {
    const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    context.event(cron, 'Warning', 'TooManyMissedTimes', message, component);
  }
  start(cron, latest, context);
}

function start(cron: CronJob, scheduledMs: number, context: ControllerContext): void {
  const name = `${cron.metadata.name}-${Math.floor(scheduledMs / 60_000)}`;
  const active = cron.status?.active ?? [];
  // This very strike has been answered already.
  if (active.some((one) => one.name === name) || cron.status?.lastScheduleTime === formatRfc3339(scheduledMs)) return;
  if (cron.spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    context.event(cron, 'Normal', 'JobAlreadyActive', message, component);
    return;
  }
  let remaining = active;
  if (cron.spec.concurrencyPolicy === 'Replace') {
    for (const job of jobsOf(cron, context)) if (active.some((one) => one.uid === job.metadata.uid)) remove(cron, job, context);
    remaining = [];
  }
  const { metadata: template, spec } = cron.spec.jobTemplate;
  const job = context.create({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: namespaceOf(cron),
      ...(template?.labels === undefined ? {} : { labels: template.labels }),
      annotations: { ...template?.annotations, [scheduledAnnotation]: formatRfc3339(scheduledMs) },
      ownerReferences: [ownerReference(cron)],
    },
    spec,
  });
  if (job === undefined) {
    context.event(cron, 'Warning', 'FailedCreate', `Error creating job: ${context.refusal}`, component);
    context.retry(objectKey(cron));
    return;
  }
  context.event(cron, 'Normal', 'SuccessfulCreate', `Created job ${name}`, component);
  const { uid = '', resourceVersion = '' } = job.metadata;
  const reference = { apiVersion: 'batch/v1', kind: 'Job', name, namespace: namespaceOf(cron), resourceVersion, uid };
  write(cron, { ...cron.status, active: [...remaining, reference], lastScheduleTime: formatRfc3339(scheduledMs) }, context);
}
