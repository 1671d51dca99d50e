/** A recorded world, done again here and compared with its trace; the report as data and as a table for people. */
import type { Chain } from '../../net/records.ts';
import type { Shell, ShellHost } from '../shell-host.ts';
import { compareExpectation, compareStep, LEVELS, type Level, type StepReport } from './compare.ts';
import { type Difference, packetsOf } from './compare-hops.ts';
import type { RecordedTrace, RecordedWorld } from './format.ts';
import { RecordedRun } from './run.ts';

export interface WorldReport {
  readonly id: string;
  readonly title: string;
  readonly steps: readonly StepReport[];
  /** Fields of the files that nobody knows, and commands that failed. */
  readonly notes: readonly string[];
  /** The world could not be done to its end. */
  readonly failure?: string;
}

const API_SERVICE = 'Service/default/kubernetes';

/** Rules that the recording's agents do not write: the API server's Service. */
const isOurs = (rule: Chain['rules'][number]): boolean => rule.origin?.objects.includes(API_SERVICE) === true;

function readCounters(run: RecordedRun): Map<string, number> {
  const counters = new Map<string, number>();
  for (const record of run.world.records.values()) {
    if (record.kind !== 'chain') continue;
    const { rules } = run.world.engine.counters(record.id);
    let number = 0;
    rules.forEach(([packets], i) => {
      const rule = record.rules[i];
      if (rule === undefined || isOurs(rule)) return;
      number += 1;
      counters.set(`${run.traceName(record.netns)} ${record.table} ${record.name} ${number}`, packets);
    });
  }
  return counters;
}

/** The rule's number, from its index, without those that only the agents here write; 0 for one of those. */
export function numberOfRule(run: RecordedRun): (chainId: string, index: number) => number {
  return (chainId, index) => {
    const chain = run.world.records.find(chainId);
    if (chain?.kind !== 'chain') return index + 1;
    const own = chain.rules[index];
    return own !== undefined && isOurs(own) ? 0 : index + 1 - chain.rules.slice(0, index).filter(isOurs).length;
  };
}

/** Without a trace the expectations that the world itself tells are compared, as level 1. */
export function checkWorld(
  world: RecordedWorld,
  trace: RecordedTrace | undefined,
  options: { readonly createShell: (host: ShellHost) => Shell; readonly notes?: readonly string[] },
): WorldReport {
  const steps: StepReport[] = [];
  const notes = [...(options.notes ?? [])];
  const head = { id: world.id, title: world.title };
  let run: RecordedRun | undefined;
  try {
    run = new RecordedRun(world, { createShell: options.createShell });
    for (const [i, step] of world.steps.entries()) {
      const before = readCounters(run);
      const outcome = run.step(step);
      // What no command here can do is no finding about the network, and must be heard of.
      if (step.type === 'sh' && outcome.exitCode !== 0) notes.push(`"${step.command.cmd}" ended with ${outcome.exitCode}: ${outcome.output.trim()}`);
      const recorded = trace?.steps[i];
      if (trace !== undefined && recorded === undefined) {
        notes.push(`step ${i + 1} (${step.name}) has no recording`);
        continue;
      }
      if (recorded === undefined) {
        const labels = packetsOf(outcome.events, run.names).map((one) => one.label);
        steps.push({ step: step.name, levels: new Map([[1, compareExpectation(outcome, [...new Set(labels)])]]) });
        continue;
      }
      const after = readCounters(run);
      steps.push(
        compareStep(recorded, outcome, {
          names: run.names,
          comparesRules: run.cluster.policies.length === 0,
          countersBefore: before,
          counters: after,
          numberOfRule: numberOfRule(run),
        }),
      );
    }
    return { ...head, steps, notes: [...notes, ...run.notes] };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...head, steps, notes: [...notes, ...(run?.notes ?? [])], failure: error.message };
  }
}

export interface LevelCount {
  readonly passed: number;
  readonly total: number;
}

export function countLevels(report: WorldReport): ReadonlyMap<Level, LevelCount> {
  return new Map(
    LEVELS.map((level) => {
      const all = report.steps.flatMap((step) => step.levels.get(level) ?? []);
      const told = report.steps.filter((step) => step.levels.has(level));
      const passed = all.length === 0 ? told.length : told.filter((step) => step.levels.get(level)?.length === 0).length;
      return [level, { passed, total: told.length }] as const;
    }),
  );
}

export interface Finding extends Difference {
  readonly world: string;
  readonly step: string;
  readonly level: Level;
}

export function findingsOf(report: WorldReport, levels: readonly Level[] = LEVELS): Finding[] {
  return report.steps.flatMap((step) =>
    levels.flatMap((level) => (step.levels.get(level) ?? []).map((one) => ({ world: report.id, step: step.step, level, ...one }))),
  );
}

const TITLES: Readonly<Record<Level, string>> = { 1: 'result', 2: 'hops', 3: 'conntrack', 4: 'rules', 5: 'ARP' };

const cell = (count: LevelCount): string => (count.total === 0 ? '-' : `${count.passed}/${count.total}`);

/** One line a world, a line of totals, then the first differences. Ends with a newline. */
export function formatReports(reports: readonly WorldReport[], levels: readonly Level[] = LEVELS, maxFindings = 20): string {
  const width = Math.max(5, ...reports.map((one) => one.id.length));
  const row = (name: string, cells: readonly string[]): string => `${name.padEnd(width)}  ${cells.map((one) => one.padEnd(13)).join('')}`.trimEnd();
  const totals = new Map<Level, LevelCount>();
  const lines = [
    row(
      'WORLD',
      levels.map((level) => `${level} ${TITLES[level]}`),
    ),
  ];
  for (const report of reports) {
    const counts = countLevels(report);
    for (const level of levels) {
      const { passed, total } = counts.get(level) ?? { passed: 0, total: 0 };
      const before = totals.get(level) ?? { passed: 0, total: 0 };
      totals.set(level, { passed: before.passed + passed, total: before.total + total });
    }
    lines.push(row(report.id, report.failure === undefined ? levels.map((level) => cell(counts.get(level) ?? { passed: 0, total: 0 })) : ['failed']));
  }
  lines.push(
    row(
      'total',
      levels.map((level) => cell(totals.get(level) ?? { passed: 0, total: 0 })),
    ),
  );
  const findings = reports.flatMap((one) => findingsOf(one, levels));
  for (const report of reports) {
    if (report.failure !== undefined) lines.push(`${report.id}: ${report.failure}`);
    for (const note of report.notes) lines.push(`${report.id}: note: ${note}`);
  }
  const show = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));
  for (const one of findings.slice(0, maxFindings)) {
    lines.push(`${one.world}, step "${one.step}", level ${one.level}: ${one.where}`, `    recorded ${show(one.expected)}`, `    here     ${show(one.actual)}`);
  }
  if (findings.length > maxFindings) lines.push(`… and ${findings.length - maxFindings} more differences`);
  return `${lines.join('\n')}\n`;
}
