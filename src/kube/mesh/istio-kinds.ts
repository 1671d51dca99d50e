/** Istio's kinds for traffic and for who may ask: their schemas, columns, and what istiod's webhook refuses. Istio: manifests/charts/base/files/crd-all.gen.yaml, pkg/config/validation. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, Kind, KubeObject, RowContext, Schema, StoreView } from '../../objects/types.ts';
import { anything, choice, decimal, flag, integer, kindSchema, list, mapOf, notSimulated, struct, text, textMap, texts } from '../schema.ts';
import { isIstiodReady } from './inject.ts';
import type { AuthorizationPolicy, DestinationRule, IstioGateway, ServiceEntry, VirtualService } from './istio-types.ts';
import { authorizationErrors, destinationRuleErrors, gatewayErrors, serviceEntryErrors, virtualServiceErrors } from './istio-validate.ts';

/** Accepted, whatever they hold. */
const without = (names: string): Readonly<Record<string, Schema>> =>
  Object.fromEntries(names.split(' ').map((name) => [name, notSimulated({ description: 'Not here.', 'x-kubernetes-preserve-unknown-fields': true })]));

const duration = (description: string): Schema => text(`${description} \`500ms\`, \`1m30s\`.`);
const match = (description: string): Schema =>
  struct(description, { exact: text('The whole.'), prefix: text('Its beginning.'), regex: text('RE2, the whole.') });
const labels = textMap('Labels that they have.');
const selector = struct('Pods that it is for; without it all of the namespace.', { matchLabels: labels });
const percent = (description: string): Schema => struct(description, { value: decimal('Percent.') });
const destination = struct(
  'Where to.',
  {
    host: text('A Service: short, `name.namespace`, or whole.'),
    subset: text('Of its DestinationRule.'),
    port: struct('Its port.', { number: integer('Number.') }),
  },
  ['host'],
);
const operations = (description: string): Schema => struct(description, { set: textMap('Replaces.'), add: textMap('Adds.'), remove: texts('Takes away.') });
const headers = struct('What is changed in headers.', { request: operations('Of requests.'), response: operations('Of answers.') });
const destinations = list('Where to, by shares.', struct('One.', { destination, weight: integer('Share.'), headers }, ['destination']));

const httpRoute = struct('A rule; the first that fits counts.', {
  name: text('For logs.'),
  match: list(
    'One of these must fit; absent: all requests.',
    struct('All of it must fit.', {
      name: text('For logs.'),
      uri: match('Path.'),
      ...without('scheme'),
      method: match('Method.'),
      authority: match('Host.'),
      headers: mapOf('By name.', match('Value; {}: it is there.')),
      withoutHeaders: mapOf('By name.', match('Must not be so.')),
      queryParams: mapOf('By name.', match('Value.')),
      port: integer('Of the Service.'),
      sourceLabels: textMap('Of the client’s pod.'),
      sourceNamespace: text('Of the client’s pod.'),
      gateways: texts('Where it holds.'),
      ...without('ignoreUriCase statPrefix'),
    }),
  ),
  route: destinations,
  redirect: struct('Clients are sent elsewhere.', {
    uri: text('Path.'),
    authority: text('Host.'),
    scheme: text('Scheme.'),
    port: integer('Port.'),
    ...without('derivePort'),
    redirectCode: integer('301 where absent.'),
  }),
  directResponse: struct('Answered by the proxy.', { status: integer('Status.'), body: struct('Body.', { string: text('Text.') }) }, ['status']),
  rewrite: struct('What the backend sees.', {
    uri: text('In place of the matched beginning.'),
    authority: text('Host.'),
    uriRegexRewrite: struct('By an expression.', { match: text('RE2.'), rewrite: text('With \\1 for groups.') }),
  }),
  timeout: duration('For the whole request; 0s or absent: none.'),
  retries: struct('What is tried again.', {
    attempts: integer('How often more; 0: never. 2 where nothing is said.'),
    perTryTimeout: duration('For each try.'),
    retryOn: text('connect-failure, 5xx, gateway-error, reset, retriable-4xx, or statuses.'),
    backoff: duration('Before the next try; 25ms where absent.'),
    ...without('retryRemoteLocalities retryIgnorePreviousHosts'),
  }),
  fault: struct('Faults on purpose.', {
    delay: struct('Some wait.', {
      percentage: percent('How many.'),
      percent: integer('Deprecated.'),
      fixedDelay: duration('How long.'),
      ...without('exponentialDelay'),
    }),
    abort: struct('Some fail.', {
      percentage: percent('How many.'),
      httpStatus: integer('With this status.'),
      ...without('grpcStatus'),
    }),
  }),
  mirror: destination,
  mirrorPercentage: percent('How many are copied.'),
  mirrors: list('Copies.', struct('One.', { destination, percentage: percent('How many.') }, ['destination'])),
  corsPolicy: struct('For browsers.', {
    allowOrigins: list('Origins.', match('One.')),
    allowMethods: texts('Methods.'),
    allowHeaders: texts('Headers.'),
    exposeHeaders: texts('Headers.'),
    maxAge: duration('How long it holds.'),
    allowCredentials: flag('Cookies too.'),
    ...without('unmatchedPreflights'),
  }),
  headers,
  ...without('delegate'),
});
const l4Route = (description: string): Schema =>
  list(
    description,
    struct('A rule.', {
      match: list(
        'One must fit.',
        struct('A match.', {
          port: integer('Port.'),
          sniHosts: texts('Names in TLS.'),
          sourceLabels: textMap('Of the client’s pod.'),
          gateways: texts('Where it holds.'),
          ...without('destinationSubnets sourceNamespace'),
        }),
      ),
      route: destinations,
    }),
  );

const policyFields = {
  loadBalancer: struct('Who gets the next request.', {
    simple: choice('How.', ['UNSPECIFIED', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST', 'LEAST_CONN']),
    consistentHash: struct('The same for what is alike.', {
      httpHeaderName: text('By a header.'),
      httpCookie: struct('By a cookie that is there.', { name: text('Name.'), ...without('path ttl') }, ['name']),
      useSourceIp: flag('By address.'),
      httpQueryParameterName: text('By a parameter.'),
      ...without('minimumRingSize ringHash maglev'),
    }),
    localityLbSetting: struct('By region, zone and subzone; failover needs outlierDetection.', {
      enabled: flag('On where absent.'),
      distribute: list('Shares.', struct('From one place.', { from: text('`region/zone/*`'), to: mapOf('By place.', integer('Percent.')) })),
      failover: list('Where else.', struct('From a region.', { from: text('Region.'), to: text('Region.') })),
      failoverPriority: texts('Labels in order.'),
    }),
    ...without('warmupDurationSecs warmup'),
  }),
  connectionPool: struct('The circuit breaker: what may be under way at once from one proxy.', {
    tcp: struct('Connections.', {
      maxConnections: integer('At most.'),
      connectTimeout: duration('10s where absent.'),
      ...without('tcpKeepalive maxConnectionDuration idleTimeout'),
    }),
    http: struct('Requests.', {
      http1MaxPendingRequests: integer('Waiting for a connection.'),
      http2MaxRequests: integer('Without an answer.'),
      maxRequestsPerConnection: integer('Then it is closed.'),
      maxRetries: integer('Second tries at once.'),
      ...without('idleTimeout h2UpgradePolicy useClientProtocol maxConcurrentStreams'),
    }),
  }),
  outlierDetection: struct('Endpoints that fail again and again are left alone for a while.', {
    consecutive5xxErrors: integer('5 where absent, 0: never.'),
    consecutiveGatewayErrors: integer('502, 503, 504; 0: never.'),
    interval: duration('Between looks; 10s where absent.'),
    baseEjectionTime: duration('30s where absent; twice as long the second time.'),
    maxEjectionPercent: integer('10 where absent: of two endpoints then none.'),
    minHealthPercent: integer('With fewer all are asked.'),
    ...without('consecutiveErrors splitExternalLocalOriginErrors consecutiveLocalOriginFailures'),
  }),
  tls: struct('Towards the backend; the mesh’s own where absent.', {
    mode: choice('Which.', ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
    sni: text('The name asked for.'),
    insecureSkipVerify: flag('Believe anybody.'),
    ...without('credentialName clientCertificate privateKey caCertificates subjectAltNames'),
  }),
  ...without('tunnel proxyProtocol'),
};
const trafficPolicy = struct('How it is spoken to.', {
  ...policyFields,
  portLevelSettings: list('For single ports.', struct('One.', { port: struct('Port.', { number: integer('Number.') }), ...policyFields })),
});

const values = (words: readonly string[]): Record<string, Schema> =>
  Object.fromEntries(words.map((word) => [word, texts('`*` at either end stands for anything.')]));

interface Shape<T extends KubeObject> {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly short: readonly string[];
  readonly description: string;
  readonly spec: Schema;
  readonly columns?: readonly string[];
  readonly cells?: (object: T) => readonly string[];
  readonly subtitle: (object: T) => string;
  readonly errors?: (object: T) => readonly string[];
  readonly versions?: readonly string[];
}

/** pkg/webhooks/validation/server: several errors as go-multierror lists them. */
function refusal(errors: readonly string[]): FieldError {
  const several = `${errors.length} errors occurred:\n${errors.map((one) => `\t* ${one}\n`).join('')}\n`;
  const said = errors.length === 1 ? (errors[0] ?? '') : several;
  return { path: '', type: 'Internal error', message: `admission webhook "validation.istio.io" denied the request: configuration is invalid: ${said}` };
}

function istioKind<T extends KubeObject>(shape: Shape<T>): Kind {
  const { group, errors, columns = [], cells } = shape;
  return defineKind<T>({
    apiVersion: `${group}/v1`,
    otherVersions: (shape.versions ?? ['v1beta1', 'v1alpha3']).map((version) => `${group}/${version}`),
    kind: shape.kind,
    plural: shape.plural,
    singular: shape.kind.toLowerCase().split('.')[0] ?? '',
    shortNames: shape.short,
    namespaced: true,
    hasGeneration: true,
    schema: kindSchema(shape.description, { spec: shape.spec, status: anything('What is reported.') }),
    ...(errors === undefined
      ? {}
      : {
          admit: (object: T, _old: T | undefined, view: StoreView) => {
            // Without istiod there is nobody who would refuse (its webhook begins with failurePolicy: Ignore).
            const found = isIstiodReady(view) ? errors(object) : [];
            return { object, errors: found.length === 0 ? [] : [refusal(found)] };
          },
        }),
    columns: [{ name: 'NAME', priority: 0 }, ...columns.map((name) => ({ name, priority: 0 as const })), { name: 'AGE', priority: 0 }],
    row: (object: T, context: RowContext) => [object.metadata.name, ...(cells?.(object) ?? []), context.age(object.metadata.creationTimestamp)],
    describe: (object: T) => ({ title: object.metadata.name, subtitle: shape.subtitle(object) }),
  });
}

const NETWORKING = 'networking.istio.io';
const asList = (given: readonly string[] | undefined): string => (given === undefined ? '' : `[${given.map((one) => JSON.stringify(one)).join(',')}]`);

export const istioKinds: readonly Kind[] = [
  istioKind<VirtualService>({
    group: NETWORKING,
    kind: 'VirtualService',
    plural: 'virtualservices',
    short: ['vs'],
    description: 'What becomes of requests for a host, decided by the proxy of who asks.',
    spec: struct('Rules.', {
      hosts: texts('Names that are asked for; short ones are Services.'),
      gateways: texts('`mesh`: the proxies beside pods (where absent), else Gateways.'),
      http: list('Of HTTP.', httpRoute),
      tls: l4Route('Of TLS that is passed on.'),
      tcp: l4Route('Of other bytes.'),
      ...without('exportTo'),
    }),
    columns: ['GATEWAYS', 'HOSTS'],
    cells: ({ spec }) => [asList(spec?.gateways), asList(spec?.hosts)],
    subtitle: ({ spec }) => (spec?.hosts ?? []).join(', '),
    errors: virtualServiceErrors,
  }),
  istioKind<DestinationRule>({
    group: NETWORKING,
    kind: 'DestinationRule',
    plural: 'destinationrules',
    short: ['dr'],
    description: 'How a Service is spoken to once it is chosen: subsets, balancing, circuit breaking, TLS.',
    spec: struct(
      'Rules.',
      {
        host: text('A Service.'),
        trafficPolicy,
        subsets: list('Groups of its pods.', struct('One.', { name: text('Name.'), labels, trafficPolicy }, ['name'])),
        ...without('exportTo workloadSelector'),
      },
      ['host'],
    ),
    columns: ['HOST'],
    cells: ({ spec }) => [spec?.host ?? ''],
    subtitle: ({ spec }) => spec?.host ?? '',
    errors: destinationRuleErrors,
  }),
  istioKind<ServiceEntry>({
    group: NETWORKING,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    short: ['se'],
    description: 'A service that is none of the cluster’s, made known to the mesh.',
    spec: struct(
      'It.',
      {
        hosts: texts('Names.'),
        addresses: texts('Addresses that clients ask at.'),
        ports: list(
          'Ports.',
          struct(
            'One.',
            { number: integer('Number.'), name: text('Name.'), protocol: text('HTTP, HTTPS, TLS, TCP …'), targetPort: integer('Of its endpoints.') },
            ['number'],
          ),
        ),
        location: choice('Whether its endpoints have proxies of the mesh.', ['MESH_EXTERNAL', 'MESH_INTERNAL']),
        resolution: choice('How endpoints are found.', ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN']),
        endpoints: list(
          'Where they are.',
          struct('One.', {
            address: text('Address.'),
            ports: mapOf('By name.', integer('Port.')),
            labels,
            locality: text('`region/zone`'),
            ...without('network weight serviceAccount'),
          }),
        ),
        ...without('workloadSelector subjectAltNames exportTo'),
      },
      ['hosts'],
    ),
    columns: ['HOSTS', 'LOCATION', 'RESOLUTION'],
    cells: ({ spec }) => [asList(spec?.hosts), spec?.location ?? '', spec?.resolution ?? ''],
    subtitle: ({ spec }) => (spec?.hosts ?? []).join(', '),
    errors: serviceEntryErrors,
  }),
  istioKind<IstioGateway>({
    group: NETWORKING,
    kind: `Gateway.${NETWORKING}`,
    plural: 'gateways',
    short: ['gw'],
    description: 'Where a gateway’s pods listen, and for which hosts.',
    spec: struct('Servers.', {
      selector: textMap('Pods by labels: `istio: ingressgateway`.'),
      servers: list(
        'Where they listen.',
        struct('One.', {
          name: text('Name.'),
          port: struct('Port.', {
            number: integer('Number.'),
            name: text('Name.'),
            protocol: text('HTTP, HTTPS …'),
            ...without('targetPort'),
          }),
          hosts: texts('`*.shop.com`, `namespace/host`.'),
          ...without('bind'),
          tls: struct('TLS.', {
            mode: choice('Who ends it.', ['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL']),
            credentialName: text('Secret in the pod’s namespace.'),
            httpsRedirect: flag('301 to https.'),
            ...without('serverCertificate privateKey caCertificates minProtocolVersion maxProtocolVersion cipherSuites'),
          }),
        }),
      ),
    }),
    subtitle: ({ spec }) => (spec?.servers ?? []).flatMap(({ hosts = [] }) => hosts).join(', '),
    errors: gatewayErrors,
  }),
  istioKind<AuthorizationPolicy>({
    group: 'security.istio.io',
    versions: ['v1beta1'],
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    short: ['ap'],
    description: 'Who may ask for what of pods of the mesh, decided by the proxy of who is asked.',
    spec: struct('Rules.', {
      action: choice('What becomes of what fits.', ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']),
      provider: struct('Of CUSTOM.', { name: text('Name; none is there, so what fits is refused.') }),
      selector,
      ...without('targetRef targetRefs'),
      rules: list(
        'One must fit; none: nothing fits.',
        struct('All three must fit.', {
          from: list(
            'One must fit.',
            struct('A source.', {
              source: struct('All must fit.', {
                ...values([
                  'principals',
                  'notPrincipals',
                  'namespaces',
                  'notNamespaces',
                  'serviceAccounts',
                  'notServiceAccounts',
                  'ipBlocks',
                  'notIpBlocks',
                  'remoteIpBlocks',
                  'notRemoteIpBlocks',
                ]),
                ...without('requestPrincipals notRequestPrincipals'),
              }),
            }),
          ),
          to: list(
            'One must fit.',
            struct('An operation.', {
              operation: struct('All must fit.', values(['hosts', 'notHosts', 'ports', 'notPorts', 'methods', 'notMethods', 'paths', 'notPaths'])),
            }),
          ),
          when: list(
            'All must fit.',
            struct(
              'A condition.',
              {
                key: text('request.headers[…], source.ip, source.namespace, source.principal, destination.port.'),
                values: texts('One must fit.'),
                notValues: texts('None may fit.'),
              },
              ['key'],
            ),
          ),
        }),
      ),
    }),
    columns: ['ACTION'],
    cells: ({ spec }) => [spec?.action ?? ''],
    subtitle: ({ spec }) => spec?.action ?? 'ALLOW',
    errors: authorizationErrors,
  }),
];
