/** Conditions as the controller writes them, and the write itself, which leaves alone what says the same already. */
import { deepEqual } from '../../base/equal.ts';
import type { ControllerContext, KubeObject } from '../../objects/types.ts';
import type { Condition } from '../pod/types.ts';

export type Said = readonly [type: string, ok: boolean, reason: string, message: string];

/** A condition's time moves only with its status. */
export function conditionsFrom(
  said: readonly Said[],
  before: readonly Condition[] | undefined,
  generation: number | undefined,
  now: string,
): readonly Condition[] {
  return said.map(([type, ok, reason, message]) => {
    const status = ok ? 'True' : 'False';
    const old = before?.find((one) => one.type === type);
    return {
      type,
      status,
      reason,
      message,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
    } as Condition;
  });
}

export function writeStatus<T extends KubeObject & { readonly status?: unknown }>(object: T, status: unknown, context: ControllerContext): void {
  if (!deepEqual(object.status, status)) context.updateStatus({ ...object, status } as KubeObject);
}
