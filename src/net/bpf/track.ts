/** The connection table as an endpoint's programs use it: looked at first, written once the packet may pass. Cilium: bpf/lib/conntrack.h */
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP, TCP_ACK, TCP_SYN } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { type CtEntry, type CtResult, reversedTuple, type Tuple, touch, tupleOf } from './bpf-conntrack.ts';
import { drop, type TcRun } from './tc-actions.ts';

/** What the connection table knows of a packet at an endpoint. */
export interface Looked {
  readonly tuple: Tuple;
  readonly result: CtResult;
  readonly entry: CtEntry | undefined;
}

/** False: dropped, as a protocol that the connection table does not know. Cilium: ct_extract_ports4, DROP_CT_UNKNOWN_PROTO */
export function isTracked(run: TcRun): boolean {
  const { packet, hook } = run;
  switch (packet.protocol) {
    case IP_PROTO_ICMP:
    case IP_PROTO_TCP:
    case IP_PROTO_UDP:
      return true;
    case IP_PROTO_SCTP:
      if (hook.state.config?.record.sctp === true) return true;
      drop(run, 'CT: Unknown L4 protocol', 'SCTP, which the programs know only with enable-sctp');
      return false;
    default:
      drop(run, 'CT: Unknown L4 protocol', `IP protocol ${packet.protocol}`);
      return false;
  }
}

/** CT lookup at an endpoint: a reply of the other direction's entry, an error about a connection, else its own. Cilium: ct_lookup4 */
export function look(run: TcRun, direction: 'OUT' | 'IN'): Looked | undefined {
  const { packet, core, hook } = run;
  const tuple = tupleOf(packet);
  if (tuple === undefined) return undefined;
  const { conntrack } = hook.state;
  const opposite = conntrack.find(direction === 'OUT' ? 'IN' : 'OUT', reversedTuple(tuple), core.nowNs);
  if (opposite !== undefined) return { tuple, result: 'reply', entry: opposite };
  if (packet.icmp?.quoted !== undefined && conntrack.relates(tuple.src, tuple.dst, core.nowNs)) return { tuple, result: 'related', entry: undefined };
  const entry = conntrack.find(direction, tuple, core.nowNs);
  const flags = packet.tcp?.flags ?? 0;
  // A connection that the proxy has ended is not one any more when its ports are used again.
  if (entry !== undefined && entry.proxySeq >= 0 && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) return { tuple, result: 'new', entry: undefined };
  return { tuple, result: entry === undefined ? 'new' : 'established', entry };
}

/** What may pass is counted, and what is new is remembered: nothing is that a policy has denied. Cilium: ct_create4 */
export function commit(run: TcRun, looked: Looked, direction: 'OUT' | 'IN', identity: number, proxyPort: number): CtEntry | undefined {
  if (looked.result === 'related') return undefined;
  const { packet, core, hook } = run;
  const entry = looked.entry ?? hook.state.conntrack.create(direction, looked.tuple, core.nowNs, identity);
  if (looked.result !== 'reply') entry.proxyPort = proxyPort;
  touch(entry, looked.result === 'reply', packet.tcp?.flags ?? 0, ipBytes(packet) + 14, core.nowNs);
  return entry;
}
