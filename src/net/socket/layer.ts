/** What TCP, UDP and ping share: the kernel below, the table of sockets, and the way to tell a process. */
import { formatIp } from '../addr/ip.ts';
import type { AppEvent } from '../app/definition.ts';
import type { Errno, Kernel } from '../stack/userland.ts';
import type { Ip, Packet } from '../wire/packet.ts';
import type { SocketTable } from './socket-table.ts';
import type { TcpSocket } from './sockets.ts';

export interface SocketLayer {
  readonly kernel: Kernel;
  readonly table: SocketTable;
  /** Puts an event into the process' queue; it is handled when the current packet or call is done. */
  notify(processId: string, event: AppEvent): void;
  /** Starts the delayed acknowledgement's timer when the process has had its chance to answer, unless the answer carried it. */
  acknowledgeLater(socket: TcpSocket): void;
  /** Sequence number of the log row that what happens now answers, -1 if none. */
  causeSeq: number;
}

/** net.ipv4.ip_local_port_range's default. */
const FIRST_EPHEMERAL = 32768;
const EPHEMERAL_COUNT = 60999 - FIRST_EPHEMERAL + 1;

/**
 * connect() walks even ports from a random place first, then odd ones, and takes the first whose four-tuple is free (Linux: net/ipv4/inet_hashtables.c,
 * __inet_hash_connect). Undefined when all are taken.
 */
export function ephemeralTcpPort(layer: SocketLayer, netns: string, localIp: Ip, remoteIp: Ip, remotePort: number): number | undefined {
  const offset = layer.kernel.prng('ephemeral-port').below(EPHEMERAL_COUNT) & ~1;
  for (const parity of [0, 1]) {
    for (let i = 0; i < EPHEMERAL_COUNT; i += 2) {
      const port = FIRST_EPHEMERAL + ((offset + i + parity) % EPHEMERAL_COUNT);
      if (layer.table.hasListener(netns, port)) continue;
      if (layer.table.findConnection(netns, localIp, port, remoteIp, remotePort) === undefined) return port;
    }
  }
  return undefined;
}

export function ephemeralUdpPort(layer: SocketLayer, netns: string, ip: Ip): number | undefined {
  const offset = layer.kernel.prng('ephemeral-port').below(EPHEMERAL_COUNT);
  for (let i = 0; i < EPHEMERAL_COUNT; i += 1) {
    const port = FIRST_EPHEMERAL + ((offset + i) % EPHEMERAL_COUNT);
    if (!layer.table.isUdpBound(netns, ip, port)) return port;
  }
  return undefined;
}

/** A hash for the packets of one socket, never 0 (Linux: include/net/sock.h, net_tx_rndhash). */
export function drawFlowHash(layer: SocketLayer): number {
  return layer.kernel.prng('tx-hash').uint32() || 1;
}

/** A packet that leaves here, with what every one has. */
export function outgoing(layer: SocketLayer, src: Ip, dst: Ip, protocol: number): Packet {
  const packet = layer.kernel.newPacket();
  packet.causeSeq = layer.causeSeq;
  packet.src = src;
  packet.dst = dst;
  packet.protocol = protocol;
  packet.ttl = 64;
  return packet;
}

export function endpointText(ip: Ip, port: number): string {
  return `${ip === 0 ? '0.0.0.0' : formatIp(ip)}:${port}`;
}

/** What an ICMP error means to a socket, and whether it ends a connected UDP socket's call (Linux: net/ipv4/icmp.c, icmp_err_convert). */
export function icmpErrno(type: number, code: number): { readonly errno: Errno; readonly fatal: boolean } {
  if (type === 11) return { errno: 'EHOSTUNREACH', fatal: false };
  switch (code) {
    case 0:
    case 6:
    case 11:
      return { errno: 'ENETUNREACH', fatal: code === 6 };
    case 2:
      return { errno: 'ECONNREFUSED', fatal: true };
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

export const isErrno = (value: number | Errno): value is Errno => typeof value === 'string';
