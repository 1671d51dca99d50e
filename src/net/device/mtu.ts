/** How large a frame a device takes. Linux: include/linux/netdevice.h, is_skb_forwardable */
import { ETHERNET_HEADER_BYTES, frameBytes, VLAN_TAG_BYTES, vlanBytes } from '../wire/lengths.ts';
import type { Packet } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';

/** `frame` in bytes, Ethernet header included. The kernel leaves room for one VLAN tag. */
export const tooBig = (device: DeviceState, frame: number): boolean => frame > device.mtuBytes + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;

/** A frame's length as the kernel counts it here: its outermost tag lies beside it, not in it. */
export const untaggedBytes = (packet: Packet): number => (packet.vlan ? frameBytes(packet) - Math.min(VLAN_TAG_BYTES, vlanBytes(packet)) : frameBytes(packet));
