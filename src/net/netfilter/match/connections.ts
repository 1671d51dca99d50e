/** -m connlimit, -m quota: how many connections there are, and how much went by. Linux: net/netfilter/xt_connlimit.c, xt_quota.c */
import { bitsOf } from '../../addr/ip.ts';
import { ipBytes } from '../../wire/lengths.ts';
import { defineMatch } from '../definition.ts';
import { numberOption } from '../options.ts';
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
