/** One decoded step of the log: what happened to which packet, where, and what decided it. */
import type { Origin } from '../base/origin.ts';
import type { NetRecord } from './records.ts';
import type { Layer, TunnelName } from './wire/packet.ts';

export type HookName = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security';
/** A table of iptables, one of nftables with its family (`ip kube-proxy`), or IPVS: then the chain is the virtual service, the verdict its choice. */
export type TraceTable = TableName | 'ipvs' | `${'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev'} ${string}`;

/** A rule as it stood when it matched. `index` counts from 0 within its chain. */
export interface RuleReference {
  readonly chainId: string;
  readonly chain: string;
  readonly table: TraceTable;
  readonly index: number;
  /** Of nftables: the rule's handle. */
  readonly handle?: number;
  readonly text: string;
  readonly origin: Origin;
}

/** A route as it stood when it won. `text` is what `ip route` prints for it. `recordId` is absent for routes the kernel derives (table local). */
export interface RouteReference {
  readonly recordId?: string;
  readonly text: string;
  readonly table: number;
  readonly prefixLength: number;
  readonly origin: Origin;
}

/** Kernel's `enum skb_drop_reason` names without the prefix (Linux: include/net/dropreason-core.h); a few of ours end the same way where the kernel has no name. */
export type DropReason =
  | 'NO_SOCKET'
  | 'SOCKET_RCVBUFF'
  | 'NETFILTER_DROP'
  | 'OTHERHOST'
  | 'IP_INADDRERRORS'
  | 'IP_INVALID_SOURCE'
  | 'IP_LOCAL_SOURCE'
  | 'IP_LOCALNET'
  | 'IP_INVALID_DEST'
  | 'IP_INNOROUTES'
  | 'IP_OUTNOROUTES'
  | 'IP_RPFILTER'
  | 'PKT_TOO_BIG'
  | 'IP_TTL_EXPIRED'
  | 'NEIGH_FAILED'
  | 'NEIGH_QUEUEFULL'
  | 'NEIGH_CREATEFAIL'
  | 'DEV_READY'
  | 'BRIDGE_NO_EGRESS_PORT'
  | 'VXLAN_NO_REMOTE'
  | 'VXLAN_VNI_NOT_FOUND'
  | 'GENEVE_VNI_NOT_FOUND'
  | 'TUNNEL_NO_ROUTE'
  | 'TUNNEL_NO_SESSION'
  | 'TUNNEL_SOURCE_REFUSED'
  | 'QDISC_DROP'
  | 'IP_CSUM'
  | 'TCP_CSUM'
  | 'VLAN_NO_DEVICE'
  | 'TCP_CLOSE'
  | 'TCP_RESET'
  | 'TCP_INVALID_SEQUENCE'
  | 'TCP_OLD_SEQUENCE'
  | 'TCP_OLD_DATA'
  | 'TCP_RFC7323_PAWS'
  | 'TCP_INVALID_SYN'
  | 'TCP_FLAGS'
  | 'TCP_ACK_UNSENT_DATA'
  | 'TCP_TOO_OLD_ACK'
  | 'TCP_INVALID_ACK_SEQUENCE'
  | 'TCP_LISTEN_OVERFLOW'
  | 'UDP_CSUM'
  | 'FRAG_REASM_TIMEOUT'
  | 'NOMEM'
  | 'DUP_FRAG'
  | 'LINK_LOSS'
  | 'UNHANDLED_PROTO'
  | 'IP_FORWARDING_DISABLED'
  | 'HOP_LIMIT'
  | 'IPV6DISABLED'
  | 'IPV6_NDISC_HOP_LIMIT'
  | 'IPV6_NDISC_BAD_CODE'
  | 'IPV6_NDISC_BAD_OPTIONS'
  | 'IPV6_NDISC_NS_OTHERHOST'
  | 'ICMP_CSUM'
  | 'TC_INGRESS'
  | 'TC_EGRESS'
  | 'NOT_SPECIFIED';

export type BpfHookName = 'tcx/ingress' | 'tcx/egress' | 'cgroup/connect4' | 'cgroup/sendmsg4' | 'cgroup/recvmsg4';

export type Step =
  /** A socket, the kernel (ARP, ICMP errors) or a process made it. */
  | { readonly kind: 'created'; readonly by: string; readonly summary: string /** What made its maker send it, where it says so. */; readonly why?: string }
  /** A device took it in. */
  | { readonly kind: 'received' }
  /** The bridge chose ports. `to` has device names; `how`: known FDB entry, flooded, or handed up to the host. */
  | { readonly kind: 'bridged'; readonly bridge: string; readonly fromPort: string; readonly to: readonly string[]; readonly how: 'fdb' | 'flood' | 'local' }
  /** A rule matched (`rule`), or a hooked table ended with its policy (`rule` absent). */
  | {
      readonly kind: 'matched';
      readonly hook: HookName;
      readonly table: TraceTable;
      readonly rule?: RuleReference;
      readonly verdict: string;
      /** Of nftables, where there is no rule: the base chain whose policy it is. */
      readonly chain?: string;
    }
  /** conntrack or IPVS rewrote addresses. `how` is what `-j` was, or `un-DNAT`/`un-SNAT` for packets of a known connection; `un-IPVS` for answers of a real server. Texts are `ip:port`. */
  | {
      readonly kind: 'translated';
      readonly how: 'DNAT' | 'SNAT' | 'MASQUERADE' | 'REDIRECT' | 'un-DNAT' | 'un-SNAT' | 'IPVS' | 'un-IPVS';
      readonly field: 'source' | 'destination';
      readonly before: string;
      readonly after: string;
      /** Not conntrack but a BPF program at the device. */
      readonly by?: 'bpf';
    }
  | {
      readonly kind: 'routed';
      readonly route: RouteReference;
      readonly decision: 'local' | 'forward' | 'output';
      readonly device: string;
      readonly nextHop?: string;
      readonly source?: string;
    }
  /** The next hop's MAC is known. `how`: cache, permanent entry, or an answered ARP request. */
  | { readonly kind: 'resolved'; readonly ip: string; readonly mac: string; readonly how: 'cache' | 'permanent' | 'arp' | 'nd'; readonly origin?: Origin }
  /** The packet waits for ARP. */
  | { readonly kind: 'queued'; readonly ip: string }
  | {
      readonly kind: 'encapsulated';
      readonly protocol: TunnelName;
      /** 0 where the protocol has none. */
      readonly vni: number;
      readonly localIp: string;
      readonly remoteIp: string;
      readonly overheadBytes: number;
      readonly fdbOrigin?: Origin;
    }
  | { readonly kind: 'decapsulated'; readonly protocol: TunnelName; readonly vni: number }
  /** The queueing discipline of its device (netem) made a second one of it; both go on under one number. */
  | { readonly kind: 'duplicated' }
  /**
   * A BPF program decided: on a device, or (`cgroup/…`) on a socket call before there was a packet; then the row stands with the first packet of the call.
   * `verdict` is short (`redirect to lxc…`, `pass`), `detail` says what was looked up where.
   */
  | { readonly kind: 'bpf'; readonly program: string; readonly hook: BpfHookName; readonly verdict: string; readonly detail: string; readonly origin?: Origin }
  /** A device put it on its wire; `to` is the device id at the other end, if any. */
  | { readonly kind: 'transmitted'; readonly to?: string }
  /** It reached its end: a socket, or the kernel itself (ARP, echo, a tunnel, an ICMP error). */
  | { readonly kind: 'delivered'; readonly to: string; readonly process?: string }
  /** A process wrote to its terminal. Has no packet (packetId -1). */
  | { readonly kind: 'printed'; readonly process: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** A process took a step of a TLS handshake: `what` it did, `why`; `objects` that decided, `keys` as lines of an SSLKEYLOGFILE. Has no packet (packetId -1). */
  | {
      readonly kind: 'tls';
      readonly process: string;
      readonly what: string;
      readonly why: string;
      readonly objects?: readonly string[];
      readonly about?: 'HTTP';
      readonly keys?: string;
      readonly warning?: import('./app/definition.ts').TlsWarning;
    }
  /**
   * Somebody added, changed or removed a record, or a program took an entry out of the connection table (`connection`). Has no packet (packetId -1). `by` is `user` or the agent's name, `command` the line a person typed.
   * `before` and `after` are what the tool that shows such records prints of them, only what differs; absent where there was or is nothing.
   */
  | {
      readonly kind: 'changed';
      readonly by: string;
      readonly command?: string;
      readonly record: NetRecord['kind'] | 'connection';
      readonly recordId: string;
      readonly before?: string;
      readonly after?: string;
      /** Who had written what was replaced or removed. */
      readonly replaced?: string;
    }
  | {
      readonly kind: 'dropped';
      readonly reason: DropReason;
      readonly detail: string;
      readonly rule?: RuleReference;
      readonly route?: RouteReference;
      readonly answered?: string;
    };

export type StepKind = Step['kind'];

export interface TraceEvent {
  /** Counts from 0 over the whole run; equal seeds and inputs give equal numbers. */
  readonly seq: number;
  readonly timeNs: number;
  /** -1 for events without a packet. */
  readonly packetId: number;
  /** The log event this packet answers or was made by, -1 if none. */
  readonly causeSeq: number;
  readonly hostId: string;
  /** Netns id. */
  readonly netns: string;
  /** Device name within the netns, '' where no device is concerned. */
  readonly device: string;
  readonly step: Step;
  /** The headers right after this step, outermost first. */
  readonly layers: readonly Layer[];
  readonly mark: number;
  /** conntrack state where known. */
  readonly connectionState?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';
}
