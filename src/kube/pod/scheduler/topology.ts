/** Pod affinity and spreading: rules about which pods already run in the same place. Kubernetes: pkg/scheduler/framework/plugins/{interpodaffinity,podtopologyspread}. */
import type { StoreView } from '../../../objects/types.ts';
import { matchesSelector } from '../../label-selector.ts';
import type { Node } from '../../node/types.ts';
import { fitsNode } from '../node-affinity.ts';
import { isActive, namespaceOf, type Pod, type PodAffinityTerm, type TopologySpreadConstraint } from '../types.ts';
import type { NodeState } from './node-state.ts';
import type { PodCounter } from './pod-counter.ts';

const placeOf = (node: Node, topologyKey: string): string | undefined => node.metadata.labels?.[topologyKey];

/** Counts per node joined to counts per place. */
export function perPlace(states: readonly NodeState[], topologyKey: string, perNode: ReadonlyMap<string, number>): Map<string, number> {
  const places = new Map<string, number>();
  for (const { node } of states) {
    const place = placeOf(node, topologyKey);
    if (place === undefined) continue;
    places.set(place, (places.get(place) ?? 0) + (perNode.get(node.metadata.name) ?? 0));
  }
  return places;
}

/** An anti-affinity rule of a pod that already has its node: it keeps others away. */
export interface StandingRule {
  readonly term: PodAffinityTerm;
  readonly namespaces: ReadonlySet<string>;
  readonly place: string;
}

export function standingRulesOf(pod: Pod, node: Node, counter: PodCounter): readonly StandingRule[] {
  const rules: StandingRule[] = [];
  for (const term of pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const place = placeOf(node, term.topologyKey);
    if (place !== undefined) rules.push({ term, namespaces: new Set(counter.namespacesOf(term, pod)), place });
  }
  return rules;
}

export function allStandingRules(view: StoreView, states: readonly NodeState[], counter: PodCounter): StandingRule[] {
  const nodes = new Map(states.map((state) => [state.node.metadata.name, state.node]));
  const rules: StandingRule[] = [];
  for (const pod of view.list<Pod>('Pod')) {
    if (pod.spec.affinity?.podAntiAffinity === undefined || !isActive(pod)) continue;
    const node = nodes.get(pod.spec.nodeName ?? '');
    if (node !== undefined) rules.push(...standingRulesOf(pod, node, counter));
  }
  return rules;
}

const isMet = (term: PodAffinityTerm, pod: Pod, namespaces: readonly string[]): boolean =>
  namespaces.includes(namespaceOf(pod)) && matchesSelector(term.labelSelector, pod.metadata.labels);

/** A check of one node; undefined when it fits, else the scheduler's reason. */
export type NodeCheck = (state: NodeState) => string | undefined;

/** Rules are resolved to places once per pod, then each node is a few look-ups. */
export function affinityCheck(pod: Pod, states: readonly NodeState[], counter: PodCounter, standing: readonly StandingRule[]): NodeCheck | undefined {
  const affinity = (pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => {
    const namespaces = counter.namespacesOf(term, pod);
    const places = perPlace(states, term.topologyKey, counter.perNode(namespaces, term.labelSelector ?? {}));
    // The first of a group that wants to be together may go anywhere.
    const isFirst = [...places.values()].every((amount) => amount === 0) && isMet(term, pod, namespaces);
    return { key: term.topologyKey, places, isFirst };
  });
  const anti = (pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({
    key: term.topologyKey,
    places: perPlace(states, term.topologyKey, counter.perNode(counter.namespacesOf(term, pod), term.labelSelector ?? {})),
  }));
  const against = standing.filter((rule) => rule.namespaces.has(namespaceOf(pod)) && matchesSelector(rule.term.labelSelector, pod.metadata.labels));
  if (affinity.length === 0 && anti.length === 0 && against.length === 0) return undefined;
  return ({ node }) => {
    for (const rule of affinity) {
      const place = placeOf(node, rule.key);
      if (place === undefined || ((rule.places.get(place) ?? 0) === 0 && !rule.isFirst)) return "node(s) didn't match pod affinity rules";
    }
    for (const rule of anti) {
      const place = placeOf(node, rule.key);
      if (place !== undefined && (rule.places.get(place) ?? 0) > 0) return "node(s) didn't match pod anti-affinity rules";
    }
    if (against.some((rule) => placeOf(node, rule.term.topologyKey) === rule.place)) return "node(s) didn't satisfy existing pods anti-affinity rules";
    return undefined;
  };
}

/** Sum of the weights of wished-for neighbours minus those of unwished ones, per node. */
export function affinityScore(pod: Pod, states: readonly NodeState[], counter: PodCounter): ((state: NodeState) => number) | undefined {
  const near = pod.spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const far = pod.spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  if (near.length === 0 && far.length === 0) return undefined;
  const wishes = [...near.map((wish) => ({ wish, sign: 1 })), ...far.map((wish) => ({ wish, sign: -1 }))].map(({ wish, sign }) => ({
    key: wish.podAffinityTerm.topologyKey,
    weight: sign * wish.weight,
    places: perPlace(
      states,
      wish.podAffinityTerm.topologyKey,
      counter.perNode(counter.namespacesOf(wish.podAffinityTerm, pod), wish.podAffinityTerm.labelSelector ?? {}),
    ),
  }));
  return ({ node }) => wishes.reduce((sum, wish) => sum + wish.weight * (wish.places.get(placeOf(node, wish.key) ?? '') ?? 0), 0);
}

/** DoNotSchedule constraints. Only nodes that the pod may use by affinity count as places. */
export function spreadCheck(pod: Pod, states: readonly NodeState[], counter: PodCounter): NodeCheck | undefined {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).filter((one) => one.whenUnsatisfiable === 'DoNotSchedule');
  if (constraints.length === 0) return undefined;
  const eligible = states.filter((state) => fitsNode(pod.spec, state.node));
  const rules = constraints.map((constraint) => {
    const places = perPlace(eligible, constraint.topologyKey, countOf(constraint, pod, counter));
    const least = places.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...places.values());
    return { constraint, places, least, self: matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0 };
  });
  return ({ node }) => {
    for (const { constraint, places, least, self } of rules) {
      const place = placeOf(node, constraint.topologyKey);
      if (place === undefined) return "node(s) didn't match pod topology spread constraints (missing required label)";
      if ((places.get(place) ?? 0) + self - least > constraint.maxSkew) return "node(s) didn't match pod topology spread constraints";
    }
    return undefined;
  };
}

const countOf = (constraint: TopologySpreadConstraint, pod: Pod, counter: PodCounter): ReadonlyMap<string, number> =>
  counter.perNode([namespaceOf(pod)], constraint.labelSelector ?? {});

/** The fewer matching pods in a node's place, the better; smaller numbers are better. Kubernetes: ScheduleAnyway constraints, or the default ones. */
export function spreadCost(
  pod: Pod,
  constraints: readonly TopologySpreadConstraint[],
  states: readonly NodeState[],
  counter: PodCounter,
): ((state: NodeState) => number) | undefined {
  if (constraints.length === 0) return undefined;
  const rules = constraints.map((constraint) => {
    const places = perPlace(states, constraint.topologyKey, countOf(constraint, pod, counter));
    return { constraint, places, weight: Math.log(places.size + 2) };
  });
  return ({ node }) =>
    rules.reduce((sum, { constraint, places, weight }) => {
      const place = placeOf(node, constraint.topologyKey);
      return place === undefined ? sum : sum + (places.get(place) ?? 0) * weight + (constraint.maxSkew - 1);
    }, 0);
}
