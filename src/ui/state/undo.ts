/** One history for everything that is changed in a document: typing, renaming and removing of files, edits from the canvas, moved boxes. */
import type { DocumentFile } from '../../world/document.ts';
import type { DocumentStore, OpenDocument } from './document.ts';

type Content = Pick<OpenDocument, 'texts' | 'positions'>;

interface Step {
  readonly before: Content;
  readonly after: Content;
  readonly atMs: number;
  /** The one file whose text it changed, for joining what is typed without a pause. */
  readonly path: string | undefined;
}

const MAX_STEPS = 300;
/** UTF-16 code units of texts that are kept for undoing. */
const MAX_LENGTH = 16_000_000;
const JOIN_MS = 700;

/** Files of `a` that are not the same in `b`. */
export function changedFiles(a: readonly DocumentFile[], b: readonly DocumentFile[]): readonly DocumentFile[] {
  return a.filter((file) => b.find((one) => one.path === file.path)?.text !== file.text);
}

export class UndoHistory {
  readonly #now: () => number;
  #done: Step[] = [];
  #undone: Step[] = [];
  #replaying = false;

  constructor(document: DocumentStore, now: () => number) {
    this.#now = now;
    document.subscribe((after, before) => {
      if (after.id !== before.id) {
        this.#done = [];
        this.#undone = [];
      } else if (!this.#replaying && (after.texts !== before.texts || after.positions !== before.positions)) this.#record(before, after);
    });
  }

  #record(before: Content, after: Content): void {
    const changed = after.texts.length === before.texts.length ? changedFiles(after.texts, before.texts) : [];
    const path = changed.length === 1 && after.positions === before.positions ? changed[0]?.path : undefined;
    const atMs = this.#now();
    const last = this.#done.at(-1);
    // What is typed without a pause is one step, and so are files that one act changes together.
    const joins = last !== undefined && (atMs - last.atMs < 30 || (path !== undefined && last.path === path && atMs - last.atMs < JOIN_MS));
    if (joins) this.#done.pop();
    this.#done.push({ before: joins ? last.before : before, after, atMs, path: joins && last.path !== path ? undefined : path });
    this.#undone = [];
    let length = 0;
    let kept = 0;
    for (const step of [...this.#done].reverse()) {
      length += changedFiles(step.before.texts, step.after.texts).reduce((sum, file) => sum + file.text.length, 0);
      if (kept >= MAX_STEPS || (kept > 0 && length > MAX_LENGTH)) break;
      kept += 1;
    }
    this.#done = this.#done.slice(-kept);
  }

  /** What the content was before the last step; the caller puts it in force inside `apply`. Undefined when nothing is left. */
  undo(apply: (content: Content, from: Content) => void): boolean {
    return this.#move(this.#done, this.#undone, (step) => apply(step.before, step.after));
  }

  redo(apply: (content: Content, from: Content) => void): boolean {
    return this.#move(this.#undone, this.#done, (step) => apply(step.after, step.before));
  }

  #move(from: Step[], to: Step[], act: (step: Step) => void): boolean {
    const step = from.pop();
    if (step === undefined) return false;
    this.#replaying = true;
    try {
      act(step);
    } finally {
      this.#replaying = false;
    }
    // Never joined with what is typed next.
    to.push({ ...step, atMs: Number.NEGATIVE_INFINITY });
    return true;
  }
}

/** Where two texts differ: the first offset, and where the difference ends in `after`. */
export function differenceOf(before: string, after: string): { readonly start: number; readonly endBefore: number; readonly endAfter: number } {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start += 1;
  let tail = 0;
  while (tail < shorter - start && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1;
  return { start, endBefore: before.length - tail, endAfter: after.length - tail };
}
