/** tcpdump 4.99: taps a device, prints what passes the filter, sums up at the end. */

import type { TapFrame } from '../engine.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { encodeFrame } from '../wire/encode.ts';
import type { Filter } from '../wire/filter-tree.ts';
import { asciiDump, hexdump } from '../wire/hexdump.ts';
import { ETHERNET_HEADER_BYTES } from '../wire/lengths.ts';
import { copyTcpdumpState, newTcpdumpState, type TcpdumpOptions, type TcpdumpState, tcpdumpLines } from '../wire/tcpdump.ts';
import { parseFilter } from '../wire/tcpdump-filter.ts';
import { matchesFilter } from '../wire/tcpdump-match.ts';
import { countOption, hasOption, optionProblemText, optionValue, parseInteger, parseOptions } from './cli-options.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult, type ProgramEnvironment } from './definition.ts';
import { hostsName } from './resolv-conf.ts';

export interface TcpdumpConfig {
  readonly device: string;
  readonly filter?: Filter;
  /** 0: until interrupted. */
  readonly count: number;
  readonly numeric: boolean;
  readonly verbosity: number;
  readonly link: boolean;
  readonly absoluteSequence: boolean;
  readonly quiet: boolean;
  readonly time: NonNullable<TcpdumpOptions['time']>;
  readonly dump: 'none' | 'hex' | 'hex-link' | 'text' | 'text-link' | 'ascii';
  /** -Q in, -Q out. */
  readonly direction: 'inout' | 'in' | 'out';
  readonly epochMs: number;
}

/** Changed in place. */
interface State {
  captured: number;
  done: boolean;
  readonly flows: TcpdumpState;
}

export const tcpdump = defineApp<State, TcpdumpConfig>({
  name: 'tcpdump',
  start: (context, config) => {
    const state: State = { captured: 0, done: false, flows: newTcpdumpState() };
    if (config.device !== 'any' && context.deviceIndex(config.device) === undefined) {
      context.err(`tcpdump: ${config.device}: No such device exists\n(No such device exists)\n`);
      context.exit(1);
      return { ...state, done: true };
    }
    const link = config.device === 'any' ? 'LINUX_SLL2 (Linux cooked v2)' : 'EN10MB (Ethernet)';
    const listening = `listening on ${config.device}, link-type ${link}, snapshot length 262144 bytes\n`;
    if (config.device === 'any') context.err('tcpdump: data link type LINUX_SLL2\n');
    context.err(config.verbosity > 0 ? `tcpdump: ${listening}` : `tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n${listening}`);
    context.tap(config.device, true);
    return state;
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') {
      context.err(`\n${summaryText(state.captured)}`);
      context.exit(0);
      state.done = true;
    } else if (event.kind === 'frame') capture(context, config, state, event.frame);
    return state;
  },
  copy: (state) => ({ captured: state.captured, done: state.done, flows: copyTcpdumpState(state.flows) }),
});

function capture(context: AppContext, config: TcpdumpConfig, state: State, frame: TapFrame): void {
  if (config.direction !== 'inout' && (frame.direction === 'out') !== (config.direction === 'out')) return;
  if (!matchesFilter(config.filter, frame.packet)) return;
  state.captured += 1;
  const any = config.device === 'any';
  const options: TcpdumpOptions = {
    numeric: config.numeric,
    verbosity: config.verbosity,
    link: config.link,
    any,
    absoluteSequence: config.absoluteSequence,
    quiet: config.quiet,
    time: config.time,
    epochMs: config.epochMs,
    // Of the look-ups that tcpdump makes without -n only the hosts file is simulated.
    nameOf: (ip) => hostsName(context, ip)?.canonical,
  };
  const index = any && config.link ? context.deviceIndex(frame.device) : undefined;
  const lines = tcpdumpLines({ ...frame, ...(index === undefined ? {} : { deviceIndex: index }) }, options, state.flows);
  context.out(config.dump === 'none' ? lines : `${lines.slice(0, -1)}${dumpText(config, frame)}\n`);
  if (config.count > 0 && state.captured >= config.count) {
    context.err(summaryText(state.captured));
    context.exit(0);
    state.done = true;
  }
}

function dumpText(config: TcpdumpConfig, frame: TapFrame): string {
  const bytes = encodeFrame(frame.packet);
  const network = bytes.subarray(ETHERNET_HEADER_BYTES);
  switch (config.dump) {
    case 'hex':
      return hexdump(network, false);
    case 'hex-link':
      return hexdump(bytes, false);
    case 'text':
      return hexdump(network, true);
    case 'text-link':
      return hexdump(bytes, true);
    default:
      return asciiDump(network);
  }
}

const plural = (count: number): string => `${count} packet${count === 1 ? '' : 's'}`;

function summaryText(captured: number): string {
  return `${plural(captured)} captured\n${plural(captured)} received by filter\n${plural(0)} dropped by kernel\n`;
}

const TIMES: readonly TcpdumpConfig['time'][] = ['clock', 'none', 'epoch', 'delta', 'date', 'since-first'];
const VERSION = 'tcpdump version 4.99.3 (simulated)\nlibpcap version 1.10.3 (simulated)\n';

export function parseTcpdumpArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<TcpdumpConfig> {
  const parsed = parseOptions(argv, {
    flags: 'nveltqSpUxXAKNfHIOdDh#',
    values: 'icsQBwrCGWyjzFEmMTZ',
    longFlags: ['version', 'help', 'list-interfaces', 'immediate-mode', 'no-promiscuous-mode', 'number', 'absolute-tcp-sequence-numbers', 'packet-buffered'],
    longValues: ['interface', 'snapshot-length', 'direction', 'count'],
  });
  const bad = (stderr: string, exitCode = 1): ParseResult<TcpdumpConfig> => ({ ok: false, stderr, exitCode });
  const usage = `${VERSION}Usage: tcpdump [-AehlnqStvxX] [-c count] [-i interface] [-Q in|out|inout] [expression]\n`;
  if ('problem' in parsed) {
    const words = optionProblemText('', parsed).slice(2, -1);
    return bad(`tcpdump: ${words}\n${usage}`);
  }
  if (hasOption(parsed, 'version')) return { ok: false, stdout: VERSION, stderr: '', exitCode: 0 };
  if (hasOption(parsed, 'help', 'h')) return { ok: false, stdout: usage, stderr: '', exitCode: 0 };
  for (const letter of ['w', 'r'])
    if (hasOption(parsed, letter)) return bad(`tcpdump: -${letter} is not simulated in Kubehop: export a capture as pcapng instead\n`);
  if (hasOption(parsed, 'D', 'list-interfaces')) return bad('tcpdump: -D is not simulated in Kubehop: see `ip link`\n');
  const countText = optionValue(parsed, 'c', 'count');
  const count = countText === undefined ? 0 : parseInteger(countText, 1, 2_147_483_647);
  if (count === undefined) return bad(`tcpdump: invalid packet count ${countText ?? ''}\n`);
  const direction = optionValue(parsed, 'Q', 'direction') ?? 'inout';
  if (direction !== 'in' && direction !== 'out' && direction !== 'inout') return bad(`tcpdump: unknown capture direction '${direction}'\n`);
  const filter = parseFilter(parsed.operands.join(' '));
  if (!filter.ok) return bad(`tcpdump: ${filter.message}\n`);
  const hex = countOption(parsed, 'x');
  const text = countOption(parsed, 'X');
  const dump = text > 1 ? 'text-link' : text === 1 ? 'text' : hasOption(parsed, 'A') ? 'ascii' : hex > 1 ? 'hex-link' : hex === 1 ? 'hex' : 'none';
  return {
    ok: true,
    config: {
      device: optionValue(parsed, 'i', 'interface') ?? 'eth0',
      ...(filter.filter === undefined ? {} : { filter: filter.filter }),
      count,
      numeric: hasOption(parsed, 'n'),
      verbosity: countOption(parsed, 'v'),
      link: hasOption(parsed, 'e'),
      absoluteSequence: hasOption(parsed, 'S', 'absolute-tcp-sequence-numbers'),
      quiet: hasOption(parsed, 'q'),
      time: TIMES[Math.min(countOption(parsed, 't'), 5)] ?? 'clock',
      dump,
      direction,
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
    },
  };
}

export const tcpdumpProgram = defineProgram({ app: 'tcpdump', parse: parseTcpdumpArgs, endless: (config: TcpdumpConfig) => config.count === 0 });
