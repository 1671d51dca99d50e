/**
 * CoreDNS: a dns-server process in each running CoreDNS pod, with the Corefile's plugins and the cluster's names compiled into tables. The `reload`
 * plugin would go on with its last good Corefile; here a broken one stops the server, as a restart would.
 */
import type { DnsServerConfig, DnsZone } from '../../net/app/dns-server-config.ts';
import type { NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { clusterDns, NETWORK_KINDS, underlayOf } from '../node/cluster-network.ts';
import { nodeResolvConf } from '../node/host-agent.ts';
import { perState } from '../node/per-state.ts';
import { processId } from '../node/record-ids.ts';
import { imageRole, parseImage } from '../pod/images.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import { podResolvConf } from '../pod/pod-files.ts';
import { hasSandbox, isContainerRunning } from '../pod/running.ts';
import { netnsOfPod, processNameOf } from '../pod/sandbox-agent.ts';
import type { Container, Pod } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import type { CoreDnsConfig, CoreDnsServer } from './coredns-config.ts';
import { readCorefile } from './coredns-config.ts';
import { kubernetesZones } from './kubernetes-zone.ts';

const COREFILE = 'Corefile';
type Finding = NonNullable<Rendering<NetRecord>['diagnostics']>[number];

const parsed = new WeakMap<ConfigMap, CoreDnsConfig>();
function configOf(map: ConfigMap): CoreDnsConfig {
  let config = parsed.get(map);
  if (config === undefined) {
    config = readCorefile(map.data?.[COREFILE] ?? '');
    parsed.set(map, config);
  }
  return config;
}

export function coreDnsContainer(pod: Pod): Container | undefined {
  return pod.spec.containers.find((container) => imageRole(container.image ?? '') === 'coredns');
}

/** What CoreDNS of this pod logs before it exits, or undefined where it runs. */
export function coreDnsFailure(pod: Pod, view: StoreView): string | undefined {
  const map = mountedConfigMap(pod, COREFILE, view);
  return map === undefined ? 'open /etc/coredns/Corefile: no such file or directory' : configOf(map).problem?.message;
}

/** Cluster addresses of the Services that select this pod. */
function ownServiceIps(pod: Pod, view: StoreView): readonly string[] {
  const labels = pod.metadata.labels ?? {};
  return view
    .list<Service>('Service', namespaceOf(pod))
    .filter((service) => {
      const selector = Object.entries(service.spec.selector ?? {});
      return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
    })
    .flatMap((service) =>
      service.spec.clusterIP === undefined || service.spec.clusterIP === 'None' || service.spec.clusterIP === '' ? [] : [service.spec.clusterIP],
    );
}

/** Addresses behind `forward`: a file stands for the name servers of the pod's resolv.conf. */
function upstreamsOf(to: readonly string[], resolvConf: string): readonly string[] {
  const fromFile = [...resolvConf.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');
  return to.flatMap((target) => (target.startsWith('/') ? fromFile : [target.replace(/^dns:\/\//, '')]));
}

/** CoreDNS: plugin/loop/loop.go: its own question came back. */
function loopFailure(upstreams: readonly string[], own: readonly string[], port: number): string | undefined {
  const back = upstreams.map((upstream) => upstream.split(':')[0] ?? '').find((ip) => ip.startsWith('127.') || own.includes(ip));
  if (back === undefined) return undefined;
  return `[FATAL] plugin/loop: Loop (${back}:53 -> :${port}) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO 4547991504243258144.3688648895315093531."`;
}

function hostsZone(hosts: NonNullable<CoreDnsServer['hosts']>): DnsZone {
  const names: Record<string, { type: 'A'; data: string }[]> = {};
  for (const { ip, names: list } of hosts.entries) {
    for (const name of list) {
      const known = names[name] ?? [];
      known.push({ type: 'A', data: ip });
      names[name] = known;
    }
  }
  const soa = {
    primary: 'ns.dns.',
    mailbox: 'hostmaster.',
    serial: 1,
    refreshSeconds: 7200,
    retrySeconds: 1800,
    expireSeconds: 86400,
    minimumSeconds: hosts.ttlSeconds,
  };
  return { origin: '.', ttlSeconds: hosts.ttlSeconds, soa, names, fallthrough: hosts.fallthrough };
}

/** The server blocks of one port as one configuration. */
function serverConfig(port: number, servers: readonly CoreDnsServer[], pod: Pod, version: string, view: StoreView): DnsServerConfig {
  const ownIps = ownServiceIps(pod, view);
  const zones = servers.flatMap((server) => [
    ...(server.kubernetes === undefined ? [] : kubernetesZones(server.kubernetes, ownIps, view)),
    ...(server.hosts === undefined ? [] : [hostsZone(server.hosts)]),
  ]);
  const catchAll = servers.find((server) => server.zones.includes('.')) ?? servers[0];
  const forward = catchAll?.forward?.from === '.' ? catchAll.forward : undefined;
  const resolvConf = podResolvConf(pod, { ...clusterDns(view), nodeResolvConf: nodeResolvConf(underlayOf(view)) });
  const upstreams = forward === undefined ? [] : upstreamsOf(forward.to, resolvConf);
  const fatal = catchAll?.loop === true ? loopFailure(upstreams, [...ownIps, pod.status?.podIP ?? ''], port) : undefined;
  return {
    listen: { port },
    zones,
    ...(forward === undefined ? {} : { forward: { upstreams } }),
    ...(catchAll?.cacheSeconds === undefined ? {} : { cacheSeconds: catchAll.cacheSeconds }),
    log: servers.some((server) => server.log),
    errors: servers.some((server) => server.errors),
    banner: [...servers.flatMap((server) => server.zones.map((zone) => `${zone}:${port}`)), `CoreDNS-${version}`],
    ...(fatal === undefined ? {} : { fatal }),
  };
}

/** What of the Corefile is not simulated, told once per pod at the ConfigMap. */
function limits(map: ConfigMap, config: CoreDnsConfig): Finding[] {
  const key = objectKey(map);
  const path = `data.${COREFILE}`;
  const findings = config.notSimulated.map(
    ({ name, line }): Finding => ({
      key,
      path,
      diagnostic: { severity: 'warning', code: 'not-simulated', message: `/etc/coredns/Corefile:${line}: plugin "${name}" is not simulated` },
    }),
  );
  for (const server of config.servers) {
    if (server.forward === undefined || (server.forward.from === '.' && server.zones.includes('.'))) continue;
    const zone = server.forward.from === '.' ? (server.zones[0] ?? '.') : server.forward.from;
    findings.push({
      key,
      path,
      diagnostic: { severity: 'warning', code: 'not-simulated', message: `forwarding only ${zone} is not simulated: its names are answered like any other` },
    });
  }
  return findings;
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const container = pod === undefined ? undefined : coreDnsContainer(pod);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || container === undefined || netns === undefined) return { records: [] };
  const map = mountedConfigMap(pod, COREFILE, view);
  if (map === undefined) {
    const message = 'open /etc/coredns/Corefile: no such file or directory';
    return { records: [], diagnostics: [{ key, path: 'spec.volumes', diagnostic: { severity: 'error', code: 'coredns', message } }] };
  }
  const config = configOf(map);
  if (config.problem !== undefined) {
    return {
      records: [],
      diagnostics: [{ key: objectKey(map), path: `data.${COREFILE}`, diagnostic: { severity: 'error', code: 'coredns', message: config.problem.message } }],
    };
  }
  const running = (hasSandbox(pod) || pod.spec.hostNetwork === true) && isContainerRunning(pod, container.name);
  if (!running) return { records: [] };
  const origin = { component: 'coredns', objects: [key, objectKey(map)] as readonly ObjectKey[] };
  const version = parseImage(container.image ?? '').tag.replace(/^v/, '');
  const ports = [...new Set(config.servers.map((server) => server.port))];
  const records = ports.map((port, index): Process => {
    const name = `${processNameOf(pod, container.name)}${index === 0 ? '' : `-${port}`}`;
    const servers = config.servers.filter((server) => server.port === port);
    return { kind: 'process', id: processId(netns, name), origin, netns, app: 'dns-server', name, config: serverConfig(port, servers, pod, version, view) };
  });
  return { records, diagnostics: limits(map, config) };
}

const isCoreDns = (pod: Pod) => coreDnsContainer(pod) !== undefined;
const allKeys = perState(['Pod'], (view): readonly string[] => view.list<Pod>('Pod').filter(isCoreDns).map(objectKey));

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'ConfigMap') {
    const data = (changed as ConfigMap).data;
    return data !== undefined && Object.hasOwn(data, COREFILE) ? allKeys(view) : [];
  }
  if (changed.kind !== 'Pod') return allKeys(view);
  // `pods verified` is the only thing here that other pods change.
  const key = objectKey(changed);
  return isCoreDns(changed as Pod) ? [key] : verifiesPods(view) ? allKeys(view) : [];
}

function verifiesPods(view: StoreView): boolean {
  const [first] = allKeys(view);
  const pod = first === undefined ? undefined : view.find<Pod>(first);
  const map = pod === undefined ? undefined : mountedConfigMap(pod, COREFILE, view);
  return map !== undefined && configOf(map).servers.some((server) => server.kubernetes?.pods === 'verified');
}

/** Keys are the keys of CoreDNS pods. */
export const coreDnsAgent: Agent<NetRecord> = {
  name: 'coredns',
  watches: ['Service', 'EndpointSlice', 'Namespace', 'Pod', 'ConfigMap', ...NETWORK_KINDS],
  keysFor,
  keys: allKeys,
  render,
};
