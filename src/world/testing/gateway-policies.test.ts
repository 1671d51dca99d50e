/** Envoy Gateway's policies by requests through the proxy of a Gateway: who may ask, how often, and what the controller says of each. One world for all. */

import { p256 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../base/prng.ts';
import { generateEc, publicOf } from '../../net/app/tls/keys.ts';
import { bigintToBytes, digestOf, generateRsa, signV15 } from '../../net/app/tls/rsa.ts';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';
import type { KubeObject } from '../../objects/types.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const API = 'gateway.networking.k8s.io/v1';
const ENVOY = 'gateway.envoyproxy.io/v1alpha1';
const url64 = (bytes: Uint8Array): string => bytesToBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const prng = new Prng(7);
const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => prng.below(256));
const rsa = generateRsa(1024, random);
const ec = generateEc(random);
const other = generateEc(random);
const pub = publicOf(ec);
const point = pub.kind === 'ec' ? pub.point : new Uint8Array();
const jwks = JSON.stringify({
  keys: [
    { kty: 'RSA', kid: 'r', alg: 'RS256', n: url64(bigintToBytes(rsa.n)), e: url64(bigintToBytes(rsa.e)) },
    { kty: 'EC', kid: 'e', crv: 'P-256', x: url64(point.subarray(1, 33)), y: url64(point.subarray(33)) },
  ],
});
const half = (alg: string, kid: string, claims: object): string =>
  `${url64(encodeUtf8(JSON.stringify({ alg, kid })))}.${url64(encodeUtf8(JSON.stringify(claims)))}`;
const byRsa = (claims: object): string => {
  const signed = half('RS256', 'r', claims);
  return `${signed}.${url64(signV15(rsa, 'sha256', encodeUtf8(signed)))}`;
};
const byEc = (claims: object, key = ec): string => {
  const signed = half('ES256', 'e', claims);
  return `${signed}.${url64(p256.sign(digestOf('sha256', encodeUtf8(signed)), key.scalar, { prehash: false }))}`;
};

const route = (name: string, extra: object = {}) => ({
  apiVersion: API,
  kind: 'HTTPRoute',
  metadata: { name },
  spec: { parentRefs: [{ name: 'entry' }], rules: [{ matches: [{ path: { value: `/${name}` } }], backendRefs: [{ name: 'echo', port: 80 }], ...extra }] },
});
const policy = (kind: string, name: string, spec: object, target: object = { kind: 'HTTPRoute', name }) => ({
  apiVersion: ENVOY,
  kind,
  metadata: { name },
  spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', ...target }], ...spec },
});
const secret = (name: string, stringData: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
const deployment = (name: string, image: string, args: readonly string[], port: number) => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image, args }] } } },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80, targetPort: port }] } },
];
const objects = [
  { apiVersion: API, kind: 'GatewayClass', metadata: { name: 'kubehop' }, spec: { controllerName: 'kubehop.dev/gateway-controller' } },
  {
    apiVersion: API,
    kind: 'Gateway',
    metadata: { name: 'entry' },
    spec: { gatewayClassName: 'kubehop', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  },
  ...deployment('echo', 'registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0', [], 3000),
  ...deployment('judge', 'registry.k8s.io/e2e-test-images/agnhost:2.53', ['netexec', '--http-port=8080'], 8080),
  ...deployment('tokens', 'hashicorp/http-echo', ['-text={"access_token":"t-1","id_token":"i-1","expires_in":60}'], 5678),
  ...deployment('keyring', 'hashicorp/http-echo', [`-text=${jwks}`], 5678),
  route('login'),
  route('remote'),
  policy('SecurityPolicy', 'login', {
    oidc: {
      provider: { issuer: 'http://id', authorizationEndpoint: 'http://id.example.com/auth', tokenEndpoint: 'http://tokens/token' },
      clientID: 'shop',
      clientSecret: { name: 'client-secret' },
      redirectURL: 'http://entry-gateway/login/callback',
      logoutPath: '/login/out',
      forwardAccessToken: true,
    },
  }),
  secret('client-secret', { 'client-secret': 'hush' }),
  policy('SecurityPolicy', 'remote', { jwt: { providers: [{ name: 'p', remoteJWKS: { uri: 'http://keyring.default.svc.cluster.local/keys' } }] } }),
  ...['ws', 'plain', 'limit', 'basic', 'keys', 'jwt', 'rules', 'auth', 'denied', 'down', 'broken', 'cors'].map((name) => route(name)),
  route('direct', {
    backendRefs: [],
    filters: [{ type: 'ExtensionRef', extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: 'teapot' } }],
  }),
  route('nowhere', { filters: [{ type: 'ExtensionRef', extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: 'nobody' } }] }),
  {
    apiVersion: ENVOY,
    kind: 'HTTPRouteFilter',
    metadata: { name: 'teapot' },
    spec: { directResponse: { statusCode: 418, contentType: 'application/json', body: { type: 'Inline', inline: '{"short":"stout"}' } } },
  },
  route('fault'),
  policy('BackendTrafficPolicy', 'fault', { faultInjection: { abort: { httpStatus: 503, percentage: 100 } } }),
  route('sick', {
    backendRefs: [{ name: 'judge', port: 80 }],
    filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/echo' } } }],
  }),
  policy('BackendTrafficPolicy', 'sick', { healthCheck: { passive: { consecutive5XxErrors: 2, maxEjectionPercent: 100 }, panicThreshold: 0 } }),
  route('regex', { filters: [{ type: 'ExtensionRef', extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: 'shorten' } }] }),
  {
    apiVersion: ENVOY,
    kind: 'HTTPRouteFilter',
    metadata: { name: 'shorten' },
    spec: { urlRewrite: { path: { type: 'ReplaceRegexMatch', replaceRegexMatch: { pattern: '^/regex/([^/]+)/.*$', substitution: '/short/\\1' } } } },
  },
  secret('users', { '.htpasswd': 'foo:{SHA}Ys23Ag/5IOWqZCw9QGaVDdHwH00=\n' }),
  secret('clients', { alice: 'k-1', bob: 'k-2' }),
  policy('BackendTrafficPolicy', 'limit', {
    rateLimit: {
      type: 'Local',
      local: {
        rules: [
          { clientSelectors: [{ headers: [{ name: 'x-user', value: 'one' }] }], limit: { requests: 1, unit: 'Hour' } },
          { limit: { requests: 3, unit: 'Minute' } },
        ],
      },
    },
  }),
  policy('SecurityPolicy', 'basic', { basicAuth: { users: { name: 'users' }, forwardUsernameHeader: 'x-user' } }),
  policy('SecurityPolicy', 'keys', {
    apiKeyAuth: { credentialRefs: [{ name: 'clients' }], extractFrom: [{ headers: ['x-api-key'] }], forwardClientIDHeader: 'x-client' },
  }),
  policy('SecurityPolicy', 'jwt', {
    jwt: {
      providers: [
        {
          name: 'p',
          issuer: 'https://id.example.com',
          audiences: ['shop'],
          localJWKS: { type: 'Inline', inline: jwks },
          claimToHeaders: [{ header: 'x-sub', claim: 'sub' }],
        },
      ],
    },
    authorization: {
      defaultAction: 'Deny',
      rules: [{ action: 'Allow', principal: { jwt: { provider: 'p', claims: [{ name: 'realm.roles', valueType: 'StringArray', values: ['buyer'] }] } } }],
    },
  }),
  policy('SecurityPolicy', 'rules', {
    authorization: { defaultAction: 'Allow', rules: [{ action: 'Deny', principal: { clientCIDRs: ['10.244.0.0/16'] }, operation: { methods: ['DELETE'] } }] },
  }),
  policy('SecurityPolicy', 'auth', {
    extAuth: { http: { backendRefs: [{ name: 'judge', port: 80 }], path: '/echo?msg=', headersToBackend: ['content-type'] } },
  }),
  policy('SecurityPolicy', 'denied', { extAuth: { http: { backendRefs: [{ name: 'judge', port: 80 }], path: '/echo?code=401&msg=no+' } } }),
  policy('SecurityPolicy', 'down', { extAuth: { http: { backendRefs: [{ name: 'judge', port: 80 }], path: '/echo?code=500&msg=' } } }),
  policy('SecurityPolicy', 'broken', { basicAuth: { users: { name: 'absent' } } }),
  policy(
    'SecurityPolicy',
    'all',
    { cors: { allowOrigins: ['https://a.example.com'], allowMethods: ['GET'], maxAge: '1m' } },
    { kind: 'Gateway', name: 'entry' },
  ),
  { ...policy('SecurityPolicy', 'second', { cors: {} }, { kind: 'HTTPRoute', name: 'rules' }) },
];
const text = (all: readonly unknown[]): string => all.map((object) => `${JSON.stringify(object)}\n---\n`).join('');
const world = openArticle({ files: [...articleFiles(), { path: 'policies.yaml', text: text(objects) }] });
runLine(world, 'sleep 5');
const ask = (path: string, options = ''): string =>
  runLine(world, `kubectl exec client -- curl -s -m 20 -w ' %{http_code}' ${options} 'http://entry-gateway/${path}'`).stdout;
const conditions = (key: string) =>
  world.api.view
    .find<
      KubeObject & {
        readonly status?: { readonly ancestors?: readonly { readonly conditions: readonly { readonly reason: string; readonly message: string }[] }[] };
      }
    >(key)
    ?.status?.ancestors?.flatMap((one) => one.conditions.map(({ reason, message }) => `${reason}: ${message}`));

describe('a BackendTrafficPolicy', () => {
  it('limits by a bucket of tokens that fills with time, and says in headers what is left', () => {
    expect(ask('limit', '-i')).toContain('x-ratelimit-remaining: 2');
    ask('limit');
    ask('limit');
    const refused = ask('limit', '-i');
    expect(refused).toContain('HTTP/1.1 429 Too Many Requests');
    expect(refused).toMatch(/x-ratelimit-limit: 3\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\d/);
    expect(refused).toContain('local_rate_limited 429');
    runLine(world, 'sleep 21');
    expect(ask('limit')).toMatch(/ 200$/);
    expect(ask('limit')).toMatch(/ 429$/);
  });

  it('counts apart what a selector names', () => {
    expect(ask('limit', "-H 'x-user: one'")).toMatch(/ 200$/);
    expect(ask('limit', "-H 'x-user: one'")).toMatch(/ 429$/);
  });
});

describe('a BackendTrafficPolicy', () => {
  it('makes failures on purpose', () => {
    expect(ask('fault')).toBe('fault filter abort 503');
  });

  it('leaves endpoints alone after errors in a row', () => {
    expect(ask('sick?code=500&msg=a')).toBe('a 500');
    expect(ask('sick?code=500&msg=b')).toBe('b 500');
    expect(ask('sick?msg=c')).toBe('no healthy upstream 503');
    expect(ask('denied')).toBe('no /denied 401');
  });
});

describe('a SecurityPolicy', () => {
  it('asks for a password', () => {
    expect(ask('basic', '-i')).toMatch(
      /www-authenticate: Basic realm="http:\/\/entry-gateway\/basic"[\s\S]*User authentication failed\. Missing username and password\. 401$/,
    );
    expect(ask('basic', '-u foo:nope')).toBe('User authentication failed. Invalid username/password combination. 401');
    expect(ask('basic', '-u foo:bar')).toMatch(/"X-User": \[\s*"foo"\s*\][\s\S]* 200$/);
  });

  it('knows clients by their keys', () => {
    expect(ask('keys')).toBe('Client authentication failed. 401');
    expect(ask('keys', "-H 'x-api-key: k-9'")).toBe('Client authentication failed. 401');
    expect(ask('keys', "-H 'x-api-key: k-2'")).toMatch(/"X-Client": \[\s*"bob"/);
  });

  it('verifies tokens of both kinds of keys, their claims, and what the claims allow', () => {
    const now = Math.floor(Date.parse(runLine(world, 'date -u +%Y-%m-%dT%H:%M:%SZ').stdout.trim()) / 1000);
    const claims = { iss: 'https://id.example.com', aud: ['shop'], sub: 'ann', exp: now + 600, realm: { roles: ['buyer', 'x'] } };
    const bearer = (token: string): string => ask('jwt', `-H 'Authorization: Bearer ${token}'`);
    expect(ask('jwt')).toBe('Jwt is missing 401');
    expect(bearer('a.b')).toBe('Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections 401');
    expect(bearer(byRsa(claims))).toMatch(/"X-Sub": \[\s*"ann"[\s\S]* 200$/);
    expect(bearer(byEc(claims))).toMatch(/ 200$/);
    expect(bearer(byEc(claims, other))).toBe('Jwt verification fails 401');
    expect(bearer(byRsa({ ...claims, exp: now - 3600 }))).toBe('Jwt is expired 401');
    expect(bearer(byRsa({ ...claims, nbf: now + 3600 }))).toBe('Jwt not yet valid 401');
    expect(bearer(byRsa({ ...claims, iss: 'x' }))).toBe('Jwt issuer is not configured 401');
    expect(bearer(byRsa({ ...claims, aud: 'y' }))).toBe('Audiences in Jwt are not allowed 403');
    expect(bearer(byRsa({ ...claims, realm: { roles: [] } }))).toBe('RBAC: access denied 403');
  });

  it('fetches keys where they are, once', () => {
    const from = world.headSeq;
    const bearer = (): string => ask('remote', `-H 'Authorization: Bearer ${byRsa({ sub: 'ann' })}'`);
    expect(bearer()).toMatch(/ 200$/);
    expect(bearer()).toMatch(/ 200$/);
    const logs = runLine(world, 'kubectl logs deployment/keyring')
      .stdout.split('\n')
      .filter((line) => line.includes('GET /keys'));
    expect(logs.length).toBe(1);
    expect(world.headSeq).toBeGreaterThan(from);
  });

  it('sends browsers to the identity provider and takes them back with a code, which becomes cookies', () => {
    const first = ask('login/cart?x=1', '-i');
    const state = /[?&]state=([^&\s]+)/.exec(first)?.[1] ?? '';
    const nonce = /set-cookie: (OauthNonce-[^;]+)/.exec(first)?.[1] ?? '';
    expect(first).toMatch(
      /^HTTP\/1\.1 302 Found[\s\S]*location: http:\/\/id\.example\.com\/auth\?client_id=shop&redirect_uri=http%3A%2F%2Fentry-gateway%2Flogin%2Fcallback&response_type=code&scope=openid&state=/,
    );
    expect(ask(`login/callback?code=c-1&state=${state}`)).toBe('OAuth flow failed. 401');
    const back = ask(`login/callback?code=c-1&state=${state}`, `-i -b '${nonce}'`);
    expect(back).toMatch(/^HTTP\/1\.1 302 Found[\s\S]*location: http:\/\/entry-gateway\/login\/cart\?x=1/);
    const cookies = [...back.matchAll(/set-cookie: ([^;]+)/g)].map(([, one]) => one).join('; ');
    expect(ask('login/cart', `-b '${cookies}'`)).toMatch(/"Authorization": \[\s*"Bearer t-1"[\s\S]* 200$/);
    expect(ask('login/cart', `-b '${cookies.replace('t-1', 't-2')}'`)).toMatch(/ 302$/);
    expect(ask('login/out', '-i')).toContain('BearerToken-');
    runLine(world, 'sleep 61');
    expect(ask('login/cart', `-b '${cookies}'`)).toMatch(/ 302$/);
  });

  it('allows and denies by address and method', () => {
    expect(ask('rules')).toMatch(/ 200$/);
    expect(ask('rules', '-X DELETE')).toBe('RBAC: access denied 403');
  });

  it('asks another server first, passes on its refusal, and trusts nobody while it fails', () => {
    expect(ask('auth', '-X POST -d hello')).toMatch(/"path": "\/auth"[\s\S]* 200$/);
    expect(ask('denied')).toBe('no /denied 401');
    expect(ask('down')).toBe(' 403');
    // Several on one connection wait for each other.
    expect(
      runLine(
        world,
        'kubectl exec client -- curl -s -o /dev/null -w "%{http_code} " http://entry-gateway/auth http://entry-gateway/denied http://entry-gateway/auth',
      ).stdout,
    ).toContain('200');
  });

  it('that cannot be kept lets nothing through, and says why', () => {
    expect(ask('broken')).toBe(' 500');
    expect(conditions('SecurityPolicy/default/broken')).toEqual(['Invalid: BasicAuth: secret default/absent does not exist.']);
    expect(conditions('SecurityPolicy/default/keys')).toEqual(['Accepted: Policy has been accepted.']);
    expect(conditions('SecurityPolicy/default/second')).toEqual([
      'Conflicted: Unable to target HTTPRoute default/rules, another SecurityPolicy has already attached to it',
    ]);
    expect(conditions('SecurityPolicy/default/all')?.[1]).toMatch(
      /^Overridden: This policy is being overridden by other securityPolicies for these routes: \[default\/auth default\/basic /,
    );
  });

  it('of a Gateway holds for routes that have none of their own', () => {
    const preflight = "-i -X OPTIONS -H 'Origin: https://a.example.com' -H 'Access-Control-Request-Method: GET'";
    expect(ask('plain', preflight)).toMatch(/Access-Control-Max-Age: 60/i);
    expect(ask('rules', preflight)).not.toMatch(/Access-Control-Max-Age/i);
  });

  it('tells each decision as a row, with the policy behind it', () => {
    const from = world.headSeq;
    ask('rules', '-X DELETE');
    const row = world.hops(from, world.headSeq).find((hop) => hop.protocol === 'HTTP' && hop.event.step.kind === 'tls');
    expect(row?.summary).toBe('refuses DELETE /rules: RBAC: access denied');
    expect(row?.yaml).toBeDefined();
  });
});

describe('an upgrade', () => {
  it('is passed on with its 101, and bytes go both ways until somebody ends it', () => {
    const heard = runLine(world, "kubectl exec client -- sh -c 'echo hello | websocat -v ws://entry-gateway/ws'");
    expect(heard.output).toContain('Connected to ws\nhello\n');
    expect(heard.output).not.toContain('without a Close frame');
    expect(ask('ws', '-i')).toMatch(/^HTTP\/1\.1 200/);
    const asked = "-i -m 1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='";
    expect(ask('ws', asked)).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
    expect(ask('basic', asked)).toMatch(/^HTTP\/1\.1 401/);
  });

  it('ends after five minutes of silence, and lives on with pings', () => {
    const seconds = (options: string): string =>
      runLine(world, `kubectl exec client -- sh -c 'a=$(date +%s); timeout 400 websocat -U ${options} ws://entry-gateway/ws; echo $(( $(date +%s) - a ))'`)
        .stdout;
    expect(seconds('')).toBe('300\n');
    expect(seconds('--ping-interval 60')).toBe('400\n');
  });
});

describe('an HTTPRouteFilter', () => {
  it('answers by itself', () => {
    expect(ask('direct', '-i')).toMatch(/^HTTP\/1\.1 418[\s\S]*content-type: application\/json[\s\S]*\{"short":"stout"\} 418$/);
  });

  it('rewrites a path by an expression', () => {
    expect(ask('regex/a/b')).toContain('"path": "/short/a"');
  });

  it('that is not there makes its requests fail and its route not accepted', () => {
    expect(ask('nowhere')).toBe(' 500');
    expect(runLine(world, "kubectl get httproute nowhere -o jsonpath='{.status.parents[0].conditions[0].message}'").stdout).toBe(
      'Unable to translate HTTPRouteFilter: default/nobody',
    );
  });
});
