/** -m statistic: a share of the packets, by chance or by counting. Linux: net/netfilter/xt_statistic.c */
import { defineMatch } from '../definition.ts';
import { numberOption } from '../options.ts';
import { option } from '../text.ts';

/** The kernel compares 31 random bits with the probability in these units. */
const UNIT = 0x80000000;

export const statistic = defineMatch({
  name: 'statistic',
  options: [
    { name: 'mode', values: 1 },
    { name: 'probability', values: 1, invertible: true },
    { name: 'every', values: 1, invertible: true },
    { name: 'packet', values: 1 },
  ],
  build(given) {
    const mode = given.get('mode')?.values[0] ?? 'random';
    if (mode !== 'random' && mode !== 'nth') return { error: `Bad mode "${mode}"` };
    if (mode === 'random') {
      const wanted = given.get('probability');
      if (wanted === undefined) return { error: '--probability must be specified when using random mode' };
      if (!given.has('mode')) return { error: 'statistic: option "--mode" must be specified\n' };
      const text = wanted.values[0] as string;
      const probability = /^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
      if (!(probability >= 0 && probability <= 1)) return { error: `statistic: bad value for option "--probability", or out of range (0-1).\n` };
      const threshold = Math.round(probability * UNIT);
      const printed = (threshold / UNIT).toFixed(11);
      return {
        name: 'statistic',
        text: `--mode random ${option('probability', wanted.negated, printed)}`,
        listing: `statistic mode random${wanted.negated ? ' !' : ''} probability ${printed}`,
        test: (context) => (context.uint32() & 0x7fffffff) >>> 0 < threshold !== wanted.negated,
      };
    }
    const wanted = given.get('every');
    const packetText = given.get('packet')?.values[0];
    if (wanted === undefined) return { error: '--every and --packet must be specified when using nth mode' };
    const every = numberOption('statistic', 'every', wanted.values[0] as string, 1, 0xffffffff);
    if (typeof every === 'number' && packetText === undefined) return { error: 'statistic: option "--every" also requires "--packet".\n' };
    const packet = numberOption('statistic', 'packet', packetText ?? '0', 0, 0xffffffff);
    if (typeof every !== 'number') return every;
    if (typeof packet !== 'number') return packet;
    if (packet >= every) return { error: 'the --packet p must be 0 <= p <= n-1' };
    return {
      name: 'statistic',
      text: `--mode nth ${option('every', wanted.negated, String(every))} --packet ${packet}`,
      listing: `statistic mode nth${wanted.negated ? ' !' : ''} every ${every}${packet === 0 ? '' : ` packet ${packet}`}`,
      test(context) {
        const memory = context.memory();
        // The counter starts so that packet number `packet` is the first to match.
        const count = memory[0] ?? every - 1 - packet;
        const hit = count === every - 1;
        memory[0] = hit ? 0 : count + 1;
        return hit !== wanted.negated;
      },
    };
  },
});
