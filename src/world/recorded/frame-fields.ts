/** A frame's headers in the words of the recordings: labels of packets, and the fields of the innermost IP header. */
import type { Layer } from '../../net/wire/packet.ts';

export type Of<P extends Layer['protocol']> = Extract<Layer, { protocol: P }>;
export const layerOf = <P extends Layer['protocol']>(layers: readonly Layer[], protocol: P): Of<P> | undefined =>
  layers.find((l): l is Of<P> => l.protocol === protocol);

const ICMP_NAMES: Readonly<Record<string, string>> = {
  '0/0': 'echo-reply',
  '8/0': 'echo-request',
  '3/0': 'net-unreachable',
  '3/1': 'host-unreachable',
  '3/3': 'port-unreachable',
  '3/4': 'frag-needed',
  '5/0': 'redirect',
  '5/1': 'redirect',
  '11/0': 'ttl-exceeded',
  '11/1': 'frag-time-exceeded',
};

export const icmpName = (type: number, code: number): string => ICMP_NAMES[`${type}/${code}`] ?? `${type}/${code}`;

/** The layers from the innermost IP header on. */
export function innermost(layers: readonly Layer[]): readonly Layer[] {
  const at = layers.findLastIndex((l) => l.protocol === 'ipv4');
  return layers.slice(at);
}

export function labelOf(layers: readonly Layer[]): string | undefined {
  const inner = innermost(layers);
  const ip = layerOf(inner, 'ipv4');
  if (ip === undefined) return undefined;
  const tcp = layerOf(inner, 'tcp');
  if (tcp !== undefined) {
    const ack = tcp.flags.includes('.');
    if (tcp.flags.includes('S')) return ack ? 'TCP SYN-ACK' : 'TCP SYN';
    if (tcp.flags.includes('R')) return ack ? 'TCP RST-ACK' : 'TCP RST';
    if (tcp.flags.includes('F')) return 'TCP FIN';
    return tcp.payloadBytes > 0 ? 'TCP DATA' : 'TCP ACK';
  }
  const icmp = layerOf(inner, 'icmp');
  if (icmp !== undefined) return `ICMP ${ICMP_NAMES[`${icmp.type}/${icmp.code}`] ?? icmp.type}`;
  return ip.ipProtocol === 17 ? (ip.fragmentOffset > 0 || ip.flags.includes('+') ? 'UDP fragment' : 'UDP') : undefined;
}

export function ipFields(layers: readonly Layer[]): Record<string, unknown> {
  const ip = layerOf(layers, 'ipv4') as Of<'ipv4'>;
  const fields: Record<string, unknown> = { src: ip.src, dst: ip.dst, ttl: ip.ttl, len: ip.totalBytes, df: ip.flags.includes('DF') };
  if (ip.flags.includes('+') || ip.fragmentOffset > 0) fields.frag = { off: ip.fragmentOffset, more: ip.flags.includes('+') };
  const tcp = layerOf(layers, 'tcp');
  const udp = layerOf(layers, 'udp');
  const icmp = layerOf(layers, 'icmp');
  if (tcp !== undefined) {
    const mss = /mss ([0-9]+)/.exec(tcp.options);
    const order = (['S', 'A', 'P', 'F', 'R'] as const).filter((f) => tcp.flags.includes(f === 'A' ? '.' : f));
    Object.assign(fields, { proto: 'tcp', sport: tcp.sport, dport: tcp.dport, flags: order.join(''), plen: tcp.payloadBytes });
    if (mss !== null) fields.mss = Number(mss[1]);
  } else if (udp !== undefined) Object.assign(fields, { proto: 'udp', sport: udp.sport, dport: udp.dport, plen: udp.lengthBytes - 8 });
  else if (icmp !== undefined) {
    Object.assign(fields, { proto: 'icmp', icmp: icmpFields(icmp) });
    if (icmp.type === 0 || icmp.type === 8) fields.plen = ip.totalBytes - 28;
  }
  return fields;
}

function icmpFields(icmp: Of<'icmp'>): Record<string, unknown> {
  const fields: Record<string, unknown> = { type: icmp.type, code: icmp.code };
  if (icmp.id !== undefined) Object.assign(fields, { id: icmp.id, seq: icmp.sequence });
  const mtu = /mtu ([0-9]+)/.exec(icmp.text);
  if (mtu !== null) fields.mtu = Number(mtu[1]);
  if (icmp.quoted !== undefined) {
    const q = ipFields(icmp.quoted);
    const orig: Record<string, unknown> = { src: q.src, dst: q.dst, ttl: q.ttl };
    if (q.sport !== undefined) Object.assign(orig, { sport: q.sport, dport: q.dport });
    const inner = q.icmp as Record<string, unknown> | undefined;
    if (inner?.id !== undefined) orig.id = inner.id;
    fields.orig = orig;
  }
  return fields;
}
