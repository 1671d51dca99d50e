/** What a kernel knows of a neighbour's MAC address, and since when. Linux: net/core/neighbour.c */
import type { Origin } from '../../base/origin.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { Ip, Mac } from '../wire/packet.ts';
import type { Skb } from './skb.ts';

export const NUD_INCOMPLETE = 1;
export const NUD_REACHABLE = 2;
export const NUD_STALE = 3;
export const NUD_DELAY = 4;
export const NUD_PROBE = 5;
export const NUD_FAILED = 6;
export const NUD_PERMANENT = 7;
export const NUD_NOARP = 8;
export const NUD_NAMES = ['', 'INCOMPLETE', 'REACHABLE', 'STALE', 'DELAY', 'PROBE', 'FAILED', 'PERMANENT', 'NOARP'] as const;

const NS = 1e9;
/** base_reachable_time; the kernel takes 0.5 to 1.5 times it by chance, here it is exact. */
export const REACHABLE_NS = 30 * NS;
export const DELAY_PROBE_NS = 5 * NS;
/** retrans_time is 1 s; the kernel's timer wheel at HZ=250 rounds 250 jiffies up to 256. Three tries took 3.07 s when measured. */
export const RETRANSMIT_NS = 1.024 * NS;
/** An entry younger than this is not overwritten by another MAC (LOCKTIME). */
export const LOCK_NS = NS;

export class NeighborEntry {
  readonly device: DeviceState;
  readonly ip: Ip;
  mac: Mac = 0;
  state = NUD_INCOMPLETE;
  /** Tries since the last answer. */
  probes = 0;
  confirmedNs = 0;
  updatedNs = 0;
  usedNs = 0;
  /** Packets that wait for the MAC, the oldest first. */
  queue: Skb[] = [];
  /** A ready-made Ethernet header exists (neigh->hh): some packet has gone out by this entry. br_netfilter looks at it. */
  cachedHeader = false;
  /** Where it comes from when somebody wrote it. */
  origin: Origin | undefined = undefined;
  /** Its pending timer event, -1 for none: an event that is not the newest is stale. */
  timer = -1;
  /** Interned reference in the trace log for its present MAC. */
  traceIndex = -1;

  constructor(device: DeviceState, ip: Ip) {
    this.device = device;
    this.ip = ip;
  }
}

/** NUD_CONNECTED: no need to ask before sending. */
export const isConnected = (state: number): boolean => state === NUD_REACHABLE || state === NUD_PERMANENT || state === NUD_NOARP;
export const isValid = (state: number): boolean => state !== NUD_INCOMPLETE && state !== NUD_FAILED;

/** REACHABLE runs out by time alone; nobody is woken for it. */
export function currentState(entry: NeighborEntry, nowNs: number): number {
  if (entry.state === NUD_REACHABLE && nowNs > entry.confirmedNs + REACHABLE_NS) entry.state = NUD_STALE;
  return entry.state;
}

export function setMac(entry: NeighborEntry, mac: Mac): void {
  if (entry.mac === mac) return;
  entry.mac = mac;
  entry.traceIndex = -1;
}
