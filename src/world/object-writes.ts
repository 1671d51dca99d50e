/** Writes of objects in the order in which they were made, with who made them and what was new: kept while a world runs, shown as the control plane. */
import type { Change } from '../base/record-store.ts';
import type { KubeObject } from '../objects/types.ts';
import type { ControlStepView } from './views.ts';

/** One write, with the place in the log at which it was made. */
export interface ObjectWrite {
  readonly seq: number;
  readonly timeNs: number;
  readonly revision: number;
  readonly verb: ControlStepView['verb'];
  readonly objectKey: string;
  readonly by: string;
  readonly detail: string;
}

/** Older writes are forgotten. */
export const MAX_WRITES = 2_000;
/** Said so often that nothing else would be heard. */
const QUIET: ReadonlySet<string> = new Set(['Event', 'Lease']);

interface Loose extends KubeObject {
  readonly spec?: { readonly nodeName?: string; readonly replicas?: number };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly readyReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
}

const readyOf = (object: Loose): string | undefined => object.status?.conditions?.find((one) => one.type === 'Ready')?.status;
const readyEndpoints = (object: Loose): number => (object.endpoints ?? []).filter((one) => one.conditions?.ready !== false).length;

/** What is new about an object, in few words; '' where that is told by nothing but its text. */
export function detailOf(before: KubeObject | undefined, after: KubeObject | undefined): string {
  if (after === undefined) return '';
  const [old, now] = [before as Loose | undefined, after as Loose];
  const words: string[] = [];
  if (now.kind === 'Pod' || now.kind === 'Node') {
    if (now.spec?.nodeName !== undefined && old?.spec?.nodeName !== now.spec.nodeName) words.push(`on ${now.spec.nodeName}`);
    if (now.status?.phase !== undefined && old?.status?.phase !== now.status.phase) words.push(now.status.phase);
    if (now.status?.podIP !== undefined && old?.status?.podIP !== now.status.podIP) words.push(now.status.podIP);
    const ready = readyOf(now);
    if (ready !== undefined && (old === undefined ? undefined : readyOf(old)) !== ready) words.push(ready === 'True' ? 'Ready' : 'not Ready');
    if (now.metadata.deletionTimestamp !== undefined && old?.metadata.deletionTimestamp === undefined) words.push('is to go');
  } else if (now.kind === 'EndpointSlice') {
    words.push(`${readyEndpoints(now)} ready`);
  } else {
    if (now.spec?.replicas !== undefined && old?.spec?.replicas !== now.spec.replicas)
      words.push(old?.spec?.replicas === undefined ? `${now.spec.replicas} replicas` : `replicas ${old.spec.replicas} → ${now.spec.replicas}`);
    if (old?.status?.readyReplicas !== now.status?.readyReplicas) words.push(`${now.status?.readyReplicas ?? 0} ready`);
  }
  return words.join(', ');
}

/** Undefined for what nobody wants to hear of. */
export function writeOf(change: Change<KubeObject>, seq: number, timeNs: number, by: string | undefined): ObjectWrite | undefined {
  const { before, after } = change;
  const object = after ?? before;
  if (object === undefined || QUIET.has(object.kind)) return undefined;
  return {
    seq,
    timeNs,
    revision: Number(object.metadata.resourceVersion ?? 0),
    verb: before === undefined ? 'creates' : after === undefined ? 'deletes' : 'updates',
    objectKey: change.id,
    by: by ?? 'kubectl',
    detail: detailOf(before, after),
  };
}
