/** Which endpoint of a backend gets a request: by health and place first, then by turn, chance, load or what the request carries. Envoy: source/extensions/load_balancing_policies. */
import { formatIp } from '../../addr/ip.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';
import type { HashBy, ProxyBackend, ProxyEndpoint } from './config.ts';
import { cookieValue } from './edit-message.ts';
import { isEjected } from './outlier.ts';
import type { Exchange, ProxyRun } from './run.ts';
import { queryValue } from './select-route.ts';

export const addressOf = ({ ip, port }: { readonly ip: string; readonly port: number }): string => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

/** Chooses by what a request says; undefined where it says nothing of use. */
type Pick = (run: ProxyRun, exchange: Exchange, candidates: readonly ProxyEndpoint[]) => ProxyEndpoint | undefined;

/** An endpoint that has failed this request is passed over while there are others. */
export function chooseEndpoint(run: ProxyRun, exchange: Exchange, pick: Pick): ProxyEndpoint | undefined {
  const { backend } = exchange;
  const candidates = candidatesOf(run, backend);
  if (candidates.length === 0) return undefined;
  const failed = new Set(exchange.tries.map((one) => one.address));
  const fresh = failed.size === 0 ? candidates : candidates.filter((one) => !failed.has(addressOf(one)));
  const { hashBy } = exchange.action;
  const hash = hashBy === undefined ? undefined : hashOf(hashBy, exchange);
  // What is kept together stays together, also when it is tried again.
  if (hash !== undefined) return byHash(candidates, hash);
  const usable = fresh.length === 0 ? candidates : fresh;
  switch (backend.policy?.balance) {
    case 'random':
      return usable[run.context.prng('endpoint').below(usable.length)];
    case 'least-request':
      return leastLoaded(run, usable);
    case 'prompt':
      return pick(run, exchange, usable) ?? byTurn(run, backend, candidates, usable);
    default:
      return byTurn(run, backend, candidates, usable);
  }
}

function byTurn(run: ProxyRun, { name }: ProxyBackend, all: readonly ProxyEndpoint[], usable: readonly ProxyEndpoint[]): ProxyEndpoint | undefined {
  const { turns } = run.state;
  let turn = turns.get(name) ?? run.context.prng('turn').below(all.length);
  for (let i = 0; i < all.length; i += 1) {
    const endpoint = all[turn % all.length];
    turn = (turn + 1) % all.length;
    if (endpoint !== undefined && usable.includes(endpoint)) {
      turns.set(name, turn);
      return endpoint;
    }
  }
  return undefined;
}

/** Of two that chance picks, the one with fewer requests under way. */
function leastLoaded(run: ProxyRun, usable: readonly ProxyEndpoint[]): ProxyEndpoint | undefined {
  if (usable.length < 2) return usable[0];
  const prng = run.context.prng('endpoint');
  const first = usable[prng.below(usable.length)];
  const second = usable[prng.below(usable.length)];
  if (first === undefined || second === undefined || first === second) return first;
  const [a, b] = [addressOf(first), addressOf(second)];
  let more = 0;
  for (const { address, upstream } of run.state.exchanges.values()) {
    if (upstream < 0) continue;
    if (address === a) more += 1;
    else if (address === b) more -= 1;
  }
  return more > 0 ? second : first;
}

/** Rendezvous hashing: an endpoint that goes takes only what was its own along. */
function byHash(endpoints: readonly ProxyEndpoint[], value: string): ProxyEndpoint | undefined {
  let best: ProxyEndpoint | undefined;
  let most = -1;
  for (const endpoint of endpoints) {
    const weight = fnv(`${value} ${addressOf(endpoint)}`);
    if (weight > most) [best, most] = [endpoint, weight];
  }
  return best;
}

function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}

function hashOf(by: HashBy, { asked }: Exchange): string | undefined {
  const headers: readonly HttpHeader[] = asked.headers;
  if (by === 'source') return formatIp(asked.client.ip);
  if ('header' in by) return headerValue(headers, by.header);
  if ('cookie' in by) return cookieValue(headers, by.cookie);
  const mark = asked.target.indexOf('?');
  return mark < 0 ? undefined : queryValue(asked.target.slice(mark + 1), by.query);
}

/** Healthy endpoints of one priority, and of one place if places have shares. Envoy: upstream/load_balancer_context_base, priority levels with an overprovisioning factor of 1.4. */
function candidatesOf(run: ProxyRun, backend: ProxyBackend): readonly ProxyEndpoint[] {
  const { endpoints, policy } = backend;
  if (policy === undefined) return endpoints;
  const isHealthy = (one: ProxyEndpoint): boolean => !isEjected(run, backend, addressOf(one));
  const outlier = policy.outlier;
  const healthy = outlier === undefined ? endpoints : endpoints.filter(isHealthy);
  // Too few are healthy to carry the load of all: then all are asked (panic mode).
  if (outlier !== undefined && healthy.length * 100 < outlier.minHealthPercent * endpoints.length) return endpoints;
  const ranks = [...new Set(endpoints.map(({ priority = 0 }) => priority))].sort((a, b) => a - b);
  const atRank = ranks.length < 2 ? healthy : rankFor(run, ranks, endpoints, healthy);
  return atRank.some(({ place }) => place !== undefined) ? placeFor(run, endpoints, atRank) : atRank;
}

const OVERPROVISIONING = 140;

/** Each priority can carry as much as 1.4 times its healthy share; what is left over goes to the next. */
function rankFor(run: ProxyRun, ranks: readonly number[], all: readonly ProxyEndpoint[], healthy: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const of = (list: readonly ProxyEndpoint[], rank: number) => list.filter(({ priority = 0 }) => priority === rank);
  const health = ranks.map((rank) => Math.min(100, Math.floor((OVERPROVISIONING * of(healthy, rank).length) / of(all, rank).length)));
  const total = Math.min(
    100,
    health.reduce((sum, one) => sum + one, 0),
  );
  if (total === 0) return [];
  const [first = 0] = health;
  if (first >= 100) return of(healthy, ranks[0] ?? 0);
  let left = 100;
  let at = run.context.prng('priority').below(100);
  for (const [index, rank] of ranks.entries()) {
    const share = Math.min(left, Math.floor(((health[index] ?? 0) * 100) / total));
    left -= share;
    at -= share;
    if (at < 0) return of(healthy, rank);
  }
  // Rounding leaves a little, which the first that has anybody takes.
  const rank = ranks.find((one, index) => (health[index] ?? 0) > 0 && of(healthy, one).length > 0);
  return rank === undefined ? [] : of(healthy, rank);
}

/** Places by their weight, less what is ill there. */
function placeFor(run: ProxyRun, all: readonly ProxyEndpoint[], healthy: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const shares = new Map<string, number>();
  for (const { place } of healthy) {
    if (place === undefined || shares.has(place.name)) continue;
    const here = (list: readonly ProxyEndpoint[]) => list.filter((one) => one.place?.name === place.name).length;
    shares.set(place.name, place.weight * Math.min(100, Math.floor((OVERPROVISIONING * here(healthy)) / here(all))));
  }
  const total = [...shares.values()].reduce((sum, one) => sum + one, 0);
  if (total <= 0) return [];
  let at = run.context.prng('place').below(total);
  for (const [name, share] of shares) {
    at -= share;
    if (at < 0) return healthy.filter(({ place }) => place?.name === name);
  }
  return [];
}
