/** Services as a virtual layer: ovals above (below an upside-down room) with lines to their ready endpoints; they exist only as rules. */
import type { ServiceView } from '../../world/views.ts';
import { addItem, type Draft } from './draft.ts';
import { roomWidth } from './metrics.ts';
import type { Plan } from './plan.ts';
import type { Point, Rect } from './scene.ts';
import type { Slots } from './slots.ts';

const PER_ROOM = 2;
/** With more endpoints than this in all, lines are drawn for the Service that is looked at only. */
const MAX_LINES = 400;

/** `10.97.253.216:80`, or the address alone when there are several ports. */
function detailOf(clusterIp: string, ports: string): string {
  if (clusterIp === 'None') return 'headless';
  const single = /^(\d+)(?::\d+)?\/(\w+)$/.exec(ports);
  return single === null ? clusterIp : `${clusterIp}:${single[1]}`;
}

/** `closeUp`: slots that are not used by these Services are filled, for pictures of a part. */
export function layoutServices(draft: Draft, services: readonly ServiceView[], plan: Plan, slots: Slots, closeUp: boolean): void {
  const { m } = plan;
  const topRow = plan.rowPlans[0];
  const width = roomWidth(m);
  const gap = 12;
  const w = (width - gap) / PER_ROOM;
  const podRects = new Map(draft.items.filter((item) => item.kind === 'pod').map((item) => [item.id, item.rect]));
  const lines = services.reduce((sum, service) => sum + service.endpoints.length, 0) <= MAX_LINES;
  let folded = 0;
  const inTopRow = topRow?.inputs.length ?? 0;
  const slotOfColumn = new Map<number, number>();
  for (const service of services) {
    const slot = slots.services.get(service.objectKey);
    if (slot === undefined) {
      folded += 1;
      continue;
    }
    const rowPlan = plan.rowPlans.find((row) => row.inputs.some((input) => input.host.id === slot.host));
    const frame = plan.frames.get(slot.host);
    const flip = frame?.flip ?? false;
    let column = rowPlan?.inputs.findIndex((input) => input.host.id === slot.host) ?? 0;
    const side = plan.direction === 'column' ? (flip ? 1 : 0) : column;
    let place = slot.slot;
    if (closeUp) {
      place = slotOfColumn.get(side) ?? 0;
      slotOfColumn.set(side, place + 1);
    }
    if (!closeUp && plan.rowPlans.length > 1 && plan.direction === 'row') {
      // Rooms of lower rows have no air above them: their Services stand above the first row, in order.
      column = inTopRow === 0 ? 0 : column % inTopRow;
      place = slotOfColumn.get(column) ?? 0;
      slotOfColumn.set(column, place + 1);
    }
    const [dx, dy] = plan.offset(service.objectKey);
    const x = (plan.direction === 'column' ? 0 : column * (width + m.roomGap)) + (place % PER_ROOM) * (w + gap);
    const up = Math.floor(place / PER_ROOM) * (m.serviceH + 10);
    const roof = flip ? (frame?.dy ?? 0) + (rowPlan?.height ?? 0) : (topRow?.bottomY ?? 0) - (topRow?.height ?? 0) - plan.lift;
    const y = flip ? roof + m.serviceGap + up : roof - m.serviceGap - m.serviceH - up;
    const rect: Rect = { x: x + dx, y: y + dy, w, h: m.serviceH };
    addItem(draft, {
      kind: 'service',
      id: service.objectKey,
      rect,
      parent: undefined,
      target: { kind: 'object', key: service.objectKey },
      spoken: `Service ${service.name} in namespace ${service.namespace}, ${service.clusterIp}, ${service.ports}, ${service.endpoints.length} ready endpoints. Virtual: it exists as rules only`,
      title: service.name,
      detail: detailOf(service.clusterIp, service.ports),
      clusterIp: service.clusterIp,
      endpoints: [...new Set(service.endpoints)].filter((netns) => podRects.has(netns)),
    });
    if (!lines) continue;
    for (const netns of new Set(service.endpoints)) {
      const pod = podRects.get(netns);
      if (pod !== undefined) draft.wires.push(serviceLine(service.objectKey, service.name, netns, rect, pod));
    }
  }
  if (folded > 0) {
    const roof = (topRow?.bottomY ?? 0) - (topRow?.height ?? 0) - plan.lift;
    const rect = { x: inTopRow * (width + m.roomGap), y: roof - m.serviceGap - m.serviceH, w: 120, h: m.serviceH };
    addItem(draft, {
      kind: 'fold',
      id: 'services/more',
      rect,
      parent: undefined,
      target: undefined,
      spoken: `${folded} more Services`,
      title: `+${folded} Services`,
    });
  }
}

/** Start, two control points and end. */
export function serviceCurve(oval: Rect, pod: Rect): readonly [Point, Point, Point, Point] {
  const down = pod.y > oval.y;
  const start: Point = { x: oval.x + oval.w / 2, y: down ? oval.y + oval.h : oval.y };
  const end: Point = { x: pod.x + pod.w / 2, y: down ? pod.y : pod.y + pod.h };
  const bend = Math.min(60, Math.abs(end.y - start.y) * 0.55) * (down ? 1 : -1);
  return [start, { x: start.x, y: start.y + bend }, { x: end.x, y: end.y - bend }, end];
}

function serviceLine(key: string, name: string, netns: string, oval: Rect, pod: Rect) {
  return {
    id: `${key}>${netns}`,
    kind: 'service-line' as const,
    tone: 'l4' as const,
    points: serviceCurve(oval, pod),
    curve: true,
    from: key,
    to: netns,
    room: undefined,
    target: { kind: 'object' as const, key },
    spoken: `Service ${name} leads to this pod`,
  };
}
