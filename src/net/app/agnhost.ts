/** `agnhost connect`: tries a connection and names what came of it in one word. Kubernetes: test/images/agnhost/connect/connect.go */
import { formatEndpoint, parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface AgnhostConfig {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** 0: as long as it takes. */
  readonly timeoutNs: number;
  readonly udpData: string;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly socket: SocketId;
}

const WORDS: Partial<Record<Errno, string>> = { ECONNREFUSED: 'REFUSED', ETIMEDOUT: 'TIMEOUT' };
const SYSCALL: Partial<Record<Errno, string>> = {
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EPERM: 'operation not permitted',
  ECONNRESET: 'connection reset by peer',
};

function failed(context: AppContext, { protocol, host, port }: AgnhostConfig, errno: Errno): void {
  context.err(`${WORDS[errno] ?? `OTHER: dial ${protocol} ${host}:${port}: connect: ${SYSCALL[errno] ?? errno}`}\n`);
  context.exit(1);
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
  const socket = config.protocol === 'udp' ? context.udpConnect(to) : config.protocol === 'sctp' ? context.sctpConnect(to) : context.tcpConnect(to);
  if (typeof socket === 'string') {
    failed(context, { ...config, host: formatEndpoint(to.ip, to.port).replace(/:\d+$/, '') }, socket);
    return state;
  }
  if (config.protocol === 'udp') context.udpSend(socket, textPayload(config.udpData));
  if (config.timeoutNs > 0) context.setTimer(config.timeoutNs, 'timeout');
  return { resolving: undefined, socket };
}

export const agnhost = defineApp<State, AgnhostConfig>({
  name: 'agnhost',
  start: (context, config) => connect(context, config, { resolving: startResolving(context, config.host), socket: -1 }),
  handle: (context, state, event, config) => {
    if (event.kind === 'signal') context.exit(130);
    else if (state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : connect(context, config, { ...state, resolving });
    } else if (event.kind === 'timer' && event.tag === 'timeout') failed(context, config, 'ETIMEDOUT');
    else if ('socket' in event && event.socket === state.socket) {
      if (event.kind === 'connect-failed' || event.kind === 'aborted' || event.kind === 'socket-error') failed(context, config, event.errno);
      else if (event.kind === 'connected' || event.kind === 'datagram') {
        context.close(state.socket);
        context.exit(0);
      }
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
  let destination: string | undefined;
  const flags = new Map<string, string>();
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i] as string;
    const flag = /^--?(protocol|timeout|udp-data)(?:=(.*))?$/.exec(word);
    if (flag !== null) {
      flags.set(flag[1] as string, flag[2] ?? rest[i + 1] ?? '');
      if (flag[2] === undefined) i += 1;
    } else if (word.startsWith('-')) return bad(`Error: unknown flag: ${word}\n${HELP}`);
    else destination = word;
  }
  if (destination === undefined) return bad(`Error: accepts 1 arg(s), received 0\n${HELP}`);
  const ends = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(destination);
  if (ends === null) return bad(`DNS: address ${destination}: missing port in address\n`);
  const protocol = flags.get('protocol') ?? 'tcp';
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') return bad(`Unsupported protocol: "${protocol}"`);
  const timeout = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(flags.get('timeout') ?? '0s');
  if (timeout === null)
    return bad(`Error: invalid argument "${flags.get('timeout') ?? ''}" for "--timeout" flag: time: invalid duration "${flags.get('timeout') ?? ''}"\n${HELP}`);
  const host = ends[1] ?? ends[2] ?? '';
  if (ends[1] !== undefined && parseIp(host) === undefined) return bad(`DNS: lookup ${host}: no such host\n`);
  return {
    ok: true,
    config: {
      host,
      port: Number(ends[3]),
      protocol,
      timeoutNs: Number(timeout[1]) * (UNITS[timeout[2] as string] as number),
      udpData: flags.get('udp-data') ?? 'hello',
    },
  };
}

export const agnhostProgram = defineProgram({ app: 'agnhost', parse: parseAgnhostArgs });
