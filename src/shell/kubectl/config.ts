/** kubectl config: reads and changes the kubeconfig. Kubernetes: kubectl/pkg/cmd/config */
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { KUBECONFIG_PATH, type KubeConfig, type KubeContext, MAX_ENTRIES } from '../kubeconfig.ts';
import { formatTable } from '../table.ts';
import { defineVerb, type Kubectl, outputFlag } from './client.ts';
import { serverOf } from './context.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { formatObjects, parseOutput } from './output.ts';

const byName = <T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] => [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
const noContext = (name: string): KubectlError => new KubectlError(`error: no context exists with the name: "${name}"`);
const usage = (words: string): KubectlError => new KubectlError(`error: ${words}\nSee 'kubectl config -h' for help and examples`);

function put<T>(map: Map<string, T>, name: string, value: T): void {
  if (!map.has(name) && map.size >= MAX_ENTRIES) throw new KubectlError(`error: this kubeconfig holds ${MAX_ENTRIES} entries of a kind at most`);
  map.set(name, value);
}

/** One word, or the verb's own complaint. */
function only(args: readonly string[], subcommand: string): string {
  if (args.length !== 1) throw usage(`${subcommand} takes one name, got ${args.length}`);
  return args[0] ?? '';
}

type Run = (kubectl: Kubectl, config: KubeConfig, args: readonly string[]) => Outcome;

const FIELDS = {
  cluster: ['server', 'tls-server-name', 'certificate-authority', 'proxy-url'],
  user: ['client-certificate', 'client-key', 'token', 'username', 'password'],
} as const;

function setEntry(map: Map<string, Readonly<Record<string, string | boolean>>>, kubectl: Kubectl, name: string, fields: readonly string[]): void {
  const { flags } = kubectl;
  const given = fields.filter((field) => flags.has(field)).map((field) => [field, flags.get(field)] as const);
  const skips =
    flags.has('insecure-skip-tls-verify') && fields.includes('server') ? { 'insecure-skip-tls-verify': flags.bool('insecure-skip-tls-verify') } : {};
  put(map, name, { ...map.get(name), ...Object.fromEntries(given), ...skips });
}

function deleteFrom(map: Map<string, unknown>, name: string, what: string): string {
  if (!map.delete(name)) throw new KubectlError(`error: cannot delete ${what} ${name}, not in ${KUBECONFIG_PATH}`);
  return `deleted ${what} ${name} from ${KUBECONFIG_PATH}\n`;
}

/** `set PROPERTY VALUE` and `unset PROPERTY` of what people set: current-context and fields of contexts. */
function property(config: KubeConfig, path: string, value: string | undefined): void {
  if (path === 'current-context') {
    config.current = value ?? '';
    return;
  }
  const [table = '', ...rest] = path.split('.');
  const map = table === 'contexts' ? config.contexts : table === 'clusters' ? config.clusters : table === 'users' ? config.users : undefined;
  if (map === undefined) throw new KubectlError(`error: unable to parse ${path} after [] at api.Config`);
  // Names may have dots: the longest that is there counts.
  const whole = rest.join('.');
  if (value === undefined && (map.has(whole) || rest.length === 1)) {
    map.delete(whole);
    return;
  }
  const field = rest.at(-1) ?? '';
  const name = rest.slice(0, -1).join('.');
  if (name === '' || field === '') throw new KubectlError('error: unable to parse path');
  if (table === 'contexts') {
    if (field !== 'cluster' && field !== 'user' && field !== 'namespace') throw new KubectlError(`error: unable to locate path ${path}`);
    put(config.contexts, name, { ...(config.contexts.get(name) ?? { cluster: '', user: '', namespace: '' }), [field]: value ?? '' });
    return;
  }
  if (![...FIELDS.cluster, ...FIELDS.user].includes(field as 'server')) throw new KubectlError(`error: unable to locate path ${path}`);
  const entries = table === 'clusters' ? config.clusters : config.users;
  const { [field]: _old, ...kept } = (entries.get(name) ?? {}) as Readonly<Record<string, string>>;
  put(entries as Map<string, Readonly<Record<string, string>>>, name, value === undefined ? kept : { ...kept, [field]: value });
}

function view(kubectl: Kubectl, config: KubeConfig): object {
  const { flags } = kubectl;
  const chosen = flags.get('context') || config.current;
  const context = config.contexts.get(chosen);
  if (flags.bool('minify') && context === undefined)
    throw new KubectlError(chosen === '' ? 'error: current-context must exist in order to minify' : `error: cannot locate context ${chosen}`);
  const has = (name: string, wanted: string | undefined): boolean => !flags.bool('minify') || name === wanted;
  const told = (fields: Readonly<Record<string, string | boolean>>): object =>
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [
        key,
        flags.bool('raw') ? value : key.endsWith('-data') ? 'DATA+OMITTED' : key === 'token' || key === 'password' ? 'REDACTED' : value,
      ]),
    );
  const clusters = byName(config.clusters)
    .filter(([name]) => has(name, context?.cluster))
    .map(([name, fields]) => {
      const own =
        name === 'kubernetes' && fields.server === undefined ? { 'certificate-authority-data': 'DATA', server: serverOf(kubectl, config, name) ?? '' } : {};
      return { cluster: told({ ...own, ...fields }), name };
    });
  const contexts = byName(config.contexts)
    .filter(([name]) => has(name, chosen))
    .map(([name, one]) => ({ context: { cluster: one.cluster, ...(one.namespace === '' ? {} : { namespace: one.namespace }), user: one.user }, name }));
  const users = byName(config.users)
    .filter(([name]) => has(name, context?.user))
    .map(([name, fields]) => ({ name, user: told(fields) }));
  return { apiVersion: 'v1', clusters, contexts, 'current-context': config.current, kind: 'Config', users };
}

const subcommands: Readonly<Record<string, Run>> = {
  'current-context': (kubectl, config) => {
    if (config.current === '') throw new KubectlError('error: current-context is not set');
    kubectl.out(`${config.current}\n`);
    return 0;
  },
  'get-contexts': (kubectl, config, args) => {
    const { flags } = kubectl;
    const wanted = args.length === 0 ? byName(config.contexts) : args.flatMap((name) => [...config.contexts].filter(([one]) => one === name));
    if (flags.get('output') === 'name') for (const [name] of wanted) kubectl.out(`${name}\n`);
    else {
      const rows = wanted.map(([name, one]) => [name === config.current ? '*' : '', name, one.cluster, one.user, one.namespace]);
      kubectl.out(formatTable(flags.bool('no-headers') ? rows : [['CURRENT', 'NAME', 'CLUSTER', 'AUTHINFO', 'NAMESPACE'], ...rows]));
    }
    const missing = args.filter((name) => !config.contexts.has(name));
    if (missing.length === 1) throw new KubectlError(`error: context ${missing[0]} not found`);
    if (missing.length > 1) throw new KubectlError(missing.map((name) => `context ${name} not found`).join('\n'));
    return 0;
  },
  'get-clusters': (kubectl, config) => {
    kubectl.out(['NAME', ...byName(config.clusters).map(([name]) => name), ''].join('\n'));
    return 0;
  },
  'get-users': (kubectl, config) => {
    kubectl.out(['NAME', ...byName(config.users).map(([name]) => name), ''].join('\n'));
    return 0;
  },
  'use-context': (kubectl, config, args) => {
    const name = args[0] ?? '';
    if (!config.contexts.has(name)) throw noContext(name);
    config.current = name;
    kubectl.out(`Switched to context "${name}".\n`);
    return 0;
  },
  'set-context': (kubectl, config, args) => {
    const { flags } = kubectl;
    const isCurrent = flags.bool('current');
    if (isCurrent ? args.length > 0 : args.length > 1) throw usage(`Unexpected args: [${args.join(' ')}]`);
    const name = isCurrent ? config.current : (args[0] ?? '');
    if (name === '') throw new KubectlError(isCurrent ? 'error: no current context is set' : 'error: you must specify a non-empty context name or --current');
    const before = config.contexts.get(name);
    const take = (field: keyof KubeContext): string => (flags.has(field) ? flags.get(field) : (before?.[field] ?? ''));
    put(config.contexts, name, { cluster: take('cluster'), user: take('user'), namespace: take('namespace') });
    kubectl.out(`Context "${name}" ${before === undefined ? 'created' : 'modified'}.\n`);
    return 0;
  },
  'rename-context': (kubectl, config, args) => {
    const [from = '', to = ''] = args;
    if (args.length !== 2) throw usage(`Unexpected args: [${args.join(' ')}]`);
    const context = config.contexts.get(from);
    if (context === undefined) throw new KubectlError(`error: cannot rename the context "${from}", it's not in ${KUBECONFIG_PATH}`);
    if (config.contexts.has(to)) throw new KubectlError(`error: cannot rename the context "${from}", the context "${to}" already exists in ${KUBECONFIG_PATH}`);
    config.contexts.delete(from);
    config.contexts.set(to, context);
    if (config.current === from) config.current = to;
    kubectl.out(`Context "${from}" renamed to "${to}".\n`);
    return 0;
  },
  'delete-context': (kubectl, config, args) => {
    const name = only(args, 'delete-context');
    const told = deleteFrom(config.contexts, name, 'context');
    if (name === config.current) kubectl.err('warning: this removed your active context, use "kubectl config use-context" to select a different one\n');
    kubectl.out(told);
    return 0;
  },
  'delete-cluster': (kubectl, config, args) => {
    kubectl.out(deleteFrom(config.clusters, only(args, 'delete-cluster'), 'cluster'));
    return 0;
  },
  'delete-user': (kubectl, config, args) => {
    if (args.length === 0) throw new KubectlError("error: user to delete is required\nSee 'kubectl config delete-user -h' for help and examples");
    kubectl.out(deleteFrom(config.users, only(args, 'delete-user'), 'user'));
    return 0;
  },
  'set-cluster': (kubectl, config, args) => {
    const name = only(args, 'set-cluster');
    setEntry(config.clusters, kubectl, name, FIELDS.cluster);
    kubectl.out(`Cluster "${name}" set.\n`);
    return 0;
  },
  'set-credentials': (kubectl, config, args) => {
    const name = only(args, 'set-credentials');
    setEntry(config.users, kubectl, name, FIELDS.user);
    kubectl.out(`User "${name}" set.\n`);
    return 0;
  },
  set: (kubectl, config, args) => {
    const [path, value] = args;
    if (path === undefined || value === undefined || args.length > 2) throw usage(`Unexpected args: [${args.join(' ')}]`);
    property(config, path, value);
    kubectl.out(`Property "${path}" set.\n`);
    return 0;
  },
  unset: (kubectl, config, args) => {
    const path = only(args, 'unset');
    property(config, path, undefined);
    kubectl.out(`Property "${path}" unset.\n`);
    return 0;
  },
  view: (kubectl, config) => {
    const value = view(kubectl, config);
    const format = parseOutput(kubectl.flags.get('output') || 'yaml', false);
    if (format.kind === 'yaml') kubectl.out(formatYaml(sortKeys(value) as Parameters<typeof formatYaml>[0]));
    else if (format.kind !== 'table')
      kubectl.out(formatObjects(format, [[{ kind: 'Config', apiVersion: 'v1' }, { ...value, metadata: { name: '' } } as unknown as KubeObject]], true));
    return 0;
  },
};

/** What may follow `kubectl config`. */
export const configWords: readonly string[] = Object.keys(subcommands).sort();

export const config = defineVerb({
  name: 'config',
  summary: 'config get-contexts|use-context|set-context|rename-context|delete-context|set-cluster|set-credentials|view …',
  flags: [
    outputFlag,
    ...['current', 'minify', 'raw', 'flatten', 'no-headers', 'embed-certs'].map((name) => ({ name, type: 'bool' as const })),
    ...[...FIELDS.cluster, ...FIELDS.user.filter((name) => name !== 'token')]
      .filter((name) => name !== 'server')
      .map((name) => ({ name, type: 'string' as const })),
  ],
  run: (kubectl) => {
    const [word = '', ...args] = kubectl.flags.args;
    const name = word === 'use' ? 'use-context' : word;
    const found = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (found === undefined) throw new KubectlError(`error: unknown command "${word}"\nSee 'kubectl config -h' for help and examples`);
    return found(kubectl, kubectl.invocation.shell.state.kubeconfig, args);
  },
});
