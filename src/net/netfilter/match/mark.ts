/** -m mark, -m connmark: `--mark value[/mask]` against the packet's mark or its connection's. Linux: net/netfilter/xt_mark.c, xt_connmark.c */
import { defineMatch, type MatchDefinition } from '../definition.ts';
import { markOption } from '../options.ts';
import { formatHex, option } from '../text.ts';

function define(name: 'mark' | 'connmark'): MatchDefinition {
  return defineMatch({
    name,
    options: [{ name: 'mark', values: 1, invertible: true, mandatory: true }],
    build(given) {
      const wanted = given.get('mark');
      const parsed = markOption(name, 'mark', wanted?.values[0] ?? '');
      if ('error' in parsed) return parsed;
      const { value, mask } = parsed;
      const printed = mask === 0xffffffff ? formatHex(value) : `${formatHex(value)}/${formatHex(mask)}`;
      const negated = wanted?.negated === true;
      const text = option('mark', negated, printed);
      if (name === 'mark')
        return {
          name,
          text,
          listing: `mark match ${negated ? '! ' : ''}${printed}`,
          test: ({ skb }) => ((skb.mark & mask) >>> 0 === value) !== negated,
        };
      return {
        name,
        text,
        listing: `connmark match ${negated ? '!' : ''} ${printed}`,
        // A packet without a connection has no mark to compare: it never matches, negated or not.
        test: ({ skb }) => skb.connection !== undefined && ((skb.connection.mark & mask) >>> 0 === value) !== negated,
      };
    },
  });
}

export const mark = define('mark');
export const connmark = define('connmark');
