/** The end of a packet's way through the hooks: a first packet's entry becomes real, two that met are sorted out, listeners hear what changed. Linux: net/netfilter/nf_conntrack_core.c, __nf_conntrack_confirm, nf_ct_resolve_clash */
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { CT_NONE, type Skb } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP } from '../wire/packet.ts';
import { type Connection, sameTuple } from './connection.ts';

/** How long an entry lives that only answers find. */
const CLASH_NS = 1e9;

/** At the end of INPUT and POSTROUTING. False: another connection took the tuple meanwhile; dropped. */
export function confirm(core: Core, netns: NetnsState, packet: Skb): boolean {
  const connection = packet.connection;
  if (connection === undefined) return true;
  if (connection.confirmed) {
    if (connection.pendingEvents !== 0) tell(core, netns, connection, 'UPDATE');
    return true;
  }
  if (packet.ctReply || packet.ctState === CT_NONE) return true;
  const table = netns.connections;
  const first = table.findTuple(connection.original, connection.protocol, core.nowNs, connection.zone);
  if (first !== undefined) return resolveClash(core, netns, packet, connection, first.connection, first.reply);
  if (table.findTuple(connection.reply, connection.protocol, core.nowNs, connection.zone) !== undefined) return dropClash(core, netns, packet);
  table.insert(connection);
  connection.confirmedNs = core.nowNs;
  connection.cpu = packet.cpu;
  tell(core, netns, connection, 'NEW');
  return true;
}

function tell(core: Core, netns: NetnsState, connection: Connection, kind: 'NEW' | 'UPDATE'): void {
  connection.pendingEvents = 0;
  if (netns.connections.onRemove !== undefined && !connection.dead) core.connectionEvent(netns, kind, connection);
}

/**
 * Two first packets of one flow were on their way at once (a resolver's A and AAAA, while ARP was asked). The later one joins the entry of the
 * earlier if their translations agree; a UDP one may live beside it for a second, so that its answer finds back (nf_ct_resolve_clash(); before Linux 5.7 it was dropped).
 */
function resolveClash(core: Core, netns: NetnsState, packet: Skb, loser: Connection, winner: Connection, winnerReplies: boolean): boolean {
  const { statistics } = netns.connections;
  // Of a TCP connection only one first packet is worth anything: it will be sent again.
  if (loser.protocol === IP_PROTO_TCP || loser.protocol === IP_PROTO_ICMP) return dropClash(core, netns, packet);
  if (!winnerReplies && sameTuple(winner.reply, loser.reply)) {
    packet.connection = winner;
    statistics.clashResolve += 1;
    return true;
  }
  if (!netns.conntrack.clashesLive) return dropClash(core, netns, packet);
  const answered = netns.connections.findTuple(loser.reply, loser.protocol, core.nowNs, loser.zone) !== undefined;
  if (loser.protocol !== IP_PROTO_UDP || winnerReplies || answered) return dropClash(core, netns, packet);
  loser.clash = true;
  loser.expiresNs = core.nowNs + CLASH_NS;
  netns.connections.insert(loser);
  statistics.clashResolve += 1;
  return true;
}

function dropClash(core: Core, netns: NetnsState, packet: Skb): boolean {
  const { statistics } = netns.connections;
  statistics.drop += 1;
  statistics.insertFailed += 1;
  emitDropped(core, netns.place, packet, 'NETFILTER_DROP', 'conntrack: clash with an entry confirmed meanwhile (insert_failed)');
  return false;
}
