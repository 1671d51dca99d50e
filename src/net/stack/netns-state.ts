/** A network namespace as the engine runs it: its records compiled, and what its kernel remembers. */

import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { ipOf } from '../addr/ip.ts';
import { mac } from '../addr/mac.ts';
import { type ConntrackSettings, compileConntrack } from '../conntrack/settings.ts';
import { ConnectionTable } from '../conntrack/table.ts';
import type { DeviceState } from '../device/device-state.ts';
import { IpvsState } from '../ipvs/ipvs-state.ts';
import type { Family, RecentEntry } from '../netfilter/definition.ts';
import type { IpSetState } from '../netfilter/ipset/state.ts';
import type { NfQueue } from '../netfilter/queue/queue-records.ts';
import { type ChainState, Ruleset } from '../netfilter/ruleset.ts';
import type { NftRecord } from '../nft/nft-records.ts';
import { NftTables } from '../nft/tables.ts';
import type { Chain, FdbEntry, Host, Neighbor, Netns, ProxyNeighbor, Route, RoutingRule } from '../records.ts';
import type { Ip, Mac } from '../wire/packet.ts';
import { type DeviceSettings, deviceSettings } from './device-settings.ts';
import { type DeviceSettings6, deviceSettings6 } from './device-settings6.ts';
import { Fib } from './fib.ts';
import { type IcmpLimit, icmpLimit, type Peer, UNLIMITED } from './icmp-peer.ts';
import type { ErrorRate } from './icmp6.ts';
import { LazyMap } from './lazy-map.ts';
import { Mib } from './mib.ts';
import { NeighborEntry, NUD_NOARP, NUD_PERMANENT, setMac } from './neighbor.ts';
import type { Skb } from './skb.ts';
import { sysctl } from './sysctl.ts';

/** Where a VXLAN device sends a MAC to. */
export interface TunnelEntry {
  readonly remote: Ip;
  readonly remoteText: string;
  readonly origin: Origin;
  traceIndex: number;
  /** Where they differ from the device's. */
  readonly port?: number;
  readonly vni?: number;
}

const TUNNEL_TYPES: ReadonlySet<string> = new Set(['vxlan', 'geneve', 'ipip', 'wireguard']);

/** What ICMP has taught of one destination (struct fib_nh_exception). */
export interface PathMtu {
  /** 0 where only another gateway was learnt. */
  readonly mtuBytes: number;
  readonly expiresNs: number;
  /** Taught to be less than min_pmtu: it is not believed, and packets to there may be cut. */
  readonly locked?: boolean;
  /** From an ICMP redirect. */
  readonly gateway?: Ip;
}

/** What TCP has learnt of a peer since it last sent to it: an acknowledgement that moved on proves that the way there works. */
export interface Confirmation {
  readonly ack: number;
  readonly pending: boolean;
}

/** Pieces of one datagram. */
export interface Reassembly {
  readonly key: string;
  readonly pieces: Skb[];
  readonly device: DeviceState;
  readonly endsNs: number;
}

export class NetnsState {
  readonly id: string;
  readonly hostId: string;
  record: Netns;
  /** Interned place of rows that concern no device. */
  readonly place: number;
  readonly devices = new Map<string, DeviceState>();
  readonly routes = new Map<string, Route>();
  readonly rules = new LazyMap<string, RoutingRule>();
  readonly proxyNeighbors = new LazyMap<string, ProxyNeighbor>();
  readonly chains = new LazyMap<string, Chain>();
  readonly ipvs = new IpvsState();
  readonly nftRecords = new LazyMap<string, NftRecord>();
  /** Programs that read packets from a queue, by its number. */
  readonly queues = new LazyMap<number, NfQueue>();
  readonly neighborRecords = new LazyMap<string, Neighbor>();
  readonly fdbRecords = new LazyMap<string, FdbEntry>();
  gone = false;

  // ---- compiled on demand from the above
  #fib: Fib | undefined;
  #ruleset: Ruleset | undefined;
  #ruleset6: Ruleset | undefined;
  #rulesetStale = true;
  #nft: NftTables | undefined;
  #nftStale = true;
  #tunnels: Map<string, Map<Mac, TunnelEntry[]>> | undefined;
  forwarding = false;
  forwarding6 = false;
  /** ip_forward_use_pmtu: forwarding believes what ICMP errors have taught this host. */
  forwardsByPathMtu = false;
  bridgeNetfilter = false;
  bridgeNetfilter6 = false;
  defaultTtl = 64;
  icmpLimit: IcmpLimit = UNLIMITED;
  conntrack: ConntrackSettings;
  /** See `Host`. */
  secondCpuRatio = 0;
  #kernel: Host['kernel'];
  #tunnelDevices: readonly DeviceState[] | undefined;
  #loopback: DeviceState | undefined;

  // ---- remembered; part of snapshots
  readonly connections = new ConnectionTable();
  readonly recent = new LazyMap<string, Map<Ip, RecentEntry>>();
  readonly hashlimits = new LazyMap<string, Map<string, number[]>>();
  /** By name; their members are partly run-time state. */
  readonly ipsets = new LazyMap<string, IpSetState>();
  /** How fast ICMPv6 errors may go to each address. */
  readonly errorRates = new LazyMap<Ip, ErrorRate>();
  readonly pathMtus = new LazyMap<Ip, PathMtu>();
  readonly confirmations = new LazyMap<Ip, Confirmation>();
  readonly reassemblies = new LazyMap<string, Reassembly>();
  nextIpId = 1;
  readonly mib = new Mib();
  /** Senders that ICMP errors have been about: their token buckets. */
  readonly peers = new LazyMap<Ip, Peer>();
  /** Tokens of all ICMP errors together, and when they were counted last. */
  icmpCredit = -1;
  icmpCreditNs = 0;

  constructor(record: Netns, place: number) {
    this.id = record.id;
    this.hostId = record.hostId;
    this.record = record;
    this.place = place;
    this.conntrack = compileConntrack(record.sysctls);
    this.compileSettings(record);
  }

  compileSettings(record: Netns): void {
    this.record = record;
    this.#fib = undefined;
    this.forwarding = sysctl(record.sysctls, 'net.ipv4.ip_forward') !== 0;
    this.forwarding6 = sysctl(record.sysctls, 'net.ipv6.conf.all.forwarding') !== 0;
    this.bridgeNetfilter6 = sysctl(record.sysctls, 'net.bridge.bridge-nf-call-ip6tables') !== 0;
    this.forwardsByPathMtu = sysctl(record.sysctls, 'net.ipv4.ip_forward_use_pmtu') !== 0;
    this.icmpLimit = icmpLimit(record.sysctls);
    this.bridgeNetfilter = sysctl(record.sysctls, 'net.bridge.bridge-nf-call-iptables') !== 0;
    this.defaultTtl = sysctl(record.sysctls, 'net.ipv4.ip_default_ttl');
    this.conntrack = compileConntrack(record.sysctls, this.#kernel);
  }

  /** What its machine says that is not as usual. */
  compileMachine(host: Host): void {
    this.#kernel = host.kernel;
    this.secondCpuRatio = host.secondCpuRatio ?? 0;
    this.conntrack = compileConntrack(this.record.sysctls, this.#kernel);
  }

  /** What sysctls say of a device. */
  settings(device: DeviceState): DeviceSettings {
    if (device.settings === undefined || device.settingsOf !== this.record) {
      device.settingsOf = this.record;
      device.settings6 = undefined;
      device.settings = deviceSettings(this.record.sysctls, device.name);
    }
    return device.settings;
  }

  settings6(device: DeviceState): DeviceSettings6 {
    this.settings(device);
    device.settings6 ??= deviceSettings6(this.record.sysctls, device.name);
    return device.settings6;
  }

  /** Devices, addresses or routes are not what they were. */
  routingChanged(): void {
    this.#fib = undefined;
    this.#tunnelDevices = undefined;
    this.#loopback = undefined;
  }

  chainsChanged(): void {
    this.#rulesetStale = true;
  }

  tunnelsChanged(): void {
    this.#tunnels = undefined;
  }

  get fib(): Fib {
    this.#fib ??= new Fib({
      netns: this.id,
      devices: this.devices.values(),
      routes: this.routes.values(),
      rules: this.rules.values(),
      deviceByName: (name) => this.deviceByName(name),
      seed: hashText(`${this.hostId} multipath`),
      hashPolicy: sysctl(this.record.sysctls, 'net.ipv4.fib_multipath_hash_policy'),
      useNeighbors: sysctl(this.record.sysctls, 'net.ipv4.fib_multipath_use_neigh') !== 0,
    });
    return this.#fib;
  }

  /** What IPv4 packets meet; undefined while the netns has no such chain at all: then no hook costs anything. */
  get ruleset(): Ruleset | undefined {
    if (this.#rulesetStale) this.#compileRulesets();
    return this.#ruleset;
  }

  /** What IPv6 packets meet. */
  get ruleset6(): Ruleset | undefined {
    if (this.#rulesetStale) this.#compileRulesets();
    return this.#ruleset6;
  }

  rulesetFor(ip: Ip): Ruleset | undefined {
    return typeof ip === 'bigint' ? this.ruleset6 : this.ruleset;
  }

  /** Undefined while the netns has no table of nftables. */
  get nft(): NftTables | undefined {
    if (this.#nftStale) {
      this.#nftStale = false;
      this.#nft = this.nftRecords.size === 0 ? undefined : new NftTables(this.nftRecords.values(), this.#nft);
    }
    return this.#nft;
  }

  ipvsChanged(): void {
    this.#rulesetStale = true;
  }

  nftChanged(): void {
    this.#nftStale = true;
    this.#rulesetStale = true;
  }

  #compileRulesets(): void {
    this.#rulesetStale = false;
    const compile = (family: Family, before: Ruleset | undefined): Ruleset | undefined => {
      const all = [...this.chains.values()].filter((c) => (c.family ?? 'ipv4') === family);
      const chains = all.filter((c) => c.backend === undefined);
      const old =
        all.length === chains.length
          ? undefined
          : new Ruleset(
              all.filter((c) => c.backend === 'legacy'),
              before?.legacy,
              family,
            );
      if (all.length === 0 && this.nft === undefined && this.ipvs.size === 0) return undefined;
      return new Ruleset(chains, before, family, this.nft, old);
    };
    this.#ruleset = compile('ipv4', this.#ruleset);
    this.#ruleset6 = compile('ipv6', this.#ruleset6);
  }

  /** The running chain of a record, of either family. */
  chainState(id: string): ChainState | undefined {
    const in4 = this.ruleset;
    const in6 = this.ruleset6;
    return in4?.chains.get(id) ?? in6?.chains.get(id) ?? in4?.legacy?.chains.get(id) ?? in6?.legacy?.chains.get(id);
  }

  chainStates(): ChainState[] {
    return [this.ruleset, this.ruleset6, this.ruleset?.legacy, this.ruleset6?.legacy].flatMap((one) => [...(one?.chains.values() ?? [])]);
  }

  /** Static and permanent FDB entries of a VXLAN device; several only for the all-zero MAC (unknown destinations). */
  tunnel(device: DeviceState, destination: Mac): readonly TunnelEntry[] | undefined {
    this.#tunnels ??= this.#compileTunnels();
    return this.#tunnels.get(device.name)?.get(destination);
  }

  deviceByName(name: string): DeviceState | undefined {
    return this.devices.get(`${this.id}/device/${name}`);
  }

  get loopback(): DeviceState | undefined {
    if (this.#loopback === undefined) for (const device of this.devices.values()) if (device.record.type === 'loopback') this.#loopback = device;
    return this.#loopback;
  }

  /** Devices that take UDP or IP in IP from the wire. */
  get tunnelDevices(): readonly DeviceState[] {
    this.#tunnelDevices ??= [...this.devices.values()].filter((d) => TUNNEL_TYPES.has(d.record.type));
    return this.#tunnelDevices;
  }

  /** Puts a written neighbour into its device's table (again after the device came back). */
  applyNeighbor(record: Neighbor): NeighborEntry | undefined {
    const device = this.deviceByName(record.device);
    if (device === undefined) return undefined;
    const ip = ipOf(record.ip);
    let entry = device.neighbors.get(ip);
    if (entry === undefined) {
      entry = new NeighborEntry(device, ip);
      device.neighbors.set(ip, entry);
    }
    setMac(entry, mac(record.mac));
    entry.state = record.state === 'PERMANENT' ? NUD_PERMANENT : NUD_NOARP;
    entry.origin = record.origin;
    entry.traceIndex = -1;
    return entry;
  }

  #compileTunnels(): Map<string, Map<Mac, TunnelEntry[]>> {
    const tunnels = new Map<string, Map<Mac, TunnelEntry[]>>();
    for (const record of this.fdbRecords.values()) {
      if (record.dst === undefined) continue;
      let table = tunnels.get(record.device);
      if (table === undefined) {
        table = new Map();
        tunnels.set(record.device, table);
      }
      const address = mac(record.mac);
      const entry: TunnelEntry = {
        remote: ipOf(record.dst),
        remoteText: record.dst,
        origin: record.origin,
        traceIndex: -1,
        ...(record.port === undefined ? {} : { port: record.port }),
        ...(record.vni === undefined ? {} : { vni: record.vni }),
      };
      const same = table.get(address);
      if (same === undefined) table.set(address, [entry]);
      else same.push(entry);
    }
    return tunnels;
  }
}
