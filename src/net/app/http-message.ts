/** Reading HTTP/1.1 messages out of a stream of text (RFC 9112), and writing their heads. */
import { utf8Length } from '../wire/utf8.ts';

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

export interface HttpHead {
  /** `GET / HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  readonly headers: readonly HttpHeader[];
}

/** A head may have so many characters; more is refused as servers do (431, 400). */
export const MAX_HEAD_CHARACTERS = 16_384;

/** The head at the start of `text` and what follows it, `'incomplete'`, or `'malformed'`. */
export function readHead(text: string): { readonly head: HttpHead; readonly rest: string } | 'incomplete' | 'malformed' {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return text.length > MAX_HEAD_CHARACTERS ? 'malformed' : 'incomplete';
  const headers: HttpHeader[] = [];
  let lineEnd = text.indexOf('\r\n');
  const startLine = text.slice(0, lineEnd);
  while (lineEnd < end) {
    const from = lineEnd + 2;
    lineEnd = text.indexOf('\r\n', from);
    const colon = text.indexOf(':', from);
    if (colon <= from || colon > lineEnd) return 'malformed';
    headers.push({ name: text.slice(from, colon), value: text.slice(colon + 1, lineEnd).trim() });
  }
  return { head: { startLine, headers }, rest: text.slice(end + 4) };
}

export function headerValue(headers: readonly HttpHeader[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const header of headers) {
    if (header.name.length === name.length && (header.name === name || header.name.toLowerCase() === wanted)) return header.value;
  }
  return undefined;
}

export function formatHead(startLine: string, headers: readonly HttpHeader[]): string {
  let text = `${startLine}\r\n`;
  for (const header of headers) text += `${header.name}: ${header.value}\r\n`;
  return `${text}\r\n`;
}

const MAX_METHOD_CHARACTERS = 32;
const MAX_TARGET_CHARACTERS = 8000;

export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly version: string;
}

export function parseRequestLine(line: string): RequestLine | undefined {
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  if (first < 1 || first > MAX_METHOD_CHARACTERS || last - first < 2 || last - first > MAX_TARGET_CHARACTERS) return undefined;
  const method = line.slice(0, first);
  const target = line.slice(first + 1, last);
  const version = line.slice(last + 1);
  if ((method !== 'GET' && !/^[A-Za-z-]+$/.test(method)) || (target !== '/' && /\s/.test(target))) return undefined;
  return version === 'HTTP/1.1' || version === 'HTTP/1.0' ? { method, target, version } : undefined;
}

export interface StatusLine {
  readonly version: string;
  readonly code: number;
  readonly reason: string;
}

export function parseStatusLine(line: string): StatusLine | undefined {
  const match = /^(HTTP\/(?:1\.[01]|2)) (\d{3})(?: (.*))?$/.exec(line);
  return match === null ? undefined : { version: match[1] as string, code: Number(match[2]), reason: match[3] ?? '' };
}

/** How a response's body ends (RFC 9112 section 6.3). */
export function bodyLength(headers: readonly HttpHeader[], code: number, method: string): number | 'chunked' | 'until-close' {
  // What follows is another protocol's.
  if (code === 101) return 'until-close';
  if (method === 'HEAD' || code === 204 || code === 304 || code < 200) return 0;
  if (/\bchunked\b/i.test(headerValue(headers, 'Transfer-Encoding') ?? '')) return 'chunked';
  const length = headerValue(headers, 'Content-Length');
  return length !== undefined && /^\d{1,12}$/.test(length) ? Number(length) : 'until-close';
}

/** A body in chunks, put together; undefined while chunks are missing. RFC 9112 section 7.1. */
export function unchunked(text: string): string | undefined {
  let body = '';
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const size = end < 0 ? Number.NaN : Number.parseInt(text.slice(at, end), 16);
    if (Number.isNaN(size)) return undefined;
    if (size === 0) return body;
    if (text.length < end + 4 + size) return undefined;
    body += text.slice(end + 2, end + 2 + size);
    at = end + 4 + size;
  }
  return undefined;
}

export const textPayload = (text: string): { readonly bytes: number; readonly text: string } => ({ bytes: utf8Length(text), text });

export const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
