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
