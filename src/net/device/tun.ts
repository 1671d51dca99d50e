/** Devices whose other end is a program (tun, tap) or nothing at all (dummy). Linux: drivers/net/tun.c, drivers/net/dummy.c */
import type { Core } from '../stack/core.ts';
import { cloneSkb, type Skb } from '../stack/skb.ts';
import { emitDelivered, emitDropped } from '../trace/emit.ts';
import type { DeviceState } from './device-state.ts';

/** tun_net_xmit(): the program that holds the device open reads it. */
export function tunTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  const reader = record.type === 'tun' ? record.reader : undefined;
  if (reader === undefined) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'DEV_READY', `no program has opened ${device.name}`);
    return;
  }
  emitDelivered(core, device.place, packet, `${device.name}: read by a program`, reader);
  core.userland.tapped(reader, { timeNs: core.nowNs, netns: device.netns.id, device: device.name, direction: 'out', packet: cloneSkb(packet) });
}

/** dummy_xmit(): counted, and gone. */
export function dummyTransmit(core: Core, device: DeviceState, packet: Skb): void {
  emitDropped(core, device.place, packet, 'NOT_SPECIFIED', `${device.name} is a dummy: what is sent by it goes nowhere`);
}
