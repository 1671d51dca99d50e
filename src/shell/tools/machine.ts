/** uptime, free, df, stat, mktemp, hostnamectl, top -b: what a machine says of itself. Nothing is busy here, and memory is what the Node states. */
import { parseRfc3339 } from '../../base/time.ts';
import { parseQuantity } from '../../kube/pod/quantity.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { getProfile } from '../images.ts';
import { at, text } from '../json.ts';
import { resolvePath } from '../paths.ts';
import { clockParts, nowMs } from './system.ts';

const nodeOf = ({ host, place }: Invocation): unknown => host.api.view.find(`Node/${place.hostId}`);

/** Bytes of memory of the machine below, 4 GiB where no Node states it. */
function memoryBytes(invocation: Invocation): number {
  return parseQuantity(text(at(nodeOf(invocation), 'status', 'capacity', 'memory'))) ?? 4 * 2 ** 30;
}

/** Seconds since the machine was there. */
function upSeconds(invocation: Invocation): number {
  const created = parseRfc3339(text(at(nodeOf(invocation), 'metadata', 'creationTimestamp')));
  return Math.max(0, Math.floor((nowMs(invocation) - (created ?? invocation.host.epochMs)) / 1000));
}

function uptimeLine(invocation: Invocation): string {
  const minutes = Math.floor(upSeconds(invocation) / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const clock = hours > 0 ? `${String(hours).padStart(2)}:${String(minutes % 60).padStart(2, '0')}` : `${minutes % 60} min`;
  const day = days === 0 ? '' : `${days} day${days === 1 ? '' : 's'}, `;
  return `${clockParts(nowMs(invocation)).time} up ${day}${clock},  1 user,  load average: 0.00, 0.00, 0.00`;
}

export const uptime = defineCommand({
  name: 'uptime',
  summary: 'how long this machine has been running',
  group: 'shell',
  run: (invocation) => {
    invocation.out(` ${uptimeLine(invocation)}\n`);
    return 0;
  },
});

export const free = defineCommand({
  name: 'free',
  summary: 'memory (-m, -g, -h)',
  group: 'shell',
  run: (invocation) => {
    const flags = invocation.argv.join('');
    const total = memoryBytes(invocation);
    const used = Math.floor(total / 8);
    const show = (bytes: number): string => {
      if (flags.includes('h')) {
        const unit = bytes >= 2 ** 30 ? 'Gi' : bytes >= 2 ** 20 ? 'Mi' : bytes > 0 ? 'Ki' : 'B';
        const value = bytes / ({ Gi: 2 ** 30, Mi: 2 ** 20, Ki: 2 ** 10, B: 1 }[unit] ?? 1);
        return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)}${unit}`;
      }
      return String(Math.floor(bytes / (flags.includes('g') ? 2 ** 30 : flags.includes('m') ? 2 ** 20 : flags.includes('b') ? 1 : 2 ** 10)));
    };
    const row = (title: string, values: readonly number[]): string => `${title.padEnd(9)}${values.map((value) => show(value).padStart(11)).join(' ')}\n`;
    invocation.out(`               total        used        free      shared  buff/cache   available\n`);
    invocation.out(row('Mem:', [total, used, total - 2 * used, 0, used, total - used]));
    invocation.out(row('Swap:', [0, 0, 0]));
    return 0;
  },
});

export const df = defineCommand({
  name: 'df',
  summary: 'file systems and their space (-h)',
  group: 'shell',
  run: (invocation) => {
    const human = invocation.argv.some((word) => /^-\w*h/.test(word));
    const total = parseQuantity(text(at(nodeOf(invocation), 'status', 'capacity', 'ephemeral-storage'))) ?? 20 * 2 ** 30;
    const memory = memoryBytes(invocation);
    const size = (bytes: number): string => {
      if (!human) return String(Math.floor(bytes / 1024));
      const unit = bytes >= 2 ** 30 ? 'G' : bytes >= 2 ** 20 ? 'M' : bytes > 0 ? 'K' : '';
      const value = bytes / ({ G: 2 ** 30, M: 2 ** 20, K: 2 ** 10, '': 1 }[unit] ?? 1);
      return `${value < 10 && unit !== '' ? (Math.ceil(value * 10) / 10).toFixed(1) : Math.ceil(value)}${unit}`;
    };
    const used = Math.floor(total / 4);
    const row = (name: string, all: number, taken: number, on: string): string[] => [
      name,
      size(all),
      size(taken),
      size(all - taken),
      `${Math.ceil((100 * taken) / all)}%`,
      on,
    ];
    const inside = invocation.place.pod !== undefined;
    const rows = inside
      ? [row('overlay', total, used, '/'), row('tmpfs', 64 * 2 ** 20, 0, '/dev'), row('/dev/vda1', total, used, '/etc/hosts')]
      : [row('/dev/vda1', total, used, '/'), row('tmpfs', memory / 2, 0, '/dev/shm'), row('tmpfs', memory / 5, 2 ** 20, '/run')];
    const header = human
      ? ['Filesystem', 'Size', 'Used', 'Avail', 'Use%', 'Mounted on']
      : ['Filesystem', '1K-blocks', 'Used', 'Available', 'Use%', 'Mounted on'];
    const widths = header.map((cell, column) =>
      Math.max(column === 0 ? 14 : human && column < 4 ? 5 : 0, cell.length, ...rows.map((cells) => (cells[column] ?? '').length)),
    );
    for (const cells of [header, ...rows])
      invocation.out(
        `${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : column === 5 ? cell : cell.padStart(widths[column] ?? 0))).join(' ')}\n`,
      );
    return 0;
  },
});

export const stat = defineCommand({
  name: 'stat',
  summary: 'size, owner and rights of files (-c FORMAT: %n %s %F %U %a)',
  group: 'shell',
  run: (invocation) => {
    const { cwd, place, shell, out, err } = invocation;
    const words = [...invocation.argv];
    let format: string | undefined;
    const files: string[] = [];
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === '-c' || word === '--format') format = words.shift() ?? '';
      else if (word.startsWith('--format=')) format = word.slice(9);
      else files.push(word);
    }
    if (files.length === 0) {
      err("stat: missing operand\nTry 'stat --help' for more information.\n");
      return 1;
    }
    let status = 0;
    for (const file of files) {
      const path = resolvePath(cwd, file);
      const content = shell.readFile(place, path);
      const directory = content === undefined && (path === '/' || shell.filePaths(place).some((other) => other.startsWith(`${path}/`)));
      if (content === undefined && !directory) {
        err(`stat: cannot statx '${file}': No such file or directory\n`);
        status = 1;
        continue;
      }
      const size =
        content === undefined
          ? 4096
          : new Set(content).size === 0
            ? 0
            : [...content].reduce((sum, c) => sum + ((c.codePointAt(0) ?? 0) < 0x80 ? 1 : encodeURIComponent(c).length / 3), 0);
      const type = directory ? 'directory' : size === 0 ? 'regular empty file' : 'regular file';
      const [mode, rights] = directory ? ['755', 'drwxr-xr-x'] : ['644', '-rw-r--r--'];
      if (format !== undefined) {
        const values: Readonly<Record<string, string>> = {
          n: file,
          s: String(size),
          F: type,
          U: 'root',
          G: 'root',
          u: '0',
          g: '0',
          a: mode,
          A: rights,
          h: directory ? '2' : '1',
        };
        out(`${format.replace(/%([nsFUGugaAh%])/g, (_, letter: string) => (letter === '%' ? '%' : (values[letter] ?? '')))}\n`);
        continue;
      }
      const { iso } = clockParts(nowMs(invocation));
      const moment = `${iso.slice(0, 10)} ${iso.slice(11, 19)}.000000000 +0000`;
      out(`  File: ${file}\n  Size: ${String(size).padEnd(10)}\tBlocks: ${String(size === 0 ? 0 : 8).padEnd(10)} IO Block: 4096   ${type}\n`);
      out(`Access: (0${mode}/${rights})  Uid: (    0/    root)   Gid: (    0/    root)\n`);
      for (const title of ['Access', 'Modify', 'Change']) out(`${title}: ${moment}\n`);
      out(` Birth: ${moment}\n`);
    }
    return status;
  },
});

export const mktemp = defineCommand({
  name: 'mktemp',
  summary: 'a new file, or directory with -d, with a name of its own',
  group: 'shell',
  run: ({ argv, cwd, place, shell, host, out, err }) => {
    const template = argv.find((word) => !word.startsWith('-')) ?? '/tmp/tmp.XXXXXXXXXX';
    const marks = /X{3,}$/.exec(template)?.[0];
    if (marks === undefined) {
      err(`mktemp: too few X's in template '${template}'\n`);
      return 1;
    }
    const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
    const name = template.slice(0, -marks.length) + [...marks].map(() => letters[host.prng.uint32() % letters.length] ?? '').join('');
    const path = resolvePath(cwd, name);
    const problem = argv.some((word) => /^-\w*d/.test(word)) ? shell.makeDirectory(place, path, true) : shell.writeFile(place, path, '');
    if (problem !== undefined) {
      err(`mktemp: failed to create file via template '${template}': ${problem}\n`);
      return 1;
    }
    out(`${name}\n`);
    return 0;
  },
});

export const hostnamectl = defineCommand({
  name: 'hostnamectl',
  summary: 'name and system of this machine',
  group: 'shell',
  run: (invocation) => {
    const info = (field: string): string => text(at(nodeOf(invocation), 'status', 'nodeInfo', field));
    if (invocation.argv[0] === 'hostname') {
      invocation.out(`${invocation.place.hostname}\n`);
      return 0;
    }
    const lines: readonly (readonly [string, string])[] = [
      ['Static hostname', invocation.place.hostname],
      ['Icon name', 'computer-vm'],
      ['Chassis', 'vm'],
      ['Machine ID', info('machineID')],
      ['Boot ID', info('bootID')],
      ['Virtualization', 'kvm'],
      ['Operating System', info('osImage')],
      ['Kernel', `Linux ${info('kernelVersion')}`],
      ['Architecture', 'x86-64'],
    ];
    invocation.out(
      lines
        .filter(([, value]) => value !== '')
        .map(([title, value]) => `${title.padStart(16)}: ${value}\n`)
        .join(''),
    );
    return 0;
  },
});

export const top = defineCommand({
  name: 'top',
  summary: 'processes once (-b -n 1); nothing here uses a processor',
  group: 'shell',
  run: (invocation) => {
    if (!invocation.argv.some((word) => /^-\w*b/.test(word)) && invocation.outTty && !getProfile(invocation.place.profile).busybox)
      invocation.err('top: this terminal has no full-screen programs; what follows is top -b -n 1\n');
    const total = memoryBytes(invocation) / 2 ** 20;
    const figure = (value: number): string => value.toFixed(1).padStart(8);
    invocation.out(`top - ${uptimeLine(invocation)}\n`);
    invocation.out('%Cpu(s):  0.0 us,  0.0 sy,  0.0 ni,100.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st\n');
    invocation.out(`MiB Mem :${figure(total)} total,${figure((total * 3) / 4)} free,${figure(total / 8)} used,${figure(total / 8)} buff/cache\n`);
    invocation.out(`MiB Swap:${figure(0)} total,${figure(0)} free,${figure(0)} used.${figure((total * 7) / 8)} avail Mem\n\n`);
    return { kind: 'call', argv: ['ps', 'aux'] };
  },
});
