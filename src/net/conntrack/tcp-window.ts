/** Whether a segment lies in its connection's windows, and what it moves there. Linux: net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import type { ConntrackSettings } from './settings.ts';
import { SEGMENT_ACK, SIDE_LIBERAL, SIDE_MAX_ACK_SET, SIDE_SACKS, SIDE_SCALES, SIDE_UNACKNOWLEDGED, type TcpSide, type TcpTrack } from './tcp-track.ts';

export const IN_WINDOW = 0;
/** Passes and changes nothing. */
export const PASSES = 1;
export const OUT_OF_WINDOW = 2;
export type WindowVerdict = typeof IN_WINDOW | typeof PASSES | typeof OUT_OF_WINDOW;

/** How far behind an acknowledgement may be, at least (MAXACKWINCONST). */
const MIN_ACK_WINDOW = 66000;
const MAX_SCALE = 14;

const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
const after = (a: number, b: number): boolean => ((a - b) | 0) > 0;

/** Sequence number behind a segment. */
export const segmentEnd = (tcp: TcpHeader, payloadBytes: number): number =>
  (tcp.seq + payloadBytes + ((tcp.flags & TCP_SYN) !== 0 ? 1 : 0) + ((tcp.flags & TCP_FIN) !== 0 ? 1 : 0)) >>> 0;

/** tcp_options(): what a SYN says of its sender. */
export function readSynOptions(side: TcpSide, tcp: TcpHeader): void {
  side.scale = 0;
  side.flags = 0;
  const { sackPermitted, windowScale } = tcp.options;
  if (sackPermitted === true) side.flags |= SIDE_SACKS;
  if (windowScale !== undefined) {
    side.scale = Math.min(windowScale, MAX_SCALE);
    side.flags |= SIDE_SCALES;
  }
}

/** The side's first SYN, or another one (RFC 9293: a reopened connection need only use a later sequence number). */
function startSide(sender: TcpSide, receiver: TcpSide, tcp: TcpHeader, end: number, reply: boolean): void {
  sender.end = end;
  sender.maxEnd = end;
  sender.maxWindow = tcp.window === 0 ? 1 : tcp.window;
  readSynOptions(sender, tcp);
  // RFC 7323: both must offer scaling.
  if (reply && (sender.flags & receiver.flags & SIDE_SCALES) === 0) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/**
 * The four conditions of real stateful filtering: not beyond what the receiver allows, not before what it has left behind, no acknowledgement of
 * what was not sent, none that is too old. `opening`: the connection is in SYN_SENT or SYN_RECV; `synSent`: in SYN_SENT.
 */
export function checkWindow(
  settings: ConntrackSettings,
  track: TcpTrack,
  index: number,
  tcp: TcpHeader,
  payloadBytes: number,
  reply: boolean,
  opening: boolean,
  synSent: boolean,
): WindowVerdict {
  const sender = track.sides[reply ? 1 : 0];
  const receiver = track.sides[reply ? 0 : 1];
  const { flags } = tcp;
  const isSyn = (flags & TCP_SYN) !== 0;
  const hasAck = (flags & TCP_ACK) !== 0;
  const liberal = settings.beLiberal || (sender.flags & SIDE_LIBERAL) !== 0;
  let { seq, ack } = tcp;
  let end = segmentEnd(tcp, payloadBytes);
  let sack = ack;
  if ((receiver.flags & SIDE_SACKS) !== 0 && tcp.options.sack !== undefined) for (const [, right] of tcp.options.sack) if (after(right, sack)) sack = right;

  if (sender.maxWindow === 0) {
    if (isSyn) {
      startSide(sender, receiver, tcp, end, reply);
      if (!hasAck) return IN_WINDOW;
    } else {
      // In the middle of a connection: what this packet says must do.
      sender.end = end;
      const window = tcp.window * 2 ** sender.scale;
      sender.maxWindow = window === 0 ? 1 : window;
      sender.maxEnd = (end + sender.maxWindow) >>> 0;
      if (receiver.maxWindow === 0) {
        receiver.end = sack;
        receiver.maxEnd = sack;
      }
    }
  } else if (isSyn && opening && after(end, sender.end)) {
    startSide(sender, receiver, tcp, end, reply);
    if (reply && !hasAck) return IN_WINDOW;
  }

  if (!hasAck || ((flags & TCP_RST) !== 0 && ack === 0)) {
    ack = receiver.end;
    sack = ack;
  }
  if ((flags & TCP_RST) !== 0 && seq === 0 && synSent) {
    // The answer to a SYN: its own sequence number means nothing.
    seq = sender.end;
    end = sender.end;
  }

  const ackFloor = (receiver.end - Math.max(sender.maxWindow, MIN_ACK_WINDOW) - 1) >>> 0;
  const sequenceFloor = (sender.end - receiver.maxWindow - 1) >>> 0;
  if (!before(seq, (sender.maxEnd + 1) >>> 0)) {
    const overshot = (end - sender.maxEnd + 1) >>> 0;
    const onlyTooMuch =
      receiver.maxWindow !== 0 &&
      after(end, sequenceFloor) &&
      after(sack, ackFloor) &&
      overshot <= receiver.maxWindow &&
      before(sack, (receiver.end + 1) >>> 0);
    if (onlyTooMuch && settings.acceptsBeyond) {
      // A sender that goes a little beyond the window: should the peer acknowledge it all the same, that acknowledgement is believed.
      sender.end = end;
      sender.flags |= SIDE_UNACKNOWLEDGED;
    }
    return liberal ? IN_WINDOW : onlyTooMuch && settings.acceptsBeyond ? PASSES : OUT_OF_WINDOW;
  }
  if (!before(sack, (receiver.end + 1) >>> 0)) return liberal ? IN_WINDOW : OUT_OF_WINDOW;
  if ((receiver.maxWindow !== 0 && !after(end, sequenceFloor)) || !after(sack, ackFloor))
    return liberal ? IN_WINDOW : settings.acceptsLate ? PASSES : OUT_OF_WINDOW;

  const window = isSyn ? tcp.window : tcp.window * 2 ** sender.scale;
  const reach = window + ((sack - ack) >>> 0);
  if (sender.maxWindow < reach) sender.maxWindow = reach;
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= SIDE_UNACKNOWLEDGED;
  }
  if (hasAck && ((sender.flags & SIDE_MAX_ACK_SET) === 0 || after(ack, sender.maxAck))) {
    sender.maxAck = ack;
    sender.flags |= SIDE_MAX_ACK_SET;
  }
  if (receiver.maxWindow !== 0 && after(end, sender.maxEnd)) receiver.maxWindow += (end - sender.maxEnd) >>> 0;
  const allowed = (sack + window) >>> 0;
  if (after(allowed, (receiver.maxEnd - 1) >>> 0)) receiver.maxEnd = window === 0 ? (allowed + 1) >>> 0 : allowed;
  if (ack === receiver.end) receiver.flags &= ~SIDE_UNACKNOWLEDGED;
  if (index === SEGMENT_ACK) noteRepeated(track, reply, seq, ack, end, tcp.window);
  return IN_WINDOW;
}

function noteRepeated(track: TcpTrack, reply: boolean, seq: number, ack: number, end: number, window: number): void {
  if (track.lastReply === reply && track.lastSeq === seq && track.lastAck === ack && track.lastEnd === end && track.lastWindow === window) {
    track.retransmissions += 1;
    return;
  }
  track.lastReply = reply;
  track.lastSeq = seq;
  track.lastAck = ack;
  track.lastEnd = end;
  track.lastWindow = window;
  track.retransmissions = 0;
}
