/** IPv4 text and CIDR arithmetic as controllers and validation need them; addresses are unsigned 32-bit numbers. */

const dottedQuad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The address as a number in [0, 2^32), undefined when the text is no IPv4 address (leading zeros are refused, as Go does). */
export function parseIpv4(text: string): number | undefined {
  const match = dottedQuad.exec(text);
  if (match === null) return undefined;
  let address = 0;
  for (let i = 1; i <= 4; i += 1) {
    const part = match[i] ?? '';
    const value = Number(part);
    if (value > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    address = address * 256 + value;
  }
  return address;
}

export const formatIpv4 = (address: number): string =>
  `${Math.floor(address / 16777216) % 256}.${Math.floor(address / 65536) % 256}.${Math.floor(address / 256) % 256}.${address % 256}`;

const ipv6Pattern = /^[0-9a-fA-F:]+(?::\d{1,3}(?:\.\d{1,3}){3})?(?:%[\w.-]+)?$/;

/** Whether the text is an IPv6 address (RFC 4291 section 2.2), without a zone. */
export function isIpv6(text: string): boolean {
  if (text.length > 45 || !text.includes(':') || text.includes('%') || !ipv6Pattern.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = (part: string): number => {
    if (part === '') return 0;
    let count = 0;
    for (const group of part.split(':')) {
      if (group.includes('.')) {
        if (parseIpv4(group) === undefined) return 99;
        count += 2;
      } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) count += 1;
      else return 99;
    }
    return count;
  };
  const total = groups(halves[0] ?? '') + groups(halves[1] ?? '');
  return halves.length === 2 ? total < 8 : total === 8;
}

export const isIp = (text: string): boolean => parseIpv4(text) !== undefined || isIpv6(text);

export interface Cidr {
  /** First address of the range. */
  readonly base: number;
  readonly prefixLength: number;
  /** Number of addresses, a power of two up to 2^32. */
  readonly size: number;
}

/** Undefined when the text is no IPv4 CIDR. Host bits are cleared, as Go's ParseCIDR does for the network. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0 || !/^\d{1,2}$/.test(text.slice(slash + 1))) return undefined;
  const address = parseIpv4(text.slice(0, slash));
  const prefixLength = Number(text.slice(slash + 1));
  if (address === undefined || prefixLength > 32) return undefined;
  const size = 2 ** (32 - prefixLength);
  return { base: address - (address % size), prefixLength, size };
}

export const isCidr = (text: string): boolean => parseAnyCidr(text) !== undefined;

export const formatCidr = (cidr: Cidr): string => `${formatIpv4(cidr.base)}/${cidr.prefixLength}`;
export const contains = (cidr: Cidr, address: number): boolean => address >= cidr.base && address < cidr.base + cidr.size;
export const overlaps = (a: Cidr, b: Cidr): boolean => a.base < b.base + b.size && b.base < a.base + a.size;

/** A range of either family: its first address, and how many of its bits are fixed. */
interface AnyCidr {
  readonly bits: 32 | 128;
  readonly base: bigint;
  readonly prefixLength: number;
}

function parseIpv6(text: string): bigint | undefined {
  if (!isIpv6(text)) return undefined;
  const groupsOf = (half: string): readonly string[] =>
    half === ''
      ? []
      : half.split(':').flatMap((group) => {
          const embedded = parseIpv4(group);
          return embedded === undefined ? [group] : [Math.floor(embedded / 65536).toString(16), (embedded % 65536).toString(16)];
        });
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((address, group) => address * 65536n + BigInt(`0x${group}`), 0n);
}

function parseAnyCidr(text: string): AnyCidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const ip4 = parseIpv4(address);
  const bits = ip4 === undefined ? 128 : 32;
  const value = ip4 === undefined ? parseIpv6(address) : BigInt(ip4);
  const prefixLength = Number(length);
  if (value === undefined || prefixLength > bits) return undefined;
  const free = BigInt(bits - prefixLength);
  return { bits, base: (value >> free) << free, prefixLength };
}

/** Whether the one range lies inside the other and is smaller. */
export function isStrictSubset(inner: string, outer: string): boolean {
  const small = parseAnyCidr(inner);
  const large = parseAnyCidr(outer);
  if (small === undefined || large === undefined || small.bits !== large.bits || small.prefixLength <= large.prefixLength) return false;
  const free = BigInt(large.bits - large.prefixLength);
  return small.base >> free === large.base >> free;
}
