/**
 * Leases: how a kubelet, the scheduler, the controller manager and the API server say that they are alive. Kubernetes: pkg/kubelet/nodelease,
 * client-go/tools/leaderelection, pkg/controlplane/controller/leaderelection. Nobody is woken to renew one: `live` says what it shows at a moment.
 */
import { formatRfc3339, parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import { stableHex, uidOfHex } from '../../objects/identity.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { isTerminating, namespaceOf } from '../pod/types.ts';
import { isStopped, STOPPED_SINCE_ANNOTATION } from './stopped-agents.ts';
import { isControlPlane, type Node } from './types.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const nodeNamespace = 'kube-node-lease';
const systemNamespace = 'kube-system';
/** Leaders renew every two seconds (`--leader-elect-retry-period`), kubelets and API servers every ten. */
const leaderMs = 2_000;
const heartbeatMs = 10_000;
const identityLabel = 'apiserver.kubernetes.io/identity';

/** MicroTime. */
const microTime = (ms: number): string => `${formatRfc3339(ms).slice(0, -1)}.${String(Math.floor(ms % 1000)).padStart(3, '0')}000Z`;

function renewed(lease: Lease, everyMs: number, nowMs: number): Lease {
  const lastMs = parseRfc3339(lease.spec?.renewTime ?? '');
  if (lastMs === undefined || nowMs - lastMs < everyMs) return lease;
  return { ...lease, spec: { ...lease.spec, renewTime: microTime(lastMs + Math.floor((nowMs - lastMs) / everyMs) * everyMs) } };
}

/** What a Lease shows now: its holder has renewed it in time, unless it has stopped. Its resource version does not count renewals. */
export function liveLease(lease: Lease, view: StoreView, nowMs: number): Lease {
  const { namespace, name, labels } = lease.metadata;
  if (namespace === nodeNamespace) {
    const node = view.find<Node>(`Node/${name}`);
    return node === undefined || lease.spec?.holderIdentity !== name || isStopped(node, 'kubelet') ? lease : renewed(lease, heartbeatMs, nowMs);
  }
  if (namespace !== systemNamespace || (lease.spec?.holderIdentity ?? '') === '') return lease;
  if (labels?.[identityLabel] !== undefined) return renewed(lease, heartbeatMs, nowMs);
  return name === 'kube-scheduler' || name === 'kube-controller-manager' ? renewed(lease, leaderMs, nowMs) : lease;
}

const all: ObjectKey = 'Lease/*';

export const leaseController = defineController({
  name: 'lease-controller',
  watches: ['Node', 'Lease'],
  keysFor: (changed) => (changed.kind === 'Node' || namespaceOf(changed) === nodeNamespace || namespaceOf(changed) === systemNamespace ? [all] : []),
  reconcile(_key, context) {
    const nodes = context.view.list<Node>('Node').filter((node) => !isTerminating(node));
    for (const node of nodes) tend(node, context);
    const host = nodes.find(isControlPlane)?.metadata.name;
    if (host !== undefined) for (const [name, seconds] of leaders) lead(name, host, seconds, context);
    if (host !== undefined) identify(host, context);
  },
});

function tend(node: Node, context: ControllerContext): void {
  const { name, uid = '' } = node.metadata;
  const known = context.view.find<Lease>(`Lease/${nodeNamespace}/${name}`);
  const nowMs = parseRfc3339(context.timestamp) ?? 0;
  if (isStopped(node, 'kubelet')) {
    // Its last word is kept.
    const lastMs = parseRfc3339(node.metadata.annotations?.[STOPPED_SINCE_ANNOTATION] ?? '') ?? nowMs;
    if (known?.spec?.holderIdentity === name) context.update(renewed(known, heartbeatMs, lastMs));
    return;
  }
  if (known !== undefined || node.status?.conditions === undefined) return;
  create(nodeNamespace, name, { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(nowMs) }, context, {
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
  });
}

const leaders = [
  ['kube-controller-manager', 15],
  ['kube-scheduler', 15],
] as const;

function lead(name: string, host: string, leaseDurationSeconds: number, context: ControllerContext): void {
  if (context.view.find(`Lease/${systemNamespace}/${name}`) !== undefined) return;
  const now = microTime(parseRfc3339(context.timestamp) ?? 0);
  const holderIdentity = `${host}_${uidOfHex(stableHex(`${host} ${name}`))}`;
  create(systemNamespace, name, { acquireTime: now, holderIdentity, leaseDurationSeconds, leaseTransitions: 0, renewTime: now }, context);
}

function identify(host: string, context: ControllerContext): void {
  const labels = { [identityLabel]: 'kube-apiserver' };
  if (context.view.select('Lease', systemNamespace, labels).length > 0) return;
  const name = `apiserver-${context.randomSuffix(`identity of ${host}`, 26)}`;
  const holderIdentity = `${name}_${uidOfHex(stableHex(name))}`;
  const renewTime = microTime(parseRfc3339(context.timestamp) ?? 0);
  create(systemNamespace, name, { holderIdentity, leaseDurationSeconds: 3600, renewTime }, context, { labels: { ...labels, 'kubernetes.io/hostname': host } });
}

function create(namespace: string, name: string, spec: Lease['spec'], context: ControllerContext, metadata: Partial<KubeObject['metadata']> = {}): void {
  if (context.view.find(`Namespace/${namespace}`) === undefined) return;
  context.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace, ...metadata }, spec });
}
