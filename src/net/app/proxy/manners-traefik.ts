/** Traefik's way with messages: Go's error pages, its X-Forwarded headers, its access log. Traefik: pkg/middlewares/{accesslog,forwardedheaders}, pkg/proxy/httputil/proxy.go. */
import { formatIp } from '../../addr/ip.ts';
import { formatHttpDate, formatLogDate } from '../../wire/calendar.ts';
import { utf8Length } from '../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';
import type { Asked } from './manners.ts';

/** net/http's words for codes that the other proxies call otherwise. */
const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  302: 'Found',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  413: 'Request Entity Too Large',
  429: 'Too Many Requests',
  499: 'Client Closed Request',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
export const traefikReason = (code: number): string | undefined => REASONS[code];

const byGo = new Set(['404 page not found\n', 'no available server\n']);

/** `said`: what somebody has to say; without it the code's own words. */
export function traefikAnswer(code: number, nowMs: number, extra: readonly HttpHeader[], said: string, reason: string) {
  const body = said !== '' ? said : code === 404 ? '404 page not found\n' : code === 503 ? 'no available server\n' : code >= 400 ? reason : '';
  const headers: readonly HttpHeader[] = [
    ...extra,
    ...(body === '' || headerValue(extra, 'Content-Type') !== undefined ? [] : [{ name: 'Content-Type', value: 'text/plain; charset=utf-8' }]),
    ...(byGo.has(body) ? [{ name: 'X-Content-Type-Options', value: 'nosniff' }] : []),
    { name: 'Date', value: formatHttpDate(nowMs) },
    { name: 'Content-Length', value: String(utf8Length(body)) },
  ];
  return { headers: [...headers].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)), body };
}

/** What a client says of itself in these is not believed (forwardedHeaders.insecure and trustedIPs aside). */
const OWN = ['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Server', 'X-Real-Ip'];
const own = new Set([
  ...OWN.map((name) => name.toLowerCase()),
  'host',
  'x-forwarded-uri',
  'x-forwarded-method',
  'x-forwarded-tls-client-cert',
  'x-forwarded-tls-client-cert-info',
]);

export function traefikForwarded(asked: Asked, kept: readonly HttpHeader[], scheme: string, server: string, trusted: boolean): readonly HttpHeader[] {
  const ip = formatIp(asked.client.ip);
  const host = headerValue(asked.headers, 'Host') ?? '';
  const given = (name: string): string | undefined => (trusted ? headerValue(asked.headers, name) : undefined);
  const before = given('X-Forwarded-For');
  const port = /:(\d+)$/.exec(host)?.[1] ?? (scheme === 'https' ? '443' : '80');
  const others = kept.filter(({ name }) => !own.has(name.toLowerCase()));
  const gzip = headerValue(kept, 'Accept-Encoding') === undefined && asked.method !== 'HEAD' ? [{ name: 'Accept-Encoding', value: 'gzip' }] : [];
  return [
    { name: 'Host', value: host },
    ...others,
    { name: 'X-Forwarded-For', value: before === undefined ? ip : `${before}, ${ip}` },
    { name: 'X-Forwarded-Host', value: given('X-Forwarded-Host') ?? host },
    { name: 'X-Forwarded-Port', value: given('X-Forwarded-Port') ?? port },
    { name: 'X-Forwarded-Proto', value: given('X-Forwarded-Proto') ?? scheme },
    { name: 'X-Forwarded-Server', value: server },
    { name: 'X-Real-Ip', value: given('X-Real-Ip') ?? ip },
    ...gzip,
  ];
}

/** Go's server writes headers by name, but for those of its own. */
export function traefikReturned(kept: readonly HttpHeader[], bodyBytes: number, nowMs: number, close: boolean): readonly HttpHeader[] {
  const dated = headerValue(kept, 'Date') === undefined ? [...kept, { name: 'Date', value: formatHttpDate(nowMs) }] : [...kept];
  const all = [...dated, { name: 'Content-Length', value: String(bodyBytes) }].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return close ? [...all, { name: 'Connection', value: 'close' }] : all;
}

export interface TraefikLogged {
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly nowMs: number;
  /** `default-shop@kubernetes`; '' where none took the request. */
  readonly router: string;
  /** `http://10.244.1.2:80`; '' where none was asked. */
  readonly url: string;
  readonly count: number;
}

/** CommonLogFormatter: as Apache's, with the number of the request, its router and its server. */
export function traefikLog(asked: Asked, answer: TraefikLogged): string {
  const quoted = (text: string | undefined): string => (text === undefined || text === '' ? '"-"' : `"${text}"`);
  return (
    `${formatIp(asked.client.ip)} - ${asked.user ?? '-'} [${formatLogDate(answer.nowMs - Math.round(answer.seconds * 1000))}] "${asked.method} ${asked.target} ${asked.version === 'HTTP/2' ? 'HTTP/2.0' : asked.version}" ` +
    `${answer.status} ${answer.bytes} ${quoted(headerValue(asked.headers, 'Referer'))} ${quoted(headerValue(asked.headers, 'User-Agent'))} ` +
    `${answer.count} ${quoted(answer.router)} ${quoted(answer.url)} ${Math.floor(answer.seconds * 1000)}ms\n`
  );
}
