/** An endpoint's policy map as a packet meets it: longest prefix of protocol and port, for the peer's identity and for anybody. Cilium: bpf/lib/policy.h */
import type { BpfPolicy, BpfPolicyEntry } from './bpf-records.ts';

/** How much of a key an entry fixes. Cilium: POLICY_MATCH_* */
export type PolicyMatch = 'none' | 'L3-Only' | 'L3-L4' | 'L4-Only' | 'all' | 'L3-Proto' | 'Proto-Only';

export interface PolicyVerdict {
  readonly allowed: boolean;
  /** A deny entry has matched, not just nothing. */
  readonly denied: boolean;
  readonly match: PolicyMatch;
  readonly entry: BpfPolicyEntry | undefined;
}

/** cilium_policystats. */
export interface SavedCounter {
  readonly key: string;
  readonly packets: number;
  readonly bytes: number;
}

interface Compiled {
  readonly entry: BpfPolicyEntry;
  readonly prefixLength: number;
  packets: number;
  bytes: number;
}

const PROTO_BITS = 8;
const prefixLength = (e: BpfPolicyEntry): number => (e.protocol === 0 ? 0 : PROTO_BITS + e.portBits);
const keyOf = (e: BpfPolicyEntry): string => `${e.egress} ${e.identity} ${e.protocol} ${e.port} ${e.portBits}`;

const covers = ({ entry }: Compiled, protocol: number, port: number): boolean =>
  entry.protocol === 0 || (entry.protocol === protocol && (entry.portBits === 0 || (port ^ entry.port) >>> (16 - entry.portBits) === 0));

const NOTHING: readonly Compiled[] = [];
const NO_MATCH: PolicyVerdict = { allowed: false, denied: false, match: 'none', entry: undefined };

export class PolicyMap {
  readonly record: BpfPolicy;
  /** By identity, the longest prefix first; one map a direction. */
  readonly #ingress = new Map<number, Compiled[]>();
  readonly #egress = new Map<number, Compiled[]>();

  /** `before`: the endpoint's map until now, whose counters go on. */
  constructor(record: BpfPolicy, before?: PolicyMap) {
    this.record = record;
    for (const entry of record.entries) {
      const map = entry.egress ? this.#egress : this.#ingress;
      let list = map.get(entry.identity);
      if (list === undefined) {
        list = [];
        map.set(entry.identity, list);
      }
      list.push({ entry, prefixLength: prefixLength(entry), packets: 0, bytes: 0 });
    }
    for (const map of [this.#ingress, this.#egress]) for (const list of map.values()) list.sort((a, b) => b.prefixLength - a.prefixLength);
    if (before !== undefined) this.load(before.save());
  }

  #find(map: ReadonlyMap<number, readonly Compiled[]>, identity: number, protocol: number, port: number): Compiled | undefined {
    for (const one of map.get(identity) ?? NOTHING) if (covers(one, protocol, port)) return one;
    return undefined;
  }

  /**
   * __policy_can_access(): of the peer's own entry and that for anybody a denying one wins, then one with a proxy, then the longer prefix, then the peer's own.
   * `port` is an ICMP message's type where the protocol is ICMP.
   */
  check(egress: boolean, identity: number, protocol: number, port: number, bytes: number): PolicyVerdict {
    const map = egress ? this.#egress : this.#ingress;
    const own = this.#find(map, identity, protocol, port);
    const anybody = own?.entry.deny === true ? undefined : this.#find(map, 0, protocol, port);
    let chosen = own;
    if (anybody !== undefined) {
      const proxy = (one: Compiled): number => (one.entry.proxyPort === 0 ? 0 : 1);
      if (own === undefined || anybody.entry.deny || proxy(anybody) > proxy(own)) chosen = anybody;
      else if (proxy(anybody) === proxy(own) && anybody.prefixLength > own.prefixLength) chosen = anybody;
    }
    if (chosen === undefined) return NO_MATCH;
    chosen.packets += 1;
    chosen.bytes += bytes;
    const length = chosen.prefixLength;
    const l3 = chosen.entry.identity !== 0;
    const match =
      length > PROTO_BITS ? (l3 ? 'L3-L4' : 'L4-Only') : length > 0 ? (l3 ? 'L3-Proto' : 'Proto-Only') : l3 ? 'L3-Only' : ('all' satisfies PolicyMatch);
    return { allowed: !chosen.entry.deny, denied: chosen.entry.deny, match, entry: chosen.entry };
  }

  /** Entries with what has matched them, in the order of the map's keys. */
  list(): readonly { readonly entry: BpfPolicyEntry; readonly packets: number; readonly bytes: number }[] {
    const all = [...this.#ingress.values(), ...this.#egress.values()].flat();
    return all.sort(
      (a, b) =>
        Number(a.entry.egress) - Number(b.entry.egress) ||
        a.entry.identity - b.entry.identity ||
        a.entry.protocol - b.entry.protocol ||
        a.entry.port - b.entry.port ||
        a.prefixLength - b.prefixLength,
    );
  }

  save(): readonly SavedCounter[] {
    return this.list().flatMap(({ entry, packets, bytes }) => (packets === 0 ? [] : [{ key: keyOf(entry), packets, bytes }]));
  }

  load(saved: readonly SavedCounter[]): void {
    const counters = new Map(saved.map((one) => [one.key, one]));
    for (const map of [this.#ingress, this.#egress])
      for (const list of map.values())
        for (const one of list) {
          const counter = counters.get(keyOf(one.entry));
          one.packets = counter?.packets ?? 0;
          one.bytes = counter?.bytes ?? 0;
        }
  }
}
