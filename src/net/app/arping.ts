/** arping of iputils: ARP requests by hand, announcements, and the question whether an address is taken. iputils: arping.c */
import { formatIp } from '../addr/ip.ts';
import { BROADCAST_MAC, formatMac } from '../addr/mac.ts';
import type { ArpMessage, Ip, Mac } from '../wire/packet.ts';
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import { type AppContext, type AppEvent, defineApp, defineProgram, type ParseResult } from './definition.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface ArpingConfig {
  readonly destination: string;
  readonly device: string | undefined;
  readonly source: string | undefined;
  /** 0: until interrupted. */
  readonly count: number;
  readonly timeoutSeconds: number;
  readonly intervalSeconds: number;
  readonly quitOnReply: boolean;
  readonly quiet: boolean;
  readonly broadcastOnly: boolean;
  readonly mode: 'ask' | 'duplicate' | 'unsolicited' | 'answer';
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly ip: number;
  readonly source: number;
  readonly device: string;
  readonly mac: Mac;
  /** Where the next probe goes: to all, then to whoever answered. */
  readonly target: Mac;
  readonly sentNs: number;
  readonly sent: number;
  readonly broadcasts: number;
  readonly received: number;
  readonly phase: 'resolving' | 'asking' | 'done';
}

const USAGE = `
Usage:
  arping [options] <destination>

Options:
  -f            quit on first reply
  -q            be quiet
  -b            keep on broadcasting, do not unicast
  -D            duplicate address detection mode
  -U            unsolicited ARP mode, update your neighbours
  -A            ARP answer mode, update your neighbours
  -V            print version and exit
  -c <count>    how many packets to send
  -w <timeout>  how long to wait for a reply
  -i <interval> set interval between packets (default: 1 second)
  -I <device>   which ethernet device to use
  -s <source>   source ip address
  <destination> dns name or ip address

For more details see arping(8).
`;

const START: State = {
  resolving: undefined,
  ip: 0,
  source: 0,
  device: '',
  mac: 0,
  target: BROADCAST_MAC,
  sentNs: 0,
  sent: 0,
  broadcasts: 0,
  received: 0,
  phase: 'resolving',
};

export const arping = defineApp<State, ArpingConfig>({
  name: 'arping',
  start: (context, config) => resolved(context, config, { ...START, resolving: startResolving(context, config.destination, 4) }),
  handle: (context, state, event, config) => {
    if (state.phase === 'done') return state;
    if (state.phase === 'resolving' && state.resolving !== undefined) {
      if (event.kind === 'signal') return stop(context, state, 130);
      const resolving = handleResolving(context, state.resolving, event);
      return resolving === state.resolving ? state : resolved(context, config, { ...state, resolving });
    }
    return whileAsking(context, config, state, event);
  },
});

function stop(context: AppContext, state: State, code: number): State {
  if (state.device !== '') context.tap(state.device, false, false);
  context.exit(code);
  return { ...state, phase: 'done' };
}

function fails(context: AppContext, state: State, text: string, code = 2): State {
  context.err(text);
  return stop(context, state, code);
}

function resolved(context: AppContext, config: ArpingConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const ip = result.ok ? result.addresses.find((one): one is number => typeof one === 'number') : undefined;
  if (ip === undefined) return fails(context, state, `arping: ${config.destination}: Name or service not known\n`);
  const route = context.routeFor(ip, config.device === undefined ? {} : { device: config.device });
  const device = config.device ?? (typeof route === 'string' ? undefined : route.device);
  if (device === undefined) return fails(context, state, 'arping: Suitable device could not be determined. Please, use option -I.\n');
  const found = context.findDevice(device);
  if (found === undefined) return fails(context, state, `arping: Device ${device} not available.\n`);
  if (!found.arp) return fails(context, state, `Interface "${device}" is not ARPable\n`);
  if (!found.up) return fails(context, state, `arping: Interface "${device}" is down\n`);
  const own = sourceOf(config, ip, route);
  if (own === undefined) return fails(context, state, 'arping: bind: Cannot assign requested address\n');
  if (!config.quiet) context.out(`ARPING ${formatIp(ip)} from ${formatIp(own)} ${device}\n`);
  context.tap(device, true, false);
  if (config.timeoutSeconds > 0) context.setTimer(config.timeoutSeconds * 1e9, 'timeout');
  return probe(context, config, { ...state, resolving: undefined, ip, source: own, device, mac: found.mac, phase: 'asking' });
}

/** The address that speaks: none while asking whether one is free, the announced one, -s, or the route's. */
function sourceOf(config: ArpingConfig, ip: number, route: { readonly source: Ip } | string): number | undefined {
  if (config.mode === 'duplicate') return 0;
  if (config.mode !== 'ask') return ip;
  if (config.source !== undefined) {
    const parts = config.source.split('.').map(Number);
    return parts.length === 4 ? parts.reduce((sum, part) => (sum << 8) | part, 0) : undefined;
  }
  return typeof route !== 'string' && typeof route.source === 'number' ? route.source : undefined;
}

function probe(context: AppContext, config: ArpingConfig, state: State): State {
  const arp: ArpMessage = {
    operation: config.mode === 'answer' ? 2 : 1,
    senderMac: state.mac,
    senderIp: state.source,
    targetMac: config.mode === 'answer' ? state.mac : state.target,
    targetIp: state.ip,
  };
  const sentNs = context.nowNs;
  context.sendArp(state.device, arp, state.target);
  context.setTimer(config.intervalSeconds * 1e9, 'next');
  return { ...state, sentNs, sent: state.sent + 1, broadcasts: state.broadcasts + (state.target === BROADCAST_MAC ? 1 : 0) };
}

function whileAsking(context: AppContext, config: ArpingConfig, state: State, event: AppEvent): State {
  switch (event.kind) {
    case 'signal':
      return finish(context, config, state);
    case 'timer':
      if (event.tag === 'timeout' || (config.count > 0 && state.sent >= config.count)) return finish(context, config, state);
      return probe(context, config, state);
    case 'frame': {
      const { arp } = event.frame.packet;
      return arp === undefined || event.frame.direction === 'out' || event.frame.direction === 'otherhost'
        ? state
        : heard(context, config, state, arp, event.frame.direction === 'broadcast');
    }
    default:
      return state;
  }
}

function heard(context: AppContext, config: ArpingConfig, state: State, arp: ArpMessage, broadcast: boolean): State {
  if (config.mode === 'unsolicited' || config.mode === 'answer' || arp.senderIp !== state.ip || arp.senderMac === state.mac) return state;
  if (config.mode === 'ask' && (arp.targetIp !== state.source || arp.targetMac !== state.mac)) return state;
  const us = Math.floor((context.nowNs - state.sentNs) / 1000);
  if (!config.quiet) {
    const word = arp.operation === 2 ? 'reply' : 'request';
    const time = `  ${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, '0')}ms`;
    context.out(`${broadcast ? 'Broadcast' : 'Unicast'} ${word} from ${formatIp(arp.senderIp)} [${formatMac(arp.senderMac).toUpperCase()}]${time}\n`);
  }
  const next: State = { ...state, received: state.received + 1, target: config.broadcastOnly ? BROADCAST_MAC : arp.senderMac };
  return config.quitOnReply || config.mode === 'duplicate' ? finish(context, config, next) : next;
}

function finish(context: AppContext, config: ArpingConfig, state: State): State {
  if (!config.quiet) context.out(`Sent ${state.sent} probes (${state.broadcasts} broadcast(s))\nReceived ${state.received} response(s)\n`);
  if (config.mode === 'duplicate') return stop(context, state, state.received > 0 ? 1 : 0);
  if (config.mode !== 'ask') return stop(context, state, 0);
  return stop(context, state, state.received > 0 ? 0 : 1);
}

export function parseArpingArgs(argv: readonly string[]): ParseResult<ArpingConfig> {
  const parsed = parseOptions(argv, { flags: 'fqbDUAVh', values: 'cwiIs' });
  const bad = (stderr: string): ParseResult<ArpingConfig> => ({ ok: false, stderr, exitCode: 2 });
  if ('problem' in parsed) return bad(optionProblemText('arping', parsed) + USAGE);
  if (hasOption(parsed, 'V')) return { ok: false, stdout: 'arping from iputils 20221126\n', stderr: '', exitCode: 0 };
  const [destination] = parsed.operands;
  if (destination === undefined || parsed.operands.length > 1) return bad(USAGE);
  const count = parseInteger(optionValue(parsed, 'c') ?? '0', 0, 1_000_000);
  const timeoutSeconds = parseSeconds(optionValue(parsed, 'w') ?? '0');
  const intervalSeconds = parseSeconds(optionValue(parsed, 'i') ?? '1');
  if (count === undefined) return bad(`arping: invalid argument: '${optionValue(parsed, 'c')}'\n`);
  if (timeoutSeconds === undefined) return bad(`arping: invalid argument: '${optionValue(parsed, 'w')}'\n`);
  if (intervalSeconds === undefined || intervalSeconds <= 0) return bad(`arping: invalid argument: '${optionValue(parsed, 'i')}'\n`);
  const mode = hasOption(parsed, 'D') ? 'duplicate' : hasOption(parsed, 'A') ? 'answer' : hasOption(parsed, 'U') ? 'unsolicited' : 'ask';
  return {
    ok: true,
    config: {
      destination,
      device: optionValue(parsed, 'I'),
      source: optionValue(parsed, 's'),
      count,
      timeoutSeconds,
      intervalSeconds,
      quitOnReply: hasOption(parsed, 'f'),
      quiet: hasOption(parsed, 'q'),
      broadcastOnly: hasOption(parsed, 'b') || mode !== 'ask',
      mode,
    },
  };
}

export const arpingProgram = defineProgram({
  app: 'arping',
  parse: (argv) => parseArpingArgs(argv),
  endless: (config: ArpingConfig) => config.count === 0 && config.timeoutSeconds === 0 && !config.quitOnReply && config.mode !== 'duplicate',
});
