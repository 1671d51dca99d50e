/** TCP's receiving half: the state machine of RFC 9293 section 3.10.7 as Linux walks it (net/ipv4/tcp_input.c, net/ipv4/tcp_minisocks.c). */
import type { DropReason } from '../trace-event.ts';
import { type Packet, type Payload, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import { endpointText, icmpErrno, type SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqBefore, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { acknowledged, measureRtt, timeWait } from './tcp-ack.ts';
import { dataReceived, enterQuickAckMode } from './tcp-ack-mode.ts';
import { acknowledgeIfDue } from './tcp-delayed-ack.ts';
import { destroy, establish, fail, newTcpSocket, openSending } from './tcp-open.ts';
import {
  answerWithReset,
  armRetransmit,
  initialWindow,
  push,
  retransmitFirst,
  sendAck,
  sendBareReset,
  sendSyn,
  splitPayload,
  updateSendMss,
} from './tcp-output.ts';

/** Segments that came too early, per socket; more are dropped and come again. */
const MAX_EARLY = 256;
/** Half-open connections per listener; beyond it real kernels answer with SYN cookies, here the SYN is dropped and said so. */
const MAX_HALF_OPEN = 4096;

/** Every TCP segment that passed INPUT ends here: in a socket, or answered with RST. */
export function tcpDeliver(layer: SocketLayer, netns: string, packet: Packet): void {
  const tcp = packet.tcp;
  if (tcp === undefined) return;
  layer.table.expire(layer.kernel.nowNs);
  const socket = layer.table.findConnection(netns, packet.dst, packet.dport, packet.src, packet.sport);
  if (socket !== undefined && !(socket.state === 'TIME-WAIT' && startsAnew(socket, tcp))) {
    segmentArrives(layer, socket, packet, tcp);
    return;
  }
  const listener = layer.table.findListener(netns, packet.dst, packet.dport);
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

/** RFC 6191: a SYN with a later sequence number may take over a connection in TIME-WAIT. */
function startsAnew(socket: TcpSocket, tcp: TcpHeader): boolean {
  return (tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN && seqAfter(tcp.seq, socket.rcvNxt);
}

function accept(layer: SocketLayer, socket: TcpSocket, packet: Packet): void {
  layer.causeSeq = layer.kernel.traceDelivered(socket.netns, packet, socket.label, socket.processName);
}

function drop(layer: SocketLayer, socket: TcpSocket, packet: Packet, reason: DropReason, detail: string): void {
  layer.causeSeq = layer.kernel.traceDropped(socket.netns, packet, reason, detail);
}

function listenArrives(layer: SocketLayer, listener: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  if ((tcp.flags & TCP_RST) !== 0) {
    drop(layer, listener, packet, 'TCP_RESET', 'a RST to a listening socket means nothing');
    return;
  }
  if ((tcp.flags & TCP_ACK) !== 0 || (tcp.flags & TCP_SYN) === 0) {
    drop(layer, listener, packet, 'TCP_INVALID_SEQUENCE', 'the listening socket knows no such connection; answered with RST');
    answerWithReset(layer, listener.netns, packet);
    return;
  }
  if (listener.halfOpen >= MAX_HALF_OPEN) {
    drop(layer, listener, packet, 'NOT_SPECIFIED', 'too many half-open connections');
    return;
  }
  accept(layer, listener, packet);
  const owner = { netns: listener.netns, processId: listener.processId, name: listener.processName };
  const socket = newTcpSocket(layer, owner, { ip: packet.dst, port: packet.dport }, { ip: packet.src, port: packet.sport });
  const route = layer.kernel.routeFor(listener.netns, packet.src);
  socket.pathMtu = typeof route === 'string' ? 1500 : route.mtuBytes;
  socket.state = 'SYN-RECV';
  socket.listener = listener.id;
  listener.halfOpen += 1;
  openSending(layer, socket);
  takeSynOptions(socket, tcp);
  socket.rcvWnd = initialWindow(socket.advertisedMss - (socket.timestamps ? 12 : 0));
  socket.ipId = layer.kernel.prng('ip-id').below(65536);
  socket.sndWnd = tcp.window;
  layer.table.add(socket);
  armRetransmit(layer, socket);
  sendSyn(layer, socket);
}

/** What both sides' SYNs agreed on. */
function takeSynOptions(socket: TcpSocket, tcp: TcpHeader): void {
  const { mss, sackPermitted, timestamps, windowScale } = tcp.options;
  socket.irs = tcp.seq;
  socket.rcvNxt = seqAdd(tcp.seq, 1);
  socket.peerMss = mss ?? 536;
  socket.sackPermitted = socket.sackPermitted && sackPermitted === true;
  socket.timestamps = socket.timestamps && timestamps !== undefined;
  socket.timestampRecent = timestamps?.value ?? 0;
  socket.sndScale = windowScale ?? 0;
  if (windowScale === undefined) socket.rcvScale = 0;
  updateSendMss(socket);
}

function segmentArrives(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  if (socket.state === 'SYN-SENT') {
    synSentArrives(layer, socket, packet, tcp);
    return;
  }
  const payload = packet.payload;
  const length = payload === undefined ? 0 : payload.bytes;
  if (!acceptable(socket, tcp, length)) {
    const old = seqBefore(tcp.seq, socket.rcvNxt);
    drop(
      layer,
      socket,
      packet,
      old ? 'TCP_OLD_SEQUENCE' : 'TCP_INVALID_SEQUENCE',
      old ? 'a segment that was here before' : 'a sequence number outside the window',
    );
    if ((tcp.flags & TCP_RST) !== 0) return;
    if (socket.state === 'SYN-RECV') sendSyn(layer, socket);
    else {
      if (old && length > 0) enterQuickAckMode(socket);
      sendAck(layer, socket);
    }
    return;
  }
  if ((tcp.flags & TCP_RST) !== 0) {
    accept(layer, socket, packet);
    // RFC 5961: only the exact sequence number resets, others are challenged.
    if (tcp.seq !== socket.rcvNxt) {
      sendAck(layer, socket);
      return;
    }
    fail(layer, socket, socket.state === 'CLOSE-WAIT' ? 'EPIPE' : 'ECONNRESET');
    return;
  }
  if ((tcp.flags & TCP_SYN) !== 0) {
    drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'a SYN inside a connection is answered with a challenge ACK (RFC 5961)');
    sendAck(layer, socket);
    return;
  }
  if ((tcp.flags & TCP_ACK) === 0) {
    drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'a segment without ACK');
    return;
  }
  accept(layer, socket, packet);
  if (socket.timestamps && tcp.options.timestamps !== undefined && !seqAfter(tcp.seq, socket.rcvNxt)) socket.timestampRecent = tcp.options.timestamps.value;
  if (socket.state === 'SYN-RECV' && !finishHandshake(layer, socket, packet, tcp)) return;
  if (!acknowledged(layer, socket, tcp, length)) return;
  receiveData(layer, socket, tcp, payload, length);
}

function acceptable(socket: TcpSocket, tcp: TcpHeader, length: number): boolean {
  const end = seqAdd(tcp.seq, length + ((tcp.flags & TCP_FIN) !== 0 ? 1 : 0));
  return !seqBefore(end, socket.rcvNxt) && !seqAfter(tcp.seq, seqAdd(socket.rcvNxt, socket.rcvWnd)) && !(length > 0 && !seqAfter(end, socket.rcvNxt));
}

function synSentArrives(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  const isAck = (tcp.flags & TCP_ACK) !== 0;
  if (isAck && tcp.ack !== socket.sndNxt) {
    drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'it acknowledges what was never sent');
    answerWithReset(layer, socket.netns, packet);
    return;
  }
  if ((tcp.flags & TCP_RST) !== 0) {
    if (!isAck) {
      drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'a RST that acknowledges nothing');
      return;
    }
    accept(layer, socket, packet);
    fail(layer, socket, 'ECONNREFUSED');
    return;
  }
  if ((tcp.flags & TCP_SYN) === 0 || !isAck) {
    drop(layer, socket, packet, 'TCP_INVALID_SEQUENCE', 'only a SYN-ACK is of use here (simultaneous open is not modelled)');
    return;
  }
  accept(layer, socket, packet);
  socket.sndUna = tcp.ack;
  takeSynOptions(socket, tcp);
  socket.sndWnd = tcp.window;
  measureRtt(layer, socket, tcp);
  establish(layer, socket);
  sendAck(layer, socket);
  layer.notify(socket.processId, { kind: 'connected', socket: socket.id });
  push(layer, socket);
}

/** The third step of the handshake. */
function finishHandshake(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): boolean {
  if (tcp.ack !== socket.sndNxt) {
    answerWithReset(layer, socket.netns, packet);
    return false;
  }
  const listener = layer.table.find(socket.listener);
  if (listener === undefined || listener.protocol !== 'tcp') {
    answerWithReset(layer, socket.netns, packet);
    destroy(layer, socket);
    return false;
  }
  listener.halfOpen -= 1;
  socket.sndUna = tcp.ack;
  measureRtt(layer, socket, tcp);
  establish(layer, socket);
  layer.notify(socket.processId, { kind: 'accepted', socket: socket.id, listener: listener.id, from: { ip: socket.remoteIp, port: socket.remotePort } });
  return true;
}

function receiveData(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, payload: Payload | undefined, length: number): void {
  const fin = (tcp.flags & TCP_FIN) !== 0;
  if (length === 0 && !fin) return;
  if (socket.state !== 'ESTAB' && socket.state !== 'FIN-WAIT-1' && socket.state !== 'FIN-WAIT-2') {
    // The peer has said that it was done: a repeated FIN.
    sendAck(layer, socket);
    return;
  }
  if (length > 0 && socket.processId === '') {
    // Nobody will read it any more (Linux: TCPAbortOnClose, TCPAbortOnData).
    destroy(layer, socket);
    sendBareReset(layer, socket);
    return;
  }
  if (seqAfter(tcp.seq, socket.rcvNxt)) {
    if (socket.early.length < MAX_EARLY)
      socket.early.push({ seq: tcp.seq, payload, fin, push: false, length: length + (fin ? 1 : 0), sentNs: 0, retransmitted: false });
    sendAck(layer, socket);
    return;
  }
  const gap = socket.early.length > 0;
  // A FIN to somebody who has closed already is acknowledged at once, any other rides on the answer.
  const closing = socket.state !== 'ESTAB';
  takeSegment(layer, socket, tcp.seq, payload, fin);
  if (gap) drainEarly(layer, socket);
  if (length > 0) dataReceived(layer, socket, length, (tcp.flags & TCP_PSH) !== 0);
  socket.ackPending = true;
  if (socket.peerFinished && closing) sendAck(layer, socket);
  else acknowledgeIfDue(layer, socket, gap && socket.early.length === 0);
}

/** In order, perhaps overlapping what is there already. */
function takeSegment(layer: SocketLayer, socket: TcpSocket, seq: number, payload: Payload | undefined, fin: boolean): void {
  let fresh = payload;
  const known = seqDistance(socket.rcvNxt, seq);
  if (fresh !== undefined && known > 0) fresh = known >= fresh.bytes ? undefined : splitPayload(fresh, known).rest;
  if (fresh !== undefined && fresh.bytes > 0) {
    socket.rcvNxt = seqAdd(socket.rcvNxt, fresh.bytes);
    layer.notify(socket.processId, { kind: 'data', socket: socket.id, payload: fresh });
  }
  if (!fin || socket.peerFinished) return;
  socket.peerFinished = true;
  socket.rcvNxt = seqAdd(socket.rcvNxt, 1);
  if (socket.state === 'ESTAB') {
    socket.state = 'CLOSE-WAIT';
    socket.pingPong = true;
    layer.notify(socket.processId, { kind: 'peer-closed', socket: socket.id });
  } else if (socket.state === 'FIN-WAIT-1') socket.state = 'CLOSING';
  else {
    socket.expiresNs = -1;
    timeWait(layer, socket);
  }
}

function drainEarly(layer: SocketLayer, socket: TcpSocket): void {
  for (let round = 0; round < MAX_EARLY && socket.early.length > 0; round += 1) {
    const at = socket.early.findIndex((segment) => !seqAfter(segment.seq, socket.rcvNxt));
    if (at < 0) return;
    const [segment] = socket.early.splice(at, 1) as [Segment];
    if (seqAfter(seqAdd(segment.seq, segment.length), socket.rcvNxt)) takeSegment(layer, socket, segment.seq, segment.payload, segment.fin);
  }
}

/** An ICMP error about a segment of ours (Linux: net/ipv4/tcp_ipv4.c, tcp_v4_err): it ends a connect, and is only remembered by what is established. */
export function tcpError(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void {
  const icmp = error.icmp;
  const socket = layer.table.findConnection(netns, quoted.src, quoted.sport, quoted.dst, quoted.dport);
  if (icmp === undefined || socket === undefined || socket.state === 'TIME-WAIT') return;
  if (icmp.type === 3 && icmp.code === 4) {
    const route = layer.kernel.routeFor(netns, socket.remoteIp);
    const mtu = Math.min(icmp.mtu ?? 576, typeof route === 'string' ? 65535 : route.mtuBytes);
    if (mtu >= socket.pathMtu) return;
    socket.pathMtu = mtu;
    updateSendMss(socket);
    if (socket.state !== 'SYN-SENT' && socket.state !== 'SYN-RECV') retransmitFirst(layer, socket);
    return;
  }
  const { errno } = icmpErrno(icmp.type, icmp.code);
  if (socket.state === 'SYN-SENT' || socket.state === 'SYN-RECV') fail(layer, socket, errno);
  else socket.softError = errno;
}
