/** Named generators of one engine: each consumer of chance has its own, so that none shifts another's numbers. */
import { hashText, Prng } from '../../base/prng.ts';

export class PrngBank {
  readonly #seed: number;
  readonly #prngs = new Map<string, Prng>();

  constructor(seed: number) {
    this.#seed = hashText(String(seed));
  }

  get(name: string): Prng {
    let prng = this.#prngs.get(name);
    if (prng === undefined) {
      prng = Prng.fork(this.#seed, name);
      this.#prngs.set(name, prng);
    }
    return prng;
  }

  save(): readonly (readonly [string, number])[] {
    return [...this.#prngs].map(([name, prng]) => [name, prng.state] as const);
  }

  load(saved: readonly (readonly [string, number])[]): void {
    this.#prngs.clear();
    for (const [name, state] of saved) this.get(name).state = state;
  }
}
