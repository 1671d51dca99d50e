/** Ranges of addresses that a load balancer gives out, and the choice of a free one. MetalLB: internal/config/config.go, internal/allocator/allocator.go. */
import { bitsOf, formatIp, parseIp, parseIpPrefix } from '../../../net/addr/ip.ts';
import type { Ip } from '../../../net/wire/packet.ts';

export interface PoolRange {
  readonly six: boolean;
  readonly first: bigint;
  readonly last: bigint;
}

const numberOf = (ip: Ip): bigint => (typeof ip === 'bigint' ? ip : BigInt(ip >>> 0));
const textOf = (number: bigint, six: boolean): string => formatIp(six ? number : Number(number) | 0);

/** `172.30.9.0/28` or `172.30.9.1-172.30.9.20`, of either family; undefined for anything else. */
export function parsePoolRange(text: string): PoolRange | undefined {
  const dash = text.indexOf('-');
  if (dash >= 0) {
    const [from, to] = [parseIp(text.slice(0, dash).trim()), parseIp(text.slice(dash + 1).trim())];
    if (from === undefined || to === undefined || typeof from !== typeof to) return undefined;
    const range = { six: typeof from === 'bigint', first: numberOf(from), last: numberOf(to) };
    return range.first <= range.last ? range : undefined;
  }
  const prefix = text.includes('/') ? parseIpPrefix(text.trim()) : undefined;
  if (prefix === undefined) return undefined;
  const first = numberOf(prefix.network);
  return { six: typeof prefix.network === 'bigint', first, last: first + (1n << BigInt(bitsOf(prefix.network) - prefix.prefixLength)) - 1n };
}

export function rangeHolds(range: PoolRange, text: string): boolean {
  const ip = parseIp(text);
  return ip !== undefined && (typeof ip === 'bigint') === range.six && numberOf(ip) >= range.first && numberOf(ip) <= range.last;
}

export const poolHolds = (addresses: readonly string[], ip: string): boolean =>
  addresses.some((text) => {
    const range = parsePoolRange(text);
    return range !== undefined && rangeHolds(range, ip);
  });

/** The first free address of the family. Bounded by the number of used ones, and of those left out. */
export function chooseFrom(addresses: readonly string[], family: string, used: ReadonlySet<string>, avoidBuggy: boolean): string | undefined {
  for (const text of addresses) {
    const range = parsePoolRange(text);
    if (range === undefined || range.six !== (family === 'IPv6')) continue;
    const tries = BigInt(used.size * 2 + 4);
    for (let i = 0n; i < tries && range.first + i <= range.last; i += 1n) {
      const number = range.first + i;
      const low = number & 255n;
      if (avoidBuggy && !range.six && (low === 0n || low === 255n)) continue;
      const address = textOf(number, range.six);
      if (!used.has(address)) return address;
    }
  }
  return undefined;
}
