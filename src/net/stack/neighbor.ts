/** What a kernel knows of a neighbour's MAC address, and since when. Linux: include/net/neighbour.h */
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
  /** Packets that wait for the MAC, the oldest first, and the memory they take. */
  queue: Skb[] = [];
  queueBytes = 0;
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
/** NUD_IN_TIMER: something will happen to it by itself. */
export const isInTimer = (state: number): boolean => state === NUD_INCOMPLETE || state === NUD_REACHABLE || state === NUD_DELAY || state === NUD_PROBE;

export function setMac(entry: NeighborEntry, mac: Mac): void {
  if (entry.mac === mac) return;
  entry.mac = mac;
  entry.traceIndex = -1;
}
