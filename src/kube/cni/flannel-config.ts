/** flannel's configuration: net-conf.json, and what its CNI plugin is told in cni-conf.json. flannel: pkg/subnet/config.go, pkg/backend. */

import { formatPrefix, type IpPrefix, isIp6, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Cidr } from '../../net/addr/ip4.ts';
import { formatCidr, parseCidr } from '../../net/addr/ip4.ts';
import type { JsonObject } from './go-json.ts';
import { fieldOf, goTypeName, isJsonObject, parseGoJson } from './go-json.ts';
import { mtuField, portmapOf } from './net-conf.ts';
import type { Portmap } from './portmap.ts';

export interface FlannelConfig {
  /** Undefined with `EnableIPv4: false`. */
  readonly four: { readonly network: Cidr; readonly text: string } | undefined;
  /** `EnableIPv6` and `IPv6Network`. */
  readonly six: { readonly network: IpPrefix; readonly text: string } | undefined;
  readonly backend: Backend;
  /** `EnableNFTables`: accepted and not simulated. */
  readonly nftables: boolean;
}

export type Backend = VxlanBackend | WireguardBackend | { readonly type: 'host-gw' } | { readonly type: 'ipip'; readonly directRouting: boolean };

/** `separate`: a device for each family; else one for both, whose peers are called by the family that it names (`auto`: IPv4). */
export interface WireguardBackend {
  readonly type: 'wireguard';
  readonly port: number;
  readonly port6: number;
  readonly keepaliveSeconds: number;
  readonly mode: 'separate' | 'auto' | 'ipv4' | 'ipv6';
  /** As for VXLAN, with 80 bytes. */
  readonly mtuBytes: number | undefined;
}

export interface VxlanBackend {
  readonly type: 'vxlan';
  readonly vni: number;
  readonly port: number;
  /** Of the underlay, from which 50 bytes are taken; undefined: the network card's. */
  readonly mtuBytes: number | undefined;
  readonly learning: boolean;
  readonly directRouting: boolean;
}

/** `failure`: the line flanneld logs before it exits. `unsupported`: flannel would run, and we do not simulate it. */
export type FlannelParse =
  | { readonly ok: true; readonly config: FlannelConfig }
  | { readonly ok: false; readonly failure: string }
  | { readonly ok: false; readonly unsupported: string };

/** Backends that flannel has and we have not. */
const OTHER_BACKENDS = new Set(['udp', 'ipsec', 'extension', 'alloc', 'tencent-vpc', 'ali-vpc']);
const DEFAULT_PORT = 8472;

class Mismatch extends Error {}

/** @throws {Mismatch} in Go's words when the field has another type. */
function numberField(object: JsonObject, name: string, fallback: number): number {
  const value = fieldOf(object, name);
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'number') throw new Mismatch(`json: cannot unmarshal ${goTypeName(value)} into Go struct field .${name} of type int`);
  if (!Number.isInteger(value)) throw new Mismatch(`json: cannot unmarshal number ${value} into Go struct field .${name} of type int`);
  return value;
}

/** @throws {Mismatch} like `numberField`. */
function flagField(object: JsonObject, name: string, fallback = false): boolean {
  const value = fieldOf(object, name);
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'boolean') throw new Mismatch(`json: cannot unmarshal ${goTypeName(value)} into Go struct field .${name} of type bool`);
  return value;
}

function parseBackend(backend: JsonObject | undefined): FlannelConfig['backend'] | { readonly failure: string } | { readonly unsupported: string } {
  const type = backend === undefined ? 'udp' : (fieldOf(backend, 'Type') ?? '');
  if (type === 'host-gw') return { type };
  if (type === 'ipip' && backend !== undefined) return { type, directRouting: flagField(backend, 'DirectRouting') };
  if (type === 'wireguard' && backend !== undefined) {
    const mode = fieldOf(backend, 'Mode') ?? 'separate';
    if (mode !== 'separate' && mode !== 'auto' && mode !== 'ipv4' && mode !== 'ipv6') return { failure: 'Error registering network: No valid Mode configured' };
    const mtu = numberField(backend, 'MTU', 0);
    return {
      type,
      port: numberField(backend, 'ListenPort', 51820),
      port6: numberField(backend, 'ListenPortV6', 51821),
      keepaliveSeconds: numberField(backend, 'PersistentKeepaliveInterval', 0),
      mode,
      mtuBytes: mtu === 0 ? undefined : mtu,
    };
  }
  if (type === 'vxlan' && backend !== undefined) {
    const mtu = numberField(backend, 'MTU', 0);
    const port = numberField(backend, 'Port', 0);
    return {
      type,
      vni: numberField(backend, 'VNI', 1),
      port: port === 0 ? DEFAULT_PORT : port,
      mtuBytes: mtu === 0 ? undefined : mtu,
      learning: flagField(backend, 'Learning'),
      directRouting: flagField(backend, 'DirectRouting'),
    };
  }
  if (typeof type === 'string' && OTHER_BACKENDS.has(type))
    return { unsupported: `flannel's backend "${type}" is not simulated yet: pods of different nodes cannot reach each other` };
  return { failure: `Error fetching backend: unknown backend type: ${String(type)}` };
}

const refused = (words: string): FlannelParse => ({ ok: false, failure: `Failed to create SubnetManager: error parsing subnet config: ${words}` });

/** Reads net-conf.json as flanneld with --kube-subnet-mgr does. */
export function parseNetConf(text: string): FlannelParse {
  const json = parseGoJson(text);
  if (!json.ok) return refused(json.message);
  if (!isJsonObject(json.value)) return refused(`json: cannot unmarshal ${goTypeName(json.value)} into Go value of type subnet.Config`);
  const networkText = fieldOf(json.value, 'Network');
  if (networkText !== undefined && typeof networkText !== 'string') return refused('Failed to parse IP4Net: invalid CIDR address');
  const network = parseCidr(networkText ?? '');
  if (networkText !== undefined && (network === undefined || !networkText.includes('/'))) return refused(`invalid CIDR address: ${networkText}`);
  const sixText = fieldOf(json.value, 'IPv6Network');
  if (sixText !== undefined && typeof sixText !== 'string') return refused('Failed to parse IP6Net: invalid CIDR address');
  const six = parseIpPrefix(sixText ?? '');
  if (sixText !== undefined && (six === undefined || !isIp6(six.address) || !sixText.includes('/'))) return refused(`invalid CIDR address: ${sixText}`);
  const backend = fieldOf(json.value, 'Backend');
  if (backend !== undefined && backend !== null && !isJsonObject(backend)) {
    return refused(`error decoding Backend property of config: json: cannot unmarshal ${goTypeName(backend)} into Go value of type struct { Type string }`);
  }
  try {
    const found = parseBackend(isJsonObject(backend) ? backend : undefined);
    if ('failure' in found) return { ok: false, failure: found.failure };
    if ('unsupported' in found) return { ok: false, unsupported: found.unsupported };
    const enabled = { four: flagField(json.value, 'EnableIPv4', true), six: flagField(json.value, 'EnableIPv6') };
    if (!enabled.four && !enabled.six) return refused('please define a correct Network parameter in the flannel config');
    if ((enabled.four && network === undefined) || (enabled.six && six === undefined && found.type !== 'ipip'))
      return { ok: false, failure: 'Error registering network: failed to acquire lease: please define a correct Network parameter in the flannel config' };
    if (found.type === 'vxlan' && (found.vni < 1 || found.vni > 0xffffff || found.port < 1 || found.port > 65535)) {
      return { ok: false, failure: `Error registering network: failed to create vxlan device flannel.${found.vni}: numerical result out of range` };
    }
    const nftables = flagField(json.value, 'EnableNFTables');
    const config: FlannelConfig = {
      four: enabled.four && network !== undefined ? { network, text: formatCidr(network.network, network.prefixLength) } : undefined,
      // Only vxlan, host-gw and wireguard know two families. flannel: pkg/subnet/kube, AcquireLease
      six: enabled.six && six !== undefined && found.type !== 'ipip' ? { network: six, text: formatPrefix(six.network, six.prefixLength) } : undefined,
      backend: found,
      nftables,
    };
    return { ok: true, config };
  } catch (error) {
    if (error instanceof Mismatch) return { ok: false, failure: `Error registering network: error decoding VXLAN backend config: ${error.message}` };
    throw error;
  }
}

/** What the flannel CNI plugin hands on to the bridge plugin. */
export interface Delegate {
  readonly hairpin: boolean;
  readonly defaultGateway: boolean;
  /** Of pods and bridge, where it is said; undefined: what flannel itself has. */
  readonly mtuBytes?: number;
}

const UPSTREAM: Delegate = { hairpin: true, defaultGateway: true };

/** The `delegate` of the flannel entry among a network's plugins. */
export function delegateOf(plugins: readonly unknown[]): Delegate {
  const plugin = plugins.find((one) => isJsonObject(one) && fieldOf(one, 'type') === 'flannel');
  const delegate = isJsonObject(plugin) ? fieldOf(plugin, 'delegate') : undefined;
  if (!isJsonObject(delegate)) return { hairpin: false, defaultGateway: false };
  const mtuBytes = mtuField(delegate);
  return {
    hairpin: fieldOf(delegate, 'hairpinMode') === true,
    defaultGateway: fieldOf(delegate, 'isDefaultGateway') === true,
    ...(mtuBytes === undefined ? {} : { mtuBytes }),
  };
}

const pluginsIn = (text: string | undefined): { readonly name: unknown; readonly plugins: readonly unknown[] } | undefined => {
  const json = text === undefined ? undefined : parseGoJson(text);
  if (json?.ok !== true || !isJsonObject(json.value)) return undefined;
  const plugins = fieldOf(json.value, 'plugins');
  return { name: fieldOf(json.value, 'name'), plugins: Array.isArray(plugins) ? (plugins as readonly unknown[]) : [] };
};

/** Reads the `delegate` in cni-conf.json; upstream's values where it cannot be read. */
export function parseDelegate(text: string | undefined): Delegate {
  const found = pluginsIn(text);
  return found === undefined ? UPSTREAM : delegateOf(found.plugins);
}

/** Reads the `portmap` entry of cni-conf.json; upstream's configuration has one. */
export function parsePortmap(text: string | undefined): Portmap | undefined {
  const found = pluginsIn(text);
  if (found === undefined) return { network: 'cbr0', snat: true, masqAll: false, markBit: 13 };
  return portmapOf(typeof found.name === 'string' ? found.name : 'cbr0', found.plugins.filter(isJsonObject));
}
