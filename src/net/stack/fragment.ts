/** IPv4 fragments: cutting a datagram for a small MTU, and putting it together again. Linux: net/ipv4/ip_output.c, ip_do_fragment; net/ipv4/ip_fragment.c */
import type { DeviceState } from '../device/device-state.ts';
import { emitDelivered, emitDropped } from '../trace/emit.ts';
import { datagramBytes, FRAGMENT6_HEADER_BYTES, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES, transportBytes } from '../wire/lengths.ts';
import type { Core } from './core.ts';
import { EVENT_REASSEMBLY } from './event-queue.ts';
import type { NetnsState, Reassembly } from './netns-state.ts';
import { cloneSkb, type Skb } from './skb.ts';

/** net.ipv4.ipfrag_time and net.ipv6.ip6frag_time */
const REASSEMBLY_NS = 30e9;
const REASSEMBLY6_NS = 60e9;
/** Datagrams in pieces that one netns keeps at once. */
const MAX_REASSEMBLIES = 256;
const MAX_PIECES = 64;

/** What stands before a piece: IPv6 has a header of its own for it. */
const headerBytes = (packet: Skb): number => (typeof packet.dst === 'bigint' ? IPV6_HEADER_BYTES + FRAGMENT6_HEADER_BYTES : IPV4_HEADER_BYTES);

export const isFragment = (packet: Skb): boolean => packet.moreFragments || packet.fragmentOffset > 0;

/** Pieces of at most `mtuBytes` each, in order; every piece but the last carries a multiple of 8 bytes. */
export function cut(packet: Skb, mtuBytes: number): Skb[] {
  const total = transportBytes(packet);
  const room = Math.max(8, (mtuBytes - headerBytes(packet)) & ~7);
  const pieces: Skb[] = [];
  for (let at = 0; at < total; at += room) {
    const piece = at === 0 ? packet : cloneSkb(packet);
    pieces.push(piece);
  }
  const offset = packet.fragmentOffset;
  const more = packet.moreFragments;
  pieces.forEach((piece, i) => {
    const last = i === pieces.length - 1;
    piece.fragmentOffset = offset + i * room;
    piece.fragmentBytes = last ? total - i * room : room;
    piece.moreFragments = last ? more : true;
    piece.dontFragment = false;
    piece.checksumPartial = false;
    piece.fragMaxBytes = 0;
    piece.headerRow = -1;
  });
  return pieces;
}

/**
 * Takes in one piece. Returns the whole datagram when this was the last one missing, else undefined: the piece is kept, or the datagram was given up.
 * The sizes of what was put together stay on the packet, so that it leaves in pieces no larger than it came.
 */
export function reassemble(core: Core, netns: NetnsState, device: DeviceState, piece: Skb): Skb | undefined {
  const key = `${piece.src} ${piece.dst} ${piece.protocol} ${piece.ipId}`;
  let waiting = netns.reassemblies.get(key);
  if (waiting === undefined) {
    if (netns.reassemblies.size >= MAX_REASSEMBLIES) {
      emitDropped(core, device.place, piece, 'FRAG_REASM_TIMEOUT', 'too many datagrams wait for their fragments');
      return undefined;
    }
    waiting = { key, pieces: [], device };
    netns.reassemblies.set(key, waiting);
    core.queue.push(core.nowNs + (typeof piece.dst === 'bigint' ? REASSEMBLY6_NS : REASSEMBLY_NS), EVENT_REASSEMBLY, netns.id, key, true);
  }
  if (waiting.pieces.length >= MAX_PIECES) {
    giveUp(core, netns, key);
    emitDropped(core, device.place, piece, 'FRAG_REASM_TIMEOUT', 'too many fragments of one datagram');
    return undefined;
  }
  waiting.pieces.push(piece);
  const whole = assemble(waiting);
  if (whole === undefined) {
    emitDelivered(core, device.place, piece, 'reassembly', undefined);
    return undefined;
  }
  netns.reassemblies.delete(key);
  return whole;
}

function assemble(waiting: Reassembly): Skb | undefined {
  const pieces = [...waiting.pieces].sort((a, b) => a.fragmentOffset - b.fragmentOffset);
  let end = 0;
  let largest = 0;
  for (const piece of pieces) {
    if (piece.fragmentOffset > end) return undefined;
    end = Math.max(end, piece.fragmentOffset + piece.fragmentBytes);
    largest = Math.max(largest, headerBytes(piece) + piece.fragmentBytes);
  }
  const last = pieces[pieces.length - 1] as Skb;
  const whole = pieces[0] as Skb;
  if (last.moreFragments || end < datagramBytes(whole)) return undefined;
  whole.fragmentBytes = 0;
  whole.fragmentOffset = 0;
  whole.moreFragments = false;
  whole.fragMaxBytes = largest;
  whole.headerRow = -1;
  return whole;
}

/** The time for a datagram is over. */
export function giveUp(core: Core, netns: NetnsState, key: string): void {
  const waiting = netns.reassemblies.get(key);
  if (waiting === undefined) return;
  netns.reassemblies.delete(key);
  for (const piece of waiting.pieces) emitDropped(core, waiting.device.place, piece, 'FRAG_REASM_TIMEOUT', 'the other fragments did not come');
}
