/** Settings of one device in one netns: `net.ipv4.conf.<device>.*` and `net.ipv4.neigh.<device>.*` with what `all` adds to them. Linux: include/linux/inetdevice.h */
import { deviceValue, sysctl } from './sysctl.ts';

export interface NeighborSettings {
  readonly baseReachableNs: number;
  readonly retransmitNs: number;
  readonly delayFirstProbeNs: number;
  readonly multicastTries: number;
  readonly unicastTries: number;
  /** Truesize of the packets that may wait for one address. */
  readonly queueBytes: number;
  readonly lockNs: number;
  readonly proxyDelayNs: number;
  readonly proxyQueue: number;
}

export interface DeviceSettings {
  /** 0 off, 1 strict, 2 loose. */
  readonly reversePathFilter: number;
  readonly routesLocalnet: boolean;
  readonly acceptsLocal: boolean;
  readonly forwarding: boolean;
  readonly sendsRedirects: boolean;
  readonly acceptsRedirects: boolean;
  readonly secureRedirects: boolean;
  readonly sharedMedia: boolean;
  readonly ignoresLinkdownRoutes: boolean;
  readonly arpIgnore: number;
  readonly arpAnnounce: number;
  readonly arpFilter: boolean;
  readonly arpAccept: number;
  readonly arpNotify: boolean;
  readonly dropsGratuitousArp: boolean;
  readonly proxyArp: boolean;
  readonly proxyArpPvlan: boolean;
  /** For ARP, and for IPv6's neighbour discovery. */
  readonly neighbor: NeighborSettings;
  readonly neighbor6: NeighborSettings;
}

type Values = Readonly<Record<string, number>>;
const MS = 1e6;
const SECOND = 1e9;
/** USER_HZ: locktime and proxy_delay are told in ticks of it. */
const TICK = 1e7;

function neighborSettings(values: Values, family: string, device: string): NeighborSettings {
  const own = (leaf: string): number => deviceValue(values, family, device, leaf);
  return {
    baseReachableNs: own('base_reachable_time_ms') * MS,
    retransmitNs: Math.max(own('retrans_time_ms') * MS, 10 * MS),
    delayFirstProbeNs: own('delay_first_probe_time') * SECOND,
    multicastTries: own('mcast_solicit'),
    unicastTries: own('ucast_solicit'),
    queueBytes: own('unres_qlen_bytes'),
    lockNs: own('locktime') * TICK,
    proxyDelayNs: own('proxy_delay') * TICK,
    proxyQueue: own('proxy_qlen'),
  };
}

export function deviceSettings(values: Values, device: string): DeviceSettings {
  const own = (leaf: string): number => deviceValue(values, 'net.ipv4.conf', device, leaf);
  const all = (leaf: string): number => sysctl(values, `net.ipv4.conf.all.${leaf}`);
  // IN_DEV_MAXCONF, IN_DEV_ORCONF and IN_DEV_ANDCONF.
  const max = (leaf: string): number => Math.max(all(leaf), own(leaf));
  const or = (leaf: string): boolean => all(leaf) !== 0 || own(leaf) !== 0;
  const and = (leaf: string): boolean => all(leaf) !== 0 && own(leaf) !== 0;
  const name = `net.ipv4.conf.${device}.forwarding`;
  const forwarding = (Object.hasOwn(values, name) ? (values[name] as number) : sysctl(values, 'net.ipv4.ip_forward')) !== 0;
  return {
    reversePathFilter: max('rp_filter'),
    routesLocalnet: or('route_localnet'),
    acceptsLocal: or('accept_local'),
    forwarding,
    sendsRedirects: or('send_redirects'),
    acceptsRedirects: forwarding ? and('accept_redirects') : or('accept_redirects'),
    secureRedirects: or('secure_redirects'),
    sharedMedia: or('shared_media'),
    ignoresLinkdownRoutes: own('ignore_routes_with_linkdown') !== 0,
    arpIgnore: max('arp_ignore'),
    arpAnnounce: max('arp_announce'),
    arpFilter: or('arp_filter'),
    arpAccept: max('arp_accept'),
    arpNotify: max('arp_notify') !== 0,
    dropsGratuitousArp: or('drop_gratuitous_arp'),
    proxyArp: or('proxy_arp'),
    proxyArpPvlan: own('proxy_arp_pvlan') !== 0,
    neighbor: neighborSettings(values, 'net.ipv4.neigh', device),
    neighbor6: neighborSettings(values, 'net.ipv6.neigh', device),
  };
}
