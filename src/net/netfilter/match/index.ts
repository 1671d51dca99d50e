/** The contents page of iptables' matches: everything `-m NAME` may name. */
import type { Family, MatchDefinition } from '../definition.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { connbytes, connlimit, quota } from './connections.ts';
import { conntrack, state } from './conntrack.ts';
import { dscp, tos } from './dscp.ts';
import { mac, pkttype } from './frame.ts';
import { hashlimit } from './hashlimit.ts';
import { icmp, icmp6 } from './icmp.ts';
import { iprange } from './iprange.ts';
import { ipvs } from './ipvs.ts';
import { hl, length, ttl } from './length.ts';
import { limit } from './limit.ts';
import { connmark, mark } from './mark.ts';
import { multiport } from './multiport.ts';
import { owner } from './owner.ts';
import { physdev } from './physdev.ts';
import { sctp, tcp, udp } from './ports.ts';
import { recent } from './recent.ts';
import { rpfilter } from './rpfilter.ts';
import { set } from './set.ts';
import { statistic } from './statistic.ts';
import { string } from './string.ts';

export const MATCHES: readonly MatchDefinition[] = [
  addrtype,
  comment,
  connbytes,
  connlimit,
  connmark,
  conntrack,
  dscp,
  hashlimit,
  hl,
  icmp,
  icmp6,
  iprange,
  ipvs,
  length,
  limit,
  mac,
  mark,
  multiport,
  owner,
  physdev,
  pkttype,
  quota,
  recent,
  rpfilter,
  sctp,
  set,
  state,
  statistic,
  string,
  tcp,
  tos,
  ttl,
  udp,
];

const byName = new Map(MATCHES.map((m) => [m.name, m]));

/** Of this family: `ttl` is none of ip6tables'. `-m icmpv6` is icmp6 by its other names. */
export function findMatch(name: string, family: Family): MatchDefinition | undefined {
  const found = byName.get(family === 'ipv6' && (name === 'icmpv6' || name === 'ipv6-icmp') ? 'icmp6' : name);
  return found?.family === undefined || found.family === family ? found : undefined;
}

/** The match whose options `-p` brings along. */
export const matchOfProtocol = (protocol: number, family: Family): MatchDefinition | undefined =>
  MATCHES.find((m) => m.protocol === protocol && (m.family === undefined || m.family === family));
