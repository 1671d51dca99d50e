/** Reads the fields of front matter and of `kubehop` blocks, and says which are missing, unknown or of the wrong type. */
import type { YamlValue } from '../../base/yaml/index.ts';
import type { StepKind } from '../../net/trace-event.ts';
import type { Lens } from '../canvas/contract.ts';
import type { HopQuery, LessonBlock, LessonCheck, Solution } from './lesson.ts';

type Mapping = { readonly [key: string]: YamlValue | undefined };

const isMapping = (value: YamlValue | undefined): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A mapping that remembers which of its keys were asked for. */
export class Fields {
  readonly #value: Mapping;
  readonly #report: (path: string, message: string) => void;
  readonly #prefix: string;
  readonly #known = new Set<string>();

  constructor(value: Mapping, report: (path: string, message: string) => void, prefix = '') {
    this.#value = value;
    this.#report = report;
    this.#prefix = prefix;
  }

  wrong(key: string, message: string): void {
    this.#report(`${this.#prefix}${key}`, message);
  }

  has(key: string): boolean {
    this.#known.add(key);
    return Object.hasOwn(this.#value, key);
  }

  #get(key: string): YamlValue | undefined {
    return this.has(key) ? this.#value[key] : undefined;
  }

  text(key: string, required = false): string | undefined {
    const value = this.#get(key);
    if (typeof value === 'string' && value.trim() !== '') return value;
    if (value !== undefined || required) this.wrong(key, value === undefined ? `${key} is missing` : `${key} is a text`);
    return undefined;
  }

  number(key: string, required = false): number | undefined {
    const value = this.#get(key);
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    if (value !== undefined || required) this.wrong(key, value === undefined ? `${key} is missing` : `${key} is a whole number`);
    return undefined;
  }

  /** A text or a list of texts; numbers are taken as they are written. */
  texts(key: string): readonly string[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? (value as readonly YamlValue[]) : [value as YamlValue];
    if (list.every((one) => typeof one === 'string' || typeof one === 'number')) return list.map(String);
    this.wrong(key, `${key} is a text or a list of texts`);
    return [];
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    const found = allowed.find((one) => one === value);
    if (found === undefined) this.wrong(key, `${key} is one of ${allowed.join(', ')}`);
    return found;
  }

  mapping(key: string): Fields | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (isMapping(value)) return new Fields(value, this.#report, `${this.#prefix}${key}.`);
    this.wrong(key, `${key} has names with values`);
    return undefined;
  }

  mappings(key: string): readonly Fields[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? (value as readonly YamlValue[]) : [value as YamlValue];
    const fields: Fields[] = [];
    list.forEach((one, index) => {
      if (isMapping(one)) fields.push(new Fields(one, this.#report, `${this.#prefix}${key}[${index}].`));
      else this.wrong(key, `each of ${key} has names with values`);
    });
    return fields;
  }

  /** Reports what nobody asked for. */
  rest(): void {
    for (const key of Object.keys(this.#value)) if (!this.#known.has(key)) this.wrong(key, `unknown field ${key}`);
  }
}

export interface ReadBlock {
  readonly blocks: readonly LessonBlock[];
  readonly seek: HopQuery | undefined;
  readonly focus: string | undefined;
  readonly lens: Lens | undefined;
  readonly notes: readonly string[];
}

const stepKinds: readonly StepKind[] = [
  'created',
  'received',
  'bridged',
  'matched',
  'translated',
  'routed',
  'resolved',
  'queued',
  'encapsulated',
  'decapsulated',
  'transmitted',
  'delivered',
  'printed',
  'tls',
  'dropped',
];

function readSeek(fields: Fields): HopQuery {
  const query: HopQuery = {
    step: fields.oneOf('step', stepKinds),
    protocol: fields.text('protocol'),
    label: fields.text('label'),
    where: fields.text('where'),
    title: fields.text('title'),
    nth: fields.number('nth') ?? 1,
  };
  if (query.nth === 0) fields.wrong('nth', 'nth counts from 1, or from -1 backwards');
  fields.rest();
  return query;
}

function readPredict(fields: Fields): LessonBlock {
  const question = fields.text('question', true) ?? '';
  const choices = fields.texts('choices');
  const answer = fields.number('answer', true) ?? 1;
  const because = fields.text('because', true) ?? '';
  if (choices.length < 2) fields.wrong('choices', 'a prediction has at least two choices');
  else if (answer < 1 || answer > choices.length) fields.wrong('answer', `answer is the number of a choice, 1 to ${choices.length}`);
  fields.rest();
  return { kind: 'predict', question, choices, answer: answer - 1, because };
}

/** A command and what must be true of its end. */
export function readCheck(fields: Fields): LessonCheck {
  const exitText = fields.has('exit') ? fields.texts('exit')[0] : undefined;
  const exit = exitText === 'nonzero' ? 'nonzero' : exitText === undefined ? undefined : Number(exitText);
  if (typeof exit === 'number' && !Number.isInteger(exit)) fields.wrong('exit', 'exit is a number or nonzero');
  const check: LessonCheck = {
    says: fields.text('says', true) ?? '',
    run: fields.text('run', true) ?? '',
    exit,
    contains: fields.texts('contains'),
    lacks: fields.texts('lacks'),
  };
  if (check.exit === undefined && check.contains.length === 0 && check.lacks.length === 0)
    fields.wrong('run', 'a check says what must be true: exit, contains or lacks');
  fields.rest();
  return check;
}

/** A command to run, or an edit of a file of the world. */
export function readSolution(fields: Fields): Solution {
  const run = fields.text('run');
  const solution: Solution =
    run === undefined ? { file: fields.text('file', true) ?? '', find: fields.text('find', true) ?? '', replace: fields.text('replace', true) ?? '' } : { run };
  fields.rest();
  return solution;
}

/** All that one block holds, in the order a reader meets it: prediction, commands, checks, hints. */
export function readBlock(fields: Fields): ReadBlock {
  const blocks: LessonBlock[] = [];
  const predict = fields.mapping('predict');
  if (predict !== undefined) blocks.push(readPredict(predict));
  const lines = fields.texts('run');
  if (lines.length > 0) blocks.push({ kind: 'run', lines });
  const checks = fields.mappings('check').map(readCheck);
  const solution = fields.mappings('solution').map(readSolution);
  if (checks.length > 0) blocks.push({ kind: 'check', checks, solution });
  if (checks.length > 0 && solution.length === 0) fields.wrong('check', 'a check needs a solution, so that a test can solve the lesson');
  if (checks.length === 0 && solution.length > 0) fields.wrong('solution', 'a solution belongs to a check');
  const hint = fields.text('hint');
  if (hint !== undefined) blocks.push({ kind: 'hint', markdown: hint });
  const seek = fields.mapping('seek');
  const read: ReadBlock = {
    blocks,
    seek: seek === undefined ? undefined : readSeek(seek),
    focus: fields.text('focus'),
    lens: fields.oneOf<Lens>('lens', ['wires', 'services', 'policy']),
    notes: fields.texts('notes'),
  };
  fields.rest();
  return read;
}
