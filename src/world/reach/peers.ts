/** Who can ask and be asked: pods, machines and Services of the moment, the ports they offer, and where each is tried. */
import type { Service } from '../../kube/service/types.ts';
import type { NetnsView, ServiceView } from '../views.ts';
import type { ProbedWorld } from './probe.ts';
import type { ReachEnd, ReachPeer } from './reach-views.ts';

export type Target =
  | { readonly kind: 'netns'; readonly view: NetnsView; readonly end: ReachEnd }
  | { readonly kind: 'service'; readonly view: ServiceView; readonly end: ReachEnd }
  | { readonly kind: 'text'; readonly text: string; readonly end: ReachEnd };

export const endOf = (netns: NetnsView): ReachEnd => (netns.type === 'pod' ? `pod/${netns.namespace ?? 'default'}/${netns.title}` : `host/${netns.hostId}`);
export const endOfService = (service: ServiceView): ReachEnd => `service/${service.namespace}/${service.name}`;

/** `pod/client` is in `default`; a bare name is a pod, else a Service, else a machine, else what it says. */
export function findTarget(world: ProbedWorld, end: ReachEnd): Target {
  const { netnses, services, hosts } = world.topology();
  const parts = end.split('/');
  const [kind = ''] = parts;
  const name = parts.at(-1) ?? '';
  const namespace = parts.length > 2 ? (parts[1] as string) : 'default';
  const pod = (kinds: readonly string[]) =>
    kinds.includes(kind) ? netnses.find((one) => one.type === 'pod' && one.title === name && (one.namespace ?? 'default') === namespace) : undefined;
  const service = (kinds: readonly string[]) => (kinds.includes(kind) ? services.find((one) => one.name === name && one.namespace === namespace) : undefined);
  const host = (kinds: readonly string[]) =>
    kinds.includes(kind)
      ? netnses.find((one) => one.type === 'root' && hosts.some((machine) => machine.id === one.hostId && machine.role !== 'switch' && machine.name === name))
      : undefined;
  const bare = parts.length === 1 ? [kind] : [];
  const netns = pod(['pod', 'pods', ...bare]);
  if (netns !== undefined) return { kind: 'netns', view: netns, end: endOf(netns) };
  const view = service(['service', 'services', 'svc', ...bare]);
  if (view !== undefined) return { kind: 'service', view, end: endOfService(view) };
  const machine = host(['host', 'hosts', 'node', 'nodes', ...bare]);
  if (machine !== undefined) return { kind: 'netns', view: machine, end: endOf(machine) };
  return { kind: 'text', text: parts.length === 1 ? end : name, end };
}

export interface Port {
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}
export const portText = ({ port, protocol }: Port): string => `${port}/${protocol}`;

const LOOPBACK = /^(?:127\.|::1$)/;
/** Sockets of UDP clients come and go above it. */
const EPHEMERAL = 32_768;

/** Where somebody listens, by port; what the machine itself needs (kubelet, node ports) is left to those who name it. */
export function listening(world: ProbedWorld, netns: NetnsView): Port[] {
  const ports = new Map<string, Port>();
  for (const socket of world.engine.sockets(netns.id)) {
    // Questions of Why? and Reach are asked over TCP, UDP and ICMP.
    if (socket.protocol === 'sctp') continue;
    const protocol = socket.protocol === 'tcp' ? 'TCP' : 'UDP';
    if (LOOPBACK.test(socket.localIp) || socket.remotePort !== 0) continue;
    if (protocol === 'TCP' ? socket.state !== 'LISTEN' : socket.localPort >= EPHEMERAL) continue;
    const port: Port = { protocol, port: socket.localPort };
    ports.set(portText(port), port);
  }
  return [...ports.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

/** Ports of a Service: `targetPort` as it is written, where that is a number. */
export function servicePorts(world: ProbedWorld, service: ServiceView): (Port & { readonly name?: string; readonly targetPort: number | string })[] {
  const object = world.api.view.find<Service>(service.objectKey);
  return (object?.spec.ports ?? []).flatMap((one) =>
    one.protocol === 'SCTP'
      ? []
      : [{ protocol: one.protocol ?? 'TCP', port: one.port, targetPort: one.targetPort ?? one.port, ...(one.name === undefined ? {} : { name: one.name }) }],
  );
}

/** Every pod, Service and machine that a matrix may show, Services last. */
export function reachPeers(world: ProbedWorld): ReachPeer[] {
  const { netnses, services, hosts } = world.topology();
  const role = new Map(hosts.map((host) => [host.id, host.role]));
  const peers: ReachPeer[] = [];
  for (const netns of netnses) {
    if (netns.type === 'root' && role.get(netns.hostId) !== 'node' && role.get(netns.hostId) !== 'external') continue;
    peers.push({
      end: endOf(netns),
      netns: netns.id,
      title: netns.title,
      namespace: netns.type === 'pod' ? (netns.namespace ?? 'default') : '',
      labels: netns.labels,
      ip: netns.ip,
      ports: netns.type === 'pod' ? listening(world, netns).map(portText) : [],
    });
  }
  for (const service of services) {
    peers.push({
      end: endOfService(service),
      netns: '',
      title: service.name,
      namespace: service.namespace,
      labels: {},
      ip: service.clusterIp === 'None' ? '' : service.clusterIp,
      ports: servicePorts(world, service).map(portText),
    });
  }
  return peers;
}
