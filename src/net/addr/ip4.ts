/** IPv4 addresses and prefixes as signed 32-bit integers, which V8 keeps as small integers: parse, format, mask, contain. */
import type { Ip4 } from '../wire/packet.ts';

/** `address` keeps the host bits that were written; `network` has them cleared. */
export interface Cidr {
  readonly address: Ip4;
  readonly network: Ip4;
  readonly prefixLength: number;
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** The netmask of a prefix length 0..32 as an int32. */
export function maskOf(prefixLength: number): Ip4 {
  return prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) | 0;
}

/** Dotted-quad text with four decimal parts 0..255, no leading zeros, nothing else; undefined otherwise (as inet_pton). */
export function parseIp4(text: string): Ip4 | undefined {
  const length = text.length;
  if (length < 7 || length > 15) return undefined;
  let value = 0;
  let parts = 0;
  let part = 0;
  let digits = 0;
  for (let i = 0; i <= length; i += 1) {
    const code = i < length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (digits === 0 || parts === 4) return undefined;
      value = (value << 8) | part;
      parts += 1;
      part = 0;
      digits = 0;
      continue;
    }
    if (code < ZERO || code > NINE) return undefined;
    if (digits > 0 && part === 0) return undefined;
    part = part * 10 + (code - ZERO);
    digits += 1;
    if (part > 255) return undefined;
  }
  return parts === 4 ? value | 0 : undefined;
}

/**
 * The address of a text that was checked before (a record's).
 * @throws {Error} when it is no IPv4 address: our own mistake, never the user's.
 */
export function ip4(text: string): Ip4 {
  const value = parseIp4(text);
  if (value === undefined) throw new Error(`not an IPv4 address: ${JSON.stringify(text)}`);
  return value;
}

export function formatIp4(ip: Ip4): string {
  return `${(ip >>> 24) & 255}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/** `10.244.0.0/16`; a bare address is `/32`. Undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = parseIp4(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, network: address, prefixLength: 32 };
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]?)$/.test(lengthText)) return undefined;
  const prefixLength = Number(lengthText);
  if (prefixLength > 32) return undefined;
  return { address, network: address & maskOf(prefixLength), prefixLength };
}

/** @throws {Error} like `ip4`. */
export function cidr(text: string): Cidr {
  const value = parseCidr(text);
  if (value === undefined) throw new Error(`not an IPv4 prefix: ${JSON.stringify(text)}`);
  return value;
}

export function formatCidr(network: Ip4, prefixLength: number): string {
  return `${formatIp4(network)}/${prefixLength}`;
}

export function contains(network: Ip4, prefixLength: number, ip: Ip4): boolean {
  return ((ip ^ network) & maskOf(prefixLength)) === 0;
}

export const isLoopback = (ip: Ip4): boolean => ip >>> 24 === 127;
export const isMulticast = (ip: Ip4): boolean => (ip & 0xf0000000) >>> 0 === 0xe0000000;
export const isLimitedBroadcast = (ip: Ip4): boolean => ip === -1;
/** 0.0.0.0/8, "this network". */
export const isZeroNet = (ip: Ip4): boolean => ip >>> 24 === 0;
