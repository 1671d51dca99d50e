/** TCP's sending half: segments, acknowledgements, resets, retransmission. Linux: net/ipv4/tcp_output.c. */
import { isIp6 } from '../addr/ip.ts';
import type { BpfNote } from '../trace/emit.ts';
import { IP_PROTO_TCP, type Ip, type Packet, type Payload, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpOptions } from '../wire/packet.ts';
import { utf8Length, utf8Prefix } from '../wire/utf8.ts';
import { outgoing, type SocketLayer } from './layer.ts';
import { seqAdd, seqAfter, seqDistance } from './sequence.ts';
import type { Segment, TcpSocket } from './sockets.ts';
import { acknowledgementSent, dataSent } from './tcp-ack-mode.ts';
import { armForData, armProbe, armRetransmit } from './tcp-arm.ts';
import { selectWindow } from './tcp-receive-window.ts';
import { bytesInFlight, recount, segmentsInFlight } from './tcp-scoreboard.ts';

export const KERNEL_MAKER = 'kernel tcp';
const MAX_UNSCALED_WINDOW = 65535;
const TIMESTAMP_BYTES = 12;
/** Blocks that fit beside timestamps, and without. */
const MAX_BLOCKS_WITH_TIMESTAMPS = 3;
const MAX_BLOCKS = 4;

/** IP and TCP headers without options. */
export const headersBytes = (ip: Ip): number => (isIp6(ip) ? 60 : 40);

/** Payload bytes of a full segment. */
export function updateSendMss(socket: TcpSocket): void {
  const limit = Math.min(socket.peerMss, socket.pathMtu - headersBytes(socket.remoteIp));
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
    if (socket.early.length > 0 || socket.duplicate !== undefined) {
      const sack = takeSackBlocks(socket);
      if (sack.length > 0) return timestamps === undefined ? { sack } : { timestamps, sack };
    }
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

/** What has come beyond gaps, the newest first; a duplicate (RFC 2883) in front of all, once. */
function takeSackBlocks(socket: TcpSocket): readonly (readonly [number, number])[] {
  if (!socket.sackPermitted) return [];
  const blocks: (readonly [number, number])[] = [];
  let newest = 0;
  let left = -1;
  let right = -1;
  for (const segment of socket.early) {
    if (left < 0 || segment.seq !== right) {
      if (left >= 0) blocks.push([left, right]);
      left = segment.seq;
    }
    right = seqAdd(segment.seq, segment.length);
    if (segment.seq === socket.earlyLastSeq) newest = blocks.length;
  }
  if (left >= 0) blocks.push([left, right]);
  const [first] = blocks.splice(newest, 1);
  if (first !== undefined) blocks.unshift(first);
  if (socket.duplicate !== undefined) blocks.unshift(socket.duplicate);
  socket.duplicate = undefined;
  return blocks.slice(0, socket.timestamps ? MAX_BLOCKS_WITH_TIMESTAMPS : MAX_BLOCKS);
}

/** Sends one segment as it is; accounting is the caller's. */
export function transmit(layer: SocketLayer, socket: TcpSocket, flags: number, seq: number, payload: Payload | undefined, note?: BpfNote): void {
  const packet = outgoing(layer, socket.localIp, socket.remoteIp, IP_PROTO_TCP, socket.uid);
  if (socket.mark !== 0) packet.mark = socket.mark;
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
    window: (flags & TCP_RST) !== 0 ? 0 : syn ? Math.min(MAX_UNSCALED_WINDOW, socket.rcvWnd) : selectWindow(socket),
    options: (flags & TCP_RST) !== 0 ? NO_OPTIONS : optionsFor(layer, socket, syn),
  };
  packet.flowHash = socket.txHash;
  socket.segmentsOut += 1;
  if ((flags & TCP_ACK) !== 0) acknowledgementSent(layer, socket);
  if (payload !== undefined) {
    socket.dataSegmentsOut += 1;
    socket.bytesSent += payload.bytes;
    socket.lastSentNs = layer.kernel.nowNs;
    dataSent(layer, socket);
  }
  layer.count(socket.netns, 'TcpOutSegs');
  if ((flags & TCP_RST) !== 0) layer.count(socket.netns, 'TcpOutRsts');
  if (note !== undefined) layer.kernel.socketHooks.note(packet, note);
  layer.kernel.output(socket.netns, packet, socket.maker);
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
export function sendSyn(layer: SocketLayer, socket: TcpSocket, note?: BpfNote): void {
  transmit(layer, socket, socket.state === 'SYN-RECV' ? TCP_SYN | TCP_ACK : TCP_SYN, socket.iss, undefined, note);
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
  layer.count(netns, 'TcpOutSegs');
  layer.count(netns, 'TcpOutRsts');
  layer.kernel.output(netns, reset, KERNEL_MAKER);
}

/** One byte before what is expected, so that the peer answers with an ACK (tcp_xmit_probe_skb()). */
export function sendKeepAlive(layer: SocketLayer, socket: TcpSocket): void {
  transmit(layer, socket, TCP_ACK, seqAdd(socket.sndNxt, -1), undefined);
}

/** As much as the window takes, or a segment from before it, so that the peer says how far it is open (tcp_write_wakeup()). */
export function sendWindowProbe(layer: SocketLayer, socket: TcpSocket): void {
  const room = socket.sndWnd - seqDistance(socket.sndNxt, socket.sndUna);
  const head = socket.queue[0];
  if (room <= 0 || head === undefined) {
    sendKeepAlive(layer, socket);
    return;
  }
  const { first, rest } = splitPayload(head, Math.min(room, socket.sendMss));
  if (rest === undefined) socket.queue.shift();
  else socket.queue[0] = rest;
  sendSegment(layer, socket, first, true, false);
}

/** Sends what is queued as far as the peer's window and congestion control allow, then FIN when closing was asked for (tcp_write_xmit()). */
export function push(layer: SocketLayer, socket: TcpSocket): void {
  while (socket.queue.length > 0) {
    const head = socket.queue[0] as Payload;
    const wanted = Math.min(head.bytes, socket.sendMss);
    const windowRoom = socket.sndWnd - seqDistance(socket.sndNxt, socket.sndUna);
    if (bytesInFlight(socket) + wanted > socket.cwndBytes && socket.unacked.length > 0) break;
    if (windowRoom < wanted && (windowRoom <= 0 || socket.unacked.length > 0 || windowRoom < socket.maxSndWnd / 2)) break;
    // Nagle, with Minshall's change: a small segment waits while another small one is on its way.
    if (wanted < socket.sendMss && !socket.noDelay && !socket.closeRequested && isSmallOnItsWay(socket)) break;
    const { first, rest } = splitPayload(head, Math.min(socket.sendMss, Math.max(1, windowRoom)));
    if (rest === undefined) socket.queue.shift();
    else socket.queue[0] = rest;
    sendSegment(layer, socket, first, rest === undefined, false);
  }
  // The FIN is a segment like others to the congestion window (tcp_cwnd_test(), which counts packets).
  if (socket.closeRequested && !socket.finSent && socket.queue.length === 0 && segmentsInFlight(socket) * socket.sendMss < socket.cwndBytes) {
    socket.finSent = true;
    sendSegment(layer, socket, undefined, false, true);
  }
  // The window is closed and no answer is to be expected: probe.
  if (socket.queue.length > 0 && socket.unacked.length === 0 && socket.timer < 0) armProbe(layer, socket);
}

const isSmallOnItsWay = (socket: TcpSocket): boolean =>
  socket.unacked.length > 0 && seqAfter(socket.smallSentEnd, socket.sndUna) && !seqAfter(socket.smallSentEnd, socket.sndNxt);

function sendSegment(layer: SocketLayer, socket: TcpSocket, payload: Payload | undefined, last: boolean, fin: boolean): void {
  const length = (payload?.bytes ?? 0) + (fin ? 1 : 0);
  const segment: Segment = { seq: socket.sndNxt, payload, fin, push: last, length, sentNs: layer.kernel.nowNs, retransmissions: 0, sacked: false, lost: false };
  socket.unacked.push(segment);
  socket.sndNxt = seqAdd(socket.sndNxt, length);
  if (payload !== undefined && payload.bytes < socket.sendMss) socket.smallSentEnd = socket.sndNxt;
  armForData(layer, socket, false);
  socket.probeBackoff = 0;
  transmit(layer, socket, segmentFlags(segment), segment.seq, payload);
}

function segmentFlags(segment: Segment): number {
  return TCP_ACK | (segment.push ? TCP_PSH : 0) | (segment.fin ? TCP_FIN : 0);
}

/** Sends an unacknowledged segment again, cut anew where the path's MTU has shrunk. */
export function retransmitAt(layer: SocketLayer, socket: TcpSocket, index: number): void {
  const segment = socket.unacked[index];
  if (segment === undefined) return;
  const again = { ...segment, lost: false, retransmissions: segment.retransmissions + 1, sentNs: layer.kernel.nowNs };
  const pieces = segment.payload === undefined ? [again] : resegment(again, socket.sendMss);
  const [first, ...rest] = pieces as [Segment, ...Segment[]];
  // What was cut off is still to be sent again.
  socket.unacked.splice(index, 1, first, ...rest.map((piece) => ({ ...piece, lost: true })));
  recount(socket);
  socket.retransmissions += 1;
  socket.bytesRetransmitted += first.payload?.bytes ?? 0;
  layer.count(socket.netns, 'TcpRetransSegs');
  if (socket.timer < 0) armRetransmit(layer, socket);
  transmit(layer, socket, segmentFlags(first), first.seq, first.payload);
}

/** tcp_send_loss_probe(): something new if there is any and the window takes it, else the last segment once more. False when nothing went out. */
export function sendTailProbe(layer: SocketLayer, socket: TcpSocket): boolean {
  const head = socket.queue[0];
  const room = socket.sndWnd - seqDistance(socket.sndNxt, socket.sndUna);
  if (head !== undefined && room >= Math.min(head.bytes, socket.sendMss)) {
    const { first, rest } = splitPayload(head, socket.sendMss);
    if (rest === undefined) socket.queue.shift();
    else socket.queue[0] = rest;
    sendSegment(layer, socket, first, rest === undefined, false);
    return true;
  }
  const last = socket.unacked.length - 1;
  if (last < 0) return false;
  retransmitAt(layer, socket, last);
  return true;
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
  if (payload.octets !== undefined) {
    const { bytes, octets } = payload;
    return { first: { bytes: limitBytes, octets: octets.slice(0, limitBytes) }, rest: { bytes: bytes - limitBytes, octets: octets.slice(limitBytes) } };
  }
  if (payload.text === undefined) return { first: { bytes: limitBytes }, rest: { bytes: payload.bytes - limitBytes } };
  const ascii = payload.bytes === payload.text.length;
  const cut = ascii ? limitBytes : utf8Prefix(payload.text, limitBytes);
  const head = payload.text.slice(0, cut);
  const headBytes = ascii ? cut : payload.bytes - utf8Length(payload.text.slice(cut));
  if (headBytes >= payload.bytes) return { first: payload, rest: undefined };
  return { first: { bytes: headBytes, text: head }, rest: { bytes: payload.bytes - headBytes, text: payload.text.slice(cut) } };
}
