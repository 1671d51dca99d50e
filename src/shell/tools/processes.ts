/** ps, lsns and nsenter: a host's processes, the netns each lives in, and how to get in there. */
import { parseRfc3339 } from '../../base/time.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { podPlace } from '../machine/places.ts';
import { formatTable } from '../table.ts';
import { inNetns } from './ip-netns.ts';
import { cniNetnsName } from './net-view.ts';
import { type HostProcess, processesOf } from './pids.ts';

/** A login shell and its child are the youngest processes. */
const SHELL_PID = 30_001;

/** What a shell at this place may see: a host sees all, a container its own netns' programs, from pid 1. */
function visible(invocation: Invocation): readonly HostProcess[] {
  const { host, place } = invocation;
  if (place.pod === undefined) return processesOf(host, place.hostId);
  const key = `Pod/${place.pod.namespace}/${place.pod.name}`;
  const own = processesOf(host, place.hostId).filter((process) => process.pod === key && process.container === place.pod?.container);
  return own.map((process, i) => ({ ...process, pid: i + 1, parent: 0 }));
}

/** `09:15`, the virtual clock. */
function startOf({ host }: Invocation, process: HostProcess): string {
  const created = process.pod === undefined ? undefined : host.api.view.find(process.pod)?.metadata.creationTimestamp;
  const ms = (created === undefined ? undefined : parseRfc3339(created)) ?? host.epochMs;
  const minutes = Math.floor(ms / 60_000);
  return `${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

/** procps' three usual forms; busybox' ps has the last columns only. */
export const ps = defineCommand({
  name: 'ps',
  summary: 'processes: ps, ps aux, ps -ef',
  group: 'shell',
  run: (invocation) => {
    const { argv, out } = invocation;
    const shell = (name: string, i: number): HostProcess => ({ pid: SHELL_PID + i, parent: 1, user: 'root', command: name, netns: invocation.place.netns });
    if (invocation.place.pod !== undefined) {
      // Images carry busybox' ps, or one that knows no other terminal: all of the container, from pid 1.
      out('PID   USER     TIME  COMMAND\n');
      const inside = [...visible(invocation).map((one) => one.command), 'ps'];
      inside.forEach((command, i) => {
        out(`${String(i === inside.length - 1 ? i + 7 : i + 1).padStart(5)} root      0:00 ${command}\n`);
      });
      return 0;
    }
    const all = [...visible(invocation), shell('bash', 0), shell('ps', 1)];
    const flags = argv.join('');
    if (/e/.test(flags) && /f/.test(flags)) {
      out('UID          PID    PPID  C STIME TTY          TIME CMD\n');
      for (const one of all)
        out(
          `${one.user.padEnd(8)} ${String(one.pid).padStart(7)} ${String(one.parent).padStart(7)}  0 ${startOf(invocation, one)} ?        00:00:00 ${one.command}\n`,
        );
    } else if (/a/.test(flags) || /x/.test(flags)) {
      out('USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n');
      for (const one of all)
        out(`${one.user.padEnd(8)} ${String(one.pid).padStart(7)}  0.0  0.0      0     0 ?        Ss   ${startOf(invocation, one)}   0:00 ${one.command}\n`);
    } else {
      const shown = /[eA]/.test(flags) ? all : all.slice(-2);
      out('    PID TTY          TIME CMD\n');
      for (const one of shown)
        out(`${String(one.pid).padStart(7)} ${shown.length === 2 ? 'pts/0' : '?    '}    00:00:00 ${one.command.split(' ')[0]?.split('/').at(-1) ?? ''}\n`);
    }
    return 0;
  },
});

export const lsns = defineCommand({
  name: 'lsns',
  summary: 'network namespaces of this host: lsns -t net',
  group: 'network',
  run: (invocation) => {
    const { argv, host, place, out, err } = invocation;
    const type = argv.indexOf('-t') >= 0 ? argv[argv.indexOf('-t') + 1] : argv.find((word) => word.startsWith('--type='))?.slice(7);
    if (type !== undefined && type !== 'net') {
      err(`lsns: only network namespaces are simulated (-t net)\n`);
      return 1;
    }
    const processes = processesOf(host, place.hostId);
    const rows: string[][] = [];
    const seen = new Map<string, HostProcess[]>();
    for (const one of processes) seen.set(one.netns, [...(seen.get(one.netns) ?? []), one]);
    let number = 4026531840;
    for (const [netns, inside] of seen) {
      const root = netns.endsWith('/netns/root');
      const [first] = inside;
      rows.push([
        String(number),
        'net',
        String(inside.length),
        String(first?.pid ?? ''),
        'root',
        root ? 'unassigned' : String(rows.length - 1),
        root ? '' : `/run/netns/${cniNetnsName(netns)}`,
        first?.command ?? '',
      ]);
      number += root ? 401 : 67;
    }
    out(formatTable([['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND'], ...rows], 0, 1));
    return 0;
  },
});

/** `nsenter --net=/var/run/netns/cni-… CMD`, or `-t PID -n CMD`: pids of containers are those that `ps` and `crictl inspect` print. */
export const nsenter = defineCommand({
  name: 'nsenter',
  summary: 'a program in a pod’s netns: nsenter -t PID -n ip addr',
  group: 'network',
  run: (invocation): Outcome => {
    const { host, place, err } = invocation;
    const words = [...invocation.argv];
    let target: string | undefined;
    let path: string | undefined;
    let network = false;
    let others = '';
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (option === '--') break;
      const net = /^(?:--net=|-n=?)(.*)$/.exec(option);
      const pid = /^(?:--target=|-t)(\d+)$/.exec(option);
      if (option === '--net' || net !== null) {
        network = true;
        if ((net?.[1] ?? '') !== '') path = net?.[1];
      } else if (pid !== null) target = pid[1];
      else if (option === '-t' || option === '--target') target = words.shift();
      else if (option === '-a' || option === '--all') network = true;
      else if (/^-[muipUCT]+$/.test(option) || /^--(?:mount|uts|ipc|pid|user|cgroup|time)$/.test(option)) others = option;
      else {
        err(`nsenter: unrecognized option '${option}'\nTry 'nsenter --help' for more information.\n`);
        return 1;
      }
    }
    const command = words.length === 0 ? ['bash'] : words;
    if (path !== undefined) return inNetns(invocation, path.slice(path.lastIndexOf('/') + 1), command);
    if (target === undefined) {
      err(`nsenter: no target PID specified for ${others === '' ? '--net' : others}\n`);
      return 1;
    }
    const process = processesOf(host, place.hostId).find((one) => String(one.pid) === target);
    if (process === undefined) {
      err(`nsenter: cannot open /proc/${target}/ns/net: No such file or directory\n`);
      return 1;
    }
    if (!network || process.netns === place.netns) return { kind: 'call', argv: command };
    // Of a process' namespaces only the network is entered; a mount namespace asked for as well brings the container's files.
    const pod = process.pod === undefined ? undefined : host.api.view.find(process.pod);
    const inside = pod === undefined || others === '' ? undefined : podPlace(host, pod, process.container ?? '');
    if (inside !== undefined) return { kind: 'call', argv: command, place: inside };
    return inNetns(invocation, cniNetnsName(process.netns), command);
  },
});
