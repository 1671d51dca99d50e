/** What each box and wire looks like, as shapes in scene units; the one place where the visual language is drawn. */

import type { BarItem, ChipItem, FoldItem, FrameItem, Item, KernelItem, OutsideItem, PillItem, PodItem, Point, RoomItem, ServiceItem, Wire } from './scene.ts';
import type { Lod, Paint, Shape, Token } from './shape.ts';
import { podName, shortAddress, shortName, tinyName } from './short-name.ts';

interface TextStyle {
  readonly size?: number;
  readonly weight?: number;
  readonly mono?: boolean;
  readonly fill?: Paint;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly lod?: Lod;
  readonly halo?: Token;
  readonly centred?: boolean;
  readonly fit?: number;
}

const text = (x: number, y: number, words: string, style: TextStyle = {}): Shape => ({
  type: 'text',
  x,
  y,
  text: words,
  size: style.size ?? 10.5,
  fill: style.fill ?? 'ink',
  lod: style.lod ?? 'n',
  ...(style.weight === undefined ? {} : { weight: style.weight }),
  ...(style.mono === undefined ? {} : { mono: style.mono }),
  ...(style.anchor === undefined ? {} : { anchor: style.anchor }),
  ...(style.halo === undefined ? {} : { halo: style.halo }),
  ...(style.centred === undefined ? {} : { centred: style.centred }),
  ...(style.fit === undefined ? {} : { fit: style.fit }),
});

const group = (children: readonly Shape[], cls?: string): Shape => ({ type: 'group', children, ...(cls === undefined ? {} : { cls }) });

function room(item: RoomItem): Shape {
  const { x, y, w, h } = item.rect;
  return { type: 'rect', x, y, w, h, r: 16, fill: 'room', stroke: 'line' };
}

/** Painted over the lines of Services. */
function roomHead(item: RoomItem): Shape {
  const { x, y, w, h } = item.rect;
  const headY = item.flipped ? y + h - (h < 300 ? 11 : 14) : y + (h < 300 ? 21 : 24);
  const more = item.folded === 0 ? '' : `+${item.folded} ${item.folded === 1 ? 'pod' : 'pods'} · `;
  const state = `${more}${item.ip}${item.ready ? '' : ' · NotReady'}`;
  return group([
    text(x + 15, headY, shortName(item.title, 22), { size: 14, weight: 700, lod: 'nm', halo: 'room' }),
    text(x + 15, headY + 2, shortName(item.title, 16), { size: 12, weight: 700, lod: 'l', halo: 'room' }),
    text(x + w / 2, y + h * 0.42, shortName(item.title, 14), { size: 11, weight: 700, lod: 'f', anchor: 'middle', centred: true, fit: w - 8 }),
    text(x + w - 15, headY, state, { mono: true, size: 11, fill: item.ready ? 'mute' : 'drop', anchor: 'end', lod: 'nm', halo: 'room' }),
  ]);
}

/** A pod's state: full = ready, half = running but not ready, ring = not there yet. */
function stateDot(x: number, y: number, r: number, ready: boolean, running: boolean): Shape[] {
  if (ready) return [{ type: 'circle', x, y, r, fill: 'l7' }];
  if (!running) return [{ type: 'circle', x, y, r: r - 0.6, stroke: 'drop', width: 1.4 }];
  return [
    { type: 'circle', x, y, r: r - 0.6, stroke: 'l2', width: 1.4 },
    { type: 'path', d: `M${x} ${y - r}A${r} ${r} 0 0 1 ${x} ${y + r}Z`, fill: 'l2' },
  ];
}

/** `CrashLoopBackOff` is known by its first word. */
const shortStatus = (words: string): string => shortAddress(words.replace(/BackOff$/, ''), 11);

/** What is on its way, and what ends, is no fault. */
const statusTone = (status: string): Token =>
  /^(?:Terminating|Completed|Succeeded)$/.test(status)
    ? 'mute'
    : /^(?:Pending|ContainerCreating|PodInitializing|NotReady|Init:\d+\/\d+)$/.test(status)
      ? 'l2'
      : 'drop';

/** How often containers were started again: a turning arrow and the number, ending at `x`. */
function restartMark(x: number, y: number, restarts: number): Shape[] {
  const words = restarts > 999 ? '999+' : String(restarts);
  const left = x - words.length * 6.4 - 9;
  return [
    { type: 'path', d: `M${left + 3.4} ${y - 2}A4 4 0 1 0 ${left + 4} ${y + 0.6}M${left + 3.6} ${y - 4.6}v2.8h-2.8`, stroke: 'l2', width: 1.3 },
    text(x, y, words, { mono: true, fill: 'l2', anchor: 'end', centred: true }),
  ];
}

function pod(item: PodItem): Shape {
  const { x, y, w, h } = item.rect;
  const { view } = item;
  // Of a pod that is not simply running this matters more than its address.
  const address = view.status ?? (view.ip === '' ? (view.phase ?? 'no address') : view.ip);
  const tone = view.status === undefined ? 'mute' : statusTone(view.status);
  const leaving = view.status === 'Terminating';
  const stroke: Paint = leaving ? 'mute' : view.ready ? 'line' : tone === 'drop' ? 'drop' : 'l2';
  const dash = leaving ? '1 4' : '4 3';
  const box: Shape = {
    type: 'rect',
    x,
    y,
    w,
    h,
    r: item.size === 'card' ? 10 : 8,
    fill: 'panel',
    stroke,
    width: 1.2,
    ...(view.ready && !leaving ? {} : { dash }),
  };
  if (item.size === 'tile') return group([box, text(x + w / 2, y + h / 2, tinyName(view.title), { mono: true, anchor: 'middle', centred: true })]);
  // Its wire comes in at the top then.
  const top = item.flipped ? y + (item.size === 'small' ? 6 : 9) : y;
  const name = podName(view.title, item.size === 'card' ? 11 : 9);
  if (item.size === 'small') {
    return group([
      box,
      text(x + w / 2, top + 15, name.join('-').length <= 10 ? name.join('-') : (name[0] ?? ''), {
        size: 11.5,
        weight: 600,
        anchor: 'middle',
        lod: 'n',
        fit: w - 8,
      }),
      text(x + w / 2, top + 21, name[0] ?? '', { size: 10.5, weight: 600, anchor: 'middle', lod: 'm', fit: w - 8 }),
      text(x + w / 2, top + 28.5, shortStatus(address), { mono: true, fill: tone, anchor: 'middle', fit: w - 8 }),
    ]);
  }
  const running = view.phase === 'Running' || view.phase === undefined;
  const apps = view.containers.filter((container) => container.role === 'app').slice(0, 3);
  const dotY = item.flipped ? y + 54 : y + h - 18;
  const dots: Shape[] = [
    { type: 'circle', x: x + 14, y: dotY, r: 4, stroke: 'mute', width: 1.2 },
    ...apps.flatMap((container, index) => stateDot(x + 28 + index * 12, dotY, 4.4, container.ready, running)),
  ];
  const fits = name.join('-').length <= 10;
  return group([
    box,
    text(x + 9, top + 18, fits ? name.join('-') : (name[0] ?? ''), { size: 11.5, weight: 600, fit: w - 16 }),
    text(x + 9, top + 24, name[0] ?? '', { size: 10.5, weight: 600, lod: 'm', fit: w - 16 }),
    text(x + 9, top + 33, shortStatus(address), { mono: true, fill: tone, fit: w - 16 }),
    ...dots,
    ...(view.restarts !== undefined
      ? restartMark(x + w - 8, dotY, view.restarts)
      : fits || apps.length > 1
        ? []
        : [text(x + w - 8, dotY, name[1] ?? '', { mono: true, fill: 'mute', anchor: 'end', centred: true })]),
  ]);
}

function bar(item: BarItem): Shape {
  const { x, y, w, h } = item.rect;
  const middle = y + h / 2;
  return group([
    { type: 'rect', x, y, w, h, r: 8, fill: 'panel', stroke: item.tone, width: 1.5 },
    text(x + 12, middle, item.title, { mono: true, size: 12, weight: 600, lod: 'nm', centred: true }),
    text(x + w - 12, middle, item.detail, { mono: true, fill: 'mute', anchor: 'end', centred: true }),
  ]);
}

function chip(item: ChipItem): Shape {
  const { x, y, w, h } = item.rect;
  const off = item.up ? {} : { dash: '3 3' };
  if (item.small) {
    if (item.title === '') return { type: 'rect', x, y, w, h, r: h / 2, fill: 'panel', stroke: item.tone, width: 1.4, ...off };
    return group([
      { type: 'rect', x, y, w, h, r: 6, fill: 'panel', stroke: item.tone, width: 1.3, ...off },
      text(x + w / 2, y + h / 2, shortName(item.title, 6), { mono: true, anchor: 'middle', centred: true }),
    ]);
  }
  return group([
    { type: 'rect', x, y, w, h, r: 8, fill: 'panel', stroke: item.tone, width: item.tone === 'tun' ? 1.8 : 1.4, ...off },
    text(x + w / 2, y + h / 2, shortName(item.title, 13), { mono: true, size: 12, anchor: 'middle', centred: true }),
    text(x + w / 2, y + h / 2, shortName(item.title, 10), { mono: true, size: 10.5, anchor: 'middle', centred: true, lod: 'm' }),
  ]);
}

function kernel(item: KernelItem): Shape {
  const { x, y, w, h } = item.rect;
  if (item.strip) {
    return group([
      { type: 'rect', x, y, w, h, r: h / 2, fill: 'soft', stroke: 'line' },
      text(x + 12, y + h / 2, 'netfilter + routing', { fill: 'mute', centred: true }),
      text(x + 12, y + h / 2, 'kernel', { fill: 'mute', centred: true, lod: 'm' }),
    ]);
  }
  return group([
    { type: 'rect', x, y, w, h, r: 10, fill: 'panel', stroke: 'line' },
    text(x + 12, item.flipped ? y + h - 8 : y + 16, 'kernel · netfilter + routing', { fill: 'mute' }),
  ]);
}

function pill(item: PillItem): Shape {
  const { x, y, w, h } = item.rect;
  const middle = { x: x + w / 2, y: y + h / 2 };
  if (item.dot) return { type: 'circle', x: middle.x, y: middle.y, r: w / 2, fill: 'panel', stroke: 'mute', width: 1.1 };
  const local = item.title === 'process';
  return group([
    { type: 'rect', x, y, w, h, r: h / 2, fill: local ? 'panel' : 'soft', stroke: 'line', ...(local ? { dash: '3 3' } : {}) },
    text(middle.x, middle.y, item.title, { mono: true, anchor: 'middle', centred: true, fit: w - 10 }),
    text(middle.x, middle.y, item.short, { mono: true, anchor: 'middle', centred: true, lod: 'm', fit: w - 8 }),
  ]);
}

function service(item: ServiceItem): Shape {
  const { x, y, w, h } = item.rect;
  const small = h < 40;
  return group(
    [
      { type: 'rect', x, y, w, h, r: h / 2, fill: 'panel', stroke: 'l4', width: 1.3, dash: '5 4' },
      text(x + w / 2, y + (small ? 15 : 18), shortName(item.title, 20), { size: small ? 11.5 : 12, weight: 600, anchor: 'middle' }),
      text(x + w / 2, y + h / 2, shortName(item.title, 13), { size: 11, weight: 600, anchor: 'middle', centred: true, lod: 'm' }),
      text(x + w / 2, y + (small ? 28 : 33), item.detail, { mono: true, fill: 'mute', anchor: 'middle' }),
    ],
    'virtual',
  );
}

function outside(item: OutsideItem): Shape {
  const { x, y, w, h } = item.rect;
  const two = item.note !== '';
  const line = two ? y + 18 : y + h / 2 + 4;
  return group([
    { type: 'rect', x, y, w, h, r: 10, fill: 'panel', stroke: 'line', width: 1.3 },
    text(x + 12, line, shortName(item.title, 9), { size: 12, weight: 600 }),
    text(x + 12, y + h / 2, shortName(item.title, 9), { size: 11, weight: 600, centred: true, lod: 'm' }),
    text(x + w - 12, line, item.ip, { mono: true, fill: 'mute', anchor: 'end', fit: w - 76 }),
    ...(two ? [text(x + 12, y + 34, item.note, { fill: 'mute', fit: w - 24 })] : []),
  ]);
}

function frame(item: FrameItem): Shape {
  const { x, y, w, h } = item.rect;
  return group([
    { type: 'rect', x, y, w, h, r: 20, fill: 'bg', stroke: 'line', width: 1.4 },
    text(x + 18, y + 24, item.title, { size: 13, weight: 600, fill: 'mute', lod: 'n' }),
    text(x + 18, y + 18, item.title, { size: 12, weight: 600, fill: 'mute', centred: true, lod: 'm' }),
  ]);
}

function fold(item: FoldItem): Shape {
  const { x, y, w, h } = item.rect;
  return group([
    { type: 'rect', x, y, w, h, r: h / 2, fill: 'bg', stroke: 'line', dash: '2 4' },
    text(x + w / 2, y + h / 2, item.title, { fill: 'mute', anchor: 'middle', centred: true, lod: 'nm' }),
  ]);
}

export function paintItem(item: Item): Shape {
  switch (item.kind) {
    case 'room':
      return room(item);
    case 'pod':
      return pod(item);
    case 'bar':
      return bar(item);
    case 'chip':
      return chip(item);
    case 'kernel':
      return kernel(item);
    case 'pill':
      return pill(item);
    case 'service':
      return service(item);
    case 'outside':
      return outside(item);
    case 'fold':
      return fold(item);
    case 'frame':
      return frame(item);
  }
}

const n = (value: number) => Math.round(value * 100) / 100;

/** SVG path data; bends of a polyline are rounded. */
export function pathData(points: readonly Point[], curve: boolean, radius = 6): string {
  const first = points[0];
  if (first === undefined) return '';
  if (curve && points.length === 4) {
    const [a, b, c, d] = points as readonly [Point, Point, Point, Point];
    return `M${n(a.x)} ${n(a.y)}C${n(b.x)} ${n(b.y)} ${n(c.x)} ${n(c.y)} ${n(d.x)} ${n(d.y)}`;
  }
  let d = `M${n(first.x)} ${n(first.y)}`;
  for (let i = 1; i < points.length; i += 1) {
    const here = points[i] as Point;
    const before = points[i - 1] as Point;
    const after = points[i + 1];
    const inLength = Math.hypot(here.x - before.x, here.y - before.y);
    const outLength = after === undefined ? 0 : Math.hypot(after.x - here.x, after.y - here.y);
    const r = Math.min(radius, inLength / 2, outLength / 2);
    if (after === undefined || r < 1) {
      d += `L${n(here.x)} ${n(here.y)}`;
      continue;
    }
    const a = { x: here.x - ((here.x - before.x) / inLength) * r, y: here.y - ((here.y - before.y) / inLength) * r };
    const b = { x: here.x + ((after.x - here.x) / outLength) * r, y: here.y + ((after.y - here.y) / outLength) * r };
    d += `L${n(a.x)} ${n(a.y)}Q${n(here.x)} ${n(here.y)} ${n(b.x)} ${n(b.y)}`;
  }
  return d;
}

function wireLabel(wire: Wire, { text: words, at, anchor, warns }: NonNullable<Wire['label']>): Shape[] {
  if (warns === true) {
    const w = words.length * 6.4 + 12;
    return [
      { type: 'rect', x: at.x - w / 2, y: at.y - 8.5, w, h: 17, r: 8.5, fill: 'panel', stroke: 'drop', width: 1.2, dash: '3 2' },
      text(at.x, at.y, words, { mono: true, fill: 'drop', anchor: 'middle', centred: true }),
    ];
  }
  if (wire.kind !== 'tunnel') return [text(at.x, at.y, words, { mono: true, fill: 'mute', anchor })];
  const w = words.length * 6.4 + 14;
  const x = anchor === 'middle' ? at.x - w / 2 : at.x - 7;
  return [{ type: 'rect', x, y: at.y - 9, w, h: 18, r: 9, fill: 'bg' }, text(at.x, at.y, words, { mono: true, fill: 'tun', anchor, centred: true })];
}

export function paintWire(wire: Wire): Shape {
  const d = pathData(wire.points, wire.curve);
  const label = wire.label === undefined ? [] : wireLabel(wire, wire.label);
  switch (wire.kind) {
    case 'tunnel':
      return group(
        [{ type: 'path', d, stroke: 'tun', width: 20, opacity: 0.15 }, { type: 'path', d, stroke: 'tun', width: 1.4, opacity: 0.8 }, ...label],
        'tunnel',
      );
    case 'service-line':
      return group([{ type: 'path', d, stroke: 'l4', width: 1.4, dash: '2 5' }, ...label], 'service-line');
    case 'inner':
      return group([{ type: 'path', d, stroke: wire.tone === 'mute' ? 'line' : wire.tone, width: wire.tone === 'mute' ? 1.4 : 1.8 }, ...label], 'wire');
    default:
      return group([{ type: 'path', d, stroke: wire.tone, width: 1.7 }, ...label], 'wire');
  }
}

/** A shape with what it shows, for the lens. */
export interface Painted {
  readonly kind: Item['kind'] | Wire['kind'];
  readonly id: string;
  readonly shape: Shape;
}

const paintedItem = (item: Item): Painted => ({ kind: item.kind, id: item.id, shape: paintItem(item) });
const paintedWire = (wire: Wire): Painted => ({ kind: wire.kind, id: wire.id, shape: paintWire(wire) });
const isVirtual = (wire: Wire) => wire.kind === 'tunnel' || wire.kind === 'service-line';

/** Items and wires in painting order: rooms, what is virtual, kernels, wires, boxes. */
export function paintAll(items: readonly Item[], wires: readonly Wire[]): Painted[] {
  return [
    ...items.filter((item) => item.kind === 'room').map(paintedItem),
    ...wires.filter(isVirtual).map(paintedWire),
    ...items.flatMap((item) => (item.kind === 'room' ? [{ kind: item.kind, id: `${item.id}/head`, shape: roomHead(item) }] : [])),
    ...items.filter((item) => item.kind === 'kernel').map(paintedItem),
    ...wires.filter((wire) => !isVirtual(wire)).map(paintedWire),
    ...items.filter((item) => item.kind !== 'room' && item.kind !== 'kernel').map(paintedItem),
  ];
}
