/** One question asked as BIND's tools ask it: three tries of five seconds, complaints on the way, then the next server; by TCP where it is asked for or an answer was cut. BIND: bin/dig/dighost.c. */
import { formatIp } from '../addr/ip.ts';
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsEdns, DnsMessage, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent, SocketId } from './definition.ts';
import { dnsStreamPayload, octetsOf, readDnsStream } from './dns/tcp-stream.ts';
import { dnsQuestion, newDnsId } from './dns-query.ts';

export interface BindServers {
  readonly ips: readonly Ip[];
  readonly port: number;
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly recurse: boolean;
  /** nslookup and host: a server without recursion is complained about, and the next one is asked. */
  readonly checkRecursion: boolean;
  /** dig's own: absent for nslookup and host. */
  readonly edns?: DnsEdns;
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  readonly tcp?: boolean;
  /** Whether a cut answer is taken as it is. */
  readonly ignoreTruncation?: boolean;
  /** dig +short and the like say nothing of a second try by TCP. */
  readonly quiet?: boolean;
}

/** Plain data. `answer` or `failed` is set when it is over. */
export interface BindQuery {
  readonly servers: BindServers;
  readonly name: string;
  readonly type: DnsType;
  readonly server: number;
  readonly triesLeft: number;
  readonly tcp: boolean;
  readonly socket: SocketId;
  readonly timer: number;
  readonly id: number;
  readonly sentNs: number;
  /** TCP: what has come. */
  readonly received: string;
  readonly answer: BindAnswer | undefined;
  readonly failed: boolean;
}

export interface BindAnswer {
  readonly message: DnsMessage;
  readonly bytes: number;
  readonly from: Ip;
  readonly milliseconds: number;
  readonly tcp: boolean;
}

export const BIND_TIMER = 'bind';

export function startBindQuery(context: AppContext, servers: BindServers, name: string, type: DnsType): BindQuery {
  return send(context, {
    servers,
    name,
    type,
    server: 0,
    triesLeft: servers.tries,
    tcp: servers.tcp === true || type === 'AXFR',
    socket: -1,
    timer: -1,
    id: newDnsId(context.prng('dns-id')),
    sentNs: context.nowNs,
    received: '',
    answer: undefined,
    failed: false,
  });
}

const errnoWords = (errno: string): string =>
  errno === 'ECONNREFUSED' ? 'connection refused' : errno === 'EHOSTUNREACH' ? 'host unreachable' : errno === 'ETIMEDOUT' ? 'timed out' : 'network unreachable';

/** Returns the same reference for events that are not its own. Complaints go to stdout as they come. */
export function handleBindQuery(context: AppContext, query: BindQuery, event: AppEvent): BindQuery {
  if (query.answer !== undefined || query.failed) return query;
  if (event.kind === 'timer' && event.tag === BIND_TIMER) return again(context, { ...query, timer: -1 }, 'timed out');
  if (!('socket' in event) || event.socket !== query.socket) return query;
  switch (event.kind) {
    case 'socket-error':
    case 'connect-failed':
      return again(context, query, errnoWords(event.errno));
    case 'aborted':
    case 'peer-closed':
      return again(context, query, event.kind === 'aborted' ? 'connection reset' : 'end of file');
    case 'connected':
      context.tcpSend(query.socket, dnsStreamPayload(question(query), false));
      return { ...query, sentNs: context.nowNs };
    case 'data': {
      const read = readDnsStream(query.received + octetsOf(event.payload));
      const first = read.messages.find(({ message }) => message.response && message.id === query.id);
      return first === undefined ? { ...query, received: read.rest } : received(context, query, first.message, first.bytes);
    }
    case 'datagram': {
      const message = event.payload.dns;
      if (message === undefined || !message.response || message.id !== query.id) return query;
      return received(context, query, message, event.payload.bytes);
    }
    default:
      return query;
  }
}

function received(context: AppContext, query: BindQuery, message: DnsMessage, bytes: number): BindQuery {
  const { servers } = query;
  const from = servers.ips[query.server] ?? 0;
  const closed = close(context, query);
  if (message.truncated && !query.tcp && servers.ignoreTruncation !== true) {
    if (servers.quiet !== true) context.out(';; Truncated, retrying in TCP mode.\n');
    return send(context, { ...closed, tcp: true });
  }
  const complaint =
    message.rcode === 'SERVFAIL' ? 'SERVFAIL reply' : servers.checkRecursion && servers.recurse && !message.recursionAvailable ? 'recursion not available' : '';
  const milliseconds = Math.floor((context.nowNs - query.sentNs) / 1e6);
  if (complaint !== '' && (servers.checkRecursion || query.server + 1 < servers.ips.length)) {
    const next = query.server + 1 < servers.ips.length;
    context.out(`;; Got ${complaint} from ${formatIp(from)}${next ? ', trying next server' : ''}\n`);
    if (next) return send(context, { ...closed, server: query.server + 1, triesLeft: servers.tries });
  }
  return { ...closed, answer: { message, bytes, from, milliseconds, tcp: query.tcp } };
}

function close(context: AppContext, query: BindQuery): BindQuery {
  if (query.socket >= 0) context.close(query.socket);
  if (query.timer >= 0) context.cancelTimer(query.timer);
  return { ...query, socket: -1, timer: -1, received: '' };
}

function question(query: BindQuery): DnsMessage {
  const { servers } = query;
  return {
    ...dnsQuestion(query.id, query.name, query.type, servers.recurse),
    ...(servers.authenticData === true ? { authenticData: true } : {}),
    ...(servers.checkingDisabled === true ? { checkingDisabled: true } : {}),
    ...(servers.edns === undefined ? {} : { edns: servers.edns }),
  };
}

function send(context: AppContext, query: BindQuery): BindQuery {
  const { servers } = query;
  const ip = servers.ips[query.server];
  if (ip === undefined) return { ...query, failed: true };
  const to = { ip, port: servers.port };
  const socket = query.tcp ? context.tcpConnect(to) : context.udpConnect(to);
  const message = question(query);
  const sent = typeof socket !== 'number' ? socket : query.tcp ? 'ok' : context.udpSend(socket, { bytes: dnsMessageBytes(message), dns: message });
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
