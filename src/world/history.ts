/** The moments a world can go back to: snapshots in order of their place in the log, thinned out towards the past. */

import type { RecordSnapshot } from '../base/record-store.ts';
import type { DrainSnapshot } from '../kube/service/kube-proxy-drain.ts';
import type { EngineSnapshot } from '../net/engine.ts';
import type { NetRecord } from '../net/records.ts';
import type { PlanesSnapshot } from './control-planes.ts';
import type { DocumentInput } from './document.ts';
import type { SavedFiles } from './world-files.ts';

/** Everything that changes in a world, at one moment. References where data is immutable, copies where it is not. */
export interface WorldSnapshot {
  /** Length of the log then. */
  readonly seq: number;
  readonly planes: PlanesSnapshot;
  readonly records: RecordSnapshot<NetRecord>;
  readonly engine: EngineSnapshot;
  readonly shell: unknown;
  readonly shellPrng: number;
  readonly reportsDueNs: number | undefined;
  readonly drain: DrainSnapshot;
  readonly files: SavedFiles;
  /** How many acts had been done by then, how many of them are in the document, and how much the terminals had shown. */
  readonly acts: number;
  readonly inputs: number;
  readonly terminal: number;
  /** And how many writes of objects there had been. */
  readonly writes: number;
}

/** Something done to a world, and the length of the log when it was done: a replay does it again there. */
export interface Act {
  readonly seq: number;
  readonly input: DocumentInput | { readonly kind: 'close'; readonly timeNs: number; readonly session: string };
}

/** Log events between two snapshots: going back to any event re-runs at most about this many. */
export const SNAPSHOT_EVERY = 2_000;
const MAX_SNAPSHOTS = 64;

export class History {
  #snapshots: WorldSnapshot[] = [];

  get lastSeq(): number | undefined {
    return this.#snapshots[this.#snapshots.length - 1]?.seq;
  }

  keep(snapshot: WorldSnapshot): void {
    // The later one of two at the same place knows what the command between them wrote.
    if (this.lastSeq === snapshot.seq) this.#snapshots.pop();
    this.#snapshots.push(snapshot);
    if (this.#snapshots.length > MAX_SNAPSHOTS) this.#thin();
  }

  /** Forgets what came after a place in the log. */
  truncate(seq: number): void {
    this.#snapshots = this.#snapshots.filter((snapshot) => snapshot.seq <= seq);
  }

  /** The latest snapshot from which event `seq` still lies ahead, or the earliest of all. */
  before(seq: number): WorldSnapshot | undefined {
    let found = this.#snapshots[0];
    for (const snapshot of this.#snapshots) if (snapshot.seq <= seq) found = snapshot;
    return found;
  }

  /** Every second snapshot of the older half goes: the past stays reachable, only a little farther from its nearest one. */
  #thin(): void {
    const half = this.#snapshots.length / 2;
    this.#snapshots = this.#snapshots.filter((_, index) => index === 0 || index >= half || index % 2 === 0);
  }
}
