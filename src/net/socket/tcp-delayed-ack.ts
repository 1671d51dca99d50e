/**
 * When TCP says that data has come: at once while a connection is young (quick ACKs), on the answer once it is a conversation (ping-pong mode), else when the
 * program reads, for each second full segment, or when the delayed acknowledgement's timer runs out. Linux: net/ipv4/tcp_input.c, net/ipv4/tcp_timer.c.
 */
import type { SocketLayer } from './layer.ts';
import { seqDistance } from './sequence.ts';
import type { TcpSocket } from './sockets.ts';
import { ATO_MIN_NS, stopAckTimer } from './tcp-ack-mode.ts';
import { sendAck } from './tcp-output.ts';

/** TCP_DELACK_MAX. */
const DELAYED_ACK_MAX_NS = 200_000_000;
/** How long an acknowledgement may wait between packets that come far apart. */
const ATO_LIMIT_NS = 500_000_000;
/** A timer of no delay fires at the next tick of the clock (CONFIG_HZ=250). */
const TICK_NS = 4_000_000;

/**
 * __tcp_ack_snd_check(), and tcp_cleanup_rbuf() behind it: programs here read at once. What is not acknowledged now waits until the program has had its
 * chance to answer, and then for the timer.
 */
export function acknowledgeIfDue(layer: SocketLayer, socket: TcpSocket, filledGap: boolean): void {
  if (!socket.ackPending) return;
  const moreThanOneSegment = seqDistance(socket.rcvNxt, socket.rcvWup) > socket.rcvMss;
  const quick = socket.quickAcks > 0 && !socket.pingPong;
  const read = socket.smallUnread === 2 || (socket.smallUnread === 1 && !socket.pingPong);
  if (filledGap || moreThanOneSegment || quick || read || socket.early.length > 0) {
    sendAck(layer, socket);
    return;
  }
  delayAck(layer, socket);
}

/** tcp_send_delayed_ack(). */
function delayAck(layer: SocketLayer, socket: TcpSocket): void {
  let { atoNs } = socket;
  if (atoNs > ATO_MIN_NS) {
    let most = socket.pingPong || socket.smallUnread > 0 ? DELAYED_ACK_MAX_NS : ATO_LIMIT_NS;
    if (socket.smoothedRttNs > 0) most = Math.min(most, Math.max(socket.smoothedRttNs, ATO_MIN_NS));
    atoNs = Math.min(atoNs, most);
  }
  atoNs = Math.min(atoNs, DELAYED_ACK_MAX_NS);
  const { nowNs } = layer.kernel;
  if (socket.ackTimer >= 0 && socket.ackDueNs <= nowNs + atoNs / 4) {
    sendAck(layer, socket);
    return;
  }
  const dueNs = nowNs + Math.max(TICK_NS, Math.round(atoNs));
  if (socket.ackTimer >= 0 && socket.ackDueNs <= dueNs) return;
  stopAckTimer(layer, socket);
  socket.ackDueNs = dueNs;
  layer.acknowledgeLater(socket);
}

/** The program has had its chance, and its answer did not carry the acknowledgement. */
export function startAckTimer(layer: SocketLayer, socket: TcpSocket): void {
  if (!socket.ackPending || socket.ackTimer >= 0 || socket.state === 'CLOSED') return;
  socket.ackTimer = layer.kernel.setTimer(socket.ackDueNs - layer.kernel.nowNs, { kind: 'socket', socket: socket.id, tag: 'delayed-ack' });
}

/** tcp_delack_timer_handler(). */
export function ackTimeout(layer: SocketLayer, socket: TcpSocket): void {
  socket.ackTimer = -1;
  layer.causeSeq = -1;
  if (!socket.ackPending) return;
  if (!socket.pingPong) socket.atoNs = Math.min(socket.atoNs * 2, socket.rtoNs);
  else {
    socket.pingPong = false;
    socket.atoNs = ATO_MIN_NS;
  }
  sendAck(layer, socket);
}
