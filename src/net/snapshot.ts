/** Everything the engine remembers beside records, as plain data that stays valid while the engine runs on. */
import type { SavedBpf } from './bpf/bpf-state.ts';
import { type Connection, copyConnection } from './conntrack/connection.ts';
import { type ConntrackStatistics, copyStatistics } from './conntrack/statistics.ts';
import type { DeviceState } from './device/device-state.ts';
import { QdiscState } from './device/qdisc.ts';
import { copySession, type PeerState, type WireguardState } from './device/wireguard-peer.ts';
import type { SavedIpvs } from './ipvs/ipvs-state.ts';
import type { RecentEntry } from './netfilter/definition.ts';
import type { SavedMember } from './netfilter/ipset/state.ts';
import type { SavedNft } from './nft/tables.ts';
import type { Core } from './stack/core.ts';
import { EVENT_DEPARTURE, EVENT_FRAME, EVENT_NEIGHBOR, EVENT_PROXY_ARP } from './stack/event-queue.ts';
import type { Peer } from './stack/icmp-peer.ts';
import type { ErrorRate } from './stack/icmp6.ts';
import { NeighborEntry } from './stack/neighbor.ts';
import type { Confirmation, NetnsState, PathMtu } from './stack/netns-state.ts';
import { cloneSkb, type Skb } from './stack/skb.ts';
import type { TraceMark } from './trace/trace-log.ts';
import type { Ip } from './wire/packet.ts';

/** A packet with its references as ids. */
interface SavedSkb {
  readonly skb: Skb;
  readonly netns: string;
  /** Serial of its connection in the table of `netns`, or the connection itself where it is not in the table. */
  readonly connection: number | Connection | undefined;
  readonly physIn: string | undefined;
  readonly physOut: string | undefined;
}

interface SavedNeighbor {
  readonly fields: Omit<NeighborEntry, 'device' | 'queue'>;
  readonly queue: readonly SavedSkb[];
}

interface SavedPeer {
  readonly fields: Omit<PeerState, 'staged'>;
  readonly staged: readonly SavedSkb[];
}

interface SavedDevice {
  readonly counters: readonly number[];
  readonly busyUntilNs: number;
  readonly lastArrivalNs: number;
  readonly promiscuous: number;
  readonly proxyWaiting: number;
  readonly departuresNs: readonly number[];
  readonly qdisc: QdiscState | undefined;
  readonly wireguard: readonly SavedPeer[] | undefined;
  readonly learnt: readonly (readonly [mac: number, port: string, remote: Ip, updatedNs: number])[];
  readonly neighbors: readonly SavedNeighbor[];
  readonly tentative: readonly (readonly [bigint, number])[];
}

interface SavedChain {
  readonly counters: Float64Array | undefined;
  readonly policy: readonly [number, number];
  readonly memory: readonly (readonly [number, readonly number[]])[];
}

interface SavedNetns {
  readonly serial: number;
  readonly connections: readonly Connection[];
  readonly statistics: ConntrackStatistics;
  readonly recent: readonly (readonly [string, readonly (readonly [Ip, RecentEntry])[]])[];
  readonly hashlimits: readonly (readonly [string, readonly (readonly [string, readonly number[]])[]])[];
  readonly ipsets: readonly (readonly [string, readonly SavedMember[]])[];
  readonly pathMtus: readonly (readonly [Ip, PathMtu])[];
  readonly confirmations: readonly (readonly [Ip, Confirmation])[];
  readonly errorRates: readonly (readonly [Ip, ErrorRate])[];
  readonly reassemblies: readonly { readonly key: string; readonly device: string; readonly endsNs: number; readonly pieces: readonly SavedSkb[] }[];
  readonly nextIpId: number;
  readonly mib: Float64Array | undefined;
  readonly peers: readonly (readonly [Ip, Peer])[];
  readonly icmpCredit: number;
  readonly icmpCreditNs: number;
  readonly chains: readonly (readonly [string, SavedChain])[];
  readonly nft: SavedNft | undefined;
  readonly ipvs: SavedIpvs | undefined;
}

type SavedReference =
  | { readonly kind: 'frame'; readonly packet: SavedSkb; readonly device: string }
  | { readonly kind: 'neighbor'; readonly device: string; readonly ip: Ip }
  | { readonly kind: 'data'; readonly a: unknown; readonly b: unknown };

interface SavedEvent {
  readonly timeNs: number;
  readonly seq: number;
  readonly eventKind: number;
  readonly housekeeping: boolean;
  readonly reference: SavedReference;
}

export interface SavedState {
  readonly nextSeq: number;
  readonly events: readonly SavedEvent[];
  readonly netns: readonly (readonly [string, SavedNetns])[];
  readonly devices: readonly (readonly [string, SavedDevice])[];
  readonly bpf: readonly (readonly [hostId: string, SavedBpf])[];
  readonly trace: TraceMark;
  readonly kernelLog: ReturnType<Core['kernelLog']['save']>;
}

function saveSkb(skb: Skb, netns: string): SavedSkb {
  const copy = cloneSkb(skb);
  const connection = skb.connection;
  copy.connection = undefined;
  copy.physIn = undefined;
  copy.physOut = undefined;
  return {
    skb: copy,
    netns,
    connection: connection === undefined ? undefined : connection.confirmed && !connection.dead ? connection.serial : copyConnection(connection),
    physIn: skb.physIn?.id,
    physOut: skb.physOut?.id,
  };
}

function copyPeer(from: Omit<PeerState, 'staged'>): Omit<PeerState, 'staged'> {
  return { ...from, current: copySession(from.current), previous: copySession(from.previous), next: copySession(from.next), timers: { ...from.timers } };
}

function savePeers(device: DeviceState, wireguard: WireguardState): SavedPeer[] {
  return [...wireguard.peers.values()].map(({ staged, ...fields }) => ({
    fields: copyPeer(fields),
    staged: staged.map((packet) => saveSkb(packet, device.netns.id)),
  }));
}

function loadPeers(wireguard: WireguardState, saved: readonly SavedPeer[], loadSkb: (s: SavedSkb) => Skb): void {
  for (const { fields, staged } of saved) {
    const peer = wireguard.peers.get(fields.publicKey);
    if (peer !== undefined) Object.assign(peer, copyPeer(fields), { staged: staged.map(loadSkb) });
  }
}

const copyRecent = (entry: RecentEntry): RecentEntry => ({ ttl: entry.ttl, stamps: [...entry.stamps] });

function saveDevice(device: DeviceState): SavedDevice {
  return {
    counters: [device.rxPackets, device.rxBytes, device.txPackets, device.txBytes, device.rxDropped, device.txDropped],
    busyUntilNs: device.busyUntilNs,
    lastArrivalNs: device.lastArrivalNs,
    promiscuous: device.promiscuous,
    proxyWaiting: device.proxyWaiting,
    departuresNs: [...device.departuresNs],
    qdisc: device.qdisc === undefined ? undefined : Object.assign(new QdiscState(), device.qdisc),
    wireguard: device.wireguard === undefined ? undefined : savePeers(device, device.wireguard),
    learnt: [...device.learnt].map(([mac, l]) => [mac, l.port.id, l.remote, l.updatedNs] as const),
    tentative: [...device.tentative],
    neighbors: [...device.neighbors.values()].map((entry) => {
      const { device: _device, queue, ...fields } = entry;
      return { fields, queue: queue.map((q) => saveSkb(q, device.netns.id)) };
    }),
  };
}

function saveNetns(netns: NetnsState, nowNs: number): SavedNetns {
  return {
    serial: netns.connections.serial,
    connections: netns.connections.list(nowNs).map(copyConnection),
    statistics: copyStatistics(netns.connections.statistics),
    recent: [...netns.recent].map(([list, addresses]) => [list, [...addresses].map(([ip, e]) => [ip, copyRecent(e)] as const)] as const),
    hashlimits: [...netns.hashlimits].map(([table, buckets]) => [table, [...buckets].map(([key, b]) => [key, [...b]] as const)] as const),
    ipsets: [...netns.ipsets].map(([name, set]) => [name, set.save()] as const),
    pathMtus: [...netns.pathMtus],
    confirmations: [...netns.confirmations],
    errorRates: [...netns.errorRates],
    reassemblies: [...netns.reassemblies.values()].map((r) => ({
      key: r.key,
      device: r.device.id,
      endsNs: r.endsNs,
      pieces: r.pieces.map((p) => saveSkb(p, netns.id)),
    })),
    nextIpId: netns.nextIpId,
    mib: netns.mib.save(),
    nft: netns.nft?.save(),
    peers: [...netns.peers].map(([ip, peer]) => [ip, { ...peer }] as const),
    icmpCredit: netns.icmpCredit,
    icmpCreditNs: netns.icmpCreditNs,
    ipvs: netns.ipvs.size === 0 ? undefined : netns.ipvs.save(),
    chains: [...netns.chainStates()]
      .filter((c) => c.counters !== undefined || c.policyPackets > 0 || c.memory.size > 0)
      .map(
        (c) =>
          [
            c.record.id,
            { counters: c.counters?.slice(), policy: [c.policyPackets, c.policyBytes], memory: [...c.memory].map(([r, n]) => [r, [...n]] as const) },
          ] as const,
      ),
  };
}

/** As `clearNetns` leaves it: of a thousand pods most have sent nothing yet. Only a netns without chains is looked at, since those count. */
const isFresh = (netns: NetnsState): boolean =>
  netns.chains.size === 0 &&
  netns.nftRecords.size === 0 &&
  netns.ipvs.size === 0 &&
  netns.nextIpId === 1 &&
  netns.mib.isFresh &&
  netns.connections.serial === 0 &&
  netns.connections.size === 0 &&
  netns.recent.size === 0 &&
  netns.hashlimits.size === 0 &&
  netns.ipsets.size === 0 &&
  netns.pathMtus.size === 0 &&
  netns.peers.size === 0 &&
  netns.icmpCredit < 0 &&
  netns.confirmations.size === 0 &&
  netns.errorRates.size === 0 &&
  netns.reassemblies.size === 0;

/** As `clearDevice` leaves it. */
const isUntouched = (device: DeviceState): boolean =>
  device.rxPackets === 0 &&
  device.txPackets === 0 &&
  device.rxDropped === 0 &&
  device.txDropped === 0 &&
  device.busyUntilNs === 0 &&
  device.lastArrivalNs === 0 &&
  device.promiscuous === 0 &&
  device.proxyWaiting === 0 &&
  device.qdisc === undefined &&
  device.wireguard === undefined &&
  device.learnt.size === 0 &&
  device.neighbors.size === 0 &&
  device.tentative.size === 0;

export function saveState(core: Core): SavedState {
  const { nextSeq, events } = core.queue.list();
  return {
    nextSeq,
    events: events.map((e) => ({ timeNs: e.timeNs, seq: e.seq, eventKind: e.kind, housekeeping: e.housekeeping, reference: saveReference(e.kind, e.a, e.b) })),
    netns: [...core.netns].flatMap(([id, netns]) => (isFresh(netns) ? [] : [[id, saveNetns(netns, core.nowNs)] as const])),
    devices: [...core.devices].flatMap(([id, device]) => (isUntouched(device) ? [] : [[id, saveDevice(device)] as const])),
    bpf: [...core.bpf].map(([hostId, state]) => [hostId, state.save()] as const),
    trace: core.log.mark(),
    kernelLog: core.kernelLog.save(),
  };
}

function saveReference(kind: number, a: unknown, b: unknown): SavedReference {
  if (kind === EVENT_FRAME || kind === EVENT_DEPARTURE || kind === EVENT_PROXY_ARP) {
    const device = b as DeviceState;
    return { kind: 'frame', packet: saveSkb(a as Skb, device.netns.id), device: device.id };
  }
  if (kind === EVENT_NEIGHBOR) {
    const entry = a as NeighborEntry;
    return { kind: 'neighbor', device: entry.device.id, ip: entry.ip };
  }
  return { kind: 'data', a, b };
}

/** Puts a saved state back; the records must be those of the same moment already. What belonged to things that no longer exist is left out. */
export function loadState(core: Core, saved: SavedState): void {
  core.kernelLog.load(saved.kernelLog);
  const savedBpf = new Map(saved.bpf);
  for (const [hostId, state] of core.bpf) state.load(savedBpf.get(hostId));
  const bySerial = new Map<string, Map<number, Connection>>();
  for (const netns of core.netns.values()) clearNetns(netns);
  for (const device of core.devices.values()) clearDevice(device);
  for (const [id, s] of saved.netns) {
    const netns = core.netns.get(id);
    if (netns === undefined) continue;
    const connections = s.connections.map(copyConnection);
    bySerial.set(id, new Map(connections.map((c) => [c.serial, c])));
    for (const c of connections) c.confirmed = false;
    netns.connections.load(s.serial, connections);
    netns.connections.statistics = copyStatistics(s.statistics);
    for (const [list, addresses] of s.recent) netns.recent.set(list, new Map(addresses.map(([ip, e]) => [ip, copyRecent(e)])));
    for (const [table, buckets] of s.hashlimits) netns.hashlimits.set(table, new Map(buckets.map(([key, b]) => [key, [...b]])));
    for (const [name, members] of s.ipsets) netns.ipsets.get(name)?.load(members);
    for (const [ip, mtu] of s.pathMtus) netns.pathMtus.set(ip, mtu);
    for (const [ip, rate] of s.errorRates) netns.errorRates.set(ip, rate);
    for (const [ip, c] of s.confirmations) netns.confirmations.set(ip, c);
    netns.nextIpId = s.nextIpId;
    netns.mib.load(s.mib);
    if (s.nft !== undefined) netns.nft?.load(s.nft);
    for (const [ip, peer] of s.peers) netns.peers.set(ip, { ...peer });
    netns.icmpCredit = s.icmpCredit;
    netns.icmpCreditNs = s.icmpCreditNs;
    if (s.ipvs !== undefined) netns.ipvs.load(s.ipvs);
    for (const [chainId, c] of s.chains) {
      const chain = netns.chainState(chainId);
      if (chain === undefined) continue;
      chain.counters = c.counters?.slice();
      chain.policyPackets = c.policy[0];
      chain.policyBytes = c.policy[1];
      for (const [rule, numbers] of c.memory) chain.memory.set(rule, [...numbers]);
    }
  }
  const loadSkb = (s: SavedSkb): Skb => {
    const skb = cloneSkb(s.skb);
    skb.connection =
      typeof s.connection === 'number' ? bySerial.get(s.netns)?.get(s.connection) : s.connection === undefined ? undefined : copyConnection(s.connection);
    skb.physIn = s.physIn === undefined ? undefined : core.devices.get(s.physIn);
    skb.physOut = s.physOut === undefined ? undefined : core.devices.get(s.physOut);
    return skb;
  };
  for (const [id, s] of saved.netns) {
    const netns = core.netns.get(id);
    for (const r of s.reassemblies) {
      const device = core.devices.get(r.device);
      if (netns !== undefined && device !== undefined) netns.reassemblies.set(r.key, { key: r.key, device, endsNs: r.endsNs, pieces: r.pieces.map(loadSkb) });
    }
  }
  for (const [id, s] of saved.devices) {
    const device = core.devices.get(id);
    if (device !== undefined) loadDevice(core, device, s, loadSkb);
  }
  core.queue.load(
    saved.nextSeq,
    saved.events.flatMap((e) => {
      const r = e.reference;
      const base = { timeNs: e.timeNs, seq: e.seq, kind: e.eventKind, housekeeping: e.housekeeping };
      if (r.kind === 'data') return [{ ...base, a: r.a, b: r.b }];
      const device = core.devices.get(r.device);
      if (device === undefined) return [];
      if (r.kind === 'frame') return [{ ...base, a: loadSkb(r.packet), b: device }];
      const entry = device.neighbors.get(r.ip);
      return entry === undefined ? [] : [{ ...base, a: entry, b: undefined }];
    }),
  );
}

function clearNetns(netns: NetnsState): void {
  netns.recent.clear();
  netns.hashlimits.clear();
  netns.pathMtus.clear();
  netns.peers.clear();
  netns.icmpCredit = -1;
  netns.icmpCreditNs = 0;
  netns.confirmations.clear();
  netns.errorRates.clear();
  netns.reassemblies.clear();
  netns.connections.load(0, []);
  netns.nextIpId = 1;
  netns.mib.load(undefined);
  netns.nft?.load(undefined);
  if (netns.ipvs.size > 0) netns.ipvs.load(undefined);
  for (const chain of netns.chainStates()) {
    chain.counters = undefined;
    chain.policyPackets = 0;
    chain.policyBytes = 0;
    chain.memory.clear();
  }
}

function clearDevice(device: DeviceState): void {
  if (device.tentative.size > 0) {
    device.tentative.clear();
    device.netns.routingChanged();
  }
  device.departuresNs = [];
  if (device.qdisc !== undefined) device.qdisc = Object.assign(new QdiscState(), { handle: device.qdisc.handle });
  device.learnt.clear();
  device.neighbors.clear();
  Object.assign(device, {
    rxPackets: 0,
    rxBytes: 0,
    txPackets: 0,
    txBytes: 0,
    rxDropped: 0,
    txDropped: 0,
    busyUntilNs: 0,
    lastArrivalNs: 0,
    promiscuous: 0,
    proxyWaiting: 0,
  });
}

function loadDevice(core: Core, device: DeviceState, saved: SavedDevice, loadSkb: (s: SavedSkb) => Skb): void {
  const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = saved.counters as [number, number, number, number, number, number];
  Object.assign(device, { rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped });
  device.busyUntilNs = saved.busyUntilNs;
  device.lastArrivalNs = saved.lastArrivalNs;
  device.promiscuous = saved.promiscuous;
  device.proxyWaiting = saved.proxyWaiting;
  device.departuresNs = [...saved.departuresNs];
  if (device.qdisc !== undefined && saved.qdisc !== undefined) Object.assign(device.qdisc, saved.qdisc);
  if (device.wireguard !== undefined) loadPeers(device.wireguard, saved.wireguard ?? [], loadSkb);
  for (const [mac, portId, remote, updatedNs] of saved.learnt) {
    const port = core.devices.get(portId);
    if (port !== undefined) device.learnt.set(mac, { port, remote, updatedNs });
  }
  for (const [ip, left] of saved.tentative) device.tentative.set(ip, left);
  if (saved.tentative.length > 0) device.netns.routingChanged();
  for (const s of saved.neighbors) {
    const entry = new NeighborEntry(device, s.fields.ip);
    Object.assign(entry, s.fields);
    entry.queue = s.queue.map(loadSkb);
    device.neighbors.set(entry.ip, entry);
  }
}
