import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLesson } from './parse-lesson.ts';
import { passes, targetOf } from './use-lesson.ts';

const minimal = (body: string, front = 'id: a\ntitle: A\nlevel: x\nminutes: 5\nworld: article') => `---\n${front}\n---\n\n${body}`;
const errorsOf = (text: string) => parseLesson('a/lesson.md', text).diagnostics.map((one) => `${one.span?.startLine}: ${one.message}`);

describe('a lesson file', () => {
  it('is steps by headings, with text and blocks in their order', () => {
    const { lesson } = parseLesson(
      'a/lesson.md',
      minimal(
        '# One\n\nText.\n\n```sh\n# not a heading\n```\n\n```kubehop\nrun: ip route\nseek: { step: routed, protocol: TCP }\nnotes: Say hello.\n```\n\nMore.\n\n# Two\n\n```kubehop\npredict: { question: Q, choices: [a, b], answer: 2, because: C }\nfocus: Pod/default/client\n```\n',
      ),
    );
    expect(lesson?.steps.map((step) => [step.title, step.blocks.map((block) => block.kind)])).toEqual([
      ['One', ['text', 'run', 'text']],
      ['Two', ['predict']],
    ]);
    expect(lesson?.steps[0]).toMatchObject({ seek: { step: 'routed', protocol: 'TCP', nth: 1 }, notes: ['Say hello.'] });
    expect(lesson?.steps[1]?.blocks[0]).toMatchObject({ answer: 1 });
  });

  it('names each mistake with its line', () => {
    expect(errorsOf('# No front matter')).toEqual(['1: a lesson begins with front matter between two lines ---']);
    expect(errorsOf(minimal('# One\n\n```kubehop\nrnu: x\n```\n'))).toEqual(['12: unknown field rnu']);
    expect(errorsOf(minimal('# One\n\n```kubehop\nseek: { step: jumped }\n```\n'))[0]).toMatch(/^12: step is one of created,/);
    expect(errorsOf(minimal('# One\n\n```kubehop\npredict:\n  question: Q\n  choices: [a, b]\n  answer: 3\n  because: C\n```\n'))).toEqual([
      '15: answer is the number of a choice, 1 to 2',
    ]);
    expect(errorsOf(minimal('# One\n\n```kubehop\ncheck:\n  - says: S\n    run: x\n    exit: 0\n```\n'))).toEqual([
      '12: a check needs a solution, so that a test can solve the lesson',
    ]);
    expect(errorsOf(minimal('# One\n', 'id: A B\ntitle: A\nlevel: x\nminutes: soon\nworld: article'))).toEqual([
      '5: minutes is a whole number',
      '2: an id has small letters, digits and dashes',
    ]);
    expect(errorsOf(minimal('# One\n\n```kubehop\nrun: x\n'))).toEqual(['11: this block is not closed']);
    expect(errorsOf(minimal('Text before.\n\n# One\n'))).toEqual(['9: a lesson begins with the heading of its first step: # …']);
  });

  it('is never a way to crash or to reach a prototype', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        parseLesson('a/lesson.md', text);
        parseLesson('a/lesson.md', minimal(`# T\n\n\`\`\`kubehop\n${text}\n\`\`\`\n`));
      }),
      { numRuns: 150 },
    );
    expect(parseLesson('a/lesson.md', minimal('# T\n\n```kubehop\n__proto__: { polluted: 1 }\n```\n')).lesson).toBeUndefined();
  });
});

describe('a check', () => {
  const check = { says: '', run: '', exit: undefined, contains: [], lacks: [] };
  it('looks at the exit code and at what was printed', () => {
    expect(passes({ ...check, exit: 0, contains: ['5/5'] }, 0, 'web 5/5')).toBe(true);
    expect(passes({ ...check, exit: 0 }, 7, '')).toBe(false);
    expect(passes({ ...check, exit: 'nonzero' }, 7, '')).toBe(true);
    expect(passes({ ...check, exit: 'nonzero' }, 0, '')).toBe(false);
    expect(passes({ ...check, lacks: ['refused'] }, 0, 'Connection refused')).toBe(false);
  });

  it('and a focus mean what they say', () => {
    expect(targetOf('Service/default/web')).toEqual({ kind: 'object', key: 'Service/default/web' });
    expect(targetOf('node01/netns/root/device/cni0')).toEqual({ kind: 'device', id: 'node01/netns/root/device/cni0' });
    expect(targetOf('node01/netns/root')).toEqual({ kind: 'netns', id: 'node01/netns/root' });
  });
});

const lessonsFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'lessons');
const folders = readdirSync(lessonsFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe('the lessons we ship', () => {
  it.each(folders.map((entry) => entry.name))('%s has no mistake, and its folder’s name as its id', (name) => {
    const { lesson, diagnostics } = parseLesson(`${name}/lesson.md`, readFileSync(join(lessonsFolder, name, 'lesson.md'), 'utf8'));
    expect(diagnostics).toEqual([]);
    expect(lesson?.id).toBe(name);
    expect(lesson?.steps.length).toBeGreaterThanOrEqual(8);
  });
});
