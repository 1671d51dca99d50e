/** Headers of fixed form, field by field, under Wireshark's names. IEEE 802.3 and 802.1Q, RFC 826, 791, 8200, 768, 9293, 792, 4443, 7348, 8926; WireGuard protocol, section 5.4. */
import type { FormField, Part, Reading } from './field.ts';

const field = (name: string, label: string, bytes: number, as: Reading, parts?: readonly Part[]): FormField =>
  parts === undefined ? { name, label, bytes, as } : { name, label, bytes, as, parts };
const part = (name: string, label: string, mask: number, more: Partial<Part> = {}): Part => ({ name, label, at: 0, bytes: 1, mask, ...more });

export const ETHERNET = [field('eth.dst', 'destination', 6, 'mac'), field('eth.src', 'source', 6, 'mac'), field('eth.type', 'type', 2, 'hex')] as const;

/** What stands behind the tag's own EtherType. */
export const VLAN = [
  field('', 'priority, drop eligible, VLAN', 2, 'hex', [
    part('vlan.priority', 'priority', 0xe000, { bytes: 2 }),
    part('vlan.dei', 'drop eligible', 0x1000, { bytes: 2 }),
    part('vlan.id', 'VLAN', 0x0fff, { bytes: 2 }),
  ]),
  field('vlan.etype', 'type', 2, 'hex'),
] as const;

export const ARP = [
  field('arp.hw.type', 'hardware type', 2, 'count'),
  field('arp.proto.type', 'protocol type', 2, 'hex'),
  field('arp.hw.size', 'hardware size', 1, 'count'),
  field('arp.proto.size', 'protocol size', 1, 'count'),
  field('arp.opcode', 'operation', 2, 'count'),
  field('arp.src.hw_mac', 'sender MAC', 6, 'mac'),
  field('arp.src.proto_ipv4', 'sender address', 4, 'ip4'),
  field('arp.dst.hw_mac', 'target MAC', 6, 'mac'),
  field('arp.dst.proto_ipv4', 'target address', 4, 'ip4'),
] as const;

export const IPV4 = [
  field('', 'version, header length', 1, 'hex', [part('ip.version', 'version', 0xf0), part('ip.hdr_len', 'header length in bytes', 0x0f, { times: 4 })]),
  field('ip.dsfield', 'differentiated services', 1, 'hex', [part('ip.dsfield.dscp', 'DSCP', 0xfc), part('ip.dsfield.ecn', 'ECN', 0x03)]),
  field('ip.len', 'total length', 2, 'count'),
  field('ip.id', 'identification', 2, 'hex'),
  field('', 'flags, fragment offset', 2, 'hex', [
    part('ip.flags.df', "don't fragment", 0x40),
    part('ip.flags.mf', 'more fragments', 0x20),
    part('ip.frag_offset', 'fragment offset in bytes', 0x1fff, { bytes: 2, times: 8 }),
  ]),
  field('ip.ttl', 'time to live', 1, 'count'),
  field('ip.proto', 'protocol', 1, 'count'),
  field('ip.checksum', 'header checksum', 2, 'hex'),
  field('ip.src', 'source', 4, 'ip4'),
  field('ip.dst', 'destination', 4, 'ip4'),
] as const;

export const IPV6 = [
  field('', 'version, class, flow label', 4, 'hex', [
    part('ipv6.version', 'version', 0xf0),
    part('ipv6.tclass', 'traffic class', 0x0ff00000, { bytes: 4 }),
    part('ipv6.flow', 'flow label', 0x0fffff, { at: 1, bytes: 3, hex: true }),
  ]),
  field('ipv6.plen', 'payload length', 2, 'count'),
  field('ipv6.nxt', 'next header', 1, 'count'),
  field('ipv6.hlim', 'hop limit', 1, 'count'),
  field('ipv6.src', 'source', 16, 'ip6'),
  field('ipv6.dst', 'destination', 16, 'ip6'),
] as const;

export const FRAGMENT6 = [
  field('ipv6.fraghdr.nxt', 'next header', 1, 'count'),
  field('ipv6.fraghdr.reserved_octet', 'reserved', 1, 'hex'),
  field('', 'offset, more fragments', 2, 'hex', [
    part('ipv6.fraghdr.offset', 'offset in bytes', 0xfff8, { bytes: 2, times: 8 }),
    part('ipv6.fraghdr.more', 'more fragments', 0x0001, { bytes: 2 }),
  ]),
  field('ipv6.fraghdr.ident', 'identification', 4, 'hex'),
] as const;

export const UDP = [
  field('udp.srcport', 'source port', 2, 'count'),
  field('udp.dstport', 'destination port', 2, 'count'),
  field('udp.length', 'length', 2, 'count'),
  field('udp.checksum', 'checksum', 2, 'hex'),
] as const;

export const SCTP = [
  field('sctp.srcport', 'source port', 2, 'count'),
  field('sctp.dstport', 'destination port', 2, 'count'),
  field('sctp.verification_tag', 'verification tag', 4, 'hex'),
  field('sctp.checksum', 'checksum', 4, 'hex'),
] as const;

const tcpFlag = (name: string, label: string, mask: number): Part => part(`tcp.flags.${name}`, label, mask, { at: 1 });
export const TCP = [
  field('tcp.srcport', 'source port', 2, 'count'),
  field('tcp.dstport', 'destination port', 2, 'count'),
  field('tcp.seq_raw', 'sequence number', 4, 'count'),
  field('tcp.ack_raw', 'acknowledgement number', 4, 'count'),
  field('', 'header length, flags', 2, 'hex', [
    part('tcp.hdr_len', 'header length in bytes', 0xf0, { times: 4 }),
    part('tcp.flags', 'flags', 0x0fff, { bytes: 2, hex: true }),
    tcpFlag('cwr', 'CWR', 0x80),
    tcpFlag('ece', 'ECE', 0x40),
    tcpFlag('urg', 'URG', 0x20),
    tcpFlag('ack', 'ACK', 0x10),
    tcpFlag('push', 'PSH', 0x08),
    tcpFlag('reset', 'RST', 0x04),
    tcpFlag('syn', 'SYN', 0x02),
    tcpFlag('fin', 'FIN', 0x01),
  ]),
  field('tcp.window_size_value', 'window', 2, 'count'),
  field('tcp.checksum', 'checksum', 2, 'hex'),
  field('tcp.urgent_pointer', 'urgent pointer', 2, 'count'),
] as const;

export const VXLAN = [
  field('vxlan.flags', 'flags', 2, 'hex'),
  field('vxlan.gbp', 'group policy', 2, 'count'),
  field('vxlan.vni', 'VNI', 3, 'count'),
  field('vxlan.reserved8', 'reserved', 1, 'hex'),
] as const;

export const GENEVE = [
  field('', 'version, options length', 1, 'hex', [part('geneve.version', 'version', 0xc0), part('', 'options in bytes', 0x3f, { times: 4 })]),
  field('geneve.flags', 'flags', 1, 'hex'),
  field('geneve.proto_type', 'protocol type', 2, 'hex'),
  field('geneve.vni', 'VNI', 3, 'count'),
  field('geneve.reserved', 'reserved', 1, 'hex'),
] as const;

const WG_HEAD = [field('wg.type', 'type', 1, 'count'), field('wg.reserved', 'reserved', 3, 'hex')];
const WG_MACS = [field('wg.mac1', 'MAC 1', 16, 'bytes'), field('wg.mac2', 'MAC 2', 16, 'bytes')];
/** By a message's type. */
export const WIREGUARD: ReadonlyMap<number, readonly FormField[]> = new Map([
  [
    1,
    [
      ...WG_HEAD,
      field('wg.sender', 'sender', 4, 'bytes'),
      field('wg.ephemeral', 'ephemeral key', 32, 'bytes'),
      field('wg.encrypted_static', 'static key, encrypted', 48, 'bytes'),
      field('wg.encrypted_timestamp', 'time stamp, encrypted', 28, 'bytes'),
      ...WG_MACS,
    ],
  ],
  [
    2,
    [
      ...WG_HEAD,
      field('wg.sender', 'sender', 4, 'bytes'),
      field('wg.receiver', 'receiver', 4, 'bytes'),
      field('wg.ephemeral', 'ephemeral key', 32, 'bytes'),
      field('wg.encrypted_empty', 'nothing, encrypted', 16, 'bytes'),
      ...WG_MACS,
    ],
  ],
  [4, [...WG_HEAD, field('wg.receiver', 'receiver', 4, 'bytes'), field('wg.counter', 'counter', 8, 'little')]],
]);

export const ICMP_HEAD = [
  field('icmp.type', 'type', 1, 'count'),
  field('icmp.code', 'code', 1, 'count'),
  field('icmp.checksum', 'checksum', 2, 'hex'),
] as const;
export const ICMP_ECHO = [field('icmp.ident', 'identifier', 2, 'count'), field('icmp.seq', 'sequence number', 2, 'count')] as const;
export const ICMP6_HEAD = [
  field('icmpv6.type', 'type', 1, 'count'),
  field('icmpv6.code', 'code', 1, 'count'),
  field('icmpv6.checksum', 'checksum', 2, 'hex'),
] as const;
export const ICMP6_ECHO = [
  field('icmpv6.echo.identifier', 'identifier', 2, 'hex'),
  field('icmpv6.echo.sequence_number', 'sequence number', 2, 'count'),
] as const;
const advertised = (name: string, label: string, mask: number): Part => part(`icmpv6.nd.na.flag.${name}`, label, mask, { bytes: 4 });
/** RFC 4861 sections 4.1 to 4.4, behind the checksum; options follow. */
export const NEIGHBOR: ReadonlyMap<number, readonly FormField[]> = new Map([
  [133, [field('icmpv6.reserved', 'reserved', 4, 'hex')]],
  [
    134,
    [
      field('icmpv6.nd.ra.cur_hop_limit', 'hop limit', 1, 'count'),
      field('icmpv6.nd.ra.flag', 'flags', 1, 'hex', [part('icmpv6.nd.ra.flag.m', 'managed', 0x80), part('icmpv6.nd.ra.flag.o', 'other', 0x40)]),
      field('icmpv6.nd.ra.router_lifetime', 'router lifetime in s', 2, 'count'),
      field('icmpv6.nd.ra.reachable_time', 'reachable time in ms', 4, 'count'),
      field('icmpv6.nd.ra.retrans_timer', 'retransmission time in ms', 4, 'count'),
    ],
  ],
  [135, [field('icmpv6.reserved', 'reserved', 4, 'hex'), field('icmpv6.nd.ns.target_address', 'target', 16, 'ip6')]],
  [
    136,
    [
      field('icmpv6.nd.na.flag', 'flags', 4, 'hex', [
        advertised('r', 'from a router', 0x80000000),
        advertised('s', 'solicited', 0x40000000),
        advertised('o', 'override', 0x20000000),
      ]),
      field('icmpv6.nd.na.target_address', 'target', 16, 'ip6'),
    ],
  ],
]);

export const DNS_HEAD = [
  field('dns.id', 'transaction', 2, 'hex'),
  field('dns.flags', 'flags', 2, 'hex', [
    part('dns.flags.response', 'response', 0x8000, { bytes: 2 }),
    part('dns.flags.opcode', 'opcode', 0x7800, { bytes: 2 }),
    part('dns.flags.authoritative', 'authoritative', 0x0400, { bytes: 2 }),
    part('dns.flags.truncated', 'truncated', 0x0200, { bytes: 2 }),
    part('dns.flags.recdesired', 'recursion desired', 0x0100, { bytes: 2 }),
    part('dns.flags.recavail', 'recursion available', 0x0080, { bytes: 2 }),
    part('dns.flags.rcode', 'reply code', 0x000f, { bytes: 2 }),
  ]),
  field('dns.count.queries', 'questions', 2, 'count'),
  field('dns.count.answers', 'answers', 2, 'count'),
  field('dns.count.auth_rr', 'authorities', 2, 'count'),
  field('dns.count.add_rr', 'additional records', 2, 'count'),
] as const;
