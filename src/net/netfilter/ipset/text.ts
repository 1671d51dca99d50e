/** What ipset reads and prints beside elements: headers, entries with their extensions, and its sentences. Linux: ipset, lib/print.c, src/ipset.c, lib/errcode.c */
import { formatIp, networkOf, parseIp } from '../../addr/ip.ts';
import type { IpSet, IpSetEntry } from '../../records.ts';
import { parseUnsigned } from '../text.ts';
import { type Part, parseElements } from './element.ts';
import { findIpSetType, type IpSetType, ipSetTypeOf } from './type.ts';

/** A sentence; `usage`: with the hint how to get help, and exit code 2. */
export interface IpSetError {
  readonly error: string;
  readonly usage?: true;
}

const usage = (error: string): IpSetError => ({ error, usage: true });
const MAX_TIMEOUT = 2147483;
const MAX_NAME = 31;
const number = (text: string, max: number): number | IpSetError => {
  const value = parseUnsigned(text, 0xffffffff);
  if (value === undefined) return { error: `Syntax error: '${text}' is invalid as number` };
  return value > max ? { error: `Syntax error: '${text}' is out of range 0-${max}` } : value;
};

export const nameError = (name: string): IpSetError | undefined =>
  name.length > MAX_NAME ? { error: `Syntax error: setname '${name}' is longer than ${MAX_NAME} characters` } : undefined;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Header = Omit<IpSet, 'kind' | 'id' | 'origin' | 'netns' | 'name' | 'entries'>;

/** The next power of two, as the kernel makes a hash of; at least 64. */
const hashSize = (wanted: number): number => Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))));

/** `create NAME TYPE …`: the words behind the type. */
export function parseCreate(typeName: string, words: readonly string[]): Header | IpSetError {
  const type = findIpSetType(typeName);
  if (type === undefined) return { error: `Syntax error: typename '${typeName}' is unknown` };
  const hash = type.name.startsWith('hash:');
  const header: Mutable<Header> = {
    type: type.name,
    family: 'inet',
    ...(hash ? { hashsize: 1024, maxelem: 65536 } : type.name === 'list:set' ? { size: 8 } : {}),
  };
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    if (word === 'counters') header.counters = true;
    else if (word === 'comment') header.comment = true;
    else if (hash && word === '-6') header.family = 'inet6';
    else if (hash && word === '-4') header.family = 'inet';
    else if (['forceadd', 'skbinfo', 'bucketsize', 'initval', 'markmask'].includes(word)) {
      if (word !== 'forceadd' && word !== 'skbinfo') i += 1;
    } else {
      const value = words[i + 1];
      i += 1;
      const error = createOption(header, type, word, value);
      if (error !== undefined) return error;
    }
  }
  if (type.name.startsWith('bitmap:') && header.range === undefined) return usage("Mandatory option `range' is missing");
  return header;
}

function createOption(header: Mutable<Header>, type: IpSetType, word: string, value: string | undefined): IpSetError | undefined {
  const hash = type.name.startsWith('hash:');
  const known =
    word === 'timeout' ||
    (hash && ['family', 'hashsize', 'maxelem'].includes(word)) ||
    (word === 'netmask' && (type.name === 'hash:ip' || type.name === 'bitmap:ip')) ||
    (word === 'range' && type.name.startsWith('bitmap:')) ||
    (word === 'size' && type.name === 'list:set');
  if (!known) return usage(`Unknown argument: \`${word}'`);
  if (value === undefined) return usage(`Missing mandatory argument of option \`${word}'`);
  if (word === 'family') {
    const family = value === 'inet6' || value === 'ipv6' ? 'inet6' : value === 'inet' || value === 'ipv4' ? 'inet' : undefined;
    if (family === undefined) return { error: `Syntax error: unknown INET family ${value}` };
    header.family = family;
    return undefined;
  }
  if (word === 'range') return parseBitmapRange(header, type, value);
  const max = word === 'timeout' ? MAX_TIMEOUT : word === 'netmask' ? (header.family === 'inet6' ? 128 : 32) : 0xffffffff;
  const parsed = number(value, max);
  if (typeof parsed !== 'number') return parsed;
  if (word === 'timeout') header.timeoutSeconds = parsed;
  else if (word === 'hashsize') header.hashsize = hashSize(parsed);
  else if (word === 'maxelem') header.maxelem = parsed;
  else if (word === 'netmask') header.netmask = parsed;
  else header.size = parsed;
  return undefined;
}

function parseBitmapRange(header: Mutable<Header>, type: IpSetType, value: string): IpSetError | undefined {
  const elements = parseElements(type, 'inet', value);
  if ('error' in elements) return elements;
  const shown = (part: Part | undefined): string => (part?.kind === 'ip' ? formatIp(part.ip) : part?.kind === 'port' ? String(part.port) : '');
  header.range = `${shown(elements[0]?.[0])}-${shown(elements.at(-1)?.[0])}`;
  return undefined;
}

/** Of an `add`, `del` or `test` line: one or several elements, and what goes with them. */
export interface ParsedEntry {
  readonly elements: readonly (readonly Part[])[];
  readonly extension: Omit<IpSetEntry, 'element'>;
  /** list:set: where it goes. */
  readonly before?: string;
  readonly after?: string;
}

export function parseEntry(set: IpSet, text: string, words: readonly string[]): ParsedEntry | IpSetError {
  const type = ipSetTypeOf(set.type);
  const elements = parseElements(type, set.family, text);
  if ('error' in elements) return elements;
  const extension: Mutable<Omit<IpSetEntry, 'element'>> = {};
  let before: string | undefined;
  let after: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    if (word === 'nomatch') {
      extension.nomatch = true;
      continue;
    }
    if (!['timeout', 'packets', 'bytes', 'comment', 'before', 'after', 'skbmark', 'skbprio', 'skbqueue'].includes(word))
      return usage(`Unknown argument: \`${word}'`);
    const value = words[i + 1];
    i += 1;
    if (value === undefined) return usage(`Missing mandatory argument of option \`${word}'`);
    if (word === 'comment') {
      if (value.includes('"')) return { error: 'Syntax error: " character is not permitted in comments' };
      extension.comment = value.slice(0, 255);
    } else if (word === 'before') before = value;
    else if (word === 'after') after = value;
    else if (!word.startsWith('skb')) {
      const parsed = number(value, word === 'timeout' ? MAX_TIMEOUT : 0xffffffff);
      if (typeof parsed !== 'number') return parsed;
      if (word === 'timeout') extension.timeoutSeconds = parsed;
      else if (word === 'packets') extension.packets = parsed;
      else extension.bytes = parsed;
    }
  }
  if (extension.timeoutSeconds !== undefined && set.timeoutSeconds === undefined)
    return { error: 'Timeout cannot be used: set was created without timeout support' };
  if ((extension.packets !== undefined || extension.bytes !== undefined) && set.counters !== true)
    return { error: 'Packet/byte counters cannot be used: set was created without counter support' };
  if (extension.comment !== undefined && set.comment !== true) return { error: 'Comment cannot be used: set was created without comment support' };
  const wrong = elements.map((parts) => elementError(set, parts)).find((error) => error !== undefined);
  if (wrong !== undefined) return { error: wrong };
  const masked = set.netmask === undefined ? elements : elements.map((parts) => parts.map((part) => maskPart(part, set.netmask as number)));
  return { elements: masked, extension, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

const maskPart = (part: Part, length: number): Part => (part.kind === 'ip' ? { kind: 'ip', ip: networkOf(part.ip, length) } : part);

/** What no set of the type takes. */
function elementError(set: IpSet, parts: readonly Part[]): string | undefined {
  const [first] = parts;
  if (set.type === 'hash:ip' && first?.kind === 'ip' && (first.ip === 0 || first.ip === 0n))
    return 'Null-valued element, cannot be stored in a hash type of set';
  if (set.range === undefined || first === undefined) return undefined;
  const [low = '', high = ''] = set.range.split('-');
  const within =
    first.kind === 'port'
      ? first.port >= Number(low) && first.port <= Number(high)
      : first.kind === 'ip' && Number(first.ip) >>> 0 >= Number(parseIp(low)) >>> 0 && Number(first.ip) >>> 0 <= Number(parseIp(high)) >>> 0;
  return within ? undefined : 'Element is out of the range of the set';
}

/** The kernel draws it; here it follows from the set's name. */
function initval(set: IpSet): string {
  let hash = 0x811c9dc5;
  for (const c of set.id) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193);
  return `0x${(hash >>> 0).toString(16).padStart(8, '0')}`;
}

/** `family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x…` */
export function formatHeader(set: IpSet): string {
  const words: string[] = [];
  if (set.range !== undefined) words.push(`range ${set.range}`);
  if (set.type.startsWith('hash:')) {
    if (set.type !== 'hash:mac') words.push(`family ${set.family}`);
    words.push(`hashsize ${set.hashsize ?? 1024}`, `maxelem ${set.maxelem ?? 65536}`);
  }
  if (set.size !== undefined) words.push(`size ${set.size}`);
  if (set.netmask !== undefined) words.push(`netmask ${set.netmask}`);
  if (set.timeoutSeconds !== undefined) words.push(`timeout ${set.timeoutSeconds}`);
  if (set.counters === true) words.push('counters');
  if (set.comment === true) words.push('comment');
  if (set.type.startsWith('hash:')) words.push('bucketsize 12', `initval ${initval(set)}`);
  return words.join(' ');
}

export interface ShownMember {
  readonly element: string;
  readonly expiresNs: number;
  readonly packets: number;
  readonly bytes: number;
  readonly nomatch: boolean;
  readonly comment: string;
}

export function formatMember(set: IpSet, member: ShownMember, nowNs: number): string {
  let text = member.element;
  if (set.timeoutSeconds !== undefined) text += ` timeout ${member.expiresNs === 0 ? 0 : Math.max(1, Math.ceil((member.expiresNs - nowNs) / 1e9))}`;
  if (set.counters === true) text += ` packets ${member.packets} bytes ${member.bytes}`;
  if (member.comment !== '') text += ` comment "${member.comment}"`;
  if (member.nomatch) text += ' nomatch';
  return text;
}

/** Bytes of memory, as a 64-bit kernel counts them for as many elements in buckets of their own. */
export function memoryBytes(set: IpSet, elements: number): number {
  const type = ipSetTypeOf(set.type);
  if (set.range !== undefined) {
    const [low = '0', high = '0'] = set.range.split('-');
    const size = set.type === 'bitmap:port' ? Number(high) - Number(low) + 1 : (Number(parseIp(high)) >>> 0) - (Number(parseIp(low)) >>> 0) + 1;
    return type.emptyBytes + 8 * Math.ceil(size / 64);
  }
  const extensions =
    (set.timeoutSeconds === undefined ? 0 : 24) + (set.counters === true ? 40 : 0) + (set.comment === true ? 16 : 0) + (set.family === 'inet6' ? 24 : 0);
  return type.emptyBytes + elements * (type.elementBytes + extensions);
}

/** The set as `ipset save` writes it, ending with a newline. */
export function formatSave(set: IpSet, members: readonly ShownMember[], nowNs: number): string {
  const lines = [`create ${set.name} ${set.type} ${formatHeader(set)}`.trimEnd(), ...members.map((m) => `add ${set.name} ${formatMember(set, m, nowNs)}`)];
  return `${lines.join('\n')}\n`;
}

export function formatList(set: IpSet, members: readonly ShownMember[], nowNs: number, references: number, terse: boolean): string {
  const lines = [
    `Name: ${set.name}`,
    `Type: ${set.type}`,
    `Revision: ${ipSetTypeOf(set.type).revision}`,
    `Header: ${formatHeader(set)}`,
    `Size in memory: ${memoryBytes(set, members.length)}`,
    `References: ${references}`,
    `Number of entries: ${members.length}`,
    ...(terse ? [] : ['Members:', ...members.map((m) => formatMember(set, m, nowNs))]),
  ];
  return `${lines.join('\n')}\n`;
}
