/** A printer's view of captured bytes: reads that go beyond them end the line as tcpdump ends it, with `[|tcp]`. */
import type { Ip } from '../packet.ts';
import type { PortNames } from './names.ts';

export interface TcpdumpOptions {
  /** -n: no names for addresses and ports. */
  readonly numeric: boolean;
  /** Number of -v. */
  readonly verbosity: number;
  /** -e: the link-level header. */
  readonly link: boolean;
  /** -S: absolute sequence numbers. */
  readonly absoluteSequence?: boolean;
  /** -q: less protocol information. */
  readonly quiet?: boolean;
  /** -K: checksums are not looked at. */
  readonly noChecksums?: boolean;
  /** -#: the packet's number before each line. */
  readonly numbers?: boolean;
  /** -x, -xx, -X, -XX, -A, -AA. */
  readonly dump?: TcpdumpDump;
  /** `clock` 22:51:53.040175 · `none` -t · `epoch` -tt · `delta` -ttt · `date` -tttt · `since-first` -ttttt. */
  readonly time?: 'clock' | 'none' | 'epoch' | 'delta' | 'date' | 'since-first';
  /** --nano: nine digits instead of six. */
  readonly nanoseconds?: boolean;
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs: number;
  /** Without -n: a name for an address, if there is one. */
  readonly nameOf?: (ip: Ip) => string | undefined;
}

export type TcpdumpDump = 'none' | 'hex' | 'hex-link' | 'text' | 'text-link' | 'ascii' | 'ascii-link';

/** Changed in place by `tcpdumpLines`. */
export interface TcpdumpState {
  /** Base sequence numbers of both directions, by `address.port>address.port` with the smaller port first. */
  readonly flows: Map<string, { seq: number; ack: number }>;
  firstNs: number;
  lastNs: number;
  /** Lines printed so far. */
  count: number;
}

/** The bytes ended before the header did; `protocol` is who was reading. Caught where the line began. */
export class Truncated extends Error {
  readonly protocol: string;
  /** Printed behind it. */
  readonly suffix: string;
  /** The reader noticed by itself: tcpdump then still knows how long the link-level header is, which hex dumps leave out. */
  readonly noticed: boolean;

  constructor(protocol: string, noticed = false, suffix = '') {
    super(protocol);
    this.protocol = protocol;
    this.noticed = noticed;
    this.suffix = suffix;
  }
}

/** Layers call each other only through here: a tunnel's printer those of what it carries, without import cycles. `length`: what the wire carried from `at` on. */
export interface ViewLayers {
  ethernet(view: View, at: number, length: number): void;
  /** False for an EtherType nobody here can read. */
  network(view: View, etherType: number, at: number, length: number): boolean;
  ip(view: View, at: number, length: number): void;
  ip6(view: View, at: number, length: number): void;
}

/** Tunnels in tunnels end here. */
export const MAX_DEPTH = 8;

/** What all printers of one line share; `end` moves in while a packet inside is printed. */
export class View {
  readonly bytes: Uint8Array;
  readonly options: TcpdumpOptions;
  readonly state: TcpdumpState;
  readonly ports: PortNames;
  readonly layers: ViewLayers;
  /** No byte at or behind this is looked at. */
  end: number;
  /** Who is reading: named where bytes are missing. */
  protocol = 'ether';
  /** Encapsulations open at this moment. */
  depth = 0;
  text = '';

  constructor(bytes: Uint8Array, options: TcpdumpOptions, state: TcpdumpState, ports: PortNames, layers: ViewLayers) {
    this.bytes = bytes;
    this.options = options;
    this.state = state;
    this.ports = ports;
    this.layers = layers;
    this.end = bytes.length;
  }

  print(text: string): void {
    this.text += text;
  }

  /** `length` bytes from `at` were captured. */
  has(at: number, length: number): boolean {
    return at + length <= this.end;
  }

  need(at: number, length: number): void {
    if (!this.has(at, length)) throw new Truncated(this.protocol);
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.bytes[at] as number;
  }

  u16(at: number): number {
    this.need(at, 2);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  u24(at: number): number {
    return this.u8(at) * 65536 + this.u16(at + 1);
  }

  u32(at: number): number {
    return this.u16(at) * 65536 + this.u16(at + 2);
  }

  mac(at: number): string {
    this.need(at, 6);
    let text = '';
    for (let i = 0; i < 6; i += 1) text += `${i === 0 ? '' : ':'}${(this.bytes[at + i] as number).toString(16).padStart(2, '0')}`;
    return text;
  }
}

/** `cond1, cond2` for the bits that are set; `none` where there is none. */
export function bitNames(names: readonly (readonly [number, string])[], value: number, separator: string): string {
  const text = names
    .filter(([bit]) => (value & bit) !== 0)
    .map(([, name]) => name)
    .join(separator);
  return text === '' ? 'none' : text;
}

export const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** A byte as tcpdump prints it inside text: `^A` for control characters, `M-` before what has the high bit. */
export function characterText(code: number): string {
  const low = code & 127;
  const text = low < 32 ? `^${String.fromCharCode(low ^ 64)}` : low === 127 ? '^?' : String.fromCharCode(low);
  return code > 127 ? `M-${text}` : text;
}
