/** The things that all BPF programs at a device can do with a packet: tell, drop, rewrite, send elsewhere. Cilium: bpf/lib/common.h, bpf/lib/fib.h; Linux: net/core/filter.c */

import type { Origin } from '../../base/origin.ts';
import { formatIp } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import { classify } from '../device/tunnel.ts';
import type { Core, IcmpErrorKind } from '../stack/core.ts';
import { EVENT_FRAME } from '../stack/event-queue.ts';
import { RTN_LOCAL, RTN_UNICAST } from '../stack/fib.ts';
import { pathMtu } from '../stack/routing.ts';
import { PACKET_HOST, type Skb, scrub } from '../stack/skb.ts';
import { emitBpf, emitDropped, emitRouted, emitTranslated } from '../trace/emit.ts';
import type { DropReason } from '../trace-event.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP, type Ip4 } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE } from './bpf-records.ts';
import type { EndpointState } from './bpf-state.ts';
import type { TcHook } from './tc-hook.ts';

/** A program at work on one packet. */
export interface TcRun {
  readonly core: Core;
  readonly device: DeviceState;
  readonly hook: TcHook;
  readonly packet: Skb;
}

export function note(run: TcRun, verdict: string, detail: string, origin?: Origin): void {
  emitBpf(run.core, run.device.place, run.packet, {
    program: run.hook.program.name,
    hook: run.hook.program.hook,
    verdict,
    detail,
    ...(origin === undefined ? {} : { origin }),
  });
}

/** The reason in Cilium's words (pkg/monitor/api/drop.go) comes first in the detail. */
export function drop(run: TcRun, reason: string, detail: string): true {
  const ingress = run.hook.program.hook === 'tcx/ingress';
  if (ingress) run.device.rxDropped += 1;
  else run.device.txDropped += 1;
  emitDropped(run.core, run.device.place, run.packet, ingress ? 'TC_INGRESS' : 'TC_EGRESS', `${reason}: ${detail} (${run.hook.program.name})`);
  return true;
}

/** Drops the packet and tells its sender by ICMP. The program answers whatever MAC address the frame had. */
export function refuse(run: TcRun, reason: DropReason, detail: string, error: IcmpErrorKind): true {
  const { core, device, packet } = run;
  packet.packetType = PACKET_HOST;
  core.layers.dropWithError(device.netns, packet, device.place, reason, detail, error);
  return true;
}

/** Writes an address and port into the packet, and the row that says so. */
export function rewrite(run: TcRun, field: 'source' | 'destination', ip: Ip4, port: number, how: 'DNAT' | 'SNAT' | 'un-DNAT' | 'un-SNAT'): void {
  const { packet, core, device } = run;
  const destination = field === 'destination';
  const before = destination ? packet.dst : packet.src;
  const hasPorts = packet.protocol === IP_PROTO_TCP || packet.protocol === IP_PROTO_UDP || packet.protocol === IP_PROTO_SCTP;
  const beforePort = destination ? packet.dport : packet.sport;
  if (destination) packet.dst = ip;
  else packet.src = ip;
  if (hasPorts) {
    if (destination) packet.dport = port;
    else packet.sport = port;
  } else if (packet.protocol === IP_PROTO_ICMP && packet.icmp !== undefined) packet.icmp = { ...packet.icmp, id: port };
  packet.headerRow = -1;
  packet.contentRow = -1;
  emitTranslated(core, device.place, how, destination, hasPorts, before, beforePort, ip, port, packet, true);
}

/** The program takes the TTL down itself where it forwards. False: it was the last hop, and the sender is told. */
export function decrementTtl(run: TcRun): boolean {
  const { packet } = run;
  if (packet.ttl <= 1) {
    refuse(run, 'IP_TTL_EXPIRED', `TTL ${packet.ttl}`, { type: 11, code: 0 });
    return false;
  }
  packet.ttl -= 1;
  packet.headerRow = -1;
  return true;
}

function setMacs(packet: Skb, source: number, destination: number): void {
  packet.ethSrc = source;
  packet.ethDst = destination;
  packet.headerRow = -1;
}

/** bpf_redirect_peer(): into the endpoint's netns at once; with legacy routing out of the host's end of its wire. */
export function toEndpoint(run: TcRun, endpoint: EndpointState): void {
  const { core, packet, hook } = run;
  const wire = core.netns.get(hook.program.netns)?.deviceByName(endpoint.record.device);
  if (wire === undefined) {
    drop(run, 'No matching local container found', `${endpoint.record.device} is gone`);
    return;
  }
  setMacs(packet, wire.mac, endpoint.mac);
  packet.tunnelKey = undefined;
  if (hook.state.config?.record.hostRouting !== 'bpf') {
    core.layers.transmit(wire, packet);
    return;
  }
  const peer = wire.peer;
  if (peer === undefined || peer.gone || !peer.up) {
    drop(run, 'No matching local container found', `the other end of ${endpoint.record.device} is down`);
    return;
  }
  scrub(packet);
  core.queue.push(core.nowNs, EVENT_FRAME, packet, peer, false);
}

/** bpf_redirect(…, BPF_F_INGRESS): the host's stack takes it in from another device of the host. */
export function toStackOf(run: TcRun, device: DeviceState): void {
  setMacs(run.packet, device.peer?.mac ?? 0, device.mac);
  run.packet.tunnelKey = undefined;
  classify(device, run.packet);
  run.core.layers.receive(device, run.packet);
}

/** Out of the overlay's device with the node and the sender's identity as the tunnel key. Cilium: __encap_and_redirect_with_nodeid */
export function encapsulate(run: TcRun, remote: Ip4, identity: number): void {
  const { core, packet, hook } = run;
  const overlay = hook.state.config?.record.overlayDevice;
  const device = overlay === undefined ? undefined : core.netns.get(hook.program.netns)?.deviceByName(overlay);
  if (device === undefined) {
    drop(run, 'No tunnel/encapsulation endpoint (datapath BUG!)', `${overlay ?? 'no overlay device'} does not exist`);
    return;
  }
  // Seen from there, this host is one of the other nodes.
  const id = identity === IDENTITY_HOST ? IDENTITY_REMOTE_NODE : identity;
  packet.tunnelKey = { local: hook.state.config?.nodeIp ?? 0, remote, id };
  core.layers.transmit(device, packet);
}

/** bpf_fib_lookup() and bpf_redirect_neigh(): the host's routes and neighbours, but nothing else of its stack. False: it is for the host, whose stack gets it. */
export function fibRedirect(run: TcRun): boolean {
  const { core, packet, device } = run;
  const { netns } = device;
  const route = netns.fib.lookup(packet.dst, packet, device.name, undefined);
  if (route?.type === RTN_LOCAL) return false;
  const out = route?.device;
  if (route === undefined || route.type !== RTN_UNICAST || out === undefined) return drop(run, 'FIB lookup failed', `no way to ${formatIp(packet.dst)}`);
  const bytes = ipBytes(packet);
  const mtu = pathMtu(netns, route, out, packet.dst, core.nowNs);
  if (bytes > mtu && packet.dontFragment) {
    return refuse(run, 'PKT_TOO_BIG', `${bytes} bytes, MTU of ${out.name} is ${mtu}`, { type: 3, code: 4, mtu });
  }
  if (!decrementTtl(run)) return true;
  emitRouted(core, device.place, route, 'forward', undefined, packet);
  core.layers.resolve(out, packet, route.hasGateway ? route.gateway : packet.dst);
  return true;
}
