/** `agnhost connect`: tries a connection and names what came of it in one word. Kubernetes: test/images/agnhost/connect/connect.go */
import { formatEndpoint, parseIp } from '../addr/ip.ts';
import { sctpTransport } from '../socket/sctp.ts';
import type { Errno } from '../stack/userland.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface AgnhostConfig {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** 0: of SCTP no time at all, of the others as long as it takes. */
  readonly timeoutNs: number;
  /** What is sent, over UDP and SCTP. */
  readonly data: string;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
}

/** As Go's syscall.Errno prints them. */
const ERRNO: Partial<Record<Errno, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ENOPROTOOPT: 'protocol not available',
  EPERM: 'operation not permitted',
  ETIMEDOUT: 'connection timed out',
};

function failed(context: AppContext, config: AgnhostConfig, state: State, errno: Errno): State {
  const { protocol } = config;
  const words = ERRNO[errno] ?? errno;
  const { ip, port } = state.socket < 0 ? { ip: 0, port: 0 } : context.remoteEndpoint(state.socket);
  const peer = state.socket < 0 ? `${config.host}:${config.port}` : formatEndpoint(ip, port);
  const own = state.socket < 0 ? undefined : context.localEndpoint(state.socket);
  const reading = own === undefined ? `dial udp ${peer}: connect` : `read udp ${formatEndpoint(own.ip, own.port)}->${peer}`;
  if (errno === 'ETIMEDOUT') context.err(protocol === 'udp' ? `TIMEOUT: ${reading}: i/o timeout\n` : 'TIMEOUT\n');
  else if (protocol === 'tcp') context.err(errno === 'ECONNREFUSED' ? 'REFUSED\n' : `OTHER: dial tcp ${config.host}:${config.port}: connect: ${words}\n`);
  // Only TCP's and UDP's refusals are told apart.
  else if (protocol === 'sctp') context.err(`OTHER: ${words}\n`);
  else
    context.err(
      `${errno === 'ECONNREFUSED' ? 'REFUSED' : own === undefined ? 'OTHER' : 'UNKNOWN'}: ${reading}: ${own === undefined ? '' : 'recvfrom: '}${words}\n`,
    );
  context.exit(1);
  return state;
}

function connect(context: AppContext, config: AgnhostConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.err(`DNS: lookup ${config.host}: no such host\n`);
    context.exit(1);
    return state;
  }
  const to = { ip: result.addresses[0] ?? 0, port: config.port };
  const socket = config.protocol === 'udp' ? context.udpConnect(to) : config.protocol === 'sctp' ? context.sctp.connect(to) : context.tcpConnect(to);
  if (typeof socket === 'string') return failed(context, config, { resolving: undefined, socket: -1 }, socket);
  if (config.protocol === 'udp') context.udpSend(socket, textPayload(`${config.data}\n`));
  if (config.timeoutNs > 0 || config.protocol === 'sctp') context.setTimer(config.timeoutNs, 'timeout');
  return { resolving: undefined, socket };
}

function connected(context: AppContext, config: AgnhostConfig, state: State, event: AppEvent): void {
  const hasAnswer = event.kind === 'datagram' || event.kind === 'data' || event.kind === 'peer-closed';
  if (event.kind === 'connected' && config.protocol === 'sctp') context.sctp.send(state.socket, textPayload(`${config.data}\n`));
  else if (hasAnswer || event.kind === 'connected') {
    context.close(state.socket);
    context.exit(0);
  }
}

export const agnhost = defineApp<State, AgnhostConfig>({
  name: 'agnhost',
  sctp: sctpTransport,
  start: (context, config) => connect(context, config, { resolving: startResolving(context, config.host), socket: -1 }),
  handle: (context, state, event, config) => {
    if (event.kind === 'signal') context.exit(130);
    else if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : connect(context, config, { ...state, resolving });
    } else if (event.kind === 'timer' && event.tag === 'timeout') return failed(context, config, state, 'ETIMEDOUT');
    else if ('socket' in event && event.socket === state.socket) {
      if (event.kind === 'connect-failed' || event.kind === 'aborted' || event.kind === 'socket-error') return failed(context, config, state, event.errno);
      connected(context, config, state, event);
    }
    return state;
  },
});

const UNITS: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9 };
const HELP = 'Usage:\n  app connect [host:port] [flags]\n';

export function parseAgnhostArgs(argv: readonly string[]): ParseResult<AgnhostConfig> {
  const bad = (stderr: string): ParseResult<AgnhostConfig> => ({ ok: false, stderr, exitCode: 1 });
  const [verb, ...rest] = argv;
  // The servers among its commands are run by containers, not by hand.
  if (verb !== 'connect') return bad(`Error: unknown command "${verb ?? ''}" for "app"\nRun 'app --help' for usage.\n`);
  const destinations: string[] = [];
  const flags = new Map<string, string>();
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i] as string;
    const flag = /^--(protocol|timeout|udp-data|sctp-data)(?:=(.*))?$/.exec(word);
    if (flag !== null) {
      flags.set(flag[1] as string, flag[2] ?? rest[i + 1] ?? '');
      if (flag[2] === undefined) i += 1;
    } else if (word.startsWith('-')) return bad(`Error: unknown flag: ${word.split('=')[0]}\n${HELP}`);
    else destinations.push(word);
  }
  const [destination] = destinations;
  if (destination === undefined || destinations.length > 1) return bad(`Error: accepts 1 arg(s), received ${destinations.length}\n${HELP}`);
  const protocol = flags.get('protocol') || 'tcp';
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') return bad(`Unsupported protocol\n${protocol}`);
  const timeoutText = flags.get('timeout') ?? '0s';
  const timeout = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(timeoutText === '0' ? '0s' : timeoutText);
  if (timeout === null) return bad(`Error: invalid argument "${timeoutText}" for "--timeout" flag: time: invalid duration "${timeoutText}"\n${HELP}`);
  const ends = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(destination);
  const problem = `address ${destination}: ${/:[^:]*:/.test(destination) && !destination.startsWith('[') ? 'too many colons' : 'missing port'} in address\n`;
  if (ends === null) return bad(`${protocol === 'tcp' ? 'UNKNOWN' : 'DNS'}: ${problem}`);
  const host = ends[1] ?? ends[2] ?? '';
  if (ends[1] !== undefined && parseIp(host) === undefined) return bad(`DNS: lookup ${host}: no such host\n`);
  return {
    ok: true,
    config: {
      host,
      port: Number(ends[3]),
      protocol,
      timeoutNs: Number(timeout[1]) * (UNITS[timeout[2] as string] as number),
      data: flags.get(protocol === 'sctp' ? 'sctp-data' : 'udp-data') ?? 'hostname',
    },
  };
}

export const agnhostProgram = defineProgram({ app: 'agnhost', parse: parseAgnhostArgs });
