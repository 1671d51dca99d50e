/** Go's durations as Istio's objects write them. */
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, ns: 0.000001 };

/** `0.5s`, `1m30s`, `100ms`; undefined for anything else. Milliseconds. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 32 || !/^(\d+(\.\d+)?(h|ms|us|ns|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)/g)) total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return total;
}
