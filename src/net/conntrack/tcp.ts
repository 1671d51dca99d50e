/** How a TCP connection's state follows its packets, and how long each state is kept. Linux: net/netfilter/nf_conntrack_proto_tcp.c */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import {
  type Connection,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT,
  TCP_LAST_ACK,
  TCP_NONE,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_SYN_SENT2,
  TCP_TIME_WAIT,
} from './connection.ts';

/** The packet does not belong to the connection. */
export const INVALID = -1;
/** The packet is let through but changes nothing. */
export const IGNORE = -2;

type Row = readonly number[];
const X = INVALID;
const G = IGNORE;
const SS = TCP_SYN_SENT;
const SR = TCP_SYN_RECV;
const ES = TCP_ESTABLISHED;
const FW = TCP_FIN_WAIT;
const CW = TCP_CLOSE_WAIT;
const LA = TCP_LAST_ACK;
const TW = TCP_TIME_WAIT;
const CL = TCP_CLOSE;
const S2 = TCP_SYN_SENT2;

/** Columns: state before, NONE … SYN_SENT2. The client's side and the server's. */
const ORIGINAL: Readonly<Record<'syn' | 'synack' | 'fin' | 'ack' | 'rst', Row>> = {
  syn: [SS, SS, G, G, G, G, G, SS, SS, S2],
  synack: [X, X, SR, X, X, X, X, X, X, SR],
  fin: [X, X, FW, FW, LA, LA, LA, TW, CL, X],
  ack: [ES, X, ES, ES, CW, CW, TW, TW, CL, X],
  rst: [X, CL, CL, CL, CL, CL, CL, CL, CL, CL],
};
const REPLY: typeof ORIGINAL = {
  syn: [X, S2, X, X, X, X, X, SS, X, S2],
  synack: [X, SR, G, G, G, G, G, G, G, SR],
  fin: [X, X, FW, FW, LA, LA, LA, TW, CL, X],
  ack: [X, G, SR, ES, CW, CW, TW, TW, CL, G],
  rst: [X, CL, CL, CL, CL, CL, CL, CL, CL, CL],
};

/** nf_conntrack_tcp_timeout_*, in seconds, by state. */
const TIMEOUT_SECONDS: Row = [120, 120, 60, 432000, 120, 60, 30, 120, 10, 120];
const UNACKNOWLEDGED_SECONDS = 300;
const NS = 1e9;

function rowOf(flags: number): keyof typeof ORIGINAL | undefined {
  if ((flags & TCP_RST) !== 0) return 'rst';
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? 'synack' : 'syn';
  if ((flags & TCP_FIN) !== 0) return 'fin';
  return (flags & TCP_ACK) !== 0 ? 'ack' : undefined;
}

/** The state after this packet, INVALID or IGNORE. */
export function nextTcpState(state: number, flags: number, reply: boolean): number {
  const row = rowOf(flags);
  if (row === undefined) return INVALID;
  return (reply ? REPLY : ORIGINAL)[row][state] ?? INVALID;
}

/** A SYN on a closed connection opens a new one with the same addresses: the old entry goes. */
export function reopens(connection: Connection, flags: number, reply: boolean): boolean {
  const state = connection.tcpState;
  return !reply && (flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN && (state === TCP_TIME_WAIT || state === TCP_CLOSE);
}

/** Moves the connection on and refreshes its timeout. Sequence numbers are followed, windows are not: nothing is INVALID for being out of window. */
export function advanceTcp(connection: Connection, next: number, tcp: TcpHeader, payloadBytes: number, reply: boolean, nowNs: number): void {
  const before = connection.tcpState;
  connection.tcpState = next;
  if (!connection.assured && connection.seenReply && (before === TCP_SYN_RECV || before === TCP_ESTABLISHED) && next === TCP_ESTABLISHED)
    connection.assured = true;
  const own = reply ? 1 : 0;
  if (payloadBytes > 0) {
    connection.sentEnd[own] = (tcp.seq + payloadBytes) >>> 0;
    connection.unacknowledged = true;
  } else if ((tcp.flags & TCP_ACK) !== 0 && connection.unacknowledged) {
    const end = connection.sentEnd[1 - own] as number;
    if (((tcp.ack - end) | 0) >= 0) connection.unacknowledged = false;
  }
  let seconds = TIMEOUT_SECONDS[next] ?? 120;
  if (connection.unacknowledged && seconds > UNACKNOWLEDGED_SECONDS) seconds = UNACKNOWLEDGED_SECONDS;
  connection.expiresNs = nowNs + seconds * NS;
}

/** What a first packet makes of a fresh entry; INVALID when it cannot open one. A middle packet is taken up (tcp_loose). */
export const firstTcpState = (flags: number): number => nextTcpState(TCP_NONE, flags, false);
