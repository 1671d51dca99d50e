/** What the proxy's rules match: names by patterns, HTTP requests by regular expressions. Cilium: pkg/fqdn/matchpattern, pkg/policy/api/http.go */
import { compileGoRegexp, type GoRegexp, matchGoRegexp } from '../../base/go-regexp.ts';
import type { BpfHttpRule } from './bpf-records.ts';

const MAX_SUBJECT_CHARACTERS = 4096;

/** The expression that a pattern stands for, anchored at both ends as Envoy does; undefined for what is none, which then matches nothing. */
function anchored(pattern: string): GoRegexp | undefined {
  const result = compileGoRegexp(`^(?:${pattern})$`);
  return result.ok ? result.regexp : undefined;
}

interface CompiledRule {
  readonly method: GoRegexp | undefined;
  readonly path: GoRegexp | undefined;
  readonly host: GoRegexp | undefined;
}
const compiled = new WeakMap<BpfHttpRule, CompiledRule>();

function compile(rule: BpfHttpRule): CompiledRule {
  let known = compiled.get(rule);
  if (known === undefined) {
    const of = (pattern: string | undefined): GoRegexp | undefined => (pattern === undefined ? undefined : anchored(pattern));
    known = { method: of(rule.method), path: of(rule.path), host: of(rule.host) };
    compiled.set(rule, known);
  }
  return known;
}

/** Without the final dot, in small letters. */
export const plainName = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();

/** `*` alone is every name; inside a pattern it is any run of characters of one label, and `**.` at its head one label or more. Segments are compared, no expression is built, so that no pattern is slow. */
export function matchesName(pattern: string, name: string): boolean {
  const wanted = plainName(pattern);
  const given = plainName(name);
  if (wanted === '*') return true;
  if (wanted.startsWith('**.')) {
    const tail = wanted.slice(3);
    const labels = given.split('.');
    for (let i = 1; i < labels.length; i += 1) if (labelsMatch(tail, labels.slice(i).join('.'))) return true;
    return false;
  }
  return labelsMatch(wanted, given);
}

function labelsMatch(pattern: string, name: string): boolean {
  const wanted = pattern.split('.');
  const given = name.split('.');
  return wanted.length === given.length && wanted.every((label, i) => labelMatches(label, given[i] ?? ''));
}

function labelMatches(pattern: string, label: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === label;
  const first = parts[0] ?? '';
  const last = parts[parts.length - 1] ?? '';
  if (!label.startsWith(first) || !label.endsWith(last) || label.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = label.indexOf(part, at);
    if (found < 0 || found + part.length > label.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}

export interface HttpRequestHead {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** Names in small letters. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The head of a request, where a segment begins with one. */
export function requestHead(text: string): HttpRequestHead | undefined {
  const [first = '', ...lines] = (text.split('\r\n\r\n', 1)[0] ?? '').split('\r\n');
  const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(first) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { method, path: target, host: headers.get('host') ?? '', headers };
}

export function matchesHttp(rule: BpfHttpRule, request: HttpRequestHead): boolean {
  const { method, path, host } = compile(rule);
  const fits = (pattern: string | undefined, expression: GoRegexp | undefined, text: string): boolean =>
    pattern === undefined || pattern === '' || (expression !== undefined && matchGoRegexp(expression, text.slice(0, MAX_SUBJECT_CHARACTERS)) !== undefined);
  if (!fits(rule.method, method, request.method) || !fits(rule.path, path, request.path) || !fits(rule.host, host, request.host)) return false;
  return (rule.headers ?? []).every((header) => {
    const colon = header.search(/[: ]/);
    const name = (colon < 0 ? header : header.slice(0, colon)).toLowerCase();
    const value = request.headers.get(name);
    return value !== undefined && (colon < 0 || header.slice(colon + 1).trim() === value);
  });
}
