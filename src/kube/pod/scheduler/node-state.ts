/** What the scheduler knows of each node while it works through its queue: made anew for each look, kept up to date as pods are placed. */
import type { StoreView } from '../../../objects/types.ts';
import { podsByNode } from '../../node/pods-by-node.ts';
import type { Node } from '../../node/types.ts';
import { milliUnits, wholeUnits } from '../quantity.ts';
import { type Container, isFinished, type Pod } from '../types.ts';

/** Amounts per resource; cpu in thousandths of a core, everything else in units. */
export type Amounts = Map<string, number>;

export interface Requests {
  readonly amounts: ReadonlyMap<string, number>;
  /** With Kubernetes' assumption for pods that ask for nothing (100m, 200 MB), used only to compare nodes. */
  readonly nonZeroCpu: number;
  readonly nonZeroMemory: number;
}

export interface NodeState {
  readonly node: Node;
  readonly allocatable: ReadonlyMap<string, number>;
  readonly used: Amounts;
  nonZeroCpu: number;
  nonZeroMemory: number;
  podCount: number;
  /** `protocol/hostPort/hostIP` of pods on the node. */
  readonly hostPorts: Set<string>;
}

const defaultCpu = 100;
const defaultMemory = 200 * 1024 * 1024;

const amountOf = (resource: string, text: string | undefined): number => (resource === 'cpu' ? milliUnits(text) : wholeUnits(text));

const nothing: Requests = { amounts: new Map(), nonZeroCpu: defaultCpu, nonZeroMemory: defaultMemory };
const remembered = new WeakMap<object, Requests>();

/**
 * Sum of the containers', at least the largest init container's, plus sidecars and overhead. Kubernetes: component-helpers/resource, PodRequests.
 * Remembered per spec: pods of one template often share it.
 */
export function requestsOf(pod: Pod): Requests {
  const { spec } = pod;
  const init = spec.initContainers ?? [];
  const asksNothing = (container: Container) => Object.keys(container.resources?.requests ?? {}).length === 0;
  if (spec.containers.length === 1 && spec.containers.every(asksNothing) && init.length === 0 && spec.overhead === undefined) return nothing;
  const known = remembered.get(spec);
  if (known !== undefined) return known;
  const result = sumRequests(pod);
  remembered.set(spec, result);
  return result;
}

function sumRequests({ spec }: Pod): Requests {
  const amounts: Amounts = new Map();
  let nonZeroCpu = 0;
  let nonZeroMemory = 0;
  const add = (container: Container): void => {
    const requests = container.resources?.requests ?? {};
    for (const resource in requests) amounts.set(resource, (amounts.get(resource) ?? 0) + amountOf(resource, requests[resource]));
    nonZeroCpu += requests.cpu === undefined ? defaultCpu : milliUnits(requests.cpu);
    nonZeroMemory += requests.memory === undefined ? defaultMemory : wholeUnits(requests.memory);
  };
  for (const container of spec.containers) add(container);
  const sidecars: Amounts = new Map();
  const peak: Amounts = new Map();
  for (const container of spec.initContainers ?? []) {
    const requests = container.resources?.requests ?? {};
    for (const resource in requests) {
      const amount = amountOf(resource, requests[resource]);
      if (container.restartPolicy === 'Always') sidecars.set(resource, (sidecars.get(resource) ?? 0) + amount);
      peak.set(resource, Math.max(peak.get(resource) ?? 0, (container.restartPolicy === 'Always' ? 0 : amount) + (sidecars.get(resource) ?? 0)));
    }
  }
  for (const [resource, amount] of sidecars) amounts.set(resource, (amounts.get(resource) ?? 0) + amount);
  for (const [resource, amount] of peak) amounts.set(resource, Math.max(amounts.get(resource) ?? 0, amount));
  for (const resource in spec.overhead ?? {}) amounts.set(resource, (amounts.get(resource) ?? 0) + amountOf(resource, spec.overhead?.[resource]));
  return { amounts, nonZeroCpu: Math.max(nonZeroCpu, amounts.get('cpu') ?? 0), nonZeroMemory: Math.max(nonZeroMemory, amounts.get('memory') ?? 0) };
}

/** Host ports of a pod. On the node's network the container ports are host ports. */
export function hostPortsOf(pod: Pod): readonly string[] {
  const ports: string[] = [];
  for (const container of pod.spec.containers) {
    for (const port of container.ports ?? []) if ((port.hostPort ?? 0) !== 0) ports.push(`${port.protocol ?? 'TCP'}/${port.hostPort}/${port.hostIP ?? ''}`);
  }
  return ports;
}

export function nodeStates(view: StoreView): readonly NodeState[] {
  const groups = podsByNode(view);
  return view.list<Node>('Node').map((node) => {
    const state = emptyState(node);
    for (const pod of groups.get(node.metadata.name) ?? []) if (!isFinished(pod)) occupy(state, pod);
    return state;
  });
}

/** A node without pods. */
export function emptyState(node: Node): NodeState {
  const allocatable: Amounts = new Map();
  const given = node.status?.allocatable ?? {};
  for (const resource in given) allocatable.set(resource, amountOf(resource, given[resource]));
  return { node, allocatable, used: new Map(), nonZeroCpu: 0, nonZeroMemory: 0, podCount: 0, hostPorts: new Set() };
}

/** Counts a pod as running on the node. */
export function occupy(state: NodeState, pod: Pod): void {
  const requests = requestsOf(pod);
  for (const [resource, amount] of requests.amounts) state.used.set(resource, (state.used.get(resource) ?? 0) + amount);
  state.nonZeroCpu += requests.nonZeroCpu;
  state.nonZeroMemory += requests.nonZeroMemory;
  state.podCount += 1;
  for (const port of hostPortsOf(pod)) state.hostPorts.add(port);
}

/** Takes a pod out again. Ports that two pods share are the port filter's business: there is only one of each on a node. */
export function release(state: NodeState, pod: Pod): void {
  const requests = requestsOf(pod);
  for (const [resource, amount] of requests.amounts) state.used.set(resource, (state.used.get(resource) ?? 0) - amount);
  state.nonZeroCpu -= requests.nonZeroCpu;
  state.nonZeroMemory -= requests.nonZeroMemory;
  state.podCount -= 1;
  for (const port of hostPortsOf(pod)) state.hostPorts.delete(port);
}
