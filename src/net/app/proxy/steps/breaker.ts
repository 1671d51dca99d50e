/** A circuit breaker: what has come of requests in the last ten seconds opens it, time closes it again by and by. vulcand/oxy: cbreaker/cbreaker.go, memmetrics. */
import type { ProxyRun } from '../run.ts';
import type { Step, Trip } from './config.ts';

type Breaker = Extract<Step, { readonly kind: 'circuit-breaker' }>;

interface Outcome {
  readonly atNs: number;
  readonly status: number;
  readonly ms: number;
}

/** `since`: of the state. */
export interface BreakerState {
  readonly phase: 'standby' | 'tripped' | 'recovering';
  readonly sinceNs: number;
  readonly checkedNs: number;
  readonly outcomes: readonly Outcome[];
}

const WINDOW_NS = 10e9;
const MAX_OUTCOMES = 500;
const FRESH: BreakerState = { phase: 'standby', sinceNs: 0, checkedNs: 0, outcomes: [] };

const ratio = (some: number, all: number): number => (all === 0 ? 0 : some / all);

function trips(trip: Trip, outcomes: readonly Outcome[]): boolean {
  switch (trip.kind) {
    case 'and':
      return trip.trips.every((one) => trips(one, outcomes));
    case 'or':
      return trip.trips.some((one) => trips(one, outcomes));
    case 'network-errors':
      return ratio(outcomes.filter(({ status }) => status === 502 || status === 504).length, outcomes.length) > trip.above;
    case 'codes': {
      const between = (from: number, to: number) => outcomes.filter(({ status }) => status >= from && status < to).length;
      return ratio(between(trip.from, trip.to), between(trip.ofFrom, trip.ofTo)) > trip.above;
    }
    case 'latency': {
      const sorted = outcomes.map(({ ms }) => ms).sort((a, b) => a - b);
      return (sorted[Math.min(sorted.length - 1, Math.floor((trip.quantile / 100) * sorted.length))] ?? 0) > trip.aboveMs;
    }
  }
}

/** Whether a request may pass now; the state moves with time. */
export function breakerLets(run: ProxyRun, breaker: Breaker, route: string): boolean {
  const { breakers } = run.state.steps;
  const key = `${breaker.owner} ${route}`;
  const { nowNs } = run.context;
  let state = breakers.get(key) ?? FRESH;
  if (state.phase === 'tripped' && nowNs >= state.sinceNs + breaker.fallbackMs * 1e6)
    state = { phase: 'recovering', sinceNs: state.sinceNs + breaker.fallbackMs * 1e6, checkedNs: nowNs, outcomes: [] };
  if (state.phase === 'recovering' && nowNs >= state.sinceNs + breaker.recoveryMs * 1e6) state = { ...FRESH, sinceNs: nowNs, checkedNs: nowNs };
  breakers.set(key, state);
  if (state.phase === 'standby') return true;
  if (state.phase === 'tripped') return false;
  // As recovery goes on more and more pass. oxy: ratio_controller.go
  return run.context.prng('circuit-breaker').below(1000) < ((nowNs - state.sinceNs) / (breaker.recoveryMs * 1e6)) * 1000;
}

/** What has come of a request that the breaker let pass. */
export function reportToBreaker(run: ProxyRun, breaker: Breaker, route: string, status: number, ms: number): void {
  const { breakers } = run.state.steps;
  const key = `${breaker.owner} ${route}`;
  const { nowNs } = run.context;
  const before = breakers.get(key) ?? FRESH;
  const outcomes = [...before.outcomes, { atNs: nowNs, status, ms }].filter(({ atNs }) => atNs > nowNs - WINDOW_NS).slice(-MAX_OUTCOMES);
  let state: BreakerState = { ...before, outcomes };
  if (before.phase !== 'tripped' && nowNs >= before.checkedNs + breaker.checkMs * 1e6) {
    state = { ...state, checkedNs: nowNs };
    if (trips(breaker.trip, outcomes)) {
      state = { phase: 'tripped', sinceNs: nowNs, checkedNs: nowNs, outcomes: [] };
      run.context.tell({
        what: `opens the circuit of ${breaker.owner} for ${breaker.fallbackMs / 1000} s`,
        why: `what came of ${outcomes.length} requests in the last 10 s is what its expression asks for`,
        ...(breaker.object === undefined ? {} : { objects: [breaker.object] }),
      });
    }
  }
  breakers.set(key, state);
}
