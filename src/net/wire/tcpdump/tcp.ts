/** TCP as tcpdump prints it, with sequence numbers that begin at the handshake. tcpdump: print-tcp.c */
import { printDns } from './dns.ts';
import { needPorts, printEndpoints, shouldBe, transportSum } from './parts.ts';
import { printHttp, printPlainText, printResp } from './text-protocols.ts';
import { bitNames, characterText, hex, Truncated, type View } from './view.ts';

const FLAGS: readonly (readonly [number, string])[] = [
  [1, 'F'],
  [2, 'S'],
  [4, 'R'],
  [8, 'P'],
  [16, '.'],
  [32, 'U'],
  [64, 'E'],
  [128, 'W'],
];
const SYN = 2;
const RST = 4;
const ACK = 16;

/** So many flows are remembered; the oldest is forgotten first. */
const MAX_FLOWS = 4096;

export function printTcp(view: View, ip: number, at: number, length: number, fragmented: boolean): void {
  view.protocol = 'tcp';
  const { verbosity, quiet, absoluteSequence, noChecksums } = view.options;
  needPorts(view, ip, at);
  const sport = view.u16(at);
  const dport = view.u16(at + 2);
  printEndpoints(view, ip, 6, view.ports.tcp(sport), view.ports.tcp(dport));
  if (!view.has(at, 20)) throw new Truncated('tcp', true);
  const headerBytes = (view.u8(at + 12) >> 4) * 4;
  if (headerBytes < 20) {
    view.print(` tcp ${length - headerBytes} [bad hdr length ${headerBytes}, too short, < 20]`);
    return;
  }
  let seq = view.u32(at + 4);
  let ack = view.u32(at + 8);
  if (quiet === true) {
    view.print(`tcp ${length - headerBytes}`);
    if (headerBytes > length) view.print(` [bad hdr length ${headerBytes}, too long, > ${length}]`);
    return;
  }
  const flags = view.u8(at + 13);
  view.print(`Flags [${bitNames(FLAGS, flags, '')}]`);
  let base: { readonly seq: number; readonly ack: number; readonly reversed: boolean } = { seq: 0, ack: 0, reversed: false };
  if (absoluteSequence !== true && (flags & ACK) !== 0) {
    const flow = relativeTo(view, ip, sport, dport, seq, ack, flags);
    base = flow;
    if (!flow.fresh) {
      seq = (seq - (flow.reversed ? flow.ack : flow.seq)) >>> 0;
      ack = (ack - (flow.reversed ? flow.seq : flow.ack)) >>> 0;
    }
  }
  if (headerBytes > length) {
    view.print(` [bad hdr length ${headerBytes}, too long, > ${length}]`);
    return;
  }
  if (verbosity > 0 && noChecksums !== true && !fragmented && view.has(at, length)) {
    const sum = transportSum(view, ip, at, length, 6);
    const written = view.u16(at + 16);
    view.print(`, cksum 0x${hex(written, 4)} ${sum === 0 ? '(correct)' : `(incorrect -> 0x${hex(shouldBe(written, sum), 4)})`}`);
  }
  const dataBytes = length - headerBytes;
  if (verbosity > 1 || dataBytes > 0 || (flags & 7) !== 0) {
    view.print(`, seq ${seq}`);
    if (dataBytes > 0) view.print(`:${(seq + dataBytes) >>> 0}`);
  }
  if ((flags & ACK) !== 0) view.print(`, ack ${ack}`);
  view.print(`, win ${view.u16(at + 14)}`);
  if ((flags & 32) !== 0) view.print(`, urg ${view.u16(at + 18)}`);
  if (headerBytes > 20) printOptions(view, at + 20, at + headerBytes, base);
  view.print(`, length ${dataBytes}`);
  if (dataBytes > 0) printData(view, sport, dport, at + headerBytes, dataBytes, flags);
}

/** One entry serves both directions, as in tcpdump: the side with the smaller port comes first. */
function relativeTo(
  view: View,
  ip: number,
  sport: number,
  dport: number,
  seq: number,
  ack: number,
  flags: number,
): { readonly seq: number; readonly ack: number; readonly reversed: boolean; readonly fresh: boolean } {
  const six = view.u8(ip) >> 4 === 6;
  const [from, to, size] = six ? [ip + 8, ip + 24, 16] : [ip + 12, ip + 16, 4];
  const source = keyOf(view, from, size);
  const destination = keyOf(view, to, size);
  const reversed = sport > dport || (sport === dport && source > destination);
  const key = reversed ? `${destination}.${dport}>${source}.${sport}` : `${source}.${sport}>${destination}.${dport}`;
  const { flows } = view.state;
  const flow = flows.get(key);
  if (flow !== undefined && (flags & SYN) === 0) return { ...flow, reversed, fresh: false };
  const made = reversed ? { seq: (ack - 1) >>> 0, ack: seq } : { seq, ack: (ack - 1) >>> 0 };
  flows.set(key, made);
  const oldest = flows.size > MAX_FLOWS ? flows.keys().next().value : undefined;
  if (oldest !== undefined) flows.delete(oldest);
  return { ...made, reversed, fresh: true };
}

function keyOf(view: View, at: number, size: number): string {
  let key = '';
  for (let i = 0; i < size; i += 1) key += hex(view.u8(at + i), 2);
  return key;
}

const OPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'eol',
  1: 'nop',
  2: 'mss',
  3: 'wscale',
  4: 'sackOK',
  5: 'sack',
  6: 'echo',
  7: 'echoreply',
  8: 'TS',
  19: 'md5',
  28: 'uto',
  29: 'tcp-ao',
  30: 'mptcp',
  34: 'tfo',
};

function printOptions(view: View, from: number, to: number, base: { readonly seq: number; readonly ack: number; readonly reversed: boolean }): void {
  view.print(', options [');
  let separator = '';
  for (let at = from; at < to; ) {
    view.print(separator);
    const kind = view.u8(at);
    if (kind <= 1) {
      view.print(OPTION_NAMES[kind] ?? '');
      if (kind === 0) break;
      at += 1;
      separator = ',';
      continue;
    }
    const length = at + 1 < to ? view.u8(at + 1) : 0;
    if (length < 2 || at + length > to) {
      view.print('[bad opt]');
      return;
    }
    view.print(OPTION_NAMES[kind] ?? `unknown-${kind}`);
    if (!view.has(at, length)) throw new Truncated('tcp', true, separator === '' ? '' : '>');
    if (kind === 2 && length === 4) view.print(` ${view.u16(at + 2)}`);
    else if (kind === 3 && length === 3) view.print(` ${view.u8(at + 2)}`);
    else if (kind === 8 && length === 10) view.print(` val ${view.u32(at + 2)} ecr ${view.u32(at + 6)}`);
    else if (kind === 5 && (length - 2) % 8 === 0) {
      view.print(` ${(length - 2) / 8} `);
      const origin = base.reversed ? base.seq : base.ack;
      for (let edge = at + 2; edge < at + length; edge += 8) view.print(`{${(view.u32(edge) - origin) >>> 0}:${(view.u32(edge + 4) - origin) >>> 0}}`);
    }
    at += length;
    separator = ',';
  }
  view.print(']');
}

/** tcpdump looks for HTTP on these ports only. */
const HTTP_PORTS: ReadonlySet<number> = new Set([80, 8080, 3128]);

function printData(view: View, sport: number, dport: number, at: number, length: number, flags: number): void {
  const on = (port: number): boolean => sport === port || dport === port;
  if ((flags & RST) !== 0 && view.options.verbosity > 0) printResetData(view, at, length);
  else if (HTTP_PORTS.has(sport) || HTTP_PORTS.has(dport)) printHttp(view, at, length);
  else if (on(25)) printPlainText(view, 'smtp', at, length);
  else if (on(21)) printPlainText(view, 'ftp', at, length);
  else if (on(22)) printPlainText(view, 'ssh', at, length);
  else if (on(6379)) printResp(view, at, length);
  else if (on(53)) {
    view.print(' ');
    printDns(view, at, length, true);
  }
}

/** So much of what a RST carries is printed. */
const MAX_RESET_BYTES = 30;

/** RFC 1122 section 4.2.2.12: a RST may say why. */
function printResetData(view: View, at: number, length: number): void {
  view.print(` [${view.has(at, length) ? '' : '!'}RST${length > MAX_RESET_BYTES ? '+' : ''} `);
  for (let i = 0; i < Math.min(length, MAX_RESET_BYTES) && view.has(at + i, 1); i += 1) view.print(characterText(view.u8(at + i)));
  view.print(']');
}
