/** A packet's visit to one of the five hooks: connection tracking, the tables in their order, NAT, and the confirmation at the end. Linux: net/netfilter/core.c and the priorities of enum nf_ip_hook_priorities */
import { confirm } from '../conntrack/confirm.ts';
import type { Connection } from '../conntrack/connection.ts';
import { bind, changesDestination, changesSource, isBound, translate } from '../conntrack/nat.ts';
import { trackIn } from '../conntrack/track.ts';
import type { DeviceState } from '../device/device-state.ts';
import { IPVS_FORWARD, IPVS_LOCAL_IN, IPVS_LOCAL_OUT, runIpvs } from '../ipvs/ipvs-hooks.ts';
import { runBaseChain } from '../nft/run-chain.ts';
import type { HookedChain } from '../nft/tables.ts';
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_NEW, CT_RELATED, CT_UNTRACKED, type Skb } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import type { Ip } from '../wire/packet.ts';
import { DROP, type RejectWith } from './definition.ts';
import { FORWARD, HOOK_NAMES, type Hook, INPUT, OUTPUT, PREROUTING, TABLE_NAMES } from './hook.ts';
import { HookContext } from './hook-context.ts';
import type { Ruleset } from './ruleset.ts';
import { walkBaseChain } from './walk.ts';

/** enum nf_ip_hook_priorities */
const PRIORITY_RAW = -300;
const PRIORITY_CONNTRACK = -200;
const PRIORITY_MANGLE = -150;
const PRIORITY_DESTINATION_NAT = -100;
const PRIORITY_FILTER = 0;
const PRIORITY_SECURITY = 50;
const PRIORITY_SOURCE_NAT = 100;

const NO_CHAINS: readonly HookedChain[] = [];

const RAW = 0;
const MANGLE = 1;
const NAT = 2;
const FILTER = 3;
const SECURITY = 4;
const ICMP_REDIRECT = 5;

/** ICMP codes of each way to reject, of type 3, and of ICMPv6 of type 1. */
const REJECT_CODES: Readonly<Record<Exclude<RejectWith, 'tcp-reset'>, number>> = {
  'icmp6-no-route': 0,
  'icmp6-adm-prohibited': 1,
  'icmp6-addr-unreachable': 3,
  'icmp6-port-unreachable': 4,
  'icmp6-policy-fail': 5,
  'icmp6-reject-route': 6,
  'icmp-net-unreachable': 0,
  'icmp-host-unreachable': 1,
  'icmp-proto-unreachable': 2,
  'icmp-port-unreachable': 3,
  'icmp-net-prohibited': 9,
  'icmp-host-prohibited': 10,
  'icmp-admin-prohibited': 13,
};

/** Contexts by nesting: an ICMP error sent from within a hook runs hooks of its own. */
export class HookRunner {
  readonly #core: Core;
  readonly #contexts: HookContext[] = [];
  #depth = 0;
  /** Walk long chains rule by rule; for the test that both ways agree. */
  linear = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** True: the packet goes on (perhaps rewritten). False: it was dropped, and the log says by what. */
  run(netns: NetnsState, hook: Hook, packet: Skb, inDevice: DeviceState | undefined, outDevice: DeviceState | undefined, nextHop: Ip): boolean {
    const ruleset = typeof packet.dst === 'bigint' ? netns.ruleset6 : netns.ruleset;
    if (ruleset === undefined) return true;
    let context = this.#contexts[this.#depth];
    if (context === undefined) {
      context = new HookContext(this.#core);
      this.#contexts[this.#depth] = context;
    }
    this.#depth += 1;
    context.linear = this.linear;
    context.enter(netns, hook, packet, inDevice, outDevice, nextHop);
    const others = ruleset.nft?.at(hook, typeof packet.dst === 'bigint').filter ?? NO_CHAINS;
    const goesOn =
      others.length === 0 && netns.ipvs.size === 0
        ? this.#visit(netns, ruleset, hook, packet, context)
        : this.#visitAll(netns, ruleset, hook, packet, context, others, inDevice);
    this.#depth -= 1;
    return goesOn;
  }

  #visit(netns: NetnsState, ruleset: Ruleset, hook: Hook, packet: Skb, context: HookContext): boolean {
    const core = this.#core;
    if (hook === PREROUTING || hook === OUTPUT) {
      if (!this.#walk(netns, ruleset, RAW, context)) return false;
      if (ruleset.conntrack && !trackIn(core, netns, packet)) return false;
    }
    if (!this.#walk(netns, ruleset, MANGLE, context)) return false;
    if (changesDestination(hook) && !this.#nat(netns, ruleset, packet, hook, context)) return false;
    if (hook === INPUT || hook === FORWARD || hook === OUTPUT) {
      if (!this.#walk(netns, ruleset, FILTER, context)) return false;
      if (!this.#walk(netns, ruleset, SECURITY, context)) return false;
    }
    if (changesSource(hook)) {
      if (!this.#nat(netns, ruleset, packet, hook, context)) return false;
      if (ruleset.conntrack && !confirm(core, netns, packet)) return false;
    }
    return true;
  }

  /** The same, with base chains of nftables at their priorities in between. */
  #visitAll(
    netns: NetnsState,
    ruleset: Ruleset,
    hook: Hook,
    packet: Skb,
    context: HookContext,
    others: readonly HookedChain[],
    inDevice: DeviceState | undefined,
  ): boolean {
    const core = this.#core;
    let at = 0;
    /** What stands before iptables' chains of this priority; among equals nftables' chains came later, and so run first. */
    const upTo = (priority: number): boolean => {
      for (; at < others.length; at += 1) {
        const other = others[at] as HookedChain;
        if (other.priority > priority) return true;
        if (!runBaseChain(core, netns, other.chain, context)) return false;
      }
      return true;
    };
    if (hook === PREROUTING || hook === OUTPUT) {
      if (!upTo(PRIORITY_RAW) || !this.#walk(netns, ruleset, RAW, context)) return false;
      if (!upTo(PRIORITY_CONNTRACK) || (ruleset.conntrack && !trackIn(core, netns, packet))) return false;
    }
    if (!upTo(PRIORITY_MANGLE) || !this.#walk(netns, ruleset, MANGLE, context)) return false;
    if (changesDestination(hook)) {
      if (!upTo(PRIORITY_DESTINATION_NAT) || !this.#nat(netns, ruleset, packet, hook, context)) return false;
    }
    const { ipvs } = netns;
    const servers = ipvs.size > 0;
    if (servers && hook === OUTPUT && !(upTo(IPVS_LOCAL_OUT) && runIpvs(core, netns, ipvs, hook, packet, inDevice))) return false;
    if (hook === INPUT || hook === FORWARD || hook === OUTPUT) {
      if (!upTo(PRIORITY_FILTER) || !this.#walk(netns, ruleset, FILTER, context)) return false;
      if (!upTo(PRIORITY_SECURITY) || !this.#walk(netns, ruleset, SECURITY, context)) return false;
    }
    if (servers && hook === INPUT && !(upTo(IPVS_LOCAL_IN) && runIpvs(core, netns, ipvs, hook, packet, inDevice))) return false;
    if (servers && hook === FORWARD && !(upTo(IPVS_FORWARD) && runIpvs(core, netns, ipvs, hook, packet, inDevice))) return false;
    if (!changesSource(hook)) return upTo(Number.POSITIVE_INFINITY);
    if (!upTo(PRIORITY_SOURCE_NAT) || !this.#nat(netns, ruleset, packet, hook, context)) return false;
    return upTo(Number.POSITIVE_INFINITY) && (!ruleset.conntrack || confirm(core, netns, packet));
  }

  /** The nat chains of a first packet, in order of priority, until one has bound its connection. */
  #walkNat(netns: NetnsState, ruleset: Ruleset, hook: Hook, packet: Skb, context: HookContext, source: boolean): boolean {
    const chains = ruleset.nft?.at(hook, typeof packet.dst === 'bigint').nat ?? [];
    const own = source ? PRIORITY_SOURCE_NAT : PRIORITY_DESTINATION_NAT;
    let at = 0;
    for (; at < chains.length && (chains[at] as HookedChain).priority <= own; at += 1) {
      if (!runBaseChain(this.#core, netns, (chains[at] as HookedChain).chain, context)) return false;
      if (isBound(packet.connection as Connection, source)) return true;
    }
    if (!this.#walk(netns, ruleset, NAT, context)) return false;
    for (; at < chains.length && !isBound(packet.connection as Connection, source); at += 1) {
      if (!runBaseChain(this.#core, netns, (chains[at] as HookedChain).chain, context)) return false;
    }
    return true;
  }

  /** nf_nat_inet_fn(): the nat chains are walked by the first packet only; what they bound is applied to every packet. */
  #nat(netns: NetnsState, ruleset: Ruleset, packet: Skb, hook: Hook, context: HookContext): boolean {
    const connection = packet.connection;
    if (connection === undefined || !ruleset.nat || packet.ctState === CT_UNTRACKED) return true;
    if (
      packet.icmp?.type === ICMP_REDIRECT &&
      packet.ctState === CT_RELATED &&
      (!isBound(connection, true) || connection.sourceNat || connection.destinationNat)
    ) {
      // nf_nat_icmp_reply_translation(): it would bring the two ends together behind NAT's back.
      emitDropped(
        this.#core,
        context.place,
        packet,
        'NETFILTER_DROP',
        `nat ${HOOK_NAMES[hook]}: an ICMP redirect about a connection that is or may yet be translated`,
      );
      return false;
    }
    const source = changesSource(hook);
    const first = packet.ctState === CT_NEW || (packet.ctState === CT_RELATED && packet.icmp === undefined && packet.tcp === undefined);
    if (first && !isBound(connection, source)) {
      if (!this.#walkNat(netns, ruleset, hook, packet, context, source)) return false;
      if (!isBound(connection, source)) bind(this.#core, netns, connection, source, undefined);
    }
    translate(this.#core, context.place, packet, hook);
    return true;
  }

  /** A table of nf_tables, and before it the one of the same name that iptables-legacy has written: it came later, and among equals the latest runs first. */
  #walk(netns: NetnsState, ruleset: Ruleset, table: number, context: HookContext): boolean {
    if (ruleset.legacy !== undefined) {
      if (!this.#walk(netns, ruleset.legacy, table, context)) return false;
      const connection = context.skb.connection;
      if (table === NAT && connection !== undefined && isBound(connection, changesSource(context.hook))) return true;
    }
    const verdict = walkBaseChain(this.#core, netns, ruleset, table, context);
    if (verdict !== DROP) return true;
    const dropped = context.dropped;
    const where = `${TABLE_NAMES[table]} ${HOOK_NAMES[context.hook]}`;
    const detail = dropped?.rule === undefined ? `${dropped?.target ?? 'policy'} of ${where}` : `${dropped.target} in ${dropped.rule.chain} (${where})`;
    const rule = dropped?.rule;
    const cause = rule === undefined ? {} : { rule };
    const answer = dropped?.answer;
    if (answer === undefined) emitDropped(this.#core, context.place, context.skb, 'NETFILTER_DROP', detail, cause);
    else if (answer === 'tcp-reset') this.#core.layers.dropWithReset(netns, context.skb, context.place, detail, cause);
    else
      this.#core.layers.dropWithError(
        netns,
        context.skb,
        context.place,
        'NETFILTER_DROP',
        detail,
        { type: answer.startsWith('icmp6') ? 1 : 3, code: REJECT_CODES[answer] },
        cause,
      );
    return false;
  }
}
