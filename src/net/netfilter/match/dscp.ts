/** -m dscp, -m tos: the differentiated-services byte. Linux: net/netfilter/xt_dscp.c */
import { defineMatch } from '../definition.ts';
import { numberOption } from '../options.ts';
import { option } from '../text.ts';
import { formatDscp, formatTos, parseDscpClass, parseTos, tosName } from '../tos.ts';

export const dscp = defineMatch({
  name: 'dscp',
  options: [
    { name: 'dscp', values: 1, invertible: true, excludes: ['dscp-class'] },
    { name: 'dscp-class', values: 1, invertible: true, excludes: ['dscp'] },
  ],
  build(given) {
    const wanted = given.get('dscp') ?? given.get('dscp-class');
    if (wanted === undefined) return { error: 'DSCP match: Parameter --dscp is required' };
    const text = wanted.values[0] as string;
    const value = given.has('dscp') ? numberOption('dscp', 'dscp', text, 0, 63) : parseDscpClass(text);
    if (typeof value !== 'number') return value;
    const printed = formatDscp(value);
    return {
      name: 'dscp',
      text: option('dscp', wanted.negated, printed),
      listing: `DSCP match ${wanted.negated ? '!' : ''}${printed}`,
      test: ({ skb }) => (skb.tos >> 2 === value) !== wanted.negated,
    };
  },
});

export const tos = defineMatch({
  name: 'tos',
  options: [{ name: 'tos', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const wanted = given.get('tos');
    const parsed = parseTos(wanted?.values[0] ?? '');
    if ('error' in parsed) return parsed;
    const negated = wanted?.negated === true;
    const bang = negated ? '!' : '';
    const printed = formatTos(parsed);
    const name = tosName(parsed);
    return {
      name: 'tos',
      text: option('tos', negated, printed),
      listing: `tos match${bang}${printed}`,
      named: name === undefined ? `tos match${bang}${printed}` : `tos match ${bang}${name}`,
      test: ({ skb }) => ((skb.tos & parsed.mask) === parsed.value) !== negated,
    };
  },
});
