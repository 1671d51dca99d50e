/**
 * metrics-server: how busy pods and nodes are. CPU is estimated from the connections and datagrams that a pod's programs have accepted, looked at every
 * fifteen seconds while a metrics-server runs: each costs `kubehop.dev/cpu-per-request` (5ms of one core where the pod does not say), beside a thousandth of
 * a core that every running container takes. `kubehop.dev/cpu-usage: 250m` and `memory-usage: 64Mi` of a pod say it outright. Memory does not follow load:
 * 10 MiB a container. Pods in their node's network are not counted. sigs.k8s.io/metrics-server: pkg/storage, pkg/api.
 */
import { defineController, defineKind } from '../../objects/define.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { parseDurationNs } from '../node/cluster-network.ts';
import { podsOn } from '../node/pods-by-node.ts';
import type { Node } from '../node/types.ts';
import { milliUnits, wholeUnits } from '../pod/quantity.ts';
import { isReady, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import { anything, kindSchema } from '../schema.ts';

const resolutionNs = 15e9;
const defaultCostNs = 5e6;
const containerMemoryBytes = 10 * 2 ** 20;
const sampleKey: ObjectKey = 'MetricsSample/metrics-server';

interface Counted {
  readonly uid: string;
  /** Accepted so far. */
  readonly count: number;
  /** In a second, between the last two looks. */
  readonly perSecond: number;
}
/** What the metrics-server remembers; pods that have accepted nothing are absent. */
export interface MetricsSample extends KubeObject {
  readonly spec: { readonly looks: number; readonly atNs: number; readonly pods: Readonly<Record<string, Counted>> };
}

export const metricsSample = defineKind<MetricsSample>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'MetricsSample',
  plural: 'metricssamples',
  singular: 'metricssample',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('What the metrics-server has seen of the pods.', { spec: anything('Counts by pod.') }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name }),
});

const isServer = (object: KubeObject): boolean => object.metadata.namespace === 'kube-system' && object.metadata.labels?.['k8s-app'] === 'metrics-server';
const isMeasured = (pod: Pod): boolean => pod.status?.phase === 'Running' && !isTerminating(pod);

export const metricsController = defineController({
  name: 'metrics-server',
  watches: ['Pod'],
  keysFor: (changed) => (isServer(changed) ? [sampleKey] : []),
  reconcile(key, context) {
    const known = context.view.find<MetricsSample>(key);
    if (!context.view.select<Pod>('Pod', 'kube-system', { 'k8s-app': 'metrics-server' }).some((pod) => isReady(pod) && !isTerminating(pod))) {
      if (known !== undefined) context.remove(key);
      return;
    }
    const leftNs = known === undefined ? 0 : known.spec.atNs + resolutionNs - context.nowNs;
    context.requeueAfter(key, leftNs > 0 ? leftNs : resolutionNs);
    if (leftNs > 0) return;
    const pods: Record<string, Counted> = {};
    for (const pod of context.view.list<Pod>('Pod')) {
      const count = isMeasured(pod) ? context.measure(objectKey(pod)) : 0;
      if (count === 0) continue;
      const [name, uid = ''] = [`${namespaceOf(pod)}/${pod.metadata.name}`, pod.metadata.uid];
      const before = known?.spec.pods[name];
      const since = before?.uid === uid ? before.count : 0;
      pods[name] = { uid, count, perSecond: known === undefined ? 0 : Math.max(0, count - since) / ((context.nowNs - known.spec.atNs) / 1e9) };
    }
    const spec = { looks: Math.min(2, (known?.spec.looks ?? 0) + 1), atNs: context.nowNs, pods };
    if (known === undefined) context.create({ apiVersion: metricsSample.apiVersion, kind: metricsSample.kind, metadata: { name: 'metrics-server' }, spec });
    else context.update({ ...known, spec });
  },
});

export interface Usage {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** Whether a metrics-server answers; it has numbers after its second look. */
export function metricsState(view: StoreView): 'absent' | 'not yet' | 'available' {
  const sample = view.find<MetricsSample>(sampleKey);
  return sample === undefined ? 'absent' : sample.spec.looks < 2 ? 'not yet' : 'available';
}

/** Undefined for a pod that is not running, or where no metrics-server has numbers. By container in the order of the pod. */
export function containerUsages(pod: Pod, view: StoreView): readonly (readonly [container: string, usage: Usage])[] | undefined {
  if (metricsState(view) !== 'available' || !isMeasured(pod)) return undefined;
  const counted = view.find<MetricsSample>(sampleKey)?.spec.pods[`${namespaceOf(pod)}/${pod.metadata.name}`];
  const { annotations = {} } = pod.metadata;
  const costNs = parseDurationNs(annotations['kubehop.dev/cpu-per-request']) ?? defaultCostNs;
  const busyMilli = counted?.uid === pod.metadata.uid ? ((counted?.perSecond ?? 0) * costNs) / 1e6 : 0;
  const saidCpu = annotations['kubehop.dev/cpu-usage'];
  const saidMemory = annotations['kubehop.dev/memory-usage'];
  const { containers } = pod.spec;
  return containers.map(({ name }, index) => [
    name,
    {
      cpuMilli: saidCpu === undefined ? Math.ceil(1 + (index === 0 ? busyMilli : 0)) : Math.ceil(milliUnits(saidCpu) / containers.length),
      memoryBytes: saidMemory === undefined ? containerMemoryBytes : Math.ceil(wholeUnits(saidMemory) / containers.length),
    },
  ]);
}

const sum = (usages: readonly Usage[]): Usage => ({
  cpuMilli: usages.reduce((total, one) => total + one.cpuMilli, 0),
  memoryBytes: usages.reduce((total, one) => total + one.memoryBytes, 0),
});

export function podUsage(pod: Pod, view: StoreView): Usage | undefined {
  const usages = containerUsages(pod, view);
  return usages === undefined ? undefined : sum(usages.map(([, usage]) => usage));
}

/** A node's own programs take a tenth of a core and half a gibibyte beside its pods. */
export function nodeUsage(node: Node, view: StoreView): Usage | undefined {
  if (metricsState(view) !== 'available') return undefined;
  const pods = podsOn(view, node.metadata.name).flatMap((pod) => podUsage(pod, view) ?? []);
  return sum([{ cpuMilli: 100, memoryBytes: 512 * 2 ** 20 }, ...pods]);
}
