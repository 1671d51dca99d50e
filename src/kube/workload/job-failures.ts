/** When a Job's pods count as failed, what its failure policy says of them, and how long the next one waits. Kubernetes: pkg/controller/job/{pod_failure_policy,backoff_utils}.go. */
import { parseRfc3339 } from '../../base/time.ts';
import { isFinished, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import type { Job, PodFailurePolicyRule } from './types.ts';

const firstDelayMs = 10_000;
const longestDelayMs = 600_000;

export const isSucceeded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded';

/** A pod that is being deleted counts as failed, unless the Job replaces only what has really ended. */
export const isFailed = (pod: Pod, job: Job): boolean =>
  pod.status?.phase === 'Failed' || (job.spec.podReplacementPolicy !== 'Failed' && isTerminating(pod) && !isSucceeded(pod));

/** Milliseconds since 1970 at which the last container ended. */
export function finishedAt(pod: Pod): number {
  let latest = 0;
  for (const status of pod.status?.containerStatuses ?? []) latest = Math.max(latest, parseRfc3339(status.state?.terminated?.finishedAt ?? '') ?? 0);
  return latest > 0 ? latest : (parseRfc3339(pod.metadata.deletionTimestamp ?? pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') ?? 0);
}

/** Ten seconds after the first failure since the last success, doubled with each further one, at most ten minutes. */
export function backoffMs(pods: readonly Pod[], job: Job, nowMs: number): number {
  const lastSuccess = pods.reduce((latest, pod) => (isSucceeded(pod) ? Math.max(latest, finishedAt(pod)) : latest), 0);
  const failures = pods.filter((pod) => isFailed(pod, job) && !isTerminating(pod)).map(finishedAt);
  const since = failures.filter((at) => at > lastSuccess);
  if (since.length === 0) return 0;
  const delay = Math.min(firstDelayMs * 2 ** Math.min(since.length - 1, 20), longestDelayMs);
  return Math.max(0, Math.max(...since) + delay - nowMs);
}

/** Restarts of the containers of pods that go on: what OnFailure counts against the limit. */
export function restartsOf(pods: readonly Pod[]): number {
  let sum = 0;
  for (const pod of pods) {
    if (isFinished(pod)) continue;
    for (const status of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) sum += status.restartCount ?? 0;
  }
  return sum;
}

export interface Verdict {
  readonly action: string;
  readonly message: string;
}

/** The first rule that matches a failed pod; without one it counts. */
export function judge(pod: Pod, job: Job): Verdict | undefined {
  for (const [index, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const told = matchExitCodes(pod, rule) ?? matchConditions(pod, rule);
    if (told !== undefined) return { action: rule.action, message: `${told} matching ${rule.action} rule at index ${index}` };
  }
  return undefined;
}

function matchExitCodes(pod: Pod, { onExitCodes: rule }: PodFailurePolicyRule): string | undefined {
  if (rule === undefined) return undefined;
  for (const status of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]) {
    const code = status.state?.terminated?.exitCode;
    if (code === undefined || code === 0 || (rule.containerName !== undefined && rule.containerName !== status.name)) continue;
    if (rule.values.includes(code) === (rule.operator === 'In'))
      return `Container ${status.name ?? ''} for pod ${namespaceOf(pod)}/${pod.metadata.name} failed with exit code ${code}`;
  }
  return undefined;
}

function matchConditions(pod: Pod, { onPodConditions: patterns }: PodFailurePolicyRule): string | undefined {
  for (const pattern of patterns ?? []) {
    const found = pod.status?.conditions?.find((one) => one.type === pattern.type && one.status === (pattern.status ?? 'True'));
    if (found !== undefined) return `Pod ${namespaceOf(pod)}/${pod.metadata.name} has condition ${found.type}`;
  }
  return undefined;
}
