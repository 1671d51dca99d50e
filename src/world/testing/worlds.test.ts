/** Worlds for every measured fact about the kernel: what they expect holds here, and this machine's kernel does hop by hop, rule by rule what the simulation does. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { checkWorld, findingsOf } from '../recorded/check.ts';
import { readWorld } from '../recorded/parse.ts';
import { whyNot } from './parity-kernel.ts';
import { KernelRecorder } from './record-kernel.ts';

const FOLDER = new URL('./worlds/', import.meta.url);
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.world.json'))
  .map((name) => name.slice(0, -'.world.json'.length))
  .sort();
const read = (name: string) => readWorld(JSON.parse(readFileSync(new URL(`${name}.world.json`, FOLDER), 'utf8')));

const reason = whyNot(['nft']);
if (reason !== undefined) process.stderr.write(`kubehop: recording the worlds on this machine's own kernel is skipped: ${reason}.\n`);

describe('worlds for the facts about the kernel', () => {
  it('are at least forty, and every one of the numbered facts has one', () => {
    expect(names.length).toBeGreaterThanOrEqual(40);
    const numbers = new Set(names.map((name) => Number(name.slice(0, 2))));
    expect(Array.from({ length: 37 }, (_, i) => i + 1).filter((fact) => !numbers.has(fact))).toEqual([]);
  });

  it.each(names)('%s: as its author expects', (name) => {
    const { world, notes } = read(name);
    const report = checkWorld(world, undefined, { createShell, notes });
    expect(report.failure).toBeUndefined();
    expect(report.notes).toEqual([]);
    expect(findingsOf(report)).toEqual([]);
  });
});

/** What differs only because the recorder is slower than the simulation. */
const late: readonly { readonly world: string; readonly step: string; readonly where: RegExp }[] = [
  // The server repeats its SYN-ACK after a second, when the flow is over and the recorder still reads counters.
  { world: '15-asymmetric', step: 'tcp', where: /^counter node2 filter (?:FORWARD 2|KUBE-FORWARD 3)$/ },
];
const isLate = (one: { readonly world: string; readonly step: string; readonly where: string }): boolean =>
  late.some((k) => k.world === one.world && k.step === one.step && k.where.test(one.where));

describe.skipIf(reason !== undefined)('the same worlds on this machine’s kernel', { concurrent: true }, () => {
  // A real machine is sometimes late: a difference is one that comes back.
  it.each(names)('%s', { timeout: 90_000, retry: 2 }, async (name) => {
    const { world } = read(name);
    const recorder = new KernelRecorder(world);
    try {
      await recorder.build();
      const trace = await recorder.record();
      const folder = process.env.KUBEHOP_RECORD;
      if (folder !== undefined) writeFileSync(join(folder, `${name}.trace.json`), `${JSON.stringify(trace, null, 1)}\n`);
      const report = checkWorld(world, trace, { createShell });
      expect(report.failure).toBeUndefined();
      expect(findingsOf(report).filter((one) => !isLate(one))).toEqual([]);
    } finally {
      await recorder.down();
    }
  });
});
