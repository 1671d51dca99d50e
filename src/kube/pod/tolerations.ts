/** Taints and the tolerations that answer them. Kubernetes: staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go. */
import type { Taint } from '../node/types.ts';
import type { Toleration } from './types.ts';

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  for (const toleration of tolerations ?? []) {
    if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) continue;
    if (toleration.key !== undefined && toleration.key !== '' && toleration.key !== taint.key) continue;
    if (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')) return true;
  }
  return false;
}

/** The first taint of these effects that is not tolerated. */
export function untolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && !tolerates(tolerations, taint));
}
