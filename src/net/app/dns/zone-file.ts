/** Master files as BIND and CoreDNS read them. RFC 1035 section 5. */
import { parseIp4 } from '../../addr/ip4.ts';
import { formatIp6, parseIp6 } from '../../addr/ip6.ts';
import { isWireName, parseDnsType } from '../../wire/dns-codec.ts';
import type { DnsResourceRecord, DnsType } from '../../wire/dns-message.ts';
import type { DnsFileZone } from '../dns-server-config.ts';

const MAX_LINES = 5000;
const DEFAULT_TTL_SECONDS = 3600;

/** `1h30m` or plain seconds; undefined for anything else. */
export function parseTtl(text: string): number | undefined {
  if (!/^(?:[0-9]{1,10}[smhdwSMHDW]?)+$/.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, '': 1 };
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)([smhdw]?)/gi)) seconds += Number(count) * (units[(unit ?? '').toLowerCase()] ?? 1);
  return seconds <= 0x7fffffff ? seconds : undefined;
}

export const absoluteName = (text: string, origin: string): string =>
  text === '@' ? origin : text.endsWith('.') ? text : origin === '.' ? `${text}.` : `${text}.${origin}`;

/** Words of one entry: quotes kept on strings, comments gone. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"(?:[^"\\]|\\.)*"|;.*|[()]|[^\s;()"]+/g)].map((match) => match[0]).filter((word) => !word.startsWith(';'));
}

/** Data in the form in which records carry it, or undefined where it is none of its type. */
export function readRdata(type: DnsType, words: readonly string[], origin: string): string | undefined {
  const name = (word: string | undefined): string | undefined => {
    const whole = word === undefined ? undefined : absoluteName(word, origin);
    return whole !== undefined && isWireName(whole) ? whole : undefined;
  };
  const number = (word: string | undefined): string | undefined => (word !== undefined && /^[0-9]{1,10}$/.test(word) ? String(Number(word)) : undefined);
  const all = (...parts: readonly (string | undefined)[]): string | undefined => (parts.includes(undefined) ? undefined : parts.join(' '));
  switch (type) {
    case 'A':
      return words[0] !== undefined && parseIp4(words[0]) !== undefined ? words[0] : undefined;
    case 'AAAA': {
      const ip = parseIp6(words[0] ?? '');
      return ip === undefined ? undefined : formatIp6(ip);
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return name(words[0]);
    case 'MX':
      return all(number(words[0]), name(words[1]));
    case 'SRV':
      return all(number(words[0]), number(words[1]), number(words[2]), name(words[3]));
    case 'TXT':
      return words.length === 0 ? undefined : words.map((word) => (word.startsWith('"') ? word : `"${word}"`)).join(' ');
    case 'SOA': {
      const times = words.slice(3, 7).map((word) => parseTtl(word));
      return times.length < 4 ? undefined : all(name(words[0]), name(words[1]), number(words[2]), ...times.map((time) => time?.toString()));
    }
    default:
      return undefined;
  }
}

/** One record as text: `web.example.org. 60 IN A 192.0.2.1`; undefined where it is none. */
export function parseRecord(text: string, origin = '.', defaultTtl = DEFAULT_TTL_SECONDS): DnsResourceRecord | undefined {
  const words = wordsOf(text).filter((word) => word !== '(' && word !== ')');
  const owner = words.shift();
  return owner === undefined ? undefined : readRecord(absoluteName(owner, origin), words, origin, defaultTtl);
}

function readRecord(name: string, words: string[], origin: string, defaultTtl: number): DnsResourceRecord | undefined {
  let ttlSeconds = defaultTtl;
  // TTL and class may stand in either order.
  for (let i = 0; i < 2; i += 1) {
    const ttl = parseTtl(words[0] ?? '');
    if (ttl !== undefined) ttlSeconds = ttl;
    else if (words[0]?.toUpperCase() !== 'IN') break;
    words.shift();
  }
  const type = parseDnsType(words.shift() ?? '');
  const data = type === undefined ? undefined : readRdata(type, words, origin);
  return type === undefined || data === undefined || !isWireName(name) ? undefined : { name, type, ttlSeconds, data };
}

/** The zone of a master file, or why it is none. `$ORIGIN` and `$TTL` are understood, `$INCLUDE` and `$GENERATE` are not. */
export function parseZoneFile(
  text: string,
  zoneName: string,
): { readonly ok: true; readonly zone: DnsFileZone } | { readonly ok: false; readonly error: string } {
  let origin = zoneName;
  let ttl = DEFAULT_TTL_SECONDS;
  let owner = zoneName;
  const names: Record<string, DnsResourceRecord[]> = {};
  let soa: DnsResourceRecord | undefined;
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) return { ok: false, error: `more than ${MAX_LINES} lines` };
  for (let at = 0; at < lines.length; at += 1) {
    const first = at + 1;
    const blank = /^\s/.test(lines[at] ?? '');
    const words = wordsOf(lines[at] ?? '');
    const open = () => words.filter((word) => word === '(').length > words.filter((word) => word === ')').length;
    while (open() && at + 1 < lines.length) {
      at += 1;
      words.push(...wordsOf(lines[at] ?? ''));
    }
    const plain = words.filter((word) => word !== '(' && word !== ')');
    if (plain.length === 0) continue;
    if (plain[0] === '$ORIGIN') origin = absoluteName(plain[1] ?? '', origin);
    else if (plain[0] === '$TTL') ttl = parseTtl(plain[1] ?? '') ?? ttl;
    else {
      if (!blank) owner = absoluteName(plain.shift() ?? '@', origin);
      const record = readRecord(owner, plain, origin, ttl);
      if (record === undefined) return { ok: false, error: `dns: bad record at line: ${first}: "${(lines[first - 1] ?? '').trim()}"` };
      const key = record.name.toLowerCase();
      if (record.type === 'SOA') soa = record;
      const list = names[key] ?? [];
      names[key] = list;
      list.push(record);
    }
  }
  if (soa === undefined) return { ok: false, error: `file "${zoneName}" has no SOA record for origin ${zoneName}` };
  return { ok: true, zone: { origin: zoneName.toLowerCase(), soa, names: withEmptyNames(names, zoneName.toLowerCase()) } };
}

/** Names between a zone's own and one of its records exist, without records of their own. */
export function withEmptyNames(names: Readonly<Record<string, readonly DnsResourceRecord[]>>, origin: string): Record<string, readonly DnsResourceRecord[]> {
  const all: Record<string, readonly DnsResourceRecord[]> = { ...names };
  for (const name of Object.keys(names)) {
    for (let dot = name.indexOf('.'); dot >= 0 && dot < name.length - 1; dot = name.indexOf('.', dot + 1)) {
      const above = name.slice(dot + 1);
      if (!above.endsWith(origin) && origin !== '.') break;
      if (!Object.hasOwn(all, above)) all[above] = [];
      if (above === origin) break;
    }
  }
  if (!Object.hasOwn(all, origin)) all[origin] = [];
  return all;
}
