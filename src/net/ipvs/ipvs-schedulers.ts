/** How IPVS chooses a real server. Linux: net/netfilter/ipvs/ip_vs_rr.c and its brothers */

import { ipHash } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import type { IpvsScheduler } from './ipvs-records.ts';
import type { DestinationState, ServiceState } from './ipvs-state.ts';

/** What a choice may depend on besides the servers. */
export interface Asked {
  readonly client: Ip;
  readonly clientPort: number;
  readonly virtual: Ip;
  uint32(): number;
}

type Schedule = (service: ServiceState, asked: Asked) => DestinationState | undefined;

const usable = (d: DestinationState): boolean => d.weight > 0 && !d.overloaded;
const overhead = (d: DestinationState): number => d.active * 256 + d.inactive;

/** `memory[0]`: one more than the place of the server that was last. */
const rr: Schedule = (service) => {
  const { destinations, memory } = service;
  const n = destinations.length;
  for (let i = 0; i < n; i += 1) {
    const at = ((memory[0] ?? 0) + i) % n;
    const d = destinations[at] as DestinationState;
    if (!usable(d)) continue;
    memory[0] = at + 1;
    return d;
  }
  return undefined;
};

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** `memory`: place of the last, current weight. */
const wrr: Schedule = (service) => {
  const { destinations, memory } = service;
  let divisor = 0;
  let most = 0;
  for (const d of destinations) {
    if (d.weight > 0) divisor = gcd(divisor, d.weight);
    if (d.weight > most) most = d.weight;
  }
  if (divisor === 0) return undefined;
  most -= divisor - 1;
  let at = memory[0] ?? -1;
  let current = memory[1] ?? 0;
  if (current <= 0 || current > most) current = most;
  else if (divisor > 1) current = Math.floor(current / divisor) * divisor + 1;
  // Each round lowers the weight that is enough; after all weights every server has been looked at.
  for (let rounds = 0; rounds <= most / divisor + 1; rounds += 1) {
    for (at += 1; at < destinations.length; at += 1) {
      const d = destinations[at] as DestinationState;
      if (d.overloaded || d.weight < current) continue;
      memory[0] = at;
      memory[1] = current;
      return d;
    }
    at = -1;
    current -= divisor;
    if (current <= 0) current = most;
  }
  return undefined;
};

/** The first of those for which `better` never says that a later one is. */
function best(
  service: ServiceState,
  better: (candidate: DestinationState, least: DestinationState) => boolean,
  may: (d: DestinationState) => boolean = usable,
): DestinationState | undefined {
  let least: DestinationState | undefined;
  for (const d of service.destinations) {
    if (!may(d)) continue;
    if (least === undefined || better(d, least)) least = d;
  }
  return least;
}

const lc: Schedule = (service) => best(service, (d, least) => overhead(d) < overhead(least));
const wlc: Schedule = (service) => best(service, (d, least) => overhead(least) * d.weight > overhead(d) * least.weight);
const sed: Schedule = (service) => best(service, (d, least) => (least.active + 1) * d.weight > (d.active + 1) * least.weight);
const nq: Schedule = (service, asked) => service.destinations.find((d) => usable(d) && d.active === 0) ?? sed(service, asked);
const fo: Schedule = (service) => best(service, (d, least) => d.weight > least.weight);
const ovf: Schedule = (service) =>
  best(
    service,
    (d, least) => d.weight > least.weight,
    (d) => usable(d) && d.active <= d.weight,
  );

/** hash_32(x, 8): the golden ratio, the highest eight bits. */
const bucket = (x: number): number => Math.imul(x, 0x61c88647) >>> 24;
const BUCKETS = 256;

/** The server of each bucket: as many in a row as it has weight (source hashing), or one after the other. */
function inBucket(service: ServiceState, at: number, byWeight: boolean): DestinationState | undefined {
  const { destinations } = service;
  if (destinations.length === 0) return undefined;
  if (!byWeight) return destinations[at % destinations.length];
  let i = 0;
  let used = 0;
  for (let b = 0; b < BUCKETS; b += 1) {
    const d = destinations[i % destinations.length] as DestinationState;
    if (b === at) return d;
    used += 1;
    if (used >= d.weight) {
      i += 1;
      used = 0;
    }
  }
  return undefined;
}

const sh: Schedule = (service, asked) => {
  const flags = service.record.schedulerFlags ?? [];
  const port = flags.includes('sh-port') || flags.includes('flag-2') ? asked.clientPort : 0;
  const start = bucket((port + ipHash(asked.client)) | 0);
  const first = inBucket(service, start, true);
  if (first === undefined || usable(first)) return first;
  if (!flags.includes('sh-fallback') && !flags.includes('flag-1')) return undefined;
  for (let offset = 0; offset < BUCKETS; offset += 1) {
    const d = inBucket(service, (bucket((port + ipHash(asked.client)) | 0) + offset) % BUCKETS, true);
    if (d !== undefined && usable(d)) return d;
  }
  return undefined;
};

const dh: Schedule = (service, asked) => {
  const d = inBucket(service, bucket(ipHash(asked.virtual)), false);
  return d !== undefined && usable(d) ? d : undefined;
};

/** The size of Maglev's table: a prime. */
const MAGLEV_SIZE = 251;

/** Maglev hashing: each server fills the table by a permutation of its own, as often as it has weight. The permutations are made with another hash than the kernel's. */
const mh: Schedule = (service, asked) => {
  const { destinations } = service;
  const flags = service.record.schedulerFlags ?? [];
  const servers = destinations.filter((d) => d.weight > 0);
  if (servers.length === 0) return undefined;
  const divisor = servers.reduce((a, d) => gcd(a, d.weight), 0);
  const mix = (x: number, seed: number): number => {
    let h = Math.imul(x ^ seed, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  const table: (DestinationState | undefined)[] = new Array(MAGLEV_SIZE).fill(undefined);
  const places = servers.map((d) => {
    const key = ipHash(d.ip) ^ Math.imul(d.port, 0x9e3779b1);
    return { d, offset: mix(key, 2654435761) % MAGLEV_SIZE, skip: (mix(key, 2654446892) % (MAGLEV_SIZE - 1)) + 1, turns: d.weight / divisor };
  });
  let filled = 0;
  while (filled < MAGLEV_SIZE) {
    for (const p of places) {
      for (let turn = 0; turn < p.turns && filled < MAGLEV_SIZE; turn += 1) {
        while (table[p.offset] !== undefined) p.offset = (p.offset + p.skip) % MAGLEV_SIZE;
        table[p.offset] = p.d;
        filled += 1;
      }
    }
  }
  const port = flags.includes('mh-port') || flags.includes('flag-2') ? asked.clientPort : 0;
  const start = mix((ipHash(asked.client) + port) | 0, 2654435761) % MAGLEV_SIZE;
  const first = table[start];
  if (first === undefined || usable(first) || !(flags.includes('mh-fallback') || flags.includes('flag-1')))
    return first !== undefined && usable(first) ? first : undefined;
  for (let i = 1; i < MAGLEV_SIZE; i += 1) {
    const d = table[(start + i) % MAGLEV_SIZE];
    if (d !== undefined && usable(d)) return d;
  }
  return undefined;
};

/** More connections than weight while another server is not half busy. */
const busy = (service: ServiceState, d: DestinationState): boolean => d.active > d.weight && service.destinations.some((o) => o.active * 2 < o.weight);

/** Locality: one server for each destination address, until it is gone or busy. */
const lblc: Schedule = (service, asked) => {
  const key = String(asked.virtual);
  const known = service.local.get(key)?.[0];
  const server = service.destinations.find((d) => d.key === known);
  if (server !== undefined && usable(server) && !busy(service, server)) return server;
  const chosen = wlc(service, asked);
  if (chosen !== undefined) service.local.set(key, [chosen.key]);
  return chosen;
};

/** The same with a set of servers that grows while they are busy. */
const lblcr: Schedule = (service, asked) => {
  const key = String(asked.virtual);
  const keys = service.local.get(key) ?? [];
  let least: DestinationState | undefined;
  for (const d of service.destinations) {
    if (!keys.includes(d.key) || !usable(d)) continue;
    if (least === undefined || overhead(least) * d.weight > overhead(d) * least.weight) least = d;
  }
  if (least !== undefined && !busy(service, least)) return least;
  const chosen = wlc(service, asked);
  if (chosen !== undefined && !keys.includes(chosen.key)) service.local.set(key, [...keys, chosen.key]);
  return chosen ?? least;
};

/** Two by chance and weight; the one with less to do. */
const twos: Schedule = (service, asked) => {
  const servers = service.destinations.filter(usable);
  const total = servers.reduce((sum, d) => sum + d.weight, 0);
  const pick = (): DestinationState | undefined => {
    let rest = asked.uint32() % Math.max(1, total);
    for (const d of servers) {
      rest -= d.weight;
      if (rest < 0) return d;
    }
    return undefined;
  };
  const a = pick();
  const b = pick();
  if (a === undefined || b === undefined) return a ?? b;
  return overhead(b) * a.weight < overhead(a) * b.weight ? b : a;
};

const SCHEDULES: Readonly<Record<IpvsScheduler, Schedule>> = { rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos };

export const schedule = (service: ServiceState, asked: Asked): DestinationState | undefined => SCHEDULES[service.record.scheduler](service, asked);
