/** The quality-of-service class of a pod. */
import { parseQuantity } from './quantity.ts';
import type { Pod } from './types.ts';

/** Kubernetes: pkg/apis/core/v1/helper/qos. */
export function qosClass(pod: Pod): string {
  let guaranteed = true;
  let any = false;
  for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    for (const name of ['cpu', 'memory']) {
      const request = resources?.requests?.[name];
      const limit = resources?.limits?.[name];
      if (isSome(request) || isSome(limit)) any = true;
      if (limit === undefined || (request !== undefined && request !== limit)) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

const isSome = (amount: string | undefined): boolean => amount !== undefined && (parseQuantity(amount) ?? 0) > 0;
