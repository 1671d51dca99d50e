/** Builtins that touch the shell itself: directory, variables, control flow, jobs. */
import { baseName, resolvePath } from '../paths.ts';
import type { Task } from '../state.ts';
import { formatSyntaxProblem } from '../syntax/errors.ts';
import { parseScript } from '../syntax/parser.ts';
import type { Machine } from './machine.ts';
import { readSource } from './streams.ts';

export const specialBuiltins: ReadonlySet<string> = new Set([
  ':',
  'cd',
  'exit',
  'logout',
  'break',
  'continue',
  'export',
  'unset',
  'set',
  'eval',
  'exec',
  'shift',
  'read',
  'wait',
  'jobs',
  'kill',
  'timeout',
  'command',
  'time',
  '.',
  'source',
  'local',
  'alias',
  'umask',
  'trap',
]);

/** Runs the builtin on the task: sets its status, scope or stack. */
export function runBuiltin(machine: Machine, task: Task, name: string, argv: readonly string[]): void {
  task.status = 0;
  switch (name) {
    case 'cd':
      changeDirectory(machine, task, argv[0]);
      return;
    case 'exit':
    case 'logout': {
      const code = argv[0];
      if (code !== undefined && !/^-?\d+$/.test(code)) {
        machine.complain(task, task.scope.flavour === 'bash' ? `exit: ${code}: numeric argument required` : `exit: Illegal number: ${code}`);
        task.unwind = { kind: 'exit', status: 2 };
      } else task.unwind = { kind: 'exit', status: code === undefined ? lastStatus(machine, task) : ((Number(code) % 256) + 256) % 256 };
      return;
    }
    case 'break':
    case 'continue':
      task.unwind = { kind: name, levels: Math.max(1, Number(argv[0] ?? 1) || 1) };
      return;
    case 'export':
    case 'local':
      assign(machine, task, name, argv);
      return;
    case 'unset':
      for (const variable of argv) if (!variable.startsWith('-')) task.scope.variables.delete(variable);
      return;
    case 'set':
      if (argv.length === 0) for (const [key, value] of [...task.scope.variables].sort()) machine.write(task, task.io.stdout, `${key}=${quoteValue(value)}\n`);
      return;
    case 'alias':
    case 'umask':
    case 'trap':
    case ':':
      return;
    case 'eval':
      runText(machine, task, argv.join(' '));
      return;
    case '.':
    case 'source': {
      const file = argv[0] === undefined ? undefined : machine.services.readFile(task.place, resolvePath(task.scope.cwd, argv[0]));
      if (file === undefined) {
        machine.complain(task, `${argv[0] ?? `${name}: filename argument required`}: No such file or directory`);
        task.status = 1;
      } else runText(machine, task, file);
      return;
    }
    case 'exec':
    case 'command':
    case 'time':
      runWords(machine, task, name, argv);
      return;
    case 'shift':
      if (task.scope.positional.length > 1) task.scope = { ...task.scope, positional: [task.scope.positional[0] ?? '', ...task.scope.positional.slice(2)] };
      return;
    case 'read':
      task.stack.push({ kind: 'read', names: argv.filter((word) => !word.startsWith('-')) });
      return;
    case 'wait': {
      const all = [...machine.state.tasks.values()].filter((other) => other.session === task.session && other.background && other !== task);
      const wanted = argv.length === 0 ? all : all.filter((other) => argv.includes(String(other.id)));
      task.stack.push({ kind: 'wait-tasks', tasks: wanted.map((other) => other.id) });
      return;
    }
    case 'jobs':
      for (const [index, job] of jobsOf(machine, task).entries()) machine.write(task, task.io.stdout, `[${index + 1}]   Running                 ${job.id}\n`);
      return;
    case 'kill':
      killJobs(machine, task, argv);
      return;
    case 'timeout':
      runTimeout(machine, task, argv);
      return;
  }
}

function lastStatus(machine: Machine, task: Task): number {
  const session = machine.state.sessions.get(task.session);
  return session?.levels.at(-1)?.status ?? 0;
}

function changeDirectory(machine: Machine, task: Task, argument: string | undefined): void {
  const home = task.scope.variables.get('HOME') ?? '/';
  const target = argument === '-' ? (task.scope.variables.get('OLDPWD') ?? home) : resolvePath(task.scope.cwd, argument ?? home);
  const paths = machine.services.filePaths(task.place);
  const isDirectory = target === '/' || target === home || target === '/tmp' || target === '/root' || paths.some((path) => path.startsWith(`${target}/`));
  if (!isDirectory) {
    machine.complain(
      task,
      paths.includes(target)
        ? `cd: ${argument}: Not a directory`
        : task.scope.flavour === 'bash'
          ? `cd: ${argument}: No such file or directory`
          : `cd: can't cd to ${argument}: No such file or directory`,
    );
    task.status = task.scope.flavour === 'bash' ? 1 : 2;
    return;
  }
  task.scope.variables.set('OLDPWD', task.scope.cwd);
  task.scope.cwd = target;
  if (argument === '-') machine.write(task, task.io.stdout, `${target}\n`);
}

function assign(machine: Machine, task: Task, builtin: string, argv: readonly string[]): void {
  for (const word of argv) {
    if (word.startsWith('-')) continue;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      machine.complain(task, task.scope.flavour === 'bash' ? `${builtin}: \`${word}': not a valid identifier` : `${builtin}: ${name}: bad variable name`);
      task.status = task.scope.flavour === 'bash' ? 1 : 2;
    } else if (equals >= 0) task.scope.variables.set(name, word.slice(equals + 1));
  }
}

function quoteValue(value: string): string {
  return /^[A-Za-z0-9_./:-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

function runText(machine: Machine, task: Task, text: string): void {
  const parsed = parseScript(text);
  if (parsed.ok) task.stack.push({ kind: 'list', list: parsed.script, next: 0 });
  else {
    machine.write(task, task.io.stderr, formatSyntaxProblem(parsed.problem, task.scope.flavour, parsed.line));
    task.status = 2;
  }
}

function runWords(machine: Machine, task: Task, name: string, argv: readonly string[]): void {
  if (name === 'command' && (argv[0] === '-v' || argv[0] === '-V')) {
    const wanted = argv[1] ?? '';
    const known = specialBuiltins.has(wanted) || machine.services.hasProgram(task.place, wanted);
    if (known) machine.write(task, task.io.stdout, specialBuiltins.has(wanted) ? `${wanted}\n` : `/usr/bin/${baseName(wanted)}\n`);
    task.status = known ? 0 : task.scope.flavour === 'bash' ? 1 : 127;
    return;
  }
  if (argv.length === 0) return;
  if (name === 'time') task.stack.push({ kind: 'after', after: { hook: 'time', data: { startNs: machine.host.nowNs } } });
  machine.call(task, argv);
}

/** One step of `read`: waits until its input has a line or has ended. */
export function stepRead(machine: Machine, task: Task, names: readonly string[]): 'ran' | 'blocked' {
  const input = readSource(machine.state, task, task.io.stdin);
  if (input === undefined) return 'blocked';
  // The rest of a pipe stays readable for the next `read` of a loop.
  const end = input.text.indexOf('\n');
  const line = end < 0 ? input.text : input.text.slice(0, end);
  const rest = end < 0 ? '' : input.text.slice(end + 1);
  if (task.io.stdin.kind === 'text') {
    task.io.stdin.text = rest;
    task.io.stdin.read = false;
  } else if (task.io.stdin.kind === 'pipe') {
    const pipe = machine.state.pipes.get(task.io.stdin.pipe);
    if (pipe !== undefined) pipe.text = rest + pipe.text;
  }
  task.stack.pop();
  setRead(task, names, line);
  task.status = input.text === '' ? 1 : 0;
  return 'ran';
}

/** Gives the fields of a line to variables, the last one taking what is left. */
function setRead(task: Task, names: readonly string[], line: string): void {
  const fields = line.trim().split(/[ \t]+/);
  const targets = names.length === 0 ? ['REPLY'] : names;
  for (const [index, name] of targets.entries()) {
    task.scope.variables.set(name, index === targets.length - 1 ? fields.slice(index).join(' ') : (fields[index] ?? ''));
  }
}

function jobsOf(machine: Machine, task: Task): Task[] {
  return [...machine.state.tasks.values()].filter((other) => other.session === task.session && other.background && !other.done);
}

function killJobs(machine: Machine, task: Task, argv: readonly string[]): void {
  let hard = false;
  for (const word of argv) {
    if (word.startsWith('-')) {
      hard = word === '-9' || word === '-KILL' || word === '-SIGKILL';
      continue;
    }
    const jobs = jobsOf(machine, task);
    const job = word.startsWith('%') ? jobs[Number(word.slice(1)) - 1] : jobs.find((other) => String(other.id) === word);
    if (job === undefined) {
      machine.complain(task, word.startsWith('%') ? `kill: ${word}: no such job` : `kill: (${word}) - No such process`);
      task.status = 1;
    } else if (hard) machine.kill(job, 137);
    else machine.interrupt(job);
  }
}

function runTimeout(machine: Machine, task: Task, argv: readonly string[]): void {
  let index = 0;
  let preserve = false;
  while (argv[index]?.startsWith('-') === true) {
    if (argv[index] === '--preserve-status') preserve = true;
    else if (argv[index] === '-s' || argv[index] === '-k') index += 1;
    index += 1;
  }
  const duration = argv[index];
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(duration ?? '');
  const command = argv.slice(index + 1);
  if (match === null || command.length === 0) {
    machine.write(
      task,
      task.io.stderr,
      duration === undefined || command.length === 0
        ? "timeout: missing operand\nTry 'timeout --help' for more information.\n"
        : `timeout: invalid time interval '${duration}'\nTry 'timeout --help' for more information.\n`,
    );
    task.status = 125;
    return;
  }
  const unit = { s: 1, m: 60, h: 3600, d: 86400 }[match[2] === '' ? 's' : (match[2] ?? 's')] ?? 1;
  machine.runWithTimeout(task, Number(match[1]) * unit, command, preserve);
}
