/** kubectl get: tables as the server gives them, and every other output. */
import { type Kind, type KubeObject, objectKey } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { formatTable } from '../table.ts';
import { ageOf, rowContext } from './age.ts';
import { allNamespacesFlag, badSelector, defineVerb, type Kubectl, listObjects, outputFlag, parseSelector, qualifiedName, selectorFlag } from './client.ts';
import { KubectlError } from './flags.ts';
import { evaluatePath, JsonPathError, parseRelaxedPath } from './jsonpath.ts';
import { formatObjects, parseOutput } from './output.ts';
import { getRaw } from './raw.ts';
import { findRequested, requestsOf } from './select.ts';
import type { GetWatchState } from './watches.ts';

export interface TableOptions {
  readonly wide: boolean;
  /** Name and age only (--server-print=false). */
  readonly bare?: boolean;
  readonly headers: boolean;
  readonly namespaces: boolean;
  readonly showLabels: boolean;
  readonly labelColumns: readonly string[];
  /** `pod/` before names, when several kinds are listed. */
  readonly prefixed: boolean;
  readonly showKind: boolean;
}

/** Header and cells of objects of one kind. */
export function tableRows(
  kubectl: Pick<Kubectl, 'invocation'>,
  kind: Kind,
  objects: readonly KubeObject[],
  options: TableOptions,
): { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const { host } = kubectl.invocation;
  const context = rowContext(host);
  const visible = kind.columns
    .map((column, index) => [column, index] as const)
    .filter(([{ name, priority }]) => (options.bare ? /^(?:name|age)$/i.test(name) : priority === 0 || options.wide));
  const namespaces = options.namespaces && kind.namespaced;
  const header = [
    ...(namespaces ? ['NAMESPACE'] : []),
    ...visible.map(([column]) => column.name.toUpperCase()),
    ...options.labelColumns.map((label) => label.slice(label.lastIndexOf('/') + 1).toUpperCase()),
    ...(options.showLabels ? ['LABELS'] : []),
  ];
  const prefix = options.prefixed || options.showKind ? `${qualifiedName(kind)}/` : '';
  const rows = objects.map((object) => {
    const cells = kind.row(object, context);
    const labels = object.metadata.labels ?? {};
    const shown = visible.map(([column, index]) => (column.name.toUpperCase() === 'NAME' ? prefix : '') + (cells[index] ?? ''));
    const labelText = Object.keys(labels)
      .sort()
      .map((key) => `${key}=${labels[key]}`)
      .join(',');
    return [
      ...(namespaces ? [object.metadata.namespace ?? ''] : []),
      ...shown,
      ...options.labelColumns.map((label) => (Object.hasOwn(labels, label) ? (labels[label] ?? '') : '')),
      ...(options.showLabels ? [labelText === '' ? '<none>' : labelText] : []),
    ];
  });
  return { header, rows };
}

const FIELD_SELECTORS: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Node: ['spec.unschedulable'],
  Namespace: ['status.phase'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
  Event: ['involvedObject.kind', 'involvedObject.name', 'involvedObject.namespace', 'involvedObject.uid', 'reason', 'reportingComponent', 'source', 'type'],
  ReplicaSet: ['status.replicas'],
};

/** `status.phase=Running,metadata.name!=x`. @throws {KubectlError} for a field that the server has no index for. */
export function parseFieldSelector(kind: Kind, text: string): (object: KubeObject) => boolean {
  const tests = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      if (match === null) throw new KubectlError(`error: invalid field selector: ${part}`);
      const [, path = '', operator, wanted] = match;
      if (path !== 'metadata.name' && path !== 'metadata.namespace' && !(FIELD_SELECTORS[kind.kind] ?? []).includes(path)) {
        throw badSelector(kind, '', text, `field label not supported: ${path}`);
      }
      return (object: KubeObject): boolean => {
        let value: unknown = object;
        for (const key of path.split('.'))
          value = typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
        return (String(value ?? (path === 'spec.unschedulable' ? 'false' : '')) === wanted) === (operator !== '!=');
      };
    });
  return (object) => tests.every((test) => test(object));
}

/** `quietly`: a path that nothing has leaves an empty table, as the real one's. */
function sortObjects(objects: readonly KubeObject[], path: string, quietly: boolean): readonly KubeObject[] {
  if (path === '') return objects;
  const node = parsePath(path);
  const sortValue = (object: KubeObject): unknown => (node?.kind === 'path' ? evaluatePath(node.steps, object, false)[0] : undefined);
  const keyed = objects.map((object) => [sortValue(object), object] as const);
  const unknown = objects.length > 0 && keyed.every(([value]) => value === undefined);
  if (unknown && quietly) return [];
  if (unknown) throw new KubectlError(`error: couldn't find any field with path "${path.startsWith('{') ? path : `{${path}}`}" in the list of objects`);
  const compare = (a: unknown, b: unknown): number =>
    a === undefined
      ? b === undefined
        ? 0
        : -1
      : b === undefined
        ? 1
        : typeof a === 'number' && typeof b === 'number'
          ? a - b
          : String(a) < String(b)
            ? -1
            : String(a) > String(b)
              ? 1
              : 0;
  return keyed.toSorted(([a], [b]) => compare(a, b)).map(([, object]) => object);
}

function parsePath(path: string): ReturnType<typeof parseRelaxedPath>[number] | undefined {
  try {
    return parseRelaxedPath(path)[0];
  } catch (error) {
    if (error instanceof JsonPathError) throw new KubectlError(`error: error parsing jsonpath: ${error.message}`);
    throw error;
  }
}

export const get = defineVerb({
  name: 'get',
  summary: 'lists objects',
  completes: 'resources',
  flags: [
    outputFlag,
    selectorFlag,
    allNamespacesFlag,
    { name: 'filename', short: 'f', type: 'list' },
    { name: 'field-selector', type: 'string' },
    { name: 'label-columns', short: 'L', type: 'list' },
    { name: 'show-labels', type: 'bool' },
    { name: 'show-kind', type: 'bool' },
    { name: 'no-headers', type: 'bool' },
    { name: 'sort-by', type: 'string' },
    { name: 'watch', short: 'w', type: 'bool' },
    { name: 'watch-only', type: 'bool' },
    { name: 'ignore-not-found', type: 'bool' },
    { name: 'show-managed-fields', type: 'bool' },
    { name: 'chunk-size', type: 'int' },
    { name: 'server-print', type: 'bool' },
    { name: 'raw', type: 'string' },
  ],
  run: (kubectl) => runGet(kubectl),
});

const NOTHING_ASKED =
  'error: Required resource not specified.\nUse "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain pods).\nSee \'kubectl get -h\' for help and examples';

function runGet(kubectl: Kubectl): Outcome {
  const { flags, invocation } = kubectl;
  if (flags.has('raw')) {
    if (flags.args.length > 0) throw new KubectlError('error: arguments may not be passed when --raw is specified');
    return getRaw(kubectl, flags.get('raw'));
  }
  if (flags.args.length === 0 && !flags.has('filename'))
    kubectl.err('You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of supported resources.\n\n');
  const { requests, single } = requestsOf(kubectl, flags.args, NOTHING_ASKED);
  const format = parseOutput(flags.get('output'), flags.bool('no-headers'), (file) => {
    const content = invocation.shell.readFile(invocation.place, resolvePath(invocation.cwd, file));
    if (content === undefined)
      throw new KubectlError(
        `error: error reading ${flags.get('output').startsWith('custom') ? '' : '--'}template ${file}, open ${file}: no such file or directory`,
      );
    return content;
  });
  const named = requests.some((request) => request.name !== undefined);
  if (named && flags.has('selector')) throw new KubectlError('error: name cannot be provided when a selector is specified');
  if (named && flags.bool('all-namespaces')) throw new KubectlError('error: a resource cannot be retrieved by name across all namespaces');
  const groups: { readonly kind: Kind; readonly objects: KubeObject[] }[] = [];
  const errors: string[] = [];
  const listed = new Set<Kind>();
  for (const request of requests) {
    const { kind, name } = request;
    let group = groups.find((candidate) => candidate.kind === kind);
    if (group === undefined) {
      group = { kind, objects: [] };
      groups.push(group);
    }
    if (name === undefined) {
      const selector = parseSelector(flags.get('selector'), kind);
      const fields = parseFieldSelector(kind, flags.get('field-selector'));
      listed.add(kind);
      group.objects.push(...listObjects(kubectl, kind).filter((object) => selector(object.metadata.labels ?? {}) && fields(object)));
      continue;
    }
    const found = findRequested(kubectl, request);
    if (typeof found !== 'string') group.objects.push(found);
    else if (!flags.bool('ignore-not-found')) errors.push(found);
  }
  const sorted = groups.map(({ kind, objects }) => ({ kind, objects: sortObjects(objects, flags.get('sort-by'), format.kind === 'table') }));
  if (flags.bool('watch') || flags.bool('watch-only')) return watchTable(kubectl, sorted, single, format.kind === 'table' && format.wide);
  if (format.kind === 'table')
    printTables(kubectl, sorted, format.wide, errors, sorted.filter(({ kind, objects }) => listed.has(kind) || objects.length > 0).length > 1);
  else {
    const withOwners = flags.bool('show-managed-fields');
    // Only -o yaml and json leave managedFields out; a template that asks for them, or for all, gets them.
    const hidden = format.kind === 'yaml' || format.kind === 'json' || format.kind === 'kyaml' || format.kind === 'name';
    const shown = (object: KubeObject): KubeObject =>
      withOwners || !hidden
        ? {
            ...object,
            metadata: {
              ...object.metadata,
              get managedFields() {
                return invocation.host.api.managedFields(objectKey(object));
              },
            },
          }
        : object;
    const objects = sorted.flatMap((group) => group.objects.map((object) => [group.kind, shown(object)] as const));
    if (!(single && objects.length === 0) && !(format.kind !== 'name' && errors.length > 0 && objects.length === 0))
      kubectl.out(formatObjects(format, objects, single, withOwners || !hidden));
  }
  for (const error of errors) kubectl.err(`${error}\n`);
  return errors.length > 0 ? 1 : 0;
}

function tableOptions(kubectl: Kubectl, wide: boolean, prefixed: boolean): TableOptions {
  const { flags } = kubectl;
  return {
    wide,
    bare: flags.has('server-print') && !flags.bool('server-print'),
    headers: !flags.bool('no-headers'),
    namespaces: flags.bool('all-namespaces'),
    showLabels: flags.bool('show-labels'),
    labelColumns: flags.all('label-columns').flatMap((value) => value.split(',')),
    prefixed,
    showKind: flags.bool('show-kind'),
  };
}

function printTables(
  kubectl: Kubectl,
  groups: readonly { readonly kind: Kind; readonly objects: readonly KubeObject[] }[],
  wide: boolean,
  errors: readonly string[],
  prefixed: boolean,
): void {
  const filled = groups.filter((group) => group.objects.length > 0);
  if (filled.length === 0) {
    if (errors.length === 0 && !kubectl.flags.bool('ignore-not-found')) {
      const everywhere = kubectl.flags.bool('all-namespaces') || groups.every((group) => !group.kind.namespaced);
      kubectl.err(everywhere ? 'No resources found\n' : `No resources found in ${kubectl.namespace} namespace.\n`);
    }
    return;
  }
  const options = tableOptions(kubectl, wide, prefixed);
  for (const [index, { kind, objects }] of filled.entries()) {
    const { header, rows } = tableRows(kubectl, kind, objects, options);
    if (index > 0 && options.headers) kubectl.out('\n');
    kubectl.out(formatTable(options.headers ? [header, ...rows] : rows));
  }
}

function watchTable(
  kubectl: Kubectl,
  groups: readonly { readonly kind: Kind; readonly objects: readonly KubeObject[] }[],
  single: boolean,
  wide: boolean,
): Outcome {
  const group = groups[0];
  if (groups.length !== 1 || group === undefined) throw new KubectlError('error: you may only specify a single resource type');
  const options = tableOptions(kubectl, wide, false);
  const { header, rows } = tableRows(kubectl, group.kind, group.objects, options);
  const widths = header.map((cell, column) => Math.max(6, ...[cell, ...rows.map((row) => row[column] ?? '')].map((text) => text.length + 3)));
  const state: GetWatchState = {
    kind: group.kind.kind,
    namespace: group.kind.namespaced && !kubectl.flags.bool('all-namespaces') ? kubectl.namespace : '',
    name: single ? (group.objects[0]?.metadata.name ?? '') : '',
    selector: kubectl.flags.get('selector'),
    options,
    widths,
    headerPrinted: rows.length > 0,
    seen: new Map(group.objects.map((object) => [`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object.metadata.resourceVersion ?? ''])),
  };
  if (rows.length > 0 && !kubectl.flags.bool('watch-only')) kubectl.out(formatTable(options.headers ? [header, ...rows] : rows));
  return { kind: 'watch', watch: 'kubectl-get', state, timeoutSeconds: Number.POSITIVE_INFINITY };
}

/** Events in order of time, as `kubectl events` and describe show them. */
export function eventAge(kubectl: Pick<Kubectl, 'invocation'>, event: KubeObject): string {
  const raw = event as unknown as { readonly lastTimestamp?: string; readonly eventTime?: string };
  return ageOf(kubectl.invocation.host, raw.lastTimestamp ?? raw.eventTime ?? event.metadata.creationTimestamp);
}
