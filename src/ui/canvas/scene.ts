/** The scene: every box and wire with its place in scene units (1 unit = 1 CSS pixel at zoom 1), shared by React Flow, the packet overlay, SVG export and hit-testing. */
import type { LinkTarget, NetnsView } from '../../world/views.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}
/** Top left corner and size. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Names of colour tokens in theme/tokens.css. */
export type Tone = 'l2' | 'l3' | 'l4' | 'l7' | 'tun' | 'drop' | 'line' | 'mute';

interface ItemBase {
  /** The id of what it shows: host, netns, device, object key, or `<netns>#<HOOK>`. */
  readonly id: string;
  readonly rect: Rect;
  /** The item it stands in. */
  readonly parent: string | undefined;
  /** What a click on it selects. */
  readonly target: LinkTarget | undefined;
  /** What a screen reader says. */
  readonly spoken: string;
}

export interface RoomItem extends ItemBase {
  readonly kind: 'room';
  readonly title: string;
  readonly ip: string;
  readonly ready: boolean;
  readonly podCount: number;
  /** Pods that are not drawn. */
  readonly folded: number;
  /** Of its Node object. */
  readonly objectKey: string | undefined;
  /** Upside down: pods at the bottom, uplink at the top. */
  readonly flipped: boolean;
}
export interface PodItem extends ItemBase {
  readonly kind: 'pod';
  readonly view: NetnsView;
  /** A tile has room for a few letters only and is drawn on canvas. */
  readonly size: 'card' | 'small' | 'tile';
  readonly flipped: boolean;
}
export interface BarItem extends ItemBase {
  readonly kind: 'bar';
  readonly title: string;
  readonly detail: string;
  readonly tone: Tone;
}
export interface ChipItem extends ItemBase {
  readonly kind: 'chip';
  readonly title: string;
  readonly tone: Tone;
  readonly up: boolean;
  /** On a pod's edge. */
  readonly small: boolean;
}
export interface KernelItem extends ItemBase {
  readonly kind: 'kernel';
  readonly strip: boolean;
  readonly flipped: boolean;
}
export interface PillItem extends ItemBase {
  readonly kind: 'pill';
  readonly title: string;
  readonly short: string;
  /** In a strip a pill is a dot. */
  readonly dot: boolean;
}
export interface ServiceItem extends ItemBase {
  readonly kind: 'service';
  readonly title: string;
  readonly detail: string;
  readonly clusterIp: string;
  /** netns ids of ready endpoints that the scene may show. */
  readonly endpoints: readonly string[];
}
export interface OutsideItem extends ItemBase {
  readonly kind: 'outside';
  readonly title: string;
  readonly ip: string;
  readonly note: string;
}
/** Stands for boxes that are not drawn one by one. */
export interface FoldItem extends ItemBase {
  readonly kind: 'fold';
  readonly title: string;
}

/** Around all of one cluster, where there are several. */
export interface FrameItem extends ItemBase {
  readonly kind: 'frame';
  readonly title: string;
}

export type Item = FrameItem | RoomItem | PodItem | BarItem | ChipItem | KernelItem | PillItem | ServiceItem | OutsideItem | FoldItem;

/** `veth`, `inner` (within a kernel), `uplink` are wires packets travel on; `tunnel` and `service-line` are virtual. */
export type WireKind = 'veth' | 'inner' | 'uplink' | 'tunnel' | 'service-line';

export interface Wire {
  readonly id: string;
  readonly kind: WireKind;
  readonly tone: Tone;
  /** A polyline; or, when `curve`, start, two control points and end of one cubic Bézier curve. */
  readonly points: readonly Point[];
  readonly curve: boolean;
  /** Item ids. */
  readonly from: string;
  readonly to: string;
  /** The room it lies in, undefined between rooms. */
  readonly room: string | undefined;
  readonly target: LinkTarget | undefined;
  readonly spoken: string;
  readonly label?: {
    readonly text: string;
    readonly at: Point;
    readonly anchor: 'start' | 'middle' | 'end';
    /** On the wire, since it says what is wrong with it. */
    readonly warns?: true;
  };
}

/** A stop of packets, and its way to the next place nearer to the underlay: together the places form trees. */
export interface Place {
  readonly id: string;
  readonly point: Point;
  /** The item that lights up. */
  readonly item: string;
  /** From the point to where a resting packet is drawn, so that it does not hide the words of what it is at. */
  readonly rest?: Point;
  /** Packets stop anywhere along it; segments of one bar in several rows are joined at `trunkX`. */
  readonly bar?: { readonly x0: number; readonly x1: number; readonly trunkX: number };
  /** The inside of a kernel: its members are joined by elbows along these two lines. */
  readonly hub?: { readonly gapY: number; readonly edgeY: number };
  /** Where a member of a hub stands. */
  readonly side?: 'bar' | 'hook' | 'local' | 'chip';
  readonly up?: {
    readonly to: string;
    /** Where the way leaves this place, its bends, and where it meets the other. */
    readonly from: Point;
    readonly via: readonly Point[];
    readonly at: Point;
  };
}

/** Pods drawn as tiles: a grid per room, for fast hit-testing and drawing. */
export interface TileGrid {
  readonly room: string;
  readonly origin: Point;
  readonly columns: number;
  readonly rows: number;
  readonly pitchX: number;
  /** Negative: rows grow upwards. */
  readonly pitchY: number;
  readonly w: number;
  readonly h: number;
  /** By slot; undefined where a slot is free. */
  readonly pods: readonly (PodItem | undefined)[];
}

export interface Scene {
  readonly density: 'full' | 'compact';
  readonly direction: 'row' | 'column';
  readonly bounds: Rect;
  /** In painting order: what contains comes before what is contained. */
  readonly items: readonly Item[];
  readonly wires: readonly Wire[];
  readonly tiles: readonly TileGrid[];
  readonly itemById: ReadonlyMap<string, Item>;
  readonly places: ReadonlyMap<string, Place>;
  /** Pod and node addresses to item ids, for what a packet's addresses mean. */
  readonly itemByIp: ReadonlyMap<string, string>;
}

export const centre = (rect: Rect): Point => ({ x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 });

export const contains = (rect: Rect, point: Point): boolean =>
  point.x >= rect.x && point.x <= rect.x + rect.w && point.y >= rect.y && point.y <= rect.y + rect.h;

export const overlaps = (a: Rect, b: Rect): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** The smallest rectangle around all; a unit square when there are none. */
export function unite(rects: readonly Rect[]): Rect {
  let x0 = Number.POSITIVE_INFINITY;
  let y0 = Number.POSITIVE_INFINITY;
  let x1 = Number.NEGATIVE_INFINITY;
  let y1 = Number.NEGATIVE_INFINITY;
  for (const rect of rects) {
    x0 = Math.min(x0, rect.x);
    y0 = Math.min(y0, rect.y);
    x1 = Math.max(x1, rect.x + rect.w);
    y1 = Math.max(y1, rect.y + rect.h);
  }
  return x1 < x0 ? { x: 0, y: 0, w: 1, h: 1 } : { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
}

export const shift = (rect: Rect, dx: number, dy: number): Rect => ({ x: rect.x + dx, y: rect.y + dy, w: rect.w, h: rect.h });

/** The place of a hop: itself, else the netns or the host that it belongs to. Undefined for what the scene does not show at all. */
export function findPlace(scene: Scene, id: string): Place | undefined {
  const exact = scene.places.get(id);
  if (exact !== undefined) return exact;
  const hook = id.indexOf('#');
  if (hook >= 0) return scene.places.get(`${id.slice(0, hook)}#*`) ?? scene.places.get(id.slice(0, hook));
  const device = id.indexOf('/device/');
  if (device >= 0) return scene.places.get(id.slice(0, device));
  return scene.places.get(`${id}/netns/root`);
}
