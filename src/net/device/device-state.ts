/** A device as the engine runs it: its record compiled, and what it has learnt. */
import { inPrefix, ipOf, sameFamily } from '../addr/ip.ts';
import { mac } from '../addr/mac.ts';
import type { TcHook } from '../bpf/tc-hook.ts';
import type { Device, DeviceAddress, Netns } from '../records.ts';
import type { DeviceSettings } from '../stack/device-settings.ts';
import { type DeviceSettings6, deviceSettings6 } from '../stack/device-settings6.ts';
import { derivedAddresses } from '../stack/ip6-addresses.ts';
import { LazyMap } from '../stack/lazy-map.ts';
import type { NeighborEntry } from '../stack/neighbor.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { Skb } from '../stack/skb.ts';
import type { Ip, Ip6, Mac } from '../wire/packet.ts';
import { QdiscState } from './qdisc.ts';
import { WireguardState } from './wireguard-peer.ts';

export interface LocalAddress {
  readonly ip: Ip;
  readonly prefixLength: number;
  readonly broadcast: Ip | undefined;
  readonly scope: DeviceAddress['scope'];
  /** Not preferred any more as a source (RFC 4862 section 5.5.4). */
  readonly deprecated?: boolean;
  /** Used without asking whether it is free. */
  readonly noDad?: boolean;
  /** The kernel gave it to the device; no record says it. */
  readonly derived?: boolean;
  /** Not the first of its subnet on this device (IFA_F_SECONDARY): never chosen as a source. */
  readonly secondary?: boolean;
}

/** A MAC a bridge (or a learning tunnel) has seen. */
export interface LearntMac {
  readonly port: DeviceState;
  /** VXLAN: the sender's underlay address. */
  readonly remote: Ip;
  updatedNs: number;
}

export class DeviceState {
  readonly id: string;
  readonly netns: NetnsState;
  record: Device;
  name: string;
  mac: Mac = 0;
  addresses: readonly LocalAddress[] = [];
  up = false;
  mtuBytes = 0;
  /** The other end of its cable or pair; resolved when devices change. */
  peer: DeviceState | undefined = undefined;
  master: DeviceState | undefined = undefined;
  /** Of a VLAN device: the one below. */
  lower: DeviceState | undefined = undefined;
  /** VLAN devices on top of this one, by VLAN id. */
  vlans: Map<number, DeviceState> | undefined = undefined;
  /** Something is at the other end: without it nothing is sent (netif_carrier_ok). */
  carrier = true;
  /** No link-layer addresses to ask for (IFF_NOARP). */
  noArp = false;
  /** No Ethernet header either. */
  raw = false;
  /** `ethtool -K … tx off` */
  finishesChecksums = false;
  /** `ip link set promisc on` */
  takesAll = false;
  /** Ends of a tunnel as its record says; 0 where it does not. */
  tunnelLocal: Ip = 0;
  tunnelRemote: Ip = 0;
  /** Interned reference of its last `encapsulated` row, -1 before the first. */
  tunnelText = -1;
  /** Of a bridge: its ports, the newest first, which is the order the kernel floods in. */
  ports: readonly DeviceState[] = [];
  /** Of a bridge: MACs of itself and its ports, and what an operator pinned to a port. */
  readonly fixedMacs = new LazyMap<Mac, DeviceState>();
  /** Of a bridge: MACs that are its host's own, its own and its ports'. */
  readonly localMacs = new Set<Mac>();
  /** Interned place of its rows in the trace log, and the text of its peer's id. */
  readonly place: number;
  peerText = -1;
  /** Interned references of "bridged from here to that port" (undefined: to the host itself). */
  readonly bridgedTo = new LazyMap<DeviceState | undefined, number>();
  /** The device is not in the record store any more; frames on their way to it are lost. */
  gone = false;

  /** BPF programs on it (tcx): before everything else that comes in, and before its queue on the way out. */
  tcIngress: TcHook | undefined = undefined;
  tcEgress: TcHook | undefined = undefined;

  /** Version of the netns' record that the settings were read from. */
  settingsOf: Netns | undefined = undefined;
  settings: DeviceSettings | undefined = undefined;
  settings6: DeviceSettings6 | undefined = undefined;

  // ---- learnt and counted; part of snapshots
  readonly learnt = new LazyMap<Mac, LearntMac>();
  readonly neighbors = new LazyMap<Ip, NeighborEntry>();
  /** IPv6 addresses that may turn out to be somebody else's: probes still to be sent, or DUPLICATE. */
  readonly tentative = new LazyMap<Ip6, number>();
  rxPackets = 0;
  rxBytes = 0;
  txPackets = 0;
  txBytes = 0;
  rxDropped = 0;
  txDropped = 0;
  /** When the last bit of what it has sent leaves it (bandwidth). */
  busyUntilNs = 0;
  /** When the last frame it sent arrives. */
  lastArrivalNs = 0;
  /** ARP questions that a proxy has not answered yet. */
  proxyWaiting = 0;
  /** How many tcpdumps listen on this very device. */
  promiscuous = 0;
  /** When the frames in the queue before its wire leave it, the oldest first; only while the wire has a bandwidth. */
  departuresNs: number[] = [];
  /** While it has a qdisc. */
  qdisc: QdiscState | undefined = undefined;
  /** Of a WireGuard device. */
  wireguard: WireguardState | undefined = undefined;

  constructor(record: Device, netns: NetnsState, place: number) {
    this.id = record.id;
    this.netns = netns;
    this.place = place;
    this.record = record;
    this.name = record.name;
    this.compile(record);
  }

  /** Of a bridge: how long a MAC is kept without a frame from it. */
  get ageingNs(): number {
    return this.record.type === 'bridge' ? this.record.ageingSeconds * 1e9 : 0;
  }

  /** Takes a new version of the record; what was learnt stays. */
  compile(record: Device): void {
    this.record = record;
    this.name = record.name;
    this.mac = mac(record.mac);
    this.up = record.up;
    this.mtuBytes = record.mtuBytes;
    this.#compileKind(record);
    const settings6 = deviceSettings6(this.netns.record.sysctls, record.name);
    const written = localAddresses(record);
    this.addresses = [...(settings6.disabled ? written.filter((a) => typeof a.ip === 'number') : written), ...derivedAddresses(record, settings6)];
  }

  #compileKind(record: Device): void {
    this.raw = isRaw(record);
    this.noArp = this.raw || record.type === 'loopback' || record.type === 'dummy' || record.noArp === true;
    this.tunnelText = -1;
    this.finishesChecksums = record.txChecksumOffload === false;
    this.takesAll = record.promiscuous === true;
    const address = (text: string | undefined): Ip => (text === undefined || text === '' ? 0 : ipOf(text));
    this.tunnelLocal = record.type === 'vxlan' || record.type === 'ipip' ? address(record.localIp) : 0;
    this.tunnelRemote = record.type === 'geneve' || record.type === 'ipip' ? address(record.remoteIp) : 0;
    if (record.qdisc === undefined) this.qdisc = undefined;
    else if (this.qdisc?.handle !== record.qdisc.handle) {
      this.qdisc = new QdiscState();
      this.qdisc.handle = record.qdisc.handle;
    }
    if (record.type !== 'wireguard') return;
    this.wireguard ??= new WireguardState();
    this.wireguard.compile(record);
  }
}

const isRaw = (record: Device): boolean => record.type === 'ipip' || record.type === 'wireguard' || (record.type === 'tun' && record.mode === 'tun');

/** A device without link-layer addresses: the next hop is the device's own business. Linux: net/ipv4/arp.c, arp_constructor */
export function addressless(device: DeviceState, packet: Skb, nextHop: Ip): void {
  packet.nextHop = nextHop;
  packet.raw = device.raw;
  packet.vlan = 0;
  const own = device.record.type === 'dummy' || device.record.noArp === true ? device.mac : 0;
  packet.ethSrc = own;
  packet.ethDst = own;
  packet.headerRow = -1;
}

/** Addresses as the kernel keeps them: an IPv4 one in the subnet of an earlier one, with the same prefix length, is secondary (inet_insert_ifa). */
function localAddresses(record: Device): LocalAddress[] {
  const addresses: LocalAddress[] = [];
  for (const a of record.addresses) {
    const ip = ipOf(a.ip);
    const first = (one: LocalAddress): boolean => one.secondary !== true && one.prefixLength === a.prefixLength && inPrefix(one.ip, one.prefixLength, ip);
    addresses.push({
      ip,
      prefixLength: a.prefixLength,
      broadcast: a.broadcast === undefined ? undefined : ipOf(a.broadcast),
      scope: a.scope,
      deprecated: a.preferredSeconds === 0,
      noDad: a.noDad === true,
      ...(typeof ip === 'number' && addresses.some(first) ? { secondary: true } : {}),
    });
  }
  return addresses;
}

/**
 * The address of a device that the kernel puts into a packet to `towards`: the first whose prefix contains it, else the first.
 * Linux: net/ipv4/devinet.c, inet_select_addr
 */
export function selectAddress(device: DeviceState, towards: Ip): Ip | undefined {
  let first: Ip | undefined;
  for (const a of device.addresses) {
    if (a.scope === 'host') continue;
    if (!sameFamily(a.ip, towards)) continue;
    if (inPrefix(a.ip, a.prefixLength, towards)) return a.ip;
    first ??= a.ip;
  }
  return first;
}
