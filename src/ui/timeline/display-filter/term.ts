/** What stands on one side of a comparison: a field, a function of one, a slice, arithmetic; or a literal, which gets its meaning from the other side. Wireshark: epan/dfilter/dfunctions.c, sttype-slice.c. */
import type { HopView } from '../../../world/views.ts';
import { type Field, type FieldType, fields, type HopContext, protocols, protocolText } from './fields.ts';
import { FilterFailure, type Token } from './scan.ts';

export type Values = (hop: HopView, context: HopContext) => readonly (string | number)[];
export interface ValueTerm {
  readonly kind: 'values';
  readonly name: string;
  readonly type: FieldType;
  /** The result of arithmetic: alone it asks whether it is not zero. */
  readonly computed?: true;
  readonly values: Values;
}
export type Term = ValueTerm | { readonly kind: 'literal'; readonly token: Token };

/** Reads tokens in order; errors are thrown at their place. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #next = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }

  /** Whether the next token is this sign or word, not in quotes. */
  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token !== undefined && !token.quoted && token.text.toLowerCase() === text;
  }

  take(): Token {
    const token = this.peek();
    if (token === undefined) throw this.failure('The filter ends too early.', token);
    this.#next += 1;
    return token;
  }

  expect(text: string, message: string): void {
    if (!this.is(text)) throw this.failure(message, this.peek());
    this.#next += 1;
  }

  failure(message: string, token: Token | undefined): FilterFailure {
    return token === undefined ? new FilterFailure(message, this.#end, 0) : new FilterFailure(message, token.at, token.length);
  }
}

const lengthOf = (value: string | number): number =>
  typeof value === 'number' ? 4 : /^[0-9a-f]{2}(?::[0-9a-f]{2})+$/.test(value) ? (value.length + 1) / 3 : new TextEncoder().encode(value).length;

interface FilterFunction {
  readonly takes: 'any' | 'text' | 'number';
  readonly many?: true;
  readonly gives: FieldType | 'same';
  readonly help: string;
  readonly of: (lists: readonly (readonly (string | number)[])[]) => readonly (string | number)[];
}
const each =
  (of: (value: string | number) => string | number): FilterFunction['of'] =>
  (lists) =>
    (lists[0] ?? []).map(of);
const best =
  (choose: (numbers: readonly number[]) => number): FilterFunction['of'] =>
  (lists) => {
    const numbers = lists.flat().map(Number);
    return numbers.length === 0 ? [] : [choose(numbers)];
  };

export const functions: ReadonlyMap<string, FilterFunction> = new Map<string, FilterFunction>([
  ['len', { takes: 'any', gives: 'number', help: 'length in bytes', of: each(lengthOf) }],
  ['count', { takes: 'any', gives: 'number', help: 'how many such fields the packet has', of: (lists) => [(lists[0] ?? []).length] }],
  ['upper', { takes: 'text', gives: 'text', help: 'in upper case', of: each((value) => String(value).toUpperCase()) }],
  ['lower', { takes: 'text', gives: 'text', help: 'in lower case', of: each((value) => String(value).toLowerCase()) }],
  ['string', { takes: 'any', gives: 'text', help: 'as text', of: each(String) }],
  ['abs', { takes: 'number', gives: 'number', help: 'without its sign', of: each((value) => Math.abs(Number(value))) }],
  ['max', { takes: 'number', many: true, gives: 'number', help: 'the greatest', of: best((numbers) => Math.max(...numbers)) }],
  ['min', { takes: 'number', many: true, gives: 'number', help: 'the least', of: best((numbers) => Math.min(...numbers)) }],
]);

const ARITHMETIC: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '&': (a, b) => Number(BigInt(Math.trunc(a)) & BigInt(Math.trunc(b))), bitwise_and: (a, b) => Number(BigInt(Math.trunc(a)) & BigInt(Math.trunc(b))) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b)), '%': (a, b) => (b === 0 ? Number.NaN : a % b) },
];
const MAX_DEPTH = 20;

/** The whole side of a comparison: `&` binds loosest, then `+` and `-`, then `*`, `/` and `%`. */
export function readTerm(reader: TokenReader, level = 0, depth = 0): Term {
  const signs = ARITHMETIC[level];
  if (signs === undefined) return readOperandTerm(reader, depth);
  let left = readTerm(reader, level + 1, depth);
  for (let sign = reader.peek(); sign !== undefined && !sign.quoted && Object.hasOwn(signs, sign.text.toLowerCase()); sign = reader.peek()) {
    reader.take();
    const one = numbersOf(reader, left);
    const other = numbersOf(reader, readTerm(reader, level + 1, depth));
    const compute = signs[sign.text.toLowerCase()] as (a: number, b: number) => number;
    left = {
      kind: 'values',
      name: sign.text,
      type: 'number',
      computed: true,
      values: (hop, context) =>
        one(hop, context).flatMap((a) =>
          other(hop, context).flatMap((b) => {
            const result = compute(Number(a), Number(b));
            return Number.isFinite(result) ? [result] : [];
          }),
        ),
    };
  }
  return left;
}

function numbersOf(reader: TokenReader, term: Term): Values {
  if (term.kind === 'values') {
    if (term.type !== 'number' && term.type !== 'flag') throw reader.failure(`"${term.name}" is no number to compute with.`, reader.peek(-1));
    return term.values;
  }
  const value = Number(term.token.text);
  if (term.token.quoted || !Number.isFinite(value)) throw reader.failure(`"${term.token.text}" is no number to compute with.`, term.token);
  return () => [value];
}

function readOperandTerm(reader: TokenReader, depth: number): Term {
  const token = reader.take();
  const name = token.text.toLowerCase();
  if (!token.quoted && reader.is('(') && functions.has(name)) return readCall(reader, name, depth);
  if (!token.quoted && reader.is('(') && /^[a-z_]+$/.test(name) && !fields.has(name) && !protocols.has(name))
    throw reader.failure(`There is no function "${token.text}": ${[...functions.keys()].join(', ')} are known.`, token);
  if (!token.quoted && token.text.startsWith('${')) return readReference(reader, token);
  const field = token.quoted ? undefined : fields.get(name);
  if (field !== undefined) return readSlice(reader, readLayer(reader, name, field));
  if (!token.quoted && protocols.has(name)) {
    if (reader.is('[')) throw reader.failure('Bytes of a whole protocol cannot be picked; fields can: eth.src[0:3].', reader.peek());
    return { kind: 'values', name, type: 'protocol', values: (hop) => protocolText(hop, name) };
  }
  return { kind: 'literal', token };
}

function readCall(reader: TokenReader, name: string, depth: number): Term {
  const call = functions.get(name) as FilterFunction;
  if (depth > MAX_DEPTH) throw reader.failure(`Functions may be ${MAX_DEPTH} deep.`, reader.peek());
  reader.expect('(', 'An opening parenthesis is missing.');
  const parts: Values[] = [];
  let type: FieldType = 'number';
  do {
    const at = reader.peek();
    const term = readTerm(reader, 0, depth + 1);
    if (term.kind === 'literal') parts.push(numbersOf(reader, term));
    else {
      if (call.takes === 'text' && term.type !== 'text') throw reader.failure(`"${name}" needs text, and "${term.name}" is none.`, at);
      if (call.takes === 'number' && term.type !== 'number') throw reader.failure(`"${name}" needs numbers, and "${term.name}" is none.`, at);
      if (term.type === 'protocol') throw reader.failure(`"${name}" needs a field, and "${term.name}" is a protocol.`, at);
      type = term.type;
      parts.push(term.values);
    }
    if (!reader.is(',')) break;
    if (call.many !== true) throw reader.failure(`"${name}" takes one field.`, reader.peek());
    reader.take();
  } while (parts.length < 16);
  reader.expect(')', 'A closing parenthesis is missing.');
  return {
    kind: 'values',
    name: `${name}(…)`,
    type: call.gives === 'same' ? type : call.gives,
    values: (hop, context) => call.of(parts.map((part) => part(hop, context))),
  };
}

/** `${ip.src}`: the value in the packet at the playhead. Wireshark: "field references". */
function readReference(reader: TokenReader, token: Token): Term {
  const name = token.text.slice(2, -1).trim().toLowerCase();
  const field = fields.get(name);
  if (field === undefined) throw reader.failure(`"${name}" is no field.`, token);
  return {
    kind: 'values',
    name: token.text,
    type: field.type,
    values: (_, context) => (context.selected === undefined ? [] : field.values(context.selected, context)),
  };
}

/** `ip.src#2`: of the second such layer, from outside; `#-1` of the last one. */
function readLayer(reader: TokenReader, name: string, field: Field): ValueTerm {
  if (!reader.is('#')) return { kind: 'values', name, type: field.type, values: field.values };
  reader.take();
  const token = reader.take();
  const number = Number(token.text);
  const { protocol } = field;
  if (!Number.isInteger(number) || number === 0) throw reader.failure('# needs the number of a layer: 1 is the outermost, -1 the innermost.', token);
  if (protocol === undefined) throw reader.failure(`"${name}" is of no layer.`, token);
  return {
    kind: 'values',
    name: `${name}#${number}`,
    type: field.type,
    values: (hop, context) => {
      const layer = hop.event.layers.filter((one) => one.protocol === protocol).at(number > 0 ? number - 1 : number);
      return layer === undefined ? [] : field.values({ ...hop, event: { ...hop.event, layers: [layer] } }, context);
    },
  };
}

/** `eth.src[0:3]`, `[0-2]`, `[4]`, `[:4]`, `[-2:]`, and several with commas. */
function readSlice(reader: TokenReader, term: ValueTerm): ValueTerm {
  if (!reader.is('[')) return term;
  const open = reader.take();
  if (term.type === 'number' || term.type === 'flag') throw reader.failure(`"${term.name}" is a number: it has no bytes to pick. & 0xff picks bits.`, open);
  const ranges: ((length: number) => readonly [number, number])[] = [];
  while (!reader.is(']')) {
    const token = reader.take();
    if (token.text === ',') continue;
    const match = /^(-?\d+)?(?:([:-])(-?\d+)?)?$/.exec(token.text);
    if (match === null) throw reader.failure('A slice is [start:length], [first-last] or [place].', token);
    const [, first, sign, second] = match;
    const place = (text: string | undefined, length: number) => (Number(text ?? 0) < 0 ? length + Number(text) : Number(text ?? 0));
    ranges.push((length) => {
      const from = place(first, length);
      if (sign === undefined) return [from, from + 1];
      if (second === undefined) return [from, length];
      return sign === ':' ? [from, from + Number(second)] : [from, place(second, length) + 1];
    });
  }
  reader.expect(']', 'The slice is not closed by ].');
  if (ranges.length === 0) throw reader.failure('A slice is [start:length], [first-last] or [place].', open);
  const pick = (value: string | number): string | undefined => {
    const bytes = bytesOf(term.type, String(value));
    const picked = ranges.flatMap((range) => {
      const [from, to] = range(bytes.length);
      return from < 0 || to > bytes.length ? [undefined] : bytes.slice(from, to);
    });
    return picked.includes(undefined) ? undefined : picked.join(':');
  };
  return { kind: 'values', name: `${term.name}[…]`, type: 'bytes', values: (hop, context) => term.values(hop, context).flatMap((value) => pick(value) ?? []) };
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

function bytesOf(type: FieldType, value: string): readonly string[] {
  if (type === 'mac' || type === 'bytes') return value.split(':');
  if (type === 'address' && !value.includes(':')) return value.split('.').map((part) => hex(Number(part)));
  return [...new TextEncoder().encode(value)].map(hex);
}
