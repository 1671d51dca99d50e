/** Policies of every dialect as Cilium's rules: whom they select, which peers and ports they allow or deny. Cilium: pkg/k8s/network_policy.go, pkg/k8s/apis/cilium.io/utils, pkg/policy/api */
import type { BpfHttpRule, BpfL7Rules } from '../../net/bpf/bpf-records.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { LabelSelector } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../policy/network-policy.ts';
import { ciliumSettings } from './cilium-config.ts';
import type { CiliumCidrRule, CiliumNetworkPolicy, CiliumPeers, CiliumPortRule, CiliumRuleSpec, CiliumSideRule } from './cilium-policy-kinds.ts';

export type Direction = 'ingress' | 'egress';

/** Keys carry their source: `k8s:app`, `any:app`, `reserved:host`. */
export type IdentitySelector = LabelSelector;

export type Peer =
  | { readonly kind: 'selector'; readonly selector: IdentitySelector }
  | { readonly kind: 'cidr'; readonly cidr: string; readonly except: readonly string[] }
  | { readonly kind: 'fqdn'; readonly pattern: string };

export interface PortSpec {
  /** 0: TCP, UDP and SCTP. */
  readonly protocol: number;
  /** 0: all; a name is resolved with the pods' own. For ICMP the type. */
  readonly port: number | string;
  readonly endPort?: number;
  readonly l7?: BpfL7Rules;
}

export interface SideRule {
  readonly deny: boolean;
  /** Undefined: whoever it is. Empty: nobody. */
  readonly peers: readonly Peer[] | undefined;
  /** Undefined: everything, protocols without ports too. */
  readonly ports: readonly PortSpec[] | undefined;
}

export interface CiliumRule {
  readonly policy: ObjectKey;
  readonly endpoints: IdentitySelector;
  readonly ingress: readonly SideRule[];
  readonly egress: readonly SideRule[];
  /** What the policy does not allow is denied to those it selects. */
  readonly denies: Readonly<Record<Direction, boolean>>;
}

export interface CiliumRules {
  readonly rules: readonly CiliumRule[];
  readonly mode: 'default' | 'always' | 'never';
  /** In the order of their texts; each has an identity of its own. */
  readonly cidrs: readonly string[];
  readonly fqdns: readonly string[];
  /** Some rule names a port instead of numbering it. */
  readonly namesPorts: boolean;
}

export const NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels';
const PROTOCOLS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPV6: 58, ANY: 0 };
export const ICMP = 1;

// ---- networking.k8s.io/v1

/** The selector with its keys in another form; `matchLabels:` without a value is none. */
function mapKeys(selector: LabelSelector, key: (key: string) => string): LabelSelector {
  const { matchLabels, matchExpressions } = selector;
  return {
    ...(!matchLabels ? {} : { matchLabels: Object.fromEntries(Object.entries(matchLabels).map(([name, value]) => [key(name), value])) }),
    ...(!matchExpressions ? {} : { matchExpressions: matchExpressions.map((one) => ({ ...one, key: key(one.key) })) }),
  };
}

const both = (a: LabelSelector, b: LabelSelector): LabelSelector => ({
  matchLabels: { ...a.matchLabels, ...b.matchLabels },
  matchExpressions: [...(a.matchExpressions ?? []), ...(b.matchExpressions ?? [])],
});

const k8s = (key: string): string => `k8s:${key}`;
const inNamespace = (namespace: string): LabelSelector => ({ matchLabels: { [k8s(NAMESPACE_LABEL)]: namespace } });
const anyPod: LabelSelector = { matchExpressions: [{ key: k8s(NAMESPACE_LABEL), operator: 'Exists' }] };
const isEmpty = (selector: LabelSelector): boolean => Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;

function podPeer(peer: NetworkPolicyPeer, namespace: string): Peer | undefined {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (ipBlock !== undefined) return { kind: 'cidr', cidr: ipBlock.cidr ?? '', except: ipBlock.except ?? [] };
  const pods = mapKeys(podSelector ?? {}, k8s);
  if (namespaceSelector === undefined) return podSelector === undefined ? undefined : { kind: 'selector', selector: both(pods, inNamespace(namespace)) };
  const namespaces = isEmpty(namespaceSelector) ? anyPod : mapKeys(namespaceSelector, (key) => k8s(`${NAMESPACE_LABELS}.${key}`));
  return { kind: 'selector', selector: both(pods, namespaces) };
}

const podPort = ({ protocol = 'TCP', port, endPort }: NetworkPolicyPort): PortSpec => ({
  protocol: PROTOCOLS[protocol] ?? 6,
  port: port ?? 0,
  ...(endPort === undefined ? {} : { endPort }),
});

function ofNetworkPolicy(policy: NetworkPolicy): CiliumRule {
  const { spec = {} } = policy;
  const namespace = policy.metadata.namespace ?? 'default';
  const side = (rules: NonNullable<typeof spec.ingress>, who: 'from' | 'to'): SideRule[] =>
    rules.map((rule) => {
      const peers = rule[who] ?? [];
      const ports = rule.ports ?? [];
      return {
        deny: false,
        peers: peers.length === 0 ? undefined : peers.flatMap((peer) => podPeer(peer, namespace) ?? []),
        ports: ports.length === 0 ? undefined : ports.map(podPort),
      };
    });
  const types = spec.policyTypes ?? [];
  const denies = { ingress: types.includes('Ingress') || !types.includes('Egress'), egress: types.includes('Egress') };
  return {
    policy: objectKey(policy),
    endpoints: both(mapKeys(spec.podSelector ?? {}, k8s), inNamespace(namespace)),
    ingress: denies.ingress ? side(spec.ingress ?? [], 'from') : [],
    egress: denies.egress ? side(spec.egress ?? [], 'to') : [],
    denies,
  };
}

// ---- cilium.io/v2

/** A key without a source is anybody's. */
const sourced = (key: string): string => (key.includes(':') ? key : `any:${key}`);
const hasKey = (selector: LabelSelector, test: (key: string) => boolean): boolean =>
  Object.keys(selector.matchLabels ?? {}).some(test) || (selector.matchExpressions ?? []).some(({ key }) => test(key));

/** Without a namespace of its own a peer is in the policy's, or of a clusterwide policy in any. Cilium: getEndpointSelector */
function peerSelector(selector: LabelSelector, namespace: string): LabelSelector {
  const keys = mapKeys(selector, sourced);
  if (hasKey(keys, (key) => key.startsWith('reserved:'))) return keys;
  if (hasKey(keys, (key) => key === k8s(NAMESPACE_LABEL) || key === `any:${NAMESPACE_LABEL}`)) return keys;
  if (namespace === '') return both(keys, anyPod);
  return hasKey(keys, (key) => /^(?:k8s|any):io\.cilium\.k8s\.namespace\.labels\./.test(key)) ? keys : both(keys, inNamespace(namespace));
}

const reserved = (name: string): LabelSelector => ({ matchLabels: { [`reserved:${name}`]: '' } });

/** Cilium: pkg/policy/api/entity.go. Undefined: everybody. */
function entity(name: string, clusterName: string): readonly LabelSelector[] | undefined {
  switch (name) {
    case 'all':
      return undefined;
    case 'cluster':
      return [
        ...['host', 'remote-node', 'init', 'ingress', 'health', 'unmanaged', 'kube-apiserver'].map(reserved),
        { matchLabels: { 'k8s:io.cilium.k8s.policy.cluster': clusterName } },
      ];
    default:
      return [reserved(name)];
  }
}

const cidrPeer = (one: string | CiliumCidrRule): Peer =>
  typeof one === 'string' ? { kind: 'cidr', cidr: one, except: [] } : { kind: 'cidr', cidr: one.cidr ?? '', except: one.except ?? [] };

/** Undefined: whoever it is, where a rule names nobody but has ports, or says `all`. */
function peersOf(rule: CiliumPeers, namespace: string, clusterName: string, view: StoreView): readonly Peer[] | undefined {
  const endpoints = rule.fromEndpoints ?? rule.toEndpoints;
  const entities = rule.fromEntities ?? rule.toEntities;
  const cidrs = [...(rule.fromCIDR ?? rule.toCIDR ?? []), ...(rule.fromCIDRSet ?? rule.toCIDRSet ?? [])];
  const nodes = rule.fromNodes ?? rule.toNodes;
  const names = rule.toFQDNs;
  const services = rule.toServices;
  const named = [endpoints, entities, rule.fromCIDR ?? rule.toCIDR ?? rule.fromCIDRSet ?? rule.toCIDRSet, nodes, names, services].some(
    (one) => one !== undefined,
  );
  if (!named) return undefined;
  const peers: Peer[] = [];
  const select = (selector: LabelSelector): number => peers.push({ kind: 'selector', selector });
  for (const one of endpoints ?? []) select(peerSelector(one, namespace));
  for (const name of entities ?? []) {
    const selectors = entity(name, clusterName);
    if (selectors === undefined) return undefined;
    for (const one of selectors) select(one);
  }
  for (const one of cidrs) peers.push(cidrPeer(one));
  for (const { matchName, matchPattern } of names ?? []) peers.push({ kind: 'fqdn', pattern: matchName ?? matchPattern ?? '' });
  for (const { k8sService } of services ?? []) {
    if (k8sService === undefined) continue;
    const at = k8sService.namespace ?? namespace;
    const service = view.find<KubeObject & { readonly spec?: { readonly selector?: Readonly<Record<string, string>> } }>(
      `Service/${at}/${k8sService.serviceName ?? ''}`,
    );
    if (service?.spec?.selector !== undefined) select(both(mapKeys({ matchLabels: service.spec.selector }, k8s), inNamespace(at)));
  }
  return peers;
}

function l7Of(rule: CiliumPortRule): BpfL7Rules | undefined {
  const { http, dns } = rule.rules ?? {};
  if (http !== undefined && http.length > 0) return { http: http.map(httpRule) };
  return dns === undefined || dns.length === 0 ? undefined : { dns: dns.map((one) => one.matchName ?? one.matchPattern ?? '') };
}

function httpRule(rule: NonNullable<NonNullable<CiliumPortRule['rules']>['http']>[number]): BpfHttpRule {
  const headers = [
    ...(rule.headers ?? []),
    ...(rule.headerMatches ?? []).map((one) => (one.value === undefined ? (one.name ?? '') : `${one.name}: ${one.value}`)),
  ];
  return {
    ...(rule.method === undefined ? {} : { method: rule.method }),
    ...(rule.path === undefined ? {} : { path: rule.path }),
    ...(rule.host === undefined ? {} : { host: rule.host }),
    ...(headers.length === 0 ? {} : { headers }),
  };
}

/** Cilium: pkg/policy/api/icmp.go */
export const ICMP_TYPES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    EchoReply: 0,
    DestinationUnreachable: 3,
    Redirect: 5,
    Echo: 8,
    EchoRequest: 8,
    RouterAdvertisement: 9,
    RouterSelection: 10,
    TimeExceeded: 11,
    ParameterProblem: 12,
    Timestamp: 13,
    TimestampReply: 14,
  }),
);

function portsOf(rule: CiliumSideRule): readonly PortSpec[] | undefined {
  if (rule.toPorts === undefined && rule.icmps === undefined) return undefined;
  const ports: PortSpec[] = [];
  for (const one of rule.toPorts ?? []) {
    const l7 = l7Of(one);
    // Rules about contents without a port are about no port at all.
    for (const { port = '0', endPort, protocol = 'ANY' } of one.ports ?? []) {
      const number = /^\d+$/.test(port) ? Number(port) : port;
      ports.push({
        protocol: PROTOCOLS[protocol.toUpperCase()] ?? 0,
        port: number,
        ...(endPort === undefined || endPort === 0 ? {} : { endPort }),
        ...(l7 === undefined ? {} : { l7 }),
      });
    }
  }
  for (const { fields = [] } of rule.icmps ?? [])
    for (const { family = 'IPv4', type } of fields) {
      const number = typeof type === 'number' ? type : /^\d+$/.test(type ?? '') ? Number(type) : ICMP_TYPES.get(type ?? '');
      if (number !== undefined) ports.push({ protocol: family === 'IPv6' ? 58 : ICMP, port: number });
    }
  return ports;
}

function ofSpec(policy: ObjectKey, spec: CiliumRuleSpec, namespace: string, clusterName: string, view: StoreView): CiliumRule {
  const side = (allowed: readonly CiliumSideRule[] | undefined, denied: readonly CiliumSideRule[] | undefined): SideRule[] =>
    [...(allowed ?? []).map((rule) => ({ rule, deny: false })), ...(denied ?? []).map((rule) => ({ rule, deny: true }))].map(({ rule, deny }) => {
      const ports = portsOf(rule);
      const peers = peersOf(rule, namespace, clusterName, view);
      const says = Object.keys(rule).length > 0;
      // `- {}` selects nobody: it is the way to deny everything.
      return { deny, peers: says ? peers : [], ports };
    });
  const { ingress, egress, ingressDeny, egressDeny } = spec;
  const some = (...lists: (readonly unknown[] | undefined)[]): boolean => lists.some((list) => (list ?? []).length > 0);
  const own = mapKeys(spec.endpointSelector ?? {}, sourced);
  return {
    policy,
    endpoints: namespace === '' ? own : both(own, inNamespace(namespace)),
    ingress: side(ingress, ingressDeny),
    egress: side(egress, egressDeny),
    denies: {
      ingress: spec.enableDefaultDeny?.ingress ?? some(ingress, ingressDeny),
      egress: spec.enableDefaultDeny?.egress ?? some(egress, egressDeny),
    },
  };
}

function ofCiliumPolicy(policy: CiliumNetworkPolicy, clusterName: string, view: StoreView): CiliumRule[] {
  const namespace = policy.kind === 'CiliumNetworkPolicy' ? (policy.metadata.namespace ?? 'default') : '';
  const specs = [...(policy.spec === undefined ? [] : [policy.spec]), ...(policy.specs ?? [])];
  return specs.filter((spec) => spec.endpointSelector !== undefined).map((spec) => ofSpec(objectKey(policy), spec, namespace, clusterName, view));
}

// ---- all of them

export const POLICY_KINDS = ['NetworkPolicy', 'CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy'] as const;

export const ciliumRules = perState([...POLICY_KINDS, 'ConfigMap', 'Service'], (view): CiliumRules => {
  const { config } = ciliumSettings(view);
  const rules = [
    ...view.list<NetworkPolicy>('NetworkPolicy').map(ofNetworkPolicy),
    ...[...view.list<CiliumNetworkPolicy>('CiliumNetworkPolicy'), ...view.list<CiliumNetworkPolicy>('CiliumClusterwideNetworkPolicy')].flatMap((policy) =>
      ofCiliumPolicy(policy, config.clusterName, view),
    ),
  ];
  const cidrs = new Set<string>();
  const fqdns = new Set<string>();
  let namesPorts = false;
  for (const { ingress, egress } of rules)
    for (const { peers = [], ports = [] } of [...ingress, ...egress]) {
      for (const peer of peers)
        if (peer.kind === 'cidr') for (const one of [peer.cidr, ...peer.except]) cidrs.add(one);
        else if (peer.kind === 'fqdn') fqdns.add(peer.pattern);
      namesPorts ||= ports.some(({ port }) => typeof port === 'string');
    }
  return { rules, mode: config.enablePolicy, cidrs: [...cidrs].sort(), fqdns: [...fqdns].sort(), namesPorts };
});
