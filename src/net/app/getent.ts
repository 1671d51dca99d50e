/** `getent hosts` and `getent ahosts`: names as the C library resolves them. */
import { formatIp, parseIp } from '../addr/ip.ts';
import { type AppContext, defineApp, defineProgram, type ParseResult } from './definition.ts';
import { hostsName } from './resolv-conf.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';

export interface GetentConfig {
  readonly database: 'hosts' | 'ahosts' | 'ahostsv4';
  readonly name: string;
}

interface State {
  readonly resolving: Resolving | undefined;
  readonly done: boolean;
}

export const getent = defineApp<State, GetentConfig>({
  name: 'getent',
  start: (context, config) => {
    const address = parseIp(config.name);
    const line = address === undefined ? undefined : hostsName(context, address);
    if (address !== undefined && config.database === 'hosts') {
      // Reverse lookups by DNS are not simulated here; the hosts file is.
      if (line !== undefined) context.out(`${formatIp(address).padEnd(15)} ${[line.canonical, ...line.aliases].join(' ')}\n`);
      context.exit(line === undefined ? 2 : 0);
      return { resolving: undefined, done: true };
    }
    return advance(context, config, { resolving: startResolving(context, config.name), done: false });
  },
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

function advance(context: AppContext, config: GetentConfig, state: State): State {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (result.ok) {
    const lines = result.addresses.flatMap((ip, i) => {
      const address = formatIp(ip).padEnd(15);
      if (config.database === 'hosts') return [`${address} ${result.canonical}\n`];
      return [`${address} STREAM ${i === 0 ? result.canonical : ''}\n`, `${address} DGRAM  \n`, `${address} RAW    \n`];
    });
    context.out(lines.join(''));
  }
  context.exit(result.ok ? 0 : 2);
  return { ...state, done: true };
}

export function parseGetentArgs(argv: readonly string[]): ParseResult<GetentConfig> {
  const [database, name] = argv;
  if (database === undefined)
    return { ok: false, stderr: "getent: wrong number of arguments\nTry `getent --help' or `getent --usage' for more information.\n", exitCode: 1 };
  if (database !== 'hosts' && database !== 'ahosts' && database !== 'ahostsv4') {
    return { ok: false, stderr: `Unknown database: ${database}\nTry \`getent --help' or \`getent --usage' for more information.\n`, exitCode: 1 };
  }
  if (name === undefined) return { ok: false, stderr: `getent: Kubehop simulates \`getent ${database} NAME\`\n`, exitCode: 3 };
  return { ok: true, config: { database, name } };
}

export const getentProgram = defineProgram({ app: 'getent', parse: (argv) => parseGetentArgs(argv) });
