/** Texts to the API server and its answers back to texts: `kubectl apply -f` outcomes, and refusals as diagnostics at the line they are about. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { Api, ApiFailure } from '../objects/api.ts';
import { formatFailure } from '../objects/status.ts';
import { type JsonValue, type Kind, type KubeObject, type ObjectKey, writtenKind } from '../objects/types.ts';
import { type AdmittedObject, admitFiles, type Lookup } from './admit.ts';

/** Whether a kind is namespaced; undefined when nobody knows it. */
export function kindLookup(api: Api): Lookup {
  return (apiVersion, kind) => findKind(api, apiVersion, kind);
}

function findKind(api: Api, apiVersion: string, kind: string): Kind | undefined {
  const written = writtenKind(kind);
  return api.kinds.find((one) => writtenKind(one.kind) === written && (one.apiVersion === apiVersion || one.otherVersions?.includes(apiVersion) === true));
}

/** `service/web`, `deployment.apps/web`: how kubectl names an object in its answers. */
export function resourceName(kind: Kind, name: string): string {
  const group = kind.apiVersion.includes('/') ? `.${kind.apiVersion.split('/')[0]}` : '';
  return `${kind.singular}${group}/${name}`;
}

const codes: Readonly<Record<string, string>> = { 'Invalid value': 'invalid-value', 'Unknown field': 'unknown-field', 'Wrong type': 'wrong-type' };

/** One diagnostic per cause, at the cause's field. */
export function failureDiagnostics(failure: ApiFailure, admitted: AdmittedObject): Diagnostic[] {
  if (failure.causes.length === 0)
    return [{ severity: 'error', code: failure.reason, message: failure.message, span: admitted.source.spanOf('metadata.name') }];
  return failure.causes.map((cause) => ({
    severity: 'error',
    code: codes[cause.type] ?? failure.reason,
    // Decoding errors are whole sentences that name their field; validation's follow its path.
    message: cause.path === '' || cause.type === 'Unknown field' || cause.type === 'Wrong type' ? cause.message : `${cause.path}: ${cause.message}`,
    span: admitted.source.spanOf(cause.path),
  }));
}

interface Finding {
  readonly key: ObjectKey;
  readonly path?: string;
  readonly diagnostic: Omit<Diagnostic, 'span'>;
}

/** What agents say about objects, and fields that are accepted without effect, with spans where the object stands in a file. */
export function findingDiagnostics(
  api: Api & { findings(): readonly Finding[]; isDeclared(kind: string): boolean; notSimulated(object: KubeObject): readonly { readonly path: string }[] },
  admitted: ReadonlyMap<string, AdmittedObject>,
): Diagnostic[] {
  const found: Diagnostic[] = api.findings().map((finding) => {
    const source = admitted.get(finding.key)?.source;
    return source === undefined ? { ...finding.diagnostic } : { ...finding.diagnostic, span: source.spanOf(finding.path ?? '') };
  });
  const custom = new Set<string>();
  for (const one of admitted.values()) {
    // Nothing acts on custom resources: said once for each kind.
    const isCustom = api.isDeclared(one.object.kind);
    if (isCustom && custom.has(one.object.kind)) continue;
    if (isCustom) custom.add(one.object.kind);
    for (const field of api.notSimulated(one.object)) {
      found.push({
        severity: 'info',
        code: 'not-simulated',
        message: isCustom
          ? `${one.object.kind} is a custom resource: accepted, checked and stored, but the simulation does not act on it`
          : `${field.path} is accepted and stored, but the simulation does not act on it`,
        span: one.source.spanOf(field.path),
      });
    }
  }
  return found;
}

const yamlCodes = new Set(['yaml-syntax', 'duplicate-key', 'forbidden-key', 'yaml-limit']);

interface ApplyOptions {
  readonly namespace?: string;
  readonly mode: 'apply' | 'create' | 'replace' | 'delete';
  readonly serverSide?: boolean;
  readonly forceConflicts?: boolean;
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  readonly onServer?: boolean;
  readonly accepts?: (labels: Readonly<Record<string, string>>) => boolean;
}
interface Line {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** Told on stderr beside it; no failure. */
  readonly warning?: string;
  /** What was written, or would be. */
  readonly object?: KubeObject;
}

/** What kubectl prints for `-f`: one line an object, errors on stderr, exit code 1 when any failed. */
export function applyText(
  api: Api,
  fileName: string,
  text: string,
  options: ApplyOptions,
): { readonly lines: readonly Line[]; readonly exitCode: number; readonly diagnostics: readonly Diagnostic[] } {
  const admission = admitFiles([{ path: fileName, text }], kindLookup(api), options.namespace ?? 'default');
  const lines: Line[] = [];
  let exitCode = 0;
  for (const one of admission.objects) {
    if (options.accepts?.(one.object.metadata.labels ?? {}) === false) continue;
    const line = applyOne(api, fileName, one, options);
    if (line.stream === 'stderr') exitCode = 1;
    if (line.warning !== undefined) lines.push({ stream: 'stderr', text: line.warning });
    lines.push(line);
  }
  const errors = admission.diagnostics.filter((one) => one.severity === 'error');
  for (const error of errors)
    lines.push({
      stream: 'stderr',
      text: `${/^(?:error: |Error from server)/.test(error.message) ? '' : yamlCodes.has(error.code) ? `error: error parsing ${fileName}: ` : 'error: '}${error.message}\n${error.code === 'unknown-kind' ? `${error.hint ?? ''}\n` : ''}`,
    });
  if (errors.length > 0) exitCode = 1;
  if (lines.length === 0) {
    lines.push({ stream: 'stderr', text: `error: no objects passed to ${options.mode}\n` });
    exitCode = 1;
  }
  return { lines, exitCode, diagnostics: admission.diagnostics };
}

function applyOne(api: Api, fileName: string, one: AdmittedObject, options: ApplyOptions): Line {
  const kind = findKind(api, one.object.apiVersion, one.object.kind);
  if (kind === undefined) return { stream: 'stderr', text: `error: no matches for kind "${one.object.kind}" in version "${one.object.apiVersion}"\n` };
  const given = one.object.metadata.namespace;
  if (options.namespace !== undefined && kind.namespaced && given !== options.namespace) {
    return {
      stream: 'stderr',
      text: `error: the namespace from the provided object "${given}" does not match the namespace "${options.namespace}". You must pass '--namespace=${given}' to perform this operation.\n`,
    };
  }
  const named = resourceName(kind, one.object.metadata.name);
  const dry = options.dryRun !== true ? '' : options.onServer === true ? ' (server dry run)' : ' (dry run)';
  if (options.mode === 'delete') {
    if (options.dryRun !== true) {
      const result = api.remove(one.key);
      if (!result.ok) return { stream: 'stderr', text: formatFailure(result, { verb: 'deleting', source: fileName }) };
    }
    // Since kubectl 1.34 the namespace is told.
    return { stream: 'stdout', text: `${named.replace('/', ' "')}" deleted${kind.namespaced ? ` from ${given} namespace` : ''}${dry}\n` };
  }
  if (options.serverSide === true && options.mode === 'apply') return applyOnServer(api, fileName, one, named, options);
  const how = { dryRun: options.dryRun === true, ...(options.fieldManager === undefined ? {} : { fieldManager: options.fieldManager }) };
  if (options.dryRun === true && options.onServer !== true) {
    const live = api.view.find(one.key);
    const outcome = options.mode === 'replace' ? 'replaced' : options.mode === 'create' || live === undefined ? 'created' : 'configured';
    return { stream: 'stdout', text: `${named} ${outcome}${dry}\n`, object: one.object };
  }
  if (options.mode === 'create' || options.mode === 'replace') {
    const create = options.mode === 'create';
    const result = create ? api.create(one.object, how) : api.update(one.object, how);
    return result.ok
      ? { stream: 'stdout', text: `${named} ${create ? 'created' : 'replaced'}${dry}\n`, object: result.value }
      : { stream: 'stderr', text: formatFailure(result, { verb: create ? 'creating' : 'replacing', source: fileName }) };
  }
  const result = api.apply(one.object, how);
  if (!result.ok)
    return { stream: 'stderr', text: formatFailure(result, { verb: api.view.find(one.key) === undefined ? 'creating' : 'applying patch', source: fileName }) };
  const missing = result.warnings.find((warning) => warning.includes('last-applied-configuration annotation'));
  return {
    stream: 'stdout',
    text: `${named} ${result.value.outcome}${dry}\n`,
    object: result.value.object,
    ...(missing === undefined ? {} : { warning: `Warning: ${missing}\n` }),
  };
}

const conflictHelp = `Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the \`--force-conflicts\` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
`;

const clientSide = 'kubectl-client-side-apply';
const isClientSide = (entry: JsonValue): boolean =>
  typeof entry === 'object' && entry !== null && 'manager' in entry && entry.manager === clientSide && entry.operation === 'Update';

/** `kubectl apply --server-side`: like the real one it takes over what its client-side apply owned, and applies again so that what is no longer there goes. */
function applyOnServer(api: Api, fileName: string, one: AdmittedObject, named: string, options: ApplyOptions): Line {
  const how = {
    fieldManager: options.fieldManager ?? 'kubectl',
    ...(options.forceConflicts === true ? { force: true } : {}),
    ...(options.dryRun === true ? { dryRun: true } : {}),
  };
  const wasClientSide = options.dryRun !== true && api.managedFields(one.key).some((entry) => isClientSide(entry));
  const result = api.serverSideApply(one.object, { ...how, ...(wasClientSide ? { takeOver: clientSide } : {}) });
  if (result.ok) {
    const again = wasClientSide ? api.serverSideApply(one.object, how) : result;
    const failed = 'failed to re-apply configuration after performing Server-Side Apply migration. This is non-fatal and will be retried next time you apply.';
    return {
      stream: 'stdout',
      object: result.value.object,
      text: `${named} serverside-applied${options.dryRun === true ? ' (server dry run)' : ''}\n`,
      ...(again.ok ? {} : { warning: `Warning: ${failed} Error: ${again.message}\n` }),
    };
  }
  if (result.reason === 'Conflict') return { stream: 'stderr', text: `error: ${result.message}\n${conflictHelp}` };
  return { stream: 'stderr', text: formatFailure(result, { verb: 'applying patch', source: fileName }) };
}
