/** A packet's way through one base chain: rules in order, jumps and returns, counters, and a row in the log for each match. Linux: net/ipv4/netfilter/ip_tables.c, ipt_do_table */
import type { Core } from '../stack/core.ts';
import { RULE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { emitMatched, emitPolicy } from '../trace/emit.ts';
import type { RuleReference } from '../trace-event.ts';
import { ipBytes } from '../wire/lengths.ts';
import { addressesMatch, type CompiledRule } from './compiled-chain.ts';
import { ACCEPT, CONTINUE, DROP, RETURN, type RejectWith, type Verdict } from './definition.ts';
import { TABLE_NAMES } from './hook.ts';
import type { HookContext } from './hook-context.ts';
import { deviceMatches } from './match/physdev.ts';
import type { ParsedRule } from './rule.ts';
import type { ChainState, Ruleset } from './ruleset.ts';

/** How deep jumps may nest; real rule sets that loop are refused when they are loaded. */
const MAX_DEPTH = 64;
const DONE = 0x7fffffff;

/** What ended a walk with DROP, for the log. */
export interface DropVerdict {
  readonly rule: RuleReference | undefined;
  readonly target: string;
  readonly answer: RejectWith | undefined;
}

/** Returns the verdict of table `table` at the context's hook; CONTINUE when there is nothing hooked. `context.dropped` says what dropped it. */
export function walkBaseChain(core: Core, netns: NetnsState, ruleset: Ruleset, table: number, context: HookContext): Verdict {
  const base = ruleset.hooked[table]?.[context.hook];
  if (base === undefined) return CONTINUE;
  const empty = base.compiled.rules.length === 0;
  if (empty && base.record.policy === 'ACCEPT') {
    base.policyPackets += 1;
    base.policyBytes += ipBytes(context.skb);
    return ACCEPT;
  }
  context.table = table;
  context.dropped = undefined;
  const verdict = walk(core, netns, ruleset, base, context, 0);
  if (verdict === ACCEPT || verdict === DROP) return verdict;
  base.policyPackets += 1;
  base.policyBytes += ipBytes(context.skb);
  const policy = base.record.policy ?? 'ACCEPT';
  emitPolicy(core, context.place, context.hook, table, policy, context.skb);
  if (policy === 'ACCEPT') return ACCEPT;
  context.dropped = { rule: undefined, target: 'policy', answer: undefined };
  return DROP;
}

function walk(core: Core, netns: NetnsState, ruleset: Ruleset, chain: ChainState, context: HookContext, depth: number): Verdict {
  if (depth > MAX_DEPTH) {
    context.dropped = { rule: undefined, target: 'jump depth', answer: undefined };
    return DROP;
  }
  const { rules, index } = chain.compiled;
  if (index === undefined || context.linear) {
    for (let i = 0; i < rules.length; i += 1) {
      const verdict = step(core, netns, ruleset, chain, rules[i] as CompiledRule, i, context, depth);
      if (verdict !== CONTINUE) return verdict;
    }
    return CONTINUE;
  }
  const skb = context.skb;
  const a = index.byDestination(skb.dst);
  const b = index.byPort(skb.protocol, skb.dport);
  const c = index.rest;
  let ia = 0;
  let ib = 0;
  let ic = 0;
  let passed = 0;
  for (;;) {
    const na = ia < a.length ? (a[ia] as number) : DONE;
    const nb = ib < b.length ? (b[ib] as number) : DONE;
    const nc = ic < c.length ? (c[ic] as number) : DONE;
    const next = na < nb ? (na < nc ? na : nc) : nb < nc ? nb : nc;
    // The index saves us the work, not the simulated kernel: it looks at every rule on its way.
    core.nowNs += RULE_NS * ((next === DONE ? rules.length : next) - passed);
    if (next === DONE) return CONTINUE;
    passed = next + 1;
    if (next === na) ia += 1;
    else if (next === nb) ib += 1;
    else ic += 1;
    const verdict = step(core, netns, ruleset, chain, rules[next] as CompiledRule, next, context, depth);
    if (verdict !== CONTINUE) return verdict;
  }
}

/** One rule. CONTINUE: go on with the next; RETURN: leave this chain. */
function step(core: Core, netns: NetnsState, ruleset: Ruleset, chain: ChainState, rule: CompiledRule, i: number, context: HookContext, depth: number): Verdict {
  core.nowNs += RULE_NS;
  const skb = context.skb;
  if (!addressesMatch(rule, skb)) return CONTINUE;
  if (rule.protocol !== 0 && (skb.protocol === rule.protocol) === rule.protocolNegated) return CONTINUE;
  if (!rule.plain && !restMatches(rule.parsed, context)) return CONTINUE;
  context.chain = chain;
  context.rule = i;
  for (const match of rule.matches) if (!match.test(context)) return CONTINUE;
  chain.count(i, ipBytes(skb));
  const end = rule.parsed.end;
  if (end.kind === 'none') {
    emitMatched(core, context.place, context.hook, context.table, chain, i, skb);
    return CONTINUE;
  }
  if (end.kind === 'target') return runTarget(core, chain, i, end.target.name, end.target.run, context);
  emitMatched(core, context.place, context.hook, context.table, chain, i, skb);
  let target = chain.targets[i];
  if (target === undefined) {
    target = ruleset.find(TABLE_NAMES[context.table] ?? 'filter', end.chain, netns.id);
    if (target === undefined) throw new Error(`${chain.record.id}: rule ${i + 1} jumps to ${end.chain}, which does not exist`);
    chain.targets[i] = target;
  }
  const verdict = walk(core, netns, ruleset, target, context, depth + 1);
  if (verdict === ACCEPT || verdict === DROP) return verdict;
  // Behind a goto nobody comes back here: this chain is left as well.
  return end.kind === 'goto' ? RETURN : CONTINUE;
}

function runTarget(core: Core, chain: ChainState, i: number, name: string, run: (context: HookContext) => Verdict, context: HookContext): Verdict {
  context.answer = undefined;
  // The row shows the rule before what it causes (an answer, a translation), like the kernel's own trace.
  emitMatched(core, context.place, context.hook, context.table, chain, i, context.skb);
  const verdict = run(context);
  if (verdict === DROP) context.dropped = { rule: chain.reference(i), target: name, answer: context.answer };
  return verdict;
}

function restMatches(rule: ParsedRule, context: HookContext): boolean {
  const { inDevice, outDevice } = rule;
  if (inDevice !== undefined && (context.inDevice !== '' && deviceMatches(inDevice.name, context.inDevice)) === inDevice.negated) return false;
  if (outDevice !== undefined && (context.outDevice !== '' && deviceMatches(outDevice.name, context.outDevice)) === outDevice.negated) return false;
  if (rule.fragment !== 0 && context.skb.fragmentOffset > 0 !== rule.fragment > 0) return false;
  return true;
}
