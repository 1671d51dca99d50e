/** cilium_ct4_global and cilium_ct_any4_global: the connections that BPF programs have seen, beside the kernel's own table. Cilium: bpf/lib/conntrack.h */
import { IP_PROTO_ICMP, IP_PROTO_TCP, type Ip4, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/packet.ts';

const NS = 1e9;
const TCP_LIFETIME_NS = 8000 * NS;
const OTHER_LIFETIME_NS = 60 * NS;
const SYN_TIMEOUT_NS = 60 * NS;
const CLOSE_TIMEOUT_NS = 10 * NS;
/** Entries of both tables together; the oldest goes when there is no room (LRU). */
const MAX_ENTRIES = 262_144;

/** What identifies a packet for the maps: an echo's number stands where the port of its sender is. */
export interface Tuple {
  readonly protocol: number;
  readonly src: Ip4;
  readonly sport: number;
  readonly dst: Ip4;
  readonly dport: number;
}

/** OUT: an endpoint of this host (or a service's client) began it; IN: it came to an endpoint; SVC: which backend a frontend chose. */
export type CtDirection = 'OUT' | 'IN' | 'SVC';

export interface CtEntry extends Tuple {
  readonly direction: CtDirection;
  expiresNs: number;
  packets: number;
  bytes: number;
  rxFlags: number;
  txFlags: number;
  lastRxNs: number;
  lastTxNs: number;
  seenNonSyn: boolean;
  rxClosing: boolean;
  txClosing: boolean;
  /** The frontend (record id) whose address answers get back, '' for none, and that address. */
  service: string;
  serviceIp: Ip4;
  servicePort: number;
  /** It came by the card for a frontend there. */
  nodePort: boolean;
  /** Of who began it. */
  identity: number;
  /** The proxy that reads what is said; 0: none. */
  proxyPort: number;
  /** The proxy has refused a request and speaks to the client alone: its next sequence number; -1: it has not. */
  proxySeq: number;
  /** SVC: the backend. */
  backendIp: Ip4;
  backendPort: number;
}

export type CtResult = 'new' | 'established' | 'reply' | 'related';

export const reversedTuple = (t: Tuple): Tuple => ({ protocol: t.protocol, src: t.dst, sport: t.dport, dst: t.src, dport: t.sport });

const keyOf = (direction: CtDirection, t: Tuple): string => `${direction} ${t.protocol} ${t.src} ${t.sport} ${t.dst} ${t.dport}`;

export class BpfConntrack {
  readonly #entries = new Map<string, CtEntry>();

  get size(): number {
    return this.#entries.size;
  }

  find(direction: CtDirection, tuple: Tuple, nowNs: number): CtEntry | undefined {
    const key = keyOf(direction, tuple);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresNs > nowNs) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** An error about a connection between these two, in whichever direction. */
  relates(a: Ip4, b: Ip4, nowNs: number): boolean {
    for (const e of this.#entries.values())
      if (e.direction !== 'SVC' && e.protocol !== IP_PROTO_ICMP && e.expiresNs > nowNs && ((e.src === a && e.dst === b) || (e.src === b && e.dst === a)))
        return true;
    return false;
  }

  /** Cilium: ct_create4 */
  create(direction: CtDirection, tuple: Tuple, nowNs: number, identity: number): CtEntry {
    const key = keyOf(direction, tuple);
    if (this.#entries.size >= MAX_ENTRIES && !this.#entries.has(key)) this.#evict(nowNs);
    const entry: CtEntry = {
      direction,
      protocol: tuple.protocol,
      src: tuple.src,
      sport: tuple.sport,
      dst: tuple.dst,
      dport: tuple.dport,
      expiresNs: nowNs,
      packets: 0,
      bytes: 0,
      rxFlags: 0,
      txFlags: 0,
      lastRxNs: 0,
      lastTxNs: 0,
      seenNonSyn: false,
      rxClosing: false,
      txClosing: false,
      service: '',
      serviceIp: 0,
      servicePort: 0,
      nodePort: false,
      identity,
      proxyPort: 0,
      proxySeq: -1,
      backendIp: 0,
      backendPort: 0,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** Takes out what is over; when nothing is, the oldest entry. */
  #evict(nowNs: number): void {
    for (const [key, entry] of this.#entries) if (entry.expiresNs <= nowNs) this.#entries.delete(key);
    if (this.#entries.size < MAX_ENTRIES) return;
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key);
      return;
    }
  }

  list(nowNs: number): CtEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.expiresNs > nowNs);
  }

  /** `cilium-dbg bpf ct flush` */
  clear(): number {
    const { size } = this.#entries;
    this.#entries.clear();
    return size;
  }

  save(): readonly CtEntry[] {
    return [...this.#entries.values()].map((entry) => ({ ...entry }));
  }

  load(entries: readonly CtEntry[]): void {
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(keyOf(entry.direction, entry), { ...entry });
  }
}

/** A packet of the connection has passed: counters, flags, and how long the entry lives from now. Cilium: __ct_lookup, ct_update_timeout */
export function touch(entry: CtEntry, reply: boolean, tcpFlags: number, bytes: number, nowNs: number): void {
  // Seen from who began an OUT connection its own packets are sent, of an IN connection they are received.
  const sent = (entry.direction === 'IN') === reply;
  entry.packets += 1;
  entry.bytes += bytes;
  if (sent) {
    entry.txFlags |= tcpFlags;
    entry.lastTxNs = nowNs;
  } else {
    entry.rxFlags |= tcpFlags;
    entry.lastRxNs = nowNs;
  }
  if (entry.protocol !== IP_PROTO_TCP) {
    entry.expiresNs = nowNs + OTHER_LIFETIME_NS;
    return;
  }
  if ((tcpFlags & TCP_SYN) !== 0 && (tcpFlags & TCP_ACK) === 0 && !reply) {
    entry.seenNonSyn = false;
    entry.rxClosing = false;
    entry.txClosing = false;
  } else entry.seenNonSyn = true;
  if ((tcpFlags & TCP_RST) !== 0) {
    entry.rxClosing = true;
    entry.txClosing = true;
  } else if ((tcpFlags & TCP_FIN) !== 0) {
    if (sent) entry.txClosing = true;
    else entry.rxClosing = true;
  }
  entry.expiresNs = nowNs + (entry.rxClosing && entry.txClosing ? CLOSE_TIMEOUT_NS : entry.seenNonSyn ? TCP_LIFETIME_NS : SYN_TIMEOUT_NS);
}

/** The tuple of a packet; undefined for protocols that the programs do not track. */
export function tupleOf(packet: {
  readonly protocol: number;
  readonly src: unknown;
  readonly dst: unknown;
  readonly sport: number;
  readonly dport: number;
  readonly tcp?: unknown;
  readonly icmp?: { readonly type: number; readonly id: number } | undefined;
}): Tuple | undefined {
  const { protocol, src, dst } = packet;
  if (typeof src !== 'number' || typeof dst !== 'number') return undefined;
  if (protocol === IP_PROTO_ICMP) {
    const icmp = packet.icmp;
    if (icmp === undefined) return undefined;
    const [sport, dport] = icmp.type === 8 ? [icmp.id, 0] : icmp.type === 0 ? [0, icmp.id] : [0, 0];
    return { protocol, src, sport, dst, dport };
  }
  return { protocol, src, sport: packet.sport, dst, dport: packet.dport };
}
