/** What the floors above may ask of the packet engine; `Network` (network.ts) is its one implementation. */
import type { Change, RecordStore } from '../base/record-store.ts';
import type { BpfState } from './bpf/bpf-state.ts';
import type { IpvsState } from './ipvs/ipvs-state.ts';
import type { NftTables } from './nft/tables.ts';
import type { NetRecord, Process, Route } from './records.ts';
import type { KernelLogLine } from './stack/kernel-log.ts';
import type { TraceEvent } from './trace-event.ts';
import type { Packet } from './wire/packet.ts';

/** Where a program's text goes: `file` is the one that it was told to save to (wget -O, curl -o). */
export type OutputStream = 'stdout' | 'stderr' | 'file';

/** Everything the engine remembers beside records: queue, ARP, FDB, conntrack, sockets, program states, counters, trace length. Opaque plain data. */
export interface EngineSnapshot {
  readonly nowNs: number;
  readonly state: unknown;
}

export interface RunLimits {
  /** Stop before the first event later than this (the clock then stands at `untilNs`). Infinity: until nothing is left to do. */
  readonly untilNs: number;
  /** Stop after so many engine events. */
  readonly maxEvents: number;
  /** Asked after each event; true stops the run. */
  readonly stop?: () => boolean;
}

export interface RunResult {
  readonly events: number;
  /** Nothing left in the queue but periodic house-keeping. */
  readonly idle: boolean;
  /** `maxEvents` was reached. */
  readonly exhausted: boolean;
}

/** A conntrack entry as `conntrack -L` shows it. Addresses are text; ICMP uses `icmpId`. */
export interface ConnectionView {
  readonly netns: string;
  /** `unknown` for protocols that conntrack tracks by addresses alone. */
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'gre' | 'sctp' | 'unknown';
  readonly protocolNumber: number;
  readonly family: 'ipv4' | 'ipv6';
  /** `conntrack -o id`. */
  readonly id: number;
  readonly tcpState?: string;
  readonly timeoutSeconds: number;
  readonly original: ConnectionTuple;
  readonly reply: ConnectionTuple;
  readonly unreplied: boolean;
  readonly assured: boolean;
  readonly mark: number;
  readonly nat: readonly ('DNAT' | 'SNAT')[];
  readonly packets: number;
  readonly bytes: number;
  /** [packets, bytes] of each direction, where nf_conntrack_acct was on when it began. */
  readonly counters?: readonly [readonly [number, number], readonly [number, number]];
  /** 0 where it is in the default zone. */
  readonly zone: number;
  readonly zoneDirection: 'both' | 'original' | 'reply';
  readonly dying: boolean;
  /** It went because somebody deleted it. */
  readonly byHand: boolean;
}
/** What `conntrack -E` hears. */
export interface ConnectionEvent {
  readonly kind: 'NEW' | 'UPDATE' | 'DESTROY';
  readonly timeNs: number;
  readonly connection: ConnectionView;
}
/** What `conntrack -S` counts. */
export type ConnectionStatistics = Readonly<Record<'found' | 'invalid' | 'insertFailed' | 'drop' | 'earlyDrop' | 'error' | 'clashResolve', number>>;
/** conntrack -U, -L -z. */
export interface ConnectionChange {
  readonly mark?: number;
  readonly timeoutSeconds?: number;
  readonly zeroCounters?: boolean;
}
export interface ConnectionTuple {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly icmpId?: number;
}

export interface NeighborView {
  readonly netns: string;
  readonly device: string;
  readonly ip: string;
  /** Absent while INCOMPLETE or FAILED. */
  readonly mac?: string;
  readonly state: 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED' | 'PERMANENT' | 'NOARP';
  /** As `ip -s neigh` shows them: since it was used, confirmed and changed. */
  readonly usedSeconds: number;
  readonly confirmedSeconds: number;
  readonly updatedSeconds: number;
  readonly probes: number;
}

export interface AddressView {
  readonly family: 'inet' | 'inet6';
  readonly ip: string;
  readonly prefixLength: number;
  readonly broadcast?: string;
  readonly label?: string;
  readonly scope: 'global' | 'link' | 'host';
  /** Not the first IPv4 address of its subnet. */
  readonly secondary: boolean;
  /** Flags of `ip addr`. `derived`: no record says it. */
  readonly tentative: boolean;
  readonly duplicate: boolean;
  readonly deprecated: boolean;
  readonly noDad: boolean;
  readonly derived: boolean;
}

export interface FdbView {
  readonly netns: string;
  readonly device: string;
  readonly mac: string;
  readonly master?: string;
  readonly dst?: string;
  readonly port?: number;
  readonly vni?: number;
  readonly self: boolean;
  readonly state: 'permanent' | 'static' | 'dynamic';
}

export interface QdiscView {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly dropped: number;
  readonly overlimits: number;
  readonly queuedPackets: number;
  readonly queuedBytes: number;
}

export interface WireguardPeerView {
  readonly publicKey: string;
  /** `ip:port` where it was last heard, or as its record says. */
  readonly endpoint?: string;
  readonly latestHandshakeNs?: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface SocketView {
  readonly netns: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly state: string;
  readonly localIp: string;
  readonly localPort: number;
  readonly remoteIp: string;
  readonly remotePort: number;
  /** Bound to `::` for IPv6 alone: `ss` prints `[::]:80` instead of `*:80`. */
  readonly v6only?: boolean;
  /** '' where no process holds it any more. */
  readonly process: string;
  readonly processId: string;
  readonly socketId: number;
  /** SO_BINDTODEVICE; '' for none. */
  readonly device: string;
  /** Bytes not read yet, or not acknowledged; of a listener: connections that wait, and how many may. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
  readonly tcp?: TcpSocketView;
}
/** What `ss -i`, `-o`, `-m` show of a TCP socket; times in ns. */
export interface TcpSocketView {
  readonly timer?: { readonly name: 'on' | 'keepalive' | 'timewait' | 'persist'; readonly leftNs: number; readonly retransmissions: number };
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly sendScale: number;
  readonly receiveScale: number;
  readonly rtoNs: number;
  readonly rttNs: number;
  readonly rttVarianceNs: number;
  readonly minRttNs: number;
  readonly atoNs: number;
  readonly mss: number;
  readonly pathMtu: number;
  readonly receiveMss: number;
  readonly advertisedMss: number;
  readonly cwnd: number;
  /** Absent while infinite. */
  readonly ssthresh?: number;
  readonly bytesSent: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly bytesRetransmitted: number;
  readonly segmentsOut: number;
  readonly segmentsIn: number;
  readonly dataSegmentsOut: number;
  readonly dataSegmentsIn: number;
  readonly unacked: number;
  readonly retransmissionsNow: number;
  readonly retransmissions: number;
  readonly lost: number;
  readonly sacked: number;
  readonly lastSentNs: number;
  readonly lastReceivedNs: number;
  readonly lastAckNs: number;
  readonly receiveSpace: number;
  readonly receiveSsthresh: number;
  readonly sendWindow: number;
  readonly receiveBufferBytes: number;
  readonly shutdown: 'none' | 'receive' | 'send' | 'both';
}

export type RouteGetErrno = 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL';

/** Whose packet `ip route get` asks about; with `iif` one that comes in there. */
export interface RouteGetQuery {
  readonly from?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly mark?: number;
  readonly protocol?: number;
  readonly sport?: number;
  readonly dport?: number;
}

export interface RouteGetView {
  readonly type: 'unicast' | 'local' | 'broadcast' | 'multicast';
  readonly device: string;
  readonly gateway?: string;
  readonly source?: string;
  readonly local: boolean;
  /** 0 where no table was asked. */
  readonly table: number;
  /** Absent for routes that the kernel derives from addresses. */
  readonly recordId?: string;
  /** The route that won, as `ip route show` prints it. */
  readonly text: string;
  /** What ICMP has taught, and for how long it holds. */
  readonly expiresSeconds?: number;
  readonly mtuBytes?: number;
  readonly mtuLocked?: boolean;
  readonly redirected: boolean;
}

/** [packets, bytes] of each rule of a chain, and of its policy. */
export interface ChainCounters {
  readonly policy: readonly [number, number];
  readonly rules: readonly (readonly [number, number])[];
}

/** One element of an ipset as `ipset list` shows it. */
export interface IpSetMemberView {
  readonly element: string;
  /** 0: it stays. */
  readonly expiresNs: number;
  readonly packets: number;
  readonly bytes: number;
  readonly nomatch: boolean;
  readonly comment: string;
}

/** What a finished or running program looks like from outside. */
export interface ProcessView {
  readonly id: string;
  readonly running: boolean;
  readonly exitCode?: number;
}

/** A frame as a tap on a device sees it, for tcpdump and pcap. `direction` as Linux' packet type. */
export interface TapFrame {
  readonly timeNs: number;
  readonly netns: string;
  readonly device: string;
  readonly direction: 'in' | 'out' | 'broadcast' | 'multicast' | 'otherhost';
  readonly packet: Packet;
}

export interface EngineOptions {
  readonly seed: number;
  readonly records: RecordStore<NetRecord>;
  /** Off: no trace rows at all (for benchmarks and bulk runs). Default on. */
  readonly trace?: boolean;
}

export interface Engine {
  readonly nowNs: number;
  readonly records: RecordStore<NetRecord>;
  /** The next event's sequence number = length of the log. */
  readonly traceLength: number;

  /** Runs queued events in order of (time, insertion). */
  run(limits: RunLimits): RunResult;
  /** Moves the clock forward without events in between being skipped: the same as run with `untilNs`. */
  advanceTo(timeNs: number): void;
  /** Time of the earliest queued event that somebody waits for (house-keeping excluded), or undefined. */
  nextEventNs(): number | undefined;

  /** Decodes events [from, to) of the log; `to` is clipped. */
  events(from: number, to: number): TraceEvent[];
  /** The secrets of TLS connections in events [from, to), as lines of an SSLKEYLOGFILE. */
  tlsKeys(from: number, to: number): string;
  /** Sequence number of the first event at or after `timeNs`. */
  seqAt(timeNs: number): number;

  /** Starts a program now (adds its Process record) and returns its id; `origin` is the shell's. It leaves the record table when it exits. */
  spawn(process: Omit<Process, 'kind' | 'id' | 'origin'> & { readonly origin?: Process['origin'] }): string;
  /** Sends a signal; SIGINT lets the program print its summary (ping, tcpdump). */
  signal(processId: string, signal: 'SIGINT' | 'SIGKILL'): void;
  /** Bytes typed into a program (curl -d @-, nc). */
  writeStdin(processId: string, text: string): void;
  /** Lets a running process say something: for those whose program is run outside the engine. */
  print(processId: string, stream: 'stdout' | 'stderr', text: string): void;
  findProcess(processId: string): ProcessView | undefined;
  /** What a running program has counted of its requests; not to be changed or kept. */
  tally(processId: string): import('./app/load/tally.ts').Tally | undefined;
  /** What a running program tells tools of itself (a proxy's admin interface); not to be changed or kept. */
  report(processId: string): unknown;
  /** Called with each piece of program output, and with each exit (stream 'exit', code). One listener: the world. */
  onOutput: ((processId: string, stream: OutputStream | 'exit', text: string, exitCode: number) => void) | undefined;

  neighbors(netns: string): NeighborView[];
  fdb(netns: string): FdbView[];
  connections(netns: string): ConnectionView[];
  connectionStatistics(netns: string): ConnectionStatistics;
  /** Changes the entries that the filter accepts; returns them as they are now. */
  updateConnections(netns: string, filter: (connection: ConnectionView) => boolean, change: ConnectionChange): ConnectionView[];
  sockets(netns: string): SocketView[];
  /** An SNMP counter by the name `nstat` gives it. */
  mib(netns: string, name: string): number;
  /** @throws {Error} when there is no such chain record. */
  counters(chainId: string): ChainCounters;
  /** nftables of a netns with its counters and the elements that packets made; undefined where it has no table. */
  nft(netns: string): NftTables | undefined;
  /** A device's addresses in the kernel's order, those it gave itself among them: IPv4 as written, IPv6 wide scopes first and the newest of a scope first. */
  addresses(deviceId: string): readonly AddressView[];
  /** iptables -Z, iptables-restore -c: the chain counts on from these. @throws {Error} when there is no such chain record. */
  setCounters(chainId: string, counters: ChainCounters): void;
  /** Members of a set whose time is not over, in the order in which they came. @throws {Error} when there is no such record. */
  ipSetMembers(setId: string): IpSetMemberView[];
  /** What dmesg prints on a host. */
  kernelLog(hostId: string): readonly KernelLogLine[];
  /** dmesg -C */
  clearKernelLog(hostId: string): void;
  /** Lists of `-m recent` in a netns: /proc/net/xt_recent/NAME. */
  recentLists(
    netns: string,
  ): readonly { readonly name: string; readonly addresses: readonly { readonly ip: string; readonly ttl: number; readonly stampsNs: readonly number[] }[] }[];
  /** IPVS of a netns: services, servers, connections, timeouts; undefined for a netns there is none of. */
  ipvs(netns: string): IpvsState | undefined;
  /** BPF programs and maps of a host; undefined where nobody has loaded any. */
  bpf(hostId: string): BpfState | undefined;
  /** [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] */
  deviceCounters(deviceId: string): readonly [number, number, number, number, number, number];
  /** `tc -s qdisc`: what the device's own qdisc has counted; undefined where nobody set one. */
  qdisc(deviceId: string): QdiscView | undefined;
  /** `wg show`: peers in the record's order; empty for other devices. */
  wireguardPeers(deviceId: string): WireguardPeerView[];
  /** `ip route get`: what the kernel would do with such a packet, or the errno it would return. */
  routeGet(netns: string, destination: string, query?: RouteGetQuery): RouteGetView | { readonly error: RouteGetErrno };
  /** Routes that the kernel derives from addresses (table local, and IPv6's link-local prefixes); they are no records. */
  derivedRoutes(netns: string): readonly Route[];
  /** `ip route flush cache`: forgets what ICMP has taught of paths. */
  flushRouteCache(netns: string): void;
  /** Devices of a netns that have nothing at their other end. */
  linkdownDevices(netns: string): ReadonlySet<string>;
  /** `ip neigh add|replace|change` with a state that does not last. */
  setNeighbor(netns: string, device: string, ip: string, mac: string | undefined, state: 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED'): void;
  /** conntrack -D / -F: removes entries that the filter accepts; returns how many. `by`: the program that does it on its own account, and the log has a row for each. */
  deleteConnections(netns: string, filter: (connection: ConnectionView) => boolean, by?: string): number;
  /** `ip neigh flush` / del of a learnt entry; returns how many. */
  deleteNeighbors(netns: string, filter: (neighbor: NeighborView) => boolean): number;

  snapshot(): EngineSnapshot;
  /** The record store must have been restored to the same moment first. Trace rows after the snapshot are discarded. */
  restore(snapshot: EngineSnapshot): void;
  /**
   * Goes back to a snapshot to look at the past without forgetting the log: running on from here counts events (with the same numbers)
   * but writes no rows. The record store must have been restored first.
   */
  beginReplay(snapshot: EngineSnapshot): void;
  /** Ends a replay and returns to `head`, a snapshot taken before `beginReplay`; the log is whole, as it was. */
  endReplay(head: EngineSnapshot): void;
  /** The packet as it was right after an event; undefined for events without one. */
  packetAt(seq: number): Packet | undefined;
  /** Packet id of each event in [from, to) (-1 without packet), without decoding them. */
  packetIds(from: number, to: number): Int32Array;
}

export type NetChange = Change<NetRecord>;
