/** A pod on its node: the sandbox's netns with its wire and files, and the programs of its containers. */

import type { Origin } from '../../base/origin.ts';
import type { Netns, NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isCniConfig, isCniDaemon } from '../cni/cni-agent.ts';
import type { NodeCni } from '../cni/index.ts';
import { cniOf } from '../cni/index.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { clusterDns, findNode, NETWORK_KINDS, underlayOf } from '../node/cluster-network.ts';
import { loopback } from '../node/devices.ts';
import { nodeResolvConf } from '../node/host-agent.ts';
import { ip6Sysctls } from '../node/ip6.ts';
import { perState } from '../node/per-state.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { podNetnsId, processId, rootNetnsId } from '../node/record-ids.ts';
import { isStopped } from '../node/stopped-agents.ts';
import type { Node } from '../node/types.ts';
import { behaviourOf } from './images.ts';
import type { DnsSettings } from './pod-files.ts';
import { hostnameOf, podHosts, podResolvConf } from './pod-files.ts';
import { isProbed, probeLabel, probeNotes, proberConfig, sentProbes } from './probes.ts';
import { hasSandbox, isContainerRunning } from './running.ts';
import { hookNotes } from './termination.ts';
import type { Pod } from './types.ts';
import { isFinished, namespaceOf } from './types.ts';

type Finding = NonNullable<Rendering<NetRecord>['diagnostics']>[number];

/** The netns a pod's programs run in, or undefined while it is not placed. */
export function netnsOfPod(pod: Pod): string | undefined {
  const { nodeName, hostNetwork } = pod.spec;
  if (nodeName === undefined || nodeName === '') return undefined;
  return hostNetwork === true ? rootNetnsId(nodeName) : podNetnsId(nodeName, pod.metadata.name, namespaceOf(pod));
}

/** Name of a container's process: the container's, preceded by its pod's where all share the host's netns. */
export function processNameOf(pod: Pod, container: string): string {
  return pod.spec.hostNetwork === true ? `${pod.metadata.name}.${namespaceOf(pod)}.${container}` : container;
}

/** A new netns copies the host's IPv4 settings. Linux: net/ipv4/devinet.c, devinet_init_net. */
const SANDBOX_SYSCTLS: Netns['sysctls'] = {
  ...ip6Sysctls(false),
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.rp_filter': 2,
  'net.ipv4.conf.default.rp_filter': 2,
};

/** What the sandboxes of a node have in common. */
interface Surroundings {
  readonly node: ClusterNode;
  readonly cni: NodeCni;
  readonly dns: DnsSettings;
  /** By namespace: resolv.conf of pods that ask for nothing special. */
  readonly resolvConfs: Map<string, string>;
}
/** By node name, filled when asked for. */
const surroundings = perState(['Pod', 'ConfigMap', ...NETWORK_KINDS], () => new Map<string, Surroundings>());

function surroundingsOf(node: ClusterNode, view: StoreView): Surroundings {
  const known = surroundings(view);
  let found = known.get(node.name);
  if (found === undefined) {
    const dns = { ...clusterDns(view), nodeResolvConf: nodeResolvConf(underlayOf(view)) };
    found = { node, cni: cniOf(node, view), dns, resolvConfs: new Map() };
    known.set(node.name, found);
  }
  return found;
}

function resolvConfOf(pod: Pod, { dns, resolvConfs }: Surroundings): string {
  if (pod.spec.dnsConfig !== undefined || (pod.spec.dnsPolicy ?? 'ClusterFirst') !== 'ClusterFirst') return podResolvConf(pod, dns);
  const namespace = namespaceOf(pod);
  let text = resolvConfs.get(namespace);
  if (text === undefined) {
    text = podResolvConf(pod, dns);
    resolvConfs.set(namespace, text);
  }
  return text;
}

function renderSandbox(pod: Pod, ip: string, around: Surroundings): NetRecord[] {
  const { node, dns, cni } = around;
  const netns = podNetnsId(node.name, pod.metadata.name, namespaceOf(pod));
  const origin: Origin = { component: 'kubelet', objects: [objectKey(pod), node.key] };
  const hostname = hostnameOf(pod);
  return [
    {
      kind: 'netns',
      id: netns,
      origin,
      hostId: node.name,
      name: `${pod.metadata.name}.${namespaceOf(pod)}`,
      hostname,
      sysctls: SANDBOX_SYSCTLS,
      files: { '/etc/hosts': podHosts(pod, ip, dns.domain), '/etc/resolv.conf': resolvConfOf(pod, around), '/etc/hostname': `${hostname}\n` },
    },
    loopback(netns, origin),
    ...cni.cni.attach(cni.site, { pod, netns, ip }),
  ];
}

/** Programs of running containers. CoreDNS' are written by its own agent, since they need the cluster's names. */
function renderPrograms(pod: Pod, netns: string, findings: Finding[]): Process[] {
  const key = objectKey(pod);
  const origin: Origin = { component: 'kubelet', objects: [key] };
  const processes: Process[] = [];
  pod.spec.containers.forEach((container, index) => {
    if (!isContainerRunning(pod, container.name)) return;
    const behaviour = behaviourOf(container, hostnameOf(pod));
    for (const program of behaviour.programs) {
      const name = `${processNameOf(pod, container.name)}${program.suffix === '' || behaviour.programs.length === 1 ? '' : `-${program.suffix}`}`;
      processes.push({ kind: 'process', id: processId(netns, name), origin, netns, app: program.app, name, config: program.config });
    }
    if (behaviour.note !== undefined) {
      const path = `spec.containers[${index}].image`;
      findings.push({ key, path, diagnostic: { severity: 'info', code: 'simulated-image', message: behaviour.note } });
    }
  });
  return processes;
}

/** The kubelet's probes leave from the node's own netns. */
function renderProbers(pod: Pod, nodeName: string, view: StoreView): Process[] {
  const key = objectKey(pod);
  const processes: Process[] = [];
  const ip = pod.status?.podIP ?? '';
  if (ip === '' || !isProbed(pod)) return processes;
  const node = view.find<Node>(`Node/${nodeName}`);
  if (node !== undefined && isStopped(node, 'kubelet')) return processes;
  const netns = rootNetnsId(nodeName);
  for (const container of pod.spec.containers) {
    const status = pod.status?.containerStatuses?.find((one) => one.name === container.name);
    if (status?.state?.running === undefined) continue;
    const starting = status.started !== true;
    for (const kind of sentProbes(container)) {
      // Until the startup probe has succeeded there is no other.
      if (starting !== (kind === 'startup')) continue;
      const label = probeLabel(container.name, kind, status.restartCount ?? 0);
      const config = proberConfig(container, kind, ip, label);
      if (config === undefined) continue;
      const id = processId(netns, `kubelet.${namespaceOf(pod)}.${pod.metadata.name}.${label.replaceAll('/', '.')}`);
      processes.push({ kind: 'process', id, origin: { component: 'kubelet', objects: [key] }, netns, app: 'prober', name: 'kubelet', config });
    }
  }
  return processes;
}

function noteProbes(pod: Pod, findings: Finding[]): void {
  pod.spec.containers.forEach((container, index) => {
    for (const { field, message } of [...probeNotes(container), ...hookNotes(container)]) {
      findings.push({ key: objectKey(pod), path: `spec.containers[${index}].${field}`, diagnostic: { severity: 'info', code: 'not-simulated', message } });
    }
  });
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || netns === undefined || isFinished(pod)) return { records: [] };
  const node = findNode(pod.spec.nodeName ?? '', view);
  if (node === undefined) return { records: [] };
  const diagnostics: Finding[] = [];
  const ip = pod.status?.podIP ?? '';
  if (hasSandbox(pod)) {
    const records = [...renderSandbox(pod, ip, surroundingsOf(node, view)), ...renderPrograms(pod, netns, diagnostics), ...renderProbers(pod, node.name, view)];
    noteProbes(pod, diagnostics);
    return { records, diagnostics };
  }
  if (pod.spec.hostNetwork !== true) return { records: [] };
  if (pod.spec.dnsPolicy === 'ClusterFirstWithHostNet') {
    const message = "the pod shares its node's files here: programs resolve with the node's resolv.conf, not with the cluster's DNS";
    diagnostics.push({ key, path: 'spec.dnsPolicy', diagnostic: { severity: 'info', code: 'not-simulated', message } });
  }
  noteProbes(pod, diagnostics);
  return { records: [...renderPrograms(pod, netns, diagnostics), ...renderProbers(pod, node.name, view)], diagnostics };
}

const allKeys = (view: StoreView) => view.list<Pod>('Pod').map(objectKey);

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'Pod') {
    const pod = changed as Pod;
    const key = objectKey(pod);
    return isCniDaemon(pod) && pod.spec.nodeName !== undefined ? [key, ...podsOn(view, pod.spec.nodeName).map(objectKey)] : [key];
  }
  if (changed.kind === 'Node') return podsOn(view, changed.metadata.name).map(objectKey);
  return changed.kind !== 'ConfigMap' || isCniConfig(changed) ? allKeys(view) : [];
}

/** Keys are pods' keys. */
export const sandboxAgent: Agent<NetRecord> = {
  name: 'sandbox',
  watches: ['Pod', 'ConfigMap', ...NETWORK_KINDS],
  keysFor,
  keys: allKeys,
  render,
};
