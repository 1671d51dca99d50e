/** ARP messages that leave: requests with the right sender, replies, announcements. Linux: net/ipv4/arp.c, arp_solicit, arp_send */
import { inPrefix } from '../addr/ip.ts';
import { BROADCAST_MAC } from '../addr/mac.ts';
import type { DeviceState } from '../device/device-state.ts';
import { emitCreated } from '../trace/emit.ts';
import { type ArpMessage, ETHERTYPE_ARP, type Ip4, type Mac } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { ARP_NS } from './costs.ts';
import type { Skb } from './skb.ts';
import { addressFor } from './source-address.ts';

/** arp_solicit(): asks `mac` alone when one is known already, else everybody. Silent on a device that has no address to ask from. */
export function solicitArp(core: Core, device: DeviceState, target: Ip4, mac: Mac | undefined, about: Skb | undefined): void {
  const own = announced(device, target, about) ?? addressFor(device.netns.devices.values(), device, target, target, 'link');
  if (typeof own !== 'number') return;
  const arp: ArpMessage = { operation: 1, senderMac: device.mac, senderIp: own, targetMac: 0, targetIp: target };
  sendArp(core, device, arp, mac ?? BROADCAST_MAC, about === undefined ? -1 : core.log.length - 1);
}

/** The waiting packet's own source, where arp_announce lets it be told: 0 any address of ours, 1 only one in the target's subnet, 2 never. */
function announced(device: DeviceState, target: Ip4, about: Skb | undefined): Ip4 | undefined {
  const level = device.netns.settings(device).arpAnnounce;
  if (about === undefined || typeof about.src !== 'number' || level === 2 || !device.netns.fib.isLocal(about.src)) return undefined;
  if (level !== 1) return about.src;
  const { src } = about;
  return device.addresses.some((a) => inPrefix(a.ip, a.prefixLength, src) && inPrefix(a.ip, a.prefixLength, target)) ? src : undefined;
}

export function sendArp(core: Core, device: DeviceState, arp: ArpMessage, destination: Mac, causeSeq: number, by = 'kernel: ARP'): void {
  core.nowNs += ARP_NS;
  const packet = core.newSkb();
  packet.etherType = ETHERTYPE_ARP;
  packet.arp = arp;
  packet.ethSrc = device.mac;
  packet.ethDst = destination;
  packet.causeSeq = causeSeq;
  emitCreated(core, device.netns, packet, by);
  core.layers.transmit(device, packet);
}

/** inetdev_send_gratuitous_arp(): tells everybody whose addresses these are, after the device came up or changed its MAC (arp_notify). */
export function announceAddresses(core: Core, device: DeviceState): void {
  if (!device.up || !device.netns.settings(device).arpNotify) return;
  for (const { ip, scope } of device.addresses) {
    if (typeof ip !== 'number' || scope === 'host') continue;
    sendArp(core, device, { operation: 1, senderMac: device.mac, senderIp: ip, targetMac: 0, targetIp: ip }, BROADCAST_MAC, -1);
  }
}
