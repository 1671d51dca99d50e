/** The boxes of the canvas, read from records (what is there) and objects (what they are called). Stable order: as the records were first put. */

import type { RecordStore } from '../base/record-store.ts';
import { summarizePod } from '../kube/pod/row.ts';
import { netnsOfPod } from '../kube/pod/sandbox-agent.ts';
import { isFinished, type Pod } from '../kube/pod/types.ts';
import { enforcement } from '../kube/policy/enforcement.ts';
import { qdiscText } from '../net/device/qdisc-text.ts';
import type { Device, Netns, NetRecord } from '../net/records.ts';
import { keyIn } from '../objects/cluster-key.ts';
import type { KubeObject, StoreView } from '../objects/types.ts';
import type { ControlPlanes } from './control-planes.ts';
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
interface NetworkLike extends KubeObject {
  readonly spec?: { readonly cidr?: string };
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
    ...(device.qdisc === undefined
      ? {}
      : {
          impaired: qdiscText(device.qdisc)
            .replace(/^limit \d+ /, '')
            .replace(/ {2,}/g, ' ')
            .trim(),
        }),
  };
}

/** Key of the Pod a netns was made for, if any. */
export function podOf(netns: Netns): string | undefined {
  return netns.origin.objects.find((key) => key.startsWith('Pod/'));
}

/** Views that hold as long as what they were made from: what did not change stays the very same reference, and is not sent again. */
export interface TopologyCache {
  readonly devices: WeakMap<Device, DeviceView>;
  /** Of pods that have no netns yet. */
  readonly coming: WeakMap<Pod, NetnsView>;
  /** By netns id. */
  netnses: ReadonlyMap<string, { readonly record: Netns | undefined; readonly ip: string; readonly pod: PodLike | undefined; readonly made: NetnsView }>;
}

export const topologyCache = (): TopologyCache => ({ devices: new WeakMap(), coming: new WeakMap(), netnses: new Map() });

function podView(id: string, hostId: string, podKey: string, pod: PodLike, ip: string): NetnsView {
  const statuses = new Map((pod.status?.containerStatuses ?? []).map((status) => [status.name, status.ready ?? false]));
  const apps = (pod.spec?.containers ?? []).map((container) => ({
    name: container.name,
    image: container.image ?? '',
    role: 'app' as const,
    ready: statuses.get(container.name) ?? false,
  }));
  const { reason, restarts } = summarizePod(pod as Pod);
  return {
    id,
    hostId,
    type: 'pod',
    title: pod.metadata.name,
    namespace: pod.metadata.namespace ?? 'default',
    ip: pod.status?.podIP ?? ip,
    phase: pod.status?.phase ?? 'Pending',
    ...(reason === 'Running' || reason === '' ? {} : { status: reason }),
    ...(restarts.count === 0 ? {} : { restarts: restarts.count }),
    ready: conditionTrue(pod.status?.conditions, 'Ready'),
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', role: 'pause', ready: true }, ...apps],
    objectKey: podKey,
    labels: pod.metadata.labels ?? {},
  };
}

function netnsView(netns: Netns, ip: string, podKey: string | undefined, pod: PodLike | undefined): NetnsView {
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
  return podView(netns.id, netns.hostId, podKey, pod, ip);
}

/** Pods that have a node and no netns yet: their machine is still at it. */
function comingPods(planes: Pick<ControlPlanes, 'find'>, keys: readonly string[], known: ReadonlySet<string>, cache: TopologyCache): NetnsView[] {
  const coming: NetnsView[] = [];
  for (const key of keys) {
    const pod = key.startsWith('Pod/') ? planes.find<Pod>(key) : undefined;
    const id = pod === undefined ? undefined : netnsOfPod(pod);
    if (pod === undefined || id === undefined || known.has(id) || pod.spec.hostNetwork === true || isFinished(pod)) continue;
    const told = cache.coming.get(pod);
    const made = told ?? { ...podView(id, pod.spec.nodeName ?? '', key, pod as PodLike, ''), ready: false, ip: '', phase: 'Pending' };
    if (told === undefined) cache.coming.set(pod, made);
    coming.push(made);
  }
  return coming;
}

function servicesOf(view: StoreView, cluster: string, netnsAt: (ip: string) => string): ServiceView[] {
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
      (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false).flatMap((endpoint) => endpoint.addresses.map(netnsAt)),
    );
    const ports = (service.spec?.ports ?? []).map((port) =>
      port.nodePort === undefined ? `${port.port}/${port.protocol ?? 'TCP'}` : `${port.port}:${port.nodePort}/${port.protocol ?? 'TCP'}`,
    );
    return {
      objectKey: keyIn(cluster, `Service/${namespace}/${service.metadata.name}`),
      name: service.metadata.name,
      namespace,
      type: service.spec?.type ?? 'ClusterIP',
      clusterIp: service.spec?.clusterIP ?? '',
      ports: ports.length === 0 ? '<none>' : ports.join(','),
      endpoints,
    };
  });
}

/** Nodes that nobody has built yet. */
function comingHosts(planes: Pick<ControlPlanes, 'find'>, keys: readonly string[], known: ReadonlySet<string>): HostView[] {
  return keys.flatMap((key): HostView[] => {
    const node = key.startsWith('Node/') ? planes.find<NodeLike>(key) : undefined;
    if (node === undefined || known.has(node.metadata.name)) return [];
    const { name, labels } = node.metadata;
    const podCidr = node.spec?.podCIDR;
    const controlPlane = labels?.['node-role.kubernetes.io/control-plane'] !== undefined;
    return [
      {
        id: name,
        name,
        role: 'node',
        ip: '',
        ready: false,
        objectKey: key,
        ...(podCidr === undefined ? {} : { podCidr }),
        ...(controlPlane ? { controlPlane } : {}),
      },
    ];
  });
}

/** Clusters may have the same pod addresses: an endpoint is the cluster's own pod, or where it has none of that address another's. */
function netnsOf(planes: ControlPlanes, records: RecordStore<NetRecord>, cluster: string, all: ReadonlyMap<string, string>): (ip: string) => string {
  if (!planes.areMany) return (ip) => all.get(ip) ?? '';
  const own = new Map<string, string>();
  const hosts = new Map<string, boolean>();
  for (const record of records.values()) {
    if (record.kind !== 'device' || record.type === 'loopback') continue;
    const host = record.netns.slice(0, record.netns.indexOf('/'));
    const mine = hosts.get(host) ?? planes.ofHost(host) === cluster;
    hosts.set(host, mine);
    if (mine) for (const { ip } of record.addresses) own.set(ip, record.netns);
  }
  return (ip) => own.get(ip) ?? all.get(ip) ?? '';
}

export interface TopologyOptions {
  readonly cache?: TopologyCache;
  /** Keys of Nodes and Pods in the order in which they were made: those that are not built yet are boxes too, neither ready nor with an address. */
  readonly coming?: readonly string[];
}

/** All boxes; O(records). */
export function buildTopology(records: RecordStore<NetRecord>, planes: ControlPlanes, options: TopologyOptions = {}): Topology {
  const { view } = planes.first;
  const cache = options.cache ?? topologyCache();
  const hosts: HostView[] = [];
  const netnses: NetnsView[] = [];
  const devices: DeviceView[] = [];
  const mainIp = new Map<string, string>();
  const netnsByIp = new Map<string, string>();
  const cached = new Map<string, NonNullable<ReturnType<TopologyCache['netnses']['get']>>>();
  const titles = planes.areMany ? new Map(planes.titled.map(({ name, title }) => [name, title])) : undefined;
  for (const record of records.values()) {
    if (record.kind !== 'device') continue;
    const known = cache.devices.get(record);
    const made = known ?? deviceView(record);
    if (known === undefined) cache.devices.set(record, made);
    devices.push(made);
    for (const address of record.addresses) {
      if (address.scope === 'host' && record.type === 'loopback') continue;
      netnsByIp.set(address.ip, record.netns);
      if ((record.type === 'ethernet' || (record.type === 'veth' && record.master === undefined)) && !mainIp.has(record.netns))
        mainIp.set(record.netns, address.ip);
    }
  }
  for (const record of records.values()) {
    if (record.kind === 'netns') {
      const ip = mainIp.get(record.id) ?? '';
      const podKey = record.name === 'root' ? undefined : podOf(record);
      const pod = podKey === undefined ? undefined : planes.find<PodLike>(podKey);
      const known = cache.netnses.get(record.id);
      const same = known !== undefined && known.record === record && known.ip === ip && known.pod === pod;
      const entry = same ? known : { record, ip, pod, made: netnsView(record, ip, podKey, pod) };
      cached.set(record.id, entry);
      netnses.push(entry.made);
    }
    if (record.kind !== 'host') continue;
    const key = record.origin.objects.find((one) => one.startsWith('Node/') || one.startsWith('Host/') || one.startsWith('Network/'));
    const node = key === undefined ? undefined : planes.find<NodeLike>(key);
    const cluster = planes.areMany ? planes.ofHost(record.name) : '';
    const cidr = record.role === 'switch' ? planes.get(cluster).view.list<NetworkLike>('Network')[0]?.spec?.cidr : undefined;
    const title = titles?.get(cluster);
    hosts.push({
      id: record.id,
      name: record.name,
      role: record.role,
      ip: mainIp.get(`${record.id}/netns/root`) ?? '',
      ready: record.role !== 'node' || conditionTrue(node?.status?.conditions, 'Ready'),
      ...(node?.spec?.podCIDR === undefined ? {} : { podCidr: node.spec.podCIDR }),
      ...(cidr === undefined ? {} : { cidr }),
      ...(title === undefined ? {} : { cluster: title }),
      ...(node?.metadata.labels?.['node-role.kubernetes.io/control-plane'] === undefined ? {} : { controlPlane: true }),
      ...(key === undefined ? {} : { objectKey: key }),
    });
  }
  cache.netnses = cached;
  if (options.coming !== undefined) {
    hosts.push(...comingHosts(planes, options.coming, new Set(hosts.map((host) => host.id))));
    netnses.push(...comingPods(planes, options.coming, new Set(cached.keys()), cache));
  }
  if (options.coming !== undefined) return { hosts, netnses, devices, services: [], coming: true };
  const { nodes, sentence } = enforcement(view);
  const enforces = nodes.some((one) => one.kinds.includes('NetworkPolicy'));
  return {
    hosts,
    netnses,
    devices,
    services: planes.all.flatMap(({ name, api }) => servicesOf(api.view, name, netnsOf(planes, records, name, netnsByIp))),
    ...(nodes.length === 0 ? {} : { enforcement: { enforces, sentence } }),
  };
}
