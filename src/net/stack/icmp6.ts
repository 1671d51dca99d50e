/** ICMPv6 inside a kernel: echo replies, what errors teach, and the errors it sends, no faster than it may. Linux: net/ipv6/icmp.c; RFC 4443 */
import { formatIp } from '../addr/ip.ts';
import { isMulticast6 } from '../addr/ip6.ts';
import { attach } from '../conntrack/track.ts';
import type { DeviceState } from '../device/device-state.ts';
import { type DropCause, emitCreated, emitDelivered, emitDropped } from '../trace/emit.ts';
import type { DropReason } from '../trace-event.ts';
import {
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  ICMP6_PARAMETER,
  ICMP6_TOO_BIG,
  icmp6Text,
  isIcmp6Error,
  isIcmpErrorPacket,
  isNeighborDiscovery,
} from '../wire/icmp6.ts';
import { ETHERTYPE_IPV6, type IcmpMessage, IP_PROTO_ICMP6, type Ip, type Ip6, type Packet } from '../wire/packet.ts';
import type { Core, IcmpErrorKind } from './core.ts';
import { RTN_LOCAL } from './fib.ts';
import { MIN_MTU6 } from './ip6-output.ts';
import { selectSource6, sourceFor } from './ip6-source.ts';
import { receiveNeighborDiscovery } from './nd.ts';
import type { NetnsState } from './netns-state.ts';
import { routeOutput } from './routing.ts';
import { cloneSkb, type Skb, scrub } from './skb.ts';
import { sysctl } from './sysctl.ts';

/** Errors that may go to one address at once before the rate counts (XRLIM_BURST_FACTOR). */
const BURST = 6;
/** Addresses whose rate is remembered. */
const MAX_LIMITS = 1024;
const MS = 1e6;

/** icmpv6_rcv(), behind INPUT. */
export function receiveIcmp6(core: Core, netns: NetnsState, device: DeviceState, packet: Skb): void {
  const { icmp } = packet;
  if (icmp === undefined) {
    emitDropped(core, device.place, packet, 'ICMP_CSUM', 'no ICMPv6 message in it');
    return;
  }
  if (isNeighborDiscovery(icmp.type)) {
    receiveNeighborDiscovery(core, device, packet);
    return;
  }
  if (icmp.type === ICMP6_ECHO_REQUEST) {
    echo(core, netns, device, packet, icmp);
    return;
  }
  if (isIcmp6Error(icmp.type)) {
    emitDelivered(core, device.place, packet, 'kernel: ICMPv6', undefined);
    if (icmp.type === ICMP6_TOO_BIG && icmp.quoted !== undefined) learnPathMtu(core, netns, icmp.quoted, icmp.mtu ?? 0);
    core.userland.icmpError(netns.id, packet);
    return;
  }
  if (core.userland.deliver(netns.id, packet)) return;
  emitDropped(core, device.place, packet, 'NO_SOCKET', `nobody waits for this ICMPv6 ${icmp6Text(icmp)}`);
}

function echo(core: Core, netns: NetnsState, device: DeviceState, packet: Skb, icmp: IcmpMessage): void {
  if (sysctl(netns.record.sysctls, 'net.ipv6.icmp.echo_ignore_all') === 1) {
    emitDropped(core, device.place, packet, 'NOT_SPECIFIED', 'echo request ignored');
    return;
  }
  const asked = packet.dst as Ip6;
  const source = isMulticast6(asked) ? selectSource6(netns, packet.src as Ip6, device) : asked;
  const seq = emitDelivered(core, device.place, packet, 'kernel: ICMPv6 echo', undefined);
  if (source === undefined) return;
  const reply = core.newSkb();
  reply.etherType = ETHERTYPE_IPV6;
  reply.causeSeq = seq;
  reply.src = source;
  reply.dst = packet.src;
  reply.ttl = netns.settings6(device).hopLimit;
  reply.tos = packet.tos;
  reply.protocol = IP_PROTO_ICMP6;
  reply.icmp = { type: ICMP6_ECHO_REPLY, code: 0, id: icmp.id, sequence: icmp.sequence };
  reply.payload = packet.payload;
  emitCreated(core, netns, reply, 'kernel: ICMPv6 echo');
  core.layers.localOut(netns, reply);
}

/** A router said that the way is narrower. What is less than every link must carry is not believed. */
function learnPathMtu(core: Core, netns: NetnsState, quoted: Packet, mtu: number): void {
  if (mtu < MIN_MTU6 || !netns.fib.isLocal(quoted.src)) return;
  const expiresNs = core.nowNs + sysctl(netns.record.sysctls, 'net.ipv6.route.mtu_expires') * 1e9;
  netns.pathMtus.set(quoted.dst, { mtuBytes: mtu, expiresNs });
}

/** icmp6_send(): the error about a packet with its source chosen; undefined where RFC 4443 section 2.4 or the routes forbid it. */
function planError(core: Core, netns: NetnsState, packet: Skb, error: IcmpErrorKind): Skb | undefined {
  const to = packet.src;
  const about = packet.dst;
  if (typeof to !== 'bigint' || typeof about !== 'bigint' || packet.fragmentOffset > 0) return undefined;
  if (to === 0n || isMulticast6(to)) return undefined;
  if (isMulticast6(about) && error.type !== ICMP6_TOO_BIG && !(error.type === ICMP6_PARAMETER && error.code === 2)) return undefined;
  if (isIcmpErrorPacket(packet) || (packet.icmp !== undefined && isNeighborDiscovery(packet.icmp.type))) return undefined;
  const back = routeOutput(netns, to);
  if (back.kind === 'error') return undefined;
  // What was addressed to this host answers from that address; a router answers from the address it would send from.
  const source = netns.fib.find(about)?.type === RTN_LOCAL ? about : sourceFor(netns, back, to);
  if (source === undefined) return undefined;
  if (error.type !== ICMP6_TOO_BIG && !back.local && !allowed(core, netns, to, back.route.prefixLength)) return undefined;
  const answer = core.newSkb();
  answer.etherType = ETHERTYPE_IPV6;
  answer.src = source;
  answer.dst = to;
  answer.ttl = netns.settings6(back.device).hopLimit;
  answer.protocol = IP_PROTO_ICMP6;
  const quoted = cloneSkb(packet);
  scrub(quoted);
  answer.icmp = {
    type: error.type,
    code: error.code,
    id: 0,
    sequence: 0,
    quoted,
    ...(error.mtu === undefined ? {} : { mtu: error.mtu }),
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
  };
  attach(answer, packet);
  return answer;
}

/** A token bucket for each address that errors go to: six at once, then one in `icmp.ratelimit` ms, faster to wider prefixes (inet_peer_xrlim_allow). */
export interface ErrorRate {
  readonly tokensNs: number;
  readonly lastNs: number;
}

function allowed(core: Core, netns: NetnsState, to: Ip, prefixLength: number): boolean {
  const limitNs = (sysctl(netns.record.sysctls, 'net.ipv6.icmp.ratelimit') * MS) / 2 ** ((128 - prefixLength) >> 5);
  if (limitNs === 0) return true;
  const known = netns.errorRates.get(to);
  if (known === undefined && netns.errorRates.size >= MAX_LIMITS) netns.errorRates.clear();
  const tokensNs = known === undefined ? BURST * limitNs : Math.min(BURST * limitNs, known.tokensNs + core.nowNs - known.lastNs);
  const pass = tokensNs >= limitNs;
  netns.errorRates.set(to, { tokensNs: pass ? tokensNs - limitNs : tokensNs, lastNs: core.nowNs });
  return pass;
}

/** Drops a packet and, where that is allowed, tells its sender. The drop's row says so; the error's cause is that row. */
export function dropWithError6(
  core: Core,
  netns: NetnsState,
  packet: Skb,
  place: number,
  reason: DropReason,
  detail: string,
  error: IcmpErrorKind,
  cause?: DropCause,
): void {
  const answer = planError(core, netns, packet, error);
  if (answer === undefined) {
    emitDropped(core, place, packet, reason, detail, cause);
    return;
  }
  const words = `ICMPv6 ${icmp6Text(answer.icmp as IcmpMessage)} from ${formatIp(answer.src)}`;
  answer.causeSeq = emitDropped(core, place, packet, reason, detail, { ...cause, answered: words });
  emitCreated(core, netns, answer, 'kernel: ICMPv6');
  core.layers.localOut(netns, answer);
}

/** An error about a packet whose end the caller has logged already. */
export function sendError6(core: Core, netns: NetnsState, packet: Skb, error: IcmpErrorKind, causeSeq: number): void {
  const answer = planError(core, netns, packet, error);
  if (answer === undefined) return;
  answer.causeSeq = causeSeq;
  emitCreated(core, netns, answer, 'kernel: ICMPv6');
  core.layers.localOut(netns, answer);
}
