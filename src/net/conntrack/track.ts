/** How a packet gets its connection, and how an entry is made, refreshed and confirmed. Linux: net/netfilter/nf_conntrack_core.c */
import type { Core } from '../stack/core.ts';
import { CONNTRACK_NEW_NS, CONNTRACK_NS } from '../stack/costs.ts';
import { EVENT_FRAME } from '../stack/event-queue.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, type Skb } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Packet } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { type Connection, EVENT_ASSURED, EVENT_REPLY, invert, isIcmpQuery, opensIcmp, type Tuple } from './connection.ts';
import { followSctp } from './sctp.ts';
import type { ConntrackSettings } from './settings.ts';
import type { Found } from './table.ts';
import { FOLLOWED, followTcp, hasValidFlags, INVALID, REFUSED, REOPENS, startTcp } from './tcp.ts';

const UDP_STREAM_AFTER_NS = 2e9;
const TABLE_FULL = 'nf_conntrack: nf_conntrack: table full, dropping packet';
const WARN_INTERVAL_NS = 5e9;
const WARN_BURST = 10;
/** KERN_WARNING */
const WARNING = 4;
const IP_PROTO_GRE = 47;

const isIcmp = (protocol: number): boolean => protocol === IP_PROTO_ICMP || protocol === IP_PROTO_ICMP6;

/** Messages about another packet. ICMP: unreachable, source quench, redirect, time exceeded, parameter problem. ICMPv6: all types below 128 (redirect is neighbour discovery). */
const isIcmpError = (protocol: number, type: number): boolean =>
  protocol === IP_PROTO_ICMP6 ? type < 128 : type === 3 || type === 4 || type === 5 || type === 11 || type === 12;

/** Multicast listener and neighbour discovery are never tracked (nf_conntrack_icmpv6_error()). */
const isNeverTracked = (protocol: number, type: number): boolean =>
  protocol === IP_PROTO_ICMP6 && ((type >= 130 && type <= 132) || type === 143 || (type >= 133 && type <= 137));

/** The tuple of a packet as its headers say it; undefined for what has none (a later fragment). */
export function tupleOf(packet: Packet): Tuple | undefined {
  if (packet.fragmentOffset > 0) return undefined;
  if (isIcmp(packet.protocol)) {
    const icmp = packet.icmp;
    if (icmp === undefined || !isIcmpQuery(icmp.type)) return undefined;
    return { src: packet.src, dst: packet.dst, sport: icmp.id, dport: icmp.id, icmpType: icmp.type, icmpCode: icmp.code };
  }
  return { src: packet.src, dst: packet.dst, sport: packet.sport, dport: packet.dport, icmpType: -1, icmpCode: 0 };
}

/**
 * nf_conntrack_in(): at PREROUTING and OUTPUT, before mangle. False: the table is full and the packet was dropped.
 * A packet that comes over lo keeps the connection it got in OUTPUT; an ICMP error of our own keeps that of the packet it is about.
 */
export function trackIn(core: Core, netns: NetnsState, packet: Skb): boolean {
  if (packet.connection !== undefined || packet.ctState === CT_UNTRACKED) return true;
  core.nowNs += CONNTRACK_NS;
  // nf_checksum() in PREROUTING; what this host makes itself is not looked at.
  if (packet.corruptByte >= 0 && netns.conntrack.checksum) return invalid(netns, packet);
  const icmp = packet.icmp;
  if (icmp !== undefined && isNeverTracked(packet.protocol, icmp.type)) {
    packet.ctState = CT_UNTRACKED;
    return true;
  }
  if (icmp !== undefined && isIcmpError(packet.protocol, icmp.type)) {
    if (!trackError(netns, packet, icmp.quoted, core.nowNs)) {
      netns.connections.statistics.error += 1;
      netns.connections.statistics.invalid += 1;
    }
    return true;
  }
  const { tcp } = packet;
  const icmpType = icmp === undefined ? -1 : icmp.type;
  if ((icmp !== undefined && !isIcmpQuery(icmpType)) || (tcp !== undefined && !hasValidFlags(tcp.flags))) return invalid(netns, packet);
  const sport = icmp === undefined ? packet.sport : icmp.id;
  const dport = icmp === undefined ? packet.dport : icmp.id;
  const found = netns.connections.find(packet.src, packet.dst, sport, dport, packet.protocol, icmpType, core.nowNs, packet.zone);
  if (found === undefined || (netns.secondCpuRatio > 0 && isInFlight(core, found, packet))) return trackNew(core, netns, packet);
  const { connection, reply } = found;
  packet.connection = connection;
  packet.ctReply = reply;
  packet.ctState = reply || connection.seenReply ? CT_ESTABLISHED : CT_NEW;
  if (follow(netns, packet, connection, core.nowNs)) return true;
  // A SYN on what was closed: another connection.
  netns.connections.remove(connection);
  packet.connection = undefined;
  packet.ctReply = false;
  return trackNew(core, netns, packet);
}

/**
 * Another CPU was still at work on the connection's first packet when this one was looked up: its entry was not in the table yet. Work runs to
 * completion here, one packet after the other; what happened at the same time shows in when this packet arrived.
 */
function isInFlight(core: Core, { connection, reply }: Found, packet: Skb): boolean {
  const { queue } = core;
  if (reply || connection.cpu === packet.cpu || queue.kind !== EVENT_FRAME) return false;
  return queue.timeNs + core.nowNs - queue.startedNs < connection.confirmedNs;
}

function invalid(netns: NetnsState, packet: Skb): true {
  netns.connections.statistics.invalid += 1;
  packet.connection = undefined;
  packet.ctState = CT_INVALID;
  packet.ctReply = false;
  return true;
}

/** init_conntrack(): the entry is made before anybody knows whether the packet may open one. */
function trackNew(core: Core, netns: NetnsState, packet: Skb): boolean {
  const table = netns.connections;
  const settings = netns.conntrack;
  const original = tupleOf(packet) as Tuple;
  table.sweepIfGrown(core.nowNs);
  if (settings.max !== 0 && table.size >= settings.max && table.collect(core.nowNs) === 0) {
    if (!table.evictNear(original, packet.protocol, settings.buckets)) {
      table.statistics.drop += 1;
      warnTableFull(core, netns);
      emitDropped(core, netns.place, packet, 'NETFILTER_DROP', 'nf_conntrack: table full, dropping packet');
      return false;
    }
    table.statistics.earlyDrop += 1;
  }
  if (packet.icmp !== undefined && !opensIcmp(packet.icmp.type)) return invalid(netns, packet);
  core.nowNs += CONNTRACK_NEW_NS;
  const connection = table.create(packet.protocol, original, invert(original));
  connection.zone = packet.zone;
  connection.accounted = settings.accounting;
  if (packet.tcp !== undefined && !startTcp(settings, connection, packet.tcp, packet.payload?.bytes ?? 0)) return invalid(netns, packet);
  packet.connection = connection;
  packet.ctReply = false;
  packet.ctState = CT_NEW;
  follow(netns, packet, connection, core.nowNs);
  return true;
}

/** At most ten lines in five seconds (net_warn_ratelimited()). */
function warnTableFull(core: Core, netns: NetnsState): void {
  const lines = core.kernelLog.list(netns.hostId);
  let recent = 0;
  for (let i = lines.length - 1; i >= 0 && core.nowNs - (lines[i]?.timeNs ?? 0) < WARN_INTERVAL_NS; i -= 1) if (lines[i]?.text === TABLE_FULL) recent += 1;
  if (recent < WARN_BURST) core.kernelLog.add(netns.hostId, core.nowNs, WARNING, TABLE_FULL);
}

/** The protocol's own view: state, time-out, counters. False: the packet opens another connection in the place of this one. */
function follow(netns: NetnsState, packet: Skb, connection: Connection, nowNs: number): boolean {
  const reply = packet.ctReply;
  const { tcp } = packet;
  let counts = true;
  if (tcp !== undefined) {
    const verdict = followTcp(netns.conntrack, connection, tcp, packet.payload?.bytes ?? 0, reply, nowNs);
    if (verdict === REOPENS) return false;
    if (verdict === INVALID) return invalid(netns, packet);
    // The packet keeps the entry, so that it still is translated back.
    if (verdict === REFUSED) netns.connections.remove(connection);
    counts = verdict === FOLLOWED || verdict === REFUSED;
  } else if (packet.protocol === IP_PROTO_SCTP && packet.sctp !== undefined) {
    if (!followSctp(netns.conntrack.sctpTimeoutsNs, connection, packet.sctp, reply, nowNs)) return invalid(netns, packet);
  } else followOther(netns, packet.protocol, connection, nowNs);
  if (counts) {
    const bytes = ipBytes(packet);
    if (reply) {
      connection.replyPackets += 1;
      connection.replyBytes += bytes;
    } else {
      connection.packets += 1;
      connection.bytes += bytes;
    }
  }
  if (reply && !connection.seenReply) {
    connection.seenReply = true;
    connection.pendingEvents |= EVENT_REPLY;
  }
  return true;
}

function followOther(netns: NetnsState, protocol: number, connection: Connection, nowNs: number): void {
  const { conntrack } = netns;
  if (protocol === IP_PROTO_UDP) followUdp(conntrack, connection, nowNs);
  else if (protocol === IP_PROTO_ICMP) connection.expiresNs = nowNs + conntrack.icmpTimeoutNs;
  else if (protocol === IP_PROTO_ICMP6) connection.expiresNs = nowNs + conntrack.icmp6TimeoutNs;
  else if (protocol === IP_PROTO_GRE) {
    // An answered tunnel is a stream (nf_conntrack_gre_packet()).
    connection.expiresNs = nowNs + (connection.seenReply ? conntrack.greStreamTimeoutNs : conntrack.greTimeoutNs);
    if (connection.seenReply) assure(connection);
  } else connection.expiresNs = nowNs + conntrack.genericTimeoutNs;
}

function assure(connection: Connection): void {
  if (connection.assured) return;
  connection.assured = true;
  connection.pendingEvents |= EVENT_ASSURED;
}

function followUdp(conntrack: ConntrackSettings, connection: Connection, nowNs: number): void {
  if (connection.clash) return;
  let timeoutNs = conntrack.udpTimeoutNs;
  if (!connection.confirmed) connection.streamAtNs = nowNs + UDP_STREAM_AFTER_NS;
  // It is a stream once it was answered and still talks after two seconds.
  if (connection.seenReply && nowNs > connection.streamAtNs) {
    timeoutNs = conntrack.udpStreamTimeoutNs;
    assure(connection);
  }
  connection.expiresNs = nowNs + timeoutNs;
}

/** An ICMP error belongs to the connection of the packet it quotes (RELATED), if that packet could have come from where the error goes. */
function trackError(netns: NetnsState, packet: Skb, quoted: Packet | undefined, nowNs: number): boolean {
  packet.ctState = CT_INVALID;
  if (quoted === undefined) return false;
  const inner = tupleOf(quoted);
  if (inner === undefined) return false;
  // Whoever sent the quoted packet gets the error: look for the tuple of an answer to it.
  const answer = invert(inner);
  const found = netns.connections.findTuple(answer, quoted.protocol, nowNs, packet.zone);
  if (found === undefined) return false;
  const tuple = found.reply ? found.connection.reply : found.connection.original;
  if (tuple.dst !== packet.dst) return false;
  packet.connection = found.connection;
  packet.ctState = CT_RELATED;
  packet.ctReply = found.reply;
  return true;
}

/** nf_conntrack_attach(): an answer made here to a packet (ICMP error, RST) belongs to its connection, whether that is confirmed or not. */
export function attach(answer: Skb, to: Skb): void {
  if (to.connection === undefined) return;
  answer.connection = to.connection;
  answer.ctReply = !to.ctReply;
  answer.ctState = CT_RELATED;
}

export const usesPorts = (protocol: number): boolean => protocol === IP_PROTO_TCP || protocol === IP_PROTO_UDP || protocol === IP_PROTO_SCTP;
