/** Data that comes to TCP: taken in order, kept while something is missing, handed to the program that reads. Linux: net/ipv4/tcp_input.c, tcp_data_queue */
import { type Payload, TCP_FIN, TCP_PSH, type TcpHeader } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { timeWait } from './tcp-ack.ts';
import { dataReceived } from './tcp-ack-mode.ts';
import { acknowledgeIfDue } from './tcp-delayed-ack.ts';
import { destroy } from './tcp-open.ts';
import { sendAck, sendBareReset, splitPayload } from './tcp-output.ts';
import { growWindow, measureReading, offeredWindow } from './tcp-receive-window.ts';

/** Segments that came too early, per socket; more are dropped and come again. */
const MAX_EARLY = 1024;

export function receiveData(layer: SocketLayer, socket: TcpSocket, tcp: TcpHeader, payload: Payload | undefined, length: number): void {
  const fin = (tcp.flags & TCP_FIN) !== 0;
  if (length === 0 && !fin) {
    layer.count(socket.netns, 'TcpExtTCPPureAcks');
    return;
  }
  if (socket.state !== 'ESTAB' && socket.state !== 'FIN-WAIT-1' && socket.state !== 'FIN-WAIT-2') {
    // The peer has said that it was done: a repeated FIN.
    sendAck(layer, socket);
    return;
  }
  if (length > 0 && socket.processId === '') {
    // Nobody will read it any more.
    layer.count(socket.netns, 'TcpExtTCPAbortOnData');
    destroy(layer, socket);
    sendBareReset(layer, socket);
    return;
  }
  if (length > 0 && offeredWindow(socket) === 0) {
    // A probe of a closed window.
    sendAck(layer, socket);
    return;
  }
  if (seqAfter(tcp.seq, socket.rcvNxt)) {
    keepEarly(layer, socket, {
      seq: tcp.seq,
      payload,
      fin,
      push: false,
      length: length + (fin ? 1 : 0),
      sentNs: 0,
      retransmissions: 0,
      sacked: false,
      lost: false,
    });
    sendAck(layer, socket);
    return;
  }
  const gap = socket.early.length > 0;
  // A FIN to somebody who has closed already is acknowledged at once, any other rides on the answer.
  const closing = socket.state !== 'ESTAB';
  takeSegment(layer, socket, tcp.seq, payload, fin);
  if (gap) drainEarly(layer, socket);
  if (length > 0) {
    dataReceived(layer, socket, length, (tcp.flags & TCP_PSH) !== 0);
    growWindow(socket);
  }
  socket.ackPending = true;
  if (socket.peerFinished && closing) sendAck(layer, socket);
  else acknowledgeIfDue(layer, socket, gap && socket.early.length === 0);
}

/** tcp_data_queue_ofo(): in order of sequence numbers; what is there already is told in the next ACK. */
function keepEarly(layer: SocketLayer, socket: TcpSocket, segment: Segment): void {
  const { early } = socket;
  let at = early.length;
  while (at > 0 && seqAfter((early[at - 1] as Segment).seq, segment.seq)) at -= 1;
  const before = early[at - 1];
  const end = seqAdd(segment.seq, segment.length);
  if (before !== undefined && !seqAfter(end, seqAdd(before.seq, before.length))) {
    if (socket.sackPermitted) {
      layer.count(socket.netns, 'TcpExtTCPDSACKOfoSent');
      socket.duplicate = [segment.seq, end];
    }
    return;
  }
  if (early.length >= MAX_EARLY) {
    layer.count(socket.netns, 'TcpExtTCPOFODrop');
    return;
  }
  layer.count(socket.netns, 'TcpExtTCPOFOQueue');
  early.splice(at, 0, segment);
  socket.earlyLastSeq = segment.seq;
}

/** In order, perhaps overlapping what is there already. */
function takeSegment(layer: SocketLayer, socket: TcpSocket, seq: number, payload: Payload | undefined, fin: boolean): void {
  let fresh = payload;
  const known = seqDistance(socket.rcvNxt, seq);
  if (fresh !== undefined && known > 0) fresh = known >= fresh.bytes ? undefined : splitPayload(fresh, known).rest;
  if (fresh !== undefined && fresh.bytes > 0) {
    socket.rcvNxt = seqAdd(socket.rcvNxt, fresh.bytes);
    socket.bytesReceived += fresh.bytes;
    if (socket.reading) read(layer, socket, fresh);
    else {
      socket.unread.push(fresh);
      socket.unreadBytes += fresh.bytes;
    }
  }
  if (!fin || socket.peerFinished) return;
  socket.peerFinished = true;
  socket.rcvNxt = seqAdd(socket.rcvNxt, 1);
  if (socket.reading) layer.notify(socket.processId, { kind: 'peer-closed', socket: socket.id });
  if (socket.state === 'ESTAB') {
    socket.state = 'CLOSE-WAIT';
    socket.pingPong = true;
  } else if (socket.state === 'FIN-WAIT-1') socket.state = 'CLOSING';
  else {
    socket.expiresNs = -1;
    timeWait(layer, socket);
  }
}

function read(layer: SocketLayer, socket: TcpSocket, payload: Payload): void {
  layer.notify(socket.processId, { kind: 'data', socket: socket.id, payload });
  measureReading(layer, socket, payload.bytes, layer.settings(socket.netns).maxReceiveBufferBytes);
}

function drainEarly(layer: SocketLayer, socket: TcpSocket): void {
  for (let round = 0; round <= MAX_EARLY && socket.early.length > 0; round += 1) {
    const segment = socket.early[0] as Segment;
    if (seqAfter(segment.seq, socket.rcvNxt)) return;
    socket.early.shift();
    if (seqAfter(seqAdd(segment.seq, segment.length), socket.rcvNxt)) takeSegment(layer, socket, segment.seq, segment.payload, segment.fin);
  }
}

/** The program stops reading, or goes on: what came meanwhile is handed over, and the peer hears of the room (tcp_cleanup_rbuf()). */
export function setReading(layer: SocketLayer, socket: TcpSocket, on: boolean): void {
  if (socket.reading === on) return;
  socket.reading = on;
  if (!on) return;
  const { unread } = socket;
  const offered = offeredWindow(socket);
  socket.unread = [];
  socket.unreadBytes = 0;
  for (const payload of unread) read(layer, socket, payload);
  if (socket.peerFinished) layer.notify(socket.processId, { kind: 'peer-closed', socket: socket.id });
  // A window that was nearly closed and is open again: the peer would learn of it only by its next probe.
  if (unread.length > 0 && offered < socket.windowClamp / 2) sendAck(layer, socket);
}
