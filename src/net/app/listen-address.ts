/** Where a server listens: the address it was given, or all of them. */
import { parseIp } from '../addr/ip.ts';
import { LOOPBACK6, UNSPECIFIED6 } from '../addr/ip6.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext } from './definition.ts';

/** Without an address: `::`, which takes IPv4 too, or 0.0.0.0 in a netns without IPv6. That is what Go's net.Listen(":80") does. */
export function listenAddress(context: Pick<AppContext, 'isLocalAddress'>, address: string | undefined): Ip {
  const given = address === undefined ? undefined : parseIp(address);
  return given ?? (context.isLocalAddress(LOOPBACK6) ? UNSPECIFIED6 : 0);
}
