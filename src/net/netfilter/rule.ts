/** One iptables rule: read from its text, checked, and printed as iptables-save does. */
import { formatCidr, formatIp4, maskOf, parseIp4 } from '../addr/ip4.ts';
import type { Ip4 } from '../wire/packet.ts';
import type { BuiltMatch, BuiltTarget, GivenOption, MatchDefinition, OptionDefinition, RuleError, RuleHead, TargetDefinition } from './definition.ts';
import { findMatch } from './match/index.ts';
import { findTarget } from './target/index.ts';
import { parseUnsigned, splitArguments } from './text.ts';

export interface AddressTest {
  readonly network: Ip4;
  readonly prefixLength: number;
  readonly negated: boolean;
}
export interface NameTest {
  readonly name: string;
  readonly negated: boolean;
}

export type RuleEnd =
  | { readonly kind: 'none' }
  /** -j or -g to a user-defined chain. */
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'target'; readonly target: BuiltTarget };

/** Immutable; shared by all netns whose chains have this rule. */
export interface ParsedRule {
  readonly source?: AddressTest;
  readonly destination?: AddressTest;
  readonly inDevice?: NameTest;
  readonly outDevice?: NameTest;
  /** 0 = any. */
  readonly protocol: number;
  readonly protocolNegated: boolean;
  /** -f: second and later fragments only (1), or with `!` unfragmented and first ones only (-1). */
  readonly fragment: -1 | 0 | 1;
  readonly matches: readonly BuiltMatch[];
  readonly end: RuleEnd;
}

export type RuleResult = { readonly rule: ParsedRule } | RuleError;

const PROTOCOLS: readonly (readonly [string, number])[] = [
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
const MAX_WORDS = 400;

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
class Reader {
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

  constructor(words: readonly string[]) {
    this.#words = words;
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
        const test = parseAddress(value, negated);
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
function parseAddress(text: string, negated: boolean): AddressTest | string {
  if (text.includes(',')) return `one rule with several addresses ("${text}") is not simulated: write one rule for each`;
  const slash = text.indexOf('/');
  const address = parseIp4(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return `host/network \`${slash < 0 ? text : text.slice(0, slash)}' not found`;
  let prefixLength = 32;
  if (slash >= 0) {
    const lengthText = text.slice(slash + 1);
    const mask = parseIp4(lengthText);
    const length = mask === undefined ? parseUnsigned(lengthText, 32) : Math.clz32(~mask);
    if (length === undefined || (mask !== undefined && maskOf(length) !== mask)) return `invalid mask \`${lengthText}' specified`;
    prefixLength = length;
  }
  return { network: address & maskOf(prefixLength), prefixLength, negated };
}

/** Reads the words of a rule as they stand on a command line behind `-A CHAIN`. */
export function parseRuleWords(words: readonly string[]): RuleResult {
  if (words.length > MAX_WORDS) return { error: 'too many arguments' };
  const reader = new Reader(words);
  const error = reader.read();
  if (error !== undefined) return { error };
  const head: RuleHead = { protocol: reader.protocol, protocolNegated: reader.protocolNegated };
  const matches: BuiltMatch[] = [];
  for (const { definition, given } of reader.matches) {
    if (definition.protocol !== undefined && (head.protocol !== definition.protocol || head.protocolNegated)) {
      return { error: `match "${definition.name}" needs \`-p ${definition.name}'` };
    }
    const built = definition.build(given, head);
    if ('error' in built) return built;
    matches.push(built);
  }
  let end: RuleEnd = { kind: 'none' };
  if (reader.target !== undefined) {
    const target = reader.target.build(reader.targetOptions, head);
    if ('error' in target) return target;
    end = { kind: 'target', target };
  } else if (reader.jump !== undefined) {
    end = { kind: reader.goto ? 'goto' : 'jump', chain: reader.jump };
  }
  const any = (test: AddressTest | undefined): boolean => test === undefined || (test.prefixLength === 0 && !test.negated);
  return {
    rule: {
      ...(any(reader.source) ? {} : { source: reader.source as AddressTest }),
      ...(any(reader.destination) ? {} : { destination: reader.destination as AddressTest }),
      ...(reader.inDevice === undefined ? {} : { inDevice: reader.inDevice }),
      ...(reader.outDevice === undefined ? {} : { outDevice: reader.outDevice }),
      protocol: reader.protocol,
      protocolNegated: reader.protocolNegated,
      fragment: reader.fragment,
      matches,
      end,
    },
  };
}

/** Reads a rule's text (what follows `-A CHAIN` in iptables-save, in any order iptables accepts). The error is iptables' own sentence. */
export function parseRule(text: string): RuleResult {
  const words = splitArguments(text);
  return words === undefined ? { error: `unterminated quotes in \`${text}'` } : parseRuleWords(words);
}

const bang = (negated: boolean): string => (negated ? '! ' : '');

/** The rule as iptables-save prints it behind `-A CHAIN `: canonical order, quoting and numbers. */
export function formatRule(rule: ParsedRule): string {
  const words: string[] = [];
  if (rule.source !== undefined) words.push(`${bang(rule.source.negated)}-s ${formatCidr(rule.source.network, rule.source.prefixLength)}`);
  if (rule.destination !== undefined) words.push(`${bang(rule.destination.negated)}-d ${formatCidr(rule.destination.network, rule.destination.prefixLength)}`);
  if (rule.inDevice !== undefined) words.push(`${bang(rule.inDevice.negated)}-i ${rule.inDevice.name}`);
  if (rule.outDevice !== undefined) words.push(`${bang(rule.outDevice.negated)}-o ${rule.outDevice.name}`);
  if (rule.protocol !== 0) words.push(`${bang(rule.protocolNegated)}-p ${formatProtocol(rule.protocol)}`);
  if (rule.fragment !== 0) words.push(`${bang(rule.fragment < 0)}-f`);
  for (const match of rule.matches) words.push(match.text === '' ? `-m ${match.name}` : `-m ${match.name} ${match.text}`);
  if (rule.end.kind === 'target') words.push(rule.end.target.text === '' ? `-j ${rule.end.target.name}` : `-j ${rule.end.target.name} ${rule.end.target.text}`);
  else if (rule.end.kind !== 'none') words.push(`${rule.end.kind === 'jump' ? '-j' : '-g'} ${rule.end.chain}`);
  return words.join(' ');
}

/** `tcp`, or the number where it has no name. */
export function formatProtocol(protocol: number): string {
  return PROTOCOLS.find((p) => p[1] === protocol)?.[0] ?? String(protocol);
}

/** The columns of `iptables -L -n`: target, prot, in, out, source, destination, and the rest. */
export function listRule(rule: ParsedRule): {
  readonly target: string;
  readonly protocol: string;
  readonly options: string;
  readonly inDevice: string;
  readonly outDevice: string;
  readonly source: string;
  readonly destination: string;
  readonly extra: string;
} {
  const address = (test: AddressTest | undefined): string => {
    if (test === undefined) return '0.0.0.0/0';
    return `${test.negated ? '!' : ''}${formatIp4(test.network)}${test.prefixLength === 32 ? '' : `/${test.prefixLength}`}`;
  };
  const device = (test: NameTest | undefined): string => (test === undefined ? '*' : `${test.negated ? '!' : ''}${test.name}`);
  const extra = rule.matches.map((m) => m.listing);
  if (rule.end.kind === 'target' && rule.end.target.listing !== '') extra.push(rule.end.target.listing);
  if (rule.end.kind === 'goto') extra.push('[goto] ');
  return {
    target: rule.end.kind === 'target' ? rule.end.target.name : rule.end.kind === 'none' ? '' : rule.end.chain,
    protocol: `${rule.protocolNegated ? '!' : ''}${rule.protocol}`,
    options: rule.fragment === 0 ? '--' : rule.fragment > 0 ? '-f' : '!f',
    inDevice: device(rule.inDevice),
    outDevice: device(rule.outDevice),
    source: address(rule.source),
    destination: address(rule.destination),
    extra: extra.join(' '),
  };
}
