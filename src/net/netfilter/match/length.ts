/** -m length, -m ttl, -m hl: numbers of the IP header. Linux: net/netfilter/xt_length.c, xt_hl.c */
import { ipBytes } from '../../wire/lengths.ts';
import { defineMatch, type MatchDefinition } from '../definition.ts';
import { numberOption } from '../options.ts';
import { option, parseUnsigned } from '../text.ts';

/** `a:b`, where a missing end is the end of the range; the sentence names the part that is wrong. */
export function parseNumberRange(
  extension: string,
  name: string,
  text: string,
  max: number,
): { readonly min: number; readonly max: number } | { readonly error: string } {
  const parts = text.split(':');
  if (parts.length > 2) return { error: `${extension}: Too many components for option "--${name}" (max: 2)\n` };
  const [low = '', high = low] = parts;
  const from = low === '' ? 0 : parseUnsigned(low, max);
  const to = high === '' ? max : parseUnsigned(high, max);
  if (from === undefined || to === undefined)
    return { error: `${extension}: bad value for option "--${name}" near "${from === undefined ? low : high}", or out of range (0-${max}).\n` };
  return { min: from, max: to };
}

export const length = defineMatch({
  name: 'length',
  options: [{ name: 'length', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const wanted = given.get('length');
    const range = parseNumberRange('length', 'length', wanted?.values[0] ?? '', 65535);
    if ('error' in range) return range;
    const negated = wanted?.negated === true;
    const printed = range.min === range.max ? `${range.min}` : `${range.min}:${range.max}`;
    return {
      name: 'length',
      text: option('length', negated, printed),
      listing: `length ${negated ? '!' : ''}${printed}`,
      test({ skb }) {
        const bytes = ipBytes(skb);
        return (bytes >= range.min && bytes <= range.max) !== negated;
      },
    };
  },
});

/** The four questions: equal, not equal, less, greater. */
function hopMatch(name: 'ttl' | 'hl', family: 'ipv4' | 'ipv6', missing: string): MatchDefinition {
  const [eq, lt, gt] = [`${name}-eq`, `${name}-lt`, `${name}-gt`];
  return defineMatch({
    name,
    family,
    options: [
      { name: lt, values: 1, excludes: [eq, gt] },
      { name: gt, values: 1, excludes: [eq, lt] },
      { name: eq, aliases: [name], values: 1, invertible: true, excludes: [gt, lt] },
    ],
    build(given) {
      const kind = [eq, lt, gt].find((k) => given.has(k));
      if (kind === undefined) return { error: missing };
      const wanted = given.get(kind);
      const value = numberOption(name, kind, wanted?.values[0] ?? '', 0, 255);
      if (typeof value !== 'number') return value;
      const negated = wanted?.negated === true;
      const word = name.toUpperCase();
      const sign = kind === eq ? (negated ? '!=' : '==') : kind === lt ? '<' : '>';
      return {
        name,
        text: option(kind, negated, String(value)),
        listing: `${word} match ${word} ${sign} ${value}`,
        test: ({ skb }) => (kind === eq ? (skb.ttl === value) !== negated : kind === lt ? skb.ttl < value : skb.ttl > value),
      };
    },
  });
}

export const ttl = hopMatch('ttl', 'ipv4', "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt");
export const hl = hopMatch('hl', 'ipv6', "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'");
