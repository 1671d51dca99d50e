/** TCP from above: listen, connect, close, abort, and the end of a connection. Linux: net/ipv4/tcp.c, net/ipv4/tcp_ipv4.c. */
import { isUnspecified } from '../addr/ip.ts';
import type { Endpoint, LocalChoice, TcpSocketOptions } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip, Payload } from '../wire/packet.ts';
import { drawFlowHash, endpointText, ephemeralTcpPort, isV6Only, mayReuse, type SocketLayer } from './layer.ts';
import type { TcpSocket } from './sockets.ts';
import { initializeReceiveMss, stopAckTimer } from './tcp-ack-mode.ts';
import { armKeepAlive, armRetransmit, setKeepAlive, stopTimer } from './tcp-arm.ts';
import { headersBytes, KERNEL_MAKER, push, sendReset, sendSyn, updateSendMss } from './tcp-output.ts';
import { initialWindow, openReceiveWindow, windowScaleFor } from './tcp-receive-window.ts';
import { mayBindAnywhere, type Owner } from './udp.ts';

const INITIAL_RTO_NS = 1_000_000_000;
/** What loopback's MTU gives with IPv4 headers; larger is cut. */
const MAX_MSS = 65495;
const INITIAL_CWND_SEGMENTS = 10;
/** RFC 9293 section 3.7.1: a SYN without the option. */
const DEFAULT_MSS = 536;

export function newTcpSocket(layer: SocketLayer, owner: Owner, local: Endpoint, remote: Endpoint, id = layer.table.nextId()): TcpSocket {
  return {
    protocol: 'tcp',
    id,
    netns: owner.netns,
    processId: owner.processId,
    processName: owner.name,
    uid: owner.uid,
    mark: 0,
    maker: KERNEL_MAKER,
    localIp: local.ip,
    localPort: local.port,
    remoteIp: remote.ip,
    remotePort: remote.port,
    label: `tcp ${endpointText(local.ip, local.port)}`,
    state: 'CLOSED',
    listener: -1,
    backlog: 0,
    halfOpen: 0,
    cookiesSentNs: -1,
    iss: 0,
    sndUna: 0,
    sndNxt: 0,
    sndWnd: 0,
    sndScale: 0,
    sndWl1: 0,
    maxSndWnd: 0,
    irs: 0,
    rcvNxt: 0,
    rcvWnd: 0,
    rcvScale: 0,
    advertisedMss: DEFAULT_MSS,
    sendMss: DEFAULT_MSS,
    peerMss: DEFAULT_MSS,
    pathMtu: 1500,
    sackPermitted: true,
    timestamps: true,
    timestampOffset: 0,
    timestampRecent: 0,
    cwndBytes: 0,
    ssthreshBytes: Number.MAX_SAFE_INTEGER,
    duplicateAcks: 0,
    recovery: 'open',
    recoverySeq: 0,
    marked: 0,
    noDelay: false,
    smallSentEnd: 0,
    reusePort: false,
    unacked: [],
    queue: [],
    closeRequested: false,
    finSent: false,
    peerFinished: false,
    early: [],
    earlyLastSeq: 0,
    duplicate: undefined,
    reading: true,
    unread: [],
    unreadBytes: 0,
    receiveBufferBytes: 0,
    windowClamp: 0,
    rcvSsthresh: 0,
    readSinceNs: 0,
    readBytes: 0,
    readSpace: 1,
    receiveRttNs: 0,
    ackPending: false,
    rcvWup: 0,
    rcvMss: DEFAULT_MSS,
    lastSegmentBytes: 0,
    smallUnread: 0,
    quickAcks: 0,
    pingPong: false,
    atoNs: 0,
    ackDueNs: 0,
    ackTimer: -1,
    lastReceivedNs: 0,
    smoothedRttNs: 0,
    rttVarianceNs: 0,
    rtoNs: INITIAL_RTO_NS,
    retries: 0,
    stalledSinceNs: -1,
    probedUpTo: -1,
    timer: -1,
    timerPurpose: 'retransmit',
    timerDueNs: 0,
    probes: 0,
    probeBackoff: 0,
    keepIdleNs: 0,
    keepIntervalNs: 0,
    keepProbes: 0,
    keepTimer: -1,
    keepDueNs: 0,
    outOfWindowNs: -1,
    bytesSent: 0,
    bytesAcked: 0,
    bytesReceived: 0,
    bytesRetransmitted: 0,
    segmentsOut: 0,
    segmentsIn: 0,
    dataSegmentsOut: 0,
    dataSegmentsIn: 0,
    retransmissions: 0,
    lastSentNs: layer.kernel.nowNs,
    lastAckNs: layer.kernel.nowNs,
    minRttNs: 0,
    expiresNs: -1,
    softError: undefined,
    ipId: 0,
    txHash: drawFlowHash(layer),
  };
}

export function applyOptions(layer: SocketLayer, socket: TcpSocket, options: TcpSocketOptions): void {
  socket.reusePort = options.reusePort === true;
  socket.noDelay = options.noDelay === true;
  const { keepAlive } = options;
  if (keepAlive === undefined) return;
  const ns = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1e9);
  setKeepAlive(layer, socket, true, ns(keepAlive.idleSeconds), ns(keepAlive.intervalSeconds), keepAlive.probes);
}

export function tcpListen(layer: SocketLayer, owner: Owner, ip: Ip, port: number, backlog: number, options: TcpSocketOptions = {}): TcpSocket | Errno {
  if (!isUnspecified(ip) && !layer.kernel.isLocalAddress(owner.netns, ip) && !mayBindAnywhere(layer, owner)) return 'EADDRNOTAVAIL';
  const v6only = isV6Only(layer, owner.netns, ip);
  if (layer.table.isListening(owner.netns, ip, port, options.reusePort === true, v6only)) return 'EADDRINUSE';
  if (!layer.kernel.socketHooks.postBind({ netns: owner.netns, protocol: 'tcp', ip, port, socket: 0 })) return 'EPERM';
  const socket = newTcpSocket(layer, owner, { ip, port }, { ip: 0, port: 0 });
  if (v6only) socket.v6only = true;
  socket.state = 'LISTEN';
  socket.backlog = Math.max(1, Math.min(backlog, layer.settings(owner.netns).maxBacklog));
  applyOptions(layer, socket, options);
  layer.table.add(socket);
  return socket;
}

export function tcpConnect(layer: SocketLayer, owner: Owner, given: Endpoint, from: LocalChoice & TcpSocketOptions = {}): TcpSocket | Errno {
  const id = layer.table.nextId();
  const hooked = layer.kernel.socketHooks.connect({ netns: owner.netns, protocol: 'tcp', ip: given.ip, port: given.port, socket: id });
  if (hooked?.kind === 'refused') return hooked.errno;
  const to = hooked ?? given;
  if (from.ip !== undefined && from.transparent !== true && !layer.kernel.isLocalAddress(owner.netns, from.ip)) return 'EADDRNOTAVAIL';
  const route = layer.kernel.routeFor(owner.netns, to.ip, from.mark === undefined ? undefined : { mark: from.mark });
  if (typeof route === 'string') return route;
  layer.table.expire(layer.kernel.nowNs);
  const source = from.ip ?? route.source;
  const port = from.port ?? ephemeralTcpPort(layer, owner.netns, source, to.ip, to.port);
  if (port === undefined) return 'EADDRNOTAVAIL';
  const taken = layer.table.findConnection(owner.netns, source, port, to.ip, to.port);
  if (taken !== undefined) {
    if (!mayReuse(layer, owner.netns, taken)) return 'EADDRNOTAVAIL';
    layer.count(owner.netns, 'TcpExtTWRecycled');
    destroy(layer, taken);
  }
  layer.count(owner.netns, 'TcpActiveOpens');
  const socket = newTcpSocket(layer, owner, { ip: source, port }, to, id);
  applyOptions(layer, socket, from);
  if (from.maker !== undefined) socket.maker = from.maker;
  if (from.mark !== undefined) socket.mark = from.mark;
  socket.state = 'SYN-SENT';
  socket.pathMtu = route.mtuBytes;
  openSending(layer, socket);
  socket.rcvWnd = initialWindow(socket.advertisedMss, socket.receiveBufferBytes);
  socket.ipId = layer.kernel.prng('ip-id').below(65536);
  layer.table.add(socket);
  armRetransmit(layer, socket);
  sendSyn(layer, socket, hooked?.note);
  return socket;
}

/** Initial sequence number, timestamps' offset and the segment size that the path's MTU gives. */
export function openSending(layer: SocketLayer, socket: TcpSocket): void {
  const chance = layer.kernel.prng('tcp-isn');
  const settings = layer.settings(socket.netns);
  socket.iss = chance.uint32();
  socket.timestampOffset = chance.uint32();
  socket.sndUna = socket.iss;
  socket.sndNxt = (socket.iss + 1) >>> 0;
  socket.timestamps = settings.timestamps;
  socket.sackPermitted = settings.sack;
  socket.advertisedMss = Math.min(MAX_MSS, socket.pathMtu - headersBytes(socket.remoteIp));
  socket.rcvScale = settings.windowScaling ? windowScaleFor(settings.maxReceiveBufferBytes) : 0;
  socket.receiveBufferBytes = settings.receiveBufferBytes;
}

/** Both sides know each other's options now. */
export function establish(layer: SocketLayer, socket: TcpSocket): void {
  socket.state = 'ESTAB';
  socket.retries = 0;
  socket.stalledSinceNs = -1;
  stopTimer(layer, socket);
  updateSendMss(socket);
  initializeReceiveMss(socket);
  openReceiveWindow(layer, socket, layer.settings(socket.netns).receiveBufferBytes);
  socket.maxSndWnd = Math.max(socket.maxSndWnd, socket.sndWnd);
  socket.lastReceivedNs = layer.kernel.nowNs;
  socket.lastAckNs = socket.lastReceivedNs;
  if (socket.keepIdleNs > 0) armKeepAlive(layer, socket, socket.keepIdleNs);
  socket.cwndBytes = INITIAL_CWND_SEGMENTS * socket.sendMss;
}

export function tcpSend(layer: SocketLayer, socket: TcpSocket, payload: Payload): void {
  if (payload.bytes === 0 || socket.closeRequested || socket.state === 'CLOSED' || socket.state === 'LISTEN') return;
  socket.queue.push(payload);
  if (socket.state === 'ESTAB' || socket.state === 'CLOSE-WAIT') push(layer, socket);
}

/** shutdown(SHUT_WR): FIN behind what is queued; the program still reads. */
export function tcpShutdown(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.closeRequested || (socket.state !== 'ESTAB' && socket.state !== 'CLOSE-WAIT')) return;
  socket.closeRequested = true;
  socket.state = socket.state === 'ESTAB' ? 'FIN-WAIT-1' : 'LAST-ACK';
  push(layer, socket);
}

/** close(): the process lets go. A listener ends with its waiting connections, a connection with FIN behind its data; what was not read resets it (RFC 2525). */
export function tcpClose(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.state === 'CLOSED') return;
  if (socket.closeRequested) {
    // It was shut down before.
    if (socket.processId !== '') layer.table.disown(socket);
    limitFinWait(layer, socket);
    return;
  }
  if (socket.unreadBytes > 0) {
    layer.count(socket.netns, 'TcpExtTCPAbortOnClose');
    sendReset(layer, socket);
    destroy(layer, socket);
    return;
  }
  if (socket.state === 'LISTEN') {
    destroy(layer, socket);
    for (const child of [...layer.table.values()]) {
      if (child.protocol === 'tcp' && child.state === 'SYN-RECV' && child.listener === socket.id) destroy(layer, child);
    }
    return;
  }
  if (socket.state === 'SYN-SENT') {
    destroy(layer, socket);
    return;
  }
  socket.closeRequested = true;
  layer.table.disown(socket);
  if (socket.state === 'ESTAB') socket.state = 'FIN-WAIT-1';
  else if (socket.state === 'CLOSE-WAIT') socket.state = 'LAST-ACK';
  push(layer, socket);
}

export function tcpAbort(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.state === 'LISTEN' || socket.state === 'SYN-SENT' || socket.state === 'TIME-WAIT') {
    tcpClose(layer, socket);
    return;
  }
  if (socket.state !== 'CLOSED') sendReset(layer, socket);
  destroy(layer, socket);
}

/** Gone, without a word on the wire. */
export function destroy(layer: SocketLayer, socket: TcpSocket): void {
  stopTimer(layer, socket);
  stopAckTimer(layer, socket);
  if (socket.keepTimer >= 0) layer.kernel.cancelTimer(socket.keepTimer);
  socket.keepTimer = -1;
  if (socket.state === 'SYN-RECV') {
    const listener = layer.table.find(socket.listener);
    if (listener !== undefined && listener.protocol === 'tcp') listener.halfOpen -= 1;
  }
  layer.table.remove(socket);
  socket.state = 'CLOSED';
}

/** The connection failed: the process hears of it, if it still holds it. */
export function fail(layer: SocketLayer, socket: TcpSocket, errno: Errno): void {
  const connecting = socket.state === 'SYN-SENT';
  const told = socket.state === 'SYN-RECV' ? '' : socket.processId;
  destroy(layer, socket);
  if (told !== '') layer.notify(told, { kind: connecting ? 'connect-failed' : 'aborted', socket: socket.id, errno });
}

/** TIME-WAIT, or the limited FIN-WAIT-2 of an orphan. */
export function expireSoon(layer: SocketLayer, socket: TcpSocket, afterNs: number): void {
  socket.expiresNs = layer.kernel.nowNs + afterNs;
  layer.table.expireLater(socket);
}

/** An orphan whose peer never closes ends after tcp_fin_timeout. */
function limitFinWait(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.state === 'FIN-WAIT-2') expireSoon(layer, socket, layer.settings(socket.netns).finTimeoutNs);
}
