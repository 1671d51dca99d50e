import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import type { World } from '../../world/world.ts';
import type { LessonCheck, Solution } from './lesson.ts';
import { lessonOfScenario, parseScenario, type Scenario } from './scenario.ts';
import { passes } from './use-lesson.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples');
const slugs = readdirSync(folder).filter((name) => name !== 'article');

function read(slug: string): Scenario {
  const { scenario, diagnostics } = parseScenario(slug, readFileSync(join(folder, slug, 'scenario.md'), 'utf8'));
  if (scenario === undefined) throw new Error(diagnostics.map((one) => `${slug}/scenario.md:${one.span?.startLine}: ${one.message}`).join('\n'));
  return scenario;
}

/** The world as the reader of the symptom finds it. */
function open(slug: string): World {
  const names = readdirSync(join(folder, slug)).filter((name) => name.endsWith('.yaml'));
  // Hubble reads the log.
  const trace = read(slug).find.some(({ run }) => run.startsWith('hubble '));
  const world = openArticle({ files: names.map((path) => ({ path, text: readFileSync(join(folder, slug, path), 'utf8') })), trace });
  const wrong = world.diagnostics.filter((one) => one.severity === 'error');
  expect(wrong.map((one) => `${one.span?.file}:${one.span?.startLine}: ${one.message}`)).toEqual([]);
  for (const line of read(slug).before) {
    const { exitCode, output } = runLine(world, line);
    expect(exitCode, `${line}\n${output}`).toBe(0);
  }
  return world;
}

function failing(world: World, checks: readonly LessonCheck[], wanted: boolean): string[] {
  return checks.flatMap((check) => {
    const { output, exitCode } = runLine(world, check.run);
    return passes(check, exitCode, output) === wanted ? [] : [`${check.says}\n$ ${check.run}  (${exitCode})\n${output.slice(0, 3000)}`];
  });
}

function mend(world: World, fix: readonly Solution[]): void {
  for (const one of fix) {
    if ('run' in one) {
      const { exitCode, output } = runLine(world, one.run);
      expect(exitCode, `${one.run}\n${output}`).toBe(0);
      continue;
    }
    const text = world.files.find((file) => file.path === one.file)?.text ?? '';
    expect(text, `the cure edits ${one.file}`).toContain(one.find);
    const { applied, diagnostics } = world.edit(one.file, text.replace(one.find, one.replace));
    expect(applied, diagnostics.map((problem) => problem.message).join('\n')).toBe(true);
  }
}

// Some let a thousand Services or minutes of probes go by.
describe('each scenario', { timeout: 90_000 }, () => {
  it('exists', () => {
    expect(slugs.length).toBeGreaterThan(0);
  });

  it.each(slugs)('%s: the symptom emerges, the commands find its cause, the cure ends it and breaks nothing', (slug) => {
    const scenario = read(slug);
    const world = open(slug);
    expect(failing(world, scenario.still, true), 'is not broken').toEqual([]);
    expect(failing(world, scenario.see, true), 'shows the symptom').toEqual([]);
    expect(failing(world, scenario.find, true), 'leads to the cause').toEqual([]);
    if (scenario.nature === 'design') return;
    mend(world, scenario.fix);
    expect(failing(world, scenario.works, true), 'works after the cure').toEqual([]);
    expect(failing(world, scenario.see, false), 'the symptom is gone').toEqual([]);
    expect(failing(world, scenario.still, true), 'is still not broken').toEqual([]);
  });

  it.each(slugs.filter((slug) => read(slug).nature === 'fault'))('%s: does not work before it is mended', (slug) => {
    expect(failing(open(slug), read(slug).works, false)).toEqual([]);
  });

  it('stands in the page of scenarios with its symptom', () => {
    const page = readFileSync(join(folder, '..', '..', '..', 'docs', 'scenarios.md'), 'utf8');
    for (const scenario of slugs.map(read))
      expect(page).toContain(
        `| [${scenario.title}](../src/content/examples/${scenario.slug}/scenario.md)${scenario.nature === 'design' ? ' (by design)' : ''} | ${scenario.symptom} |`,
      );
  });

  it('is a lesson whose last step can be solved', () => {
    for (const slug of slugs) {
      const lesson = lessonOfScenario(read(slug));
      expect(lesson.world).toBe(slug);
      expect(lesson.steps.every((step) => step.blocks.length > 0)).toBe(true);
      if (read(slug).nature === 'fault') expect(lesson.steps.at(-1)?.blocks.some((block) => block.kind === 'check' && block.solution.length > 0)).toBe(true);
    }
  });
});

describe('a scenario file', () => {
  it('says which fields are missing or unknown, with their line', () => {
    const { scenario, diagnostics } = parseScenario('x', '---\ntitle: T\nsymtom: S\n---\nWhy.\n');
    expect(scenario).toBeUndefined();
    expect(diagnostics.map((one) => one.message)).toContain('unknown field symtom');
    expect(diagnostics.find((one) => one.message === 'unknown field symtom')?.span?.startLine).toBe(3);
    expect(diagnostics.map((one) => one.message)).toContain('symptom is missing');
  });

  it('needs front matter', () => {
    expect(parseScenario('x', 'hello').diagnostics[0]?.message).toContain('front matter');
  });
});
