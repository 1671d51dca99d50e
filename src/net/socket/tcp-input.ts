/** TCP's receiving half: the state machine of RFC 9293 section 3.10.7 as Linux walks it (net/ipv4/tcp_input.c, net/ipv4/tcp_minisocks.c). */
import { ICMP6_TOO_BIG } from '../wire/icmp6.ts';
import { IP_PROTO_ICMP6, type Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import { endpointText, errnoOf, type SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqBefore, seqDistance } from './sequence.ts';
import type { TcpSocket } from './sockets.ts';
import { acknowledged, measureRtt, timeWait } from './tcp-ack.ts';
import { enterQuickAckMode } from './tcp-ack-mode.ts';
import { receiveData } from './tcp-data.ts';
import { finishHandshake, listenArrives, takeSynOptions } from './tcp-listen.ts';
import { destroy, establish, fail } from './tcp-open.ts';
import { answerWithReset, push, retransmitAt, sendAck, sendSyn, updateSendMss } from './tcp-output.ts';
import { offeredWindow } from './tcp-receive-window.ts';
import { accept, drop } from './tcp-verdict.ts';

/** tcp_invalid_ratelimit: how often a segment that does not fit is answered. */
const INVALID_RATE_NS = 500_000_000;

/** Every TCP segment that passed INPUT ends here: in a socket, or answered with RST. */
export function tcpDeliver(layer: SocketLayer, netns: string, packet: Packet): void {
  const tcp = packet.tcp;
  if (tcp === undefined) return;
  layer.count(netns, 'TcpInSegs');
  layer.table.expire(layer.kernel.nowNs);
  const socket = layer.table.findConnection(netns, packet.dst, packet.dport, packet.src, packet.sport);
  if (socket !== undefined && !(socket.state === 'TIME-WAIT' && startsAnew(socket, tcp))) {
    socket.segmentsIn += 1;
    if (packet.payload !== undefined) socket.dataSegmentsIn += 1;
    segmentArrives(layer, socket, packet, tcp);
    return;
  }
  const listener = layer.table.findListener(netns, packet.dst, packet.dport, packet.src, packet.sport);
  if (listener !== undefined) {
    if (socket !== undefined) destroy(layer, socket);
    listenArrives(layer, listener, packet, tcp);
    return;
  }
  const reset = (tcp.flags & TCP_RST) !== 0;
  const detail = `nothing listens on ${endpointText(packet.dst, packet.dport)}${reset ? '' : '; answered with RST'}`;
  layer.causeSeq = layer.kernel.traceDropped(netns, packet, 'NO_SOCKET', detail);
  answerWithReset(layer, netns, packet);
}

/** tcp_timewait_state_process(): a SYN with a later sequence number or timestamp may take over a connection in TIME-WAIT (RFC 6191). */
function startsAnew(socket: TcpSocket, tcp: TcpHeader): boolean {
  if ((tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) !== TCP_SYN) return false;
  const later = socket.timestamps && tcp.options.timestamps !== undefined && seqAfter(tcp.options.timestamps.value, socket.timestampRecent);
  return seqAfter(tcp.seq, socket.rcvNxt) || later;
}

function challengeAck(layer: SocketLayer, socket: TcpSocket): void {
  layer.count(socket.netns, 'TcpExtTCPChallengeACK');
  sendAck(layer, socket);
}

/** tcp_send_dupack(): says what is expected; not more often than twice a second where no data is concerned (tcp_oow_rate_limited()). */
function answerOutOfWindow(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, length: number): void {
  const { nowNs } = layer.kernel;
  if (length === 0 && (tcp.flags & TCP_SYN) === 0) {
    if (socket.outOfWindowNs >= 0 && nowNs - socket.outOfWindowNs < INVALID_RATE_NS) {
      layer.count(socket.netns, 'TcpExtTCPACKSkippedSeq');
      return;
    }
    socket.outOfWindowNs = nowNs;
  }
  if (length > 0 && seqBefore(tcp.seq, socket.rcvNxt)) noteDuplicate(layer, socket, tcp.seq, seqAdd(tcp.seq, length));
  sendAck(layer, socket);
}

/** The next ACK tells that this has come twice (tcp_dsack_set()). */
function noteDuplicate(layer: SocketLayer, socket: TcpSocket, from: number, to: number): void {
  enterQuickAckMode(socket);
  if (!socket.sackPermitted || !layer.settings(socket.netns).dsack) return;
  layer.count(socket.netns, 'TcpExtTCPDSACKOldSent');
  socket.duplicate = [from, seqAfter(to, socket.rcvNxt) ? socket.rcvNxt : to];
}

/** tcp_validate_incoming(), tcp_rcv_state_process(). */
function segmentArrives(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  if (socket.state === 'SYN-SENT') {
    synSentArrives(layer, socket, packet, tcp);
    return;
  }
  const payload = packet.payload;
  const length = payload === undefined ? 0 : payload.bytes;
  const { flags } = tcp;
  if (isTooOld(socket, tcp) && (flags & TCP_RST) === 0) {
    layer.count(socket.netns, 'TcpExtPAWSEstab');
    drop(layer, socket, packet, 'TCP_RFC7323_PAWS', 'its timestamp is older than one already seen (RFC 7323)');
    answerOutOfWindow(layer, socket, tcp, length);
    return;
  }
  if (!fits(layer, socket, packet, tcp, length)) return;
  if ((flags & TCP_RST) !== 0) {
    accept(layer, socket, packet);
    // RFC 5961: only the exact sequence number resets, others are challenged.
    if (tcp.seq !== socket.rcvNxt) challengeAck(layer, socket);
    else resetArrives(layer, socket);
    return;
  }
  const crossing = socket.state === 'SYN-RECV' && socket.listener < 0 && (flags & TCP_ACK) !== 0 && tcp.ack === socket.sndNxt;
  if ((flags & TCP_SYN) !== 0 && !crossing) {
    layer.count(socket.netns, 'TcpExtTCPSYNChallenge');
    drop(layer, socket, packet, 'TCP_INVALID_SYN', 'a SYN inside a connection is answered with a challenge ACK (RFC 5961)');
    challengeAck(layer, socket);
    return;
  }
  if ((flags & TCP_ACK) === 0) {
    drop(layer, socket, packet, 'TCP_FLAGS', 'a segment without ACK');
    return;
  }
  if (socket.state !== 'SYN-RECV') {
    if (seqAfter(tcp.ack, socket.sndNxt)) {
      drop(layer, socket, packet, 'TCP_ACK_UNSENT_DATA', 'it acknowledges what was never sent');
      return;
    }
    if (seqBefore(tcp.ack, seqAdd(socket.sndUna, -socket.maxSndWnd))) {
      drop(layer, socket, packet, 'TCP_TOO_OLD_ACK', 'its acknowledgement is older than a whole window; answered with a challenge ACK (RFC 5961)');
      challengeAck(layer, socket);
      return;
    }
  }
  accept(layer, socket, packet);
  if (socket.timestamps && tcp.options.timestamps !== undefined && !seqAfter(tcp.seq, socket.rcvWup)) socket.timestampRecent = tcp.options.timestamps.value;
  if (socket.state === 'TIME-WAIT') {
    timeWaitArrives(layer, socket, tcp);
    return;
  }
  if (socket.state === 'SYN-RECV' && !(crossing ? opened(layer, socket, tcp) : finishHandshake(layer, socket, packet, tcp))) return;
  if (!acknowledged(layer, socket, tcp, length)) return;
  receiveData(layer, socket, tcp, payload, length);
}

/** Protection against wrapped sequence numbers; a tick's difference is forgiven. */
function isTooOld(socket: TcpSocket, tcp: TcpHeader): boolean {
  return socket.timestamps && tcp.options.timestamps !== undefined && seqDistance(socket.timestampRecent, tcp.options.timestamps.value) > 1;
}

/** tcp_sequence(): some of it must lie in the window, and something of it must be new. What does not fit is answered. */
function fits(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader, length: number): boolean {
  const end = seqAdd(tcp.seq, length + ((tcp.flags & TCP_FIN) !== 0 ? 1 : 0) + ((tcp.flags & TCP_SYN) !== 0 ? 1 : 0));
  const beyond = seqAfter(tcp.seq, seqAdd(socket.rcvNxt, offeredWindow(socket)));
  const old =
    seqBefore(end, socket.rcvWup) ||
    (end !== tcp.seq && (tcp.flags & TCP_SYN) === 0 && !seqAfter(end, socket.rcvNxt) && (tcp.flags & TCP_RST) === 0 && socket.state !== 'TIME-WAIT');
  if (!beyond && !old) return true;
  // A peer that closed repeats its RST from one before (tcp_reset_check()).
  const resets = (tcp.flags & TCP_RST) !== 0;
  if (resets && tcp.seq === seqAdd(socket.rcvNxt, -1) && (socket.state === 'CLOSE-WAIT' || socket.state === 'LAST-ACK' || socket.state === 'CLOSING')) {
    accept(layer, socket, packet);
    resetArrives(layer, socket);
    return false;
  }
  if (beyond) drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'a sequence number outside the window');
  else drop(layer, socket, packet, length > 0 ? 'TCP_OLD_DATA' : 'TCP_OLD_SEQUENCE', 'a segment that was here before');
  if (resets) return false;
  if (socket.state === 'SYN-RECV') sendSyn(layer, socket);
  else answerOutOfWindow(layer, socket, tcp, length);
  return false;
}

/** tcp_reset(). */
function resetArrives(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.state === 'SYN-RECV') layer.count(socket.netns, 'TcpAttemptFails');
  else if (socket.state === 'ESTAB' || socket.state === 'CLOSE-WAIT') layer.count(socket.netns, 'TcpEstabResets');
  fail(layer, socket, socket.state === 'CLOSE-WAIT' ? 'EPIPE' : 'ECONNRESET');
}

/** A repeated FIN is acknowledged again and starts the minute anew. */
function timeWaitArrives(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader): void {
  if ((tcp.flags & TCP_FIN) === 0) return;
  sendAck(layer, socket);
  timeWait(layer, socket);
}

function synSentArrives(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  const isAck = (tcp.flags & TCP_ACK) !== 0;
  if (isAck && tcp.ack !== socket.sndNxt) {
    drop(layer, socket, packet, 'TCP_INVALID_ACK_SEQUENCE', 'it acknowledges what was never sent');
    answerWithReset(layer, socket.netns, packet);
    return;
  }
  if ((tcp.flags & TCP_RST) !== 0) {
    if (!isAck) {
      drop(layer, socket, packet, 'TCP_FLAGS', 'a RST that acknowledges nothing');
      return;
    }
    accept(layer, socket, packet);
    layer.count(socket.netns, 'TcpAttemptFails');
    fail(layer, socket, 'ECONNREFUSED');
    return;
  }
  if ((tcp.flags & TCP_SYN) === 0) {
    drop(layer, socket, packet, 'TCP_FLAGS', 'only a SYN is of use here');
    return;
  }
  accept(layer, socket, packet);
  if (!isAck) {
    // Both ends call each other at once (RFC 9293 section 3.5, figure 7).
    takeSynOptions(socket, tcp);
    socket.sndWnd = tcp.window;
    socket.state = 'SYN-RECV';
    sendSyn(layer, socket);
    return;
  }
  socket.sndUna = tcp.ack;
  takeSynOptions(socket, tcp);
  opened(layer, socket, tcp);
  sendAck(layer, socket);
  push(layer, socket);
}

/** Our SYN was acknowledged by the peer's. */
function opened(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader): boolean {
  socket.sndUna = tcp.ack;
  socket.sndWnd = tcp.window;
  socket.sndWl1 = tcp.seq;
  measureRtt(layer, socket, tcp);
  establish(layer, socket);
  layer.notify(socket.processId, { kind: 'connected', socket: socket.id });
  return true;
}

/** An ICMP error about a segment of ours (Linux: net/ipv4/tcp_ipv4.c, tcp_v4_err): it ends a connect, and is only remembered by what is established. */
export function tcpError(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void {
  const icmp = error.icmp;
  const socket = layer.table.findConnection(netns, quoted.src, quoted.sport, quoted.dst, quoted.dport);
  if (icmp === undefined || socket === undefined || socket.state === 'TIME-WAIT') return;
  const tooBig = error.protocol === IP_PROTO_ICMP6 ? icmp.type === ICMP6_TOO_BIG : icmp.type === 3 && icmp.code === 4;
  if (tooBig) {
    const route = layer.kernel.routeFor(netns, socket.remoteIp);
    const mtu = Math.min(icmp.mtu ?? 576, typeof route === 'string' ? 65535 : route.mtuBytes);
    if (mtu >= socket.pathMtu) return;
    socket.pathMtu = mtu;
    updateSendMss(socket);
    if (socket.state !== 'SYN-SENT' && socket.state !== 'SYN-RECV') retransmitAt(layer, socket, 0);
    return;
  }
  const { errno } = errnoOf(error);
  if (socket.state === 'SYN-SENT' || socket.state === 'SYN-RECV') fail(layer, socket, errno);
  else socket.softError = errno;
}
