/** How many connections and waiting requests a backend may have: beyond that requests wait, or fail at once. Envoy: source/common/conn_pool/conn_pool_base.cc, upstream/resource_manager_impl.h. */
import type { SocketId } from '../definition.ts';
import type { ProxyBackend } from './config.ts';
import type { Exchange, ProxyRun } from './run.ts';

/** Of one backend. Replaced, never changed. */
export interface Pool {
  /** Where each connection leads, and how many requests it has carried. */
  readonly connections: ReadonlyMap<SocketId, { readonly address: string; readonly requests: number }>;
  /** Exchanges that wait for a connection, the oldest first. */
  readonly waiting: readonly number[];
}

const EMPTY: Pool = { connections: new Map(), waiting: [] };

export const hasLimits = ({ policy }: ProxyBackend): boolean =>
  policy !== undefined &&
  (policy.maxConnections !== undefined || policy.maxPending !== undefined || policy.maxRequests !== undefined || policy.requestsPerConnection !== undefined);

const poolOf = (run: ProxyRun, name: string): Pool => run.state.pools.get(name) ?? EMPTY;

/** Requests without an answer, and those of them that have no connection yet. */
function load(run: ProxyRun, name: string): { readonly sent: number; readonly pending: number } {
  let [sent, pending] = [0, 0];
  const { waiting } = poolOf(run, name);
  for (const one of run.state.exchanges.values()) {
    if (one.backend.name !== name) continue;
    if (one.sent) sent += 1;
    else if (one.upstream >= 0 || waiting.includes(one.id)) pending += 1;
  }
  return { sent, pending };
}

export const mayTakeRequest = (run: ProxyRun, { name, policy }: ProxyBackend): boolean =>
  policy?.maxRequests === undefined || load(run, name).sent < policy.maxRequests;

/** What becomes of a request that finds no idle connection. */
export function roomFor(run: ProxyRun, { name, policy }: ProxyBackend, address: string): 'connect' | 'wait' | 'overflow' {
  const { connections } = poolOf(run, name);
  if (policy?.maxPending !== undefined && load(run, name).pending >= policy.maxPending) return 'overflow';
  return mayConnect(policy?.maxConnections, connections, address) ? 'connect' : 'wait';
}

/** An endpoint without any may always have one, or what waits for it would wait for ever. */
const mayConnect = (most: number | undefined, connections: Pool['connections'], address: string): boolean =>
  most === undefined || connections.size < most || ![...connections.values()].some((one) => one.address === address);

export function wait(run: ProxyRun, exchange: Exchange): void {
  const { name } = exchange.backend;
  const pool = poolOf(run, name);
  run.state.pools.set(name, { ...pool, waiting: [...pool.waiting, exchange.id] });
}

export function connectionOpened(run: ProxyRun, { name }: ProxyBackend, socket: SocketId, address: string): void {
  const pool = poolOf(run, name);
  run.state.pools.set(name, { ...pool, connections: new Map(pool.connections).set(socket, { address, requests: 0 }) });
  run.state.poolOf.set(socket, name);
}

/** A request goes out on it; whether it may carry another one afterwards. */
export function connectionUsed(run: ProxyRun, { name, policy }: ProxyBackend, socket: SocketId): void {
  const pool = run.state.pools.get(name);
  const known = pool?.connections.get(socket);
  if (pool === undefined || known === undefined || policy?.requestsPerConnection === undefined) return;
  run.state.pools.set(name, { ...pool, connections: new Map(pool.connections).set(socket, { ...known, requests: known.requests + 1 }) });
}

export const isWornOut = (run: ProxyRun, { name, policy }: ProxyBackend, socket: SocketId): boolean =>
  policy?.requestsPerConnection !== undefined && (run.state.pools.get(name)?.connections.get(socket)?.requests ?? 0) >= policy.requestsPerConnection;

/** The oldest that waits for this endpoint, and waits no more. */
export function nextFor(run: ProxyRun, name: string, fits: (exchange: Exchange) => boolean): Exchange | undefined {
  const pool = run.state.pools.get(name);
  if (pool === undefined || pool.waiting.length === 0) return undefined;
  // Those that were given up while they waited are gone.
  const alive = pool.waiting.filter((id) => run.state.exchanges.has(id));
  const found = alive.map((id) => run.state.exchanges.get(id)).find((one) => one !== undefined && fits(one));
  run.state.pools.set(name, { ...pool, waiting: alive.filter((id) => id !== found?.id) });
  return found;
}

/** A connection is gone: undefined where it was none of a limited backend's, else who may have one now. */
export function connectionClosed(run: ProxyRun, socket: SocketId): Exchange | undefined {
  const name = run.state.poolOf.get(socket);
  const pool = name === undefined ? undefined : run.state.pools.get(name);
  if (name === undefined || pool === undefined) return undefined;
  run.state.poolOf.delete(socket);
  const connections = new Map(pool.connections);
  connections.delete(socket);
  run.state.pools.set(name, { ...pool, connections });
  return nextFor(run, name, ({ backend, address }) => mayConnect(backend.policy?.maxConnections, connections, address));
}
