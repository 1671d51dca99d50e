/** What the steps of a proxy's requests remember: buckets, circuits, and requests that wait for somebody's word. */
import type { SocketId } from '../../definition.ts';
import type { HttpHeader } from '../../http-message.ts';
import type { Asked } from '../manners.ts';
import type { Selected } from '../select-route.ts';
import type { BreakerState } from './breaker.ts';

/** A request between two steps. */
export interface Walk {
  readonly socket: SocketId;
  readonly asked: Asked;
  readonly body: string;
  readonly selected: Selected;
  readonly cors: readonly HttpHeader[];
  readonly path: string;
  readonly query: string;
  /** The step that is next. */
  readonly at: number;
}

export interface Asking {
  readonly walk: Walk;
  readonly socket: SocketId;
  readonly buffer: string;
  readonly timer: number;
}

/** Changed in place; what its maps hold is replaced. */
export interface StepsState {
  /** Tokens by step and client, in thousandths. */
  readonly tokens: Map<string, { readonly milli: number; readonly atNs: number }>;
  readonly breakers: Map<string, BreakerState>;
  /** By the number that the client's connection is busy with. */
  readonly asking: Map<number, Asking>;
  readonly byAuth: Map<SocketId, number>;
  /** Requests that have been logged. */
  served: number;
}

export const newStepsState = (): StepsState => ({ tokens: new Map(), breakers: new Map(), asking: new Map(), byAuth: new Map(), served: 0 });

export const copyStepsState = ({ tokens, breakers, asking, byAuth, served }: StepsState): StepsState => ({
  tokens: new Map(tokens),
  breakers: new Map(breakers),
  asking: new Map(asking),
  byAuth: new Map(byAuth),
  served,
});
