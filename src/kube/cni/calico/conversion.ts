/** A NetworkPolicy of Kubernetes as one of Calico's. Calico v3.30: libcalico-go/lib/backend/k8s/conversion/conversion.go */
import type { LabelSelector } from '../../label-selector.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule } from '../../policy/network-policy.ts';
import type { CalicoPolicy, CalicoRule, EntityRule } from './types.ts';

/** All converted policies have it. */
const ORDER = 1000;

export function selectorText(selector: LabelSelector | undefined, of: 'pods' | 'namespaces'): string {
  const parts: string[] = of === 'pods' ? ["projectcalico.org/orchestrator == 'k8s'"] : [];
  if (selector === undefined) return parts.join(' && ');
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const expressions = selector.matchExpressions ?? [];
  // An empty selector of namespaces selects all; none at all means the policy's own.
  if (of === 'namespaces' && labels.length === 0 && expressions.length === 0) return 'all()';
  for (const [label, value] of labels) parts.push(`${label} == '${value}'`);
  for (const { key, operator, values = [] } of expressions) {
    const list = values.map((value) => `'${value}'`).join(', ');
    if (operator === 'In') parts.push(`${key} in { ${list} }`);
    else if (operator === 'NotIn') parts.push(`${key} not in { ${list} }`);
    else if (operator === 'Exists') parts.push(`has(${key})`);
    else parts.push(`! has(${key})`);
  }
  return parts.join(' && ');
}

function peerEntity(peer: NetworkPolicyPeer | undefined): EntityRule {
  if (peer === undefined) return {};
  if (peer.ipBlock !== undefined) return { nets: [peer.ipBlock.cidr ?? ''], notNets: peer.ipBlock.except ?? [] };
  const namespaces = selectorText(peer.namespaceSelector, 'namespaces');
  return { selector: selectorText(peer.podSelector, 'pods'), ...(namespaces === '' ? {} : { namespaceSelector: namespaces }) };
}

const portText = ({ port, endPort }: NetworkPolicyPort): number | string | undefined =>
  port === undefined || endPort === undefined ? port : `${port}:${endPort}`;

/** Ports by protocol; undefined for a protocol means all of its ports. Undefined as a whole: any protocol. */
function portsByProtocol(ports: readonly NetworkPolicyPort[]): ReadonlyMap<string, readonly (number | string)[] | undefined> | undefined {
  if (ports.length === 0) return undefined;
  const found = new Map<string, readonly (number | string)[] | undefined>();
  for (const one of ports) {
    const protocol = one.protocol ?? 'TCP';
    const port = portText(one);
    const known = found.get(protocol);
    if (port === undefined) found.set(protocol, undefined);
    else if (!found.has(protocol) || known !== undefined) found.set(protocol, [...(known ?? []), port]);
  }
  return found;
}

/** As few ranges as will do; names come first. */
function simplified(ports: readonly (number | string)[]): readonly (number | string)[] {
  const named = ports.filter((port) => !/^\d/.test(String(port)));
  const ranges = ports
    .filter((port) => /^\d/.test(String(port)))
    .map((port) => String(port).split(':').map(Number))
    .map(([first = 0, last = first]) => [first, last] as const)
    .sort((a, b) => a[0] - b[0]);
  if (ports.length <= 1 || (ranges.every(([first, last]) => first === last) && ranges.length <= 1)) return ports;
  const joined: [number, number][] = [];
  for (const [first, last] of ranges) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return [...named, ...joined.map(([first, last]) => (first === last ? first : `${first}:${last}`))];
}

function convert(rule: NetworkPolicyRule, peers: readonly NetworkPolicyPeer[] | undefined, ingress: boolean): CalicoRule[] {
  const byProtocol = portsByProtocol(rule.ports ?? []);
  const protocols = byProtocol === undefined ? [undefined] : [...byProtocol.keys()].sort();
  const all: readonly (NetworkPolicyPeer | undefined)[] = peers === undefined || peers.length === 0 ? [undefined] : peers;
  return protocols.flatMap((protocol) => {
    const ports = protocol === undefined ? undefined : byProtocol?.get(protocol);
    const to = ports === undefined ? {} : { ports: simplified(ports) };
    return all.map((peer): CalicoRule => {
      const entity = peerEntity(peer);
      const common = { action: 'Allow', ...(protocol === undefined ? {} : { protocol }) };
      return ingress ? { ...common, source: entity, destination: to } : { ...common, destination: { ...to, ...entity } };
    });
  });
}

export function policyOfNetworkPolicy(policy: NetworkPolicy): CalicoPolicy {
  const { spec = {}, metadata } = policy;
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'NetworkPolicy.projectcalico.org',
    metadata: { name: `knp.default.${metadata.name}`, namespace: metadata.namespace ?? 'default' },
    spec: {
      order: ORDER,
      selector: selectorText(spec.podSelector ?? {}, 'pods'),
      types: spec.policyTypes === undefined || spec.policyTypes.length === 0 ? ['Ingress'] : spec.policyTypes,
      ingress: (spec.ingress ?? []).flatMap((rule) => convert(rule, rule.from, true)),
      egress: (spec.egress ?? []).flatMap((rule) => convert(rule, rule.to, false)),
    },
  };
}
