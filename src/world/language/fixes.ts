/** What would mend a diagnostic, as edits of the text: nothing is changed before somebody chooses it. */
import type { Diagnostic, Span } from '../../base/diagnostic.ts';
import type { LabelSelector } from '../../kube/label-selector.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { Kind, Schema } from '../../objects/types.ts';
import { findSchema, rootSchema } from '../../objects/yaml-help.ts';
import { insertField, parentOf, replaceSpan, valueAt } from './edit-text.ts';
import { ingressEdits } from './ingress-fix.ts';
import { portsOf } from './lint.ts';
import { nearWords } from './near.ts';
import { policyFixes } from './policy-fixes.ts';
import type { QuickFix, TextEdit } from './requests.ts';
import { snippetFor } from './snippets.ts';
import type { LanguageSource, TextFile } from './text-index.ts';
import { isRecord, keySpanOf, spanOf, type TextObject } from './text-object.ts';

const MAX_FIXES = 12;

const schemaPath = (path: string): readonly string[] =>
  (path.match(/\[[^\]]*\]|[^.[]+/g) ?? []).map((part) => (/^\[\d+\]$/.test(part) ? '[]' : part.replace(/^\[|\]$/g, '')));

function placeholder(key: string, schema: Schema | undefined): string {
  if (schema?.enum?.[0] !== undefined) return schema.enum[0];
  if (schema?.default !== undefined) return JSON.stringify(schema.default);
  if (key === 'image') return 'nginx';
  if (key === 'name') return 'web';
  if (/port$/i.test(key)) return '80';
  if (schema?.type === 'integer' || schema?.type === 'number') return String(schema.minimum ?? 1);
  if (schema?.type === 'boolean') return 'false';
  if (schema?.type === 'array') return '[]';
  return schema?.type === 'object' ? '{}' : '""';
}

class Fixer {
  readonly fixes: QuickFix[] = [];
  readonly #source: LanguageSource;
  readonly #files: readonly TextFile[];
  readonly #text: string;

  constructor(source: LanguageSource, files: readonly TextFile[], text: string) {
    this.#source = source;
    this.#files = files;
    this.#text = text;
  }

  #add(title: string, edits: readonly (TextEdit | undefined)[], preferred = false): void {
    const whole = edits.filter((edit) => edit !== undefined);
    if (whole.length === edits.length && whole.length > 0 && this.fixes.length < MAX_FIXES) this.fixes.push({ title, edits: whole, preferred });
  }

  #objectAt(span: Span): TextObject | undefined {
    const file = this.#files.find((one) => one.path === span.file);
    return file?.objects.find((object) => {
      const whole = object.prefix === '' ? object.document.span : spanOf(object, '');
      return span.startOffset >= whole.startOffset && span.startOffset <= whole.endOffset;
    });
  }

  #kindOf(object: TextObject): Kind | undefined {
    return this.#source.api.kinds.find((one) => one.kind === object.kind && one.apiVersion === object.apiVersion);
  }

  fix(diagnostic: Diagnostic): void {
    const { span, message, code } = diagnostic;
    if (span === undefined) return;
    if (code === 'yaml-syntax') this.#tabs(span);
    const object = this.#objectAt(span);
    if (object === undefined) return;
    if (code === 'unknown-field') this.#unknownField(object, message);
    else if (code === 'unknown-kind') this.#unknownKind(object);
    else if (code === 'missing-api-version') this.#missingApiVersion(object);
    else if (code === 'missing-name') this.#add('Give it a name', [insertField(this.#text, object, 'metadata', 'name', 'web')], true);
    else if (code === 'selects-nothing') this.#selector(object);
    else if (code === 'no-such-port' || code === 'undeclared-port') this.#port(object, span);
    else if (code === 'no-such-object') this.#noObject(object, span, message);
    else if (code.startsWith('policy-'))
      for (const { title, edits, preferred } of policyFixes(code, diagnostic.hint ?? '', span, {
        text: this.#text,
        object,
        objects: this.#files.flatMap((file) => file.objects),
        view: this.#source.api.view,
      }))
        this.#add(title, edits, preferred);
    else if (message.includes('`selector` does not match template `labels`')) this.#template(object);
    else if (message.endsWith('field is immutable')) this.#anew(object);
    else {
      this.#supported(span, message);
      this.#required(object, message);
    }
  }

  /** YAML takes no tab for indentation. */
  #tabs(span: Span): void {
    const start = this.#text.lastIndexOf('\n', span.startOffset - 1) + 1;
    const end = this.#text.indexOf('\n', start);
    const line = this.#text.slice(start, end < 0 ? undefined : end);
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    if (!indent.includes('\t')) return;
    const edits: TextEdit[] = [];
    for (const match of this.#text.matchAll(/^[ \t]*\t[ \t]*/gm))
      edits.push({ file: span.file, startOffset: match.index, endOffset: match.index + match[0].length, text: match[0].replaceAll('\t', '  ') });
    this.#add('Write spaces in place of tabs', edits, true);
  }

  #unknownField(object: TextObject, message: string): void {
    const path = /unknown field "([^"]+)"/.exec(message)?.[1];
    const kind = this.#kindOf(object);
    if (path === undefined || kind === undefined) return;
    const [parent, key] = parentOf(path);
    const schema = findSchema(rootSchema(kind), schemaPath(parent));
    const there = valueAt(object, parent);
    const names = Object.keys(schema?.properties ?? {}).filter((name) => !isRecord(there) || !Object.hasOwn(there, name));
    const span = keySpanOf(object, path);
    for (const [index, name] of nearWords(key, names).entries()) this.#add(`Change to ${name}`, [replaceSpan(span, name)], index === 0);
  }

  #unknownKind(object: TextObject): void {
    const { kinds } = this.#source.api;
    const sameKind = kinds.find((one) => one.kind === object.kind);
    if (sameKind !== undefined) {
      const edits = object.kind === 'Ingress' ? ingressEdits(this.#text, object) : [];
      this.#add(`Use apiVersion ${sameKind.apiVersion}`, [replaceSpan(spanOf(object, 'apiVersion'), sameKind.apiVersion), ...edits], true);
      return;
    }
    for (const [index, name] of nearWords(object.kind, new Set(kinds.map((one) => one.kind))).entries()) {
      const kind = kinds.find((one) => one.kind === name && one.apiVersion === object.apiVersion) ?? kinds.find((one) => one.kind === name);
      if (kind === undefined) continue;
      const version = kind.apiVersion === object.apiVersion ? [] : [replaceSpan(spanOf(object, 'apiVersion'), kind.apiVersion)];
      this.#add(`Change to ${name}`, [replaceSpan(spanOf(object, 'kind'), name), ...version], index === 0);
    }
  }

  #missingApiVersion(object: TextObject): void {
    const kind = this.#source.api.kinds.find((one) => one.kind === object.kind);
    const start = object.document.span.startOffset;
    if (kind === undefined || object.prefix !== '') return;
    this.#add(
      `Add apiVersion: ${kind.apiVersion}`,
      [{ file: object.file, startOffset: start, endOffset: start, text: `apiVersion: ${kind.apiVersion}\n` }],
      true,
    );
  }

  #supported(span: Span, message: string): void {
    const list = /supported values: (.*)$/.exec(message)?.[1];
    if (list === undefined) return;
    const values = [...list.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
    const typed = this.#text.slice(span.startOffset, span.endOffset).replace(/^["']|["']$/g, '');
    const near = nearWords(typed, values);
    for (const value of [...near, ...values.filter((one) => !near.includes(one))].slice(0, 6))
      this.#add(`Change to ${value}`, [replaceSpan(span, value)], value === near[0]);
  }

  #required(object: TextObject, message: string): void {
    const path = /^(\S+): Required value/.exec(message)?.[1];
    const kind = this.#kindOf(object);
    if (path === undefined || kind === undefined) return;
    const [parent, key] = parentOf(path);
    const value = placeholder(key, findSchema(rootSchema(kind), schemaPath(path)));
    const stands = valueAt(object, path) !== undefined;
    this.#add(`Add ${key}: ${value}`, [stands ? replaceSpan(spanOf(object, path), value) : insertField(this.#text, object, parent, key, value)], true);
  }

  /** Labels that pods of the namespace have, the nearest first. */
  #selector(object: TextObject): void {
    const selector = valueAt(object, 'spec.selector');
    if (!isRecord(selector)) return;
    const maps = new Map<string, Readonly<Record<string, string>>>();
    const { view } = this.#source.api;
    for (const pod of view.list<Pod>('Pod', object.namespace)) maps.set(JSON.stringify(pod.metadata.labels ?? {}), pod.metadata.labels ?? {});
    for (const one of this.#files.flatMap((file) => file.occurrences))
      if (one.role === 'definition' && one.labels !== undefined && one.scope === object.namespace) maps.set(JSON.stringify(one.labels), one.labels);
    for (const [key, value] of Object.entries(selector)) {
      const values = new Set([...maps.values()].flatMap((labels) => (Object.hasOwn(labels, key) ? [labels[key] ?? ''] : [])));
      if (values.has(String(value))) continue;
      const near = nearWords(String(value), values);
      for (const word of [...near, ...[...values].filter((one) => !near.includes(one))].slice(0, 3))
        this.#add(
          `Select ${key}=${word}`,
          [replaceSpan(spanOf(object, `spec.selector.${/[./[\]]/.test(key) ? `[${key}]` : key}`.replace('.[', '[')), word)],
          word === near[0],
        );
    }
  }

  #port(object: TextObject, span: Span): void {
    const occurrence = this.#files.flatMap((file) => file.occurrences).find((one) => one.owner === object && one.span.startOffset === span.startOffset);
    const [type = '', service = '', name = ''] = occurrence?.symbol.split(' ') ?? [];
    if (type === 'service-port') {
      const stored = this.#source.api.view.find<{
        apiVersion: string;
        kind: string;
        metadata: { name: string };
        spec: { ports?: { name?: string; port: number }[] };
      }>(`Service/${object.namespace}/${service}`);
      for (const port of stored?.spec.ports ?? []) {
        const word = /^\d+$/.test(name) ? String(port.port) : port.name;
        if (word !== undefined) this.#add(`Change to ${word}`, [replaceSpan(span, word)]);
      }
      return;
    }
    const selector: LabelSelector | undefined = occurrence?.selector;
    if (selector === undefined) return;
    const ports = [...portsOf(this.#source.api, this.#files, object.namespace, selector).keys()];
    const near = nearWords(service, ports);
    for (const port of [...near, ...ports.filter((one) => !near.includes(one))].slice(0, 4))
      this.#add(`Change to ${port}`, [replaceSpan(span, port)], port === (near[0] ?? ports[0]));
  }

  #noObject(object: TextObject, span: Span, message: string): void {
    const [, kind = '', name = ''] = /^there is no (\w+) "([^"]*)"/.exec(message) ?? [];
    const known = this.#source.api.kinds.find((one) => one.kind === kind);
    if (known === undefined) return;
    const names = this.#source.api.view.list(kind, known.namespaced ? object.namespace : undefined).map((one) => one.metadata.name);
    for (const [index, word] of nearWords(name, names).entries()) this.#add(`Change to ${word}`, [replaceSpan(span, word)], index === 0);
    const text = snippetFor(known)
      .replace(/\$\{1:web\}/, name)
      .replace(/\$\{\d+(?::([^}]*))?\}/g, (_, word: string | undefined) => word ?? '')
      .replace(/^( {2}name: .*)$/m, object.namespace === 'default' || !known.namespaced ? '$1' : `$1\n  namespace: ${object.namespace}`);
    const end = this.#text.length;
    this.#add(`Add a ${kind} ${name}`, [{ file: span.file, startOffset: end, endOffset: end, text: `${this.#text.endsWith('\n') ? '' : '\n'}---\n${text}` }]);
  }

  /** What cannot be changed can be made anew, under another name: the old object goes with its text. */
  #anew(object: TextObject): void {
    const [, base = object.name, number = '1'] = /^(.*?)-(\d{1,4})$/.exec(object.name) ?? [];
    const name = `${base}-${Number(number) + 1}`;
    this.#add(`Make it anew, as ${object.kind} ${name}`, [replaceSpan(spanOf(object, 'metadata.name'), name)]);
  }

  #template(object: TextObject): void {
    const selector = valueAt(object, 'spec.selector.matchLabels');
    const labels = valueAt(object, 'spec.template.metadata.labels');
    if (!isRecord(selector) || !isRecord(labels)) return;
    const change = (from: typeof selector, path: string, to: typeof selector) =>
      Object.entries(to).flatMap(([key, value]) => {
        if (from[key] === value) return [];
        const word = typeof value === 'string' ? value : JSON.stringify(value);
        return [
          Object.hasOwn(from, key)
            ? replaceSpan(spanOf(object, /[./[\]]/.test(key) ? `${path}[${key}]` : `${path}.${key}`), word)
            : insertField(this.#text, object, path, key, word),
        ];
      });
    this.#add('Give the template the labels of the selector', change(labels, 'spec.template.metadata.labels', selector), true);
    const shared = Object.fromEntries(Object.entries(labels).filter(([key]) => Object.hasOwn(selector, key)));
    if (Object.keys(shared).length === Object.keys(selector).length)
      this.#add('Select the labels of the template', change(selector, 'spec.selector.matchLabels', shared));
  }
}

/** Fixes for the diagnostics that touch the lines of a range. */
export function fixesFor(
  source: LanguageSource,
  files: readonly TextFile[],
  lints: readonly Diagnostic[],
  path: string,
  text: string,
  startOffset: number,
  endOffset: number,
): readonly QuickFix[] {
  // Places in an older text would be wrong ones.
  if (source.files.find((file) => file.path === path)?.text !== text) return [];
  // Anywhere on its lines will do: a squiggle may be one letter long.
  const from = text.lastIndexOf('\n', startOffset - 1) + 1;
  const newline = text.indexOf('\n', endOffset);
  const to = newline < 0 ? text.length : newline;
  const fixer = new Fixer(source, files, text);
  for (const diagnostic of [...source.diagnostics, ...lints]) {
    const { span } = diagnostic;
    if (span !== undefined && span.file === path && span.startOffset <= to && span.endOffset >= from) fixer.fix(diagnostic);
  }
  return fixer.fixes;
}
