/** The policies of a cluster as the program behind a packet queue has them: ends by address, sets of addresses, lists of rules. kube-network-policies: pkg/networkpolicy */
import { deepEqual } from '../../base/equal.ts';
import { formatIp } from '../../net/addr/ip.ts';
import type { QueueEnd, QueueList, QueuePorts, QueueRule, QueueSet, QueueTable } from '../../net/netfilter/queue/queue-records.ts';
import type { StoreView } from '../../objects/types.ts';
import { matchesSelector } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { inNamespace, type PolicyModel, policiesFor, policyModel } from './policy-model.ts';
import type { CompiledPolicy, PeerTerm, PolicyDirection, PolicyEndpoint, PortTerm } from './policy-types.ts';

const PROTOCOLS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const ACTIONS = { Accept: 'accept', Deny: 'deny', Pass: 'pass', Log: 'pass' } as const;
const STAGES: Readonly<Record<string, 0 | 1 | 2>> = { Admin: 0, NetworkPolicy: 1, Baseline: 2 };
const NOTHING: QueueTable = { ends: {}, sets: [], lists: [] };

function portsOf(term: PortTerm): QueuePorts {
  const protocol = term.protocol === undefined ? undefined : PROTOCOLS[term.protocol];
  return {
    ...(protocol === undefined ? {} : { protocol }),
    ...(term.name === undefined ? {} : { name: term.name }),
    first: term.first,
    last: term.last,
  };
}

/** Sets of addresses, each once. */
class Sets {
  readonly sets: QueueSet[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #pods = new Map<string, PolicyEndpoint[]>();
  readonly #nodes: PolicyEndpoint[] = [];

  constructor(model: PolicyModel) {
    for (const endpoint of model.endpoints) {
      const { pod } = endpoint;
      if (pod === undefined) {
        this.#nodes.push(endpoint);
        continue;
      }
      const known = this.#pods.get(pod.namespace);
      if (known === undefined) this.#pods.set(pod.namespace, [endpoint]);
      else known.push(endpoint);
    }
  }

  index(term: PeerTerm): number {
    const { path: _, ...what } = term;
    const key = JSON.stringify(what, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.sets.push(this.#make(term));
    this.#indexes.set(key, this.sets.length - 1);
    return this.sets.length - 1;
  }

  #make(term: PeerTerm): QueueSet {
    switch (term.kind) {
      case 'networks': {
        const write = (one: { readonly network: number | bigint; readonly prefixLength: number }) => `${formatIp(one.network)}/${one.prefixLength}`;
        return { ranges: term.blocks.map((block) => ({ range: write(block.range), except: block.except.map(write) })) };
      }
      case 'nodes':
        return { addresses: this.#nodes.filter((one) => matchesSelector(term.nodes, one.node?.labels)).flatMap((one) => one.ips.map(formatIp)) };
      case 'domains':
      case 'entity':
        return {};
      case 'pods': {
        const addresses: string[] = [];
        for (const pods of this.#pods.values()) {
          const [first] = pods;
          // All pods of a list are in one namespace.
          if (first?.pod === undefined || !inNamespace(term.namespaces, first.pod)) continue;
          for (const { pod, ips } of pods) if (term.pods === undefined || matchesSelector(term.pods, pod?.labels)) addresses.push(...ips.map(formatIp));
        }
        return { addresses };
      }
    }
  }
}

function listOf(policy: CompiledPolicy, direction: PolicyDirection, sets: Sets): QueueList {
  const rules = (policy[direction] ?? []).map(
    (rule): QueueRule => ({
      action: ACTIONS[rule.action],
      path: rule.name === undefined ? rule.path : `${rule.path} "${rule.name}"`,
      ...(rule.peers === undefined ? {} : { who: rule.peers.map((peer) => sets.index(peer)) }),
      ...(rule.ports === undefined ? {} : { ports: rule.ports.map(portsOf) }),
    }),
  );
  const slash = policy.key.indexOf('/');
  return { name: `${policy.key.slice(0, slash)} ${policy.key.slice(slash + 1)}`, object: policy.key, stage: STAGES[policy.tier] ?? 1, rules };
}

/** @param all Also ClusterNetworkPolicy and its elders; else NetworkPolicy alone. */
export function buildQueueTable(model: PolicyModel, all: boolean): QueueTable {
  const policies = all ? model.policies : model.policies.filter((policy) => policy.tier === 'NetworkPolicy');
  if (policies.length === 0) return NOTHING;
  const sets = new Sets(model);
  const lists: QueueList[] = [];
  const indexes = { ingress: new Map<CompiledPolicy, number>(), egress: new Map<CompiledPolicy, number>() };
  for (const policy of policies) {
    for (const direction of ['ingress', 'egress'] as const) {
      if (policy[direction] === undefined) continue;
      indexes[direction].set(policy, lists.length);
      lists.push(listOf(policy, direction, sets));
    }
  }
  const ends: Record<string, QueueEnd> = {};
  for (const endpoint of model.endpoints) {
    const { pod } = endpoint;
    if (pod === undefined) continue;
    const of = (direction: PolicyDirection): readonly number[] =>
      policiesFor(model, pod, direction)
        .map((policy) => indexes[direction].get(policy))
        .filter((index) => index !== undefined);
    const ports = pod.ports.flatMap((one) => (one.name === '' ? [] : [{ name: one.name, protocol: PROTOCOLS[one.protocol] ?? 0, port: one.port }]));
    const end: QueueEnd = { name: pod.id, egress: of('egress'), ingress: of('ingress'), ...(ports.length === 0 ? {} : { ports }) };
    for (const ip of endpoint.ips) ends[formatIp(ip)] = end;
  }
  return { ends, sets: sets.sets, lists };
}

/** What a table has as the one before had it stays the very same, so that who compares them has little to look at. */
function sharing(before: QueueTable | undefined, after: QueueTable): QueueTable {
  if (before === undefined) return after;
  const list = <T>(old: readonly T[], now: readonly T[]): readonly T[] => now.map((one, i) => (deepEqual(old[i], one) ? (old[i] as T) : one));
  const ends = Object.fromEntries(Object.entries(after.ends).map(([ip, end]) => [ip, deepEqual(before.ends[ip], end) ? (before.ends[ip] as QueueEnd) : end]));
  return { ends, sets: list(before.sets, after.sets), lists: list(before.lists, after.lists) };
}

const last = new Map<boolean, QueueTable>();
const tables = perState(['Pod', 'Namespace', 'Node', ...POLICY_KINDS], () => new Map<boolean, QueueTable>());

/** The same for every machine, as long as nothing of it changes. */
export function queueTable(view: StoreView, all: boolean): QueueTable {
  const known = tables(view);
  let table = known.get(all);
  if (table === undefined) {
    table = sharing(last.get(all), buildQueueTable(policyModel(view), all));
    last.set(all, table);
    known.set(all, table);
  }
  return table;
}
