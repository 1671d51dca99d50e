/** Failures of the API server and what kubectl prints for them. Kubernetes: apimachinery/pkg/api/errors, kubectl/pkg/cmd/util/helpers.go. */
import type { ApiFailure } from './api.ts';
import type { FieldError, Kind } from './types.ts';

/** `deployments.apps`, `services`. */
export function groupResource(kind: Kind): string {
  const slash = kind.apiVersion.indexOf('/');
  return slash < 0 ? kind.plural : `${kind.plural}.${kind.apiVersion.slice(0, slash)}`;
}

/** `Deployment.apps`, `Service`. */
function groupKind(kind: Kind): string {
  const slash = kind.apiVersion.indexOf('/');
  return slash < 0 ? kind.kind : `${kind.kind}.${kind.apiVersion.slice(0, slash)}`;
}

const failure = (reason: ApiFailure['reason'], message: string, kind: Kind | undefined, name: string, causes: readonly FieldError[] = []): ApiFailure => ({
  ok: false,
  reason,
  message,
  causes,
  ...(kind === undefined ? {} : { details: { kind: kind.kind, name } }),
});

export const notFound = (kind: Kind, name: string): ApiFailure => failure('NotFound', `${groupResource(kind)} ${JSON.stringify(name)} not found`, kind, name);
export const alreadyExists = (kind: Kind, name: string): ApiFailure =>
  failure('AlreadyExists', `${groupResource(kind)} ${JSON.stringify(name)} already exists`, kind, name);
export const conflict = (kind: Kind, name: string, words: string): ApiFailure =>
  failure('Conflict', `Operation cannot be fulfilled on ${groupResource(kind)} ${JSON.stringify(name)}: ${words}`, kind, name);
export const forbidden = (kind: Kind, name: string, words: string): ApiFailure =>
  failure('Forbidden', `${groupResource(kind)} ${JSON.stringify(name)} is forbidden: ${words}`, kind, name);
export const badRequest = (message: string, kind?: Kind, name = '', causes: readonly FieldError[] = []): ApiFailure =>
  failure('BadRequest', message, kind, name, causes);
export const noMatch = (kind: string, apiVersion: string): ApiFailure =>
  failure('NotFound', `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`, undefined, '');

export const causeText = (cause: FieldError): string => (cause.path === '' ? cause.message : `${cause.path}: ${cause.message}`);

/** Errors as the server joins them: one alone, several in brackets, repetitions once. */
function aggregate(causes: readonly FieldError[]): string {
  const texts = [...new Set(causes.map(causeText))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

export const invalidObject = (kind: Kind, name: string, causes: readonly FieldError[]): ApiFailure =>
  failure('Invalid', `${groupKind(kind)} ${JSON.stringify(name)} is invalid: ${aggregate(causes)}`, kind, name, causes);

/** Something the server could not do, although the object is valid. Kubernetes: errors.NewInternalError. */
export const internalError = (kind: Kind, name: string, causes: readonly FieldError[]): ApiFailure =>
  failure('InternalError', causes[0]?.message ?? 'Internal error occurred', kind, name, causes);

/**
 * What kubectl writes to stderr, with the newline at the end. `verb` and `source` are those of a command with `-f`: `error when creating "web.yaml": …`.
 */
export function formatFailure(one: ApiFailure, context: { readonly verb?: string; readonly source?: string } = {}): string {
  if (one.reason === 'Invalid' && one.details !== undefined) {
    const head = `The ${one.details.kind} ${JSON.stringify(one.details.name)} is invalid`;
    const texts = [...new Set(one.causes.map(causeText))];
    if (texts.length === 0) return `${head}\n`;
    return texts.length === 1 ? `${head}: ${texts[0]}\n` : `${head}: \n${texts.map((text) => `* ${text}\n`).join('')}`;
  }
  const where = context.verb === undefined ? '' : `error when ${context.verb} ${JSON.stringify(context.source ?? '')}: `;
  if (one.details === undefined && one.reason === 'NotFound') return `error: ${one.message}\n`;
  // A webhook that refuses gives no reason.
  const reason = one.message.startsWith('admission webhook ') ? '' : ` (${one.reason})`;
  return `Error from server${reason}: ${where}${one.message}\n`;
}
