/** A Gateway with all that belongs to it: the listeners that work and those that do not, the routes at each, and the proxy configuration that follows. */
import type { HttpProxyConfig, ProxyBackend, ProxyHost } from '../../net/app/proxy/config.ts';
import type { StreamProxyConfig, StreamRoute } from '../../net/app/proxy/stream-proxy.ts';
import type { ClientTlsConfig } from '../../net/app/tls/config.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { type Attached, attach, isParent, isSupportedProtocol, kindsOf } from './attach.ts';
import { byRank, type CompiledRoute, compileRoute } from './compile-route.ts';
import { resolveBackend } from './references.ts';
import { backendIdentity, endsTls, frontendState, listenerIdentities, serverTls } from './tls.ts';
import type { Gateway, Listener, ParentReference, Route } from './types.ts';

export const ROUTE_KINDS = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const;

export interface ListenerState {
  readonly listener: Listener;
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
  readonly listeners: readonly ListenerState[];
  readonly routes: readonly RouteAttachment[];
}

function listenerState(gateway: Gateway, listener: Listener, view: StoreView): Omit<ListenerState, 'attachedRoutes'> {
  const { kinds, invalid } = kindsOf(listener);
  const own = listenerIdentities(gateway, listener, view).resolved;
  const certificates = own.ok ? frontendState(gateway, listener, view) : own;
  const resolved = invalid
    ? { ok: false, reason: 'InvalidRouteKinds', message: 'A route kind that is not supported by this listener was specified in allowedRoutes.kinds' }
    : certificates;
  const accepted = isSupportedProtocol(listener.protocol)
    ? { ok: true, reason: 'Accepted', message: 'Listener has been successfully translated' }
    : { ok: false, reason: 'UnsupportedProtocol', message: `Protocol ${listener.protocol} is unsupported, must be HTTP, HTTPS, TLS, TCP or UDP.` };
  return { listener, kinds, accepted, resolved };
}

/** Routes take part in listeners that are accepted, whether or not their certificates are there. */
export function gatewayModel(gateway: Gateway, view: StoreView): GatewayModel {
  const states = (gateway.spec?.listeners ?? []).map((listener) => listenerState(gateway, listener, view));
  const working = states.filter(({ accepted }) => accepted.ok).map(({ listener }) => listener);
  const routes = ROUTE_KINDS.flatMap((kind) =>
    view
      .list<Route>(kind)
      .flatMap((route) =>
        (route.spec?.parentRefs ?? [])
          .filter((reference) => isParent(reference, route, gateway))
          .map((reference) => ({ route, reference, attached: attach(route, reference, gateway, working, view) })),
      ),
  );
  const count = ({ name }: Listener): number =>
    new Set(
      routes.filter(({ attached }) => attached.accepted && attached.to.some(({ listener }) => listener.name === name)).map(({ route }) => objectKey(route)),
    ).size;
  return { gateway, listeners: states.map((state) => ({ ...state, attachedRoutes: count(state.listener) })), routes };
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
      const hosts = http
        .filter(({ listener }) => listener.port === port)
        .map(({ listener }): ProxyHost => {
          const byHost = new Map<string, CompiledRoute[]>();
          for (const { route, attached } of model.routes) {
            if (route.kind !== 'HTTPRoute' || !attached.accepted) continue;
            for (const { listener: own, hostnames } of attached.to) {
              if (own.name !== listener.name) continue;
              let routes = compiled.get(route);
              if (routes === undefined) {
                routes = compileRoute(route, view, backends);
                compiled.set(route, routes);
              }
              used.add(objectKey(route));
              for (const name of hostnames) byHost.set(name, [...(byHost.get(name) ?? []), ...routes]);
            }
          }
          return {
            name: listener.hostname?.toLowerCase() ?? '',
            routes: [],
            hosts: [...byHost].map(([name, routes]) => ({ name, routes: routes.sort(byRank).map(({ route }) => route) })),
          };
        });
      const secure = http.map(({ listener }) => listener).filter((one) => one.port === port && one.protocol === 'HTTPS');
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
      const listeners = streams.map(({ listener }) => listener).filter((one) => one.port === port);
      const used = new Set<ObjectKey>();
      const routes = listeners.flatMap((listener) =>
        model.routes.flatMap(({ route, attached }): StreamRoute[] => {
          if (route.kind !== 'TLSRoute' || !attached.accepted) return [];
          const hostnames = attached.to.find(({ listener: own }) => own.name === listener.name)?.hostnames ?? [];
          if (hostnames.length === 0) return [];
          used.add(objectKey(route));
          const backends = (route.spec?.rules ?? []).flatMap(({ backendRefs = [] }) =>
            backendRefs.map((reference) => {
              const backend = withIdentity(resolveBackend(route, reference, view).backend, model.gateway, view);
              return {
                name: backend.name,
                weight: reference.weight ?? 1,
                endpoints: backend.endpoints,
                ...(backend.tls === undefined ? {} : { tls: backend.tls }),
              };
            }),
          );
          return hostnames.map((name) => ({
            owner: `TLSRoute ${namespaceOf(route)}/${route.metadata.name}`,
            name: name.toLowerCase(),
            ends: endsTls(listener),
            backends,
          }));
        }),
      );
      const ending = listeners.filter(endsTls);
      const tls = ending.length === 0 ? {} : { tls: serverTls(model.gateway, ending, view) };
      return { port, config: { port: containerPort(port), byName: true, routes, ...tls }, routes: [...used].sort() };
    });
}
