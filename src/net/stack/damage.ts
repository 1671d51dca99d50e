/** Packets that were damaged on the way (netem corrupt) or left with a wrong checksum: who checks which checksum throws them away. Linux: net/ipv4/ip_input.c, net/ipv4/tcp_ipv4.c, net/ipv4/udp.c */
import type { DeviceState } from '../device/device-state.ts';
import { emitDropped } from '../trace/emit.ts';
import type { DropReason } from '../trace-event.ts';
import { IPV4_HEADER_BYTES } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP } from '../wire/packet.ts';
import { wrongChecksumText } from './checksum.ts';
import type { Core } from './core.ts';
import type { Skb } from './skb.ts';

/** True, and the packet is dropped, when its IPv4 header is damaged: every router looks at that. IPv6 has no checksum of its own. */
export function dropDamagedHeader(core: Core, device: DeviceState, packet: Skb): boolean {
  if (packet.corruptByte >= IPV4_HEADER_BYTES || typeof packet.src === 'bigint') return false;
  device.rxDropped += 1;
  emitDropped(core, device.place, packet, 'IP_CSUM', `byte ${packet.corruptByte} of the IP header was damaged on the way`);
  return true;
}

const REASONS: ReadonlyMap<number, DropReason> = new Map([
  [IP_PROTO_TCP, 'TCP_CSUM'],
  [IP_PROTO_UDP, 'UDP_CSUM'],
  [IP_PROTO_ICMP, 'ICMP_CSUM'],
]);

/** True, and the packet is dropped, when what the receiving host's protocol checks is damaged. */
export function dropDamagedContent(core: Core, device: DeviceState, packet: Skb): boolean {
  const { mib } = device.netns;
  if (packet.protocol === IP_PROTO_UDP) {
    mib.count('UdpInErrors');
    mib.count('UdpInCsumErrors');
  } else if (packet.protocol === IP_PROTO_TCP) {
    mib.count('TcpInErrs');
    mib.count('TcpInCsumErrors');
  }
  const text = packet.checksumError === 0 ? `byte ${packet.corruptByte} of the packet was damaged on the way` : wrongChecksumText(packet);
  emitDropped(core, device.place, packet, REASONS.get(packet.protocol) ?? 'IP_CSUM', text);
  return true;
}
