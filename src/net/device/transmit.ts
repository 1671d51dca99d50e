/** Frames between devices: what a device does with a frame it sends, and with one that reaches it. Linux: net/core/dev.c */

import { runTc } from '../bpf/tc.ts';
import { receiveArp } from '../stack/arp.ts';
import type { Core } from '../stack/core.ts';
import { LOOPBACK_NS, VETH_NS, WIRE_NS } from '../stack/costs.ts';
import { EVENT_FRAME } from '../stack/event-queue.ts';
import { receiveIp } from '../stack/ip-input.ts';
import { receiveIp6 } from '../stack/ip6-input.ts';
import { finishChecksums, PACKET_HOST, type Skb, scrub } from '../stack/skb.ts';
import { emitDropped, emitReceived, emitTransmitted } from '../trace/emit.ts';
import { frameBytes } from '../wire/lengths.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/packet.ts';
import { bridgeReceive, bridgeTransmit } from './bridge.ts';
import type { DeviceState } from './device-state.ts';
import { geneveTransmit } from './geneve.ts';
import { ipipTransmit } from './ipip.ts';
import { tooBig, untaggedBytes } from './mtu.ts';
import { depart, enqueue } from './qdisc.ts';
import { dummyTransmit, tunTransmit } from './tun.ts';
import { classify } from './tunnel.ts';
import { isForeignVlan, vlanReceive, vlanTransmit } from './vlan.ts';
import { vxlanTransmit } from './vxlan.ts';
import { wireguardTransmit } from './wireguard.ts';

const BITS = 8e9;
const DEFAULT_QUEUE_LENGTH = 1000;

/** dev_queue_xmit(): through the device's queue, if it has one that does anything. */
export function transmit(core: Core, device: DeviceState, packet: Skb): void {
  if (device.gone || !device.up) {
    emitDropped(core, device.place, packet, 'DEV_READY', `${device.name} is down`);
    return;
  }
  if (device.tcEgress !== undefined && runTc(core, device, device.tcEgress, packet)) return;
  if (!device.carrier) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'QDISC_DROP', `${device.name} has no carrier: there is nothing at its other end, or that is down`);
    return;
  }
  if (device.qdisc !== undefined && device.record.qdisc !== undefined) {
    enqueue(core, device, device.record.qdisc, device.qdisc, packet, startXmit);
    return;
  }
  startXmit(core, device, packet);
}

/** A frame has waited long enough in its device's queue. */
export function departed(core: Core, device: DeviceState, packet: Skb): void {
  if (!depart(core, device, packet)) return;
  if (device.gone || !device.up || !device.carrier) {
    emitDropped(core, device.place, packet, 'DEV_READY', `${device.name} is down`);
    return;
  }
  startXmit(core, device, packet);
}

/** dev_hard_start_xmit(): behind the queue the tap sees the frame, then the device does what its kind does. */
function startXmit(core: Core, device: DeviceState, packet: Skb): void {
  if (device.finishesChecksums && packet.checksumPartial) {
    packet.checksumPartial = false;
    packet.headerRow = -1;
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
      return;
    case 'vlan':
      vlanTransmit(core, device, packet);
      return;
    case 'geneve':
      geneveTransmit(core, device, packet);
      return;
    case 'ipip':
      ipipTransmit(core, device, packet);
      return;
    case 'wireguard':
      wireguardTransmit(core, device, packet);
      return;
    case 'tun':
      tunTransmit(core, device, packet);
      return;
    case 'dummy':
      dummyTransmit(core, device, packet);
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
  packet.cpu = 0;
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
    if (!hasRoom(core, device)) {
      device.txDropped += 1;
      emitDropped(
        core,
        device.place,
        packet,
        'QDISC_DROP',
        `${device.departuresNs.length} frames wait for the wire behind ${device.name} already (txqueuelen)`,
      );
      return;
    }
    leavesNs = Math.max(leavesNs, device.busyUntilNs) + Math.ceil((bytes * BITS) / link.bandwidthBitsPerSecond);
    device.busyUntilNs = leavesNs;
    device.departuresNs.push(leavesNs);
  }
  const jitter = link.jitterNs > 0 ? core.prng(`${device.id} jitter`).below(link.jitterNs + 1) : 0;
  // A wire never reorders.
  const arrivesNs = Math.max(leavesNs + link.latencyNs + jitter, device.lastArrivalNs);
  device.lastArrivalNs = arrivesNs;
  toPeer(core, device, packet, arrivesNs);
}

/** Tail drop: the queue before a slow wire holds `txqueuelen` frames. */
function hasRoom(core: Core, device: DeviceState): boolean {
  const { departuresNs } = device;
  let left = 0;
  while (left < departuresNs.length && (departuresNs[left] as number) <= core.nowNs) left += 1;
  if (left > 0) departuresNs.splice(0, left);
  return departuresNs.length < (device.record.txQueueLength ?? DEFAULT_QUEUE_LENGTH);
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
  const bytes = untaggedBytes(packet);
  if (tooBig(device, bytes)) {
    device.rxDropped += 1;
    emitDropped(core, device.place, packet, 'PKT_TOO_BIG', `${bytes} bytes are more than ${device.name} takes (MTU ${device.mtuBytes})`);
    return;
  }
  classify(device, packet);
  receive(core, device, packet);
}

/** netif_receive_skb(): the tap, then the bridge it is a port of, or ARP or IP. */
export function receive(core: Core, device: DeviceState, packet: Skb): void {
  core.tap(device, packet, false);
  emitReceived(core, device, packet);
  device.rxPackets += 1;
  device.rxBytes += frameBytes(packet);
  if (device.tcIngress !== undefined && runTc(core, device, device.tcIngress, packet)) return;
  if (packet.vlan !== 0 && vlanReceive(core, device, packet)) return;
  if (device.master !== undefined) {
    bridgeReceive(core, device, packet);
    return;
  }
  if (packet.vlan !== 0 && isForeignVlan(packet)) {
    emitDropped(core, device.place, packet, 'VLAN_NO_DEVICE', `no device on ${device.name} takes VLAN ${packet.vlan & 0xfff}`);
    return;
  }
  if (packet.etherType === ETHERTYPE_IPV4) receiveIp(core, device, packet);
  else if (packet.etherType === ETHERTYPE_IPV6) receiveIp6(core, device, packet);
  else if (packet.etherType === ETHERTYPE_ARP) receiveArp(core, device, packet);
  else emitDropped(core, device.place, packet, 'UNHANDLED_PROTO', `EtherType 0x${packet.etherType.toString(16)}`);
}
