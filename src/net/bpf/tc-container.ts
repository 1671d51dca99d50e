/** What comes out of an endpoint. Cilium: bpf/bpf_lxc.c */
import { formatIp } from '../addr/ip.ts';
import { formatIp4 } from '../addr/ip4.ts';
import { sendArp } from '../stack/arp-send.ts';
import { ETHERTYPE_ARP, type Ip4 } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { reversedTuple, tupleOf } from './bpf-conntrack.ts';
import { type EndpointState, frontendOf } from './bpf-state.ts';
import { deliverLocally, forward, protocolName } from './delivery.ts';
import { readByProxy } from './l7-proxy.ts';
import { answerFromBackend } from './nodeport.ts';
import { enforce, SERVICE_LOOPBACK } from './policy.ts';
import { chooseBackend, noBackends } from './service.ts';
import { drop, note, rewrite, type TcRun } from './tc-actions.ts';
import { commit, isTracked, look } from './track.ts';

/** cil_from_container */
export function fromContainer(run: TcRun): boolean {
  const { packet, hook, device } = run;
  const { state } = hook;
  const endpoint = state.endpointOf(device.name);
  if (packet.etherType === ETHERTYPE_ARP) return answerArp(run, endpoint);
  if (endpoint === undefined) return drop(run, 'Invalid source ip', `no endpoint has ${device.name}`);
  if (packet.src !== endpoint.ip) return drop(run, 'Invalid source ip', `${formatIp(packet.src)} is not the address of this endpoint, ${endpoint.record.ip}`);
  if (state.config === undefined || typeof packet.dst !== 'number') return false;
  if (packet.dst === SERVICE_LOOPBACK) return answerItself(run, endpoint);
  // No program on a socket's call sees SCTP (ENABLE_PER_PACKET_LB).
  const served = state.config.record.socketLb !== 'full' || packet.protocol === IP_PROTO_SCTP ? perPacketService(run) : undefined;
  if (served === 'done') return true;
  if (!isTracked(run)) return true;
  const looked = look(run, 'OUT');
  if (looked === undefined) return forward(run, endpoint.record.identity);
  const { identity } = endpoint.record;
  const begins = looked.result === 'new' || looked.result === 'established';
  const verdict =
    begins && packet.src !== SERVICE_LOOPBACK
      ? enforce(run, 'egress', endpoint, state.identityOf(packet.dst), looked.tuple, looked.result === 'new')
      : { entry: undefined };
  if (verdict === undefined) return true;
  const connection = commit(run, looked, 'OUT', identity, verdict.entry?.proxyPort ?? 0);
  if (connection !== undefined) {
    if (served !== undefined && connection.service === '') {
      connection.service = served.service;
      connection.serviceIp = served.ip;
      connection.servicePort = served.port;
    }
    if (readByProxy(run, { way: 'egress', endpoint, identity, entry: connection, looked, rules: verdict.entry?.l7, forward })) return true;
    // The connection came by the card for a frontend of this node: its client is told the frontend's address, and it leaves by the routes.
    if (looked.result === 'reply' && answerFromBackend(run)) return true;
  }
  return forward(run, endpoint.record.identity);
}

/** The answer of an endpoint that is its own service's backend. Cilium: IPV4_LOOPBACK, ct_state->loopback */
function answerItself(run: TcRun, endpoint: EndpointState): boolean {
  const { packet, core, hook } = run;
  const tuple = tupleOf(packet);
  const entry = tuple === undefined ? undefined : hook.state.conntrack.find('OUT', reversedTuple(tuple), core.nowNs);
  if (entry === undefined || entry.service === '') return drop(run, 'Stale or unroutable IP', `nobody began a connection from ${formatIp4(SERVICE_LOOPBACK)}`);
  rewrite(run, 'source', entry.serviceIp, entry.servicePort, 'un-DNAT');
  rewrite(run, 'destination', endpoint.ip, packet.dport, 'un-SNAT');
  return deliverLocally(run, endpoint, endpoint.record.identity);
}

/** handle_arp: whoever an endpoint asks for is behind the host's end of its wire. */
function answerArp(run: TcRun, endpoint: EndpointState | undefined): boolean {
  const { packet, core, device } = run;
  const { arp } = packet;
  if (arp === undefined || arp.operation !== 1 || endpoint === undefined || arp.targetIp === endpoint.ip) return false;
  const about = core.log.length;
  note(run, 'answered', `the program answers for ${formatIp4(arp.targetIp)} with the MAC of ${device.name}`);
  const reply = { operation: 2 as const, senderMac: device.mac, senderIp: arp.targetIp, targetMac: arp.senderMac, targetIp: arp.senderIp };
  sendArp(core, device, reply, arp.senderMac, about, 'bpf: cil_from_container');
  return true;
}

/** lb4_local(): where no socket program has done it, each packet is looked up, and the first one's choice is remembered. */
function perPacketService(run: TcRun): { readonly service: string; readonly ip: Ip4; readonly port: number } | 'done' | undefined {
  const { packet, hook } = run;
  const protocol = packet.protocol === IP_PROTO_SCTP && hook.state.config?.record.sctp === true ? 'sctp' : protocolName(packet.protocol);
  const { dst, dport } = packet;
  if (protocol === undefined || typeof dst !== 'number') return undefined;
  const service = hook.state.findService(protocol, dst, dport, true);
  if (service === undefined) return undefined;
  if (service.backends.length === 0) {
    noBackends(run, service);
    return 'done';
  }
  const choice = chooseBackend(run, service, formatIp(packet.src));
  if (choice === undefined) return undefined;
  // CRC32c cannot be mended step by step as the other checksums are.
  if (protocol === 'sctp' && choice.port !== dport) {
    drop(run, 'Error while correcting L4 checksum', `port ${dport} would become ${choice.port}, and SCTP's checksum is over the whole packet`);
    return 'done';
  }
  // It has chosen the client itself: with equal addresses the kernel would take the packet for a forgery.
  if (choice.ip === packet.src) rewrite(run, 'source', SERVICE_LOOPBACK, packet.sport, 'SNAT');
  rewrite(run, 'destination', choice.ip, choice.port, 'DNAT');
  return { service: frontendOf(service.record), ip: dst, port: dport };
}
