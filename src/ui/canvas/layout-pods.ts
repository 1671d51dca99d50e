/** Lays out a node's pods with their wires to the bridge: cards that can be read, or tiles when they are many. */
import type { DeviceView, HostView, NetnsView } from '../../world/views.ts';
import { addItem, addPlace, type Draft, type Frame, pointAt, rectAt } from './draft.ts';
import { impairedLabel, spokenImpairment } from './impaired.ts';
import { columnX, type Metrics, tileWidth } from './metrics.ts';
import { aside, hubId, type Levels, type RoomInput, rowsNeeded, spokenDevice } from './room-plan.ts';
import type { PodItem, Point } from './scene.ts';

export const spokenPod = (view: NetnsView, host: HostView): string =>
  `Pod ${view.title} in namespace ${view.namespace ?? 'default'}, ${view.ip === '' ? 'no address' : view.ip}, ${view.ready && view.status === undefined ? 'ready' : (view.status ?? view.phase ?? 'not ready')}${(view.restarts ?? 0) === 0 ? '' : `, ${view.restarts} ${view.restarts === 1 ? 'restart' : 'restarts'}`}, on ${host.name}`;

/** Places of a pod's netns: its programs, its own kernel (all hooks in one), and loopback. */
export function podPlaces(
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

export const uplinkOf = (devices: readonly DeviceView[]): DeviceView | undefined =>
  devices.find((device) => device.type === 'veth' && device.peer !== undefined);

export function layoutPods(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
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
      const bridged = bridge !== undefined && peer?.master === bridge.id;
      // Without a bridge (kindnet, Cilium) the wire ends in the node's own kernel.
      const wireEnd = bridged ? y.barTop : y.kernelTop;
      // Rows above the first go down in the gutter beside their column.
      const wireX = row === 0 ? middle : x + m.cellW + m.cellGap / 2 - 2 + (row % 2) * 4;
      const down: (readonly [number, number])[] =
        row === 0
          ? [
              [middle, chipBottom],
              [middle, wireEnd],
            ]
          : [
              [middle, chipBottom],
              [middle, chipBottom + 6],
              [wireX, chipBottom + 6],
              [wireX, wireEnd],
            ];
      const points = down.map(([px, py]) => pointAt(frame, px, py));
      const end = points[points.length - 1] as Point;
      addPlace(draft, {
        id: eth.id,
        point: chip,
        item: eth.id,
        rest: aside(frame, m.strip ? 15 : 20),
        ...(peer === undefined ? {} : { up: { to: peer.id, from: chip, via: points.slice(1, -1), at: end } }),
      });
      if (peer !== undefined) {
        const onBar = bridged ? pointAt(frame, wireX, y.barTop + m.barH / 2) : end;
        addPlace(draft, {
          id: peer.id,
          point: end,
          item: bridged ? bridge.id : hubId(rootId),
          rest: aside(frame, -13),
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
          spoken: `veth pair ${eth.name} of ${view.title} – ${peer.name} on ${host.name}${spokenImpairment(eth, peer)}`,
          ...impairedLabel([eth, peer], points[0] as Point, end),
          ...(row === 0 && !m.strip && eth.impaired === undefined && peer.impaired === undefined
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

export function layoutTiles(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
  const { host } = input;
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
    if (view.ip !== '') draft.itemByIp.set(view.ip, view.id);
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
      points: [pointAt(frame, gutter, top), pointAt(frame, gutter, bridge === undefined ? y.kernelTop : y.barTop)],
      curve: false,
      from: host.id,
      to: bridge?.id ?? hubId(rootId),
      room: host.id,
      target: undefined,
      spoken: '',
    });
  }
}

/** The places of pods that are tiles. */
export function placeTiles(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, bridge: DeviceView | undefined, rootId: string): void {
  const byId = new Map(input.rootDevices.map((device) => [device.id, device]));
  const w = tileWidth(m);
  for (const pod of input.pods) {
    const x = m.pad + (pod.slot % m.tileColumns) * (w + m.tileGap);
    const bottom = y.podBottom - Math.floor(pod.slot / m.tileColumns) * (m.tileH + m.tileGap);
    const { view } = pod;
    const eth = uplinkOf(pod.devices);
    const point = pointAt(frame, x + w / 2, bottom - m.tileH / 2);
    const peer = byId.get(eth?.peer ?? '');
    const gutter = x + w + m.tileGap / 2;
    const end = pointAt(frame, gutter, bridge === undefined ? y.kernelTop : y.barTop);
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
}
