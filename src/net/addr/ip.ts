/** Addresses of either family: an IPv4 one is an int32 number, an IPv6 one a 128-bit bigint; `typeof` tells them apart. */
import type { Ip } from '../wire/packet.ts';
import { contains, formatIp4, isLimitedBroadcast, isLoopback, isMulticast, maskOf, parseIp4 } from './ip4.ts';
import { contains6, formatIp6, isLinkLocal6, isMulticast6, LOOPBACK6, maskOf6, parseIp6 } from './ip6.ts';

/** A prefix of either family: `address` keeps the host bits that were written, `network` has them cleared. */
export interface IpPrefix {
  readonly address: Ip;
  readonly network: Ip;
  readonly prefixLength: number;
}

export const isIp6 = (ip: Ip): ip is bigint => typeof ip === 'bigint';
export const sameFamily = (a: Ip, b: Ip): boolean => typeof a === typeof b;
/** 32 or 128. */
export const bitsOf = (ip: Ip): 32 | 128 => (typeof ip === 'bigint' ? 128 : 32);

/** Dotted quad or any text form of an IPv6 address, without a zone; undefined for anything else. */
export const parseIp = (text: string): Ip | undefined => (text.includes(':') ? parseIp6(text) : parseIp4(text));

/**
 * The address of a text that was checked before (a record's).
 * @throws {Error} when it is no address: our own mistake, never the user's.
 */
export function ipOf(text: string): Ip {
  const value = parseIp(text);
  if (value === undefined) throw new Error(`not an IP address: ${JSON.stringify(text)}`);
  return value;
}

export const formatIp = (ip: Ip): string => (typeof ip === 'bigint' ? formatIp6(ip) : formatIp4(ip));

/** `10.244.0.0/16` or `fd00:10:244::/56`; a bare address is a host's prefix. Undefined for anything else. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = bitsOf(address);
  if (slash < 0) return { address, network: address, prefixLength: bits };
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const prefixLength = Number(lengthText);
  return prefixLength > bits ? undefined : { address, network: networkOf(address, prefixLength), prefixLength };
}

/** @throws {Error} like `ipOf`. */
export function prefixOf(text: string): IpPrefix {
  const value = parseIpPrefix(text);
  if (value === undefined) throw new Error(`not an IP prefix: ${JSON.stringify(text)}`);
  return value;
}

export const formatPrefix = (network: Ip, prefixLength: number): string => `${formatIp(network)}/${prefixLength}`;

/** The address with its host bits cleared. */
export const networkOf = (ip: Ip, prefixLength: number): Ip => (typeof ip === 'bigint' ? ip & maskOf6(prefixLength) : ip & maskOf(prefixLength));

/** False where the families differ. */
export function inPrefix(network: Ip, prefixLength: number, ip: Ip): boolean {
  if (typeof ip === 'bigint') return typeof network === 'bigint' && contains6(network, prefixLength, ip);
  return typeof network === 'number' && contains(network, prefixLength, ip);
}

/** 0.0.0.0 or `::`. */
export const isUnspecified = (ip: Ip): boolean => ip === 0 || ip === 0n;
export const isLoopbackIp = (ip: Ip): boolean => (typeof ip === 'bigint' ? ip === LOOPBACK6 : isLoopback(ip));
export const isMulticastIp = (ip: Ip): boolean => (typeof ip === 'bigint' ? isMulticast6(ip) : isMulticast(ip));
export const isLinkLocalIp = (ip: Ip): boolean => typeof ip === 'bigint' && isLinkLocal6(ip);
export const isBroadcastIp = (ip: Ip): boolean => typeof ip === 'number' && isLimitedBroadcast(ip);

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export const formatEndpoint = (ip: Ip, port: number): string => (typeof ip === 'bigint' ? `[${formatIp6(ip)}]:${port}` : `${formatIp4(ip)}:${port}`);

/** An int32 for hash tables; of an IPv4 address it is the address. */
export const ipHash = (ip: Ip): number => (typeof ip === 'number' ? ip : Number(BigInt.asIntN(32, ip ^ (ip >> 32n) ^ (ip >> 64n) ^ (ip >> 96n))));

/** Orders addresses as numbers, IPv4 first. */
export function compareIp(a: Ip, b: Ip): number {
  if (typeof a === 'number') return typeof b === 'number' ? (a >>> 0) - (b >>> 0) : -1;
  if (typeof b === 'number') return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
