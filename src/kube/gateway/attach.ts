/** Which routes belong to which listeners, and why others do not. sigs.k8s.io/gateway-api: apis/v1/{gateway,httproute,shared}_types.go. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { matchesSelector } from '../label-selector.ts';
import { namespaceOf } from '../pod/types.ts';
import type { ListenerOwner, OwnedListener } from './listener-set.ts';
import { GATEWAY_GROUP, type Listener, type ParentReference, type Route } from './types.ts';

/** What a listener takes by its protocol. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  HTTP: ['HTTPRoute', 'GRPCRoute'],
  HTTPS: ['HTTPRoute', 'GRPCRoute'],
  TLS: ['TLSRoute', 'TCPRoute'],
  TCP: ['TCPRoute'],
  UDP: ['UDPRoute'],
};

export const isSupportedProtocol = (protocol: string): boolean => Object.hasOwn(KINDS, protocol);

/** The kinds that it takes, and whether it asks for one that it cannot. */
export function kindsOf(listener: Listener): { readonly kinds: readonly string[]; readonly invalid: boolean } {
  const { protocol, tls } = listener;
  const own = protocol === 'TLS' && tls?.mode === 'Passthrough' ? ['TLSRoute'] : (KINDS[protocol] ?? []);
  const asked = listener.allowedRoutes?.kinds ?? [];
  if (asked.length === 0) return { kinds: own, invalid: false };
  const kinds = asked.filter((one) => (one.group ?? GATEWAY_GROUP) === GATEWAY_GROUP && own.includes(one.kind)).map((one) => one.kind);
  return { kinds, invalid: kinds.length < asked.length };
}

/** `*.example.com` and `a.example.com` meet in the latter; undefined where nothing is in both. */
export function meet(a: string | undefined, b: string | undefined): string | undefined {
  const [x, y] = [a?.toLowerCase() ?? '', b?.toLowerCase() ?? ''];
  if (x === '' || x === y) return y;
  if (y === '') return x;
  const below = (name: string, wildcard: string): boolean => wildcard.startsWith('*.') && name.endsWith(wildcard.slice(1)) && name.length > wildcard.length - 1;
  if (below(y, x)) return y;
  return below(x, y) ? x : undefined;
}

export function isNamespaceAllowed(listener: Listener, owner: ListenerOwner, namespace: string, view: StoreView): boolean {
  const rule = listener.allowedRoutes?.namespaces;
  switch (rule?.from ?? 'Same') {
    case 'All':
      return true;
    case 'Selector':
      return matchesSelector(rule?.selector, view.find<KubeObject>(`Namespace/${namespace}`)?.metadata.labels ?? {});
    default:
      return namespace === namespaceOf(owner);
  }
}

export interface Attachment {
  readonly listener: Listener;
  /** Of the route, as far as the listener has them; `''` for any. */
  readonly hostnames: readonly string[];
}

export type Attached =
  | { readonly accepted: true; readonly to: readonly Attachment[] }
  | { readonly accepted: false; readonly reason: 'NoMatchingParent' | 'NotAllowedByListeners' | 'NoMatchingListenerHostname'; readonly message: string };

/** A reference to a Gateway means its own listeners, not those of its ListenerSets. */
export const isParent = (reference: ParentReference, route: KubeObject, owner: ListenerOwner): boolean =>
  (reference.group ?? GATEWAY_GROUP) === GATEWAY_GROUP &&
  (reference.kind ?? 'Gateway') === owner.kind &&
  reference.name === owner.metadata.name &&
  (reference.namespace ?? namespaceOf(route)) === namespaceOf(owner);

const hasHostnames = (kind: string): boolean => kind === 'HTTPRoute' || kind === 'GRPCRoute' || kind === 'TLSRoute';

/** `listeners` are those that work, of the Gateway or ListenerSet that the reference names. */
export function attach(route: Route, reference: ParentReference, listeners: readonly OwnedListener[], view: StoreView): Attached {
  const named = listeners.filter(
    ({ listener }) =>
      (reference.sectionName === undefined || listener.name === reference.sectionName) && (reference.port === undefined || listener.port === reference.port),
  );
  if (named.length === 0) return { accepted: false, reason: 'NoMatchingParent', message: 'No listeners match this parent ref' };
  const allowed = named.filter(
    ({ listener, owner }) => kindsOf(listener).kinds.includes(route.kind) && isNamespaceAllowed(listener, owner, namespaceOf(route), view),
  );
  if (allowed.length === 0)
    return { accepted: false, reason: 'NotAllowedByListeners', message: 'No listeners included by this parent ref allowed this attachment.' };
  const to = allowed.flatMap(({ listener }): Attachment[] => {
    if (!hasHostnames(route.kind)) return [{ listener, hostnames: [''] }];
    const wanted: readonly (string | undefined)[] = (route.spec?.hostnames ?? []).length === 0 ? [undefined] : (route.spec?.hostnames ?? []);
    const hostnames = wanted.flatMap((name) => {
      const both = meet(listener.hostname, name);
      return both === undefined ? [] : [both];
    });
    return hostnames.length === 0 ? [] : [{ listener, hostnames }];
  });
  return to.length > 0
    ? { accepted: true, to }
    : {
        accepted: false,
        reason: 'NoMatchingListenerHostname',
        message: 'There were no hostname intersections between the route and this parent ref’s listener(s).',
      };
}
