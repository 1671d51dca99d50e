/** Lays out one node as a room: pods above their bridge, the kernel's hooks below it, devices at the edge; linear in its pods and devices. */
import type { DeviceView, HostView, NetnsView } from '../../world/views.ts';
import { addItem, addPlace, type Draft, type Frame, pointAt, rectAt } from './draft.ts';
import { chipWidth, chipX, columnX, type Metrics, roomWidth, tileWidth } from './metrics.ts';
import type { PodItem, Point, Tone } from './scene.ts';

export interface RoomInput {
  readonly host: HostView;
  readonly root: NetnsView | undefined;
  readonly rootDevices: readonly DeviceView[];
  readonly pods: readonly { readonly view: NetnsView; readonly slot: number; readonly devices: readonly DeviceView[] }[];
  /** Pods of this node that are not drawn. */
  readonly folded: number;
  readonly tiles: boolean;
}

const toneOf = (device: DeviceView): Tone => (device.type === 'vxlan' ? 'tun' : device.type === 'loopback' ? 'mute' : 'l2');

/** Devices of the root netns that are drawn as chips: all but loopback, the pods' ends of veth pairs, and the bridge drawn as a bar. */
function chipsOf(input: RoomInput, bridge: DeviceView | undefined): DeviceView[] {
  const podPeers = new Set(input.pods.flatMap((pod) => pod.devices.map((device) => device.peer ?? '')));
  const shown = input.rootDevices.filter(
    (device) => device.type !== 'loopback' && device !== bridge && device.master === undefined && !podPeers.has(device.id),
  );
  const rank = (device: DeviceView) => (device.type === 'ethernet' ? 0 : device.type === 'vxlan' ? 1 : 2);
  return shown
    .map((device, index) => ({ device, index }))
    .sort((a, b) => rank(a.device) - rank(b.device) || a.index - b.index)
    .map((one) => one.device);
}

/** The bridge with most ports is the bar; the first of equals. */
function mainBridge(devices: readonly DeviceView[]): DeviceView | undefined {
  const ports = new Map<string, number>();
  for (const device of devices) if (device.master !== undefined) ports.set(device.master, (ports.get(device.master) ?? 0) + 1);
  let best: DeviceView | undefined;
  for (const device of devices) {
    if (device.type === 'bridge' && (best === undefined || (ports.get(device.id) ?? 0) > (ports.get(best.id) ?? 0))) best = device;
  }
  return best;
}

export const rowsNeeded = (input: RoomInput, m: Metrics): number => {
  const highest = input.pods.reduce((most, pod) => Math.max(most, pod.slot), 0);
  return Math.floor(highest / (input.tiles ? m.tileColumns : m.columns)) + 1;
};

export const chipRowsNeeded = (input: RoomInput, m: Metrics): number =>
  Math.max(1, Math.ceil(chipsOf(input, mainBridge(input.rootDevices)).length / m.chipColumns));

/** Y of the parts above the room's bottom edge, for a number of chip rows. */
function levels(m: Metrics, chipRows: number) {
  const chipTop = -(m.pad + m.chipH);
  const kernelBottom = chipTop - (chipRows - 1) * (m.chipH + 8) - m.gap;
  const kernelTop = kernelBottom - m.kernelH;
  const barTop = kernelTop - m.gap - m.barH;
  const podBottom = barTop - m.vethH;
  return { chipTop, kernelBottom, kernelTop, barTop, podBottom };
}

export function roomHeight(m: Metrics, rows: number, chipRows: number, tiles: boolean): number {
  const { podBottom } = levels(m, chipRows);
  const pods = tiles ? rows * m.tileH + (rows - 1) * m.tileGap : rows * m.podH + (rows - 1) * m.rowGap;
  return -podBottom + pods + m.headerH;
}

/** Centres of the hooks where packets come in and leave, from the kernel's left and right edge. */
const PRE_X = 50;
const POST_X = 53;

/** Centres of the kernel's stops, from the room's left edge, and their widths. */
function pillsOf(
  m: Metrics,
): readonly { readonly hook: string; readonly title: string; readonly short: string; readonly x: number; readonly w: number; readonly row: 1 | 2 }[] {
  const left = m.pad;
  const width = roomWidth(m) - 2 * m.pad;
  if (m.strip) {
    const at = (part: number) => left + width * part;
    return [
      { hook: 'PREROUTING', title: 'PREROUTING', short: 'PRE', x: at(0.47), w: 10, row: 1 },
      { hook: 'route', title: 'route', short: 'route', x: at(0.57), w: 10, row: 1 },
      { hook: 'INPUT', title: 'INPUT', short: 'IN', x: at(0.645), w: 6, row: 1 },
      { hook: '', title: 'process', short: 'proc', x: at(0.69), w: 6, row: 1 },
      { hook: 'OUTPUT', title: 'OUTPUT', short: 'OUT', x: at(0.735), w: 6, row: 1 },
      { hook: 'FORWARD', title: 'FORWARD', short: 'FWD', x: at(0.81), w: 10, row: 1 },
      { hook: 'POSTROUTING', title: 'POSTROUTING', short: 'POST', x: at(0.91), w: 10, row: 1 },
    ];
  }
  return [
    { hook: 'PREROUTING', title: 'PREROUTING', short: 'PRE', x: left + PRE_X, w: 84, row: 1 },
    { hook: 'route', title: 'route', short: 'route', x: left + 140, w: 52, row: 1 },
    { hook: 'FORWARD', title: 'FORWARD', short: 'FWD', x: left + 219, w: 64, row: 1 },
    { hook: 'POSTROUTING', title: 'POSTROUTING', short: 'POST', x: left + width - POST_X, w: 90, row: 1 },
    { hook: 'INPUT', title: 'INPUT', short: 'IN', x: left + 140, w: 52, row: 2 },
    { hook: '', title: 'process', short: 'proc', x: left + 207, w: 60, row: 2 },
    { hook: 'OUTPUT', title: 'OUTPUT', short: 'OUT', x: left + 274, w: 54, row: 2 },
  ];
}

const spokenDevice = (device: DeviceView): string =>
  `${device.type} ${device.name}${device.addresses.length === 0 ? '' : `, ${device.addresses.join(', ')}`}, MTU ${device.mtuBytes}${device.up ? '' : ', down'}`;

/** Appends a room's items, wires and places. `rows` and `chipRows` are those of the tallest room beside it, so that roofs and bridges align. */
export function layoutRoom(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, rows: number, chipRows: number): void {
  const { host, root } = input;
  const width = roomWidth(m);
  const height = roomHeight(m, rows, chipRows, input.tiles);
  const y = levels(m, chipRows);
  const rootId = root?.id ?? `${host.id}/netns/root`;
  addItem(draft, {
    kind: 'room',
    id: host.id,
    rect: rectAt(frame, 0, -height, width, height),
    parent: undefined,
    target: { kind: 'netns', id: rootId },
    spoken: `Node ${host.name}, ${host.ip}, ${host.ready ? 'ready' : 'not ready'}, ${input.pods.length + input.folded} pods`,
    title: host.name,
    ip: host.ip,
    ready: host.ready,
    podCount: input.pods.length + input.folded,
    folded: input.folded,
    objectKey: host.objectKey,
    flipped: frame.flip,
  });
  if (host.ip !== '') draft.itemByIp.set(host.ip, host.id);
  if (root === undefined) return;
  const bridge = mainBridge(input.rootDevices);
  layoutKernel(draft, input, m, frame, y, rootId);
  if (bridge !== undefined) layoutBridge(draft, input, m, frame, y, bridge, rootId);
  layoutChips(draft, input, m, frame, y, bridge, rootId);
  if (input.tiles) layoutTiles(draft, input, m, frame, y, bridge, rootId);
  else layoutPods(draft, input, m, frame, y, bridge, rootId);
  for (const device of input.rootDevices) {
    const place = draft.places.get(rootId);
    if (!draft.places.has(device.id) && place !== undefined) addPlace(draft, { ...place, id: device.id });
  }
}

type Levels = ReturnType<typeof levels>;
/** Offset of a resting packet, `dy` downwards in an upright room. */
const aside = (frame: Frame, dy: number): Point => ({ x: 0, y: frame.flip ? -dy : dy });

const hubId = (rootId: string) => `${rootId}#kernel`;

function layoutKernel(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, rootId: string): void {
  const { host } = input;
  const width = roomWidth(m);
  const kernel = rectAt(frame, m.pad, y.kernelTop, width - 2 * m.pad, m.kernelH);
  const id = hubId(rootId);
  const target = { kind: 'netns', id: rootId } as const;
  addItem(draft, {
    kind: 'kernel',
    id,
    rect: kernel,
    parent: host.id,
    target,
    spoken: `Kernel of ${host.name}: netfilter and routing`,
    strip: m.strip,
    flipped: frame.flip,
  });
  const pillH = m.strip ? 10 : 25;
  const rowY = (row: 1 | 2) => (m.strip ? y.kernelTop + m.kernelH / 2 - pillH / 2 : y.kernelTop + (row === 1 ? 24 : 61));
  const gapY = m.strip ? y.kernelTop + m.kernelH / 2 : y.kernelTop + 24 + pillH + 6;
  const edgeY = m.strip ? y.kernelBottom + m.gap / 2 : y.kernelBottom - 5;
  const pills = pillsOf(m);
  addPlace(draft, {
    id,
    point: pointAt(frame, m.pad + (width - 2 * m.pad) / 2, y.kernelTop + m.kernelH / 2),
    item: id,
    hub: { gapY: pointAt(frame, 0, gapY).y, edgeY: pointAt(frame, 0, edgeY).y },
  });
  for (const pill of pills) {
    const placeId = pill.hook === '' ? rootId : `${rootId}#${pill.hook}`;
    const itemId = pill.hook === '' ? `${rootId}#process` : placeId;
    const h = m.strip ? pill.w : pillH;
    const rect = rectAt(frame, pill.x - pill.w / 2, rowY(pill.row) + (pillH - h) / 2, pill.w, h);
    const point = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
    const link = pill.hook === '' || pill.hook === 'route' ? target : ({ kind: 'chain', id: `${rootId}/chain/filter/${pill.hook}` } as const);
    // The chains of a hook are several tables'; PREROUTING has no filter table.
    const chain = pill.hook === 'PREROUTING' || pill.hook === 'POSTROUTING' ? ({ kind: 'chain', id: `${rootId}/chain/nat/${pill.hook}` } as const) : link;
    const spoken =
      pill.hook === ''
        ? `Programs on ${host.name} itself`
        : pill.hook === 'route'
          ? `Routing tables of ${host.name}`
          : `netfilter hook ${pill.hook} on ${host.name}`;
    addItem(draft, { kind: 'pill', id: itemId, rect, parent: id, target: chain, spoken, title: pill.title, short: pill.short, dot: m.strip });
    const rest = m.strip ? {} : { rest: aside(frame, (pill.row === 1 ? -1 : 1) * (pillH / 2 + 13)) };
    addPlace(draft, { id: placeId, point, item: itemId, ...rest, side: pill.row === 1 ? 'hook' : 'local', up: { to: id, from: point, via: [], at: point } });
  }
  if (m.strip) return;
  const byHook = new Map(pills.map((pill) => [pill.hook, pill]));
  const get = (hook: string) => byHook.get(hook) as (typeof pills)[number];
  const mid = (row: 1 | 2) => rowY(row) + pillH / 2;
  const inner = (name: string, points: readonly (readonly [number, number])[]) =>
    draft.wires.push({
      id: `${id}/${name}`,
      kind: 'inner',
      tone: 'mute',
      points: points.map(([x, py]) => pointAt(frame, x, py)),
      curve: false,
      from: id,
      to: id,
      room: host.id,
      target: undefined,
      spoken: '',
    });
  const right = (hook: string) => get(hook).x + get(hook).w / 2;
  const left = (hook: string) => get(hook).x - get(hook).w / 2;
  inner('a', [
    [right('PREROUTING'), mid(1)],
    [left('route'), mid(1)],
  ]);
  inner('b', [
    [right('route'), mid(1)],
    [left('FORWARD'), mid(1)],
  ]);
  inner('c', [
    [right('FORWARD'), mid(1)],
    [left('POSTROUTING'), mid(1)],
  ]);
  inner('d', [
    [get('route').x, rowY(1) + pillH],
    [get('INPUT').x, rowY(2)],
  ]);
  inner('e', [
    [right('INPUT'), mid(2)],
    [left(''), mid(2)],
  ]);
  inner('f', [
    [right(''), mid(2)],
    [left('OUTPUT'), mid(2)],
  ]);
  inner('g', [
    [right('OUTPUT'), mid(2)],
    [get('POSTROUTING').x + 8, mid(2)],
    [get('POSTROUTING').x + 8, rowY(1) + pillH],
  ]);
}

function layoutBridge(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView, rootId: string): void {
  const { host } = input;
  const width = roomWidth(m);
  const rect = rectAt(frame, m.pad, y.barTop, width - 2 * m.pad, m.barH);
  const middle = pointAt(frame, width / 2, y.barTop + m.barH / 2);
  addItem(draft, {
    kind: 'bar',
    id: bridge.id,
    rect,
    parent: host.id,
    target: { kind: 'device', id: bridge.id },
    spoken: spokenDevice(bridge),
    title: bridge.name,
    detail: bridge.addresses[0] ?? '',
    tone: 'l2',
  });
  const inset = 8;
  addPlace(draft, {
    id: bridge.id,
    point: middle,
    item: bridge.id,
    ...(m.strip ? {} : { rest: aside(frame, -(m.barH / 2 + 12)) }),
    side: 'bar',
    bar: { x0: rect.x + inset, x1: rect.x + rect.w - inset, trunkX: rect.x },
    up: { to: hubId(rootId), from: middle, via: [], at: middle },
  });
  const ends = m.strip ? [0.47, 0.91].map((part) => m.pad + (width - 2 * m.pad) * part) : [m.pad + PRE_X, width - m.pad - POST_X];
  ends.forEach((x, index) => {
    draft.wires.push({
      id: `${bridge.id}/kernel${index}`,
      kind: 'inner',
      tone: 'l2',
      points: [pointAt(frame, x, y.barTop + m.barH), pointAt(frame, x, y.kernelTop)],
      curve: false,
      from: bridge.id,
      to: hubId(rootId),
      room: host.id,
      target: undefined,
      spoken: '',
    });
  });
}

function layoutChips(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
  const { host } = input;
  chipsOf(input, bridge).forEach((device, index) => {
    const column = index % m.chipColumns;
    const row = Math.floor(index / m.chipColumns);
    const x = chipX(m, column);
    const w = chipWidth(m);
    const top = y.chipTop - row * (m.chipH + 8);
    const tone = toneOf(device);
    const rect = rectAt(frame, x, top, w, m.chipH);
    const point = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
    addItem(draft, {
      kind: 'chip',
      id: device.id,
      rect,
      parent: host.id,
      target: { kind: 'device', id: device.id },
      spoken: spokenDevice(device),
      title: device.name,
      tone,
      up: device.up,
      small: false,
    });
    addPlace(draft, {
      id: device.id,
      point,
      item: device.id,
      rest: aside(frame, m.chipH / 2 + 14),
      side: 'chip',
      up: { to: hubId(rootId), from: point, via: [], at: point },
    });
    if (row > 0) return;
    draft.wires.push({
      id: `${device.id}/kernel`,
      kind: 'inner',
      tone: device.type === 'ethernet' ? 'l2' : tone,
      points: [pointAt(frame, x + w / 2, top), pointAt(frame, x + w / 2, y.kernelBottom)],
      curve: false,
      from: device.id,
      to: hubId(rootId),
      room: host.id,
      target: undefined,
      spoken: '',
    });
  });
}

const spokenPod = (view: NetnsView, host: HostView): string =>
  `Pod ${view.title} in namespace ${view.namespace ?? 'default'}, ${view.ip === '' ? 'no address' : view.ip}, ${view.ready ? 'ready' : (view.phase ?? 'not ready')}, on ${host.name}`;

/** Places of a pod's netns: its programs, its own kernel (all hooks in one), and loopback. */
function podPlaces(
  draft: Draft,
  frame: Frame,
  pod: RoomInput['pods'][number] & { readonly tile: boolean },
  item: string,
  programs: Point,
  stack: Point,
  eth: { readonly id: string } | undefined,
): void {
  const netns = pod.view.id;
  const rect = draft.itemById.get(item)?.rect;
  const flip = rect !== undefined && frame.flip;
  const edge = rect === undefined || pod.tile ? undefined : { x: rect.x + rect.w / 2, y: flip ? rect.y + rect.h + 7 : rect.y - 7 };
  const rest = (point: Point) => (edge === undefined ? {} : { rest: { x: edge.x - point.x, y: edge.y - point.y } });
  addPlace(draft, { id: netns, point: programs, item, ...rest(programs), up: { to: `${netns}#*`, from: programs, via: [], at: stack } });
  addPlace(draft, {
    id: `${netns}#*`,
    point: stack,
    item,
    ...rest(stack),
    ...(eth === undefined ? {} : { up: { to: eth.id, from: stack, via: [], at: draft.places.get(eth.id)?.point ?? stack } }),
  });
  for (const device of pod.devices)
    if (!draft.places.has(device.id))
      addPlace(draft, {
        id: device.id,
        point: device.type === 'loopback' ? programs : stack,
        item,
        up: { to: `${netns}#*`, from: programs, via: [], at: stack },
      });
  if (pod.view.ip !== '') draft.itemByIp.set(pod.view.ip, item);
}

const uplinkOf = (devices: readonly DeviceView[]): DeviceView | undefined => devices.find((device) => device.type === 'veth' && device.peer !== undefined);

function layoutPods(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
  const { host } = input;
  const byId = new Map(input.rootDevices.map((device) => [device.id, device]));
  for (const pod of input.pods) {
    const column = pod.slot % m.columns;
    const row = Math.floor(pod.slot / m.columns);
    const x = columnX(m, column);
    const bottom = y.podBottom - row * (m.podH + m.rowGap);
    const { view } = pod;
    const target = view.objectKey === undefined ? ({ kind: 'netns', id: view.id } as const) : ({ kind: 'object', key: view.objectKey } as const);
    const item: PodItem = {
      kind: 'pod',
      id: view.id,
      rect: rectAt(frame, x, bottom - m.podH, m.cellW, m.podH),
      parent: host.id,
      target,
      spoken: spokenPod(view, host),
      view,
      size: m.strip ? 'small' : 'card',
      flipped: frame.flip,
    };
    addItem(draft, item);
    const eth = uplinkOf(pod.devices);
    const middle = x + m.cellW / 2;
    const chipTop = bottom - m.podChipH / 2;
    if (eth !== undefined) {
      const rect = rectAt(frame, middle - m.podChipW / 2, chipTop, m.podChipW, m.podChipH);
      const chip = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
      addItem(draft, {
        kind: 'chip',
        id: eth.id,
        rect,
        parent: view.id,
        target: { kind: 'device', id: eth.id },
        spoken: spokenDevice(eth),
        title: m.strip ? '' : eth.name,
        tone: 'l2',
        up: eth.up,
        small: true,
      });
      const peer = byId.get(eth.peer ?? '');
      const chipBottom = chipTop + m.podChipH;
      // Rows above the first go down in the gutter beside their column.
      const wireX = row === 0 ? middle : x + m.cellW + m.cellGap / 2 - 2 + (row % 2) * 4;
      const down: (readonly [number, number])[] =
        row === 0
          ? [
              [middle, chipBottom],
              [middle, y.barTop],
            ]
          : [
              [middle, chipBottom],
              [middle, chipBottom + 6],
              [wireX, chipBottom + 6],
              [wireX, y.barTop],
            ];
      const points = down.map(([px, py]) => pointAt(frame, px, py));
      const end = points[points.length - 1] as Point;
      addPlace(draft, {
        id: eth.id,
        point: chip,
        item: eth.id,
        ...(peer === undefined ? {} : { up: { to: peer.id, from: chip, via: points.slice(1, -1), at: end } }),
      });
      if (peer !== undefined) {
        const onBar = pointAt(frame, wireX, y.barTop + m.barH / 2);
        const bridged = bridge !== undefined && peer.master === bridge.id;
        addPlace(draft, {
          id: peer.id,
          point: end,
          item: bridged ? bridge.id : hubId(rootId),
          up: { to: bridged ? bridge.id : hubId(rootId), from: end, via: [], at: onBar },
          ...(bridged ? {} : { side: 'chip' as const }),
        });
        draft.wires.push({
          id: `${eth.id}|${peer.id}`,
          kind: 'veth',
          tone: 'l2',
          points,
          curve: false,
          from: eth.id,
          to: bridged ? bridge.id : hubId(rootId),
          room: host.id,
          target: { kind: 'device', id: peer.id },
          spoken: `veth pair ${eth.name} of ${view.title} – ${peer.name} on ${host.name}`,
          ...(row === 0 && !m.strip
            ? {
                label: {
                  text: 'veth',
                  at: pointAt(frame, middle + 6, y.podBottom + m.podChipH / 2 + (y.barTop - y.podBottom - m.podChipH / 2) / 2 + (frame.flip ? -4 : 4)),
                  anchor: 'start' as const,
                },
              }
            : {}),
        });
      }
    }
    const programs = pointAt(frame, x + (m.strip ? m.cellW / 2 : 28), m.strip ? bottom - m.podH + 14 : bottom - (frame.flip ? 54 : 18));
    const stack = pointAt(frame, middle, bottom - (m.strip ? 12 : frame.flip ? 54 : 18));
    podPlaces(draft, frame, { ...pod, tile: false }, view.id, programs, stack, eth);
  }
}

function layoutTiles(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
  const { host } = input;
  const byId = new Map(input.rootDevices.map((device) => [device.id, device]));
  const w = tileWidth(m);
  const rows = rowsNeeded(input, m);
  const grid: (PodItem | undefined)[] = new Array(rows * m.tileColumns).fill(undefined);
  const columnsUsed = new Set<number>();
  for (const pod of input.pods) {
    const column = pod.slot % m.tileColumns;
    const row = Math.floor(pod.slot / m.tileColumns);
    const x = m.pad + column * (w + m.tileGap);
    const bottom = y.podBottom - row * (m.tileH + m.tileGap);
    const { view } = pod;
    columnsUsed.add(column);
    const item: PodItem = {
      kind: 'pod',
      id: view.id,
      rect: rectAt(frame, x, bottom - m.tileH, w, m.tileH),
      parent: host.id,
      target: view.objectKey === undefined ? { kind: 'netns', id: view.id } : { kind: 'object', key: view.objectKey },
      spoken: spokenPod(view, host),
      view,
      size: 'tile',
      flipped: frame.flip,
    };
    addItem(draft, item);
    grid[pod.slot] = item;
    const eth = uplinkOf(pod.devices);
    const point = pointAt(frame, x + w / 2, bottom - m.tileH / 2);
    const peer = byId.get(eth?.peer ?? '');
    const gutter = x + w + m.tileGap / 2;
    const end = pointAt(frame, gutter, y.barTop);
    if (eth !== undefined) {
      addPlace(draft, {
        id: eth.id,
        point,
        item: view.id,
        ...(peer === undefined ? {} : { up: { to: peer.id, from: point, via: [pointAt(frame, gutter, bottom - m.tileH / 2)], at: end } }),
      });
      if (peer !== undefined) {
        const to = bridge !== undefined && peer.master === bridge.id ? bridge.id : hubId(rootId);
        addPlace(draft, { id: peer.id, point: end, item: to, up: { to, from: end, via: [], at: pointAt(frame, gutter, y.barTop + m.barH / 2) } });
      }
    }
    podPlaces(draft, frame, { ...pod, tile: true }, view.id, point, point, eth);
  }
  const first = rectAt(frame, m.pad, y.podBottom - m.tileH, w, m.tileH);
  draft.tiles.push({
    room: host.id,
    origin: { x: first.x, y: first.y },
    columns: m.tileColumns,
    rows,
    pitchX: w + m.tileGap,
    pitchY: (frame.flip ? 1 : -1) * (m.tileH + m.tileGap),
    w,
    h: m.tileH,
    pods: grid,
  });
  const top = y.podBottom - (rows - 1) * (m.tileH + m.tileGap) - m.tileH / 2;
  for (const column of [...columnsUsed].sort((a, b) => a - b)) {
    const gutter = m.pad + column * (w + m.tileGap) + w + m.tileGap / 2;
    draft.wires.push({
      id: `${host.id}/veths/${column}`,
      kind: 'veth',
      tone: 'l2',
      points: [pointAt(frame, gutter, top), pointAt(frame, gutter, y.barTop)],
      curve: false,
      from: host.id,
      to: bridge?.id ?? hubId(rootId),
      room: host.id,
      target: undefined,
      spoken: '',
    });
  }
}
