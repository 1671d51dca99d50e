/** Which host and which route of a proxy take a request. Compiled once for each list of routes; a request is looked up by path, not route by route. */
import { compileGoRegexp, type GoRegexp, matchGoRegexp } from '../../../base/go-regexp.ts';
import { headerValue } from '../http-message.ts';
import type { HttpProxyConfig, PathMatch, ProxyHost, ProxyRoute, ValueMatch } from './config.ts';
import { hostName, matchesExpression, queryValue, type RouteRequest } from './request-parts.ts';
import { ruleHolds } from './rule.ts';

export { hostName, matchesExpression, queryValue, queryValues, type RouteRequest } from './request-parts.ts';

export interface Selected {
  readonly host: ProxyHost;
  readonly route: ProxyRoute;
  /** Groups of the route's expression; the matched text first. */
  readonly groups: readonly string[];
}

interface HostTable {
  readonly exact: ReadonlyMap<string, ProxyHost>;
  /** By what follows the asterisk (`.example.com`). */
  readonly wildcards: ReadonlyMap<string, ProxyHost>;
  readonly any: ProxyHost | undefined;
}

const hostTables = new WeakMap<readonly ProxyHost[], HostTable>();

function hostTable(hosts: readonly ProxyHost[]): HostTable {
  let table = hostTables.get(hosts);
  if (table === undefined) {
    const exact = new Map<string, ProxyHost>();
    const wildcards = new Map<string, ProxyHost>();
    for (const host of hosts) {
      if (host.name.startsWith('*.')) wildcards.set(host.name.slice(1), host);
      else exact.set(host.name, host);
    }
    table = { exact, wildcards, any: exact.get('') };
    hostTables.set(hosts, table);
  }
  return table;
}

/** The very name, else the longest wildcard, else the host of all names. */
export function selectHosts(hosts: readonly ProxyHost[], name: string): readonly ProxyHost[] {
  const { exact, wildcards, any } = hostTable(hosts);
  const found: ProxyHost[] = [];
  const own = name === '' ? undefined : exact.get(name);
  if (own !== undefined) found.push(own);
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    // A name that is nothing but the suffix is not below it.
    const host = dot === 0 ? undefined : wildcards.get(name.slice(dot));
    if (host !== undefined && (host.oneLabel !== true || name.indexOf('.') === dot)) found.push(host);
  }
  if (any !== undefined) found.push(any);
  return found;
}

interface RouteTable {
  /** Indices of routes by the value of their exact path. */
  readonly exact: ReadonlyMap<string, readonly number[]>;
  /** By the value of a prefix, either form; `lengths` are those that occur. */
  readonly prefixes: ReadonlyMap<string, readonly number[]>;
  readonly lengths: readonly number[];
  readonly regexes: readonly { readonly index: number; readonly regexp: GoRegexp; readonly whole: boolean }[];
}

const routeTables = new WeakMap<readonly ProxyRoute[], RouteTable>();

/** `/foo/` and `/foo` are the same elements. */
const elementsOf = (value: string): string => (value.length > 1 && value.endsWith('/') ? value.slice(0, -1) : value);

function routeTable(routes: readonly ProxyRoute[]): RouteTable {
  let table = routeTables.get(routes);
  if (table === undefined) {
    const exact = new Map<string, number[]>();
    const prefixes = new Map<string, number[]>();
    const regexes: { index: number; regexp: GoRegexp; whole: boolean }[] = [];
    const put = (map: Map<string, number[]>, key: string, index: number) => {
      const list = map.get(key);
      if (list === undefined) map.set(key, [index]);
      else list.push(index);
    };
    for (const [index, { match }] of routes.entries()) {
      const { path } = match;
      if (path.kind === 'exact') put(exact, path.value, index);
      else if (path.kind === 'regex') {
        const compiled = compileGoRegexp(path.value);
        if (compiled.ok) regexes.push({ index, regexp: compiled.regexp, whole: path.whole });
      } else put(prefixes, path.kind === 'elements' ? elementsOf(path.value) : path.value, index);
    }
    table = { exact, prefixes, lengths: [...new Set([...prefixes.keys()].map((key) => key.length))], regexes };
    routeTables.set(routes, table);
  }
  return table;
}

function prefixMatches(match: PathMatch, path: string): boolean {
  if (match.kind !== 'elements') return true;
  const { length } = elementsOf(match.value);
  return match.value === '/' || path.length === length || path[length] === '/';
}

const holds = (match: ValueMatch, value: string | undefined): boolean => (value !== undefined && isSo(match, value)) !== (match.not === true);

function isSo({ kind, value }: ValueMatch, given: string): boolean {
  if (kind === 'present') return true;
  if (kind === 'exact') return given === value;
  return kind === 'prefix' ? given.startsWith(value) : matchesExpression(`^(?:${value})$`, given);
}

function restMatches(route: ProxyRoute, request: RouteRequest): boolean {
  const { method, methods, authority, headers, query, rule } = route.match;
  return (
    (method === undefined || method === request.method) &&
    (methods === undefined || holds(methods, request.method)) &&
    (authority === undefined || holds(authority, headerValue(request.headers, 'Host'))) &&
    (headers === undefined || headers.every((one) => holds(one, headerValue(request.headers, one.name)))) &&
    (query === undefined || query.every((one) => holds(one, queryValue(request.query, one.name)))) &&
    (rule === undefined || ruleHolds(rule, request))
  );
}

/** The first route of a host that matches. Cost: a few map lookups, the expressions, and what shares the path. */
export function selectRoute(
  routes: readonly ProxyRoute[],
  request: RouteRequest,
): { readonly route: ProxyRoute; readonly groups: readonly string[] } | undefined {
  const { exact, prefixes, lengths, regexes } = routeTable(routes);
  const { path } = request;
  let best = routes.length;
  let groups: readonly string[] = [];
  const consider = (candidates: readonly number[] | undefined) => {
    for (const index of candidates ?? []) {
      if (index >= best) return;
      const route = routes[index] as ProxyRoute;
      if (prefixMatches(route.match.path, path) && restMatches(route, request)) {
        best = index;
        groups = [path];
        return;
      }
    }
  };
  consider(exact.get(path));
  for (const length of lengths) if (length <= path.length) consider(prefixes.get(path.slice(0, length)));
  for (const { index, regexp, whole } of regexes) {
    if (index >= best) break;
    const found = matchGoRegexp(regexp, path);
    if (found === undefined || (whole && found[0] !== path) || !restMatches(routes[index] as ProxyRoute, request)) continue;
    best = index;
    groups = found;
  }
  const route = routes[best];
  return route === undefined ? undefined : { route, groups };
}

/** `fallThrough`: a host without a fitting route leaves the request to less specific ones (Gateway API); else its answer is 404 (nginx). */
export function select(
  config: HttpProxyConfig,
  host: string,
  request: RouteRequest,
  fallThrough: boolean,
  /** By TLS: it has chosen the listener before there was a request. */
  serverName?: string,
): Selected | undefined {
  const name = hostName(host);
  if (config.ranked === true) return selectRanked(config.hosts, name, request);
  const [outer] = selectHosts(config.hosts, serverName !== undefined && config.hosts.some(({ hosts }) => hosts !== undefined) ? serverName : name);
  for (const candidate of outer?.hosts === undefined ? selectHosts(config.hosts, name) : selectHosts(outer.hosts, name)) {
    const found = selectRoute(candidate.routes, request);
    if (found !== undefined) return { host: candidate, ...found };
    if (!fallThrough) return undefined;
  }
  return undefined;
}

/** Of all hosts that fit: the route with the lowest rank. */
function selectRanked(hosts: readonly ProxyHost[], name: string, request: RouteRequest): Selected | undefined {
  let best: Selected | undefined;
  for (const host of selectHosts(hosts, name)) {
    const found = selectRoute(host.routes, request);
    if (found !== undefined && (best === undefined || (found.route.rank ?? 0) < (best.route.rank ?? 0))) best = { host, ...found };
  }
  return best;
}
