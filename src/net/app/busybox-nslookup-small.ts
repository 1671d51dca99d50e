/** nslookup of busybox up to 1.28: what getaddrinfo() says, search list and hosts file included, and each address's name. busybox 1.28: networking/nslookup.c, print_host(). */
import { formatIp } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext, AppEvent } from './definition.ts';
import { hostsName, type ResolvConf, readResolvConf } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving, startReverse, stopResolving } from './resolver.ts';

export interface SmallNslookupConfig {
  readonly kind: 'small';
  readonly name: string;
  /** Asked in place of resolv.conf's. */
  readonly server?: string;
}

/** A host that is printed: first the server, then the name that was asked for. */
interface Host {
  readonly header: 'Server:' | 'Name:';
  readonly name: string;
}

export interface SmallNslookupState {
  readonly kind: 'small';
  readonly hosts: readonly Host[];
  /** Who is asked. */
  readonly nameservers: readonly Ip[];
  /** Of the first of `hosts`; undefined until it is resolved. */
  readonly addresses: readonly Ip[] | undefined;
  /** Which of `addresses` is next. */
  readonly at: number;
  /** Of the host, then of each of its addresses. */
  readonly resolving: Resolving | undefined;
  readonly done: boolean;
}

export function startSmall(context: AppContext, config: SmallNslookupConfig): SmallNslookupState {
  const { nameservers } = readResolvConf(context);
  const hosts: Host[] = [
    { header: 'Server:', name: config.server ?? formatIp(nameservers[0] ?? 0) },
    { header: 'Name:', name: config.name },
  ];
  return proceed(context, { kind: 'small', hosts, nameservers, addresses: undefined, at: 0, resolving: undefined, done: false });
}

export function handleSmall(context: AppContext, state: SmallNslookupState, event: AppEvent): SmallNslookupState {
  if (state.done || state.resolving === undefined) return state;
  if (event.kind === 'signal') {
    stopResolving(context, state.resolving);
    return end(context, state, 130);
  }
  const resolving = handleResolving(context, state.resolving, event);
  return resolving === state.resolving ? state : proceed(context, { ...state, resolving });
}

/** As far as it goes without an answer; each round ends a host or one of its addresses, of which there are few. */
function proceed(context: AppContext, before: SmallNslookupState): SmallNslookupState {
  let state = before;
  while (!state.done) {
    const [host] = state.hosts;
    if (host === undefined) return end(context, state, 0);
    if (state.addresses === undefined) {
      const resolving = state.resolving ?? startResolving(context, host.name, 'any', confOf(context, state));
      if (resolving.result === undefined) return { ...state, resolving };
      state = named(context, { ...state, resolving: undefined }, host, resolving.result.ok ? resolving.result.addresses : undefined);
      continue;
    }
    const address = state.addresses[state.at];
    if (address === undefined) {
      // A line apart stands between the server and the answer.
      if (host.header === 'Server:') context.out('\n');
      state = { ...state, hosts: state.hosts.slice(1), addresses: undefined, at: 0 };
      continue;
    }
    const known = hostsName(context, address)?.canonical;
    const resolving = known === undefined ? (state.resolving ?? startReverse(context, address, confOf(context, state))) : undefined;
    if (resolving !== undefined && resolving.result === undefined) return { ...state, resolving };
    const name = known ?? (resolving?.result?.ok === true ? resolving.result.canonical : undefined);
    context.out(`Address ${state.at + 1}: ${formatIp(address)}${name === undefined ? '' : ` ${name}`}\n`);
    state = { ...state, at: state.at + 1, resolving: undefined };
  }
  return state;
}

function named(context: AppContext, state: SmallNslookupState, host: Host, addresses: readonly Ip[] | undefined): SmallNslookupState {
  if (addresses === undefined) {
    context.err(`nslookup: can't resolve '${host.name}'\n`);
    return end(context, state, 1);
  }
  context.out(`${host.header.padEnd(10)} ${host.name}\n`);
  // What is named on the command line is asked from here on, also for its own name.
  return { ...state, addresses, ...(host.header === 'Server:' ? { nameservers: addresses.slice(0, 1) } : {}) };
}

const confOf = (context: AppContext, { nameservers }: SmallNslookupState): ResolvConf => ({ ...readResolvConf(context), nameservers });

function end(context: AppContext, state: SmallNslookupState, code: number): SmallNslookupState {
  context.exit(code);
  return { ...state, resolving: undefined, done: true };
}

/** `busybox:1.28` and before; without a number it is a newer one. */
export function isSmallNslookup(image: string): boolean {
  const [, minor] = /busybox:1\.(\d+)(?:\.|-|@|$)/.exec(image) ?? [];
  return minor !== undefined && Number(minor) <= 28;
}
