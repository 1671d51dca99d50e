/** Recordings of a real kernel, done again in worlds made of manifests: results, hops, connection tables, rules, ARP. Every file of the folder is taken. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { checkWorld, findingsOf } from './check.ts';
import { readTrace, readWorld } from './parse.ts';

const FOLDER = new URL('../../../../shared/facts/traces/', import.meta.url);
const present = existsSync(FOLDER);
const names = present ? readdirSync(FOLDER).flatMap((f) => (f.endsWith('.world.json') ? [f.slice(0, -'.world.json'.length)] : [])) : [];
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));

describe.skipIf(!present)('recordings of a real kernel (../shared/facts/traces; skipped where that folder is absent)', () => {
  it.each(names)('%s', (name) => {
    const { world, notes } = readWorld(read(`${name}.world.json`));
    const report = checkWorld(world, readTrace(read(`${name}.trace.json`)), { createShell, notes });
    expect(report.failure).toBeUndefined();
    expect(report.notes).toEqual([]);
    expect(report.steps.length).toBe(world.steps.length);
    expect(findingsOf(report)).toEqual([]);
  });
});
