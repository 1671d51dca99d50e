/** From a BackendTrafficPolicy to what a proxy does with routes and backends, or what is wrong with it. envoyproxy/gateway: internal/gatewayapi/backendtrafficpolicy.go. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import { parseIpPrefix } from '../../../net/addr/ip.ts';
import type { BackendPolicy, Fault, HashBy, RouteAction } from '../../../net/app/proxy/config.ts';
import type { LocalLimit } from '../../../net/app/proxy/filters/config.ts';
import { objectKey } from '../../../objects/types.ts';
import { gatewayDurationMs } from '../types.ts';
import type { LocalRule, Policy, TrafficSpec } from './types.ts';

export type BackendTrafficPolicy = Policy<TrafficSpec>;

export interface CompiledTraffic {
  readonly limits?: readonly LocalLimit[];
  /** What a forwarding action gets instead of its own. */
  readonly forward?: Partial<Extract<RouteAction, { kind: 'forward' }>>;
  readonly backend?: BackendPolicy;
  readonly fault?: Fault;
  readonly problem?: string;
}

const UNITS: Readonly<Record<string, number>> = { Second: 1000, Minute: 60_000, Hour: 3_600_000, Day: 86_400_000, Month: 2_592_000_000, Year: 31_536_000_000 };
const STANDARD_RETRIES = 2;
const STANDARD_MOST = 1024;
const STANDARD_TRIGGERS = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'];
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

const BALANCE: Readonly<Record<string, NonNullable<BackendPolicy['balance']>>> = { RoundRobin: 'round-robin', Random: 'random', LeastRequest: 'least-request' };

/** Numbers that a policy leaves out are its CRD's. */
function backendOf({ circuitBreaker, loadBalancer, healthCheck }: TrafficSpec, source: string): BackendPolicy | undefined {
  const passive = healthCheck?.passive;
  if (circuitBreaker === undefined && loadBalancer === undefined && passive === undefined) return undefined;
  const balance = BALANCE[loadBalancer?.type ?? ''];
  return {
    source,
    ...(balance === undefined ? {} : { balance }),
    ...(circuitBreaker === undefined
      ? {}
      : {
          maxConnections: circuitBreaker.maxConnections ?? STANDARD_MOST,
          maxPending: circuitBreaker.maxPendingRequests ?? STANDARD_MOST,
          maxRequests: circuitBreaker.maxParallelRequests ?? STANDARD_MOST,
          maxRetries: circuitBreaker.maxParallelRetries ?? STANDARD_MOST,
          ...(circuitBreaker.maxRequestsPerConnection === undefined ? {} : { requestsPerConnection: circuitBreaker.maxRequestsPerConnection }),
        }),
    ...(passive === undefined
      ? {}
      : {
          outlier: {
            errors: passive.consecutive5XxErrors ?? 5,
            gatewayErrors: passive.consecutiveGatewayErrors ?? 0,
            intervalMs: gatewayDurationMs(passive.interval) ?? 3000,
            baseMs: gatewayDurationMs(passive.baseEjectionTime) ?? 30_000,
            maxPercent: passive.maxEjectionPercent ?? 10,
            minHealthPercent: healthCheck?.panicThreshold ?? 50,
          },
        }),
  };
}

function hashOf({ loadBalancer }: TrafficSpec): HashBy | undefined {
  const hash = loadBalancer?.type === 'ConsistentHash' ? loadBalancer.consistentHash : undefined;
  if (hash === undefined) return undefined;
  if (hash.header !== undefined) return { header: hash.header.name };
  return hash.cookie === undefined ? 'source' : { cookie: hash.cookie.name };
}

function faultOf({ faultInjection }: TrafficSpec): Fault | undefined {
  if (faultInjection === undefined) return undefined;
  const { delay, abort } = faultInjection;
  return {
    ...(delay === undefined ? {} : { delay: { ms: gatewayDurationMs(delay.fixedDelay) ?? 0, percent: delay.percentage ?? 100 } }),
    ...(abort?.httpStatus === undefined ? {} : { abort: { code: abort.httpStatus, percent: abort.percentage ?? 100 } }),
  };
}

export function compileTraffic(policy: BackendTrafficPolicy): CompiledTraffic {
  const { spec = {} } = policy;
  const { rateLimit, retry, timeout, healthCheck } = spec;
  if (healthCheck?.active !== undefined) return { problem: 'HealthCheck: active health checks are not simulated' };
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
  const hashBy = hashOf(spec);
  const backend = backendOf(spec, objectKey(policy));
  const fault = faultOf(spec);
  const perTry = gatewayDurationMs(retry?.perRetry?.timeout);
  return {
    ...(limits.length === 0 ? {} : { limits }),
    ...(backend === undefined ? {} : { backend }),
    ...(fault === undefined ? {} : { fault }),
    forward: {
      ...(hashBy === undefined ? {} : { hashBy }),
      ...(connect === undefined ? {} : { connectTimeoutMs: connect }),
      ...(request === undefined ? {} : { requestTimeoutMs: request }),
      ...(perTry === undefined ? {} : { readTimeoutMs: perTry }),
      ...(retry === undefined
        ? {}
        : {
            tries: 1 + (retry.numRetries ?? STANDARD_RETRIES),
            backoffMs: gatewayDurationMs(retry.perRetry?.backOff?.baseInterval) ?? STANDARD_BACKOFF_MS,
            retryOn: [...(retry.retryOn?.triggers ?? STANDARD_TRIGGERS), ...(retry.retryOn?.httpStatusCodes === undefined ? [] : ['retriable-status-codes'])],
            retryCodes: retry.retryOn?.httpStatusCodes ?? [503],
          }),
    },
  };
}
