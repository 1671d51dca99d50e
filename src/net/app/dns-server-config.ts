/** What a `dns-server` process (CoreDNS, or a name server beyond the cluster) serves: plain data that an agent compiles and many replicas may share by reference. */
import type { GoRegexp } from '../../base/go-regexp.ts';
import type { DnsRcode, DnsResourceRecord, DnsType } from '../wire/dns-message.ts';

/** A limit of CPU time: so much in each period, and what one question costs. Linux: kernel/sched/fair.c, cfs_bandwidth. */
export interface DnsCpuLimit {
  readonly quotaNs: number;
  readonly periodNs: number;
  readonly costNs: number;
}

export interface DnsServerConfig {
  /** Absent: as much as it wants. */
  readonly cpu?: DnsCpuLimit;
  /** One for each address and port. */
  readonly servers: readonly DnsListener[];
  /** Printed on stdout when the server starts: `.:53` before the line about the configuration, the rest after it. */
  readonly banner?: { readonly zones: readonly string[]; readonly version: readonly string[] };
  /** The server cannot run: it prints this on stdout and exits 1. */
  readonly fatal?: string;
  /** The `health`, `ready` and `prometheus` plugins' HTTP servers. */
  readonly http?: readonly DnsHttpListener[];
  /** Names the configuration: another one takes effect when `reload` looks next. Absent: every change takes effect at once. */
  readonly hash?: string;
  /** Why this configuration is none. One that runs already goes on with its last good one; `syntax`: the file cannot even be read. */
  readonly problem?: { readonly message: string; readonly syntax: boolean };
  /** The `reload` plugin. */
  readonly reload?: { readonly intervalSeconds: number; readonly jitterSeconds: number };
  /** Zone data of `kubernetes` plugins by their key, for a server that still runs an older configuration. */
  readonly live?: Readonly<Record<string, readonly DnsZone[]>>;
}

export interface DnsListener {
  readonly port: number;
  /** Absent: all addresses. */
  readonly address?: string;
  /** The longest zone that a name ends with answers. */
  readonly blocks: readonly DnsBlock[];
}

export interface DnsHttpListener {
  readonly serves: 'health' | 'ready' | 'metrics';
  readonly port: number;
  readonly address?: string;
}

/** One zone of a server block with its plugins in the order in which they see a question. */
export interface DnsBlock {
  readonly zone: string;
  readonly chain: readonly DnsPlugin[];
}

export type DnsPlugin =
  | { readonly name: 'bufsize'; readonly bytes: number }
  | { readonly name: 'prometheus' }
  | {
      readonly name: 'errors';
      readonly consolidate: readonly { readonly pattern: GoRegexp; readonly seconds: number; readonly period: string; readonly level: string }[];
    }
  | LogPlugin
  | { readonly name: 'acl'; readonly rules: readonly AclRule[] }
  | { readonly name: 'any' }
  | { readonly name: 'loadbalance' }
  | CachePlugin
  | { readonly name: 'rewrite'; readonly rules: readonly RewriteRule[] }
  | {
      readonly name: 'autopath';
      readonly zones: readonly string[];
      readonly search: readonly string[];
      readonly byPod?: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly name: 'minimal' }
  | TemplatePlugin
  | HostsPlugin
  | { readonly name: 'kubernetes'; readonly key: string; readonly zones: readonly DnsZone[] }
  | { readonly name: 'file'; readonly zones: readonly DnsFileZone[]; readonly fallthrough: readonly string[] }
  | { readonly name: 'loop'; readonly zone: string; readonly probe: boolean }
  | ForwardPlugin
  | { readonly name: 'whoami' }
  /** A resolver that knows the whole world itself: follows delegations and aliases through its zones, and answers with RA. */
  | { readonly name: 'world'; readonly zones: readonly DnsFileZone[] };

export interface LogPlugin {
  readonly name: 'log';
  readonly rules: readonly { readonly zones: readonly string[]; readonly format: string; readonly classes: readonly string[] }[];
}

export interface AclRule {
  readonly zones: readonly string[];
  readonly action: 'allow' | 'block' | 'filter' | 'drop';
  /** Empty: all. */
  readonly types: readonly string[];
  /** Prefixes; empty: everybody. */
  readonly nets: readonly string[];
}

export interface CachePlugin {
  readonly name: 'cache';
  readonly zones: readonly string[];
  readonly success: CacheLimits;
  readonly denial: CacheLimits;
  /** Seconds that a SERVFAIL is kept; 0: not. */
  readonly servfailSeconds: number;
  readonly prefetch?: { readonly amount: number; readonly seconds: number; readonly percent: number };
  readonly serveStale?: { readonly seconds: number; readonly verify: boolean };
  readonly keepTtl: boolean;
}

export interface CacheLimits {
  readonly capacity: number;
  readonly maxTtlSeconds: number;
  readonly minTtlSeconds: number;
  /** Zones whose answers are not kept. */
  readonly except: readonly string[];
}

export type NameMatch =
  | { readonly how: 'exact' | 'prefix' | 'suffix' | 'substring'; readonly text: string }
  | { readonly how: 'regex'; readonly regexp: GoRegexp };

export type RewriteRule =
  | {
      readonly field: 'name';
      readonly stop: boolean;
      readonly match: NameMatch;
      readonly to: string;
      readonly auto: boolean;
      readonly answers: readonly { readonly part: 'name' | 'value'; readonly regexp: GoRegexp; readonly to: string }[];
    }
  | { readonly field: 'type'; readonly stop: boolean; readonly from: DnsType; readonly to: DnsType }
  | { readonly field: 'ttl'; readonly stop: boolean; readonly match: NameMatch; readonly min: number; readonly max: number }
  | { readonly field: 'rcode'; readonly stop: boolean; readonly match: NameMatch; readonly from: DnsRcode; readonly to: DnsRcode };

export interface TemplatePlugin {
  readonly name: 'template';
  readonly templates: readonly {
    readonly type: DnsType;
    readonly zones: readonly string[];
    /** Empty: every name. */
    readonly match: readonly GoRegexp[];
    readonly answer: readonly string[];
    readonly additional: readonly string[];
    readonly authority: readonly string[];
    readonly rcode: DnsRcode;
    readonly fallthrough: readonly string[];
  }[];
}

export interface HostsPlugin {
  readonly name: 'hosts';
  readonly zones: readonly string[];
  readonly ttlSeconds: number;
  readonly fallthrough: readonly string[];
  /** Addresses by lower-case name with its final dot, and names by the address' name under in-addr.arpa or ip6.arpa. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  readonly reverse: Readonly<Record<string, readonly string[]>>;
}

export interface ForwardPlugin {
  readonly name: 'forward';
  readonly from: string;
  readonly except: readonly string[];
  /** `ip` or `ip:port`. */
  readonly upstreams: readonly string[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  /** An upstream is down after more failures than these; 0: never. */
  readonly maxFails: number;
  readonly expireSeconds: number;
  readonly healthCheckSeconds: number;
  readonly healthCheck: { readonly recursionDesired: boolean; readonly domain: string };
  /** 0: as many as come. */
  readonly maxConcurrent: number;
  readonly failover: readonly DnsRcode[];
  readonly next: readonly DnsRcode[];
}

/** Zone data of the `kubernetes` plugin. */
export interface DnsZone {
  /** Lower case, with the final dot: `cluster.local.`, `10.in-addr.arpa.`, `.`. */
  readonly origin: string;
  /** TTL of records and of the SOA in negative answers. kubeadm's Corefile says `ttl 30`. */
  readonly ttlSeconds: number;
  readonly soa: DnsSoa;
  /**
   * Every name that exists, lower case with its final dot, whole (`web.default.svc.cluster.local.`). An empty list is a name that exists without
   * records (`svc.cluster.local.`): NODATA instead of NXDOMAIN. Names of the form `a-b-c-d.…` for endpoints are ordinary entries.
   * Shared by reference between servers; looked up with the final dot, so no key can collide with a property of Object.prototype.
   */
  readonly names: Readonly<Record<string, readonly DnsZoneRecord[]>>;
  /** `pods insecure`: `1-2-3-4.<namespace>.pod.<origin>` answers 1.2.3.4 for the namespaces named. `disabled`: NXDOMAIN. */
  readonly podPattern?: { readonly mode: 'insecure' | 'disabled'; readonly namespaces: readonly string[] };
  /** `fallthrough`: names that are not in this zone go on to the next plugin instead of NXDOMAIN (kubeadm: the reverse zones). */
  readonly fallthrough?: boolean;
  /** The server has not yet seen all of the cluster: what it does not know is SERVFAIL. */
  readonly unsynced?: boolean;
}

export interface DnsZoneRecord {
  readonly type: DnsType;
  /** Presentation form, targets absolute: `10.96.0.10`, `0 100 80 web.default.svc.cluster.local.`. */
  readonly data: string;
  /** Where it differs from the zone's. */
  readonly ttlSeconds?: number;
}

/** A zone as a master file has it: wildcards, delegations, every name that lies between its names. */
export interface DnsFileZone {
  readonly origin: string;
  readonly soa: DnsResourceRecord;
  readonly names: Readonly<Record<string, readonly DnsResourceRecord[]>>;
}

/** RFC 1035 section 3.3.13. */
export interface DnsSoa {
  /** `ns.dns.cluster.local.` */
  readonly primary: string;
  /** `hostmaster.cluster.local.` */
  readonly mailbox: string;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}
