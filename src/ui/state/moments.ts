/** Which moment everything shows: the present, or that of the playhead, with the boxes and texts that the world had then. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { MomentView } from '../../world/views.ts';
import type { MirrorStore } from './mirror.ts';
import type { Playback } from './playback.ts';
import type { SessionStore } from './session.ts';

export interface Past {
  /** The log position that is looked at; undefined: the present. */
  readonly seq: number | undefined;
  /** Boxes and texts as they were there; undefined where they are as now (or not known yet). */
  readonly view: MomentView | undefined;
  /** Boxes and texts of now are shown although packets of the past are: somebody has just changed them. */
  readonly now: boolean;
}

export type PastStore = StoreApi<Past>;

const present: Past = { seq: undefined, view: undefined, now: false };
/** Eras of a few scrubs; each holds a whole topology. */
const MAX_KNOWN = 12;

export interface MomentsOptions {
  readonly client: PlaygroundClient;
  readonly playback: Playback;
  readonly session: SessionStore;
  readonly mirror: MirrorStore;
}

/** Follows the playhead. Asks the world only where something was different then, one question at a time; the latest wins. */
export class Moments {
  readonly store: PastStore = createStore<Past>(() => present);
  readonly #options: MomentsOptions;
  #known: MomentView[] = [];
  #eraSeq = 0;
  #asking = false;
  #index = -1;

  constructor(options: MomentsOptions) {
    this.#options = options;
    options.playback.subscribeCoarse(() => this.#moved());
    options.session.subscribe((state, before) => {
      if (state.run !== before.run || state.runs !== before.runs) this.#moved();
    });
    options.mirror.subscribe((state) => {
      if (state.eraSeq === this.#eraSeq) return;
      this.#eraSeq = state.eraSeq;
      this.#known = [];
      this.#moved();
    });
  }

  /** Until the playhead is moved by hand, boxes and texts of now are shown. */
  showNow(): void {
    if (this.store.getState().seq !== undefined) this.store.setState({ now: true });
  }

  #seq(): number | undefined {
    const { playback, session } = this.#options;
    const { run, runs } = session.getState();
    const { index, event } = playback.getSnapshot();
    const hops = playback.hops();
    // At the end of the last run the playhead is the present.
    if (hops.length === 0 || run === undefined || (index >= hops.length - 1 && event === undefined && run === runs.at(-1))) return undefined;
    if (event !== undefined) return event;
    return index < 0 ? Math.max(0, (hops[0]?.event.seq ?? 0) - 1) : hops[index]?.event.seq;
  }

  #moved(): void {
    const seq = this.#seq();
    const { playing, index } = this.#options.playback.getSnapshot();
    const byHand = !playing && index !== this.#index;
    this.#index = index;
    const before = this.store.getState();
    const now = before.now && !byHand && seq !== undefined;
    if (seq === undefined || seq >= this.#eraSeq) {
      if (before.seq !== seq || before.view !== undefined || before.now !== now) this.store.setState({ seq, view: undefined, now });
      return;
    }
    const view = this.#known.find((one) => seq >= one.fromSeq && seq < one.toSeq);
    if (view === undefined) void this.#ask();
    if (before.seq !== seq || before.now !== now || (view !== undefined && before.view !== view)) this.store.setState({ seq, view: view ?? before.view, now });
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    const seq = this.#seq();
    if (seq === undefined) return;
    this.#asking = true;
    const era = this.#eraSeq;
    const view = await this.#options.client.call('moment', seq).catch(() => undefined);
    this.#asking = false;
    if (view === undefined) return;
    // What was asked is answered, whatever the answer says of itself: nobody asks for it again and again.
    if (era === this.#eraSeq)
      this.#known = [{ ...view, fromSeq: Math.min(view.fromSeq, seq), toSeq: Math.max(view.toSeq, seq + 1) }, ...this.#known].slice(0, MAX_KNOWN);
    this.#moved();
  }
}
