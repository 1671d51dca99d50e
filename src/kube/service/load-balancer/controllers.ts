/** Controllers that give Services of type LoadBalancer their addresses: MetalLB's, and a cloud's. Without pools and cloud they stay pending. */
import { deepEqual } from '../../../base/equal.ts';
import { defineController } from '../../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { familiesOf } from '../endpoints-of.ts';
import type { LoadBalancerIngress, Service } from '../types.ts';
import { announcementsOf, findPool, poolsOf } from './announcements.ts';
import type { CloudProvider, L2Status } from './kinds.ts';
import { chooseFrom, poolHolds } from './pools.ts';

const POOL_USED = 'metallb.io/ip-allocated-from-pool';
const METALLB = 'metallb-controller';

/** Both spellings of an annotation, the older one last. */
const asked = (service: Service, name: string): string | undefined =>
  service.metadata.annotations?.[`metallb.io/${name}`] ?? service.metadata.annotations?.[`metallb.universe.tf/${name}`];
const ingressOf = (service: Service): readonly LoadBalancerIngress[] => service.status?.loadBalancer?.ingress ?? [];
const isWanted = (service: Service): boolean =>
  service.spec.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined && service.metadata.deletionTimestamp === undefined;
const services = (view: StoreView): readonly ObjectKey[] => view.list('Service').map(objectKey);

function usedBy(service: Service, view: StoreView): ReadonlyMap<string, Service> {
  const used = new Map<string, Service>();
  for (const other of view.list<Service>('Service')) {
    if (objectKey(other) !== objectKey(service)) for (const { ip } of ingressOf(other)) if (ip !== undefined) used.set(ip, other);
  }
  return used;
}

function setIngress(service: Service, ingress: readonly LoadBalancerIngress[], context: ControllerContext): void {
  const loadBalancer = ingress.length === 0 ? {} : { ingress };
  if (!deepEqual(service.status?.loadBalancer ?? {}, loadBalancer))
    context.updateStatus({ ...service, status: { ...service.status, loadBalancer } } as KubeObject);
}

/** The addresses, or why there are none, in the allocator's words. */
function allocate(service: Service, view: StoreView): { readonly ips: readonly string[]; readonly pool: string } | string {
  const used = usedBy(service, view);
  const wanted = (asked(service, 'loadBalancerIPs') ?? service.spec.loadBalancerIP ?? '').split(',').flatMap((ip) => (ip.trim() === '' ? [] : [ip.trim()]));
  if (wanted.length > 0) {
    const pool = findPool(wanted[0] ?? '', view);
    if (pool === undefined || wanted.some((ip) => !poolHolds(pool.spec?.addresses ?? [], ip))) return `["${wanted.join('" "')}"] is not allowed in config`;
    const taken = wanted.map((ip) => used.get(ip)).find((other) => other !== undefined);
    if (taken !== undefined) {
      const [mine, theirs] = [service, taken].map((one) => `${namespaceOf(one)}/${one.metadata.name}`);
      return `can't change sharing key for "${mine}", address also in use by ${theirs}`;
    }
    return { ips: wanted, pool: pool.metadata.name };
  }
  const name = asked(service, 'address-pool');
  const pools = poolsOf(view).filter((pool) => (name === undefined ? pool.spec?.autoAssign !== false : pool.metadata.name === name));
  if (name !== undefined && pools.length === 0) return `unknown pool "${name}"`;
  for (const pool of pools) {
    const families = familiesOf(service);
    const ips = families.map((family) => chooseFrom(pool.spec?.addresses ?? [], family, new Set(used.keys()), pool.spec?.avoidBuggyIPs === true));
    const found = service.spec.ipFamilyPolicy === 'RequireDualStack' && ips.includes(undefined) ? [] : ips.filter((ip) => ip !== undefined);
    if (found.length > 0) return { ips: found, pool: pool.metadata.name };
  }
  return name === undefined ? 'no available IPs' : `no available IPs in pool "${name}"`;
}

/** MetalLB: controller/service.go, convergeBalancer. */
export const metalLbController = defineController({
  name: METALLB,
  watches: ['Service', 'IPAddressPool'],
  keysFor: (changed, view) => (changed.kind === 'Service' ? [objectKey(changed)] : services(view)),
  reconcile(key, context) {
    const service = context.view.find<Service>(key);
    if (service?.spec === undefined) return;
    const mine = service.metadata.annotations?.[POOL_USED] !== undefined;
    if (!isWanted(service)) {
      if (mine) give(service, [], undefined, context);
      return;
    }
    if (poolsOf(context.view).length === 0 && !mine) return;
    const ingress = ingressOf(service);
    if (ingress.length > 0 && (!mine || ingress.every(({ ip }) => findPool(ip ?? '', context.view) !== undefined))) return;
    const found = allocate(service, context.view);
    if (typeof found === 'string') {
      if (ingress.length > 0) give(service, [], undefined, context);
      context.event(service, 'Warning', 'AllocationFailed', `Failed to allocate IP for "${namespaceOf(service)}/${service.metadata.name}": ${found}`, METALLB);
      return;
    }
    context.event(service, 'Normal', 'IPAllocated', `Assigned IP ["${found.ips.join('" "')}"]`, METALLB);
    give(service, found.ips, found.pool, context);
  },
});

function give(service: Service, ips: readonly string[], pool: string | undefined, context: ControllerContext): void {
  const { [POOL_USED]: _, ...annotations } = service.metadata.annotations ?? {};
  const wanted = pool === undefined ? annotations : { ...annotations, [POOL_USED]: pool };
  const { annotations: _old, ...metadata } = service.metadata;
  const noted = { ...service, metadata: Object.keys(wanted).length === 0 ? metadata : { ...metadata, annotations: wanted } };
  const current = (context.update(noted) as Service | undefined) ?? noted;
  setIngress(
    current,
    ips.map((ip) => ({ ip, ipMode: 'VIP' })),
    context,
  );
}

/** Tells by an event which speaker answers for an address, when that changes. MetalLB: speaker/main.go, handleService. */
export const metalLbSpeaker = defineController({
  name: 'metallb-speaker',
  watches: ['Service', 'EndpointSlice', 'Node', 'IPAddressPool', 'L2Advertisement'],
  keysFor(changed, view) {
    if (changed.kind === 'Service') return [objectKey(changed)];
    if (view.list('IPAddressPool').length === 0) return [];
    const name = changed.metadata.labels?.['kubernetes.io/service-name'];
    return changed.kind === 'EndpointSlice' ? (name === undefined ? [] : [`Service/${namespaceOf(changed)}/${name}`]) : services(view);
  },
  reconcile(key, context) {
    const { view } = context;
    const [namespace = '', name = ''] = key.slice('Service/'.length).split('/');
    const labels = { 'metallb.io/service-name': name, 'metallb.io/service-namespace': namespace };
    const service = view.find<Service>(key);
    const [announced] = service === undefined ? [] : announcementsOf(service, view);
    const home = poolsOf(view)[0]?.metadata.namespace ?? 'metallb-system';
    const known = view.select<L2Status>('ServiceL2Status', home, labels);
    const owner = announced?.owner;
    for (const one of known) if (owner === undefined || one.status?.node !== owner) context.remove(objectKey(one));
    if (owner === undefined || service === undefined || known.some((one) => one.status?.node === owner)) return;
    context.create({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'ServiceL2Status',
      metadata: { name: '', generateName: 'l2-', namespace: home, labels: { 'metallb.io/node': owner, ...labels } },
      status: { node: owner, serviceName: name, serviceNamespace: namespace },
    } as KubeObject);
    context.event(service, 'Normal', 'nodeAssigned', `announcing from node "${owner}" with protocol "layer2"`, 'metallb-speaker');
  },
});

/** Kubernetes: staging/src/k8s.io/cloud-provider/controllers/service, syncLoadBalancerIfNeeded. */
export const cloudController = defineController({
  name: 'service-lb-controller',
  watches: ['Service', 'CloudProvider'],
  keysFor: (changed, view) => (changed.kind === 'Service' ? [objectKey(changed)] : services(view)),
  reconcile(key, context) {
    const service = context.view.find<Service>(key);
    const [cloud] = context.view.list<CloudProvider>('CloudProvider');
    if (service?.spec === undefined || cloud === undefined) return;
    const addresses = cloud.spec?.addresses ?? [];
    const mine = ingressOf(service).some(({ ip }) => ip !== undefined && poolHolds(addresses, ip));
    if (!isWanted(service)) {
      if (mine) setIngress(service, [], context);
      return;
    }
    if (ingressOf(service).length > 0) return;
    context.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer', 'service-controller');
    const ip = chooseFrom(addresses, 'IPv4', new Set(usedBy(service, context.view).keys()), false);
    if (ip === undefined) {
      const message = 'Error syncing load balancer: failed to ensure load balancer: no available addresses';
      context.event(service, 'Warning', 'SyncLoadBalancerFailed', message, 'service-controller');
      return;
    }
    setIngress(service, [{ ip, ipMode: cloud.spec?.ipMode ?? 'VIP' }], context);
    context.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer', 'service-controller');
  },
});
