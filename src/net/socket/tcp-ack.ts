/** What an acknowledgement does: frees what was sent, measures the round trip, opens or narrows the congestion window, moves closing on. Linux: net/ipv4/tcp_input.c, tcp_ack. */
import { TCP_FIN, type TcpHeader } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqBefore, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { destroy, expireSoon } from './tcp-open.ts';
import { armRetransmit, MAX_RTO_NS, MIN_RTO_NS, push, retransmitFirst, sendAck, splitPayload, stopTimer } from './tcp-output.ts';

/** Handles the acknowledgement; false when the segment is of no further use. */
export function acknowledged(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, length: number): boolean {
  if (seqAfter(tcp.ack, socket.sndNxt)) {
    sendAck(layer, socket);
    return false;
  }
  const windowBytes = tcp.window * 2 ** socket.sndScale;
  const newly = seqDistance(tcp.ack, socket.sndUna);
  if (newly > 0) {
    takeAcknowledgement(layer, socket, tcp, newly);
  } else if (newly === 0 && length === 0 && socket.unacked.length > 0 && windowBytes === socket.sndWnd && (tcp.flags & TCP_FIN) === 0) {
    duplicateAcknowledgement(layer, socket);
  }
  if (newly >= 0) socket.sndWnd = windowBytes;
  if (!afterAcknowledgement(layer, socket)) return false;
  if (socket.queue.length > 0 || (socket.closeRequested && !socket.finSent)) push(layer, socket);
  return true;
}

function takeAcknowledgement(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, newly: number): void {
  socket.sndUna = tcp.ack;
  socket.duplicateAcks = 0;
  socket.retries = 0;
  const { unacked } = socket;
  let done = 0;
  let sample: Segment | undefined;
  while (done < unacked.length) {
    const segment = unacked[done] as Segment;
    if (seqAfter(seqAdd(segment.seq, segment.length), tcp.ack)) break;
    sample = segment;
    done += 1;
  }
  if (done === unacked.length) unacked.length = 0;
  else {
    unacked.splice(0, done);
    trimFirst(unacked, tcp.ack);
  }
  if (sample !== undefined && !sample.retransmitted) takeRttSample(socket, layer.kernel.nowNs - sample.sentNs);
  if (socket.cwndBytes < socket.ssthreshBytes) socket.cwndBytes += Math.min(newly, socket.sendMss);
  else socket.cwndBytes += Math.max(1, Math.floor((socket.sendMss * socket.sendMss) / socket.cwndBytes));
  stopTimer(layer, socket);
  if (unacked.length > 0) armRetransmit(layer, socket);
}

/** An acknowledgement in the middle of a segment (the peer took a part). */
function trimFirst(unacked: Segment[], ack: number): void {
  const first = unacked[0];
  if (first === undefined || first.payload === undefined || !seqBefore(first.seq, ack)) return;
  const { rest } = splitPayload(first.payload, seqDistance(ack, first.seq));
  if (rest === undefined) return;
  const taken = first.payload.bytes - rest.bytes;
  unacked[0] = { ...first, seq: seqAdd(first.seq, taken), payload: rest, length: first.length - taken };
}

/** RFC 5681 section 3.2, fast retransmit; what Linux' SACK and RACK would do better is not modelled. */
function duplicateAcknowledgement(layer: SocketLayer, socket: TcpSocket): void {
  socket.duplicateAcks += 1;
  if (socket.duplicateAcks !== 3) return;
  const inFlight = seqDistance(socket.sndNxt, socket.sndUna);
  socket.ssthreshBytes = Math.max(inFlight / 2, 2 * socket.sendMss);
  socket.cwndBytes = socket.ssthreshBytes;
  retransmitFirst(layer, socket);
}

/** State changes that our own FIN's acknowledgement brings; false when the connection is over. */
function afterAcknowledgement(layer: SocketLayer, socket: TcpSocket): boolean {
  if (!socket.finSent || socket.sndUna !== socket.sndNxt) return true;
  if (socket.state === 'FIN-WAIT-1') {
    socket.state = 'FIN-WAIT-2';
    expireSoon(layer, socket);
  } else if (socket.state === 'CLOSING') timeWait(layer, socket);
  else if (socket.state === 'LAST-ACK') {
    destroy(layer, socket);
    return false;
  }
  return true;
}

export function timeWait(layer: SocketLayer, socket: TcpSocket): void {
  socket.state = 'TIME-WAIT';
  stopTimer(layer, socket);
  expireSoon(layer, socket);
}

/** By the timestamp the peer sent back, when there is one, which also tells a retransmission's answer apart (RFC 7323 section 4). */
export function measureRtt(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader): void {
  if (!socket.timestamps || tcp.options.timestamps === undefined || socket.retries > 0) return;
  const nowMs = (socket.timestampOffset + Math.floor(layer.kernel.nowNs / 1_000_000)) >>> 0;
  takeRttSample(socket, Math.max(1, seqDistance(nowMs, tcp.options.timestamps.echo)) * 1_000_000);
}

/** RFC 6298 with Linux' lower bound of 200 ms on the variance part. */
function takeRttSample(socket: TcpSocket, sampleNs: number): void {
  if (socket.smoothedRttNs === 0) {
    socket.smoothedRttNs = sampleNs;
    socket.rttVarianceNs = sampleNs / 2;
  } else {
    socket.rttVarianceNs = 0.75 * socket.rttVarianceNs + 0.25 * Math.abs(socket.smoothedRttNs - sampleNs);
    socket.smoothedRttNs = 0.875 * socket.smoothedRttNs + 0.125 * sampleNs;
  }
  socket.rtoNs = Math.min(MAX_RTO_NS, Math.round(socket.smoothedRttNs + Math.max(MIN_RTO_NS, 4 * socket.rttVarianceNs)));
}
