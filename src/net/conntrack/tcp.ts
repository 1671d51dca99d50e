/** How a TCP connection's state follows its packets, and how long each state is kept. Linux: net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_tcp_packet */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import {
  type Connection,
  EVENT_ASSURED,
  EVENT_PROTOCOL,
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
import { type ConntrackSettings, TIMEOUT_MAX_RETRANS, TIMEOUT_UNACKNOWLEDGED } from './settings.ts';
import {
  forgetSide,
  LAST_CHALLENGE,
  LAST_SIMULTANEOUS,
  newTcpTrack,
  SEGMENT_ACK,
  SEGMENT_FIN,
  SEGMENT_NONE,
  SEGMENT_RST,
  SEGMENT_SYN,
  SEGMENT_SYNACK,
  SIDE_CLOSED_FIRST,
  SIDE_LIBERAL,
  SIDE_MAX_ACK_SET,
  SIDE_SACKS,
  SIDE_SCALES,
  SIDE_UNACKNOWLEDGED,
  type TcpTrack,
} from './tcp-track.ts';
import { checkWindow, OUT_OF_WINDOW, PASSES, readSynOptions, segmentEnd } from './tcp-window.ts';

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

const ROWS = [ORIGINAL.syn, ORIGINAL.synack, ORIGINAL.fin, ORIGINAL.ack, ORIGINAL.rst] as const;
const REPLY_ROWS = [REPLY.syn, REPLY.synack, REPLY.fin, REPLY.ack, REPLY.rst] as const;

/** SEGMENT_*, by the flags (get_conntrack_index). */
export function segmentIndex(flags: number): number {
  if ((flags & TCP_RST) !== 0) return SEGMENT_RST;
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? SEGMENT_SYNACK : SEGMENT_SYN;
  if ((flags & TCP_FIN) !== 0) return SEGMENT_FIN;
  return (flags & TCP_ACK) !== 0 ? SEGMENT_ACK : SEGMENT_NONE;
}

/** Combinations of flags that a real TCP sends; PSH goes with all of them (tcp_valid_flags). */
export function hasValidFlags(flags: number): boolean {
  const f = flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
  return f === TCP_SYN || f === (TCP_SYN | TCP_ACK) || f === TCP_RST || f === (TCP_RST | TCP_ACK) || f === (TCP_FIN | TCP_ACK) || f === TCP_ACK;
}

/** The state after this packet, INVALID or IGNORE. */
export function nextTcpState(state: number, flags: number, reply: boolean): number {
  return (reply ? REPLY_ROWS : ROWS)[segmentIndex(flags)]?.[state] ?? INVALID;
}

/** Verdicts of `followTcp` beside INVALID and IGNORE. */
export const FOLLOWED = 0;
/** A SYN on a closed connection: the entry goes, and the packet is looked up again. */
export const REOPENS = -3;
/** A RST was the only answer: there never was a connection, and the entry goes. */
export const REFUSED = -4;

/** tcp_new(): what a first packet makes of a fresh entry; false when it cannot open one. A packet from the middle is taken up where tcp_loose allows it. */
export function startTcp(settings: ConntrackSettings, connection: Connection, tcp: TcpHeader, payloadBytes: number): boolean {
  const next = nextTcpState(TCP_NONE, tcp.flags, false);
  if (next < 0) return false;
  const track = newTcpTrack();
  const side = track.sides[0];
  side.end = segmentEnd(tcp, payloadBytes);
  side.maxWindow = tcp.window === 0 ? 1 : tcp.window;
  side.maxEnd = side.end;
  if (next === TCP_SYN_SENT) readSynOptions(side, tcp);
  else {
    if (!settings.loose) return false;
    side.maxEnd = (side.end + side.maxWindow) >>> 0;
    // The scale is not known any more: windows are taken liberally.
    side.flags = SIDE_SACKS | SIDE_LIBERAL;
    track.sides[1].flags = SIDE_SACKS | SIDE_LIBERAL;
  }
  connection.tcp = track;
  return true;
}

/** One more segment of a connection: moves its state, windows and time-out on. */
export function followTcp(settings: ConntrackSettings, connection: Connection, tcp: TcpHeader, payloadBytes: number, reply: boolean, nowNs: number): number {
  const track = connection.tcp as TcpTrack;
  const old = connection.tcpState;
  const index = segmentIndex(tcp.flags);
  let next = (reply ? REPLY_ROWS : ROWS)[index]?.[old] ?? INVALID;
  if (next === INVALID) return INVALID;
  if (next === TCP_SYN_SENT && old >= TCP_TIME_WAIT) {
    const closedFirst = ((track.sides[0].flags | track.sides[1].flags) & SIDE_CLOSED_FIRST) !== 0;
    if (closedFirst || (track.lastReply === reply && track.lastIndex === SEGMENT_RST)) return REOPENS;
    next = IGNORE;
  }
  let known = old;
  let skipWindow = false;
  if (next === IGNORE) {
    if (index !== SEGMENT_SYNACK || track.lastIndex !== SEGMENT_SYN || track.lastReply === reply || tcp.ack !== track.lastEnd) {
      noteIgnored(track, old, index, tcp, payloadBytes, reply);
      return IGNORE;
    }
    // It answers a SYN that was let through before: both ends agree on a new connection, and so does this entry now.
    adoptIgnoredSyn(track, reply);
    known = TCP_SYN_SENT;
    next = TCP_SYN_RECV;
  } else if (next === TCP_TIME_WAIT && expectsChallenge(track, old, index, reply)) {
    track.lastFlags &= ~LAST_CHALLENGE;
    return IGNORE;
  } else if (next === TCP_SYN_SENT2) track.lastFlags |= LAST_SIMULTANEOUS;
  else if (next === TCP_SYN_RECV && reply && index === SEGMENT_ACK && (track.lastFlags & LAST_SIMULTANEOUS) !== 0) next = TCP_ESTABLISHED;
  else if (next === TCP_CLOSE && index === SEGMENT_RST) {
    const reset = judgeReset(settings, connection, track, tcp, reply);
    if (reset === INVALID) return INVALID;
    if (reset === KEEPS_STATE) next = old;
    const answersIgnored = (connection.seenReply && track.lastIndex === SEGMENT_SYN) || (!connection.assured && track.lastIndex === SEGMENT_ACK);
    skipWindow = reset !== CLOSES && answersIgnored && tcp.ack === track.lastEnd;
  }
  if (!skipWindow) {
    const opening = known === TCP_SYN_SENT || known === TCP_SYN_RECV;
    const verdict = checkWindow(settings, track, index, tcp, payloadBytes, reply, opening, known === TCP_SYN_SENT);
    if (verdict === PASSES) return IGNORE;
    if (verdict === OUT_OF_WINDOW) {
      noteInvalidEnd(settings, connection, track, index, reply, nowNs);
      return INVALID;
    }
  }
  track.lastIndex = index;
  track.lastReply = reply;
  connection.tcpState = next;
  if (known !== next) {
    if (next === TCP_FIN_WAIT) track.sides[reply ? 1 : 0].flags |= SIDE_CLOSED_FIRST;
    connection.pendingEvents |= EVENT_PROTOCOL;
  }
  return refresh(settings, connection, track, known, next, index, nowNs);
}

/** How long the entry stays now. */
function refresh(settings: ConntrackSettings, connection: Connection, track: TcpTrack, old: number, next: number, index: number, nowNs: number): number {
  const timeouts = settings.tcpTimeoutsNs;
  const ofState = timeouts[next] as number;
  const ofRetransmission = timeouts[TIMEOUT_MAX_RETRANS] as number;
  const ofUnacknowledged = timeouts[TIMEOUT_UNACKNOWLEDGED] as number;
  let timeout = ofState;
  if (track.retransmissions >= settings.maxRetrans && ofState > ofRetransmission) timeout = ofRetransmission;
  else if (index === SEGMENT_RST) timeout = timeouts[TCP_CLOSE] as number;
  else if (((track.sides[0].flags | track.sides[1].flags) & SIDE_UNACKNOWLEDGED) !== 0 && ofState > ofUnacknowledged) timeout = ofUnacknowledged;
  else if (track.lastWindow === 0 && ofState > ofRetransmission) timeout = ofRetransmission;
  if (!connection.seenReply) {
    if (index === SEGMENT_RST) return REFUSED;
    // A repeated SYN does not keep the entry alive.
    if (index === SEGMENT_SYN && old === TCP_SYN_SENT) return IGNORE;
    // Taken up in the middle and not answered yet.
    if (next === TCP_ESTABLISHED && timeout > ofUnacknowledged) timeout = ofUnacknowledged;
  } else if (!connection.assured && next === TCP_ESTABLISHED && (old === TCP_SYN_RECV || old === TCP_ESTABLISHED)) {
    connection.assured = true;
    connection.pendingEvents |= EVENT_ASSURED;
  }
  connection.expiresNs = nowNs + timeout;
  return FOLLOWED;
}

const CLOSES = 0;
const KEEPS_STATE = 1;
const OPEN_QUESTION = 2;

const isOpen = (connection: Connection): boolean => connection.tcpState === TCP_ESTABLISHED && connection.assured;

/** A RST closes at once only with the very sequence number the other side expects; others may bring a challenge ACK (RFC 5961). */
function judgeReset(settings: ConntrackSettings, connection: Connection, track: TcpTrack, tcp: TcpHeader, reply: boolean): number {
  const other = track.sides[reply ? 0 : 1];
  if ((other.flags & SIDE_MAX_ACK_SET) === 0) return OPEN_QUESTION;
  const open = isOpen(connection);
  if (tcp.seq === 0 && !open) return CLOSES;
  if (((tcp.seq - other.maxAck) | 0) < 0 && !settings.ignoreInvalidRst) return INVALID;
  if (!open || tcp.seq === other.maxAck) return CLOSES;
  // Right behind the data of the same sender.
  if (track.lastIndex === SEGMENT_ACK && track.lastReply === reply && tcp.seq === track.lastEnd) return CLOSES;
  return KEEPS_STATE;
}

/** The real connection may be another than we think: let it through, and remember it, so that the answer can be understood. */
function noteIgnored(track: TcpTrack, state: number, index: number, tcp: TcpHeader, payloadBytes: number, reply: boolean): void {
  track.lastIndex = index;
  track.lastReply = reply;
  track.lastSeq = tcp.seq;
  track.lastEnd = segmentEnd(tcp, payloadBytes);
  track.lastWindow = tcp.window;
  if (index === SEGMENT_SYN && !reply) {
    track.lastFlags = 0;
    track.lastScale = 0;
    const { sackPermitted, windowScale } = tcp.options;
    if (windowScale !== undefined) {
      track.lastFlags |= SIDE_SCALES;
      track.lastScale = Math.min(14, windowScale);
    }
    if (sackPermitted === true) track.lastFlags |= SIDE_SACKS;
    if (state === TCP_LAST_ACK) track.lastFlags |= LAST_CHALLENGE;
  }
  if (state === TCP_SYN_SENT && index === SEGMENT_ACK && reply) track.lastAck = tcp.ack;
}

function adoptIgnoredSyn(track: TcpTrack, reply: boolean): void {
  const opener = track.sides[track.lastReply ? 1 : 0];
  opener.end = track.lastEnd;
  opener.maxEnd = track.lastEnd;
  opener.maxWindow = track.lastWindow === 0 ? 1 : track.lastWindow;
  opener.scale = track.lastScale;
  opener.flags = track.lastFlags & ~LAST_CHALLENGE;
  track.lastFlags = 0;
  forgetSide(track.sides[reply ? 1 : 0]);
}

const expectsChallenge = (track: TcpTrack, old: number, index: number, reply: boolean): boolean =>
  old === TCP_LAST_ACK && index === SEGMENT_ACK && track.lastReply !== reply && track.lastIndex === SEGMENT_SYN && (track.lastFlags & LAST_CHALLENGE) !== 0;

/** nf_tcp_handle_invalid(): FINs or RSTs that are out of window in both directions: both ends have done with it, so the entry need not stay for days. */
function noteInvalidEnd(settings: ConntrackSettings, connection: Connection, track: TcpTrack, index: number, reply: boolean, nowNs: number): void {
  if (!connection.assured || (index !== SEGMENT_RST && index !== SEGMENT_FIN)) return;
  if (track.lastReply === reply || (track.lastIndex !== SEGMENT_FIN && track.lastIndex !== SEGMENT_RST)) {
    track.lastIndex = index;
    track.lastReply = reply;
    return;
  }
  const leftNs = connection.expiresNs - nowNs;
  const unacknowledgedNs = settings.tcpTimeoutsNs[TIMEOUT_UNACKNOWLEDGED] as number;
  if (leftNs >= 120e9 && leftNs > unacknowledgedNs) connection.expiresNs = nowNs + unacknowledgedNs;
}
