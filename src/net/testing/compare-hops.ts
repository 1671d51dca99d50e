/** Compares what the engine's taps saw with a recording, where ports, tunnel source ports, ICMP ids and veth names are symbols. */
import type { ConnectionView } from '../engine.ts';
import type { TraceEvent } from '../trace-event.ts';
import type { Layer } from '../wire/packet.ts';

export interface Difference {
  readonly where: string;
  readonly expected: unknown;
  readonly actual: unknown;
}
export interface RecordedPacket {
  readonly label: string;
  readonly hops: readonly Readonly<Record<string, unknown>>[];
}
export interface RecordedConnection {
  readonly proto: string;
  readonly state?: string;
  readonly orig: string;
  readonly reply: string;
  readonly nat?: readonly string[];
  readonly flags?: readonly string[];
}

/** `$p1` in a recording stands for one number of ours, and another symbol for another one; so do names of veths. */
export class Symbols {
  readonly #bound = new Map<string, string>();
  readonly #taken = new Map<string, string>();

  #pair(symbol: string, actual: string, commit: boolean): boolean {
    const bound = this.#bound.get(symbol);
    if (bound !== undefined) return bound === actual;
    const space = symbol.startsWith('veth') ? 'veth' : symbol.slice(0, 2);
    const key = `${space} ${actual}`;
    if (this.#taken.has(key)) return false;
    if (commit) {
      this.#bound.set(symbol, actual);
      this.#taken.set(key, symbol);
    }
    return true;
  }

  /** Texts may hold symbols: `10.244.0.5:$p1`. With `commit` false nothing new is bound. */
  same(expected: unknown, actual: unknown, commit = true): boolean {
    if (typeof expected !== 'string' || !(expected.includes('$') || /^veth[0-9a-f]{8}$/.test(expected))) return expected === actual;
    const text = String(actual);
    if (/^veth[0-9a-f]{8}$/.test(expected)) return /^veth[0-9a-f]{8}$/.test(text) && this.#pair(expected, text, commit);
    const symbols = expected.match(/\$[a-z][0-9]+/g) ?? [];
    const pattern = new RegExp(`^${expected.replace(/[.*+?^{}()|[\]\\]/g, '\\$&').replace(/\$[a-z][0-9]+/g, '([0-9]+)')}$`);
    const found = pattern.exec(text);
    if (found === null) return false;
    return symbols.every((s, i) => this.#pair(s, found[i + 1] as string, commit));
  }
}

export interface Names {
  traceName(netns: string): string;
  macName(mac: string): string;
}

type Of<P extends Layer['protocol']> = Extract<Layer, { protocol: P }>;
const layer = <P extends Layer['protocol']>(layers: readonly Layer[], protocol: P): Of<P> | undefined =>
  layers.find((l): l is Of<P> => l.protocol === protocol);

const ICMP_NAMES: Readonly<Record<string, string>> = {
  '0/0': 'echo-reply',
  '8/0': 'echo-request',
  '3/0': 'net-unreachable',
  '3/1': 'host-unreachable',
  '3/3': 'port-unreachable',
  '3/4': 'frag-needed',
  '11/0': 'ttl-exceeded',
};

/** The layers from the innermost IP header on. */
function innermost(layers: readonly Layer[]): readonly Layer[] {
  const at = layers.findLastIndex((l) => l.protocol === 'ipv4');
  return layers.slice(at);
}

function labelOf(layers: readonly Layer[]): string | undefined {
  const inner = innermost(layers);
  const ip = layer(inner, 'ipv4');
  if (ip === undefined) return undefined;
  const tcp = layer(inner, 'tcp');
  if (tcp !== undefined) {
    const ack = tcp.flags.includes('.');
    if (tcp.flags.includes('S')) return ack ? 'TCP SYN-ACK' : 'TCP SYN';
    if (tcp.flags.includes('R')) return ack ? 'TCP RST-ACK' : 'TCP RST';
    if (tcp.flags.includes('F')) return 'TCP FIN';
    return tcp.payloadBytes > 0 ? 'TCP DATA' : 'TCP ACK';
  }
  const icmp = layer(inner, 'icmp');
  if (icmp !== undefined) return `ICMP ${ICMP_NAMES[`${icmp.type}/${icmp.code}`] ?? icmp.type}`;
  return ip.ipProtocol === 17 ? (ip.fragmentOffset > 0 || ip.flags.includes('+') ? 'UDP fragment' : 'UDP') : undefined;
}

function ipFields(layers: readonly Layer[]): Record<string, unknown> {
  const ip = layer(layers, 'ipv4') as Of<'ipv4'>;
  const fields: Record<string, unknown> = { src: ip.src, dst: ip.dst, ttl: ip.ttl, len: ip.totalBytes, df: ip.flags.includes('DF') };
  if (ip.flags.includes('+') || ip.fragmentOffset > 0) fields.frag = { off: ip.fragmentOffset, more: ip.flags.includes('+') };
  const tcp = layer(layers, 'tcp');
  const udp = layer(layers, 'udp');
  const icmp = layer(layers, 'icmp');
  if (tcp !== undefined) {
    const mss = /mss ([0-9]+)/.exec(tcp.options);
    const order = (['S', 'A', 'P', 'F', 'R'] as const).filter((f) => tcp.flags.includes(f === 'A' ? '.' : f));
    Object.assign(fields, { proto: 'tcp', sport: tcp.sport, dport: tcp.dport, flags: order.join(''), plen: tcp.payloadBytes });
    if (mss !== null) fields.mss = Number(mss[1]);
  } else if (udp !== undefined) Object.assign(fields, { proto: 'udp', sport: udp.sport, dport: udp.dport, plen: udp.lengthBytes - 8 });
  else if (icmp !== undefined) {
    Object.assign(fields, { proto: 'icmp', icmp: icmpFields(icmp) });
    if (icmp.type === 0 || icmp.type === 8) fields.plen = ip.totalBytes - 28;
  }
  return fields;
}

function icmpFields(icmp: Of<'icmp'>): Record<string, unknown> {
  const fields: Record<string, unknown> = { type: icmp.type, code: icmp.code };
  if (icmp.id !== undefined) Object.assign(fields, { id: icmp.id, seq: icmp.sequence });
  const mtu = /mtu ([0-9]+)/.exec(icmp.text);
  if (mtu !== null) fields.mtu = Number(mtu[1]);
  if (icmp.quoted !== undefined) {
    const q = ipFields(icmp.quoted);
    const orig: Record<string, unknown> = { src: q.src, dst: q.dst, ttl: q.ttl };
    if (q.sport !== undefined) Object.assign(orig, { sport: q.sport, dport: q.dport });
    const inner = q.icmp as Record<string, unknown> | undefined;
    if (inner?.id !== undefined) orig.id = inner.id;
    fields.orig = orig;
  }
  return fields;
}

interface Seen {
  readonly label: string;
  readonly events: TraceEvent[];
}

/** Packets by first appearance; a fragment, and the datagram put together, are packets of their own. */
function packetsOf(events: readonly TraceEvent[], names: Names): Seen[] {
  const seen = new Map<string, Seen>();
  for (const event of events) {
    const { kind } = event.step;
    if (event.packetId < 0 || (kind !== 'received' && kind !== 'transmitted' && kind !== 'created')) continue;
    const label = labelOf(event.layers);
    if (label === undefined) continue;
    const eth = layer(event.layers, 'ethernet');
    // Frames for other hosts, which a flooding bridge brings by, are not in the recordings.
    if (kind === 'received' && event.device === 'eth0' && eth !== undefined && eth.dst !== 'ff:ff:ff:ff:ff:ff') {
      if (names.macName(eth.dst) !== `${names.traceName(event.netns)}/eth0`) continue;
    }
    const ip = layer(innermost(event.layers), 'ipv4');
    const key = `${event.packetId} ${label} ${ip?.fragmentOffset ?? 0}`;
    let packet = seen.get(key);
    if (packet === undefined) {
      packet = { label, events: [] };
      seen.set(key, packet);
    }
    if (kind !== 'created') packet.events.push(event);
  }
  return [...seen.values()];
}

function hopOf(event: TraceEvent, names: Names): Record<string, unknown> {
  const hop: Record<string, unknown> = { ns: names.traceName(event.netns), if: event.device, dir: event.step.kind === 'received' ? 'in' : 'out' };
  const eth = layer(event.layers, 'ethernet');
  if (event.device === 'lo') hop.eth = null;
  else if (eth !== undefined) hop.eth = { src: names.macName(eth.src), dst: names.macName(eth.dst) };
  const vxlan = event.layers.findIndex((l) => l.protocol === 'vxlan');
  if (vxlan >= 0) {
    const outer = ipFields(event.layers.slice(0, vxlan));
    hop.vxlan = {
      vni: (event.layers[vxlan] as Of<'vxlan'>).vni,
      outer: { src: outer.src, dst: outer.dst, ttl: outer.ttl, len: outer.len, df: outer.df, sport: outer.sport, dport: outer.dport },
    };
  }
  hop.ip = ipFields(innermost(event.layers));
  return hop;
}

/** Captured frames, said as events, in the form of a recording. */
export function recordedPackets(events: readonly TraceEvent[], names: Names): RecordedPacket[] {
  return packetsOf(events, names).map((packet) => ({ label: packet.label, hops: packet.events.map((event) => hopOf(event, names)) }));
}

/** Level 2: the first packet of every label, hop by hop. */
export function compareHops(symbols: Symbols, recorded: readonly RecordedPacket[], events: readonly TraceEvent[], names: Names): Difference[] {
  const differences: Difference[] = [];
  const actual = packetsOf(events, names);
  const done = new Set<string>();
  for (const packet of recorded) {
    if (done.has(packet.label)) continue;
    done.add(packet.label);
    // A packet that never was on a wire is the one without hops; else the first that was.
    const own = actual.find((p) => p.label === packet.label && (packet.hops.length === 0 || p.events.length > 0));
    if (own === undefined) {
      differences.push({ where: packet.label, expected: `${packet.hops.length} hops`, actual: 'no such packet' });
      continue;
    }
    const hops = own.events.map((e) => hopOf(e, names));
    const place = (h: Readonly<Record<string, unknown>>): string => `${String(h.ns)} ${String(h.if)} ${String(h.dir)}`;
    for (let i = 0; i < Math.max(hops.length, packet.hops.length); i += 1) {
      const e = packet.hops[i];
      const a = hops[i];
      if (e === undefined || a === undefined) {
        differences.push({
          where: `${packet.label} hop ${i + 1}`,
          expected: e === undefined ? 'nothing' : place(e),
          actual: a === undefined ? 'nothing' : place(a),
        });
        break;
      }
      compareFields(symbols, `${packet.label} hop ${i + 1} (${place(e)})`, e, a, differences);
    }
  }
  return differences;
}

/** Names that say the same as another field, or are the recorder's own. */
const IGNORED = new Set(['name', 'inner_eth', 'rx', 'proto']);

function compareFields(symbols: Symbols, where: string, expected: unknown, actual: unknown, into: Difference[]): void {
  if (typeof expected === 'object' && expected !== null) {
    for (const [key, value] of Object.entries(expected)) {
      if (IGNORED.has(key)) continue;
      compareFields(symbols, `${where}.${key}`, value, (actual as Record<string, unknown> | undefined)?.[key], into);
    }
    return;
  }
  if (!symbols.same(expected, actual)) into.push({ where, expected, actual });
}

export interface RecordedArp {
  readonly ns: string;
  readonly if: string;
  readonly dir: string;
  readonly eth: { readonly src: string; readonly dst: string };
  readonly arp: { readonly op: string; readonly spa: string; readonly tpa: string };
}

/** Level 5: the same ARP frames at the same devices, whatever their order (several are in flight at once). */
export function compareArp(recorded: readonly RecordedArp[], events: readonly TraceEvent[], names: Names): Difference[] {
  const device = (name: string): string => (name.startsWith('veth') ? 'veth' : name);
  const expected = recorded.map((r) => `${r.ns} ${device(r.if)} ${r.dir} ${r.eth.src}>${r.eth.dst} ${r.arp.op} ${r.arp.spa}>${r.arp.tpa}`);
  const actual = events.flatMap((e) => {
    const arp = layer(e.layers, 'arp');
    const eth = layer(e.layers, 'ethernet');
    const { kind } = e.step;
    if (arp === undefined || eth === undefined || (kind !== 'received' && kind !== 'transmitted')) return [];
    const ns = names.traceName(e.netns);
    const to = names.macName(eth.dst);
    if (kind === 'received' && e.device === 'eth0' && to !== 'broadcast' && to !== `${ns}/eth0`) return [];
    return [`${ns} ${device(e.device)} ${kind === 'received' ? 'in' : 'out'} ${names.macName(eth.src)}>${to} ${arp.operation} ${arp.senderIp}>${arp.targetIp}`];
  });
  const count = (lines: readonly string[]): Map<string, number> => lines.reduce((m, l) => m.set(l, (m.get(l) ?? 0) + 1), new Map<string, number>());
  const wanted = count(expected);
  const got = count(actual);
  return [...new Set([...wanted.keys(), ...got.keys()])]
    .filter((l) => wanted.get(l) !== got.get(l))
    .map((l) => ({ where: `ARP ${l}`, expected: wanted.get(l) ?? 0, actual: got.get(l) ?? 0 }));
}

function connectionText(c: ConnectionView): { readonly head: string; readonly orig: string; readonly reply: string } {
  const end = (t: ConnectionView['original']): string =>
    c.protocol === 'icmp' ? `${t.src} > ${t.dst} icmp type=${t.icmpType} id=${t.icmpId}` : `${t.src}:${t.sport} > ${t.dst}:${t.dport}`;
  const flags = [...(c.assured ? ['ASSURED'] : []), ...(c.unreplied ? ['UNREPLIED'] : [])];
  return { head: `${c.protocol} ${c.tcpState ?? ''} ${[...c.nat].sort().join(',')} ${flags.join(',')}`, orig: end(c.original), reply: end(c.reply) };
}

/** Level 3: every recorded entry is there, and nothing new beside them. */
export function compareConnections(
  symbols: Symbols,
  node: string,
  recorded: readonly RecordedConnection[],
  actual: readonly ConnectionView[],
  wasThere: (c: ConnectionView) => boolean,
): Difference[] {
  const differences: Difference[] = [];
  const left = new Set(actual);
  for (const r of recorded) {
    const head = `${r.proto} ${r.state ?? ''} ${[...(r.nat ?? [])].sort().join(',')} ${(r.flags ?? []).join(',')}`;
    // An entry of this step before one that was there already.
    const candidates = [...left].sort((x, y) => Number(wasThere(x)) - Number(wasThere(y)));
    const own = candidates.find((c) => {
      const t = connectionText(c);
      return t.head === head && symbols.same(`${r.orig} | ${r.reply}`, `${t.orig} | ${t.reply}`, false);
    });
    if (own === undefined) {
      differences.push({ where: `${node} conntrack`, expected: `${head} ${r.orig} | ${r.reply}`, actual: 'no such entry' });
      continue;
    }
    const t = connectionText(own);
    symbols.same(`${r.orig} | ${r.reply}`, `${t.orig} | ${t.reply}`);
    left.delete(own);
  }
  for (const c of left) {
    if (wasThere(c)) continue;
    const t = connectionText(c);
    differences.push({ where: `${node} conntrack`, expected: 'no other new entry', actual: `${t.head} ${t.orig} | ${t.reply}` });
  }
  return differences;
}
