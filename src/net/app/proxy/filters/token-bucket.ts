/** Buckets of tokens that fill evenly with virtual time. Envoy: source/common/common/token_bucket_impl.cc, AtomicTokenBucketImpl. */

export interface Bucket {
  /** In tokens; may be a fraction. */
  readonly tokens: number;
  readonly atNs: number;
}

/** So many are kept; the one that was asked longest ago goes first. */
const MAX_BUCKETS = 16_000;

export interface Drawn {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Whole seconds until there is one again; 0 where there is. */
  readonly resetSeconds: number;
}

/** Takes a token, if there is a whole one. */
export function draw(buckets: Map<string, Bucket>, key: string, capacity: number, perMs: number, nowNs: number): Drawn {
  const before = buckets.get(key);
  const grown = before === undefined ? capacity : Math.min(capacity, before.tokens + ((nowNs - before.atNs) / 1e6) * (capacity / perMs));
  // Sums of fractions fall short of a whole by nothing that a clock would show.
  const full = grown + 1e-9;
  const allowed = full >= 1;
  const tokens = allowed ? full - 1 : full;
  buckets.delete(key);
  if (buckets.size >= MAX_BUCKETS) buckets.delete(buckets.keys().next().value ?? '');
  buckets.set(key, { tokens, atNs: nowNs });
  const remaining = Math.floor(tokens);
  return { allowed, remaining, resetSeconds: remaining >= 1 ? 0 : Math.floor(((1 - tokens) * perMs) / capacity / 1000) };
}
