/** The boxes of the canvas, read from records (what is there) and objects (what they are called). Stable order: as the records were first put. */

import type { RecordStore } from '../base/record-store.ts';
import { enforcement } from '../kube/policy/enforcement.ts';
import type { Device, Netns, NetRecord } from '../net/records.ts';
import type { KubeObject, StoreView } from '../objects/types.ts';
import type { DeviceView, HostView, NetnsView, ServiceView, Topology } from './views.ts';

interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
}
interface PodLike extends KubeObject {
  readonly spec?: { readonly containers?: readonly ContainerSpec[]; readonly initContainers?: readonly ContainerSpec[]; readonly hostNetwork?: boolean };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly name: string; readonly ready?: boolean }[];
  };
}
interface NodeLike extends KubeObject {
  readonly spec?: { readonly podCIDR?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
interface ServiceLike extends KubeObject {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly port: number; readonly protocol?: string; readonly nodePort?: number }[];
  };
}
interface SliceLike extends KubeObject {
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly conditions?: { readonly ready?: boolean } }[];
}

const conditionTrue = (conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string) =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

export function deviceView(device: Device): DeviceView {
  return {
    id: device.id,
    netns: device.netns,
    name: device.name,
    type: device.type,
    mac: device.mac,
    mtuBytes: device.mtuBytes,
    up: device.up,
    addresses: device.addresses.map((address) => `${address.ip}/${address.prefixLength}`),
    ...(device.master === undefined ? {} : { master: device.master }),
    ...((device.type === 'veth' || device.type === 'ethernet') && device.peer !== undefined ? { peer: device.peer } : {}),
    ...(device.type === 'vxlan' ? { vni: device.vni } : {}),
  };
}

/** Key of the Pod a netns was made for, if any. */
export function podOf(netns: Netns): string | undefined {
  return netns.origin.objects.find((key) => key.startsWith('Pod/'));
}

function netnsView(netns: Netns, ip: string, view: StoreView): NetnsView {
  const podKey = netns.name === 'root' ? undefined : podOf(netns);
  const pod = podKey === undefined ? undefined : view.find<PodLike>(podKey);
  if (podKey === undefined || pod === undefined) {
    const key = netns.origin.objects.find((one) => one.startsWith('Node/'));
    return {
      id: netns.id,
      hostId: netns.hostId,
      type: netns.name === 'root' ? 'root' : 'pod',
      // A netns made by hand has its host's name for itself; people know it by its own.
      title: netns.origin.component === 'user' ? netns.name : netns.hostname,
      ip,
      ready: true,
      containers: [],
      labels: {},
      ...(key === undefined ? {} : { objectKey: key }),
    };
  }
  const statuses = new Map((pod.status?.containerStatuses ?? []).map((status) => [status.name, status.ready ?? false]));
  const apps = (pod.spec?.containers ?? []).map((container) => ({
    name: container.name,
    image: container.image ?? '',
    role: 'app' as const,
    ready: statuses.get(container.name) ?? false,
  }));
  return {
    id: netns.id,
    hostId: netns.hostId,
    type: 'pod',
    title: pod.metadata.name,
    namespace: pod.metadata.namespace ?? 'default',
    ip: pod.status?.podIP ?? ip,
    phase: pod.status?.phase ?? 'Pending',
    ready: conditionTrue(pod.status?.conditions, 'Ready'),
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', role: 'pause', ready: true }, ...apps],
    objectKey: podKey,
    labels: pod.metadata.labels ?? {},
  };
}

function servicesOf(view: StoreView, netnsByIp: ReadonlyMap<string, string>): ServiceView[] {
  const slices = new Map<string, SliceLike[]>();
  for (const slice of view.list<SliceLike>('EndpointSlice')) {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (name === undefined) continue;
    const key = `${slice.metadata.namespace ?? 'default'}/${name}`;
    const list = slices.get(key);
    if (list === undefined) slices.set(key, [slice]);
    else list.push(slice);
  }
  return view.list<ServiceLike>('Service').map((service) => {
    const namespace = service.metadata.namespace ?? 'default';
    const endpoints = (slices.get(`${namespace}/${service.metadata.name}`) ?? []).flatMap((slice) =>
      (slice.endpoints ?? [])
        .filter((endpoint) => endpoint.conditions?.ready !== false)
        .flatMap((endpoint) => endpoint.addresses.map((ip) => netnsByIp.get(ip) ?? '')),
    );
    const ports = (service.spec?.ports ?? []).map((port) =>
      port.nodePort === undefined ? `${port.port}/${port.protocol ?? 'TCP'}` : `${port.port}:${port.nodePort}/${port.protocol ?? 'TCP'}`,
    );
    return {
      objectKey: `Service/${namespace}/${service.metadata.name}`,
      name: service.metadata.name,
      namespace,
      type: service.spec?.type ?? 'ClusterIP',
      clusterIp: service.spec?.clusterIP ?? '',
      ports: ports.length === 0 ? '<none>' : ports.join(','),
      endpoints,
    };
  });
}

/** All boxes; O(records). */
export function buildTopology(records: RecordStore<NetRecord>, view: StoreView): Topology {
  const hosts: HostView[] = [];
  const netnses: NetnsView[] = [];
  const devices: DeviceView[] = [];
  const mainIp = new Map<string, string>();
  const netnsByIp = new Map<string, string>();
  const networks = view.list<KubeObject & { readonly spec?: { readonly cidr?: string } }>('Network');
  for (const record of records.values()) {
    if (record.kind !== 'device') continue;
    devices.push(deviceView(record));
    for (const address of record.addresses) {
      if (address.scope === 'host' && record.type === 'loopback') continue;
      netnsByIp.set(address.ip, record.netns);
      if ((record.type === 'ethernet' || (record.type === 'veth' && record.master === undefined)) && !mainIp.has(record.netns))
        mainIp.set(record.netns, address.ip);
    }
  }
  for (const record of records.values()) {
    if (record.kind === 'netns') netnses.push(netnsView(record, mainIp.get(record.id) ?? '', view));
    if (record.kind !== 'host') continue;
    const key = record.origin.objects.find((one) => one.startsWith('Node/') || one.startsWith('Host/') || one.startsWith('Network/'));
    const node = key === undefined ? undefined : view.find<NodeLike>(key);
    hosts.push({
      id: record.id,
      name: record.name,
      role: record.role,
      ip: mainIp.get(`${record.id}/netns/root`) ?? '',
      ready: record.role !== 'node' || conditionTrue(node?.status?.conditions, 'Ready'),
      ...(node?.spec?.podCIDR === undefined ? {} : { podCidr: node.spec.podCIDR }),
      ...(record.role === 'switch' && networks[0]?.spec?.cidr !== undefined ? { cidr: networks[0].spec.cidr } : {}),
      ...(node?.metadata.labels?.['node-role.kubernetes.io/control-plane'] === undefined ? {} : { controlPlane: true }),
      ...(key === undefined ? {} : { objectKey: key }),
    });
  }
  const { nodes, sentence } = enforcement(view);
  const enforces = nodes.some((one) => one.kinds.includes('NetworkPolicy'));
  return { hosts, netnses, devices, services: servicesOf(view, netnsByIp), ...(nodes.length === 0 ? {} : { enforcement: { enforces, sentence } }) };
}
