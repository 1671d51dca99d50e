/** Everything that moves: one canvas over the scene with packets, the way of the current one, what lights up, selection and focus. Knows no React. */
import { isIpLayer } from '../../net/wire/packet.ts';
import type { HopView } from '../../world/views.ts';
import type { Palette } from '../theme/palette.ts';
import { type Capsule, capsuleOf, isTunnelled } from './capsule.ts';
import type { PlaybackSource } from './contract.ts';
import { Journey, type Traveller } from './journey.ts';
import { serviceCurve } from './layout-services.ts';
import { type Life, lifeAt, roundness } from './packet-life.ts';
import { pathData } from './paint.ts';
import { findPlace, type Item, type Rect, type Scene, type ServiceItem } from './scene.ts';
import { type Sprite, SpriteAtlas } from './sprites.ts';

/** How scene units become pixels: `zoom`, then `x` and `y` in CSS pixels; the canvas' size in CSS pixels and device pixels per CSS pixel. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** CSS font families. */
export interface Fonts {
  readonly sans: string;
  readonly mono: string;
}

export interface Marks {
  /** Item ids. */
  readonly selected: string | undefined;
  readonly focused: string | undefined;
  readonly hovered: string | undefined;
  /** Items that the selected or hovered one may reach (the Policy lens). */
  readonly reach?: readonly string[];
}

/** Above this many packets only the current one has letters. */
const MAX_LABELLED = 1_000;
/** Above this many packets nobody reads them one by one. */
const MAX_STACKED = 24;
const MIN_CAPSULE_SCALE = 1;
const MAX_CAPSULE_SCALE = 1.5;

/** A packet's point on screen. */
interface Seat {
  x: number;
  y: number;
  hop: number;
  alpha: number;
}

/** What a layer has to draw with; the context is in scene units. */
export interface OverlayFrame {
  readonly context: CanvasRenderingContext2D;
  readonly scene: Scene;
  readonly journey: Journey;
  readonly position: { readonly index: number; readonly fraction: number };
  readonly view: View;
  readonly palette: Palette;
  readonly fonts: Fonts;
}
/** Something else that is drawn above the boxes: under the way of the current packet, or over it. */
export interface OverlayLayer {
  readonly at: 'under' | 'over';
  draw(frame: OverlayFrame): void;
}
/** Whether the packet of this hop is to be seen. */
export type Shown = (hop: HopView, current: HopView | undefined) => boolean;

export type TilePainter = (context: CanvasRenderingContext2D, scene: Scene, view: View, palette: Palette, monoFont: string, sansFont: string) => void;

/** Instead of a hop's index: the packet of the event that is looked at. */
const AT_STOP = -1;

/** Lines of a Service that are drawn while it is looked at. */
const MAX_SERVICE_LINES = 240;

const noMarks: Marks = { selected: undefined, focused: undefined, hovered: undefined };

export class Overlay {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #playback: PlaybackSource;
  #scene: Scene | undefined;
  #journey: Journey | undefined;
  #palette: Palette;
  #fonts: Fonts;
  #view: View = { x: 0, y: 0, zoom: 1, width: 0, height: 0, ratio: 1 };
  #marks: Marks = noMarks;
  #atlas: SpriteAtlas | undefined;
  #atlasScale = 0;
  #capsules: (Capsule | undefined)[] = [];
  /** By hop index, of the present atlas: looking one up by its words costs more than drawing it. */
  #sprites: (Sprite | undefined)[] = [];
  /** Reused between frames. */
  readonly #seats: Seat[] = [];
  /** By hop index: all hops of a packet share one. */
  #lives: (Life | undefined)[] = [];
  #layers: readonly OverlayLayer[] = [];
  #shown: Shown | undefined;
  #ending: { readonly hop: number; readonly service: string; readonly pod: string } | undefined;

  readonly #tiles: TilePainter | undefined;

  /** `tiles`: who draws pods as tiles here; undefined where a backdrop does. */
  constructor(canvas: HTMLCanvasElement, playback: PlaybackSource, palette: Palette, fonts: Fonts, tiles?: TilePainter) {
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('this browser draws no canvas');
    this.#canvas = canvas;
    this.#context = context;
    this.#playback = playback;
    this.#palette = palette;
    this.#fonts = fonts;
    this.#tiles = tiles;
  }

  /** `shown`: absent, all packets are. */
  setLayers(layers: readonly OverlayLayer[], shown?: Shown): void {
    this.#layers = layers;
    this.#shown = shown;
  }

  setScene(scene: Scene): void {
    this.#scene = scene;
    this.#journey = undefined;
  }

  setPlayback(playback: PlaybackSource): void {
    this.#playback = playback;
    this.#journey = undefined;
  }

  setPalette(palette: Palette, fonts: Fonts): void {
    this.#palette = palette;
    this.#fonts = fonts;
    this.#atlas = undefined;
  }

  setMarks(marks: Marks): void {
    this.#marks = marks;
  }

  setView(view: View): void {
    const w = Math.round(view.width * view.ratio);
    const h = Math.round(view.height * view.ratio);
    if (this.#canvas.width !== w || this.#canvas.height !== h) {
      this.#canvas.width = w;
      this.#canvas.height = h;
    }
    this.#view = view;
  }

  /** The journey of the hops that are loaded now. */
  journey(): Journey | undefined {
    const scene = this.#scene;
    if (scene === undefined) return undefined;
    const hops = this.#playback.hops();
    if (this.#journey === undefined || this.#journey.hops !== hops) {
      this.#journey = new Journey(scene, hops);
      this.#capsules = new Array(hops.length).fill(undefined);
      this.#sprites = new Array(hops.length).fill(undefined);
      this.#lives = new Array(hops.length).fill(undefined);
      this.#ending = undefined;
    }
    return this.#journey;
  }

  /** Draws one frame. */
  draw(): void {
    const { width, height, ratio, zoom, x, y } = this.#view;
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width * ratio, height * ratio);
    const scene = this.#scene;
    const journey = this.journey();
    if (scene === undefined || journey === undefined || width === 0) return;
    if (scene.tiles.length > 0) this.#tiles?.(context, scene, this.#view, this.#palette, this.#fonts.mono, this.#fonts.sans);
    context.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * x, ratio * y);
    const position = this.#playback.position();
    const frame = { context, scene, journey, position, view: this.#view, palette: this.#palette, fonts: this.#fonts };
    for (const layer of this.#layers) if (layer.at === 'under') layer.draw(frame);
    const hop = this.#playback.stop?.()?.hop ?? this.#playback.hops()[position.index];
    if (hop === undefined || this.#shown?.(hop, hop) !== false) this.#drawStory(context, journey, position);
    this.#drawMarks(context, scene);
    for (const layer of this.#layers) if (layer.at === 'over') layer.draw(frame);
    this.#drawPackets(context, journey, position);
  }

  #capsule(index: number): Capsule {
    const known = this.#capsules[index];
    if (known !== undefined) return known;
    const made = capsuleOf(this.#playback.hops()[index] as HopView);
    this.#capsules[index] = made;
    return made;
  }

  #sprite(index: number, capsule: Capsule, atlas: SpriteAtlas): Sprite {
    const known = this.#sprites[index];
    if (known !== undefined) return known;
    const made = atlas.get(capsule);
    this.#sprites[index] = made;
    return made;
  }

  #lifeOf(journey: Journey, index: number): Life {
    const known = this.#lives[index];
    if (known !== undefined) return known;
    const made = lifeAt(journey, index, this.#view.zoom);
    for (const hop of made.hops) this.#lives[hop] = made;
    return made;
  }

  /** The current packet's way, its ends, the box where it is, and the tunnel or Service it makes use of. */
  #drawStory(context: CanvasRenderingContext2D, journey: Journey, position: { readonly index: number; readonly fraction: number }): void {
    const hops = this.#playback.hops();
    const stop = this.#playback.stop?.();
    const index = Math.max(0, Math.min(stop !== undefined && stop.of >= 0 ? stop.of : position.index, hops.length - 1));
    const hop = stop?.hop ?? hops[index];
    if (hop === undefined || (position.index < 0 && position.fraction === 0 && stop === undefined)) return;
    const tone = this.#palette[stop?.hop === undefined ? this.#capsule(index).tone : capsuleOf(stop.hop).tone];
    const life = this.#lifeOf(journey, index);
    const thin = 1 / Math.max(0.5, this.#view.zoom);
    context.save();
    context.clip(life.behind, 'evenodd');
    for (const id of life.ends) {
      const item = journey.scene.itemById.get(id);
      if (item !== undefined && item.kind === 'pod') this.#ring(context, item, this.#palette.l3, 2 * thin, 0);
    }
    context.strokeStyle = tone;
    context.lineCap = 'round';
    for (const [step, way] of life.ways) {
      const past = step <= index;
      context.globalAlpha = past ? 0.2 : 0.4;
      context.lineWidth = past ? 4 * thin : 1.3 * thin;
      context.setLineDash(past ? [] : [0.1, 5 * thin]);
      context.stroke(way);
    }
    context.setLineDash([]);
    const next = journey.nextOf(index);
    const moving = position.fraction > 0 && next >= 0 ? life.ways.get(next) : life.ways.get(index);
    if (moving !== undefined) {
      context.globalAlpha = 0.55;
      context.lineWidth = 4.5 * thin;
      context.stroke(moving);
    }
    context.restore();
    context.globalAlpha = 1;
    if (isTunnelled(hop)) this.#drawTunnel(context, journey.scene, hop);
    if (hop.event.step.kind === 'translated') this.#drawService(context, journey, index, hop);
    const item = journey.scene.itemById.get((stop?.hop === undefined ? journey.itemOf(index) : findPlace(journey.scene, hop.place)?.item) ?? '');
    if (item !== undefined && item.kind !== 'room') {
      context.globalAlpha = 0.16;
      context.fillStyle = tone;
      this.#path(context, item.rect, roundness(item), 0);
      context.fill();
      context.globalAlpha = 1;
      this.#ring(context, item, tone, 2.2 * thin, 0);
      const kind = hop.event.step.kind;
      if ((kind === 'created' || kind === 'delivered') && position.index >= 0) this.#pulse(context, item, tone, position.fraction, thin);
    }
  }

  #pulse(context: CanvasRenderingContext2D, item: Item, colour: string, part: number, thin: number): void {
    const t = Math.min(1, part * 1.6);
    if (t <= 0 || t >= 1) return;
    context.globalAlpha = 0.6 * (1 - t);
    this.#ring(context, item, colour, 2.4 * thin, 3 + 9 * t);
    context.globalAlpha = 1;
  }

  /** Only the tube between the two ends of this frame, where the scene draws it as one. */
  #drawTunnel(context: CanvasRenderingContext2D, scene: Scene, hop: HopView): void {
    const outer = hop.event.layers.find(isIpLayer);
    const hosts = outer !== undefined ? [scene.itemByIp.get(outer.src), scene.itemByIp.get(outer.dst)] : [];
    context.strokeStyle = this.#palette.tun;
    context.lineCap = 'butt';
    for (const wire of scene.wires) {
      if (wire.kind !== 'tunnel') continue;
      const joined = hosts.every((host) => host !== undefined && (wire.from.startsWith(`${host}/`) || wire.to.startsWith(`${host}/`)));
      const stub = wire.from === wire.to && hosts.some((host) => host !== undefined && wire.from.startsWith(`${host}/`));
      if (!joined && !stub) continue;
      context.globalAlpha = 0.2;
      context.lineWidth = 20;
      context.stroke(new Path2D(pathData(wire.points, wire.curve)));
    }
    context.lineCap = 'round';
    context.globalAlpha = 1;
  }

  /** A DNAT makes a Service's address a pod's: the Service and the chosen line light up. */
  #drawService(context: CanvasRenderingContext2D, journey: Journey, index: number, hop: HopView): void {
    const { scene } = journey;
    if (this.#ending?.hop !== index) {
      const step = hop.event.step;
      const before = step.kind === 'translated' ? (step.before.split(':')[0] ?? '') : '';
      const after = step.kind === 'translated' ? (step.after.split(':')[0] ?? '') : '';
      const service = scene.items.find((item) => item.kind === 'service' && (item.clusterIp === before || item.clusterIp === after));
      this.#ending = { hop: index, service: service?.id ?? '', pod: scene.itemByIp.get(after) ?? scene.itemByIp.get(before) ?? '' };
    }
    const service = scene.itemById.get(this.#ending.service);
    if (service === undefined) return;
    this.#ring(context, service, this.#palette.l4, 2.4, 0);
    for (const wire of scene.wires) {
      if (wire.kind !== 'service-line' || wire.from !== service.id || wire.to !== this.#ending.pod) continue;
      context.strokeStyle = this.#palette.l4;
      context.lineWidth = 2.4;
      context.setLineDash([3, 5]);
      context.stroke(new Path2D(pathData(wire.points, wire.curve)));
      context.setLineDash([]);
    }
  }

  #path(context: CanvasRenderingContext2D, rect: Rect, radius: number, grow: number): void {
    context.beginPath();
    context.roundRect(rect.x - grow, rect.y - grow, rect.w + 2 * grow, rect.h + 2 * grow, radius + grow);
  }

  #ring(context: CanvasRenderingContext2D, item: Item, colour: string, width: number, grow: number): void {
    context.strokeStyle = colour;
    context.lineWidth = width;
    this.#path(context, item.rect, roundness(item), grow);
    context.stroke();
  }

  #drawMarks(context: CanvasRenderingContext2D, scene: Scene): void {
    const { selected, focused, hovered } = this.#marks;
    const thin = 1 / Math.max(0.25, this.#view.zoom);
    const item = (id: string | undefined) => (id === undefined ? undefined : scene.itemById.get(id));
    const under = item(hovered);
    if (under !== undefined && hovered !== selected) {
      context.globalAlpha = 0.5;
      this.#ring(context, under, this.#palette.mute, 1.4 * thin, 2 * thin);
      context.globalAlpha = 1;
    }
    this.#drawReach(context, scene, item(hovered) ?? item(selected));
    const service = under?.kind === 'service' ? under : item(selected);
    if (service?.kind === 'service') this.#drawEndpoints(context, scene, service, thin);
    const chosen = item(selected);
    if (chosen !== undefined) this.#ring(context, chosen, this.#palette.sel, 2 * thin, 3 * thin);
    const focus = item(focused);
    if (focus !== undefined) {
      context.setLineDash([4 * thin, 3 * thin]);
      this.#ring(context, focus, this.#palette.focus, 2 * thin, 6 * thin);
      context.setLineDash([]);
    }
  }

  #drawEndpoints(context: CanvasRenderingContext2D, scene: Scene, service: ServiceItem, thin: number): void {
    context.strokeStyle = this.#palette.l4;
    context.lineWidth = 1.6 * thin;
    context.globalAlpha = 0.8;
    context.beginPath();
    for (const netns of service.endpoints.slice(0, MAX_SERVICE_LINES)) {
      const pod = scene.itemById.get(netns);
      if (pod === undefined) continue;
      const [a, b, c, d] = serviceCurve(service.rect, pod.rect);
      context.moveTo(a.x, a.y);
      context.bezierCurveTo(b.x, b.y, c.x, c.y, d.x, d.y);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  #drawReach(context: CanvasRenderingContext2D, scene: Scene, from: Item | undefined): void {
    if (from === undefined || this.#marks.reach === undefined) return;
    const a = { x: from.rect.x + from.rect.w / 2, y: from.rect.y + from.rect.h / 2 };
    context.strokeStyle = this.#palette.l7;
    context.fillStyle = this.#palette.l7;
    context.lineWidth = 1.6 / Math.max(0.5, this.#view.zoom);
    for (const id of this.#marks.reach) {
      const to = scene.itemById.get(id);
      if (to === undefined || to === from) continue;
      const b = { x: to.rect.x + to.rect.w / 2, y: to.rect.y + to.rect.h / 2 };
      const lift = Math.min(90, 20 + Math.abs(b.x - a.x) * 0.14);
      context.globalAlpha = 0.7;
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.quadraticCurveTo((a.x + b.x) / 2, Math.min(a.y, b.y) - lift, b.x, b.y);
      context.stroke();
      context.globalAlpha = 1;
      context.beginPath();
      context.arc(b.x, b.y, 3.5, 0, Math.PI * 2);
      context.fill();
    }
  }

  /** Packets at one place stand above each other; the current one, drawn last, keeps its place. */
  #stack(count: number, scale: number): void {
    for (let i = count - 2; i >= 0; i -= 1) {
      const seat = this.#seats[i] as Seat;
      for (let j = count - 1; j > i; j -= 1) {
        const other = this.#seats[j] as Seat;
        if (Math.abs(seat.x - other.x) < 34 * scale && Math.abs(seat.y - other.y) < 16 * scale) seat.y = other.y - 23 * scale;
      }
    }
  }

  #drawPackets(context: CanvasRenderingContext2D, journey: Journey, position: { readonly index: number; readonly fraction: number }): void {
    const { ratio, zoom, x, y, width, height } = this.#view;
    const grown = Math.max(MIN_CAPSULE_SCALE, Math.min(MAX_CAPSULE_SCALE, zoom));
    const scale = Math.round(grown * 4) / 4;
    if (this.#atlas === undefined || this.#atlasScale !== scale * ratio) {
      this.#atlas = new SpriteAtlas(this.#palette, this.#fonts.mono, scale * ratio);
      this.#atlasScale = scale * ratio;
      this.#sprites.fill(undefined);
    }
    const atlas = this.#atlas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    let count = 0;
    const hops = this.#playback.hops();
    const shown = this.#shown;
    const event = this.#playback.stop?.();
    const stop = event?.hop;
    const current = stop ?? hops[position.index];
    const seatAt = (sx: number, sy: number, hop: number, alpha: number) => {
      const px = sx * zoom + x;
      const py = sy * zoom + y;
      if (px < -200 || py < -60 || px > width + 200 || py > height + 60) return;
      const seat = this.#seats[count] ?? { x: 0, y: 0, hop: 0, alpha: 1 };
      this.#seats[count] = seat;
      count += 1;
      seat.x = px;
      seat.y = py;
      seat.hop = hop;
      seat.alpha = alpha;
    };
    journey.travellers(position, (one: Traveller) => {
      const hop = hops[one.hop] as HopView;
      // The packet of the event that is looked at stands where that event happened.
      if (stop !== undefined && hop.event.packetId === stop.event.packetId) return;
      if (shown !== undefined && !shown(hop, current)) return;
      seatAt(one.x, one.y, one.hop, one.alpha);
    });
    if (event !== undefined && stop !== undefined && stop.event.packetId >= 0 && shown?.(stop, stop) !== false) {
      const place = findPlace(journey.scene, stop.place);
      // On a long box it stands where its way leads to, not in the middle.
      const point = hops[event.of]?.place === stop.place ? journey.anchor(event.of) : place?.point;
      if (place !== undefined && point !== undefined) seatAt(point.x + (place.rest?.x ?? 0), point.y + (place.rest?.y ?? 0), AT_STOP, 1);
    }
    if (count <= MAX_STACKED) this.#stack(count, scale);
    for (let i = 0; i < count; i += 1) {
      const seat = this.#seats[i] as Seat;
      const capsule = seat.hop === AT_STOP ? capsuleOf(stop as HopView) : this.#capsule(seat.hop);
      context.globalAlpha = seat.alpha;
      if (count > MAX_LABELLED && i < count - 1) {
        context.fillStyle = this.#palette[capsule.tone];
        context.fillRect((seat.x - 4) * ratio, (seat.y - 2) * ratio, 8 * ratio, 4 * ratio);
        continue;
      }
      // A dropped packet's words change sides at the edge of the picture.
      const sprite =
        capsule.dropped || seat.hop === AT_STOP
          ? atlas.get(capsule, capsule.dropped && seat.x + capsule.w * scale > width)
          : this.#sprite(seat.hop, capsule, atlas);
      // Words stay in the picture, and on whole device pixels they are sharp while they move.
      const inside = capsule.dropped ? seat.x : Math.max(sprite.anchorX * scale - 4, Math.min(width - (sprite.w - sprite.anchorX) * scale + 4, seat.x));
      context.drawImage(sprite.image, Math.round((inside - sprite.anchorX * scale) * ratio), Math.round((seat.y - sprite.anchorY * scale) * ratio));
    }
    context.globalAlpha = 1;
  }
}
