/** DNS messages to bytes and back (RFC 1035 section 4), with name compression, and their exact lengths without building them. */

import { formatIp } from '../addr/ip.ts';
import { ip4 } from '../addr/ip4.ts';
import { formatIp6, ip6FromBytes, ip6ToBytes, parseIp6 } from '../addr/ip6.ts';
import type { DnsEdns, DnsMessage, DnsQuestion, DnsRcode, DnsResourceRecord, DnsType } from './dns-message.ts';
import { decodeUtf8, encodeUtf8, utf8Length } from './utf8.ts';

const TYPE_NUMBERS: Readonly<Record<DnsType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
};
const OPT = 41;
/** RFC 7873. */
const COOKIE_OPTION = 10;
const TYPE_NAMES: ReadonlyMap<number, DnsType> = new Map((Object.keys(TYPE_NUMBERS) as DnsType[]).map((name) => [TYPE_NUMBERS[name], name]));
const RCODES: readonly DnsRcode[] = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;

/** `A`, `AAAA` … in any case, or undefined. */
export function parseDnsType(text: string): DnsType | undefined {
  const upper = text.toUpperCase();
  return Object.hasOwn(TYPE_NUMBERS, upper) ? (upper as DnsType) : undefined;
}

/** Whether an absolute name fits the wire: labels of 1..63 bytes, 255 in all (RFC 1035 section 2.3.4). */
export function isWireName(name: string): boolean {
  if (name === '.') return true;
  if (!name.endsWith('.') || nameBytes(name) > MAX_NAME_BYTES) return false;
  return name
    .slice(0, -1)
    .split('.')
    .every((label) => label !== '' && utf8Length(label) <= MAX_LABEL_BYTES);
}

/** Bytes of an absolute name without compression. */
export function nameBytes(name: string): number {
  return name === '.' ? 1 : utf8Length(name) + 1;
}

/** Length of the message without compression: what most servers send while it is short enough (CoreDNS does). */
export function dnsMessageBytes(message: DnsMessage): number {
  let bytes = HEADER_BYTES + nameBytes(message.question.name) + 4 + ednsBytes(message.edns);
  for (const section of [message.answers, message.authorities, message.additionals]) {
    for (const record of section) bytes += nameBytes(record.name) + 10 + rdataBytes(record);
  }
  return bytes;
}

function ednsBytes(edns: DnsEdns | undefined): number {
  if (edns === undefined) return 0;
  return 11 + (edns.cookie === undefined ? 0 : 4 + edns.cookie.length / 2);
}

/** Length of the message with every name compressed that may be. */
export function compressedDnsMessageBytes(message: DnsMessage): number {
  return encodeDns(message, true).length;
}

function rdataBytes(record: DnsResourceRecord): number {
  switch (record.type) {
    case 'A':
      return 4;
    case 'AAAA':
      return 16;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return nameBytes(record.data);
    case 'MX':
      return 2 + nameBytes(word(record.data, 1));
    case 'SRV':
      return 6 + nameBytes(word(record.data, 3));
    case 'SOA':
      return nameBytes(word(record.data, 0)) + nameBytes(word(record.data, 1)) + 20;
    case 'TXT':
    case 'HINFO':
      return strings(record.data).reduce((sum, text) => sum + text.length + 1, 0);
    default:
      return 0;
  }
}

const word = (text: string, index: number) => text.split(' ')[index] ?? '.';
const MAX_STRING_BYTES = 255;

/** The character strings of `"a b" "c"`, each of at most 255 bytes; text without quotes is one. */
function strings(data: string): Uint8Array[] {
  const quoted = /^"(?:[^"]|\\")*"(?: "(?:[^"]|\\")*")*$/.test(data);
  const texts = quoted ? data.slice(1, -1).split('" "') : [data];
  return texts.flatMap((text) => {
    const bytes = encodeUtf8(text);
    const parts: Uint8Array[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += MAX_STRING_BYTES) parts.push(bytes.subarray(at, at + MAX_STRING_BYTES));
    return parts;
  });
}

/** @throws {Error} when a name or address in it cannot be written: our own mistake, since names are checked where they enter. */
export function encodeDns(message: DnsMessage, compress: boolean): Uint8Array {
  const writer = new Writer(compress);
  const flags =
    (message.response ? 0x8000 : 0) |
    (message.authoritative ? 0x0400 : 0) |
    (message.truncated ? 0x0200 : 0) |
    (message.recursionDesired ? 0x0100 : 0) |
    (message.recursionAvailable ? 0x0080 : 0) |
    (message.authenticData === true ? 0x0020 : 0) |
    (message.checkingDisabled === true ? 0x0010 : 0) |
    RCODES.indexOf(message.rcode);
  writer.u16(message.id);
  writer.u16(flags);
  writer.u16(1);
  writer.u16(message.answers.length);
  writer.u16(message.authorities.length);
  writer.u16(message.additionals.length + (message.edns === undefined ? 0 : 1));
  writer.name(message.question.name, true);
  writer.u16(TYPE_NUMBERS[message.question.type]);
  writer.u16(1);
  for (const section of [message.answers, message.authorities, message.additionals]) {
    for (const record of section) {
      writer.name(record.name, true);
      writer.u16(TYPE_NUMBERS[record.type]);
      writer.u16(1);
      writer.u32(record.ttlSeconds);
      const lengthAt = writer.bytes.length;
      writer.u16(0);
      writeRdata(writer, record);
      const length = writer.bytes.length - lengthAt - 2;
      writer.bytes[lengthAt] = length >> 8;
      writer.bytes[lengthAt + 1] = length & 255;
    }
  }
  if (message.edns !== undefined) writeEdns(writer, message.edns);
  return Uint8Array.from(writer.bytes);
}

/** RFC 6891 section 6.1. */
function writeEdns(writer: Writer, edns: DnsEdns): void {
  writer.bytes.push(0);
  writer.u16(OPT);
  writer.u16(edns.udpBytes);
  writer.u16(edns.version ?? 0);
  writer.u16(edns.dnssecOk === true ? 0x8000 : 0);
  const { cookie } = edns;
  writer.u16(cookie === undefined ? 0 : 4 + cookie.length / 2);
  if (cookie === undefined) return;
  writer.u16(COOKIE_OPTION);
  writer.u16(cookie.length / 2);
  for (let at = 0; at < cookie.length; at += 2) writer.bytes.push(Number.parseInt(cookie.slice(at, at + 2), 16));
}

function writeRdata(writer: Writer, record: DnsResourceRecord): void {
  const words = record.data.split(' ');
  switch (record.type) {
    case 'A':
      writer.u32(ip4(record.data) >>> 0);
      return;
    case 'AAAA': {
      const address = parseIp6(record.data);
      const bytes = address === undefined ? undefined : ip6ToBytes(address);
      if (bytes === undefined) throw new Error(`not an IPv6 address: ${JSON.stringify(record.data)}`);
      writer.bytes.push(...bytes);
      return;
    }
    case 'NS':
    case 'CNAME':
    case 'PTR':
      writer.name(record.data, true);
      return;
    case 'MX':
      writer.u16(Number(words[0]));
      writer.name(words[1] ?? '.', true);
      return;
    case 'SRV':
      for (let i = 0; i < 3; i += 1) writer.u16(Number(words[i]));
      // RFC 2782: the target is not compressed.
      writer.name(words[3] ?? '.', false);
      return;
    case 'SOA':
      writer.name(words[0] ?? '.', true);
      writer.name(words[1] ?? '.', true);
      for (let i = 2; i < 7; i += 1) writer.u32(Number(words[i]));
      return;
    case 'TXT':
    case 'HINFO':
      for (const text of strings(record.data)) writer.bytes.push(text.length, ...text);
      return;
    default:
      return;
  }
}

class Writer {
  readonly bytes: number[] = [];
  readonly #compress: boolean;
  readonly #offsets = new Map<string, number>();

  constructor(compress: boolean) {
    this.#compress = compress;
  }

  u16(value: number): void {
    this.bytes.push((value >> 8) & 255, value & 255);
  }

  u32(value: number): void {
    this.bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }

  name(name: string, mayPoint: boolean): void {
    if (!isWireName(name)) throw new Error(`not a DNS name: ${JSON.stringify(name)}`);
    let rest = name === '.' ? '' : name;
    while (rest !== '') {
      const known = this.#compress ? this.#offsets.get(rest) : undefined;
      if (known !== undefined && mayPoint) {
        this.u16(0xc000 | known);
        return;
      }
      if (known === undefined && this.bytes.length < 0x4000) this.#offsets.set(rest, this.bytes.length);
      const dot = rest.indexOf('.');
      const label = encodeUtf8(rest.slice(0, dot));
      this.bytes.push(label.length, ...label);
      rest = rest.slice(dot + 1);
    }
    this.bytes.push(0);
  }
}

/** The message, or undefined when the bytes are none that we can represent (several questions, other classes, unknown types, broken names). */
export function decodeDns(bytes: Uint8Array): DnsMessage | undefined {
  const reader = new Reader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  if (reader.failed || counts[0] !== 1 || (flags & 0x7800) !== 0) return undefined;
  const question = readQuestion(reader);
  if (question === undefined) return undefined;
  const sections: DnsResourceRecord[][] = [];
  let edns: DnsEdns | undefined;
  for (const count of counts.slice(1)) {
    const records: DnsResourceRecord[] = [];
    for (let i = 0; i < count; i += 1) {
      if (sections.length === 2 && edns === undefined) {
        edns = readEdns(reader);
        if (edns !== undefined) continue;
      }
      const record = readRecord(reader);
      if (record === undefined) return undefined;
      records.push(record);
    }
    sections.push(records);
  }
  const rcode = RCODES[flags & 15];
  if (rcode === undefined || reader.failed || reader.at !== bytes.length) return undefined;
  return {
    id,
    response: (flags & 0x8000) !== 0,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    ...((flags & 0x0020) === 0 ? {} : { authenticData: true }),
    ...((flags & 0x0010) === 0 ? {} : { checkingDisabled: true }),
    ...(edns === undefined ? {} : { edns }),
    rcode,
    question,
    answers: sections[0] ?? [],
    authorities: sections[1] ?? [],
    additionals: sections[2] ?? [],
  };
}

/** The OPT record if that comes next; undefined, with nothing read, if another record does. Options that we do not know are passed over. */
function readEdns(reader: Reader): DnsEdns | undefined {
  const { bytes, at } = reader;
  if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== OPT) return undefined;
  reader.at += 3;
  const udpBytes = reader.u16();
  const version = reader.u16();
  const flags = reader.u16();
  const end = reader.u16() + reader.at;
  let cookie: string | undefined;
  while (reader.at < end && !reader.failed) {
    const option = reader.u16();
    const data = reader.take(reader.u16());
    if (option === COOKIE_OPTION) cookie = [...data].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }
  if (reader.at !== end) reader.failed = true;
  return {
    udpBytes,
    ...((version & 255) === 0 ? {} : { version: version & 255 }),
    ...((flags & 0x8000) === 0 ? {} : { dnssecOk: true }),
    ...(cookie === undefined ? {} : { cookie }),
  };
}

function readQuestion(reader: Reader): DnsQuestion | undefined {
  const name = reader.name();
  const type = TYPE_NAMES.get(reader.u16());
  return reader.u16() !== 1 || type === undefined || reader.failed ? undefined : { name, type };
}

function readRecord(reader: Reader): DnsResourceRecord | undefined {
  const name = reader.name();
  const type = TYPE_NAMES.get(reader.u16());
  const dnsClass = reader.u16();
  const ttlSeconds = reader.u32();
  const end = reader.u16() + reader.at;
  if (type === undefined || isQuestionType(type) || dnsClass !== 1 || reader.failed || end > reader.bytes.length) return undefined;
  const data = readRdata(reader, type, end);
  return reader.failed || reader.at !== end ? undefined : { name, type, ttlSeconds, data };
}

const QUESTIONS_ONLY: ReadonlySet<DnsType> = new Set(['ANY', 'AXFR', 'CAA', 'DNSKEY', 'DS', 'HTTPS', 'NAPTR', 'SVCB']);
const isQuestionType = (type: DnsType): boolean => QUESTIONS_ONLY.has(type);

function readRdata(reader: Reader, type: DnsType, end: number): string {
  switch (type) {
    case 'A':
      return formatIp(reader.u32() | 0);
    case 'AAAA':
      return formatIp6(ip6FromBytes(reader.take(16)));
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return reader.name();
    case 'MX':
      return `${reader.u16()} ${reader.name()}`;
    case 'SRV':
      return `${reader.u16()} ${reader.u16()} ${reader.u16()} ${reader.name()}`;
    case 'SOA':
      return `${reader.name()} ${reader.name()} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u32()}`;
    case 'TXT':
    case 'HINFO': {
      const parts: string[] = [];
      let long: number[] = [];
      while (reader.at < end && !reader.failed) {
        const part = reader.take(reader.take(1)[0] ?? 0);
        long.push(...part);
        // A string of 255 bytes goes on in the next.
        if (part.length === MAX_STRING_BYTES && reader.at < end) continue;
        const text = decodeUtf8(Uint8Array.from(long));
        if (text === undefined) reader.failed = true;
        parts.push(`"${text ?? ''}"`);
        long = [];
      }
      return parts.join(' ');
    }
    default:
      return '';
  }
}

class Reader {
  readonly bytes: Uint8Array;
  at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(count: number): Uint8Array {
    if (this.at + count > this.bytes.length) {
      this.failed = true;
      return new Uint8Array(count);
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u16(): number {
    const part = this.take(2);
    return ((part[0] as number) << 8) | (part[1] as number);
  }

  u32(): number {
    return this.u16() * 65536 + this.u16();
  }

  /** Follows pointers only backwards, so that it ends. */
  name(): string {
    let text = '';
    let at = this.at;
    let end = -1;
    let limit = this.at;
    for (let step = 0; step < 128 && !this.failed; step += 1) {
      const length = this.bytes[at] ?? 0x100;
      if (length === 0) {
        this.at = end < 0 ? at + 1 : end;
        return text === '' ? '.' : text;
      }
      if (length >= 0xc0 && length <= 0xff) {
        const target = ((length & 0x3f) << 8) | (this.bytes[at + 1] ?? 0xffff);
        if (end < 0) end = at + 2;
        if (target >= limit) break;
        limit = target;
        at = target;
        continue;
      }
      const label = length <= MAX_LABEL_BYTES && at + 1 + length <= this.bytes.length ? decodeUtf8(this.bytes.subarray(at + 1, at + 1 + length)) : undefined;
      if (label === undefined || label.includes('.') || label.includes(' ')) break;
      text += `${label}.`;
      if (text.length > MAX_NAME_BYTES) break;
      at += 1 + length;
    }
    this.failed = true;
    return '.';
  }
}
