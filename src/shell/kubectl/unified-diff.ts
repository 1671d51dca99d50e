/** `diff -u`: the fewest changed lines between two texts, in hunks with three lines around. Myers 1986 describes the search; ours is the table form. */

/** Lines of the differing middle that are compared; beyond, the middle counts as replaced. */
const MAX_CELLS = 4_000_000;
const CONTEXT_LINES = 3;

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** A final newline ends the last line. */
const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

function edits(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const [a, b] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const same = (line: string): Edit => ({ sign: ' ', line });
  return [...before.slice(0, start).map(same), ...middle(a, b), ...before.slice(before.length - end).map(same)];
}

function middle(a: readonly string[], b: readonly string[]): Edit[] {
  const remove = (line: string): Edit => ({ sign: '-', line });
  const add = (line: string): Edit => ({ sign: '+', line });
  const width = b.length + 1;
  if ((a.length + 1) * width > MAX_CELLS) return [...a.map(remove), ...b.map(add)];
  // Length of the longest common subsequence of the rests from (i, j).
  const common = new Int32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      common[i * width + j] =
        a[i] === b[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
  const found: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ sign: ' ', line: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))) {
      found.push(remove(a[i] ?? ''));
      i += 1;
    } else {
      found.push(add(b[j] ?? ''));
      j += 1;
    }
  }
  return found;
}

/** `3,4`, `3` for one line, `0,0` for none at the start. */
const range = (start: number, count: number): string => (count === 1 ? String(start + 1) : `${count === 0 ? start : start + 1},${count}`);

/** Hunks only, without the `---` and `+++` lines; '' when the texts are alike. */
export function unifiedDiff(before: string, after: string): string {
  const all = edits(linesOf(before), linesOf(after));
  const changed = all.flatMap((edit, index) => (edit.sign === ' ' ? [] : [index]));
  let text = '';
  for (let at = 0; at < changed.length; ) {
    let last = at;
    while (last + 1 < changed.length && (changed[last + 1] ?? 0) - (changed[last] ?? 0) <= 2 * CONTEXT_LINES + 1) last += 1;
    const from = Math.max(0, (changed[at] ?? 0) - CONTEXT_LINES);
    const to = Math.min(all.length, (changed[last] ?? 0) + CONTEXT_LINES + 1);
    const count = (part: readonly Edit[], sign: Edit['sign']): number => part.filter((edit) => edit.sign !== sign).length;
    const hunk = all.slice(from, to);
    const earlier = all.slice(0, from);
    text += `@@ -${range(count(earlier, '+'), count(hunk, '+'))} +${range(count(earlier, '-'), count(hunk, '-'))} @@\n`;
    text += hunk.map((edit) => `${edit.sign}${edit.line}\n`).join('');
    at = last + 1;
  }
  return text;
}
