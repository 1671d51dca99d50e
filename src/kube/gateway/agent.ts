/** The proxies of Gateways: a process for each HTTP port, in each pod that a Gateway's Deployment runs. */
import type { NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { processId } from '../node/record-ids.ts';
import { imageRole } from '../pod/images.ts';
import { hasSandbox, isContainerRunning } from '../pod/running.ts';
import { netnsOfPod, processNameOf } from '../pod/sandbox-agent.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { classOf, implementationOf } from './implementations.ts';
import { compileGateway, compilePlain, compileStreams, type GatewayModel, gatewayModel, ROUTE_KINDS } from './model.ts';
import type { Gateway } from './types.ts';

const WATCHED = [
  'Gateway',
  'GatewayClass',
  'ListenerSet',
  ...ROUTE_KINDS,
  'ReferenceGrant',
  'Service',
  'EndpointSlice',
  'Secret',
  'ConfigMap',
  'BackendTLSPolicy',
  'SecurityPolicy',
  'BackendTrafficPolicy',
  'HTTPRouteFilter',
  'InferencePool',
  'Namespace',
  'Pod',
] as const;

const models = perState(
  ['Gateway', 'GatewayClass', 'ListenerSet', ...ROUTE_KINDS, 'ReferenceGrant', 'Secret', 'ConfigMap', 'Namespace'],
  () => new Map<ObjectKey, GatewayModel>(),
);

export function modelOf(gateway: Gateway, view: StoreView): GatewayModel {
  const known = models(view);
  const key = objectKey(gateway);
  let model = known.get(key);
  if (model === undefined) {
    model = gatewayModel(gateway, view);
    known.set(key, model);
  }
  return model;
}

/** Where a proxy pod says whose it is. */
export const GATEWAY_ANNOTATION = 'kubehop.dev/gateway';

const proxyContainer = (pod: Pod) => pod.spec.containers.find((container) => imageRole(container.image ?? '') === 'gateway-proxy');
const isProxy = (pod: Pod): boolean => pod.metadata.annotations?.[GATEWAY_ANNOTATION] !== undefined && proxyContainer(pod) !== undefined;
const proxies = perState(['Pod'], (view): readonly Pod[] => view.list<Pod>('Pod').filter(isProxy));

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const container = pod === undefined ? undefined : proxyContainer(pod);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || container === undefined || netns === undefined || !hasSandbox(pod) || !isContainerRunning(pod, container.name))
    return { records: [] };
  const gateway = view.find<Gateway>(`Gateway/${pod.metadata.annotations?.[GATEWAY_ANNOTATION] ?? ''}`);
  const implementation = gateway === undefined ? undefined : implementationOf(classOf(gateway, view), view);
  if (gateway === undefined || implementation === undefined) return { records: [] };
  const model = modelOf(gateway, view);
  const name = processNameOf(pod, container.name);
  const ports = [
    ...compileGateway(model, implementation.containerPort, view, implementation.policies === true).map((one) => ({ ...one, app: 'http-proxy' })),
    ...compileStreams(model, implementation.containerPort, view).map((one) => ({ ...one, app: 'stream-proxy' })),
    ...compilePlain(model, 'TCP', implementation.containerPort, view).map((one) => ({ ...one, app: 'stream-proxy' })),
    ...compilePlain(model, 'UDP', implementation.containerPort, view).map((one) => ({ ...one, app: 'udp-proxy' })),
  ];
  const records = ports.map(
    ({ port, config, routes, app }): Process => ({
      kind: 'process',
      id: processId(netns, `${name}-${port}${app === 'udp-proxy' ? '-udp' : ''}`),
      origin: { component: 'gateway', objects: [key, objectKey(gateway), ...routes] },
      netns,
      app,
      name,
      config,
    }),
  );
  return { records };
}

export const gatewayAgent: Agent<NetRecord> = {
  name: 'gateway',
  watches: WATCHED,
  keysFor: (changed: KubeObject, view: StoreView) => {
    // Pools know their pods by labels, without slices.
    if (changed.kind !== 'Pod' || view.list('InferencePool').length > 0) return proxies(view).map(objectKey);
    return isProxy(changed as Pod) ? [objectKey(changed)] : [];
  },
  keys: (view) => proxies(view).map(objectKey),
  render,
};

export const gatewayKeyOf = (gateway: Gateway): string => `${namespaceOf(gateway)}/${gateway.metadata.name}`;
