/** Frames between devices: what a device does with a frame it sends, and with one that reaches it. Linux: net/core/dev.c */
import { BROADCAST_MAC, isGroupMac } from '../addr/mac.ts';
import { receiveArp } from '../stack/arp.ts';
import type { Core } from '../stack/core.ts';
import { LOOPBACK_NS, VETH_NS, WIRE_NS } from '../stack/costs.ts';
import { EVENT_FRAME } from '../stack/event-queue.ts';
import { receiveIp } from '../stack/ip-input.ts';
import { finishChecksums, PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type Skb, scrub } from '../stack/skb.ts';
import { emitDropped, emitReceived, emitTransmitted } from '../trace/emit.ts';
import { frameBytes } from '../wire/lengths.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../wire/packet.ts';
import { bridgeReceive, bridgeTransmit } from './bridge.ts';
import type { DeviceState } from './device-state.ts';
import { tooBig } from './mtu.ts';
import { vxlanTransmit } from './vxlan.ts';

const BITS = 8e9;

/** dev_queue_xmit(): the tap sees the frame, then the device does what its kind does. */
export function transmit(core: Core, device: DeviceState, packet: Skb): void {
  if (device.gone || !device.up) {
    emitDropped(core, device.place, packet, 'DEV_READY', `${device.name} is down`);
    return;
  }
  core.tap(device, packet, true);
  emitTransmitted(core, device, packet);
  const bytes = frameBytes(packet);
  device.txPackets += 1;
  device.txBytes += bytes;
  switch (device.record.type) {
    case 'bridge':
      bridgeTransmit(core, device, packet);
      return;
    case 'vxlan':
      vxlanTransmit(core, device, packet);
      return;
    case 'loopback':
      core.queue.push(core.nowNs + LOOPBACK_NS, EVENT_FRAME, packet, device, false);
      return;
    case 'veth':
      toPeer(core, device, packet, core.nowNs + VETH_NS);
      return;
    case 'ethernet':
      toWire(core, device, packet, bytes);
  }
}

function toPeer(core: Core, device: DeviceState, packet: Skb, timeNs: number): void {
  const peer = device.peer;
  if (peer === undefined) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'DEV_READY', `nothing is connected to ${device.name}`);
    return;
  }
  const mark = packet.mark;
  scrub(packet);
  // Only leaving the netns wipes the mark.
  if (peer.netns === device.netns) packet.mark = mark;
  core.queue.push(timeNs, EVENT_FRAME, packet, peer, false);
}

function toWire(core: Core, device: DeviceState, packet: Skb, bytes: number): void {
  const link = device.record.type === 'ethernet' ? device.record.link : undefined;
  packet.flowHash = 0;
  finishChecksums(packet);
  if (link === undefined) {
    toPeer(core, device, packet, core.nowNs + WIRE_NS);
    return;
  }
  if (link.lossRatio > 0 && core.prng(`${device.id} loss`).float() < link.lossRatio) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'LINK_LOSS', `lost on the wire behind ${device.name}`);
    return;
  }
  let leavesNs = core.nowNs;
  if (link.bandwidthBitsPerSecond !== undefined && link.bandwidthBitsPerSecond > 0) {
    leavesNs = Math.max(leavesNs, device.busyUntilNs) + Math.ceil((bytes * BITS) / link.bandwidthBitsPerSecond);
    device.busyUntilNs = leavesNs;
  }
  const jitter = link.jitterNs > 0 ? core.prng(`${device.id} jitter`).below(link.jitterNs + 1) : 0;
  // A wire never reorders.
  const arrivesNs = Math.max(leavesNs + link.latencyNs + jitter, device.lastArrivalNs);
  device.lastArrivalNs = arrivesNs;
  toPeer(core, device, packet, arrivesNs);
}

/** A frame has arrived at the far end: length, then who it is for, then the stack. */
export function arrive(core: Core, device: DeviceState, packet: Skb): void {
  if (device.gone || !device.up) {
    emitDropped(core, device.place, packet, 'DEV_READY', device.gone ? 'the device is gone' : `${device.name} is down`);
    return;
  }
  if (device.record.type === 'loopback') {
    packet.packetType = PACKET_HOST;
    receive(core, device, packet);
    return;
  }
  const bytes = frameBytes(packet);
  if (tooBig(device, bytes)) {
    device.rxDropped += 1;
    emitDropped(core, device.place, packet, 'PKT_TOO_BIG', `${bytes} bytes are more than ${device.name} takes (MTU ${device.mtuBytes})`);
    return;
  }
  const to = packet.ethDst;
  if (to === device.mac) packet.packetType = PACKET_HOST;
  else if (to === BROADCAST_MAC) packet.packetType = PACKET_BROADCAST;
  else packet.packetType = isGroupMac(to) ? PACKET_MULTICAST : PACKET_OTHERHOST;
  receive(core, device, packet);
}

/** netif_receive_skb(): the tap, then the bridge it is a port of, or ARP or IP. */
export function receive(core: Core, device: DeviceState, packet: Skb): void {
  core.tap(device, packet, false);
  emitReceived(core, device, packet);
  device.rxPackets += 1;
  device.rxBytes += frameBytes(packet);
  if (device.master !== undefined) {
    bridgeReceive(core, device, packet);
    return;
  }
  if (packet.etherType === ETHERTYPE_IPV4) receiveIp(core, device, packet);
  else if (packet.etherType === ETHERTYPE_ARP) receiveArp(core, device, packet);
  else emitDropped(core, device.place, packet, 'UNHANDLED_PROTO', `EtherType 0x${packet.etherType.toString(16)}`);
}
