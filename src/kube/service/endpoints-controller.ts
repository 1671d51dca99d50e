/** Keeps the older Endpoints objects, and mirrors those that people write into EndpointSlices. Kubernetes: pkg/controller/{endpoint,endpointslicemirroring}. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { servicesSelecting } from './endpoint-slice-controller.ts';
import { endpointGroups, familiesOf } from './endpoints-of.ts';
import {
  type Endpoint,
  type EndpointAddress,
  type EndpointSlice,
  type EndpointSubset,
  type Endpoints,
  headlessLabel,
  isHeadless,
  managedByLabel,
  type Service,
  serviceNameLabel,
  serviceType,
} from './types.ts';

const endpointsManagedBy = 'endpoint-controller';
const maxAddresses = 1000;

const hasSelector = (service: Service): boolean => Object.keys(service.spec.selector ?? {}).length > 0;

export const endpointsController = defineController({
  name: 'endpoints-controller',
  watches: ['Service', 'Pod', 'Endpoints'],
  keysFor(changed, view) {
    if (changed.kind === 'Service') return [objectKey(changed)];
    if (changed.kind === 'Pod') return (changed as Pod).status?.podIP === undefined ? [] : servicesSelecting(changed, view);
    return [`Service/${namespaceOf(changed)}/${changed.metadata.name}`];
  },
  reconcile(key, context) {
    const service = context.view.find<Service>(key);
    const existing = context.view.find<Endpoints>(key.replace(/^Service\//, 'Endpoints/'));
    if (service === undefined) {
      if (existing !== undefined && isManaged(existing)) context.remove(objectKey(existing));
      return;
    }
    if (serviceType(service) === 'ExternalName' || !hasSelector(service)) return;
    const subsets: EndpointSubset[] = [];
    for (const group of endpointGroups(service, context.view, familiesOf(service)[0] ?? 'IPv4')) {
      const ready: EndpointAddress[] = [];
      const notReady: EndpointAddress[] = [];
      for (const endpoint of group.endpoints.slice(0, maxAddresses)) {
        // The older API knows no terminating endpoints: they are left out.
        if (endpoint.conditions?.terminating === true && service.spec.publishNotReadyAddresses !== true) continue;
        (endpoint.conditions?.ready === true ? ready : notReady).push(toAddress(endpoint));
      }
      if (ready.length + notReady.length === 0 || (group.ports.length === 0 && (service.spec.ports ?? []).length > 0)) continue;
      subsets.push({
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ports: group.ports.map(({ name, ...port }) => (name === undefined || name === '' ? port : { name, ...port })),
      });
    }
    const labels = {
      ...service.metadata.labels,
      'endpoints.kubernetes.io/managed-by': endpointsManagedBy,
      ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    };
    if (existing === undefined) {
      context.create({
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: service.metadata.name, namespace: namespaceOf(service), labels },
        ...(subsets.length === 0 ? {} : { subsets }),
      } as KubeObject);
      return;
    }
    if (deepEqual(existing.subsets ?? [], subsets) && deepEqual(existing.metadata.labels, labels)) return;
    const { subsets: _old, ...rest } = existing;
    context.update({ ...rest, metadata: { ...existing.metadata, labels }, ...(subsets.length === 0 ? {} : { subsets }) } as KubeObject);
  },
});

const isManaged = (endpoints: Endpoints): boolean => endpoints.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === endpointsManagedBy;

const toAddress = (endpoint: Endpoint): EndpointAddress => ({
  ip: endpoint.addresses[0] ?? '',
  ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
  ...(endpoint.nodeName === undefined || endpoint.nodeName === '' ? {} : { nodeName: endpoint.nodeName }),
  ...(endpoint.targetRef === undefined ? {} : { targetRef: endpoint.targetRef }),
});

const mirrorManager = 'endpointslicemirroring-controller.k8s.io';

/** Endpoints of Services without a selector become EndpointSlices, since nothing else reads them. */
export const endpointSliceMirroringController = defineController({
  name: 'endpointslicemirroring-controller',
  watches: ['Service', 'Endpoints', 'EndpointSlice'],
  keysFor(changed) {
    if (changed.kind !== 'EndpointSlice') return [`Endpoints/${namespaceOf(changed)}/${changed.metadata.name}`];
    const name = changed.metadata.labels?.[serviceNameLabel];
    return name !== undefined && changed.metadata.labels?.[managedByLabel] === mirrorManager ? [`Endpoints/${namespaceOf(changed)}/${name}`] : [];
  },
  reconcile(key, context) {
    const endpoints = context.view.find<Endpoints>(key);
    const [, namespace = '', name = ''] = key.split('/');
    const service = context.view.find<Service>(`Service/${namespace}/${name}`);
    const mirrored = context.view.select<EndpointSlice>('EndpointSlice', namespace, { [serviceNameLabel]: name, [managedByLabel]: mirrorManager });
    const skipped = endpoints?.metadata.labels?.['endpointslice.kubernetes.io/skip-mirror'] === 'true';
    if (endpoints === undefined || service === undefined || hasSelector(service) || skipped) {
      for (const slice of mirrored) context.remove(objectKey(slice));
      return;
    }
    const subsets = endpoints.subsets ?? [];
    subsets.forEach((subset, index) => {
      mirror(endpoints, subset, mirrored[index], context);
    });
    for (const slice of mirrored.slice(subsets.length)) context.remove(objectKey(slice));
  },
});

function mirror(endpoints: Endpoints, subset: EndpointSubset, slice: EndpointSlice | undefined, context: ControllerContext): void {
  const toEndpoint = (address: EndpointAddress, ready: boolean): Endpoint => ({
    addresses: [address.ip],
    conditions: { ready },
    ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
    ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
    ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
  });
  const content = {
    endpoints: [
      ...(subset.addresses ?? []).map((address) => toEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => toEndpoint(address, false)),
    ],
    ports: (subset.ports ?? []).map((port) => ({ name: port.name ?? '', port: port.port ?? 0, protocol: port.protocol ?? 'TCP' })),
  };
  if (slice === undefined) {
    context.create({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: '',
        generateName: `${endpoints.metadata.name}-`,
        namespace: namespaceOf(endpoints),
        labels: { ...endpoints.metadata.labels, [serviceNameLabel]: endpoints.metadata.name, [managedByLabel]: mirrorManager },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Endpoints', name: endpoints.metadata.name, uid: endpoints.metadata.uid ?? '', controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: 'IPv4',
      ...content,
    } as KubeObject);
    return;
  }
  if (!deepEqual(slice.endpoints, content.endpoints) || !deepEqual(slice.ports, content.ports)) context.update({ ...slice, ...content } as KubeObject);
}
