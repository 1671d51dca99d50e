/** Who listens to connections as they come, change and go: `conntrack -E` (Linux: net/netfilter/nf_conntrack_ecache.c). */
import type { NetnsState } from '../stack/netns-state.ts';
import type { Connection } from './connection.ts';

interface Listener {
  readonly netns: string;
  readonly process: string;
}

export type ConnectionEventKind = 'NEW' | 'UPDATE' | 'DESTROY';

export class ConnectionListeners {
  #listeners: readonly Listener[] = [];

  set(netns: string, process: string, on: boolean): void {
    this.#listeners = this.#listeners.filter((l) => l.netns !== netns || l.process !== process);
    if (on) this.#listeners = [...this.#listeners, { netns, process }];
  }

  /** Processes that listen to this netns. */
  of(netns: string): readonly string[] {
    return this.#listeners.filter((l) => l.netns === netns).map((l) => l.process);
  }

  /** Makes the tables of all netns tell of what goes exactly where somebody listens. */
  attach(all: ReadonlyMap<string, NetnsState>, tell: (netns: NetnsState, kind: ConnectionEventKind, connection: Connection) => void): void {
    for (const netns of all.values()) netns.connections.onRemove = undefined;
    for (const { netns: id } of this.#listeners) {
      const netns = all.get(id);
      if (netns !== undefined) netns.connections.onRemove = (connection) => tell(netns, 'DESTROY', connection);
    }
  }

  save(): unknown {
    return this.#listeners;
  }

  load(saved: unknown): void {
    this.#listeners = saved as readonly Listener[];
  }
}
