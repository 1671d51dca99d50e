/** wget, GNU's and busybox', as far as `wget -qO- URL`, `--spider` and their messages go. */
import { formatIp } from '../addr/ip.ts';
import { calendarTime, DEFAULT_EPOCH_MS, formatClock, formatDay } from '../wire/calendar.ts';
import { utf8Length } from '../wire/utf8.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { parseUrl } from './curl-args.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult, type ProgramEnvironment, type Saving } from './definition.ts';
import { type Fetching, handleFetching, startFetching, stopFetching } from './http-fetch.ts';
import { headerValue, parseStatusLine } from './http-message.ts';
import { isBusybox } from './ping-args.ts';

export interface WgetConfig {
  readonly style: 'gnu' | 'busybox';
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly target: string;
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
  readonly epochMs: number;
}

interface State {
  readonly fetching: Fetching;
  readonly timer: number;
  readonly tried: number;
  readonly done: boolean;
}

const GNU_VERSION = '1.21.3';
const MAX_NUMBERED = 1000;

export const wget = defineApp<State, WgetConfig>({
  name: 'wget',
  start: (context, config) => attempt(context, config, 0),
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') {
      stopFetching(context, state.fetching);
      context.exit(130);
      return { ...state, done: true };
    }
    if (event.kind === 'timer' && event.tag === 'timeout') return timedOut(context, config, state);
    if (event.kind === 'timer' && event.tag === 'retry') return attempt(context, config, state.tried);
    const fetching = handleFetching(context, state.fetching, event);
    return fetching === state.fetching ? state : progress(context, config, { ...state, fetching }, state.fetching.phase);
  },
});

function attempt(context: AppContext, config: WgetConfig, tried: number): State {
  say(
    context,
    config,
    config.style === 'gnu' ? `--${stamp(context, config)}--${tried > 0 ? `  (try:${String(tried + 1).padStart(2)})` : ''}  ${config.url}\n` : '',
  );
  if (config.style === 'gnu' && !/^[\d.]+$/.test(config.host)) say(context, config, `Resolving ${config.host} (${config.host})... `);
  const hostHeader = config.port === 80 ? config.host : `${config.host}:${config.port}`;
  const method = config.spider && config.style === 'gnu' ? 'HEAD' : 'GET';
  const request =
    config.style === 'gnu'
      ? `${method} ${config.target} HTTP/1.1\r\nHost: ${hostHeader}\r\nUser-Agent: Wget/${GNU_VERSION}\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n`
      : `${method} ${config.target} HTTP/1.1\r\nHost: ${hostHeader}\r\nUser-Agent: Wget\r\nConnection: close\r\n\r\n`;
  const fetching = startFetching(context, { host: config.host, port: config.port, method, request });
  const timer = config.timeoutSeconds > 0 ? context.setTimer(config.timeoutSeconds * 1e9, 'timeout') : -1;
  return progress(context, config, { fetching, timer, tried: tried + 1, done: false }, 'resolving');
}

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
    const named = !/^[\d.]+$/.test(config.host);
    if (config.style === 'gnu')
      say(context, config, `${named ? `${address}\n` : ''}Connecting to ${named ? `${config.host} (${config.host})|${address}|` : address}:${config.port}... `);
    else say(context, config, `Connecting to ${config.host} (${address}:${config.port})\n`);
  }
  if (phase === 'failed') return failed(context, config, state);
  if (phase === 'requested' && before === 'connecting' && config.style === 'gnu') say(context, config, 'connected.\nHTTP request sent, awaiting response... ');
  return phase === 'complete' ? finished(context, config, state) : state;
}

function finished(context: AppContext, config: WgetConfig, state: State): State {
  const { fetching } = state;
  const status = parseStatusLine(fetching.statusLine);
  const bytes = utf8Length(fetching.body);
  if (config.style === 'busybox') {
    if (config.serverResponse) context.err(`  ${fetching.statusLine}\n${fetching.headers.map((header) => `  ${header.name}: ${header.value}\n`).join('')}`);
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
    return end(context, state, `${stamp(context, config)} URL:${config.url} [${bytes}/${bytes}] -> "${config.output}" [${state.tried}]\n`, 0);
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

function failed(context: AppContext, config: WgetConfig, state: State): State {
  const { failure, ip } = state.fetching;
  if (failure?.kind === 'resolve') {
    if (config.style === 'busybox') return end(context, state, `wget: bad address '${config.host}'\n`, 1);
    const words = failure.again ? 'Temporary failure in name resolution' : 'Name or service not known';
    say(context, config, `failed: ${words}.\n`);
    return end(context, state, `wget: unable to resolve host address ‘${config.host}’\n`, 4);
  }
  if (failure?.kind === 'connect') {
    const words = ERRORS[failure.errno] ?? failure.errno;
    if (config.style === 'busybox') return end(context, state, `wget: can't connect to remote host (${formatIp(ip)}): ${words}\n`, 1);
    say(context, config, `failed: ${words}.\n`);
    // Refused is final; the others are tried again.
    return failure.errno === 'ECONNREFUSED' || state.tried >= config.tries ? end(context, state, '', 4) : retry(context, config, state);
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
    longValues: ['output-document', 'timeout', 'tries', 'header'],
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
  if (typeof url === 'string')
    return bad(
      url.includes('TLS')
        ? 'wget: https is simulated for curl alone: curl URL\n'
        : style === 'gnu'
          ? `${text}: Invalid URL.\n`
          : `wget: not an http or ftp url: ${text}\n`,
      1,
    );
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
      url: /^[a-z]+:\/\//i.test(text) ? text.replace(/^(http:\/\/[^/]+)$/i, '$1/') : `http://${text.replace(/^([^/]+)$/, '$1/')}`,
      host: url.host,
      port: url.port,
      target: url.target,
      quiet: hasOption(parsed, 'q', 'quiet'),
      terse: hasOption(parsed, 'no-verbose'),
      spider,
      output: named ?? free,
      isNamed: named !== undefined,
      serverResponse: hasOption(parsed, 'S', 'server-response'),
      timeoutSeconds,
      tries: tries === 0 ? 1000 : tries,
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
