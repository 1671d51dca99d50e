/** A blank frame as plain data, for decoders and tests; the engine makes its own. */
import { ETHERTYPE_IPV4, type Packet } from './packet.ts';

export function blankPacket(id = 0): Packet {
  return {
    id,
    causeSeq: -1,
    mark: 0,
    ethSrc: 0,
    ethDst: 0,
    etherType: ETHERTYPE_IPV4,
    arp: undefined,
    src: 0,
    dst: 0,
    ttl: 64,
    tos: 0,
    protocol: 0,
    ipId: 0,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    fragmentBytes: 0,
    sport: 0,
    dport: 0,
    tcp: undefined,
    icmp: undefined,
    payload: undefined,
    vni: 0,
    inner: undefined,
  };
}
