/** -m rpfilter: would an answer go back the way this packet came? Linux: net/ipv4/netfilter/ipt_rpfilter.c */
import { defineMatch } from '../definition.ts';
import { PREROUTING } from '../hook.ts';

export const rpfilter = defineMatch({
  name: 'rpfilter',
  tables: ['raw', 'mangle'],
  hooks: [PREROUTING],
  options: [
    { name: 'loose', values: 0 },
    { name: 'validmark', values: 0 },
    { name: 'accept-local', values: 0 },
    { name: 'invert', values: 0 },
  ],
  build(given) {
    const loose = given.has('loose');
    const validMark = given.has('validmark');
    const acceptLocal = given.has('accept-local');
    const invert = given.has('invert');
    const words = ['loose', 'validmark', 'accept-local', 'invert'].filter((w) => given.has(w));
    return {
      name: 'rpfilter',
      text: words.map((w) => `--${w}`).join(' '),
      listing: ['rpfilter', ...words].join(' '),
      test(context) {
        if (!acceptLocal && context.addressType(context.skb.src, undefined) === 'LOCAL' && context.inDevice !== 'lo') return invert;
        return context.reversePath(loose, validMark) !== invert;
      },
    };
  },
});
