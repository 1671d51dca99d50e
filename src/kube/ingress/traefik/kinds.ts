/** Traefik's kinds, traefik.io/v1alpha1. What they mean is read in the files beside this one. */
import { defineKind } from '../../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../../objects/types.ts';
import { required } from '../../field-errors.ts';
import { anything, anythings, choice, flag, integer, intOrString, kindSchema, list, notSimulated, struct, text, texts } from '../../schema.ts';

const reference = struct('Another object.', { name: text('Name.'), namespace: text('Namespace.') });
const cookie = struct('Affinity.', {
  cookie: struct('By a cookie.', {
    name: text('Its name.'),
    secure: flag('Only in TLS.'),
    httpOnly: flag('Not for scripts.'),
    sameSite: choice('For requests from other sites.', ['none', 'lax', 'strict']),
    maxAge: integer('Seconds.'),
    path: text('For which paths.'),
  }),
});
const service = struct('Where requests go.', {
  kind: choice('Service or TraefikService.', ['Service', 'TraefikService']),
  name: text('Name.'),
  namespace: text('Namespace; another one only with allowCrossNamespace.'),
  port: intOrString('Port, by number or name.'),
  weight: integer('Its share.', { minimum: 0 }),
  scheme: text('http or https.'),
  passHostHeader: flag('The Host header goes along; true when absent.'),
  nativeLB: flag("The Service's address instead of its endpoints."),
  sticky: cookie,
  percent: integer('Share of mirrored requests.'),
  serversTransport: text('How backends are spoken to.'),
  healthCheck: notSimulated(anything('Probes.')),
  strategy: notSimulated(text('Who is next; wrr when absent.')),
  responseForwarding: notSimulated(anything('Buffering.')),
});
const entryPoints = texts('Names of entry points; all default ones when absent.');

function kindOf(
  kind: string,
  plural: string,
  description: string,
  spec: Readonly<Record<string, Schema>>,
  validate?: (object: KubeObject) => readonly FieldError[],
): Kind {
  return defineKind<KubeObject>({
    apiVersion: 'traefik.io/v1alpha1',
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced: true,
    schema: kindSchema(description, { spec: struct('What is wanted.', spec) }),
    ...(validate === undefined ? {} : { validate }),
    columns: [
      { name: 'NAME', priority: 0 },
      { name: 'AGE', priority: 0 },
    ],
    row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
    describe: (object) => ({ title: object.metadata.name }),
  });
}

interface Routed extends KubeObject {
  readonly spec?: { readonly routes?: readonly { readonly match?: string }[] };
}
const routesErrors = (object: KubeObject): readonly FieldError[] => {
  const { spec } = object as Routed;
  return spec?.routes === undefined
    ? [required('spec.routes')]
    : spec.routes.flatMap(({ match }, i) => (match === undefined ? [required(`spec.routes[${i}].match`)] : []));
};

export const traefikKinds: readonly Kind[] = [
  kindOf(
    'IngressRoute',
    'ingressroutes',
    'Routes of Traefik, by rules.',
    {
      entryPoints,
      routes: list(
        'Routes.',
        struct('A route.', {
          match: text('The rule: Host(`a.example`) && PathPrefix(`/b`).'),
          kind: choice('Rule.', ['Rule']),
          priority: integer("Among others; the rule's length when absent or 0."),
          services: list('Where it goes.', service),
          middlewares: list('What requests go through.', reference),
          syntax: notSimulated(text('Of the rule.')),
          observability: notSimulated(anything('Of logs.')),
        }),
      ),
      tls: struct('It takes HTTPS, and nothing else.', {
        secretName: text('The certificate.'),
        options: reference,
        store: notSimulated(reference),
        certResolver: notSimulated(text('Where certificates are asked for.')),
        domains: notSimulated(anythings('For which names.')),
      }),
      parentRefs: notSimulated(anythings('Routes above it.')),
    },
    routesErrors,
  ),
  kindOf(
    'IngressRouteTCP',
    'ingressroutetcps',
    'Routes of byte streams.',
    {
      entryPoints,
      routes: list(
        'Routes.',
        struct('A route.', {
          match: text('HostSNI(`*`)'),
          priority: integer('Among others.'),
          services: list('Where it goes.', service),
          middlewares: notSimulated(anythings('Of TCP.')),
        }),
      ),
      tls: struct('By the name in the hello.', {
        secretName: text('The certificate.'),
        passthrough: flag('It does not end here.'),
        options: notSimulated(reference),
      }),
    },
    routesErrors,
  ),
  kindOf('Middleware', 'middlewares', 'What requests go through: one of stripPrefix, addPrefix, headers, redirectScheme, basicAuth, rateLimit and others.', {
    ...Object.fromEntries(
      [
        ...[
          'addPrefix',
          'stripPrefix',
          'stripPrefixRegex',
          'replacePath',
          'replacePathRegex',
          'chain',
          'ipAllowList',
          'ipWhiteList',
          'headers',
          'redirectScheme',
        ],
        ...['redirectRegex', 'basicAuth', 'forwardAuth', 'rateLimit', 'inFlightReq', 'buffering', 'circuitBreaker', 'retry'],
      ].map((name) => [name, anything('Its settings.')]),
    ),
    ...Object.fromEntries(
      ['compress', 'contentType', 'digestAuth', 'errors', 'grpcWeb', 'passTLSClientCert', 'plugin'].map((name) => [
        name,
        notSimulated(anything('Its settings.')),
      ]),
    ),
  }),
  kindOf('TraefikService', 'traefikservices', 'Services by shares, and copies of requests.', {
    weighted: struct('By shares.', { services: list('Services.', service), sticky: cookie }),
    mirroring: struct('Copies.', {
      ...service.properties,
      mirrors: list('Where copies go.', service),
      maxBodySize: notSimulated(integer('Of bodies.')),
      mirrorBody: notSimulated(flag('With its body.')),
    }),
    highestRandomWeight: notSimulated(anything('By hash.')),
  }),
  kindOf('TLSOption', 'tlsoptions', 'How TLS is spoken.', {
    minVersion: text('VersionTLS12, VersionTLS13.'),
    maxVersion: notSimulated(text('VersionTLS12, VersionTLS13.')),
    cipherSuites: notSimulated(texts('Of TLS 1.2.')),
    curvePreferences: notSimulated(texts('Groups.')),
    clientAuth: struct('Certificates of clients.', {
      secretNames: texts('Secrets with tls.ca or ca.crt.'),
      clientAuthType: choice('How much is wanted.', [
        'NoClientCert',
        'RequestClientCert',
        'RequireAnyClientCert',
        'VerifyClientCertIfGiven',
        'RequireAndVerifyClientCert',
      ]),
    }),
    sniStrict: flag('A name without a certificate is refused.'),
    alpnProtocols: notSimulated(texts('Protocols.')),
  }),
  kindOf('ServersTransport', 'serverstransports', 'How backends are spoken to in TLS.', {
    insecureSkipVerify: flag('Whatever certificate is shown will do.'),
    serverName: text('The name that is asked for and looked for.'),
    rootCAs: notSimulated(anythings('Whom to believe.')),
    rootCAsSecrets: notSimulated(texts('Whom to believe.')),
    certificatesSecrets: notSimulated(texts('Its own certificates.')),
    maxIdleConnsPerHost: notSimulated(integer('Connections that are kept.')),
    forwardingTimeouts: notSimulated(anything('How long.')),
    disableHTTP2: notSimulated(flag('HTTP/1.1 only.')),
  }),
  kindOf('TLSStore', 'tlsstores', 'The certificate that is shown where no other fits; its name is default.', {
    defaultCertificate: struct('It.', { secretName: text('Its Secret.') }),
    certificates: list('Further ones.', struct('One.', { secretName: text('Its Secret.') })),
    defaultGeneratedCert: notSimulated(anything('Where it is asked for.')),
  }),
];

export const TRAEFIK_KINDS = ['IngressRoute', 'IngressRouteTCP', 'Middleware', 'TraefikService', 'TLSOption', 'TLSStore', 'ServersTransport'] as const;
