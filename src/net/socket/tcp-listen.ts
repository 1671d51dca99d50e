/** TCP's listening side: SYNs, the queue of half-open connections, SYN cookies, the third step of the handshake. Linux: net/ipv4/tcp_input.c, tcp_conn_request; net/ipv4/syncookies.c */
import { ipHash } from '../addr/ip.ts';
import { type Packet, TCP_ACK, TCP_RST, TCP_SYN, type TcpHeader } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import { seqAdd } from './sequence.ts';
import type { TcpSocket } from './sockets.ts';
import { measureRtt } from './tcp-ack.ts';
import { armRetransmit } from './tcp-arm.ts';
import { destroy, establish, newTcpSocket, openSending } from './tcp-open.ts';
import { answerWithReset, sendSyn, updateSendMss } from './tcp-output.ts';
import { initialWindow } from './tcp-receive-window.ts';
import { accept, drop } from './tcp-verdict.ts';

const TIMESTAMP_BYTES = 12;
/** RFC 9293 section 3.7.1: a SYN without the option. */
const DEFAULT_MSS = 536;
/** Segment sizes that two bits of a cookie can tell (net/ipv4/syncookies.c, msstab). */
const COOKIE_MSS = [536, 1300, 1440, 1460] as const;
/** How long cookies are believed after the queue last overflowed (TCP_SYNQ_OVERFLOW_ALIVE...: two minutes). */
const COOKIE_LIFE_NS = 120_000_000_000;
/** A timestamp's low bits carry what the cookie cannot: window scale (four bits), SACK. */
const TIMESTAMP_NO_SCALE = 15;
const TIMESTAMP_SACK = 16;
const TIMESTAMP_OPTION_BITS = 6;

export function listenArrives(layer: SocketLayer, listener: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  if ((tcp.flags & TCP_RST) !== 0) {
    drop(layer, listener, packet, 'TCP_RESET', 'a RST to a listening socket means nothing');
    return;
  }
  if ((tcp.flags & TCP_ACK) !== 0 || (tcp.flags & TCP_SYN) === 0) {
    if ((tcp.flags & (TCP_ACK | TCP_SYN)) === TCP_ACK && acceptCookie(layer, listener, packet, tcp)) return;
    drop(layer, listener, packet, 'TCP_FLAGS', 'the listening socket knows no such connection; answered with RST');
    answerWithReset(layer, listener.netns, packet);
    return;
  }
  const settings = layer.settings(listener.netns);
  const full = listener.halfOpen >= Math.min(listener.backlog, settings.maxBacklog);
  if (full && settings.synCookies === 0) {
    layer.count(listener.netns, 'TcpExtTCPReqQFullDrop');
    layer.count(listener.netns, 'TcpExtListenDrops');
    drop(layer, listener, packet, 'TCP_LISTEN_OVERFLOW', `${listener.halfOpen} connections are half open already, the backlog is ${listener.backlog}`);
    return;
  }
  if (!full && settings.synCookies === 0 && settings.maxSynBacklog - listener.halfOpen < settings.maxSynBacklog / 4) {
    layer.count(listener.netns, 'TcpExtListenDrops');
    drop(layer, listener, packet, 'TCP_LISTEN_OVERFLOW', 'the last quarter of tcp_max_syn_backlog is for peers that are known');
    return;
  }
  accept(layer, listener, packet);
  const socket = halfOpen(layer, listener, packet, tcp);
  if (full || settings.synCookies === 2) {
    sendCookie(layer, listener, socket, packet, tcp);
    return;
  }
  listener.halfOpen += 1;
  layer.table.add(socket);
  armRetransmit(layer, socket);
  sendSyn(layer, socket);
}

/** A connection as the SYN describes it; in no table yet. */
function halfOpen(layer: SocketLayer, listener: TcpSocket, packet: Packet, tcp: TcpHeader): TcpSocket {
  const owner = { netns: listener.netns, processId: listener.processId, name: listener.processName, uid: listener.uid };
  const socket = newTcpSocket(layer, owner, { ip: packet.dst, port: packet.dport }, { ip: packet.src, port: packet.sport });
  const route = layer.kernel.routeFor(listener.netns, packet.src);
  socket.pathMtu = typeof route === 'string' ? 1500 : route.mtuBytes;
  if (typeof listener.localIp === 'bigint' && typeof packet.dst === 'number') socket.mapped = true;
  socket.state = 'SYN-RECV';
  socket.listener = listener.id;
  socket.noDelay = listener.noDelay;
  socket.keepIdleNs = listener.keepIdleNs;
  socket.keepIntervalNs = listener.keepIntervalNs;
  socket.keepProbes = listener.keepProbes;
  openSending(layer, socket);
  takeSynOptions(socket, tcp);
  socket.rcvWnd = initialWindow(socket.advertisedMss - (socket.timestamps ? TIMESTAMP_BYTES : 0), socket.receiveBufferBytes);
  socket.ipId = layer.kernel.prng('ip-id').below(65536);
  socket.sndWnd = tcp.window;
  return socket;
}

/** What both sides' SYNs agreed on. */
export function takeSynOptions(socket: TcpSocket, tcp: TcpHeader): void {
  const { mss, sackPermitted, timestamps, windowScale } = tcp.options;
  socket.irs = tcp.seq;
  socket.rcvNxt = seqAdd(tcp.seq, 1);
  socket.rcvWup = socket.rcvNxt;
  socket.peerMss = mss ?? DEFAULT_MSS;
  socket.sackPermitted = socket.sackPermitted && sackPermitted === true;
  socket.timestamps = socket.timestamps && timestamps !== undefined;
  socket.timestampRecent = timestamps?.value ?? 0;
  // Both must offer scaling.
  socket.sndScale = socket.rcvScale > 0 ? (windowScale ?? 0) : 0;
  if (windowScale === undefined) socket.rcvScale = 0;
  updateSendMss(socket);
}

function cookieOf(layer: SocketLayer, packet: Packet, peerSeq: number, mssIndex: number): number {
  let h = Math.imul(ipHash(packet.src) ^ 0x9e3779b1, 0x85ebca6b) ^ ipHash(packet.dst) ^ layer.cookieSecret;
  h = Math.imul(h ^ (h >>> 15) ^ (packet.sport << 16) ^ packet.dport, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ peerSeq ^ mssIndex, 0x27d4eb2f);
  return ((h ^ (h >>> 16)) & ~3) | mssIndex;
}

/** The queue is full: the answer carries in its sequence number and timestamp all that is needed to know the connection again; nothing is kept. */
function sendCookie(layer: SocketLayer, listener: TcpSocket, socket: TcpSocket, packet: Packet, tcp: TcpHeader): void {
  layer.count(listener.netns, 'TcpExtTCPReqQFullDoCookies');
  layer.count(listener.netns, 'TcpExtSyncookiesSent');
  listener.cookiesSentNs = layer.kernel.nowNs;
  let index = 0;
  for (let i = 0; i < COOKIE_MSS.length; i += 1) if ((COOKIE_MSS[i] as number) <= socket.peerMss) index = i;
  socket.iss = cookieOf(layer, packet, tcp.seq, index) >>> 0;
  socket.sndNxt = seqAdd(socket.iss, 1);
  if (socket.timestamps) {
    const bits = (tcp.options.windowScale === undefined ? TIMESTAMP_NO_SCALE : socket.sndScale) | (socket.sackPermitted ? TIMESTAMP_SACK : 0);
    const nowMs = Math.floor(layer.kernel.nowNs / 1_000_000);
    // So that the value sent now ends in these bits.
    socket.timestampOffset = ((bits - nowMs) & ((1 << TIMESTAMP_OPTION_BITS) - 1)) >>> 0;
  } else {
    socket.rcvScale = 0;
    socket.sackPermitted = false;
  }
  sendSyn(layer, socket);
}

/** An ACK that repeats a cookie: the connection is open (cookie_v4_check()). */
function acceptCookie(layer: SocketLayer, listener: TcpSocket, packet: Packet, tcp: TcpHeader): boolean {
  if (listener.cookiesSentNs < 0 || layer.kernel.nowNs - listener.cookiesSentNs > COOKIE_LIFE_NS) return false;
  const cookie = seqAdd(tcp.ack, -1);
  const index = cookie & 3;
  const peerSeq = seqAdd(tcp.seq, -1);
  if (cookieOf(layer, packet, peerSeq, index) >>> 0 !== cookie) {
    layer.count(listener.netns, 'TcpExtSyncookiesFailed');
    return false;
  }
  layer.count(listener.netns, 'TcpExtSyncookiesRecv');
  accept(layer, listener, packet);
  const echo = tcp.options.timestamps?.echo;
  const bits = echo === undefined ? undefined : echo & ((1 << TIMESTAMP_OPTION_BITS) - 1);
  const scaled = bits !== undefined && (bits & TIMESTAMP_NO_SCALE) !== TIMESTAMP_NO_SCALE;
  const socket = halfOpen(layer, listener, packet, {
    ...tcp,
    seq: peerSeq,
    options: {
      mss: COOKIE_MSS[index] as number,
      ...(bits !== undefined && (bits & TIMESTAMP_SACK) !== 0 ? { sackPermitted: true } : {}),
      ...(tcp.options.timestamps === undefined ? {} : { timestamps: tcp.options.timestamps }),
      ...(scaled ? { windowScale: bits & TIMESTAMP_NO_SCALE } : {}),
    },
  });
  socket.iss = cookie;
  socket.sndUna = cookie;
  socket.sndNxt = tcp.ack;
  if (echo !== undefined) socket.timestampOffset = (echo - Math.floor(layer.kernel.nowNs / 1_000_000)) >>> 0;
  listener.halfOpen += 1;
  layer.table.add(socket);
  finishHandshake(layer, socket, packet, tcp);
  return true;
}

/** The third step of the handshake. */
export function finishHandshake(layer: SocketLayer, socket: TcpSocket, packet: Packet, tcp: TcpHeader): boolean {
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
  socket.sndWl1 = tcp.seq;
  socket.sndWnd = tcp.window * 2 ** socket.sndScale;
  measureRtt(layer, socket, tcp);
  establish(layer, socket);
  layer.count(socket.netns, 'TcpPassiveOpens');
  layer.notify(socket.processId, { kind: 'accepted', socket: socket.id, listener: listener.id, from: { ip: socket.remoteIp, port: socket.remotePort } });
  return true;
}
