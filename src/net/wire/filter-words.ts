/** The vocabulary of capture filters (pcap-filter(7)): keywords, protocols, named constants, and how a text falls into words. */
import type { FilterProtocol } from './filter-tree.ts';

/** Qualifiers and whole primitives that are protocols. */
export const FILTER_PROTOCOLS: ReadonlyMap<string, FilterProtocol> = new Map<string, FilterProtocol>([
  ['ether', 'ether'],
  ['link', 'ether'],
  ['ip', 'ip'],
  ['ip6', 'ip6'],
  ['arp', 'arp'],
  ['rarp', 'rarp'],
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  ['sctp', 'sctp'],
  ['icmp', 'icmp'],
  ['icmp6', 'icmp6'],
  ['igmp', 'igmp'],
  ['esp', 'esp'],
  ['ah', 'ah'],
  ['pim', 'pim'],
  ['vrrp', 'vrrp'],
]);

const OTHER_WORDS =
  'and or not src dst host net port portrange proto mask less greater broadcast multicast len vlan geneve vxlan inbound outbound ifindex gateway protochain';

export const FILTER_WORDS: ReadonlySet<string> = new Set([...FILTER_PROTOCOLS.keys(), ...OTHER_WORDS.split(' ')]);

/** `proto NAME` after ip and ip6: /etc/protocols, as far as packets here go. */
export const IP_PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['ipencap', 4],
  ['tcp', 6],
  ['udp', 17],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmp6', 58],
  ['ipv6-icmp', 58],
  ['pim', 103],
  ['vrrp', 112],
  ['sctp', 132],
]);

/** `ether proto NAME`. */
export const ETHER_PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['ip', 0x0800],
  ['ip6', 0x86dd],
  ['arp', 0x0806],
  ['rarp', 0x8035],
]);

/** Named fields, flags and types of TCP, ICMP and ICMPv6. */
export const FILTER_CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['tcpflags', 13],
  ['tcp-fin', 1],
  ['tcp-syn', 2],
  ['tcp-rst', 4],
  ['tcp-push', 8],
  ['tcp-ack', 16],
  ['tcp-urg', 32],
  ['tcp-ece', 64],
  ['tcp-cwr', 128],
  ['icmptype', 0],
  ['icmpcode', 1],
  ['icmp-echoreply', 0],
  ['icmp-unreach', 3],
  ['icmp-sourcequench', 4],
  ['icmp-redirect', 5],
  ['icmp-echo', 8],
  ['icmp-routeradvert', 9],
  ['icmp-routersolicit', 10],
  ['icmp-timxceed', 11],
  ['icmp-paramprob', 12],
  ['icmp-tstamp', 13],
  ['icmp-tstampreply', 14],
  ['icmp-ireq', 15],
  ['icmp-ireqreply', 16],
  ['icmp-maskreq', 17],
  ['icmp-maskreply', 18],
  ['icmp6type', 0],
  ['icmp6code', 1],
  ['icmp6-destinationunreach', 1],
  ['icmp6-packettoobig', 2],
  ['icmp6-timeexceeded', 3],
  ['icmp6-parameterproblem', 4],
  ['icmp6-echo', 128],
  ['icmp6-echoreply', 129],
  ['icmp6-multicastlistenerquery', 130],
  ['icmp6-multicastlistenerreportv1', 131],
  ['icmp6-multicastlistenerdone', 132],
  ['icmp6-routersolicit', 133],
  ['icmp6-routeradvert', 134],
  ['icmp6-neighborsolicit', 135],
  ['icmp6-neighboradvert', 136],
  ['icmp6-redirect', 137],
  ['icmp6-multicastlistenerreportv2', 143],
]);

/** Words, numbers, addresses and operators of a filter, in order. */
export function filterTokens(text: string): string[] {
  const out: string[] = [];
  const pattern = /\s+|&&|\|\||<<|>>|[<>!=]=|[()[\]!=<>&|+*%^]|\/(?![0-9])|-(?![A-Za-z])|\\?[A-Za-z0-9_.:/][A-Za-z0-9_.:/-]*|./gy;
  let brackets = 0;
  for (const match of text.matchAll(pattern)) {
    const token = match[0];
    if (token.trim() === '') continue;
    if (token === '[') brackets += 1;
    else if (token === ']') brackets -= 1;
    // Outside brackets a colon belongs to an address, inside it separates offset and size; a minus between numbers is one.
    if (brackets > 0 && token.length > 1 && /[:/-]/.test(token) && !FILTER_CONSTANTS.has(token))
      out.push(...token.split(/([:/-])/).filter((part) => part !== ''));
    else out.push(token);
  }
  return out;
}
