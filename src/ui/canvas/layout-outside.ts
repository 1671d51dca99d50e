/** What stands outside the nodes: the underlay switch as a bar (a comb when nodes stand in rows), routers and external hosts beside it, and the cables. */
import type { DeviceView, HostView, Topology } from '../../world/views.ts';
import { addItem, addPlace, type Draft } from './draft.ts';
import { impairedLabel, spokenImpairment } from './impaired.ts';
import { chipWidth, roomWidth } from './metrics.ts';
import type { Plan } from './plan.ts';
import type { Point, Rect, Wire } from './scene.ts';

interface Bar {
  readonly host: HostView;
  readonly bridge: string;
  /** One segment for each row of rooms, from top to bottom. */
  readonly segments: readonly Rect[];
  readonly trunkX: number;
}

const middleY = (rect: Rect) => rect.y + rect.h / 2;
const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

function widthOfRooms(plan: Plan): number {
  const count =
    plan.direction === 'column'
      ? 1
      : Math.max(
          1,
          Math.min(
            plan.perRow,
            plan.rowPlans.reduce((most, row) => Math.max(most, row.inputs.length), 0),
          ),
        );
  return count * roomWidth(plan.m) + (count - 1) * plan.m.roomGap;
}

/** The bar may end before the rooms do, so that a router finds room beside it; it must reach the last uplink. */
function barWidth(plan: Plan, besides: number): number {
  const { m } = plan;
  const full = widthOfRooms(plan);
  if (besides === 0 || plan.direction === 'column' || plan.rowPlans.length > 1) return full;
  const lastUplink = full - roomWidth(m) + m.pad + chipWidth(m);
  return Math.max(lastUplink, full - m.outsideW - 24);
}

function layoutBar(draft: Draft, plan: Plan, host: HostView, index: number, width: number, devices: readonly DeviceView[]): Bar {
  const { m } = plan;
  const bridge = devices.find((device) => device.type === 'bridge')?.id ?? `${host.id}/device`;
  const rows = plan.rowPlans.length === 0 ? [{ bottomY: 0 }] : plan.direction === 'column' ? [{ bottomY: 0 }] : plan.rowPlans;
  const [dx, dy] = plan.offset(host.id);
  const segments = rows.map((row) => ({ x: dx, y: row.bottomY + plan.zoneH + index * (m.underlayH + 16) + dy, w: width, h: m.underlayH }));
  const rootId = `${host.id}/netns/root`;
  const mtu = devices.find((device) => device.type === 'ethernet')?.mtuBytes;
  const trunkX = dx - 22;
  const bar = { host, bridge, segments, trunkX };
  segments.forEach((rect, row) => {
    addItem(draft, {
      kind: 'bar',
      id: row === segments.length - 1 ? bridge : `${bridge}@${row}`,
      rect,
      parent: undefined,
      target: { kind: 'netns', id: rootId },
      spoken: `Underlay network ${host.name}${host.cidr === undefined ? '' : `, ${host.cidr}`}`,
      title: host.name,
      detail: [host.cidr ?? '', mtu === undefined ? '' : `mtu ${mtu}`].filter((part) => part !== '').join(' · '),
      tone: 'l2',
    });
  });
  const last = segments[segments.length - 1] as Rect;
  const place = {
    point: { x: last.x + last.w / 2, y: middleY(last) },
    item: bridge,
    rest: { x: 0, y: -(m.underlayH / 2 + 13) },
    bar: { x0: last.x + 10, x1: last.x + last.w - 10, trunkX },
  };
  addPlace(draft, { id: bridge, ...place });
  addPlace(draft, { id: rootId, ...place });
  addPlace(draft, { id: `${rootId}#*`, ...place });
  const first = segments[0] as Rect;
  if (segments.length > 1) {
    draft.wires.push(
      cable(`${bridge}/trunk`, bridge, bridge, 'the underlay between the rows', undefined, [
        { x: first.x, y: middleY(first) },
        { x: trunkX, y: middleY(first) },
        { x: trunkX, y: middleY(last) },
        { x: last.x, y: middleY(last) },
      ]),
    );
  }
  return bar;
}

function cable(id: string, from: string, to: string, spoken: string, device: string | undefined, points: readonly Point[]): Wire {
  return {
    id,
    kind: 'uplink',
    tone: 'l2',
    points,
    curve: false,
    from,
    to,
    room: undefined,
    target: device === undefined ? undefined : { kind: 'device', id: device },
    spoken,
  };
}

/** The cable of a node's card down to the bar, with an elbow where the room was moved beside it. */
function nodeCable(draft: Draft, plan: Plan, bar: Bar, port: DeviceView, card: DeviceView): void {
  const start = draft.places.get(card.id);
  const chip = draft.itemById.get(card.id);
  if (start === undefined || chip === undefined) return;
  const row =
    plan.direction === 'column'
      ? 0
      : Math.max(
          0,
          plan.rowPlans.findIndex((one) => one.inputs.some((input) => input.host.id === hostOf(card.netns))),
        );
  const segment = bar.segments[Math.min(row, bar.segments.length - 1)] as Rect;
  const below = start.point.y > middleY(segment);
  const chipEdge = { x: start.point.x, y: below ? chip.rect.y : chip.rect.y + chip.rect.h };
  const endX = clamp(start.point.x, segment.x + 14, segment.x + segment.w - 14);
  const end = { x: endX, y: below ? segment.y + segment.h : segment.y };
  const bendY = end.y + (below ? 14 : -14);
  const via =
    endX === start.point.x
      ? []
      : [
          { x: start.point.x, y: bendY },
          { x: endX, y: bendY },
        ];
  draft.places.set(card.id, { ...start, up: { to: port.id, from: start.point, via: [chipEdge, ...via], at: end } });
  // Seen from the kernel's inside the card is the way out.
  const hub = draft.places.get(`${card.netns}#kernel`);
  if (hub !== undefined && hub.up === undefined) draft.places.set(hub.id, { ...hub, up: { to: card.id, from: start.point, via: [], at: start.point } });
  portPlace(draft, bar, port, end, { x: endX, y: middleY(segment) });
  draft.wires.push({
    ...cable(`${card.id}|${port.id}`, card.id, bar.bridge, `cable ${card.name} of ${hostOf(card.netns)}${spokenImpairment(card, port)}`, card.id, [
      chipEdge,
      ...via,
      end,
    ]),
    // Tunnels have their words in the middle between rooms and bar.
    ...impairedLabel([card, port], chipEdge, via[0] ?? end, 0.84),
  });
}

function portPlace(draft: Draft, bar: Bar, port: DeviceView, point: Point, onBar: Point): void {
  addPlace(draft, { id: port.id, point, item: bar.bridge, up: { to: bar.bridge, from: point, via: [], at: onBar } });
}

const hostOf = (netns: string): string => netns.slice(0, Math.max(0, netns.indexOf('/netns/')));

function boxRect(plan: Plan, bars: readonly Bar[], index: number, offset: readonly [number, number]): Rect {
  const { m } = plan;
  const bar = bars[0];
  const segment = bar?.segments[bar.segments.length - 1];
  const base = segment ?? { x: 0, y: plan.zoneH, w: 0, h: m.underlayH };
  if (plan.direction === 'column') {
    const x = roomWidth(m) - m.outsideW - index * (m.outsideW + 10);
    return { x: x + offset[0], y: base.y + base.h + 20 + offset[1], w: m.outsideW, h: m.outsideH };
  }
  const y = base.y + base.h / 2 - m.outsideH / 2 + index * (m.outsideH + 12);
  return { x: base.x + base.w + 24 + offset[0], y: y + offset[1], w: m.outsideW, h: m.outsideH };
}

function layoutBox(
  draft: Draft,
  plan: Plan,
  bars: readonly Bar[],
  host: HostView,
  index: number,
  devices: readonly DeviceView[],
  portOf: (card: DeviceView) => { readonly bar: Bar; readonly port: DeviceView } | undefined,
): void {
  const rect = boxRect(plan, bars, index, plan.offset(host.id));
  const rootId = `${host.id}/netns/root`;
  const note = host.role === 'router' ? 'beyond it: not modelled' : '';
  addItem(draft, {
    kind: 'outside',
    id: host.id,
    rect,
    parent: undefined,
    target: { kind: 'netns', id: rootId },
    spoken: `${host.role === 'router' ? 'Router' : 'External host'} ${host.name}, ${host.ip}${note === '' ? '' : `; ${note}`}`,
    title: host.name,
    ip: host.ip,
    note: plan.m.strip ? '' : note,
  });
  if (host.ip !== '') draft.itemByIp.set(host.ip, host.id);
  const middle = { x: rect.x + rect.w / 2, y: middleY(rect) };
  let first: string | undefined;
  for (const card of devices) {
    const link = portOf(card);
    if (link === undefined) continue;
    const { bar, port } = link;
    const segment = bar.segments[bar.segments.length - 1] as Rect;
    const column = plan.direction === 'column';
    const edge = column ? { x: middle.x, y: rect.y } : { x: rect.x, y: middle.y };
    const end = column
      ? { x: clamp(middle.x, segment.x + 14, segment.x + segment.w - 14), y: segment.y + segment.h }
      : { x: segment.x + segment.w, y: middleY(segment) };
    const via =
      column || edge.y === end.y
        ? []
        : [
            { x: edge.x - 12, y: edge.y },
            { x: edge.x - 12, y: end.y },
          ];
    addPlace(draft, { id: card.id, point: edge, item: host.id, up: { to: port.id, from: edge, via, at: end } });
    portPlace(draft, bar, port, end, { x: clamp(end.x, segment.x + 10, segment.x + segment.w - 10), y: middleY(segment) });
    draft.wires.push(cable(`${card.id}|${port.id}`, host.id, bar.bridge, `cable ${card.name} of ${host.name}`, card.id, [edge, ...via, end]));
    first ??= card.id;
  }
  const up = first === undefined ? {} : { up: { to: first, from: middle, via: [], at: draft.places.get(first)?.point ?? middle } };
  for (const id of [rootId, `${rootId}#*`]) addPlace(draft, { id, point: middle, item: host.id, rest: { x: 0, y: -(rect.h / 2 + 8) }, ...up });
  for (const device of devices) if (!draft.places.has(device.id)) addPlace(draft, { id: device.id, point: middle, item: host.id, ...up });
}

export function layoutOutside(draft: Draft, topology: Topology, plan: Plan): void {
  const switches = topology.hosts.filter((host) => host.role === 'switch');
  const boxes = topology.hosts.filter((host) => host.role === 'router' || host.role === 'external');
  const devicesOf = new Map<string, DeviceView[]>();
  for (const device of topology.devices) {
    const host = hostOf(device.netns);
    const list = devicesOf.get(host);
    if (list === undefined) devicesOf.set(host, [device]);
    else list.push(device);
  }
  const bars = switches.map((host, index) => layoutBar(draft, plan, host, index, barWidth(plan, boxes.length), devicesOf.get(host.id) ?? []));
  const ports = new Map<string, { bar: Bar; port: DeviceView }>();
  bars.forEach((bar) => {
    for (const port of devicesOf.get(bar.host.id) ?? []) if (port.peer !== undefined) ports.set(port.peer, { bar, port });
  });
  const portOf = (card: DeviceView) => ports.get(card.id);
  boxes.forEach((host, index) => {
    layoutBox(
      draft,
      plan,
      bars,
      host,
      index,
      (devicesOf.get(host.id) ?? []).filter((device) => device.type !== 'loopback'),
      portOf,
    );
  });
  for (const row of plan.rowPlans) {
    for (const input of row.inputs) {
      for (const card of input.rootDevices) {
        const link = card.type === 'ethernet' ? portOf(card) : undefined;
        if (link !== undefined) nodeCable(draft, plan, link.bar, link.port, card);
      }
    }
  }
  for (const bar of bars) {
    for (const port of devicesOf.get(bar.host.id) ?? []) {
      const place = draft.places.get(bar.bridge);
      if (!draft.places.has(port.id) && place !== undefined) addPlace(draft, { ...place, id: port.id });
    }
  }
}
