/** All that a Traefik knows at a moment: routers, services, middlewares, certificates, and what it has against them. Traefik: pkg/server/aggregator.go, pkg/config/runtime. */
import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import type { Ingress } from '../ingress.ts';
import { textOf } from '../tls-secret.ts';
import { certificateOf, type FoundCertificate } from './certificates.ts';
import { fromIngress, isTraefikIngress } from './from-ingress.ts';
import { fromRoute, fromTcpRoute } from './from-routes.ts';
import { readMiddleware } from './middlewares.ts';
import type { TraefikFlags } from './traefik-pods.ts';
import type {
  IngressRoute,
  IngressRouteTcp,
  Middleware,
  Router,
  TcpRouter,
  TlsChoice,
  TlsOption,
  TlsStore,
  TMiddleware,
  TraefikModel,
  TService,
} from './types.ts';

const byName = <T extends KubeObject>(list: readonly T[]): readonly T[] =>
  [...list].filter(({ metadata }) => metadata.deletionTimestamp === undefined).sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));

/** MaxInt - 1: before everybody else's. */
const FIRST = 9_223_372_036_854_775_000;

interface Draft {
  readonly routers: Router[];
  readonly services: Map<string, TService>;
  readonly tcp: TcpRouter[];
  readonly log: Set<string>;
  readonly findings: { key: ObjectKey; message: string; severity: 'warning' | 'info' }[];
  readonly certificates: Map<string, FoundCertificate>;
  readonly objects: Set<ObjectKey>;
}

/** The Secret that an object of a provider names; '' is none. */
function certificateFor(draft: Draft, object: KubeObject, secret: string, provider: 'kubernetes' | 'kubernetescrd', view: StoreView): void {
  if (secret === '') return;
  const said = `ingress=${object.metadata.name} namespace=${namespaceOf(object)} providerName=${provider}`;
  certificate(draft, namespaceOf(object), secret, { key: objectKey(object), said }, view);
}

function certificate(draft: Draft, namespace: string, name: string, why: { readonly key: ObjectKey; readonly said: string }, view: StoreView): void {
  const id = `${namespace}/${name}`;
  if (draft.certificates.has(id)) return;
  const found = certificateOf(namespace, name, view);
  if (typeof found === 'string') {
    draft.log.add(`Error configuring TLS error="${found}" ${why.said}`);
    draft.findings.push({ key: why.key, message: `Traefik: Error configuring TLS: ${found}`, severity: 'warning' });
  } else draft.certificates.set(id, found);
}

function readIngresses(draft: Draft, flags: TraefikFlags, view: StoreView): void {
  for (const ingress of byName(view.list<Ingress>('Ingress'))) {
    if (!isTraefikIngress(ingress, flags, view)) continue;
    const key = objectKey(ingress);
    draft.objects.add(key);
    const made = fromIngress(ingress, flags, view);
    draft.routers.push(...made.routers);
    for (const service of made.services) draft.services.set(service.name, service);
    for (const line of made.log) draft.log.add(line);
    draft.findings.push(...made.findings);
    for (const { secretName = '' } of ingress.spec?.tls ?? []) certificateFor(draft, ingress, secretName, 'kubernetes', view);
  }
}

function readRoutes(draft: Draft, flags: TraefikFlags, view: StoreView): void {
  const isWatched = (object: KubeObject): boolean => flags.namespaces.length === 0 || flags.namespaces.includes(namespaceOf(object));
  for (const route of byName(view.list<IngressRoute>('IngressRoute')).filter(isWatched)) {
    const key = objectKey(route);
    draft.objects.add(key);
    const made = fromRoute(route, flags, view);
    draft.routers.push(...made.routers);
    for (const service of made.services) draft.services.set(service.name, service);
    for (const line of made.log) draft.log.add(line);
    draft.findings.push(...made.findings);
    certificateFor(draft, route, route.spec?.tls?.secretName ?? '', 'kubernetescrd', view);
  }
  for (const route of byName(view.list<IngressRouteTcp>('IngressRouteTCP')).filter(isWatched)) {
    const key = objectKey(route);
    draft.objects.add(key);
    const made = fromTcpRoute(route, view);
    draft.tcp.push(...made.routers);
    for (const line of made.log) {
      draft.log.add(line);
      draft.findings.push({ key, message: `Traefik: ${line}`, severity: 'warning' });
    }
    certificateFor(draft, route, route.spec?.tls?.secretName ?? '', 'kubernetescrd', view);
  }
}

function optionsOf(view: StoreView): ReadonlyMap<string, TlsChoice> {
  const found = new Map<string, TlsChoice>();
  for (const option of byName(view.list<TlsOption>('TLSOption'))) {
    const { minVersion = '', sniStrict = false, clientAuth } = option.spec ?? {};
    const type = clientAuth?.clientAuthType ?? 'NoClientCert';
    const ca = (clientAuth?.secretNames ?? [])
      .map((name) => {
        const secret = view.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(`Secret/${namespaceOf(option)}/${name}`);
        return secret === undefined ? '' : (textOf(secret, 'tls.ca') ?? '') || (textOf(secret, 'ca.crt') ?? '');
      })
      .join('\n');
    const clients =
      type === 'NoClientCert'
        ? undefined
        : {
            ca,
            mode: type.startsWith('Require') ? ('require' as const) : ('optional' as const),
            insecure: type === 'RequestClientCert' || type === 'RequireAnyClientCert',
          };
    const name = option.metadata.name === 'default' ? 'default' : `${namespaceOf(option)}-${option.metadata.name}@kubernetescrd`;
    found.set(name, { minVersion, sniStrict, clients });
  }
  return found;
}

/** What of a router can only be seen with all others there: its middlewares, its entry points, its options. */
function checked(
  router: Router,
  model: { readonly middlewares: ReadonlyMap<string, TMiddleware>; readonly services: ReadonlyMap<string, TService> },
  flags: TraefikFlags,
  options: ReadonlyMap<string, TlsChoice>,
): Router {
  const errors = [...router.errors];
  const known = flags.entryPoints.map(({ name }) => name);
  const unknown = router.entryPoints.filter((name) => !known.includes(name));
  for (const name of unknown) errors.push(`entryPoint "${name}" doesn't exist`);
  if (router.entryPoints.length > 0 && unknown.length === router.entryPoints.length) errors.push('no valid entryPoint for this router');
  for (const name of router.middlewares) {
    const middleware = model.middlewares.get(name);
    if (middleware === undefined) errors.push(`middleware "${name}" does not exist`);
    else if (middleware.error !== undefined) errors.push(middleware.error);
  }
  if (!model.services.has(router.service) && !router.service.endsWith('@internal')) errors.push(`the service "${router.service}" does not exist`);
  if (router.tls !== undefined && router.tls !== 'default' && !options.has(router.tls)) errors.push(`unknown TLS options: ${router.tls}`);
  return errors.length === router.errors.length ? router : { ...router, errors };
}

export function traefikModel(flags: TraefikFlags, view: StoreView): TraefikModel {
  const draft: Draft = { routers: [], services: new Map(), tcp: [], log: new Set(), findings: [], certificates: new Map(), objects: new Set() };
  const middlewares = new Map<string, TMiddleware>();
  if (flags.ingress) readIngresses(draft, flags, view);
  if (flags.routes) readRoutes(draft, flags, view);
  for (const middleware of byName(view.list<Middleware>('Middleware'))) {
    const read = readMiddleware(middleware, view);
    middlewares.set(read.name, read);
    if (read.unknown.length > 0) draft.findings.push({ key: read.object, message: `not simulated: ${read.unknown.join(', ')}`, severity: 'info' });
    if (read.error !== undefined) draft.findings.push({ key: read.object, message: `Traefik: ${read.error}`, severity: 'warning' });
  }
  for (const { name, redirect } of flags.entryPoints) {
    if (redirect === undefined) continue;
    const middleware = `redirect-${name}-to-${redirect.to}@internal`;
    const port = /^:\d+$/.test(redirect.to) ? redirect.to.slice(1) : String(flags.entryPoints.find((one) => one.name === redirect.to)?.port ?? '');
    const shown = port === '8443' ? '443' : port;
    const config = { scheme: redirect.scheme, port: shown, permanent: redirect.permanent };
    middlewares.set(middleware, {
      name: middleware,
      type: 'redirectScheme',
      config,
      steps: [{ owner: middleware, kind: 'redirect-scheme', ...config }],
      response: undefined,
      retry: undefined,
      chain: undefined,
      error: undefined,
      unknown: [],
      object: '' as ObjectKey,
    });
    draft.routers.push({
      name: `${name}-to-${redirect.to}@internal`,
      entryPoints: [name],
      rule: 'HostRegexp(`^.+$`)',
      parsed: { kind: 'HostRegexp', value: '^.+$' },
      priority: FIRST,
      middlewares: [middleware],
      service: 'noop@internal',
      tls: undefined,
      errors: [],
      object: undefined,
    });
  }
  const options = optionsOf(view);
  let standard: TlsIdentityConfig | undefined;
  const store = byName(view.list<TlsStore>('TLSStore')).find(({ metadata }) => metadata.name === 'default');
  const secret = store?.spec?.defaultCertificate?.secretName;
  if (store !== undefined && secret !== undefined) {
    const found = certificateOf(namespaceOf(store), secret, view);
    if (typeof found === 'string')
      draft.log.add(`Error configuring TLS error="${found}" TLSStore=default namespace=${namespaceOf(store)} providerName=kubernetescrd`);
    else standard = found.identity;
  }
  const routers = draft.routers.map((router) => checked(router, { middlewares, services: draft.services }, flags, options));
  for (const { errors, name, object } of routers) {
    for (const error of errors) {
      draft.log.add(`error="${error.replaceAll('"', '\\"')}" routerName=${name}`);
      if (object !== undefined) draft.findings.push({ key: object, message: `Traefik: router ${name}: ${error}`, severity: 'warning' });
    }
  }
  return {
    routers,
    services: draft.services,
    middlewares,
    certificates: [...draft.certificates.values()],
    options,
    defaultCertificate: standard,
    tcp: draft.tcp,
    log: [...draft.log],
    objects: [...draft.objects],
    findings: draft.findings,
  };
}
