/** kubectl debug: a container with other tools in a pod or in a copy of it, or a pod in a node's network. Kubernetes: kubectl/pkg/cmd/debug/debug.go */
import { formatRfc3339 } from '../../base/time.ts';
import { findContainer, statusOfContainer } from '../../kube/pod/containers.ts';
import type { Container, EphemeralContainer, Pod } from '../../kube/pod/types.ts';
import { stableSuffix } from '../../objects/identity.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';
import type { Hook, Outcome } from '../command.ts';
import { getProfile, profileOfImage } from '../images.ts';
import { hostPlace, podPlace } from '../machine/places.ts';
import { defineVerb, expectOk, findKind, getObject, type Kubectl } from './client.ts';
import { type Debugger, securityOf } from './debug-profiles.ts';
import { enterPlace } from './exec.ts';
import { KubectlError } from './flags.ts';

const PROFILES = ['legacy', 'general', 'baseline', 'netadmin', 'restricted', 'sysadmin'];

export const debug = defineVerb({
  name: 'debug',
  summary: 'a container with other tools in a pod: debug -it POD --image=nicolaka/netshoot [--target=C] [--copy-to=NEW]; debug node/NODE',
  completes: 'pods',
  flags: [
    { name: 'stdin', short: 'i', type: 'bool' },
    { name: 'tty', short: 't', type: 'bool' },
    { name: 'container', short: 'c', type: 'string' },
    { name: 'image', type: 'string' },
    { name: 'target', type: 'string' },
    { name: 'profile', type: 'string' },
    { name: 'copy-to', type: 'string' },
    { name: 'attach', type: 'bool' },
    { name: 'arguments-only', type: 'bool' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'env', type: 'list' },
    { name: 'image-pull-policy', type: 'string' },
    { name: 'share-processes', type: 'bool' },
    { name: 'replace', type: 'bool' },
    { name: 'same-node', type: 'bool' },
    { name: 'set-image', type: 'list' },
    { name: 'keep-labels', type: 'bool' },
    { name: 'keep-annotations', type: 'bool' },
    { name: 'keep-liveness', type: 'bool' },
    { name: 'keep-readiness', type: 'bool' },
    { name: 'keep-startup', type: 'bool' },
    { name: 'keep-init-containers', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    const words = flags.args.slice(0, flags.beforeDash);
    const image = flags.get('image');
    const copyTo = flags.get('copy-to');
    const profile = flags.get('profile') || 'legacy';
    if (!PROFILES.includes(profile)) throw new KubectlError(`error: unknown profile: ${profile}`);
    if (copyTo !== '' ? image === '' && !flags.has('set-image') && words.length > 0 && flags.args.length === flags.beforeDash : image === '')
      throw new KubectlError(
        copyTo === '' ? 'error: you must specify --image when not using --copy-to.' : 'error: you must specify --image, --set-image or command arguments.',
      );
    if (copyTo === '')
      for (const name of ['replace', 'same-node', 'set-image'])
        if (flags.has(name)) throw new KubectlError(`error: --${name} may only be used with --copy-to.`);
    const [target] = words;
    if (target === undefined) throw new KubectlError('error: NAME or filename is required for debug');
    if (flags.has('target')) {
      if (copyTo !== '') throw new KubectlError('error: --target is incompatible with --copy-to. Use --share-processes instead.');
      tell(
        kubectl,
        `Targeting container "${flags.get('target')}". If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n`,
      );
    }
    if (flags.bool('tty') && !flags.bool('stdin')) throw new KubectlError('error: -i/--stdin is required for containers with -t/--tty=true');
    if (profile === 'legacy')
      kubectl.err(
        '--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n',
      );
    const slash = target.indexOf('/');
    const kind = findKind(kubectl, slash < 0 ? 'pods' : target.slice(0, slash));
    const object = getObject(kubectl, kind, target.slice(slash + 1));
    if (kind.kind === 'Node') return debugNode(kubectl, object, profile);
    if (kind.kind !== 'Pod')
      throw new KubectlError(`error: "${kind.apiVersion.includes('/') ? '' : '/'}${kind.apiVersion}, Kind=${kind.kind}" not supported by debug`);
    return copyTo === '' ? debugPod(kubectl, object as Pod, profile) : debugCopy(kubectl, object as Pod, copyTo, profile);
  },
});

/** What -q silences. */
function tell(kubectl: Kubectl, words: string): void {
  if (!kubectl.flags.bool('quiet')) kubectl.out(words);
}

/** What the flags say of the debugging container. */
function containerOf({ flags }: Kubectl, name: string): Container {
  const command = flags.args.slice(flags.beforeDash);
  const env = flags.all('env').map((entry) => {
    const equals = entry.indexOf('=');
    if (equals <= 0) throw new KubectlError(`error: invalid env: ${entry}`);
    return { name: entry.slice(0, equals), value: entry.slice(equals + 1) };
  });
  return {
    name,
    image: flags.get('image'),
    ...(command.length === 0 ? {} : flags.bool('arguments-only') ? { args: command } : { command }),
    ...(env.length === 0 ? {} : { env }),
    ...(flags.has('image-pull-policy') ? { imagePullPolicy: flags.get('image-pull-policy') } : {}),
    ...(flags.bool('stdin') ? { stdin: true } : {}),
    ...(flags.bool('tty') ? { tty: true } : {}),
  };
}

function nameFor(kubectl: Kubectl, pod: Pod): string {
  const given = kubectl.flags.get('container');
  if (given !== '') return given;
  let name = '';
  do name = `debugger-${stableSuffix(kubectl.invocation.host.prng.uint32(), 'debugger', 5)}`;
  while (findContainer(pod, name) !== undefined);
  tell(kubectl, `Defaulting debug container name to ${name}.\n`);
  return name;
}

function debugPod(kubectl: Kubectl, pod: Pod, profile: string): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const name = nameFor(kubectl, pod);
  const added: EphemeralContainer = {
    ...containerOf(kubectl, name),
    ...securityOf(profile, 'ephemeral'),
    ...(flags.has('target') ? { targetContainerName: flags.get('target') } : {}),
  };
  const patch = { spec: { ephemeralContainers: [...(pod.spec.ephemeralContainers ?? []).filter((one) => one.name !== name), added] } };
  const changed = expectOk(host.api.patch(objectKey(pod), patch, 'merge', { fieldManager: 'kubectl-debug', subresource: 'ephemeralcontainers' }));
  host.settle();
  return attachTo(kubectl, host.api.view.find<Pod>(objectKey(changed)) ?? pod, name, 'ephemeral');
}

/** A pod like the other one, with a container more or one that runs something else. */
function debugCopy(kubectl: Kubectl, pod: Pod, copyTo: string, profile: string): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const images = new Map(flags.all('set-image').flatMap((value) => value.split(',').map((pair) => pair.split('=', 2) as [string, string])));
  const keeps = (what: string): boolean => flags.bool(`keep-${what}`);
  const { ephemeralContainers: _ephemeral, nodeName, initContainers, ...rest } = pod.spec;
  const image = (one: Container): string => images.get(one.name) ?? images.get('*') ?? one.image ?? '';
  const containers = pod.spec.containers.map((one): Container => {
    const { livenessProbe, readinessProbe, startupProbe, ...plain } = one;
    return {
      ...plain,
      image: image(one),
      ...(livenessProbe !== undefined && keeps('liveness') ? { livenessProbe } : {}),
      ...(readinessProbe !== undefined && keeps('readiness') ? { readinessProbe } : {}),
      ...(startupProbe !== undefined && keeps('startup') ? { startupProbe } : {}),
    };
  });
  const wanted = flags.get('container');
  const position = containers.findIndex((one) => one.name === wanted);
  let name = '';
  if (position >= 0) {
    name = wanted;
    const { command: _command, args: _args, ...old } = containers[position] as Container;
    const changes = containerOf(kubectl, name);
    const kept = changes.command === undefined && changes.args === undefined ? containers[position] : old;
    containers[position] = { ...(kept as Container), ...changes, image: changes.image || (old.image ?? ''), ...securityOf(profile, 'copy') };
  } else if (flags.get('image') !== '') {
    name = nameFor(kubectl, pod);
    containers.push({ ...containerOf(kubectl, name), ...securityOf(profile, 'copy') });
  } else if (!flags.has('set-image')) throw new KubectlError('error: you must specify image when creating new container');
  const shares = flags.has('share-processes') ? flags.bool('share-processes') : profile !== 'baseline' && profile !== 'restricted';
  const dropsInit = flags.has('keep-init-containers') && !keeps('init-containers');
  const { labels, annotations } = pod.metadata;
  const copy = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: copyTo,
      namespace: pod.metadata.namespace ?? 'default',
      ...(labels !== undefined && keeps('labels') ? { labels } : {}),
      ...(annotations !== undefined && keeps('annotations') ? { annotations } : {}),
    },
    spec: {
      ...rest,
      containers,
      ...(initContainers === undefined || dropsInit ? {} : { initContainers }),
      ...(nodeName !== undefined && flags.bool('same-node') ? { nodeName } : {}),
      ...(shares ? { shareProcessNamespace: true } : {}),
    },
  } as unknown as KubeObject;
  const created = expectOk(host.api.create(copy, { fieldManager: 'kubectl-debug' }));
  if (flags.bool('replace')) expectOk(host.api.remove(objectKey(pod), { gracePeriodSeconds: 0 }));
  host.settle();
  return name === '' ? 0 : attachTo(kubectl, (host.api.view.find<Pod>(objectKey(created)) ?? created) as Pod, name, 'copy');
}

/** A pod in the node's own network, with its file system under /host. */
function debugNode(kubectl: Kubectl, node: KubeObject, profile: string): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const name = `node-debugger-${node.metadata.name}-${stableSuffix(host.prng.uint32(), 'debugger', 5)}`;
  const container = flags.get('container') || 'debugger';
  tell(kubectl, `Creating debugging pod ${name} with container ${container} on node ${node.metadata.name}.\n`);
  const isBare = profile === 'baseline' || profile === 'restricted';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: kubectl.namespace, labels: { 'app.kubernetes.io/managed-by': 'kubectl-debug' } },
    spec: {
      containers: [
        {
          ...containerOf(kubectl, container),
          ...securityOf(profile, 'node'),
          ...(isBare || profile === 'netadmin' ? {} : { volumeMounts: [{ name: 'host-root', mountPath: '/host' }] }),
        },
      ],
      ...(isBare ? {} : { hostNetwork: true, hostPID: true, ...(profile === 'netadmin' ? {} : { hostIPC: true }) }),
      nodeName: node.metadata.name,
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
      ...(isBare || profile === 'netadmin' ? {} : { volumes: [{ name: 'host-root', hostPath: { path: '/' } }] }),
    },
  } as unknown as KubeObject;
  const created = expectOk(host.api.create(pod, { fieldManager: 'kubectl-debug' }));
  host.settle();
  return attachTo(kubectl, (host.api.view.find<Pod>(objectKey(created)) ?? created) as Pod, container, 'node');
}

/** Enters what was made, when -i or --attach says so. */
function attachTo(kubectl: Kubectl, pod: Pod, name: string, what: Debugger): Outcome {
  const { flags, invocation } = kubectl;
  const attaches = flags.has('attach') ? flags.bool('attach') : flags.bool('stdin');
  if (!attaches) return 0;
  const found = findContainer(pod, name);
  const state = statusOfContainer(pod, name)?.state;
  const place = podPlace(invocation.host, pod, name) ?? (what === 'node' ? hostPlace(invocation.host, pod.spec.nodeName ?? '') : undefined);
  if (found === undefined || place === undefined || (state?.running === undefined && state?.terminated === undefined)) {
    const waiting = state?.waiting?.message ?? '';
    if (waiting !== '' && !flags.bool('quiet')) kubectl.err(`Warning: container ${name}: ${waiting}\n`);
    throw new KubectlError('error: timed out waiting for the condition');
  }
  if (!flags.bool('quiet')) {
    kubectl.err(
      'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n',
    );
    if (flags.bool('stdin')) kubectl.err("If you don't see a command prompt, try pressing enter.\n");
  }
  const image = found.image ?? '';
  const command = [...(found.command ?? []), ...(found.args ?? [])];
  const shell = Object.keys(getProfile(profileOfImage(image).name).shells).slice(0, 1);
  if (command.length === 0 && shell.length === 0) throw new KubectlError(`error: the image ${image} has no shell to attach to`);
  const data: DebugData = {
    key: objectKey(pod),
    container: name,
    what,
    tells: !flags.bool('quiet') && flags.bool('stdin') && flags.bool('tty') && pod.spec.restartPolicy !== 'Never' && pod.spec.restartPolicy !== 'OnFailure',
  };
  return enterPlace(kubectl, place, command.length > 0 ? command : shell, { hook: 'kubectl-debug', data });
}

interface DebugData {
  readonly key: string;
  readonly container: string;
  readonly what: Debugger;
  /** Says how to come back. */
  readonly tells: boolean;
}

export const debugHook: Hook = (data: DebugData, status, io) => {
  const { host } = io.invocation();
  const pod = host.api.view.find<Pod>(data.key);
  const name = pod?.metadata.name ?? '';
  if (data.tells)
    io.err(
      data.what === 'ephemeral'
        ? `Session ended, the ephemeral container will not be restarted but may be reattached using 'kubectl attach ${name} -c ${data.container} -i -t' if it is still running\n`
        : `Session ended, resume using 'kubectl attach ${name} -c ${data.container} -i -t' command when the pod is running\n`,
    );
  // Its first program has left: a container of a copy is started again, the others have ended.
  if (pod === undefined || data.what === 'copy') return status;
  const field = data.what === 'node' ? 'containerStatuses' : 'ephemeralContainerStatuses';
  const finishedAt = formatRfc3339(host.epochMs + host.nowNs / 1e6);
  const statuses = (pod.status?.[field] ?? []).map((one) => {
    const startedAt = one.state?.running?.startedAt;
    if (one.name !== data.container || startedAt === undefined) return one;
    return {
      ...one,
      ready: false,
      started: false,
      state: { terminated: { exitCode: status, reason: status === 0 ? 'Completed' : 'Error', startedAt, finishedAt } },
    };
  });
  host.api.updateStatus({ ...pod, status: { ...pod.status, [field]: statuses } } as KubeObject);
  host.settle();
  return status;
};
