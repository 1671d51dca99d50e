/** A VLAN device: frames with one 802.1Q tag on the device below. Linux: net/8021q/vlan_dev.c, net/8021q/vlan_core.c */
import type { Core } from '../stack/core.ts';
import { VLAN_NS } from '../stack/costs.ts';
import { PACKET_HOST, PACKET_OTHERHOST, type Skb } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import type { DeviceState } from './device-state.ts';

const VLAN_ID_MASK = 0xfff;
const HALF = 65536;

/** vlan_dev_hard_start_xmit(): the tag goes on, and the frame out of the device below. */
export function vlanTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  const lower = device.lower;
  if (record.type !== 'vlan' || lower === undefined) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'DEV_READY', `the device below ${device.name} is gone`);
    return;
  }
  if (packet.vlan >= HALF) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'NOT_SPECIFIED', 'a frame carries two VLAN tags at most here');
    return;
  }
  core.nowNs += VLAN_NS;
  packet.vlan = packet.vlan * HALF + record.vlanId;
  packet.headerRow = -1;
  core.layers.transmit(lower, packet);
}

/** vlan_do_receive(): the frame's outermost tag names a VLAN device, which takes it in without the tag. False when there is none. */
export function vlanReceive(core: Core, device: DeviceState, packet: Skb): boolean {
  const vlan = device.vlans?.get(packet.vlan & VLAN_ID_MASK);
  if (vlan === undefined) return false;
  core.nowNs += VLAN_NS;
  packet.vlan = Math.floor(packet.vlan / HALF);
  packet.headerRow = -1;
  if (!vlan.up) {
    vlan.rxDropped += 1;
    emitDropped(core, vlan.place, packet, 'DEV_READY', `${vlan.name} is down`);
    return true;
  }
  // The VLAN device may have a MAC of its own.
  if (packet.packetType === PACKET_OTHERHOST && packet.ethDst === vlan.mac) packet.packetType = PACKET_HOST;
  core.layers.receive(vlan, packet);
  return true;
}

/** A tag whose VLAN nobody has here, for the IP layer a frame for somebody else. Tags with id 0 carry a priority only. */
export const isForeignVlan = (packet: Skb): boolean => (packet.vlan & VLAN_ID_MASK) !== 0;
