/** One visit of a packet to a hook: what rules may ask and do there. Reused from visit to visit. */
import type { Prng } from '../../base/prng.ts';
import { inPrefix, isBroadcastIp, isMulticastIp, networkOf, sameFamily } from '../addr/ip.ts';
import { isZeroNet } from '../addr/ip4.ts';
import { type Connection, makeZone } from '../conntrack/connection.ts';
import { bind, changesSource } from '../conntrack/nat.ts';
import { type DeviceState, selectAddress } from '../device/device-state.ts';
import type { Core } from '../stack/core.ts';
import { RTN_BLACKHOLE, RTN_BROADCAST, RTN_LOCAL, RTN_PROHIBIT, RTN_UNREACHABLE } from '../stack/fib.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { pathMtu, routeOutput } from '../stack/routing.ts';
import { CT_UNTRACKED, type Skb } from '../stack/skb.ts';
import { addressFor } from '../stack/source-address.ts';
import { sysctl } from '../stack/sysctl.ts';
import type { Ip } from '../wire/packet.ts';
import type { AddressType, IpvsView, NatBinding, RecentEntry, RejectWith, RuleContext } from './definition.ts';
import { type Hook, PREROUTING } from './hook.ts';
import type { IpSetState } from './ipset/state.ts';
import { formatLogLine } from './log-line.ts';
import type { ChainState } from './ruleset.ts';
import type { DropVerdict } from './walk.ts';

const IPVS_METHODS = { masq: 'MASQ', route: 'GATE', tunnel: 'IPIP' } as const;

export class HookContext implements RuleContext {
  skb: Skb = undefined as unknown as Skb;
  hook: Hook = PREROUTING;
  inDevice = '';
  outDevice = '';
  physIn = '';
  physOut = '';
  place = 0;
  /** Where the packet goes next, for MASQUERADE. */
  nextHop: Ip = 0;
  table = 0;
  chain: ChainState = undefined as unknown as ChainState;
  rule = 0;
  dropped: DropVerdict | undefined = undefined;
  answer: RejectWith | undefined = undefined;
  /** Tests walk long chains without their index. */
  linear = false;
  #netns: NetnsState = undefined as unknown as NetnsState;
  #in: DeviceState | undefined = undefined;
  #out: DeviceState | undefined = undefined;
  #prng: Prng | undefined = undefined;
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  enter(netns: NetnsState, hook: Hook, skb: Skb, inDevice: DeviceState | undefined, outDevice: DeviceState | undefined, nextHop: Ip): void {
    this.#netns = netns;
    this.#in = inDevice;
    this.#out = outDevice;
    this.#prng = undefined;
    this.skb = skb;
    this.hook = hook;
    this.inDevice = inDevice?.name ?? '';
    this.outDevice = outDevice?.name ?? '';
    this.physIn = skb.physIn?.name ?? '';
    this.physOut = skb.physOut?.name ?? '';
    this.nextHop = nextHop;
    this.place = (inDevice ?? outDevice)?.place ?? netns.place;
  }

  get nowNs(): number {
    return this.#core.nowNs;
  }

  addressType(ip: Ip, device: string | undefined): AddressType {
    if (ip === 0n) return 'UNSPEC';
    if ((typeof ip === 'number' && isZeroNet(ip)) || isBroadcastIp(ip)) return 'BROADCAST';
    if (isMulticastIp(ip)) return 'MULTICAST';
    const route = this.#netns.fib.find(ip);
    if (route === undefined) return 'UNICAST';
    if (route.type === RTN_LOCAL) return device === undefined || route.device?.name === device ? 'LOCAL' : 'UNICAST';
    if (route.type === RTN_BROADCAST) return 'BROADCAST';
    if (route.type === RTN_BLACKHOLE) return 'BLACKHOLE';
    if (route.type === RTN_UNREACHABLE) return 'UNREACHABLE';
    return route.type === RTN_PROHIBIT ? 'PROHIBIT' : 'UNICAST';
  }

  uint32(): number {
    this.#prng ??= this.#core.prng(`${this.#netns.id} netfilter`);
    return this.#prng.uint32();
  }

  memory(): number[] {
    let numbers = this.chain.memory.get(this.rule);
    if (numbers === undefined) {
      numbers = [];
      this.chain.memory.set(this.rule, numbers);
    }
    return numbers;
  }

  recent(list: string): Map<Ip, RecentEntry> {
    let addresses = this.#netns.recent.get(list);
    if (addresses === undefined) {
      addresses = new Map();
      this.#netns.recent.set(list, addresses);
    }
    return addresses;
  }

  hashlimit(table: string): Map<string, number[]> {
    let buckets = this.#netns.hashlimits.get(table);
    if (buckets === undefined) {
      buckets = new Map();
      this.#netns.hashlimits.set(table, buckets);
    }
    return buckets;
  }

  ipvs(): IpvsView | undefined {
    const { skb } = this;
    const { ipvs } = this.#netns;
    if (ipvs.size === 0) return undefined;
    const now = this.#core.nowNs;
    // On its way to the real server the packet is the answer's tuple the other way round; an answer is that tuple itself.
    const c =
      ipvs.findByAnswer(skb.protocol, skb.dst, skb.dport, skb.src, skb.sport, now) ??
      ipvs.findByAnswer(skb.protocol, skb.src, skb.sport, skb.dst, skb.dport, now);
    if (c === undefined) return undefined;
    return { virtualIp: c.virtualIp, virtualPort: c.virtualPort, controlPort: 0, method: IPVS_METHODS[c.destination.record.forwarding] };
  }

  ipset(name: string): IpSetState | undefined {
    return this.#netns.ipsets.get(name);
  }

  countConnections(ip: Ip, prefixLength: number, byDestination: boolean): number {
    let count = 0;
    for (const { original } of this.#netns.connections.list(this.#core.nowNs)) {
      const other = byDestination ? original.dst : original.src;
      if (sameFamily(ip, other) && inPrefix(networkOf(ip, prefixLength), prefixLength, other)) count += 1;
    }
    return count;
  }

  owner(): { readonly uid: number; readonly gid: number } | undefined {
    return this.skb.uid < 0 ? undefined : { uid: this.skb.uid, gid: this.skb.uid };
  }

  pathMtus(): { readonly forward: number | undefined; readonly reverse: number | undefined } {
    const back = routeOutput(this.#netns, this.skb.src);
    return {
      forward: this.#out === undefined ? undefined : pathMtu(this.#netns, undefined, this.#out, this.skb.dst, this.#core.nowNs),
      reverse: back.kind === 'error' ? undefined : back.device.mtuBytes,
    };
  }

  reversePath(loose: boolean, _validMark: boolean): boolean {
    const fib = this.#netns.fib;
    const source = this.skb.src;
    const device = this.#in;
    if (device === undefined || device.record.type === 'loopback') return true;
    return loose ? fib.find(source) !== undefined : fib.find(source)?.device === device;
  }

  nat(binding: NatBinding): void {
    bind(this.#core, this.#netns, this.skb.connection as Connection, changesSource(this.hook), binding);
  }

  masqueradeAddress(): Ip | undefined {
    // lo has no address that may leave this host: what goes to an address of its own is masqueraded as another device's.
    return this.#out === undefined ? undefined : addressFor(this.#netns.devices.values(), this.#out, this.nextHop, this.nextHop);
  }

  incomingAddress(): Ip | undefined {
    return this.#in === undefined ? undefined : selectAddress(this.#in, this.skb.src);
  }

  reject(how: RejectWith): void {
    this.answer = how;
  }

  log(prefix: string, level: number, flags: number): void {
    const { hostId, id, record } = this.#netns;
    // A pod's rules may not fill the host's log (nf_log_all_netns).
    if (id !== `${hostId}/netns/root` && sysctl(record.sysctls, 'net.netfilter.nf_log_all_netns') === 0) return;
    this.#core.kernelLog.add(hostId, this.#core.nowNs, level, formatLogLine(prefix, this.skb, this, flags, this.skb.uid < 0 ? undefined : this.skb.uid));
  }

  zone(zone: number, direction: 'original' | 'reply' | 'both'): void {
    this.skb.zone = makeZone(zone, direction !== 'reply', direction !== 'original');
  }

  untrack(): void {
    this.skb.ctState = CT_UNTRACKED;
    this.skb.connection = undefined;
  }
}
