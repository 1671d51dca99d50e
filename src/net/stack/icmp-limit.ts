/** How many ICMP errors a kernel sends: a bucket for each receiver, one for all together, and one for routing errors. Linux: net/ipv4/icmp.c, net/ipv4/route.c */
import type { Ip } from '../wire/packet.ts';
import type { Core } from './core.ts';
import type { Peer } from './icmp-peer.ts';
import type { NetnsState } from './netns-state.ts';

const SECOND = 1e9;
/** A peer nobody knew has waited for a minute. */
const UNKNOWN_NS = 60 * SECOND;
/** XRLIM_BURST_FACTOR */
const BURST_FACTOR = 6;
/** ip_rt_error_cost and ip_rt_error_burst */
const ROUTE_ERROR_COST_NS = SECOND;
const ROUTE_ERROR_BURST_NS = 5 * SECOND;
/** Credit for all is counted anew after a fiftieth of a second. */
const CREDIT_STEP_NS = SECOND / 50;
const MAX_PEERS = 4096;

const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;

export function peerOf(netns: NetnsState, ip: Ip, nowNs: number): Peer {
  const known = netns.peers.get(ip);
  if (known !== undefined) return known;
  if (netns.peers.size >= MAX_PEERS) {
    const oldest = netns.peers.keys().next().value;
    if (oldest !== undefined) netns.peers.delete(oldest);
  }
  const peer: Peer = { tokensNs: 0, lastNs: nowNs - UNKNOWN_NS, redirects: 0 };
  netns.peers.set(ip, peer);
  return peer;
}

function refill(peer: Peer, nowNs: number, burstNs: number): void {
  peer.tokensNs = Math.min(burstNs, peer.tokensNs + nowNs - peer.lastNs);
  peer.lastNs = nowNs;
}

/** ip_error(): whether an unroutable packet may cause an error at all. It takes its token from the same bucket as the error itself will. */
export function allowsRouteError(netns: NetnsState, sender: Ip, nowNs: number): boolean {
  const peer = peerOf(netns, sender, nowNs);
  refill(peer, nowNs, ROUTE_ERROR_BURST_NS);
  if (peer.tokensNs < ROUTE_ERROR_COST_NS) return false;
  peer.tokensNs -= ROUTE_ERROR_COST_NS;
  return true;
}

/** icmpv4_global_allow() and icmpv4_xrlim_allow(): undefined where the error may go, else which limit keeps it back. What stays on lo is not limited. */
export function icmpHeldBack(core: Core, netns: NetnsState, to: Ip, type: number, code: number, overLoopback: boolean): string | undefined {
  const { mask, peerNs, perSecond, burst } = netns.icmpLimit;
  if ((mask & (1 << type)) === 0 || (type === UNREACHABLE && code === FRAGMENTATION_NEEDED)) return undefined;
  const now = core.nowNs;
  const sinceNs = Math.min(now - netns.icmpCreditNs, SECOND);
  if (netns.icmpCredit < 0) {
    netns.icmpCredit = burst;
    netns.icmpCreditNs = now;
  } else if (sinceNs >= CREDIT_STEP_NS) {
    const more = Math.floor((perSecond * sinceNs) / SECOND);
    if (more > 0) netns.icmpCreditNs = now;
    netns.icmpCredit = Math.min(burst, netns.icmpCredit + more);
  }
  if (netns.icmpCredit <= 0) return 'icmp_msgs_per_sec';
  if (!overLoopback && peerNs > 0) {
    const peer = peerOf(netns, to, now);
    refill(peer, now, BURST_FACTOR * peerNs);
    if (peer.tokensNs < peerNs) return 'icmp_ratelimit';
    peer.tokensNs -= peerNs;
  }
  // One on average: how many exactly is nobody's business outside.
  netns.icmpCredit = Math.max(0, netns.icmpCredit - core.prng(`${netns.id} icmp credit`).below(3));
  return undefined;
}
