/** What a Middleware does to requests, as steps of the proxy. Traefik: pkg/provider/kubernetes/crd/kubernetes.go, pkg/server/middleware/middlewares.go. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import { isClientRange } from '../../../net/app/proxy/rule.ts';
import type { CountBy, Step, Trip } from '../../../net/app/proxy/steps/config.ts';
import { isUnreadableHash } from '../../../net/app/proxy/steps/password.ts';
import { base64ToBytes } from '../../../net/wire/binary-text.ts';
import { decodeUtf8 } from '../../../net/wire/utf8.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { endpointsAt } from '../named-service.ts';
import type { Json, Middleware, TMiddleware } from './types.ts';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown, standard: number): number => (typeof value === 'number' && Number.isFinite(value) ? value : standard);
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []);
const object = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {});

/** Go: time.ParseDuration, or whole seconds. Undefined for what is neither. */
export function durationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string' || value === '') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined;
  return [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0);
}

const idOf = (namespace: string, name: string): string => `${namespace}-${name}@kubernetescrd`;

class Wrong extends Error {}

function secretValue(namespace: string, name: string, view: StoreView): string {
  const secret = view.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(`Secret/${namespace}/${name}`);
  if (secret === undefined) throw new Wrong(`secret '${namespace}/${name}' not found`);
  const values = Object.values(secret.data ?? {});
  const [only] = values;
  if (only === undefined || values.length !== 1)
    throw new Wrong(`found ${values.length} elements for secret '${namespace}/${name}', must be single element exactly`);
  const bytes = base64ToBytes(only.replace(/\s+/g, ''));
  return (bytes === undefined ? undefined : decodeUtf8(bytes)) ?? '';
}

function regexOf(source: string): string {
  const compiled = compileGoRegexp(source);
  if (!compiled.ok) throw new Wrong(`error compiling regular expression ${source}: ${compiled.error}`);
  return source;
}

function countBy(criterion: unknown, standard: CountBy): CountBy {
  const { requestHeaderName, requestHost } = object(criterion);
  if (text(requestHeaderName) !== '') return { header: text(requestHeaderName) };
  return requestHost === true ? 'host' : standard;
}

/** `NetworkErrorRatio() > 0.30 || ResponseCodeRatio(500, 600, 0, 600) > 0.25`. vulcand/oxy: cbreaker/predicates.go. */
export function parseTrip(expression: string): Trip | undefined {
  const join = (kind: 'and' | 'or', parts: readonly string[], read: (part: string) => Trip | undefined): Trip | undefined => {
    const trips = parts.map(read);
    if (trips.includes(undefined)) return undefined;
    return trips.length === 1 ? trips[0] : { kind, trips: trips as Trip[] };
  };
  const one = (part: string): Trip | undefined => {
    const match = /^\s*(NetworkErrorRatio|ResponseCodeRatio|LatencyAtQuantileMS)\(([\d\s.,]*)\)\s*>\s*(\d+(?:\.\d+)?)\s*$/.exec(part);
    const numbers = (match?.[2] ?? '').split(',').flatMap((value) => (value.trim() === '' ? [] : [Number(value)]));
    const above = Number(match?.[3]);
    const [a = 0, b = 0, c = 0, d = 0] = numbers;
    if (match?.[1] === 'NetworkErrorRatio' && numbers.length === 0) return { kind: 'network-errors', above };
    if (match?.[1] === 'ResponseCodeRatio' && numbers.length === 4) return { kind: 'codes', from: a, to: b, ofFrom: c, ofTo: d, above };
    if (match?.[1] === 'LatencyAtQuantileMS' && numbers.length === 1) return { kind: 'latency', quantile: a, aboveMs: above };
    return undefined;
  };
  return join('or', expression.split('||'), (part) => join('and', part.split('&&'), one));
}

type Part = Partial<Pick<TMiddleware, 'steps' | 'response' | 'retry' | 'chain'>>;
type Make = (spec: Json, own: { readonly owner: string; readonly object: string }, namespace: string, view: StoreView) => Part;

const step = (made: Step): Part => ({ steps: [made] });

function addresses(value: unknown): readonly string[] {
  const ranges = texts(value);
  const bad = ranges.find((range) => !isClientRange(range));
  if (ranges.length === 0) throw new Wrong('sourceRange is empty, IPAllowLister not created');
  if (bad !== undefined) throw new Wrong(`cannot parse CIDRs [${ranges.join(' ')}]: parsing CIDR trusted IPs <nil>: invalid CIDR address: ${bad}`);
  return ranges;
}

/** An empty value takes the header away. */
function edits(value: unknown): { readonly set: readonly { readonly name: string; readonly value: string }[]; readonly remove: readonly string[] } {
  const all = Object.entries(object(value)).map(([name, given]) => ({ name, value: text(given) }));
  return { set: all.filter((one) => one.value !== ''), remove: all.filter((one) => one.value === '').map(({ name }) => name) };
}

const allow: Make = (spec, own) => step({ ...own, kind: 'allow', ranges: addresses(spec.sourceRange), code: number(spec.rejectStatusCode, 403) });

const MAKERS: Readonly<Record<string, Make>> = {
  addPrefix: (spec, own) => {
    if (text(spec.prefix) === '') throw new Wrong('prefix cannot be empty');
    return step({ ...own, kind: 'add-prefix', prefix: text(spec.prefix) });
  },
  stripPrefix: (spec, own) => step({ ...own, kind: 'strip-prefix', prefixes: texts(spec.prefixes) }),
  stripPrefixRegex: (spec, own) => step({ ...own, kind: 'strip-regex', patterns: texts(spec.regex).map(regexOf) }),
  replacePath: (spec, own) => step({ ...own, kind: 'replace-path', path: text(spec.path) }),
  replacePathRegex: (spec, own) => step({ ...own, kind: 'replace-path-regex', pattern: regexOf(text(spec.regex)), replacement: text(spec.replacement) }),
  redirectScheme: (spec, own) => {
    if (text(spec.scheme) === '') throw new Wrong('you must provide a target scheme');
    return step({
      ...own,
      kind: 'redirect-scheme',
      scheme: text(spec.scheme),
      port: typeof spec.port === 'number' ? String(spec.port) : text(spec.port),
      permanent: spec.permanent === true,
    });
  },
  redirectRegex: (spec, own) =>
    step({ ...own, kind: 'redirect-regex', pattern: regexOf(text(spec.regex)), replacement: text(spec.replacement), permanent: spec.permanent === true }),
  ipAllowList: allow,
  ipWhiteList: allow,
  headers: (spec, own) => ({
    steps: [{ ...own, kind: 'headers', edits: edits(spec.customRequestHeaders) }],
    response: edits(spec.customResponseHeaders),
  }),
  basicAuth: (spec, own, namespace, view) => {
    if (text(spec.secret) === '') throw new Wrong('auth secret must be set');
    const users = secretValue(namespace, text(spec.secret), view)
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line.includes(':') && !line.startsWith('#'));
    const field = text(spec.headerField);
    return step({
      ...own,
      kind: 'basic-auth',
      users,
      realm: text(spec.realm) || 'traefik',
      remove: spec.removeHeader === true,
      ...(field === '' ? {} : { header: field }),
    });
  },
  rateLimit: (spec, own) => {
    const period = durationMs(spec.period) ?? 1000;
    const average = number(spec.average, 0);
    if (average <= 0) return { steps: [] };
    return step({
      ...own,
      kind: 'rate',
      milliPerSecond: Math.max(1, Math.round((average * 1_000_000) / Math.max(1, period))),
      burst: Math.max(1, number(spec.burst, 1)),
      by: countBy(spec.sourceCriterion, 'ip'),
    });
  },
  inFlightReq: (spec, own) => step({ ...own, kind: 'in-flight', most: number(spec.amount, 0), by: countBy(spec.sourceCriterion, 'host'), code: 429 }),
  buffering: (spec, own) =>
    number(spec.maxRequestBodyBytes, 0) > 0 ? step({ ...own, kind: 'body-limit', bytes: number(spec.maxRequestBodyBytes, 0) }) : { steps: [] },
  circuitBreaker: (spec, own) => {
    const trip = parseTrip(text(spec.expression));
    if (trip === undefined) throw new Wrong(`failed to parse circuit breaker expression: ${text(spec.expression)}`);
    return step({
      ...own,
      kind: 'circuit-breaker',
      trip,
      checkMs: durationMs(spec.checkPeriod) ?? 100,
      fallbackMs: durationMs(spec.fallbackDuration) ?? 10_000,
      recoveryMs: durationMs(spec.recoveryDuration) ?? 10_000,
      code: number(spec.responseCode, 503),
    });
  },
  retry: (spec) => {
    if (number(spec.attempts, 0) <= 0) throw new Wrong(`incorrect (or empty) value for attempt (${number(spec.attempts, 0)})`);
    return { retry: { attempts: number(spec.attempts, 1), intervalMs: durationMs(spec.initialInterval) ?? 0 } };
  },
  chain: (spec, _own, namespace) => ({
    chain: (Array.isArray(spec.middlewares) ? spec.middlewares : []).map((one) => idOf(text(object(one).namespace) || namespace, text(object(one).name))),
  }),
  forwardAuth: (spec, own, namespace, view) => {
    const url = text(spec.address);
    const found = endpointsAt(url, namespace, view);
    if (found === undefined)
      throw new Wrong(`${url === '' ? 'the address is empty' : `${url} is no Service of this cluster, and nobody else can be asked here`}`);
    return step({
      ...own,
      kind: 'forward-auth',
      ...found,
      url,
      manner: 'traefik',
      takes: texts(spec.authResponseHeaders),
      shows: texts(spec.authRequestHeaders),
    });
  },
};

/** Of a kind's settings what has no effect here. */
const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  headers: ['customRequestHeaders', 'customResponseHeaders'],
  rateLimit: ['average', 'burst', 'period', 'sourceCriterion'],
  inFlightReq: ['amount', 'sourceCriterion'],
  ipAllowList: ['sourceRange', 'rejectStatusCode'],
  forwardAuth: ['address', 'authResponseHeaders', 'authRequestHeaders'],
  basicAuth: ['secret', 'realm', 'removeHeader', 'headerField'],
  buffering: ['maxRequestBodyBytes'],
};

export function readMiddleware(middleware: Middleware, view: StoreView): TMiddleware {
  const namespace = namespaceOf(middleware);
  const name = idOf(namespace, middleware.metadata.name);
  const [type = '', value] = Object.entries(middleware.spec ?? {})[0] ?? [];
  const key = objectKey(middleware);
  const base = { name, type, config: value, steps: [], response: undefined, retry: undefined, chain: undefined, error: undefined, unknown: [], object: key };
  const make = Object.hasOwn(MAKERS, type) ? MAKERS[type] : undefined;
  if (type === '') return { ...base, error: `invalid middleware "${name}" configuration: invalid middleware type or middleware does not exist` };
  if (make === undefined) return { ...base, unknown: [type] };
  const spec = object(value);
  const effects = EFFECTS[type];
  const unknown = effects === undefined ? [] : Object.keys(spec).filter((field) => !effects.includes(field));
  try {
    const made = make(spec, { owner: name, object: key }, namespace, view);
    const unreadable = (made.steps ?? []).some(
      (one) => one.kind === 'basic-auth' && one.users.some((line) => isUnreadableHash(line.slice(line.indexOf(':') + 1))),
    );
    return { ...base, ...made, unknown: unreadable ? [...unknown, 'passwords that bcrypt or SHA-crypt has hashed'] : unknown };
  } catch (error) {
    if (error instanceof Wrong) return { ...base, error: error.message };
    throw error;
  }
}
