/** kubectl logs: what a container has written, run by run. */
import { formatRfc3339, parseRfc3339 } from '../../base/time.ts';
import { statusOfContainer } from '../../kube/pod/containers.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import type { Outcome, Watch } from '../command.ts';
import { type LogEntry, readLog } from '../container-logs.ts';
import { at, text } from '../json.ts';
import { virtualMs } from './age.ts';
import { defineVerb, findKind, type Kubectl, parseSelector, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { chooseContainer, containersOf, findPod, hasContainer, initContainersOf } from './pods.ts';

export interface LogSource {
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  readonly run: number;
  readonly prefix: string;
  /** Number of the entry that comes next. */
  next: number;
}
export interface LogsWatchState {
  readonly sources: readonly LogSource[];
  readonly timestamps: boolean;
}

function formatLine(host: ShellHost, line: LogEntry, timestamps: boolean): string {
  if (!timestamps) return line.text;
  const ms = host.epochMs + line.timeNs / 1e6;
  return `${formatRfc3339(ms).slice(0, 19)}.${String(line.timeNs % 1_000_000_000).padStart(9, '0')}Z ${line.text}`;
}

/**
 * Which run of a container is asked for, or why it has written nothing. Kubernetes: pkg/kubelet/kubelet_pods.go, validateContainerLogStatus.
 * @throws {KubectlError}
 */
function runOf(pod: KubeObject, container: string, previous: boolean): number {
  const { name } = pod.metadata;
  const bad = (words: string): never => {
    throw new KubectlError(`Error from server (BadRequest): ${words}`);
  };
  if (text(at(pod, 'spec', 'nodeName')) === '') bad(`pod ${name} does not have a host assigned`);
  const status = statusOfContainer(pod as Pod, container);
  const run = status?.restartCount ?? 0;
  const waiting = status?.state?.waiting;
  const last = status?.lastState?.terminated;
  if (previous)
    return last === undefined ? bad(`previous terminated container "${container}" in pod "${name}" not found`) : waiting === undefined ? run - 1 : run;
  if (status !== undefined && (waiting === undefined || last !== undefined)) return run;
  const reason = waiting?.reason ?? 'ContainerCreating';
  const words = reason === 'ErrImagePull' ? "image can't be pulled" : reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason;
  return bad(`container "${container}" in pod "${name}" is waiting to start: ${words}`);
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
  const timestamps = flags.bool('timestamps');
  const since = sinceNs(kubectl);
  const tail = flags.has('tail') ? Number(flags.get('tail')) : flags.has('selector') ? 10 : -1;
  const sources: LogSource[] = [];
  for (const pod of pods) {
    const names = containersOf(pod);
    if (wanted !== '' && !hasContainer(pod, wanted)) throw new KubectlError(`error: container ${wanted} is not valid for pod ${pod.metadata.name}`);
    const chosen = flags.bool('all-containers') ? [...initContainersOf(pod), ...names] : [chooseContainer(kubectl, pod, wanted)];
    for (const container of chosen) {
      const run = runOf(pod, container, flags.bool('previous'));
      const uid = pod.metadata.uid ?? '';
      const prefix = flags.bool('prefix') ? `[pod/${pod.metadata.name}/${container}] ` : '';
      const { entries, next } = readLog(invocation.shell.state, uid, container);
      const lines = entries.filter((line) => line.run === run && line.timeNs >= since);
      for (const line of tail >= 0 ? lines.slice(Math.max(0, lines.length - tail)) : lines) kubectl.out(prefix + formatLine(host, line, timestamps));
      sources.push({ pod: objectKey(pod), uid, container, run, prefix, next });
    }
  }
  if (!flags.bool('follow')) return 0;
  const state: LogsWatchState = { sources, timestamps };
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

/** Follows until the run it has begun with is over. */
export const logsWatch: Watch = {
  look: (state: LogsWatchState, io) => {
    const { host, shell } = io.invocation();
    let live = false;
    for (const source of state.sources) {
      const pod = host.api.view.find<Pod>(source.pod);
      const status = pod?.metadata.uid === source.uid ? statusOfContainer(pod, source.container) : undefined;
      const runs = status?.state?.running !== undefined && (status.restartCount ?? 0) === source.run;
      live ||= runs;
      const { entries, next } = readLog(shell.state, source.uid, source.container, source.next);
      // A line is told when it is whole.
      const held = runs && entries.length > 0 && entries.at(-1)?.text.endsWith('\n') === false ? 1 : 0;
      for (const line of entries.slice(0, entries.length - held)) if (line.run === source.run) io.out(source.prefix + formatLine(host, line, state.timestamps));
      source.next = next - held;
    }
    return live ? undefined : 0;
  },
};
