/** The scene as React Flow's nodes and edges: rooms and boxes as nodes, what joins them as edges, and grips where a box can be dragged. */
import type { Edge, Node } from '@xyflow/react';
import { type Painted, paintAll } from './paint.ts';
import type { Item, Rect, Scene, Wire } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

export type SceneNode = Node<{ readonly rect: Rect; readonly painted: readonly Painted[] }, 'scene'>;
export type GripNode = Node<{ readonly title: string }, 'grip'>;
export type FlowNode = SceneNode | GripNode;
export type WireEdge = Edge<{ readonly painted: readonly Painted[] }, 'wire'>;

/** From back to front. */
const layer = { ground: -1, back: 0, virtual: 1, front: 2, cable: 3, grip: 4 } as const;

const HEAD_HEIGHT = 36;

/** Items that a person can move. */
export const isMovable = (item: Item): boolean => item.kind === 'room' || item.kind === 'service' || item.kind === 'outside';

function sceneNode(id: string, rect: Rect, painted: readonly Painted[], zIndex: number): SceneNode {
  return {
    id,
    type: 'scene',
    position: { x: rect.x, y: rect.y },
    data: { rect, painted },
    width: rect.w,
    height: rect.h,
    draggable: false,
    selectable: false,
    focusable: false,
    connectable: false,
    zIndex,
    style: { pointerEvents: 'none' },
  };
}

function gripNode(item: Item): GripNode {
  const { x, y, w, h } = item.rect;
  const head = item.kind === 'room' ? (item.flipped ? { y: y + h - HEAD_HEIGHT, h: HEAD_HEIGHT } : { y, h: HEAD_HEIGHT }) : { y, h };
  return {
    id: `grip:${item.id}`,
    type: 'grip',
    position: { x, y: head.y },
    data: { title: item.spoken },
    width: w,
    height: head.h,
    draggable: true,
    selectable: false,
    focusable: false,
    connectable: false,
    zIndex: layer.grip,
  };
}

/** The item of a grip node's id. */
export const itemIdOfGrip = (nodeId: string): string => nodeId.replace(/^grip:/, '');

/** The room or box that an edge may be tied to: the outermost item. */
function outermost(scene: Scene, id: string): string | undefined {
  let item = scene.itemById.get(id);
  while (item?.parent !== undefined) item = scene.itemById.get(item.parent);
  return item === undefined ? undefined : item.kind === 'room' ? `front:${item.id}` : `box:${item.id}`;
}

/** Frames lie below all that is in them. */
const boxNode = (item: Item): SceneNode => sceneNode(`box:${item.id}`, item.rect, paintAll([item], []), item.kind === 'frame' ? layer.ground : layer.front);

function wireEdge(scene: Scene, wire: Wire): WireEdge | undefined {
  const source = outermost(scene, wire.from);
  const target = outermost(scene, wire.to);
  if (source === undefined || target === undefined) return undefined;
  const zIndex = wire.kind === 'uplink' ? layer.cable : layer.virtual;
  return { id: wire.id, type: 'wire', source, target, data: { painted: paintAll([], [wire]) }, zIndex, focusable: false, selectable: false, deletable: false };
}

/** Rooms of a large world come and go while one looks around: what they look like is made once. */
const roomNodes = new WeakMap<Scene, Map<string, FlowNode[]>>();

function nodesOfTop(scene: Scene, item: Item): FlowNode[] {
  let known = roomNodes.get(scene);
  if (known === undefined) {
    known = new Map();
    roomNodes.set(scene, known);
  }
  const made = known.get(item.id);
  if (made !== undefined) return made;
  const nodes: FlowNode[] = [];
  if (item.kind === 'room') {
    const [, ...rest] = paintAll([item, ...(sceneIndex(scene).inside.get(item.id) ?? [])], wiresOf(scene).get(item.id) ?? []);
    nodes.push(sceneNode(`front:${item.id}`, item.rect, rest, layer.front));
  } else nodes.push(boxNode(item));
  if (isMovable(item)) nodes.push(gripNode(item));
  known.set(item.id, nodes);
  return nodes;
}

const roomWires = new WeakMap<Scene, ReadonlyMap<string, readonly Wire[]>>();

function wiresOf(scene: Scene): ReadonlyMap<string, readonly Wire[]> {
  const known = roomWires.get(scene);
  if (known !== undefined) return known;
  const made = new Map<string, Wire[]>();
  for (const wire of scene.wires) {
    if (wire.room === undefined) continue;
    const list = made.get(wire.room);
    if (list === undefined) made.set(wire.room, [wire]);
    else list.push(wire);
  }
  roomWires.set(scene, made);
  return made;
}

/** The part of a large world that is elements of the page: grounds, tiles and what joins rooms are drawn on canvas. */
export function flowOfMounted(scene: Scene, mounted: ReadonlySet<string>): { readonly nodes: FlowNode[]; readonly edges: WireEdge[] } {
  return { nodes: sceneIndex(scene).top.flatMap((item) => (mounted.has(item.id) ? nodesOfTop(scene, item) : [])), edges: [] };
}

/** Nodes and edges in reading order. Pods drawn as tiles are not among them; `grounds` says whether those of rooms are. */
export function flowOf(scene: Scene, grounds = true): { readonly nodes: FlowNode[]; readonly edges: WireEdge[] } {
  const rooms = new Map<string, { items: Item[]; wires: Wire[] }>();
  const roomOf = (item: Item): string | undefined => {
    let at: Item | undefined = item;
    while (at !== undefined && at.kind !== 'room') at = at.parent === undefined ? undefined : scene.itemById.get(at.parent);
    return at?.id;
  };
  const boxes: Item[] = [];
  for (const item of scene.items) {
    if (item.kind === 'pod' && item.size === 'tile') continue;
    const room = roomOf(item);
    if (room === undefined) boxes.push(item);
    else if (item.kind === 'room') rooms.set(room, { items: [item], wires: [] });
    else rooms.get(room)?.items.push(item);
  }
  const edges: WireEdge[] = [];
  for (const wire of scene.wires) {
    if (wire.room !== undefined) {
      rooms.get(wire.room)?.wires.push(wire);
      continue;
    }
    const edge = wireEdge(scene, wire);
    if (edge !== undefined) edges.push(edge);
  }
  const nodes: FlowNode[] = [];
  for (const [id, { items, wires }] of rooms) {
    const rect = (items[0] as Item).rect;
    const [ground, ...rest] = paintAll(items, wires);
    nodes.push(sceneNode(`back:${id}`, rect, ground === undefined || !grounds ? [] : [ground], layer.back), sceneNode(`front:${id}`, rect, rest, layer.front));
  }
  for (const item of boxes) nodes.push(boxNode(item));
  for (const item of scene.items) if (isMovable(item)) nodes.push(gripNode(item));
  return { nodes, edges };
}
