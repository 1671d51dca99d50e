/** A chain's rules made ready for packets: parsed once for each `rules` array, with an index for long chains. */
import { maskOf } from '../addr/ip4.ts';
import { maskOf6 } from '../addr/ip6.ts';
import type { Rule } from '../records.ts';
import type { Skb } from '../stack/skb.ts';
import type { Ip } from '../wire/packet.ts';
import type { Family } from './definition.ts';
import { type AddressTest, isHost, type ParsedRule, parseRule } from './rule.ts';

/** From so many rules on a chain is worth an index. */
const INDEX_FROM = 9;

interface Masked6 {
  readonly net: bigint;
  readonly mask: bigint;
  readonly negated: boolean;
}

function mask6(test: AddressTest | undefined): Masked6 | undefined {
  return typeof test?.network === 'bigint' ? { net: test.network, mask: maskOf6(test.prefixLength), negated: test.negated } : undefined;
}

const matches6 = (test: Masked6 | undefined, ip: Ip): boolean =>
  test === undefined || (typeof ip === 'bigint' && (ip & test.mask) === test.net) !== test.negated;

/** The addresses of a packet are those that the rule's head asks for. */
export function addressesMatch(rule: CompiledRule, packet: Skb): boolean {
  if (rule.six !== undefined) return matches6(rule.six.source, packet.src) && matches6(rule.six.destination, packet.dst);
  const source = packet.src as number;
  const destination = packet.dst as number;
  return (
    (((source ^ rule.sourceNet) & rule.sourceMask) === 0) !== rule.sourceNegated &&
    (((destination ^ rule.destinationNet) & rule.destinationMask) === 0) !== rule.destinationNegated
  );
}

/** A rule with its head flattened: what every packet must compare. */
export class CompiledRule {
  readonly parsed: ParsedRule;
  /** A rule of ip6tables: its addresses; then the int32 fields say nothing. */
  readonly six: { readonly source: Masked6 | undefined; readonly destination: Masked6 | undefined } | undefined;
  readonly sourceNet: number;
  readonly sourceMask: number;
  readonly sourceNegated: boolean;
  readonly destinationNet: number;
  readonly destinationMask: number;
  readonly destinationNegated: boolean;
  readonly protocol: number;
  readonly protocolNegated: boolean;
  /** Device patterns and fragments are rare: one flag keeps them off the fast path. */
  readonly plain: boolean;
  readonly matches: ParsedRule['matches'];

  constructor(parsed: ParsedRule) {
    const net = (test: AddressTest | undefined): number => (typeof test?.network === 'number' ? test.network : 0);
    const mask = (test: AddressTest | undefined): number => (typeof test?.network === 'number' ? (test.mask ?? maskOf(test.prefixLength)) : 0);
    this.parsed = parsed;
    this.six = parsed.family === 'ipv6' ? { source: mask6(parsed.source), destination: mask6(parsed.destination) } : undefined;
    this.sourceNet = net(parsed.source);
    this.sourceMask = mask(parsed.source);
    this.sourceNegated = parsed.source?.negated ?? false;
    this.destinationNet = net(parsed.destination);
    this.destinationMask = mask(parsed.destination);
    this.destinationNegated = parsed.destination?.negated ?? false;
    this.protocol = parsed.protocol;
    this.protocolNegated = parsed.protocolNegated;
    this.plain = parsed.inDevice === undefined && parsed.outDevice === undefined && parsed.fragment === 0;
    // A comment never decides anything.
    this.matches = parsed.matches.filter((m) => m.name !== 'comment');
  }
}

const NOTHING = new Int32Array(0);

/**
 * Which rules of a long chain can match at all, by the packet's destination address or port. Every rule left out would have failed on that very
 * comparison, so verdict, counters and explanation are those of the linear walk.
 */
export class ChainIndex {
  readonly #byDestination = new Map<Ip, Int32Array>();
  readonly #byPort = new Map<number, Int32Array>();
  /** Rules that say nothing exact: every packet may match them. */
  readonly rest: Int32Array;

  constructor(rules: readonly CompiledRule[]) {
    const byDestination = new Map<Ip, number[]>();
    const byPort = new Map<number, number[]>();
    const rest: number[] = [];
    rules.forEach((rule, i) => {
      const port = rule.matches.find((m) => m.destinationPort !== undefined)?.destinationPort;
      const { destination } = rule.parsed;
      if (destination !== undefined && isHost(destination) && !destination.negated) push(byDestination, destination.network, i);
      else if (port !== undefined && rule.protocol !== 0 && !rule.protocolNegated) push(byPort, portKey(rule.protocol, port), i);
      else rest.push(i);
    });
    for (const [key, list] of byDestination) this.#byDestination.set(key, Int32Array.from(list));
    for (const [key, list] of byPort) this.#byPort.set(key, Int32Array.from(list));
    this.rest = Int32Array.from(rest);
  }

  /** Ascending indexes, like the other two lists. */
  byDestination(destination: Ip): Int32Array {
    return this.#byDestination.get(destination) ?? NOTHING;
  }

  byPort(protocol: number, port: number): Int32Array {
    return this.#byPort.size === 0 ? NOTHING : (this.#byPort.get(portKey(protocol, port)) ?? NOTHING);
  }
}

const portKey = (protocol: number, port: number): number => (protocol << 16) | port;

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** By family, one rule at a time: a chain that gets one rule more compiles that one. */
const compiledRule = { ipv4: new WeakMap<Rule, CompiledRule>(), ipv6: new WeakMap<Rule, CompiledRule>() };

/** @throws {Error} when the rule cannot be read. */
export function compileRule(rule: Rule, family: Family): CompiledRule {
  let known = compiledRule[family].get(rule);
  if (known === undefined) {
    const result = parseRule(rule.text, family);
    if ('error' in result) throw new Error(`${family === 'ipv6' ? 'ip6tables' : 'iptables'} rule "${rule.text}": ${result.error}`);
    known = new CompiledRule(result.rule);
    compiledRule[family].set(rule, known);
  }
  return known;
}

export interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  readonly index: ChainIndex | undefined;
}

/** By family: the same array may be read as either. */
const compiled = { ipv4: new WeakMap<readonly Rule[], CompiledRules>(), ipv6: new WeakMap<readonly Rule[], CompiledRules>() };

/**
 * Compiles once for each array of rules, however many netns share it.
 * @throws {Error} when a rule cannot be read: agents render only what iptables accepts, and commands check before they put a record.
 */
export function compileRules(rules: readonly Rule[], family: Family = 'ipv4'): CompiledRules {
  const known = compiled[family].get(rules);
  if (known !== undefined) return known;
  const list = rules.map((rule) => compileRule(rule, family));
  const value: CompiledRules = {
    rules: list,
    index: list.length >= INDEX_FROM ? new ChainIndex(list) : undefined,
  };
  compiled[family].set(rules, value);
  return value;
}
