/** Times, rates, sizes and percentages as tc reads them. iproute2: lib/utils_math.c, lib/utils.c, tc/tc_util.c */

const NS = 1e9;

/** `100ms`, `10us`, `1s`; a bare number is microseconds. Nanoseconds, or undefined. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,9})?)(s|sec|secs|ms|msec|msecs|us|usec|usecs|ns|nsec|nsecs)?$/.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] ?? 'us')[0] === 's' ? NS : (match[2] ?? 'us').startsWith('m') ? 1e6 : (match[2] ?? 'us').startsWith('u') ? 1e3 : 1;
  return Math.round(Number(match[1]) * unit);
}

const RATES: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  tbit: 1e12,
  kibit: 1024,
  mibit: 1024 ** 2,
  gibit: 1024 ** 3,
  bps: 8,
  kbps: 8e3,
  mbps: 8e6,
  gbps: 8e9,
  kibps: 8 * 1024,
  mibps: 8 * 1024 ** 2,
};

/** Bits per second, or undefined. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([a-z]*)$/i.exec(text);
  const unit =
    match === null ? undefined : match[2] === '' ? 1 : Object.hasOwn(RATES, (match[2] ?? '').toLowerCase()) ? RATES[(match[2] ?? '').toLowerCase()] : undefined;
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  kbit: 128,
  mbit: 131072,
  gbit: 134217728,
};

/** Bytes, or undefined. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : Object.hasOwn(SIZES, (match[2] ?? '').toLowerCase()) ? SIZES[(match[2] ?? '').toLowerCase()] : undefined;
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** `1%` or `0.01`; a ratio in [0, 1], or undefined. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,9})?)(%?)$/.exec(text);
  if (match === null) return undefined;
  const ratio = match[2] === '%' ? Number(match[1]) / 100 : Number(match[1]);
  // As tc does: a number without % above 1 is taken for percent.
  const value = match[2] === '' && ratio > 1 ? ratio / 100 : ratio;
  return value <= 1 ? value : undefined;
}
