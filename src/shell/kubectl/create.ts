/** kubectl create: from files, or objects of many kinds from flags. */
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { applyFiles } from './apply.ts';
import { checkDryRun, defineVerb, dryRunFlag, dryRunSuffix, failureText, filenameFlag, type Kubectl, outputFlag, qualifiedName } from './client.ts';
import { configMap, genericSecret, registrySecret, tlsSecret } from './create-data.ts';
import { ingress, service } from './create-network.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from './create-rbac.ts';
import { createToken } from './create-token.ts';
import { cronJob, deployment, disruptionBudget, job, priorityClass, quota } from './create-workload.ts';
import { type Flag, KubectlError } from './flags.ts';
import { groupHelp } from './help.ts';
import { formatObjects, parseOutput } from './output.ts';

interface Generator {
  readonly build: (kubectl: Kubectl, name: string) => KubeObject;
  /** What stands before the server's words when it refuses; absent: kubectl's usual form. */
  readonly failure?: string;
  readonly required?: readonly string[];
}

const failed = (kind: string, build: Generator['build'], required: readonly string[] = []): Generator => ({
  build,
  failure: `failed to create ${kind}`,
  required,
});

const serviceOf = (type: string, required: readonly string[] = []): Generator =>
  failed(`${type} service`, (kubectl, name) => service(kubectl, type, name), required);

/** By the words after `create`. */
const generators: Readonly<Record<string, Generator>> = {
  clusterrole: failed('clusterrole', clusterRole),
  clusterrolebinding: failed('clusterrolebinding', clusterRoleBinding, ['clusterrole']),
  configmap: failed('configmap', configMap),
  cronjob: failed('cronjob', cronJob, ['image', 'schedule']),
  deployment: failed('deployment', deployment, ['image']),
  ingress: failed('ingress', ingress),
  job: failed('job', job),
  namespace: { build: (_kubectl, name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {}, status: {} }) },
  poddisruptionbudget: failed('poddisruptionbudgets', disruptionBudget),
  priorityclass: failed('priorityclass', priorityClass),
  quota: failed('quota', quota),
  role: failed('role', role),
  rolebinding: failed('rolebinding', roleBinding),
  'secret docker-registry': failed('secret', registrySecret),
  'secret generic': failed('secret', genericSecret),
  'secret tls': failed('secret', tlsSecret),
  'service clusterip': serviceOf('ClusterIP'),
  'service externalname': serviceOf('ExternalName', ['external-name']),
  'service loadbalancer': serviceOf('LoadBalancer'),
  'service nodeport': serviceOf('NodePort'),
  serviceaccount: failed('serviceaccount', (kubectl, name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: kubectl.namespace } })),
};

const ALIASES: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  ns: 'namespace',
  cm: 'configmap',
  svc: 'service',
  sa: 'serviceaccount',
  ing: 'ingress',
  cj: 'cronjob',
  pdb: 'poddisruptionbudget',
  pc: 'priorityclass',
  resourcequota: 'quota',
};

/** What may follow `kubectl create`. */
export const createWords: readonly string[] = [...new Set([...Object.keys(generators).map((words) => words.split(' ')[0] ?? ''), 'token'])].sort();

const text = (...names: readonly string[]): readonly Flag[] => names.map((name) => ({ name, type: 'string' }));
const texts = (...names: readonly string[]): readonly Flag[] => names.map((name) => ({ name, type: 'list' }));
const numbers = (...names: readonly string[]): readonly Flag[] => names.map((name) => ({ name, type: 'int' }));
const switches = (...names: readonly string[]): readonly Flag[] => names.map((name) => ({ name, type: 'bool' }));

export const create = defineVerb({
  name: 'create',
  summary: 'makes objects: create deployment|job|namespace|service|configmap|secret|role|…, or -f FILE',
  completes: 'files',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    { name: 'replicas', short: 'r', type: 'int' },
    { name: 'validate', type: 'optional', bare: 'strict' },
    { name: 'recursive', short: 'R', type: 'bool' },
    ...texts('image', 'tcp', 'from-literal', 'from-file', 'from-env-file', 'rule', 'annotation', 'verb', 'resource', 'resource-name', 'non-resource-url'),
    ...texts('user', 'group', 'serviceaccount', 'hard', 'audience'),
    ...text('bound-object-uid'),
    ...text(
      'clusterip',
      'external-name',
      'class',
      'default-backend',
      'field-manager',
      'from',
      'schedule',
      'restart',
      'aggregation-rule',
      'role',
      'clusterrole',
    ),
    ...text(
      'selector',
      'min-available',
      'max-unavailable',
      'description',
      'preemption-policy',
      'scopes',
      'type',
      'cert',
      'key',
      'duration',
      'bound-object-kind',
      'bound-object-name',
    ),
    ...text('docker-username', 'docker-password', 'docker-email', 'docker-server'),
    ...numbers('port', 'node-port', 'value'),
    ...switches('save-config', 'global-default', 'append-hash'),
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    if (flags.has('filename')) return applyFiles(kubectl, 'create');
    const before = flags.args.slice(0, flags.beforeDash);
    const word = before[0];
    if (word === undefined) throw new KubectlError('error: must specify one of -f and -k');
    const verb = ALIASES[word] ?? word;
    if (!createWords.includes(verb)) throw new KubectlError(`error: Unexpected args: [${flags.args.join(' ')}]\nSee 'kubectl create -h' for help and examples`);
    if (verb === 'token') return createToken(kubectl, before.slice(1));
    const grouped = verb === 'service' || verb === 'secret';
    const title = grouped ? `${verb} ${before[1] ?? ''}` : verb;
    if (grouped && before[1] === undefined) {
      const kinds = Object.keys(generators).filter((name) => name.startsWith(`${verb} `));
      const subcommands = Object.fromEntries(kinds.map((name) => [name.slice(verb.length + 1), { summary: `A ${verb} of this type` }]));
      kubectl.err(groupHelp({ ...create, summary: `makes a ${verb} of one of several types`, usage: '[flags] [options]', subcommands }, `create ${verb}`));
      return 1;
    }
    const generator = Object.hasOwn(generators, title) ? generators[title] : undefined;
    if (generator === undefined) throw new KubectlError(`error: unknown command "${before[1]}"\nSee 'kubectl create ${verb} -h' for help and examples`);
    const missing = (generator.required ?? []).filter((name) => !flags.has(name));
    if (missing.length > 0) throw new KubectlError(`error: required flag(s) ${missing.map((name) => `"${name}"`).join(', ')} not set`);
    const names = before.slice(grouped ? 2 : 1);
    const [name, more] = names;
    if (name === undefined || more !== undefined)
      throw new KubectlError(`error: exactly one NAME is required, got ${names.length}\nSee 'kubectl create ${title} -h' for help and examples`);
    if (flags.bool('append-hash')) throw new KubectlError('error: --append-hash is not part of this simulated kubectl');
    if (flags.bool('save-config')) throw new KubectlError('error: --save-config is not part of this simulated kubectl; use kubectl apply');
    return store(kubectl, generator.build(kubectl, name), generator.failure);
  },
});

/** Sends the object, or prints it with --dry-run. `failure` is the verb's own prefix for server errors. */
export function store(kubectl: Kubectl, object: KubeObject, failure: string | undefined, done = 'created', manager = 'kubectl-create'): Outcome {
  const { flags, invocation } = kubectl;
  const format = parseOutput(flags.get('output'), false);
  const kind: Pick<Kind, 'kind' | 'apiVersion'> = object;
  const dryRun = checkDryRun(flags);
  if (dryRun && flags.get('dry-run') !== 'server') {
    if (format.kind === 'table') kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} ${done}${dryRunSuffix(flags)}\n`);
    else kubectl.out(formatObjects(format, [[kind, flags.has('namespace') ? object : withoutNamespace(object)]], true));
    return 0;
  }
  // Status belongs to the server, and a null is nothing it would store.
  const wanted = Object.fromEntries(Object.entries(object).filter(([key, value]) => key !== 'status' && value !== null)) as unknown as KubeObject;
  const result = invocation.host.api.create(wanted, { dryRun, fieldManager: flags.get('field-manager') || manager });
  if (!result.ok) {
    if (failure === undefined) kubectl.err(failureText(result));
    else kubectl.err(`error: ${failure}: ${result.message}\n`);
    return 1;
  }
  for (const warning of result.warnings) kubectl.err(`Warning: ${warning}\n`);
  invocation.host.settle();
  if (format.kind === 'table') kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} ${done}${dryRunSuffix(flags)}\n`);
  else kubectl.out(formatObjects(format, [[kind, result.value]], true));
  return 0;
}

function withoutNamespace(object: KubeObject): KubeObject {
  const { namespace: _namespace, ...metadata } = object.metadata;
  return { ...object, metadata };
}
