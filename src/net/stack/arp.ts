/** Neighbours: asking for MAC addresses, answering, waiting, and giving up. Linux: net/ipv4/arp.c, net/core/neighbour.c */
import { formatIp, isBroadcastIp } from '../addr/ip.ts';
import { isLoopback } from '../addr/ip4.ts';
import { BROADCAST_MAC } from '../addr/mac.ts';
import { type DeviceState, selectAddress } from '../device/device-state.ts';
import { emitCreated, emitDelivered, emitDropped, emitQueued, emitResolved } from '../trace/emit.ts';
import { type ArpMessage, ETHERTYPE_ARP, type Ip, type Mac } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { ARP_NS, NEIGHBOR_NS } from './costs.ts';
import { EVENT_NEIGHBOR } from './event-queue.ts';
import {
  currentState,
  DELAY_PROBE_NS,
  isConnected,
  LOCK_NS,
  NeighborEntry,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  RETRANSMIT_NS,
  setMac,
} from './neighbor.ts';
import { PACKET_HOST, PACKET_OTHERHOST, type Skb } from './skb.ts';

/** mcast_solicit and ucast_solicit */
const TRIES = 3;
/** unres_qlen: packets that wait for one address. */
const QUEUE_LIMIT = 101;
/** gc_thresh3: entries a device may have. */
const TABLE_LIMIT = 1024;

/** ip_finish_output2(): finds the next hop's MAC, or asks for it while the packet waits. */
export function resolve(core: Core, device: DeviceState, packet: Skb, nextHop: Ip): void {
  if (device.record.type === 'loopback') {
    packet.ethSrc = 0;
    packet.ethDst = 0;
    packet.headerRow = -1;
    core.layers.transmit(device, packet);
    return;
  }
  if (isBroadcastIp(nextHop) || device.addresses.some((a) => a.broadcast === nextHop)) {
    address(device, packet, BROADCAST_MAC);
    core.layers.transmit(device, packet);
    return;
  }
  core.nowNs += NEIGHBOR_NS;
  const now = core.nowNs;
  let entry = device.neighbors.get(nextHop);
  if (entry === undefined) {
    if (device.neighbors.size >= TABLE_LIMIT) forgetOldest(core, device);
    entry = new NeighborEntry(device, nextHop);
    entry.state = NUD_FAILED;
    device.neighbors.set(nextHop, entry);
  }
  entry.usedNs = now;
  switch (currentState(entry, now)) {
    case NUD_FAILED:
      entry.state = NUD_INCOMPLETE;
      entry.probes = 0;
      entry.updatedNs = now;
      wait(core, entry, packet);
      solicit(core, entry, packet);
      return;
    case NUD_INCOMPLETE:
      wait(core, entry, packet);
      return;
    case NUD_STALE:
      // Sent at once; if nobody confirms the neighbour within five seconds it will be asked.
      entry.state = NUD_DELAY;
      setTimer(core, entry, DELAY_PROBE_NS, true);
      break;
    default:
      break;
  }
  send(core, entry, packet, entry.state === NUD_PERMANENT || entry.state === NUD_NOARP ? 'permanent' : 'cache');
}

function send(core: Core, entry: NeighborEntry, packet: Skb, how: 'cache' | 'permanent' | 'arp'): void {
  entry.cachedHeader = true;
  address(entry.device, packet, entry.mac);
  emitResolved(core, entry, how, packet);
  core.layers.transmit(entry.device, packet);
}

/** Writes the Ethernet header. A frame that br_netfilter turned back to its own bridge keeps the client's source MAC. */
function address(device: DeviceState, packet: Skb, destination: Mac): void {
  if (!packet.bridgedDnat) packet.ethSrc = device.mac;
  packet.ethDst = destination;
  packet.headerRow = -1;
}

function wait(core: Core, entry: NeighborEntry, packet: Skb): void {
  if (entry.queue.length >= QUEUE_LIMIT) {
    const oldest = entry.queue.shift() as Skb;
    emitDropped(core, entry.device.place, oldest, 'NEIGH_QUEUEFULL', `${QUEUE_LIMIT} packets wait for ${formatIp(entry.ip)} already`);
  }
  entry.queue.push(packet);
  emitQueued(core, entry.device, entry.ip, packet);
}

/** Sends an ARP request: to everybody while nothing is known, to the old MAC when an entry is only probed. */
function solicit(core: Core, entry: NeighborEntry, about: Skb | undefined): void {
  entry.probes += 1;
  setTimer(core, entry, RETRANSMIT_NS, entry.state === NUD_PROBE);
  const { device } = entry;
  // arp_announce 0: the waiting packet's own source if it is ours, else an address of the device in the target's subnet.
  const own = about !== undefined && device.netns.fib.isLocal(about.src) ? about.src : selectAddress(device, entry.ip);
  if (typeof own !== 'number' || typeof entry.ip !== 'number') return;
  const probing = entry.state === NUD_PROBE;
  const arp: ArpMessage = { operation: 1, senderMac: device.mac, senderIp: own, targetMac: 0, targetIp: entry.ip };
  sendArp(core, device, arp, probing ? entry.mac : BROADCAST_MAC, about === undefined ? -1 : core.log.length - 1);
}

function sendArp(core: Core, device: DeviceState, arp: ArpMessage, destination: Mac, causeSeq: number): void {
  core.nowNs += ARP_NS;
  const packet = core.newSkb();
  packet.etherType = ETHERTYPE_ARP;
  packet.arp = arp;
  packet.ethSrc = device.mac;
  packet.ethDst = destination;
  packet.causeSeq = causeSeq;
  emitCreated(core, device.netns, packet, 'kernel: ARP');
  core.layers.transmit(device, packet);
}

function setTimer(core: Core, entry: NeighborEntry, delayNs: number, housekeeping: boolean): void {
  stopTimer(core, entry);
  entry.timer = core.queue.push(core.nowNs + delayNs, EVENT_NEIGHBOR, entry, undefined, housekeeping, true);
}

/** Nobody waits for this neighbour any more. */
export function stopTimer(core: Core, entry: NeighborEntry): void {
  if (entry.timer >= 0) core.queue.cancel(entry.timer);
  entry.timer = -1;
}

/** A neighbour's timer fired. `seq` is the event's: an older one than the entry's newest means nothing. */
export function neighborTimer(core: Core, entry: NeighborEntry, seq: number): void {
  if (entry.timer !== seq || entry.device.gone) return;
  entry.timer = -1;
  switch (entry.state) {
    case NUD_INCOMPLETE:
      if (entry.probes < TRIES) solicit(core, entry, entry.queue[0]);
      else fail(core, entry);
      return;
    case NUD_DELAY:
      if (core.nowNs <= entry.confirmedNs + DELAY_PROBE_NS) {
        entry.state = NUD_REACHABLE;
        return;
      }
      entry.state = NUD_PROBE;
      entry.probes = 0;
      solicit(core, entry, undefined);
      return;
    case NUD_PROBE:
      if (entry.probes < TRIES) solicit(core, entry, undefined);
      else fail(core, entry);
      return;
    default:
  }
}

/** Nobody answered: every packet that waits is dropped, and its sender told (ipv4_link_failure). */
function fail(core: Core, entry: NeighborEntry): void {
  entry.state = NUD_FAILED;
  entry.updatedNs = core.nowNs;
  entry.cachedHeader = false;
  const waiting = entry.queue;
  entry.queue = [];
  for (const packet of waiting) {
    const detail = `no answer to ${TRIES} ARP requests for ${formatIp(entry.ip)} on ${entry.device.name}`;
    core.layers.dropWithError(entry.device.netns, packet, entry.device.place, 'NEIGH_FAILED', detail, { type: 3, code: 1 });
  }
}

/** arp_rcv(): answers for our own addresses, learns from whoever asks us, and brings known entries up to date. */
export function receiveArp(core: Core, device: DeviceState, packet: Skb): void {
  const arp = packet.arp;
  if (arp === undefined || packet.packetType === PACKET_OTHERHOST) {
    emitDropped(core, device.place, packet, 'OTHERHOST', 'ARP for another host');
    return;
  }
  core.nowNs += ARP_NS;
  const netns = device.netns;
  if (arp.operation === 1 && netns.fib.isLocal(arp.targetIp) && (!isLoopback(arp.targetIp) || netns.routesLocalnet(device))) {
    const seq = emitDelivered(core, device.place, packet, 'kernel: ARP', undefined);
    // 0.0.0.0 asks whether an address is free; it teaches nothing.
    if (arp.senderIp !== 0) learn(core, device, arp.senderIp, arp.senderMac, NUD_STALE, true);
    const reply: ArpMessage = { operation: 2, senderMac: device.mac, senderIp: arp.targetIp, targetMac: arp.senderMac, targetIp: arp.senderIp };
    sendArp(core, device, reply, arp.senderMac, seq);
    return;
  }
  const known = device.neighbors.get(arp.senderIp);
  if (arp.operation === 2 && packet.packetType === PACKET_HOST) {
    emitDelivered(core, device.place, packet, 'kernel: ARP', undefined);
    if (known !== undefined) update(core, known, arp.senderMac, NUD_REACHABLE, core.nowNs > known.updatedNs + LOCK_NS);
    return;
  }
  emitDropped(core, device.place, packet, 'OTHERHOST', `ARP: ${formatIp(arp.targetIp)} is not an address of this host`);
  if (known !== undefined) update(core, known, arp.senderMac, NUD_STALE, core.nowNs > known.updatedNs + LOCK_NS);
}

function learn(core: Core, device: DeviceState, ip: Ip, mac: Mac, state: number, override: boolean): void {
  let entry = device.neighbors.get(ip);
  if (entry === undefined) {
    if (device.neighbors.size >= TABLE_LIMIT) forgetOldest(core, device);
    entry = new NeighborEntry(device, ip);
    entry.state = NUD_FAILED;
    device.neighbors.set(ip, entry);
  }
  update(core, entry, mac, state, override);
}

/** neigh_update() */
function update(core: Core, entry: NeighborEntry, mac: Mac, state: number, override: boolean): void {
  if (entry.state === NUD_PERMANENT || entry.state === NUD_NOARP) return;
  const now = core.nowNs;
  const old = currentState(entry, now);
  const wasValid = old !== NUD_INCOMPLETE && old !== NUD_FAILED;
  let next = state;
  if (wasValid && entry.mac !== mac) {
    // Too fresh to be replaced: the other MAC is not believed.
    if (!override) return;
    entry.cachedHeader = false;
  } else if (wasValid && next === NUD_STALE) next = old;
  if (next === NUD_REACHABLE) entry.confirmedNs = now;
  if (next !== old || entry.mac !== mac) entry.updatedNs = now;
  setMac(entry, mac);
  entry.state = next;
  if (next === NUD_REACHABLE || (next === NUD_STALE && !wasValid)) {
    entry.probes = 0;
    stopTimer(core, entry);
  }
  if (!wasValid) release(core, entry, 'arp');
}

/** The MAC is known now: what waited for it goes. */
function release(core: Core, entry: NeighborEntry, how: 'arp' | 'permanent'): void {
  const waiting = entry.queue;
  entry.queue = [];
  for (const packet of waiting) {
    if (entry.state === NUD_STALE) {
      entry.state = NUD_DELAY;
      setTimer(core, entry, DELAY_PROBE_NS, true);
    }
    send(core, entry, packet, how);
  }
}

/** Somebody wrote the neighbour down (`ip neigh add`): nobody needs to ask any more. */
export function settled(core: Core, entry: NeighborEntry): void {
  stopTimer(core, entry);
  release(core, entry, 'permanent');
}

/** Makes room: the entry that was not used for longest and is neither written nor waited for. */
function forgetOldest(core: Core, device: DeviceState): void {
  let oldest: NeighborEntry | undefined;
  for (const entry of device.neighbors.values()) {
    if (entry.origin !== undefined || entry.queue.length > 0 || isConnected(entry.state)) continue;
    if (oldest === undefined || entry.usedNs < oldest.usedNs) oldest = entry;
  }
  if (oldest === undefined) return;
  stopTimer(core, oldest);
  device.neighbors.delete(oldest.ip);
}

/** Forgets a neighbour; what waited for it is lost with its device. */
export function forget(core: Core, entry: NeighborEntry): void {
  stopTimer(core, entry);
  const waiting = entry.queue;
  entry.queue = [];
  for (const packet of waiting)
    emitDropped(core, entry.device.place, packet, 'NEIGH_FAILED', `${entry.device.name} went away while the packet waited for ${formatIp(entry.ip)}`);
  entry.device.neighbors.delete(entry.ip);
}

/** A packet like this one still waits for ARP here: TCP does not queue a second copy of a segment (skb_still_in_host_queue). */
export function stillQueued(device: DeviceState, nextHop: Ip, packet: Skb): boolean {
  const entry = device.neighbors.get(nextHop);
  if (entry === undefined || entry.state !== NUD_INCOMPLETE || packet.tcp === undefined) return false;
  return entry.queue.some(
    (q) =>
      q.tcp !== undefined &&
      q.src === packet.src &&
      q.dst === packet.dst &&
      q.sport === packet.sport &&
      q.dport === packet.dport &&
      q.tcp.seq === packet.tcp?.seq,
  );
}
