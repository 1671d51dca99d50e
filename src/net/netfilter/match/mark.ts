/** -m mark --mark value[/mask]: the packet's mark. Linux: net/netfilter/xt_mark.c */
import { defineMatch } from '../definition.ts';
import { formatHex, option, parseMarkMask } from '../text.ts';

export const mark = defineMatch({
  name: 'mark',
  options: [{ name: 'mark', values: 1, invertible: true }],
  build(given) {
    const wanted = given.get('mark');
    if (wanted === undefined) return { error: 'mark: option "--mark" must be specified' };
    const parsed = parseMarkMask(wanted.values[0] as string);
    if (parsed === undefined) return { error: `mark: bad mark value for option "--mark", or out of range.` };
    const { value, mask } = parsed;
    const printed = mask === 0xffffffff ? formatHex(value) : `${formatHex(value)}/${formatHex(mask)}`;
    const negated = wanted.negated;
    return {
      name: 'mark',
      text: option('mark', negated, printed),
      listing: `mark match ${negated ? '! ' : ''}${printed}`,
      test: ({ skb }) => ((skb.mark & mask) >>> 0 === value) !== negated,
    };
  },
});
