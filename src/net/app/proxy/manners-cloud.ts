/** The ways of three clouds' load balancers with messages: AWS' Application Load Balancer, Google's external Application Load Balancer, Azure's Application Gateway. Each from its own documentation of headers and error codes. */
import { formatIp } from '../../addr/ip.ts';
import { formatHttpDate } from '../../wire/calendar.ts';
import { utf8Length } from '../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';
import type { Asked } from './manners.ts';

export type CloudFlavour = 'alb' | 'gce' | 'appgw';

const SERVERS: Readonly<Record<CloudFlavour, string | undefined>> = { alb: 'awselb/2.0', gce: undefined, appgw: 'Microsoft-Azure-Application-Gateway/v2' };
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  301: 'Moved Permanently',
  403: 'Forbidden',
  404: 'Not Found',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
};
export const cloudReason = (code: number): string | undefined => REASONS[code];

export const isCloudFlavour = (flavour: string): flavour is CloudFlavour => flavour === 'alb' || flavour === 'gce' || flavour === 'appgw';

/** Google and Azure have one code for backends that are not there. */
export const cloudCode = (flavour: CloudFlavour, code: number): number => (flavour !== 'alb' && code === 503 ? 502 : code);

function pageOf(flavour: CloudFlavour, code: number): { readonly type: string; readonly body: string } {
  if (flavour === 'gce') {
    if (code === 404) return { type: 'text/plain; charset=utf-8', body: 'response 404 (backend NotFound), service rules for the path non-existent \n' };
    const title = `${code} Server Error`;
    return {
      type: 'text/html; charset=UTF-8',
      body: `\n<html><head>\n<title>${title}</title>\n</head>\n<body>\n<h1>Error: Server Error</h1>\n</body></html>\n`,
    };
  }
  // The default rule of a listener answers with nothing.
  if (flavour === 'alb' && code === 404) return { type: 'text/plain; charset=utf-8', body: '' };
  const what = `${code} ${REASONS[code] ?? ''}`.trim();
  const foot = flavour === 'appgw' ? `<hr><center>${SERVERS.appgw}</center>\r\n` : '';
  return {
    type: 'text/html',
    body: `<html>\r\n<head><title>${what}</title></head>\r\n<body>\r\n<center><h1>${what}</h1></center>\r\n${foot}</body>\r\n</html>\r\n`,
  };
}

export function cloudAnswer(flavour: CloudFlavour, code: number, nowMs: number, extra: readonly HttpHeader[]) {
  const { type, body } = pageOf(flavour, code);
  const server = SERVERS[flavour];
  const headers: readonly HttpHeader[] = [
    ...(server === undefined ? [] : [{ name: 'Server', value: server }]),
    { name: 'Date', value: formatHttpDate(nowMs) },
    { name: 'Content-Type', value: type },
    { name: 'Content-Length', value: String(utf8Length(body)) },
    { name: 'Connection', value: 'keep-alive' },
    ...(flavour === 'gce' ? [{ name: 'Via', value: '1.1 google' }] : []),
    ...extra,
  ];
  return { headers, body };
}

/** What a backend gets. `own`: the balancer's address, as Google notes it. */
export function cloudForwarded(
  flavour: CloudFlavour,
  asked: Asked,
  kept: readonly HttpHeader[],
  port: number,
  scheme: string,
  own: string,
  nowMs: number,
): readonly HttpHeader[] {
  const ip = formatIp(asked.client.ip);
  const host = headerValue(asked.headers, 'Host') ?? '';
  const before = headerValue(asked.headers, 'X-Forwarded-For');
  const join = (value: string): string => (before === undefined ? value : `${before}${flavour === 'alb' || flavour === 'appgw' ? ', ' : ','}${value}`);
  const noted: Readonly<Record<CloudFlavour, readonly HttpHeader[]>> = {
    alb: [
      { name: 'X-Forwarded-For', value: join(ip) },
      { name: 'X-Forwarded-Proto', value: scheme },
      { name: 'X-Forwarded-Port', value: String(port) },
      { name: 'X-Amzn-Trace-Id', value: `Root=1-${Math.floor(nowMs / 1000).toString(16)}-${asked.requestId.slice(0, 24)}` },
    ],
    gce: [
      { name: 'X-Cloud-Trace-Context', value: `${asked.requestId}/${Number.parseInt(asked.requestId.slice(0, 12), 16)}` },
      { name: 'Via', value: '1.1 google' },
      { name: 'X-Forwarded-For', value: join(`${ip},${own}`) },
      { name: 'X-Forwarded-Proto', value: scheme },
    ],
    appgw: [
      { name: 'X-Forwarded-Proto', value: scheme },
      { name: 'X-Forwarded-Port', value: String(port) },
      { name: 'X-Forwarded-For', value: join(`${ip}:${asked.client.port}`) },
      { name: 'X-Original-URL', value: asked.target },
      { name: 'X-AppGW-Trace-Id', value: asked.requestId },
      { name: 'X-Original-Host', value: host },
    ],
  };
  const names = new Set(['host', ...noted[flavour].map(({ name }) => name.toLowerCase())]);
  return [{ name: 'Host', value: host }, ...noted[flavour], ...kept.filter(({ name }) => !names.has(name.toLowerCase()))];
}

export function cloudReturned(flavour: CloudFlavour, kept: readonly HttpHeader[], bodyBytes: number, nowMs: number, close: boolean): readonly HttpHeader[] {
  const dated = headerValue(kept, 'Date') === undefined ? [{ name: 'Date', value: formatHttpDate(nowMs) }] : [];
  return [
    ...dated,
    ...kept,
    { name: 'Content-Length', value: String(bodyBytes) },
    { name: 'Connection', value: close ? 'close' : 'keep-alive' },
    ...(flavour === 'gce' ? [{ name: 'Via', value: '1.1 google' }] : []),
  ];
}
