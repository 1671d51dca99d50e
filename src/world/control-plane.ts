/** What the API server and those who watch it do: writes of objects in order, who wrote them, what agents made of them on machines, and who has not heard of what yet. */

import { nodeOf } from '../kube/index.ts';
import type { NetRecord } from '../net/records.ts';
import type { TraceEvent } from '../net/trace-event.ts';
import type { Delivery } from '../objects/api.ts';
import type { ApiServer } from '../objects/api-server.ts';
import type { ObjectWrite } from './object-writes.ts';
import type { ControlPlaneView, ControlStepView, WatcherView } from './views.ts';

const MAX_STEPS = 400;
/** Events of the log that are looked through for what agents wrote. */
const MAX_EVENTS = 20_000;
/** `Pod/default/web` → `Pod default/web` */
const spoken = (key: string): string => {
  const slash = key.indexOf('/');
  return `${key.slice(0, slash)} ${key.slice(slash + 1)}`;
};

/** What agents wrote on machines, one step for each agent, machine and place in a row. */
function agentSteps(events: readonly TraceEvent[]): ControlStepView[] {
  const steps: ControlStepView[] = [];
  let open: { by: string; host: string; timeNs: number; seq: number; kinds: Map<string, number> } | undefined;
  const close = () => {
    if (open === undefined) return;
    const { by, host, timeNs, seq, kinds } = open;
    const detail = [...kinds].map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`).join(', ');
    steps.push({ seq, timeNs, by, host, verb: 'writes', detail, sentence: `${by} writes ${detail} on ${host}` });
    open = undefined;
  };
  for (const { step, seq, timeNs } of events) {
    if (step.kind !== 'changed' || step.command !== undefined) continue;
    const host = step.recordId.split('/')[0] ?? '';
    if (open === undefined || open.by !== step.by || open.host !== host || open.timeNs !== timeNs) {
      close();
      open = { by: step.by, host, timeNs, seq, kinds: new Map() };
    }
    open.kinds.set(step.record, (open.kinds.get(step.record) ?? 0) + 1);
  }
  close();
  return steps;
}

function watcherViews(
  watchers: readonly { readonly name: string; readonly watches: readonly string[] }[],
  deliveries: readonly Delivery[],
  revision: number,
): WatcherView[] {
  const late = new Map<string, Delivery[]>();
  for (const one of deliveries) {
    const id = `${one.component} ${nodeOf(one.component, one.key) ?? ''}`;
    const list = late.get(id);
    if (list === undefined) late.set(id, [one]);
    else list.push(one);
  }
  const views: WatcherView[] = [];
  for (const { name, watches } of watchers) {
    const own = [...late].filter(([id]) => id.startsWith(`${name} `));
    if (own.length === 0) views.push({ component: name, watches, seen: revision, waiting: 0 });
    for (const [id, list] of own) {
      const host = id.slice(name.length + 1);
      const arrives = Math.min(...list.map((one) => one.arrivesNs));
      const first = Math.min(...list.map((one) => one.revision ?? revision + 1));
      views.push({
        component: name,
        ...(host === '' ? {} : { host }),
        watches,
        seen: Math.max(0, Math.min(revision, first - 1)),
        waiting: new Set(list.map((one) => one.object)).size,
        ...(arrives === Number.POSITIVE_INFINITY ? { stopped: true as const } : { arrivesNs: arrives }),
      });
    }
  }
  return views.sort((a, b) => b.waiting - a.waiting);
}

/** What is asked of a world. */
export interface ControlledWorld {
  readonly api: Pick<ApiServer<NetRecord>, 'watchers' | 'deliveries'>;
  readonly engine: { events(from: number, to: number): readonly TraceEvent[] };
  readonly headSeq: number;
  readonly revision: number;
  readonly writes: readonly ObjectWrite[];
  lookAt<T>(atSeq: number, look: () => T): T;
}

/** The last steps, in the order in which they were done: an object is written before what agents make of it. As it was right after event `atSeq`, where that is given. */
export function controlPlane(world: ControlledWorld, atSeq?: number): ControlPlaneView {
  const writes = atSeq === undefined ? world.writes : world.writes.filter((one) => one.seq <= atSeq);
  const revision = atSeq === undefined ? world.revision : (writes.at(-1)?.revision ?? world.revision);
  const look = () => viewOf(world, writes, revision);
  return atSeq === undefined ? look() : world.lookAt(atSeq, look);
}

function viewOf({ api, engine, headSeq }: ControlledWorld, writes: readonly ObjectWrite[], revision: number): ControlPlaneView {
  const writeSteps = writes.map((one): ControlStepView => {
    const { seq, timeNs, by, verb, objectKey, revision, detail } = one;
    return { seq, timeNs, by, verb, objectKey, revision, detail, sentence: `${by} ${verb} ${spoken(objectKey)}${detail === '' ? '' : ` (${detail})`}` };
  });
  const first = writes[0]?.seq ?? headSeq;
  const steps = agentSteps(engine.events(Math.max(first, headSeq - MAX_EVENTS), headSeq));
  const all = [...writeSteps, ...steps]
    .map((step, index) => ({ step, index }))
    .sort((a, b) => a.step.seq - b.step.seq || a.step.timeNs - b.step.timeNs || a.index - b.index)
    .map((one) => one.step);
  return { revision, watchers: watcherViews(api.watchers, api.deliveries(), revision), steps: all.slice(-MAX_STEPS) };
}
