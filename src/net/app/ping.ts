/** ping of iputils and of busybox: echo requests, replies, errors from the way, the summary. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { ICMP6_PARAMETER, ICMP6_TIME_EXCEEDED, ICMP6_TOO_BIG } from '../wire/icmp6.ts';
import type { Ip } from '../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type IcmpReport, type SocketId } from './definition.ts';
import { isBusybox, type PingConfig, parsePingArgs } from './ping-args.ts';
import { handleResolving, type Resolving, resolveErrorText, startResolving, stopResolving } from './resolver.ts';

interface State {
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  readonly socket: SocketId;
  readonly startedNs: number;
  readonly lastNs: number;
  readonly transmitted: number;
  readonly received: number;
  readonly duplicates: number;
  readonly errors: number;
  /** The name in the first and the last lines. */
  readonly shown: string;
  /** Send times by sequence number; only those that are still waited for. Changed in place. */
  readonly waiting: Map<number, number>;
  readonly minNs: number;
  readonly maxNs: number;
  readonly sumNs: number;
  readonly sumSquares: number;
  /** Most requests that were under way at once. */
  readonly pipe: number;
  readonly timer: number;
  readonly phase: 'resolving' | 'sending' | 'lingering' | 'done';
}

/** Requests that are remembered as unanswered; older ones are forgotten. */
const MAX_WAITING = 4096;

const START: Omit<State, 'waiting'> = {
  resolving: undefined,
  shown: '',
  ip: 0,
  socket: -1,
  startedNs: 0,
  lastNs: 0,
  transmitted: 0,
  received: 0,
  duplicates: 0,
  errors: 0,
  minNs: Number.MAX_SAFE_INTEGER,
  maxNs: 0,
  sumNs: 0,
  sumSquares: 0,
  pipe: 0,
  timer: -1,
  phase: 'resolving',
};

export const ping = defineApp<State, PingConfig>({
  name: 'ping',
  start: (context, config) =>
    resolved(context, config, { ...START, waiting: new Map(), resolving: startResolving(context, config.destination, config.family) }),
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (event.kind === 'signal') {
      if (state.phase !== 'resolving') return summary(context, config, state);
      if (state.resolving !== undefined) stopResolving(context, state.resolving);
      context.exit(130);
      return { ...state, phase: 'done' };
    }
    if (state.phase === 'resolving' && state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    return whileRunning(context, config, state, event);
  },
  copy: (state) => ({ ...state, waiting: new Map(state.waiting) }),
});

function fails(context: AppContext, state: State, text: string, code: number): State {
  context.err(text);
  context.exit(code);
  return { ...state, phase: 'done' };
}

function resolved(context: AppContext, config: PingConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    if (config.style === 'busybox') return fails(context, state, `ping: bad address '${config.destination}'\n`, 1);
    return fails(context, state, `ping: ${config.destination}: ${resolveErrorText(context, result.error)}\n`, 2);
  }
  const ip = result.addresses[0] as Ip;
  const bound = boundTo(context, config);
  if (typeof bound === 'string') return fails(context, state, bound, 2);
  const route = context.routeFor(ip, bound);
  if (config.style === 'iputils' && !config.broadcast && typeof ip === 'number' && context.isBroadcast(ip))
    return fails(context, state, 'ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n', 2);
  if (config.broadcast && typeof ip === 'number' && context.isBroadcast(ip)) context.err('WARNING: pinging broadcast address\n');
  if (typeof route === 'string' && config.style === 'iputils') {
    const words =
      route === 'ENETUNREACH'
        ? 'Network is unreachable'
        : route === 'EHOSTUNREACH'
          ? 'No route to host'
          : route === 'EACCES'
            ? 'Permission denied'
            : 'Invalid argument';
    return fails(context, state, `ping: connect: ${words}\n`, 2);
  }
  const socket = context.echoOpen(context.prng('ping-id').below(65535) + 1);
  if (typeof socket === 'string') return fails(context, state, 'ping: socket: Address already in use\n', 2);
  const shown = config.style === 'busybox' ? config.destination : result.canonical;
  const whole = config.dataBytes + 28;
  context.out(
    config.style === 'busybox'
      ? `PING ${shown} (${formatIp(ip)}): ${config.dataBytes} data bytes\n`
      : typeof ip === 'bigint'
        ? `PING ${shown}(${formatIp(ip)}) ${config.dataBytes} data bytes\n`
        : `PING ${shown} (${formatIp(ip)}) ${fromText(bound, route)}${config.dataBytes}(${whole}) bytes of data.\n`,
  );
  if (config.deadlineSeconds > 0) context.setTimer(config.deadlineSeconds * 1e9, 'deadline');
  return sendNext(context, config, { ...state, resolving: undefined, shown, ip, socket, startedNs: context.nowNs, lastNs: context.nowNs, phase: 'sending' });
}

/** -I: a device's name, or one of our addresses; an error's words otherwise. */
function boundTo(context: AppContext, config: PingConfig): { readonly device?: string; readonly source?: Ip } | string {
  if (config.from === undefined) return {};
  const source = parseIp(config.from);
  if (source !== undefined) return context.isLocalAddress(source) ? { source } : 'ping: bind: Cannot assign requested address\n';
  return context.findDevice(config.from) === undefined ? `ping: SO_BINDTODEVICE ${config.from}: No such device\n` : { device: config.from };
}

function fromText(bound: { readonly device?: string; readonly source?: Ip }, route: { readonly source: Ip } | string): string {
  if (bound.source !== undefined) return `from ${formatIp(bound.source)} : `;
  return bound.device === undefined || typeof route === 'string' ? '' : `from ${formatIp(route.source)} ${bound.device}: `;
}

/** `[1795561719.155986] ` before a line. */
function stamp(context: AppContext, config: PingConfig): string {
  if (config.stampEpochMs === undefined) return '';
  const us = Math.floor(config.stampEpochMs * 1000 + context.nowNs / 1000);
  return `[${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}] `;
}

function sendNext(context: AppContext, config: PingConfig, before: State): State {
  const sequence = before.transmitted + 1;
  const wire = sequence & 0xffff;
  const { waiting } = before;
  waiting.set(wire, context.nowNs);
  const oldest = waiting.size > MAX_WAITING ? waiting.keys().next().value : undefined;
  if (oldest !== undefined) waiting.delete(oldest);
  let state: State = { ...before, transmitted: sequence, lastNs: context.nowNs, timer: -1 };
  const bound = boundTo(context, config);
  const options = {
    ttl: config.ttl,
    ...(typeof bound === 'string' ? {} : bound),
    ...(config.discovery === 'want' ? {} : { dontFragment: config.discovery === 'do' }),
  };
  if (config.flood) context.out('.');
  const sent = context.echoSend(state.socket, state.ip, wire, config.dataBytes, options);
  if (sent !== 'ok') state = sendFailed(context, config, state, wire, sent);
  if (state.phase === 'done') return state;
  if (config.count > 0 && sequence >= config.count) return linger(context, config, state);
  return { ...state, timer: context.setTimer(config.intervalSeconds * 1e9, 'send') };
}

function sendFailed(context: AppContext, config: PingConfig, state: State, wire: number, errno: string): State {
  state.waiting.delete(wire);
  if (config.style === 'busybox') {
    const words = errno === 'ENETUNREACH' ? 'Network unreachable' : errno === 'EMSGSIZE' ? 'Message too large' : 'Operation not permitted';
    return fails(context, state, `ping: sendto: ${words}\n`, 1);
  }
  if (errno === 'EMSGSIZE') {
    const route = context.routeFor(state.ip);
    const mtu = typeof route === 'string' ? 0 : route.mtuBytes;
    context.err(`ping: local error: message too long, mtu${typeof state.ip === 'bigint' ? ': ' : '='}${mtu}\n`);
    return { ...state, errors: state.errors + 1 };
  }
  context.err(`ping: sendmsg: ${errno === 'EPERM' ? 'Operation not permitted' : errno === 'ENETUNREACH' ? 'Network is unreachable' : 'No route to host'}\n`);
  return state;
}

/** Everything is sent: wait for what is still under way. */
function linger(context: AppContext, config: PingConfig, state: State): State {
  if (state.received + state.errors >= state.transmitted) return summary(context, config, state);
  // Twice the longest round trip once there was one, otherwise -W (iputils: ping_common.c, schedule_exit).
  const waitNs =
    state.received > 0 && config.style === 'iputils' ? Math.max(2 * state.maxNs, Math.max(config.intervalSeconds, 1) * 1e9) : config.replySeconds * 1e9;
  return { ...state, phase: 'lingering', timer: context.setTimer(waitNs, 'linger') };
}

function whileRunning(context: AppContext, config: PingConfig, state: State, event: AppEvent): State {
  switch (event.kind) {
    case 'timer':
      if (event.tag === 'send') return sendNext(context, config, reportMissing(context, config, state));
      if (event.tag === 'linger' || event.tag === 'deadline') return summary(context, config, state);
      return state;
    case 'echo-reply':
      return event.socket === state.socket ? reply(context, config, state, event) : state;
    case 'socket-error':
      return event.socket === state.socket && event.icmp !== undefined ? wayError(context, config, state, event.icmp) : state;
    default:
      return state;
  }
}

function reportMissing(context: AppContext, config: PingConfig, state: State): State {
  const wire = state.transmitted & 0xffff;
  if (config.reportMissing && state.waiting.has(wire)) context.out(`${stamp(context, config)}no answer yet for icmp_seq=${wire}\n`);
  return state;
}

function reply(context: AppContext, config: PingConfig, state: State, event: Extract<AppEvent, { kind: 'echo-reply' }>): State {
  const sentNs = state.waiting.get(event.sequence);
  const duplicate = sentNs === undefined;
  const tripNs = context.nowNs - (sentNs ?? context.nowNs);
  if (config.flood && !config.quiet) context.out('\b \b');
  if (!config.quiet && !config.flood) {
    const from = formatIp(event.from);
    const mark = duplicate ? ' (DUP!)' : '';
    context.out(
      config.style === 'busybox'
        ? `${event.bytes} bytes from ${from}: seq=${event.sequence - 1} ttl=${event.ttl} time=${(tripNs / 1e6).toFixed(3)} ms${mark}\n`
        : `${stamp(context, config)}${event.bytes} bytes from ${from}: icmp_seq=${event.sequence} ttl=${event.ttl}${config.dataBytes < 16 ? '' : ` time=${tripText(tripNs)} ms`}${mark}\n`,
    );
  }
  if (duplicate) return { ...state, duplicates: state.duplicates + 1, pipe: pipeOf(state, event.sequence) };
  state.waiting.delete(event.sequence);
  const counted: State = {
    ...state,
    received: state.received + 1,
    pipe: pipeOf(state, event.sequence),
    lastNs: context.nowNs,
    minNs: Math.min(state.minNs, tripNs),
    maxNs: Math.max(state.maxNs, tripNs),
    sumNs: state.sumNs + tripNs,
    sumSquares: state.sumSquares + tripNs * tripNs,
  };
  if ((config.flood || config.adaptive) && counted.phase === 'sending' && (config.count === 0 || counted.transmitted < config.count)) {
    context.cancelTimer(counted.timer);
    return { ...counted, timer: context.setTimer(1000, 'send') };
  }
  return doneEarly(context, config, counted);
}

/** How many requests were under way, seen when one of them is answered (iputils: acknowledge). */
const pipeOf = (state: State, sequence: number): number => Math.max(state.pipe, ((state.transmitted - sequence) & 0xffff) + 1);

function doneEarly(context: AppContext, config: PingConfig, state: State): State {
  if (state.phase !== 'lingering' || state.received + state.errors < state.transmitted) return state;
  return summary(context, config, state);
}

/** Three digits in milliseconds below one, fewer above (iputils: gather_statistics). */
function tripText(ns: number): string {
  const us = Math.floor(ns / 1000);
  if (us >= 100_000) return String(Math.floor((us + 500) / 1000));
  if (us >= 10_000) return `${Math.floor((us + 50) / 1000)}.${Math.floor(((us + 50) % 1000) / 100)}`;
  if (us >= 1000) return `${Math.floor((us + 5) / 1000)}.${String(Math.floor(((us + 5) % 1000) / 10)).padStart(2, '0')}`;
  return `0.${String(us).padStart(3, '0')}`;
}

function wayError(context: AppContext, config: PingConfig, state: State, icmp: IcmpReport): State {
  const wire = icmp.quoted.sequence;
  if (!state.waiting.has(wire)) return state;
  if (icmp.gateway !== undefined) {
    // A hint, no failure: the packet goes on and its answer is still waited for.
    const kind = ['Network', 'Host', 'Type of Service and Network', 'Type of Service and Host'][icmp.code] ?? `, Bad Code: ${icmp.code}`;
    if (config.style !== 'busybox' && !config.quiet && !config.flood)
      context.out(`${stamp(context, config)}From ${formatIp(icmp.from)}: icmp_seq=${wire} Redirect ${kind}(New nexthop: ${formatIp(icmp.gateway)})\n`);
    return state;
  }
  // busybox says nothing about errors and goes on waiting.
  if (config.style === 'busybox') return state;
  state.waiting.delete(wire);
  if (!config.quiet && !config.flood) context.out(`${stamp(context, config)}From ${formatIp(icmp.from)} icmp_seq=${wire} ${errorWords(icmp)}\n`);
  return doneEarly(context, config, { ...state, errors: state.errors + 1, pipe: pipeOf(state, wire), lastNs: context.nowNs });
}

function errorWords(icmp: IcmpReport): string {
  if (typeof icmp.from === 'bigint') return errorWords6(icmp);
  if (icmp.type === 11) return icmp.code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  const words = [
    'Destination Net Unreachable',
    'Destination Host Unreachable',
    'Destination Protocol Unreachable',
    'Destination Port Unreachable',
    `Frag needed and DF set (mtu = ${icmp.mtu ?? 0})`,
    'Source Route Failed',
    'Destination Net Unknown',
    'Destination Host Unknown',
    'Source Host Isolated',
    'Destination Net Prohibited',
    'Destination Host Prohibited',
    'Destination Net Unreachable for Type of Service',
    'Destination Host Unreachable for Type of Service',
    'Packet filtered',
    'Precedence Violation',
    'Precedence Cutoff',
  ];
  return words[icmp.code] ?? `Dest Unreachable, Bad Code: ${icmp.code}`;
}

/** iputils: ping6_common.c, print_icmp */
function errorWords6(icmp: IcmpReport): string {
  if (icmp.type === ICMP6_TOO_BIG) return `Packet too big: mtu=${icmp.mtu ?? 0}`;
  if (icmp.type === ICMP6_TIME_EXCEEDED) return `Time exceeded: ${icmp.code === 0 ? 'Hop limit' : 'Defragmentation failure'}`;
  if (icmp.type === ICMP6_PARAMETER) return `Parameter problem: ${['Wrong header field ', 'Unknown header ', 'Unknown option '][icmp.code] ?? ''}`;
  const words = ['No route', 'Administratively prohibited', 'Beyond scope of source address', 'Address unreachable', 'Port unreachable'];
  return `Destination unreachable: ${words[icmp.code] ?? `Unknown code ${icmp.code}`}`;
}

function summary(context: AppContext, config: PingConfig, state: State): State {
  if (state.timer >= 0) context.cancelTimer(state.timer);
  context.out(config.style === 'busybox' ? busyboxSummary(config, state) : iputilsSummary(config, state));
  const enough = config.count > 0 && config.deadlineSeconds > 0 ? state.received >= config.count : state.received > 0;
  context.exit(enough ? 0 : 1);
  return { ...state, phase: 'done' };
}

function iputilsSummary(config: PingConfig, state: State): string {
  const { transmitted, received, errors, duplicates } = state;
  const loss = transmitted === 0 ? 0 : ((transmitted - received) * 100) / transmitted;
  let text = `\n--- ${state.shown} ping statistics ---\n${transmitted} packets transmitted, ${received} received`;
  if (duplicates > 0) text += `, +${duplicates} duplicates`;
  if (errors > 0) text += `, +${errors} errors`;
  text += `, ${percent(loss)}% packet loss, time ${Math.floor((state.lastNs - state.startedNs) / 1e6)}ms\n`;
  // A packet too small for a time stamp measures nothing.
  if (received > 0 && config.dataBytes >= 16) {
    const mean = state.sumNs / received;
    const deviation = Math.sqrt(Math.max(0, state.sumSquares / received - mean * mean));
    text += `rtt min/avg/max/mdev = ${[state.minNs, mean, state.maxNs, deviation].map((ns) => (Math.floor(ns / 1000) / 1000).toFixed(3)).join('/')} ms`;
    text += state.pipe > 1 ? `, pipe ${state.pipe}\n` : '\n';
  } else text += state.pipe > 1 ? `pipe ${state.pipe}\n\n` : '\n';
  return text;
}

/** `%g`: up to six significant digits, no trailing zeros. */
const percent = (value: number): string => String(Number(value.toPrecision(6)));

function busyboxSummary(config: PingConfig, state: State): string {
  const { transmitted, received } = state;
  const loss = transmitted === 0 ? 0 : Math.floor(((transmitted - received) * 100) / transmitted);
  let text = `\n--- ${config.destination} ping statistics ---\n${transmitted} packets transmitted, ${received} packets received, ${loss}% packet loss\n`;
  if (received > 0) text += `round-trip min/avg/max = ${[state.minNs, state.sumNs / received, state.maxNs].map((ns) => (ns / 1e6).toFixed(3)).join('/')} ms\n`;
  return text;
}

export const pingProgram = defineProgram({
  app: 'ping',
  parse: (argv, environment) => parsePingArgs(argv, isBusybox(environment) ? 'busybox' : 'iputils', environment.epochMs),
  endless: (config: PingConfig) => config.count === 0 && config.deadlineSeconds === 0,
});
export const busyboxPingProgram = defineProgram({
  app: 'ping',
  parse: (argv) => parsePingArgs(argv, 'busybox'),
  endless: (config: PingConfig) => config.count === 0 && config.deadlineSeconds === 0,
});
