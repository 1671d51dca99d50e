/** What nft's expressions may ask of a packet: header fields, meta keys and conntrack keys, with the type of each. nft: src/proto.c, src/meta.c, src/ct.c */
import {
  CT_DIR,
  CT_STATE,
  CT_STATUS_TYPE,
  type DataType,
  DEVGROUP,
  DSCP_TYPE,
  ETHER_ADDR,
  ETHER_TYPE,
  GID,
  HOST_INTEGER,
  ICMP_CODE,
  ICMP_TYPE,
  ICMP6_CODE,
  ICMP6_TYPE,
  IFINDEX,
  IFNAME,
  INET_PROTO,
  INET_SERVICE,
  INTEGER,
  IPV4_ADDR,
  IPV6_ADDR,
  MARK,
  NF_PROTO,
  PKT_TYPE,
  PRIORITY,
  sizedInteger,
  TCP_FLAG,
  TIME,
  UID,
} from './datatype.ts';

type Fields = Readonly<Record<string, DataType>>;

const BYTE = sizedInteger(8);
const SHORT = sizedInteger(16);

export const PAYLOAD: Readonly<Record<string, Fields>> = {
  ether: { saddr: ETHER_ADDR, daddr: ETHER_ADDR, type: ETHER_TYPE },
  ip: {
    version: sizedInteger(4),
    hdrlength: sizedInteger(4),
    dscp: DSCP_TYPE,
    ecn: sizedInteger(2),
    length: SHORT,
    id: SHORT,
    'frag-off': SHORT,
    ttl: BYTE,
    protocol: INET_PROTO,
    saddr: IPV4_ADDR,
    daddr: IPV4_ADDR,
  },
  ip6: {
    version: sizedInteger(4),
    dscp: DSCP_TYPE,
    ecn: sizedInteger(2),
    length: SHORT,
    nexthdr: INET_PROTO,
    hoplimit: BYTE,
    saddr: IPV6_ADDR,
    daddr: IPV6_ADDR,
  },
  tcp: {
    sport: INET_SERVICE,
    dport: INET_SERVICE,
    sequence: INTEGER,
    ackseq: INTEGER,
    flags: TCP_FLAG,
    window: SHORT,
  },
  udp: { sport: INET_SERVICE, dport: INET_SERVICE, length: SHORT },
  udplite: { sport: INET_SERVICE, dport: INET_SERVICE },
  sctp: { sport: INET_SERVICE, dport: INET_SERVICE },
  dccp: { sport: INET_SERVICE, dport: INET_SERVICE },
  th: { sport: INET_SERVICE, dport: INET_SERVICE },
  icmp: { type: ICMP_TYPE, code: ICMP_CODE, id: SHORT, sequence: SHORT, mtu: SHORT },
  icmpv6: { type: ICMP6_TYPE, code: ICMP6_CODE, id: SHORT, sequence: SHORT, mtu: INTEGER },
};

/** Protocol numbers of the headers above the network layer; `th` may be any with ports. */
export const L4_NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, udplite: 136, sctp: 132, dccp: 33, icmp: 1, icmpv6: 58 };
export const L4_NAMES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(L4_NUMBERS).map(([name, number]) => [number, name]));

export const META: Fields = {
  length: HOST_INTEGER,
  protocol: ETHER_TYPE,
  priority: PRIORITY,
  mark: MARK,
  iif: IFINDEX,
  iifname: IFNAME,
  iiftype: SHORT,
  oif: IFINDEX,
  oifname: IFNAME,
  oiftype: SHORT,
  skuid: UID,
  skgid: GID,
  nftrace: BYTE,
  rtclassid: INTEGER,
  pkttype: PKT_TYPE,
  cpu: HOST_INTEGER,
  iifgroup: DEVGROUP,
  oifgroup: DEVGROUP,
  cgroup: HOST_INTEGER,
  random: INTEGER,
  nfproto: NF_PROTO,
  l4proto: INET_PROTO,
};
/** Keys that may stand without `meta`; all others need the word. nft prints these without it, except mark and what is beside it here. */
export const UNQUALIFIED_META = new Set([
  'mark',
  'iif',
  'iifname',
  'iiftype',
  'oif',
  'oifname',
  'oiftype',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'pkttype',
  'cpu',
  'iifgroup',
  'oifgroup',
  'cgroup',
]);
export const PRINTED_UNQUALIFIED = new Set(['iif', 'iifname', 'iiftype', 'oif', 'oifname', 'oiftype', 'iifgroup', 'oifgroup']);
export const SETTABLE_META = new Set(['mark', 'priority', 'nftrace', 'pkttype']);

export const CT: Fields = {
  state: CT_STATE,
  direction: CT_DIR,
  status: CT_STATUS_TYPE,
  mark: MARK,
  expiration: TIME,
  l3proto: NF_PROTO,
  protocol: INET_PROTO,
  'ip saddr': IPV4_ADDR,
  'ip daddr': IPV4_ADDR,
  'ip6 saddr': IPV6_ADDR,
  'ip6 daddr': IPV6_ADDR,
  'proto-src': INET_SERVICE,
  'proto-dst': INET_SERVICE,
  bytes: sizedInteger(64, true),
  packets: sizedInteger(64, true),
  zone: sizedInteger(16, true),
  id: INTEGER,
};
/** Keys that need `original` or `reply` in front. */
export const CT_NEEDS_DIRECTION = new Set(['ip saddr', 'ip daddr', 'ip6 saddr', 'ip6 daddr', 'proto-src', 'proto-dst']);
export const SETTABLE_CT = new Set(['mark', 'zone']);

export const payloadType = (proto: string, field: string): DataType | undefined => {
  const fields = Object.hasOwn(PAYLOAD, proto) ? PAYLOAD[proto] : undefined;
  return fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
};
export const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);
