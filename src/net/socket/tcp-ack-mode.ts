/**
 * What TCP remembers in order to choose when to acknowledge: the peer's segment size, quick ACKs left, whether it is a conversation (ping-pong mode), how long
 * an acknowledgement may wait. Linux: net/ipv4/tcp_input.c, net/ipv4/tcp_output.c.
 */
import type { SocketLayer } from './layer.ts';
import type { TcpSocket } from './sockets.ts';

/** TCP_ATO_MIN. */
export const ATO_MIN_NS = 40_000_000;
const MAX_QUICK_ACKS = 16;
const DEFAULT_MSS = 536;
const MIN_MSS = 88;
const TCP_HEADER_BYTES = 20;
const TIMESTAMP_BYTES = 12;

/** tcp_initialize_rcv_mss(): the first guess of how large the peer's segments are. */
export function initializeReceiveMss(socket: TcpSocket): void {
  socket.rcvMss = Math.max(MIN_MSS, Math.min(socket.advertisedMss, socket.sendMss, Math.floor(socket.rcvWnd / 2), DEFAULT_MSS));
  socket.rcvWup = socket.rcvNxt;
}

/** tcp_event_data_recv(): data has come in order. */
export function dataReceived(layer: SocketLayer, socket: TcpSocket, bytes: number, push: boolean): void {
  const { nowNs } = layer.kernel;
  socket.ackPending = true;
  measureReceiveMss(socket, bytes, push);
  if (socket.atoNs === 0) {
    addQuickAcks(socket);
    socket.atoNs = ATO_MIN_NS;
  } else {
    const gapNs = nowNs - socket.lastReceivedNs;
    if (gapNs <= ATO_MIN_NS / 2) socket.atoNs = socket.atoNs / 2 + ATO_MIN_NS / 2;
    else if (gapNs < socket.atoNs) socket.atoNs = Math.min(socket.rtoNs, socket.atoNs / 2 + gapNs);
    else if (gapNs > socket.rtoNs) addQuickAcks(socket);
  }
  socket.lastReceivedNs = nowNs;
}

/** tcp_measure_rcv_mss(): also notes that the segment looked like the end of a write. */
function measureReceiveMss(socket: TcpSocket, bytes: number, push: boolean): void {
  const last = socket.lastSegmentBytes;
  socket.lastSegmentBytes = 0;
  if (bytes >= socket.rcvMss) {
    socket.rcvMss = Math.min(bytes, socket.advertisedMss);
    if (push) socket.smallUnread = Math.max(1, socket.smallUnread);
    return;
  }
  const headerBytes = socket.timestamps ? TIMESTAMP_BYTES : 0;
  const withHeader = bytes + headerBytes + TCP_HEADER_BYTES;
  if (withHeader >= DEFAULT_MSS + TCP_HEADER_BYTES || (withHeader >= MIN_MSS + TCP_HEADER_BYTES && !push)) {
    socket.lastSegmentBytes = bytes;
    if (bytes === last) {
      socket.rcvMss = bytes;
      return;
    }
  }
  socket.smallUnread = Math.min(2, socket.smallUnread + 1);
}

function addQuickAcks(socket: TcpSocket): void {
  const count = Math.floor(socket.rcvWnd / (2 * socket.rcvMss)) || 2;
  socket.quickAcks = Math.max(socket.quickAcks, Math.min(count, MAX_QUICK_ACKS));
}

/** tcp_enter_quickack_mode(): the peer sends again what was here, so it should hear of it soon. */
export function enterQuickAckMode(socket: TcpSocket): void {
  addQuickAcks(socket);
  socket.pingPong = false;
  socket.atoNs = ATO_MIN_NS;
}

export function stopAckTimer(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.ackTimer < 0) return;
  layer.kernel.cancelTimer(socket.ackTimer);
  socket.ackTimer = -1;
}

/** tcp_event_ack_sent(): a segment with ACK leaves. */
export function acknowledgementSent(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.quickAcks > 0) {
    const used = socket.ackPending ? 1 : 0;
    if (used >= socket.quickAcks) {
      socket.quickAcks = 0;
      socket.atoNs = ATO_MIN_NS;
    } else socket.quickAcks -= used;
  }
  socket.ackPending = false;
  socket.smallUnread = 0;
  socket.rcvWup = socket.rcvNxt;
  if (socket.ackTimer >= 0) stopAckTimer(layer, socket);
}

/** tcp_event_data_sent(): data so soon behind what came is an answer; from now on answers carry the acknowledgements (tcp_pingpong_thresh = 1). */
export function dataSent(layer: SocketLayer, socket: TcpSocket): void {
  if (layer.kernel.nowNs - socket.lastReceivedNs < socket.atoNs) socket.pingPong = true;
}
