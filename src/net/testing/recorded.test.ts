/** The fourteen recordings of a real kernel, replayed: results, hops of the first packet of every kind, connection table, ARP. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RecordedTrace, RecordedWorld } from './recorded-types.ts';
import { RecordedWorldRun } from './recorded-world.ts';

const FOLDER = new URL('../../../../shared/facts/traces/', import.meta.url);
const present = existsSync(FOLDER);
const names = present ? readdirSync(FOLDER).flatMap((f) => (f.endsWith('.world.json') ? [f.slice(0, -'.world.json'.length)] : [])) : [];
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));

/** Where timing decides, not the kernel side. */
const pending: readonly { readonly world: string; readonly level: number; readonly step: string; readonly where: string }[] = [
  // The recorded client's fourth SYN came some milliseconds after ARP had given up (both timers are rounded up by the kernel's timer wheel) and
  // began a second round of requests; ours comes before.
  { world: '41-unused-pod-ip', level: 5, step: 'other node', where: 'ARP' },
  { world: '41-unused-pod-ip', level: 5, step: 'ping other node', where: 'ARP' },
];

describe.skipIf(!present)('recordings of a real kernel (../shared/facts/traces; skipped where that folder is absent)', () => {
  it.each(names)('%s', (name) => {
    const run = new RecordedWorldRun(read(`${name}.world.json`) as RecordedWorld);
    const reports = run.run(read(`${name}.trace.json`) as RecordedTrace);
    expect(reports.length).toBeGreaterThan(0);
    const differences = reports.flatMap((r) => [
      ...r.result.map((d) => ({ step: r.step, level: 1, ...d })),
      ...r.hops.map((d) => ({ step: r.step, level: 2, ...d })),
      ...r.connections.map((d) => ({ step: r.step, level: 3, ...d })),
      ...r.arp.map((d) => ({ step: r.step, level: 5, ...d })),
    ]);
    const known = (d: (typeof differences)[number]): boolean =>
      pending.some((p) => p.world === name && p.level === d.level && p.step === d.step && d.where.startsWith(p.where));
    expect(differences.filter((d) => !known(d))).toEqual([]);
  });
});
