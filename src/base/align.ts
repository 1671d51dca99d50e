/** Two sequences laid side by side: which member of one stands for which of the other, and what has no counterpart. */

/** Indexes into the two sequences; one of them is absent where the other side has nothing. */
export interface AlignedPair {
  readonly left: number | undefined;
  readonly right: number | undefined;
}

/** Cells of one table at most; longer sequences are cut into as many pieces as that takes, each aligned by itself. */
const MAX_CELLS = 1 << 20;

/**
 * The pairs, in the order of both sequences, whose scores add up to the most (Needleman and Wunsch 1970; a gap costs nothing).
 * @param score of a pair; 0 or less: these two may not stand beside each other
 */
export function align(lefts: number, rights: number, score: (left: number, right: number) => number): readonly AlignedPair[] {
  const pieces = Math.max(1, Math.ceil(Math.sqrt((lefts * rights) / MAX_CELLS)));
  const cut = (length: number, piece: number): number => Math.floor((length * piece) / pieces);
  const pairs: AlignedPair[] = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    const [left, right] = [cut(lefts, piece), cut(rights, piece)];
    const found = alignPiece(cut(lefts, piece + 1) - left, cut(rights, piece + 1) - right, (l, r) => score(left + l, right + r));
    for (const pair of found)
      pairs.push({ left: pair.left === undefined ? undefined : left + pair.left, right: pair.right === undefined ? undefined : right + pair.right });
  }
  return pairs;
}

function alignPiece(lefts: number, rights: number, score: (left: number, right: number) => number): AlignedPair[] {
  const width = rights + 1;
  // best[l][r]: the most that can be had from the members behind l and r.
  const best = new Float64Array((lefts + 1) * width);
  const scores = new Float64Array(lefts * rights);
  for (let l = lefts - 1; l >= 0; l -= 1) {
    for (let r = rights - 1; r >= 0; r -= 1) {
      const own = score(l, r);
      scores[l * rights + r] = own;
      const together = own > 0 ? own + (best[(l + 1) * width + r + 1] as number) : 0;
      best[l * width + r] = Math.max(together, best[(l + 1) * width + r] as number, best[l * width + r + 1] as number);
    }
  }
  const pairs: AlignedPair[] = [];
  let [l, r] = [0, 0];
  while (l < lefts || r < rights) {
    const here = best[l * width + r] as number;
    const own = l < lefts && r < rights ? (scores[l * rights + r] as number) : 0;
    if (own > 0 && here === own + (best[(l + 1) * width + r + 1] as number)) {
      pairs.push({ left: l, right: r });
      l += 1;
      r += 1;
    } else if (l < lefts && here === (best[(l + 1) * width + r] as number)) {
      pairs.push({ left: l, right: undefined });
      l += 1;
    } else {
      pairs.push({ left: undefined, right: r });
      r += 1;
    }
  }
  return pairs;
}
