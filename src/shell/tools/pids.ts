/** Process numbers of a host: every program, shim and pause process has one, made from its name so that it stays the same. */
import { sandboxId } from '../../kube/pod/identity.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { at, list, text } from '../json.ts';
import { podPlace } from '../machine/places.ts';

export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  readonly user: string;
  /** As `ps` shows it. */
  readonly command: string;
  /** The netns (id) it lives in. */
  readonly netns: string;
  /** `Pod/<namespace>/<name>` it belongs to, and its container; the pause process has no container. */
  readonly pod?: string;
  readonly container?: string;
}

/** Linux' default pid_max is larger; small numbers are the kernel's and systemd's. */
const FIRST = 1200;
const SPAN = 28_000;

function hash(text: string): number {
  let a = 0x811c9dc5;
  for (const c of text) a = Math.imul(a ^ c.charCodeAt(0), 0x01000193) >>> 0;
  return a;
}

/** A 64-digit id, as containerd gives sandboxes and containers. */
export function containerId(seed: string): string {
  let digits = '';
  for (let i = 0; i < 8; i += 1) digits += hash(`${i} ${seed} ${i}`).toString(16).padStart(8, '0');
  return digits;
}

/** What a container's process is called: the image's own name without its registry and tag. */
function commandOf(container: unknown): string {
  const args = list(at(container, 'args')).map(text);
  const command = list(at(container, 'command')).map(text);
  if (command.length > 0) return [...command, ...args].join(' ');
  // The image's entry point: its name is as good a guess as there is.
  const image = text(at(container, 'image'));
  return [image.slice(image.lastIndexOf('/') + 1).split(/[:@]/)[0] ?? image, ...args].join(' ');
}

/** All processes of a host, in order of pid. Container processes are those of pods that have a netns. */
export function processesOf(host: ShellHost, hostId: string): readonly HostProcess[] {
  const root = `${hostId}/netns/root`;
  const taken = new Set<number>();
  const pidOf = (name: string): number => {
    let pid = FIRST + (hash(name) % SPAN);
    while (taken.has(pid)) pid += 1;
    taken.add(pid);
    return pid;
  };
  const found: HostProcess[] = [{ pid: 1, parent: 0, user: 'root', command: '/sbin/init', netns: root }];
  const add = (name: string, parent: number, command: string, netns: string, more: { readonly pod?: string; readonly container?: string } = {}): number => {
    const pid = pidOf(name);
    found.push({ pid, parent, user: 'root', command, netns, ...more });
    return pid;
  };
  if (host.api.view.find(`Node/${hostId}`) !== undefined) {
    add('containerd', 1, '/usr/bin/containerd', root);
    add('kubelet', 1, '/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml', root);
  }
  for (const pod of host.api.view.list('Pod')) {
    if (text(at(pod, 'spec', 'nodeName')) !== hostId) continue;
    const containers = list(at(pod, 'spec', 'containers'));
    const place = podPlace(host, pod, text(at(containers[0], 'name')));
    if (place === undefined) continue;
    const key = `Pod/${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`;
    const uid = pod.metadata.uid ?? key;
    const shim = add(
      `shim ${uid}`,
      1,
      `/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id ${sandboxId(uid)} -address /run/containerd/containerd.sock`,
      root,
    );
    add(`pause ${uid}`, shim, '/pause', place.netns, { pod: key });
    for (const container of containers) {
      const name = text(at(container, 'name'));
      add(`${uid} ${name}`, shim, commandOf(container), place.netns, { pod: key, container: name });
    }
  }
  // Programs that are no container's: what a Host object serves, what a shell started.
  for (const record of host.engine.records.values()) {
    if (record.kind !== 'process' || record.netns !== root || record.app === 'sleep' || record.app === 'prober') continue;
    if (found.some((process) => process.netns === root && process.command.includes(record.name))) continue;
    add(record.id, 1, record.name, root);
  }
  return found.sort((a, b) => a.pid - b.pid);
}
