/** Several clusters: each is laid out by itself, then they stand beside or above each other in frames, and lines join their routers. */
import type { DeviceView, ServiceView, Topology } from '../../world/views.ts';
import type { Work } from '../state/work.ts';
import { addItem, addPlace, type Draft, newDraft } from './draft.ts';
import type { Item, Place, Point, Rect, Wire } from './scene.ts';
import { shift, unite } from './scene.ts';

/** Air around what is in a frame, and above it, where its name stands. */
const PAD = 18;
const HEAD = 36;
/** Between two frames: the lines have their words there. */
const GUTTER = 44;

/** In the order of the first machine of each; fewer than two: nobody speaks of clusters. */
export function clustersOf(topology: Topology): readonly string[] {
  return [...new Set(topology.hosts.flatMap((host) => host.cluster ?? []))];
}

/** Objects of further clusters have their cluster's name behind an `@`. */
export function clusterOfService(service: ServiceView, clusters: readonly string[]): string {
  const name = service.objectKey.slice(service.objectKey.lastIndexOf('@') + 1);
  return service.objectKey.includes('@') && clusters.includes(name) ? name : (clusters[0] ?? '');
}

const hostOf = (netns: string): string => netns.slice(0, Math.max(0, netns.indexOf('/')));

export function topologyOf(topology: Topology, cluster: string, clusters: readonly string[]): Topology {
  const hosts = topology.hosts.filter((host) => host.cluster === cluster);
  const own = new Set(hosts.map((host) => host.id));
  return {
    ...topology,
    hosts,
    netnses: topology.netnses.filter((netns) => own.has(netns.hostId)),
    devices: topology.devices.filter((device) => own.has(hostOf(device.netns))),
    services: topology.services.filter((service) => clusterOfService(service, clusters) === cluster),
  };
}

const movePoint = (point: Point, dx: number, dy: number): Point => ({ x: point.x + dx, y: point.y + dy });

function movePlace(place: Place, dx: number, dy: number): Place {
  const { bar, hub, up } = place;
  return {
    ...place,
    point: movePoint(place.point, dx, dy),
    ...(bar === undefined ? {} : { bar: { x0: bar.x0 + dx, x1: bar.x1 + dx, trunkX: bar.trunkX + dx } }),
    ...(hub === undefined ? {} : { hub: { gapY: hub.gapY + dy, edgeY: hub.edgeY + dy } }),
    ...(up === undefined
      ? {}
      : { up: { ...up, from: movePoint(up.from, dx, dy), via: up.via.map((one) => movePoint(one, dx, dy)), at: movePoint(up.at, dx, dy) } }),
  };
}

function moveWire(wire: Wire, dx: number, dy: number): Wire {
  const { label } = wire;
  return {
    ...wire,
    points: wire.points.map((one) => movePoint(one, dx, dy)),
    ...(label === undefined ? {} : { label: { ...label, at: movePoint(label.at, dx, dy) } }),
  };
}

function merge(into: Draft, part: Draft, dx: number, dy: number): void {
  for (const item of part.items) addItem(into, { ...item, rect: shift(item.rect, dx, dy) } as Item);
  for (const wire of part.wires) into.wires.push(moveWire(wire, dx, dy));
  for (const tiles of part.tiles)
    into.tiles.push({
      ...tiles,
      origin: movePoint(tiles.origin, dx, dy),
      pods: tiles.pods.map((pod) => (pod === undefined ? undefined : { ...pod, rect: shift(pod.rect, dx, dy) })),
    });
  part.places.makeAll();
  for (const place of part.places.values()) addPlace(into, movePlace(place, dx, dy));
  for (const [ip, item] of part.itemByIp) if (!into.itemByIp.has(ip)) into.itemByIp.set(ip, item);
}

const boundsOf = (draft: Draft): Rect => unite(draft.items.filter((item) => item.parent === undefined).map((item) => item.rect));

/** Lays out each cluster with `one`, and joins them. */
export function* layoutClusters(
  topology: Topology,
  clusters: readonly string[],
  direction: 'row' | 'column',
  one: (part: Topology) => Work<Draft>,
): Work<Draft> {
  const draft = newDraft();
  const parts: { readonly cluster: string; readonly draft: Draft }[] = [];
  for (const cluster of clusters) parts.push({ cluster, draft: yield* one(topologyOf(topology, cluster, clusters)) });
  const sizes = parts.map((part) => boundsOf(part.draft));
  // Frames of a row are of one height, those of a column of one width.
  const [w, h] = [Math.max(...sizes.map((size) => size.w)), Math.max(...sizes.map((size) => size.h))];
  let at = 0;
  parts.forEach((part, index) => {
    const size = sizes[index] as Rect;
    const frame: Rect = direction === 'row' ? { x: at, y: 0, w: size.w + 2 * PAD, h: h + HEAD + PAD } : { x: 0, y: at, w: w + 2 * PAD, h: size.h + HEAD + PAD };
    at += (direction === 'row' ? frame.w : frame.h) + GUTTER;
    const pods = part.draft.items.filter((item) => item.kind === 'pod').length;
    addItem(draft, {
      kind: 'frame',
      id: `cluster ${part.cluster}`,
      rect: frame,
      parent: undefined,
      target: undefined,
      spoken: `Cluster ${part.cluster}, ${pods} pods`,
      title: part.cluster,
    });
    // What is lowest stands on the frame's floor, so that underlays align.
    merge(draft, part.draft, frame.x + PAD - size.x, frame.y + frame.h - PAD - (size.y + size.h));
  });
  lines(draft, topology, direction);
  return draft;
}

/** A cable from router to router, below the frames where they stand in a row, to their right where they stand above each other. */
function lines(draft: Draft, topology: Topology, direction: 'row' | 'column'): void {
  const routers = new Map(
    topology.hosts.flatMap((host) => (host.role === 'router' && host.cluster !== undefined ? [[host.id, draft.itemById.get(host.id)] as const] : [])),
  );
  const cards = new Map<string, DeviceView>();
  for (const device of topology.devices) if (routers.has(hostOf(device.netns))) cards.set(device.id, device);
  const beyond = Math.max(...draft.items.map(({ rect }) => (direction === 'row' ? rect.y + rect.h : rect.x + rect.w))) + 20;
  let number = 0;
  for (const card of cards.values()) {
    const peer = card.peer === undefined ? undefined : cards.get(card.peer);
    const [a, b] = [routers.get(hostOf(card.netns)), peer === undefined ? undefined : routers.get(hostOf(peer.netns))];
    // Each line has two cards: it is drawn from the one that came first.
    if (peer === undefined || a === undefined || b === undefined || [...routers.keys()].indexOf(a.id) > [...routers.keys()].indexOf(b.id)) continue;
    const step = number * 14;
    number += 1;
    const isRow = direction === 'row';
    const [start, end] = isRow ? [bottom(a.rect, 24 + step), bottom(b.rect, 24 + step)] : [side(a.rect, step / 2), side(b.rect, step / 2)];
    const level = beyond + step;
    const via: readonly Point[] = [start, end].map((one) => (isRow ? { x: one.x, y: level } : { x: level, y: one.y }));
    place(draft, card.netns, card.id, a, start, undefined);
    place(draft, peer.netns, peer.id, b, end, { to: card.id, from: end, via: [...via].reverse(), at: start });
    draft.wires.push({
      id: `${card.id}|${peer.id}`,
      kind: 'uplink',
      tone: 'l2',
      points: [start, ...via, end],
      curve: false,
      from: a.id,
      to: b.id,
      room: undefined,
      target: { kind: 'device', id: card.id },
      spoken: `line from ${a.id} to ${b.id}`,
    });
  }
}

const side = (rect: Rect, inset: number): Point => ({ x: rect.x + rect.w, y: rect.y + rect.h / 2 + inset });
const bottom = (rect: Rect, inset: number): Point => ({ x: rect.x + rect.w - inset, y: rect.y + rect.h });

function place(draft: Draft, netns: string, id: string, item: Item, point: Point, up: Place['up']): void {
  const middle = draft.places.get(netns)?.point ?? point;
  addPlace(draft, { id, point, item: item.id, up: up ?? { to: netns, from: point, via: [], at: middle } });
}
