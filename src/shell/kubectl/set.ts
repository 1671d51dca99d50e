/** kubectl set: image, resources, env, selector, serviceaccount, subject of objects that are there. Kubernetes: kubectl/pkg/cmd/set */
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, list, pairs, record, text } from '../json.ts';
import { defineVerb, failureText, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { groupHelp, unknownSubcommand } from './help.ts';
import { selectObjects, targetFlags, targets } from './select.ts';
import { changeEnvironment, listEnvironment } from './set-env.ts';
import { isChanged, patchObject, teller, writeFlags, writeOptions } from './write.ts';

type Fields = Readonly<Record<string, unknown>>;
/** The changed object, or undefined when this kind of object has nothing of the sort. */
type Change = (object: KubeObject) => Fields | undefined;

const PATHS = [['spec', 'template', 'spec'], ['spec', 'jobTemplate', 'spec', 'template', 'spec'], ['spec']] as const;

/** Where an object's pod spec is. */
export function podSpecPath(object: KubeObject): readonly string[] | undefined {
  return PATHS.find((path) => at(object, ...path, 'containers') !== undefined);
}

const nest = (path: readonly string[], value: unknown): Fields => path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Fields;

/** A merge patch that gives these lists of containers in place of the old ones. */
function patchContainers(object: KubeObject, change: (container: Fields) => Fields): Fields | undefined {
  const path = podSpecPath(object);
  if (path === undefined) return undefined;
  const spec = record(at(object, ...path));
  const changed = ['initContainers', 'containers']
    .filter((field) => spec[field] !== undefined)
    .map((field) => [field, list(spec[field]).map((one) => change(record(one)))] as const);
  return nest(path, Object.fromEntries(changed));
}

/** `-c`: `*` is any run of characters. */
export function selectedBy(kubectl: Kubectl): (name: string) => boolean {
  const pattern = kubectl.flags.get('containers') || '*';
  const expression = new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  return (name) => expression.test(name);
}

/** Applies one change to each object and tells those that are other than before. */
function changeAll(kubectl: Kubectl, objects: readonly (readonly [Kind, KubeObject])[], done: string, change: Change): number {
  const tell = teller(kubectl);
  const options = writeOptions(kubectl, 'kubectl-set');
  let status = 0;
  for (const [kind, object] of objects) {
    const body = change(object);
    if (body === undefined) {
      kubectl.err(`error: ${kind.plural}/${object.metadata.name} the object is not a pod or does not have a pod template: *v1.${kind.kind}\n`);
      status = 1;
      continue;
    }
    const result = patchObject(kubectl, kind, object, body, options);
    if (!result.ok) {
      kubectl.err(failureText(result));
      status = 1;
    } else if (done === 'selector updated' || isChanged(object, result.value)) tell(kind, result.value, done);
  }
  kubectl.invocation.host.settle();
  return status;
}

function setImage(kubectl: Kubectl, args: readonly string[]): Outcome {
  const isChange = (word: string): boolean => word.includes('=');
  const changes = args.filter(isChange).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] as const);
  if (changes.length === 0) throw new KubectlError('error: at least one image update is required');
  const { objects, failed } = targets(
    kubectl,
    args.filter((word) => !isChange(word)),
  );
  let status = failed ? 1 : 0;
  const able = objects.filter(([, object]) => {
    const spec = record(at(object, ...(podSpecPath(object) ?? ['spec'])));
    const names = [...list(spec.initContainers), ...list(spec.containers)].map((container) => text(at(container, 'name')));
    const missing = changes.find(([name]) => name !== '*' && !names.includes(name));
    if (missing === undefined || podSpecPath(object) === undefined) return true;
    kubectl.err(`error: unable to find container named "${missing[0]}"\n`);
    status = 1;
    return false;
  });
  const changed = changeAll(kubectl, able, 'image updated', (object) =>
    patchContainers(object, (container) => {
      const image = changes.findLast(([wanted]) => wanted === container.name || wanted === '*')?.[1];
      return image === undefined ? container : { ...container, image };
    }),
  );
  return Math.max(status, changed);
}

function amounts(words: string): Fields {
  const parts = words.split(',').map((part) => part.split('='));
  for (const [name = '', value, more] of parts) {
    if (value === undefined || more !== undefined) throw new KubectlError(`error: Invalid argument syntax ${name}, expected <resource>=<value>`);
    if (!/^[+-]?[0-9.]+(?:[numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$/.test(value))
      throw new KubectlError("error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  return Object.fromEntries(parts.map(([name, value]) => [name, value]));
}

function setResources(kubectl: Kubectl, args: readonly string[]): Outcome {
  const { flags } = kubectl;
  const sides = ['limits', 'requests'].filter((side) => flags.has(side));
  if (sides.length === 0) throw new KubectlError('error: you must specify an update to requests or limits (in the form of --requests/--limits)');
  const wanted = sides.map((side) => [side, amounts(flags.get(side))] as const);
  const { objects, failed } = targets(kubectl, args);
  const selected = selectedBy(kubectl);
  const changed = changeAll(kubectl, objects, 'resource requirements updated', (object) =>
    patchContainers(object, (container) => {
      if (!selected(text(container.name))) return container;
      const resources = { ...record(container.resources) };
      for (const [side, values] of wanted) resources[side] = { ...record(resources[side]), ...values };
      return { ...container, resources };
    }),
  );
  return failed ? 1 : changed;
}

function setEnvironment(kubectl: Kubectl, args: readonly string[]): Outcome {
  const { flags } = kubectl;
  const isChange = (word: string): boolean => /^[^/=]+=/.test(word) || /^[-._a-zA-Z][-._a-zA-Z0-9]*-$/.test(word);
  const changes = [...args.filter(isChange), ...flags.all('env')];
  const words = args.filter((word) => !isChange(word));
  if (flags.bool('list')) {
    const { objects, failed } = selectObjects(kubectl, words);
    const selected = selectedBy(kubectl);
    for (const [kind, object] of objects) {
      const spec = record(at(object, ...(podSpecPath(object) ?? ['spec'])));
      for (const container of list(spec.containers)) if (selected(text(at(container, 'name')))) listEnvironment(kubectl, kind, object, container);
    }
    return failed ? 1 : 0;
  }
  const { objects, failed } = targets(kubectl, words);
  const change = changeEnvironment(kubectl, changes);
  const selected = selectedBy(kubectl);
  const changed = changeAll(kubectl, objects, 'env updated', (object) =>
    patchContainers(object, (container) => (selected(text(container.name)) ? { ...container, env: change(list(container.env)) } : container)),
  );
  return failed ? 1 : changed;
}

function setSelector(kubectl: Kubectl, args: readonly string[]): Outcome {
  const expression = args.at(-1);
  if (expression === undefined) throw new KubectlError('error: one or more resources must be specified as <resource> <name> or <resource>/<name>');
  const { objects, failed } = targets(kubectl, args.slice(0, -1));
  const pieces = expression.split(',').map((pair) => pair.split('='));
  if (pieces.some(([key, value]) => key === '' || value === undefined)) throw new KubectlError(`error: couldn't parse the selector string "${expression}"`);
  const selector = Object.fromEntries(pieces.map(([key, value]) => [key, value]));
  if (objects.some(([kind]) => kind.kind !== 'Service')) throw new KubectlError('error: setting a selector is only supported for Services');
  const changed = changeAll(kubectl, objects, 'selector updated', (object) => ({
    spec: { selector: { ...Object.fromEntries(pairs(at(object, 'spec', 'selector')).map(([key]) => [key, null])), ...selector } },
  }));
  return failed ? 1 : changed;
}

function setServiceAccount(kubectl: Kubectl, args: readonly string[]): Outcome {
  const account = args.at(-1);
  if (account === undefined) throw new KubectlError('error: serviceaccount is required');
  const { objects, failed } = targets(kubectl, args.slice(0, -1));
  const changed = changeAll(kubectl, objects, 'serviceaccount updated', (object) => {
    const path = podSpecPath(object);
    return path === undefined ? undefined : nest(path, { serviceAccountName: account, serviceAccount: account });
  });
  return failed ? 1 : changed;
}

function setSubject(kubectl: Kubectl, args: readonly string[]): Outcome {
  const { flags } = kubectl;
  const split = (name: string): readonly string[] => flags.all(name).flatMap((value) => value.split(','));
  const apiGroup = 'rbac.authorization.k8s.io';
  const wanted: readonly Fields[] = [
    ...split('user').map((name) => ({ apiGroup, kind: 'User', name })),
    ...split('group').map((name) => ({ apiGroup, kind: 'Group', name })),
    ...split('serviceaccount').map((word) => {
      const [namespace = '', name = '', more] = word.split(':');
      if (namespace === '' || name === '' || more !== undefined) throw new KubectlError('error: serviceaccount must be <namespace>:<name>');
      return { kind: 'ServiceAccount', name, namespace };
    }),
  ];
  if (wanted.length === 0) throw new KubectlError('error: you must specify at least one value of user, group or serviceaccount');
  const { objects, failed } = targets(kubectl, args);
  if (objects.some(([kind]) => !kind.kind.endsWith('RoleBinding')))
    throw new KubectlError('error: setting subjects is only supported for RoleBinding/ClusterRoleBinding');
  const changed = changeAll(kubectl, objects, 'subjects updated', (object) => {
    const subjects = [...list(at(object, 'subjects'))];
    for (const one of wanted)
      if (!subjects.some((other) => ['kind', 'name', 'namespace'].every((field) => at(other, field) === one[field]))) subjects.push(one);
    return { subjects };
  });
  return failed ? 1 : changed;
}

const subcommands: Readonly<Record<string, { readonly summary: string; readonly run: (kubectl: Kubectl, args: readonly string[]) => Outcome }>> = {
  env: { summary: 'Environment variables of a pod template', run: setEnvironment },
  image: { summary: 'Images of a pod template', run: setImage },
  resources: { summary: 'Requests and limits of a pod template', run: setResources },
  selector: { summary: 'The selector of a Service', run: setSelector },
  serviceaccount: { summary: 'The service account of a pod template', run: setServiceAccount },
  subject: { summary: 'Users, groups and service accounts of a binding', run: setSubject },
};

export const set = defineVerb({
  name: 'set',
  summary: 'Change single fields of objects',
  completes: 'resources',
  subcommands,
  flags: [
    ...targetFlags,
    ...writeFlags,
    { name: 'local', type: 'bool' },
    { name: 'containers', short: 'c', type: 'string' },
    { name: 'limits', type: 'string' },
    { name: 'requests', type: 'string' },
    { name: 'list', type: 'bool' },
    { name: 'resolve', type: 'bool' },
    { name: 'overwrite', type: 'bool' },
    { name: 'env', short: 'e', type: 'list' },
    { name: 'from', type: 'string' },
    { name: 'keys', type: 'string' },
    { name: 'prefix', type: 'string' },
    { name: 'user', type: 'list' },
    { name: 'group', type: 'list' },
    { name: 'serviceaccount', type: 'list' },
  ],
  run: (kubectl) => {
    const [word, ...args] = kubectl.flags.args;
    if (word === undefined) {
      kubectl.err(groupHelp(set));
      return 1;
    }
    const name = word === 'sa' ? 'serviceaccount' : word === 'subjects' ? 'subject' : word;
    const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (subcommand === undefined) throw unknownSubcommand(kubectl, word);
    if (kubectl.flags.bool('local')) throw new KubectlError('error: --local is not part of this simulated kubectl; use --dry-run=client -o yaml');
    return subcommand.run(kubectl, args);
  },
});
