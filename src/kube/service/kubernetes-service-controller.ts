/** Publishes the API server as the Service `kubernetes`. Kubernetes: pkg/controlplane/controller/kubernetesservice. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject } from '../../objects/types.ts';
import { clusterSettings, serviceAddress, settingsKinds } from '../node/cluster-config.ts';
import { internalIps, isControlPlane, type Node } from '../node/types.ts';
import { type EndpointSlice, type Endpoints, type Service, serviceNameLabel } from './types.ts';

const key = 'Service/default/kubernetes';
/** The port on which kubeadm's API server listens. */
const apiServerPort = 6443;

export const kubernetesServiceController = defineController({
  name: 'kubernetes-service-controller',
  watches: ['Namespace', 'Service', 'Node', 'EndpointSlice', ...settingsKinds],
  keysFor(changed) {
    const { name, namespace } = changed.metadata;
    switch (changed.kind) {
      case 'Namespace':
        return name === 'default' ? [key] : [];
      case 'Service':
      case 'EndpointSlice':
        return name === 'kubernetes' && namespace === 'default' ? [key] : [];
      default:
        return [key];
    }
  },
  reconcile(_key, context) {
    const { view } = context;
    if (view.find('Namespace/default') === undefined) return;
    // Before there is a node nobody could ask for it, and the service range may not be known yet.
    const nodes = view.list<Node>('Node');
    if (nodes.length === 0) return;
    if (view.find<Service>(key) === undefined && !createService(context)) return;
    const addresses = nodes.filter(isControlPlane).flatMap((node) => internalIps(node)[0] ?? []);
    if (addresses.length > 0) publish(addresses, context);
  },
});

function createService(context: ControllerContext): boolean {
  const settings = clusterSettings(context.view);
  const address = serviceAddress(settings, 1);
  const [family = 'IPv4'] = settings.families;
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: [family],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: apiServerPort }],
    },
  } satisfies Service;
  return context.create(service) !== undefined;
}

function publish(addresses: readonly string[], context: ControllerContext): void {
  const ports = [{ name: 'https', port: apiServerPort, protocol: 'TCP' as const }];
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { [serviceNameLabel]: 'kubernetes' } },
    addressType: addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports,
  };
  const oldSlice = context.view.find<EndpointSlice>('EndpointSlice/default/kubernetes');
  if (oldSlice === undefined) context.create(slice);
  else if (!deepEqual(oldSlice.endpoints, slice.endpoints)) context.update({ ...oldSlice, endpoints: slice.endpoints, ports } as KubeObject);

  const subsets = [{ addresses: addresses.map((ip) => ({ ip })), ports }];
  const oldEndpoints = context.view.find<Endpoints>('Endpoints/default/kubernetes');
  if (oldEndpoints === undefined) {
    const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
    context.create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'kubernetes', namespace: 'default', labels }, subsets } as KubeObject);
  } else if (!deepEqual(oldEndpoints.subsets, subsets)) context.update({ ...oldEndpoints, subsets } as KubeObject);
}
