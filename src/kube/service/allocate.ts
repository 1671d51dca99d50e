/** ClusterIPs and node ports, given out when a Service is stored. Kubernetes: pkg/registry/core/service/{ipallocator,portallocator,storage}. */
import { hashText } from '../../base/prng.ts';
import { bitsOf, formatIp, formatPrefix, type IpPrefix, inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { Ip } from '../../net/wire/packet.ts';
import { type FieldError, type Index, type KubeObject, objectKey, type StoreView } from '../../objects/types.ts';
import { type Cidr, formatCidr } from '../addresses.ts';
import { invalid } from '../field-errors.ts';
import { type ClusterSettings, clusterSettings } from '../node/cluster-config.ts';
import { namespaceOf } from '../pod/types.ts';
import { admitIpFamilies } from './ip-families.ts';
import { normalizeService } from './normalize.ts';
import { needsClusterIp, type Service, type ServicePort, usesNodePorts } from './types.ts';

interface Admission {
  readonly object: Service;
  readonly errors: readonly FieldError[];
}

export function admitService(given: Service, old: Service | undefined, view: StoreView): Admission {
  const service = normalizeService(given, old);
  const settings = clusterSettings(view);
  const familied = admitIpFamilies(releaseClusterIp(service, old), old, settings);
  if (familied.errors.length > 0) return familied;
  const addressed = admitClusterIps(familied.object, old, view, settings);
  if (addressed.errors.length > 0) return addressed;
  return admitNodePorts(addressed.object, old, view, settings.nodePorts);
}

/** A Service that becomes an ExternalName gives its address back; one that is updated without an address keeps it. */
function releaseClusterIp(service: Service, old: Service | undefined): Service {
  const { spec } = service;
  if (old === undefined || (spec.clusterIPs ?? []).length > 0 || !needsClusterIp(service) || (old.spec.clusterIPs ?? []).length === 0) return service;
  const { clusterIP, clusterIPs } = old.spec;
  return { ...service, spec: { ...spec, ...(clusterIP === undefined ? {} : { clusterIP }), ...(clusterIPs === undefined ? {} : { clusterIPs }) } };
}

const addresses: Index = { kind: 'Service', values: (service) => (service as Service).spec.clusterIPs ?? [] };
const nodePorts: Index = {
  kind: 'Service',
  values(object: KubeObject) {
    const { ports = [], healthCheckNodePort } = (object as Service).spec;
    const taken = ports.filter(isNodePort).map((port) => `${port.protocol ?? 'TCP'}/${port.nodePort}`);
    return healthCheckNodePort === undefined ? taken : [...taken, `TCP/${healthCheckNodePort}`];
  },
};

type Used = Pick<ReadonlySet<string>, 'has'>;

/** What other Services have. */
function usedByOthers(index: Index, service: Service, view: StoreView): Used {
  const own = objectKey(service);
  return {
    has(value) {
      const keys = view.indexed(index, value);
      return keys.size > (keys.has(own) ? 1 : 0);
    },
  };
}

/** One address for each family; those that the Service had stay. */
function admitClusterIps(service: Service, old: Service | undefined, view: StoreView, settings: ClusterSettings): Admission {
  const { spec } = service;
  if (!needsClusterIp(service) || spec.clusterIPs?.[0] === 'None') return { object: service, errors: [] };
  const given = spec.clusterIPs ?? [];
  const families = spec.ipFamilies ?? [];
  const waiting = families.some((_family, i) => (given[i] ?? '') === '') || given.some((ip) => !(old?.spec.clusterIPs ?? []).includes(ip));
  if (!waiting) return { object: service, errors: [] };
  const used = usedByOthers(addresses, service, view);
  const refuse = (detail: string): Admission => ({ object: service, errors: [invalid('spec.clusterIPs', spec.clusterIPs, detail)] });
  const clusterIPs: string[] = [];
  for (const [i, family] of (families.length === 0 ? [settings.families[0] ?? 'IPv4'] : families).entries()) {
    const wanted = given[i] ?? '';
    const range = family === 'IPv6' ? parseIpPrefix(settings.serviceCidr6 ?? '') : prefixOfCidr(settings.serviceCidr);
    if (wanted === '') {
      // A dump whose second range nobody knows.
      if (range === undefined) continue;
      const address = chooseAddress(range, used, `${namespaceOf(service)}/${service.metadata.name}`);
      if (address === undefined) {
        const message = 'Internal error occurred: failed to allocate a serviceIP: range is full';
        return { object: service, errors: [{ path: 'spec.clusterIPs', type: 'Internal error', message }] };
      }
      clusterIPs.push(address);
      continue;
    }
    clusterIPs.push(wanted);
    if (old?.spec.clusterIPs?.includes(wanted) === true) continue;
    const address = parseIp(wanted);
    if (address === undefined) continue;
    // Without a cluster configuration (a dump of a real cluster) the range is not known: what the text says is kept.
    if (settings.declared && range !== undefined && !isAllocatable(range, address)) {
      const text = formatPrefix(range.network, range.prefixLength);
      return refuse(`failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${text}`);
    }
    if (used.has(formatIp(address))) return refuse(`failed to allocate IP ${wanted}: provided IP is already allocated`);
  }
  const [clusterIP] = clusterIPs;
  return { object: clusterIP === undefined ? service : { ...service, spec: { ...spec, clusterIP, clusterIPs } }, errors: [] };
}

const prefixOfCidr = (cidr: Cidr): IpPrefix | undefined => parseIpPrefix(formatCidr(cidr));

/** Numbers of the addresses that may be given out: neither the network's nor, in IPv4, the broadcast address; of an IPv6 range the first 2^32. */
function usableNumbers({ network, prefixLength }: IpPrefix): number {
  const six = typeof network === 'bigint';
  return Math.max(0, 2 ** Math.min(32, bitsOf(network) - prefixLength) - (six ? 1 : 2));
}

function isAllocatable({ network, prefixLength }: IpPrefix, address: Ip): boolean {
  if (!inPrefix(network, prefixLength, address) || address === network) return false;
  return typeof address === 'bigint' || (address - (network as number)) >>> 0 !== 2 ** (32 - prefixLength) - 1;
}

/**
 * An address for this name: pseudo-random but the same in every run, from the upper band first, so that the lower one stays free for addresses
 * people choose themselves. Kubernetes: ipallocator/ipallocator.go, calculateRangeOffset.
 */
export function chooseAddress(range: IpPrefix, used: Used, name: string): string | undefined {
  const usable = usableNumbers(range);
  if (usable <= 0) return undefined;
  const size = 2 ** Math.min(32, bitsOf(range.network) - range.prefixLength);
  const offset = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256);
  const start = hashText(name, 0x5eed);
  const { network } = range;
  for (const [first, count] of [
    [1 + offset, usable - offset],
    [1, offset],
  ] as const) {
    // Ends at the first that is free: at most as many are in the way as are used.
    for (let i = 0; i < count; i += 1) {
      const number = first + ((start + i) % count);
      const address = formatIp(typeof network === 'bigint' ? network + BigInt(number) : (network + number) | 0);
      if (!used.has(address)) return address;
    }
  }
  return undefined;
}

const isNodePort = (port: ServicePort): boolean => (port.nodePort ?? 0) !== 0;

function admitNodePorts(service: Service, old: Service | undefined, view: StoreView, range: { readonly first: number; readonly last: number }): Admission {
  const ports = service.spec.ports ?? [];
  const wantsHealthPort =
    service.spec.type === 'LoadBalancer' && service.spec.externalTrafficPolicy === 'Local' && (service.spec.healthCheckNodePort ?? 0) === 0;
  const skipsPorts = service.spec.type === 'LoadBalancer' && service.spec.allocateLoadBalancerNodePorts === false && !ports.some(isNodePort);
  const complete = ports.every((port, index) => isNodePort(port) && old?.spec.ports?.[index]?.nodePort === port.nodePort);
  if (!usesNodePorts(service) || ((skipsPorts || complete) && !wantsHealthPort)) return { object: service, errors: [] };
  const others = usedByOthers(nodePorts, service, view);
  const own = new Set<string>();
  const used: Used = { has: (port) => own.has(port) || others.has(port) };
  const errors: FieldError[] = [];
  ports.forEach((port, index) => {
    if (!isNodePort(port)) return;
    const path = `spec.ports[${index}].nodePort`;
    const number = port.nodePort ?? 0;
    if (number < range.first || number > range.last) {
      errors.push(invalid(path, number, `provided port is not in the valid range. The range of valid ports is ${range.first}-${range.last}`));
    } else if (used.has(`${port.protocol ?? 'TCP'}/${number}`)) errors.push(invalid(path, number, 'provided port is already allocated'));
  });
  if (errors.length > 0) return { object: service, errors };
  for (const port of ports) if (isNodePort(port)) own.add(`${port.protocol ?? 'TCP'}/${port.nodePort}`);
  const filled: ServicePort[] = [];
  for (const [index, port] of ports.entries()) {
    if (isNodePort(port) || skipsPorts) {
      filled.push(port);
      continue;
    }
    // The same port in TCP and UDP shares its node port, and an update keeps what was given.
    const sibling = filled.find((one) => one.port === port.port && !used.has(`${port.protocol ?? 'TCP'}/${one.nodePort}`))?.nodePort;
    const kept = old?.spec.ports?.find((one) => one.port === port.port && one.protocol === port.protocol)?.nodePort;
    const nodePort =
      kept !== undefined && kept !== 0 && !used.has(`${port.protocol ?? 'TCP'}/${kept}`)
        ? kept
        : (sibling ?? chooseNodePort(range, used, port.protocol ?? 'TCP', `${namespaceOf(service)}/${service.metadata.name}/${port.name ?? index}`));
    if (nodePort === undefined) {
      return {
        object: service,
        errors: [
          { path: `spec.ports[${index}].nodePort`, type: 'Internal error', message: 'Internal error occurred: failed to allocate a nodePort: range is full' },
        ],
      };
    }
    own.add(`${port.protocol ?? 'TCP'}/${nodePort}`);
    filled.push({ ...port, nodePort });
  }
  const name = `${namespaceOf(service)}/${service.metadata.name}/health-check`;
  const healthPort = wantsHealthPort ? (old?.spec.healthCheckNodePort ?? chooseNodePort(range, used, 'TCP', name)) : undefined;
  return {
    object: { ...service, spec: { ...service.spec, ports: filled, ...(healthPort === undefined ? {} : { healthCheckNodePort: healthPort }) } },
    errors: [],
  };
}

/** The lower band (here 86 ports) is for people; the rest is drawn first. Kubernetes: portallocator/allocator.go, calculateRangeOffset. */
export function chooseNodePort(range: { readonly first: number; readonly last: number }, used: Used, protocol: string, name: string): number | undefined {
  const size = range.last - range.first + 1;
  if (size <= 0) return undefined;
  const offset = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
  const start = hashText(name, 0x90de);
  for (const [first, count] of [
    [range.first + offset, size - offset],
    [range.first, offset],
  ] as const) {
    for (let i = 0; i < count; i += 1) {
      const port = first + ((start + i) % count);
      if (!used.has(`${protocol}/${port}`)) return port;
    }
  }
  return undefined;
}
