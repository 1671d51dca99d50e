/** The stub resolver that programs link (glibc's getaddrinfo): hosts file, search list, A and AAAA at once from one socket, time-outs, the next server. */
import { parseIp } from '../addr/ip.ts';
import type { DnsMessage, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent, SocketId } from './definition.ts';
import { addressesOf, DNS_PORT, dnsPayload, dnsQuestion, isAskable, newDnsId } from './dns-query.ts';
import { hostsAddresses, type ResolvConf, readResolvConf, searchNames } from './resolv-conf.ts';

/** EAI_NONAME, EAI_AGAIN, EAI_NODATA, EAI_ADDRFAMILY. */
export type ResolveError = 'not-found' | 'try-again' | 'no-data' | 'other-family';

export type ResolveResult =
  | { readonly ok: true; readonly addresses: readonly Ip[]; readonly canonical: string }
  | { readonly ok: false; readonly error: ResolveError };

/** Plain data; `result` is set when it is over. */
export interface Resolving {
  readonly name: string;
  readonly conf: ResolvConf;
  /** What is asked for, all at once. */
  readonly types: readonly DnsType[];
  readonly candidates: readonly string[];
  readonly candidate: number;
  readonly attempt: number;
  readonly server: number;
  readonly socket: SocketId;
  readonly timer: number;
  /** The questions under way: A first. */
  readonly ids: readonly number[];
  readonly answers: readonly (DnsMessage | undefined)[];
  /** What a candidate failed with on the way: NODATA beats NXDOMAIN, SERVFAIL beats both (glibc: got_nodata, got_servfail). */
  readonly sawNoData: boolean;
  readonly sawServfail: boolean;
  readonly result: ResolveResult | undefined;
}

export const RESOLVER_TIMER = 'resolver';

/** AF_UNSPEC, AF_INET, AF_INET6. */
export type AddressFamily = 'any' | 4 | 6;
const TYPES: Readonly<Record<AddressFamily, readonly DnsType[]>> = { any: ['A', 'AAAA'], 4: ['A'], 6: ['AAAA'] };
const isWanted = (ip: Ip, family: AddressFamily): boolean => family === 'any' || (typeof ip === 'bigint') === (family === 6);

/** `result` may be there at once: an address as text, or a line of /etc/hosts. */
export function startResolving(context: AppContext, name: string, family: AddressFamily = 'any'): Resolving {
  const base: Resolving = {
    name,
    conf: { nameservers: [], search: [], ndots: 1, timeoutSeconds: 5, attempts: 2 },
    types: TYPES[family],
    candidates: [],
    candidate: 0,
    attempt: 0,
    server: 0,
    socket: -1,
    timer: -1,
    ids: [],
    answers: [],
    sawNoData: false,
    sawServfail: false,
    result: undefined,
  };
  const literal = parseIp(name);
  if (literal !== undefined && !isWanted(literal, family)) return { ...base, result: { ok: false, error: 'other-family' } };
  if (literal !== undefined) return { ...base, result: { ok: true, addresses: [literal], canonical: name } };
  const local = hostsAddresses(context, name);
  const known = local?.addresses.filter((ip) => isWanted(ip, family)) ?? [];
  if (local !== undefined && known.length > 0) return { ...base, result: { ok: true, addresses: inOrder(context, known), canonical: local.canonical } };
  const conf = readResolvConf(context);
  if (!isAskable(name.endsWith('.') ? name : `${name}.`)) return { ...base, result: { ok: false, error: 'not-found' } };
  return ask(context, { ...base, conf, candidates: searchNames(name, conf) });
}

/** Gives up, closing what is open. */
export function stopResolving(context: AppContext, state: Resolving): void {
  if (state.socket >= 0) context.close(state.socket);
  if (state.timer >= 0) context.cancelTimer(state.timer);
}

/** Takes an event if it is the resolver's own; others are returned untouched (same reference). */
export function handleResolving(context: AppContext, state: Resolving, event: AppEvent): Resolving {
  if (state.result !== undefined) return state;
  if (event.kind === 'timer' && event.tag === RESOLVER_TIMER) return nextServer(context, { ...state, timer: -1 });
  if (event.kind === 'socket-error' && event.socket === state.socket) return nextServer(context, state);
  if (event.kind !== 'datagram' || event.socket !== state.socket) return state;
  const message = event.payload.dns;
  const at = message === undefined || !message.response ? -1 : state.ids.indexOf(message.id);
  if (message === undefined || at < 0) return state;
  const answers = state.answers.map((answer, i) => (i === at ? message : answer));
  const received = { ...state, answers };
  return answers.every((answer) => answer !== undefined) ? judge(context, received) : received;
}

function ask(context: AppContext, state: Resolving): Resolving {
  const server = state.conf.nameservers[state.server];
  const name = state.candidates[state.candidate];
  if (server === undefined || name === undefined) return finish(context, state, { ok: false, error: 'try-again' });
  // With a suffix it may have grown too long.
  if (!isAskable(name)) return nextCandidate(context, state);
  const socket = state.socket >= 0 ? state.socket : context.udpConnect({ ip: server, port: DNS_PORT });
  if (typeof socket === 'string') return nextServer(context, { ...state, socket: -1 });
  const chance = context.prng('dns-id');
  const ids: number[] = [];
  for (const type of state.types) {
    const id = newDnsId(chance);
    ids.push(id);
    const sent = context.udpSend(socket, dnsPayload(dnsQuestion(id, name, type)));
    if (sent !== 'ok') return nextServer(context, { ...state, socket });
  }
  // glibc: resolv/res_send.c, a server further down the list gets a share of a longer time.
  const seconds =
    state.server === 0 ? state.conf.timeoutSeconds : Math.max(1, Math.floor((state.conf.timeoutSeconds * 2 ** state.server) / state.conf.nameservers.length));
  const timer = context.setTimer(seconds * 1e9, RESOLVER_TIMER);
  return { ...state, socket, timer, ids, answers: state.types.map(() => undefined) };
}

function closeSocket(context: AppContext, state: Resolving): Resolving {
  stopResolving(context, state);
  return { ...state, socket: -1, timer: -1 };
}

/** Silence or a refusal: the next server, then the next round. */
function nextServer(context: AppContext, state: Resolving): Resolving {
  const closed = closeSocket(context, state);
  if (closed.server + 1 < closed.conf.nameservers.length) return ask(context, { ...closed, server: closed.server + 1 });
  if (closed.attempt + 1 < closed.conf.attempts) return ask(context, { ...closed, server: 0, attempt: closed.attempt + 1 });
  return finish(context, closed, { ok: false, error: 'try-again' });
}

function judge(context: AppContext, state: Resolving): Resolving {
  const answers = state.answers.filter((answer) => answer !== undefined);
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

/** getaddrinfo()'s order as far as it differs here (RFC 6724 section 6, rules 1 and 6): what cannot be reached last, IPv6 before IPv4. */
function inOrder(context: AppContext, addresses: readonly Ip[]): Ip[] {
  const rank = (ip: Ip): number => (typeof ip === 'bigint' ? 0 : 1) + (typeof context.routeFor(ip) === 'string' ? 2 : 0);
  if (addresses.every((ip) => typeof ip === 'number')) return [...addresses];
  return addresses
    .map((ip, i) => ({ ip, i, rank: rank(ip) }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .map((one) => one.ip);
}

function nextCandidate(context: AppContext, state: Resolving): Resolving {
  if (state.candidate + 1 < state.candidates.length) {
    const closed = closeSocket(context, state);
    return ask(context, { ...closed, candidate: state.candidate + 1, server: 0, attempt: 0 });
  }
  return finish(context, state, { ok: false, error: state.sawServfail ? 'try-again' : state.sawNoData ? 'no-data' : 'not-found' });
}

function finish(context: AppContext, state: Resolving, result: ResolveResult): Resolving {
  return { ...closeSocket(context, state), result };
}
