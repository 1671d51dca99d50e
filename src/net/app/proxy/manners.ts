/** What sets one proxy's messages apart from another's: the headers it adds, its error pages, its access log. nginx: ngx_http_special_response.c; Envoy: source/common/http. */
import { formatIp } from '../../addr/ip.ts';
import { formatHttpDate, formatLogDate } from '../../wire/calendar.ts';
import { utf8Length } from '../../wire/utf8.ts';
import type { Endpoint } from '../definition.ts';
import { type HttpHeader, headerValue, REASONS } from '../http-message.ts';
import type { HttpProxyConfig } from './config.ts';
import { isoTime } from './iso-time.ts';
import { cloudAnswer, cloudForwarded, cloudReason, cloudReturned, isCloudFlavour } from './manners-cloud.ts';
import { traefikAnswer, traefikForwarded, traefikLog, traefikReason, traefikReturned } from './manners-traefik.ts';

export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly HttpHeader[];
  readonly client: Endpoint;
  readonly requestId: string;
  readonly bytes: number;
  /** Of its body. */
  readonly bodyBytes?: number;
  /** What the client asked for in TLS. */
  readonly serverName?: string;
  readonly sinceNs?: number;
  /** A fault has kept it waiting already. */
  readonly flags?: string;
  /** Who has shown a password. */
  readonly user?: string;
}

/** One try at a backend, for the log. */
export interface Tried {
  readonly address: string;
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  /** Our end of the connection. */
  readonly local?: string;
}

const NGINX_REASONS: Readonly<Record<number, string>> = {
  302: 'Moved Temporarily',
  401: 'Unauthorized',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  308: 'Permanent Redirect',
  429: 'Too Many Requests',
};
const ENVOY_REASONS: Readonly<Record<number, string>> = {
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  303: 'See Other',
  401: 'Unauthorized',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
};

export function reasonOf(flavour: HttpProxyConfig['flavour'], code: number): string {
  if (isCloudFlavour(flavour)) return cloudReason(code) ?? REASONS[code] ?? '';
  if (flavour === 'traefik') return traefikReason(code) ?? REASONS[code] ?? '';
  return (flavour === 'nginx' ? NGINX_REASONS : ENVOY_REASONS)[code] ?? REASONS[code] ?? '';
}

/** The proxy's own answer. `said`: Envoy's one line of text. */
export function ownAnswer(
  flavour: HttpProxyConfig['flavour'],
  code: number,
  nowMs: number,
  extra: readonly HttpHeader[],
  said: string,
  server = 'envoy',
): { readonly headers: readonly HttpHeader[]; readonly body: string } {
  if (isCloudFlavour(flavour)) return cloudAnswer(flavour, code, nowMs, extra);
  if (flavour === 'traefik') return traefikAnswer(code, nowMs, extra, said, reasonOf(flavour, code));
  const date = formatHttpDate(nowMs);
  if (flavour === 'envoy') {
    const typed = extra.some(({ name }) => name === 'content-type');
    const headers =
      said === '' ? [] : [{ name: 'content-length', value: String(utf8Length(said)) }, ...(typed ? [] : [{ name: 'content-type', value: 'text/plain' }])];
    return {
      headers: [
        ...extra,
        ...headers,
        { name: 'date', value: date },
        { name: 'server', value: server },
        ...(said === '' ? [{ name: 'content-length', value: '0' }] : []),
      ],
      body: said,
    };
  }
  const reason = code === 401 ? '401 Authorization Required' : `${code} ${reasonOf(flavour, code)}`;
  // What TLS lacks is told in a line of its own (ngx_http_error_495_page and its sisters).
  const line = said === '' ? '' : `<center>${said}</center>\r\n`;
  const body =
    code === 200 || code === 204
      ? said
      : `<html>\r\n<head><title>${said === '' ? reason : `${code} ${said}`}</title></head>\r\n<body>\r\n<center><h1>${reason}</h1></center>\r\n${line}<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
  const length =
    code === 204
      ? []
      : [
          { name: 'Content-Type', value: 'text/html' },
          { name: 'Content-Length', value: String(utf8Length(body)) },
        ];
  return { headers: [{ name: 'Date', value: date }, ...length, { name: 'Connection', value: 'keep-alive' }, ...extra], body };
}

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const withoutHops = (headers: readonly HttpHeader[]): HttpHeader[] => headers.filter((header) => !hopByHop.has(header.name.toLowerCase()));

/** The head that a backend gets. ingress-nginx: rootfs/etc/nginx/template/nginx.tmpl; Envoy: conn_manager_utility.cc. */
export function forwardedHeaders(
  flavour: HttpProxyConfig['flavour'],
  asked: Asked,
  port: number,
  scheme: string,
  isSidecar = false,
  server = '',
  trusted = false,
  nowMs = 0,
): readonly HttpHeader[] {
  if (isCloudFlavour(flavour)) return cloudForwarded(flavour, asked, withoutHops(asked.headers), port, scheme, server, nowMs);
  if (flavour === 'traefik') return traefikForwarded(asked, withoutHops(asked.headers), scheme, server, trusted);
  const ip = formatIp(asked.client.ip);
  const host = headerValue(asked.headers, 'Host') ?? '';
  if (flavour === 'envoy') {
    const before = headerValue(asked.headers, 'X-Forwarded-For');
    // use_remote_address is off beside a pod: the client is the pod itself, or another mesh's proxy.
    const client = isSidecar
      ? []
      : [
          { name: 'x-forwarded-for', value: before === undefined ? ip : `${before},${ip}` },
          { name: 'x-envoy-external-address', value: ip },
        ];
    const own = new Set(['host', 'x-forwarded-proto', 'x-request-id', ...client.map(({ name }) => name)]);
    const kept = withoutHops(asked.headers).filter((header) => !own.has(header.name.toLowerCase()));
    return [
      { name: 'host', value: host },
      ...kept.map((header) => ({ name: header.name.toLowerCase(), value: header.value })),
      ...client.slice(0, 1),
      { name: 'x-forwarded-proto', value: scheme },
      ...client.slice(1),
      { name: 'x-request-id', value: headerValue(asked.headers, 'X-Request-ID') ?? asked.requestId },
    ];
  }
  const set: HttpHeader[] = [
    { name: 'Host', value: host },
    { name: 'X-Request-ID', value: headerValue(asked.headers, 'X-Request-ID') ?? asked.requestId },
    { name: 'X-Real-IP', value: ip },
    { name: 'X-Forwarded-For', value: ip },
    { name: 'X-Forwarded-Host', value: host },
    { name: 'X-Forwarded-Port', value: String(port) },
    { name: 'X-Forwarded-Proto', value: scheme },
    { name: 'X-Forwarded-Scheme', value: scheme },
    { name: 'X-Scheme', value: scheme },
  ];
  const before = headerValue(asked.headers, 'X-Forwarded-For');
  if (before !== undefined) set.push({ name: 'X-Original-Forwarded-For', value: before });
  const names = new Set(set.map(({ name }) => name.toLowerCase()));
  return [...set, ...withoutHops(asked.headers).filter((header) => !names.has(header.name.toLowerCase()))];
}

/** A backend's headers as the client gets them. */
export function returnedHeaders(
  flavour: HttpProxyConfig['flavour'],
  headers: readonly HttpHeader[],
  bodyBytes: number,
  nowMs: number,
  close: boolean,
  milliseconds: number,
  server = 'envoy',
): readonly HttpHeader[] {
  const kept = withoutHops(headers).filter((header) => header.name.toLowerCase() !== 'content-length');
  if (isCloudFlavour(flavour)) return cloudReturned(flavour, kept, bodyBytes, nowMs, close);
  if (flavour === 'traefik') return traefikReturned(kept, bodyBytes, nowMs, close);
  if (flavour === 'envoy') {
    const lower = kept
      .map((header) => ({ name: header.name.toLowerCase(), value: header.value }))
      .filter(({ name }) => name !== 'server' && name !== 'x-envoy-upstream-service-time');
    const dated = lower.some((header) => header.name === 'date') ? [] : [{ name: 'date', value: formatHttpDate(nowMs) }];
    const tail = [
      { name: 'content-length', value: String(bodyBytes) },
      { name: 'x-envoy-upstream-service-time', value: String(milliseconds) },
      { name: 'server', value: server },
    ];
    return [...lower, ...dated, ...tail, ...(close ? [{ name: 'connection', value: 'close' }] : [])];
  }
  const type = kept.find((header) => header.name.toLowerCase() === 'content-type');
  const others = kept.filter((header) => header !== type && !['server', 'date'].includes(header.name.toLowerCase()));
  return [
    { name: 'Date', value: formatHttpDate(nowMs) },
    ...(type === undefined ? [] : [{ name: 'Content-Type', value: type.value }]),
    { name: 'Content-Length', value: String(bodyBytes) },
    { name: 'Connection', value: close ? 'close' : 'keep-alive' },
    ...others,
  ];
}

const seconds = (value: number): string => value.toFixed(3);

/** ingress-nginx: docs/user-guide/nginx-configuration/log-format.md; Envoy Gateway writes JSON. */
export function accessLog(
  flavour: HttpProxyConfig['flavour'],
  asked: Asked,
  answer: { readonly status: number; readonly bytes: number; readonly seconds: number; readonly nowMs: number },
  upstream: {
    readonly name: string;
    readonly alternative: string;
    readonly tries: readonly Tried[];
    readonly why: string;
    readonly route: string;
    readonly details?: string;
    readonly transportFailure?: string;
    readonly scheme?: 'https';
  },
  count = 0,
): string {
  if (flavour === 'traefik') {
    const address = upstream.tries.at(-1)?.address;
    return traefikLog(asked, { ...answer, router: upstream.route, url: address === undefined ? '' : `${upstream.scheme ?? 'http'}://${address}`, count });
  }
  const ip = formatIp(asked.client.ip);
  const agent = headerValue(asked.headers, 'User-Agent');
  const { tries } = upstream;
  if (flavour === 'envoy') {
    const last = tries.at(-1);
    const value = {
      start_time: isoTime(answer.nowMs - Math.round(answer.seconds * 1000)),
      method: asked.method,
      'x-envoy-origin-path': asked.target,
      protocol: asked.version,
      response_code: answer.status,
      response_flags: upstream.why === '' ? '-' : upstream.why,
      bytes_received: asked.bytes,
      bytes_sent: answer.bytes,
      duration: Math.round(answer.seconds * 1000),
      'x-forwarded-for': ip,
      'user-agent': agent ?? null,
      'x-request-id': asked.requestId,
      ':authority': headerValue(asked.headers, 'Host') ?? '',
      upstream_host: last?.address ?? null,
      upstream_cluster: upstream.name === '' ? null : upstream.name,
      downstream_remote_address: `${ip}:${asked.client.port}`,
      route_name: upstream.route === '' ? null : upstream.route,
    };
    return `${JSON.stringify(value)}\n`;
  }
  const each = (pick: (one: Tried) => string) => (tries.length === 0 ? '-' : tries.map(pick).join(', '));
  // A request line that could not be read has no parts.
  const line = asked.version === '' ? asked.method : `${asked.method} ${asked.target} ${asked.version}`;
  return (
    `${ip} - ${asked.user ?? '-'} [${formatLogDate(answer.nowMs)}] "${line}" ${answer.status} ${answer.bytes} ` +
    `"${headerValue(asked.headers, 'Referer') ?? '-'}" "${agent ?? '-'}" ${asked.bytes} ${seconds(answer.seconds)} [${upstream.name}] [${upstream.alternative}] ` +
    `${each((one) => one.address)} ${each((one) => String(one.bytes))} ${each((one) => seconds(one.seconds))} ${each((one) => String(one.status))} ${asked.requestId}\n`
  );
}
