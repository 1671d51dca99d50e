/** One ipset as packets meet it: its members by key, with their time left and their counters. Linux: net/netfilter/ipset/ip_set_core.c, ip_set_hash_gen.h */
import { bitsOf, networkOf } from '../../addr/ip.ts';
import type { IpSet, IpSetEntry } from '../../records.ts';
import { ipBytes } from '../../wire/lengths.ts';
import type { Ip } from '../../wire/packet.ts';
import type { RuleContext } from '../definition.ts';
import { formatElement, keyOf, type Part, parseElements } from './element.ts';
import { type Dimension, type IpSetType, ipSetTypeOf } from './type.ts';

const NS = 1e9;
const WITH_PORTS = new Set([6, 17, 132, 136]);
/** How deep sets of sets are followed: the kernel lets a list hold no list. */
const MAX_DEPTH = 2;

export interface Member {
  readonly parts: readonly Part[];
  /** 0: it stays. */
  expiresNs: number;
  packets: number;
  bytes: number;
  readonly nomatch: boolean;
  readonly comment: string;
}

/** What a snapshot keeps of a member. */
export type SavedMember = Omit<Member, 'parts'> & { readonly element: string };

export class IpSetState {
  record: IpSet;
  readonly type: IpSetType;
  readonly members = new Map<string | Ip, Member>();
  /** Prefix lengths in use, longest first, for each part that is a network. */
  #lengths: (readonly number[])[] | undefined;

  constructor(record: IpSet, nowNs: number) {
    this.record = record;
    this.type = ipSetTypeOf(record.type);
    this.apply(record, nowNs);
  }

  /** The record says which elements there are; those that stay keep their time and counters. */
  apply(record: IpSet, nowNs: number): void {
    const before = new Map(this.members);
    this.record = record;
    this.members.clear();
    this.#lengths = undefined;
    for (const entry of record.entries) {
      const parts = this.#parse(entry.element);
      if (parts === undefined) continue;
      const key = keyOf(parts);
      this.members.set(key, this.#member(parts, entry, before.get(key), nowNs));
    }
  }

  #parse(element: string): readonly Part[] | undefined {
    const parsed = parseElements(this.type, this.record.family, element);
    return 'error' in parsed ? undefined : parsed[0];
  }

  #member(parts: readonly Part[], entry: IpSetEntry, known: Member | undefined, nowNs: number): Member {
    const timeout = entry.timeoutSeconds ?? this.record.timeoutSeconds;
    const fresh = timeout === undefined || timeout === 0 ? 0 : nowNs + timeout * NS;
    return {
      parts,
      expiresNs: entry.expiresNs ?? known?.expiresNs ?? fresh,
      packets: entry.packets ?? known?.packets ?? 0,
      bytes: entry.bytes ?? known?.bytes ?? 0,
      nomatch: entry.nomatch === true,
      comment: entry.comment ?? '',
    };
  }

  /** The member of that key, if its time is not over; one whose time is over goes. */
  find(key: string | Ip, nowNs: number): Member | undefined {
    const member = this.members.get(key);
    if (member === undefined || member.expiresNs === 0 || member.expiresNs > nowNs) return member;
    this.members.delete(key);
    this.#lengths = undefined;
    return undefined;
  }

  /** Members whose time is not over, in the order in which they came. */
  list(nowNs: number): Member[] {
    return [...this.members.values()].filter((m) => m.expiresNs === 0 || m.expiresNs > nowNs);
  }

  /** The member that the packet is in, by its source (true) or destination in each part. */
  match(context: RuleContext, directions: readonly boolean[], update: boolean, depth = 0): Member | undefined {
    if (this.type.name === 'list:set') return depth >= MAX_DEPTH ? undefined : this.#matchList(context, directions, update, depth);
    // A set of more parts than directions were given for cannot be asked.
    if (directions.length < this.type.dimensions.length) return undefined;
    const member = this.#search(context, directions, 0, []);
    if (member !== undefined && update && this.record.counters === true) {
      member.packets += 1;
      member.bytes += ipBytes(context.skb);
    }
    return member;
  }

  #matchList(context: RuleContext, directions: readonly boolean[], update: boolean, depth: number): Member | undefined {
    for (const member of this.list(context.nowNs)) {
      const part = member.parts[0];
      const inner = part?.kind === 'set' ? context.ipset(part.name) : undefined;
      const found = inner?.match(context, directions, update, depth + 1);
      if (found !== undefined && !found.nomatch) return found;
    }
    return undefined;
  }

  /** Part for part; a network is tried with each length in use, the longest first. */
  #search(context: RuleContext, directions: readonly boolean[], at: number, parts: readonly Part[]): Member | undefined {
    if (at === this.type.dimensions.length) return this.find(keyOf(parts), context.nowNs);
    for (const part of this.#candidates(context, this.type.dimensions[at] as Dimension, directions[at] === true, at)) {
      const found = this.#search(context, directions, at + 1, [...parts, part]);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #candidates(context: RuleContext, dimension: Dimension, source: boolean, at: number): readonly Part[] {
    const { skb } = context;
    const ip = source ? skb.src : skb.dst;
    if ((dimension === 'ip' || dimension === 'net') && (typeof ip === 'bigint') !== (this.record.family === 'inet6')) return [];
    if (dimension !== 'net' && dimension !== 'iface') {
      const part = this.#packetPart(context, dimension, source);
      return part === undefined ? [] : [part];
    }
    if (dimension === 'net') {
      this.#lengths ??= this.#compileLengths();
      return (this.#lengths[at] ?? []).map((prefixLength): Part => ({ kind: 'net', network: networkOf(ip, prefixLength), prefixLength }));
    }
    const name = source ? context.inDevice : context.outDevice;
    const port = source ? context.physIn : context.physOut;
    const parts: Part[] = name === '' ? [] : [{ kind: 'iface', name, physical: false }];
    if (port !== '') parts.push({ kind: 'iface', name: port, physical: true });
    return parts;
  }

  /** What the packet itself is in one part; undefined where it has nothing of the kind. */
  #packetPart(context: RuleContext, dimension: Dimension, source: boolean): Part | undefined {
    const { skb } = context;
    const ip = source ? skb.src : skb.dst;
    switch (dimension) {
      case 'ip': {
        const length = this.record.netmask;
        return { kind: 'ip', ip: length === undefined ? ip : networkOf(ip, length) };
      }
      case 'net':
        return { kind: 'net', network: ip, prefixLength: bitsOf(ip) };
      case 'port': {
        if (skb.fragmentOffset > 0) return undefined;
        const protocol = this.type.name === 'bitmap:port' ? 0 : skb.protocol;
        if (skb.icmp !== undefined) return { kind: 'port', protocol, port: (skb.icmp.type << 8) | skb.icmp.code };
        if (!WITH_PORTS.has(skb.protocol)) return this.type.name === 'bitmap:port' ? undefined : { kind: 'port', protocol, port: 0 };
        return { kind: 'port', protocol, port: source ? skb.sport : skb.dport };
      }
      case 'mac':
        return context.inDevice === '' ? undefined : { kind: 'mac', mac: source ? skb.ethSrc : skb.ethDst };
      case 'mark':
        return { kind: 'mark', mark: skb.mark };
      case 'iface': {
        const name = source ? context.inDevice : context.outDevice;
        return name === '' ? undefined : { kind: 'iface', name, physical: false };
      }
      case 'set':
        return undefined;
    }
  }

  #compileLengths(): (readonly number[])[] {
    return this.type.dimensions.map((dimension, at) => {
      if (dimension !== 'net') return [];
      const lengths = new Set<number>();
      for (const member of this.members.values()) {
        const part = member.parts[at];
        if (part?.kind === 'net') lengths.add(part.prefixLength);
      }
      return [...lengths].sort((a, b) => b - a);
    });
  }

  /** Where there is no room any more: a full set takes nothing. */
  get full(): boolean {
    return this.members.size >= (this.record.maxelem ?? Number.POSITIVE_INFINITY);
  }

  /** -j SET --add-set. `exist` begins the time of one that is there anew. False: it was not added. */
  addPacket(context: RuleContext, directions: readonly boolean[], timeoutSeconds: number | undefined, exist: boolean): boolean {
    const parts: Part[] = [];
    for (const [i, dimension] of this.type.dimensions.entries()) {
      const part = directions[i] === undefined ? undefined : this.#packetPart(context, dimension, directions[i] === true);
      if (part === undefined) return false;
      parts.push(part);
    }
    const key = keyOf(parts);
    const known = this.find(key, context.nowNs);
    if (known !== undefined && !exist) return false;
    if (known === undefined && this.full) return false;
    const timeout = timeoutSeconds ?? this.record.timeoutSeconds;
    // A set that was created without timeouts keeps what it gets.
    const expiresNs = this.record.timeoutSeconds === undefined || timeout === undefined || timeout === 0 ? 0 : context.nowNs + timeout * NS;
    if (known !== undefined) {
      known.expiresNs = expiresNs;
      return true;
    }
    this.members.set(key, { parts, expiresNs, packets: 0, bytes: 0, nomatch: false, comment: '' });
    this.#lengths = undefined;
    return true;
  }

  /** -j SET --del-set. */
  deletePacket(context: RuleContext, directions: readonly boolean[]): void {
    const parts: Part[] = [];
    for (const [i, dimension] of this.type.dimensions.entries()) {
      const part = directions[i] === undefined ? undefined : this.#packetPart(context, dimension, directions[i] === true);
      if (part === undefined) return;
      parts.push(part);
    }
    this.members.delete(keyOf(parts));
    this.#lengths = undefined;
  }

  save(): SavedMember[] {
    return [...this.members.values()].map(({ parts, ...rest }) => ({ ...rest, element: formatElement(parts, this.type) }));
  }

  load(saved: readonly SavedMember[]): void {
    this.members.clear();
    this.#lengths = undefined;
    for (const { element, ...rest } of saved) {
      const parts = this.#parse(element);
      if (parts !== undefined) this.members.set(keyOf(parts), { ...rest, parts });
    }
  }
}
