/** What TCP, UDP and ping share: the kernel below, the table of sockets, and the way to tell a process. */

import { formatEndpoint, ipHash, isLoopbackIp } from '../addr/ip.ts';
import { UNSPECIFIED6 } from '../addr/ip6.ts';
import type { AppEvent } from '../app/definition.ts';
import type { MibName } from '../stack/mib.ts';
import type { Errno, Kernel } from '../stack/userland.ts';
import { ICMP6_ADDRESS_UNREACHABLE, ICMP6_NO_ROUTE, ICMP6_PARAMETER, ICMP6_PORT_UNREACHABLE, ICMP6_TIME_EXCEEDED, ICMP6_TOO_BIG } from '../wire/icmp6.ts';
import type { Ip, Packet } from '../wire/packet.ts';
import { IP_PROTO_ICMP6 } from '../wire/packet.ts';
import type { SctpTransport } from './sctp-transport.ts';
import type { TransportSettings } from './settings.ts';
import type { SocketTable } from './socket-table.ts';
import type { TcpSocket } from './sockets.ts';

export interface SocketLayer {
  readonly kernel: Kernel;
  readonly table: SocketTable;
  /** Puts an event into the process' queue; it is handled when the current packet or call is done. */
  notify(processId: string, event: AppEvent): void;
  /** Starts the delayed acknowledgement's timer when the process has had its chance to answer, unless the answer carried it. */
  acknowledgeLater(socket: TcpSocket): void;
  /** The netns' sysctls, compiled. */
  settings(netns: string): TransportSettings;
  /** Moves one of the netns' SNMP counters. */
  count(netns: string, name: MibName, by?: number): void;
  /** What SYN cookies are made with. */
  readonly cookieSecret: number;
  /** Sequence number of the log row that what happens now answers, -1 if none. */
  causeSeq: number;
  /** There once some program has opened an SCTP socket. */
  readonly sctp: SctpTransport | undefined;
}

/** Sequences of ports that go on from connection to connection (INET_TABLE_PERTURB_SIZE is larger by default). */
const PERTURB_SIZE = 256;
/** How many ports, of one parity, may be left out at random. */
const PERTURB_STEPS = 8;

/** A peer's place in the sequence of ports (secure_ipv4_port_ephemeral()). */
function portOffset(layer: SocketLayer, localIp: Ip, remoteIp: Ip, remotePort: number): number {
  let h = Math.imul(ipHash(localIp) ^ 0x9e3779b1, 0x85ebca6b) ^ ipHash(remoteIp) ^ layer.cookieSecret;
  h = Math.imul(h ^ (h >>> 15) ^ remotePort, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * connect() walks ports of one parity first, from a little behind the last that this peer got, then the others, and takes the first whose four-tuple is
 * free; a connection in TIME-WAIT gives its port where tcp_tw_reuse allows it (Linux: net/ipv4/inet_hashtables.c, __inet_hash_connect). Undefined when all are taken.
 */
export function ephemeralTcpPort(layer: SocketLayer, netns: string, localIp: Ip, remoteIp: Ip, remotePort: number): number | undefined {
  const { firstPort, portCount } = layer.settings(netns);
  const place = portOffset(layer, localIp, remoteIp, remotePort);
  const chance = layer.kernel.prng('ephemeral-port');
  const start = (place + layer.table.portPerturb(place % PERTURB_SIZE, chance)) % portCount;
  const offset = start - (start & 1);
  for (const parity of [0, 1]) {
    for (let i = parity; i < portCount; i += 2) {
      const port = firstPort + ((offset + i) % portCount);
      if (layer.table.hasListener(netns, port)) continue;
      const taken = layer.table.findConnection(netns, localIp, port, remoteIp, remotePort);
      if (taken !== undefined && !mayReuse(layer, netns, taken)) continue;
      layer.table.movePortPerturb(place % PERTURB_SIZE, Math.max(i, 2 * chance.below(PERTURB_STEPS)) + 2);
      return port;
    }
  }
  return undefined;
}

/** tcp_twsk_unique(): by timestamps the new connection's segments are told from the old one's, which is gone for a second. */
export function mayReuse(layer: SocketLayer, netns: string, socket: TcpSocket): boolean {
  if (socket.state !== 'TIME-WAIT' || !socket.timestamps) return false;
  const { timeWaitReuse, timeWaitReuseDelayNs } = layer.settings(netns);
  if (timeWaitReuse === 0 || (timeWaitReuse === 2 && !isLoopbackIp(socket.remoteIp) && !layer.kernel.isLocalAddress(netns, socket.remoteIp))) return false;
  return layer.kernel.nowNs - socket.lastReceivedNs > timeWaitReuseDelayNs;
}

export function ephemeralUdpPort(layer: SocketLayer, netns: string, ip: Ip): number | undefined {
  const { firstPort, portCount } = layer.settings(netns);
  const offset = layer.kernel.prng('ephemeral-port').below(portCount);
  for (let i = 0; i < portCount; i += 1) {
    const port = firstPort + ((offset + i) % portCount);
    if (!layer.table.isUdpBound(netns, ip, port, '', false)) return port;
  }
  return undefined;
}

/** A hash for the packets of one socket, never 0 (Linux: include/net/sock.h, net_tx_rndhash). */
export function drawFlowHash(layer: SocketLayer): number {
  return layer.kernel.prng('tx-hash').uint32() || 1;
}

/** A packet that leaves here, with what every one has. */
export function outgoing(layer: SocketLayer, src: Ip, dst: Ip, protocol: number, uid?: number): Packet {
  const packet = layer.kernel.newPacket(uid);
  packet.causeSeq = layer.causeSeq;
  packet.src = src;
  packet.dst = dst;
  packet.protocol = protocol;
  packet.ttl = 64;
  return packet;
}

export function endpointText(ip: Ip, port: number): string {
  return formatEndpoint(ip, port);
}

/** What an ICMP error means to a socket, and whether it ends a connected UDP socket's call (Linux: net/ipv4/icmp.c, icmp_err_convert). */
function icmpErrno(type: number, code: number): { readonly errno: Errno; readonly fatal: boolean } {
  if (type === 11) return { errno: 'EHOSTUNREACH', fatal: false };
  switch (code) {
    case 0:
    case 6:
    case 11:
      return { errno: 'ENETUNREACH', fatal: code === 6 };
    case 2:
      return { errno: 'ENOPROTOOPT', fatal: true };
    case 3:
      return { errno: 'ECONNREFUSED', fatal: true };
    case 4:
      return { errno: 'EMSGSIZE', fatal: false };
    case 9:
      return { errno: 'ENETUNREACH', fatal: true };
    default:
      return { errno: 'EHOSTUNREACH', fatal: code !== 1 && code !== 12 };
  }
}

/** The same of ICMPv6 (Linux: net/ipv6/icmp.c, icmpv6_err_convert). */
function icmp6Errno(type: number, code: number): { readonly errno: Errno; readonly fatal: boolean } {
  switch (type) {
    case ICMP6_TOO_BIG:
      return { errno: 'EMSGSIZE', fatal: false };
    case ICMP6_TIME_EXCEEDED:
      return { errno: 'EHOSTUNREACH', fatal: false };
    case ICMP6_PARAMETER:
      return { errno: 'EPROTO', fatal: true };
    default:
      if (code === ICMP6_NO_ROUTE) return { errno: 'ENETUNREACH', fatal: false };
      if (code === ICMP6_PORT_UNREACHABLE) return { errno: 'ECONNREFUSED', fatal: true };
      return code === ICMP6_ADDRESS_UNREACHABLE || code === 2 ? { errno: 'EHOSTUNREACH', fatal: false } : { errno: 'EACCES', fatal: true };
  }
}

/** What an ICMP error of either family means to the socket whose packet it is about. */
export function errnoOf(error: Packet): { readonly errno: Errno; readonly fatal: boolean } {
  const { type, code } = error.icmp ?? { type: 0, code: 0 };
  return error.protocol === IP_PROTO_ICMP6 ? icmp6Errno(type, code) : icmpErrno(type, code);
}

/** A socket bound to `::` leaves IPv4 alone where the netns says so. */
export const isV6Only = (layer: SocketLayer, netns: string, ip: Ip): boolean => ip === UNSPECIFIED6 && layer.kernel.sysctl(netns, 'net.ipv6.bindv6only') !== 0;

export const isErrno = (value: number | Errno): value is Errno => typeof value === 'string';
