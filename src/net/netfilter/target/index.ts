/** The contents page of iptables' targets: every `-j NAME` that is not a chain. */
import type { Family, TargetDefinition } from '../definition.ts';
import { ct, notrack } from './ct.ts';
import { classify, dscp, hl, tcpmss, tos, ttl } from './header.ts';
import { log, nflog } from './log.ts';
import { connmark, mark } from './mark.ts';
import { dnat, masquerade, netmap, redirect, snat } from './nat.ts';
import { reject } from './reject.ts';
import { set } from './set.ts';
import { accept, drop, return_, trace } from './verdicts.ts';

export const TARGETS: readonly TargetDefinition[] = [
  accept,
  classify,
  connmark,
  ct,
  dnat,
  drop,
  dscp,
  hl,
  log,
  mark,
  masquerade,
  netmap,
  nflog,
  notrack,
  redirect,
  reject,
  return_,
  set,
  snat,
  tcpmss,
  tos,
  trace,
  ttl,
];

const byName = new Map(TARGETS.map((t) => [t.name, t]));

/** Of this family: `TTL` is none of ip6tables'. */
export function findTarget(name: string, family: Family): TargetDefinition | undefined {
  const found = byName.get(name);
  return found?.family === undefined || found.family === family ? found : undefined;
}
