/** Binding connections to other addresses and ports, and rewriting their packets. Linux: net/netfilter/nf_nat_core.c, nf_nat_proto.c */
import type { NatBinding } from '../netfilter/definition.ts';
import { type Hook, INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../netfilter/hook.ts';
import { spoilOuterChecksum } from '../stack/checksum.ts';
import type { Core } from '../stack/core.ts';
import { TRANSLATE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_RELATED, cloneSkb, Skb } from '../stack/skb.ts';
import { emitTranslated } from '../trace/emit.ts';
import type { IcmpMessage, Packet } from '../wire/packet.ts';
import { type Connection, invert, type Tuple } from './connection.ts';
import { chooseTuple } from './nat-tuple.ts';
import { usesPorts } from './track.ts';

/** POSTROUTING and INPUT change the source, PREROUTING and OUTPUT the destination. */
export const changesSource = (hook: Hook): boolean => hook === POSTROUTING || hook === INPUT;
export const changesDestination = (hook: Hook): boolean => hook === PREROUTING || hook === OUTPUT;

/** The nat table has had its say about this half of the connection. */
export const isBound = (connection: Connection, source: boolean): boolean => (source ? connection.sourceNatDone : connection.destinationNatDone);

/**
 * nf_nat_setup_info(): chooses the connection's new source or destination. `binding` undefined: no rule wanted one, so only a clash changes
 * anything. Where no port is free the clash stays, and `confirm` drops the packet.
 */
export function bind(core: Core, netns: NetnsState, connection: Connection, source: boolean, binding: NatBinding | undefined): void {
  const current = invert(connection.reply);
  const wanted: Tuple = { ...current };
  chooseTuple(core, netns, connection, wanted, source, binding);
  const changed = wanted.src !== current.src || wanted.dst !== current.dst || wanted.sport !== current.sport || wanted.dport !== current.dport;
  if (changed) {
    connection.reply = invert(wanted);
    if (source) connection.sourceNat = true;
    else connection.destinationNat = true;
  }
  if (source) {
    connection.sourceNatDone = true;
    if (binding?.how === 'SNAT' || binding?.how === 'MASQUERADE') connection.sourceNatBy = binding.how;
  } else {
    connection.destinationNatDone = true;
    if (binding?.how === 'DNAT' || binding?.how === 'REDIRECT') connection.destinationNatBy = binding.how;
  }
}

/** nf_nat_packet(): rewrites a packet of a bound connection at this hook. */
export function translate(core: Core, place: number, packet: Skb, hook: Hook): void {
  const connection = packet.connection as Connection;
  const source = changesSource(hook);
  // A packet in reply direction has its destination put back where the original's source was changed, and the other way round.
  const bound = source !== packet.ctReply ? connection.sourceNat : connection.destinationNat;
  if (!bound) return;
  if (packet.ctState === CT_RELATED) {
    if (packet.icmp !== undefined) translateError(core, place, packet, connection, source);
    else rewrite(core, place, packet, connection, source);
    return;
  }
  rewrite(core, place, packet, connection, source);
  core.nowNs += TRANSLATE_NS;
}

/** What the packet's addresses must become: the answer's tuple of the other direction, inverted. */
const targetOf = (connection: Connection, reply: boolean): Tuple => invert(reply ? connection.original : connection.reply);

function wordFor(connection: Connection, source: boolean, reply: boolean): 'DNAT' | 'SNAT' | 'MASQUERADE' | 'REDIRECT' | 'un-DNAT' | 'un-SNAT' {
  if (reply) return source ? 'un-DNAT' : 'un-SNAT';
  if (source) return connection.sourceNatBy === 'MASQUERADE' ? 'MASQUERADE' : 'SNAT';
  return connection.destinationNatBy === 'REDIRECT' ? 'REDIRECT' : 'DNAT';
}

function rewrite(core: Core, place: number, packet: Skb, connection: Connection, source: boolean): void {
  const target = targetOf(connection, packet.ctReply);
  const icmp = packet.icmp;
  const ip = source ? packet.src : packet.dst;
  const port = icmp !== undefined ? icmp.id : source ? packet.sport : packet.dport;
  const newIp = source ? target.src : target.dst;
  const newPort = source ? target.sport : target.dport;
  if (source) packet.src = newIp;
  else packet.dst = newIp;
  if (icmp !== undefined) {
    if (icmp.id !== newPort) {
      packet.icmp = { ...icmp, id: newPort };
      packet.contentRow = -1;
    }
  } else if (source) packet.sport = newPort;
  else packet.dport = newPort;
  packet.headerRow = -1;
  if (packet.inner !== undefined && !core.veths) spoilOuterChecksum(packet, ip, port, newIp, newPort);
  emitTranslated(
    core,
    place,
    wordFor(connection, source, packet.ctReply),
    !source,
    icmp !== undefined || usesPorts(packet.protocol),
    ip,
    port,
    newIp,
    newPort,
    packet,
  );
}

/** nf_nat_icmp_reply_translation(): an error is rewritten like a packet of its direction, and what it quotes the other way round. */
function translateError(core: Core, place: number, packet: Skb, connection: Connection, source: boolean): void {
  const icmp = packet.icmp as IcmpMessage;
  const target = targetOf(connection, packet.ctReply);
  const quoted = icmp.quoted;
  if (quoted !== undefined) {
    // The quoted packet went the other way: its destination is the error's source side.
    const inner: Packet = quoted instanceof Skb ? cloneSkb(quoted) : { ...quoted };
    if (source) {
      inner.dst = target.src;
      if (inner.icmp !== undefined) inner.icmp = { ...inner.icmp, id: target.sport };
      else inner.dport = target.sport;
    } else {
      inner.src = target.dst;
      if (inner.icmp !== undefined) inner.icmp = { ...inner.icmp, id: target.dport };
      else inner.sport = target.dport;
    }
    packet.icmp = { ...icmp, quoted: inner };
    packet.contentRow = -1;
  }
  const ip = source ? packet.src : packet.dst;
  if (source) packet.src = target.src;
  else packet.dst = target.dst;
  packet.headerRow = -1;
  emitTranslated(core, place, wordFor(connection, source, packet.ctReply), !source, false, ip, 0, source ? target.src : target.dst, 0, packet);
}
