/** How the layers write rows: one function for each kind of step. */
import type { Origin } from '../../base/origin.ts';
import type { Change } from '../../base/record-store.ts';
import { formatMac } from '../addr/mac.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { ChainState } from '../netfilter/ruleset.ts';
import type { NftChainState, RuleState } from '../nft/tables.ts';
import type { NetRecord } from '../records.ts';
import type { Core } from '../stack/core.ts';
import type { CompiledRoute } from '../stack/fib.ts';
import type { NeighborEntry } from '../stack/neighbor.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { Skb } from '../stack/skb.ts';
import type { BpfHookName, DropReason, RouteReference, RuleReference } from '../trace-event.ts';
import type { Ip, Tunnel } from '../wire/packet.ts';
import {
  DECISIONS,
  NO_REFERENCE,
  RESOLUTIONS,
  RESOLVED_IPV6,
  ROUTED_HAS_NEXT_HOP,
  ROUTED_HAS_SOURCE,
  ROUTED_IPV6,
  TRANSLATED_BY_BPF,
  TRANSLATED_DESTINATION,
  TRANSLATED_HAS_PORTS,
  TRANSLATED_IPV6,
  TRANSLATIONS,
} from './decode.ts';
import {
  ROW_BPF,
  ROW_BRIDGED,
  ROW_CHANGED,
  ROW_CREATED,
  ROW_DECAPSULATED,
  ROW_DELIVERED,
  ROW_DROPPED,
  ROW_DUPLICATED,
  ROW_MATCHED,
  ROW_QUEUED,
  ROW_RECEIVED,
  ROW_RESOLVED,
  ROW_ROUTED,
  ROW_TRANSLATED,
  ROW_TRANSMITTED,
} from './trace-log.ts';

export function emitCreated(core: Core, netns: NetnsState, packet: Skb, by: string): number {
  if (!core.log.enabled) return core.log.skip();
  return core.log.add(core.nowNs, ROW_CREATED, 0, netns.place, packet, core.log.text(by), 0, 0);
}

export function emitReceived(core: Core, device: DeviceState, packet: Skb): void {
  core.log.add(core.nowNs, ROW_RECEIVED, 0, device.place, packet, 0, 0, 0);
}

export function emitTransmitted(core: Core, device: DeviceState, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  const peer = device.peer;
  if (peer !== undefined && device.peerText < 0) device.peerText = core.log.text(peer.id);
  core.log.add(core.nowNs, ROW_TRANSMITTED, 0, device.place, packet, peer === undefined ? NO_REFERENCE : device.peerText, 0, 0);
}

/** The FDB knew the port, or (`to` undefined) the frame goes up to the host. */
export function emitBridged(core: Core, bridge: DeviceState, from: DeviceState, to: DeviceState | undefined, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  let index = from.bridgedTo.get(to);
  if (index === undefined) {
    index = core.log.reference({
      kind: 'bridged',
      bridge: bridge.name,
      fromPort: from.name,
      to: [(to ?? bridge).name],
      how: to === undefined ? 'local' : 'fdb',
    });
    from.bridgedTo.set(to, index);
  }
  core.log.add(core.nowNs, ROW_BRIDGED, 0, bridge.place, packet, index, 0, 0);
}

export function emitFlooded(core: Core, bridge: DeviceState, from: DeviceState, to: readonly string[], packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  const index = core.log.object({ kind: 'bridged', bridge: bridge.name, fromPort: from.name, to, how: 'flood' });
  core.log.add(core.nowNs, ROW_BRIDGED, 0, bridge.place, packet, index, 0, 0);
}

/** The device's netem sends it twice. */
export function emitDuplicated(core: Core, device: DeviceState, packet: Skb): void {
  core.log.add(core.nowNs, ROW_DUPLICATED, 0, device.place, packet, 0, 0, 0);
}

/** A rule matched. */
export function emitMatched(core: Core, place: number, hook: number, table: number, chain: ChainState, rule: number, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  let index = chain.traceIndexes[rule];
  if (index === undefined) {
    index = core.log.reference({ kind: 'rule', rule: chain.reference(rule), verdict: chain.verdict(rule) });
    chain.traceIndexes[rule] = index;
  }
  core.log.add(core.nowNs, ROW_MATCHED, hook | (table << 3), place, packet, index, 0, 0);
}

/** A base chain ended with its policy. */
export function emitPolicy(core: Core, place: number, hook: number, table: number, policy: string, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  core.log.add(core.nowNs, ROW_MATCHED, hook | (table << 3), place, packet, NO_REFERENCE, core.log.text(policy), 0);
}

/** A rule of nftables matched; what a verdict map said is part of its verdict. */
export function emitNftMatched(core: Core, place: number, hook: number, chain: NftChainState, rule: number, verdict: string, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  const state = chain.rules[rule] as RuleState;
  state.traceIndexes ??= new Map();
  let index = state.traceIndexes.get(verdict);
  if (index === undefined) {
    index = core.log.reference({ kind: 'rule', rule: chain.reference(rule), verdict });
    state.traceIndexes.set(verdict, index);
  }
  core.log.add(core.nowNs, ROW_MATCHED, hook, place, packet, index, 0, 0);
}

/** A base chain of nftables ended with its policy. */
export function emitNftPolicy(core: Core, place: number, hook: number, table: string, chain: string, policy: string, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  core.log.add(core.nowNs, ROW_MATCHED, hook, place, packet, NO_REFERENCE, core.log.text(policy), core.log.text(`${table}\t${chain}`));
}

/** IPVS has chosen a real server for a new connection; `indexes` are the service's interned references by server. */
export function emitIpvs(core: Core, place: number, hook: number, indexes: Map<string, number>, rule: RuleReference, server: string, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  let index = indexes.get(server);
  if (index === undefined) {
    index = core.log.reference({ kind: 'rule', rule, verdict: server });
    indexes.set(server, index);
  }
  core.log.add(core.nowNs, ROW_MATCHED, hook, place, packet, index, 0, 0);
}

export function emitTranslated(
  core: Core,
  place: number,
  how: (typeof TRANSLATIONS)[number],
  destination: boolean,
  hasPorts: boolean,
  before: Ip,
  beforePort: number,
  after: Ip,
  afterPort: number,
  packet: Skb,
  byBpf = false,
): void {
  const small =
    TRANSLATIONS.indexOf(how) |
    (destination ? TRANSLATED_DESTINATION : 0) |
    (hasPorts ? TRANSLATED_HAS_PORTS : 0) |
    (typeof after === 'bigint' ? TRANSLATED_IPV6 : 0) |
    (byBpf ? TRANSLATED_BY_BPF : 0);
  core.log.add(core.nowNs, ROW_TRANSLATED, small, place, packet, core.log.address(before), core.log.address(after), (beforePort << 16) | afterPort);
}

export function emitRouted(core: Core, place: number, route: CompiledRoute, decision: (typeof DECISIONS)[number], source: Ip | undefined, packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  if (route.traceIndex < 0) route.traceIndex = core.log.reference({ kind: 'route', route: route.reference, device: route.device?.name ?? '' });
  const small =
    DECISIONS.indexOf(decision) |
    (route.hasGateway ? ROUTED_HAS_NEXT_HOP : 0) |
    (source === undefined ? 0 : ROUTED_HAS_SOURCE) |
    (typeof packet.dst === 'bigint' ? ROUTED_IPV6 : 0);
  core.log.add(core.nowNs, ROW_ROUTED, small, place, packet, route.traceIndex, core.log.address(route.gateway), core.log.address(source ?? 0));
}

export function emitResolved(core: Core, entry: NeighborEntry, how: (typeof RESOLUTIONS)[number], packet: Skb): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  if (entry.traceIndex < 0) entry.traceIndex = core.log.reference({ kind: 'neighbor', mac: formatMac(entry.mac), origin: entry.origin });
  core.log.add(
    core.nowNs,
    ROW_RESOLVED,
    RESOLUTIONS.indexOf(how) | (typeof entry.ip === 'bigint' ? RESOLVED_IPV6 : 0),
    entry.device.place,
    packet,
    entry.traceIndex,
    core.log.address(entry.ip),
    0,
  );
}

export function emitQueued(core: Core, device: DeviceState, ip: Ip, packet: Skb): void {
  core.log.add(core.nowNs, ROW_QUEUED, typeof ip === 'bigint' ? RESOLVED_IPV6 : 0, device.place, packet, 0, core.log.address(ip), 0);
}

export function emitDecapsulated(core: Core, device: DeviceState, tunnel: Tunnel, vni: number, packet: Skb): void {
  core.log.add(core.nowNs, ROW_DECAPSULATED, tunnel, device.place, packet, 0, vni, 0);
}

export function emitDelivered(core: Core, place: number, packet: Skb, to: string, process: string | undefined): number {
  if (!core.log.enabled) return core.log.skip();
  return core.log.add(core.nowNs, ROW_DELIVERED, 0, place, packet, core.log.text(to), process === undefined ? NO_REFERENCE : core.log.text(process), 0);
}

/** What a BPF program made of a packet. */
export interface BpfNote {
  readonly program: string;
  readonly hook: BpfHookName;
  readonly verdict: string;
  readonly detail: string;
  readonly origin?: Origin;
}

export function emitBpf(core: Core, place: number, packet: Skb, note: BpfNote): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  core.log.add(core.nowNs, ROW_BPF, 0, place, packet, core.log.object({ kind: 'bpf', ...note }), 0, 0);
}

/** What decided a drop, where something did. */
export interface DropCause {
  readonly rule?: RuleReference;
  readonly route?: RouteReference;
  readonly answered?: string;
}

export function emitDropped(core: Core, place: number, packet: Skb, reason: DropReason, detail: string, cause?: DropCause): number {
  if (!core.log.enabled) return core.log.skip();
  const a = core.log.object({ kind: 'drop', reason, detail, ...cause });
  return core.log.add(core.nowNs, ROW_DROPPED, 0, place, packet, a, 0, 0);
}

/** A record was added, changed or removed, in the netns with this place. */
export function emitChanged(core: Core, place: number, change: Change<NetRecord>): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  const a = core.log.object({ kind: 'changed', command: change.by, before: change.before, after: change.after });
  core.log.add(core.nowNs, ROW_CHANGED, 0, place, undefined, a, 0, 0);
}

/** A program took an entry out of the connection table. */
export function emitForgotten(core: Core, place: number, by: string, netns: string, flow: string): void {
  if (!core.log.enabled) {
    core.log.skip();
    return;
  }
  core.log.add(core.nowNs, ROW_CHANGED, 0, place, undefined, core.log.object({ kind: 'forgotten', by, netns, flow }), 0, 0);
}
