/** ICMPv6: its types, its neighbour discovery messages as bytes, and what tcpdump calls them. RFC 4443, RFC 4861 */
import { formatIp } from '../addr/ip.ts';
import { ip6FromBytes, ip6ToBytes } from '../addr/ip6.ts';
import {
  type IcmpMessage,
  IP_PROTO_ICMP6,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  type Ip,
  type Mac,
  type NeighborMessage,
  type Packet,
  type RouterAdvertisement,
} from './packet.ts';

export const ICMP6_UNREACHABLE = 1;
export const ICMP6_TOO_BIG = 2;
export const ICMP6_TIME_EXCEEDED = 3;
export const ICMP6_PARAMETER = 4;
export const ICMP6_ECHO_REQUEST = 128;
export const ICMP6_ECHO_REPLY = 129;
export const ND_ROUTER_SOLICITATION = 133;
export const ND_ROUTER_ADVERTISEMENT = 134;
export const ND_NEIGHBOR_SOLICITATION = 135;
export const ND_NEIGHBOR_ADVERTISEMENT = 136;

/** Codes of ICMP6_UNREACHABLE. */
export const ICMP6_NO_ROUTE = 0;
export const ICMP6_PROHIBITED = 1;
export const ICMP6_ADDRESS_UNREACHABLE = 3;
export const ICMP6_PORT_UNREACHABLE = 4;

/** Errors have types below 128 (RFC 4443 section 2.1). */
export const isIcmp6Error = (type: number): boolean => type < 128;
export const isNeighborDiscovery = (type: number): boolean => type >= ND_ROUTER_SOLICITATION && type <= 137;

/** An echo request or reply of either family. */
export const isEcho = (packet: Packet): boolean => {
  const type = packet.icmp?.type;
  return packet.protocol === IP_PROTO_ICMP6 ? type === ICMP6_ECHO_REQUEST || type === ICMP6_ECHO_REPLY : type === 8 || type === 0;
};

/** A message of either family about another packet. */
export function isIcmpErrorPacket(packet: Packet): boolean {
  const icmp = packet.icmp;
  if (icmp === undefined) return false;
  if (packet.protocol === IP_PROTO_ICMP6) return isIcmp6Error(icmp.type);
  return icmp.type === 3 || icmp.type === 4 || icmp.type === 5 || icmp.type === 11 || icmp.type === 12;
}

const OPTION_BYTES = 8;
const PREFIX_OPTION_BYTES = 32;
const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
const PREFIX_INFORMATION = 3;
const MTU = 5;

/** Bytes of a neighbour discovery message behind the first eight. */
export function neighborBodyBytes(type: number, message: NeighborMessage): number {
  let bytes = 0;
  if (type === ND_ROUTER_ADVERTISEMENT) {
    const { router } = message;
    bytes += 8 + (router?.mtuBytes === undefined ? 0 : OPTION_BYTES) + PREFIX_OPTION_BYTES * (router?.prefixes.length ?? 0);
  } else if (type !== ND_ROUTER_SOLICITATION) bytes += 16;
  return bytes + (message.sourceMac === undefined ? 0 : OPTION_BYTES) + (message.targetMac === undefined ? 0 : OPTION_BYTES);
}

/** Writes a neighbour discovery message behind type, code and checksum. */
export function putNeighborMessage(out: Uint8Array, type: number, message: NeighborMessage): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let at = 8;
  if (type === ND_ROUTER_ADVERTISEMENT) {
    const { router } = message;
    out[4] = router?.hopLimit ?? 0;
    out[5] = (router?.managed === true ? 0x80 : 0) | (router?.other === true ? 0x40 : 0);
    view.setUint16(6, router?.lifetimeSeconds ?? 0);
    view.setUint32(8, router?.reachableMs ?? 0);
    view.setUint32(12, router?.retransMs ?? 0);
    at = 16;
  } else if (type !== ND_ROUTER_SOLICITATION) {
    if (type === ND_NEIGHBOR_ADVERTISEMENT)
      out[4] = (message.fromRouter === true ? 0x80 : 0) | (message.solicited === true ? 0x40 : 0) | (message.override === true ? 0x20 : 0);
    out.set(ip6ToBytes(message.target ?? 0n), 8);
    at = 24;
  }
  at = putLinkLayer(view, at, SOURCE_LINK_LAYER, message.sourceMac);
  at = putLinkLayer(view, at, TARGET_LINK_LAYER, message.targetMac);
  const { router } = message;
  if (router === undefined) return;
  if (router.mtuBytes !== undefined) {
    out[at] = MTU;
    out[at + 1] = 1;
    view.setUint32(at + 4, router.mtuBytes);
    at += OPTION_BYTES;
  }
  for (const prefix of router.prefixes) {
    out[at] = PREFIX_INFORMATION;
    out[at + 1] = 4;
    out[at + 2] = prefix.prefixLength;
    out[at + 3] = (prefix.onLink ? 0x80 : 0) | (prefix.autonomous ? 0x40 : 0);
    view.setUint32(at + 4, prefix.validSeconds);
    view.setUint32(at + 8, prefix.preferredSeconds);
    out.set(ip6ToBytes(prefix.network), at + 16);
    at += PREFIX_OPTION_BYTES;
  }
}

function putLinkLayer(view: DataView, at: number, option: number, mac: Mac | undefined): number {
  if (mac === undefined) return at;
  view.setUint8(at, option);
  view.setUint8(at + 1, 1);
  view.setUint16(at + 2, Math.floor(mac / 0x100000000));
  view.setUint32(at + 4, mac % 0x100000000);
  return at + OPTION_BYTES;
}

/** The neighbour discovery message in a whole ICMPv6 body; undefined where it is cut short or has an option that says its length is 0 (RFC 4861 section 6.1). */
export function decodeNeighborMessage(body: Uint8Array): NeighborMessage | undefined {
  const type = body[0] ?? 0;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const first = type === ND_ROUTER_ADVERTISEMENT ? 16 : type === ND_ROUTER_SOLICITATION ? 8 : 24;
  if (body.length < first) return undefined;
  let sourceMac: Mac | undefined;
  let targetMac: Mac | undefined;
  let mtuBytes: number | undefined;
  const prefixes: RouterAdvertisement['prefixes'][number][] = [];
  for (let at = first; at < body.length; ) {
    const option = body[at] ?? 0;
    const length = (body[at + 1] ?? 0) * 8;
    if (length === 0 || at + length > body.length) return undefined;
    if (option === SOURCE_LINK_LAYER && length === OPTION_BYTES) sourceMac = macAt(view, at + 2);
    else if (option === TARGET_LINK_LAYER && length === OPTION_BYTES) targetMac = macAt(view, at + 2);
    else if (option === MTU && length === OPTION_BYTES) mtuBytes = view.getUint32(at + 4);
    else if (option === PREFIX_INFORMATION && length === PREFIX_OPTION_BYTES) {
      const flags = body[at + 3] ?? 0;
      prefixes.push({
        network: ip6FromBytes(body, at + 16),
        prefixLength: body[at + 2] ?? 0,
        onLink: (flags & 0x80) !== 0,
        autonomous: (flags & 0x40) !== 0,
        validSeconds: view.getUint32(at + 4),
        preferredSeconds: view.getUint32(at + 8),
      });
    }
    at += length;
  }
  const options = { ...(sourceMac === undefined ? {} : { sourceMac }), ...(targetMac === undefined ? {} : { targetMac }) };
  const flags = body[4] ?? 0;
  if (type === ND_ROUTER_SOLICITATION) return options;
  if (type === ND_ROUTER_ADVERTISEMENT) {
    const bits = body[5] ?? 0;
    return {
      ...options,
      router: {
        hopLimit: flags,
        managed: (bits & 0x80) !== 0,
        other: (bits & 0x40) !== 0,
        lifetimeSeconds: view.getUint16(6),
        reachableMs: view.getUint32(8),
        retransMs: view.getUint32(12),
        ...(mtuBytes === undefined ? {} : { mtuBytes }),
        prefixes,
      },
    };
  }
  const target = ip6FromBytes(body, 8);
  if (type !== ND_NEIGHBOR_ADVERTISEMENT) return { target, ...options };
  return { target, fromRouter: (flags & 0x80) !== 0, solicited: (flags & 0x40) !== 0, override: (flags & 0x20) !== 0, ...options };
}

const macAt = (view: DataView, at: number): Mac => view.getUint16(at) * 0x100000000 + view.getUint32(at + 2);

const UNREACHABLE: readonly string[] = ['unreachable route', 'unreachable prohibited', 'beyond scope', 'unreachable address'];

/** What tcpdump writes behind `ICMP6, ` up to the length. `portName` and `address` as the reader wants them. */
export function icmp6Text(
  icmp: IcmpMessage,
  address: (ip: Ip) => string = formatIp,
  portName: (port: number, protocol: 'tcp' | 'udp') => string = String,
): string {
  const quoted = icmp.quoted;
  const to = quoted === undefined ? '' : address(quoted.dst);
  switch (icmp.type) {
    case ICMP6_UNREACHABLE: {
      if (icmp.code !== ICMP6_PORT_UNREACHABLE)
        return `destination unreachable, ${UNREACHABLE[icmp.code] ?? `unknown unreach code (${icmp.code})`} ${to}`.trimEnd();
      const word = quoted?.protocol === IP_PROTO_TCP ? 'tcp' : quoted?.protocol === IP_PROTO_UDP ? 'udp' : undefined;
      const port = word === undefined ? `protocol ${quoted?.protocol ?? 0} port ${quoted?.dport ?? 0}` : `${word} port ${portName(quoted?.dport ?? 0, word)}`;
      return `destination unreachable, unreachable port, ${to} ${port}`;
    }
    case ICMP6_TOO_BIG:
      return `packet too big, mtu ${icmp.mtu ?? 0}`;
    case ICMP6_TIME_EXCEEDED:
      return icmp.code === 0 ? `time exceeded in-transit for ${to}` : `time exceeded ip6 reassembly time exceeded`;
    case ICMP6_PARAMETER: {
      const what = ['errorneous', 'next header', 'option'][icmp.code] ?? `code-#${icmp.code}`;
      return `parameter problem, ${what} - octet ${icmp.pointer ?? 0}`;
    }
    case ICMP6_ECHO_REQUEST:
    case ICMP6_ECHO_REPLY:
      return `echo ${icmp.type === ICMP6_ECHO_REQUEST ? 'request' : 'reply'}, id ${icmp.id}, seq ${icmp.sequence}`;
    case ND_ROUTER_SOLICITATION:
      return 'router solicitation';
    case ND_ROUTER_ADVERTISEMENT:
      return 'router advertisement';
    case ND_NEIGHBOR_SOLICITATION:
      return `neighbor solicitation, who has ${address(icmp.neighbor?.target ?? 0n)}`;
    case ND_NEIGHBOR_ADVERTISEMENT:
      return `neighbor advertisement, tgt is ${address(icmp.neighbor?.target ?? 0n)}`;
    default:
      return `unknown icmp6 type (${icmp.type})`;
  }
}
