/** apply, create -f, replace, delete -f: YAML from files or standard input, admitted by the world. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { Filter, Outcome } from '../command.ts';
import { at, list, text } from '../json.ts';
import { resolvePath } from '../paths.ts';
import { bundledManifest } from './bundled/index.ts';
import { checkDryRun, defineVerb, dryRunFlag, filenameFlag, type Kubectl, outputFlag } from './client.ts';
import { KubectlError } from './flags.ts';

type Mode = 'apply' | 'create' | 'delete';

export interface CollectState {
  readonly mode: Mode;
  readonly namespace: string | undefined;
  readonly dryRun: boolean;
  readonly serverSide: boolean;
  readonly forceConflicts: boolean;
  readonly fieldManager: string | undefined;
  readonly ignoreNotFound: boolean;
  text: string;
}

/** Text of the named files; `-` is standard input and comes as undefined. @throws {KubectlError} */
export function readFiles(kubectl: Kubectl, names: readonly string[]): readonly { readonly name: string; readonly text: string | undefined }[] {
  const { shell, place, cwd } = kubectl.invocation;
  return names
    .flatMap((value) => value.split(','))
    .flatMap((name): readonly { readonly name: string; readonly text: string | undefined }[] => {
      if (name === '-') return [{ name: 'STDIN', text: undefined }];
      if (/^https?:\/\//.test(name)) return fromUrl(kubectl, name);
      const path = resolvePath(cwd, name);
      const content = shell.readFile(place, path);
      if (content !== undefined) return [{ name, text: content }];
      const inside = shell.filePaths(place).filter((other) => other.startsWith(path === '/' ? '/' : `${path}/`) && !other.slice(path.length + 1).includes('/'));
      const manifests = inside.filter((other) => /\.(?:ya?ml|json)$/.test(other));
      if (inside.length > 0) {
        if (manifests.length === 0) throw new KubectlError(`error: error reading [${name}]: recognized file extensions are [.json .yaml .yml]`);
        return manifests.map((other) => ({ name: `${name.replace(/\/$/, '')}/${other.slice(path.length + 1)}`, text: shell.readFile(place, other) ?? '' }));
      }
      throw new KubectlError(`error: the path "${name}" does not exist`);
    });
}

/** Nothing is fetched: well-known addresses give what kubehop has in their place. */
function fromUrl(kubectl: Kubectl, url: string): readonly { readonly name: string; readonly text: string | undefined }[] {
  const bundled = bundledManifest(url);
  if (bundled === undefined)
    throw new KubectlError(
      `error: unable to read URL "${url}": nothing leaves this page, so manifests cannot be fetched; paste the YAML into a file and apply that`,
    );
  if (bundled.kind === 'refused') throw new KubectlError(`error: unable to read URL "${url}": nothing leaves this page, and ${bundled.reason}`);
  if (bundled.kind === 'built-in') {
    kubectl.err(`# not fetched: the kinds of ${bundled.title} are part of this API server already\n`);
    return [];
  }
  kubectl.err(`# not fetched: kubehop's own short re-creation of what ${bundled.title} installs\n`);
  return [{ name: url, text: bundled.text }];
}

/** Kind and name of every object in files, for `get -f`. */
export function filesOf(kubectl: Kubectl, names: readonly string[]): readonly { readonly kind: string; readonly name: string }[] {
  return readFiles(kubectl, names).flatMap((file) =>
    parseYaml(file.name, file.text ?? '').documents.flatMap(({ value }) => {
      const items = text(at(value, 'kind')) === 'List' ? list(at(value, 'items')) : [value];
      return items.flatMap((item) => (text(at(item, 'kind')) === '' ? [] : [{ kind: text(at(item, 'kind')), name: text(at(item, 'metadata', 'name')) }]));
    }),
  );
}

export function applyFiles(kubectl: Kubectl, mode: Mode): Outcome {
  const { flags } = kubectl;
  if (flags.has('kustomize')) throw new KubectlError('error: -k is not part of this simulated kubectl (no kustomize)');
  const dryRun = checkDryRun(flags);
  const state: CollectState = {
    mode,
    namespace: flags.has('namespace') || kubectl.namespace !== 'default' ? kubectl.namespace : undefined,
    dryRun,
    serverSide: flags.bool('server-side'),
    forceConflicts: flags.bool('force-conflicts'),
    fieldManager: flags.has('field-manager') ? flags.get('field-manager') : undefined,
    ignoreNotFound: flags.bool('ignore-not-found'),
    text: '',
  };
  let exitCode = 0;
  const files = readFiles(kubectl, flags.all('filename'));
  if (files.some((file) => file.text === undefined)) return { kind: 'filter', filter: 'kubectl-collect', state };
  for (const file of files) exitCode = Math.max(exitCode, applyText(kubectl.invocation, state, file.name, file.text ?? ''));
  kubectl.invocation.host.settle();
  return exitCode;
}

function applyText({ host, out, err }: Pick<Kubectl['invocation'], 'host' | 'out' | 'err'>, state: CollectState, name: string, content: string): number {
  const result = host.applyText(name, content, {
    mode: state.mode,
    dryRun: state.dryRun,
    serverSide: state.serverSide,
    forceConflicts: state.forceConflicts,
    ...(state.fieldManager === undefined ? {} : { fieldManager: state.fieldManager }),
    ...(state.namespace === undefined ? {} : { namespace: state.namespace }),
  });
  let suppressed = false;
  for (const line of result.lines) {
    const body = line.text.endsWith('\n') ? line.text : `${line.text}\n`;
    if (state.ignoreNotFound && line.stream === 'stderr' && body.includes('(NotFound)')) suppressed = true;
    else if (line.stream === 'stdout') out(body);
    else err(body);
  }
  return suppressed && !result.lines.some((line) => line.stream === 'stderr' && !line.text.includes('(NotFound)')) ? 0 : result.exitCode;
}

/** Standard input of `kubectl apply -f -`. */
export const collectInput: Filter = {
  data: (state: CollectState, chunk: string) => {
    state.text += chunk;
    return undefined;
  },
  end: (state: CollectState, io) => {
    const { host } = io.invocation();
    const code = applyText({ host, out: io.out, err: io.err }, state, 'STDIN', state.text);
    host.settle();
    return code;
  },
};

export const fileFlags = [
  filenameFlag,
  { name: 'kustomize', short: 'k', type: 'string' },
  { name: 'recursive', short: 'R', type: 'bool' },
  dryRunFlag,
  outputFlag,
  { name: 'validate', type: 'optional', bare: 'strict' },
] as const;

export const apply = defineVerb({
  name: 'apply',
  summary: 'creates or changes objects from YAML (-f FILE, -f -)',
  completes: 'files',
  flags: [
    ...fileFlags,
    { name: 'server-side', type: 'bool' },
    { name: 'force-conflicts', type: 'bool' },
    { name: 'field-manager', type: 'string' },
    { name: 'force', type: 'bool' },
    { name: 'wait', type: 'bool' },
    { name: 'prune', type: 'bool' },
    { name: 'overwrite', type: 'bool' },
    { name: 'selector', short: 'l', type: 'string' },
    { name: 'all', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    if (flags.args.length > 0) throw new KubectlError(`error: Unexpected args: [${flags.args.join(' ')}]\nSee 'kubectl apply -h' for help and examples`);
    if (!flags.has('filename') && !flags.has('kustomize')) throw new KubectlError('error: must specify one of -f and -k');
    if (flags.bool('prune')) throw new KubectlError('error: --prune is not part of this simulated kubectl');
    return applyFiles(kubectl, 'apply');
  },
});

export const replace = defineVerb({
  name: 'replace',
  summary: 'replaces objects from YAML (-f FILE)',
  completes: 'files',
  flags: [...fileFlags, { name: 'force', type: 'bool' }],
  run: (kubectl) => {
    if (!kubectl.flags.has('filename')) throw new KubectlError('error: must specify one of -f and -k');
    return applyFiles(kubectl, 'apply');
  },
});
