/** A name that is being looked up: plain data, and what ends it. */
import type { DnsMessage, DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, SocketId } from './definition.ts';
import type { Candidate, ResolvConf } from './resolv-conf.ts';

/** EAI_NONAME, EAI_AGAIN, EAI_NODATA, EAI_ADDRFAMILY. */
export type ResolveError = 'not-found' | 'try-again' | 'no-data' | 'other-family';

export type ResolveResult =
  | { readonly ok: true; readonly addresses: readonly Ip[]; readonly canonical: string }
  | { readonly ok: false; readonly error: ResolveError };

/** Plain data; `result` is set when it is over. */
export interface Resolving {
  readonly name: string;
  readonly conf: ResolvConf;
  /** What is asked for. */
  readonly types: readonly DnsType[];
  readonly candidates: readonly Candidate[];
  readonly candidate: number;
  readonly attempt: number;
  /** Place among the name servers, counted from `firstServer`. */
  readonly server: number;
  /** Where `options rotate` begins. */
  readonly firstServer: number;
  readonly socket: SocketId;
  readonly timer: number;
  /** The questions under way: A first. */
  readonly ids: readonly number[];
  readonly answers: readonly (DnsMessage | undefined)[];
  /** How many of the questions have been sent: `single-request` sends them one by one. */
  readonly sent: number;
  readonly tcp: boolean;
  /** TCP: what has come. */
  readonly received: string;
  /** musl: so often SERVFAIL is asked again at once. */
  readonly servfailRetries: number;
  readonly startedNs: number;
  /** What a candidate failed with on the way: NODATA beats NXDOMAIN, SERVFAIL beats both (glibc: got_nodata, got_servfail). */
  readonly sawNoData: boolean;
  readonly sawServfail: boolean;
  readonly result: ResolveResult | undefined;
}

export const RESOLVER_TIMER = 'resolver';

/** Gives up, closing what is open. */
export function stopResolving(context: AppContext, state: Resolving): void {
  if (state.socket >= 0) context.close(state.socket);
  if (state.timer >= 0) context.cancelTimer(state.timer);
}

export function closeSocket(context: AppContext, state: Resolving): Resolving {
  stopResolving(context, state);
  return { ...state, socket: -1, timer: -1, received: '' };
}

/** getaddrinfo()'s order as far as it differs here (RFC 6724 section 6, rules 1 and 6): what cannot be reached last, IPv6 before IPv4. */
export function inOrder(context: AppContext, addresses: readonly Ip[]): Ip[] {
  const rank = (ip: Ip): number => (typeof ip === 'bigint' ? 0 : 1) + (typeof context.routeFor(ip) === 'string' ? 2 : 0);
  if (addresses.every((ip) => typeof ip === 'number')) return [...addresses];
  return addresses
    .map((ip, i) => ({ ip, i, rank: rank(ip) }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .map((one) => one.ip);
}

/** Of a question for the name of an address. */
export function reverseResult(types: readonly DnsType[], answers: readonly DnsMessage[]): ResolveResult | undefined {
  const name = types[0] === 'PTR' ? answers.flatMap((answer) => answer.answers).find((record) => record.type === 'PTR')?.data : undefined;
  return name === undefined ? undefined : { ok: true, addresses: [], canonical: name.replace(/\.$/, '') };
}

export function finish(context: AppContext, state: Resolving, result: ResolveResult): Resolving {
  return { ...closeSocket(context, state), result };
}
