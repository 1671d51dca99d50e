/** How long a viewer's eye needs for each hop: what decides gets time, what is beside the story passes quickly, idle virtual time is shortened. */
import type { StepKind } from '../../net/trace-event.ts';
import type { HopView } from '../../world/views.ts';

/** Milliseconds of viewer time at speed 1 for arriving at a hop of this kind. */
const baseMs: Readonly<Record<StepKind, number>> = {
  created: 520,
  received: 230,
  bridged: 420,
  matched: 520,
  translated: 1150,
  routed: 560,
  resolved: 300,
  queued: 420,
  encapsulated: 1150,
  decapsulated: 760,
  transmitted: 260,
  delivered: 820,
  printed: 300,
  dropped: 1600,
};

const BACKGROUND_FACTOR = 0.28;
/** Idle virtual time (a retransmission timer, `sleep`) is shown as a pause of at most this. */
const MAX_GAP_MS = 900;

/** Viewer time for a stretch of virtual time in which nothing happened. */
function gapMs(ns: number): number {
  const ms = ns / 1e6;
  return ms <= 1 ? 0 : Math.min(MAX_GAP_MS, 140 + 150 * Math.log10(ms));
}

/** For each hop the index of the same packet's next hop, -1 at its end. Typed, since it is read every frame. */
export function nextHops(hops: readonly HopView[]): Int32Array {
  const next = new Int32Array(hops.length).fill(-1);
  const last = new Map<number, number>();
  hops.forEach((hop, index) => {
    const id = hop.event.packetId;
    const before = last.get(id);
    if (before !== undefined && !isEnd(hops[before] as HopView)) next[before] = index;
    last.set(id, index);
  });
  return next;
}

/** A packet's life is over here. */
export const isEnd = (hop: HopView) => hop.event.step.kind === 'delivered' || hop.event.step.kind === 'dropped';

/**
 * `times[i]` is the viewer time in ms from hop i-1 to hop i. Where several packets are on their way at once their hops share the time, so that a
 * hundred packets do not take a hundred times as long as one.
 */
export function eyeTimes(hops: readonly HopView[], next: Int32Array = nextHops(hops)): Float64Array {
  const times = new Float64Array(hops.length);
  const change = new Int32Array(hops.length + 1);
  next.forEach((to, from) => {
    if (to < 0 || hops[from]?.event.step.kind === 'queued') return;
    change[from + 1] = (change[from + 1] as number) + 1;
    change[to + 1] = (change[to + 1] as number) - 1;
  });
  let inFlight = 0;
  hops.forEach((hop, index) => {
    inFlight += change[index] as number;
    const before = hops[index - 1];
    const gap = before === undefined ? 0 : gapMs(hop.event.timeNs - before.event.timeNs);
    const own = baseMs[hop.event.step.kind] * (hop.background ? BACKGROUND_FACTOR : 1);
    times[index] = (own + gap) / Math.max(1, inFlight);
  });
  return times;
}
