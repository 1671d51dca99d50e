/** How nginx writes answers and logs. nginx: src/http/ngx_http_header_filter_module.c, ngx_http_special_response.c, ngx_http_log_module.c. */
import { formatIp } from '../../addr/ip.ts';
import { calendarTime, formatClock, formatHttpDate, formatLogDate } from '../../wire/calendar.ts';
import { utf8Length } from '../../wire/utf8.ts';
import { formatHead, type HttpHeader, headerValue, REASONS } from '../http-message.ts';
import { nginxErrorPage } from '../http-pages.ts';
import type { Settings } from './plan.ts';
import type { Asked } from './variables.ts';

const OWN_REASONS: Readonly<Record<number, string>> = {
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  401: 'Unauthorized',
  405: 'Not Allowed',
  429: 'Too Many Requests',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
};
const titleOf = (code: number): string => `${code} ${OWN_REASONS[code] ?? REASONS[code] ?? ''}`.trim();

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  /** Beside those that each answer has. */
  readonly headers?: readonly HttpHeader[];
  /** What the body is of a backend that told no length. */
  readonly chunked?: boolean;
}

/** What else a 400 may say. */
export function plainOnHttps(version: string | undefined): Answer {
  const said = 'The plain HTTP request was sent to HTTPS port';
  const page = errorAnswer(400, version);
  const body = page.body
    .replace('<title>400 Bad Request<', `<title>400 ${said}<`)
    .replace('</h1></center>\r\n', `</h1></center>\r\n<center>${said}</center>\r\n`);
  return { ...page, body };
}

export const errorAnswer = (code: number, version: string | undefined, headers: readonly HttpHeader[] = []): Answer => ({
  code,
  type: 'text/html',
  body: nginxErrorPage(titleOf(code), { port: 0, server: 'nginx', ...(version === undefined ? {} : { version }) }),
  headers,
});

/** add_header is for answers that went well, unless it says `always`. */
const GOOD = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308]);

export function answerText(
  answer: Answer,
  asked: Asked,
  settings: Settings,
  expand: (text: string) => string,
  { nowMs, version = '1.29.3', keeps }: { readonly nowMs: number; readonly version?: string | undefined; readonly keeps: boolean },
): { readonly text: string; readonly bodyBytes: number } {
  const { code, type, body, headers = [], chunked = false } = answer;
  const bytes = utf8Length(body);
  const isEmpty = asked.method === 'HEAD' || code === 204 || code === 304;
  const added = settings.headers.filter(({ always }) => always || GOOD.has(code)).map(({ name, value }) => ({ name, value: expand(value) }));
  const inChunks = chunked && asked.version === 'HTTP/1.1';
  const head = formatHead(`HTTP/1.1 ${titleOf(code)}`, [
    { name: 'Server', value: `nginx/${version}` },
    { name: 'Date', value: formatHttpDate(nowMs) },
    ...(code === 204 || code === 304 ? [] : [{ name: 'Content-Type', value: type }]),
    ...(code === 204 || code === 304 ? [] : inChunks ? [{ name: 'Transfer-Encoding', value: 'chunked' }] : [{ name: 'Content-Length', value: String(bytes) }]),
    { name: 'Connection', value: keeps ? 'keep-alive' : 'close' },
    ...headers,
    ...added,
  ]);
  if (isEmpty) return { text: head, bodyBytes: 0 };
  return { text: head + (inChunks ? `${bytes === 0 ? '' : `${bytes.toString(16)}\r\n${body}\r\n`}0\r\n\r\n` : body), bodyBytes: bytes };
}

/** The image's format `main`. */
export function accessLine(asked: Asked, code: number, bodyBytes: number, nowMs: number): string {
  const value = (name: string): string => headerValue(asked.headers, name) ?? '-';
  return `${formatIp(asked.client.ip)} - - [${formatLogDate(nowMs)}] "${asked.method} ${asked.target} ${asked.version}" ${code} ${bodyBytes} "${value('Referer')}" "${value('User-Agent')}" "${value('X-Forwarded-For')}"\n`;
}

/** `2026/04/04 09:15:03 [error] 29#29: `: process and thread are those of a first worker. */
export function errorPrefix(level: 'emerg' | 'error' | 'warn', nowMs: number): string {
  const time = calendarTime(nowMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const pid = level === 'emerg' ? 1 : 29;
  return `${time.year}/${two(time.month)}/${two(time.day)} ${formatClock(time)} [${level}] ${pid}#${pid}: `;
}

/** What stands behind each error of a request. */
export const errorContext = (asked: Asked, serverName: string, upstream: string): string =>
  `, client: ${formatIp(asked.client.ip)}, server: ${serverName}, request: "${asked.method} ${asked.target} ${asked.version}"${upstream === '' ? '' : `, upstream: "${upstream}"`}, host: "${headerValue(asked.headers, 'Host') ?? ''}"\n`;
