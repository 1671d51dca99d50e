/** From routers to what the proxy behind one entry point does. Traefik: pkg/server/router/router.go, pkg/muxer/http/mux.go, pkg/tls/tlsmanager.go. */
import type { HttpProxyConfig, PathMatch, ProxyBackend, ProxyHost, ProxyRoute, RouteAction, Target } from '../../../net/app/proxy/config.ts';
import type { Rule } from '../../../net/app/proxy/rule.ts';
import type { Step } from '../../../net/app/proxy/steps/config.ts';
import type { ServerTlsConfig, TlsIdentityConfig, TlsNameConfig } from '../../../net/app/tls/config.ts';
import type { EntryPoint } from './traefik-pods.ts';
import type { Router, TMiddleware, TraefikModel, TService } from './types.ts';

const MAX_ALTERNATIVES = 200;
const MAX_DEPTH = 10;
/** forwardingTimeouts.dialTimeout */
const DIAL_MS = 30_000;

type Conjunction = readonly Rule[];

/** Alternatives at the top of a rule: each is looked up by its own host and path. Inner ones stay as they are. */
function alternatives(rule: Rule): readonly Conjunction[] {
  if (rule.kind === 'or') return rule.rules.flatMap(alternatives);
  if (rule.kind !== 'and') return [[rule]];
  let all: readonly Conjunction[] = [[]];
  for (const one of rule.rules) {
    const next = one.kind === 'or' || one.kind === 'and' ? alternatives(one) : [[one]];
    if (all.length * next.length > MAX_ALTERNATIVES) return [rule.rules];
    all = all.flatMap((before) => next.map((after) => [...before, ...after]));
  }
  return all;
}

interface Place {
  /** '' for any name. */
  readonly host: string;
  readonly path: PathMatch;
  readonly rule: Rule | undefined;
}

const ANY: PathMatch = { kind: 'prefix', value: '' };

/** What can be looked up of a conjunction; the rest has to be tried. */
function placeOf(tests: Conjunction): Place {
  const host = tests.find((one) => one.kind === 'Host');
  const path = tests.find((one) => one.kind === 'Path' || one.kind === 'PathPrefix');
  const rest = tests.filter((one) => one !== host && one !== path);
  const match: PathMatch =
    path?.kind === 'Path' ? { kind: 'exact', value: path.value } : path?.kind === 'PathPrefix' ? { kind: 'prefix', value: path.value } : ANY;
  return {
    host: host?.kind === 'Host' ? host.value.toLowerCase().replace(/\.$/, '') : '',
    path: match,
    rule: rest.length === 0 ? undefined : rest.length === 1 ? rest[0] : { kind: 'and', rules: rest },
  };
}

/** A chain's own come in its place. */
function flatten(names: readonly string[], model: TraefikModel, depth = 0): readonly TMiddleware[] {
  return names.flatMap((name) => {
    const middleware = model.middlewares.get(name);
    if (middleware === undefined) return [];
    return middleware.chain === undefined || depth > MAX_DEPTH ? [middleware] : flatten(middleware.chain, model, depth + 1);
  });
}

/** Shares of shares, down to what has servers. */
function targetsOf(service: TService, model: TraefikModel, weight: number, depth = 0): readonly Target[] {
  if (service.weighted === undefined || depth > MAX_DEPTH)
    return [
      {
        backend: service.name,
        weight,
        ...(service.passHost ? {} : { hostname: service.servers[0] === undefined ? service.name : service.servers[0].url.replace(/^\w+:\/\//, '') }),
      },
    ];
  const { weighted } = service;
  const sum = weighted.reduce((all, one) => all + one.weight, 0);
  return weighted.flatMap(({ name, weight: share }) => {
    const inner = model.services.get(name);
    return inner === undefined || sum === 0 ? [] : targetsOf(inner, model, (weight * share) / sum, depth + 1);
  });
}

/** Shares as whole numbers: the proxy draws among them. */
const whole = (targets: readonly Target[]): readonly Target[] => targets.map((one) => ({ ...one, weight: Math.round(one.weight) }));
const SHARES = 1_000_000;

function actionOf(router: Router, middlewares: readonly TMiddleware[], model: TraefikModel): RouteAction {
  const service = model.services.get(router.service);
  if (service === undefined) return { kind: 'answer', code: router.service === 'noop@internal' ? 418 : 404 };
  const retry = middlewares.find((one) => one.retry !== undefined)?.retry;
  const single = service.weighted === undefined ? service : undefined;
  const sticky = service.sticky ?? single?.sticky;
  return {
    kind: 'forward',
    targets: service.weighted === undefined ? targetsOf(service, model, 1) : whole(targetsOf(service, model, SHARES)),
    ...(service.mirrors.length === 0 ? {} : { mirrors: service.mirrors.map(({ name, percent }) => ({ backend: name, percent })) }),
    ...(sticky === undefined ? {} : { sticky }),
    connectTimeoutMs: DIAL_MS,
    readTimeoutMs: 0,
    requestTimeoutMs: 0,
    tries: retry?.attempts ?? 1,
    ...(retry === undefined || retry.intervalMs === 0 ? {} : { backoffMs: retry.intervalMs }),
  };
}

function responseEdits(middlewares: readonly TMiddleware[]) {
  const all = middlewares.flatMap(({ response }) => (response === undefined ? [] : [response]));
  if (all.length === 0) return {};
  return { responseHeaders: { set: all.flatMap(({ set }) => set), remove: all.flatMap(({ remove }) => remove) } };
}

/** In the order in which they are tried: the greater priority first, then by name. */
const inOrder = (routers: readonly Router[]): readonly Router[] =>
  [...routers].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

function hostsOf(routers: readonly Router[], point: EntryPoint, model: TraefikModel): readonly ProxyHost[] {
  const byHost = new Map<string, ProxyRoute[]>([['', []]]);
  for (const [rank, router] of inOrder(routers).entries()) {
    if (router.parsed === undefined) continue;
    const middlewares = flatten([...point.middlewares, ...router.middlewares], model);
    const steps: readonly Step[] = middlewares.flatMap((one) => one.steps);
    const action = actionOf(router, middlewares, model);
    for (const { host, path, rule } of alternatives(router.parsed).map(placeOf)) {
      const route: ProxyRoute = {
        owner: router.name,
        rank,
        said: `${router.rule} fits, and has priority ${router.priority}${router.priority === router.rule.length ? ', the length of its rule' : ''}`,
        match: { path, ...(rule === undefined ? {} : { rule }) },
        action,
        ...(steps.length === 0 ? {} : { steps }),
        ...responseEdits(middlewares),
      };
      const list = byHost.get(host);
      if (list === undefined) byHost.set(host, [route]);
      else list.push(route);
    }
  }
  return [...byHost].map(([name, routes]) => ({ name, routes }));
}

const VERSIONS = { VersionTLS12: ['TLSv1.3', 'TLSv1.2'], VersionTLS13: ['TLSv1.3'] } as const;

/** The most exact certificate by name, and the default one for all others. */
function tlsOf(model: TraefikModel, routers: readonly Router[], own: TlsIdentityConfig): ServerTlsConfig {
  const identities: TlsIdentityConfig[] = [model.defaultCertificate ?? own];
  const names: TlsNameConfig[] = [];
  const standard = model.options.get('default');
  const clientsOf = (choice: typeof standard) =>
    choice?.clients === undefined
      ? {}
      : { clients: { mode: choice.clients.mode, ca: choice.clients.ca, ...(choice.clients.insecure ? { insecure: true as const } : {}) } };
  // Options are chosen by the name in the hello, before there is a request.
  const byHost = new Map<string, string>();
  for (const router of routers) {
    if (router.tls === undefined || router.tls === 'default' || router.parsed === undefined) continue;
    for (const { host } of alternatives(router.parsed).map(placeOf)) if (host !== '') byHost.set(host, router.tls);
  }
  const seen = new Set<string>();
  for (const { names: own_, identity } of model.certificates) {
    const index = identities.push(identity) - 1;
    for (const name of own_) {
      if (seen.has(name)) continue;
      seen.add(name);
      names.push({ name, identity: index, why: `${identity.source} is for ${name}`, ...clientsOf(model.options.get(byHost.get(name) ?? 'default')) });
    }
  }
  for (const [host, option] of byHost) {
    if (seen.has(host)) continue;
    const covered = names.find(({ name }) => name.startsWith('*.') && host.slice(host.indexOf('.')) === name.slice(1));
    names.push({
      name: host,
      identity: covered?.identity ?? 0,
      why: covered?.why ?? 'no certificate is for this name',
      ...clientsOf(model.options.get(option)),
    });
  }
  if (standard?.sniStrict !== true)
    names.push({
      name: '',
      identity: 0,
      why: model.defaultCertificate === undefined ? 'no certificate is for this name' : 'the TLSStore default says so',
      ...clientsOf(standard),
    });
  const versions = VERSIONS[standard?.minVersion as keyof typeof VERSIONS];
  return { identities, names, alpn: ['http/1.1'], tickets: 1, ...(versions === undefined ? {} : { versions }) };
}

function backendsOf(model: TraefikModel): readonly ProxyBackend[] {
  return [...model.services.values()].flatMap(({ name, servers, tls, weighted }) =>
    weighted === undefined ? [{ name, endpoints: servers.map(({ ip, port }) => ({ ip, port })), ...(tls === undefined ? {} : { tls }) }] : [],
  );
}

const isThere = ({ errors, parsed }: Router): boolean => errors.length === 0 && parsed !== undefined;

export const takesOn = (router: Router, point: EntryPoint): boolean =>
  router.entryPoints.length === 0 ? point.name !== 'traefik' : router.entryPoints.includes(point.name);

export function compileEntryPoint(model: TraefikModel, point: EntryPoint, own: TlsIdentityConfig, server: string, accessLog: boolean): HttpProxyConfig {
  const routers = model.routers.filter((router) => isThere(router) && takesOn(router, point));
  const inTls = routers.filter(({ tls }) => tls !== undefined || point.tls);
  const plain = point.tls ? [] : routers.filter(({ tls }) => tls === undefined);
  return {
    port: point.port,
    flavour: 'traefik',
    ranked: true,
    tells: true,
    server,
    ...(accessLog ? {} : { quiet: true as const }),
    ...(point.trusted.length === 0 ? {} : { trusted: point.trusted }),
    tls: tlsOf(model, inTls, own),
    hosts: hostsOf(inTls, point, model),
    plainHosts: hostsOf(plain, point, model),
    backends: backendsOf(model),
  };
}
