/** xargs: turns its input into arguments of a command. */
import { defineCommand, type Filter } from '../command.ts';
import type { After } from '../state.ts';
import { parseScript } from '../syntax/parser.ts';

interface State {
  readonly command: readonly string[];
  readonly replace: string;
  readonly maximum: number;
  /** Lines for each command; 0: no matter. */
  readonly lines: number;
  /** '' for blanks and quotes. */
  readonly delimiter: string;
  readonly tells: boolean;
  readonly skipEmpty: boolean;
  text: string;
}

/** Words as xargs reads them: blanks separate, quotes and backslashes keep. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:"[^"\n]*"|'[^'\n]*'|\\[\s\S]|[^\s"'\\])+/g))
    words.push(
      match[0].replace(/"([^"\n]*)"|'([^'\n]*)'|\\([\s\S])/g, (_, double?: string, single?: string, escaped?: string) => double ?? single ?? escaped ?? ''),
    );
  return words;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export const xargs = defineCommand({
  name: 'xargs',
  summary: 'runs a command with its input as arguments (-n N, -I TEXT, -L N, -d C, -0, -r, -t)',
  group: 'text',
  run: ({ argv, err }) => {
    let replace = '';
    let maximum = 0;
    let lines = 0;
    let delimiter = '';
    let tells = false;
    let skipEmpty = false;
    const queue = [...argv];
    while (/^-./.test(queue[0] ?? '')) {
      const word = queue.shift() ?? '';
      const value = (): string => (word.length > 2 ? word.slice(2) : (queue.shift() ?? ''));
      if (word === '--') break;
      if (word.startsWith('-I')) replace = value();
      else if (word === '-i') replace = '{}';
      else if (word.startsWith('-n')) maximum = Number(value());
      else if (word.startsWith('-L')) lines = Number(value());
      else if (word.startsWith('-P') || word.startsWith('-s')) value();
      else if (word.startsWith('-d')) delimiter = value().replaceAll('\\n', '\n').replaceAll('\\t', '\t').replaceAll('\\0', '\0');
      else if (word === '-0' || word === '--null') delimiter = '\0';
      else if (word === '-t' || word === '--verbose') tells = true;
      else if (word === '-r' || word === '--no-run-if-empty') skipEmpty = true;
      else {
        err(`xargs: invalid option -- '${word.replace(/^-+/, '').slice(0, 1)}'\nTry 'xargs --help' for more information.\n`);
        return 1;
      }
    }
    if (!(maximum >= 0) || !(lines >= 0)) {
      err(`xargs: invalid number "${maximum}" for -n option\n`);
      return 1;
    }
    const command = queue;
    const state: State = { command: command.length === 0 ? ['echo'] : command, replace, maximum, lines, delimiter, tells, skipEmpty, text: '' };
    return { kind: 'filter', filter: 'xargs', state };
  },
});

export const xargsFilter: Filter = {
  data: (state: State, text: string) => {
    state.text += text;
    return undefined;
  },
  end: (state: State, io) => {
    const byLine = state.text.split('\n').filter((line) => line.trim() !== '');
    const items = state.delimiter === '' ? undefined : state.text.split(state.delimiter);
    if (items?.at(-1) === '') items.pop();
    const runs: (readonly string[])[] = [];
    if (state.replace !== '') {
      for (const line of items ?? byLine.map((text) => text.trim())) runs.push(state.command.map((word) => word.replaceAll(state.replace, line)));
    } else if (state.lines > 0) {
      for (let i = 0; i < byLine.length; i += state.lines) runs.push([...state.command, ...byLine.slice(i, i + state.lines).flatMap(wordsOf)]);
    } else {
      const words = items ?? wordsOf(state.text);
      const size = state.maximum > 0 ? state.maximum : 1000;
      for (let i = 0; i < words.length; i += size) runs.push([...state.command, ...words.slice(i, i + size)]);
    }
    if (runs.length === 0 && state.replace === '' && !state.skipEmpty) runs.push(state.command);
    if (state.tells) for (const words of runs) io.err(`${words.join(' ')}\n`);
    if (runs.length === 0) return 0;
    const parsed = parseScript(`__status=0\n${runs.map((words) => `command ${words.map(quote).join(' ')} || __status=$?`).join('\n')}\n(exit $__status)`);
    const after: After = { hook: 'xargs', data: {} };
    if (parsed.ok) return { kind: 'script', script: parsed.script, subshell: true, after };
    io.err('xargs: argument line too long\n');
    return 1;
  },
};
