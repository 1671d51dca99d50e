/** Who listens on which devices: tcpdump and the like. */
import type { DeviceState } from '../device/device-state.ts';
import type { TapFrame } from '../engine.ts';
import { cloneSkb, PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, type Skb } from './skb.ts';
import type { Userland } from './userland.ts';

interface Tap {
  readonly netns: string;
  /** A device name, or `any`. */
  readonly device: string;
  readonly process: string;
  readonly promiscuous: boolean;
}

export function directionOf(packetType: number, outgoing: boolean): TapFrame['direction'] {
  if (outgoing) return 'out';
  if (packetType === PACKET_HOST) return 'in';
  if (packetType === PACKET_BROADCAST) return 'broadcast';
  return packetType === PACKET_MULTICAST ? 'multicast' : 'otherhost';
}

export class TapTable {
  #taps: Tap[] = [];

  get size(): number {
    return this.#taps.length;
  }

  /** Whether the tap that was there (if any) had asked for promiscuous mode. */
  set(netns: string, device: string, process: string, on: boolean, promiscuous: boolean): boolean {
    const before = this.#taps.find((t) => t.netns === netns && t.device === device && t.process === process);
    this.#taps = this.#taps.filter((t) => t !== before);
    if (on) this.#taps.push({ netns, device, process, promiscuous });
    return before?.promiscuous ?? false;
  }

  /** Every listener gets a copy of its own: the packet goes on changing. */
  show(userland: Userland, nowNs: number, device: DeviceState, packet: Skb, outgoing: boolean): void {
    for (const tap of this.#taps) {
      if (tap.netns !== device.netns.id || (tap.device !== 'any' && tap.device !== device.name)) continue;
      userland.tapped(tap.process, {
        timeNs: nowNs,
        netns: device.netns.id,
        device: device.name,
        direction: directionOf(packet.packetType, outgoing),
        packet: cloneSkb(packet),
      });
    }
  }

  save(): unknown {
    return this.#taps;
  }

  load(saved: unknown): void {
    this.#taps = [...(saved as readonly Tap[])];
  }
}
