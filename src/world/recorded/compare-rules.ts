/** Level 4: the rules that the packets of a step met, in order, with their verdicts, and what the counters grew by. */
import type { HookName, TraceEvent } from '../../net/trace-event.ts';
import { type Difference, type Names, packetsOf } from './compare-hops.ts';
import type { RecordedTraceStep } from './format.ts';
import { isJson } from './parse.ts';
import type { StepOutcome } from './run.ts';

/** One rule that matched, or a chain's policy. */
export interface RuleVisit {
  readonly ns: string;
  readonly hook?: string;
  readonly table: string;
  readonly chain: string;
  /** As `iptables -L --line-numbers` counts; 0: the policy. */
  readonly rule: number;
  readonly verdict: string;
}

const HOOKS: ReadonlySet<string> = new Set<HookName>(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** `jump X` and `goto X` are one thing; a REJECT is a DROP with an answer; what lets the walk go on is CONTINUE. */
function plainVerdict(verdict: string): string {
  const text = verdict.trim();
  const jump = /^(?:jump|goto|JUMP|GOTO)[\s:]+(\S+)$/.exec(text);
  if (jump !== null) return chainWord(jump[1] as string);
  const upper = text.toUpperCase();
  if (upper === 'REJECT') return 'DROP';
  if (upper === 'MARK' || upper === 'CONNMARK' || upper === 'LOG' || upper === 'TCPMSS') return 'CONTINUE';
  // A translation ends the walk of its table as ACCEPT does.
  if (['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT'].includes(upper)) return 'ACCEPT';
  return upper;
}

/** Names that hold a hash of what they are for: which of them it is, the rule's place tells. */
function chainWord(chain: string): string {
  return chain.replace(/^(KUBE-(?:SVC|SVL|SEP|EXT|FW|POD-FW)-).*$/, '$1*');
}

const line = (v: RuleVisit): string => `${v.ns} ${v.table} ${chainWord(v.chain)} ${v.rule === 0 ? 'policy' : v.rule} ${plainVerdict(v.verdict)}`;

const numberOf = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value === 'policy' ? 0 : undefined;
};

/** A visit as a recording may write it; undefined for anything else. */
function readVisit(value: unknown, inherited: { readonly ns?: string; readonly hook?: string }): RuleVisit | undefined {
  if (typeof value === 'string') {
    // `nat KUBE-SERVICES 3 jump KUBE-SVC-X`, `nat:KUBE-SERVICES:rule:3`
    const match = /^(?:([\w.-]+)\s+)?(raw|mangle|nat|filter)[\s:/]+([\w-]+)[\s:#/]+(?:rule[\s:]+|policy[\s:]*)?([0-9]*)[\s:]*(?:->|=>)?\s*(.*)$/.exec(value);
    if (match === null) return undefined;
    const ns = match[1] ?? inherited.ns ?? '';
    return { ns, table: match[2] as string, chain: match[3] as string, rule: Number(match[4] || 0), verdict: match[5] ?? '', ...hookOf(inherited.hook) };
  }
  if (!isJson(value)) return undefined;
  const table = value.table ?? value.t;
  const chain = value.chain ?? value.c;
  if (typeof table !== 'string' || typeof chain !== 'string') return undefined;
  const rule = numberOf(value.rule ?? value.num ?? value.rulenum ?? value.number ?? value.n ?? value.line) ?? 0;
  const verdict = value.verdict ?? value.target ?? value.v ?? '';
  const ns = typeof value.ns === 'string' ? value.ns : (inherited.ns ?? '');
  return { ns, table, chain, rule, verdict: String(verdict), ...hookOf(typeof value.hook === 'string' ? value.hook : inherited.hook) };
}

const hookOf = (hook: string | undefined): { readonly hook?: string } => (hook === undefined ? {} : { hook });

/** All visits in a recorded packet, wherever it keeps them: beside the hops, or between them. */
export function recordedVisits(packet: Readonly<Record<string, unknown>>): RuleVisit[] | undefined {
  const visits: RuleVisit[] = [];
  let found = false;
  const walk = (value: unknown, inherited: { readonly ns?: string; readonly hook?: string }, depth: number): void => {
    if (depth > 4) return;
    if (Array.isArray(value)) {
      for (const one of value) walk(one, inherited, depth + 1);
      return;
    }
    const visit = readVisit(value, inherited);
    if (visit !== undefined) {
      found = true;
      visits.push(visit);
      return;
    }
    if (!isJson(value)) return;
    const here = {
      ...inherited,
      ...(typeof value.ns === 'string' ? { ns: value.ns } : {}),
      ...(typeof value.hook === 'string' && HOOKS.has(value.hook.toUpperCase()) ? { hook: value.hook.toUpperCase() } : {}),
    };
    for (const key of ['hooks', 'rules', 'matched', 'trace', 'nf', 'chain_walk', 'steps', 'hops', 'events']) {
      if (value[key] === undefined) continue;
      if (key !== 'hops' && Array.isArray(value[key])) found = true;
      walk(value[key], here, depth + 1);
    }
  };
  walk(packet, {}, 0);
  return found ? visits : undefined;
}

/** The agents here publish the API server as a Service, which recordings have not: its rules do not count. */
const isOwn = (event: TraceEvent): boolean =>
  event.step.kind === 'matched' &&
  event.step.rule?.origin.objects.includes('Service/default/kubernetes') === true &&
  event.step.rule.origin.objects.length === 1;

/** The visits of one packet here. Rule numbers are those the rules had without `skipped` ones in front of them. */
export function visitsOf(events: readonly TraceEvent[], names: Names, numberOfRule: (chainId: string, index: number) => number): RuleVisit[] {
  return events.flatMap((event): RuleVisit[] => {
    if (event.step.kind !== 'matched' || isOwn(event)) return [];
    const { hook, table, rule, verdict } = event.step;
    const ns = names.traceName(event.netns);
    if (rule === undefined) return [{ ns, hook, table, chain: hook, rule: 0, verdict }];
    return [{ ns, hook, table, chain: rule.chain, rule: numberOfRule(rule.chainId, rule.index), verdict }];
  });
}

/** `node1 nat KUBE-SERVICES 3` → packets, whatever the recording's way to write it. */
export function recordedCounters(value: unknown): ReadonlyMap<string, number> | undefined {
  if (value === undefined || value === null) return undefined;
  const counters = new Map<string, number>();
  const walk = (one: unknown, path: readonly string[]): void => {
    if (path.length > 6) return;
    if (typeof one === 'number') {
      const key = counterKey(path);
      if (key !== undefined) counters.set(key, one);
      return;
    }
    if (Array.isArray(one)) {
      one.forEach((item, i) => {
        if (isJson(item) && typeof item.chain === 'string') {
          const packets = item.packets ?? item.pkts ?? item.count;
          const rule = numberOf(item.rule ?? item.num ?? item.number) ?? i + 1;
          if (typeof packets === 'number')
            counters.set(`${String(item.ns ?? path[0] ?? '')} ${String(item.table ?? path[1] ?? '')} ${item.chain} ${rule}`, packets);
        } else if (typeof item === 'number' && path.length >= 3) walk(item, [...path, String(i + 1)]);
        else walk(item, path);
      });
      return;
    }
    if (isJson(one)) {
      if (typeof one.packets === 'number' || typeof one.pkts === 'number') {
        walk(one.packets ?? one.pkts, path);
        return;
      }
      for (const [key, inner] of Object.entries(one)) walk(inner, [...path, ...key.split(/[\s:/#]+/)]);
    }
  };
  walk(value, []);
  return counters.size > 0 ? counters : undefined;
}

function counterKey(path: readonly string[]): string | undefined {
  const words = path.filter((word) => word !== 'rule' && word !== '');
  if (words.length < 4) return undefined;
  const [ns = '', table = '', chain = '', rule = ''] = words;
  return /^[0-9]+$/.test(rule) ? `${ns} ${table} ${chain} ${rule}` : undefined;
}

export interface RulesContext {
  readonly names: Names;
  /** Packets by rule before and after the step, as `netns table chain number`. */
  readonly countersBefore?: ReadonlyMap<string, number>;
  readonly counters?: ReadonlyMap<string, number>;
  readonly numberOfRule?: (chainId: string, index: number) => number;
}

/** Undefined where the recording tells nothing of rules. */
export function compareRules(recorded: RecordedTraceStep, outcome: StepOutcome, context: RulesContext): Difference[] | undefined {
  const differences: Difference[] = [];
  let told = false;
  const numberOfRule = context.numberOfRule ?? ((_: string, index: number) => index + 1);
  const packets = packetsOf(outcome.events, context.names);
  const done = new Set<string>();
  for (const packet of recorded.packets ?? []) {
    const expected = recordedVisits(packet as unknown as Readonly<Record<string, unknown>>);
    if (expected === undefined || done.has(packet.label)) continue;
    done.add(packet.label);
    told = true;
    const own = packets.find((one) => one.label === packet.label);
    if (own === undefined) {
      differences.push({ where: `${packet.label} rules`, expected: `${expected.length} rules`, actual: 'no such packet' });
      continue;
    }
    const events = outcome.events.filter((event) => event.packetId === own.packetId);
    // That a chain's end lets a packet pass is told by some recordings for empty chains as well, by others not at all.
    const [wanted, actual] = [expected, visitsOf(events, context.names, numberOfRule)].map((all) =>
      all.filter((one) => one.rule > 0 || plainVerdict(one.verdict) !== 'ACCEPT'),
    ) as [RuleVisit[], RuleVisit[]];
    const nodes = [...new Set([...wanted, ...actual].map((one) => one.ns))];
    for (const ns of nodes) {
      const lines = [wanted, actual].map((all) => all.filter((one) => one.ns === ns).map(line)) as [string[], string[]];
      const at = lines[0].findIndex((one, i) => one !== lines[1][i]);
      const first = at >= 0 ? at : lines[0].length === lines[1].length ? -1 : lines[0].length;
      if (first >= 0)
        differences.push({
          where: `${packet.label} rule ${first + 1} in ${ns}`,
          expected: lines[0][first] ?? 'nothing more',
          actual: lines[1][first] ?? 'nothing more',
        });
    }
  }
  const counters = recordedCounters(recorded.counters);
  if (counters !== undefined && context.counters !== undefined) {
    told = true;
    // A recording may tell what a step added, or where the counters then stood.
    const { step } = outcome;
    // How many acknowledgements a long transfer takes is a matter of microseconds.
    const slack = step.type === 'flow' && step.put + step.get > 0 ? 0.25 : 0;
    const added = compareCounters(counters, slack, (key) => (context.counters?.get(key) ?? 0) - (context.countersBefore?.get(key) ?? 0));
    const stood = compareCounters(counters, slack, (key) => context.counters?.get(key) ?? 0);
    differences.push(...(stood.length < added.length ? stood : added));
  }
  return told ? differences : undefined;
}

function compareCounters(expected: ReadonlyMap<string, number>, slack: number, actualOf: (key: string) => number): Difference[] {
  return [...expected].flatMap(([key, packets]) => {
    const actual = actualOf(key);
    return Math.abs(actual - packets) <= packets * slack ? [] : [{ where: `counter ${key}`, expected: packets, actual }];
  });
}
