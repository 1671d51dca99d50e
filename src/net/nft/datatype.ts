/** nftables' data types: how a constant of each is read, printed, sorted and how wide it is. nft: src/datatype.c, src/ct.c, src/meta.c, src/proto.c */
import { formatIp4, parseIp4 } from '../addr/ip4.ts';
import { formatIp6, parseIp6 } from '../addr/ip6.ts';

/**
 * A constant or a loaded value. Numbers are unsigned (an IPv4 address is 0..2^32-1, a MAC address 0..2^48-1), IPv6 addresses are 128-bit bigints,
 * interface names are strings.
 */
export type NftValue = number | bigint | string;

export interface DataType {
  /** The word of `type …`. */
  readonly name: string;
  /** As error messages call it. */
  readonly description: string;
  readonly bits: number;
  /** How the kernel keeps it: decides the order in which elements of sets are listed. */
  readonly hostOrder?: boolean;
  /** Constants may be or-ed: `new,established`. */
  readonly bitmask?: boolean;
  readonly parse: (text: string) => NftValue | { readonly error: string };
  readonly format: (value: NftValue, numeric: boolean) => string;
}

type Names = Readonly<Record<string, number>>;

/** Decimal or hexadecimal, at most `bits` wide; undefined when it is no number. */
export function parseInteger(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,13}$/i.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^\d{1,16}$/.test(text)) return Number(text);
  return undefined;
}

const widest = (bits: number): number => (bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** bits - 1);

function ranged(text: string, bits: number): number | { readonly error: string } | undefined {
  const value = parseInteger(text);
  if (value === undefined) return undefined;
  return value > widest(bits) ? { error: `Value ${value} exceeds valid range 0-${widest(bits)}` } : value;
}

function integerType(name: string, description: string, bits: number, hostOrder: boolean, more: Partial<DataType> = {}): DataType {
  return {
    name,
    description,
    bits,
    hostOrder,
    parse: (text) => ranged(text, bits) ?? { error: 'Could not parse integer' },
    format: (value) => String(value),
    ...more,
  };
}

function symbolType(name: string, description: string, bits: number, names: Names, error: string, hostOrder = false, hexDigits = 0): DataType {
  const byValue = new Map(
    Object.entries(names)
      .map(([word, value]) => [value, word] as const)
      .reverse(),
  );
  return {
    name,
    description,
    bits,
    hostOrder,
    parse: (text) => (Object.hasOwn(names, text) ? (names[text] as number) : (ranged(text, bits) ?? { error })),
    format: (value, numeric) =>
      (numeric ? undefined : byValue.get(value as number)) ?? (hexDigits > 0 ? `0x${value.toString(16).padStart(hexDigits, '0')}` : String(value)),
  };
}

function bitmaskType(name: string, description: string, bits: number, names: Names, error: string, hostOrder: boolean): DataType {
  const base = symbolType(name, description, bits, names, error, hostOrder);
  const byValue = new Map(Object.entries(names).map(([word, value]) => [value, word] as const));
  return {
    ...base,
    bitmask: true,
    format: (value, numeric) => (numeric ? undefined : byValue.get(value as number)) ?? `0x${value.toString(16)}`,
  };
}

export const CT_STATES: Names = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 };
export const CT_STATUS: Names = { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 };
export const TCP_FLAGS: Names = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 };
/** As /etc/protocols names them; where nft has a word of its own (`icmpv6`, `comp`) that is read too. */
const PROTOCOLS: Names = {
  ip: 0,
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  st: 5,
  tcp: 6,
  egp: 8,
  igp: 9,
  pup: 12,
  udp: 17,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  'iso-tp4': 29,
  dccp: 33,
  xtp: 36,
  ddp: 37,
  'idpr-cmtp': 38,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  skip: 57,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  'ax.25': 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  sctp: 132,
  fc: 133,
  'mobility-header': 135,
  udplite: 136,
  'mpls-in-ip': 137,
  manet: 138,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
  ethernet: 143,
  mptcp: 262,
  icmpv6: 58,
  comp: 108,
};
const SERVICES: Names = {
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  pop3: 110,
  ntp: 123,
  imap2: 143,
  snmp: 161,
  ldap: 389,
  https: 443,
  imaps: 993,
  mysql: 3306,
  postgresql: 5432,
};
export const ICMP_TYPES: Names = {
  'echo-reply': 0,
  'destination-unreachable': 3,
  'source-quench': 4,
  redirect: 5,
  'echo-request': 8,
  'router-advertisement': 9,
  'router-solicitation': 10,
  'time-exceeded': 11,
  'parameter-problem': 12,
  'timestamp-request': 13,
  'timestamp-reply': 14,
  'info-request': 15,
  'info-reply': 16,
  'address-mask-request': 17,
  'address-mask-reply': 18,
};
export const ICMP_CODES: Names = {
  'net-unreachable': 0,
  'host-unreachable': 1,
  'prot-unreachable': 2,
  'port-unreachable': 3,
  'frag-needed': 4,
  'net-prohibited': 9,
  'host-prohibited': 10,
  'admin-prohibited': 13,
};
const ICMP6_TYPES: Names = {
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'echo-request': 128,
  'echo-reply': 129,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'mld-listener-reduction': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'router-renumbering': 138,
  'ind-neighbor-solicit': 141,
  'ind-neighbor-advert': 142,
  'mld2-listener-report': 143,
};
export const ICMP6_CODES: Names = { 'no-route': 0, 'admin-prohibited': 1, 'addr-unreachable': 3, 'port-unreachable': 4, 'policy-fail': 5, 'reject-route': 6 };
export const ICMPX_CODES: Names = { 'port-unreachable': 1, 'admin-prohibited': 3, 'no-route': 0, 'host-unreachable': 2 };
const DSCP: Names = {
  cs0: 0,
  cs1: 8,
  cs2: 16,
  cs3: 24,
  cs4: 32,
  cs5: 40,
  cs6: 48,
  cs7: 56,
  df: 0,
  be: 0,
  lephb: 1,
  af11: 10,
  af12: 12,
  af13: 14,
  af21: 18,
  af22: 20,
  af23: 22,
  af31: 26,
  af32: 28,
  af33: 30,
  af41: 34,
  af42: 36,
  af43: 38,
  va: 44,
  ef: 46,
};
export const FIB_TYPES: Names = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};

/** `1h30m5s` and the like, in milliseconds; a bare number counts seconds. */
export function parseTime(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  const match = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text);
  if (match === null || text === '') return undefined;
  const part = (i: number): number => Number(match[i] ?? 0);
  return ((((part(1) * 7 + part(2)) * 24 + part(3)) * 60 + part(4)) * 60 + part(5)) * 1000 + part(6);
}

/** As nft prints a time of so many milliseconds. */
export function formatTime(ms: number): string {
  let seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86400);
  seconds %= 86400;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = Math.floor(ms) % 1000;
  const text = `${days > 0 ? `${days}d` : ''}${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds % 60 > 0 ? `${seconds % 60}s` : ''}${rest > 0 ? `${rest}ms` : ''}`;
  return text === '' ? '0s' : text;
}

export function formatMacValue(value: number): string {
  return value
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?!$)/g, '$1:');
}

const unresolved = (text: string): string =>
  `Could not resolve hostname: ${/^[0-9.:]+$/.test(text) ? 'Name or service not known' : 'Temporary failure in name resolution'}`;

export const IPV4_ADDR: DataType = {
  name: 'ipv4_addr',
  description: 'IPv4 address',
  bits: 32,
  parse: (text) => {
    const ip = parseIp4(text);
    if (ip !== undefined) return ip >>> 0;
    // inet_aton's short form: `10` is 0.0.0.10.
    const number = parseInteger(text);
    return number !== undefined && number <= 0xffffffff ? number : { error: unresolved(text) };
  },
  format: (value) => formatIp4((value as number) | 0),
};

export const IPV6_ADDR: DataType = {
  name: 'ipv6_addr',
  description: 'IPv6 address',
  bits: 128,
  parse: (text) => parseIp6(text) ?? { error: unresolved(text) },
  format: (value) => formatIp6(value as bigint),
};

export const INET_SERVICE: DataType = {
  name: 'inet_service',
  description: 'internet network service',
  bits: 16,
  parse: (text) => {
    const number = parseInteger(text);
    if (number !== undefined) return number > 65535 ? { error: 'Service out of range' } : number;
    return Object.hasOwn(SERVICES, text) ? (SERVICES[text] as number) : { error: 'Could not resolve service: Servname not supported for ai_socktype' };
  },
  format: (value) => String(value),
};

export const INET_PROTO: DataType = symbolType('inet_proto', 'Internet protocol', 8, PROTOCOLS, 'Could not resolve protocol name');
export const MARK: DataType = integerType('mark', 'packet mark', 32, true, { format: (value) => `0x${value.toString(16).padStart(8, '0')}` });
export const CT_STATE: DataType = bitmaskType('ct_state', 'conntrack state', 32, CT_STATES, 'Could not parse conntrack state', true);
export const CT_STATUS_TYPE: DataType = bitmaskType('ct_status', 'conntrack status', 32, CT_STATUS, 'Could not parse conntrack status', true);
export const CT_DIR: DataType = symbolType('ct_dir', 'conntrack direction', 8, { original: 0, reply: 1 }, 'Could not parse conntrack direction', true);
export const TCP_FLAG: DataType = bitmaskType('tcp_flag', 'TCP flag', 8, TCP_FLAGS, 'Could not parse TCP flag', false);
export const ICMP_TYPE: DataType = symbolType('icmp_type', 'ICMP type', 8, ICMP_TYPES, 'Could not parse ICMP type');
export const ICMP_CODE: DataType = symbolType('icmp_code', 'icmp code', 8, ICMP_CODES, 'Could not parse icmp code');
export const ICMP6_TYPE: DataType = symbolType('icmpv6_type', 'ICMPv6 type', 8, ICMP6_TYPES, 'Could not parse ICMPv6 type');
export const ICMP6_CODE: DataType = symbolType('icmpv6_code', 'icmpv6 code', 8, ICMP6_CODES, 'Could not parse icmpv6 code');
export const ICMPX_CODE: DataType = symbolType('icmpx_code', 'icmpx code', 8, ICMPX_CODES, 'Could not parse icmpx code');
export const PKT_TYPE: DataType = symbolType(
  'pkt_type',
  'packet type',
  8,
  { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 },
  'Could not parse packet type',
  true,
);
export const NF_PROTO: DataType = symbolType('nf_proto', 'netfilter protocol', 8, { ipv4: 2, ipv6: 10 }, 'Could not parse netfilter protocol', true);
export const DSCP_TYPE: DataType = symbolType(
  'dscp',
  'Differentiated Services Code Point',
  6,
  DSCP,
  'Could not parse Differentiated Services Code Point',
  false,
  2,
);
export const FIB_ADDRTYPE: DataType = symbolType('fib_addrtype', 'fib address type', 32, FIB_TYPES, 'Could not parse fib address type', true);
export const ETHER_TYPE: DataType = symbolType(
  'ether_type',
  'Ethernet protocol',
  16,
  { ip: 0x0800, arp: 0x0806, ip6: 0x86dd, vlan: 0x8100, '8021q': 0x8100, '8021ad': 0x88a8 },
  'Could not parse Ethernet protocol',
  false,
  4,
);
export const UID: DataType = { ...symbolType('uid', 'user ID', 32, { root: 0 }, 'User does not exist', true), format: (v) => String(v) };
export const GID: DataType = { ...symbolType('gid', 'group ID', 32, { root: 0 }, 'Group does not exist', true), format: (v) => String(v) };
export const BOOLEAN: DataType = symbolType('boolean', 'boolean type', 1, { exists: 1, missing: 0 }, 'Could not parse boolean type', true);
export const DEVGROUP: DataType = symbolType('devgroup', 'devgroup name', 32, { default: 0 }, 'Could not parse devgroup name', true);
export const INTEGER: DataType = integerType('integer', 'integer', 32, false);
export const HOST_INTEGER: DataType = integerType('integer', 'integer', 32, true);
export const PRIORITY: DataType = {
  ...integerType('classid', 'TC classid', 32, true),
  parse: (text) => {
    const match = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text);
    return match === null
      ? (ranged(text, 32) ?? { error: 'Could not parse TC classid' })
      : Number.parseInt(match[1] as string, 16) * 65536 + Number.parseInt(match[2] as string, 16);
  },
  format: (value) => `${((value as number) >>> 16).toString(16)}:${((value as number) & 0xffff).toString(16)}`,
};
export const TIME: DataType = {
  ...integerType('time', 'relative time', 64, true),
  parse: (text) => parseTime(text) ?? { error: 'Could not parse relative time' },
  format: (value) => formatTime(value as number),
};
export const IFNAME: DataType = {
  name: 'ifname',
  description: 'network interface name',
  bits: 128,
  hostOrder: true,
  parse: (text) => (text.length > 15 ? { error: 'Interface name too long' } : text),
  format: (value) => `"${value}"`,
};
/** Interfaces by index are kept by their name: within a netns both name the same device while it lives. */
export const IFINDEX: DataType = {
  ...IFNAME,
  name: 'iface_index',
  description: 'network interface index',
  bits: 32,
  format: (value) => (value === '' ? '0' : `"${value}"`),
};
export const ETHER_ADDR: DataType = {
  name: 'ether_addr',
  description: 'Ethernet address',
  bits: 48,
  parse: (text) =>
    /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)
      ? text.split(':').reduce((sum, part) => sum * 256 + Number.parseInt(part, 16), 0)
      : { error: 'Could not parse Ethernet address' },
  format: (value) => formatMacValue(value as number),
};
/** What a verdict map gives; it has no constants of its own. */
export const VERDICT: DataType = { ...INTEGER, name: 'verdict', description: 'netfilter verdict' };

export const sizedInteger = (bits: number, hostOrder = false): DataType => integerType('integer', bits === 32 ? 'integer' : 'integer', bits, hostOrder);

const NAMED: readonly DataType[] = [
  IPV4_ADDR,
  IPV6_ADDR,
  INET_SERVICE,
  INET_PROTO,
  MARK,
  CT_STATE,
  CT_STATUS_TYPE,
  CT_DIR,
  TCP_FLAG,
  ICMP_TYPE,
  ICMP_CODE,
  ICMP6_TYPE,
  ICMP6_CODE,
  ICMPX_CODE,
  PKT_TYPE,
  NF_PROTO,
  DSCP_TYPE,
  FIB_ADDRTYPE,
  ETHER_TYPE,
  ETHER_ADDR,
  UID,
  GID,
  BOOLEAN,
  DEVGROUP,
  TIME,
  IFNAME,
  IFINDEX,
  VERDICT,
];
const byName = new Map(NAMED.map((type) => [type.name, type]));

/** The type that `type NAME` means; plain integers have no width there and are refused, as in nft. */
export const findType = (name: string): DataType | undefined => byName.get(name);

/** The bytes of a value as the kernel keeps them, first to last. */
function bytesOf(value: NftValue, type: DataType): number[] {
  const length = Math.ceil(type.bits / 8);
  const bytes: number[] = new Array(length).fill(0);
  if (typeof value === 'string') {
    for (let i = 0; i < Math.min(length, value.length); i += 1) bytes[i] = value.charCodeAt(i) & 255;
    return bytes;
  }
  let rest = BigInt(value);
  for (let i = 0; i < length; i += 1) {
    bytes[type.hostOrder === true ? i : length - 1 - i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return bytes;
}

/**
 * Text that sorts as nft lists the elements of a set: single values by their size; concatenations (and strings) as one number whose last byte counts most.
 * nft: src/mergesort.c
 */
export function sortKey(values: readonly NftValue[], types: readonly DataType[]): string {
  const first = values[0];
  if (values.length === 1 && first !== undefined && typeof first !== 'string') return BigInt(first).toString(16).padStart(32, '0');
  const bytes = values.flatMap((value, i) => bytesOf(value, types[i] ?? INTEGER));
  return bytes
    .reverse()
    .map((b) => b.toString(16).padStart(2, '0'))
    .join('');
}
