/** What rules look at in a request: its host's name, its parameters, and texts by expressions. */
import { compileGoRegexp, type GoRegexp, matchGoRegexp } from '../../../base/go-regexp.ts';
import type { Ip } from '../../wire/packet.ts';
import type { HttpHeader } from '../http-message.ts';

export interface RouteRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  /** What follows `?`. */
  readonly query: string;
  readonly headers: readonly HttpHeader[];
  readonly client?: Ip;
}

/** `shop.example.com:8080` without the port, in lower case. */
export function hostName(header: string): string {
  const name = header.toLowerCase();
  if (name.startsWith('[')) return name.slice(0, name.indexOf(']') + 1);
  const colon = name.lastIndexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

const expressions = new Map<string, GoRegexp | undefined>();
const MAX_EXPRESSIONS = 2000;

/** RE2 somewhere in the text; an expression that does not compile matches nothing. */
export function matchesExpression(source: string, text: string): boolean {
  if (!expressions.has(source)) {
    if (expressions.size >= MAX_EXPRESSIONS) expressions.clear();
    const compiled = compileGoRegexp(source);
    expressions.set(source, compiled.ok ? compiled.regexp : undefined);
  }
  const regexp = expressions.get(source);
  return regexp !== undefined && matchGoRegexp(regexp, text) !== undefined;
}

/** The first parameter of that name, decoded. */
export function queryValue(query: string, name: string): string | undefined {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (decoded(equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : decoded(pair.slice(equals + 1));
  }
  return undefined;
}

/** All of that name, decoded. */
export function queryValues(query: string, name: string): readonly string[] {
  return query.split('&').flatMap((pair) => {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    return pair !== '' && decoded(key) === name ? [equals < 0 ? '' : decoded(pair.slice(equals + 1))] : [];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
