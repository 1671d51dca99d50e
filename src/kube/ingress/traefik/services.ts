/** Services as Traefik knows them: servers straight from EndpointSlices. Traefik: pkg/provider/kubernetes/{ingress,crd}. */

import { sha1 } from '../../../base/sha1.ts';
import type { Sticky } from '../../../net/app/proxy/steps/config.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { type Service, serviceType } from '../../service/types.ts';
import { readyEndpoints } from '../named-service.ts';
import type { CookieSpec, Server, TService } from './types.ts';

export type FoundServers =
  | { readonly ok: true; readonly servers: readonly Server[]; readonly https: boolean; readonly object: ObjectKey; readonly port: number }
  | { readonly ok: false; readonly error: string };

export interface WantedService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number | string | undefined;
  readonly scheme: string;
  readonly nativeLb: boolean;
}

const urlOf = (scheme: string, ip: string, port: number): string => `${scheme}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

export function findServers({ namespace, name, port, scheme, nativeLb }: WantedService, view: StoreView): FoundServers {
  const service = view.find<Service>(`Service/${namespace}/${name}`);
  if (service === undefined) return { ok: false, error: `kubernetes service not found: ${namespace}/${name}` };
  if (serviceType(service) === 'ExternalName') return { ok: false, error: `externalName services not allowed: ${namespace}/${name}` };
  const ports = service.spec.ports ?? [];
  const found =
    port === undefined || port === '' || port === 0 ? (ports.length === 1 ? ports[0] : undefined) : ports.find((one) => one.port === port || one.name === port);
  if (found === undefined) return { ok: false, error: port === undefined ? 'no port specified' : 'service port not found' };
  const protocol = scheme !== '' ? scheme : found.port === 443 || found.name?.startsWith('https') === true ? 'https' : 'http';
  const { clusterIP } = service.spec;
  const endpoints =
    nativeLb && clusterIP !== undefined && clusterIP !== 'None' ? [{ ip: clusterIP, port: found.port }] : readyEndpoints(service, found.name ?? '', view);
  return {
    ok: true,
    https: protocol === 'https',
    port: found.port,
    object: objectKey(service),
    servers: endpoints.map((one) => ({ ...one, url: urlOf(protocol === 'h2c' ? 'http' : protocol, one.ip, one.port) })),
  };
}

/** pkg/server/cookie: an underscore and five digits of SHA-1. */
export function stickyOf(cookie: CookieSpec | undefined, service: string): Sticky | undefined {
  if (cookie === undefined) return undefined;
  const sameSite = { none: 'None', lax: 'Lax', strict: 'Strict' }[cookie.sameSite ?? ''];
  return {
    manner: 'traefik',
    cookie: cookie.name ?? `_${sha1(service).slice(0, 5)}`,
    path: cookie.path ?? '/',
    secure: cookie.secure === true,
    httpOnly: cookie.httpOnly === true,
    ...(cookie.maxAge === undefined || cookie.maxAge === 0 ? {} : { maxAgeSeconds: cookie.maxAge }),
    ...(sameSite === undefined ? {} : { sameSite }),
  };
}

export interface Transport extends KubeObject {
  readonly spec?: { readonly insecureSkipVerify?: boolean; readonly serverName?: string };
}

export const serviceFrom = (
  name: string,
  found: Extract<FoundServers, { readonly ok: true }>,
  passHost: boolean,
  sticky: Sticky | undefined,
  transport?: Transport,
): TService => ({
  name,
  servers: found.servers,
  passHost,
  // Nobody that signs certificates for backends is believed, unless a ServersTransport says that all will do.
  tls: found.https
    ? {
        why: `${name} is spoken to in HTTPS`,
        ...(transport?.spec?.serverName === undefined ? {} : { serverName: transport.spec.serverName }),
        ...(transport?.spec?.insecureSkipVerify === true ? {} : { ca: '' }),
      }
    : undefined,
  sticky,
  weighted: undefined,
  mirrors: [],
  object: found.object,
});
