/** Which lines two texts do not share, as hunks with context (E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986). */

export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}
export interface Hunk {
  /** From 1; lines of the old and of the new text. */
  readonly oldStart: number;
  readonly oldCount: number;
  readonly newStart: number;
  readonly newCount: number;
  readonly lines: readonly DiffLine[];
}

const CONTEXT = 3;
/** Texts that differ more are shown as one replaced by the other. */
const MAX_DIFFERENCES = 2_000;

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** All lines in order, each with its sign. */
function script(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const same = (text: string): DiffLine => ({ sign: ' ', text });
  return [...a.slice(0, head).map(same), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...a.slice(a.length - tail).map(same)];
}

function middle(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  const whole = (): DiffLine[] => [...a.map((text): DiffLine => ({ sign: '-', text })), ...b.map((text): DiffLine => ({ sign: '+', text }))];
  if (a.length === 0 || b.length === 0) return whole();
  const limit = Math.min(a.length + b.length, MAX_DIFFERENCES);
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= limit; d += 1) {
    // Only the diagonals that this round can reach.
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
      let x = down ? (furthest.get(k + 1) ?? 0) : (furthest.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      furthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trace);
    }
    if (d * d > 4_000_000) break;
  }
  return whole();
}

function walkBack(a: readonly string[], b: readonly string[], trace: readonly ReadonlyMap<number, number>[]): readonly DiffLine[] {
  const lines: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const furthest = trace[d] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : (furthest.get(fromK) ?? 0);
    const fromY = d === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      lines.push({ sign: ' ', text: a[x] ?? '' });
    }
    if (d === 0) break;
    if (down) {
      y -= 1;
      lines.push({ sign: '+', text: b[y] ?? '' });
    } else {
      x -= 1;
      lines.push({ sign: '-', text: a[x] ?? '' });
    }
  }
  return lines.reverse();
}

export function diffLines(before: string, after: string): readonly Hunk[] {
  const lines = script(linesOf(before), linesOf(after));
  const hunks: Hunk[] = [];
  let oldLine = 1;
  let newLine = 1;
  let open: { oldStart: number; newStart: number; lines: DiffLine[]; quiet: number } | undefined;
  const close = () => {
    if (open === undefined) return;
    const kept = open.lines.slice(0, open.lines.length - Math.max(0, open.quiet - CONTEXT));
    hunks.push({
      oldStart: open.oldStart,
      newStart: open.newStart,
      oldCount: kept.filter((line) => line.sign !== '+').length,
      newCount: kept.filter((line) => line.sign !== '-').length,
      lines: kept,
    });
    open = undefined;
  };
  lines.forEach((line, index) => {
    if (line.sign === ' ') {
      if (open !== undefined) {
        open.lines.push(line);
        open.quiet += 1;
        if (open.quiet > 2 * CONTEXT) close();
      }
    } else {
      if (open === undefined) {
        const context = lines.slice(Math.max(0, index - CONTEXT), index).filter((one) => one.sign === ' ');
        open = { oldStart: oldLine - context.length, newStart: newLine - context.length, lines: [...context], quiet: 0 };
      }
      open.lines.push(line);
      open.quiet = 0;
    }
    if (line.sign !== '+') oldLine += 1;
    if (line.sign !== '-') newLine += 1;
  });
  close();
  return hunks;
}

/** `after` with one hunk taken back. */
export function revertHunk(after: string, hunk: Hunk): string {
  const lines = after.split('\n');
  lines.splice(hunk.newStart - 1, hunk.newCount, ...hunk.lines.filter((line) => line.sign !== '+').map((line) => line.text));
  return lines.join('\n');
}
