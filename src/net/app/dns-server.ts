/** CoreDNS: zones first, then the cache, then upstream by a query of its own. CoreDNS: plugin/{kubernetes,cache,forward,errors,log}. */

import { formatIp, parseIp } from '../addr/ip.ts';
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord } from '../wire/dns-message.ts';
import type { Payload } from '../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type Endpoint, type SocketId } from './definition.ts';
import { DNS_PORT, dnsAnswer, dnsQuestion, newDnsId } from './dns-query.ts';
import type { DnsServerConfig } from './dns-server-config.ts';
import { fitDatagram, lookUp } from './dns-zone.ts';
import { listenAddress } from './listen-address.ts';

/** forward: how long one upstream may take, and all together. */
const UPSTREAM_TIMEOUT_NS = 2_000_000_000;
const FORWARD_DEADLINE_NS = 5_000_000_000;
const MAX_IN_FLIGHT = 1000;
const MAX_CACHED = 10_000;

/** A question that was passed on. */
interface InFlight {
  readonly query: DnsMessage;
  readonly client: Endpoint;
  readonly bytes: number;
  readonly startedNs: number;
  /** Records in front of what upstream will say: the CNAME that led there. */
  readonly prefix: readonly DnsResourceRecord[];
  readonly asked: string;
  readonly id: number;
  readonly upstream: number;
  readonly socket: SocketId;
  readonly timer: number;
}

interface Cached {
  readonly message: DnsMessage;
  readonly storedNs: number;
  readonly ttlSeconds: number;
}

/** Changed in place. */
interface State {
  readonly socket: SocketId;
  readonly inFlight: Map<SocketId, InFlight>;
  readonly cache: Map<string, Cached>;
  readonly answered: Answered;
}

/** What the zones said to questions before: only to look nothing up twice, so it goes with the configuration and is no part of a snapshot. */
interface Answered {
  config: DnsServerConfig | undefined;
  readonly payloads: Map<string, Payload>;
}
const MAX_ANSWERED = 1000;

const newState = (socket: SocketId): State => ({
  socket,
  inFlight: new Map(),
  cache: new Map(),
  answered: { config: undefined, payloads: new Map() },
});

export const dnsServer = defineApp<State, DnsServerConfig>({
  name: 'dns-server',
  start: (context, config) => {
    for (const line of config.banner ?? []) context.out(`${line}\n`);
    if (config.fatal !== undefined) {
      context.out(`${config.fatal}\n`);
      context.exit(1);
      return newState(-1);
    }
    const ip = listenAddress(context, config.listen.address);
    const socket = context.udpBind(ip, config.listen.port);
    const tcp = context.tcpListen(ip, config.listen.port, 128);
    if (typeof socket === 'string' || typeof tcp === 'string') {
      const protocol = typeof socket === 'string' ? 'udp' : 'tcp';
      context.out(`Listen: listen ${protocol} ${config.listen.address ?? ''}:${config.listen.port}: bind: address already in use\n`);
      context.exit(1);
    }
    return newState(typeof socket === 'string' ? -1 : socket);
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'datagram' && event.socket === state.socket) receiveQuery(context, state, event, config);
    else if (event.kind === 'datagram') receiveAnswer(context, state, event, config);
    else if (event.kind === 'socket-error') upstreamFailed(context, state, event.socket, 'connection refused', config);
    else if (event.kind === 'timer') upstreamFailed(context, state, event.data as SocketId, 'timeout', config);
    else if (event.kind === 'peer-closed') context.close(event.socket);
    return state;
  },
  copy: (state) => ({ ...newState(state.socket), inFlight: new Map(state.inFlight), cache: new Map(state.cache) }),
});

function receiveQuery(context: AppContext, state: State, event: Extract<AppEvent, { kind: 'datagram' }>, config: DnsServerConfig): void {
  const query = event.payload.dns;
  if (query === undefined || query.response) return;
  const { from } = event;
  const known = answeredBefore(state.answered, config, query);
  if (known !== undefined) {
    send(context, state, query, event.payload.bytes, from, known, context.nowNs, config);
    return;
  }
  const outcome = lookUp(config, query);
  if (outcome.kind === 'answer') {
    const payload = fitDatagram(outcome.message);
    const { payloads } = state.answered;
    if (payloads.size >= MAX_ANSWERED) payloads.clear();
    payloads.set(answeredKey(query), payload);
    send(context, state, query, event.payload.bytes, from, payload, context.nowNs, config);
    return;
  }
  const asked = outcome.kind === 'chase' ? outcome.target : query.question.name;
  const prefix = outcome.kind === 'chase' ? outcome.records : [];
  const cached = fromCache(context, state, asked, query, config);
  if (cached !== undefined) {
    reply(context, state, query, event.payload.bytes, from, withPrefix(query, cached, prefix), context.nowNs, config);
    return;
  }
  if (config.forward === undefined || config.forward.upstreams.length === 0 || state.inFlight.size >= MAX_IN_FLIGHT) {
    const rcode = config.forward === undefined && prefix.length === 0 ? 'REFUSED' : prefix.length > 0 ? 'NOERROR' : 'SERVFAIL';
    reply(
      context,
      state,
      query,
      event.payload.bytes,
      from,
      dnsAnswer(query, rcode, { authoritative: prefix.length > 0, answers: prefix }),
      context.nowNs,
      config,
    );
    return;
  }
  forward(
    context,
    state,
    { query, client: from, bytes: event.payload.bytes, startedNs: context.nowNs, prefix, asked, id: 0, upstream: 0, socket: -1, timer: -1 },
    config,
  );
}

/** Names keep the case they were asked in, so it is part of the key. */
const answeredKey = (query: DnsMessage): string => `${query.question.type} ${query.question.name}`;

function answeredBefore(answered: Answered, config: DnsServerConfig, query: DnsMessage): Payload | undefined {
  if (answered.config !== config) {
    answered.payloads.clear();
    answered.config = config;
    return undefined;
  }
  const payload = answered.payloads.get(answeredKey(query));
  if (payload?.dns === undefined) return undefined;
  return { bytes: payload.bytes, dns: { ...payload.dns, id: query.id, recursionDesired: query.recursionDesired, question: query.question } };
}

/** Asks upstream number `job.upstream`, or the next that can be asked. */
function forward(context: AppContext, state: State, job: InFlight, config: DnsServerConfig): void {
  const upstreams = config.forward?.upstreams ?? [];
  for (let at = job.upstream; at < upstreams.length; at += 1) {
    const to = parseUpstream(upstreams[at] ?? '');
    const socket = to === undefined ? undefined : context.udpConnect(to);
    if (typeof socket !== 'number') continue;
    const id = newDnsId(context.prng('dns-id'));
    const question = dnsQuestion(id, job.asked, job.query.question.type, job.query.recursionDesired);
    const leftNs = FORWARD_DEADLINE_NS - (context.nowNs - job.startedNs);
    const timer = context.setTimer(Math.max(1, Math.min(UPSTREAM_TIMEOUT_NS, leftNs)), 'upstream', socket);
    const sent = context.udpSend(socket, { bytes: dnsMessageBytes(question), dns: question });
    if (sent === 'ok') {
      state.inFlight.set(socket, { ...job, id, upstream: at, socket, timer });
      return;
    }
    context.cancelTimer(timer);
    context.close(socket);
  }
  fail(context, state, job, 'no upstream can be reached', config);
}

function parseUpstream(text: string): Endpoint | undefined {
  const [address, port] = text.split(':');
  const ip = parseIp(address ?? '');
  const number = port === undefined ? DNS_PORT : Number(port);
  return ip === undefined || !Number.isInteger(number) || number < 1 || number > 65535 ? undefined : { ip, port: number };
}

function receiveAnswer(context: AppContext, state: State, event: Extract<AppEvent, { kind: 'datagram' }>, config: DnsServerConfig): void {
  const job = state.inFlight.get(event.socket);
  const answer = event.payload.dns;
  if (job === undefined || answer === undefined || !answer.response || answer.id !== job.id) return;
  release(context, state, job);
  store(context, state, job, answer, config);
  reply(context, state, job.query, job.bytes, job.client, withPrefix(job.query, answer, job.prefix), job.startedNs, config);
}

function upstreamFailed(context: AppContext, state: State, socket: SocketId, why: 'timeout' | 'connection refused', config: DnsServerConfig): void {
  const job = state.inFlight.get(socket);
  if (job === undefined) return;
  const local = context.localEndpoint(socket);
  const remote = context.remoteEndpoint(socket);
  const ends = `read udp ${formatIp(local.ip)}:${local.port}->${formatIp(remote.ip)}:${remote.port}`;
  const text = why === 'timeout' ? `${ends}: i/o timeout` : `${ends}: read: connection refused`;
  release(context, state, job);
  const upstreams = config.forward?.upstreams.length ?? 0;
  const again = job.upstream + 1 < upstreams ? job.upstream + 1 : 0;
  // The plugin goes round its upstreams until its deadline; a refused one is not asked twice.
  const timeLeft = context.nowNs - job.startedNs < FORWARD_DEADLINE_NS;
  if (timeLeft && (why === 'timeout' || job.upstream + 1 < upstreams)) forward(context, state, { ...job, upstream: again }, config);
  else fail(context, state, job, text, config);
}

function release(context: AppContext, state: State, job: InFlight): void {
  context.cancelTimer(job.timer);
  context.close(job.socket);
  state.inFlight.delete(job.socket);
}

function fail(context: AppContext, state: State, job: InFlight, text: string, config: DnsServerConfig): void {
  const { name, type } = job.query.question;
  if (config.errors === true) context.out(`[ERROR] plugin/errors: 2 ${name} ${type}: ${text}\n`);
  reply(context, state, job.query, job.bytes, job.client, dnsAnswer(job.query, 'SERVFAIL', {}), job.startedNs, config);
}

function withPrefix(query: DnsMessage, answer: DnsMessage, prefix: readonly DnsResourceRecord[]): DnsMessage {
  return {
    ...answer,
    id: query.id,
    question: query.question,
    authoritative: answer.authoritative || prefix.length > 0,
    answers: [...prefix, ...answer.answers],
  };
}

function reply(
  context: AppContext,
  state: State,
  query: DnsMessage,
  queryBytes: number,
  to: Endpoint,
  message: DnsMessage,
  startedNs: number,
  config: DnsServerConfig,
): void {
  send(context, state, query, queryBytes, to, fitDatagram(message), startedNs, config);
}

function send(
  context: AppContext,
  state: State,
  query: DnsMessage,
  queryBytes: number,
  to: Endpoint,
  payload: Payload,
  startedNs: number,
  config: DnsServerConfig,
): void {
  context.udpSend(state.socket, payload, to);
  const message = payload.dns;
  if (config.log !== true || message === undefined) return;
  const flags = [
    'qr',
    message.authoritative ? 'aa' : '',
    message.truncated ? 'tc' : '',
    message.recursionDesired ? 'rd' : '',
    message.recursionAvailable ? 'ra' : '',
  ];
  const { name, type } = query.question;
  const seconds = ((context.nowNs - startedNs) / 1e9).toFixed(9);
  context.out(
    `[INFO] ${formatIp(to.ip)}:${to.port} - ${query.id} "${type} IN ${name} udp ${queryBytes} false 512" ${message.rcode} ${flags.filter((flag) => flag !== '').join(',')} ${payload.bytes} ${seconds}s\n`,
  );
}

const cacheKey = (name: string, query: DnsMessage): string => `${query.question.type} ${name.toLowerCase()}`;

function fromCache(context: AppContext, state: State, asked: string, query: DnsMessage, config: DnsServerConfig): DnsMessage | undefined {
  if ((config.cacheSeconds ?? 0) <= 0) return undefined;
  const key = cacheKey(asked, query);
  const hit = state.cache.get(key);
  if (hit === undefined) return undefined;
  const ageSeconds = Math.floor((context.nowNs - hit.storedNs) / 1e9);
  if (ageSeconds >= hit.ttlSeconds) {
    state.cache.delete(key);
    return undefined;
  }
  const aged = (records: readonly DnsResourceRecord[]) =>
    records.map((record) => ({ ...record, ttlSeconds: Math.max(0, Math.min(record.ttlSeconds, hit.ttlSeconds) - ageSeconds) }));
  return { ...hit.message, answers: aged(hit.message.answers), authorities: aged(hit.message.authorities), additionals: aged(hit.message.additionals) };
}

function store(context: AppContext, state: State, job: InFlight, answer: DnsMessage, config: DnsServerConfig): void {
  const limit = config.cacheSeconds ?? 0;
  if (limit <= 0 || (answer.rcode !== 'NOERROR' && answer.rcode !== 'NXDOMAIN')) return;
  const ttls = [...answer.answers, ...answer.authorities].map((record) => record.ttlSeconds);
  const ttlSeconds = Math.min(limit, ...(ttls.length === 0 ? [5] : ttls));
  if (ttlSeconds <= 0) return;
  state.cache.set(cacheKey(job.asked, job.query), { message: answer, storedNs: context.nowNs, ttlSeconds });
  const oldest = state.cache.size > MAX_CACHED ? state.cache.keys().next().value : undefined;
  if (oldest !== undefined) state.cache.delete(oldest);
}
