/** One question asked as BIND's tools ask it: three tries of five seconds, complaints on the way, then the next server. BIND: bin/dig/dighost.c. */
import { formatIp } from '../addr/ip.ts';
import type { DnsMessage, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent, SocketId } from './definition.ts';
import { dnsPayload, dnsQuestion, newDnsId } from './dns-query.ts';

export interface BindServers {
  readonly ips: readonly Ip[];
  readonly port: number;
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly recurse: boolean;
  /** nslookup and host: a server without recursion is complained about, and the next one is asked. */
  readonly checkRecursion: boolean;
}

/** Plain data. `answer` or `failed` is set when it is over. */
export interface BindQuery {
  readonly servers: BindServers;
  readonly name: string;
  readonly type: DnsType;
  readonly server: number;
  readonly triesLeft: number;
  readonly socket: SocketId;
  readonly timer: number;
  readonly id: number;
  readonly sentNs: number;
  readonly answer: { readonly message: DnsMessage; readonly bytes: number; readonly from: Ip; readonly milliseconds: number } | undefined;
  readonly failed: boolean;
}

export const BIND_TIMER = 'bind';

export function startBindQuery(context: AppContext, servers: BindServers, name: string, type: DnsType): BindQuery {
  return send(context, {
    servers,
    name,
    type,
    server: 0,
    triesLeft: servers.tries,
    socket: -1,
    timer: -1,
    id: newDnsId(context.prng('dns-id')),
    sentNs: context.nowNs,
    answer: undefined,
    failed: false,
  });
}

/** Returns the same reference for events that are not its own. Complaints go to stdout as they come. */
export function handleBindQuery(context: AppContext, query: BindQuery, event: AppEvent): BindQuery {
  if (query.answer !== undefined || query.failed) return query;
  if (event.kind === 'timer' && event.tag === BIND_TIMER) return again(context, { ...query, timer: -1 }, 'timed out');
  if (event.kind === 'socket-error' && event.socket === query.socket) {
    const words = event.errno === 'ECONNREFUSED' ? 'connection refused' : event.errno === 'EHOSTUNREACH' ? 'host unreachable' : 'network unreachable';
    return again(context, query, words);
  }
  if (event.kind !== 'datagram' || event.socket !== query.socket) return query;
  const message = event.payload.dns;
  if (message === undefined || !message.response || message.id !== query.id) return query;
  return received(context, query, message, event.payload.bytes);
}

function received(context: AppContext, query: BindQuery, message: DnsMessage, bytes: number): BindQuery {
  const { servers } = query;
  const from = servers.ips[query.server] ?? 0;
  const complaint =
    message.rcode === 'SERVFAIL' ? 'SERVFAIL reply' : servers.checkRecursion && servers.recurse && !message.recursionAvailable ? 'recursion not available' : '';
  const milliseconds = Math.floor((context.nowNs - query.sentNs) / 1e6);
  const closed = close(context, query);
  if (complaint !== '' && (servers.checkRecursion || query.server + 1 < servers.ips.length)) {
    const next = query.server + 1 < servers.ips.length;
    context.out(`;; Got ${complaint} from ${formatIp(from)}${next ? ', trying next server' : ''}\n`);
    if (next) return send(context, { ...closed, server: query.server + 1, triesLeft: servers.tries });
  }
  return { ...closed, answer: { message, bytes, from, milliseconds } };
}

function close(context: AppContext, query: BindQuery): BindQuery {
  if (query.socket >= 0) context.close(query.socket);
  if (query.timer >= 0) context.cancelTimer(query.timer);
  return { ...query, socket: -1, timer: -1 };
}

function send(context: AppContext, query: BindQuery): BindQuery {
  const { servers } = query;
  const ip = servers.ips[query.server];
  if (ip === undefined) return { ...query, failed: true };
  const socket = context.udpConnect({ ip, port: servers.port });
  const sent = typeof socket === 'number' ? context.udpSend(socket, dnsPayload(dnsQuestion(query.id, query.name, query.type, servers.recurse))) : socket;
  if (typeof socket === 'string' || sent !== 'ok') {
    if (typeof socket === 'number') context.close(socket);
    return again(
      context,
      query,
      sent === 'ENETUNREACH'
        ? 'network unreachable'
        : sent === 'EHOSTUNREACH'
          ? 'host unreachable'
          : sent === 'EPERM'
            ? 'operation not permitted'
            : 'unexpected error',
    );
  }
  const timer = context.setTimer(servers.timeoutSeconds * 1e9, BIND_TIMER);
  return { ...query, socket, timer, sentNs: context.nowNs };
}

function again(context: AppContext, query: BindQuery, why: string): BindQuery {
  const { servers } = query;
  context.out(`;; communications error to ${formatIp(servers.ips[query.server] ?? 0)}#${servers.port}: ${why}\n`);
  const closed = close(context, query);
  if (query.triesLeft > 1) return send(context, { ...closed, triesLeft: query.triesLeft - 1 });
  if (query.server + 1 < servers.ips.length) return send(context, { ...closed, server: query.server + 1, triesLeft: servers.tries });
  return { ...closed, failed: true };
}
