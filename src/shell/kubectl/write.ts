/** How verbs that change objects send and tell it: who writes, dry runs, and -o in place of the sentence. */
import type { ApiResult, WriteOptions } from '../../objects/api.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import { checkDryRun, dryRunFlag, dryRunSuffix, type Kubectl, keyOf, outputFlag, qualifiedName } from './client.ts';
import type { Flag } from './flags.ts';
import { formatObjects, parseOutput } from './output.ts';

export const fieldManagerFlag: Flag = { name: 'field-manager', type: 'string' };

/** What every verb takes that changes objects and prints them. */
export const writeFlags: readonly Flag[] = [
  dryRunFlag,
  outputFlag,
  fieldManagerFlag,
  { name: 'template', type: 'string' },
  { name: 'show-managed-fields', type: 'bool' },
  { name: 'allow-missing-template-keys', type: 'bool' },
];

/** `manager`: what kubectl calls itself in managedFields for this verb. */
export function writeOptions(kubectl: Kubectl, manager: string): WriteOptions {
  return { dryRun: checkDryRun(kubectl.flags), fieldManager: kubectl.flags.get('field-manager') || manager };
}

/** The object after a patch. With --dry-run=client it is what the server would make of it, without the server's own counts. */
export function patchObject(
  kubectl: Kubectl,
  kind: Kind,
  object: KubeObject,
  body: unknown,
  options: WriteOptions,
  type: 'merge' | 'strategic' | 'json' = 'merge',
) {
  const { api } = kubectl.invocation.host;
  const result: ApiResult<KubeObject> = api.patch(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name), body, type, options);
  if (!result.ok || kubectl.flags.get('dry-run') !== 'client') return result;
  const { generation, resourceVersion } = object.metadata;
  const value = {
    ...result.value,
    metadata: { ...result.value.metadata, ...(generation === undefined ? {} : { generation }), ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
  return { ...result, value };
}

/** Whether a patch's result is another object than before. */
export function isChanged(before: KubeObject, after: KubeObject): boolean {
  const plain = ({ metadata, ...rest }: KubeObject): string => {
    const { resourceVersion: _version, generation: _generation, ...own } = metadata;
    return JSON.stringify([own, rest]);
  };
  return plain(before) !== plain(after);
}

/** Tells one changed object after the other: `deployment.apps/web scaled`, or as -o wants it. */
/** `quiet`: a dry run is not told as one. */
export function teller(kubectl: Kubectl, quiet = false): (kind: Pick<Kind, 'kind' | 'apiVersion'>, object: KubeObject, done: string) => void {
  const { flags } = kubectl;
  const format = parseOutput(
    flags.has('template') && !flags.has('output') ? `go-template=${flags.get('template')}` : flags.get('output'),
    false,
    undefined,
    false,
  );
  let told = 0;
  return (kind, object, done) => {
    told += 1;
    if (format.kind === 'table') kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} ${done}${quiet ? '' : dryRunSuffix(flags)}\n`);
    else {
      if (told > 1 && format.kind === 'yaml') kubectl.out('---\n');
      kubectl.out(formatObjects(format, [[kind, object]], true));
    }
  };
}
