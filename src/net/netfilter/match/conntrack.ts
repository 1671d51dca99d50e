/** -m conntrack and its older form -m state: what connection tracking knows of the packet. Linux: net/netfilter/xt_conntrack.c, xt_state.c */
import { bitsOf, formatIp, inPrefix } from '../../addr/ip.ts';
import type { Tuple } from '../../conntrack/connection.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_NONE, CT_RELATED, CT_UNTRACKED, type Skb } from '../../stack/skb.ts';
import { parseAddress } from '../address.ts';
import { type BuiltMatch, defineMatch, type GivenOption, type GivenOptions, type RuleContext, type RuleError, type RuleHead } from '../definition.ts';
import { protocolOf } from '../names.ts';
import { badValue } from '../options.ts';
import { formatPortRange, option, parsePort, parseUnsigned } from '../text.ts';

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

const EXPECTED = 1;
const SEEN_REPLY = 2;
const ASSURED = 4;
const CONFIRMED = 8;
const STATUSES: readonly (readonly [string, number])[] = [
  ['EXPECTED', EXPECTED],
  ['SEEN_REPLY', SEEN_REPLY],
  ['ASSURED', ASSURED],
  ['CONFIRMED', CONFIRMED],
];

function stateBits(skb: Skb): number {
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

/** `A,B` as bits; NONE is none of them. */
function parseBits(names: readonly (readonly [string, number])[], what: string, text: string): number | RuleError {
  let bits = 0;
  for (const word of text.split(',')) {
    const known = names.find((s) => s[0] === word.toUpperCase());
    if (known === undefined && !(what === 'ctstatus' && word.toUpperCase() === 'NONE')) return { error: `Bad ${what} "${word}"` };
    bits |= known?.[1] ?? 0;
  }
  return bits;
}

const formatBits = (names: readonly (readonly [string, number])[], bits: number): string =>
  names
    .filter((s) => (bits & s[1]) !== 0)
    .map((s) => s[0])
    .join(',');

/** One option: how it is printed, and its question; a packet without a connection fails every question but that of its state. */
interface Part {
  readonly text: string;
  readonly listing: string;
  readonly needsConnection: boolean;
  readonly test: (context: RuleContext) => boolean;
}

function part(name: string, negated: boolean, value: string, needsConnection: boolean, test: (context: RuleContext) => boolean): Part {
  return {
    text: option(name, negated, value),
    listing: `${negated ? '! ' : ''}${name} ${value}`,
    needsConnection,
    test: negated ? (context) => !test(context) : test,
  };
}

function statePart(name: string, wanted: GivenOption, allowed: readonly (readonly [string, number])[]): Part | RuleError {
  const bits = parseBits(allowed, name, wanted.values[0] as string);
  if (typeof bits !== 'number') return bits;
  return part(name, wanted.negated, formatBits(allowed, bits), false, ({ skb }) => (stateBits(skb) & bits) !== 0);
}

const TUPLES = ['orig', 'repl'] as const;
const tupleOf = (skb: Skb, which: 'orig' | 'repl'): Tuple | undefined => (which === 'orig' ? skb.connection?.original : skb.connection?.reply);

function addressPart(name: string, wanted: GivenOption, head: RuleHead, which: 'orig' | 'repl', field: 'src' | 'dst'): Part | RuleError {
  const address = parseAddress(wanted.values[0] as string, head.family);
  if ('error' in address) return address;
  const { network, prefixLength } = address;
  const printed = `${formatIp(network)}${prefixLength === bitsOf(network) ? '' : `/${prefixLength}`}`;
  return part(name, wanted.negated, printed, true, ({ skb }) => inPrefix(network, prefixLength, tupleOf(skb, which)?.[field] ?? 0));
}

function portPart(name: string, wanted: GivenOption, which: 'orig' | 'repl', field: 'sport' | 'dport'): Part | RuleError {
  const [low = '', high = low] = (wanted.values[0] as string).split(':');
  const min = parsePort(low);
  const max = parsePort(high);
  if (min === undefined || max === undefined) return { error: `Port "${min === undefined ? low : high}" does not resolve to anything.\n` };
  return part(name, wanted.negated, formatPortRange({ min, max }), true, ({ skb }) => {
    const port = tupleOf(skb, which)?.[field] ?? 0;
    return port >= min && port <= max;
  });
}

function statusOf(skb: Skb): number {
  const connection = skb.connection;
  if (connection === undefined) return 0;
  return (connection.seenReply ? SEEN_REPLY : 0) | (connection.assured ? ASSURED : 0) | (connection.confirmed ? CONFIRMED : 0);
}

function otherParts(given: GivenOptions): (Part | RuleError)[] {
  const parts: (Part | RuleError)[] = [];
  const status = given.get('ctstatus');
  if (status !== undefined) {
    const bits = parseBits(STATUSES, 'ctstatus', status.values[0] as string);
    if (typeof bits !== 'number') parts.push(bits);
    else parts.push(part('ctstatus', status.negated, bits === 0 ? 'NONE' : formatBits(STATUSES, bits), true, ({ skb }) => (statusOf(skb) & bits) !== 0));
  }
  const expire = given.get('ctexpire');
  if (expire !== undefined) {
    const [low = '', high = low] = (expire.values[0] as string).split(':');
    const min = parseUnsigned(low, 0xffffffff);
    const max = parseUnsigned(high, 0xffffffff);
    if (min === undefined || max === undefined)
      parts.push({ error: `conntrack: bad value for option "--ctexpire" near "${low}", or out of range (0-4294967295).\n` });
    else
      parts.push(
        part('ctexpire', expire.negated, min === max ? `${min}` : `${min}:${max}`, true, ({ skb, nowNs }) => {
          const seconds = Math.floor(Math.max(0, (skb.connection?.expiresNs ?? 0) - nowNs) / 1e9);
          return seconds >= min && seconds <= max;
        }),
      );
  }
  const direction = given.get('ctdir');
  if (direction !== undefined) {
    const word = (direction.values[0] as string).toUpperCase();
    if (word !== 'ORIGINAL' && word !== 'REPLY') parts.push(badValue('conntrack', 'ctdir', direction.values[0] as string));
    else parts.push(part('ctdir', false, word, true, ({ skb }) => skb.ctReply === (word === 'REPLY')));
  }
  return parts;
}

function partsOf(given: GivenOptions, head: RuleHead): (Part | RuleError)[] {
  const parts: (Part | RuleError)[] = [];
  const state = given.get('ctstate');
  if (state !== undefined) parts.push(statePart('ctstate', state, STATES));
  const protocol = given.get('ctproto');
  if (protocol !== undefined) {
    const word = protocol.values[0] as string;
    const number = protocolOf(word.toLowerCase()) ?? parseUnsigned(word, 255);
    if (number === undefined) parts.push({ error: `Protocol "${word}" does not resolve to anything.\n` });
    else parts.push(part('ctproto', protocol.negated, String(number), true, ({ skb }) => skb.connection?.protocol === number));
  }
  for (const which of TUPLES) {
    for (const field of ['src', 'dst'] as const) {
      const wanted = given.get(`ct${which}${field}`);
      if (wanted !== undefined) parts.push(addressPart(`ct${which}${field}`, wanted, head, which, field));
    }
  }
  for (const which of TUPLES) {
    for (const field of ['src', 'dst'] as const) {
      const wanted = given.get(`ct${which}${field}port`);
      if (wanted !== undefined) parts.push(portPart(`ct${which}${field}port`, wanted, which, field === 'src' ? 'sport' : 'dport'));
    }
  }
  return [...parts, ...otherParts(given)];
}

const INVERTIBLE = [
  'ctstate',
  'ctproto',
  'ctorigsrc',
  'ctorigdst',
  'ctreplsrc',
  'ctrepldst',
  'ctorigsrcport',
  'ctorigdstport',
  'ctreplsrcport',
  'ctrepldstport',
  'ctstatus',
  'ctexpire',
];

export const conntrack = defineMatch({
  name: 'conntrack',
  options: [...INVERTIBLE.map((name) => ({ name, values: 1 as const, invertible: true })), { name: 'ctdir', values: 1 }],
  build(given, head): BuiltMatch | RuleError {
    const parts: Part[] = [];
    for (const one of partsOf(given, head)) {
      if ('error' in one) return one;
      parts.push(one);
    }
    if (parts.length === 0) return { error: 'conntrack: At least one option is required' };
    const needsConnection = parts.some((p) => p.needsConnection);
    // Nearly every rule asks for the state alone, and every packet meets some: no loop for that.
    const only = parts.length === 1 && !needsConnection ? parts[0] : undefined;
    return {
      name: 'conntrack',
      text: parts.map((p) => p.text).join(' '),
      listing: parts.map((p) => p.listing).join(' '),
      test:
        only?.test ??
        ((context) => {
          for (const one of parts) {
            if (one.needsConnection && context.skb.connection === undefined) return false;
            if (!one.test(context)) return false;
          }
          return true;
        }),
    };
  },
});

export const state = defineMatch({
  name: 'state',
  options: [{ name: 'state', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const one = statePart('state', given.get('state') as GivenOption, STATES.slice(0, 5));
    return 'error' in one ? one : { name: 'state', text: one.text, listing: one.listing, test: one.test };
  },
});
