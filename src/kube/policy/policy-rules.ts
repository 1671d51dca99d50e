/** From the objects' ways of saying it to the one form in which policies are judged: each object is read once. */
import { type IpPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type {
  AdminPolicyPort,
  ClusterNetworkPolicy,
  ClusterPolicyPeer,
  ClusterPolicyProtocol,
  ClusterPolicyRule,
  NamespacedPods,
} from './cluster-network-policy.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule } from './network-policy.ts';
import type { CompiledPolicy, PeerTerm, PolicyAction, PolicyBlock, PolicyRule, PolicyTier, PortTerm } from './policy-types.ts';

const LAST_PORT = 65535;
const prefixes = (texts: readonly string[]): readonly IpPrefix[] => texts.map(parseIpPrefix).filter((one) => one !== undefined);

function blockOf(cidr: string, except: readonly string[]): readonly PolicyBlock[] {
  const range = parseIpPrefix(cidr);
  return range === undefined ? [] : [{ range, except: prefixes(except) }];
}

function peerTerm(path: string, peer: NetworkPolicyPeer, own: string): PeerTerm {
  if (peer.ipBlock !== undefined) return { kind: 'networks', path, blocks: blockOf(peer.ipBlock.cidr ?? '', peer.ipBlock.except ?? []) };
  const namespaces = peer.namespaceSelector === undefined ? { own } : { labels: peer.namespaceSelector };
  return { kind: 'pods', path, namespaces, ...(peer.podSelector === undefined ? {} : { pods: peer.podSelector }) };
}

function portTerm(path: string, { protocol = 'TCP', port, endPort }: NetworkPolicyPort): PortTerm {
  if (typeof port === 'string') return { path, protocol, name: port, first: 0, last: 0 };
  return port === undefined ? { path, protocol, first: 0, last: LAST_PORT } : { path, protocol, first: port, last: endPort ?? port };
}

function networkRules(direction: 'ingress' | 'egress', rules: readonly NetworkPolicyRule[], own: string): readonly PolicyRule[] {
  const side = direction === 'ingress' ? 'from' : 'to';
  return rules.map((rule, index) => {
    const path = `spec.${direction}[${index}]`;
    const peers = rule[side] ?? [];
    const ports = rule.ports ?? [];
    return {
      path,
      action: 'Accept',
      ...(peers.length === 0 ? {} : { peers: peers.map((peer, i) => peerTerm(`${path}.${side}[${i}]`, peer, own)) }),
      ...(ports.length === 0 ? {} : { ports: ports.map((port, i) => portTerm(`${path}.ports[${i}]`, port)) }),
    };
  });
}

function networkPolicyRules(policy: NetworkPolicy): CompiledPolicy {
  const own = namespaceOf(policy);
  const spec = policy.spec ?? {};
  const types = spec.policyTypes ?? [];
  // As the API server fills it in, for objects that it has not seen.
  const ingress = types.length === 0 || types.includes('Ingress');
  const egress = types.length === 0 ? (spec.egress ?? []).length > 0 : types.includes('Egress');
  return {
    key: objectKey(policy),
    name: policy.metadata.name,
    namespace: own,
    tier: 'NetworkPolicy',
    priority: 0,
    subject: { namespaces: { own }, pods: spec.podSelector ?? {} },
    ...(ingress ? { ingress: networkRules('ingress', spec.ingress ?? [], own) } : {}),
    ...(egress ? { egress: networkRules('egress', spec.egress ?? [], own) } : {}),
  };
}

const everybody = {};
const podsTerm = (path: string, { namespaceSelector = everybody, podSelector = everybody }: NamespacedPods): PeerTerm => ({
  kind: 'pods',
  path,
  namespaces: { labels: namespaceSelector },
  pods: podSelector,
});

function clusterPeer(path: string, peer: ClusterPolicyPeer): PeerTerm {
  if (peer.pods !== undefined) return podsTerm(path, peer.pods);
  if (peer.nodes !== undefined) return { kind: 'nodes', path, nodes: peer.nodes };
  if (peer.domainNames !== undefined) return { kind: 'domains', path, names: peer.domainNames };
  if (peer.networks !== undefined) return { kind: 'networks', path, blocks: peer.networks.flatMap((range) => blockOf(range, [])) };
  return { kind: 'pods', path, namespaces: { labels: peer.namespaces ?? everybody } };
}

function clusterPort(path: string, one: ClusterPolicyProtocol): PortTerm {
  for (const [name, protocol] of [
    ['tcp', 'TCP'],
    ['udp', 'UDP'],
    ['sctp', 'SCTP'],
  ] as const) {
    const part = one[name];
    if (part === undefined) continue;
    const { number, range } = part.destinationPort ?? {};
    const first = number ?? range?.start ?? 0;
    return { path, protocol, first, last: number ?? range?.end ?? LAST_PORT };
  }
  return { path, name: one.destinationNamedPort ?? '', first: 0, last: 0 };
}

function adminPort(path: string, { portNumber, portRange, namedPort = '' }: AdminPolicyPort): PortTerm {
  if (portNumber !== undefined) return { path, protocol: portNumber.protocol ?? 'TCP', first: portNumber.port, last: portNumber.port };
  if (portRange !== undefined) return { path, protocol: portRange.protocol ?? 'TCP', first: portRange.start, last: portRange.end };
  return { path, name: namedPort, first: 0, last: 0 };
}

const actionOf = (word: string): PolicyAction => (word === 'Deny' || word === 'Pass' ? word : 'Accept');

function clusterRules(direction: 'ingress' | 'egress', rules: readonly ClusterPolicyRule[]): readonly PolicyRule[] {
  const side = direction === 'ingress' ? 'from' : 'to';
  return rules.map((rule, index) => {
    const path = `spec.${direction}[${index}]`;
    const ports = [
      ...(rule.protocols ?? []).map((one, i) => clusterPort(`${path}.protocols[${i}]`, one)),
      ...(rule.ports ?? []).map((one, i) => adminPort(`${path}.ports[${i}]`, one)),
    ];
    return {
      path,
      ...(rule.name === undefined ? {} : { name: rule.name }),
      action: actionOf(rule.action),
      peers: (rule[side] ?? []).map((peer, i) => clusterPeer(`${path}.${side}[${i}]`, peer)),
      ...(ports.length === 0 ? {} : { ports }),
    };
  });
}

function clusterPolicyRules(policy: ClusterNetworkPolicy): CompiledPolicy {
  const spec = policy.spec ?? {};
  const tier: PolicyTier = policy.kind === 'BaselineAdminNetworkPolicy' || spec.tier === 'Baseline' ? 'Baseline' : 'Admin';
  const { ingress = [], egress = [], subject = {} } = spec;
  return {
    key: objectKey(policy),
    name: policy.metadata.name,
    tier,
    priority: spec.priority ?? 0,
    subject:
      subject.pods === undefined
        ? { namespaces: { labels: subject.namespaces ?? everybody } }
        : { namespaces: { labels: subject.pods.namespaceSelector ?? everybody }, pods: subject.pods.podSelector ?? everybody },
    ...(ingress.length === 0 ? {} : { ingress: clusterRules('ingress', ingress) }),
    ...(egress.length === 0 ? {} : { egress: clusterRules('egress', egress) }),
  };
}

const compiled = new WeakMap<KubeObject, CompiledPolicy>();

/** Of a NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy; the same object gives the same answer. */
export function compilePolicy(object: KubeObject): CompiledPolicy {
  const known = compiled.get(object);
  if (known !== undefined) return known;
  const policy = object.kind === 'NetworkPolicy' ? networkPolicyRules(object as NetworkPolicy) : clusterPolicyRules(object as ClusterNetworkPolicy);
  compiled.set(object, policy);
  return policy;
}
