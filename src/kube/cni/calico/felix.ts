/** All that Felix writes on a node: static chains, a pair of chains for each local endpoint, those of its policies and profiles, and the sets that they ask for. Calico v3.30: felix/rules/endpoints.go, dispatch.go; felix/dataplane/linux/endpoint_mgr.go */
import type { Origin } from '../../../base/origin.ts';
import type { Chain, IpSet, IpSetEntry, NetRecord, Rule } from '../../../net/records.ts';
import type { StoreView } from '../../../objects/types.ts';
import { formatCidr } from '../../addresses.ts';
import type { ClusterNode } from '../../node/cluster-network.ts';
import { findNode } from '../../node/cluster-network.ts';
import { perState } from '../../node/per-state.ts';
import { chainId, rootNetnsId } from '../../node/record-ids.ts';
import { SelectorIndex } from '../../policy/pair-index.ts';
import { daemonNodes, daemonsOf } from '../daemons.ts';
import {
  ENDPOINT_KINDS,
  type Endpoint,
  endpoints,
  type FelixPolicy,
  type FelixTier,
  felixTiers,
  type LabelClass,
  membersOf,
  type ParsedRule,
  POLICY_KINDS,
  SET_KINDS,
  selects,
  type WantedSet,
} from './felix-model.ts';
import { chainRules, type RuleSettings } from './felix-policy-rules.ts';
import { ACCEPT_MARK, chainName, clearMark, type FelixRule, goTo, hashedRules, jump, markClear, markSet, PASS_MARK, setMark } from './felix-rule.ts';
import { SETS, type StaticSettings, staticChains } from './felix-static.ts';
import { policyGroupId } from './policy-group.ts';
import { requiredPairs } from './selector.ts';
import { CALICO, calicoSettings, SETTING_KINDS, tunnelAddress } from './settings.ts';

export const FELIX = 'felix';
export const FELIX_KINDS = [...new Set([...ENDPOINT_KINDS, ...POLICY_KINDS, ...SET_KINDS, ...SETTING_KINDS])];

type Direction = 'ingress' | 'egress';
const PREFIX = {
  ingress: { endpoint: 'cali-tw-', policy: 'cali-pi-', profile: 'cali-pri-', group: 'cali-gi-', dispatch: 'cali-to-wl-dispatch', match: '--out-interface' },
  egress: { endpoint: 'cali-fw-', policy: 'cali-po-', profile: 'cali-pro-', group: 'cali-go-', dispatch: 'cali-from-wl-dispatch', match: '--in-interface' },
} as const;
const word = (verdict: string): string => verdict.slice(0, 1) + verdict.slice(1).toLowerCase();

const upper = (text: string | undefined, fallback: string): string => (text ?? fallback).toUpperCase();

/** An environment variable of the daemon counts more than the FelixConfiguration. */
const environmentAction = perState(['Pod'], (view): string | undefined => {
  const [daemon] = daemonsOf(CALICO, view).values();
  const variables = daemon?.pod.spec.containers.flatMap((container) => container.env ?? []) ?? [];
  return variables.find((one) => one.name === 'FELIX_DEFAULTENDPOINTTOHOSTACTION')?.value;
});

interface Settings extends StaticSettings, RuleSettings {}

function settingsOf(node: ClusterNode, view: StoreView): Settings {
  const { felix, pools, tunnels } = calicoSettings(view);
  const hasEnd = (tunnel: 'ipip' | 'vxlan'): boolean => tunnels.includes(tunnel) && tunnelAddress(node.name, tunnel, view) !== undefined;
  return {
    ipip: tunnels.includes('ipip'),
    vxlan: tunnels.includes('vxlan'),
    vxlanPort: felix.vxlanPort ?? 4789,
    tunnels: [...(hasEnd('ipip') ? ['tunl0'] : []), ...(hasEnd('vxlan') ? ['vxlan.calico'] : [])],
    natOutgoing: pools.some((pool) => pool.natOutgoing),
    allow: upper(felix.iptablesFilterAllowAction, 'Accept'),
    deny: upper(felix.iptablesFilterDenyAction, 'Drop'),
    toHost: upper(environmentAction(view) ?? felix.defaultEndpointToHostAction, 'Drop'),
    serviceCidrs: [],
    loopPrevention: felix.serviceLoopPrevention ?? 'Drop',
    logPrefix: felix.logPrefix ?? 'calico-packet',
  };
}

/** What one endpoint is subject to in one direction. */
interface AppliedTier {
  readonly tier: FelixTier;
  readonly policies: readonly FelixPolicy[];
}

/** Worked out once for all endpoints with the same labels. */
const appliedTo = new WeakMap<readonly FelixTier[], Map<LabelClass, Readonly<Record<Direction, readonly AppliedTier[]>>>>();

const indexes = new WeakMap<FelixTier, SelectorIndex<FelixPolicy>>();
function indexOf(tier: FelixTier): SelectorIndex<FelixPolicy> {
  let index = indexes.get(tier);
  if (index === undefined) {
    index = new SelectorIndex(tier.policies, (policy) => requiredPairs(policy.selector));
    indexes.set(tier, index);
  }
  return index;
}

function applied(labels: LabelClass, direction: Direction, tiers: readonly FelixTier[]): readonly AppliedTier[] {
  const classes = appliedTo.get(tiers) ?? new Map<LabelClass, Readonly<Record<Direction, readonly AppliedTier[]>>>();
  appliedTo.set(tiers, classes);
  let known = classes.get(labels);
  if (known === undefined) {
    const selected = tiers.map((tier) =>
      indexOf(tier)
        .candidates(labels.pairs)
        .filter((policy) => selects(policy.selector, labels)),
    );
    const of = (side: Direction): readonly AppliedTier[] =>
      tiers.flatMap((tier, i) => {
        const policies = (selected[i] ?? []).filter((policy) => policy[side] !== undefined);
        return policies.length === 0 ? [] : [{ tier, policies }];
      });
    known = { ingress: of('ingress'), egress: of('egress') };
    classes.set(labels, known);
  }
  return known[direction];
}

/** Of an endpoint's chain all that can change, as a short text: most chains stay as they are when a policy or a pod comes. */
const numbers = new WeakMap<FelixPolicy, number>();
const counter = { next: 0 };
const numberOf = (policy: FelixPolicy): number => {
  let number = numbers.get(policy);
  if (number === undefined) {
    counter.next += 1;
    number = counter.next;
    numbers.set(policy, number);
  }
  return number;
};
const chains = new Map<string, readonly Rule[]>();
const MAX_CHAINS = 20_000;

function endpointChain(name: string, endpoint: Endpoint, direction: Direction, tiers: readonly AppliedTier[], settings: Settings): readonly Rule[] {
  const { allow, deny, vxlanPort } = settings;
  const told = tiers.map(({ tier, policies }) => `${tier.name}${tier.passes ? '+' : ''}:${policies.map(numberOf).join(',')}`).join(' ');
  const key = `${name} ${endpoint.key} ${endpoint.profiles.join(' ')} ${allow} ${deny} ${vxlanPort} ${told}`;
  let rules = chains.get(key);
  if (rules === undefined) {
    rules = hashedRules(name, endpointRules(endpoint, direction, tiers, settings));
    if (chains.size >= MAX_CHAINS) chains.clear();
    chains.set(key, rules);
  }
  return rules;
}

interface Group {
  readonly chain: string;
  readonly policies: readonly FelixPolicy[];
}

const grouped = new WeakMap<AppliedTier, readonly Group[]>();

/** Neighbours that select by the same words share a chain. */
function groupsOf(one: AppliedTier, direction: Direction): readonly Group[] {
  let groups = grouped.get(one);
  if (groups === undefined) {
    groups = makeGroups(one, direction);
    grouped.set(one, groups);
  }
  return groups;
}

function makeGroups({ tier, policies }: AppliedTier, direction: Direction): readonly Group[] {
  const groups: FelixPolicy[][] = [];
  for (const policy of policies) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]?.selectorText === policy.selectorText) last.push(policy);
    else groups.push([policy]);
  }
  const prefix = PREFIX[direction];
  return groups.map((group) => {
    const [only] = group as [FelixPolicy];
    const chain =
      group.length === 1
        ? chainName(prefix.policy, only.id)
        : `${prefix.group}${policyGroupId(
            tier.name,
            only.selectorText,
            direction,
            group.map((one) => one.id),
          )}`;
    return { chain, policies: group };
  });
}

const RETURN_STRIDE = 5;

function groupRules(group: Group, direction: Direction): FelixRule[] {
  const undecided = `-m mark --mark 0/0x30000`;
  return group.policies.flatMap((policy, i): FelixRule[] => [
    ...(i > 0 && i % RETURN_STRIDE === 0 ? [{ match: '-m mark ! --mark 0/0x30000', action: '--jump RETURN', comments: ['Return on verdict'] }] : []),
    { ...(i % RETURN_STRIDE === 0 ? {} : { match: undecided }), action: jump(chainName(PREFIX[direction].policy, policy.id)) },
  ]);
}

function endpointRules(endpoint: Endpoint, direction: Direction, tiers: readonly AppliedTier[], settings: Settings): FelixRule[] {
  const { allow, deny, vxlanPort } = settings;
  const rules: FelixRule[] = [];
  const established = '-m conntrack --ctstate RELATED,ESTABLISHED';
  if (allow !== 'ACCEPT') rules.push({ match: established, action: setMark(ACCEPT_MARK) });
  rules.push({ match: established, action: jump(allow) }, { match: '-m conntrack --ctstate INVALID', action: jump(deny) }, { action: clearMark('0x30000') });
  // A tunnel of a pod's own would carry what its policy forbids.
  if (direction === 'egress')
    rules.push(
      {
        match: `-p 17 -m multiport --destination-ports ${vxlanPort}`,
        action: jump(deny),
        comments: [`${word(deny)} VXLAN encapped packets originating in workloads`],
      },
      { match: '-p 4', action: jump(deny), comments: [`${word(deny)} IPinIP encapped packets originating in workloads`] },
    );
  for (const one of tiers) {
    rules.push({ action: clearMark(PASS_MARK), comments: [`Start of tier ${one.tier.name}`] });
    for (const group of groupsOf(one, direction))
      rules.push(
        { match: markClear(PASS_MARK), action: jump(group.chain) },
        { match: markSet(ACCEPT_MARK), action: '--jump RETURN', comments: ['Return if policy accepted'] },
      );
    if (!one.tier.passes)
      rules.push({
        match: markClear(PASS_MARK),
        action: jump(deny),
        comments: [`End of tier ${one.tier.name}. ${word(deny)} if no policies passed packet`],
        // Whoever selects the endpoint is why what they do not allow is denied.
        origin: { component: FELIX, objects: [...one.policies.map((policy) => policy.key), endpoint.key] },
      });
  }
  for (const profile of endpoint.profiles)
    rules.push(
      { action: jump(chainName(PREFIX[direction].profile, profile)) },
      { match: markSet(ACCEPT_MARK), action: '--jump RETURN', comments: ['Return if profile accepted'] },
    );
  rules.push({ action: jump(deny), comments: [`${word(deny)} if no profiles matched`] });
  return rules;
}

/** Names of devices, by one more letter than all of them share: a chain for each letter that several have. */
function dispatchChains(direction: Direction, names: readonly string[], deny: string): readonly (readonly [name: string, rules: readonly FelixRule[]])[] {
  const { dispatch, match, endpoint } = PREFIX[direction];
  const unknown: FelixRule = { action: jump(deny), comments: ['Unknown interface'] };
  const sorted = [...names].sort();
  const [first = '', last = ''] = [sorted[0], sorted.at(-1)];
  let common = 0;
  while (common < first.length && first[common] === last[common]) common += 1;
  const byPrefix = new Map<string, string[]>();
  for (const name of sorted) {
    const prefix = name.slice(0, common + 1);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), name]);
  }
  const one = (name: string): FelixRule => ({ match: `${match} ${name}`, action: goTo(chainName(endpoint, name)) });
  const chains: (readonly [string, readonly FelixRule[]])[] = [];
  const root: FelixRule[] = [];
  for (const [prefix, group] of byPrefix) {
    const [only = ''] = group;
    if (group.length === 1) {
      root.push(one(only));
      continue;
    }
    const child = `${dispatch}-${prefix.slice(common)}`;
    root.push({ match: `${match} ${prefix}+`, action: goTo(child) });
    chains.push([child, [...group.map(one), unknown]]);
  }
  return [...chains, [dispatch, [...root, unknown]]];
}

const ALLOW: ParsedRule = {
  rule: { action: 'Allow' },
  source: { nets: [], notNets: [], sets: [], notSets: [], ports: [], portSets: [], notPorts: [], notPortSets: [] },
  destination: { nets: [], notNets: [], sets: [], notSets: [], ports: [], portSets: [], notPorts: [], notPortSets: [] },
};

function profileChain(profile: string, direction: Direction, settings: Settings): FelixRule[] {
  // A namespace's profile allows all, a service account's has labels only.
  const rules = profile.startsWith('kns.') ? [ALLOW] : [];
  const [, namespace = '', account] = /^k[ns][sa]\.([^.]*)(?:\.(.*))?$/.exec(profile) ?? [];
  const origin: Origin = { component: FELIX, objects: [account === undefined ? `Namespace/${namespace}` : `ServiceAccount/${namespace}/${account}`] };
  return [...chainRules(rules, `Profile ${profile} ${direction}`, origin, settings)];
}

const setsOf = (rules: readonly ParsedRule[]): readonly WantedSet[] =>
  rules.flatMap(({ source, destination }) => [source, destination].flatMap((side) => [...side.sets, ...side.notSets, ...side.portSets, ...side.notPortSets]));

interface WrittenPolicy {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly sets: readonly WantedSet[];
}

const policyChains = new WeakMap<FelixPolicy, Map<string, WrittenPolicy>>();

/** The same on all nodes. Undefined where the policy has nothing to say in this direction. */
function policyChain(policy: FelixPolicy, direction: Direction, origin: Origin, settings: Settings): WrittenPolicy | undefined {
  const rules = policy[direction];
  if (rules === undefined) return undefined;
  const written = policyChains.get(policy) ?? new Map<string, WrittenPolicy>();
  policyChains.set(policy, written);
  const key = `${direction} ${settings.deny} ${settings.logPrefix}`;
  let known = written.get(key);
  if (known === undefined) {
    const name = chainName(PREFIX[direction].policy, policy.id);
    known = { name, rules: hashedRules(name, chainRules(rules, `Policy ${policy.id} ${direction}`, origin, settings)), sets: setsOf(rules) };
    written.set(key, known);
  }
  return known;
}

const entryLists = new WeakMap<readonly string[], readonly IpSetEntry[]>();
function entriesOf(elements: readonly string[]): readonly IpSetEntry[] {
  let entries = entryLists.get(elements);
  if (entries === undefined) {
    entries = elements.map((element) => ({ element }));
    entryLists.set(elements, entries);
  }
  return entries;
}

/** Sets that do not depend on policies. */
const commonSets = perState([...SETTING_KINDS, 'Pod', 'Node'], (view) => {
  const { pools } = calicoSettings(view);
  const hosts = daemonNodes(CALICO, view).flatMap((name) => findNode(name, view)?.ip ?? []);
  return {
    hosts,
    pools: pools.map((pool) => formatCidr(pool.range)),
    masquerading: pools.filter((pool) => pool.natOutgoing).map((pool) => formatCidr(pool.range)),
  };
});

/** Calico: felix/ipsets; 2^20 is MaxIPSetSize. */
function ipSet(netns: string, origin: Origin, name: string, type: 'hash:net' | 'hash:ip,port' | 'hash:ip', elements: readonly string[]): IpSet {
  return {
    kind: 'ipset',
    id: `${netns}/ipset/${name}`,
    origin,
    netns,
    name,
    type,
    family: 'inet',
    hashsize: 1024,
    maxelem: 1_048_576,
    entries: entriesOf(elements),
  };
}

export function renderFelix(node: ClusterNode, origin: Origin, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(node.name);
  const settings = settingsOf(node, view);
  const local = endpoints(view).filter((endpoint) => endpoint.node === node.name);
  const tiers = felixTiers(view);
  const records: NetRecord[] = [];
  const put = (table: Chain['table'], name: string, rules: readonly Rule[], from: Origin = origin): void => {
    records.push({ kind: 'chain', id: chainId(netns, table, name), origin: from, netns, table, name, rules });
  };
  const chain = (table: Chain['table'], name: string, rules: readonly FelixRule[], from: Origin = origin): void =>
    put(table, name, hashedRules(name, rules), from);
  for (const { table, name, rules } of staticChains(settings)) chain(table, name, rules);
  const groups = new Map<string, readonly [Group, Direction]>();
  const active = new Set<FelixPolicy>();
  const profiles = new Set<string>();
  for (const direction of ['egress', 'ingress'] as const) {
    for (const [name, rules] of dispatchChains(
      direction,
      local.map((one) => one.device),
      settings.deny,
    ))
      chain('filter', name, rules);
    for (const endpoint of local) {
      const own = applied(endpoint.labels, direction, tiers);
      for (const one of own) {
        for (const policy of one.policies) active.add(policy);
        for (const group of groupsOf(one, direction)) if (group.policies.length > 1) groups.set(group.chain, [group, direction]);
      }
      for (const profile of endpoint.profiles) profiles.add(profile);
      const name = chainName(PREFIX[direction].endpoint, endpoint.device);
      put('filter', name, endpointChain(name, endpoint, direction, own, settings), { component: FELIX, objects: [endpoint.key] });
    }
  }
  for (const [name, [group, direction]] of groups)
    chain('filter', name, groupRules(group, direction), { component: FELIX, objects: group.policies.map((policy) => policy.key) });
  const sets = new Map<string, WantedSet>();
  const used = new Map<string, string[]>();
  for (const policy of active) {
    const from: Origin = { component: FELIX, objects: [policy.key] };
    for (const direction of ['ingress', 'egress'] as const) {
      const written = policyChain(policy, direction, from, settings);
      if (written === undefined) continue;
      put('filter', written.name, written.rules, from);
      for (const set of written.sets) {
        sets.set(set.name, set);
        const users = used.get(set.name);
        if (users === undefined) used.set(set.name, [policy.key]);
        else if (users.at(-1) !== policy.key) users.push(policy.key);
      }
    }
  }
  for (const profile of profiles)
    for (const direction of ['ingress', 'egress'] as const)
      chain('filter', chainName(PREFIX[direction].profile, profile), profileChain(profile, direction, settings));
  const common = commonSets(view);
  const others: IpSet[] = [
    ipSet(netns, origin, SETS.masqPools, 'hash:net', common.masquerading),
    ipSet(netns, origin, SETS.allPools, 'hash:net', common.pools),
    ipSet(
      netns,
      origin,
      SETS.thisHost,
      'hash:ip',
      node.ip === undefined ? [] : [node.ip, ...(['ipip', 'vxlan'] as const).flatMap((one) => tunnelAddress(node.name, one, view) ?? []), '127.0.0.1'],
    ),
    ...(settings.ipip ? [ipSet(netns, origin, SETS.allHosts, 'hash:net', common.hosts)] : []),
    ...(settings.vxlan
      ? [
          ipSet(
            netns,
            origin,
            SETS.allVxlan,
            'hash:net',
            common.hosts.filter((ip) => ip !== node.ip),
          ),
        ]
      : []),
  ];
  const own = [...sets.values()].map((set) =>
    ipSet(
      netns,
      { component: FELIX, objects: used.get(set.name) ?? [] },
      set.name,
      set.namedPort === undefined ? 'hash:net' : 'hash:ip,port',
      membersOf(set, view),
    ),
  );
  // Before the rules that ask for them.
  return [...others, ...own, ...records];
}
