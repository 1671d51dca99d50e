/** Reads a lesson's Markdown file: front matter, steps by first-level headings, and `kubehop` blocks; every mistake with its line. */
import type { Diagnostic, Span } from '../../base/diagnostic.ts';
import { parseYaml, type YamlDocument, type YamlValue } from '../../base/yaml/index.ts';
import type { Lesson, LessonBlock, LessonStep } from './lesson.ts';
import { Fields, readBlock } from './read-block.ts';

export interface ParsedLesson {
  /** Absent when there is any error. */
  readonly lesson?: Lesson;
  readonly diagnostics: readonly Diagnostic[];
}

export const MAX_LESSON_LENGTH = 200_000;
const MAX_STEPS = 100;

interface Section {
  readonly startLine: number;
  readonly text: string;
}

/** Moves a place in a section to its place in the file. */
function shifted(span: Span, lines: number): Span {
  return { ...span, startLine: span.startLine + lines, endLine: span.endLine + lines };
}

function spanOfLine(file: string, line: number): Span {
  return { file, startOffset: 0, endOffset: 0, startLine: line, startColumn: 1, endLine: line, endColumn: 1 };
}

class LessonParser {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  error(line: number, message: string): void {
    this.diagnostics.push({ severity: 'error', code: 'lesson', message, span: spanOfLine(this.#file, line) });
  }

  /** The one YAML document of a section, its diagnostics moved to the file's lines. */
  yaml(section: Section): YamlDocument | undefined {
    const parsed = parseYaml(this.#file, section.text);
    for (const diagnostic of parsed.diagnostics) {
      this.diagnostics.push({ ...diagnostic, ...(diagnostic.span === undefined ? {} : { span: shifted(diagnostic.span, section.startLine - 1) }) });
    }
    if (parsed.documents.length > 1) this.error(section.startLine, 'a block holds one YAML document');
    return parsed.documents[0];
  }

  fields(section: Section): Fields | undefined {
    const document = this.yaml(section);
    if (document === undefined) return undefined;
    const { value } = document;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.error(section.startLine, 'here stand names with values');
      return undefined;
    }
    return new Fields(value as { readonly [key: string]: YamlValue | undefined }, (path, message) => {
      const span = shifted(document.keySpanOf(path), section.startLine - 1);
      this.diagnostics.push({ severity: 'error', code: 'lesson', message, span });
    });
  }
}

interface Draft {
  title: string;
  line: number;
  blocks: LessonBlock[];
  seek: LessonStep['seek'];
  focus: LessonStep['focus'];
  lens: LessonStep['lens'];
  notes: string[];
}

function readSteps(parser: LessonParser, lines: readonly string[], from: number): Draft[] {
  const steps: Draft[] = [];
  let prose: string[] = [];
  let fence: { readonly mark: string; readonly ours: boolean; readonly line: number; readonly lines: string[] } | undefined;
  const endProse = () => {
    const markdown = prose.join('\n').trim();
    prose = [];
    if (markdown !== '') steps[steps.length - 1]?.blocks.push({ kind: 'text', markdown });
  };
  for (let i = from; i < lines.length; i += 1) {
    const line = lines[i] as string;
    const number = i + 1;
    const mark = /^(`{3,}|~{3,})\s*([A-Za-z]*)\s*$/.exec(line);
    if (fence !== undefined) {
      if (mark?.[1]?.startsWith(fence.mark) && mark[2] === '') {
        if (fence.ours) {
          const step = steps[steps.length - 1];
          const fields = parser.fields({ startLine: fence.line + 1, text: fence.lines.join('\n') });
          if (step !== undefined && fields !== undefined) addBlock(step, fields);
        } else prose.push(line);
        fence = undefined;
      } else if (fence.ours) fence.lines.push(line);
      else prose.push(line);
      continue;
    }
    if (mark !== null) {
      const ours = mark[2] === 'kubehop';
      fence = { mark: mark[1] ?? '```', ours, line: number, lines: [] };
      if (ours) endProse();
      else prose.push(line);
      if (ours && steps.length === 0) parser.error(number, 'a kubehop block stands in a step, after its heading');
      continue;
    }
    const heading = /^#\s+(.+?)\s*$/.exec(line);
    if (heading === null) {
      if (steps.length === 0 && line.trim() !== '') parser.error(number, 'a lesson begins with the heading of its first step: # …');
      prose.push(line);
      continue;
    }
    endProse();
    steps.push({ title: heading[1] ?? '', line: number, blocks: [], seek: undefined, focus: undefined, lens: undefined, notes: [] });
  }
  if (fence !== undefined) parser.error(fence.line, 'this block is not closed');
  endProse();
  return steps;
}

function addBlock(step: Draft, fields: Fields): void {
  const read = readBlock(fields);
  step.blocks.push(...read.blocks);
  step.seek = read.seek ?? step.seek;
  step.focus = read.focus ?? step.focus;
  step.lens = read.lens ?? step.lens;
  step.notes.push(...read.notes);
}

export function parseLesson(file: string, text: string): ParsedLesson {
  const parser = new LessonParser(file);
  if (text.length > MAX_LESSON_LENGTH) {
    parser.error(1, `a lesson has at most ${MAX_LESSON_LENGTH / 1000} kB`);
    return { diagnostics: parser.diagnostics };
  }
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const end = lines[0] === '---' ? lines.indexOf('---', 1) : -1;
  if (end < 0) {
    parser.error(1, 'a lesson begins with front matter between two lines ---');
    return { diagnostics: parser.diagnostics };
  }
  const fields = parser.fields({ startLine: 2, text: lines.slice(1, end).join('\n') });
  const steps = readSteps(parser, lines, end + 1);
  if (steps.length === 0) parser.error(end + 1, 'a lesson has at least one step: a heading # …');
  if (steps.length > MAX_STEPS) parser.error(end + 1, `a lesson has at most ${MAX_STEPS} steps`);
  if (fields === undefined) return { diagnostics: parser.diagnostics };
  const lesson: Lesson = {
    id: fields.text('id', true) ?? '',
    title: fields.text('title', true) ?? '',
    level: fields.text('level', true) ?? '',
    minutes: fields.number('minutes', true) ?? 0,
    goals: fields.texts('goals'),
    world: fields.text('world', true) ?? '',
    steps: steps.map(({ line: _line, ...step }) => step),
  };
  if (lesson.id !== '' && !/^[a-z0-9-]{1,64}$/.test(lesson.id)) fields.wrong('id', 'an id has small letters, digits and dashes');
  fields.rest();
  return parser.diagnostics.some((diagnostic) => diagnostic.severity === 'error')
    ? { diagnostics: parser.diagnostics }
    : { lesson, diagnostics: parser.diagnostics };
}
