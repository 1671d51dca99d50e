/** What a plain YAML scalar means to Kubernetes (sigs.k8s.io/yaml: goyaml.v2/resolve.go), which is neither YAML 1.1 nor 1.2. */

const words = new Map<string, boolean | null>();
for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']) words.set(word, true);
for (const word of ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']) words.set(word, false);
for (const word of ['', '~', 'null', 'Null', 'NULL']) words.set(word, null);

const infinities = new Map<string, number>();
for (const word of ['.inf', '.Inf', '.INF']) {
  infinities.set(word, Number.POSITIVE_INFINITY);
  infinities.set(`+${word}`, Number.POSITIVE_INFINITY);
  infinities.set(`-${word}`, Number.NEGATIVE_INFINITY);
}
for (const word of ['.nan', '.NaN', '.NAN']) infinities.set(word, Number.NaN);

const styleFloat = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const dotFloat = /^\.[0-9]+([eE][-+]?[0-9]+)?$/;
const decimal = /^[-+]?(0|[1-9][0-9]*)$/;
const prefixed = /^([-+]?)0([xXoObB]?)([0-9a-fA-F]+)$/;
const date = /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?$/;
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

const digitsOf: Readonly<Record<string, readonly [RegExp, number]>> = {
  '': [/^[0-7]+$/, 8],
  o: [/^[0-7]+$/, 8],
  x: [/^[0-9a-fA-F]+$/, 16],
  b: [/^[01]+$/, 2],
};

/** Go's strconv.ParseInt(text, 0, 64) with ParseUint as the second try; undefined where both refuse. */
function parseGoInteger(text: string): number | undefined {
  if (decimal.test(text)) {
    const value = Number(text);
    // Beyond 64 bits Go falls back to a float of the same digits; the value is the same to us.
    return value === 0 ? 0 : value;
  }
  const match = prefixed.exec(text);
  if (match === null) return undefined;
  const [, sign, letter, digits] = match;
  const [allowed, base] = digitsOf[(letter ?? '').toLowerCase()] ?? [/^$/, 10];
  if (digits === undefined || !allowed.test(digits)) return undefined;
  const value = Number.parseInt(digits, base);
  if (value >= 2 ** 64 || (sign === '-' && value > 2 ** 63)) return undefined;
  return sign === '-' && value !== 0 ? -value : value;
}

/** The value of a plain (unquoted, untagged) scalar: boolean, null, number or the text itself. Dates stay text. */
export function resolvePlainScalar(text: string): string | number | boolean | null {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  if (first === 46) {
    const special = infinities.get(text);
    if (special !== undefined) return special;
    return dotFloat.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
  }
  const isDigit = first >= 48 && first <= 57;
  if (!isDigit && first !== 43 && first !== 45) return text;
  const special = infinities.get(text);
  if (special !== undefined) return special;
  if (isDigit && text.charCodeAt(4) === 45 && date.test(text)) return text;
  const plain = text.includes('_') ? text.replaceAll('_', '') : text;
  const integer = parseGoInteger(plain);
  if (integer !== undefined) return integer;
  if (!styleFloat.test(plain)) return text;
  const float = Number(plain);
  // Out of range is an error to Go's ParseFloat, so that the text stays text.
  return Number.isFinite(float) ? float : text;
}

/** Whether a reader would take this plain text for something other than a string, so that a writer must quote it. */
export function needsQuotes(text: string): boolean {
  if (typeof resolvePlainScalar(text) !== 'string') return true;
  return date.test(text) || base60.test(text);
}
