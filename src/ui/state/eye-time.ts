/** How long a viewer's eye needs for each hop: what decides gets time, what was seen before or is beside the story passes quickly, idle virtual time is shortened. */
import type { StepKind } from '../../net/trace-event.ts';
import type { HopView } from '../../world/views.ts';

/** Milliseconds of viewer time at speed 1 that a packet rests where this happened, before it moves on. */
const restMs: Readonly<Record<StepKind, number>> = {
  created: 380,
  received: 30,
  bridged: 160,
  matched: 160,
  translated: 1000,
  bpf: 500,
  routed: 300,
  resolved: 80,
  queued: 200,
  duplicated: 300,
  encapsulated: 1000,
  decapsulated: 500,
  transmitted: 30,
  delivered: 480,
  printed: 0,
  tls: 600,
  changed: 300,
  dropped: 1600,
};

/** Milliseconds of its way to the next stop. */
const FLIGHT_MS = 210;
const BACKGROUND_FACTOR = 0.28;
/** The same thing at the same place once more: it is known, and passes. */
const SEEN_REST = 0.22;
const SEEN_FLIGHT = 0.55;
/** Idle virtual time (a retransmission timer, `sleep`) is shown as a pause of at most this. */
const MAX_GAP_MS = 900;

/** Viewer time for a stretch of virtual time in which nothing happened. */
function gapMs(ns: number): number {
  const ms = ns / 1e6;
  return ms <= 1 ? 0 : Math.min(MAX_GAP_MS, 140 + 150 * Math.log10(ms));
}

const ends: ReadonlySet<StepKind> = new Set<StepKind>(['delivered', 'dropped', 'changed', 'tls']);

/** A packet's life is over here; a change of a record has none. */
export const isEnd = (hop: HopView): boolean => ends.has(hop.event.step.kind);

/** The playhead and the canvas ask for the same of one run; a long one takes a while. */
const knownNext = new WeakMap<readonly HopView[], Int32Array>();
const knownTogether = new WeakMap<readonly HopView[], Uint8Array>();

/** For each hop the index of the same packet's next hop, -1 at its end. Typed, since it is read every frame. */
export function nextHops(hops: readonly HopView[]): Int32Array {
  const known = knownNext.get(hops);
  if (known !== undefined) return known;
  const next = new Int32Array(hops.length).fill(-1);
  const last = new Map<number, number>();
  hops.forEach((hop, index) => {
    const id = hop.event.packetId;
    const before = last.get(id);
    if (before !== undefined && !isEnd(hops[before] as HopView)) next[before] = index;
    last.set(id, index);
  });
  knownNext.set(hops, next);
  return next;
}

/** 1 for hops after which the packet travels while virtual time passes and others' hops happen: it moves all the while, not only when its turn has come. */
export function onWires(hops: readonly HopView[], next: Int32Array): Uint8Array {
  const known = knownTogether.get(hops);
  if (known !== undefined) return known;
  const together = new Uint8Array(hops.length);
  for (let from = 0; from < hops.length; from += 1) {
    const to = next[from] as number;
    if (to - from <= 1) continue;
    const hop = hops[from] as HopView;
    if (hop.event.step.kind !== 'queued' && (hops[to] as HopView).event.timeNs > hop.event.timeNs) together[from] = 1;
  }
  knownTogether.set(hops, together);
  return together;
}

export interface EyeTimes {
  /** `times[i]` is the viewer time in ms from hop i-1 to hop i, above 0. */
  readonly times: Float64Array;
  /** `rests[i]` is the part (0..1) of the time from hop i-1 to hop i in which the packet of hop i-1 still rests. */
  readonly rests: Float64Array;
}

/**
 * Where several packets are on their way at once their hops share the time, so that a hundred packets do not take a hundred times as long as one.
 * `skipIdle`: no pause where nothing happens.
 */
export function eyeTimes(hops: readonly HopView[], next: Int32Array = nextHops(hops), skipIdle = false): EyeTimes {
  const times = new Float64Array(hops.length);
  const rests = new Float64Array(hops.length);
  const change = new Int32Array(hops.length + 1);
  onWires(hops, next).forEach((together, from) => {
    const to = next[from] as number;
    if (together === 0) return;
    change[from + 1] = (change[from + 1] as number) + 1;
    change[to + 1] = (change[to + 1] as number) - 1;
  });
  const seen = new Set<string>();
  let inFlight = 0;
  let rest = 0;
  hops.forEach((hop, index) => {
    inFlight += change[index] as number;
    const before = hops[index - 1];
    const gap = before === undefined || skipIdle ? 0 : gapMs(hop.event.timeNs - before.event.timeNs);
    const key = `${hop.place}|${hop.event.step.kind}|${hop.protocol}`;
    const known = seen.has(key);
    seen.add(key);
    const flight = FLIGHT_MS * (hop.background ? BACKGROUND_FACTOR : known ? SEEN_FLIGHT : 1);
    const share = Math.max(1, inFlight);
    times[index] = (rest + gap + flight) / share;
    rests[index] = (rest + gap) / (rest + gap + flight);
    rest = restMs[hop.event.step.kind] * (hop.background ? BACKGROUND_FACTOR : known ? SEEN_REST : 1);
  });
  return { times, rests };
}
