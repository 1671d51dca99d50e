/** What every kubectl verb needs: namespace, resource arguments, the server's failures in kubectl's words. */

import type { ApiFailure, ApiResult } from '../../objects/api.ts';
import { type LabelTest, parseLabelSelector } from '../../objects/label-selector-text.ts';
import { type Kind, type KubeObject, type ObjectKey, writtenKind } from '../../objects/types.ts';
import type { Invocation, Outcome } from '../command.ts';
import type { Bundled } from './bundled/index.ts';
import { type Flag, KubectlError, type ParsedFlags } from './flags.ts';

/** One call of kubectl. */
export interface Kubectl {
  readonly invocation: Invocation;
  readonly flags: ParsedFlags;
  readonly verb: string;
  readonly namespace: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** What stands for manifests at well-known addresses. */
  readonly bundled: (url: string) => Bundled | undefined;
}

export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly run: (kubectl: Kubectl) => Outcome;
  /** What may follow: resource kinds and names are offered for `resources`, names of one kind for a kind's name. */
  readonly completes?: 'resources' | 'pods' | 'files' | 'nodes';
  /** What stands behind its name in the usage line. */
  readonly usage?: string;
  /** Without `kubectl` in front. */
  readonly examples?: readonly string[];
  readonly subcommands?: Readonly<Record<string, { readonly summary: string }>>;
}

export function defineVerb(verb: Verb): Verb {
  return verb;
}

export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** `deployment.apps`, `pod`: how kubectl names what it has changed. */
export function qualifiedName(kind: Pick<Kind, 'kind' | 'apiVersion'>): string {
  const group = groupOf(kind.apiVersion);
  const name = writtenKind(kind.kind).toLowerCase();
  return group === '' ? name : `${name}.${group}`;
}

/** `deployments.apps`, `pods`: how the server names a resource. */
export function qualifiedPlural(kind: Pick<Kind, 'plural' | 'apiVersion'>): string {
  const group = groupOf(kind.apiVersion);
  return group === '' ? kind.plural : `${kind.plural}.${group}`;
}

/** kubectl's text for a failure, with a newline. Kubernetes: kubectl/pkg/cmd/util/helpers.go */
export function failureText(failure: ApiFailure): string {
  if (failure.reason === 'Invalid') {
    const match = /^(\S+) "([^"]*)" is invalid: /.exec(failure.message);
    if (match !== null) {
      const kind = (match[1] ?? '').split('.')[0] ?? '';
      const causes = failure.causes.map((cause) => `${cause.path}: ${cause.message}`);
      const list = causes.length > 1 ? `\n${causes.map((cause) => `* ${cause}`).join('\n')}` : (causes[0] ?? failure.message.slice(match[0].length));
      return `The ${kind} "${match[2]}" is invalid: ${list}\n`;
    }
    return `The request is invalid: ${failure.message}\n`;
  }
  return `Error from server (${failure.reason}): ${failure.message}\n`;
}

/** The value, or kubectl's error. */
export function expectOk<T>(result: ApiResult<T>): T {
  if (result.ok) return result.value;
  throw new KubectlError(failureText(result).trimEnd());
}

export function findKind(kubectl: Kubectl, word: string): Kind {
  const kind = kubectl.invocation.host.api.findKind(word);
  if (kind === undefined) throw new KubectlError(`error: the server doesn't have a resource type "${word}"`);
  return kind;
}

export function keyOf(kind: Pick<Kind, 'kind' | 'namespaced'>, namespace: string, name: string): ObjectKey {
  return kind.namespaced ? `${kind.kind}/${namespace}/${name}` : `${kind.kind}/${name}`;
}

export interface ResourceRequest {
  readonly kind: Kind;
  /** Absent: all of the kind. */
  readonly name: string | undefined;
  /** That a manifest names; else the call's. */
  readonly namespace?: string;
}

const ALL_KINDS = ['pods', 'services', 'daemonsets', 'deployments', 'replicasets', 'statefulsets', 'horizontalpodautoscalers', 'cronjobs', 'jobs'];

/** `pods`, `pod web-1 web-2`, `pods,svc`, `deploy/web svc/web`, `all`. Kubernetes: cli-runtime/pkg/resource/builder.go */
export function readResources(kubectl: Kubectl, args: readonly string[]): { readonly requests: readonly ResourceRequest[]; readonly single: boolean } {
  if (args.some((word) => word.includes('/'))) {
    const requests = args.map((word): ResourceRequest => {
      if (!word.includes('/'))
        throw new KubectlError(
          "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
        );
      const [resource = '', name = '', more] = word.split('/');
      if (more !== undefined || resource === '' || name === '')
        throw new KubectlError('error: arguments in resource/name form must have a single resource and name');
      return { kind: findKind(kubectl, resource), name };
    });
    return { requests, single: requests.length === 1 };
  }
  const words = (args[0] ?? '').split(',').filter((word) => word !== '');
  const { api } = kubectl.invocation.host;
  const kinds = words.flatMap((word) => (word === 'all' ? ALL_KINDS.flatMap((name) => api.findKind(name) ?? []) : [findKind(kubectl, word)]));
  const names = args.slice(1);
  if (names.length === 0) return { requests: kinds.map((kind) => ({ kind, name: undefined })), single: false };
  return { requests: kinds.flatMap((kind) => names.map((name): ResourceRequest => ({ kind, name }))), single: names.length === 1 && kinds.length === 1 };
}

export function notFoundText(kind: Kind, name: string): string {
  return `Error from server (NotFound): ${qualifiedPlural(kind)} "${name}" not found`;
}

/** A named object in a namespace that is not there: the server names the namespace first. */
export function namespaceMissing(kubectl: Kubectl, kind: Kind): string | undefined {
  if (!kind.namespaced || kubectl.invocation.host.api.view.find(`Namespace/${kubectl.namespace}`) !== undefined) return undefined;
  return `Error from server (NotFound): namespaces "${kubectl.namespace}" not found`;
}

/** @throws {KubectlError} NotFound */
export function getObject(kubectl: Kubectl, kind: Kind, name: string): KubeObject {
  const { view } = kubectl.invocation.host.api;
  const found = view.find(keyOf(kind, kubectl.namespace, name));
  if (found === undefined) throw new KubectlError(notFoundText(kind, name));
  return found;
}

/** All objects of a kind in the namespace of the call (or in all with -A). */
export function listObjects(kubectl: Kubectl, kind: Kind): readonly KubeObject[] {
  const { view } = kubectl.invocation.host.api;
  const everywhere = !kind.namespaced || kubectl.flags.bool('all-namespaces');
  return everywhere ? view.list(kind.kind) : view.list(kind.kind, kubectl.namespace);
}

/** The server's refusal of a list's selectors. */
export function badSelector(kind: Kind, labels: string, fields: string, message: string): KubectlError {
  const resource = `${kind.apiVersion.includes('/') ? kind.apiVersion : `/${kind.apiVersion}`}, Resource=${kind.plural}`;
  return new KubectlError(
    `Error from server (BadRequest): Unable to find ${JSON.stringify(resource)} that match label selector ${JSON.stringify(labels)}, field selector ${JSON.stringify(fields)}: ${message}`,
  );
}

/** Label selectors as kubectl hands them to the server. @throws {KubectlError} in its words. */
export function parseSelector(text: string, kind: Kind): LabelTest {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw badSelector(kind, text, '', parsed.message);
  return parsed.test;
}

/** ` (dry run)` or nothing. */
export function dryRunSuffix(flags: ParsedFlags): string {
  const mode = flags.get('dry-run');
  return mode === 'client' ? ' (dry run)' : mode === 'server' ? ' (server dry run)' : '';
}

export const dryRunFlag: Flag = { name: 'dry-run', type: 'optional', bare: 'unchanged' };
export const outputFlag: Flag = { name: 'output', short: 'o', type: 'string' };
export const selectorFlag: Flag = { name: 'selector', short: 'l', type: 'string' };
export const filenameFlag: Flag = { name: 'filename', short: 'f', type: 'list' };
export const allNamespacesFlag: Flag = { name: 'all-namespaces', short: 'A', type: 'bool' };

/** @throws {KubectlError} for a bad --dry-run. */
export function checkDryRun(flags: ParsedFlags): boolean {
  const mode = flags.get('dry-run');
  if (!flags.has('dry-run') || mode === 'none' || mode === 'false') return false;
  if (mode === 'client' || mode === 'server') return true;
  if (mode === 'unchanged') throw new KubectlError('error: --dry-run without a value is deprecated and is not taken here; use --dry-run=client');
  throw new KubectlError(`error: Invalid dry-run value (${mode}). Must be "none", "server", or "client".`);
}

export const MUST_PROVIDE = `error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`;
