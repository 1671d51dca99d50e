/** The connection tracking table of one netns: both tuples of every entry in one hash. Linux: net/netfilter/nf_conntrack_core.c */
import { ipHash } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { Connection, type Tuple, zoneId } from './connection.ts';
import { type ConntrackStatistics, newStatistics } from './statistics.ts';

const FIRST_BUCKETS = 64;
/** The buckets of every table that holds nothing yet; never written to. */
const UNUSED: (Connection | undefined)[] = [undefined];
const FIRST_SWEEP = 4096;

/** A direction of an entry: what a lookup finds. */
export interface Found {
  connection: Connection;
  reply: boolean;
}

function hash(src: Ip, dst: Ip, ports: number, protocol: number): number {
  let h = Math.imul(ipHash(src) ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ ipHash(dst), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ ports, 0x27d4eb2f);
  h ^= h >>> 16;
  return Math.imul(h ^ protocol, 0x165667b1) >>> 0;
}

const portsOf = (sport: number, dport: number): number => ((sport << 16) ^ dport) | 0;

const hashOf = (t: Tuple, protocol: number): number => hash(t.src, t.dst, portsOf(t.sport, t.dport), protocol);

const sourceKey = (t: Tuple, protocol: number): number => hash(t.src, 0, t.sport, protocol);

/** How many buckets a search for an entry to evict looks at (NF_CT_EVICTION_RANGE). */
const EVICTION_RANGE = 8;

function isWithin(hashed: number, start: number, buckets: number): boolean {
  const ahead = (hashed % buckets) - start;
  return (ahead < 0 ? ahead + buckets : ahead) < EVICTION_RANGE;
}

export class ConnectionTable {
  #buckets = UNUSED;
  #mask = 0;
  #size = 0;
  #serial = 0;
  #sweepAt = FIRST_SWEEP;
  /** Reused by `find`, so that a lookup allocates nothing. */
  statistics: ConntrackStatistics = newStatistics();
  /** Told of every entry that goes, while somebody listens. */
  onRemove: ((connection: Connection) => void) | undefined = undefined;
  /** Connections whose source NAT really changed, by their own source: the next one of the same socket gets the same (nf_nat_bysource). */
  readonly #bySource = new Map<number, Connection[]>();
  readonly #found: Found = { connection: undefined as unknown as Connection, reply: false };

  get size(): number {
    return this.#size;
  }

  create(protocol: number, original: Tuple, reply: Tuple): Connection {
    this.#serial += 1;
    return new Connection(this.#serial, protocol, original, reply);
  }

  /** The live entry with this tuple, in either direction. Expired entries are removed on the way. The result is valid until the next call. */
  find(src: Ip, dst: Ip, sport: number, dport: number, protocol: number, icmpType: number, nowNs: number, zone = 0): Found | undefined {
    const hashed = hash(src, dst, portsOf(sport, dport), protocol);
    const bucket = hashed & this.#mask;
    let entry = this.#buckets[bucket];
    while (entry !== undefined) {
      let isOriginal = false;
      if (entry.originalHash === hashed && !entry.clash) {
        const o = entry.original;
        isOriginal = o.sport === sport && o.dport === dport && o.src === src && o.dst === dst && entry.protocol === protocol && o.icmpType === icmpType;
      }
      let isReply = false;
      if (entry.replyHash === hashed && !isOriginal) {
        const r = entry.reply;
        isReply = r.sport === sport && r.dport === dport && r.src === src && r.dst === dst && entry.protocol === protocol && r.icmpType === icmpType;
      }
      if ((isOriginal || isReply) && (entry.zone === zone || zoneId(entry.zone, isReply) === zoneId(zone, isReply))) {
        if (entry.expiresNs > nowNs) {
          this.#found.connection = entry;
          this.#found.reply = isReply;
          return this.#found;
        }
        const next = this.#next(entry, bucket);
        this.remove(entry);
        entry = next;
        continue;
      }
      entry = this.#next(entry, bucket);
    }
    return undefined;
  }

  findTuple(tuple: Tuple, protocol: number, nowNs: number, zone = 0): Found | undefined {
    return this.find(tuple.src, tuple.dst, tuple.sport, tuple.dport, protocol, tuple.icmpType, nowNs, zone);
  }

  /** Another live connection from the same address and port whose source was translated (find_appropriate_src()). */
  findSource(tuple: Tuple, protocol: number, zone: number, nowNs: number): Connection | undefined {
    return this.#bySource
      .get(sourceKey(tuple, protocol))
      ?.find((c) => c.original.src === tuple.src && c.original.sport === tuple.sport && c.protocol === protocol && c.zone === zone && c.expiresNs > nowNs);
  }

  /**
   * Room for another: the first entry that no two-way traffic has confirmed, in the eight buckets (of as many as the kernel has) that a search from
   * this tuple would look at, goes. False where there is none (early_drop()).
   */
  evictNear(tuple: Tuple, protocol: number, buckets: number): boolean {
    const start = hashOf(tuple, protocol) % buckets;
    let oldest: Connection | undefined;
    for (let bucket = 0; bucket < this.#buckets.length; bucket += 1) {
      for (let e = this.#buckets[bucket]; e !== undefined; e = this.#next(e, bucket)) {
        if (e.assured || (oldest !== undefined && oldest.serial <= e.serial)) continue;
        if (isWithin(e.originalHash, start, buckets) || isWithin(e.replyHash, start, buckets)) oldest = e;
      }
    }
    if (oldest === undefined) return false;
    this.remove(oldest);
    return true;
  }

  insert(connection: Connection): void {
    // Two links an entry: chains stay shorter than one on average.
    if (2 * this.#size >= this.#mask) this.#grow();
    connection.originalHash = hashOf(connection.original, connection.protocol);
    connection.replyHash = hashOf(connection.reply, connection.protocol);
    this.#link(connection);
    this.#size += 1;
    connection.confirmed = true;
    if (connection.sourceNat) this.#linkSource(connection);
  }

  remove(connection: Connection): void {
    if (!connection.confirmed || connection.dead) return;
    const a = connection.originalHash & this.#mask;
    const b = connection.replyHash & this.#mask;
    this.#unlink(connection, a);
    if (b !== a) this.#unlink(connection, b);
    connection.nextOriginal = undefined;
    connection.nextReply = undefined;
    connection.dead = true;
    this.#size -= 1;
    if (connection.sourceNat) this.#unlinkSource(connection);
    this.onRemove?.(connection);
  }

  /** All live entries, oldest first. */
  list(nowNs: number): Connection[] {
    const seen: Connection[] = [];
    for (let bucket = 0; bucket < this.#buckets.length; bucket += 1) {
      for (let e = this.#buckets[bucket]; e !== undefined; e = this.#next(e, bucket)) {
        if (e.expiresNs > nowNs && (e.originalHash & this.#mask) === bucket) seen.push(e);
      }
    }
    return seen.sort((x, y) => x.serial - y.serial);
  }

  /** Takes out what has expired; returns how many were. */
  collect(nowNs: number): number {
    const old: Connection[] = [];
    for (let bucket = 0; bucket < this.#buckets.length; bucket += 1) {
      for (let e = this.#buckets[bucket]; e !== undefined; e = this.#next(e, bucket)) if (e.expiresNs <= nowNs) old.push(e);
    }
    for (const e of old) this.remove(e);
    return old.length;
  }

  /** Sweeps when the table is twice as large as it was after the last sweep, so that what has expired costs a constant share. */
  sweepIfGrown(nowNs: number): void {
    if (this.#size < this.#sweepAt) return;
    this.collect(nowNs);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#size);
  }

  get serial(): number {
    return this.#serial;
  }

  /** Replaces everything, for a restore. */
  load(serial: number, connections: readonly Connection[]): void {
    this.#buckets = UNUSED;
    this.#mask = 0;
    this.#size = 0;
    this.#serial = serial;
    this.#bySource.clear();
    this.statistics = newStatistics();
    for (const c of connections) {
      c.nextOriginal = undefined;
      c.nextReply = undefined;
      this.insert(c);
    }
  }

  #linkSource(c: Connection): void {
    const key = sourceKey(c.original, c.protocol);
    const same = this.#bySource.get(key);
    if (same === undefined) this.#bySource.set(key, [c]);
    else same.push(c);
  }

  #unlinkSource(c: Connection): void {
    const key = sourceKey(c.original, c.protocol);
    const same = this.#bySource.get(key);
    const at = same?.indexOf(c) ?? -1;
    if (same === undefined || at < 0) return;
    if (same.length === 1) this.#bySource.delete(key);
    else same.splice(at, 1);
  }

  // An entry is in one or two buckets. In its original tuple's bucket it is chained by `nextOriginal`, else by `nextReply`; where both
  // tuples fall into one bucket it stands there once.
  #next(c: Connection, bucket: number): Connection | undefined {
    return (c.originalHash & this.#mask) === bucket ? c.nextOriginal : c.nextReply;
  }

  #link(c: Connection): void {
    const a = c.originalHash & this.#mask;
    c.nextOriginal = this.#buckets[a];
    this.#buckets[a] = c;
    const b = c.replyHash & this.#mask;
    if (b === a) return;
    c.nextReply = this.#buckets[b];
    this.#buckets[b] = c;
  }

  #unlink(c: Connection, bucket: number): void {
    let e = this.#buckets[bucket];
    if (e === c) {
      this.#buckets[bucket] = this.#next(c, bucket);
      return;
    }
    while (e !== undefined) {
      const next = this.#next(e, bucket);
      if (next === c) {
        const after = this.#next(c, bucket);
        if ((e.originalHash & this.#mask) === bucket) e.nextOriginal = after;
        else e.nextReply = after;
        return;
      }
      e = next;
    }
  }

  #grow(): void {
    const all = new Set<Connection>();
    for (let bucket = 0; bucket < this.#buckets.length; bucket += 1) {
      for (let e = this.#buckets[bucket]; e !== undefined; e = this.#next(e, bucket)) all.add(e);
    }
    const ordered = [...all].sort((x, y) => x.serial - y.serial);
    this.#buckets = new Array(Math.max(FIRST_BUCKETS, this.#buckets.length * 4)).fill(undefined);
    this.#mask = this.#buckets.length - 1;
    for (const c of ordered) {
      c.nextOriginal = undefined;
      c.nextReply = undefined;
      this.#link(c);
    }
  }
}
