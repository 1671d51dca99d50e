/** crictl: pods, containers and images of this node, as cri-tools prints what containerd knows. Kubernetes: cri-tools/cmd/crictl */

import { parseRfc3339 } from '../../base/time.ts';
import { sandboxId } from '../../kube/pod/identity.ts';
import type { KubeObject } from '../../objects/types.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { at, list, number, pairs, text } from '../json.ts';
import { podPlace } from '../machine/places.ts';
import { formatTable } from '../table.ts';
import { cniNetnsName, deviceById, devicesOf, routesOf } from './net-view.ts';
import { containerId, processesOf } from './pids.ts';

const SHORT_ID = 13;

interface Sandbox {
  readonly pod: KubeObject;
  readonly id: string;
  readonly netns: string;
  readonly namespace: string;
}
interface Container {
  readonly sandbox: Sandbox;
  readonly spec: unknown;
  readonly name: string;
  readonly id: string;
  readonly status: unknown;
}

function sandboxesOf({ host, place }: Invocation): Sandbox[] {
  return host.api.view.list('Pod').flatMap((pod) => {
    if (text(at(pod, 'spec', 'nodeName')) !== place.hostId) return [];
    const where = podPlace(host, pod, text(at(list(at(pod, 'spec', 'containers'))[0], 'name')));
    const namespace = pod.metadata.namespace ?? 'default';
    return where === undefined ? [] : [{ pod, id: sandboxId(pod.metadata.uid ?? ''), netns: where.netns, namespace }];
  });
}

function containersOf(sandbox: Sandbox): Container[] {
  return list(at(sandbox.pod, 'spec', 'containers')).map((spec) => {
    const name = text(at(spec, 'name'));
    const status = list(at(sandbox.pod, 'status', 'containerStatuses')).find((one) => text(at(one, 'name')) === name);
    const known = text(at(status, 'containerID')).replace(/^containerd:\/\//, '');
    return {
      sandbox,
      spec,
      name,
      status,
      id: known === '' ? containerId(`${sandbox.pod.metadata.uid ?? ''} ${name} ${number(at(status, 'restartCount'))}`) : known,
    };
  });
}

const stateOf = (container: Container): string =>
  at(container.status, 'state', 'running') !== undefined ? 'Running' : at(container.status, 'state', 'terminated') !== undefined ? 'Exited' : 'Created';

function ago({ host }: Invocation, timestamp: string | undefined): string {
  const then = timestamp === undefined ? undefined : parseRfc3339(timestamp);
  if (then === undefined) return 'unknown';
  // go-units' HumanDuration, which crictl prints ages with.
  const seconds = Math.max(0, Math.floor((host.epochMs + host.nowNs / 1e6 - then) / 1000));
  if (seconds < 1) return 'Less than a second ago';
  if (seconds === 1) return '1 second ago';
  if (seconds < 60) return `${seconds} seconds ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute ago';
  if (minutes < 60) return `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60 + 0.5);
  if (hours === 1) return 'About an hour ago';
  if (hours < 48) return `${hours} hours ago`;
  return `${Math.floor(hours / 24)} days ago`;
}

interface Options {
  readonly words: readonly string[];
  readonly quiet: boolean;
  readonly all: boolean;
  readonly output: string;
  readonly name: string;
  readonly namespace: string;
  readonly pod: string;
  readonly noTrunc: boolean;
  /** What stands behind the first word that is no option, unread. */
  readonly rest: readonly string[];
}

const valued: Readonly<Record<string, 'output' | 'name' | 'namespace' | 'pod'>> = {
  '-o': 'output',
  '--output': 'output',
  '--name': 'name',
  '--namespace': 'namespace',
  '-p': 'pod',
  '--pod': 'pod',
};

function readOptions(argv: readonly string[]): Options | string {
  const texts = { output: '', name: '', namespace: '', pod: '' };
  const words: string[] = [];
  let [quiet, all, noTrunc] = [false, false, false];
  let rest: readonly string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    const [option, attached] =
      word.startsWith('--') && word.includes('=') ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word, undefined];
    const key = valued[option];
    if (key !== undefined) {
      const value = attached ?? argv[i + 1];
      if (value === undefined) return `flag needs an argument: ${option}`;
      if (attached === undefined) i += 1;
      texts[key] = value;
    } else if (option === '-q' || option === '--quiet') quiet = true;
    else if (option === '-a' || option === '--all') all = true;
    else if (option === '--no-trunc') noTrunc = true;
    else if (/^-[itv]+$/.test(option)) continue;
    else if (option.startsWith('-')) return `flag provided but not defined: ${option.replace(/^--/, '-')}`;
    else {
      words.push(word);
      if (words.length === 1) rest = argv.slice(i + 1);
    }
  }
  return { words, quiet, all, noTrunc, rest, ...texts };
}

const trunc = (options: Options, id: string): string => (options.noTrunc ? id : id.slice(0, SHORT_ID));
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function pods(invocation: Invocation, options: Options): Outcome {
  const chosen = sandboxesOf(invocation).filter(
    ({ pod, namespace, id }) =>
      (options.name === '' || pod.metadata.name.includes(options.name)) &&
      (options.namespace === '' || namespace === options.namespace) &&
      (options.words.length === 0 || options.words.some((word) => id.startsWith(word))),
  );
  if (options.quiet) for (const { id } of chosen) invocation.out(`${id}\n`);
  else if (options.output === 'json') invocation.out(json({ items: chosen.map((one) => sandboxItem(one)) }));
  else {
    const rows = chosen.map((one) => [
      trunc(options, one.id),
      ago(invocation, one.pod.metadata.creationTimestamp),
      'Ready',
      one.pod.metadata.name,
      one.namespace,
      '0',
      '(default)',
    ]);
    invocation.out(formatTable([['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'], ...rows], 0, 3));
  }
  return 0;
}

function ps(invocation: Invocation, options: Options): Outcome {
  const chosen = sandboxesOf(invocation)
    .flatMap(containersOf)
    .filter(
      (one) =>
        (options.all || stateOf(one) === 'Running') &&
        (options.name === '' || one.name.includes(options.name)) &&
        (options.pod === '' || one.sandbox.id.startsWith(options.pod)) &&
        (options.namespace === '' || one.sandbox.namespace === options.namespace),
    );
  if (options.quiet) for (const { id } of chosen) invocation.out(`${id}\n`);
  else if (options.output === 'json') invocation.out(json({ containers: chosen.map((one) => containerItem(one)) }));
  else {
    const rows = chosen.map((one) => [
      trunc(options, one.id),
      text(at(one.spec, 'image')),
      ago(invocation, text(at(one.status, 'state', 'running', 'startedAt')) || one.sandbox.pod.metadata.creationTimestamp),
      stateOf(one),
      one.name,
      String(number(at(one.status, 'restartCount'))),
      trunc(options, one.sandbox.id),
      one.sandbox.pod.metadata.name,
      one.sandbox.namespace,
    ]);
    invocation.out(formatTable([['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'], ...rows], 0, 3));
  }
  return 0;
}

const podLabels = ({ pod, namespace }: Sandbox): Record<string, string> =>
  Object.fromEntries(
    [
      ...pairs(pod.metadata.labels),
      ['io.kubernetes.pod.name', pod.metadata.name] as const,
      ['io.kubernetes.pod.namespace', namespace] as const,
      ['io.kubernetes.pod.uid', pod.metadata.uid ?? ''] as const,
    ].sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const metadataOf = ({ pod, namespace }: Sandbox): unknown => ({ attempt: 0, name: pod.metadata.name, namespace, uid: pod.metadata.uid ?? '' });

function sandboxItem(sandbox: Sandbox): unknown {
  const created = parseRfc3339(sandbox.pod.metadata.creationTimestamp ?? '') ?? 0;
  return {
    id: sandbox.id,
    metadata: metadataOf(sandbox),
    state: 'SANDBOX_READY',
    createdAt: `${created}000000`,
    labels: podLabels(sandbox),
    annotations: Object.fromEntries(pairs(sandbox.pod.metadata.annotations)),
    runtimeHandler: '',
  };
}

function containerItem(one: Container): unknown {
  const created = parseRfc3339(one.sandbox.pod.metadata.creationTimestamp ?? '') ?? 0;
  return {
    id: one.id,
    podSandboxId: one.sandbox.id,
    metadata: { name: one.name, attempt: number(at(one.status, 'restartCount')) },
    image: { image: text(at(one.spec, 'image')) },
    imageRef: text(at(one.spec, 'image')),
    state: `CONTAINER_${stateOf(one).toUpperCase()}`,
    createdAt: `${created}000000`,
    labels: { 'io.kubernetes.container.name': one.name, ...podLabels(one.sandbox) },
    annotations: {},
  };
}

/** What the CNI plugin answered to ADD, as containerd keeps it: read back from the netns itself. */
function cniResult({ host, place }: Invocation, sandbox: Sandbox): unknown {
  const interfaces: Record<string, unknown> = {};
  const path = `/var/run/netns/${cniNetnsName(sandbox.netns)}`;
  const routes = routesOf(host, sandbox.netns, 254);
  const gateway = routes.find((route) => route.gateway !== undefined)?.gateway;
  for (const device of devicesOf(host, sandbox.netns)) {
    interfaces[device.name] = {
      IPConfigs: device.addresses.map((address) =>
        device.type === 'loopback' || gateway === undefined ? { IP: address.ip, Gateway: '' } : { IP: address.ip, Gateway: gateway },
      ),
      Mac: device.mac,
      Sandbox: path,
    };
    const peer = device.type === 'veth' ? deviceById(host, device.peer) : undefined;
    if (peer === undefined || peer.netns === sandbox.netns) continue;
    interfaces[peer.name] = { IPConfigs: null, Mac: peer.mac, Sandbox: '' };
    const bridge = peer.master === undefined ? undefined : deviceById(host, peer.master);
    if (bridge?.netns === `${place.hostId}/netns/root`) interfaces[bridge.name] = { IPConfigs: null, Mac: bridge.mac, Sandbox: '' };
  }
  return {
    Interfaces: Object.fromEntries(Object.entries(interfaces).sort(([a], [b]) => (a < b ? -1 : 1))),
    DNS: [{}, {}],
    Routes: routes.filter((route) => route.gateway !== undefined).map((route) => ({ dst: route.destination, gw: route.gateway })),
  };
}

const namespaceOptions = (sandbox: Sandbox): unknown => ({
  ipc: at(sandbox.pod, 'spec', 'hostIPC') === true ? 'NODE' : 'POD',
  network: sandbox.netns.endsWith('/netns/root') ? 'NODE' : 'POD',
  pid: at(sandbox.pod, 'spec', 'hostPID') === true ? 'NODE' : at(sandbox.pod, 'spec', 'shareProcessNamespace') === true ? 'POD' : 'CONTAINER',
  targetId: '',
  usernsOptions: null,
});

function inspectPod(invocation: Invocation, sandbox: Sandbox): unknown {
  const hostNetwork = sandbox.netns.endsWith('/netns/root');
  const key = `Pod/${sandbox.namespace}/${sandbox.pod.metadata.name}`;
  const pid = processesOf(invocation.host, invocation.place.hostId).find((process) => process.pod === key && process.container === undefined)?.pid ?? 0;
  const ip = text(at(sandbox.pod, 'status', 'podIP'));
  const path = `/var/run/netns/${cniNetnsName(sandbox.netns)}`;
  return {
    info: {
      ...(hostNetwork ? {} : { cniResult: cniResult(invocation, sandbox) }),
      config: {
        hostname: sandbox.pod.metadata.name,
        labels: podLabels(sandbox),
        metadata: { name: sandbox.pod.metadata.name, namespace: sandbox.namespace, uid: sandbox.pod.metadata.uid ?? '' },
      },
      image: 'registry.k8s.io/pause:3.10',
      netNsClosed: false,
      pid,
      processStatus: 'running',
      runtimeSpec: {
        linux: {
          namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, ...(hostNetwork ? [] : [{ path, type: 'network' }])],
        },
      },
      runtimeType: 'io.containerd.runc.v2',
    },
    status: {
      annotations: Object.fromEntries(pairs(sandbox.pod.metadata.annotations)),
      createdAt: `${(sandbox.pod.metadata.creationTimestamp ?? '').replace(/Z$/, '')}.000000000Z`,
      id: sandbox.id,
      labels: podLabels(sandbox),
      linux: { namespaces: { options: namespaceOptions(sandbox) } },
      metadata: metadataOf(sandbox),
      network: {
        additionalIps: list(at(sandbox.pod, 'status', 'podIPs'))
          .slice(1)
          .map((one) => ({ ip: text(at(one, 'ip')) })),
        ip: hostNetwork ? '' : ip,
      },
      runtimeHandler: '',
      state: 'SANDBOX_READY',
    },
  };
}

function inspectContainer(invocation: Invocation, one: Container): unknown {
  const key = `Pod/${one.sandbox.namespace}/${one.sandbox.pod.metadata.name}`;
  const pid = processesOf(invocation.host, invocation.place.hostId).find((process) => process.pod === key && process.container === one.name)?.pid ?? 0;
  const started = text(at(one.status, 'state', 'running', 'startedAt')) || (one.sandbox.pod.metadata.creationTimestamp ?? '');
  return {
    info: { pid, runtimeType: 'io.containerd.runc.v2', sandboxID: one.sandbox.id },
    status: {
      exitCode: number(at(one.status, 'state', 'terminated', 'exitCode')),
      id: one.id,
      image: { image: text(at(one.spec, 'image')) },
      imageRef: text(at(one.spec, 'image')),
      labels: { 'io.kubernetes.container.name': one.name, ...podLabels(one.sandbox) },
      metadata: { attempt: number(at(one.status, 'restartCount')), name: one.name },
      startedAt: started,
      state: `CONTAINER_${stateOf(one).toUpperCase()}`,
    },
  };
}

/** The one whose id begins so; crictl's words when there is none. */
function pick<T extends { readonly id: string }>(invocation: Invocation, all: readonly T[], prefix: string, what: string): T | undefined {
  const found = all.find((one) => one.id.startsWith(prefix));
  if (found === undefined)
    invocation.err(
      `FATA[0000] getting the status of the ${what} ${JSON.stringify(prefix)}: rpc error: code = NotFound desc = an error occurred when try to find ${what === 'pod' ? 'sandbox' : 'container'} ${JSON.stringify(prefix)}: not found \n`,
    );
  return found;
}

function images(invocation: Invocation, options: Options): Outcome {
  const seen = new Map<string, string>();
  for (const one of sandboxesOf(invocation).flatMap(containersOf)) seen.set(text(at(one.spec, 'image')), containerId(text(at(one.spec, 'image'))));
  seen.set('registry.k8s.io/pause:3.10', containerId('pause'));
  const rows = [...seen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([image, id]) => {
      const tag = /:([\w.-]+)$/.exec(image)?.[1] ?? 'latest';
      return [image.replace(/:[\w.-]+$/, ''), tag, options.noTrunc ? id : id.slice(0, SHORT_ID)];
    });
  if (options.quiet) for (const row of rows) invocation.out(`${row[2]}\n`);
  else invocation.out(formatTable([['IMAGE', 'TAG', 'IMAGE ID'], ...rows], 0, 3));
  return 0;
}

export const crictl = defineCommand({
  name: 'crictl',
  summary: 'containers of this node: crictl ps, pods, inspectp, inspect, logs, exec, images',
  group: 'kubernetes',
  run: (invocation) => {
    const { out, err, argv } = invocation;
    if (invocation.host.api.view.find(`Node/${invocation.place.hostId}`) === undefined || invocation.place.pod !== undefined) {
      err(
        'FATA[0000] validate service connection: validate CRI v1 runtime API for endpoint "unix:///run/containerd/containerd.sock": no such file or directory \n',
      );
      return 1;
    }
    const options = readOptions(argv.slice(1));
    if (typeof options === 'string') {
      err(`Incorrect Usage: ${options}\n`);
      return 1;
    }
    const [id] = options.words;
    switch (argv[0] ?? '') {
      case 'pods':
        return pods(invocation, options);
      case 'ps':
        return ps(invocation, options);
      case 'images':
      case 'img':
        return images(invocation, options);
      case 'inspectp':
      case 'inspect': {
        if (id === undefined) {
          err('FATA[0000] ID cannot be empty \n');
          return 1;
        }
        const sandboxes = sandboxesOf(invocation);
        if (argv[0] === 'inspectp') {
          const sandbox = pick(invocation, sandboxes, id, 'pod');
          if (sandbox === undefined) return 1;
          out(json(inspectPod(invocation, sandbox)));
          return 0;
        }
        const container = pick(invocation, sandboxes.flatMap(containersOf), id, 'container');
        if (container === undefined) return 1;
        out(json(inspectContainer(invocation, container)));
        return 0;
      }
      case 'logs':
      case 'exec': {
        const container = pick(invocation, sandboxesOf(invocation).flatMap(containersOf), id ?? '', 'container');
        if (container === undefined) return 1;
        const pod = ['-n', container.sandbox.namespace, container.sandbox.pod.metadata.name, '-c', container.name];
        if (argv[0] === 'logs') return { kind: 'call', argv: ['kubectl', 'logs', ...pod] };
        return { kind: 'call', argv: ['kubectl', 'exec', ...(argv.some((word) => /^-[it]*t/.test(word)) ? ['-it'] : []), ...pod, '--', ...options.rest] };
      }
      case 'version':
        out('Version:  0.1.0\nRuntimeName:  containerd\nRuntimeVersion:  v2.1.4\nRuntimeApiVersion:  v1\n');
        return 0;
      default:
        err(`No help topic for '${argv[0] ?? ''}'\n`);
        return 3;
    }
  },
});
