/** cilium_snat_v4_external: whose packets leave under another address, and back. Cilium: bpf/lib/nat.h */
import type { Prng } from '../../base/prng.ts';
import type { Ip4 } from '../wire/packet.ts';
import { reversedTuple, type Tuple } from './bpf-conntrack.ts';

/** Ports that translated connections get: what node ports do not need. */
export const SNAT_PORT_MIN = 32768;
const SNAT_PORT_MAX = 65535;
/** Tries for a free port before the packet is dropped. */
const COLLISION_RETRIES = 128;
const MAX_ENTRIES = 131_072;

export interface SnatEntry {
  /** As the endpoint sends it. */
  readonly original: Tuple;
  readonly toIp: Ip4;
  readonly toPort: number;
  readonly createdNs: number;
}

const keyOf = (t: Tuple): string => `${t.protocol} ${t.src} ${t.sport} ${t.dst} ${t.dport}`;

export class BpfNat {
  readonly #out = new Map<string, SnatEntry>();
  /** By what an answer looks like. */
  readonly #back = new Map<string, SnatEntry>();

  find(original: Tuple): SnatEntry | undefined {
    return this.#out.get(keyOf(original));
  }

  /** `answer` as it comes in, for the translated address. */
  findBack(answer: Tuple): SnatEntry | undefined {
    return this.#back.get(keyOf(answer));
  }

  /** Keeps the port where it may and nobody has it, else draws one. Undefined: none was free. Cilium: snat_v4_new_mapping */
  translate(original: Tuple, toIp: Ip4, nowNs: number, prng: Prng): SnatEntry | undefined {
    const known = this.find(original);
    if (known !== undefined && known.toIp === toIp) return known;
    if (known !== undefined) this.#remove(known);
    if (this.#out.size >= MAX_ENTRIES)
      for (const oldest of this.#out.values()) {
        this.#remove(oldest);
        break;
      }
    const wanted = original.sport;
    let port = wanted >= SNAT_PORT_MIN ? wanted : SNAT_PORT_MIN + (wanted % (SNAT_PORT_MAX - SNAT_PORT_MIN + 1));
    for (let tries = 0; tries < COLLISION_RETRIES; tries += 1) {
      const entry: SnatEntry = { original, toIp, toPort: port, createdNs: nowNs };
      if (!this.#back.has(backKey(entry))) {
        this.#put(entry);
        return entry;
      }
      port = SNAT_PORT_MIN + prng.below(SNAT_PORT_MAX - SNAT_PORT_MIN + 1);
    }
    return undefined;
  }

  #put(entry: SnatEntry): void {
    this.#out.set(keyOf(entry.original), entry);
    this.#back.set(backKey(entry), entry);
  }

  #remove(entry: SnatEntry): void {
    this.#out.delete(keyOf(entry.original));
    this.#back.delete(backKey(entry));
  }

  list(): readonly SnatEntry[] {
    return [...this.#out.values()];
  }

  clear(): void {
    this.#out.clear();
    this.#back.clear();
  }

  load(entries: readonly SnatEntry[]): void {
    this.clear();
    for (const entry of entries) this.#put(entry);
  }
}

function backKey(entry: SnatEntry): string {
  const back = reversedTuple(entry.original);
  return keyOf({ ...back, dst: entry.toIp, dport: entry.toPort });
}
