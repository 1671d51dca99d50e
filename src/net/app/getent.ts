/** `getent hosts` and `getent ahosts`: names as the C library resolves them. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult } from './definition.ts';
import { hostsName } from './resolv-conf.ts';
import { type AddressFamily, handleResolving, type Resolving, startResolving, startReverse } from './resolver.ts';

export interface GetentConfig {
  readonly database: 'hosts' | 'ahosts' | 'ahostsv4' | 'ahostsv6';
  readonly names: readonly string[];
}

interface State {
  /** Place of the name that is looked up. */
  readonly at: number;
  readonly family: AddressFamily;
  readonly resolving: Resolving | undefined;
  readonly missed: boolean;
  readonly done: boolean;
}

export const getent = defineApp<State, GetentConfig>({
  name: 'getent',
  start: (context, config) => next(context, config, { at: -1, family: 'any', resolving: undefined, missed: false, done: false }),
  handle: (context, state, event, config) => {
    if (state.done || state.resolving === undefined) return state;
    if (event.kind === 'signal') {
      context.exit(130);
      return { ...state, done: true };
    }
    const resolving = handleResolving(context, state.resolving, event);
    return resolving === state.resolving ? state : advance(context, config, { ...state, resolving });
  },
});

function next(context: AppContext, config: GetentConfig, before: State): State {
  const state = { ...before, at: before.at + 1, resolving: undefined };
  const name = config.names[state.at];
  if (name === undefined) {
    context.exit(state.missed ? 2 : 0);
    return { ...state, done: true };
  }
  if (config.database !== 'hosts') {
    const family = config.database === 'ahosts' ? 'any' : config.database === 'ahostsv4' ? 4 : 6;
    return advance(context, config, { ...state, family, resolving: startResolving(context, name, family) });
  }
  const address = parseIp(name);
  if (address === undefined) return advance(context, config, { ...state, family: 6, resolving: startResolving(context, name, 6) });
  const line = hostsName(context, address);
  if (line === undefined) return advance(context, config, { ...state, family: 'any', resolving: startReverse(context, address) });
  context.out(`${formatIp(address).padEnd(15)} ${[line.canonical, ...line.aliases].join(' ')}\n`);
  return next(context, config, state);
}

function advance(context: AppContext, config: GetentConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  const name = config.names[state.at] ?? '';
  if (!result.ok) {
    // glibc: nss/getent.c, hosts_keys: gethostbyname2 for IPv6, and for IPv4 only if that found nothing.
    if (config.database === 'hosts' && state.family === 6 && parseIp(name) === undefined)
      return advance(context, config, { ...state, family: 4, resolving: startResolving(context, name, 4) });
    return next(context, config, { ...state, missed: true });
  }
  const addresses = result.addresses.length === 0 ? [name] : result.addresses.map(formatIp);
  const lines = addresses.flatMap((ip, i) => {
    const address = ip.padEnd(15);
    if (config.database === 'hosts') return [`${address} ${result.canonical}\n`];
    return [`${address} STREAM ${i === 0 ? result.canonical : ''}\n`, `${address} DGRAM  \n`, `${address} RAW    \n`];
  });
  context.out(lines.join(''));
  return next(context, config, state);
}

const DATABASES: readonly GetentConfig['database'][] = ['hosts', 'ahosts', 'ahostsv4', 'ahostsv6'];

export function parseGetentArgs(argv: readonly string[]): ParseResult<GetentConfig> {
  const [word, ...names] = argv;
  if (word === undefined)
    return { ok: false, stderr: "getent: wrong number of arguments\nTry `getent --help' or `getent --usage' for more information.\n", exitCode: 1 };
  const database = DATABASES.find((one) => one === word);
  if (database === undefined)
    return { ok: false, stderr: `Unknown database: ${word}\nTry \`getent --help' or \`getent --usage' for more information.\n`, exitCode: 1 };
  if (names.length === 0) return { ok: false, stderr: `getent: Kubehop simulates \`getent ${database} NAME\`\n`, exitCode: 3 };
  return { ok: true, config: { database, names } };
}

export const getentProgram = defineProgram({ app: 'getent', parse: (argv) => parseGetentArgs(argv) });
