/** Which bytes of a frame are which field: the packet's layers say what follows what, the bytes say where it stands and what it says. */
import type { Layer } from '../packet.ts';
import { takeDns } from './dns.ts';
import { type ByteField, type ByteLayer, type Family, FieldReader, type FormField } from './field.ts';
import * as forms from './forms.ts';
import { takeSctp } from './sctp.ts';
import { takeHttp, takeTls } from './text.ts';

export type { ByteField, ByteLayer } from './field.ts';

const TITLES: Readonly<Record<Layer['protocol'], readonly [title: string, family: Family]>> = {
  ethernet: ['Ethernet', 'l2'],
  vlan: ['VLAN', 'l2'],
  arp: ['ARP', 'l2'],
  ipv4: ['IPv4', 'l3'],
  ipv6: ['IPv6', 'l3'],
  udp: ['UDP', 'l4'],
  tcp: ['TCP', 'l4'],
  sctp: ['SCTP', 'l4'],
  icmp: ['ICMP', 'l3'],
  icmp6: ['ICMPv6', 'l3'],
  vxlan: ['VXLAN', 'tunnel'],
  geneve: ['Geneve', 'tunnel'],
  ipip: ['IPIP', 'tunnel'],
  wireguard: ['WireGuard', 'tunnel'],
  dns: ['DNS', 'l7'],
  http: ['HTTP', 'l7'],
  tls: ['TLS', 'l7'],
  data: ['Data', 'l7'],
};

/** RFC 9293 section 3.2, RFC 7323, RFC 2018: kind, Wireshark's name, ours. */
const OPTIONS: Readonly<Record<number, readonly [string, string]>> = {
  2: ['tcp.options.mss', 'largest segment'],
  3: ['tcp.options.wscale', 'window scale'],
  4: ['tcp.options.sack_perm', 'SACK permitted'],
  5: ['tcp.options.sack', 'SACK'],
  8: ['tcp.options.timestamp', 'time stamps'],
};

function takeTcp(reader: FieldReader): void {
  const header = (reader.u8(12) >> 4) * 4;
  reader.form(forms.TCP);
  const length = Math.min(header - 20, reader.left);
  if (length <= 0) return;
  const start = reader.at;
  reader.take('tcp.options', 'options', length, 'bytes');
  const { bytes } = reader;
  const u32 = (at: number): number => (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
  for (let at = start; at < start + length; ) {
    const kind = bytes[at] ?? 0;
    const size = kind < 2 ? 1 : Math.max(2, bytes[at + 1] ?? 2);
    const [name, label] = OPTIONS[kind] ?? (kind === 1 ? ['tcp.options.nop', 'padding'] : ['', `option ${kind}`]);
    let value = '';
    if (kind === 2) value = `${u32(at) & 0xffff} bytes`;
    else if (kind === 3) value = `${bytes[at + 2]}: times ${2 ** (bytes[at + 2] ?? 0)}`;
    else if (kind === 5) {
      const blocks: string[] = [];
      for (let block = at + 2; block + 8 <= at + size; block += 8) blocks.push(`${u32(block)} to ${u32(block + 4)}`);
      value = blocks.join(', ');
    } else if (kind === 8) value = `${u32(at + 2)}, echo of ${u32(at + 6)}`;
    reader.part(name, label, at, size, { value });
    if (kind === 2) reader.part('tcp.options.mss_val', 'value', at + 2, 2, 'count', 2);
    else if (kind === 3) reader.part('tcp.options.wscale.shift', 'shift', at + 2, 1, 'count', 2);
    else if (kind === 8) {
      reader.part('tcp.options.timestamp.tsval', 'value', at + 2, 4, 'count', 2);
      reader.part('tcp.options.timestamp.tsecr', 'echo', at + 6, 4, 'count', 2);
    }
    at += size;
  }
}

function takeIcmp(reader: FieldReader, quoted: boolean): void {
  const type = reader.u8();
  const code = reader.u8(1);
  reader.form(forms.ICMP_HEAD);
  if (type === 0 || type === 8) {
    reader.form(forms.ICMP_ECHO);
    reader.rest('data.data', 'data', 'bytes');
  } else if (type === 5) reader.take('icmp.redir_gw', 'gateway', 4, 'ip4');
  else if (type === 3 && code === 4) {
    reader.take('', 'unused', 2, 'hex');
    reader.take('icmp.mtu', 'MTU of the next link', 2, 'count');
  } else reader.take('icmp.unused', 'unused', 4, 'hex');
  if (!quoted) reader.rest('', 'data', 'bytes');
}

/** RFC 4861 section 4.6: options are multiples of eight bytes. */
const MAX_OPTIONS = 32;
const NEIGHBOR_OPTIONS: Readonly<Record<number, string>> = { 1: 'source MAC', 2: 'target MAC', 3: 'prefix', 5: 'MTU' };

function takeIcmp6(reader: FieldReader, quoted: boolean): void {
  const type = reader.u8();
  reader.form(forms.ICMP6_HEAD);
  const neighbor = forms.NEIGHBOR.get(type);
  if (type === 128 || type === 129) {
    reader.form(forms.ICMP6_ECHO);
    reader.rest('data.data', 'data', 'bytes');
  } else if (type === 2) reader.take('icmpv6.mtu', 'MTU of the next link', 4, 'count');
  else if (neighbor === undefined) reader.take('', type === 4 ? 'pointer' : 'unused', 4, type === 4 ? 'count' : 'hex');
  else {
    reader.form(neighbor);
    for (let i = 0; i < MAX_OPTIONS && reader.left >= 8; i += 1) {
      const kind = reader.u8();
      const length = Math.max(1, reader.u8(1)) * 8;
      reader.take('icmpv6.opt.type', 'option', 1, { value: NEIGHBOR_OPTIONS[kind] ?? String(kind) });
      reader.take('icmpv6.opt.length', 'option length in 8 bytes', 1, 'count');
      if (kind <= 2) reader.take('icmpv6.opt.linkaddr', NEIGHBOR_OPTIONS[kind] ?? 'MAC', length - 2, 'mac');
      else reader.take('', 'option data', length - 2, 'bytes');
    }
  }
  if (!quoted) reader.rest('', 'data', 'bytes');
}

function takeWireguard(reader: FieldReader): void {
  const data = reader.u8() === 4;
  reader.form(forms.WIREGUARD.get(reader.u8()) ?? []);
  reader.rest(data ? 'wg.encrypted_packet' : '', data ? 'packet, encrypted' : 'rest', 'bytes');
}

/** Headers that are a form and no more. */
const FORMS: Readonly<Partial<Record<Layer['protocol'], readonly FormField[]>>> = {
  ethernet: forms.ETHERNET,
  vlan: forms.VLAN,
  arp: forms.ARP,
  ipv4: forms.IPV4,
  ipv6: forms.IPV6,
  udp: forms.UDP,
  vxlan: forms.VXLAN,
  geneve: forms.GENEVE,
};

function takeLayer(reader: FieldReader, layer: Layer, before: Layer | undefined): void {
  reader.form(FORMS[layer.protocol] ?? []);
  if (layer.protocol === 'ipv6' && layer.fragment !== undefined) reader.form(forms.FRAGMENT6);
  else if (layer.protocol === 'tcp') takeTcp(reader);
  else if (layer.protocol === 'sctp') takeSctp(reader);
  else if (layer.protocol === 'icmp') takeIcmp(reader, layer.quoted !== undefined);
  else if (layer.protocol === 'icmp6') takeIcmp6(reader, layer.quoted !== undefined);
  else if (layer.protocol === 'wireguard') takeWireguard(reader);
  else if (layer.protocol === 'dns') takeDns(reader, before?.protocol === 'tcp');
  else if (layer.protocol === 'http') takeHttp(reader);
  else if (layer.protocol === 'tls') takeTls(reader);
  else if (layer.protocol === 'data') reader.rest('data.data', 'data', layer.text === undefined ? 'bytes' : 'text');
}

/** ICMP errors quote packets, which quote none: two are enough. */
const MAX_DEPTH = 2;

function takeLayers(reader: FieldReader, layers: readonly Layer[], found: ByteLayer[], depth: number): void {
  for (const [index, layer] of layers.entries()) {
    const start = reader.at;
    const own = new FieldReader(reader.bytes, start);
    takeLayer(own, layer, layers[index - 1]);
    reader.at = own.at;
    const [name, family] = TITLES[layer.protocol];
    const title = depth === 0 ? name : `${name}, quoted`;
    if (own.at > start) found.push({ title, family, start, length: own.at - start, fields: own.fields });
    if ((layer.protocol === 'icmp' || layer.protocol === 'icmp6') && layer.quoted !== undefined && depth < MAX_DEPTH)
      takeLayers(reader, layer.quoted, found, depth + 1);
    // What is sealed is for us to see and has no bytes of its own.
    if (layer.protocol === 'wireguard' && layer.sealed) return;
  }
}

/** The layers of a frame, outermost first. Every byte belongs to exactly one layer, and to exactly one of its fields of depth 0. */
export function dissect(bytes: Uint8Array, layers: readonly Layer[]): readonly ByteLayer[] {
  const found: ByteLayer[] = [];
  const reader = new FieldReader(bytes, 0);
  takeLayers(reader, layers, found, 0);
  if (reader.left > 0) {
    const start = reader.at;
    reader.rest('data.data', 'bytes that no layer names', 'bytes');
    found.push({ title: 'Data', family: 'l7', start, length: bytes.length - start, fields: reader.fields });
  }
  return found;
}

/** The field that a byte is meant by: the narrowest and innermost one that has no sibling over the same bytes; undefined outside. */
export function fieldAt(layers: readonly ByteLayer[], at: number): ByteField | undefined {
  const layer = layers.find((one) => at >= one.start && at < one.start + one.length);
  const over = (layer?.fields ?? []).filter((field) => at >= field.start && at < field.start + field.length);
  const narrowest = [...over].sort((a, b) => a.length - b.length || b.depth - a.depth);
  return narrowest.find((field) => !over.some((other) => other !== field && other.depth === field.depth && other.length === field.length)) ?? over[0];
}
