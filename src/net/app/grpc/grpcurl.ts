/** grpcurl 1.9: one call of a method in the plain, its answer as JSON. It knows the service of the conformance image by itself (as with -protoset), and asks no reflection. */
import { formatIp } from '../../addr/ip.ts';
import type { Payload } from '../../wire/packet.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult, type SocketId } from '../definition.ts';
import type { HttpHeader } from '../http-message.ts';
import { type H2Message, type H2Session, receiveH2, sendH2, startH2 } from '../http2/session.ts';
import { handleResolving, type Resolving, startResolving } from '../resolver.ts';
import { payloadBytes } from '../tls/layer.ts';
import { ECHO_METHODS, ECHO_SERVICE, echoJson } from './echo-service.ts';
import { GRPC_CODES, grpcCodeOf, grpcFrame, readGrpcFrame } from './message.ts';

export interface GrpcurlConfig {
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  readonly service: string;
  readonly method: string;
  readonly headers: readonly HttpHeader[];
  readonly verbose: boolean;
  readonly plaintext: boolean;
  /** 0: for ever. */
  readonly maxTimeSeconds: number;
  readonly connectTimeoutSeconds: number;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
  readonly session: H2Session | undefined;
  readonly done: boolean;
}

const PACKAGE = ECHO_SERVICE.slice(0, ECHO_SERVICE.lastIndexOf('.'));
const octets = (text: string): Payload => ({ bytes: text.length, octets: text });
const target = ({ host, port }: GrpcurlConfig): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

export const grpcurl = defineApp<State, GrpcurlConfig>({
  name: 'grpcurl',
  start: (context, config) => {
    if (config.maxTimeSeconds > 0) context.setTimer(config.maxTimeSeconds * 1e9, 'deadline');
    context.setTimer(config.connectTimeoutSeconds * 1e9, 'connect');
    return resolved(context, config, { resolving: startResolving(context, config.host), socket: -1, session: undefined, done: false });
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') return end(context, state, 130);
    if (event.kind === 'timer' && event.tag === 'deadline') return fails(context, state, 4, 'context deadline exceeded');
    if (event.kind === 'timer' && event.tag === 'connect' && state.session === undefined) return dialFails(context, config, state, 'context deadline exceeded');
    if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    if (!('socket' in event) || event.socket !== state.socket) return state;
    switch (event.kind) {
      case 'connected':
        return call(context, config, state);
      case 'connect-failed': {
        const { ip, port } = context.remoteEndpoint(event.socket);
        const why = event.errno === 'ECONNREFUSED' ? 'connection refused' : event.errno === 'ETIMEDOUT' ? 'connection timed out' : 'no route to host';
        return dialFails(context, config, { ...state, socket: -1 }, `dial tcp ${ip === 0 ? target(config) : `${formatIp(ip)}:${port}`}: connect: ${why}`);
      }
      case 'data':
        return received(context, config, state, payloadBytes(event.payload));
      case 'peer-closed':
      case 'aborted':
        return fails(context, event.kind === 'aborted' ? { ...state, socket: -1 } : state, 14, 'error reading from server: EOF');
      default:
        return state;
    }
  },
});

function end(context: AppContext, state: State, code: number): State {
  if (state.socket >= 0) context.close(state.socket);
  context.exit(code);
  return { ...state, done: true };
}

function dialFails(context: AppContext, config: GrpcurlConfig, state: State, why: string): State {
  context.err(`Failed to dial target host "${target(config)}": ${why}\n`);
  return end(context, state, 1);
}

/** Exit codes are 64 and the status. */
function fails(context: AppContext, state: State, code: number, message: string): State {
  context.err(`ERROR:\n  Code: ${GRPC_CODES[code] ?? `Code(${code})`}\n  Message: ${message}\n`);
  return end(context, state, 64 + code);
}

function resolved(context: AppContext, config: GrpcurlConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const next = { ...state, resolving: undefined };
  const ip = result.ok ? result.addresses[0] : undefined;
  if (ip === undefined) return dialFails(context, config, next, `dial tcp: lookup ${config.host}: no such host`);
  const socket = context.tcpConnect({ ip, port: config.port }, { noDelay: true });
  return typeof socket === 'string'
    ? dialFails(context, config, next, `dial tcp ${formatIp(ip)}:${config.port}: connect: network is unreachable`)
    : { ...next, socket };
}

function call(context: AppContext, config: GrpcurlConfig, state: State): State {
  if (!config.plaintext) return dialFails(context, config, state, 'tls: first record does not look like a TLS handshake');
  const { session, send } = startH2('client');
  const headers: HttpHeader[] = [
    { name: ':method', value: 'POST' },
    { name: ':scheme', value: 'http' },
    { name: ':path', value: `/${config.service}/${config.method}` },
    { name: ':authority', value: config.authority },
    { name: 'content-type', value: 'application/grpc' },
    { name: 'user-agent', value: 'grpcurl/1.9.3 grpc-go/1.61.0' },
    { name: 'te', value: 'trailers' },
    ...(config.maxTimeSeconds > 0 ? [{ name: 'grpc-timeout', value: `${Math.ceil(config.maxTimeSeconds * 1000)}m` }] : []),
    ...config.headers,
  ];
  const sent = sendH2(session, undefined, { headers, body: grpcFrame(''), trailers: undefined });
  context.tcpSend(state.socket, octets(send + sent.send));
  return { ...state, session: sent.session };
}

function received(context: AppContext, config: GrpcurlConfig, state: State, bytes: string): State {
  if (state.session === undefined) return state;
  const { session, send, messages, resets, failed } = receiveH2(state.session, bytes);
  if (send !== '') context.tcpSend(state.socket, octets(send));
  const next = { ...state, session };
  const message = messages[0]?.message;
  if (message !== undefined) return answered(context, config, next, message);
  if (resets.length > 0) return fails(context, next, 14, `stream terminated by RST_STREAM with error code: ${resets[0]?.code}`);
  return failed ? fails(context, next, 14, 'error reading from server: EOF') : next;
}

function answered(context: AppContext, config: GrpcurlConfig, state: State, { headers, body, trailers }: H2Message): State {
  const find = (name: string): string | undefined => (trailers ?? headers).find((one) => one.name === name)?.value;
  const status = Number(headers.find(({ name }) => name === ':status')?.value);
  const said = find('grpc-status');
  const code = said === undefined ? grpcCodeOf(status) : Number(said);
  const lines = (all: readonly HttpHeader[]): string =>
    all
      .filter(({ name }) => !name.startsWith(':') && !name.startsWith('grpc-'))
      .map(({ name, value }) => `${name}: ${value}\n`)
      .sort()
      .join('') || '(empty)\n';
  if (config.verbose) context.out(`\nResolved method descriptor:\nrpc ${config.method} ( .${PACKAGE}.EchoRequest ) returns ( .${PACKAGE}.EchoResponse );\n`);
  if (config.verbose) context.out(`\nResponse headers received:\n${lines(trailers === undefined ? [] : headers)}`);
  const octetsOf = readGrpcFrame(body);
  const json = octetsOf === undefined ? undefined : echoJson(octetsOf);
  if (json !== undefined) context.out(`${config.verbose ? '\nResponse contents:\n' : ''}${JSON.stringify(json, undefined, 2)}\n`);
  if (config.verbose)
    context.out(`\nResponse trailers received:\n${lines(trailers ?? headers)}Sent 1 request and received ${json === undefined ? 0 : 1} responses\n`);
  const message = decodePercent(find('grpc-message') ?? (said === undefined ? `unexpected HTTP status code received from server: ${status}` : ''));
  return code === 0 ? end(context, state, 0) : fails(context, state, code, message);
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const USAGE = `Usage:
\tgrpcurl [flags] [address] [list|describe] [symbol]
`;
const VALUES = new Set([
  'authority',
  'servername',
  'H',
  'rpc-header',
  'd',
  'max-time',
  'connect-timeout',
  'proto',
  'protoset',
  'import-path',
  'keepalive-time',
  'max-msg-sz',
]);

function parse(argv: readonly string[]): ParseResult<GrpcurlConfig> {
  const refuse = (text: string): ParseResult<GrpcurlConfig> => ({
    ok: false,
    stderr: `${text}\nTry '/usr/local/bin/grpcurl -help' for more details.\n`,
    exitCode: 2,
  });
  const headers: HttpHeader[] = [];
  const operands: string[] = [];
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    if (!argument.startsWith('-')) {
      operands.push(argument);
      continue;
    }
    const [name = '', ...inline] = argument.replace(/^--?/, '').split('=');
    if (name === 'help' || name === 'h') return { ok: false, stdout: USAGE, stderr: '', exitCode: 0 };
    if (name === 'plaintext' || name === 'v' || name === 'emit-defaults') values.set(name, 'true');
    else if (VALUES.has(name)) {
      const value = inline.length > 0 ? inline.join('=') : argv[i + 1];
      if (value === undefined) return refuse(`flag needs an argument: -${name}`);
      if (inline.length === 0) i += 1;
      const colon = value.indexOf(':');
      if (name === 'H' || name === 'rpc-header') headers.push({ name: value.slice(0, colon).trim().toLowerCase(), value: value.slice(colon + 1).trim() });
      else values.set(name, value);
    } else return { ok: false, stderr: `flag provided but not defined: -${name}\n${USAGE}`, exitCode: 2 };
  }
  const [address, symbol] = operands;
  if (address === undefined || symbol === undefined) return refuse('Too few arguments.');
  if (symbol === 'list' || symbol === 'describe')
    return { ok: false, stderr: 'Failed to list services: server does not support the reflection API\n', exitCode: 1 };
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === '')
    return { ok: false, stderr: `Failed to dial target host "${address}": dial tcp: address ${address}: missing port in address\n`, exitCode: 1 };
  const slash = Math.max(symbol.lastIndexOf('/'), symbol.indexOf('/') < 0 ? symbol.lastIndexOf('.') : -1);
  const [service, method] = [symbol.slice(0, Math.max(0, slash)), symbol.slice(slash + 1)];
  if (service !== ECHO_SERVICE || !ECHO_METHODS.includes(method))
    return { ok: false, stderr: `Error invoking method "${symbol}": target server does not expose service "${service}"\n`, exitCode: 1 };
  return {
    ok: true,
    config: {
      host,
      port: Number(port),
      authority: values.get('authority') ?? address,
      service,
      method,
      headers,
      verbose: values.has('v'),
      plaintext: values.has('plaintext'),
      maxTimeSeconds: Number(values.get('max-time') ?? 0) || 0,
      connectTimeoutSeconds: Number(values.get('connect-timeout') ?? 10) || 10,
    },
  };
}

export const grpcurlProgram = defineProgram({ app: 'grpcurl', parse });
