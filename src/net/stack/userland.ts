/** The seam inside the engine between the kernel (IP and below) and what runs on it (sockets, TCP, programs). Both sides are in `net/`; this file is their contract. */
import type { Prng } from '../../base/prng.ts';
import type { Change } from '../../base/record-store.ts';
import type { TlsNote } from '../app/definition.ts';
import type { SocketCall, SocketTranslation } from '../bpf/socket-lb.ts';
import type { ProcessView, SocketView } from '../engine.ts';
import type { NetRecord } from '../records.ts';
import type { BpfNote } from '../trace/emit.ts';
import type { ArpMessage, Ip, Mac, Packet } from '../wire/packet.ts';
import type { MibName } from './mib.ts';

/** errno names as Linux has them, for what a socket call can meet here. */
export type Errno =
  | 'ENETUNREACH'
  | 'EHOSTUNREACH'
  | 'ECONNREFUSED'
  | 'ECONNABORTED'
  | 'ECONNRESET'
  | 'ETIMEDOUT'
  | 'EMSGSIZE'
  | 'EAGAIN'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EACCES'
  | 'EPERM'
  | 'EINVAL'
  | 'EPIPE'
  | 'EPROTO'
  | 'EPROTONOSUPPORT'
  | 'ENOPROTOOPT'
  | 'ENETDOWN'
  | 'ENODEV';

/** What a socket is bound to, for the choice of its route. */
export interface RouteQuery {
  readonly source?: Ip;
  readonly device?: string;
  readonly mark?: number;
  readonly protocol?: number;
}

/** The cgroup hooks of socket calls. Linux: kernel/bpf/cgroup.c */
export interface SocketHooks {
  /** Some host has BPF programs at all. */
  readonly active: boolean;
  connect(call: SocketCall): SocketTranslation | undefined;
  sendmsg(call: SocketCall): SocketTranslation | undefined;
  /** Whose datagram the program is told it is. */
  recvmsg(call: SocketCall): { readonly ip: Ip; readonly port: number };
  getpeername(call: SocketCall): { readonly ip: Ip; readonly port: number };
  /** False: EPERM. */
  postBind(call: SocketCall): boolean;
  /** The packet that is about to be sent tells of this first. */
  note(packet: Packet, note: BpfNote): void;
}

/** What the kernel side offers to sockets and programs. */
export interface Kernel {
  readonly nowNs: number;
  /** A named generator that lives as long as the engine (and is part of its snapshot): `ephemeral-port`, `tcp-isn`, `dns-id` … */
  prng(name: string): Prng;
  /** A blank packet with a fresh id, as seen by nobody yet; `uid` is whose socket sends it, root's if absent. */
  newPacket(uid?: number): Packet;
  /**
   * Hands a packet made here (addresses, protocol, ports and payload filled in) to the IP layer: route, OUTPUT, POSTROUTING, out.
   * `by` names the maker for the log (`curl`, `kernel tcp`). `bound`: the device that the socket
   * is bound to. `raw`: its checksums are there already (IP_HDRINCL). Synchronous errors are returned as the socket call would return them.
   */
  output(netns: string, packet: Packet, by: string, bound?: string, raw?: boolean): 'ok' | Errno;
  /** The source address and path MTU the kernel would choose for a destination (route lookup, before any NAT), or why it cannot. */
  routeFor(netns: string, dst: Ip, flow?: RouteQuery): { readonly source: Ip; readonly mtuBytes: number; readonly device: string } | Errno;
  /** Where the connection that came in between these two was sent at first. Linux: net/netfilter/nf_conntrack_proto.c, getorigdst. */
  originalDestination(
    netns: string,
    local: { readonly ip: Ip; readonly port: number },
    remote: { readonly ip: Ip; readonly port: number },
  ): { readonly ip: Ip; readonly port: number } | undefined;
  isLocalAddress(netns: string, ip: Ip): boolean;
  /** What BPF programs on the host's sockets make of a call; undefined where there are none, or they let it be. */
  readonly socketHooks: SocketHooks;
  isBroadcast(netns: string, ip: Ip): boolean;
  sysctl(netns: string, name: string): number;
  /** Moves one of the netns' SNMP counters. */
  count(netns: string, name: MibName, by?: number): void;
  /** Fires `Userland.timer(token)` after `delayNs`; `housekeeping` timers do not keep the world awake (keep-alive, TIME_WAIT). Returns an id for `cancelTimer`. */
  setTimer(delayNs: number, token: TimerToken, housekeeping?: boolean): number;
  cancelTimer(id: number): void;
  /** Writes a log row. `delivered`: a packet reached a socket; returns the row's sequence number, to be a reply's `causeSeq`. */
  traceDelivered(netns: string, packet: Packet, to: string, process: string): number;
  traceDropped(netns: string, packet: Packet, reason: import('../trace-event.ts').DropReason, detail: string): number;
  traceTls(netns: string, process: string, note: TlsNote): number;
  tracePrinted(netns: string, process: string, stream: 'stdout' | 'stderr', text: string): number;
  /** Answers with an ICMP error from the right address, as icmp_send() would. */
  sendIcmpError(netns: string, packet: Packet, type: number, code: number): void;
  /** A packet socket sends an ARP message out of a device, as it is; `by` names the program for the log. */
  sendArp(netns: string, device: string, arp: ArpMessage, destination: Mac, by: string): 'ok' | Errno;
  /** Registers or removes a tap (tcpdump): every frame that passes this device (`any`: all of the netns) comes to `Userland.tapped`. */
  setTap(netns: string, device: string, processId: string, on: boolean, promiscuous: boolean): void;
  /** Every connection of this netns that comes, changes or goes comes to `Userland.connectionEvent`. */
  listenConnections(netns: string, processId: string, on: boolean): void;
  /** Takes out the connections whose time is over (Linux: nf_conntrack_core.c, gc_worker), so that listeners hear of them. */
  collectConnections(netns: string): void;
  readonly records: { find(id: string): NetRecord | undefined };
}

/** Plain data, so that timers survive a snapshot. */
export type TimerToken =
  | { readonly kind: 'process'; readonly process: string; readonly tag: string; readonly data?: unknown }
  | { readonly kind: 'socket'; readonly socket: number; readonly tag: string };

/** What sockets and programs offer to the kernel side. One instance an engine, made by `createUserland(kernel)` in net/socket. */
export interface Userland {
  /** A packet for this netns passed INPUT. Takes TCP, UDP and echo replies; false when nobody wants it (the kernel side then answers port-unreachable for UDP; TCP RSTs are made here). */
  deliver(netns: string, packet: Packet): boolean;
  /** An ICMP error about a packet that was sent from here; `packet.icmp.quoted` is it. */
  icmpError(netns: string, packet: Packet): void;
  tapped(processId: string, frame: import('../engine.ts').TapFrame): void;
  connectionEvent(processId: string, event: import('../engine.ts').ConnectionEvent): void;
  timer(token: TimerToken): void;
  /** Somebody has the kernel end these sockets (sock_destroy): of connected UDP the program hears ECONNABORTED. */
  abort(sockets: readonly number[]): void;
  /** Process and Netns records came, changed or went (programs start and stop by records). */
  recordChanged(change: Change<NetRecord>): void;
  signal(processId: string, signal: 'SIGINT' | 'SIGKILL'): void;
  writeStdin(processId: string, text: string): void;
  print(processId: string, stream: import('../engine.ts').OutputStream, text: string): void;
  findProcess(processId: string): ProcessView | undefined;
  /** What a running program has counted of its requests. */
  tally(processId: string): import('../app/load/tally.ts').Tally | undefined;
  report(processId: string): unknown;
  sockets(netns: string): SocketView[];
  onOutput: ((processId: string, stream: import('../engine.ts').OutputStream | 'exit', text: string, exitCode: number) => void) | undefined;
  /** Plain data, deep enough that running on does not change it. */
  snapshot(): unknown;
  restore(snapshot: unknown): void;
}
