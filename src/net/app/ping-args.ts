/** ping's command line, for iputils and busybox. */
import { hasOption, optionProblemText, optionValue, parseInteger, parseOptions, parseSeconds } from './cli-options.ts';
import type { ParseResult, ProgramEnvironment } from './definition.ts';
import type { AddressFamily } from './resolver.ts';

export interface PingConfig {
  readonly style: 'iputils' | 'busybox';
  readonly destination: string;
  readonly family: AddressFamily;
  /** 0: until interrupted. */
  readonly count: number;
  readonly intervalSeconds: number;
  /** Waiting for the last replies. */
  readonly replySeconds: number;
  /** 0: no limit. */
  readonly deadlineSeconds: number;
  readonly dataBytes: number;
  readonly ttl: number;
  readonly discovery: 'do' | 'want' | 'dont';
  readonly quiet: boolean;
  readonly reportMissing: boolean;
  /** -D: a Unix time before each line; the clock at virtual time 0. */
  readonly stampEpochMs: number | undefined;
  /** -f: as fast as answers come, with dots for what is missing; -A: the next when the answer is there. */
  readonly flood: boolean;
  readonly adaptive: boolean;
  readonly broadcast: boolean;
  /** -I: a device or an address. */
  readonly from: string | undefined;
}

const USAGE =
  '\nUsage\n  ping [options] <destination>\n\nOptions:\n  <destination>      DNS name or IP address\n  -c <count>         stop after <count> replies\n  -D                 print timestamps\n  -f                 flood ping\n  -i <interval>      seconds between sending each packet\n  -I <interface>     either interface name or address\n  -M <pmtud opt>     define path MTU discovery: <do|dont|want>\n  -n                 no reverse DNS name resolution\n  -O                 report outstanding replies\n  -q                 quiet output\n  -s <size>          use <size> as number of data bytes to be sent\n  -t <ttl>           define time to live\n  -w <deadline>      reply wait <deadline> in seconds\n  -W <timeout>       time to wait for response\n';

export function parsePingArgs(argv: readonly string[], style: 'iputils' | 'busybox', epochMs = 0): ParseResult<PingConfig> {
  const parsed = parseOptions(argv, { flags: '46nqOvDAUbf', values: 'ciWwsMtI' });
  const flood = !('problem' in parsed) && hasOption(parsed, 'f');
  const bad = (stderr: string, exitCode = 1): ParseResult<PingConfig> => ({ ok: false, stderr, exitCode });
  if ('problem' in parsed) return bad(optionProblemText('ping', parsed) + USAGE, style === 'busybox' ? 1 : 2);
  const destination = parsed.operands[0];
  if (destination === undefined) return bad(style === 'busybox' ? optionUsageBusybox : `ping: usage error: Destination address required\n`);
  const numberOf = (letter: string, fallback: number, min: number, max: number): number | string => {
    const text = optionValue(parsed, letter);
    if (text === undefined) return fallback;
    return (
      parseInteger(text, min, max) ??
      (parseInteger(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) === undefined
        ? `ping: invalid argument: '${text}'\n`
        : `ping: invalid argument: '${text}': out of range: ${min} <= value <= ${max}\n`)
    );
  };
  const count = numberOf('c', 0, 1, 9_223_372_036);
  const dataBytes = numberOf('s', 56, 0, 65_507);
  const ttl = numberOf('t', 64, 1, 255);
  for (const value of [count, dataBytes, ttl]) if (typeof value === 'string') return bad(value);
  const intervalText = optionValue(parsed, 'i') ?? (flood ? '0.01' : '1');
  const interval = parseSeconds(intervalText);
  if (interval === undefined) return bad(`ping: bad timing interval: ${intervalText}\n`);
  if (interval < 0.002) return bad(`ping: cannot flood, minimal interval allowed for user is 2ms\n`, 2);
  const reply = parseSeconds(optionValue(parsed, 'W') ?? '10');
  const deadline = parseSeconds(optionValue(parsed, 'w') ?? '0');
  if (reply === undefined || deadline === undefined) return bad(`ping: bad linger time: ${optionValue(parsed, 'W') ?? optionValue(parsed, 'w') ?? ''}\n`);
  const discovery = optionValue(parsed, 'M') ?? 'want';
  if (discovery !== 'do' && discovery !== 'dont' && discovery !== 'want') return bad(`ping: invalid -M argument: ${discovery}\n`);
  return {
    ok: true,
    config: {
      style,
      destination,
      family: hasOption(parsed, '6') ? 6 : hasOption(parsed, '4') ? 4 : 'any',
      count: count as number,
      intervalSeconds: interval,
      replySeconds: reply > 0 ? reply : 10,
      deadlineSeconds: deadline,
      dataBytes: dataBytes as number,
      ttl: ttl as number,
      discovery,
      quiet: hasOption(parsed, 'q'),
      reportMissing: hasOption(parsed, 'O'),
      stampEpochMs: hasOption(parsed, 'D') ? epochMs : undefined,
      flood,
      adaptive: hasOption(parsed, 'A'),
      broadcast: hasOption(parsed, 'b'),
      from: optionValue(parsed, 'I'),
    },
  };
}

const optionUsageBusybox = 'Usage: ping [OPTIONS] HOST\n\nSend ICMP ECHO_REQUESTs to HOST\n';

export const isBusybox = (environment: ProgramEnvironment): boolean => /(^|\/)(busybox|alpine)(:|$)|^busybox$|^alpine/.test(environment.image);
