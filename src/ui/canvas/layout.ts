/** From topology to scene: rooms side by side above their underlay, Services above, tunnels below. Pure, deterministic, linear; slots keep boxes where they were. */
import type { Topology } from '../../world/views.ts';
import { drain, type Work } from '../state/work.ts';
import { type Draft, type Frame, newDraft } from './draft.ts';
import { clustersOf, layoutClusters } from './layout-clusters.ts';
import { layoutOutside } from './layout-outside.ts';
import { layoutRoom } from './layout-room.ts';
import { layoutServices } from './layout-services.ts';
import { layoutTunnels } from './layout-tunnels.ts';
import { compactMetrics, fullMetrics, type Metrics, roomWidth } from './metrics.ts';
import type { Arrangement, Plan, RowPlan } from './plan.ts';
import { chipRowsNeeded, type RoomInput, roomHeight, rowsNeeded } from './room-plan.ts';
import { type Item, type Scene, unite } from './scene.ts';
import { assignSlots, type Slots } from './slots.ts';

export interface LayoutOptions {
  readonly density: 'full' | 'compact';
  /** Column: two nodes stand above each other, the lower one upside down, for tall screens. Ignored with another number of nodes. */
  readonly direction: 'row' | 'column';
  readonly slots?: Slots;
  /** Boxes a person has moved, by item id. */
  readonly positions?: Readonly<Record<string, readonly [number, number]>>;
  /** Where a node's pods do not fit into one row only these (netns ids) are sure to be drawn; the room says how many more there are. */
  readonly show?: ReadonlySet<string>;
  /** Only these Services (object keys) are drawn. */
  readonly showServices?: ReadonlySet<string>;
  readonly arrangement?: Arrangement;
}

/** More nodes than this stand in several rows. */
const MAX_IN_ROW = 4;

function groupBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [item]);
    else group.push(item);
  }
  return groups;
}

type Pods = RoomInput['pods'];

/** Those to show, and others until a row is full; slots close up, so that a small picture has no holes. */
function aRow(all: Pods, show: ReadonlySet<string>, columns: number): Pods {
  const wanted = all.filter((pod) => show.has(pod.view.id));
  const others = all.filter((pod) => !show.has(pod.view.id)).sort((a, b) => a.slot - b.slot);
  const chosen = [...wanted, ...others.slice(0, Math.max(0, columns - wanted.length))];
  return chosen.sort((a, b) => a.slot - b.slot).map((pod, slot) => ({ ...pod, slot }));
}

function roomInputs(topology: Topology, slots: Slots, show: ReadonlySet<string> | undefined, m: Metrics): RoomInput[] {
  const netnses = groupBy(topology.netnses, (netns) => netns.hostId);
  const devices = groupBy(topology.devices, (device) => device.netns);
  return topology.hosts
    .filter((host) => host.role === 'node')
    .map((host) => {
      const own = netnses.get(host.id) ?? [];
      const root = own.find((netns) => netns.type === 'root');
      const all = own
        .filter((netns) => netns.type === 'pod')
        .map((view) => ({ view, slot: slots.pods.get(view.id) ?? 0, devices: devices.get(view.id) ?? [] }));
      const pods = show === undefined ? all : aRow(all, show, m.columns);
      return {
        host,
        root,
        rootDevices: root === undefined ? [] : (devices.get(root.id) ?? []),
        pods,
        folded: all.length - pods.length,
        tiles: show === undefined && slots.tiles,
      };
    });
}

function makePlan(inputs: readonly RoomInput[], m: Metrics, options: LayoutOptions, tunnels: number): Plan {
  const direction = options.direction === 'column' && inputs.length === 2 ? 'column' : 'row';
  const perRow =
    direction === 'column'
      ? 1
      : inputs.length <= MAX_IN_ROW
        ? Math.max(1, inputs.length)
        : Math.ceil(Math.sqrt((inputs.some((input) => input.tiles) ? 3.2 : 2.2) * inputs.length));
  const zoneH = direction === 'column' ? 34 : m.tunnelH + (tunnels > 2 ? 16 : 0);
  const positions = options.positions ?? {};
  const offset = (id: string): readonly [number, number] => (Object.hasOwn(positions, id) ? (positions[id] ?? [0, 0]) : [0, 0]);
  const groups: RoomInput[][] = [];
  for (let i = 0; i < inputs.length; i += perRow) groups.push(inputs.slice(i, i + perRow));
  const frames = new Map<string, Frame>();
  const rowPlans: RowPlan[] = [];
  // From the last row upwards, so that a growing room pushes only what is above it.
  let bottomY = 0;
  for (const group of [...groups].reverse()) {
    const rows = group.reduce((most, input) => Math.max(most, rowsNeeded(input, m)), group.every((input) => input.rows === 0) ? 0 : 1);
    const chipRows = group.reduce((most, input) => Math.max(most, chipRowsNeeded(input, m)), 1);
    const height = group.reduce((most, input) => Math.max(most, roomHeight(m, input.rows ?? rows, chipRows, input.tiles)), 0);
    rowPlans.unshift({ inputs: group, rows, chipRows, height, bottomY });
    bottomY -= height + zoneH + m.underlayH + 40;
  }
  if (direction === 'column') {
    // The first node above the underlay, the second hangs below it.
    const [upper, lower] = rowPlans.map((row) => ({ ...row, bottomY: 0 })) as [RowPlan, RowPlan];
    rowPlans[0] = upper;
    rowPlans[1] = lower;
    const lowerTop = zoneH + m.underlayH + zoneH + m.outsideH;
    place(frames, upper, { ...offsetFrame(upper, 0, offset), dy: 0 + offset(upper.inputs[0]?.host.id ?? '')[1], flip: false });
    place(frames, lower, { ...offsetFrame(lower, 0, offset), dy: lowerTop + offset(lower.inputs[0]?.host.id ?? '')[1], flip: true });
  } else {
    for (const row of rowPlans) {
      row.inputs.forEach((input, index) => {
        const [dx, dy] = offset(input.host.id);
        frames.set(input.host.id, { dx: index * (roomWidth(m) + m.roomGap) + dx, dy: row.bottomY + dy, flip: false });
      });
    }
  }
  return { m, direction, perRow, rowPlans, frames, offset, zoneH, lift: 0 };
}

function offsetFrame(row: RowPlan, x: number, offset: Plan['offset']): { readonly dx: number } {
  return { dx: x + offset(row.inputs[0]?.host.id ?? '')[0] };
}

function place(frames: Map<string, Frame>, row: RowPlan, frame: Frame): void {
  const id = row.inputs[0]?.host.id;
  if (id !== undefined) frames.set(id, frame);
}

const depth: Readonly<Record<Item['kind'], number>> = { frame: 0, room: 1, kernel: 2, bar: 3, pod: 3, pill: 4, chip: 5, service: 6, outside: 6, fold: 6 };

/** O(hosts + pods + devices + services + endpoints); may be interrupted after each row of rooms. */
export function* layingOut(topology: Topology, options: LayoutOptions): Work<Scene> {
  const slots = options.slots ?? assignSlots(topology);
  const clusters = clustersOf(topology);
  const draft =
    clusters.length < 2
      ? yield* layOut(topology, options, slots)
      : yield* layoutClusters(topology, clusters, options.direction, (part) => layOut(part, { ...options, direction: 'row' }, slots));
  yield;
  const layers: Item[][] = Array.from({ length: 7 }, () => []);
  for (const item of draft.items) layers[depth[item.kind]]?.push(item);
  const items = layers.flat();
  const rects = items.filter((item) => item.parent === undefined).map((item) => item.rect);
  const isColumn = options.direction === 'column' && (clusters.length > 1 || topology.hosts.filter((host) => host.role === 'node').length === 2);
  return {
    density: options.density,
    direction: isColumn ? 'column' : 'row',
    bounds: unite(rects),
    items,
    wires: draft.wires,
    tiles: draft.tiles,
    itemById: draft.itemById,
    places: draft.places,
    itemByIp: draft.itemByIp,
  };
}

/** All boxes and wires of one cluster. */
function* layOut(topology: Topology, options: LayoutOptions, slots: Slots): Work<Draft> {
  const m = options.density === 'full' ? fullMetrics : compactMetrics;
  const own = roomInputs(topology, slots, options.show, m);
  yield;
  const arranged = options.arrangement?.take(own, m);
  const inputs = arranged?.inputs ?? own;
  const draft: Draft = newDraft();
  const plan = makePlan(inputs, m, options, inputs.length);
  for (const row of plan.rowPlans) {
    for (const input of row.inputs) layoutRoom(draft, input, m, plan.frames.get(input.host.id) as Frame, input.rows ?? row.rows, row.chipRows);
    yield;
  }
  const lift = arranged?.layout(draft, plan) ?? 0;
  layoutOutside(draft, topology, plan);
  yield;
  layoutTunnels(draft, topology, plan);
  yield;
  const services = options.showServices;
  layoutServices(
    draft,
    services === undefined ? topology.services : topology.services.filter((service) => services.has(service.objectKey)),
    { ...plan, lift },
    slots,
    services !== undefined,
  );
  return draft;
}

/** The same at once. */
export const buildScene = (topology: Topology, options: LayoutOptions): Scene => drain(layingOut(topology, options));
