/** A packet's layers as text-friendly data, outermost first: what the trace, the inspector and `--json` show. */
import { formatIp } from '../addr/ip.ts';
import { formatMac } from '../addr/mac.ts';
import { textToBytes } from './binary-text.ts';
import { icmp6Text, isEcho } from './icmp6.ts';
import { datagramBytes, ipBytes, isFragment, transportBytes } from './lengths.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_VLAN,
  IP_PROTO_ICMP6,
  IP_PROTO_UDP,
  type Layer,
  type Packet,
  type Payload,
  TUNNEL_IPIP,
  TUNNEL_NAMES,
  TUNNEL_VXLAN,
  TUNNEL_WIREGUARD,
} from './packet.ts';
import { chunkType, sctpChunksText } from './sctp.ts';
import { tlsText } from './tls-hello.ts';
import { wireguardText } from './wireguard-message.ts';
import { dnsText, icmpText, startsHttpMessage, tcpFlagsText, tcpOptionsText } from './words.ts';

/** `withEthernet` false: a quoted packet, which begins at its IP header. Fragments after the first end with the IP layer and their data. */
export function layersOf(packet: Packet, withEthernet = true): Layer[] {
  const layers: Layer[] = [];
  pushLayers(layers, packet, withEthernet);
  return layers;
}

function pushLayers(layers: Layer[], packet: Packet, withEthernet: boolean): void {
  if (withEthernet && packet.raw !== true) {
    const vlan = packet.vlan ?? 0;
    const etherType = vlan === 0 ? packet.etherType : ETHERTYPE_VLAN;
    layers.push({ protocol: 'ethernet', src: formatMac(packet.ethSrc), dst: formatMac(packet.ethDst), etherType });
    for (let tags = vlan; tags !== 0; tags >>>= 16) layers.push({ protocol: 'vlan', id: tags & 0xfff, priority: (tags >>> 13) & 7 });
  }
  if (packet.etherType === ETHERTYPE_ARP) {
    const arp = packet.arp;
    if (arp === undefined) return;
    layers.push({
      protocol: 'arp',
      operation: arp.operation === 1 ? 'request' : 'reply',
      senderMac: formatMac(arp.senderMac),
      senderIp: formatIp(arp.senderIp),
      targetMac: formatMac(arp.targetMac),
      targetIp: formatIp(arp.targetIp),
    });
    return;
  }
  if (typeof packet.dst === 'bigint') {
    layers.push({
      protocol: 'ipv6',
      src: formatIp(packet.src),
      dst: formatIp(packet.dst),
      ttl: packet.ttl,
      tos: packet.tos,
      flowLabel: packet.flowLabel ?? 0,
      ...(isFragment(packet) ? { fragment: { id: packet.ipId, offset: packet.fragmentOffset, more: packet.moreFragments } } : {}),
      totalBytes: ipBytes(packet),
      ipProtocol: packet.protocol,
    });
    if (packet.fragmentOffset > 0) layers.push({ protocol: 'data', bytes: transportBytes(packet) });
    else pushTransport(layers, packet);
    return;
  }
  layers.push({
    protocol: 'ipv4',
    src: formatIp(packet.src),
    dst: formatIp(packet.dst),
    ttl: packet.ttl,
    tos: packet.tos,
    id: packet.ipId,
    flags: ipFlagsText(packet),
    fragmentOffset: packet.fragmentOffset,
    totalBytes: ipBytes(packet),
    ipProtocol: packet.protocol,
  });
  if (packet.fragmentOffset > 0) {
    layers.push({ protocol: 'data', bytes: transportBytes(packet) });
    return;
  }
  pushTransport(layers, packet);
}

function pushTransport(layers: Layer[], packet: Packet): void {
  const { tcp, icmp, payload } = packet;
  if (tcp !== undefined) {
    layers.push({
      protocol: 'tcp',
      sport: packet.sport,
      dport: packet.dport,
      flags: tcpFlagsText(tcp.flags),
      seq: tcp.seq,
      ack: tcp.ack,
      window: tcp.window,
      options: tcpOptionsText(tcp.options),
      payloadBytes: payload === undefined ? 0 : payload.bytes,
    });
  } else if (icmp !== undefined) {
    const echo = isEcho(packet);
    const six = packet.protocol === IP_PROTO_ICMP6;
    layers.push({
      protocol: six ? 'icmp6' : 'icmp',
      type: icmp.type,
      code: icmp.code,
      text: six ? `ICMP6, ${icmp6Text(icmp)}` : `ICMP ${icmpText(icmp)}`,
      ...(echo ? { id: icmp.id, sequence: icmp.sequence } : {}),
      ...(icmp.quoted === undefined ? {} : { quoted: layersOf(icmp.quoted, false) }),
    });
  } else if (packet.protocol === IP_PROTO_UDP) {
    layers.push({ protocol: 'udp', sport: packet.sport, dport: packet.dport, lengthBytes: datagramBytes(packet) });
  } else if (packet.sctp !== undefined) {
    const { sctp } = packet;
    layers.push({
      protocol: 'sctp',
      sport: packet.sport,
      dport: packet.dport,
      tag: sctp.tag,
      text: sctpChunksText(sctp),
      types: sctp.chunks.map(chunkType),
      bytes: datagramBytes(packet),
    });
  }
  const wireguard = payload?.wireguard;
  if (wireguard !== undefined && payload !== undefined) {
    layers.push({ protocol: 'wireguard', text: wireguardText(wireguard, payload.bytes), bytes: payload.bytes, sealed: packet.inner !== undefined });
  }
  if (packet.inner !== undefined) {
    const tunnel = packet.tunnel ?? TUNNEL_VXLAN;
    if (tunnel === TUNNEL_IPIP) layers.push({ protocol: 'ipip' });
    else if (tunnel !== TUNNEL_WIREGUARD) layers.push({ protocol: TUNNEL_NAMES[tunnel], vni: packet.vni });
    pushLayers(layers, packet.inner, true);
    return;
  }
  if (wireguard !== undefined) return;
  if (payload === undefined || payload.bytes === 0) return;
  if (payload.dns !== undefined) {
    const { id, question, response } = payload.dns;
    layers.push({ protocol: 'dns', id, name: question.name.replace(/\.$/, ''), text: dnsText(payload.dns, 1), response });
  } else if (tcp !== undefined && tlsWords(payload) !== undefined) layers.push({ protocol: 'tls', text: tlsWords(payload) ?? '', bytes: payload.bytes });
  else if (tcp !== undefined && payload.text !== undefined && startsHttpMessage(payload.text)) layers.push({ protocol: 'http', text: payload.text });
  else layers.push({ protocol: 'data', bytes: payload.bytes, ...(payload.text === undefined ? {} : { text: payload.text }) });
}

/** TLS records are recognized by their first bytes, as Wireshark's heuristics do. */
function tlsWords(payload: Payload): string | undefined {
  const bytes = payload.octets === undefined ? undefined : textToBytes(payload.octets);
  return bytes === undefined ? undefined : tlsText(bytes);
}

function ipFlagsText(packet: Packet): string {
  const parts: string[] = [];
  if (packet.moreFragments) parts.push('+');
  if (packet.dontFragment) parts.push('DF');
  return parts.length === 0 ? 'none' : parts.join(', ');
}
