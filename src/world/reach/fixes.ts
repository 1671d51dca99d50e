/** What would open a way that is closed: changes found by comparing what is there with what is needed, each tried in a copy of the world before it is told. */

import { hostFixes } from './fix-hosts.ts';
import { policyFixes } from './fix-policies.ts';
import { serviceFixes } from './fix-services.ts';
import type { FixedWorld } from './fixed-world.ts';
import { findTarget } from './peers.ts';
import { isReached } from './question.ts';
import type { Fix, ReachAnswer } from './reach-views.ts';

/** Trying one costs the world some seconds of virtual time. */
const MAX_TRIES = 10;
const MAX_FIXES = 3;
const SESSION = 'suppose';

/** At most three, the nearest first; none for a way that is open. */
export function fixesFor(world: FixedWorld, answer: ReachAnswer): Fix[] {
  const { question } = answer;
  const from = findTarget(world, question.from);
  if (answer.reached || from.kind !== 'netns') return [];
  const to = findTarget(world, question.to);
  const candidates = [...serviceFixes(world, answer, from.view, to), ...policyFixes(world, from.view, to), ...hostFixes(world, answer, from.view, to)];
  const fixes: Fix[] = [];
  for (const fix of candidates.slice(0, MAX_TRIES)) {
    if (works(world, answer, fix)) fixes.push(fix);
    if (fixes.length >= MAX_FIXES) break;
  }
  return fixes;
}

function works(world: FixedWorld, answer: ReachAnswer, { edit, commands }: Fix): boolean {
  if (edit !== undefined) return world.supposeTexts([{ path: edit.file, text: edit.after }], () => isReached(world, answer.question)) === true;
  if (commands === undefined) return false;
  return world.suppose(() => {
    for (const { host, line } of commands) {
      world.openSession(SESSION, { host });
      if (world.command(SESSION, line) !== 0) return false;
      world.closeSession(SESSION);
    }
    return isReached(world, answer.question);
  });
}
