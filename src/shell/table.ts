/** Tables padded as kubectl's tabwriter does: three spaces between columns, no column narrower than six. Kubernetes: cli-runtime/pkg/printers/tabwriter.go */

/** Display width: code points, as tabwriter counts them. */
function width(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Lines with a newline each. The last cell of a row is not padded. */
export function formatTable(rows: readonly (readonly string[])[], minimum = 6, padding = 3): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      if (column < row.length - 1) widths[column] = Math.max(widths[column] ?? 0, width(cell) + padding, minimum);
    }
  }
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => (column < row.length - 1 ? cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))) : cell)).join('')}\n`,
    )
    .join('');
}
