/** What people see of the engine's memory: neighbours, FDB, connections, routes, as the real tools show them. */
import { compareIp, formatIp, parseIp } from './addr/ip.ts';
import { formatMac } from './addr/mac.ts';
import { type Connection, TCP_STATE_NAMES, type Tuple, zoneId } from './conntrack/connection.ts';
import type { ConnectionTuple, ConnectionView, FdbView, NeighborView } from './engine.ts';
import { isValid, type NeighborEntry, NUD_NAMES, NUD_PERMANENT } from './stack/neighbor.ts';
import type { NetnsState } from './stack/netns-state.ts';
import { pathMtu, routeOutput } from './stack/routing.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP } from './wire/packet.ts';

const NS = 1e9;
const seconds = (ns: number): number => Math.max(0, Math.floor(ns / NS));

export function neighborView(netns: NetnsState, entry: NeighborEntry, nowNs: number): NeighborView {
  const { state } = entry;
  return {
    netns: netns.id,
    device: entry.device.name,
    ip: formatIp(entry.ip),
    ...(isValid(state) ? { mac: formatMac(entry.mac) } : {}),
    state: NUD_NAMES[state] as NeighborView['state'],
    usedSeconds: seconds(nowNs - entry.usedNs),
    confirmedSeconds: seconds(nowNs - entry.confirmedNs),
    updatedSeconds: seconds(nowNs - entry.updatedNs),
    probes: entry.probes,
  };
}

/** All neighbours of a netns, device by device, in order of their addresses. */
export function neighborEntries(netns: NetnsState): NeighborEntry[] {
  const entries: NeighborEntry[] = [];
  for (const device of netns.devices.values()) entries.push(...[...device.neighbors.values()].sort((a, b) => compareIp(a.ip, b.ip)));
  return entries;
}

/** The FDB of all bridges and tunnels: permanent entries of ports, written ones, learnt ones that have not aged. */
export function fdbViews(netns: NetnsState, nowNs: number): FdbView[] {
  const views: FdbView[] = [];
  for (const bridge of netns.devices.values()) {
    if (bridge.record.type !== 'bridge') continue;
    for (const port of [...bridge.ports].sort((a, b) => a.record.index - b.record.index)) {
      const learnt = [...bridge.learnt].filter(([, l]) => l.port === port && nowNs <= l.updatedNs + bridge.ageingNs);
      for (const [mac] of learnt) views.push({ netns: netns.id, device: port.name, mac: formatMac(mac), master: bridge.name, self: false, state: 'dynamic' });
      views.push({ netns: netns.id, device: port.name, mac: formatMac(port.mac), master: bridge.name, self: false, state: 'permanent' });
    }
  }
  for (const record of netns.fdbRecords.values()) {
    const device = netns.deviceByName(record.device);
    const tunnel = device?.record.type === 'vxlan';
    views.push({
      netns: netns.id,
      device: record.device,
      mac: record.mac,
      ...(record.dst === undefined ? {} : { dst: record.dst }),
      ...(record.port === undefined ? {} : { port: record.port }),
      ...(record.vni === undefined ? {} : { vni: record.vni }),
      ...(tunnel || device?.master === undefined ? {} : { master: device.master.name }),
      self: tunnel,
      state: record.state,
    });
  }
  for (const device of netns.devices.values()) {
    if (device.record.type !== 'vxlan') continue;
    for (const [mac, l] of device.learnt) {
      views.push({ netns: netns.id, device: device.name, mac: formatMac(mac), dst: formatIp(l.remote), self: true, state: 'dynamic' });
    }
  }
  return views;
}

function tupleView(tuple: Tuple, protocol: number): ConnectionTuple {
  const ends = { src: formatIp(tuple.src), dst: formatIp(tuple.dst), sport: tuple.sport, dport: tuple.dport };
  return protocol === IP_PROTO_ICMP || protocol === IP_PROTO_ICMP6
    ? { ...ends, icmpType: tuple.icmpType, icmpCode: tuple.icmpCode, icmpId: tuple.sport }
    : ends;
}

const PROTOCOLS: Readonly<Record<number, ConnectionView['protocol']>> = {
  [IP_PROTO_TCP]: 'tcp',
  [IP_PROTO_UDP]: 'udp',
  [IP_PROTO_ICMP]: 'icmp',
  47: 'gre',
  [IP_PROTO_ICMP6]: 'icmpv6',
  132: 'sctp',
};

/** A number that stays with the entry (the kernel hides its address behind a hash). */
function connectionId(c: Connection): number {
  let h = Math.imul(c.serial ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ c.original.sport, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function connectionView(netns: NetnsState, c: Connection, nowNs: number): ConnectionView {
  const protocol = PROTOCOLS[c.protocol] ?? 'unknown';
  const nat: ('DNAT' | 'SNAT')[] = [];
  if (c.sourceNat) nat.push('SNAT');
  if (c.destinationNat) nat.push('DNAT');
  const original = zoneId(c.zone, false);
  const reply = zoneId(c.zone, true);
  return {
    netns: netns.id,
    protocol,
    protocolNumber: c.protocol,
    family: typeof c.original.src === 'number' ? 'ipv4' : 'ipv6',
    id: connectionId(c),
    ...(protocol === 'tcp' ? { tcpState: TCP_STATE_NAMES[c.tcpState] ?? 'NONE' } : {}),
    timeoutSeconds: Math.max(0, Math.floor((c.expiresNs - nowNs) / NS)),
    original: tupleView(c.original, c.protocol),
    reply: tupleView(c.reply, c.protocol),
    unreplied: !c.seenReply,
    assured: c.assured,
    mark: c.mark,
    nat,
    packets: c.packets + c.replyPackets,
    bytes: c.bytes + c.replyBytes,
    ...(c.accounted
      ? {
          counters: [
            [c.packets, c.bytes],
            [c.replyPackets, c.replyBytes],
          ] as const,
        }
      : {}),
    zone: original || reply,
    zoneDirection: original === reply ? 'both' : original !== 0 ? 'original' : 'reply',
    dying: c.dead,
    byHand: c.byHand,
  };
}

export type RouteGetResult =
  | { readonly device: string; readonly gateway?: string; readonly source: string; readonly local: boolean; readonly text: string }
  | { readonly error: 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL' };

/** `ip route get`, with its two lines. */
export function routeGet(netns: NetnsState, destination: string, nowNs: number): RouteGetResult {
  const ip = parseIp(destination);
  if (ip === undefined) return { error: 'EINVAL' };
  const route = routeOutput(netns, ip);
  if (route.kind === 'error') return { error: route.errno };
  const source = route.route.source;
  if (source === undefined) return { error: 'ENETUNREACH' };
  const words: string[] = [];
  if (route.local) words.push('local');
  words.push(destination);
  const gateway = route.route.hasGateway ? formatIp(route.route.gateway) : undefined;
  if (gateway !== undefined) words.push('via', gateway);
  words.push('dev', route.device.name, 'src', formatIp(source), 'uid', '0');
  const learnt = netns.pathMtus.get(ip);
  const cache = ['    cache'];
  if (route.local) cache.push('<local>');
  if (learnt !== undefined && learnt.expiresNs > nowNs && pathMtu(netns, route.device, ip, nowNs) < route.device.mtuBytes) {
    cache.push('expires', `${Math.floor((learnt.expiresNs - nowNs) / NS)}sec`, 'mtu', String(learnt.mtuBytes));
  }
  return {
    device: route.device.name,
    ...(gateway === undefined ? {} : { gateway }),
    source: formatIp(source),
    local: route.local,
    text: `${words.join(' ')} \n${cache.join(' ')} `,
  };
}

export const isWritten = (entry: NeighborEntry): boolean => entry.origin !== undefined || entry.state === NUD_PERMANENT;
