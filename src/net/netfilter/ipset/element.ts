/** Elements of ipsets: read from the words a person types, and printed as ipset prints them. Linux: ipset, lib/parse.c, lib/print.c */
import { bitsOf, formatIp, networkOf, parseIp } from '../../addr/ip.ts';
import { formatMac } from '../../addr/mac.ts';
import type { Ip } from '../../wire/packet.ts';
import { formatProtocol, protocolOf, servicePort } from '../names.ts';
import { parseUnsigned } from '../text.ts';
import type { Dimension, IpSetType } from './type.ts';

export type SetFamily = 'inet' | 'inet6';

/** One part of an element. */
export type Part =
  | { readonly kind: 'ip'; readonly ip: Ip }
  | { readonly kind: 'net'; readonly network: Ip; readonly prefixLength: number }
  | { readonly kind: 'port'; readonly protocol: number; readonly port: number }
  | { readonly kind: 'iface'; readonly name: string; readonly physical: boolean }
  | { readonly kind: 'mac'; readonly mac: number }
  | { readonly kind: 'mark'; readonly mark: number }
  | { readonly kind: 'set'; readonly name: string };

/** ipset's sentence. */
export interface ElementError {
  readonly error: string;
}

/** How many elements a range may stand for (IPSET_MAX_RANGE). */
const MAX_RANGE = 65536;

/** Of ICMP the number is type and code. */
const ICMP_TYPES: ReadonlyMap<string, number> = new Map([
  ['echo-reply', 0],
  ['pong', 0],
  ['network-unreachable', 0x300],
  ['host-unreachable', 0x301],
  ['protocol-unreachable', 0x302],
  ['port-unreachable', 0x303],
  ['fragmentation-needed', 0x304],
  ['echo-request', 0x800],
  ['ping', 0x800],
  ['ttl-zero-during-transit', 0xb00],
  ['timestamp-request', 0xd00],
  ['timestamp-reply', 0xe00],
]);
const ICMP6_TYPES: ReadonlyMap<string, number> = new Map([
  ['no-route', 0x100],
  ['address-unreachable', 0x103],
  ['port-unreachable', 0x104],
  ['packet-too-big', 0x200],
  ['echo-request', 0x8000],
  ['ping', 0x8000],
  ['echo-reply', 0x8100],
  ['pong', 0x8100],
  ['neighbour-solicitation', 0x8700],
  ['neighbour-advertisement', 0x8800],
]);
const icmpNames = (protocol: number): ReadonlyMap<string, number> | undefined => (protocol === 1 ? ICMP_TYPES : protocol === 58 ? ICMP6_TYPES : undefined);
const WITH_PORTS = new Set([6, 17, 132, 136]);

/** A key that is equal exactly for equal elements; a set of single addresses is keyed by the address itself. */
export function keyOf(parts: readonly Part[]): string | Ip {
  if (parts.length === 1 && parts[0]?.kind === 'ip') return parts[0].ip;
  return parts.map(partKey).join('|');
}

function partKey(part: Part): string {
  switch (part.kind) {
    case 'ip':
      return String(part.ip);
    case 'net':
      return `${part.network}/${part.prefixLength}`;
    case 'port':
      return `${part.protocol}:${part.port}`;
    case 'iface':
      return part.physical ? `physdev:${part.name}` : part.name;
    case 'mac':
      return String(part.mac);
    case 'mark':
      return String(part.mark);
    case 'set':
      return part.name;
  }
}

/** `10.0.0.0/24,tcp:80`. */
export const formatElement = (parts: readonly Part[], type: IpSetType): string => parts.map((part) => formatPart(part, type)).join(',');

function formatPart(part: Part, type: IpSetType): string {
  switch (part.kind) {
    case 'ip':
      return formatIp(part.ip);
    case 'net':
      return part.prefixLength === bitsOf(part.network) ? formatIp(part.network) : `${formatIp(part.network)}/${part.prefixLength}`;
    case 'port':
      return type.name === 'bitmap:port' ? String(part.port) : `${formatProtocol(part.protocol)}:${formatPort(part.protocol, part.port)}`;
    case 'iface':
      return part.physical ? `physdev:${part.name}` : part.name;
    case 'mac':
      return formatMac(part.mac).toUpperCase();
    case 'mark':
      return `0x${part.mark.toString(16).padStart(8, '0')}`;
    case 'set':
      return part.name;
  }
}

function formatPort(protocol: number, port: number): string {
  const names = icmpNames(protocol);
  if (names === undefined) return String(port);
  for (const [name, value] of names) if (value === port) return name;
  return `${port >> 8}/${port & 255}`;
}

/** Reads `a,b,c`; a range or a prefix in a part that wants single values stands for all of them. */
export function parseElements(type: IpSetType, family: SetFamily, text: string): readonly (readonly Part[])[] | ElementError {
  const words = splitWords(type, text);
  const lists: (readonly Part[])[] = [];
  if (words.length < type.dimensions.length) return { error: `Syntax error: ${words.length === 1 ? 'Second' : 'Third'} element is missing from ${text}.` };
  for (const [i, dimension] of type.dimensions.entries()) {
    const word = words[i] as string;
    const parts = parsePart(dimension, family, word, type);
    if ('error' in parts) return parts;
    lists.push(parts);
  }
  if (words.length > type.dimensions.length) return { error: `Syntax error: Elem separator in ${text}, but settype ${type.name} supports none.` };
  let elements: (readonly Part[])[] = [[]];
  for (const parts of lists) {
    if (elements.length * parts.length > MAX_RANGE) return { error: `Range is too big: at most ${MAX_RANGE} elements` };
    elements = elements.flatMap((element) => parts.map((part) => [...element, part]));
  }
  return elements;
}

/** A part's own commas: none has any, but an IPv6 address may stand in brackets. */
const splitWords = (type: IpSetType, text: string): string[] => (type.dimensions.length === 1 ? [text] : text.split(','));

function parsePart(dimension: Dimension, family: SetFamily, word: string, type: IpSetType): readonly Part[] | ElementError {
  switch (dimension) {
    case 'ip':
      return parseIps(family, word);
    case 'net':
      return parseNets(family, word);
    case 'port':
      return parsePorts(word, type.name === 'bitmap:port');
    case 'iface': {
      const physical = word.startsWith('physdev:');
      const name = physical ? word.slice('physdev:'.length) : word;
      if (name === '' || name.length > 15) return { error: `Syntax error: interface name ${name} is longer than 15 characters` };
      return [{ kind: 'iface', name, physical }];
    }
    case 'mac': {
      const bytes = word.split(':');
      if (bytes.length !== 6 || !bytes.every((b) => /^[0-9a-f]{1,2}$/i.test(b))) return { error: `Syntax error: cannot parse ${word} as ethernet address` };
      return [{ kind: 'mac', mac: bytes.reduce((sum, b) => sum * 256 + Number.parseInt(b, 16), 0) }];
    }
    case 'mark': {
      const mark = parseUnsigned(word, 0xffffffff);
      return mark === undefined ? { error: `Syntax error: '${word}' is invalid as number` } : [{ kind: 'mark', mark }];
    }
    case 'set':
      return [{ kind: 'set', name: word }];
  }
}

function hostOf(family: SetFamily, word: string): Ip | ElementError {
  const text = /^\[.*\]$/.test(word) ? word.slice(1, -1) : word;
  const ip = parseIp(text);
  if (ip === undefined || (typeof ip === 'bigint') !== (family === 'inet6'))
    return { error: `Syntax error: cannot parse ${text}: resolving to ${family === 'inet6' ? 'IPv6' : 'IPv4'} address failed` };
  return ip;
}

/** The prefix behind a slash. */
function lengthOf(family: SetFamily, word: string): number | ElementError {
  const most = family === 'inet6' ? 128 : 32;
  const value = parseUnsigned(word, 0xffffffff);
  if (value === undefined) return { error: `Syntax error: '${word}' is invalid as number` };
  return value > most ? { error: `Syntax error: '${word}' is out of range 0-${most}` } : value;
}

interface Span {
  readonly from: Ip;
  readonly to: Ip;
}

/** `a`, `a/n` or `a-b` as first and last address; of IPv6 only single addresses may be asked for. */
function spanOf(family: SetFamily, word: string): Span | ElementError {
  const slash = word.indexOf('/');
  const dash = word.indexOf('-');
  if (slash >= 0) {
    const ip = hostOf(family, word.slice(0, slash));
    if (typeof ip === 'object') return ip;
    const length = lengthOf(family, word.slice(slash + 1));
    if (typeof length === 'object') return length;
    if (length === 0) return { error: 'The value of the CIDR parameter of the IP address is invalid' };
    const network = networkOf(ip, length);
    if (typeof network === 'bigint') return { from: network, to: network + (1n << BigInt(128 - length)) - 1n };
    return { from: network, to: network | (2 ** (32 - length) - 1) | 0 };
  }
  const from = hostOf(family, dash < 0 ? word : word.slice(0, dash));
  if (typeof from === 'object') return from;
  const to = dash < 0 ? from : hostOf(family, word.slice(dash + 1));
  return typeof to === 'object' ? to : { from, to };
}

function parseIps(family: SetFamily, word: string): readonly Part[] | ElementError {
  const span = spanOf(family, word);
  if ('error' in span) return span;
  if (typeof span.from === 'bigint' || typeof span.to === 'bigint') {
    if (span.from !== span.to) return { error: 'Range is not supported in the "net" component of the element' };
    return [{ kind: 'ip', ip: span.from }];
  }
  const [low, high] = span.from >>> 0 <= span.to >>> 0 ? [span.from >>> 0, span.to >>> 0] : [span.to >>> 0, span.from >>> 0];
  if (high - low >= MAX_RANGE) return { error: `Range is too big: at most ${MAX_RANGE} elements` };
  return Array.from({ length: high - low + 1 }, (_, i): Part => ({ kind: 'ip', ip: (low + i) | 0 }));
}

function parseNets(family: SetFamily, word: string): readonly Part[] | ElementError {
  if (word.includes('-') && family === 'inet') return netsOfRange(word);
  const slash = word.indexOf('/');
  const ip = hostOf(family, slash < 0 ? word : word.slice(0, slash));
  if (typeof ip === 'object') return ip;
  const length = slash < 0 ? bitsOf(ip) : lengthOf(family, word.slice(slash + 1));
  if (typeof length === 'object') return length;
  if (length === 0) return { error: 'The value of the CIDR parameter of the IP address is invalid' };
  return [{ kind: 'net', network: networkOf(ip, length), prefixLength: length }];
}

/** The fewest networks that make up a range of addresses. */
function netsOfRange(word: string): readonly Part[] | ElementError {
  const span = spanOf('inet', word);
  if ('error' in span) return span;
  let at = (span.from as number) >>> 0;
  const end = (span.to as number) >>> 0;
  const parts: Part[] = [];
  while (at <= end && parts.length < 64) {
    let length = 32;
    while (length > 1 && at % 2 ** (33 - length) === 0 && at + 2 ** (33 - length) - 1 <= end) length -= 1;
    parts.push({ kind: 'net', network: at | 0, prefixLength: length });
    at += 2 ** (32 - length);
  }
  return parts;
}

/** `80`, `tcp:80`, `udp:53-60`, `icmp:echo-request`. */
function parsePorts(word: string, bitmap: boolean): readonly Part[] | ElementError {
  const colon = word.indexOf(':');
  const protocolText = colon < 0 ? 'tcp' : word.slice(0, colon);
  const protocol = protocolOf(protocolText.toLowerCase()) ?? parseUnsigned(protocolText, 255);
  if (protocol === undefined || protocol === 0) return { error: `Syntax error: cannot parse '${protocolText}' as a protocol` };
  const text = colon < 0 ? word : word.slice(colon + 1);
  const names = icmpNames(protocol);
  if (names !== undefined) {
    const typeAndCode = /^([0-9]{1,3})\/([0-9]{1,3})$/.exec(text);
    const value = names.get(text) ?? (typeAndCode === null ? undefined : Number(typeAndCode[1]) * 256 + Number(typeAndCode[2]));
    return value === undefined ? { error: `Syntax error: cannot parse ${text} as a type/code` } : [{ kind: 'port', protocol, port: value }];
  }
  if (!bitmap && !WITH_PORTS.has(protocol)) {
    return text === '0'
      ? [{ kind: 'port', protocol, port: 0 }]
      : { error: `Syntax error: Protocol ${protocolText} can be used with pseudo port value 0 only.` };
  }
  const dash = text.indexOf('-');
  const ports: number[] = [];
  for (const part of dash < 0 ? [text] : [text.slice(0, dash), text.slice(dash + 1)]) {
    const port = servicePort(part) ?? parseUnsigned(part, 65535);
    if (port === undefined) {
      const why = parseUnsigned(part, 0xffffffff) === undefined ? `'${part}' is invalid as number` : `'${part}' is out of range 0-65535`;
      return { error: `Syntax error: ${why}\nSyntax error: '${protocolText}' is invalid as number\ncannot parse '${part}' as a ${protocolText} port` };
    }
    ports.push(port);
  }
  const [from, to = from] = ports as [number, number?];
  const [low, high] = from <= to ? [from, to] : [to, from];
  return Array.from({ length: high - low + 1 }, (_, i): Part => ({ kind: 'port', protocol: bitmap ? 0 : protocol, port: low + i }));
}
