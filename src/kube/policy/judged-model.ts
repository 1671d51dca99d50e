/** The policies of a cluster as whoever enforces them reads them: a CNI's own kinds count where it runs. */
import type { StoreView } from '../../objects/types.ts';
import { calicoPolicyModel } from '../cni/calico/policy-words.ts';
import { ciliumPolicyModel } from '../cni/cilium-policy-words.ts';
import { DIALECT_KINDS, enforcement } from './enforcement.ts';
import { type PolicyModel, policyModel } from './policy-model.ts';

const some = (view: StoreView, ...kinds: readonly string[]): boolean => kinds.some((kind) => view.list(kind).length > 0);

/** What lens, matrix and walk ask. Where nobody enforces policies, what Kubernetes' own kinds would say. */
export function judgedModel(view: StoreView): PolicyModel {
  const by = new Set(enforcement(view).nodes.flatMap((one) => one.by));
  if (by.has('cilium')) return ciliumPolicyModel(view);
  if (by.has('calico') && some(view, 'NetworkPolicy.projectcalico.org', 'GlobalNetworkPolicy', 'Tier')) return calicoPolicyModel(view);
  return policyModel(view);
}

/** Policies in the words of a CNI that is not there. */
export function unreadPolicies(view: StoreView): number {
  const { nodes } = enforcement(view);
  return DIALECT_KINDS.reduce((count, kind) => count + (nodes.some((one) => one.kinds.includes(kind)) ? 0 : view.list(kind).length), 0);
}
