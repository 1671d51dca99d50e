/** Frontends at the host's card: requests to a backend here or on another node, and their answers. Cilium: bpf/lib/nodeport.h */
import { formatEndpoint, formatIp } from '../addr/ip.ts';
import { contains, formatIp4 } from '../addr/ip4.ts';
import { cloneSkb, Skb } from '../stack/skb.ts';
import { emitTranslated } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { reversedTuple, type Tuple, touch, tupleOf } from './bpf-conntrack.ts';
import { IDENTITY_WORLD } from './bpf-records.ts';
import { frontendOf, type ServiceState } from './bpf-state.ts';
import { deliverLocally, forward, protocolName } from './delivery.ts';
import { restoreFrontend } from './frontend-answer.ts';
import { chooseBackend, noBackends } from './service.ts';
import { drop, encapsulate, fibRedirect, note, rewrite, type TcRun } from './tc-actions.ts';

/** nodeport_lb4(). Undefined: no frontend, the packet is looked at further. */
export function serveFrontend(run: TcRun): boolean | undefined {
  const { packet, hook } = run;
  const { state } = hook;
  const protocol = protocolName(packet.protocol);
  if (protocol === undefined || state.config?.record.nodePort !== true || typeof packet.dst !== 'number' || typeof packet.src !== 'number') return undefined;
  const service = state.findService(protocol, packet.dst, packet.dport, false);
  if (service === undefined) return undefined;
  if (!service.record.routable) return drop(run, 'Is a ClusterIP', `${service.record.ip}:${service.record.port} is for clients inside the cluster`);
  const { src } = packet;
  if (service.sourceRanges !== undefined && !service.sourceRanges.some((range) => contains(range.network, range.prefixLength, src)))
    return drop(run, 'Denied by LB src range check', `${formatIp4(src)} is in none of ${service.record.sourceRanges?.join(', ')}`);
  if (service.backends.length === 0) {
    noBackends(run, service);
    return true;
  }
  return toBackend(run, service);
}

function toBackend(run: TcRun, service: ServiceState): boolean {
  const { packet, core, hook } = run;
  const { state } = hook;
  const { dst, dport } = packet;
  const backend = chooseBackend(run, service, formatIp(packet.src));
  if (backend === undefined || typeof dst !== 'number') return false;
  rewrite(run, 'destination', backend.ip, backend.port, 'DNAT');
  const tuple = tupleOf(packet) as Tuple;
  let entry = state.conntrack.find('OUT', tuple, core.nowNs);
  if (entry === undefined || !entry.nodePort) {
    entry = state.conntrack.create('OUT', tuple, core.nowNs, IDENTITY_WORLD);
    entry.nodePort = true;
    entry.service = frontendOf(service.record);
    entry.serviceIp = dst;
    entry.servicePort = dport;
  }
  touch(entry, false, packet.tcp?.flags ?? 0, ipBytes(packet) + 14, core.nowNs);
  const local = state.findEndpoint(backend.ip);
  if (local !== undefined && !local.isHost) return deliverLocally(run, local, state.identityOf(packet.src as number));
  if (local !== undefined) {
    note(run, 'to the host', `${local.record.ip} is an address of this host; its stack takes the packet`);
    return false;
  }
  return toOtherNode(run);
}

/** nodeport_nat_ipv4_fwd(): the backend is elsewhere, and its answer must come back here: the request gets an address of this node. */
function toOtherNode(run: TcRun): boolean {
  const { packet, core, hook } = run;
  const { state } = hook;
  const { config } = state;
  if (config === undefined) return false;
  const remote = state.ipcache(packet.dst as number);
  const tunnelled = remote !== undefined && remote.tunnelEndpoint !== 0;
  const own = tunnelled ? config.routerIp : config.nodeIp;
  const mapping = state.nat.translate(tupleOf(packet) as Tuple, own, core.nowNs, core.prng('bpf-prandom'));
  if (mapping === undefined) return drop(run, 'No mapping for NAT masquerade', `no free port on ${formatIp4(own)} for this peer`);
  rewrite(run, 'source', mapping.toIp, mapping.toPort, 'SNAT');
  if (!tunnelled) {
    note(run, "by the host's routes", `the backend is on another node; the answer comes back to ${formatIp4(own)}`);
    return fibRedirect(run);
  }
  note(
    run,
    `encapsulate for ${formatIp4(remote.tunnelEndpoint)}`,
    `the backend is behind node ${formatIp4(remote.tunnelEndpoint)}; the answer comes back to ${formatIp4(own)}`,
  );
  encapsulate(run, remote.tunnelEndpoint, IDENTITY_WORLD);
  return true;
}

/** nodeport_rev_dnat_ipv4() for an endpoint's answer that leaves this node: false where the connection did not come by a frontend. */
export function answerFromBackend(run: TcRun): boolean {
  if (!restoreFrontend(run)) return false;
  note(run, "by the host's routes", 'an answer to a client of a frontend of this node; bpf_fib_lookup and bpf_redirect_neigh');
  return fibRedirect(run);
}

/** An ICMP error about a packet that left under another address: whoever sent it hears of it, with what he sent inside. Cilium: snat_v4_rev_nat_handle_icmp_error */
function restoreQuoted(run: TcRun): boolean | undefined {
  const { packet, hook, core, device } = run;
  const { icmp } = packet;
  const quoted = icmp?.quoted;
  const tuple = quoted === undefined ? undefined : tupleOf(quoted);
  const mapping = tuple === undefined ? undefined : hook.state.nat.findBack(reversedTuple(tuple));
  if (mapping === undefined || icmp === undefined || quoted === undefined || typeof packet.dst !== 'number') return undefined;
  const { src, sport } = mapping.original;
  const before = packet.dst;
  const own = quoted instanceof Skb ? cloneSkb(quoted) : { ...quoted };
  const inner = Object.assign(own, { src, ...(quoted.icmp === undefined ? { sport } : { icmp: { ...quoted.icmp, id: sport } }) });
  packet.dst = src;
  packet.icmp = { ...icmp, quoted: inner };
  packet.headerRow = -1;
  packet.contentRow = -1;
  emitTranslated(core, device.place, 'un-SNAT', true, false, before, 0, src, 0, packet, true);
  return forward(run, hook.state.identityOf(packet.src as number));
}

/** snat_v4_rev_nat(): what comes for an address and port that stand for somebody else. Undefined: nobody. */
export function restoreSource(run: TcRun): boolean | undefined {
  const { packet, hook } = run;
  if (packet.icmp?.quoted !== undefined) return restoreQuoted(run);
  const tuple = tupleOf(packet);
  const mapping = tuple === undefined ? undefined : hook.state.nat.findBack(tuple);
  if (mapping === undefined) return undefined;
  const { src, sport } = mapping.original;
  rewrite(run, 'destination', src, sport, 'un-SNAT');
  if (restoreFrontend(run)) {
    note(run, "by the host's routes", `the answer of a backend on another node, for ${formatEndpoint(src, sport)}`);
    return fibRedirect(run);
  }
  return forward(run, hook.state.identityOf(packet.src as number));
}
