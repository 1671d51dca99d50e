/** Does a frame pass a capture filter? As libpcap's programs decide: by the outermost headers only. */
import { inPrefix, isMulticastIp } from '../addr/ip.ts';
import { isGroupMac } from '../addr/mac.ts';
import { encodeFrame } from './encode.ts';
import type { Arithmetic, Direction, Filter, FilterProtocol, Relation } from './filter-tree.ts';
import { ETHERNET_HEADER_BYTES, frameBytes, ipHeaderBytes } from './lengths.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Packet } from './packet.ts';

const BROADCAST = 0xffffffffffff;

/** `filter` undefined: everything passes. */
export function matchesFilter(filter: Filter | undefined, packet: Packet): boolean {
  return filter === undefined || matches(filter, packet);
}

function matches(filter: Filter, packet: Packet): boolean {
  switch (filter.op) {
    case 'and':
      return matches(filter.left, packet) && matches(filter.right, packet);
    case 'or':
      return matches(filter.left, packet) || matches(filter.right, packet);
    case 'not':
      return !matches(filter.of, packet);
    case 'protocol':
      return isProtocol(filter.protocol, packet);
    case 'ip-protocol':
      return isIp(packet) && packet.protocol === filter.number;
    case 'net':
      return matchesNet(filter, packet);
    case 'port':
      return matchesPort(filter, packet);
    case 'mac':
      return either(filter.direction, packet.ethSrc === filter.mac, packet.ethDst === filter.mac);
    case 'group':
      if (filter.protocol === 'ip' && filter.broadcast) return packet.etherType === ETHERTYPE_IPV4 && (packet.dst === -1 || packet.dst === 0);
      if (filter.protocol === 'ip') return packet.etherType === ETHERTYPE_IPV4 && isMulticastIp(packet.dst);
      if (filter.protocol === 'ip6') return packet.etherType === ETHERTYPE_IPV6 && isMulticastIp(packet.dst);
      return filter.broadcast ? packet.ethDst === BROADCAST : isGroupMac(packet.ethDst);
    case 'compare':
      return matchesComparison(filter, packet);
  }
}

function isProtocol(protocol: FilterProtocol, packet: Packet): boolean {
  switch (protocol) {
    case 'ether':
      return true;
    case 'ip':
      return packet.etherType === ETHERTYPE_IPV4;
    case 'arp':
      return packet.etherType === ETHERTYPE_ARP;
    case 'tcp':
      return isIp(packet) && packet.protocol === IP_PROTO_TCP;
    case 'udp':
      return isIp(packet) && packet.protocol === IP_PROTO_UDP;
    case 'icmp':
      return packet.etherType === ETHERTYPE_IPV4 && packet.protocol === IP_PROTO_ICMP;
    case 'ip6':
      return packet.etherType === ETHERTYPE_IPV6;
    case 'icmp6':
      return packet.etherType === ETHERTYPE_IPV6 && packet.protocol === IP_PROTO_ICMP6;
  }
}

const isIp = (packet: Packet): boolean => packet.etherType === ETHERTYPE_IPV4 || packet.etherType === ETHERTYPE_IPV6;

function either(direction: Direction, source: boolean, destination: boolean): boolean {
  if (direction === 'src') return source;
  if (direction === 'dst') return destination;
  return direction === 'both' ? source && destination : source || destination;
}

function matchesNet(filter: Extract<Filter, { op: 'net' }>, packet: Packet): boolean {
  if (filter.protocol !== undefined && !isProtocol(filter.protocol, packet)) return false;
  const { network, prefixLength } = filter;
  if (packet.arp !== undefined) {
    return either(filter.direction, inPrefix(network, prefixLength, packet.arp.senderIp), inPrefix(network, prefixLength, packet.arp.targetIp));
  }
  return either(filter.direction, inPrefix(network, prefixLength, packet.src), inPrefix(network, prefixLength, packet.dst));
}

function matchesPort(filter: Extract<Filter, { op: 'port' }>, packet: Packet): boolean {
  if (!isIp(packet) || packet.fragmentOffset > 0) return false;
  if (packet.protocol !== IP_PROTO_TCP && packet.protocol !== IP_PROTO_UDP) return false;
  if (filter.protocol !== undefined && !isProtocol(filter.protocol, packet)) return false;
  const { low, high } = filter;
  return either(filter.direction, packet.sport >= low && packet.sport <= high, packet.dport >= low && packet.dport <= high);
}

/** Loads beyond the frame, or from a protocol that is not there, make the whole comparison false. */
function matchesComparison(filter: Extract<Filter, { op: 'compare' }>, packet: Packet): boolean {
  const bytes = encodeFrame(packet);
  const left = evaluate(filter.left, packet, bytes);
  const right = evaluate(filter.right, packet, bytes);
  return left !== undefined && right !== undefined && compare(filter.relation, left, right);
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

function evaluate(expression: Arithmetic, packet: Packet, bytes: Uint8Array): number | undefined {
  if ('value' in expression) return expression.value;
  if ('length' in expression) return frameBytes(packet);
  if ('load' in expression) {
    const base = baseOf(expression.load, packet);
    const at = evaluate(expression.at, packet, bytes);
    if (base === undefined || at === undefined || base + at + expression.bytes > bytes.length) return undefined;
    let value = 0;
    for (let i = 0; i < expression.bytes; i += 1) value = value * 256 + (bytes[base + at + i] as number);
    return value;
  }
  const left = evaluate(expression.left, packet, bytes);
  const right = evaluate(expression.right, packet, bytes);
  return left === undefined || right === undefined ? undefined : apply(expression.operator, left, right);
}

function apply(operator: string, left: number, right: number): number | undefined {
  switch (operator) {
    case '|':
      return (left | right) >>> 0;
    case '^':
      return (left ^ right) >>> 0;
    case '&':
      return (left & right) >>> 0;
    case '<<':
      return (left << right) >>> 0;
    case '>>':
      return left >>> right;
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
    case '/':
      return right === 0 ? undefined : Math.floor(left / right);
    default:
      return right === 0 ? undefined : left % right;
  }
}

/** Where a protocol's header begins in the frame. */
function baseOf(protocol: FilterProtocol, packet: Packet): number | undefined {
  if (protocol === 'ether') return 0;
  if (!isProtocol(protocol, packet)) return undefined;
  if (protocol === 'ip' || protocol === 'ip6' || protocol === 'arp') return ETHERNET_HEADER_BYTES;
  if (packet.fragmentOffset > 0) return undefined;
  // pcap looks for tcp[…] and udp[…] behind an IPv4 header only.
  if (packet.etherType === ETHERTYPE_IPV6 && protocol !== 'icmp6') return undefined;
  return ETHERNET_HEADER_BYTES + ipHeaderBytes(packet);
}
