/** DNS messages as tcpdump prints them. tcpdump: print-domain.c */
import { formatIp6, ip6FromBytes } from '../../addr/ip6.ts';
import { characterText, Truncated, type View } from './view.ts';

const OPERATIONS: readonly string[] = ['', ' inv_q', ' stat', ' op3', ' notify', ' update', ' op6', ' op7'];
const RESPONSES: readonly string[] = [
  '',
  ' FormErr',
  ' ServFail',
  ' NXDomain',
  ' NotImp',
  ' Refused',
  ' YXDomain',
  ' YXRRSet',
  ' NXRRSet',
  ' NotAuth',
  ' NotZone',
];
const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  41: 'OPT',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  252: 'AXFR',
  255: 'ANY',
};
const CLASSES: Readonly<Record<number, string>> = { 1: 'IN', 3: 'CHAOS', 4: 'HS', 255: 'ANY' };
/** Labels and pointers of one name; a longer chain is a loop. */
const MAX_LABELS = 128;
/** Records of one section that are printed. */
const MAX_RECORDS = 256;

const typeName = (type: number): string => TYPES[type] ?? `Type${type}`;

export function printDns(view: View, start: number, length: number, overTcp: boolean): void {
  view.protocol = 'domain';
  let at = start;
  let bytes = length;
  if (overTcp) {
    if (length < 2) throw new Truncated('domain');
    const announced = view.u16(at);
    at += 2;
    bytes -= 2;
    if (announced < 12 || bytes < announced) {
      view.print(`[${announced < 12 ? 'prefix length' : 'length'} ${announced} ${announced < 12 ? '< 12' : `> ${bytes}`}] (invalid)`);
      return;
    }
  }
  view.need(at, 12);
  const id = view.u16(at);
  const flags = view.u16(at + 2);
  const [questions, answers, authorities, additionals] = [view.u16(at + 4), view.u16(at + 6), view.u16(at + 8), view.u16(at + 10)];
  const operation = OPERATIONS[(flags >> 11) & 15] ?? ` op${(flags >> 11) & 15}`;
  const { verbosity } = view.options;
  let cursor = at + 12;
  if ((flags & 0x8000) !== 0) {
    const response = RESPONSES[flags & 15] ?? ` Resp${flags & 15}`;
    view.print(`${id}${operation}${response}${(flags & 0x0400) !== 0 ? '*' : ''}${(flags & 0x80) !== 0 ? '' : '-'}`);
    view.print(`${(flags & 0x0200) !== 0 ? '|' : ''}${(flags & 0x20) !== 0 ? '$' : ''}`);
    if (questions !== 1) view.print(` [${questions}q]`);
    for (let i = 0; i < Math.min(questions, MAX_RECORDS); i += 1) {
      if (i > 0) view.print(',');
      if (verbosity > 1) {
        view.print(' q:');
        cursor = printQuestion(view, cursor, at);
      } else cursor = skipName(view, cursor) + 4;
    }
    view.print(` ${answers}/${authorities}/${additionals}`);
    cursor = printRecords(view, '', answers, cursor, at);
    if (verbosity > 1) printRecords(view, ' ar:', additionals, printRecords(view, ' ns:', authorities, cursor, at), at);
  } else {
    view.print(`${id}${operation}${(flags & 0x0100) !== 0 ? '+' : ''}${(flags & 0x10) !== 0 ? '%' : ''}`);
    if ((flags & 0x06cf) !== 0) view.print(` [b2&3=0x${flags.toString(16)}]`);
    if (answers > 0) view.print(` [${answers}a]`);
    if (questions !== 1) view.print(` [${questions}q]`);
    if (authorities > 0) view.print(` [${authorities}n]`);
    if (additionals > 0) view.print(` [${additionals}au]`);
    for (let i = 0; i < Math.min(questions, MAX_RECORDS) && cursor < view.end; i += 1) cursor = printQuestion(view, cursor, at);
    if (verbosity > 1) {
      cursor = printRecords(view, '', answers, cursor, at);
      printRecords(view, ' ar:', additionals, printRecords(view, ' ns:', authorities, cursor, at), at);
    }
  }
  view.print(` (${bytes})`);
}

function printQuestion(view: View, from: number, message: number): number {
  const at = skipName(view, from);
  const class_ = view.u16(at + 2);
  view.print(` ${typeName(view.u16(at))}${class_ === 1 ? '' : ` ${CLASSES[class_] ?? `(Class ${class_})`}`}? `);
  printName(view, from, message);
  return at + 4;
}

function printRecords(view: View, title: string, count: number, from: number, message: number): number {
  let at = from;
  if (count > 0) view.print(title);
  for (let i = 0; i < Math.min(count, MAX_RECORDS); i += 1) {
    if (i > 0) view.print(',');
    at = printRecord(view, at, message);
  }
  return at;
}

function printRecord(view: View, from: number, message: number): number {
  const verbose = view.options.verbosity > 0;
  if (verbose) {
    view.print(' ');
    printName(view, from, message);
  }
  const at = skipName(view, from);
  const type = view.u16(at);
  const class_ = view.u16(at + 2);
  if (class_ !== 1 && type !== 41) view.print(` ${CLASSES[class_] ?? `(Class ${class_})`}`);
  if (view.options.verbosity > 2 && type !== 41) view.print(` [${relativeSeconds(view.u32(at + 4))}]`);
  const bytes = view.u16(at + 8);
  view.print(` ${typeName(type)}`);
  const data = at + 10;
  view.need(data, bytes);
  switch (type) {
    case 1:
      view.print(` ${view.u8(data)}.${view.u8(data + 1)}.${view.u8(data + 2)}.${view.u8(data + 3)}`);
      break;
    case 28:
      view.need(data, 16);
      view.print(` ${formatIp6(ip6FromBytes(view.bytes, data))}`);
      break;
    case 2:
    case 5:
    case 12:
      view.print(' ');
      printName(view, data, message);
      break;
    case 6:
      if (verbose) printSoa(view, data, message);
      break;
    case 15:
      view.print(' ');
      printName(view, data + 2, message);
      view.print(` ${view.u16(data)}`);
      break;
    case 33:
      view.print(' ');
      printName(view, data + 6, message);
      view.print(`:${view.u16(data + 4)} ${view.u16(data)} ${view.u16(data + 2)}`);
      break;
    case 16:
      for (let text = data; text < data + bytes; text += 1 + view.u8(text)) printText(view, text);
      break;
    case 41:
      view.print(` UDPsize=${class_}${(view.u16(at + 6) & 0x8000) !== 0 ? ' DO' : ''}`);
      printOptions(view, data, data + bytes);
      break;
  }
  return data + bytes;
}

/** EDNS options: of those that programs here send, the cookie, the server's half apart. */
function printOptions(view: View, from: number, end: number): void {
  for (let at = from; at + 4 <= end; at += 4 + view.u16(at + 2)) {
    const bytes = view.u16(at + 2);
    if (view.u16(at) !== 10 || at + 4 + bytes > end) continue;
    let text = '';
    for (let i = 0; i < bytes; i += 1)
      text += `${i === 8 ? ' ' : ''}${view
        .u8(at + 4 + i)
        .toString(16)
        .padStart(2, '0')}`;
    view.print(` [COOKIE ${text}]`);
  }
}

function printText(view: View, at: number): void {
  view.print(' "');
  printCharacters(view, at + 1, view.u8(at));
  view.print('"');
}

function printSoa(view: View, data: number, message: number): void {
  view.print(' ');
  printName(view, data, message);
  const second = skipName(view, data);
  view.print(' ');
  printName(view, second, message);
  const numbers = skipName(view, second);
  for (let i = 0; i < 5; i += 1) view.print(` ${view.u32(numbers + i * 4)}`);
}

function skipName(view: View, from: number): number {
  let at = from;
  for (let labels = 0; labels < MAX_LABELS; labels += 1) {
    const length = view.u8(at);
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
  throw new Truncated('domain');
}

function printName(view: View, from: number, message: number): void {
  let at = from;
  if (view.u8(at) === 0) view.print('.');
  for (let labels = 0; labels < MAX_LABELS; labels += 1) {
    const length = view.u8(at);
    if (length === 0) return;
    if (length >= 0xc0) {
      const target = message + (((length & 0x3f) << 8) | view.u8(at + 1));
      if (target >= at) {
        view.print('<BAD PTR>');
        return;
      }
      at = target;
      if (view.u8(at) === 0 && labels === 0) view.print('.');
      continue;
    }
    printCharacters(view, at + 1, length);
    view.print('.');
    at += 1 + length;
  }
  view.print('<BAD PTR>');
}

function printCharacters(view: View, at: number, length: number): void {
  for (let i = 0; i < length; i += 1) view.print(characterText(view.u8(at + i)));
}

/** `1h2m3s`; units that are zero are left out. */
function relativeSeconds(seconds: number): string {
  let text = '';
  let left = seconds;
  for (const [unit, size] of [
    ['w', 604800],
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return left > 0 || text === '' ? `${text}${left}s` : text;
}
