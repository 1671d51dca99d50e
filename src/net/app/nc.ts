/** nc (OpenBSD's, as Debian and netshoot have it, and busybox'): tries ports with -z, talks over a connection, listens with -l. */

import { formatIp, parseIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip } from '../wire/packet.ts';
import { serviceName, servicePort } from '../wire/tcpdump/names.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type Endpoint, type LocalChoice, type ParseResult, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { listenAddress } from './listen-address.ts';
import { isBusybox } from './ping-args.ts';
import { handleResolving, type Resolving, resolveErrorText, startResolving } from './resolver.ts';

export interface NcConfig {
  readonly host: string;
  /** One, or all of a range in turn. */
  readonly ports: readonly number[];
  readonly zero: boolean;
  readonly verbose: boolean;
  readonly udp: boolean;
  readonly listen: boolean;
  readonly keepOpen: boolean;
  /** -N: end of input shuts the connection down. */
  readonly shutdownAtEnd: boolean;
  /** -s and -p of a connecting nc: where from. */
  readonly from: LocalChoice;
  /** 0: as long as it takes. */
  readonly waitSeconds: number;
  readonly style: 'openbsd' | 'busybox';
}

interface State {
  readonly phase: 'resolving' | 'connecting' | 'probing' | 'talking' | 'listening' | 'done';
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  readonly at: number;
  readonly socket: SocketId;
  readonly listener: SocketId;
  readonly peer: Endpoint | undefined;
  readonly timer: number;
  /** Typed before there was somebody to send it to. */
  readonly typed: string;
  readonly succeeded: boolean;
}

/** -z over UDP: a byte now and then, and no news is good news. */
const UDP_PROBE_NS = 1_000_000_000;
const UDP_PROBES = 3;

export const nc = defineApp<State, NcConfig>({
  name: 'nc',
  start: (context, config) => {
    const state: State = {
      phase: 'resolving',
      resolving: undefined,
      ip: 0,
      at: 0,
      socket: -1,
      listener: -1,
      peer: undefined,
      timer: -1,
      typed: '',
      succeeded: false,
    };
    if (config.listen) return listen(context, config, state);
    return resolved(context, config, { ...state, resolving: startResolving(context, config.host) });
  },
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    if (event.kind === 'stdin') return typed(context, config, state, event.text);
    switch (state.phase) {
      case 'resolving': {
        const resolving = state.resolving === undefined ? undefined : handleResolving(context, state.resolving, event);
        return resolving === undefined || resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
      }
      case 'connecting':
        return whileConnecting(context, config, state, event);
      case 'probing':
        return whileProbing(context, config, state, event);
      default:
        return whileTalking(context, config, state, event);
    }
  },
});

function finish(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, phase: 'done' };
}

function listen(context: AppContext, config: NcConfig, state: State): State {
  const port = config.ports[0] ?? 0;
  const any = listenAddress(context, undefined);
  const socket = config.udp ? context.udpBind(any, port) : context.tcpListen(any, port, 1);
  if (typeof socket === 'string') {
    context.err(`nc: ${socket === 'EPERM' ? ERRORS.EPERM : 'Address already in use'}\n`);
    return finish(context, state, 1);
  }
  if (config.verbose) context.err(config.udp ? `Bound on 0.0.0.0 ${port}\n` : `Listening on 0.0.0.0 ${port}\n`);
  return { ...state, phase: 'listening', listener: socket, socket: config.udp ? socket : -1 };
}

function resolved(context: AppContext, config: NcConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    if (config.style === 'busybox') {
      context.err(`nc: bad address '${config.host}'\n`);
      return finish(context, state, 1);
    }
    const words = resolveErrorText(context, result.error);
    context.err(`nc: getaddrinfo for host "${config.host}" port ${config.ports[0]}: ${words}\n`);
    return finish(context, state, 1);
  }
  return connect(context, config, { ...state, resolving: undefined, ip: result.addresses[0] as Ip });
}

function connect(context: AppContext, config: NcConfig, state: State): State {
  const port = config.ports[state.at];
  if (port === undefined) return finish(context, state, state.succeeded ? 0 : 1);
  const to = { ip: state.ip, port };
  const socket = config.udp ? context.udpConnect(to, config.from) : context.tcpConnect(to, config.from);
  if (typeof socket === 'string') return refused(context, config, state, socket);
  if (config.udp) return startUdp(context, config, { ...state, socket });
  const timer = config.waitSeconds > 0 ? context.setTimer(config.waitSeconds * 1e9, 'wait') : -1;
  return { ...state, phase: 'connecting', socket, timer };
}

function startUdp(context: AppContext, config: NcConfig, state: State): State {
  if (!config.zero && !config.verbose) return idle(context, config, flush(context, { ...state, phase: 'talking' }));
  context.udpSend(state.socket, textPayload('X'));
  return { ...state, phase: 'probing', timer: context.setTimer(UDP_PROBE_NS, 'probe', 1) };
}

const ERRORS: Partial<Record<Errno, string>> = {
  ECONNREFUSED: 'Connection refused',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  EPERM: 'Operation not permitted',
  EACCES: 'Permission denied',
  ECONNRESET: 'Connection reset by peer',
};

const shownHost = (config: NcConfig, state: State): string => (config.host === formatIp(state.ip) ? config.host : `${config.host} (${formatIp(state.ip)})`);

const busyboxEndpoint = (config: NcConfig, state: State): string => `${config.host} (${formatIp(state.ip)}:${config.ports[state.at] ?? 0})`;

function refused(context: AppContext, config: NcConfig, state: State, errno: Errno): State {
  if (config.style === 'busybox') {
    // With one -v a refusal is no news (busybox: networking/nc_bloaty.c).
    if (config.verbose && errno !== 'ECONNREFUSED') context.err(`nc: ${busyboxEndpoint(config, state)}: ${ERRORS[errno] ?? errno}\n`);
  } else if (config.verbose)
    context.err(
      `nc: connect to ${shownHost(config, state)} port ${config.ports[state.at]} (${config.udp ? 'udp' : 'tcp'}) failed: ${ERRORS[errno] ?? errno}\n`,
    );
  return connect(context, config, { ...clearTimer(context, state), socket: -1, at: state.at + 1 });
}

function clearTimer(context: AppContext, state: State): State {
  if (state.timer >= 0) context.cancelTimer(state.timer);
  return { ...state, timer: -1 };
}

/** With -w, a conversation in which nothing is said for so long is over (OpenBSD: nc(1), readwrite's poll). */
function idle(context: AppContext, config: NcConfig, state: State): State {
  if (config.waitSeconds <= 0 || config.listen || state.phase !== 'talking') return state;
  return { ...clearTimer(context, state), timer: context.setTimer(config.waitSeconds * 1e9, 'idle') };
}

function whileConnecting(context: AppContext, config: NcConfig, state: State, event: AppEvent): State {
  if (event.kind === 'timer') {
    context.close(state.socket);
    if (config.style === 'busybox') return refused(context, config, { ...state, timer: -1 }, 'ETIMEDOUT');
    if (config.verbose) context.err(`nc: connect to ${shownHost(config, state)} port ${config.ports[state.at]} (tcp) timed out: Operation now in progress\n`);
    return connect(context, config, { ...state, timer: -1, socket: -1, at: state.at + 1 });
  }
  if (!('socket' in event) || event.socket !== state.socket) return state;
  if (event.kind === 'connect-failed' || event.kind === 'aborted') return refused(context, config, state, event.errno);
  return event.kind === 'connected' ? succeeded(context, config, clearTimer(context, state)) : state;
}

function succeeded(context: AppContext, config: NcConfig, state: State): State {
  const port = config.ports[state.at] ?? 0;
  const protocol = config.udp ? 'udp' : 'tcp';
  if (config.verbose)
    context.err(
      config.style === 'busybox'
        ? `${busyboxEndpoint(config, state)} open\n`
        : `Connection to ${shownHost(config, state)} ${port} port [${protocol}/${serviceName(port, protocol) ?? '*'}] succeeded!\n`,
    );
  if (!config.zero) return idle(context, config, flush(context, { ...state, phase: 'talking', succeeded: true }));
  context.close(state.socket);
  return connect(context, config, { ...state, socket: -1, at: state.at + 1, succeeded: true });
}

function whileProbing(context: AppContext, config: NcConfig, state: State, event: AppEvent): State {
  if (event.kind === 'socket-error' && event.socket === state.socket && event.errno === 'ECONNREFUSED') {
    context.close(state.socket);
    return connect(context, config, { ...clearTimer(context, state), socket: -1, at: state.at + 1 });
  }
  if (event.kind !== 'timer') return state;
  const sent = event.data as number;
  if (sent >= UDP_PROBES) return succeeded(context, config, { ...state, timer: -1 });
  context.udpSend(state.socket, textPayload('X'));
  return { ...state, timer: context.setTimer(UDP_PROBE_NS, 'probe', sent + 1) };
}

function whileTalking(context: AppContext, config: NcConfig, state: State, event: AppEvent): State {
  switch (event.kind) {
    case 'timer':
      context.close(state.socket);
      return finish(context, { ...state, timer: -1 }, 0);
    case 'accepted':
      if (state.socket >= 0 && !config.keepOpen) {
        context.close(event.socket);
        return state;
      }
      if (config.verbose) context.err(`Connection received on ${formatIp(event.from.ip)} ${event.from.port}\n`);
      return flush(context, { ...state, socket: event.socket });
    case 'data':
      context.out(event.payload.text ?? '');
      return idle(context, config, state);
    case 'datagram':
      context.out(event.payload.text ?? '');
      return state.peer === undefined && config.listen ? flush(context, { ...state, peer: event.from }) : idle(context, config, state);
    case 'peer-closed':
      context.close(event.socket);
      return config.keepOpen ? { ...state, socket: -1 } : finish(context, state, 0);
    case 'aborted':
      if (config.verbose) context.err(`nc: read: ${ERRORS[event.errno] ?? event.errno}\n`);
      return config.keepOpen ? { ...state, socket: -1 } : finish(context, state, 1);
    case 'socket-error':
      return (event.errno === 'ECONNREFUSED' || event.errno === 'ECONNABORTED') && !config.listen ? finish(context, state, 1) : state;
    default:
      return state;
  }
}

function typed(context: AppContext, config: NcConfig, state: State, text: string): State {
  // End of input (Ctrl-D) leaves the connection open without -N.
  const more = { ...state, typed: state.typed + text.replaceAll('\u0004', '') };
  const ready = state.phase === 'talking' || (state.phase === 'listening' && (config.udp ? state.peer !== undefined : state.socket >= 0));
  if (!ready) return more;
  const next = idle(context, config, flush(context, more));
  if (config.shutdownAtEnd && !config.udp && text.includes('\u0004')) context.shutdown(next.socket);
  return next;
}

function flush(context: AppContext, state: State): State {
  if (state.typed === '') return state;
  const payload = textPayload(state.typed);
  context.tcpSend(state.socket, payload);
  context.udpSend(state.socket, payload, state.peer);
  return { ...state, typed: '' };
}

export function parseNcArgs(argv: readonly string[], style: NcConfig['style'] = 'openbsd'): ParseResult<NcConfig> {
  const parsed = parseOptions(argv, { flags: 'zvul4nkNd', values: 'wpqs' });
  const usage = 'usage: nc [-46klNnuvz] [-p source_port] [-w timeout] [destination] [port]\n';
  const bad = (stderr: string): ParseResult<NcConfig> => ({ ok: false, stderr, exitCode: 1 });
  if ('problem' in parsed) return bad(optionProblemText('nc', parsed) + usage);
  const listen = hasOption(parsed, 'l');
  const portOption = optionValue(parsed, 'p');
  const operands = listen ? parsed.operands.slice(-1) : parsed.operands;
  const host = listen ? '0.0.0.0' : operands[0];
  const portText = listen ? (operands[0] ?? portOption) : operands[1];
  if (host === undefined || portText === undefined) return bad(host === undefined ? usage : 'nc: missing port number\n');
  const [lowText = '', highText = lowText] = portText.split('-');
  const low = parseInteger(lowText, 1, 65535) ?? servicePort(lowText);
  const high = parseInteger(highText, 1, 65535) ?? servicePort(highText);
  if (low === undefined || high === undefined)
    return bad(/^\d+$/.test(portText) ? `nc: port number too large: ${portText}\n` : `nc: port number invalid: ${portText}\n`);
  const waitText = optionValue(parsed, 'w') ?? '0';
  const waitSeconds = parseSeconds(waitText);
  if (waitSeconds === undefined) return bad(`nc: timeout invalid: ${waitText}\n`);
  const sourceText = optionValue(parsed, 's');
  const source = sourceText === undefined ? undefined : parseIp(sourceText);
  if (sourceText !== undefined && source === undefined) return bad(`nc: getaddrinfo: Name or service not known\n`);
  const sourcePort = portOption === undefined ? undefined : (parseInteger(portOption, 1, 65535) ?? servicePort(portOption));
  if (portOption !== undefined && sourcePort === undefined) return bad(`nc: port number invalid: ${portOption}\n`);
  const from = { ...(source === undefined ? {} : { ip: source }), ...(sourcePort === undefined ? {} : { port: sourcePort }) };
  const ports = Array.from({ length: Math.min(1024, Math.abs(high - low) + 1) }, (_gone, i) => Math.min(low, high) + i);
  return {
    ok: true,
    config: {
      host,
      ports,
      zero: hasOption(parsed, 'z'),
      verbose: hasOption(parsed, 'v'),
      udp: hasOption(parsed, 'u'),
      listen,
      keepOpen: hasOption(parsed, 'k'),
      shutdownAtEnd: hasOption(parsed, 'N'),
      from: listen ? {} : from,
      waitSeconds,
      style,
    },
  };
}

export const ncProgram = defineProgram({
  app: 'nc',
  parse: (argv, environment) => parseNcArgs(argv, isBusybox(environment) ? 'busybox' : 'openbsd'),
  // With -w it ends once nothing is said.
  endless: (config: NcConfig) => config.listen || (!config.zero && config.waitSeconds <= 0),
});
