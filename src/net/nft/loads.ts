/** What nft's expressions read from a packet and the kernel around it, compiled into closures. Linux: net/netfilter/nft_payload.c, nft_meta.c, nft_ct.c, nft_fib.c, nft_numgen.c */
import { isIp6 } from '../addr/ip.ts';
import type { Connection } from '../conntrack/connection.ts';
import { PREROUTING } from '../netfilter/hook.ts';
import type { HookContext } from '../netfilter/hook-context.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_UNTRACKED, type Skb } from '../stack/skb.ts';
import { ipBytes, transportBytes } from '../wire/lengths.ts';
import type { Ip } from '../wire/packet.ts';
import type { ExprOf } from './ast.ts';
import { FIB_TYPES, type NftValue } from './datatype.ts';

/** One packet's visit to the chains of nftables. Reused from visit to visit. */
export interface NftVisit {
  skb: Skb;
  readonly hooks: HookContext;
  readonly netns: NetnsState;
  /** Numbers that the rule keeps: two for each statement with state, then one for each counting generator. */
  numbers: number[];
}

/** Undefined: not there, and the rule does not match. */
export type Load = (visit: NftVisit) => NftValue | undefined;

/** An address as values have it: IPv4 unsigned. */
export const addressValue = (ip: Ip): NftValue => (typeof ip === 'number' ? ip >>> 0 : ip);
/** And back. */
export const addressOf = (value: NftValue): Ip => (typeof value === 'number' ? value | 0 : (value as bigint));

const v4 =
  (get: (skb: Skb) => number): Load =>
  ({ skb }) =>
    isIp6(skb.dst) ? undefined : get(skb);
const v6 =
  (get: (skb: Skb) => NftValue): Load =>
  ({ skb }) =>
    isIp6(skb.dst) ? get(skb) : undefined;
/** Behind the IP header of a packet (or first fragment) of this protocol; 0 = any with ports. */
const l4 =
  (protocol: number, get: (skb: Skb) => number | undefined): Load =>
  ({ skb }) =>
    skb.fragmentOffset > 0 || (protocol === 0 ? !hasPorts(skb.protocol) : skb.protocol !== protocol) ? undefined : get(skb);

const hasPorts = (protocol: number): boolean => protocol === 6 || protocol === 17 || protocol === 132 || protocol === 33 || protocol === 136;
const ports = (protocol: number): Readonly<Record<string, Load>> => ({ sport: l4(protocol, (s) => s.sport), dport: l4(protocol, (s) => s.dport) });
const icmp = (protocol: number): Readonly<Record<string, Load>> => ({
  type: l4(protocol, (s) => s.icmp?.type),
  code: l4(protocol, (s) => s.icmp?.code),
  id: l4(protocol, (s) => s.icmp?.id),
  sequence: l4(protocol, (s) => s.icmp?.sequence),
  mtu: l4(protocol, (s) => s.icmp?.mtu),
});

const PAYLOADS: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  ether: { saddr: ({ skb }) => skb.ethSrc, daddr: ({ skb }) => skb.ethDst, type: ({ skb }) => skb.etherType },
  ip: {
    version: v4(() => 4),
    hdrlength: v4(() => 5),
    dscp: v4((s) => s.tos >> 2),
    ecn: v4((s) => s.tos & 3),
    length: v4((s) => ipBytes(s)),
    id: v4((s) => s.ipId),
    'frag-off': v4((s) => (s.dontFragment ? 0x4000 : 0) | (s.moreFragments ? 0x2000 : 0) | (s.fragmentOffset >> 3)),
    ttl: v4((s) => s.ttl),
    protocol: v4((s) => s.protocol),
    saddr: ({ skb }) => (typeof skb.src === 'number' ? skb.src >>> 0 : undefined),
    daddr: ({ skb }) => (typeof skb.dst === 'number' ? skb.dst >>> 0 : undefined),
  },
  ip6: {
    version: v6(() => 6),
    dscp: v6((s) => s.tos >> 2),
    ecn: v6((s) => s.tos & 3),
    length: v6((s) => ipBytes(s) - 40),
    nexthdr: v6((s) => s.protocol),
    hoplimit: v6((s) => s.ttl),
    saddr: ({ skb }) => (typeof skb.src === 'bigint' ? skb.src : undefined),
    daddr: ({ skb }) => (typeof skb.dst === 'bigint' ? skb.dst : undefined),
  },
  tcp: {
    ...ports(6),
    sequence: l4(6, (s) => s.tcp?.seq),
    ackseq: l4(6, (s) => s.tcp?.ack),
    flags: l4(6, (s) => s.tcp?.flags),
    window: l4(6, (s) => s.tcp?.window),
  },
  udp: { ...ports(17), length: l4(17, (s) => transportBytes(s)) },
  udplite: ports(136),
  sctp: ports(132),
  dccp: ports(33),
  th: ports(0),
  icmp: icmp(1),
  icmpv6: icmp(58),
};

const NOTHING: Load = () => undefined;

export const loadPayload = (proto: string, field: string): Load => PAYLOADS[proto]?.[field] ?? NOTHING;

const METAS: Readonly<Record<string, Load>> = {
  length: ({ skb }) => ipBytes(skb),
  protocol: ({ skb }) => (isIp6(skb.dst) ? 0x86dd : 0x0800),
  priority: () => 0,
  mark: ({ skb }) => skb.mark,
  iif: ({ hooks }) => hooks.inDevice,
  iifname: ({ hooks }) => hooks.inDevice,
  oif: ({ hooks }) => hooks.outDevice,
  oifname: ({ hooks }) => hooks.outDevice,
  iiftype: ({ hooks }) => (hooks.inDevice === 'lo' ? 772 : 1),
  oiftype: ({ hooks }) => (hooks.outDevice === 'lo' ? 772 : 1),
  // Only what a socket of this netns sends has an owner. Linux: net/netfilter/nft_meta.c, nft_meta_get_eval_skugid
  skuid: ({ hooks }) => hooks.owner()?.uid,
  skgid: ({ hooks }) => hooks.owner()?.gid,
  nftrace: () => 0,
  rtclassid: () => 0,
  pkttype: ({ skb }) => skb.packetType,
  cpu: () => 0,
  iifgroup: ({ hooks }) => (hooks.inDevice === '' ? undefined : 0),
  oifgroup: ({ hooks }) => (hooks.outDevice === '' ? undefined : 0),
  cgroup: () => 0,
  random: ({ hooks }) => hooks.uint32(),
  nfproto: ({ skb }) => (isIp6(skb.dst) ? 10 : 2),
  l4proto: ({ skb }) => skb.protocol,
};

export const loadMeta = (key: string): Load => METAS[key] ?? NOTHING;

function stateBit(skb: Skb): number {
  switch (skb.ctState) {
    case CT_NEW:
      return 8;
    case CT_ESTABLISHED:
      return 2;
    case CT_RELATED:
      return 4;
    case CT_UNTRACKED:
      return 64;
    default:
      return 1;
  }
}

function statusBits(c: Connection): number {
  return (c.seenReply ? 2 : 0) | (c.assured ? 4 : 0) | (c.confirmed ? 8 : 0) | (c.sourceNat ? 16 : 0) | (c.destinationNat ? 32 : 0) | (c.dead ? 512 : 0);
}

const ct =
  (get: (c: Connection, visit: NftVisit) => NftValue | undefined): Load =>
  (visit) => {
    const c = visit.skb.connection;
    return c === undefined ? undefined : get(c, visit);
  };

export function loadConntrack(e: ExprOf<'ct'>): Load {
  const reply = e.direction === 'reply';
  const tuple = (c: Connection): Connection['original'] => (reply ? c.reply : c.original);
  const address = (six: boolean, pick: (t: Connection['original']) => Ip): Load =>
    ct((c) => {
      const ip = pick(tuple(c));
      return isIp6(ip) === six ? addressValue(ip) : undefined;
    });
  switch (e.key) {
    case 'state':
      return ({ skb }) => stateBit(skb);
    case 'direction':
      return ct((_c, { skb }) => (skb.ctReply ? 1 : 0));
    case 'status':
      return ct(statusBits);
    case 'mark':
      return ct((c) => c.mark);
    case 'expiration':
      return ct((c, { hooks }) => Math.max(0, Math.floor((c.expiresNs - hooks.nowNs) / 1e6)));
    case 'l3proto':
      return ct((c) => (isIp6(c.original.src) ? 10 : 2));
    case 'protocol':
      return ct((c) => c.protocol);
    case 'ip saddr':
      return address(false, (t) => t.src);
    case 'ip daddr':
      return address(false, (t) => t.dst);
    case 'ip6 saddr':
      return address(true, (t) => t.src);
    case 'ip6 daddr':
      return address(true, (t) => t.dst);
    case 'proto-src':
      return ct((c) => tuple(c).sport);
    case 'proto-dst':
      return ct((c) => tuple(c).dport);
    case 'bytes':
      return ct((c) => c.bytes);
    case 'packets':
      return ct((c) => c.packets);
    case 'id':
      return ct((c) => c.serial);
    default:
      return NOTHING;
  }
}

export function loadFib(e: ExprOf<'fib'>): Load {
  const source = e.flags.includes('saddr');
  const byIn = e.flags.includes('iif');
  const byOut = e.flags.includes('oif');
  if (e.result === 'type') {
    return ({ skb, hooks }) => {
      const device = byIn ? hooks.inDevice : byOut ? hooks.outDevice : undefined;
      return FIB_TYPES[hooks.addressType(source ? skb.src : skb.dst, device).toLowerCase()];
    };
  }
  return ({ skb, hooks, netns }) => {
    // What a host sends to itself has been routed already.
    if (source && hooks.hook === PREROUTING && hooks.inDevice === 'lo') return 'lo';
    const route = netns.fib.find(source ? skb.src : skb.dst);
    const device = route?.device?.name ?? '';
    if (byIn && device !== hooks.inDevice) return '';
    return byOut && device !== hooks.outDevice ? '' : device;
  };
}

/** Scales 32 random bits to 0..modulus-1, as the kernel's reciprocal_scale(). */
export const scale = (random: number, modulus: number): number => Math.floor((random * modulus) / 4294967296);

export function loadNumgen(e: ExprOf<'numgen'>, slot: number): Load {
  const { modulus, offset } = e;
  if (e.mode === 'random') return ({ hooks }) => scale(hooks.uint32(), modulus) + offset;
  return ({ numbers }) => {
    // The kernel starts one before zero.
    const next = ((numbers[slot] ?? modulus - 1) + 1) % modulus;
    numbers[slot] = next;
    return next + offset;
  };
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** Bob Jenkins' lookup3 over 32-bit words, as the kernel's jhash(). */
export function jhash(words: readonly number[], seed: number): number {
  let a = (0xdeadbeef + words.length * 4 + seed) | 0;
  let b = a;
  let c = a;
  let i = 0;
  while (words.length - i > 3) {
    a = (a + (words[i] as number)) | 0;
    b = (b + (words[i + 1] as number)) | 0;
    c = (c + (words[i + 2] as number)) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
    i += 3;
  }
  const left = words.length - i;
  if (left >= 3) c = (c + (words[i + 2] as number)) | 0;
  if (left >= 2) b = (b + (words[i + 1] as number)) | 0;
  if (left < 1) return c >>> 0;
  a = (a + (words[i] as number)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

const swap = (x: number): number => (x >>> 24) | ((x >>> 8) & 0xff00) | ((x << 8) & 0xff0000) | (x << 24) | 0;

/** A value as the words of the kernel's registers on a little-endian machine. */
export function registerWords(value: NftValue, bits: number, hostOrder: boolean): number[] {
  if (typeof value === 'bigint') return [96n, 64n, 32n, 0n].map((shift) => swap(Number((value >> shift) & 0xffffffffn)));
  if (typeof value === 'string') {
    const words = [0, 0, 0, 0];
    for (let i = 0; i < Math.min(16, value.length); i += 1) words[i >> 2] = (words[i >> 2] as number) | (value.charCodeAt(i) << (8 * (i & 3)));
    return words;
  }
  if (hostOrder || bits <= 8) return [value | 0];
  return bits <= 16 ? [((value & 255) << 8) | (value >> 8)] : [swap(value)];
}
