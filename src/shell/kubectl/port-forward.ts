/** kubectl port-forward: local ports of this host that lead to a pod. Kubernetes: kubectl/pkg/cmd/portforward/portforward.go */
import { sandboxId } from '../../kube/pod/identity.ts';
import { netnsOfPod } from '../../kube/pod/sandbox-agent.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { parseIp } from '../../net/addr/ip.ts';
import { LOOPBACK6 } from '../../net/addr/ip6.ts';
import type { PortForwardConfig } from '../../net/app/port-forward.ts';
import type { KubeObject } from '../../objects/types.ts';
import { at, list, number, text } from '../json.ts';
import { cniNetnsName } from '../tools/net-view.ts';
import { defineVerb, findKind, getObject, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { findPod } from './pods.ts';

const USAGE = "error: TYPE/NAME and list of ports are required for port-forward\nSee 'kubectl port-forward -h' for help and examples";
const LOOPBACK4 = parseIp('127.0.0.1') ?? 0;

/** The Service that a word names, if it names one. */
function serviceOf(kubectl: Kubectl, word: string): KubeObject | undefined {
  const slash = word.indexOf('/');
  if (slash < 0) return undefined;
  const kind = findKind(kubectl, word.slice(0, slash));
  return kind.kind === 'Service' ? getObject(kubectl, kind, word.slice(slash + 1)) : undefined;
}

const containerPort = (pod: KubeObject, name: string): number | undefined => {
  const ports = list(at(pod, 'spec', 'containers')).flatMap((container) => list(at(container, 'ports')));
  const found = ports.find((port) => text(at(port, 'name')) === name);
  return found === undefined ? undefined : number(at(found, 'containerPort'));
};

/** A port of a Service leads to its target port; names are looked up. */
function remotePort(word: string, pod: KubeObject, service: KubeObject | undefined): number {
  if (service !== undefined) {
    const ports = list(at(service, 'spec', 'ports'));
    const found = ports.find((port) => (/^\d+$/.test(word) ? number(at(port, 'port')) === Number(word) : text(at(port, 'name')) === word));
    if (found === undefined) throw new KubectlError(`error: Service ${service.metadata.name} does not have a service port ${word}`);
    const target = at(found, 'targetPort') ?? at(found, 'port');
    if (text(at(service, 'spec', 'clusterIP')) === 'None' && typeof target === 'number') return target;
    return typeof target === 'number' ? target : (containerPort(pod, text(target)) ?? number(at(found, 'port')));
  }
  if (/^\d+$/.test(word)) return Number(word);
  const named = containerPort(pod, word);
  if (named === undefined) throw new KubectlError(`error: Pod '${pod.metadata.name}' does not have a named port '${word}'`);
  return named;
}

/** `8080:80`, `80`, `:80` (any local port). */
function parsePorts(word: string, pod: KubeObject, service: KubeObject | undefined): { readonly local: number; readonly remote: number } {
  const parts = word.split(':');
  if (parts.length > 2) throw new KubectlError(`error: invalid port format '${word}'`);
  const remoteWord = parts.at(-1) ?? '';
  const localWord = parts.length === 2 ? (parts[0] ?? '') : remoteWord;
  const remote = remotePort(remoteWord, pod, service);
  const local = parts.length === 1 && !/^\d+$/.test(localWord) ? remote : localWord === '' ? 0 : Number(localWord);
  if (!Number.isInteger(local) || local > 65535)
    throw new KubectlError(`error: error parsing local port '${localWord}': strconv.ParseUint: parsing "${localWord}": invalid syntax`);
  if (remote < 1 || remote > 65535) throw new KubectlError('error: remote port must be > 0');
  return { local, remote };
}

export const portForward = defineVerb({
  name: 'port-forward',
  summary: 'local ports of this host that lead to a pod: port-forward svc/web 8080:80 &',
  completes: 'pods',
  flags: [
    { name: 'address', type: 'list' },
    { name: 'pod-running-timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const [target, ...ports] = flags.args;
    if (target === undefined || ports.length === 0) throw new KubectlError(USAGE);
    const service = serviceOf(kubectl, target);
    const pod = findPod(kubectl, target);
    const pairs = ports.map((word) => parsePorts(word, pod, service));
    const phase = text(at(pod, 'status', 'phase'));
    const netns = netnsOfPod(pod as Pod);
    if (phase !== 'Running' || netns === undefined)
      throw new KubectlError(`error: unable to forward port because pod is not running. Current status=${phase || 'Pending'}`);
    const words = flags.has('address') ? flags.all('address').flatMap((value) => value.split(',')) : ['localhost'];
    const addresses = words.flatMap((word): PortForwardConfig['addresses'] => {
      if (word === 'localhost')
        return [
          { ip: LOOPBACK4, title: '127.0.0.1' },
          { ip: LOOPBACK6, title: '[::1]' },
        ];
      const parsed = parseIp(word);
      if (parsed === undefined) throw new KubectlError(`error: ${word} is not a valid IP`);
      return [{ ip: parsed, title: typeof parsed === 'bigint' ? `[${word}]` : word }];
    });
    const uid = pod.metadata.uid ?? '';
    const config: PortForwardConfig = {
      addresses,
      netns,
      sandbox: sandboxId(uid),
      netnsFile: `/var/run/netns/${cniNetnsName(netns)}`,
      pid: 1000 + invocation.shell.state.nextId,
      epochMs: invocation.host.epochMs,
      ports: pairs,
    };
    return { kind: 'program', app: 'port-forward', name: 'kubectl', config, endless: true };
  },
});
