/** What is known of each segment that was sent: arrived beyond a gap, lost, or on its way. Linux: net/ipv4/tcp_input.c, tcp_sacktag_write_queue, tcp_enter_loss */
import { seqAdd, seqAfter, seqBefore, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';

/** tcp_reordering: so many segments beyond a hole make it a loss. */
const DUPLICATE_THRESHOLD = 3;
/** CUBIC's beta, 717/1024: what is left of the congestion window after a loss. */
const CUBIC_BETA = 717 / 1024;

/** What a loss leaves of the congestion window. */
export const afterLoss = (socket: TcpSocket): number => Math.max(Math.floor(socket.cwndBytes * CUBIC_BETA), 2 * socket.sendMss);

/** Marks what the receiver has beyond gaps; true when something new was marked. */
export function markSacked(socket: TcpSocket, blocks: readonly (readonly [number, number])[]): boolean {
  let fresh = false;
  for (const [left, right] of blocks) {
    if (seqAfter(right, socket.sndNxt) || !seqAfter(right, socket.sndUna)) continue;
    for (let i = 0; i < socket.unacked.length; i += 1) {
      const segment = socket.unacked[i] as Segment;
      if (segment.sacked || seqBefore(segment.seq, left) || seqAfter(seqAdd(segment.seq, segment.length), right)) continue;
      socket.unacked[i] = { ...segment, sacked: true, lost: false };
      fresh = true;
    }
  }
  if (fresh) recount(socket);
  return fresh;
}

export function recount(socket: TcpSocket): void {
  let marked = 0;
  for (const segment of socket.unacked) if (segment.sacked || segment.lost) marked += 1;
  socket.marked = marked;
}

/** Bytes that are thought to be on their way (tcp_packets_in_flight()). */
export function bytesInFlight(socket: TcpSocket): number {
  const outstanding = seqDistance(socket.sndNxt, socket.sndUna);
  if (socket.marked === 0) return outstanding;
  let bytes = outstanding;
  for (const segment of socket.unacked) if (segment.sacked || segment.lost) bytes -= segment.length;
  return bytes;
}

/** Segments that are thought to be on their way. */
export function segmentsInFlight(socket: TcpSocket): number {
  return socket.unacked.length - socket.marked;
}

/** Holes with three segments (or as many bytes) received beyond them; without SACK the first one, by duplicate acknowledgements. */
export function markHoles(socket: TcpSocket): void {
  let beyond = 0;
  for (let i = socket.unacked.length - 1; i >= 0; i -= 1) {
    const segment = socket.unacked[i] as Segment;
    if (segment.sacked) beyond += 1;
    else if (!segment.lost && segment.retransmissions === 0 && beyond >= DUPLICATE_THRESHOLD) socket.unacked[i] = { ...segment, lost: true };
  }
  const first = socket.unacked[0];
  if (first !== undefined && !socket.sackPermitted && !first.lost && socket.duplicateAcks >= DUPLICATE_THRESHOLD && socket.recovery === 'open')
    socket.unacked[0] = { ...first, lost: true };
  recount(socket);
}

/** The timer ran out: all that is not known to have arrived is lost, and the congestion window starts over (tcp_enter_loss()). */
export function enterLoss(socket: TcpSocket): void {
  if (socket.recovery !== 'loss') socket.ssthreshBytes = afterLoss(socket);
  socket.recovery = 'loss';
  socket.recoverySeq = socket.sndNxt;
  socket.cwndBytes = socket.sendMss;
  socket.duplicateAcks = 0;
  for (let i = 0; i < socket.unacked.length; i += 1) {
    const segment = socket.unacked[i] as Segment;
    if (!segment.sacked) socket.unacked[i] = { ...segment, lost: true };
  }
  recount(socket);
}

/** Whether recovery is over: all that was outstanding at its start has been acknowledged. */
export function leaveRecovery(socket: TcpSocket): void {
  if (socket.recovery === 'open' || seqBefore(socket.sndUna, socket.recoverySeq)) return;
  if (socket.recovery === 'fast') socket.cwndBytes = Math.max(socket.ssthreshBytes, socket.sendMss);
  socket.recovery = 'open';
}
