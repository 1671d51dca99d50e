/** Where a packet with its final addresses goes, and the connection table it passes on the way. Cilium: bpf/bpf_lxc.c, bpf/lib/local_delivery.h, bpf/lib/conntrack.h */
import { formatIp4 } from '../addr/ip4.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP, TCP_ACK, TCP_SYN } from '../wire/packet.ts';
import { type CtEntry, type CtResult, reversedTuple, type Tuple, touch, tupleOf } from './bpf-conntrack.ts';
import type { EndpointState } from './bpf-state.ts';
import { readByProxy } from './l7-proxy.ts';
import { enforce, SERVICE_LOOPBACK } from './policy.ts';
import { decrementTtl, encapsulate, fibRedirect, note, rewrite, type TcRun, toEndpoint } from './tc-actions.ts';

export const protocolName = (protocol: number): 'tcp' | 'udp' | undefined =>
  protocol === IP_PROTO_TCP ? 'tcp' : protocol === IP_PROTO_UDP ? 'udp' : undefined;

/** What the connection table knows of a packet at an endpoint. */
export interface Looked {
  readonly tuple: Tuple;
  readonly result: CtResult;
  readonly entry: CtEntry | undefined;
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

/** Where a packet with its final addresses goes: to an endpoint here, to the host, into the tunnel, or by the host's routes. */
export function forward(run: TcRun, identity: number): boolean {
  const { packet, hook } = run;
  const { state } = hook;
  const { config } = state;
  const { dst } = packet;
  if (config === undefined || typeof dst !== 'number') return false;
  const local = state.findEndpoint(dst);
  if (local?.isHost === true) {
    note(run, 'to the host', `cilium_lxc: ${local.record.ip} is an address of this host; its stack takes the packet`);
    return false;
  }
  if (local !== undefined) return deliverLocally(run, local, identity);
  const remote = state.ipcache(dst);
  if (remote !== undefined && remote.tunnelEndpoint !== 0) {
    note(
      run,
      `encapsulate for ${formatIp4(remote.tunnelEndpoint)}`,
      `cilium_ipcache_v2: ${remote.record.prefix} (identity ${remote.identity}) is behind node ${formatIp4(remote.tunnelEndpoint)}; the VNI is the sender's identity ${identity}`,
      remote.record.origin,
    );
    encapsulate(run, remote.tunnelEndpoint, identity);
    return true;
  }
  const where = remote === undefined ? 'no entry' : `identity ${remote.identity}`;
  if (config.record.hostRouting !== 'bpf') {
    note(run, 'to the stack', `cilium_ipcache_v2: ${where} for ${formatIp4(dst)}; host routing is legacy, the host's stack forwards it`);
    return false;
  }
  note(run, "by the host's routes", `cilium_ipcache_v2: ${where} for ${formatIp4(dst)}; bpf_fib_lookup and bpf_redirect_neigh, past the host's stack`);
  return fibRedirect(run);
}

/** ipv4_local_delivery(): TTL, the receiver's connection table, then into its netns. */
export function deliverLocally(run: TcRun, endpoint: EndpointState, identity: number): true {
  const { hook } = run;
  if (!decrementTtl(run)) return true;
  const looked = look(run, 'IN');
  if (looked !== undefined) {
    const begins = looked.result === 'new' || looked.result === 'established';
    const verdict =
      begins && run.packet.src !== SERVICE_LOOPBACK ? enforce(run, 'ingress', endpoint, identity, looked.tuple, looked.result === 'new') : { entry: undefined };
    if (verdict === undefined) return true;
    const entry = commit(run, looked, 'IN', identity, verdict.entry?.proxyPort ?? 0);
    if (entry !== undefined && readByProxy(run, { way: 'ingress', endpoint, identity, entry, looked, rules: verdict.entry?.l7 })) return true;
    // An answer to a client whose packets were translated one by one: it comes from the service's address.
    if (looked.result === 'reply' && entry !== undefined && entry.service !== '' && !entry.nodePort)
      rewrite(run, 'source', entry.serviceIp, entry.servicePort, 'un-DNAT');
  }
  const { device, ip } = endpoint.record;
  const how = hook.state.config?.record.hostRouting === 'bpf' ? 'bpf_redirect_peer, straight into its netns' : `out of ${device}`;
  note(
    run,
    `redirect to ${device}`,
    `cilium_lxc: ${ip} is endpoint ${endpoint.record.endpointId} (identity ${endpoint.record.identity}); ${how}`,
    endpoint.record.origin,
  );
  toEndpoint(run, endpoint);
  return true;
}
