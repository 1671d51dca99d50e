/** The life of a neighbour entry: asking, waiting, believing, doubting, giving up; for ARP and for neighbour discovery. Linux: net/core/neighbour.c */
import { Prng } from '../../base/prng.ts';
import { formatIp } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import { emitDropped, emitQueued, emitResolved } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import type { Ip, Mac } from '../wire/packet.ts';
import { solicitArp } from './arp-send.ts';
import type { Core } from './core.ts';
import { NEIGHBOR_NS } from './costs.ts';
import type { NeighborSettings } from './device-settings.ts';
import { EVENT_NEIGHBOR } from './event-queue.ts';
import { solicitNeighbor } from './nd-send.ts';
import {
  isConnected,
  isInTimer,
  isValid,
  NeighborEntry,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  setMac,
} from './neighbor.ts';
import type { Skb } from './skb.ts';
import { sysctl } from './sysctl.ts';
import { wheelExpiryNs } from './timer-wheel.ts';

/** The kernel draws a device's reachable time anew so often. */
const REDRAW_NS = 300e9;
/** gc_stale_time: what was not used for so long goes when the table fills. */
const STALE_NS = 60e9;
/** An entry so young survives the collection in need (neigh_forced_gc). */
const YOUNG_NS = 5e9;

const settingsOf = (device: DeviceState, ip: Ip): NeighborSettings => {
  const settings = device.netns.settings(device);
  return typeof ip === 'bigint' ? settings.neighbor6 : settings.neighbor;
};

/** neigh_rand_reach_time(): 0.5 to 1.5 times the base, one draw a device, renewed every five minutes. */
export function reachableNs(core: Core, device: DeviceState, ip: Ip): number {
  const draw = Prng.fork(core.seed, `${device.id} reachable time ${Math.floor(core.nowNs / REDRAW_NS)}`).float();
  return Math.floor((0.5 + draw) * settingsOf(device, ip).baseReachableNs);
}

/** The entry for a next hop, made when there is none; undefined when the table is full. */
function entryOf(core: Core, device: DeviceState, ip: Ip): NeighborEntry | undefined {
  const known = device.neighbors.get(ip);
  if (known !== undefined) return known;
  if (!makeRoom(core, device)) return undefined;
  const entry = new NeighborEntry(device, ip);
  entry.state = NUD_FAILED;
  entry.usedNs = core.nowNs;
  device.neighbors.set(ip, entry);
  return entry;
}

/** Behind the routing decision: the next hop's MAC is known, or the packet waits while it is asked for. */
export function resolveNeighbor(core: Core, device: DeviceState, packet: Skb, nextHop: Ip): void {
  core.nowNs += NEIGHBOR_NS;
  const now = core.nowNs;
  const entry = entryOf(core, device, nextHop);
  if (entry === undefined) {
    emitDropped(core, device.place, packet, 'NEIGH_CREATEFAIL', 'neighbor table overflow');
    return;
  }
  entry.usedNs = now;
  switch (entry.state) {
    case NUD_FAILED:
      entry.state = NUD_INCOMPLETE;
      entry.probes = 0;
      entry.updatedNs = now;
      wait(core, entry, packet);
      probe(core, entry, packet);
      return;
    case NUD_INCOMPLETE:
      wait(core, entry, packet);
      return;
    case NUD_STALE:
      delay(core, entry);
      break;
    default:
  }
  send(core, entry, packet, entry.state === NUD_PERMANENT || entry.state === NUD_NOARP ? 'permanent' : 'cache');
}

/** neigh_event_send() without a packet. */
export function askNeighbor(core: Core, device: DeviceState, ip: Ip): void {
  const entry = entryOf(core, device, ip);
  if (entry === undefined) return;
  entry.usedNs = core.nowNs;
  if (entry.state === NUD_STALE) delay(core, entry);
  if (entry.state !== NUD_FAILED) return;
  entry.state = NUD_INCOMPLETE;
  entry.probes = 0;
  entry.updatedNs = core.nowNs;
  probe(core, entry, undefined);
}

/** Used while stale: it is believed a little longer, and asked if nobody confirms it meanwhile. */
function delay(core: Core, entry: NeighborEntry): void {
  entry.state = NUD_DELAY;
  entry.updatedNs = core.nowNs;
  setTimer(core, entry, settingsOf(entry.device, entry.ip).delayFirstProbeNs, true);
}

function send(core: Core, entry: NeighborEntry, packet: Skb, how: 'cache' | 'permanent' | 'arp' | 'nd'): void {
  entry.cachedHeader = true;
  writeHeader(entry.device, packet, entry.mac);
  emitResolved(core, entry, how, packet);
  core.layers.transmit(entry.device, packet);
}

/** Writes the Ethernet header. A frame that br_netfilter turned back to its own bridge keeps the client's source MAC. */
export function writeHeader(device: DeviceState, packet: Skb, destination: Mac): void {
  packet.raw = false;
  packet.vlan = 0;
  if (!packet.bridgedDnat) packet.ethSrc = device.mac;
  packet.ethDst = destination;
  packet.headerRow = -1;
}

/** skb->truesize: the allocator's next power of two for data, headroom and shared info, and the sk_buff itself. */
function trueSize(packet: Skb): number {
  const data = ipBytes(packet) + 480;
  return 256 + 2 ** Math.max(9, Math.ceil(Math.log2(data)));
}

function wait(core: Core, entry: NeighborEntry, packet: Skb): void {
  const bytes = trueSize(packet);
  const limit = settingsOf(entry.device, entry.ip).queueBytes;
  while (entry.queue.length > 0 && entry.queueBytes + bytes > limit) {
    const oldest = entry.queue.shift() as Skb;
    entry.queueBytes -= trueSize(oldest);
    emitDropped(core, entry.device.place, oldest, 'NEIGH_QUEUEFULL', `too many packets wait for ${formatIp(entry.ip)} (unres_qlen_bytes ${limit})`);
  }
  entry.queue.push(packet);
  entry.queueBytes += bytes;
  emitQueued(core, entry.device, entry.ip, packet);
}

function takeQueue(entry: NeighborEntry): Skb[] {
  const waiting = entry.queue;
  entry.queue = [];
  entry.queueBytes = 0;
  return waiting;
}

/** neigh_probe(): asks everybody while nothing is known, the old MAC while an entry is only doubted. `about` is the packet it is for. */
function probe(core: Core, entry: NeighborEntry, about: Skb | undefined): void {
  entry.probes += 1;
  const probing = entry.state === NUD_PROBE;
  setTimer(core, entry, settingsOf(entry.device, entry.ip).retransmitNs, probing);
  if (typeof entry.ip === 'bigint') solicitNeighbor(core, entry.device, entry.ip, probing, about);
  else solicitArp(core, entry.device, entry.ip, probing ? entry.mac : undefined, about);
}

function setTimer(core: Core, entry: NeighborEntry, delayNs: number, housekeeping: boolean): void {
  stopTimer(core, entry);
  entry.timer = core.queue.push(wheelExpiryNs(core.nowNs, delayNs), EVENT_NEIGHBOR, entry, undefined, housekeeping, true);
}

/** Nobody waits for this neighbour any more. */
export function stopTimer(core: Core, entry: NeighborEntry): void {
  if (entry.timer >= 0) core.queue.cancel(entry.timer);
  entry.timer = -1;
}

/** neigh_timer_handler(). `seq` is the event's: an older one than the entry's newest means nothing. */
export function neighborTimer(core: Core, entry: NeighborEntry, seq: number): void {
  if (entry.timer !== seq || entry.device.gone) return;
  entry.timer = -1;
  const now = core.nowNs;
  const settings = settingsOf(entry.device, entry.ip);
  switch (entry.state) {
    case NUD_REACHABLE: {
      const until = entry.confirmedNs + reachableNs(core, entry.device, entry.ip);
      if (now < until) setTimer(core, entry, until - now, true);
      else if (now <= entry.usedNs + settings.delayFirstProbeNs) delay(core, entry);
      else {
        entry.state = NUD_STALE;
        entry.updatedNs = now;
      }
      return;
    }
    case NUD_DELAY:
      if (now <= entry.confirmedNs + settings.delayFirstProbeNs) {
        reach(core, entry);
        return;
      }
      entry.state = NUD_PROBE;
      entry.updatedNs = now;
      entry.probes = 0;
      probe(core, entry, undefined);
      return;
    case NUD_PROBE:
      if (entry.probes < settings.unicastTries) probe(core, entry, undefined);
      else fail(core, entry, settings.unicastTries);
      return;
    case NUD_INCOMPLETE:
      if (entry.probes < settings.multicastTries) probe(core, entry, entry.queue[entry.queue.length - 1]);
      else fail(core, entry, settings.multicastTries);
      return;
    default:
  }
}

function reach(core: Core, entry: NeighborEntry): void {
  entry.state = NUD_REACHABLE;
  entry.updatedNs = core.nowNs;
  setTimer(core, entry, Math.max(0, entry.confirmedNs + reachableNs(core, entry.device, entry.ip) - core.nowNs), true);
}

/** Nobody answered: every packet that waits is dropped, and its sender told (ipv4_link_failure, ip6_link_failure). */
function fail(core: Core, entry: NeighborEntry, tries: number): void {
  entry.state = NUD_FAILED;
  entry.updatedNs = core.nowNs;
  entry.cachedHeader = false;
  const error = typeof entry.ip === 'number' ? { type: 3, code: 1 } : { type: 1, code: 3 };
  const question = typeof entry.ip === 'number' ? 'ARP requests' : 'neighbour solicitations';
  for (const packet of takeQueue(entry)) {
    const detail = `no answer to ${tries} ${question} for ${formatIp(entry.ip)} on ${entry.device.name}`;
    core.layers.dropWithError(entry.device.netns, packet, entry.device.place, 'NEIGH_FAILED', detail, error);
  }
}

/** Learns from what a neighbour says of itself, making an entry if need be. */
export function learn(core: Core, device: DeviceState, ip: Ip, mac: Mac, state: number, override: boolean): NeighborEntry | undefined {
  const entry = entryOf(core, device, ip);
  if (entry !== undefined) update(core, entry, mac, state, override);
  return entry;
}

/** neigh_update(): a message says that the neighbour has this MAC. `byHand`: somebody with administrator's rights does (`ip neigh`). */
export function update(core: Core, entry: NeighborEntry, mac: Mac, state: number, override: boolean, byHand = false): void {
  const old = entry.state;
  if (!byHand && (old === NUD_PERMANENT || old === NUD_NOARP)) return;
  const now = core.nowNs;
  const wasValid = isValid(old);
  let next = state;
  if (isConnected(next)) entry.confirmedNs = now;
  if (wasValid && entry.mac !== mac) {
    // Too fresh to be replaced: the other MAC is not believed.
    if (!override) return;
    entry.cachedHeader = false;
  } else if (wasValid && next === NUD_STALE && !byHand) next = old;
  const moved = entry.mac !== mac;
  if (next !== old || moved) entry.updatedNs = now;
  setMac(entry, mac);
  if (next !== old) {
    stopTimer(core, entry);
    entry.state = next;
    if (next === NUD_PROBE) entry.probes = 0;
    if (next === NUD_REACHABLE) reach(core, entry);
    else if (isInTimer(next)) setTimer(core, entry, 0, true);
  }
  // What stays unconfirmed with a new MAC counts as long unconfirmed.
  if (moved && !isConnected(next)) entry.confirmedNs = now - 2 * settingsOf(entry.device, entry.ip).baseReachableNs;
  if (!wasValid) release(core, entry, typeof entry.ip === 'bigint' ? 'nd' : 'arp');
}

/** Somebody with administrator's rights writes a state that passes by itself (`ip neigh … nud reachable`). */
export function writeNeighbor(
  core: Core,
  device: DeviceState,
  ip: Ip,
  mac: Mac | undefined,
  state: 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED',
): void {
  const entry = entryOf(core, device, ip);
  if (entry === undefined) return;
  entry.origin = undefined;
  if (state !== 'FAILED') {
    const states = { REACHABLE: NUD_REACHABLE, STALE: NUD_STALE, DELAY: NUD_DELAY, PROBE: NUD_PROBE } as const;
    update(core, entry, mac ?? entry.mac, states[state], true, true);
    return;
  }
  stopTimer(core, entry);
  fail(core, entry, 0);
}

/** The MAC is known now: what waited for it goes. */
function release(core: Core, entry: NeighborEntry, how: 'arp' | 'nd' | 'permanent'): void {
  for (const packet of takeQueue(entry)) {
    entry.usedNs = core.nowNs;
    if (entry.state === NUD_STALE) delay(core, entry);
    send(core, entry, packet, how);
  }
}

/** Somebody wrote the neighbour down (`ip neigh add`): nobody needs to ask any more. */
export function settled(core: Core, entry: NeighborEntry): void {
  stopTimer(core, entry);
  release(core, entry, 'permanent');
}

/** Entries of a netns that count and may be collected: not those somebody wrote. */
function collectable(device: DeviceState): NeighborEntry[] {
  const entries: NeighborEntry[] = [];
  for (const one of device.netns.devices.values()) {
    for (const entry of one.neighbors.values()) if (entry.origin === undefined && entry.state !== NUD_PERMANENT) entries.push(entry);
  }
  return entries;
}

/** neigh_alloc() with its two collections; false when the table stays full (gc_thresh3). */
function makeRoom(core: Core, device: DeviceState): boolean {
  const { sysctls } = device.netns.record;
  const threshold = (n: 1 | 2 | 3): number => sysctl(sysctls, `net.ipv4.neigh.default.gc_thresh${n}`);
  let known = 0;
  for (const one of device.netns.devices.values()) known += one.neighbors.size;
  if (known < threshold(1)) return true;
  const now = core.nowNs;
  let entries = collectable(device);
  const drop = (goes: (entry: NeighborEntry) => boolean): void => {
    entries = entries.filter((entry) => {
      if (entry.queue.length > 0 || !goes(entry)) return true;
      stopTimer(core, entry);
      entry.device.neighbors.delete(entry.ip);
      return false;
    });
  };
  drop((entry) => !isInTimer(entry.state) && (entry.state === NUD_FAILED || now > entry.usedNs + STALE_NS));
  if (entries.length >= threshold(2)) drop((entry) => entry.state === NUD_FAILED || now > entry.updatedNs + YOUNG_NS);
  return entries.length < threshold(3);
}

/** Forgets a neighbour; what waited for it is lost with its device. */
export function forget(core: Core, entry: NeighborEntry): void {
  stopTimer(core, entry);
  for (const packet of takeQueue(entry))
    emitDropped(core, entry.device.place, packet, 'NEIGH_FAILED', `${entry.device.name} went away while the packet waited for ${formatIp(entry.ip)}`);
  entry.device.neighbors.delete(entry.ip);
}

/** A packet like this one still waits for its neighbour here: TCP does not queue a second copy of a segment (skb_still_in_host_queue). */
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
