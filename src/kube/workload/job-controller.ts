/**
 * Runs a Job's pods until enough of them have ended well. A pod carries a finalizer until its end has been counted, so that none is lost.
 * Kubernetes: pkg/controller/job/job_controller.go; pkg/controller/ttlafterfinished.
 */
import { deepEqual } from '../../base/equal.ts';
import { parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { type Condition, findCondition, isActive, isFinished, isReady, isTerminating, type Pod } from '../pod/types.ts';
import { backoffMs, finishedAt, isFailed, isSucceeded, judge, restartsOf } from './job-failures.ts';
import { failureCountAnnotation, formatIndexes, indexOf, metSuccessRule, parseIndexes } from './job-indexes.ts';
import { holdsFinalizer, jobPod, withoutFinalizer } from './job-pods.ts';
import { claim, controllerOf, createPod, deletionOrder, ownersOf } from './pods.ts';
import type { Job } from './types.ts';

const component = 'job-controller';
/** Kubernetes: MaxPodCreateDeletePerSync. */
const mostPerLook = 500;
/** Kubernetes: DefaultJobApiBackOff, MaxJobApiBackOff. */
const firstRetryNs = 1e9;
const lastRetryNs = 60e9;

type Status = NonNullable<Job['status']>;

export const jobController = defineController({
  name: 'job-controller',
  watches: ['Job', 'Pod'],
  keysFor: (changed, view) => (changed.kind === 'Job' ? [objectKey(changed)] : ownersOf('Job', changed, view)),
  reconcile(key, context) {
    const job = context.view.find<Job>(key);
    if (job === undefined) releaseOrphans(key, context);
    else if (isTerminating(job)) for (const pod of context.view.owned<Pod>('Pod', job.metadata.uid ?? '')) release(pod, context);
    else if (job.spec.managedBy === undefined || job.spec.managedBy === 'kubernetes.io/job-controller') new Look(job, context).run();
  },
});

/** Pods of a Job that has gone are counted no more: nothing holds them. */
function releaseOrphans(key: ObjectKey, context: ControllerContext): void {
  const [, namespace = '', name = ''] = key.split('/');
  for (const pod of context.view.list<Pod>('Pod', namespace)) {
    if (!holdsFinalizer(pod)) continue;
    const owner = controllerOf(pod);
    if (owner === undefined || (owner.kind === 'Job' && owner.name === name)) release(pod, context);
  }
}

function release(pod: Pod, context: ControllerContext): void {
  if (holdsFinalizer(pod)) context.update(withoutFinalizer(pod));
}

export const finishedCondition = (job: Job): Condition | undefined =>
  job.status?.conditions?.find((one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True');

interface End {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

/** One look at one Job. */
class Look {
  readonly #job: Job;
  readonly #context: ControllerContext;
  readonly #key: ObjectKey;
  readonly #nowMs: number;
  readonly #indexed: boolean;
  readonly #completed: Set<number>;
  readonly #failedIndexes: Set<number>;
  #pods: readonly Pod[];
  #status: Status;

  constructor(job: Job, context: ControllerContext) {
    this.#job = job;
    this.#context = context;
    this.#key = objectKey(job);
    this.#nowMs = parseRfc3339(context.timestamp) ?? 0;
    this.#pods = claim<Pod>('Pod', job, job.spec.selector ?? {}, context);
    this.#status = job.status ?? {};
    this.#indexed = job.spec.completionMode === 'Indexed';
    this.#completed = parseIndexes(this.#status.completedIndexes, job.spec.completions ?? 0);
    this.#failedIndexes = parseIndexes(this.#status.failedIndexes, job.spec.completions ?? 0);
  }

  run(): void {
    const job = this.#job;
    if (finishedCondition(job) !== undefined) {
      for (const pod of this.#pods) release(pod, this.#context);
      this.#expire();
      return;
    }
    const suspended = job.spec.suspend === true;
    if (this.#status.startTime === undefined && !suspended) this.#status = { ...this.#status, startTime: this.#context.timestamp };
    const before = this.#pods;
    const verdict = this.#count();
    const end = verdict ?? this.#failure(before) ?? this.#success();
    if (end !== undefined) this.#finish(end);
    else if (suspended) this.#suspend();
    else {
      this.#resume();
      this.#manage(before);
      this.#awaitDeadline();
    }
    this.#report();
  }

  /** Ended pods enter the counts and lose their finalizer. A failure that the policy says ends the Job is returned. */
  #count(): End | undefined {
    const job = this.#job;
    let { succeeded = 0, failed = 0 } = this.#status;
    let end: End | undefined;
    for (const pod of this.#pods) {
      if (!holdsFinalizer(pod)) continue;
      if (isSucceeded(pod)) {
        const index = indexOf(pod);
        if (!this.#indexed) succeeded += 1;
        else if (index !== undefined && index < (job.spec.completions ?? 0)) this.#completed.add(index);
      } else if (isFailed(pod, job)) {
        const verdict = judge(pod, job);
        if (verdict?.action === 'FailJob') end = { type: 'Failed', reason: 'PodFailurePolicy', message: verdict.message };
        if (verdict?.action !== 'Ignore') {
          failed += 1;
          this.#countIndexFailure(pod, verdict?.action === 'FailIndex');
        }
      } else if (!isFinished(pod)) continue;
      release(pod, this.#context);
    }
    if (this.#indexed) succeeded = this.#completed.size;
    this.#status = { ...this.#status, succeeded, failed };
    this.#pods = this.#context.view.owned<Pod>('Pod', job.metadata.uid ?? '');
    return end;
  }

  #countIndexFailure(pod: Pod, atOnce: boolean): void {
    const limit = this.#job.spec.backoffLimitPerIndex;
    const index = indexOf(pod);
    if (limit === undefined || index === undefined || this.#completed.has(index)) return;
    if (atOnce || Number(pod.metadata.annotations?.[failureCountAnnotation] ?? '0') >= limit) this.#failedIndexes.add(index);
  }

  #failure(before: readonly Pod[]): End | undefined {
    const { spec } = this.#job;
    const limit = spec.backoffLimit ?? 6;
    const restarts = spec.template.spec.restartPolicy === 'OnFailure' ? restartsOf(before) : 0;
    const tooManyRestarts = spec.template.spec.restartPolicy === 'OnFailure' && (limit === 0 ? restarts > 0 : restarts >= limit);
    if ((this.#status.failed ?? 0) > limit || tooManyRestarts)
      return { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
    if (this.#deadlineMs() <= 0) return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
    if (spec.maxFailedIndexes !== undefined && this.#failedIndexes.size > spec.maxFailedIndexes)
      return { type: 'Failed', reason: 'MaxFailedIndexesExceeded', message: 'Job has exceeded the specified maximal number of failed indexes' };
    if (this.#failedIndexes.size > 0 && this.#failedIndexes.size + this.#completed.size >= (spec.completions ?? 0))
      return { type: 'Failed', reason: 'FailedIndexes', message: 'Job has failed indexes' };
    return undefined;
  }

  /** Without a wanted number, one success and nobody at work is enough. */
  #success(): End | undefined {
    const { completions } = this.#job.spec;
    const rule = this.#indexed ? metSuccessRule(this.#job, this.#completed) : undefined;
    if (rule !== undefined) return { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
    const succeeded = this.#status.succeeded ?? 0;
    const active = this.#pods.filter(isActive).length;
    const complete = completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions;
    return complete ? { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' } : undefined;
  }

  /** First it is said that the end is decided; the last word comes once no pod of it is left at work. */
  #finish(end: End): void {
    const interim = end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
    const decided = findCondition(this.#status.conditions, interim);
    const { reason = end.reason, message = end.message } = decided ?? {};
    if (decided === undefined) this.#setCondition(interim, 'True', reason, message);
    let failed = this.#status.failed ?? 0;
    for (const pod of this.#pods.filter((one) => !isFinished(one))) {
      if (isTerminating(pod)) continue;
      this.#context.remove(objectKey(pod));
      this.#context.event(this.#job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
      const now = this.#context.view.find<Pod>(objectKey(pod));
      // Deleted with its Job, it counts as failed.
      if (now !== undefined && end.type === 'Failed') failed += 1;
      if (now !== undefined) release(now, this.#context);
    }
    this.#status = { ...this.#status, failed };
    this.#pods = this.#context.view.owned<Pod>('Pod', this.#job.metadata.uid ?? '');
    if (this.#pods.some((pod) => !isFinished(pod))) return;
    this.#setCondition(end.type, 'True', reason, message);
    if (end.type === 'Complete') {
      this.#status = { ...this.#status, completionTime: this.#context.timestamp };
      this.#context.event(this.#job, 'Normal', 'Completed', 'Job completed', component);
    } else this.#context.event(this.#job, 'Warning', reason, message, component);
  }

  #suspend(): void {
    this.#delete(this.#pods.filter(isActive));
    if (findCondition(this.#status.conditions, 'Suspended')?.status !== 'True') {
      this.#setCondition('Suspended', 'True', 'JobSuspended', 'Job suspended');
      this.#context.event(this.#job, 'Normal', 'Suspended', 'Job suspended', component);
    }
    const { startTime: _, ...status } = this.#status;
    this.#status = status;
  }

  #resume(): void {
    if (findCondition(this.#status.conditions, 'Suspended')?.status !== 'True') return;
    this.#setCondition('Suspended', 'False', 'JobResumed', 'Job resumed');
    this.#status = { ...this.#status, startTime: this.#context.timestamp };
    this.#context.event(this.#job, 'Normal', 'Resumed', 'Job resumed', component);
  }

  /** `before`: the pods as they stood at the begin of the look, ended ones with their finalizers included. */
  #manage(before: readonly Pod[]): void {
    const { spec } = this.#job;
    const active = this.#pods.filter(isActive);
    const parallelism = spec.parallelism ?? 1;
    const succeeded = this.#status.succeeded ?? 0;
    const wanted =
      spec.completions === undefined
        ? succeeded > 0
          ? Math.min(active.length, parallelism)
          : parallelism
        : Math.max(0, Math.min(spec.completions - succeeded - this.#failedIndexes.size, parallelism));
    if (active.length > wanted) {
      this.#delete(deletionOrder(active, new Map(), this.#context.timestamp).slice(0, active.length - wanted));
      return;
    }
    const leaving = spec.podReplacementPolicy === 'Failed' ? this.#pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length : 0;
    const missing = Math.min(wanted - active.length - leaving, mostPerLook);
    if (missing <= 0) return;
    const delayMs = spec.backoffLimitPerIndex === undefined ? backoffMs(before, this.#job, this.#nowMs) : 0;
    if (delayMs > 0) this.#context.requeueAfter(this.#key, delayMs * 1e6);
    else this.#create(active, missing, before);
  }

  #create(active: readonly Pod[], missing: number, before: readonly Pod[]): void {
    if (!this.#indexed) {
      for (let i = 0; i < missing; i += 1) if (!this.#make(undefined, 0)) return;
      return;
    }
    const taken = new Set(active.map(indexOf));
    let left = missing;
    for (let index = 0; index < (this.#job.spec.completions ?? 0) && left > 0; index += 1) {
      if (taken.has(index) || this.#completed.has(index) || this.#failedIndexes.has(index)) continue;
      const failures = before.filter((pod) => indexOf(pod) === index && isFailed(pod, this.#job)).sort((a, b) => finishedAt(a) - finishedAt(b));
      if (this.#job.spec.backoffLimitPerIndex !== undefined) {
        const delayMs = backoffMs(failures, this.#job, this.#nowMs);
        if (delayMs > 0) {
          this.#context.requeueAfter(this.#key, delayMs * 1e6);
          continue;
        }
      }
      if (!this.#make(index, failures.length)) return;
      left -= 1;
    }
  }

  /** Whether it was allowed. */
  #make(index: number | undefined, failures: number): boolean {
    if (createPod(this.#job, jobPod(this.#job, index, failures), component, this.#context) === undefined) return true;
    this.#context.retry(this.#key, firstRetryNs, lastRetryNs);
    return false;
  }

  /** Those it takes back itself are not counted: the finalizer goes first. */
  #delete(pods: readonly Pod[]): void {
    for (const pod of pods.slice(0, mostPerLook)) {
      release(pod, this.#context);
      this.#context.remove(objectKey(pod));
      this.#context.event(this.#job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
    }
  }

  /** Milliseconds left; infinite without a deadline. */
  #deadlineMs(): number {
    const seconds = this.#job.spec.activeDeadlineSeconds;
    const start = parseRfc3339(this.#status.startTime ?? '');
    return seconds === undefined || start === undefined || this.#job.spec.suspend === true ? Number.POSITIVE_INFINITY : start + seconds * 1000 - this.#nowMs;
  }

  #awaitDeadline(): void {
    const left = this.#deadlineMs();
    if (left !== Number.POSITIVE_INFINITY) this.#context.requeueAfter(this.#key, left * 1e6);
  }

  #expire(): void {
    const seconds = this.#job.spec.ttlSecondsAfterFinished;
    const end = parseRfc3339(finishedCondition(this.#job)?.lastTransitionTime ?? '');
    if (seconds === undefined || end === undefined) return;
    const left = end + seconds * 1000 - this.#nowMs;
    if (left <= 0) this.#context.remove(this.#key);
    else this.#context.requeueAfter(this.#key, left * 1e6);
  }

  #setCondition(type: string, status: string, reason: string, message: string): void {
    const now = this.#context.timestamp;
    const others = (this.#status.conditions ?? []).filter((one) => one.type !== type);
    this.#status = { ...this.#status, conditions: [...others, { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message }] };
  }

  #report(): void {
    const pods = this.#context.view.owned<Pod>('Pod', this.#job.metadata.uid ?? '');
    const active = pods.filter(isActive);
    const { active: _active, succeeded = 0, failed = 0, completedIndexes: _completed, failedIndexes: _failed, ...rest } = this.#status;
    const status: Status = {
      ...rest,
      ...(active.length === 0 ? {} : { active: active.length }),
      ...(succeeded === 0 ? {} : { succeeded }),
      ...(failed === 0 ? {} : { failed }),
      ...(this.#completed.size === 0 ? {} : { completedIndexes: formatIndexes(this.#completed) }),
      ...(this.#job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(this.#failedIndexes) }),
      ready: active.filter(isReady).length,
      terminating: pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length,
      uncountedTerminatedPods: {},
    };
    const current = this.#context.view.find<Job>(this.#key);
    if (current !== undefined && !deepEqual(status, current.status)) this.#context.updateStatus({ ...current, status });
  }
}
