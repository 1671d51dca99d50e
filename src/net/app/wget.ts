/** wget, GNU's (built with GnuTLS) and busybox', as far as `wget -qO- URL`, `--spider`, redirects, https and their messages go. */
import { formatIp } from '../addr/ip.ts';
import { calendarTime, DEFAULT_EPOCH_MS, formatClock, formatDay } from '../wire/calendar.ts';
import { utf8Length } from '../wire/utf8.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { type CurlUrl, parseUrl } from './curl-args.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type ProgramEnvironment, type Saving } from './definition.ts';
import { type Fetching, handleFetching, startFetching, stopFetching } from './http-fetch.ts';
import { headerValue, parseStatusLine } from './http-message.ts';
import { isBusybox } from './ping-args.ts';
import { tlsLayer } from './tls/layer.ts';
import type { TlsContext, TlsSessions } from './tls/sessions.ts';

export interface WgetConfig {
  readonly style: 'gnu' | 'busybox';
  readonly url: CurlUrl;
  readonly quiet: boolean;
  /** GNU's -nv: a line about what came, and errors. */
  readonly terse: boolean;
  readonly spider: boolean;
  /** Where the page goes: `-` is standard output. */
  readonly output: string;
  /** By -O; else by the URL. */
  readonly isNamed: boolean;
  readonly serverResponse: boolean;
  readonly timeoutSeconds: number;
  readonly tries: number;
  /** --no-check-certificate. */
  readonly insecure: boolean;
  /** --header, as they were written. */
  readonly headers: readonly string[];
  readonly agent: string | undefined;
  readonly post: string | undefined;
  /** PEM of those who may sign. */
  readonly ca: string;
  readonly epochMs: number;
}

interface State {
  /** Where it is now, and how often it was sent on. */
  readonly url: CurlUrl;
  readonly redirects: number;
  readonly tls: TlsSessions;
  readonly fetching: Fetching;
  readonly timer: number;
  readonly tried: number;
  readonly done: boolean;
}

const GNU_VERSION = '1.21.3';
const MAX_NUMBERED = 1000;
const MAX_REDIRECTS = 20;
const CA_FILE = '/etc/ssl/certs/ca-certificates.crt';

export const wget = defineApp<State, WgetConfig>({
  name: 'wget',
  start: (plain, config) => {
    const tls: TlsSessions = new Map();
    return attempt(handsFor(plain, config, config.url, tls), config, { url: config.url, redirects: 0, tls, tried: 0 });
  },
  copy: (state) => ({ ...state, tls: new Map(state.tls) }),
  handle: (plain, state, event, config) => {
    const context = handsFor(plain, config, state.url, state.tls);
    const opened = 'open' in context ? context.open(event) : [event];
    return opened.reduce((current, one) => step(context, config, current, one), state);
  },
});

/** Sealing hands, where the URL asks for them or a connection has them. */
function handsFor(plain: AppContext, config: WgetConfig, url: CurlUrl, sessions: TlsSessions): AppContext | TlsContext {
  return url.scheme === 'https' || sessions.size > 0 ? tlsLayer(plain, sessions, config.epochMs + Math.floor(plain.nowNs / 1e6)) : plain;
}

function step(context: AppContext | TlsContext, config: WgetConfig, state: State, event: AppEvent): State {
  if (state.done) return state;
  if (event.kind === 'signal') {
    stopFetching(context, state.fetching);
    context.exit(130);
    return { ...state, done: true };
  }
  if (event.kind === 'timer' && event.tag === 'timeout') return timedOut(context, config, state);
  if (event.kind === 'timer' && event.tag === 'retry') return attempt(context, config, state);
  const fetching = handleFetching(context, state.fetching, event);
  return fetching === state.fetching ? state : progress(context, config, { ...state, fetching }, state.fetching.phase);
}

function attempt(context: AppContext, config: WgetConfig, before: Pick<State, 'url' | 'redirects' | 'tls' | 'tried'>): State {
  const { url, tried } = before;
  say(
    context,
    config,
    config.style === 'gnu' ? `--${stamp(context, config)}--${tried > 0 ? `  (try:${String(tried + 1).padStart(2)})` : ''}  ${shownUrl(url)}\n` : '',
  );
  if (config.style === 'gnu' && !/^[\d.]+$/.test(url.host)) say(context, config, `Resolving ${url.host} (${url.host})... `);
  const hostHeader = url.port === (url.scheme === 'https' ? 443 : 80) ? url.host : `${url.host}:${url.port}`;
  const method = config.post !== undefined ? 'POST' : config.spider && config.style === 'gnu' ? 'HEAD' : 'GET';
  const agent = config.agent ?? (config.style === 'gnu' ? `Wget/${GNU_VERSION}` : 'Wget');
  const named = (name: string): boolean => config.headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const lines = [
    ...(named('host') ? [] : [`Host: ${hostHeader}`]),
    ...(named('user-agent') ? [] : [`User-Agent: ${agent}`]),
    ...(config.style === 'gnu' ? ['Accept: */*', 'Accept-Encoding: identity', 'Connection: Keep-Alive'] : ['Connection: close']),
    ...(config.post === undefined ? [] : ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${utf8Length(config.post)}`]),
    ...config.headers,
  ];
  const request = `${method} ${url.target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${config.post ?? ''}`;
  // Both look at the certificate when the handshake is over: GNU's then gives up, busybox' does not care.
  const tls = url.scheme !== 'https' ? undefined : { serverName: url.host, checkName: url.host, ca: config.ca, insecure: true as const, alpn: ['http/1.1'] };
  if (tls !== undefined && config.style === 'busybox') say(context, config, 'wget: note: TLS certificate validation not implemented\n');
  const fetching = startFetching(context, { host: url.host, port: url.port, method, request, tls });
  const timer = config.timeoutSeconds > 0 ? context.setTimer(config.timeoutSeconds * 1e9, 'timeout') : -1;
  return progress(context, config, { ...before, fetching, timer, tried: tried + 1, done: false }, 'resolving');
}

const shownUrl = ({ text, scheme }: CurlUrl): string => (/^[a-z]+:\/\//i.test(text) ? text : `${scheme}://${text}`).replace(/^(https?:\/\/[^/]+)$/i, '$1/');

const say = (context: AppContext, config: WgetConfig, text: string): void => {
  if (!config.quiet && !config.terse) context.err(text);
};

function stamp(context: AppContext, config: WgetConfig): string {
  const time = calendarTime(config.epochMs + Math.floor(context.nowNs / 1e6));
  return `${formatDay(time)} ${formatClock(time)}`;
}

/** Says what has happened since `before`. */
function progress(context: AppContext, config: WgetConfig, state: State, before: Fetching['phase']): State {
  const { fetching } = state;
  const { phase } = fetching;
  const address = formatIp(fetching.ip);
  if (before === 'resolving' && fetching.ip !== 0) {
    const { host, port } = state.url;
    const named = !/^[\d.]+$/.test(host);
    if (config.style === 'gnu')
      say(context, config, `${named ? `${address}\n` : ''}Connecting to ${named ? `${host} (${host})|${address}|` : address}:${port}... `);
    else say(context, config, `Connecting to ${host} (${address}:${port})\n`);
  }
  if (phase === 'failed') return failed(context, config, state);
  if (phase === 'requested' && before === 'connecting' && config.style === 'gnu') {
    say(context, config, 'connected.\n');
    const unproven = distrust(context, config, state);
    if (unproven !== undefined) return unproven;
    say(context, config, 'HTTP request sent, awaiting response... ');
  }
  return phase === 'complete' ? finished(context, config, state) : state;
}

/** What GnuTLS held against the certificate; the connection is given up unless it was told not to check. wget: src/gnutls.c, ssl_check_certificate(). */
function distrust(context: AppContext | TlsContext, config: WgetConfig, state: State): State | undefined {
  const problems = 'connection' in context ? (context.connection(state.fetching.socket)?.info.problems ?? []) : [];
  if (problems.length === 0) return undefined;
  const severity = config.insecure ? 'WARNING' : 'ERROR';
  const { host } = state.url;
  const codes = new Set(problems.map(({ code }) => code));
  const chain = [...codes].filter((code) => code !== 62);
  let words = chain.length === 0 ? '' : `${severity}: The certificate of ‘${host}’ is not trusted.\n`;
  if ([18, 19, 20, 21].some((code) => codes.has(code))) words += `${severity}: The certificate of ‘${host}’ doesn't have a known issuer.\n`;
  if (codes.has(9)) words += `${severity}: The certificate of ‘${host}’ is not yet activated.\n`;
  if (codes.has(10)) words += `${severity}: The certificate of ‘${host}’ has expired.\n`;
  if (codes.has(62)) words += `The certificate's owner does not match hostname ‘${host}’\n`;
  if (config.insecure) {
    say(context, config, words);
    return undefined;
  }
  stopFetching(context, state.fetching);
  return end(context, state, config.quiet ? '' : words, 5);
}

/** Sent on to another URL, up to twenty times. */
function follow(context: AppContext, config: WgetConfig, state: State): State | undefined {
  const location = headerValue(state.fetching.headers, 'Location');
  if (![301, 302, 303, 307, 308].includes(state.fetching.code) || location === undefined) return undefined;
  const { scheme, host, port, target } = state.url;
  const authority = `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}`;
  const text = /^https?:\/\//i.test(location)
    ? location
    : location.startsWith('/')
      ? authority + location
      : `${authority}${target.replace(/[^/]*$/, '')}${location}`;
  const url = parseUrl(text);
  if (config.style === 'gnu') say(context, config, `Location: ${location} [following]\n`);
  if (typeof url === 'string') return end(context, state, config.style === 'gnu' ? `${location}: Invalid URL.\n` : `wget: bad redirection: ${location}\n`, 1);
  if (state.redirects >= MAX_REDIRECTS)
    return end(
      context,
      state,
      config.style === 'gnu' ? `${MAX_REDIRECTS} redirections exceeded.\n` : 'wget: too many redirections\n',
      config.style === 'gnu' ? 8 : 1,
    );
  if (state.timer >= 0) context.cancelTimer(state.timer);
  const hands = 'secure' in context ? context : handsFor(context, config, url, state.tls);
  return attempt(hands, config, { url, redirects: state.redirects + 1, tls: state.tls, tried: 0 });
}

function finished(context: AppContext, config: WgetConfig, state: State): State {
  const { fetching } = state;
  const status = parseStatusLine(fetching.statusLine);
  const bytes = utf8Length(fetching.body);
  if (config.style === 'busybox') {
    if (config.serverResponse) context.err(`  ${fetching.statusLine}\n${fetching.headers.map((header) => `  ${header.name}: ${header.value}\n`).join('')}`);
    const sentOn = follow(context, config, state);
    if (sentOn !== undefined) return sentOn;
    if (fetching.code >= 400) return end(context, state, `wget: server returned error: ${fetching.statusLine}\n`, 1);
    if (config.spider) return end(context, state, config.quiet ? '' : 'remote file exists\n', 0);
    const isShown = config.output === '-';
    say(context, config, isShown ? 'writing to stdout\n' : `saving to '${config.output}'\n`);
    keep(context, config, fetching.body);
    const meter = `${baseName(config.output).slice(0, 20).padEnd(20)} 100% |********************************| ${String(bytes).padStart(5)}  0:00:00 ETA\n`;
    return end(context, state, config.quiet ? '' : `${meter}${isShown ? 'written to stdout\n' : `'${config.output}' saved\n`}`, 0);
  }
  const line = `${fetching.code} ${status?.reason ?? ''}\n`;
  if (config.serverResponse)
    say(context, config, `\n  ${fetching.statusLine}\n${fetching.headers.map((header) => `  ${header.name}: ${header.value}\n`).join('')}`);
  else say(context, config, line);
  const sentOn = follow(context, config, state);
  if (sentOn !== undefined) return sentOn;
  if (fetching.code >= 400) return end(context, state, config.quiet ? '' : `${stamp(context, config)} ERROR ${fetching.code}: ${status?.reason ?? ''}.\n\n`, 8);
  const type = headerValue(fetching.headers, 'Content-Type');
  const length = headerValue(fetching.headers, 'Content-Length') ?? 'unspecified';
  say(context, config, `Length: ${length}${type === undefined ? '' : ` [${type.replace(/;.*$/, '')}]`}\n`);
  if (config.spider) return end(context, state, config.quiet ? '' : 'Remote file exists.\n\n', 0);
  const isShown = config.output === '-';
  say(context, config, `Saving to: ‘${isShown ? 'STDOUT' : config.output}’\n\n`);
  keep(context, config, fetching.body);
  say(context, config, `\n${config.output.slice(0, 20).padEnd(20)}100%[===================>] ${String(bytes).padStart(7)}  --.-KB/s    in 0s      \n\n`);
  if (config.terse && !config.quiet)
    return end(context, state, `${stamp(context, config)} URL:${shownUrl(state.url)} [${bytes}/${bytes}] -> "${config.output}" [${state.tried}]\n`, 0);
  const verdict = isShown ? 'written to stdout' : `‘${config.output}’ saved`;
  return end(context, state, config.quiet ? '' : `${stamp(context, config)} (${speed(bytes)}) - ${verdict} [${bytes}/${bytes}]\n\n`, 0);
}

function keep(context: AppContext, config: WgetConfig, body: string): void {
  if (config.output === '-') context.out(body);
  else if (config.output !== '/dev/null') context.save(body);
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Nothing takes measurable time here, so the speed is what a millisecond gives. */
function speed(bytes: number): string {
  const rate = bytes * 1000;
  return rate >= 1_048_576 ? `${(rate / 1_048_576).toFixed(2)} MB/s` : `${(rate / 1024).toFixed(1)} KB/s`;
}

const ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  ECONNRESET: 'Connection reset by peer',
  EPERM: 'Operation not permitted',
};

function failed(context: AppContext | TlsContext, config: WgetConfig, state: State): State {
  const { failure, ip } = state.fetching;
  if (failure?.kind === 'resolve') {
    if (config.style === 'busybox') return end(context, state, `wget: bad address '${state.url.host}'\n`, 1);
    const words = failure.again ? 'Temporary failure in name resolution' : 'Name or service not known';
    say(context, config, `failed: ${words}.\n`);
    return end(context, state, `wget: unable to resolve host address ‘${state.url.host}’\n`, 4);
  }
  if (failure?.kind === 'connect') {
    const words = ERRORS[failure.errno] ?? failure.errno;
    if (config.style === 'busybox') return end(context, state, `wget: can't connect to remote host (${formatIp(ip)}): ${words}\n`, 1);
    say(context, config, `failed: ${words}.\n`);
    // Refused is final; the others are tried again.
    return failure.errno === 'ECONNREFUSED' || state.tried >= config.tries ? end(context, state, '', 4) : retry(context, config, state);
  }
  if (failure?.kind === 'tls') {
    if (config.style === 'busybox') return end(context, state, 'ssl_client: TLS error from peer\nwget: error getting response: Connection reset by peer\n', 1);
    say(context, config, 'connected.\n');
    const isPlain = 'open' in context && /wrong version number/.test(context.failure);
    const words = isPlain ? 'An unexpected TLS packet was received.' : 'A TLS fatal alert has been received.';
    return end(context, state, config.quiet ? '' : `GnuTLS: ${words}\nUnable to establish SSL connection.\n`, 4);
  }
  if (config.style === 'busybox') return end(context, state, 'wget: error getting response\n', 1);
  say(context, config, failure?.kind === 'read' ? `Read error (${ERRORS[failure.errno] ?? failure.errno}) in headers.\n` : 'No data received.\n');
  return state.tried >= config.tries ? end(context, state, 'Giving up.\n\n', 4) : retry(context, config, state);
}

function retry(context: AppContext, config: WgetConfig, state: State): State {
  say(context, config, 'Retrying.\n\n');
  if (state.timer >= 0) context.cancelTimer(state.timer);
  context.setTimer(state.tried * 1e9, 'retry');
  return { ...state, timer: -1 };
}

function timedOut(context: AppContext, config: WgetConfig, state: State): State {
  stopFetching(context, state.fetching);
  if (config.style === 'busybox') return end(context, state, 'wget: download timed out\n', 1);
  say(context, config, state.fetching.phase === 'connecting' ? 'failed: Connection timed out.\n' : 'Read error (Connection timed out) in headers.\n');
  return state.tried >= config.tries
    ? end(context, state, state.fetching.phase === 'connecting' ? '' : 'Giving up.\n\n', 4)
    : retry(context, config, { ...state, timer: -1 });
}

function end(context: AppContext, state: State, words: string, code: number): State {
  if (state.timer >= 0) context.cancelTimer(state.timer);
  context.err(words);
  context.exit(code);
  return { ...state, done: true };
}

export function parseWgetArgs(argv: readonly string[], environment: ProgramEnvironment, style: 'gnu' | 'busybox'): ParseResult<WgetConfig> {
  // -qO- and -O - both name standard output.
  // The one short option of two letters.
  const words = argv.map((word) => (style === 'gnu' && word === '-nv' ? '--no-verbose' : word));
  const parsed = parseOptions(words, {
    flags: 'qSc4v',
    values: 'OTtU',
    longFlags: ['spider', 'quiet', 'no-verbose', 'server-response', 'no-check-certificate'],
    longValues: ['output-document', 'timeout', 'tries', 'header', 'user-agent', 'post-data', 'ca-certificate'],
  });
  const bad = (stderr: string, exitCode = style === 'busybox' ? 1 : 2): ParseResult<WgetConfig> => ({ ok: false, stderr, exitCode });
  if ('problem' in parsed)
    return bad(
      `${optionProblemText('wget', parsed)}${style === 'gnu' ? "Usage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n" : 'Usage: wget [-cqS] [--spider] [-O FILE] [-T SEC] URL...\n'}`,
    );
  const [text] = parsed.operands;
  if (text === undefined)
    return bad(
      style === 'gnu'
        ? "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n"
        : 'Usage: wget [-cqS] [--spider] [-O FILE] [-T SEC] URL...\n',
      1,
    );
  const url = parseUrl(text);
  if (typeof url === 'string') return bad(style === 'gnu' ? `${text}: Invalid URL.\n` : `wget: not an http or ftp url: ${text}\n`, 1);
  const named = optionValue(parsed, 'O', 'output-document');
  const remoteName = baseName(url.target.replace(/[?#].*$/, '')) || 'index.html';
  // GNU's numbers a name that is taken, busybox' refuses it.
  const isTaken = (name: string): boolean => style === 'gnu' && environment.readFile?.(name) !== undefined;
  let free = remoteName;
  for (let i = 1; i < MAX_NUMBERED && isTaken(free); i += 1) free = `${remoteName}.${i}`;
  const spider = hasOption(parsed, 'spider');
  const timeoutSeconds = parseSeconds(optionValue(parsed, 'T', 'timeout') ?? '900');
  if (timeoutSeconds === undefined) return bad(`wget: --timeout: Invalid time period ‘${optionValue(parsed, 'T', 'timeout') ?? ''}’\n`);
  const tries = parseInteger(optionValue(parsed, 't', 'tries') ?? '20', 0, 1000) ?? 20;
  return {
    ok: true,
    config: {
      style,
      url,
      quiet: hasOption(parsed, 'q', 'quiet'),
      terse: hasOption(parsed, 'no-verbose'),
      spider,
      output: named ?? free,
      isNamed: named !== undefined,
      serverResponse: hasOption(parsed, 'S', 'server-response'),
      timeoutSeconds,
      tries: tries === 0 ? 1000 : tries,
      headers: parsed.options.filter(({ name }) => name === 'header').map(({ value }) => value),
      agent: optionValue(parsed, 'U', 'user-agent'),
      post: optionValue(parsed, 'post-data'),
      insecure: style === 'busybox' || hasOption(parsed, 'no-check-certificate'),
      ca: environment.readFile?.(optionValue(parsed, 'ca-certificate') ?? CA_FILE) ?? '',
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
    },
  };
}

function savesTo({ spider, output, style, isNamed }: WgetConfig): Saving | undefined {
  if (spider || output === '-' || output === '/dev/null') return undefined;
  return style === 'busybox'
    ? { file: output, exclusive: !isNamed, refused: (why) => `wget: can't open '${output}': ${why}\n`, exitCode: 1 }
    : { file: output, refused: (why) => `${output}: ${why}\n`, exitCode: isNamed ? 1 : 3 };
}

export const wgetProgram = defineProgram({
  app: 'wget',
  savesTo,
  parse: (argv, environment) => parseWgetArgs(argv, environment, isBusybox(environment) || /curlimages|netshoot/.test(environment.image) ? 'busybox' : 'gnu'),
});
export const busyboxWgetProgram = defineProgram({ app: 'wget', savesTo, parse: (argv, environment) => parseWgetArgs(argv, environment, 'busybox') });
