/** nftables of one netns in a test: texts go in, records and listings come out. */
import type { RecordStore } from '../../../base/record-store.ts';
import type { NetRecord } from '../../records.ts';
import { type ListOptions, NftListing } from '../list.ts';
import { isNftRecord, type NftRecord } from '../nft-records.ts';
import { parseCommands } from '../parse-command.ts';
import { formatError } from '../report.ts';
import { NftError } from '../scanner.ts';
import { Transaction } from '../transaction.ts';

export const WITH_HANDLES: ListOptions = { handles: true, terse: false, numeric: false, stateless: false, numericPriority: false };
export const BARE: ListOptions = { ...WITH_HANDLES, handles: false };

export class NftState {
  readonly records = new Map<string, NftRecord>();
  readonly #netns: string;
  readonly #nowNs: number;

  constructor(netns = 'host/netns/root', nowNs = 0) {
    this.#netns = netns;
    this.#nowNs = nowNs;
  }

  /** Runs the text; returns what nft would have printed as an error, or ''. */
  run(text: string, source?: string): string {
    try {
      const result = new Transaction(this.records.values(), {
        netns: this.#netns,
        origin: { component: 'test', objects: [] },
        nowNs: this.#nowNs,
        device: (name) => (name === 'lo' || name === '1' ? 'lo' : undefined),
        hasDynamic: () => false,
      }).run(parseCommands(text));
      for (const id of result.removed) this.records.delete(id);
      for (const record of result.put) this.records.set(record.id, record);
      return '';
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
      return formatError(error, text, source);
    }
  }

  list(options: ListOptions = BARE): string {
    const listing = new NftListing(this.records.values(), undefined, this.#nowNs, options);
    return listing.tables.map((t) => listing.table(t)).join('');
  }
}

/** Puts the tables of a text into a world's records. */
export function putNft(records: RecordStore<NetRecord>, netns: string, text: string): void {
  const state = new NftState(netns);
  for (const record of records.values()) if (isNftRecord(record) && record.netns === netns) state.records.set(record.id, record);
  const before = new Set(state.records.keys());
  const error = state.run(text);
  if (error !== '') throw new Error(error);
  for (const id of before) if (!state.records.has(id)) records.remove(id);
  for (const record of state.records.values()) records.put(record);
}
