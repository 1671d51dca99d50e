/** tcpdump's command line. */
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import type { TcpdumpOptions } from '../wire/tcpdump/view.ts';
import { parseFilter } from '../wire/tcpdump-filter.ts';
import { countOption, hasOption, optionProblemText, optionValue, parseInteger, parseOptions } from './cli-options.ts';
import type { ParseResult, ProgramEnvironment } from './definition.ts';

export interface TcpdumpConfig {
  /** Absent: the first that is up, as -D lists them. */
  readonly device?: string;
  /** As written: which link types there are decides how it is read. */
  readonly filterText: string;
  /** 0: until interrupted. */
  readonly count: number;
  readonly print: Omit<TcpdumpOptions, 'nameOf'>;
  /** -Q in, -Q out. */
  readonly direction: 'inout' | 'in' | 'out';
  readonly snapBytes: number;
  /** -p: no promiscuous mode. */
  readonly promiscuous: boolean;
  /** -w: write packets to this file (`-`: standard output) instead of printing them. */
  readonly writeTo?: string;
  /** -r: read from this file (`-`: standard input) instead of a device. */
  readonly readFrom?: string;
  /** -D */
  readonly list: boolean;
  /** --count: only count them. */
  readonly countOnly: boolean;
}

/** libpcap's MAXIMUM_SNAPLEN. */
export const MAX_SNAP_BYTES = 262_144;

const TIMES: readonly NonNullable<TcpdumpOptions['time']>[] = ['clock', 'none', 'epoch', 'delta', 'date', 'since-first'];
const VERSION = 'tcpdump version 4.99.3 (simulated)\nlibpcap version 1.10.3 (simulated)\n';
const LONG_FLAGS = [
  'version',
  'help',
  'list-interfaces',
  'immediate-mode',
  'no-promiscuous-mode',
  'number',
  'absolute-tcp-sequence-numbers',
  'packet-buffered',
  'dont-verify-checksums',
  'nano',
  'micro',
  'count',
  'print',
];

export function parseTcpdumpArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<TcpdumpConfig> {
  const parsed = parseOptions(argv, {
    flags: 'nveltqSpUxXAKNfHIOdDhLJ#',
    values: 'icsQBwrCGWyjzFEmMTZV',
    longFlags: LONG_FLAGS,
    longValues: ['interface', 'snapshot-length', 'direction', 'time-stamp-precision', 'buffer-size', 'linktype'],
  });
  const bad = (stderr: string, exitCode = 1): ParseResult<TcpdumpConfig> => ({ ok: false, stderr, exitCode });
  const usage = `${VERSION}Usage: tcpdump [-AbdDefhHIJKlLnNOpqStuUvxX#] [ -c count ] [ -i interface ]\n\t\t[ -Q in|out|inout ] [ -r file ] [ -s snaplen ] [ -w file ]\n\t\t[ --count ] [ --nano ] [ expression ]\n`;
  if ('problem' in parsed) {
    const words = optionProblemText('', parsed).slice(2, -1);
    return bad(`tcpdump: ${words}\n${usage}`);
  }
  if (hasOption(parsed, 'version')) return { ok: false, stdout: VERSION, stderr: '', exitCode: 0 };
  if (hasOption(parsed, 'help', 'h')) return { ok: false, stdout: usage, stderr: '', exitCode: 0 };
  for (const letter of ['C', 'G', 'W', 'z', 'F', 'd', 'y', 'L', 'J', 'V', 'E']) {
    if (hasOption(parsed, letter)) return bad(`tcpdump: -${letter} is not simulated in Kubehop\n`);
  }
  const countText = optionValue(parsed, 'c');
  const count = countText === undefined ? 0 : parseInteger(countText, 1, 2_147_483_647);
  if (count === undefined) return bad(`tcpdump: invalid packet count ${countText ?? ''}\n`);
  const snapText = optionValue(parsed, 's', 'snapshot-length') ?? '0';
  const snap = parseInteger(snapText, 0, MAX_SNAP_BYTES);
  if (snap === undefined) return bad(`tcpdump: invalid snaplen ${snapText} (must be >= 0 and <= ${MAX_SNAP_BYTES})\n`);
  const direction = optionValue(parsed, 'Q', 'direction') ?? 'inout';
  if (direction !== 'in' && direction !== 'out' && direction !== 'inout') return bad(`tcpdump: unknown capture direction '${direction}'\n`);
  const filterText = parsed.operands.join(' ');
  const filter = parseFilter(filterText);
  // Words that are wrong for every kind of link are told at once; the others when the link is known.
  if (!filter.ok && filter.message.startsWith("can't parse filter expression")) return bad(`tcpdump: ${filter.message}\n`);
  const device = optionValue(parsed, 'i', 'interface');
  const writeTo = optionValue(parsed, 'w');
  const readFrom = optionValue(parsed, 'r');
  return {
    ok: true,
    config: {
      ...(device === undefined ? {} : { device }),
      filterText,
      count,
      print: {
        numeric: hasOption(parsed, 'n'),
        verbosity: countOption(parsed, 'v'),
        link: hasOption(parsed, 'e'),
        absoluteSequence: hasOption(parsed, 'S', 'absolute-tcp-sequence-numbers'),
        quiet: hasOption(parsed, 'q'),
        noChecksums: hasOption(parsed, 'K', 'dont-verify-checksums'),
        numbers: hasOption(parsed, '#', 'number'),
        nanoseconds: hasOption(parsed, 'nano') || optionValue(parsed, 'time-stamp-precision') === 'nano',
        time: TIMES[Math.min(countOption(parsed, 't'), 5)] ?? 'clock',
        dump: dumpOf(countOption(parsed, 'X'), countOption(parsed, 'x'), countOption(parsed, 'A')),
        epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
      },
      direction,
      snapBytes: snap === 0 ? MAX_SNAP_BYTES : snap,
      promiscuous: !hasOption(parsed, 'p', 'no-promiscuous-mode'),
      list: hasOption(parsed, 'D', 'list-interfaces'),
      countOnly: hasOption(parsed, 'count'),
      ...(writeTo === undefined ? {} : { writeTo }),
      ...(readFrom === undefined ? {} : { readFrom }),
    },
  };
}

function dumpOf(text: number, hex: number, ascii: number): NonNullable<TcpdumpOptions['dump']> {
  if (text > 0) return text > 1 ? 'text-link' : 'text';
  if (hex > 0) return hex > 1 ? 'hex-link' : 'hex';
  return ascii > 1 ? 'ascii-link' : ascii === 1 ? 'ascii' : 'none';
}
