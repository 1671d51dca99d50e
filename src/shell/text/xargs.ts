/** xargs: turns its input into arguments of a command (-n, -I, -r). */
import { defineCommand, type Filter } from '../command.ts';
import type { After } from '../state.ts';
import { parseScript } from '../syntax/parser.ts';

interface State {
  readonly command: readonly string[];
  readonly replace: string;
  readonly maximum: number;
  readonly skipEmpty: boolean;
  text: string;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export const xargs = defineCommand({
  name: 'xargs',
  summary: 'runs a command with its input as arguments (-n N, -I TEXT, -r)',
  group: 'text',
  run: ({ argv, err }) => {
    let replace = '';
    let maximum = 0;
    let skipEmpty = false;
    const queue = [...argv];
    while (queue[0]?.startsWith('-') === true) {
      const word = queue.shift() ?? '';
      if (word.startsWith('-I')) replace = word.length > 2 ? word.slice(2) : (queue.shift() ?? '{}');
      else if (word.startsWith('-n')) maximum = Number(word.length > 2 ? word.slice(2) : queue.shift());
      else if (word === '-r' || word === '--no-run-if-empty') skipEmpty = true;
      else {
        err(`xargs: invalid option -- '${word.replace(/^-+/, '')}'\nTry 'xargs --help' for more information.\n`);
        return 1;
      }
    }
    if (Number.isNaN(maximum) || maximum < 0) {
      err(`xargs: invalid number "${maximum}" for -n option\n`);
      return 1;
    }
    const command = queue;
    const state: State = { command: command.length === 0 ? ['echo'] : command, replace, maximum, skipEmpty, text: '' };
    return { kind: 'filter', filter: 'xargs', state };
  },
});

export const xargsFilter: Filter = {
  data: (state: State, text: string) => {
    state.text += text;
    return undefined;
  },
  end: (state: State, io) => {
    const lines = state.text.split('\n').filter((line) => line.trim() !== '');
    const runs: (readonly string[])[] = [];
    if (state.replace !== '') for (const line of lines) runs.push(state.command.map((word) => word.replaceAll(state.replace, line.trim())));
    else {
      const words = lines
        .join(' ')
        .trim()
        .split(/\s+/)
        .filter((word) => word !== '');
      const size = state.maximum > 0 ? state.maximum : 1000;
      for (let i = 0; i < words.length; i += size) runs.push([...state.command, ...words.slice(i, i + size)]);
      if (words.length === 0 && !state.skipEmpty) runs.push(state.command);
    }
    if (runs.length === 0) return 0;
    const parsed = parseScript(runs.map((words) => words.map(quote).join(' ')).join('\n'));
    const after: After = { hook: 'xargs', data: {} };
    if (parsed.ok) return { kind: 'script', script: parsed.script, subshell: false, after };
    io.err('xargs: argument line too long\n');
    return 1;
  },
};
