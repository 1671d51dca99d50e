/** Which known words a mistyped one may have meant. */

/** Letters to insert, remove, change or swap with their neighbour (optimal string alignment), counted up to `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let older: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      let best = Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (older[j - 2] ?? 0) + 1);
      row.push(best);
    }
    older = before;
    before = row;
  }
  return before[b.length] ?? 0;
}

/** The nearest first, at most three; words up to a third of whose letters differ, or that begin with what was typed. */
export function nearWords(typed: string, words: Iterable<string>): readonly string[] {
  const wanted = typed.toLowerCase().slice(0, 64);
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const near: { readonly word: string; readonly far: number }[] = [];
  for (const word of words) {
    const far = distance(wanted, word.toLowerCase(), limit);
    if (far <= limit) near.push({ word, far });
    else if (wanted.length > 2 && (word.toLowerCase().startsWith(wanted) || wanted.startsWith(word.toLowerCase()))) near.push({ word, far: limit + 1 });
  }
  return near
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map((one) => one.word);
}
