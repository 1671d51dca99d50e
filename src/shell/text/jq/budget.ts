/** How long a jq program may run: a browser tab has better things to do than to wait for one that does not end. */
import type { Json } from './ast.ts';

/** So deep may calls go. */
export const MAX_DEPTH = 250;
/** So many expressions one run may evaluate; more is a program that does not end. */
const MAX_STEPS = 3_000_000;

export class Limit extends Error {}

export interface Budget {
  steps: number;
  depth: number;
  /** What `input` and `inputs` take from. */
  readonly inputs: Json[];
}

/** Counts a step. @throws {Limit} */
export function spend(budget: Budget): void {
  budget.steps += 1;
  if (budget.steps > MAX_STEPS) throw new Limit('the program did not end after three million steps');
}
