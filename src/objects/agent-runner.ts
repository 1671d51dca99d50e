/** Keeps what each agent last rendered for each key and puts or removes only the difference. */
import { CowMap } from '../base/cow-map.ts';
import { deepEqual } from '../base/equal.ts';
import type { Change, Identified, RecordStore } from '../base/record-store.ts';
import type { Delivery, Finding } from './api.ts';
import { Mailbox, type MailboxSnapshot } from './mailbox.ts';
import type { Agent, KubeObject, ObjectKey, Repair, StoreView, WatchLatency } from './types.ts';

/** Brings a person's change and a new rendering together: `before` and `rendered` are the agent's, `present` is what is there. */
export type Merge<R> = (before: R | undefined, rendered: R, present: R | undefined) => R;

interface Rendered {
  /** One version of each record, in the order rendered. */
  readonly records: readonly Identified[];
  readonly findings: readonly Finding[];
  readonly news?: string;
}

/** Called once the records are written, with the keys of an agent that have news. */
export type OnNews = (agent: string, keys: readonly string[]) => void;

export interface AgentSnapshot {
  readonly rendered: ReadonlyMap<string, Rendered>;
  readonly owners: ReadonlyMap<string, number>;
  readonly dirty: readonly (readonly string[])[];
  readonly started: boolean;
  readonly touched: readonly (readonly [string, number])[];
  readonly mail: readonly (readonly [string, MailboxSnapshot])[];
}

const nothing: Rendered = { records: [], findings: [] };
/** Up to here a look through the list beats a map made for one look. */
const shortList = 12;

/** Finds records of a rendering by id. */
function finder(records: readonly Identified[]): (id: string) => Identified | undefined {
  if (records.length <= shortList) return (id) => records.find((record) => record.id === id);
  const byId = new Map(records.map((record) => [record.id, record]));
  return (id) => byId.get(id);
}

/** Of records with the same id the last one counts, at the place of the first. */
function withoutRepeats<R extends Identified>(records: readonly R[]): readonly R[] {
  const byId = new Map<string, R>();
  for (const record of records) byId.set(record.id, record);
  return byId.size === records.length ? records : [...byId.values()];
}

export class AgentRunner<R extends Identified> {
  readonly #agents: readonly Agent<R>[];
  readonly #byKind = new Map<string, number[]>();
  readonly #view: StoreView;
  readonly #records: RecordStore<R> | undefined;
  /** `index key` to the last rendering; keys with nothing to show are left out. */
  readonly #rendered = new CowMap<string, Rendered>();
  /** How many keys render a record id. */
  readonly #owners = new CowMap<string, number>();
  readonly #pending = new Map<ObjectKey, Change<KubeObject>>();
  readonly #dirty: Set<string>[];
  readonly #merge: Merge<R>;
  readonly #nowNs: () => number;
  /** Records that somebody else has changed since they were last put right, and when. */
  readonly #touched = new Map<string, number>();
  /** By `index key` of a late agent: changes that it has not heard of yet. */
  readonly #mail = new Map<string, Mailbox>();
  readonly #latency: () => WatchLatency | undefined;
  readonly #onNews: OnNews | undefined;
  #started = false;

  constructor(
    agents: readonly Agent<R>[],
    view: StoreView,
    records: RecordStore<R> | undefined,
    nowNs: () => number = () => 0,
    merge: Merge<R> = (_before, rendered) => rendered,
    latency: () => WatchLatency | undefined = () => undefined,
    onNews?: OnNews,
  ) {
    this.#onNews = onNews;
    this.#latency = latency;
    this.#nowNs = nowNs;
    this.#merge = merge;
    this.#agents = agents;
    this.#view = view;
    this.#records = records;
    this.#dirty = agents.map(() => new Set<string>());
    agents.forEach((agent, index) => {
      for (const kind of agent.watches) {
        const known = this.#byKind.get(kind);
        if (known === undefined) this.#byKind.set(kind, [index]);
        else known.push(index);
      }
    });
    records?.listen((change) => {
      if (change.by !== undefined && this.#owners.has(change.id)) this.#touched.set(change.id, this.#nowNs());
    });
  }

  /** When the next repair is due, only while something is not as its agent left it, or a late agent hears of a change. */
  get nextDueNs(): number | undefined {
    let due = this.#nextHearingNs();
    this.#eachRepair((repair, records, touchedNs, key) => {
      if (repair.repair(records, (id) => this.#records?.find(id), key, this.#view).length === 0) return;
      const periodNs = repair.seconds * 1e9;
      // By the moment of the change, not by now: at the due time it is still due, until it is done.
      const nextNs = (Math.floor(touchedNs / periodNs) + 1) * periodNs;
      due = due === undefined ? nextNs : Math.min(due, nextNs);
    });
    return due;
  }

  /** Does the repairs whose time has come since the records were changed. */
  repair(): void {
    const nowNs = this.#nowNs();
    const puts: R[] = [];
    this.#eachRepair((repair, records, touchedNs, key) => {
      const periodNs = repair.seconds * 1e9;
      if (Math.floor(nowNs / periodNs) > Math.floor(touchedNs / periodNs))
        puts.push(...repair.repair(records, (id) => this.#records?.find(id), key, this.#view));
    });
    for (const record of puts) {
      const present = this.#records?.find(record.id);
      const merged = this.#merge(undefined, record, present);
      if (!deepEqual(present, merged)) this.#records?.put(merged);
    }
  }

  #eachRepair(visit: (repair: Repair<R>, records: readonly R[], touchedNs: number, key: string) => void): void {
    if (this.#touched.size === 0) return;
    let stillTouched = false;
    this.#agents.forEach((agent, index) => {
      if (agent.repairs === undefined) return;
      for (const [id, { records }] of this.#rendered.entries()) {
        if (!id.startsWith(`${index} `)) continue;
        const touchedNs = this.#touchedNs(records);
        if (touchedNs === undefined) continue;
        stillTouched = true;
        for (const repair of agent.repairs) visit(repair, records as readonly R[], touchedNs, id.slice(id.indexOf(' ') + 1));
      }
    });
    if (!stillTouched) this.#touched.clear();
  }

  /** Since when some of these records are not as they were rendered, by somebody else's doing. */
  #touchedNs(records: readonly Identified[]): number | undefined {
    let first: number | undefined;
    for (const record of records) {
      const since = this.#touched.get(record.id);
      if (since !== undefined && !deepEqual(this.#records?.find(record.id), record)) first = Math.min(first ?? since, since);
    }
    return first;
  }

  changed(change: Change<KubeObject>): void {
    if (!this.#byKind.has((change.after ?? change.before)?.kind ?? '')) return;
    const earlier = this.#pending.get(change.id);
    const before = earlier === undefined ? change.before : earlier.before;
    const { after } = change;
    this.#pending.set(change.id, { id: change.id, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) });
  }

  /** How late the agent of an `index key` hears, as it is now. */
  #latencyNs(id: string, latency: WatchLatency | undefined): number {
    const space = id.indexOf(' ');
    return latency?.(this.#agents[Number(id.slice(0, space))]?.name ?? '', id.slice(space + 1)) ?? 0;
  }

  #nextHearingNs(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { arrivesNs } of this.deliveries()) next = Math.min(next, arrivesNs);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** All that is on its way to late agents. */
  deliveries(): readonly Delivery[] {
    if (this.#mail.size === 0) return [];
    const latency = this.#latency();
    return [...this.#mail].flatMap(([id, mailbox]) => {
      const space = id.indexOf(' ');
      const [component, key] = [this.#agents[Number(id.slice(0, space))]?.name ?? '', id.slice(space + 1)];
      const latencyNs = this.#latencyNs(id, latency);
      return mailbox.letters.map(({ object, version, sentNs }) => ({
        component,
        key,
        object,
        sentNs,
        arrivesNs: sentNs + latencyNs,
        ...(version?.metadata.resourceVersion === undefined ? {} : { revision: Number(version.metadata.resourceVersion) }),
      }));
    });
  }

  /** Changes whose time has come are looked at now. */
  #hear(): void {
    if (this.#mail.size === 0) return;
    const latency = this.#latency();
    for (const [id, mailbox] of this.#mail) {
      if (!mailbox.deliver(this.#nowNs() - this.#latencyNs(id, latency))) continue;
      if (mailbox.letters.length === 0) this.#mail.delete(id);
      const space = id.indexOf(' ');
      this.#dirty[Number(id.slice(0, space))]?.add(id.slice(space + 1));
    }
  }

  /** Renders every key that may have changed; all removals are done before all puts, and a record that moves between keys is only put. */
  run(): void {
    this.#distribute();
    this.#hear();
    const puts = new Map<string, R>();
    const befores = new Map<string, R>();
    const removals = new Set<string>();
    const news: (readonly [agent: string, keys: readonly string[]])[] = [];
    this.#agents.forEach((agent, index) => {
      const dirty = this.#dirty[index];
      if (dirty === undefined || dirty.size === 0) return;
      this.#dirty[index] = new Set();
      const keys: string[] = [];
      for (const key of dirty) if (this.#render(agent, index, key, puts, befores, removals)) keys.push(key);
      if (keys.length > 0) news.push([agent.name, keys]);
    });
    if (this.#records === undefined) return;
    for (const id of removals) if (!puts.has(id)) this.#records.remove(id);
    for (const record of puts.values()) {
      const present = this.#records.find(record.id);
      // A record that moved from one key to another is there already, with the same content.
      if (deepEqual(present, record)) continue;
      const merged = this.#merge(befores.get(record.id), record, present);
      if (!deepEqual(present, merged)) this.#records.put(merged);
    }
    for (const [agent, keys] of news) this.#onNews?.(agent, keys);
  }

  /** Everything that is rendered is looked at again with the next `run`. */
  again(): void {
    for (const id of this.#rendered.keys()) {
      const space = id.indexOf(' ');
      this.#dirty[Number(id.slice(0, space))]?.add(id.slice(space + 1));
    }
  }

  findings(): readonly Finding[] {
    return [...this.#rendered.values()].flatMap((one) => one.findings);
  }

  snapshot(): AgentSnapshot {
    // Changes that are not yet keys would need the objects of their moment; a world takes snapshots when it has settled.
    this.#distribute();
    return {
      rendered: this.#rendered.snapshot(),
      owners: this.#owners.snapshot(),
      dirty: this.#dirty.map((keys) => [...keys]),
      started: this.#started,
      touched: [...this.#touched],
      mail: [...this.#mail].map(([id, mailbox]) => [id, mailbox.snapshot()]),
    };
  }

  restore(snapshot: AgentSnapshot): void {
    this.#rendered.restore(snapshot.rendered);
    this.#owners.restore(snapshot.owners);
    this.#pending.clear();
    this.#agents.forEach((_, index) => {
      this.#dirty[index] = new Set(snapshot.dirty[index] ?? []);
    });
    this.#started = snapshot.started;
    this.#touched.clear();
    for (const [id, timeNs] of snapshot.touched) this.#touched.set(id, timeNs);
    this.#mail.clear();
    for (const [id, mailbox] of snapshot.mail) this.#mail.set(id, new Mailbox(mailbox));
  }

  #distribute(): void {
    if (!this.#started) {
      this.#started = true;
      this.#agents.forEach((agent, index) => {
        for (const key of agent.keys(this.#view)) this.#dirty[index]?.add(key);
      });
    }
    const latency = this.#pending.size === 0 ? undefined : this.#latency();
    const nowNs = this.#nowNs();
    for (const { id: object, before, after } of this.#pending.values()) {
      for (const index of this.#byKind.get((after ?? before)?.kind ?? '') ?? []) {
        const agent = this.#agents[index];
        const dirty = this.#dirty[index];
        if (agent === undefined || dirty === undefined) continue;
        const keys = new Set<string>();
        for (const one of [after, before]) {
          for (const key of one === undefined ? [] : agent.keysFor(one, this.#view)) {
            if (!key.endsWith('*')) keys.add(key);
            else for (const id of this.#rendered.keys()) if (id.startsWith(`${index} ${key.slice(0, -1)}`)) keys.add(id.slice(id.indexOf(' ') + 1));
          }
        }
        for (const key of keys) {
          const latencyNs = latency?.(agent.name, key) ?? 0;
          const id = `${index} ${key}`;
          // What is still on its way arrives first.
          if (latencyNs === 0 && !this.#mail.has(id)) dirty.add(key);
          else {
            const mailbox = this.#mail.get(id) ?? new Mailbox();
            this.#mail.set(id, mailbox);
            mailbox.send(object, before, after, nowNs, latencyNs === Number.POSITIVE_INFINITY);
          }
        }
      }
    }
    this.#pending.clear();
  }

  /** True: it has news. */
  #render(agent: Agent<R>, index: number, key: string, puts: Map<string, R>, befores: Map<string, R>, removals: Set<string>): boolean {
    const id = `${index} ${key}`;
    const old = this.#rendered.get(id) ?? nothing;
    const rendering = agent.render(key, this.#mail.get(id)?.view(this.#view) ?? this.#view, old.records as readonly R[]);
    const records = withoutRepeats(rendering.records);
    const before = finder(old.records);
    const now = finder(records);
    const extent = old.records.length === 0 ? 'differences' : (agent.rewrites?.(key, this.#view) ?? 'differences');
    const differs = records.some((record) => !deepEqual(before(record.id), record)) || records.length !== old.records.length;
    const all = extent === 'always' || (extent === 'whole' && differs);
    const kept = records.map((record): Identified => {
      const known = before(record.id);
      if (known !== undefined && deepEqual(known, record)) {
        if (all) puts.set(record.id, record);
        return known;
      }
      if (known !== undefined) befores.set(record.id, known as R);
      if (known === undefined) this.#owners.set(record.id, (this.#owners.get(record.id) ?? 0) + 1);
      puts.set(record.id, record);
      removals.delete(record.id);
      return record;
    });
    for (const { id: gone } of old.records) {
      if (now(gone) !== undefined) continue;
      const owners = (this.#owners.get(gone) ?? 1) - 1;
      if (owners > 0) {
        this.#owners.set(gone, owners);
        continue;
      }
      this.#owners.delete(gone);
      puts.delete(gone);
      removals.add(gone);
    }
    const findings: readonly Finding[] = rendering.diagnostics ?? [];
    const { news } = rendering;
    if (kept.length === 0 && findings.length === 0 && news === undefined) this.#rendered.delete(id);
    else this.#rendered.set(id, { records: kept, findings, ...(news === undefined ? {} : { news }) });
    return news !== old.news;
  }
}
