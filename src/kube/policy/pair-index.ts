/** Many selectors against many labels without asking each of each: what must be there, a label with its value, says who needs to be looked at. */

/** One text for a label with its value. */
export const pairText = (label: string, value: string): string => `${label}\0${value}`;
export const pairsOfLabels = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(labels).map(([label, value]) => pairText(label, value));

/** Selectors by the rarest of the pairs that they require. */
export class SelectorIndex<T> {
  readonly #items: readonly T[];
  readonly #byPair = new Map<string, number[]>();
  readonly #always: number[] = [];

  /** `required`: pairs without which the item cannot be meant; none for one that must always be looked at. */
  constructor(items: readonly T[], required: (item: T) => readonly string[]) {
    this.#items = items;
    const pairs = items.map(required);
    const counts = new Map<string, number>();
    for (const list of pairs) for (const pair of list) counts.set(pair, (counts.get(pair) ?? 0) + 1);
    pairs.forEach((list, index) => {
      let rarest: string | undefined;
      for (const pair of list) if (rarest === undefined || (counts.get(pair) ?? 0) < (counts.get(rarest) ?? 0)) rarest = pair;
      if (rarest === undefined) this.#always.push(index);
      else add(this.#byPair, rarest, index);
    });
  }

  /** Those that may mean somebody with these pairs, in the order in which they were given. */
  candidates(pairs: readonly string[]): readonly T[] {
    const found = this.#always.slice();
    for (const pair of pairs) found.push(...(this.#byPair.get(pair) ?? []));
    return found.sort((a, b) => a - b).map((index) => this.#items[index] as T);
  }
}

/** Labelled things by each of their pairs. */
export class PairTable<T> {
  readonly #things: readonly T[];
  readonly #byPair = new Map<string, T[]>();

  constructor(things: readonly T[], pairsOf: (thing: T) => readonly string[]) {
    this.#things = things;
    for (const thing of things) for (const pair of pairsOf(thing)) add(this.#byPair, pair, thing);
  }

  /** Those that have one of the required pairs, the rarest; all where none is required. In the order in which they were given. */
  having(required: readonly string[]): readonly T[] {
    let fewest: readonly T[] | undefined;
    for (const pair of required) {
      const some = this.#byPair.get(pair) ?? [];
      if (fewest === undefined || some.length < fewest.length) fewest = some;
    }
    return fewest ?? this.#things;
  }
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
