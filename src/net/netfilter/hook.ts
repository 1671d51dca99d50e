/** The five places where netfilter looks at a packet, as small integers in the order of Linux' enum nf_inet_hooks. */
import type { HookName, TableName } from '../trace-event.ts';

export const PREROUTING = 0;
export const INPUT = 1;
export const FORWARD = 2;
export const OUTPUT = 3;
export const POSTROUTING = 4;
export type Hook = 0 | 1 | 2 | 3 | 4;

export const HOOK_NAMES: readonly HookName[] = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** In the order in which their base chains run at one hook (the destination half of nat comes before filter, the source half after). */
export const TABLE_NAMES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];

/** Which built-in chains a table has, in the order iptables-save prints them (Linux: net/ipv4/netfilter/iptable_*.c). */
export const BUILTIN_CHAINS: Readonly<Record<TableName, readonly HookName[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export function hookOf(name: HookName): Hook {
  return HOOK_NAMES.indexOf(name) as Hook;
}
