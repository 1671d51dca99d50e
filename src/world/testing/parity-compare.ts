/** What a real kernel's taps, tables and counters say, in the words of the recordings, so that the same comparison reads both. */

import type { TraceEvent } from '../../net/trace-event.ts';
import { decodeFrame } from '../../net/wire/decode.ts';
import { layersOf } from '../../net/wire/layers.ts';
import type { Packet } from '../../net/wire/packet.ts';
import type { RecordedArp, RecordedConnection, RecordedPacket } from '../recorded/compare-hops.ts';
import { type Names, recordedPackets } from '../recorded/compare-hops.ts';

export interface CapturedFrame {
  readonly netns: string;
  readonly device: string;
  readonly direction: 'in' | 'out';
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
}

/** What stays the same on a packet's whole way through NAT and tunnels. */
function identity(packet: Packet): string {
  if (packet.inner !== undefined) return identity(packet.inner);
  if (packet.arp !== undefined) return `arp ${JSON.stringify(packet.arp)}`;
  const place = `${packet.ipId} ${packet.fragmentOffset}`;
  if (packet.fragmentOffset > 0) return `fragment ${place}`;
  if (packet.tcp !== undefined) return `tcp ${packet.tcp.seq} ${packet.tcp.ack} ${packet.tcp.flags} ${packet.payload?.bytes ?? 0} ${place}`;
  const { icmp } = packet;
  if (icmp === undefined) return `udp ${JSON.stringify(packet.payload ?? null)} ${place}`;
  return icmp.quoted === undefined ? `icmp ${icmp.type} ${icmp.sequence} ${place}` : `icmp ${icmp.type}/${icmp.code} about ${identity(icmp.quoted)}`;
}

/** Frames of all namespaces as events of one log. A namespace's own order holds; between namespaces the clock decides. */
export function eventsOf(frames: readonly CapturedFrame[]): TraceEvent[] {
  const latest = new Map<string, bigint>();
  const ordered = frames.map((frame, index) => {
    const before = latest.get(frame.netns) ?? 0n;
    const timeNs = frame.timeNs > before ? frame.timeNs : before;
    latest.set(frame.netns, timeNs);
    return { frame, index, timeNs };
  });
  ordered.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : a.index - b.index));
  const ids = new Map<string, number>();
  return ordered.flatMap(({ frame }, seq): TraceEvent[] => {
    const packet = decodeFrame(frame.bytes);
    if (packet === undefined) return [];
    const key = identity(packet);
    const packetId = ids.get(key) ?? ids.size + 1;
    ids.set(key, packetId);
    return [
      {
        seq,
        timeNs: 0,
        packetId,
        causeSeq: -1,
        hostId: '',
        netns: frame.netns,
        device: frame.device,
        step: frame.direction === 'in' ? { kind: 'received' } : { kind: 'transmitted' },
        layers: layersOf(packet),
        mark: 0,
      },
    ];
  });
}

/** Numbers that are anybody's choice become symbols: `$p1` ports, `$v1` tunnels' source ports, `$i1` ICMP ids. */
export class Symbolizer {
  readonly #symbols = new Map<string, string>();
  readonly #known: ReadonlySet<number>;

  readonly #tunnelPort: number;

  constructor(knownPorts: Iterable<number>, tunnelPort = 8472) {
    this.#known = new Set(knownPorts);
    this.#tunnelPort = tunnelPort;
  }

  /** `10.244.0.5:40000` with the port as a symbol. */
  endpoint(text: string): string {
    const at = text.lastIndexOf(':');
    return `${text.slice(0, at)}:${this.#port(Number(text.slice(at + 1)))}`;
  }

  #symbol(space: string, value: number): string {
    const key = `${space} ${value}`;
    let symbol = this.#symbols.get(key);
    if (symbol === undefined) {
      symbol = `$${space}${[...this.#symbols.keys()].filter((one) => one.startsWith(`${space} `)).length + 1}`;
      this.#symbols.set(key, symbol);
    }
    return symbol;
  }

  #port(value: number): number | string {
    return value < 1024 || this.#known.has(value) ? value : this.#symbol('p', value);
  }

  hop(value: unknown, name = '', within = ''): unknown {
    if (typeof value === 'number') {
      if (within === 'outer' && name === 'sport') return this.#symbol('v', value);
      if (name === 'sport' || name === 'dport') return this.#port(value);
      return name === 'id' ? this.#symbol('i', value) : value;
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.hop(one, key, name)]));
  }

  packets(events: readonly TraceEvent[], names: Names): RecordedPacket[] {
    return recordedPackets(events, names).map((packet) => ({
      label: packet.label,
      hops: packet.hops.map((hop) => this.hop(hop) as Readonly<Record<string, unknown>>),
    }));
  }

  /** A line of `conntrack -L`, or undefined for what is none. */
  connection(line: string): RecordedConnection | undefined {
    const head = /^(tcp|udp|icmp)\s+\d+\s+\d+\s+(?:([A-Z_]+)\s+)?src=/.exec(line);
    if (head === null) return undefined;
    const proto = head[1] as string;
    const sides = [...line.matchAll(/src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=\d+ id=(\d+))/g)].map((side) => {
      const [, src = '', dst = '', sport, dport, type, id] = side;
      return { src, dst, sport: Number(sport ?? id), dport: Number(dport ?? id), type };
    });
    const [orig, reply] = sides;
    if (orig === undefined || reply === undefined) return undefined;
    const tunnel = proto === 'udp' && orig.dport === this.#tunnelPort;
    const text = (side: typeof orig): string => {
      if (proto === 'icmp') return `${side.src} > ${side.dst} icmp type=${side.type} id=${this.#symbol('i', side.sport)}`;
      const port = (value: number): number | string => (tunnel && value !== this.#tunnelPort ? this.#symbol('v', value) : this.#port(value));
      return `${side.src}:${port(side.sport)} > ${side.dst}:${port(side.dport)}`;
    };
    const nat: string[] = [];
    if (reply.src !== orig.dst || (proto !== 'icmp' && reply.sport !== orig.dport)) nat.push('DNAT');
    if (reply.dst !== orig.src || reply.dport !== orig.sport) nat.push('SNAT');
    const flags = (['ASSURED', 'UNREPLIED'] as const).filter((flag) => line.includes(`[${flag}]`));
    return { proto, ...(head[2] === undefined ? {} : { state: head[2] }), orig: text(orig), reply: text(reply), nat, flags };
  }
}

/** ARP frames at each device, without those for other hosts. */
export function arpOf(events: readonly TraceEvent[], names: Names): RecordedArp[] {
  return events.flatMap((event): RecordedArp[] => {
    const eth = event.layers.find((one) => one.protocol === 'ethernet');
    const arp = event.layers.find((one) => one.protocol === 'arp');
    if (eth === undefined || arp === undefined) return [];
    const received = event.step.kind === 'received';
    const to = names.macName(eth.dst);
    const ns = names.traceName(event.netns);
    if (received && event.device === 'eth0' && to !== 'broadcast' && to !== `${ns}/eth0`) return [];
    return [
      {
        ns,
        if: event.device,
        dir: received ? 'in' : 'out',
        eth: { src: names.macName(eth.src), dst: to },
        arp: { op: arp.operation, spa: arp.senderIp, tpa: arp.targetIp },
      },
    ];
  });
}
