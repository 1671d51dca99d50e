/** websocat 1.13: one WebSocket from the command line; lines of standard input go as messages, messages that come are lines of standard output. */
import { formatIp } from '../../addr/ip.ts';
import { bytesToBase64, bytesToText, textToBytes } from '../../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { parseUrl } from '../curl-args.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type SocketId } from '../definition.ts';
import { formatHead, type HttpHeader, headerValue, parseStatusLine, readHead, textPayload } from '../http-message.ts';
import { handleResolving, type Resolving, startResolving } from '../resolver.ts';
import { payloadBytes } from '../tls/layer.ts';
import { acceptKey, closeBody, frame, OPCODE, readFrames } from './frames.ts';

export interface WebsocatConfig {
  readonly host: string;
  readonly port: number;
  readonly target: string;
  readonly headers: readonly HttpHeader[];
  readonly verbose: boolean;
  /** -1: ends after one message in each direction. */
  readonly one: boolean;
  /** -U: nothing is read from standard input. */
  readonly listenOnly: boolean;
  /** -n: the end of input does not close the WebSocket. */
  readonly keepOpen: boolean;
  readonly pingSeconds: number;
  /** Without a pong for so long it gives up. */
  readonly pongSeconds: number;
}

interface State {
  readonly phase: 'resolving' | 'connecting' | 'asking' | 'open' | 'closing' | 'done';
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
  readonly key: string;
  readonly buffer: string;
  readonly typed: string;
  readonly atEnd: boolean;
  /** Pieces of a message whose last frame has not come. */
  readonly pieces: string;
  readonly pings: number;
  readonly pongNs: number;
}

const ECHO_WAIT_NS = 1_000_000_000;

export const websocat = defineApp<State, WebsocatConfig>({
  name: 'websocat',
  start: (context, config) =>
    resolved(context, config, {
      phase: 'resolving',
      resolving: startResolving(context, config.host),
      socket: -1,
      key: '',
      buffer: '',
      typed: '',
      atEnd: false,
      pieces: '',
      pings: 0,
      pongNs: 0,
    }),
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    if (event.kind === 'stdin') return flush(context, config, { ...state, typed: state.typed + event.text });
    if (event.kind === 'timer' && event.tag === 'ping') return ping(context, config, state);
    if (event.kind === 'timer' && event.tag === 'end') return finish(context, state, 0);
    if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    return 'socket' in event && event.socket === state.socket ? socketEvent(context, config, state, event) : state;
  },
});

function fails(context: AppContext, state: State, why: string): State {
  context.err(`websocat: ${why}\nwebsocat: error running\n`);
  return finish(context, state, 1);
}

function finish(context: AppContext, state: State, code: number): State {
  if (state.socket >= 0) context.close(state.socket);
  context.exit(code);
  return { ...state, phase: 'done', socket: -1 };
}

function resolved(context: AppContext, config: WebsocatConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const ip = result.ok ? result.addresses[0] : undefined;
  if (ip === undefined) return fails(context, state, 'WebSocketError: I/O failure\nwebsocat: failed to lookup address information: Name or service not known');
  const socket = context.tcpConnect({ ip, port: config.port }, { noDelay: true });
  if (typeof socket === 'string') return fails(context, state, `WebSocketError: I/O failure\nwebsocat: ${socket} (${formatIp(ip)}:${config.port})`);
  return { ...state, resolving: undefined, socket, phase: 'connecting' };
}

function socketEvent(context: AppContext, config: WebsocatConfig, state: State, event: Extract<AppEvent, { readonly socket: SocketId }>): State {
  switch (event.kind) {
    case 'connected':
      return ask(context, config, state);
    case 'connect-failed':
      return fails(
        context,
        { ...state, socket: -1 },
        `WebSocketError: I/O failure\nwebsocat: ${event.errno === 'ECONNREFUSED' ? 'Connection refused (os error 111)' : 'Connection timed out (os error 110)'}`,
      );
    case 'data':
      return received(context, config, { ...state, buffer: state.buffer + payloadBytes(event.payload) });
    case 'peer-closed':
    case 'aborted': {
      const left = event.kind === 'aborted' ? { ...state, socket: -1 } : state;
      if (state.phase === 'asking') return fails(context, left, 'WebSocketError: WebSocket error: Received unexpected end of file');
      if (config.verbose) context.err('[INFO  websocat::ws_peer] Closed by the peer without a Close frame\n');
      return finish(context, left, event.kind === 'aborted' ? 1 : 0);
    }
    default:
      return state;
  }
}

function ask(context: AppContext, { host, port, target, headers }: WebsocatConfig, state: State): State {
  const prng = context.prng('websocket-key');
  const key = bytesToBase64(Uint8Array.from({ length: 16 }, () => prng.below(256)));
  const head = formatHead(`GET ${target} HTTP/1.1`, [
    ...(headers.some(({ name }) => name.toLowerCase() === 'host') ? [] : [{ name: 'Host', value: port === 80 ? host : `${host}:${port}` }]),
    { name: 'Connection', value: 'Upgrade' },
    { name: 'Upgrade', value: 'websocket' },
    { name: 'Sec-WebSocket-Version', value: '13' },
    { name: 'Sec-WebSocket-Key', value: key },
    ...headers,
  ]);
  context.tcpSend(state.socket, textPayload(head));
  return { ...state, phase: 'asking', key };
}

function received(context: AppContext, config: WebsocatConfig, before: State): State {
  let state = before;
  if (state.phase === 'asking') {
    const read = readHead(state.buffer);
    if (read === 'incomplete') return state;
    const code = read === 'malformed' ? undefined : parseStatusLine(read.head.startLine)?.code;
    if (read === 'malformed' || code === undefined) return fails(context, state, 'WebSocketError: WebSocket error: Received malformed response');
    if (code !== 101) return fails(context, state, `WebSocketError: Received unexpected status code (${read.head.startLine.split(' ').slice(1).join(' ')})`);
    if (headerValue(read.head.headers, 'Sec-WebSocket-Accept') !== acceptKey(state.key))
      return fails(context, state, 'WebSocketError: WebSocket error: Sec-WebSocket-Accept does not fit the key');
    if (config.verbose) context.err('[INFO  websocat::ws_client_peer] Connected to ws\n');
    if (config.pingSeconds > 0) context.setTimer(config.pingSeconds * 1e9, 'ping');
    state = flush(context, config, { ...state, phase: 'open', buffer: read.rest, pongNs: context.nowNs });
  }
  const { frames, rest, wrong } = readFrames(state.buffer);
  state = { ...state, buffer: rest };
  for (const { opcode, final, payload } of frames) {
    if (opcode === OPCODE.ping) say(context, state, OPCODE.pong, payload);
    else if (opcode === OPCODE.pong) state = { ...state, pongNs: context.nowNs };
    else if (opcode === OPCODE.close) {
      if (state.phase === 'open') say(context, state, OPCODE.close, payload.slice(0, 2));
      return finish(context, state, 0);
    } else {
      state = { ...state, pieces: state.pieces + payload };
      if (!final) continue;
      const text = decodeUtf8(textToBytes(state.pieces) ?? new Uint8Array()) ?? state.pieces;
      context.out(text.endsWith('\n') ? text : `${text}\n`);
      state = { ...state, pieces: '' };
      if (config.one) return close(context, state);
    }
  }
  return wrong === undefined ? state : fails(context, state, `WebSocketError: WebSocket protocol error (${wrong})`);
}

function say(context: AppContext, state: State, opcode: number, payload: string): void {
  context.tcpSend(state.socket, frame(opcode, payload, context.prng('websocket-mask').uint32()));
}

function close(context: AppContext, state: State): State {
  say(context, state, OPCODE.close, closeBody(1000));
  context.setTimer(5 * ECHO_WAIT_NS, 'end');
  return { ...state, phase: 'closing' };
}

/** Each line is a message. At the end of input it waits a moment for answers, then closes, as the pipe's other end does in websocat. */
function flush(context: AppContext, config: WebsocatConfig, before: State): State {
  let state = before;
  if (state.phase !== 'open' || config.listenOnly) return state;
  for (;;) {
    const end = state.typed.search(/[\n\u0004]/);
    if (end < 0) return state;
    const line = state.typed.slice(0, end);
    const isEnd = state.typed[end] === '\u0004';
    state = { ...state, typed: state.typed.slice(end + 1), atEnd: isEnd };
    if (!isEnd || line !== '') say(context, state, OPCODE.text, bytesToText(encodeUtf8(line)));
    if (isEnd) return config.keepOpen || config.one ? state : close(context, state);
  }
}

function ping(context: AppContext, config: WebsocatConfig, state: State): State {
  if (state.phase !== 'open') return state;
  if (config.pongSeconds > 0 && context.nowNs - state.pongNs > config.pongSeconds * 1e9) return fails(context, state, 'WebSocket ping timeout');
  say(context, state, OPCODE.ping, String.fromCharCode(0, 0, 0, 0, 0, 0, (state.pings >> 8) & 255, state.pings & 255));
  context.setTimer(config.pingSeconds * 1e9, 'ping');
  return { ...state, pings: state.pings + 1 };
}

const VALUES = new Set(['H', 'header', 'ping-interval', 'ping-timeout', 'origin', 'protocol', 'basic-auth']);
const FLAGS = new Set([
  'v',
  'vv',
  'q',
  't',
  'text',
  'b',
  '1',
  'one-message',
  'U',
  'unidirectional-reverse',
  'n',
  'no-close',
  'E',
  'exit-on-eof',
  'k',
  'insecure',
]);

function parse(argv: readonly string[]): ParseResult<WebsocatConfig> {
  const refuse = (stderr: string, exitCode = 1): ParseResult<WebsocatConfig> => ({ ok: false, stderr, exitCode });
  const headers: HttpHeader[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  let url: string | undefined;
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    if (!argument.startsWith('-')) {
      url = argument;
      continue;
    }
    const [name = '', inline] = argument.replace(/^--?/, '').split(/=(.*)/s);
    if (VALUES.has(name)) {
      const value = inline ?? argv[i + 1] ?? '';
      if (inline === undefined) i += 1;
      const colon = value.indexOf(':');
      if (name === 'H' || name === 'header') headers.push({ name: value.slice(0, colon).trim(), value: value.slice(colon + 1).trim() });
      else if (name === 'origin') headers.push({ name: 'Origin', value });
      else if (name === 'protocol') headers.push({ name: 'Sec-WebSocket-Protocol', value });
      else if (name === 'basic-auth') headers.push({ name: 'Authorization', value: `Basic ${bytesToBase64(encodeUtf8(value))}` });
      else values.set(name, value);
    } else if (FLAGS.has(name)) flags.add(name);
    else if (argument.startsWith('--') || !/^[vqtb1UnEk]+$/.test(name))
      return refuse(`error: Found argument '${argument}' which wasn't expected, or isn't valid in this context\n\nFor more information try --help\n`);
    else for (const letter of name) flags.add(letter);
  }
  if (url === undefined) return refuse('websocat: No URL specified\n');
  if (/^wss:/i.test(url)) return refuse('websocat: wss: is not simulated here; ask the Gateway by ws:\n');
  const parsed = /^ws:\/\//i.test(url) ? parseUrl(url.replace(/^ws/i, 'http')) : 'invalid';
  if (typeof parsed === 'string') return refuse(`websocat: Invalid specifier ${url}: only ws:// is simulated\n`);
  const has = (...names: readonly string[]): boolean => names.some((name) => flags.has(name));
  return {
    ok: true,
    config: {
      host: parsed.host,
      port: parsed.port,
      target: parsed.target,
      headers,
      verbose: has('v', 'vv'),
      one: has('1', 'one-message'),
      listenOnly: has('U', 'unidirectional-reverse'),
      keepOpen: has('n', 'no-close'),
      pingSeconds: Number(values.get('ping-interval') ?? 0) || 0,
      pongSeconds: Number(values.get('ping-timeout') ?? 0) || 0,
    },
  };
}

export const websocatProgram = defineProgram({ app: 'websocat', parse });
