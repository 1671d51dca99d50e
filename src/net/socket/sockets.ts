/** Endpoints of TCP, UDP and ping as the socket layer keeps them: flat records, changed in place, copied for snapshots. */
import type { Errno } from '../stack/userland.ts';
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
  localIp: Ip;
  localPort: number;
  remoteIp: Ip;
  remotePort: number;
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
  readonly retransmitted: boolean;
}

export interface TcpSocket extends SocketBase {
  readonly protocol: 'tcp';
  state: TcpState;
  /** Of a connection that came in: the listening socket's id, -1 otherwise. */
  listener: number;
  /** LISTEN: how many connections may wait; and those in SYN-RECV. */
  backlog: number;
  halfOpen: number;

  /** Initial send sequence number and the usual pointers of RFC 9293 section 3.3.1, unsigned 32-bit. */
  iss: number;
  sndUna: number;
  sndNxt: number;
  sndWnd: number;
  sndScale: number;
  /** Sequence and acknowledgement of the segment that last set sndWnd (SND.WL1, SND.WL2). */
  sndWl1: number;
  sndWl2: number;
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

  unacked: Segment[];
  /** Not sent yet. */
  queue: Payload[];
  closeRequested: boolean;
  finSent: boolean;
  peerFinished: boolean;
  early: Segment[];
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
  /** Kernel timer, -1 none. */
  timer: number;
  /** FIN-WAIT-2 of an orphan and TIME-WAIT end then; checked lazily, so that nobody waits for them. -1: no end. */
  expiresNs: number;
  softError: Errno | undefined;
  ipId: number;
  /** sk_txhash: every packet of the socket has it; another one is drawn when a retransmission timer runs out. */
  txHash: number;
}

export interface UdpSocket extends SocketBase {
  readonly protocol: 'udp';
  connected: boolean;
  /** sk_txhash of a connected socket; 0 otherwise, when tunnels look at the addresses. */
  txHash: number;
}

export interface EchoSocket extends SocketBase {
  readonly protocol: 'icmp';
}

export type Socket = TcpSocket | UdpSocket | EchoSocket;

export function copySocket<S extends Socket>(socket: S): S {
  const copy = { ...socket };
  if (copy.protocol === 'tcp') {
    copy.unacked = copy.unacked.slice();
    copy.queue = copy.queue.slice();
    copy.early = copy.early.slice();
  }
  return copy;
}
