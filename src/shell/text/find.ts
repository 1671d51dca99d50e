/** find: paths below a directory (-name, -type, -maxdepth, -exec). */
import { defineCommand } from '../command.ts';
import { matchGlob } from '../machine/glob.ts';
import { resolvePath } from '../paths.ts';
import { parseScript } from '../syntax/parser.ts';

export const find = defineCommand({
  name: 'find',
  summary: 'paths below a directory (-name, -path, -type, -maxdepth, -mindepth, -empty, -exec)',
  group: 'text',
  run: ({ argv, cwd, place, shell, out, err }) => {
    const queue = [...argv];
    const starts: string[] = [];
    while (queue[0] !== undefined && !/^[-!(]/.test(queue[0])) starts.push(queue.shift() ?? '');
    const tests: ((path: string, text: string | undefined) => boolean)[] = [];
    let [least, most] = [0, Number.POSITIVE_INFINITY];
    let negated = false;
    let command: string[] | undefined;
    let zero = false;
    const add = (test: (path: string, text: string | undefined) => boolean): void => {
      const not = negated;
      negated = false;
      tests.push((path, text) => test(path, text) !== not);
    };
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      const needs = ['-name', '-iname', '-path', '-type', '-maxdepth', '-mindepth'].includes(word);
      const value = needs ? queue.shift() : '';
      if (value === undefined) {
        err(`find: missing argument to \`${word}'\n`);
        return 1;
      }
      if (word === '!' || word === '-not') negated = true;
      else if (word === '-name' || word === '-iname') {
        const fold = (text: string): string => (word === '-iname' ? text.toLowerCase() : text);
        add((path) => matchGlob(fold(value), fold(path.replace(/\/+$/, '').split('/').at(-1) ?? ''), false));
      } else if (word === '-path') add((path) => matchGlob(value, path, false));
      else if (word === '-type') add((_path, text) => (value === 'f') === (text !== undefined) && (value === 'f' || value === 'd'));
      else if (word === '-empty') add((_path, text) => text === '');
      else if (word === '-maxdepth') most = Number(value);
      else if (word === '-mindepth') least = Number(value);
      else if (word === '-print' || word === '-a' || word === '-and') continue;
      else if (word === '-print0') zero = true;
      else if (word === '-exec') {
        const end = queue.findIndex((other) => other === ';' || other === '+');
        if (end < 0) {
          err("find: missing argument to `-exec'\n");
          return 1;
        }
        command = queue.splice(0, end + 1);
      } else {
        err(`find: unknown predicate \`${word}'\n`);
        return 1;
      }
    }
    let status = 0;
    const found: string[] = [];
    const all = shell.filePaths(place);
    for (const start of starts.length === 0 ? ['.'] : starts) {
      const root = resolvePath(cwd, start);
      const under = root === '/' ? '/' : `${root}/`;
      const below = all.filter((path) => path.startsWith(under));
      if (shell.readFile(place, root) === undefined && below.length === 0 && root !== '/' && root !== cwd) {
        err(`find: \u2018${start}\u2019: No such file or directory\n`);
        status = 1;
        continue;
      }
      // Every directory on the way to a file, and the file itself.
      const names = new Set<string>(['']);
      for (const path of below) {
        const parts = path.slice(under.length).split('/');
        for (let depth = 1; depth <= parts.length; depth += 1) if (parts[depth - 1] !== '.keep') names.add(parts.slice(0, depth).join('/'));
      }
      for (const name of [...names].sort()) {
        const depth = name === '' ? 0 : name.split('/').length;
        const shown = name === '' ? start : `${start.replace(/\/$/, '')}/${name}`;
        const text = shell.readFile(place, name === '' ? root : `${under}${name}`);
        if (depth >= least && depth <= most && tests.every((test) => test(shown, text))) found.push(shown);
      }
    }
    if (command === undefined) {
      out(found.map((path) => path + (zero ? '\0' : '\n')).join(''));
      return status;
    }
    const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
    const words = command.slice(0, -1);
    const runs =
      command.at(-1) === '+'
        ? found.length === 0
          ? []
          : [words.flatMap((word) => (word === '{}' ? found : [word]))]
        : found.map((path) => words.map((word) => word.replaceAll('{}', path)));
    const parsed = parseScript(`${runs.map((run) => `command ${run.map(quote).join(' ')}`).join('\n')}\n(exit ${status})`);
    return parsed.ok ? { kind: 'script', script: parsed.script, subshell: true } : 1;
  },
});
