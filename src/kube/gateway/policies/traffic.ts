/** From a BackendTrafficPolicy to what a proxy does with routes and backends, or what is wrong with it. envoyproxy/gateway: internal/gatewayapi/backendtrafficpolicy.go. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import { parseIpPrefix } from '../../../net/addr/ip.ts';
import type { RouteAction } from '../../../net/app/proxy/config.ts';
import type { LocalLimit } from '../../../net/app/proxy/filters/config.ts';
import { gatewayDurationMs } from '../types.ts';
import type { LocalRule, Policy, TrafficSpec } from './types.ts';

export type BackendTrafficPolicy = Policy<TrafficSpec>;

export interface CompiledTraffic {
  readonly limits?: readonly LocalLimit[];
  /** What a forwarding action gets instead of its own. */
  readonly forward?: Partial<Extract<RouteAction, { kind: 'forward' }>>;
  readonly problem?: string;
}

const UNITS: Readonly<Record<string, number>> = { Second: 1000, Minute: 60_000, Hour: 3_600_000, Day: 86_400_000, Month: 2_592_000_000, Year: 31_536_000_000 };
const STANDARD_RETRIES = 2;
/** Envoy's base interval. */
const STANDARD_BACKOFF_MS = 25;

function limitOf({ clientSelectors = [], limit }: LocalRule): LocalLimit | string {
  const perMs = UNITS[limit.unit];
  if (perMs === undefined) return `unsupported unit ${limit.unit}`;
  const headers = clientSelectors.flatMap((one) => one.headers ?? []);
  const ranges = clientSelectors.flatMap(({ sourceCIDR }) => (sourceCIDR === undefined ? [] : [sourceCIDR]));
  const wrong = ranges.find(({ value }) => parseIpPrefix(value) === undefined);
  if (wrong !== undefined) return `invalid CIDR address: ${wrong.value}`;
  for (const { type, value = '' } of headers) {
    const compiled = type === 'RegularExpression' ? compileGoRegexp(value) : undefined;
    if (compiled?.ok === false) return `Regex "${value}" is invalid: ${compiled.error}`;
  }
  return {
    requests: limit.requests,
    perMs,
    headers: headers
      .filter(({ type }) => type !== 'Distinct')
      .map(({ name, type, value = '', invert }) => ({
        name,
        value,
        kind: type === 'RegularExpression' ? ('regex' as const) : ('exact' as const),
        ...(invert === true ? { invert: true as const } : {}),
      })),
    distinct: headers.filter(({ type }) => type === 'Distinct').map(({ name }) => name),
    clients: ranges.map(({ value }) => value),
    perClient: ranges.some(({ type }) => type === 'Distinct'),
    methods: clientSelectors.flatMap(({ methods = [] }) => methods.map(({ value }) => value)),
  };
}

export function compileTraffic({ spec = {} }: BackendTrafficPolicy): CompiledTraffic {
  const { rateLimit, retry, timeout } = spec;
  const limits: LocalLimit[] = [];
  if (rateLimit !== undefined) {
    if (rateLimit.type === 'Global' || rateLimit.local === undefined)
      return { problem: 'RateLimit: global rate limits need a rate limit service, which is not simulated' };
    const rules = rateLimit.local.rules ?? [];
    if (rules.filter(({ clientSelectors = [] }) => clientSelectors.length === 0).length > 1)
      return { problem: 'RateLimit: local rateLimit can not have more than one rule without clientSelectors' };
    for (const rule of rules) {
      const limit = limitOf(rule);
      if (typeof limit === 'string') return { problem: `RateLimit: ${limit}` };
      limits.push(limit);
    }
  }
  const connect = gatewayDurationMs(timeout?.tcp?.connectTimeout);
  const request = gatewayDurationMs(timeout?.http?.requestTimeout);
  const perTry = gatewayDurationMs(retry?.perRetry?.timeout);
  return {
    ...(limits.length === 0 ? {} : { limits }),
    forward: {
      ...(connect === undefined ? {} : { connectTimeoutMs: connect }),
      ...(request === undefined ? {} : { requestTimeoutMs: request }),
      ...(perTry === undefined ? {} : { readTimeoutMs: perTry }),
      ...(retry === undefined
        ? {}
        : {
            tries: 1 + (retry.numRetries ?? STANDARD_RETRIES),
            backoffMs: gatewayDurationMs(retry.perRetry?.backOff?.baseInterval) ?? STANDARD_BACKOFF_MS,
            retryCodes: retry.retryOn?.httpStatusCodes ?? (retry.retryOn?.triggers?.includes('5xx') === true ? [500, 501, 502, 503, 504] : [503]),
          }),
    },
  };
}
