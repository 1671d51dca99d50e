import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import type { World } from '../../world/world.ts';
import { findHop } from './find-hop.ts';
import type { Lesson, LessonCheck, Solution } from './lesson.ts';
import { parseLesson } from './parse-lesson.ts';
import { passes, targetOf } from './use-lesson.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'lessons');
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function read(name: string): Lesson {
  const { lesson, diagnostics } = parseLesson(`${name}/lesson.md`, readFileSync(join(folder, name, 'lesson.md'), 'utf8'));
  if (lesson === undefined) throw new Error(diagnostics.map((one) => `${one.span?.startLine}: ${one.message}`).join('\n'));
  return lesson;
}

function solve(world: World, solution: Solution): void {
  if ('run' in solution) {
    runLine(world, solution.run);
    return;
  }
  const text = world.files.find((file) => file.path === solution.file)?.text;
  expect(text, `the lesson edits ${solution.file}`).toContain(solution.find);
  world.edit(solution.file, (text ?? '').replace(solution.find, solution.replace));
}

function look(world: World, checks: readonly LessonCheck[]): { readonly passed: boolean; readonly outputs: string } {
  const results = checks.map((check) => {
    const { output, exitCode } = runLine(world, check.run);
    return { passed: passes(check, exitCode, output), text: `$ ${check.run}  (${exitCode})\n${output}` };
  });
  return { passed: results.every((one) => one.passed), outputs: results.map((one) => one.text).join('\n') };
}

describe('each lesson we ship', () => {
  it('exists', () => {
    expect(names.length).toBeGreaterThan(0);
  });

  it.each(names)('%s: its commands run, its hops are found, its checks fail at first and hold once solved', (name) => {
    const lesson = read(name);
    expect(lesson.world).toBe('article');
    const world = openArticle();
    let span = { from: 0, to: 0 };
    for (const step of lesson.steps) {
      const where = `${name}, “${step.title}”`;
      if (step.focus !== undefined) expect(world.inspect(targetOf(step.focus)), `${where}: ${step.focus} exists`).not.toBeNull();
      for (const block of step.blocks) {
        if (block.kind === 'run') {
          const from = world.headSeq;
          for (const line of block.lines) expect(runLine(world, line).exitCode, `${where}: ${line}`).toBe(0);
          if (world.headSeq > from) span = { from, to: world.headSeq };
        }
        if (block.kind === 'check') {
          const before = look(world, block.checks);
          expect(before.passed, `${where}: the checks must not hold before it is solved\n${before.outputs}`).toBe(false);
          for (const solution of block.solution) solve(world, solution);
          const after = look(world, block.checks);
          expect(after.passed, `${where}: the checks hold once it is solved\n${after.outputs}`).toBe(true);
        }
      }
      if (step.seek !== undefined) expect(findHop(world.hops(span.from, span.to), step.seek), `${where}: the hop it means`).toBeGreaterThanOrEqual(0);
    }
  });
});
