/** kubectl diff: what `apply` would change, as `diff -u -N` shows it. Kubernetes: kubectl/pkg/cmd/diff/diff.go */

import { formatRfc3339 } from '../../base/time.ts';
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import { type Kind, type KubeObject, writtenKind } from '../../objects/types.ts';
import { at, list, text } from '../json.ts';
import { fileFlags } from './apply.ts';
import { defineVerb, failureText, findKind, type Kubectl, keyOf, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { visibleObject } from './output.ts';
import { readFiles } from './select.ts';
import { unifiedDiff } from './unified-diff.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** kubectl makes two temporary directories, whose names end in chance; ours do not. */
const [LIVE, MERGED] = ['/tmp/LIVE-1000000001', '/tmp/MERGED-1000000002'];

/** Objects of the files, with the namespace of the call where they name none. */
function objectsOf(kubectl: Kubectl): readonly (readonly [Kind, KubeObject])[] {
  return readFiles(kubectl, kubectl.flags.all('filename')).flatMap((file) => {
    const parsed = parseYaml(file.name, file.text ?? '');
    const problem = parsed.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    if (problem !== undefined) throw new KubectlError(`error: error parsing ${file.name}: ${problem.message}`, 2);
    return parsed.documents.flatMap(({ value }) => {
      const items = text(at(value, 'kind')) === 'List' ? list(at(value, 'items')) : [value];
      return items.flatMap((item): (readonly [Kind, KubeObject])[] => {
        const [kindName, apiVersion, name] = [text(at(item, 'kind')), text(at(item, 'apiVersion')), text(at(item, 'metadata', 'name'))];
        if (kindName === '' && apiVersion === '') return [];
        const kind = kubectl.invocation.host.api.findKind(kindName);
        if (kind === undefined || kind.apiVersion !== apiVersion)
          throw new KubectlError(
            `error: resource mapping not found for name: "${name}" namespace: "" from "${file.name}": no matches for kind "${kindName}" in version "${apiVersion}"\nensure CRDs are installed first`,
            2,
          );
        const object = item as KubeObject;
        const { namespace: named, ...metadata } = object.metadata;
        const namespace = named ?? kubectl.namespace;
        return [[kind, { ...object, metadata: kind.namespaced ? { ...metadata, namespace } : metadata } as KubeObject]];
      });
    });
  });
}

/** The values of Secrets are hidden; those that would change say on which side they are. */
function masked(live: KubeObject | undefined, merged: KubeObject): readonly [KubeObject | undefined, KubeObject] {
  const dataOf = (object: KubeObject | undefined): Readonly<Record<string, unknown>> => (at(object, 'data') ?? {}) as Readonly<Record<string, unknown>>;
  const [before, after] = [dataOf(live), dataOf(merged)];
  const hide = (object: KubeObject, own: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>, side: string): KubeObject =>
    Object.keys(own).length === 0
      ? object
      : ({
          ...object,
          data: Object.fromEntries(
            Object.entries(own).map(([key, value]) => [key, Object.hasOwn(other, key) && other[key] !== value ? `*** (${side})` : '***']),
          ),
        } as KubeObject);
  return [live === undefined ? undefined : hide(live, before, after, 'before'), hide(merged, after, before, 'after')];
}

/** The annotation is apply's own note, which diff does not write. */
function withoutNote(merged: KubeObject, live: KubeObject | undefined): KubeObject {
  const note = live?.metadata.annotations?.[LAST_APPLIED];
  const { [LAST_APPLIED]: _note, ...rest } = merged.metadata.annotations ?? {};
  const annotations = note === undefined ? rest : { ...rest, [LAST_APPLIED]: note };
  const { annotations: _annotations, ...metadata } = merged.metadata;
  const had = live === undefined ? false : live.metadata.annotations !== undefined;
  return { ...merged, metadata: Object.keys(annotations).length === 0 && !had ? metadata : { ...metadata, annotations } };
}

export const diff = defineVerb({
  name: 'diff',
  summary: 'what apply -f FILE would change',
  completes: 'files',
  flags: [
    ...fileFlags,
    selectorFlag,
    { name: 'server-side', type: 'bool' },
    { name: 'force-conflicts', type: 'bool' },
    { name: 'field-manager', type: 'string' },
    { name: 'prune', type: 'bool' },
    { name: 'show-managed-fields', type: 'bool' },
    { name: 'concurrency', type: 'int' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    if (flags.args.length > 0) throw new KubectlError(`error: Unexpected args: [${flags.args.join(' ')}]\nSee 'kubectl diff -h' for help and examples`, 2);
    if (!flags.has('filename')) throw new KubectlError('error: must specify one of -f and -k', 2);
    const { host } = invocation;
    const files: { readonly name: string; readonly live: string; readonly merged: string }[] = [];
    const print = (object: KubeObject | undefined): string =>
      object === undefined ? '' : formatYaml(sortKeys(visibleObject(object)) as Parameters<typeof formatYaml>[0]);
    for (const [kind, object] of objectsOf(kubectl)) {
      const found = findKind(kubectl, kind.kind);
      const live = host.api.view.find(keyOf(found, object.metadata.namespace ?? '', object.metadata.name));
      const result = host.api.apply(object, { dryRun: true });
      if (!result.ok) throw new KubectlError(failureText(result).trimEnd(), 2);
      for (const warning of result.warnings) kubectl.err(`Warning: ${warning}\n`);
      const merged = withoutNote(result.value.object, live);
      const [before, after] = kind.kind === 'Secret' ? masked(live, merged) : [live, merged];
      const name = `${kind.apiVersion.replace('/', '.')}.${writtenKind(kind.kind)}.${object.metadata.namespace ?? ''}.${object.metadata.name}`;
      files.push({ name, live: live === undefined && kind.kind === 'Secret' ? 'null\n' : print(before), merged: print(after) });
    }
    const nowMs = host.epochMs + host.nowNs / 1e6;
    const when = `${formatRfc3339(nowMs).replace('T', ' ').replace('Z', '')}.${String(Math.floor((nowMs % 1000) * 1e6)).padStart(9, '0')} +0000`;
    let differs = false;
    for (const { name, live, merged } of files.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))) {
      const hunks = unifiedDiff(live, merged);
      if (hunks === '') continue;
      differs = true;
      kubectl.out(`diff -u -N ${LIVE}/${name} ${MERGED}/${name}\n--- ${LIVE}/${name}\t${when}\n+++ ${MERGED}/${name}\t${when}\n${hunks}`);
    }
    return differs ? 1 : 0;
  },
});
