/** sed: the part people use in pipes: addresses, s///, d, p, q, y///, -n, -E, several -e. */
import type { FilterIo } from '../command.ts';
import { compileRegex, type Regex, type RegexMatch } from './regex.ts';
import { defineTextTool, takeLines, takeRest } from './tool.ts';

interface Address {
  readonly line?: number;
  readonly last?: boolean;
  readonly pattern?: string;
}
interface SedCommand {
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly negated: boolean;
  readonly name: 's' | 'd' | 'p' | 'q' | 'y' | '=';
  readonly pattern: string;
  readonly replacement: string;
  readonly flags: string;
}
interface State {
  readonly commands: readonly SedCommand[];
  readonly quiet: boolean;
  readonly syntax: 'basic' | 'extended';
  readonly active: boolean[];
  partial: string;
  /** One line is held back where `$` must be known. */
  held: string | undefined;
  number: number;
  done: boolean;
}

const compiled = new WeakMap<readonly SedCommand[], Map<string, Regex>>();

function regexFor(state: State, pattern: string, ignoreCase: boolean): Regex | undefined {
  let cache = compiled.get(state.commands);
  if (cache === undefined) {
    cache = new Map();
    compiled.set(state.commands, cache);
  }
  const key = `${ignoreCase ? 'i' : '-'}${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const regex = compileRegex(pattern, { syntax: state.syntax, ignoreCase });
  if ('error' in regex) return undefined;
  cache.set(key, regex);
  return regex;
}

/** Parses one script; `{ error }` in sed's words without its prefix. */
export function parseSed(script: string): { readonly commands: readonly SedCommand[] } | { readonly error: string } {
  const commands: SedCommand[] = [];
  let at = 0;
  const fail = (what: string) => ({ error: `-e expression #1, char ${at}: ${what}` });
  const skip = (characters: string): void => {
    while (at < script.length && characters.includes(script[at] ?? '')) at += 1;
  };
  const until = (delimiter: string): string | undefined => {
    let text = '';
    while (at < script.length) {
      const c = script[at] ?? '';
      if (c === delimiter) {
        at += 1;
        return text;
      }
      if (c === '\\' && script[at + 1] === delimiter && delimiter !== '&') {
        text += delimiter;
        at += 2;
      } else if (c === '\\') {
        text += c + (script[at + 1] ?? '');
        at += 2;
      } else {
        text += c;
        at += 1;
      }
    }
    return undefined;
  };
  const address = (): Address | undefined | 'bad' => {
    const digits = /^\d+/.exec(script.slice(at))?.[0];
    if (digits !== undefined) {
      at += digits.length;
      return { line: Number(digits) };
    }
    if (script[at] === '$') {
      at += 1;
      return { last: true };
    }
    if (script[at] === '/') {
      at += 1;
      const pattern = until('/');
      return pattern === undefined ? 'bad' : { pattern };
    }
    return undefined;
  };
  for (;;) {
    skip(' \t\n;');
    if (at >= script.length) return { commands };
    const from = address();
    if (from === 'bad') return fail('unterminated address regex');
    let to: Address | undefined;
    skip(' ');
    if (from !== undefined && script[at] === ',') {
      at += 1;
      skip(' ');
      const end = address();
      if (end === 'bad' || end === undefined) return fail("unexpected `,'");
      to = end;
    }
    skip(' ');
    const negated = script[at] === '!';
    if (negated) at += 1;
    skip(' ');
    const name = script[at] ?? '';
    at += 1;
    if (name === '') return fail('missing command');
    let pattern = '';
    let replacement = '';
    let flags = '';
    if (name === 's' || name === 'y') {
      const delimiter = script[at] ?? '';
      at += 1;
      const first = delimiter === '' ? undefined : until(delimiter);
      const second = first === undefined ? undefined : until(delimiter);
      if (first === undefined || second === undefined) return fail(`unterminated \`${name}' command`);
      pattern = first;
      replacement = second;
      flags = /^[gpiIe0-9]*/.exec(script.slice(at))?.[0] ?? '';
      at += flags.length;
      if (script[at] !== undefined && !/[\s;}]/.test(script[at] ?? '')) return fail(`unknown option to \`${name}'`);
    } else if (!'dpq='.includes(name)) return fail(`unknown command: \`${name}'`);
    commands.push({ from, to, negated, name: name as SedCommand['name'], pattern, replacement, flags });
  }
}

function matchesAddress(state: State, address: Address, line: string, last: boolean): boolean {
  if (address.line !== undefined) return state.number === address.line;
  if (address.last === true) return last;
  return regexFor(state, address.pattern ?? '', false)?.find(line, 0) !== undefined;
}

function selected(state: State, command: SedCommand, index: number, line: string, last: boolean): boolean {
  const { from, to } = command;
  if (from === undefined) return true;
  if (to === undefined) return matchesAddress(state, from, line, last);
  if (state.active[index] === true) {
    if (matchesAddress(state, to, line, last) || (to.line !== undefined && state.number > to.line)) state.active[index] = false;
    return to.line === undefined || state.number <= to.line;
  }
  if (!matchesAddress(state, from, line, last)) return false;
  state.active[index] = !(to.line !== undefined && to.line <= state.number);
  return true;
}

function replacementText(template: string, match: RegexMatch, line: string): string {
  let out = '';
  for (let i = 0; i < template.length; i += 1) {
    const c = template[i] ?? '';
    if (c === '&') out += line.slice(match.start, match.end);
    else if (c === '\\') {
      i += 1;
      const d = template[i] ?? '';
      out += /\d/.test(d) ? (d === '0' ? line.slice(match.start, match.end) : (match.groups[Number(d) - 1] ?? '')) : d === 'n' ? '\n' : d === 't' ? '\t' : d;
    } else out += c;
  }
  return out;
}

function substitute(state: State, command: SedCommand, line: string): { readonly line: string; readonly changed: boolean } {
  const regex = regexFor(state, command.pattern, /[iI]/.test(command.flags));
  if (regex === undefined) return { line, changed: false };
  const all = command.flags.includes('g');
  const wanted = Number(/\d+/.exec(command.flags)?.[0] ?? 1);
  let out = '';
  let at = 0;
  let count = 0;
  let changed = false;
  while (at <= line.length) {
    const match = regex.find(line, at);
    if (match === undefined) break;
    count += 1;
    out += line.slice(at, match.start);
    const chosen = all ? count >= wanted : count === wanted;
    out += chosen ? replacementText(command.replacement, match, line) : line.slice(match.start, match.end);
    if (chosen) changed = true;
    if (match.end === match.start) {
      out += line[match.end] ?? '';
      at = match.end + 1;
    } else at = match.end;
    if (chosen && !all) break;
  }
  return { line: out + line.slice(at), changed };
}

function runLine(state: State, original: string, last: boolean, io: FilterIo): void {
  state.number += 1;
  let line = original;
  for (const [index, command] of state.commands.entries()) {
    if (selected(state, command, index, line, last) === command.negated) continue;
    if (command.name === 'd') return;
    if (command.name === 'p') io.out(`${line}\n`);
    else if (command.name === '=') io.out(`${state.number}\n`);
    else if (command.name === 'y')
      line = [...line].map((c) => (command.pattern.includes(c) ? ([...command.replacement][[...command.pattern].indexOf(c)] ?? c) : c)).join('');
    else if (command.name === 'q') {
      state.done = true;
      break;
    } else {
      const result = substitute(state, command, line);
      line = result.line;
      if (result.changed && command.flags.includes('p')) io.out(`${line}\n`);
    }
  }
  if (!state.quiet) io.out(`${line}\n`);
}

function usesLast(state: State): boolean {
  return state.commands.some((command) => command.from?.last === true || command.to?.last === true);
}

export const sed = defineTextTool<State>({
  name: 'sed',
  summary: 'edits lines (s///, d, p, q, y///; -n -E -e)',
  parse: (argv) => {
    const scripts: string[] = [];
    const rest: string[] = [];
    let quiet = false;
    let syntax: 'basic' | 'extended' = 'basic';
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (word === '-n' || word === '--quiet') quiet = true;
      else if (word === '-E' || word === '-r') syntax = 'extended';
      else if (word === '-ne' || word === '-nE') {
        quiet = true;
        if (word === '-ne') scripts.push(queue.shift() ?? '');
        else syntax = 'extended';
      } else if (word === '-e') scripts.push(queue.shift() ?? '');
      else if (word === '-i' || word.startsWith('-i.'))
        return { error: 'sed: -i: editing in place is not part of this simulated sed; write to another file\n', exitCode: 1 };
      else if (word.startsWith('-') && word !== '-') return { error: `sed: invalid option -- '${word.slice(1)}'\n`, exitCode: 1 };
      else rest.push(word);
    }
    if (scripts.length === 0) {
      const script = rest.shift();
      if (script === undefined) return { error: 'Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n', exitCode: 1 };
      scripts.push(script);
    }
    const parsed = parseSed(scripts.join('\n'));
    if ('error' in parsed) return { error: `sed: ${parsed.error}\n`, exitCode: 1 };
    for (const command of parsed.commands) {
      for (const pattern of [command.name === 's' ? command.pattern : undefined, command.from?.pattern, command.to?.pattern]) {
        const regex = pattern === undefined ? undefined : compileRegex(pattern, { syntax, ignoreCase: false });
        if (regex !== undefined && 'error' in regex)
          return { error: `sed: -e expression #1, char ${scripts.join('\n').length}: ${regex.error}\n`, exitCode: 1 };
      }
    }
    return { state: { commands: parsed.commands, quiet, syntax, active: [], partial: '', held: undefined, number: 0, done: false }, files: rest };
  },
  data: (state, text, io) => {
    for (const line of takeLines(state, text)) {
      // Only `$` needs to know whether more lines come; without it a live pipe must not lag behind.
      if (!usesLast(state)) runLine(state, line, false, io);
      else {
        if (state.held !== undefined) runLine(state, state.held, false, io);
        state.held = line;
      }
      if (state.done) return 0;
    }
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) {
      if (state.held !== undefined && !state.done) runLine(state, state.held, false, io);
      state.held = line;
    }
    if (state.held !== undefined && !state.done) runLine(state, state.held, true, io);
    return 0;
  },
});
