/** Asking as glibc does: one server after the other, A and AAAA at once from one socket, TCP for what was cut, the search list to its end. glibc: resolv/res_send.c, resolv/res_query.c. */
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsMessage } from '../wire/dns-message.ts';
import type { AppContext, AppEvent } from './definition.ts';
import { dnsStreamPayload, octetsOf, readDnsStream } from './dns/tcp-stream.ts';
import { addressesOf, DNS_PORT, dnsQuestion, isAskable, newDnsId } from './dns-query.ts';
import { closeSocket, finish, inOrder, RESOLVER_TIMER, type Resolving, reverseResult } from './resolver-state.ts';

/** glibc: RESOLV_EDNS_BUFFER_SIZE. */
const EDNS_BYTES = 1200;

const serverOf = (state: Resolving) => state.conf.nameservers[(state.firstServer + state.server) % state.conf.nameservers.length];

function questionOf(state: Resolving, at: number): DnsMessage {
  const message = dnsQuestion(state.ids[at] ?? 0, state.candidates[state.candidate]?.name ?? '.', state.types[at] ?? 'A');
  return {
    ...message,
    ...(state.conf.trustAd ? { authenticData: true } : {}),
    ...(state.conf.edns0 ? { edns: { udpBytes: EDNS_BYTES } } : {}),
  };
}

export function askGlibc(context: AppContext, state: Resolving): Resolving {
  const server = serverOf(state);
  const candidate = state.candidates[state.candidate];
  if (server === undefined || candidate === undefined) return finish(context, state, { ok: false, error: 'try-again' });
  // With a suffix it may have grown too long.
  if (!isAskable(candidate.name)) return nextCandidate(context, state);
  const to = { ip: server, port: DNS_PORT };
  const known = state.socket >= 0;
  const socket = known ? state.socket : state.tcp ? context.tcpConnect(to) : context.udpConnect(to);
  if (typeof socket === 'string') return nextServer(context, { ...state, socket: -1 });
  const chance = context.prng('dns-id');
  const ready = { ...state, socket, ids: state.types.map(() => newDnsId(chance)), answers: state.types.map(() => undefined), sent: 0 };
  // glibc: resolv/res_send.c, a server further down the list gets a share of a longer time.
  const { timeoutSeconds, nameservers } = state.conf;
  const seconds = state.server === 0 ? timeoutSeconds : Math.max(1, Math.floor((timeoutSeconds * 2 ** state.server) / nameservers.length));
  const timer = context.setTimer(seconds * 1e9, RESOLVER_TIMER);
  const waiting = { ...ready, timer };
  // TCP: when the connection stands.
  return state.tcp && !known ? waiting : sendNext(context, waiting);
}

/** Sends all questions, or with `single-request` the next one. */
function sendNext(context: AppContext, state: Resolving): Resolving {
  const last = state.conf.singleRequest && !state.tcp ? state.sent + 1 : state.types.length;
  for (let at = state.sent; at < last; at += 1) {
    const message = questionOf(state, at);
    if (state.tcp) {
      context.tcpSend(state.socket, dnsStreamPayload(message, false));
      continue;
    }
    const why = state.candidates[state.candidate]?.why ?? '';
    const sent = context.udpSend(state.socket, { bytes: dnsMessageBytes(message), dns: message }, undefined, { why: whyText(state, why) });
    if (sent !== 'ok') return nextServer(context, state);
  }
  return { ...state, sent: last };
}

function whyText({ attempt, server, conf }: Resolving, why: string): string {
  const again = attempt > 0 ? `, attempt ${attempt + 1} of ${conf.attempts}` : '';
  return `${why}${server > 0 ? `, name server ${server + 1} of ${conf.nameservers.length}` : ''}${again}`;
}

export function handleGlibc(context: AppContext, state: Resolving, event: AppEvent): Resolving {
  if (event.kind === 'timer' && event.tag === RESOLVER_TIMER) return nextServer(context, { ...state, timer: -1 });
  if (!('socket' in event) || event.socket !== state.socket) return state;
  switch (event.kind) {
    case 'socket-error':
    case 'connect-failed':
    case 'aborted':
    case 'peer-closed':
      return nextServer(context, state);
    case 'connected':
      return sendNext(context, state);
    case 'datagram':
      return event.payload.dns === undefined ? state : takeAnswer(context, state, event.payload.dns);
    case 'data': {
      const read = readDnsStream(state.received + octetsOf(event.payload));
      let after: Resolving = { ...state, received: read.rest };
      for (const { message } of read.messages) if (after.result === undefined && after.socket === state.socket) after = takeAnswer(context, after, message);
      return after;
    }
    default:
      return state;
  }
}

function takeAnswer(context: AppContext, state: Resolving, message: DnsMessage): Resolving {
  const at = message.response ? state.ids.indexOf(message.id) : -1;
  if (at < 0) return state;
  // An answer that was cut is asked for again over TCP, both questions of it.
  if (message.truncated && !state.tcp) return askGlibc(context, { ...closeSocket(context, state), tcp: true });
  const received = { ...state, answers: state.answers.map((answer, i) => (i === at ? message : answer)) };
  if (received.answers.every((answer) => answer !== undefined)) return judge(context, received);
  if (!state.conf.singleRequest || state.tcp || received.sent >= state.types.length) return received;
  if (!state.conf.reopen) return sendNext(context, received);
  // `single-request-reopen`: the second question leaves from a socket of its own.
  const server = serverOf(state);
  const socket = server === undefined ? 'EINVAL' : context.udpConnect({ ip: server, port: DNS_PORT });
  context.close(state.socket);
  return typeof socket === 'string' ? nextServer(context, { ...received, socket: -1 }) : sendNext(context, { ...received, socket });
}

/** Silence or a refusal: the next server, then the next round. */
function nextServer(context: AppContext, state: Resolving): Resolving {
  const closed = { ...closeSocket(context, state), tcp: state.conf.useVc };
  if (closed.server + 1 < closed.conf.nameservers.length) return askGlibc(context, { ...closed, server: closed.server + 1 });
  if (closed.attempt + 1 < closed.conf.attempts) return askGlibc(context, { ...closed, server: 0, attempt: closed.attempt + 1 });
  return finish(context, closed, { ok: false, error: 'try-again' });
}

function judge(context: AppContext, state: Resolving): Resolving {
  const answers = state.answers.filter((answer) => answer !== undefined);
  const reverse = reverseResult(state.types, answers);
  if (reverse !== undefined) return finish(context, state, reverse);
  const found = answers.map((answer) => addressesOf(answer));
  const addresses = found.flatMap((one) => one.addresses);
  const canonical = found.find((one) => one.addresses.length > 0)?.canonical ?? '';
  if (addresses.length > 0) return finish(context, state, { ok: true, addresses: inOrder(context, addresses), canonical: canonical.replace(/\.$/, '') });
  if (answers.some((answer) => answer.rcode === 'SERVFAIL' || answer.rcode === 'NOTIMP' || answer.rcode === 'REFUSED')) {
    // Another server may do better; when none does, the search goes on and the error is remembered.
    const { server, attempt, conf } = state;
    if (server + 1 < conf.nameservers.length || attempt + 1 < conf.attempts) return nextServer(context, state);
    return nextCandidate(context, { ...state, sawServfail: true });
  }
  return nextCandidate(context, { ...state, sawNoData: state.sawNoData || answers.some((answer) => answer.rcode === 'NOERROR') });
}

function nextCandidate(context: AppContext, state: Resolving): Resolving {
  if (state.candidate + 1 < state.candidates.length) {
    const closed = closeSocket(context, state);
    return askGlibc(context, { ...closed, candidate: state.candidate + 1, server: 0, attempt: 0, tcp: state.conf.useVc });
  }
  return finish(context, state, { ok: false, error: state.sawServfail ? 'try-again' : state.sawNoData ? 'no-data' : 'not-found' });
}
