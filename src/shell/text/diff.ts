/** diff: the lines in which two files differ, in the normal or the unified form. */

import { formatRfc3339 } from '../../base/time.ts';
import { defineCommand } from '../command.ts';
import { resolvePath } from '../paths.ts';

/** Files of more lines than this are compared only as the same or not. */
const MAX_LINES = 3000;

type Edit = { readonly kind: ' ' | '-' | '+'; readonly line: string };

/** A longest common subsequence of lines, told as edits; deletions stand before insertions. */
export function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let [endA, endB] = [before.length, after.length];
  while (endA > start && endB > start && before[endA - 1] === after[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [rows, columns] = [endA - start, endB - start];
  const lengths = new Uint16Array((rows + 1) * (columns + 1));
  for (let i = rows - 1; i >= 0; i -= 1)
    for (let j = columns - 1; j >= 0; j -= 1)
      lengths[i * (columns + 1) + j] =
        before[start + i] === after[start + j]
          ? (lengths[(i + 1) * (columns + 1) + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * (columns + 1) + j] ?? 0, lengths[i * (columns + 1) + j + 1] ?? 0);
  const edits: Edit[] = before.slice(0, start).map((line) => ({ kind: ' ', line }));
  let [i, j] = [0, 0];
  while (i < rows || j < columns) {
    const [a, b] = [before[start + i], after[start + j]];
    if (i < rows && j < columns && a === b) {
      edits.push({ kind: ' ', line: a ?? '' });
      i += 1;
      j += 1;
    } else if (i < rows && (j >= columns || (lengths[(i + 1) * (columns + 1) + j] ?? 0) >= (lengths[i * (columns + 1) + j + 1] ?? 0))) {
      edits.push({ kind: '-', line: a ?? '' });
      i += 1;
    } else {
      edits.push({ kind: '+', line: b ?? '' });
      j += 1;
    }
  }
  return [...edits, ...before.slice(endA).map((line): Edit => ({ kind: ' ', line }))];
}

function normal(edits: readonly Edit[]): string {
  let out = '';
  let [a, b] = [0, 0];
  for (let i = 0; i < edits.length; ) {
    if (edits[i]?.kind === ' ') {
      i += 1;
      a += 1;
      b += 1;
      continue;
    }
    const removed: string[] = [];
    const added: string[] = [];
    for (; i < edits.length && edits[i]?.kind !== ' '; i += 1) (edits[i]?.kind === '-' ? removed : added).push(edits[i]?.line ?? '');
    const kind = removed.length === 0 ? 'a' : added.length === 0 ? 'd' : 'c';
    const left = removed.length === 0 ? String(a) : removed.length === 1 ? String(a + 1) : `${a + 1},${a + removed.length}`;
    const right = added.length === 0 ? String(b) : added.length === 1 ? String(b + 1) : `${b + 1},${b + added.length}`;
    out += `${left}${kind}${right}\n`;
    out += removed.map((line) => `< ${line}\n`).join('');
    if (kind === 'c') out += '---\n';
    out += added.map((line) => `> ${line}\n`).join('');
    a += removed.length;
    b += added.length;
  }
  return out;
}

function unified(edits: readonly Edit[], context: number): string {
  const near = (index: number): boolean => edits.slice(Math.max(0, index - context), index + context + 1).some((edit) => edit.kind !== ' ');
  let out = '';
  let [a, b] = [0, 0];
  for (let i = 0; i < edits.length; ) {
    if (!near(i)) {
      i += 1;
      a += 1;
      b += 1;
      continue;
    }
    const hunk: Edit[] = [];
    for (; i < edits.length && near(i); i += 1) hunk.push(edits[i] as Edit);
    const old = hunk.filter((edit) => edit.kind !== '+').length;
    const fresh = hunk.filter((edit) => edit.kind !== '-').length;
    const part = (from: number, count: number): string => (count === 1 ? String(from + 1) : `${count === 0 ? from : from + 1},${count}`);
    out += `@@ -${part(a, old)} +${part(b, fresh)} @@\n${hunk.map((edit) => `${edit.kind}${edit.line}\n`).join('')}`;
    a += old;
    b += fresh;
  }
  return out;
}

export const diff = defineCommand({
  name: 'diff',
  summary: 'lines in which two files differ (-u, -q)',
  group: 'text',
  run: ({ argv, cwd, place, shell, host, out, err }) => {
    const flags = argv.filter((word) => /^-./.test(word)).join('');
    const names = argv.filter((word) => !/^-./.test(word));
    const [left, right] = names;
    if (left === undefined || right === undefined) {
      err(`diff: missing operand after '${argv.at(-1) ?? 'diff'}'\ndiff: Try 'diff --help' for more information.\n`);
      return 2;
    }
    const texts = [left, right].map((name) => shell.readFile(place, resolvePath(cwd, name)));
    for (const [index, text] of texts.entries()) if (text === undefined) err(`diff: ${names[index]}: No such file or directory\n`);
    const [a, b] = texts;
    if (a === undefined || b === undefined) return 2;
    if (a === b) return 0;
    const [before, after] = [a, b].map((text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n')));
    if (flags.includes('q') || before === undefined || after === undefined || before.length > MAX_LINES || after.length > MAX_LINES) {
      out(`Files ${left} and ${right} differ\n`);
      return 1;
    }
    const edits = editsOf(before, after);
    if (!/[uU]/.test(flags)) {
      out(normal(edits));
      return 1;
    }
    const stamp = formatRfc3339(host.epochMs + Math.floor(host.nowNs / 1e6));
    const time = `${stamp.slice(0, 10)} ${stamp.slice(11, 19)}.000000000 +0000`;
    out(`--- ${left}\t${time}\n+++ ${right}\t${time}\n${unified(edits, 3)}`);
    return 1;
  },
});
