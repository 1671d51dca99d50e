/** What one match or one target of iptables is: its options, how they are checked and printed, and what it does to a packet. */
import type { Skb } from '../stack/skb.ts';
import type { TableName } from '../trace-event.ts';
import type { Ip } from '../wire/packet.ts';
import type { Hook } from './hook.ts';
import type { IpSetState } from './ipset/state.ts';

/** `--name VALUE`. `invertible` options may stand behind a `!`; `values` counts what follows (tcp-flags has two). */
export interface OptionDefinition {
  readonly name: string;
  readonly values: 0 | 1 | 2;
  readonly invertible?: boolean;
  /** Other spellings iptables accepts. */
  readonly aliases?: readonly string[];
  /** It has to be there. */
  readonly mandatory?: boolean;
  /** Options (main names) that may not stand beside it. */
  readonly excludes?: readonly string[];
  /** Options (main names) that must stand beside it. */
  readonly requires?: readonly string[];
  /** What the tool calls it when it complains that it came twice; `only`: in the words of an older extension. */
  readonly twice?: string;
  /** What is said when a `values: 2` option has too few. */
  readonly tooFew?: string;
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
  /** Numbers this very rule keeps between packets (limit, nth, quota); part of a snapshot. */
  memory(): number[];
  /** Times of packets by address of a `recent` list of this netns, in ns; part of a snapshot. */
  recent(list: string): Map<Ip, RecentEntry>;
  /** Token buckets of a `hashlimit` table of this netns, by the text of their key; part of a snapshot. */
  hashlimit(table: string): Map<string, number[]>;
  /** The connection of IPVS that a packet to a real server belongs to. */
  ipvs(): IpvsView | undefined;
  /** A set of this netns, undefined where there is none of that name. */
  ipset(name: string): IpSetState | undefined;
  /** The reverse path of the packet leads out by its device (strict) or exists at all (loose). */
  reversePath(loose: boolean, validMark: boolean): boolean;
  /** How many connections of this netns have an original source (or destination) in the network of `ip`. */
  countConnections(ip: Ip, prefixLength: number, byDestination: boolean): number;
  /** Whose socket sent the packet: user and group id, or undefined for what no socket sent. */
  owner(): { readonly uid: number; readonly gid: number } | undefined;
  /** MTUs of the packet's way on and of the way back to its source; undefined where there is no route. */
  pathMtus(): { readonly forward: number | undefined; readonly reverse: number | undefined };
  /** Binds the connection to new addresses and ports; 0 = leave. */
  nat(binding: NatBinding): void;
  /** The address MASQUERADE takes: of the device the packet leaves by, towards its next hop. Undefined: it has none. */
  masqueradeAddress(): Ip | undefined;
  /** The address of the device the packet came in by (REDIRECT). */
  incomingAddress(): Ip | undefined;
  /** How the drop that follows is to be answered. */
  reject(how: RejectWith): void;
  /** A line in the kernel log: its beginning, its level 0..7, and which parts are wanted. */
  log(prefix: string, level: number, flags: number): void;
  /** No connection tracking for this packet. */
  untrack(): void;
  /** The packet is tracked in this conntrack zone, for one direction or both. */
  zone(zone: number, direction: 'original' | 'reply' | 'both'): void;
}

/** What `-m ipvs` may ask of a connection. */
export interface IpvsView {
  readonly virtualIp: Ip;
  readonly virtualPort: number;
  /** Of the connection that controls it; 0 where none does. */
  readonly controlPort: number;
  readonly method: 'GATE' | 'IPIP' | 'MASQ';
}

/** One address of a `recent` list. */
export interface RecentEntry {
  ttl: number;
  /** Times in ns, oldest first. */
  stamps: number[];
}

export type AddressType = 'UNSPEC' | 'UNICAST' | 'LOCAL' | 'BROADCAST' | 'ANYCAST' | 'MULTICAST' | 'BLACKHOLE' | 'UNREACHABLE' | 'PROHIBIT' | 'THROW';
export type RejectWith =
  | 'icmp-net-unreachable'
  | 'icmp-host-unreachable'
  | 'icmp-port-unreachable'
  | 'icmp-proto-unreachable'
  | 'icmp-net-prohibited'
  | 'icmp-host-prohibited'
  | 'icmp-admin-prohibited'
  | 'icmp6-no-route'
  | 'icmp6-adm-prohibited'
  | 'icmp6-addr-unreachable'
  | 'icmp6-port-unreachable'
  | 'icmp6-policy-fail'
  | 'icmp6-reject-route'
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
  /** --persistent: the same source gets the same address of the range, whatever it talks to. */
  readonly persistent?: boolean;
  /** DNAT to `minPort` + (old port - `shiftFrom`): the port-shifted range. */
  readonly shiftFrom?: number;
}

/** Whose packets a table sees: those of iptables or those of ip6tables. */
export type Family = 'ipv4' | 'ipv6';

export const CONTINUE = 0;
export const ACCEPT = 1;
export const DROP = 2;
export const RETURN = 3;
export type Verdict = 0 | 1 | 2 | 3;

/** Where the kernel lets an extension stand; absent: everywhere. */
export interface Placement {
  readonly tables?: readonly TableName[];
  /** Hooks from which its chain may be reached. */
  readonly hooks?: readonly Hook[];
}

/** A match with its options read: immutable, shared by every netns whose chain has this rule. */
export interface BuiltMatch extends Placement {
  readonly name: string;
  /** As iptables-save prints it behind `-m name`, '' for none. */
  readonly text: string;
  /** As `iptables -L -n` prints it in the last column. */
  readonly listing: string;
  /** The same without -n, where that differs. */
  readonly named?: string;
  /** A single destination port that must be equal, for the dispatch table of long chains. */
  readonly destinationPort?: number;
  /** Sets it asks: they must exist when the rule is written. */
  readonly sets?: readonly string[];
  test(context: RuleContext): boolean;
}

export interface BuiltTarget extends Placement {
  readonly name: string;
  /** `-j` as iptables-save prints it, where that is not `name`. */
  readonly printedAs?: string;
  readonly text: string;
  readonly listing: string;
  readonly named?: string;
  readonly sets?: readonly string[];
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

/** The real tool's words, without the `iptables vX: ` in front; some end with a newline of their own. */
export interface RuleError {
  readonly error: string;
  /** The tool takes the rule and the kernel refuses it: `error` is the errno's text. */
  readonly kernel?: true;
}

export interface MatchDefinition extends Placement {
  readonly name: string;
  readonly options: readonly OptionDefinition[];
  /** Absent: both. */
  readonly family?: Family;
  /** Implied by `-p` and one of its options (tcp, udp, icmp). */
  readonly protocol?: number;
  /** Some options exclude each other only in the words of this sentence. */
  build(given: GivenOptions, head: RuleHead): BuiltMatch | RuleError;
}

export interface TargetDefinition extends Placement {
  readonly name: string;
  readonly family?: Family;
  readonly options: readonly OptionDefinition[];
  build(given: GivenOptions, head: RuleHead): BuiltTarget | RuleError;
}

export const defineMatch = (definition: MatchDefinition): MatchDefinition => definition;
export const defineTarget = (definition: TargetDefinition): TargetDefinition => definition;

export const EINVAL: RuleError = { error: 'Invalid argument', kernel: true };
