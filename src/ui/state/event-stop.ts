/** An event of the log between two hops: told in its own words, and placed where its packet stands. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { HopView } from '../../world/views.ts';
import { isEnd } from './eye-time.ts';

export interface EventStop {
  readonly seq: number;
  /** Undefined: nothing that has words of its own, as a program's output. */
  readonly hop: HopView | undefined;
  /** Index of the loaded hop that the event is part of, whether its telling event comes before or after; -1 where there is none. */
  readonly of: number;
}

/** Events of other packets between the first of a stop and this one; of a longer stop only the place of its last events is known. */
const MAX_EVENTS_OF_STOP = 600;

const partOf = (hop: HopView | undefined, seq: number, place: string): boolean =>
  hop !== undefined && (hop.event.seq === seq || (hop.place === place && !isEnd(hop)));

/** The hop of the same packet that this event, at `place`, is part of: the one before it, or the next one if its telling event is still to come. */
export function hopOfEvent(hops: readonly HopView[], seq: number, packetId: number, place: string): number {
  let before = -1;
  for (let i = 0; i < hops.length; i += 1) {
    const hop = hops[i] as HopView;
    if (hop.event.packetId !== packetId) continue;
    if (hop.event.seq > seq) return partOf(hops[before], seq, place) ? before : i;
    before = i;
  }
  return before;
}

/** Asks the world for an event of the span that begins at `from`. */
export async function loadStop(client: PlaygroundClient, hops: readonly HopView[], from: number, seq: number): Promise<EventStop> {
  const start = Math.max(from, seq - MAX_EVENTS_OF_STOP);
  // The words are the event's own; where it happened depends on what its packet has been through in this netns.
  const [[alone], until] = await Promise.all([client.call('hops', seq, seq + 1), client.call('hops', start, seq + 1)]);
  if (alone === undefined) return { seq, hop: undefined, of: -1 };
  const { packetId } = alone.event;
  if (packetId < 0) return { seq, hop: alone, of: hops.findIndex((hop) => hop.event.seq === seq) };
  const stop = until.findLast((hop) => hop.event.packetId === packetId) ?? alone;
  const of = hopOfEvent(hops, seq, packetId, stop.place);
  const whole = hops[of];
  // A chain is asked rule by rule: what the event adds is the rule, not the hook.
  const rule = alone.rules[0];
  const title = rule === undefined || alone.event.step.kind !== 'matched' ? alone.title : `${rule.chain}: ${rule.outcome}`;
  return {
    seq,
    of,
    hop: { ...alone, title, place: stop.place, where: stop.where, rules: stop.rules, ...(whole === undefined ? {} : { hop: whole.hop, hops: whole.hops }) },
  };
}
