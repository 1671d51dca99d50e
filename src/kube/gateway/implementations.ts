/** Who makes Gateways: by the controller's name in a GatewayClass. What they create in the cluster follows the real ones, the proxy is the same. */

import { stableHex } from '../../objects/identity.ts';
import type { StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { imageRole, parseImage } from '../pod/images.ts';
import { isReady, namespaceOf, type Pod } from '../pod/types.ts';
import type { Gateway, GatewayClass } from './types.ts';

export interface Implementation {
  readonly controllerName: string;
  /** Repository of the controller's own image: without a ready pod of it nothing happens. Absent: it is taken to run. */
  readonly controllerImage?: string;
  readonly proxyImage: string;
  readonly serviceType: 'LoadBalancer' | 'ClusterIP';
  /** Namespace and name of the Deployment and the Service that are made for a Gateway. */
  readonly place: (gateway: Gateway) => { readonly namespace: string; readonly name: string };
  /** Where its proxy listens for a listener's port. */
  readonly containerPort: (port: number) => number;
  /** It reads Envoy Gateway's policies. */
  readonly policies?: true;
  readonly labels: (gateway: Gateway) => Readonly<Record<string, string>>;
}

const same = (port: number): number => port;

export const implementations: readonly Implementation[] = [
  {
    controllerName: 'kubehop.dev/gateway-controller',
    policies: true,
    proxyImage: 'docker.io/envoyproxy/envoy:distroless-v1.36.2',
    serviceType: 'ClusterIP',
    place: (gateway) => ({ namespace: namespaceOf(gateway), name: `${gateway.metadata.name}-gateway` }),
    containerPort: same,
    labels: (gateway) => ({ 'gateway.networking.k8s.io/gateway-name': gateway.metadata.name }),
  },
  {
    // Envoy Gateway: internal/infrastructure/kubernetes/proxy
    controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
    policies: true,
    controllerImage: 'envoyproxy/gateway',
    proxyImage: 'docker.io/envoyproxy/envoy:distroless-v1.36.2',
    serviceType: 'LoadBalancer',
    place: (gateway) => {
      const name = `${namespaceOf(gateway)}/${gateway.metadata.name}`;
      return { namespace: 'envoy-gateway-system', name: `envoy-${name.replace('/', '-').slice(0, 48)}-${stableHex(name).slice(0, 8)}` };
    },
    containerPort: (port) => (port < 1024 ? port + 10_000 : port),
    labels: (gateway) => ({
      'app.kubernetes.io/component': 'proxy',
      'app.kubernetes.io/managed-by': 'envoy-gateway',
      'app.kubernetes.io/name': 'envoy',
      'gateway.envoyproxy.io/owning-gateway-name': gateway.metadata.name,
      'gateway.envoyproxy.io/owning-gateway-namespace': namespaceOf(gateway),
    }),
  },
  {
    // Istio: pilot/pkg/config/kube/gateway/deploymentcontroller.go
    controllerName: 'istio.io/gateway-controller',
    controllerImage: 'istio/pilot',
    proxyImage: 'docker.io/istio/proxyv2:1.27.1',
    serviceType: 'LoadBalancer',
    place: (gateway) => ({ namespace: namespaceOf(gateway), name: `${gateway.metadata.name}-${gateway.spec?.gatewayClassName ?? 'istio'}` }),
    containerPort: same,
    labels: (gateway) => ({ 'gateway.istio.io/managed': 'istio.io-gateway-controller', 'gateway.networking.k8s.io/gateway-name': gateway.metadata.name }),
  },
];

/** Repositories of controllers with a ready pod. */
const readyControllers = perState(['Pod'], (view): ReadonlySet<string> => {
  const found = new Set<string>();
  for (const pod of view.list<Pod>('Pod')) {
    for (const { image = '' } of pod.spec.containers) if (imageRole(image) === 'gateway-controller' && isReady(pod)) found.add(parseImage(image).repository);
  }
  return found;
});

/** Of a class whose controller runs. */
export function implementationOf(gatewayClass: GatewayClass | undefined, view: StoreView): Implementation | undefined {
  const found = implementations.find(({ controllerName }) => controllerName === gatewayClass?.spec?.controllerName);
  const image = found?.controllerImage;
  if (found === undefined || image === undefined) return found;
  return readyControllers(view).has(image) ? found : undefined;
}

export const classOf = (gateway: Gateway, view: StoreView): GatewayClass | undefined =>
  view.find<GatewayClass>(`GatewayClass/${gateway.spec?.gatewayClassName ?? ''}`);
