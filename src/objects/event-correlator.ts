/** Decides which events of a component are told: similar ones together, and no more than an object's share. Kubernetes: client-go/tools/record/events_cache.go. */
import { CowMap } from '../base/cow-map.ts';
import type { EventObject, EventWords } from './events.ts';
import type { KubeObject } from './types.ts';

/** As many different messages for one reason within ten minutes are told as one event. */
const mostMessages = 10;
const similarForMs = 600_000;
/** What one component may say about one object at once, and how long until it may say one more. */
const burst = 25;
const refillMs = 300_000;
/** An object with fewer events than this from all components together cannot reach any bound. */
const few = mostMessages - 1;

interface Similar {
  readonly messages: readonly string[];
  readonly lastMs: number;
}
/** What a component remembers of an object about which it has said much. */
interface Memory {
  readonly tokens: number;
  readonly atMs: number;
  readonly similar: ReadonlyMap<string, Similar>;
  /** Events that were counted and not told, by name. */
  readonly untold: ReadonlyMap<string, number>;
}

export interface CorrelatorSnapshot {
  readonly told: ReadonlyMap<string, number>;
  readonly memories: ReadonlyMap<string, ReadonlyMap<string, Memory>>;
}

export interface Correlated {
  /** Told alone, or as one of many: then its message says so. */
  readonly message: string;
  readonly isCombined: boolean;
}

export class EventCorrelator {
  /** Events so far by the object's uid; all that is kept of nearly every object. */
  readonly #told = new CowMap<string, number>();
  readonly #memories = new CowMap<string, ReadonlyMap<string, Memory>>();

  snapshot(): CorrelatorSnapshot {
    return { told: this.#told.snapshot(), memories: this.#memories.snapshot() };
  }

  restore(snapshot: CorrelatorSnapshot): void {
    this.#told.restore(snapshot.told);
    this.#memories.restore(snapshot.memories);
  }

  forget(uid: string): void {
    this.#told.delete(uid);
    this.#memories.delete(uid);
  }

  /**
   * How these words are told.
   *
   * @param earlier the events about the object so far; asked for once, when it has many
   * @param nameOf the name under which they are counted
   * @returns `times`: how often it is to be counted (more than once: what was passed over before); 0: nothing is told
   */
  admit(
    about: KubeObject,
    words: EventWords,
    nowMs: number,
    earlier: () => readonly EventObject[],
    nameOf: (correlated: Correlated) => string,
  ): Correlated & { readonly name: string; readonly times: number } {
    const { uid = '' } = about.metadata;
    const alone: Correlated = { message: words.message, isCombined: false };
    const told = this.#told.get(uid) ?? 0;
    if (told < few) {
      this.#told.set(uid, told + 1);
      return { ...alone, name: nameOf(alone), times: 1 };
    }
    const source = `${words.component}\n${words.host ?? ''}`;
    const known = this.#memories.get(uid);
    const memory = known?.get(source) ?? remembered(earlier(), words, nowMs);
    const kindOfEvent = `${words.type}\n${words.reason}`;
    const before = memory.similar.get(kindOfEvent);
    const messages = before === undefined || nowMs - before.lastMs > similarForMs ? [] : before.messages;
    const now = messages.includes(words.message) ? messages : [...messages, words.message];
    const isCombined = now.length >= mostMessages;
    const correlated: Correlated = isCombined ? { message: `(combined from similar events): ${words.message}`, isCombined } : alone;
    const name = nameOf(correlated);
    const tokens = Math.min(burst, memory.tokens + (nowMs - memory.atMs) / refillMs);
    const isTold = tokens >= 1;
    const untold = new Map(memory.untold);
    const times = (untold.get(name) ?? 0) + 1;
    if (isTold) untold.delete(name);
    else untold.set(name, times);
    const next: Memory = {
      tokens: isTold ? tokens - 1 : tokens,
      atMs: nowMs,
      similar: new Map(memory.similar).set(kindOfEvent, { messages: isCombined ? now.slice(1) : now, lastMs: nowMs }),
      untold,
    };
    this.#memories.set(uid, new Map(known).set(source, next));
    return { ...correlated, name, times: isTold ? times : 0 };
  }
}

/** What a component would remember of what it has told. */
function remembered(earlier: readonly EventObject[], words: EventWords, nowMs: number): Memory {
  const similar = new Map<string, Similar>();
  let tokens = burst;
  for (const event of earlier) {
    if (event.source.component !== words.component || event.source.host !== words.host) continue;
    tokens -= event.count ?? 1;
    const kindOfEvent = `${event.type}\n${event.reason}`;
    similar.set(kindOfEvent, { messages: [...(similar.get(kindOfEvent)?.messages ?? []), event.message].slice(1 - mostMessages), lastMs: nowMs });
  }
  return { tokens: Math.max(0, tokens), atMs: nowMs, similar, untold: new Map() };
}
