/** The login of OpenID Connect at the proxy: to the provider and back, a code for tokens, and cookies that say who has been there. Envoy: source/extensions/filters/http/oauth2/filter.cc. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToBase64 } from '../../../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../../http-message.ts';
import { cookieValue } from '../edit-message.ts';
import type { ProxyRun } from '../run.ts';
import { queryValue } from '../select-route.ts';
import type { Oidc } from './config.ts';
import { pathOf, queryOf, withHeader } from './credentials.ts';
import { askAside, type Held, refuse, tellRefusal } from './held.ts';
import { base64UrlBytes } from './jwt.ts';

const FAILED = 'OAuth flow failed.';
/** What is asked for where the provider does not say how long a token lasts. */
const STANDARD_SECONDS = 3600;

const sign = (key: string, text: string): string => bytesToBase64(hmac(sha256, encodeUtf8(key), encodeUtf8(text)));
const toUrl = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const schemeOf = (run: ProxyRun): string => (run.config.tls === undefined ? 'http' : 'https');
const hostOf = ({ asked }: Held): string => headerValue(asked.headers, 'Host') ?? '';
const cookie = (run: ProxyRun, name: string, value: string, seconds: number): HttpHeader => ({
  name: 'set-cookie',
  value: `${name}=${value};path=/;Max-Age=${seconds}${run.config.tls === undefined ? '' : ';secure'};HttpOnly`,
});

const redirectUri = (run: ProxyRun, held: Held, { redirectUrl }: Oidc): string =>
  redirectUrl.replace('%REQ(x-forwarded-proto)%', schemeOf(run)).replace('%REQ(:authority)%', hostOf(held));

const signature = (held: Held, { hmacKey }: Oidc, expires: string, token: string, idToken: string): string =>
  sign(hmacKey, `${hostOf(held)}\n${expires}\n${token}\n${idToken}\n\n`);

/** Who shows cookies that this proxy has signed passes; all others are sent to the provider. */
export function oidcFilter(run: ProxyRun, held: Held, oidc: Oidc, object: string | undefined): Held | undefined {
  const { asked } = held;
  const { suffix } = oidc;
  const path = pathOf(asked.target);
  if (path === oidc.signoutPath) {
    const gone = ['OauthHMAC', 'OauthExpires', 'BearerToken', 'IdToken', 'OauthNonce'].map((name) => ({
      name: 'set-cookie',
      value: `${name}-${suffix}=deleted; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT`,
    }));
    return refuse(run, held, 302, '', [...gone, { name: 'location', value: `${schemeOf(run)}://${hostOf(held)}/` }]);
  }
  if (path === oidc.redirectPath) return fromProvider(run, held, oidc, object);
  const read = (name: string): string => cookieValue(asked.headers, `${name}-${suffix}`) ?? '';
  const expires = read('OauthExpires');
  const fits = read('OauthHMAC') !== '' && read('OauthHMAC') === signature(held, oidc, expires, read('BearerToken'), read('IdToken'));
  if (fits && Number(expires) * 1000 > run.nowMs) {
    if (!oidc.forwardToken) return held;
    return { ...held, asked: { ...asked, headers: withHeader(asked.headers, 'authorization', `Bearer ${read('BearerToken')}`) } };
  }
  return toProvider(run, held, oidc, object, fits ? 'its login is over' : 'it shows no login of this proxy');
}

function toProvider(run: ProxyRun, held: Held, oidc: Oidc, object: string | undefined, why: string): undefined {
  const prng = run.context.prng('oidc-nonce');
  const nonce = prng.uint32().toString(16).padStart(8, '0') + prng.uint32().toString(16).padStart(8, '0');
  const csrf = `${nonce}.${toUrl(sign(oidc.hmacKey, nonce))}`;
  const state = toUrl(bytesToBase64(encodeUtf8(JSON.stringify({ url: `${schemeOf(run)}://${hostOf(held)}${held.asked.target}`, csrf_token: csrf }))));
  const query = [
    ['client_id', oidc.clientId],
    ['redirect_uri', redirectUri(run, held, oidc)],
    ['response_type', 'code'],
    ['scope', oidc.scopes.join(' ')],
    ['state', state],
  ];
  const location = `${oidc.authorizationUrl}${oidc.authorizationUrl.includes('?') ? '&' : '?'}${query.map(([name, value = '']) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
  run.context.tell({
    what: `sends ${held.asked.method} ${held.asked.target} to the identity provider`,
    why,
    about: 'HTTP',
    ...(object === undefined ? {} : { objects: [object] }),
  });
  return refuse(run, held, 302, '', [cookie(run, `OauthNonce-${oidc.suffix}`, csrf, 600), { name: 'location', value: location }]);
}

function stateOf(text: string): { readonly url: string; readonly csrf: string } | undefined {
  const bytes = base64UrlBytes(text);
  try {
    const value: unknown = JSON.parse((bytes === undefined ? undefined : decodeUtf8(bytes)) ?? '');
    if (typeof value !== 'object' || value === null) return undefined;
    const { url, csrf_token: csrf } = value as { readonly url?: unknown; readonly csrf_token?: unknown };
    return typeof url === 'string' && typeof csrf === 'string' && /^https?:\/\/[^\s]+$/.test(url) ? { url, csrf } : undefined;
  } catch {
    return undefined;
  }
}

/** The client comes back with a code. Its state must be one that this proxy has given to the same browser. */
function fromProvider(run: ProxyRun, held: Held, oidc: Oidc, object: string | undefined): undefined {
  const query = queryOf(held.asked.target);
  const state = stateOf(queryValue(query, 'state') ?? '');
  const code = queryValue(query, 'code') ?? '';
  const nonce = state?.csrf.split('.', 1)[0] ?? '';
  const known = cookieValue(held.asked.headers, `OauthNonce-${oidc.suffix}`);
  const why =
    queryValue(query, 'error') !== undefined
      ? `the provider says ${queryValue(query, 'error')}`
      : state === undefined || code === ''
        ? 'it brings no code and state'
        : state.csrf !== known || state.csrf !== `${nonce}.${toUrl(sign(oidc.hmacKey, nonce))}`
          ? 'its state is not the one that this browser was given'
          : undefined;
  if (why !== undefined) {
    tellRefusal(run, held, FAILED, why, object);
    return refuse(run, held, 401, FAILED);
  }
  const form = [
    ['grant_type', 'authorization_code'],
    ['code', code],
    ['client_id', oidc.clientId],
    ['client_secret', oidc.clientSecret],
    ['redirect_uri', redirectUri(run, held, oidc)],
  ];
  const body = form.map(([name, value = '']) => `${name}=${encodeURIComponent(value)}`).join('&');
  return askAside(run, held, 'token', oidc.token.backend, {
    method: 'POST',
    target: oidc.token.path,
    headers: [
      { name: 'host', value: oidc.token.host },
      { name: 'content-type', value: 'application/x-www-form-urlencoded' },
    ],
    body,
    backend: oidc.token.backend,
    timeoutMs: 3000,
  });
}

/** The tokens become cookies, and the client goes back to where it wanted to be. */
export function oidcAnswered(run: ProxyRun, held: Held, status: number, body: string): undefined {
  const { oidc, security } = held.selected.route.filters ?? {};
  let tokens: { readonly access_token?: unknown; readonly id_token?: unknown; readonly expires_in?: unknown } = {};
  try {
    tokens = (JSON.parse(body) as typeof tokens | null) ?? {};
  } catch {
    // No JSON: no token.
  }
  const { access_token: token, id_token: id } = tokens;
  const state = stateOf(queryValue(queryOf(held.asked.target), 'state') ?? '');
  if (oidc === undefined || state === undefined || status !== 200 || typeof token !== 'string') {
    tellRefusal(run, held, FAILED, `the token endpoint ${oidc?.token.backend ?? ''} gives no token (${status})`, security);
    return refuse(run, held, 401, FAILED);
  }
  const seconds = typeof tokens.expires_in === 'number' ? tokens.expires_in : STANDARD_SECONDS;
  const expires = String(Math.floor(run.nowMs / 1000) + seconds);
  const idToken = typeof id === 'string' ? id : '';
  const set = (name: string, value: string): HttpHeader => cookie(run, `${name}-${oidc.suffix}`, value, seconds);
  return refuse(run, held, 302, '', [
    set('OauthHMAC', signature(held, oidc, expires, token, idToken)),
    set('OauthExpires', expires),
    set('BearerToken', token),
    ...(idToken === '' ? [] : [set('IdToken', idToken)]),
    { name: 'location', value: state.url },
  ]);
}
