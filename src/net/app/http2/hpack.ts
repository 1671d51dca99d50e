/** Header blocks of HTTP/2: a table that is fixed, one that both ends keep alike, and strings in Huffman's code (RFC 7541). */
import type { HttpHeader } from '../http-message.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

/** RFC 7541 appendix A; names without a value stand alone. */
const STATIC: readonly (readonly [name: string, value: string])[] = (
  ':authority||:method|GET|:method|POST|:path|/|:path|/index.html|:scheme|http|:scheme|https|:status|200|:status|204|:status|206|:status|304|:status|400|' +
  ':status|404|:status|500|accept-charset||accept-encoding|gzip, deflate|accept-language||accept-ranges||accept||access-control-allow-origin||age||allow||' +
  'authorization||cache-control||content-disposition||content-encoding||content-language||content-length||content-location||content-range||content-type||' +
  'cookie||date||etag||expect||expires||from||host||if-match||if-modified-since||if-none-match||if-range||if-unmodified-since||last-modified||link||location||' +
  'max-forwards||proxy-authenticate||proxy-authorization||range||referer||refresh||retry-after||server||set-cookie||strict-transport-security||' +
  'transfer-encoding||user-agent||vary||via||www-authenticate|'
)
  .split('|')
  .reduce<[string, string][]>((pairs, word, index) => {
    if (index % 2 === 0) pairs.push([word, '']);
    else (pairs.at(-1) as [string, string])[1] = word;
    return pairs;
  }, []);

const staticPlace = new Map(STATIC.map(([name, value], index) => [`${name}\n${value}`, index + 1]));
const staticName = new Map([...STATIC.entries()].reverse().map(([index, [name]]) => [name, index + 1]));

const MAX_TABLE_BYTES = 4096;
const MAX_HEADERS = 256;
const ENTRY_OVERHEAD = 32;

/** The latest first; nobody changes it in place. */
export type HeaderTable = readonly HttpHeader[];

function added(table: HeaderTable, header: HttpHeader): HeaderTable {
  const next: HttpHeader[] = [];
  let bytes = 0;
  for (const one of [header, ...table]) {
    bytes += one.name.length + one.value.length + ENTRY_OVERHEAD;
    if (bytes > MAX_TABLE_BYTES) break;
    next.push(one);
  }
  return next;
}

function integer(value: number, prefixBits: number, first: number): string {
  const most = 2 ** prefixBits - 1;
  if (value < most) return String.fromCharCode(first | value);
  let text = String.fromCharCode(first | most);
  let rest = value - most;
  while (rest >= 128) {
    text += String.fromCharCode((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return text + String.fromCharCode(rest);
}

function string(octets: string): string {
  const short = huffmanLength(octets);
  return short < octets.length ? integer(short, 7, 0x80) + encodeHuffman(octets) : integer(octets.length, 7, 0) + octets;
}

/** Never kept by anybody on the way: RFC 7541 section 7.1.3. */
const SECRET = new Set(['authorization', 'cookie', 'set-cookie']);
/** Different each time: keeping it would only push out others. */
const ONCE = new Set([':path', 'content-length', 'date', 'x-request-id', 'etag', 'grpc-timeout']);

/** Names are in lower case, octets as characters. */
export function encodeHeaders(table: HeaderTable, headers: readonly HttpHeader[]): { readonly table: HeaderTable; readonly block: string } {
  let block = '';
  let now = table;
  for (const header of headers) {
    const { name, value } = header;
    const whole = staticPlace.get(`${name}\n${value}`);
    const kept = whole === undefined ? now.findIndex((one) => one.name === name && one.value === value) : -1;
    if (whole !== undefined || kept >= 0) {
      block += integer(whole ?? STATIC.length + 1 + kept, 7, 0x80);
      continue;
    }
    const keptName = now.findIndex((one) => one.name === name);
    const nameAt = staticName.get(name) ?? (keptName < 0 ? 0 : STATIC.length + 1 + keptName);
    const literal = (nameAt === 0 ? string(name) : '') + string(value);
    if (SECRET.has(name)) block += integer(nameAt, 4, 0x10) + literal;
    else if (ONCE.has(name)) block += integer(nameAt, 4, 0) + literal;
    else {
      block += integer(nameAt, 6, 0x40) + literal;
      now = added(now, header);
    }
  }
  return { table: now, block };
}

/** Undefined: COMPRESSION_ERROR. */
export function decodeHeaders(table: HeaderTable, block: string): { readonly table: HeaderTable; readonly headers: readonly HttpHeader[] } | undefined {
  const headers: HttpHeader[] = [];
  let now = table;
  let at = 0;
  let broken = false;
  const readInteger = (prefixBits: number): number => {
    const most = 2 ** prefixBits - 1;
    let value = block.charCodeAt(at) & most;
    at += 1;
    if (value < most) return value;
    for (let shift = 1; shift < 2 ** 28; shift *= 128) {
      const octet = at < block.length ? block.charCodeAt(at) : Number.NaN;
      at += 1;
      if (Number.isNaN(octet)) break;
      value += (octet & 127) * shift;
      if (octet < 128) return value;
    }
    broken = true;
    return 0;
  };
  const readString = (): string => {
    const huffman = (block.charCodeAt(at) & 0x80) !== 0;
    const length = readInteger(7);
    const raw = block.slice(at, at + length);
    at += length;
    const text = huffman ? decodeHuffman(raw) : raw;
    if (at > block.length || text === undefined) broken = true;
    return text ?? '';
  };
  const entry = (index: number): HttpHeader | undefined => {
    const [name, value] = STATIC[index - 1] ?? [];
    return name === undefined ? now[index - 1 - STATIC.length] : { name, value: value ?? '' };
  };
  while (at < block.length && !broken && headers.length < MAX_HEADERS) {
    const first = block.charCodeAt(at);
    if (first >= 0x80) {
      const found = entry(readInteger(7));
      if (found === undefined) return undefined;
      headers.push(found);
      continue;
    }
    if (first >= 0x20 && first < 0x40) {
      if (readInteger(5) > MAX_TABLE_BYTES) return undefined;
      continue;
    }
    const nameAt = readInteger(first >= 0x40 ? 6 : 4);
    const name = nameAt === 0 ? readString() : entry(nameAt)?.name;
    if (name === undefined) return undefined;
    const header = { name, value: readString() };
    headers.push(header);
    if (first >= 0x40) now = added(now, header);
  }
  return broken || at < block.length ? undefined : { table: now, headers };
}
