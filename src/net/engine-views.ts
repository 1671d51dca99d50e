/** What people see of the engine's memory: neighbours, FDB, connections, routes, as the real tools show them. */
import { compareIp, formatIp, isMulticastIp, isUnspecified, parseIp } from './addr/ip.ts';
import { formatMac } from './addr/mac.ts';
import { type Connection, TCP_STATE_NAMES, type Tuple, zoneId } from './conntrack/connection.ts';
import { SCTP_STATE_NAMES } from './conntrack/sctp.ts';
import type { DeviceState } from './device/device-state.ts';
import type { AddressView, ConnectionTuple, ConnectionView, FdbView, NeighborView, RouteGetErrno, RouteGetQuery, RouteGetView } from './engine.ts';
import { DUPLICATE } from './stack/duplicate-address.ts';
import { type CompiledRoute, RTN_BROADCAST, RTN_LOCAL } from './stack/fib.ts';
import type { FlowFields } from './stack/multipath.ts';
import { isValid, type NeighborEntry, NUD_NAMES, NUD_PERMANENT } from './stack/neighbor.ts';
import type { NetnsState } from './stack/netns-state.ts';
import { routeInput, routeOutput } from './stack/routing.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Ip } from './wire/packet.ts';

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

/** As `ip addr` lists them. Linux: net/ipv6/addrconf.c, ipv6_link_dev_addr */
export function addressViews(device: DeviceState): AddressView[] {
  const labels = new Map(device.record.addresses.map((a) => [a.ip, a.label]));
  const views = device.addresses.map((a): AddressView => {
    const label = labels.get(formatIp(a.ip));
    const left = typeof a.ip === 'bigint' ? device.tentative.get(a.ip) : undefined;
    return {
      family: typeof a.ip === 'bigint' ? 'inet6' : 'inet',
      ip: formatIp(a.ip),
      prefixLength: a.prefixLength,
      ...(a.broadcast === undefined ? {} : { broadcast: formatIp(a.broadcast) }),
      ...(label === undefined ? {} : { label }),
      scope: a.scope,
      secondary: a.secondary === true,
      tentative: left !== undefined,
      duplicate: left === DUPLICATE,
      deprecated: a.deprecated === true,
      noDad: a.noDad === true,
      derived: a.derived === true,
    };
  });
  const scopes = ['global', 'link', 'host'];
  const six = views.filter((v) => v.family === 'inet6').reverse();
  six.sort((a, b) => scopes.indexOf(a.scope) - scopes.indexOf(b.scope));
  // Primary addresses stand before secondary ones.
  const four = views.filter((v) => v.family === 'inet').sort((a, b) => Number(a.secondary) - Number(b.secondary));
  return [...four, ...six];
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

/** conntrack counts time in ticks: within the tick of its last packet an entry has all its time left. */
const JIFFY_NS = 4_000_000;
const JIFFIES_PER_SECOND = 250;

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
    ...(protocol === 'sctp' && c.sctp !== undefined ? { tcpState: SCTP_STATE_NAMES[c.tcpState] ?? 'NONE' } : {}),
    timeoutSeconds: Math.max(0, Math.floor((Math.floor(c.expiresNs / JIFFY_NS) - Math.floor(nowNs / JIFFY_NS)) / JIFFIES_PER_SECOND)),
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

type Found = { readonly route: CompiledRoute; readonly device: string; readonly nextHop: Ip; readonly source: Ip | undefined; readonly local: boolean };

/** `ip route get`: what the kernel would do with such a packet. */
export function routeGet(netns: NetnsState, destination: string, query: RouteGetQuery, nowNs: number): RouteGetView | { readonly error: RouteGetErrno } {
  const ip = parseIp(destination);
  const from = query.from === undefined ? undefined : parseIp(query.from);
  if (ip === undefined || (query.from !== undefined && from === undefined)) return { error: 'EINVAL' };
  const flow = { src: from ?? 0, mark: query.mark ?? 0, protocol: query.protocol ?? 0, sport: query.sport ?? 0, dport: query.dport ?? 0 };
  const found = query.iif === undefined ? outwards(netns, ip, flow, query.oif) : inwards(netns, ip, flow, query.iif);
  if (typeof found === 'string') return { error: found };
  const { route, device, nextHop, source, local } = found;
  const learnt = query.iif === undefined ? netns.pathMtus.get(ip) : undefined;
  const known = learnt !== undefined && learnt.expiresNs > nowNs ? learnt : undefined;
  const mtuBytes = known === undefined || known.mtuBytes === 0 ? (route.mtuBytes > 0 ? route.mtuBytes : undefined) : known.mtuBytes;
  return {
    device,
    type:
      typeof ip === 'number' && isMulticastIp(ip) ? 'multicast' : route.type === RTN_LOCAL ? 'local' : route.type === RTN_BROADCAST ? 'broadcast' : 'unicast',
    ...(nextHop === ip ? {} : { gateway: formatIp(nextHop) }),
    ...(source === undefined ? {} : { source: formatIp(source) }),
    local,
    table: route.table,
    ...(route.reference.recordId === undefined ? {} : { recordId: route.reference.recordId }),
    text: route.reference.text,
    ...(known === undefined ? {} : { expiresSeconds: seconds(known.expiresNs - nowNs) }),
    ...(mtuBytes === undefined ? {} : { mtuBytes, mtuLocked: route.mtuLocked || known?.locked === true }),
    redirected: known?.gateway !== undefined,
  };
}

function outwards(netns: NetnsState, ip: Ip, flow: FlowFields, oif: string | undefined): Found | RouteGetErrno {
  // A source that is not ours is no source (6.18 calls it unreachable).
  if (!isUnspecified(flow.src) && !netns.fib.isLocal(flow.src)) return 'ENETUNREACH';
  const result = routeOutput(netns, ip, flow, oif === undefined ? undefined : netns.deviceByName(oif));
  if (result.kind === 'error') return result.errno;
  return { route: result.route, device: result.device.name, nextHop: result.nextHop, source: result.source, local: result.local };
}

function inwards(netns: NetnsState, ip: Ip, flow: FlowFields, iif: string): Found | RouteGetErrno {
  const device = netns.deviceByName(iif);
  if (device === undefined) return 'EINVAL';
  const result = routeInput(netns, device, flow.src, ip, flow);
  switch (result.kind) {
    case 'forward':
      return {
        route: result.route,
        device: result.device.name,
        nextHop: result.route.hasGateway ? result.route.gateway : ip,
        source: undefined,
        local: false,
      };
    case 'local':
      return result.route === undefined ? 'EINVAL' : { route: result.route, device: 'lo', nextHop: ip, source: undefined, local: true };
    case 'drop':
      return 'EINVAL';
    case 'unreachable':
      return result.code === 0 ? 'ENETUNREACH' : result.code === 13 ? 'EACCES' : 'EHOSTUNREACH';
  }
}

export const isWritten = (entry: NeighborEntry): boolean => entry.origin !== undefined || entry.state === NUD_PERMANENT;
