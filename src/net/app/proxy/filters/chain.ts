/** The filters of a route, one after the other as Envoy Gateway orders them: internal/xds/translator/httpfilters.go. One that asks another server makes its request wait. */
import { formatIp, inPrefix, parseIpPrefix } from '../../../addr/ip.ts';
import { bytesToBase64 } from '../../../wire/binary-text.ts';
import type { Ip } from '../../../wire/packet.ts';
import { encodeUtf8 } from '../../../wire/utf8.ts';
import type { SocketId } from '../../definition.ts';
import { type HttpHeader, headerValue } from '../../http-message.ts';
import type { Asked } from '../manners.ts';
import type { ProxyRun } from '../run.ts';
import { matchesExpression } from '../select-route.ts';
import type { Access, AccessRule, ExtAuth, JwtProvider, LocalLimit, RouteFilters } from './config.ts';
import { basicUser, credential, pathOf, withHeader } from './credentials.ts';
import { askAside, type Held, refuse, tellRefusal } from './held.ts';
import { type Claims, claimAt, type JwtRefusal, judgeClaims, type ReadToken, readToken, verifyToken } from './jwt.ts';
import { oidcAnswered, oidcFilter } from './oidc.ts';
import { draw } from './token-bucket.ts';

const STAGES = ['extAuth', 'apiKeys', 'basic', 'oidc', 'jwt', 'access', 'limits'] as const;

const filtersOf = ({ selected }: Held): RouteFilters => selected.route.filters ?? {};

/** The request with what the filters have made of it; undefined where it has its answer, or waits. */
export function passFilters(run: ProxyRun, given: Held): Held | undefined {
  const filters = filtersOf(given);
  if (filters.broken === true) return refuse(run, given, 500, '');
  let held: Held | undefined = given;
  while (held !== undefined && held.stage < STAGES.length) {
    const stage: (typeof STAGES)[number] = STAGES[held.stage] ?? 'limits';
    if (filters[stage] !== undefined) held = step(run, held, stage, filters);
    if (held !== undefined) held = { ...held, stage: held.stage + 1 };
  }
  return held;
}

function step(run: ProxyRun, held: Held, stage: (typeof STAGES)[number], filters: RouteFilters): Held | undefined {
  const { security } = filters;
  switch (stage) {
    case 'extAuth':
      return filters.extAuth === undefined ? held : askAuth(run, held, filters.extAuth);
    case 'apiKeys': {
      const { from, clients, nameHeader } = filters.apiKeys ?? { from: {}, clients: {} };
      const key = credential(from, held.asked);
      const client = key !== undefined && Object.hasOwn(clients, key) ? clients[key] : undefined;
      if (client !== undefined) return nameHeader === undefined ? held : named(held, nameHeader, client);
      tellRefusal(run, held, 'Client authentication failed.', key === undefined ? 'it shows no API key' : 'nobody has this API key', security);
      return refuse(run, held, 401, 'Client authentication failed.', [realm(run, held, 'API-Key')]);
    }
    case 'basic': {
      const basic = filters.basic ?? { users: {} };
      const user = basicUser(basic, held.asked.headers);
      if ('name' in user) return basic.nameHeader === undefined ? held : named(held, basic.nameHeader, user.name);
      const said = `User authentication failed. ${user.wrong}`;
      tellRefusal(run, held, '401', said, security);
      return refuse(run, held, 401, said, [realm(run, held, 'Basic')]);
    }
    case 'oidc':
      return filters.oidc === undefined ? held : oidcFilter(run, held, filters.oidc, security);
    case 'jwt':
      return filters.jwt === undefined ? held : judgeJwt(run, held, filters.jwt.providers, filters.jwt.optional, security);
    case 'access': {
      const by = filters.access === undefined ? undefined : denier(filters.access, held);
      if (by === undefined) return held;
      tellRefusal(run, held, 'RBAC: access denied', by, security);
      return refuse(run, held, 403, 'RBAC: access denied');
    }
    case 'limits':
      return limited(run, held, filters.limits ?? [], filters.traffic);
  }
}

const named = (held: Held, name: string, value: string): Held => ({ ...held, asked: { ...held.asked, headers: withHeader(held.asked.headers, name, value) } });

const urlOf = (run: ProxyRun, { asked }: Held): string =>
  `${run.config.tls === undefined ? 'http' : 'https'}://${headerValue(asked.headers, 'Host') ?? ''}${pathOf(asked.target)}`;
const realm = (run: ProxyRun, held: Held, scheme: string, rest = ''): HttpHeader => ({
  name: 'www-authenticate',
  value: `${scheme} realm="${urlOf(run, held)}"${rest}`,
});

/** An answer to what a filter asked. True where it was one: `resume` is called with what goes on. */
export function asideAnswered(
  run: ProxyRun,
  id: number,
  status: number,
  headers: readonly HttpHeader[],
  body: string,
  resume: (held: Held | undefined, socket: SocketId) => void,
): boolean {
  const waiting = run.state.waiting.get(id);
  if (waiting === undefined) return false;
  run.state.waiting.delete(id);
  const { held, what, key } = waiting;
  const client = run.state.clients.get(held.socket);
  if (client === undefined || client.exchange !== id) return true;
  run.state.clients.set(held.socket, { ...client, exchange: undefined });
  let next: Held | undefined;
  if (what === 'auth') next = authAnswered(run, held, status, headers, body);
  else if (what === 'token') next = oidcAnswered(run, held, status, body);
  else {
    const cacheMs = filtersOf(held).jwt?.providers.map(({ keys }) => (typeof keys === 'object' ? keys.cacheMs : 0)) ?? [];
    if (status === 200) run.state.keySets.set(key, { text: body, untilNs: run.context.nowNs + Math.max(...cacheMs, 1000) * 1e6 });
    next = passFilters(run, status === 200 ? held : { ...held, missing: [...(held.missing ?? []), key] });
    resume(next, held.socket);
    return true;
  }
  resume(next === undefined ? undefined : passFilters(run, { ...next, stage: next.stage + 1 }), held.socket);
  return true;
}

/** ext_authz_http_impl: method, path, host and Authorization go there, and no body. */
function askAuth(run: ProxyRun, held: Held, { backend, pathPrefix, sends, timeoutMs }: ExtAuth): undefined {
  const { asked } = held;
  const shown = new Set(['host', 'authorization', ...sends.map((name) => name.toLowerCase())]);
  const headers = [
    ...asked.headers.filter(({ name }) => shown.has(name.toLowerCase())).map(({ name, value }) => ({ name: name.toLowerCase(), value })),
    { name: 'content-length', value: '0' },
    { name: 'x-forwarded-for', value: formatIp(asked.client.ip) },
  ];
  return askAside(run, held, 'auth', backend, { method: asked.method, target: pathPrefix + asked.target, headers, backend, timeoutMs });
}

const OWN = new Set(['content-length', 'connection', 'transfer-encoding', 'date', 'server', 'x-envoy-upstream-service-time']);

function authAnswered(run: ProxyRun, held: Held, status: number, headers: readonly HttpHeader[], body: string): Held | undefined {
  const { extAuth, security } = filtersOf(held);
  if (extAuth === undefined) return held;
  if (status === 200) {
    const taken = headers.filter(({ name }) => extAuth.takes.some((one) => one.toLowerCase() === name.toLowerCase()));
    return taken.reduce((current, { name, value }) => named(current, name.toLowerCase(), value), held);
  }
  if (status >= 500) {
    // The authorization server itself has failed.
    if (extAuth.failOpen) return held;
    tellRefusal(run, held, '403', `the authorization server ${extAuth.backend} could not say (${status})`, security);
    return refuse(run, held, 403, '', [], 'UAEX');
  }
  tellRefusal(run, held, String(status), `the authorization server ${extAuth.backend} says so`, security);
  const kept = headers.filter(({ name }) => !OWN.has(name.toLowerCase())).map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  return refuse(run, held, status, body, kept, 'UAEX');
}

const STANDARD_PLACES = { headers: [{ name: 'Authorization', prefix: 'Bearer ' }], params: ['access_token'] };

function judgeJwt(run: ProxyRun, held: Held, providers: readonly JwtProvider[], optional: boolean, security: string | undefined): Held | undefined {
  let worst: JwtRefusal | undefined;
  for (const provider of providers) {
    const found = credential(provider.from ?? STANDARD_PLACES, held.asked);
    if (found === undefined) continue;
    const token = readToken(found);
    if ('status' in token) {
      worst = token;
      continue;
    }
    const set = keySetOf(run, held, provider, token);
    if (set === 'asked') return undefined;
    const wrong = typeof set === 'object' ? set : verifyToken(token, set);
    if (wrong !== undefined) {
      worst = wrong;
      continue;
    }
    const with_ = provider.claimHeaders.reduce((current, { header, claim }) => {
      const value = claimAt(token.claims, claim);
      return value === undefined ? current : named(current, header, claimText(value));
    }, held);
    return { ...with_, claims: { provider: provider.name, claims: token.claims } };
  }
  if (worst === undefined && optional) return held;
  const { status, text } = worst ?? { status: 401, text: 'Jwt is missing' };
  tellRefusal(run, held, text, worst === undefined ? 'it carries no token where one is looked for' : text, security);
  return refuse(run, held, status, text, status === 403 ? [] : [realm(run, held, 'Bearer', worst === undefined ? '' : ', error="invalid_token"')]);
}

const claimText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : bytesToBase64(encodeUtf8(JSON.stringify(value)));

/** The provider's keys, `asked` while they are fetched. Claims are judged first: keys are fetched only for tokens that could pass. */
function keySetOf(run: ProxyRun, held: Held, provider: JwtProvider, token: ReadToken): string | JwtRefusal | 'asked' {
  const wrong = judgeClaims(token, provider, run.nowMs);
  if (wrong !== undefined) return wrong;
  const { keys } = provider;
  if (typeof keys === 'string') return keys;
  const key = `${keys.backend} ${keys.path}`;
  if (held.missing?.includes(key) === true) return { status: 401, text: 'Jwks remote fetch is failed' };
  const known = run.state.keySets.get(key);
  if (known !== undefined && known.untilNs > run.context.nowNs) return known.text;
  askAside(run, held, 'keys', key, { method: 'GET', target: keys.path, headers: [{ name: 'host', value: keys.host }], backend: keys.backend, timeoutMs: 5000 });
  return 'asked';
}

const within = (ip: Ip, ranges: readonly string[]): boolean =>
  ranges.some((range) => {
    const prefix = parseIpPrefix(range);
    return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
  });

function ruleFits(rule: AccessRule, { asked, claims }: Held): boolean {
  const own = (provider: string): Claims => (claims?.provider === provider ? claims.claims : {});
  return (
    (rule.clients === undefined || within(asked.client.ip, rule.clients)) &&
    (rule.methods === undefined || rule.methods.includes(asked.method)) &&
    (rule.headers ?? []).every(({ name, values }) => values.includes(headerValue(asked.headers, name) ?? '')) &&
    (rule.claims ?? []).every(({ provider, name, values, list }) => {
      const value = claimAt(own(provider), name);
      return list ? Array.isArray(value) && value.some((one) => values.includes(String(one))) : value !== undefined && values.includes(String(value));
    }) &&
    (rule.scopes ?? []).every(({ provider, name }) =>
      String(own(provider).scope ?? '')
        .split(' ')
        .includes(name),
    )
  );
}

/** Why the request may not go on; undefined where it may. */
function denier({ rules, otherwise }: Access, held: Held): string | undefined {
  const rule = rules.find((one) => ruleFits(one, held));
  if (rule !== undefined) return rule.allow ? undefined : `${rule.name} denies it`;
  return otherwise ? undefined : `no rule fits ${held.asked.method} by ${formatIp(held.asked.client.ip)}, and who fits none is denied`;
}

function limitFits(limit: LocalLimit, asked: Asked): boolean {
  return (
    limit.headers.every(({ name, kind, value, invert }) => {
      const given = headerValue(asked.headers, name);
      const fits = given !== undefined && (kind === 'present' || (kind === 'regex' ? matchesExpression(`^(?:${value})$`, given) : given === value));
      return fits !== (invert === true);
    }) &&
    limit.distinct.every((name) => headerValue(asked.headers, name) !== undefined) &&
    (limit.clients.length === 0 || within(asked.client.ip, limit.clients)) &&
    (limit.methods.length === 0 || limit.methods.includes(asked.method))
  );
}

const isGeneral = ({ headers, distinct, clients, methods }: LocalLimit): boolean => headers.length + distinct.length + clients.length + methods.length === 0;

/** Every special limit that fits takes its token; the general one counts where none does. */
function limited(run: ProxyRun, held: Held, limits: readonly LocalLimit[], object: string | undefined): Held | undefined {
  const { asked, selected } = held;
  const special = limits.filter((one) => !isGeneral(one) && limitFits(one, asked));
  const counting = special.length > 0 ? special : limits.filter(isGeneral);
  let tightest: { readonly limit: LocalLimit; readonly drawn: ReturnType<typeof draw> } | undefined;
  for (const limit of counting) {
    const who = [...(limit.perClient ? [formatIp(asked.client.ip)] : []), ...limit.distinct.map((name) => headerValue(asked.headers, name) ?? '')];
    // A route's limits hold for all of its rule, whichever match has found it; a limit that is edited begins full.
    const key = `${selected.route.owner.replace(/\/match\/\d+$/, '')} ${limits.indexOf(limit)} ${limit.requests}/${limit.perMs} ${who.join(' ')}`;
    const drawn = draw(run.state.tokens, key, limit.requests, limit.perMs, run.context.nowNs);
    if (tightest === undefined || !drawn.allowed || (tightest.drawn.allowed && drawn.remaining < tightest.drawn.remaining)) tightest = { limit, drawn };
  }
  if (tightest === undefined) return held;
  const { limit, drawn } = tightest;
  const headers = [
    { name: 'x-ratelimit-limit', value: String(limit.requests) },
    { name: 'x-ratelimit-remaining', value: String(drawn.remaining) },
    { name: 'x-ratelimit-reset', value: String(drawn.resetSeconds) },
  ];
  if (drawn.allowed) return { ...held, extra: [...held.extra, ...headers] };
  tellRefusal(
    run,
    held,
    '429',
    `its bucket of ${limit.requests} tokens in ${limit.perMs / 1000} s is empty; the next comes in ${drawn.resetSeconds} s`,
    object,
  );
  return refuse(run, held, 429, 'local_rate_limited', headers, 'RL');
}
