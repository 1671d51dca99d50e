/** Where commands run: hosts and containers as places, and the environment a fresh shell finds there. */
import { findContainer, statusOfContainer } from '../../kube/pod/containers.ts';
import { containerEnvironment } from '../../kube/pod/environment.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { Netns } from '../../net/records.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { hostAt } from '../clusters.ts';
import { getProfile, profileOfImage } from '../images.ts';
import { at, text } from '../json.ts';
import type { Place, Scope } from '../state.ts';
import type { Flavour } from '../syntax/errors.ts';

export function findNetns(host: ShellHost, id: string): Netns | undefined {
  const record = host.engine.records.find(id);
  return record?.kind === 'netns' ? record : undefined;
}

export function hostPlace(host: ShellHost, hostId: string): Place | undefined {
  const netns = `${hostId}/netns/root`;
  const record = findNetns(host, netns);
  return record === undefined ? undefined : { hostId, netns, hostname: record.hostname, profile: 'host' };
}

/** The container's place, or undefined while the pod has no netns (not scheduled, not running). */
export function podPlace(host: ShellHost, pod: KubeObject, container: string): Place | undefined {
  const node = text(at(pod, 'spec', 'nodeName'));
  const namespace = pod.metadata.namespace ?? 'default';
  const hostNetwork = at(pod, 'spec', 'hostNetwork') === true;
  const netns = hostNetwork ? `${node}/netns/root` : `${node}/netns/${pod.metadata.name}.${namespace}`;
  const record = findNetns(host, netns);
  const spec = findContainer(pod as Pod, container);
  if (record === undefined || spec === undefined) return undefined;
  const image = text(at(spec, 'image'));
  return {
    hostId: node,
    netns,
    hostname: hostNetwork ? node : pod.metadata.name,
    pod: {
      namespace,
      name: pod.metadata.name,
      container,
      image,
      layer: `${pod.metadata.uid ?? netns}/${container}/${statusOfContainer(pod as Pod, container)?.restartCount ?? 0}`,
    },
    profile: profileOfImage(image).name,
  };
}

export function shellFlavour(place: Place, program: string): Flavour {
  return getProfile(place.profile).shells[program] ?? 'dash';
}

/** The scope of a fresh shell (or of a bare program) at a place. */
export function scopeFor(host: ShellHost, place: Place, program: string, pid: number, interactive = false): Scope {
  const profile = getProfile(place.profile);
  const variables = environmentOf(host, place);
  return {
    cwd: profile.workingDirectory,
    variables: new Map(variables),
    exported: new Map(variables.map(([name]) => [name, true])),
    constants: new Map(),
    arrays: new Map(),
    functions: new Map(),
    aliases: new Map(interactive && place.pod === undefined ? [['k', 'kubectl']] : []),
    options: new Map(),
    traps: new Map(),
    positional: [program],
    flavour: shellFlavour(place, program),
    pid: place.pod === undefined ? 1000 + pid : pid % 1000,
    interactive,
    optionAt: 0,
    io: undefined,
  };
}

/** Variables as the kubelet or a login gives them. Kubernetes: pkg/kubelet/envvars. */
export function environmentOf(host: ShellHost, place: Place): [string, string][] {
  const profile = getProfile(place.profile);
  const variables: [string, string][] = [['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']];
  if (place.pod === undefined) {
    variables.push(['HOME', '/root'], ['USER', 'root'], ['SHELL', '/bin/bash'], ['TERM', 'xterm-256color']);
    return variables;
  }
  variables.push(['HOSTNAME', place.hostname], ['HOME', profile.home], ['TERM', 'xterm']);
  const { view } = hostAt(host, place).api;
  const pod = view.find<Pod>(`Pod/${place.pod.namespace}/${place.pod.name}`);
  const container = pod === undefined ? undefined : findContainer(pod, place.pod?.container);
  if (pod !== undefined && container !== undefined) variables.push(...containerEnvironment(pod, container, view));
  return variables;
}

/** Under which key a place's own files are kept: its mount namespace. A host's programs keep theirs in whatever netns they run (ip netns exec, nsenter -n). */
export function fileKey(place: Place): string {
  return place.pod?.layer ?? `${place.hostId}/netns/root`;
}
