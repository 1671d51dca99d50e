/** The kind PodRuntime: what a kubelet remembers of a pod's probes, which Kubernetes itself has no object for; and how reports of the probes get into it. */
import type { Api } from '../../objects/api.ts';
import { defineKind } from '../../objects/define.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { anything, kindSchema } from '../schema.ts';
import { PROBE_KINDS, type ProbeKind } from './probes.ts';
import { namespaceOf, type Pod } from './types.ts';

export interface ProbeReport {
  /** `probeLabel` */
  readonly label: string;
  /** A line of a prober. */
  readonly text: string;
}
/** Results of one run of a container. */
export interface ContainerHealth {
  readonly restartCount: number;
  readonly startup?: 'success' | 'failure';
  readonly liveness?: 'success' | 'failure';
  readonly readiness?: 'success' | 'failure';
}
/** Named after its pod. */
export interface PodRuntime extends KubeObject {
  readonly spec: {
    readonly podUid: string;
    readonly health: Readonly<Record<string, ContainerHealth>>;
    /** What the kubelet has not looked at yet. */
    readonly reports: readonly ProbeReport[];
  };
}

/** The kubelet looks after each report; more than this never gather. */
const MAX_REPORTS = 64;

export const podRuntimeKind = defineKind<PodRuntime>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'PodRuntime',
  plural: 'podruntimes',
  singular: 'podruntime',
  shortNames: [],
  namespaced: true,
  schema: kindSchema('What the kubelet knows from the probes of a pod.', { spec: anything('Results by container.') }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name }),
});

/** The memory of this very pod, not of an earlier one of its name. */
export function runtimeOf(pod: Pod, view: StoreView): PodRuntime | undefined {
  const runtime = view.find<PodRuntime>(`PodRuntime/${namespaceOf(pod)}/${pod.metadata.name}`);
  return runtime?.spec.podUid === pod.metadata.uid ? runtime : undefined;
}

/** A prober spoke: `podKey` is its pod, `label` its container and kind. The kubelet looks at the next settling. */
export function reportProbe(api: Api, podKey: ObjectKey, report: ProbeReport): void {
  const pod = api.view.find<Pod>(podKey);
  if (pod === undefined) return;
  const known = runtimeOf(pod, api.view);
  if (known !== undefined) {
    api.update({ ...known, spec: { ...known.spec, reports: [...known.spec.reports, report].slice(-MAX_REPORTS) } } as KubeObject);
    return;
  }
  const { name, uid = '' } = pod.metadata;
  const stale = api.view.find(`PodRuntime/${namespaceOf(pod)}/${name}`);
  const fresh: PodRuntime = {
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'PodRuntime',
    metadata: { name, namespace: namespaceOf(pod), ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    spec: { podUid: uid, health: {}, reports: [report] },
  };
  if (stale === undefined) api.create(fresh);
  else api.update({ ...fresh, metadata: { ...stale.metadata, ...fresh.metadata } });
}

/** Takes a report apart: `result` is absent for a single failure. */
export function readReport(report: ProbeReport): { container: string; kind: ProbeKind; restartCount: number; result?: 'success' | 'failure' } | undefined {
  const [container = '', word = '', count = ''] = report.label.split('/');
  const kind = PROBE_KINDS.find((one) => one === word);
  if (kind === undefined) return undefined;
  const result = / probe result: (success|failure)\n$/.exec(report.text)?.[1];
  return { container, kind, restartCount: Number(count), ...(result === undefined ? {} : { result: result === 'success' ? 'success' : 'failure' }) };
}
