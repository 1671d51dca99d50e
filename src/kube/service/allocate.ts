/** ClusterIPs and node ports, given out when a Service is stored. Kubernetes: pkg/registry/core/service/{ipallocator,portallocator,storage}. */
import { hashText } from '../../base/prng.ts';
import type { FieldError, StoreView } from '../../objects/types.ts';
import { type Cidr, contains, formatCidr, formatIpv4, parseIpv4 } from '../addresses.ts';
import { invalid } from '../field-errors.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { namespaceOf } from '../pod/types.ts';
import { normalizeService } from './normalize.ts';
import { needsClusterIp, type Service, type ServicePort, usesNodePorts } from './types.ts';

interface Admission {
  readonly object: Service;
  readonly errors: readonly FieldError[];
}

export function admitService(given: Service, old: Service | undefined, view: StoreView): Admission {
  const service = normalizeService(given, old);
  const settings = clusterSettings(view);
  const addressed = admitClusterIp(releaseClusterIp(service, old), old, view, settings.serviceCidr, settings.declared);
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

const isSame = (a: Service, b: Service): boolean => a.metadata.name === b.metadata.name && namespaceOf(a) === namespaceOf(b);

function admitClusterIp(service: Service, old: Service | undefined, view: StoreView, range: Cidr, declared: boolean): Admission {
  const { spec } = service;
  const wanted = spec.clusterIPs?.[0] ?? '';
  if (!needsClusterIp(service) || wanted === 'None') return { object: service, errors: [] };
  if (wanted !== '' && old?.spec.clusterIPs?.[0] === wanted) return { object: service, errors: [] };
  const used = new Set<string>();
  for (const other of view.list<Service>('Service')) if (!isSame(other, service)) for (const address of other.spec.clusterIPs ?? []) used.add(address);
  const refuse = (detail: string): Admission => ({ object: service, errors: [invalid('spec.clusterIPs', spec.clusterIPs, detail)] });
  if (wanted !== '') {
    const address = parseIpv4(wanted);
    // IPv6 addresses are stored and not simulated: there is no range to check them against.
    if (address === undefined) return { object: service, errors: [] };
    // Without a cluster configuration (a dump of a real cluster) the range is not known: what the text says is kept.
    if (declared && !isAllocatable(range, address)) {
      return refuse(`failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${formatCidr(range)}`);
    }
    return used.has(wanted) ? refuse(`failed to allocate IP ${wanted}: provided IP is already allocated`) : { object: service, errors: [] };
  }
  const address = chooseAddress(range, used, `${namespaceOf(service)}/${service.metadata.name}`);
  if (address === undefined) {
    return {
      object: service,
      errors: [{ path: 'spec.clusterIPs', type: 'Internal error', message: 'Internal error: failed to allocate a serviceIP: range is full' }],
    };
  }
  return { object: { ...service, spec: { ...spec, clusterIP: address, clusterIPs: [address] } }, errors: [] };
}

/** Neither the network address nor, in IPv4, the broadcast address. */
const isAllocatable = (range: Cidr, address: number): boolean => contains(range, address) && address !== range.base && address !== range.base + range.size - 1;

/**
 * An address for this name: pseudo-random but the same in every run, from the upper band first, so that the lower one stays free for addresses
 * people choose themselves. Kubernetes: ipallocator/ipallocator.go, calculateRangeOffset.
 */
export function chooseAddress(range: Cidr, used: ReadonlySet<string>, name: string): string | undefined {
  const usable = range.size - 2;
  if (usable <= 0) return undefined;
  const offset = range.size - 2 < 16 ? 0 : Math.min(Math.max(16, Math.floor(range.size / 16)), 256);
  const start = hashText(name, 0x5eed);
  for (const [first, count] of [
    [range.base + 1 + offset, usable - offset],
    [range.base + 1, offset],
  ] as const) {
    for (let i = 0; i < count; i += 1) {
      const address = formatIpv4(first + ((start + i) % count));
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
  const used = new Set<string>();
  for (const other of view.list<Service>('Service')) {
    if (isSame(other, service)) continue;
    for (const port of other.spec.ports ?? []) if (isNodePort(port)) used.add(`${port.protocol ?? 'TCP'}/${port.nodePort}`);
    if (other.spec.healthCheckNodePort !== undefined) used.add(`TCP/${other.spec.healthCheckNodePort}`);
  }
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
  for (const port of ports) if (isNodePort(port)) used.add(`${port.protocol ?? 'TCP'}/${port.nodePort}`);
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
        errors: [{ path: `spec.ports[${index}].nodePort`, type: 'Internal error', message: 'Internal error: failed to allocate a nodePort: range is full' }],
      };
    }
    used.add(`${port.protocol ?? 'TCP'}/${nodePort}`);
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
export function chooseNodePort(
  range: { readonly first: number; readonly last: number },
  used: ReadonlySet<string>,
  protocol: string,
  name: string,
): number | undefined {
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
