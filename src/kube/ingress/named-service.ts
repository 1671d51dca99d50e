/** Who answers at a URL that names a Service of the cluster: its ready endpoints. */
import type { StoreView } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { type EndpointSlice, type Service, serviceNameLabel } from '../service/types.ts';

export interface NamedEndpoints {
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  /** As in the Host header. */
  readonly host: string;
  readonly path: string;
}

/** Ready endpoints of one port of a Service, in order of address. */
export function readyEndpoints(service: Service, portName: string, view: StoreView): NamedEndpoints['endpoints'] {
  const found = new Map<string, { ip: string; port: number }>();
  for (const slice of view.select<EndpointSlice>('EndpointSlice', namespaceOf(service), { [serviceNameLabel]: service.metadata.name })) {
    const port = slice.ports?.find((one) => (one.name ?? '') === portName && (one.protocol ?? 'TCP') === 'TCP')?.port;
    if (port === undefined || port === null) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const ip = addresses?.[0];
      if (ip !== undefined && conditions?.ready !== false) found.set(`${ip} ${port}`, { ip, port });
    }
  }
  return [...found.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

/** `http://auth.default.svc.cluster.local:8080/verify?x`; undefined where the name is no Service's, or the scheme is not http. A Service without endpoints has none. */
export function endpointsAt(url: string, namespace: string, view: StoreView): NamedEndpoints | undefined {
  const match = /^http:\/\/([a-z0-9.-]+)(?::(\d{1,5}))?(\/.*)?$/i.exec(url);
  const [name = '', space = namespace, svc] = (match?.[1] ?? '').toLowerCase().split('.');
  if (match === null || (svc !== undefined && svc !== 'svc')) return undefined;
  const service = view.find<Service>(`Service/${space}/${name}`);
  const port = Number(match[2] ?? 80);
  const found = service?.spec.ports?.find((one) => one.port === port);
  if (service === undefined || found === undefined) return undefined;
  return {
    endpoints: readyEndpoints(service, found.name ?? '', view),
    host: `${match[1] ?? ''}${match[2] === undefined ? '' : `:${match[2]}`}`,
    path: match[3] ?? '/',
  };
}
