/** Small texts that many matches and targets share: numbers, ports, masks, quoting as libxtables writes and reads them. */
import { servicePort } from './names.ts';

/** Decimal, hexadecimal (0x) or octal (0…) like strtoul; undefined when it is none or above `max`. */
export function parseUnsigned(text: string, max: number): number | undefined {
  if (!/^(0x[0-9a-f]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9})$/i.test(text)) return undefined;
  const value = /^0x/i.test(text) ? Number.parseInt(text, 16) : /^0[0-7]/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return value <= max ? value : undefined;
}

export function parsePort(text: string): number | undefined {
  return parseUnsigned(text, 65535) ?? servicePort(text);
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** `80`, `8000:8080`, `:1023`, `1024:`; the error is iptables'. */
export function parsePortRange(text: string): PortRange | { readonly error: string } {
  const colon = text.indexOf(':');
  const low = colon < 0 ? text : text.slice(0, colon);
  const high = colon < 0 ? text : text.slice(colon + 1);
  const min = low === '' ? 0 : parsePort(low);
  const max = high === '' ? 65535 : parsePort(high);
  if (min === undefined) return { error: `invalid port/service \`${low}' specified` };
  if (max === undefined) return { error: `invalid port/service \`${high}' specified` };
  if (min > max) return { error: `invalid portrange (min > max)` };
  return { min, max };
}

export const formatPortRange = (range: PortRange): string => (range.min === range.max ? `${range.min}` : `${range.min}:${range.max}`);

/** A text as iptables-save quotes it: bare when it has only letters, digits, `_` and `-`. */
export function quote(text: string): string {
  if (text !== '' && /^[A-Za-z0-9_-]+$/.test(text)) return text;
  return `"${text.replace(/["\\']/g, '\\$&')}"`;
}

export const formatHex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** `value[/mask]`, both unsigned 32-bit. */
export function parseMarkMask(text: string): { readonly value: number; readonly mask: number } | undefined {
  const slash = text.indexOf('/');
  const value = parseUnsigned(slash < 0 ? text : text.slice(0, slash), 0xffffffff);
  const mask = slash < 0 ? 0xffffffff : parseUnsigned(text.slice(slash + 1), 0xffffffff);
  return value === undefined || mask === undefined ? undefined : { value, mask };
}

/**
 * Splits a line as iptables-restore does: blanks separate, `"…"` holds together, `\` escapes inside quotes. Quotes that do not close give undefined.
 * Single quotes hold together too, so that rules copied from a shell script work, unless the caller says that they do not.
 */
export function splitArguments(line: string, singleQuotes = true): string[] | undefined {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quoteChar = '';
  for (let i = 0; i < line.length; i += 1) {
    const c = line[i] as string;
    if (quoteChar !== '') {
      if (c === quoteChar) quoteChar = '';
      else if (c === '\\' && quoteChar === '"' && i + 1 < line.length) {
        i += 1;
        word += line[i];
      } else word += c;
    } else if (c === '"' || (singleQuotes && c === "'")) {
      quoteChar = c;
      started = true;
    } else if (c === ' ' || c === '\t' || c === '\n' || c === '\r') {
      if (started) words.push(word);
      word = '';
      started = false;
    } else {
      word += c;
      started = true;
    }
  }
  if (quoteChar !== '') return undefined;
  if (started) words.push(word);
  return words;
}

/** `--dport` with its `!` where the option was negated, for `text` of a match. */
export const option = (name: string, negated: boolean, value: string): string => `${negated ? '! ' : ''}--${name}${value === '' ? '' : ` ${value}`}`;
