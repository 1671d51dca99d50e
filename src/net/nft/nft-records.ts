/** What nftables holds in a netns, as records: tables, chains, sets and maps, named counters, quotas and limits. Rules and elements are texts in nft's language. */
import type { Origin } from '../../base/origin.ts';
import type { ChainType, Family, NftHookName, ObjectType } from './ast.ts';

interface NftBase {
  readonly id: string;
  readonly origin: Origin;
  readonly netns: string;
  readonly family: Family;
  /** Counts up in creation order within its table (of a table: within the netns); what `-a` prints, and the order of listing. */
  readonly handle: number;
}

/** Id: `<netns>/nft/<family>/<name>`. */
export interface NftTable extends NftBase {
  readonly kind: 'nft-table';
  readonly name: string;
  readonly comment?: string;
  /** `flags dormant`: its chains see no packets. */
  readonly dormant?: boolean;
  /** The last handle that was given out in it: also those of things that are gone. */
  readonly lastHandle: number;
}

/** One rule: its text as nft prints it (`ip daddr 10.96.0.10 tcp dport 80 accept`). */
export interface NftRule {
  readonly text: string;
  readonly handle: number;
  /** Where this very rule comes from, when it is more exact than the chain's origin. */
  readonly origin?: Origin;
}

/** Id: `<netns>/nft/<family>/<table>/chain/<name>`. With `hook` it is a base chain. `rules` may be shared by reference between netns. */
export interface NftChain extends NftBase {
  readonly kind: 'nft-chain';
  readonly table: string;
  readonly name: string;
  readonly hook?: { readonly type: ChainType; readonly hook: NftHookName; readonly priority: number };
  /** Of base chains; accept where absent. */
  readonly policy?: 'accept' | 'drop';
  readonly comment?: string;
  readonly rules: readonly NftRule[];
}

/** One element: `10.96.0.10 . tcp . 80 comment "…" : goto service-…` as nft prints it, without `expires`. */
export interface NftElement {
  readonly text: string;
  /** When it goes away, in ns of the engine's clock; absent: it stays. */
  readonly expiresNs?: number;
}

/** A named set, or (with `data`) a map. Id: `<netns>/nft/<family>/<table>/set/<name>`. `elements` may be shared by reference between netns. */
export interface NftSet extends NftBase {
  readonly kind: 'nft-set';
  readonly table: string;
  readonly name: string;
  /** Behind `type` or `typeof`, with that word: `type ipv4_addr . inet_service`. */
  readonly key: string;
  /** Of a map: what stands behind the colon. */
  readonly data?: string;
  /** Of `constant`, `dynamic`, `interval`, `timeout`, in this order. */
  readonly flags: readonly string[];
  readonly timeoutMs?: number;
  readonly gcIntervalMs?: number;
  readonly size?: number;
  readonly policy?: 'performance' | 'memory';
  readonly autoMerge?: boolean;
  readonly comment?: string;
  /** Every element counts. */
  readonly counter?: boolean;
  readonly elements: readonly NftElement[];
}

/** Id: `<netns>/nft/<family>/<table>/<type>/<name>`. `text` is what stands between its braces. */
export interface NftObject extends NftBase {
  readonly kind: 'nft-object';
  readonly table: string;
  readonly name: string;
  readonly type: ObjectType;
  readonly text: string;
  readonly comment?: string;
}

export type NftRecord = NftTable | NftChain | NftSet | NftObject;

export const nftTableId = (netns: string, family: Family, table: string): string => `${netns}/nft/${family}/${table}`;
export const nftChainId = (netns: string, family: Family, table: string, name: string): string => `${netns}/nft/${family}/${table}/chain/${name}`;
export const nftSetId = (netns: string, family: Family, table: string, name: string): string => `${netns}/nft/${family}/${table}/set/${name}`;
export const nftObjectId = (netns: string, family: Family, table: string, type: ObjectType, name: string): string =>
  `${netns}/nft/${family}/${table}/${type}/${name}`;

export const isNftRecord = (record: { readonly kind: string }): record is NftRecord =>
  record.kind === 'nft-table' || record.kind === 'nft-chain' || record.kind === 'nft-set' || record.kind === 'nft-object';
