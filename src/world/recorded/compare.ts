/** A step's trace against what happened here, level by level: 1 result, 2 hops, 3 connections, 4 rules and counters, 5 ARP. */
import { compareArp, compareConnections, compareHops, type Difference, Symbols } from './compare-hops.ts';
import { compareRules, type RulesContext } from './compare-rules.ts';
import type { RecordedResult, RecordedTraceStep } from './format.ts';
import type { Outcome } from './probe-apps.ts';
import type { StepOutcome } from './run.ts';

export type Level = 1 | 2 | 3 | 4 | 5;
export const LEVELS: readonly Level[] = [1, 2, 3, 4, 5];

/** What one level of one step showed; absent where the recording says nothing of it. */
export interface StepReport {
  readonly step: string;
  readonly levels: ReadonlyMap<Level, readonly Difference[]>;
}

const keyOf = (c: { readonly netns: string; readonly protocol: string; readonly original: unknown; readonly reply: unknown }): string =>
  JSON.stringify([c.netns, c.protocol, c.original, c.reply]);

export interface CompareContext extends RulesContext {
  /** NetworkPolicy chains are a stand-in: their rules are not compared. */
  readonly comparesRules: boolean;
}

export function compareStep(recorded: RecordedTraceStep, outcome: StepOutcome, context: CompareContext): StepReport {
  const { step } = outcome;
  const levels = new Map<Level, readonly Difference[]>();
  const symbols = new Symbols();
  const random = step.type === 'flow' && step.random;
  if (step.type === 'flow') {
    levels.set(1, compareResults(symbols, recorded, outcome, random));
    if (recorded.packets !== undefined && !random) levels.set(2, compareHops(symbols, recorded.packets, outcome.events, context.names));
  }
  if (recorded.conntrack !== undefined && !random) {
    const nodes = Object.entries(recorded.conntrack).map(([node, expected]) => ({ node, recorded: expected, actual: outcome.connections.get(node) ?? [] }));
    const before = new Set([...outcome.connectionsBefore.values()].flatMap((all) => all.map(keyOf)));
    const connections = compareConnections(symbols, nodes, (c) => before.has(keyOf(c)));
    levels.set(3, connections);
  }
  if (context.comparesRules && !random) {
    const rules = compareRules(recorded, outcome, context);
    if (rules !== undefined) levels.set(4, rules);
  }
  if (recorded.arp !== undefined && !random) levels.set(5, compareArp(recorded.arp, outcome.events, context.names));
  return { step: step.name, levels };
}

const COMPARED = ['status', 'server', 'server_saw', 'received', 'from', 'reply_from', 'reply_len'] as const;

/** A recording may tell the calls of a flow one by one. */
function recordedResults(recorded: RecordedTraceStep): readonly RecordedResult[] {
  const several = recorded.results ?? recorded.result?.results ?? recorded.result?.calls;
  if (Array.isArray(several)) return several as readonly RecordedResult[];
  return recorded.result === undefined ? [] : [recorded.result];
}

function compareResults(symbols: Symbols, recorded: RecordedTraceStep, outcome: StepOutcome, random: boolean): Difference[] {
  const expected = recordedResults(recorded);
  const actual = outcome.results;
  if (random) return compareSets(recorded, expected, actual);
  const first =
    expected.length > 1 && expected.length === actual.length ? expected.map((one, i) => [one, actual[i]] as const) : [[expected[0], actual[0]] as const];
  return first.flatMap(([e, a], i) => (e === undefined ? [] : compareResult(symbols, e, a ?? { status: 'nothing' }, first.length > 1 ? `call ${i + 1} ` : '')));
}

/** Where chance chose, what it may choose from is compared. */
function compareSets(recorded: RecordedTraceStep, expected: readonly RecordedResult[], actual: StepOutcome['results']): Difference[] {
  const differences: Difference[] = [];
  const of = (values: readonly unknown[]): string => [...new Set(values.map(String))].sort().join(', ');
  const statuses = [of(expected.map((one) => one.status)), of(actual.map((one) => one.status))] as const;
  if (statuses[0] !== statuses[1]) differences.push({ where: 'status', expected: statuses[0], actual: statuses[1] });
  const told = recorded.servers ?? recorded.result?.servers;
  const servers =
    typeof told === 'object' && told !== null
      ? Array.isArray(told)
        ? told
        : Object.keys(told)
      : expected.flatMap((one) => (one.server === undefined ? [] : [one.server]));
  // One call shows one of them.
  if (servers.length > 1 || expected.length > 1) {
    const seen = actual.flatMap((one) => (one.server === undefined ? [] : [one.server]));
    if (of(servers) !== of(seen)) differences.push({ where: 'servers', expected: of(servers), actual: of(seen) });
  }
  return differences;
}

function compareResult(
  symbols: Symbols,
  recorded: RecordedResult,
  actual: Outcome & { readonly icmp_error?: { readonly from: string; readonly icmp: string } },
  prefix: string,
): Difference[] {
  const differences: Difference[] = [];
  const same = (what: string, expected: unknown, value: unknown): void => {
    if (expected !== undefined && expected !== null && !symbols.same(expected, value)) differences.push({ where: `${prefix}${what}`, expected, actual: value });
  };
  for (const field of COMPARED) same(field, recorded[field], actual[field]);
  if (recorded.status === 'ok') same('ttl', recorded.ttl, actual.ttl);
  const error = recorded.icmp_error;
  if (typeof error === 'object' && error !== null) {
    const { from, icmp } = error as { readonly from?: unknown; readonly icmp?: unknown };
    same('icmp_error.from', from, actual.icmp_error?.from);
    same('icmp_error.icmp', icmp, actual.icmp_error?.icmp);
  }
  return differences;
}

/** What the world's author expected of a step, where there is no recording: `status`, `server`, `icmp_error.from`, `server_saw_ip`, `labels` … */
export function compareExpectation(outcome: StepOutcome, labels: readonly string[]): Difference[] {
  const { step } = outcome;
  if (step.type !== 'flow') return [];
  const last = outcome.results.at(-1);
  const differences: Difference[] = [];
  for (const [field, expected] of Object.entries(step.expect)) {
    const actual =
      field === 'labels'
        ? labels
        : field === 'server_saw_ip'
          ? last?.server_saw?.split(':')[0]
          : field === 'servers'
            ? [...new Set(outcome.results.flatMap((one) => one.server ?? []))].sort()
            : field
                .split('.')
                .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined), last);
    if (JSON.stringify(actual) !== JSON.stringify(expected)) differences.push({ where: `expect ${field}`, expected, actual });
  }
  return differences;
}
