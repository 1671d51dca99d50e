/** Which addresses are on which node, and how two nodes exchange packets for them. Calico v3.30: felix/calc/l3_route_resolver.go */
import { parseIp4 } from '../../../net/addr/ip4.ts';
import type { ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { parseCidr } from '../../addresses.ts';
import type { ClusterNode } from '../../node/cluster-network.ts';
import { underlayOf } from '../../node/cluster-network.ts';
import { addressOf, blocksByName } from './ipam.ts';
import { calicoSettings, type Pool } from './settings.ts';
import type { IpamBlock } from './types.ts';

export const poolOf = (ip: string, pools: readonly Pool[]): Pool | undefined => {
  const number = parseCidr(`${ip}/32`)?.base ?? -1;
  return pools.find((pool) => number >= pool.range.base && number < pool.range.base + pool.range.size);
};

export function sameSubnet(a: ClusterNode, b: ClusterNode, view: StoreView): boolean {
  const range = parseCidr(underlayOf(view).cidr);
  const has = (ip: string | undefined): boolean => {
    const number = ip === undefined || parseIp4(ip) === undefined ? undefined : (parseIp4(ip) as number) >>> 0;
    return range !== undefined && number !== undefined && number >= range.base && number < range.base + range.size;
  };
  return has(a.ip) && has(b.ip);
}

/** Whether packets between two nodes to this pool's addresses travel in its tunnel. */
export const isTunnelled = (pool: Pool, a: ClusterNode, b: ClusterNode, view: StoreView): boolean =>
  pool.mode === 'Always' || (pool.mode === 'CrossSubnet' && !sameSubnet(a, b, view));

/** A range of addresses that is on one node: its blocks, and single addresses that it has borrowed. */
export interface Piece {
  readonly cidr: string;
  readonly node: string;
  readonly pool: Pool;
  readonly block: ObjectKey;
}

export function pieces(view: StoreView): readonly Piece[] {
  const { pools } = calicoSettings(view);
  const found: Piece[] = [];
  for (const block of blocksByName(view).values()) {
    const pool = poolOf(block.spec.cidr.split('/')[0] ?? '', pools);
    if (pool === undefined) continue;
    const owner = (block.spec.affinity ?? '').replace(/^host:/, '');
    const key = objectKey(block);
    if (owner !== '') found.push({ cidr: block.spec.cidr, node: owner, pool, block: key });
    found.push(...borrowed(block, owner).map(({ ip, node }) => ({ cidr: `${ip}/32`, node, pool, block: key })));
  }
  return found;
}

function borrowed({ spec, ...block }: IpamBlock, owner: string): { readonly ip: string; readonly node: string }[] {
  return spec.allocations.flatMap((index, ordinal) => {
    const node = index === null ? undefined : spec.attributes[index]?.secondary.node;
    return node === undefined || node === owner ? [] : [{ ip: addressOf({ ...block, spec }, ordinal), node }];
  });
}
