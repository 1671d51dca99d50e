/** Indented lines with tab stops, aligned as Go's text/tabwriter does it (columns are blocks of neighbouring lines). */

/** Two spaces a level. */
export class PrefixWriter {
  text = '';

  write(level: number, line: string): void {
    this.text += '  '.repeat(level) + line;
  }
  line(level: number, line: string): void {
    this.write(level, `${line}\n`);
  }
}

interface Line {
  readonly cells: readonly string[];
}

/** kubectl describe uses padding 2 and no minimum width. */
export function renderTabs(text: string, minimum = 0, padding = 2): string {
  const lines: Line[] = text.split('\n').map((line) => ({ cells: line.split('\t') }));
  const widths: number[] = [];
  const out: string[] = [];
  const width = (cell: string): number => [...cell].length;

  const flush = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) {
      const cells = lines[i]?.cells ?? [];
      let line = '';
      for (const [column, cell] of cells.entries())
        line += column < widths.length && column < cells.length - 1 ? cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))) : cell;
      out.push(line);
    }
  };
  // One level of recursion a column; lines have few.
  const format = (from: number, to: number): void => {
    const column = widths.length;
    let start = from;
    for (let i = from; i < to; i += 1) {
      if (column >= (lines[i]?.cells.length ?? 1) - 1) continue;
      flush(start, i);
      start = i;
      let columnWidth = minimum;
      while (i < to && column < (lines[i]?.cells.length ?? 1) - 1) {
        columnWidth = Math.max(columnWidth, width(lines[i]?.cells[column] ?? '') + padding);
        i += 1;
      }
      widths.push(columnWidth);
      format(start, i);
      widths.pop();
      start = i;
    }
    flush(start, to);
  };
  format(0, lines.length);
  return out.join('\n');
}
