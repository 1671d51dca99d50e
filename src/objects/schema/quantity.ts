/** Resource quantities as the server reads and writes them. Kubernetes: apimachinery/pkg/api/resource/quantity.go. */

const decimalSuffixes = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const wrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongSuffix = "unable to parse quantity's suffix";

/** Longer numbers are refused before any arithmetic. */
const maxDigits = 60;

export type CanonicalQuantity = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

const wrong = (message: string): CanonicalQuantity => ({ ok: false, message });

/** The one spelling of an amount: `0.5` is `500m`, `1000m` is `1`, `1024Mi` is `1Gi`. Finer than a billionth is rounded up. */
export function canonicalQuantity(text: string): CanonicalQuantity {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text);
  if (match === null || text === '') return wrong(wrongFormat);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (whole.length + fraction.length > maxDigits) return wrong(wrongFormat);
  // A suffix alone is nothing of it.
  const digits = BigInt(whole + fraction || '0');
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { ok: true, text: sign.replace('+', '') + formatBinary(ceilDivide(digits * 1024n ** BigInt(binary), 10n ** BigInt(fraction.length))) };
  const exponent = /^[eE][-+]?\d{1,2}$/.test(suffix) ? Number(suffix.slice(1)) : decimalSuffixes.get(suffix);
  if (exponent === undefined) return wrong(wrongSuffix);
  // In billionths, as the server keeps it at the finest.
  const shift = exponent + 9 - fraction.length;
  const nano = shift >= 0 ? digits * 10n ** BigInt(shift) : ceilDivide(digits, 10n ** BigInt(-shift));
  return { ok: true, text: (nano === 0n ? '' : sign.replace('+', '')) + formatDecimal(nano, /^[eE]/.test(suffix) && suffix !== 'E') };
}

const ceilDivide = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;

function formatDecimal(nano: bigint, asExponent: boolean): string {
  if (nano === 0n) return '0';
  let mantissa = nano;
  let exponent = -9;
  // At most the digits of a quantity, see `maxDigits`.
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent += 1;
  }
  while (exponent % 3 !== 0 || (!asExponent && exponent > 18)) {
    mantissa *= 10n;
    exponent -= 1;
  }
  if (asExponent) return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
  const suffix = [...decimalSuffixes].find(([, power]) => power === exponent)?.[0] ?? '';
  return `${mantissa}${suffix}`;
}

function formatBinary(value: bigint): string {
  if (value < 1024n) return formatDecimal(value * 1_000_000_000n, false);
  let mantissa = value;
  let power = 0;
  while (mantissa % 1024n === 0n && power < binarySuffixes.length - 1) {
    mantissa /= 1024n;
    power += 1;
  }
  return `${mantissa}${binarySuffixes[power]}`;
}
