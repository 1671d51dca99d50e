/** Prints values as `kubectl get -o yaml` does: sigs.k8s.io/yaml's emitter (goyaml.v2: emitterc.go, encode.go, sorter.go). */
import { compareKeys } from './key-order.ts';
import type { YamlValue } from './node.ts';
import { needsQuotes } from './scalar.ts';
import { analyzeScalar, escapeOf } from './scalar-style.ts';

/** Lines are folded at the first space after this column. */
const bestWidth = 80;
/** Longer keys are written as `? key`. */
const maxSimpleKey = 128;

class Emitter {
  readonly #parts: string[] = [];
  #column = 0;

  get text(): string {
    return this.#parts.join('');
  }

  write(text: string): void {
    this.#parts.push(text);
    this.#column += text.length;
  }

  newline(indent: number): void {
    this.#parts.push('\n', ' '.repeat(indent));
    this.#column = indent;
  }

  /** Writes characters, folding at a single space once the line is longer than `bestWidth`. `indent` is that of the next line. */
  #fold(
    text: string,
    indent: number,
    allowed: (index: number, length: number) => boolean,
    convert: (char: string) => string,
    afterFold: (next: string) => string,
  ): void {
    const chars = [...text];
    let spaces = false;
    for (let i = 0; i < chars.length; i += 1) {
      const char = chars[i] ?? '';
      if (char !== ' ') {
        this.#parts.push(convert(char));
        this.#column += convert(char).length;
        spaces = false;
        continue;
      }
      if (!spaces && this.#column > bestWidth && allowed(i, chars.length)) {
        this.newline(indent);
        this.write(afterFold(chars[i + 1] ?? ''));
      } else {
        this.write(' ');
      }
      spaces = true;
    }
  }

  plain(text: string, indent: number, isKey: boolean): void {
    const chars = [...text];
    this.#fold(
      text,
      indent,
      (i) => !isKey && chars[i + 1] !== ' ',
      (char) => char,
      () => '',
    );
  }

  singleQuoted(text: string, indent: number, isKey: boolean): void {
    this.write("'");
    // A line break in single quotes is written twice, and the following line is indented.
    text.split('\n').forEach((line, index, all) => {
      if (index > 0) {
        if (all[index - 1] !== '' || index === 1) this.#parts.push('\n');
        this.#parts.push('\n');
        if (line !== '' || index === all.length - 1) {
          this.#parts.push(' '.repeat(indent));
          this.#column = indent;
        }
      }
      const chars = [...line];
      this.#fold(
        line,
        indent,
        (i, length) => !isKey && i > 0 && i < length - 1 && chars[i + 1] !== ' ',
        (char) => (char === "'" ? "''" : char),
        () => '',
      );
    });
    this.write("'");
  }

  doubleQuoted(text: string, indent: number, isKey: boolean): void {
    this.write('"');
    this.#fold(
      text,
      indent,
      (i, length) => !isKey && i > 0 && i < length - 1,
      (char) => escapeOf(char.codePointAt(0) ?? 0) ?? char,
      (next) => (next === ' ' ? '\\' : ''),
    );
    this.write('"');
  }

  /** A `|` block; `indent` is that of its lines. */
  literal(text: string, indent: number): void {
    const hint = text.startsWith(' ') || text.startsWith('\n') ? '2' : '';
    const chomping = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
    this.#parts.push(`|${hint}${chomping}`);
    const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n');
    for (const line of lines) this.#parts.push(line === '' ? '\n' : `\n${' '.repeat(indent)}${line}`);
    this.#column = 0;
  }

  string(text: string, indent: number, isKey: boolean): void {
    const traits = analyzeScalar(text);
    const mustQuote = needsQuotes(text) || (isKey && text === '<<');
    if (text.includes('\n') && traits.blockAllowed && !isKey) this.literal(text, indent);
    else if (text.includes('\n') || mustQuote) this.doubleQuoted(text, indent, isKey);
    else if (traits.plainAllowed) this.plain(text, indent, isKey);
    else if (traits.singleAllowed) this.singleQuoted(text, indent, isKey);
    else this.doubleQuoted(text, indent, isKey);
  }
}

/** strconv.FormatFloat(value, 'g', -1, 64) as encoding/json and goyaml agree for the numbers that YAML holds. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(BigInt(value));
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2');
}

type Fields = { readonly [key: string]: YamlValue | undefined };

const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value);

/** `indent`: that of the collection the value stands in. Undefined fields are left out. */
function emit(out: Emitter, value: YamlValue, indent: number, inMapping: boolean): void {
  if (value === null) out.write('null');
  else if (typeof value === 'boolean') out.write(String(value));
  else if (typeof value === 'number') out.write(formatNumber(value));
  else if (typeof value === 'string') out.string(value, indent + 2, false);
  else if (isList(value)) emitList(out, value, indent, inMapping);
  else emitMapping(out, value, indent, inMapping);
}

function emitList(out: Emitter, items: readonly YamlValue[], indent: number, inMapping: boolean): void {
  if (items.length === 0) {
    out.write('[]');
    return;
  }
  const own = inMapping ? indent : indent + 2;
  items.forEach((item, index) => {
    if (index > 0 || inMapping) out.newline(own);
    out.write('- ');
    emit(out, item, own, false);
  });
}

function emitMapping(out: Emitter, fields: Fields, indent: number, inMapping: boolean): void {
  const keys = Object.keys(fields).filter((key) => fields[key] !== undefined);
  if (keys.length === 0) {
    out.write('{}');
    return;
  }
  const own = indent + 2;
  keys.sort(compareKeys).forEach((key, index) => {
    if (index > 0 || inMapping) out.newline(own);
    const value = fields[key] ?? null;
    if (key.length > maxSimpleKey || key.includes('\n')) {
      out.write('? ');
      out.string(key, own + 2, false);
      out.newline(own);
      out.write(': ');
      emit(out, value, own, false);
      return;
    }
    out.string(key, own, true);
    const isEmpty = typeof value === 'object' && value !== null && Object.values(value).every((one) => one === undefined);
    out.write(typeof value === 'object' && value !== null && !isEmpty ? ':' : ': ');
    emit(out, value, own, true);
  });
}

/** YAML text that ends with a newline. Keys are sorted, lists stand at their key's column. */
export function formatYaml(value: YamlValue): string {
  const out = new Emitter();
  emit(out, value, -2, false);
  return `${out.text}\n`;
}
