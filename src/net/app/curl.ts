/** curl 7.88.1: resolve, connect, ask, read, print, with its words and exit codes. Proxies are not simulated. */

import { NotLoaded } from '../../base/not-loaded.ts';
import { formatEndpoint, formatIp, parseIp, sameFamily } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { utf8Length } from '../wire/utf8.ts';
import { type CurlConfig, parseCurlArgs, parseUrl } from './curl-args.ts';
import type { CurlHttps, HttpsContext } from './curl-https.ts';
import { absoluteUrl, requestHead } from './curl-request.ts';
import { type CurlState, type CurlTransfer, firstState, NO_TIMES, newTransfer } from './curl-state.ts';
import { curlErrorText, ERRNO_TEXTS, finalMeter, METER_HEAD, METER_ZERO, writeOutText } from './curl-text.ts';
import { type App, type AppContext, type AppEvent, defineApp, defineProgram } from './definition.ts';
import { bodyLength, headerValue, parseStatusLine, readHead, textPayload } from './http-message.ts';
import { handleResolving, RESOLVER_TIMER, startResolving, stopResolving } from './resolver.ts';

const MAX_REDIRECTS = 50;
/** Connecting without a limit of its own ends after so long. */
const DEFAULT_CONNECT_SECONDS = 300;

/** CURL_HET_DEFAULT */
const HAPPY_EYEBALLS_NS = 200e6;
const EYEBALLS_TIMER = 'happy-eyeballs';

/** `https`: how to speak TLS; without it an https URL waits for the code to come. */
export const curlWith = (https: CurlHttps | undefined): App =>
  defineApp<CurlState, CurlConfig>({
    name: 'curl',
    start: (context, config) => {
      const state = firstState(config);
      return begin(handsFor(https, context, config, state), config, state);
    },
    handle: (plain, state, event, config) => {
      if (state.phase === 'done') return state;
      const context = handsFor(https, plain, config, state);
      return events(context, config, event).reduce((current, one) => step(context, config, current, one), state);
    },
    copy: (state) => ({ ...state, tls: new Map(state.tls), http2: new Map(state.http2) }),
  });

const speaksTls = (context: AppContext): context is HttpsContext => 'https' in context;

/** Sealing hands, where the URL asks for them or a connection has them. */
function handsFor(https: CurlHttps | undefined, context: AppContext, config: CurlConfig, state: CurlState): AppContext {
  if (state.transfer.url.scheme !== 'https' && state.tls.size === 0 && config.http !== '2-prior-knowledge') return context;
  if (https === undefined) throw new NotLoaded('https');
  return https(context, state.tls, state.http2, config.epochMs + Math.floor(context.nowNs / 1e6));
}

function events(context: AppContext, config: CurlConfig, event: AppEvent): readonly AppEvent[] {
  if (!speaksTls(context)) return [event];
  const opened = context.open(event);
  context.https.print(config);
  return opened.flatMap((one) => context.https.hear(one));
}

function step(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if (state.phase === 'done') return state;
  if (event.kind === 'signal') {
    context.exit(130);
    return { ...state, phase: 'done' };
  }
  if (event.kind === 'timer' && event.tag === EYEBALLS_TIMER) return state.phase === 'connecting' ? startRival(context, config, state) : state;
  if (event.kind === 'timer' && event.tag !== RESOLVER_TIMER) return timedOut(context, config, state, event.tag);
  switch (state.phase) {
    case 'resolving':
      return whileResolving(context, config, state, event);
    case 'connecting':
      return whileConnecting(context, config, state, event);
    case 'tls':
      return whileHandshaking(context, config, state, event);
    default:
      return whileReading(context, config, state, event);
  }
}

export const curlProgram = defineProgram({
  app: 'curl',
  parse: parseCurlArgs,
  savesTo: ({ saveBody, silent, showError }) =>
    saveBody === undefined
      ? undefined
      : {
          file: saveBody,
          refused: (why) =>
            (silent ? '' : `Warning: Failed to open the file ${saveBody}: ${why}\n`) +
            (silent && !showError ? '' : 'curl: (23) Failure writing output to destination\n'),
          exitCode: 23,
        },
});

const info = (context: AppContext, config: CurlConfig, text: string): void => {
  if (config.verbose) context.err(`* ${text}\n`);
};
const showsMeter = (config: CurlConfig): boolean => !config.silent && !config.tty;

function begin(context: AppContext, config: CurlConfig, before: CurlState): CurlState {
  const startNs = before.transfer.redirects > 0 ? before.transfer.times.startNs : context.nowNs;
  const transfer = { ...before.transfer, times: { ...NO_TIMES, startNs } };
  if (showsMeter(config) && transfer.redirects === 0) context.err(METER_HEAD + METER_ZERO);
  const timers: number[] = [];
  // libcurl's timers fire a millisecond late, and its messages say so.
  if (config.maxTimeSeconds > 0 && transfer.redirects === 0) timers.push(context.setTimer(config.maxTimeSeconds * 1e9 + 1e6, 'max-time'));
  const connectSeconds = config.connectTimeoutSeconds > 0 ? config.connectTimeoutSeconds : DEFAULT_CONNECT_SECONDS;
  timers.push(context.setTimer(connectSeconds * 1e9 + 1e6, 'connect-timeout'));
  const state: CurlState = { ...before, phase: 'resolving', transfer, timers: transfer.redirects > 0 ? [...before.timers, ...timers] : timers };
  const { host, port } = transfer.url;
  const { kept } = state;
  if (kept !== undefined && kept.host === host && kept.port === port && kept.scheme === transfer.url.scheme) {
    info(context, config, `Re-using existing connection! (#${state.connection - 1}) with host ${host}`);
    const reused = {
      ...state,
      socket: kept.socket,
      kept: undefined,
      transfer: { ...transfer, remoteIp: kept.ip, times: { ...transfer.times, resolvedNs: context.nowNs, connectedNs: context.nowNs } },
    };
    return sendRequest(context, config, reused);
  }
  if (kept !== undefined) context.close(kept.socket);
  const fresh = { ...state, kept: undefined };
  const target = placeOf(config, transfer.url);
  if (target !== transfer.url) {
    if (target.host !== host) info(context, config, `Connecting to hostname: ${target.host}`);
    if (target.port !== port) info(context, config, `Connecting to port: ${target.port}`);
  }
  const entry = config.resolve.find((one) => (one.host === target.host || one.host === '*') && one.port === target.port);
  const fixed = entry === undefined ? undefined : parseIp(entry.address);
  if (fixed !== undefined) return connectNext(context, config, resolvedAt(context, { ...fresh, addresses: [fixed], otherFamily: [] }));
  return afterResolving(context, config, { ...fresh, resolving: startResolving(context, target.host, config.family) });
}

/** Where to connect: what the URL says, unless --connect-to says otherwise. */
function placeOf({ connectTo }: CurlConfig, url: { readonly host: string; readonly port: number }): { readonly host: string; readonly port: number } {
  const found = connectTo.find((one) => (one.host === '' || one.host === url.host) && (one.port === '' || Number(one.port) === url.port));
  return found === undefined ? url : { host: found.toHost === '' ? url.host : found.toHost, port: found.toPort === '' ? url.port : Number(found.toPort) };
}

function resolvedAt(context: AppContext, state: CurlState): CurlState {
  return { ...state, transfer: { ...state.transfer, times: { ...state.transfer.times, resolvedNs: context.nowNs } } };
}

function whileResolving(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if (state.resolving === undefined) return state;
  const resolving = handleResolving(context, state.resolving, event);
  return resolving === state.resolving ? state : afterResolving(context, config, { ...state, resolving });
}

function afterResolving(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    const text = `Could not resolve host: ${state.transfer.url.host}`;
    info(context, config, text);
    return failed(context, config, state, 6, text, true);
  }
  const [first] = result.addresses;
  const addresses = result.addresses.filter((ip) => first !== undefined && sameFamily(ip, first));
  const otherFamily = result.addresses.filter((ip) => first !== undefined && !sameFamily(ip, first));
  const resolved = resolvedAt(context, { ...state, resolving: undefined, addresses, otherFamily });
  // RFC 8305: the other family gets its chance while the first is still trying.
  if (otherFamily.length > 0) context.setTimer(HAPPY_EYEBALLS_NS, EYEBALLS_TIMER);
  return connectNext(context, config, resolved);
}

function connectNext(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const [ip, ...rest] = state.addresses;
  const url = placeOf(config, state.transfer.url);
  if (ip === undefined) return connectGaveUp(context, config, state, 'ECONNREFUSED');
  info(context, config, `  Trying ${formatEndpoint(ip, url.port)}...`);
  const trying: CurlState = { ...state, phase: 'connecting', addresses: rest, transfer: { ...state.transfer, remoteIp: ip } };
  const socket = context.tcpConnect({ ip, port: url.port }, { noDelay: true });
  if (typeof socket === 'number') return { ...trying, socket };
  info(context, config, `Immediate connect fail for ${formatIp(ip)}: ${ERRNO_TEXTS[socket] ?? socket}`);
  return attemptFailed(context, config, trying, socket);
}

function whileConnecting(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if ('socket' in event && event.socket === state.rival && state.rival >= 0) return rivalEvent(context, config, state, event);
  if (!('socket' in event) || event.socket !== state.socket) return state;
  const { remoteIp } = state.transfer;
  const url = placeOf(config, state.transfer.url);
  if (event.kind === 'connect-failed' || event.kind === 'aborted') {
    info(context, config, `connect to ${formatIp(remoteIp)} port ${url.port} failed: ${ERRNO_TEXTS[event.errno] ?? event.errno}`);
    return attemptFailed(context, config, { ...state, socket: -1 }, event.errno);
  }
  if (event.kind !== 'connected') return state;
  if (state.rival >= 0) context.close(state.rival);
  info(context, config, `Connected to ${url.host} (${formatIp(remoteIp)}) port ${url.port} (#${state.connection})`);
  const local = context.localEndpoint(state.socket);
  const transfer = { ...state.transfer, localIp: local.ip, localPort: local.port, times: { ...state.transfer.times, connectedNs: context.nowNs } };
  const connected: CurlState = { ...state, transfer, connection: state.connection + 1, rival: -1, otherFamily: [] };
  return state.transfer.url.scheme === 'https' ? sendHello(context, config, connected) : sendRequest(context, config, connected);
}

function sendHello(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  if (!speaksTls(context)) throw new NotLoaded('https');
  context.https.hello(config, state.socket, state.transfer.url.host);
  return { ...state, phase: 'tls', buffer: '' };
}

function whileHandshaking(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if (!speaksTls(context)) return state;
  const { host, port } = state.transfer.url;
  // An event of the handshake that leads to nothing yet has gone by; what it brought is told here.
  if (!('socket' in event) || event.socket !== state.socket) return state;
  if (event.kind !== 'connected' && event.kind !== 'aborted') return state;
  const failure = context.https.told(config, state.socket, host, port, event.kind === 'aborted' ? event.errno : undefined);
  if (failure !== undefined)
    return failed(context, config, { ...state, socket: event.kind === 'aborted' ? -1 : state.socket }, failure.code, failure.text, true);
  const transfer = { ...state.transfer, times: { ...state.transfer.times, securedNs: context.nowNs } };
  return sendRequest(context, config, { ...state, transfer });
}

/** One address refused: the next of its family, the attempt that runs beside it, or the other family at once. */
function attemptFailed(context: AppContext, config: CurlConfig, state: CurlState, errno: Errno): CurlState {
  if (state.addresses.length > 0) return connectNext(context, config, state);
  if (state.rival >= 0)
    return {
      ...state,
      socket: state.rival,
      rival: -1,
      transfer: { ...state.transfer, remoteIp: state.rivalIp },
      addresses: state.otherFamily,
      otherFamily: [],
    };
  if (state.otherFamily.length > 0) return connectNext(context, config, { ...state, addresses: state.otherFamily, otherFamily: [] });
  return connectGaveUp(context, config, state, errno);
}

/** 200 ms have passed without a connection. */
function startRival(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const [ip, ...rest] = state.otherFamily;
  const url = placeOf(config, state.transfer.url);
  if (ip === undefined || state.rival >= 0) return state;
  info(context, config, `  Trying ${formatEndpoint(ip, url.port)}...`);
  const socket = context.tcpConnect({ ip, port: url.port });
  if (typeof socket === 'number') return { ...state, rival: socket, rivalIp: ip, otherFamily: rest };
  info(context, config, `Immediate connect fail for ${formatIp(ip)}: ${ERRNO_TEXTS[socket] ?? socket}`);
  return startRival(context, config, { ...state, otherFamily: rest });
}

function rivalEvent(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if (event.kind === 'connect-failed' || event.kind === 'aborted') {
    info(
      context,
      config,
      `connect to ${formatIp(state.rivalIp)} port ${placeOf(config, state.transfer.url).port} failed: ${ERRNO_TEXTS[event.errno] ?? event.errno}`,
    );
    return startRival(context, config, { ...state, rival: -1 });
  }
  if (event.kind !== 'connected') return state;
  // It has won: the first attempt is given up.
  if (state.socket >= 0) context.close(state.socket);
  const won: CurlState = { ...state, socket: state.rival, rival: -1, otherFamily: [], addresses: [], transfer: { ...state.transfer, remoteIp: state.rivalIp } };
  return whileConnecting(context, config, won, event);
}

function connectGaveUp(context: AppContext, config: CurlConfig, state: CurlState, errno: Errno): CurlState {
  const { times } = state.transfer;
  const url = placeOf(config, state.transfer.url);
  const text = `Failed to connect to ${url.host} port ${url.port} after ${Math.floor((context.nowNs - times.startNs) / 1e6)} ms: Couldn't connect to server`;
  info(context, config, text);
  return failed(context, config, { ...state, socket: -1 }, errno === 'ETIMEDOUT' ? 28 : 7, text, true);
}

function sendRequest(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const connectTimer = state.timers[state.timers.length - 1];
  if (connectTimer !== undefined) context.cancelTimer(connectTimer);
  const { url, method } = state.transfer;
  const asked = requestHead(config, url, method);
  if (speaksTls(context)) context.https.data(config, '}');
  const http2 = speaksTls(context) ? context.https.request(config, state.socket, asked, url.scheme) : undefined;
  for (const line of http2?.lines ?? []) info(context, config, line);
  const head = http2?.head ?? asked;
  if (http2 === undefined) context.tcpSend(state.socket, textPayload(head + (config.data ?? '')));
  if (config.verbose) {
    context.err(
      `${head
        .slice(0, -2)
        .split('\r\n')
        .slice(0, -1)
        .map((line) => `> ${line}`)
        .join('\n')}\n> \n`,
    );
    if (config.data !== undefined && !config.tty) context.err(`} [${utf8Length(config.data)} bytes data]\n`);
  }
  return { ...state, phase: 'head', buffer: '', timers: state.timers.slice(0, -1) };
}

function whileReading(context: AppContext, config: CurlConfig, state: CurlState, event: AppEvent): CurlState {
  if (!('socket' in event) || event.socket !== state.socket) return state;
  if (speaksTls(context) && event.kind === 'data' && state.phase === 'head' && state.buffer === '') context.https.data(config, '{');
  if (event.kind === 'data') {
    const times = state.transfer.times.firstByteNs >= 0 ? state.transfer.times : { ...state.transfer.times, firstByteNs: context.nowNs };
    const text = event.payload.text ?? '';
    const counted = { ...state, transfer: { ...state.transfer, times } };
    return counted.phase === 'head'
      ? readResponseHead(context, config, { ...counted, buffer: counted.buffer + text })
      : readBody(context, config, counted, text);
  }
  if (event.kind === 'peer-closed') return peerClosed(context, config, state);
  const alert = event.kind === 'aborted' && speaksTls(context) ? context.https.alertText(state.socket) : undefined;
  if (alert !== undefined) {
    info(context, config, alert);
    return failed(context, config, { ...state, socket: -1 }, 56, alert, true);
  }
  if (event.kind === 'aborted') {
    const text = `Recv failure: ${ERRNO_TEXTS[event.errno] ?? 'Connection reset by peer'}`;
    info(context, config, text);
    return failed(context, config, { ...state, socket: -1 }, 56, text, true);
  }
  return state;
}

function readResponseHead(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const read = readHead(state.buffer);
  if (read === 'incomplete') return state;
  const status = read === 'malformed' ? undefined : parseStatusLine(read.head.startLine);
  if (read === 'malformed' || status === undefined) {
    const text = 'Received HTTP/0.9 when not allowed';
    info(context, config, text);
    return failed(context, config, state, 1, text, true);
  }
  const { head, rest } = read;
  const headText = state.buffer.slice(0, state.buffer.length - rest.length);
  if (status.version === 'HTTP/1.0') info(context, config, 'HTTP 1.0, assume close after body');
  if (config.verbose)
    context.err(
      `${headText
        .split('\r\n')
        .slice(0, -1)
        .map((line) => `< ${line}`)
        .join('\n')}\n`,
    );
  // In HTTP/2 an answer comes as a whole.
  const remaining = status.version === 'HTTP/2' ? utf8Length(rest) : bodyLength(head.headers, status.code, state.transfer.method);
  const transfer = {
    ...state.transfer,
    code: status.code,
    version: status.version,
    headers: head.headers,
    headBytes: state.transfer.headBytes + utf8Length(headText),
  };
  if (config.failOnError && status.code >= 400) {
    const text = `The requested URL returned error: ${status.code}`;
    info(context, config, text);
    return failed(context, config, { ...state, transfer }, 22, text, true);
  }
  if (config.includeHead) keep(context, config, headText);
  const inBody: CurlState = { ...state, phase: 'body', transfer, remaining, buffer: '' };
  return remaining === 0 ? complete(context, config, inBody) : readBody(context, config, inBody, rest);
}

function readBody(context: AppContext, config: CurlConfig, state: CurlState, text: string): CurlState {
  if (text === '') return state;
  if (config.verbose && !config.tty) context.err(`{ [${utf8Length(text)} bytes data]\n`);
  if (state.remaining === 'chunked') return readChunks(context, config, { ...state, buffer: state.buffer + text });
  const bytes = utf8Length(text);
  const counted: CurlState = { ...state, transfer: { ...state.transfer, bodyBytes: state.transfer.bodyBytes + bytes } };
  print(context, config, state, text);
  if (state.remaining === 'until-close') return counted;
  const left = state.remaining - bytes;
  return left <= 0 ? complete(context, config, { ...counted, remaining: 0 }) : { ...counted, remaining: left };
}

function readChunks(context: AppContext, config: CurlConfig, before: CurlState): CurlState {
  let state = before;
  // Each round takes a whole chunk from the buffer.
  for (let round = 0; round < 10_000; round += 1) {
    const end = state.buffer.indexOf('\r\n');
    const size = end < 0 ? Number.NaN : Number.parseInt(state.buffer.slice(0, end), 16);
    if (Number.isNaN(size) || state.buffer.length < end + 4 + size) return state;
    const chunk = state.buffer.slice(end + 2, end + 2 + size);
    state = { ...state, buffer: state.buffer.slice(end + 4 + size), transfer: { ...state.transfer, bodyBytes: state.transfer.bodyBytes + size } };
    if (size === 0) return complete(context, config, { ...state, remaining: 0 });
    print(context, config, state, chunk);
  }
  return state;
}

function print(context: AppContext, config: CurlConfig, state: CurlState, text: string): void {
  const redirected = config.followRedirects && isRedirect(state.transfer);
  if (!redirected) keep(context, config, text);
}

function keep(context: AppContext, config: CurlConfig, text: string): void {
  if (config.saveBody !== undefined) context.save(text);
  else if (!config.discardBody) context.out(text);
}

const isRedirect = (transfer: CurlTransfer): boolean => transfer.code >= 300 && transfer.code < 400 && headerValue(transfer.headers, 'Location') !== undefined;

function peerClosed(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  if (state.phase === 'head') {
    const text = 'Empty reply from server';
    info(context, config, text);
    return failed(context, config, state, 52, text, true);
  }
  if (state.remaining === 'until-close') return complete(context, config, { ...state, remaining: 0 });
  const left = typeof state.remaining === 'number' ? state.remaining : 0;
  const text = state.remaining === 'chunked' ? 'transfer closed with outstanding read data remaining' : `transfer closed with ${left} bytes remaining to read`;
  info(context, config, text);
  return failed(context, config, state, 18, text, true);
}

function complete(context: AppContext, config: CurlConfig, state: CurlState): CurlState {
  const { transfer } = state;
  const ends = transfer.version === 'HTTP/1.0' || headerValue(transfer.headers, 'Connection')?.toLowerCase() === 'close';
  let kept: CurlState['kept'];
  if (ends) {
    info(context, config, `Closing connection ${state.connection - 1}`);
    context.close(state.socket);
  } else {
    info(context, config, `Connection #${state.connection - 1} to host ${transfer.url.host} left intact`);
    kept = { socket: state.socket, host: transfer.url.host, port: transfer.url.port, ip: transfer.remoteIp, scheme: transfer.url.scheme };
  }
  const location = config.followRedirects && isRedirect(transfer) ? headerValue(transfer.headers, 'Location') : undefined;
  const settled: CurlState = { ...state, kept, socket: -1 };
  if (location !== undefined && transfer.redirects < MAX_REDIRECTS) {
    const next = parseUrl(absoluteUrl(transfer.url, location));
    if (typeof next !== 'string') {
      info(context, config, `Issue another request to this URL: '${next.text}'`);
      return begin(context, config, { ...settled, transfer: { ...newTransfer(config, next, transfer.redirects + 1), times: transfer.times } });
    }
  }
  return finishTransfer(context, config, settled, 0, '');
}

function timedOut(context: AppContext, config: CurlConfig, state: CurlState, tag: string): CurlState {
  const connecting = state.phase === 'resolving' || state.phase === 'connecting' || state.phase === 'tls';
  if (tag === 'connect-timeout' && !connecting) return state;
  const ms = Math.floor((context.nowNs - state.transfer.times.startNs) / 1e6);
  const { bodyBytes } = state.transfer;
  const text =
    state.phase === 'resolving'
      ? `Resolving timed out after ${ms} milliseconds`
      : connecting
        ? `Connection timed out after ${ms} milliseconds`
        : typeof state.remaining === 'number' && state.phase === 'body'
          ? `Operation timed out after ${ms} milliseconds with ${bodyBytes} out of ${bodyBytes + state.remaining} bytes received`
          : `Operation timed out after ${ms} milliseconds with ${bodyBytes} bytes received`;
  info(context, config, text);
  if (state.resolving !== undefined) stopResolving(context, state.resolving);
  return failed(context, config, state, 28, text, true);
}

function failed(context: AppContext, config: CurlConfig, state: CurlState, code: number, text: string, closing: boolean): CurlState {
  if (closing)
    info(
      context,
      config,
      `Closing connection ${Math.max(0, state.connection - (state.phase === 'tls' || state.phase === 'head' || state.phase === 'body' ? 1 : 0))}`,
    );
  if (state.socket >= 0) context.close(state.socket);
  if (speaksTls(context)) context.https.print(config);
  if (state.rival >= 0) context.close(state.rival);
  return finishTransfer(context, config, { ...state, socket: -1, rival: -1, resolving: undefined, kept: undefined }, code, text);
}

function finishTransfer(context: AppContext, config: CurlConfig, state: CurlState, code: number, error: string): CurlState {
  for (const timer of state.timers) context.cancelTimer(timer);
  const { transfer } = state;
  if (showsMeter(config)) context.err(finalMeter(transfer, context.nowNs, code));
  if (code !== 0 && (!config.silent || config.showError)) context.err(curlErrorText(code, error));
  if (config.writeOut !== undefined)
    context.out(
      writeOutText(config.writeOut, transfer, {
        nowNs: context.nowNs,
        exitCode: code,
        error,
        connections: state.connection,
        verifyCode: speaksTls(context) ? context.https.verifyCode : 0,
      }),
    );
  const next = config.urls[state.index + 1];
  if (next === undefined) {
    context.exit(code);
    return { ...state, phase: 'done', timers: [], exitCode: code };
  }
  return begin(context, config, {
    ...state,
    index: state.index + 1,
    timers: [],
    transfer: newTransfer(config, next, 0),
    exitCode: code,
    buffer: '',
    remaining: 0,
  });
}
