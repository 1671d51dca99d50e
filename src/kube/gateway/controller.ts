/** What a Gateway's controller writes: a Deployment and a Service for each Gateway, and the conditions of classes, Gateways and routes. sigs.k8s.io/gateway-api: apis/v1. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { Condition } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import { GATEWAY_ANNOTATION, gatewayKeyOf, modelOf } from './agent.ts';
import { isParent } from './attach.ts';
import { type BackendAncestor, type BackendTlsPolicy, policyState } from './backend-tls.ts';
import { unknownFilters } from './compile-route.ts';
import { classOf, type Implementation, implementationOf } from './implementations.ts';
import { type GatewayModel, ROUTE_KINDS } from './model.ts';
import { resolveBackend } from './references.ts';
import { backendIdentity, isInsecure } from './tls.ts';
import { GATEWAY_GROUP, type Gateway, type GatewayClass, type Listener, type Route, type RouteParentStatus } from './types.ts';

type Said = readonly [type: string, ok: boolean, reason: string, message: string];

/** A condition's time moves only with its status. */
function conditionsFrom(said: readonly Said[], before: readonly Condition[] | undefined, generation: number | undefined, now: string): readonly Condition[] {
  return said.map(([type, ok, reason, message]) => {
    const status = ok ? 'True' : 'False';
    const old = before?.find((one) => one.type === type);
    return {
      type,
      status,
      reason,
      message,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
    } as Condition;
  });
}

function writeStatus<T extends KubeObject & { readonly status?: unknown }>(object: T, status: unknown, context: ControllerContext): void {
  if (!deepEqual(object.status, status)) context.updateStatus({ ...object, status } as KubeObject);
}

function reconcileClass(object: GatewayClass, context: ControllerContext): void {
  if (implementationOf(object, context.view) === undefined) return;
  const said: Said =
    object.spec?.parametersRef === undefined
      ? ['Accepted', true, 'Accepted', 'Valid GatewayClass']
      : ['Accepted', false, 'InvalidParameters', 'parametersRef is not simulated'];
  writeStatus(
    object,
    { ...object.status, conditions: conditionsFrom([said], object.status?.conditions, object.metadata.generation, context.timestamp) },
    context,
  );
}

const ports = (listeners: readonly Listener[]): readonly Listener[] =>
  listeners.filter((one, at) => listeners.findIndex((other) => other.port === one.port && isUdp(other) === isUdp(one)) === at);
const isUdp = ({ protocol }: Listener): boolean => protocol === 'UDP';

/** The Deployment and the Service; an update only where they differ in what is ours. */
function makeInfrastructure(
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
      metadata: { labels: own, annotations: { [GATEWAY_ANNOTATION]: gatewayKeyOf(gateway) } },
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
  if (service === undefined)
    return context.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: serviceType, ...(serviceType === 'LoadBalancer' ? { externalTrafficPolicy: 'Local' } : {}), selector: own, ports: wanted },
    } as unknown as KubeObject) as Service | undefined;
  const same =
    service.spec.ports?.length === wanted.length &&
    wanted.every((port) => service.spec.ports?.some((one) => one.port === port.port && one.targetPort === port.targetPort && one.protocol === port.protocol));
  if (same) return service;
  const merged = wanted.map((port) => ({ ...service.spec.ports?.find((one) => one.port === port.port && one.protocol === port.protocol), ...port }));
  return context.update({ ...service, spec: { ...service.spec, ports: merged } } as unknown as KubeObject) as Service | undefined;
}

interface DeploymentLike extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number };
}

function replicasOf(gateway: Gateway, { place }: Implementation, view: StoreView): { readonly available: number; readonly wanted: number } {
  const { namespace, name } = place(gateway);
  const deployment = view.find<DeploymentLike>(`Deployment/${namespace}/${name}`);
  return { available: deployment?.status?.availableReplicas ?? 0, wanted: deployment?.spec?.replicas ?? 1 };
}

/** What stands in the controller's own namespace has no owner there that could take it along. */
function removeInfrastructure(gateway: string, context: ControllerContext): void {
  for (const kind of ['Deployment', 'Service']) {
    for (const object of context.view.list<KubeObject>(kind))
      if (object.metadata.annotations?.[GATEWAY_ANNOTATION] === gateway) context.remove(objectKey(object));
  }
}

function addressesOf(service: Service | undefined): readonly { readonly type: string; readonly value: string }[] {
  if (service === undefined) return [];
  if (service.spec.type !== 'LoadBalancer') return service.spec.clusterIP === undefined ? [] : [{ type: 'IPAddress', value: service.spec.clusterIP }];
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) =>
    ip !== undefined ? [{ type: 'IPAddress', value: ip }] : hostname === undefined ? [] : [{ type: 'Hostname', value: hostname }],
  );
}

function reconcileGateway(gateway: Gateway, context: ControllerContext): void {
  const { view } = context;
  const implementation = implementationOf(classOf(gateway, view), view);
  if (implementation === undefined || gateway.metadata.deletionTimestamp !== undefined) return;
  const model = modelOf(gateway, view);
  const addresses = addressesOf(makeInfrastructure(model, implementation, context));
  const replicas = replicasOf(gateway, implementation, view);
  const { generation } = gateway.metadata;
  const now = context.timestamp;
  const valid = model.listeners.filter(({ accepted, resolved }) => accepted.ok && resolved.ok);
  const parameters = gateway.spec?.infrastructure?.parametersRef;
  const accepted: Said =
    parameters !== undefined
      ? ['Accepted', false, 'InvalidParameters', `the parametersRef ${parameters.name} is not simulated`]
      : valid.length === model.listeners.length
        ? ['Accepted', true, 'Accepted', 'The Gateway has been scheduled']
        : model.listeners.some((one) => one.accepted.ok)
          ? ['Accepted', true, 'ListenersNotValid', 'There are one or more listeners that are not valid']
          : ['Accepted', false, 'ListenersNotValid', 'No listener is valid'];
  const programmed: Said =
    parameters !== undefined || valid.length === 0
      ? ['Programmed', false, 'Invalid', 'Gateway is not accepted']
      : addresses.length === 0
        ? ['Programmed', false, 'AddressNotAssigned', 'No addresses have been assigned to the Gateway']
        : replicas.available === 0
          ? ['Programmed', false, 'NoResources', 'Envoy replicas unavailable']
          : ['Programmed', true, 'Programmed', `Address assigned to the Gateway, ${replicas.available}/${replicas.wanted} envoy replicas available`];
  const shown = backendIdentity(gateway, view)?.resolved;
  const status = {
    ...(addresses.length === 0 ? {} : { addresses }),
    conditions: conditionsFrom(
      [
        accepted,
        programmed,
        ...(shown === undefined ? [] : [['ResolvedRefs', shown.ok, shown.reason, shown.message] as const]),
        ...(isInsecure(gateway)
          ? [['InsecureFrontendValidationMode', true, 'ConfigurationChanged', 'Clients are let in whatever certificate they show'] as const]
          : []),
      ],
      gateway.status?.conditions,
      generation,
      now,
    ),
    listeners: model.listeners.map(({ listener, kinds, accepted: one, resolved, attachedRoutes }) => ({
      attachedRoutes,
      conditions: conditionsFrom(
        [
          [
            'Programmed',
            one.ok && resolved.ok,
            one.ok && resolved.ok ? 'Programmed' : 'Invalid',
            one.ok && resolved.ok ? 'Sending translated listener configuration to the data plane' : 'Listener is invalid, see other Conditions for details.',
          ],
          ['Accepted', one.ok, one.reason, one.message],
          ['ResolvedRefs', resolved.ok, resolved.reason, resolved.message],
          ['Conflicted', false, 'NoConflicts', 'No conflicts'],
        ],
        gateway.status?.listeners?.find(({ name }) => name === listener.name)?.conditions,
        generation,
        now,
      ),
      name: listener.name,
      supportedKinds: kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
    })),
  };
  writeStatus(gateway, status, context);
}

/** Of all backends of a route the first that leads nowhere. */
function refsOf(route: Route, view: StoreView): Said {
  const rules = route.spec?.rules ?? [];
  for (const rule of rules) {
    const references = [
      ...(rule.backendRefs ?? []),
      ...(rule.filters ?? []).flatMap(({ requestMirror }) => (requestMirror === undefined ? [] : [requestMirror.backendRef])),
    ];
    for (const reference of references) {
      const { problem } = resolveBackend(route, reference, view);
      if (problem !== undefined) return ['ResolvedRefs', false, problem.reason, problem.message];
    }
  }
  return ['ResolvedRefs', true, 'ResolvedRefs', 'Resolved all the Object references for the Route'];
}

/** The Gateways whose routes lead to a policy's Services. */
function reconcilePolicy(policy: BackendTlsPolicy, context: ControllerContext): void {
  const { view } = context;
  const services = new Set((policy.spec?.targetRefs ?? []).map(({ name }) => name));
  const ancestors: BackendAncestor[] = [];
  for (const gateway of view.list<Gateway>('Gateway')) {
    const implementation = implementationOf(classOf(gateway, view), view);
    if (implementation === undefined) continue;
    const leads = modelOf(gateway, view).routes.some(
      ({ route, attached }) =>
        attached.accepted &&
        (route.spec?.rules ?? []).some(({ backendRefs = [] }) =>
          backendRefs.some(({ name, namespace = namespaceOf(route) }) => services.has(name) && namespace === namespaceOf(policy)),
        ),
    );
    if (!leads) continue;
    const { accepted, resolved } = policyState(policy, view);
    const ancestorRef = { group: GATEWAY_GROUP, kind: 'Gateway', name: gateway.metadata.name, namespace: namespaceOf(gateway) };
    const before = policy.status?.ancestors?.find((one) => deepEqual(one.ancestorRef, ancestorRef))?.conditions;
    const said: readonly Said[] = [
      ['Accepted', accepted.ok, accepted.reason, accepted.message],
      ['ResolvedRefs', resolved.ok, resolved.reason, resolved.message],
    ];
    ancestors.push({
      ancestorRef,
      controllerName: implementation.controllerName,
      conditions: conditionsFrom(said, before, policy.metadata.generation, context.timestamp),
    });
  }
  if (ancestors.length === 0 && policy.status?.ancestors === undefined) return;
  writeStatus(policy, { ...policy.status, ancestors }, context);
}

function reconcileRoute(route: Route, context: ControllerContext): void {
  const { view } = context;
  const parents: RouteParentStatus[] = [];
  for (const reference of route.spec?.parentRefs ?? []) {
    const gateway = view.find<Gateway>(`Gateway/${reference.namespace ?? namespaceOf(route)}/${reference.name}`);
    const implementation = gateway === undefined || !isParent(reference, route, gateway) ? undefined : implementationOf(classOf(gateway, view), view);
    if (gateway === undefined || implementation === undefined) continue;
    const attached = modelOf(gateway, view).routes.find((one) => objectKey(one.route) === objectKey(route) && deepEqual(one.reference, reference))?.attached;
    if (attached === undefined) continue;
    const unknown = (route.spec?.rules ?? []).flatMap(unknownFilters);
    const accepted: Said =
      route.kind === 'HTTPRoute' && unknown.length > 0
        ? ['Accepted', false, 'UnsupportedValue', `Filters that are not supported: ${[...new Set(unknown)].join(', ')}`]
        : attached.accepted
          ? ['Accepted', true, 'Accepted', 'Route is accepted']
          : ['Accepted', false, attached.reason, attached.message];
    const before = route.status?.parents?.find((one) => deepEqual(one.parentRef, reference))?.conditions;
    parents.push({
      parentRef: reference,
      controllerName: implementation.controllerName,
      conditions: conditionsFrom([accepted, refsOf(route, view)], before, route.metadata.generation, context.timestamp),
    });
  }
  if (parents.length === 0 && route.status?.parents === undefined) return;
  writeStatus(route, { ...route.status, parents }, context);
}

const ALL = ['GatewayClass', 'Gateway', ...ROUTE_KINDS, 'BackendTLSPolicy'] as const;
const allKeys = (view: StoreView): readonly ObjectKey[] => ALL.flatMap((kind) => view.list<KubeObject>(kind).map(objectKey));
const isRoute = (kind: string): boolean => (ROUTE_KINDS as readonly string[]).includes(kind);

export const gatewayController = defineController({
  name: 'gateway-controller',
  watches: [...ALL, 'ReferenceGrant', 'Service', 'Deployment', 'Secret', 'ConfigMap', 'Namespace', 'Pod'],
  keysFor: (changed, view) => {
    if (view.list('Gateway').length === 0 && view.list('GatewayClass').length === 0) return [];
    // Pods matter where a controller's own come and go, Deployments where somebody changes what was made.
    if (changed.kind === 'Pod')
      return changed.metadata.labels?.['control-plane'] === 'envoy-gateway' || changed.metadata.labels?.app === 'istiod' ? allKeys(view) : [];
    if (changed.kind === 'Deployment') return view.list<Gateway>('Gateway').map(objectKey);
    // One that has gone is in no list any more.
    return [...allKeys(view), objectKey(changed)];
  },
  reconcile: (key, context) => {
    const object = context.view.find<KubeObject>(key);
    if (object === undefined) {
      if (key.startsWith('Gateway/')) removeInfrastructure(key.slice('Gateway/'.length), context);
      return;
    }
    if (object.kind === 'GatewayClass') reconcileClass(object as GatewayClass, context);
    else if (object.kind === 'Gateway') reconcileGateway(object as Gateway, context);
    else if (object.kind === 'BackendTLSPolicy') reconcilePolicy(object as BackendTlsPolicy, context);
    else if (isRoute(object.kind)) reconcileRoute(object as Route, context);
  },
});
