/** What conntrack remembers of a TCP connection beside its state: how far each side has sent, acknowledged and may send. Linux: include/linux/netfilter/nf_conntrack_tcp.h */

/** Which of the rows of the state table a segment is; a connection remembers the last. */
export const SEGMENT_SYN = 0;
export const SEGMENT_SYNACK = 1;
export const SEGMENT_FIN = 2;
export const SEGMENT_ACK = 3;
export const SEGMENT_RST = 4;
export const SEGMENT_NONE = 5;

/** IP_CT_TCP_FLAG_*: of one side. */
export const SIDE_SCALES = 1;
export const SIDE_SACKS = 2;
export const SIDE_CLOSED_FIRST = 4;
export const SIDE_LIBERAL = 8;
export const SIDE_UNACKNOWLEDGED = 16;
export const SIDE_MAX_ACK_SET = 32;
/** Of `lastFlags` only: a SYN in LAST_ACK may bring a challenge ACK; both sides opened at once. */
export const LAST_CHALLENGE = 64;
export const LAST_SIMULTANEOUS = 128;

/** struct ip_ct_tcp_state; sequence numbers are unsigned 32-bit. */
export interface TcpSide {
  /** Highest sequence number + length it has sent. */
  end: number;
  /** The other side allows it to send up to here. */
  maxEnd: number;
  /** The largest window it has announced, 0 while it has sent nothing. */
  maxWindow: number;
  /** The highest acknowledgement it has sent. */
  maxAck: number;
  /** log2 of its window scale. */
  scale: number;
  flags: number;
}

export interface TcpTrack {
  readonly sides: readonly [TcpSide, TcpSide];
  /** SEGMENT_*. */
  lastIndex: number;
  lastReply: boolean;
  lastSeq: number;
  lastAck: number;
  lastEnd: number;
  lastWindow: number;
  lastScale: number;
  lastFlags: number;
  /** How often in a row the very same ACK was seen. */
  retransmissions: number;
}

const newSide = (): TcpSide => ({ end: 0, maxEnd: 0, maxWindow: 0, maxAck: 0, scale: 0, flags: 0 });

export function newTcpTrack(): TcpTrack {
  return {
    sides: [newSide(), newSide()],
    lastIndex: SEGMENT_NONE,
    lastReply: false,
    lastSeq: 0,
    lastAck: 0,
    lastEnd: 0,
    lastWindow: 0,
    lastScale: 0,
    lastFlags: 0,
    retransmissions: 0,
  };
}

export function copyTcpTrack(from: TcpTrack): TcpTrack {
  return { ...from, sides: [{ ...from.sides[0] }, { ...from.sides[1] }] };
}

export function forgetSide(side: TcpSide): void {
  side.end = 0;
  side.maxEnd = 0;
  side.maxWindow = 0;
  side.maxAck = 0;
  side.scale = 0;
  side.flags = 0;
}
