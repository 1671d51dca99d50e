/** mtr --report: echo requests with rising TTLs, round after round, and what came back from each hop. mtr: ui/net.c, ui/report.c */
import { formatRfc3339 } from '../../base/time.ts';
import { formatIp } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult, type ProgramEnvironment, type SocketId } from './definition.ts';
import { handleResolving, type Resolving, resolveErrorText, startResolving } from './resolver.ts';

export interface MtrConfig {
  readonly destination: string;
  readonly family: 4 | 6 | 'any';
  readonly wide: boolean;
  readonly rounds: number;
  readonly intervalSeconds: number;
  readonly firstHop: number;
  readonly maxHops: number;
  readonly packetBytes: number;
  readonly epochMs: number;
}

/** One hop of the way; times in ms. */
interface Hop {
  readonly ip: Ip | undefined;
  readonly sent: number;
  readonly received: number;
  readonly last: number;
  readonly best: number;
  readonly worst: number;
  readonly mean: number;
  /** Sum of squared differences from the mean (Welford). */
  readonly squares: number;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  readonly socket: SocketId;
  readonly startedMs: number;
  readonly hops: readonly Hop[];
  readonly round: number;
  /** TTL of the next probe. */
  readonly ttl: number;
  readonly sequence: number;
  /** By sequence: which hop was asked, and when. */
  readonly waiting: ReadonlyMap<number, { readonly hop: number; readonly sentNs: number }>;
  /** Hops to the destination once known. */
  readonly reached: number;
  readonly phase: 'resolving' | 'probing' | 'waiting' | 'done';
}

const NEW_HOP: Hop = { ip: undefined, sent: 0, received: 0, last: 0, best: 0, worst: 0, mean: 0, squares: 0 };
/** So many silent hops in a row end a round (-U). */
const MAX_UNKNOWN = 12;
/** How long late answers are waited for after the last round. */
const GRACE_NS = 5e9;
/** Hops that a round is taken to have before it is known. */
const FIRST_GUESS = 10;
const MAX_WAITING = 4096;

const START: State = {
  resolving: undefined,
  ip: 0,
  socket: -1,
  startedMs: 0,
  hops: [],
  round: 0,
  ttl: 1,
  sequence: 0,
  waiting: new Map(),
  reached: 0,
  phase: 'resolving',
};

export const mtr = defineApp<State, MtrConfig>({
  name: 'mtr',
  start: (context, config) =>
    resolved(context, config, { ...START, ttl: config.firstHop, resolving: startResolving(context, config.destination, config.family) }),
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (state.phase === 'resolving' && state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    if (event.kind === 'signal') return report(context, config, state);
    return whileRunning(context, config, state, event);
  },
});

function resolved(context: AppContext, config: MtrConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const startedMs = config.epochMs + Math.floor(context.nowNs / 1e6);
  if (!result.ok) {
    context.err(`mtr: Failed to resolve host: ${config.destination}: ${resolveErrorText(context, result.error)}\n`);
    context.exit(1);
    return { ...state, phase: 'done' };
  }
  const socket = context.echoOpen(context.prng('mtr-id').below(65535) + 1);
  if (typeof socket === 'string') {
    context.err('mtr: Failure to open sockets\n');
    context.exit(1);
    return { ...state, phase: 'done' };
  }
  context.out(`Start: ${formatRfc3339(startedMs).replace('Z', '+0000')}\n`);
  return probe(context, config, { ...state, resolving: undefined, ip: result.addresses[0] as Ip, socket, startedMs, phase: 'probing' });
}

function probe(context: AppContext, config: MtrConfig, state: State): State {
  const hops = [...state.hops];
  const hop = state.ttl - 1;
  while (hops.length <= hop) hops.push(NEW_HOP);
  const sequence = (state.sequence + 1) & 0xffff;
  const waiting = new Map(state.waiting).set(sequence, { hop, sentNs: context.nowNs });
  const oldest = waiting.size > MAX_WAITING ? waiting.keys().next().value : undefined;
  if (oldest !== undefined) waiting.delete(oldest);
  hops[hop] = { ...(hops[hop] as Hop), sent: (hops[hop] as Hop).sent + 1 };
  context.echoSend(state.socket, state.ip, sequence, Math.max(0, config.packetBytes - 28), { ttl: state.ttl });
  const length = state.reached > 0 ? state.reached : FIRST_GUESS;
  context.setTimer((config.intervalSeconds * 1e9) / length, 'next');
  return { ...state, hops, sequence, waiting };
}

/** The last hop that a round goes to: the destination, or where the silence has become too long. */
function endOfRound(config: MtrConfig, state: State): number {
  if (state.reached > 0) return state.reached;
  let silent = 0;
  for (let i = config.firstHop - 1; i < state.hops.length; i += 1) {
    silent = state.hops[i]?.ip === undefined ? silent + 1 : 0;
    if (silent >= MAX_UNKNOWN) return i + 1;
  }
  return config.maxHops;
}

function whileRunning(context: AppContext, config: MtrConfig, state: State, event: AppEvent): State {
  switch (event.kind) {
    case 'timer': {
      if (event.tag === 'grace') return report(context, config, state);
      if (state.phase !== 'probing') return state;
      if (state.ttl < endOfRound(config, state)) return probe(context, config, { ...state, ttl: state.ttl + 1 });
      if (state.round + 1 < config.rounds) return probe(context, config, { ...state, round: state.round + 1, ttl: config.firstHop });
      if (state.waiting.size === 0) return report(context, config, state);
      context.setTimer(GRACE_NS, 'grace');
      return { ...state, phase: 'waiting' };
    }
    case 'echo-reply':
      return heard(context, config, state, event.sequence, event.from, true);
    case 'socket-error':
      return event.icmp === undefined || event.icmp.gateway !== undefined
        ? state
        : heard(context, config, state, event.icmp.quoted.sequence, event.icmp.from, event.icmp.type === (typeof event.icmp.from === 'bigint' ? 1 : 3));
    default:
      return state;
  }
}

function heard(context: AppContext, config: MtrConfig, state: State, sequence: number, from: Ip, final: boolean): State {
  const asked = state.waiting.get(sequence);
  if (asked === undefined) return state;
  const waiting = new Map(state.waiting);
  waiting.delete(sequence);
  const hop = state.hops[asked.hop] ?? NEW_HOP;
  const ms = (context.nowNs - asked.sentNs) / 1e6;
  const received = hop.received + 1;
  const mean = hop.mean + (ms - hop.mean) / received;
  const hops = state.hops.map((one, i) =>
    i === asked.hop
      ? {
          ...hop,
          ip: from,
          received,
          last: ms,
          best: received === 1 ? ms : Math.min(hop.best, ms),
          worst: Math.max(hop.worst, ms),
          mean,
          squares: hop.squares + (ms - hop.mean) * (ms - mean),
        }
      : one,
  );
  const reached = final && (state.reached === 0 || asked.hop + 1 < state.reached) ? asked.hop + 1 : state.reached;
  const next: State = { ...state, waiting, hops, reached };
  return next.phase === 'waiting' && waiting.size === 0 ? report(context, config, next) : next;
}

/** The real tool cuts a number at five characters, which takes the digit behind the point from large ones. */
const cell = (value: number, width: number): string => value.toFixed(1).slice(0, 5).padStart(width);

function report(context: AppContext, config: MtrConfig, state: State): State {
  const names = state.hops.map((hop) => (hop.ip === undefined ? '???' : formatIp(hop.ip)));
  let shown = state.reached > 0 ? state.reached : state.hops.length;
  // Silence behind the last that was heard of is told once.
  if (state.reached === 0) {
    const last = state.hops.findLastIndex((hop) => hop.ip !== undefined);
    shown = Math.min(state.hops.length, last + 2);
  }
  const longest = Math.max(...names.slice(0, shown).map((name) => name.length), 1);
  const width = config.wide ? longest : 25;
  const title = config.wide ? context.hostname.padEnd(longest) : context.hostname.padEnd(27);
  context.out(`HOST: ${title} Loss%   Snt   Last   Avg  Best  Wrst StDev\n`);
  for (let i = config.firstHop - 1; i < shown; i += 1) {
    const hop = state.hops[i] ?? NEW_HOP;
    const loss = hop.sent === 0 ? 0 : ((hop.sent - hop.received) * 100) / hop.sent;
    const deviation = hop.received > 1 ? Math.sqrt(hop.squares / (hop.received - 1)) : 0;
    const numbers = `${` ${loss.toFixed(1).padStart(4)}%`.slice(0, 6)}${String(hop.sent).padStart(6)}${cell(hop.last, 7)}${cell(hop.mean, 6)}${cell(hop.best, 6)}${cell(hop.worst, 6)}${cell(deviation, 6)}`;
    context.out(`${String(i + 1).padStart(3)}.|-- ${(names[i] ?? '???').padEnd(width)}${numbers}\n`);
  }
  context.exit(0);
  return { ...state, phase: 'done' };
}

export function parseMtrArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<MtrConfig> {
  const parsed = parseOptions(argv, {
    flags: '46rwnbvh',
    values: 'cimfsU',
    longFlags: ['report', 'report-wide', 'no-dns', 'show-ips', 'version', 'help'],
    longValues: ['report-cycles', 'interval', 'max-ttl', 'first-ttl', 'psize'],
  });
  const bad = (stderr: string): ParseResult<MtrConfig> => ({ ok: false, stderr, exitCode: 1 });
  if ('problem' in parsed) return bad(optionProblemText('mtr', parsed));
  const has = (letter: string, long: string): boolean => hasOption(parsed, letter) || hasOption(parsed, long);
  const value = (letter: string, long: string): string | undefined => optionValue(parsed, letter) ?? optionValue(parsed, long);
  if (has('v', 'version')) return { ok: false, stdout: 'mtr 0.95\n', stderr: '', exitCode: 0 };
  const wide = has('w', 'report-wide');
  if (!wide && !has('r', 'report')) return bad('mtr: the full-screen display is not simulated in Kubehop; -r prints a report\n');
  const rounds = parseInteger(value('c', 'report-cycles') ?? '10', 1, 1000);
  const intervalSeconds = parseSeconds(value('i', 'interval') ?? '1');
  const maxHops = parseInteger(value('m', 'max-ttl') ?? '30', 1, 255);
  const firstHop = parseInteger(value('f', 'first-ttl') ?? '1', 1, 255);
  const packetBytes = parseInteger(value('s', 'psize') ?? '64', 28, 4470);
  if (rounds === undefined) return bad(`mtr: invalid argument: '${value('c', 'report-cycles')}'\n`);
  if (intervalSeconds === undefined || intervalSeconds <= 0) return bad('mtr: wait time must be positive\n');
  if (maxHops === undefined || firstHop === undefined || firstHop > maxHops) return bad('mtr: invalid TTL\n');
  if (packetBytes === undefined) return bad(`mtr: invalid argument: '${value('s', 'psize')}'\n`);
  return {
    ok: true,
    config: {
      destination: parsed.operands[0] ?? 'localhost',
      family: hasOption(parsed, '6') ? 6 : hasOption(parsed, '4') ? 4 : 'any',
      wide,
      rounds,
      intervalSeconds,
      firstHop,
      maxHops,
      packetBytes,
      epochMs: environment.epochMs ?? 0,
    },
  };
}

export const mtrProgram = defineProgram({ app: 'mtr', parse: parseMtrArgs });
