/** The stub resolver that programs link: the hosts file, the search list, then glibc's manner or musl's. glibc: resolv/res_query.c, resolv/res_send.c; musl: src/network/lookup_name.c. */
import { formatIp, parseIp } from '../addr/ip.ts';
import type { DnsType } from '../wire/dns-message.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent } from './definition.ts';
import { isAskable, reverseName } from './dns-query.ts';
import { hostsAddresses, type ResolvConf, readResolvConf, searchCandidates } from './resolv-conf.ts';
import { askGlibc, handleGlibc } from './resolver-glibc.ts';
import { askMusl, handleMusl } from './resolver-musl.ts';
import { inOrder, type ResolveError, type Resolving } from './resolver-state.ts';

export { RESOLVER_TIMER, type Resolving, stopResolving } from './resolver-state.ts';

/** AF_UNSPEC, AF_INET, AF_INET6. */
export type AddressFamily = 'any' | 4 | 6;
const TYPES: Readonly<Record<AddressFamily, readonly DnsType[]>> = { any: ['A', 'AAAA'], 4: ['A'], 6: ['AAAA'] };
const isWanted = (ip: Ip, family: AddressFamily): boolean => family === 'any' || (typeof ip === 'bigint') === (family === 6);

/** `result` may be there at once: an address as text, or a line of /etc/hosts. */
export function startResolving(context: AppContext, name: string, family: AddressFamily = 'any', conf: ResolvConf = readResolvConf(context)): Resolving {
  const base: Resolving = {
    name,
    conf,
    types: conf.noAaaa ? TYPES[family].filter((type) => type !== 'AAAA') : TYPES[family],
    candidates: [],
    candidate: 0,
    attempt: 0,
    server: 0,
    firstServer: 0,
    socket: -1,
    timer: -1,
    ids: [],
    answers: [],
    sent: 0,
    tcp: false,
    received: '',
    servfailRetries: 0,
    startedNs: context.nowNs,
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
  if (!isAskable(name.endsWith('.') ? name : `${name}.`)) return { ...base, result: { ok: false, error: 'not-found' } };
  if (base.types.length === 0) return { ...base, result: { ok: false, error: 'no-data' } };
  const firstServer = conf.rotate ? context.prng('dns-rotate').below(conf.nameservers.length) : 0;
  const ready = { ...base, candidates: searchCandidates(name, conf, context.libc), firstServer, tcp: conf.useVc };
  return context.libc === 'musl' ? askMusl(context, ready) : askGlibc(context, ready);
}

/** The name of an address by DNS (getnameinfo, gethostbyaddr): `result` has it as `canonical`, without addresses. */
export function startReverse(context: AppContext, ip: Ip, conf?: ResolvConf): Resolving {
  const base = startResolving(context, formatIp(ip), 'any', conf);
  const candidates = [{ name: reverseName(ip), why: 'for the name of an address' }];
  const ready: Resolving = { ...base, types: ['PTR'], candidates, result: undefined };
  return context.libc === 'musl' ? askMusl(context, ready) : askGlibc(context, ready);
}

/** Takes an event if it is the resolver's own; others are returned untouched (same reference). */
export function handleResolving(context: AppContext, state: Resolving, event: AppEvent): Resolving {
  if (state.result !== undefined) return state;
  return context.libc === 'musl' ? handleMusl(context, state, event) : handleGlibc(context, state, event);
}

/** What getaddrinfo()'s error is called: strings differ by C library. */
export function resolveErrorText(context: Pick<AppContext, 'libc'>, error: ResolveError): string {
  const musl = context.libc === 'musl';
  switch (error) {
    case 'not-found':
      return musl ? 'Name does not resolve' : 'Name or service not known';
    case 'try-again':
      return musl ? 'Try again' : 'Temporary failure in name resolution';
    case 'no-data':
      return musl ? 'Name has no usable address' : 'No address associated with hostname';
    case 'other-family':
      return musl ? 'Unrecognized address family or invalid length' : 'Address family for hostname not supported';
  }
}
