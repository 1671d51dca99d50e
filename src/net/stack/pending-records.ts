/** Record changes that wait until the engine looks: one a record, so that what came and went unseen never happened. */
import type { Change } from '../../base/record-store.ts';
import type { NetRecord } from '../records.ts';

export class PendingRecords {
  readonly #changes = new Map<string, Change<NetRecord>>();

  get size(): number {
    return this.#changes.size;
  }

  note(change: Change<NetRecord>): void {
    const earlier = this.#changes.get(change.id);
    if (earlier === undefined) {
      this.#changes.set(change.id, change);
      return;
    }
    this.#changes.delete(change.id);
    if (earlier.before === undefined && change.after === undefined) return;
    this.#changes.set(change.id, {
      id: change.id,
      ...(earlier.before === undefined ? {} : { before: earlier.before }),
      ...(change.after === undefined ? {} : { after: change.after }),
      ...(change.by === undefined ? {} : { by: change.by }),
    });
  }

  /** All that waited, in order of each record's last change. */
  take(): Change<NetRecord>[] {
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    return changes;
  }
}
