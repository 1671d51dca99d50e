/** How large a frame a device takes. Linux: include/linux/netdevice.h, is_skb_forwardable */
import { ETHERNET_HEADER_BYTES } from '../wire/lengths.ts';
import type { DeviceState } from './device-state.ts';

/** The kernel leaves room for one VLAN tag. */
const VLAN_BYTES = 4;

export const tooBig = (device: DeviceState, frame: number): boolean => frame > device.mtuBytes + ETHERNET_HEADER_BYTES + VLAN_BYTES;
