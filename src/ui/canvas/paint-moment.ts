/** A moment of the animation as shapes, for still pictures: the packet, the way it has come and will go, and the box where it stands. */
import { type Capsule, capsuleOf, isTunnelled } from './capsule.ts';
import type { Journey } from './journey.ts';
import { pathData } from './paint.ts';
import type { Point } from './scene.ts';
import type { Shape } from './shape.ts';

/** A capsule around a point. */
export function paintCapsule(capsule: Capsule, at: Point): Shape[] {
  const { w, h, label, tone } = capsule;
  const letters = (x: number, anchor: 'start' | 'middle', fill: 'on-fill' | typeof tone): Shape => ({
    type: 'text',
    x,
    y: at.y,
    text: label,
    size: 10.5,
    weight: 700,
    mono: true,
    fill,
    anchor,
    lod: 'nmlf',
    centred: true,
  });
  if (capsule.dropped) {
    return [
      { type: 'circle', x: at.x, y: at.y, r: 15, fill: 'drop' },
      { type: 'path', d: `M${at.x - 6} ${at.y - 6}l12 12M${at.x + 6} ${at.y - 6}l-12 12`, stroke: 'on-fill', width: 3 },
      { type: 'text', x: at.x + 22, y: at.y, text: label, size: 11, weight: 700, mono: true, fill: 'drop', lod: 'nmlf', centred: true, halo: 'bg' },
    ];
  }
  const innerW = capsule.tunnelled ? w - 30 : w;
  const left = at.x - w / 2 + (capsule.tunnelled ? 24 : 0);
  const fill = capsule.reply ? tone : 'panel';
  const inside: Shape[] = [
    { type: 'rect', x: left, y: at.y - 10, w: innerW, h: 20, r: 10, fill, stroke: tone, width: 1.8 },
    letters(left + innerW / 2 + (capsule.reply ? 7 : 0), 'middle', capsule.reply ? 'on-fill' : tone),
  ];
  if (capsule.reply)
    inside.push({
      type: 'path',
      d: `M${left + 14} ${at.y + 3}h-5l2.5 -2.5M${left + 9} ${at.y + 3}l2.5 2.5M${left + 14} ${at.y + 3}v-5`,
      stroke: 'on-fill',
      width: 1.4,
    });
  if (!capsule.tunnelled) return inside;
  return [
    { type: 'rect', x: at.x - w / 2, y: at.y - h / 2, w, h, r: h / 2, fill: 'tun' },
    { type: 'circle', x: at.x - w / 2 + 13, y: at.y, r: 4.5, fill: 'panel' },
    ...inside,
  ];
}

/** Shapes over the scene for the hop at `index`; none before the first. */
export function paintMoment(journey: Journey, index: number): Shape[] {
  const at = journey.anchor(index);
  const hop = journey.hops[index];
  if (at === undefined || hop === undefined) return [];
  const tone = capsuleOf(hop).tone;
  const shapes: Shape[] = [];
  for (const step of journey.lifeOf(index)) {
    const track = journey.track(step);
    if (track === undefined) continue;
    const past = step <= index;
    shapes.push({
      type: 'path',
      d: pathData(track.points, false),
      stroke: tone,
      width: past ? 3 : 1.4,
      opacity: past ? 0.28 : 0.4,
      ...(past ? {} : { dash: '1 6' }),
    });
  }
  if (isTunnelled(hop)) {
    for (const wire of journey.scene.wires)
      if (wire.kind === 'tunnel') shapes.push({ type: 'path', d: pathData(wire.points, wire.curve), stroke: 'tun', width: 20, opacity: 0.16 });
  }
  const item = journey.scene.itemById.get(journey.itemOf(index) ?? '');
  if (item !== undefined && item.kind !== 'room') {
    const { x, y, w, h } = item.rect;
    const r = item.kind === 'pill' || item.kind === 'service' ? h / 2 : 9;
    shapes.push({ type: 'rect', x: x - 1, y: y - 1, w: w + 2, h: h + 2, r, stroke: tone, width: 2.2 });
  }
  const rest = journey.rest(index);
  return [...shapes, ...paintCapsule(capsuleOf(hop), { x: at.x + rest.x, y: at.y + rest.y })];
}
