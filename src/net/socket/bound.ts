/** Which packets an address that a socket is bound to takes: its own, all of IPv4 (0.0.0.0), or all of both families (`::`). */
import type { Ip } from '../wire/packet.ts';

interface Bound {
  readonly localIp: Ip;
  readonly v6only?: boolean;
}

/** Lower is closer: 0 the very address, 1 all of its family, 2 `::` for an IPv4 address; -1 not at all. */
export function boundDistance(socket: Bound, ip: Ip): number {
  if (socket.localIp === ip) return 0;
  if (socket.localIp === 0) return typeof ip === 'number' ? 1 : -1;
  if (socket.localIp !== 0n) return -1;
  return typeof ip === 'bigint' ? 1 : socket.v6only === true ? -1 : 2;
}

/** Two sockets on one port would both be meant (inet_rcv_saddr_equal()). */
export const bothMeant = (a: Bound, b: Bound): boolean => boundDistance(a, b.localIp) >= 0 || boundDistance(b, a.localIp) >= 0;
