/** A request that filters hold: what they know of it, their refusals, and what they ask of others meanwhile. */
import type { SocketId } from '../../definition.ts';
import type { HttpHeader } from '../../http-message.ts';
import { sendAside } from '../forward.ts';
import type { Asked } from '../manners.ts';
import type { ProxyRun } from '../run.ts';
import type { Selected } from '../select-route.ts';
import type { Claims } from './jwt.ts';

/** A request between its route and its backend. */
export interface Held {
  readonly socket: SocketId;
  readonly asked: Asked;
  readonly body: string;
  readonly selected: Selected;
  /** Index into the stages: the next to be asked. */
  readonly stage: number;
  /** What the answer gets beside its own. */
  readonly extra: readonly HttpHeader[];
  /** Of the token that was believed, by provider. */
  readonly claims?: { readonly provider: string; readonly claims: Claims };
  /** Sets of keys that could not be had for this request. */
  readonly missing?: readonly string[];
}

/** What an aside was asked for, until it is answered. */
export interface Waiting {
  readonly held: Held;
  readonly what: 'auth' | 'keys' | 'token';
  readonly key: string;
}

export interface KeySet {
  readonly text: string;
  readonly untilNs: number;
}

export interface Aside {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HttpHeader[];
  readonly body?: string;
  readonly backend: string;
  readonly timeoutMs: number;
}

export function tellRefusal(run: ProxyRun, { asked }: Held, what: string, why: string, object: string | undefined): void {
  run.context.tell({ what: `refuses ${asked.method} ${asked.target}: ${what}`, why, about: 'HTTP', ...(object === undefined ? {} : { objects: [object] }) });
}

export function refuse(run: ProxyRun, held: Held, code: number, said: string, extra: readonly HttpHeader[] = [], flag = ''): undefined {
  run.answer(held.socket, held.asked, held.selected, code, [...held.extra, ...extra], said, flag);
  return undefined;
}

/** Sends a request of the proxy's own; the held one goes on with its answer. */
export function askAside(run: ProxyRun, held: Held, what: Waiting['what'], key: string, aside: Aside): undefined {
  sendAside(run, held.socket, held.selected, aside, (id) => {
    run.state.waiting.set(id, { held, what, key });
    const client = run.state.clients.get(held.socket);
    if (client !== undefined) run.state.clients.set(held.socket, { ...client, exchange: id });
  });
  return undefined;
}
