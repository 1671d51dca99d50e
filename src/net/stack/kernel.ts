/** What the kernel side offers to sockets and programs: the engine's half of the seam in userland.ts. */

import type { RecordStore } from '../../base/record-store.ts';
import { isBroadcastIp } from '../addr/ip.ts';
import { mayBind, translateBack, translateCall } from '../bpf/socket-lb.ts';
import type { ConnectionListeners } from '../conntrack/listeners.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { NetRecord } from '../records.ts';
import { emitBpf, emitCreated, emitDelivered, emitDropped } from '../trace/emit.ts';
import { ROW_PRINTED, ROW_TLS } from '../trace/trace-log.ts';
import { ipBytes } from '../wire/lengths.ts';
import { ETHERTYPE_IPV6, IP_PROTO_TCP, IP_PROTO_UDP, type Ip, type Packet, TCP_RST } from '../wire/packet.ts';
import { sendArp } from './arp-send.ts';
import type { Core } from './core.ts';
import { EVENT_TIMER } from './event-queue.ts';
import { RTN_BROADCAST } from './fib.ts';
import { sendError } from './icmp.ts';
import { sourceFor } from './ip6-source.ts';
import { stillQueued } from './neighbor-machine.ts';
import type { NetnsState } from './netns-state.ts';
import { pathMtu, routeOutput } from './routing.ts';
import { CT_NONE, PACKET_HOST, Skb } from './skb.ts';
import { sysctl } from './sysctl.ts';
import type { TapTable } from './taps.ts';
import { wheelExpiryNs } from './timer-wheel.ts';
import type { Errno, Kernel, RouteQuery } from './userland.ts';

export function createKernel(core: Core, records: RecordStore<NetRecord>, taps: TapTable, listeners: ConnectionListeners): Kernel {
  const placeOf = (netns: string): number => core.netns.get(netns)?.place ?? 0;
  return {
    get nowNs() {
      return core.nowNs;
    },
    records,
    prng: (name) => core.prng(name),
    newPacket: (uid = 0) => {
      const packet = core.newSkb();
      packet.uid = uid;
      return packet;
    },
    output: (netns, packet, by, bound, raw = false) => {
      const state = core.netns.get(netns);
      return state === undefined ? 'ENETDOWN' : output(core, state, packet, by, bound === undefined ? undefined : state.deviceByName(bound), raw);
    },
    routeFor: (netns, dst, flow) => {
      const state = core.netns.get(netns);
      return state === undefined ? 'ENETDOWN' : routeFor(core, state, dst, flow);
    },
    isBroadcast: (netns, ip) => isBroadcastIp(ip) || core.netns.get(netns)?.fib.typeOf(ip) === RTN_BROADCAST,
    socketHooks: {
      get active() {
        return core.bpf.size > 0;
      },
      connect: (call) => translateCall(core, call, 'cil_sock4_connect'),
      sendmsg: (call) => translateCall(core, call, 'cil_sock4_sendmsg'),
      recvmsg: (call) => translateBack(core, call, 'cil_sock4_recvmsg'),
      getpeername: (call) => translateBack(core, call, 'cil_sock4_getpeername'),
      postBind: (call) => mayBind(core, call),
      note: (packet, note) => {
        if (packet instanceof Skb) packet.socketNote = note;
      },
    },
    originalDestination: (netns, local, remote) => {
      const found = core.netns.get(netns)?.connections.find(local.ip, remote.ip, local.port, remote.port, IP_PROTO_TCP, -1, core.nowNs);
      return found === undefined ? undefined : { ip: found.connection.original.dst, port: found.connection.original.dport };
    },
    isLocalAddress: (netns, ip) => core.netns.get(netns)?.fib.isLocal(ip) ?? false,
    sysctl: (netns, name) => sysctl(core.netns.get(netns)?.record.sysctls ?? {}, name),
    count: (netns, name, by) => core.netns.get(netns)?.mib.count(name, by),
    setTimer: (delayNs, token, housekeeping) => {
      const delay = Math.max(0, delayNs);
      // Sockets' timers are the wheel's; programs sleep by clocks that are exact.
      const timeNs = token.kind === 'socket' ? wheelExpiryNs(core.nowNs, delay) : core.nowNs + delay;
      return core.queue.push(timeNs, EVENT_TIMER, token, undefined, housekeeping === true, true);
    },
    cancelTimer: (id) => core.queue.cancel(id),
    traceDelivered: (netns, packet, to, process) => emitDelivered(core, placeOf(netns), adopt(packet), to, process === '' ? undefined : process),
    traceDropped: (netns, packet, reason, detail) => emitDropped(core, placeOf(netns), adopt(packet), reason, detail),
    tracePrinted: (netns, process, stream, text) => {
      if (!core.log.enabled) return core.log.skip();
      return core.log.add(core.nowNs, ROW_PRINTED, 0, placeOf(netns), undefined, core.log.object({ kind: 'printed', process, stream, text }), 0, 0);
    },
    traceTls: (netns, process, note) => {
      if (!core.log.enabled) return core.log.skip();
      return core.log.add(core.nowNs, ROW_TLS, 0, placeOf(netns), undefined, core.log.object({ kind: 'tls', process, ...note }), 0, 0);
    },
    sendIcmpError: (netns, packet, type, code) => {
      const state = core.netns.get(netns);
      if (state !== undefined) sendError(core, state, adopt(packet), { type, code }, core.log.length - 1);
    },
    sendArp: (netns, device, arp, destination, by) => {
      const state = core.netns.get(netns)?.deviceByName(device);
      if (state === undefined || !state.up) return 'ENETDOWN';
      sendArp(core, state, arp, destination, -1, by);
      return 'ok';
    },
    setTap: (netns, device, processId, on, promiscuous) => {
      const wasPromiscuous = taps.set(netns, device, processId, on, promiscuous);
      // tcpdump on a device makes it promiscuous; on `any` it does not.
      const state = device === 'any' || !(on ? promiscuous : wasPromiscuous) ? undefined : core.netns.get(netns)?.deviceByName(device);
      if (state !== undefined) state.promiscuous = Math.max(0, state.promiscuous + (on ? 1 : -1));
    },
    listenConnections: (netns, processId, on) => {
      listeners.set(netns, processId, on);
      listeners.attach(core.netns, core.connectionEvent);
    },
    collectConnections: (netns) => {
      core.netns.get(netns)?.connections.collect(core.nowNs);
    },
  };
}

/** The engine's own kind of packet: what `newPacket` made, or a copy of something else that looks like one. */
function adopt(packet: Packet): Skb {
  return packet instanceof Skb ? packet : Object.assign(new Skb(packet.id), packet);
}

function output(core: Core, netns: NetnsState, given: Packet, by: string, bound: DeviceState | undefined, raw: boolean): 'ok' | Errno {
  const packet = adopt(given);
  const route = routeOutput(netns, packet.dst, packet, bound);
  if (route.kind === 'error') return route.errno;
  if (packet.dontFragment && ipBytes(packet) > pathMtu(netns, route.route, route.device, packet.dst, core.nowNs)) return 'EMSGSIZE';
  if (packet.tcp !== undefined && !route.local && stillQueued(route.device, route.nextHop, packet)) return 'ok';
  // A RST that no socket sends (tcp_v4_send_reset) has its checksum computed at once.
  packet.checksumPartial = raw
    ? false
    : packet.tcp === undefined
      ? packet.protocol === IP_PROTO_UDP
      : packet.tcp.window !== 0 || (packet.tcp.flags & TCP_RST) === 0;
  // A RST answers for a socket that is not there.
  if (packet.tcp !== undefined && (packet.tcp.flags & TCP_RST) !== 0) packet.uid = -1;
  packet.headerRow = -1;
  packet.contentRow = -1;
  packet.packetType = PACKET_HOST;
  if (netns.secondCpuRatio > 0) packet.cpu = core.prng(`${netns.hostId} cpu`).float() < netns.secondCpuRatio ? 1 : 0;
  packet.connection = undefined;
  packet.ctState = CT_NONE;
  packet.ctReply = false;
  if (packet.src === 0) packet.src = sourceFor(netns, route, packet.dst) ?? 0;
  if (typeof packet.dst === 'bigint') packet.etherType = ETHERTYPE_IPV6;
  if (packet.tcp !== undefined) confirmNeighbor(core, netns, packet.dst, route.device, route.nextHop);
  emitCreated(core, netns, packet, by);
  if (packet.socketNote !== undefined) {
    emitBpf(core, netns.place, packet, packet.socketNote);
    packet.socketNote = undefined;
  }
  return core.layers.localOut(netns, packet, bound);
}

/** Of a peer that has acknowledged something new the neighbour on the way is known to be there (sock_confirm_neigh). */
function confirmNeighbor(core: Core, netns: NetnsState, peer: Ip, device: DeviceState, nextHop: Ip): void {
  const progress = netns.confirmations.get(peer);
  if (progress?.pending !== true) return;
  netns.confirmations.set(peer, { ack: progress.ack, pending: false });
  const entry = device.neighbors.get(nextHop);
  if (entry !== undefined) entry.confirmedNs = core.nowNs;
}

function routeFor(
  core: Core,
  netns: NetnsState,
  dst: Ip,
  flow: RouteQuery | undefined,
): { readonly source: Ip; readonly mtuBytes: number; readonly device: string } | Errno {
  const bound = flow?.device === undefined ? undefined : netns.deviceByName(flow.device);
  if (flow?.device !== undefined && bound === undefined) return 'ENODEV';
  const fields = { src: flow?.source ?? 0, mark: flow?.mark ?? 0, protocol: flow?.protocol ?? 0, sport: 0, dport: 0 };
  const route = routeOutput(netns, dst, fields, bound);
  if (route.kind === 'error') return route.errno;
  const source = flow?.source ?? sourceFor(netns, route, dst);
  if (source === undefined) return 'EADDRNOTAVAIL';
  return { source, mtuBytes: pathMtu(netns, route.route, route.device, dst, core.nowNs), device: route.device.name };
}
