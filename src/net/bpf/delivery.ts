/** Where a packet with its final addresses goes, and what it passes on the way into an endpoint: connection table, policy, proxy. Cilium: bpf/bpf_lxc.c, bpf/lib/local_delivery.h */
import { formatIp4 } from '../addr/ip4.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP } from '../wire/packet.ts';
import type { EndpointState } from './bpf-state.ts';
import { readByProxy } from './l7-proxy.ts';
import { enforce, SERVICE_LOOPBACK } from './policy.ts';
import { decrementTtl, encapsulate, fibRedirect, note, rewrite, type TcRun, toEndpoint } from './tc-actions.ts';
import { commit, look } from './track.ts';

export const protocolName = (protocol: number): 'tcp' | 'udp' | undefined =>
  protocol === IP_PROTO_TCP ? 'tcp' : protocol === IP_PROTO_UDP ? 'udp' : undefined;

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
    if (entry !== undefined && readByProxy(run, { way: 'ingress', endpoint, identity, entry, looked, rules: verdict.entry?.l7, forward })) return true;
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
