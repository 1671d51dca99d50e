/** Which nodes a pod may or would like to run on by their labels. Kubernetes: component-helpers/scheduling/corev1/nodeaffinity. */
import { matchesLabels } from '../label-selector.ts';
import type { Node } from '../node/types.ts';
import type { NodeSelectorTerm, PodSpec } from './types.ts';

function meets(
  labels: Readonly<Record<string, string>>,
  requirement: { readonly key: string; readonly operator: string; readonly values?: readonly string[] },
): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return /^-?\d+$/.test(value ?? '') && Number(value) > Number(values[0]);
    case 'Lt':
      return /^-?\d+$/.test(value ?? '') && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** An empty term matches nothing. */
export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return expressions.every((one) => meets(labels, one)) && fields.every((one) => meets({ 'metadata.name': node.metadata.name }, one));
}

/** nodeSelector and required node affinity. */
export function fitsNode(spec: PodSpec, node: Node): boolean {
  if (spec.nodeSelector !== undefined && !matchesLabels(spec.nodeSelector, node.metadata.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** Sum of the weights of the wishes that the node fulfils. */
export function preferenceWeight(spec: PodSpec, node: Node): number {
  let weight = 0;
  for (const wish of spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    if (matchesTerm(wish.preference, node)) weight += wish.weight;
  return weight;
}
