/** Whether a request that failed is tried again. Envoy: source/common/router/retry_state_impl.cc. */
import type { Exchange, Forward, ProxyRun } from './run.ts';

export type Failure =
  /** There was no connection. */
  | 'connect'
  /** It broke before the answer. */
  | 'reset'
  /** Nothing came in time. */
  | 'timeout'
  /** The answer itself says so. */
  | 'status';

const isGatewayError = (status: number): boolean => status >= 502 && status <= 504;

/** By what the route says; one that says nothing means all failures, and of the statuses those that it lists. */
export function mayRetry({ retryOn, retryCodes }: Forward, failure: Failure, status: number): boolean {
  if (failure === 'status') {
    if (retryCodes?.includes(status) === true && (retryOn === undefined || retryOn.includes('retriable-status-codes'))) return true;
    return (
      retryOn?.some(
        (word) => (word === '5xx' && status >= 500) || (word === 'gateway-error' && isGatewayError(status)) || (word === 'retriable-4xx' && status === 409),
      ) === true
    );
  }
  if (retryOn === undefined) return true;
  return retryOn.some((word) => {
    if (word === '5xx' || word === 'gateway-error' || word === 'reset') return true;
    if (word === 'reset-before-request') return failure === 'connect';
    return word === 'connect-failure' && failure === 'connect';
  });
}

/** Envoy: source/common/common/backoff_strategy.cc, JitteredExponentialBackOffStrategy; never less than the interval that was asked for, as the Gateway API has it (GEP-1731). */
export function backoffNs(run: ProxyRun, { backoffMs = 0, retryOn }: Forward, tries: number): number {
  const spanMs = Math.min(backoffMs * 2 ** Math.min(tries - 1, 10), 10 * backoffMs);
  const jitter = run.context.prng('backoff').below(Math.max(1, spanMs * 1000)) / 1000;
  return Math.round(((retryOn === undefined ? backoffMs : 0) + jitter) * 1e6);
}

/** max_retries: so many second tries of one backend may be under way. */
export function hasRoomForRetry(run: ProxyRun, { backend, id }: Exchange): boolean {
  const most = backend.policy?.maxRetries;
  if (most === undefined) return true;
  let count = 0;
  for (const one of run.state.exchanges.values()) if (one.id !== id && one.backend.name === backend.name && one.tries.length > 0) count += 1;
  return count < most;
}
