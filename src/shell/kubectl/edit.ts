/** kubectl edit: the YAML goes to a file, the editor of KUBE_EDITOR or EDITOR changes it, and what differs is sent back. Kubernetes: kubectl/pkg/cmd/util/editor */
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Hook, Outcome } from '../command.ts';
import { defineVerb, failureText, filenameFlag, type Kubectl, keyOf, outputFlag, qualifiedName, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { visibleObject } from './output.ts';
import { selectObjects } from './select.ts';

const NOTE = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`;

interface EditData {
  readonly path: string;
  readonly key: string;
  readonly title: string;
  /** What the file held before the editor. */
  readonly before: string;
  readonly editor: string;
}

export const edit = defineVerb({
  name: 'edit',
  summary: 'changes an object with the program of KUBE_EDITOR or EDITOR (KUBE_EDITOR="sed -i s/a/b/" kubectl edit …)',
  completes: 'resources',
  flags: [
    filenameFlag,
    outputFlag,
    selectorFlag,
    { name: 'field-manager', type: 'string' },
    { name: 'save-config', type: 'bool' },
    { name: 'subresource', type: 'string' },
  ],
  run: (kubectl): Outcome => {
    const { flags, invocation } = kubectl;
    const { objects, failed } = selectObjects(kubectl, flags.args);
    if (failed) return 1;
    const [first, more] = objects;
    if (first === undefined) throw new KubectlError('error: edit cancelled, no objects found');
    if (more !== undefined) throw new KubectlError('error: this simulated kubectl edits one object at a time');
    const editor = invocation.environment.get('KUBE_EDITOR') || invocation.environment.get('EDITOR') || '';
    if (editor === '')
      throw new KubectlError(
        'error: unable to launch an editor: this terminal has none. Change the YAML in the editor pane, or name a program that changes a file: KUBE_EDITOR="sed -i s/old/new/" kubectl edit …',
      );
    const [kind, object] = first;
    return launch(
      kubectl,
      editor,
      keyOf(kind, object.metadata.namespace ?? '', object.metadata.name),
      `${qualifiedName(kind)}/${object.metadata.name}`,
      object,
    );
  },
});

function launch(kubectl: Kubectl, editor: string, key: string, title: string, object: KubeObject): Outcome {
  const { shell, place, host } = kubectl.invocation;
  const before = NOTE + formatYaml(sortKeys(visibleObject(object)) as Parameters<typeof formatYaml>[0]);
  const path = `/tmp/kubectl-edit-${host.prng.uint32()}.yaml`;
  const problem = shell.writeFile(place, path, before);
  if (problem !== undefined) throw new KubectlError(`error: ${problem}`);
  const data: EditData = { path, key, title, before, editor };
  return { kind: 'call', argv: [...editor.split(/\s+/).filter((word) => word !== ''), path], after: { hook: 'kubectl-edit', data } };
}

const withoutNotes = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .trim();

export const editHook: Hook = (data: EditData, status, io) => {
  const { shell, place, host } = io.invocation();
  const after = shell.readFile(place, data.path) ?? '';
  shell.removeFile(place, data.path);
  const cancel = (why: string): number => {
    io.err(`Edit cancelled, ${why}\n`);
    return 0;
  };
  if (status !== 0) {
    io.err(`error: there was a problem with the editor ${JSON.stringify(data.editor)}\n`);
    return 1;
  }
  if (withoutNotes(after) === withoutNotes(data.before)) return cancel('no changes made.');
  if (withoutNotes(after) === '') return cancel('saved file was empty.');
  const parsed = parseYaml(data.path, after);
  const problem = parsed.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
  if (problem !== undefined || parsed.documents.length !== 1) {
    io.err(`error: The edited file had a syntax error: ${problem?.message ?? 'expected one object'}\n`);
    return 1;
  }
  const edited = parsed.documents[0]?.value as KubeObject | undefined;
  const live = host.api.view.find(data.key);
  if (live === undefined || edited?.metadata?.name !== live.metadata.name || edited.kind !== live.kind) {
    io.err('error: At least one of apiVersion, kind and name was changed\n');
    return 1;
  }
  // What the object has learnt meanwhile is no conflict: kubectl sends only the difference.
  const { resourceVersion: _version, ...metadata } = edited.metadata;
  const result = host.api.update({ ...edited, metadata });
  if (!result.ok) {
    io.err(failureText(result));
    return 1;
  }
  for (const warning of result.warnings) io.err(`Warning: ${warning}\n`);
  io.out(`${data.title} edited\n`);
  host.settle();
  return 0;
};
