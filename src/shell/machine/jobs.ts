/** Jobs: `jobs`, `wait`, `kill`, `fg`, `timeout`, and what an interactive shell tells of jobs that have ended. */
import { findSession, type Job, type Session, type Task } from '../state.ts';
import type { Machine } from './machine.ts';
import { signalFirst } from './signals.ts';

function sessionOf(machine: Machine, task: Task): Session | undefined {
  return findSession(machine.state, task.session);
}

/** `%1`, `%%`, `%-`, `%name` or a process id. */
function findJob(machine: Machine, task: Task, word: string): Job | undefined {
  const jobs = sessionOf(machine, task)?.jobs ?? [];
  if (!word.startsWith('%')) return jobs.find((job) => String(job.task) === word);
  const which = word.slice(1);
  if (which === '' || which === '%' || which === '+') return jobs.at(-1);
  if (which === '-') return jobs.at(-2) ?? jobs.at(-1);
  return /^\d+$/.test(which) ? jobs.find((job) => job.number === Number(which)) : jobs.findLast((job) => job.source.startsWith(which));
}

function stateOf(job: Job): string {
  switch (job.status) {
    case undefined:
      return 'Running';
    case 0:
      return 'Done';
    case 137:
      return 'Killed';
    case 130:
    case 143:
      return 'Terminated';
    default:
      return `Exit ${job.status}`;
  }
}

function formatJob(job: Job, jobs: readonly Job[]): string {
  const mark = job === jobs.at(-1) ? '+' : job === jobs.at(-2) ? '-' : ' ';
  return `[${job.number}]${mark}  ${stateOf(job).padEnd(24)}${job.source}${job.status === undefined ? ' &' : ''}\n`;
}

/** Ended jobs as bash tells them before a prompt; they are forgotten then. */
export function takeEndedJobs(session: Session): string {
  const told = session.jobs.filter((job) => job.status !== undefined).map((job) => formatJob(job, session.jobs));
  if (told.length > 0) session.jobs = session.jobs.filter((job) => job.status === undefined);
  return told.join('');
}

export function listJobs(machine: Machine, task: Task, argv: readonly string[]): void {
  const session = sessionOf(machine, task);
  if (session === undefined) return;
  for (const job of session.jobs) {
    if (argv.includes('-p')) machine.write(task, task.io.stdout, `${job.task}\n`);
    else if (argv.includes('-l')) machine.write(task, task.io.stdout, formatJob(job, session.jobs).replace(/^(\[\d+\].) /, `$1 ${job.task}`));
    else machine.write(task, task.io.stdout, formatJob(job, session.jobs));
  }
  session.jobs = session.jobs.filter((job) => job.status === undefined);
}

export function waitForJobs(machine: Machine, task: Task, argv: readonly string[]): void {
  const words = argv.filter((word) => !word.startsWith('-'));
  if (words.length === 0) {
    const running = [...machine.state.tasks.values()].filter((other) => other.session === task.session && other.background && other !== task && !other.done);
    task.stack.push({ kind: 'wait-tasks', tasks: running.map((other) => other.id), all: true });
    return;
  }
  const tasks: number[] = [];
  for (const word of words) {
    const job = findJob(machine, task, word);
    if (job === undefined) {
      machine.complain(task, word.startsWith('%') ? `wait: ${word}: no such job` : `wait: pid ${word} is not a child of this shell`);
      task.status = 127;
    } else tasks.push(job.task);
  }
  if (tasks.length > 0) task.stack.push({ kind: 'wait-tasks', tasks, all: false });
}

/** `fg` waits for the job as for a command that was typed; `bg` has nothing to do, since nothing here can be stopped halfway. */
export function foreground(machine: Machine, task: Task, name: 'fg' | 'bg', word: string | undefined): void {
  const job = findJob(machine, task, word === undefined ? '%' : word.startsWith('%') ? word : `%${word}`);
  if (job === undefined) {
    machine.complain(task, `${name}: ${word === undefined ? 'current' : word}: no such job`);
    task.status = 1;
    return;
  }
  const session = sessionOf(machine, task);
  if (name === 'bg') {
    machine.complain(task, `bg: job ${job.number} already in background`);
    return;
  }
  machine.write(task, task.io.stdout, `${job.source}\n`);
  const child = machine.state.tasks.get(job.task);
  if (session !== undefined) session.jobs = session.jobs.filter((other) => other !== job);
  // As one child of a pipeline, the job gets the Ctrl-C of its new parent.
  if (child !== undefined && !child.done) task.stack.push({ kind: 'pipeline', node: emptyPipeline, children: [child.id], started: true });
  else task.status = job.status ?? 0;
}

const emptyPipeline = Object.freeze({ kind: 'pipeline', negated: false, timed: false, commands: Object.freeze([]) } as const);

export function killJobs(machine: Machine, task: Task, argv: readonly string[]): void {
  let hard = false;
  let asks = false;
  const words = [...argv];
  if (words[0] === '-l') {
    machine.write(task, task.io.stdout, 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM\n');
    return;
  }
  if (words[0]?.startsWith('-') === true) {
    const option = words.shift() ?? '';
    const signal = (option === '-s' || option === '-n' ? (words.shift() ?? '') : option.slice(1)).toUpperCase().replace(/^SIG/, '');
    hard = signal === '9' || signal === 'KILL';
    asks = signal === '0';
    if (!/^(?:\d+|HUP|INT|QUIT|KILL|USR1|USR2|TERM|PIPE|ALRM|CONT|STOP|TSTP)$/.test(signal)) {
      machine.complain(task, `kill: ${option === '-s' || option === '-n' ? signal : option.slice(1)}: invalid signal specification`);
      task.status = 1;
      return;
    }
  }
  if (words.length === 0) {
    machine.complain(task, 'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]');
    task.status = 2;
  }
  for (const word of words) {
    const job = findJob(machine, task, word);
    const target = job === undefined || job.status !== undefined ? undefined : machine.state.tasks.get(job.task);
    if (target === undefined && word === '1' && task.place.pod !== undefined) {
      // Process 1 takes notice of nothing that it has no trap for, SIGKILL included.
      if (!asks && !hard) signalFirst(machine, task.place);
    } else if (target === undefined) {
      machine.complain(task, word.startsWith('%') ? `kill: ${word}: no such job` : `kill: (${word}) - No such process`);
      task.status = 1;
    } else if (hard) machine.kill(target, 137);
    else if (!asks) machine.interrupt(target);
  }
}

export function runTimeout(machine: Machine, task: Task, argv: readonly string[]): void {
  let index = 0;
  let preserve = false;
  while (argv[index]?.startsWith('-') === true) {
    if (argv[index] === '--preserve-status') preserve = true;
    else if (argv[index] === '-s' || argv[index] === '-k') index += 1;
    index += 1;
  }
  const duration = argv[index];
  const match = /^(\d+(?:\.\d+)?|\.\d+)([smhd]?)$/.exec(duration ?? '');
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
