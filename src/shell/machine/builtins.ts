/** Builtins that touch the shell itself: directory, control flow, other words and scripts. Variables are in declare.ts, jobs in jobs.ts, input in read.ts. */
import { baseName, resolvePath } from '../paths.ts';
import type { Task } from '../state.ts';
import { formatSyntaxProblem } from '../syntax/errors.ts';
import { dialectOf, parseScript } from '../syntax/parser.ts';
import { printFormat } from '../text/printf.ts';
import { alias, declare, declareExported, setOptions, trap, unalias, unset } from './declare.ts';
import { foreground, killJobs, listJobs, runTimeout, waitForJobs } from './jobs.ts';
import type { Machine } from './machine.ts';
import { getopts, startRead } from './read.ts';
import { setVariable } from './variables.ts';

const bashOnly: ReadonlySet<string> = new Set(['declare', 'typeset', 'let', 'shopt']);

export const specialBuiltins: ReadonlySet<string> = new Set([
  ...[':', 'cd', 'exit', 'logout', 'break', 'continue', 'return', 'export', 'readonly', 'local', 'declare', 'typeset', 'unset', 'set', 'shopt'],
  ...['eval', 'exec', 'shift', 'read', 'getopts', 'wait', 'jobs', 'fg', 'bg', 'kill', 'timeout', 'nohup', 'command', 'builtin', 'type', '.', 'source'],
  ...['alias', 'unalias', 'umask', 'trap', 'let'],
]);

/** Runs the builtin on the task: sets its status, scope or stack. */
export function runBuiltin(machine: Machine, task: Task, name: string, argv: readonly string[], environment: ReadonlyMap<string, string>): void {
  const status = task.status;
  if (bashOnly.has(name) && task.scope.flavour !== 'bash') {
    machine.complain(task, `${name}: not found`);
    task.status = 127;
    return;
  }
  task.status = 0;
  switch (name) {
    case ':':
    case 'umask':
      if (name === 'umask' && argv.length === 0) machine.write(task, task.io.stdout, '0022\n');
      return;
    case 'cd':
      changeDirectory(machine, task, argv[0]);
      return;
    case 'exit':
    case 'logout':
    case 'return':
      leave(machine, task, name, argv[0], status);
      return;
    case 'break':
    case 'continue':
      leaveLoop(machine, task, name, argv[0]);
      return;
    case 'export':
      declareExported(machine, task, argv);
      return;
    case 'local':
    case 'readonly':
    case 'declare':
    case 'typeset':
      declare(machine, task, name, argv);
      return;
    case 'unset':
      unset(machine, task, argv);
      return;
    case 'set':
    case 'shopt':
      setOptions(machine, task, name, argv);
      return;
    case 'alias':
      alias(machine, task, argv);
      return;
    case 'unalias':
      unalias(machine, task, argv);
      return;
    case 'trap':
      trap(machine, task, argv);
      return;
    case 'eval':
      task.status = status;
      runText(machine, task, argv.join(' '));
      return;
    case '.':
    case 'source':
      sourceFile(machine, task, name, argv);
      return;
    case 'exec':
    case 'command':
    case 'builtin':
    case 'nohup':
      runWords(machine, task, name, argv);
      return;
    case 'type':
      for (const word of argv.filter((other) => other !== '-t')) describeWord(machine, task, word, argv[0] === '-t');
      return;
    case 'let':
      for (const expression of argv) task.status = evaluate(machine, task, expression);
      return;
    case 'shift':
      shift(machine, task, argv[0]);
      return;
    case 'read':
      startRead(machine, task, argv, environment);
      return;
    case 'getopts':
      getopts(machine, task, argv);
      return;
    case 'wait':
      waitForJobs(machine, task, argv);
      return;
    case 'jobs':
      listJobs(machine, task, argv);
      return;
    case 'fg':
    case 'bg':
      foreground(machine, task, name, argv[0]);
      return;
    case 'kill':
      killJobs(machine, task, argv);
      return;
    case 'timeout':
      runTimeout(machine, task, argv);
      return;
  }
}

/** `printf -v NAME …` */
export function printInto(machine: Machine, task: Task, argv: readonly string[]): void {
  const printed = printFormat(argv[2] ?? '', argv.slice(3));
  for (const problem of printed.problems) machine.complain(task, `printf: ${problem}`);
  setVariable(task.scope, argv[1] ?? '', printed.text);
  task.status = printed.problems.length > 0 ? 1 : 0;
}

function leave(machine: Machine, task: Task, name: 'exit' | 'logout' | 'return', code: string | undefined, status: number): void {
  const bash = task.scope.flavour === 'bash';
  if (name === 'return' && bash && !task.stack.some((frame) => frame.kind === 'function')) {
    machine.complain(task, "return: can only `return' from a function or sourced script");
    task.status = 2;
    return;
  }
  let value = code === undefined ? status : ((Number(code) % 256) + 256) % 256;
  if (code !== undefined && !/^-?\d+$/.test(code)) {
    machine.complain(task, bash ? `${name}: ${code}: numeric argument required` : `${name}: Illegal number: ${code}`);
    value = 2;
  }
  task.unwind = name === 'return' ? { kind: 'return', status: value } : { kind: 'exit', status: value };
}

function leaveLoop(machine: Machine, task: Task, name: 'break' | 'continue', count: string | undefined): void {
  let loops = 0;
  for (const frame of task.stack) {
    if (frame.kind === 'for' || frame.kind === 'counting-for' || (frame.kind === 'while' && frame.phase !== 'start')) loops += 1;
    else if (frame.kind === 'function' || (frame.kind === 'restore' && frame.boundary)) loops = 0;
  }
  if (count !== undefined && !/^\d+$/.test(count)) {
    machine.complain(task, task.scope.flavour === 'bash' ? `${name}: ${count}: numeric argument required` : `${name}: Illegal number: ${count}`);
    task.unwind = { kind: 'exit', status: task.scope.flavour === 'bash' ? 128 : 2, abort: true };
    return;
  }
  if (loops === 0) {
    if (task.scope.flavour === 'bash') machine.complain(task, `${name}: only meaningful in a \`for', \`while', or \`until' loop`);
    return;
  }
  task.unwind = { kind: name, levels: Math.min(loops, Math.max(1, Number(count ?? 1))) };
}

function shift(machine: Machine, task: Task, count: string | undefined): void {
  const { scope } = task;
  const by = count === undefined ? 1 : Number(count);
  if (!Number.isInteger(by) || by < 0) {
    machine.complain(task, scope.flavour === 'bash' ? `shift: ${count}: numeric argument required` : `shift: Illegal number: ${count}`);
    task.status = 1;
  } else if (by > scope.positional.length - 1) {
    if (scope.flavour === 'dash') {
      machine.complain(task, "shift: can't shift that many");
      task.unwind = { kind: 'exit', status: 2, abort: true };
    }
    task.status = 1;
  } else scope.positional = [scope.positional[0] ?? '', ...scope.positional.slice(1 + by)];
}

function changeDirectory(machine: Machine, task: Task, argument: string | undefined): void {
  const { scope } = task;
  const home = scope.variables.get('HOME') ?? '/';
  const back = scope.variables.get('OLDPWD');
  if (argument === '-' && back === undefined) {
    machine.complain(task, 'cd: OLDPWD not set');
    task.status = 1;
    return;
  }
  const target = argument === '-' ? (back ?? home) : resolvePath(scope.cwd, argument ?? home);
  const paths = machine.services.filePaths(task.place);
  const isDirectory = target === '/' || target === home || target === '/tmp' || target === '/root' || paths.some((path) => path.startsWith(`${target}/`));
  if (!isDirectory) {
    machine.complain(
      task,
      scope.flavour === 'bash'
        ? `cd: ${argument}: ${paths.includes(target) ? 'Not a directory' : 'No such file or directory'}`
        : `cd: can't cd to ${argument}${scope.flavour === 'ash' ? ': No such file or directory' : ''}`,
    );
    task.status = scope.flavour === 'bash' ? 1 : 2;
    return;
  }
  scope.variables.set('OLDPWD', scope.cwd);
  scope.cwd = target;
  if (argument === '-') machine.write(task, task.io.stdout, `${target}\n`);
}

function runText(machine: Machine, task: Task, text: string): void {
  const parsed = parseScript(text, dialectOf(task.scope.flavour, task.scope.interactive ? task.scope.aliases : undefined));
  if (parsed.ok) task.stack.push({ kind: 'list', list: parsed.script, next: 0 });
  else {
    machine.write(task, task.io.stderr, formatSyntaxProblem(parsed.problem, task.scope.flavour, parsed.line));
    task.status = 2;
  }
}

function evaluate(machine: Machine, task: Task, expression: string): number {
  runText(machine, task, `(( ${expression} ))`);
  return task.status;
}

function sourceFile(machine: Machine, task: Task, name: string, argv: readonly string[]): void {
  const [path] = argv;
  if (path === undefined) {
    machine.complain(task, `${name}: filename argument required\n${name}: usage: ${name} filename [arguments]`);
    task.status = 2;
    return;
  }
  const file = machine.services.readFile(task.place, resolvePath(task.scope.cwd, path));
  if (file === undefined) {
    machine.complain(task, task.scope.flavour === 'bash' ? `${path}: No such file or directory` : `.: cannot open ${path}: No such file`);
    task.status = task.scope.flavour === 'bash' ? 1 : 2;
    return;
  }
  const given = argv.length > 1;
  task.stack.push({ kind: 'function', positional: given ? task.scope.positional : undefined, locals: new Map() });
  if (given) task.scope.positional = [task.scope.positional[0] ?? '', ...argv.slice(1)];
  runText(machine, task, file);
}

function kindOf(machine: Machine, task: Task, word: string): 'alias' | 'function' | 'builtin' | 'file' | undefined {
  if (task.scope.interactive && task.scope.aliases.has(word)) return 'alias';
  if (task.scope.functions.has(word)) return 'function';
  if (specialBuiltins.has(word) && word !== 'timeout' && word !== 'nohup') return 'builtin';
  if (['echo', 'printf', 'test', '[', 'true', 'false', 'pwd', 'history', 'help'].includes(word)) return 'builtin';
  return machine.services.hasProgram(task.place, word) || word === 'timeout' || word === 'nohup' ? 'file' : undefined;
}

function describeWord(machine: Machine, task: Task, word: string, short = false): void {
  const kind = kindOf(machine, task, word);
  const says: Readonly<Record<string, string>> = {
    alias: `aliased to \`${task.scope.aliases.get(word)}'`,
    function: 'a function',
    builtin: 'a shell builtin',
    file: `/usr/bin/${word}`,
  };
  if (kind !== undefined) machine.write(task, task.io.stdout, short ? `${kind}\n` : `${word} is ${says[kind]}\n`);
  else {
    if (!short && task.scope.flavour === 'bash') machine.complain(task, `type: ${word}: not found`);
    else if (!short) machine.write(task, task.io.stdout, `${word}: not found\n`);
    task.status = task.scope.flavour === 'bash' ? 1 : 127;
  }
}

function runWords(machine: Machine, task: Task, name: string, argv: readonly string[]): void {
  if (name === 'command' && argv[0] === '-V') {
    for (const word of argv.slice(1)) describeWord(machine, task, word);
    return;
  }
  if (name === 'command' && argv[0] === '-v') {
    for (const word of argv.slice(1)) {
      const kind = kindOf(machine, task, word);
      if (kind === undefined) task.status = task.scope.flavour === 'bash' ? 1 : 127;
      else
        machine.write(
          task,
          task.io.stdout,
          kind === 'alias' ? `alias ${word}='${task.scope.aliases.get(word)}'\n` : kind === 'file' ? `/usr/bin/${baseName(word)}\n` : `${word}\n`,
        );
    }
    return;
  }
  const words = argv[0] === '-p' || argv[0] === '--' ? argv.slice(1) : argv;
  if (words.length === 0) {
    if (name === 'nohup') {
      machine.write(task, task.io.stderr, "nohup: missing operand\nTry 'nohup --help' for more information.\n");
      task.status = 125;
    }
    return;
  }
  if (name === 'nohup' && task.io.stdout.kind === 'terminal') machine.write(task, task.io.stderr, 'nohup: ignoring input\n');
  // exec's command takes the shell's place: nothing comes after it.
  if (name === 'exec') task.stack.push({ kind: 'status', status: undefined, exits: true });
  machine.call(task, words);
}
