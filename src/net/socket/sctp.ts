/** SCTP endpoints: associations of one path and one stream each, from INIT to SHUTDOWN COMPLETE. RFC 9260; Linux: net/sctp/sm_statefuns.c, sm_sideeffect.c */
import { isUnspecified } from '../addr/ip.ts';
import type { Endpoint, LocalChoice } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import { ICMP6_PARAMETER } from '../wire/icmp6.ts';
import { IP_PROTO_ICMP6, type Packet, type Payload } from '../wire/packet.ts';
import { IP_PROTO_SCTP, SCTP_HEADER_BYTES, type SctpChunk, type SctpHeader, type SctpOffer } from '../wire/sctp.ts';
import { drawFlowHash, endpointText, isV6Only, outgoing, type SocketLayer } from './layer.ts';
import type { SctpTransport } from './sctp-transport.ts';
import { seqAdd, seqDistance } from './sequence.ts';
import type { SctpSocket } from './sockets.ts';
import { mayBindAnywhere, type Owner } from './udp.ts';

const ICMP_UNREACHABLE = 3;
const KERNEL_MAKER = 'kernel sctp';
/** What Linux offers by default: half of the receive buffer, ten streams out, as many in as there are. */
const WINDOW_BYTES = 106_496;
const OUT_STREAMS = 10;
const IN_STREAMS = 65_535;
/** net.sctp.rto_initial, rto_min, rto_max, max_init_retransmits, association_max_retrans, sack_timeout. */
const RTO_INITIAL_NS = 3e9;
const RTO_MIN_NS = 1e9;
const RTO_MAX_NS = 60e9;
const MAX_INIT_RETRIES = 8;
const MAX_RETRIES = 10;
const SACK_DELAY_NS = 200e6;
const SACK_EVERY = 2;
const MAX_IN_FLIGHT = 64;
const DATA_HEADER_BYTES = 16;
const IP_HEADERS_BYTES = 40;
/** Linux makes cookies of a multiple of 32 bytes; their content is this side's own. */
const COOKIE_BYTES = 256;

function newSocket(layer: SocketLayer, owner: Owner, local: Endpoint, remote: Endpoint): SctpSocket {
  const chance = layer.kernel.prng('sctp-tag');
  return {
    protocol: 'sctp',
    id: layer.table.nextId(),
    netns: owner.netns,
    processId: owner.processId,
    processName: owner.name,
    localIp: local.ip,
    localPort: local.port,
    remoteIp: remote.ip,
    remotePort: remote.port,
    label: `sctp ${endpointText(local.ip, local.port)}`,
    state: 'CLOSED',
    listener: -1,
    localTag: chance.uint32() || 1,
    peerTag: 0,
    nextTsn: chance.uint32(),
    nextSequence: 0,
    receivedTsn: 0,
    cookie: '',
    unacked: [],
    queue: [],
    owedSacks: -1,
    rtoNs: RTO_INITIAL_NS,
    retries: 0,
    timer: -1,
    sackTimer: -1,
    pathMtu: 1500,
    txHash: drawFlowHash(layer),
  };
}

function sctpListen(layer: SocketLayer, owner: Owner, ip: Endpoint['ip'], port: number): SctpSocket | Errno {
  if (!isUnspecified(ip) && !layer.kernel.isLocalAddress(owner.netns, ip) && !mayBindAnywhere(layer, owner)) return 'EADDRNOTAVAIL';
  const v6only = isV6Only(layer, owner.netns, ip);
  if (layer.table.isSctpListening(owner.netns, ip, port, v6only)) return 'EADDRINUSE';
  const socket = newSocket(layer, owner, { ip, port }, { ip: 0, port: 0 });
  if (v6only) socket.v6only = true;
  socket.state = 'LISTEN';
  layer.table.add(socket);
  return socket;
}

function sctpConnect(layer: SocketLayer, owner: Owner, to: Endpoint, from: LocalChoice = {}): SctpSocket | Errno {
  const route = layer.kernel.routeFor(owner.netns, to.ip);
  if (typeof route === 'string') return route;
  const source = from.ip ?? route.source;
  const port = from.port ?? freePort(layer, owner.netns);
  if (port === undefined) return 'EADDRNOTAVAIL';
  const socket = newSocket(layer, owner, { ip: source, port }, to);
  socket.state = 'COOKIE-WAIT';
  socket.pathMtu = route.mtuBytes;
  layer.table.add(socket);
  sendInit(layer, socket);
  return socket;
}

/** sctp_get_port_local(): walks from a random place to one that nobody has. */
function freePort(layer: SocketLayer, netns: string): number | undefined {
  const { firstPort, portCount } = layer.settings(netns);
  const offset = layer.kernel.prng('ephemeral-port').below(portCount);
  for (let i = 0; i < portCount; i += 1) {
    const port = firstPort + ((offset + i) % portCount);
    if (!layer.table.hasSctp(netns, port)) return port;
  }
  return undefined;
}

/** EMSGSIZE: messages are not cut into chunks here. */
function sctpSend(layer: SocketLayer, socket: SctpSocket, payload: Payload): 'ok' | Errno {
  if (payload.bytes === 0 || socket.state === 'LISTEN' || socket.state === 'CLOSED' || socket.state.startsWith('SHUTDOWN')) return 'EINVAL';
  if (payload.bytes > socket.pathMtu - IP_HEADERS_BYTES - SCTP_HEADER_BYTES - DATA_HEADER_BYTES) return 'EMSGSIZE';
  socket.queue.push(payload);
  if (socket.state === 'ESTABLISHED') push(layer, socket);
  return 'ok';
}

/** close(): the other side hears SHUTDOWN once all data has been acknowledged. */
function sctpClose(layer: SocketLayer, socket: SctpSocket): void {
  layer.table.disown(socket);
  if (socket.state === 'ESTABLISHED') {
    socket.state = 'SHUTDOWN-PENDING';
    shutdownWhenDone(layer, socket);
  } else if (!socket.state.startsWith('SHUTDOWN')) {
    // An association that is still being set up is given up without a word; a listener ends alone.
    end(layer, socket);
  }
}

function sctpAbort(layer: SocketLayer, socket: SctpSocket): void {
  if (socket.peerTag !== 0) send(layer, socket, [{ kind: 'ABORT', reflected: false }]);
  end(layer, socket);
}

function end(layer: SocketLayer, socket: SctpSocket): void {
  stop(layer, socket);
  if (socket.sackTimer >= 0) layer.kernel.cancelTimer(socket.sackTimer);
  socket.sackTimer = -1;
  layer.table.remove(socket);
  socket.state = 'CLOSED';
}

function fail(layer: SocketLayer, socket: SctpSocket, errno: Errno): void {
  const connecting = socket.state === 'COOKIE-WAIT' || socket.state === 'COOKIE-ECHOED';
  const told = socket.processId;
  end(layer, socket);
  if (told !== '') layer.notify(told, { kind: connecting ? 'connect-failed' : 'aborted', socket: socket.id, errno });
}

// ---- sending

function send(layer: SocketLayer, socket: SctpSocket, chunks: readonly SctpChunk[], payload?: Payload, tag = socket.peerTag): void {
  const packet = outgoing(layer, socket.localIp, socket.remoteIp, IP_PROTO_SCTP);
  packet.sport = socket.localPort;
  packet.dport = socket.remotePort;
  packet.dontFragment = true;
  packet.sctp = { tag, chunks };
  packet.payload = payload;
  packet.flowHash = socket.txHash;
  layer.kernel.output(socket.netns, packet, KERNEL_MAKER);
}

const offerOf = (socket: SctpSocket): SctpOffer => ({
  tag: socket.localTag,
  windowBytes: WINDOW_BYTES,
  outStreams: OUT_STREAMS,
  inStreams: IN_STREAMS,
  tsn: socket.nextTsn,
});

function sendInit(layer: SocketLayer, socket: SctpSocket): void {
  send(layer, socket, [{ kind: 'INIT', offer: offerOf(socket) }], undefined, 0);
  arm(layer, socket);
}

/** As much as may be on its way; each message in a packet of its own, with what has to be acknowledged. */
function push(layer: SocketLayer, socket: SctpSocket): void {
  while (socket.queue.length > 0 && socket.unacked.length < MAX_IN_FLIGHT) {
    const payload = socket.queue.shift() as Payload;
    const chunk = { tsn: socket.nextTsn, sequence: socket.nextSequence, payload };
    socket.nextTsn = seqAdd(socket.nextTsn, 1);
    socket.nextSequence = (socket.nextSequence + 1) & 0xffff;
    socket.unacked.push(chunk);
    sendData(layer, socket, chunk);
  }
}

function sendData(layer: SocketLayer, socket: SctpSocket, { tsn, sequence, payload }: SctpSocket['unacked'][number]): void {
  const data: SctpChunk = { kind: 'DATA', tsn, stream: 0, sequence, protocolId: 0 };
  const sack = socket.owedSacks > 0 ? [sackOf(layer, socket)] : [];
  send(layer, socket, [...sack, data], payload);
  if (socket.timer < 0) arm(layer, socket);
}

function sackOf(layer: SocketLayer, socket: SctpSocket): SctpChunk {
  if (socket.sackTimer >= 0) layer.kernel.cancelTimer(socket.sackTimer);
  socket.sackTimer = -1;
  socket.owedSacks = 0;
  return { kind: 'SACK', tsn: socket.receivedTsn, windowBytes: WINDOW_BYTES };
}

function shutdownWhenDone(layer: SocketLayer, socket: SctpSocket): void {
  if (socket.queue.length > 0 || socket.unacked.length > 0) return;
  if (socket.state === 'SHUTDOWN-PENDING') {
    socket.state = 'SHUTDOWN-SENT';
    send(layer, socket, [{ kind: 'SHUTDOWN', tsn: socket.receivedTsn }]);
  } else if (socket.state === 'SHUTDOWN-RECEIVED') {
    socket.state = 'SHUTDOWN-ACK-SENT';
    send(layer, socket, [{ kind: 'SHUTDOWN ACK' }]);
  } else return;
  arm(layer, socket);
}

// ---- timers

function stop(layer: SocketLayer, socket: SctpSocket): void {
  if (socket.timer >= 0) layer.kernel.cancelTimer(socket.timer);
  socket.timer = -1;
}

/** T1-init, T1-cookie, T2-shutdown and T3-rtx: what was sent last, or is not acknowledged, is sent again. */
function arm(layer: SocketLayer, socket: SctpSocket): void {
  stop(layer, socket);
  socket.timer = layer.kernel.setTimer(socket.rtoNs, { kind: 'socket', socket: socket.id, tag: 'retransmit' });
}

function sctpTimer(layer: SocketLayer, socket: SctpSocket, tag: string): void {
  if (tag === 'sack') {
    if (socket.sackTimer < 0) return;
    socket.sackTimer = -1;
    if (socket.owedSacks > 0) send(layer, socket, [sackOf(layer, socket)]);
    return;
  }
  if (socket.timer < 0) return;
  socket.timer = -1;
  socket.retries += 1;
  const opening = socket.state === 'COOKIE-WAIT' || socket.state === 'COOKIE-ECHOED';
  if (socket.retries > (opening ? MAX_INIT_RETRIES : MAX_RETRIES)) {
    fail(layer, socket, 'ETIMEDOUT');
    return;
  }
  socket.rtoNs = Math.min(RTO_MAX_NS, socket.rtoNs * 2);
  if (socket.state === 'COOKIE-WAIT') send(layer, socket, [{ kind: 'INIT', offer: offerOf(socket) }], undefined, 0);
  else if (socket.state === 'COOKIE-ECHOED') send(layer, socket, [{ kind: 'COOKIE ECHO', cookie: socket.cookie }]);
  else if (socket.state === 'SHUTDOWN-SENT') send(layer, socket, [{ kind: 'SHUTDOWN', tsn: socket.receivedTsn }]);
  else if (socket.state === 'SHUTDOWN-ACK-SENT') send(layer, socket, [{ kind: 'SHUTDOWN ACK' }]);
  else {
    const first = socket.unacked[0];
    if (first === undefined) return;
    send(layer, socket, [{ kind: 'DATA', tsn: first.tsn, stream: 0, sequence: first.sequence, protocolId: 0 }], first.payload);
  }
  arm(layer, socket);
}

// ---- receiving

/** Every SCTP packet for this netns: the kernel answers also where nobody listens. */
function sctpDeliver(layer: SocketLayer, netns: string, packet: Packet): void {
  const { sctp } = packet;
  if (sctp === undefined) return;
  const found = layer.table.findSctp(netns, packet.dst, packet.dport, packet.src, packet.sport);
  if (found === undefined) {
    outOfTheBlue(layer, netns, packet, sctp);
    return;
  }
  if (!isAddressed(found, sctp)) {
    layer.kernel.traceDropped(netns, packet, 'NO_SOCKET', 'the verification tag is not that of the association');
    return;
  }
  layer.causeSeq = layer.kernel.traceDelivered(netns, packet, found.label, found.processName);
  for (const chunk of sctp.chunks) {
    if (found.state === 'LISTEN') listenerHears(layer, found, packet, chunk);
    else associationHears(layer, found, packet, chunk);
  }
}

/** RFC 9260 section 8.5. */
function isAddressed(socket: SctpSocket, { tag, chunks: [first] }: SctpHeader): boolean {
  if (socket.state === 'LISTEN') return first?.kind === 'COOKIE ECHO' || (first?.kind === 'INIT' && tag === 0);
  if ((first?.kind === 'ABORT' || first?.kind === 'SHUTDOWN COMPLETE') && first.reflected) return tag === socket.peerTag;
  return first?.kind === 'INIT' ? tag === 0 : tag === socket.localTag;
}

/** RFC 9260 section 8.4: who asks for what is not here is told so; who tells of an end is not. */
function outOfTheBlue(layer: SocketLayer, netns: string, packet: Packet, { tag, chunks }: SctpHeader): void {
  const silent = chunks.length === 0 || chunks.some(({ kind }) => kind === 'ABORT' || kind === 'SHUTDOWN COMPLETE');
  const [first] = chunks;
  const answer: SctpChunk =
    first?.kind === 'SHUTDOWN ACK' ? { kind: 'SHUTDOWN COMPLETE', reflected: true } : { kind: 'ABORT', reflected: first?.kind !== 'INIT' };
  const detail = `nothing listens on ${endpointText(packet.dst, packet.dport)}${silent ? '' : `; answered with ${answer.kind}`}`;
  layer.causeSeq = layer.kernel.traceDropped(netns, packet, 'NO_SOCKET', detail);
  if (silent) return;
  const back = outgoing(layer, packet.dst, packet.src, IP_PROTO_SCTP);
  back.sport = packet.dport;
  back.dport = packet.sport;
  back.dontFragment = true;
  back.sctp = { tag: first?.kind === 'INIT' ? first.offer.tag : tag, chunks: [answer] };
  layer.kernel.output(netns, back, KERNEL_MAKER);
}

function listenerHears(layer: SocketLayer, listener: SctpSocket, packet: Packet, chunk: SctpChunk): void {
  const owner: Owner = { netns: listener.netns, processId: listener.processId, name: listener.processName };
  const remote: Endpoint = { ip: packet.src, port: packet.sport };
  const local: Endpoint = { ip: packet.dst, port: packet.dport };
  if (chunk.kind === 'INIT') {
    // Nothing is kept: all that is needed comes back in the cookie.
    const draft = newSocket(layer, owner, local, remote);
    draft.peerTag = chunk.offer.tag;
    const cookie = sealCookie(layer, draft, chunk.offer);
    send(layer, draft, [{ kind: 'INIT ACK', offer: offerOf(draft), cookie }]);
    return;
  }
  if (chunk.kind !== 'COOKIE ECHO') return;
  const socket = newSocket(layer, owner, local, remote);
  if (!openCookie(layer, socket, chunk.cookie)) return;
  socket.listener = listener.id;
  socket.state = 'ESTABLISHED';
  socket.rtoNs = RTO_MIN_NS;
  socket.txHash = drawFlowHash(layer);
  const route = layer.kernel.routeFor(socket.netns, socket.remoteIp);
  socket.pathMtu = typeof route === 'string' ? 1500 : route.mtuBytes;
  layer.table.add(socket);
  send(layer, socket, [{ kind: 'COOKIE ACK' }]);
  layer.notify(socket.processId, { kind: 'accepted', socket: socket.id, listener: listener.id, from: remote });
}

function associationHears(layer: SocketLayer, socket: SctpSocket, packet: Packet, chunk: SctpChunk): void {
  switch (chunk.kind) {
    case 'INIT ACK':
      if (socket.state !== 'COOKIE-WAIT') return;
      socket.peerTag = chunk.offer.tag;
      socket.receivedTsn = seqAdd(chunk.offer.tsn, -1);
      socket.cookie = chunk.cookie;
      socket.state = 'COOKIE-ECHOED';
      socket.retries = 0;
      socket.rtoNs = RTO_MIN_NS;
      send(layer, socket, [{ kind: 'COOKIE ECHO', cookie: chunk.cookie }]);
      arm(layer, socket);
      return;
    case 'COOKIE ECHO':
      // The COOKIE ACK was lost.
      if (socket.state === 'ESTABLISHED') send(layer, socket, [{ kind: 'COOKIE ACK' }]);
      return;
    case 'COOKIE ACK':
      if (socket.state !== 'COOKIE-ECHOED') return;
      socket.state = 'ESTABLISHED';
      socket.retries = 0;
      stop(layer, socket);
      layer.notify(socket.processId, { kind: 'connected', socket: socket.id });
      push(layer, socket);
      return;
    case 'DATA':
      dataArrives(layer, socket, packet, chunk.tsn);
      return;
    case 'SACK':
      acknowledged(layer, socket, chunk.tsn);
      return;
    case 'SHUTDOWN': {
      acknowledged(layer, socket, chunk.tsn);
      if (socket.state !== 'ESTABLISHED' && socket.state !== 'SHUTDOWN-PENDING' && socket.state !== 'SHUTDOWN-SENT') return;
      socket.state = 'SHUTDOWN-RECEIVED';
      shutdownWhenDone(layer, socket);
      if (socket.processId !== '') layer.notify(socket.processId, { kind: 'peer-closed', socket: socket.id });
      return;
    }
    case 'SHUTDOWN ACK':
      if (socket.state !== 'SHUTDOWN-SENT' && socket.state !== 'SHUTDOWN-ACK-SENT') return;
      send(layer, socket, [{ kind: 'SHUTDOWN COMPLETE', reflected: false }]);
      end(layer, socket);
      return;
    case 'SHUTDOWN COMPLETE':
      if (socket.state === 'SHUTDOWN-ACK-SENT') end(layer, socket);
      return;
    case 'ABORT':
      fail(layer, socket, socket.state === 'COOKIE-WAIT' || socket.state === 'COOKIE-ECHOED' ? 'ECONNREFUSED' : 'ECONNRESET');
  }
}

/** In order, or not at all: what comes too early is sent again. Every second packet is acknowledged at once, and the very first. */
function dataArrives(layer: SocketLayer, socket: SctpSocket, packet: Packet, tsn: number): void {
  const isNext = tsn === seqAdd(socket.receivedTsn, 1);
  if (isNext) socket.receivedTsn = tsn;
  const first = socket.owedSacks < 0;
  socket.owedSacks = Math.max(0, socket.owedSacks) + 1;
  if (first || !isNext || socket.owedSacks >= SACK_EVERY) send(layer, socket, [sackOf(layer, socket)]);
  else if (socket.sackTimer < 0) socket.sackTimer = layer.kernel.setTimer(SACK_DELAY_NS, { kind: 'socket', socket: socket.id, tag: 'sack' });
  if (isNext && packet.payload !== undefined && socket.processId !== '')
    layer.notify(socket.processId, { kind: 'data', socket: socket.id, payload: packet.payload });
}

function acknowledged(layer: SocketLayer, socket: SctpSocket, tsn: number): void {
  const before = socket.unacked.length;
  socket.unacked = socket.unacked.filter((chunk) => seqDistance(chunk.tsn, tsn) > 0);
  if (socket.unacked.length === before) return;
  socket.retries = 0;
  socket.rtoNs = RTO_MIN_NS;
  stop(layer, socket);
  push(layer, socket);
  if (socket.unacked.length > 0) arm(layer, socket);
  shutdownWhenDone(layer, socket);
}

/** Protocol unreachable, or an unknown next header. */
const isNoProtocol = ({ protocol, icmp }: Packet): boolean =>
  icmp?.type === (protocol === IP_PROTO_ICMP6 ? ICMP6_PARAMETER : ICMP_UNREACHABLE) && icmp.code === (protocol === IP_PROTO_ICMP6 ? 1 : 2);

/** sctp_v4_err(), sctp_v6_err(): only that a host does not speak SCTP ends an association; unreachable ports and hosts are tried again. */
function sctpError(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void {
  const socket = layer.table.findSctp(netns, quoted.src, quoted.sport, quoted.dst, quoted.dport);
  if (socket === undefined || socket.state === 'LISTEN' || error.icmp === undefined) return;
  if (error.icmp.mtu !== undefined) socket.pathMtu = Math.min(socket.pathMtu, error.icmp.mtu);
  else if (isNoProtocol(error) && socket.state === 'COOKIE-WAIT') fail(layer, socket, 'ENOPROTOOPT');
}

// ---- cookies

function signature(layer: SocketLayer, words: readonly number[], socket: SctpSocket): number {
  let h = layer.cookieSecret ^ (socket.remotePort << 16) ^ socket.localPort;
  for (const word of words) h = Math.imul(h ^ word ^ (h >>> 15), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}

function sealCookie(layer: SocketLayer, socket: SctpSocket, peer: SctpOffer): string {
  const words = [socket.localTag, socket.nextTsn, peer.tag, peer.tsn];
  let octets = '';
  for (const word of [...words, signature(layer, words, socket)]) for (const shift of [24, 16, 8, 0]) octets += String.fromCharCode((word >>> shift) & 255);
  return octets.padEnd(COOKIE_BYTES, '\0');
}

/** Fills in what both sides agreed on; false for a cookie that was not made here, or not for this peer. */
function openCookie(layer: SocketLayer, socket: SctpSocket, cookie: string): boolean {
  const read = Array.from({ length: 5 }, (_gone, i) => {
    let word = 0;
    for (let at = 4 * i; at < 4 * i + 4; at += 1) word = ((word << 8) | (cookie.charCodeAt(at) & 255)) >>> 0;
    return word;
  });
  const words = read.slice(0, 4);
  if (cookie.length !== COOKIE_BYTES || signature(layer, words, socket) !== read[4]) return false;
  const [localTag = 0, nextTsn = 0, peerTag = 0, peerTsn = 0] = words;
  Object.assign(socket, { localTag, nextTsn, peerTag, receivedTsn: seqAdd(peerTsn, -1) });
  return true;
}

export const sctpTransport: SctpTransport = {
  listen: sctpListen,
  connect: sctpConnect,
  send: sctpSend,
  close: sctpClose,
  abort: sctpAbort,
  timer: sctpTimer,
  deliver: sctpDeliver,
  error: sctpError,
};
