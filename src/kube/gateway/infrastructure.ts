/** What is made in the cluster for a Gateway: a Deployment and a Service, its addresses, and their removal. Envoy Gateway: internal/infrastructure/kubernetes/proxy. */
import { parseIp } from '../../net/addr/ip.ts';
import type { ControllerContext, KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import { GATEWAY_ANNOTATION, gatewayKeyOf } from './agent.ts';
import type { Implementation } from './implementations.ts';
import type { GatewayModel } from './model.ts';
import { GATEWAY_GROUP, type Gateway, type Listener } from './types.ts';

export interface StaticAddresses {
  /** IP addresses that the Service gets as externalIPs. */
  readonly usable: readonly string[];
  /** A type that this implementation does not know. */
  readonly unsupported: string | undefined;
  /** One that nobody can have, or that another Service has. */
  readonly unusable: string | undefined;
}

/** What `spec.addresses` asks for; one without a value leaves the choice to the implementation. `own`: namespace and name of the Gateway's Service. */
export function staticAddresses(gateway: Gateway, own: string, view: StoreView): StaticAddresses {
  const usable: string[] = [];
  let unsupported: string | undefined;
  let unusable: string | undefined;
  const asked = gateway.spec?.addresses ?? [];
  if (asked.length === 0) return { usable, unsupported, unusable };
  const taken = new Set(
    view.list<Service>('Service').flatMap((service) => {
      if (`${namespaceOf(service)}/${service.metadata.name}` === own) return [];
      return [...(service.spec.clusterIP === undefined ? [] : [service.spec.clusterIP]), ...(service.spec.externalIPs ?? [])];
    }),
  );
  for (const { type = 'IPAddress', value } of asked) {
    if (type !== 'IPAddress') unsupported ??= type;
    else if (value === undefined || value === '') continue;
    else if (parseIp(value) === undefined || value === '0.0.0.0' || taken.has(value)) unusable ??= value;
    else usable.push(value);
  }
  return { usable, unsupported, unusable };
}

const ports = (listeners: readonly Listener[]): readonly Listener[] =>
  listeners.filter((one, at) => listeners.findIndex((other) => other.port === one.port && isUdp(other) === isUdp(one)) === at);
const isUdp = ({ protocol }: Listener): boolean => protocol === 'UDP';

/** The Deployment and the Service; an update only where they differ in what is ours. */
export function makeInfrastructure(
  { gateway, listeners }: GatewayModel,
  { place, labels, proxyImage, serviceType, containerPort }: Implementation,
  context: ControllerContext,
): Service | undefined {
  const { namespace, name } = place(gateway);
  const own = labels(gateway);
  const ownerReferences =
    namespace === namespaceOf(gateway)
      ? [
          {
            apiVersion: `${GATEWAY_GROUP}/v1`,
            kind: 'Gateway',
            name: gateway.metadata.name,
            uid: gateway.metadata.uid ?? '',
            controller: true,
            blockOwnerDeletion: true,
          },
        ]
      : undefined;
  const metadata = {
    name,
    namespace,
    labels: { ...own, ...gateway.spec?.infrastructure?.labels },
    ...(gateway.spec?.infrastructure?.annotations === undefined ? {} : { annotations: gateway.spec.infrastructure.annotations }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
  const open = ports(listeners.filter(({ accepted }) => accepted.ok).map(({ listener }) => listener));
  if (open.length === 0) return undefined;
  const containerPorts = open.map((listener) => ({
    name: `${listener.protocol.toLowerCase()}-${listener.port}`,
    containerPort: containerPort(listener.port),
    protocol: isUdp(listener) ? 'UDP' : 'TCP',
  }));
  const spec = {
    replicas: 1,
    selector: { matchLabels: own },
    template: {
      metadata: {
        labels: { ...own, ...gateway.spec?.infrastructure?.labels },
        annotations: { ...gateway.spec?.infrastructure?.annotations, [GATEWAY_ANNOTATION]: gatewayKeyOf(gateway) },
      },
      spec: { containers: [{ name: 'envoy', image: proxyImage, ports: containerPorts }] },
    },
  };
  const deployment = context.view.find<KubeObject & { readonly spec?: typeof spec }>(`Deployment/${namespace}/${name}`);
  if (deployment === undefined) context.create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec } as KubeObject);
  else {
    const container = deployment.spec?.template.spec.containers[0];
    const same =
      container?.ports?.length === containerPorts.length && containerPorts.every((port, at) => container.ports[at]?.containerPort === port.containerPort);
    if (!same) context.update({ ...deployment, spec: { ...deployment.spec, template: spec.template } } as KubeObject);
  }
  const wanted = open.map((listener, at) => ({
    name: containerPorts[at]?.name ?? '',
    port: listener.port,
    protocol: isUdp(listener) ? 'UDP' : 'TCP',
    targetPort: containerPort(listener.port),
  }));
  const service = context.view.find<Service>(`Service/${namespace}/${name}`);
  const externalIPs = staticAddresses(gateway, `${namespace}/${name}`, context.view).usable;
  if (service === undefined)
    return context.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: serviceType,
        ...(serviceType === 'LoadBalancer' ? { externalTrafficPolicy: 'Local' } : {}),
        selector: own,
        ports: wanted,
        ...(externalIPs.length === 0 ? {} : { externalIPs }),
      },
    } as unknown as KubeObject) as Service | undefined;
  const same =
    (service.spec.externalIPs ?? []).join() === externalIPs.join() &&
    service.spec.ports?.length === wanted.length &&
    wanted.every((port) => service.spec.ports?.some((one) => one.port === port.port && one.targetPort === port.targetPort && one.protocol === port.protocol));
  if (same) return service;
  const merged = wanted.map((port) => ({ ...service.spec.ports?.find((one) => one.port === port.port && one.protocol === port.protocol), ...port }));
  return context.update({ ...service, spec: { ...service.spec, ports: merged, externalIPs } } as unknown as KubeObject) as Service | undefined;
}

interface DeploymentLike extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number };
}

export function replicasOf(gateway: Gateway, { place }: Implementation, view: StoreView): { readonly available: number; readonly wanted: number } {
  const { namespace, name } = place(gateway);
  const deployment = view.find<DeploymentLike>(`Deployment/${namespace}/${name}`);
  return { available: deployment?.status?.availableReplicas ?? 0, wanted: deployment?.spec?.replicas ?? 1 };
}

/** What stands in the controller's own namespace has no owner there that could take it along. */
export function removeInfrastructure(gateway: string, context: ControllerContext): void {
  for (const kind of ['Deployment', 'Service']) {
    for (const object of context.view.list<KubeObject>(kind))
      if (object.metadata.annotations?.[GATEWAY_ANNOTATION] === gateway) context.remove(objectKey(object));
  }
}

/** Where clients find it: what was asked for, else what the Service got. */
export function addressesOf(service: Service | undefined): readonly { readonly type: string; readonly value: string }[] {
  if (service === undefined) return [];
  const asked = service.spec.externalIPs ?? [];
  if (asked.length > 0) return asked.map((value) => ({ type: 'IPAddress', value }));
  if (service.spec.type !== 'LoadBalancer') return service.spec.clusterIP === undefined ? [] : [{ type: 'IPAddress', value: service.spec.clusterIP }];
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) =>
    ip !== undefined ? [{ type: 'IPAddress', value: ip }] : hostname === undefined ? [] : [{ type: 'Hostname', value: hostname }],
  );
}
