/** From the rules of an HTTPRoute to those of the proxy. sigs.k8s.io/gateway-api: apis/v1/httproute_types.go. */
import { compileGoRegexp } from '../../base/go-regexp.ts';
import type {
  Cors,
  HeaderEdits,
  PathMatch,
  PathRewrite,
  ProxyBackend,
  ProxyRoute,
  Redirect,
  RouteAction,
  RouteMatch,
  Target,
  ValueMatch,
} from '../../net/app/proxy/config.ts';
import type { StoreView } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { extensionOf, isRouteFilter, type RuleExtension } from './policies/route-filter.ts';
import { type ResolvedBackend, resolveBackend } from './references.ts';
import {
  type BackendReference,
  type GrpcMethodMatch,
  gatewayDurationMs,
  type HeaderFilter,
  type HttpMatch,
  type HttpRule,
  type PathModifier,
  type Route,
  type RouteFilter,
} from './types.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Envoy Gateway's, where a rule says nothing: it waits for ever, here for five minutes. */
const STANDARD_REQUEST_MS = 300_000;

/** Envoy's base interval between tries. */
const STANDARD_BACKOFF_MS = 25;

export interface CompiledRoute {
  readonly route: ProxyRoute;
  /** Index of its rule. */
  readonly rule: number;
  /** For the order among all routes of a host. */
  readonly rank: readonly (number | string)[];
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `/service/method`, of which either may be left open. */
function methodPath({ type, service, method }: GrpcMethodMatch): PathMatch {
  if (type === 'RegularExpression') return { kind: 'regex', value: `/${service ?? '[^/]+'}/${method ?? '[^/]+'}`, whole: true };
  if (service !== undefined && method !== undefined) return { kind: 'exact', value: `/${service}/${method}` };
  if (service !== undefined) return { kind: 'elements', value: `/${service}` };
  return method === undefined ? { kind: 'elements', value: '/' } : { kind: 'regex', value: `/[^/]+/${quoted(method)}`, whole: true };
}

function pathOf(match: HttpMatch): PathMatch {
  if (typeof match.method === 'object') return methodPath(match.method);
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  if (type === 'Exact') return { kind: 'exact', value };
  if (type === 'RegularExpression') return { kind: 'regex', value, whole: true };
  return { kind: 'elements', value };
}

const valueMatches = (given: HttpMatch['headers']): readonly ValueMatch[] | undefined =>
  given === undefined || given.length === 0
    ? undefined
    : // Of several with one name only the first counts.
      given
        .filter((one, at) => given.findIndex((other) => other.name.toLowerCase() === one.name.toLowerCase()) === at)
        .map(({ type, name, value }) => ({ name, value, kind: type === 'RegularExpression' ? 'regex' : 'exact' }));

function matchOf(match: HttpMatch): RouteMatch {
  const headers = valueMatches(match.headers);
  const query = valueMatches(match.queryParams);
  return {
    path: pathOf(match),
    ...(typeof match.method === 'string' ? { method: match.method } : {}),
    ...(headers === undefined ? {} : { headers }),
    ...(query === undefined ? {} : { query }),
  };
}

/** Smaller is first: exact path, longest prefix, expression; then method, headers, query parameters; then age and name; then place. */
function rankOf(route: Route, match: RouteMatch, ruleIndex: number, matchIndex: number): readonly (number | string)[] {
  const { path } = match;
  const kind = path.kind === 'exact' ? 0 : path.kind === 'regex' ? 1 : 2;
  return [
    kind,
    -path.value.length,
    match.method === undefined ? 1 : 0,
    -(match.headers?.length ?? 0),
    -(match.query?.length ?? 0),
    route.metadata.creationTimestamp ?? '',
    `${namespaceOf(route)}/${route.metadata.name}`,
    ruleIndex,
    matchIndex,
  ];
}

export function byRank(a: CompiledRoute, b: CompiledRoute): number {
  for (let i = 0; i < a.rank.length; i += 1) {
    const [x, y] = [a.rank[i] ?? 0, b.rank[i] ?? 0];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

const editsOf = (filter: HeaderFilter | undefined): HeaderEdits | undefined => filter;

function joined(filters: readonly RouteFilter[], pick: (filter: RouteFilter) => HeaderFilter | undefined): HeaderEdits | undefined {
  const all = filters.map(pick).filter((one) => one !== undefined);
  if (all.length < 2) return editsOf(all[0]);
  return { set: all.flatMap((one) => one.set ?? []), add: all.flatMap((one) => one.add ?? []), remove: all.flatMap((one) => one.remove ?? []) };
}

function rewriteOf(path: PathModifier | undefined): PathRewrite | undefined {
  if (path === undefined) return undefined;
  if (path.type === 'ReplaceFullPath' || (path.type === undefined && path.replaceFullPath !== undefined))
    return { kind: 'whole', value: path.replaceFullPath ?? '/' };
  return { kind: 'prefix', value: path.replacePrefixMatch ?? '/' };
}

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

function redirectOf({ scheme, hostname, path, port, statusCode = 302 }: NonNullable<RouteFilter['requestRedirect']>): Redirect {
  const rewrite = rewriteOf(path);
  const number = port ?? (scheme === undefined ? undefined : WELL_KNOWN[scheme]);
  return {
    kind: 'redirect',
    code: statusCode,
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(number === undefined ? {} : { port: number }),
    ...(rewrite === undefined ? {} : { path: rewrite }),
  };
}

function corsOf(filter: RouteFilter | undefined): Cors | undefined {
  const cors = filter?.cors;
  if (cors === undefined) return undefined;
  return {
    allowOrigins: cors.allowOrigins ?? [],
    allowMethods: cors.allowMethods ?? [],
    allowHeaders: cors.allowHeaders ?? [],
    exposeHeaders: cors.exposeHeaders ?? [],
    allowCredentials: cors.allowCredentials === true,
    maxAgeSeconds: cors.maxAge ?? 5,
  };
}

const SUPPORTED = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'RequestMirror', 'CORS']);

const AT_BACKENDS = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite']);

/** Filters that nobody here knows: their requests fail, as the API demands. */
export const unknownFilters = (rule: HttpRule): readonly string[] => [
  ...(rule.filters ?? []).flatMap((one) => (SUPPORTED.has(one.type ?? '') || isRouteFilter(one) ? [] : [one.type ?? ''])),
  ...(rule.backendRefs ?? []).flatMap((one) => one.filters ?? []).flatMap(({ type = '' }) => (AT_BACKENDS.has(type) ? [] : [`${type} of a backend`])),
];

/** Expressions of a rule that are none; its requests would match nothing. */
export const invalidExpressions = (rule: HttpRule): readonly string[] =>
  (rule.matches ?? []).flatMap(({ path, method, headers = [], queryParams = [] }) => {
    const all = [
      ...(path?.type === 'RegularExpression' ? [path.value ?? ''] : []),
      ...(typeof method === 'object' && method.type === 'RegularExpression' ? [method.service ?? '', method.method ?? ''] : []),
      ...[...headers, ...queryParams].flatMap(({ type, value }) => (type === 'RegularExpression' ? [value] : [])),
    ];
    return all.flatMap((source) => {
      const compiled = compileGoRegexp(source);
      return compiled.ok ? [] : [`Regex "${source}" is invalid: ${compiled.error}`];
    });
  });

function forwardOf(rule: HttpRule, resolve: (reference: BackendReference) => ResolvedBackend, extension: RuleExtension | undefined): RouteAction {
  const filters = rule.filters ?? [];
  const rewrite = filters.find(({ type }) => type === 'URLRewrite')?.urlRewrite;
  const regex = extension?.urlRewrite?.path?.replaceRegexMatch;
  const path: PathRewrite | undefined = regex === undefined ? rewriteOf(rewrite?.path) : { kind: 'replace', pattern: regex.pattern, value: regex.substitution };
  const targets = (rule.backendRefs ?? []).map((reference): Target => {
    const own = reference.filters ?? [];
    const requestHeaders = joined(own, ({ requestHeaderModifier }) => requestHeaderModifier);
    const responseHeaders = joined(own, ({ responseHeaderModifier }) => responseHeaderModifier);
    const change = own.find(({ type }) => type === 'URLRewrite')?.urlRewrite;
    const toPath = rewriteOf(change?.path);
    const redirect = own.find(({ type }) => type === 'RequestRedirect')?.requestRedirect;
    return {
      backend: resolve(reference).backend.name,
      weight: reference.weight ?? 1,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
      ...(toPath === undefined ? {} : { rewrite: toPath }),
      ...(change?.hostname === undefined ? {} : { hostname: change.hostname }),
      ...(redirect === undefined ? {} : { redirect: redirectOf(redirect) }),
    };
  });
  const mirrors = filters.flatMap(({ requestMirror }) => {
    if (requestMirror === undefined) return [];
    const { percent, fraction } = requestMirror;
    const share = percent ?? (fraction === undefined ? undefined : (fraction.numerator * 100) / (fraction.denominator ?? 100));
    return [{ backend: resolve(requestMirror.backendRef).backend.name, ...(share === undefined ? {} : { percent: share }) }];
  });
  const requestMs = gatewayDurationMs(rule.timeouts?.request);
  const backendMs = gatewayDurationMs(rule.timeouts?.backendRequest);
  return {
    kind: 'forward',
    targets,
    ...(path === undefined ? {} : { rewrite: path }),
    ...(rewrite?.hostname === undefined ? {} : { hostname: rewrite.hostname }),
    ...(mirrors.length === 0 ? {} : { mirrors }),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    readTimeoutMs: backendMs ?? 0,
    requestTimeoutMs: requestMs ?? STANDARD_REQUEST_MS,
    tries: 1 + (rule.retry === undefined ? 0 : (rule.retry.attempts ?? 1)),
    ...(rule.retry === undefined ? {} : { backoffMs: gatewayDurationMs(rule.retry.backoff) ?? STANDARD_BACKOFF_MS }),
    ...(rule.retry?.codes === undefined ? {} : { retryCodes: rule.retry.codes }),
  };
}

function answerOf({ directResponse, body }: RuleExtension): RouteAction {
  const { statusCode = 200, contentType } = directResponse ?? {};
  return { kind: 'answer', code: statusCode, ...(body === undefined ? {} : { body }), ...(contentType === undefined ? {} : { contentType }) };
}

/** The routes of all rules and their matches, in no order yet; `backends` collects what they lead to. */
export function compileRoute(route: Route, view: StoreView, backends: Map<string, ProxyBackend>): readonly CompiledRoute[] {
  const resolve = (reference: BackendReference): ResolvedBackend => {
    const resolved = resolveBackend(route, reference, view);
    backends.set(resolved.backend.name, resolved.backend);
    return resolved;
  };
  return (route.spec?.rules ?? [{}]).flatMap((rule, ruleIndex) => {
    const filters = rule.filters ?? [];
    const redirect = filters.find(({ type }) => type === 'RequestRedirect')?.requestRedirect;
    const { found, problem } = extensionOf(rule, route, view);
    const action: RouteAction =
      unknownFilters(rule).length > 0 || problem !== undefined
        ? { kind: 'answer', code: 500 }
        : found?.directResponse !== undefined
          ? answerOf(found)
          : redirect === undefined
            ? forwardOf(rule, resolve, found)
            : redirectOf(redirect);
    const requestHeaders = joined(filters, ({ requestHeaderModifier }) => requestHeaderModifier);
    const responseHeaders = joined(filters, ({ responseHeaderModifier }) => responseHeaderModifier);
    const cors = corsOf(filters.find(({ type }) => type === 'CORS'));
    const matches = (rule.matches ?? []).length === 0 ? [{}] : (rule.matches ?? []);
    return matches.map((given, matchIndex): CompiledRoute => {
      const match = matchOf(given);
      return {
        route: {
          owner: `${route.kind.toLowerCase()}/${namespaceOf(route)}/${route.metadata.name}/rule/${ruleIndex}/match/${matchIndex}`,
          match,
          action,
          ...(requestHeaders === undefined ? {} : { requestHeaders }),
          ...(responseHeaders === undefined ? {} : { responseHeaders }),
          ...(cors === undefined ? {} : { cors }),
        },
        rule: ruleIndex,
        rank: rankOf(route, match, ruleIndex, matchIndex),
      };
    });
  });
}
