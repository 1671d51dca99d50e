/** Pod addresses of one node, as the CNI plugin host-local gives them: sequential, next after the last one given. */
import { bitsOf, formatIp, inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';

/** The addresses of a node's pod range by number; of an IPv6 range the first 2^32. */
export interface HostLocalRange {
  readonly size: number;
  readonly format: (number: number) => string;
  /** Undefined outside. */
  readonly numberOf: (text: string) => number | undefined;
}

/** Undefined when the text is no range of either family. */
export function hostLocalRange(text: string | undefined): HostLocalRange | undefined {
  const prefix = text === undefined || !text.includes('/') ? undefined : parseIpPrefix(text);
  if (prefix === undefined) return undefined;
  const { network, prefixLength } = prefix;
  return {
    size: 2 ** Math.min(32, bitsOf(network) - prefixLength),
    format: (number) => formatIp(typeof network === 'bigint' ? network + BigInt(number) : (network + number) | 0),
    numberOf(address) {
      const ip = parseIp(address);
      if (ip === undefined || !inPrefix(network, prefixLength, ip)) return undefined;
      return typeof ip === 'bigint' ? Number(ip - (network as bigint)) : (ip - (network as number)) >>> 0;
    },
  };
}

/** CNI: plugins/ipam/host-local/backend/allocator. */
export class HostLocalAllocator {
  readonly #range: HostLocalRange;
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #last: number;
  #lastReserved: number | undefined;

  /**
   * @param range the node's pod range, at least a /30; its first address is the bridge's
   * @param used addresses of the pods that hold one
   * @param lastReserved what the file `last_reserved_ip.0` holds
   */
  constructor(range: HostLocalRange, used: Iterable<string>, lastReserved: string | undefined) {
    this.#range = range;
    // .0 is the network, .1 the gateway (cni0), the last one the broadcast address.
    this.#first = 2;
    this.#last = range.size - 2;
    for (const text of used) {
      const number = range.numberOf(text);
      if (number !== undefined) this.#used.add(number);
    }
    this.#lastReserved = lastReserved === undefined ? undefined : range.numberOf(lastReserved);
  }

  /** Undefined when the range is full. */
  allocate(): string | undefined {
    // Of the used ones at most as many are in the way as there are.
    const tries = Math.min(this.#last - this.#first + 1, this.#used.size + 1);
    if (this.#last < this.#first) return undefined;
    const last = this.#lastReserved;
    let candidate = last === undefined || last >= this.#last || last < this.#first ? this.#first : last + 1;
    for (let i = 0; i < tries; i += 1) {
      if (!this.#used.has(candidate)) {
        this.#used.add(candidate);
        this.#lastReserved = candidate;
        return this.#range.format(candidate);
      }
      candidate = candidate === this.#last ? this.#first : candidate + 1;
    }
    return undefined;
  }

  get lastReserved(): string | undefined {
    return this.#lastReserved === undefined ? undefined : this.#range.format(this.#lastReserved);
  }
}

export const rangeText = (range: HostLocalRange): string => `${range.format(1)}-${range.format(range.size - 2)}`;
