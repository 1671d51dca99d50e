/** A pod on its node: the sandbox's netns with its wire and files, and the programs of its containers. */

import type { Origin } from '../../base/origin.ts';
import type { ContainerConfig } from '../../net/app/container.ts';
import type { ProberConfig } from '../../net/app/prober.ts';
import type { ServerTlsConfig } from '../../net/app/tls/config.ts';
import type { Netns, NetRecord, Process, VethDevice } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isCniConfig, isCniDaemon } from '../cni/cni-agent.ts';
import type { NodeCni } from '../cni/index.ts';
import { cniOf, plugOf } from '../cni/index.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { clusterDns, findNode, NETWORK_KINDS, underlayOf } from '../node/cluster-network.ts';
import { loopback } from '../node/devices.ts';
import { isDown, withDeviceDown } from '../node/down-devices.ts';
import { nodeResolvConf } from '../node/host-agent.ts';
import { impairmentOf, impairmentProblems, withQdisc } from '../node/impaired-wires.ts';
import { ip6Sysctls } from '../node/ip6.ts';
import { perState } from '../node/per-state.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { podNetnsId, processId, rootNetnsId } from '../node/record-ids.ts';
import { isStopped } from '../node/stopped-agents.ts';
import type { Node } from '../node/types.ts';
import { argvOf, isScripted } from './container-exit.ts';
import { allContainers, statusOfContainer } from './containers.ts';
import type { ContainerProgram } from './images.ts';
import { behaviourOf } from './images.ts';
import { loadProcesses } from './load.ts';
import { nginxProgram } from './nginx-files.ts';
import type { DnsSettings } from './pod-files.ts';
import { hostnameOf, podHosts, podResolvConf } from './pod-files.ts';
import { type ContainerHealth, reportLabel } from './pod-runtime.ts';
import { healthOf } from './probe-results.ts';
import { type HookKind, hookConfig, type ProbeKind, probeNotes, proberConfig, sentProbes } from './probes.ts';
import { hasSandbox, isContainerRunning } from './running.ts';
import { findDataOf } from './sources.ts';
import { withSysctls } from './sysctls.ts';
import type { Container, Pod } from './types.ts';
import { isFinished, namespaceOf } from './types.ts';
import { volumeFiles } from './volume-files.ts';

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
  readonly object: Node | undefined;
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
    found = { node, object: view.find<Node>(node.key), cni: cniOf(node, view), dns, resolvConfs: new Map() };
    known.set(node.name, found);
  }
  return found;
}

/** What differs from the node's own files in a pod that lives in the node's network. */
export function hostNetworkFiles(pod: Pod, view: StoreView): Readonly<Record<string, string>> | undefined {
  const node = pod.spec.hostNetwork === true ? findNode(pod.spec.nodeName ?? '', view) : undefined;
  return node === undefined ? undefined : { '/etc/resolv.conf': resolvConfOf(pod, surroundingsOf(node, view)) };
}

function resolvConfOf(pod: Pod, { dns, resolvConfs }: Surroundings): string {
  if (pod.spec.hostNetwork === true || pod.spec.dnsConfig !== undefined || (pod.spec.dnsPolicy ?? 'ClusterFirst') !== 'ClusterFirst')
    return podResolvConf(pod, dns);
  const namespace = namespaceOf(pod);
  let text = resolvConfs.get(namespace);
  if (text === undefined) {
    text = podResolvConf(pod, dns);
    resolvConfs.set(namespace, text);
  }
  return text;
}

const SANDBOX_SYSCTLS6: Netns['sysctls'] = Object.fromEntries(Object.entries(SANDBOX_SYSCTLS).filter(([name]) => !name.endsWith('disable_ipv6')));

const podIpsOf = (pod: Pod): readonly string[] => pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''];

/** A pod's wire is made once: it stays when the CNI has gone, and when another one has come. */
function wiresOf(made: readonly NetRecord[], before: readonly NetRecord[], ips: readonly string[], isGone: boolean): readonly NetRecord[] {
  if (before.length === 0) return made;
  const eth0 = (records: readonly NetRecord[]) => records.find((record): record is VethDevice => record.kind === 'device' && record.type === 'veth');
  const [old, next] = [eth0(before), eth0(made)];
  const isSame = next === undefined || old?.origin.component === next.origin.component;
  if (old === undefined || (isSame && !isGone) || !old.addresses.some(({ ip }) => ips.includes(ip))) return made;
  // What the kubelet has not made itself.
  return before.filter((record) => record.kind !== 'process' && record.origin.component !== 'kubelet');
}

function renderSandbox(pod: Pod, around: Surroundings, before: readonly NetRecord[]): NetRecord[] {
  const { node, dns, cni } = around;
  const netns = podNetnsId(node.name, pod.metadata.name, namespaceOf(pod));
  const origin: Origin = { component: 'kubelet', objects: [objectKey(pod), node.key] };
  const hostname = hostnameOf(pod);
  const ips = podIpsOf(pod);
  const ip6 = ips.find((ip) => ip.includes(':'));
  const plug = plugOf(cni, ips[0] ?? '');
  const records: NetRecord[] = [
    {
      kind: 'netns',
      id: netns,
      origin,
      hostId: node.name,
      name: `${pod.metadata.name}.${namespaceOf(pod)}`,
      hostname,
      sysctls: withSysctls(ip6 === undefined ? SANDBOX_SYSCTLS : SANDBOX_SYSCTLS6, pod),
      files: { '/etc/hosts': podHosts(pod, ips, dns.domain), '/etc/resolv.conf': resolvConfOf(pod, around), '/etc/hostname': `${hostname}\n` },
    },
    loopback(netns, origin),
    ...wiresOf(
      plug.cni.attach(plug.site, { pod, netns, ip: ips.find((one) => !one.includes(':')) ?? '', ip6 }),
      before,
      ips,
      !cni.running && cni.cni.role !== undefined,
    ),
  ];
  return marred(records, pod, netns, around.object);
}

/** Its wire as the texts of the pod and of its node have it: cut, slow, lossy. */
function marred(records: NetRecord[], pod: Pod, netns: string, node: Node | undefined): NetRecord[] {
  const wire = `${namespaceOf(pod)}/${pod.metadata.name}`;
  if (isDown(pod, 'eth0') || isDown(node, wire)) return withDeviceDown(records, netns, 'eth0');
  const qdisc = impairmentOf(pod, 'eth0') ?? impairmentOf(node, wire);
  return qdisc === undefined ? records : withQdisc(records, netns, 'eth0', qdisc);
}

/** `spec.containers[0]` */
const pathOf = ({ spec }: Pod, container: Container): string => {
  const index = spec.containers.indexOf(container);
  return index >= 0 ? `spec.containers[${index}]` : `spec.initContainers[${spec.initContainers?.indexOf(container) ?? 0}]`;
};

/** Programs of running containers. CoreDNS' are written by its own agent, since they need the cluster's names. */
function renderPrograms(pod: Pod, netns: string, view: StoreView, findings: Finding[]): Process[] {
  const key = objectKey(pod);
  const origin: Origin = { component: 'kubelet', objects: [key] };
  const processes: Process[] = [];
  const note = (container: Container, field: string, message: string) =>
    findings.push({ key, path: `${pathOf(pod, container)}.${field}`, diagnostic: { severity: 'info', code: 'simulated-image', message } });
  for (const container of allContainers(pod)) {
    if (!isContainerRunning(pod, container.name)) continue;
    const whole = processNameOf(pod, container.name);
    const process = (app: string, name: string, config: unknown) =>
      processes.push({ kind: 'process', id: processId(netns, name), origin, netns, app, name, config });
    if (isScripted(container)) {
      const health = healthOf(pod, view, container.name);
      if (health?.notRun !== undefined) note(container, container.command === undefined ? 'args' : 'command', health.notRun);
      if (health?.exit === undefined) process('container', whole, containerConfig(pod, container, health));
      continue;
    }
    const behaviour = behaviourOf(container, hostnameOf(pod));
    for (const program of behaviour.programs) {
      const byFiles = nginxProgram(pod, container, program, view);
      if (byFiles !== undefined) {
        process(byFiles.app, whole, byFiles.config);
        continue;
      }
      const config = program.certificate === undefined ? program.config : withCertificate(pod, container, program, view);
      if (config === undefined)
        note(container, 'image', `${program.certificate?.chain} or ${program.certificate?.key} holds no certificate and key: nobody listens there`);
      else process(program.app, `${whole}${program.suffix === '' || behaviour.programs.length === 1 ? '' : `-${program.suffix}`}`, config);
    }
    if (behaviour.note !== undefined) note(container, 'image', behaviour.note);
  }
  const [first] = pod.spec.containers;
  if (pod.metadata.annotations !== undefined && first !== undefined && isContainerRunning(pod, first.name)) {
    const run = statusOfContainer(pod, first.name)?.restartCount ?? 0;
    processes.push(...loadProcesses(pod.metadata.annotations, netns, origin, processNameOf(pod, 'kubehop-load'), run));
  }
  return processes;
}

/** Where a server's certificate and key are files of mounted Secrets and ConfigMaps. */
function withCertificate(pod: Pod, container: Container, program: ContainerProgram, view: StoreView): object | undefined {
  const read = (path: string): { readonly text: string; readonly source: string } | undefined => {
    for (const mount of container.volumeMounts ?? []) {
      const root = mount.mountPath.replace(/\/$/, '');
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
      if (volume === undefined || !path.startsWith(`${root}/`)) continue;
      const text = volumeFiles(pod, volume, findDataOf(pod, view, 'shown'))?.get(path.slice(root.length + 1));
      const secret = (volume.secret as { readonly secretName?: string } | undefined)?.secretName;
      if (text !== undefined) return { text, source: secret === undefined ? path : `Secret/${namespaceOf(pod)}/${secret}` };
    }
    return undefined;
  };
  const [chain, key] = [read(program.certificate?.chain ?? ''), read(program.certificate?.key ?? '')];
  if (chain === undefined || key === undefined || !chain.text.includes('BEGIN CERTIFICATE') || !key.text.includes('PRIVATE KEY')) return undefined;
  const clients = program.certificate?.clients;
  const ca = clients === undefined ? undefined : read(clients)?.text;
  if (clients !== undefined && ca === undefined) return undefined;
  const tls: ServerTlsConfig = {
    identities: [{ chain: chain.text, key: key.text, source: chain.source }],
    names: [
      {
        name: '',
        identity: 0,
        why: `${program.certificate?.chain} of container ${container.name} is its only certificate`,
        ...(ca === undefined ? {} : { clients: { mode: 'require', ca } }),
      },
    ],
    alpn: ['http/1.1'],
    // Go: crypto/tls sends one.
    tickets: 1,
  };
  return { ...program.config, tls };
}

function containerConfig(pod: Pod, container: Container, health: ContainerHealth | undefined): ContainerConfig {
  return {
    argv: argvOf(container),
    container: container.name,
    run: statusOfContainer(pod, container.name)?.restartCount ?? 0,
    ...(container.workingDir === undefined ? {} : { workingDir: container.workingDir }),
    ...(health?.stopping?.signalledAt === undefined ? {} : { signal: 'SIGTERM' }),
  };
}

/** The kubelet's probes and hooks leave from the node's own netns. */
function renderProbers(pod: Pod, nodeName: string, view: StoreView): Process[] {
  const key = objectKey(pod);
  const processes: Process[] = [];
  const ip = pod.status?.podIP ?? '';
  if (ip === '') return processes;
  const node = view.find<Node>(`Node/${nodeName}`);
  if (node !== undefined && isStopped(node, 'kubelet')) return processes;
  const netns = rootNetnsId(nodeName);
  for (const container of allContainers(pod)) {
    const status = statusOfContainer(pod, container.name);
    const kinds = sentProbes(container);
    if (status?.state?.running === undefined || (kinds.length === 0 && container.lifecycle === undefined)) continue;
    const health = healthOf(pod, view, container.name);
    if (health?.exit !== undefined) continue;
    const run = status.restartCount ?? 0;
    const add = (kind: ProbeKind | HookKind, config: ProberConfig | undefined) => {
      if (config === undefined) return;
      const id = processId(netns, `kubelet.${namespaceOf(pod)}.${pod.metadata.name}.${container.name}.${kind}.${run}`);
      processes.push({ kind: 'process', id, origin: { component: 'kubelet', objects: [key] }, netns, app: 'prober', name: 'kubelet', config });
    };
    const hook = (kind: HookKind) => add(kind, hookConfig(container, kind, ip, reportLabel(container.name, kind, run)));
    if (health?.postStart === undefined) hook('postStart');
    if (health?.stopping !== undefined && health.stopping.signalledAt === undefined && health.preStop === undefined) hook('preStop');
    if (health?.notRun !== undefined || (container.lifecycle?.postStart !== undefined && health?.postStart === undefined)) continue;
    const starting = status.started !== true;
    for (const kind of kinds) {
      // Until the startup probe has succeeded there is no other; a container that is being stopped is not judged any more.
      if (starting !== (kind === 'startup') || (health?.stopping !== undefined && kind !== 'readiness')) continue;
      add(kind, proberConfig(container, kind, ip, reportLabel(container.name, kind, run)));
    }
  }
  return processes;
}

function noteProbes(pod: Pod, findings: Finding[]): void {
  for (const container of allContainers(pod)) {
    for (const { field, message } of probeNotes(container)) {
      findings.push({ key: objectKey(pod), path: `${pathOf(pod, container)}.${field}`, diagnostic: { severity: 'info', code: 'not-simulated', message } });
    }
  }
}

function render(key: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || netns === undefined || isFinished(pod)) return { records: [] };
  const node = findNode(pod.spec.nodeName ?? '', view);
  if (node === undefined) return { records: [] };
  const diagnostics: Finding[] = [];
  if (hasSandbox(pod)) {
    const records = [
      ...renderSandbox(pod, surroundingsOf(node, view), before),
      ...renderPrograms(pod, netns, view, diagnostics),
      ...renderProbers(pod, node.name, view),
    ];
    noteProbes(pod, diagnostics);
    diagnostics.push(...impairmentProblems(pod, (wire) => wire === 'eth0'));
    return { records, diagnostics };
  }
  if (pod.spec.hostNetwork !== true) return { records: [] };
  noteProbes(pod, diagnostics);
  return { records: [...renderPrograms(pod, netns, view, diagnostics), ...renderProbers(pod, node.name, view)], diagnostics };
}

const allKeys = (view: StoreView) => view.list<Pod>('Pod').map(objectKey);

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'Pod') {
    const pod = changed as Pod;
    const key = objectKey(pod);
    return isCniDaemon(pod) && pod.spec.nodeName !== undefined ? [key, ...podsOn(view, pod.spec.nodeName).map(objectKey)] : [key];
  }
  // Only what the kubelet has read of it changes anything.
  if (changed.kind === 'PodRuntime') return [`Pod/${namespaceOf(changed)}/${changed.metadata.name}`];
  if (changed.kind === 'Node') return podsOn(view, changed.metadata.name).map(objectKey);
  return changed.kind !== 'ConfigMap' || isCniConfig(changed) ? allKeys(view) : [];
}

/** Keys are pods' keys. */
export const sandboxAgent: Agent<NetRecord> = {
  name: 'sandbox',
  // Calico's tunnels make the wires of pods narrower.
  watches: ['Pod', 'PodRuntime', 'ConfigMap', 'IPPool', 'FelixConfiguration', ...NETWORK_KINDS],
  keysFor,
  keys: allKeys,
  render,
};
