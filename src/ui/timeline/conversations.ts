/** Which packets belong together: conversations of TCP, UDP and SCTP ports (or ICMP ids) that hold through NAT, since a packet carries its own ends from one address pair to the next. */
import { isIpLayer, type Layer } from '../../net/wire/packet.ts';
import type { HopView } from '../../world/views.ts';
import { drain, type Work } from './sliced.ts';

export interface Conversation {
  /** From 0, in order of the first packet. */
  readonly index: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
  /** The end that spoke first, as its own side wrote the addresses: `10.244.0.3:41822`. */
  readonly client: string;
  /** Where the first packet was addressed to, and where it arrived (the same without NAT). */
  readonly addressed: string;
  readonly server: string;
  /** Netns ids of both ends; '' where no packet arrived. */
  readonly clientNetns: string;
  readonly serverNetns: string;
  /** Packet ids in order. */
  readonly packets: readonly number[];
  /** Bytes of IP packets in each direction, as sent. */
  readonly bytesOut: number;
  readonly bytesBack: number;
  readonly firstNs: number;
  readonly lastNs: number;
  readonly dropped: number;
}

/** One end of a packet's life: where, and with which addresses. */
interface End {
  readonly netns: string;
  readonly source: string;
  readonly destination: string;
}
interface Life {
  readonly id: number;
  readonly protocol: Conversation['protocol'];
  readonly first: End;
  last: End;
  readonly bytes: number;
  readonly firstNs: number;
  lastNs: number;
  dropped: boolean;
  delivered: boolean;
}

const endpoint = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

/** The innermost transport of a packet, with its addresses; undefined for ARP and the like, and for ICMP errors. */
function transportOf(
  layers: readonly Layer[],
): { readonly protocol: Conversation['protocol']; readonly source: string; readonly destination: string; readonly bytes: number } | undefined {
  for (let i = layers.length - 1; i > 0; i -= 1) {
    const layer = layers[i] as Layer;
    const ip = layers[i - 1];
    if (!isIpLayer(ip)) continue;
    const bytes = ip.totalBytes;
    if (layer.protocol === 'tcp' || layer.protocol === 'udp' || layer.protocol === 'sctp')
      return {
        protocol: layer.protocol === 'tcp' ? 'TCP' : layer.protocol === 'udp' ? 'UDP' : 'SCTP',
        source: endpoint(ip.src, layer.sport),
        destination: endpoint(ip.dst, layer.dport),
        bytes,
      };
    if ((layer.protocol === 'icmp' || layer.protocol === 'icmp6') && layer.id !== undefined)
      return { protocol: 'ICMP', source: `${ip.src} id ${layer.id}`, destination: `${ip.dst} id ${layer.id}`, bytes };
  }
  return undefined;
}

/** Both directions of a pair of ends, at one place, are one key. */
const keyOf = (protocol: string, end: End): string =>
  end.source < end.destination ? `${protocol} ${end.netns} ${end.source} ${end.destination}` : `${protocol} ${end.netns} ${end.destination} ${end.source}`;

/** Hops or packets between two chances to interrupt. */
const STRIDE = 256;

function* livesOf(hops: readonly HopView[]): Work<Map<number, Life>> {
  const lives = new Map<number, Life>();
  for (const [index, { event }] of hops.entries()) {
    if (index % STRIDE === STRIDE - 1) yield;
    if (event.packetId < 0) continue;
    const known = lives.get(event.packetId);
    const dropped = event.step.kind === 'dropped';
    const delivered = event.step.kind === 'delivered';
    if (known !== undefined) {
      known.dropped ||= dropped;
      known.lastNs = event.timeNs;
      // Of flooded copies, the one that somebody took is the one that arrived.
      if (known.delivered || dropped) continue;
      known.delivered = delivered;
      const transport = transportOf(event.layers);
      if (transport !== undefined && transport.protocol === known.protocol)
        known.last = { netns: event.netns, source: transport.source, destination: transport.destination };
      continue;
    }
    const transport = transportOf(event.layers);
    if (transport === undefined) continue;
    const end = { netns: event.netns, source: transport.source, destination: transport.destination };
    lives.set(event.packetId, {
      id: event.packetId,
      protocol: transport.protocol,
      first: end,
      last: end,
      bytes: transport.bytes,
      firstNs: event.timeNs,
      lastNs: event.timeNs,
      dropped,
      delivered,
    });
  }
  return lives;
}

/** All conversations of a run at once. O(hops). */
export const conversationsOf = (hops: readonly HopView[]): Conversation[] => drain(conversing(hops));

/** The same in steps. */
export function* conversing(hops: readonly HopView[]): Work<Conversation[]> {
  type Open = { -readonly [K in keyof Conversation]: Conversation[K] } & { packets: number[] };
  const byKey = new Map<string, Open>();
  const all: Open[] = [];
  let count = 0;
  for (const life of (yield* livesOf(hops)).values()) {
    count += 1;
    if (count % STRIDE === 0) yield;
    const here = keyOf(life.protocol, life.first);
    const there = life.delivered ? keyOf(life.protocol, life.last) : here;
    const known = byKey.get(here) ?? byKey.get(there);
    const outward = known === undefined || (known.clientNetns === life.first.netns && known.client === life.first.source);
    const conversation: Open = known ?? {
      index: all.length,
      protocol: life.protocol,
      client: life.first.source,
      addressed: life.first.destination,
      server: life.last.destination,
      clientNetns: life.first.netns,
      serverNetns: '',
      packets: [],
      bytesOut: 0,
      bytesBack: 0,
      firstNs: life.firstNs,
      lastNs: life.lastNs,
      dropped: 0,
    };
    if (known === undefined) all.push(conversation);
    byKey.set(here, conversation);
    byKey.set(there, conversation);
    conversation.packets.push(life.id);
    conversation.lastNs = Math.max(conversation.lastNs, life.lastNs);
    if (life.dropped && !life.delivered) conversation.dropped += 1;
    if (outward) {
      conversation.bytesOut += life.bytes;
      if (life.delivered && conversation.serverNetns === '') {
        conversation.serverNetns = life.last.netns;
        conversation.server = life.last.destination;
      }
    } else conversation.bytesBack += life.bytes;
  }
  return all;
}

/** Conversation index by packet id. */
export function streamsOf(conversations: readonly Conversation[]): ReadonlyMap<number, number> {
  const streams = new Map<number, number>();
  for (const conversation of conversations) for (const id of conversation.packets) streams.set(id, conversation.index);
  return streams;
}

/** The display filter for one conversation: Wireshark counts each transport's by a name of its own. */
export function conversationFilter({ protocol, index }: Conversation): string {
  if (protocol === 'ICMP') return 'icmp || icmpv6';
  return protocol === 'SCTP' ? `sctp.assoc_index == ${index}` : `${protocol.toLowerCase()}.stream == ${index}`;
}
