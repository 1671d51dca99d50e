/** TCP's sending half: segments, acknowledgements, resets, retransmission. Linux: net/ipv4/tcp_output.c. */
import { IP_PROTO_TCP, type Packet, type Payload, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpOptions } from '../wire/packet.ts';
import { utf8Length, utf8Prefix } from '../wire/utf8.ts';
import { outgoing, type SocketLayer } from './layer.ts';
import { seqAdd, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { acknowledgementSent, dataSent } from './tcp-ack-mode.ts';

const MAKER = 'kernel tcp';
/** 6.x kernels have tcp_rmem[2] = 32 MB, hence this scale; net/ipv4/tcp_output.c, tcp_select_initial_window. */
export const WINDOW_SCALE = 10;
const MAX_UNSCALED_WINDOW = 65535;
const TIMESTAMP_BYTES = 12;
export const MIN_RTO_NS = 200_000_000;
export const MAX_RTO_NS = 120_000_000_000;

/** The largest multiple of the segment size that fits 16 bits: 64240 for 1460, 64860 for 1410, 65160 for 1448. */
export function initialWindow(mss: number): number {
  return mss >= MAX_UNSCALED_WINDOW ? MAX_UNSCALED_WINDOW : Math.floor(MAX_UNSCALED_WINDOW / mss) * mss;
}

/** Payload bytes of a full segment. */
export function updateSendMss(socket: TcpSocket): void {
  const limit = Math.min(socket.peerMss, socket.pathMtu - 40);
  socket.sendMss = Math.max(1, limit - (socket.timestamps ? TIMESTAMP_BYTES : 0));
}

function timestampOption(layer: SocketLayer, socket: TcpSocket): TcpOptions['timestamps'] {
  const value = (socket.timestampOffset + Math.floor(layer.kernel.nowNs / 1_000_000)) >>> 0;
  return { value, echo: socket.timestampRecent };
}

const NO_OPTIONS: TcpOptions = {};

function optionsFor(layer: SocketLayer, socket: TcpSocket, syn: boolean): TcpOptions {
  if (!syn) {
    const timestamps = socket.timestamps ? timestampOption(layer, socket) : undefined;
    return timestamps === undefined ? NO_OPTIONS : { timestamps };
  }
  const timestamps = socket.timestamps ? timestampOption(layer, socket) : undefined;
  return {
    mss: socket.advertisedMss,
    ...(socket.sackPermitted ? { sackPermitted: true } : {}),
    ...(timestamps === undefined ? {} : { timestamps }),
    ...(socket.rcvScale > 0 ? { windowScale: socket.rcvScale } : {}),
  };
}

/** The window field: unscaled in SYNs, otherwise scaled and rounded up to whole units. */
function windowField(socket: TcpSocket, syn: boolean): number {
  if (syn) return Math.min(MAX_UNSCALED_WINDOW, socket.rcvWnd);
  return Math.min(MAX_UNSCALED_WINDOW, Math.ceil(socket.rcvWnd / 2 ** socket.rcvScale));
}

/** Sends one segment as it is; accounting is the caller's. */
export function transmit(layer: SocketLayer, socket: TcpSocket, flags: number, seq: number, payload: Payload | undefined): void {
  const packet = outgoing(layer, socket.localIp, socket.remoteIp, IP_PROTO_TCP);
  const syn = (flags & TCP_SYN) !== 0;
  packet.sport = socket.localPort;
  packet.dport = socket.remotePort;
  packet.dontFragment = true;
  packet.payload = payload;
  if (syn && (flags & TCP_ACK) !== 0) packet.ipId = 0;
  else {
    packet.ipId = socket.ipId;
    socket.ipId = (socket.ipId + 1) & 0xffff;
  }
  packet.tcp = {
    flags,
    seq,
    ack: (flags & TCP_ACK) === 0 ? 0 : socket.rcvNxt,
    window: (flags & TCP_RST) !== 0 ? 0 : windowField(socket, syn),
    options: (flags & TCP_RST) !== 0 ? NO_OPTIONS : optionsFor(layer, socket, syn),
  };
  packet.flowHash = socket.txHash;
  if ((flags & TCP_ACK) !== 0) acknowledgementSent(layer, socket);
  if (payload !== undefined) dataSent(layer, socket);
  layer.kernel.output(socket.netns, packet, MAKER);
}

export function sendAck(layer: SocketLayer, socket: TcpSocket): void {
  transmit(layer, socket, TCP_ACK, socket.sndNxt, undefined);
}

/** A RST without ACK, as the kernel sends when data comes for a connection that nobody reads any more. */
export function sendBareReset(layer: SocketLayer, socket: TcpSocket): void {
  transmit(layer, socket, TCP_RST, socket.sndNxt, undefined);
}

export function sendReset(layer: SocketLayer, socket: TcpSocket): void {
  transmit(layer, socket, TCP_RST | TCP_ACK, socket.sndNxt, undefined);
}

/** SYN or SYN-ACK. */
export function sendSyn(layer: SocketLayer, socket: TcpSocket): void {
  transmit(layer, socket, socket.state === 'SYN-RECV' ? TCP_SYN | TCP_ACK : TCP_SYN, socket.iss, undefined);
}

/** Answers a segment that no socket wants (RFC 9293 section 3.5.2; Linux: net/ipv4/tcp_ipv4.c, tcp_v4_send_reset). */
export function answerWithReset(layer: SocketLayer, netns: string, packet: Packet): void {
  const tcp = packet.tcp;
  if (tcp === undefined || (tcp.flags & TCP_RST) !== 0) return;
  const reset = outgoing(layer, packet.dst, packet.src, IP_PROTO_TCP);
  reset.sport = packet.dport;
  reset.dport = packet.sport;
  reset.dontFragment = true;
  if ((tcp.flags & TCP_ACK) !== 0) reset.tcp = { flags: TCP_RST, seq: tcp.ack, ack: 0, window: 0, options: NO_OPTIONS };
  else {
    const length = (packet.payload?.bytes ?? 0) + ((tcp.flags & TCP_SYN) !== 0 ? 1 : 0) + ((tcp.flags & TCP_FIN) !== 0 ? 1 : 0);
    reset.tcp = { flags: TCP_RST | TCP_ACK, seq: 0, ack: seqAdd(tcp.seq, length), window: 0, options: NO_OPTIONS };
  }
  layer.kernel.output(netns, reset, MAKER);
}

/** Sends what is queued as far as the peer's window and congestion control allow, then FIN when closing was asked for. */
export function push(layer: SocketLayer, socket: TcpSocket): void {
  const window = Math.min(socket.sndWnd, socket.cwndBytes);
  while (socket.queue.length > 0) {
    const inFlight = seqDistance(socket.sndNxt, socket.sndUna);
    const room = window - inFlight;
    const head = socket.queue[0] as Payload;
    // A segment goes out whole or waits, except as a probe into an empty pipe.
    const wanted = Math.min(head.bytes, socket.sendMss);
    if (room < wanted && inFlight > 0) break;
    if (room <= 0 && socket.sndWnd === 0 && inFlight === 0 && socket.retries === 0) {
      // Zero window: the timer probes.
      armRetransmit(layer, socket);
      break;
    }
    const { first, rest } = splitPayload(head, socket.sendMss);
    if (rest === undefined) socket.queue.shift();
    else socket.queue[0] = rest;
    sendSegment(layer, socket, first, rest === undefined, false);
  }
  if (socket.closeRequested && !socket.finSent && socket.queue.length === 0) {
    socket.finSent = true;
    sendSegment(layer, socket, undefined, false, true);
  }
}

function sendSegment(layer: SocketLayer, socket: TcpSocket, payload: Payload | undefined, last: boolean, fin: boolean): void {
  const length = (payload?.bytes ?? 0) + (fin ? 1 : 0);
  const segment: Segment = { seq: socket.sndNxt, payload, fin, push: last, length, sentNs: layer.kernel.nowNs, retransmitted: false };
  socket.unacked.push(segment);
  socket.sndNxt = seqAdd(socket.sndNxt, length);
  if (socket.timer < 0) armRetransmit(layer, socket);
  transmit(layer, socket, segmentFlags(segment), segment.seq, payload);
}

function segmentFlags(segment: Segment): number {
  return TCP_ACK | (segment.push ? TCP_PSH : 0) | (segment.fin ? TCP_FIN : 0);
}

/** Sends the first unacknowledged segment again. */
export function retransmitFirst(layer: SocketLayer, socket: TcpSocket): void {
  const segment = socket.unacked[0];
  if (segment === undefined) return;
  const pieces = segment.payload === undefined ? [segment] : resegment(segment, socket.sendMss);
  socket.unacked.splice(0, 1, ...pieces.map((piece) => ({ ...piece, retransmitted: true })));
  const first = socket.unacked[0] as Segment;
  transmit(layer, socket, segmentFlags(first), first.seq, first.payload);
}

/** Cuts a segment again after the path MTU has shrunk. */
function resegment(segment: Segment, mss: number): Segment[] {
  if (segment.payload === undefined || segment.payload.bytes <= mss) return [segment];
  const pieces: Segment[] = [];
  let seq = segment.seq;
  let left: Payload | undefined = segment.payload;
  while (left !== undefined) {
    const { first, rest }: { first: Payload; rest: Payload | undefined } = splitPayload(left, mss);
    pieces.push({
      ...segment,
      seq,
      payload: first,
      fin: rest === undefined && segment.fin,
      push: rest === undefined && segment.push,
      length: first.bytes + (rest === undefined && segment.fin ? 1 : 0),
    });
    seq = seqAdd(seq, first.bytes);
    left = rest;
  }
  return pieces;
}

/** At most `limitBytes`, never splitting a character of a text. */
export function splitPayload(payload: Payload, limitBytes: number): { readonly first: Payload; readonly rest: Payload | undefined } {
  if (payload.bytes <= limitBytes) return { first: payload, rest: undefined };
  if (payload.text === undefined) return { first: { bytes: limitBytes }, rest: { bytes: payload.bytes - limitBytes } };
  const ascii = payload.bytes === payload.text.length;
  const cut = ascii ? limitBytes : utf8Prefix(payload.text, limitBytes);
  const head = payload.text.slice(0, cut);
  const headBytes = ascii ? cut : payload.bytes - utf8Length(payload.text.slice(cut));
  if (headBytes >= payload.bytes) return { first: payload, rest: undefined };
  return { first: { bytes: headBytes, text: head }, rest: { bytes: payload.bytes - headBytes, text: payload.text.slice(cut) } };
}

export function armRetransmit(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.timer >= 0) layer.kernel.cancelTimer(socket.timer);
  socket.timer = layer.kernel.setTimer(socket.rtoNs, { kind: 'socket', socket: socket.id, tag: 'retransmit' });
}

export function stopTimer(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.timer < 0) return;
  layer.kernel.cancelTimer(socket.timer);
  socket.timer = -1;
}
