/** column and paste: lines side by side. */
import { resolvePath } from '../paths.ts';
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

export const column = defineTextTool<{ table: boolean; separators: string; joiner: string; lines: string[]; partial: string }>({
  name: 'column',
  summary: 'lines as a table (-t, -s C, -o C)',
  parse: (argv) => {
    const parsed = parseShort('column', argv, 't', 'so');
    if ('error' in parsed) return parsed;
    const state = {
      table: parsed.options.has('t'),
      separators: parsed.options.get('s') ?? '',
      joiner: parsed.options.get('o') ?? '  ',
      lines: [],
      partial: '',
    };
    return { state, files: parsed.rest };
  },
  data: (state, text) => {
    for (const line of takeLines(state, text)) state.lines.push(line);
    return undefined;
  },
  end: (state, io) => {
    const lines = [...state.lines, ...takeRest(state)].filter((line) => line.trim() !== '');
    if (!state.table) {
      io.out(lines.map((line) => `${line}\n`).join(''));
      return 0;
    }
    const rows = lines.map((line) => {
      if (state.separators === '') return line.trim().split(/[ \t]+/);
      const cells: string[] = [''];
      for (const c of line) {
        if (state.separators.includes(c)) cells.push('');
        else cells[cells.length - 1] += c;
      }
      return cells;
    });
    const widths: number[] = [];
    for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, [...cell].length);
    for (const row of rows) {
      const cells = row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)));
      io.out(`${cells.join(state.joiner)}\n`);
    }
    return 0;
  },
});

export const paste = defineTextTool<{ serial: boolean; delimiters: string; names: readonly string[]; text: string }>({
  name: 'paste',
  summary: 'lines of files side by side (-d LIST, -s)',
  parse: (argv) => {
    const parsed = parseShort('paste', argv, 's', 'd');
    if ('error' in parsed) return parsed;
    const delimiters = (parsed.options.get('d') ?? '\t').replace(/\\([nt0\\])/g, (_, c: string) => ({ n: '\n', t: '\t', '0': '\0', '\\': '\\' })[c] ?? c);
    // Files are read at the end, since standard input may be among them.
    return { state: { serial: parsed.options.has('s'), delimiters, names: parsed.rest.length === 0 ? ['-'] : parsed.rest, text: '' }, files: [] };
  },
  data: (state, text) => {
    state.text += text;
    return undefined;
  },
  end: (state, io) => {
    const { shell, place, cwd } = io.invocation();
    const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
    const input = linesOf(state.text);
    const dashes = state.names.filter((name) => name === '-').length;
    const columns: string[][] = [];
    for (const name of state.names) {
      if (name === '-') {
        const turn = columns.length;
        // Each `-` takes every n-th line of the input.
        columns.push(state.serial ? input : input.filter((_, index) => index % dashes === state.names.slice(0, turn).filter((other) => other === '-').length));
        continue;
      }
      const text = shell.readFile(place, resolvePath(cwd, name));
      if (text === undefined) {
        io.err(`paste: ${name}: No such file or directory\n`);
        return 1;
      }
      columns.push(linesOf(text));
    }
    const join = (cells: readonly string[]): string =>
      cells
        .map((cell, index) => (index === 0 ? cell : (state.delimiters[(index - 1) % Math.max(1, state.delimiters.length)] ?? '').replace('\0', '') + cell))
        .join('');
    if (state.serial) for (const lines of columns) io.out(`${join(lines)}\n`);
    else for (let i = 0; i < Math.max(...columns.map((lines) => lines.length)); i += 1) io.out(`${join(columns.map((lines) => lines[i] ?? ''))}\n`);
    return 0;
  },
});
