/** One iptables rule: read from its text, checked, and printed as iptables-save does. */
import { bitsOf, formatIp, formatPrefix } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import type { BuiltMatch, BuiltTarget, Family, RuleError, RuleHead } from './definition.ts';
import { PROTOCOLS, RuleReader } from './rule-reader.ts';
import { splitArguments } from './text.ts';

export interface AddressTest {
  readonly network: Ip;
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
  readonly family: Family;
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

const MAX_WORDS = 400;

/** Reads the words of a rule as they stand on a command line behind `-A CHAIN`. */
export function parseRuleWords(words: readonly string[], family: Family = 'ipv4'): RuleResult {
  if (words.length > MAX_WORDS) return { error: 'too many arguments' };
  const reader = new RuleReader(words, family);
  const error = reader.read();
  if (error !== undefined) return { error };
  const head: RuleHead = { family, protocol: reader.protocol, protocolNegated: reader.protocolNegated };
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
      family,
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
export function parseRule(text: string, family: Family = 'ipv4'): RuleResult {
  const words = splitArguments(text);
  return words === undefined ? { error: `unterminated quotes in \`${text}'` } : parseRuleWords(words, family);
}

const bang = (negated: boolean): string => (negated ? '! ' : '');

/** The rule as iptables-save prints it behind `-A CHAIN `: canonical order, quoting and numbers. */
export function formatRule(rule: ParsedRule): string {
  const words: string[] = [];
  if (rule.source !== undefined) words.push(`${bang(rule.source.negated)}-s ${formatPrefix(rule.source.network, rule.source.prefixLength)}`);
  if (rule.destination !== undefined)
    words.push(`${bang(rule.destination.negated)}-d ${formatPrefix(rule.destination.network, rule.destination.prefixLength)}`);
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
    if (test === undefined) return rule.family === 'ipv6' ? '::/0' : '0.0.0.0/0';
    return `${test.negated ? '!' : ''}${formatIp(test.network)}${test.prefixLength === bitsOf(test.network) ? '' : `/${test.prefixLength}`}`;
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
