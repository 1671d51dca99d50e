/** What stands behind an IP header, by protocol number. tcpdump: print-ip-demux.c */
import { printIcmp } from './icmp.ts';
import { printIcmp6 } from './icmp6.ts';
import { protocolWord } from './names.ts';
import { inside } from './parts.ts';
import { printSctp } from './sctp.ts';
import { printTcp } from './tcp.ts';
import { printUdp } from './udp.ts';
import type { View } from './view.ts';

/** What follows an IP header at `ip`; `fragmented`: more of it comes in other packets. */
export function printTransport(view: View, protocol: number, ip: number, at: number, length: number, fragmented: boolean): void {
  switch (protocol) {
    case 6:
      printTcp(view, ip, at, length, fragmented);
      return;
    case 17:
      printUdp(view, ip, at, length, fragmented);
      return;
    case 1:
      printIcmp(view, at, length, fragmented);
      return;
    case 132:
      printSctp(view, ip, at, length);
      return;
    case 58:
      printIcmp6(view, ip, at, length, fragmented);
      return;
    case 4:
      inside(view, () => view.layers.ip(view, at, length));
      return;
    case 41:
      inside(view, () => view.layers.ip6(view, at, length));
      return;
    default:
      view.print(` ${protocolWord(protocol, view.options.numeric)} ${length}`);
  }
}
