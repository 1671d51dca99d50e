/** -m conntrack --ctstate and its older form -m state --state. Linux: net/netfilter/xt_conntrack.c, xt_state.c */
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_NONE, CT_RELATED, CT_UNTRACKED, type Skb } from '../../stack/skb.ts';
import { type BuiltMatch, defineMatch, type GivenOption, type RuleError } from '../definition.ts';
import { option } from '../text.ts';

const INVALID = 1;
const NEW = 2;
const RELATED = 4;
const ESTABLISHED = 8;
const UNTRACKED = 16;
const SNAT = 32;
const DNAT = 64;

/** In the order iptables prints them. */
const STATES: readonly (readonly [string, number])[] = [
  ['INVALID', INVALID],
  ['NEW', NEW],
  ['RELATED', RELATED],
  ['ESTABLISHED', ESTABLISHED],
  ['UNTRACKED', UNTRACKED],
  ['SNAT', SNAT],
  ['DNAT', DNAT],
];

function bitsOf(skb: Skb): number {
  let bits = 0;
  switch (skb.ctState) {
    case CT_NONE:
    case CT_INVALID:
      bits = INVALID;
      break;
    case CT_NEW:
      bits = NEW;
      break;
    case CT_ESTABLISHED:
      bits = ESTABLISHED;
      break;
    case CT_RELATED:
      bits = RELATED;
      break;
    case CT_UNTRACKED:
      bits = UNTRACKED;
      break;
  }
  const connection = skb.connection;
  if (connection !== undefined) {
    if (connection.sourceNat) bits |= SNAT;
    if (connection.destinationNat) bits |= DNAT;
  }
  return bits;
}

function build(name: string, optionName: string, allowed: number, listing: string, wanted: GivenOption | undefined): BuiltMatch | RuleError {
  if (wanted === undefined) return { error: `${name}: option "--${optionName}" must be specified` };
  let bits = 0;
  for (const word of (wanted.values[0] as string).split(',')) {
    const state = STATES.find((s) => s[0] === word.toUpperCase());
    if (state === undefined || (state[1] & allowed) === 0) return { error: `Bad ${optionName} "${word}"` };
    bits |= state[1];
  }
  const printed = STATES.filter((s) => (bits & s[1]) !== 0)
    .map((s) => s[0])
    .join(',');
  const negated = wanted.negated;
  return {
    name,
    text: option(optionName, negated, printed),
    listing: `${negated ? '! ' : ''}${listing} ${printed}`,
    test: ({ skb }) => ((bitsOf(skb) & bits) !== 0) !== negated,
  };
}

export const conntrack = defineMatch({
  name: 'conntrack',
  options: [{ name: 'ctstate', values: 1, invertible: true }],
  build: (given) => build('conntrack', 'ctstate', 127, 'ctstate', given.get('ctstate')),
});

export const state = defineMatch({
  name: 'state',
  options: [{ name: 'state', values: 1, invertible: true }],
  build: (given) => build('state', 'state', 31, 'state', given.get('state')),
});
