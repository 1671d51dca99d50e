/** What a kernel remembers of those whom its ICMP errors go to, and the settings that limit them. Linux: net/ipv4/inetpeer.c */
import { sysctl } from './sysctl.ts';

/** A token bucket in nanoseconds of waiting; shared by everything that answers this address with an error. */
export interface Peer {
  tokensNs: number;
  lastNs: number;
  /** ICMP redirects sent in a row. */
  redirects: number;
}

export interface IcmpLimit {
  /** Bits of the ICMP types that are limited. */
  readonly mask: number;
  /** One error a peer in so long, on average; 0: no limit. */
  readonly peerNs: number;
  readonly perSecond: number;
  readonly burst: number;
}

export const UNLIMITED: IcmpLimit = { mask: 0, peerNs: 0, perSecond: 0, burst: 0 };

export function icmpLimit(values: Readonly<Record<string, number>>): IcmpLimit {
  return {
    mask: sysctl(values, 'net.ipv4.icmp_ratemask'),
    peerNs: sysctl(values, 'net.ipv4.icmp_ratelimit') * 1e6,
    perSecond: sysctl(values, 'net.ipv4.icmp_msgs_per_sec'),
    burst: sysctl(values, 'net.ipv4.icmp_msgs_burst'),
  };
}
