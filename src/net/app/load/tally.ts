/** What a program counts of its requests: by outcome and by latency, in all and by seconds of virtual time. Its memory is bounded. */

/** How a request ended. `not-sent`: every user was busy when its time came. */
export const OUTCOMES = ['2xx', '3xx', '4xx', '5xx', 'refused', 'timeout', 'reset', 'unreachable', 'dns', 'not-sent'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Seconds that are remembered one by one. */
export const WINDOWS = 60;
const SECOND_NS = 1e9;
const FIRST_BOUND_NS = 20_000;
const BUCKETS = 176;
/** The eighth root of two: each bucket is 9 % wider than the one before. */
const STEP = 1.0905077326652577;

/** Upper bounds of the latency buckets in nanoseconds, 20 µs to a minute; what is slower is in the last. */
export const BOUNDS_NS: readonly number[] = Array.from({ length: BUCKETS }, (_, i) => FIRST_BOUND_NS * STEP ** (i % 8) * 2 ** Math.floor(i / 8));

export interface TallyWindow {
  /** Virtual time, in whole seconds. */
  readonly second: number;
  /** In the order of OUTCOMES. */
  readonly counts: readonly number[];
  /** Bucket, count, bucket, count … of requests that were answered. */
  readonly latencies: readonly number[];
}

/** Changed in place, but for windows that are over. */
export interface Tally {
  readonly totals: number[];
  readonly latencies: number[];
  latencySumNs: number;
  second: number;
  readonly counts: number[];
  readonly now: Map<number, number>;
  /** The last WINDOWS seconds in which something ended, oldest first. */
  closed: readonly TallyWindow[];
}

export const newTally = (): Tally => ({
  totals: OUTCOMES.map(() => 0),
  latencies: [],
  latencySumNs: 0,
  second: -1,
  counts: OUTCOMES.map(() => 0),
  now: new Map(),
  closed: [],
});

export const copyTally = (tally: Tally): Tally => ({
  ...tally,
  totals: [...tally.totals],
  latencies: [...tally.latencies],
  counts: [...tally.counts],
  now: new Map(tally.now),
});

function bucketOf(ns: number): number {
  let low = 0;
  let high = BUCKETS - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ns <= (BOUNDS_NS[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const windowNow = ({ second, counts, now }: Tally): TallyWindow => ({ second, counts: [...counts], latencies: [...now].flat() });

/** One request ended; `latencyNs` when it was answered and somebody waited for it. */
export function count(tally: Tally, nowNs: number, outcome: Outcome, latencyNs?: number): void {
  const second = Math.floor(nowNs / SECOND_NS);
  if (second !== tally.second) {
    if (tally.second >= 0) tally.closed = [...tally.closed.filter((one) => one.second > second - WINDOWS), windowNow(tally)].slice(-WINDOWS);
    tally.second = second;
    tally.counts.fill(0);
    tally.now.clear();
  }
  const at = OUTCOMES.indexOf(outcome);
  tally.counts[at] = (tally.counts[at] ?? 0) + 1;
  tally.totals[at] = (tally.totals[at] ?? 0) + 1;
  if (latencyNs === undefined) return;
  const bucket = bucketOf(latencyNs);
  tally.now.set(bucket, (tally.now.get(bucket) ?? 0) + 1);
  tally.latencies[bucket] = (tally.latencies[bucket] ?? 0) + 1;
  tally.latencySumNs += latencyNs;
}

export const codeOutcome = (code: number): Outcome => (code >= 500 ? '5xx' : code >= 400 ? '4xx' : code >= 300 ? '3xx' : '2xx');

/** The present second too, as far as it has come. */
export const windowsOf = (tally: Tally): readonly TallyWindow[] => (tally.second < 0 ? [] : [...tally.closed, windowNow(tally)]);

/** The latency below which a share `quantile` (0..1) of the requests lies, between the bounds of its bucket as PromQL's histogram_quantile reads it; undefined without requests. */
export function quantileNs(latencies: readonly (number | undefined)[], quantile: number): number | undefined {
  let total = 0;
  for (const one of latencies) total += one ?? 0;
  if (total === 0) return undefined;
  const rank = quantile * total;
  let before = 0;
  for (let bucket = 0; bucket < latencies.length; bucket += 1) {
    const here = latencies[bucket] ?? 0;
    if (here > 0 && before + here >= rank) {
      const low = BOUNDS_NS[bucket - 1] ?? 0;
      return low + ((BOUNDS_NS[bucket] ?? low) - low) * ((rank - before) / here);
    }
    before += here;
  }
  return BOUNDS_NS[BUCKETS - 1];
}

const LE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Prometheus' text format 0.0.4; bounds are those of its clients, each bucket counted at the next one up. */
export function prometheusText(tally: Tally, target: string): string {
  const label = `target="${target.replace(/[\\"]/g, (one) => `\\${one}`).replace(/\n/g, '\\n')}"`;
  const lines = ['# HELP load_requests_total Requests by how they ended.', '# TYPE load_requests_total counter'];
  OUTCOMES.forEach((outcome, at) => {
    if ((tally.totals[at] ?? 0) > 0) lines.push(`load_requests_total{${label},outcome="${outcome}"} ${tally.totals[at]}`);
  });
  lines.push('# HELP load_request_duration_seconds Time from a request to the end of its answer.', '# TYPE load_request_duration_seconds histogram');
  let bucket = 0;
  let sum = 0;
  for (const le of LE_SECONDS) {
    for (; bucket < BUCKETS && (BOUNDS_NS[bucket] ?? 0) <= le * 1e9; bucket += 1) sum += tally.latencies[bucket] ?? 0;
    lines.push(`load_request_duration_seconds_bucket{${label},le="${le}"} ${sum}`);
  }
  for (; bucket < BUCKETS; bucket += 1) sum += tally.latencies[bucket] ?? 0;
  lines.push(
    `load_request_duration_seconds_bucket{${label},le="+Inf"} ${sum}`,
    `load_request_duration_seconds_sum{${label}} ${tally.latencySumNs / 1e9}`,
    `load_request_duration_seconds_count{${label}} ${sum}`,
  );
  return `${lines.join('\n')}\n`;
}
