/** The nf_conntrack sysctls of a netns, compiled: time-outs in ns, switches as booleans. Linux: Documentation/networking/nf_conntrack-sysctl.rst */
import type { Host } from '../records.ts';
import { sysctl } from '../stack/sysctl.ts';
import { TCP_STATE_NAMES } from './connection.ts';
import { SCTP_TIMEOUT_LEAVES } from './sctp.ts';

/** Places of the two time-outs that are no states', behind the states in `tcpTimeoutsNs`. */
export const TIMEOUT_MAX_RETRANS = TCP_STATE_NAMES.length;
export const TIMEOUT_UNACKNOWLEDGED = TCP_STATE_NAMES.length + 1;

export interface ConntrackSettings {
  /** By TCP state's number, then TIMEOUT_MAX_RETRANS and TIMEOUT_UNACKNOWLEDGED. */
  readonly tcpTimeoutsNs: readonly number[];
  /** By SCTP state's number. */
  readonly sctpTimeoutsNs: readonly number[];
  readonly udpTimeoutNs: number;
  readonly udpStreamTimeoutNs: number;
  readonly icmpTimeoutNs: number;
  readonly icmp6TimeoutNs: number;
  readonly genericTimeoutNs: number;
  readonly greTimeoutNs: number;
  readonly greStreamTimeoutNs: number;
  /** 0: no limit. */
  readonly max: number;
  readonly buckets: number;
  readonly accounting: boolean;
  readonly loose: boolean;
  readonly beLiberal: boolean;
  readonly maxRetrans: number;
  readonly ignoreInvalidRst: boolean;
  /** Packets with a wrong checksum are INVALID. */
  readonly checksum: boolean;
  /** A UDP packet whose entry clashes with one of another translation may have an entry beside it (nf_ct_resolve_clash_harder(), since Linux 5.7). */
  readonly clashesLive: boolean;
  /** TCP segments that come far too late, or acknowledge what is long done, are not INVALID (since Linux 6.1). */
  readonly acceptsLate: boolean;
  /** … and those that go a little beyond the window neither (since Linux 6.2). */
  readonly acceptsBeyond: boolean;
}

/** The sysctl behind each TCP state; NONE and SYN_SENT2 have none of their own. */
const TCP_LEAVES = ['syn_sent', 'syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close', 'syn_sent'] as const;

/** Is the kernel this one or a later one? */
const isFrom = (kernel: Host['kernel'], major: number, minor: number): boolean =>
  kernel === undefined || kernel.major > major || (kernel.major === major && kernel.minor >= minor);

function compile(sysctls: Readonly<Record<string, number>>, kernel?: Host['kernel']): ConntrackSettings {
  const read = (leaf: string): number => sysctl(sysctls, `net.netfilter.nf_conntrack_${leaf}`);
  const ns = (leaf: string): number => read(leaf) * 1e9;
  return {
    tcpTimeoutsNs: [...TCP_LEAVES.map((leaf) => ns(`tcp_timeout_${leaf}`)), ns('tcp_timeout_max_retrans'), ns('tcp_timeout_unacknowledged')],
    sctpTimeoutsNs: SCTP_TIMEOUT_LEAVES.map((leaf) => ns(`sctp_timeout_${leaf}`)),
    udpTimeoutNs: ns('udp_timeout'),
    udpStreamTimeoutNs: ns('udp_timeout_stream'),
    icmpTimeoutNs: ns('icmp_timeout'),
    icmp6TimeoutNs: ns('icmpv6_timeout'),
    genericTimeoutNs: ns('generic_timeout'),
    greTimeoutNs: ns('gre_timeout'),
    greStreamTimeoutNs: ns('gre_timeout_stream'),
    max: read('max'),
    buckets: Math.max(1, read('buckets')),
    accounting: read('acct') !== 0,
    loose: read('tcp_loose') !== 0,
    beLiberal: read('tcp_be_liberal') !== 0,
    maxRetrans: read('tcp_max_retrans'),
    ignoreInvalidRst: read('tcp_ignore_invalid_rst') !== 0,
    checksum: read('checksum') !== 0,
    clashesLive: isFrom(kernel, 5, 7),
    acceptsLate: isFrom(kernel, 6, 1),
    acceptsBeyond: isFrom(kernel, 6, 2),
  };
}

const KERNELS_OWN = compile({});

/** Most netns (a thousand pods) set none of them and share one object. */
export function compileConntrack(sysctls: Readonly<Record<string, number>>, kernel?: Host['kernel']): ConntrackSettings {
  if (kernel !== undefined) return compile(sysctls, kernel);
  for (const name in sysctls) if (name.startsWith('net.netfilter.')) return compile(sysctls);
  return KERNELS_OWN;
}
