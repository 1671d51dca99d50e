/** -m hashlimit: a token bucket for each source, destination or port. Linux: net/netfilter/xt_hashlimit.c; iptables, extensions/libxt_hashlimit.c */
import { bitsOf, formatIp, networkOf } from '../../addr/ip.ts';
import { ipBytes } from '../../wire/lengths.ts';
import { defineMatch, type GivenOptions, type RuleContext, type RuleError } from '../definition.ts';
import { badValue, givenValue, numberOption } from '../options.ts';
import { parseUnsigned } from '../text.ts';

const NS = 1e9;
/** Rates are kept in millionths of a second a packet (XT_HASHLIMIT_SCALE_v2). */
const SCALE = 1_000_000;
const UNITS: readonly (readonly [string, number, string])[] = [
  ['second', 1, 'sec'],
  ['minute', 60, 'min'],
  ['hour', 3600, 'hour'],
  ['day', 86400, 'day'],
];
const BYTE_UNITS: readonly (readonly [string, number])[] = [
  ['mb', 1024 * 1024],
  ['kb', 1024],
  ['b', 1],
];
const MODES = ['srcip', 'srcport', 'dstip', 'dstport'] as const;
type Mode = (typeof MODES)[number];
/** Buckets of a table that sets no bound of its own are bounded all the same. */
const MAX_BUCKETS = 65536;

interface Rate {
  readonly byBytes: boolean;
  /** Of bytes: a second. Of packets: the time of one, in millionths of a second. */
  readonly value: number;
  readonly text: string;
  /** The longest time the rate needs for one match, in ms: how long a bucket is kept at least. */
  readonly expireMs: number;
}

function formatPacketRate(period: number): { readonly text: string; readonly unitMs: number } {
  let best = UNITS.length - 1;
  for (let i = best - 1; i >= 0; i -= 1) {
    const unit = (UNITS[i]?.[1] ?? 0) * SCALE;
    if (period > unit || Math.floor(unit / period) < unit % period) break;
    best = i;
  }
  const [, seconds, short] = UNITS[best] ?? ['second', 1, 'sec'];
  return { text: `${Math.floor((seconds * SCALE) / period)}/${short}`, unitMs: seconds * 1000 };
}

const formatBytes = (bytes: number): string => {
  const unit = BYTE_UNITS.find((u) => bytes >= u[1] && bytes % u[1] === 0) ?? ['b', 1];
  return `${bytes / unit[1]}${unit[0]}`;
};

function parseRate(text: string): Rate | undefined {
  const bytes = /^([0-9]{1,10})(mb|kb|b)\/s(?:ec(?:ond)?)?$/i.exec(text);
  if (bytes !== null) {
    const value = Number(bytes[1]) * (BYTE_UNITS.find((u) => u[0] === bytes[2]?.toLowerCase())?.[1] ?? 1);
    return value === 0 || value > 0xffffffff ? undefined : { byBytes: true, value, text: `${formatBytes(value)}/s`, expireMs: 1000 };
  }
  const parts = /^([0-9]{1,10})(?:\/([a-z]+))?$/i.exec(text);
  const amount = parseUnsigned(parts?.[1] ?? '', 0xffffffff);
  const unit = UNITS.find((u) => u[0].startsWith((parts?.[2] ?? 's').toLowerCase()));
  if (amount === undefined || amount === 0 || unit === undefined) return undefined;
  const value = Math.floor((SCALE * unit[1]) / amount);
  if (value === 0) return undefined;
  const printed = formatPacketRate(value);
  return { byBytes: false, value, text: printed.text, expireMs: printed.unitMs };
}

interface Settings {
  readonly rate: Rate;
  readonly above: boolean;
  /** Packets, or bytes of a rate in bytes (0: none given). */
  readonly burst: number;
  readonly modes: readonly Mode[];
  readonly name: string;
  readonly sourceMask: number | undefined;
  readonly destinationMask: number | undefined;
  readonly maxBuckets: number;
}

/** Who the packet is to this table. */
function keyOf(s: Settings, { skb }: RuleContext): string {
  const parts: string[] = [];
  for (const mode of s.modes) {
    if (mode === 'srcip') parts.push(formatIp(networkOf(skb.src, s.sourceMask ?? bitsOf(skb.src))));
    else if (mode === 'dstip') parts.push(formatIp(networkOf(skb.dst, s.destinationMask ?? bitsOf(skb.dst))));
    else parts.push(String(mode === 'srcport' ? skb.sport : skb.dport));
  }
  return parts.join('-');
}

/** True while the bucket has credit for the packet. Memory: [time in ns, credit]. */
function within(s: Settings, context: RuleContext): boolean {
  const table = context.hashlimit(s.name);
  const key = keyOf(s, context);
  // Credit in ns of rate for packets, in bytes for a rate in bytes.
  const costs = s.rate.byBytes ? ipBytes(context.skb) : s.rate.value * 1000;
  const full = s.rate.byBytes ? Math.max(s.burst, s.rate.value) : costs * s.burst;
  let bucket = table.get(key);
  if (bucket === undefined) {
    if (table.size >= s.maxBuckets) return false;
    bucket = [context.nowNs, full];
    table.set(key, bucket);
  }
  const elapsed = context.nowNs - (bucket[0] as number);
  const credit = Math.min(full, (bucket[1] as number) + (s.rate.byBytes ? (elapsed * s.rate.value) / NS : elapsed));
  bucket[0] = context.nowNs;
  const pass = credit >= costs;
  bucket[1] = pass ? credit - costs : credit;
  return pass;
}

const NUMBERS = ['hashlimit-htable-size', 'hashlimit-htable-max', 'hashlimit-htable-gcinterval', 'hashlimit-htable-expire'] as const;

function parseBurst(text: string | undefined, rate: Rate): number | RuleError {
  if (text === undefined) return rate.byBytes ? 0 : 5;
  const bytes = /^([0-9]{1,10})(mb|kb|b)$/i.exec(text);
  if (bytes !== null && rate.byBytes) return Number(bytes[1]) * (BYTE_UNITS.find((u) => u[0] === bytes[2]?.toLowerCase())?.[1] ?? 1);
  const burst = parseUnsigned(text, 1_000_000);
  return burst === undefined || burst === 0 ? { error: 'bad value for option "--hashlimit-burst", or out of range (1-1000000).' } : burst;
}

function parseModes(text: string | undefined): readonly Mode[] | RuleError {
  if (text === undefined) return [];
  const words = text.split(',');
  return words.some((w) => !(MODES as readonly string[]).includes(w)) ? badValue('hashlimit', 'hashlimit-mode', text) : MODES.filter((m) => words.includes(m));
}

function settingsOf(given: GivenOptions, six: boolean): Settings | RuleError {
  const upto = given.get('hashlimit-upto');
  const above = given.get('hashlimit-above');
  const wanted = upto ?? above;
  if (wanted === undefined) return { error: 'You have to specify --hashlimit' };
  const name = givenValue(given, 'hashlimit-name');
  if (name === undefined) return { error: 'hashlimit: option "--hashlimit-name" must be specified\n' };
  const rate = parseRate(wanted.values[0] as string);
  if (rate === undefined) return badValue('hashlimit', upto === undefined ? 'hashlimit-above' : 'hashlimit-upto', wanted.values[0] as string);
  const burst = parseBurst(givenValue(given, 'hashlimit-burst'), rate);
  if (typeof burst !== 'number') return burst;
  const modes = parseModes(givenValue(given, 'hashlimit-mode'));
  if ('error' in modes) return modes;
  const masks: (number | undefined)[] = [];
  for (const option of ['hashlimit-srcmask', 'hashlimit-dstmask']) {
    const text = givenValue(given, option);
    const mask = text === undefined ? undefined : numberOption('hashlimit', option, text, 0, six ? 128 : 32);
    if (mask !== undefined && typeof mask !== 'number') return mask;
    masks.push(mask);
  }
  const max = parseUnsigned(givenValue(given, 'hashlimit-htable-max') ?? '0', 0xffffffff) ?? 0;
  return {
    rate,
    above: (above !== undefined) !== wanted.negated,
    burst,
    modes,
    name,
    sourceMask: masks[0],
    destinationMask: masks[1],
    maxBuckets: max === 0 ? MAX_BUCKETS : Math.min(max, MAX_BUCKETS),
  };
}

export const hashlimit = defineMatch({
  name: 'hashlimit',
  options: [
    { name: 'hashlimit-upto', aliases: ['hashlimit'], values: 1, invertible: true, excludes: ['hashlimit-above'] },
    { name: 'hashlimit-above', values: 1, invertible: true, excludes: ['hashlimit-upto'] },
    { name: 'hashlimit-burst', values: 1 },
    { name: 'hashlimit-mode', values: 1 },
    { name: 'hashlimit-name', values: 1 },
    { name: 'hashlimit-srcmask', values: 1 },
    { name: 'hashlimit-dstmask', values: 1 },
    ...NUMBERS.map((name) => ({ name, values: 1 as const })),
  ],
  build(given, head) {
    const s = settingsOf(given, head.family === 'ipv6');
    if ('error' in s) return s;
    const burst = s.rate.byBytes ? (s.burst === 0 ? '' : formatBytes(s.burst)) : String(s.burst);
    const words = [`--hashlimit-${s.above ? 'above' : 'upto'} ${s.rate.text}`];
    const listed = [`limit: ${s.above ? 'above' : 'up to'} ${s.rate.text}`];
    if (burst !== '') {
      words.push(`--hashlimit-burst ${burst}`);
      listed.push(`burst ${burst}`);
    }
    if (s.modes.length > 0) {
      words.push(`--hashlimit-mode ${s.modes.join(',')}`);
      listed.push(`mode ${s.modes.join('-')}`);
    }
    words.push(`--hashlimit-name ${s.name}`);
    for (const name of NUMBERS) {
      const text = givenValue(given, name);
      if (text === undefined) continue;
      const value = numberOption('hashlimit', name, text, 0, 0xffffffff);
      if (typeof value !== 'number') return value;
      const isDefault = (name === 'hashlimit-htable-gcinterval' && value === 1000) || (name === 'hashlimit-htable-expire' && value === s.rate.expireMs);
      if (value === 0 || isDefault) continue;
      words.push(`--${name} ${value}`);
      listed.push(`${name.slice('hashlimit-'.length)} ${value}`);
    }
    for (const [name, mask] of [['srcmask', s.sourceMask] as const, ['dstmask', s.destinationMask] as const]) {
      if (mask === undefined || mask === (head.family === 'ipv6' ? 128 : 32)) continue;
      words.push(`--hashlimit-${name} ${mask}`);
      listed.push(`${name} ${mask}`);
    }
    return { name: 'hashlimit', text: words.join(' '), listing: listed.join(' '), test: (context) => within(s, context) !== s.above };
  },
});
