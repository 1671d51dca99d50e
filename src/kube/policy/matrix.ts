/** All pairs at once: ends that no policy can tell apart are one group, and a group's row is worked out with sets of groups instead of pair by pair. */
import type { Ip } from '../../net/wire/packet.ts';
import { matchesSelector } from '../label-selector.ts';
import { andInto, type Bits, emptyBits, fullBits, hasBit, orInto, removeFrom, setBit, wordsFor } from './bits.ts';
import { inNamespace, type PolicyModel, policiesFor } from './policy-model.ts';
import type { CompiledPolicy, PeerTerm, PolicyBlock, PolicyDirection, PolicyEndpoint, PolicyProtocol, PolicyRule, PortTerm } from './policy-types.ts';
import { inBlock, peerMatches } from './verdict.ts';

export interface MatrixPort {
  readonly protocol: PolicyProtocol;
  readonly port: number;
}

export interface PolicyGroup {
  /** Ends that every policy treats alike; the first speaks for all. */
  readonly members: readonly PolicyEndpoint[];
}

export type CellVerdict = '.' | 'I' | 'E' | 'B';

export interface PolicyMatrix {
  readonly ports: readonly MatrixPort[];
  readonly groups: readonly PolicyGroup[];
  /** Group of each endpoint, by id. */
  readonly groupOf: ReadonlyMap<string, number>;
  /** Allowed, blocked by ingress, by egress, by both; between members of two groups, or two members of one. */
  cell(port: number, from: number, to: number): CellVerdict;
  /** `cell` is `.`; quicker for many. */
  open(port: number, from: number, to: number): boolean;
  /** Ordered pairs of different ends that may talk, of all such pairs. */
  allowedPairs(port: number): { readonly allowed: number; readonly pairs: number };
}

/** What of all blocks tells addresses apart, as text; remembered by address. */
function blockClass(model: PolicyModel): (ip: Ip | undefined) => string {
  const blocks: PolicyBlock[] = [];
  const seen = new Set<string>();
  let domains = false;
  for (const policy of model.policies) {
    for (const rule of [...(policy.ingress ?? []), ...(policy.egress ?? [])]) {
      for (const peer of rule.peers ?? []) {
        if (peer.kind === 'domains') domains = true;
        if (peer.kind !== 'networks') continue;
        for (const block of peer.blocks) {
          const text = [block.range, ...block.except].map((one) => `${one.network}/${one.prefixLength}`).join('!');
          if (!seen.has(text)) blocks.push(block);
          seen.add(text);
        }
      }
    }
  }
  return (ip) => {
    if (ip === undefined) return '';
    let text = domains ? String(ip) : '';
    for (let i = 0; i < blocks.length; i += 1) if (inBlock(blocks[i] as PolicyBlock, ip)) text += `,${i}`;
    return text;
  };
}

/** Only labels that some selector names tell pods apart. */
function usedKeys(model: PolicyModel): ReadonlySet<string> {
  const keys = new Set<string>();
  const add = (selector: { readonly matchLabels?: object; readonly matchExpressions?: readonly { readonly key: string }[] } | undefined) => {
    for (const key of Object.keys(selector?.matchLabels ?? {})) keys.add(key);
    for (const one of selector?.matchExpressions ?? []) keys.add(one.key);
  };
  for (const { subject, ingress = [], egress = [] } of model.policies) {
    add(subject.pods);
    for (const rule of [...ingress, ...egress]) for (const peer of rule.peers ?? []) if (peer.kind === 'pods') add(peer.pods);
  }
  return keys;
}

function groupEndpoints(model: PolicyModel, endpoints: readonly PolicyEndpoint[]): readonly PolicyGroup[] {
  const classOf = blockClass(model);
  const keys = [...usedKeys(model)].sort();
  const named = new Set(
    model.policies.flatMap((policy) =>
      [...(policy.ingress ?? []), ...(policy.egress ?? [])].flatMap((rule) => (rule.ports ?? []).map((port) => port.name ?? '')),
    ),
  );
  named.delete('');
  // A pod's node is let in whatever its policies say, so that it matters where nodes are among the ends.
  const nodesMatter = endpoints.some((one) => one.node !== undefined);
  const groups = new Map<string, PolicyEndpoint[]>();
  const { classOf: dialectClass } = model;
  for (const one of endpoints) {
    const { pod, node } = one;
    const who =
      pod === undefined
        ? `n ${node?.name ?? ''}`
        : dialectClass !== undefined
          ? JSON.stringify([pod.namespace, pod.node, dialectClass(one), named.size === 0 ? '' : pod.ports.filter((port) => named.has(port.name))])
          : JSON.stringify([
              pod.namespace,
              nodesMatter ? pod.node : '',
              keys.map((key) => (Object.hasOwn(pod.labels, key) ? (pod.labels[key] ?? '') : null)),
              named.size === 0 ? '' : pod.ports.filter((port) => named.has(port.name)),
            ]);
    const key = `${who}|${classOf(one.ips[0])}${pod === undefined && dialectClass !== undefined ? dialectClass(one) : ''}`;
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [one]);
    else list.push(one);
  }
  return [...groups.values()].map((members) => ({ members }));
}

/** Rows of allowed groups. */
class Rows {
  readonly #model: PolicyModel;
  readonly #groups: readonly PolicyGroup[];
  readonly #all: Bits;
  readonly #words: number;
  readonly #peers = new Map<string, Bits>();
  readonly #rows = new Map<string, Bits>();
  readonly #ids = new Map<CompiledPolicy, number>();
  /** Groups of pods by their namespace, so that a peer looks only where its namespaces are. */
  readonly #byNamespace = new Map<string, number[]>();
  readonly #found = { ingress: new Map<PolicyEndpoint, readonly CompiledPolicy[]>(), egress: new Map<PolicyEndpoint, readonly CompiledPolicy[]>() };

  constructor(model: PolicyModel, groups: readonly PolicyGroup[]) {
    this.#model = model;
    this.#groups = groups;
    this.#all = fullBits(groups.length);
    this.#words = wordsFor(groups.length);
    for (const policy of model.policies) this.#ids.set(policy, this.#ids.size);
    groups.forEach(({ members: [one] }, index) => {
      if (one?.pod === undefined) return;
      const known = this.#byNamespace.get(one.pod.namespace);
      if (known === undefined) this.#byNamespace.set(one.pod.namespace, [index]);
      else known.push(index);
    });
  }

  #peer(term: PeerTerm, subject: PolicyEndpoint): Bits {
    const { path: _, ...what } = term;
    const key = JSON.stringify(what, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const remembered = term.kind !== 'entity' || term.perSubject !== true;
    const bits = emptyBits(this.#words);
    if (term.kind === 'pods') {
      for (const indexes of 'own' in term.namespaces ? [this.#byNamespace.get(term.namespaces.own) ?? []] : this.#byNamespace.values()) {
        const first = this.#groups[indexes[0] ?? -1]?.members[0]?.pod;
        if (first === undefined || !inNamespace(term.namespaces, first)) continue;
        for (const index of indexes)
          if (term.pods === undefined || matchesSelector(term.pods, this.#groups[index]?.members[0]?.pod?.labels)) setBit(bits, index);
      }
    } else {
      this.#groups.forEach(({ members: [one] }, index) => {
        if (one !== undefined && peerMatches(this.#model, term, one, one.ips[0], subject)) setBit(bits, index);
      });
    }
    if (remembered) this.#peers.set(key, bits);
    return bits;
  }

  /** Groups at the far end for which this rule's ports match, within `bits`; `to`: they are the destination, whose port names count. */
  #ports(rule: PolicyRule, port: MatrixPort, subject: PolicyEndpoint, direction: PolicyDirection, bits: Bits): Bits | undefined {
    if (rule.ports === undefined) return bits;
    let named: PortTerm[] | undefined;
    for (const term of rule.ports) {
      if (term.protocol !== undefined && term.protocol !== port.protocol) continue;
      if (term.whole === true) return bits;
      if (term.name === undefined) {
        if (port.protocol !== 'ICMP' && port.port >= term.first && port.port <= term.last) return bits;
      } else if (direction === 'ingress') {
        if (hasNamed(subject, term, port)) return bits;
      } else {
        named ??= [];
        named.push(term);
      }
    }
    if (named === undefined) return undefined;
    const some = emptyBits(this.#words);
    this.#groups.forEach(({ members: [one] }, index) => {
      if (one !== undefined && named.some((term) => hasNamed(one, term, port))) setBit(some, index);
    });
    andInto(some, bits);
    return some;
  }

  #rule(rule: PolicyRule, port: MatrixPort, subject: PolicyEndpoint, direction: PolicyDirection): Bits | undefined {
    if (rule.subject?.matches(subject, subject.ips[0], subject) === false) return undefined;
    if (rule.peers === undefined) return this.#ports(rule, port, subject, direction, this.#all);
    const bits = emptyBits(this.#words);
    for (const peer of rule.peers) orInto(bits, this.#peer(peer, subject));
    return this.#ports(rule, port, subject, direction, bits);
  }

  /** Groups that this end may send to, or receive from. Shared by ends for which the same policies speak. */
  row(subject: PolicyEndpoint, port: MatrixPort, direction: PolicyDirection): Bits {
    if (subject.pod === undefined) return this.#all;
    const remembered = this.#found[direction];
    let policies = remembered.get(subject);
    if (policies === undefined) {
      policies = policiesFor(this.#model, subject.pod, direction);
      remembered.set(subject, policies);
    }
    if (policies.length === 0) return this.#all;
    const own =
      direction === 'ingress' && policies.some((policy) => (policy.ingress ?? []).some((rule) => rule.ports?.some((term) => term.name !== undefined)));
    const key = `${direction}|${port.protocol} ${port.port}|${policies.map((policy) => this.#ids.get(policy)).join(',')}|${own ? JSON.stringify(subject.pod.ports) : ''}|${this.#model.classOf === undefined ? '' : `${this.#model.classOf(subject)} ${subject.pod.node}`}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = this.#decide(policies, subject, port, direction);
    this.#rows.set(key, row);
    return row;
  }

  #decide(policies: readonly CompiledPolicy[], subject: PolicyEndpoint, port: MatrixPort, direction: PolicyDirection): Bits {
    const allowed = emptyBits(this.#words);
    const open = this.#all.slice();
    for (const { name, how, end } of this.#model.stages) {
      const asked = policies.filter((policy) => policy.tier === name);
      if (asked.length === 0) continue;
      const passed = emptyBits(this.#words);
      // Where any denial counts first, what allows is looked at after all that denies.
      for (const action of how === 'ordered' ? [undefined] : (['Deny', 'Accept'] as const)) {
        for (const policy of asked) {
          for (const rule of policy[direction] ?? []) {
            if (rule.action === 'Log' || (action !== undefined && rule.action !== action)) continue;
            const found = this.#rule(rule, port, subject, direction);
            if (found === undefined) continue;
            const hit = found.slice();
            andInto(hit, open);
            removeFrom(open, hit);
            if (rule.action === 'Accept') orInto(allowed, hit);
            else if (rule.action === 'Pass') orInto(passed, hit);
          }
        }
      }
      if (end === 'deny' && asked.some((policy) => policy.isolates?.[direction] !== false)) open.fill(0);
      orInto(open, passed);
    }
    orInto(allowed, open);
    return allowed;
  }
}

const hasNamed = (endpoint: PolicyEndpoint, term: PortTerm, port: MatrixPort): boolean =>
  endpoint.pod?.ports.some((one) => one.name === term.name && one.port === port.port && one.protocol === port.protocol) ?? false;

/**
 * @param endpoints Rows and columns; all of the model's when absent.
 */
export function policyMatrix(model: PolicyModel, ports: readonly MatrixPort[], endpoints: readonly PolicyEndpoint[] = model.endpoints): PolicyMatrix {
  const groups = groupEndpoints(model, endpoints);
  const rows = new Rows(model, groups);
  const groupOf = new Map<string, number>();
  groups.forEach((group, index) => {
    for (const member of group.members) groupOf.set(member.id, index);
  });
  const table = (direction: PolicyDirection): readonly (readonly Bits[])[] =>
    ports.map((port) => groups.map(({ members: [one] }) => rows.row(one as PolicyEndpoint, port, direction)));
  const egress = table('egress');
  const ingress = table('ingress');
  const ownNode = (from: PolicyEndpoint | undefined, to: PolicyEndpoint | undefined): boolean => from?.node !== undefined && from.node.name === to?.pod?.node;
  const cell = (port: number, from: number, to: number): CellVerdict => {
    const out = hasBit(egress[port]?.[from] as Bits, to);
    const into = hasBit(ingress[port]?.[to] as Bits, from) || ownNode(groups[from]?.members[0], groups[to]?.members[0]);
    return out ? (into ? '.' : 'I') : into ? 'E' : 'B';
  };
  const opened: (readonly Bits[] | undefined)[] = [];
  /** Of one port: by sender, the groups that it may reach. */
  const openOf = (port: number): readonly Bits[] => {
    const known = opened[port];
    if (known !== undefined) return known;
    const reach = (egress[port] ?? []).map((row) => row.slice());
    groups.forEach((to, index) => {
      const into = ingress[port]?.[index] as Bits;
      const word = index >>> 5;
      const mask = ~(1 << (index & 31));
      reach.forEach((row, from) => {
        if (!hasBit(into, from) && !ownNode(groups[from]?.members[0], to.members[0])) row[word] = (row[word] as number) & mask;
      });
    });
    opened[port] = reach;
    return reach;
  };
  return {
    ports,
    groups,
    groupOf,
    cell,
    open: (port, from, to) => hasBit(openOf(port)[from] as Bits, to),
    allowedPairs(port) {
      let allowed = 0;
      let pairs = 0;
      const reach = openOf(port);
      for (let from = 0; from < groups.length; from += 1) {
        for (let to = 0; to < groups.length; to += 1) {
          const a = (groups[from] as PolicyGroup).members.length;
          const count = from === to ? a * (a - 1) : a * (groups[to] as PolicyGroup).members.length;
          pairs += count;
          if (count > 0 && hasBit(reach[from] as Bits, to)) allowed += count;
        }
      }
      return { allowed, pairs };
    },
  };
}

/** The ports that containers declare, each once: what a matrix has columns for when nobody says. At most `limit`. */
export function declaredPorts(model: PolicyModel, limit = 20): readonly MatrixPort[] {
  const found = new Map<string, MatrixPort>();
  for (const endpoint of model.endpoints) {
    for (const { port, protocol } of endpoint.ports) {
      if (found.size >= limit) return [...found.values()];
      found.set(`${protocol} ${port}`, { protocol: protocol as PolicyProtocol, port });
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

export interface MatrixChange {
  readonly port: MatrixPort;
  readonly from: string;
  readonly to: string;
  readonly before: CellVerdict;
  readonly after: CellVerdict;
}

/** Pairs of ends that a change opens or closes, at most `limit`; of ends that both have. */
export function matrixChanges(before: PolicyMatrix, after: PolicyMatrix, limit = 500): { readonly changes: readonly MatrixChange[]; readonly more: boolean } {
  const changes: MatrixChange[] = [];
  // Ends that were alike before and are alike after change alike.
  const pairsOf = new Map<string, { readonly before: number; readonly after: number; readonly ids: string[] }>();
  for (const [id, group] of after.groupOf) {
    const was = before.groupOf.get(id);
    if (was === undefined) continue;
    const key = `${was} ${group}`;
    const known = pairsOf.get(key);
    if (known === undefined) pairsOf.set(key, { before: was, after: group, ids: [id] });
    else known.ids.push(id);
  }
  const blocks = [...pairsOf.values()];
  for (let index = 0; index < after.ports.length; index += 1) {
    const port = after.ports[index] as MatrixPort;
    const old = before.ports.findIndex((one) => one.protocol === port.protocol && one.port === port.port);
    if (old < 0) continue;
    for (const from of blocks) {
      for (const to of blocks) {
        if (before.open(old, from.before, to.before) === after.open(index, from.after, to.after)) continue;
        const was = before.cell(old, from.before, to.before);
        const is = after.cell(index, from.after, to.after);
        for (const a of from.ids) {
          for (const b of to.ids) {
            if (a === b) continue;
            if (changes.length >= limit) return { changes, more: true };
            changes.push({ port, from: a, to: b, before: was, after: is });
          }
        }
      }
    }
  }
  return { changes, more: false };
}
