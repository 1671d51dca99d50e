/** What exists in the network: the narrow set of Linux records that every Kubernetes or cloud object compiles down to. */
import type { Origin } from '../base/origin.ts';
import type { BpfRecord } from './bpf/bpf-records.ts';
import type { IpvsService } from './ipvs/ipvs-records.ts';
import type { IpSetTypeName } from './netfilter/ipset/type.ts';
import type { NfQueue } from './netfilter/queue/queue-records.ts';
import type { NftRecord } from './nft/nft-records.ts';

/** Everything an agent can render. Immutable; ids are paths people can read, e.g. `node01/netns/root/device/cni0`. */
export type NetRecord =
  | Host
  | Netns
  | Device
  | IpSet
  | Route
  | RoutingRule
  | Chain
  | NftRecord
  | IpvsService
  | BpfRecord
  | Neighbor
  | ProxyNeighbor
  | FdbEntry
  | NfQueue
  | Process;

interface RecordBase {
  readonly id: string;
  readonly origin: Origin;
}

/** A machine with a kernel: a cluster node, the underlay switch, a router, an external host. Id: its name. */
export interface Host extends RecordBase {
  readonly kind: 'host';
  readonly name: string;
  readonly role: 'node' | 'switch' | 'router' | 'external';
  /** Version of its kernel; absent: today's. Where conntrack judged differently is in net/conntrack/settings.ts. */
  readonly kernel?: { readonly major: number; readonly minor: number };
  /** Of the packets that programs on it send, 0..1: how many its second CPU handles, beside the first. Absent: none. */
  readonly secondCpuRatio?: number;
}

/** A network namespace. Id: `<host>/netns/<name>`; the host's own is `<host>/netns/root`. */
export interface Netns extends RecordBase {
  readonly kind: 'netns';
  readonly hostId: string;
  /** `root`, or `<pod>.<namespace>` for a pod's sandbox. */
  readonly name: string;
  /** What `hostname` prints in it. */
  readonly hostname: string;
  /** By full name as `sysctl` prints it, e.g. `net.ipv4.ip_forward`; the kernel's defaults where absent. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** Files that programs in this netns read, by absolute path (`/etc/resolv.conf`, `/etc/hosts`): a stand-in for the mount namespace. */
  readonly files: Readonly<Record<string, string>>;
}

/** An address on a device. `ip` is dotted text, `prefixLength` 0..32, or IPv6 text as RFC 5952 writes it and 0..128. */
export interface DeviceAddress {
  readonly ip: string;
  readonly prefixLength: number;
  /** Absent where `ip addr` shows no `brd`; IPv6 has none. */
  readonly broadcast?: string;
  readonly scope: 'global' | 'link' | 'host';
  /** `ip addr add … label eth0:1`; absent: the device's name. */
  readonly label?: string;
  /** IPv6: 0 = deprecated, not chosen as a source while there is another. Absent: preferred for ever. */
  readonly preferredSeconds?: number;
  /** IPv6: used at once, without asking whether somebody has it (`ip addr add … nodad`). */
  readonly noDad?: boolean;
}

interface DeviceBase extends RecordBase {
  readonly kind: 'device';
  /** The netns it lives in (id). */
  readonly netns: string;
  /** At most 15 bytes, as Linux has it. */
  readonly name: string;
  /** ifindex, unique within its netns, from 1. */
  readonly index: number;
  /** `aa:bb:cc:dd:ee:ff`, lower case. */
  readonly mac: string;
  readonly mtuBytes: number;
  readonly up: boolean;
  readonly addresses: readonly DeviceAddress[];
  /** The bridge device (id) it is a port of. */
  readonly master?: string;
  /** Port flags while it has a master. */
  readonly bridgePort?: BridgePort;
  /** Made by hand and not brought up yet: its queue is the kernel's `noop`. */
  readonly neverUp?: true;
  /** `txqueuelen`; absent: 1000. */
  readonly txQueueLength?: number;
  /** `ethtool -K … tx off`: checksums are computed before the device gets the packet. */
  readonly txChecksumOffload?: false;
  /** `ip link set promisc on`. */
  readonly promiscuous?: boolean;
  /** `ip link set arp off`: nobody is asked for a MAC, frames carry the device's own. */
  readonly noArp?: true;
  /** `tc qdisc … root` that somebody wrote; absent: the kernel's default, which delays and drops nothing. */
  readonly qdisc?: Qdisc;
}

/** Linux: net/sched/sch_netem.c. Ratios 0..1; correlations 0..1 with the previous decision. */
export interface NetemQdisc {
  readonly kind: 'netem';
  /** Major number of its handle; 0x8001 is the first the kernel gives by itself. */
  readonly handle: number;
  /** Packets it holds at most. */
  readonly limitPackets: number;
  readonly delayNs: number;
  readonly jitterNs: number;
  readonly delayCorrelation: number;
  readonly lossRatio: number;
  readonly lossCorrelation: number;
  readonly duplicateRatio: number;
  readonly duplicateCorrelation: number;
  readonly corruptRatio: number;
  readonly corruptCorrelation: number;
  readonly reorderRatio: number;
  readonly reorderCorrelation: number;
  /** Every so manieth packet may overtake; 0 without reordering. */
  readonly reorderGap: number;
  /** 0: unlimited. */
  readonly rateBitsPerSecond: number;
}

/** Linux: net/sched/sch_tbf.c, a token bucket. */
export interface TbfQdisc {
  readonly kind: 'tbf';
  readonly handle: number;
  readonly rateBitsPerSecond: number;
  readonly burstBytes: number;
  /** Bytes it holds at most. */
  readonly limitBytes: number;
}

export type Qdisc = NetemQdisc | TbfQdisc;

/** Linux: net/bridge/br_private.h, struct net_bridge_port flags. */
export interface BridgePort {
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly learning: boolean;
  /** Unknown unicast goes out of it; absent: yes. */
  readonly flood?: boolean;
  /** Multicast and broadcast likewise; absent: yes. */
  readonly multicastFlood?: boolean;
  readonly broadcastFlood?: boolean;
  /** ARP questions are answered by the bridge from its host's neighbour table where it can; absent: no. */
  readonly neighborSuppress?: boolean;
}

/** Properties of a wire in one direction (what this end sends). */
export interface Link {
  readonly latencyNs: number;
  readonly jitterNs: number;
  /** 0..1 */
  readonly lossRatio: number;
  /** Absent: unlimited. */
  readonly bandwidthBitsPerSecond?: number;
}

/** A tunnel's TOS and the like: a number, or that of what it carries. */
export type OrInherit = number | 'inherit';

export interface LoopbackDevice extends DeviceBase {
  readonly type: 'loopback';
}
/** One end of a veth pair; `peer` is the other end's device id. */
export interface VethDevice extends DeviceBase {
  readonly type: 'veth';
  readonly peer: string;
}
/** A network card; `peer` is the device id at the other end of its cable, absent when unplugged. */
export interface EthernetDevice extends DeviceBase {
  readonly type: 'ethernet';
  readonly peer?: string;
  readonly link?: Link;
}
export interface BridgeDevice extends DeviceBase {
  readonly type: 'bridge';
  readonly ageingSeconds: number;
  /** Made by hand: its MAC is the lowest of its ports' until somebody sets one, its MTU the smallest of theirs likewise. */
  readonly followsPorts?: { readonly mac: boolean; readonly mtu: boolean };
}
/** RFC 7348. `learning: false` is flannel's `nolearning`. */
export interface VxlanDevice extends DeviceBase {
  readonly type: 'vxlan';
  readonly vni: number;
  readonly localIp: string;
  /** The device (id) whose address is the tunnel's source; '' where none was named. */
  readonly underlay: string;
  readonly destinationPort: number;
  readonly learning: boolean;
  /** Where unknown MACs go (`remote`); an FDB entry for the all-zero MAC says the same. */
  readonly remoteIp?: string;
  /** Range of source ports, the high end excluded; absent: the ephemeral range. */
  readonly sourcePorts?: { readonly low: number; readonly high: number };
  /** Absent: the host's default TTL. */
  readonly ttl?: OrInherit;
  /** Absent: 0. */
  readonly tos?: OrInherit;
  /** DF of the outer packet; absent: never set. */
  readonly dontFragment?: 'set' | 'inherit';
  /** How long a learnt MAC is kept; absent: 300. */
  readonly ageingSeconds?: number;
  readonly udpChecksum?: boolean;
  /** `external`: where a frame goes, and with which VNI, whoever hands it over says with the packet (a BPF program's tunnel key). */
  readonly external?: true;
  readonly l2miss?: boolean;
  readonly l3miss?: boolean;
}
/** RFC 8926. One remote a device, as `ip link add … type geneve remote …` makes it. */
export interface GeneveDevice extends DeviceBase {
  readonly type: 'geneve';
  readonly vni: number;
  /** '' in external mode. */
  readonly remoteIp: string;
  /** As with VXLAN: who hands a packet over says where it goes, and with which VNI. */
  readonly external?: true;
  readonly destinationPort: number;
  readonly ttl?: OrInherit;
  readonly tos?: OrInherit;
  readonly dontFragment?: 'set' | 'inherit';
}
/** 802.1Q on another device of the netns. */
export interface VlanDevice extends DeviceBase {
  readonly type: 'vlan';
  /** The device (id) below. */
  readonly lower: string;
  /** 1..4094 */
  readonly vlanId: number;
}
/** RFC 2003. Without a remote the route's gateway says where to (Calico's tunl0); without a local address the route gives one. */
export interface IpipDevice extends DeviceBase {
  readonly type: 'ipip';
  readonly remoteIp?: string;
  readonly localIp?: string;
  /** Device (id) its packets leave by, where one is named. */
  readonly underlay?: string;
  /** 'inherit': of the packet inside. */
  readonly ttl: OrInherit;
  readonly tos: OrInherit;
  /** DF is set on every outer packet; else it is the inner one's. */
  readonly pathMtuDiscovery: boolean;
}
/** WireGuard. Keys are names: equal texts fit each other, nothing is computed. */
export interface WireguardDevice extends DeviceBase {
  readonly type: 'wireguard';
  /** 0: nobody can call it first. */
  readonly listenPort: number;
  readonly publicKey: string;
  readonly mark?: number;
  readonly peers: readonly WireguardPeer[];
}
export interface WireguardPeer {
  readonly publicKey: string;
  /** `ip:port`; absent: known once the peer has called. */
  readonly endpoint?: string;
  /** CIDR texts: what is sent to this peer, and the only sources it may send from. */
  readonly allowedIps: readonly string[];
  /** Absent: none. */
  readonly keepaliveSeconds?: number;
}
/** Takes everything and keeps nothing. */
export interface DummyDevice extends DeviceBase {
  readonly type: 'dummy';
}
/** Frames (tap) or packets (tun) for a program. `reader`: process id of the program that holds it open. */
export interface TunDevice extends DeviceBase {
  readonly type: 'tun';
  readonly mode: 'tun' | 'tap';
  readonly reader?: string;
}
/** Id: `<netns>/device/<name>`. */
export type Device =
  | LoopbackDevice
  | VethDevice
  | EthernetDevice
  | BridgeDevice
  | VxlanDevice
  | GeneveDevice
  | VlanDevice
  | IpipDevice
  | WireguardDevice
  | DummyDevice
  | TunDevice;
export type DeviceType = Device['type'];

/** One way of a multipath route (`nexthop via … dev … weight …`). */
export interface NextHop {
  readonly gateway?: string;
  /** Name of the device in the same netns. */
  readonly device: string;
  /** 1..256; flows are spread in this proportion. */
  readonly weight: number;
  readonly onlink: boolean;
}

/**
 * A route of a table. Addresses give the `local` table and broadcast routes by themselves, as in the kernel; the connected routes
 * of the main table are records (made by `connectedRoutes` in net/device), since people see and delete them.
 * Id: `<netns>/route/<table>/<destination>` with `/<metric>` where it is not 0, and `#<n>` for a second one of the same key (`ip route append`).
 */
export interface Route extends RecordBase {
  readonly kind: 'route';
  readonly netns: string;
  /** 254 = main. */
  readonly table: number;
  /** CIDR text of either family; `0.0.0.0/0` and `::/0` are default. */
  readonly destination: string;
  readonly type: 'unicast' | 'local' | 'broadcast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw';
  readonly gateway?: string;
  /** Name of the device in the same netns; absent for blackhole and the like. */
  readonly device?: string;
  /** Several ways instead of `gateway` and `device`. */
  readonly nextHops?: readonly NextHop[];
  /** A name of /etc/iproute2/rt_protos, or a number. */
  readonly protocol: string;
  readonly scope: 'global' | 'site' | 'link' | 'host';
  readonly source?: string;
  /** 0 = none. */
  readonly metric: number;
  readonly onlink: boolean;
  /** `mtu` of the route; with `mtuLocked` path MTU discovery may not lower it. */
  readonly mtuBytes?: number;
  readonly mtuLocked?: boolean;
}

/**
 * A rule of routing policy (`ip rule`). The kernel's own three (0 local, 32766 main, 32767 default) exist without records; a record with `absent` takes
 * away the one of its priority. Id: `<netns>/rule/<family>/<priority>`, with `#<n>` for a further one of the same priority.
 */
export interface RoutingRule extends RecordBase {
  readonly kind: 'rule';
  readonly netns: string;
  readonly family: 4 | 6;
  /** Lower comes first. */
  readonly priority: number;
  /** CIDR texts; absent is `all`. */
  readonly from?: string;
  readonly to?: string;
  /** `not`: the rule applies to what does not match. */
  readonly not?: boolean;
  readonly iif?: string;
  readonly oif?: string;
  readonly mark?: number;
  /** 0xffffffff if absent. */
  readonly mask?: number;
  readonly ipProtocol?: number;
  readonly sourcePorts?: readonly [first: number, last: number];
  readonly destinationPorts?: readonly [first: number, last: number];
  readonly action: 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit' | 'absent';
  /** Of `lookup`. */
  readonly table?: number;
  /** Of `goto`: the priority that is looked for. */
  readonly target?: number;
  /** Routes of the table with a prefix of at most this length do not count. */
  readonly suppressPrefixLength?: number;
  /** As for routes; absent is what `ip rule add` gives (boot, not printed). */
  readonly protocol?: string;
}

/**
 * One iptables chain, or one of ip6tables (`family`). Id: `<netns>/chain/<table>/<name>`, of ip6tables `<netns>/chain6/<table>/<name>`; of iptables-legacy `<netns>/chain-legacy/…` and `<netns>/chain6-legacy/…`. Chains with a `policy` are the built-in ones and are hooked by their name.
 * `rules` may be shared by reference between many records (a hundred nodes have the same Service chains).
 */
export interface Chain extends RecordBase {
  readonly kind: 'chain';
  readonly netns: string;
  /** Absent: ipv4. */
  readonly family?: 'ipv4' | 'ipv6';
  /** In the kernel's old tables (ip_tables), which are walked beside those of nf_tables; absent: in nf_tables. */
  readonly backend?: 'legacy';
  readonly table: 'raw' | 'mangle' | 'nat' | 'filter' | 'security';
  readonly name: string;
  readonly policy?: 'ACCEPT' | 'DROP';
  /** Somebody has set the policy: from then on nf_tables counts what it decides, and the tools show it. */
  readonly policyCounted?: boolean;
  readonly rules: readonly Rule[];
}

/** A rule as text: what follows `-A CHAIN` in iptables-save, in any order iptables accepts, e.g. `-d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-…`. */
export interface Rule {
  readonly text: string;
  /** Where this very rule comes from, when it is more exact than the chain's origin. */
  readonly origin?: Origin;
}

/**
 * An ipset. Its members are those of `entries`; what `-j SET` adds while packets go by is run-time state until somebody writes the set again.
 * Id: `<netns>/ipset/<name>`.
 */
export interface IpSet extends RecordBase {
  readonly kind: 'ipset';
  readonly netns: string;
  /** At most 31 characters. */
  readonly name: string;
  readonly type: IpSetTypeName;
  /** Of the addresses in it; `inet` for sets that hold none. */
  readonly family: 'inet' | 'inet6';
  /** hash types; power of two, 1024 by default. */
  readonly hashsize?: number;
  /** hash types; 65536 by default. */
  readonly maxelem?: number;
  /** hash:ip and bitmap:ip: addresses are kept as networks of this prefix length. */
  readonly netmask?: number;
  /** bitmap types, as they print it: `10.0.0.0-10.0.0.255`, `0-1023`. */
  readonly range?: string;
  /** list:set. */
  readonly size?: number;
  /** The default time of an entry; 0: for ever. Absent: entries have no time. */
  readonly timeoutSeconds?: number;
  readonly counters?: boolean;
  readonly comment?: boolean;
  readonly entries: readonly IpSetEntry[];
}

export interface IpSetEntry {
  /** As ipset prints it: `10.0.0.1`, `10.0.0.0/24,tcp:80`. */
  readonly element: string;
  /** From when it is put; the set's default where absent. */
  readonly timeoutSeconds?: number;
  /** Its end in virtual time instead; 0: none. */
  readonly expiresNs?: number;
  readonly nomatch?: boolean;
  readonly comment?: string;
  readonly packets?: number;
  readonly bytes?: number;
}

/** A neighbour somebody wrote (flannel's are PERMANENT). Learnt ones are run-time state of the engine. Id: `<netns>/neighbor/<device>/<ip>`. */
export interface Neighbor extends RecordBase {
  readonly kind: 'neighbor';
  readonly netns: string;
  readonly device: string;
  readonly ip: string;
  readonly mac: string;
  readonly state: 'PERMANENT' | 'NOARP';
}

/** An address that a device answers ARP for on others' behalf (`ip neigh add proxy`). Id: `<netns>/proxy-neighbor/<device>/<ip>`. */
export interface ProxyNeighbor extends RecordBase {
  readonly kind: 'proxy-neighbor';
  readonly netns: string;
  readonly device: string;
  readonly ip: string;
  /** A program with a packet socket answers instead, on the very wire the address belongs to: for neither the kernel's conditions count. */
  readonly program?: string;
}

/** An FDB entry somebody wrote. Learnt ones are run-time state. Id: `<netns>/fdb/<device>/<mac>` with `/<dst>` when there is one. */
export interface FdbEntry extends RecordBase {
  readonly kind: 'fdb';
  readonly netns: string;
  /** The bridge port, or the VXLAN device. */
  readonly device: string;
  readonly mac: string;
  /** VXLAN: the remote VTEP's underlay address. */
  readonly dst?: string;
  /** VXLAN: another UDP port or VNI than the device's. */
  readonly port?: number;
  readonly vni?: number;
  readonly state: 'permanent' | 'static';
}

/**
 * A program that runs in a netns. `config` is plain data; when it changes, the running program keeps its state and sees the new
 * configuration at its next event. Id: `<netns>/process/<name>`.
 */
export interface Process extends RecordBase {
  readonly kind: 'process';
  readonly netns: string;
  /** A contents-page name in net/app: `http-server`, `dns-server`, `curl` … */
  readonly app: string;
  readonly name: string;
  readonly config: unknown;
  /** Files of a mount namespace of its own, before those of the netns: a container in its node's network. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Of the image it runs from; absent: glibc. */
  readonly libc?: 'glibc' | 'musl' | undefined;
  /** User and group id; absent: root. */
  readonly uid?: number | undefined;
}
