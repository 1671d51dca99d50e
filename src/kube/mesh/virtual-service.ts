/** From a VirtualService to what a proxy does with requests and connections. Istio: pilot/pkg/networking/core/route/route.go. */
import type {
  Cors,
  Fault,
  HashBy,
  HeaderEdits,
  PathMatch,
  PathRewrite,
  ProxyRoute,
  Redirect,
  RouteAction,
  RouteMatch,
  Target,
  ValueMatch,
} from '../../net/app/proxy/config.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { namespaceOf } from '../pod/types.ts';
import { durationMs } from './duration.ts';
import type { Destination, HeaderOperations, HttpMatchRequest, IstioHttpRoute, RouteDestination, StringMatch, VirtualService } from './istio-types.ts';
import { fullHost } from './traffic-policy.ts';

/** Who asks: what matches may go by. */
export interface Client {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: string;
}

/** Where it holds: beside pods, or at one Gateway (`namespace/name`). */
export interface Place {
  readonly gateway: string;
  readonly port: number;
}

export const CONNECT_MS = 10_000;
const BACKOFF_MS = 25;
/** pilot/pkg/networking/core/route/retry, DefaultPolicy since 1.24: answers of 503 are not among it. */
export const STANDARD_RETRY = {
  tries: 3,
  retryOn: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'reset-before-request'],
  backoffMs: BACKOFF_MS,
} as const;

export type ClusterOf = (
  destination: Destination,
  namespace: string,
  port: number,
) => { readonly name: string; readonly connectMs: number; readonly hashBy: HashBy | undefined };

const valueMatch = (name: string, match: StringMatch, not = false): ValueMatch => {
  const base = { name, ...(not ? { not: true as const } : {}) };
  if (match.exact !== undefined) return { ...base, kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return { ...base, kind: 'prefix', value: match.prefix };
  return match.regex === undefined ? { ...base, kind: 'present', value: '' } : { ...base, kind: 'regex', value: match.regex };
};

function pathOf(uri: StringMatch | undefined): PathMatch {
  if (uri?.exact !== undefined) return { kind: 'exact', value: uri.exact };
  if (uri?.regex !== undefined) return { kind: 'regex', value: uri.regex, whole: true };
  return { kind: 'prefix', value: uri?.prefix ?? '/' };
}

function matchOf(match: HttpMatchRequest): RouteMatch {
  const headers = [
    ...Object.entries(match.headers ?? {}).map(([name, one]) => valueMatch(name, one ?? {})),
    ...Object.entries(match.withoutHeaders ?? {}).map(([name, one]) => valueMatch(name, one ?? {}, true)),
  ];
  const query = Object.entries(match.queryParams ?? {}).map(([name, one]) => valueMatch(name, one ?? {}));
  const { method, authority } = match;
  return {
    path: pathOf(match.uri),
    ...(method?.exact === undefined ? {} : { method: method.exact }),
    ...(method === undefined || method.exact !== undefined ? {} : { methods: valueMatch('', method) }),
    ...(authority === undefined ? {} : { authority: valueMatch('', authority) }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query }),
  };
}

const IS_HOST = /^(host|:authority)$/i;

function editsOf(operations: HeaderOperations | undefined): HeaderEdits | undefined {
  if (operations === undefined) return undefined;
  const pairs = (given: Readonly<Record<string, string>> | undefined) =>
    Object.entries(given ?? {}).flatMap(([name, value]) => (IS_HOST.test(name) ? [] : [{ name, value }]));
  return { set: pairs(operations.set), add: pairs(operations.add), remove: operations.remove ?? [] };
}

const hostIn = (operations: HeaderOperations | undefined): string | undefined =>
  Object.entries({ ...operations?.add, ...operations?.set }).find(([name]) => IS_HOST.test(name))?.[1];

function faultOf({ fault }: IstioHttpRoute): Fault | undefined {
  if (fault === undefined) return undefined;
  const { delay, abort } = fault;
  return {
    ...(delay === undefined
      ? {}
      : {
          delay: { ms: durationMs(delay.fixedDelay) ?? 0, percent: delay.percentage?.value ?? (delay.percentage === undefined ? (delay.percent ?? 100) : 0) },
        }),
    ...(abort?.httpStatus === undefined
      ? {}
      : { abort: { code: abort.httpStatus, percent: abort.percentage === undefined ? 100 : (abort.percentage.value ?? 0) } }),
  };
}

function corsOf({ corsPolicy: cors }: IstioHttpRoute): Cors | undefined {
  if (cors === undefined) return undefined;
  return {
    allowOrigins: (cors.allowOrigins ?? []).map(({ exact, prefix }) => exact ?? (prefix === undefined ? '' : `${prefix}*`)),
    allowMethods: cors.allowMethods ?? [],
    allowHeaders: cors.allowHeaders ?? [],
    exposeHeaders: cors.exposeHeaders ?? [],
    allowCredentials: cors.allowCredentials === true,
    maxAgeSeconds: Math.floor((durationMs(cors.maxAge) ?? 0) / 1000),
  };
}

function rewriteOf({ rewrite }: IstioHttpRoute, path: PathMatch): PathRewrite | undefined {
  if (rewrite?.uriRegexRewrite !== undefined) return { kind: 'replace', pattern: rewrite.uriRegexRewrite.match, value: rewrite.uriRegexRewrite.rewrite };
  if (rewrite?.uri === undefined) return undefined;
  return path.kind === 'prefix' ? { kind: 'swap', value: rewrite.uri } : { kind: 'whole', value: rewrite.uri };
}

/** retry.ConvertPolicy: what is not said is as it is without a word. */
function retriesOf({ retries }: IstioHttpRoute) {
  if (retries === undefined) return STANDARD_RETRY;
  const { attempts = 0 } = retries;
  if (attempts <= 0) return { tries: 1, retryOn: [] };
  const words = (retries.retryOn ?? '').split(',').map((word) => word.trim());
  const codes = words.filter((word) => /^\d{3}$/.test(word)).map(Number);
  const said = words.filter((word) => word !== '' && !/^\d{3}$/.test(word));
  const retryOn =
    retries.retryOn === undefined || retries.retryOn === '' ? STANDARD_RETRY.retryOn : codes.length > 0 ? [...said, 'retriable-status-codes'] : said;
  return {
    tries: 1 + attempts,
    retryOn,
    backoffMs: durationMs(retries.backoff) ?? BACKOFF_MS,
    ...(codes.length === 0 ? {} : { retryCodes: codes }),
  };
}

function redirectOf(route: IstioHttpRoute, path: PathMatch): Redirect {
  const { uri, authority, scheme, port, redirectCode = 301 } = route.redirect ?? {};
  return {
    kind: 'redirect',
    code: redirectCode,
    ...(scheme === undefined ? {} : { scheme }),
    ...(authority === undefined ? {} : { hostname: authority }),
    // Another host has its own port, unless one is said.
    ...(port === undefined ? (authority === undefined ? {} : { port: 0 }) : { port }),
    // %PREFIX()% stands for what was matched: the rest is kept.
    ...(uri === undefined
      ? {}
      : { path: uri === '%PREFIX()%' && path.kind === 'prefix' ? { kind: 'swap', value: path.value } : { kind: 'whole', value: uri } }),
  };
}

export function actionOf(route: IstioHttpRoute, path: PathMatch, namespace: string, port: number, clusterOf: ClusterOf): RouteAction {
  if (route.directResponse !== undefined)
    return {
      kind: 'answer',
      code: route.directResponse.status,
      ...(route.directResponse.body?.string === undefined ? {} : { body: route.directResponse.body.string }),
    };
  if (route.redirect !== undefined) return redirectOf(route, path);
  const to = route.route ?? [];
  let connectMs = CONNECT_MS;
  let hashBy: HashBy | undefined;
  const targets = to.map(({ destination, weight = to.length === 1 ? 1 : 0, headers }: RouteDestination): Target => {
    const cluster = clusterOf(destination, namespace, port);
    connectMs = cluster.connectMs;
    hashBy ??= cluster.hashBy;
    const [requestHeaders, responseHeaders, hostname] = [editsOf(headers?.request), editsOf(headers?.response), hostIn(headers?.request)];
    return {
      backend: cluster.name,
      // One destination alone gets all, whatever its share.
      weight: to.length === 1 ? 1 : weight,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
      ...(hostname === undefined ? {} : { hostname }),
    };
  });
  const copies = [...(route.mirror === undefined ? [] : [{ destination: route.mirror, percentage: route.mirrorPercentage }]), ...(route.mirrors ?? [])];
  const mirrors = copies.map(({ destination, percentage }) => ({
    backend: clusterOf(destination, namespace, port).name,
    ...(percentage === undefined ? {} : { percent: percentage.value ?? 0 }),
  }));
  const rewrite = rewriteOf(route, path);
  const hostname = route.rewrite?.authority ?? hostIn(route.headers?.request);
  return {
    kind: 'forward',
    targets,
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(mirrors.length === 0 ? {} : { mirrors }),
    connectTimeoutMs: connectMs,
    readTimeoutMs: durationMs(route.retries?.perTryTimeout) ?? 0,
    requestTimeoutMs: durationMs(route.timeout) ?? 0,
    ...retriesOf(route),
    ...(hashBy === undefined ? {} : { hashBy }),
  };
}

/** Whether a rule speaks of this place at all. */
function holdsAt(match: HttpMatchRequest, virtual: VirtualService, client: Client, place: Place): boolean {
  const gateways = match.gateways ?? virtual.spec?.gateways ?? ['mesh'];
  const own = namespaceOf(virtual);
  return (
    gateways.some((one) => one === place.gateway || (one !== 'mesh' && !one.includes('/') && `${own}/${one}` === place.gateway)) &&
    (match.port === undefined || match.port === place.port) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === client.namespace) &&
    (match.sourceLabels === undefined || matchesLabels(match.sourceLabels, client.labels))
  );
}

/** In the order in which they are written. */
export function compileVirtualService(virtual: VirtualService, client: Client, place: Place, clusterOf: ClusterOf): readonly ProxyRoute[] {
  const namespace = namespaceOf(virtual);
  return (virtual.spec?.http ?? []).flatMap((route, index) =>
    (route.match === undefined || route.match.length === 0 ? [{}] : route.match).flatMap((given: HttpMatchRequest): readonly ProxyRoute[] => {
      if (!holdsAt(given, virtual, client, place)) return [];
      const match = matchOf(given);
      const [requestHeaders, responseHeaders] = [editsOf(route.headers?.request), editsOf(route.headers?.response)];
      const [fault, cors] = [faultOf(route), corsOf(route)];
      const label = [route.name, given.name].filter((one) => one !== undefined).join('.');
      return [
        {
          owner: `${objectKey(virtual)} http[${index}]`,
          label,
          match,
          action: actionOf(route, match.path, namespace, place.port, clusterOf),
          ...(requestHeaders === undefined ? {} : { requestHeaders }),
          ...(responseHeaders === undefined ? {} : { responseHeaders }),
          ...(fault === undefined ? {} : { fault }),
          ...(cors === undefined ? {} : { cors }),
        },
      ];
    }),
  );
}

/** Where bytes go that are no HTTP: the first rule of TCP that fits. */
export function streamTargets(virtual: VirtualService, client: Client, place: Place): readonly RouteDestination[] | undefined {
  return virtual.spec?.tcp?.find(({ match = [] }) =>
    match.length === 0 ? holdsAt({}, virtual, client, place) : match.some((one) => holdsAt(one, virtual, client, place)),
  )?.route;
}

export const virtualHosts = (virtual: VirtualService): readonly string[] => (virtual.spec?.hosts ?? []).map((host) => fullHost(host, namespaceOf(virtual)));
