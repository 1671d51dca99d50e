/** Setting TCP's timers; what happens when they fire is in tcp-timer.ts. Linux: net/ipv4/tcp_timer.c, include/net/inet_connection_sock.h */
import type { SocketLayer } from './layer.ts';
import type { TcpSocket, TimerPurpose } from './sockets.ts';

/** TCP_RTO_MIN. */
export const MIN_RTO_NS = 200_000_000;

function arm(layer: SocketLayer, socket: TcpSocket, purpose: TimerPurpose, delayNs: number): void {
  if (socket.timer >= 0) layer.kernel.cancelTimer(socket.timer);
  socket.timerPurpose = purpose;
  socket.timerDueNs = layer.kernel.nowNs + delayNs;
  socket.timer = layer.kernel.setTimer(delayNs, { kind: 'socket', socket: socket.id, tag: 'retransmit' });
}

export function armRetransmit(layer: SocketLayer, socket: TcpSocket): void {
  arm(layer, socket, 'retransmit', socket.rtoNs);
}

/** Without a sample of the round trip (TCP_TIMEOUT_INIT), and what is added for more than one segment (TCP_TIMEOUT_MIN, two ticks of 250 a second). */
const PROBE_INITIAL_NS = 1_000_000_000;
const PROBE_MIN_NS = 8_000_000;

/**
 * Data is on its way: the timer first sends a tail loss probe, two round trips from now, where the peer selects what it acknowledges and nothing is known
 * to be lost; else it is the retransmission timer. `restarted`: an acknowledgement has just moved on, so that the retransmission time-out counts from now.
 * Linux: net/ipv4/tcp_output.c, tcp_schedule_loss_probe.
 */
export function armForData(layer: SocketLayer, socket: TcpSocket, restarted: boolean): void {
  const head = socket.unacked[0];
  const probes = head !== undefined && socket.sackPermitted && socket.recovery === 'open';
  if (!probes) {
    if (restarted || socket.timer < 0 || socket.timerPurpose === 'probe') armRetransmit(layer, socket);
    return;
  }
  const rtt = socket.smoothedRttNs;
  const wait = rtt === 0 ? PROBE_INITIAL_NS : 2 * rtt + (socket.unacked.length === 1 ? MIN_RTO_NS : PROBE_MIN_NS);
  const left = restarted ? socket.rtoNs : head.sentNs + socket.rtoNs - layer.kernel.nowNs;
  arm(layer, socket, 'loss-probe', left > 0 ? Math.min(wait, left) : wait);
}

export function stopTimer(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.timer < 0) return;
  layer.kernel.cancelTimer(socket.timer);
  socket.timer = -1;
}

/** Nothing may be sent and nothing is on its way: only a probe can find out when the window opens (tcp_check_probe_timer()). */
export function armProbe(layer: SocketLayer, socket: TcpSocket): void {
  const { rtoMaxNs } = layer.settings(socket.netns);
  arm(layer, socket, 'probe', Math.min(rtoMaxNs, Math.max(MIN_RTO_NS, socket.rtoNs) * 2 ** Math.min(socket.probeBackoff, 20)));
}

/** Starts or ends keep-alive (SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT); nobody waits for it, so it does not keep the world awake. */
export function setKeepAlive(layer: SocketLayer, socket: TcpSocket, on: boolean, idleNs?: number, intervalNs?: number, probes?: number): void {
  const settings = layer.settings(socket.netns);
  socket.keepIdleNs = on ? (idleNs ?? settings.keepAliveTimeNs) : 0;
  socket.keepIntervalNs = intervalNs ?? settings.keepAliveIntervalNs;
  socket.keepProbes = probes ?? settings.keepAliveProbes;
  if (socket.keepTimer >= 0) layer.kernel.cancelTimer(socket.keepTimer);
  socket.keepTimer = -1;
  if (on && socket.state === 'ESTAB') armKeepAlive(layer, socket, socket.keepIdleNs);
}

export function armKeepAlive(layer: SocketLayer, socket: TcpSocket, delayNs: number): void {
  socket.keepDueNs = layer.kernel.nowNs + delayNs;
  socket.keepTimer = layer.kernel.setTimer(delayNs, { kind: 'socket', socket: socket.id, tag: 'keepalive' }, true);
}
