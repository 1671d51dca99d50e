/** One iptables rule: read from its text, checked, and printed as iptables-save does. */
import { bitsOf } from '../addr/ip.ts';
import { formatAddress, type MaskedAddress } from './address.ts';
import type { BuiltMatch, BuiltTarget, Family, Placement, RuleError, RuleHead } from './definition.ts';
import { formatProtocol } from './names.ts';
import { checkOptions } from './options.ts';
import { type CommandOptions, OTHER_FAMILY, RuleReader } from './rule-reader.ts';
import { splitArguments } from './text.ts';

export interface AddressTest extends MaskedAddress {
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
  /** Where its extensions may stand. */
  readonly placements: readonly Placement[];
}

export type RuleResult = { readonly rule: ParsedRule } | RuleError;
/** Several where `-s` or `-d` name several addresses. */
export interface ParsedRules {
  readonly rules: readonly ParsedRule[];
  /** From `-c`. */
  readonly counters?: readonly [number, number];
  readonly warnings: readonly string[];
}

const MAX_WORDS = 400;
/** Addresses by addresses of one line. */
const MAX_RULES = 4096;

/** A pattern for every device is none. */
const anyDevice = (test: NameTest | undefined): boolean => test === undefined || (test.name === '+' && !test.negated);
const anyAddress = (test: AddressTest): boolean => test.prefixLength === 0 && test.mask === undefined && !test.negated;

interface Extensions {
  readonly matches: readonly BuiltMatch[];
  readonly end: RuleEnd;
  readonly placements: readonly Placement[];
}

function buildExtensions(reader: RuleReader, head: RuleHead): Extensions | RuleError {
  const matches: BuiltMatch[] = [];
  const placements: Placement[] = [];
  const restrict = (placement: Placement): void => {
    if (placement.tables !== undefined || placement.hooks !== undefined) placements.push(placement);
  };
  for (const { definition, given } of reader.matches) {
    const error = checkOptions(definition.name, definition.options, given);
    if (error !== undefined) return { error };
    const built = definition.build(given, head);
    if ('error' in built) return built;
    matches.push(built);
    restrict(definition);
    restrict(built);
  }
  let end: RuleEnd = { kind: 'none' };
  if (reader.target !== undefined) {
    const error = checkOptions(reader.target.name, reader.target.options, reader.targetOptions);
    if (error !== undefined) return { error };
    const target = reader.target.build(reader.targetOptions, head);
    if ('error' in target) return target;
    end = { kind: 'target', target };
    restrict(reader.target);
    restrict(target);
  } else if (reader.jump !== undefined) {
    end = { kind: reader.goto ? 'goto' : 'jump', chain: reader.jump };
  }
  return { matches, end, placements };
}

/** Reads the words of a rule as they stand on a command line behind `-A CHAIN`. `undefined`: the line is for the other family (`-4`, `-6`). */
export function parseRuleList(words: readonly string[], family: Family = 'ipv4', commands?: CommandOptions): ParsedRules | RuleError | undefined {
  if (words.length > MAX_WORDS) return { error: 'too many arguments' };
  const reader = new RuleReader(words, family, commands);
  const error = reader.read();
  if (error !== undefined) return error.error === OTHER_FAMILY ? undefined : error;
  const head: RuleHead = { family, protocol: reader.protocol, protocolNegated: reader.protocolNegated };
  const several = reader.sources.length > 1 || reader.destinations.length > 1;
  if (several && (reader.sourceNegated || reader.destinationNegated)) return { error: '! not allowed with multiple source or destination IP addresses' };
  if (reader.sources.length * reader.destinations.length > MAX_RULES) return { error: 'too many addresses' };
  const extensions = buildExtensions(reader, head);
  if ('error' in extensions) return extensions;
  const tests = (list: readonly MaskedAddress[], negated: boolean): (AddressTest | undefined)[] => {
    const made = list.map((address) => ({ ...address, negated }));
    return made.length === 0 ? [undefined] : made.map((test) => (anyAddress(test) ? undefined : test));
  };
  const rules: ParsedRule[] = [];
  for (const source of tests(reader.sources, reader.sourceNegated)) {
    for (const destination of tests(reader.destinations, reader.destinationNegated)) {
      rules.push({
        family,
        ...(source === undefined ? {} : { source }),
        ...(destination === undefined ? {} : { destination }),
        ...(anyDevice(reader.inDevice) ? {} : { inDevice: reader.inDevice as NameTest }),
        ...(anyDevice(reader.outDevice) ? {} : { outDevice: reader.outDevice as NameTest }),
        protocol: reader.protocol,
        protocolNegated: reader.protocolNegated,
        fragment: reader.fragment,
        ...extensions,
      });
    }
  }
  return { rules, warnings: reader.warnings, ...(reader.counters === undefined ? {} : { counters: reader.counters }) };
}

/** One rule from its words. */
export function parseRuleWords(words: readonly string[], family: Family = 'ipv4'): RuleResult {
  const result = parseRuleList(words, family);
  if (result === undefined) return { error: 'the rule is for the other family' };
  if ('error' in result) return result;
  if (result.rules.length > 1) return { error: 'one rule with several addresses is several rules' };
  return { rule: result.rules[0] as ParsedRule };
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
  if (rule.source !== undefined) words.push(`${bang(rule.source.negated)}-s ${formatAddress(rule.source, false)}`);
  if (rule.destination !== undefined) words.push(`${bang(rule.destination.negated)}-d ${formatAddress(rule.destination, false)}`);
  if (rule.inDevice !== undefined) words.push(`${bang(rule.inDevice.negated)}-i ${rule.inDevice.name}`);
  if (rule.outDevice !== undefined) words.push(`${bang(rule.outDevice.negated)}-o ${rule.outDevice.name}`);
  if (rule.protocol !== 0) words.push(`${bang(rule.protocolNegated)}-p ${formatProtocol(rule.protocol)}`);
  if (rule.fragment !== 0) words.push(`${bang(rule.fragment < 0)}-f`);
  for (const match of rule.matches) words.push(match.text === '' ? `-m ${match.name}` : `-m ${match.name} ${match.text}`);
  const { end } = rule;
  if (end.kind === 'target') {
    const name = end.target.printedAs ?? end.target.name;
    words.push(end.target.text === '' ? `-j ${name}` : `-j ${name} ${end.target.text}`);
  } else if (end.kind !== 'none') words.push(`${end.kind === 'jump' ? '-j' : '-g'} ${end.chain}`);
  return words.join(' ');
}

/** The columns of `iptables -L`: target, prot, opt, in, out, source, destination, and the rest. */
export interface ListedRule {
  readonly target: string;
  readonly protocol: string;
  readonly options: string;
  readonly inDevice: string;
  readonly outDevice: string;
  readonly source: string;
  readonly destination: string;
  readonly extra: string;
}

/** `numeric`: as with -n. */
export function listRule(rule: ParsedRule, numeric = true): ListedRule {
  const six = rule.family === 'ipv6';
  const address = (test: AddressTest | undefined): string => {
    if (test === undefined) return numeric ? (six ? '::/0' : '0.0.0.0/0') : 'anywhere';
    return `${test.negated ? '!' : ''}${formatAddress(test, true)}`;
  };
  const device = (test: NameTest | undefined): string => (test === undefined ? (numeric ? '*' : 'any') : `${test.negated ? '!' : ''}${test.name}`);
  const { end } = rule;
  const part = (one: BuiltMatch | BuiltTarget): string => (numeric ? one.listing : (one.named ?? one.listing));
  const extra = [...rule.matches.map(part), ...(end.kind === 'target' ? [part(end.target)] : [])].filter((text) => text !== '');
  return {
    target: end.kind === 'target' ? end.target.name : end.kind === 'none' ? '' : end.chain,
    protocol: `${rule.protocolNegated ? '!' : ''}${numeric ? rule.protocol : formatProtocol(rule.protocol)}`,
    options: rule.fragment === 0 ? '--' : rule.fragment > 0 ? '-f' : '!f',
    inDevice: device(rule.inDevice),
    outDevice: device(rule.outDevice),
    source: address(rule.source),
    destination: address(rule.destination),
    extra: `${end.kind === 'goto' ? '[goto] ' : ''}${extra.length > 0 ? ` ${extra.join(' ')}` : ''}`,
  };
}

/** A host's prefix: one address exactly. */
export const isHost = (test: AddressTest): boolean => test.mask === undefined && test.prefixLength === bitsOf(test.network);
