/**
 * What node agents and cloud controllers fill into a Node: address, labels, capacity, conditions, and the taints that follow from them.
 * Kubernetes: pkg/kubelet/nodestatus, pkg/controller/nodelifecycle. Of the not-ready taints only NoSchedule is set; a node that is unreachable gets both.
 */
import { deepEqual } from '../../base/equal.ts';
import { parseIpPrefix } from '../../net/addr/ip.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, ObjectKey, StoreView } from '../../objects/types.ts';
import { contains, formatIpv4, parseIpv4 } from '../addresses.ts';
import { type Condition, findCondition, type Pod } from '../pod/types.ts';
import { type ClusterSettings, clusterSettings, settingsKinds } from './cluster-config.ts';
import { ip6OnUnderlay } from './cluster-network.ts';
import { isNetworkReady, networkNotReadyMessage } from './network-ready.ts';
import { isUnreachable, unreachableTaint, unreachableTaints, watchHeartbeat } from './node-lifecycle.ts';
import { isStopped } from './stopped-agents.ts';
import { internalIps, isControlPlane, isNodeReady, type Node, type NodeAddress, type NodeSystemInfo, type Taint } from './types.ts';

const notReadyTaint = 'node.kubernetes.io/not-ready';
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

/** One look serves all nodes, so that those which become ready at the same moment do so before the scheduler chooses among them. */
const allNodes: ObjectKey = 'Node/*';

export const nodeController = defineController({
  name: 'node-controller',
  watches: ['Node', 'Pod', 'CniConfig', ...settingsKinds],
  // Of pods only those in the node's own network can be a CNI's daemon.
  keysFor: (changed) => (changed.kind === 'Pod' && (changed as Pod).spec.hostNetwork !== true ? [] : [allNodes]),
  reconcile(_key, context) {
    const settings = clusterSettings(context.view);
    for (const node of context.view.list<Node>('Node')) if (node.metadata.deletionTimestamp === undefined) tend(node, settings, context);
  },
});

function tend(seen: Node, settings: ClusterSettings, context: ControllerContext): void {
  const node = watchHeartbeat(seen, settings.version, allNodes, context);
  const silent = isStopped(node, 'kubelet') && node.status?.conditions !== undefined;
  const ready = silent ? isNodeReady(node) : isNetworkReady(context.view, node.metadata.name);
  const status = silent ? node.status : statusOf(node, settings, ready, context);
  let current = node;
  if (!deepEqual(status, node.status)) {
    current = (context.updateStatus({ ...node, status }) as Node | undefined) ?? node;
    tellReadiness(node, ready, context);
  }
  const labels = labelsOf(current);
  const taints = taintsOf(current, ready, context.timestamp);
  if (deepEqual(labels, current.metadata.labels) && deepEqual(taints, current.spec?.taints ?? [])) return;
  const { taints: _old, ...spec } = current.spec ?? {};
  context.update({ ...current, metadata: { ...current.metadata, labels }, spec: { ...spec, ...(taints.length === 0 ? {} : { taints }) } });
}

function tellReadiness(node: Node, ready: boolean, context: ControllerContext): void {
  const before = findCondition(node.status?.conditions, 'Ready')?.status;
  if (before === (ready ? 'True' : 'False')) return;
  if (ready) context.event(node, 'Normal', 'NodeReady', `Node ${node.metadata.name} status is now: NodeReady`, 'kubelet');
  else if (before === 'True') context.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`, 'kubelet');
}

function statusOf(node: Node, settings: ClusterSettings, ready: boolean, context: ControllerContext): Node['status'] {
  const given = node.status ?? {};
  const capacity = given.capacity ??
    given.allocatable ?? { cpu: '2', 'ephemeral-storage': '20145724Ki', 'hugepages-2Mi': '0', memory: '4015548Ki', pods: `${settings.maxPods}` };
  return {
    ...given,
    addresses: addressesOf(node, settings, context.view),
    capacity,
    allocatable: given.allocatable ?? capacity,
    nodeInfo: { ...systemInfo(settings), ...given.nodeInfo },
    conditions: conditionsOf(node, ready, context.timestamp),
  };
}

/** What a node says about itself when its YAML does not: an Ubuntu machine set up by kubeadm. */
const systemInfo = (settings: ClusterSettings): NodeSystemInfo => ({
  architecture: 'amd64',
  containerRuntimeVersion: 'containerd://2.1.4',
  kernelVersion: '6.8.0-85-generic',
  kubeProxyVersion: '',
  kubeletVersion: settings.version,
  operatingSystem: 'linux',
  osImage: 'Ubuntu 24.04.3 LTS',
});

function addressesOf(node: Node, settings: ClusterSettings, view: StoreView): readonly NodeAddress[] {
  const given = node.status?.addresses ?? [];
  const withIp = withAddresses(node, given, settings, view);
  return withIp.some((one) => one.type === 'Hostname') ? withIp : [...withIp, { type: 'Hostname', address: node.metadata.name }];
}

/** One address for each family of the cluster, the first family's first; what the YAML gives is enough where the cluster has one family. */
function withAddresses(node: Node, given: readonly NodeAddress[], settings: ClusterSettings, view: StoreView): readonly NodeAddress[] {
  const all = internalIps(node);
  const four = all.find((ip) => !ip.includes(':'));
  const wanted = settings.families.filter((family) => !all.some((ip) => ip.includes(':') === (family === 'IPv6')));
  if (wanted.length === 0 || (all.length > 0 && settings.families.length === 1)) return given;
  const address = four ?? chooseAddress(settings, view);
  const six = parseIpPrefix(settings.underlayCidr6 ?? '');
  const chosen = wanted.flatMap((family): readonly NodeAddress[] => {
    if (family === 'IPv4') return address === undefined ? [] : [{ type: 'InternalIP', address }];
    const offset = (parseIpv4(address ?? '') ?? 0) - settings.underlayCidr.base;
    return six === undefined || address === undefined ? [] : [{ type: 'InternalIP', address: ip6OnUnderlay(six, offset > 0 ? offset : 2) }];
  });
  const primary = (one: NodeAddress) => (one.type === 'InternalIP' && one.address.includes(':') !== (settings.families[0] === 'IPv6') ? 1 : 0);
  return [...chosen, ...given].sort((a, b) => primary(a) - primary(b));
}

/**
 * A free address of the underlay for a node whose YAML gives none. In a range with room for it each node gets its own third byte
 * (172.30.1.2, 172.30.2.2, …), as machines of one lab often have; otherwise the next free one after the router's.
 */
function chooseAddress(settings: ClusterSettings, view: StoreView): string | undefined {
  const range = settings.underlayCidr;
  const six = parseIpPrefix(settings.underlayCidr6 ?? '');
  const used = new Set(view.list<Node>('Node').flatMap(internalIps));
  const wide = range.prefixLength <= 16;
  for (let i = 1; i < 1024; i += 1) {
    const address = wide ? range.base + i * 256 + 2 : range.base + 1 + i;
    if (!contains(range, address) || address >= range.base + range.size - 1) return undefined;
    const taken = used.has(formatIpv4(address)) || (six !== undefined && used.has(ip6OnUnderlay(six, address - range.base)));
    if (!taken) return formatIpv4(address);
  }
  return undefined;
}

function conditionsOf(node: Node, ready: boolean, now: string): readonly Condition[] {
  const wanted: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[] = [
    { type: 'MemoryPressure', status: 'False', reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
    { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
    ready
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: networkNotReadyMessage },
  ];
  const own = wanted.map((condition): Condition => {
    const before = findCondition(node.status?.conditions, condition.type);
    const same = before?.status === condition.status;
    return {
      type: condition.type,
      status: condition.status,
      lastHeartbeatTime: same ? (before.lastHeartbeatTime ?? now) : now,
      lastTransitionTime: same ? (before.lastTransitionTime ?? now) : now,
      reason: condition.reason ?? '',
      message: condition.message ?? '',
    };
  });
  const types = new Set(own.map((condition) => condition.type));
  return [...(node.status?.conditions ?? []).filter((condition) => !types.has(condition.type)), ...own];
}

/** Labels every kubelet sets. */
function labelsOf(node: Node): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': node.metadata.name,
    'kubernetes.io/os': 'linux',
    ...(isControlPlane(node) ? { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } : {}),
    ...node.metadata.labels,
  };
}

function taintsOf(node: Node, ready: boolean, now: string): readonly Taint[] {
  const others = (node.spec?.taints ?? []).filter(
    (taint) =>
      !(taint.effect === 'NoSchedule' && (taint.key === notReadyTaint || taint.key === unschedulableTaint)) &&
      taint.key !== unreachableTaint &&
      !isStaleEviction(taint, ready),
  );
  const trouble = isUnreachable(node) ? unreachableTaints(node, now) : ready ? [] : [{ key: notReadyTaint, effect: 'NoSchedule' }];
  return [...others, ...trouble, ...(node.spec?.unschedulable === true ? [{ key: unschedulableTaint, effect: 'NoSchedule' }] : [])];
}

/** A dump may carry the NoExecute form of a trouble that is over. */
const isStaleEviction = (taint: Taint, ready: boolean): boolean => ready && taint.key === notReadyTaint && taint.effect === 'NoExecute';
