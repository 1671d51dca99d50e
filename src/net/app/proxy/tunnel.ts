/** What becomes of a request that asks for another protocol: after 101 bytes go both ways unread, until one side ends or nothing is said for too long. Envoy: upgrade_configs; nginx: ngx_http_upstream_upgrade. */
import type { AppEvent, SocketId } from '../definition.ts';
import { formatHead, type HttpHead, type HttpHeader, headerValue, textPayload } from '../http-message.ts';
import { payloadBytes } from '../tls/layer.ts';
import { editHeaders } from './edit-message.ts';
import type { Asked, Tried } from './manners.ts';
import type { Exchange, ProxyRun } from './run.ts';

/** Envoy's stream_idle_timeout. */
const ENVOY_IDLE_MS = 300_000;

type Gone = (run: ProxyRun, socket: SocketId) => void;

export interface Tunnel {
  readonly exchange: Exchange;
  readonly tries: readonly Tried[];
  readonly client: SocketId;
  readonly upstream: SocketId;
  readonly bytes: number;
  readonly timer: number;
}

/** What a request must carry on to be an upgrade at the backend too; headers of one hop are taken off otherwise. */
export function upgradeHeaders({ headers, version }: Asked): readonly HttpHeader[] {
  const upgrade = version === 'HTTP/1.1' ? headerValue(headers, 'Upgrade') : undefined;
  if (upgrade === undefined || !/\bupgrade\b/i.test(headerValue(headers, 'Connection') ?? '')) return [];
  return [
    { name: 'Connection', value: 'Upgrade' },
    { name: 'Upgrade', value: upgrade },
  ];
}

/** By nginx' rule silence of the backend counts, by Envoy's the silence of both; Traefik waits for ever. */
const idleMs = ({ config: { flavour } }: ProxyRun, { action }: Exchange): number =>
  flavour === 'nginx' ? action.readTimeoutMs : flavour === 'envoy' ? ENVOY_IDLE_MS : 0;

const timerFor = (run: ProxyRun, exchange: Exchange): number => {
  const ms = idleMs(run, exchange);
  return ms > 0 ? run.context.setTimer(ms * 1e6, 'tunnel', exchange.client, true) : -1;
};

/** The backend has agreed. `rest`: what it has said behind its head. */
export function beginTunnel(run: ProxyRun, exchange: Exchange, head: HttpHead, rest: string, tries: readonly Tried[]): void {
  const { state, context, config } = run;
  const { client, upstream, selected } = exchange;
  const own = new Set(['connection', 'upgrade']);
  const others = head.headers.filter(({ name }) => !own.has(name.toLowerCase()));
  const lower = config.flavour === 'envoy';
  const headers = [...head.headers.filter(({ name }) => own.has(name.toLowerCase())), ...others].map(({ name, value }) => ({
    name: lower ? name.toLowerCase() : name,
    value,
  }));
  const edited = editHeaders(lower ? [...headers, { name: 'server', value: config.sidecar?.server ?? 'envoy' }] : headers, selected.route.responseHeaders);
  const known = state.clients.get(client);
  if (known !== undefined && known.timer >= 0) context.cancelTimer(known.timer);
  state.clients.delete(client);
  context.tcpSend(client, textPayload(formatHead('HTTP/1.1 101 Switching Protocols', edited)));
  if (rest !== '') context.tcpSend(client, octets(rest));
  const tunnel: Tunnel = { exchange, tries, client, upstream, bytes: rest.length, timer: timerFor(run, exchange) };
  state.tunnels.set(client, tunnel);
  state.tunnelOf.set(upstream, client);
  context.tell({
    what: `lets ${exchange.asked.method} ${exchange.asked.target} become ${headerValue(head.headers, 'Upgrade') ?? 'another protocol'}`,
    why: `${exchange.address} answered 101; from here on bytes go both ways unread, to this one endpoint, however long it lasts`,
    about: 'HTTP',
  });
  // What the client has said too early.
  if (known !== undefined && known.buffer !== '') context.tcpSend(upstream, textPayload(known.buffer));
}

const octets = (text: string) => ({ bytes: text.length, octets: text });

/** True where the event belongs to a tunnel. `gone` hears of backends' connections that end. */
export function tunnelEvent(run: ProxyRun, event: Extract<AppEvent, { readonly socket: SocketId }>, gone: Gone): boolean {
  const { tunnels, tunnelOf } = run.state;
  if (tunnels.size === 0) return false;
  const client = tunnelOf.get(event.socket) ?? event.socket;
  const tunnel = tunnels.get(client);
  if (tunnel === undefined) return false;
  const fromBackend = event.socket === tunnel.upstream;
  if (event.kind === 'data') {
    const { context } = run;
    context.tcpSend(fromBackend ? tunnel.client : tunnel.upstream, octets(payloadBytes(event.payload)));
    const resets = fromBackend || run.config.flavour === 'envoy';
    if (resets && tunnel.timer >= 0) context.cancelTimer(tunnel.timer);
    tunnels.set(client, {
      ...tunnel,
      bytes: tunnel.bytes + (fromBackend ? event.payload.bytes : 0),
      timer: resets ? timerFor(run, tunnel.exchange) : tunnel.timer,
    });
  } else if (event.kind === 'peer-closed' || event.kind === 'aborted') endTunnel(run, tunnel, event.kind === 'aborted' ? event.socket : -1, '', gone);
  return true;
}

/** Nothing was said for too long. */
export function tunnelIdle(run: ProxyRun, client: SocketId, gone: Gone): void {
  const tunnel = run.state.tunnels.get(client);
  if (tunnel === undefined) return;
  const seconds = idleMs(run, tunnel.exchange) / 1000;
  run.context.tell({
    what: `closes the upgraded connection of ${tunnel.exchange.asked.target}`,
    why: `nothing came ${run.config.flavour === 'nginx' ? 'from the backend' : 'from either side'} for ${seconds} s`,
    about: 'HTTP',
  });
  endTunnel(run, tunnel, -1, run.config.flavour === 'envoy' ? 'SI' : '', gone);
}

function endTunnel(run: ProxyRun, { exchange, tries, client, upstream, bytes, timer }: Tunnel, ended: SocketId, flag: string, gone: Gone): void {
  const { context, state } = run;
  state.tunnels.delete(client);
  state.tunnelOf.delete(upstream);
  if (timer >= 0) context.cancelTimer(timer);
  state.spokenFor.delete(client);
  if (ended !== client) context.close(client);
  if (ended !== upstream) context.close(upstream);
  gone(run, upstream);
  run.log(
    exchange.asked,
    { status: 101, bytes, seconds: (context.nowNs - exchange.startedNs) / 1e9 },
    { name: exchange.main, alternative: exchange.alternative, tries, why: flag, route: exchange.selected.route.owner },
  );
}
