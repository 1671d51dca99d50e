/** UDP and ping sockets: bind, send, deliver, and the errors that come back by ICMP. Linux: net/ipv4/udp.c, net/ipv4/ping.c. */
import { isMulticastIp, isUnspecified } from '../addr/ip.ts';
import type { Endpoint, IcmpReport, LocalChoice, SendOptions, UdpSocketOptions } from '../app/definition.ts';
import type { Errno, RouteQuery } from '../stack/userland.ts';
import { ICMP6_ECHO_REPLY, ICMP6_ECHO_REQUEST } from '../wire/icmp6.ts';
import { ICMP_REDIRECT, IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_UDP, type Ip, type Packet, type Payload } from '../wire/packet.ts';
import { drawFlowHash, endpointText, ephemeralUdpPort, errnoOf, isV6Only, outgoing, type SocketLayer } from './layer.ts';
import type { EchoSocket, UdpSocket } from './sockets.ts';

const MAX_DATAGRAM_BYTES = 65507;
const NO_PAYLOAD: Payload = { bytes: 0 };

export interface Owner {
  readonly netns: string;
  readonly processId: string;
  readonly name: string;
  /** Absent: root. */
  readonly uid?: number | undefined;
}

export function udpBind(layer: SocketLayer, owner: Owner, ip: Ip, port: number, options: UdpSocketOptions = {}): UdpSocket | Errno {
  if (!isUnspecified(ip) && !isMulticastIp(ip) && !layer.kernel.isLocalAddress(owner.netns, ip) && !mayBindAnywhere(layer, owner)) return 'EADDRNOTAVAIL';
  const chosen = port === 0 ? ephemeralUdpPort(layer, owner.netns, ip) : port;
  if (chosen === undefined) return 'EADDRINUSE';
  const v6only = isV6Only(layer, owner.netns, ip);
  if (port !== 0 && !layer.kernel.socketHooks.postBind({ netns: owner.netns, protocol: 'udp', ip, port, socket: 0 })) return 'EPERM';
  if (port !== 0 && layer.table.isUdpBound(owner.netns, ip, port, options.device ?? '', options.reusePort === true, v6only)) return 'EADDRINUSE';
  const socket = addUdp(layer, owner, ip, chosen, 0, 0, options);
  if (v6only) socket.v6only = true;
  return socket;
}

export const mayBindAnywhere = (layer: SocketLayer, owner: Owner): boolean => layer.kernel.sysctl(owner.netns, 'net.ipv4.ip_nonlocal_bind') !== 0;

/** A socket whose source address is the route's and whose peer is fixed. */
export function udpConnect(layer: SocketLayer, owner: Owner, given: Endpoint, from: LocalChoice = {}): UdpSocket | Errno {
  const id = layer.table.nextId();
  const hooked = layer.kernel.socketHooks.connect({ netns: owner.netns, protocol: 'udp', ip: given.ip, port: given.port, socket: id });
  if (hooked?.kind === 'refused') return hooked.errno;
  const to = hooked ?? given;
  if (from.ip !== undefined && !layer.kernel.isLocalAddress(owner.netns, from.ip)) return 'EADDRNOTAVAIL';
  const route = layer.kernel.routeFor(owner.netns, to.ip);
  if (typeof route === 'string') return route;
  const source = from.ip ?? route.source;
  if (from.port !== undefined && layer.table.isUdpBound(owner.netns, source, from.port, '', false)) return 'EADDRINUSE';
  const port = from.port ?? ephemeralUdpPort(layer, owner.netns, source);
  if (port === undefined) return 'EAGAIN';
  const socket = addUdp(layer, owner, source, port, to.ip, to.port, {}, id);
  if (hooked !== undefined) socket.note = hooked.note;
  return socket;
}

function addUdp(
  layer: SocketLayer,
  owner: Owner,
  localIp: Ip,
  localPort: number,
  remoteIp: Ip,
  remotePort: number,
  options: UdpSocketOptions,
  id = layer.table.nextId(),
): UdpSocket {
  const socket: UdpSocket = {
    protocol: 'udp',
    id,
    netns: owner.netns,
    processId: owner.processId,
    processName: owner.name,
    localIp,
    localPort,
    remoteIp,
    remotePort,
    connected: remotePort !== 0,
    reusePort: options.reusePort === true,
    device: options.device ?? '',
    wantsErrors: options.wantsErrors === true,
    txHash: remotePort === 0 ? 0 : drawFlowHash(layer),
    label: `udp ${endpointText(localIp, localPort)}`,
  };
  layer.table.add(socket);
  return socket;
}

export function udpSend(layer: SocketLayer, socket: UdpSocket, payload: Payload, to: Endpoint | undefined, options: SendOptions | undefined): 'ok' | Errno {
  const hooked =
    to === undefined || !layer.kernel.socketHooks.active
      ? undefined
      : layer.kernel.socketHooks.sendmsg({ netns: socket.netns, protocol: 'udp', ip: to.ip, port: to.port, socket: socket.id });
  if (hooked?.kind === 'refused') return hooked.errno;
  const ip = hooked?.ip ?? (to === undefined ? socket.remoteIp : to.ip);
  const port = hooked?.port ?? (to === undefined ? socket.remotePort : to.port);
  if (port === 0) return 'EINVAL';
  if (payload.bytes > MAX_DATAGRAM_BYTES) return 'EMSGSIZE';
  let source = socket.localIp;
  if (isUnspecified(source)) {
    const route = layer.kernel.routeFor(socket.netns, ip, boundOf(options));
    if (typeof route === 'string') return route;
    source = route.source;
  }
  const packet = outgoing(layer, source, ip, IP_PROTO_UDP);
  packet.sport = socket.localPort;
  packet.dport = port;
  packet.payload = payload;
  packet.flowHash = socket.txHash;
  packet.ttl = options?.ttl ?? 64;
  const note = hooked?.note ?? socket.note;
  if (note !== undefined) {
    layer.kernel.socketHooks.note(packet, note);
    socket.note = undefined;
  }
  layer.count(socket.netns, 'UdpOutDatagrams');
  return sendDiscovering(layer, socket, packet, options);
}

const boundOf = (options: SendOptions | undefined): RouteQuery => ({
  ...(options?.device === undefined ? {} : { device: options.device }),
  ...(options?.source === undefined ? {} : { source: options.source }),
});

/** Linux: net/ipv4/ip_output.c, ip_dont_fragment. */
function sendDiscovering(layer: SocketLayer, socket: UdpSocket | EchoSocket, packet: Packet, options: SendOptions | undefined): 'ok' | Errno {
  packet.dontFragment = options?.dontFragment ?? true;
  packet.ipId = layer.kernel.prng('ip-id').below(65536);
  // The reason travels behind the maker's name; see trace/decode.ts.
  const by = options?.why === undefined ? socket.processName : `${socket.processName}\n${options.why}`;
  const sent = layer.kernel.output(socket.netns, packet, by, options?.device);
  if (sent !== 'EMSGSIZE' || options?.dontFragment !== undefined) return sent;
  packet.dontFragment = false;
  return layer.kernel.output(socket.netns, packet, by, options?.device);
}

/** False when no socket wants it. */
export function udpDeliver(layer: SocketLayer, netns: string, packet: Packet): boolean {
  const socket = layer.table.findUdp(netns, packet.dst, packet.dport, packet.src, packet.sport);
  if (socket === undefined) return false;
  const payload = packet.payload ?? NO_PAYLOAD;
  if (socket.unread !== undefined && isFull(layer, socket, payload.bytes)) {
    layer.count(netns, 'UdpInErrors');
    layer.count(netns, 'UdpRcvbufErrors');
    layer.kernel.traceDropped(
      netns,
      packet,
      'SOCKET_RCVBUFF',
      `${socket.unread.length} datagrams wait for ${socket.processName} already, more do not fit into the socket`,
    );
    return true;
  }
  layer.count(netns, 'UdpInDatagrams');
  layer.causeSeq = layer.kernel.traceDelivered(netns, packet, socket.label, socket.processName);
  const from = layer.kernel.socketHooks.active
    ? layer.kernel.socketHooks.recvmsg({ netns, protocol: 'udp', ip: packet.src, port: packet.sport, socket: socket.id })
    : { ip: packet.src, port: packet.sport };
  if (socket.unread !== undefined) socket.unread = [...socket.unread, { payload, from, ttl: packet.ttl, causeSeq: layer.causeSeq }];
  else layer.notify(socket.processId, { kind: 'datagram', socket: socket.id, payload, from, ttl: packet.ttl });
  return true;
}

/** struct sk_buff; what stands before and behind the data in its buffer (headers, skb_shared_info); and the buffer for small packets (skbuff_small_head). */
const SKB_BYTES = 256;
const AROUND_DATA_BYTES = 384;
const SMALL_HEAD_BYTES = 576;

/** What a datagram takes of a socket's receive buffer (skb->truesize), as we measured on Linux 6.18: larger buffers come in powers of two. */
export function trueSize(bytes: number): number {
  if (bytes + AROUND_DATA_BYTES <= SMALL_HEAD_BYTES) return SKB_BYTES + SMALL_HEAD_BYTES;
  let buffer = 1024;
  while (buffer < bytes + AROUND_DATA_BYTES) buffer *= 2;
  return SKB_BYTES + buffer;
}

/** Linux: net/ipv4/udp.c, __udp_enqueue_schedule_skb */
function isFull(layer: SocketLayer, socket: UdpSocket, bytes: number): boolean {
  let taken = trueSize(bytes);
  for (const { payload } of socket.unread ?? []) taken += trueSize(payload.bytes);
  return taken > layer.settings(socket.netns).udpReceiveBufferBytes;
}

/** A program that does not read leaves its datagrams in the socket; when it reads again it gets all of them at once. */
export function setUdpReading(layer: SocketLayer, socket: UdpSocket, on: boolean): void {
  if (!on) {
    socket.unread ??= [];
    return;
  }
  const waiting = socket.unread ?? [];
  socket.unread = undefined;
  for (const { payload, from, ttl, causeSeq } of waiting) {
    layer.causeSeq = causeSeq;
    layer.notify(socket.processId, { kind: 'datagram', socket: socket.id, payload, from, ttl });
  }
}

/** udp_err(): the error belongs to whoever sent the quoted datagram, if it is connected to that peer or asked for errors (IP_RECVERR). */
export function udpError(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void {
  const socket = layer.table.findUdp(netns, quoted.src, quoted.sport, quoted.dst, quoted.dport);
  const icmp = error.icmp;
  if (socket === undefined || icmp === undefined) return;
  if (!socket.connected && !socket.wantsErrors) return;
  layer.notify(socket.processId, { kind: 'socket-error', socket: socket.id, errno: errnoOf(error).errno, icmp: reportOf(error, quoted) });
}

export function reportOf(error: Packet, quoted: Packet): IcmpReport {
  const icmp = error.icmp;
  const report = {
    from: error.src,
    type: icmp?.type ?? 0,
    code: icmp?.code ?? 0,
    ttl: error.ttl,
    quoted: { dst: quoted.dst, sport: quoted.sport, dport: quoted.dport, sequence: quoted.icmp?.sequence ?? 0, ttl: quoted.ttl },
  };
  if (icmp?.type === ICMP_REDIRECT && typeof error.src === 'number') return { ...report, gateway: icmp.id };
  return icmp?.mtu === undefined ? report : { ...report, mtu: icmp.mtu };
}

export function echoOpen(layer: SocketLayer, owner: Owner, id: number): EchoSocket | Errno {
  if (layer.table.hasEcho(owner.netns, id)) return 'EADDRINUSE';
  const socket: EchoSocket = {
    protocol: 'icmp',
    id: layer.table.nextId(),
    netns: owner.netns,
    processId: owner.processId,
    processName: owner.name,
    localIp: 0,
    localPort: id,
    remoteIp: 0,
    remotePort: 0,
    label: `ping id ${id}`,
  };
  layer.table.add(socket);
  return socket;
}

export function echoSend(layer: SocketLayer, socket: EchoSocket, to: Ip, sequence: number, bytes: number, options: SendOptions | undefined): 'ok' | Errno {
  const route = layer.kernel.routeFor(socket.netns, to, boundOf(options));
  if (typeof route === 'string') return route;
  const six = typeof to === 'bigint';
  const packet = outgoing(layer, route.source, to, six ? IP_PROTO_ICMP6 : IP_PROTO_ICMP);
  packet.icmp = { type: six ? ICMP6_ECHO_REQUEST : 8, code: 0, id: socket.localPort, sequence };
  if (!six) {
    layer.count(socket.netns, 'IcmpOutMsgs');
    layer.count(socket.netns, 'IcmpOutEchos');
  }
  packet.payload = { bytes };
  packet.ttl = options?.ttl ?? 64;
  return sendDiscovering(layer, socket, packet, options);
}

/** Echo replies only. */
export function echoDeliver(layer: SocketLayer, netns: string, packet: Packet): boolean {
  const icmp = packet.icmp;
  if (icmp === undefined || icmp.type !== (packet.protocol === IP_PROTO_ICMP6 ? ICMP6_ECHO_REPLY : 0)) return false;
  const socket = layer.table.findEcho(netns, icmp.id);
  if (socket === undefined) return false;
  layer.causeSeq = layer.kernel.traceDelivered(netns, packet, socket.label, socket.processName);
  layer.notify(socket.processId, {
    kind: 'echo-reply',
    socket: socket.id,
    sequence: icmp.sequence,
    from: packet.src,
    ttl: packet.ttl,
    bytes: (packet.payload?.bytes ?? 0) + 8,
  });
  return true;
}

export function echoError(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void {
  const icmp = error.icmp;
  const echo = quoted.icmp;
  if (icmp === undefined || echo === undefined || echo.type !== (quoted.protocol === IP_PROTO_ICMP6 ? ICMP6_ECHO_REQUEST : 8)) return;
  const socket = layer.table.findEcho(netns, echo.id);
  if (socket === undefined) return;
  layer.notify(socket.processId, { kind: 'socket-error', socket: socket.id, errno: errnoOf(error).errno, icmp: reportOf(error, quoted) });
}
