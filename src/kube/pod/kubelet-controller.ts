/**
 * The kubelet's object side: starts the pods bound to its node and reports their status. One key is one node, so that a thousand new pods are one
 * look. Starting and stopping take no virtual time. The network side (netns, veth) is rendered from the status by an agent.
 */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, ObjectKey, StoreView } from '../../objects/types.ts';
import { podAddresses } from '../cni/calico/pod-addresses.ts';
import { isDaemon } from '../cni/daemons.ts';
import { flannelFailure, flannelSubnetEnv } from '../cni/flannel.ts';
import { cnis } from '../cni/index.ts';
import { podPlug } from '../cni/plug.ts';
import { clusterDns, findNode, underlayOf } from '../node/cluster-network.ts';
import { nodeResolvConf } from '../node/host-agent.ts';
import { networkNotReadyMessage } from '../node/network-ready.ts';
import { groupByNode } from '../node/pods-by-node.ts';
import { isStopped } from '../node/stopped-agents.ts';
import { hostIps, isNodeReady, type Node, podCidrsOf } from '../node/types.ts';
import { isOver, nextChangeSeconds, RELIST_SECONDS, secondsBetween } from './back-off.ts';
import { busyPodsOn, isSettled } from './busy-pods.ts';
import { allStatuses, findContainer, statusOfContainer } from './containers.ts';
import type { HostLocalStore } from './host-local-store.ts';
import { sandboxId } from './identity.ts';
import { imageRole } from './images.ts';
import { HostLocalAllocator } from './ipam.ts';
import { dnsWarnings } from './pod-files.ts';
import type { PodRuntime } from './pod-runtime.ts';
import { graceOf, probeFindings, stopContainers, takeReports } from './probe-results.ts';
import { configErrors, missingVolumes } from './references.ts';
import { isContainerRunning } from './running.ts';
import { syncSources } from './sources.ts';
import { podStatus, type Situation } from './status.ts';
import { forbiddenSysctl, rejectionSeconds } from './sysctls.ts';
import { secondsToStop, stopPod } from './termination.ts';
import { type ContainerStatus, isActive, isFinished, isTerminating, namespaceOf, type Pod, type PodStatus } from './types.ts';

const component = 'kubelet';

export const kubelet = defineController({
  name: 'kubelet',
  watches: ['Pod', 'Node', 'ConfigMap', 'Secret', 'PodRuntime', 'CniConfig', 'HostLocalStore'],
  keysFor(changed, view) {
    if (changed.kind === 'Node') return [`Node/${changed.metadata.name}`];
    if (changed.kind === 'HostLocalStore') {
      // The last bridge has been deleted: pods that were refused for its address are tried again.
      const { bridges } = (changed as HostLocalStore).spec ?? {};
      return bridges !== undefined && Object.keys(bridges).length === 0 ? [`Node/${changed.metadata.name}`] : [];
    }
    if (changed.kind === 'PodRuntime') {
      const { spec } = changed as PodRuntime;
      const nodeName = spec.reports.length === 0 ? undefined : view.find<Pod>(`Pod/${namespaceOf(changed)}/${changed.metadata.name}`)?.spec.nodeName;
      return nodeName === undefined ? [] : [`Node/${nodeName}`];
    }
    if (changed.kind === 'Pod') {
      const { nodeName } = (changed as Pod).spec;
      return nodeName === undefined || nodeName === '' ? [] : [`Node/${nodeName}`];
    }
    return view.list('Node').map((node): ObjectKey => `Node/${node.metadata.name}`);
  },
  reconcile(key, context) {
    const node = context.view.find<Node>(key);
    const hostIp = node === undefined ? undefined : hostIps(node)[0];
    // Stopped, it starts nothing, ends nothing and says nothing.
    if (node === undefined || hostIp === undefined || isStopped(node, 'kubelet')) return;
    const pods = context.view.list<Pod>('Pod');
    const now = context.timestamp;
    const toStart: Pod[] = [];
    for (const pod of busyPodsOn(context.view, node.metadata.name)) {
      if (isTerminating(pod)) {
        takeReports(pod, context);
        stopPod(pod, context);
      }
      if (!isActive(pod) || rejects(pod, key, context)) continue;
      const heard = takeReports(pod, context);
      if (pod.status?.phase === 'Running') later(key, syncSources(pod, false, context), context);
      if (heard || !isSettled(pod) || nextChangeSeconds(pod, now) === 0) toStart.push(pod);
    }
    if (toStart.length > 0) look(toStart.sort(startOrder), groupByNode(pods).get(node.metadata.name) ?? [], node, hostIp, context);
    wakeForNextChange(key, node.metadata.name, context);
  },
});

/** A pod that is not let in. Kubernetes: pkg/kubelet/kubelet.go, rejectPod. */
function rejects(pod: Pod, key: ObjectKey, context: ControllerContext): boolean {
  const reason = (pod.status?.podIP ?? '') === '' ? forbiddenSysctl(pod) : undefined;
  if (reason === undefined) return false;
  const wait = rejectionSeconds(pod, context.view) - secondsBetween(pod.metadata.creationTimestamp, context.timestamp);
  if (wait > 0) {
    later(key, wait, context);
    return true;
  }
  const status = { ...pod.status, phase: 'Failed', reason: 'SysctlForbidden', message: `Pod was rejected: ${reason}`, startTime: context.timestamp };
  context.updateStatus({ ...pod, status });
  context.event(pod, 'Warning', 'SysctlForbidden', reason, component);
  return true;
}

function later(key: ObjectKey, seconds: number | undefined, context: ControllerContext): void {
  if (seconds !== undefined) context.requeueAfter(key, Math.max(seconds, RELIST_SECONDS) * 1e9);
}

/** Containers that will end or be started again by themselves are looked at when their time comes. */
function wakeForNextChange(key: ObjectKey, nodeName: string, context: ControllerContext): void {
  let next: number | undefined;
  for (const pod of busyPodsOn(context.view, nodeName)) {
    const { timestamp } = context;
    const stops = isFinished(pod) ? undefined : secondsToStop(pod, context.view, timestamp);
    const changes = isActive(pod) ? nextChangeSeconds(pod, timestamp) : undefined;
    for (const left of [stops, changes]) if (left !== undefined && (next === undefined || left < next)) next = left;
  }
  later(key, next, context);
}

function look(toStart: readonly Pod[], pods: readonly Pod[], node: Node, hostIp: string, context: ControllerContext): void {
  // Pods in the node's own network need no CNI; the CNI's daemon is one of them.
  for (const pod of toStart) if (pod.spec.hostNetwork === true) startHostNetworkPod(pod, node, hostIp, context);
  const others = toStart.filter((pod) => pod.spec.hostNetwork !== true);
  if (others.length > 0) startPods(others, pods, node, hostIp, context);
}

/** Critical pods first, then the older ones. */
function startOrder(a: Pod, b: Pod): number {
  const byPriority = (b.spec.priority ?? 0) - (a.spec.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  const created = (pod: Pod) => pod.metadata.creationTimestamp ?? '';
  if (created(a) !== created(b)) return created(a) < created(b) ? -1 : 1;
  return 0;
}

function startHostNetworkPod(pod: Pod, node: Node, hostIp: string, context: ControllerContext): void {
  const missing = missingVolumes(context.view, pod);
  const { view } = context;
  const situation: Situation = missing.length > 0 ? { stage: 'creating' } : started(pod, hostIps(node), crashesOf(pod, node, view), view);
  const warnings = missing.map((message) => ['FailedMount', message] as const);
  report(pod, hostIp, situation, context, warnings);
  if (situation.stage === 'started') keepNetwork(pod, node, context);
}

/** What a CNI's daemon puts on the disk when it comes up; it stays when the daemon ends. */
function keepNetwork(pod: Pod, node: Node, context: ControllerContext): void {
  const { view } = context;
  const cni = cnis.find((one) => one.role !== undefined && isDaemon(pod, one.role));
  const clusterNode = cni === undefined ? undefined : findNode(node.metadata.name, view);
  if (cni === undefined || clusterNode === undefined) return;
  const site = { node: clusterNode, daemon: pod, view };
  const subnetEnv = cni.name === 'flannel' ? flannelSubnetEnv(site) : undefined;
  const netConf = cni.isReady?.(node.metadata.name, view) === false ? undefined : cni.netConf?.(site, { running: true, started: true });
  const store = view.find<HostLocalStore>(`HostLocalStore/${node.metadata.name}`);
  const spec: HostLocalStore['spec'] = {
    ...store?.spec,
    ...(subnetEnv === undefined ? {} : { subnetEnv }),
    network: cni.name,
    ...(netConf === undefined ? {} : { netConfs: { ...store?.spec?.netConfs, [netConf.name]: netConf.text } }),
  };
  if (!deepEqual(spec, store?.spec)) remember(node, spec, store, context);
}

function started(pod: Pod, podIps: readonly string[], crashes: ReadonlyMap<string, string>, view: StoreView): Situation {
  return { stage: 'started', podIps, configErrors: configErrors(view, pod), crashes, ...probeFindings(pod, view) };
}

const noCrashes: ReadonlyMap<string, string> = new Map();

/** flanneld ends when it cannot read its configuration or gets no lease. */
function crashesOf(pod: Pod, node: Node, view: StoreView): ReadonlyMap<string, string> {
  const clusterNode = isDaemon(pod, 'flannel') ? findNode(node.metadata.name, view) : undefined;
  const failure = clusterNode === undefined ? undefined : flannelFailure(pod, clusterNode, view);
  if (failure === undefined) return noCrashes;
  return new Map(pod.spec.containers.filter((container) => imageRole(container.image ?? '') === 'flannel').map((container) => [container.name, failure]));
}

function startPods(starting: readonly Pod[], all: readonly Pod[], node: Node, hostIp: string, context: ControllerContext): void {
  const { view } = context;
  const nodeName = node.metadata.name;
  // The node must have told so: then what waited for it, more important pods among them, is placed before addresses are given out.
  const plug = isNodeReady(node) ? podPlug(nodeName, podCidrsOf(node), view) : undefined;
  const store = view.find<HostLocalStore>(`HostLocalStore/${nodeName}`);
  const forgotten = new Set(store?.spec?.forgotten);
  const held = [...heldAddresses(all)].filter((ip) => !forgotten.has(ip));
  const allocators = (plug?.failure === undefined ? (plug?.ranges ?? []) : []).map(
    (range, i) => new HostLocalAllocator(range, held, i === 0 ? store?.spec?.lastReservedIp : store?.spec?.lastReservedIp2),
  );
  const calico = plug === undefined || plug.own ? undefined : podAddresses(node, view, context.timestamp);
  for (const pod of starting) {
    const missing = missingVolumes(view, pod);
    if (missing.length > 0) {
      report(
        pod,
        hostIp,
        { stage: 'creating' },
        context,
        missing.map((message) => ['FailedMount', message] as const),
      );
      continue;
    }
    const given = pod.status?.podIP ?? '';
    if (given === '' && plug === undefined) {
      report(pod, hostIp, { stage: 'creating' }, context, [['NetworkNotReady', `network is not ready: ${networkNotReadyMessage}`]]);
      continue;
    }
    const podIps: readonly (string | undefined)[] =
      given === '' ? (calico?.assign(pod) ?? allocators.map((allocator) => allocator.allocate())) : (pod.status?.podIPs?.map((one) => one.ip) ?? [given]);
    const full = podIps.indexOf(undefined);
    if (podIps.length === 0 || full >= 0) {
      const message = calico === undefined || plug?.failure !== undefined ? (plug?.failure ?? plug?.noAddress(full) ?? '') : calico.refusal;
      report(pod, hostIp, { stage: 'creating' }, context, [['FailedCreatePodSandBox', sandboxFailure(pod, message)]]);
      continue;
    }
    report(pod, hostIp, started(pod, podIps as string[], noCrashes, view), context, []);
  }
  calico?.write(context);
  const [last, last2] = allocators.map((allocator) => allocator.lastReserved);
  const { bridge } = plug ?? {};
  const bridges = bridge === undefined || last === undefined ? store?.spec?.bridges : { ...store?.spec?.bridges, [bridge.name]: bridge.address };
  if (calico === undefined && last !== undefined && (last !== store?.spec?.lastReservedIp || last2 !== store.spec.lastReservedIp2)) {
    remember(
      node,
      { ...store?.spec, lastReservedIp: last, ...(last2 === undefined ? {} : { lastReservedIp2: last2 }), ...(bridges === undefined ? {} : { bridges }) },
      store,
      context,
    );
  }
}

/** Ended pods have given their address back, although their status still tells it. */
function* heldAddresses(pods: readonly Pod[]): Iterable<string> {
  for (const pod of pods) {
    if (pod.spec.hostNetwork === true || isFinished(pod)) continue;
    const ip = pod.status?.podIP;
    if (ip !== undefined) yield ip;
    for (const one of pod.status?.podIPs ?? []) if (one.ip !== ip) yield one.ip;
  }
}

const sandboxFailure = (pod: Pod, reason: string): string =>
  `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "${sandboxId(pod.metadata.uid ?? '')}": ${reason}`;

function remember(node: Node, spec: HostLocalStore['spec'], store: HostLocalStore | undefined, context: ControllerContext): void {
  if (store !== undefined) {
    context.update({ ...store, spec } as HostLocalStore);
    return;
  }
  context.create({
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'HostLocalStore',
    metadata: { name: node.metadata.name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid ?? '' }] },
    spec,
  });
}

/** Writes the status if it says something new, with the events that led there. */
function report(pod: Pod, hostIp: string, situation: Situation, context: ControllerContext, warnings: readonly (readonly [string, string])[]): void {
  const node = context.view.find<Node>(`Node/${pod.spec.nodeName ?? ''}`);
  const status = podStatus(pod, node === undefined ? [hostIp] : hostIps(node), situation, context.timestamp);
  if (deepEqual(status, pod.status)) return;
  context.updateStatus({ ...pod, status });
  stopSidecars({ ...pod, status }, context);
  if (situation.stage === 'started' && hasStarted(pod, status)) {
    syncSources(pod, true, context);
    const dns = { ...clusterDns(context.view), nodeResolvConf: nodeResolvConf(underlayOf(context.view)) };
    for (const message of dnsWarnings(pod, dns)) context.event(pod, 'Warning', 'DNSConfigForming', message, component);
  }
  for (const [reason, message] of warnings) context.event(pod, 'Warning', reason, message, component);
  if (situation.stage === 'started') tellStarts(pod, status, context);
}

const hasStarted = (before: Pod, status: PodStatus): boolean =>
  allStatuses({ ...before, status }).some(
    (one) => one.state?.running !== undefined && statusOfContainer(before, one.name ?? '')?.containerID !== one.containerID,
  );

/** Those that served a pod whose work is done leave. */
function stopSidecars(pod: Pod, context: ControllerContext): void {
  if (pod.spec.initContainers === undefined || !isOver(pod)) return;
  const left = pod.spec.initContainers.filter((one) => isContainerRunning(pod, one.name));
  if (left.length > 0) stopContainers(pod, left, context.timestamp, graceOf(pod), context);
}

function tellStarts(pod: Pod, status: PodStatus, context: ControllerContext): void {
  for (const one of allStatuses({ ...pod, status })) {
    const known = statusOfContainer(pod, one.name ?? '');
    const { waiting } = one.state ?? {};
    if (waiting?.reason !== undefined && PULL_REASONS.has(waiting.reason)) {
      if (known?.state?.waiting?.reason !== waiting.reason) tellPull(pod, one, waiting.reason, waiting.message ?? '', context);
      continue;
    }
    if (one.containerID === undefined || (known?.containerID === one.containerID && known?.image === one.image)) {
      const error = one.state?.waiting;
      if (error?.reason === 'CreateContainerConfigError') context.event(pod, 'Warning', 'Failed', `Error: ${error.message ?? ''}`, component);
    } else tellStart(pod, one, context);
    if (isBackingOff(one) && !(known !== undefined && isBackingOff(known) && known.restartCount === one.restartCount)) {
      const message = `Back-off restarting failed container ${one.name ?? ''} in pod ${pod.metadata.name}_${namespaceOf(pod)}(${pod.metadata.uid ?? ''})`;
      context.event(pod, 'Warning', 'BackOff', message, component);
    }
  }
}

const PULL_REASONS: ReadonlySet<string> = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName']);

/** Kubernetes: pkg/kubelet/images/image_manager.go, pkg/kubelet/kuberuntime/kuberuntime_container.go. */
function tellPull(pod: Pod, { image = '' }: ContainerStatus, reason: string, message: string, context: ControllerContext): void {
  const tell = (type: 'Normal' | 'Warning', word: string, words: string) => context.event(pod, type, word, words, component);
  if (reason === 'ErrImagePull') {
    tell('Normal', 'Pulling', `Pulling image "${image}"`);
    tell('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
  } else if (reason === 'ImagePullBackOff') tell('Normal', 'BackOff', `Back-off pulling image "${image}"`);
  else tell('Warning', 'InspectFailed', message);
  tell('Warning', 'Failed', `Error: ${reason}`);
}

function tellStart(pod: Pod, { name = '' }: ContainerStatus, context: ControllerContext): void {
  const image = findContainer(pod, name)?.image ?? '';
  context.event(pod, 'Normal', 'Pulled', `Container image "${image}" already present on machine`, component);
  context.event(pod, 'Normal', 'Created', `Created container: ${name}`, component);
  context.event(pod, 'Normal', 'Started', `Started container ${name}`, component);
}

const isBackingOff = (status: ContainerStatus): boolean => status.state?.waiting?.reason === 'CrashLoopBackOff';
