/** What the simulated web servers say: bodies, headers and log lines of each family. The pages name the host that answered. */
import { formatIp } from '../addr/ip.ts';
import { calendarTime, formatClock, formatDay, formatHttpDate, formatLogDate } from '../wire/calendar.ts';
import { utf8Length } from '../wire/utf8.ts';
import type { Endpoint } from './definition.ts';
import { type HttpHeader, headerValue, REASONS, type RequestLine } from './http-message.ts';
import type { HttpServerConfig } from './server-config.ts';

export interface HttpRequest extends RequestLine {
  readonly headers: readonly HttpHeader[];
  readonly body: string;
  readonly client: Endpoint;
  /** The address the request came to. */
  readonly server: Endpoint;
}

export interface HttpResponse {
  readonly version: string;
  readonly code: number;
  readonly reason: string;
  readonly headers: readonly HttpHeader[];
  readonly body: string;
  /** The server closes behind it. */
  readonly close: boolean;
}

export interface Served {
  readonly response: HttpResponse;
  /** Access log lines as `kubectl logs` shows them. */
  readonly log: { readonly stream: 'stdout' | 'stderr'; readonly text: string };
  /** It is sent so much later. */
  readonly delayNs?: number;
}

export interface ServerFacts {
  /** How often a request of this name has come, with this time. */
  readonly attempt: (name: string) => number;
  readonly config: HttpServerConfig;
  readonly hostname: string;
  /** Of the pod that it runs in; '' elsewhere. */
  readonly namespace: string;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Milliseconds of Unix time at which the server started. */
  readonly startedMs: number;
}

export function serve(request: HttpRequest, facts: ServerFacts): Served {
  switch (facts.config.server) {
    case 'nginx':
      return serveFile(request, facts, nginxError, (body) => [
        { name: 'Server', value: `nginx/${facts.config.version ?? '1.29.3'}` },
        { name: 'Date', value: formatHttpDate(facts.nowMs) },
        { name: 'Content-Type', value: 'text/html' },
        { name: 'Content-Length', value: String(utf8Length(body)) },
      ]);
    case 'httpd':
      return serveFile(request, facts, httpdError, (body) => [
        { name: 'Date', value: formatHttpDate(facts.nowMs) },
        { name: 'Server', value: `Apache/${facts.config.version ?? '2.4.65'} (Unix)` },
        { name: 'Content-Length', value: String(utf8Length(body)) },
        { name: 'Content-Type', value: 'text/html' },
      ]);
    case 'whoami':
      return servePlain(request, facts, whoamiBody(request, facts), [], '');
    case 'echo':
      return servePlain(
        request,
        facts,
        `${facts.config.text ?? 'hello-world'}\n`,
        [
          { name: 'X-App-Name', value: 'http-echo' },
          { name: 'X-App-Version', value: facts.config.version ?? '1.0.0' },
        ],
        echoLog(request, facts),
        facts.config.status,
      );
    case 'agnhost':
      return servePlain(request, facts, agnhostBody(request, facts), [], agnhostLog(request, facts), agnhostCode(request));
    case 'python':
      return servePython(request, facts);
    case 'echo-basic':
      return serveEchoBasic(request, facts);
    case 'pages':
      return servePage(request, facts);
    case 'generic':
      return servePlain(request, facts, `${facts.hostname}\n`, [], '');
  }
}

const pathOf = (target: string): string => target.replace(/[?#].*$/, '');

function keepAlive(request: HttpRequest): boolean {
  const connection = headerValue(request.headers, 'Connection')?.toLowerCase();
  return request.version === 'HTTP/1.1' ? connection !== 'close' : connection === 'keep-alive';
}

/** nginx and Apache: one page, everything else is not there. */
function serveFile(
  request: HttpRequest,
  facts: ServerFacts,
  errorPage: (code: number, request: HttpRequest, facts: ServerFacts) => string,
  head: (body: string) => HttpHeader[],
): Served {
  const path = pathOf(request.target);
  const found = path === '/' || path === '/index.html';
  const code = !found ? 404 : request.method === 'GET' || request.method === 'HEAD' ? 200 : 405;
  const body = code === 200 ? `Hello from ${facts.hostname}\n` : errorPage(code, request, facts);
  const bodyBytes = utf8Length(body);
  const close = !keepAlive(request);
  const headers = [
    ...head(body),
    ...(facts.config.server === 'nginx'
      ? [{ name: 'Connection', value: close ? 'close' : 'keep-alive' }]
      : close
        ? [{ name: 'Connection', value: 'close' }]
        : []),
  ];
  if (code === 200 && facts.config.server === 'nginx') {
    headers.splice(4, 0, { name: 'Last-Modified', value: formatHttpDate(facts.startedMs) });
    headers.push(
      { name: 'ETag', value: `"${Math.floor(facts.startedMs / 1000).toString(16)}-${bodyBytes.toString(16)}"` },
      { name: 'Accept-Ranges', value: 'bytes' },
    );
  }
  const response = { version: 'HTTP/1.1', code, reason: reasonOf(code, facts), headers, body: request.method === 'HEAD' ? '' : body, close };
  const sent = request.method === 'HEAD' ? 0 : bodyBytes;
  const line = `${formatIp(request.client.ip)} - - [${formatLogDate(facts.nowMs)}] "${request.method} ${request.target} ${request.version}" ${code} ${sent}`;
  if (facts.config.server === 'httpd') return { response, log: { stream: 'stdout', text: `${line}\n` } };
  const agent = headerValue(request.headers, 'User-Agent') ?? '-';
  const referer = headerValue(request.headers, 'Referer') ?? '-';
  return { response, log: { stream: 'stdout', text: `${line} "${referer}" "${agent}" "${headerValue(request.headers, 'X-Forwarded-For') ?? '-'}"\n` } };
}

const reasonOf = (code: number, facts: ServerFacts): string => (code === 405 && facts.config.server === 'nginx' ? 'Not Allowed' : (REASONS[code] ?? ''));

function nginxError(code: number, _request: HttpRequest, facts: ServerFacts): string {
  return nginxErrorPage(`${code} ${reasonOf(code, facts)}`, facts.config);
}

export function nginxErrorPage(title: string, config: HttpServerConfig): string {
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx/${config.version ?? '1.29.3'}</center>\r\n</body>\r\n</html>\r\n`;
}

function httpdError(code: number, request: HttpRequest): string {
  const title = `${code} ${REASONS[code] ?? ''}`;
  const sentence =
    code === 404 ? 'The requested URL was not found on this server.' : `The requested method ${escapeHtml(request.method)} is not allowed for this URL.`;
  return `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>${title}</title>\n</head><body>\n<h1>${REASONS[code] ?? ''}</h1>\n<p>${sentence}</p>\n</body></html>\n`;
}

const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Go's net/http and what is built on it. */
function servePlain(request: HttpRequest, facts: ServerFacts, body: string, extra: readonly HttpHeader[], log: string, code = 200): Served {
  const close = !keepAlive(request);
  const headers: HttpHeader[] = [
    ...extra,
    { name: 'Date', value: formatHttpDate(facts.nowMs) },
    { name: 'Content-Length', value: String(utf8Length(body)) },
    { name: 'Content-Type', value: 'text/plain; charset=utf-8' },
    ...(close ? [{ name: 'Connection', value: 'close' }] : []),
  ];
  return {
    response: { version: 'HTTP/1.1', code, reason: REASONS[code] ?? '', headers, body: request.method === 'HEAD' ? '' : body, close },
    log: { stream: 'stdout', text: log },
  };
}

const NOT_FOUND = { code: 404, headers: [{ name: 'X-Content-Type-Options', value: 'nosniff' }], body: '404 page not found\n' };

/** Go: time.Time.String with its monotonic reading, to the millisecond here. */
function goTime(facts: ServerFacts): string {
  const now = calendarTime(facts.nowMs);
  const fraction = `${String(now.millisecond).padStart(3, '0')}000000`;
  return `${formatDay(now)} ${formatClock(now)}.${fraction} +0000 UTC m=+${((facts.nowMs - facts.startedMs) / 1000).toFixed(9)}`;
}

/** Go sorts the headers of an answer by name. */
function servePage(request: HttpRequest, facts: ServerFacts): Served {
  const path = pathOf(request.target);
  const page = facts.config.pages?.find((one) => one.path === '*' || one.path === path) ?? NOT_FOUND;
  const served = servePlain(request, facts, page.body.replaceAll('$NOW', goTime(facts)), page.headers, '');
  const given = new Set(page.headers.map((header) => header.name));
  const headers = served.response.headers.filter((header, i) => i < page.headers.length || !given.has(header.name));
  const sorted = headers.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...served, response: { ...served.response, code: page.code, reason: REASONS[page.code] ?? '', headers: sorted } };
}

function whoamiBody(request: HttpRequest, facts: ServerFacts): string {
  const lines = [
    `Hostname: ${facts.hostname}`,
    'IP: 127.0.0.1',
    `IP: ${formatIp(request.server.ip)}`,
    `RemoteAddr: ${formatIp(request.client.ip)}:${request.client.port}`,
    `${request.method} ${request.target} ${request.version}`,
    `Host: ${headerValue(request.headers, 'Host') ?? ''}`,
    ...request.headers
      .filter((header) => header.name.toLowerCase() !== 'host')
      .map((header) => `${header.name}: ${header.value}`)
      .sort(),
  ];
  return `${lines.join('\n')}\n\n`;
}

/** `/echo?msg=…&code=503`. Kubernetes: test/images/agnhost/netexec/netexec.go, echoHandler. */
function agnhostCode({ target }: HttpRequest): number {
  const code = /^\/echo\?(?:.*&)?code=(\d{3})(?:&|$)/i.exec(target)?.[1];
  return code === undefined ? 200 : Number(code);
}

function agnhostBody(request: HttpRequest, facts: ServerFacts): string {
  const path = pathOf(request.target);
  const query = new Map(
    request.target
      .slice(path.length + 1)
      .split('&')
      .map((pair) => {
        const [key, ...value] = pair.split('=');
        return [key ?? '', decodeQuery(value.join('='))];
      }),
  );
  switch (path.toLowerCase()) {
    case '/hostname':
      return facts.hostname;
    case '/clientip':
      return `${formatIp(request.client.ip)}:${request.client.port}`;
    case '/echo':
      return query.get('msg') ?? '';
    case '/healthz':
      return '';
    default: {
      const now = calendarTime(facts.nowMs);
      return `NOW: ${formatDay(now)} ${formatClock(now)}.${String(now.millisecond).padStart(3, '0')}000000 +0000 UTC`;
    }
  }
}

function decodeQuery(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  // A broken escape stays as it is.
  return /%(?![0-9A-Fa-f]{2})/.test(spaced)
    ? spaced
    : spaced.replace(/%([0-7][0-9A-Fa-f])/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function echoLog(request: HttpRequest, facts: ServerFacts): string {
  const now = calendarTime(facts.nowMs);
  const body = utf8Length(`${facts.config.text ?? 'hello-world'}\n`);
  return `${formatDay(now).replaceAll('-', '/')} ${formatClock(now)} ${headerValue(request.headers, 'Host') ?? ''} ${formatIp(request.client.ip)}:${request.client.port} "${request.method} ${request.target} ${request.version}" ${facts.config.status ?? 200} ${body} "${headerValue(request.headers, 'User-Agent') ?? ''}" 0s\n`;
}

function agnhostLog(request: HttpRequest, facts: ServerFacts): string {
  const now = calendarTime(facts.nowMs);
  const stamp = `${String(now.month).padStart(2, '0')}${String(now.day).padStart(2, '0')} ${formatClock(now)}.${String(now.millisecond).padStart(3, '0')}000`;
  return `I${stamp}       1 log.go:245] ${request.method} ${pathOf(request.target)}\n`;
}

/** python -m http.server: HTTP/1.0, one request a connection, head and body written separately. */
function servePython(request: HttpRequest, facts: ServerFacts): Served {
  const path = pathOf(request.target);
  const code = request.method !== 'GET' && request.method !== 'HEAD' ? 501 : path === '/' || path === '/index.html' ? 200 : 404;
  const reason = code === 200 ? 'OK' : code === 404 ? 'File not found' : `Unsupported method ('${request.method}')`;
  const body = code === 200 ? `Hello from ${facts.hostname}\n` : pythonError(code, reason);
  const headers: HttpHeader[] = [
    { name: 'Server', value: `SimpleHTTP/0.6 Python/${facts.config.version ?? '3.13.1'}` },
    { name: 'Date', value: formatHttpDate(facts.nowMs) },
    ...(code === 200 ? [] : [{ name: 'Connection', value: 'close' }]),
    { name: code === 200 ? 'Content-type' : 'Content-Type', value: code === 200 ? 'text/html' : 'text/html;charset=utf-8' },
    { name: 'Content-Length', value: String(utf8Length(body)) },
  ];
  const line = `${formatIp(request.client.ip)} - - [${formatLogDate(facts.nowMs).replace(/^(\d\d)\/(\w{3})\/(\d{4}):([\d:]+) .*$/, '$1/$2/$3 $4')}]`;
  const failed = code === 200 ? '' : `${line} code ${code}, message ${reason}\n`;
  return {
    response: { version: 'HTTP/1.0', code, reason, headers, body: request.method === 'HEAD' ? '' : body, close: true },
    log: { stream: 'stderr', text: `${failed}${line} "${request.method} ${request.target} ${request.version}" ${code} -\n` },
  };
}

function pythonError(code: number, message: string): string {
  const explanation = code === 404 ? 'Nothing matches the given URI.' : 'Server does not support this operation.';
  return (
    '<!DOCTYPE HTML>\n<html lang="en">\n    <head>\n        <meta charset="utf-8">\n        <title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n' +
    `        <p>Error code: ${code}</p>\n        <p>Message: ${escapeHtml(message)}.</p>\n        <p>Error code explanation: ${code} - ${explanation}</p>\n    </body>\n</html>\n`
  );
}

/** Go: net/textproto, CanonicalMIMEHeaderKey. */
const canonicalName = (name: string): string => name.toLowerCase().replace(/(^|-)[a-z]/g, (part) => part.toUpperCase());

const GO_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go: time.ParseDuration, of the forms that people write. */
function goDurationNs(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) total += Number(amount) * (GO_UNITS[unit ?? ''] ?? 0);
  return Math.floor(Math.min(total, 600e9));
}

/** sigs.k8s.io/gateway-api: conformance/echo-basic/echo-basic.go. */
function serveEchoBasic(request: HttpRequest, facts: ServerFacts): Served {
  const target = request.target.replaceAll(/\/\/+/g, '/');
  const path = pathOf(target);
  const status = /^\/status\/(\d{3})$/.exec(request.target)?.[1];
  if (path === '/health' || path.startsWith('/status/')) {
    const plain = servePlain(request, facts, path === '/health' ? 'OK' : '', [], '');
    const code = path === '/health' ? 200 : Number(status ?? 400);
    return { ...plain, response: { ...plain.response, code, reason: REASONS[code] ?? '' } };
  }
  const query = (name: string): string | undefined => new RegExp(`[?&]${name}=([^&]*)`).exec(target)?.[1];
  const [name, succeedAfter] = [query('uuid'), query('succeedAfter')];
  if (name !== undefined && succeedAfter !== undefined && facts.attempt(name) <= Number(succeedAfter)) {
    // Without a code to answer with it hangs up.
    const code = Number(query('responseCode') ?? 0);
    const failed = servePlain(request, facts, '', [], '');
    return { ...failed, response: { ...failed.response, code, reason: REASONS[code] ?? '' }, delayNs: goDurationNs(query('delayRetry') ?? '') };
  }
  const headers = new Map<string, string[]>();
  for (const { name, value } of request.headers) {
    const key = canonicalName(name);
    if (key !== 'Host') headers.set(key, [...(headers.get(key) ?? []), value]);
  }
  const body = JSON.stringify(
    {
      path: request.target,
      host: headerValue(request.headers, 'Host') ?? '',
      method: request.method,
      proto: request.version,
      headers: Object.fromEntries([...headers].sort(([a], [b]) => (a < b ? -1 : 1))),
      httpPort: String(facts.config.port),
      namespace: facts.namespace,
      ingress: '',
      service: '',
      pod: facts.hostname,
      sni: '',
    },
    undefined,
    1,
  );
  const set = (headers.get('X-Echo-Set-Header') ?? [])
    .flatMap((value) => value.split(','))
    .map((pair) => ({ name: pair.split(':')[0]?.trim() ?? '', value: pair.split(':').slice(1).join(':').trim() }));
  const said = [...set.filter(({ name }) => name !== ''), { name: 'X-Content-Type-Options', value: 'nosniff' }];
  const served = servePlain(
    request,
    facts,
    body,
    said,
    `Echoing back request made to ${request.target} to client (${formatIp(request.client.ip)}:${request.client.port})\n`,
  );
  const typed = served.response.headers.map((header) => (header.name === 'Content-Type' ? { ...header, value: 'application/json' } : header));
  const delay = query('delay');
  return { ...served, response: { ...served.response, headers: typed }, ...(delay === undefined ? {} : { delayNs: goDurationNs(delay) }) };
}
