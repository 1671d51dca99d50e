/** A Gateway with all that belongs to it: the listeners that work and those that do not, the routes at each, and the proxy configuration that follows. */
import type { HttpProxyConfig, ProxyBackend, ProxyHost } from '../../net/app/proxy/config.ts';
import type { StreamBackend, StreamProxyConfig, StreamRoute } from '../../net/app/proxy/stream-proxy.ts';
import type { UdpProxyConfig } from '../../net/app/proxy/udp-proxy.ts';
import type { ClientTlsConfig } from '../../net/app/tls/config.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { type Attached, attach, isParent, isSupportedProtocol, kindsOf } from './attach.ts';
import { byRank, type CompiledRoute, compileRoute } from './compile-route.ts';
import { type Conflict, conflictsOf, isSetAllowed, type ListenerOwner, type ListenerSet, listenerSetsOf } from './listener-set.ts';
import { policiesFor } from './policies/apply.ts';
import { resolveBackend } from './references.ts';
import { backendIdentity, endsTls, frontendState, listenerIdentities, serverTls } from './tls.ts';
import type { Gateway, Listener, ParentReference, Route } from './types.ts';

export const ROUTE_KINDS = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const;

export interface ListenerState {
  readonly listener: Listener;
  /** The Gateway, or the ListenerSet that it comes from. */
  readonly owner: ListenerOwner;
  readonly conflict?: Conflict;
  readonly kinds: readonly string[];
  readonly accepted: { readonly ok: boolean; readonly reason: string; readonly message: string };
  readonly resolved: { readonly ok: boolean; readonly reason: string; readonly message: string };
  readonly attachedRoutes: number;
}

export interface RouteAttachment {
  readonly route: Route;
  readonly reference: ParentReference;
  readonly attached: Attached;
}

export interface GatewayModel {
  readonly gateway: Gateway;
  /** Its own, then those of the ListenerSets that it takes. */
  readonly listeners: readonly ListenerState[];
  /** All that name it, whether it takes them or not. */
  readonly sets: readonly { readonly set: ListenerSet; readonly allowed: boolean }[];
  readonly routes: readonly RouteAttachment[];
  readonly byRoute: ReadonlyMap<ObjectKey, readonly RouteAttachment[]>;
}

const CONFLICTS: Readonly<Record<Conflict, string>> = {
  ProtocolConflict: 'All listeners for a given port must use a compatible protocol',
  HostnameConflict: 'All listeners for a given port must use a unique hostname',
};

function listenerState(
  gateway: Gateway,
  owner: ListenerOwner,
  listener: Listener,
  conflict: Conflict | undefined,
  view: StoreView,
): Omit<ListenerState, 'attachedRoutes'> {
  const { kinds, invalid } = kindsOf(listener);
  const own = listenerIdentities(owner, listener, view).resolved;
  const certificates = own.ok ? frontendState(gateway, listener, view) : own;
  const resolved = invalid
    ? { ok: false, reason: 'InvalidRouteKinds', message: 'A route kind that is not supported by this listener was specified in allowedRoutes.kinds' }
    : certificates;
  const accepted =
    conflict !== undefined
      ? { ok: false, reason: conflict, message: CONFLICTS[conflict] }
      : isSupportedProtocol(listener.protocol)
        ? { ok: true, reason: 'Accepted', message: 'Listener has been successfully translated' }
        : { ok: false, reason: 'UnsupportedProtocol', message: `Protocol ${listener.protocol} is unsupported, must be HTTP, HTTPS, TLS, TCP or UDP.` };
  return { listener, owner, kinds, accepted, resolved, ...(conflict === undefined ? {} : { conflict }) };
}

/** Routes take part in listeners that are accepted, whether or not their certificates are there. */
export function gatewayModel(gateway: Gateway, view: StoreView): GatewayModel {
  const sets = listenerSetsOf(gateway, view).map((set) => ({ set, allowed: isSetAllowed(set, gateway, view) }));
  const owners: readonly ListenerOwner[] = [gateway, ...sets.filter(({ allowed }) => allowed).map(({ set }) => set)];
  const owned = owners.flatMap((owner) => (owner.spec?.listeners ?? []).map((listener) => ({ listener, owner })));
  const conflicts = conflictsOf(owned);
  const states = owned.map(({ listener, owner }) => listenerState(gateway, owner, listener, conflicts.get(listener), view));
  const working = states.filter(({ accepted }) => accepted.ok);
  const named: readonly ListenerOwner[] = [gateway, ...sets.map(({ set }) => set)];
  const routes = ROUTE_KINDS.flatMap((kind) =>
    view.list<Route>(kind).flatMap((route) =>
      (route.spec?.parentRefs ?? []).flatMap((reference) => {
        const parent = named.find((owner) => isParent(reference, route, owner));
        if (parent === undefined) return [];
        const listeners = working.filter(({ owner }) => owner === parent);
        return [{ route, reference, attached: attach(route, reference, listeners, view) }];
      }),
    ),
  );
  const byRoute = new Map<ObjectKey, RouteAttachment[]>();
  for (const one of routes) {
    const key = objectKey(one.route);
    const known = byRoute.get(key);
    if (known === undefined) byRoute.set(key, [one]);
    else known.push(one);
  }
  const count = (listener: Listener): number =>
    new Set(routes.filter(({ attached }) => attached.accepted && attached.to.some((one) => one.listener === listener)).map(({ route }) => objectKey(route)))
      .size;
  return { gateway, listeners: states.map((state) => ({ ...state, attachedRoutes: count(state.listener) })), sets, routes, byRoute };
}

/** With what the Gateway shows to backends that ask for it. */
function withIdentity<B extends { readonly tls?: ClientTlsConfig }>(backend: B, gateway: Gateway, view: StoreView): B {
  const identity = backend.tls === undefined ? undefined : backendIdentity(gateway, view)?.identity;
  return identity === undefined ? backend : { ...backend, tls: { ...backend.tls, identity } };
}

/** A configuration for each port with HTTP or HTTPS listeners. */
export function compileGateway(
  model: GatewayModel,
  containerPort: (port: number) => number,
  view: StoreView,
  /** Envoy Gateway's policies count. */
  withPolicies = false,
): readonly { readonly port: number; readonly config: HttpProxyConfig; readonly routes: readonly ObjectKey[] }[] {
  const http = model.listeners.filter(
    ({ listener, accepted, resolved }) => accepted.ok && (listener.protocol === 'HTTP' || (listener.protocol === 'HTTPS' && resolved.ok)),
  );
  return [...new Set(http.map(({ listener }) => listener.port))]
    .sort((a, b) => a - b)
    .map((port) => {
      const backends = new Map<string, ProxyBackend>();
      const compiled = new Map<Route, readonly CompiledRoute[]>();
      const used = new Set<ObjectKey>();
      const decorate = withPolicies ? policiesFor(model.gateway, view, backends) : undefined;
      const hosts = http
        .filter(({ listener }) => listener.port === port)
        .map(({ listener }): ProxyHost => {
          const byHost = new Map<string, CompiledRoute[]>();
          for (const { route, attached } of model.routes) {
            if ((route.kind !== 'HTTPRoute' && route.kind !== 'GRPCRoute') || !attached.accepted) continue;
            for (const { listener: own, hostnames } of attached.to) {
              if (own !== listener) continue;
              let routes = compiled.get(route);
              if (routes === undefined) {
                routes = compileRoute(route, view, backends);
                compiled.set(route, routes);
              }
              used.add(objectKey(route));
              const decorated = decorate?.(listener, route, routes) ?? routes;
              for (const name of hostnames) byHost.set(name, [...(byHost.get(name) ?? []), ...decorated]);
            }
          }
          return {
            name: listener.hostname?.toLowerCase() ?? '',
            routes: [],
            hosts: [...byHost].map(([name, routes]) => ({ name, routes: routes.sort(byRank).map(({ route }) => route) })),
          };
        });
      const secure = http.filter(({ listener }) => listener.port === port && listener.protocol === 'HTTPS');
      const tls = secure.length === 0 ? {} : { tls: serverTls(model.gateway, secure, view) };
      const config: HttpProxyConfig = {
        ...tls,
        port: containerPort(port),
        publicPort: port,
        flavour: 'envoy',
        hosts,
        backends: [...backends.values()].map((one) => withIdentity(one, model.gateway, view)),
      };
      return { port, config, routes: [...used].sort() };
    });
}

/** A configuration for each port with TLS listeners: TLSRoutes, by the name in the hello. A port that HTTPS has too is HTTPS' alone. */
export function compileStreams(
  model: GatewayModel,
  containerPort: (port: number) => number,
  view: StoreView,
): readonly { readonly port: number; readonly config: StreamProxyConfig; readonly routes: readonly ObjectKey[] }[] {
  const taken = new Set(model.listeners.filter(({ listener }) => listener.protocol === 'HTTPS').map(({ listener }) => listener.port));
  const streams = model.listeners.filter(
    ({ listener, accepted, resolved }) => accepted.ok && resolved.ok && listener.protocol === 'TLS' && !taken.has(listener.port),
  );
  return [...new Set(streams.map(({ listener }) => listener.port))]
    .sort((a, b) => a - b)
    .map((port) => {
      const listeners = streams.filter(({ listener }) => listener.port === port);
      const used = new Set<ObjectKey>();
      const routes = listeners.flatMap(({ listener }) =>
        model.routes.flatMap(({ route, attached }): StreamRoute[] => {
          if (route.kind !== 'TLSRoute' || !attached.accepted) return [];
          const hostnames = attached.to.find(({ listener: own }) => own === listener)?.hostnames ?? [];
          if (hostnames.length === 0) return [];
          used.add(objectKey(route));
          const backends = streamBackends(route, model.gateway, view);
          return hostnames.map((name) => ({
            owner: `TLSRoute ${namespaceOf(route)}/${route.metadata.name}`,
            name: name.toLowerCase(),
            ends: endsTls(listener),
            backends,
          }));
        }),
      );
      const ending = listeners.filter(({ listener }) => endsTls(listener));
      const tls = ending.length === 0 ? {} : { tls: serverTls(model.gateway, ending, view) };
      return { port, config: { port: containerPort(port), byName: true, routes, ...tls }, routes: [...used].sort() };
    });
}

const streamBackends = (route: Route, gateway: Gateway, view: StoreView): readonly StreamBackend[] =>
  (route.spec?.rules ?? []).flatMap(({ backendRefs = [] }) =>
    backendRefs.map((reference) => {
      const backend = withIdentity(resolveBackend(route, reference, view).backend, gateway, view);
      return {
        name: backend.name,
        weight: reference.weight ?? 1,
        endpoints: backend.endpoints,
        ...(backend.tls === undefined ? {} : { tls: backend.tls }),
      };
    }),
  );

/** A configuration for each port of TCP or UDP. Of several routes at one port the oldest has it: nothing in what comes could tell them apart. */
export function compilePlain(
  model: GatewayModel,
  protocol: 'TCP' | 'UDP',
  containerPort: (port: number) => number,
  view: StoreView,
): readonly { readonly port: number; readonly config: StreamProxyConfig | UdpProxyConfig; readonly routes: readonly ObjectKey[] }[] {
  const kind = `${protocol}Route`;
  const age = ({ metadata }: Route): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace ?? ''}/${metadata.name}`;
  return model.listeners
    .filter(({ listener, accepted, resolved }) => accepted.ok && resolved.ok && listener.protocol === protocol)
    .map(({ listener }) => {
      const [route] = model.routes
        .filter((one) => one.route.kind === kind && one.attached.accepted && one.attached.to.some((to) => to.listener === listener))
        .map((one) => one.route)
        .sort((a, b) => (age(a) < age(b) ? -1 : 1));
      const backends = route === undefined ? [] : streamBackends(route, model.gateway, view);
      const owner = route === undefined ? 'no route' : `${kind} ${namespaceOf(route)}/${route.metadata.name}`;
      const port = containerPort(listener.port);
      return {
        port: listener.port,
        config: protocol === 'UDP' ? { port, backends } : { port, byName: false, routes: [{ owner, name: '', ends: false, backends }] },
        routes: route === undefined ? [] : [objectKey(route)],
      };
    });
}
