/** A packet's layers as nested boxes of rows, with what changed in this hop marked. */
import { isIpLayer, type Layer } from '../../net/wire/packet.ts';

export interface CakeValue {
  readonly text: string;
  /** What it was before this hop, where it changed. */
  readonly before?: string;
}
export interface CakeBox {
  readonly key: string;
  readonly family: 'l2' | 'l3' | 'l4' | 'l7' | 'tunnel';
  readonly title: string;
  readonly from?: CakeValue;
  readonly to?: CakeValue;
  /** Small print. */
  readonly details: readonly CakeValue[];
  /** Put on in this hop. */
  readonly added: boolean;
  readonly children: readonly CakeBox[];
}
export interface Cake {
  readonly boxes: readonly CakeBox[];
  /** Titles of layers taken off in this hop, outermost first. */
  readonly removed: readonly string[];
}

/** Names for hardware addresses, where a device is known by one. */
export type NameMac = (mac: string) => string | undefined;

type Of<P extends Layer['protocol']> = Extract<Layer, { protocol: P }>;

const value = (text: string | number, before?: string | number): CakeValue =>
  before === undefined || String(before) === String(text) ? { text: String(text) } : { text: String(text), before: String(before) };

const hex = (number: number) => `0x${number.toString(16).padStart(4, '0')}`;
const etherTypes: Readonly<Record<number, string>> = { 2048: 'IPv4', 2054: 'ARP', 34525: 'IPv6' };

type Content = Omit<CakeBox, 'key' | 'added' | 'children'>;

function ethernet(layer: Of<'ethernet'>, before: Of<'ethernet'> | undefined, nameMac: NameMac): Content {
  const named = (mac: string) => nameMac(mac) ?? (mac === 'ff:ff:ff:ff:ff:ff' ? 'everybody' : mac);
  return {
    family: 'l2',
    title: 'Ethernet',
    from: value(named(layer.src), before === undefined ? undefined : named(before.src)),
    to: value(named(layer.dst), before === undefined ? undefined : named(before.dst)),
    details: [value(`${layer.src} → ${layer.dst}`), value(etherTypes[layer.etherType] ?? hex(layer.etherType))],
  };
}

function ipv4(layer: Of<'ipv4'>, before: Of<'ipv4'> | undefined): Content {
  return {
    family: 'l3',
    title: 'IPv4',
    from: value(layer.src, before?.src),
    to: value(layer.dst, before?.dst),
    details: [
      value(`ttl ${layer.ttl}`, before === undefined ? undefined : `ttl ${before.ttl}`),
      value(`${layer.totalBytes} bytes`, before === undefined ? undefined : `${before.totalBytes} bytes`),
      value(`id ${layer.id}`),
      ...(layer.flags === '' ? [] : [value(layer.flags)]),
      ...(layer.fragmentOffset === 0 ? [] : [value(`offset ${layer.fragmentOffset}`)]),
    ],
  };
}

function ipv6(layer: Of<'ipv6'>, before: Of<'ipv6'> | undefined): Content {
  const { fragment } = layer;
  return {
    family: 'l3',
    title: 'IPv6',
    from: value(layer.src, before?.src),
    to: value(layer.dst, before?.dst),
    details: [
      value(`hop limit ${layer.ttl}`, before === undefined ? undefined : `hop limit ${before.ttl}`),
      value(`${layer.totalBytes} bytes`, before === undefined ? undefined : `${before.totalBytes} bytes`),
      ...(layer.flowLabel === 0 ? [] : [value(`flow label 0x${layer.flowLabel.toString(16).padStart(5, '0')}`)]),
      ...(fragment === undefined ? [] : [value(`fragment ${fragment.id}`), value(`offset ${fragment.offset}${fragment.more ? ', more follow' : ''}`)]),
    ],
  };
}

function tcp(layer: Of<'tcp'>, before: Of<'tcp'> | undefined): Content {
  return {
    family: 'l4',
    title: `TCP ${layer.flags}`,
    from: value(layer.sport, before?.sport),
    to: value(layer.dport, before?.dport),
    details: [
      value(`seq ${layer.seq}`),
      value(`ack ${layer.ack}`),
      value(`win ${layer.window}`),
      ...(layer.options === '' ? [] : [value(layer.options)]),
      ...(layer.payloadBytes === 0 ? [] : [value(`${layer.payloadBytes} bytes of data`)]),
    ],
  };
}

function contentOf(layer: Layer, before: Layer | undefined, nameMac: NameMac): Content {
  switch (layer.protocol) {
    case 'ethernet':
      return ethernet(layer, before as Of<'ethernet'> | undefined, nameMac);
    case 'ipv4':
      return ipv4(layer, before as Of<'ipv4'> | undefined);
    case 'ipv6':
      return ipv6(layer, before as Of<'ipv6'> | undefined);
    case 'tcp':
      return tcp(layer, before as Of<'tcp'> | undefined);
    case 'udp': {
      const old = before as Of<'udp'> | undefined;
      return {
        family: 'l4',
        title: 'UDP',
        from: value(layer.sport, old?.sport),
        to: value(layer.dport, old?.dport),
        details: [value(`${layer.lengthBytes} bytes`)],
      };
    }
    case 'sctp': {
      const old = before as Of<'sctp'> | undefined;
      return {
        family: 'l4',
        title: `SCTP ${layer.text}`,
        from: value(layer.sport, old?.sport),
        to: value(layer.dport, old?.dport),
        details: [value(`tag ${layer.tag}`), value(`${layer.bytes} bytes`)],
      };
    }
    case 'arp':
      return {
        family: 'l2',
        title: `ARP ${layer.operation}`,
        details: [value(layer.operation === 'request' ? `who has ${layer.targetIp}? tell ${layer.senderIp}` : `${layer.senderIp} is at ${layer.senderMac}`)],
      };
    case 'icmp':
    case 'icmp6':
      return {
        family: 'l3',
        title: layer.protocol === 'icmp' ? 'ICMP' : 'ICMPv6',
        details: [
          value(layer.text),
          ...(layer.id === undefined ? [] : [value(`id ${layer.id}`)]),
          ...(layer.sequence === undefined ? [] : [value(`seq ${layer.sequence}`)]),
        ],
      };
    case 'vlan':
      return { family: 'l2', title: `VLAN ${layer.id}`, details: [value(`priority ${layer.priority}`)] };
    case 'vxlan':
      return { family: 'tunnel', title: `VXLAN vni ${layer.vni}`, details: [] };
    case 'geneve':
      return { family: 'tunnel', title: `Geneve vni ${layer.vni}`, details: [] };
    case 'ipip':
      return { family: 'tunnel', title: 'IP in IP', details: [] };
    case 'wireguard':
      return {
        family: 'tunnel',
        title: 'WireGuard',
        details: [value(layer.text), value(`${layer.bytes} bytes`), ...(layer.sealed ? [value('encrypted: what is inside is on no wire')] : [])],
      };
    case 'dns':
      return { family: 'l7', title: layer.response ? 'DNS answer' : 'DNS question', details: [value(layer.text), value(`id ${layer.id}`)] };
    case 'http':
      return { family: 'l7', title: 'HTTP', details: [value(layer.text)] };
    case 'tls':
      return { family: 'l7', title: layer.text, details: [value(`${layer.bytes} bytes`)] };
    case 'data':
      return { family: 'l7', title: 'Data', details: [value(layer.text ?? `${layer.bytes} bytes`)] };
  }
}

/** Partners the layers of before and after from the inside out: encapsulation works at the outer end. */
function partners(
  layers: readonly Layer[],
  before: readonly Layer[] | undefined,
): { readonly old: readonly (Layer | undefined)[]; readonly removed: readonly Layer[] } {
  if (before === undefined) return { old: layers.map(() => undefined), removed: [] };
  const old: (Layer | undefined)[] = layers.map(() => undefined);
  let at = before.length - 1;
  for (let i = layers.length - 1; i >= 0 && at >= 0; i -= 1) {
    if (before[at]?.protocol !== layers[i]?.protocol) break;
    old[i] = before[at];
    at -= 1;
  }
  return { old, removed: before.slice(0, at + 1) };
}

/** The index of the outermost tunnel header with something behind it, or -1. The outer Ethernet, IPv4 and (not for IP in IP) UDP stand before it. */
const tunnelAt = (layers: readonly Layer[]) =>
  layers.findIndex(
    (layer) => layer.protocol === 'vxlan' || layer.protocol === 'geneve' || layer.protocol === 'ipip' || (layer.protocol === 'wireguard' && layer.sealed),
  );

export function buildCake(layers: readonly Layer[], before: readonly Layer[] | undefined, nameMac: NameMac): Cake {
  const { old, removed } = partners(layers, before);
  const isAdded = (index: number) => before !== undefined && old[index] === undefined;
  const nest = (from: number): CakeBox[] => {
    const layer = layers[from];
    if (layer === undefined) return [];
    return [{ key: `${layer.protocol}${from}`, ...contentOf(layer, old[from], nameMac), added: isAdded(from), children: nest(from + 1) }];
  };
  const tunnel = tunnelAt(layers);
  if (tunnel < 0) return { boxes: nest(0), removed: removedTitles(removed) };
  const boxes: CakeBox[] = [];
  const outerIp = layers.findIndex(isIpLayer);
  layers.slice(0, Math.max(0, outerIp)).forEach((layer, index) => {
    boxes.push({ key: `outer${index}`, ...contentOf(layer, old[index], nameMac), added: isAdded(index), children: [] });
  });
  const ip = layers[outerIp];
  const udp = layers[outerIp + 1];
  const header = contentOf(layers[tunnel] as Layer, undefined, nameMac);
  const content = isIpLayer(ip) ? contentOf(ip, old[outerIp], nameMac) : undefined;
  boxes.push({
    key: 'tunnel',
    family: 'tunnel',
    title: `Outer ${ip?.protocol === 'ipv6' ? 'IPv6' : 'IPv4'}${udp?.protocol === 'udp' ? ` · UDP ${udp.dport}` : ''} · ${header.title}`,
    ...(content?.from === undefined ? {} : { from: content.from }),
    ...(content?.to === undefined ? {} : { to: content.to }),
    details: [...(content?.details ?? []), ...header.details, ...(udp?.protocol === 'udp' ? [value(`source port ${udp.sport}`)] : [])],
    added: isAdded(tunnel),
    children: nest(tunnel + 1),
  });
  return { boxes, removed: removedTitles(removed) };
}

function removedTitles(removed: readonly Layer[]): readonly string[] {
  return removed.map((layer) => contentOf(layer, undefined, () => undefined).title);
}
