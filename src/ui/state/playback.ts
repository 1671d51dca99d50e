/** The playhead: loads hops, turns wall time into viewer time, plays, steps and seeks; read by the canvas every frame and by React only on coarse changes. */

import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { HopView } from '../../world/views.ts';
import type { PlaybackSource } from '../canvas/contract.ts';
import { type EventStop, loadStop } from './event-stop.ts';
import { eyeTimes, nextHops } from './eye-time.ts';

/** What React shows of the playhead. The same object until something in it changes. */
export interface PlaybackSnapshot {
  /** The hop the reader looks at, -1 before the first. While stepping it is already the hop that the packet glides to. */
  readonly index: number;
  readonly hopCount: number;
  /** The log event that is looked at between this hop and the next one; undefined: the hop's own. */
  readonly event: number | undefined;
  /** That event in words and where its packet stands; the one before until it is told. */
  readonly stop: EventStop | undefined;
  readonly playing: boolean;
  /** 0.1..4 */
  readonly speed: number;
  readonly loop: boolean;
  /** Where a loop begins and ends, both hops included; undefined: at the ends. */
  readonly span: { readonly from: number; readonly to: number } | undefined;
  /** Time in which nothing happens takes none. */
  readonly skipIdle: boolean;
  readonly loading: boolean;
  /** Why the last load failed, '' if it did not. */
  readonly problem: string;
}

/** Where time and frames come from; tests give their own. */
export interface FrameClock {
  /** Milliseconds, monotonic. */
  now(): number;
  request(callback: () => void): number;
  cancel(handle: number): void;
}

export interface PlaybackOptions {
  readonly clock?: FrameClock;
  /** True: packets appear at the next hop instead of travelling there. Asked anew at each frame. */
  readonly reducedMotion?: () => boolean;
}

export interface LoadOptions {
  /** Where the playhead stands afterwards; `keep`: at the same log event if it is still there. Default `start`. */
  readonly at?: 'start' | 'end' | 'keep';
  readonly play?: boolean;
}

export const MIN_SPEED = 0.1;
export const MAX_SPEED = 4;
/** Log events a span may have; a longer one is cut at its end. */
export const MAX_LOADED_EVENTS = 200_000;

const EVENTS_PER_CALL = 2_000;
/** A stepped packet glides there in this time, whatever the speed. */
const GLIDE_MS = 260;
/** After a hidden tab or a long task playback goes on where it was. */
const MAX_FRAME_MS = 100;
const LOOP_PAUSE_MS = 1_400;

const browserClock: FrameClock = {
  now: () => performance.now(),
  request: (callback) => requestAnimationFrame(callback),
  cancel: (handle) => cancelAnimationFrame(handle),
};

const prefersReducedMotion = () => typeof matchMedia === 'function' && matchMedia('(prefers-reduced-motion: reduce)').matches;

export class Playback implements PlaybackSource {
  readonly #client: PlaygroundClient | undefined;
  readonly #clock: FrameClock;
  readonly #reducedMotion: () => boolean;
  readonly #listeners = new Set<() => void>();
  readonly #coarseListeners = new Set<() => void>();
  #hops: readonly HopView[] = [];
  #times: Float64Array = new Float64Array(0);
  #rests: Float64Array = new Float64Array(0);
  #starts: Float64Array = new Float64Array(0);
  #from = 0;
  #to = 0;
  #loadNumber = 0;
  /** Asked for before anybody wanted to see it. */
  #expected: { readonly from: number; readonly to: number; readonly hops: Promise<readonly HopView[]> } | undefined;
  /** Numbers of questions for an event, and the newest one that was answered. */
  #asked = 0;
  #answered = 0;
  #position = { index: -1, fraction: 0 };
  /** While stepping: where the glide ends. */
  #glide: { readonly from: number; readonly to: number; elapsedMs: number } | undefined;
  #waitMs = 0;
  #frame: number | undefined;
  #lastFrameMs = 0;
  #snapshot: PlaybackSnapshot = {
    index: -1,
    hopCount: 0,
    event: undefined,
    stop: undefined,
    playing: false,
    speed: 1,
    loop: false,
    span: undefined,
    skipIdle: false,
    loading: false,
    problem: '',
  };

  /** @param client where hops come from; without one they are given with `setHops`. */
  constructor(client?: PlaygroundClient, options: PlaybackOptions = {}) {
    this.#client = client;
    this.#clock = options.clock ?? browserClock;
    this.#reducedMotion = options.reducedMotion ?? prefersReducedMotion;
  }

  hops(): readonly HopView[] {
    return this.#hops;
  }

  position(): { readonly index: number; readonly fraction: number } {
    return this.#position;
  }

  get playing(): boolean {
    return this.#snapshot.playing;
  }

  /** Where the packet of the event that is looked at stands, if somebody goes by events. */
  stop(): EventStop | undefined {
    return this.#snapshot.stop;
  }

  /** The loaded span of the log, [from, to). */
  get span(): { readonly from: number; readonly to: number } {
    return { from: this.#from, to: this.#to };
  }

  /** The hop the reader looks at. */
  get hop(): HopView | undefined {
    return this.#hops[this.#snapshot.index];
  }

  /** Viewer time of the whole span at speed 1, in ms. */
  get durationMs(): number {
    const last = this.#hops.length - 1;
    return last < 0 ? 0 : (this.#starts[last] as number);
  }

  /** Viewer time up to the playhead at speed 1, in ms. */
  get elapsedMs(): number {
    const { index, fraction } = this.#position;
    const reached = index < 0 ? 0 : (this.#starts[index] as number);
    return reached + (fraction + this.#partOfEvent(index)) * (this.#times[index + 1] ?? 0);
  }

  /** 0..1: the share of the events between a hop and the next one that the playhead has passed. */
  #partOfEvent(index: number): number {
    const { event } = this.#snapshot;
    if (event === undefined) return 0;
    const before = this.#hops[index]?.event.seq ?? this.#from;
    const after = this.#hops[index + 1]?.event.seq ?? this.#to;
    return Math.max(0, Math.min(1, (event - before) / Math.max(1, after - before)));
  }

  /** Viewer time at speed 1 when a hop is reached, in ms: where its tick stands on a scrubber. */
  timeOf(index: number): number {
    return this.#starts[index] ?? 0;
  }

  /** The hop of a log event, -1 where the span has none. */
  indexOf(seq: number): number {
    const index = this.#indexBefore(seq);
    return this.#hops[index]?.event.seq === seq ? index : -1;
  }

  /** Virtual time at the playhead. */
  get timeNs(): number {
    const { index, fraction } = this.#position;
    const before = this.#hops[Math.max(index, 0)]?.event.timeNs ?? 0;
    const after = this.#hops[index + 1]?.event.timeNs ?? before;
    return index < 0 ? before : before + (after - before) * fraction;
  }

  /** Called after each change of hops or position. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called only when the snapshot changes; fits `useSyncExternalStore`. */
  readonly subscribeCoarse = (listener: () => void): (() => void) => {
    this.#coarseListeners.add(listener);
    return () => this.#coarseListeners.delete(listener);
  };

  readonly getSnapshot = (): PlaybackSnapshot => this.#snapshot;

  /** This span will most likely be loaded next: its hops are asked for now, while the page has other work. Longer ones are not worth it. */
  expect(from: number, to: number): void {
    const hops = to - from > EVENTS_PER_CALL ? undefined : this.#client?.call('hops', from, to);
    hops?.catch(() => undefined);
    this.#expected = hops === undefined ? undefined : { from, to, hops };
  }

  /** Loads log events [from, to). The last call wins; never rejects, a failure stands in the snapshot. */
  async load(from: number, to: number, options: LoadOptions = {}): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#loadNumber += 1;
    const number = this.#loadNumber;
    const end = Math.min(to, from + MAX_LOADED_EVENTS);
    this.#update({ loading: true, problem: '' });
    const loaded: HopView[] = [];
    const expected = this.#expected;
    this.#expected = undefined;
    try {
      for (let start = from; start < end; start += EVENTS_PER_CALL) {
        const part = await (expected?.from === from && expected.to === end
          ? expected.hops
          : client.call('hops', start, Math.min(end, start + EVENTS_PER_CALL)));
        if (number !== this.#loadNumber) return;
        loaded.push(...part);
      }
    } catch (error) {
      if (number === this.#loadNumber) this.#update({ loading: false, problem: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#from = from;
    this.#to = end;
    this.#update({ loading: false });
    this.setHops(loaded, options);
  }

  /** Another world is opened: nothing of this one is left to be played, and what is still on its way is not wanted. */
  forget(): void {
    this.#loadNumber += 1;
    this.#expected = undefined;
    this.#from = 0;
    this.#to = 0;
    this.#update({ loading: false, problem: '', event: undefined, stop: undefined });
    this.setHops([]);
  }

  /** Replaces the span by these hops. */
  setHops(hops: readonly HopView[], options: LoadOptions = {}): void {
    const seq = this.hop?.event.seq;
    this.#hops = hops;
    this.#measure();
    if (options.at !== 'keep') this.#update({ span: undefined });
    const at = options.at ?? 'start';
    if (at === 'keep') this.#stand(seq === undefined ? -1 : this.#indexBefore(seq));
    else this.#stand(at === 'end' ? hops.length - 1 : -1);
    if (options.play === true) this.play();
    else if (options.play === false || hops.length === 0) this.pause();
    else this.#schedule();
  }

  #measure(): void {
    const hops = this.#hops;
    const { times, rests } = eyeTimes(hops, nextHops(hops), this.#snapshot.skipIdle);
    this.#times = times;
    this.#rests = rests;
    this.#starts = new Float64Array(hops.length);
    let sum = 0;
    for (let i = 0; i < hops.length; i += 1) {
      sum += this.#times[i] as number;
      this.#starts[i] = sum;
    }
  }

  play(): void {
    if (this.#hops.length === 0) return;
    if (this.#position.index >= this.#hops.length - 1) this.#stand(-1);
    this.#glide = undefined;
    this.#waitMs = 0;
    this.#update({ playing: true, index: this.#position.index });
    this.#schedule();
  }

  pause(): void {
    this.#update({ playing: false });
    if (this.#glide === undefined) this.#cancelFrame();
    this.#notify();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  /** One hop forward (1) or back (-1); pauses. The packet glides there unless motion is reduced. */
  step(direction: 1 | -1): void {
    const { index, fraction } = this.#position;
    // Between two hops a step back leads to the one that was left.
    const base = this.#glide?.to ?? (direction === -1 && fraction > 0 ? index + 1 : index);
    this.#moveTo(base + direction, true);
  }

  /** To the first hop of the next packet, or of this packet and then the one before; pauses. Background packets are passed over. */
  stepPacket(direction: 1 | -1): void {
    const from = this.#snapshot.index;
    for (let i = from + direction; i >= 0 && i < this.#hops.length; i += direction) {
      const hop = this.#hops[i] as HopView;
      if (hop.hop === 1 && !hop.background) {
        this.#moveTo(i, false);
        return;
      }
    }
    this.#moveTo(direction === 1 ? this.#hops.length - 1 : -1, false);
  }

  /** One event of the log forward (1) or back (-1), whichever packet it is of, and whether of any; pauses. A hop is several of them. */
  stepEvent(direction: 1 | -1): void {
    if (this.#to <= this.#from) return;
    const from = this.#snapshot.event ?? this.hop?.event.seq ?? this.#from - 1;
    const event = Math.max(this.#from, Math.min(this.#to - 1, from + direction));
    const index = this.#indexBefore(event);
    this.#glide = undefined;
    this.#waitMs = 0;
    this.#position = { index, fraction: 0 };
    // One change for those who listen: a hop that nobody looks at is never shown.
    this.#update({ playing: false, index, event, stop: this.#snapshot.stop });
    this.#cancelFrame();
    this.#notify();
    void this.#tellEvent(event);
  }

  async #tellEvent(event: number): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#asked += 1;
    const number = this.#asked;
    const stop = await loadStop(client, this.#hops, this.#from, event).catch(() => undefined);
    // Whoever holds the key down sees the events go by, not only the last.
    if (stop === undefined || number < this.#answered || this.#snapshot.event === undefined) return;
    this.#answered = number;
    this.#update({ stop });
    this.#notify();
  }

  /** To the next or the last hop at which a packet was dropped (a copy for somebody else is none); false where there is none. Pauses. */
  stepDrop(direction: 1 | -1): boolean {
    return this.#stepTo(direction, (hop) => hop.family === 'drop' && !hop.background);
  }

  /** To the next hop of the same packet, or the one before; false at its ends. Pauses. */
  stepSame(direction: 1 | -1): boolean {
    const id = this.hop?.event.packetId ?? this.#hops[0]?.event.packetId;
    return this.#stepTo(direction, (hop) => hop.event.packetId === id);
  }

  #stepTo(direction: 1 | -1, fits: (hop: HopView) => boolean): boolean {
    for (let i = this.#snapshot.index + direction; i >= 0 && i < this.#hops.length; i += direction) {
      if (!fits(this.#hops[i] as HopView)) continue;
      this.#moveTo(i, Math.abs(i - this.#snapshot.index) === 1);
      return true;
    }
    return false;
  }

  /** To a hop by index, -1 before the first; pauses unless told otherwise. */
  seek(index: number, options: { readonly keepPlaying?: boolean } = {}): void {
    if (options.keepPlaying !== true) this.#update({ playing: false });
    this.#stand(index);
    this.#schedule();
  }

  /** To the last hop at or before a log event. */
  seekToSeq(seq: number): void {
    this.seek(this.#indexBefore(seq));
  }

  /** To a moment of viewer time in ms, between hops too: what dragging a scrubber does. */
  scrub(elapsedMs: number): void {
    this.#update({ playing: false });
    this.#glide = undefined;
    const index = this.#indexAtTime(elapsedMs);
    const reached = index < 0 ? 0 : (this.#starts[index] as number);
    const ahead = this.#times[index + 1] ?? 0;
    const fraction = ahead === 0 || this.#reducedMotion() ? 0 : Math.min(0.999, Math.max(0, (elapsedMs - reached) / ahead));
    this.#position = { index, fraction };
    this.#update({ index });
    this.#cancelFrame();
    this.#notify();
  }

  setSpeed(speed: number): void {
    if (Number.isFinite(speed)) this.#update({ speed: Math.min(MAX_SPEED, Math.max(MIN_SPEED, speed)) });
  }

  setLoop(loop: boolean): void {
    this.#update({ loop });
  }

  /** The playhead's hop becomes the first or the last one of the loop, which is then on. */
  setSpan(end: 'from' | 'to'): void {
    const at = this.#clamp(Math.max(0, this.#snapshot.index));
    if (this.#hops.length === 0) return;
    const { from, to } = this.#snapshot.span ?? { from: 0, to: this.#hops.length - 1 };
    const span = end === 'from' ? { from: at, to: to > at ? to : this.#hops.length - 1 } : { from: from < at ? from : 0, to: at };
    this.#update({ span, loop: true });
  }

  /** Off also forgets where the loop began and ended. */
  toggleLoop(): void {
    this.#update(this.#snapshot.loop ? { loop: false, span: undefined } : { loop: true });
  }

  setSkipIdle(skipIdle: boolean): void {
    this.#update({ skipIdle });
    this.#measure();
    this.#notify();
  }

  /** The last hop that is played. */
  get #last(): number {
    const { loop, span } = this.#snapshot;
    const last = this.#hops.length - 1;
    // A playhead behind the loop plays on to the end.
    return loop && span !== undefined && this.#position.index <= span.to ? Math.min(last, span.to) : last;
  }

  /** Stops all frames; the object is not used afterwards. */
  close(): void {
    this.#loadNumber += 1;
    this.#cancelFrame();
    this.#listeners.clear();
    this.#coarseListeners.clear();
  }

  #indexBefore(seq: number): number {
    let low = 0;
    let high = this.#hops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#hops[middle] as HopView).event.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #indexAtTime(elapsedMs: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= elapsedMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #clamp(index: number): number {
    return Math.max(-1, Math.min(this.#hops.length - 1, Number.isFinite(index) ? Math.trunc(index) : -1));
  }

  #moveTo(wanted: number, glide: boolean): void {
    const to = this.#clamp(wanted);
    this.#update({ playing: false });
    const { index, fraction } = this.#position;
    const rest = this.#rests[index + 1] ?? 0;
    const from = index + (rest >= 1 ? 0 : Math.max(0, (fraction - rest) / (1 - rest)));
    if (!glide || this.#reducedMotion() || Math.abs(to - from) > 2) {
      this.#stand(to);
      return;
    }
    this.#glide = { from, to, elapsedMs: 0 };
    this.#update({ index: to });
    this.#lastFrameMs = this.#clock.now();
    this.#schedule();
  }

  #stand(index: number): void {
    this.#glide = undefined;
    this.#waitMs = 0;
    const to = this.#clamp(index);
    this.#position = { index: to, fraction: 0 };
    this.#update({ index: to });
    if (!this.playing) this.#cancelFrame();
    this.#notify();
  }

  #schedule(): void {
    if (this.#frame !== undefined || (!this.playing && this.#glide === undefined)) return;
    this.#lastFrameMs = this.#clock.now();
    this.#frame = this.#clock.request(this.#onFrame);
  }

  #cancelFrame(): void {
    if (this.#frame !== undefined) this.#clock.cancel(this.#frame);
    this.#frame = undefined;
  }

  readonly #onFrame = (): void => {
    this.#frame = undefined;
    const now = this.#clock.now();
    const passedMs = Math.min(MAX_FRAME_MS, Math.max(0, now - this.#lastFrameMs));
    this.#lastFrameMs = now;
    if (this.#glide !== undefined) this.#advanceGlide(passedMs);
    else if (this.playing) this.#advance(passedMs);
    this.#notify();
    if ((this.playing || this.#glide !== undefined) && this.#frame === undefined) this.#frame = this.#clock.request(this.#onFrame);
  };

  #advanceGlide(passedMs: number): void {
    const glide = this.#glide;
    if (glide === undefined) return;
    glide.elapsedMs += passedMs;
    const part = Math.min(1, glide.elapsedMs / GLIDE_MS);
    if (part >= 1) {
      this.#glide = undefined;
      this.#position = { index: glide.to, fraction: 0 };
      return;
    }
    const at = glide.from + (glide.to - glide.from) * part;
    const index = Math.floor(at);
    // A glide shows movement only: the rest at the start of each way is left out.
    const rest = this.#rests[index + 1] ?? 0;
    this.#position = { index, fraction: rest + (1 - rest) * (at - index) };
  }

  #advance(passedMs: number): void {
    const last = this.#last;
    let { index, fraction } = this.#position;
    if (index >= last) {
      this.#atEnd(passedMs);
      return;
    }
    let leftMs = passedMs * this.#snapshot.speed;
    if (this.#reducedMotion()) {
      this.#waitMs += leftMs;
      leftMs = 0;
      // A still picture needs longer to be read than a moving one.
      while (index < last && this.#waitMs >= Math.max(700 * ((this.#hops[index + 1] as HopView).background ? 0.3 : 1), this.#times[index + 1] as number)) {
        this.#waitMs -= Math.max(700 * ((this.#hops[index + 1] as HopView).background ? 0.3 : 1), this.#times[index + 1] as number);
        index += 1;
      }
      fraction = 0;
    }
    while (leftMs > 0 && index < last) {
      const neededMs = Math.max(0.01, this.#times[index + 1] as number);
      const remainingMs = (1 - fraction) * neededMs;
      if (leftMs < remainingMs) {
        fraction += leftMs / neededMs;
        leftMs = 0;
      } else {
        leftMs -= remainingMs;
        index += 1;
        fraction = 0;
      }
    }
    this.#position = { index, fraction: index >= last ? 0 : fraction };
    this.#update({ index });
  }

  #atEnd(passedMs: number): void {
    this.#waitMs += passedMs;
    if (!this.#snapshot.loop) this.#update({ playing: false });
    else if (this.#waitMs >= LOOP_PAUSE_MS) this.#stand((this.#snapshot.span?.from ?? 0) - 1);
  }

  #update(change: Partial<PlaybackSnapshot>): void {
    // Whoever moves the playhead looks at whole hops again.
    const next = { ...this.#snapshot, ...('index' in change ? { event: undefined, stop: undefined } : {}), ...change, hopCount: this.#hops.length };
    const same = (Object.keys(next) as (keyof PlaybackSnapshot)[]).every((key) => next[key] === this.#snapshot[key]);
    if (same) return;
    this.#snapshot = next;
    for (const listener of [...this.#coarseListeners]) listener();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
