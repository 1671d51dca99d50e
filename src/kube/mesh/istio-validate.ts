/** What istiod's webhook holds against Istio's objects, in its words. Istio: pkg/config/validation/{validation,virtualservice,gateway}.go. */
import { compileGoRegexp } from '../../base/go-regexp.ts';
import { durationMs } from './duration.ts';
import type {
  AuthorizationPolicy,
  Destination,
  DestinationRule,
  IstioGateway,
  IstioHttpRoute,
  ServiceEntry,
  StringMatch,
  TrafficPolicy,
  VirtualService,
} from './istio-types.ts';

const FQDN = /^(\*|(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/i;
const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;

function regexErrors(match: StringMatch | undefined, where: string): readonly string[] {
  if (match?.regex === undefined) return [];
  if (match.regex.length > 1024) return [`${where}: regex is too large, max length allowed is 1024`];
  const compiled = compileGoRegexp(match.regex);
  return compiled.ok ? [] : [`${where}: ${compiled.error}; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)`];
}

const durationErrors = (text: string | undefined): readonly string[] =>
  text === undefined || durationMs(text) !== undefined ? [] : [`invalid duration: ${text}`];

function destinationErrors({ host, subset, port }: Destination): readonly string[] {
  return [
    ...(host === '*' ? ['invalid destination host *'] : FQDN.test(host ?? '') ? [] : [`domain name ${JSON.stringify(host ?? '')} invalid`]),
    ...(subset === undefined || LABEL.test(subset) ? [] : [`subset name is invalid: ${subset}`]),
    ...(port?.number === undefined || (port.number > 0 && port.number < 65_536) ? [] : [`port number ${port.number} must be in the range 1..65535`]),
  ];
}

const share = (value: number | undefined): boolean => value === undefined || (value >= 0 && value <= 100);

function httpErrors(route: IstioHttpRoute): readonly string[] {
  const { redirect, directResponse, fault, rewrite, retries, mirrorPercentage } = route;
  const to = route.route ?? [];
  const conflict: string[] = [];
  if (redirect !== undefined) {
    if (to.length > 0) conflict.push('HTTP route cannot contain both route and redirect');
    if (fault !== undefined) conflict.push('HTTP route cannot contain both fault and redirect');
    if (rewrite !== undefined) conflict.push('HTTP route rule cannot contain both rewrite and redirect');
  } else if (directResponse !== undefined) {
    if (to.length > 0) conflict.push('HTTP route cannot contain both route and direct_response');
  } else if (to.length === 0) conflict.push('HTTP route, redirect or direct_response is required');
  const total = to.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const matches = (route.match ?? []).flatMap((one) => [
    ...Object.values(one.headers ?? {}).flatMap((match) => regexErrors(match, 'headers')),
    ...regexErrors(one.uri, 'uri'),
    ...regexErrors(one.method, 'method'),
    ...regexErrors(one.authority, 'authority'),
    ...Object.values(one.queryParams ?? {}).flatMap((match) => regexErrors(match, 'queryParams')),
  ]);
  const { delay, abort } = fault ?? {};
  return [
    ...conflict,
    ...matches,
    ...(share(abort?.percentage?.value) ? [] : [`percentage ${abort?.percentage?.value} is not in range 0..100`]),
    ...(abort === undefined || abort.httpStatus !== undefined ? [] : ['HTTP fault abort requires HTTP status, gRPC status or HTTP/2 error']),
    ...(abort?.httpStatus === undefined || (abort.httpStatus >= 200 && abort.httpStatus <= 600) ? [] : ['HTTP fault abort status must be in range [200, 600]']),
    ...(delay === undefined || delay.fixedDelay !== undefined ? durationErrors(delay?.fixedDelay) : ['HTTP fault delay requires fixed delay']),
    ...(share(mirrorPercentage?.value) ? [] : [`mirror_percentage must have a max value of 100 (it has ${(mirrorPercentage?.value ?? 0).toFixed(6)})`]),
    ...(redirect !== undefined &&
    redirect.uri === undefined &&
    redirect.authority === undefined &&
    redirect.scheme === undefined &&
    redirect.port === undefined &&
    redirect.redirectCode === undefined
      ? ['redirect must specify URI, authority, scheme, or port']
      : []),
    ...(retries?.attempts !== undefined && retries.attempts < 0 ? ['attempts cannot be negative'] : []),
    ...(retries?.attempts === 0 && (retries.perTryTimeout !== undefined || retries.retryOn !== undefined)
      ? ['http retry policy configured when attempts are set to 0 (disabled)']
      : []),
    ...durationErrors(retries?.perTryTimeout),
    ...(rewrite !== undefined && rewrite.uri === undefined && rewrite.authority === undefined && rewrite.uriRegexRewrite === undefined
      ? ['rewrite must specify URI, UriRegexRewrite, or authority']
      : []),
    ...to.flatMap(({ destination, weight = 0 }) => [
      ...(destination === undefined ? ['destination is required'] : destinationErrors(destination)),
      ...(weight < 0 ? [`weight ${weight} < 0`] : []),
    ]),
    ...(to.length > 1 && total === 0 ? ['total destination weight = 0'] : []),
    ...(route.mirror === undefined ? [] : destinationErrors(route.mirror)),
    ...durationErrors(route.timeout),
  ];
}

export function virtualServiceErrors({ spec = {} }: VirtualService): readonly string[] {
  const hosts = spec.hosts ?? [];
  const rules = [...(spec.http ?? []), ...(spec.tcp ?? []), ...(spec.tls ?? [])];
  const inMesh = spec.gateways === undefined || spec.gateways.includes('mesh');
  const seen = new Set<string>();
  return [
    ...(hosts.length === 0 ? ['virtual service must have at least one host'] : []),
    ...hosts.flatMap((host) => {
      const twice = seen.has(host);
      seen.add(host);
      if (twice) return [`duplicate hosts in virtual service: ${host}`];
      if (host === '*' && inMesh) return ['wildcard host * is not allowed for virtual services bound to the mesh gateway'];
      return FQDN.test(host) || /^[0-9.:a-f]+$/i.test(host) ? [] : [`domain name ${JSON.stringify(host)} invalid`];
    }),
    ...(rules.length === 0 ? ['http, tcp or tls must be provided in virtual service'] : []),
    ...(spec.http ?? []).flatMap(httpErrors),
    ...(spec.tls ?? []).flatMap(({ match = [] }) =>
      match.length === 0
        ? ['TLS route must have at least one match condition']
        : match.some(({ sniHosts = [] }) => sniHosts.length === 0)
          ? ['TLS match must have at least one SNI host']
          : [],
    ),
    ...[...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(({ route = [] }) =>
      route.length === 0 ? ['TCP route is required'] : route.flatMap(({ destination }) => destinationErrors(destination)),
    ),
  ];
}

function policyErrors({ loadBalancer, connectionPool, outlierDetection, tls, portLevelSettings = [] }: TrafficPolicy): readonly string[] {
  const { simple, consistentHash, localityLbSetting } = loadBalancer ?? {};
  const positive = (value: number | undefined, words: string): readonly string[] => (value === undefined || value >= 0 ? [] : [words]);
  const { tcp, http } = connectionPool ?? {};
  const out = outlierDetection;
  const hash = consistentHash;
  return [
    ...(hash !== undefined &&
    hash.httpHeaderName === undefined &&
    hash.httpCookie === undefined &&
    hash.useSourceIp !== true &&
    hash.httpQueryParameterName === undefined
      ? ['a consistent hash key is required']
      : []),
    ...(simple !== undefined && consistentHash !== undefined ? ['only one of simple and consistentHash may be set'] : []),
    ...(localityLbSetting?.distribute !== undefined && localityLbSetting.failover !== undefined
      ? ["can not simultaneously specify 'distribute', 'failover' and 'failoverPriority'"]
      : []),
    ...(localityLbSetting?.distribute ?? []).flatMap(({ to = {} }) => {
      const sum = Object.values(to).reduce((total, one) => total + one, 0);
      return sum === 100 ? [] : [`total locality weight ${sum} != 100`];
    }),
    ...(connectionPool !== undefined && tcp === undefined && http === undefined ? ['connection pool must have at least one field'] : []),
    ...positive(tcp?.maxConnections, 'max connections must be non-negative'),
    ...durationErrors(tcp?.connectTimeout),
    ...positive(http?.http1MaxPendingRequests, 'max pending requests must be non-negative'),
    ...positive(http?.http2MaxRequests, 'max requests must be non-negative'),
    ...positive(http?.maxRequestsPerConnection, 'max requests per connection must be non-negative'),
    ...positive(http?.maxRetries, 'max retries must be non-negative'),
    ...durationErrors(out?.interval),
    ...durationErrors(out?.baseEjectionTime),
    ...(share(out?.maxEjectionPercent) ? [] : [`percentage ${out?.maxEjectionPercent} is not in range 0..100`]),
    ...(share(out?.minHealthPercent) ? [] : [`percentage ${out?.minHealthPercent} is not in range 0..100`]),
    ...(tls !== undefined && tls.mode === undefined ? [] : []),
    ...portLevelSettings.flatMap((one) => [...(one.port?.number === undefined ? ['port number 0 must be in the range 1..65535'] : []), ...policyErrors(one)]),
  ];
}

export function destinationRuleErrors({ spec = {} }: DestinationRule): readonly string[] {
  const names = new Set<string>();
  return [
    ...(FQDN.test(spec.host ?? '') ? [] : [`domain name ${JSON.stringify(spec.host ?? '')} invalid`]),
    ...policyErrors(spec.trafficPolicy ?? {}),
    ...(spec.subsets ?? []).flatMap(({ name, trafficPolicy = {} }) => {
      const twice = names.has(name);
      names.add(name);
      return [
        ...(LABEL.test(name) ? [] : [`subset name is invalid: ${name}`]),
        ...(twice ? [`duplicate subset names: ${name}`] : []),
        ...policyErrors(trafficPolicy),
      ];
    }),
  ];
}

export function serviceEntryErrors({ spec = {} }: ServiceEntry): readonly string[] {
  const { hosts = [], ports = [], resolution = 'NONE', endpoints = [], addresses = [] } = spec;
  const names = new Set<string>();
  return [
    ...(hosts.length === 0 ? ['service entry must have at least one host'] : []),
    ...hosts.flatMap((host) => (FQDN.test(host) ? [] : [`invalid host ${host}`])),
    ...(ports.length === 0 ? ['service entry must have at least one port'] : []),
    ...ports.flatMap(({ name = '', number }) => {
      const twice = names.has(name);
      names.add(name);
      return [
        ...(twice ? [`service entry port name ${JSON.stringify(name)} already defined`] : []),
        ...(number > 0 && number < 65_536 ? [] : [`port number ${number} must be in the range 1..65535`]),
      ];
    }),
    ...(resolution === 'NONE' && endpoints.length > 0 ? ['no endpoints should be provided for resolution type none'] : []),
    ...(resolution === 'DNS' && endpoints.length === 0 && hosts.some((host) => host.startsWith('*'))
      ? ['hosts must be FQDN if no endpoints are provided for resolution mode DNS']
      : []),
    ...(resolution === 'STATIC' && endpoints.length === 0 && spec.workloadSelector === undefined
      ? ['endpoints must be provided if service entry resolution mode is static']
      : []),
    ...addresses.flatMap((one) => (/^[0-9a-f.:]+(\/\d+)?$/i.test(one) ? [] : [`${one} is not a valid IP`])),
  ];
}

export function gatewayErrors({ spec = {} }: IstioGateway): readonly string[] {
  const servers = spec.servers ?? [];
  return [
    ...(servers.length === 0 ? ['gateway must have at least one server'] : []),
    ...servers.flatMap(({ port, hosts = [], tls }) => {
      const protocol = (port?.protocol ?? '').toUpperCase();
      const isTls = protocol === 'HTTPS' || protocol === 'TLS';
      return [
        ...(port === undefined ? ['port is required'] : []),
        ...(hosts.length === 0 ? ['server config must contain at least one host'] : []),
        ...(isTls && tls === undefined ? ['server must have TLS settings for HTTPS/TLS protocols'] : []),
        ...(protocol === 'HTTP' && tls !== undefined && tls.httpsRedirect !== true ? ['server cannot have TLS settings for plain text HTTP ports'] : []),
        ...(isTls && tls?.mode === 'SIMPLE' && tls.credentialName === undefined ? ['SIMPLE TLS requires a private key'] : []),
      ];
    }),
  ];
}

export function authorizationErrors({ spec = {} }: AuthorizationPolicy): readonly string[] {
  const { action = 'ALLOW', rules, provider } = spec;
  return [
    ...(action === 'CUSTOM' && (provider?.name ?? '') === '' ? ['`provider` must not be empty'] : []),
    ...(action !== 'CUSTOM' && provider !== undefined ? ['`provider` must not be with CUSTOM action'] : []),
    ...((action === 'DENY' || action === 'CUSTOM') && rules === undefined
      ? [`${action} action without rules is meaningless as it will never be triggered`]
      : []),
    ...(rules ?? []).flatMap(({ from, to, when = [] }, index) => [
      ...(from !== undefined && from.length === 0 ? [`\`from\` cannot be empty, found at rule[${index}]`] : []),
      ...(to !== undefined && to.length === 0 ? [`\`to\` cannot be empty, found at rule[${index}]`] : []),
      ...when.flatMap(({ key, values = [], notValues = [] }) =>
        values.length === 0 && notValues.length === 0
          ? [`at least one of \`values\` or \`notValues\` must be set for key ${key}, found at rule[${index}]`]
          : [],
      ),
    ]),
  ];
}
