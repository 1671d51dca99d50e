/** Endpoints and policies as Felix sees them: NetworkPolicies are turned into Calico's own, selectors into sets of addresses. Calico v3.30: libcalico-go/lib/backend/k8s/conversion, felix/calc */
import type { KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { formatCidr, parseCidr } from '../../addresses.ts';
import { perState } from '../../node/per-state.ts';
import { hasSandbox } from '../../pod/running.ts';
import { namespaceOf, type Pod } from '../../pod/types.ts';
import type { ClusterNetworkPolicy } from '../../policy/cluster-network-policy.ts';
import type { NetworkPolicy } from '../../policy/network-policy.ts';
import { PairTable, pairText } from '../../policy/pair-index.ts';
import { CLUSTER_POLICY_KINDS, policyOfClusterPolicy } from './cluster-conversion.ts';
import { policyOfNetworkPolicy } from './conversion.ts';
import { hostDeviceOf } from './device-name.ts';
import { setName, uniqueId } from './felix-rule.ts';
import { formatSelector, matches, requiredPairs, type Selector, selectorOf, withPrefix } from './selector.ts';
import type { CalicoPolicy, CalicoRule, EntityRule, NetworkSet, Tier } from './types.ts';

export interface Endpoint {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly node: string;
  readonly ip: string;
  readonly device: string;
  /** In the order in which they are asked. */
  readonly profiles: readonly string[];
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  /** Endpoints of one class have the same labels, their own and those that they inherit. */
  readonly labels: LabelClass;
}

/** Labels that many endpoints share; what selectors say of them is worked out once. */
export interface LabelClass {
  readonly values: ReadonlyMap<string, string>;
  readonly pairs: readonly string[];
  readonly answers: Map<Selector, boolean>;
}

const MAX_ANSWERS = 20_000;

export function selects(selector: Selector, labels: LabelClass): boolean {
  let answer = labels.answers.get(selector);
  if (answer === undefined) {
    answer = matches(selector, (label) => labels.values.get(label));
    if (labels.answers.size >= MAX_ANSWERS) labels.answers.clear();
    labels.answers.set(selector, answer);
  }
  return answer;
}

export const NAMESPACE_LABEL = 'projectcalico.org/namespace';
export const ORCHESTRATOR_LABEL = 'projectcalico.org/orchestrator';
const ACCOUNT_LABEL = 'projectcalico.org/serviceaccount';

const classOf = (entries: readonly (readonly [string, string])[], classes: Map<string, LabelClass>): LabelClass => {
  const signature = JSON.stringify(entries);
  let found = classes.get(signature);
  if (found === undefined) {
    found = { values: new Map(entries), pairs: entries.map(([label, value]) => pairText(label, value)), answers: new Map() };
    classes.set(signature, found);
  }
  return found;
};

type Entry = readonly [string, string];
const prefixed = (labels: Readonly<Record<string, string>> | undefined, prefix: string): Entry[] =>
  Object.entries(labels ?? {}).map(([label, value]): Entry => [prefix + label, value]);
const byLabel = (a: Entry, b: Entry): number => (a[0] < b[0] ? -1 : 1);

/** What a namespace and a service account give to their endpoints: labels by way of their profiles. */
function inherited(namespace: string, account: string, view: StoreView): Entry[] {
  const ns = view.find(`Namespace/${namespace}`);
  const sa = view.find(`ServiceAccount/${namespace}/${account}`);
  return [
    ...prefixed(ns?.metadata.labels, 'pcns.'),
    ['pcns.projectcalico.org/name', namespace],
    ...prefixed(sa?.metadata.labels, 'pcsa.'),
    ['pcsa.projectcalico.org/name', account],
  ];
}

export const ENDPOINT_KINDS = ['Pod', 'Namespace', 'ServiceAccount'] as const;

/** Pods with a wire and an IPv4 address, wherever they are. */
export const endpoints = perState(ENDPOINT_KINDS, (view): readonly Endpoint[] => {
  const classes = new Map<string, LabelClass>();
  const parents = new Map<string, Entry[]>();
  return view.list<Pod>('Pod').flatMap((pod): Endpoint[] => {
    const ip = pod.status?.podIPs?.map((one) => one.ip).find((one) => !one.includes(':')) ?? pod.status?.podIP ?? '';
    if (pod.spec.hostNetwork === true || !hasSandbox(pod) || ip === '' || ip.includes(':')) return [];
    const namespace = namespaceOf(pod);
    const account = pod.spec.serviceAccountName ?? 'default';
    const parent = `${namespace}/${account}`;
    let above = parents.get(parent);
    if (above === undefined) {
      above = inherited(namespace, account, view);
      parents.set(parent, above);
    }
    const own: Entry[] = [...prefixed(pod.metadata.labels, ''), [NAMESPACE_LABEL, namespace], [ORCHESTRATOR_LABEL, 'k8s'], [ACCOUNT_LABEL, account]];
    return [
      {
        key: objectKey(pod),
        namespace,
        node: pod.spec.nodeName ?? '',
        ip,
        device: hostDeviceOf(pod),
        profiles: [`kns.${namespace}`, `ksa.${namespace}.${account}`],
        ports: [...(pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always'), ...pod.spec.containers].flatMap((one) =>
          (one.ports ?? []).flatMap(({ name, protocol = 'TCP', containerPort }) =>
            name === undefined ? [] : [{ name, protocol: protocol.toLowerCase(), port: containerPort }],
          ),
        ),
        labels: classOf([...above, ...own].sort(byLabel), classes),
      },
    ];
  });
});

/** A set of addresses, or of addresses with ports, that rules ask for. */
export interface WantedSet {
  /** As ipset knows it. */
  readonly name: string;
  readonly selector: Selector;
  readonly namedPort?: { readonly name: string; readonly protocol: string };
}

/** A rule whose selectors have become sets. Calico: felix/calc, ParsedRule */
export interface ParsedRule {
  readonly rule: CalicoRule;
  readonly source: ParsedEntity;
  readonly destination: ParsedEntity;
}

export interface ParsedEntity {
  readonly nets: readonly string[];
  readonly notNets: readonly string[];
  readonly sets: readonly WantedSet[];
  readonly notSets: readonly WantedSet[];
  readonly ports: readonly PortRange[];
  readonly portSets: readonly WantedSet[];
  readonly notPorts: readonly PortRange[];
  readonly notPortSets: readonly WantedSet[];
}
export type PortRange = readonly [first: number, last: number];

export interface FelixPolicy {
  readonly key: ObjectKey;
  /** As its chains are named: `default/knp.default.web`. */
  readonly id: string;
  readonly tier: string;
  readonly order: number;
  readonly selector: Selector;
  /** The text by which policies for the same endpoints are known. */
  readonly selectorText: string;
  readonly ingress: readonly ParsedRule[] | undefined;
  readonly egress: readonly ParsedRule[] | undefined;
}

const ALL: Selector = { op: 'all' };
const equals = (label: string, value: string): Selector => ({ op: '==', label, value });
const both = (...parts: readonly Selector[]): Selector => (parts.length === 1 ? (parts[0] as Selector) : { op: '&&', parts });

/** `all()` of namespaces means any pod in one, `global()` what is in none. Calico: updateprocessors/rules.go, getEndpointSelector */
function namespacesOf(selector: Selector): Selector {
  if (selector.op === 'all') return { op: 'has', label: NAMESPACE_LABEL };
  if (selector.op === 'global') return { op: 'not', of: { op: 'has', label: NAMESPACE_LABEL } };
  if ('of' in selector) return { op: 'not', of: namespacesOf(selector.of) };
  return 'parts' in selector ? { ...selector, parts: selector.parts.map(namespacesOf) } : withPrefix(selector, 'pcns.');
}

function accountsOf(accounts: NonNullable<EntityRule['serviceAccounts']>): Selector[] {
  const parts: Selector[] = [];
  if ((accounts.selector ?? '') !== '') parts.push(withPrefix(selectorOf(accounts.selector ?? ''), 'pcsa.'));
  if ((accounts.names ?? []).length > 0) parts.push({ op: 'in', label: ACCOUNT_LABEL, values: [...new Set(accounts.names)].sort() });
  return parts.length === 0 ? [] : [both(...parts)];
}

/** The one selector of a rule's side: undefined where any address will do. */
function entitySelector(entity: EntityRule, namespace: string | undefined): Selector | undefined {
  const own: Selector[] = [...(entity.serviceAccounts === undefined ? [] : accountsOf(entity.serviceAccounts))];
  if ((entity.selector ?? '') !== '') own.push(selectorOf(entity.selector ?? ''));
  const wantsNamespaces = (entity.namespaceSelector ?? '') !== '';
  const inNamespace = wantsNamespaces
    ? namespacesOf(selectorOf(entity.namespaceSelector ?? ''))
    : namespace === undefined
      ? undefined
      : equals(NAMESPACE_LABEL, namespace);
  const inner = own.length === 0 ? undefined : both(...own);
  if (inNamespace === undefined || (inner === undefined && (entity.notSelector ?? '') === '' && !wantsNamespaces)) return inner;
  return inner === undefined ? inNamespace : both(inNamespace, inner);
}

function selectorSet(selector: Selector): WantedSet {
  return { name: setName(uniqueId('s', formatSelector(selector))), selector };
}

function namedPortSet(selector: Selector, protocol: string, name: string): WantedSet {
  return { name: setName(uniqueId('n', `${uniqueId('s', formatSelector(selector))},${protocol},${name}`)), selector, namedPort: { name, protocol } };
}

const NUMBERS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '132': 'sctp' };
export const protocolName = (protocol: number | string | undefined): string => NUMBERS[String(protocol ?? '')] ?? String(protocol ?? '').toLowerCase();

function splitPorts(ports: readonly (number | string)[] = []): { readonly ranges: readonly PortRange[]; readonly named: readonly string[] } {
  const ranges: PortRange[] = [];
  const named: string[] = [];
  for (const port of ports) {
    const match = /^(\d+)(?::(\d+))?$/.exec(String(port));
    if (match === null) named.push(String(port));
    else ranges.push([Number(match[1]), Number(match[2] ?? match[1])]);
  }
  return { ranges, named };
}

/** IPv4 ranges in their usual form. */
const ofIp4 = (nets: readonly string[] = []): readonly string[] =>
  nets.flatMap((net) => {
    const range = parseCidr(net.includes('/') ? net : `${net}/32`);
    return range === undefined ? [] : [formatCidr(range)];
  });

function parseEntity(entity: EntityRule = {}, namespace: string | undefined, protocol: string): ParsedEntity {
  const positive = entitySelector(entity, namespace);
  const negative = (entity.notSelector ?? '') === '' ? undefined : selectorOf(entity.notSelector ?? '');
  // One set that holds both conditions is smaller than two.
  const selector = positive !== undefined && negative !== undefined ? both(positive, { op: 'not', of: negative }) : positive;
  const ports = splitPorts(entity.ports);
  const notPorts = splitPorts(entity.notPorts);
  const named = protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp';
  const portSet = (name: string): WantedSet => namedPortSet(selector ?? ALL, named, name);
  // The sets of named ports hold only what the selector selects.
  const needsSet = ports.ranges.length > 0 || ports.named.length === 0;
  return {
    nets: ofIp4(entity.nets),
    notNets: ofIp4(entity.notNets),
    sets: selector === undefined || !needsSet ? [] : [selectorSet(selector)],
    notSets: positive === undefined && negative !== undefined ? [selectorSet(negative)] : [],
    ports: ports.ranges,
    portSets: ports.named.map(portSet),
    notPorts: notPorts.ranges,
    notPortSets: notPorts.named.map(portSet),
  };
}

/** Rules for IPv6 alone have no part in iptables. */
function parseRule(rule: CalicoRule, namespace: string | undefined): ParsedRule[] {
  const onlySix = (entity: EntityRule | undefined): boolean => (entity?.nets ?? []).length > 0 && ofIp4(entity?.nets).length === 0;
  const excludesAll = (entity: EntityRule | undefined): boolean => (entity?.notNets ?? []).includes('0.0.0.0/0');
  if (rule.ipVersion === 6 || [rule.source, rule.destination].some((one) => onlySix(one) || excludesAll(one))) return [];
  const protocol = protocolName(rule.protocol);
  return [{ rule, source: parseEntity(rule.source, namespace, protocol), destination: parseEntity(rule.destination, namespace, protocol) }];
}

function typesOf({ spec = {} }: CalicoPolicy): readonly string[] {
  if (spec.types !== undefined && spec.types.length > 0) return spec.types;
  if ((spec.egress ?? []).length === 0) return ['Ingress'];
  return (spec.ingress ?? []).length === 0 ? ['Egress'] : ['Ingress', 'Egress'];
}

/** Objects do not change: what is made of one is made once. */
const made = new WeakMap<object, FelixPolicy>();

function toFelix(policy: CalicoPolicy, key: ObjectKey): FelixPolicy {
  let known = made.get(policy);
  if (known !== undefined) return known;
  const { spec = {}, metadata } = policy;
  const { namespace } = metadata;
  const selector = both(
    (spec.selector ?? '') === '' ? ALL : selectorOf(spec.selector ?? ''),
    ...(namespace === undefined ? [] : [equals(NAMESPACE_LABEL, namespace)]),
    ...((spec.namespaceSelector ?? '') === '' ? [] : [namespacesOf(selectorOf(spec.namespaceSelector ?? ''))]),
    ...((spec.serviceAccountSelector ?? '') === '' ? [] : [withPrefix(selectorOf(spec.serviceAccountSelector ?? ''), 'pcsa.')]),
  );
  const types = typesOf(policy);
  const tier = spec.tier ?? 'default';
  const name = /^k(?:np|cnp|anp|banp)\./.test(metadata.name) || metadata.name.startsWith(`${tier}.`) ? metadata.name : `${tier}.${metadata.name}`;
  known = {
    key,
    id: namespace === undefined ? name : `${namespace}/${name}`,
    tier,
    order: spec.order ?? Number.POSITIVE_INFINITY,
    selector,
    selectorText: formatSelector(selector),
    ingress: types.includes('Ingress') ? (spec.ingress ?? []).flatMap((rule) => parseRule(rule, namespace)) : undefined,
    egress: types.includes('Egress') ? (spec.egress ?? []).flatMap((rule) => parseRule(rule, namespace)) : undefined,
  };
  made.set(policy, known);
  return known;
}

const converted = new WeakMap<object, CalicoPolicy>();

export const POLICY_KINDS = ['NetworkPolicy', ...CLUSTER_POLICY_KINDS, 'NetworkPolicy.projectcalico.org', 'GlobalNetworkPolicy', 'Tier'] as const;

export interface FelixTier {
  readonly name: string;
  readonly passes: boolean;
  /** In their order. */
  readonly policies: readonly FelixPolicy[];
}

/** Tiers in their order, with what is in them. */
export const felixTiers = perState(POLICY_KINDS, (view): readonly FelixTier[] => {
  const all: FelixPolicy[] = [];
  const convert = <T extends KubeObject>(policy: T, how: (policy: T) => CalicoPolicy): void => {
    let own = converted.get(policy);
    if (own === undefined) {
      own = how(policy);
      converted.set(policy, own);
    }
    all.push(toFelix(own, objectKey(policy)));
  };
  for (const policy of view.list<NetworkPolicy>('NetworkPolicy')) convert(policy, policyOfNetworkPolicy);
  for (const kind of CLUSTER_POLICY_KINDS) for (const policy of view.list<ClusterNetworkPolicy>(kind)) convert(policy, policyOfClusterPolicy);
  for (const kind of ['NetworkPolicy.projectcalico.org', 'GlobalNetworkPolicy'] as const)
    for (const policy of view.list<CalicoPolicy>(kind)) all.push(toFelix(policy, objectKey(policy)));
  all.sort((a, b) => (a.order === b.order ? (a.id < b.id ? -1 : 1) : a.order - b.order));
  const tiers = new Map<string, { order: number; passes: boolean }>([
    ['kube-admin', { order: 1000, passes: true }],
    ['adminnetworkpolicy', { order: 1000, passes: true }],
    ['default', { order: 1_000_000, passes: false }],
    ['kube-baseline', { order: 10_000_000, passes: true }],
    ['baselineadminnetworkpolicy', { order: 10_000_000, passes: true }],
  ]);
  for (const tier of view.list<Tier>('Tier'))
    tiers.set(tier.metadata.name, { order: tier.spec?.order ?? Number.POSITIVE_INFINITY, passes: tier.spec?.defaultAction === 'Pass' });
  return [...tiers]
    .sort(([a, one], [b, other]) => (one.order === other.order ? (a < b ? -1 : 1) : one.order - other.order))
    .map(([name, { passes }]) => ({ name, passes, policies: all.filter((policy) => policy.tier === name) }));
});

export const SET_KINDS = ['NetworkSet', 'GlobalNetworkSet'] as const;

interface LabelledNets {
  readonly labels: LabelClass;
  readonly nets: readonly string[];
}

const networkSets = perState([...SET_KINDS, 'Namespace'], (view): readonly LabelledNets[] => {
  const classes = new Map<string, LabelClass>();
  const read = (set: NetworkSet, more: Entry[]): LabelledNets => ({
    labels: classOf([...prefixed(set.metadata.labels, ''), ...more].sort(byLabel), classes),
    nets: ofIp4(set.spec?.nets),
  });
  return [
    ...view.list<NetworkSet>('GlobalNetworkSet').map((set) => read(set, [])),
    ...view.list<NetworkSet>('NetworkSet').map((set) => {
      const namespace = set.metadata.namespace ?? 'default';
      return read(set, [
        [NAMESPACE_LABEL, namespace],
        ['pcns.projectcalico.org/name', namespace],
        ...prefixed(view.find(`Namespace/${namespace}`)?.metadata.labels, 'pcns.'),
      ]);
    }),
  ];
});

/** A set of networks cannot hold all of them as one. */
const setElements = (net: string): readonly string[] => (net === '0.0.0.0/0' ? ['0.0.0.0/1', '128.0.0.0/1'] : [net.replace(/\/32$/, '')]);

const members = perState([...ENDPOINT_KINDS, ...SET_KINDS], () => new Map<string, readonly string[]>());

const endpointTable = perState(ENDPOINT_KINDS, (view) => new PairTable(endpoints(view), (one) => one.labels.pairs));

/** Elements of a set, as ipset prints them; one list for all nodes. */
export function membersOf(set: WantedSet, view: StoreView): readonly string[] {
  const known = members(view);
  let list = known.get(set.name);
  if (list === undefined) {
    const { namedPort } = set;
    const chosen = endpointTable(view)
      .having(requiredPairs(set.selector))
      .filter((one) => selects(set.selector, one.labels));
    const elements =
      namedPort === undefined
        ? [
            ...chosen.map((one) => one.ip),
            ...networkSets(view)
              .filter((one) => selects(set.selector, one.labels))
              .flatMap((one) => one.nets)
              .flatMap(setElements),
          ]
        : chosen.flatMap((one) =>
            one.ports
              .filter((port) => port.name === namedPort.name && port.protocol === namedPort.protocol)
              .map((port) => `${one.ip},${port.protocol}:${port.port}`),
          );
    list = [...new Set(elements)];
    known.set(set.name, list);
  }
  return list;
}
