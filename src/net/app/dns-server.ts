/** CoreDNS: listens, hands questions to the plugins of their server block, looks for a new configuration now and then. CoreDNS: core/dnsserver, coremain/run.go, plugin/reload, plugin/loop. */
import { parseIp } from '../addr/ip.ts';
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from './definition.ts';
import { type Answered, count, type Run, type ServerState } from './dns/chain.ts';
import { handleUpstream } from './dns/forward.ts';
import { handleHttp } from './dns/http.ts';
import { CONSOLIDATE_TIMER, tellConsolidated } from './dns/observe.ts';
import { newRun, serve } from './dns/serve.ts';
import { octetsOf, readDnsStream } from './dns/tcp-stream.ts';
import { dnsQuestion, newDnsId } from './dns-query.ts';
import type { DnsCpuLimit, DnsHttpListener, DnsServerConfig } from './dns-server-config.ts';
import { listenAddress } from './listen-address.ts';

/** A client's connection that says nothing is closed. */
const TCP_IDLE_NS = 10_000_000_000;
const RELOAD_TIMER = 'reload';
const TCP_TIMER = 'tcp-idle';
const LOOP_TIMER = 'loop';
const CPU_TIMER = 'cpu';
/** The loop's probe waits so long for its answer, is sent again so long, and counts for so long after its answer. */
const LOOP_ANSWER_NS = 2_000_000_000;
const LOOP_DEADLINE_NS = 30_000_000_000;

const newAnswered = (): Answered => ({ zones: undefined, messages: new Map(), payloads: new WeakMap() });

function newState(active: DnsServerConfig, startedNs: number): ServerState {
  return {
    active,
    tried: active.hash,
    startedNs,
    listening: new Map(),
    connections: new Map(),
    caches: new Map(),
    waiting: new Map(),
    idle: new Map(),
    upstreams: new Map(),
    probes: new Map(),
    counters: new Map(),
    consolidated: new Map(),
    loop: undefined,
    cpu: { usedNs: 0, period: 0, stopped: false },
    answered: newAnswered(),
  };
}

export const dnsServer = defineApp<ServerState, DnsServerConfig>({
  name: 'dns-server',
  start: (context, config) => {
    const state = newState(config, context.nowNs);
    const fatal = config.fatal ?? config.problem?.message;
    if (fatal !== undefined) {
      context.out(`${fatal}\n`);
      context.exit(1);
      return state;
    }
    const problem = listenAll(context, state, config);
    if (problem !== undefined) {
      context.out(`${problem}\n`);
      context.exit(1);
      return state;
    }
    for (const line of config.banner?.zones ?? []) context.out(`${line}\n`);
    if (config.reload !== undefined) context.out(`[INFO] plugin/reload: Running configuration SHA512 = ${config.hash ?? ''}\n`);
    for (const line of config.banner?.version ?? []) context.out(`${line}\n`);
    begin(newRun(context, state, config));
    return state;
  },
  handle: (context, state, event, config) => {
    if (config !== state.active && config.hash === state.active.hash) adopt(context, state, config);
    handle(newRun(context, state, config), event);
    return state;
  },
  copy: (state) => ({
    ...state,
    listening: new Map(state.listening),
    connections: new Map(state.connections),
    caches: new Map([...state.caches].map(([key, store]) => [key, { success: new Map(store.success), denial: new Map(store.denial) }])),
    waiting: new Map(state.waiting),
    idle: new Map(state.idle),
    upstreams: new Map(state.upstreams),
    probes: new Map(state.probes),
    counters: new Map(state.counters),
    consolidated: new Map(state.consolidated),
    answered: newAnswered(),
  }),
});

const nameOf = (kind: string, place: number): string => `${kind} ${place}`;

/** Opens what a configuration listens on; returns Go's words where that cannot be. */
function listenAll(context: AppContext, state: ServerState, config: DnsServerConfig): string | undefined {
  for (const [place, listener] of config.servers.entries()) {
    const ip = listenAddress(context, listener.address);
    const tcp = context.tcpListen(ip, listener.port, 128, { noDelay: true });
    if (typeof tcp === 'string') return `Listen: listen tcp ${listener.address ?? ''}:${listener.port}: bind: ${bindWords(tcp)}`;
    state.listening.set(tcp, nameOf('tcp', place));
    const udp = context.udpBind(ip, listener.port);
    if (typeof udp === 'string') return `Listen: listen udp ${listener.address ?? ''}:${listener.port}: bind: ${bindWords(udp)}`;
    state.listening.set(udp, nameOf('udp', place));
  }
  for (const [place, listener] of (config.http ?? []).entries()) {
    const socket = context.tcpListen(listenAddress(context, listener.address), listener.port, 128, { noDelay: true });
    if (typeof socket === 'string') return `listen tcp ${listener.address ?? ''}:${listener.port}: bind: ${bindWords(socket)}`;
    state.listening.set(socket, nameOf(listener.serves, place));
  }
  return undefined;
}

const bindWords = (errno: string): string => (errno === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address');

const socketsOf = (config: DnsServerConfig): string =>
  [...config.servers, ...(config.http ?? [])].map((one) => `${'serves' in one ? one.serves : 'dns'} ${one.address ?? ''}:${one.port}`).join();

/** What begins with a configuration: the look-out for the next one, and the loop's probe. */
function begin(run: Run): void {
  const { context, config, state } = run;
  if (config.reload !== undefined) {
    const { intervalSeconds, jitterSeconds } = config.reload;
    const jitterMs = Math.floor(Math.min(jitterSeconds, intervalSeconds / 2) * 1000);
    const period = intervalSeconds * 1e9 + (context.prng('dns-reload').below(Math.max(1, jitterMs)) - Math.floor(jitterMs / 2)) * 1e6;
    context.setTimer(period, RELOAD_TIMER, { period, hash: config.hash }, true);
  }
  const place = config.servers.findIndex((server) => server.blocks.some((block) => block.chain.some((plugin) => plugin.name === 'loop' && plugin.probe)));
  state.loop = undefined;
  if (place < 0) return;
  const loop = config.servers[place]?.blocks.flatMap((block) => block.chain).find((plugin) => plugin.name === 'loop' && plugin.probe);
  const chance = context.prng('dns-loop');
  const number = () => String(chance.below(2 ** 31) * 2 ** 22 + chance.below(2 ** 22));
  const zone = loop?.name === 'loop' && loop.zone !== '.' ? `.${loop.zone}` : '.';
  state.loop = { name: `${number()}.${number()}${zone}`, seen: 0, untilNs: context.nowNs + LOOP_DEADLINE_NS, socket: -1, listener: place };
  probeLoop(run);
}

/** Another record with the same Corefile: what it is made of has changed, and the server sees that at once. */
function adopt(context: AppContext, state: ServerState, config: DnsServerConfig): void {
  const before = socketsOf(state.active);
  state.active = config;
  if (before === socketsOf(config)) return;
  for (const socket of state.listening.keys()) context.close(socket);
  state.listening.clear();
  const problem = listenAll(context, state, config);
  if (problem !== undefined) context.out(`${problem}\n`);
}

function handle(run: Run, event: AppEvent): void {
  const { context, state, config } = run;
  switch (event.kind) {
    case 'datagram': {
      const serves = state.listening.get(event.socket);
      if (serves === undefined) break;
      const query = event.payload.dns;
      if (config.cpu !== undefined) spend(context, state, config.cpu);
      if (query !== undefined && !query.response)
        serve(run, placeOf(serves), query, { transport: 'udp', socket: event.socket, from: event.from, bytes: event.payload.bytes });
      return;
    }
    case 'accepted':
      state.connections.set(event.socket, { serves: state.listening.get(event.listener) ?? '', received: '', timer: -1 });
      return;
    case 'data':
      if (receive(run, event)) return;
      break;
    case 'peer-closed':
    case 'aborted':
      if (!state.connections.has(event.socket)) break;
      forget(run, event.socket);
      if (event.kind === 'peer-closed') context.close(event.socket);
      return;
    case 'timer':
      if (event.tag === RELOAD_TIMER) look(run, event.data as { readonly period: number; readonly hash: string });
      else if (event.tag === CONSOLIDATE_TIMER) tellConsolidated(run, event.data as Parameters<typeof tellConsolidated>[1]);
      else if (event.tag === CPU_TIMER) goOn(context, state, config.cpu);
      else if (event.tag === LOOP_TIMER) loopTimer(run, event.data as string);
      else if (event.tag === TCP_TIMER) {
        forget(run, event.data as SocketId);
        context.close(event.data as SocketId);
      } else break;
      return;
  }
  if (state.loop !== undefined && 'socket' in event && event.socket === state.loop.socket) loopAnswered(run, event);
  else handleUpstream(run, event);
}

/** A question costs CPU time. Whoever has used up the quota of a period stands still until there is some again (CFS bandwidth control), and reads nothing meanwhile. */
function spend(context: AppContext, state: ServerState, cpu: DnsCpuLimit): void {
  const { usedNs, stopped } = earned(context, state, cpu);
  state.cpu = { ...state.cpu, usedNs: usedNs + cpu.costNs };
  if (stopped || state.cpu.usedNs < cpu.quotaNs) return;
  const periods = Math.floor(state.cpu.usedNs / cpu.quotaNs);
  state.cpu = { ...state.cpu, stopped: true };
  setReading(context, state, false);
  context.setTimer((state.cpu.period + periods) * cpu.periodNs - context.nowNs, CPU_TIMER);
}

/** The quotas of periods that have begun since are there again. */
function earned(context: AppContext, state: ServerState, cpu: DnsCpuLimit): ServerState['cpu'] {
  const period = Math.floor(context.nowNs / cpu.periodNs);
  if (period > state.cpu.period) state.cpu = { ...state.cpu, usedNs: Math.max(0, state.cpu.usedNs - (period - state.cpu.period) * cpu.quotaNs), period };
  return state.cpu;
}

function goOn(context: AppContext, state: ServerState, cpu: DnsCpuLimit | undefined): void {
  if (cpu !== undefined && earned(context, state, cpu).usedNs >= cpu.quotaNs) {
    context.setTimer((state.cpu.period + 1) * cpu.periodNs - context.nowNs, CPU_TIMER);
    return;
  }
  state.cpu = { ...state.cpu, stopped: false };
  setReading(context, state, true);
}

function setReading(context: AppContext, state: ServerState, on: boolean): void {
  for (const [socket, serves] of state.listening) if (serves.startsWith('udp ')) context.setReading(socket, on);
}

const placeOf = (serves: string): number => Number(serves.split(' ')[1]);

function receive(run: Run, event: Extract<AppEvent, { kind: 'data' }>): boolean {
  const { state, context } = run;
  const connection = state.connections.get(event.socket);
  if (connection === undefined) return false;
  const [kind] = connection.serves.split(' ');
  if (kind !== 'tcp') {
    const rest = handleHttp(run, event.socket, kind as DnsHttpListener['serves'], connection.received, event.payload);
    state.connections.set(event.socket, { ...connection, received: rest });
    return true;
  }
  const read = readDnsStream(connection.received + octetsOf(event.payload));
  if (connection.timer >= 0) context.cancelTimer(connection.timer);
  const timer = context.setTimer(TCP_IDLE_NS, TCP_TIMER, event.socket, true);
  state.connections.set(event.socket, { ...connection, received: read.rest, timer });
  const from = context.remoteEndpoint(event.socket);
  for (const { message, bytes } of read.messages)
    if (!message.response) serve(run, placeOf(connection.serves), message, { transport: 'tcp', socket: event.socket, from, bytes });
  if (read.broken) {
    forget(run, event.socket);
    context.close(event.socket);
  }
  return true;
}

function forget(run: Run, socket: SocketId): void {
  const connection = run.state.connections.get(socket);
  if (connection !== undefined && connection.timer >= 0) run.context.cancelTimer(connection.timer);
  run.state.connections.delete(socket);
}

// ---- reload

/** CoreDNS: plugin/reload/reload.go, hook. */
function look(run: Run, tick: { readonly period: number; readonly hash: string }): void {
  const { context, state, config } = run;
  if (tick.hash !== state.active.hash) return;
  const again = () => context.setTimer(tick.period, RELOAD_TIMER, tick, true);
  if (config.problem?.syntax === true) {
    context.out(`[WARNING] plugin/reload: Corefile parse failed: ${config.problem.message}\n`);
    again();
    return;
  }
  if (config.hash === state.tried) {
    again();
    return;
  }
  state.tried = config.hash;
  context.out('[INFO] Reloading\n');
  const problem = config.problem?.message ?? config.fatal ?? restart(run);
  if (problem !== undefined) {
    context.out(`[ERROR] Restart failed: ${problem}\n`);
    context.out(`[ERROR] plugin/reload: Corefile changed but reload failed: starting with listener file descriptors: ${problem}\n`);
    count(state, 'reload-failed');
    again();
    return;
  }
  if (config.reload !== undefined) context.out(`[INFO] plugin/reload: Running configuration SHA512 = ${config.hash ?? ''}\n`);
  context.out('[INFO] Reloading complete\n');
  begin(run);
}

/** The new configuration with the old one's sockets where it has the same; questions under way keep their old plugins. */
function restart(run: Run): string | undefined {
  const { context, state, config } = run;
  const old = state.active;
  if (socketsOf(old) !== socketsOf(config)) {
    for (const socket of state.listening.keys()) context.close(socket);
    state.listening.clear();
    const problem = listenAll(context, state, config);
    if (problem !== undefined) {
      for (const socket of state.listening.keys()) context.close(socket);
      state.listening.clear();
      listenAll(context, state, old);
      return problem;
    }
  }
  state.active = config;
  state.caches.clear();
  state.upstreams.clear();
  return undefined;
}

// ---- loop

function probeLoop(run: Run): void {
  const { context, state } = run;
  const { loop } = state;
  const listener = loop === undefined ? undefined : state.active.servers[loop.listener];
  if (loop === undefined || listener === undefined) return;
  if (loop.socket >= 0) context.close(loop.socket);
  if (context.nowNs >= loop.untilNs) {
    state.loop = undefined;
    return;
  }
  const ip = parseIp(listener.address ?? '127.0.0.1') ?? 0x7f000001;
  const socket = context.udpConnect({ ip, port: listener.port });
  state.loop = { ...loop, socket: typeof socket === 'number' ? socket : -1 };
  context.setTimer(LOOP_ANSWER_NS, LOOP_TIMER, 'again');
  if (typeof socket !== 'number') return;
  const question = dnsQuestion(newDnsId(context.prng('dns-loop')), loop.name, 'HINFO');
  context.udpSend(socket, { bytes: dnsMessageBytes(question), dns: question });
}

function loopAnswered(run: Run, event: AppEvent): void {
  const { loop } = run.state;
  if (loop === undefined || event.kind !== 'datagram') return;
  run.context.close(loop.socket);
  run.state.loop = { ...loop, socket: -1, untilNs: 0 };
  run.context.setTimer(LOOP_ANSWER_NS, LOOP_TIMER, 'off', true);
}

function loopTimer(run: Run, what: string): void {
  const { loop } = run.state;
  if (what === 'off') run.state.loop = undefined;
  else if (loop !== undefined && loop.untilNs > 0) {
    run.state.loop = { ...loop, seen: 0 };
    probeLoop(run);
  }
}
