/** hostname, uname, id, date, env, ls and other small tools that look at the machine they run on. */
import { formatRfc3339 } from '../../base/time.ts';
import { calendarTime, formatClock, MONTHS, WEEKDAYS } from '../../net/wire/calendar.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { getProfile } from '../images.ts';
import { at, text } from '../json.ts';
import { resolvePath } from '../paths.ts';

/** What `uname` says on a machine that is no Node. */
const KERNEL_RELEASE = '6.8.0-88-generic';

/** Virtual time in parts, UTC. */
export function clockParts(epochMs: number): {
  readonly weekday: string;
  readonly month: string;
  readonly day: number;
  readonly year: number;
  readonly time: string;
  readonly iso: string;
} {
  const date = calendarTime(epochMs);
  return {
    weekday: WEEKDAYS[date.weekday] ?? '',
    month: MONTHS[date.month - 1] ?? '',
    day: date.day,
    year: date.year,
    time: formatClock(date),
    iso: formatRfc3339(epochMs),
  };
}

export function nowMs(invocation: Pick<Invocation, 'host'>): number {
  return invocation.host.epochMs + Math.floor(invocation.host.nowNs / 1e6);
}

/** `Tue Nov 24 18:00:00 2026`, as C's asctime has it. */
export function asctime(epochMs: number): string {
  const { weekday, month, day, time, year } = clockParts(epochMs);
  return `${weekday} ${month} ${String(day).padStart(2)} ${time} ${year}`;
}

export const hostname = defineCommand({
  name: 'hostname',
  summary: 'the name of this host or pod (-i, -I: its addresses)',
  group: 'network',
  run: ({ argv, place, host, out, err }) => {
    const option = argv[0];
    if (option === undefined || option === '-s' || option === '-f') {
      out(`${place.hostname}\n`);
      return 0;
    }
    if (option === '-i' || option === '-I') {
      const addresses: string[] = [];
      for (const record of host.engine.records.values()) {
        if (record.kind === 'device' && record.netns === place.netns && record.type !== 'loopback')
          addresses.push(...record.addresses.map((address) => address.ip));
      }
      out(option === '-i' ? `${addresses[0] ?? '127.0.1.1'}\n` : `${addresses.join(' ')} \n`);
      return 0;
    }
    err(option.startsWith('-') ? `hostname: invalid option -- '${option.slice(1)}'\n` : 'hostname: you must be root to change the host name\n');
    return 1;
  },
});

export const uname = defineCommand({
  name: 'uname',
  summary: 'kernel and machine (-a -r -s -n -m)',
  group: 'shell',
  run: ({ argv, place, host, out }) => {
    const release = text(at(host.api.view.find(`Node/${place.hostId}`), 'status', 'nodeInfo', 'kernelVersion'));
    const parts: Readonly<Record<string, string>> = {
      s: 'Linux',
      n: place.hostname,
      r: release === '' ? KERNEL_RELEASE : release,
      v: '#89-Ubuntu SMP PREEMPT_DYNAMIC Sat Oct 11 01:02:46 UTC 2025',
      m: 'x86_64',
      o: 'GNU/Linux',
    };
    const flags = argv.join('').replaceAll('-', '') || 's';
    const wanted = flags.includes('a') ? 'snrvmmmo' : [...'snrvmpio'].filter((letter) => flags.includes(letter)).join('');
    out(`${[...wanted].map((letter) => parts[letter] ?? 'x86_64').join(' ')}\n`);
    return 0;
  },
});

export const whoami = defineCommand({
  name: 'whoami',
  summary: 'the user',
  group: 'shell',
  run: ({ place, out }) => {
    out(`${getProfile(place.profile).user}\n`);
    return 0;
  },
});
export const id = defineCommand({
  name: 'id',
  summary: 'user and groups',
  group: 'shell',
  run: ({ place, argv, out }) => {
    const { user } = getProfile(place.profile);
    const uid = user === 'root' ? 0 : 100;
    out(argv[0] === '-u' ? `${uid}\n` : `uid=${uid}(${user}) gid=${uid}(${user}) groups=${uid}(${user})\n`);
    return 0;
  },
});
export const pwd = defineCommand({
  name: 'pwd',
  summary: 'the working directory',
  group: 'shell',
  run: ({ cwd, out }) => {
    out(`${cwd}\n`);
    return 0;
  },
});
export const nproc = defineCommand({
  name: 'nproc',
  summary: 'processors',
  group: 'shell',
  run: ({ out }) => {
    out('2\n');
    return 0;
  },
});

export const env = defineCommand({
  name: 'env',
  summary: 'the environment; env [-i] [-u NAME] NAME=VALUE COMMAND runs with another one',
  group: 'shell',
  run: ({ argv, environment, out }) => {
    const values = new Map(environment);
    let at = 0;
    for (; /^-/.test(argv[at] ?? ''); at += 1) {
      const word = argv[at] ?? '';
      if (word === '-i' || word === '-') values.clear();
      else if (word === '-u') {
        at += 1;
        values.delete(argv[at] ?? '');
      }
    }
    for (; /^[A-Za-z_]\w*=/.test(argv[at] ?? ''); at += 1) {
      const [name = '', ...value] = (argv[at] ?? '').split('=');
      values.set(name, value.join('='));
    }
    if (argv[at] === undefined) {
      for (const [name, value] of values) if (/^[A-Za-z_]/.test(name)) out(`${name}=${value}\n`);
      return 0;
    }
    return { kind: 'call', argv: argv.slice(at), environment: values };
  },
});
export const printenv = defineCommand({
  name: 'printenv',
  summary: 'variables of the environment',
  group: 'shell',
  run: ({ argv, environment, out }) => {
    if (argv.length === 0) for (const [name, value] of environment) if (/^[A-Za-z_]/.test(name)) out(`${name}=${value}\n`);
    let status = 0;
    for (const name of argv) {
      const value = environment.get(name);
      if (value === undefined) status = 1;
      else out(`${value}\n`);
    }
    return status;
  },
});

export const ls = defineCommand({
  name: 'ls',
  summary: 'files (-l, -1, -a)',
  group: 'shell',
  run: (invocation) => {
    const { argv, cwd, place, shell, out, err } = invocation;
    const flags = argv.filter((word) => word.startsWith('-')).join('');
    const operands = argv.filter((word) => !word.startsWith('-'));
    let status = 0;
    const all = shell.filePaths(place);
    for (const [index, operand] of (operands.length === 0 ? ['.'] : operands).entries()) {
      const path = resolvePath(cwd, operand);
      const isFile = shell.readFile(place, path) !== undefined;
      const under = path === '/' ? '/' : `${path}/`;
      const names = isFile
        ? [operand]
        : [...new Set(all.filter((other) => other.startsWith(under)).map((other) => other.slice(under.length).split('/')[0] ?? ''))].sort();
      const known = isFile || names.length > 0 || path === '/' || path === '/tmp' || path === getProfile(place.profile).home;
      if (!known) {
        err(getProfile(place.profile).busybox ? `ls: ${operand}: No such file or directory\n` : `ls: cannot access '${operand}': No such file or directory\n`);
        status = getProfile(place.profile).busybox ? 1 : 2;
        continue;
      }
      if (operands.length > 1 && !isFile) out(`${index > 0 ? '\n' : ''}${operand}:\n`);
      const visible = names.filter((name) => flags.includes('a') || !name.startsWith('.'));
      if (flags.includes('l')) {
        const { month, day, time } = clockParts(nowMs(invocation));
        if (!isFile) out(`total ${visible.length * 4}\n`);
        for (const name of visible) {
          const text = shell.readFile(place, isFile ? path : resolvePath(path, name));
          out(
            `${text === undefined ? 'drwxr-xr-x 2' : '-rw-r--r-- 1'} root root ${String(text?.length ?? 4096).padStart(6)} ${month} ${String(day).padStart(2)} ${time.slice(0, 5)} ${name}\n`,
          );
        }
      } else if (visible.length > 0) out(invocation.outTty && !flags.includes('1') ? `${visible.join('  ')}\n` : visible.map((name) => `${name}\n`).join(''));
    }
    return status;
  },
});

export const rm = defineCommand({
  name: 'rm',
  summary: 'removes files',
  group: 'shell',
  run: ({ argv, cwd, place, shell, err }) => {
    const force = argv.some((word) => /^-\w*f/.test(word));
    const recursive = argv.some((word) => /^-\w*[rR]/.test(word));
    let status = 0;
    for (const operand of argv.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(cwd, operand);
      const under = shell.filePaths(place).filter((other) => other.startsWith(`${path}/`));
      if (recursive) for (const other of under) shell.removeFile(place, other);
      else if (under.length > 0) {
        err(`rm: cannot remove '${operand}': Is a directory\n`);
        status = 1;
        continue;
      }
      if (!shell.removeFile(place, path) && !force && under.length === 0) {
        err(`rm: cannot remove '${operand}': No such file or directory\n`);
        status = 1;
      }
    }
    return status;
  },
});
export const realpath = defineCommand({
  name: 'realpath',
  summary: 'a path from the root',
  group: 'shell',
  run: ({ argv, cwd, place, shell, out, err }) => {
    let status = 0;
    for (const operand of argv.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(cwd, operand);
      const under = path === '/' ? '/' : `${path}/`;
      // Only the last part may be missing.
      const parent = path.slice(0, path.lastIndexOf('/') + 1);
      if (
        shell.readFile(place, path) !== undefined ||
        path === cwd ||
        shell.filePaths(place).some((other) => other.startsWith(under) || other.startsWith(parent))
      )
        out(`${path}\n`);
      else {
        err(`realpath: ${operand}: No such file or directory\n`);
        status = 1;
      }
    }
    return status;
  },
});

export const rmdir = defineCommand({
  name: 'rmdir',
  summary: 'removes empty directories',
  group: 'shell',
  run: ({ argv, cwd, place, shell, err }) => {
    let status = 0;
    for (const operand of argv.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(cwd, operand);
      const under = shell.filePaths(place).filter((other) => other.startsWith(`${path}/`));
      const problem =
        shell.readFile(place, path) !== undefined
          ? 'Not a directory'
          : under.length === 0
            ? 'No such file or directory'
            : under.some((other) => other !== `${path}/.keep`)
              ? 'Directory not empty'
              : undefined;
      if (problem === undefined) shell.removeFile(place, `${path}/.keep`);
      else {
        err(`rmdir: failed to remove '${operand}': ${problem}\n`);
        status = 1;
      }
    }
    return status;
  },
});
export const touch = defineCommand({
  name: 'touch',
  summary: 'makes empty files',
  group: 'shell',
  run: ({ argv, cwd, place, shell, err }) => {
    let status = 0;
    for (const operand of argv.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(cwd, operand);
      if (shell.readFile(place, path) !== undefined) continue;
      const error = shell.writeFile(place, path, '');
      if (error !== undefined) {
        err(`touch: cannot touch '${operand}': ${error}\n`);
        status = 1;
      }
    }
    return status;
  },
});

function defineCopy(name: 'cp' | 'mv') {
  return defineCommand({
    name,
    summary: name === 'cp' ? 'copies a file' : 'moves a file',
    group: 'shell',
    run: ({ argv, cwd, place, shell, err }) => {
      const operands = argv.filter((word) => !word.startsWith('-'));
      const [from, to] = operands;
      if (from === undefined || to === undefined) {
        err(
          from === undefined
            ? `${name}: missing file operand\nTry '${name} --help' for more information.\n`
            : `${name}: missing destination file operand after '${from}'\nTry '${name} --help' for more information.\n`,
        );
        return 1;
      }
      const source = resolvePath(cwd, from);
      const text = shell.readFile(place, source);
      if (text === undefined) {
        err(`${name}: cannot stat '${from}': No such file or directory\n`);
        return 1;
      }
      const target = resolvePath(cwd, to);
      const isDirectory = to.endsWith('/') || target === '/tmp' || shell.filePaths(place).some((other) => other.startsWith(`${target}/`));
      const error = shell.writeFile(place, isDirectory ? resolvePath(target, source.split('/').at(-1) ?? '') : target, text);
      if (error !== undefined) {
        err(`${name}: cannot create regular file '${to}': ${error}\n`);
        return 1;
      }
      if (name === 'mv') shell.removeFile(place, source);
      return 0;
    },
  });
}
export const cp = defineCopy('cp');
export const mv = defineCopy('mv');

export const mkdir = defineCommand({
  name: 'mkdir',
  summary: 'makes a directory',
  group: 'shell',
  run: ({ argv, cwd, place, shell, err }) => {
    let status = 0;
    for (const operand of argv.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(cwd, operand);
      if (shell.filePaths(place).some((other) => other === path || other.startsWith(`${path}/`))) {
        if (argv.includes('-p')) continue;
        err(`mkdir: cannot create directory '${operand}': File exists\n`);
        status = 1;
        continue;
      }
      const error = shell.makeDirectory(place, path, argv.includes('-p'));
      if (error !== undefined) {
        err(`mkdir: cannot create directory '${operand}': ${error}\n`);
        status = 1;
      }
    }
    return status;
  },
});
