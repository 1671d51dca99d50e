/** The numbers of an Indexed Job's pods, and how lists of them are written. Kubernetes: pkg/controller/job/indexed_job_utils.go. */
import type { Pod } from '../pod/types.ts';
import type { Job } from './types.ts';

export const indexLabel = 'batch.kubernetes.io/job-completion-index';
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
/** Kubernetes: the most completions an Indexed Job may have is 100,000; ranges beyond are not read. */
const maxIndexes = 100_000;

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexLabel] ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

/** `0-2,5`: two numbers in a row stand apart by a comma, more by a hyphen. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] as number;
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === (sorted[end] as number) + 1) end += 1;
    const last = sorted[end] as number;
    parts.push(last === first ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`);
    i = end + 1;
  }
  return parts.join(',');
}

/** Numbers below `completions` of such a list; what cannot be read is left out. */
export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) continue;
    const last = Math.min(Number(match[2] ?? match[1]), completions - 1, maxIndexes - 1);
    for (let index = Number(match[1]); index <= last; index += 1) indexes.add(index);
  }
  return indexes;
}

/** The first rule of the success policy that is met: enough of its numbers have succeeded, all of them where it gives no count. Kubernetes: success_policy.go. */
export function metSuccessRule({ spec }: Job, succeeded: ReadonlySet<number>): number | undefined {
  const met = (spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
    const wanted = [...parseIndexes(succeededIndexes, spec.completions ?? 0)];
    return wanted.length > 0 && wanted.filter((index) => succeeded.has(index)).length >= (succeededCount ?? wanted.length);
  });
  return met < 0 ? undefined : met;
}
