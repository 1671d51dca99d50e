/** Rows of `kubectl get` against cases taken from Kubernetes' own printers, read from the folder beside the project where it is there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatRfc3339, parseRfc3339 } from '../base/time.ts';
import type { KubeObject, RowContext } from '../objects/types.ts';
import { kinds } from './index.ts';
import { TestCluster } from './testing/cluster.ts';

const file = join(dirname(fileURLToPath(import.meta.url)), '../../../shared/conformance/kubectl-get.json');
const isThere = existsSync(file);
const nowMs = 1_775_293_200_000;

interface Case {
  readonly id: string;
  readonly command: string;
  readonly columns: readonly string[];
  readonly objects: readonly KubeObject[];
  readonly rows: readonly (readonly string[])[];
}

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

/** `<now-10s>` stands for a time. */
function withTimes<T>(value: T): T {
  const text = JSON.stringify(value).replace(/<now([+-])(\d+)([smhd])>/g, (_all, sign: string, amount: string, unit: string) =>
    formatRfc3339(nowMs + (sign === '-' ? -1 : 1) * Number(amount) * (seconds[unit] ?? 0) * 1000),
  );
  return JSON.parse(text) as T;
}

/** As far as the cases go: seconds, days, years. */
function age(timestamp: string | undefined): string {
  const then = timestamp === undefined ? undefined : parseRfc3339(timestamp);
  if (then === undefined) return '<unknown>';
  const passed = Math.max(0, (nowMs - then) / 1000);
  if (passed < 120) return `${passed}s`;
  const days = Math.floor(passed / 86400);
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

describe.skipIf(!isThere)("Kubernetes' own printer cases (skipped where ../shared/conformance is absent)", () => {
  const { cases } = (isThere ? JSON.parse(readFileSync(file, 'utf8')) : { cases: [] }) as { cases: readonly Case[] };
  const { view } = new TestCluster().api;

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_id, raw) => {
    const one = withTimes(raw);
    const wide = one.command.includes('-o wide');
    const context: RowContext = { nowNs: 0, view, age, wide };
    const kind = kinds.find((candidate) => candidate.kind === one.objects[0]?.kind);
    expect(kind).toBeDefined();
    if (kind === undefined) return;
    const shown = kind.columns.map((column, index) => ({ column, index })).filter(({ column }) => wide || column.priority === 0);
    expect(shown.map(({ column }) => column.name)).toEqual(one.columns);
    const rows = one.objects.map((object) => {
      const cells = kind.row(object, context);
      return shown.map(({ index }) => cells[index]);
    });
    expect(rows).toEqual(one.rows);
  });
});
