/** A cluster as its policies see it: ends of flows by name and by address, policies in the order in which they are asked and by what they select. */
import { parseIp } from '../../net/addr/ip.ts';
import type { Ip } from '../../net/wire/packet.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { type Labels, matchesSelector } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import type { Node } from '../node/types.ts';
import { isFinished, namespaceOf, type Pod } from '../pod/types.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { compilePolicy } from './policy-rules.ts';
import type { CompiledPolicy, NamedPort, NamespaceTerm, PolicyDirection, PolicyEndpoint, PolicyPod, PolicyStage } from './policy-types.ts';

export interface PolicyInput {
  readonly pods: readonly Pod[];
  readonly namespaces: readonly KubeObject[];
  readonly nodes: readonly Node[];
  readonly policies: readonly KubeObject[];
  /** Addresses that names have been resolved to, for peers by domain name; lower case, without the last dot. */
  readonly domains?: ReadonlyMap<string, readonly string[]>;
}

export interface PolicyModel {
  readonly endpoints: readonly PolicyEndpoint[];
  readonly byId: ReadonlyMap<string, PolicyEndpoint>;
  /** Those with a network of their own, and nodes. */
  readonly byIp: ReadonlyMap<Ip, PolicyEndpoint>;
  /** Admin by priority, NetworkPolicy, Baseline by priority; by name within. */
  readonly policies: readonly CompiledPolicy[];
  /** NetworkPolicies by their namespace; all others under `''`. */
  readonly byNamespace: ReadonlyMap<string, readonly CompiledPolicy[]>;
  readonly domains: ReadonlyMap<string, readonly Ip[]>;
  /** In the order in which they are asked; those of Kubernetes' own kinds unless a CNI has others. */
  readonly stages: readonly PolicyStage[];
  /** Ends with the same text are alike to all policies, but for named ports. Absent: labels and ranges tell. */
  classOf?(endpoint: PolicyEndpoint): string;
}

const STAGES: readonly PolicyStage[] = [
  { name: 'Admin', how: 'ordered', end: 'pass' },
  { name: 'NetworkPolicy', how: 'ordered', end: 'deny' },
  { name: 'Baseline', how: 'ordered', end: 'pass' },
];

const none: Labels = {};
const tierOrder: Readonly<Record<string, number>> = { Admin: 0, NetworkPolicy: 1, Baseline: 2 };
const orderOf = (policy: CompiledPolicy): number => tierOrder[policy.tier] ?? 0;
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const addresses = (texts: readonly (string | undefined)[]): readonly Ip[] =>
  texts.map((one) => (one === undefined ? undefined : parseIp(one))).filter((ip) => ip !== undefined);

const podIps = (pod: Pod): readonly Ip[] =>
  addresses([pod.status?.podIP, ...(pod.status?.podIPs ?? []).map((one) => one.ip).filter((ip) => ip !== pod.status?.podIP)]);

function portsOf(pod: Pod): readonly NamedPort[] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? []).map((one) => ({ name: one.name ?? '', port: one.containerPort, protocol: one.protocol ?? 'TCP' })),
  );
}

/** The same ends under other policies, in the order in which these are asked: those of a CNI's own words. */
export function modelWith(
  model: PolicyModel,
  policies: readonly CompiledPolicy[],
  stages: readonly PolicyStage[],
  classOf: (endpoint: PolicyEndpoint) => string,
): PolicyModel {
  return { ...model, policies, byNamespace: new Map([['', policies]]), stages, classOf };
}

export function buildModel(input: PolicyInput): PolicyModel {
  const namespaceLabels = new Map(input.namespaces.map((one) => [one.metadata.name, one.metadata.labels ?? none]));
  const byId = new Map<string, PolicyEndpoint>();
  const byIp = new Map<Ip, PolicyEndpoint>();
  const nodes = new Map(input.nodes.map((node) => [node.metadata.name, { name: node.metadata.name, labels: node.metadata.labels ?? none }]));
  const endpoints: PolicyEndpoint[] = [];
  const add = (endpoint: PolicyEndpoint, owns: boolean) => {
    endpoints.push(endpoint);
    byId.set(endpoint.id, endpoint);
    if (owns) for (const ip of endpoint.ips) if (!byIp.has(ip)) byIp.set(ip, endpoint);
  };
  for (const pod of input.pods) {
    if (isFinished(pod)) continue;
    const namespace = namespaceOf(pod);
    const id = `${namespace}/${pod.metadata.name}`;
    const node = pod.spec.nodeName ?? '';
    const ports = portsOf(pod);
    if (pod.spec.hostNetwork === true) {
      add({ id, ips: podIps(pod), ports, node: nodes.get(node) ?? { name: node, labels: none } }, false);
      continue;
    }
    const who: PolicyPod = {
      id,
      namespace,
      name: pod.metadata.name,
      labels: pod.metadata.labels ?? none,
      namespaceLabels: namespaceLabels.get(namespace) ?? none,
      node,
      ports,
    };
    add({ id, ips: podIps(pod), ports, pod: who }, true);
  }
  for (const node of input.nodes) {
    const ips = addresses((node.status?.addresses ?? []).map((one) => one.address));
    const known = nodes.get(node.metadata.name);
    if (known !== undefined) add({ id: `node/${known.name}`, ips, node: known, ports: [] }, true);
  }
  const policies = input.policies
    .map(compilePolicy)
    .sort((a, b) => orderOf(a) - orderOf(b) || a.priority - b.priority || text(a.namespace ?? '', b.namespace ?? '') || text(a.name, b.name));
  const byNamespace = new Map<string, CompiledPolicy[]>();
  for (const policy of policies) {
    const place = policy.namespace ?? '';
    const list = byNamespace.get(place);
    if (list === undefined) byNamespace.set(place, [policy]);
    else list.push(policy);
  }
  const domains = new Map([...(input.domains ?? [])].map(([name, ips]) => [name, addresses(ips)]));
  return { endpoints, byId, byIp, policies, byNamespace, domains, stages: STAGES };
}

/** Of what the API server has now; remembered as long as none of it changes. */
export const policyModel: (view: StoreView) => PolicyModel = perState(['Pod', 'Namespace', 'Node', ...POLICY_KINDS], (view) =>
  buildModel({
    pods: view.list<Pod>('Pod'),
    namespaces: view.list('Namespace'),
    nodes: view.list<Node>('Node'),
    policies: POLICY_KINDS.flatMap((kind) => view.list(kind)),
  }),
);

/** By `namespace/pod`, `node/name` or an address; an address of nobody is somebody outside. Undefined for any other text. */
export function findEndpoint(model: PolicyModel, text: string): PolicyEndpoint | undefined {
  const known = model.byId.get(text);
  if (known !== undefined) return known;
  const ip = parseIp(text);
  return ip === undefined ? undefined : endpointAt(model, ip, text);
}

export const endpointAt = (model: PolicyModel, ip: Ip, id: string): PolicyEndpoint => model.byIp.get(ip) ?? { id, ips: [ip], ports: [] };

export function inNamespace(term: NamespaceTerm, pod: PolicyPod): boolean {
  return 'own' in term ? pod.namespace === term.own : matchesSelector(term.labels, pod.namespaceLabels);
}

export const selectsPod = (policy: CompiledPolicy, pod: PolicyPod): boolean =>
  policy.selects?.(pod) ??
  (inNamespace(policy.subject.namespaces, pod) && (policy.subject.pods === undefined || matchesSelector(policy.subject.pods, pod.labels)));

/** What applies to this pod in this direction, in the order in which it is asked. */
export function policiesFor(model: PolicyModel, pod: PolicyPod, direction: PolicyDirection): readonly CompiledPolicy[] {
  const own = model.byNamespace.get(pod.namespace) ?? [];
  const cluster = model.byNamespace.get('') ?? [];
  const found = [...cluster, ...own].filter((policy) => policy[direction] !== undefined && selectsPod(policy, pod));
  return cluster.length === 0 || model.classOf !== undefined ? found : found.sort((a, b) => orderOf(a) - orderOf(b));
}
