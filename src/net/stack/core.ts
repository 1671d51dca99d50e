/** What every part of the kernel side may touch: the clock, the queue, the log, and the seams where one layer calls another. */
import type { Prng } from '../../base/prng.ts';
import type { BpfState } from '../bpf/bpf-state.ts';
import type { Connection } from '../conntrack/connection.ts';
import type { ConnectionEventKind } from '../conntrack/listeners.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { HookRunner } from '../netfilter/run-hook.ts';
import type { DropCause } from '../trace/emit.ts';
import type { TraceLog } from '../trace/trace-log.ts';
import type { DropReason } from '../trace-event.ts';
import type { Ip } from '../wire/packet.ts';
import type { EventQueue } from './event-queue.ts';
import type { CompiledRoute } from './fib.ts';
import type { KernelLog } from './kernel-log.ts';
import type { NetnsState } from './netns-state.ts';
import type { Skb } from './skb.ts';
import type { Userland } from './userland.ts';

/** An ICMP error to be sent about a packet. */
export interface IcmpErrorKind {
  readonly type: number;
  readonly code: number;
  readonly mtu?: number;
  /** ICMPv6 parameter problem. */
  readonly pointer?: number;
  /** Of a redirect: the better next hop. */
  readonly gateway?: Ip;
}

/**
 * The layers call each other only through here, which keeps their files free of import cycles: a bridge hands up to IP, IP hands down to a bridge.
 * Work on one packet runs to completion; `nowNs` moves on while it does, so that the log's times never go back.
 */
export interface Layers {
  /** The device sends the frame: its tap sees it go out. */
  transmit(device: DeviceState, packet: Skb): void;
  /** The device takes the frame in: its tap sees it, then its bridge, ARP or IP get it. */
  receive(device: DeviceState, packet: Skb): void;
  /** Routes, OUTPUT, POSTROUTING, out; for packets made here whose addresses are filled in. `bound`: the socket is bound to this device. */
  localOut(netns: NetnsState, packet: Skb, bound?: DeviceState): LocalOutResult;
  /** POSTROUTING and out, behind a routing decision; `inDevice` is where a packet of somebody else came in. */
  output(netns: NetnsState, packet: Skb, route: CompiledRoute, device: DeviceState, nextHop: Ip, inDevice: DeviceState | undefined): LocalOutResult;
  /** The next hop's MAC is known or asked for; then the frame leaves by `device`. */
  resolve(device: DeviceState, packet: Skb, nextHop: Ip): void;
  /** Drops a packet and says so to its sender, as icmp_send() would. */
  dropWithError(netns: NetnsState, packet: Skb, place: number, reason: DropReason, detail: string, error: IcmpErrorKind, cause?: DropCause): void;
  /** Sends an ICMP message about a packet that goes on. */
  sendError(netns: NetnsState, packet: Skb, error: IcmpErrorKind): void;
  /** Asks for a neighbour's MAC though no packet waits for it. */
  askNeighbor(device: DeviceState, ip: Ip): void;
  /** Drops a TCP segment and answers with a RST. */
  dropWithReset(netns: NetnsState, packet: Skb, place: number, detail: string, cause?: DropCause): void;
  /** UDP for a tunnel of this netns; false when it has none on that port. */
  tunnelReceive(netns: NetnsState, outer: Skb): boolean;
}

export type LocalOutResult = 'ok' | 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL' | 'EPERM' | 'EMSGSIZE' | 'EADDRNOTAVAIL';

export interface Core {
  nowNs: number;
  readonly seed: number;
  /** See NetworkOptions. */
  veths: boolean;
  readonly queue: EventQueue;
  readonly log: TraceLog;
  /** What dmesg prints on each host. */
  readonly kernelLog: KernelLog;
  readonly hooks: HookRunner;
  readonly userland: Userland;
  readonly layers: Layers;
  readonly netns: ReadonlyMap<string, NetnsState>;
  readonly devices: ReadonlyMap<string, DeviceState>;
  /** By host id; hosts without BPF programs are not in it. */
  readonly bpf: Map<string, BpfState>;
  prng(name: string): Prng;
  newSkb(): Skb;
  /** Shows the frame to whoever taps the device. */
  tap(device: DeviceState, packet: Skb, outgoing: boolean): void;
  /** Tells whoever listens to this netns' connections. */
  connectionEvent(netns: NetnsState, kind: ConnectionEventKind, connection: Connection): void;
  /** How many tunnels are being entered at this moment, one inside the other. */
  depth: number;
}
