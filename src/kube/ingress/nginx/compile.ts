/** From servers and locations to what the proxy does. ingress-nginx: internal/ingress/controller/template/template.go. */
import type { Cors, HttpProxyConfig, PathMatch, ProxyHost, ProxyRoute, RouteAction } from '../../../net/app/proxy/config.ts';
import { namespaceOf } from '../../pod/types.ts';
import type { NginxSettings } from './annotations.ts';
import type { ControllerFlags } from './controller-pods.ts';
import type { Location, NginxModel, Server } from './model.ts';

const ownerOf = ({ ingress }: Location): string => `${namespaceOf(ingress)}/${ingress.metadata.name}`;

/** buildLocation */
function pathMatch(location: Location, server: Server): PathMatch {
  if (server.regex) return { kind: 'regex', value: `(?i)^${location.path}`, whole: false };
  return { kind: location.pathType === 'Exact' ? 'exact' : 'prefix', value: location.path };
}

function actionOf(location: Location, server: Server): RouteAction {
  const { settings, upstream, path } = location;
  if (settings.redirect !== undefined) return { kind: 'redirect', ...settings.redirect };
  if (settings.forceSslRedirect || (settings.sslRedirect && server.hasTls)) return { kind: 'redirect', code: 308, scheme: 'https', port: 443 };
  if (upstream === undefined) return { kind: 'answer', code: 503 };
  const rewrite = settings.rewriteTarget;
  return {
    kind: 'forward',
    targets: [{ backend: upstream.name, weight: 1 }],
    ...(location.canaries.length === 0
      ? {}
      : {
          canary: location.canaries.flatMap(({ upstream: to, settings: { canary } }) => (canary === undefined ? [] : [{ target: to.name, ...canary }])),
        }),
    ...(rewrite === undefined || rewrite === path ? {} : { rewrite: { kind: 'regex', value: rewrite } as const }),
    ...(settings.upstreamHost === undefined ? {} : { hostname: settings.upstreamHost }),
    connectTimeoutMs: settings.connectTimeoutMs,
    readTimeoutMs: settings.readTimeoutMs,
    requestTimeoutMs: 0,
    // 0: without limit, which endpoints set.
    tries: settings.tries === 0 ? 100 : settings.tries,
  };
}

function corsOf(settings: NginxSettings): { readonly cors?: Cors } {
  const { cors } = settings;
  if (cors === undefined) return {};
  return {
    cors: {
      allowOrigins: cors.origins,
      allowMethods: cors.methods,
      allowHeaders: cors.headers,
      exposeHeaders: cors.expose,
      allowCredentials: cors.credentials,
      maxAgeSeconds: cors.maxAge,
    },
  };
}

function routesOf(server: Server): readonly ProxyRoute[] {
  const routes = server.locations.map((location): ProxyRoute => {
    const { settings } = location;
    return {
      owner: ownerOf(location),
      match: { path: pathMatch(location, server) },
      action: actionOf(location, server),
      ...(settings.forwardedPrefix === undefined ? {} : { requestHeaders: settings.forwardedPrefix }),
      ...corsOf(settings),
      ...(settings.allow === undefined ? {} : { allow: settings.allow }),
      ...(settings.limit === undefined ? {} : { rate: settings.limit }),
      bodyLimitBytes: settings.bodyLimitBytes,
    };
  });
  const root = server.locations.find(({ settings }) => settings.appRoot !== undefined);
  const appRoot: readonly ProxyRoute[] =
    root === undefined
      ? []
      : [
          {
            owner: ownerOf(root),
            match: { path: { kind: 'exact', value: '/' } },
            action: { kind: 'redirect', code: 302, location: root.settings.appRoot ?? '/' },
          },
        ];
  // A plain prefix loses to an exact path wherever it stands: nginx looks for those first.
  const exact = server.regex ? [] : routes.filter(({ match }) => match.path.kind === 'exact');
  return [...appRoot, ...exact, ...routes.filter((route) => !exact.includes(route))];
}

/** The health check that clouds make at port 80. */
const HEALTH: ProxyRoute = { owner: '', match: { path: { kind: 'prefix', value: '/healthz' } }, action: { kind: 'answer', code: 200 } };

/** Among the others by its length, as nginx would find it. */
function withHealth(routes: readonly ProxyRoute[]): readonly ProxyRoute[] {
  const at = routes.findIndex(({ match }) => match.path.kind === 'prefix' && match.path.value.length < HEALTH.match.path.value.length);
  return at < 0 ? [...routes, HEALTH] : [...routes.slice(0, at), HEALTH, ...routes.slice(at)];
}

export function compileNginx(model: NginxModel, flags: ControllerFlags): HttpProxyConfig {
  const hosts = model.servers.flatMap((server): ProxyHost[] => {
    const routes = routesOf(server);
    if (server.hostname === '_') return [{ name: '', routes: withHealth(routes) }];
    return [server.hostname, ...server.aliases].map((name) => ({ name: name.toLowerCase(), ...(name.startsWith('*.') ? { oneLabel: true } : {}), routes }));
  });
  return {
    port: flags.httpPort,
    flavour: 'nginx',
    hosts,
    backends: model.upstreams.map(({ name, endpoints }) => ({ name, endpoints })),
  };
}
