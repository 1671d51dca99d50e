/** Builtins about variables and settings: export, local, declare, readonly, unset, set, alias, trap. */
import type { Scope, Task } from '../state.ts';
import { callOf } from './functions.ts';
import type { Machine } from './machine.ts';
import { arrayOf, elementsOf, saveVariable, setVariable, unsetVariable, variableOf } from './variables.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** As `declare -p` and `set` print a value. */
function doubleQuote(value: string): string {
  return `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
function singleQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function badName(machine: Machine, task: Task, builtin: string, word: string, name: string): void {
  const bash = task.scope.flavour === 'bash';
  machine.complain(task, bash ? `${builtin}: \`${word}': not a valid identifier` : `${builtin}: ${name}: bad variable name`);
  task.status = bash ? 1 : 2;
}

function splitAssignment(word: string): { readonly name: string; readonly value: string | undefined; readonly append: boolean } {
  const equals = word.indexOf('=');
  if (equals < 0) return { name: word, value: undefined, append: false };
  const append = word[equals - 1] === '+';
  return { name: word.slice(0, append ? equals - 1 : equals), value: word.slice(equals + 1), append };
}

export function declareExported(machine: Machine, task: Task, argv: readonly string[]): void {
  const { scope } = task;
  const off = argv[0] === '-n';
  const words = argv.filter((word) => !/^-[npf]$/.test(word));
  if (words.length === 0) {
    for (const name of [...scope.exported.keys()].sort()) {
      const value = variableOf(scope, name);
      const prefix = scope.flavour === 'bash' ? 'declare -x' : 'export';
      if (value !== undefined || scope.flavour === 'bash')
        machine.write(
          task,
          task.io.stdout,
          `${prefix} ${name}${value === undefined ? '' : `=${scope.flavour === 'bash' ? doubleQuote(value) : singleQuote(value)}`}\n`,
        );
    }
    return;
  }
  for (const word of words) {
    const { name, value, append } = splitAssignment(word);
    if (!NAME.test(name)) {
      badName(machine, task, 'export', word, name);
      continue;
    }
    if (value !== undefined) setVariable(scope, name, append ? (variableOf(scope, name) ?? '') + value : value);
    if (off) scope.exported.delete(name);
    else scope.exported.set(name, true);
  }
}

export function declare(machine: Machine, task: Task, builtin: 'local' | 'readonly' | 'declare' | 'typeset', argv: readonly string[]): void {
  const { scope } = task;
  const call = callOf(task);
  if (builtin === 'local' && call === undefined) {
    machine.complain(task, scope.flavour === 'bash' ? 'local: can only be used in a function' : 'local: not in a function');
    task.status = scope.flavour === 'bash' ? 1 : 2;
    return;
  }
  const flags = argv.filter((word) => /^[-+]./.test(word)).join('');
  const words = argv.filter((word) => !/^[-+]./.test(word));
  if (flags.includes('p') || words.length === 0) {
    printDeclarations(machine, task, builtin, words);
    return;
  }
  for (const word of words) {
    const { name, value, append } = splitAssignment(word);
    if (!NAME.test(name)) {
      badName(machine, task, builtin, word, name);
      continue;
    }
    if (call !== undefined && builtin !== 'readonly' && !flags.includes('g') && !call.locals.has(name)) {
      const outer = saveVariable(scope, name);
      call.locals.set(name, outer);
      // A local variable begins unset; ash and dash let it begin with the outer value.
      if (scope.flavour === 'bash') scope.variables.delete(name);
      scope.arrays.delete(name);
    }
    if (flags.includes('A') && scope.arrays.get(name)?.associative !== true) {
      scope.arrays.delete(name);
      arrayOf(scope, name, true);
    } else if (flags.includes('a')) arrayOf(scope, name);
    if (value !== undefined) setVariable(scope, name, append ? (variableOf(scope, name) ?? '') + value : value);
    if (flags.includes('x')) scope.exported.set(name, true);
    if (flags.includes('r') || builtin === 'readonly') scope.constants.set(name, true);
  }
}

function printDeclarations(machine: Machine, task: Task, builtin: string, names: readonly string[]): void {
  const { scope } = task;
  const all = names.length > 0 ? names : [...scope.variables.keys(), ...scope.arrays.keys()].filter((name) => NAME.test(name)).sort();
  for (const name of all) {
    if (builtin === 'readonly' && !scope.constants.has(name)) continue;
    const array = scope.arrays.get(name);
    const value = scope.variables.get(name);
    if (array === undefined && value === undefined) {
      machine.complain(task, `${builtin}: ${name}: not found`);
      task.status = 1;
      continue;
    }
    const letters = `${array === undefined ? '' : array.associative ? 'A' : 'a'}${scope.constants.has(name) ? 'r' : ''}${scope.exported.has(name) ? 'x' : ''}`;
    const elements = elementsOf(scope, name).map(([key, element]) => `[${key}]=${doubleQuote(element)}`);
    const shown = array === undefined ? doubleQuote(value ?? '') : `(${elements.join(' ')}${array.associative && elements.length > 0 ? ' ' : ''})`;
    machine.write(task, task.io.stdout, `declare -${letters === '' ? '-' : letters} ${name}=${shown}\n`);
  }
}

export function unset(machine: Machine, task: Task, argv: readonly string[]): void {
  const { scope } = task;
  const functions = argv[0] === '-f';
  for (const word of argv.filter((candidate) => !/^-[fvn]$/.test(candidate))) {
    const element = /^([A-Za-z_]\w*)\[(.*)\]$/.exec(word);
    if (functions) scope.functions.delete(word);
    else if (element !== null) {
      const [, name = '', key = ''] = element;
      if (key === '@' || key === '*') unsetVariable(scope, name);
      else scope.arrays.get(name)?.values.delete(key);
    } else if (scope.constants.has(word)) {
      machine.complain(task, scope.flavour === 'bash' ? `unset: ${word}: cannot unset: readonly variable` : `unset: ${word}: is read only`);
      task.status = scope.flavour === 'bash' ? 1 : 2;
    } else if (variableOf(scope, word) === undefined && !scope.arrays.has(word)) scope.functions.delete(word);
    else unsetVariable(scope, word);
  }
}

const longNames: Readonly<Record<string, string>> = {
  e: 'errexit',
  u: 'nounset',
  x: 'xtrace',
  f: 'noglob',
  a: 'allexport',
  C: 'noclobber',
  v: 'verbose',
  h: 'hashall',
  m: 'monitor',
  b: 'notify',
};
const shown = ['allexport', 'errexit', 'noclobber', 'noglob', 'nounset', 'pipefail', 'verbose', 'xtrace'];

export function setOptions(machine: Machine, task: Task, builtin: string, argv: readonly string[]): void {
  const { scope } = task;
  if (builtin === 'shopt') {
    machine.complain(task, `shopt: ${argv.find((word) => !word.startsWith('-')) ?? ''}: invalid shell option name`);
    task.status = 1;
    return;
  }
  if (argv.length === 0) {
    listVariables(machine, task);
    return;
  }
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    if (word === '--' || !/^[-+]./.test(word)) {
      scope.positional = [scope.positional[0] ?? '', ...argv.slice(word === '--' ? i + 1 : i)];
      return;
    }
    for (const letter of word.slice(1)) {
      let name = longNames[letter];
      if (letter === 'o') {
        i += 1;
        const wanted = argv[i];
        if (wanted === undefined) {
          for (const option of shown) machine.write(task, task.io.stdout, `${option.padEnd(15)}\t${scope.options.has(option) ? 'on' : 'off'}\n`);
          return;
        }
        name = shown.includes(wanted) || ['posix', 'emacs', 'vi', ...Object.values(longNames)].includes(wanted) ? wanted : undefined;
        if (name === undefined) {
          machine.complain(task, scope.flavour === 'bash' ? `set: ${wanted}: invalid option name` : `set: Illegal option -o ${wanted}`);
          task.status = 2;
          return;
        }
      }
      if (name === undefined) {
        machine.complain(
          task,
          scope.flavour === 'bash'
            ? `set: -${letter}: invalid option\nset: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]`
            : `set: Illegal option -${letter}`,
        );
        task.status = 2;
        return;
      }
      if (word.startsWith('-')) scope.options.set(name, true);
      else scope.options.delete(name);
    }
  }
}

function listVariables(machine: Machine, task: Task): void {
  const quote = (value: string): string => (/^[A-Za-z0-9_./:@%+,-]*$/.test(value) ? value : singleQuote(value));
  for (const [name, value] of [...task.scope.variables].sort()) if (NAME.test(name)) machine.write(task, task.io.stdout, `${name}=${quote(value)}\n`);
}

export function alias(machine: Machine, task: Task, argv: readonly string[]): void {
  const { aliases } = task.scope;
  const print = (name: string): void =>
    machine.write(task, task.io.stdout, `${task.scope.flavour === 'bash' ? 'alias ' : ''}${name}=${singleQuote(aliases.get(name) ?? '')}\n`);
  if (argv.length === 0) for (const name of [...aliases.keys()].sort()) print(name);
  for (const word of argv) {
    const equals = word.indexOf('=');
    if (equals > 0) aliases.set(word.slice(0, equals), word.slice(equals + 1));
    else if (aliases.has(word)) print(word);
    else {
      machine.complain(task, `alias: ${word}${task.scope.flavour === 'bash' ? ': not found' : ' not found'}`);
      task.status = 1;
    }
  }
}

export function unalias(machine: Machine, task: Task, argv: readonly string[]): void {
  const { aliases } = task.scope;
  if (argv[0] === '-a') aliases.clear();
  else
    for (const name of argv)
      if (!aliases.delete(name)) {
        machine.complain(task, `unalias: ${name}: not found`);
        task.status = 1;
      }
}

const signals: Readonly<Record<string, string>> = { '0': 'EXIT', '1': 'HUP', '2': 'INT', '3': 'QUIT', '15': 'TERM' };
const known = new Set(['EXIT', 'HUP', 'INT', 'QUIT', 'TERM', 'ERR', 'DEBUG', 'RETURN', 'USR1', 'USR2', 'PIPE', 'CHLD', 'WINCH', 'ALRM', 'TSTP', 'CONT']);

function signalName(word: string): string | undefined {
  const name = signals[word] ?? word.toUpperCase().replace(/^SIG/, '');
  return known.has(name) ? name : undefined;
}

export function trap(machine: Machine, task: Task, argv: readonly string[]): void {
  const { traps }: Scope = task.scope;
  if (argv.length === 0 || argv[0] === '-p') {
    const title = (name: string): string => (name === 'EXIT' || name === 'ERR' || task.scope.flavour !== 'bash' ? name : `SIG${name}`);
    for (const [name, text] of traps) machine.write(task, task.io.stdout, `trap -- ${singleQuote(text)} ${title(name)}\n`);
    return;
  }
  const words = argv[0] === '--' ? argv.slice(1) : argv;
  // A single word, or a first word that is a number, takes traps away.
  const removes = words.length === 1 || words[0] === '-' || /^\d+$/.test(words[0] ?? '');
  for (const word of words.length === 1 || /^\d+$/.test(words[0] ?? '') ? words : words.slice(1)) {
    const name = signalName(word);
    if (name === undefined) {
      machine.complain(task, task.scope.flavour === 'bash' ? `trap: ${word}: invalid signal specification` : `trap: ${word}: bad trap`);
      task.status = 1;
    } else if (removes) traps.delete(name);
    else traps.set(name, words[0] ?? '');
  }
}
