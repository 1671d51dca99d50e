/** Neighbour discovery that arrives: who has this address, and who told. Linux: net/ipv6/ndisc.c, ndisc_recv_ns, ndisc_recv_na; RFC 4861 section 7.2 */
import { formatIp } from '../addr/ip.ts';
import { ALL_NODES6, isMulticast6 } from '../addr/ip6.ts';
import type { DeviceState } from '../device/device-state.ts';
import { emitDelivered, emitDropped } from '../trace/emit.ts';
import { ND_NEIGHBOR_ADVERTISEMENT, ND_NEIGHBOR_SOLICITATION } from '../wire/icmp6.ts';
import type { Ip6, NeighborMessage } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { ARP_NS } from './costs.ts';
import { duplicateFound } from './duplicate-address.ts';
import { EVENT_PROXY_ARP } from './event-queue.ts';
import { hasAddress } from './ip6-addresses.ts';
import { advertise, ND_HOP_LIMIT } from './nd-send.ts';
import { isConnected, isValid, NUD_FAILED, NUD_REACHABLE, NUD_STALE } from './neighbor.ts';
import { learn, update } from './neighbor-machine.ts';
import { PACKET_HOST, type Skb } from './skb.ts';

/** ndisc_rcv(), behind INPUT. */
export function receiveNeighborDiscovery(core: Core, device: DeviceState, packet: Skb): void {
  core.nowNs += ARP_NS;
  const { icmp } = packet;
  const message = icmp?.neighbor;
  if (packet.ttl !== ND_HOP_LIMIT) {
    emitDropped(core, device.place, packet, 'IPV6_NDISC_HOP_LIMIT', `hop limit ${packet.ttl}: it was forwarded, or made up elsewhere`);
    return;
  }
  if (icmp === undefined || message === undefined || icmp.code !== 0) {
    emitDropped(core, device.place, packet, 'IPV6_NDISC_BAD_CODE', 'not a neighbour discovery message');
    return;
  }
  if (icmp.type === ND_NEIGHBOR_SOLICITATION) asked(core, device, packet, message);
  else if (icmp.type === ND_NEIGHBOR_ADVERTISEMENT) told(core, device, packet, message);
  else emitDropped(core, device.place, packet, 'NOT_SPECIFIED', 'router discovery is not simulated: nobody solicits or advertises routers');
}

function asked(core: Core, device: DeviceState, packet: Skb, message: NeighborMessage): void {
  const target = message.target ?? 0n;
  const source = packet.src as Ip6;
  const isProbe = source === 0n;
  if (isMulticast6(target) || (isProbe && message.sourceMac !== undefined)) {
    emitDropped(core, device.place, packet, 'IPV6_NDISC_BAD_OPTIONS', 'a solicitation that cannot be');
    return;
  }
  const { netns } = device;
  const ours = hasAddress(device, target);
  if (ours && device.tentative.has(target)) {
    if (isProbe) {
      // Two machines want the same address at the same time.
      emitDelivered(core, device.place, packet, 'kernel: duplicate address detection', undefined);
      duplicateFound(device, target);
    } else emitDropped(core, device.place, packet, 'IPV6_NDISC_NS_OTHERHOST', `${formatIp(target)} is tentative: it answers nobody yet`);
    return;
  }
  if (!ours && !standsIn(device, target)) {
    emitDropped(core, device.place, packet, 'IPV6_NDISC_NS_OTHERHOST', `neighbour discovery: ${formatIp(target)} is not an address of this device`);
    return;
  }
  const { proxyDelayNs } = netns.settings(device).neighbor6;
  if (!ours && packet.packetType !== PACKET_HOST && proxyDelayNs > 0 && !packet.proxyDelayed) {
    packet.proxyDelayed = true;
    core.queue.push(core.nowNs + core.prng('proxy NDP').below(proxyDelayNs), EVENT_PROXY_ARP, packet, device, false);
    return;
  }
  const causeSeq = emitDelivered(core, device.place, packet, ours ? 'kernel: neighbour discovery' : 'kernel: proxy NDP', undefined);
  if (isProbe) {
    advertise(core, device, target, ALL_NODES6, { solicited: false, override: ours, withMac: true, causeSeq });
    return;
  }
  const multicast = isMulticast6(packet.dst as Ip6);
  if (message.sourceMac !== undefined) learn(core, device, source, message.sourceMac, NUD_STALE, true);
  advertise(core, device, target, source, { solicited: true, override: ours && multicast, withMac: multicast, causeSeq });
}

/** A router answers for an address it was told to (`ip neigh add proxy`), where proxy_ndp and forwarding are on. */
function standsIn(device: DeviceState, target: Ip6): boolean {
  const { netns } = device;
  const settings = netns.settings6(device);
  return settings.forwarding && settings.proxyNdp && netns.proxyNeighbors.has(`${netns.id}/proxy-neighbor/${device.name}/${formatIp(target)}`);
}

/** The proxy's delay is over. */
export function proxySolicitationDue(core: Core, device: DeviceState, packet: Skb): void {
  if (!device.gone && device.up) receiveNeighborDiscovery(core, device, packet);
}

function told(core: Core, device: DeviceState, packet: Skb, message: NeighborMessage): void {
  const target = message.target ?? 0n;
  if (isMulticast6(target) || (isMulticast6(packet.dst as Ip6) && message.solicited === true)) {
    emitDropped(core, device.place, packet, 'IPV6_NDISC_BAD_OPTIONS', 'an advertisement that cannot be');
    return;
  }
  emitDelivered(core, device.place, packet, 'kernel: neighbour discovery', undefined);
  if (hasAddress(device, target)) {
    // Somebody else says that it has our address: only while ours is new that takes it from us.
    if (device.tentative.has(target)) duplicateFound(device, target);
    return;
  }
  const entry = device.neighbors.get(target);
  if (entry === undefined || entry.state === NUD_FAILED) return;
  const mac = message.targetMac ?? (isValid(entry.state) ? entry.mac : undefined);
  if (mac === undefined) return;
  const moved = isValid(entry.state) && entry.mac !== mac;
  // Without the override flag another MAC only makes a believed one doubtful.
  if (moved && message.override !== true) {
    if (isConnected(entry.state)) update(core, entry, entry.mac, NUD_STALE, true);
    return;
  }
  update(core, entry, mac, message.solicited === true ? NUD_REACHABLE : NUD_STALE, message.override === true);
}
