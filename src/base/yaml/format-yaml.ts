/** Prints values as `kubectl get -o yaml` does: sigs.k8s.io/yaml's emitter (goyaml.v2: emitterc.go, encode.go, sorter.go). */
import type { YamlValue } from './node.ts';
import { needsQuotes } from './scalar.ts';

/** Lines are folded at the first space after this column. */
const bestWidth = 80;
/** Longer keys are written as `? key`. */
const maxSimpleKey = 128;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (char: string): boolean => /\p{L}/u.test(char);

/** goyaml's order of keys: letters after other characters, runs of digits by their number. */
export function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    const l = left[i] ?? '';
    const r = right[i] ?? '';
    if (l === r) continue;
    const leftLetter = isLetter(l);
    const rightLetter = isLetter(r);
    if (leftLetter && rightLetter) return l < r ? -1 : 1;
    if (leftLetter || rightLetter) return rightLetter ? -1 : 1;
    let leftNumber = 0;
    let rightNumber = 0;
    if (l === '0' || r === '0') {
      for (let j = i - 1; j >= 0 && isDigit(left[j]?.charCodeAt(0) ?? 0); j -= 1) {
        if (left[j] !== '0') {
          leftNumber = 1;
          rightNumber = 1;
          break;
        }
      }
    }
    let leftEnd = i;
    while (leftEnd < left.length && isDigit(left[leftEnd]?.charCodeAt(0) ?? 0)) leftNumber = leftNumber * 10 + Number(left[leftEnd++]);
    let rightEnd = i;
    while (rightEnd < right.length && isDigit(right[rightEnd]?.charCodeAt(0) ?? 0)) rightNumber = rightNumber * 10 + Number(right[rightEnd++]);
    if (leftNumber !== rightNumber) return leftNumber < rightNumber ? -1 : 1;
    if (leftEnd !== rightEnd) return leftEnd < rightEnd ? -1 : 1;
    return l < r ? -1 : 1;
  }
  return left.length - right.length;
}

interface ScalarTraits {
  readonly multiline: boolean;
  readonly plainAllowed: boolean;
  readonly singleAllowed: boolean;
  readonly blockAllowed: boolean;
}

const isBreak = (code: number): boolean => code === 10 || code === 13 || code === 0x85 || code === 0x2028 || code === 0x2029;

/** What libyaml's emitter calls printable: no tab, no control character, nothing beyond the basic plane. */
function isPrintable(code: number): boolean {
  if (code === 10) return true;
  if (code < 0x20 || (code > 0x7e && code < 0xa0)) return false;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff);
}

/** yaml_emitter_analyze_scalar, for block context. */
function analyze(text: string): ScalarTraits {
  let indicators = text.startsWith('---') || text.startsWith('...');
  let special = false;
  let lineBreaks = false;
  let leading = false;
  let trailingSpace = false;
  let trailingBreak = false;
  let breakSpace = false;
  let spaceBreak = false;
  let previousSpace = false;
  let previousBreak = false;
  let afterBlank = true;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const next = text.charCodeAt(i + 1);
    const beforeBlank = Number.isNaN(next) || next === 32 || next === 9 || isBreak(next);
    const char = text[i] ?? '';
    if (i === 0) {
      if ('#,[]{}&*!|>\'"%@`'.includes(char)) indicators = true;
      else if ('?:-'.includes(char) && beforeBlank) indicators = true;
    } else if (char === ':' && beforeBlank) indicators = true;
    else if (char === '#' && afterBlank) indicators = true;
    if (!isPrintable(code)) special = true;
    if (code === 32) {
      if (i === 0) leading = true;
      if (i === text.length - 1) trailingSpace = true;
      if (previousBreak) breakSpace = true;
      previousSpace = true;
      previousBreak = false;
    } else if (isBreak(code)) {
      lineBreaks = true;
      if (i === 0) leading = true;
      if (i === text.length - 1) trailingBreak = true;
      if (previousSpace) spaceBreak = true;
      previousSpace = false;
      previousBreak = true;
    } else {
      previousSpace = false;
      previousBreak = false;
    }
    afterBlank = code === 32 || code === 9 || isBreak(code);
  }
  const ragged = spaceBreak || special;
  return {
    multiline: lineBreaks,
    plainAllowed: !indicators && !leading && !trailingSpace && !trailingBreak && !breakSpace && !ragged && !lineBreaks,
    singleAllowed: !breakSpace && !ragged,
    blockAllowed: !trailingSpace && !ragged,
  };
}

const escapes = new Map<number, string>([
  [0x00, '0'],
  [0x07, 'a'],
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0b, 'v'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x1b, 'e'],
  [0x22, '"'],
  [0x5c, '\\'],
  [0x85, 'N'],
  [0xa0, '_'],
  [0x2028, 'L'],
  [0x2029, 'P'],
]);

function escapeOf(code: number): string | undefined {
  const short = escapes.get(code);
  if (short !== undefined && code !== 0xa0) return `\\${short}`;
  if (isPrintable(code)) return undefined;
  const digits = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

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
    const traits = analyze(text);
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
