/** A scenario: a world with one thing wrong in it, how it shows, how to find it and what cures it; read from the front matter of its `scenario.md`. */
import type { Diagnostic } from '../../base/diagnostic.ts';
import { parseYaml, type YamlValue } from '../../base/yaml/index.ts';
import type { Lesson, LessonBlock, LessonCheck, LessonStep, Solution } from './lesson.ts';
import { Fields, readCheck, readSolution } from './read-block.ts';

export interface Scenario {
  /** The name of its folder, and of its world in links. */
  readonly slug: string;
  readonly title: string;
  /** What a person would complain about, in one sentence. */
  readonly symptom: string;
  readonly level: string;
  readonly topic: string;
  /** `design`: this is how it is meant to be, and nothing is to be mended. */
  readonly nature: 'fault' | 'design';
  /** What happened before the reader came: commands that make the world what it is. */
  readonly before: readonly string[];
  /** True as long as nothing is mended, and no longer afterwards. */
  readonly see: readonly LessonCheck[];
  /** True before the cure, in this order: the way from the symptom to the cause. */
  readonly find: readonly LessonCheck[];
  readonly fix: readonly Solution[];
  /** True only after the cure. */
  readonly works: readonly LessonCheck[];
  /** True before and after: what was never broken, and must not break. */
  readonly still: readonly LessonCheck[];
  /** Markdown: why it is so. */
  readonly why: string;
}

export interface ParsedScenario {
  /** Absent when there is any error. */
  readonly scenario?: Scenario;
  readonly diagnostics: readonly Diagnostic[];
}

const MAX_LENGTH = 50_000;

/** Reads one file; every mistake with its line. */
export function parseScenario(slug: string, text: string): ParsedScenario {
  const file = `${slug}/scenario.md`;
  const diagnostics: Diagnostic[] = [];
  const report = (line: number, message: string) =>
    diagnostics.push({
      severity: 'error',
      code: 'scenario',
      message,
      span: { file, startOffset: 0, endOffset: 0, startLine: line, startColumn: 1, endLine: line, endColumn: 1 },
    });
  const lines = text.slice(0, MAX_LENGTH).replace(/\r\n?/g, '\n').split('\n');
  const end = lines[0] === '---' ? lines.indexOf('---', 1) : -1;
  if (end < 0) {
    report(1, 'a scenario begins with front matter between two lines ---');
    return { diagnostics };
  }
  // The line of the opening mark stays in, empty, so that places are those of the file.
  const parsed = parseYaml(file, ['', ...lines.slice(1, end)].join('\n'));
  diagnostics.push(...parsed.diagnostics);
  const document = parsed.documents[0];
  const value = document?.value;
  if (document === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(2, 'the front matter has names with values');
    return { diagnostics };
  }
  const fields = new Fields(value as { readonly [key: string]: YamlValue | undefined }, (path, message) => report(document.keySpanOf(path).startLine, message));
  const checks = (key: string, required: boolean): readonly LessonCheck[] => {
    const found = fields.mappings(key).map(readCheck);
    if (required && found.length === 0) fields.wrong(key, `${key} needs at least one command`);
    return found;
  };
  const nature = fields.oneOf('nature', ['fault', 'design']) ?? 'fault';
  const scenario: Scenario = {
    slug,
    nature,
    title: fields.text('title', true) ?? '',
    symptom: fields.text('symptom', true) ?? '',
    level: fields.text('level', true) ?? '',
    topic: fields.text('topic', true) ?? '',
    before: fields.texts('before'),
    see: checks('see', true),
    find: checks('find', true),
    fix: fields.mappings('fix').map(readSolution),
    works: checks('works', nature === 'fault'),
    still: checks('still', false),
    why: lines
      .slice(end + 1)
      .join('\n')
      .trim(),
  };
  if (nature === 'fault' && scenario.fix.length === 0) fields.wrong('fix', 'fix needs at least one step');
  if (nature === 'design' && (scenario.fix.length > 0 || scenario.works.length > 0)) fields.wrong('fix', 'what is meant to be so has no fix');
  if (scenario.why === '') report(end + 1, 'after the front matter stands why it is so');
  fields.rest();
  return diagnostics.some((one) => one.severity === 'error') ? { diagnostics } : { scenario, diagnostics };
}

const step = (title: string, blocks: readonly LessonBlock[]): LessonStep => ({ title, blocks, seek: undefined, focus: undefined, lens: undefined, notes: [] });
const asRuns = (checks: readonly LessonCheck[]): readonly LessonBlock[] =>
  checks.flatMap((check): LessonBlock[] => [
    { kind: 'text', markdown: check.says },
    { kind: 'run', lines: [check.run] },
  ]);

const happened = (before: readonly string[]): readonly LessonBlock[] =>
  before.length === 0
    ? []
    : [
        { kind: 'text', markdown: 'This is what happened first; run it, so that it has happened here too.' },
        { kind: 'run', lines: before },
      ];

/** The cure, as a reader would type or edit it. */
function fixText(fix: readonly Solution[]): string {
  return fix
    .map((one) =>
      'run' in one
        ? `\`\`\`sh\n${one.run}\n\`\`\``
        : `In \`${one.file}\`, put\n\n\`\`\`yaml\n${one.replace.trimEnd()}\n\`\`\`\n\nin place of\n\n\`\`\`yaml\n${one.find.trimEnd()}\n\`\`\``,
    )
    .join('\n\n');
}

/** A scenario as the Learn pane plays it: see it, find the cause, mend it. */
export function lessonOfScenario(scenario: Scenario): Lesson {
  const why: LessonBlock = { kind: 'text', markdown: scenario.why };
  return {
    id: scenario.slug,
    title: scenario.title,
    level: scenario.level,
    minutes: 5,
    goals: [scenario.symptom],
    world: scenario.slug,
    steps: [
      step('What you see', [...happened(scenario.before), { kind: 'text', markdown: scenario.symptom }, ...asRuns(scenario.see)]),
      step('Find the cause', asRuns(scenario.find)),
      scenario.nature === 'design'
        ? step('Why it is so', [why])
        : step('Why, and the cure', [
            why,
            { kind: 'hint', markdown: fixText(scenario.fix) },
            { kind: 'check', checks: [...scenario.works, ...scenario.still], solution: scenario.fix },
          ]),
    ],
  };
}
