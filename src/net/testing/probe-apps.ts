/** Programs of the recorded worlds: a TCP and UDP server that says who called, and clients that write down how a call ended. */
import { formatIp } from '../addr/ip.ts';
import { type App, type AppContext, defineApp, type IcmpReport, type SocketId } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip } from '../wire/packet.ts';

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

const answer = (context: AppContext, config: ServerConfig, from: { ip: Ip; port: number }, local: string, received: number): string =>
  JSON.stringify({ server: config.name, saw: `${formatIp(from.ip)}:${from.port}`, local, received, at: context.netns });

export const probeServer: App = defineApp<ServerState, ServerConfig>({
  name: 'probe-server',
  start(context, config) {
    for (const port of config.tcp) context.tcpListen(0, port, 16);
    for (const port of config.udp) context.udpBind(0, port);
    return { connections: new Map() };
  },
  handle(context, state, event, config) {
    if (event.kind === 'datagram') {
      const body = answer(context, config, event.from, '', event.payload.bytes).padEnd(REPLY_BYTES);
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
      const reply = answer(context, config, context.remoteEndpoint(event.socket), `${formatIp(local.ip)}:${local.port}`, received);
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
  readonly bytes: number;
  readonly sends: number;
  readonly ttl: number | undefined;
  readonly dontFragment: boolean | undefined;
  readonly put: number;
  readonly get: number;
  readonly timeoutNs: number;
  /** Leave the connection open and answer each line of stdin with one more request. */
  readonly keep: boolean;
}

export interface Outcome {
  readonly status: string;
  readonly server?: string;
  readonly saw?: string;
  readonly received?: number;
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
  EMSGSIZE: 'emsgsize',
};
const statusOf = (errno: Errno): string => STATUS[errno] ?? errno;

interface ClientState {
  readonly socket: SocketId;
  readonly got: string;
  readonly sent: number;
  readonly waiting: boolean;
  readonly timer: number;
}

function tell(context: AppContext, outcome: Outcome): void {
  context.out(JSON.stringify(outcome));
}

function fromIcmp(errno: Errno, icmp: IcmpReport | undefined): Outcome {
  return { status: statusOf(errno), ...(icmp === undefined ? {} : { from: formatIp(icmp.from) }) };
}

export const probeClient: App = defineApp<ClientState, ClientConfig>({
  name: 'probe-client',
  start(context, config) {
    const end: ClientState = { socket: -1, got: '', sent: 0, waiting: false, timer: -1 };
    const timer = context.setTimer(config.timeoutNs, 'timeout');
    if (config.proto === 'tcp') {
      const socket = context.tcpConnect({ ip: config.ip, port: config.port });
      if (typeof socket === 'string') return finish(context, end, { status: statusOf(socket) });
      return { ...end, socket, waiting: true, timer };
    }
    const socket = config.proto === 'udp' ? context.udpConnect({ ip: config.ip, port: config.port }) : context.echoOpen(4242);
    if (typeof socket === 'string') return finish(context, end, { status: statusOf(socket) });
    return send(context, { ...end, socket, waiting: true, timer }, config);
  },
  handle(context, state, event, config) {
    switch (event.kind) {
      case 'connected':
        request(context, state.socket, config);
        return state;
      case 'data': {
        const got = state.got + (event.payload.text ?? '');
        if (got.length < config.get) return { ...state, got };
        const reply: unknown = JSON.parse(got.trim());
        const { server, saw, received } = reply as { server: string; saw: string; received: number };
        tell(context, { status: 'ok', server, saw, received: config.get > 0 ? got.length : received });
        context.cancelTimer(state.timer);
        if (config.keep) return { ...state, got: '', waiting: false };
        context.close(state.socket);
        // Lets the other side close as well.
        context.setTimer(20e6, 'leave');
        return { ...state, got: '', waiting: false };
      }
      case 'stdin': {
        request(context, state.socket, config);
        return { ...state, waiting: true, timer: context.setTimer(Number(event.text) * 1e9, 'timeout') };
      }
      case 'connect-failed':
      case 'aborted':
        return state.waiting ? finish(context, state, { status: statusOf(event.errno) }) : state;
      case 'datagram': {
        const reply: unknown = JSON.parse((event.payload.text ?? '{}').trim());
        const { server, saw, received } = reply as { server: string; saw: string; received: number };
        return finish(context, state, { status: 'ok', server, saw, received });
      }
      case 'echo-reply':
        return finish(context, state, { status: 'ok', from: formatIp(event.from), ttl: event.ttl });
      case 'socket-error': {
        const outcome = fromIcmp(event.errno, event.icmp);
        if (config.proto === 'icmp' && event.icmp !== undefined)
          return finish(context, state, { ...outcome, status: event.icmp.type === 11 ? 'ttl-exceeded' : outcome.status });
        if (state.sent < config.sends) return send(context, state, config);
        return finish(context, state, outcome);
      }
      case 'timer':
        if (event.tag === 'leave') context.exit(0);
        else if (state.waiting && config.keep) {
          // The recorder keeps the socket open.
          tell(context, { status: 'timeout' });
          return { ...state, waiting: false };
        } else if (state.waiting) return finish(context, state, { status: 'timeout' });
        return state;
      default:
        return state;
    }
  },
});

function request(context: AppContext, socket: SocketId, config: ClientConfig): void {
  if (config.put > 0) context.tcpSend(socket, text(`PUT ${config.put} `.padEnd(config.put)));
  else if (config.get > 0) context.tcpSend(socket, text(`GET ${config.get} `.padEnd(10)));
  else context.tcpSend(socket, text('hello, server'));
}

function send(context: AppContext, state: ClientState, config: ClientConfig): ClientState {
  const options = {
    ...(config.ttl === undefined ? {} : { ttl: config.ttl }),
    ...(config.dontFragment === undefined ? {} : { dontFragment: config.dontFragment }),
  };
  const result =
    config.proto === 'udp'
      ? context.udpSend(state.socket, text('x'.repeat(config.bytes)), undefined, options)
      : context.echoSend(state.socket, config.ip, 1, config.bytes, options);
  const next = { ...state, sent: state.sent + 1 };
  return result === 'ok' ? next : finish(context, next, { status: statusOf(result) });
}

function finish(context: AppContext, state: ClientState, outcome: Outcome): ClientState {
  tell(context, outcome);
  context.exit(outcome.status === 'ok' ? 0 : 1);
  return { ...state, waiting: false };
}
