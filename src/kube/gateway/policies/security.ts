/** From a SecurityPolicy to the filters of a proxy's routes, or what is wrong with it. envoyproxy/gateway: internal/gatewayapi/securitypolicy.go. */
import { parseIpPrefix } from '../../../net/addr/ip.ts';
import type { Cors, ProxyBackend } from '../../../net/app/proxy/config.ts';
import type { JwtProvider, Places, RouteFilters } from '../../../net/app/proxy/filters/config.ts';
import { base64ToBytes } from '../../../net/wire/binary-text.ts';
import { decodeUtf8 } from '../../../net/wire/utf8.ts';
import { stableHex } from '../../../objects/identity.ts';
import { type KubeObject, objectKey, type StoreView } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { isGranted } from '../grants.ts';
import { resolveBackend } from '../references.ts';
import { type BackendReference, gatewayDurationMs } from '../types.ts';
import { type AccessRuleSpec, type Credentials, ENVOY_GROUP, type JwtProviderSpec, type Policy, type SecuritySpec } from './types.ts';

export type SecurityPolicy = Policy<SecuritySpec>;

export interface CompiledSecurity {
  readonly filters: RouteFilters;
  readonly cors?: Cors;
  readonly backends: readonly ProxyBackend[];
  /** What cannot be kept. */
  readonly problem?: string;
}

/** Thrown and caught in this file alone: what is wrong ends the reading. */
class Wrong extends Error {}

const EXT_AUTH_MS = 10_000;
const JWKS_CACHE_MS = 300_000;
const CALLBACK = '%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2/callback';

interface Keyed extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

class Reader {
  readonly backends = new Map<string, ProxyBackend>();
  readonly #policy: SecurityPolicy;
  readonly #view: StoreView;

  constructor(policy: SecurityPolicy, view: StoreView) {
    this.#policy = policy;
    this.#view = view;
  }

  secret(reference: BackendReference, about: string): Readonly<Record<string, string>> {
    const { name, namespace = namespaceOf(this.#policy) } = reference;
    const from = { group: ENVOY_GROUP, kind: 'SecurityPolicy', namespace: namespaceOf(this.#policy) };
    if (!isGranted(from, { group: '', kind: 'Secret', namespace, name }, this.#view))
      throw new Wrong(`${about}: certificate ref to secret ${namespace}/${name} not permitted by any ReferenceGrant.`);
    const found = this.#view.find<Keyed>(`Secret/${namespace}/${name}`);
    if (found === undefined) throw new Wrong(`${about}: secret ${namespace}/${name} does not exist.`);
    const read = (text: string): string => decodeUtf8(base64ToBytes(text) ?? new Uint8Array()) ?? '';
    return { ...Object.fromEntries(Object.entries(found.data ?? {}).map(([key, value]) => [key, read(value)])), ...found.stringData };
  }

  configMap({ name }: BackendReference, about: string): string {
    const found = this.#view.find<Keyed>(`ConfigMap/${namespaceOf(this.#policy)}/${name}`);
    const data = found?.data ?? {};
    const value = data.jwks ?? Object.values(data)[0];
    if (value === undefined) throw new Wrong(`${about}: no value found in ConfigMap ${name}`);
    return value;
  }

  backend(reference: BackendReference, about: string): string {
    const { backend, problem } = resolveBackend(this.#policy, reference, this.#view);
    if (problem !== undefined) throw new Wrong(`${about}: ${problem.message}`);
    this.backends.set(backend.name, backend);
    return backend.name;
  }

  /** A URL whose host is a Service of the cluster, or what stands for it. Other hosts' names are not looked up. */
  remote(
    url: string,
    references: readonly BackendReference[] | undefined,
    about: string,
  ): { readonly backend: string; readonly path: string; readonly host: string } {
    const [, scheme, host = '', port, path = '/'] = /^(https?):\/\/([^/:?#]+)(?::(\d+))?([/?].*)?$/.exec(url) ?? [];
    if (scheme === undefined) throw new Wrong(`${about}: invalid URL ${url}`);
    const number = Number(port ?? (scheme === 'https' ? 443 : 80));
    const [name = '', namespace = namespaceOf(this.#policy)] = host.replace(/\.svc(\.cluster\.local\.?)?$/, '').split('.');
    const reference = references?.[0] ?? { name, namespace, port: number };
    return { backend: this.backend(reference, about), path, host: port === undefined ? host : `${host}:${port}` };
  }
}

const seconds = (text: string | undefined): number => Math.floor((gatewayDurationMs(text) ?? 5000) / 1000);

function corsOf(cors: NonNullable<SecuritySpec['cors']>): Cors {
  const { allowOrigins = [], allowMethods = [], allowHeaders = [], exposeHeaders = [] } = cors;
  return { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials: cors.allowCredentials === true, maxAgeSeconds: seconds(cors.maxAge) };
}

const placesOf = (given: readonly Credentials[]): Places => ({
  headers: given.flatMap(({ headers = [] }) =>
    headers.map((one) => (typeof one === 'string' ? { name: one } : { name: one.name, ...(one.valuePrefix === undefined ? {} : { prefix: one.valuePrefix }) })),
  ),
  params: given.flatMap(({ params = [] }) => params),
  cookies: given.flatMap(({ cookies = [] }) => cookies),
});

function usersOf(text: string): Readonly<Record<string, string>> {
  const users: [string, string][] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, name, hash] = /^([^:]+):\{SHA\}(.+)$/.exec(trimmed) ?? [];
    if (name === undefined || hash === undefined) throw new Wrong('BasicAuth: unsupported htpasswd format: please use {SHA}');
    if (users.some(([other]) => other === name)) throw new Wrong(`BasicAuth: invalid htpasswd format: duplicate username ${name}`);
    users.push([name, hash]);
  }
  return Object.fromEntries(users);
}

function providerOf(reader: Reader, spec: JwtProviderSpec): JwtProvider {
  const { name, issuer = '', audiences = [], remoteJWKS, localJWKS, claimToHeaders = [], extractFrom } = spec;
  const about = 'JWT';
  let keys: JwtProvider['keys'];
  if (remoteJWKS !== undefined)
    keys = { ...reader.remote(remoteJWKS.uri, remoteJWKS.backendRefs, about), cacheMs: gatewayDurationMs(remoteJWKS.cacheDuration) ?? JWKS_CACHE_MS };
  else if (localJWKS?.inline !== undefined) keys = localJWKS.inline;
  else if (localJWKS?.valueRef !== undefined) keys = reader.configMap(localJWKS.valueRef, about);
  else throw new Wrong(`${about}: either remoteJWKS or localJWKS must be specified for provider ${name}`);
  return { name, issuer, audiences, keys, claimHeaders: claimToHeaders, ...(extractFrom === undefined ? {} : { from: placesOf([extractFrom]) }) };
}

function accessRuleOf({ name, action, operation, principal }: AccessRuleSpec, index: number) {
  const { clientCIDRs, headers, jwt } = principal ?? {};
  const wrong = (clientCIDRs ?? []).find((cidr) => parseIpPrefix(cidr) === undefined);
  if (wrong !== undefined) throw new Wrong(`Authorization: unable to translate authorization rule: invalid CIDR address: ${wrong}`);
  return {
    name: name ?? `rule ${index}`,
    allow: action === 'Allow',
    ...(clientCIDRs === undefined ? {} : { clients: clientCIDRs }),
    ...(operation?.methods === undefined ? {} : { methods: operation.methods }),
    ...(headers === undefined ? {} : { headers }),
    ...(jwt?.claims === undefined
      ? {}
      : { claims: jwt.claims.map((one) => ({ provider: jwt.provider, name: one.name, values: one.values, list: one.valueType === 'StringArray' })) }),
    ...(jwt?.scopes === undefined ? {} : { scopes: jwt.scopes.map((scope) => ({ provider: jwt.provider, name: scope })) }),
  };
}

function oidcOf(reader: Reader, policy: SecurityPolicy, spec: NonNullable<SecuritySpec['oidc']>): NonNullable<RouteFilters['oidc']> {
  const { provider, clientID, redirectURL = CALLBACK, logoutPath = '/logout', scopes = [] } = spec;
  const { authorizationEndpoint, tokenEndpoint } = provider;
  if (authorizationEndpoint === undefined || tokenEndpoint === undefined)
    throw new Wrong('OIDC: authorizationEndpoint and tokenEndpoint must be given; they are not discovered here');
  const secret = reader.secret(spec.clientSecret, 'OIDC')['client-secret'];
  if (secret === undefined || secret === '') throw new Wrong(`OIDC: client secret not found in secret ${namespaceOf(policy)}/${spec.clientSecret.name}`);
  if (clientID === undefined) throw new Wrong('OIDC: client ID must be specified');
  return {
    authorizationUrl: authorizationEndpoint,
    token: reader.remote(tokenEndpoint, provider.backendRefs, 'OIDC'),
    clientId: clientID,
    clientSecret: secret,
    redirectUrl: redirectURL,
    redirectPath: redirectURL.replace(/^.*?:\/\/[^/]+/, ''),
    signoutPath: logoutPath,
    scopes: scopes.includes('openid') ? scopes : ['openid', ...scopes],
    suffix: stableHex(`${namespaceOf(policy)}/${policy.metadata.name}`).slice(0, 8),
    hmacKey: stableHex(`hmac ${objectKey(policy)} ${secret}`),
    forwardToken: spec.forwardAccessToken === true,
  };
}

function read(policy: SecurityPolicy, reader: Reader): { readonly filters: RouteFilters; readonly cors?: Cors } {
  const { cors, extAuth, apiKeyAuth, basicAuth, oidc, jwt, authorization } = policy.spec ?? {};
  let filters: RouteFilters = { security: objectKey(policy) };
  if (extAuth !== undefined) {
    const { http, headersToExtAuth = [], failOpen = false, timeout } = extAuth;
    const reference = http?.backendRef ?? http?.backendRefs?.[0];
    if (http === undefined || reference === undefined) throw new Wrong('ExtAuth: only http with a backendRef is simulated');
    const backend = reader.backend(reference, 'ExtAuth');
    const timeoutMs = gatewayDurationMs(timeout) ?? EXT_AUTH_MS;
    filters = {
      ...filters,
      extAuth: { backend, pathPrefix: http.path ?? '', sends: headersToExtAuth, takes: http.headersToBackend ?? [], failOpen, timeoutMs },
    };
  }
  if (apiKeyAuth !== undefined) {
    const pairs = (apiKeyAuth.credentialRefs ?? []).flatMap((one) =>
      Object.entries(reader.secret(one, 'APIKeyAuth')).map(([client, key]) => [key, client] as const),
    );
    const doubled = pairs.find(([key], at) => pairs.findIndex(([other]) => other === key) !== at);
    if (doubled !== undefined) throw new Wrong('APIKeyAuth: duplicate API key');
    const nameHeader = apiKeyAuth.forwardClientIDHeader;
    filters = {
      ...filters,
      apiKeys: { from: placesOf(apiKeyAuth.extractFrom ?? []), clients: Object.fromEntries(pairs), ...(nameHeader === undefined ? {} : { nameHeader }) },
    };
  }
  if (basicAuth !== undefined) {
    const text = reader.secret(basicAuth.users, 'BasicAuth')['.htpasswd'];
    if (text === undefined || text === '') throw new Wrong(`BasicAuth: users secret not found in secret ${namespaceOf(policy)}/${basicAuth.users.name}`);
    const nameHeader = basicAuth.forwardUsernameHeader;
    filters = { ...filters, basic: { users: usersOf(text), ...(nameHeader === undefined ? {} : { nameHeader }) } };
  }
  if (oidc !== undefined) filters = { ...filters, oidc: oidcOf(reader, policy, oidc) };
  if (jwt !== undefined)
    filters = { ...filters, jwt: { optional: jwt.optional === true, providers: (jwt.providers ?? []).map((one) => providerOf(reader, one)) } };
  if (authorization !== undefined)
    filters = { ...filters, access: { rules: (authorization.rules ?? []).map(accessRuleOf), otherwise: authorization.defaultAction === 'Allow' } };
  return { filters, ...(cors === undefined ? {} : { cors: corsOf(cors) }) };
}

/** A policy that cannot be kept lets nothing through. */
export function compileSecurity(policy: SecurityPolicy, view: StoreView): CompiledSecurity {
  const reader = new Reader(policy, view);
  try {
    return { ...read(policy, reader), backends: [...reader.backends.values()] };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { filters: { security: objectKey(policy), broken: true }, backends: [], problem: error.message };
  }
}
