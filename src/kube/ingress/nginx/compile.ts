/** From servers and locations to what the proxy does. ingress-nginx: internal/ingress/controller/template/template.go. */
import type { Cors, HttpProxyConfig, PathMatch, ProxyHost, ProxyRoute, RouteAction } from '../../../net/app/proxy/config.ts';
import type { ClientTlsConfig, ServerTlsConfig, TlsIdentityConfig, TlsNameConfig } from '../../../net/app/tls/config.ts';
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

function actionOf(location: Location, server: Server, scheme: 'http' | 'https'): RouteAction {
  const { settings, upstream, path, access } = location;
  if (settings.redirect !== undefined) return { kind: 'redirect', ...settings.redirect };
  if (server.clients?.ca === '') return { kind: 'answer', code: 503 };
  if (scheme === 'http' && (settings.forceSslRedirect || (settings.sslRedirect && server.hasTls)))
    return { kind: 'redirect', code: 308, scheme: 'https', port: 443 };
  if (upstream === undefined || access.denied !== undefined) return { kind: 'answer', code: 503 };
  const { sticky } = settings.access;
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
    ...(sticky === undefined ? {} : { sticky: { ...sticky, secure: sticky.secure || scheme === 'https' } }),
    ...(access.mirror === undefined ? {} : { mirrors: [{ backend: access.mirror.name, hostname: access.mirror.host }] }),
    ...backendTls(location),
    connectTimeoutMs: settings.connectTimeoutMs,
    readTimeoutMs: settings.readTimeoutMs,
    requestTimeoutMs: 0,
    // 0: without limit, which endpoints set.
    tries: settings.tries === 0 ? 100 : settings.tries,
  };
}

/** backend-protocol: HTTPS. Without proxy-ssl-verify whatever the backend shows will do. */
function backendTls({ settings, ingress, backendCa }: Location): { readonly tls?: ClientTlsConfig } {
  const { backendTls: tls } = settings;
  if (tls === undefined) return {};
  const why = `backend-protocol of Ingress ${ownerOf({ ingress } as Location)} is HTTPS`;
  return {
    tls: {
      why,
      ...(tls.serverName && tls.name !== '' ? { serverName: tls.name } : {}),
      ...(tls.verify ? { ca: backendCa ?? '', ...(tls.name === '' ? {} : { checkName: tls.name }) } : {}),
    },
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

const HSTS = { name: 'Strict-Transport-Security', value: 'max-age=31536000; includeSubDomains' } as const;

function routesOf(server: Server, scheme: 'http' | 'https'): readonly ProxyRoute[] {
  const secure = scheme === 'https';
  const { clients } = server;
  const routes = server.locations.map((location): ProxyRoute => {
    const { settings, access } = location;
    const action = actionOf(location, server, scheme);
    return {
      owner: ownerOf(location),
      match: { path: pathMatch(location, server) },
      action,
      // Redirects are of the rewrite phase: nobody is asked for a password before.
      ...(access.steps.length === 0 || action.kind !== 'forward' ? {} : { steps: access.steps }),
      ...(secure && server.hasTls ? { responseHeaders: { set: [HSTS] } } : {}),
      ...(secure && clients !== undefined && clients.verify !== 'off' ? { clientCertificate: clients.verify } : {}),
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

/** The certificates of all servers, the default one for every other name. `fake`: the controller's own. */
function tlsOf(model: NginxModel, fake: TlsIdentityConfig): ServerTlsConfig {
  const identities = [model.defaultCertificate ?? fake];
  const names: TlsNameConfig[] = [
    { name: '', identity: 0, why: model.defaultCertificate === undefined ? 'no Ingress has a certificate for it' : '--default-ssl-certificate' },
  ];
  for (const { hostname, aliases, certificate, clients } of model.servers) {
    if (certificate === undefined && clients === undefined) continue;
    let identity = 0;
    if (certificate?.identity !== undefined) {
      const own = certificate.identity;
      identity = identities.findIndex(({ source }) => source === own.source);
      if (identity < 0) identity = identities.push(own) - 1;
    }
    const ca = clients === undefined || clients.verify === 'off' || clients.ca === '' ? undefined : clients;
    for (const name of hostname === '_' ? [] : [hostname, ...aliases])
      names.push({
        name: name.toLowerCase(),
        identity,
        why: certificate?.why ?? 'no Ingress has a certificate for it',
        ...(ca === undefined ? {} : { clients: { mode: 'optional', ca: ca.ca, ...(ca.verify === 'optional_no_ca' ? { insecure: true } : {}) } }),
      });
  }
  // HTTP/2 is not there to be agreed on.
  return { identities, names, alpn: ['http/1.1'], tickets: 2 };
}

function mirrorsOf(model: NginxModel): HttpProxyConfig['backends'] {
  const found = new Map<string, HttpProxyConfig['backends'][number]>();
  for (const { locations } of model.servers)
    for (const { access } of locations)
      if (access.mirror !== undefined) found.set(access.mirror.name, { name: access.mirror.name, endpoints: access.mirror.endpoints });
  return [...found.values()];
}

/** The configuration for plain HTTP, and with `fake` the one for HTTPS. */
export function compileNginx(model: NginxModel, flags: ControllerFlags, fake?: TlsIdentityConfig): HttpProxyConfig {
  const scheme = fake === undefined ? 'http' : 'https';
  const hosts = model.servers.flatMap((server): ProxyHost[] => {
    const routes = routesOf(server, scheme);
    if (server.hostname === '_') return [{ name: '', routes: withHealth(routes) }];
    return [server.hostname, ...server.aliases].map((name) => ({ name: name.toLowerCase(), ...(name.startsWith('*.') ? { oneLabel: true } : {}), routes }));
  });
  return {
    port: fake === undefined ? flags.httpPort : flags.httpsPort,
    flavour: 'nginx',
    hosts,
    backends: [...model.upstreams.map(({ name, endpoints }) => ({ name, endpoints })), ...mirrorsOf(model)],
    ...(fake === undefined ? {} : { tls: tlsOf(model, fake) }),
  };
}
