/** Which of several ways a flow takes. Linux: net/ipv4/fib_semantics.c, fib_rebalance, fib_select_multipath; net/ipv4/route.c, fib_multipath_hash */
import { ipHash } from '../addr/ip.ts';
import type { IcmpMessage, Ip } from '../wire/packet.ts';
import type { CompiledRoute, Way } from './fib-table.ts';
import { isValid } from './neighbor.ts';

/** What a routing decision may look at besides the destination. A packet is one. */
export interface FlowFields {
  readonly src: Ip;
  readonly mark: number;
  readonly protocol: number;
  readonly sport: number;
  readonly dport: number;
  readonly icmp?: IcmpMessage | undefined;
}

const HASH_BITS = 31;

/** Bounds of the ways in proportion to their weights; ways that are not alive get none, so that the others share their flows. */
export function bounds(ways: readonly { readonly weight: number; readonly alive: boolean }[]): number[] {
  const total = ways.reduce((sum, way) => sum + (way.alive ? way.weight : 0), 0);
  let sum = 0;
  return ways.map((way) => {
    if (!way.alive) return -1;
    sum += way.weight;
    return Math.round((sum * 2 ** HASH_BITS) / total) - 1;
  });
}

/** One number a flow, the same in both directions. Policy 0 looks at addresses (of an ICMP error: those it quotes), 1 at ports and protocol, too. */
export function flowHash(seed: number, policy: number, dst: Ip, flow: FlowFields | undefined): number {
  const quoted = policy === 1 ? undefined : flow?.icmp?.quoted;
  let a = ipHash(quoted === undefined ? (flow?.src ?? 0) : quoted.src);
  let b = ipHash(quoted === undefined ? dst : quoted.dst);
  const ports = policy === 1 && flow !== undefined;
  let low = ports ? flow.sport : 0;
  let high = ports ? flow.dport : 0;
  if (a >>> 0 > b >>> 0 || (a === b && low > high)) {
    [a, b] = [b, a];
    [low, high] = [high, low];
  }
  let h = Math.imul(a ^ seed, 0x9e3779b1) ^ b;
  h = Math.imul(h ^ (h >>> 15) ^ (low << 16) ^ high, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ (ports ? flow.protocol : 0), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 1;
}

/** A way whose next hop's address matches the flow's source is worth most, then the one whose share the hash falls into, then the first that lives. */
export function chooseWay(ways: readonly Way[], hash: number, source: Ip | undefined, useNeighbors: boolean): CompiledRoute | undefined {
  let best: CompiledRoute | undefined;
  let bestScore = -1;
  for (const { route, bound } of ways) {
    if (bound < 0 || (useNeighbors && !isGood(route))) continue;
    const score = (source !== undefined && route.source === source ? 2 : 0) + (hash <= bound ? 1 : 0);
    if (score <= bestScore) continue;
    best = route;
    bestScore = score;
    if (score === 3 || (source === undefined && score === 1)) break;
  }
  return best;
}

/** fib_good_nh(): nobody has failed to find this gateway. */
function isGood(route: CompiledRoute): boolean {
  if (!route.hasGateway) return true;
  const entry = route.device?.neighbors.get(route.gateway);
  return entry === undefined || isValid(entry.state);
}
