/** What every part of the kernel side may touch: the clock, the queue, the log, and the seams where one layer calls another. */
import type { Prng } from '../../base/prng.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { TraceLog } from '../trace/trace-log.ts';
import type { Ip4 } from '../wire/packet.ts';
import type { EventQueue } from './event-queue.ts';
import type { NetnsState } from './netns-state.ts';
import type { Skb } from './skb.ts';
import type { Errno, Userland } from './userland.ts';

/** An ICMP error to be sent about a packet. */
export interface IcmpErrorKind {
  readonly type: number;
  readonly code: number;
  readonly mtu?: number;
}

/**
 * The layers call each other only through here, which keeps their files free of import cycles: a bridge hands up to IP, IP hands down to a bridge.
 * Work on one packet runs to completion; `nowNs` moves on while it does, so that the log's times never go back.
 */
export interface Layers {
  /** The device sends the frame: its tap sees it go out. */
  transmit(device: DeviceState, packet: Skb): void;
  /** The device takes the frame in: its tap sees it, then its master, ARP or IP get it. */
  receive(device: DeviceState, packet: Skb): void;
  /** A packet made here, with its source address filled in (0: the route's). */
  outputLocal(netns: NetnsState, packet: Skb, by: string): 'ok' | Errno;
  /** Behind the routing decision: POSTROUTING, fragments, neighbour, out. */
  output(netns: NetnsState, packet: Skb, device: DeviceState, nextHop: Ip4, inDevice: DeviceState | undefined): void;
  /** The neighbour is known or asked for; then the frame leaves. */
  resolveAndTransmit(netns: NetnsState, packet: Skb, device: DeviceState, nextHop: Ip4): void;
  /** icmp_send(): answers `packet`, which this netns took in by `inDevice` or made itself. Returns a sentence for the drop, undefined when nothing was sent. */
  icmpError(netns: NetnsState, packet: Skb, inDevice: DeviceState | undefined, error: IcmpErrorKind): string | undefined;
  /** A RST for a TCP segment (REJECT --reject-with tcp-reset). */
  tcpReset(netns: NetnsState, packet: Skb, inDevice: DeviceState | undefined): string | undefined;
  /** A frame that br_netfilter let go on its way over the bridge. */
  bridgeForward(port: DeviceState, packet: Skb): void;
  /** ARP or IP, behind the tap. */
  deliverUp(device: DeviceState, packet: Skb): void;
  /** UDP for a tunnel of this netns; false when there is none. */
  tunnelReceive(netns: NetnsState, packet: Skb): boolean;
}

export interface Core {
  nowNs: number;
  readonly seed: number;
  readonly queue: EventQueue;
  readonly log: TraceLog;
  readonly userland: Userland;
  readonly layers: Layers;
  readonly netns: ReadonlyMap<string, NetnsState>;
  readonly devices: ReadonlyMap<string, DeviceState>;
  prng(name: string): Prng;
  newSkb(): Skb;
  tap(device: DeviceState, packet: Skb, outgoing: boolean): void;
  /** Counts nested transmissions, so that a tunnel through itself ends. */
  depth: number;
}

