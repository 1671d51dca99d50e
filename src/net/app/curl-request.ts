/** What curl sends, and where a redirect leads. */
import { bytesToBase64 } from '../wire/binary-text.ts';
import { encodeUtf8, utf8Length } from '../wire/utf8.ts';
import type { CurlConfig, CurlUrl } from './curl-args.ts';

const standardPort = ({ scheme }: CurlUrl): number => (scheme === 'https' ? 443 : 80);

/** The whole head of a request. */
export function requestHead(config: CurlConfig, url: CurlUrl, method: string): string {
  const name = url.host.includes(':') ? `[${url.host}]` : url.host;
  const host = url.port === standardPort(url) ? name : `${name}:${url.port}`;
  const isPlain =
    config.headers.length === 0 && config.data === undefined && config.user === undefined && config.cookie === undefined && config.referer === undefined;
  const lines = isPlain ? plainHeaders(config, host) : requestHeaders(config, host);
  return `${method} ${url.target} HTTP/1.1\r\n${lines}\r\n`;
}

const plainHeaders = (config: CurlConfig, host: string): string => `Host: ${host}\r\nUser-Agent: ${config.userAgent}\r\nAccept: */*\r\n`;

/** Curl's own headers, replaced or removed (`-H 'Accept:'`) by those that were given. */
function requestHeaders(config: CurlConfig, host: string): string {
  const own: [string, string][] = [
    ['Host', host],
    ...(config.user === undefined ? [] : [['Authorization', `Basic ${bytesToBase64(encodeUtf8(config.user))}`] as [string, string]]),
    ['User-Agent', config.userAgent],
    ['Accept', '*/*'],
    ...(config.referer === undefined ? [] : [['Referer', config.referer] as [string, string]]),
    ...(config.cookie === undefined ? [] : [['Cookie', config.cookie] as [string, string]]),
  ];
  if (config.data !== undefined) own.push(['Content-Length', String(utf8Length(config.data))], ['Content-Type', 'application/x-www-form-urlencoded']);
  const given = config.headers.map((line) => ({ line, name: (line.split(/[:;]/)[0] ?? '').toLowerCase() }));
  const lines = own.flatMap(([name, value]) => {
    const replacement = given.find((one) => one.name === name.toLowerCase());
    if (replacement === undefined) return [`${name}: ${value}`];
    return name === 'Host' && !/^[^:]+:\s*$/.test(replacement.line) ? [replacement.line] : [];
  });
  for (const one of given) if (one.name !== 'host' && !/^[^:;]+:\s*$/.test(one.line)) lines.push(one.line.replace(/;$/, ':'));
  return lines.map((line) => `${line}\r\n`).join('');
}

export function absoluteUrl(base: CurlUrl, location: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return location;
  if (location.startsWith('//')) return `${base.scheme}:${location}`;
  const host = base.port === standardPort(base) ? base.host : `${base.host}:${base.port}`;
  return location.startsWith('/') ? `${base.scheme}://${host}${location}` : `${base.scheme}://${host}${base.target.replace(/[^/]*$/, '')}${location}`;
}
