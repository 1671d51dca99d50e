/** Does a captured frame pass a filter? Read from its bytes, as libpcap's programs do. libpcap: gencode.c */
import { inPrefix } from '../addr/ip.ts';
import { ip6FromBytes } from '../addr/ip6.ts';
import type { Arithmetic, Direction, Filter, FilterProtocol, Inside, Relation } from './filter-tree.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from './link-type.ts';

export interface FilterFrame {
  /** From the link-level header on. */
  readonly bytes: Uint8Array;
  /** Length on the wire. */
  readonly wireBytes: number;
  readonly linkType: number;
  /** Of live captures; a cooked header says it itself. */
  readonly outgoing?: boolean;
}

/** A read behind the end of what was captured: the packet is refused, whatever else the filter says. */
class Refused extends Error {}

/** Where headers begin in a frame, after the layers a filter has stepped into. */
interface Place {
  readonly frame: FilterFrame;
  /** The Ethernet header, or -1 where there is none. */
  readonly link: number;
  readonly etherType: number;
  readonly network: number;
}

/** `filter` undefined: everything passes. */
export function matchesFilter(filter: Filter | undefined, frame: FilterFrame): boolean {
  if (filter === undefined) return true;
  try {
    return matches(filter, frame);
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

function matches(filter: Filter, frame: FilterFrame): boolean {
  switch (filter.op) {
    case 'and':
      return matches(filter.left, frame) && matches(filter.right, frame);
    case 'or':
      return matches(filter.left, frame) || matches(filter.right, frame);
    case 'not':
      return !matches(filter.of, frame);
    case 'bound': {
      const outgoing = isOutgoing(frame);
      return outgoing !== undefined && outgoing === filter.out;
    }
    case 'device-index':
      return frame.linkType === LINKTYPE_LINUX_SLL2 && u32(linkPlace(frame), 4) === filter.number;
    default: {
      const place = placeOf(frame, filter.in ?? []);
      return place !== undefined && matchesLeaf(filter, place);
    }
  }
}

/** Undefined where nobody knows. */
function isOutgoing(frame: FilterFrame): boolean | undefined {
  if (frame.linkType === LINKTYPE_LINUX_SLL2) return frame.bytes[10] === 4;
  if (frame.linkType === LINKTYPE_LINUX_SLL) return frame.bytes[1] === 4;
  return frame.outgoing;
}

type Leaf = Exclude<Filter, { op: 'and' | 'or' | 'not' | 'bound' | 'device-index' }>;

function matchesLeaf(filter: Leaf, place: Place): boolean {
  switch (filter.op) {
    case 'protocol':
      return isProtocol(filter.protocol, place);
    case 'ether-type':
      return place.etherType === filter.number;
    case 'ip-protocol':
      return hasIpProtocol(filter.number, place, filter.family);
    case 'net':
      return matchesNet(filter, place);
    case 'port':
      return matchesPort(filter, place);
    case 'mac':
      return place.link >= 0 && either(filter.direction, macAt(place, place.link + 6) === filter.mac, macAt(place, place.link) === filter.mac);
    case 'group':
      return matchesGroup(filter.protocol, filter.broadcast, place);
    case 'tag':
      return matchesTag(filter.tag, filter.number, place);
    case 'compare': {
      const left = evaluate(filter.left, place);
      const right = evaluate(filter.right, place);
      return left !== undefined && right !== undefined && compare(filter.relation, left, right);
    }
  }
}

const has = (place: Place, at: number, bytes: number): boolean => at + bytes <= place.frame.bytes.length;

function u8(place: Place, at: number): number {
  if (!has(place, at, 1)) throw new Refused();
  return place.frame.bytes[at] as number;
}
const u16 = (place: Place, at: number): number => u8(place, at) * 256 + u8(place, at + 1);
const u32 = (place: Place, at: number): number => u16(place, at) * 65536 + u16(place, at + 2);
const macAt = (place: Place, at: number): number => u16(place, at) * 0x100000000 + u32(place, at + 2);

function linkPlace(frame: FilterFrame): Place {
  const { bytes } = frame;
  const type = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  switch (frame.linkType) {
    case LINKTYPE_ETHERNET:
      return { frame, link: 0, etherType: type(12), network: 14 };
    case LINKTYPE_LINUX_SLL2:
      return { frame, link: -1, etherType: type(0), network: 20 };
    case LINKTYPE_LINUX_SLL:
      return { frame, link: -1, etherType: type(14), network: 16 };
    default:
      return { frame, link: -1, etherType: (bytes[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, network: 0 };
  }
}

/** Undefined where the frame has no such layers. */
function placeOf(frame: FilterFrame, inside: readonly Inside[]): Place | undefined {
  let place = linkPlace(frame);
  for (const step of inside) {
    if (step === 'vlan') {
      const at = place.network;
      if (!has(place, at, 4)) return undefined;
      place = { ...place, etherType: u16(place, at + 2), network: at + 4 };
      continue;
    }
    const tunnel = tunnelPayload(step, place);
    if (tunnel === undefined || !has(place, tunnel, 8)) return undefined;
    const body = step === 'vxlan' ? tunnel + 8 : tunnel + 8 + (u8(place, tunnel) & 0x3f) * 4;
    const etherType = step === 'vxlan' ? 0x6558 : u16(place, tunnel + 2);
    if (etherType !== 0x6558) place = { frame, link: -1, etherType, network: body };
    else if (has(place, body, 14)) place = { frame, link: body, etherType: u16(place, body + 12), network: body + 14 };
    else return undefined;
  }
  return place;
}

const TUNNEL_PORTS: Readonly<Record<'geneve' | 'vxlan', number>> = { geneve: 6081, vxlan: 4789 };

/** Where the tunnel's own header begins. */
function tunnelPayload(tunnel: 'geneve' | 'vxlan', place: Place): number | undefined {
  const at = transportAt(place, 17);
  return at !== undefined && u16(place, at + 2) === TUNNEL_PORTS[tunnel] ? at + 8 : undefined;
}

function matchesTag(tag: Inside, number: number | undefined, place: Place): boolean {
  if (tag === 'vlan') {
    if (place.etherType !== 0x8100 && place.etherType !== 0x88a8 && place.etherType !== 0x9100) return false;
    return number === undefined || (u16(place, place.network) & 0xfff) === number;
  }
  const at = tunnelPayload(tag, place);
  if (at === undefined || (tag === 'geneve' ? u8(place, at) >> 6 !== 0 : (u8(place, at) & 8) === 0)) return false;
  return number === undefined || u32(place, at + 4) >>> 8 === number;
}

const IP_PROTOCOLS: Readonly<Partial<Record<FilterProtocol, number>>> = {
  tcp: 6,
  udp: 17,
  sctp: 132,
  icmp: 1,
  icmp6: 58,
  igmp: 2,
  esp: 50,
  ah: 51,
  pim: 103,
  vrrp: 112,
};
const ETHER_TYPES: Readonly<Partial<Record<FilterProtocol, number>>> = { ip: 0x0800, ip6: 0x86dd, arp: 0x0806, rarp: 0x8035 };

function isProtocol(protocol: FilterProtocol, place: Place): boolean {
  if (protocol === 'ether') return place.link >= 0;
  const etherType = ETHER_TYPES[protocol];
  if (etherType !== undefined) return place.etherType === etherType;
  const number = IP_PROTOCOLS[protocol] ?? -1;
  return hasIpProtocol(number, place, protocol === 'icmp' || protocol === 'igmp' || protocol === 'vrrp' ? 4 : protocol === 'icmp6' ? 6 : undefined);
}

/** In IPv6 the next header, or the one behind a fragment header. */
function hasIpProtocol(number: number, place: Place, family: 4 | 6 | undefined): boolean {
  if (place.etherType === 0x0800 && family !== 6) return u8(place, place.network + 9) === number;
  if (place.etherType !== 0x86dd || family === 4) return false;
  const next = u8(place, place.network + 6);
  return next === number || (next === 44 && u8(place, place.network + 40) === number);
}

/** Where TCP, UDP … begin; undefined where they are something else or the packet is a later fragment. */
function transportAt(place: Place, protocol: number): number | undefined {
  const at = place.network;
  if (place.etherType === 0x0800) {
    if (u8(place, at + 9) !== protocol || (u16(place, at + 6) & 0x1fff) !== 0) return undefined;
    return at + (u8(place, at) & 15) * 4;
  }
  return place.etherType === 0x86dd && u8(place, at + 6) === protocol ? at + 40 : undefined;
}

function either(direction: Direction, source: boolean, destination: boolean): boolean {
  if (direction === 'src') return source;
  if (direction === 'dst') return destination;
  return direction === 'both' ? source && destination : source || destination;
}

function matchesNet(filter: Extract<Filter, { op: 'net' }>, place: Place): boolean {
  const { network, prefixLength, protocol, direction } = filter;
  if (protocol !== undefined && !isProtocol(protocol, place)) return false;
  const at = place.network;
  if (typeof network === 'bigint') {
    if (place.etherType !== 0x86dd) return false;
    if (!has(place, at, 40)) throw new Refused();
    const { bytes } = place.frame;
    return either(direction, inPrefix(network, prefixLength, ip6FromBytes(bytes, at + 8)), inPrefix(network, prefixLength, ip6FromBytes(bytes, at + 24)));
  }
  const [source, destination] = place.etherType === 0x0800 ? [12, 16] : place.etherType === 0x0806 || place.etherType === 0x8035 ? [14, 24] : [-1, -1];
  if (source < 0) return false;
  const within = (offset: number): boolean => inPrefix(network, prefixLength, u32(place, at + offset) | 0);
  return either(direction, within(source), within(destination));
}

const PORT_PROTOCOLS: readonly FilterProtocol[] = ['tcp', 'udp', 'sctp'];

function matchesPort(filter: Extract<Filter, { op: 'port' }>, place: Place): boolean {
  const { low, high, protocol } = filter;
  if (protocol === 'ip' && place.etherType !== 0x0800) return false;
  if (protocol === 'ip6' && place.etherType !== 0x86dd) return false;
  for (const candidate of protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? [protocol] : PORT_PROTOCOLS) {
    const at = transportAt(place, IP_PROTOCOLS[candidate] ?? -1);
    if (at === undefined) continue;
    const within = (offset: number): boolean => {
      const port = u16(place, at + offset);
      return port >= low && port <= high;
    };
    if (either(filter.direction, within(0), within(2))) return true;
  }
  return false;
}

function matchesGroup(protocol: FilterProtocol, broadcast: boolean, place: Place): boolean {
  if (protocol === 'ip') {
    if (place.etherType !== 0x0800) return false;
    const to = u32(place, place.network + 16);
    return broadcast ? to === 0xffffffff || to === 0 : to >>> 28 === 14;
  }
  if (protocol === 'ip6') return !broadcast && place.etherType === 0x86dd && u8(place, place.network + 24) === 0xff;
  if (place.link < 0) return false;
  return broadcast ? macAt(place, place.link) === 0xffffffffffff : (u8(place, place.link) & 1) !== 0;
}

function compare(relation: Relation, left: number, right: number): boolean {
  switch (relation) {
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '<=':
      return left <= right;
    case '>=':
      return left >= right;
    case '=':
      return left === right;
    case '!=':
      return left !== right;
  }
}

/** Undefined where the protocol that is read is not there. */
function evaluate(expression: Arithmetic, place: Place): number | undefined {
  if ('value' in expression) return expression.value;
  if ('length' in expression) return place.frame.wireBytes;
  if ('load' in expression) {
    const base = baseOf(expression.load, place);
    const at = evaluate(expression.at, place);
    if (base === undefined || at === undefined) return undefined;
    // Offsets count modulo 2^32: `ip[-4]` reads before the header.
    const from = base + (at | 0);
    if (from < 0) throw new Refused();
    return expression.bytes === 1 ? u8(place, from) : expression.bytes === 2 ? u16(place, from) : u32(place, from);
  }
  const left = evaluate(expression.left, place);
  const right = evaluate(expression.right, place);
  return left === undefined || right === undefined ? undefined : apply(expression.operator, left, right);
}

function apply(operator: string, left: number, right: number): number {
  switch (operator) {
    case '|':
      return (left | right) >>> 0;
    case '^':
      return (left ^ right) >>> 0;
    case '&':
      return (left & right) >>> 0;
    case '<<':
      return right > 31 ? 0 : (left << right) >>> 0;
    case '>>':
      return right > 31 ? 0 : left >>> right;
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
  }
  if (right === 0) throw new Refused();
  return operator === '/' ? Math.floor(left / right) : left % right;
}

/** Where a protocol's header begins in the frame. */
function baseOf(protocol: FilterProtocol, place: Place): number | undefined {
  if (protocol === 'ether') return place.link >= 0 ? place.link : 0;
  if (ETHER_TYPES[protocol] !== undefined) return isProtocol(protocol, place) ? place.network : undefined;
  if (protocol === 'icmp6') return place.etherType === 0x86dd && u8(place, place.network + 6) === 58 ? place.network + 40 : undefined;
  // libpcap's offsets into TCP, UDP and the like know IPv4 only.
  return place.etherType === 0x0800 ? transportAt(place, IP_PROTOCOLS[protocol] ?? -1) : undefined;
}
