/** ARP that arrives: answers for our own addresses and for those we stand in for, and what is learnt from others. Linux: net/ipv4/arp.c, arp_process */
import { formatIp, inPrefix, isBroadcastIp } from '../addr/ip.ts';
import { isLoopback, isMulticast, maskOf } from '../addr/ip4.ts';
import { isMulticast6, multicastMac6 } from '../addr/ip6.ts';
import { BROADCAST_MAC } from '../addr/mac.ts';
import { addressless, type DeviceState } from '../device/device-state.ts';
import { emitDelivered, emitDropped } from '../trace/emit.ts';
import type { ArpMessage, Ip, Ip4, Mac } from '../wire/packet.ts';
import { sendArp } from './arp-send.ts';
import type { Core } from './core.ts';
import { ARP_NS } from './costs.ts';
import { EVENT_PROXY_ARP } from './event-queue.ts';
import { RTN_UNICAST } from './fib.ts';
import { NUD_REACHABLE, NUD_STALE } from './neighbor.ts';
import { learn, resolveNeighbor, update, writeHeader } from './neighbor-machine.ts';
import { routeInput, routeOutput } from './routing.ts';
import { PACKET_HOST, PACKET_OTHERHOST, type Skb } from './skb.ts';

/** 01:00:5e:00:00:00 (RFC 1112 section 6.4). */
const IPV4_MULTICAST_MAC = 0x01005e000000;
const REQUEST = 1;
const REPLY = 2;

/** ip_finish_output2(): the Ethernet header of a packet that leaves by `device` towards `nextHop`, at once or after a question. */
export function resolve(core: Core, device: DeviceState, packet: Skb, nextHop: Ip): void {
  if (device.noArp) {
    addressless(device, packet, nextHop);
    core.layers.transmit(device, packet);
    return;
  }
  if (typeof nextHop === 'bigint' && isMulticast6(nextHop)) {
    writeHeader(device, packet, multicastMac6(nextHop));
    core.layers.transmit(device, packet);
    return;
  }
  const group = typeof nextHop === 'number' ? groupMac(device, nextHop) : undefined;
  if (group !== undefined) {
    writeHeader(device, packet, group);
    core.layers.transmit(device, packet);
    return;
  }
  resolveNeighbor(core, device, packet, nextHop);
}

/** arp_mc_map(), and what table local calls a broadcast address: nobody is asked for these. */
function groupMac(device: DeviceState, ip: Ip4): Mac | undefined {
  if (isMulticast(ip)) return IPV4_MULTICAST_MAC + (ip & 0x7fffff);
  if (isBroadcastIp(ip)) return BROADCAST_MAC;
  for (const a of device.addresses)
    if (a.broadcast === ip || (a.prefixLength < 31 && typeof a.ip === 'number' && (a.ip | ~maskOf(a.prefixLength)) === ip)) return BROADCAST_MAC;
  return undefined;
}

/** arp_rcv() */
export function receiveArp(core: Core, device: DeviceState, packet: Skb): void {
  const arp = packet.arp;
  if (arp === undefined || packet.packetType === PACKET_OTHERHOST) {
    emitDropped(core, device.place, packet, 'OTHERHOST', 'ARP for another host');
    return;
  }
  core.nowNs += ARP_NS;
  const { netns } = device;
  const settings = netns.settings(device);
  if (isMulticast(arp.targetIp) || (isLoopback(arp.targetIp) && !settings.routesLocalnet)) {
    emitDropped(core, device.place, packet, 'NOT_SPECIFIED', `ARP for ${formatIp(arp.targetIp)}, which is nobody's on a wire`);
    return;
  }
  if (arp.senderIp === arp.targetIp && settings.dropsGratuitousArp) {
    emitDropped(core, device.place, packet, 'NOT_SPECIFIED', 'gratuitous ARP is dropped here (drop_gratuitous_arp)');
    return;
  }
  if (arp.operation === REQUEST && netns.proxyNeighbors.size > 0) {
    const program = netns.proxyNeighbors.get(proxyId(device, arp.targetIp))?.program;
    if (program !== undefined) {
      answer(core, device, arp, emitDelivered(core, device.place, packet, program, undefined), program);
      return;
    }
  }
  if (arp.operation === REQUEST && netns.fib.isLocal(arp.targetIp) && asked(core, device, packet, arp)) return;
  if (arp.operation === REQUEST && arp.senderIp !== 0 && standsIn(device, arp)) {
    proxied(core, device, packet, arp);
    return;
  }
  listen(core, device, packet, arp);
}

/** A question for an address of ours. False where the sender's address is one that routing refuses: then it only teaches. */
function asked(core: Core, device: DeviceState, packet: Skb, arp: ArpMessage): boolean {
  // 0.0.0.0 asks whether an address is free; it teaches nothing.
  if (arp.senderIp !== 0 && routeInput(device.netns, device, arp.senderIp, arp.targetIp).kind !== 'local') return false;
  const silent = ignores(device, arp);
  const seq = emitDelivered(core, device.place, packet, silent === undefined ? 'kernel: ARP' : `kernel: ARP, not answered (${silent})`, undefined);
  if (silent !== undefined) return true;
  if (arp.senderIp !== 0) learn(core, device, arp.senderIp, arp.senderMac, NUD_STALE, true);
  answer(core, device, arp, seq);
  return true;
}

const proxyId = (device: DeviceState, ip: Ip4): string => `${device.netns.id}/proxy-neighbor/${device.name}/${formatIp(ip)}`;

function answer(core: Core, device: DeviceState, arp: ArpMessage, causeSeq: number, by?: string): void {
  const reply: ArpMessage = { operation: REPLY, senderMac: device.mac, senderIp: arp.targetIp, targetMac: arp.senderMac, targetIp: arp.senderIp };
  sendArp(core, device, reply, arp.senderMac, causeSeq, by);
}

/** arp_ignore and arp_filter: why this device keeps silent about an address of the host, or undefined. */
function ignores(device: DeviceState, arp: ArpMessage): string | undefined {
  const { arpIgnore, arpFilter } = device.netns.settings(device);
  const onDevice = device.addresses.filter((a) => a.ip === arp.targetIp && a.scope !== 'host');
  if (arpIgnore === 8) return 'arp_ignore 8';
  if ((arpIgnore === 1 || arpIgnore === 2) && onDevice.length === 0) return `arp_ignore ${arpIgnore}: ${formatIp(arp.targetIp)} is not on ${device.name}`;
  if (arpIgnore === 2 && arp.senderIp !== 0 && !onDevice.some((a) => inPrefix(a.ip, a.prefixLength, arp.senderIp)))
    return 'arp_ignore 2: the asker is in another subnet';
  if (arpIgnore === 3 && hostScopeOnly(device, arp.targetIp)) return 'arp_ignore 3: the address has scope host';
  if (!arpFilter || arp.senderIp === 0) return undefined;
  const back = routeOutput(device.netns, arp.senderIp);
  return back.kind === 'ok' && back.device === device ? undefined : `arp_filter: the way to ${formatIp(arp.senderIp)} is not ${device.name}`;
}

function hostScopeOnly(device: DeviceState, ip: Ip4): boolean {
  for (const one of device.netns.devices.values()) for (const a of one.addresses) if (a.ip === ip && a.scope !== 'host') return false;
  return true;
}

/** arp_fwd_proxy(), arp_fwd_pvlan() and entries of `ip neigh add proxy`: a router that answers for whom it forwards to. */
function standsIn(device: DeviceState, arp: ArpMessage): boolean {
  const { netns } = device;
  const settings = netns.settings(device);
  if (!settings.forwarding) return false;
  const decision = routeInput(netns, device, arp.senderIp, arp.targetIp);
  if (decision.kind !== 'forward' || decision.route.type !== RTN_UNICAST) return false;
  if (decision.device === device) return settings.proxyArpPvlan && arp.senderIp !== arp.targetIp;
  return settings.proxyArp || netns.proxyNeighbors.has(proxyId(device, arp.targetIp));
}

/** Others get the chance to answer first: a proxy waits a random part of proxy_delay, unless it was asked alone. */
function proxied(core: Core, device: DeviceState, packet: Skb, arp: ArpMessage): void {
  const { proxyDelayNs, proxyQueue } = device.netns.settings(device).neighbor;
  learn(core, device, arp.senderIp, arp.senderMac, NUD_STALE, true);
  if (packet.packetType === PACKET_HOST || proxyDelayNs === 0) {
    answer(core, device, arp, emitDelivered(core, device.place, packet, 'kernel: proxy ARP', undefined));
    return;
  }
  if (device.proxyWaiting >= proxyQueue) {
    emitDropped(core, device.place, packet, 'NOT_SPECIFIED', `${proxyQueue} questions wait for the proxy already`);
    return;
  }
  device.proxyWaiting += 1;
  core.queue.push(core.nowNs + core.prng('proxy ARP').below(proxyDelayNs), EVENT_PROXY_ARP, packet, device, false);
}

/** The proxy's delay is over. */
export function proxyDue(core: Core, device: DeviceState, packet: Skb): void {
  device.proxyWaiting = Math.max(0, device.proxyWaiting - 1);
  const arp = packet.arp;
  if (arp === undefined) return;
  const seq = emitDelivered(core, device.place, packet, 'kernel: proxy ARP', undefined);
  if (!device.gone && device.up) answer(core, device, arp, seq);
}

/** Replies, announcements and questions for others: known entries are brought up to date; new ones are made only where arp_accept says so. */
function listen(core: Core, device: DeviceState, packet: Skb, arp: ArpMessage): void {
  const toUs = arp.operation === REPLY && packet.packetType === PACKET_HOST;
  const gratuitous = isGratuitous(device, arp);
  if (toUs || gratuitous) emitDelivered(core, device.place, packet, gratuitous && !toUs ? 'kernel: gratuitous ARP' : 'kernel: ARP', undefined);
  else emitDropped(core, device.place, packet, 'OTHERHOST', `ARP: ${formatIp(arp.targetIp)} is not an address of this host`);
  if (arp.senderIp === 0) return;
  const state = toUs ? NUD_REACHABLE : NUD_STALE;
  const known = device.neighbors.get(arp.senderIp);
  if (known !== undefined) {
    const { lockNs } = device.netns.settings(device).neighbor;
    update(core, known, arp.senderMac, state, gratuitous || core.nowNs > known.updatedNs + lockNs);
  } else if (accepts(device, arp.senderIp) && (gratuitous || (arp.operation === REPLY && isOnLink(device, arp.senderIp)))) {
    learn(core, device, arp.senderIp, arp.senderMac, state, true);
  }
}

/** arp_accept 1: from everybody; 2: from senders in a subnet of the device. */
function accepts(device: DeviceState, sender: Ip4): boolean {
  const level = device.netns.settings(device).arpAccept;
  return level === 1 || (level === 2 && device.addresses.some((a) => inPrefix(a.ip, a.prefixLength, sender)));
}

/** inet_addr_type() is RTN_UNICAST: somebody else's address. */
const isOnLink = (device: DeviceState, ip: Ip4): boolean => {
  const route = device.netns.fib.find(ip);
  return route === undefined || route.type === RTN_UNICAST;
};

/** arp_is_garp(): somebody tells of itself; in a reply the target's MAC must be the sender's too. */
function isGratuitous(device: DeviceState, arp: ArpMessage): boolean {
  if (arp.senderIp !== arp.targetIp || arp.senderIp === 0) return false;
  if (arp.operation === REPLY && arp.targetMac !== arp.senderMac) return false;
  return isOnLink(device, arp.senderIp);
}
