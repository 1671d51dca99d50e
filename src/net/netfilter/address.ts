/** Addresses and masks as a rule's words have them, and the several that one word may hold. Linux: iptables, libxtables/xtables.c, xtables_ipparse_any */
import { bitsOf, formatIp, networkOf, parseIp } from '../addr/ip.ts';
import { maskOf, parseIp4 } from '../addr/ip4.ts';
import { maskOf6, parseIp6 } from '../addr/ip6.ts';
import type { Ip } from '../wire/packet.ts';
import type { Family, RuleError } from './definition.ts';
import { parseUnsigned } from './text.ts';

export interface MaskedAddress {
  readonly network: Ip;
  /** Of a mask with holes (`mask`): how many ones it begins with. */
  readonly prefixLength: number;
  /** A netmask that is no prefix, as int32: iptables takes one. */
  readonly mask?: number;
}

/** inet_aton() in the forms people write: four parts, or fewer, where the missing ones are zeros (`10.5` is 10.5.0.0). */
function parseHost(text: string, family: Family): Ip | undefined {
  if (family === 'ipv6') return parseIp6(text);
  if (/^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$/.test(text)) return parseIp4([...text.split('.'), '0', '0', '0'].slice(0, 4).join('.'));
  const ip = parseIp(text);
  return typeof ip === 'number' ? ip : undefined;
}

function lengthOfMask6(text: string): number | undefined {
  const mask = parseIp6(text);
  if (mask === undefined) return undefined;
  for (let length = 0; length <= 128; length += 1) if (maskOf6(length) === mask) return length;
  return undefined;
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`; host bits are cleared, as iptables does. */
export function parseAddress(text: string, family: Family): MaskedAddress | RuleError {
  const slash = text.indexOf('/');
  const hostText = slash < 0 ? text : text.slice(0, slash);
  const address = parseHost(hostText, family);
  if (address === undefined) return { error: `host/network \`${hostText}' not found` };
  if (slash < 0) return { network: address, prefixLength: bitsOf(address) };
  const lengthText = text.slice(slash + 1);
  if (typeof address === 'bigint') {
    const length = lengthOfMask6(lengthText) ?? parseUnsigned(lengthText, 128);
    return length === undefined ? { error: `invalid mask \`${lengthText}' specified` } : { network: networkOf(address, length), prefixLength: length };
  }
  const mask = parseIp4(lengthText);
  const length = mask === undefined ? parseUnsigned(lengthText, 32) : Math.clz32(~mask);
  if (length === undefined) return { error: `invalid mask \`${lengthText}' specified` };
  if (mask !== undefined && maskOf(length) !== mask) return { network: address & mask, prefixLength: length, mask };
  return { network: networkOf(address, length), prefixLength: length };
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.255.0`; `host` leaves a single address without its length, as `iptables -L` does. */
export function formatAddress(address: MaskedAddress, host: boolean): string {
  const { network, prefixLength, mask } = address;
  if (mask !== undefined) return `${formatIp(network)}/${formatIp(mask)}`;
  return host && prefixLength === bitsOf(network) ? formatIp(network) : `${formatIp(network)}/${prefixLength}`;
}
