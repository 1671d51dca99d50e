/** Walks YAML text and knows what is open at each place: flow brackets and quotes, which may span lines; block texts are stepped over. */

interface Open {
  readonly char: '[' | '{' | '"' | "'";
  /** Column of the outermost opening on this line of nesting, from 0. */
  readonly column: number;
}

const blockTextHeader = /(?:^|[\s:-])[|>][-+0-9]{0,2}\s*(?:#.*)?$/;

/** Whether a quote or bracket at `at` starts a value: after an indicator, or first on its line. */
function startsValue(text: string, at: number, lineStart: number): boolean {
  let i = at - 1;
  while (i >= lineStart && (text[i] === ' ' || text[i] === '\t')) i -= 1;
  if (i < lineStart) return true;
  const before = text[i] ?? '';
  if (before === '[' || before === '{' || before === ',') return true;
  return (before === ':' || before === '-' || before === '?') && i < at - 1;
}

/**
 * Scans up to `end`. `onLine` is told each line that starts inside something open, with the column where the outermost of it was opened.
 * @returns what is open at `end`, '' where nothing is.
 */
export function scanFlow(text: string, end: number, onLine: (lineStart: number, openColumn: number) => void = () => {}): '[' | '{' | '"' | "'" | '' {
  const stack: Open[] = [];
  let lineStart = 0;
  // Lines deeper than this belong to a block text; -1: not in one.
  let blockText = -1;
  while (lineStart < end) {
    const newline = text.indexOf('\n', lineStart);
    const lineEnd = Math.min(newline === -1 ? text.length : newline, end);
    const line = text.slice(lineStart, lineEnd);
    const indent = line.length - line.trimStart().length;
    if (blockText >= 0 && (line.trim() === '' || indent > blockText)) {
      lineStart = lineEnd + 1;
      continue;
    }
    blockText = -1;
    const outermost = stack[0];
    if (outermost !== undefined) onLine(lineStart, outermost.column);
    for (let i = lineStart + (outermost === undefined ? indent : 0); i < lineEnd; i += 1) {
      const char = text[i] ?? '';
      const top = stack.at(-1);
      if (top?.char === '"' || top?.char === "'") {
        if (char === '\\' && top.char === '"') i += 1;
        else if (char === top.char) {
          if (char === "'" && text[i + 1] === "'") i += 1;
          else stack.pop();
        }
      } else if (char === '#' && (i === lineStart || /\s/.test(text[i - 1] ?? ''))) break;
      else if ((char === '"' || char === "'") && startsValue(text, i, lineStart)) stack.push({ char, column: i - lineStart });
      else if ((char === '[' || char === '{') && (top !== undefined || startsValue(text, i, lineStart))) stack.push({ char, column: i - lineStart });
      else if ((char === ']' || char === '}') && top !== undefined) stack.pop();
    }
    if (stack.length === 0 && blockTextHeader.test(line)) blockText = indent;
    lineStart = lineEnd + 1;
  }
  return stack.at(-1)?.char ?? '';
}

export interface IndentedText {
  readonly text: string;
  /** An offset of the new text as one of the old. */
  toOld(offset: number): number;
}

/**
 * Indents lines inside brackets and quotes as far as the YAML specification asks for; libyaml, and so kubectl, takes them at any column
 * (`]` below the key that opened it is common). Undefined when there is no such line.
 */
export function indentFlowLines(text: string): IndentedText | undefined {
  const places: { readonly at: number; readonly added: number }[] = [];
  scanFlow(text, text.length, (lineStart, openColumn) => {
    let indent = 0;
    while (text[lineStart + indent] === ' ') indent += 1;
    if (indent <= openColumn) places.push({ at: lineStart, added: openColumn + 1 - indent });
  });
  if (places.length === 0) return undefined;
  let from = 0;
  const parts: string[] = [];
  const starts: number[] = [];
  const totals: number[] = [];
  let total = 0;
  for (const { at, added } of places) {
    parts.push(text.slice(from, at), ' '.repeat(added));
    starts.push(at + total);
    total += added;
    totals.push(total);
    from = at;
  }
  parts.push(text.slice(from));
  return {
    text: parts.join(''),
    toOld(offset) {
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((starts[middle] ?? 0) <= offset) low = middle + 1;
        else high = middle;
      }
      if (low === 0) return offset;
      const start = starts[low - 1] ?? 0;
      const before = low === 1 ? 0 : (totals[low - 2] ?? 0);
      // Inside the added spaces: the line's start.
      return Math.max(start - before, offset - (totals[low - 1] ?? 0));
    },
  };
}
