/** The `forward` plugin: asks upstream name servers by real packets, leaves out those that are down, and probes them until they answer. CoreDNS: plugin/forward, plugin/pkg/proxy. */
import { formatEndpoint, parseIp } from '../../addr/ip.ts';
import { dnsMessageBytes } from '../../wire/dns-codec.ts';
import type { DnsMessage, DnsQuestion } from '../../wire/dns-message.ts';
import type { AppEvent, Endpoint, SocketId } from '../definition.ts';
import { DNS_PORT, newDnsId } from '../dns-query.ts';
import type { ForwardPlugin } from '../dns-server-config.ts';
import { count, type Job, type PluginHandler, type Result, type Run, refuse, type Step, type Waiting } from './chain.ts';
import { dnsStreamPayload, octetsOf, readDnsStream } from './tcp-stream.ts';
import { isInZone } from './zone-names.ts';

/** How long one upstream may take to answer, to take a connection, and all together. */
const READ_TIMEOUT_NS = 2_000_000_000;
const DIAL_TIMEOUT_NS = 1_000_000_000;
const DEADLINE_NS = 5_000_000_000;
const PROBE_TIMEOUT_NS = 1_000_000_000;
/** Bounds a loop over upstreams that fail at once. */
const MAX_TRIES = 32;

export const UPSTREAM_TIMER = 'upstream';
export const PROBE_TIMER = 'probe';
export const PROBE_AGAIN_TIMER = 'probe-again';
export const IDLE_TIMER = 'idle';

/** `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:53`. */
export function parseUpstream(text: string): Endpoint | undefined {
  const match = /^\[([^\]]{1,64})\](?::([0-9]{1,5}))?$/.exec(text) ?? /^([0-9.]{1,15}):([0-9]{1,5})$/.exec(text);
  const ip = parseIp(match?.[1] ?? text);
  const port = match?.[2] === undefined ? DNS_PORT : Number(match[2]);
  return ip === undefined || port < 1 || port > 65535 ? undefined : { ip, port };
}

const addressOf = (to: Endpoint): string => formatEndpoint(to.ip, to.port);
const isDown = (run: Run, plugin: ForwardPlugin, address: string): boolean =>
  plugin.maxFails > 0 && (run.state.upstreams.get(address)?.fails ?? 0) > plugin.maxFails;

function order(run: Run, plugin: ForwardPlugin, key: string): readonly number[] {
  const places = plugin.upstreams.map((_gone, i) => i);
  if (places.length < 2 || plugin.policy === 'sequential') return places;
  if (plugin.policy === 'round_robin') {
    const counter = `round-robin ${key}`;
    const turn = (run.state.counters.get(counter) ?? 0) + 1;
    run.state.counters.set(counter, turn);
    return places.map((place) => (place + turn) % places.length);
  }
  const chance = run.context.prng('dns-forward');
  for (let i = places.length - 1; i > 0; i -= 1) {
    const other = chance.below(i + 1);
    [places[i], places[other]] = [places[other] as number, places[i] as number];
  }
  return places;
}

const asksOver = (plugin: ForwardPlugin, job: Job): boolean => plugin.forceTcp || (job.client.transport === 'tcp' && !plugin.preferUdp);

function request(run: Run, job: Job, plugin: ForwardPlugin, at: number): Step {
  const lower = job.question.name.toLowerCase();
  if (!isInZone(lower, plugin.from) || (lower !== plugin.from && plugin.except.some((zone) => isInZone(lower, zone)))) return job;
  if (plugin.maxConcurrent > 0) {
    let busy = 0;
    for (const waiting of run.state.waiting.values()) if (waiting.job.chain[waiting.at] === plugin) busy += 1;
    if (busy >= plugin.maxConcurrent) {
      count(run.state, 'coredns_forward_max_concurrent_rejects_total');
      return refuse('forward', 'SERVFAIL', `concurrent queries exceeded maximum ${plugin.maxConcurrent}`);
    }
  }
  const failed = attempt(run, {
    job,
    at,
    order: order(run, plugin, `${job.server} ${plugin.from}`),
    next: 0,
    fails: 0,
    address: '',
    tcp: asksOver(plugin, job),
    id: 0,
    timer: -1,
    startedNs: run.context.nowNs,
    received: '',
  });
  return failed ?? 'wait';
}

export const forwardPlugin: PluginHandler<ForwardPlugin> = { request };

const pluginOf = (waiting: Waiting): ForwardPlugin => waiting.job.chain[waiting.at] as ForwardPlugin;

/** Asks the next upstream that is not down; returns what is to be answered when none can be asked. */
function attempt(run: Run, from: Waiting): Result | undefined {
  const plugin = pluginOf(from);
  const { context } = run;
  let waiting = from;
  let error = 'no healthy proxies';
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (context.nowNs - waiting.startedNs >= DEADLINE_NS) break;
    if (waiting.next >= waiting.order.length) waiting = { ...waiting, next: 0, fails: 0 };
    let place = waiting.order[waiting.next];
    if (place === undefined) break;
    waiting = { ...waiting, next: waiting.next + 1 };
    let to = parseUpstream(plugin.upstreams[place] ?? '');
    if (to === undefined) continue;
    if (isDown(run, plugin, addressOf(to))) {
      waiting = { ...waiting, fails: waiting.fails + 1 };
      if (waiting.fails < plugin.upstreams.length) continue;
      // All are down: perhaps it is the probes that do not work, so one of them is asked all the same.
      count(run.state, 'coredns_forward_healthcheck_broken_total');
      place = context.prng('dns-forward').below(plugin.upstreams.length);
      to = parseUpstream(plugin.upstreams[place] ?? '') ?? to;
    }
    const problem = open(run, waiting, to);
    if (problem === undefined) return undefined;
    error = problem;
    failed(run, plugin, to, waiting.at, waiting.job);
    if (waiting.fails >= plugin.upstreams.length) break;
  }
  return refuse('forward', 'SERVFAIL', error);
}

function reuse(run: Run, plugin: ForwardPlugin, key: string): SocketId | undefined {
  const idle = run.state.idle.get(key);
  const last = idle?.at(-1);
  if (idle === undefined || last === undefined) return undefined;
  run.state.idle.set(key, idle.slice(0, -1));
  if (run.context.nowNs - last.sinceNs < plugin.expireSeconds * 1e9) return last.socket;
  run.context.close(last.socket);
  return undefined;
}

/** Sends the question; returns Go's words for what went wrong at once. */
function open(run: Run, waiting: Waiting, to: Endpoint): string | undefined {
  const { context, state } = run;
  const { tcp } = waiting;
  const address = addressOf(to);
  const plugin = pluginOf(waiting);
  const known = reuse(run, plugin, `${tcp ? 'tcp' : 'udp'} ${address}`);
  const socket = known ?? (tcp ? context.tcpConnect(to, { noDelay: true }) : context.udpConnect(to));
  const kind = tcp ? 'tcp' : 'udp';
  if (typeof socket === 'string') return `dial ${kind} ${address}: connect: ${errnoWords(socket)}`;
  const leftNs = DEADLINE_NS - (context.nowNs - waiting.startedNs);
  const timer = context.setTimer(Math.max(1, Math.min(tcp && known === undefined ? DIAL_TIMEOUT_NS : READ_TIMEOUT_NS, leftNs)), UPSTREAM_TIMER, socket);
  const id = newDnsId(context.prng('dns-id'));
  const now: Waiting = { ...waiting, address, id, timer, received: '' };
  state.waiting.set(socket, now);
  if (tcp && known === undefined) return undefined;
  const problem = send(run, socket, now);
  if (problem === undefined) return undefined;
  context.cancelTimer(timer);
  state.waiting.delete(socket);
  context.close(socket);
  return problem;
}

const errnoWords = (errno: string): string =>
  errno === 'ECONNREFUSED'
    ? 'connection refused'
    : errno === 'EHOSTUNREACH'
      ? 'no route to host'
      : errno === 'EPERM'
        ? 'operation not permitted'
        : errno === 'ETIMEDOUT'
          ? 'connection timed out'
          : 'network is unreachable';

function send(run: Run, socket: SocketId, waiting: Waiting): string | undefined {
  const { job } = waiting;
  const message: DnsMessage = { ...job.query, id: waiting.id, question: job.question };
  if (waiting.tcp) {
    run.context.tcpSend(socket, dnsStreamPayload(message, false));
    return undefined;
  }
  const sent = run.context.udpSend(socket, { bytes: dnsMessageBytes(message), dns: message });
  return sent === 'ok' ? undefined : `write udp ${ends(run, socket)}: write: ${errnoWords(sent)}`;
}

function ends(run: Run, socket: SocketId): string {
  const local = run.context.localEndpoint(socket);
  const remote = run.context.remoteEndpoint(socket);
  return `${formatEndpoint(local.ip, local.port)}->${formatEndpoint(remote.ip, remote.port)}`;
}

/** Takes events of sockets to upstreams; false for others. */
export function handleUpstream(run: Run, event: AppEvent): boolean {
  const { state, context } = run;
  if (event.kind === 'timer') {
    if (event.tag === UPSTREAM_TIMER) timedOut(run, event.data as SocketId);
    else if (event.tag === PROBE_TIMER) probeEnded(run, event.data as SocketId, false);
    else if (event.tag === PROBE_AGAIN_TIMER) {
      const again = event.data as { readonly upstream: string; readonly job: Job; readonly at: number };
      probe(run, again.job.chain[again.at] as ForwardPlugin, again.upstream, again.job, again.at);
    } else if (event.tag === IDLE_TIMER) closeIdle(run, event.data as { readonly key: string; readonly seconds: number });
    else return false;
    return true;
  }
  if (!('socket' in event)) return false;
  const { socket } = event;
  if (state.probes.has(socket)) {
    if (event.kind === 'datagram') probeEnded(run, socket, event.payload.dns?.response === true);
    else if (event.kind === 'connected') context.tcpSend(socket, dnsStreamPayload(probeQuestion(run, socket), false));
    else if (event.kind === 'data') probeEnded(run, socket, true);
    else probeEnded(run, socket, false);
    return true;
  }
  const waiting = state.waiting.get(socket);
  if (waiting === undefined) return dropIdle(run, socket, event);
  switch (event.kind) {
    case 'datagram': {
      const message = event.payload.dns;
      if (message?.response === true && message.id === waiting.id) answered(run, socket, waiting, message);
      break;
    }
    case 'connected': {
      context.cancelTimer(waiting.timer);
      const timer = context.setTimer(READ_TIMEOUT_NS, UPSTREAM_TIMER, socket);
      const now = { ...waiting, timer };
      state.waiting.set(socket, now);
      send(run, socket, now);
      break;
    }
    case 'data': {
      const read = readDnsStream(waiting.received + octetsOf(event.payload));
      const first = read.messages.find((one) => one.message.id === waiting.id);
      if (first !== undefined) answered(run, socket, waiting, first.message);
      else if (read.broken) gaveUp(run, socket, waiting, `dns: bad rdata`);
      else state.waiting.set(socket, { ...waiting, received: read.rest });
      break;
    }
    case 'socket-error':
      gaveUp(run, socket, waiting, `read udp ${ends(run, socket)}: read: ${errnoWords(event.errno)}`);
      break;
    case 'connect-failed':
      gaveUp(run, socket, waiting, `dial tcp ${waiting.address}: connect: ${errnoWords(event.errno)}`);
      break;
    case 'peer-closed':
    case 'aborted':
      gaveUp(run, socket, waiting, 'EOF');
      break;
    default:
      return false;
  }
  return true;
}

function release(run: Run, socket: SocketId, waiting: Waiting): void {
  run.context.cancelTimer(waiting.timer);
  run.state.waiting.delete(socket);
}

function keepIdle(run: Run, socket: SocketId, waiting: Waiting): void {
  const { context, state } = run;
  const { expireSeconds } = pluginOf(waiting);
  const key = `${waiting.tcp ? 'tcp' : 'udp'} ${waiting.address}`;
  state.idle.set(key, [...(state.idle.get(key) ?? []), { socket, sinceNs: context.nowNs }]);
  context.setTimer(expireSeconds * 1e9, IDLE_TIMER, { key, seconds: expireSeconds }, true);
}

function closeIdle(run: Run, { key, seconds }: { readonly key: string; readonly seconds: number }): void {
  const idle = run.state.idle.get(key) ?? [];
  const fresh = idle.filter((one) => run.context.nowNs - one.sinceNs < seconds * 1e9);
  for (const one of idle) if (!fresh.includes(one)) run.context.close(one.socket);
  if (fresh.length === 0) run.state.idle.delete(key);
  else run.state.idle.set(key, fresh);
}

/** The upstream has closed a connection that waited for use. */
function dropIdle(run: Run, socket: SocketId, event: AppEvent): boolean {
  for (const [key, idle] of run.state.idle) {
    if (!idle.some((one) => one.socket === socket)) continue;
    run.state.idle.set(
      key,
      idle.filter((one) => one.socket !== socket),
    );
    if (event.kind !== 'aborted') run.context.close(socket);
    return true;
  }
  return false;
}

function answered(run: Run, socket: SocketId, waiting: Waiting, message: DnsMessage): void {
  const plugin = pluginOf(waiting);
  const { job, at } = waiting;
  release(run, socket, waiting);
  keepIdle(run, socket, waiting);
  count(run.state, `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="${message.rcode}",to="${waiting.address}"}`);
  if (message.truncated && !waiting.tcp && plugin.preferUdp) {
    const to = parseUpstream(waiting.address);
    const problem = to === undefined ? 'no healthy proxies' : open(run, { ...waiting, tcp: true }, to);
    if (problem !== undefined) run.complete(job, at, refuse('forward', 'SERVFAIL', problem));
    return;
  }
  if (!isSameQuestion(message.question, job.question)) {
    run.complete(job, at, refuse('forward', 'FORMERR'));
    return;
  }
  if (plugin.failover.includes(message.rcode) && waiting.fails < plugin.upstreams.length) {
    const result = attempt(run, { ...waiting, fails: waiting.fails + 1 });
    if (result !== undefined) run.complete(job, at, result);
    return;
  }
  if (plugin.next.includes(message.rcode) && job.chain[at + 1]?.name === 'forward') {
    run.proceed(job, at + 1);
    return;
  }
  run.complete(job, at, { kind: 'result', message: { ...message, question: job.question }, rcode: message.rcode, by: 'forward' });
}

const isSameQuestion = (a: DnsQuestion, b: DnsQuestion): boolean => a.type === b.type && a.name.toLowerCase() === b.name.toLowerCase();

function timedOut(run: Run, socket: SocketId): void {
  const waiting = run.state.waiting.get(socket);
  if (waiting === undefined) return;
  const kind = waiting.tcp ? 'tcp' : 'udp';
  const dialling = waiting.tcp && run.context.localEndpoint(socket).port === 0;
  gaveUp(run, socket, waiting, dialling ? `dial tcp ${waiting.address}: i/o timeout` : `read ${kind} ${ends(run, socket)}: i/o timeout`);
}

function gaveUp(run: Run, socket: SocketId, waiting: Waiting, error: string): void {
  const plugin = pluginOf(waiting);
  release(run, socket, waiting);
  run.context.close(socket);
  const to = parseUpstream(waiting.address);
  if (to !== undefined) failed(run, plugin, to, waiting.at, waiting.job);
  const late = run.context.nowNs - waiting.startedNs >= DEADLINE_NS;
  const refused = !error.endsWith('timeout') && waiting.next >= waiting.order.length;
  // The real plugin asks again and again until its deadline; one that refuses does so each time, which would be many packets that say the same.
  const result = late || refused ? refuse('forward', 'SERVFAIL', error) : attempt(run, waiting);
  if (result !== undefined) run.complete(waiting.job, waiting.at, result.error === 'no healthy proxies' ? { ...result, error } : result);
}

// ---- probes

function failed(run: Run, plugin: ForwardPlugin, to: Endpoint, at: number, job: Job): void {
  if (plugin.maxFails === 0) return;
  const address = addressOf(to);
  if (run.state.upstreams.get(address)?.checking === true) return;
  run.state.upstreams.set(address, { fails: run.state.upstreams.get(address)?.fails ?? 0, checking: true });
  probe(run, plugin, address, { ...job, notes: undefined, parent: undefined }, at);
}

function probeQuestion(run: Run, socket: SocketId): DnsMessage {
  const { domain, recursionDesired } = healthCheckOf(run, socket);
  return {
    id: newDnsId(run.context.prng('dns-id')),
    response: false,
    authoritative: false,
    truncated: false,
    recursionDesired,
    recursionAvailable: false,
    rcode: 'NOERROR',
    question: { name: domain, type: 'NS' },
    answers: [],
    authorities: [],
    additionals: [],
  };
}

const healthCheckOf = (run: Run, socket: SocketId): ForwardPlugin['healthCheck'] => {
  const job = run.state.probes.get(socket)?.job;
  const plugin = job?.chain[run.state.probes.get(socket)?.at ?? -1];
  return plugin?.name === 'forward' ? plugin.healthCheck : { domain: '.', recursionDesired: true };
};

function probe(run: Run, plugin: ForwardPlugin, upstream: string, job: Job, at: number): void {
  const { context, state } = run;
  const to = parseUpstream(upstream);
  if (to === undefined) return;
  const socket = plugin.forceTcp ? context.tcpConnect(to, { noDelay: true }) : context.udpConnect(to);
  if (typeof socket === 'string') {
    countFailure(run, upstream);
    context.setTimer(plugin.healthCheckSeconds * 1e9, PROBE_AGAIN_TIMER, { upstream, job, at }, true);
    return;
  }
  const timer = context.setTimer(PROBE_TIMEOUT_NS, PROBE_TIMER, socket, true);
  state.probes.set(socket, { upstream, job, at, timer });
  if (plugin.forceTcp) return;
  const question = probeQuestion(run, socket);
  context.udpSend(socket, { bytes: dnsMessageBytes(question), dns: question });
}

function countFailure(run: Run, upstream: string): void {
  const before = run.state.upstreams.get(upstream);
  run.state.upstreams.set(upstream, { fails: (before?.fails ?? 0) + 1, checking: true });
  count(run.state, `coredns_proxy_healthcheck_failures_total{proxy_name="forward",to="${upstream}"}`);
}

/** A good answer ends the probing; a bad one has another follow soon. */
function probeEnded(run: Run, socket: SocketId, good: boolean): void {
  const { context, state } = run;
  const known = state.probes.get(socket);
  if (known === undefined) return;
  context.cancelTimer(known.timer);
  state.probes.delete(socket);
  context.close(socket);
  if (good) {
    state.upstreams.set(known.upstream, { fails: 0, checking: false });
    return;
  }
  countFailure(run, known.upstream);
  const plugin = known.job.chain[known.at] as ForwardPlugin;
  context.setTimer(plugin.healthCheckSeconds * 1e9, PROBE_AGAIN_TIMER, { upstream: known.upstream, job: known.job, at: known.at }, true);
}
