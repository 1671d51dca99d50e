/** What a running nginx remembers. Changed in place. */
import { DEFAULT_EPOCH_MS } from '../../wire/calendar.ts';
import type { Ip } from '../../wire/packet.ts';
import type { AppContext, SocketId } from '../definition.ts';
import { copyTally, newTally, type Tally } from '../load/tally.ts';
import type { Resolving } from '../resolver.ts';
import type { TlsSessions } from '../tls/sessions.ts';
import type { Asked } from './variables.ts';

export interface NginxConfig {
  /** What is mounted under /etc/nginx and where pages are, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Directories of the image that a mount hides. */
  readonly hidden: readonly string[];
  readonly version?: string;
  readonly epochMs?: number;
}

/** Unix milliseconds. */
export const nowMsOf = (context: Pick<AppContext, 'nowNs'>, config: NginxConfig): number =>
  (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(context.nowNs / 1e6);

export interface Client {
  buffer: string;
  timer: number;
  exchange: number | undefined;
}

/** A request that a backend is asked for. */
export interface Exchange {
  readonly id: number;
  /** -1 once the client has gone. */
  client: SocketId;
  readonly asked: Asked;
  /** Which server and location have it: indices into the plan, so that they outlive a snapshot. */
  readonly at: readonly [listener: number, server: number, location: number];
  readonly connection: number;
  /** The upstream's name, or `host:port` of proxy_pass. */
  readonly upstream: string;
  readonly request: string;
  /** `/path` towards the backend, for logs. */
  readonly target: string;
  tried: string[];
  peer: string;
  socket: SocketId;
  timer: number;
  sent: boolean;
  buffer: string;
  resolving: Resolving | undefined;
}

/** How a peer has done: smooth weighted round robin, and failures in its time. */
export interface PeerState {
  current: number;
  fails: number;
  failedNs: number;
}

export interface NginxState {
  phase: 'resolving' | 'serving' | 'ended';
  /** Which of the plan's names is looked up. */
  at: number;
  resolving: Resolving | undefined;
  readonly startedNs: number;
  /** By name: what it resolved to when nginx was started; it never asks again. */
  readonly addresses: Map<string, readonly Ip[]>;
  readonly clients: Map<SocketId, Client>;
  readonly connections: Map<SocketId, number>;
  readonly exchanges: Map<number, Exchange>;
  readonly bySocket: Map<SocketId, number>;
  readonly peers: Map<string, PeerState>;
  readonly tls: TlsSessions;
  readonly tally: Tally;
  nextId: number;
}

export const newState = (startedNs: number): NginxState => ({
  phase: 'resolving',
  at: 0,
  resolving: undefined,
  startedNs,
  addresses: new Map(),
  clients: new Map(),
  connections: new Map(),
  exchanges: new Map(),
  bySocket: new Map(),
  peers: new Map(),
  tls: new Map(),
  tally: newTally(),
  nextId: 1,
});

const copied = <Key, Value extends object>(map: ReadonlyMap<Key, Value>): Map<Key, Value> => new Map([...map].map(([key, value]) => [key, { ...value }]));

export const copyState = (state: NginxState): NginxState => ({
  ...state,
  addresses: new Map(state.addresses),
  clients: copied(state.clients),
  connections: new Map(state.connections),
  exchanges: new Map([...state.exchanges].map(([id, one]) => [id, { ...one, tried: [...one.tried] }])),
  bySocket: new Map(state.bySocket),
  peers: copied(state.peers),
  tls: new Map(state.tls),
  tally: copyTally(state.tally),
});
