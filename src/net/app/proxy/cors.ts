/** Cross-origin requests: which headers an answer gets, and whether the request was only a question (WHATWG Fetch, section 3.3). */
import { type HttpHeader, headerValue } from '../http-message.ts';
import type { Cors } from './config.ts';

function originMatches(pattern: string, origin: string): boolean {
  if (pattern === '*') return true;
  const star = pattern.indexOf('*');
  if (star < 0) return pattern.toLowerCase() === origin.toLowerCase();
  const [head, tail] = [pattern.slice(0, star).toLowerCase(), pattern.slice(star + 1).toLowerCase()];
  return origin.length >= head.length + tail.length && origin.toLowerCase().startsWith(head) && origin.toLowerCase().endsWith(tail);
}

/** Undefined where the origin is not among the allowed ones, or none is given. */
export function corsHeaders(
  cors: Cors,
  headers: readonly HttpHeader[],
  method: string,
): { readonly preflight: boolean; readonly headers: readonly HttpHeader[] } | undefined {
  const origin = headerValue(headers, 'Origin');
  if (origin === undefined || !cors.allowOrigins.some((pattern) => originMatches(pattern, origin))) return undefined;
  const asked = headerValue(headers, 'Access-Control-Request-Method');
  const preflight = method === 'OPTIONS' && asked !== undefined;
  const all = cors.allowOrigins.includes('*') && !cors.allowCredentials;
  const list = (name: string, values: readonly string[], given: string | undefined): HttpHeader[] => {
    if (values.length === 0) return [];
    // With credentials an asterisk means nothing to a browser: what was asked for is said back.
    const text = values.includes('*') && cors.allowCredentials ? (given ?? '') : values.join(', ');
    return text === '' ? [] : [{ name, value: text }];
  };
  return {
    preflight,
    headers: [
      { name: 'Access-Control-Allow-Origin', value: all ? '*' : origin },
      ...(cors.allowCredentials ? [{ name: 'Access-Control-Allow-Credentials', value: 'true' }] : []),
      ...(preflight
        ? [
            ...list('Access-Control-Allow-Methods', cors.allowMethods, asked),
            ...list('Access-Control-Allow-Headers', cors.allowHeaders, headerValue(headers, 'Access-Control-Request-Headers')),
            { name: 'Access-Control-Max-Age', value: String(cors.maxAgeSeconds) },
          ]
        : list('Access-Control-Expose-Headers', cors.exposeHeaders, undefined)),
    ],
  };
}
