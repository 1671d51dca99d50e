/** The log of all that happened, as typed rows that are decoded only when somebody looks. */
import type { NetRecord } from '../records.ts';
import type { CtState, Skb } from '../stack/skb.ts';
import type { BpfHookName, DropReason, RouteReference, RuleReference } from '../trace-event.ts';
import type { Ip, TunnelName } from '../wire/packet.ts';
import { HeaderTable } from './header-table.ts';
import { FloatRows, IntRows } from './rows.ts';

/** Where a row happened; interned once for each device and each netns. */
export interface Place {
  readonly hostId: string;
  readonly netns: string;
  /** '' where no device is concerned. */
  readonly device: string;
}

/** Things rows point at: immutable, kept for ever, so that an old row reads right after its rule is gone. */
export type Reference =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'rule'; readonly rule: RuleReference; readonly verdict: string }
  | { readonly kind: 'route'; readonly route: RouteReference; readonly device: string }
  | { readonly kind: 'neighbor'; readonly mac: string; readonly origin: import('../../base/origin.ts').Origin | undefined }
  | { readonly kind: 'bridged'; readonly bridge: string; readonly fromPort: string; readonly to: readonly string[]; readonly how: 'fdb' | 'flood' | 'local' }
  | {
      readonly kind: 'tunnel';
      readonly protocol: TunnelName;
      readonly vni: number;
      readonly localIp: string;
      readonly remoteIp: string;
      readonly overheadBytes: number;
      readonly fdbOrigin: import('../../base/origin.ts').Origin | undefined;
    }
  | {
      readonly kind: 'drop';
      readonly reason: DropReason;
      readonly detail: string;
      readonly rule?: RuleReference;
      readonly route?: RouteReference;
      readonly answered?: string;
    }
  | {
      readonly kind: 'bpf';
      readonly program: string;
      readonly hook: BpfHookName;
      readonly verdict: string;
      readonly detail: string;
      readonly origin?: import('../../base/origin.ts').Origin;
    }
  | ({ readonly kind: 'tls'; readonly process: string } & import('../app/definition.ts').TlsNote)
  | { readonly kind: 'printed'; readonly process: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'changed'; readonly command: string | undefined; readonly before: NetRecord | undefined; readonly after: NetRecord | undefined }
  | { readonly kind: 'forgotten'; readonly by: string; readonly netns: string; readonly flow: string };

export const ROW_CREATED = 1;
export const ROW_RECEIVED = 2;
export const ROW_BRIDGED = 3;
export const ROW_MATCHED = 4;
export const ROW_TRANSLATED = 5;
export const ROW_ROUTED = 6;
export const ROW_RESOLVED = 7;
export const ROW_QUEUED = 8;
export const ROW_ENCAPSULATED = 9;
export const ROW_DECAPSULATED = 10;
export const ROW_TRANSMITTED = 11;
export const ROW_DELIVERED = 12;
export const ROW_PRINTED = 13;
export const ROW_DROPPED = 14;
/** netem made a second one. */
export const ROW_DUPLICATED = 20;
export const ROW_CHANGED = 15;
/** A BPF program decided. */
export const ROW_BPF = 21;
/** A program took a step of a TLS handshake. */
export const ROW_TLS = 22;

// Columns of a row; the time is a float64 beside them: 44 bytes a row.
export const COLUMN_PACKET = 0;
export const COLUMN_CAUSE = 1;
/** kind 8 bits, conntrack state 8 bits, a small number of the kind's own 16 bits. */
export const COLUMN_KIND = 2;
export const COLUMN_PLACE = 3;
export const COLUMN_HEADER = 4;
export const COLUMN_MARK = 5;
export const COLUMN_A = 6;
export const COLUMN_B = 7;
export const COLUMN_C = 8;
const STRIDE = 9;

/** All a truncation needs to go back to a moment. */
export interface TraceMark {
  readonly rows: number;
  readonly headers: number;
  readonly contents: number;
  readonly headers6: number;
  readonly objects: number;
}

export class TraceLog {
  enabled: boolean;
  readonly rows = new IntRows(STRIDE);
  readonly times = new FloatRows();
  readonly headers = new HeaderTable();
  readonly places: Place[] = [];
  /** Interned references: deduplicated by their owners, never forgotten. */
  readonly references: Reference[] = [];
  /** One row's own objects; truncated with it. */
  readonly objects: Reference[] = [];
  readonly #texts = new Map<string, number>();
  /** IPv6 addresses that rows point at: interned, never forgotten. */
  readonly #addresses: bigint[] = [];
  readonly #addressIndexes = new Map<bigint, number>();
  #replayAt = -1;
  #wasEnabled = true;

  constructor(enabled: boolean) {
    this.enabled = enabled;
  }

  /** Sequence number of the next row; while the past is replayed, of the row that would be next. */
  get length(): number {
    return this.#replayAt >= 0 ? this.#replayAt : this.rows.length;
  }

  /** From here on rows are counted but not written, beginning with number `seq`; `enabled` is off meanwhile. */
  beginReplay(seq: number): void {
    this.#wasEnabled = this.enabled;
    this.enabled = false;
    this.#replayAt = this.#wasEnabled ? seq : -1;
  }

  endReplay(): void {
    this.enabled = this.#wasEnabled;
    this.#replayAt = -1;
  }

  /** The row that is not written now: its number while the past is replayed, -1 with the trace off. */
  skip(): number {
    if (this.#replayAt < 0) return -1;
    this.#replayAt += 1;
    return this.#replayAt - 1;
  }

  place(hostId: string, netns: string, device: string): number {
    this.places.push({ hostId, netns, device });
    return this.places.length - 1;
  }

  reference(reference: Reference): number {
    this.references.push(reference);
    return this.references.length - 1;
  }

  /** Index of an interned text. */
  text(text: string): number {
    let index = this.#texts.get(text);
    if (index === undefined) {
      index = this.reference({ kind: 'text', text });
      this.#texts.set(text, index);
    }
    return index;
  }

  /** An address as a row's column holds it: an IPv4 one itself, an IPv6 one by index; the row's small number says which (`addressOf`). */
  address(ip: Ip): number {
    if (typeof ip === 'number') return ip;
    let index = this.#addressIndexes.get(ip);
    if (index === undefined) {
      index = this.#addresses.length;
      this.#addresses.push(ip);
      this.#addressIndexes.set(ip, index);
    }
    return index;
  }

  addressOf(column: number, six: boolean): Ip {
    return six ? (this.#addresses[column] ?? 0n) : column;
  }

  /** Stores an object for one row only; returns its index as a negative number, to tell it from `references`. */
  object(reference: Reference): number {
    this.objects.push(reference);
    return -this.objects.length;
  }

  resolve(index: number): Reference {
    return (index >= 0 ? this.references[index] : this.objects[-index - 1]) as Reference;
  }

  /** Writes a row and returns its sequence number; -1 with the trace off. */
  add(timeNs: number, kind: number, small: number, place: number, packet: Skb | undefined, a: number, b: number, c: number): number {
    if (!this.enabled) return this.skip();
    const header = packet === undefined ? -1 : this.headers.rowFor(packet);
    const seq = this.rows.add();
    const chunk = this.rows.chunkOf(seq);
    const at = this.rows.offsetOf(seq);
    this.times.set(seq, timeNs);
    if (packet === undefined) {
      chunk[at + COLUMN_PACKET] = -1;
      chunk[at + COLUMN_CAUSE] = -1;
      chunk[at + COLUMN_KIND] = kind | (small << 16);
      chunk[at + COLUMN_MARK] = 0;
    } else {
      chunk[at + COLUMN_PACKET] = packet.id;
      chunk[at + COLUMN_CAUSE] = packet.causeSeq;
      chunk[at + COLUMN_KIND] = kind | (packet.ctState << 8) | (small << 16);
      chunk[at + COLUMN_MARK] = packet.mark;
    }
    chunk[at + COLUMN_PLACE] = place;
    chunk[at + COLUMN_HEADER] = header;
    chunk[at + COLUMN_A] = a;
    chunk[at + COLUMN_B] = b;
    chunk[at + COLUMN_C] = c;
    return seq;
  }

  mark(): TraceMark {
    return {
      rows: this.rows.length,
      headers: this.headers.length,
      contents: this.headers.contentLength,
      headers6: this.headers.length6,
      objects: this.objects.length,
    };
  }

  truncate(mark: TraceMark): void {
    this.rows.truncate(mark.rows);
    this.times.truncate(mark.rows);
    this.headers.truncate(mark.headers, mark.contents, mark.headers6);
    this.objects.length = mark.objects;
  }
}

export const kindOf = (column: number): number => column & 255;
export const ctStateOf = (column: number): CtState => ((column >>> 8) & 255) as CtState;
export const smallOf = (column: number): number => column >>> 16;
