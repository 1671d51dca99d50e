/** Counts pods per node for selectors: each distinct selector is counted once over all pods and then kept up to date as pods are placed. */
import type { StoreView } from '../../../objects/types.ts';
import { type LabelSelector, matchesSelector } from '../../label-selector.ts';
import type { Namespace } from '../../node/types.ts';
import { isActive, namespaceOf, type Pod, type PodAffinityTerm } from '../types.ts';

interface Counter {
  readonly namespaces: ReadonlySet<string>;
  readonly selector: LabelSelector;
  readonly perNode: Map<string, number>;
}

export class PodCounter {
  readonly #view: StoreView;
  readonly #counters = new Map<string, Counter>();

  constructor(view: StoreView) {
    this.#view = view;
  }

  /** Pods on each node that match; nodes without any are absent. */
  perNode(namespaces: readonly string[], selector: LabelSelector): ReadonlyMap<string, number> {
    const id = `${namespaces.join(' ')} ${JSON.stringify(selector)}`;
    const known = this.#counters.get(id);
    if (known !== undefined) return known.perNode;
    const counter: Counter = { namespaces: new Set(namespaces), selector, perNode: new Map() };
    for (const namespace of counter.namespaces) for (const pod of this.#view.list<Pod>('Pod', namespace)) count(counter, pod, pod.spec.nodeName);
    this.#counters.set(id, counter);
    return counter.perNode;
  }

  /** A pod has got its node. */
  placed(pod: Pod, nodeName: string): void {
    for (const counter of this.#counters.values()) if (counter.namespaces.has(namespaceOf(pod))) count(counter, pod, nodeName);
  }

  /** The namespaces of a pod affinity term, sorted. */
  namespacesOf(term: PodAffinityTerm, pod: Pod): readonly string[] {
    const { namespaceSelector } = term;
    const named = term.namespaces ?? [];
    if (namespaceSelector === undefined) return named.length === 0 ? [namespaceOf(pod)] : [...named].sort();
    const selected = this.#view.list<Namespace>('Namespace').filter((namespace) => matchesSelector(namespaceSelector, namespace.metadata.labels));
    return [...new Set([...named, ...selected.map((namespace) => namespace.metadata.name)])].sort();
  }
}

function count(counter: Counter, pod: Pod, nodeName: string | undefined): void {
  if (nodeName === undefined || nodeName === '' || !isActive(pod)) return;
  if (matchesSelector(counter.selector, pod.metadata.labels)) counter.perNode.set(nodeName, (counter.perNode.get(nodeName) ?? 0) + 1);
}
