/** Policies of the whole cluster as GlobalNetworkPolicies in tiers of their own. Calico v3.30: libcalico-go/lib/backend/k8s/conversion/conversion_adminpolicy.go; v3.32 for ClusterNetworkPolicy */
import type {
  AdminPolicyPort,
  ClusterNetworkPolicy,
  ClusterPolicyPeer,
  ClusterPolicyProtocol,
  ClusterPolicyRule,
} from '../../policy/cluster-network-policy.ts';
import { selectorText } from './conversion.ts';
import type { CalicoPolicy, CalicoRule, EntityRule } from './types.ts';

export const ADMIN_TIERS = {
  ClusterNetworkPolicy: { Admin: 'kube-admin', Baseline: 'kube-baseline' },
  AdminNetworkPolicy: { Admin: 'adminnetworkpolicy', Baseline: 'adminnetworkpolicy' },
  BaselineAdminNetworkPolicy: { Admin: 'baselineadminnetworkpolicy', Baseline: 'baselineadminnetworkpolicy' },
} as const;
export const CLUSTER_POLICY_KINDS = ['ClusterNetworkPolicy', 'AdminNetworkPolicy', 'BaselineAdminNetworkPolicy'] as const;
const PREFIX: Readonly<Record<string, string>> = { ClusterNetworkPolicy: 'kcnp', AdminNetworkPolicy: 'kanp', BaselineAdminNetworkPolicy: 'kbanp' };

function subjectEntity(one: Pick<ClusterPolicyPeer, 'namespaces' | 'pods'>): EntityRule {
  const namespaces = one.pods === undefined ? (one.namespaces ?? {}) : (one.pods.namespaceSelector ?? {});
  return { selector: selectorText(one.pods?.podSelector, 'pods'), namespaceSelector: selectorText(namespaces, 'namespaces') };
}

/** Nodes and domain names it cannot turn into anything. */
function peerEntity(peer: ClusterPolicyPeer): EntityRule | undefined {
  if (peer.networks !== undefined) return { nets: peer.networks };
  return peer.nodes !== undefined || peer.domainNames !== undefined ? undefined : subjectEntity(peer);
}

interface Ports {
  readonly protocol: string;
  /** Undefined: all. */
  readonly port?: number | string;
}

const named = (port: string): Ports[] => ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ protocol, port }));

function ofProtocol(one: ClusterPolicyProtocol): Ports[] {
  if (one.destinationNamedPort !== undefined) return named(one.destinationNamedPort);
  return (['tcp', 'udp', 'sctp'] as const).flatMap((name) => {
    const found = one[name];
    if (found === undefined) return [];
    const { number, range } = found.destinationPort ?? {};
    const port = range === undefined ? number : `${range.start}:${range.end}`;
    return [{ protocol: name.toUpperCase(), ...(port === undefined ? {} : { port }) }];
  });
}

function ofPort({ portNumber, portRange, namedPort }: AdminPolicyPort): Ports[] {
  if (namedPort !== undefined) return named(namedPort);
  if (portRange !== undefined) return [{ protocol: portRange.protocol ?? 'TCP', port: `${portRange.start}:${portRange.end}` }];
  return portNumber === undefined ? [] : [{ protocol: portNumber.protocol ?? 'TCP', port: portNumber.port }];
}

function portsOf(rule: ClusterPolicyRule): readonly (Ports | undefined)[] {
  const ports = [...(rule.protocols ?? []).flatMap(ofProtocol), ...(rule.ports ?? []).flatMap(ofPort)];
  return (rule.protocols ?? []).length + (rule.ports ?? []).length === 0 ? [undefined] : ports;
}

function convert(rule: ClusterPolicyRule, side: 'from' | 'to'): CalicoRule[] {
  const action = rule.action === 'Deny' || rule.action === 'Pass' ? rule.action : 'Allow';
  return portsOf(rule).flatMap((ports) =>
    (rule[side] ?? []).flatMap((peer): CalicoRule[] => {
      const entity = peerEntity(peer);
      if (entity === undefined) return [];
      const to = ports?.port === undefined ? {} : { ports: [ports.port] };
      const common = { action, ...(ports === undefined ? {} : { protocol: ports.protocol }) };
      return [side === 'from' ? { ...common, source: entity, destination: to } : { ...common, destination: { ...entity, ...to } }];
    }),
  );
}

export function policyOfClusterPolicy(policy: ClusterNetworkPolicy): CalicoPolicy {
  const { spec = {}, metadata, kind } = policy;
  const tiers = ADMIN_TIERS[kind as keyof typeof ADMIN_TIERS];
  const tier = spec.tier === 'Baseline' ? tiers.Baseline : tiers.Admin;
  const { selector = '', namespaceSelector = '' } = subjectEntity(spec.subject ?? {});
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name: `${PREFIX[kind] ?? ''}.${tier}.${metadata.name}` },
    spec: {
      tier,
      order: spec.priority ?? 1000,
      selector,
      namespaceSelector,
      types: [...((spec.ingress ?? []).length > 0 ? ['Ingress'] : []), ...((spec.egress ?? []).length > 0 ? ['Egress'] : [])],
      ingress: (spec.ingress ?? []).flatMap((rule) => convert(rule, 'from')),
      egress: (spec.egress ?? []).flatMap((rule) => convert(rule, 'to')),
    },
  };
}
