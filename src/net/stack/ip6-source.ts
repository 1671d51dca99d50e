/** Which of its addresses a kernel sends from. RFC 6724 section 5; Linux: net/ipv6/addrconf.c, ipv6_dev_get_saddr, net/ipv6/addrlabel.c */
import { bitsOf } from '../addr/ip.ts';
import { contains6, isLinkLocal6, isMulticast6, isSiteLocal6, LOOPBACK6, multicastScope6, parseIp6 } from '../addr/ip6.ts';
import type { DeviceState, LocalAddress } from '../device/device-state.ts';
import type { Ip, Ip6 } from '../wire/packet.ts';
import type { NetnsState } from './netns-state.ts';
import type { OutputRoute } from './routing.ts';

const LINK = 2;
const SITE = 5;
const GLOBAL = 14;

const scopeOf = (ip: Ip6): number => {
  if (isMulticast6(ip)) return multicastScope6(ip);
  if (ip === LOOPBACK6 || isLinkLocal6(ip)) return LINK;
  return isSiteLocal6(ip) ? SITE : GLOBAL;
};

/** The default policy table, longest prefix first (RFC 6724 section 2.1 as Linux has it). */
const LABELS: readonly { readonly network: Ip6; readonly prefixLength: number; readonly label: number }[] = (
  [
    ['::1', 128, 0],
    ['::', 96, 3],
    ['::ffff:0:0', 96, 4],
    ['2001::', 32, 6],
    ['2001:10::', 28, 7],
    ['2002::', 16, 2],
    ['fc00::', 7, 5],
    ['::', 0, 1],
  ] as const
).map(([text, prefixLength, label]) => ({ network: parseIp6(text) as Ip6, prefixLength, label }));

const labelOf = (ip: Ip6): number => LABELS.find((l) => contains6(l.network, l.prefixLength, ip))?.label ?? 1;

interface Candidate {
  readonly ip: Ip6;
  readonly address: LocalAddress;
  readonly device: DeviceState;
}

/** How many leading bits are the same, at most the prefix that the address was given with. */
function commonBits(a: Ip6, b: Ip6, limit: number): number {
  const difference = a ^ b;
  const bits = difference === 0n ? bitsOf(a) : bitsOf(a) - difference.toString(2).length;
  return Math.min(bits, limit);
}

/** Positive where `a` is the better source for `destination` out of `device`. */
function compare(a: Candidate, b: Candidate, destination: Ip6, device: DeviceState): number {
  const either = (first: boolean, second: boolean): number => Number(first) - Number(second);
  const same = either(a.ip === destination, b.ip === destination);
  if (same !== 0) return same;
  const wanted = scopeOf(destination);
  // Among scopes that reach far enough the smallest, else the largest there is.
  const rank = (scope: number): number => (scope >= wanted ? -scope : scope - 128);
  const scope = rank(scopeOf(a.ip)) - rank(scopeOf(b.ip));
  if (scope !== 0) return scope;
  const deprecated = either(a.address.deprecated !== true, b.address.deprecated !== true);
  if (deprecated !== 0) return deprecated;
  const outgoing = either(a.device === device, b.device === device);
  if (outgoing !== 0) return outgoing;
  const label = labelOf(destination);
  const labelled = either(labelOf(a.ip) === label, labelOf(b.ip) === label);
  if (labelled !== 0) return labelled;
  return commonBits(a.ip, destination, a.address.prefixLength) - commonBits(b.ip, destination, b.address.prefixLength);
}

/** A device's usable addresses as the kernel lists them: wide scopes before narrow ones, the newest of a scope first. */
function listed(device: DeviceState): Candidate[] {
  const all: Candidate[] = [];
  for (const address of device.addresses) {
    if (typeof address.ip === 'bigint' && !device.tentative.has(address.ip)) all.unshift({ ip: address.ip, address, device });
  }
  return all.sort((a, b) => scopeOf(b.ip) - scopeOf(a.ip));
}

/** Undefined when the netns has no address to send to `destination` from. */
export function selectSource6(netns: NetnsState, destination: Ip6, device: DeviceState): Ip6 | undefined {
  // What stays on a link is sent from an address of that link.
  const onlyHere = isMulticast6(destination) || isLinkLocal6(destination);
  const devices = onlyHere ? [device] : [device, ...[...netns.devices.values()].filter((d) => d !== device && d.up)];
  let best: Candidate | undefined;
  for (const one of devices) {
    for (const candidate of listed(one)) if (best === undefined || compare(candidate, best, destination, device) > 0) best = candidate;
  }
  return best?.ip;
}

/** The source that a route to `destination` gives a packet without one: the route's own, else the best of the netns' addresses. */
export function sourceFor(netns: NetnsState, route: OutputRoute & { readonly kind: 'ok' }, destination: Ip): Ip | undefined {
  if (typeof destination === 'number') return route.source;
  if (route.route.source !== undefined) return route.route.source;
  return selectSource6(netns, destination, route.device);
}
