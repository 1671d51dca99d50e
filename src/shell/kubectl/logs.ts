/** kubectl logs: what the programs of a container have printed, read from the world's log. */
import { formatRfc3339, parseRfc3339 } from '../../base/time.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import type { Outcome, Watch } from '../command.ts';
import { at, text } from '../json.ts';
import { podPlace } from '../machine/places.ts';
import { virtualMs } from './age.ts';
import { defineVerb, findKind, type Kubectl, parseSelector, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { chooseContainer, containersOf, findPod } from './pods.ts';

interface LogLine {
  readonly timeNs: number;
  readonly text: string;
}

/** Events decoded at a time. */
const CHUNK = 5000;

export interface LogsWatchState {
  readonly sources: readonly { readonly netns: string; readonly prefix: string; readonly container: string }[];
  readonly timestamps: boolean;
  next: number;
}

/** Lines that a netns' own programs (not those a shell started) printed in [from, to). */
function linesOf(host: ShellHost, netns: string, container: string, from: number, to: number): LogLine[] {
  const lines: LogLine[] = [];
  for (let start = from; start < to; start += CHUNK) {
    for (const event of host.engine.events(start, Math.min(to, start + CHUNK))) {
      if (event.netns !== netns || event.step.kind !== 'printed') continue;
      const { process } = event.step;
      const id = process.includes('/') ? process : `${netns}/process/${process}`;
      const record = host.engine.records.find(id);
      // The kubelet's own words about its probes are no container's.
      if (record?.kind !== 'process' || record.origin.component === 'user' || record.app === 'prober') continue;
      if (container !== '' && !record.name.startsWith(container)) continue;
      lines.push({ timeNs: event.timeNs, text: event.step.text });
    }
  }
  return lines;
}

function formatLine(host: ShellHost, line: LogLine, timestamps: boolean): string {
  if (!timestamps) return line.text;
  const ms = host.epochMs + line.timeNs / 1e6;
  return `${formatRfc3339(ms).slice(0, 19)}.${String(line.timeNs % 1_000_000_000).padStart(9, '0')}Z ${line.text}`;
}

export const logs = defineVerb({
  name: 'logs',
  summary: 'what a pod’s programs have printed (-f, --tail=N, -c, -l)',
  completes: 'pods',
  flags: [
    selectorFlag,
    { name: 'follow', short: 'f', type: 'bool' },
    { name: 'tail', type: 'int' },
    { name: 'container', short: 'c', type: 'string' },
    { name: 'previous', short: 'p', type: 'bool' },
    { name: 'timestamps', type: 'bool' },
    { name: 'since', type: 'string' },
    { name: 'since-time', type: 'string' },
    { name: 'all-containers', type: 'bool' },
    { name: 'prefix', type: 'bool' },
    { name: 'limit-bytes', type: 'int' },
    { name: 'max-log-requests', type: 'int' },
    { name: 'ignore-errors', type: 'bool' },
  ],
  run: (kubectl) => runLogs(kubectl),
});

function podsFor(kubectl: Kubectl): readonly KubeObject[] {
  const { flags, invocation } = kubectl;
  const selector = flags.get('selector');
  if (selector !== '') {
    if (flags.args.length > 0) throw new KubectlError('error: only a selector (-l) or a POD name is allowed');
    const matches = parseSelector(selector, findKind(kubectl, 'pods'));
    return invocation.host.api.view.list('Pod', kubectl.namespace).filter((pod) => matches(pod.metadata.labels ?? {}));
  }
  const word = flags.args[0];
  if (word === undefined)
    throw new KubectlError(
      "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples",
    );
  findKind(kubectl, 'pods');
  return [findPod(kubectl, word)];
}

function runLogs(kubectl: Kubectl): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const pods = podsFor(kubectl);
  if (pods.length === 0) {
    kubectl.err(`No resources found in ${kubectl.namespace} namespace.\n`);
    return 0;
  }
  const wanted = flags.get('container') !== '' ? flags.get('container') : (flags.args[1] ?? '');
  const sources: { netns: string; prefix: string; container: string }[] = [];
  for (const pod of pods) {
    const names = containersOf(pod);
    if (wanted !== '' && !names.includes(wanted)) throw new KubectlError(`error: container ${wanted} is not valid for pod ${pod.metadata.name}`);
    const chosen = flags.bool('all-containers') ? names : [chooseContainer(kubectl, pod, wanted)];
    for (const container of chosen) {
      const place = podPlace(host, pod, container);
      if (flags.bool('previous'))
        throw new KubectlError(`Error from server (BadRequest): previous terminated container "${container}" in pod "${pod.metadata.name}" not found`);
      // What a finished container printed went with its sandbox.
      if (place === undefined && ['Succeeded', 'Failed'].includes(text(at(pod, 'status', 'phase')))) continue;
      if (place === undefined) {
        const reason =
          text(at(pod, 'spec', 'nodeName')) === ''
            ? `pod ${pod.metadata.name} does not have a host assigned`
            : `container "${container}" in pod "${pod.metadata.name}" is waiting to start: ContainerCreating`;
        throw new KubectlError(`Error from server (BadRequest): ${reason}`);
      }
      sources.push({
        netns: place.netns,
        prefix: flags.bool('prefix') ? `[pod/${pod.metadata.name}/${container}] ` : '',
        container: names.length > 1 ? container : '',
      });
    }
  }
  const timestamps = flags.bool('timestamps');
  const since = sinceNs(kubectl);
  const end = host.engine.traceLength;
  const tail = flags.has('tail') ? Number(flags.get('tail')) : flags.has('selector') ? 10 : -1;
  for (const source of sources) {
    const lines = linesOf(host, source.netns, source.container, 0, end)
      .filter((line) => line.timeNs >= since)
      .flatMap((line) => line.text.split(/(?<=\n)/).map((part) => ({ timeNs: line.timeNs, text: part })));
    for (const line of tail >= 0 ? lines.slice(Math.max(0, lines.length - tail)) : lines) kubectl.out(source.prefix + formatLine(host, line, timestamps));
  }
  if (!flags.bool('follow')) return 0;
  const state: LogsWatchState = { sources, timestamps, next: end };
  return { kind: 'watch', watch: 'kubectl-logs', state, timeoutSeconds: Number.POSITIVE_INFINITY };
}

function sinceNs(kubectl: Kubectl): number {
  const { host } = kubectl.invocation;
  const duration = parseDuration(kubectl.flags.get('since'));
  if (kubectl.flags.has('since') && duration === undefined)
    throw new KubectlError(
      `error: invalid argument "${kubectl.flags.get('since')}" for "--since" flag: time: invalid duration "${kubectl.flags.get('since')}"`,
    );
  if (duration !== undefined) return host.nowNs - duration * 1e9;
  const from = parseRfc3339(kubectl.flags.get('since-time'));
  return from === undefined ? 0 : (from - virtualMs(host)) * 1e6 + host.nowNs;
}

/** Go durations such as `1m30s` in seconds; undefined when it is none. */
export function parseDuration(value: string): number | undefined {
  if (value === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(value)) return undefined;
  const units: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
  let seconds = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) seconds += Number(amount) * (units[unit ?? 's'] ?? 1);
  return seconds;
}

export const logsWatch: Watch = {
  look: (state: LogsWatchState, io) => {
    const { host } = io.invocation();
    const end = host.engine.traceLength;
    for (const source of state.sources)
      for (const line of linesOf(host, source.netns, source.container, state.next, end)) io.out(source.prefix + formatLine(host, line, state.timestamps));
    state.next = end;
    return undefined;
  },
};
