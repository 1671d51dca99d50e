/** A capture filter as a tree of plain data, so that a running tcpdump is a snapshot. */

import type { Ip } from './packet.ts';

export type Direction = 'src' | 'dst' | 'either' | 'both';
export type FilterProtocol = 'ip' | 'arp' | 'tcp' | 'udp' | 'icmp' | 'ether' | 'ip6' | 'icmp6';

export type Filter =
  | { readonly op: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly op: 'not'; readonly of: Filter }
  | { readonly op: 'protocol'; readonly protocol: FilterProtocol }
  | { readonly op: 'ip-protocol'; readonly number: number }
  | { readonly op: 'net'; readonly network: Ip; readonly prefixLength: number; readonly direction: Direction; readonly protocol?: FilterProtocol }
  | { readonly op: 'port'; readonly low: number; readonly high: number; readonly direction: Direction; readonly protocol?: FilterProtocol }
  | { readonly op: 'mac'; readonly mac: number; readonly direction: Direction }
  | { readonly op: 'group'; readonly protocol: FilterProtocol; readonly broadcast: boolean }
  | { readonly op: 'compare'; readonly relation: Relation; readonly left: Arithmetic; readonly right: Arithmetic };

export type Relation = '<' | '>' | '<=' | '>=' | '=' | '!=';
export type Arithmetic =
  | { readonly value: number }
  | { readonly length: true }
  | { readonly load: FilterProtocol; readonly at: Arithmetic; readonly bytes: 1 | 2 | 4 }
  | { readonly operator: string; readonly left: Arithmetic; readonly right: Arithmetic };
