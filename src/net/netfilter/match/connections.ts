/** -m connlimit, -m connbytes, -m quota: how many connections there are, and how much went by. Linux: net/netfilter/xt_connlimit.c, xt_connbytes.c, xt_quota.c */
import { bitsOf } from '../../addr/ip.ts';
import type { Connection } from '../../conntrack/connection.ts';
import { ipBytes } from '../../wire/lengths.ts';
import { defineMatch } from '../definition.ts';
import { badValue, numberOption } from '../options.ts';
import { option } from '../text.ts';

export const connlimit = defineMatch({
  name: 'connlimit',
  options: [
    { name: 'connlimit-upto', values: 1, invertible: true, excludes: ['connlimit-above'] },
    { name: 'connlimit-above', values: 1, invertible: true, excludes: ['connlimit-upto'] },
    { name: 'connlimit-mask', values: 1 },
    { name: 'connlimit-saddr', values: 0, excludes: ['connlimit-daddr'] },
    { name: 'connlimit-daddr', values: 0, excludes: ['connlimit-saddr'] },
  ],
  build(given, head) {
    const name = given.has('connlimit-above') ? 'connlimit-above' : 'connlimit-upto';
    const wanted = given.get(name);
    if (wanted === undefined) return { error: 'You must specify "--connlimit-above" or "--connlimit-upto".' };
    const limit = numberOption('connlimit', name, wanted.values[0] as string, 0, 0xffffffff);
    const bits = head.family === 'ipv6' ? 128 : 32;
    const maskText = given.get('connlimit-mask')?.values[0];
    const mask = numberOption('connlimit', 'connlimit-mask', maskText ?? String(bits), 0, bits);
    if (typeof limit !== 'number') return limit;
    if (typeof mask !== 'number') return mask;
    const upto = (name === 'connlimit-upto') !== wanted.negated;
    const byDestination = given.has('connlimit-daddr');
    return {
      name: 'connlimit',
      text: `--connlimit-${upto ? 'upto' : 'above'} ${limit} --connlimit-mask ${mask} --connlimit-${byDestination ? 'daddr' : 'saddr'}`,
      listing: `#conn ${byDestination ? 'dst' : 'src'}/${mask} ${upto ? '<=' : '>'} ${limit}`,
      test(context) {
        const { skb } = context;
        const ip =
          skb.connection === undefined ? (byDestination ? skb.dst : skb.src) : byDestination ? skb.connection.original.dst : skb.connection.original.src;
        let count = context.countConnections(ip, Math.min(mask, bitsOf(ip)), byDestination);
        // The packet's own connection counts before it is in the table.
        if (skb.connection !== undefined && !skb.connection.confirmed) count += 1;
        return count > limit !== upto;
      },
    };
  },
});

const DIRECTIONS = ['original', 'reply', 'both'] as const;
const MODES = ['packets', 'bytes', 'avgpkt'] as const;

/** What a connection's counters say; it has some only where `nf_conntrack_acct` was on when it began. */
function counted(connection: Connection, direction: (typeof DIRECTIONS)[number]): { readonly packets: number; readonly bytes: number } {
  const forth = direction !== 'reply';
  const back = direction !== 'original';
  return {
    packets: (forth ? connection.packets : 0) + (back ? connection.replyPackets : 0),
    bytes: (forth ? connection.bytes : 0) + (back ? connection.replyBytes : 0),
  };
}

export const connbytes = defineMatch({
  name: 'connbytes',
  options: [
    { name: 'connbytes', values: 1, invertible: true, mandatory: true },
    { name: 'connbytes-dir', values: 1, mandatory: true },
    { name: 'connbytes-mode', values: 1, mandatory: true },
  ],
  build(given) {
    const wanted = given.get('connbytes');
    const [low = '', high = ''] = (wanted?.values[0] ?? '').split(':');
    const number = (text: string, none: number): number | undefined => (text === '' ? none : /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined);
    const from = number(low, 0);
    const to = number(high, Number.POSITIVE_INFINITY);
    if (from === undefined || to === undefined)
      return { error: `connbytes: bad value for option "--connbytes" near "${from === undefined ? low : high}", or out of range (0-18446744073709551615).\n` };
    if (to < from) return { error: `${from} should be less than ${to}` };
    const directionText = given.get('connbytes-dir')?.values[0] ?? '';
    const modeText = given.get('connbytes-mode')?.values[0] ?? '';
    const direction = DIRECTIONS.find((d) => d === directionText);
    const mode = MODES.find((m) => m === modeText);
    if (direction === undefined) return badValue('connbytes', 'connbytes-dir', directionText);
    if (mode === undefined) return badValue('connbytes', 'connbytes-mode', modeText);
    const negated = wanted?.negated === true;
    const printed = to === Number.POSITIVE_INFINITY ? `${from}` : `${from}:${to}`;
    return {
      name: 'connbytes',
      text: `${option('connbytes', negated, printed)} --connbytes-mode ${mode} --connbytes-dir ${direction}`,
      listing: `${negated ? '! ' : ''}connbytes ${printed} connbytes mode ${mode} connbytes direction ${direction}`,
      test({ skb }) {
        const { connection } = skb;
        if (connection === undefined || !connection.accounted) return false;
        const { packets, bytes } = counted(connection, direction);
        const value = mode === 'packets' ? packets : mode === 'bytes' ? bytes : packets === 0 ? 0 : Math.floor(bytes / packets);
        return (value >= from && value <= to) !== negated;
      },
    };
  },
});

export const quota = defineMatch({
  name: 'quota',
  options: [{ name: 'quota', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const wanted = given.get('quota');
    const text = wanted?.values[0] ?? '';
    if (!/^[0-9]{1,15}$/.test(text)) return { error: 'quota: bad value for option "--quota", or out of range (0-18446744073709551615).\n' };
    const bytes = Number(text);
    const negated = wanted?.negated === true;
    return {
      name: 'quota',
      text: option('quota', negated, String(bytes)),
      listing: `quota: ${bytes} bytes`,
      test(context) {
        const memory = context.memory();
        const left = memory[0] ?? bytes;
        const size = ipBytes(context.skb);
        // Once it does not fit any more, nothing is left for smaller ones either.
        memory[0] = left >= size ? left - size : 0;
        return left >= size !== negated;
      },
    };
  },
});
