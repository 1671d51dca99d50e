/** Pod addresses of one node, as the CNI plugin host-local gives them: sequential, next after the last one given. */
import { type Cidr, contains, formatIpv4, parseIpv4 } from '../addresses.ts';

/** CNI: plugins/ipam/host-local/backend/allocator. */
export class HostLocalAllocator {
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #last: number;
  #lastReserved: number | undefined;

  /**
   * @param cidr the node's pod range, at least a /30; its first address is the bridge's
   * @param used addresses of the pods that hold one
   * @param lastReserved what the file `last_reserved_ip.0` holds
   */
  constructor(cidr: Cidr, used: Iterable<string>, lastReserved: string | undefined) {
    // .0 is the network, .1 the gateway (cni0), the last one the broadcast address.
    this.#first = cidr.base + 2;
    this.#last = cidr.base + cidr.size - 2;
    for (const text of used) {
      const address = parseIpv4(text);
      if (address !== undefined) this.#used.add(address);
    }
    const remembered = lastReserved === undefined ? undefined : parseIpv4(lastReserved);
    this.#lastReserved = remembered !== undefined && contains(cidr, remembered) ? remembered : undefined;
  }

  /** Undefined when the range is full. */
  allocate(): string | undefined {
    const count = this.#last - this.#first + 1;
    if (count <= 0) return undefined;
    let candidate =
      this.#lastReserved === undefined || this.#lastReserved >= this.#last || this.#lastReserved < this.#first ? this.#first : this.#lastReserved + 1;
    for (let tries = 0; tries < count; tries += 1) {
      if (!this.#used.has(candidate)) {
        this.#used.add(candidate);
        this.#lastReserved = candidate;
        return formatIpv4(candidate);
      }
      candidate = candidate === this.#last ? this.#first : candidate + 1;
    }
    return undefined;
  }

  get lastReserved(): string | undefined {
    return this.#lastReserved === undefined ? undefined : formatIpv4(this.#lastReserved);
  }
}

export const rangeText = (cidr: Cidr): string => `${formatIpv4(cidr.base + 1)}-${formatIpv4(cidr.base + cidr.size - 2)}`;
