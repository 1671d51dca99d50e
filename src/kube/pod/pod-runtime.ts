/** The kind PodRuntime: what a kubelet remembers of a pod's containers, which Kubernetes itself has no object for; and how reports of probes, hooks and processes get into it. */
import type { Api } from '../../objects/api.ts';
import { defineKind } from '../../objects/define.ts';
import { type ControllerContext, type KubeObject, type ObjectKey, objectKey, type StoreView } from '../../objects/types.ts';
import { anything, kindSchema } from '../schema.ts';
import { HOOK_KINDS, type HookKind, PROBE_KINDS, type ProbeKind } from './probes.ts';
import type { PodSources } from './sources.ts';
import { namespaceOf, type Pod } from './types.ts';

export interface ProbeReport {
  /** `probeLabel` */
  readonly label: string;
  /** A line of a prober. */
  readonly text: string;
}
/** What is known of one run of a container. */
export interface ContainerHealth {
  readonly restartCount: number;
  readonly startup?: 'success' | 'failure';
  readonly liveness?: 'success' | 'failure';
  readonly readiness?: 'success' | 'failure';
  readonly postStart?: 'success' | 'failure';
  readonly preStop?: 'success' | 'failure';
  /** Its first process has ended. */
  readonly exit?: { readonly code: number; readonly at: string };
  /** Why its command is not run: it is taken for a program that runs on. */
  readonly notRun?: string;
  /** It is being stopped: since when, how long it may take, and when it was sent SIGTERM. */
  readonly stopping?: { readonly since: string; readonly graceSeconds: number; readonly signalledAt?: string };
}
/** Named after its pod. */
export interface PodRuntime extends KubeObject {
  readonly spec: {
    readonly podUid: string;
    readonly health: Readonly<Record<string, ContainerHealth>>;
    /** What the kubelet has not looked at yet. */
    readonly reports: readonly ProbeReport[];
    readonly sources?: PodSources;
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
  followsOwner: true,
  schema: kindSchema('What the kubelet knows of the containers of a pod.', { spec: anything('Results by container.') }),
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

/** A prober spoke, or a process ended: `podKey` is its pod, `label` its container and kind. The kubelet looks at the next settling. */
export function reportProbe(api: Api, podKey: ObjectKey, report: ProbeReport): void {
  const pod = api.view.find<Pod>(podKey);
  if (pod === undefined) return;
  const known = runtimeOf(pod, api.view);
  if (known !== undefined) {
    api.update({ ...known, spec: { ...known.spec, reports: [...known.spec.reports, report].slice(-MAX_REPORTS) } } as KubeObject);
    return;
  }
  const fresh = newRuntime(pod, {}, [report]);
  const stale = api.view.find(`PodRuntime/${namespaceOf(pod)}/${pod.metadata.name}`);
  if (stale === undefined) api.create(fresh);
  else api.update({ ...fresh, metadata: { ...stale.metadata, ...fresh.metadata } });
}

/** The first memory of a pod, in place of that of an earlier one of its name. */
export function putRuntime(fresh: PodRuntime, context: ControllerContext): void {
  const stale = context.view.find(objectKey(fresh));
  if (stale === undefined) context.create(fresh);
  else context.update({ ...fresh, metadata: { ...stale.metadata, ...fresh.metadata } });
}

export function newRuntime(pod: Pod, health: PodRuntime['spec']['health'], reports: readonly ProbeReport[]): PodRuntime {
  const { name, uid = '' } = pod.metadata;
  return {
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'PodRuntime',
    metadata: { name, namespace: namespaceOf(pod), ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    spec: { podUid: uid, health, reports },
  };
}

/** What a report is about. `exit`: the text is the exit code. `notRun`: the text says why. */
export type ReportKind = ProbeKind | HookKind | 'exit' | 'notRun';
const KINDS: readonly ReportKind[] = [...PROBE_KINDS, ...HOOK_KINDS, 'exit', 'notRun'];

/** A report belongs to one run of the container. */
export const reportLabel = (container: string, kind: ReportKind, restartCount: number): string => `${container}/${kind}/${restartCount}`;

/** Takes a report apart: `result` is absent for a single failure. */
export function readReport(report: ProbeReport): { container: string; kind: ReportKind; restartCount: number; result?: 'success' | 'failure' } | undefined {
  const [container = '', word = '', count = ''] = report.label.split('/');
  const kind = KINDS.find((one) => one === word);
  if (kind === undefined) return undefined;
  const result = / result: (success|failure)\n$/.exec(report.text)?.[1];
  return { container, kind, restartCount: Number(count), ...(result === undefined ? {} : { result: result === 'success' ? 'success' : 'failure' }) };
}
