/** Neighbour discovery messages that leave: solicitations, advertisements, probes for duplicates. Linux: net/ipv6/ndisc.c; RFC 4861 */
import { ALL_NODES6, isMulticast6, solicitedNode } from '../addr/ip6.ts';
import type { DeviceState } from '../device/device-state.ts';
import { OUTPUT, POSTROUTING } from '../netfilter/hook.ts';
import { emitCreated } from '../trace/emit.ts';
import { ND_NEIGHBOR_ADVERTISEMENT, ND_NEIGHBOR_SOLICITATION } from '../wire/icmp6.ts';
import { ETHERTYPE_IPV6, IP_PROTO_ICMP6, type Ip6, type NeighborMessage } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { ARP_NS } from './costs.ts';
import { hasAddress, isTentative, linkLocalAddress } from './ip6-addresses.ts';
import type { Skb } from './skb.ts';

/** Only what was not forwarded arrives with it (RFC 4861 section 6.1). */
export const ND_HOP_LIMIT = 255;

/** ndisc_solicit(): asks the address alone when its MAC is known already (`unicast`), else its solicited-node group. Silent on a device that has no address to ask from. */
export function solicitNeighbor(core: Core, device: DeviceState, target: Ip6, unicast: boolean, about: Skb | undefined): void {
  // The waiting packet's own source where it is one of this device's, else the link-local address.
  const own =
    about !== undefined && typeof about.src === 'bigint' && hasAddress(device, about.src) && !isTentative(device, about.src)
      ? about.src
      : linkLocalAddress(device);
  if (own === undefined) return;
  sendSolicitation(core, device, target, own, unicast ? target : solicitedNode(target), about === undefined ? -1 : core.log.length - 1);
}

/** RFC 4862 section 5.4.2: from nobody, without a MAC. */
export function sendDuplicateProbe(core: Core, device: DeviceState, target: Ip6): void {
  sendSolicitation(core, device, target, 0n, solicitedNode(target), -1);
}

function sendSolicitation(core: Core, device: DeviceState, target: Ip6, source: Ip6, destination: Ip6, causeSeq: number): void {
  send(core, device, ND_NEIGHBOR_SOLICITATION, source === 0n ? { target } : { target, sourceMac: device.mac }, source, destination, causeSeq);
}

export interface AdvertisementOptions {
  readonly solicited: boolean;
  readonly override: boolean;
  /** Tell the MAC: an answer to a unicast question leaves it out, the asker knows it. */
  readonly withMac: boolean;
  readonly causeSeq: number;
}

/** ndisc_send_na() */
export function advertise(core: Core, device: DeviceState, target: Ip6, to: Ip6, options: AdvertisementOptions): void {
  // A proxy answers in another's name: from an address of its own.
  const source = hasAddress(device, target) ? target : linkLocalAddress(device);
  if (source === undefined) return;
  const message: NeighborMessage = {
    target,
    fromRouter: device.netns.settings6(device).forwarding,
    solicited: options.solicited,
    override: options.override,
    ...(options.withMac ? { targetMac: device.mac } : {}),
  };
  send(core, device, ND_NEIGHBOR_ADVERTISEMENT, message, source, to === 0n ? ALL_NODES6 : to, options.causeSeq);
}

function send(core: Core, device: DeviceState, type: number, neighbor: NeighborMessage, source: Ip6, destination: Ip6, causeSeq: number): void {
  core.nowNs += ARP_NS;
  const { netns } = device;
  const packet = core.newSkb();
  packet.etherType = ETHERTYPE_IPV6;
  packet.src = source;
  packet.dst = destination;
  packet.ttl = ND_HOP_LIMIT;
  packet.protocol = IP_PROTO_ICMP6;
  packet.icmp = { type, code: 0, id: 0, sequence: 0, neighbor };
  packet.causeSeq = causeSeq;
  emitCreated(core, netns, packet, 'kernel: neighbour discovery');
  if (!core.hooks.run(netns, OUTPUT, packet, undefined, device, destination)) return;
  if (!core.hooks.run(netns, POSTROUTING, packet, undefined, device, destination)) return;
  core.layers.resolve(device, packet, isMulticast6(destination) ? destination : (packet.dst as Ip6));
}
