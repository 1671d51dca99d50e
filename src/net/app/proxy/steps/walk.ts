/** A request goes through the steps of its route, one by one, until one of them answers it or it is sent on. Traefik: pkg/middlewares. */
import { compileGoRegexp, matchGoRegexp } from '../../../../base/go-regexp.ts';
import { formatIp } from '../../../addr/ip.ts';
import { base64ToBytes } from '../../../wire/binary-text.ts';
import { decodeUtf8, utf8Length } from '../../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../../http-message.ts';
import { editHeaders } from '../edit-message.ts';
import { isClient } from '../rule.ts';
import type { ProxyRun } from '../run.ts';
import { hostName } from '../select-route.ts';
import { breakerLets, reportToBreaker } from './breaker.ts';
import type { CountBy, Step } from './config.ts';
import { beginAsking } from './forward-auth.ts';
import { passwordFits } from './password.ts';
import type { Walk } from './state.ts';

/** So many buckets are kept; the one that was asked longest ago goes first. */
const MAX_BUCKETS = 16_000;
const MAX_FOUND = 100;

type Outcome = Walk | 'answered' | 'waits';

interface Refusal {
  readonly code: number;
  readonly headers?: readonly HttpHeader[];
  readonly said?: string;
  readonly why: string;
}

/** Until the request waits, has its answer, or has all its steps behind it: then `on` sends it. */
export function walkOn(run: ProxyRun, from: Walk, on: (walk: Walk) => void): void {
  const steps = from.selected.route.steps ?? [];
  let walk = from;
  while (walk.at < steps.length) {
    const step = steps[walk.at];
    if (step === undefined) break;
    const outcome = take(run, step, walk);
    if (typeof outcome === 'string') return;
    walk = { ...outcome, at: walk.at + 1 };
  }
  on(walk);
}

function refuse(run: ProxyRun, walk: Walk, step: Step, { code, headers = [], said = '', why }: Refusal): 'answered' {
  run.context.tell({
    what: `answers ${walk.asked.method} ${walk.asked.target} with ${code}`,
    why: `${step.kind} ${step.owner}: ${why}`,
    ...(step.object === undefined ? {} : { objects: [step.object] }),
  });
  // nginx has pages of its own.
  run.answer(walk.socket, walk.asked, walk.selected, code, headers, run.config.flavour === 'traefik' ? said : '', '');
  return 'answered';
}

const withHeaders = (walk: Walk, headers: readonly HttpHeader[]): Walk => ({ ...walk, asked: { ...walk.asked, headers } });
const put = (walk: Walk, name: string, value: string): Walk => withHeaders(walk, editHeaders(walk.asked.headers, { set: [{ name, value }] }));
const absolute = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

function take(run: ProxyRun, step: Step, walk: Walk): Outcome {
  switch (step.kind) {
    case 'headers':
      return withHeaders(walk, editHeaders(walk.asked.headers, step.edits));
    case 'strip-prefix': {
      const prefix = step.prefixes.find((one) => walk.path.startsWith(one));
      return prefix === undefined ? walk : put({ ...walk, path: absolute(walk.path.slice(prefix.length)) }, 'X-Forwarded-Prefix', prefix.replace(/\/$/, ''));
    }
    case 'strip-regex': {
      for (const pattern of step.patterns) {
        const [found] = matched(pattern, walk.path) ?? [];
        if (found !== undefined && found !== '' && walk.path.startsWith(found))
          return put({ ...walk, path: absolute(walk.path.slice(found.length)) }, 'X-Forwarded-Prefix', found);
      }
      return walk;
    }
    case 'add-prefix':
      return { ...walk, path: absolute(step.prefix + walk.path) };
    case 'replace-path':
      return put({ ...walk, path: step.path }, 'X-Replaced-Path', walk.path);
    case 'replace-path-regex': {
      const path = replaced(step.pattern, step.replacement, walk.path);
      return path === undefined ? walk : put({ ...walk, path }, 'X-Replaced-Path', walk.path);
    }
    case 'redirect-scheme':
    case 'redirect-regex':
      return redirect(run, step, walk);
    case 'basic-auth':
      return authenticate(run, step, walk);
    case 'allow': {
      const ip = walk.asked.client.ip;
      if (step.ranges.some((range) => isClient(ip, range))) return walk;
      return refuse(run, walk, step, { code: step.code, said: 'Forbidden', why: `${formatIp(ip)} is in none of ${step.ranges.join(', ')}` });
    }
    case 'rate':
      return draw(run, step, walk);
    case 'in-flight': {
      const own = keyOf(step.by, walk);
      let busy = 0;
      for (const { client, selected, asked } of run.state.exchanges.values())
        if (
          client >= 0 &&
          selected.route.steps?.some(({ owner, kind }) => kind === step.kind && owner === step.owner) === true &&
          keyOf(step.by, { asked }) === own
        )
          busy += 1;
      if (busy < step.most) return walk;
      return refuse(run, walk, step, { code: step.code, said: 'Too Many Requests', why: `${busy} requests of ${own} are under way, and that is the most` });
    }
    case 'body-limit': {
      const bytes = utf8Length(walk.body);
      if (bytes <= step.bytes) return walk;
      return refuse(run, walk, step, { code: 413, said: 'Request Entity Too Large', why: `a body of ${bytes} bytes is more than ${step.bytes}` });
    }
    case 'circuit-breaker':
      if (breakerLets(run, step, walk.selected.route.owner)) return walk;
      return refuse(run, walk, step, { code: step.code, said: 'Service Unavailable', why: 'its circuit is open' });
    case 'forward-auth':
      return beginAsking(run, step, walk, (refusal) => refuse(run, walk, step, refusal));
  }
}

const matched = (pattern: string, text: string): readonly string[] | undefined => {
  const compiled = compileGoRegexp(pattern);
  return compiled.ok ? matchGoRegexp(compiled.regexp, text) : undefined;
};

/** Go: regexp.ReplaceAllString; undefined where nothing is found. */
function replaced(pattern: string, replacement: string, text: string): string | undefined {
  const compiled = compileGoRegexp(pattern);
  if (!compiled.ok) return undefined;
  let result = '';
  let rest = text;
  for (let count = 0; count < MAX_FOUND; count += 1) {
    const found = matchGoRegexp(compiled.regexp, rest);
    const at = found === undefined ? -1 : rest.indexOf(found[0] ?? '');
    if (found === undefined || at < 0) return count === 0 ? undefined : result + rest;
    const value = replacement.replace(/\$(?:\{(\d+)\}|(\d+)|\$)/g, (all, braced?: string, plain?: string) =>
      all === '$$' ? '$' : (found[Number(braced ?? plain)] ?? ''),
    );
    result += rest.slice(0, at) + value;
    rest = rest.slice(at + (found[0] ?? '').length);
    if ((found[0] ?? '') === '' || pattern.startsWith('^')) break;
  }
  return result + rest;
}

/** Browsers may turn a POST into a GET at 301 and 302. Traefik: pkg/middlewares/redirect/redirect.go. */
const redirectCode = (permanent: boolean, method: string): number => (method === 'GET' ? (permanent ? 301 : 302) : permanent ? 308 : 307);

function redirect(run: ProxyRun, step: Extract<Step, { readonly kind: 'redirect-scheme' | 'redirect-regex' }>, walk: Walk): Outcome {
  const scheme = run.scheme(walk.socket);
  const host = headerValue(walk.asked.headers, 'Host') ?? '';
  const rest = `${walk.path}${walk.query === '' ? '' : `?${walk.query}`}`;
  const now = `${scheme}://${host}${rest}`;
  let to: string | undefined;
  if (step.kind === 'redirect-regex') to = replaced(step.pattern, step.replacement, now);
  else {
    const port = step.port === '' || (step.scheme === 'https' && step.port === '443') || (step.scheme === 'http' && step.port === '80') ? '' : `:${step.port}`;
    if (scheme !== step.scheme) to = `${step.scheme}://${hostName(host)}${port}${rest}`;
  }
  if (to === undefined || to === now) return walk;
  const code = redirectCode(step.permanent, walk.asked.method);
  const said = { 301: 'Moved Permanently', 302: 'Found', 307: 'Temporary Redirect', 308: 'Permanent Redirect' }[code] ?? '';
  return refuse(run, walk, step, { code, headers: [{ name: 'Location', value: to }], said, why: `${now} is to be asked for as ${to}` });
}

function authenticate(run: ProxyRun, step: Extract<Step, { readonly kind: 'basic-auth' }>, walk: Walk): Outcome {
  const given = headerValue(walk.asked.headers, 'Authorization') ?? '';
  const bytes = /^basic /i.test(given) ? base64ToBytes(given.slice(6).trim()) : undefined;
  const pair = (bytes === undefined ? undefined : decodeUtf8(bytes)) ?? '';
  const colon = pair.indexOf(':');
  const [name, password] = colon < 0 ? ['', ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
  const line = step.users.find((one) => one.slice(0, one.indexOf(':')) === name && name !== '');
  if (line !== undefined && passwordFits(line.slice(line.indexOf(':') + 1), password)) {
    const known: Walk = { ...walk, asked: { ...walk.asked, user: name } };
    const kept = step.remove ? withHeaders(known, editHeaders(known.asked.headers, { remove: ['Authorization'] })) : known;
    return step.header === undefined ? kept : put(kept, step.header, name);
  }
  return refuse(run, walk, step, {
    code: 401,
    headers: [{ name: run.config.flavour === 'traefik' ? 'Www-Authenticate' : 'WWW-Authenticate', value: `Basic realm="${step.realm}"` }],
    said: '401 Unauthorized\n',
    why: given === '' ? 'the request shows no credentials' : line === undefined ? `it knows no user "${name}"` : `that is not the password of "${name}"`,
  });
}

function keyOf(by: CountBy, { asked }: Pick<Walk, 'asked'>): string {
  if (by === 'ip') return formatIp(asked.client.ip);
  return (by === 'host' ? headerValue(asked.headers, 'Host') : headerValue(asked.headers, by.header)) ?? '';
}

/** Traefik: pkg/middlewares/ratelimiter, with golang.org/x/time/rate below it: who would have to wait longer than a moment is refused. */
function draw(run: ProxyRun, step: Extract<Step, { readonly kind: 'rate' }>, walk: Walk): Outcome {
  const { tokens } = run.state.steps;
  const { nowNs } = run.context;
  const own = keyOf(step.by, walk);
  const key = `${step.owner} ${walk.selected.route.owner} ${own}`;
  const before = tokens.get(key);
  const full = step.burst * 1000;
  const milli = before === undefined ? full : Math.min(full, before.milli + ((nowNs - before.atNs) / 1e9) * step.milliPerSecond);
  const passes = milli + 1e-6 >= 1000;
  tokens.delete(key);
  if (tokens.size >= MAX_BUCKETS) tokens.delete(tokens.keys().next().value ?? '');
  tokens.set(key, { milli: passes ? milli - 1000 : milli, atNs: nowNs });
  if (passes) return walk;
  const seconds = (1000 - milli) / Math.max(1, step.milliPerSecond);
  return refuse(run, walk, step, {
    code: 429,
    headers: [
      { name: 'Retry-After', value: String(Math.ceil(seconds)) },
      { name: 'X-Retry-In', value: seconds >= 1 ? `${Number(seconds.toFixed(6))}s` : `${Number((seconds * 1000).toFixed(3))}ms` },
    ],
    said: 'Too Many Requests',
    why: `${own} has used up its ${step.burst} requests, and gets ${step.milliPerSecond / 1000} a second`,
  });
}

/** What has come of a request that was sent on, for those who count. */
export function reportSteps(run: ProxyRun, steps: readonly Step[] | undefined, route: string, status: number, ms: number): void {
  for (const step of steps ?? []) if (step.kind === 'circuit-breaker') reportToBreaker(run, step, route, status, ms);
}
