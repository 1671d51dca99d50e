/** -m set --match-set NAME src,dst: the packet's addresses and ports in an ipset. Linux: net/netfilter/xt_set.c */
import { defineMatch, type GivenOption, type RuleError } from '../definition.ts';
import { option } from '../text.ts';

/** IPSET_DIM_MAX in the words of the match. */
const MAX_DIRECTIONS = 6;
const MAX_NAME = 31;

/** `src,dst` as true for src; the sentence is the tool's, with its spelling. */
export function parseDirections(text: string): readonly boolean[] | RuleError {
  const words = text.split(',');
  if (words.length > MAX_DIRECTIONS) return { error: `Can't be more src/dst options than ${MAX_DIRECTIONS}.` };
  if (words.some((w) => w !== 'src' && w !== 'dst')) return { error: "You must spefify (the comma separated list of) 'src' or 'dst'." };
  return words.map((w) => w === 'src');
}

export const setNameError = (name: string): RuleError | undefined =>
  name.length > MAX_NAME ? { error: `setname \`${name}' too long, max ${MAX_NAME} characters.` } : undefined;

type Compare = (counted: number) => boolean;

/** One question about an entry's counters. */
function counterTest(
  given: ReadonlyMap<string, GivenOption>,
  what: 'packets' | 'bytes',
): { readonly text: string; readonly listing: string; readonly test: Compare } | undefined | RuleError {
  for (const [suffix, compare] of [
    ['eq', (a: number, b: number) => a === b],
    ['lt', (a: number, b: number) => a < b],
    ['gt', (a: number, b: number) => a > b],
  ] as const) {
    const name = `${what}-${suffix}`;
    const wanted = given.get(name);
    if (wanted === undefined) continue;
    const text = wanted.values[0] as string;
    if (!/^[0-9]{1,15}$/.test(text)) return { error: `can't parse ${text}` };
    const value = Number(text);
    return {
      text: option(name, wanted.negated, text),
      listing: `${wanted.negated ? '! ' : ''}${name} ${text}`,
      test: (counted) => compare(counted, value) !== wanted.negated,
    };
  }
  return undefined;
}

export const set = defineMatch({
  name: 'set',
  options: [
    {
      name: 'match-set',
      aliases: ['set'],
      values: 2,
      invertible: true,
      tooFew: '--match-set requires two args.',
      twice: '--match-set can be specified only once',
    },
    { name: 'return-nomatch', values: 0 },
    { name: 'update-counters', values: 0, invertible: true },
    { name: 'update-subcounters', values: 0, invertible: true },
    { name: 'packets-eq', values: 1, invertible: true },
    { name: 'packets-lt', values: 1 },
    { name: 'packets-gt', values: 1 },
    { name: 'bytes-eq', values: 1, invertible: true },
    { name: 'bytes-lt', values: 1 },
    { name: 'bytes-gt', values: 1 },
  ],
  build(given) {
    const wanted = given.get('match-set');
    if (wanted === undefined) return { error: "You must specify `--match-set' with proper arguments" };
    const [name = '', directionText = ''] = wanted.values;
    const directions = parseDirections(directionText);
    const nameError = setNameError(name);
    if (nameError !== undefined) return nameError;
    if ('error' in directions) return directions;
    const packets = counterTest(given, 'packets');
    const bytes = counterTest(given, 'bytes');
    if (packets !== undefined && 'error' in packets) return packets;
    if (bytes !== undefined && 'error' in bytes) return bytes;
    const negated = wanted.negated;
    const returnNomatch = given.has('return-nomatch');
    const update = given.get('update-counters')?.negated !== true;
    const words = [option('match-set', negated, `${name} ${directionText}`)];
    const listed = [`${negated ? '! ' : ''}match-set ${name} ${directionText}`];
    if (returnNomatch) {
      words.push('--return-nomatch');
      listed.push('return-nomatch');
    }
    for (const flag of ['update-counters', 'update-subcounters']) {
      if (given.get(flag)?.negated !== true) continue;
      words.push(`! --${flag}`);
      listed.push(`! ${flag}`);
    }
    for (const one of [packets, bytes]) {
      if (one === undefined) continue;
      words.push(one.text);
      listed.push(one.listing);
    }
    return {
      name: 'set',
      text: words.join(' '),
      listing: listed.join(' '),
      sets: [name],
      test(context) {
        const found = context.ipset(name)?.match(context, directions, update);
        // A nomatch entry says no, and with --return-nomatch it is what is asked for.
        let hit = found !== undefined && found.nomatch === returnNomatch;
        if (hit && found !== undefined) hit = (packets?.test(found.packets) ?? true) && (bytes?.test(found.bytes) ?? true);
        return hit !== negated;
      },
    };
  },
});
