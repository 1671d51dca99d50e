/** A packet's way through a base chain of nftables: rules in order, jumps and returns, and a row in the log for each rule that matched. Linux: net/netfilter/nf_tables_core.c, nft_do_chain */
import type { HookContext } from '../netfilter/hook-context.ts';
import type { Core } from '../stack/core.ts';
import { RULE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { emitDropped, emitNftMatched, emitNftPolicy } from '../trace/emit.ts';
import type { RuleReference } from '../trace-event.ts';
import { ACCEPT, BREAK, CONTINUE, DROP, GOTO, JUMP, NEXT, type NftContext, type Outcome, RETURN } from './compile.ts';
import type { NftChainState, RuleState } from './tables.ts';

/** NFT_JUMP_STACK_SIZE: how deep jumps may nest. */
const MAX_DEPTH = 16;

const VERDICT_WORDS: Readonly<Record<number, string>> = { [ACCEPT]: 'accept', [DROP]: 'drop', [RETURN]: 'return', [CONTINUE]: 'continue', [NEXT]: 'continue' };

interface DroppedBy {
  readonly rule: RuleReference | undefined;
}

/** True: the packet goes on to the next base chain. False: dropped, and the log says by what. */
export function runBaseChain(core: Core, netns: NetnsState, chain: NftChainState, hooks: HookContext): boolean {
  const context: NftContext = { core, netns, hooks, skb: hooks.skb, numbers: [], tracked: [], target: '', answer: undefined, queued: undefined };
  const dropped: { by: DroppedBy | undefined } = { by: undefined };
  const outcome = walk(context, chain, 0, dropped);
  if (outcome === ACCEPT) return true;
  if (outcome !== DROP) {
    const policy = chain.record.policy ?? 'accept';
    chain.policyPackets += 1;
    if (chain.rules.length > 0 || policy === 'drop') emitNftPolicy(core, hooks.place, hooks.hook, chain.table.label, chain.record.name, policy, context.skb);
    if (policy === 'accept') return true;
  }
  drop(context, chain, dropped.by);
  return false;
}

function drop(c: NftContext, chain: NftChainState, by: DroppedBy | undefined): void {
  const { core, hooks, skb } = c;
  const rule = by?.rule;
  const where = `table ${chain.table.label}, chain ${rule?.chain ?? chain.record.name}`;
  if (c.queued !== undefined) {
    // What comes back from userspace with this verdict is freed without a reason of netfilter's (nf_reinject).
    emitDropped(
      core,
      hooks.place,
      skb,
      'NOT_SPECIFIED',
      `${c.queued.reason}; ${where}`,
      rule === undefined ? {} : { rule: { ...rule, origin: c.queued.origin ?? rule.origin } },
    );
    return;
  }
  const detail = rule === undefined ? `policy of ${where}` : `${c.answer === undefined ? 'drop' : 'reject'} in ${where}`;
  const cause = rule === undefined ? {} : { rule };
  if (c.answer === undefined) emitDropped(core, hooks.place, skb, 'NETFILTER_DROP', detail, cause);
  else if (c.answer === 'tcp-reset') core.layers.dropWithReset(c.netns, skb, hooks.place, detail, cause);
  else core.layers.dropWithError(c.netns, skb, hooks.place, 'NETFILTER_DROP', detail, c.answer, cause);
}

function walk(c: NftContext, chain: NftChainState, depth: number, dropped: { by: DroppedBy | undefined }): Outcome {
  const { core } = c;
  for (let i = 0; i < chain.rules.length; i += 1) {
    core.nowNs += RULE_NS;
    const outcome = step(c, chain, i);
    if (outcome === BREAK) continue;
    const word =
      outcome === JUMP || outcome === GOTO
        ? `${outcome === JUMP ? 'jump' : 'goto'} ${c.target}`
        : c.queued !== undefined
          ? `queue → ${c.queued.accept ? 'accept' : 'drop'}: ${c.queued.reason}`
          : c.answer === undefined
            ? (VERDICT_WORDS[outcome] ?? 'continue')
            : 'reject';
    emitNftMatched(core, c.hooks.place, c.hooks.hook, chain, i, word, c.skb);
    switch (outcome) {
      case ACCEPT:
        return ACCEPT;
      case DROP:
        dropped.by = { rule: chain.reference(i) };
        return DROP;
      case RETURN:
        return RETURN;
      case JUMP:
      case GOTO: {
        const target = chain.table.chains.get(c.target);
        if (target === undefined || depth >= MAX_DEPTH) {
          dropped.by = { rule: chain.reference(i) };
          return DROP;
        }
        const verdict = walk(c, target, depth + 1, dropped);
        if (verdict === ACCEPT || verdict === DROP) return verdict;
        // Behind a goto nobody comes back here: this chain is left as well.
        if (outcome === GOTO) return RETURN;
      }
    }
  }
  return NEXT;
}

/** One rule: its statements until one does not match or decides. */
function step(c: NftContext, chain: NftChainState, i: number): Outcome {
  const compiled = chain.compiled(i);
  const state = chain.rules[i] as RuleState;
  c.numbers = state.numbers;
  c.tracked = state.tracked;
  for (const one of compiled.steps) {
    const outcome = one(c);
    if (outcome !== NEXT) return outcome;
  }
  return CONTINUE;
}
