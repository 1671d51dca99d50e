/** Calico's policies for the walk and the matrix: tiers in their order, in each its policies in theirs, the first rule that decides counts. Calico v3.30: felix/calc, felix/rules/policy.go */
import { formatIp, type IpPrefix, inPrefix, parseIpPrefix } from '../../../net/addr/ip.ts';
import type { Ip } from '../../../net/wire/packet.ts';
import type { ObjectKey, StoreView } from '../../../objects/types.ts';
import { perState } from '../../node/per-state.ts';
import { POLICY_KINDS as KUBERNETES_KINDS } from '../../policy/policy-kinds.ts';
import { modelWith, type PolicyModel, policyModel } from '../../policy/policy-model.ts';
import { compilePolicy } from '../../policy/policy-rules.ts';
import type { CompiledPolicy, EntityTerm, PolicyDirection, PolicyEndpoint, PolicyRule, PortTerm } from '../../policy/policy-types.ts';
import {
  ENDPOINT_KINDS,
  type Endpoint,
  endpoints,
  type FelixPolicy,
  felixTiers,
  type LabelClass,
  membersOf,
  type ParsedEntity,
  type ParsedRule,
  POLICY_KINDS,
  type PortRange,
  protocolName,
  SET_KINDS,
  selects,
  type WantedSet,
} from './felix-model.ts';
import { setName, uniqueId } from './felix-rule.ts';
import { formatSelector } from './selector.ts';
import type { CalicoPolicy } from './types.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP', 'ICMP'] as const;
const LAST_PORT = 65_535;
const ECHO_REQUEST = 8;

/** Who has what a rule asks of one side; each set once. */
class Sides {
  readonly #view: StoreView;
  readonly #members = new Map<string, { readonly addresses: ReadonlySet<string>; readonly ranges: readonly IpPrefix[] }>();
  /** All ranges that some rule names. */
  readonly ranges = new Map<string, IpPrefix>();

  constructor(view: StoreView) {
    this.#view = view;
  }

  #isIn(set: WantedSet, ip: Ip): boolean {
    let known = this.#members.get(set.name);
    if (known === undefined) {
      const members = membersOf(set, this.#view);
      const ranges = members.flatMap((one) => (one.includes('/') ? (parseIpPrefix(one) ?? []) : []));
      known = { addresses: new Set(members), ranges };
      this.#members.set(set.name, known);
    }
    return known.addresses.has(formatIp(ip)) || known.ranges.some((one) => inPrefix(one.network, one.prefixLength, ip));
  }

  #prefixes(nets: readonly string[]): readonly IpPrefix[] {
    return nets.flatMap((net) => {
      const prefix = this.ranges.get(net) ?? parseIpPrefix(net);
      if (prefix !== undefined) this.ranges.set(net, prefix);
      return prefix ?? [];
    });
  }

  /** Undefined: whoever it is. */
  term(entity: ParsedEntity, path: string): EntityTerm | undefined {
    // Named ports have taken the selector with them.
    const fromPorts = entity.portSets.slice(0, 1).flatMap(({ selector }) => (selector.op === 'all' ? [] : [selector]));
    const sets =
      entity.sets.length > 0 ? entity.sets : fromPorts.map((selector): WantedSet => ({ name: setName(uniqueId('s', formatSelector(selector))), selector }));
    const { nets, notNets, notSets } = entity;
    const parts = [
      ...sets.map((set) => formatSelector(set.selector)),
      ...notSets.map((set) => `not ${formatSelector(set.selector)}`),
      ...(nets.length === 0 ? [] : [`in ${nets.join(', ')}`]),
      ...(notNets.length === 0 ? [] : [`outside ${notNets.join(', ')}`]),
    ];
    if (parts.length === 0) return undefined;
    const [wanted, unwanted] = [this.#prefixes(nets), this.#prefixes(notNets)];
    const inside = (list: readonly IpPrefix[], ip: Ip): boolean => list.some((one) => inPrefix(one.network, one.prefixLength, ip));
    return {
      kind: 'entity',
      path,
      text: parts.join(' and '),
      matches: (_endpoint, ip) =>
        ip !== undefined &&
        sets.every((set) => this.#isIn(set, ip)) &&
        !notSets.some((set) => this.#isIn(set, ip)) &&
        (nets.length === 0 || inside(wanted, ip)) &&
        !inside(unwanted, ip),
    };
  }
}

/** The ports that are left when these are taken away. */
function without(ports: readonly PortRange[]): readonly PortRange[] {
  const left: PortRange[] = [];
  let next = 0;
  for (const [first, last] of [...ports].sort((a, b) => a[0] - b[0])) {
    if (first > next) left.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_PORT) left.push([next, LAST_PORT]);
  return left;
}

function portsOf({ rule, destination }: ParsedRule, path: string): readonly PortTerm[] | undefined {
  const wanted = protocolName(rule.protocol).toUpperCase();
  const unwanted = protocolName(rule.notProtocol).toUpperCase();
  const icmp = rule.icmp?.type === undefined || rule.icmp.type === ECHO_REQUEST;
  const notIcmp = rule.notICMP?.type === ECHO_REQUEST;
  const { ports, portSets, notPorts } = destination;
  const named = portSets.flatMap((set) => set.namedPort ?? []);
  if (wanted === '' && unwanted === '' && icmp && !notIcmp && ports.length + named.length + notPorts.length === 0) return undefined;
  const protocols = wanted === '' ? PROTOCOLS.filter((one) => one !== unwanted) : [wanted];
  return protocols.flatMap((protocol): PortTerm[] => {
    if (protocol === 'ICMP' && (!icmp || notIcmp)) return [];
    const range = ([first, last]: PortRange): PortTerm => ({ path: `${path}.destination.ports`, protocol, first, last });
    if (ports.length + named.length > 0)
      return [...ports.map(range), ...named.map(({ name }): PortTerm => ({ path: `${path}.destination.ports`, protocol, name, first: 0, last: 0 }))];
    if (notPorts.length > 0) return without(notPorts).map((one) => ({ ...range(one), path: `${path}.destination.notPorts` }));
    return [{ path: `${path}.protocol`, protocol, first: 0, last: LAST_PORT, whole: true }];
  });
}

const ACTIONS: Readonly<Record<string, PolicyRule['action']>> = { Allow: 'Accept', Deny: 'Deny', Pass: 'Pass', Log: 'Log' };
const NOBODY: readonly EntityTerm[] = [];

function ruleOf(parsed: ParsedRule, direction: PolicyDirection, index: number, sides: Sides): PolicyRule {
  const path = `spec.${direction}[${index}]`;
  const { rule, source, destination } = parsed;
  const from = sides.term(source, `${path}.source`);
  const to = sides.term(destination, `${path}.destination`);
  const [own, other] = direction === 'ingress' ? [to, from] : [from, to];
  const ports = portsOf(parsed, path);
  // A client's port is one of those that its kernel gives out: which one, nobody knows before.
  const bySourcePort = source.ports.length + source.portSets.length + source.notPorts.length + source.notPortSets.length > 0;
  const unread = bySourcePort || destination.notPortSets.length > 0;
  return {
    path,
    action: ACTIONS[rule.action] ?? 'Deny',
    ...(own === undefined ? {} : { subject: own }),
    ...(unread
      ? { peers: NOBODY, note: 'asks for ports of the source or for all but a named port, which is judged by packets alone' }
      : other === undefined
        ? {}
        : { peers: [other] }),
    ...(ports === undefined ? {} : { ports }),
  };
}

function ownPolicy(policy: FelixPolicy, object: CalicoPolicy, byPod: ReadonlyMap<string, Endpoint>, sides: Sides): CompiledPolicy {
  const rules = (direction: PolicyDirection): readonly PolicyRule[] | undefined =>
    policy[direction]?.map((parsed) => ruleOf(parsed, direction, (object.spec?.[direction] ?? []).indexOf(parsed.rule), sides));
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  return {
    key: policy.key,
    name: object.metadata.name,
    ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
    tier: policy.tier,
    priority: policy.order,
    subject: { namespaces: { labels: {} } },
    selects(pod) {
      const endpoint = byPod.get(pod.id);
      return endpoint !== undefined && selects(policy.selector, endpoint.labels);
    },
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
  };
}

const idOf = (key: ObjectKey): string => key.slice(key.indexOf('/') + 1);

/** What Felix makes of all policies that it reads. */
export const calicoPolicyModel = perState([...ENDPOINT_KINDS, ...POLICY_KINDS, ...SET_KINDS, 'Node'], (view): PolicyModel => {
  const sides = new Sides(view);
  const byPod = new Map(endpoints(view).map((one) => [idOf(one.key), one]));
  const tiers = felixTiers(view);
  const kubernetes: ReadonlySet<string> = new Set(KUBERNETES_KINDS);
  const compiled = tiers.flatMap((tier) =>
    tier.policies.flatMap((policy): CompiledPolicy[] => {
      const object = view.find(policy.key);
      if (object === undefined) return [];
      if (!kubernetes.has(policy.key.slice(0, policy.key.indexOf('/')))) return [ownPolicy(policy, object as CalicoPolicy, byPod, sides)];
      return [{ ...compilePolicy(object), tier: policy.tier }];
    }),
  );
  const numbers = new Map<LabelClass, number>();
  const ranges = [...sides.ranges.values()];
  // Sets of networks are found by labels: who is in one is told apart by its address.
  const byAddress = SET_KINDS.some((kind) => view.list(kind).length > 0);
  const classOf = (endpoint: PolicyEndpoint): string => {
    const labels = endpoint.pod === undefined ? undefined : byPod.get(endpoint.pod.id)?.labels;
    let number = -1;
    if (labels !== undefined) {
      number = numbers.get(labels) ?? numbers.size;
      numbers.set(labels, number);
    }
    const [ip] = endpoint.ips;
    if (ip === undefined) return `${number}`;
    return byAddress ? `${number} ${formatIp(ip)}` : `${number} ${ranges.map((one) => (inPrefix(one.network, one.prefixLength, ip) ? 1 : 0)).join('')}`;
  };
  const stages = tiers.map(({ name, passes }) => ({ name, how: 'ordered' as const, end: passes ? ('pass' as const) : ('deny' as const) }));
  return modelWith(policyModel(view), compiled, stages, classOf);
});
