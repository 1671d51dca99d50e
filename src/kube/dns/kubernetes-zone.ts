/** The names that CoreDNS' kubernetes plugin knows, compiled from Services and EndpointSlices into tables. CoreDNS: plugin/kubernetes/kubernetes.go; Kubernetes DNS specification 1.1.0. */
import type { DnsSoa, DnsZone, DnsZoneRecord } from '../../net/app/dns-server-config.ts';
import type { StoreView } from '../../objects/types.ts';
import type { Endpoint, EndpointPort, EndpointSlice, Service } from '../service/types.ts';
import type { KubernetesPlugin } from './coredns-config.ts';
import { addImports } from './multicluster-zone.ts';
import { reverseName } from './reverse-name.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** CoreDNS: plugin/kubernetes/kubernetes.go, DNSSchemaVersion. */
const SCHEMA_VERSION = '"1.1.0"';

type Entry = readonly [name: string, records: readonly DnsZoneRecord[]];

/** One address of a Service with one of its ports, as CoreDNS' message service. */
interface Target {
  readonly host: string;
  readonly ip: string;
  /** '' for ports without a name. */
  readonly portName: string;
  readonly protocol: string;
  /** -1: the endpoint has no ports. */
  readonly port: number;
}

const addressRecord = (ip: string): DnsZoneRecord => ({ type: ip.includes(':') ? 'AAAA' : 'A', data: ip });

function uniqueRecords(records: readonly DnsZoneRecord[]): readonly DnsZoneRecord[] {
  const seen = new Set<string>();
  return records.filter((record) => {
    const key = `${record.type} ${record.data}`;
    return seen.has(key) ? false : seen.add(key) !== undefined;
  });
}

/** Addresses, and SRV records whose weight is an equal share of 100. CoreDNS: plugin/backend_lookup.go, SRV. */
function recordsOf(targets: readonly Target[]): readonly DnsZoneRecord[] {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length)));
  const srv = targets.filter((target) => target.port >= 0).map((target): DnsZoneRecord => ({ type: 'SRV', data: `0 ${weight} ${target.port} ${target.host}` }));
  return uniqueRecords([...targets.map((target) => addressRecord(target.ip)), ...srv]);
}

/** The bare name, and `_port._protocol` before it for each named port. */
function namesOf(name: string, targets: readonly Target[]): Entry[] {
  const entries: Entry[] = [[name, recordsOf(targets)]];
  const ports = new Map<string, Target[]>();
  for (const target of targets) {
    if (target.portName === '' || target.port < 0) continue;
    const key = `_${target.portName}._${target.protocol}`.toLowerCase();
    const list = ports.get(key);
    if (list === undefined) ports.set(key, [target]);
    else list.push(target);
  }
  for (const [port, list] of ports) entries.push([`${port}.${name}`, recordsOf(list)]);
  return entries;
}

/** `10.244.1.3` → `10-244-1-3`; an endpoint's own host name, or its pod's on demand, comes first. */
function endpointName(endpoint: Endpoint, ip: string, podNames: boolean): string {
  const { hostname } = endpoint;
  if (hostname !== undefined && hostname !== '') return hostname.toLowerCase();
  const pod = podNames && endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.name : undefined;
  return pod ?? ip.replaceAll(/[.:]/g, '-');
}

/** An endpoint without ports still has a name. */
const NO_PORT: readonly EndpointPort[] = [{}];
const portsOf = (slice: EndpointSlice): readonly EndpointPort[] => ((slice.ports ?? []).length === 0 ? NO_PORT : (slice.ports ?? NO_PORT));

interface ServiceNames {
  readonly slices: readonly EndpointSlice[];
  readonly origin: string;
  readonly podNames: boolean;
  readonly ignoreEmpty: boolean;
  readonly noEndpoints: boolean;
  readonly forward: readonly Entry[];
  /** Endpoints' own PTR names (only those with a host name have one), by reverse name. */
  readonly reverse: readonly (readonly [reverse: string, target: string])[];
  /** PTR names of the Service's own addresses. */
  readonly reverseOfService: readonly (readonly [reverse: string, target: string])[];
}

function compileService(service: Service, slices: readonly EndpointSlice[], origin: string, plugin: KubernetesPlugin): ServiceNames {
  const whole = `${service.metadata.name}.${service.metadata.namespace ?? 'default'}.svc.${origin}`;
  const base = { slices, origin, podNames: plugin.endpointPodNames, ignoreEmpty: plugin.ignoreEmptyService, noEndpoints: plugin.noEndpoints };
  const { spec } = service;
  if (spec.type === 'ExternalName') {
    const target = spec.externalName ?? '';
    return { ...base, forward: [[whole, [{ type: 'CNAME', data: target.endsWith('.') ? target : `${target}.` }]]], reverse: [], reverseOfService: [] };
  }
  const byEndpoint = new Map<string, Target[]>();
  const reverse: (readonly [string, string])[] = [];
  for (const slice of plugin.noEndpoints ? [] : slices) {
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const ip of endpoint.addresses) {
        const name = endpointName(endpoint, ip, plugin.endpointPodNames);
        const host = `${name}.${whole}`;
        const list = byEndpoint.get(host) ?? [];
        byEndpoint.set(host, list);
        for (const port of portsOf(slice)) list.push({ host, ip, portName: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port ?? -1 });
        if (endpoint.hostname !== undefined && endpoint.hostname !== '') reverse.push([reverseName(ip), host]);
      }
    }
  }
  const endpointTargets = [...byEndpoint.values()].flat();
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  const headless = clusterIps.length === 0;
  const forward: Entry[] = [];
  if (headless) {
    // Without a ready endpoint the name does not exist.
    if (endpointTargets.length > 0) forward.push(...namesOf(whole, endpointTargets));
  } else if (!plugin.ignoreEmptyService || endpointTargets.length > 0) {
    const targets = clusterIps.flatMap((ip) =>
      (spec.ports ?? []).map((port): Target => ({ host: whole, ip, portName: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port })),
    );
    forward.push(...namesOf(whole, targets));
  }
  for (const [host, targets] of byEndpoint) forward.push([host, recordsOf(targets)]);
  return { ...base, forward, reverse, reverseOfService: clusterIps.map((ip) => [reverseName(ip), whole] as const) };
}

/** Names of each Service object, compiled again only when it or its slices change. */
const remembered = new WeakMap<Service, ServiceNames>();

function serviceNames(service: Service, view: StoreView, origin: string, plugin: KubernetesPlugin): ServiceNames {
  const slices = view.select<EndpointSlice>('EndpointSlice', service.metadata.namespace ?? 'default', { [SERVICE_NAME_LABEL]: service.metadata.name });
  const known = remembered.get(service);
  const same =
    known !== undefined &&
    known.origin === origin &&
    known.podNames === plugin.endpointPodNames &&
    known.ignoreEmpty === plugin.ignoreEmptyService &&
    known.noEndpoints === plugin.noEndpoints &&
    known.slices.length === slices.length &&
    known.slices.every((slice, i) => slice === slices[i]);
  if (same) return known;
  const names = compileService(service, slices, origin, plugin);
  remembered.set(service, names);
  return names;
}

function soaOf(origin: string, ttlSeconds: number): DnsSoa {
  // The serial is the time of CoreDNS' last change; here it stands still, so that a replay is the same.
  return {
    primary: `ns.dns.${origin}`,
    mailbox: `hostmaster.${origin}`,
    serial: 1,
    refreshSeconds: 7200,
    retrySeconds: 1800,
    expireSeconds: 86400,
    minimumSeconds: ttlSeconds,
  };
}

export const isReverseZone = (origin: string): boolean =>
  origin === 'in-addr.arpa.' || origin === 'ip6.arpa.' || origin.endsWith('.in-addr.arpa.') || origin.endsWith('.ip6.arpa.');

const NODATA: readonly DnsZoneRecord[] = [];
type Names = Record<string, readonly DnsZoneRecord[]>;

/** Adds records to a name; every name ends with a dot, so that none is a property of Object.prototype. */
function add(names: Names, name: string, records: readonly DnsZoneRecord[]): void {
  const known = names[name];
  names[name] = known === undefined || known.length === 0 ? records : uniqueRecords([...known, ...records]);
}

function forwardNames(
  origin: string,
  plugin: KubernetesPlugin,
  services: readonly Service[],
  namespaces: readonly string[],
  nsAddresses: readonly string[],
  view: StoreView,
  exposed: (namespace: string) => boolean,
): Names {
  const names: Names = {
    [origin]: [{ type: 'NS', data: `ns.dns.${origin}` }],
    [`dns-version.${origin}`]: [{ type: 'TXT', data: SCHEMA_VERSION }],
    [`svc.${origin}`]: NODATA,
    [`pod.${origin}`]: NODATA,
  };
  if (nsAddresses.length > 0) names[`ns.dns.${origin}`] = nsAddresses.map(addressRecord);
  for (const namespace of namespaces) {
    names[`${namespace}.svc.${origin}`] = NODATA;
    if (plugin.pods !== 'disabled') names[`${namespace}.pod.${origin}`] = NODATA;
  }
  if (plugin.multicluster?.includes(origin) === true) addImports(names, origin, view, exposed);
  for (const service of services) for (const [name, records] of serviceNames(service, view, origin, plugin).forward) add(names, name, records);
  if (plugin.pods === 'verified') {
    for (const pod of view.list<{ readonly status?: { readonly podIP?: string } } & Service>('Pod')) {
      const ip = pod.status?.podIP;
      if (ip !== undefined && ip !== '') add(names, `${ip.replaceAll(/[.:]/g, '-')}.${pod.metadata.namespace ?? 'default'}.pod.${origin}`, [addressRecord(ip)]);
    }
  }
  return names;
}

function reverseNames(origin: string, primary: string, plugin: KubernetesPlugin, services: readonly Service[], view: StoreView): Names {
  const names: Names = { [origin]: NODATA };
  const belongs = (name: string) => name.endsWith(`.${origin}`);
  for (const service of services) {
    for (const [reverse, target] of serviceNames(service, view, primary, plugin).reverseOfService)
      if (belongs(reverse) && names[reverse] === undefined) names[reverse] = [{ type: 'PTR', data: target }];
  }
  // Endpoints only where no Service has the address.
  const taken = new Set(Object.keys(names));
  for (const service of services) {
    for (const [reverse, target] of serviceNames(service, view, primary, plugin).reverse)
      if (belongs(reverse) && !taken.has(reverse)) add(names, reverse, [{ type: 'PTR', data: target }]);
  }
  return names;
}

/** In a zone of the set of clusters only what is imported has a name. */
const imported: readonly Service[] = [];

interface Compiled {
  readonly plugin: KubernetesPlugin;
  readonly slices: readonly unknown[];
  readonly namespaces: readonly unknown[];
  readonly pods: readonly unknown[];
  readonly imports: readonly unknown[];
  readonly nsAddresses: string;
  readonly zones: readonly DnsZone[];
}
/** The latest zones by the store's list of Services, so that all replicas of CoreDNS share them. */
const compiled = new WeakMap<readonly Service[], Compiled>();

/** All zones of a `kubernetes` plugin. `nsAddresses`: the addresses of the DNS Service itself. Cost: O(Services), their names are remembered. */
export function kubernetesZones(plugin: KubernetesPlugin, nsAddresses: readonly string[], view: StoreView): readonly DnsZone[] {
  const all = view.list<Service>('Service');
  const slices = view.list('EndpointSlice');
  const namespaceList = view.list('Namespace');
  // Only `pods verified` looks at pods.
  const pods = plugin.pods === 'verified' ? view.list('Pod') : [];
  const known = compiled.get(all);
  const imports = view.list('ServiceImport');
  const addresses = nsAddresses.join(' ');
  const samePods = known !== undefined && (known.pods === pods || (known.pods.length === 0 && pods.length === 0));
  if (
    known !== undefined &&
    samePods &&
    known.plugin === plugin &&
    known.slices === slices &&
    known.imports === imports &&
    known.namespaces === namespaceList &&
    known.nsAddresses === addresses
  )
    return known.zones;
  const exposed = (namespace: string) => plugin.namespaces === undefined || plugin.namespaces.includes(namespace);
  const namespaces = namespaceList.map((namespace) => namespace.metadata.name).filter(exposed);
  const exposedNames = new Set(namespaces);
  const services = all.filter((service) => exposedNames.has(service.metadata.namespace ?? 'default'));
  const ofSet = (origin: string) => plugin.multicluster?.includes(origin) === true;
  const primary = plugin.zones.find((zone) => !isReverseZone(zone) && !ofSet(zone)) ?? 'cluster.local.';
  const zones = plugin.zones.map((origin): DnsZone => {
    const reverse = isReverseZone(origin);
    return {
      origin,
      ttlSeconds: plugin.ttlSeconds,
      soa: soaOf(origin, plugin.ttlSeconds),
      names: reverse
        ? reverseNames(origin, primary, plugin, services, view)
        : forwardNames(origin, plugin, ofSet(origin) ? imported : services, namespaces, nsAddresses, view, exposed),
      ...(reverse ? {} : { podPattern: { mode: plugin.pods === 'insecure' ? 'insecure' : 'disabled', namespaces } as const }),
      ...(plugin.fallthrough.some((zone) => origin === zone || zone === '.' || origin.endsWith(`.${zone}`)) ? { fallthrough: true } : {}),
    };
  });
  compiled.set(all, { plugin, slices, namespaces: namespaceList, pods, imports, nsAddresses: addresses, zones });
  return zones;
}
