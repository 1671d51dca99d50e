/** How a packet gets its connection, and how an entry is made, refreshed and confirmed. Linux: net/netfilter/nf_conntrack_core.c */
import type { Core } from '../stack/core.ts';
import { CONNTRACK_NEW_NS, CONNTRACK_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_NONE, CT_RELATED, CT_UNTRACKED, type Skb } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP, type Packet, TCP_RST } from '../wire/packet.ts';
import { type Connection, invert, isIcmpQuery, opensIcmp, sameTuple, TCP_ESTABLISHED, type Tuple } from './connection.ts';
import { advanceTcp, firstTcpState, IGNORE, INVALID, nextTcpState, reopens } from './tcp.ts';

const NS = 1e9;
const UDP_STREAM_AFTER_NS = 2 * NS;

/** ICMP messages about another packet: unreachable, source quench, redirect, time exceeded, parameter problem. */
const isIcmpError = (type: number): boolean => type === 3 || type === 4 || type === 5 || type === 11 || type === 12;

/** The tuple of a packet as its headers say it; undefined for what has none (a later fragment). */
export function tupleOf(packet: Packet): Tuple | undefined {
  if (packet.fragmentOffset > 0) return undefined;
  if (packet.protocol === IP_PROTO_ICMP) {
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
  const icmp = packet.icmp;
  if (icmp !== undefined && packet.protocol === IP_PROTO_ICMP && isIcmpError(icmp.type)) {
    trackError(netns, packet, icmp.quoted, core.nowNs);
    return true;
  }
  const icmpType = icmp === undefined ? -1 : icmp.type;
  if (icmp !== undefined && !isIcmpQuery(icmpType)) {
    packet.ctState = CT_INVALID;
    return true;
  }
  const sport = icmp === undefined ? packet.sport : icmp.id;
  const dport = icmp === undefined ? packet.dport : icmp.id;
  let found = netns.connections.find(packet.src, packet.dst, sport, dport, packet.protocol, icmpType, core.nowNs);
  if (found !== undefined && packet.tcp !== undefined && reopens(found.connection, packet.tcp.flags, found.reply)) {
    netns.connections.remove(found.connection);
    found = undefined;
  }
  if (found === undefined) return trackNew(core, netns, packet);
  const connection = found.connection;
  packet.connection = connection;
  packet.ctReply = found.reply;
  packet.ctState = found.reply || connection.seenReply ? CT_ESTABLISHED : CT_NEW;
  return follow(netns, packet, connection, core.nowNs);
}

function trackNew(core: Core, netns: NetnsState, packet: Skb): boolean {
  if (packet.tcp !== undefined && firstTcpState(packet.tcp.flags) === INVALID) {
    packet.ctState = CT_INVALID;
    return true;
  }
  if (packet.icmp !== undefined && !opensIcmp(packet.icmp.type)) {
    packet.ctState = CT_INVALID;
    return true;
  }
  const table = netns.connections;
  table.sweepIfGrown(core.nowNs);
  if (table.size >= netns.maxConnections && table.collect(core.nowNs) === 0) {
    emitDropped(core, netns.place, packet, 'NETFILTER_DROP', 'nf_conntrack: table full, dropping packet');
    return false;
  }
  core.nowNs += CONNTRACK_NEW_NS;
  const original = tupleOf(packet) as Tuple;
  const connection = table.create(packet.protocol, original, invert(original));
  packet.connection = connection;
  packet.ctReply = false;
  packet.ctState = CT_NEW;
  return follow(netns, packet, connection, core.nowNs);
}

/** The protocol's own view: state, timeout, counters. */
function follow(netns: NetnsState, packet: Skb, connection: Connection, nowNs: number): boolean {
  const reply = packet.ctReply;
  if (packet.tcp !== undefined) {
    const next = nextTcpState(connection.tcpState, packet.tcp.flags, reply);
    if (next === INVALID) {
      packet.connection = undefined;
      packet.ctState = CT_INVALID;
      packet.ctReply = false;
      return true;
    }
    if (next !== IGNORE) {
      // A RST as the only answer: there never was a connection. The packet keeps the entry, so that it still is translated back.
      if ((packet.tcp.flags & TCP_RST) !== 0 && !connection.seenReply && connection.confirmed) netns.connections.remove(connection);
      advanceTcp(connection, next, packet.tcp, packet.payload?.bytes ?? 0, reply, nowNs);
      if (!connection.seenReply && next === TCP_ESTABLISHED) connection.expiresNs = Math.min(connection.expiresNs, nowNs + 300 * NS);
    }
  } else if (packet.protocol === IP_PROTO_UDP) followUdp(netns, connection, nowNs);
  else if (packet.protocol === IP_PROTO_ICMP) connection.expiresNs = nowNs + netns.icmpTimeoutNs;
  else connection.expiresNs = nowNs + netns.genericTimeoutNs;
  if (reply) connection.seenReply = true;
  connection.packets += 1;
  connection.bytes += ipBytes(packet);
  return true;
}

function followUdp(netns: NetnsState, connection: Connection, nowNs: number): void {
  if (connection.clash) return;
  let timeoutNs = netns.udpTimeoutNs;
  if (connection.streamAtNs === 0) connection.streamAtNs = nowNs + UDP_STREAM_AFTER_NS;
  // It is a stream once it was answered and still talks after two seconds.
  if (connection.seenReply && nowNs > connection.streamAtNs) {
    timeoutNs = netns.udpStreamTimeoutNs;
    connection.assured = true;
  }
  connection.expiresNs = nowNs + timeoutNs;
}

/** An ICMP error belongs to the connection of the packet it quotes (RELATED), if that packet could have come from where the error goes. */
function trackError(netns: NetnsState, packet: Skb, quoted: Packet | undefined, nowNs: number): void {
  packet.ctState = CT_INVALID;
  if (quoted === undefined) return;
  const inner = tupleOf(quoted);
  if (inner === undefined) return;
  // Whoever sent the quoted packet gets the error: look for the tuple of an answer to it.
  const answer = invert(inner);
  const found = netns.connections.findTuple(answer, quoted.protocol, nowNs);
  if (found === undefined) return;
  const tuple = found.reply ? found.connection.reply : found.connection.original;
  if (tuple.dst !== packet.dst) return;
  packet.connection = found.connection;
  packet.ctState = CT_RELATED;
  packet.ctReply = found.reply;
}

/** nf_conntrack_attach(): an answer made here to a packet (ICMP error, RST) belongs to its connection, whether that is confirmed or not. */
export function attach(answer: Skb, to: Skb): void {
  if (to.connection === undefined) return;
  answer.connection = to.connection;
  answer.ctReply = !to.ctReply;
  answer.ctState = CT_RELATED;
}

/** At the end of INPUT and POSTROUTING a first packet makes its entry real. False: another connection took the tuple meanwhile; dropped. */
export function confirm(core: Core, netns: NetnsState, packet: Skb): boolean {
  const connection = packet.connection;
  if (connection === undefined || connection.confirmed || packet.ctReply || packet.ctState === CT_NONE) return true;
  const table = netns.connections;
  const first = table.findTuple(connection.original, connection.protocol, core.nowNs);
  if (first !== undefined) return resolveClash(core, netns, packet, connection, first.connection, first.reply);
  if (table.findTuple(connection.reply, connection.protocol, core.nowNs) !== undefined) return dropClash(core, netns, packet);
  table.insert(connection);
  return true;
}

/**
 * Two first packets of one flow were on their way at once (a resolver's A and AAAA, while ARP was asked). The later one joins the entry of the
 * earlier if their translations agree; a UDP one may live beside it for a second, so that its answer finds back (nf_ct_resolve_clash(), since Linux 5.7).
 */
function resolveClash(core: Core, netns: NetnsState, packet: Skb, loser: Connection, winner: Connection, winnerReplies: boolean): boolean {
  if (!winnerReplies && sameTuple(winner.reply, loser.reply)) {
    packet.connection = winner;
    return true;
  }
  const answered = netns.connections.findTuple(loser.reply, loser.protocol, core.nowNs) !== undefined;
  if (loser.protocol !== IP_PROTO_UDP || winnerReplies || answered) return dropClash(core, netns, packet);
  loser.clash = true;
  loser.expiresNs = core.nowNs + NS;
  netns.connections.insert(loser);
  return true;
}

function dropClash(core: Core, netns: NetnsState, packet: Skb): boolean {
  emitDropped(core, netns.place, packet, 'NETFILTER_DROP', 'conntrack: clash with an entry confirmed meanwhile (insert_failed)');
  return false;
}

export const usesPorts = (protocol: number): boolean => protocol === IP_PROTO_TCP || protocol === IP_PROTO_UDP;
