/** Keeps the EndpointSlices of each Service with a selector. Kubernetes: pkg/controller/endpointslice. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { type EndpointGroup, endpointGroups, familiesOf, formatPortsKey, sortByAddress } from './endpoints-of.ts';
import { type Endpoint, type EndpointSlice, headlessLabel, isHeadless, managedByLabel, type Service, serviceNameLabel, serviceType } from './types.ts';

const manager = 'endpointslice-controller.k8s.io';
const maxEndpointsPerSlice = 100;

/** Services whose selector matches an object's labels, as keys. */
export function servicesSelecting(changed: KubeObject, view: StoreView): readonly ObjectKey[] {
  const keys: ObjectKey[] = [];
  for (const service of view.list<Service>('Service', namespaceOf(changed))) {
    const { selector } = service.spec;
    if (selector !== undefined && matchesLabels(selector, changed.metadata.labels) && Object.keys(selector).length > 0) keys.push(objectKey(service));
  }
  return keys;
}

/** The Service that a slice belongs to. */
const serviceKeyOf = (slice: KubeObject): readonly ObjectKey[] => {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined || slice.metadata.labels?.[managedByLabel] !== manager ? [] : [`Service/${namespaceOf(slice)}/${name}`];
};

export const endpointSliceController = defineController({
  name: 'endpointslice-controller',
  watches: ['Service', 'Pod', 'EndpointSlice', 'Node'],
  keysFor(changed, view) {
    switch (changed.kind) {
      case 'Service':
        return [objectKey(changed)];
      case 'Pod':
        return (changed as Pod).status?.podIP === undefined ? [] : servicesSelecting(changed, view);
      case 'EndpointSlice':
        return serviceKeyOf(changed);
      default:
        // A node's zone stands in its endpoints.
        return view.list('Service').map(objectKey);
    }
  },
  reconcile(key, context) {
    const service = context.view.find<Service>(key);
    // Slices of a Service that has gone are collected through their owner.
    if (service === undefined || serviceType(service) === 'ExternalName') return;
    if (service.spec.selector === undefined || Object.keys(service.spec.selector).length === 0) return;
    reconcileSlices(service, context);
  },
});

function reconcileSlices(service: Service, context: ControllerContext): void {
  const all = context.view
    .select<EndpointSlice>('EndpointSlice', namespaceOf(service), { [serviceNameLabel]: service.metadata.name, [managedByLabel]: manager })
    .filter((slice) => slice.metadata.deletionTimestamp === undefined);
  const families = familiesOf(service);
  for (const family of families) {
    const own = all.filter((slice) => slice.addressType === family);
    reconcileFamily(service, family, own, context);
  }
  for (const slice of all) if (!families.some((family) => family === slice.addressType)) context.remove(objectKey(slice));
}

function reconcileFamily(service: Service, family: IpFamily, existing: readonly EndpointSlice[], context: ControllerContext): void {
  const groups = endpointGroups(service, context.view, family);
  // Without any endpoint one empty slice remains, so that consumers can tell "none" from "not looked yet".
  const wanted: readonly EndpointGroup[] = groups.length > 0 ? groups : [{ portsKey: '', ports: [], endpoints: [] }];
  const free = new Set(existing);
  for (const group of wanted) {
    const own = existing.filter((slice) => free.has(slice) && formatPortsKey(slice.ports ?? []) === group.portsKey);
    // An empty or differently numbered slice is used again before a new one is made.
    if (own.length === 0 && wanted.length === 1 && existing[0] !== undefined) own.push(existing[0]);
    for (const slice of own) free.delete(slice);
    fill(service, family, group, own, context);
  }
  for (const slice of free) context.remove(objectKey(slice));
}

const identity = (endpoint: Endpoint): string => endpoint.targetRef?.uid ?? endpoint.addresses[0] ?? '';

/**
 * Endpoints stay in the slice they are in. New ones go first into slices that are written anyway; what is left goes into one untouched slice if all of it
 * has room there, the fullest such, else into new slices: few writes count more than few slices. Kubernetes: endpointslice/reconciler.go, reconcileByPortMapping.
 */
function fill(service: Service, family: IpFamily, group: EndpointGroup, slices: readonly EndpointSlice[], context: ControllerContext): void {
  const unplaced = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const touched = new Set<number>();
  const contents = slices.map((slice, index) => {
    const kept: Endpoint[] = [];
    for (const endpoint of slice.endpoints ?? []) {
      const current = unplaced.get(identity(endpoint));
      if (current === undefined || kept.length >= maxEndpointsPerSlice || (current !== endpoint && !deepEqual(current, endpoint))) touched.add(index);
      if (current === undefined || kept.length >= maxEndpointsPerSlice) continue;
      unplaced.delete(identity(endpoint));
      kept.push(current);
    }
    if (kept.length === 0) touched.add(index);
    return kept;
  });
  const rest = [...unplaced.values()];
  let next = 0;
  const put = (content: Endpoint[]): void => {
    while (content.length < maxEndpointsPerSlice && next < rest.length) content.push(rest[next++] as Endpoint);
  };
  contents.forEach((content, index) => {
    if (touched.has(index)) put(content);
  });
  const left = rest.length - next;
  const fitting = contents.filter((content, index) => !touched.has(index) && content.length + left <= maxEndpointsPerSlice);
  const fullest = fitting.reduce<Endpoint[] | undefined>((most, one) => (most === undefined || one.length > most.length ? one : most), undefined);
  if (left > 0 && left < maxEndpointsPerSlice && fullest !== undefined) put(fullest);
  slices.forEach((slice, index) => {
    const content = sortByAddress(contents[index] ?? []);
    if (content.length === 0 && (index > 0 || group.endpoints.length > 0)) context.remove(objectKey(slice));
    else write(service, family, slice, group, content, context);
  });
  if (slices.length === 0 && group.endpoints.length === 0) write(service, family, undefined, group, [], context);
  for (; next < rest.length; next += maxEndpointsPerSlice) write(service, family, undefined, group, rest.slice(next, next + maxEndpointsPerSlice), context);
}

function write(
  service: Service,
  family: IpFamily,
  slice: EndpointSlice | undefined,
  group: EndpointGroup,
  endpoints: readonly Endpoint[],
  context: ControllerContext,
): void {
  const { [serviceNameLabel]: _name, [managedByLabel]: _manager, [headlessLabel]: _headless, ...inherited } = service.metadata.labels ?? {};
  const labels = {
    ...inherited,
    [managedByLabel]: manager,
    [serviceNameLabel]: service.metadata.name,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  };
  // As the API shows it: null rather than an empty list.
  const content = { endpoints: endpoints.length === 0 ? null : endpoints, ports: endpoints.length === 0 && group.ports.length === 0 ? null : group.ports };
  if (slice === undefined) {
    context.create({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: '',
        generateName: `${service.metadata.name}-`,
        namespace: namespaceOf(service),
        labels,
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Service', name: service.metadata.name, uid: service.metadata.uid ?? '', controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: family,
      ...content,
    } as KubeObject);
    return;
  }
  if (
    deepEqual(slice.endpoints ?? [], content.endpoints ?? []) &&
    deepEqual(slice.ports ?? [], content.ports ?? []) &&
    deepEqual(slice.metadata.labels, labels)
  )
    return;
  context.update({ ...slice, metadata: { ...slice.metadata, labels }, ...content } as KubeObject);
}
