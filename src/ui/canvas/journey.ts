/** Packets on the scene: for each hop where its packet stands and the way it came, and who is on the way at a moment. Computed when asked for. */
import type { HopView } from '../../world/views.ts';
import { eyeTimes, isEnd, nextHops, onWires } from '../state/eye-time.ts';
import { findPlace, type Point, type Scene } from './scene.ts';
import { pointOn, type Track, trackOf, wayBetween } from './ways.ts';

/** A packet at a moment. Reused between frames. */
export interface Traveller {
  /** The hop it reached last; what it looks like. */
  hop: number;
  /** The hop it is on its way to, -1 when it stands at its end. */
  to: number;
  x: number;
  y: number;
  angle: number;
  /** 1 while it lives; falls to 0 in the hops after its end. */
  alpha: number;
}

/** Where the playhead is, in hops and in virtual time; `moving` is the part of the present interval's flight. */
interface Moment {
  readonly now: number;
  readonly index: number;
  readonly moving: number;
  readonly timeNs: number;
}

/** Hops after its end during which a packet stays visible: a delivery vanishes soon, a drop stays for a while. */
const DELIVERED_FADE = 1;
const DROPPED_FADE = 6;

const nowhere: Point = { x: 0, y: 0 };

const ease = (t: number) => (t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2);

export class Journey {
  readonly scene: Scene;
  readonly hops: readonly HopView[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #rests: Float64Array;
  readonly #together: Uint8Array;
  readonly #anchors: (Point | null | undefined)[];
  readonly #tracks: (Track | null | undefined)[];
  /** Packet id to its last hop at or before `#activeAt`, for packets that are to be drawn. */
  #active = new Map<number, number>();
  #activeAt = -1;

  constructor(scene: Scene, hops: readonly HopView[]) {
    this.scene = scene;
    this.hops = hops;
    this.#next = nextHops(hops);
    this.#previous = new Int32Array(hops.length).fill(-1);
    this.#next.forEach((to, from) => {
      if (to >= 0) this.#previous[to] = from;
    });
    this.#rests = eyeTimes(hops, this.#next).rests;
    this.#together = onWires(hops, this.#next);
    this.#anchors = new Array(hops.length).fill(undefined);
    this.#tracks = new Array(hops.length).fill(undefined);
  }

  /** Index of the same packet's next hop, -1 at its end. */
  nextOf(index: number): number {
    return this.#next[index] ?? -1;
  }

  previousOf(index: number): number {
    return this.#previous[index] ?? -1;
  }

  /** The item that lights up at this hop, if the scene has it. */
  itemOf(index: number): string | undefined {
    const hop = this.hops[index];
    return hop === undefined ? undefined : findPlace(this.scene, hop.place)?.item;
  }

  /** Where the packet stands at this hop; undefined when the scene does not show the place. */
  anchor(index: number): Point | undefined {
    this.#walk(index);
    return this.#anchors[index] ?? undefined;
  }

  /** The way from the packet's previous hop to this one; undefined for its first. */
  track(index: number): Track | undefined {
    this.#walk(index);
    return this.#tracks[index] ?? undefined;
  }

  /** All hop indexes of the packet of this hop, in order. */
  lifeOf(index: number): number[] {
    let first = index;
    while (this.previousOf(first) >= 0) first = this.previousOf(first);
    const life: number[] = [];
    for (let at = first; at >= 0 && at < this.hops.length; at = this.nextOf(at)) life.push(at);
    return life;
  }

  /** From the anchor to where the packet is drawn while it rests there. */
  rest(index: number): Point {
    const hop = this.hops[index];
    return (hop === undefined ? undefined : findPlace(this.scene, hop.place)?.rest) ?? nowhere;
  }

  #walk(index: number): void {
    if (index < 0 || index >= this.hops.length || this.#anchors[index] !== undefined) return;
    const chain: number[] = [];
    for (let at = index; at >= 0 && this.#anchors[at] === undefined; at = this.previousOf(at)) chain.push(at);
    for (let i = chain.length - 1; i >= 0; i -= 1) this.#place(chain[i] as number);
  }

  #place(index: number): void {
    const place = findPlace(this.scene, (this.hops[index] as HopView).place);
    const before = this.previousOf(index);
    const start = before < 0 ? undefined : this.#anchors[before];
    if (place === undefined) {
      this.#anchors[index] = start ?? null;
      this.#tracks[index] = null;
      return;
    }
    const from = before < 0 ? undefined : findPlace(this.scene, (this.hops[before] as HopView).place);
    if (from === undefined || start === undefined || start === null) {
      this.#anchors[index] = place.point;
      this.#tracks[index] = null;
      return;
    }
    const points = wayBetween(this.scene, from.id, place.id, start);
    this.#anchors[index] = points[points.length - 1] ?? place.point;
    this.#tracks[index] = points.length > 1 ? trackOf(points) : null;
  }

  #fade(hop: number): number {
    // A flooded copy that nobody wanted is no drop of the story.
    return this.hops[hop]?.family === 'drop' ? DROPPED_FADE : DELIVERED_FADE;
  }

  /** Moves the set of packets to be drawn to this playhead: one hop costs a constant, a jump costs a scan. */
  #follow(index: number): void {
    if (index === this.#activeAt) return;
    if (index === this.#activeAt + 1 && index < this.hops.length) {
      this.#active.set((this.hops[index] as HopView).event.packetId, index);
    } else {
      this.#active = new Map();
      for (let i = 0; i <= index; i += 1) {
        const next = this.#next[i] as number;
        if (next > index || (next < 0 && i + DROPPED_FADE >= index)) this.#active.set((this.hops[i] as HopView).event.packetId, i);
      }
    }
    this.#activeAt = index;
  }

  /** Calls `draw` for each packet to be seen at a position, the one of the current hop last. The traveller is reused: copy what is kept. */
  travellers(position: { readonly index: number; readonly fraction: number }, draw: (traveller: Traveller) => void): void {
    const index = Math.min(position.index, this.hops.length - 1);
    this.#follow(index);
    const moment = this.#momentAt(index, position.fraction);
    const one: Traveller = { hop: 0, to: -1, x: 0, y: 0, angle: 0, alpha: 1 };
    const front = moment.moving > 0 ? this.hops[index + 1]?.event.packetId : this.hops[index]?.event.packetId;
    let last = -1;
    for (const [packet, hop] of this.#active) {
      const to = this.#next[hop] as number;
      if (to < 0 && moment.now - hop >= this.#fade(hop)) {
        this.#active.delete(packet);
        continue;
      }
      if (packet === front) last = hop;
      else this.#show(one, hop, to, moment, draw);
    }
    if (last >= 0) this.#show(one, last, this.#next[last] as number, moment, draw);
  }

  #momentAt(index: number, fraction: number): Moment {
    const rest = this.#rests[index + 1] ?? 0;
    const moving = rest >= 1 ? 0 : Math.max(0, (fraction - rest) / (1 - rest));
    const before = this.hops[index]?.event.timeNs ?? 0;
    const after = this.hops[index + 1]?.event.timeNs ?? before;
    return { now: index + fraction, index, moving, timeNs: before + (after - before) * moving };
  }

  #show(one: Traveller, hop: number, to: number, moment: Moment, draw: (traveller: Traveller) => void): void {
    const anchor = this.anchor(hop);
    if (anchor === undefined) return;
    one.hop = hop;
    one.to = to;
    one.x = anchor.x;
    one.y = anchor.y;
    one.angle = 0;
    one.alpha = to >= 0 || !isEnd(this.hops[hop] as HopView) ? 1 : Math.max(0, 1 - (moment.now - hop) / this.#fade(hop));
    const rest = this.rest(hop);
    let away = 0;
    if (to >= 0) {
      const track = this.track(to);
      away = ease(this.#part(hop, to, moment));
      if (track !== undefined && away > 0) pointOn(track, away, one);
      if (away === 0) one.to = -1;
    }
    const arriving = away === 0 ? nowhere : this.rest(to);
    one.x += rest.x * (1 - away) + arriving.x * away;
    one.y += rest.y * (1 - away) + arriving.y * away;
    draw(one);
  }

  /**
   * How far on its way (0..1). While virtual time passes all that are on a wire move together, each as its own time on the wire says; what takes no time,
   * and what waits for ARP, moves when its turn has come.
   */
  #part(hop: number, to: number, moment: Moment): number {
    if (this.#together[hop] === 1) {
      const start = this.hops[hop]?.event.timeNs ?? 0;
      const end = this.hops[to]?.event.timeNs ?? start;
      return Math.max(0, Math.min(1, (moment.timeNs - start) / (end - start)));
    }
    return to === moment.index + 1 ? moment.moving : 0;
  }
}
