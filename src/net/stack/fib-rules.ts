/** Rules of routing policy, compiled: which table is asked for which packet. Linux: net/core/fib_rules.c, net/ipv4/fib_rules.c */
import { inPrefix, prefixOf } from '../addr/ip.ts';
import type { RoutingRule } from '../records.ts';
import type { Ip } from '../wire/packet.ts';
import { type CompiledRoute, RTN_BLACKHOLE, RTN_NONE, RTN_PROHIBIT } from './fib-table.ts';
import { formatRule } from './format-route.ts';
import type { FlowFields } from './multipath.ts';

export interface CompiledRule {
  readonly record: RoutingRule;
  readonly from: { readonly network: Ip; readonly prefixLength: number } | undefined;
  readonly to: { readonly network: Ip; readonly prefixLength: number } | undefined;
  /** What a rule without a table answers with. */
  readonly verdict: CompiledRoute | undefined;
}

const KERNEL = { component: 'kernel', objects: [] } as const;

/** The rules that a netns has without anybody's writing. IPv6 has no `default`. */
export function kernelRules(netns: string, family: 4 | 6): RoutingRule[] {
  const rule = (priority: number, table: number): RoutingRule => ({
    kind: 'rule',
    id: `${netns}/rule/${family}/${priority}`,
    origin: KERNEL,
    netns,
    family,
    priority,
    action: 'lookup',
    table,
    protocol: 'kernel',
  });
  return [rule(0, 255), rule(32766, 254), ...(family === 4 ? [rule(32767, 253)] : [])];
}

/** The number behind `#` in an id: rules and routes of equal rank are tried in its order. */
export const orderOf = (id: string): number => {
  const at = id.lastIndexOf('#');
  return at < 0 ? 0 : Number(id.slice(at + 1));
};

/** All rules of a family in the order in which they are asked, the kernel's own included where nobody has taken them away. */
export function rulesOf(netns: string, family: 4 | 6, written: Iterable<RoutingRule>): RoutingRule[] {
  const own = [...written].filter((rule) => rule.family === family);
  const taken = new Set(own.map((rule) => rule.id));
  const rules = [...kernelRules(netns, family).filter((rule) => !taken.has(rule.id)), ...own.filter((rule) => rule.action !== 'absent')];
  return rules.sort((a, b) => a.priority - b.priority || orderOf(a.id) - orderOf(b.id));
}

function verdictOf(rule: RoutingRule): CompiledRoute | undefined {
  const types: Readonly<Partial<Record<RoutingRule['action'], number>>> = { blackhole: RTN_BLACKHOLE, unreachable: RTN_NONE, prohibit: RTN_PROHIBIT };
  const type = types[rule.action];
  if (type === undefined) return undefined;
  return {
    type,
    table: 0,
    prefixLength: 0,
    metric: 0,
    device: undefined,
    gateway: 0,
    hasGateway: false,
    source: undefined,
    mtuBytes: 0,
    mtuLocked: false,
    ignored: false,
    ways: undefined,
    reference: { recordId: rule.id, text: `rule ${rule.priority}: ${formatRule(rule)}`, table: 0, prefixLength: 0, origin: rule.origin },
    traceIndex: -1,
  };
}

export function compileRules(rules: readonly RoutingRule[]): CompiledRule[] {
  return rules.map((record) => ({
    record,
    from: record.from === undefined ? undefined : prefixOf(record.from),
    to: record.to === undefined ? undefined : prefixOf(record.to),
    verdict: verdictOf(record),
  }));
}

const within = (value: number, range: readonly [number, number] | undefined): boolean => range === undefined || (value >= range[0] && value <= range[1]);

/** fib_rule_match(). `inDevice` is `lo` for what was made here; `outDevice` is what a socket is bound to. */
export function ruleMatches(rule: CompiledRule, dst: Ip, flow: FlowFields | undefined, inDevice: string, outDevice: string | undefined): boolean {
  const { record, from, to } = rule;
  return matches() !== (record.not === true);

  function matches(): boolean {
    if (record.iif !== undefined && record.iif !== inDevice) return false;
    if (record.oif !== undefined && record.oif !== outDevice) return false;
    if (record.mark !== undefined && (((flow?.mark ?? 0) ^ record.mark) & (record.mask ?? 0xffffffff)) !== 0) return false;
    if (from !== undefined && (flow === undefined || flow.src === 0 || flow.src === 0n || !inPrefix(from.network, from.prefixLength, flow.src))) return false;
    if (to !== undefined && !inPrefix(to.network, to.prefixLength, dst)) return false;
    if (record.ipProtocol !== undefined && record.ipProtocol !== flow?.protocol) return false;
    return within(flow?.sport ?? 0, record.sourcePorts) && within(flow?.dport ?? 0, record.destinationPorts);
  }
}
