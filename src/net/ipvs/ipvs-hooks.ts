/** IPVS at its hooks: requests to a real server, answers back as the virtual service, ICMP errors both ways. Linux: net/netfilter/ipvs/ip_vs_core.c, ip_vs_xmit.c, ip_vs_nfct.c */
import { formatEndpoint, formatIp, isIp6 } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import { FORWARD, type Hook, INPUT, OUTPUT } from '../netfilter/hook.ts';
import type { Core } from '../stack/core.ts';
import { ROUTE_NS, TRANSLATE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { routeOutput } from '../stack/routing.ts';
import { CT_UNTRACKED, cloneSkb, PACKET_HOST, Skb } from '../stack/skb.ts';
import { sysctl } from '../stack/sysctl.ts';
import { emitDropped, emitIpvs, emitRouted, emitTranslated } from '../trace/emit.ts';
import type { RuleReference } from '../trace-event.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP, type Packet, TCP_SYN } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { CL, type Direction, type IpvsConnection, nextState, TW } from './ipvs-connection.ts';
import { schedule } from './ipvs-schedulers.ts';
import { nextSctpState, SCTP_CLOSED } from './ipvs-sctp.ts';
import type { DestinationState, IpvsState, ServiceState } from './ipvs-state.ts';
import { ipvsName, ipvsServiceWords } from './ipvs-words.ts';

/** One visit of a packet. */
interface Visit {
  readonly core: Core;
  readonly netns: NetnsState;
  readonly state: IpvsState;
  readonly hook: Hook;
  readonly packet: Skb;
  readonly inDevice: DeviceState | undefined;
  readonly place: number;
}

const setting = (netns: NetnsState, leaf: string): number => sysctl(netns.record.sysctls, `net.ipv4.vs.${leaf}`);
const known = (protocol: number): boolean => protocol === IP_PROTO_TCP || protocol === IP_PROTO_UDP || protocol === IP_PROTO_SCTP;

function visit(core: Core, netns: NetnsState, state: IpvsState, hook: Hook, packet: Skb, inDevice: DeviceState | undefined): Visit {
  return { core, netns, state, hook, packet, inDevice, place: inDevice?.place ?? netns.place };
}

function stateAfter(c: IpvsConnection, { tcp, sctp }: Skb, direction: Direction): number {
  const oneWay = direction === 0 && c.destination.record.forwarding !== 'masq';
  if (sctp !== undefined) return nextSctpState(c.state, sctp, direction, oneWay);
  return tcp === undefined ? c.state : nextState(c.state, tcp.flags, direction, oneWay);
}

/** ip_vs_in(): at INPUT and OUTPUT. True: the packet goes on (perhaps to a real server on this host). False: IPVS has sent it on itself, or dropped it. */
export function ipvsIn(core: Core, netns: NetnsState, state: IpvsState, hook: Hook, packet: Skb, inDevice: DeviceState | undefined): boolean {
  if (packet.ipvs || (hook !== OUTPUT && packet.packetType !== PACKET_HOST) || packet.fragmentOffset > 0) return true;
  const v = visit(core, netns, state, hook, packet, inDevice);
  if (packet.icmp !== undefined) return icmpIn(v);
  if (!known(packet.protocol)) return true;
  const now = core.nowNs;
  let c = state.findByClient(packet.protocol, packet.src, packet.sport, packet.dst, packet.dport, now);
  const fresh = packet.sctp !== undefined ? packet.sctp.chunks[0]?.kind === 'INIT' : packet.tcp !== undefined && (packet.tcp.flags & TCP_SYN) !== 0;
  if (c !== undefined && fresh) {
    const empty = setting(netns, 'expire_nodest_conn') !== 0 && c.destination.weight === 0;
    const reuse =
      setting(netns, 'conn_reuse_mode') !== 0 &&
      c.control === undefined &&
      (packet.sctp === undefined ? c.state === TW || c.state === CL : c.state === SCTP_CLOSED);
    if (empty || reuse) {
      const old = usesOldConntrack(c, packet);
      state.expire(c);
      if (old) return drop(v, 'IPVS: a new connection from the port of one that conntrack still remembers waits for the next try (conn_reuse_mode)');
      c = undefined;
    }
  }
  if (c !== undefined && !c.destination.available) {
    if (setting(netns, 'expire_nodest_conn') === 0) return drop(v, 'IPVS: the real server of this connection is gone');
    const old = usesOldConntrack(c, packet);
    state.expire(c);
    if (old) return drop(v, 'IPVS: the real server of this connection is gone');
    c = undefined;
  }
  if (c === undefined) {
    const opens = fresh || (packet.tcp !== undefined && setting(netns, 'sloppy_tcp') !== 0) || packet.protocol === IP_PROTO_UDP;
    if (!opens) return true;
    const service = state.findService(packet.mark, packet.protocol, packet.dst, packet.dport);
    if (service === undefined) return true;
    c = newConnection(v, service);
    if (c === undefined) return leave(v, service);
  }
  countPacket(v, c, 1);
  state.touch(c, stateAfter(c, packet, 0), now);
  if (c.onePacket) state.expire(c);
  return send(v, c);
}

/** ip_vs_conn_uses_old_conntrack(): conntrack has an entry for these ends already; with it the packet would go to the old server. */
const usesOldConntrack = (c: IpvsConnection, packet: Skb): boolean => c.conntrack && packet.connection?.confirmed === true;

function drop(v: Visit, detail: string, rule?: RuleReference): boolean {
  emitDropped(v.core, v.place, v.packet, 'NETFILTER_DROP', detail, rule === undefined ? {} : { rule });
  return false;
}

function reference(service: ServiceState, destination: DestinationState | undefined): RuleReference {
  const { record } = service;
  const name = record.protocol === 'fwmark' ? `FWM ${record.address}` : `${record.protocol.toUpperCase()} ${formatEndpoint(service.ip, record.port)}`;
  return {
    chainId: record.id,
    chain: name,
    table: 'ipvs',
    index: 0,
    text: ipvsServiceWords(record, ipvsName(record)),
    origin: destination?.record.origin ?? record.origin,
  };
}

/** ip_vs_leave(): nobody to send it to. */
function leave(v: Visit, service: ServiceState): boolean {
  const six = isIp6(v.packet.dst);
  v.core.layers.dropWithError(
    v.netns,
    v.packet,
    v.place,
    'NETFILTER_DROP',
    'IPVS: the virtual service has no real server for it',
    six ? { type: 1, code: 4 } : { type: 3, code: 3 },
    {
      rule: reference(service, undefined),
    },
  );
  return false;
}

/** ip_vs_schedule(), ip_vs_sched_persist() */
function newConnection(v: Visit, service: ServiceState): IpvsConnection | undefined {
  const { core, netns, state, packet } = v;
  const now = core.nowNs;
  state.collect(now);
  const asked = { client: packet.src, clientPort: packet.sport, virtual: packet.dst, uint32: () => core.prng(`${netns.id} ipvs`).uint32() };
  const { record } = service;
  let destination: DestinationState | undefined;
  let template: IpvsConnection | undefined;
  if (record.persistentSeconds !== undefined) {
    const client = state.persistentClient(service, packet.src);
    const port = record.protocol === 'fwmark' ? 0 : record.port;
    const virtual = record.protocol === 'fwmark' ? 0 : packet.dst;
    const protocol = record.protocol === 'fwmark' ? 0 : packet.protocol;
    template = state.findTemplate(protocol, client, virtual, port, now);
    const quiescent = template !== undefined && template.destination.weight === 0 && setting(netns, 'expire_quiescent_template') !== 0;
    if (template !== undefined && (!template.destination.available || quiescent)) {
      state.expire(template);
      template = undefined;
    }
    destination = template?.destination ?? schedule(service, asked);
    if (destination !== undefined) template ??= state.makeTemplate(protocol, client, virtual, port, destination, record.persistentSeconds, now);
  } else destination = schedule(service, asked);
  if (destination === undefined) return undefined;
  const onePacket = record.onePacket === true && packet.protocol === IP_PROTO_UDP;
  const c = state.open(
    packet.protocol,
    packet.src,
    packet.sport,
    packet.dst,
    packet.dport,
    destination,
    { onePacket, conntrack: setting(netns, 'conntrack') !== 0 },
    now,
  );
  if (template !== undefined) state.control(c, template, now);
  state.statistics.add(0, 1, now);
  service.statistics.add(0, 1, now);
  destination.statistics.add(0, 1, now);
  emitIpvs(core, v.place, v.hook, service.traceIndexes, reference(service, destination), formatEndpoint(destination.ip, portOf(c)), packet);
  return c;
}

/** A real server without a port of its own takes the one that was asked for. */
const portOf = (c: IpvsConnection): number => (c.destination.port === 0 ? c.virtualPort : c.destination.port);

/** `at`: 1 = towards the server, 2 = back. */
function countPacket(v: Visit, c: IpvsConnection, at: 1 | 2): void {
  const bytes = ipBytes(v.packet);
  const now = v.core.nowNs;
  const service = v.state.serviceOf(c);
  for (const s of [v.state.statistics, service?.statistics, c.destination.statistics]) {
    s?.add(at, 1, now);
    s?.add(at + 2, bytes, now);
  }
}

/** ip_vs_nat_xmit(), ip_vs_dr_xmit() */
function send(v: Visit, c: IpvsConnection): boolean {
  const { packet } = v;
  const { forwarding } = c.destination.record;
  if (forwarding === 'tunnel') return drop(v, 'IPVS: forwarding by a tunnel is not simulated');
  if (!wayTo(v, c)) return false;
  if (forwarding === 'masq') {
    translate(v, false, c.destination.ip, portOf(c));
    settleConntrack(v, c, true);
  } else untrack(packet);
  packet.ipvs = true;
  return sendOn(v, c);
}

/** __ip_vs_get_out_rt(): a route, a TTL that lasts, an MTU that fits. False: dropped. */
function wayTo(v: Visit, c: IpvsConnection): boolean {
  const { core, netns, packet } = v;
  const { ip } = c.destination;
  const six = isIp6(ip);
  core.nowNs += ROUTE_NS;
  const route = routeOutput(netns, ip);
  if (route.kind === 'error') {
    core.layers.dropWithError(netns, packet, v.place, 'IP_OUTNOROUTES', `IPVS: no route to ${formatIp(ip)}`, six ? { type: 1, code: 3 } : { type: 3, code: 1 });
    return false;
  }
  if (route.local) return true;
  if (packet.ttl <= 1) {
    core.layers.dropWithError(netns, packet, v.place, 'IP_TTL_EXPIRED', `TTL ${packet.ttl}`, six ? { type: 3, code: 0 } : { type: 11, code: 0 });
    return false;
  }
  const bytes = ipBytes(packet);
  const mtu = route.device.mtuBytes;
  if (bytes > mtu && (six || packet.dontFragment) && packet.icmp === undefined) {
    const detail = `${bytes} bytes, MTU of ${route.device.name} is ${mtu}, and DF is set`;
    core.layers.dropWithError(netns, packet, v.place, 'PKT_TOO_BIG', detail, six ? { type: 2, code: 0, mtu } : { type: 3, code: 4, mtu });
    return false;
  }
  packet.ttl -= 1;
  packet.headerRow = -1;
  return true;
}

/** ip_vs_nat_send_or_cont(): to a server on this host the packet just goes on; else it leaves through OUTPUT and POSTROUTING. */
function sendOn(v: Visit, c: IpvsConnection): boolean {
  const { core, netns, packet } = v;
  const route = routeOutput(netns, c.destination.ip);
  if (route.kind === 'error' || route.local) return true;
  packet.taken = true;
  emitRouted(core, route.device.place, route.route, 'output', undefined, packet);
  if (core.hooks.run(netns, OUTPUT, packet, undefined, route.device, route.nextHop))
    core.layers.output(netns, packet, route.route, route.device, route.nextHop, v.inDevice);
  return false;
}

function translate(v: Visit, source: boolean, ip: Packet['src'], port: number): void {
  const { core, packet } = v;
  const oldIp = source ? packet.src : packet.dst;
  const oldPort = source ? packet.sport : packet.dport;
  if (source) {
    packet.src = ip;
    packet.sport = port;
  } else {
    packet.dst = ip;
    packet.dport = port;
  }
  packet.headerRow = -1;
  core.nowNs += TRANSLATE_NS;
  emitTranslated(core, v.place, source ? 'un-IPVS' : 'IPVS', !source, true, oldIp, oldPort, ip, port, packet);
}

function untrack(packet: Skb): void {
  packet.connection = undefined;
  packet.ctReply = false;
  packet.ctState = CT_UNTRACKED;
}

/** ip_vs_update_conntrack(): the answers of a connection that conntrack has not confirmed yet will come from the server. Without net.ipv4.vs.conntrack it forgets the packet. */
function settleConntrack(v: Visit, c: IpvsConnection, towardsServer: boolean): void {
  const { packet } = v;
  if (!c.conntrack) {
    untrack(packet);
    return;
  }
  const connection = packet.connection;
  if (connection === undefined || connection.confirmed || packet.ctReply || c.onePacket) return;
  connection.reply = towardsServer
    ? { ...connection.reply, src: c.destination.ip, sport: portOf(c) }
    : { ...connection.reply, dst: c.virtualIp, dport: c.virtualPort };
}

/** ip_vs_out(): at FORWARD, INPUT and OUTPUT. Answers of real servers get the virtual service as their source. */
export function ipvsOut(core: Core, netns: NetnsState, state: IpvsState, hook: Hook, packet: Skb, inDevice: DeviceState | undefined): boolean {
  if (packet.ipvs || packet.fragmentOffset > 0) return true;
  const v = visit(core, netns, state, hook, packet, inDevice);
  if (packet.icmp !== undefined) return icmpOut(v);
  if (!known(packet.protocol)) return true;
  const c = state.findByAnswer(packet.protocol, packet.src, packet.sport, packet.dst, packet.dport, core.nowNs);
  if (c === undefined || c.destination.record.forwarding !== 'masq') return true;
  countPacket(v, c, 2);
  translate(v, true, c.virtualIp, c.virtualPort);
  state.touch(c, stateAfter(c, packet, 1), core.nowNs);
  packet.ipvs = true;
  settleConntrack(v, c, false);
  return true;
}

const isError = (type: number, six: boolean): boolean => (six ? type >= 1 && type <= 4 : type === 3 || type === 4 || type === 11);

/** ip_vs_out_icmp(): an error about a packet that went to a server comes "from" the virtual service. */
function icmpOut(v: Visit): boolean {
  const { packet, core, state } = v;
  const icmp = packet.icmp;
  const quoted = icmp?.quoted;
  if (icmp === undefined || quoted === undefined || !isError(icmp.type, isIp6(packet.dst)) || !known(quoted.protocol)) return true;
  const c = state.findByAnswer(quoted.protocol, quoted.dst, quoted.dport, quoted.src, quoted.sport, core.nowNs);
  if (c === undefined || c.destination.record.forwarding !== 'masq') return true;
  const inner = copyOf(quoted);
  inner.dst = c.virtualIp;
  inner.dport = c.virtualPort;
  packet.icmp = { ...icmp, quoted: inner };
  packet.contentRow = -1;
  translateAddress(v, true, c.virtualIp);
  packet.ipvs = true;
  if (!c.conntrack) untrack(packet);
  return true;
}

/** ip_vs_in_icmp(): an error about an answer goes to the server that gave it. */
function icmpIn(v: Visit): boolean {
  const { packet, core, state } = v;
  const icmp = packet.icmp;
  const quoted = icmp?.quoted;
  if (icmp === undefined || quoted === undefined || !isError(icmp.type, isIp6(packet.dst)) || !known(quoted.protocol)) return true;
  const c = state.findByClient(quoted.protocol, quoted.dst, quoted.dport, quoted.src, quoted.sport, core.nowNs);
  if (c === undefined || c.destination.record.forwarding !== 'masq') return true;
  if (!wayTo(v, c)) return false;
  const inner = copyOf(quoted);
  inner.src = c.destination.ip;
  inner.sport = portOf(c);
  packet.icmp = { ...icmp, quoted: inner };
  packet.contentRow = -1;
  translateAddress(v, false, c.destination.ip);
  packet.ipvs = true;
  if (!c.conntrack) untrack(packet);
  return sendOn(v, c);
}

function translateAddress(v: Visit, source: boolean, ip: Packet['src']): void {
  const { core, packet } = v;
  const old = source ? packet.src : packet.dst;
  if (source) packet.src = ip;
  else packet.dst = ip;
  packet.headerRow = -1;
  emitTranslated(core, v.place, source ? 'un-IPVS' : 'IPVS', !source, false, old, 0, ip, 0, packet);
}

const copyOf = (quoted: Packet): Packet => (quoted instanceof Skb ? cloneSkb(quoted) : { ...quoted });

/** Priorities of IPVS' hooks, answers before requests (ip_vs_ops4). */
export const IPVS_LOCAL_OUT = -99;
export const IPVS_LOCAL_IN = 98;
export const IPVS_FORWARD = 99;

/** What IPVS does at a hook. */
export function runIpvs(core: Core, netns: NetnsState, state: IpvsState, hook: Hook, packet: Skb, inDevice: DeviceState | undefined): boolean {
  if (hook === FORWARD) {
    // Errors for servers that are not this host's own pass here (ip_vs_forward_icmp).
    if (packet.icmp !== undefined && !packet.ipvs && !icmpIn(visit(core, netns, state, hook, packet, inDevice))) return false;
    return ipvsOut(core, netns, state, hook, packet, inDevice);
  }
  if (hook !== INPUT && hook !== OUTPUT) return true;
  return ipvsOut(core, netns, state, hook, packet, inDevice) && ipvsIn(core, netns, state, hook, packet, inDevice);
}
