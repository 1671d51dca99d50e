/** Programs of the recorded worlds: a TCP and UDP server that says who called, and clients that write down how a call ended. */
import { formatIp } from '../../net/addr/ip.ts';
import { type App, type AppContext, defineApp, type SocketId } from '../../net/app/definition.ts';
import type { Errno } from '../../net/stack/userland.ts';
import type { Ip } from '../../net/wire/packet.ts';

export interface ServerConfig {
  readonly name: string;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** What a UDP answer is padded to, as in the recordings. */
const REPLY_BYTES = 212;

const text = (value: string): { bytes: number; text: string } => ({ bytes: value.length, text: value });

interface Wanted {
  readonly received: number;
  /** PUT: how much will come. */
  readonly expected: number;
}
interface ServerState {
  readonly connections: ReadonlyMap<SocketId, Wanted>;
}

const answer = (config: ServerConfig, from: { ip: Ip; port: number }, local: string, received: number): string =>
  JSON.stringify({ server: config.name, saw: `${formatIp(from.ip)}:${from.port}`, local, received });

export const probeServer: App = defineApp<ServerState, ServerConfig>({
  name: 'probe-server',
  start(context, config) {
    for (const port of config.tcp) context.tcpListen(0, port, 16);
    for (const port of config.udp) context.udpBind(0, port);
    return { connections: new Map() };
  },
  handle(context, state, event, config) {
    if (event.kind === 'datagram') {
      const body = answer(config, event.from, '', event.payload.bytes).padEnd(REPLY_BYTES);
      context.udpSend(event.socket, text(body), event.from);
      return state;
    }
    if (event.kind === 'data') {
      const connections = new Map(state.connections);
      const words = (event.payload.text ?? '').split(' ');
      const before = connections.get(event.socket);
      const expected = before?.expected ?? (words[0] === 'PUT' ? Number(words[1]) : 0);
      const received = (before?.received ?? 0) + event.payload.bytes;
      connections.set(event.socket, { received, expected });
      if (received < expected) return { connections };
      connections.delete(event.socket);
      const local = context.localEndpoint(event.socket);
      const reply = answer(config, context.remoteEndpoint(event.socket), `${formatIp(local.ip)}:${local.port}`, received);
      const pad = words[0] === 'GET' ? Number(words[1]) : 0;
      context.tcpSend(event.socket, text(reply.padEnd(Math.max(reply.length, pad))));
      return { connections };
    }
    if (event.kind === 'peer-closed') context.close(event.socket);
    return state;
  },
});

export interface ClientConfig {
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly ip: Ip;
  readonly port: number;
  readonly sourceIp?: Ip;
  readonly sourcePort?: number;
  readonly bytes: number;
  readonly sends: number;
  readonly ttl: number | undefined;
  readonly dontFragment: boolean | undefined;
  readonly put: number;
  readonly get: number;
  readonly timeoutNs: number;
  /** ICMP id of echo requests. */
  readonly echoId: number;
  /** Leave the socket open and answer each line of stdin (a `Renewal`) with one more request. */
  readonly keep: boolean;
}

/** One more request on a socket that was kept. */
export interface Renewal {
  readonly timeoutNs: number;
  readonly close: boolean;
  readonly put?: number;
  readonly get?: number;
}

export interface Outcome {
  readonly status: string;
  /** Where a TCP call ended. */
  readonly phase?: string;
  readonly local?: string;
  readonly server?: string;
  readonly server_saw?: string;
  readonly server_local?: string;
  readonly received?: number;
  readonly reply_from?: string;
  readonly reply_len?: number;
  /** Who sent the ICMP error, or the echo reply. */
  readonly from?: string;
  readonly ttl?: number;
}

const STATUS: Readonly<Partial<Record<Errno, string>>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'net-unreachable',
};
const statusOf = (errno: Errno): string => STATUS[errno] ?? errno.toLowerCase();

interface ClientState {
  readonly socket: SocketId;
  readonly got: string;
  readonly sent: number;
  readonly waiting: boolean;
  readonly connected: boolean;
  readonly timer: number;
  readonly put: number;
  readonly get: number;
  readonly keep: boolean;
}

function tell(context: AppContext, outcome: Outcome): void {
  context.out(JSON.stringify(outcome));
}

const endpoint = (at: { ip: Ip; port: number }): string => `${formatIp(at.ip)}:${at.port}`;

interface Answer {
  readonly server: string;
  readonly saw: string;
  readonly local: string;
  readonly received: number;
}

/** The answer of a probe server, or undefined for anything else. */
function readAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text.trim());
    return typeof value === 'object' && value !== null && 'server' in value ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

export const probeClient: App = defineApp<ClientState, ClientConfig>({
  name: 'probe-client',
  start(context, config) {
    const end: ClientState = {
      socket: -1,
      got: '',
      sent: 0,
      waiting: false,
      connected: false,
      timer: -1,
      put: config.put,
      get: config.get,
      keep: config.keep,
    };
    const timer = context.setTimer(config.timeoutNs, 'timeout');
    const to = { ip: config.ip, port: config.port };
    const from = {
      ...(config.sourceIp === undefined ? {} : { ip: config.sourceIp }),
      ...(config.sourcePort === undefined ? {} : { port: config.sourcePort }),
    };
    if (config.proto === 'tcp') {
      const socket = context.tcpConnect(to, from);
      if (typeof socket === 'string') return finish(context, end, { status: statusOf(socket), phase: 'connect' });
      return { ...end, socket, waiting: true, timer };
    }
    const socket = config.proto === 'udp' ? context.udpConnect(to, from) : context.echoOpen(config.echoId);
    if (typeof socket === 'string') return finish(context, end, { status: statusOf(socket) });
    return send(context, { ...end, socket, waiting: true, timer }, config);
  },
  handle(context, state, event, config) {
    switch (event.kind) {
      case 'connected':
        request(context, state);
        return { ...state, connected: true };
      case 'data': {
        const got = state.got + (event.payload.text ?? '');
        const answer = got.length < state.get ? undefined : readAnswer(got);
        if (answer === undefined) return { ...state, got };
        const outcome = {
          status: 'ok',
          local: endpoint(context.localEndpoint(state.socket)),
          server: answer.server,
          server_saw: answer.saw,
          server_local: answer.local,
          ...(state.get > 0 ? { received: got.length } : state.put > 0 ? { received: answer.received } : {}),
        };
        return settle(context, state, config, outcome);
      }
      case 'stdin': {
        const renewal = JSON.parse(event.text) as Renewal;
        const next = {
          ...state,
          waiting: true,
          keep: !renewal.close,
          put: renewal.put ?? 0,
          get: renewal.get ?? 0,
          timer: context.setTimer(renewal.timeoutNs, 'timeout'),
        };
        if (config.proto !== 'tcp') return send(context, { ...next, sent: config.sends - 1 }, config);
        request(context, next);
        return next;
      }
      case 'connect-failed':
      case 'aborted':
        return state.waiting ? finish(context, state, { status: statusOf(event.errno), phase: state.connected ? 'transfer' : 'connect' }) : state;
      case 'peer-closed':
        return state.waiting && state.got === '' ? settle(context, state, config, { status: 'closed', phase: 'transfer' }) : state;
      case 'datagram': {
        const answer = readAnswer(event.payload.text ?? '');
        return again(context, state, config, {
          status: 'ok',
          local: endpoint(context.localEndpoint(state.socket)),
          ...(answer === undefined ? {} : { server: answer.server, server_saw: answer.saw, received: answer.received }),
          reply_from: endpoint(event.from),
          reply_len: event.payload.bytes,
        });
      }
      case 'echo-reply':
        return again(context, state, config, { status: 'ok', from: formatIp(event.from), ttl: event.ttl });
      case 'socket-error': {
        const icmp = event.icmp;
        const from = icmp === undefined ? {} : { from: formatIp(icmp.from) };
        const exceeded = config.proto === 'icmp' && icmp?.type === 11;
        return again(context, state, config, { status: exceeded ? 'ttl-exceeded' : statusOf(event.errno), ...(config.proto === 'icmp' ? from : {}) });
      }
      case 'timer':
        if (event.tag === 'leave') context.exit(0);
        else if (event.tag === 'timeout' && state.waiting)
          return again(context, state, config, { status: 'timeout', ...(config.proto === 'tcp' ? { phase: state.connected ? 'transfer' : 'connect' } : {}) });
        return state;
      default:
        return state;
    }
  },
});

/** A datagram's fate is known: the next one, or the end. */
function again(context: AppContext, state: ClientState, config: ClientConfig, outcome: Outcome): ClientState {
  if (!state.waiting) return state;
  if (config.proto !== 'tcp' && state.sent < config.sends) return send(context, state, config);
  return settle(context, state, config, outcome);
}

function request(context: AppContext, state: ClientState): void {
  if (state.put > 0) context.tcpSend(state.socket, text(`PUT ${state.put} `.padEnd(state.put)));
  else if (state.get > 0) context.tcpSend(state.socket, text(`GET ${state.get} `.padEnd(10)));
  else context.tcpSend(state.socket, text('hello, server'));
}

function send(context: AppContext, state: ClientState, config: ClientConfig): ClientState {
  const options = {
    ...(config.ttl === undefined ? {} : { ttl: config.ttl }),
    ...(config.dontFragment === undefined ? {} : { dontFragment: config.dontFragment }),
  };
  const result =
    config.proto === 'udp'
      ? context.udpSend(state.socket, text('x'.repeat(config.bytes)), undefined, options)
      : context.echoSend(state.socket, config.ip, state.sent + 1, config.bytes, options);
  const next = { ...state, sent: state.sent + 1 };
  if (result === 'ok') return next;
  return again(context, next, config, { status: statusOf(result) });
}

/** The call is over, and the socket is kept or closed. */
function settle(context: AppContext, state: ClientState, config: ClientConfig, outcome: Outcome): ClientState {
  tell(context, outcome);
  context.cancelTimer(state.timer);
  const next = { ...state, got: '', waiting: false };
  // The recorder leaves a connection alone that has not answered.
  if (state.keep || (config.keep && outcome.status === 'timeout')) return next;
  context.close(state.socket);
  // Lets the other side close as well.
  context.setTimer(20e6, 'leave');
  return next;
}

function finish(context: AppContext, state: ClientState, outcome: Outcome): ClientState {
  tell(context, outcome);
  context.exit(outcome.status === 'ok' ? 0 : 1);
  return { ...state, waiting: false };
}
