/** What may hold a request before it is sent on: who asks must be allowed to, and faults that are made on purpose. Envoy: source/extensions/filters/http/{rbac,fault}. */
import type { SocketId } from '../definition.ts';
import { headerValue } from '../http-message.ts';
import { refusalOf } from './authorize.ts';
import type { Fault } from './config.ts';
import type { Asked } from './manners.ts';
import type { ProxyRun } from './run.ts';
import type { Selected } from './select-route.ts';

/** A request that waits because of a fault. */
export interface Delayed {
  readonly socket: SocketId;
  readonly asked: Asked;
  readonly body: string;
}

const SCHEME = 'spiffe://';
const SHARES = 10_000;

/** True where the request has got its answer here. */
export function isForbidden(run: ProxyRun, socket: SocketId, asked: Asked, selected: Selected | undefined, uris: readonly string[]): boolean {
  const authorization = run.config.sidecar?.authorization;
  if (authorization === undefined) return false;
  const mark = asked.target.indexOf('?');
  const uri = uris.find((one) => one.startsWith(SCHEME));
  const port = Number((run.config.sidecar?.local ?? '').split(':').at(-1)) || run.config.publicPort || run.config.port;
  const refusal = refusalOf(authorization, {
    principal: uri?.slice(SCHEME.length),
    ip: asked.client.ip,
    port,
    http: {
      method: asked.method,
      path: mark < 0 ? asked.target : asked.target.slice(0, mark),
      host: headerValue(asked.headers, 'Host') ?? '',
      headers: asked.headers,
    },
  });
  if (refusal === undefined) return false;
  run.context.tell({ what: `refuses ${asked.method} ${asked.target}: RBAC: access denied`, why: refusal.why, objects: refusal.objects });
  run.answer(socket, asked, selected, 403, [], 'RBAC: access denied', '', `rbac_access_denied_matched_policy[${refusal.id}]`);
  return true;
}

const happens = (run: ProxyRun, percent: number): boolean => percent >= 100 || run.context.prng('fault').below(SHARES) < percent * (SHARES / 100);

/** True where the request waits now; it comes back with the timer `fault`. */
export function isDelayed(run: ProxyRun, socket: SocketId, asked: Asked, body: string, { delay }: Fault, owner: string): boolean {
  if (delay === undefined || !happens(run, delay.percent)) return false;
  const { state } = run;
  const id = state.nextExchange;
  state.nextExchange += 1;
  const client = state.clients.get(socket);
  if (client === undefined) return false;
  state.clients.set(socket, { ...client, exchange: id });
  state.delayed.set(id, { socket, asked, body });
  run.context.tell({ what: `keeps ${asked.method} ${asked.target} waiting for ${delay.ms} ms`, why: `${owner} asks for this fault` });
  run.context.setTimer(delay.ms * 1e6, 'fault', id);
  return true;
}

/** True where the request has got a failure that somebody asked for. */
export function isAborted(run: ProxyRun, socket: SocketId, asked: Asked, selected: Selected, { abort }: Fault, flags: string): boolean {
  if (abort === undefined || !happens(run, abort.percent)) return false;
  run.context.tell({ what: `answers ${asked.method} ${asked.target} with ${abort.code} by itself`, why: `${selected.route.owner} asks for this fault` });
  run.answer(socket, asked, selected, abort.code, [], 'fault filter abort', flags === '' ? 'FI' : `${flags},FI`, 'fault_filter_abort');
  return true;
}

/** What the wait was for; undefined where its client has gone. */
export function endDelay(run: ProxyRun, id: number): Delayed | undefined {
  const { clients, delayed } = run.state;
  const found = delayed.get(id);
  delayed.delete(id);
  const client = found === undefined ? undefined : clients.get(found.socket);
  if (found === undefined || client === undefined || client.exchange !== id) return undefined;
  clients.set(found.socket, { ...client, exchange: undefined });
  return found;
}
