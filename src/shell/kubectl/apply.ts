/** apply, create -f, replace, delete -f: YAML from files or standard input, admitted by the world. */
import { parseLabelSelector } from '../../objects/label-selector-text.ts';
import type { Filter, Outcome } from '../command.ts';
import { checkDryRun, defineVerb, dryRunFlag, filenameFlag, type Kubectl, outputFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { setLastApplied, viewLastApplied } from './last-applied.ts';
import { formatObjects, parseOutput } from './output.ts';
import { readFiles } from './select.ts';

type Mode = 'apply' | 'create' | 'replace' | 'delete';

export interface CollectState {
  readonly mode: Mode;
  readonly namespace: string | undefined;
  readonly dryRun: boolean;
  readonly onServer: boolean;
  readonly selector: string;
  /** -o, '' for kubectl's own sentences. */
  readonly output: string;
  readonly serverSide: boolean;
  readonly forceConflicts: boolean;
  readonly fieldManager: string | undefined;
  readonly ignoreNotFound: boolean;
  text: string;
}

export function applyFiles(kubectl: Kubectl, mode: Mode): Outcome {
  const { flags } = kubectl;
  if (flags.has('kustomize')) throw new KubectlError('error: -k is not part of this simulated kubectl (no kustomize)');
  const dryRun = checkDryRun(flags);
  const state: CollectState = {
    mode,
    namespace: flags.has('namespace') || kubectl.namespace !== 'default' ? kubectl.namespace : undefined,
    dryRun,
    onServer: flags.get('dry-run') === 'server',
    selector: flags.get('selector'),
    output: flags.get('output'),
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
  const parsed = state.selector === '' ? undefined : parseLabelSelector(state.selector);
  if (parsed?.ok === false) throw new KubectlError(`error: ${parsed.message}`);
  const selected = parsed?.test;
  const format = parseOutput(state.output, false, undefined, false);
  let told = 0;
  const result = host.applyText(name, content, {
    mode: state.mode,
    dryRun: state.dryRun,
    onServer: state.onServer,
    ...(selected === undefined ? {} : { accepts: selected }),
    serverSide: state.serverSide,
    forceConflicts: state.forceConflicts,
    ...(state.fieldManager === undefined ? {} : { fieldManager: state.fieldManager }),
    ...(state.namespace === undefined ? {} : { namespace: state.namespace }),
  });
  let suppressed = false;
  for (const line of result.lines) {
    const body = line.text.endsWith('\n') ? line.text : `${line.text}\n`;
    if (state.ignoreNotFound && line.stream === 'stderr' && body.includes('(NotFound)')) suppressed = true;
    else if (line.stream === 'stdout' && format.kind !== 'table' && line.object !== undefined) {
      if (told > 0 && format.kind === 'yaml') out('---\n');
      told += 1;
      out(formatObjects(format, [[line.object, line.object]], true));
    } else if (line.stream === 'stdout') out(body);
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
    { name: 'create-annotation', type: 'bool' },
    { name: 'wait', type: 'bool' },
    { name: 'prune', type: 'bool' },
    { name: 'overwrite', type: 'bool' },
    { name: 'selector', short: 'l', type: 'string' },
    { name: 'all', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    const [word, ...args] = flags.args;
    if (word === 'view-last-applied') return viewLastApplied(kubectl, args);
    if (word === 'set-last-applied') return setLastApplied(kubectl);
    if (word !== undefined) throw new KubectlError(`error: Unexpected args: [${flags.args.join(' ')}]\nSee 'kubectl apply -h' for help and examples`);
    if (!flags.has('filename') && !flags.has('kustomize')) throw new KubectlError('error: must specify one of -f and -k');
    if (flags.bool('prune')) throw new KubectlError('error: --prune is not part of this simulated kubectl');
    return applyFiles(kubectl, 'apply');
  },
});

export const replace = defineVerb({
  name: 'replace',
  summary: 'replaces objects from YAML (-f FILE)',
  completes: 'files',
  flags: [
    ...fileFlags,
    { name: 'force', type: 'bool' },
    { name: 'field-manager', type: 'string' },
    { name: 'grace-period', type: 'int' },
    { name: 'cascade', type: 'optional', bare: 'background' },
    { name: 'timeout', type: 'string' },
    { name: 'save-config', type: 'bool' },
  ],
  run: (kubectl) => {
    if (!kubectl.flags.has('filename')) throw new KubectlError('error: must specify one of -f and -k');
    if (!kubectl.flags.bool('force')) return applyFiles(kubectl, 'replace');
    const deleted = applyFiles(kubectl, 'delete');
    if (deleted !== 0) return deleted;
    // It makes anew what it has taken away, and calls that a replacement.
    const out = (text: string): void => kubectl.out(text.replace(/ created\n/g, ' replaced\n'));
    return applyFiles({ ...kubectl, out, invocation: { ...kubectl.invocation, out } }, 'create');
  },
});
