/** IPv4 fragments: cutting a datagram for a small MTU, and putting it together again. Linux: net/ipv4/ip_output.c, ip_do_fragment; net/ipv4/ip_fragment.c */
import type { DeviceState } from '../device/device-state.ts';
import { emitDelivered, emitDropped } from '../trace/emit.ts';
import { datagramBytes, FRAGMENT6_HEADER_BYTES, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES, transportBytes } from '../wire/lengths.ts';
import type { Core } from './core.ts';
import { EVENT_REASSEMBLY } from './event-queue.ts';
import type { NetnsState, Reassembly } from './netns-state.ts';
import { cloneSkb, type Skb } from './skb.ts';
import { sysctl } from './sysctl.ts';

/** net.ipv6.ip6frag_time */
const REASSEMBLY6_NS = 60e9;

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

/** Memory of a kept piece: the allocator's next power of two, and the sk_buff itself. */
const memoryOf = (piece: Skb): number => 256 + 2 ** Math.max(9, Math.ceil(Math.log2(headerBytes(piece) + piece.fragmentBytes + 480)));

/**
 * Takes in one piece. Returns the whole datagram when this was the last one missing, else undefined: the piece is kept, or it or the datagram was given up.
 * The sizes of what was put together stay on the packet, so that it leaves in pieces no larger than it came.
 */
export function reassemble(core: Core, netns: NetnsState, device: DeviceState, piece: Skb): Skb | undefined {
  const key = `${piece.src} ${piece.dst} ${piece.protocol} ${piece.ipId}`;
  const waiting = netns.reassemblies.get(key) ?? begin(core, netns, device, key, piece);
  if (waiting === undefined) return undefined;
  const fits = place(waiting, piece);
  if (fits === 'duplicate') {
    emitDropped(core, device.place, piece, 'DUP_FRAG', 'this fragment was there already');
    return undefined;
  }
  if (fits !== 'new') {
    // Overlapping fragments are an attack or a fault: nothing of the datagram is believed (RFC 5722, and IPv4 since Linux 4.19).
    discard(core, netns, waiting, fits);
    emitDropped(core, device.place, piece, 'NOT_SPECIFIED', fits);
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

/** The first piece of a datagram; undefined where memory for fragments is used up (ipfrag_high_thresh). */
function begin(core: Core, netns: NetnsState, device: DeviceState, key: string, piece: Skb): Reassembly | undefined {
  const { sysctls } = netns.record;
  let bytes = 0;
  for (const other of netns.reassemblies.values()) for (const kept of other.pieces) bytes += memoryOf(kept);
  if (bytes > sysctl(sysctls, 'net.ipv4.ipfrag_high_thresh')) {
    emitDropped(core, device.place, piece, 'NOMEM', 'too many fragments wait for their others (ipfrag_high_thresh)');
    return undefined;
  }
  const lifeNs = typeof piece.dst === 'bigint' ? REASSEMBLY6_NS : sysctl(sysctls, 'net.ipv4.ipfrag_time') * 1e9;
  const waiting: Reassembly = { key, pieces: [], device, endsNs: core.nowNs + lifeNs };
  netns.reassemblies.set(key, waiting);
  core.queue.push(waiting.endsNs, EVENT_REASSEMBLY, netns.id, key, true);
  return waiting;
}

const endOf = (piece: Skb): number => piece.fragmentOffset + piece.fragmentBytes;

/** inet_frag_queue_insert(), with the length checks of ip_frag_queue(). */
function place(waiting: Reassembly, piece: Skb): 'new' | 'duplicate' | string {
  const last = waiting.pieces.find((other) => !other.moreFragments);
  if (last !== undefined && (endOf(piece) > endOf(last) || (!piece.moreFragments && endOf(piece) !== endOf(last))))
    return 'a fragment reaches beyond the end of its datagram';
  if (!piece.moreFragments && waiting.pieces.some((other) => endOf(other) > endOf(piece))) return 'a fragment reaches beyond the end of its datagram';
  for (const other of waiting.pieces) {
    if (piece.fragmentOffset >= other.fragmentOffset && endOf(piece) <= endOf(other)) return 'duplicate';
    if (piece.fragmentOffset < endOf(other) && endOf(piece) > other.fragmentOffset) return 'fragments overlap';
  }
  return 'new';
}

function discard(core: Core, netns: NetnsState, waiting: Reassembly, detail: string): void {
  netns.reassemblies.delete(waiting.key);
  for (const kept of waiting.pieces) emitDropped(core, waiting.device.place, kept, 'NOT_SPECIFIED', detail);
}

function assemble(waiting: Reassembly): Skb | undefined {
  const pieces = [...waiting.pieces].sort((a, b) => a.fragmentOffset - b.fragmentOffset);
  let end = 0;
  let largest = 0;
  for (const piece of pieces) {
    if (piece.fragmentOffset > end) return undefined;
    end = Math.max(end, endOf(piece));
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

/** ip_expire(): the time for a datagram is over. Its sender is told when the first piece came, and only by the host it was for (RFC 792). */
export function giveUp(core: Core, netns: NetnsState, key: string): void {
  const waiting = netns.reassemblies.get(key);
  // A later datagram may have the number of one that was finished long ago.
  if (waiting === undefined || core.nowNs < waiting.endsNs) return;
  netns.reassemblies.delete(key);
  const detail = 'the other fragments did not come';
  for (const piece of waiting.pieces) {
    if (piece.fragmentOffset === 0 && netns.fib.isLocal(piece.dst)) {
      const error = typeof piece.dst === 'bigint' ? { type: 3, code: 1 } : { type: 11, code: 1 };
      core.layers.dropWithError(netns, piece, waiting.device.place, 'FRAG_REASM_TIMEOUT', detail, error);
    } else emitDropped(core, waiting.device.place, piece, 'FRAG_REASM_TIMEOUT', detail);
  }
}
