/** A Gateway with all that belongs to it: the listeners that work and those that do not, the routes at each, and the proxy configuration that follows. */
import type { HttpProxyConfig, ProxyBackend, ProxyHost } from '../../net/app/proxy/config.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { type Attached, attach, isParent, isSupportedProtocol, kindsOf } from './attach.ts';
import { byRank, type CompiledRoute, compileRoute } from './compile-route.ts';
import { isGranted } from './references.ts';
import { GATEWAY_GROUP, type Gateway, type Listener, type ParentReference, type Route } from './types.ts';

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

interface Secret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

const isPem = (text: string | undefined): boolean => {
  // A certificate that is none is told apart by its first line alone.
  return text?.startsWith('LS0tLS1CRUdJTi') === true;
};

function certificateState(gateway: Gateway, listener: Listener, view: StoreView): ListenerState['resolved'] {
  const good = { ok: true, reason: 'ResolvedRefs', message: 'Listener references have been resolved' };
  if (listener.protocol !== 'HTTPS' && !(listener.protocol === 'TLS' && listener.tls?.mode !== 'Passthrough')) return good;
  for (const reference of listener.tls?.certificateRefs ?? []) {
    const { group = '', kind = 'Secret', namespace = namespaceOf(gateway), name } = reference;
    const bad = (message: string) => ({ ok: false, reason: 'InvalidCertificateRef', message });
    if (group !== '' || kind !== 'Secret') return bad(`Listener's TLS certificate ref must be a Secret, not ${group}/${kind}.`);
    if (!isGranted({ group: GATEWAY_GROUP, kind: 'Gateway', namespace: namespaceOf(gateway) }, { group, kind, namespace, name }, view))
      return { ok: false, reason: 'RefNotPermitted', message: `Certificate ref to secret ${namespace}/${name} not permitted by any ReferenceGrant.` };
    const secret = view.find<Secret>(`Secret/${namespace}/${name}`);
    if (secret === undefined) return bad(`Secret ${namespace}/${name} does not exist.`);
    if (!isPem(secret.data?.['tls.crt']) || !isPem(secret.data?.['tls.key'])) return bad(`Secret ${namespace}/${name} must contain valid tls.crt and tls.key.`);
  }
  return good;
}

function listenerState(gateway: Gateway, listener: Listener, view: StoreView): Omit<ListenerState, 'attachedRoutes'> {
  const { kinds, invalid } = kindsOf(listener);
  const certificates = certificateState(gateway, listener, view);
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

/** A configuration for each port with HTTP listeners. */
export function compileGateway(
  model: GatewayModel,
  containerPort: (port: number) => number,
  view: StoreView,
): readonly { readonly port: number; readonly config: HttpProxyConfig; readonly routes: readonly ObjectKey[] }[] {
  const http = model.listeners.filter(({ listener, accepted }) => accepted.ok && listener.protocol === 'HTTP');
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
      const config: HttpProxyConfig = { port: containerPort(port), publicPort: port, flavour: 'envoy', hosts, backends: [...backends.values()] };
      return { port, config, routes: [...used].sort() };
    });
}
