/** Cilium's policies for the walk and the matrix: all that select an endpoint are asked together, a denial counts first, and ranges of addresses never mean pods or nodes. Cilium v1.18: pkg/policy */
import { type IpPrefix, inPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import type { BpfL7Rules } from '../../net/bpf/bpf-records.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { type Labels, matchesSelector } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import { modelWith, type PolicyModel, policyModel } from '../policy/policy-model.ts';
import type { CompiledPolicy, EntityTerm, PeerTerm, PolicyDirection, PolicyEndpoint, PolicyRule, PortTerm } from '../policy/policy-types.ts';
import { CILIUM_CONFIG_MAP } from './cilium-config.ts';
import { endpointNumbers } from './cilium-identity.ts';
import { labelsOf } from './cilium-policy.ts';
import { type CiliumRule, ciliumRules, ICMP, type IdentitySelector, type Peer, POLICY_KINDS, type PortSpec, type SideRule } from './cilium-rules.ts';

const STAGE = 'Cilium';
const LAST_PORT = 65_535;
const ECHO_REQUEST = 8;
const WORLD = labelsOf(['reserved:world']);
const NAMES: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP', [ICMP]: 'ICMP' };

/** Labels of identities, as this or that pod's agent has them. */
interface Identities {
  of(endpoint: PolicyEndpoint, subject: PolicyEndpoint): Labels;
}

function identitiesOf(view: StoreView): Identities {
  const { identities, labels } = endpointNumbers(view);
  const read = new Map([...labels].map(([number, texts]) => [number, labelsOf(texts)]));
  const servers = new Set(
    view
      .list<
        {
          readonly apiVersion: string;
          readonly kind: string;
          readonly metadata: { readonly name: string; readonly labels?: Labels; readonly namespace?: string };
        } & {
          readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
        }
      >('EndpointSlice', 'default')
      .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'kubernetes')
      .flatMap((slice) => (slice.endpoints ?? []).flatMap((one) => one.addresses)),
  );
  const prefixes = [...servers].flatMap((one) => parseIpPrefix(one) ?? []);
  const nodes = new Map<string, Labels>();
  return {
    of(endpoint, subject) {
      if (endpoint.pod !== undefined) return read.get(identities.get(`Pod/${endpoint.pod.id}`) ?? 0) ?? {};
      if (endpoint.node === undefined) return WORLD;
      const own = endpoint.node.name === subject.pod?.node;
      const server = endpoint.ips.some((ip) => prefixes.some((one) => inPrefix(one.network, one.prefixLength, ip)));
      const key = `${own} ${server}`;
      const known = nodes.get(key) ?? labelsOf([own ? 'reserved:host' : 'reserved:remote-node', ...(server ? ['reserved:kube-apiserver'] : [])]);
      nodes.set(key, known);
      return known;
    },
  };
}

/** `app=web`, without the sources that say little. */
const selectorText = ({ matchLabels = {}, matchExpressions = [] }: IdentitySelector): string => {
  const key = (text: string): string => text.replace(/^(?:k8s|any):/, '').replace(/^io\.kubernetes\.pod\./, '');
  const parts = [
    ...Object.entries(matchLabels).map(([name, value]) => (name.startsWith('reserved:') ? `the entity ${name.slice(9)}` : `${key(name)}=${value}`)),
    ...matchExpressions.map(({ key: name, operator, values = [] }) => `${key(name)} ${operator}${values.length === 0 ? '' : ` (${values.join(', ')})`}`),
  ];
  return parts.length === 0 ? 'any endpoint' : parts.join(', ');
};

function peerTerm(peer: Peer, path: string, identities: Identities): PeerTerm {
  switch (peer.kind) {
    case 'selector':
      return {
        kind: 'entity',
        path,
        text: selectorText(peer.selector),
        perSubject: true,
        matches: (endpoint, _ip, subject) => matchesSelector(peer.selector, identities.of(endpoint, subject)),
      } satisfies EntityTerm;
    case 'cidr': {
      const range = parseIpPrefix(peer.cidr);
      const except = peer.except.flatMap((one): IpPrefix[] => {
        const found = parseIpPrefix(one);
        return found === undefined ? [] : [found];
      });
      return {
        kind: 'entity',
        path,
        text: `outside the cluster in ${peer.cidr}${peer.except.length === 0 ? '' : ` but ${peer.except.join(', ')}`}`,
        matches: (endpoint, ip) =>
          endpoint.pod === undefined &&
          endpoint.node === undefined &&
          ip !== undefined &&
          range !== undefined &&
          inPrefix(range.network, range.prefixLength, ip) &&
          !except.some((one) => inPrefix(one.network, one.prefixLength, ip)),
      };
    }
    case 'fqdn':
      return { kind: 'domains', path, names: [peer.pattern] };
  }
}

function portTerms({ protocol, port, endPort }: PortSpec, path: string): PortTerm[] {
  if (protocol === ICMP) return port === ECHO_REQUEST ? [{ path, protocol: 'ICMP', first: 0, last: 0, whole: true }] : [];
  const names = protocol === 0 ? ['TCP', 'UDP', 'SCTP'] : [NAMES[protocol] ?? 'other'];
  return names.map((name) => {
    if (typeof port === 'string') return { path, protocol: name, name: port, first: 0, last: 0 };
    return port === 0 ? { path, protocol: name, first: 0, last: LAST_PORT } : { path, protocol: name, first: port, last: endPort ?? port };
  });
}

function noteOf(rules: readonly BpfL7Rules[]): string | undefined {
  if (rules.length === 0) return undefined;
  const http = rules
    .flatMap((one) => one.http ?? [])
    .map((one) => [one.method, one.host, one.path].filter((part) => part !== undefined).join(' ') || 'any request');
  const names = rules.flatMap((one) => one.dns ?? []);
  const what = [...(http.length === 0 ? [] : [`requests ${http.join(', ')}`]), ...(names.length === 0 ? [] : [`questions for ${names.join(', ')}`])];
  return `a proxy reads what is said and lets through ${what.join('; ')}`;
}

function rulesOf(rule: CiliumRule, direction: PolicyDirection, place: string, identities: Identities): readonly PolicyRule[] {
  const counts = { allow: 0, deny: 0 };
  const all = rule[direction].map(({ deny, peers, ports }: SideRule): PolicyRule => {
    const index = deny ? counts.deny : counts.allow;
    counts[deny ? 'deny' : 'allow'] += 1;
    const path = `${place}.${direction}${deny ? 'Deny' : ''}[${index}]`;
    const note = noteOf((ports ?? []).flatMap((one) => one.l7 ?? []));
    return {
      path,
      action: deny ? 'Deny' : 'Accept',
      ...(note === undefined ? {} : { note }),
      ...(peers === undefined ? {} : { peers: peers.map((peer) => peerTerm(peer, path, identities)) }),
      ...(ports === undefined ? {} : { ports: ports.flatMap((one) => portTerms(one, path)) }),
    };
  });
  return [...all.filter((one) => one.action === 'Deny'), ...all.filter((one) => one.action !== 'Deny')];
}

/** What the agents make of all policies that they read. */
export const ciliumPolicyModel = perState([...POLICY_KINDS, 'Pod', 'Namespace', 'Node', 'ConfigMap', 'Service', 'EndpointSlice'], (view): PolicyModel => {
  const model = policyModel(view);
  const identities = identitiesOf(view);
  const { rules, mode } = ciliumRules(view);
  const seen = new Map<ObjectKey, number>();
  const ends = new Map(model.endpoints.flatMap((one) => (one.pod === undefined ? [] : [[one.pod.id, one] as const])));
  const labels = (id: string): Labels => {
    const end = ends.get(id);
    return end === undefined ? {} : identities.of(end, end);
  };
  const compiled = rules.map((rule): CompiledPolicy => {
    const object = view.find(rule.policy) as { readonly spec?: unknown } | undefined;
    const number = seen.get(rule.policy) ?? 0;
    seen.set(rule.policy, number + 1);
    const place = object?.spec !== undefined && number === 0 ? 'spec' : `specs[${object?.spec === undefined ? number : number - 1}]`;
    return {
      key: rule.policy,
      name: rule.policy.slice(rule.policy.lastIndexOf('/') + 1),
      tier: STAGE,
      priority: 0,
      subject: { namespaces: { labels: {} } },
      selects: (pod) => matchesSelector(rule.endpoints, labels(pod.id)),
      isolates: rule.denies,
      ingress: rulesOf(rule, 'ingress', place, identities),
      egress: rulesOf(rule, 'egress', place, identities),
    };
  });
  // enable-policy: always isolates whom no policy selects too.
  const always: CompiledPolicy = {
    key: CILIUM_CONFIG_MAP,
    name: 'enable-policy=always',
    tier: STAGE,
    priority: 0,
    subject: { namespaces: { labels: {} } },
    selects: () => true,
    ingress: [],
    egress: [],
  };
  const numbers = endpointNumbers(view).identities;
  const ranges = rules.flatMap((rule) =>
    [...rule.ingress, ...rule.egress].flatMap(({ peers = [] }) => peers.flatMap((peer) => (peer.kind === 'cidr' ? [peer.cidr, ...peer.except] : []))),
  );
  const prefixes = [...new Set(ranges)].flatMap((one) => parseIpPrefix(one) ?? []);
  const classOf = ({ pod, ips: [ip] }: PolicyEndpoint): string =>
    pod !== undefined
      ? `${numbers.get(`Pod/${pod.id}`) ?? 0}`
      : ip === undefined
        ? ''
        : prefixes.map((one) => (inPrefix(one.network, one.prefixLength, ip) ? 1 : 0)).join('');
  const policies = mode === 'never' ? [] : mode === 'always' ? [...compiled, always] : compiled;
  return modelWith(model, policies, [{ name: STAGE, how: 'deny first', end: 'deny' }], classOf);
});
