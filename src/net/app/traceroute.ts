/** traceroute by UDP, ICMP echo or TCP SYN: Linux' own, sixteen probes at a time, and busybox', one after the other. */
import { formatIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { blankPacket } from '../wire/new-packet.ts';
import { ICMP_REDIRECT, IP_PROTO_TCP, type Ip, TCP_SYN } from '../wire/packet.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type IcmpReport, type ParseResult, type SocketId } from './definition.ts';
import { isBusybox } from './ping-args.ts';
import { handleResolving, type Resolving, resolveErrorText, startResolving } from './resolver.ts';

export interface TracerouteConfig {
  readonly style: 'linux' | 'busybox';
  readonly destination: string;
  readonly numeric: boolean;
  readonly queries: number;
  readonly waitSeconds: number;
  readonly firstHop: number;
  readonly maxHops: number;
  readonly packetBytes: number;
  /** UDP to a rising port, UDP to one port (-U), echo requests (-I), SYNs (-T). */
  readonly method: 'rising' | 'udp' | 'icmp' | 'tcp';
  readonly port: number;
  /** Probes under way at once (-N). */
  readonly atOnce: number;
  readonly device: string | undefined;
}

interface Probe {
  /** The UDP socket; of echo requests the sequence number, of SYNs the source port. */
  readonly socket: SocketId;
  readonly sentNs: number;
  readonly timer: number;
  readonly answer: { readonly from: Ip; readonly tripNs: number; readonly final: boolean; readonly mark: string } | undefined;
  readonly lost: boolean;
}

/** `probes[i]` is number i % queries of hop firstHop + floor(i / queries). */
interface State {
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  /** -I: the ping socket of all probes. */
  readonly echo: SocketId;
  readonly probes: readonly Probe[];
  readonly printed: number;
  /** Last probe index of the hop that ended it, once known. */
  readonly end: number;
  readonly phase: 'resolving' | 'probing' | 'done';
}

const FIRST_PORT = 33434;
const FIRST_SYN_PORT = 32768;
const SYN_PORTS = 28232;
const AT_ONCE = 16;

export const traceroute = defineApp<State, TracerouteConfig>({
  name: 'traceroute',
  start: (context, config) => {
    const state: State = { resolving: startResolving(context, config.destination), ip: 0, echo: -1, probes: [], printed: 0, end: -1, phase: 'resolving' };
    return resolved(context, config, state);
  },
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (event.kind === 'signal') return finish(context, state, 130);
    if (state.phase === 'resolving' && state.resolving !== undefined) {
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    if (event.kind === 'timer' && event.tag === 'lost') return settle(context, config, state, event.data as number, undefined);
    const heard = answerOf(config, state, event);
    return heard === undefined ? state : settle(context, config, state, heard.index, heard.report);
  },
});

/** Which probe an event answers, and with what. */
function answerOf(config: TracerouteConfig, state: State, event: AppEvent): { readonly index: number; readonly report: Report } | undefined {
  const find = (key: number): number => state.probes.findIndex((probe) => probe.socket === key);
  let index = -1;
  let report: Report | undefined;
  if (event.kind === 'socket-error' && event.icmp !== undefined) {
    // A redirect is no answer: the probe goes on.
    if (event.icmp.gateway !== undefined) return undefined;
    index = find(config.method === 'icmp' ? event.icmp.quoted.sequence : event.socket);
    report = reportOf(event.icmp);
  } else if (event.kind === 'echo-reply' && config.method === 'icmp') {
    index = find(event.sequence);
    report = { from: event.from, final: true, mark: '' };
  } else if (event.kind === 'frame' && config.method === 'tcp' && event.frame.direction === 'in') {
    const { packet } = event.frame;
    const quoted = packet.icmp?.quoted;
    if (packet.tcp !== undefined && packet.src === state.ip && packet.sport === config.port) {
      index = find(packet.dport);
      report = { from: packet.src, final: true, mark: '' };
    } else if (
      quoted?.tcp !== undefined &&
      quoted.dst === state.ip &&
      packet.icmp !== undefined &&
      !(packet.icmp.type === ICMP_REDIRECT && typeof packet.src === 'number')
    ) {
      index = find(quoted.sport);
      report = reportOf({
        from: packet.src,
        type: packet.icmp.type,
        code: packet.icmp.code,
        ...(packet.icmp.mtu === undefined ? {} : { mtu: packet.icmp.mtu }),
      });
    }
  }
  return index < 0 || report === undefined ? undefined : { index, report };
}

interface Report {
  readonly from: Ip;
  readonly final: boolean;
  readonly mark: string;
}

type Told = Pick<IcmpReport, 'from' | 'type' | 'code' | 'mtu'>;
const reportOf = (icmp: Told): Report => ({ from: icmp.from, final: icmp.type === (typeof icmp.from === 'bigint' ? 1 : 3), mark: markOf(icmp) });

function finish(context: AppContext, state: State, code: number): State {
  context.tap('any', false, false);
  context.exit(code);
  return { ...state, phase: 'done' };
}

function resolved(context: AppContext, config: TracerouteConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) {
    const words = resolveErrorText(context, result.error);
    context.err(
      config.style === 'busybox'
        ? `traceroute: bad address '${config.destination}'\n`
        : `${config.destination}: ${words}\nCannot handle "host" cmdline arg \`${config.destination}' on position 1 (argc 1)\n`,
    );
    return finish(context, state, config.style === 'busybox' ? 1 : 2);
  }
  const ip = result.addresses[0] as Ip;
  context.out(`traceroute to ${config.destination} (${formatIp(ip)}), ${config.maxHops} hops max, ${config.packetBytes} byte packets\n`);
  if (config.method === 'tcp') context.tap('any', true, false);
  const echo = config.method === 'icmp' ? context.echoOpen(context.prng('traceroute-id').below(65535) + 1) : -1;
  return advance(context, config, { ...state, resolving: undefined, ip, echo: typeof echo === 'string' ? -1 : echo, phase: 'probing' });
}

/** Sends what may be under way, prints what is known in order, ends behind the last hop. */
function advance(context: AppContext, config: TracerouteConfig, before: State): State {
  let state = before;
  const total = (config.maxHops - config.firstHop + 1) * config.queries;
  const limit = config.style === 'busybox' ? 1 : config.atOnce;
  // At most one round a probe.
  for (let i = state.probes.length; i < total; i += 1) {
    const open = state.probes.filter((probe) => probe.answer === undefined && !probe.lost).length;
    if (open >= limit || (state.end >= 0 && i > state.end)) break;
    const sent = sendProbe(context, config, state, i);
    if (sent === undefined) return finish(context, state, 1);
    state = { ...state, probes: [...state.probes, sent] };
  }
  state = printReady(context, config, state);
  const last = state.end >= 0 ? state.end : total - 1;
  return state.printed > last ? finish(context, state, 0) : state;
}

function sendProbe(context: AppContext, config: TracerouteConfig, state: State, index: number): Probe | undefined {
  const ttl = config.firstHop + Math.floor(index / config.queries);
  const { key, sent } = send(context, config, state, index, ttl);
  if (sent !== 'ok') {
    const words = sent === 'ENETUNREACH' ? 'Network is unreachable' : sent === 'EPERM' ? 'Operation not permitted' : 'No route to host';
    context.err(config.style === 'busybox' ? `traceroute: sendto: ${words}\n` : `${index === 0 ? 'connect' : 'send'}: ${words}\n`);
    return undefined;
  }
  const timer = context.setTimer(config.waitSeconds * 1e9, 'lost', index);
  return { socket: key, sentNs: context.nowNs, timer, answer: undefined, lost: false };
}

function send(context: AppContext, config: TracerouteConfig, state: State, index: number, ttl: number): { readonly key: number; readonly sent: 'ok' | Errno } {
  const bytes = Math.max(0, config.packetBytes - 28);
  const options = { ttl, dontFragment: false, ...(config.device === undefined ? {} : { device: config.device }) };
  if (config.method === 'icmp') return { key: index + 1, sent: context.echoSend(state.echo, state.ip, index + 1, bytes, options) };
  if (config.method === 'tcp') return sendSyn(context, config, state, ttl);
  const port = config.method === 'udp' ? config.port : config.port + index;
  const socket = context.udpConnect({ ip: state.ip, port });
  if (typeof socket === 'string') return { key: -1, sent: socket };
  return { key: socket, sent: context.udpSend(socket, { bytes }, undefined, options) };
}

/** A SYN of no socket's: what comes back is seen on the wire, and the kernel answers a SYN-ACK with a RST, so that no connection is ever made. */
function sendSyn(context: AppContext, config: TracerouteConfig, state: State, ttl: number): { readonly key: number; readonly sent: 'ok' | Errno } {
  const route = context.routeFor(state.ip);
  if (typeof route === 'string') return { key: -1, sent: route };
  const key = FIRST_SYN_PORT + context.prng('traceroute-port').below(SYN_PORTS);
  const packet = blankPacket();
  packet.src = route.source;
  packet.dst = state.ip;
  packet.ttl = ttl;
  packet.protocol = IP_PROTO_TCP;
  packet.sport = key;
  packet.dport = config.port;
  packet.tcp = {
    flags: TCP_SYN,
    seq: context.prng('traceroute-port').uint32(),
    ack: 0,
    window: 5840,
    options: { mss: route.mtuBytes - 40, sackPermitted: true, windowScale: 2 },
  };
  return { key, sent: context.rawSend(packet) };
}

function settle(context: AppContext, config: TracerouteConfig, state: State, index: number, report: Report | undefined): State {
  const probe = state.probes[index];
  if (probe === undefined || probe.answer !== undefined || probe.lost) return state;
  context.cancelTimer(probe.timer);
  if (config.method === 'rising' || config.method === 'udp') context.close(probe.socket);
  const final = report?.final === true;
  const answer = report === undefined ? undefined : { ...report, tripNs: context.nowNs - probe.sentNs };
  const probes = state.probes.map((one, i) => (i === index ? { ...probe, answer, lost: report === undefined } : one));
  const hopEnd = (Math.floor(index / config.queries) + 1) * config.queries - 1;
  const end = final ? (state.end < 0 ? hopEnd : Math.min(state.end, hopEnd)) : state.end;
  return advance(context, config, { ...state, probes, end });
}

function markOf(icmp: Told): string {
  if (typeof icmp.from === 'bigint') return icmp.type === 1 ? (['!N', '!X', ' !N', '!H', ''][icmp.code] ?? ` !<${icmp.code}>`).replace(/^!/, ' !') : '';
  if (icmp.type !== 3) return '';
  switch (icmp.code) {
    case 3:
      return '';
    case 0:
      return ' !N';
    case 1:
      return ' !H';
    case 2:
      return ' !P';
    case 4:
      return ` !F-${icmp.mtu ?? 0}`;
    case 9:
    case 10:
    case 13:
      return ' !X';
    default:
      return ` !<${icmp.code}>`;
  }
}

function printReady(context: AppContext, config: TracerouteConfig, before: State): State {
  let { printed } = before;
  const { probes, end } = before;
  for (; printed < probes.length && (end < 0 || printed <= end); printed += 1) {
    const probe = probes[printed] as Probe;
    if (probe.answer === undefined && !probe.lost) break;
    const inHop = printed % config.queries;
    const hop = config.firstHop + Math.floor(printed / config.queries);
    let text = inHop === 0 ? String(hop).padStart(2) : '';
    if (probe.answer === undefined) text += inHop === 0 || config.style === 'busybox' ? '  *' : ' *';
    else {
      const previous = inHop === 0 ? undefined : lastAnswer(probes, printed, inHop);
      const ms = (probe.answer.tripNs / 1e6).toFixed(3);
      if (previous !== probe.answer.from) {
        const address = formatIp(probe.answer.from);
        text += `${inHop === 0 || previous === undefined || config.style === 'busybox' ? '  ' : ' '}${config.numeric ? address : `${address} (${address})`}`;
      }
      text += `  ${ms} ms${probe.answer.mark}`;
    }
    context.out(inHop === config.queries - 1 ? `${text}\n` : text);
  }
  return { ...before, printed };
}

function lastAnswer(probes: readonly Probe[], index: number, inHop: number): Ip | undefined {
  for (let i = index - 1; i >= index - inHop; i -= 1) {
    const from = probes[i]?.answer?.from;
    if (from !== undefined) return from;
  }
  return undefined;
}

export function parseTracerouteArgs(argv: readonly string[], style: 'linux' | 'busybox'): ParseResult<TracerouteConfig> {
  const parsed = parseOptions(argv, { flags: '46nUrvFITV', values: 'qwmfsipN' });
  if ('problem' in parsed) return { ok: false, stderr: optionProblemText('traceroute', parsed), exitCode: 2 };
  const destination = parsed.operands[0];
  if (destination === undefined)
    return { ok: false, stderr: 'Usage:\n  traceroute [ -4n ] [ -f first_ttl ] [ -m max_ttl ] [ -q nqueries ] [ -w wait ] host [ packetlen ]\n', exitCode: 2 };
  const queries = parseInteger(optionValue(parsed, 'q') ?? '3', 1, 10);
  const maxHops = parseInteger(optionValue(parsed, 'm') ?? '30', 1, 255);
  const firstHop = parseInteger(optionValue(parsed, 'f') ?? '1', 1, 255);
  const waitSeconds = parseSeconds(optionValue(parsed, 'w') ?? (style === 'busybox' ? '3' : '5'));
  const packetBytes = parseInteger(parsed.operands[1] ?? (style === 'busybox' ? '46' : '60'), 28, 65000);
  if (queries === undefined) return { ok: false, stderr: 'no more than 10 probes per hop\n', exitCode: 2 };
  if (maxHops === undefined) return { ok: false, stderr: 'max hops cannot be more than 255\n', exitCode: 2 };
  if (firstHop === undefined || firstHop > maxHops) return { ok: false, stderr: 'first hop out of range\n', exitCode: 2 };
  if (waitSeconds === undefined || waitSeconds <= 0)
    return { ok: false, stderr: `bad wait specifications \`${optionValue(parsed, 'w') ?? ''}' used\n`, exitCode: 2 };
  if (packetBytes === undefined) return { ok: false, stderr: `too big packetlen ${parsed.operands[1] ?? ''} specified\n`, exitCode: 2 };
  const method = hasOption(parsed, 'I') ? 'icmp' : hasOption(parsed, 'T') ? 'tcp' : hasOption(parsed, 'U') ? 'udp' : 'rising';
  const port = parseInteger(optionValue(parsed, 'p') ?? String({ icmp: 1, tcp: 80, udp: 53, rising: FIRST_PORT }[method]), 1, 65535);
  const atOnce = parseInteger(optionValue(parsed, 'N') ?? String(AT_ONCE), 1, 1000);
  if (port === undefined) return { ok: false, stderr: `Bad port ${optionValue(parsed, 'p')}\n`, exitCode: 2 };
  if (atOnce === undefined) return { ok: false, stderr: `bad number of simultaneous probes: ${optionValue(parsed, 'N')}\n`, exitCode: 2 };
  const more = { method, port, atOnce, device: optionValue(parsed, 'i') } as const;
  return { ok: true, config: { ...more, style, destination, numeric: hasOption(parsed, 'n'), queries, waitSeconds, firstHop, maxHops, packetBytes } };
}

export const tracerouteProgram = defineProgram({
  app: 'traceroute',
  parse: (argv, environment) => parseTracerouteArgs(argv, isBusybox(environment) ? 'busybox' : 'linux'),
});
export const busyboxTracerouteProgram = defineProgram({ app: 'traceroute', parse: (argv) => parseTracerouteArgs(argv, 'busybox') });
