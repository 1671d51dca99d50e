/** ICMP: echo replies, errors that arrive, and errors that are sent. Linux: net/ipv4/icmp.c */
import { formatIp, isBroadcastIp, isMulticastIp } from '../addr/ip.ts';
import { attach } from '../conntrack/track.ts';
import type { DeviceState } from '../device/device-state.ts';
import { type DropCause, emitCreated, emitDelivered, emitDropped } from '../trace/emit.ts';
import type { DropReason } from '../trace-event.ts';
import {
  ETHERTYPE_IPV4,
  ICMP_REDIRECT,
  type IcmpMessage,
  IP_PROTO_ICMP,
  IP_PROTO_TCP,
  type Packet,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../wire/packet.ts';
import { icmpText } from '../wire/words.ts';
import type { Core, IcmpErrorKind } from './core.ts';
import { RTN_BROADCAST, RTN_LOCAL } from './fib.ts';
import { icmpHeldBack } from './icmp-limit.ts';
import { takeRedirect } from './icmp-redirect.ts';
import { dropWithError6, sendError6 } from './icmp6.ts';
import type { MibName } from './mib.ts';
import type { NetnsState } from './netns-state.ts';
import { pathMtu, routeOutput } from './routing.ts';
import { cloneSkb, PACKET_HOST, type Skb, scrub } from './skb.ts';
import { addressFor } from './source-address.ts';
import { sysctl } from './sysctl.ts';

const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
/** Precedence of internetwork control, which errors carry. */
const ERROR_TOS = 0xc0;
const MIN_MTU = 68;

const isError = (type: number): boolean => type === 3 || type === 4 || type === 5 || type === 11 || type === 12;

/** Counters of what comes and goes, by type. */
const IN_COUNTERS: Readonly<Record<number, MibName>> = { 0: 'IcmpInEchoReps', 3: 'IcmpInDestUnreachs', 8: 'IcmpInEchos', 11: 'IcmpInTimeExcds' };
const OUT_COUNTERS: Readonly<Record<number, MibName>> = { 0: 'IcmpOutEchoReps', 3: 'IcmpOutDestUnreachs', 8: 'IcmpOutEchos', 11: 'IcmpOutTimeExcds' };

export function countIcmpOut(netns: NetnsState, type: number): void {
  netns.mib.count('IcmpOutMsgs');
  const counter = OUT_COUNTERS[type];
  if (counter !== undefined) netns.mib.count(counter);
}

/** An ICMP message for this host, behind INPUT. */
export function receiveIcmp(core: Core, netns: NetnsState, device: DeviceState, packet: Skb): void {
  const icmp = packet.icmp;
  if (icmp === undefined) {
    emitDropped(core, device.place, packet, 'ICMP_CSUM', 'no ICMP message in it');
    return;
  }
  netns.mib.count('IcmpInMsgs');
  const counter = IN_COUNTERS[icmp.type];
  if (counter !== undefined) netns.mib.count(counter);
  if (icmp.type === ECHO_REQUEST) {
    const { sysctls } = netns.record;
    const toGroup =
      typeof packet.dst === 'number' && (isMulticastIp(packet.dst) || isBroadcastIp(packet.dst) || netns.fib.typeOf(packet.dst) === RTN_BROADCAST);
    const ignored = sysctl(sysctls, 'net.ipv4.icmp_echo_ignore_all') !== 0 ? 'all' : toGroup && sysctl(sysctls, 'net.ipv4.icmp_echo_ignore_broadcasts') !== 0;
    if (ignored !== false) {
      emitDropped(core, device.place, packet, 'NOT_SPECIFIED', `echo request ignored (icmp_echo_ignore_${ignored === 'all' ? 'all' : 'broadcasts'})`);
      return;
    }
    const seq = emitDelivered(core, device.place, packet, 'kernel: ICMP echo', undefined);
    const reply = core.newSkb();
    reply.causeSeq = seq;
    reply.src = toGroup ? (addressFor(netns.devices.values(), device, packet.src, packet.src, 'link') ?? packet.dst) : packet.dst;
    reply.dst = packet.src;
    reply.ttl = netns.defaultTtl;
    reply.tos = packet.tos;
    reply.protocol = IP_PROTO_ICMP;
    reply.icmp = { type: ECHO_REPLY, code: 0, id: icmp.id, sequence: icmp.sequence };
    reply.payload = packet.payload;
    countIcmpOut(netns, reply.icmp?.type ?? -1);
    emitCreated(core, netns, reply, 'kernel: ICMP echo');
    core.layers.localOut(netns, reply);
    return;
  }
  if (isError(icmp.type)) {
    emitDelivered(core, device.place, packet, 'kernel: ICMP', undefined);
    if (icmp.type === UNREACHABLE && icmp.code === FRAGMENTATION_NEEDED && icmp.quoted !== undefined) learnPathMtu(core, netns, icmp.quoted, icmp.mtu ?? 0);
    if (icmp.type === ICMP_REDIRECT && icmp.quoted !== undefined) takeRedirect(core, netns, device, packet.src, icmp.id, icmp.quoted);
    // A redirect is for routing; of sockets only those that ask by echo hear of it (udp_err() and tcp_v4_err() keep it to themselves).
    if (icmp.type !== ICMP_REDIRECT || icmp.quoted?.protocol === IP_PROTO_ICMP) core.userland.icmpError(netns.id, packet);
    return;
  }
  if (core.userland.deliver(netns.id, packet)) return;
  emitDropped(core, device.place, packet, 'NO_SOCKET', `nobody waits for this ICMP ${icmpText(icmp)}`);
}

/** __ip_rt_update_pmtu(): less than min_pmtu is not believed; then packets to there may be cut instead. */
function learnPathMtu(core: Core, netns: NetnsState, quoted: Packet, told: number): void {
  const { sysctls } = netns.record;
  const policy = sysctl(sysctls, 'net.ipv4.ip_no_pmtu_disc');
  if (told < MIN_MTU || !netns.fib.isLocal(quoted.src) || policy !== 0) return;
  const route = routeOutput(netns, quoted.dst, quoted);
  if (route.kind === 'error' || route.route.mtuLocked) return;
  const before = pathMtu(netns, route.route, route.device, quoted.dst, core.nowNs);
  if (before < told) return;
  const smallest = sysctl(sysctls, 'net.ipv4.route.min_pmtu');
  const known = netns.pathMtus.get(quoted.dst);
  netns.pathMtus.set(quoted.dst, {
    mtuBytes: told < smallest ? Math.min(before, smallest) : told,
    expiresNs: core.nowNs + sysctl(sysctls, 'net.ipv4.route.mtu_expires') * 1e9,
    ...(told < smallest ? { locked: true } : {}),
    ...(known?.gateway === undefined ? {} : { gateway: known.gateway }),
  });
}

/** The error that would be sent about a packet, with its source chosen; undefined when RFC 1122 or the routes forbid it, the name of the limit that keeps it back otherwise. */
function planError(core: Core, netns: NetnsState, packet: Skb, error: IcmpErrorKind): Skb | string | undefined {
  if (packet.etherType !== ETHERTYPE_IPV4 || packet.packetType !== PACKET_HOST || packet.fragmentOffset > 0 || packet.src === 0) return undefined;
  if (isMulticastIp(packet.dst) || isBroadcastIp(packet.dst)) return undefined;
  if (packet.icmp !== undefined && isError(packet.icmp.type)) return undefined;
  const destination = netns.fib.typeOf(packet.dst);
  if (destination === RTN_BROADCAST) return undefined;
  const back = routeOutput(netns, packet.src);
  if (back.kind === 'error') return undefined;
  // What was addressed to this host answers from that address; a router answers from the address its route back would use.
  const source = destination === RTN_LOCAL ? packet.dst : back.source;
  if (source === undefined) return undefined;
  const limit = icmpHeldBack(core, netns, packet.src, error.type, error.code, back.local);
  if (limit !== undefined) return limit;
  const answer = core.newSkb();
  answer.src = source;
  answer.dst = packet.src;
  answer.ttl = netns.defaultTtl;
  answer.tos = (packet.tos & 0x1e) | ERROR_TOS;
  answer.protocol = IP_PROTO_ICMP;
  const quoted = cloneSkb(packet);
  scrub(quoted);
  const message: IcmpMessage = {
    type: error.type,
    code: error.code,
    id: typeof error.gateway === 'number' ? error.gateway | 0 : 0,
    sequence: 0,
    quoted,
    ...(error.mtu === undefined ? {} : { mtu: error.mtu }),
  };
  answer.icmp = message;
  attach(answer, packet);
  return answer;
}

/** Drops a packet and, where that is allowed, sends the error to its sender. The drop's row says so; the error's cause is that row. */
export function dropWithError(
  core: Core,
  netns: NetnsState,
  packet: Skb,
  place: number,
  reason: DropReason,
  detail: string,
  error: IcmpErrorKind,
  cause?: DropCause,
): void {
  if (typeof packet.dst === 'bigint') {
    dropWithError6(core, netns, packet, place, reason, detail, error, cause);
    return;
  }
  const answer = planError(core, netns, packet, error);
  if (answer === undefined || typeof answer === 'string') {
    emitDropped(core, place, packet, reason, answer === undefined ? detail : `${detail}; no ICMP error (${answer})`, cause);
    return;
  }
  const words = `ICMP ${icmpText(answer.icmp as IcmpMessage)} from ${formatIp(answer.src)}`;
  answer.causeSeq = emitDropped(core, place, packet, reason, detail, { ...cause, answered: words });
  countIcmpOut(netns, answer.icmp?.type ?? -1);
  emitCreated(core, netns, answer, 'kernel: ICMP');
  core.layers.localOut(netns, answer);
}

/** An error about a packet whose end the caller has logged already. */
export function sendError(core: Core, netns: NetnsState, packet: Skb, error: IcmpErrorKind, causeSeq: number): void {
  if (typeof packet.dst === 'bigint') {
    sendError6(core, netns, packet, error, causeSeq);
    return;
  }
  const answer = planError(core, netns, packet, error);
  if (answer === undefined || typeof answer === 'string') return;
  answer.causeSeq = causeSeq;
  countIcmpOut(netns, answer.icmp?.type ?? -1);
  emitCreated(core, netns, answer, 'kernel: ICMP');
  core.layers.localOut(netns, answer);
}

/** REJECT --reject-with tcp-reset. Linux: net/ipv4/netfilter/nf_reject_ipv4.c, nf_send_reset */
export function dropWithReset(core: Core, netns: NetnsState, packet: Skb, place: number, detail: string, cause?: DropCause): void {
  const tcp = packet.tcp;
  if (tcp === undefined || (tcp.flags & TCP_RST) !== 0 || packet.fragmentOffset > 0 || packet.protocol !== IP_PROTO_TCP) {
    emitDropped(core, place, packet, 'NETFILTER_DROP', detail, cause);
    return;
  }
  const answer = core.newSkb();
  answer.src = packet.dst;
  answer.dst = packet.src;
  answer.sport = packet.dport;
  answer.dport = packet.sport;
  answer.ttl = netns.defaultTtl;
  answer.dontFragment = true;
  answer.protocol = IP_PROTO_TCP;
  const acknowledges = (tcp.flags & TCP_ACK) !== 0;
  const length = (packet.payload?.bytes ?? 0) + ((tcp.flags & TCP_SYN) !== 0 ? 1 : 0) + ((tcp.flags & TCP_FIN) !== 0 ? 1 : 0);
  answer.tcp = acknowledges
    ? { flags: TCP_RST, seq: tcp.ack, ack: 0, window: 0, options: {} }
    : { flags: TCP_RST | TCP_ACK, seq: 0, ack: (tcp.seq + length) >>> 0, window: 0, options: {} };
  attach(answer, packet);
  answer.causeSeq = emitDropped(core, place, packet, 'NETFILTER_DROP', detail, { ...cause, answered: 'TCP RST' });
  emitCreated(core, netns, answer, 'kernel: REJECT');
  core.layers.localOut(netns, answer);
}
