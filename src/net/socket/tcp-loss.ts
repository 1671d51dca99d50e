/**
 * What TCP takes for lost, and how it recovers: selective acknowledgements, fast retransmit, and the lost rest behind a time-out.
 * Linux: net/ipv4/tcp_input.c, net/ipv4/tcp_recovery.c; here by RFC 6675 (three segments beyond a hole) instead of RACK's clock.
 */
import type { SocketLayer } from './layer.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { retransmitAt } from './tcp-output.ts';
import { afterLoss, bytesInFlight, markHoles } from './tcp-scoreboard.ts';

/** tcp_fastretrans_alert(): called for each acknowledgement that repeats the last or carries blocks. */
export function detectLoss(layer: SocketLayer, socket: TcpSocket): void {
  markHoles(socket);
  if (socket.recovery === 'open' && socket.unacked.some((segment) => segment.lost)) {
    socket.recovery = 'fast';
    socket.recoverySeq = socket.sndNxt;
    socket.ssthreshBytes = afterLoss(socket);
    socket.cwndBytes = socket.ssthreshBytes;
    // The first one goes out whatever the window says.
    retransmitLost(layer, socket, 1);
  }
}

/** Sends lost segments again as far as the congestion window allows, at least `least`. */
export function retransmitLost(layer: SocketLayer, socket: TcpSocket, least: number): void {
  if (socket.marked === 0) return;
  let sent = 0;
  for (let i = 0; i < socket.unacked.length; i += 1) {
    const segment = socket.unacked[i] as Segment;
    if (!segment.lost) continue;
    if (sent >= least && bytesInFlight(socket) + segment.length > socket.cwndBytes) return;
    retransmitAt(layer, socket, i);
    sent += 1;
  }
}
