/** What an acknowledgement does: frees what was sent, measures the round trip, opens or narrows the windows, moves closing on. Linux: net/ipv4/tcp_input.c, tcp_ack. */
import { TCP_FIN, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqBefore, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { armForData, MIN_RTO_NS, stopTimer } from './tcp-arm.ts';
import { detectLoss, retransmitLost } from './tcp-loss.ts';
import { destroy, expireSoon } from './tcp-open.ts';
import { push, splitPayload } from './tcp-output.ts';
import { leaveRecovery, markSacked, recount } from './tcp-scoreboard.ts';

/** Handles the acknowledgement; false when the segment is of no further use. */
export function acknowledged(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, length: number): boolean {
  const newly = seqDistance(tcp.ack, socket.sndUna);
  const windowChanged = updateWindow(socket, tcp, newly);
  socket.lastAckNs = layer.kernel.nowNs;
  socket.probes = 0;
  const blocks = socket.sackPermitted ? tcp.options.sack : undefined;
  const marked = blocks !== undefined && markSacked(socket, blocks);
  if (newly > 0) takeAcknowledgement(layer, socket, tcp, newly);
  else if (newly === 0 && socket.unacked.length > 0 && length === 0 && !windowChanged && (tcp.flags & (TCP_SYN | TCP_FIN)) === 0) socket.duplicateAcks += 1;
  if (socket.unacked.length > 0 && (marked || (newly === 0 && socket.duplicateAcks >= 3))) detectLoss(layer, socket);
  if (!afterAcknowledgement(layer, socket)) return false;
  if (socket.marked > 0) retransmitLost(layer, socket, 0);
  if (socket.queue.length > 0 || (socket.closeRequested && !socket.finSent)) push(layer, socket);
  return true;
}

/** tcp_may_update_window(): by the newest segment, or a larger window in one as new. */
function updateWindow(socket: TcpSocket, tcp: TcpHeader, newly: number): boolean {
  const windowBytes = tcp.window * 2 ** ((tcp.flags & TCP_SYN) === 0 ? socket.sndScale : 0);
  if (newly < 0) return false;
  if (newly === 0 && !seqAfter(tcp.seq, socket.sndWl1) && !(tcp.seq === socket.sndWl1 && windowBytes > socket.sndWnd)) return false;
  const changed = socket.sndWnd !== windowBytes;
  socket.sndWnd = windowBytes;
  socket.sndWl1 = tcp.seq;
  if (windowBytes > socket.maxSndWnd) socket.maxSndWnd = windowBytes;
  return changed;
}

function takeAcknowledgement(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, newly: number): void {
  socket.sndUna = tcp.ack;
  socket.bytesAcked += newly;
  socket.duplicateAcks = 0;
  socket.retries = 0;
  socket.stalledSinceNs = -1;
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
  if (socket.marked > 0) recount(socket);
  if (sample !== undefined && sample.retransmissions === 0) takeRttSample(layer, socket, layer.kernel.nowNs - sample.sentNs);
  openCongestionWindow(socket, newly);
  leaveRecovery(socket);
  stopTimer(layer, socket);
  if (socket.probedUpTo >= 0 && !seqBefore(tcp.ack, socket.probedUpTo)) socket.probedUpTo = -1;
  if (unacked.length > 0) armForData(layer, socket, true);
}

/** Slow start, then Reno's one segment a round trip; not while holes are being filled. A window that is not used does not grow (tcp_is_cwnd_limited()). */
function openCongestionWindow(socket: TcpSocket, newly: number): void {
  if (socket.recovery === 'fast') return;
  if (socket.cwndBytes < socket.ssthreshBytes) socket.cwndBytes += Math.min(newly, 2 * socket.sendMss);
  else socket.cwndBytes += Math.max(1, Math.floor((socket.sendMss * Math.min(newly, socket.cwndBytes)) / socket.cwndBytes));
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

/** State changes that our own FIN's acknowledgement brings; false when the connection is over. */
function afterAcknowledgement(layer: SocketLayer, socket: TcpSocket): boolean {
  if (!socket.finSent || socket.sndUna !== socket.sndNxt) return true;
  if (socket.state === 'FIN-WAIT-1') {
    socket.state = 'FIN-WAIT-2';
    // Only who has closed wholly stops waiting after a while (tcp_fin_timeout); after shutdown() the program still reads.
    if (socket.processId === '') expireSoon(layer, socket, layer.settings(socket.netns).finTimeoutNs);
  } else if (socket.state === 'CLOSING') timeWait(layer, socket);
  else if (socket.state === 'LAST-ACK') {
    destroy(layer, socket);
    return false;
  }
  return true;
}

/** TCP_TIMEWAIT_LEN. */
const TIME_WAIT_NS = 60_000_000_000;

export function timeWait(layer: SocketLayer, socket: TcpSocket): void {
  socket.state = 'TIME-WAIT';
  if (socket.processId !== '') layer.table.disown(socket);
  stopTimer(layer, socket);
  if (socket.keepTimer >= 0) {
    layer.kernel.cancelTimer(socket.keepTimer);
    socket.keepTimer = -1;
  }
  expireSoon(layer, socket, TIME_WAIT_NS);
}

/** By the timestamp the peer sent back, when there is one, which also tells a retransmission's answer apart (RFC 7323 section 4). */
export function measureRtt(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader): void {
  if (!socket.timestamps || tcp.options.timestamps === undefined || socket.retries > 0) return;
  const nowMs = (socket.timestampOffset + Math.floor(layer.kernel.nowNs / 1_000_000)) >>> 0;
  const sampleNs = Math.max(1, seqDistance(nowMs, tcp.options.timestamps.echo)) * 1_000_000;
  takeRttSample(layer, socket, sampleNs);
  socket.receiveRttNs = sampleNs;
}

/** RFC 6298 with Linux' lower bound on the variance part (tcp_rto_min_us). */
function takeRttSample(layer: SocketLayer, socket: TcpSocket, sampleNs: number): void {
  if (socket.smoothedRttNs === 0) {
    socket.smoothedRttNs = sampleNs;
    socket.rttVarianceNs = sampleNs / 2;
  } else {
    socket.rttVarianceNs = 0.75 * socket.rttVarianceNs + 0.25 * Math.abs(socket.smoothedRttNs - sampleNs);
    socket.smoothedRttNs = 0.875 * socket.smoothedRttNs + 0.125 * sampleNs;
  }
  if (socket.minRttNs === 0 || sampleNs < socket.minRttNs) socket.minRttNs = sampleNs;
  const settings = layer.settings(socket.netns);
  const least = settings.rtoMinNs > 0 ? settings.rtoMinNs : MIN_RTO_NS;
  socket.rtoNs = Math.min(settings.rtoMaxNs, Math.round(socket.smoothedRttNs + Math.max(least, 4 * socket.rttVarianceNs)));
}
