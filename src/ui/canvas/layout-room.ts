/** Lays out one node as a room: pods above their bridge, the kernel's hooks below it, devices at the edge; linear in its pods and devices. */
import type { DeviceView } from '../../world/views.ts';
import { addItem, addPlace, type Draft, type Frame, pointAt, rectAt } from './draft.ts';
import { kernelGates, layoutKernel } from './layout-kernel.ts';
import { layoutPods, layoutTiles, placeTiles } from './layout-pods.ts';
import { chipWidth, chipX, type Metrics, roomWidth } from './metrics.ts';
import { aside, chipsOf, hubId, type Levels, levels, mainBridge, type RoomInput, roomHeight, spokenDevice } from './room-plan.ts';
import type { Tone } from './scene.ts';

const TUNNELS: ReadonlySet<DeviceView['type']> = new Set(['vxlan', 'geneve', 'ipip', 'wireguard', 'tun']);
const toneOf = (device: DeviceView): Tone => (TUNNELS.has(device.type) ? 'tun' : device.type === 'loopback' || device.type === 'dummy' ? 'mute' : 'l2');

/** Kinds that a reader may not guess from the name are said. */
const SAID: ReadonlySet<DeviceView['type']> = new Set(['geneve', 'ipip', 'wireguard', 'tun', 'dummy', 'vlan']);
/** Letters that a chip has room for: a name is never cut for the sake of its kind. */
const CHIP_LETTERS = 14;
function chipTitle(device: DeviceView): string {
  const both = `${device.name} ${device.type}`;
  return SAID.has(device.type) && !device.name.includes(device.type) && both.length <= CHIP_LETTERS ? both : device.name;
}

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
  const placeOthers = () => {
    for (const device of input.rootDevices) {
      const place = draft.places.get(rootId);
      if (!draft.places.has(device.id) && place !== undefined) addPlace(draft, { ...place, id: device.id });
    }
  };
  if (input.tiles) {
    layoutTiles(draft, input, m, frame, y, bridge, rootId);
    draft.places.later(host.id, () => {
      placeTiles(draft, input, m, frame, y, bridge, rootId);
      placeOthers();
    });
    return;
  }
  layoutPods(draft, input, m, frame, y, bridge, rootId);
  placeOthers();
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
  const ends = kernelGates(m);
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
      title: chipTitle(device),
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
