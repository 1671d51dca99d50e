/** Scripts run by the real bash, coreutils, grep, sed and awk, and by this shell: what they print and how they end is the same. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeWorld } from './testing/fake-host.ts';

const folder = new URL('./testing/', import.meta.url).pathname;
const scripts = readFileSync(join(folder, 'scripts.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('# '));
/** Both streams, then the exit code; recorded by `KUBEHOP_RECORD=on`. */
type Golden = Record<string, readonly [output: string, exitCode: number]>;
const path = join(folder, 'scripts-golden.json');

/** A script's errors name its line; the shell at a prompt does not. */
const normalise = (text: string): string => text.replace(/^bash: line \d+: /gm, 'bash: ').replace(/^environment: line \d+: /gm, 'bash: ');

function runReal(script: string): readonly [string, number] {
  const cwd = mkdtempSync(join(tmpdir(), 'kubehop-'));
  const result = spawnSync('bash', ['-c', `exec 2>&1; ${script}`], {
    cwd,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: cwd, LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' },
    encoding: 'utf8',
    input: '',
  });
  rmSync(cwd, { recursive: true });
  return [normalise(result.stdout.replaceAll(cwd, '/root')), result.status ?? -1];
}

function runHere(script: string): readonly [string, number] {
  const world = new FakeWorld();
  const from = world.printed.length;
  world.shell.input('main', `set -o pipefail; bash -c '${`exec 2>&1; ${script}`.replaceAll("'", "'\\''")}' < /dev/null | cat`);
  world.advance(5);
  return [normalise(world.since(from)), world.shell.exitCode('main')];
}

if (process.env.KUBEHOP_RECORD === 'on') {
  const recorded: Golden = Object.fromEntries(scripts.map((script) => [script, runReal(script)]));
  writeFileSync(path, `${JSON.stringify(recorded, undefined, 1)}\n`);
}
const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;

describe('as the real tools', () => {
  it.each(scripts)('%s', (script) => {
    expect(runHere(script)).toEqual(golden[script]);
  });
});
