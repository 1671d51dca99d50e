/** Neighbour suppression: a bridge answers ARP for hosts behind ports that must not be bothered. Linux: net/bridge/br_arp_nd_proxy.c */
import type { Core } from '../stack/core.ts';
import { isValid } from '../stack/neighbor.ts';
import type { Skb } from '../stack/skb.ts';
import { emitCreated } from '../trace/emit.ts';
import { ETHERTYPE_ARP, type Mac } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';

/** br_do_proxy_suppress_arp(): true when the bridge has answered the question; it is then not flooded to ports that suppress. */
export function answersArp(core: Core, bridge: DeviceState, port: DeviceState, packet: Skb, portOf: (mac: Mac) => DeviceState | undefined): boolean {
  const arp = packet.arp;
  if (arp === undefined || arp.operation !== 1 || arp.senderIp === arp.targetIp) return false;
  if (!bridge.ports.some((one) => one.record.bridgePort?.neighborSuppress === true)) return false;
  const entry = bridge.neighbors.get(arp.targetIp);
  if (entry === undefined || !isValid(entry.state)) return false;
  const behind = portOf(entry.mac);
  if (behind?.record.bridgePort?.neighborSuppress !== true || behind === port) return false;
  const reply = core.newSkb();
  reply.etherType = ETHERTYPE_ARP;
  reply.arp = { operation: 2, senderMac: entry.mac, senderIp: arp.targetIp, targetMac: arp.senderMac, targetIp: arp.senderIp };
  reply.ethSrc = entry.mac;
  reply.ethDst = arp.senderMac;
  reply.causeSeq = core.log.length - 1;
  emitCreated(core, bridge.netns, reply, 'kernel: bridge, for its neighbour');
  core.layers.transmit(port, reply);
  return true;
}
