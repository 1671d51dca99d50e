/** ListenerSets: listeners that somebody else adds to a Gateway, whether it takes them, and whose come first. sigs.k8s.io/gateway-api: apis/v1/listenerset_types.go, GEP-1713. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { matchesSelector } from '../label-selector.ts';
import type { Condition } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Gateway, Listener, ListenerStatus, ParentReference } from './types.ts';
import { GATEWAY_GROUP } from './types.ts';

export interface ListenerSet extends KubeObject {
  readonly spec?: { readonly parentRef?: ParentReference; readonly listeners?: readonly Listener[] };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly listeners?: readonly ListenerStatus[] };
}

/** Whose listener it is: routes and grants speak of that object. */
export type ListenerOwner = Gateway | ListenerSet;

export interface OwnedListener {
  readonly listener: Listener;
  readonly owner: ListenerOwner;
}

const isFor = (set: ListenerSet, gateway: Gateway): boolean => {
  const { group = GATEWAY_GROUP, kind = 'Gateway', namespace = namespaceOf(set), name } = set.spec?.parentRef ?? { name: '' };
  return group === GATEWAY_GROUP && kind === 'Gateway' && name === gateway.metadata.name && namespace === namespaceOf(gateway);
};

/** All that name this Gateway, the oldest first, then by namespace and name. */
export function listenerSetsOf(gateway: Gateway, view: StoreView): readonly ListenerSet[] {
  const key = ({ metadata }: ListenerSet): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace ?? ''}/${metadata.name}`;
  return view
    .list<ListenerSet>('ListenerSet')
    .filter((set) => isFor(set, gateway))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The Gateway says from which namespaces; by itself from none. */
export function isSetAllowed(set: ListenerSet, gateway: Gateway, view: StoreView): boolean {
  const rule = gateway.spec?.allowedListeners?.namespaces;
  switch (rule?.from ?? 'None') {
    case 'All':
      return true;
    case 'Same':
      return namespaceOf(set) === namespaceOf(gateway);
    case 'Selector':
      return matchesSelector(rule?.selector, view.find<KubeObject>(`Namespace/${namespaceOf(set)}`)?.metadata.labels ?? {});
    default:
      return false;
  }
}

/** What may share a port: one kind of protocol on it, told apart by host names where it has them. */
const FAMILY: Readonly<Record<string, string>> = { HTTP: 'http', HTTPS: 'tls', TLS: 'tls', TCP: 'tcp', UDP: 'udp' };

export type Conflict = 'ProtocolConflict' | 'HostnameConflict';

/** The Gateway's own come first, then each set's in their order: who comes later gives way. */
export function conflictsOf(listeners: readonly OwnedListener[]): ReadonlyMap<Listener, Conflict> {
  const conflicts = new Map<Listener, Conflict>();
  const taken = new Map<string, { readonly family: string; readonly hostnames: Set<string> }>();
  for (const { listener } of listeners) {
    const { protocol, port, hostname = '' } = listener;
    const family = FAMILY[protocol];
    if (family === undefined) continue;
    // A port of UDP is another port.
    const place = `${family === 'udp' ? 'UDP' : 'TCP'} ${port}`;
    const there = taken.get(place);
    const name = `${protocol === 'TLS' ? '' : protocol} ${hostname.toLowerCase()}`;
    if (there === undefined) taken.set(place, { family, hostnames: new Set([name]) });
    else if (there.family !== family) conflicts.set(listener, 'ProtocolConflict');
    else if (there.hostnames.has(name)) conflicts.set(listener, 'HostnameConflict');
    else there.hostnames.add(name);
  }
  return conflicts;
}
