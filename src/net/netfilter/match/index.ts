/** The contents page of iptables' matches: everything `-m NAME` may name. */
import type { MatchDefinition } from '../definition.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { conntrack, state } from './conntrack.ts';
import { icmp } from './icmp.ts';
import { limit } from './limit.ts';
import { mark } from './mark.ts';
import { multiport } from './multiport.ts';
import { physdev } from './physdev.ts';
import { tcp, udp } from './ports.ts';
import { recent } from './recent.ts';
import { rpfilter } from './rpfilter.ts';
import { statistic } from './statistic.ts';

export const MATCHES: readonly MatchDefinition[] = [
  addrtype,
  comment,
  conntrack,
  icmp,
  limit,
  mark,
  multiport,
  physdev,
  recent,
  rpfilter,
  state,
  statistic,
  tcp,
  udp,
];

const byName = new Map(MATCHES.map((m) => [m.name, m]));

export const findMatch = (name: string): MatchDefinition | undefined => byName.get(name);
