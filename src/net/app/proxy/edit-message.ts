/** How a proxy changes what it passes on: headers, path, host, and where redirects lead. */
import { compileGoRegexp, matchGoRegexp } from '../../../base/go-regexp.ts';
import type { HttpHeader } from '../http-message.ts';
import { headerValue } from '../http-message.ts';
import type { HeaderEdits, PathRewrite, ProxyRoute, Redirect } from './config.ts';
import { hostName } from './select-route.ts';

const same = (a: string, b: string): boolean => a.length === b.length && a.toLowerCase() === b.toLowerCase();

/** Sets (replaces or adds), adds (beside what is there, joined by a comma), removes. Gateway API: HTTPHeaderFilter. */
export function editHeaders(headers: readonly HttpHeader[], edits: HeaderEdits | undefined): readonly HttpHeader[] {
  if (edits === undefined) return headers;
  let result = [...headers];
  for (const { name, value } of edits.set ?? []) {
    const at = result.findIndex((header) => same(header.name, name));
    result = result.filter((header, index) => index === at || !same(header.name, name));
    if (at < 0) result.push({ name, value });
    else result[result.findIndex((header) => same(header.name, name))] = { name: result.find((header) => same(header.name, name))?.name ?? name, value };
  }
  for (const { name, value } of edits.add ?? []) {
    const at = result.findIndex((header) => same(header.name, name));
    const before = result[at];
    if (before === undefined) result.push({ name, value });
    else result[at] = { name: before.name, value: `${before.value},${value}` };
  }
  for (const name of edits.remove ?? []) result = result.filter((header) => !same(header.name, name));
  return result;
}

/** The path after a rewrite; query and all else stay. `groups` are those of the route's expression. */
export function rewritePath(path: string, rewrite: PathRewrite | undefined, route: ProxyRoute, groups: readonly string[]): string {
  if (rewrite === undefined) return path;
  if (rewrite.kind === 'whole') return rewrite.value;
  if (rewrite.kind === 'swap') return rewrite.value + path.slice(route.match.path.value.length);
  if (rewrite.kind === 'replace') return replaceFound(path, rewrite.pattern, rewrite.value);
  if (rewrite.kind === 'regex') return rewrite.value.replace(/\$(\d)/g, (_all, digit: string) => groups[Number(digit)] ?? '');
  const matched = route.match.path.value.replace(/\/$/, '');
  const rest = path.slice(matched.length);
  const value = rewrite.value.replace(/\/$/, '');
  const joined = value + (rest === '' || rest.startsWith('/') ? rest : `/${rest}`);
  return joined === '' ? '/' : joined;
}

const MAX_FOUND = 100;

/** Each place that the expression finds, from left to right. Envoy: source/common/common/regex.cc, replaceAll. */
function replaceFound(path: string, pattern: string, value: string): string {
  const compiled = compileGoRegexp(pattern);
  if (!compiled.ok) return path;
  let result = '';
  let rest = path;
  for (let count = 0; count < MAX_FOUND && rest !== ''; count += 1) {
    const found = matchGoRegexp(compiled.regexp, rest);
    const [text = ''] = found ?? [];
    const at = text === '' ? -1 : rest.indexOf(text);
    if (found === undefined || at < 0) break;
    result += rest.slice(0, at) + value.replace(/\\(\d)/g, (_all, digit: string) => found[Number(digit)] ?? '');
    rest = rest.slice(at + text.length);
    if (pattern.startsWith('^')) break;
  }
  return result + rest;
}

/** Where a redirect leads. A port is written unless it is the scheme's own. Gateway API: HTTPRequestRedirectFilter. */
export function redirectLocation(
  action: Redirect,
  asked: { readonly scheme: string; readonly host: string; readonly port: number; readonly path: string; readonly query: string },
  route: ProxyRoute,
  groups: readonly string[],
): string {
  if (action.location !== undefined) return action.location;
  const scheme = action.scheme ?? asked.scheme;
  const host = action.hostname ?? hostName(asked.host);
  const port = action.port ?? (action.scheme === undefined ? asked.port : scheme === 'https' ? 443 : 80);
  const wellKnown = (scheme === 'http' && port === 80) || (scheme === 'https' && port === 443) || port === 0;
  const path = rewritePath(asked.path, action.path, route, groups);
  return `${scheme}://${host}${wellKnown ? '' : `:${port}`}${path}${asked.query === '' ? '' : `?${asked.query}`}`;
}

/** The value of a cookie of this name, or undefined. */
export function cookieValue(headers: readonly HttpHeader[], name: string): string | undefined {
  for (const pair of (headerValue(headers, 'Cookie') ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
