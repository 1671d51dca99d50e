/** What a Gateway's controller writes: a Deployment and a Service for each Gateway, and the conditions of classes, Gateways and routes. sigs.k8s.io/gateway-api: apis/v1. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { namespaceOf } from '../pod/types.ts';
import { modelOf } from './agent.ts';
import { type BackendAncestor, type BackendTlsPolicy, policyState } from './backend-tls.ts';
import { invalidExpressions, unknownFilters } from './compile-route.ts';
import { conditionsFrom, type Said, writeStatus } from './conditions.ts';
import { classOf, implementationOf } from './implementations.ts';
import { type InferencePool, reconcilePool } from './inference.ts';
import { addressesOf, makeInfrastructure, removeInfrastructure, replicasOf, staticAddresses } from './infrastructure.ts';
import type { ListenerSet } from './listener-set.ts';
import { type GatewayModel, type ListenerState, ROUTE_KINDS } from './model.ts';
import { extensionOf } from './policies/route-filter.ts';
import { reconcileTrafficPolicy } from './policies/status.ts';
import { POLICY_KINDS, type Policy } from './policies/types.ts';
import { resolveBackend } from './references.ts';
import { backendIdentity, isInsecure } from './tls.ts';
import { GATEWAY_GROUP, type Gateway, type GatewayClass, type ListenerStatus, type ParentReference, type Route, type RouteParentStatus } from './types.ts';

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

function reconcileGateway(gateway: Gateway, context: ControllerContext): void {
  const { view } = context;
  const implementation = implementationOf(classOf(gateway, view), view);
  if (implementation === undefined || gateway.metadata.deletionTimestamp !== undefined) return;
  const model = modelOf(gateway, view);
  const { namespace, name } = implementation.place(gateway);
  const asked = staticAddresses(gateway, `${namespace}/${name}`, view);
  const addresses = addressesOf(makeInfrastructure(model, implementation, context));
  const replicas = replicasOf(gateway, implementation, view);
  const { generation } = gateway.metadata;
  const now = context.timestamp;
  const own = model.listeners.filter(({ owner }) => owner === gateway);
  const valid = own.filter(isValid);
  const parameters = gateway.spec?.infrastructure?.parametersRef;
  const accepted: Said =
    parameters !== undefined
      ? ['Accepted', false, 'InvalidParameters', `the parametersRef ${parameters.name} is not simulated`]
      : asked.unsupported !== undefined
        ? ['Accepted', false, 'UnsupportedAddress', `Addresses of type ${asked.unsupported} are not supported, only IPAddress`]
        : valid.length === own.length
          ? ['Accepted', true, 'Accepted', 'The Gateway has been scheduled']
          : own.some((one) => one.accepted.ok)
            ? ['Accepted', true, 'ListenersNotValid', 'There are one or more listeners that are not valid']
            : ['Accepted', false, 'ListenersNotValid', 'No listener is valid'];
  const programmed: Said =
    parameters !== undefined || asked.unsupported !== undefined || valid.length === 0
      ? ['Programmed', false, 'Invalid', 'Gateway is not accepted']
      : asked.unusable !== undefined
        ? ['Programmed', false, 'AddressNotUsable', `The address ${asked.unusable} cannot be used: it is none, or another Service has it`]
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
    listeners: own.map((state) => listenerStatus(state, gateway.status?.listeners, generation, now)),
    ...(model.sets.length === 0 ? {} : { attachedListenerSets: model.sets.filter((one) => setState(one, model).accepted).length }),
  };
  writeStatus(gateway, status, context);
}

const isValid = ({ accepted, resolved }: ListenerState): boolean => accepted.ok && resolved.ok;

function listenerStatus(state: ListenerState, before: readonly ListenerStatus[] | undefined, generation: number | undefined, now: string): ListenerStatus {
  const { listener, kinds, accepted, resolved, conflict, attachedRoutes } = state;
  const programmed: Said = isValid(state)
    ? ['Programmed', true, 'Programmed', 'Sending translated listener configuration to the data plane']
    : ['Programmed', false, conflict ?? 'Invalid', 'Listener is invalid, see other Conditions for details.'];
  return {
    attachedRoutes,
    conditions: conditionsFrom(
      [
        programmed,
        ['Accepted', accepted.ok, accepted.reason, accepted.message],
        ['ResolvedRefs', resolved.ok, resolved.reason, resolved.message],
        conflict === undefined ? ['Conflicted', false, 'NoConflicts', 'No conflicts'] : ['Conflicted', true, conflict, accepted.message],
      ],
      before?.find(({ name }) => name === listener.name)?.conditions,
      generation,
      now,
    ),
    name: listener.name,
    supportedKinds: kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
  };
}

/** A set is accepted where the Gateway takes it and at least one of its listeners is in order. */
function setState(
  { set, allowed }: GatewayModel['sets'][number],
  model: GatewayModel,
): { readonly accepted: boolean; readonly reason: string; readonly message: string } {
  if (!allowed) return { accepted: false, reason: 'NotAllowed', message: 'The Gateway does not take ListenerSets of this namespace (spec.allowedListeners)' };
  const listeners = model.listeners.filter(({ owner }) => owner === set);
  return listeners.some(isValid)
    ? { accepted: true, reason: 'Accepted', message: 'ListenerSet is accepted' }
    : { accepted: false, reason: 'ListenersNotValid', message: 'No listener of the set is valid' };
}

function reconcileSet(set: ListenerSet, context: ControllerContext): void {
  const { view } = context;
  const { kind = 'Gateway', namespace = namespaceOf(set), name = '' } = set.spec?.parentRef ?? {};
  const gateway = kind === 'Gateway' ? view.find<Gateway>(`Gateway/${namespace}/${name}`) : undefined;
  if (gateway === undefined || implementationOf(classOf(gateway, view), view) === undefined) return;
  const model = modelOf(gateway, view);
  const own = model.sets.find((one) => one.set === set);
  if (own === undefined) return;
  const { accepted, reason, message } = setState(own, model);
  const listeners = model.listeners.filter(({ owner }) => owner === set);
  const { generation } = set.metadata;
  const said: readonly Said[] = [
    ['Accepted', accepted, reason, message],
    accepted ? ['Programmed', true, 'Programmed', 'Sending translated listener configuration to the data plane'] : ['Programmed', false, reason, message],
  ];
  const status = {
    conditions: conditionsFrom(said, set.status?.conditions, generation, context.timestamp),
    ...(listeners.length === 0 ? {} : { listeners: listeners.map((state) => listenerStatus(state, set.status?.listeners, generation, context.timestamp)) }),
  };
  writeStatus(set, status, context);
}

interface Faults {
  readonly unknown: readonly string[];
  readonly broken: readonly string[];
}
const faults = new WeakMap<object, Faults>();

/** Filters and expressions that cannot be kept; a status that is written leaves the spec what it is. */
function faultsOf({ spec }: Route): Faults {
  const rules = spec?.rules ?? [];
  let found = faults.get(rules);
  if (found === undefined) {
    found = { unknown: rules.flatMap(unknownFilters), broken: rules.flatMap(invalidExpressions) };
    faults.set(rules, found);
  }
  return found;
}

const references = perState(['Service', 'ReferenceGrant', 'InferencePool', 'BackendTLSPolicy', 'ConfigMap', 'Secret'], () => new Map<object, Said>());

function refsOf(route: Route, view: StoreView): Said {
  const known = references(view);
  // Grants go by the kind of the route and its namespace: rules belong to one route alone.
  const rules = route.spec?.rules;
  if (rules === undefined) return resolveAll(route, view);
  let said = known.get(rules);
  if (said === undefined) {
    said = resolveAll(route, view);
    known.set(rules, said);
  }
  return said;
}

/** Of all backends of a route the first that leads nowhere. */
function resolveAll(route: Route, view: StoreView): Said {
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

/** Gateways that somebody acts for, with the routes that they take. */
const gatewaysWithRoutes = (view: StoreView) =>
  view
    .list<Gateway>('Gateway')
    .filter((gateway) => implementationOf(classOf(gateway, view), view) !== undefined)
    .map((gateway) => ({ gateway, routes: modelOf(gateway, view).routes.flatMap(({ route, attached }) => (attached.accepted ? [route] : [])) }));

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

/** The Gateway that a parent is, or whose ListenerSet it is. */
function gatewayOf(reference: ParentReference, route: Route, view: StoreView): Gateway | undefined {
  const { group = GATEWAY_GROUP, kind = 'Gateway', namespace = namespaceOf(route), name } = reference;
  if (group !== GATEWAY_GROUP) return undefined;
  if (kind === 'Gateway') return view.find<Gateway>(`Gateway/${namespace}/${name}`);
  const set = kind === 'ListenerSet' ? view.find<ListenerSet>(`ListenerSet/${namespace}/${name}`) : undefined;
  const parent = set?.spec?.parentRef;
  return parent === undefined || (parent.kind ?? 'Gateway') !== 'Gateway'
    ? undefined
    : view.find<Gateway>(`Gateway/${parent.namespace ?? namespace}/${parent.name}`);
}

function reconcileRoute(route: Route, context: ControllerContext): void {
  const { view } = context;
  const parents: RouteParentStatus[] = [];
  const { unknown, broken } = faultsOf(route);
  const extension = (route.spec?.rules ?? []).map((rule) => extensionOf(rule, route, view).problem).find((one) => one !== undefined);
  for (const reference of route.spec?.parentRefs ?? []) {
    const gateway = gatewayOf(reference, route, view);
    const implementation = gateway === undefined ? undefined : implementationOf(classOf(gateway, view), view);
    if (gateway === undefined || implementation === undefined) continue;
    const attached = modelOf(gateway, view)
      .byRoute.get(objectKey(route))
      ?.find((one) => deepEqual(one.reference, reference))?.attached;
    if (attached === undefined) continue;
    const accepted: Said =
      (route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute') && unknown.length > 0
        ? ['Accepted', false, 'UnsupportedValue', `Filters that are not supported: ${[...new Set(unknown)].join(', ')}`]
        : attached.accepted && extension !== undefined
          ? ['Accepted', false, 'UnsupportedValue', extension]
          : attached.accepted && broken.length > 0
            ? ['Accepted', false, 'UnsupportedValue', [...new Set(broken)].join('; ')]
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

const ALL = ['GatewayClass', 'Gateway', 'ListenerSet', ...ROUTE_KINDS, 'BackendTLSPolicy', 'InferencePool', ...POLICY_KINDS] as const;
const allKeys = (view: StoreView): readonly ObjectKey[] => ALL.flatMap((kind) => view.list<KubeObject>(kind).map(objectKey));
const isRoute = (kind: string): boolean => (ROUTE_KINDS as readonly string[]).includes(kind);

export const gatewayController = defineController({
  name: 'gateway-controller',
  watches: [...ALL, 'HTTPRouteFilter', 'ReferenceGrant', 'Service', 'Deployment', 'Secret', 'ConfigMap', 'Namespace', 'Pod'],
  keysFor: (changed, view) => {
    if (view.list('Gateway').length === 0 && view.list('GatewayClass').length === 0) return [];
    // Pods matter where a controller's own come and go, Deployments where somebody changes what was made.
    if (changed.kind === 'Pod')
      return changed.metadata.labels?.['control-plane'] === 'envoy-gateway' || changed.metadata.labels?.app === 'istiod' ? allKeys(view) : [];
    if (changed.kind === 'Deployment') return ['Gateway', 'InferencePool'].flatMap((kind) => view.list<KubeObject>(kind).map(objectKey));
    // Other routes do not care for this one; its Gateways count it, and policies are listed with them.
    if (isRoute(changed.kind))
      return [
        objectKey(changed),
        ...['Gateway', 'ListenerSet', 'BackendTLSPolicy', 'InferencePool', ...POLICY_KINDS].flatMap((kind) => view.list<KubeObject>(kind).map(objectKey)),
      ];
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
    else if (object.kind === 'ListenerSet') reconcileSet(object as ListenerSet, context);
    else if (object.kind === 'InferencePool') reconcilePool(object as InferencePool, gatewaysWithRoutes(context.view), context);
    else if (object.kind === 'BackendTLSPolicy') reconcilePolicy(object as BackendTlsPolicy, context);
    else if (isRoute(object.kind)) reconcileRoute(object as Route, context);
    else if ((POLICY_KINDS as readonly string[]).includes(object.kind)) reconcileTrafficPolicy(object as Policy, context);
  },
});
