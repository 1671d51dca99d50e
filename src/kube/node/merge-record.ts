/** How what an agent renders meets what people have done on the machine: their rules, addresses and settings stay where the agent has nothing new to say. */
import { deepEqual } from '../../base/equal.ts';
import type { NftElement } from '../../net/nft/nft-records.ts';
import type { Chain, NetRecord, Rule } from '../../net/records.ts';

/**
 * The record after an agent has rendered `rendered` where it rendered `before` last time. A chain of the agent's own, a route, a neighbour is simply written.
 * In a built-in chain, a device or a netns only what the agent itself changed is changed.
 */
export function mergeRecord(before: NetRecord | undefined, rendered: NetRecord, present: NetRecord | undefined): NetRecord {
  if (before === undefined || present === undefined || present.kind !== rendered.kind || before.kind !== rendered.kind) return rendered;
  if (rendered.kind === 'chain' && present.kind === 'chain' && before.kind === 'chain') {
    if (rendered.policy === undefined) return rendered;
    const policy = before.policy === rendered.policy ? present.policy : rendered.policy;
    return { ...rendered, ...(policy === undefined ? {} : { policy }), rules: mergeRules(before.rules, rendered.rules, present.rules) };
  }
  if (rendered.kind === 'nft-set' && present.kind === 'nft-set' && before.kind === 'nft-set' && present.elements !== before.elements) {
    return { ...rendered, elements: mergeElements(before.elements, rendered.elements, present.elements) };
  }
  if (rendered.kind !== 'device' && rendered.kind !== 'netns') return rendered;
  return mergeFields(before, rendered, present) as unknown as NetRecord;
}

type Fields = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Field by field: the agent's where it says something new, else what is there. Maps (sysctls, files) are merged entry by entry. */
function mergeFields(before: object, rendered: object, present: object): Fields {
  const [old, now, here] = [before as Fields, rendered as Fields, present as Fields];
  const merged: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(here), ...Object.keys(now)])) {
    const value = deepEqual(old[key], now[key])
      ? here[key]
      : isPlain(old[key]) && isPlain(now[key]) && isPlain(here[key])
        ? mergeFields(old[key], now[key], here[key])
        : now[key];
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

const sameText = (a: Rule, b: Rule): boolean => a.text === b.text;

/** Rules that the agent no longer renders go, new ones come before the one that follows them in its own order; everybody else's stay. */
function mergeRules(before: readonly Rule[], rendered: readonly Rule[], present: readonly Rule[]): readonly Rule[] {
  const rules = [...present];
  for (const rule of before) {
    if (rendered.some((other) => sameText(rule, other))) continue;
    const at = rules.findIndex((other) => sameText(rule, other));
    if (at >= 0) rules.splice(at, 1);
  }
  for (let i = rendered.length - 1; i >= 0; i -= 1) {
    const rule = rendered[i] as Rule;
    if (before.some((other) => sameText(rule, other))) continue;
    const next = rendered.slice(i + 1).find((other) => rules.some((one) => sameText(one, other)));
    const at = next === undefined ? rules.length : rules.findIndex((one) => sameText(one, next));
    rules.splice(at, 0, rule);
  }
  return rules;
}

/** A set of nftables gets and loses only the elements that are new to the agent or of no use to it any more. Kubernetes: pkg/proxy/nftables, nftElementStorage. */
function mergeElements(before: readonly NftElement[], rendered: readonly NftElement[], present: readonly NftElement[]): readonly NftElement[] {
  const [old, now] = [new Set(before.map((one) => one.text)), new Set(rendered.map((one) => one.text))];
  const kept = present.filter((one) => now.has(one.text) || !old.has(one.text));
  const there = new Set(kept.map((one) => one.text));
  return [...kept, ...rendered.filter((one) => !old.has(one.text) && !there.has(one.text))];
}

/** flannel: pkg/trafficmngr/iptables, ensureIPTables: when one of its rules is missing all of them are taken out and appended again; others' stay. */
export function ensureChain(rendered: Chain, present: NetRecord | undefined): Chain[] {
  if (present?.kind !== 'chain') return [rendered];
  if (rendered.rules.every((rule) => present.rules.some((other) => sameText(rule, other)))) return [];
  return [{ ...rendered, rules: [...present.rules.filter((rule) => !rendered.rules.some((own) => sameText(rule, own))), ...rendered.rules] }];
}

/** The same for the jumps that some component has in a built-in chain. */
export function ensureJumps(rendered: NetRecord, present: NetRecord | undefined, whose: (component: string) => boolean, place: 'first' | 'last'): NetRecord[] {
  if (rendered.kind !== 'chain' || present?.kind !== 'chain') return [];
  const own = rendered.rules.filter((rule) => rule.origin !== undefined && whose(rule.origin.component));
  if (own.every((rule) => present.rules.some((other) => sameText(rule, other)))) return [];
  const others = present.rules.filter((rule) => !own.some((one) => sameText(rule, one)));
  const [first] = own;
  return [{ ...present, origin: first?.origin ?? present.origin, rules: place === 'first' ? [...own, ...others] : [...others, ...own] }];
}
