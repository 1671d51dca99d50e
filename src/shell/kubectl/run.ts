/** kubectl run: makes a pod, and with -it enters its shell. */
import { formatRfc3339 } from '../../base/time.ts';
import { mergePatch } from '../../objects/patch/merge-patch.ts';
import { findForbiddenKey } from '../../objects/patch/values.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import type { Hook, Outcome } from '../command.ts';
import { getProfile, profileOfImage } from '../images.ts';
import { at, list, record, text } from '../json.ts';
import type { Place } from '../state.ts';
import { checkDryRun, defineVerb, dryRunFlag, expectOk, type Kubectl, keyOf, outputFlag } from './client.ts';
import { store } from './create.ts';
import { enterContainer } from './exec.ts';
import { KubectlError } from './flags.ts';
import { parsePairs } from './generators.ts';

export const run = defineVerb({
  name: 'run',
  summary: 'makes a pod (--image=IMAGE; -it … -- sh enters it)',
  flags: [
    { name: 'image', type: 'string' },
    { name: 'restart', type: 'string' },
    { name: 'labels', short: 'l', type: 'list' },
    { name: 'env', type: 'list' },
    { name: 'port', type: 'int' },
    { name: 'expose', type: 'bool' },
    { name: 'command', type: 'bool' },
    { name: 'stdin', short: 'i', type: 'bool' },
    { name: 'tty', short: 't', type: 'bool' },
    { name: 'attach', type: 'bool' },
    { name: 'rm', type: 'bool' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'annotations', type: 'list' },
    { name: 'image-pull-policy', type: 'string' },
    { name: 'overrides', type: 'string' },
    { name: 'override-type', type: 'string' },
    { name: 'field-manager', type: 'string' },
    { name: 'privileged', type: 'bool' },
    { name: 'pod-running-timeout', type: 'string' },
    dryRunFlag,
    outputFlag,
  ],
  run: (kubectl) => runPod(kubectl),
});

function buildPod(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const command = flags.args.slice(1);
  const restart = flags.get('restart') || 'Always';
  if (!['Always', 'OnFailure', 'Never'].includes(restart))
    throw new KubectlError(`error: invalid restart policy: ${restart}\nSee 'kubectl run -h' for help and examples`);
  const labels = flags.has('labels') ? parsePairs(flags.all('labels')) : { run: name };
  const environment = flags.all('env').map((entry) => {
    const equals = entry.indexOf('=');
    if (equals <= 0) throw new KubectlError(`error: invalid env: ${entry}`);
    return { name: entry.slice(0, equals), value: entry.slice(equals + 1) };
  });
  const interactive = flags.bool('stdin');
  const container = {
    name,
    image: flags.get('image'),
    ...(command.length === 0 ? {} : flags.bool('command') ? { command } : { args: command }),
    ...(environment.length === 0 ? {} : { env: environment }),
    ...(flags.has('port') ? { ports: [{ containerPort: Number(flags.get('port')) }] } : {}),
    ...(flags.has('image-pull-policy') ? { imagePullPolicy: flags.get('image-pull-policy') } : {}),
    resources: {},
    ...(interactive ? { stdin: true, stdinOnce: true } : {}),
    ...(flags.bool('tty') ? { tty: true } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: kubectl.namespace, labels, ...(flags.has('annotations') ? { annotations: parsePairs(flags.all('annotations')) } : {}) },
    spec: { containers: [container], dnsPolicy: 'ClusterFirst', restartPolicy: restart },
    status: {},
  };
}

function runPod(kubectl: Kubectl): Outcome {
  const { flags, invocation } = kubectl;
  if (!flags.has('image') || flags.get('image') === '') throw new KubectlError('error: required flag(s) "image" not set');
  const name = flags.args[0];
  if (name === undefined || flags.beforeDash === 0) throw new KubectlError("error: NAME is required for run\nSee 'kubectl run -h' for help and examples");
  if (/\s/.test(flags.get('image'))) throw new KubectlError(`error: Invalid image name "${flags.get('image')}": invalid reference format`);
  const attach = flags.bool('attach') || flags.bool('stdin');
  if (flags.bool('rm') && !attach)
    throw new KubectlError("error: --rm should only be used for attached containers\nSee 'kubectl run -h' for help and examples");
  if (flags.bool('tty') && !flags.bool('stdin')) throw new KubectlError('error: -i/--stdin is required for containers with -t/--tty=true');
  const pod = overridden(flags, buildPod(kubectl, name));
  if (!attach || checkDryRun(flags)) {
    if (flags.bool('expose') && !flags.has('port')) throw new KubectlError('error: --port must be set when exposing a service');
    // The real one tells the Service first; the pod must be possible, though.
    if (flags.bool('expose')) {
      const { status: _status, ...possible } = pod;
      expectOk(invocation.host.api.create(possible, { dryRun: true }));
      const status = Number(store(kubectl, serviceOf(kubectl, name, pod), undefined, 'created', 'kubectl-run'));
      if (status !== 0) return status;
    }
    return store(kubectl, pod, undefined, 'created', 'kubectl-run');
  }
  const { status: _status, ...wanted } = pod;
  expectOk(invocation.host.api.create(wanted, { fieldManager: 'kubectl-run' }));
  invocation.host.settle();
  return attachTo(kubectl, name);
}

function serviceOf(kubectl: Kubectl, name: string, pod: KubeObject): KubeObject {
  const port = Number(kubectl.flags.get('port'));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: kubectl.namespace },
    spec: { ports: [{ port, protocol: 'TCP', targetPort: port }], selector: pod.metadata.labels ?? {} },
    status: { loadBalancer: {} },
  };
}

/** `--overrides`: a JSON merge patch of what the flags say. */
function overridden(flags: Kubectl['flags'], pod: KubeObject): KubeObject {
  if (!flags.has('overrides')) return pod;
  let patch: unknown;
  try {
    patch = JSON.parse(flags.get('overrides'));
  } catch {
    throw new KubectlError('error: Invalid JSON Patch');
  }
  if (findForbiddenKey(patch) !== undefined) throw new KubectlError('error: Invalid JSON Patch');
  return mergePatch(pod as unknown as Readonly<Record<string, unknown>>, record(patch)) as unknown as KubeObject;
}

/** Enters the container's program: its shell when the command is one, else the command runs and its output is shown. */
function attachTo(kubectl: Kubectl, name: string): Outcome {
  const { flags, invocation } = kubectl;
  const key = keyOf({ kind: 'Pod', namespaced: true }, kubectl.namespace, name);
  const pod = invocation.host.api.view.find(key);
  const phase = text(at(pod, 'status', 'phase'));
  const finished = phase === 'Succeeded' || phase === 'Failed';
  if (pod === undefined || (phase !== 'Running' && !finished)) {
    throw new KubectlError(`error: timed out waiting for the condition (the pod is ${phase === '' ? 'gone' : phase}; see kubectl describe pod ${name})`);
  }
  const words = flags.args.slice(1);
  const shells = Object.keys(getProfile(profileOfImage(flags.get('image')).name).shells);
  const command = words.length > 0 ? words : shells.slice(0, 1);
  const after = {
    hook: 'kubectl-run',
    data: {
      key,
      remove: flags.bool('rm'),
      namespace: kubectl.namespace,
      name,
      restart: flags.get('restart') || 'Always',
      interactive: flags.bool('stdin') && flags.bool('tty'),
    },
  };
  if (flags.bool('stdin') && flags.bool('tty') && invocation.inTty) {
    kubectl.err(
      'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n',
    );
    kubectl.err("If you don't see a command prompt, try pressing enter.\n");
  }
  if (command.length === 0) throw new KubectlError(`error: the image ${flags.get('image')} has no shell to attach to`);
  // A program that ended at once has left no sandbox behind, but what it printed is still to be shown.
  if (finished) return { kind: 'call', argv: command, place: bygonePlace(kubectl, pod, name), after };
  return enterContainer(kubectl, pod, name, command, after);
}

function bygonePlace(kubectl: Kubectl, pod: KubeObject, name: string): Place {
  const hostId = text(at(pod, 'spec', 'nodeName'));
  const image = kubectl.flags.get('image');
  return {
    hostId,
    netns: `${hostId}/netns/${name}.${kubectl.namespace}`,
    hostname: name,
    pod: { namespace: kubectl.namespace, name, container: name, image, layer: `${pod.metadata.uid ?? name}/${name}/0` },
    profile: profileOfImage(image).name,
  };
}

interface RunData {
  readonly key: string;
  readonly remove: boolean;
  readonly namespace: string;
  readonly name: string;
  readonly restart: string;
  readonly interactive: boolean;
}

/** The container's program has left: kubelet reports it, and the pod completes. */
function endContainer(host: ShellHost, data: RunData, exitCode: number): void {
  const pod = host.api.view.find(data.key);
  const started = at(list(at(pod, 'status', 'containerStatuses'))[0], 'state', 'running', 'startedAt');
  if (pod === undefined || started === undefined) return;
  const finishedAt = formatRfc3339(host.epochMs + host.nowNs / 1e6);
  const containerStatuses = list(at(pod, 'status', 'containerStatuses')).map((one) => ({
    ...(one as object),
    ready: false,
    started: false,
    state: { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: started, finishedAt } },
  }));
  host.api.updateStatus({ ...pod, status: { ...(pod.status as object), containerStatuses } });
  host.settle();
}

/** The session has ended: the pod goes with --rm, completes with --restart=Never, restarts otherwise. */
export const runHook: Hook = (data: RunData, status, io) => {
  const { host } = io.invocation();
  if (data.remove) {
    const removed = host.api.remove(data.key);
    host.settle();
    io.out(removed.ok ? `pod "${data.name}" deleted from ${data.namespace} namespace\n` : '');
  } else if (data.interactive) {
    if (data.restart === 'Never') endContainer(host, data, status);
    const attach = `Session ended, resume using 'kubectl attach ${data.name} -c ${data.name} -i -t' command when the pod is running\n`;
    if (data.restart !== 'Never') io.err(attach);
  }
  if (status !== 0) io.err(`pod ${data.namespace}/${data.name} terminated (${status === 127 || status === 126 ? 'StartError' : 'Error'})\n`);
  return status;
};
