/** systemctl and journalctl: the kubelet of a node, stopped and started as an administrator does it. systemd: src/systemctl, src/journal */
import { parseRfc3339 } from '../../base/time.ts';
import type { KubeObject } from '../../objects/types.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { at, text } from '../json.ts';
import { containerdLines } from './containerd-journal.ts';
import { processesOf } from './pids.ts';
import { clockParts, nowMs } from './system.ts';

const STOPPED = 'kubehop.dev/stopped';
const SINCE = 'kubehop.dev/stopped-since';

interface Unit {
  readonly name: string;
  readonly description: string;
  readonly docs: string;
  readonly command: string;
}
/** What a machine set up by kubeadm runs outside of pods. */
const units: readonly Unit[] = [
  { name: 'kubelet', description: 'kubelet: The Kubernetes Node Agent', docs: 'https://kubernetes.io/docs/', command: '/usr/bin/kubelet' },
  { name: 'containerd', description: 'containerd container runtime', docs: 'https://containerd.io', command: '/usr/bin/containerd' },
];
const unitOf = (word: string): Unit | undefined => units.find((unit) => unit.name === word.replace(/\.service$/, ''));

const nodeOf = ({ host, place }: Invocation): KubeObject | undefined => host.api.view.find(`Node/${place.hostId}`);

const stoppedAgents = (node: KubeObject | undefined): readonly string[] => {
  const words = (node?.metadata.annotations?.[STOPPED] ?? '').split(',').map((word) => word.trim());
  return words.includes('true') ? ['kubelet', 'kube-proxy'] : words.filter((word) => word !== '');
};
const isRunning = (unit: Unit, node: KubeObject | undefined): boolean => unit.name !== 'kubelet' || !stoppedAgents(node).includes('kubelet');

/** `Sat 2026-04-04 09:00:00 UTC`. */
function stamp(ms: number): string {
  const { weekday, iso } = clockParts(ms);
  return `${weekday} ${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** systemd: src/basic/time-util.c, format_timespan to the two largest parts. */
function span(ms: number): string {
  let left = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [seconds, word] of [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(word === 'd' ? `${count} day${count === 1 ? '' : 's'}` : `${count}${word}`);
  }
  return parts.length === 0 ? '0' : parts.slice(0, 2).join(' ');
}

/** When the kubelet came up last: its own event tells a restart, else it came with its node. */
function startedMs(invocation: Invocation, node: KubeObject): number {
  const starts = kubeletEvents(invocation, node).filter((event) => text(at(event, 'reason')) === 'Starting');
  const times = starts.map((event) => parseRfc3339(text(at(event, 'lastTimestamp'))) ?? 0);
  return Math.max(parseRfc3339(node.metadata.creationTimestamp ?? '') ?? 0, ...times);
}

/** What the kubelet of this node has said. */
const kubeletEvents = ({ host }: Invocation, node: KubeObject): readonly KubeObject[] =>
  host.api.view.list('Event').filter((event) => {
    if (text(at(event, 'source', 'component')) !== 'kubelet') return false;
    const [kind, name] = [text(at(event, 'involvedObject', 'kind')), text(at(event, 'involvedObject', 'name'))];
    if (kind === 'Node') return name === node.metadata.name;
    return text(at(host.api.view.find(`Pod/${event.metadata.namespace ?? ''}/${name}`), 'spec', 'nodeName')) === node.metadata.name;
  });

function pidOf({ host, place }: Invocation, unit: Unit): number {
  return processesOf(host, place.hostId).find((one) => one.command.startsWith(unit.command))?.pid ?? 1;
}

function status(invocation: Invocation, unit: Unit, node: KubeObject): number {
  const { out } = invocation;
  const running = isRunning(unit, node);
  const pid = pidOf(invocation, unit);
  const now = nowMs(invocation);
  const started = unit.name === 'kubelet' ? startedMs(invocation, node) : (parseRfc3339(node.metadata.creationTimestamp ?? '') ?? now);
  const stopped = parseRfc3339(node.metadata.annotations?.[SINCE] ?? '') ?? now;
  const ago = (ms: number): string => (now - ms < 1000 ? 'just now' : `${span(now - ms)} ago`);
  out(`${running ? '●' : '○'} ${unit.name}.service - ${unit.description}\n`);
  out(`     Loaded: loaded (/usr/lib/systemd/system/${unit.name}.service; enabled; preset: enabled)\n`);
  if (unit.name === 'kubelet') out('    Drop-In: /usr/lib/systemd/system/kubelet.service.d\n             └─10-kubeadm.conf\n');
  out(`     Active: ${running ? `active (running) since ${stamp(started)}; ${ago(started)}` : `inactive (dead) since ${stamp(stopped)}; ${ago(stopped)}`}\n`);
  if (!running) out(`   Duration: ${span(stopped - started)}\n`);
  out(`       Docs: ${unit.docs}\n`);
  if (running) out(`   Main PID: ${pid} (${unit.name})\n     CGroup: /system.slice/${unit.name}.service\n             └─${pid} ${unit.command}\n`);
  else out(`   Main PID: ${pid} (code=exited, status=0/SUCCESS)\n`);
  const lines = unit.name === 'kubelet' ? journal(invocation, node) : [];
  if (lines.length > 0) out(`\n${lines.slice(-10).join('\n')}\n`);
  return running ? 0 : 3;
}

/** Kubernetes: client-go/tools/record, StartStructuredLogging; and systemd's own lines around it. */
function journal(invocation: Invocation, node: KubeObject): readonly string[] {
  const { host } = invocation;
  const pid = pidOf(invocation, units[0] as Unit);
  const lines: { readonly ms: number; readonly line: string }[] = [];
  const add = (ms: number, source: string, words: string): void => {
    const { month, day, time } = clockParts(ms);
    lines.push({ ms, line: `${month} ${String(day).padStart(2, '0')} ${time} ${node.metadata.name} ${source}: ${words}` });
  };
  const kubelet = units[0]?.description ?? '';
  add(parseRfc3339(node.metadata.creationTimestamp ?? '') ?? 0, 'systemd[1]', `Started kubelet.service - ${kubelet}.`);
  for (const event of kubeletEvents(invocation, node)) {
    const ms = parseRfc3339(text(at(event, 'lastTimestamp'))) ?? 0;
    const about = (field: string): string => text(at(event, 'involvedObject', field));
    const reason = text(at(event, 'reason'));
    if (reason === 'Starting') add(ms, 'systemd[1]', `Started kubelet.service - ${kubelet}.`);
    const { iso } = clockParts(ms);
    const head = `I${iso.slice(5, 7)}${iso.slice(8, 10)} ${iso.slice(11, 19)}.000000 ${String(pid).padStart(7)} event.go:389]`;
    const object = about('namespace') === '' ? about('name') : `${about('namespace')}/${about('name')}`;
    add(
      ms,
      `kubelet[${pid}]`,
      `${head} "Event occurred" object="${object}" fieldPath="${about('fieldPath')}" kind="${about('kind')}" apiVersion="${about('apiVersion')}" type="${text(at(event, 'type'))}" reason="${reason}" message=${JSON.stringify(text(at(event, 'message')).trim())}`,
    );
  }
  const since = parseRfc3339(host.api.view.find(`Node/${node.metadata.name}`)?.metadata.annotations?.[SINCE] ?? '');
  if (since !== undefined) {
    add(since, 'systemd[1]', `Stopping kubelet.service - ${kubelet}...`);
    add(since, 'systemd[1]', 'kubelet.service: Deactivated successfully.');
    add(since, 'systemd[1]', `Stopped kubelet.service - ${kubelet}.`);
  }
  return lines.toSorted((a, b) => a.ms - b.ms).map((one) => one.line);
}

function containerdJournal(invocation: Invocation, node: KubeObject): readonly string[] {
  const pid = pidOf(invocation, units[1] as Unit);
  return containerdLines(invocation, node).map(({ ms, words }) => {
    const { month, day, time } = clockParts(ms);
    return `${month} ${String(day).padStart(2, '0')} ${time} ${node.metadata.name} containerd[${pid}]: ${words}`;
  });
}

function setRunning(invocation: Invocation, node: KubeObject, running: boolean): number {
  const { host, err } = invocation;
  if (running === isRunning(units[0] as Unit, node)) return 0;
  const others = stoppedAgents(node).filter((agent) => agent !== 'kubelet');
  const stopped = running ? others : [...others, 'kubelet'];
  const value = stopped.length === 0 ? null : stopped.join(',');
  const result = host.api.patch(`Node/${node.metadata.name}`, { metadata: { annotations: { [STOPPED]: value } } }, 'merge', {
    fieldManager: 'kubectl-annotate',
  });
  if (!result.ok) err(`${result.message}\n`);
  host.settle();
  return result.ok ? 0 : 1;
}

export const systemctl = defineCommand({
  name: 'systemctl',
  summary: 'the services of this node: systemctl status|stop|start|restart|is-active kubelet',
  group: 'shell',
  complete: (words, current) => (words.length <= 1 ? VERBS : units.map((unit) => unit.name)).filter((one) => one.startsWith(current)),
  run(invocation) {
    const { argv, out, err } = invocation;
    const [verb = 'list-units', ...names] = argv.filter((word) => !word.startsWith('-'));
    const node = nodeOf(invocation);
    if (node === undefined) {
      err("System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n");
      return 1;
    }
    if (verb === 'daemon-reload') return 0;
    if (verb === 'list-units') {
      const width = Math.max(...units.map((unit) => unit.name.length + 8));
      out(`  ${'UNIT'.padEnd(width)} LOAD   ACTIVE   SUB     DESCRIPTION\n`);
      const shown = units.filter((unit) => isRunning(unit, node) || argv.includes('-a') || argv.includes('--all'));
      for (const unit of shown.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
        out(`  ${`${unit.name}.service`.padEnd(width)} loaded ${isRunning(unit, node) ? 'active   running' : 'inactive dead   '} ${unit.description}\n`);
      return 0;
    }
    if (!VERBS.includes(verb)) {
      err(`Unknown command verb '${verb}'.\n`);
      return 1;
    }
    if (names.length === 0) {
      err('Too few arguments.\n');
      return 1;
    }
    let code = 0;
    for (const name of names) {
      const unit = unitOf(name);
      const full = /\.\w+$/.test(name) ? name : `${name}.service`;
      const active = unit !== undefined && isRunning(unit, nodeOf(invocation));
      if (verb === 'is-active' || verb === 'is-enabled') {
        const words = verb === 'is-active' ? (active ? 'active' : 'inactive') : unit === undefined ? 'not-found' : 'enabled';
        out(`${words}\n`);
        if (words !== 'active' && words !== 'enabled') code = verb === 'is-active' ? (unit === undefined ? 4 : 3) : 1;
      } else if (unit === undefined) {
        err(
          verb === 'status' ? `Unit ${full} could not be found.\n` : `Failed to ${verb} ${full}: Unit ${full} not ${verb === 'stop' ? 'loaded' : 'found'}.\n`,
        );
        code = verb === 'status' ? 4 : 5;
      } else if (verb === 'status') code = status(invocation, unit, node) || code;
      else if (unit.name !== 'kubelet') {
        err(`systemctl: ${verb} ${unit.name} is not simulated; the kubelet is (systemctl ${verb} kubelet)\n`);
        code = 1;
      } else {
        if (verb === 'stop' || verb === 'restart') code = setRunning(invocation, node, false) || code;
        const now = nodeOf(invocation);
        if (verb !== 'stop' && now !== undefined) code = setRunning(invocation, now, true) || code;
      }
    }
    return code;
  },
});
const VERBS = ['status', 'start', 'stop', 'restart', 'is-active', 'is-enabled'];

export const journalctl = defineCommand({
  name: 'journalctl',
  summary: "the node's journal: journalctl -u kubelet|containerd [-n N] [--no-pager]",
  group: 'shell',
  run(invocation) {
    const { argv, out, err } = invocation;
    const node = nodeOf(invocation);
    let unit: string | undefined;
    let last: number | undefined;
    for (let i = 0; i < argv.length; i += 1) {
      const word = argv[i] ?? '';
      const [, name = '', given] = /^(-[un]|--unit|--lines)=?(.*)$/.exec(word) ?? [];
      const value = given === undefined || given === '' ? argv[i + 1] : given;
      if (name !== '' && (given ?? '') === '') i += 1;
      if (name === '-u' || name === '--unit') unit = value?.replace(/\.service$/, '');
      else if (name !== '') last = /^\d{1,6}$/.test(value ?? '') ? Number(value) : 10;
      else if (word === '-f' || word === '--follow') {
        err('journalctl: -f is not simulated; look again with journalctl -u kubelet -n 20\n');
        return 1;
      }
    }
    const lines =
      node === undefined
        ? []
        : unit === 'containerd'
          ? containerdJournal(invocation, node)
          : unit === undefined || unit === 'kubelet'
            ? journal(invocation, node)
            : [];
    const shown = last === undefined ? lines : lines.slice(Math.max(0, lines.length - last));
    out(shown.length === 0 ? '-- No entries --\n' : `${shown.join('\n')}\n`);
    return 0;
  },
});
