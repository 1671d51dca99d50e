/** Binding connections to other addresses and ports, and rewriting their packets. Linux: net/netfilter/nf_nat_core.c, nf_nat_proto.c */
import { ipHash } from '../addr/ip.ts';
import type { NatBinding } from '../netfilter/definition.ts';
import { type Hook, INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../netfilter/hook.ts';
import type { Core } from '../stack/core.ts';
import { TRANSLATE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_RELATED, cloneSkb, Skb } from '../stack/skb.ts';
import { emitTranslated } from '../trace/emit.ts';
import { type IcmpMessage, IP_PROTO_ICMP, type Ip, type Packet } from '../wire/packet.ts';
import { type Connection, invert, sameTuple, type Tuple } from './connection.ts';
import { usesPorts } from './track.ts';

/** How often another port is tried before the packet is given up (NF_NAT_MAX_ATTEMPTS). */
const MAX_ATTEMPTS = 128;

/** POSTROUTING and INPUT change the source, PREROUTING and OUTPUT the destination. */
export const changesSource = (hook: Hook): boolean => hook === POSTROUTING || hook === INPUT;
export const changesDestination = (hook: Hook): boolean => hook === PREROUTING || hook === OUTPUT;

/** The nat table has had its say about this half of the connection. */
export const isBound = (connection: Connection, source: boolean): boolean => (source ? connection.sourceNatDone : connection.destinationNatDone);

/**
 * Some other connection already answers to this tuple's answers. An entry with the very same original tuple does not count: it is the same flow,
 * whose first packets were on their way together, and `confirm` lets the later one join (nf_conntrack_tuple_taken()).
 */
function isUsed(netns: NetnsState, tuple: Tuple, connection: Connection, nowNs: number): boolean {
  const found = netns.connections.findTuple(invert(tuple), connection.protocol, nowNs);
  return found !== undefined && found.connection !== connection && !sameTuple(found.connection.original, connection.original);
}

/**
 * nf_nat_setup_info(): chooses the connection's new source or destination. `binding` undefined: no rule wanted one, so only a clash changes
 * anything. Where no port is free the clash stays, and `confirm` drops the packet.
 */
export function bind(core: Core, netns: NetnsState, connection: Connection, source: boolean, binding: NatBinding | undefined): void {
  const now = core.nowNs;
  const current = invert(connection.reply);
  const wanted: Tuple = { ...current };
  if (binding !== undefined && binding.minIp !== 0) {
    const ip = chooseIp(binding, current);
    if (source) wanted.src = ip;
    else wanted.dst = ip;
  }
  const min = binding?.minPort ?? 0;
  const max = binding?.maxPort ?? 0;
  const own = source ? wanted.sport : wanted.dport;
  const randomize = source && (binding?.randomFully === true || binding?.random === true);
  let settled = false;
  if (!randomize) {
    if (min !== 0) settled = own >= min && own <= max && (min === max || !isUsed(netns, wanted, connection, now));
    else settled = !isUsed(netns, wanted, connection, now);
  }
  if (!settled) choosePort(core, netns, connection, wanted, source, min, max, binding?.random === true || binding?.randomFully === true);
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

/** One address of the range, always the same for the same two ends (find_best_ips_proto). */
function chooseIp(binding: NatBinding, tuple: Tuple): Ip {
  if (binding.minIp === binding.maxIp) return binding.minIp;
  const hash = Math.imul(ipHash(tuple.src) ^ Math.imul(ipHash(tuple.dst), 0x9e3779b9), 0x85ebca6b) >>> 0;
  if (typeof binding.minIp === 'bigint' || typeof binding.maxIp === 'bigint') {
    const first = BigInt(binding.minIp);
    return first + (BigInt(hash) % (BigInt(binding.maxIp) - first + 1n));
  }
  const size = (binding.maxIp >>> 0) - (binding.minIp >>> 0) + 1;
  return ((binding.minIp >>> 0) + (hash % size)) | 0;
}

/** nf_nat_l4proto_unique_tuple(): another port (or ICMP id) that nobody uses. */
function choosePort(core: Core, netns: NetnsState, connection: Connection, tuple: Tuple, source: boolean, min: number, max: number, random: boolean): void {
  let low = min;
  let size = max - min + 1;
  if (connection.protocol === IP_PROTO_ICMP) {
    // Only a source half can change an id; a destination half leaves the tuple as it is.
    if (!source) return;
    if (min === 0) {
      low = 0;
      size = 65536;
    }
  } else if (!usesPorts(connection.protocol)) return;
  else if (min === 0) {
    if (!source) return;
    const port = tuple.sport;
    if (port < 512) {
      low = 1;
      size = 511;
    } else if (port < 1024) {
      low = 600;
      size = 424;
    } else {
      low = 1024;
      size = 64512;
    }
  }
  // A destination half walks its range from the start unless --random says otherwise.
  const offset = source || random ? core.prng(`${netns.id} nat-port`).below(65536) : 0;
  for (let i = 0; i < Math.min(size, MAX_ATTEMPTS); i += 1) {
    const port = low + ((offset + i) % size);
    if (connection.protocol === IP_PROTO_ICMP) {
      tuple.sport = port;
      tuple.dport = port;
    } else if (source) tuple.sport = port;
    else tuple.dport = port;
    if (!isUsed(netns, tuple, connection, core.nowNs)) return;
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
