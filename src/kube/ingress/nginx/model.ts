/**
 * The servers and locations that ingress-nginx makes of all Ingresses of its class, in nginx' order: first host, then path. Of two Ingresses that want the same
 * path the older one has it. ingress-nginx: internal/ingress/controller/{controller,location,store/store}.go.
 */

import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { type Service, serviceType } from '../../service/types.ts';
import type { Ingress, IngressBackend } from '../ingress.ts';
import { readyEndpoints } from '../named-service.ts';
import { textOf } from '../tls-secret.ts';
import { type Access, accessOf } from './access.ts';
import { type NginxSettings, settingsOf } from './annotations.ts';
import { certificateFor, defaultCertificate, type ServerCertificate } from './certificates.ts';
import type { ControllerFlags } from './controller-pods.ts';

export interface Upstream {
  /** `test-nginx-service-80` */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly port: string;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  /** What the controller logs of it: no such Service, no such port, no endpoints. */
  readonly problem?: string;
}

export interface Location {
  readonly path: string;
  readonly pathType: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  readonly ingress: Ingress;
  readonly settings: NginxSettings;
  readonly access: Access;
  readonly upstream: Upstream | undefined;
  /** PEM of those whose certificates its backend may have (proxy-ssl-secret). */
  readonly backendCa?: string;
  readonly canaries: readonly { readonly upstream: Upstream; readonly settings: NginxSettings }[];
}

export interface Server {
  /** `_` for any. */
  readonly hostname: string;
  readonly aliases: readonly string[];
  readonly locations: readonly Location[];
  /** One path is an expression, so all are. */
  readonly regex: boolean;
  /** What is shown in TLS; undefined: nobody asked for a certificate, the default one is shown. */
  readonly certificate: ServerCertificate | undefined;
  /** Its own certificate is there. */
  readonly hasTls: boolean;
  /** Whose certificates clients have to show. */
  readonly clients: ClientCertificates | undefined;
}

export interface NginxModel {
  readonly servers: readonly Server[];
  readonly upstreams: readonly Upstream[];
  readonly ingresses: readonly Ingress[];
  /** --default-ssl-certificate; undefined: the fake one. */
  readonly defaultCertificate: TlsIdentityConfig | undefined;
  /** What the controller logs of certificates, each line once. */
  readonly warnings: readonly string[];
  /** What it logs of Ingresses that are not its own, each line once. */
  readonly ignored: readonly string[];
}

interface ClassObject extends KubeObject {
  readonly spec?: { readonly controller?: string };
}

export const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** store.go: the annotation counts first, then the class' controller, then nothing at all. */
export function isOwnIngress(ingress: Ingress, flags: ControllerFlags, view: StoreView): boolean {
  if (flags.watchNamespace !== '' && namespaceOf(ingress) !== flags.watchNamespace) return false;
  const annotated = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  if (annotated !== undefined && annotated !== '') return annotated === flags.ingressClass;
  const className = ingress.spec?.ingressClassName;
  if (className === undefined || className === '') return flags.withoutClass;
  return view.find<ClassObject>(`IngressClass/${className}`)?.spec?.controller === flags.controllerClass;
}

/** store.go, in the store of which are only classes of its own. */
function ignoredLine(ingress: Ingress): string {
  const name = ingress.spec?.ingressClassName ?? '';
  const error = name === '' ? 'ingress does not contain a valid IngressClass' : `no object matching key \\"${name}\\" in local store`;
  return `"Ignoring ingress because of error while validating ingress class" ingress="${namespaceOf(ingress)}/${ingress.metadata.name}" error="${error}"`;
}

/** Older first, then by name. */
const byAge = (a: Ingress, b: Ingress): number => {
  const [x, y] = [a, b].map((one) => `${one.metadata.creationTimestamp ?? ''} ${namespaceOf(one)}/${one.metadata.name}`);
  return (x ?? '') < (y ?? '') ? -1 : (x ?? '') > (y ?? '') ? 1 : 0;
};

function upstreamOf(ingress: Ingress, backend: IngressBackend, settings: NginxSettings, view: StoreView): Upstream | undefined {
  const { service: reference } = backend;
  if (reference?.name === undefined) return undefined;
  const namespace = namespaceOf(ingress);
  const port = reference.port?.name ?? String(reference.port?.number ?? '');
  const base = { name: `${namespace}-${reference.name}-${port}`, namespace, service: reference.name, port };
  const service = view.find<Service>(`Service/${namespace}/${reference.name}`);
  if (service === undefined)
    return {
      ...base,
      endpoints: [],
      problem: `Error obtaining Endpoints for Service "${namespace}/${reference.name}": no object matching key "${namespace}/${reference.name}" in local store`,
    };
  if (serviceType(service) === 'ExternalName')
    return { ...base, endpoints: [], problem: `Service "${namespace}/${reference.name}" is of type ExternalName, which is not simulated here` };
  const found = service.spec.ports?.find((one) =>
    reference.port?.name === undefined ? one.port === reference.port?.number || String(one.targetPort) === port : one.name === reference.port.name,
  );
  if (found === undefined) return { ...base, endpoints: [], problem: `Service "${namespace}/${reference.name}" does not have a port named "${port}"` };
  const { clusterIP } = service.spec;
  const endpoints =
    settings.serviceUpstream && clusterIP !== undefined && clusterIP !== 'None'
      ? [{ ip: clusterIP, port: found.port }]
      : readyEndpoints(service, found.name ?? '', view);
  return { ...base, endpoints, ...(endpoints.length > 0 ? {} : { problem: `Service "${namespace}/${reference.name}" does not have any active Endpoint.` }) };
}

export interface ClientCertificates {
  /** PEM; '' where the Secret is missing or has no ca.crt: then nothing is served. */
  readonly ca: string;
  readonly secret: string;
  readonly verify: 'on' | 'optional' | 'optional_no_ca' | 'off';
  readonly ingress: string;
}

/** authtls: `namespace/name` of a Secret with ca.crt. */
function clientsOf(ingress: Ingress, { secret, verify }: NonNullable<NginxSettings['clients']>, view: StoreView): ClientCertificates {
  const key = secret.includes('/') ? secret : `${namespaceOf(ingress)}/${secret}`;
  return {
    ca: caOf(key, view),
    secret: key,
    verify,
    ingress: `${namespaceOf(ingress)}/${ingress.metadata.name}`,
  };
}

function caOf(key: string, view: StoreView): string {
  const found = view.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(`Secret/${key}`);
  return found === undefined ? '' : (textOf(found, 'ca.crt') ?? '');
}

interface Draft {
  readonly locations: Location[];
  readonly aliases: string[];
  certificate: ServerCertificate | undefined;
  clients: ClientCertificates | undefined;
  /** Of an Ingress with rules: where what matches none goes. */
  root: Location | undefined;
}

export function nginxModel(flags: ControllerFlags, view: StoreView): NginxModel {
  const ingresses = view.list<Ingress>('Ingress').filter((ingress) => ingress.metadata.deletionTimestamp === undefined && isOwnIngress(ingress, flags, view));
  const sorted = [...ingresses].sort(byAge);
  const drafts = new Map<string, Draft>([['_', { locations: [], aliases: [], certificate: undefined, clients: undefined, root: undefined }]]);
  const upstreams = new Map<string, Upstream>();
  const upstream = (ingress: Ingress, backend: IngressBackend | undefined, settings: NginxSettings): Upstream | undefined => {
    const made = backend === undefined ? undefined : upstreamOf(ingress, backend, settings, view);
    if (made !== undefined && !upstreams.has(made.name)) upstreams.set(made.name, made);
    return made === undefined ? undefined : upstreams.get(made.name);
  };
  const draftOf = (host: string): Draft => {
    const name = host === '' ? '_' : host;
    let draft = drafts.get(name);
    if (draft === undefined) {
      draft = { locations: [], aliases: [], certificate: undefined, clients: undefined, root: undefined };
      drafts.set(name, draft);
    }
    return draft;
  };
  for (const ingress of sorted) {
    const settings = settingsOf(ingress);
    if (settings.canary !== undefined) continue;
    const access = accessOf(ingress, settings.access, view);
    const fallback = upstream(ingress, ingress.spec?.defaultBackend, settings);
    const location = (path: string, pathType: Location['pathType'], to: Upstream | undefined): Location => ({
      path,
      pathType,
      ingress,
      settings,
      access,
      upstream: to,
      ...(settings.backendTls?.verify === true ? { backendCa: caOf(settings.backendTls.secret, view) } : {}),
      canaries: [],
    });
    if ((ingress.spec?.rules ?? []).length === 0 && fallback !== undefined) draftOf('').root ??= location('/', 'Prefix', fallback);
    for (const rule of ingress.spec?.rules ?? []) {
      const draft = draftOf(rule.host ?? '');
      draft.aliases.push(...settings.serverAliases);
      // The first Ingress of a host that has a certificate gives it.
      if (draft.certificate?.identity === undefined) draft.certificate = certificateFor(ingress, rule.host ?? '', view) ?? draft.certificate;
      if (settings.clients !== undefined) draft.clients ??= clientsOf(ingress, settings.clients, view);
      if (fallback !== undefined) draft.root ??= location('/', 'Prefix', fallback);
      for (const one of rule.http?.paths ?? []) {
        const path = one.path === undefined || one.path === '' ? '/' : one.path;
        const pathType = one.pathType === 'Exact' || one.pathType === 'Prefix' ? one.pathType : 'ImplementationSpecific';
        const taken = draft.locations.some((other) => other.path === path && (other.pathType === 'Exact') === (pathType === 'Exact'));
        const to = upstream(ingress, one.backend, settings);
        if (!taken) draft.locations.push(location(path, pathType, to));
      }
    }
  }
  for (const ingress of sorted) addCanary(ingress, drafts, (backend, settings) => upstream(ingress, backend, settings));
  const servers = [...drafts].map(([hostname, draft]): Server => {
    const locations =
      draft.root === undefined || draft.locations.some(({ path, pathType }) => path === '/' && pathType !== 'Exact')
        ? draft.locations
        : [...draft.locations, draft.root];
    const regex = locations.some(({ settings, path }) => settings.useRegex || (settings.rewriteTarget !== undefined && settings.rewriteTarget !== path));
    return {
      hostname,
      aliases: [...new Set(draft.aliases)],
      locations: inOrder(regex ? locations : spread(locations)),
      regex,
      certificate: draft.certificate,
      hasTls: draft.certificate?.identity !== undefined,
      clients: draft.clients,
    };
  });
  servers.sort((a, b) => (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : 0));
  const standard = defaultCertificate(flags.defaultCertificate, view);
  const warnings = new Set([...(standard?.ok === false ? [standard.problem] : []), ...servers.flatMap(({ certificate }) => certificate?.problems ?? [])]);
  return {
    servers,
    upstreams: [...upstreams.values()],
    ingresses: sorted,
    defaultCertificate: standard?.ok === true ? standard.identity : undefined,
    warnings: [...warnings],
    ignored: view
      .list<Ingress>('Ingress')
      .flatMap((one) =>
        isOwnIngress(one, flags, view) || (flags.watchNamespace !== '' && namespaceOf(one) !== flags.watchNamespace) ? [] : [ignoredLine(one)],
      ),
  };
}

/** A canary joins the location of the same host and path; without one it is left aside. */
function addCanary(
  ingress: Ingress,
  drafts: ReadonlyMap<string, Draft>,
  upstream: (backend: IngressBackend | undefined, settings: NginxSettings) => Upstream | undefined,
): void {
  const settings = settingsOf(ingress);
  if (settings.canary === undefined) return;
  for (const rule of ingress.spec?.rules ?? []) {
    const draft = drafts.get(rule.host === undefined || rule.host === '' ? '_' : rule.host);
    for (const one of rule.http?.paths ?? []) {
      const path = one.path === undefined || one.path === '' ? '/' : one.path;
      const at = draft?.locations.findIndex((other) => other.path === path) ?? -1;
      const before = draft?.locations[at];
      const to = upstream(one.backend, settings);
      // nginx: only one canary a path.
      if (draft !== undefined && before !== undefined && to !== undefined && before.canaries.length === 0)
        draft.locations[at] = { ...before, canaries: [{ upstream: to, settings }] };
    }
  }
}

/** A Prefix path becomes `= /foo` and `/foo/`. location.go: updateServerLocations. */
function spread(locations: readonly Location[]): readonly Location[] {
  const exact = new Set(locations.flatMap(({ path, pathType }) => (pathType === 'Exact' ? [path] : [])));
  return locations.flatMap((location) => {
    if (location.pathType !== 'Prefix' || location.path === '/') return [location];
    const plain = location.path.replace(/\/$/, '');
    const below: Location = { ...location, path: `${plain}/` };
    return exact.has(plain) ? [below] : [{ ...location, path: plain, pathType: 'Exact' }, below];
  });
}

/** Longer paths first. controller.go: getBackendServers. */
const inOrder = (locations: readonly Location[]): readonly Location[] =>
  [...locations].sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? 1 : a.path > b.path ? -1 : 0));

export const upstreamKeys = (model: NginxModel): readonly ObjectKey[] => model.upstreams.map(({ namespace, service }) => `Service/${namespace}/${service}`);
export const ingressKeys = (model: NginxModel): readonly ObjectKey[] => model.ingresses.map(objectKey);
