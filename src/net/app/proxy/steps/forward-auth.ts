/** Somebody else is asked whether a request may go on. Traefik: pkg/middlewares/auth/forward.go; nginx: ngx_http_auth_request_module as ingress-nginx sets it up. */
import { formatIp, parseIp } from '../../../addr/ip.ts';
import type { AppEvent } from '../../definition.ts';
import { bodyLength, formatHead, type HttpHeader, headerValue, parseStatusLine, readHead, textPayload } from '../../http-message.ts';
import { editHeaders } from '../edit-message.ts';
import type { ProxyRun } from '../run.ts';
import type { ForwardAuth } from './config.ts';
import type { Asking, Walk } from './state.ts';

const TIMEOUT_NS = 30e9;
const MAX_ANSWER_CHARACTERS = 1024 * 1024;

interface Refusal {
  readonly code: number;
  readonly headers?: readonly HttpHeader[];
  readonly said?: string;
  readonly why: string;
}

function question(run: ProxyRun, step: ForwardAuth, { asked, socket }: Walk): string {
  const host = headerValue(asked.headers, 'Host') ?? '';
  const scheme = run.scheme(socket);
  const hidden = new Set(['host', 'content-length', 'transfer-encoding', 'connection']);
  const shown = asked.headers.filter(
    ({ name }) => !hidden.has(name.toLowerCase()) && (step.shows.length === 0 || step.shows.some((one) => one.toLowerCase() === name.toLowerCase())),
  );
  const own: readonly HttpHeader[] =
    step.manner === 'nginx'
      ? [
          { name: 'X-Request-ID', value: asked.requestId },
          { name: 'X-Real-IP', value: formatIp(asked.client.ip) },
          { name: 'X-Forwarded-For', value: formatIp(asked.client.ip) },
          { name: 'X-Original-URL', value: `${scheme}://${host}${asked.target}` },
          { name: 'X-Original-Method', value: asked.method },
          { name: 'X-Auth-Request-Redirect', value: asked.target },
          { name: 'X-Sent-From', value: 'nginx-ingress-controller' },
        ]
      : [
          { name: 'X-Forwarded-For', value: formatIp(asked.client.ip) },
          { name: 'X-Forwarded-Host', value: host },
          { name: 'X-Forwarded-Method', value: asked.method },
          { name: 'X-Forwarded-Proto', value: scheme },
          { name: 'X-Forwarded-Uri', value: asked.target },
        ];
  const names = new Set(own.map(({ name }) => name.toLowerCase()));
  return formatHead(`GET ${step.path} HTTP/1.1`, [{ name: 'Host', value: step.host }, ...own, ...shown.filter(({ name }) => !names.has(name.toLowerCase()))]);
}

/** The request waits; its client's connection is busy with it. */
export function beginAsking(run: ProxyRun, step: ForwardAuth, walk: Walk, refuse: (refusal: Refusal) => 'answered'): 'answered' | 'waits' {
  const { context, state } = run;
  const turn = state.turns.get(step.url) ?? 0;
  const endpoint = step.endpoints[turn % Math.max(1, step.endpoints.length)];
  state.turns.set(step.url, turn + 1);
  const ip = endpoint === undefined ? undefined : parseIp(endpoint.ip);
  const client = state.clients.get(walk.socket);
  const opened =
    ip === undefined || endpoint === undefined || client === undefined ? 'EHOSTUNREACH' : context.tcpConnect({ ip, port: endpoint.port }, { noDelay: true });
  if (typeof opened === 'string' || client === undefined) return refuse({ code: 500, why: `${step.url} cannot be asked` });
  const id = state.nextExchange;
  state.nextExchange += 1;
  state.clients.set(walk.socket, { ...client, exchange: id });
  state.steps.byAuth.set(opened, id);
  state.steps.asking.set(id, { walk, socket: opened, buffer: '', timer: context.setTimer(TIMEOUT_NS, 'auth', id) });
  return 'waits';
}

/** The word is spoken, or will not be: the client's connection is free again. */
function settle(run: ProxyRun, id: number, asking: Asking): Walk | undefined {
  const { state, context } = run;
  context.cancelTimer(asking.timer);
  state.steps.asking.delete(id);
  if (state.steps.byAuth.delete(asking.socket)) context.close(asking.socket);
  const client = state.clients.get(asking.walk.socket);
  if (client === undefined || client.exchange !== id) return undefined;
  state.clients.set(asking.walk.socket, { ...client, exchange: undefined });
  return asking.walk;
}

export interface Verdict {
  readonly walk: Walk;
  readonly refusal?: Refusal;
}

const stepOf = ({ selected, at }: Walk): ForwardAuth | undefined => {
  const step = selected.route.steps?.[at];
  return step?.kind === 'forward-auth' ? step : undefined;
};

const unreachable = (walk: Walk): Verdict => ({ walk, refusal: { code: 500, why: `${stepOf(walk)?.url ?? ''} does not answer` } });

/** What an event of the connection to the one who is asked means; undefined: nothing yet. False: the event is not about one. */
export function askingEvent(run: ProxyRun, event: AppEvent): Verdict | undefined | false {
  const { asking, byAuth } = run.state.steps;
  const id = 'socket' in event ? byAuth.get(event.socket) : event.kind === 'timer' && event.tag === 'auth' ? (event.data as number) : undefined;
  if (id === undefined) return false;
  const one = asking.get(id);
  if (one === undefined) return undefined;
  const step = stepOf(one.walk);
  if (event.kind === 'connected' && step !== undefined) {
    run.context.tcpSend(one.socket, textPayload(question(run, step, one.walk)));
    return undefined;
  }
  if (event.kind === 'data' && step !== undefined) {
    const buffer = one.buffer + (event.payload.text ?? '');
    const verdict = buffer.length > MAX_ANSWER_CHARACTERS ? 'bad' : answerOf(step, one.walk, buffer);
    if (verdict === undefined) {
      asking.set(id, { ...one, buffer });
      return undefined;
    }
    const walk = settle(run, id, one);
    if (walk === undefined) return undefined;
    return verdict === 'bad' ? unreachable(walk) : verdict;
  }
  if (event.kind === 'connect-failed' || event.kind === 'aborted') byAuth.delete(one.socket);
  const walk = settle(run, id, one);
  return walk === undefined ? undefined : unreachable(walk);
}

/** The client has gone: nobody waits for the answer. */
export function leaveAsking(run: ProxyRun, id: number): boolean {
  const one = run.state.steps.asking.get(id);
  if (one === undefined) return false;
  settle(run, id, one);
  return true;
}

function answerOf(step: ForwardAuth, walk: Walk, text: string): Verdict | 'bad' | undefined {
  const read = readHead(text);
  if (read === 'incomplete') return undefined;
  const status = read === 'malformed' ? undefined : parseStatusLine(read.head.startLine);
  if (read === 'malformed' || status === undefined) return 'bad';
  const length = bodyLength(read.head.headers, status.code, 'GET');
  if (typeof length === 'number' && read.rest.length < length) return undefined;
  const { headers } = read.head;
  if (status.code >= 200 && status.code < 300) {
    const set = step.takes.flatMap((name) => {
      const value = headerValue(headers, name);
      return value === undefined ? [] : [{ name, value }];
    });
    return { walk: { ...walk, at: walk.at + 1, asked: { ...walk.asked, headers: editHeaders(walk.asked.headers, { set }) } } };
  }
  if (step.manner === 'nginx') {
    // ngx_http_auth_request_module knows yes, 401 and 403; all else is its own failure.
    const host = headerValue(walk.asked.headers, 'Host') ?? '';
    const why = `${step.url} answers ${status.code}`;
    if (status.code === 401 && step.signin !== undefined) {
      const back = encodeURIComponent(walk.asked.target);
      const to = `${step.signin}${step.signin.includes('rd=') ? '' : `${step.signin.includes('?') ? '&' : '?'}rd=http://${host}${back}`}`;
      return { walk, refusal: { code: 302, headers: [{ name: 'Location', value: to }], why } };
    }
    const challenge = headerValue(headers, 'WWW-Authenticate');
    if (status.code === 401)
      return { walk, refusal: { code: 401, headers: challenge === undefined ? [] : [{ name: 'WWW-Authenticate', value: challenge }], why } };
    return { walk, refusal: { code: status.code === 403 ? 403 : 500, why } };
  }
  const kept = headers.filter(({ name }) => ['location', 'set-cookie', 'www-authenticate', 'content-type'].includes(name.toLowerCase()));
  return { walk, refusal: { code: status.code, headers: kept, said: read.rest, why: `${step.url} answers ${status.code}` } };
}
