/** The contents page of iptables' targets: every `-j NAME` that is not a chain. */
import type { TargetDefinition } from '../definition.ts';
import { log } from './log.ts';
import { mark } from './mark.ts';
import { dnat, masquerade, redirect, snat } from './nat.ts';
import { ct, notrack } from './notrack.ts';
import { reject } from './reject.ts';
import { accept, drop, return_ } from './verdicts.ts';

export const TARGETS: readonly TargetDefinition[] = [accept, ct, dnat, drop, log, mark, masquerade, notrack, redirect, reject, return_, snat];

const byName = new Map(TARGETS.map((t) => [t.name, t]));

export const findTarget = (name: string): TargetDefinition | undefined => byName.get(name);
