/** IPv6 addresses as 128-bit bigints: parse, format as RFC 5952 says, mask, and the addresses that are made from others. */
import type { Ip6, Mac } from '../wire/packet.ts';

export const IP6_BITS = 128;
/** `::` and `::1`. */
export const UNSPECIFIED6: Ip6 = 0n;
export const LOOPBACK6: Ip6 = 1n;
/** ff02::1 and ff02::2. */
export const ALL_NODES6: Ip6 = 0xff020000000000000000000000000001n;
export const ALL_ROUTERS6: Ip6 = 0xff020000000000000000000000000002n;

const ALL_ONES = (1n << 128n) - 1n;
const MASKS: readonly Ip6[] = Array.from({ length: IP6_BITS + 1 }, (_, length) => (ALL_ONES << BigInt(IP6_BITS - length)) & ALL_ONES);

/** The netmask of a prefix length 0..128. */
export const maskOf6 = (prefixLength: number): Ip6 => MASKS[prefixLength] as Ip6;

/** Any text form of RFC 4291 section 2.2 without a zone; undefined for anything else (as inet_pton). */
export function parseIp6(text: string): Ip6 | undefined {
  if (text.length < 2 || text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const gap = text.indexOf('::');
  if (gap >= 0 && text.indexOf('::', gap + 1) >= 0) return undefined;
  const head = groups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const tail = gap < 0 ? [] : groups(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of head) value = (value << 16n) | BigInt(group);
  value <<= BigInt(16 * Math.max(0, missing));
  for (const group of tail) value = (value << 16n) | BigInt(group);
  return value;
}

function groups(text: string, mayEndInIp4: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      if (!mayEndInIp4 || i !== parts.length - 1 || !/^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/.test(part)) return undefined;
      const quad = part.split('.').map(Number);
      if (quad.some((byte) => byte > 255)) return undefined;
      out.push(((quad[0] as number) << 8) | (quad[1] as number), ((quad[2] as number) << 8) | (quad[3] as number));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out;
}

const groupAt = (ip: Ip6, index: number): number => Number((ip >> BigInt(112 - 16 * index)) & 0xffffn);

/** RFC 5952: lower case, the first longest run of at least two zero groups as `::`; v4-mapped and v4-compatible addresses end in dotted form, as inet_ntop() writes them. */
export function formatIp6(ip: Ip6): string {
  if (isV4Mapped(ip)) return `::ffff:${dotted(Number(ip & 0xffffffffn))}`;
  if (ip >> 32n === 0n && ip > 0xffffn) return `::${dotted(Number(ip))}`;
  const all: number[] = [];
  for (let i = 0; i < 8; i += 1) all.push(groupAt(ip, i));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let run = 0;
    while (i + run < 8 && all[i + run] === 0) run += 1;
    if (run > length) {
      start = i;
      length = run;
    }
    i += run + 1;
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(all) : `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`;
}

const dotted = (ip: number): string => `${(ip >>> 24) & 255}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;

export function ip6ToBytes(ip: Ip6): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 8; i += 1) {
    const group = groupAt(ip, i);
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 255;
  }
  return bytes;
}

/** Sixteen bytes from `at` on; missing ones count as zero. */
export function ip6FromBytes(bytes: Uint8Array, at = 0): Ip6 {
  let ip = 0n;
  for (let i = 0; i < 16; i += 1) ip = (ip << 8n) | BigInt(bytes[at + i] ?? 0);
  return ip;
}

export const contains6 = (network: Ip6, prefixLength: number, ip: Ip6): boolean => ((ip ^ network) & maskOf6(prefixLength)) === 0n;

export const isMulticast6 = (ip: Ip6): boolean => ip >> 120n === 0xffn;
/** fe80::/10 */
export const isLinkLocal6 = (ip: Ip6): boolean => ip >> 118n === 0x3fan;
/** fec0::/10, deprecated by RFC 3879. */
export const isSiteLocal6 = (ip: Ip6): boolean => ip >> 118n === 0x3fbn;
/** ::ffff:0:0/96, how a dual-stack socket names an IPv4 address. */
export const isV4Mapped = (ip: Ip6): boolean => ip >> 32n === 0xffffn;

/** The scope field of a multicast address (RFC 4291 section 2.7): 1 interface, 2 link, 5 site, 14 global. */
export const multicastScope6 = (ip: Ip6): number => Number((ip >> 112n) & 15n);

/** ff02::1:ff00:0/104 and the low 24 bits of the address: where its solicitations go (RFC 4291 section 2.7.1). */
export const solicitedNode = (ip: Ip6): Ip6 => 0xff0200000000000000000001ff000000n | (ip & 0xffffffn);

/** 33:33 and the low 32 bits (RFC 2464 section 7). */
export const multicastMac6 = (ip: Ip6): Mac => 0x333300000000 + Number(ip & 0xffffffffn);

/** The interface identifier of a MAC: the universal bit turned, ff:fe in the middle (RFC 4291 appendix A). */
export function eui64(mac: Mac): Ip6 {
  const high = BigInt(Math.floor(mac / 0x1000000)) ^ 0x020000n;
  return (high << 40n) | (0xfffen << 24n) | BigInt(mac % 0x1000000);
}

export const linkLocalOf = (mac: Mac): Ip6 => (0xfe80n << 112n) | eui64(mac);
