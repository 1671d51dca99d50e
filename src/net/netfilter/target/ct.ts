/** -j CT (and its old name NOTRACK): no connection tracking for this packet, or tracking in a zone. Linux: net/netfilter/xt_CT.c */
import { type BuiltTarget, CONTINUE, defineTarget, type GivenOptions, type RuleError } from '../definition.ts';
import { OUTPUT, PREROUTING } from '../hook.ts';
import { givenValue } from '../options.ts';
import { parseUnsigned } from '../text.ts';

const ZONES = [
  ['zone', 'both'],
  ['zone-orig', 'original'],
  ['zone-reply', 'reply'],
] as const;

const untrack: Pick<BuiltTarget, 'run' | 'continues'> = {
  continues: true,
  run(context) {
    context.untrack();
    return CONTINUE;
  },
};

function build(given: GivenOptions): BuiltTarget | RuleError {
  if (given.has('helper')) return { error: 'CT: connection tracking helpers are not simulated' };
  if (given.has('timeout')) return { error: 'CT: timeout policies are not simulated' };
  const notrack = given.has('notrack');
  const chosen = ZONES.find(([name]) => given.has(name));
  const words: string[] = [];
  if (notrack) words.push('notrack');
  let zone = 0;
  let byMark = false;
  if (chosen !== undefined) {
    const text = givenValue(given, chosen[0]) ?? '';
    const number = text === 'mark' ? 0 : parseUnsigned(text, 65535);
    if (number === undefined) return { error: `Cannot parse ${text} as a zone ID` };
    zone = number;
    byMark = text === 'mark';
    words.push(`${chosen[0]} ${text === 'mark' ? 'mark' : number}`);
  }
  return {
    name: 'CT',
    continues: true,
    text: words.map((w) => `--${w}`).join(' '),
    listing: ['CT', ...words].join(' '),
    run(context) {
      if (notrack) return untrack.run(context);
      if (chosen !== undefined) context.zone(byMark ? context.skb.mark & 0xffff : zone, chosen[1]);
      return CONTINUE;
    },
  };
}

export const ct = defineTarget({
  name: 'CT',
  tables: ['raw'],
  hooks: [PREROUTING, OUTPUT],
  options: [
    { name: 'notrack', values: 0 },
    { name: 'helper', values: 1 },
    { name: 'timeout', values: 1 },
    { name: 'zone', values: 1, excludes: ['zone-orig', 'zone-reply'] },
    { name: 'zone-orig', values: 1, excludes: ['zone'] },
    { name: 'zone-reply', values: 1, excludes: ['zone'] },
  ],
  build,
});

export const notrack = defineTarget({
  name: 'NOTRACK',
  tables: ['raw'],
  hooks: [PREROUTING, OUTPUT],
  options: [],
  build: () => ({ name: 'CT', printedAs: 'NOTRACK', text: '', listing: 'NOTRACK', ...untrack }),
});
