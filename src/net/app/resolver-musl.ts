/** Asking as musl does: all name servers at once from one socket, the first good answer wins, and a search that stops at the first name that is more than absent. musl: src/network/{res_msend,lookup_name}.c. */
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsMessage } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent } from './definition.ts';
import { dnsStreamPayload, octetsOf, readDnsStream } from './dns/tcp-stream.ts';
import { addressesOf, DNS_PORT, dnsQuestion, isAskable, newDnsId } from './dns-query.ts';
import { closeSocket, finish, inOrder, RESOLVER_TIMER, type Resolving, reverseResult } from './resolver-state.ts';

/** Asks every server every question that has no answer yet. */
function sendAll(context: AppContext, state: Resolving): Resolving {
  const why = state.candidates[state.candidate]?.why ?? '';
  const again = state.attempt > 0 ? `, attempt ${state.attempt + 1} of ${state.conf.attempts}` : '';
  const all = state.conf.nameservers.length > 1 ? ', all name servers at once' : '';
  state.ids.forEach((_id, at) => {
    if (state.answers[at] !== undefined) return;
    for (const ip of state.conf.nameservers) send(context, state, at, ip, `${why}${all}${again}`);
  });
  return state;
}

function questionOf(state: Resolving, at: number): DnsMessage {
  return dnsQuestion(state.ids[at] ?? 0, state.candidates[state.candidate]?.name ?? '.', state.types[at] ?? 'A');
}

function send(context: AppContext, state: Resolving, at: number, ip: Ip, why: string): void {
  const message = questionOf(state, at);
  context.udpSend(state.socket, { bytes: dnsMessageBytes(message), dns: message }, { ip, port: DNS_PORT }, { why });
}

/** One try's share of the whole time. */
const intervalNs = ({ conf }: Resolving): number => Math.floor((conf.timeoutSeconds * 1e9) / conf.attempts);

export function askMusl(context: AppContext, state: Resolving): Resolving {
  const candidate = state.candidates[state.candidate];
  if (candidate === undefined) return finish(context, state, { ok: false, error: 'not-found' });
  if (!isAskable(candidate.name)) return nextCandidate(context, state);
  const socket = state.socket >= 0 ? state.socket : context.udpBind(0, 0);
  if (typeof socket === 'string') return finish(context, state, { ok: false, error: 'try-again' });
  const chance = context.prng('dns-id');
  const ready: Resolving = {
    ...state,
    socket,
    ids: state.types.map(() => newDnsId(chance)),
    answers: state.types.map(() => undefined),
    attempt: 0,
    tcp: false,
    servfailRetries: 2 * state.types.length,
    startedNs: context.nowNs,
  };
  return { ...sendAll(context, ready), timer: context.setTimer(intervalNs(ready), RESOLVER_TIMER) };
}

export function handleMusl(context: AppContext, state: Resolving, event: AppEvent): Resolving {
  if (event.kind === 'timer' && event.tag === RESOLVER_TIMER) return again(context, { ...state, timer: -1 });
  if (!('socket' in event) || event.socket !== state.socket) return state;
  switch (event.kind) {
    case 'datagram':
      return event.payload.dns === undefined ? state : takeAnswer(context, state, event.payload.dns, event.from.ip);
    case 'connected':
      state.ids.forEach((_id, at) => {
        if (state.answers[at] === undefined) context.tcpSend(state.socket, dnsStreamPayload(questionOf(state, at), false));
      });
      return state;
    case 'data': {
      const read = readDnsStream(state.received + octetsOf(event.payload));
      let after: Resolving = { ...state, received: read.rest };
      for (const { message } of read.messages) if (after.result === undefined && after.socket === state.socket) after = takeAnswer(context, after, message, 0);
      return after;
    }
    case 'connect-failed':
    case 'aborted':
    case 'peer-closed':
      return judge(context, state);
    default:
      return state;
  }
}

/** Time is up for this try. */
function again(context: AppContext, state: Resolving): Resolving {
  if (state.tcp || state.attempt + 1 >= state.conf.attempts) return judge(context, state);
  const next = sendAll(context, { ...state, attempt: state.attempt + 1 });
  return { ...next, timer: context.setTimer(intervalNs(next), RESOLVER_TIMER) };
}

function takeAnswer(context: AppContext, state: Resolving, message: DnsMessage, from: Ip): Resolving {
  const at = message.response ? state.ids.indexOf(message.id) : -1;
  if (at < 0 || state.answers[at] !== undefined) return state;
  if (message.rcode === 'SERVFAIL') {
    // Asked again at once, a few times; then only the clock helps.
    if (state.servfailRetries === 0 || state.tcp) return state;
    send(context, state, at, from, 'again, because the name server failed');
    return { ...state, servfailRetries: state.servfailRetries - 1 };
  }
  // Any other code than success and NXDOMAIN is as if nobody had answered.
  if (message.rcode !== 'NOERROR' && message.rcode !== 'NXDOMAIN') return state;
  if (message.truncated && !state.tcp) {
    const closed = closeSocket(context, state);
    const socket = context.tcpConnect({ ip: from, port: DNS_PORT });
    if (typeof socket === 'string') return judge(context, closed);
    return { ...closed, socket, tcp: true, timer: context.setTimer(intervalNs(closed), RESOLVER_TIMER) };
  }
  const received = { ...state, answers: state.answers.map((answer, i) => (i === at ? message : answer)) };
  return received.answers.every((answer) => answer !== undefined) ? judge(context, received) : received;
}

/** A question without an answer fails the whole; NXDOMAIN to one lets the search go on; a name without addresses ends it. */
function judge(context: AppContext, state: Resolving): Resolving {
  if (state.answers.some((answer) => answer === undefined)) return finish(context, state, { ok: false, error: 'try-again' });
  const answers = state.answers.filter((answer) => answer !== undefined);
  if (answers.some((answer) => answer.rcode === 'NXDOMAIN')) return nextCandidate(context, state);
  const reverse = reverseResult(state.types, answers);
  if (reverse !== undefined) return finish(context, state, reverse);
  const found = answers.map((answer) => addressesOf(answer));
  const addresses = found.flatMap((one) => one.addresses);
  if (addresses.length === 0) return finish(context, state, { ok: false, error: 'no-data' });
  const canonical = found.find((one) => one.addresses.length > 0)?.canonical ?? '';
  return finish(context, state, { ok: true, addresses: inOrder(context, addresses), canonical: canonical.replace(/\.$/, '') });
}

function nextCandidate(context: AppContext, state: Resolving): Resolving {
  if (state.candidate + 1 < state.candidates.length) return askMusl(context, { ...closeSocket(context, state), candidate: state.candidate + 1 });
  return finish(context, state, { ok: false, error: 'not-found' });
}
