/** Reads the words of a rule one after the other, as iptables' own option parser does. */
import { bitsOf, networkOf, parseIp } from '../addr/ip.ts';
import { maskOf, parseIp4 } from '../addr/ip4.ts';
import { maskOf6, parseIp6 } from '../addr/ip6.ts';
import type { Family, GivenOption, MatchDefinition, OptionDefinition, TargetDefinition } from './definition.ts';
import { findMatch } from './match/index.ts';
import type { AddressTest, NameTest } from './rule.ts';
import { findTarget } from './target/index.ts';
import { parseUnsigned } from './text.ts';

export const PROTOCOLS: readonly (readonly [string, number])[] = [
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['sctp', 132],
  ['udplite', 136],
];

/** Long and short names of what the rule itself has; everything else belongs to a match or the target. */
const HEAD_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['-s', 's'],
  ['--source', 's'],
  ['--src', 's'],
  ['-d', 'd'],
  ['--destination', 'd'],
  ['--dst', 'd'],
  ['-i', 'i'],
  ['--in-interface', 'i'],
  ['-o', 'o'],
  ['--out-interface', 'o'],
  ['-p', 'p'],
  ['--protocol', 'p'],
  ['--proto', 'p'],
  ['-f', 'f'],
  ['--fragment', 'f'],
  ['-m', 'm'],
  ['--match', 'm'],
  ['-j', 'j'],
  ['--jump', 'j'],
  ['-g', 'g'],
  ['--goto', 'g'],
]);

interface OpenMatch {
  readonly definition: MatchDefinition;
  readonly given: Map<string, GivenOption>;
}

/** Options are read one after the other; matches are built at the end, when the protocol is known. */
export class RuleReader {
  source: AddressTest | undefined;
  destination: AddressTest | undefined;
  inDevice: NameTest | undefined;
  outDevice: NameTest | undefined;
  protocol = 0;
  protocolNegated = false;
  fragment: -1 | 0 | 1 = 0;
  readonly matches: OpenMatch[] = [];
  target: TargetDefinition | undefined;
  readonly targetOptions = new Map<string, GivenOption>();
  jump: string | undefined;
  goto = false;
  #at = 0;
  readonly #words: readonly string[];
  readonly #family: Family;

  constructor(words: readonly string[], family: Family) {
    this.#words = words;
    this.#family = family;
  }

  read(): string | undefined {
    let negated = false;
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at] as string;
      this.#at += 1;
      if (word === '!') {
        if (negated) return 'multiple consecutive ! not allowed';
        negated = true;
        continue;
      }
      const error = this.#option(word, negated);
      if (error !== undefined) return error;
      negated = false;
    }
    return negated ? "unexpected `!' at the end of the rule" : undefined;
  }

  #value(word: string): string | undefined {
    const value = this.#words[this.#at];
    if (value === undefined) return undefined;
    this.#at += 1;
    return value === '' && word === '' ? undefined : value;
  }

  #option(word: string, negated: boolean): string | undefined {
    const head = HEAD_OPTIONS.get(word);
    if (head !== undefined) return this.#head(head, word, negated);
    if (!word.startsWith('-') || word === '-') return `Bad argument \`${word}'`;
    const name = word.startsWith('--') ? word.slice(2) : word;
    const found = this.#extension(name);
    if (found === undefined) return `unknown option "${word}"`;
    if (negated && found.option.invertible !== true) return `unexpected ! flag before --${name}`;
    if (found.given.has(found.option.name)) return `multiple use of same option not allowed: --${name}`;
    const values: string[] = [];
    for (let i = 0; i < found.option.values; i += 1) {
      const value = this.#value(word);
      if (value === undefined) return `option "${word}" requires an argument`;
      values.push(value);
    }
    found.given.set(found.option.name, { negated, values });
    return undefined;
  }

  /** The option's owner: the target, then loaded matches from the last one back, then the match that `-p` implies. */
  #extension(name: string): { readonly option: OptionDefinition; readonly given: Map<string, GivenOption> } | undefined {
    const own = (options: readonly OptionDefinition[]): OptionDefinition | undefined =>
      options.find((o) => o.name === name || (o.aliases?.includes(name) ?? false));
    if (this.target !== undefined) {
      const found = own(this.target.options);
      if (found !== undefined) return { option: found, given: this.targetOptions };
    }
    for (let i = this.matches.length - 1; i >= 0; i -= 1) {
      const match = this.matches[i] as OpenMatch;
      const found = own(match.definition.options);
      if (found !== undefined) return { option: found, given: match.given };
    }
    if (this.protocol === 0 || this.protocolNegated) return undefined;
    const implied = findMatch(PROTOCOLS.find((p) => p[1] === this.protocol)?.[0] ?? '');
    const found = implied === undefined ? undefined : own(implied.options);
    if (implied === undefined || found === undefined) return undefined;
    const match: OpenMatch = { definition: implied, given: new Map() };
    this.matches.push(match);
    return { option: found, given: match.given };
  }

  #head(head: string, word: string, negated: boolean): string | undefined {
    if (head === 'f') {
      this.fragment = negated ? -1 : 1;
      return undefined;
    }
    const value = this.#value(word);
    if (value === undefined) return `option "${word}" requires an argument`;
    if (negated && (head === 'm' || head === 'j' || head === 'g')) return `unexpected ! flag before ${word}`;
    switch (head) {
      case 's':
      case 'd': {
        const test = parseAddress(value, negated, this.#family);
        if (typeof test === 'string') return test;
        if ((head === 's' ? this.source : this.destination) !== undefined) return `multiple ${word} flags not allowed`;
        if (head === 's') this.source = test;
        else this.destination = test;
        return undefined;
      }
      case 'i':
      case 'o': {
        if (value.length > 15) return `interface name \`${value}' must be shorter than 16 characters`;
        if (head === 'i') this.inDevice = { name: value, negated };
        else this.outDevice = { name: value, negated };
        return undefined;
      }
      case 'p': {
        const protocol = value.toLowerCase() === 'all' ? 0 : (PROTOCOLS.find((p) => p[0] === value.toLowerCase())?.[1] ?? parseUnsigned(value, 255));
        if (protocol === undefined) return `unknown protocol "${value}" specified`;
        if (protocol === 0 && negated) return 'rule would never match protocol';
        this.protocol = protocol;
        this.protocolNegated = negated;
        return undefined;
      }
      case 'm': {
        const definition = findMatch(value);
        if (definition === undefined) return `Couldn't load match \`${value}':No such file or directory`;
        this.matches.push({ definition, given: new Map() });
        return undefined;
      }
      default: {
        if (this.jump !== undefined) return 'multiple -j/-g flags not allowed';
        if (value === '' || value.length > 28) return value === '' ? 'Invalid target name (too short)' : `Invalid target name \`${value}' (28 chars max)`;
        if (/\s/.test(value) || value.startsWith('!')) return `Invalid target name \`${value}'`;
        this.jump = value;
        this.goto = head === 'g';
        if (!this.goto) this.target = findTarget(value);
        return undefined;
      }
    }
  }
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`; host bits are cleared, as iptables does. */
function parseAddress(text: string, negated: boolean, family: Family): AddressTest | string {
  if (text.includes(',')) return `one rule with several addresses ("${text}") is not simulated: write one rule for each`;
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined || (typeof address === 'bigint') !== (family === 'ipv6'))
    return `host/network \`${slash < 0 ? text : text.slice(0, slash)}' not found`;
  let prefixLength: number = bitsOf(address);
  if (slash >= 0) {
    const lengthText = text.slice(slash + 1);
    const length =
      family === 'ipv6' ? (lengthOfMask6(lengthText) ?? parseUnsigned(lengthText, 128)) : (lengthOfMask(lengthText) ?? parseUnsigned(lengthText, 32));
    if (length === undefined) return `invalid mask \`${lengthText}' specified`;
    prefixLength = length;
  }
  return { network: networkOf(address, prefixLength), prefixLength, negated };
}

/** The prefix length of a netmask in dotted form; undefined for anything else, also for a mask with holes. */
function lengthOfMask(text: string): number | undefined {
  const mask = parseIp4(text);
  if (mask === undefined) return undefined;
  const length = Math.clz32(~mask);
  return maskOf(length) === mask ? length : undefined;
}

function lengthOfMask6(text: string): number | undefined {
  const mask = parseIp6(text);
  if (mask === undefined) return undefined;
  for (let length = 0; length <= 128; length += 1) if (maskOf6(length) === mask) return length;
  return undefined;
}
