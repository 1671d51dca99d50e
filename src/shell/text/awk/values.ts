/** Values of awk: numbers, text, text from input that looks like a number, and nothing yet. */
import { printFormat } from '../printf.ts';

/** Text that came from input and reads as a number is compared as one. */
export interface InputNumber {
  readonly text: string;
}
export type Value = number | string | InputNumber | undefined;

const NUMERIC = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/;

/** A field, or what else came from outside. */
export function fromInput(text: string): Value {
  return NUMERIC.test(text) ? { text } : text;
}

export function toNumber(value: Value): number {
  if (typeof value === 'number') return value;
  if (value === undefined) return 0;
  const text = typeof value === 'string' ? value : value.text;
  return Number(/^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(text)?.[0] ?? 0);
}

export function toText(value: Value, format: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  if (typeof value === 'object') return value.text;
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 53) return String(value);
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  return printFormat(format, [String(value)]).text;
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return value !== '';
  return value !== undefined && Number(value.text) !== 0;
}

/** Negative, 0 or positive. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a !== 'string' && typeof b !== 'string') return toNumber(a) - toNumber(b);
  const [x, y] = [toText(a, '%.6g'), toText(b, '%.6g')];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** awk's printf: the shell's, with each value first made what its conversion wants. */
export function formatValues(format: string, values: readonly Value[], convert: string): string {
  let at = 0;
  const next = (): Value => {
    at += 1;
    return values[at - 1];
  };
  return format.replace(/%%|%([-+ 0#]*)(\*|\d+)?(\.(?:\*|\d*))?([A-Za-z])/g, (whole, flags: string, width?: string, precision?: string, kind?: string) => {
    if (whole === '%%') return '%';
    const size = width === '*' ? String(Math.trunc(toNumber(next()))) : (width ?? '');
    const digits = precision === '.*' ? `.${Math.trunc(toNumber(next()))}` : (precision ?? '');
    const value = next();
    if (kind === undefined || !'diouxXcsfFeEgG'.includes(kind)) return whole;
    const spec = `%${flags}${size}${digits}`;
    if (kind === 'c') return printFormat(`${spec}s`, [typeof value === 'number' ? String.fromCharCode(value) : toText(value, convert).slice(0, 1)]).text;
    if (kind === 's') return printFormat(`${spec}s`, [toText(value, convert)]).text;
    const number = toNumber(value);
    if (!Number.isFinite(number)) return printFormat(`%${size}s`, [toText(number, convert)]).text;
    return printFormat(spec + kind, ['diouxX'.includes(kind) ? BigInt(Math.trunc(number)).toString() : String(number)]).text;
  });
}
