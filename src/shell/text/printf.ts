/** The format of `printf` (POSIX XCU printf; bash's %q). */
import { expandEscapes } from '../syntax/escapes.ts';

/** A field may be so wide, and so many characters come out at most. */
const MAX_WIDTH = 10_000;
const MAX_OUTPUT = 2_000_000;

export function printFormat(format: string, values: readonly string[]): { readonly text: string; readonly problems: readonly string[] } {
  const problems: string[] = [];
  let at = 0;
  let text = '';
  let stopped = false;
  const next = (): string => {
    at += 1;
    return values[at - 1] ?? '';
  };
  const pieces = format.match(/%%|%[-+ 0#]*(?:\*|\d+)?(?:\.(?:\*|\d*))?[A-Za-z]?|\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|[\s\S])|[^%\\]+|[\s\S]/g) ?? [];
  do {
    const before = at;
    for (const piece of pieces) {
      if (stopped || text.length > MAX_OUTPUT) break;
      if (piece === '%%') text += '%';
      else if (piece.startsWith('%')) text += conversion(piece);
      else if (piece.startsWith('\\')) {
        const expanded = expandEscapes(piece, 'format');
        text += expanded.text;
        stopped = expanded.stopped;
      } else text += piece;
    }
    if (at === before || stopped) break;
  } while (at < values.length && text.length <= MAX_OUTPUT);

  function conversion(piece: string): string {
    const match = /^%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?([A-Za-z]?)$/.exec(piece);
    let flags = match?.[1] ?? '';
    const kind = match?.[4] ?? '';
    let width = match?.[2] === '*' ? Number(next()) || 0 : Number(match?.[2] ?? 0);
    if (width < 0) {
      flags += '-';
      width = -width;
    }
    const precision = match?.[3] === undefined ? undefined : match[3] === '*' ? Number(next()) || 0 : Number(match[3]);
    if (kind === '' || !'sbqcdiuoxXfFeEgG'.includes(kind)) {
      problems.push(kind === '' ? `\`${piece}': missing format character` : `\`${kind}': invalid format character`);
      stopped = true;
      return '';
    }
    const value = next();
    const body = 'diuoxX'.includes(kind)
      ? integer(value, kind, flags, precision)
      : 'fFeEgG'.includes(kind)
        ? real(value, kind, flags, precision)
        : plain(value, kind, precision);
    const size = Math.min(MAX_WIDTH, width);
    if (flags.includes('-')) return body.padEnd(size);
    if (!flags.includes('0') || 'sbqc'.includes(kind) || ('diuoxX'.includes(kind) && precision !== undefined)) return body.padStart(size);
    const sign = /^[-+ ]?(?:0[xX])?/.exec(body)?.[0] ?? '';
    return sign + body.slice(sign.length).padStart(size - sign.length, '0');
  }

  function plain(value: string, kind: string, precision: number | undefined): string {
    if (kind === 'c') return value.slice(0, 1);
    if (kind === 'q') return quoteWord(value);
    let body = value;
    if (kind === 'b') {
      const expanded = expandEscapes(value, 'echo');
      body = expanded.text;
      stopped = expanded.stopped;
    }
    return precision === undefined ? body : body.slice(0, precision);
  }

  function integer(value: string, kind: string, flags: string, precision: number | undefined): string {
    const number = parseInteger(value, problems);
    const unsigned = kind !== 'd' && kind !== 'i';
    const absolute = unsigned ? BigInt.asUintN(64, number) : number < 0n ? -number : number;
    let digits = absolute.toString(kind === 'o' ? 8 : kind === 'x' || kind === 'X' ? 16 : 10);
    if (kind === 'X') digits = digits.toUpperCase();
    if (precision !== undefined) digits = digits.padStart(Math.min(MAX_WIDTH, precision), '0');
    if (flags.includes('#') && absolute !== 0n) digits = (kind === 'o' ? '0' : kind === 'x' ? '0x' : kind === 'X' ? '0X' : '') + digits;
    return (unsigned ? '' : number < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + digits;
  }

  function real(value: string, kind: string, flags: string, precision: number | undefined): string {
    const read = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(value)?.[0];
    if (value.trim() !== '' && read?.length !== value.length) problems.push(`${value}: invalid number`);
    const number = Number(read ?? 0);
    const body = formatReal(Math.abs(number), kind, Math.min(100, precision ?? 6));
    return (number < 0 || Object.is(number, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + body;
  }

  return { text, problems };
}

/** C's conversion of a number that is not negative. */
export function formatReal(number: number, kind: string, precision: number): string {
  const exponential = (digits: number): string => number.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
  let body: string;
  if (kind === 'f' || kind === 'F') body = number.toFixed(precision);
  else if (kind === 'e' || kind === 'E') body = exponential(precision);
  else {
    const significant = precision === 0 ? 1 : precision;
    const exponent = number === 0 ? 0 : Number(number.toExponential(significant - 1).split('e')[1]);
    body = exponent < -4 || exponent >= significant ? exponential(significant - 1) : number.toFixed(significant - 1 - exponent);
    if (body.includes('.')) body = body.replace(/\.?0+(e|$)/, '$1');
  }
  return kind === 'E' || kind === 'G' ? body.toUpperCase() : body;
}

/** An integer as C reads one; a quote gives the next character's code. */
function parseInteger(value: string, problems: string[]): bigint {
  if (/^["']/.test(value)) return BigInt(value.codePointAt(1) ?? 0);
  const match = /^\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(value);
  if (match === null) {
    if (value !== '') problems.push(`${value}: invalid number`);
    return 0n;
  }
  if (match[0].length < value.length) problems.push(`${value}: invalid number`);
  const digits = match[2] ?? '0';
  const number = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return match[1] === '-' ? -number : number;
}

/** As bash's %q: a word that reads back as it was. */
export function quoteWord(word: string): string {
  if (word === '') return "''";
  if (/[\n\t\r]/.test(word))
    return `$'${word.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')}'`;
  return word.replace(/[^A-Za-z0-9_@%+=:./-]/g, '\\$&');
}
