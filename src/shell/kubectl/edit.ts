/** kubectl edit: the YAML goes to a file, the editor of KUBE_EDITOR or EDITOR changes it, and what differs is sent back. Kubernetes: kubectl/pkg/cmd/util/editor */
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Hook, Invocation, Outcome } from '../command.ts';
import { defineVerb, filenameFlag, keyOf, outputFlag, qualifiedName, qualifiedPlural, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { visibleObject } from './output.ts';
import { selectObjects } from './select.ts';

const NOTE = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`;

/** Why the file is there again. */
interface Reason {
  readonly head: string;
  readonly causes: readonly string[];
}

const commented = (text: string): string => text.replaceAll('\n', '\n# ');
const noteWith = ({ head, causes }: Reason): string =>
  `${NOTE}# ${commented(head)}${causes.length > 0 ? ':' : ''}\n${causes.map((cause) => `# * ${commented(cause)}\n`).join('')}#\n`;

interface EditData {
  readonly path: string;
  readonly key: string;
  readonly title: string;
  /** `deployments.apps "web"`: as errors name it. */
  readonly resource: string;
  /** What the file held before the first editor. */
  readonly before: string;
  /** What the last editor left, when that could not be sent. */
  readonly refused?: string;
  readonly editor: string;
  readonly manager: string;
}

export const edit = defineVerb({
  name: 'edit',
  summary: 'opens an object in the editor pane, or in the program that KUBE_EDITOR or EDITOR names',
  examples: ['edit svc/registry', 'edit deployment/web -n shop', 'edit configmap settings'],
  usage: '(RESOURCE/NAME | -f FILENAME) [options]',
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
    const editor = invocation.environment.get('KUBE_EDITOR') || invocation.environment.get('EDITOR') || 'vi';
    if (editor === 'vi' && invocation.host.hasEditor !== true)
      throw new KubectlError(
        'error: unable to launch the editor "vi": this terminal has no full-screen programs. Change the YAML in its file, or name a program that changes a file: KUBE_EDITOR="sed -i s/old/new/" kubectl edit …',
      );
    const [kind, object] = first;
    const before = NOTE + formatYaml(sortKeys(visibleObject(object)) as Parameters<typeof formatYaml>[0]);
    const data: EditData = {
      path: `/tmp/kubectl-edit-${invocation.host.prng.uint32()}.yaml`,
      key: keyOf(kind, object.metadata.namespace ?? '', object.metadata.name),
      title: `${qualifiedName(kind)}/${object.metadata.name}`,
      resource: `${qualifiedPlural(kind)} ${JSON.stringify(object.metadata.name)}`,
      before,
      editor,
      manager: flags.get('field-manager') || 'kubectl-edit',
    };
    return launch(invocation, data, before);
  },
});

function launch({ shell, place, err }: Pick<Invocation, 'shell' | 'place' | 'err'>, data: EditData, text: string): Outcome {
  const problem = shell.writeFile(place, data.path, text);
  if (problem === undefined) return { kind: 'call', argv: wordsOf(data.editor, data.path), after: { hook: 'kubectl-edit', data } };
  err(`error: ${data.path}: ${problem}\n`);
  return 1;
}

/** An editor with quotes or backslashes is for a shell to take apart. */
const wordsOf = (editor: string, path: string): readonly string[] =>
  /["'\\]/.test(editor) ? ['sh', '-c', `${editor} ${path}`] : [...editor.split(/\s+/).filter((word) => word !== ''), path];

const withoutNotes = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .trim();

/** The editor has ended: what it left is sent; what the server refuses is shown in it again, until nothing changes any more. */
export const editHook: Hook = (data: EditData, status, io) => {
  const invocation = io.invocation();
  const { shell, place, host } = invocation;
  const after = shell.readFile(place, data.path) ?? '';
  const keep = (message: string): number => {
    io.err(`A copy of your changes has been stored to ${JSON.stringify(data.path)}\n${message}\n`);
    return 1;
  };
  if (status !== 0) {
    shell.removeFile(place, data.path);
    io.err(`error: there was a problem with the editor ${JSON.stringify(data.editor)}\n`);
    return 1;
  }
  if (data.refused !== undefined && withoutNotes(after) === withoutNotes(data.refused)) return keep('error: Edit cancelled, no valid changes were saved.');
  const cancel = (why: string): number => {
    shell.removeFile(place, data.path);
    io.err(`Edit cancelled, ${why}\n`);
    return 0;
  };
  if (withoutNotes(after) === withoutNotes(data.before)) return cancel('no changes made.');
  if (withoutNotes(after) === '') return cancel('saved file was empty.');
  const again = (reason: Reason): Outcome =>
    launch({ shell, place, err: io.err }, { ...data, refused: after }, `${noteWith(reason)}${after.replace(/^(?:#.*\n)*/, '')}`);
  const parsed = parseYaml(data.path, after);
  const problem = parsed.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
  if (problem !== undefined || parsed.documents.length !== 1)
    return again({ head: `The edited file had a syntax error: ${problem?.message ?? 'expected one object'}`, causes: [] });
  const edited = parsed.documents[0]?.value as KubeObject | undefined;
  const live = host.api.view.find(data.key);
  if (live === undefined) {
    io.err(
      `error: ${data.resource} could not be found on the server\nThe edits you made on deleted resources have been saved to ${JSON.stringify(data.path)}\n`,
    );
    return 1;
  }
  if (edited?.metadata?.name !== live.metadata.name || edited.kind !== live.kind || edited.apiVersion !== live.apiVersion)
    return keep('error: At least one of apiVersion, kind and name was changed');
  // What the object has learnt meanwhile is no conflict: kubectl sends only the difference.
  const { resourceVersion: _version, ...metadata } = edited.metadata;
  const result = host.api.update({ ...edited, metadata }, { fieldManager: data.manager });
  if (!result.ok && result.reason === 'Invalid') {
    io.err(`error: ${data.resource} is invalid\n`);
    return again({ head: `${data.resource} was not valid`, causes: result.causes.map((cause) => `${cause.path}: ${cause.message}`) });
  }
  if (!result.ok && result.reason === 'BadRequest') return again({ head: `The edited file had a syntax error: ${result.message}`, causes: [] });
  if (!result.ok) {
    io.err(`error: ${data.resource} could not be patched: ${result.message}\nYou can run \`kubectl replace -f ${data.path}\` to try this update again.\n`);
    return 1;
  }
  shell.removeFile(place, data.path);
  for (const warning of result.warnings) io.err(`Warning: ${warning}\n`);
  io.out(`${data.title} edited\n`);
  host.settle();
  return 0;
};
