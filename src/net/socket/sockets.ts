/** Endpoints of TCP, UDP and ping as the socket layer keeps them: flat records, changed in place, copied for snapshots. */

import type { Endpoint } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import type { BpfNote } from '../trace/emit.ts';
import type { Ip, Payload } from '../wire/packet.ts';

/** As `ss` names them. */
export type TcpState =
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECV'
  | 'ESTAB'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'
  | 'CLOSED';

interface SocketBase {
  readonly id: number;
  readonly netns: string;
  /** Id of the process; '' once it let go (orphan, TIME-WAIT). */
  processId: string;
  /** Its name, for the log. */
  processName: string;
  /** Whose it is; absent: root's. */
  readonly uid?: number | undefined;
  localIp: Ip;
  localPort: number;
  remoteIp: Ip;
  remotePort: number;
  /** Bound to `::`: IPv4 is none of its business (IPV6_V6ONLY, net.ipv6.bindv6only). */
  v6only?: boolean;
  /** An AF_INET6 socket that talks IPv4: its addresses show as `::ffff:10.0.0.1`. */
  mapped?: boolean;
  /** What the log says it is: `tcp 10.244.1.3:80`. */
  label: string;
}

/** A piece of what was sent and is not yet acknowledged, or of what came too early. `fin` takes one sequence number after the payload. */
export interface Segment {
  readonly seq: number;
  readonly payload: Payload | undefined;
  readonly fin: boolean;
  readonly push: boolean;
  /** Payload bytes plus one for SYN or FIN. */
  readonly length: number;
  readonly sentNs: number;
  /** How often it was sent again. */
  readonly retransmissions: number;
  /** Sent: the receiver has it beyond a gap (SACK). */
  readonly sacked: boolean;
  /** Sent: taken for lost, and not sent again since. */
  readonly lost: boolean;
}

/** What the timer of a socket's sending side is for (icsk_pending). */
export type TimerPurpose = 'retransmit' | 'probe' | 'loss-probe';

export interface TcpSocket extends SocketBase {
  /** SO_MARK; 0: none. */
  mark: number;
  /** Whom the log names as the maker of its packets. */
  maker: string;
  readonly protocol: 'tcp';
  state: TcpState;
  /** Of a connection that came in: the listening socket's id, -1 otherwise. */
  listener: number;
  /** LISTEN: how many connections may wait; those in SYN-RECV; and when SYN cookies were last sent (-1 never). */
  backlog: number;
  halfOpen: number;
  cookiesSentNs: number;

  /** Initial send sequence number and the usual pointers of RFC 9293 section 3.3.1, unsigned 32-bit. */
  iss: number;
  sndUna: number;
  sndNxt: number;
  sndWnd: number;
  sndScale: number;
  /** Sequence number of the segment that last set sndWnd (SND.WL1), and the largest window ever. */
  sndWl1: number;
  maxSndWnd: number;
  irs: number;
  rcvNxt: number;
  rcvWnd: number;
  rcvScale: number;

  /** What we announce, and the largest payload we send. */
  advertisedMss: number;
  sendMss: number;
  peerMss: number;
  pathMtu: number;

  sackPermitted: boolean;
  timestamps: boolean;
  timestampOffset: number;
  timestampRecent: number;

  cwndBytes: number;
  ssthreshBytes: number;
  duplicateAcks: number;
  /** Loss recovery: none, fast (SACK or three duplicates), or after a time-out; it ends when this sequence number is acknowledged. */
  recovery: 'open' | 'fast' | 'loss';
  recoverySeq: number;
  /** Segments in `unacked` that are sacked or lost: while there are none nothing needs to be counted. */
  marked: number;
  /** Nagle: small segments go out at once; the end of the last small one sent. */
  noDelay: boolean;
  smallSentEnd: number;
  /** Bound with SO_REUSEADDR, SO_REUSEPORT. */
  reusePort: boolean;

  unacked: Segment[];
  /** Not sent yet. */
  queue: Payload[];
  closeRequested: boolean;
  finSent: boolean;
  peerFinished: boolean;
  /** Came too early, in order of their sequence numbers; and which of them last, for the first SACK block. */
  early: Segment[];
  earlyLastSeq: number;
  /** A segment that was here before: the next ACK says so (RFC 2883). */
  duplicate: readonly [number, number] | undefined;
  /** What was taken and not read by the program while it does not read. */
  reading: boolean;
  unread: Payload[];
  unreadBytes: number;
  receiveBufferBytes: number;
  windowClamp: number;
  rcvSsthresh: number;
  /** How much the program read since then, and how much it is thought to read in a round trip. */
  readSinceNs: number;
  readBytes: number;
  readSpace: number;
  receiveRttNs: number;
  /** Something has come that was not acknowledged yet (inet_csk_ack_scheduled). */
  ackPending: boolean;
  /** RCV.WUP: rcvNxt as the peer last heard of it. */
  rcvWup: number;
  /** How large the peer's segments seem to be, and the size of the last one that did not look like the end of a write. */
  rcvMss: number;
  lastSegmentBytes: number;
  /** Segments not yet acknowledged that looked like the end of a write: 0, 1, or 2 for more. */
  smallUnread: number;
  /** How many acknowledgements still go out at once. */
  quickAcks: number;
  /** A conversation: answers carry the acknowledgements. */
  pingPong: boolean;
  /** The delayed acknowledgement's wait (0 before the first data), its end and its timer (-1 none). */
  atoNs: number;
  ackDueNs: number;
  ackTimer: number;
  lastReceivedNs: number;

  smoothedRttNs: number;
  rttVarianceNs: number;
  rtoNs: number;
  retries: number;
  /** When the segment that is being repeated was first sent again; -1 while nothing is. */
  stalledSinceNs: number;
  /** A tail loss probe is out: the next sequence number when it was sent (tlp_high_seq), -1 when none is. */
  probedUpTo: number;
  /** Kernel timer, -1 none; what for, and when it fires. */
  timer: number;
  timerPurpose: TimerPurpose;
  timerDueNs: number;
  /** Zero-window or keep-alive probes that went unanswered, and how often the wait between zero-window probes was doubled. */
  probes: number;
  probeBackoff: number;
  /** SO_KEEPALIVE: 0 when off. */
  keepIdleNs: number;
  keepIntervalNs: number;
  keepProbes: number;
  keepTimer: number;
  keepDueNs: number;
  /** An ACK for something out of window is sent at most every half second. */
  outOfWindowNs: number;
  /** What `ss -i` counts. */
  bytesSent: number;
  bytesAcked: number;
  bytesReceived: number;
  bytesRetransmitted: number;
  segmentsOut: number;
  segmentsIn: number;
  dataSegmentsOut: number;
  dataSegmentsIn: number;
  retransmissions: number;
  lastSentNs: number;
  lastAckNs: number;
  minRttNs: number;
  /** FIN-WAIT-2 of an orphan and TIME-WAIT end then; checked lazily, so that nobody waits for them. -1: no end. */
  expiresNs: number;
  softError: Errno | undefined;
  ipId: number;
  /** sk_txhash: every packet of the socket has it; another one is drawn when a retransmission timer runs out. */
  txHash: number;
}

export interface UdpSocket extends SocketBase {
  /** What a BPF program made of its connect(): the first datagram tells it. */
  note?: BpfNote | undefined;
  readonly protocol: 'udp';
  connected: boolean;
  reusePort: boolean;
  /** SO_BINDTODEVICE: '' for none. */
  device: string;
  /** IP_RECVERR: ICMP errors come to it although it is not connected. */
  wantsErrors: boolean;
  /** sk_txhash of a connected socket; 0 otherwise, when tunnels look at the addresses. */
  txHash: number;
  /** While its program does not read: datagrams in the receive buffer, replaced as a whole. */
  unread?: readonly UnreadDatagram[] | undefined;
}

export interface UnreadDatagram {
  readonly payload: Payload;
  readonly from: Endpoint;
  readonly ttl: number;
  /** The row that it was delivered by. */
  readonly causeSeq: number;
}

export interface EchoSocket extends SocketBase {
  readonly protocol: 'icmp';
}

/** RFC 9260 section 4. */
export type SctpState =
  | 'LISTEN'
  | 'COOKIE-WAIT'
  | 'COOKIE-ECHOED'
  | 'ESTABLISHED'
  | 'SHUTDOWN-PENDING'
  | 'SHUTDOWN-SENT'
  | 'SHUTDOWN-RECEIVED'
  | 'SHUTDOWN-ACK-SENT'
  | 'CLOSED';

/** A listener, or an association. Numbers are unsigned 32-bit. */
export interface SctpSocket extends SocketBase {
  readonly protocol: 'sctp';
  state: SctpState;
  /** Of an association that came in: the listener's id, -1 otherwise. */
  listener: number;
  /** What packets to this side carry, and those to the other; 0 while unknown. */
  localTag: number;
  peerTag: number;
  nextTsn: number;
  nextSequence: number;
  /** The last that came in order. */
  receivedTsn: number;
  cookie: string;
  unacked: { readonly tsn: number; readonly sequence: number; readonly payload: Payload }[];
  queue: Payload[];
  /** Packets with data that are not acknowledged yet; -1 before the first. */
  owedSacks: number;
  rtoNs: number;
  retries: number;
  /** Kernel timers, -1 none. */
  timer: number;
  sackTimer: number;
  pathMtu: number;
  txHash: number;
}

export type Socket = TcpSocket | UdpSocket | EchoSocket | SctpSocket;

export function copySocket<S extends Socket>(socket: S): S {
  const copy = { ...socket };
  if (copy.protocol === 'tcp') {
    copy.unacked = copy.unacked.slice();
    copy.queue = copy.queue.slice();
    copy.early = copy.early.slice();
    copy.unread = copy.unread.slice();
  }
  if (copy.protocol === 'sctp') {
    copy.unacked = copy.unacked.slice();
    copy.queue = copy.queue.slice();
  }
  return copy;
}
