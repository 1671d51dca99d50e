/** The lines typed in one terminal session: up and down, and Ctrl-R's search. */

const MAX_HISTORY = 500;

export class History {
  #lines: string[] = [];
  /** Where up and down stand; `#lines.length` is the line being typed. */
  #at = 0;
  #draft = '';

  add(line: string): void {
    if (line.trim() !== '' && this.#lines[this.#lines.length - 1] !== line) {
      this.#lines.push(line);
      if (this.#lines.length > MAX_HISTORY) this.#lines.shift();
    }
    this.#at = this.#lines.length;
    this.#draft = '';
  }

  /** The line `step` away from here (-1: earlier), or undefined at the end. `typed` is kept for the way back. */
  move(step: -1 | 1, typed: string): string | undefined {
    const next = this.#at + step;
    if (next < 0 || next > this.#lines.length) return undefined;
    if (this.#at === this.#lines.length) this.#draft = typed;
    this.#at = next;
    return next === this.#lines.length ? this.#draft : this.#lines[next];
  }

  /** The last line with these letters, `skip` matches further back. */
  search(letters: string, skip: number): string | undefined {
    if (letters === '') return undefined;
    let left = skip;
    for (let i = this.#lines.length - 1; i >= 0; i -= 1) {
      if (!(this.#lines[i] as string).includes(letters)) continue;
      if (left === 0) return this.#lines[i];
      left -= 1;
    }
    return undefined;
  }
}

/** What Tab makes of a line: the candidates' common beginning in place of [start, cursor). */
export function completeLine(line: string, cursor: number, start: number, candidates: readonly string[]): { readonly line: string; readonly cursor: number } {
  let common = candidates[0] ?? '';
  for (const candidate of candidates) {
    let length = 0;
    while (length < common.length && common[length] === candidate[length]) length += 1;
    common = common.slice(0, length);
  }
  const typed = line.slice(start, cursor);
  if (common.length < typed.length) return { line, cursor };
  const ending = candidates.length === 1 && !/[/=\s]$/.test(common) && line[cursor] !== ' ' ? ' ' : '';
  return { line: line.slice(0, start) + common + ending + line.slice(cursor), cursor: start + common.length + ending.length };
}
