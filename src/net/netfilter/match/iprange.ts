/** -m iprange: a range of addresses that need not be a network. Linux: net/netfilter/xt_iprange.c */
import { compareIp, formatIp, parseIp } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import { defineMatch, type GivenOption, type RuleError, type RuleHead } from '../definition.ts';
import { badValue } from '../options.ts';
import { option } from '../text.ts';

interface Range {
  readonly min: Ip;
  readonly max: Ip;
  readonly negated: boolean;
  readonly text: string;
}

function parseRange(name: string, wanted: GivenOption | undefined, head: RuleHead): Range | undefined | RuleError {
  if (wanted === undefined) return undefined;
  const text = wanted.values[0] as string;
  const [low = '', high = low] = text.split('-');
  const ips = [low, high].map((word) => {
    const ip = parseIp(word);
    return ip !== undefined && (typeof ip === 'bigint') === (head.family === 'ipv6') ? ip : undefined;
  });
  if (ips[0] === undefined) return badValue('iprange', name, low);
  if (ips[1] === undefined) return badValue('iprange', name, high);
  return { min: ips[0], max: ips[1], negated: wanted.negated, text: `${formatIp(ips[0])}-${formatIp(ips[1])}` };
}

const holds = (range: Range | undefined, ip: Ip): boolean =>
  range === undefined || (compareIp(ip, range.min) >= 0 && compareIp(ip, range.max) <= 0) !== range.negated;

export const iprange = defineMatch({
  name: 'iprange',
  options: [
    { name: 'src-range', values: 1, invertible: true },
    { name: 'dst-range', values: 1, invertible: true },
  ],
  build(given, head) {
    const source = parseRange('src-range', given.get('src-range'), head);
    const destination = parseRange('dst-range', given.get('dst-range'), head);
    if (source !== undefined && 'error' in source) return source;
    if (destination !== undefined && 'error' in destination) return destination;
    if (source === undefined && destination === undefined) return { error: "iprange match: You must specify `--src-range' or `--dst-range'" };
    const words: string[] = [];
    const listed: string[] = [];
    for (const [name, word, range] of [['src-range', 'source', source] as const, ['dst-range', 'destination', destination] as const]) {
      if (range === undefined) continue;
      words.push(option(name, range.negated, range.text));
      listed.push(`${word} IP range ${range.negated ? '! ' : ''}${range.text}`);
    }
    return {
      name: 'iprange',
      text: words.join(' '),
      listing: listed.join(' '),
      test: ({ skb }) => holds(source, skb.src) && holds(destination, skb.dst),
    };
  },
});
