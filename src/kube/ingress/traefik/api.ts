/** What Traefik says of itself at /api, as its dashboard reads it. Traefik: pkg/api. */
import type { HttpPage } from '../../../net/app/server-config.ts';
import { takesOn } from './compile.ts';
import type { TraefikFlags } from './traefik-pods.ts';
import type { Router, TMiddleware, TraefikModel, TService } from './types.ts';

/** So many things have a page of their own beside the list. */
const MAX_PAGES = 300;

const lower = (text: string): string => text.toLowerCase();
const provider = (name: string): string => name.slice(name.indexOf('@') + 1);
const statusOf = (errors: readonly string[]): string => (errors.length === 0 ? 'enabled' : 'disabled');

function routerInfo(router: Router, flags: TraefikFlags) {
  const using = flags.entryPoints.filter((point) => takesOn(router, point)).map(({ name }) => name);
  const points = router.entryPoints.length === 0 ? using : router.entryPoints;
  return {
    entryPoints: points,
    ...(router.middlewares.length === 0 ? {} : { middlewares: router.middlewares }),
    service: provider(router.service) === provider(router.name) ? router.service.replace(/@.*$/, '') : router.service,
    rule: router.rule,
    priority: router.priority,
    ...(router.tls === undefined ? {} : { tls: { options: router.tls } }),
    ...(router.errors.length === 0 ? {} : { error: router.errors }),
    status: statusOf(router.errors),
    ...(router.errors.length === 0 ? { using } : {}),
    name: router.name,
    provider: provider(router.name),
  };
}

function serviceInfo(service: TService, routers: readonly Router[]) {
  const usedBy = routers.filter((router) => router.service === service.name).map(({ name }) => name);
  const cookie = service.sticky === undefined ? {} : { sticky: { cookie: { name: service.sticky.cookie, path: service.sticky.path } } };
  const common = { status: 'enabled', ...(usedBy.length === 0 ? {} : { usedBy }) };
  const named = { name: service.name, provider: provider(service.name) };
  if (service.weighted !== undefined && service.mirrors.length === 0)
    return { weighted: { services: service.weighted.map(({ name, weight }) => ({ name, weight })), ...cookie }, ...common, ...named, type: 'weighted' };
  if (service.weighted !== undefined)
    return { mirroring: { service: service.weighted[0]?.name, mirrors: service.mirrors }, ...common, ...named, type: 'mirroring' };
  return {
    loadBalancer: {
      servers: service.servers.map(({ url }) => ({ url })),
      strategy: 'wrr',
      ...cookie,
      passHostHeader: service.passHost,
      responseForwarding: { flushInterval: '100ms' },
    },
    ...common,
    serverStatus: Object.fromEntries(service.servers.map(({ url }) => [url, 'UP'])),
    ...named,
    type: 'loadbalancer',
  };
}

function middlewareInfo(middleware: TMiddleware, routers: readonly Router[]) {
  const usedBy = routers.filter((router) => router.middlewares.includes(middleware.name)).map(({ name }) => name);
  const hidden = middleware.type === 'basicAuth' ? { ...(middleware.config as object), secret: undefined } : middleware.config;
  return {
    [middleware.type]: hidden,
    ...(middleware.error === undefined ? {} : { error: [middleware.error] }),
    status: middleware.error === undefined ? 'enabled' : 'disabled',
    ...(usedBy.length === 0 ? {} : { usedBy }),
    name: middleware.name,
    provider: provider(middleware.name),
    type: lower(middleware.type),
  };
}

const byName = <T extends { readonly name: string }>(list: readonly T[]): readonly T[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));

const json = (path: string, value: unknown): HttpPage => ({
  path,
  code: 200,
  headers: [{ name: 'Content-Type', value: 'application/json' }, ...(Array.isArray(value) ? [{ name: 'X-Next-Page', value: '1' }] : [])],
  body: `${JSON.stringify(value)}\n`,
});

const section = (statuses: readonly string[]) => ({
  total: statuses.length,
  warnings: statuses.filter((one) => one === 'warning').length,
  errors: statuses.filter((one) => one === 'disabled').length,
});
const none = { total: 0, warnings: 0, errors: 0 };

/** Services that Traefik has of itself. */
const INTERNAL = ['api', 'dashboard', 'noop', 'ping'] as const;

export function apiPages(model: TraefikModel, flags: TraefikFlags, startedAt: string): readonly HttpPage[] {
  const pages: HttpPage[] = [];
  if (flags.ping) pages.push({ path: '/ping', code: 200, headers: [{ name: 'Content-Type', value: 'text/plain; charset=utf-8' }], body: 'OK' });
  if (!flags.apiInsecure) return pages;
  const internal = [
    {
      entryPoints: ['traefik'],
      service: 'api@internal',
      rule: 'PathPrefix(`/api`)',
      priority: 9_223_372_036_854_775_000,
      status: 'enabled',
      using: ['traefik'],
      name: 'api@internal',
      provider: 'internal',
    },
    ...(flags.ping
      ? [
          {
            entryPoints: ['traefik'],
            service: 'ping@internal',
            rule: 'PathPrefix(`/ping`)',
            priority: 9_223_372_036_854_775_000,
            status: 'enabled',
            using: ['traefik'],
            name: 'ping@internal',
            provider: 'internal',
          },
        ]
      : []),
  ];
  const routers = byName([...internal, ...model.routers.map((router) => routerInfo(router, flags))]);
  const own = INTERNAL.filter((name) => name !== 'ping' || flags.ping).map((name) => ({ status: 'enabled', name: `${name}@internal`, provider: 'internal' }));
  const services = byName([...own, ...[...model.services.values()].map((service) => serviceInfo(service, model.routers))]);
  const middlewares = byName([...model.middlewares.values()].map((one) => middlewareInfo(one, model.routers)));
  const lists = [
    ['routers', routers],
    ['services', services],
    ['middlewares', middlewares],
  ] as const;
  for (const [name, list] of lists) {
    pages.push(json(`/api/http/${name}`, list));
    for (const one of list.slice(0, MAX_PAGES)) pages.push(json(`/api/http/${name}/${one.name}`, one));
  }
  const tcp = model.tcp.map(({ name, entryPoints, rule, passthrough, tls }) => ({
    entryPoints,
    service: name.replace(/@.*$/, ''),
    rule,
    ...(tls ? { tls: { passthrough } } : {}),
    status: 'enabled',
    name,
    provider: provider(name),
  }));
  pages.push(
    json('/api/tcp/routers', tcp),
    json(
      '/api/tcp/services',
      model.tcp.map(({ name, services: all }) => ({
        loadBalancer: { servers: all.flatMap((one) => one.servers.map(({ ip, port }) => ({ address: `${ip}:${port}` }))) },
        status: 'enabled',
        name,
        provider: provider(name),
        type: 'loadbalancer',
      })),
    ),
    json('/api/tcp/middlewares', []),
    json(
      '/api/entrypoints',
      flags.entryPoints.map(({ name, port, protocol }) => ({ address: `:${port}${protocol === 'udp' ? '/udp' : ''}`, name })),
    ),
    json('/api/version', { Version: flags.version, Codename: 'chevrotin', startDate: startedAt }),
    json('/api/overview', {
      http: {
        routers: section(routers.map(({ status }) => status)),
        services: section(services.map(({ status }) => status)),
        middlewares: section(middlewares.map(({ status }) => status)),
      },
      tcp: { routers: section(tcp.map(({ status }) => status)), services: section(tcp.map(() => 'enabled')), middlewares: none },
      udp: { routers: none, services: none },
      features: { tracing: '', metrics: '', accessLog: flags.accessLog, hub: false },
      providers: [...(flags.ingress ? ['KubernetesIngress'] : []), ...(flags.routes ? ['KubernetesCRD'] : [])],
    }),
  );
  return pages;
}
