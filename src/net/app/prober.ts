/**
 * A health checker: asks one address again and again (HTTP or TCP), or has a command run, and says what it finds, as a kubelet's probe worker does.
 * Kubernetes: pkg/kubelet/prober/worker.go, pkg/probe/{http,tcp}.
 */

import { NotLoaded } from '../../base/not-loaded.ts';
import { formatIp, parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { utf8Length } from '../wire/utf8.ts';
import { type App, type AppContext, type AppEvent, defineApp, type SocketId } from './definition.ts';
import { bodyLength, formatHead, type HttpHeader, headerValue, MAX_HEAD_CHARACTERS, parseStatusLine, readHead, textPayload } from './http-message.ts';
import type { TlsContext, TlsLayer, TlsSessions } from './tls/sessions.ts';

export interface ProberConfig {
  readonly check: Check;
  /** First words of each report: `Readiness probe`. */
  readonly title: string;
  /** Not looked at here: by it whoever reads the reports knows what they are about. */
  readonly label: string;
  readonly initialDelayNs: number;
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
  /** What is taken for granted before the first results; only a change is reported. */
  readonly initially: Verdict | 'unknown';
  /** The verdict after which it asks no more. */
  readonly endsAt: 'failure' | 'either' | 'never';
  /** A healthy address is left alone until this virtual time. */
  readonly restUntilNs: number;
}
export interface HttpCheck {
  readonly kind: 'http';
  readonly ip: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly HttpHeader[];
  /** HTTPS: whatever certificate is shown is believed, as by the kubelet. */
  readonly secure?: true;
  /** Any answer will do. */
  readonly anyStatus?: true;
}
export interface TcpCheck {
  readonly kind: 'tcp';
  readonly ip: string;
  readonly port: number;
}
/** Somebody above runs a command in a container: he is asked on standard output (`execRequest`), and answers on standard input with a line of JSON (`ExecAnswer`). */
export interface ExecCheck {
  readonly kind: 'exec';
  readonly command: readonly string[];
  readonly container: string;
}
/** Succeeds by waiting. */
export interface SleepCheck {
  readonly kind: 'sleep';
  readonly seconds: number;
}
export type Check = HttpCheck | TcpCheck | ExecCheck | SleepCheck;
type NetCheck = HttpCheck | TcpCheck;

export interface ExecAnswer {
  readonly code: number;
  readonly output: string;
  /** The command could not be started; undefined where it ran. */
  readonly error?: string;
}
/** The beginning of what a prober says when it wants a command to be run. */
export const EXEC_REQUEST = 'exec ';
const execRequest = (command: readonly string[]): string => `${EXEC_REQUEST}${JSON.stringify(command)}\n`;

export type Verdict = 'success' | 'failure';

interface State {
  readonly verdict: Verdict | 'unknown';
  /** Equal results in a row. */
  readonly last: Verdict;
  readonly row: number;
  /** -1: no connection is open. */
  readonly socket: SocketId;
  /** A question is open. */
  readonly asks: boolean;
  readonly timer: number;
  readonly received: string;
  /** Changed in place. */
  readonly tls: TlsSessions;
}

/** A body is read up to here, as the kubelet reads it. Kubernetes: pkg/probe/http/http.go, maxRespBodyLength. */
const MAX_BODY_BYTES = 10 * 1024;

/** `tls`: how to speak TLS; without it a probe of HTTPS waits for the code to come. */
export const proberWith = (tls: TlsLayer | undefined): App =>
  defineApp<State, ProberConfig>({
    name: 'prober',
    start: (context, config) => {
      // The worker's clock ticks from its start; ticks within the delay pass unused.
      const ticks = Math.ceil(config.initialDelayNs / config.periodNs);
      context.setTimer(ticks * config.periodNs, 'tick', undefined, false);
      return { verdict: config.initially, last: 'success', row: 0, socket: -1, asks: false, timer: -1, received: '', tls: new Map() };
    },
    handle: (plain, state, event, config) => {
      const { check } = config;
      if (check.kind !== 'http' || check.secure !== true) return handle(plain, state, event, config);
      if (tls === undefined) throw new NotLoaded('https');
      const context = tls(plain, state.tls, DEFAULT_EPOCH_MS + Math.floor(plain.nowNs / 1e6));
      return context.open(event).reduce((current, one) => handle(context, current, one, config), state);
    },
    copy: (state) => ({ ...state, tls: new Map(state.tls) }),
  });

function handle(context: AppContext, state: State, event: AppEvent, config: ProberConfig): State {
  if (event.kind === 'timer') return event.tag === 'tick' ? tick(context, state, config) : tooLate(context, state, config);
  if (event.kind === 'stdin') return state.asks ? executed(context, state, config, event.text) : state;
  if (!('socket' in event) || event.socket !== state.socket || state.socket < 0) return state;
  return heard(context, state, event, config);
}

function tick(context: AppContext, state: State, config: ProberConfig): State {
  const next = state.asks ? state : ask(context, state, config);
  if (isOver(next, config)) return next;
  let delayNs = config.periodNs;
  const restNs = config.restUntilNs - context.nowNs;
  if (next.verdict === 'success' && !next.asks && restNs > delayNs) delayNs = Math.ceil(restNs / config.periodNs) * config.periodNs;
  // Until it is known how things stand somebody waits for it; later looks go on in the background.
  const waitedFor = next.row < Math.max(config.successThreshold, config.failureThreshold) && next.verdict !== 'success';
  context.setTimer(delayNs, 'tick', undefined, !waitedFor);
  return next;
}

function isOver({ row, last, verdict }: State, { endsAt }: ProberConfig): boolean {
  return row > 0 && last === verdict && (endsAt === 'either' || verdict === endsAt);
}

const isSecure = (context: AppContext): context is TlsContext => 'secure' in context;

function ask(context: AppContext, state: State, config: ProberConfig): State {
  if (isOver(state, config)) return state;
  if (state.verdict === 'success' && state.row > 0 && context.nowNs < config.restUntilNs) return state;
  const { check } = config;
  if (check.kind === 'sleep') return { ...state, asks: true, timer: context.setTimer(check.seconds * 1e9, 'timeout') };
  if (check.kind === 'exec') {
    const asking = { ...state, asks: true, timer: context.setTimer(config.timeoutNs, 'timeout', undefined, state.verdict === 'success') };
    context.out(execRequest(check.command));
    return asking;
  }
  const ip = parseIp(check.ip);
  if (ip === undefined) return judge(context, state, config, `${refusedAt(check)}: no such host`);
  const socket = context.tcpConnect({ ip, port: check.port }, { noDelay: true, maker: `${context.name}, ${config.title.toLowerCase()}` });
  if (typeof socket === 'string') return judge(context, state, config, connectError(check, socket));
  // The kubelet believes whatever certificate it is shown.
  if (isSecure(context)) context.secure(socket, { alpn: ['http/1.1'], why: 'the probe asks with scheme HTTPS' });
  return { ...state, socket, asks: true, timer: context.setTimer(config.timeoutNs, 'timeout'), received: '' };
}

/** The answer of whoever ran the command. Kubernetes: pkg/probe/exec/exec.go. */
function executed(context: AppContext, state: State, config: ProberConfig, text: string): State {
  const { code, output, error } = JSON.parse(text) as ExecAnswer;
  if (error !== undefined) return judge(context, state, config, error, 'errored and resulted in unknown state');
  return judge(context, state, config, code === 0 ? undefined : output.slice(0, MAX_BODY_BYTES));
}

function heard(context: AppContext, state: State, event: Exclude<AppEvent, { kind: 'timer' }>, config: ProberConfig): State {
  const { check } = config;
  if (check.kind === 'exec' || check.kind === 'sleep') return state;
  switch (event.kind) {
    case 'connected':
      if (check.kind === 'tcp') return judge(context, state, config, undefined);
      context.tcpSend(state.socket, textPayload(requestOf(check)));
      return state;
    case 'connect-failed':
      return judge(context, { ...state, socket: -1 }, config, connectError(check, event.errno));
    case 'aborted': {
      if (isSecure(context) && context.failure !== '') {
        const told = context.failure === 'what came is no TLS' ? 'http: server gave HTTP response to HTTPS client' : `remote error: tls: ${context.failure}`;
        return judge(context, { ...state, socket: -1 }, config, `${prefixOf(check)}${told}`);
      }
      const words = event.errno === 'ECONNRESET' ? 'connection reset by peer' : (ERRORS[event.errno] ?? event.errno);
      return judge(context, { ...state, socket: -1 }, config, `${prefixOf(check)}read tcp ${hostPort(check)}: read: ${words}`);
    }
    case 'data': {
      const next = { ...state, received: state.received + (event.payload.text ?? '') };
      return answered(context, next, config, check, false);
    }
    case 'peer-closed':
      return answered(context, state, config, check, true);
    default:
      return state;
  }
}

function answered(context: AppContext, state: State, config: ProberConfig, check: NetCheck, closed: boolean): State {
  const read = readHead(state.received);
  const status = typeof read === 'string' ? undefined : parseStatusLine(read.head.startLine);
  if (typeof read === 'string' || status === undefined) {
    if (read === 'incomplete' && !closed) return state;
    const words = closed ? 'EOF' : `net/http: HTTP/1.x transport connection broken: malformed HTTP response ${JSON.stringify(state.received.slice(0, 40))}`;
    return judge(context, state, config, `${prefixOf(check)}${words}`);
  }
  const length = bodyLength(read.head.headers, status.code, 'GET');
  const complete = length === 'until-close' || length === 'chunked' ? closed : closed || utf8Length(read.rest) >= Math.min(length, MAX_BODY_BYTES);
  if (!complete && state.received.length < MAX_HEAD_CHARACTERS + MAX_BODY_BYTES) return state;
  const fine = check.kind === 'http' && (check.anyStatus === true || (status.code >= 200 && status.code < 400));
  return judge(context, state, config, fine ? undefined : `HTTP probe failed with statuscode: ${status.code}`);
}

function tooLate(context: AppContext, state: State, config: ProberConfig): State {
  if (!state.asks) return state;
  const { check } = config;
  const after = { ...state, timer: -1 };
  switch (check.kind) {
    case 'sleep':
      return judge(context, after, config, undefined);
    case 'exec':
      return judge(context, after, config, `command timed out: "${check.command.join(' ')}" timed out after ${config.timeoutNs / 1e9}s`);
    case 'tcp':
      return judge(context, after, config, `dial tcp ${hostPort(check)}: i/o timeout`);
    case 'http':
      return judge(context, after, config, `${prefixOf(check)}context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
  }
}

/** One result. `failure`: what went wrong, undefined when all is well. */
function judge(context: AppContext, state: State, config: ProberConfig, failure: string | undefined, how = 'failed'): State {
  if (state.socket >= 0) context.close(state.socket);
  if (state.timer >= 0) context.cancelTimer(state.timer);
  if (failure !== undefined) context.out(`${config.title} ${how}: ${failure.replace(/\n$/, '')}\n`);
  const closed = { ...state, socket: -1, asks: false, timer: -1, received: '' };
  // What could not be found out changes nothing.
  if (how !== 'failed') return closed;
  const result: Verdict = failure === undefined ? 'success' : 'failure';
  const row = state.last === result ? state.row + 1 : 1;
  const decided = row >= (result === 'success' ? config.successThreshold : config.failureThreshold);
  const verdict = decided ? result : state.verdict;
  if (verdict !== state.verdict) context.out(`${config.title} result: ${verdict}\n`);
  return { ...closed, verdict, last: result, row };
}

const ERRORS: Partial<Record<Errno, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset by peer',
  EPERM: 'operation not permitted',
  EACCES: 'permission denied',
};

const hostPort = ({ ip, port }: NetCheck): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
const prefixOf = (check: NetCheck): string =>
  check.kind === 'http' ? `Get "${check.secure === true ? 'https' : 'http'}://${hostPort(check)}${check.path}": ` : '';
const refusedAt = (check: NetCheck): string => `${prefixOf(check)}dial tcp ${hostPort(check)}`;
const connectError = (check: NetCheck, errno: Errno): string => `${refusedAt(check)}: connect: ${ERRORS[errno] ?? errno}`;

/** Go's net/http writes Host and User-Agent first. Kubernetes: pkg/probe/http/request.go. */
function requestOf(check: HttpCheck): string {
  const ip = parseIp(check.ip);
  const shown = ip === undefined ? check : { ...check, ip: formatIp(ip) };
  const headers: HttpHeader[] = [
    { name: 'Host', value: headerValue(check.headers, 'Host') ?? hostPort(shown) },
    { name: 'User-Agent', value: headerValue(check.headers, 'User-Agent') ?? 'kube-probe/1.35' },
    { name: 'Accept', value: headerValue(check.headers, 'Accept') ?? '*/*' },
    ...check.headers.filter((header) => !/^(host|user-agent|accept)$/i.test(header.name)),
    { name: 'Connection', value: 'close' },
  ];
  return formatHead(`GET ${check.path} HTTP/1.1`, headers);
}
