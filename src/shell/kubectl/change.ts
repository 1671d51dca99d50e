/** delete, scale, label, annotate, patch: verbs that change objects that are there. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { RemoveOptions } from '../../objects/api.ts';
import { at, number } from '../json.ts';
import { resolvePath } from '../paths.ts';
import { applyFiles } from './apply.ts';
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
  selectorFlag,
} from './client.ts';
import { KubectlError } from './flags.ts';
import { parseFieldSelector } from './get.ts';
import { selectObjects, targetFlags, targets } from './select.ts';
import type { WaitState } from './watches.ts';
import { isChanged, patchObject, teller, writeFlags, writeOptions } from './write.ts';

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
    const { objects: chosen, failed } = selectQuietly(kubectl);
    const objects = chosen.filter(([kind, object]) => parseFieldSelector(kind, flags.get('field-selector'))(object));
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

export const scale = defineVerb({
  name: 'scale',
  summary: 'sets the number of replicas',
  examples: ['scale --replicas=3 deployment/web', 'scale --current-replicas=2 --replicas=3 deployment/web'],
  usage: '[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)',
  completes: 'resources',
  flags: [
    ...targetFlags,
    ...writeFlags,
    { name: 'replicas', type: 'int' },
    { name: 'current-replicas', type: 'int' },
    { name: 'resource-version', type: 'string' },
    { name: 'timeout', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    if (!flags.has('replicas')) throw new KubectlError('error: required flag(s) "replicas" not set');
    const replicas = Number(flags.get('replicas'));
    if (replicas < 0) throw new KubectlError(`error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0`);
    const { objects, failed } = targets(kubectl, flags.args);
    let status = failed ? 1 : 0;
    const options = writeOptions(kubectl, 'kubectl');
    const tell = teller(kubectl);
    for (const [kind, object] of objects) {
      if (!['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'].includes(kind.kind)) {
        kubectl.err('Error from server (NotFound): the server could not find the requested resource\n');
        // Of several objects in files, kubectl stops at the first that has no scale.
        if (flags.has('filename')) break;
        status = 1;
        continue;
      }
      const current = number(at(object, 'spec', 'replicas'), 1);
      if (flags.has('current-replicas') && Number(flags.get('current-replicas')) !== current) {
        kubectl.err(`error: Expected replicas to be ${flags.get('current-replicas')}, was ${current}\n`);
        status = 1;
        continue;
      }
      const result = patchObject(kubectl, kind, object, { spec: { replicas } }, { ...options, subresource: 'scale' });
      tell(kind, expectOk(result), 'scaled');
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
    examples: [`${name} pods web unhealthy=true`, `${name} --overwrite pods web status=unhealthy`, `${name} pods --all status-`],
    usage: `[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]`,
    flags: [
      ...targetFlags,
      ...writeFlags,
      allNamespacesFlag,
      { name: 'overwrite', type: 'bool' },
      { name: 'list', type: 'bool' },
      { name: 'local', type: 'bool' },
      { name: 'field-selector', type: 'string' },
      { name: 'resource-version', type: 'string' },
    ],
    run: (kubectl) => {
      const { flags, invocation } = kubectl;
      const isChange = (word: string): boolean => /^[^=/]+(?:\/[^=]+)?=/.test(word) || (/-$/.test(word) && flags.args.indexOf(word) > 0);
      const firstChange = flags.args.findIndex(isChange);
      const late = firstChange < 0 ? undefined : flags.args.slice(firstChange).find((word) => !isChange(word));
      if (late !== undefined) throw new KubectlError(`error: all resources must be specified before ${name} changes: ${late}`);
      const resources = flags.args.filter((word) => !isChange(word));
      const changes = flags.args.filter(isChange);
      if (resources.length === 0 && !flags.has('filename')) throw new KubectlError(MUST_PROVIDE);
      if (changes.length === 0 && !flags.bool('list'))
        throw new KubectlError(`error: at least one ${field === 'labels' ? 'label' : 'annotation'} update is required`);
      const { objects, failed } = targets(kubectl, resources);
      const options = writeOptions(kubectl, `kubectl-${name}`);
      const tell = teller(kubectl);
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
        const result = patchObject(kubectl, kind, object, { metadata: { [field]: patch } }, options);
        if (!result.ok) {
          kubectl.err(failureText(result));
          status = 1;
          continue;
        }
        const [old, now] = [JSON.stringify(before), JSON.stringify(result.value.metadata[field] ?? {})];
        const shorter = !flags.bool('overwrite') && now.length < old.length;
        tell(kind, result.value, field === 'labels' ? (old === now ? 'not labeled' : shorter ? 'unlabeled' : done) : done);
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
  examples: [
    `patch node k8s-node-1 -p '{"spec":{"unschedulable":true}}'`,
    `patch deployment web --type='json' -p='[{"op": "remove", "path": "/spec/paused"}]'`,
  ],
  usage: '(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]',
  flags: [
    ...targetFlags.filter(({ name }) => name !== 'selector' && name !== 'all'),
    ...writeFlags,
    { name: 'patch', short: 'p', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'patch-file', type: 'string' },
    { name: 'subresource', type: 'string' },
    { name: 'local', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const type = flags.get('type') || 'strategic';
    if (type !== 'strategic' && type !== 'merge' && type !== 'json')
      throw new KubectlError(`error: --type must be one of [json merge strategic], not "${type}"`);
    const content = flags.has('patch-file')
      ? invocation.shell.readFile(invocation.place, resolvePath(invocation.cwd, flags.get('patch-file')))
      : flags.get('patch');
    if (content === undefined || content === '') throw new KubectlError('error: must specify --patch or --patch-file containing the contents of the patch');
    const parsed = parseYaml('patch', content);
    const problem = parsed.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    if (problem !== undefined || parsed.documents.length !== 1)
      throw new KubectlError(`error: unable to parse "${content}": ${problem?.message ?? 'expected one document'}`);
    const { objects, failed } = targets(kubectl, flags.args);
    if (objects.length === 0 && !failed) throw new KubectlError(MUST_PROVIDE);
    let status = failed ? 1 : 0;
    const options = writeOptions(kubectl, 'kubectl-patch');
    // The real one does not say of a patch that it was a dry run.
    const tell = teller(kubectl, true);
    for (const [kind, object] of objects) {
      const result = patchObject(kubectl, kind, object, parsed.documents[0]?.value, options, type);
      if (!result.ok) {
        kubectl.err(failureText(result));
        status = 1;
      } else tell(kind, result.value, `patched${isChanged(object, result.value) ? '' : ' (no change)'}`);
    }
    invocation.host.settle();
    return status;
  },
});
