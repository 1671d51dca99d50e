/** Which address and port a connection gets from NAT: its own where they are free, else another of the range. Linux: net/netfilter/nf_nat_core.c, get_unique_tuple */
import { compareIp, ipHash } from '../addr/ip.ts';
import type { NatBinding } from '../netfilter/definition.ts';
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, type Ip } from '../wire/packet.ts';
import { type Connection, invert, sameTuple, TCP_SYN_SENT, TCP_TIME_WAIT, type Tuple } from './connection.ts';
import { usesPorts } from './track.ts';

/** How many ports one round tries (NF_NAT_MAX_ATTEMPTS), and from where on it may take one over from a connection in TIME_WAIT (NF_NAT_HARDER_THRESH). */
const MAX_ATTEMPTS = 128;
const HARDER_ATTEMPTS = 32;
const LAST_ROUND_ATTEMPTS = 16;
/** Halving 128 until it is below 16 takes four rounds. */
const MAX_ROUNDS = 4;

/** A source that has an id in the place of ports. */
const usesId = (protocol: number): boolean => protocol === IP_PROTO_ICMP || protocol === IP_PROTO_ICMP6;

/**
 * Some other connection already answers to this tuple's answers. An entry with the very same original tuple does not count: it is the same flow,
 * whose first packets were on their way together, and `confirm` lets the later one join (nf_conntrack_tuple_taken()).
 */
function isUsed(core: Core, netns: NetnsState, tuple: Tuple, connection: Connection): boolean {
  const { connections } = netns;
  const found = connections.findTuple(invert(tuple), connection.protocol, core.nowNs, connection.zone);
  if (found === undefined || found.connection === connection || sameTuple(found.connection.original, connection.original)) return false;
  connections.statistics.found += 1;
  return true;
}

/**
 * nf_nat_used_tuple_harder(): with few attempts left, a translated TCP connection in TIME_WAIT or CLOSE gives its port to a SYN whose sequence
 * number is beyond what the old one used.
 */
function isUsedForGood(core: Core, netns: NetnsState, tuple: Tuple, connection: Connection, attemptsLeft: number): boolean {
  if (attemptsLeft > HARDER_ATTEMPTS || connection.protocol !== IP_PROTO_TCP || connection.tcpState !== TCP_SYN_SENT)
    return isUsed(core, netns, tuple, connection);
  const { connections } = netns;
  const found = connections.findTuple(invert(tuple), connection.protocol, core.nowNs, connection.zone);
  if (found === undefined || found.connection === connection) return false;
  const old = found.connection;
  const advanced = (((connection.tcp?.sides[0].end ?? 0) - (old.tcp?.sides[0].end ?? 0)) | 0) > 0;
  if (!found.reply || old.tcpState < TCP_TIME_WAIT || !old.sourceNat || !advanced) {
    connections.statistics.found += 1;
    return true;
  }
  connections.remove(old);
  return false;
}

/** Writes the new half into `wanted`, which holds the connection's tuple as it is. */
export function chooseTuple(core: Core, netns: NetnsState, connection: Connection, wanted: Tuple, source: boolean, binding: NatBinding | undefined): void {
  const anyPort = binding === undefined || binding.minPort === 0;
  const random = binding?.random === true || binding?.randomFully === true;
  if (source && !random) {
    if (isInRange(wanted, binding)) {
      if (!isUsed(core, netns, wanted, connection)) return;
    } else if (binding !== undefined && takeSameSource(core, netns, connection, wanted, binding)) return;
  }
  if (binding !== undefined && binding.minIp !== 0) {
    const ip = chooseIp(binding, wanted);
    if (source) wanted.src = ip;
    else wanted.dst = ip;
  }
  if (!random && binding?.shiftFrom === undefined) {
    const own = source ? wanted.sport : wanted.dport;
    const inRange = anyPort || (own >= binding.minPort && own <= binding.maxPort);
    const fixed = !anyPort && binding.minPort === binding.maxPort;
    if (inRange && (fixed || !isUsed(core, netns, wanted, connection))) return;
  }
  choosePort(core, netns, connection, wanted, source, binding);
}

/** Without a binding the range is the connection's own source (nf_nat_alloc_null_binding()). */
function isInRange(tuple: Tuple, binding: NatBinding | undefined): boolean {
  if (binding === undefined) return true;
  const { minIp, maxIp, minPort, maxPort } = binding;
  if (minIp !== 0 && (compareIp(tuple.src, minIp) < 0 || compareIp(tuple.src, maxIp) > 0)) return false;
  return minPort === 0 || (tuple.sport >= minPort && tuple.sport <= maxPort);
}

/** What this socket's other connections were translated to does for this one too (find_appropriate_src()). */
function takeSameSource(core: Core, netns: NetnsState, connection: Connection, wanted: Tuple, binding: NatBinding): boolean {
  const sibling = netns.connections.findSource(wanted, connection.protocol, connection.zone, core.nowNs);
  if (sibling === undefined) return false;
  const { src, sport } = wanted;
  wanted.src = sibling.reply.dst;
  wanted.sport = sibling.reply.dport;
  if (usesId(connection.protocol)) wanted.dport = wanted.sport;
  if (isInRange(wanted, binding) && !isUsed(core, netns, wanted, connection)) return true;
  wanted.src = src;
  wanted.sport = sport;
  if (usesId(connection.protocol)) wanted.dport = sport;
  return false;
}

/** One address of the range, always the same for the same two ends (find_best_ips_proto). */
function chooseIp(binding: NatBinding, tuple: Tuple): Ip {
  if (binding.minIp === binding.maxIp) return binding.minIp;
  const hash = Math.imul(ipHash(tuple.src) ^ Math.imul(binding.persistent === true ? 0 : ipHash(tuple.dst), 0x9e3779b9), 0x85ebca6b) >>> 0;
  if (typeof binding.minIp === 'bigint' || typeof binding.maxIp === 'bigint') {
    const first = BigInt(binding.minIp);
    return first + (BigInt(hash) % (BigInt(binding.maxIp) - first + 1n));
  }
  const size = (binding.maxIp >>> 0) - (binding.minIp >>> 0) + 1;
  return ((binding.minIp >>> 0) + (hash % size)) | 0;
}

/** Where a source port may go when no range was given: it stays in its class. */
function portClass(port: number): readonly [first: number, size: number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 424] : [1024, 64512];
}

/** nf_nat_l4proto_unique_tuple(): another port (or ICMP id) that nobody uses. Where none is found the last one tried stays, and `confirm` drops the packet. */
function choosePort(core: Core, netns: NetnsState, connection: Connection, tuple: Tuple, source: boolean, binding: NatBinding | undefined): void {
  const { protocol } = connection;
  const min = binding?.minPort ?? 0;
  let first = min;
  let size = (binding?.maxPort ?? 0) - min + 1;
  if (usesId(protocol)) {
    // Only a source half can change an id; a destination half leaves the tuple as it is.
    if (!source) return;
    if (min === 0) size = 65536;
  } else if (!usesPorts(protocol)) return;
  else if (min === 0) {
    if (!source) return;
    [first, size] = portClass(tuple.sport);
  }
  const prng = core.prng(`${netns.id} nat-port`);
  // A destination half walks its range from the start unless --random says otherwise.
  let offset = source || binding?.random === true || binding?.randomFully === true ? prng.below(65536) : 0;
  // A shifted range (--to-destination ip:80-90/1000) keeps the distance from its base.
  if (binding?.shiftFrom !== undefined) offset = ((tuple.dport - binding.shiftFrom) & 0xffff) % size;
  let attempts = Math.min(size, MAX_ATTEMPTS);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    for (let i = 0; i < attempts; i += 1) {
      const port = first + ((offset + i) % size);
      if (source) tuple.sport = port;
      else tuple.dport = port;
      if (usesId(protocol)) tuple.dport = port;
      if (!isUsedForGood(core, netns, tuple, connection, attempts - i)) return;
    }
    if (attempts >= size || attempts < LAST_ROUND_ATTEMPTS) return;
    attempts = Math.floor(attempts / 2);
    offset = prng.below(65536);
  }
}
