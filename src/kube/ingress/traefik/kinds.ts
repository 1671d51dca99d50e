/** Traefik's kinds, traefik.io/v1alpha1. What they mean is read in the files beside this one. */
import { defineKind } from '../../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../../objects/types.ts';
import { required } from '../../field-errors.ts';
import { anything, choice, flag, integer, intOrString, kindSchema, list, notSimulated, struct, text, texts } from '../../schema.ts';

type Fields = Readonly<Record<string, Schema>>;

/** Accepted, whatever they hold. */
const without = (names: string): Fields =>
  Object.fromEntries(names.split(' ').map((name) => [name, notSimulated({ description: 'Not here.', 'x-kubernetes-preserve-unknown-fields': true })]));

const reference = struct('Another object.', { name: text('Name.'), namespace: text('Namespace.') });
const cookie = struct('Affinity.', {
  cookie: struct('By a cookie.', {
    name: text('Name.'),
    secure: flag('Only in TLS.'),
    httpOnly: flag('Not for scripts.'),
    sameSite: choice('SameSite.', ['none', 'lax', 'strict']),
    maxAge: integer('Seconds.'),
    path: text('Path.'),
  }),
});
const service = struct('Where requests go.', {
  kind: choice('Kind.', ['Service', 'TraefikService']),
  name: text('Name.'),
  namespace: text('Namespace.'),
  port: intOrString('Port.'),
  weight: integer('Its share.', { minimum: 0 }),
  scheme: text('http or https.'),
  passHostHeader: flag('The Host header goes along.'),
  nativeLB: flag("The Service's address instead of its endpoints."),
  sticky: cookie,
  percent: integer('Share of copies.'),
  serversTransport: text('How backends are spoken to.'),
  ...without('healthCheck passiveHealthCheck strategy responseForwarding'),
});
const services = list('Services.', service);
const entryPoints = texts('Names of entry points; all when absent.');

function kindOf(kind: string, plural: string, description: string, spec: Fields, validate?: (object: KubeObject) => readonly FieldError[]): Kind {
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

const routes = (more: Fields): Schema =>
  list('Routes.', struct('A route.', { match: text('The rule.'), priority: integer('Among others.'), services, ...more }));
const settings =
  'addPrefix stripPrefix stripPrefixRegex replacePath replacePathRegex chain ipAllowList ipWhiteList headers redirectScheme redirectRegex basicAuth forwardAuth rateLimit inFlightReq buffering circuitBreaker retry';

export const traefikKinds: readonly Kind[] = [
  kindOf(
    'IngressRoute',
    'ingressroutes',
    'Routes of Traefik, by rules: Host(`a.example`) && PathPrefix(`/b`).',
    {
      entryPoints,
      routes: routes({ kind: choice('Rule.', ['Rule']), middlewares: list('What requests go through.', reference), ...without('syntax observability') }),
      tls: struct('HTTPS, and nothing else.', { secretName: text('The certificate.'), options: reference, ...without('store certResolver domains') }),
      ...without('parentRefs'),
    },
    routesErrors,
  ),
  kindOf(
    'IngressRouteTCP',
    'ingressroutetcps',
    'Routes of byte streams: HostSNI(`*`).',
    {
      entryPoints,
      routes: routes(without('middlewares syntax')),
      tls: struct('By name.', {
        secretName: text('The certificate.'),
        passthrough: flag('It does not end here.'),
        ...without('options store certResolver domains'),
      }),
    },
    routesErrors,
  ),
  kindOf('Middleware', 'middlewares', 'What requests go through.', {
    ...Object.fromEntries(settings.split(' ').map((name) => [name, anything('Its settings.')])),
    ...without('compress contentType digestAuth errors grpcWeb passTLSClientCert plugin'),
  }),
  kindOf('TraefikService', 'traefikservices', 'Services by shares, and copies of requests.', {
    weighted: struct('Shares.', { services, sticky: cookie }),
    mirroring: struct('Copies.', { ...service.properties, mirrors: services, ...without('maxBodySize mirrorBody') }),
    ...without('highestRandomWeight'),
  }),
  kindOf('TLSOption', 'tlsoptions', 'How TLS is spoken.', {
    minVersion: text('VersionTLS12, VersionTLS13.'),
    clientAuth: struct('Certificates of clients.', {
      secretNames: texts('Secrets.'),
      clientAuthType: choice('How much is wanted.', [
        'NoClientCert',
        'RequestClientCert',
        'RequireAnyClientCert',
        'VerifyClientCertIfGiven',
        'RequireAndVerifyClientCert',
      ]),
    }),
    sniStrict: flag('A name without a certificate is refused.'),
    ...without('maxVersion cipherSuites curvePreferences alpnProtocols'),
  }),
  kindOf('ServersTransport', 'serverstransports', 'How backends are spoken to in TLS.', {
    insecureSkipVerify: flag('Any certificate will do.'),
    serverName: text('SNI.'),
    ...without('rootCAs rootCAsSecrets certificatesSecrets maxIdleConnsPerHost forwardingTimeouts disableHTTP2 peerCertURI spiffe'),
  }),
  kindOf('TLSStore', 'tlsstores', 'The certificate that is shown where no other fits; its name is default.', {
    defaultCertificate: struct('It.', { secretName: text('Its Secret.') }),
    ...without('certificates defaultGeneratedCert'),
  }),
];

export const TRAEFIK_KINDS = ['IngressRoute', 'IngressRouteTCP', 'Middleware', 'TraefikService', 'TLSOption', 'TLSStore', 'ServersTransport'] as const;
