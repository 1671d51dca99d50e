/** What every benchmark prints: the median of several runs, as a figure and as a ratio to a fixed piece of work measured in the same run. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  /** `ms` and `bytes`: smaller is better; `per second`: greater is better. */
  readonly unit: 'ms' | 'per second' | 'bytes' | 'kB gzip' | 'ns';
  /** The goal in the same unit, if there is one. */
  readonly goal?: number;
}

/** A collection of the young generation only: enough for what `prepare` left. Undefined without --expose-gc. */
const collectYoung = globalThis.gc === undefined ? undefined : () => globalThis.gc?.({ type: 'minor' });

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** CPU milliseconds of one call, all threads, median of `runs` after one warm-up. `prepare` is not counted, nor is its garbage. */
export function cpuMilliseconds<T>(runs: number, work: (prepared: T) => unknown, prepare: () => T = () => undefined as T): number {
  work(prepare());
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    const prepared = prepare();
    collectYoung?.();
    const started = process.cpuUsage();
    work(prepared);
    const used = process.cpuUsage(started);
    times.push((used.user + used.system) / 1000);
  }
  return median(times);
}

let baselineCache: number | undefined;

/** CPU ms for ten million lookups in a Map of 10,000 small integers: what this machine is worth right now. */
export function baselineMs(): number {
  if (baselineCache !== undefined) return baselineCache;
  const map = new Map<number, number>();
  for (let i = 0; i < 10_000; i += 1) map.set(i * 7919, i);
  let sink = 0;
  baselineCache = cpuMilliseconds(5, () => {
    for (let i = 0; i < 10_000_000; i += 1) sink += map.get((i % 10_000) * 7919) as number;
  });
  if (sink === 0) throw new Error('the baseline did no work');
  return baselineCache;
}

/** One line a figure, readable by people and by scripts/bench.mjs. */
export function report(figures: readonly Figure[]): void {
  for (const figure of figures) console.log(`figure ${JSON.stringify({ ...figure, baselineMs: baselineMs() })}`);
}
