/** Compares what the engine's taps saw with a recording, where ports, tunnel source ports, ICMP ids and veth names are symbols. */
import type { ConnectionView } from '../../net/engine.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { innermost, ipFields, labelOf, layerOf, type Of } from './frame-fields.ts';

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

  /** Returns a function that forgets what was bound since. */
  save(): () => void {
    const bound = new Map(this.#bound);
    const taken = new Map(this.#taken);
    return () => {
      this.#bound.clear();
      this.#taken.clear();
      for (const [key, value] of bound) this.#bound.set(key, value);
      for (const [key, value] of taken) this.#taken.set(key, value);
    };
  }

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

export interface Seen {
  readonly label: string;
  readonly packetId: number;
  /** At devices. */
  readonly events: TraceEvent[];
}

/** A tunnel's packet that was cut: nobody looks into its parts. */
function outerFragment(layers: TraceEvent['layers']): Of<'ipv4'> | undefined {
  if (layers.every((l) => l.protocol !== 'vxlan')) return undefined;
  const outer = layerOf(layers, 'ipv4');
  return outer !== undefined && (outer.flags.includes('+') || outer.fragmentOffset > 0) ? outer : undefined;
}

/** Packets by first appearance; a fragment, and the datagram put together, are packets of their own. */
export function packetsOf(events: readonly TraceEvent[], names: Names): Seen[] {
  const seen = new Map<string, Seen>();
  for (const event of events) {
    const { kind } = event.step;
    if (event.packetId < 0 || (kind !== 'received' && kind !== 'transmitted' && kind !== 'created')) continue;
    const fragment = outerFragment(event.layers);
    const label = fragment === undefined ? labelOf(event.layers) : 'UDP fragment';
    if (label === undefined) continue;
    const eth = layerOf(event.layers, 'ethernet');
    // Frames for other hosts, which a flooding bridge brings by, are not in the recordings.
    if (kind === 'received' && event.device === 'eth0' && eth !== undefined && eth.dst !== 'ff:ff:ff:ff:ff:ff') {
      if (names.macName(eth.dst) !== `${names.traceName(event.netns)}/eth0`) continue;
    }
    const ip = fragment ?? layerOf(innermost(event.layers), 'ipv4');
    const key = `${event.packetId} ${label} ${ip?.fragmentOffset ?? 0}`;
    let packet = seen.get(key);
    if (packet === undefined) {
      packet = { label, packetId: event.packetId, events: [] };
      seen.set(key, packet);
    }
    if (kind !== 'created') packet.events.push(event);
  }
  return [...seen.values()];
}

function hopOf(event: TraceEvent, names: Names): Record<string, unknown> {
  const hop: Record<string, unknown> = { ns: names.traceName(event.netns), if: event.device, dir: event.step.kind === 'received' ? 'in' : 'out' };
  const eth = layerOf(event.layers, 'ethernet');
  if (event.device === 'lo') hop.eth = null;
  else if (eth !== undefined) hop.eth = { src: names.macName(eth.src), dst: names.macName(eth.dst) };
  if (outerFragment(event.layers) !== undefined) {
    hop.ip = ipFields(
      event.layers.slice(
        0,
        event.layers.findIndex((l) => l.protocol === 'vxlan'),
      ),
    );
    return hop;
  }
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
    const own = actual.find((p) => p.label === packet.label && (packet.hops.every((h) => !isOnAWire(h)) || p.events.length > 0));
    if (own === undefined) {
      differences.push({ where: packet.label, expected: `${packet.hops.length} hops`, actual: 'no such packet' });
      continue;
    }
    const hops = own.events.map((e) => hopOf(e, names));
    const wires = packet.hops.filter(isOnAWire);
    const place = (h: Readonly<Record<string, unknown>>): string => `${String(h.ns)} ${String(h.if)} ${String(h.dir)}`;
    for (let i = 0; i < Math.max(hops.length, wires.length); i += 1) {
      const e = wires[i];
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

/** A recording may tell of hooks between the hops. */
const isOnAWire = (hop: Readonly<Record<string, unknown>>): boolean => hop.if !== undefined && hop.dir !== undefined;

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

interface ArpFrame {
  readonly place: string;
  readonly src: string;
  readonly dst: string;
  readonly op: string;
  readonly spa: string;
  readonly tpa: string;
}

/**
 * Without the questions to one known neighbour and their answers: a kernel asks again five seconds after it has used an old entry, and whether that
 * moment falls into a step is a matter of the recorder's own speed.
 */
function withoutProbes(frames: readonly ArpFrame[]): string[] {
  const probed = new Set<string>();
  return frames.flatMap((one) => {
    const asks = `${one.spa} asks ${one.tpa}`;
    if (one.op === 'request') {
      if (one.dst !== 'broadcast') {
        probed.add(asks);
        return [];
      }
      probed.delete(asks);
    } else if (probed.has(`${one.tpa} asks ${one.spa}`)) return [];
    return [`${one.place} ${one.src}>${one.dst} ${one.op} ${one.spa}>${one.tpa}`];
  });
}

/** Level 5: the same ARP frames at the same devices, whatever their order (several are in flight at once). */
export function compareArp(recorded: readonly RecordedArp[], events: readonly TraceEvent[], names: Names): Difference[] {
  const device = (name: string): string => (name.startsWith('veth') ? 'veth' : name);
  const expected = withoutProbes(
    recorded.map((r) => ({ place: `${r.ns} ${device(r.if)} ${r.dir}`, src: r.eth.src, dst: r.eth.dst, op: r.arp.op, spa: r.arp.spa, tpa: r.arp.tpa })),
  );
  const actual = withoutProbes(
    events.flatMap((e) => {
      const arp = layerOf(e.layers, 'arp');
      const eth = layerOf(e.layers, 'ethernet');
      const { kind } = e.step;
      if (arp === undefined || eth === undefined || (kind !== 'received' && kind !== 'transmitted')) return [];
      const ns = names.traceName(e.netns);
      const dst = names.macName(eth.dst);
      if (kind === 'received' && e.device === 'eth0' && dst !== 'broadcast' && dst !== `${ns}/eth0`) return [];
      const place = `${ns} ${device(e.device)} ${kind === 'received' ? 'in' : 'out'}`;
      return [{ place, src: names.macName(eth.src), dst, op: arp.operation, spa: arp.senderIp, tpa: arp.targetIp }];
    }),
  );
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

const recordedHead = (r: RecordedConnection): string => `${r.proto} ${r.state ?? ''} ${[...(r.nat ?? [])].sort().join(',')} ${(r.flags ?? []).join(',')}`;

/** Tries of one search; past them the best that was found is taken. */
const MAX_TRIES = 20_000;

export interface NodeConnections {
  readonly node: string;
  readonly recorded: readonly RecordedConnection[];
  readonly actual: readonly ConnectionView[];
}

/**
 * Gives each recorded entry one of ours, so that as many as can be have one: what a symbol stands for is only known once all fit, on all nodes.
 * Returns our entry by the recorded one's place in all lists.
 */
function pairUp(symbols: Symbols, nodes: readonly NodeConnections[]): (ConnectionView | undefined)[] {
  const recorded = nodes.flatMap((one) => one.recorded.map((r) => ({ head: recordedHead(r), text: `${r.orig} | ${r.reply}`, actual: one.actual })));
  const texts = new Map(nodes.flatMap((one) => one.actual.map((c) => [c, connectionText(c)] as const)));
  const used = new Set<ConnectionView>();
  let best: (ConnectionView | undefined)[] = [];
  let bestCount = -1;
  let tries = 0;
  const current: (ConnectionView | undefined)[] = [];
  const search = (i: number, count: number): boolean => {
    const r = recorded[i];
    if (r === undefined) {
      if (count > bestCount) {
        bestCount = count;
        best = [...current];
      }
      return count === recorded.length;
    }
    if (count + recorded.length - i <= bestCount || tries >= MAX_TRIES) return false;
    for (const c of r.actual) {
      const t = texts.get(c);
      if (used.has(c) || t === undefined || t.head !== r.head) continue;
      tries += 1;
      const undo = symbols.save();
      if (symbols.same(r.text, `${t.orig} | ${t.reply}`)) {
        used.add(c);
        current[i] = c;
        if (search(i + 1, count + 1)) return true;
        used.delete(c);
      }
      undo();
    }
    current[i] = undefined;
    return search(i + 1, count);
  };
  if (!search(0, 0)) {
    best.forEach((c, i) => {
      const t = c === undefined ? undefined : texts.get(c);
      if (t !== undefined) symbols.same(recorded[i]?.text, `${t.orig} | ${t.reply}`);
    });
  }
  return best;
}

/** Level 3: every recorded entry is there, and nothing new beside them. */
export function compareConnections(symbols: Symbols, nodes: readonly NodeConnections[], wasThere: (c: ConnectionView) => boolean): Difference[] {
  const differences: Difference[] = [];
  // An entry of this step before one that was there already.
  const sorted = nodes.map((one) => ({ ...one, actual: [...one.actual].sort((x, y) => Number(wasThere(x)) - Number(wasThere(y))) }));
  const pairs = pairUp(symbols, sorted);
  let at = 0;
  for (const { node, recorded, actual } of nodes) {
    for (const r of recorded) {
      if (pairs[at] === undefined)
        differences.push({ where: `${node} conntrack`, expected: `${recordedHead(r)} ${r.orig} | ${r.reply}`, actual: 'no such entry' });
      at += 1;
    }
    for (const c of actual) {
      if (wasThere(c) || pairs.includes(c)) continue;
      const t = connectionText(c);
      differences.push({ where: `${node} conntrack`, expected: 'no other new entry', actual: `${t.head} ${t.orig} | ${t.reply}` });
    }
  }
  return differences;
}
