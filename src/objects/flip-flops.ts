/** Notices components that keep undoing each other's changes of one object, in one instant or over time, and ends it at a bound. */
import { deepEqual } from '../base/equal.ts';
import type { Finding } from './api.ts';
import { type KubeObject, type ObjectKey, objectKey } from './types.ts';

/** So often in a row an object goes back to what it was before it is a loop; a rollout never does. */
const mostReturns = 12;
/** Objects remembered at a time: those written last. */
const maxRemembered = 64;
/** Who waits longer has stopped. */
const loopMs = 600_000;

interface History {
  /** As it was before the last write. */
  readonly before: KubeObject;
  readonly by: Hand;
  readonly returns: number;
  /** Whose change was undone. */
  readonly other: Hand;
  readonly atMs: number;
}
export type FlipFlopSnapshot = readonly (readonly [ObjectKey, History])[];

/** A controller and the key it looks at; the user has no name. */
export interface Hand {
  readonly name: string;
  readonly key: ObjectKey;
}
export const userHand: Hand = { name: '', key: '/' };

export class FlipFlops {
  readonly #histories = new Map<ObjectKey, History>();

  snapshot(): FlipFlopSnapshot {
    return [...this.#histories];
  }

  restore(snapshot: FlipFlopSnapshot): void {
    this.#histories.clear();
    for (const [key, history] of snapshot) this.#histories.set(key, history);
  }

  /** Told of each change of an object's main part. @returns why a controller's write is refused */
  note(before: KubeObject, after: KubeObject, hand: Hand, nowMs: number): string | undefined {
    const key = objectKey(after);
    const known = this.#histories.get(key);
    const isOther = known !== undefined && (known.by.name !== hand.name || known.by.key !== hand.key);
    const returns = isOther && nowMs - known.atMs < loopMs && isSame(after, known.before) ? known.returns + 1 : 0;
    if (known !== undefined && returns >= mostReturns && hand.name !== '' && known.by.name !== '') return loopWords(key, known.by, hand);
    this.#histories.delete(key);
    this.#histories.set(key, { before, by: hand, returns, other: known?.by ?? hand, atMs: nowMs });
    if (this.#histories.size > maxRemembered) this.#histories.delete(this.#histories.keys().next().value ?? '');
    return undefined;
  }

  findings(nowMs: number): readonly Finding[] {
    return [...this.#histories].flatMap(([key, { by, other, returns, atMs }]) =>
      returns < mostReturns - 1 || nowMs - atMs >= loopMs
        ? []
        : [{ key, path: 'spec', diagnostic: { severity: 'error' as const, code: 'hot-loop', message: loopWords(key, other, by) } }],
    );
  }
}

const handWords = ({ name, key }: Hand): string => (name === '' ? 'a user' : `${name} (${key})`);

/** Of a user only told: only controllers are stopped. */
function loopWords(object: ObjectKey, a: Hand, b: Hand): string {
  const isUser = a.name === '' || b.name === '';
  const end = isUser ? `${mostReturns} times so far` : `stopped after ${mostReturns} times`;
  return `${[a, b].map(handWords).sort().join(' and ')} keep undoing each other's changes of ${object}: ${end}`;
}

/** But for what the server counts and what its status says. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  const parts = ({ metadata: { labels, annotations, finalizers, ownerReferences }, status: _, ...rest }: KubeObject) => ({
    ...rest,
    metadata: { labels, annotations, finalizers, ownerReferences },
  });
  return deepEqual(a.spec, b.spec) && deepEqual(parts(a), parts(b));
}
