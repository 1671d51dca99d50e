/** The programs at the host's network card. Cilium: bpf/bpf_host.c, cil_from_netdev and cil_to_netdev */
import { contains, formatIp4 } from '../addr/ip4.ts';
import { ETHERTYPE_ARP, IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP } from '../wire/packet.ts';
import { type Tuple, tupleOf } from './bpf-conntrack.ts';
import { IDENTITY_REMOTE_NODE } from './bpf-records.ts';
import { deliverLocally } from './delivery.ts';
import { restoreFrontend } from './frontend-answer.ts';
import { restoreSource, serveFrontend } from './nodeport.ts';
import { drop, rewrite, type TcRun } from './tc-actions.ts';

/** From the wire: frontends, answers to masqueraded connections, and endpoints where the network routes to them. All else is the stack's. */
export function fromCard(run: TcRun): boolean {
  const { packet, hook, device } = run;
  if (packet.etherType === ETHERTYPE_ARP || packet.ethDst !== device.mac || typeof packet.dst !== 'number') return false;
  const served = serveFrontend(run) ?? restoreSource(run);
  if (served !== undefined) return served;
  const endpoint = hook.state.findEndpoint(packet.dst);
  if (endpoint === undefined || endpoint.isHost) return false;
  return deliverLocally(run, endpoint, hook.state.identityOf(packet.src as number));
}

/** To the wire: an endpoint's address does not leave the cluster. Cilium: handle_nat_fwd, snat_v4_needs_masquerade */
export function toCard(run: TcRun): boolean {
  const { packet, hook, core } = run;
  if (packet.etherType === ETHERTYPE_ARP || typeof packet.src !== 'number' || typeof packet.dst !== 'number') return false;
  const { state } = hook;
  const { config } = state;
  if (config === undefined) return false;
  // A server of the host itself that answers to a frontend's client.
  if (state.findEndpoint(packet.src)?.isHost === true && config.record.nodePort && restoreFrontend(run)) return false;
  if (!config.record.masquerade) return false;
  const endpoint = state.findEndpoint(packet.src);
  if (endpoint === undefined || endpoint.isHost) return false;
  const { nativeCidr } = config;
  if (nativeCidr !== undefined && contains(nativeCidr.network, nativeCidr.prefixLength, packet.dst)) return false;
  // Another node knows its way to an endpoint's address where the network routes it.
  if (config.record.routing === 'native' && state.identityOf(packet.dst) === IDENTITY_REMOTE_NODE) return false;
  const tuple = tupleOf(packet);
  if (tuple === undefined || ![IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP].includes(packet.protocol))
    return drop(run, 'Unsupported protocol for NAT masquerade', `IP protocol ${packet.protocol}`);
  // Who outside has begun the connection knows the endpoint's address already.
  if (state.conntrack.find('IN', reversed(tuple), core.nowNs) !== undefined) return false;
  const mapping = state.nat.translate(tuple, config.nodeIp, core.nowNs, core.prng('bpf-prandom'));
  if (mapping === undefined) return drop(run, 'No mapping for NAT masquerade', `no free port on ${formatIp4(config.nodeIp)} for this peer`);
  rewrite(run, 'source', mapping.toIp, mapping.toPort, 'SNAT');
  return false;
}

const reversed = (t: Tuple): Tuple => ({ protocol: t.protocol, src: t.dst, sport: t.dport, dst: t.src, dport: t.sport });
