/** A Corefile's plugins as a running server has them: with the cluster's names, the pod's files and the addresses behind `/etc/resolv.conf`. */
import { parseZoneFile } from '../../net/app/dns/zone-file.ts';
import type { DnsBlock, DnsFileZone, DnsListener, DnsPlugin, DnsServerConfig, DnsZone } from '../../net/app/dns-server-config.ts';
import type { StoreView } from '../../objects/types.ts';
import { clusterDns, underlayOf } from '../node/cluster-network.ts';
import { nodeResolvConf } from '../node/host-agent.ts';
import { parseImage } from '../pod/images.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { podHosts, podResolvConf } from '../pod/pod-files.ts';
import type { Container, Pod } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import type { ClusterPlugin, CoreDnsConfig, CorefilePlugin, KubernetesPlugin } from './coredns-config.ts';
import { kubernetesZones } from './kubernetes-zone.ts';
import { isNodeCache } from './node-local.ts';
import { reverseName } from './reverse-name.ts';

/** Text of the ConfigMaps that a container has mounted, by path. */
export function mountedFiles(pod: Pod, container: Container, view: StoreView): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const mount of container.volumeMounts ?? []) {
    const source = pod.spec.volumes?.find((volume) => volume.name === mount.name)?.configMap;
    const data = source?.name === undefined ? undefined : view.find<ConfigMap>(`ConfigMap/${namespaceOf(pod)}/${source.name}`)?.data;
    if (data === undefined || mount.mountPath === undefined) continue;
    const { items } = source as { readonly items?: readonly { readonly key: string; readonly path: string }[] };
    const entries = items === undefined ? Object.keys(data).map((key) => ({ key, path: key })) : items;
    const root = mount.mountPath.replace(/\/$/, '');
    const subPath = (mount as { readonly subPath?: string }).subPath;
    for (const { key, path } of entries) {
      const text = Object.hasOwn(data, key) ? data[key] : undefined;
      if (text !== undefined && (subPath === undefined || subPath === path)) files.set(subPath === undefined ? `${root}/${path}` : root, text);
    }
  }
  return files;
}

/** Cluster addresses of the Services that select this pod. */
export function ownServiceIps(pod: Pod, view: StoreView): readonly string[] {
  const labels = pod.metadata.labels ?? {};
  return view
    .list<Service>('Service', namespaceOf(pod))
    .filter((service) => {
      const selector = Object.entries(service.spec.selector ?? {});
      return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
    })
    .flatMap((service) => (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']).filter((ip) => ip !== 'None' && ip !== ''));
}

interface Place {
  readonly pod: Pod;
  readonly view: StoreView;
  readonly files: ReadonlyMap<string, string>;
  readonly ownIps: readonly string[];
  readonly resolvConf: string;
  readonly hosts: string;
}

function placeOf(pod: Pod, container: Container, view: StoreView): Place {
  const dns = clusterDns(view);
  return {
    pod,
    view,
    files: mountedFiles(pod, container, view),
    ownIps: ownServiceIps(pod, view),
    resolvConf: podResolvConf(pod, { ...dns, nodeResolvConf: nodeResolvConf(underlayOf(view)) }),
    hosts: podHosts(pod, pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''], dns.domain),
  };
}

function fileText(path: string, place: Place): string | undefined {
  if (path === '/etc/resolv.conf') return place.resolvConf;
  return place.files.get(path) ?? (path === '/etc/hosts' ? place.hosts : undefined);
}

/** Addresses behind `forward`: a file stands for its name servers. */
function upstreamsOf(to: readonly string[], place: Place): readonly string[] {
  return to.flatMap((target) =>
    target.startsWith('/') ? [...(fileText(target, place) ?? '').matchAll(/^nameserver[ \t]+(\S+)/gm)].map((match) => match[1] ?? '') : [target],
  );
}

type Cluster<N extends ClusterPlugin['name']> = Extract<ClusterPlugin, { readonly name: N }>;

function hostsPlugin(plugin: Cluster<'hosts'>, place: Place): DnsPlugin {
  const names: Record<string, string[]> = {};
  const reverse: Record<string, string[]> = {};
  const add = (into: Record<string, string[]>, key: string, value: string) => {
    const list = into[key] ?? [];
    into[key] = list;
    if (!list.includes(value)) list.push(value);
  };
  const lines = (fileText(plugin.file, place) ?? '').split('\n').map((line) => line.replace(/#.*$/, '').trim().split(/\s+/));
  const fromFile = lines
    .filter((words) => words.length > 1)
    .map(([ip = '', ...rest]) => ({ ip, names: rest.map((name) => `${name.toLowerCase().replace(/\.$/, '')}.`) }));
  for (const { ip, names: list } of [...fromFile, ...plugin.entries]) {
    for (const name of list) {
      add(names, name, ip);
      if (plugin.reverse) add(reverse, reverseName(ip), name);
    }
  }
  return { name: 'hosts', zones: plugin.zones, ttlSeconds: plugin.ttlSeconds, fallthrough: plugin.fallthrough, names, reverse };
}

const parsedZones = new Map<string, ReturnType<typeof parseZoneFile>>();
const MAX_PARSED = 100;

function zoneFile(text: string, zone: string): ReturnType<typeof parseZoneFile> {
  const key = `${zone}\n${text}`;
  let parsed = parsedZones.get(key);
  if (parsed === undefined) {
    parsed = parseZoneFile(text, zone);
    if (parsedZones.size >= MAX_PARSED) parsedZones.clear();
    parsedZones.set(key, parsed);
  }
  return parsed;
}

/** What a `file` plugin serves, or why it cannot. CoreDNS: plugin/file/setup.go. */
function filePlugin(plugin: Cluster<'file'>, place: Place): { readonly plugin: DnsPlugin; readonly problem?: string } {
  const text = fileText(plugin.path, place);
  const zones: DnsFileZone[] = [];
  let problem: string | undefined = text === undefined ? `open ${plugin.path}: no such file or directory` : undefined;
  for (const zone of text === undefined ? [] : plugin.zones) {
    const parsed = zoneFile(text ?? '', zone);
    if (parsed.ok) zones.push(parsed.zone);
    else problem ??= parsed.error;
  }
  return { plugin: { name: 'file', zones, fallthrough: plugin.fallthrough }, ...(problem === undefined ? {} : { problem: `plugin/file: ${problem}` }) };
}

function autopathPlugin(plugin: Cluster<'autopath'>, place: Place, plugins: readonly CorefilePlugin[]): DnsPlugin {
  const searchOf = (text: string): string[] =>
    (/^search[ \t]+(.*)$/m.exec(text)?.[1] ?? '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => `${word.replace(/\.$/, '')}.`);
  if (!plugin.search.startsWith('@')) return { name: 'autopath', zones: plugin.zones, search: searchOf(fileText(plugin.search, place) ?? '') };
  const kubernetes = plugins.find((one): one is KubernetesPlugin => one.name === 'kubernetes');
  const zone = kubernetes?.zones.find((one) => !one.endsWith('arpa.')) ?? 'cluster.local.';
  const byPod: Record<string, readonly string[]> = {};
  // Only `pods verified` knows which pod an address is. CoreDNS: plugin/kubernetes/autopath.go.
  if (kubernetes?.pods === 'verified') {
    for (const pod of place.view.list<Pod>('Pod')) {
      const ip = pod.status?.podIP;
      if (ip !== undefined && pod.spec.hostNetwork !== true)
        byPod[ip] = [`${namespaceOf(pod)}.svc.${zone}`, `svc.${zone}`, zone, ...searchOf(place.resolvConf)];
    }
  }
  return { name: 'autopath', zones: plugin.zones, search: [], byPod };
}

export const liveKey = (plugin: KubernetesPlugin): string => plugin.zones.join(' ');

/** The server that a container with this Corefile is. */
export function compileCoreDns(config: CoreDnsConfig, pod: Pod, container: Container, view: StoreView): DnsServerConfig {
  const place = placeOf(pod, container, view);
  const live: Record<string, readonly DnsZone[]> = {};
  let fatal: string | undefined;
  const zonesOf = (plugin: KubernetesPlugin): readonly DnsZone[] => {
    const zones = kubernetesZones(plugin, place.ownIps, view);
    live[liveKey(plugin)] = zones;
    return zones;
  };
  const compile = (plugin: CorefilePlugin, plugins: readonly CorefilePlugin[]): DnsPlugin => {
    switch (plugin.name) {
      case 'kubernetes':
        return { name: 'kubernetes', key: liveKey(plugin), zones: zonesOf(plugin) };
      case 'hosts':
        return hostsPlugin(plugin, place);
      case 'file': {
        const made = filePlugin(plugin, place);
        fatal ??= made.problem;
        return made.plugin;
      }
      case 'autopath':
        return autopathPlugin(plugin, place, plugins);
      case 'forward': {
        const { to, ...rest } = plugin;
        return { ...rest, upstreams: upstreamsOf(to, place) };
      }
      case 'loop': {
        // The answer of the router's resolver, which passes nothing on, is known: the probe need not be sent.
        const upstreams = plugins.flatMap((one) => (one.name === 'forward' ? upstreamsOf(one.to, place) : []));
        return { name: 'loop', zone: plugin.zone, probe: upstreams.some((upstream) => upstream !== underlayOf(view).gateway) };
      }
      default:
        return plugin;
    }
  };
  const chains = new Map<readonly CorefilePlugin[], readonly DnsPlugin[]>();
  const listeners = new Map<string, { readonly port: number; readonly address: string | undefined; readonly blocks: DnsBlock[] }>();
  for (const { port, address, zone, plugins } of config.servers) {
    let chain = chains.get(plugins);
    if (chain === undefined) {
      chain = plugins.map((plugin) => compile(plugin, plugins));
      chains.set(plugins, chain);
    }
    const key = `${address ?? ''} ${port}`;
    const listener = listeners.get(key) ?? { port, address, blocks: [] };
    listeners.set(key, listener);
    listener.blocks.push({ zone, chain });
  }
  const servers = [...listeners.values()].map(({ port, address, blocks }): DnsListener => ({ port, blocks, ...(address === undefined ? {} : { address }) }));
  return {
    servers,
    http: config.http,
    hash: config.hash,
    banner: {
      zones: [...config.warnings, ...config.servers.map(({ zone, port, address }) => `${zone}:${port}${address === undefined ? '' : ` on ${address}`}`)],
      version: versionLines(container),
    },
    live,
    ...(config.reload === undefined ? {} : { reload: config.reload }),
    ...(fatal === undefined ? {} : { fatal }),
  };
}

/** What a server goes on with whose new Corefile is none: the cluster's names, and why. */
export function brokenCoreDns(config: CoreDnsConfig, lenient: CoreDnsConfig, pod: Pod, container: Container, view: StoreView): DnsServerConfig {
  const place = placeOf(pod, container, view);
  const live: Record<string, readonly DnsZone[]> = {};
  for (const plugin of lenient.servers.flatMap((server) => server.plugins))
    if (plugin.name === 'kubernetes') live[liveKey(plugin)] = kubernetesZones(plugin, place.ownIps, view);
  const { message = '', syntax = false } = config.problem ?? {};
  return { servers: [], hash: config.hash, live, problem: { message, syntax } };
}

/** CoreDNS prints what it was built with; of the versions that Kubernetes has shipped. */
const BUILDS: Readonly<Record<string, string>> = {
  '1.9.3': 'go1.18.2, 45b0a11',
  '1.10.1': 'go1.20, 055b2c3',
  '1.11.1': 'go1.20.7, ae2bbc2',
  '1.11.3': 'go1.21.11, a6338e9',
  '1.12.0': 'go1.23.3, 51e11f1',
  '1.12.1': 'go1.24.1, 707c7c1',
  '1.13.1': 'go1.25.2, 1db4568',
};

function versionLines(container: Container): readonly string[] {
  // node-cache is built with a CoreDNS of its own.
  if (isNodeCache(container)) return ['CoreDNS-1.11.3', 'linux/amd64, go1.21.11, a6338e9'];
  const version = parseImage(container.image ?? '').tag.replace(/^v/, '');
  const build = Object.hasOwn(BUILDS, version) ? BUILDS[version] : undefined;
  return [`CoreDNS-${version}`, ...(build === undefined ? [] : [`linux/amd64, ${build}`])];
}
