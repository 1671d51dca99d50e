/** Another order of the pods: by namespace or by the value of a label in rooms of their own above the nodes, or folded into one box; wires still lead to each pod's node. */
import type { NetnsView } from '../../../world/views.ts';
import type { Grouping } from '../../state/session.ts';
import { addItem, type Draft, type Frame, rectAt } from '../draft.ts';
import { spokenPod } from '../layout-pods.ts';
import { type Metrics, roomWidth, tileWidth } from '../metrics.ts';
import type { Arrangement, Plan } from '../plan.ts';
import { levels, type RoomInput } from '../room-plan.ts';
import type { PodItem } from '../scene.ts';
import { MAX_CARDS, MAX_CARDS_PER_ROOM } from '../slots.ts';
import { NodeEnds, placeOfPod } from './pod-ends.ts';

export const NO_LABEL = '(none)';
/** Rooms of groups; the pods of all others stand in one more. */
export const MAX_GROUPS = 120;
/** Wires of single pods are drawn up to here. */
const MAX_WIRES = 60;
const REST = '(others)';
const AIR = 54;

export interface Member {
  readonly view: NetnsView;
  readonly input: RoomInput;
  readonly pod: RoomInput['pods'][number];
}

export const groupOf = (view: NetnsView, grouping: Grouping): string =>
  grouping.by === 'node'
    ? view.hostId
    : grouping.by === 'namespace'
      ? (view.namespace ?? 'default')
      : Object.hasOwn(view.labels, grouping.key)
        ? (view.labels[grouping.key] ?? NO_LABEL)
        : NO_LABEL;

export const foldId = (group: string): string => `fold/${group}`;
export const roomIdOf = (group: string): string => `group/${group}`;

/** The group that an item stands for, if it is one that can be folded or unfolded. */
export function groupOfItem(id: string, by: Grouping['by'], kind: string): string | undefined {
  if (id.startsWith('fold/')) return id.slice('fold/'.length);
  if (kind !== 'room') return undefined;
  return id.startsWith('group/') ? id.slice('group/'.length) : by === 'node' ? id : undefined;
}

const readyWords = (members: readonly { readonly view: NetnsView }[]): string => {
  const ready = members.reduce((sum, { view }) => sum + (view.ready ? 1 : 0), 0);
  return `${members.length} ${members.length === 1 ? 'pod' : 'pods'}${ready === members.length ? '' : ` · ${ready} ready`}`;
};

/** Slots within a group, kept while a pod is there. */
class GroupSlots {
  readonly #slots = new Map<string, number>();

  assign(group: string, members: readonly Member[]): ReadonlyMap<string, number> {
    const slots = new Map<string, number>();
    const taken = new Set<number>();
    for (const { view } of members) {
      const known = this.#slots.get(`${group} ${view.id}`);
      if (known === undefined || known >= members.length * 2 + 8 || taken.has(known)) continue;
      slots.set(view.id, known);
      taken.add(known);
    }
    let next = 0;
    for (const { view } of members) {
      if (slots.has(view.id)) continue;
      while (taken.has(next)) next += 1;
      taken.add(next);
      slots.set(view.id, next);
    }
    for (const [id, slot] of slots) this.#slots.set(`${group} ${id}`, slot);
    return slots;
  }
}

interface Box {
  readonly group: string;
  readonly members: readonly Member[];
  readonly slots: ReadonlyMap<string, number>;
  readonly folded: boolean;
  readonly columns: number;
  readonly w: number;
  readonly h: number;
}

function boxOf(group: string, members: readonly Member[], slots: ReadonlyMap<string, number>, folded: boolean, tiles: boolean, m: Metrics): Box {
  const count = members.reduce((most, { view }) => Math.max(most, (slots.get(view.id) ?? 0) + 1), 1);
  if (folded) return { group, members, slots, folded, columns: 1, w: roomWidth(m) * 0.62, h: m.headerH + m.chipH + m.pad };
  const cell = tiles ? { w: tileWidth(m) + m.tileGap, h: m.tileH + m.tileGap } : { w: m.cellW + m.cellGap, h: m.podH + m.rowGap };
  const gap = tiles ? m.tileGap : m.cellGap;
  const columns = Math.max(2, Math.min(count, Math.ceil(Math.sqrt(count * (tiles ? 1.1 : 2.2)))));
  const rows = Math.ceil(count / columns);
  return {
    group,
    members,
    slots,
    folded,
    columns,
    w: Math.max(roomWidth(m) * 0.5, 2 * m.pad + columns * cell.w - gap),
    h: m.headerH + rows * cell.h + (tiles ? m.pad - m.tileGap : m.pad / 2),
  };
}

export class PodGroups implements Arrangement {
  readonly #grouping: Grouping;
  readonly #folded: ReadonlySet<string>;
  readonly #slots: GroupSlots;

  /** `before`: the arrangement that this one follows; pods keep their slots. */
  constructor(grouping: Grouping, before?: PodGroups) {
    this.#grouping = grouping;
    this.#folded = new Set(grouping.folded);
    this.#slots = before !== undefined && before.#grouping.by === grouping.by && before.#grouping.key === grouping.key ? before.#slots : new GroupSlots();
  }

  take(inputs: readonly RoomInput[], m: Metrics): ReturnType<Arrangement['take']> {
    if (this.#grouping.by === 'node') return this.#foldNodes(inputs, m);
    const groups = new Map<string, Member[]>();
    for (const input of inputs)
      for (const pod of input.pods) {
        const name = groupOf(pod.view, this.#grouping);
        const group = groups.has(name) || groups.size < MAX_GROUPS ? name : REST;
        const member = { view: pod.view, input, pod };
        const list = groups.get(group);
        if (list === undefined) groups.set(group, [member]);
        else list.push(member);
      }
    const open = [...groups].filter(([group]) => !this.#folded.has(group));
    const shown = open.reduce((sum, [, members]) => sum + members.length, 0);
    const tiles = shown > MAX_CARDS || open.some(([, members]) => members.length > 2 * MAX_CARDS_PER_ROOM);
    const boxes = [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([group, members]) => boxOf(group, members, this.#slots.assign(group, members), this.#folded.has(group), tiles, m));
    return {
      inputs: inputs.map((input) => ({ ...input, pods: [], elsewhere: input.pods, folded: 0, tiles: false, rows: 0 })),
      layout: (draft, plan) => layoutBoxes(draft, plan, boxes, tiles, shown <= MAX_WIRES),
    };
  }

  #foldNodes(inputs: readonly RoomInput[], m: Metrics): ReturnType<Arrangement['take']> {
    const folded = inputs.filter((input) => this.#folded.has(input.host.id) && input.pods.length > 0);
    return {
      inputs: inputs.map((input) => (folded.includes(input) ? { ...input, pods: [], elsewhere: input.pods, tiles: false, rows: 1 } : input)),
      layout: (draft, plan) => {
        for (const input of folded) {
          const frame = plan.frames.get(input.host.id);
          const row = plan.rowPlans.find((one) => one.inputs.some((other) => other.host.id === input.host.id));
          if (frame === undefined || row === undefined) continue;
          const y = levels(m, row.chipRows);
          const rect = rectAt(frame, m.pad, y.podBottom - m.podH + 8, roomWidth(m) - 2 * m.pad, m.podH - 16);
          const members = input.pods.map((pod) => ({ view: pod.view, input, pod }));
          addFold(draft, input.host.id, rect, input.host.id, readyWords(members), `Folded pods of ${input.host.name}`);
          placeFolded(draft, plan, input.host.id, members);
        }
        return 0;
      },
    };
  }
}

function addFold(draft: Draft, group: string, rect: PodItem['rect'], parent: string, title: string, spoken: string): void {
  addItem(draft, { kind: 'fold', id: foldId(group), rect, parent, target: undefined, spoken: `${spoken}: ${title}. Enter unfolds them`, title });
}

function placeFolded(draft: Draft, plan: Plan, group: string, members: readonly Member[]): void {
  const ends = new NodeEnds(draft, plan);
  const rect = draft.itemById.get(foldId(group))?.rect ?? { x: 0, y: 0, w: 0, h: 0 };
  const middle = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
  for (const member of members) placeOfPod(draft, ends, member, foldId(group), middle, { x: middle.x, y: rect.y + rect.h }, true);
}

/** In rows from the roofs of the nodes upwards; returns their height. */
function layoutBoxes(draft: Draft, plan: Plan, boxes: readonly Box[], tiles: boolean, wires: boolean): number {
  const { m } = plan;
  const top = plan.rowPlans[0];
  const roof = (top?.bottomY ?? 0) - (top?.height ?? 0);
  const area = boxes.reduce((sum, box) => sum + (box.w + m.roomGap) * (box.h + m.roomGap), 0);
  const across = Math.max((top?.inputs.length ?? 1) * (roomWidth(m) + m.roomGap), Math.sqrt(area * 2.4), ...boxes.map((box) => box.w));
  const rows: Box[][] = [[]];
  let used = 0;
  for (const box of boxes) {
    if (used > 0 && used + box.w > across) {
      rows.push([]);
      used = 0;
    }
    (rows[rows.length - 1] as Box[]).push(box);
    used += box.w + m.roomGap;
  }
  const ends = new NodeEnds(draft, plan);
  let bottom = roof - AIR;
  for (const row of rows.reverse()) {
    let x = 0;
    for (const box of row) {
      const [dx, dy] = plan.offset(roomIdOf(box.group));
      layoutBox(draft, plan, ends, box, { dx: x + dx, dy: bottom + dy, flip: false }, tiles, wires);
      x += box.w + m.roomGap;
    }
    bottom -= row.reduce((most, box) => Math.max(most, box.h), 0) + m.roomGap;
  }
  return roof - bottom - m.roomGap;
}

function layoutBox(draft: Draft, plan: Plan, ends: NodeEnds, box: Box, frame: Frame, tiles: boolean, wires: boolean): void {
  const { m } = plan;
  const { group, members, slots, folded, columns } = box;
  const id = roomIdOf(group);
  addItem(draft, {
    kind: 'room',
    id,
    rect: rectAt(frame, 0, -box.h, box.w, box.h),
    parent: undefined,
    target: undefined,
    spoken: `Group ${group}, ${readyWords(members)}${folded ? ', folded' : ''}`,
    title: group,
    ip: folded ? '' : readyWords(members),
    ready: true,
    podCount: members.length,
    folded: 0,
    objectKey: undefined,
    flipped: false,
  });
  if (folded) {
    addFold(draft, group, rectAt(frame, m.pad, -m.pad - m.chipH, box.w - 2 * m.pad, m.chipH), id, readyWords(members), `Folded pods of ${group}`);
    placeFolded(draft, plan, group, members);
    return;
  }
  const w = tiles ? tileWidth(m) : m.cellW;
  const h = tiles ? m.tileH : m.podH;
  const pitchX = w + (tiles ? m.tileGap : m.cellGap);
  const pitchY = h + (tiles ? m.tileGap : m.rowGap);
  const top = -box.h + m.headerH;
  const rows = Math.ceil(members.reduce((most, { view }) => Math.max(most, (slots.get(view.id) ?? 0) + 1), 1) / columns);
  const grid: (PodItem | undefined)[] = new Array(rows * columns).fill(undefined);
  for (const member of members) {
    const { view, input } = member;
    const slot = slots.get(view.id) ?? 0;
    const rect = rectAt(frame, m.pad + (slot % columns) * pitchX, top + Math.floor(slot / columns) * pitchY, w, h);
    const item: PodItem = {
      kind: 'pod',
      id: view.id,
      rect,
      parent: id,
      target: view.objectKey === undefined ? { kind: 'netns', id: view.id } : { kind: 'object', key: view.objectKey },
      spoken: spokenPod(view, input.host),
      view,
      size: tiles ? 'tile' : m.strip ? 'small' : 'card',
      flipped: false,
    };
    addItem(draft, item);
    grid[slot] = item;
    const middle = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
    placeOfPod(draft, ends, member, view.id, middle, { x: middle.x, y: rect.y + rect.h }, tiles, wires ? id : undefined);
  }
  if (!tiles) return;
  const first = rectAt(frame, m.pad, top, w, h);
  draft.tiles.push({ room: id, origin: { x: first.x, y: first.y }, columns, rows, pitchX, pitchY, w, h, pods: grid });
}
