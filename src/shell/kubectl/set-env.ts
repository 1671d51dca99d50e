/** kubectl set env: what changes of variables make of a container's list, and how the list is shown. Kubernetes: kubectl/pkg/cmd/set/set_env.go, env/env_resolve.go */
import type { Kind, KubeObject } from '../../objects/types.ts';
import { at, pairs, record, text } from '../json.ts';
import { decodeBase64 } from '../text/words.ts';
import { findKind, getObject, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';

const envName = (key: string): string => key.replace(/[^a-zA-Z0-9_]/g, '_').toUpperCase();

/** Variables from `--from=configmap/NAME` or `secret/NAME`, in order of key (the real one: of a Go map, which is none). */
function variablesFrom(kubectl: Kubectl): readonly Readonly<Record<string, unknown>>[] {
  const { flags } = kubectl;
  const from = flags.get('from');
  if (from === '') return [];
  const [resource = '', name = ''] = from.split('/');
  const kind = findKind(kubectl, resource);
  if (kind.kind !== 'ConfigMap' && kind.kind !== 'Secret') throw new KubectlError(`error: unsupported resource specified in --from`);
  const source = getObject(kubectl, kind, name);
  const wanted = flags.get('keys') === '' ? undefined : flags.get('keys').split(',');
  return pairs(at(source, 'data'))
    .map(([key]) => key)
    .filter((key) => wanted === undefined || wanted.includes(key))
    .map((key) => {
      const upper = envName(key);
      if (upper !== key) kubectl.err(`Warning: key ${key} transferred to ${upper}\n`);
      return {
        name: `${flags.get('prefix')}${upper}`,
        valueFrom: { [kind.kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef']: { key, name } },
      };
    });
}

/** What the words (`A=b`, `A-`) and flags make of a list of variables. */
export function changeEnvironment(kubectl: Kubectl, changes: readonly string[]): (env: readonly unknown[]) => readonly unknown[] {
  const removed = new Set(changes.filter((word) => !word.includes('=')).map((word) => word.slice(0, -1)));
  const set: readonly Readonly<Record<string, unknown>>[] = [
    ...changes.filter((word) => word.includes('=')).map((word) => ({ name: word.slice(0, word.indexOf('=')), value: word.slice(word.indexOf('=') + 1) })),
    ...variablesFrom(kubectl),
  ];
  const keep = kubectl.flags.has('overwrite') && !kubectl.flags.bool('overwrite');
  return (env) => {
    const kept = env.filter((one) => !removed.has(text(at(one, 'name'))));
    for (const variable of set) {
      const place = kept.findIndex((one) => text(at(one, 'name')) === variable.name);
      if (place < 0) kept.push(variable);
      else if (keep)
        throw new KubectlError(`error: '${text(variable.name)}' already has a value (${text(at(kept[place], 'value'))}), and --overwrite is false`);
      else kept[place] = variable;
    }
    return kept;
  };
}

/** What a reference of a variable stands for: `configmap envs, key z`. */
function referenceText(from: unknown): string {
  const map = at(from, 'configMapKeyRef');
  if (map !== undefined) return `configmap ${text(at(map, 'name'))}, key ${text(at(map, 'key'))}`;
  const secret = at(from, 'secretKeyRef');
  if (secret !== undefined) return `secret ${text(at(secret, 'name'))}, key ${text(at(secret, 'key'))}`;
  const field = at(from, 'fieldRef');
  if (field !== undefined) return `field path ${text(at(field, 'fieldPath'))}`;
  const resource = at(from, 'resourceFieldRef');
  if (resource === undefined) return 'invalid valueFrom';
  const container = text(at(resource, 'containerName'));
  return `resource field ${container === '' ? '' : `${container}, `}${text(at(resource, 'resource'))}`;
}

/** The value behind a reference; undefined when it cannot be known from the API. */
function resolve(kubectl: Kubectl, object: KubeObject, from: unknown): string | undefined {
  const { view } = kubectl.invocation.host.api;
  const namespace = object.metadata.namespace ?? '';
  const map = at(from, 'configMapKeyRef');
  const secret = at(from, 'secretKeyRef');
  if (map !== undefined)
    return pairs(at(view.find(`ConfigMap/${namespace}/${text(at(map, 'name'))}`), 'data')).find(([key]) => key === text(at(map, 'key')))?.[1];
  if (secret !== undefined) {
    const found = pairs(at(view.find(`Secret/${namespace}/${text(at(secret, 'name'))}`), 'data')).find(([key]) => key === text(at(secret, 'key')))?.[1];
    return found === undefined ? undefined : decodeBase64(found);
  }
  const path = text(at(from, 'fieldRef', 'fieldPath'));
  return path === '' ? undefined : text(at(object, ...path.split('.')));
}

export function listEnvironment(kubectl: Kubectl, kind: Kind, object: KubeObject, container: unknown): void {
  kubectl.out(`# ${kind.kind} ${object.metadata.name}, container ${text(at(container, 'name'))}\n`);
  for (const variable of (at(container, 'env') ?? []) as readonly unknown[]) {
    const name = text(at(variable, 'name'));
    const from = record(variable).valueFrom;
    if (from === undefined) kubectl.out(`${name}=${text(at(variable, 'value'))}\n`);
    else {
      const value = kubectl.flags.bool('resolve') ? resolve(kubectl, object, from) : undefined;
      kubectl.out(value === undefined ? `# ${name} from ${referenceText(from)}\n` : `${name}=${value}\n`);
    }
  }
}
