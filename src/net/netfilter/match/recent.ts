/** -m recent: a list of addresses and when they were seen; kube-proxy's session affinity. Linux: net/netfilter/xt_recent.c */
import { formatIp } from '../../addr/ip.ts';
import { parseIp4 } from '../../addr/ip4.ts';
import { parseIp6 } from '../../addr/ip6.ts';
import type { Ip } from '../../wire/packet.ts';
import { defineMatch, EINVAL, type GivenOptions, type RecentEntry, type RuleContext, type RuleError } from '../definition.ts';
import { givenValue, numberOption } from '../options.ts';
import { parseUnsigned } from '../text.ts';

const NS = 1e9;
/** Times kept an address; a rule with a larger --hitcount makes its list keep more (a power of two). */
const STAMPS = 20;
const MAX_STAMPS = 65535;
/** ip_list_tot: how many addresses a list keeps; the oldest goes. */
const ADDRESSES = 100;
const ALL_ONES6 = (1n << 128n) - 1n;

const ACTIONS = ['set', 'rcheck', 'update', 'remove'] as const;
type Action = (typeof ACTIONS)[number];
const VERBS: Readonly<Record<Action, string>> = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' };

interface Settings {
  readonly action: Action;
  readonly negated: boolean;
  readonly list: string;
  readonly seconds: number;
  readonly hits: number;
  readonly mask: Ip;
  readonly reap: boolean;
  readonly ttl: boolean;
  readonly bySource: boolean;
}

function settings(given: GivenOptions, six: boolean): Settings | RuleError {
  const action = ACTIONS.find((a) => given.has(a));
  if (action === undefined) return { error: "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'" };
  const secondsText = givenValue(given, 'seconds');
  const seconds = secondsText === undefined ? 0 : numberOption('recent', 'seconds', secondsText, 1, 0xffffffff);
  const hits = numberOption('recent', 'hitcount', givenValue(given, 'hitcount') ?? '0', 0, 0xffffffff);
  if (typeof seconds !== 'number') return seconds;
  if (typeof hits !== 'number') return hits;
  const maskText = givenValue(given, 'mask');
  // A bare number is an address too: 24 is 0.0.0.24.
  const short = maskText === undefined || six ? undefined : parseUnsigned(maskText, 255);
  const mask = maskText === undefined ? (six ? ALL_ONES6 : -1) : six ? parseIp6(maskText) : (short ?? parseIp4(maskText));
  if (mask === undefined) return { error: `host/network \`${maskText}' not found` };
  const list = givenValue(given, 'name') ?? 'DEFAULT';
  if (list.length > 199) return { error: 'Argument must have a maximum length of 199 characters\n' };
  const checks = action === 'rcheck' || action === 'update';
  if ((!checks && (seconds !== 0 || hits !== 0)) || hits > MAX_STAMPS || list === '.' || list === '..' || list.includes('/')) return EINVAL;
  return {
    action,
    negated: given.get(action)?.negated === true,
    list,
    seconds,
    hits,
    mask,
    reap: given.has('reap'),
    ttl: given.has('rttl'),
    bySource: !given.has('rdest'),
  };
}

function test(s: Settings, context: RuleContext): boolean {
  const addresses = context.recent(s.list);
  const ip = s.bySource ? context.skb.src : context.skb.dst;
  const address = typeof ip === 'bigint' ? ip & (s.mask as bigint) : ip & (s.mask as number);
  const ttl = context.skb.ttl;
  const entry = addresses.get(address);
  const keep = Math.max(STAMPS, s.hits <= STAMPS ? STAMPS : 2 ** Math.ceil(Math.log2(s.hits + 1)) - 1);
  if (entry === undefined || (s.ttl && entry.ttl !== ttl)) {
    if (s.action !== 'set') return s.negated;
    if (addresses.size >= ADDRESSES) addresses.delete(addresses.keys().next().value as Ip);
    addresses.set(address, { ttl, stamps: [context.nowNs] });
    return !s.negated;
  }
  let result = s.negated;
  if (s.action === 'set') result = !s.negated;
  else if (s.action === 'remove') {
    addresses.delete(address);
    return !s.negated;
  } else {
    const since = s.seconds === 0 ? Number.NEGATIVE_INFINITY : context.nowNs - s.seconds * NS;
    const fresh = entry.stamps.filter((t) => t >= since);
    if (s.seconds === 0 && s.hits === 0) result = !s.negated;
    else if (fresh.length >= Math.max(1, s.hits)) result = !s.negated;
    if (s.reap) {
      if (fresh.length === 0) {
        addresses.delete(address);
        return s.negated;
      }
      entry.stamps = fresh;
    }
  }
  if (s.action === 'set' || (s.action === 'update' && result !== s.negated)) stamp(addresses, address, entry, context.nowNs, ttl, keep);
  return result;
}

/** recent_entry_update(): a new time, and the address becomes the list's youngest. */
function stamp(addresses: Map<Ip, RecentEntry>, address: Ip, entry: RecentEntry, nowNs: number, ttl: number, keep: number): void {
  entry.stamps.push(nowNs);
  if (entry.stamps.length > keep) entry.stamps.shift();
  entry.ttl = ttl;
  addresses.delete(address);
  addresses.set(address, entry);
}

const others = (action: Action): readonly string[] => ACTIONS.filter((a) => a !== action);

export const recent = defineMatch({
  name: 'recent',
  options: [
    ...ACTIONS.map((name) => ({ name, values: 0 as const, invertible: true, excludes: others(name) })),
    { name: 'seconds', values: 1 },
    { name: 'reap', values: 0, requires: ['seconds'] },
    { name: 'hitcount', values: 1 },
    { name: 'rttl', values: 0, excludes: ['set', 'remove'] },
    { name: 'name', values: 1 },
    { name: 'rsource', values: 0 },
    { name: 'rdest', values: 0 },
    { name: 'mask', values: 1 },
  ],
  build(given, head) {
    const s = settings(given, head.family === 'ipv6');
    if ('error' in s) return s;
    const bang = s.negated ? '! ' : '';
    const words = [`${bang}--${s.action}`];
    const listed = [`${bang}recent: ${VERBS[s.action]}`];
    const add = (word: string, list: string): void => {
      words.push(word);
      listed.push(list);
    };
    if (s.seconds !== 0) add(`--seconds ${s.seconds}`, `seconds: ${s.seconds}`);
    if (s.reap) add('--reap', 'reap');
    if (s.hits !== 0) add(`--hitcount ${s.hits}`, `hit_count: ${s.hits}`);
    if (s.ttl) add('--rttl', 'TTL-Match');
    const mask = formatIp(s.mask);
    words.push(`--name ${s.list}`, `--mask ${mask}`, s.bySource ? '--rsource' : '--rdest');
    listed.push(`name: ${s.list}`, `side: ${s.bySource ? 'source' : 'dest'}`, `mask: ${mask}`);
    return { name: 'recent', text: words.join(' '), listing: listed.join(' '), test: (context) => test(s, context) };
  },
});
