/** A packet inside a kernel: the frame of net/wire plus what Linux keeps beside it in `struct sk_buff`. */
import type { Connection } from '../conntrack/connection.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { BpfNote } from '../trace/emit.ts';
import type { ArpMessage, IcmpMessage, Ip, Mac, Packet, Payload, TcpHeader, Tunnel } from '../wire/packet.ts';
import type { SctpHeader } from '../wire/sctp.ts';

/** Linux: include/uapi/linux/if_packet.h, how the frame was addressed relative to the device that took it in. */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

/** conntrack's opinion of the packet; NONE where it has not looked (no conntrack in this netns) or found it INVALID. */
export const CT_NONE = 0;
export const CT_NEW = 1;
export const CT_ESTABLISHED = 2;
export const CT_RELATED = 3;
export const CT_INVALID = 4;
export const CT_UNTRACKED = 5;
export type CtState = 0 | 1 | 2 | 3 | 4 | 5;

/** Copies that one frame may become in bridges altogether; no network of switches that works needs so many. */
export const BRIDGE_BUDGET = 65536;

/** struct bpf_tunnel_key: the other end, and the network identifier (which Cilium uses for the sender's identity). */
export interface TunnelKey {
  readonly local: Ip;
  readonly remote: Ip;
  readonly id: number;
}

export class Skb implements Packet {
  id: number;
  causeSeq = -1;
  mark = 0;
  /** Whose socket sent it: a user's id, -1 for what the kernel made or a wire brought. */
  uid = -1;
  /** Which CPU of its host handles it: that of the program that sent it, 0 for what a wire brought. */
  cpu = 0;
  ethSrc: Mac = 0;
  ethDst: Mac = 0;
  etherType = 0x0800;
  vlan = 0;
  raw = false;
  checksumPartial = false;
  arp: ArpMessage | undefined = undefined;
  src: Ip = 0;
  dst: Ip = 0;
  ttl = 64;
  tos = 0;
  flowLabel = 0;
  protocol = 0;
  ipId = 0;
  dontFragment = false;
  moreFragments = false;
  fragmentOffset = 0;
  sport = 0;
  dport = 0;
  tcp: TcpHeader | undefined = undefined;
  icmp: IcmpMessage | undefined = undefined;
  sctp: SctpHeader | undefined = undefined;
  payload: Payload | undefined = undefined;
  vni = 0;
  inner: Skb | undefined = undefined;
  tunnel: Tunnel = 0;

  // ---- beside the frame
  /** Row of the trace log's header table that still shows this frame, -1 when a header was written since. */
  headerRow = -1;
  contentRow = -1;
  packetType = PACKET_HOST;
  connection: Connection | undefined = undefined;
  ctState: CtState = CT_NONE;
  /** The packet travels in its connection's reply direction. */
  ctReply = false;
  /** The conntrack zone that `-j CT --zone` gave it; see makeZone() in conntrack/connection.ts. */
  zone = 0;
  /** skb->hash: what a tunnel's source port is made of; 0 = not known. Survives veth and bridge, not a wire. */
  flowHash = 0;
  /** The bridge port it came in by while br_netfilter holds it (struct nf_bridge_info), and the port it will leave by. */
  physIn: DeviceState | undefined = undefined;
  physOut: DeviceState | undefined = undefined;
  /** PREROUTING has been run on the bridge; the IP layer must not run it again (ip_sabotage_in). */
  preroutingDone = false;
  /** DNAT on a bridge turned it back to a port of the same bridge, and its new MAC had to be asked for. */
  bridgedDnat = false;
  /** A neighbour solicitation for a proxy has waited its time. */
  proxyDelayed = false;
  /** Bridges and floods that may still carry it: a ring of bridges without spanning tree must end. Shared out among the copies of a flood. */
  bridgeBudget = BRIDGE_BUDGET;
  /** Where a device without link-layer addresses sends it: the route's next hop (skb_dst). */
  nextHop: Ip = 0;
  /** Byte of the IP packet that was damaged on the way, -1 for none: whoever checks that part's checksum throws it away. */
  corruptByte = -1;
  checksumError = 0;
  /** IPVS has dealt with it (skb->ipvs_property). */
  ipvs = false;
  /** A hook has sent it on itself: who ran the hook must not call it lost (NF_STOLEN). */
  taken = false;
  /** Largest fragment this datagram was put together from, 0 if it came whole (IPCB frag_max_size). */
  fragMaxBytes = 0;
  /** Length of transport header and payload when this is a fragment (its other fields describe the whole datagram's header). */
  fragmentBytes = 0;
  /** What a device in `external` mode puts around it, or took off it. */
  tunnelKey: TunnelKey | undefined = undefined;
  /** What a program on the socket call made of its destination: told once, with the packet. */
  socketNote: BpfNote | undefined = undefined;

  constructor(id: number) {
    this.id = id;
  }
}

/** A second packet with the same frame, as skb_copy makes for flooding and taps; what it carries is copied too, since its receiver will rewrite that. */
export function cloneSkb(from: Skb): Skb {
  const to = new Skb(from.id);
  to.causeSeq = from.causeSeq;
  to.mark = from.mark;
  to.uid = from.uid;
  to.cpu = from.cpu;
  to.ethSrc = from.ethSrc;
  to.ethDst = from.ethDst;
  to.etherType = from.etherType;
  to.vlan = from.vlan;
  to.raw = from.raw;
  to.checksumPartial = from.checksumPartial;
  to.arp = from.arp;
  to.src = from.src;
  to.dst = from.dst;
  to.ttl = from.ttl;
  to.tos = from.tos;
  to.flowLabel = from.flowLabel;
  to.protocol = from.protocol;
  to.ipId = from.ipId;
  to.dontFragment = from.dontFragment;
  to.moreFragments = from.moreFragments;
  to.fragmentOffset = from.fragmentOffset;
  to.sport = from.sport;
  to.dport = from.dport;
  to.tcp = from.tcp;
  to.icmp = from.icmp;
  to.sctp = from.sctp;
  to.payload = from.payload;
  to.vni = from.vni;
  to.inner = from.inner === undefined ? undefined : cloneSkb(from.inner);
  to.tunnel = from.tunnel;
  to.headerRow = from.headerRow;
  to.contentRow = from.contentRow;
  to.packetType = from.packetType;
  to.connection = from.connection;
  to.ctState = from.ctState;
  to.ctReply = from.ctReply;
  to.zone = from.zone;
  to.flowHash = from.flowHash;
  to.physIn = from.physIn;
  to.physOut = from.physOut;
  to.preroutingDone = from.preroutingDone;
  to.bridgedDnat = from.bridgedDnat;
  to.proxyDelayed = from.proxyDelayed;
  to.bridgeBudget = from.bridgeBudget;
  to.nextHop = from.nextHop;
  to.corruptByte = from.corruptByte;
  to.checksumError = from.checksumError;
  to.ipvs = from.ipvs;
  to.fragMaxBytes = from.fragMaxBytes;
  to.fragmentBytes = from.fragmentBytes;
  to.tunnelKey = from.tunnelKey;
  return to;
}

/** A network card has filled in what was left to it, in tunnels too (skb_checksum_help). */
export function finishChecksums(packet: Skb): void {
  packet.checksumPartial = false;
  if (packet.inner !== undefined) finishChecksums(packet.inner);
}

/** What crosses a veth or a wire loses: conntrack, bridge and routing marks belong to the kernel it leaves (skb_scrub_packet). */
export function scrub(packet: Skb): void {
  packet.connection = undefined;
  packet.ctState = CT_NONE;
  packet.ctReply = false;
  packet.zone = 0;
  packet.physIn = undefined;
  packet.physOut = undefined;
  packet.preroutingDone = false;
  packet.bridgedDnat = false;
  packet.ipvs = false;
  packet.taken = false;
  packet.fragMaxBytes = 0;
  packet.mark = 0;
  packet.uid = -1;
}
