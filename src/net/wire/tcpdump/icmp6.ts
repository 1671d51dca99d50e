/** ICMPv6, neighbour discovery and multicast listeners as tcpdump prints them. tcpdump: print-icmp6.c */
import { address6Text, shouldBe, transportSum } from './parts.ts';
import { bitNames, hex, type View } from './view.ts';

const TYPES: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded in-transit',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
  137: 'redirect',
  143: 'multicast listener report v2',
};
const UNREACHABLE: readonly string[] = ['unreachable route', ' unreachable prohibited', 'beyond scope', 'unreachable address', 'unreachable port'];
const NEIGHBOUR_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'router'],
  [0x40, 'solicited'],
  [0x20, 'override'],
];
const ROUTER_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'managed'],
  [0x40, 'other stateful'],
  [0x20, 'home agent'],
];
const PREFIX_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'onlink'],
  [0x40, 'auto'],
  [0x20, 'router'],
];
const PREFERENCES: readonly string[] = ['medium', 'high', 'reserved', 'low'];
const RECORDS: Readonly<Record<number, string>> = { 1: 'is_in', 2: 'is_ex', 3: 'to_in', 4: 'to_ex', 5: 'allow', 6: 'block' };
const OPTION_NAMES: Readonly<Record<number, string>> = {
  1: 'source link-address',
  2: 'destination link-address',
  3: 'prefix info',
  4: 'redirected header',
  5: 'mtu',
};

export function printIcmp6(view: View, ip: number, at: number, length: number, fragmented: boolean): void {
  view.protocol = 'icmp6';
  const verbose = view.options.verbosity > 0;
  view.need(at, 4);
  if (verbose && !fragmented && view.has(at, length)) {
    const sum = transportSum(view, ip, at, length, 58);
    const written = view.u16(at + 2);
    view.print(sum === 0 ? '[icmp6 sum ok] ' : `[bad icmp6 cksum 0x${hex(written, 4)} -> 0x${hex(shouldBe(written, sum), 4)}!] `);
  }
  const type = view.u8(at);
  view.print(`ICMP6, ${TYPES[type] ?? `unknown icmp6 type (${type})`}`);
  if (verbose && type >= 133 && type <= 137) view.print(`, length ${length}`);
  printBody(view, type, view.u8(at + 1), at, length);
  if (!verbose) view.print(`, length ${length}`);
}

function printBody(view: View, type: number, code: number, at: number, length: number): void {
  const verbose = view.options.verbosity > 0;
  switch (type) {
    case 1:
      view.print(`, ${UNREACHABLE[code] ?? `unknown unreach code (${code})`}`);
      if (code === 4) printPort(view, at + 8);
      else if (code === 0 || code === 1 || code === 3) view.print(` ${address6Text(view, at + 32)}`);
      else if (code === 2) view.print(` ${address6Text(view, at + 32)}, source address ${address6Text(view, at + 16)}`);
      return;
    case 2:
      view.print(`, mtu ${view.u32(at + 4)}`);
      return;
    case 3:
      view.print(code === 0 ? ` for ${address6Text(view, at + 32)}` : code === 1 ? ' (reassembly)' : `, unknown code (${code})`);
      return;
    case 4:
      view.need(at, 48);
      if (code === 0) view.print(`, erroneous - octet ${view.u32(at + 4)}`);
      else if (code === 1) view.print(`, next header - octet ${view.u32(at + 4)}`);
      else view.print(code === 2 ? `, option - octet ${view.u32(at + 4)}` : `, code-#${code}`);
      return;
    case 128:
    case 129:
      view.print(`, id ${view.u16(at + 4)}, seq ${view.u16(at + 6)}`);
      return;
    case 130:
    case 131:
    case 132:
      view.print(`max resp delay: ${view.u16(at + 4)} addr: ${address6Text(view, at + 8)}`);
      return;
    case 133:
      if (verbose) printOptions(view, at + 8, at + length);
      return;
    case 134:
      printAdvertisement(view, at, length);
      return;
    case 135:
      view.print(`, who has ${address6Text(view, at + 8)}`);
      if (verbose) printOptions(view, at + 24, at + length);
      return;
    case 136:
      view.print(`, tgt is ${address6Text(view, at + 8)}`);
      if (!verbose) return;
      view.print(`, Flags [${bitNames(NEIGHBOUR_FLAGS, view.u8(at + 4), ', ')}]`);
      printOptions(view, at + 24, at + length);
      return;
    case 137:
      view.print(`, ${address6Text(view, at + 24)} to ${address6Text(view, at + 8)}`);
      if (verbose) printOptions(view, at + 40, at + length);
      return;
    case 143:
      printListeners(view, at, length);
      return;
    default:
      if (verbose) view.print(`, length ${length}`);
  }
}

/** The quoted packet's upper layer, behind extension headers. */
function printPort(view: View, quoted: number): void {
  let next = view.u8(quoted + 6);
  let body = quoted + 40;
  for (let headers = 0; headers < 8 && (next === 0 || next === 43 || next === 44 || next === 60); headers += 1) {
    const bytes = next === 44 ? 8 : (view.u8(body + 1) + 1) * 8;
    next = view.u8(body);
    body += bytes;
  }
  const dport = view.u16(body + 2);
  const to = address6Text(view, quoted + 24);
  if (next === 6) view.print(`, ${to} tcp port ${view.ports.tcp(dport)}`);
  else if (next === 17) view.print(`, ${to} udp port ${view.ports.udp(dport)}`);
  else view.print(`, ${to} protocol ${next} port ${dport} unreachable`);
}

function printAdvertisement(view: View, at: number, length: number): void {
  if (view.options.verbosity === 0) return;
  view.need(at, 16);
  const flags = view.u8(at + 5);
  view.print(`\n\thop limit ${view.u8(at + 4)}, Flags [${bitNames(ROUTER_FLAGS, flags, ', ')}], pref ${PREFERENCES[(flags >> 3) & 3] ?? ''}`);
  view.print(`, router lifetime ${view.u16(at + 6)}s, reachable time ${view.u32(at + 8)}ms, retrans timer ${view.u32(at + 12)}ms`);
  printOptions(view, at + 16, at + length);
}

/** RFC 3810 section 5.2. */
function printListeners(view: View, at: number, length: number): void {
  const groups = view.u16(at + 6);
  view.print(`, ${groups} group record(s)`);
  if (view.options.verbosity === 0) return;
  let record = at + 8;
  for (let i = 0; i < groups && record < at + length; i += 1) {
    const kind = view.u8(record);
    const sources = view.u16(record + 2);
    view.print(` [gaddr ${address6Text(view, record + 4)} ${RECORDS[kind] ?? `[v2-report-#${kind}]`}`);
    if (view.options.verbosity > 1) {
      view.print(' {');
      for (let source = 0; source < sources; source += 1) view.print(` ${address6Text(view, record + 20 + source * 16)}`);
      view.print(' }]');
    } else view.print(`, ${sources} source(s)]`);
    record += 20 + sources * 16 + view.u8(record + 1) * 4;
  }
}

function printOptions(view: View, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const kind = view.u8(at);
    const units = view.u8(at + 1);
    if (units === 0) return;
    const bytes = units * 8;
    view.print(`\n\t  ${OPTION_NAMES[kind] ?? 'unknown'} option (${kind}), length ${bytes} (${units}): `);
    view.need(at, bytes);
    if (kind === 1 || kind === 2) view.print(view.mac(at + 2));
    else if (kind === 3) {
      const lifetime = (seconds: number) => (seconds === 0xffffffff ? 'infinity' : `${seconds}s`);
      view.print(`${address6Text(view, at + 16)}/${view.u8(at + 2)}, Flags [${bitNames(PREFIX_FLAGS, view.u8(at + 3), ', ')}]`);
      view.print(`, valid time ${lifetime(view.u32(at + 4))}, pref. time ${lifetime(view.u32(at + 8))}`);
    } else if (kind === 5) view.print(` ${view.u32(at + 4)}`);
    else if (view.options.verbosity === 1) printUnknown(view, at + 2, at + bytes, '\n\t  ');
    if (view.options.verbosity > 1) printUnknown(view, at + 2, at + bytes, '\n\t    ');
    at += bytes;
  }
}

function printUnknown(view: View, from: number, to: number, indent: string): void {
  for (let line = from; line < to; line += 16) {
    view.print(`${indent}0x${hex(line - from, 4)}: `);
    for (let at = line; at < Math.min(to, line + 16); at += 1) view.print(`${(at - line) % 2 === 0 ? ' ' : ''}${hex(view.u8(at), 2)}`);
  }
}
