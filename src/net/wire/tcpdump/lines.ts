/** The line (or lines) tcpdump 4.99 prints for a captured frame, read from its bytes. tcpdump: print.c, print-ether.c, print-sll.c */
import { calendarTime, formatClock, formatDay } from '../calendar.ts';
import { asciiDump, hexdump } from '../hexdump.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW, linkHeaderBytes } from '../link-type.ts';
import { printIp } from './ip.ts';
import { printIp6 } from './ip6.ts';
import { etherTypeName, NAMED_PORTS, NUMERIC_PORTS } from './names.ts';
import { printEthernet, printNetwork } from './network.ts';
import { hex, type TcpdumpOptions, type TcpdumpState, Truncated, View, type ViewLayers } from './view.ts';

export interface TcpdumpFrame {
  readonly timeNs: number;
  /** From the link-level header on. */
  readonly bytes: Uint8Array;
  /** Length on the wire; more than was captured where a snapshot length cut it. Absent: all is there. */
  readonly wireBytes?: number;
  readonly linkType: number;
  /** Cooked captures: the interface's name, where its index is known. */
  readonly device?: string;
}

export function newTcpdumpState(): TcpdumpState {
  return { flows: new Map(), firstNs: -1, lastNs: -1, count: 0 };
}

export function copyTcpdumpState(state: TcpdumpState): TcpdumpState {
  return { ...state, flows: new Map([...state.flows].map(([key, flow]) => [key, { ...flow }])) };
}

const LAYERS: ViewLayers = { ethernet: printEthernet, network: printNetwork, ip: printIp, ip6: printIp6 };

/** Everything tcpdump writes for the frame, with its final newline. */
export function tcpdumpLines(frame: TcpdumpFrame, options: TcpdumpOptions, state: TcpdumpState): string {
  state.count += 1;
  const view = new View(frame.bytes, options, state, options.numeric ? NUMERIC_PORTS : NAMED_PORTS, LAYERS);
  if (options.numbers === true) view.print(`${String(state.count).padStart(5)}  `);
  view.print(timeText(frame.timeNs, options, state));
  let linkBytes = linkHeaderBytes(frame.linkType, frame.bytes);
  try {
    printLink(view, frame);
  } catch (error) {
    if (!(error instanceof Truncated)) throw error;
    view.print(` [|${error.protocol}]${error.suffix}`);
    if (!error.noticed) linkBytes = 0;
  }
  return `${view.text}${dumpText(frame, options, linkBytes)}\n`;
}

function printLink(view: View, frame: TcpdumpFrame): void {
  const wireBytes = frame.wireBytes ?? frame.bytes.length;
  switch (frame.linkType) {
    case LINKTYPE_ETHERNET:
      printEthernet(view, 0, wireBytes);
      return;
    case LINKTYPE_LINUX_SLL2:
      printCooked2(view, frame.device ?? '?', wireBytes);
      return;
    case LINKTYPE_LINUX_SLL:
      printCooked(view, wireBytes);
      return;
    case LINKTYPE_RAW: {
      view.protocol = 'raw';
      if (view.options.link) view.print('ip: ');
      printNetwork(view, view.u8(0) >> 4 === 6 ? 0x86dd : 0x0800, 0, wireBytes);
    }
  }
}

const PACKET_TYPES: readonly string[] = ['In', 'B', 'M', 'P', 'Out'];

/** LINKTYPE_LINUX_SLL2: protocol, interface index, address type, packet type, address. */
function printCooked2(view: View, device: string, wireBytes: number): void {
  view.protocol = 'sll2';
  view.need(0, 20);
  const etherType = view.u16(0);
  view.print(`${device.padEnd(5)} ${(PACKET_TYPES[view.u8(10)] ?? '?').padEnd(3)} `);
  if (view.options.link) {
    view.print(`ifindex ${view.u32(4)} ${addressText(view, 12, view.u8(11))} `);
    if (view.options.quiet !== true) view.print(`ethertype ${etherTypeName(etherType) ?? 'Unknown'} (0x${hex(etherType, 4)}), length ${wireBytes}: `);
  }
  printCookedBody(view, etherType, 20, wireBytes);
}

function printCooked(view: View, wireBytes: number): void {
  view.protocol = 'sll';
  view.need(0, 16);
  const etherType = view.u16(14);
  if (view.options.link) {
    view.print(`${(PACKET_TYPES[view.u16(0)] ?? '?').padStart(3)} ${addressText(view, 6, view.u16(4))} `);
    if (view.options.quiet !== true) view.print(`ethertype ${etherTypeName(etherType) ?? 'Unknown'} (0x${hex(etherType, 4)}), length ${wireBytes}: `);
  }
  printCookedBody(view, etherType, 16, wireBytes);
}

function addressText(view: View, at: number, length: number): string {
  if (length === 6) return view.mac(at);
  let text = '';
  for (let i = 0; i < Math.min(length, 8); i += 1) text += `${i === 0 ? '' : ':'}${hex(view.u8(at + i), 2)}`;
  return text;
}

function printCookedBody(view: View, etherType: number, headerBytes: number, wireBytes: number): void {
  if (printNetwork(view, etherType, headerBytes, wireBytes - headerBytes)) return;
  if (!view.options.link) view.print(`ethertype Unknown (0x${hex(etherType, 4)}), length ${wireBytes}: `);
  view.print(hexdump(view.bytes.subarray(headerBytes, view.end), true));
}

function dumpText(frame: TcpdumpFrame, options: TcpdumpOptions, linkBytes: number): string {
  const dump = options.dump ?? 'none';
  if (dump === 'none') return '';
  const bytes = dump.endsWith('-link') ? frame.bytes : frame.bytes.subarray(linkBytes);
  if (dump.startsWith('ascii')) return asciiDump(bytes);
  return hexdump(bytes, dump.startsWith('text'));
}

function timeText(timeNs: number, options: TcpdumpOptions, state: TcpdumpState): string {
  const previousNs = state.lastNs < 0 ? timeNs : state.lastNs;
  if (state.firstNs < 0) state.firstNs = timeNs;
  state.lastNs = timeNs;
  const { epochMs, nanoseconds = false } = options;
  const unixMs = epochMs + Math.floor(timeNs / 1e6);
  const sinceText = (ns: number) => ` ${formatClock(calendarTime(Math.floor(ns / 1e6)))}.${fraction(0, ns, nanoseconds)} `;
  switch (options.time ?? 'clock') {
    case 'none':
      return '';
    case 'epoch':
      return `${Math.floor(unixMs / 1000)}.${fraction(epochMs, timeNs, nanoseconds)} `;
    case 'delta':
      return sinceText(timeNs - previousNs);
    case 'since-first':
      return sinceText(timeNs - state.firstNs);
    case 'date':
      return `${formatDay(calendarTime(unixMs))} ${formatClock(calendarTime(unixMs))}.${fraction(epochMs, timeNs, nanoseconds)} `;
    case 'clock':
      return `${formatClock(calendarTime(unixMs))}.${fraction(epochMs, timeNs, nanoseconds)} `;
  }
}

function fraction(epochMs: number, timeNs: number, nanoseconds: boolean): string {
  const ns = (epochMs % 1000) * 1_000_000 + (timeNs % 1e9);
  return nanoseconds ? String(ns % 1e9).padStart(9, '0') : String(Math.floor(ns / 1000) % 1_000_000).padStart(6, '0');
}
