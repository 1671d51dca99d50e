/** Runs controllers to a fixpoint: one queue of keys, level-triggered, in rounds. */
import { CowMap } from '../base/cow-map.ts';
import type { Diagnostic } from '../base/diagnostic.ts';
import type { Change } from '../base/record-store.ts';
import type { Delivery } from './api.ts';
import type { Controller, ControllerContext, KubeObject, ObjectKey, StoreView, WatchLatency } from './types.ts';

/** A fixpoint of a thousand-pod rollout takes under a hundred rounds; more than this is two controllers that undo each other. */
const maxRounds = 1_000;
const maxReconciles = 500_000;
/** More are not drawn. */
const maxTravelling = 199;
const firstRetryNs = 5_000_000;
const lastRetryNs = 1_000_000_000_000;
/** Reconciles between two looks of who watches a fixpoint being reached. */
const stretch = 256;

interface Item {
  readonly controller: number;
  readonly key: ObjectKey;
}

/** What a controller's context has from here. */
export type Later = Pick<ControllerContext, 'requeueAfter' | 'retry'> & { readonly currentKey: () => ObjectKey };

/** A change on its way to a late controller. */
interface Travelling {
  readonly controller: number;
  readonly key: ObjectKey;
  readonly object: ObjectKey;
  readonly sentNs: number;
  readonly arrivesNs: number;
}

export interface RuntimeSnapshot {
  readonly timers: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  readonly travelling: readonly Travelling[];
  readonly queue: readonly Item[];
  readonly pending: readonly Change<KubeObject>[];
}

export class ControllerRuntime {
  readonly #controllers: readonly Controller[];
  readonly #byKind = new Map<string, number[]>();
  readonly #contexts: readonly ControllerContext[];
  readonly #view: StoreView;
  #queue: Item[] = [];
  readonly #queued = new Set<string>();
  /** Changes whose keys are not yet queued, joined by object: the first `before`, the last `after`. */
  readonly #pending = new Map<ObjectKey, Change<KubeObject>>();
  /** `index key` of a controller to the virtual time it asked for. */
  readonly #timers = new CowMap<string, number>();
  /** How often in a row a look at a key of a controller has failed. */
  readonly #failures = new CowMap<string, number>();
  #hasFailed = false;
  #currentKey: ObjectKey = '/';
  #acting: string | undefined;
  #travelling: Travelling[] = [];
  readonly #latency: () => WatchLatency | undefined;

  constructor(
    controllers: readonly Controller[],
    view: StoreView,
    contextOf: (controller: Controller, later: Later) => ControllerContext,
    latency: () => WatchLatency | undefined = () => undefined,
  ) {
    this.#latency = latency;
    this.#controllers = controllers;
    this.#view = view;
    this.#contexts = controllers.map((controller, index) =>
      contextOf(controller, {
        requeueAfter: (key, delayNs) => this.#requeueAfter(index, key, delayNs),
        retry: (key, firstNs, lastNs) => this.#retry(index, key, firstNs, lastNs),
        currentKey: () => this.#currentKey,
      }),
    );
    controllers.forEach((controller, index) => {
      for (const kind of controller.watches) {
        const known = this.#byKind.get(kind);
        if (known === undefined) this.#byKind.set(kind, [index]);
        else known.push(index);
      }
    });
  }

  changed(change: Change<KubeObject>): void {
    const kind = (change.after ?? change.before)?.kind ?? '';
    if (!this.#byKind.has(kind)) return;
    const earlier = this.#pending.get(change.id);
    if (earlier === undefined) {
      this.#pending.set(change.id, change);
      return;
    }
    const { before } = earlier;
    const { after } = change;
    this.#pending.set(change.id, { id: change.id, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) });
  }

  /** The controller that is at work; undefined while none is. */
  get acting(): string | undefined {
    return this.#acting;
  }

  /** Earliest time somebody asked to be called again. */
  get nextDueNs(): number | undefined {
    let next: number | undefined;
    for (const due of this.#timers.values()) if (next === undefined || due < next) next = due;
    return next;
  }

  /** `beforeRound` may change objects too (garbage collection); it says whether it did. `meanwhile` is called now and then between two reconciles, and changes nothing. */
  settle(nowNs: number, beforeRound: () => boolean, meanwhile?: () => void): { readonly rounds: number; readonly diagnostics: readonly Diagnostic[] } {
    this.#fireTimers(nowNs);
    let rounds = 0;
    let reconciles = 0;
    let done = 0;
    for (;;) {
      const cleaned = beforeRound();
      this.#distribute();
      if (this.#queue.length === 0) {
        if (cleaned) continue;
        return { rounds, diagnostics: [] };
      }
      if (rounds >= maxRounds || reconciles >= maxReconciles) return { rounds, diagnostics: [this.#giveUp(rounds)] };
      rounds += 1;
      meanwhile?.();
      // In the controllers' declared order, keys as they came: a set makes its pods before the scheduler looks.
      const batch = this.#queue.sort((a, b) => a.controller - b.controller);
      this.#queue = [];
      this.#queued.clear();
      reconciles += batch.length;
      for (const { controller, key } of batch) {
        const context = this.#contexts[controller];
        this.#hasFailed = false;
        this.#currentKey = key;
        this.#acting = this.#controllers[controller]?.name;
        if (context !== undefined) this.#controllers[controller]?.reconcile(key, context);
        if (!this.#hasFailed && this.#failures.size > 0) this.#failures.delete(`${controller} ${key}`);
        done += 1;
        if (meanwhile !== undefined && done % stretch === 0) meanwhile();
      }
      this.#acting = undefined;
    }
  }

  snapshot(): RuntimeSnapshot {
    return {
      timers: this.#timers.snapshot(),
      failures: this.#failures.snapshot(),
      travelling: this.#travelling,
      queue: this.#queue.slice(),
      pending: [...this.#pending.values()],
    };
  }

  restore(snapshot: RuntimeSnapshot): void {
    this.#timers.restore(snapshot.timers);
    this.#failures.restore(snapshot.failures);
    this.#travelling = [...snapshot.travelling];
    this.#queue = snapshot.queue.slice();
    this.#queued.clear();
    for (const { controller, key } of this.#queue) this.#queued.add(`${controller} ${key}`);
    this.#pending.clear();
    for (const change of snapshot.pending) this.#pending.set(change.id, change);
  }

  #enqueue(controller: number, key: ObjectKey): void {
    const id = `${controller} ${key}`;
    if (this.#queued.has(id)) return;
    this.#queued.add(id);
    this.#queue.push({ controller, key });
  }

  #distribute(): void {
    if (this.#pending.size === 0) return;
    const latency = this.#latency();
    for (const { id, before, after } of this.#pending.values()) {
      for (const index of this.#byKind.get((after ?? before)?.kind ?? '') ?? []) {
        const controller = this.#controllers[index];
        if (controller === undefined) continue;
        if (after !== undefined) for (const key of controller.keysFor(after, this.#view)) this.#hear(index, key, id, latency);
        if (before !== undefined) for (const key of controller.keysFor(before, this.#view)) this.#hear(index, key, id, latency);
      }
    }
    this.#pending.clear();
  }

  /** A late component is woken by the clock. */
  #hear(controller: number, key: ObjectKey, object: ObjectKey, latency: WatchLatency | undefined): void {
    const delayNs = latency?.(this.#controllers[controller]?.name ?? '', key) ?? 0;
    if (delayNs > 0) {
      const sentNs = this.#view.nowNs;
      this.#requeueAfter(controller, key, delayNs);
      if (this.#travelling.some((one) => one.controller === controller && one.object === object && one.key === key && one.sentNs === sentNs)) return;
      this.#travelling = [...this.#travelling.slice(-maxTravelling), { controller, key, object, sentNs, arrivesNs: sentNs + delayNs }];
    } else this.#enqueue(controller, key);
  }

  /** What late controllers have not heard of yet. */
  deliveries(): readonly Delivery[] {
    return this.#travelling.map(({ controller, ...rest }) => ({ component: this.#controllers[controller]?.name ?? '', ...rest }));
  }

  #requeueAfter(controller: number, key: ObjectKey, delayNs: number): void {
    const id = `${controller} ${key}`;
    const dueNs = this.#view.nowNs + Math.max(0, delayNs);
    const known = this.#timers.get(id);
    if (known === undefined || dueNs < known) this.#timers.set(id, dueNs);
  }

  #retry(controller: number, key: ObjectKey, firstNs = firstRetryNs, lastNs = lastRetryNs): void {
    const id = `${controller} ${key}`;
    const failures = this.#failures.get(id) ?? 0;
    this.#hasFailed = true;
    this.#failures.set(id, failures + 1);
    this.#requeueAfter(controller, key, Math.min(firstNs * 2 ** Math.min(failures, 30), lastNs));
  }

  #fireTimers(nowNs: number): void {
    if (this.#travelling.length > 0) this.#travelling = this.#travelling.filter((one) => one.arrivesNs > nowNs);
    const due = [...this.#timers.entries()].filter(([, dueNs]) => dueNs <= nowNs).sort((a, b) => a[1] - b[1]);
    for (const [id] of due) {
      this.#timers.delete(id);
      const space = id.indexOf(' ');
      this.#enqueue(Number(id.slice(0, space)), id.slice(space + 1));
    }
  }

  /** Drops what is queued, so that the world can go on, and names who would not come to rest. */
  #giveUp(rounds: number): Diagnostic {
    const hot = new Map<string, string[]>();
    for (const { controller, key } of this.#queue) {
      const name = this.#controllers[controller]?.name ?? '';
      const keys = hot.get(name);
      if (keys === undefined) hot.set(name, [key]);
      else keys.push(key);
    }
    this.#queue = [];
    this.#queued.clear();
    const names = [...hot].map(([name, keys]) => `${name} (${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ` and ${keys.length - 3} more` : ''})`);
    return { severity: 'error', code: 'not-settled', message: `controllers did not come to rest within ${rounds} rounds: ${names.join('; ')}` };
  }
}
