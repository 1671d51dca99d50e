/** comm, join, fold: sorted files beside each other, and long lines. */
import { defineCommand, type Invocation } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

/** The lines of two named files, or undefined after a complaint. */
function twoFiles({ name, cwd, place, shell, err }: Invocation, files: readonly string[]): readonly (readonly string[])[] | undefined {
  if (files.length !== 2) {
    const last = files.at(-1);
    err(
      files.length < 2
        ? `${name}: missing operand${last === undefined ? '' : ` after \u2018${last}\u2019`}\nTry '${name} --help' for more information.\n`
        : `${name}: extra operand \u2018${files[2]}\u2019\nTry '${name} --help' for more information.\n`,
    );
    return undefined;
  }
  const found = files.map((file) => {
    const text = shell.readFile(place, resolvePath(cwd, file));
    if (text === undefined) err(`${name}: ${file}: No such file or directory\n`);
    return text === undefined ? undefined : text === '' ? [] : text.replace(/\n$/, '').split('\n');
  });
  return found.every((lines) => lines !== undefined) ? found : undefined;
}

export const comm = defineCommand({
  name: 'comm',
  summary: 'lines of two sorted files: only in the first, only in the second, in both (-1 -2 -3 leave out)',
  group: 'text',
  run: (invocation) => {
    const parsed = parseShort('comm', invocation.argv, '123', '');
    if ('error' in parsed) {
      invocation.err(parsed.error);
      return parsed.exitCode;
    }
    const [left, right] = twoFiles(invocation, parsed.rest) ?? [];
    if (left === undefined || right === undefined) return 1;
    const shown = (column: number): boolean => !parsed.options.has(String(column));
    const indent = (column: number): string =>
      [1, 2]
        .filter((other) => other < column && shown(other))
        .map(() => '\t')
        .join('');
    const tell = (column: number, line: string): void => {
      if (shown(column)) invocation.out(`${indent(column)}${line}\n`);
    };
    let [i, j] = [0, 0];
    while (i < left.length || j < right.length) {
      const [a, b] = [left[i], right[j]];
      if (a !== undefined && a === b) {
        tell(3, a);
        i += 1;
        j += 1;
      } else if (b === undefined || (a !== undefined && a < b)) {
        tell(1, a ?? '');
        i += 1;
      } else {
        tell(2, b);
        j += 1;
      }
    }
    return 0;
  },
});

export const join = defineCommand({
  name: 'join',
  summary: 'lines of two sorted files that have the same first field (-t C, -1 N, -2 N)',
  group: 'text',
  run: (invocation) => {
    const parsed = parseShort('join', invocation.argv, '', 't12');
    if ('error' in parsed) {
      invocation.err(parsed.error);
      return parsed.exitCode;
    }
    const [left, right] = twoFiles(invocation, parsed.rest) ?? [];
    if (left === undefined || right === undefined) return 1;
    const separator = parsed.options.get('t');
    const rows = (lines: readonly string[], option: string): (readonly [string, readonly string[]])[] => {
      const at = Number(parsed.options.get(option) ?? 1) - 1;
      return lines.map((line) => {
        const fields = separator === undefined ? line.trim().split(/[ \t]+/) : line.split(separator);
        return [fields[at] ?? '', fields.filter((_, index) => index !== at)] as const;
      });
    };
    const others = rows(right, '2');
    for (const [key, fields] of rows(left, '1'))
      for (const [other, more] of others) if (other === key) invocation.out(`${[key, ...fields, ...more].join(separator ?? ' ')}\n`);
    return 0;
  },
});

export const fold = defineTextTool<{ width: number; spaces: boolean; partial: string }>({
  name: 'fold',
  summary: 'lines broken at a width (-w N, -s at spaces)',
  parse: (argv) => {
    const parsed = parseShort('fold', argv, 'sb', 'w');
    if ('error' in parsed) return parsed;
    const width = Number(parsed.options.get('w') ?? 80);
    if (!Number.isInteger(width) || width < 1) return { error: `fold: invalid number of columns: \u2018${parsed.options.get('w')}\u2019\n`, exitCode: 1 };
    return { state: { width, spaces: parsed.options.has('s'), partial: '' }, files: parsed.rest };
  },
  data: (state, text, io) => {
    for (const line of takeLines(state, text)) io.out(`${folded(line, state)}\n`);
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) io.out(folded(line, state));
    return 0;
  },
});

function folded(line: string, { width, spaces }: { readonly width: number; readonly spaces: boolean }): string {
  const pieces: string[] = [];
  let rest = [...line];
  while (rest.length > width) {
    const space = spaces ? rest.lastIndexOf(' ', width - 1) : -1;
    const cut = space < 0 ? width : space + 1;
    pieces.push(rest.slice(0, cut).join(''));
    rest = rest.slice(cut);
  }
  return [...pieces, rest.join('')].join('\n');
}
