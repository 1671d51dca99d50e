/** Which slot each pod and each service has: once given it is kept, so that an edit moves nothing else. */
import type { Topology } from '../../world/views.ts';
import { clusterOfService, clustersOf } from './layout-clusters.ts';

export interface Slots {
  /** Netns id of a pod to its slot within its host, from 0. */
  readonly pods: ReadonlyMap<string, number>;
  /** Object key of a Service to a host id and a slot above it, from 0. */
  readonly services: ReadonlyMap<string, { readonly host: string; readonly slot: number }>;
  /** Pods are tiles; once set it stays until the fullest room is well below the limit. */
  readonly tiles: boolean;
}

export const noSlots: Slots = { pods: new Map(), services: new Map(), tiles: false };

/** Pods that can be read, in one room and in all; above it they become tiles. */
export const MAX_CARDS_PER_ROOM = 12;
export const MAX_CARDS = 150;
export const MAX_SERVICES = 48;
/** With more nodes Services do not stand above their first endpoint. */
const MAX_NODES_TO_STAND_ABOVE = 8;

class FreeList {
  readonly #taken = new Set<number>();
  #next = 0;

  take(slot: number): boolean {
    if (this.#taken.has(slot)) return false;
    this.#taken.add(slot);
    return true;
  }

  /** The lowest free one. */
  give(): number {
    while (this.#taken.has(this.#next)) this.#next += 1;
    this.#taken.add(this.#next);
    return this.#next;
  }
}

function listOf(lists: Map<string, FreeList>, key: string): FreeList {
  const found = lists.get(key);
  if (found !== undefined) return found;
  const made = new FreeList();
  lists.set(key, made);
  return made;
}

/** Slots for this topology: those of `previous` where they still hold, the lowest free ones for what is new. O(pods + services). */
export function assignSlots(topology: Topology, previous: Slots = noSlots): Slots {
  const pods = new Map<string, number>();
  const lists = new Map<string, FreeList>();
  const podNetnses = topology.netnses.filter((netns) => netns.type === 'pod');
  const perHost = new Map<string, number>();
  for (const netns of podNetnses) {
    perHost.set(netns.hostId, (perHost.get(netns.hostId) ?? 0) + 1);
    const slot = previous.pods.get(netns.id);
    if (slot !== undefined && listOf(lists, netns.hostId).take(slot)) pods.set(netns.id, slot);
  }
  for (const netns of podNetnses) if (!pods.has(netns.id)) pods.set(netns.id, listOf(lists, netns.hostId).give());

  const hostOf = new Map(podNetnses.map((netns) => [netns.id, netns.hostId]));
  const nodes = topology.hosts.filter((host) => host.role === 'node').map((host) => host.id);
  const known = new Set(nodes);
  const clusters = clustersOf(topology);
  const clusterOfNode = new Map(topology.hosts.map((host) => [host.id, host.cluster]));
  const services = new Map<string, { host: string; slot: number }>();
  const above = new Map<string, FreeList>();
  const shown = topology.services.slice(0, MAX_SERVICES);
  for (const service of shown) {
    const kept = previous.services.get(service.objectKey);
    if (kept !== undefined && known.has(kept.host) && listOf(above, kept.host).take(kept.slot)) services.set(service.objectKey, kept);
  }
  // In a large world a Service has endpoints nearly everywhere: there they spread over the first nodes, instead of towering above one.
  const spread = nodes.length > MAX_NODES_TO_STAND_ABOVE ? nodes.slice(0, Math.ceil(Math.sqrt(2 * nodes.length))) : undefined;
  const counts = new Map<string, number>();
  for (const { host } of services.values()) counts.set(host, (counts.get(host) ?? 0) + 1);
  for (const service of shown) {
    if (services.has(service.objectKey)) continue;
    // A Service of several clusters stands above its own one.
    const own = clusters.length < 2 ? known : new Set(nodes.filter((one) => clusterOfNode.get(one) === clusterOfService(service, clusters)));
    const near = service.endpoints.map((netns) => hostOf.get(netns)).find((one) => one !== undefined && own.has(one)) ?? [...own][0] ?? '';
    const host = spread?.reduce((a, b) => ((counts.get(b) ?? 0) < (counts.get(a) ?? 0) ? b : a)) ?? near;
    counts.set(host, (counts.get(host) ?? 0) + 1);
    services.set(service.objectKey, { host, slot: listOf(above, host).give() });
  }

  const fullest = Math.max(0, ...perHost.values());
  const limit = previous.tiles ? { room: MAX_CARDS_PER_ROOM - 3, all: MAX_CARDS - 30 } : { room: MAX_CARDS_PER_ROOM, all: MAX_CARDS };
  return { pods, services, tiles: fullest > limit.room || podNetnses.length > limit.all };
}
