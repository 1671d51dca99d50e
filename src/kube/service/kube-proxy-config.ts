/** What kube-proxy is told: the parts of its configuration that shape its rules. Kubernetes: pkg/proxy/apis/config, KubeProxyConfiguration. */

import { inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { IpvsScheduler } from '../../net/ipvs/ipvs-records.ts';
import { IPVS_SCHEDULERS } from '../../net/ipvs/ipvs-records.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { rangeOf } from './kube-proxy-model.ts';

/** How kube-proxy tells its own pods' traffic from the outside's. `none`: it cannot, and never masquerades by source. */
export type LocalDetector =
  | { readonly by: 'cidr'; readonly cidr: string }
  | { readonly by: 'interface'; readonly name: string; readonly exact: boolean }
  | { readonly by: 'none' };

export interface ProxyConfig {
  readonly mode: 'iptables' | 'ipvs' | 'nftables';
  /** Whose rules are made with it: kube-proxy runs once a family. */
  readonly family: IpFamily;
  /** `clusterCIDR` and `detectLocalMode`, before they are read for one node. */
  readonly clusterCidr: string;
  readonly detectLocalMode: '' | 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix';
  readonly bridgeInterface: string;
  readonly interfaceNamePrefix: string;
  readonly masqueradeAll: boolean;
  /** `0x4000` for the default masqueradeBit 14. */
  readonly masqueradeMark: string;
  readonly localhostNodePorts: boolean;
  /** CIDRs of node addresses that serve node ports, or the one word `primary`; empty: all. */
  readonly nodePortAddresses: readonly string[];
  readonly conntrackTcpLiberal: boolean;
  readonly ipvsScheduler: IpvsScheduler;
  /** Why kube-proxy refuses to start with it, in its words. */
  readonly problem?: string;
  /** IPVS mode: the kernel answers ARP only for addresses of the asked device. */
  readonly strictArp: boolean;
  /** IPVS mode: virtual services with these addresses are somebody else's. */
  readonly ipvsExcludeCidrs: readonly string[];
  /** Where its servers listen; '' for the defaults 0.0.0.0:10256 and 127.0.0.1:10249. */
  readonly healthzBindAddress: string;
  readonly metricsBindAddress: string;
  /** The kernel has the nfnetlink_acct module, and kube-proxy counts with it. */
  readonly nfacct: boolean;
  /** iptables knows `--random-fully` (1.6.2 and later). */
  readonly randomFully: boolean;
  /** It takes its mark off again before masquerading (since v1.18.6, v1.17.9 and v1.16.13). */
  readonly unmarks: boolean;
  /** It drops what conntrack calls INVALID (since v1.15.0). */
  readonly dropsInvalid: boolean;
}

/** The defaults on a current node. nfnetlink_acct is not loaded on a stock Ubuntu node; kube-proxy then leaves its counters out. */
export const DEFAULT_PROXY_CONFIG: ProxyConfig = {
  mode: 'iptables',
  family: 'IPv4',
  clusterCidr: '',
  detectLocalMode: '',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localhostNodePorts: true,
  nodePortAddresses: [],
  conntrackTcpLiberal: false,
  ipvsScheduler: 'rr',
  strictArp: false,
  ipvsExcludeCidrs: [],
  healthzBindAddress: '',
  metricsBindAddress: '',
  nfacct: false,
  randomFully: true,
  unmarks: true,
  dropsInvalid: true,
};

/** First versions that take the mark off, by minor version. Kubernetes: pull request 92035. */
const UNMARKS_SINCE: Readonly<Record<number, number>> = { 16: 13, 17: 9, 18: 6 };

/** What an older kube-proxy does not do yet, by the tag of its image; a tag that is no version is today's. */
export function asOfVersion(config: ProxyConfig, tag: string): ProxyConfig {
  const [, minorText, patchText] = /^v?1\.(\d{1,3})\.(\d{1,3})(?![0-9])/.exec(tag) ?? [];
  if (minorText === undefined) return config;
  const minor = Number(minorText);
  const unmarks = minor > 18 || Number(patchText) >= (UNMARKS_SINCE[minor] ?? Number.POSITIVE_INFINITY);
  const dropsInvalid = minor >= 15;
  return unmarks && dropsInvalid ? config : { ...config, unmarks, dropsInvalid };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const stringsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function modeOf(value: unknown): ProxyConfig['mode'] {
  return value === 'ipvs' || value === 'nftables' ? value : 'iptables';
}

function detectLocalModeOf(value: unknown): ProxyConfig['detectLocalMode'] {
  switch (value) {
    case 'ClusterCIDR':
    case 'NodeCIDR':
    case 'BridgeInterface':
    case 'InterfaceNamePrefix':
      return value;
    default:
      return '';
  }
}

/** What kube-proxy itself accepts as `ipvs.scheduler`; '' is rr. */
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh', ''];

/** Kubernetes: pkg/proxy/apis/config/validation. */
function problemOf(mode: unknown, scheduler: unknown): string | undefined {
  if (mode !== undefined && mode !== '' && mode !== null && !['iptables', 'ipvs', 'nftables'].includes(String(mode))) {
    const detail = 'must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])';
    return `KubeProxyConfiguration.ProxyMode: Invalid value: ${JSON.stringify(String(mode))}: ${detail}`;
  }
  if (mode !== 'ipvs' || scheduler === undefined || scheduler === null || SCHEDULERS.includes(String(scheduler))) return undefined;
  const detail = `must be in [${SCHEDULERS.join(' ')}], blank means the default algorithm method (currently rr)`;
  return `KubeProxyConfiguration.KubeProxyIPVSConfiguration.Scheduler: Invalid value: ${JSON.stringify(String(scheduler))}: ${detail}`;
}

/** nftables mode does not serve node ports on all addresses unless it is told so. Kubernetes: cmd/kube-proxy/app/server_linux.go, platformApplyDefaults. */
function nodePortAddressesOf(value: unknown, mode: ProxyConfig['mode']): readonly string[] {
  const addresses = stringsOf(value);
  return addresses.length === 0 && mode === 'nftables' ? ['primary'] : addresses;
}

/** Reads a `KubeProxyConfiguration` document; what is absent or of a wrong type keeps its default. */
export function proxyConfigOf(document: unknown, clusterCidr: string): ProxyConfig {
  const defaults = { ...DEFAULT_PROXY_CONFIG, clusterCidr };
  if (!isObject(document)) return defaults;
  const iptables = isObject(document.iptables) ? document.iptables : {};
  const conntrack = isObject(document.conntrack) ? document.conntrack : {};
  const detectLocal = isObject(document.detectLocal) ? document.detectLocal : {};
  const ipvs = isObject(document.ipvs) ? document.ipvs : {};
  const bit = iptables.masqueradeBit;
  const mode = modeOf(document.mode);
  const problem = problemOf(document.mode, ipvs.scheduler);
  return {
    ...defaults,
    ...(problem === undefined ? {} : { problem }),
    mode,
    clusterCidr: textOf(document.clusterCIDR) === '' ? clusterCidr : textOf(document.clusterCIDR),
    detectLocalMode: detectLocalModeOf(document.detectLocalMode),
    bridgeInterface: textOf(detectLocal.bridgeInterface),
    interfaceNamePrefix: textOf(detectLocal.interfaceNamePrefix),
    masqueradeAll: iptables.masqueradeAll === true,
    masqueradeMark: `0x${(2 ** (typeof bit === 'number' && Number.isInteger(bit) && bit >= 0 && bit < 32 ? bit : 14)).toString(16)}`,
    localhostNodePorts: iptables.localhostNodePorts !== false,
    nodePortAddresses: nodePortAddressesOf(document.nodePortAddresses, mode),
    conntrackTcpLiberal: conntrack.tcpBeLiberal === true,
    ipvsScheduler: IPVS_SCHEDULERS.find((name) => name === ipvs.scheduler) ?? 'rr',
    strictArp: ipvs.strictARP === true,
    ipvsExcludeCidrs: stringsOf(ipvs.excludeCIDRs),
    healthzBindAddress: textOf(document.healthzBindAddress),
    metricsBindAddress: textOf(document.metricsBindAddress),
  };
}

const ZERO: Readonly<Record<IpFamily, string>> = { IPv4: '0.0.0.0/0', IPv6: '::/0' };
const ofFamily = (ranges: readonly string[], family: IpFamily) => ranges.filter((range) => rangeOf(range, family) !== undefined);
const familyConfigs = new WeakMap<ProxyConfig, Readonly<Record<IpFamily, ProxyConfig>>>();

/** Is the address in the range? False where the families differ, and for anything malformed. */
export function inRange(range: string, ip: string): boolean {
  const prefix = parseIpPrefix(range);
  const address = parseIp(ip);
  return prefix !== undefined && address !== undefined && inPrefix(prefix.network, prefix.prefixLength, address);
}

/** Kubernetes: pkg/proxy/util, NewNodePortAddresses; pkg/proxy/iptables, NewProxier. */
function narrowed(config: ProxyConfig, family: IpFamily): ProxyConfig {
  const primary = config.nodePortAddresses[0] === 'primary';
  const ranges = primary ? config.nodePortAddresses : ofFamily(config.nodePortAddresses, family);
  const all = ranges.some((range) => rangeOf(range, family) === ZERO[family]);
  const loopback = ranges.length === 0 || all || ranges.some((range) => inRange(range, '127.0.0.1') || range.startsWith('127.'));
  return {
    ...config,
    family,
    clusterCidr: rangeOf(ofFamily(config.clusterCidr.split(','), family)[0] ?? '', family) ?? '',
    nodePortAddresses: all ? [] : ranges,
    localhostNodePorts: config.localhostNodePorts && (family === 'IPv6' || (loopback && !primary)),
  };
}

/** The configuration as the proxier of one family takes it; the same reference each time. */
export function configFor(config: ProxyConfig, family: IpFamily): ProxyConfig {
  let both = familyConfigs.get(config);
  if (both === undefined) {
    both = { IPv4: narrowed(config, 'IPv4'), IPv6: narrowed(config, 'IPv6') };
    familyConfigs.set(config, both);
  }
  return both[family];
}

/** Which of a node's addresses serve node ports; all where `nodePortAddresses` is empty. */
export function nodePortIps(config: ProxyConfig, primary: string | undefined, ips: readonly string[]): readonly string[] {
  const ranges = config.nodePortAddresses;
  if (ranges.length === 0) return ips;
  return ips.filter((ip) => (ranges[0] === 'primary' ? ip === primary : ranges.some((range) => inRange(range, ip))));
}

/**
 * The detector for one node, from a configuration of one family. ClusterCIDR is the default mode; without a CIDR it cannot work.
 * Kubernetes: cmd/kube-proxy/app, getLocalDetectors.
 */
export function localDetectorFor(config: ProxyConfig, podCidr: string | undefined): LocalDetector {
  switch (config.detectLocalMode) {
    case 'NodeCIDR':
      return podCidr === undefined || podCidr === '' ? { by: 'none' } : { by: 'cidr', cidr: podCidr };
    case 'BridgeInterface':
      return config.bridgeInterface === '' ? { by: 'none' } : { by: 'interface', name: config.bridgeInterface, exact: true };
    case 'InterfaceNamePrefix':
      return config.interfaceNamePrefix === '' ? { by: 'none' } : { by: 'interface', name: config.interfaceNamePrefix, exact: false };
    default:
      return config.clusterCidr === '' ? { by: 'none' } : { by: 'cidr', cidr: config.clusterCidr };
  }
}

/** The match arguments for "comes from a pod of ours". */
export function ifLocal(detector: LocalDetector): string {
  if (detector.by === 'cidr') return `-s ${detector.cidr}`;
  return detector.by === 'interface' ? `-i ${detector.name}${detector.exact ? '' : '+'}` : '';
}

/** … and for "does not". */
export function ifNotLocal(detector: LocalDetector): string {
  const match = ifLocal(detector);
  return match === '' ? '' : `! ${match}`;
}
