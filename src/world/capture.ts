/**
 * What taps on some devices would have recorded, as a pcapng file with the reason of each hop as a packet comment, and the secrets by which readers see into TLS. Checksums are those of the wire: what a tap
 * sees of checksums that are left to a network card (`tcpdump` shows it) would only make Wireshark's readers look for a fault.
 */
import { parseMac } from '../net/addr/mac.ts';
import { encodeFrame } from '../net/wire/encode.ts';
import type { Filter } from '../net/wire/filter-tree.ts';
import { linkBytes } from '../net/wire/lengths.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../net/wire/link-type.ts';
import { type PcapngInterface, type PcapngPacket, writePcapng } from '../net/wire/pcapng.ts';
import { parseFilter } from '../net/wire/tcpdump-filter.ts';
import { matchesFilter } from '../net/wire/tcpdump-match.ts';
import { EPOCH_MS } from './install.ts';
import { groupHops, shownLayers } from './tell.ts';
import type { DeviceView, NetnsView } from './views.ts';
import type { World } from './world.ts';

export type Capture = { readonly ok: true; readonly bytes: Uint8Array; readonly packets: number } | { readonly ok: false; readonly message: string };

export interface CaptureRequest {
  /** `any` (every device of every netns), `HOST:DEVICE`, `HOST:any`, `POD:DEVICE`, `NAMESPACE/POD:DEVICE`, or a name as the file has it. */
  readonly interfaces: readonly string[];
  /** pcap-filter(7); '' for all. */
  readonly filter?: string;
  /** Events [from, to) of the log. */
  readonly from: number;
  readonly to: number;
}

/** So many rows are told at a time: words for a whole log at once would need much memory. */
const WINDOW_EVENTS = 20_000;

/** `node01`, and `client.default` for a pod's netns: what stands before the device in the file. */
function netnsName(netns: NetnsView): string {
  return netns.type === 'pod' ? `${netns.title}.${netns.namespace ?? 'default'}` : netns.title;
}

function spellings(netns: NetnsView, device: DeviceView): readonly string[] {
  const own = netnsName(netns);
  const names = [`${own}/${device.name}`, `${own}:${device.name}`, `${own}:any`];
  if (netns.type !== 'pod') return names;
  const pod = `${netns.namespace ?? 'default'}/${netns.title}`;
  names.push(`${pod}:${device.name}`, `${pod}:any`);
  if (netns.namespace === 'default') names.push(`${netns.title}:${device.name}`, `${netns.title}:any`);
  return names;
}

interface Chosen {
  readonly device: DeviceView;
  readonly block: PcapngInterface;
}

function choose(world: World, request: CaptureRequest): ReadonlyMap<string, Chosen> | string {
  const { devices, netnses } = world.topology();
  const byId = new Map(netnses.map((netns) => [netns.id, netns]));
  const chosen = new Map<string, Chosen>();
  for (const wanted of request.interfaces) {
    let found = 0;
    for (const device of devices) {
      const netns = byId.get(device.netns);
      if (netns === undefined || (wanted !== 'any' && !spellings(netns, device).includes(wanted))) continue;
      found += 1;
      if (!chosen.has(device.id)) chosen.set(device.id, { device, block: blockOf(netns, device, request.filter ?? '') });
    }
    if (found === 0) return `${wanted}: No such device exists`;
  }
  return chosen;
}

const isRaw = (device: DeviceView): boolean => device.type === 'tun' || device.type === 'ipip' || device.type === 'wireguard';

function blockOf(netns: NetnsView, device: DeviceView, filter: string): PcapngInterface {
  const mac = parseMac(device.mac);
  const where = netns.type === 'pod' ? `pod ${netns.namespace ?? 'default'}/${netns.title}` : `host ${netns.title}`;
  return {
    name: `${netnsName(netns)}/${device.name}`,
    description: `${device.type} device of ${where}${device.addresses.length === 0 ? '' : `, ${device.addresses.join(', ')}`}`,
    linkType: isRaw(device) ? LINKTYPE_RAW : LINKTYPE_ETHERNET,
    ...(mac === undefined || isRaw(device) || device.type === 'loopback' ? {} : { mac }),
    filter,
  };
}

/** The filter for each link type that is among the devices, or what is wrong with it. */
function filtersFor(chosen: ReadonlyMap<string, Chosen>, text: string): ReadonlyMap<number, Filter | undefined> | string {
  const filters = new Map<number, Filter | undefined>();
  for (const { block } of chosen.values()) {
    const linkType = block.linkType ?? LINKTYPE_ETHERNET;
    if (filters.has(linkType)) continue;
    const parsed = parseFilter(text, { linkType, live: true });
    if (!parsed.ok) return parsed.message;
    filters.set(linkType, parsed.filter);
  }
  return filters;
}

/** A comment may have so many characters. */
const MAX_COMMENT_CHARACTERS = 4000;

/** For each frame of the window why it is here as it is: what happened to its packet since its last frame, and its own hop. */
function reasonsFor(world: World, from: number, to: number): ReadonlyMap<number, string> {
  const words = new Map<number, string>();
  for (const hop of world.hops(from, to)) words.set(hop.event.seq, `${hop.title}: ${hop.why.map((phrase) => phrase.text).join('')}`);
  const reasons = new Map<number, string>();
  const since = new Map<number, string[]>();
  for (const { events } of groupHops(world.engine.events(from, to))) {
    const packet = events[0]?.packetId ?? -1;
    const told = events.map((event) => words.get(event.seq)).find((text) => text !== undefined);
    const before = since.get(packet) ?? [];
    const all = told === undefined ? before : [...before, told];
    const frames = events.filter((event) => event.step.kind === 'received' || event.step.kind === 'transmitted');
    for (const frame of frames) reasons.set(frame.seq, all.join('\n').slice(0, MAX_COMMENT_CHARACTERS));
    since.set(packet, frames.length > 0 ? [] : all);
  }
  return reasons;
}

/** The bytes of the layers that are shown of an event, as `capture` writes those of taps; undefined for events without a packet. */
export function frameAt(world: World, seq: number): Uint8Array | undefined {
  const packet = world.engine.packetAt(seq);
  const [event] = world.engine.events(seq, seq + 1);
  if (packet === undefined || event === undefined) return undefined;
  const bytes = encodeFrame(packet);
  return shownLayers(event).length < event.layers.length ? bytes.subarray(linkBytes(packet)) : bytes;
}

/** Frames on each named device, in causal order. */
export function capture(world: World, request: CaptureRequest): Capture {
  const chosen = choose(world, request);
  if (typeof chosen === 'string') return { ok: false, message: chosen };
  const filters = filtersFor(chosen, request.filter ?? '');
  if (typeof filters === 'string') return { ok: false, message: filters };
  const ids = [...chosen.keys()];
  const indexes = new Map(ids.map((id, index) => [id, index]));
  const wanted = new Set(ids);
  const packets: PcapngPacket[] = [];
  const end = Math.min(request.to, world.headSeq);
  for (let from = Math.max(0, request.from); from < end; from += WINDOW_EVENTS) {
    const to = Math.min(end, from + WINDOW_EVENTS);
    const frames = world.engine.frames(wanted, from, to);
    if (frames.length === 0) continue;
    const reasons = reasonsFor(world, from, to);
    for (const frame of frames) {
      const bytes = encodeFrame(frame.packet);
      const linkType = chosen.get(frame.deviceId)?.block.linkType ?? LINKTYPE_ETHERNET;
      // A device that became another kind since then has frames of another link type.
      if ((frame.packet.raw === true) !== (linkType === LINKTYPE_RAW)) continue;
      if (!matchesFilter(filters.get(linkType), { bytes, wireBytes: bytes.length, linkType, outgoing: frame.direction === 'out' })) continue;
      const comment = reasons.get(frame.seq);
      packets.push({
        interface: indexes.get(frame.deviceId) ?? 0,
        timeNs: frame.timeNs,
        bytes,
        direction: frame.direction,
        ...(comment === undefined ? {} : { comment }),
      });
    }
  }
  const blocks = [...chosen.values()].map(({ block }) => block);
  return { ok: true, bytes: writePcapng(blocks, packets, EPOCH_MS, world.engine.tlsKeys(request.from, end)), packets: packets.length };
}
