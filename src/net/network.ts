/** The packet engine: hosts, netns and devices compiled from records, one queue, one clock, one log. */

import type { Change, RecordStore } from '../base/record-store.ts';
import { formatIp, parseIp } from './addr/ip.ts';
import { parseMac } from './addr/mac.ts';
import type { Tally } from './app/load/tally.ts';
import type { BpfService } from './bpf/bpf-records.ts';
import type { BpfState } from './bpf/bpf-state.ts';
import { abandonedSockets } from './bpf/socket-term.ts';
import { formatFlow } from './conntrack/format.ts';
import { ConnectionListeners } from './conntrack/listeners.ts';
import { copyStatistics, newStatistics } from './conntrack/statistics.ts';
import { createCore } from './create-core.ts';
import type { DeviceState } from './device/device-state.ts';
import { qdiscView } from './device/qdisc.ts';
import { arrive, departed } from './device/transmit.ts';
import { type DeviceTimer, wireguardTimer } from './device/wireguard.ts';
import { peerView } from './device/wireguard-peer.ts';
import type {
  AddressView,
  ChainCounters,
  ConnectionChange,
  ConnectionStatistics,
  ConnectionView,
  Engine,
  EngineOptions,
  EngineSnapshot,
  FdbView,
  IpSetMemberView,
  NeighborView,
  OutputStream,
  ProcessView,
  QdiscView,
  RouteGetErrno,
  RouteGetQuery,
  RouteGetView,
  RunLimits,
  RunResult,
  SocketView,
  WireguardPeerView,
} from './engine.ts';
import { addressViews, connectionView, fdbViews, isWritten, neighborEntries, neighborView, routeGet } from './engine-views.ts';
import type { IpvsState } from './ipvs/ipvs-state.ts';
import { formatElement } from './netfilter/ipset/element.ts';
import type { NftTables } from './nft/tables.ts';
import type { Host, NetRecord, Process, Route } from './records.ts';
import { loadState, type SavedState, saveState } from './snapshot.ts';
import { proxyDue } from './stack/arp.ts';
import type { Core } from './stack/core.ts';
import { duplicateCheckDue } from './stack/duplicate-address.ts';
import {
  EVENT_DEPARTURE,
  EVENT_DEVICE,
  EVENT_DUPLICATE_CHECK,
  EVENT_FRAME,
  EVENT_NEIGHBOR,
  EVENT_PROXY_ARP,
  EVENT_REASSEMBLY,
  EVENT_TIMER,
} from './stack/event-queue.ts';
import { giveUp } from './stack/fragment.ts';
import { createKernel } from './stack/kernel.ts';
import type { KernelLogLine } from './stack/kernel-log.ts';
import { proxySolicitationDue } from './stack/nd.ts';
import type { NeighborEntry } from './stack/neighbor.ts';
import { forget, neighborTimer, writeNeighbor } from './stack/neighbor-machine.ts';
import type { NetnsState } from './stack/netns-state.ts';
import { PendingRecords } from './stack/pending-records.ts';
import { PrngBank } from './stack/prng-bank.ts';
import { applyChanges } from './stack/record-sync.ts';
import { Skb } from './stack/skb.ts';
import { TapTable } from './stack/taps.ts';
import type { Kernel, TimerToken, Userland } from './stack/userland.ts';
import { decodeEvent, type LayerCache, seqAt } from './trace/decode.ts';
import { emitChanged, emitForgotten } from './trace/emit.ts';
import { framesOf, type LoggedFrame, packetOfRow } from './trace/frames.ts';
import { keyLogOf } from './trace/key-log.ts';
import { COLUMN_PACKET, TraceLog } from './trace/trace-log.ts';
import type { TraceEvent } from './trace-event.ts';
import type { Packet } from './wire/packet.ts';

/** Events that one call of `advanceTo` may take: a storm ends here, and the clock stands where it got to. */
const ADVANCE_LIMIT = 20_000_000;

export interface NetworkOptions extends EngineOptions {
  /** Walk long iptables chains rule by rule instead of by their index: slow, and the same in every result. */
  readonly linearChains?: boolean;
  /** Machines are joined by veths, as clusters of network namespaces are: what a card would still have to finish arrives unfinished, and unchecked. */
  readonly veths?: boolean;
}

interface EngineState {
  readonly saved: SavedState;
  readonly userland: unknown;
  readonly prngs: readonly (readonly [string, number])[];
  readonly nextPacketId: number;
  readonly nextProcess: number;
  readonly taps: unknown;
  readonly listeners: unknown;
  readonly changesLogged: boolean;
}

export class Network implements Engine {
  readonly records: RecordStore<NetRecord>;
  onOutput: Engine['onOutput'] = undefined;
  readonly #hosts = new Map<string, Host>();
  readonly #netns = new Map<string, NetnsState>();
  readonly #devices = new Map<string, DeviceState>();
  readonly #core: Core;
  readonly #userland: Userland;
  readonly #taps = new TapTable();
  readonly #listeners = new ConnectionListeners();
  readonly #prngs: PrngBank;
  readonly #pending = new PendingRecords();
  #nextPacketId = 1;
  #nextProcess = 1;
  #changesLogged = false;

  /** `userland` stands in for sockets and programs in tests of the kernel side. */
  constructor(options: NetworkOptions, userland: (kernel: Kernel) => Userland) {
    this.records = options.records;
    this.#prngs = new PrngBank(options.seed);
    this.#core = createCore({
      seed: options.seed,
      log: new TraceLog(options.trace !== false),
      netns: this.#netns,
      devices: this.#devices,
      taps: this.#taps,
      listeners: this.#listeners,
      prng: (name) => this.#prngs.get(name),
      newSkb: () => new Skb(this.#nextPacketId++),
      userland: () => this.#userland,
    });
    this.#core.hooks.linear = options.linearChains === true;
    this.#core.veths = options.veths === true;
    this.#userland = userland(createKernel(this.#core, options.records, this.#taps, this.#listeners));
    this.#userland.onOutput = (processId, stream, text, exitCode) => this.#output(processId, stream, text, exitCode);
    for (const record of options.records.values()) this.#pending.note({ id: record.id, after: record });
    options.records.listen((change) => this.#pending.note(change));
    this.#settle();
  }

  /** From here on changes of records are events of the log. A world comes into being without: its first rendering is where the story starts. */
  logChanges(): void {
    this.#settle();
    this.#changesLogged = true;
  }

  get nowNs(): number {
    return this.#core.nowNs;
  }

  get traceLength(): number {
    return this.#core.log.length;
  }

  run(limits: RunLimits): RunResult {
    const { queue } = this.#core;
    let events = 0;
    let exhausted = false;
    for (;;) {
      if (this.#pending.size > 0) this.#settle();
      if (limits.untilNs === Number.POSITIVE_INFINITY && queue.awake === 0) break;
      const next = queue.peekNs();
      if (next > limits.untilNs || next === Number.POSITIVE_INFINITY) {
        if (limits.untilNs !== Number.POSITIVE_INFINITY) this.#core.nowNs = Math.max(this.#core.nowNs, limits.untilNs);
        break;
      }
      if (events >= limits.maxEvents) {
        exhausted = true;
        break;
      }
      this.#step();
      events += 1;
      if (limits.stop?.() === true) break;
    }
    if (this.#pending.size > 0) this.#settle();
    return { events, idle: queue.awake === 0, exhausted };
  }

  /** Takes the earliest event. Work that took longer than the next event's time makes that one late: the clock never goes back. */
  #step(): void {
    const core = this.#core;
    const { queue } = core;
    queue.pop();
    const { kind, a, b, seq } = queue;
    if (queue.timeNs > core.nowNs) core.nowNs = queue.timeNs;
    queue.startedNs = core.nowNs;
    switch (kind) {
      case EVENT_FRAME:
        arrive(core, b as DeviceState, a as Skb);
        return;
      case EVENT_DEPARTURE:
        departed(core, b as DeviceState, a as Skb);
        return;
      case EVENT_DEVICE: {
        const device = this.#devices.get(a as string);
        if (device !== undefined) wireguardTimer(core, device, b as DeviceTimer, seq);
        return;
      }
      case EVENT_TIMER:
        this.#userland.timer(a as TimerToken);
        return;
      case EVENT_NEIGHBOR:
        neighborTimer(core, a as NeighborEntry, seq);
        return;
      case EVENT_PROXY_ARP:
        if ((a as Skb).arp === undefined) proxySolicitationDue(core, b as DeviceState, a as Skb);
        else proxyDue(core, b as DeviceState, a as Skb);
        return;
      case EVENT_DUPLICATE_CHECK: {
        const device = this.#devices.get(a as string);
        if (device !== undefined) duplicateCheckDue(core, device, b as bigint);
        return;
      }
      case EVENT_REASSEMBLY: {
        const netns = this.#netns.get(a as string);
        if (netns !== undefined) giveUp(core, netns, b as string);
      }
    }
  }

  advanceTo(timeNs: number): void {
    this.run({ untilNs: timeNs, maxEvents: ADVANCE_LIMIT });
  }

  nextEventNs(): number | undefined {
    this.#settle();
    const next = this.#core.queue.nextAwakeNs();
    return next === undefined ? undefined : Math.max(next, this.#core.nowNs);
  }

  events(from: number, to: number): TraceEvent[] {
    const end = Math.min(to, this.#core.log.rows.length);
    const events: TraceEvent[] = [];
    const layers: LayerCache = new Map();
    for (let seq = Math.max(0, from); seq < end; seq += 1) events.push(decodeEvent(this.#core.log, seq, layers));
    return events;
  }

  seqAt(timeNs: number): number {
    return seqAt(this.#core.log, timeNs);
  }

  /** The frames that captures on these devices hold, from the log, in causal order: for pcap files. */
  frames(deviceIds: ReadonlySet<string>, from = 0, to = Number.POSITIVE_INFINITY): LoggedFrame[] {
    return framesOf(this.#core.log, deviceIds, this.#devices, Math.max(0, from), Math.min(to, this.#core.log.rows.length));
  }

  tlsKeys(from: number, to: number): string {
    return keyLogOf(this.#core.log, Math.max(0, from), Math.min(to, this.#core.log.rows.length));
  }

  spawn(process: Omit<Process, 'kind' | 'id' | 'origin'> & { readonly origin?: Process['origin'] }): string {
    let id = `${process.netns}/process/${process.name}`;
    // A second program of the same name gets a number, as it would get another pid.
    while (this.records.has(id) || this.#userland.findProcess(id)?.running === true) {
      this.#nextProcess += 1;
      id = `${process.netns}/process/${process.name}-${this.#nextProcess}`;
    }
    this.#settle();
    const name = id.slice(process.netns.length + '/process/'.length);
    // Written out, since a spread between other members is slow and each command is a process.
    const { netns, app, config, files, libc, uid, origin = { component: 'user', objects: [] } } = process;
    this.records.put({ kind: 'process', id, origin, netns, app, name, config, files, libc, uid });
    this.#settle();
    return id;
  }

  signal(processId: string, signal: 'SIGINT' | 'SIGKILL'): void {
    this.#settle();
    this.#userland.signal(processId, signal);
    this.#settle();
  }

  writeStdin(processId: string, text: string): void {
    this.#settle();
    this.#userland.writeStdin(processId, text);
    this.#settle();
  }

  print(processId: string, stream: 'stdout' | 'stderr', text: string): void {
    this.#settle();
    this.#userland.print(processId, stream, text);
  }

  findProcess(processId: string): ProcessView | undefined {
    this.#settle();
    return this.#userland.findProcess(processId);
  }

  report(processId: string): unknown {
    this.#settle();
    return this.#userland.report(processId);
  }

  /** What a running program has counted of its requests; not to be changed or kept. */
  tally(processId: string): Tally | undefined {
    this.#settle();
    return this.#userland.tally(processId);
  }

  neighbors(netns: string): NeighborView[] {
    const state = this.#find(netns);
    return state === undefined ? [] : neighborEntries(state).map((e) => neighborView(state, e, this.nowNs));
  }

  fdb(netns: string): FdbView[] {
    const state = this.#find(netns);
    return state === undefined ? [] : fdbViews(state, this.nowNs);
  }

  connections(netns: string): ConnectionView[] {
    const state = this.#find(netns);
    if (state === undefined) return [];
    return state.connections.list(this.nowNs).map((c) => connectionView(state, c, this.nowNs));
  }

  connectionStatistics(netns: string): ConnectionStatistics {
    return copyStatistics(this.#find(netns)?.connections.statistics ?? newStatistics());
  }

  updateConnections(netns: string, filter: (connection: ConnectionView) => boolean, change: ConnectionChange): ConnectionView[] {
    const state = this.#find(netns);
    if (state === undefined) return [];
    const changed: ConnectionView[] = [];
    for (const c of state.connections.list(this.nowNs)) {
      if (!filter(connectionView(state, c, this.nowNs))) continue;
      if (change.mark !== undefined) c.mark = change.mark;
      if (change.timeoutSeconds !== undefined) c.expiresNs = this.nowNs + change.timeoutSeconds * 1e9;
      if (change.zeroCounters === true) {
        c.packets = 0;
        c.bytes = 0;
        c.replyPackets = 0;
        c.replyBytes = 0;
      }
      changed.push(connectionView(state, c, this.nowNs));
      if (change.zeroCounters !== true && state.connections.onRemove !== undefined) this.#core.connectionEvent(state, 'UPDATE', c);
    }
    return changed;
  }

  sockets(netns: string): SocketView[] {
    this.#settle();
    return this.#userland.sockets(netns);
  }

  mib(netns: string, name: string): number {
    const state = this.#find(netns);
    if (state === undefined) return 0;
    if (name === 'IpForwarding') return state.forwarding ? 1 : 2;
    if (name === 'IpDefaultTTL') return state.defaultTtl;
    if (name === 'TcpCurrEstab') return this.sockets(netns).filter((s) => s.state === 'ESTAB' || s.state === 'CLOSE-WAIT').length;
    return state.mib.get(name);
  }

  counters(chainId: string): ChainCounters {
    this.#settle();
    const record = this.records.get(chainId);
    if (record.kind !== 'chain') throw new Error(`${chainId} is no chain`);
    const chain = this.#netns.get(record.netns)?.chainState(chainId);
    return {
      policy: [chain?.policyPackets ?? 0, chain?.policyBytes ?? 0],
      rules: record.rules.map((_, i) => [chain?.counters?.[2 * i] ?? 0, chain?.counters?.[2 * i + 1] ?? 0] as const),
    };
  }

  nft(netns: string): NftTables | undefined {
    return this.#find(netns)?.nft;
  }

  addresses(deviceId: string): AddressView[] {
    this.#settle();
    const device = this.#devices.get(deviceId);
    return device === undefined ? [] : addressViews(device);
  }

  setCounters(chainId: string, counters: ChainCounters): void {
    this.#settle();
    const record = this.records.get(chainId);
    if (record.kind !== 'chain') throw new Error(`${chainId} is no chain`);
    this.#netns.get(record.netns)?.chainState(chainId)?.setCounters(counters);
  }

  ipSetMembers(setId: string): IpSetMemberView[] {
    this.#settle();
    const record = this.records.get(setId);
    if (record.kind !== 'ipset') throw new Error(`${setId} is no ipset`);
    const set = this.#netns.get(record.netns)?.ipsets.get(record.name);
    return set === undefined ? [] : set.list(this.nowNs).map(({ parts, ...rest }) => ({ ...rest, element: formatElement(parts, set.type) }));
  }

  kernelLog(hostId: string): readonly KernelLogLine[] {
    return this.#core.kernelLog.list(hostId);
  }

  clearKernelLog(hostId: string): void {
    this.#core.kernelLog.clear(hostId);
  }

  recentLists(netns: string): ReturnType<Engine['recentLists']> {
    return [...(this.#find(netns)?.recent ?? [])].map(([name, addresses]) => ({
      name,
      addresses: [...addresses].map(([ip, entry]) => ({ ip: formatIp(ip), ttl: entry.ttl, stampsNs: [...entry.stamps] })),
    }));
  }

  ipvs(netns: string): IpvsState | undefined {
    return this.#find(netns)?.ipvs;
  }

  bpf(hostId: string): BpfState | undefined {
    this.#settle();
    return this.#core.bpf.get(hostId);
  }

  deviceCounters(deviceId: string): readonly [number, number, number, number, number, number] {
    this.#settle();
    const d = this.#devices.get(deviceId);
    return d === undefined ? [0, 0, 0, 0, 0, 0] : [d.rxPackets, d.rxBytes, d.txPackets, d.txBytes, d.rxDropped, d.txDropped];
  }

  qdisc(deviceId: string): QdiscView | undefined {
    this.#settle();
    const state = this.#devices.get(deviceId)?.qdisc;
    return state === undefined ? undefined : qdiscView(state);
  }

  wireguardPeers(deviceId: string): WireguardPeerView[] {
    this.#settle();
    return [...(this.#devices.get(deviceId)?.wireguard?.peers.values() ?? [])].map(peerView);
  }

  routeGet(netns: string, destination: string, query: RouteGetQuery = {}): RouteGetView | { readonly error: RouteGetErrno } {
    const state = this.#find(netns);
    return state === undefined ? { error: 'ENETUNREACH' } : routeGet(state, destination, query, this.nowNs);
  }

  derivedRoutes(netns: string): readonly Route[] {
    return this.#find(netns)?.fib.derived ?? [];
  }

  flushRouteCache(netns: string): void {
    this.#find(netns)?.pathMtus.clear();
  }

  linkdownDevices(netns: string): ReadonlySet<string> {
    return new Set([...(this.#find(netns)?.devices.values() ?? [])].filter((device) => device.up && !device.carrier).map((device) => device.name));
  }

  setNeighbor(netns: string, device: string, ip: string, mac: string | undefined, state: 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED'): void {
    const found = this.#find(netns)?.deviceByName(device);
    const address = parseIp(ip);
    if (found !== undefined && address !== undefined) writeNeighbor(this.#core, found, address, mac === undefined ? undefined : parseMac(mac), state);
  }

  deleteConnections(netns: string, filter: (connection: ConnectionView) => boolean, by?: string): number {
    const state = this.#find(netns);
    let deleted = 0;
    if (state === undefined) return 0;
    for (const c of state.connections.list(this.nowNs)) {
      const view = connectionView(state, c, this.nowNs);
      if (!filter(view)) continue;
      if (by !== undefined && this.#changesLogged) emitForgotten(this.#core, state.place, by, netns, formatFlow(view).trimEnd());
      c.byHand = true;
      state.connections.remove(c);
      deleted += 1;
    }
    return deleted;
  }

  deleteNeighbors(netns: string, filter: (neighbor: NeighborView) => boolean): number {
    const state = this.#find(netns);
    if (state === undefined) return 0;
    let deleted = 0;
    for (const entry of neighborEntries(state)) {
      if (isWritten(entry) || entry.queue.length > 0 || !filter(neighborView(state, entry, this.nowNs))) continue;
      forget(this.#core, entry);
      deleted += 1;
    }
    return deleted;
  }

  snapshot(): EngineSnapshot {
    this.#settle();
    const state: EngineState = {
      saved: saveState(this.#core),
      userland: this.#userland.snapshot(),
      prngs: this.#prngs.save(),
      nextPacketId: this.#nextPacketId,
      nextProcess: this.#nextProcess,
      taps: this.#taps.save(),
      listeners: this.#listeners.save(),
      changesLogged: this.#changesLogged,
    };
    return { nowNs: this.nowNs, state };
  }

  restore(snapshot: EngineSnapshot): void {
    const state = snapshot.state as EngineState;
    this.#core.log.truncate(state.saved.trace);
    this.#load(snapshot.nowNs, state);
  }

  beginReplay(snapshot: EngineSnapshot): void {
    const state = snapshot.state as EngineState;
    this.#core.log.beginReplay(state.saved.trace.rows);
    this.#load(snapshot.nowNs, state);
  }

  endReplay(head: EngineSnapshot): void {
    this.#core.log.endReplay();
    this.#load(head.nowNs, head.state as EngineState);
  }

  #load(nowNs: number, state: EngineState): void {
    // Programs are not started or stopped by the records that came back: the userland's own snapshot has them as they were.
    this.#settleNetwork();
    this.#core.nowNs = nowNs;
    loadState(this.#core, state.saved);
    this.#prngs.load(state.prngs);
    this.#nextPacketId = state.nextPacketId;
    this.#nextProcess = state.nextProcess;
    this.#taps.load(state.taps);
    this.#listeners.load(state.listeners);
    this.#listeners.attach(this.#netns, this.#core.connectionEvent);
    this.#changesLogged = state.changesLogged;
    this.#userland.restore(state.userland);
  }

  packetAt(seq: number): Packet | undefined {
    const { log } = this.#core;
    return Number.isInteger(seq) && seq >= 0 && seq < log.rows.length ? packetOfRow(log, seq) : undefined;
  }

  packetIds(from: number, to: number): Int32Array {
    const { rows } = this.#core.log;
    const start = Math.max(0, from);
    const end = Math.max(start, Math.min(to, rows.length));
    const ids = new Int32Array(end - start);
    for (let seq = start; seq < end; seq += 1) ids[seq - start] = rows.chunkOf(seq)[rows.offsetOf(seq) + COLUMN_PACKET] as number;
    return ids;
  }

  #find(netns: string): NetnsState | undefined {
    this.#settle();
    return this.#netns.get(netns);
  }

  #settleNetwork(): Change<NetRecord>[] {
    if (this.#pending.size === 0) return [];
    const changes = this.#pending.take();
    applyChanges(this.#core, { hosts: this.#hosts, netns: this.#netns, devices: this.#devices }, changes);
    return changes;
  }

  /** Brings the running state up to the records; programs start and stop here. */
  #settle(): void {
    // A program that starts may write records in turn; each round is bounded by what exists.
    for (let round = 0; this.#pending.size > 0 && round < 100; round += 1) {
      for (const change of this.#settleNetwork()) {
        if (this.#changesLogged) this.#logChange(change);
        const kind = (change.after ?? change.before)?.kind;
        if (kind === 'process' || kind === 'netns') this.#userland.recordChanged(change);
        if (change.before?.kind === 'bpf-service') this.#abandon(change.before);
      }
    }
  }

  /** A frontend has changed: its agent ends the sockets of datagrams that still talk to a backend which is none any more. */
  #abandon(before: BpfService): void {
    const state = this.#core.bpf.get(this.#netns.get(before.netns)?.hostId ?? '');
    const sockets = state === undefined ? [] : abandonedSockets(state, before);
    if (sockets.length > 0) this.#userland.abort(sockets);
  }

  /** Programs have rows of their own; a host is no event. */
  #logChange(change: Change<NetRecord>): void {
    const record = change.after ?? change.before;
    if (record === undefined || record.kind === 'process' || record.kind === 'host') return;
    // A table of nftables remembers the last handle it gave out, a program what it has heard of the cluster: nobody's event.
    if ((record.kind === 'nft-table' || record.kind === 'nfqueue') && change.before !== undefined && change.after !== undefined) return;
    const netns = record.kind === 'netns' ? record.id : record.netns;
    const place = this.#netns.get(netns)?.place;
    if (place !== undefined) emitChanged(this.#core, place, change);
  }

  #output(processId: string, stream: OutputStream | 'exit', text: string, exitCode: number): void {
    if (stream === 'exit') this.records.remove(processId);
    this.onOutput?.(processId, stream, text, exitCode);
  }
}
