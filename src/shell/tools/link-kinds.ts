/** Options of each device kind in `ip link add … type KIND` and `ip link set … type KIND`. iproute2: ip/iplink_vxlan.c, iplink_geneve.c, iplink_vlan.c, link_iptnl.c, iplink_bridge.c */
import { parseIp } from '../../net/addr/ip.ts';
import type { Device, OrInherit } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { putDevice } from './device-change.ts';
import { kernelSays, type Refusal, refuse, wrong } from './link-refusal.ts';
import { deviceById, findDevice } from './net-view.ts';

/** The fields of a device that its kind alone has. */
export type KindFields = { readonly [K in Device['type']]: Omit<Extract<Device, { type: K }>, keyof CommonFields> }[Device['type']];
type CommonFields = Pick<Device, 'kind' | 'id' | 'origin' | 'netns' | 'name' | 'index' | 'mac' | 'mtuBytes' | 'up' | 'addresses'>;

export interface ParsedKind {
  readonly fields: KindFields;
  /** What the kernel gives the device when nobody says. */
  readonly mtuBytes: number;
  /** The kind has no MAC address, or takes another device's. */
  readonly mac?: string;
  /** Said on standard error though it works. */
  readonly note?: string;
}

const number = (text: string | undefined, low: number, high: number): number | undefined => {
  if (text === undefined || !/^(?:\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text)) return undefined;
  const value = Number(text);
  return value >= low && value <= high ? value : undefined;
};

/** Walks `word value` pairs; a handler returns a refusal, or undefined to go on. */
function walk(words: readonly string[], handle: (word: string, take: () => string) => Refusal | undefined): Refusal | undefined {
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? '';
    at += 1;
    const refusal = handle(word, () => {
      at += 1;
      return words[at - 1] ?? '';
    });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const isRefusal = (value: unknown): value is Refusal => typeof value === 'object' && value !== null && 'status' in value;

function ttlOf(text: string): OrInherit | Refusal {
  if (text === 'inherit') return 'inherit';
  if (text === 'auto') return 0;
  return number(text, 0, 255) ?? wrong(text, 'invalid TTL');
}

function tosOf(text: string): OrInherit | Refusal {
  if (text === 'inherit') return 'inherit';
  return number(/^[0-9a-f]{1,2}$/i.test(text) ? `0x${text}` : text, 0, 255) ?? wrong(text, 'bad TOS value');
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @param words what follows the kind's name. `link`: the device after `link` in `ip link add link eth0 …`. */
export function parseKind(invocation: Invocation, kind: string, words: readonly string[], link: Device | undefined): ParsedKind | Refusal {
  switch (kind) {
    case 'dummy':
      return words.length > 0 ? refuse(`dummy: unknown command "${words[0]}"?`, 255) : { fields: { type: 'dummy' }, mtuBytes: 1500 };
    case 'wireguard':
      return { fields: { type: 'wireguard', listenPort: 0, publicKey: '', peers: [] }, mtuBytes: 1420, mac: '00:00:00:00:00:00' };
    case 'bridge':
      return parseBridge(words);
    case 'vlan':
      return parseVlan(words, link);
    case 'vxlan':
      return parseVxlan(invocation, words);
    case 'geneve':
      return parseGeneve(invocation, words);
    case 'ipip':
      return parseIpip(invocation, words);
    default:
      return refuse('Error: Unknown device type.', 2);
  }
}

function parseBridge(words: readonly string[]): ParsedKind | Refusal {
  let ageingSeconds = 300;
  const refusal = walk(words, (word, take) => {
    if (word === 'ageing_time') {
      const value = take();
      const hundredths = number(value, 0, 4294967295);
      if (hundredths === undefined) return wrong(value, 'invalid ageing_time');
      ageingSeconds = hundredths / 100;
      return undefined;
    }
    if (word === 'vlan_filtering' || word === 'stp_state') {
      const value = take();
      return value === '0' ? undefined : refuse(`bridge: ${word} is not simulated here: a bridge knows no VLANs and no spanning tree`, 255);
    }
    if (['forward_delay', 'hello_time', 'max_age', 'priority', 'mcast_snooping', 'nf_call_iptables', 'nf_call_ip6tables', 'group_fwd_mask'].includes(word)) {
      take();
      return undefined;
    }
    return refuse(`bridge: unknown command "${word}"?`, 255);
  });
  return refusal ?? { fields: { type: 'bridge', ageingSeconds, followsPorts: { mac: true, mtu: true } }, mtuBytes: 1500 };
}

function parseVlan(words: readonly string[], link: Device | undefined): ParsedKind | Refusal {
  let vlanId: number | undefined;
  const refusal = walk(words, (word, take) => {
    const value = take();
    if (word === 'id') {
      vlanId = number(value, 0, 4095);
      return vlanId === undefined ? wrong(value, 'id is invalid') : undefined;
    }
    if (word === 'protocol' || word === 'proto') return /^802\.1q$/i.test(value) ? undefined : refuse('vlan: only protocol 802.1Q is simulated here', 255);
    if (word === 'reorder_hdr') return value === 'on' ? undefined : refuse('vlan: reorder_hdr off is not simulated here', 255);
    if (['gvrp', 'mvrp', 'loose_binding', 'bridge_binding'].includes(word)) return undefined;
    return refuse(`vlan: unknown command "${word}"?`, 255);
  });
  if (refusal !== undefined) return refusal;
  if (link === undefined || vlanId === undefined) return kernelSays('Invalid argument');
  if (vlanId === 0 || vlanId > 4094) return kernelSays('Numerical result out of range');
  if (link.type === 'loopback' || link.type === 'wireguard' || link.type === 'ipip') return kernelSays('Operation not supported');
  return { fields: { type: 'vlan', lower: link.id, vlanId }, mtuBytes: link.mtuBytes, mac: link.mac };
}

function parseVxlan(invocation: Invocation, words: readonly string[]): ParsedKind | Refusal {
  const { host, place } = invocation;
  const fields: Partial<Mutable<Extract<KindFields, { type: 'vxlan' }>>> = {};
  const refusal = walk(words, (word, take) => {
    switch (word) {
      case 'id':
      case 'vni': {
        const value = take();
        const vni = number(value, 0, 0xffffff);
        if (vni === undefined) return wrong(value, 'invalid id');
        fields.vni = vni;
        return undefined;
      }
      case 'remote':
      case 'local': {
        const value = take();
        if (parseIp(value) === undefined) return wrong(value, `invalid ${word} address`);
        if (word === 'remote') fields.remoteIp = value;
        else fields.localIp = value;
        return undefined;
      }
      case 'group':
        return refuse('vxlan: multicast groups are not simulated here: `bridge fdb append 00:00:00:00:00:00 dev DEV dst IP` floods by unicast', 255);
      case 'dev': {
        const value = take();
        const underlay = findDevice(host, place.netns, value);
        if (underlay === undefined) return refuse(`Cannot find device "${value}"`, 255);
        fields.underlay = underlay.id;
        return undefined;
      }
      case 'dstport': {
        const value = take();
        const port = number(value, 0, 65535);
        if (port === undefined) return wrong(value, 'dst port');
        fields.destinationPort = port === 0 ? 8472 : port;
        return undefined;
      }
      case 'srcport':
      case 'port': {
        const low = number(take(), 0, 65535);
        const high = number(take(), 0, 65535);
        if (low === undefined || high === undefined) return wrong(word, 'Invalid "srcport" value');
        if (high > low) fields.sourcePorts = { low, high };
        return undefined;
      }
      case 'ttl':
      case 'hoplimit': {
        const ttl = ttlOf(take());
        if (isRefusal(ttl)) return ttl;
        fields.ttl = ttl;
        return undefined;
      }
      case 'tos':
      case 'dsfield': {
        const tos = tosOf(take());
        if (isRefusal(tos)) return tos;
        fields.tos = tos;
        return undefined;
      }
      case 'df': {
        const value = take();
        if (value !== 'set' && value !== 'unset' && value !== 'inherit') return wrong(value, "DF must be 'unset', 'set' or 'inherit'");
        if (value !== 'unset') fields.dontFragment = value;
        return undefined;
      }
      case 'ageing': {
        const value = take();
        const seconds = number(value, 0, 4294967295);
        if (seconds === undefined) return wrong(value, 'ageing timer');
        fields.ageingSeconds = seconds;
        return undefined;
      }
      case 'learning':
      case 'nolearning':
        fields.learning = word === 'learning';
        return undefined;
      case 'udpcsum':
      case 'noudpcsum':
        fields.udpChecksum = word === 'udpcsum';
        return undefined;
      case 'l2miss':
      case 'l3miss':
        fields[word] = true;
        return undefined;
      case 'nol2miss':
      case 'nol3miss':
      case 'noproxy':
      case 'norsc':
      case 'udp6zerocsumrx':
      case 'udp6zerocsumtx':
      case 'noudp6zerocsumrx':
      case 'noudp6zerocsumtx':
        return undefined;
      case 'external':
      case 'gbp':
      case 'gpe':
      case 'proxy':
      case 'rsc':
        return refuse(`vxlan: ${word} is not simulated here`, 255);
      default:
        return refuse(`vxlan: unknown command "${word}"?`, 255);
    }
  });
  if (refusal !== undefined) return refusal;
  if (fields.vni === undefined) return refuse('vxlan: missing virtual network identifier', 1);
  const underlay = fields.underlay === undefined ? undefined : deviceById(host, fields.underlay);
  const note =
    fields.destinationPort === undefined
      ? "vxlan: destination port not specified\nWill use Linux kernel default (non-standard value)\nUse 'dstport 4789' to get the IANA assigned value\nUse 'dstport 0' to get default and quiet this message\n"
      : undefined;
  return {
    fields: { type: 'vxlan', localIp: '', underlay: '', learning: true, ...fields, vni: fields.vni, destinationPort: fields.destinationPort ?? 8472 },
    // vxlan_config_apply(): the device below leaves 50 bytes less; without one the default stays.
    mtuBytes: underlay === undefined ? 1500 : underlay.mtuBytes - (fields.remoteIp?.includes(':') === true || fields.localIp?.includes(':') === true ? 70 : 50),
    ...(note === undefined ? {} : { note }),
  };
}

function parseGeneve(invocation: Invocation, words: readonly string[]): ParsedKind | Refusal {
  const fields: Partial<Mutable<Extract<KindFields, { type: 'geneve' }>>> = {};
  const refusal = walk(words, (word, take) => {
    switch (word) {
      case 'id':
      case 'vni': {
        const value = take();
        const vni = number(value, 0, 0xffffff);
        if (vni === undefined) return wrong(value, 'invalid id');
        fields.vni = vni;
        return undefined;
      }
      case 'remote': {
        const value = take();
        if (parseIp(value) === undefined) return wrong(value, 'invalid remote address');
        fields.remoteIp = value;
        return undefined;
      }
      case 'ttl':
      case 'hoplimit': {
        const ttl = ttlOf(take());
        if (isRefusal(ttl)) return ttl;
        fields.ttl = ttl;
        return undefined;
      }
      case 'tos':
      case 'dsfield': {
        const tos = tosOf(take());
        if (isRefusal(tos)) return tos;
        fields.tos = tos;
        return undefined;
      }
      case 'df': {
        const value = take();
        if (value !== 'set' && value !== 'unset' && value !== 'inherit') return wrong(value, "DF must be 'unset', 'set' or 'inherit'");
        if (value !== 'unset') fields.dontFragment = value;
        return undefined;
      }
      case 'dstport': {
        const value = take();
        const port = number(value, 1, 65535);
        if (port === undefined) return wrong(value, 'dstport');
        fields.destinationPort = port;
        return undefined;
      }
      case 'udpcsum':
      case 'noudpcsum':
      case 'noexternal':
      case 'udp6zerocsumrx':
      case 'udp6zerocsumtx':
      case 'noudp6zerocsumrx':
      case 'noudp6zerocsumtx':
        return undefined;
      default:
        return refuse(`geneve: unknown command "${word}"?`, 255);
    }
  });
  if (refusal !== undefined) return refusal;
  if (fields.vni === undefined) return refuse('geneve: missing virtual network identifier', 1);
  if (fields.remoteIp === undefined) return refuse('geneve: remote link partner not specified', 1);
  return {
    fields: { type: 'geneve', destinationPort: 6081, ...fields, vni: fields.vni, remoteIp: fields.remoteIp },
    mtuBytes: routedMtu(invocation, fields.remoteIp) - (fields.remoteIp.includes(':') ? 70 : 50),
  };
}

/** geneve_link_config(), ip_tunnel_bind_dev(): the MTU of the device that the way to the other end leaves by. */
function routedMtu(invocation: Invocation, remote: string): number {
  const { host, place } = invocation;
  const route = host.engine.routeGet(place.netns, remote);
  const device = 'device' in route ? findDevice(host, place.netns, route.device) : undefined;
  return device?.mtuBytes ?? 1500;
}

function parseIpip(invocation: Invocation, words: readonly string[]): ParsedKind | Refusal {
  const { host, place } = invocation;
  const fields: Mutable<Extract<KindFields, { type: 'ipip' }>> = { type: 'ipip', ttl: 'inherit', tos: 0, pathMtuDiscovery: true };
  const refusal = walk(words, (word, take) => {
    switch (word) {
      case 'remote':
      case 'local': {
        const value = take();
        if (value === 'any') return undefined;
        if (typeof parseIp(value) !== 'number') return refuse(`Error: an IP address is expected rather than "${value}"`, 1);
        if (word === 'remote') fields.remoteIp = value;
        else fields.localIp = value;
        return undefined;
      }
      case 'dev': {
        const value = take();
        const underlay = findDevice(host, place.netns, value);
        if (underlay === undefined) return wrong(value, '"dev" is invalid');
        fields.underlay = underlay.id;
        return undefined;
      }
      case 'ttl':
      case 'hoplimit':
      case 'hlim': {
        const ttl = ttlOf(take());
        if (isRefusal(ttl)) return ttl;
        fields.ttl = ttl;
        return undefined;
      }
      case 'tos':
      case 'tclass':
      case 'dsfield': {
        const tos = tosOf(take());
        if (isRefusal(tos)) return tos;
        fields.tos = tos;
        return undefined;
      }
      case 'pmtudisc':
      case 'nopmtudisc':
        fields.pathMtuDiscovery = word === 'pmtudisc';
        return undefined;
      case 'mode': {
        const value = take();
        return value === 'ipip' || value === 'any' ? undefined : wrong(value, 'Cannot guess tunnel mode.');
      }
      default:
        return refuse(`ipip: unknown option "${word}"`, 255);
    }
  });
  if (refusal !== undefined) return refusal;
  if (fields.ttl !== 'inherit' && fields.ttl !== 0 && !fields.pathMtuDiscovery) return refuse('ttl != 0 and nopmtudisc are incompatible', 255);
  const below = fields.underlay === undefined ? undefined : deviceById(host, fields.underlay);
  const mtu = fields.remoteIp === undefined ? (below?.mtuBytes ?? 1500) : (below?.mtuBytes ?? routedMtu(invocation, fields.remoteIp));
  return { fields, mtuBytes: mtu - 20, mac: '00:00:00:00:00:00' };
}

/** `ip link set DEV type KIND …`: a change of what may change later. */
export function changeKind(invocation: Invocation, device: Device, kind: string, words: readonly string[]): Refusal | undefined {
  if (device.type !== kind) return kernelSays('Operation not supported');
  if (device.type === 'bridge') {
    const parsed = parseBridge(words);
    if (isRefusal(parsed)) return parsed;
    if (parsed.fields.type === 'bridge' && words.includes('ageing_time')) putDevice(invocation.host, { ...device, ageingSeconds: parsed.fields.ageingSeconds });
    return undefined;
  }
  if (device.type === 'vxlan') {
    // vxlan_changelink(): the VNI and the ports stay.
    const parsed = parseVxlan(invocation, ['id', String(device.vni), 'dstport', String(device.destinationPort), ...words]);
    if (isRefusal(parsed)) return parsed;
    if (parsed.fields.type !== 'vxlan') return undefined;
    if (parsed.fields.vni !== device.vni || parsed.fields.destinationPort !== device.destinationPort) return kernelSays('Operation not supported');
    const { ttl, tos, dontFragment, remoteIp, localIp, ageingSeconds } = parsed.fields;
    putDevice(invocation.host, {
      ...device,
      ...(words.includes('learning') || words.includes('nolearning') ? { learning: parsed.fields.learning } : {}),
      ...(ttl === undefined ? {} : { ttl }),
      ...(tos === undefined ? {} : { tos }),
      ...(dontFragment === undefined ? {} : { dontFragment }),
      ...(remoteIp === undefined ? {} : { remoteIp }),
      ...(localIp === '' ? {} : { localIp }),
      ...(ageingSeconds === undefined ? {} : { ageingSeconds }),
    });
    return undefined;
  }
  if (device.type === 'ipip') {
    const parsed = parseIpip(invocation, words);
    if (isRefusal(parsed)) return parsed;
    putDevice(invocation.host, { ...device, ...(parsed.fields as Extract<KindFields, { type: 'ipip' }>) });
    return undefined;
  }
  return refuse(`ip link set type ${kind}: not simulated here; remove the device and add it anew`, 255);
}
