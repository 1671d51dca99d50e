/** Parses a file of YAML documents as kubectl understands them: values, places and diagnostics; never throws. */
import { EVENT_ID, type Event, parseEvents, YAMLException } from 'js-yaml';
import type { Diagnostic, Span } from '../diagnostic.ts';
import { type BuildProblem, buildNodes } from './build-nodes.ts';
import { indentFlowLines } from './flow-scan.ts';
import { LineIndex } from './lines.ts';
import { findNode, pathAt, type YamlNode, type YamlValue } from './node.ts';
import { splitDocuments } from './split-documents.ts';
import { goYamlWords } from './words.ts';

export interface YamlLimits {
  /** UTF-16 code units of a file. */
  readonly maxLength: number;
  readonly maxDocuments: number;
  readonly maxDepth: number;
  /** Alias nodes (`*x`) in one document. */
  readonly maxAliases: number;
  /** Nodes of one document with every alias written out. */
  readonly maxNodes: number;
}

export const defaultYamlLimits: YamlLimits = { maxLength: 256 * 1024, maxDocuments: 500, maxDepth: 100, maxAliases: 100, maxNodes: 100_000 };

/** One document with content. Spans are computed when asked for. */
export interface YamlDocument {
  /** Position among the file's documents with content, from 0. */
  readonly index: number;
  readonly file: string;
  readonly value: YamlValue;
  /** From the first key or item to the end of the last value. */
  readonly span: Span;
  /** The value's place; its key where the value is empty; the nearest parent's key (or the whole document) where the path is absent. */
  spanOf(path: string): Span;
  /** The key's place, for entries of mappings; else as `spanOf`. */
  keySpanOf(path: string): Span;
  has(path: string): boolean;
  pathAt(offset: number): { readonly path: string; readonly onKey: boolean };
}

export interface ParsedYaml {
  readonly documents: readonly YamlDocument[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The text of one document and where it stands in its file. */
interface Source {
  readonly text: string;
  /** An offset of `text` as one of the file. */
  toFile(offset: number): number;
}

class ParsedDocument implements YamlDocument {
  readonly index: number;
  readonly #root: YamlNode;
  readonly #lines: LineIndex;
  readonly #source: Source;

  constructor(index: number, root: YamlNode, lines: LineIndex, source: Source) {
    this.index = index;
    this.#root = root;
    this.#lines = lines;
    this.#source = source;
  }

  #span(start: number, end: number): Span {
    return this.#lines.span(this.#source.toFile(start), this.#source.toFile(end));
  }

  get file(): string {
    return this.#lines.file;
  }

  get value(): YamlValue {
    return this.#root.value;
  }

  get span(): Span {
    return this.#span(this.#root.start, this.#root.end);
  }

  spanOf(path: string): Span {
    const { node, entry, exact } = findNode(this.#root, path);
    if (entry !== undefined && (!exact || node.end <= node.start)) return this.#span(entry.keyStart, entry.keyEnd);
    if (!exact && entry === undefined && node.kind === 'mapping') {
      // A field missing from the top: point at `kind: …`, a short line everybody knows, not at the whole document.
      const kind = node.entries.find((one) => one.key === 'kind') ?? node.entries[0];
      if (kind !== undefined) return this.#span(kind.keyStart, Math.max(kind.keyEnd, kind.node.kind === 'scalar' ? kind.node.end : kind.keyEnd));
    }
    return this.#span(node.start, node.end);
  }

  keySpanOf(path: string): Span {
    const { entry, exact } = findNode(this.#root, path);
    return exact && entry !== undefined && !path.endsWith(']') ? this.#span(entry.keyStart, entry.keyEnd) : this.spanOf(path);
  }

  has(path: string): boolean {
    return findNode(this.#root, path).exact;
  }

  pathAt(offset: number): { readonly path: string; readonly onKey: boolean } {
    return pathAt(this.#root, offset, (at) => this.#source.toFile(at));
  }
}

const prefix = 'error converting YAML to JSON: ';

function syntaxDiagnostic(lines: LineIndex, text: string, source: Source, error: unknown): Diagnostic {
  const reason = error instanceof YAMLException ? error.reason : error instanceof Error ? error.message : String(error);
  const position = error instanceof YAMLException ? (error.mark?.position ?? 0) : 0;
  const base = source.toFile(0);
  const at = Math.min(source.toFile(position), text.length);
  // A place at the very end shows nothing: step back to the last character that can be marked.
  const start = at > base && (at === text.length || text[at] === '\n') ? at - 1 : at;
  const span = lines.span(start, Math.max(start + 1, endOfWord(text, at)));
  return {
    severity: 'error',
    code: reason.startsWith('nesting exceeded') ? 'yaml-limit' : 'yaml-syntax',
    message: `${prefix}yaml: line ${span.startLine}: ${goYamlWords(reason, source.text, position)}`,
    span,
    hint: reason,
  };
}

function endOfWord(text: string, from: number): number {
  let end = from;
  while (end < text.length && end - from < 40 && !/[\s,:[\]{}]/.test(text[end] ?? '')) end += 1;
  return end;
}

/** goyaml tells these without a line. */
const withoutLine = /^(?:document contains|unknown anchor|anchor |invalid map key|cannot decode|map merge)/;

function problemDiagnostic(lines: LineIndex, problem: BuildProblem, source: Source): Diagnostic {
  const start = source.toFile(problem.startOffset);
  const span = lines.span(start, Math.max(source.toFile(problem.endOffset), start + 1));
  const { code, message } = problem;
  let text = `${prefix}yaml: line ${span.startLine}: ${message}`;
  if (code === 'duplicate-key') text = `${prefix}yaml: unmarshal errors:\n  line ${span.startLine}: ${message}`;
  else if (message.startsWith('json:')) text = prefix + message;
  else if (withoutLine.test(message)) text = `${prefix}yaml: ${message}`;
  return message.startsWith('invalid map key: map[')
    ? { severity: 'error', code, message: text, span, hint: 'Looks like a template: render it first (helm template), then paste the result.' }
    : { severity: 'error', code, message: text, span };
}

function limitDiagnostic(lines: LineIndex, message: string, start: number, end: number): Diagnostic {
  return { severity: 'error', code: 'yaml-limit', message, span: lines.span(start, end) };
}

/**
 * All documents of a file. A document with a mistake is left out and told in `diagnostics`; the others stand.
 * Line numbers in messages are the file's.
 */
export function parseYaml(file: string, text: string, limits: YamlLimits = defaultYamlLimits): ParsedYaml {
  if (text.length > limits.maxLength) {
    // No line index, no split: the size alone decides, at once.
    const span: Span = { file, startOffset: 0, endOffset: 0, startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 };
    const message = `file is too large: ${Math.ceil(text.length / 1024)} kB, at most ${Math.floor(limits.maxLength / 1024)} kB are read`;
    return { documents: [], diagnostics: [{ severity: 'error', code: 'yaml-limit', message, span }] };
  }
  const lines = new LineIndex(file, text);
  const documents: YamlDocument[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const chunk of splitDocuments(text)) {
    const source = text.slice(chunk.startOffset, chunk.endOffset);
    if (documents.length >= limits.maxDocuments) {
      diagnostics.push(limitDiagnostic(lines, `too many documents: only the first ${limits.maxDocuments} are read`, chunk.startOffset, chunk.startOffset + 3));
      break;
    }
    const startOffset = chunk.startOffset;
    const plain: Source = { text: source, toFile: (offset) => startOffset + offset };
    const parsed = parseSource(plain, limits);
    if ('error' in parsed) {
      diagnostics.push(syntaxDiagnostic(lines, text, plain, parsed.error));
      continue;
    }
    const tooMuch = excess(parsed.events, limits);
    if (tooMuch !== undefined) {
      diagnostics.push(limitDiagnostic(lines, tooMuch, startOffset, startOffset + 3));
      continue;
    }
    const { root, problems } = buildNodes(parsed.source.text, parsed.events, limits);
    for (const problem of problems) diagnostics.push(problemDiagnostic(lines, problem, parsed.source));
    const isEmpty = root === undefined || (root.kind === 'scalar' && root.value === null);
    if (problems.length === 0 && !isEmpty) documents.push(new ParsedDocument(documents.length, root, lines, parsed.source));
  }
  return { documents, diagnostics };
}

/** Second try for brackets and quotes that stand further left than YAML 1.2 allows and kubectl does not mind. */
function parseSource(source: Source, limits: YamlLimits): { readonly events: readonly Event[]; readonly source: Source } | { readonly error: unknown } {
  try {
    return { events: parseEvents(source.text, { maxDepth: limits.maxDepth }), source };
  } catch (error) {
    const indented = error instanceof YAMLException && error.reason === 'deficient indentation' ? indentFlowLines(source.text) : undefined;
    if (indented === undefined) return { error };
    try {
      const events = parseEvents(indented.text, { maxDepth: limits.maxDepth });
      return { events, source: { text: indented.text, toFile: (offset) => source.toFile(indented.toOld(offset)) } };
    } catch {
      // The first error is nearer to the mistake.
      return { error };
    }
  }
}

function excess(events: readonly Event[], limits: YamlLimits): string | undefined {
  let aliases = 0;
  for (const event of events) if (event.type === EVENT_ID.ALIAS) aliases += 1;
  if (aliases > limits.maxAliases) return `${prefix}yaml: document contains excessive aliasing`;
  return events.length > limits.maxNodes ? `document is too large: more than ${limits.maxNodes} values` : undefined;
}
