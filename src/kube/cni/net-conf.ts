/** A network configuration of /etc/cni/net.d as the container runtime reads it. CNI: libcni/conf.go; containerd: go-cni/opts.go, loadFromConfDir. */
import { parseIpPrefix } from '../../net/addr/ip.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { fieldOf, isJsonObject, type JsonObject, parseGoJson } from './go-json.ts';
import type { Portmap } from './portmap.ts';

export const NET_DIR = '/etc/cni/net.d';
export const BIN_DIR = '/opt/cni/bin';

/** A file of the directory. */
export interface NetDirFile {
  readonly name: string;
  readonly text: string;
  /** The object that brought it; undefined where a CNI's daemon did. */
  readonly by?: ObjectKey;
}

export interface NetConf {
  readonly file: NetDirFile;
  /** Of the network. */
  readonly name: string;
  readonly cniVersion: string;
  /** In the order in which they are called, each with its `type`. */
  readonly plugins: readonly (JsonObject & { readonly type: string })[];
}

/** `message`: what containerd logs when it cannot load one. */
export type LoadedConf = { readonly ok: true; readonly conf: NetConf } | { readonly ok: false; readonly message: string; readonly file?: NetDirFile };

/** The runtime takes more files into account only where it is told to. */
const EXTENSIONS = /\.(?:conf|conflist|json)$/;

/** The file that counts: the first in the order of names. */
export const firstFile = (files: readonly NetDirFile[]): NetDirFile | undefined =>
  files
    .filter((file) => EXTENSIONS.test(file.name))
    .reduce<NetDirFile | undefined>((best, file) => (best === undefined || file.name < best.name ? file : best), undefined);

/** An error in the file that counts ends the search: no later one is tried. */
export function loadNetConf(file: NetDirFile | undefined): LoadedConf {
  if (file === undefined) return { ok: false, message: `no network config found in ${NET_DIR}: cni plugin not initialized` };
  const path = `${NET_DIR}/${file.name}`;
  const isList = file.name.endsWith('.conflist');
  const refused = (words: string): LoadedConf => ({
    ok: false,
    file,
    message: `failed to load CNI config ${isList ? 'list ' : ''}file ${path}: ${words}: invalid cni config`,
  });
  const what = isList ? 'configuration list' : 'configuration';
  const json = parseGoJson(file.text);
  if (!json.ok) return refused(`error parsing ${what}: ${json.message}`);
  const root = json.value;
  if (!isJsonObject(root)) return refused(`error parsing ${what}: json: cannot unmarshal into Go value of type map[string]interface {}`);
  const version = fieldOf(root, 'cniVersion');
  const cniVersion = typeof version === 'string' && version !== '' ? version : '0.1.0';
  const name = fieldOf(root, 'name');
  if (!isList) {
    const type = fieldOf(root, 'type');
    if (typeof type !== 'string' || type === '') return { ok: false, file, message: `network type not found in ${path}: invalid cni config` };
    return { ok: true, conf: { file, name: typeof name === 'string' ? name : '', cniVersion, plugins: [{ ...root, type }] } };
  }
  if (name === undefined) return refused(`error parsing ${what}: no name`);
  if (typeof name !== 'string') return refused(`error parsing ${what}: invalid name type ${goType(name)}`);
  const plugins = fieldOf(root, 'plugins');
  if (plugins === undefined) return refused(`error parsing ${what}: no 'plugins' key`);
  if (!Array.isArray(plugins)) return refused(`error parsing ${what}: invalid 'plugins' type ${goType(plugins)}`);
  if (plugins.length === 0) return refused(`error parsing ${what}: no plugins in list`);
  const read: (JsonObject & { readonly type: string })[] = [];
  for (const [index, one] of (plugins as readonly unknown[]).entries()) {
    const type = isJsonObject(one) ? fieldOf(one, 'type') : undefined;
    if (!isJsonObject(one) || typeof type !== 'string' || type === '')
      return refused(`failed to parse plugin config ${index}: error parsing configuration: missing 'type'`);
    read.push({ ...one, type });
  }
  return { ok: true, conf: { file, name, cniVersion, plugins: read } };
}

const goType = (value: unknown): string =>
  Array.isArray(value) ? '[]interface {}' : isJsonObject(value) ? 'map[string]interface {}' : typeof value === 'number' ? 'float64' : typeof value;

export interface IpamRange {
  readonly subnet: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}

/** The `ipam` of a plugin. CNI: plugins/ipam/host-local/backend/allocator/config.go; of several ranges in one set the first is used. */
export interface Ipam {
  readonly type: string;
  readonly ranges: readonly IpamRange[];
  /** Destinations, each with its own gateway where it names one. */
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

const textField = (object: JsonObject, name: string): string | undefined => {
  const value = fieldOf(object, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

function rangeOf(value: unknown): IpamRange | undefined {
  const subnet = isJsonObject(value) ? textField(value, 'subnet') : undefined;
  if (subnet === undefined || !isJsonObject(value) || !subnet.includes('/') || parseIpPrefix(subnet) === undefined) return undefined;
  const range: { subnet: string; rangeStart?: string; rangeEnd?: string; gateway?: string } = { subnet };
  for (const field of ['rangeStart', 'rangeEnd', 'gateway'] as const) {
    const text = textField(value, field);
    if (text !== undefined) range[field] = text;
  }
  return range;
}

export function ipamOf(plugin: JsonObject): Ipam {
  const ipam = fieldOf(plugin, 'ipam');
  if (!isJsonObject(ipam)) return { type: '', ranges: [], routes: [] };
  const sets = fieldOf(ipam, 'ranges');
  const own = rangeOf(ipam);
  const further = (Array.isArray(sets) ? (sets as readonly unknown[]) : []).flatMap((set) => (Array.isArray(set) ? (rangeOf(set[0]) ?? []) : []));
  const routes = fieldOf(ipam, 'routes');
  return {
    type: textField(ipam, 'type') ?? '',
    ranges: [...(own === undefined ? [] : [own]), ...further],
    routes: (Array.isArray(routes) ? (routes as readonly unknown[]) : []).flatMap((route) => {
      const dst = isJsonObject(route) ? textField(route, 'dst') : undefined;
      const gw = isJsonObject(route) ? textField(route, 'gw') : undefined;
      return dst === undefined || parseIpPrefix(dst) === undefined ? [] : [{ dst, ...(gw === undefined ? {} : { gw }) }];
    }),
  };
}

/** Of a plugin's entry; undefined where nothing usable is said. */
export function mtuField(plugin: JsonObject): number | undefined {
  const mtu = fieldOf(plugin, 'mtu');
  return typeof mtu === 'number' && Number.isInteger(mtu) && mtu >= 68 && mtu <= 65535 ? mtu : undefined;
}

/** The entry of `portmap`, where the network has it. CNI: plugins/meta/portmap/main.go. */
export function portmapOf(network: string, plugins: readonly JsonObject[]): Portmap | undefined {
  const plugin = plugins.find((one) => fieldOf(one, 'type') === 'portmap');
  if (plugin === undefined) return undefined;
  const markBit = fieldOf(plugin, 'markMasqBit');
  return {
    network,
    snat: fieldOf(plugin, 'snat') !== false,
    masqAll: fieldOf(plugin, 'masqAll') === true,
    markBit: typeof markBit === 'number' && Number.isInteger(markBit) && markBit >= 0 && markBit < 32 ? markBit : 13,
  };
}
