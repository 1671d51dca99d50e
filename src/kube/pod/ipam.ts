/** Pod addresses of one node, as the CNI plugin host-local gives them: sequential, next after the last one given. */
import { bitsOf, formatIp, inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';

/** The addresses of a node's pod range by number; of an IPv6 range the first 2^32. */
export interface HostLocalRange {
  readonly size: number;
  readonly format: (number: number) => string;
  /** Undefined outside. */
  readonly numberOf: (text: string) => number | undefined;
  /** The first and last that may be given out; the gateway is never. */
  readonly first: number;
  readonly last: number;
  readonly gateway: number;
}

/** Undefined when the text is no range of either family. */
export function hostLocalRange(
  text: string | undefined,
  limits: { readonly rangeStart?: string; readonly rangeEnd?: string; readonly gateway?: string } = {},
): HostLocalRange | undefined {
  const prefix = text === undefined || !text.includes('/') ? undefined : parseIpPrefix(text);
  if (prefix === undefined) return undefined;
  const { network, prefixLength } = prefix;
  const size = 2 ** Math.min(32, bitsOf(network) - prefixLength);
  const numberOf = (address: string): number | undefined => {
    const ip = parseIp(address);
    if (ip === undefined || !inPrefix(network, prefixLength, ip)) return undefined;
    return typeof ip === 'bigint' ? Number(ip - (network as bigint)) : (ip - (network as number)) >>> 0;
  };
  return {
    size,
    // .0 is the network, .1 the gateway unless another is named, the last one the broadcast address.
    first: numberOf(limits.rangeStart ?? '') ?? 1,
    last: numberOf(limits.rangeEnd ?? '') ?? size - 2,
    gateway: numberOf(limits.gateway ?? '') ?? 1,
    format: (number) => formatIp(typeof network === 'bigint' ? network + BigInt(number) : (network + number) | 0),
    numberOf,
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
    // A gateway at an edge of the range is no part of it; elsewhere it is as if somebody had it.
    this.#first = range.first === range.gateway ? range.first + 1 : range.first;
    this.#last = range.last === range.gateway ? range.last - 1 : range.last;
    this.#used.add(range.gateway);
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

export const rangeText = (range: HostLocalRange): string => `${range.format(range.first)}-${range.format(range.last)}`;
