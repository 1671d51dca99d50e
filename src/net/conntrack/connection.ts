/** One entry of the connection tracking table. Linux: include/net/netfilter/nf_conntrack.h */
import type { Ip } from '../wire/packet.ts';
import type { SctpTrack } from './sctp.ts';
import { copyTcpTrack, type TcpTrack } from './tcp-track.ts';

/** Who talks to whom. For ICMP echo `sport` and `dport` both are the identifier, and `icmpType` tells request from reply; it is -1 for everything else. */
export interface Tuple {
  src: Ip;
  dst: Ip;
  sport: number;
  dport: number;
  icmpType: number;
  icmpCode: number;
}

/** TCP states by their number in the kernel's table. */
export const TCP_NONE = 0;
export const TCP_SYN_SENT = 1;
export const TCP_SYN_RECV = 2;
export const TCP_ESTABLISHED = 3;
export const TCP_FIN_WAIT = 4;
export const TCP_CLOSE_WAIT = 5;
export const TCP_LAST_ACK = 6;
export const TCP_TIME_WAIT = 7;
export const TCP_CLOSE = 8;
export const TCP_SYN_SENT2 = 9;
export const TCP_STATE_NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

/** What has changed since listeners were last told (enum ip_conntrack_events): answered, assured, protocol state, mark. */
export const EVENT_REPLY = 1;
export const EVENT_ASSURED = 2;
export const EVENT_PROTOCOL = 4;
export const EVENT_MARK = 8;

/** A zone with the directions it is for: bits 0–15 the number, 16 original, 17 reply. 0 is the default zone. */
export const makeZone = (id: number, original: boolean, reply: boolean): number => (id === 0 ? 0 : id | (original ? 0x10000 : 0) | (reply ? 0x20000 : 0));
/** The zone's number for tuples of one direction; 0 where it is not for that direction (nf_ct_zone_id()). */
export const zoneId = (zone: number, reply: boolean): number => ((zone & (reply ? 0x20000 : 0x10000)) === 0 ? 0 : zone & 0xffff);

export class Connection {
  /** Counts up in each netns: entries are listed in this order. */
  readonly serial: number;
  readonly protocol: number;
  readonly original: Tuple;
  /** Changed by NAT until the entry is confirmed. */
  reply: Tuple;
  confirmed = false;
  /** When it was, and by which CPU. */
  confirmedNs = 0;
  cpu = 0;
  /** Taken out of the table (RST, conntrack -D, a new SYN); packets on their way may still hold it. */
  dead = false;
  /** Somebody took it out (conntrack -D, -F). */
  byHand = false;
  seenReply = false;
  assured = false;
  /** IPS_SRC_NAT, IPS_DST_NAT: the tuples really differ. */
  sourceNat = false;
  destinationNat = false;
  /** IPS_SRC_NAT_DONE, IPS_DST_NAT_DONE: the nat table has been asked for this half. */
  sourceNatDone = false;
  destinationNatDone = false;
  /** What the rule was that bound each half, for the log. */
  sourceNatBy: 'SNAT' | 'MASQUERADE' | 'none' = 'none';
  destinationNatBy: 'DNAT' | 'REDIRECT' | 'none' = 'none';
  /** IPS_NAT_CLASH: the later of two entries of one UDP flow with different translations; only answers find it, and it goes within a second. */
  clash = false;
  mark = 0;
  expiresNs = 0;
  /** Of TCP, and of SCTP (SCTP_STATE_NAMES). */
  tcpState = TCP_NONE;
  /** TCP only. */
  tcp: TcpTrack | undefined = undefined;
  /** SCTP only. */
  sctp: SctpTrack | undefined = undefined;
  /** UDP: when it counts as a stream (two seconds after its start). */
  streamAtNs = 0;
  /** See makeZone(). */
  zone = 0;
  /** EVENT_*, since listeners were last told. */
  pendingEvents = 0;
  /** nf_conntrack_acct was on when it was made: tools show its counters. */
  accounted = false;
  /** Of each direction. */
  packets = 0;
  bytes = 0;
  replyPackets = 0;
  replyBytes = 0;
  /** Of its tuples and protocol, while it is in a table; told apart by them before anything else is compared. */
  originalHash = 0;
  replyHash = 0;
  /** Next entry in the same hash bucket, by each tuple. */
  nextOriginal: Connection | undefined = undefined;
  nextReply: Connection | undefined = undefined;

  constructor(serial: number, protocol: number, original: Tuple, reply: Tuple) {
    this.serial = serial;
    this.protocol = protocol;
    this.original = original;
    this.reply = reply;
  }
}

/** A connection of its own with the same content, not in any table's chains. */
export function copyConnection(from: Connection): Connection {
  const to = new Connection(from.serial, from.protocol, { ...from.original }, { ...from.reply });
  to.confirmed = from.confirmed;
  to.confirmedNs = from.confirmedNs;
  to.cpu = from.cpu;
  to.dead = from.dead;
  to.byHand = from.byHand;
  to.seenReply = from.seenReply;
  to.assured = from.assured;
  to.sourceNat = from.sourceNat;
  to.destinationNat = from.destinationNat;
  to.sourceNatDone = from.sourceNatDone;
  to.destinationNatDone = from.destinationNatDone;
  to.sourceNatBy = from.sourceNatBy;
  to.destinationNatBy = from.destinationNatBy;
  to.clash = from.clash;
  to.mark = from.mark;
  to.expiresNs = from.expiresNs;
  to.tcpState = from.tcpState;
  to.tcp = from.tcp === undefined ? undefined : copyTcpTrack(from.tcp);
  to.sctp = from.sctp;
  to.streamAtNs = from.streamAtNs;
  to.zone = from.zone;
  to.pendingEvents = from.pendingEvents;
  to.accounted = from.accounted;
  to.packets = from.packets;
  to.bytes = from.bytes;
  to.replyPackets = from.replyPackets;
  to.replyBytes = from.replyBytes;
  return to;
}

/** ICMP and ICMPv6 messages come in pairs; their numbers do not collide. */
const ICMP_ANSWER: Readonly<Record<number, number>> = { 8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 128: 129, 129: 128 };

/** The tuple of an answer. */
export function invert(tuple: Tuple): Tuple {
  return {
    src: tuple.dst,
    dst: tuple.src,
    sport: tuple.dport,
    dport: tuple.sport,
    icmpType: ICMP_ANSWER[tuple.icmpType] ?? tuple.icmpType,
    icmpCode: tuple.icmpCode,
  };
}

/** Only requests may open an ICMP connection (echo, timestamp, information, address mask; ICMPv6 echo). */
export const opensIcmp = (type: number): boolean => type === 8 || type === 13 || type === 15 || type === 17 || type === 128;
export const isIcmpQuery = (type: number): boolean => ICMP_ANSWER[type] !== undefined;

export const sameTuple = (a: Tuple, b: Tuple): boolean =>
  a.src === b.src && a.dst === b.dst && a.sport === b.sport && a.dport === b.dport && a.icmpType === b.icmpType;
