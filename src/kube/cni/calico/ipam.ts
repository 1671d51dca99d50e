/** Calico's IPAM: nodes take blocks of a pool and give addresses out of them. Calico v3.30: libcalico-go/lib/ipam */
import { formatIp4, ip4 } from '../../../net/addr/ip4.ts';
import type { StoreView } from '../../../objects/types.ts';
import { type Cidr, parseCidr } from '../../addresses.ts';
import { perState } from '../../node/per-state.ts';
import type { Node } from '../../node/types.ts';
import { type Pool, poolTakes } from './settings.ts';
import type { BlockAttribute, IpamBlock } from './types.ts';

const CRD = 'crd.projectcalico.org/v1';
/** Of one node in a pool. Calico: IPAMConfig.maxBlocksPerHost */
const MAX_BLOCKS_PER_HOST = 20;
const hostOf = (block: IpamBlock): string => (block.spec.affinity ?? '').replace(/^host:/, '');

/** Blocks of IPv4 addresses by the object's name. */
export const blocksByName = perState(['IPAMBlock'], (view) => new Map(view.list<IpamBlock>('IPAMBlock').map((block) => [block.metadata.name, block])));

/** `10-244-166-128-26` */
export const blockName = (cidr: string): string => cidr.replace(/[./]/g, '-');

/** Name of the BlockAffinity. */
export const affinityName = (node: string, cidr: string): string => `${node}-${blockName(cidr)}`;

/** FNV-1, 32 bits: where in a pool a node begins to look, so that nodes do not meet. */
function hostHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = (Math.imul(hash, 0x01000193) ^ name.charCodeAt(i)) >>> 0;
  return hash;
}

const rangeOf = (block: IpamBlock): Cidr | undefined => parseCidr(block.spec.cidr);
const inPool = (pool: Pool, block: IpamBlock): boolean => {
  const range = rangeOf(block);
  return range !== undefined && range.base >= pool.range.base && range.base < pool.range.base + pool.range.size;
};

export const addressOf = (block: IpamBlock, ordinal: number): string => formatIp4(((rangeOf(block)?.base ?? 0) + ordinal) | 0);

/** The attribute of an address, or undefined where it is free or not of the block. */
export function holderOf(block: IpamBlock, ip: string): BlockAttribute | undefined {
  const index = block.spec.allocations[(ip4(ip) >>> 0) - (rangeOf(block)?.base ?? 0)];
  return index === null || index === undefined ? undefined : block.spec.attributes[index];
}

function newBlock(cidr: string, host: string, size: number): IpamBlock {
  return {
    apiVersion: CRD,
    kind: 'IPAMBlock',
    metadata: { name: blockName(cidr) },
    spec: {
      cidr,
      affinity: `host:${host}`,
      strictAffinity: false,
      allocations: Array.from({ length: size }, () => null),
      unallocated: Array.from({ length: size }, (_, i) => i),
      attributes: [],
    },
  };
}

/** Gives out addresses on behalf of one node; remembers what it changes until `changed` is asked. */
export class CalicoAllocator {
  readonly #host: string;
  readonly #blocks: Map<string, IpamBlock>;
  readonly #pools: readonly Pool[];
  readonly #changed = new Set<string>();
  #fullPool: string | undefined;

  constructor(host: Node, pools: readonly Pool[], view: StoreView) {
    this.#host = host.metadata.name;
    this.#blocks = new Map(blocksByName(view));
    this.#pools = pools.filter((pool) => !pool.disabled && poolTakes(pool, host));
  }

  /** Blocks that are new or other than before. */
  get changed(): readonly IpamBlock[] {
    return [...this.#changed].flatMap((name) => this.#blocks.get(name) ?? []);
  }

  /** CIDR of a pool that had nothing left, at the last refusal. */
  get fullPool(): string | undefined {
    return this.#fullPool;
  }

  /** `wanted`: names or ranges of pools, where the pod asks for some. Undefined when nothing is left. */
  assign(attribute: BlockAttribute, use: 'Workload' | 'Tunnel', wanted?: readonly string[]): string | undefined {
    const pools = this.#pools.filter((pool) =>
      wanted === undefined ? pool.automatic && pool.uses.includes(use) : wanted.includes(pool.name) || wanted.includes(pool.cidr),
    );
    const own = [...this.#blocks.values()].filter((block) => hostOf(block) === this.#host);
    for (const pool of pools) for (const block of own) if (inPool(pool, block) && block.spec.unallocated.length > 0) return this.#take(block, attribute);
    for (const pool of pools) {
      if (own.filter((block) => inPool(pool, block)).length >= MAX_BLOCKS_PER_HOST) continue;
      const cidr = this.#freeBlock(pool);
      if (cidr !== undefined) return this.#take(newBlock(cidr, this.#host, 2 ** (32 - pool.blockSize)), attribute);
    }
    for (const pool of pools) {
      const lent = [...this.#blocks.values()].find((block) => inPool(pool, block) && !block.spec.strictAffinity && block.spec.unallocated.length > 0);
      if (lent !== undefined) return this.#take(lent, attribute);
    }
    this.#fullPool = pools[0]?.cidr;
    return undefined;
  }

  #freeBlock(pool: Pool): string | undefined {
    const size = 2 ** (32 - pool.blockSize);
    const count = Math.floor(pool.range.size / size);
    const first = hostHash(this.#host) % Math.max(count, 1);
    // One more than are taken is free, if any is.
    for (let i = 0; i < Math.min(count, this.#blocks.size + 1); i += 1) {
      const cidr = `${formatIp4((pool.range.base + ((first + i) % count) * size) | 0)}/${pool.blockSize}`;
      if (!this.#blocks.has(blockName(cidr))) return cidr;
    }
    return undefined;
  }

  #take(block: IpamBlock, attribute: BlockAttribute): string {
    const { spec } = block;
    const [ordinal = 0, ...unallocated] = spec.unallocated;
    const known = spec.attributes.findIndex((one) => one.handle_id === attribute.handle_id);
    const index = known < 0 ? spec.attributes.length : known;
    const allocations = spec.allocations.map((one, i) => (i === ordinal ? index : one));
    const attributes = known < 0 ? [...spec.attributes, attribute] : spec.attributes;
    const name = block.metadata.name;
    this.#blocks.set(name, { ...block, spec: { ...spec, allocations, unallocated, attributes } });
    this.#changed.add(name);
    return addressOf(block, ordinal);
  }
}

/** The block without the addresses whose holders are gone: they are the last to be given again. The same block where all are there. */
export function released(block: IpamBlock, isGone: (attribute: BlockAttribute, ip: string) => boolean): IpamBlock {
  const { spec } = block;
  const free: number[] = [];
  spec.allocations.forEach((index, ordinal) => {
    const attribute = index === null ? undefined : spec.attributes[index];
    if (attribute !== undefined && isGone(attribute, addressOf(block, ordinal))) free.push(ordinal);
  });
  if (free.length === 0) return block;
  const left = spec.allocations.map((index, ordinal) => (free.includes(ordinal) ? null : index));
  const used = [...new Set(left.filter((index) => index !== null))].sort((a, b) => a - b);
  return {
    ...block,
    spec: {
      ...spec,
      allocations: left.map((index) => (index === null ? null : used.indexOf(index))),
      unallocated: [...spec.unallocated, ...free],
      attributes: used.flatMap((index) => spec.attributes[index] ?? []),
    },
  };
}
