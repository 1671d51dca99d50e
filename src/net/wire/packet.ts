/** A packet in flight: one mutable object a frame, with the headers as plain fields so that the hot path allocates little. */
import type { DnsMessage } from './dns-message.ts';
import type { SctpHeader } from './sctp.ts';

/** An IPv4 address as a signed 32-bit integer (small integers in V8); see net/addr. */
export type Ip4 = number;
/** An IPv6 address as a 128-bit integer. */
export type Ip6 = bigint;
/** An address of either family; `typeof` tells which. The two never are equal, and Map keys just work. */
export type Ip = Ip4 | Ip6;
/** A MAC address as a 48-bit integer. */
export type Mac = number;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q: a tag of two bytes and the real EtherType follow. */
export const ETHERTYPE_VLAN = 0x8100;
export const IP_PROTO_ICMP = 1;
/** ICMP's type, of IPv4 only. */
export const ICMP_REDIRECT = 5;
/** RFC 2003: IPv4 in IP. */
export const IP_PROTO_IPIP = 4;
export const IP_PROTO_TCP = 6;
export const IP_PROTO_UDP = 17;
export const IP_PROTO_FRAGMENT6 = 44;
export const IP_PROTO_ICMP6 = 58;

/** What stands between an outer packet and its `inner`: RFC 7348, RFC 8926, RFC 2003, WireGuard. */
export const TUNNEL_VXLAN = 0;
export const TUNNEL_GENEVE = 1;
export const TUNNEL_IPIP = 2;
export const TUNNEL_WIREGUARD = 3;
export type Tunnel = 0 | 1 | 2 | 3;
export const TUNNEL_NAMES = ['vxlan', 'geneve', 'ipip', 'wireguard'] as const;
export type TunnelName = (typeof TUNNEL_NAMES)[number];

/** RFC 826; `operation` 1 = request, 2 = reply. */
export interface ArpMessage {
  readonly operation: 1 | 2;
  readonly senderMac: Mac;
  readonly senderIp: Ip4;
  readonly targetMac: Mac;
  readonly targetIp: Ip4;
}

/** RFC 9293 section 3.1; flags as in the header's low byte. Sequence numbers are unsigned 32-bit. */
export interface TcpHeader {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** As written in the header, before scaling. */
  readonly window: number;
  /** Options in order of appearance; the header's length follows from them. */
  readonly options: TcpOptions;
}
export interface TcpOptions {
  readonly mss?: number;
  readonly sackPermitted?: boolean;
  readonly timestamps?: { readonly value: number; readonly echo: number };
  readonly windowScale?: number;
  /** RFC 2018: blocks that have come beyond a gap, [left edge, right edge), newest first; four at most, three beside timestamps. */
  readonly sack?: readonly (readonly [number, number])[];
}
export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;

/** RFC 792 and RFC 4443; the packet's protocol says which. For echo `id` and `sequence`; for errors `quoted` is the packet as the sender of the error saw it, cut as RFC 1812 says; `mtu` for frag-needed. */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  id: number;
  readonly sequence: number;
  readonly mtu?: number;
  quoted?: Packet;
  /** ICMPv6 parameter problem: the offending byte of the quoted packet. */
  readonly pointer?: number;
  /** ICMPv6 neighbour discovery. */
  readonly neighbor?: NeighborMessage;
}

/** RFC 4861 sections 4.1 to 4.4: the fields of solicitations and advertisements with the options that Linux sends. */
export interface NeighborMessage {
  /** Whose MAC is asked for or told; not in router messages. */
  readonly target?: Ip6;
  /** Flags of an advertisement. */
  readonly fromRouter?: boolean;
  readonly solicited?: boolean;
  readonly override?: boolean;
  readonly sourceMac?: Mac;
  readonly targetMac?: Mac;
  readonly router?: RouterAdvertisement;
}
export interface RouterAdvertisement {
  readonly hopLimit: number;
  readonly managed: boolean;
  readonly other: boolean;
  readonly lifetimeSeconds: number;
  readonly reachableMs: number;
  readonly retransMs: number;
  readonly mtuBytes?: number;
  readonly prefixes: readonly {
    readonly network: Ip6;
    readonly prefixLength: number;
    readonly onLink: boolean;
    readonly autonomous: boolean;
    readonly validSeconds: number;
    readonly preferredSeconds: number;
  }[];
}

/** Application bytes: their exact length, and their meaning for those who can read it. */
export interface Payload {
  /** Length on the wire in bytes. */
  readonly bytes: number;
  /** Text protocols: the bytes as text (one code unit a byte for ASCII; UTF-8 counts in `bytes`). */
  readonly text?: string;
  /** Protocols that are no text (TLS): the bytes as characters U+0000 to U+00FF. */
  readonly octets?: string;
  readonly dns?: DnsMessage;
  readonly wireguard?: WireguardMessage;
}

/** What of a WireGuard message is not encrypted (WireGuard protocol, section 5.4); type 1 initiation, 2 response, 4 transport data. Indexes and counter count as on the wire. */
export interface WireguardMessage {
  readonly type: 1 | 2 | 4;
  /** Of handshake messages: the index the sender chose for this session. */
  readonly sender: number;
  /** The index the receiver chose; 0 in an initiation. */
  readonly receiver: number;
  /** Of transport data. */
  readonly counter: number;
  /** Of an initiation: the public keys it is from and for, which are sealed in it; on the wire there are only bytes. */
  readonly from?: string;
  readonly to?: string;
}

/** RFC 768: a checksum field of zero says that there is none. */
export const NO_CHECKSUM = 0xffff;

/** One frame. Encapsulation makes a new outer packet whose `inner` is this one; the outermost is what a wire carries. */
export interface Packet {
  /** Stable over its whole way, also through NAT and encapsulation (an outer packet has its inner one's id). */
  id: number;
  /** Sequence number of the log event that made it, -1 if none: a reply points at the delivery it answers. */
  causeSeq: number;
  /** skb->mark; survives encapsulation, not the wire. */
  mark: number;
  /** skb->hash as its socket gave it (sk_txhash, drawn anew at each retransmission timeout): what a tunnel makes its source port of. 0 or absent: of the addresses. */
  flowHash?: number;

  ethSrc: Mac;
  ethDst: Mac;
  etherType: number;
  /** The TCP or UDP checksum is left to a network card (CHECKSUM_PARTIAL): taps see it unfinished until the packet has crossed a wire. */
  checksumPartial?: boolean;
  /** How far the UDP checksum on the wire is from the right one, in ones' complement of 16 bits; 0 or absent: it is right; NO_CHECKSUM: zero is sent. */
  checksumError?: number;
  /** 802.1Q tags: the outermost one's 16 bits of control information in the low half, one more inside it in the high half. 0 or absent: untagged. */
  vlan?: number;
  /** There is no Ethernet header: a packet on a device without one (tun, ipip, wireguard). */
  raw?: boolean;
  arp: ArpMessage | undefined;

  /** Both of one family. The number 0 as source means: not chosen yet, for a packet of either family; `::` is 0n. */
  src: Ip;
  dst: Ip;
  /** IPv6: the hop limit. */
  ttl: number;
  /** IPv6: the traffic class. */
  tos: number;
  /** IPv6: 20 bits, 0 or absent for none. */
  flowLabel?: number;
  /** Of what follows the IP header (and, IPv6, its fragment header). */
  protocol: number;
  /** 16 bits; IPv6: 32 bits, on the wire only in a fragment header. */
  ipId: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** In bytes. */
  fragmentOffset: number;
  /** Of a fragment: the bytes behind its IP header; its other fields describe the whole datagram. Absent or 0 when the packet is whole. */
  fragmentBytes?: number;

  /** TCP, UDP and SCTP. */
  sport: number;
  dport: number;
  tcp: TcpHeader | undefined;
  icmp: IcmpMessage | undefined;
  /** SCTP alone; absent in packets that never were in a kernel. */
  sctp?: SctpHeader | undefined;
  payload: Payload | undefined;

  /** This packet is a tunnel's outer one: the network identifier and what it carries. Inside WireGuard nobody on the wire sees it: `payload` is what stands there. */
  vni: number;
  inner: Packet | undefined;
  /** What carries `inner`; absent: VXLAN. */
  tunnel?: Tunnel;
}

/** A packet as text-friendly layers, outermost first: what the inspector and `--json` show. Addresses are text here. */
export type Layer =
  | { readonly protocol: 'ethernet'; readonly src: string; readonly dst: string; readonly etherType: number }
  | {
      readonly protocol: 'arp';
      readonly operation: 'request' | 'reply';
      readonly senderMac: string;
      readonly senderIp: string;
      readonly targetMac: string;
      readonly targetIp: string;
    }
  | {
      readonly protocol: 'ipv4';
      readonly src: string;
      readonly dst: string;
      readonly ttl: number;
      readonly tos: number;
      readonly id: number;
      readonly flags: string;
      readonly fragmentOffset: number;
      readonly totalBytes: number;
      readonly ipProtocol: number;
    }
  | {
      readonly protocol: 'ipv6';
      readonly src: string;
      readonly dst: string;
      /** The hop limit. */
      readonly ttl: number;
      /** The traffic class. */
      readonly tos: number;
      readonly flowLabel: number;
      /** Of a fragment header, where there is one. */
      readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
      /** Header included. */
      readonly totalBytes: number;
      /** Of what follows the IP headers. */
      readonly ipProtocol: number;
    }
  | { readonly protocol: 'udp'; readonly sport: number; readonly dport: number; readonly lengthBytes: number }
  | {
      readonly protocol: 'sctp';
      readonly sport: number;
      readonly dport: number;
      readonly tag: number;
      /** The chunks, `[INIT]`, and their types. */
      readonly text: string;
      readonly types: readonly number[];
      readonly bytes: number;
    }
  | {
      readonly protocol: 'tcp';
      readonly sport: number;
      readonly dport: number;
      readonly flags: string;
      readonly seq: number;
      readonly ack: number;
      readonly window: number;
      readonly options: string;
      readonly payloadBytes: number;
    }
  | {
      readonly protocol: 'icmp';
      readonly type: number;
      readonly code: number;
      readonly text: string;
      readonly id?: number;
      readonly sequence?: number;
      readonly quoted?: readonly Layer[];
    }
  | { readonly protocol: 'vlan'; readonly id: number; readonly priority: number }
  | {
      readonly protocol: 'icmp6';
      readonly type: number;
      readonly code: number;
      readonly text: string;
      readonly id?: number;
      readonly sequence?: number;
      readonly quoted?: readonly Layer[];
    }
  | { readonly protocol: 'vxlan'; readonly vni: number }
  | { readonly protocol: 'geneve'; readonly vni: number }
  /** The IP packet inside follows. */
  | { readonly protocol: 'ipip' }
  /** `sealed`: what follows is inside, for us to see and for nobody on the wire. */
  | { readonly protocol: 'wireguard'; readonly text: string; readonly bytes: number; readonly sealed: boolean }
  /** `name`: of the question, without the dot at its end. */
  | { readonly protocol: 'dns'; readonly id: number; readonly name: string; readonly text: string; readonly response: boolean }
  | { readonly protocol: 'http'; readonly text: string }
  | { readonly protocol: 'tls'; readonly text: string; readonly bytes: number }
  | { readonly protocol: 'data'; readonly bytes: number; readonly text?: string };

export type IpLayer = Extract<Layer, { protocol: 'ipv4' | 'ipv6' }>;
export const isIpLayer = (layer: Layer | undefined): layer is IpLayer => layer?.protocol === 'ipv4' || layer?.protocol === 'ipv6';
