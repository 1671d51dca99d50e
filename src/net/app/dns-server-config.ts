/** What a `dns-server` process (CoreDNS) serves: zone data compiled by an agent into plain tables that many replicas may share by reference. */
import type { DnsType } from '../wire/dns-message.ts';

export interface DnsServerConfig {
  readonly listen: { readonly port: number; readonly address?: string };
  /** The longest origin that a name ends with answers; an origin of `.` takes all. */
  readonly zones: readonly DnsZone[];
  /** The `forward` plugin: asked where no zone answers (or falls through). `ip` or `ip:port`, tried in order of the policy `sequential`. Absent: such names are REFUSED. */
  readonly forward?: { readonly upstreams: readonly string[] };
  /** The `cache` plugin's upper bound for answers from upstream; absent or 0: nothing is kept. */
  readonly cacheSeconds?: number;
  /** Answers from the zones as a resolver would (RA set, AA not): for an upstream beyond the cluster. CoreDNS itself: absent. */
  readonly recursive?: boolean;
  /** The `log` plugin: one line on stdout per query. */
  readonly log?: boolean;
  /** The `errors` plugin: one line on stdout per failure of an upstream. */
  readonly errors?: boolean;
  /** Printed on stdout when the server starts, one line each (`.:53`, `CoreDNS-1.12.1`, …). */
  readonly banner?: readonly string[];
  /** The server cannot run (the `loop` plugin heard its own question): it prints this on stdout and exits 1. */
  readonly fatal?: string;
}

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
  /** `fallthrough`: names that are not in this zone go on to `forward` instead of NXDOMAIN (kubeadm: the reverse zones). */
  readonly fallthrough?: boolean;
}

export interface DnsZoneRecord {
  readonly type: DnsType;
  /** Presentation form, targets absolute: `10.96.0.10`, `0 100 80 web.default.svc.cluster.local.`. */
  readonly data: string;
  /** Where it differs from the zone's. */
  readonly ttlSeconds?: number;
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
