/** tracepath of iputils: the way and its MTU by UDP datagrams that must not be cut. iputils: tracepath.c */
import { formatIp } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type IcmpReport, type ParseResult, type SocketId } from './definition.ts';
import { handleResolving, type Resolving, resolveErrorText, startResolving } from './resolver.ts';

export interface TracepathConfig {
  readonly destination: string;
  readonly family: 4 | 6 | 'any';
  readonly numeric: boolean;
  readonly both: boolean;
  readonly maxHops: number;
  readonly port: number;
  /** 0: as large as the way allows. */
  readonly packetBytes: number;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  readonly socket: SocketId;
  readonly mtu: number;
  readonly ttl: number;
  readonly tries: number;
  /** The MTU has changed since this hop was asked: it is asked again. */
  readonly changed: boolean;
  /** Probes are told apart by their destination port. */
  readonly probes: number;
  readonly sentNs: ReadonlyMap<number, number>;
  readonly timer: number;
  readonly hopsTo: number;
  readonly hopsBack: number;
  readonly phase: 'resolving' | 'probing' | 'done';
}

const USAGE = `
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  <destination>  dns name or ip address

For more details see tracepath(8).
`;

const LARGEST = 65535;
const TRIES = 3;
const WAIT_NS = 1e9;
/** Times that one hop may be asked because the MTU has changed. */
const MAX_RESENDS = 10;
const HISTORY = 64;
const HOST_WIDTH = 52;

const START: State = {
  resolving: undefined,
  ip: 0,
  socket: -1,
  mtu: LARGEST,
  ttl: 1,
  tries: 0,
  changed: false,
  probes: 0,
  sentNs: new Map(),
  timer: -1,
  hopsTo: -1,
  hopsBack: -1,
  phase: 'resolving',
};

export const tracepath = defineApp<State, TracepathConfig>({
  name: 'tracepath',
  start: (context, config) => resolved(context, config, { ...START, resolving: startResolving(context, config.destination, config.family) }),
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (event.kind === 'signal') return stop(context, state, 130);
    if (state.phase === 'resolving' && state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    return whileProbing(context, config, state, event);
  },
});

function stop(context: AppContext, state: State, code: number): State {
  context.exit(code);
  return { ...state, phase: 'done' };
}

function resolved(context: AppContext, config: TracepathConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    context.err(`tracepath: ${config.destination}: ${resolveErrorText(context, result.error)}\n`);
    return stop(context, state, 1);
  }
  const ip = result.addresses[0] as Ip;
  const socket = context.udpBind(typeof ip === 'bigint' ? 0n : 0, 0, { wantsErrors: true });
  if (typeof socket === 'string') return stop(context, state, 1);
  const mtu = config.packetBytes > 0 ? config.packetBytes : LARGEST;
  return probe(context, config, { ...state, resolving: undefined, ip, socket, mtu, phase: 'probing' });
}

const overhead = (ip: Ip): number => (typeof ip === 'bigint' ? 48 : 28);

/** Sends to the present hop; what the own kernel refuses as too long teaches the first MTU. */
function probe(context: AppContext, config: TracepathConfig, before: State): State {
  let state = before;
  for (let i = 0; i < MAX_RESENDS; i += 1) {
    const port = config.port + state.probes;
    const sentNs = new Map(state.sentNs).set(port, context.nowNs);
    const oldest = sentNs.size > HISTORY ? sentNs.keys().next().value : undefined;
    if (oldest !== undefined) sentNs.delete(oldest);
    state = { ...state, probes: state.probes + 1, sentNs };
    const sent = context.udpSend(
      state.socket,
      { bytes: Math.max(1, state.mtu - overhead(state.ip)) },
      { ip: state.ip, port },
      { ttl: state.ttl, dontFragment: true },
    );
    if (sent === 'ok') return { ...state, timer: context.setTimer(WAIT_NS, 'no-reply') };
    const route = context.routeFor(state.ip);
    if (sent !== 'EMSGSIZE' || typeof route === 'string' || route.mtuBytes >= state.mtu) {
      context.err(`tracepath: send failed\n`);
      context.out(`     Resume: pmtu ${state.mtu} \n`);
      return stop(context, state, 0);
    }
    context.out(`${String(state.ttl).padStart(2)}?: ${'[LOCALHOST]'.padEnd(32)} pmtu ${route.mtuBytes}\n`);
    state = { ...state, mtu: route.mtuBytes, changed: true };
  }
  return stop(context, state, 1);
}

function whileProbing(context: AppContext, config: TracepathConfig, state: State, event: AppEvent): State {
  if (event.kind === 'timer' && event.tag === 'no-reply') return noReply(context, config, state);
  if (event.kind === 'socket-error' && event.icmp !== undefined) return answered(context, config, state, event.icmp);
  if (event.kind === 'datagram') {
    context.cancelTimer(state.timer);
    context.out(`${String(state.ttl).padStart(2)}:  ${host(config, event.from.ip).padEnd(HOST_WIDTH)} reply received 8)\n`);
    return finish(context, { ...state, hopsTo: state.ttl });
  }
  return state;
}

function noReply(context: AppContext, config: TracepathConfig, state: State): State {
  if (state.changed && state.tries === 0) return probe(context, config, { ...state, changed: false });
  if (state.tries + 1 < TRIES) return probe(context, config, { ...state, tries: state.tries + 1, changed: false });
  context.out(`${String(state.ttl).padStart(2)}:  no reply\n`);
  return next(context, config, state);
}

function next(context: AppContext, config: TracepathConfig, state: State): State {
  if (state.ttl < config.maxHops) return probe(context, config, { ...state, ttl: state.ttl + 1, tries: 0, changed: false });
  context.out(`     Too many hops: pmtu ${state.mtu}\n`);
  return finish(context, state);
}

function finish(context: AppContext, state: State): State {
  const to = state.hopsTo >= 0 ? `hops ${state.hopsTo} ` : '';
  const back = state.hopsBack >= 0 ? `back ${state.hopsBack} ` : '';
  context.out(`     Resume: pmtu ${state.mtu} ${to}${back}\n`);
  return stop(context, state, 0);
}

/** How many routers an answer has passed, if its sender began with 64, 128, 192 or 255. */
const hopsOfTtl = (ttl: number): number => (ttl <= 64 ? 65 - ttl : ttl <= 128 ? 129 - ttl : ttl <= 192 ? 193 - ttl : 256 - ttl);

const host = (config: TracepathConfig, ip: Ip): string => (config.both ? `${formatIp(ip)} (???)` : config.numeric ? formatIp(ip) : '???');

function answered(context: AppContext, config: TracepathConfig, before: State, icmp: IcmpReport): State {
  const sentNs = before.sentNs.get(icmp.quoted.dport);
  if (sentNs === undefined) return before;
  context.cancelTimer(before.timer);
  const us = Math.floor((context.nowNs - sentNs) / 1000);
  const time = `${String(Math.floor(us / 1000)).padStart(3)}.${String(us % 1000).padStart(3, '0')}ms `;
  context.out(`${String(before.ttl).padStart(2)}:  ${host(config, icmp.from).padEnd(HOST_WIDTH)}${time}`);
  const verdict = verdictOf(icmp);
  const back = hopsOfTtl(icmp.ttl);
  if (verdict === 'too-big') {
    const mtu = icmp.mtu ?? before.mtu;
    context.out(`pmtu ${mtu}\n`);
    return probe(context, config, { ...before, mtu, changed: false });
  }
  if (verdict === 'on-the-way') {
    context.out(`${back === before.ttl ? '' : `asymm ${String(back).padStart(2)} `}\n`);
    return before.changed ? probe(context, config, { ...before, changed: false }) : next(context, config, before);
  }
  context.out(`${verdict}\n`);
  if (before.changed) return probe(context, config, { ...before, changed: false });
  return finish(context, verdict === 'reached' ? { ...before, hopsTo: before.ttl, hopsBack: back } : before);
}

function verdictOf(icmp: IcmpReport): string {
  const six = typeof icmp.from === 'bigint';
  if (icmp.type === (six ? 3 : 11)) return 'on-the-way';
  if (six) return icmp.type === 2 ? 'too-big' : icmp.code === 4 ? 'reached' : icmp.code === 1 ? '!A' : icmp.code === 0 ? '!N' : '!H';
  switch (icmp.code) {
    case 0:
    case 6:
    case 11:
      return '!N';
    case 2:
      return '!P';
    case 3:
      return 'reached';
    case 4:
      return 'too-big';
    case 9:
    case 10:
    case 13:
      return '!A';
    default:
      return '!H';
  }
}

export function parseTracepathArgs(argv: readonly string[]): ParseResult<TracepathConfig> {
  const parsed = parseOptions(argv, { flags: '46bnVh', values: 'lmp' });
  if ('problem' in parsed) return { ok: false, stderr: optionProblemText('tracepath', parsed) + USAGE, exitCode: 255 };
  if (hasOption(parsed, 'V')) return { ok: false, stdout: 'tracepath from iputils 20221126\n', stderr: '', exitCode: 0 };
  const [destination] = parsed.operands;
  if (destination === undefined) return { ok: false, stderr: USAGE, exitCode: 255 };
  const number = (letter: string, otherwise: number, min: number, max: number): number | string => {
    const text = optionValue(parsed, letter) ?? String(otherwise);
    return parseInteger(text, min, max) ?? `tracepath: invalid argument: '${text}': out of range: ${min} <= value <= ${max}\n`;
  };
  const packetBytes = optionValue(parsed, 'l') === undefined ? 0 : number('l', 0, 28, LARGEST);
  const maxHops = number('m', 30, 0, 255);
  const port = number('p', 44444, 0, 65535);
  for (const value of [packetBytes, maxHops, port]) if (typeof value === 'string') return { ok: false, stderr: value, exitCode: 1 };
  return {
    ok: true,
    config: {
      destination,
      family: hasOption(parsed, '6') ? 6 : hasOption(parsed, '4') ? 4 : 'any',
      numeric: hasOption(parsed, 'n'),
      both: hasOption(parsed, 'b'),
      maxHops: maxHops as number,
      port: port as number,
      packetBytes: packetBytes as number,
    },
  };
}

export const tracepathProgram = defineProgram({ app: 'tracepath', parse: (argv) => parseTracepathArgs(argv) });
