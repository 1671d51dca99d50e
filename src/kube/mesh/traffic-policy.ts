/** What DestinationRules say about a backend: subsets, limits, balancing, places, TLS. Istio: pilot/pkg/networking/core/{cluster_traffic_policy,loadbalancer/loadbalancer}.go. */
import type { BackendPolicy, HashBy, ProxyEndpoint } from '../../net/app/proxy/config.ts';
import type { StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { namespaceOf } from '../pod/types.ts';
import { durationMs } from './duration.ts';
import type { DestinationRule, LocalitySetting, TrafficPolicy } from './istio-types.ts';

const ROOT = 'istio-system';
const DOMAIN = 'svc.cluster.local';

/** `web` → `web.shop.svc.cluster.local`; names with a dot are whole. */
export const fullHost = (host: string, namespace: string): string => (host.includes('.') || host === '*' ? host : `${host}.${namespace}.${DOMAIN}`);

const hostFits = (pattern: string, host: string): boolean => pattern === host || (pattern.startsWith('*') && host.endsWith(pattern.slice(1)));

const rules = perState(['DestinationRule'], (view) =>
  view
    .list<DestinationRule>('DestinationRule')
    .map((rule) => ({ rule, namespace: namespaceOf(rule), host: fullHost(rule.spec?.host ?? '', namespaceOf(rule)) })),
);

/** Whose word counts: the client's namespace, the service's, the root; there the most exact host, then the oldest. Istio: pilot/pkg/model/push_context.go, destinationRule. */
export function ruleFor(host: string, serviceNamespace: string, clientNamespace: string, view: StoreView): DestinationRule | undefined {
  for (const namespace of [...new Set([clientNamespace, serviceNamespace, ROOT])]) {
    const found = rules(view)
      .filter((one) => one.namespace === namespace && hostFits(one.host, host))
      .sort((a, b) => b.host.replace('*', '').length - a.host.replace('*', '').length || (age(a.rule) < age(b.rule) ? -1 : 1))[0];
    if (found !== undefined) return found.rule;
  }
  return undefined;
}

const age = ({ metadata }: DestinationRule): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;

/** Of a port, then of the subset, then of the whole rule: field by field, a port's settings as they are. */
export function policyOf(rule: DestinationRule | undefined, port: number, subset: string | undefined): TrafficPolicy {
  const pick = (policy: TrafficPolicy | undefined): TrafficPolicy | undefined => {
    const own = policy?.portLevelSettings?.find((one) => one.port?.number === port);
    return own ?? policy;
  };
  const whole = pick(rule?.spec?.trafficPolicy) ?? {};
  const own = subset === undefined ? undefined : pick(rule?.spec?.subsets?.find(({ name }) => name === subset)?.trafficPolicy);
  return own === undefined ? whole : { ...whole, ...own };
}

const limit = (value: number | undefined): number | undefined => (value === undefined || value <= 0 ? undefined : value);

/** Least requests where nobody says anything. */
export function backendPolicy({ loadBalancer, connectionPool, outlierDetection: out }: TrafficPolicy, rule: DestinationRule | undefined): BackendPolicy {
  const { simple } = loadBalancer ?? {};
  const { tcp, http } = connectionPool ?? {};
  const numbers = {
    maxConnections: limit(tcp?.maxConnections),
    maxPending: limit(http?.http1MaxPendingRequests),
    maxRequests: limit(http?.http2MaxRequests),
    maxRetries: limit(http?.maxRetries),
    requestsPerConnection: limit(http?.maxRequestsPerConnection),
  };
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) as Partial<Record<keyof typeof numbers, number>>;
  return {
    balance: simple === 'ROUND_ROBIN' ? 'round-robin' : simple === 'RANDOM' ? 'random' : 'least-request',
    ...given,
    ...(out === undefined
      ? {}
      : {
          outlier: {
            errors: out.consecutive5xxErrors ?? 5,
            gatewayErrors: out.consecutiveGatewayErrors ?? 0,
            intervalMs: Math.max(1, durationMs(out.interval) ?? 10_000),
            baseMs: durationMs(out.baseEjectionTime) ?? 30_000,
            maxPercent: limit(out.maxEjectionPercent) ?? 10,
            minHealthPercent: out.minHealthPercent ?? 0,
          },
        }),
    ...(rule === undefined ? {} : { source: objectKey(rule) }),
  };
}

export function hashOf({ loadBalancer }: TrafficPolicy): HashBy | undefined {
  const hash = loadBalancer?.consistentHash;
  if (hash === undefined) return undefined;
  if (hash.httpHeaderName !== undefined) return { header: hash.httpHeaderName };
  if (hash.httpCookie !== undefined) return { cookie: hash.httpCookie.name };
  if (hash.httpQueryParameterName !== undefined) return { query: hash.httpQueryParameterName };
  return hash.useSourceIp === true ? 'source' : undefined;
}

/** `us/east/*` takes `us/east/a`. Istio: pilot/pkg/networking/util, LocalityMatch. */
function placeFits(place: string, rule: string): boolean {
  if (rule === '*') return true;
  const [parts, wanted] = [place.split('/'), rule.split('/')];
  return wanted.every((word, index) => word === '*' || word === (parts[index] ?? ''));
}

/** 0: the same subzone, 1: zone, 2: region, 3: elsewhere. */
function distance(client: string, place: string): number {
  const [a, b] = [client.split('/'), place.split('/')];
  const same = (index: number) => (a[index] ?? '') === (b[index] ?? '');
  if (!same(0)) return 3;
  if (!same(1)) return 2;
  return same(2) ? 0 : 1;
}

interface Placed {
  readonly endpoint: ProxyEndpoint;
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Endpoints with the priorities or shares that their places have for a client. */
export function placed(
  endpoints: readonly Placed[],
  client: { readonly locality: string; readonly labels: Readonly<Record<string, string>> },
  setting: LocalitySetting | undefined,
  hasOutlier: boolean,
): readonly ProxyEndpoint[] {
  const plain = endpoints.map(({ endpoint }) => endpoint);
  if (setting === undefined || setting.enabled === false) return plain;
  if (setting.distribute !== undefined) {
    const own = setting.distribute.find(({ from = '' }) => placeFits(client.locality, from));
    if (own === undefined) return plain;
    return endpoints.flatMap(({ endpoint, locality }) => {
      // The first that fits has it; several places of one rule share its weight by their endpoints.
      const [name, weight] = Object.entries(own.to ?? {}).find(([to]) => placeFits(locality, to)) ?? [];
      return name === undefined || weight === undefined || weight === 0 ? [] : [{ ...endpoint, place: { name, weight } }];
    });
  }
  // Nobody would ever go elsewhere if nobody noticed that an endpoint is ill.
  if (!hasOutlier) return plain;
  const [region = ''] = client.locality.split('/');
  const failover = setting.failover?.find(({ from }) => from === region);
  const byLabels = setting.failoverPriority ?? [];
  const rank = ({ locality, labels }: Placed): number => {
    if (byLabels.length > 0) {
      const differs = byLabels.findIndex((label) => {
        const [key = '', value = client.labels[key]] = label.split('=');
        return value !== labels[key];
      });
      return differs < 0 ? 0 : byLabels.length - differs;
    }
    if (client.locality === '') return 0;
    const far = distance(client.locality, locality);
    return far === 3 && failover !== undefined && locality.split('/')[0] !== failover.to ? 4 : far;
  };
  const ranked = endpoints.map((one) => ({ one, rank: rank(one) }));
  const order = [...new Set(ranked.map((one) => one.rank))].sort((a, b) => a - b);
  return ranked.map(({ one, rank: own }) => {
    const priority = order.indexOf(own);
    return priority === 0 ? one.endpoint : { ...one.endpoint, priority };
  });
}
