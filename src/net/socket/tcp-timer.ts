/** TCP's timers: retransmission with its back-off, tail loss and zero-window probes, keep-alive. Linux: net/ipv4/tcp_timer.c */
import { drawFlowHash, type SocketLayer } from './layer.ts';
import type { TransportSettings } from './settings.ts';
import type { TcpSocket } from './sockets.ts';
import { armKeepAlive, armProbe, armRetransmit, MIN_RTO_NS } from './tcp-arm.ts';
import { retransmitLost } from './tcp-loss.ts';
import { fail } from './tcp-open.ts';
import { push, sendKeepAlive, sendReset, sendSyn, sendTailProbe, sendWindowProbe } from './tcp-output.ts';
import { enterLoss } from './tcp-scoreboard.ts';

/** tcp_orphan_retries when it is 0. */
const ORPHAN_RETRIES = 8;

/** The time in which so many retransmissions with back-off would have been made (retransmits_timed_out()). */
function backoffTimeNs(settings: TransportSettings, retries: number): number {
  const base = MIN_RTO_NS;
  const linearFrom = Math.floor(Math.log2(settings.rtoMaxNs / base));
  if (retries <= linearFrom) return (2 * 2 ** retries - 1) * base;
  return (2 * 2 ** linearFrom - 1) * base + (retries - linearFrom) * settings.rtoMaxNs;
}

/** How often a SYN or SYN-ACK is repeated. */
function handshakeLimit(settings: TransportSettings, socket: TcpSocket): number {
  return socket.state === 'SYN-SENT' ? settings.synRetries + settings.synLinearTimeouts : settings.synAckRetries;
}

/**
 * The retransmission timer has run out. SYNs go out four more times a second apart, then ever slower, six of those (tcp_syn_linear_timeouts). Data is
 * given up after the time that tcp_retries2 tries would take, counted from the first repetition.
 */
export function timerFired(layer: SocketLayer, socket: TcpSocket): void {
  socket.timer = -1;
  layer.causeSeq = -1;
  if (socket.timerPurpose === 'probe') probeFired(layer, socket);
  else if (socket.timerPurpose === 'loss-probe') tailProbeFired(layer, socket);
  else retransmitFired(layer, socket);
}

function retransmitFired(layer: SocketLayer, socket: TcpSocket): void {
  const settings = layer.settings(socket.netns);
  const { nowNs } = layer.kernel;
  const handshake = socket.state === 'SYN-SENT' || socket.state === 'SYN-RECV';
  const orphan = socket.processId === '';
  if (socket.stalledSinceNs < 0) socket.stalledSinceNs = handshake ? nowNs : (socket.unacked[0]?.sentNs ?? nowNs);
  const over = handshake
    ? socket.retries >= handshakeLimit(settings, socket)
    : socket.retries > 0 && nowNs - socket.stalledSinceNs >= backoffTimeNs(settings, orphan ? settings.orphanRetries || ORPHAN_RETRIES : settings.retries2);
  if (over) {
    layer.count(socket.netns, 'TcpExtTCPTimeouts');
    if (!handshake && orphan) layer.count(socket.netns, 'TcpExtTCPAbortOnTimeout');
    fail(layer, socket, socket.softError ?? 'ETIMEDOUT');
    return;
  }
  layer.count(socket.netns, 'TcpExtTCPTimeouts');
  socket.retries += 1;
  const linear = socket.state === 'SYN-SENT' && socket.retries <= settings.synLinearTimeouts;
  if (!linear) socket.rtoNs = Math.min(settings.rtoMaxNs, socket.rtoNs * 2);
  // Linux: net/core/sock.c, sk_rethink_txhash: perhaps another way through the network works.
  if (settings.rehashes && (handshake || socket.unacked.length > 0)) socket.txHash = drawFlowHash(layer);
  armRetransmit(layer, socket);
  if (handshake) {
    socket.retransmissions += 1;
    layer.count(socket.netns, 'TcpRetransSegs');
    layer.count(socket.netns, 'TcpExtTCPSynRetrans');
    sendSyn(layer, socket);
    return;
  }
  if (socket.unacked.length === 0) {
    push(layer, socket);
    return;
  }
  enterLoss(socket);
  retransmitLost(layer, socket, 1);
}

/** tcp_send_loss_probe(): one probe for each tail that may be lost, then the retransmission timer from now on. */
function tailProbeFired(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.probedUpTo < 0 && sendTailProbe(layer, socket)) {
    socket.probedUpTo = socket.sndNxt;
    layer.count(socket.netns, 'TcpExtTCPLossProbes');
  }
  armRetransmit(layer, socket);
}

/** tcp_probe_timer(): a peer that keeps its window closed but answers is never given up, one that is silent is. */
function probeFired(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.unacked.length > 0 || socket.queue.length === 0) return;
  const settings = layer.settings(socket.netns);
  const limit = socket.processId === '' ? settings.orphanRetries || ORPHAN_RETRIES : settings.retries2;
  if (socket.probes >= limit) {
    fail(layer, socket, socket.softError ?? 'ETIMEDOUT');
    return;
  }
  socket.probes += 1;
  if (socket.probeBackoff < settings.retries2) socket.probeBackoff += 1;
  layer.count(socket.netns, 'TcpExtTCPWinProbe');
  armProbe(layer, socket);
  sendWindowProbe(layer, socket);
}

/** tcp_keepalive_timer(). */
export function keepAliveFired(layer: SocketLayer, socket: TcpSocket): void {
  socket.keepTimer = -1;
  layer.causeSeq = -1;
  if (socket.keepIdleNs === 0 || socket.state === 'TIME-WAIT' || socket.state === 'CLOSED') return;
  const { nowNs } = layer.kernel;
  // Something is on its way: that timer looks after the connection.
  if (socket.unacked.length > 0 || socket.queue.length > 0) {
    armKeepAlive(layer, socket, socket.keepIdleNs);
    return;
  }
  const idleNs = nowNs - Math.max(socket.lastReceivedNs, socket.lastAckNs);
  if (idleNs < socket.keepIdleNs) {
    socket.probes = 0;
    armKeepAlive(layer, socket, socket.keepIdleNs - idleNs);
    return;
  }
  if (socket.probes >= socket.keepProbes) {
    layer.count(socket.netns, 'TcpExtTCPAbortOnTimeout');
    sendReset(layer, socket);
    fail(layer, socket, socket.softError ?? 'ETIMEDOUT');
    return;
  }
  socket.probes += 1;
  layer.count(socket.netns, 'TcpExtTCPKeepAlive');
  sendKeepAlive(layer, socket);
  armKeepAlive(layer, socket, socket.keepIntervalNs);
}
