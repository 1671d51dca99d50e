/** Routers and services that Traefik makes of IngressRoutes. Traefik: pkg/provider/kubernetes/crd/{kubernetes_http,kubernetes_tcp}.go. */
import type { StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { type Made, normalize, shortHash } from './from-ingress.ts';
import { parseHostSni, parseRule } from './rule-parser.ts';
import { findServers, serviceFrom, stickyOf, type Transport } from './services.ts';
import type { TraefikFlags } from './traefik-pods.ts';
import type { IngressRoute, IngressRouteTcp, Router, ServiceReference, TcpRouter, TraefikService, TService } from './types.ts';

const MAX_DEPTH = 8;

/** A service that a route or another service names; what it needs beside itself comes along. */
type Resolved = { readonly ok: true; readonly name: string; readonly made: readonly TService[] } | { readonly ok: false; readonly error: string };

function resolve(reference: ServiceReference, own: string | undefined, namespace: string, flags: TraefikFlags, view: StoreView, depth: number): Resolved {
  const { kind = 'Service', name = '', namespace: space = namespace } = reference;
  if (space !== namespace && !flags.crossNamespace) return { ok: false, error: `service ${space}/${name} not in the parent resource namespace ${namespace}` };
  if (kind === 'TraefikService') {
    if (name.endsWith('@internal')) return { ok: true, name, made: [] };
    const object = view.find<TraefikService>(`TraefikService/${space}/${name}`);
    if (object === undefined || depth > MAX_DEPTH) return { ok: false, error: `TraefikService ${space}/${name} not found` };
    return compose(object, flags, view, depth + 1);
  }
  const found = findServers({ namespace: space, name, port: reference.port, scheme: reference.scheme ?? '', nativeLb: reference.nativeLB === true }, view);
  if (!found.ok) return { ok: false, error: found.error };
  if (found.servers.length === 0 && !flags.allowEmptyRoutes) return { ok: false, error: `endpoints not found for ${space}/${name}` };
  const id = `${own ?? normalize(`${space}-${name}-${reference.port ?? ''}`)}@kubernetescrd`;
  const transport = reference.serversTransport === undefined ? undefined : view.find<Transport>(`ServersTransport/${space}/${reference.serversTransport}`);
  return {
    ok: true,
    name: id,
    made: [serviceFrom(id, found, reference.passHostHeader !== false, stickyOf(reference.sticky?.cookie, id.slice(0, id.indexOf('@'))), transport)],
  };
}

const composed = (name: string, object: string, rest: Partial<TService>): TService => ({
  name,
  servers: [],
  passHost: true,
  tls: undefined,
  sticky: undefined,
  weighted: undefined,
  mirrors: [],
  object,
  ...rest,
});

function shares(references: readonly ServiceReference[], namespace: string, flags: TraefikFlags, view: StoreView, depth: number) {
  const made: TService[] = [];
  const weighted: { name: string; weight: number }[] = [];
  for (const reference of references) {
    const one = resolve(reference, undefined, namespace, flags, view, depth);
    if (!one.ok) return one;
    made.push(...one.made);
    weighted.push({ name: one.name, weight: reference.weight ?? 1 });
  }
  return { ok: true as const, made, weighted };
}

function compose(object: TraefikService, flags: TraefikFlags, view: StoreView, depth: number): Resolved {
  const namespace = namespaceOf(object);
  const name = `${normalize(`${namespace}-${object.metadata.name}`)}@kubernetescrd`;
  const key = objectKey(object);
  const { weighted, mirroring } = object.spec ?? {};
  if (weighted !== undefined) {
    const found = shares(weighted.services ?? [], namespace, flags, view, depth);
    if (!found.ok) return found;
    const sticky = stickyOf(weighted.sticky?.cookie, name.slice(0, name.indexOf('@')));
    return { ok: true, name, made: [...found.made, composed(name, key, { weighted: found.weighted, sticky })] };
  }
  if (mirroring === undefined) return { ok: false, error: `TraefikService ${namespace}/${object.metadata.name} has neither weighted nor mirroring` };
  const main = resolve(mirroring, undefined, namespace, flags, view, depth);
  if (!main.ok) return main;
  const made = [...main.made];
  const mirrors: { name: string; percent: number }[] = [];
  for (const mirror of mirroring.mirrors ?? []) {
    const one = resolve(mirror, undefined, namespace, flags, view, depth);
    if (!one.ok) return one;
    made.push(...one.made);
    mirrors.push({ name: one.name, percent: mirror.percent ?? 0 });
  }
  return { ok: true, name, made: [...made, composed(name, key, { weighted: [{ name: main.name, weight: 1 }], mirrors })] };
}

export function fromRoute(route: IngressRoute, flags: TraefikFlags, view: StoreView): Made {
  const namespace = namespaceOf(route);
  const { name } = route.metadata;
  const key = objectKey(route);
  const routers: Router[] = [];
  const services: TService[] = [];
  const log: string[] = [];
  const { tls } = route.spec ?? {};
  const options = tls?.options?.name;
  const optionsName = options === undefined || options === 'default' ? 'default' : `${tls?.options?.namespace ?? namespace}-${options}@kubernetescrd`;
  for (const [index, { match = '', priority = 0, services: references = [], middlewares = [] }] of (route.spec?.routes ?? []).entries()) {
    const own = normalize(`${namespace}-${name}-${shortHash(match)}`);
    const parsed = parseRule(match);
    const errors: string[] = parsed.ok ? [] : [parsed.error];
    const names = middlewares.flatMap(({ name: one = '', namespace: space = namespace }) => {
      if (space !== namespace && !flags.crossNamespace) {
        errors.push(`middleware ${space}/${one} is not in the IngressRoute namespace ${namespace}`);
        return [];
      }
      return [one.includes('@') ? one : `${space}-${one}@kubernetescrd`];
    });
    let service = `${own}@kubernetescrd`;
    const [only] = references;
    if (references.length === 1 && only !== undefined) {
      const found = resolve(only, own, namespace, flags, view, 0);
      if (found.ok) {
        services.push(...found.made);
        service = found.name;
      } else errors.push(found.error);
    } else {
      const found = shares(references, namespace, flags, view, 0);
      if (found.ok) services.push(...found.made, composed(service, key, { weighted: found.weighted }));
      else errors.push(found.error);
    }
    // What a provider cannot read does not become a router.
    if (errors.length > (parsed.ok ? 0 : 1)) {
      for (const error of errors.slice(parsed.ok ? 0 : 1))
        log.push(
          `${error.startsWith('middleware') ? 'Failed to create middleware keys error=' : 'Cannot create service error='}"${error}" ingress=${name} namespace=${namespace} providerName=kubernetescrd`,
        );
      continue;
    }
    const router: Router = {
      name: `${own}${routers.some((one) => one.name === `${own}@kubernetescrd`) ? `-${index}` : ''}@kubernetescrd`,
      entryPoints: route.spec?.entryPoints ?? [],
      rule: match,
      parsed: parsed.ok ? parsed.rule : undefined,
      priority: priority === 0 ? match.length : priority,
      middlewares: names,
      service,
      tls: tls === undefined ? undefined : optionsName,
      errors,
      object: key,
    };
    routers.push(router);
  }
  return { routers, services, log, findings: log.map((message) => ({ key, message: `Traefik: ${message}`, severity: 'warning' as const })) };
}

export function fromTcpRoute(route: IngressRouteTcp, view: StoreView): { readonly routers: readonly TcpRouter[]; readonly log: readonly string[] } {
  const namespace = namespaceOf(route);
  const log: string[] = [];
  const routers = (route.spec?.routes ?? []).flatMap(({ match = '', services: references = [] }): TcpRouter[] => {
    const hosts = parseHostSni(match);
    const own = `${normalize(`${namespace}-${route.metadata.name}-${shortHash(match)}`)}@kubernetescrd`;
    const bad = (error: string): TcpRouter[] => {
      log.push(`${error} ingress=${route.metadata.name} namespace=${namespace} providerName=kubernetescrd`);
      return [];
    };
    if (hosts === undefined) return bad(`invalid rule ${match}: only HostSNI is read here`);
    const services: (TService & { readonly weight: number })[] = [];
    for (const reference of references) {
      const found = findServers(
        {
          namespace: reference.namespace ?? namespace,
          name: reference.name ?? '',
          port: reference.port,
          scheme: 'http',
          nativeLb: reference.nativeLB === true,
        },
        view,
      );
      if (!found.ok) return bad(`Cannot create service error="${found.error}"`);
      services.push({ ...serviceFrom(own, found, true, undefined), weight: reference.weight ?? 1 });
    }
    const { tls } = route.spec ?? {};
    if (tls === undefined && !hosts.every((host) => host === '*')) return bad(`invalid rule ${match}: has HostSNI matcher, but no TLS on router`);
    return [
      {
        name: own,
        entryPoints: route.spec?.entryPoints ?? [],
        hosts,
        passthrough: tls?.passthrough === true,
        tls: tls !== undefined,
        services,
        rule: match,
        object: objectKey(route),
      },
    ];
  });
  return { routers, log };
}
