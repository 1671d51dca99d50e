/** -m limit: at most so many matches in a time, by a token bucket. Linux: net/netfilter/xt_limit.c */
import { defineMatch } from '../definition.ts';
import { parseUnsigned } from '../text.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86400],
];
/** As iptables-save abbreviates them. */
const SHORT: Readonly<Record<string, string>> = { second: 'sec', minute: 'min', hour: 'hour', day: 'day' };
const NS = 1e9;

/** Rates are kept as 1/10,000 s a match. */
const SCALE = 10000;

/** The shortest unit that still says the rate without a remainder worth speaking of. Linux: iptables extensions/libxt_limit.c */
function formatRate(average: number): string {
  let best = UNITS.length - 1;
  for (let i = best - 1; i >= 0; i -= 1) {
    const unit = (UNITS[i]?.[1] ?? 0) * SCALE;
    if (average > unit || Math.floor(unit / average) < unit % average) break;
    best = i;
  }
  const [name, seconds] = UNITS[best] ?? ['second', 1];
  return `${Math.floor((seconds * SCALE) / average)}/${SHORT[name]}`;
}

export const limit = defineMatch({
  name: 'limit',
  options: [
    { name: 'limit', values: 1 },
    { name: 'limit-burst', values: 1 },
  ],
  build(given) {
    const text = given.get('limit')?.values[0] ?? '3/hour';
    const parts = /^([0-9]{1,10})\/([a-z]+)$/i.exec(text) ?? /^([0-9]{1,10})()$/.exec(text);
    const amount = parseUnsigned(parts?.[1] ?? '', 0xffffffff);
    const unit = parts?.[2] === '' ? UNITS[0] : UNITS.find((u) => u[0].startsWith((parts?.[2] ?? '?').toLowerCase()));
    const givenBurst = parseUnsigned(given.get('limit-burst')?.values[0] ?? '5', 10000);
    if (amount === undefined || amount === 0 || unit === undefined) return { error: `bad rate "${text}"'` };
    if (givenBurst === undefined) return { error: `limit: bad value for option "--limit-burst", or out of range (0-10000).\n` };
    // The nf_tables variant keeps no burst of 0: it takes the default.
    const burst = givenBurst === 0 ? 5 : givenBurst;
    const average = Math.floor((SCALE * unit[1]) / amount);
    if (average === 0) return { error: `Rate too fast "${text}"` };
    const printed = formatRate(average);
    const costNs = (average / SCALE) * NS;
    const fullNs = costNs * burst;
    return {
      name: 'limit',
      text: `--limit ${printed}${burst === 5 ? '' : ` --limit-burst ${burst}`}`,
      listing: `limit: avg ${printed} burst ${burst}`,
      test(context) {
        const memory = context.memory();
        const before = memory[0] ?? context.nowNs;
        const credit = Math.min(fullNs, (memory[1] ?? fullNs) + (context.nowNs - before));
        memory[0] = context.nowNs;
        const pass = credit >= costNs;
        memory[1] = pass ? credit - costNs : credit;
        return pass;
      },
    };
  },
});
