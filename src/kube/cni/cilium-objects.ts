/** What Cilium says of its endpoints, identities and nodes in the API: its agents write them, people look at them. Cilium: pkg/k8s/apis/cilium.io/v2, pkg/k8s/watchers, operator/pkg/ciliumidentity */
import { deepEqual } from '../../base/equal.ts';
import { defineController, defineKind } from '../../objects/define.ts';
import type { ControllerContext, JsonValue, Kind, KubeObject, ObjectKey, StoreView, TableColumn } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { findNode } from '../node/cluster-network.ts';
import { sandboxId } from '../pod/identity.ts';
import { hasSandbox } from '../pod/running.ts';
import { isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import { anything, kindSchema } from '../schema.ts';
import { routerIp } from './cilium.ts';
import { CILIUM, ciliumSettings } from './cilium-config.ts';
import { endpointNumbers } from './cilium-identity.ts';
import { daemonNodes, isDaemon } from './daemons.ts';

interface CiliumEndpoint extends KubeObject {
  readonly status?: {
    readonly id?: number;
    readonly state?: string;
    readonly identity?: { readonly id?: number; readonly labels?: readonly string[] };
    readonly networking?: { readonly addressing?: readonly { readonly ipv4?: string }[]; readonly node?: string };
  };
}
interface CiliumNode extends KubeObject {
  readonly spec?: { readonly addresses?: readonly { readonly ip?: string; readonly type?: string }[] };
}

const columns = (...names: string[]): TableColumn[] => ['NAME', ...names].map((name) => ({ name, priority: 0 }));
const shape = { apiVersion: 'cilium.io/v2' } as const;

const ciliumEndpoint = defineKind<CiliumEndpoint>({
  ...shape,
  kind: 'CiliumEndpoint',
  plural: 'ciliumendpoints',
  singular: 'ciliumendpoint',
  shortNames: ['cep', 'ciliumep'],
  namespaced: true,
  schema: kindSchema("A pod as Cilium's agent of its node knows it. Written by the agent.", { status: anything('Its numbers and addresses.') }),
  columns: columns('SECURITY IDENTITY', 'ENDPOINT STATE', 'IPV4', 'IPV6'),
  row: ({ metadata, status = {} }) => [
    metadata.name,
    String(status.identity?.id ?? ''),
    status.state ?? '',
    status.networking?.addressing?.[0]?.ipv4 ?? '',
    '',
  ],
  describe: ({ metadata, status }) => ({ title: metadata.name, subtitle: `identity ${status?.identity?.id ?? ''}` }),
});

const ciliumIdentity = defineKind<KubeObject>({
  ...shape,
  kind: 'CiliumIdentity',
  plural: 'ciliumidentities',
  singular: 'ciliumidentity',
  shortNames: ['ciliumid'],
  namespaced: false,
  schema: kindSchema('A set of labels and its number. Written by the agent that met it first.', { 'security-labels': anything('The labels.') }),
  columns: columns('NAMESPACE', 'AGE'),
  row: ({ metadata }, context) => [metadata.name, metadata.labels?.['io.kubernetes.pod.namespace'] ?? '', context.age(metadata.creationTimestamp)],
  describe: ({ metadata }) => ({ title: metadata.name }),
});

const ciliumNode = defineKind<CiliumNode>({
  ...shape,
  kind: 'CiliumNode',
  plural: 'ciliumnodes',
  singular: 'ciliumnode',
  shortNames: ['cn', 'ciliumn'],
  namespaced: false,
  schema: kindSchema('A node as its Cilium agent knows it. Written by the agent.', {
    spec: anything('Addresses and ranges.'),
    status: anything('What it reports.'),
  }),
  columns: columns('CILIUMINTERNALIP', 'INTERNALIP', 'AGE'),
  row: ({ metadata, spec }, context) => {
    const address = (type: string): string => spec?.addresses?.find((one) => one.type === type)?.ip ?? '';
    return [metadata.name, address('CiliumInternalIP'), address('InternalIP'), context.age(metadata.creationTimestamp)];
  },
  describe: ({ metadata }) => ({ title: metadata.name }),
});

export const ciliumObjectKinds: readonly Kind[] = [ciliumEndpoint, ciliumIdentity, ciliumNode] as readonly Kind[];

// ---- what there should be

type Wanted = Map<ObjectKey, KubeObject>;

function endpointOf(pod: Pod, view: StoreView): KubeObject {
  const key = objectKey(pod);
  const { endpoints, identities, labels } = endpointNumbers(view);
  const { name, uid = '' } = pod.metadata;
  const identity = identities.get(key) ?? 0;
  const ip = pod.status?.podIP ?? '';
  return {
    ...shape,
    kind: 'CiliumEndpoint',
    metadata: {
      name,
      namespace: namespaceOf(pod),
      ...(pod.metadata.labels === undefined ? {} : { labels: pod.metadata.labels }),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }],
    },
    status: {
      encryption: {},
      'external-identifiers': {
        'cni-attachment-id': `${sandboxId(uid)}:eth0`,
        'container-id': sandboxId(uid),
        'k8s-namespace': namespaceOf(pod),
        'k8s-pod-name': name,
        'pod-name': `${namespaceOf(pod)}/${name}`,
      },
      id: endpoints.get(key) ?? 0,
      identity: { id: identity, labels: labels.get(identity) ?? [] },
      networking: { addressing: [{ ipv4: ip }], node: findNode(pod.spec.nodeName ?? '', view)?.ip ?? '' },
      state: 'ready',
    },
  };
}

function identityOf(number: number, labels: readonly string[]): KubeObject {
  const security = Object.fromEntries(labels.map((label) => [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)]));
  const namespace = security['k8s:io.kubernetes.pod.namespace'] ?? '';
  return {
    ...shape,
    kind: 'CiliumIdentity',
    metadata: { name: String(number), labels: { 'io.kubernetes.pod.namespace': namespace } },
    'security-labels': security,
  } as KubeObject;
}

function nodeOf(name: string, view: StoreView): KubeObject | undefined {
  const node = findNode(name, view);
  const router = node === undefined ? undefined : routerIp(node);
  const live = view.find(`Node/${name}`);
  if (node?.ip === undefined || router === undefined || live === undefined) return undefined;
  return {
    ...shape,
    kind: 'CiliumNode',
    metadata: {
      name,
      ...(live.metadata.labels === undefined ? {} : { labels: live.metadata.labels }),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: live.metadata.uid ?? '' }],
    },
    spec: {
      addresses: [
        { ip: node.ip, type: 'InternalIP' },
        { ip: router, type: 'CiliumInternalIP' },
      ],
      encryption: {},
      health: {},
      ingress: {},
      ipam: { podCIDRs: [node.podCidr ?? ''], pools: {} },
    },
  };
}

const KINDS = ['CiliumNode', 'CiliumIdentity', 'CiliumEndpoint'] as const;
const POLICIES = ['CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy'] as const;
const NODES: ObjectKey = 'CiliumNode/*';
const IDENTITIES: ObjectKey = 'CiliumIdentity/*';
const endpointKey = (pod: KubeObject): ObjectKey => `CiliumEndpoint/${namespaceOf(pod)}/${pod.metadata.name}`;

const agents = (view: StoreView): readonly string[] => (ciliumSettings(view).failure === undefined ? daemonNodes(CILIUM, view) : []);

/** What there should be of the objects that a key stands for, and which of them there are. */
function wanted(key: ObjectKey, view: StoreView): { readonly should: Wanted; readonly live: readonly KubeObject[] } {
  const nodes = agents(view);
  const should: Wanted = new Map();
  const put = (object: KubeObject | undefined): void => {
    if (object !== undefined) should.set(objectKey(object), object);
  };
  if (key === NODES) {
    for (const name of nodes) put(nodeOf(name, view));
    // What an agent has written stays when it goes, until its node does.
    return {
      should,
      live: view.list('CiliumNode').filter(({ metadata }) => nodes.includes(metadata.name) || view.find(`Node/${metadata.name}`) === undefined),
    };
  }
  if (key === IDENTITIES) {
    if (nodes.length > 0) for (const [number, labels] of endpointNumbers(view).labels) put(identityOf(number, labels));
    return { should, live: nodes.length > 0 ? view.list('CiliumIdentity') : [] };
  }
  const pod = view.find<Pod>(`Pod/${key.slice('CiliumEndpoint/'.length)}`);
  const lives = pod !== undefined && hasSandbox(pod) && !isTerminating(pod);
  if (lives && !nodes.includes(pod.spec.nodeName ?? '')) return { should, live: [] };
  if (lives) put(endpointOf(pod, view));
  const known = view.find(key);
  return { should, live: known === undefined ? [] : [known] };
}

/** Everything but what the server fills in. */
const content = (object: KubeObject): unknown => {
  const { metadata, ...rest } = object;
  return { ...rest, labels: metadata.labels };
};

function settle(key: ObjectKey, context: ControllerContext): void {
  const { should, live } = wanted(key, context.view);
  for (const one of live) {
    const own = objectKey(one);
    const object = should.get(own);
    should.delete(own);
    if (object === undefined) context.remove(own);
    else if (!deepEqual(content(one), content(object))) write(context, one, object);
  }
  for (const object of should.values()) {
    const made = context.create(object);
    if (made !== undefined && object.status !== undefined && made.status === undefined) context.updateStatus({ ...made, status: object.status });
  }
}

function write(context: ControllerContext, live: KubeObject, object: KubeObject): void {
  const { labels, ...metadata } = live.metadata;
  const own = object.metadata.labels;
  const next = { ...object, metadata: { ...metadata, ...(own === undefined ? {} : { labels: own }) } };
  context.update(next);
  if (object.status !== undefined) context.updateStatus(next);
}

/** The operator says whether it could read a policy; what could not be read has been refused before. Cilium v1.18: operator/endpointgc, pkg/policy/k8s */
function judge(key: ObjectKey, context: ControllerContext): void {
  const policy = context.view.find<KubeObject & { readonly status?: { readonly conditions?: readonly JsonValue[] } }>(key);
  if (policy === undefined || daemonNodes(CILIUM, context.view).length === 0 || (policy.status?.conditions ?? []).length > 0) return;
  const condition = { lastTransitionTime: context.timestamp, message: 'Policy validation succeeded', status: 'True', type: 'Valid' };
  context.updateStatus({ ...policy, status: { conditions: [condition] } });
}

export const ciliumObjectsController = defineController({
  name: 'cilium-operator',
  watches: ['Pod', 'Node', 'Namespace', 'ConfigMap', ...KINDS, ...POLICIES],
  keysFor: (changed, view) => {
    const { kind } = changed;
    if (kind === 'CiliumNetworkPolicy' || kind === 'CiliumClusterwideNetworkPolicy' || kind === 'CiliumEndpoint') return [objectKey(changed)];
    if (daemonNodes(CILIUM, view).length === 0 && view.list('CiliumNode').length === 0) return [];
    if (kind === 'CiliumNode') return [NODES];
    if (kind === 'CiliumIdentity') return [IDENTITIES];
    if (kind === 'Pod' && !isDaemon(changed as Pod, CILIUM)) return [endpointKey(changed), IDENTITIES];
    return [
      NODES,
      IDENTITIES,
      ...['Pod', 'CiliumEndpoint'].flatMap((one) => view.list(one).map(endpointKey)),
      ...POLICIES.flatMap((one) => view.list(one).map(objectKey)),
    ];
  },
  reconcile(key, context) {
    if (key.startsWith('Cilium') && !POLICIES.some((kind) => key.startsWith(`${kind}/`))) settle(key, context);
    else judge(key, context);
  },
});
