/** TCP from above: listen, connect, close, abort, and the end of a connection. Linux: net/ipv4/tcp.c, net/ipv4/tcp_ipv4.c. */
import type { Endpoint, LocalChoice } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip, Payload } from '../wire/packet.ts';
import { drawFlowHash, endpointText, ephemeralTcpPort, type SocketLayer } from './layer.ts';
import type { TcpSocket } from './sockets.ts';
import { initializeReceiveMss, stopAckTimer } from './tcp-ack-mode.ts';
import { armRetransmit, initialWindow, MAX_RTO_NS, push, sendReset, sendSyn, stopTimer, updateSendMss, WINDOW_SCALE } from './tcp-output.ts';
import type { Owner } from './udp.ts';

const INITIAL_RTO_NS = 1_000_000_000;
/** TCP_TIMEWAIT_LEN, and tcp_fin_timeout for orphans in FIN-WAIT-2. */
const TIME_WAIT_NS = 60_000_000_000;
const INITIAL_CWND_SEGMENTS = 10;
/** RFC 9293 section 3.7.1: a SYN without the option. */
const DEFAULT_MSS = 536;

export function newTcpSocket(layer: SocketLayer, owner: Owner, local: Endpoint, remote: Endpoint): TcpSocket {
  return {
    protocol: 'tcp',
    id: layer.table.nextId(),
    netns: owner.netns,
    processId: owner.processId,
    processName: owner.name,
    localIp: local.ip,
    localPort: local.port,
    remoteIp: remote.ip,
    remotePort: remote.port,
    label: `tcp ${endpointText(local.ip, local.port)}`,
    state: 'CLOSED',
    listener: -1,
    backlog: 0,
    halfOpen: 0,
    iss: 0,
    sndUna: 0,
    sndNxt: 0,
    sndWnd: 0,
    sndScale: 0,
    sndWl1: 0,
    sndWl2: 0,
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
    unacked: [],
    queue: [],
    closeRequested: false,
    finSent: false,
    peerFinished: false,
    early: [],
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
    timer: -1,
    expiresNs: -1,
    softError: undefined,
    ipId: 0,
    txHash: drawFlowHash(layer),
  };
}

export function tcpListen(layer: SocketLayer, owner: Owner, ip: Ip, port: number, backlog: number): TcpSocket | Errno {
  if (ip !== 0 && !layer.kernel.isLocalAddress(owner.netns, ip)) return 'EADDRNOTAVAIL';
  if (layer.table.isListening(owner.netns, ip, port)) return 'EADDRINUSE';
  const socket = newTcpSocket(layer, owner, { ip, port }, { ip: 0, port: 0 });
  socket.state = 'LISTEN';
  socket.backlog = Math.max(1, backlog);
  layer.table.add(socket);
  return socket;
}

export function tcpConnect(layer: SocketLayer, owner: Owner, to: Endpoint, from: LocalChoice = {}): TcpSocket | Errno {
  if (from.ip !== undefined && !layer.kernel.isLocalAddress(owner.netns, from.ip)) return 'EADDRNOTAVAIL';
  const route = layer.kernel.routeFor(owner.netns, to.ip);
  if (typeof route === 'string') return route;
  layer.table.expire(layer.kernel.nowNs);
  const source = from.ip ?? route.source;
  const port = from.port ?? ephemeralTcpPort(layer, owner.netns, source, to.ip, to.port);
  if (port === undefined) return 'EADDRNOTAVAIL';
  const socket = newTcpSocket(layer, owner, { ip: source, port }, to);
  socket.state = 'SYN-SENT';
  socket.pathMtu = route.mtuBytes;
  openSending(layer, socket);
  socket.rcvWnd = initialWindow(socket.advertisedMss);
  socket.ipId = layer.kernel.prng('ip-id').below(65536);
  layer.table.add(socket);
  armRetransmit(layer, socket);
  sendSyn(layer, socket);
  return socket;
}

/** Initial sequence number, timestamps' offset and the segment size that the path's MTU gives. */
export function openSending(layer: SocketLayer, socket: TcpSocket): void {
  const chance = layer.kernel.prng('tcp-isn');
  socket.iss = chance.uint32();
  socket.timestampOffset = chance.uint32();
  socket.sndUna = socket.iss;
  socket.sndNxt = (socket.iss + 1) >>> 0;
  socket.advertisedMss = Math.min(65495, socket.pathMtu - 40);
  socket.rcvScale = WINDOW_SCALE;
}

/** Both sides know each other's options now. */
export function establish(layer: SocketLayer, socket: TcpSocket): void {
  socket.state = 'ESTAB';
  socket.retries = 0;
  stopTimer(layer, socket);
  updateSendMss(socket);
  initializeReceiveMss(socket);
  socket.lastReceivedNs = layer.kernel.nowNs;
  socket.cwndBytes = INITIAL_CWND_SEGMENTS * socket.sendMss;
}

export function tcpSend(layer: SocketLayer, socket: TcpSocket, payload: Payload): void {
  if (payload.bytes === 0 || socket.closeRequested || socket.state === 'CLOSED' || socket.state === 'LISTEN') return;
  socket.queue.push(payload);
  if (socket.state === 'ESTAB' || socket.state === 'CLOSE-WAIT') push(layer, socket);
}

/** close(): the process lets go. A listener ends with its waiting connections, a connection with FIN behind its data. */
export function tcpClose(layer: SocketLayer, socket: TcpSocket): void {
  if (socket.closeRequested || socket.state === 'CLOSED') return;
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
export function expireSoon(layer: SocketLayer, socket: TcpSocket): void {
  socket.expiresNs = layer.kernel.nowNs + TIME_WAIT_NS;
  layer.table.expireLater(socket);
}

const SYN_RETRIES = 6;
const SYN_LINEAR_TIMEOUTS = 4;
const SYNACK_RETRIES = 5;
const DATA_RETRIES = 15;
/** tcp_orphan_retries when it is 0. */
const ORPHAN_RETRIES = 8;

/**
 * The retransmission timer has run out. SYNs: four times a second, then doubling, six of those (Linux 6.5: net/ipv4/tcp_timer.c, tcp_syn_linear_timeouts): at
 * 1, 2, 3, 4, 5, 7, 11, 19, 35 and 67 s, and ETIMEDOUT at 131 s.
 */
export function retransmitTimeout(layer: SocketLayer, socket: TcpSocket, resendFirst: (layer: SocketLayer, socket: TcpSocket) => void): void {
  socket.timer = -1;
  layer.causeSeq = -1;
  const synSent = socket.state === 'SYN-SENT';
  const synReceived = socket.state === 'SYN-RECV';
  const limit = synSent ? SYN_RETRIES + SYN_LINEAR_TIMEOUTS : synReceived ? SYNACK_RETRIES : socket.processId === '' ? ORPHAN_RETRIES : DATA_RETRIES;
  if (socket.retries >= limit) {
    fail(layer, socket, socket.softError ?? 'ETIMEDOUT');
    return;
  }
  socket.retries += 1;
  if (!synSent || socket.retries > SYN_LINEAR_TIMEOUTS) socket.rtoNs = Math.min(MAX_RTO_NS, socket.rtoNs * 2);
  // Linux: net/core/sock.c, sk_rethink_txhash: perhaps another way through the network works.
  if (synSent || synReceived || socket.unacked.length > 0) socket.txHash = drawFlowHash(layer);
  armRetransmit(layer, socket);
  if (synSent || synReceived) {
    sendSyn(layer, socket);
    return;
  }
  const inFlight = (socket.sndNxt - socket.sndUna) | 0;
  if (socket.retries === 1) socket.ssthreshBytes = Math.max(inFlight / 2, 2 * socket.sendMss);
  socket.cwndBytes = socket.sendMss;
  socket.duplicateAcks = 0;
  if (socket.unacked.length > 0) resendFirst(layer, socket);
  else push(layer, socket);
}
