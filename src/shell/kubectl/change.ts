/** delete, scale, label, annotate, patch, edit, set image: verbs that change objects that are there. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { RemoveOptions } from '../../objects/api.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, list, number, text } from '../json.ts';
import { applyFiles, filesOf } from './apply.ts';
import {
  allNamespacesFlag,
  checkDryRun,
  defineVerb,
  dryRunFlag,
  dryRunSuffix,
  expectOk,
  failureText,
  filenameFlag,
  type Kubectl,
  keyOf,
  MUST_PROVIDE,
  outputFlag,
  qualifiedName,
  selectObjects,
  selectorFlag,
} from './client.ts';
import { KubectlError } from './flags.ts';
import type { WaitState } from './watches.ts';

export const deleteVerb = defineVerb({
  name: 'delete',
  summary: 'removes objects',
  completes: 'resources',
  flags: [
    filenameFlag,
    selectorFlag,
    allNamespacesFlag,
    dryRunFlag,
    outputFlag,
    { name: 'all', type: 'bool' },
    { name: 'force', type: 'bool' },
    { name: 'grace-period', type: 'int' },
    { name: 'now', type: 'bool' },
    { name: 'ignore-not-found', type: 'bool' },
    { name: 'wait', type: 'bool' },
    { name: 'cascade', type: 'optional', bare: 'background' },
    { name: 'timeout', type: 'string' },
    { name: 'field-selector', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    if (flags.has('filename')) return applyFiles(kubectl, 'delete');
    if (flags.args.length === 0) throw new KubectlError(MUST_PROVIDE);
    const everything = flags.bool('all') || flags.has('selector') || flags.has('field-selector');
    const named = flags.args.length > 1 || flags.args.some((word) => word.includes('/'));
    if (!named && !everything) throw new KubectlError('error: resource(s) were provided, but no name was specified');
    if (named && flags.bool('all')) throw new KubectlError('error: name cannot be provided when a selector is specified');
    const { objects, failed } = selectQuietly(kubectl);
    if (objects.length === 0 && !named) kubectl.out('No resources found\n');
    if (flags.bool('force'))
      kubectl.err(
        'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n',
      );
    const dryRun = checkDryRun(flags);
    const gracePeriodSeconds = graceOf(flags);
    const leaving: WaitState['waiting'] = [];
    let status = failed ? 1 : 0;
    for (const [kind, object] of objects) {
      const namespace = object.metadata.namespace ?? '';
      const key = keyOf(kind, namespace, object.metadata.name);
      const options = { ...propagation(flags.get('cascade')), ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) };
      const result = dryRun ? undefined : invocation.host.api.remove(key, options);
      if (result !== undefined && !result.ok) {
        kubectl.err(failureText(result));
        status = 1;
        continue;
      }
      // Pods leave when their hooks have run; what finalizers hold may never go.
      if (kind.kind === 'Pod' && (object.metadata.finalizers ?? []).length === 0) leaving.push({ key, title: '', uid: object.metadata.uid ?? '' });
      const where = kind.namespaced ? ` from ${namespace} namespace` : '';
      kubectl.out(
        flags.get('output') === 'name'
          ? `${qualifiedName(kind)}/${object.metadata.name}\n`
          : `${qualifiedName(kind)} "${object.metadata.name}" ${flags.bool('force') ? 'force deleted' : 'deleted'}${where}${dryRunSuffix(flags)}\n`,
      );
    }
    invocation.host.settle();
    if (dryRun || (flags.has('wait') && !flags.bool('wait')) || flags.bool('force')) return status;
    const { view } = invocation.host.api;
    const waiting = leaving.filter(({ key, uid }) => view.find(key)?.metadata.uid === uid);
    if (waiting.length === 0) return status;
    return { kind: 'watch', watch: 'kubectl-wait', state: { waiting, condition: { kind: 'delete' }, lastLine: '' }, timeoutSeconds: DELETE_TIMEOUT_SECONDS };
  },
});

/** `--cascade`; background by default. @throws {KubectlError} */
function propagation(cascade: string): RemoveOptions {
  switch (cascade) {
    case 'orphan':
    case 'false':
      return { propagationPolicy: 'Orphan' };
    case 'foreground':
      return { propagationPolicy: 'Foreground' };
    case '':
    case 'background':
    case 'true':
      return {};
    default:
      throw new KubectlError(`error: invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`);
  }
}

/** kubectl waits a week. Kubernetes: staging/src/k8s.io/kubectl/pkg/cmd/delete/delete.go. */
const DELETE_TIMEOUT_SECONDS = 168 * 3600;

/** kubectl gives a pod at least a second unless it is forced. */
function graceOf(flags: Kubectl['flags']): number | undefined {
  const given = flags.has('grace-period') ? Number(flags.get('grace-period')) : undefined;
  if (given !== undefined && given >= 0) return given === 0 && !flags.bool('force') ? 1 : given;
  return flags.bool('force') ? 0 : flags.bool('now') ? 1 : undefined;
}

function selectQuietly(kubectl: Kubectl): ReturnType<typeof selectObjects> {
  if (!kubectl.flags.bool('ignore-not-found')) return selectObjects(kubectl, kubectl.flags.args);
  const { objects } = selectObjects({ ...kubectl, err: () => undefined }, kubectl.flags.args);
  return { objects, failed: false };
}

/** The objects of `-f` files or of the arguments. */
function targets(kubectl: Kubectl, args: readonly string[]): ReturnType<typeof selectObjects> {
  const words = kubectl.flags.has('filename') ? filesOf(kubectl, kubectl.flags.all('filename')).map(({ kind, name }) => `${kind}/${name}`) : args;
  if (words.length === 0) throw new KubectlError(MUST_PROVIDE);
  return selectObjects(kubectl, words);
}

export const scale = defineVerb({
  name: 'scale',
  summary: 'sets the number of replicas (--replicas=N)',
  completes: 'resources',
  flags: [
    filenameFlag,
    selectorFlag,
    dryRunFlag,
    outputFlag,
    { name: 'replicas', type: 'int' },
    { name: 'current-replicas', type: 'int' },
    { name: 'resource-version', type: 'string' },
    { name: 'all', type: 'bool' },
    { name: 'timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    if (!flags.has('replicas')) throw new KubectlError('error: required flag(s) "replicas" not set');
    const replicas = Number(flags.get('replicas'));
    if (replicas < 0) throw new KubectlError(`error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0`);
    const { objects, failed } = targets(kubectl, flags.args);
    let status = failed ? 1 : 0;
    const dryRun = checkDryRun(flags);
    for (const [kind, object] of objects) {
      if (!['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'].includes(kind.kind)) {
        kubectl.err('Error from server (NotFound): the server could not find the requested resource\n');
        status = 1;
        continue;
      }
      const current = number(at(object, 'spec', 'replicas'), 1);
      if (flags.has('current-replicas') && Number(flags.get('current-replicas')) !== current) {
        kubectl.err(`error: Expected replicas to be ${flags.get('current-replicas')}, was ${current}\n`);
        status = 1;
        continue;
      }
      if (!dryRun) expectOk(invocation.host.api.patch(keyOf(kind, kubectl.namespace, object.metadata.name), { spec: { replicas } }, 'merge'));
      kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} scaled${dryRunSuffix(flags)}\n`);
    }
    invocation.host.settle();
    return status;
  },
});

/** label and annotate differ only in names. */
function defineMetadataVerb(name: 'label' | 'annotate', field: 'labels' | 'annotations', done: string, summary: string) {
  return defineVerb({
    name,
    summary,
    completes: 'resources',
    flags: [
      filenameFlag,
      selectorFlag,
      dryRunFlag,
      outputFlag,
      allNamespacesFlag,
      { name: 'overwrite', type: 'bool' },
      { name: 'all', type: 'bool' },
      { name: 'list', type: 'bool' },
      { name: 'resource-version', type: 'string' },
    ],
    run: (kubectl) => {
      const { flags, invocation } = kubectl;
      const isChange = (word: string): boolean => /^[^=/]+(?:\/[^=]+)?=/.test(word) || (/-$/.test(word) && flags.args.indexOf(word) > 0);
      const resources = flags.args.filter((word) => !isChange(word));
      const changes = flags.args.filter(isChange);
      if (resources.length === 0 && !flags.has('filename')) throw new KubectlError(MUST_PROVIDE);
      if (changes.length === 0 && !flags.bool('list'))
        throw new KubectlError(`error: at least one ${field === 'labels' ? 'label' : 'annotation'} update is required`);
      if (resources.length === 1 && !(resources[0] ?? '').includes('/') && !flags.bool('all') && !flags.has('selector') && !flags.has('filename')) {
        throw new KubectlError('error: resource(s) were provided, but no name was specified');
      }
      const { objects, failed } = targets(kubectl, resources);
      const dryRun = checkDryRun(flags);
      let status = failed ? 1 : 0;
      for (const [kind, object] of objects) {
        const before = object.metadata[field] ?? {};
        if (flags.bool('list')) {
          for (const key of Object.keys(before).sort()) kubectl.out(`${key}=${before[key]}\n`);
          continue;
        }
        const patch: Record<string, string | null> = {};
        let conflict: string | undefined;
        for (const change of changes) {
          const equals = change.indexOf('=');
          const key = equals < 0 ? change.slice(0, -1) : change.slice(0, equals);
          const value = equals < 0 ? null : change.slice(equals + 1);
          if (value === null && !Object.hasOwn(before, key)) kubectl.out(`${field === 'labels' ? 'label' : 'annotation'} "${key}" not found.\n`);
          if (value !== null && Object.hasOwn(before, key) && before[key] !== value && !flags.bool('overwrite'))
            conflict = `'${key}' already has a value (${before[key]}), and --overwrite is false`;
          Object.defineProperty(patch, key, { value, enumerable: true, configurable: true, writable: true });
        }
        if (conflict !== undefined) {
          kubectl.err(`error: ${conflict}\n`);
          status = 1;
          continue;
        }
        const result = dryRun
          ? undefined
          : invocation.host.api.patch(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name), { metadata: { [field]: patch } }, 'merge');
        if (result !== undefined && !result.ok) {
          kubectl.err(failureText(result));
          status = 1;
          continue;
        }
        const same = Object.entries(patch).every(([key, value]) => (value === null ? !Object.hasOwn(before, key) : before[key] === value));
        const onlyRemovals = Object.values(patch).every((value) => value === null);
        kubectl.out(
          `${qualifiedName(kind)}/${object.metadata.name} ${field === 'labels' ? (same ? 'not labeled' : onlyRemovals ? 'unlabeled' : done) : done}${dryRunSuffix(flags)}\n`,
        );
      }
      invocation.host.settle();
      return status;
    },
  });
}
export const label = defineMetadataVerb('label', 'labels', 'labeled', 'sets labels (KEY=VALUE, KEY- removes)');
export const annotate = defineMetadataVerb('annotate', 'annotations', 'annotated', 'sets annotations (KEY=VALUE, KEY- removes)');

export const patch = defineVerb({
  name: 'patch',
  summary: 'changes fields (-p JSON-OR-YAML, --type=strategic|merge|json)',
  completes: 'resources',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    { name: 'patch', short: 'p', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'patch-file', type: 'string' },
    { name: 'subresource', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const type = flags.get('type') || 'strategic';
    if (type !== 'strategic' && type !== 'merge' && type !== 'json')
      throw new KubectlError(`error: --type must be one of [json merge strategic], not "${type}"`);
    const content = flags.has('patch-file') ? invocation.shell.readFile(invocation.place, flags.get('patch-file')) : flags.get('patch');
    if (content === undefined || content === '') throw new KubectlError('error: must specify --patch or --patch-file containing the contents of the patch');
    const parsed = parseYaml('patch', content);
    const problem = parsed.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    if (problem !== undefined || parsed.documents.length !== 1)
      throw new KubectlError(`error: unable to parse "${content}": ${problem?.message ?? 'expected one document'}`);
    const { objects, failed } = targets(kubectl, flags.args);
    if (objects.length === 0 && !failed) throw new KubectlError(MUST_PROVIDE);
    let status = failed ? 1 : 0;
    for (const [kind, object] of objects) {
      const result = checkDryRun(flags)
        ? undefined
        : invocation.host.api.patch(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name), parsed.documents[0]?.value, type);
      if (result !== undefined && !result.ok) {
        kubectl.err(failureText(result));
        status = 1;
        continue;
      }
      const changed = result === undefined || result.value.metadata.resourceVersion !== object.metadata.resourceVersion;
      kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} patched${changed ? '' : ' (no change)'}${dryRunSuffix(flags)}\n`);
    }
    invocation.host.settle();
    return status;
  },
});

export const set = defineVerb({
  name: 'set',
  summary: 'set image deployment/NAME CONTAINER=IMAGE; set env, set selector',
  completes: 'resources',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    selectorFlag,
    { name: 'all', type: 'bool' },
    { name: 'containers', short: 'c', type: 'string' },
    { name: 'list', type: 'bool' },
  ],
  run: (kubectl) => {
    const [subcommand, ...args] = kubectl.flags.args;
    if (subcommand === 'image') return setImage(kubectl, args);
    if (subcommand === 'selector') return setSelector(kubectl, args);
    if (subcommand === 'env') return setEnvironment(kubectl, args);
    throw new KubectlError(
      `error: ${subcommand === undefined ? 'a subcommand is needed' : `unknown command "${subcommand}"`} (image, env and selector are part of this simulated kubectl)\nSee 'kubectl set -h' for help and examples`,
    );
  },
});

function workloadContainers(object: KubeObject): { readonly path: 'spec' | 'template'; readonly containers: readonly unknown[] } {
  const template = at(object, 'spec', 'template', 'spec', 'containers');
  return template === undefined ? { path: 'spec', containers: list(at(object, 'spec', 'containers')) } : { path: 'template', containers: list(template) };
}

function patchContainers(kubectl: Kubectl, kind: Kind, object: KubeObject, containers: readonly unknown[]): KubeObject {
  const { path } = workloadContainers(object);
  const body = path === 'spec' ? { spec: { containers } } : { spec: { template: { spec: { containers } } } };
  return expectOk(kubectl.invocation.host.api.patch(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name), body, 'strategic'));
}

function setImage(kubectl: Kubectl, args: readonly string[]): Outcome {
  const changes = args.filter((word) => word.includes('=')).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] as const);
  const resources = args.filter((word) => !word.includes('='));
  if (changes.length === 0) throw new KubectlError('error: at least one image update is required');
  const { objects, failed } = targets(kubectl, resources);
  let status = failed ? 1 : 0;
  for (const [kind, object] of objects) {
    const names = workloadContainers(object).containers.map((container) => text(at(container, 'name')));
    const missing = changes.find(([name]) => name !== '*' && !names.includes(name));
    if (missing !== undefined) {
      kubectl.err(`error: unable to find container named "${missing[0]}"\n`);
      status = 1;
      continue;
    }
    const containers = names.flatMap((name) => {
      const image = changes.find(([wanted]) => wanted === name || wanted === '*')?.[1];
      return image === undefined ? [] : [{ name, image }];
    });
    const result = checkDryRun(kubectl.flags) ? undefined : patchContainers(kubectl, kind, object, containers);
    if (result !== undefined && result.metadata.resourceVersion === object.metadata.resourceVersion) continue;
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} image updated${dryRunSuffix(kubectl.flags)}\n`);
  }
  kubectl.invocation.host.settle();
  return status;
}

function setEnvironment(kubectl: Kubectl, args: readonly string[]): Outcome {
  const changes = args.filter((word) => word.includes('=') || /^\w+-$/.test(word));
  const { objects, failed } = targets(
    kubectl,
    args.filter((word) => !changes.includes(word)),
  );
  for (const [kind, object] of objects) {
    if (kubectl.flags.bool('list')) {
      for (const container of workloadContainers(object).containers) {
        kubectl.out(`# ${kind.kind} ${object.metadata.name}, container ${text(at(container, 'name'))}\n`);
        for (const variable of list(at(container, 'env'))) kubectl.out(`${text(at(variable, 'name'))}=${text(at(variable, 'value'))}\n`);
      }
      continue;
    }
    const containers = workloadContainers(object).containers.map((container) => ({
      name: text(at(container, 'name')),
      env: changes.map((change) =>
        change.includes('=')
          ? { name: change.slice(0, change.indexOf('=')), value: change.slice(change.indexOf('=') + 1) }
          : { $patch: 'delete', name: change.slice(0, -1) },
      ),
    }));
    patchContainers(kubectl, kind, object, containers);
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} env updated\n`);
  }
  kubectl.invocation.host.settle();
  return failed ? 1 : 0;
}

function setSelector(kubectl: Kubectl, args: readonly string[]): Outcome {
  const selectorText = args.find((word) => word.includes('='));
  const { objects, failed } = targets(
    kubectl,
    args.filter((word) => word !== selectorText),
  );
  if (selectorText === undefined) throw new KubectlError('error: selector is required');
  const selector = Object.fromEntries(selectorText.split(',').map((pair) => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']));
  for (const [kind, object] of objects) {
    if (kind.kind !== 'Service') throw new KubectlError('error: setting a selector is only supported for Services');
    expectOk(kubectl.invocation.host.api.update({ ...object, spec: { ...(object.spec as Readonly<Record<string, unknown>>), selector } } as KubeObject));
    kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} selector updated\n`);
  }
  kubectl.invocation.host.settle();
  return failed ? 1 : 0;
}
