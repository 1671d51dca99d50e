/** What is on its way to a component that hears late: versions of objects in the order in which they were written, and the store as it still sees it. */
import { type KubeObject, type ObjectKey, objectKey, type StoreView } from './types.ts';

export interface Letter {
  readonly object: ObjectKey;
  /** Undefined: it is gone. */
  readonly version: KubeObject | undefined;
  readonly sentNs: number;
}
export interface MailboxSnapshot {
  readonly letters: readonly Letter[];
  readonly old: readonly (readonly [ObjectKey, KubeObject | undefined])[];
}

/** Beyond so many only the last version of each object travels. */
const maxLetters = 1_000;

export class Mailbox {
  #letters: Letter[];
  /** Objects with letters under way, as they were last delivered. */
  readonly #old: Map<ObjectKey, KubeObject | undefined>;

  constructor(snapshot: MailboxSnapshot = { letters: [], old: [] }) {
    this.#letters = [...snapshot.letters];
    this.#old = new Map(snapshot.old);
  }

  snapshot(): MailboxSnapshot {
    return { letters: [...this.#letters], old: [...this.#old] };
  }

  get letters(): readonly Letter[] {
    return this.#letters;
  }

  /** `isStopped`: nothing arrives until it starts anew, and then only what is there by then. */
  send(object: ObjectKey, before: KubeObject | undefined, version: KubeObject | undefined, sentNs: number, isStopped: boolean): void {
    if (!this.#old.has(object)) this.#old.set(object, before);
    const known = isStopped || this.#letters.length >= maxLetters ? this.#letters.findLastIndex((letter) => letter.object === object) : -1;
    if (known >= 0) this.#letters[known] = { object, version, sentNs: this.#letters[known]?.sentNs ?? sentNs };
    else this.#letters.push({ object, version, sentNs });
  }

  /** Whether letters of that time or before arrived. */
  deliver(upToNs: number): boolean {
    const arrived = this.#letters.filter((letter) => letter.sentNs <= upToNs);
    if (arrived.length === 0) return false;
    this.#letters = this.#letters.filter((letter) => letter.sentNs > upToNs);
    const underWay = new Set(this.#letters.map((letter) => letter.object));
    for (const { object, version } of arrived) {
      if (underWay.has(object)) this.#old.set(object, version);
      else this.#old.delete(object);
    }
    return true;
  }

  /** The store as it was delivered. */
  view(now: StoreView): StoreView {
    if (this.#old.size === 0) return now;
    const old = this.#old;
    const kinds = new Set([...old.keys()].map((key) => key.slice(0, key.indexOf('/'))));
    const merged = new Map<string, readonly KubeObject[]>();
    const list = (kind: string, namespace?: string): readonly KubeObject[] => {
      if (!kinds.has(kind)) return now.list(kind, namespace);
      const id = `${kind}/${namespace ?? ''}`;
      const known = merged.get(id);
      if (known !== undefined) return known;
      const others = now.list(kind, namespace).filter((object) => !old.has(objectKey(object)));
      const kept = [...old.values()].filter(
        (object): object is KubeObject => object?.kind === kind && (namespace === undefined || object.metadata.namespace === namespace),
      );
      const all = [...others, ...kept].map((object) => [objectKey(object), object] as const);
      const result = all.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
      merged.set(id, result);
      return result;
    };
    return {
      get nowNs() {
        return now.nowNs;
      },
      find: <T extends KubeObject>(key: ObjectKey) => (old.has(key) ? old.get(key) : now.find(key)) as T | undefined,
      list: <T extends KubeObject>(kind: string, namespace?: string) => list(kind, namespace) as readonly T[],
      select: <T extends KubeObject>(kind: string, namespace: string, labels: Readonly<Record<string, string>>) =>
        (kinds.has(kind)
          ? list(kind, namespace).filter((object) => Object.keys(labels).every((name) => object.metadata.labels?.[name] === labels[name]))
          : now.select(kind, namespace, labels)) as readonly T[],
      owned: <T extends KubeObject>(kind: string, uid: string) =>
        (kinds.has(kind)
          ? list(kind).filter((object) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true))
          : now.owned(kind, uid)) as readonly T[],
      indexed: (index, value) =>
        kinds.has(index.kind)
          ? new Set(
              list(index.kind)
                .filter((object) => index.values(object).includes(value))
                .map(objectKey),
            )
          : now.indexed(index, value),
    };
  }
}
