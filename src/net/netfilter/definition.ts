/** What one match or one target of iptables is: its options, how they are checked and printed, and what it does to a packet. */
import type { Skb } from '../stack/skb.ts';
import type { TableName } from '../trace-event.ts';
import type { Ip } from '../wire/packet.ts';
import type { Hook } from './hook.ts';

/** `--name VALUE`. `invertible` options may stand behind a `!`; `values` counts what follows (tcp-flags has two). */
export interface OptionDefinition {
  readonly name: string;
  readonly values: 0 | 1 | 2;
  readonly invertible?: boolean;
  /** Other spellings iptables accepts. */
  readonly aliases?: readonly string[];
}

export interface GivenOption {
  readonly negated: boolean;
  readonly values: readonly string[];
}
/** The options that were given, by their main name. */
export type GivenOptions = ReadonlyMap<string, GivenOption>;

/** The packet's rule-independent side that a rule may ask for, and the rule's own memory. */
export interface RuleContext {
  readonly skb: Skb;
  readonly hook: Hook;
  /** Device names, '' where the hook has none. */
  readonly inDevice: string;
  readonly outDevice: string;
  readonly physIn: string;
  readonly physOut: string;
  readonly nowNs: number;
  /** RTN_* of an address by this netns' tables; with `device` only addresses of that device are local. */
  addressType(ip: Ip, device: string | undefined): AddressType;
  /** Chance of this kernel. */
  uint32(): number;
  /** Numbers this very rule keeps between packets (limit, nth); part of a snapshot. */
  memory(): number[];
  /** Times of packets by address of a `recent` list of this netns, in ns; part of a snapshot. */
  recent(list: string): Map<Ip, number[]>;
  /** The reverse path of the packet leads out by its device (strict) or exists at all (loose). */
  reversePath(loose: boolean): boolean;
  /** Binds the connection to new addresses and ports; 0 = leave. */
  nat(binding: NatBinding): void;
  /** The address MASQUERADE takes: of the device the packet leaves by, towards its next hop. Undefined: it has none. */
  masqueradeAddress(): Ip | undefined;
  /** The address of the device the packet came in by (REDIRECT). */
  incomingAddress(): Ip | undefined;
  /** How the drop that follows is to be answered. */
  reject(how: RejectWith): void;
  /** A line in the kernel log. */
  log(prefix: string): void;
  /** No connection tracking for this packet. */
  untrack(): void;
}

export type AddressType = 'UNSPEC' | 'UNICAST' | 'LOCAL' | 'BROADCAST' | 'MULTICAST' | 'BLACKHOLE' | 'UNREACHABLE' | 'PROHIBIT';
export type RejectWith =
  | 'icmp-net-unreachable'
  | 'icmp-host-unreachable'
  | 'icmp-port-unreachable'
  | 'icmp-proto-unreachable'
  | 'icmp-net-prohibited'
  | 'icmp-host-prohibited'
  | 'icmp-admin-prohibited'
  | 'tcp-reset';

export interface NatBinding {
  readonly how: 'DNAT' | 'SNAT' | 'MASQUERADE' | 'REDIRECT';
  /** The number 0: the address stays, for either family. */
  readonly minIp: Ip;
  readonly maxIp: Ip;
  readonly minPort: number;
  readonly maxPort: number;
  /** --random-fully: always pick another source port. */
  readonly randomFully: boolean;
  readonly random: boolean;
}

/** Whose packets a table sees: those of iptables or those of ip6tables. */
export type Family = 'ipv4' | 'ipv6';

export const CONTINUE = 0;
export const ACCEPT = 1;
export const DROP = 2;
export const RETURN = 3;
export type Verdict = 0 | 1 | 2 | 3;

/** A match with its options read: immutable, shared by every netns whose chain has this rule. */
export interface BuiltMatch {
  readonly name: string;
  /** As iptables-save prints it behind `-m name`, '' for none. */
  readonly text: string;
  /** As `iptables -L` prints it in the last column. */
  readonly listing: string;
  /** A single destination port that must be equal, for the dispatch table of long chains. */
  readonly destinationPort?: number;
  test(context: RuleContext): boolean;
}

export interface BuiltTarget {
  readonly name: string;
  readonly text: string;
  readonly listing: string;
  /** The packet always goes on to the next rule. */
  readonly continues?: boolean;
  run(context: RuleContext): Verdict;
}

/** What the rest of the rule says that an extension may depend on. */
export interface RuleHead {
  readonly family: Family;
  /** 0 = any. */
  readonly protocol: number;
  readonly protocolNegated: boolean;
}

/** The real tool's words, without the `iptables vX: ` in front. */
export interface RuleError {
  readonly error: string;
}

export interface MatchDefinition {
  readonly name: string;
  readonly options: readonly OptionDefinition[];
  /** Implied by `-p` and one of its options (tcp, udp, icmp). */
  readonly protocol?: number;
  build(given: GivenOptions, head: RuleHead): BuiltMatch | RuleError;
}

export interface TargetDefinition {
  readonly name: string;
  readonly options: readonly OptionDefinition[];
  /** Tables it may be used in; absent: all. */
  readonly tables?: readonly TableName[];
  /** Built-in chains it may be reached from; absent: all. */
  readonly hooks?: readonly Hook[];
  build(given: GivenOptions, head: RuleHead): BuiltTarget | RuleError;
}

export const defineMatch = (definition: MatchDefinition): MatchDefinition => definition;
export const defineTarget = (definition: TargetDefinition): TargetDefinition => definition;
