/** What the DNS proxy has seen in answers: which address belongs to which name, and until when. Cilium: pkg/fqdn, DNSCache */
import type { Ip4 } from '../wire/packet.ts';

export interface LearnedName {
  readonly ip: Ip4;
  /** Without the final dot, in small letters. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly expiresNs: number;
  /** The endpoint that asked. */
  readonly endpointId: number;
}

/** The oldest goes when there is no room. */
const MAX_NAMES = 16_384;
const NONE: readonly string[] = [];

export class LearnedNames {
  readonly #byIp = new Map<Ip4, Map<string, LearnedName>>();
  #size = 0;

  learn(entry: LearnedName): void {
    let names = this.#byIp.get(entry.ip);
    if (names === undefined) {
      names = new Map();
      this.#byIp.set(entry.ip, names);
    }
    if (!names.has(entry.name)) this.#size += 1;
    names.set(entry.name, entry);
    for (const [ip, oldest] of this.#byIp) {
      if (this.#size <= MAX_NAMES) break;
      this.#size -= oldest.size;
      this.#byIp.delete(ip);
    }
  }

  /** Names by which the address has been learned, that are not out of date. */
  namesOf(ip: Ip4, nowNs: number): readonly string[] {
    const names = this.#byIp.get(ip);
    return names === undefined ? NONE : [...names.values()].flatMap((entry) => (entry.expiresNs > nowNs ? [entry.name] : []));
  }

  list(): readonly LearnedName[] {
    return [...this.#byIp.values()].flatMap((names) => [...names.values()]);
  }

  load(entries: readonly LearnedName[]): void {
    this.#byIp.clear();
    this.#size = 0;
    for (const entry of entries) this.learn(entry);
  }
}
