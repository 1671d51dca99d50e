/** sh, bash, ssh, nsenter, busybox, clear, history, help, watch: commands that run others or speak about the shell. */
import { type Command, defineCommand, type Filter, type Hook, type Invocation, type Outcome } from '../command.ts';
import { getProfile } from '../images.ts';
import { shellFlavour } from '../machine/places.ts';
import { resolvePath } from '../paths.ts';
import type { Place } from '../state.ts';
import { formatSyntaxProblem } from '../syntax/errors.ts';
import { dialectOf, parseScript } from '../syntax/parser.ts';

const shellOptions: Readonly<Record<string, string>> = { e: 'errexit', u: 'nounset', x: 'xtrace', f: 'noglob', a: 'allexport' };

/** `sh -c TEXT`, `sh FILE`, or an interactive shell. */
export function runShell(invocation: Invocation, program: string, argv: readonly string[], place: Place): Outcome {
  const words = [...argv];
  const options: string[] = [];
  const flavour = shellFlavour(place, program);
  let command = false;
  while (/^[-+]./.test(words[0] ?? '')) {
    const word = words.shift() ?? '';
    if (word === '--') break;
    if (word.startsWith('--')) continue;
    for (const letter of word.slice(1)) {
      if (letter === 'c') command = true;
      else if (letter === 'o') options.push(words.shift() ?? '');
      else if (shellOptions[letter] !== undefined) options.push(shellOptions[letter]);
    }
  }
  if (command) {
    const text = words[0];
    if (text === undefined) {
      invocation.err(flavour === 'bash' ? `${program}: -c: option requires an argument\n` : `${program}: -c requires an argument\n`);
      return 2;
    }
    return runText(invocation, text, place, [words[1] ?? program, ...words.slice(2)], program, options);
  }
  const file = words[0];
  if (file !== undefined && !file.startsWith('-')) {
    const text = invocation.shell.readFile(invocation.place, resolvePath(invocation.cwd, file));
    if (text === undefined) {
      invocation.err(flavour === 'bash' ? `${program}: ${file}: No such file or directory\n` : `${program}: 0: cannot open ${file}: No such file\n`);
      return flavour === 'bash' ? 127 : 2;
    }
    return runText(invocation, text, place, words, program, options);
  }
  return { kind: 'shell', program, place, farewell: '', login: place !== invocation.place };
}

function runText(invocation: Invocation, text: string, place: Place, positional: readonly string[], program: string, options: readonly string[] = []): Outcome {
  const parsed = parseScript(text, dialectOf(shellFlavour(place, program)));
  if (!parsed.ok) {
    invocation.err(formatSyntaxProblem(parsed.problem, shellFlavour(place, program), parsed.line));
    return 2;
  }
  return {
    kind: 'script',
    script: parsed.script,
    positional,
    program,
    options,
    subshell: true,
    ...(place === invocation.place ? {} : { place }),
  };
}

function defineShell(name: string): Command {
  return defineCommand({
    name,
    summary: 'a shell (-c TEXT, FILE, or interactive)',
    group: 'shell',
    run: (invocation) => runShell(invocation, name, invocation.argv, invocation.place),
  });
}
export const shellPrograms: readonly Command[] = ['sh', 'bash', 'ash', 'dash', 'zsh'].map(defineShell);

/** A shell whose standard input is a pipe or file: the script is read whole, then run. */
export const shellInputFilter: Filter = {
  data: (state: { text: string }, text: string) => {
    state.text += text;
    return undefined;
  },
  end: (state: { text: string; place: Place; program: string }, io) => {
    const invocation = io.invocation();
    return runText(invocation, state.text, state.place, [state.program], state.program);
  },
};

export const ssh = defineCommand({
  name: 'ssh',
  summary: 'a shell on another node: ssh node01 [COMMAND]',
  group: 'network',
  run: (invocation) => {
    const { argv, host, shell, err } = invocation;
    const words = [...argv];
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (/^-[olpi]$/.test(option)) words.shift();
    }
    const target = words.shift();
    if (target === undefined) {
      err('usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] destination [command [argument ...]]\n');
      return 255;
    }
    const name = target.includes('@') ? (target.split('@')[1] ?? '') : target;
    const place = shell.hostPlace(name) ?? findHostByAddress(invocation, name);
    if (place === undefined) {
      err(`ssh: Could not resolve hostname ${name}: Name or service not known\n`);
      return 255;
    }
    const record = host.engine.records.find(place.hostId);
    if (record?.kind === 'host' && record.role !== 'node' && record.role !== 'external') {
      err(`ssh: connect to host ${name} port 22: Connection refused\n`);
      return 255;
    }
    if (words.length > 0) return runText(invocation, words.join(' '), place, ['bash'], 'bash');
    return { kind: 'shell', program: 'bash', place, farewell: `logout\nConnection to ${name} closed.\n`, login: true };
  },
  complete: (_words, current, { host }) => {
    const names: string[] = [];
    for (const record of host.engine.records.values()) if (record.kind === 'host' && record.role === 'node') names.push(record.name);
    return names.filter((name) => name.startsWith(current));
  },
});

function findHostByAddress(invocation: Invocation, ip: string): Place | undefined {
  for (const record of invocation.host.engine.records.values()) {
    if (record.kind === 'device' && record.addresses.some((address) => address.ip === ip) && record.netns.endsWith('/netns/root'))
      return invocation.shell.hostPlace(record.netns.slice(0, -'/netns/root'.length));
  }
  return undefined;
}

export const busybox = defineCommand({
  name: 'busybox',
  summary: 'runs busybox’ own version of a tool: busybox nslookup NAME',
  group: 'shell',
  run: ({ argv, shell, err, out }) => {
    const applet = argv[0];
    if (applet === undefined) {
      out('BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n');
      return 0;
    }
    const own = shell.commands.has(`busybox-${applet}`) ? `busybox-${applet}` : applet;
    if (!shell.commands.has(own)) {
      err(`${applet}: applet not found\n`);
      return 127;
    }
    return { kind: 'call', argv: [own, ...argv.slice(1)] };
  },
});

export const sudo = defineCommand({
  name: 'sudo',
  summary: 'runs a command as root (everybody is root here)',
  group: 'shell',
  run: ({ argv }) => (argv.length === 0 ? 1 : { kind: 'call', argv }),
});

export const clear = defineCommand({
  name: 'clear',
  summary: 'clears the terminal',
  group: 'shell',
  run: ({ out }) => {
    out('\u001b[H\u001b[2J');
    return 0;
  },
});
export const history = defineCommand({
  name: 'history',
  summary: 'the lines typed in this session',
  group: 'shell',
  run: ({ session, out }) => {
    for (const [index, line] of session.history.entries()) out(`${String(index + 1).padStart(5)}  ${line}\n`);
    return 0;
  },
});

const groupTitles = { kubernetes: 'Kubernetes', network: 'Network', text: 'Text', shell: 'Shell' } as const;

export const help = defineCommand({
  name: 'help',
  summary: 'this list',
  group: 'shell',
  run: ({ shell, place, out }) => {
    out(`Commands on ${place.hostname}. All of it is simulated: packets cross the world on the canvas, nothing leaves this page.\n`);
    for (const group of ['kubernetes', 'network', 'text', 'shell'] as const) {
      const commands = [...shell.commands.values()].filter(
        (command) => command.group === group && !command.name.startsWith('busybox-') && shell.hasProgram(place, command.name),
      );
      if (commands.length === 0) continue;
      out(`\n${groupTitles[group]}\n`);
      for (const command of commands.sort((a, b) => (a.name < b.name ? -1 : 1))) out(`  ${command.name.padEnd(14)} ${command.summary}\n`);
    }
    out(
      '\nAlso: pipes, && || ; &, > >> 2>&1 <<EOF, $(…), $VAR, for, while, case, functions, arrays, [[ ]], jobs, Ctrl-C, Tab. Not modelled: files beyond those that matter for the network.\n',
    );
    return 0;
  },
});

export const watchCommand = defineCommand({
  name: 'watch',
  summary: 'repeats a command (-n SECONDS, -t) until Ctrl-C',
  group: 'shell',
  run: ({ argv, err, outTty, place }) => {
    const words = [...argv];
    let seconds = '2';
    let title = true;
    while (/^-./.test(words[0] ?? '')) {
      const option = words.shift() ?? '';
      if (option === '-n' || option === '--interval') seconds = words.shift() ?? '2';
      else if (/^-n./.test(option)) seconds = option.slice(2);
      else if (option.startsWith('--interval=')) seconds = option.slice('--interval='.length);
      else if (option === '-t' || option === '--no-title') title = false;
    }
    if (words.length === 0 || !/^\d+(?:\.\d+)?$/.test(seconds)) {
      err(words.length === 0 ? 'Usage:\n watch [options] command\n' : `watch: failed to parse argument: '${seconds}'\n`);
      return 1;
    }
    const pause = Math.max(0.1, Number(seconds));
    const command = words.join(' ');
    // A terminal is cleared before each turn; a pipe gets the turns one behind the other.
    const quoted = `Every ${pause.toFixed(1)}s: ${command}`.replaceAll("'", "'\\''");
    const width = Math.max(1, 80 - `Every ${pause.toFixed(1)}s: ${command}`.length);
    const head = title ? `printf '%s%${width}s\\n\\n' '${quoted}' "${place.hostname}: $(date '+%a %b %e %H:%M:%S %Y')"; ` : '';
    const screen = outTty ? `printf '\\033[H\\033[2J'; ${head}` : '';
    const parsed = parseScript(`while true; do ${screen}${command}\nsleep ${pause}; done`);
    if (!parsed.ok) {
      err(formatSyntaxProblem(parsed.problem, 'bash', parsed.line));
      return 1;
    }
    return { kind: 'script', script: parsed.script, subshell: true };
  },
});

export const which = defineCommand({
  name: 'which',
  summary: 'where a command is',
  group: 'shell',
  run: ({ argv, shell, place, out }) => {
    let status = 0;
    for (const name of argv) {
      if (shell.hasProgram(place, name)) out(`${getProfile(place.profile).busybox ? '/bin' : '/usr/bin'}/${name}\n`);
      else status = 1;
    }
    return status;
  },
});

/** `time`: real time is virtual time; there is no CPU time to measure. */
export const timeHook: Hook = (data: { startNs: number }, status, io) => {
  const seconds = (io.invocation().host.nowNs - data.startNs) / 1e9;
  const format = (value: number): string => `${Math.floor(value / 60)}m${(value % 60).toFixed(3)}s`;
  io.err(`\nreal\t${format(seconds)}\nuser\t${format(0)}\nsys\t${format(0)}\n`);
  return status;
};

/** xargs answers 123 when a command failed. */
export const xargsHook: Hook = (_data: unknown, status) => (status === 0 ? 0 : status === 127 || status === 126 ? status : 123);
