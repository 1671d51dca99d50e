/** What a request's way looks like from below: what wraps it, what it weighs on the wires between machines, and what the network there must know. */
import type { Layer } from '../net/wire/packet.ts';
import type { HopView, Topology } from './views.ts';

export interface RoadFacts {
  /** `VXLAN, VNI 1`; empty where pods' own packets cross between machines. */
  readonly tunnels: readonly string[];
  /** What a tunnel adds to each packet; 0 without. */
  readonly overheadBytes: number;
  /** Of the device by which the first packet left its pod (or machine); 0 where there is none. */
  readonly mtuBytes: number;
  /** What the first SYN asked for; undefined without TCP. */
  readonly mssBytes: number | undefined;
  /** Frames that switches between the machines passed on, and their bytes without the checksum at their end. */
  readonly frames: number;
  readonly frameBytes: number;
  readonly largestFrameBytes: number;
  /** Application data that went, both ways. */
  readonly payloadBytes: number;
  /** Addresses that the network between the machines saw outermost, in order. */
  readonly seenAddresses: readonly string[];
  /** Those of them that are no machine's own: the network must know a way to them. */
  readonly podAddresses: readonly string[];
  /** What a firewall between the machines must let pass, as it sees it: `UDP port 8472`, `IP protocol 4`. */
  readonly carriers: readonly string[];
  /** Names of machines that took the packets in, in order. */
  readonly machines: readonly string[];
  /** Rules of iptables or nftables that matched. */
  readonly rules: number;
  /** Decisions of BPF programs. */
  readonly programs: number;
  /** Stops of the first packet. */
  readonly stops: number;
  /** `delivered`, or what the first drop was. */
  readonly outcome: string;
  /** From the first event to the last, virtual. */
  readonly durationNs: number;
}

const outermostIp = (layers: readonly Layer[]) => layers.find((layer) => layer.protocol === 'ipv4' || layer.protocol === 'ipv6');

function payloadOf(layers: readonly Layer[]): number {
  for (let i = layers.length - 1; i >= 0; i -= 1) {
    const layer = layers[i] as Layer;
    if (layer.protocol === 'tcp') return layer.payloadBytes;
    if (layer.protocol === 'udp') return layer.lengthBytes - 8;
  }
  return 0;
}

/** @param hops of one request, as `World.hops` gives them; background (ARP and the like) does not count */
export function roadFacts(hops: readonly HopView[], topology: Topology): RoadFacts {
  const shown = hops.filter((hop) => !hop.background && hop.event.packetId >= 0);
  const roles = new Map(topology.hosts.map((host) => [host.id, host.role]));
  const own = new Set(topology.devices.filter((device) => device.netns.endsWith('/netns/root')).flatMap(({ addresses }) => addresses.map(withoutLength)));
  // Routers of nodes talk to each other meanwhile.
  const first = shown.find((hop) => !hop.event.netns.endsWith('/netns/root')) ?? shown[0];
  const tunnels = new Set<string>();
  const seen = new Set<string>();
  const machines = new Set<string>();
  const carriers = new Set<string>();
  let [overheadBytes, frames, frameBytes, largestFrameBytes, payloadBytes, rules, programs, stops] = [0, 0, 0, 0, 0, 0, 0, 0];
  let mssBytes: number | undefined;
  let outcome: string | undefined;
  for (const hop of shown) {
    const { step, hostId, layers, packetId } = hop.event;
    if (packetId === first?.event.packetId) stops += 1;
    if (step.kind === 'encapsulated') {
      tunnels.add(`${TUNNELS[step.protocol] ?? step.protocol}${step.vni === 0 ? '' : `, VNI ${step.vni}`}`);
      overheadBytes = Math.max(overheadBytes, step.overheadBytes);
    }
    if (step.kind === 'created') payloadBytes += payloadOf(layers);
    if (step.kind === 'bpf') programs += 1;
    if (step.kind === 'dropped') outcome ??= `dropped at ${hop.where}: ${step.reason}`;
    rules += hop.rules.length;
    const tcp = layers.find((layer) => layer.protocol === 'tcp');
    if (mssBytes === undefined && tcp?.protocol === 'tcp') mssBytes = Number(/mss (\d+)/.exec(tcp.options)?.[1] ?? 0) || undefined;
    if (roles.get(hostId) !== 'switch') {
      machines.add(hostId);
      continue;
    }
    if (step.kind !== 'bridged') continue;
    frames += 1;
    frameBytes += hop.lengthBytes;
    largestFrameBytes = Math.max(largestFrameBytes, hop.lengthBytes);
    const carrier = carrierOf(layers);
    if (carrier !== undefined) carriers.add(carrier);
    const ip = outermostIp(layers);
    if (ip?.protocol === 'ipv4' || ip?.protocol === 'ipv6') for (const address of [ip.src, ip.dst]) seen.add(address);
  }
  const last = shown.at(-1);
  return {
    tunnels: [...tunnels],
    overheadBytes,
    mtuBytes: first === undefined ? 0 : mtuOf(topology, first.event.netns),
    mssBytes,
    frames,
    frameBytes,
    largestFrameBytes,
    payloadBytes,
    seenAddresses: [...seen],
    podAddresses: [...seen].filter((address) => !own.has(address)),
    carriers: [...carriers],
    machines: [...machines],
    rules,
    programs,
    stops,
    outcome: outcome ?? (shown.length === 0 ? 'no packets' : 'delivered'),
    durationNs: first === undefined || last === undefined ? 0 : last.event.timeNs - first.event.timeNs,
  };
}

/** The outermost thing above IP that a filter of packets can name; undefined where pods' own packets are outermost. */
function carrierOf(layers: readonly Layer[]): string | undefined {
  const at = layers.findIndex((layer) => layer.protocol === 'ipv4' || layer.protocol === 'ipv6');
  const [outer, next, inner] = layers.slice(at, at + 3);
  if (outer?.protocol === 'ipv4' && next?.protocol === 'ipip') return `IP protocol ${outer.ipProtocol}`;
  return next?.protocol === 'udp' && Object.hasOwn(TUNNELS, inner?.protocol ?? '') ? `UDP port ${next.dport}` : undefined;
}

const TUNNELS: Readonly<Record<string, string>> = { vxlan: 'VXLAN', geneve: 'Geneve', ipip: 'IPIP', wireguard: 'WireGuard' };
const withoutLength = (address: string): string => address.replace(/\/\d+$/, '');

function mtuOf(topology: Topology, netns: string): number {
  const devices = topology.devices.filter((device) => device.netns === netns && device.type !== 'loopback');
  return (devices.find((device) => device.name === 'eth0') ?? devices[0])?.mtuBytes ?? 0;
}

/** One line of the comparison: what, and how it is on each side. */
export type FactRow = readonly [what: string, ...sides: readonly string[]];

/** The facts of several roads as a table's rows, the same words on the page and in a terminal. */
export function factRows(roads: readonly RoadFacts[]): readonly FactRow[] {
  const row = (what: string, of: (road: RoadFacts) => string): FactRow => [what, ...roads.map(of)];
  const orNone = (texts: readonly string[], none: string): string => (texts.length === 0 ? none : texts.join(', '));
  return [
    row('outcome', (road) => road.outcome),
    row('wrapped in', (road) => orNone(road.tunnels, 'nothing: pods’ packets as they are')),
    row('added to each packet', (road) => `${road.overheadBytes} bytes`),
    row('MTU where it starts', (road) => `${road.mtuBytes}`),
    row('largest TCP segment (MSS)', (road) => (road.mssBytes === undefined ? '–' : `${road.mssBytes}`)),
    row('frames between machines', (road) => `${road.frames}, ${road.frameBytes} bytes`),
    row('largest frame there', (road) => `${road.largestFrameBytes} bytes`),
    row('application data', (road) => `${road.payloadBytes} bytes`),
    row('addresses seen there', (road) => orNone(road.seenAddresses, 'none')),
    row('must let pass', (road) => orNone(road.carriers, 'all that pods send, from their addresses')),
    row('must know a way to', (road) => orNone(road.podAddresses, 'the machines themselves, no more')),
    row('machines passed', (road) => orNone(road.machines, 'none')),
    row('rules matched', (road) => `${road.rules}${road.programs === 0 ? '' : `, ${road.programs} decisions of BPF programs`}`),
    row('stops of the first packet', (road) => `${road.stops}`),
    row('took', (road) => `${(road.durationNs / 1e6).toFixed(3)} ms`),
  ];
}

/** A piece of a frame, outermost first. */
export interface FramePart {
  readonly name: string;
  readonly family: 'l2' | 'l3' | 'l4' | 'tunnel' | 'data';
  readonly bytes: number;
}

/** The largest frame that went between machines, in pieces; empty when none did. */
export function largestFrame(hops: readonly HopView[], topology: Topology): readonly FramePart[] {
  const switches = new Set(topology.hosts.filter((host) => host.role === 'switch').map((host) => host.id));
  let largest: HopView | undefined;
  for (const hop of hops)
    if (!hop.background && hop.event.step.kind === 'bridged' && switches.has(hop.event.hostId) && hop.lengthBytes > (largest?.lengthBytes ?? 0)) largest = hop;
  return largest === undefined ? [] : frameParts(largest.event.layers, largest.lengthBytes);
}

function frameParts(layers: readonly Layer[], lengthBytes: number): FramePart[] {
  const parts: FramePart[] = [];
  let left = lengthBytes;
  const add = (name: string, family: FramePart['family'], bytes: number): void => {
    const taken = Math.max(0, Math.min(left, bytes));
    left -= taken;
    if (taken > 0) parts.push({ name, family, bytes: taken });
  };
  for (const [index, layer] of layers.entries()) {
    if (layer.protocol === 'ethernet') add('Ethernet', 'l2', 14);
    else if (layer.protocol === 'vlan') add('VLAN', 'l2', 4);
    else if (layer.protocol === 'ipv4') add('IPv4', 'l3', 20);
    else if (layer.protocol === 'ipv6') add('IPv6', 'l3', layer.fragment === undefined ? 40 : 48);
    else if (layer.protocol === 'udp') add('UDP', 'l4', 8);
    else if (layer.protocol === 'sctp') add('SCTP', 'l4', 12);
    else if (layer.protocol === 'vxlan') add('VXLAN', 'tunnel', 8);
    else if (layer.protocol === 'geneve') add('Geneve', 'tunnel', 8);
    else if (layer.protocol === 'wireguard') {
      const inner = outermostIp(layers.slice(index));
      // Its header, its padding and its tag.
      add('WireGuard', 'tunnel', layer.bytes - (inner?.protocol === 'ipv4' || inner?.protocol === 'ipv6' ? inner.totalBytes : 0));
    } else if (layer.protocol === 'tcp') {
      add('TCP', 'l4', left - layer.payloadBytes);
      break;
    } else if (layer.protocol === 'icmp' || layer.protocol === 'icmp6') add('ICMP', 'l4', 8);
    else if (layer.protocol !== 'ipip') break;
  }
  add('data', 'data', left);
  return parts;
}
