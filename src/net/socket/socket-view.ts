/** What people see of sockets: `ss`, `netstat`, /proc/net/tcp. */
import { formatIp } from '../addr/ip.ts';
import type { SocketView, TcpSocketView } from '../engine.ts';
import type { Ip } from '../wire/packet.ts';
import { seqDistance } from './sequence.ts';
import type { Socket, TcpSocket } from './sockets.ts';
import { trueSize } from './udp.ts';

/** A socket's own state (sctp_sk state), which knows fewer than its association. Linux: net/sctp/diag.c */
const SCTP_SS_STATES: Readonly<Record<string, string>> = {
  LISTEN: 'LISTEN',
  'COOKIE-WAIT': 'CLOSED',
  'COOKIE-ECHOED': 'CLOSED',
  CLOSED: 'CLOSED',
  'SHUTDOWN-RECEIVED': 'CLOSE-WAIT',
};

export function socketView(socket: Socket, nowNs: number): SocketView | undefined {
  if (socket.protocol === 'icmp') return undefined;
  const shown = (ip: Ip): string => (socket.mapped === true ? `::ffff:${formatIp(ip)}` : formatIp(ip));
  const wildcard = socket.remotePort === 0;
  const common = {
    netns: socket.netns,
    protocol: socket.protocol,
    localIp: shown(socket.localIp),
    localPort: socket.localPort,
    remoteIp: wildcard && typeof socket.localIp === 'bigint' ? '::' : shown(socket.remoteIp),
    ...(socket.v6only === true ? { v6only: true } : {}),
    remotePort: socket.remotePort,
    process: socket.processId === '' ? '' : socket.processName,
    processId: socket.processId,
    socketId: socket.id,
  };
  if (socket.protocol === 'udp') {
    // ss shows the memory that they take (sk_rmem_alloc).
    const receiveQueue = (socket.unread ?? []).reduce((sum, { payload }) => sum + trueSize(payload.bytes), 0);
    return { ...common, state: socket.connected ? 'ESTAB' : 'UNCONN', device: socket.device, receiveQueue, sendQueue: 0 };
  }
  // sk_max_ack_backlog of Go's and ncat's listeners; what is not acknowledged counts as sent.
  if (socket.protocol === 'sctp')
    return { ...common, state: SCTP_SS_STATES[socket.state] ?? 'ESTAB', device: '', receiveQueue: 0, sendQueue: socket.state === 'LISTEN' ? 128 : 0 };
  const listening = socket.state === 'LISTEN';
  const pending = socket.queue.reduce((sum, payload) => sum + payload.bytes, 0);
  const endReceived = socket.state === 'CLOSE-WAIT' && !socket.reading ? 1 : 0;
  return {
    ...common,
    state: socket.state,
    device: '',
    // Programs accept at once, so that none waits.
    receiveQueue: listening ? 0 : socket.unreadBytes + endReceived,
    sendQueue: listening ? socket.backlog : socket.state === 'TIME-WAIT' ? 0 : Math.max(0, seqDistance(socket.sndNxt, socket.sndUna)) + pending,
    tcp: tcpView(socket, nowNs),
  };
}

function timerOf(socket: TcpSocket, nowNs: number): TcpSocketView['timer'] {
  if (socket.state === 'TIME-WAIT' || (socket.state === 'FIN-WAIT-2' && socket.expiresNs >= 0))
    return { name: 'timewait', leftNs: Math.max(0, socket.expiresNs - nowNs), retransmissions: 0 };
  if (socket.timer >= 0) {
    const name = socket.timerPurpose === 'probe' ? 'persist' : 'on';
    return { name, leftNs: Math.max(0, socket.timerDueNs - nowNs), retransmissions: name === 'persist' ? socket.probes : socket.retries };
  }
  return socket.keepTimer >= 0 ? { name: 'keepalive', leftNs: Math.max(0, socket.keepDueNs - nowNs), retransmissions: socket.probes } : undefined;
}

function shutdownOf(socket: TcpSocket): TcpSocketView['shutdown'] {
  if (socket.state === 'TIME-WAIT') return 'both';
  if (socket.closeRequested) return socket.peerFinished || socket.processId === '' ? 'both' : 'send';
  return socket.peerFinished ? 'receive' : 'none';
}

function tcpView(socket: TcpSocket, nowNs: number): TcpSocketView {
  const timer = timerOf(socket, nowNs);
  const mss = Math.max(1, socket.sendMss);
  const count = (test: (segment: TcpSocket['unacked'][number]) => boolean): number => socket.unacked.filter(test).length;
  return {
    ...(timer === undefined ? {} : { timer }),
    timestamps: socket.timestamps,
    sack: socket.sackPermitted,
    sendScale: socket.sndScale,
    receiveScale: socket.rcvScale,
    rtoNs: socket.rtoNs,
    rttNs: socket.smoothedRttNs,
    rttVarianceNs: socket.rttVarianceNs,
    minRttNs: socket.minRttNs,
    atoNs: socket.atoNs,
    mss: socket.sendMss,
    pathMtu: socket.pathMtu,
    receiveMss: socket.rcvMss,
    advertisedMss: socket.advertisedMss - (socket.timestamps ? 12 : 0),
    cwnd: Math.max(1, Math.round(socket.cwndBytes / mss)),
    ...(socket.ssthreshBytes === Number.MAX_SAFE_INTEGER ? {} : { ssthresh: Math.round(socket.ssthreshBytes / mss) }),
    bytesSent: socket.bytesSent,
    bytesAcked: socket.bytesAcked,
    bytesReceived: socket.bytesReceived,
    bytesRetransmitted: socket.bytesRetransmitted,
    segmentsOut: socket.segmentsOut,
    segmentsIn: socket.segmentsIn,
    dataSegmentsOut: socket.dataSegmentsOut,
    dataSegmentsIn: socket.dataSegmentsIn,
    unacked: socket.unacked.length,
    retransmissionsNow: count((segment) => segment.retransmissions > 0),
    retransmissions: socket.retransmissions,
    lost: count((segment) => segment.lost),
    sacked: count((segment) => segment.sacked),
    lastSentNs: socket.lastSentNs,
    lastReceivedNs: socket.lastReceivedNs,
    lastAckNs: socket.lastAckNs,
    receiveSpace: socket.readSpace,
    receiveSsthresh: socket.rcvSsthresh,
    sendWindow: socket.sndWnd,
    receiveBufferBytes: socket.receiveBufferBytes,
    shutdown: shutdownOf(socket),
  };
}
