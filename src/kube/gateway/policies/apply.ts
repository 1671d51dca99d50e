/** What policies make of compiled routes: filters before the backend, and how the backend is asked. */
import type { BackendPolicy, ProxyBackend, ProxyRoute } from '../../../net/app/proxy/config.ts';
import { objectKey, type StoreView } from '../../../objects/types.ts';
import type { CompiledRoute } from '../compile-route.ts';
import type { Gateway, Listener, Route } from '../types.ts';
import { policiesOf, policyAt } from './attach.ts';
import { type CompiledSecurity, compileSecurity, type SecurityPolicy } from './security.ts';
import { type BackendTrafficPolicy, type CompiledTraffic, compileTraffic } from './traffic.ts';

export type Decorate = (listener: Listener, route: Route, routes: readonly CompiledRoute[]) => readonly CompiledRoute[];

/** For one Gateway; `backends` gets what filters ask. Without policies routes stay what they are. */
export function policiesFor(gateway: Gateway, view: StoreView, backends: Map<string, ProxyBackend>): Decorate {
  const security = policiesOf<SecurityPolicy>('SecurityPolicy', view);
  const traffic = policiesOf<BackendTrafficPolicy>('BackendTrafficPolicy', view);
  if (security.length + traffic.length === 0) return (_listener, _route, routes) => routes;
  const compiledSecurity = new Map<SecurityPolicy, CompiledSecurity>();
  const compiledTraffic = new Map<BackendTrafficPolicy, CompiledTraffic>();
  const secure = (policy: SecurityPolicy): CompiledSecurity => {
    let compiled = compiledSecurity.get(policy);
    if (compiled === undefined) {
      compiled = compileSecurity(policy, view);
      compiledSecurity.set(policy, compiled);
      for (const backend of compiled.backends) backends.set(backend.name, backend);
    }
    return compiled;
  };
  const regulate = (policy: BackendTrafficPolicy): CompiledTraffic => {
    let compiled = compiledTraffic.get(policy);
    if (compiled === undefined) {
      compiled = compileTraffic(policy);
      compiledTraffic.set(policy, compiled);
    }
    return compiled;
  };
  return (listener, route, routes) =>
    routes.map((one) => {
      const place = { gateway, listener, route, rule: one.rule };
      const safe = policyAt(security, place, view);
      const busy = policyAt(traffic, place, view);
      if (safe === undefined && busy === undefined) return one;
      const { filters, cors } = safe === undefined ? {} : secure(safe);
      const compiled = busy === undefined ? undefined : regulate(busy);
      const regulated = changed(one.route, filters, cors, compiled, busy);
      return { ...one, route: compiled?.backend === undefined ? regulated : withBackendPolicy(regulated, compiled.backend, backends) };
    });
}

/** The same endpoints asked in another manner are another backend, as in Envoy, where each rule has clusters of its own. */
function withBackendPolicy(route: ProxyRoute, policy: BackendPolicy, backends: Map<string, ProxyBackend>): ProxyRoute {
  const { action } = route;
  if (action.kind !== 'forward') return route;
  const targets = action.targets.map((target) => {
    const name = `${target.backend} by ${policy.source ?? ''}`;
    const backend = backends.get(target.backend);
    if (backend !== undefined && backend.fails === undefined) backends.set(name, { ...backend, name, policy });
    return backend === undefined || backend.fails !== undefined ? target : { ...target, backend: name };
  });
  return { ...route, action: { ...action, targets } };
}

function changed(
  route: ProxyRoute,
  filters: CompiledSecurity['filters'] | undefined,
  cors: CompiledSecurity['cors'],
  traffic: CompiledTraffic | undefined,
  policy: BackendTrafficPolicy | undefined,
): ProxyRoute {
  const broken = traffic?.problem !== undefined || filters?.broken === true;
  const { action } = route;
  return {
    ...route,
    // A rule's own CORS filter is nearer than a policy's.
    ...(cors === undefined || route.cors !== undefined ? {} : { cors }),
    ...(traffic?.forward === undefined || action.kind !== 'forward' ? {} : { action: { ...action, ...traffic.forward } }),
    ...(traffic?.fault === undefined ? {} : { fault: traffic.fault }),
    filters: {
      ...filters,
      ...(traffic?.limits === undefined ? {} : { limits: traffic.limits }),
      ...(policy === undefined ? {} : { traffic: objectKey(policy) }),
      ...(broken ? { broken: true as const } : {}),
    },
  };
}
