/** From when on a pod counts as available. Kubernetes: pkg/api/v1/pod, IsPodAvailable. */
import { parseRfc3339 } from '../../base/time.ts';
import type { ControllerContext, ObjectKey } from '../../objects/types.ts';
import { findCondition, isReady, type Pod } from '../pod/types.ts';

/** Milliseconds until a pod has been ready for so long: 0 when it has, infinite while it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number {
  if (!isReady(pod)) return Number.POSITIVE_INFINITY;
  if (minReadySeconds === 0) return 0;
  const since = parseRfc3339(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '');
  return since === undefined ? 0 : Math.max(0, since + minReadySeconds * 1000 - nowMs);
}

/** Judges pods at one moment and remembers when the next of them becomes available. */
export class Availability {
  readonly #minReadySeconds: number;
  readonly #nowMs: number;
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(minReadySeconds: number | undefined, context: ControllerContext) {
    this.#minReadySeconds = minReadySeconds ?? 0;
    this.#nowMs = this.#minReadySeconds === 0 ? 0 : (parseRfc3339(context.timestamp) ?? 0);
  }

  isAvailable(pod: Pod): boolean {
    const leftMs = availableInMs(pod, this.#minReadySeconds, this.#nowMs);
    if (leftMs > 0 && leftMs < this.#nextMs) this.#nextMs = leftMs;
    return leftMs === 0;
  }

  /** Has the key looked at again when a pod that is ready becomes available. */
  await(key: ObjectKey, context: ControllerContext): void {
    if (this.#nextMs !== Number.POSITIVE_INFINITY) context.requeueAfter(key, this.#nextMs * 1e6);
  }
}
