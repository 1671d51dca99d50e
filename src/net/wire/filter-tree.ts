/** A capture filter as a tree of plain data, so that a running tcpdump is a snapshot. */
import type { Ip } from './packet.ts';

export type Direction = 'src' | 'dst' | 'either' | 'both';
export type FilterProtocol = 'ether' | 'ip' | 'arp' | 'rarp' | 'ip6' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmp6' | 'igmp' | 'esp' | 'ah' | 'pim' | 'vrrp';
/** What earlier words of the filter stepped into: `vlan and …`, `geneve and …`. */
export type Inside = 'vlan' | 'geneve' | 'vxlan';

/** `in`: the layers that stand before the headers a leaf looks at; absent is the frame itself. */
interface Leaf {
  readonly in?: readonly Inside[];
}

export type Filter =
  | { readonly op: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly op: 'not'; readonly of: Filter }
  | (Leaf & { readonly op: 'protocol'; readonly protocol: FilterProtocol })
  | (Leaf & { readonly op: 'ether-type'; readonly number: number })
  /** `family` undefined: either. */
  | (Leaf & { readonly op: 'ip-protocol'; readonly number: number; readonly family?: 4 | 6 })
  | (Leaf & { readonly op: 'net'; readonly network: Ip; readonly prefixLength: number; readonly direction: Direction; readonly protocol?: FilterProtocol })
  | (Leaf & { readonly op: 'port'; readonly low: number; readonly high: number; readonly direction: Direction; readonly protocol?: FilterProtocol })
  | (Leaf & { readonly op: 'mac'; readonly mac: number; readonly direction: Direction })
  | (Leaf & { readonly op: 'group'; readonly protocol: FilterProtocol; readonly broadcast: boolean })
  | (Leaf & { readonly op: 'compare'; readonly relation: Relation; readonly left: Arithmetic; readonly right: Arithmetic })
  | (Leaf & { readonly op: 'tag'; readonly tag: Inside; readonly number?: number })
  | { readonly op: 'bound'; readonly out: boolean }
  | { readonly op: 'device-index'; readonly number: number };

export type Relation = '<' | '>' | '<=' | '>=' | '=' | '!=';
export type Arithmetic =
  | { readonly value: number }
  | { readonly length: true }
  | { readonly load: FilterProtocol; readonly at: Arithmetic; readonly bytes: 1 | 2 | 4 }
  | { readonly operator: string; readonly left: Arithmetic; readonly right: Arithmetic };
