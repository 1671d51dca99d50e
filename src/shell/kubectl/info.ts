/** api-resources, version, cluster-info, explain, top, events, wait and the verbs that need what is not simulated. */

import { parseRfc3339 } from '../../base/time.ts';
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { inAll, VERBS } from '../../objects/http/discovery.ts';
import { type Kind, type KubeObject, type Schema, writtenKind } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, number, text } from '../json.ts';
import { formatTable } from '../table.ts';
import { ageOf } from './age.ts';
import {
  allNamespacesFlag,
  defineVerb,
  filenameFlag,
  groupOf,
  type Kubectl,
  keyOf,
  MUST_PROVIDE,
  outputFlag,
  qualifiedName,
  readResources,
  selectorFlag,
} from './client.ts';
import { controlPlaneIp } from './context.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { parseDuration } from './logs.ts';
import { selectObjects } from './select.ts';
import { CLIENT_VERSION, KUBERNETES_VERSION } from './versions.ts';
import type { WaitCondition, WaitState } from './watches.ts';
import { conditionHolds } from './watches.ts';

/** Configuration files of kubeadm and friends are read as objects here, but no API server serves them. */
function isServed(apiVersion: string): boolean {
  return !/^(?:kubeadm\.k8s\.io|kind\.x-k8s\.io|kubelet\.config\.k8s\.io|kubeproxy\.config\.k8s\.io)\//.test(apiVersion);
}

export const apiResources = defineVerb({
  name: 'api-resources',
  summary: 'the kinds this cluster knows',
  flags: [
    outputFlag,
    { name: 'namespaced', type: 'bool' },
    { name: 'api-group', type: 'string' },
    { name: 'no-headers', type: 'bool' },
    { name: 'verbs', type: 'list' },
    { name: 'sort-by', type: 'string' },
    { name: 'categories', type: 'list' },
    { name: 'cached', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    const order = flags.get('sort-by');
    if (order !== '' && order !== 'name' && order !== 'kind') throw new KubectlError('error: --sort-by accepts only name or kind');
    const categories = flags.all('categories').flatMap((value) => value.split(','));
    const keyOfKind = (kind: Kind): string =>
      order === 'kind' ? writtenKind(kind.kind) : order === 'name' ? kind.plural : `${groupOf(kind.apiVersion)}\0${kind.plural}`;
    const kinds = kubectl.invocation.host.api.kinds
      .filter((kind) => isServed(kind.apiVersion))
      .filter((kind) => !flags.has('namespaced') || kind.namespaced === flags.bool('namespaced'))
      .filter((kind) => !flags.has('api-group') || groupOf(kind.apiVersion) === flags.get('api-group'))
      .filter((kind) => categories.every((category) => category === 'all' && inAll.has(kind.kind)))
      .toSorted((a, b) => (keyOfKind(a) < keyOfKind(b) ? -1 : keyOfKind(a) > keyOfKind(b) ? 1 : 0));
    if (flags.get('output') === 'name') {
      for (const kind of kinds) kubectl.out(`${kind.plural}${groupOf(kind.apiVersion) === '' ? '' : `.${groupOf(kind.apiVersion)}`}\n`);
      return 0;
    }
    const wide = flags.get('output') === 'wide';
    const rows = kinds.map((kind) => [
      kind.plural,
      kind.shortNames.join(','),
      kind.apiVersion,
      String(kind.namespaced),
      writtenKind(kind.kind),
      ...(wide ? [VERBS.join(','), inAll.has(kind.kind) ? 'all' : ''] : []),
    ]);
    const header = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', ...(wide ? ['VERBS', 'CATEGORIES'] : [])];
    kubectl.out(formatTable(flags.bool('no-headers') ? rows : [header, ...rows]));
    return 0;
  },
});

export const apiVersions = defineVerb({
  name: 'api-versions',
  summary: 'the API versions this cluster knows',
  flags: [],
  run: (kubectl) => {
    for (const version of [...new Set(kubectl.invocation.host.api.kinds.map((kind) => kind.apiVersion).filter(isServed))].sort()) kubectl.out(`${version}\n`);
    return 0;
  },
});

export const version = defineVerb({
  name: 'version',
  summary: 'versions of kubectl and the API server',
  flags: [outputFlag, { name: 'client', type: 'bool' }, { name: 'short', type: 'bool' }],
  run: (kubectl) => {
    const output = kubectl.flags.get('output');
    const infoOf = (gitVersion: string): object => {
      const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
      return { major, minor, gitVersion, platform: 'linux/amd64' };
    };
    if (output !== '') {
      if (output !== 'json' && output !== 'yaml') throw new KubectlError("error: --output must be 'yaml' or 'json'");
      const server = kubectl.flags.bool('client') ? {} : { serverVersion: infoOf(KUBERNETES_VERSION) };
      const value = { clientVersion: infoOf(CLIENT_VERSION), kustomizeVersion: 'v5.7.1', ...server };
      kubectl.out(output === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : `${formatYaml(sortKeys(value) as Parameters<typeof formatYaml>[0])}\n`);
      return 0;
    }
    kubectl.out(`Client Version: ${CLIENT_VERSION}\nKustomize Version: v5.7.1\n`);
    if (!kubectl.flags.bool('client')) kubectl.out(`Server Version: ${KUBERNETES_VERSION}\n`);
    return 0;
  },
});

export const clusterInfo = defineVerb({
  name: 'cluster-info',
  summary: 'where the control plane is',
  flags: [outputFlag, allNamespacesFlag, { name: 'namespaces', type: 'list' }, { name: 'output-directory', type: 'string' }],
  run: (kubectl) => {
    const [word] = kubectl.flags.args;
    if (word === 'dump')
      throw new KubectlError(
        'error: kubectl cluster-info dump is not part of this simulated kubectl; kubectl get all,nodes,events -A -o json and kubectl logs tell what it would',
      );
    if (word !== undefined) throw new KubectlError(`error: unknown command "${word}" for "kubectl cluster-info"`);
    const url = `https://${controlPlaneIp(kubectl.invocation.host)}:6443`;
    kubectl.out(`Kubernetes control plane is running at ${url}\n`);
    if (kubectl.invocation.host.api.view.find('Service/kube-system/kube-dns') !== undefined)
      kubectl.out(`CoreDNS is running at ${url}/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy\n`);
    kubectl.out("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
    return 0;
  },
});

function schemaType(schema: Schema | undefined): string {
  if (schema === undefined) return '<Object>';
  if (schema['x-kubernetes-int-or-string'] === true) return '<IntOrString>';
  if (schema.type === 'array') return `<[]${schemaType(schema.items).slice(1)}`;
  if (schema.additionalProperties !== undefined) return `<map[string]${schemaType(schema.additionalProperties).slice(1)}`;
  return { object: '<Object>', string: '<string>', integer: '<integer>', number: '<number>', boolean: '<boolean>' }[schema.type ?? 'object'];
}

function schemaWithin(schema: Schema): Schema {
  return schema.items ?? (schema.properties === undefined ? (schema.additionalProperties ?? schema) : schema);
}

export const explain = defineVerb({
  name: 'explain',
  summary: 'fields of a kind: explain service.spec.ports',
  completes: 'resources',
  flags: [{ name: 'recursive', type: 'bool' }, { name: 'api-version', type: 'string' }, outputFlag],
  run: (kubectl) => {
    const word = kubectl.flags.args[0];
    if (word === undefined)
      throw new KubectlError(
        'error: You must specify the type of resource to explain. Use "kubectl api-resources" for a complete list of supported resources.',
      );
    const [resource = '', ...path] = word.replaceAll('/', '.').split('.');
    const kind = kubectl.invocation.host.api.findKind(resource);
    if (kind === undefined) throw new KubectlError(`the server doesn't have a resource type "${resource}"`);
    const group = groupOf(kind.apiVersion);
    const head = `${group === '' ? '' : `GROUP:      ${group}\n`}KIND:       ${writtenKind(kind.kind)}\nVERSION:    ${kind.apiVersion.split('/').at(-1)}\n\n`;
    let schema: Schema = kind.schema;
    let before = schema;
    for (const field of path) {
      const next = schemaWithin(schema).properties?.[field];
      if (next === undefined) {
        kubectl.out(head);
        throw new KubectlError(`error: field "${field}" does not exist`);
      }
      before = schema;
      schema = next;
    }
    const field = path.at(-1);
    kubectl.out(head);
    const required = (owner: Schema, name: string): string => (schemaWithin(owner).required?.includes(name) === true ? ' -required-' : '');
    if (field !== undefined) kubectl.out(`FIELD: ${field} ${schemaType(schema)}${required(before, field)}\n${enumLine(schema, '')}\n\n`);
    kubectl.out(`DESCRIPTION:\n${descriptionLines(schema, '    ', '<empty>')}    \n`);
    const { properties } = schemaWithin(schema);
    if (properties !== undefined) {
      kubectl.out('FIELDS:\n');
      printFields(kubectl, schemaWithin(schema), 1, kubectl.flags.bool('recursive'));
    }
    kubectl.out('\n');
    return 0;
  },
});

const enumLine = (schema: Schema, indent: string): string => (schema.enum === undefined ? '' : `${indent}enum: ${schema.enum.join(', ')}\n`);

/** What the field is, then what each of its elements is. */
function descriptionLines(schema: Schema, indent: string, absent: string): string {
  const own = [schema, schema.items, schema.additionalProperties].flatMap((part) =>
    part?.description === undefined ? [] : [`${part.description}${part.notSimulated === true ? ' (not simulated)' : ''}`],
  );
  return (own.length === 0 ? [absent] : own)
    .flatMap((line) => wrapped(line, 80 - indent.length))
    .map((line) => `${indent}${line}\n`)
    .join('');
}

/** Broken at spaces; a longer word stands alone. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function printFields(kubectl: Kubectl, schema: Schema, depth: number, recursive: boolean): void {
  if (depth > 12) return;
  const indent = '  '.repeat(depth);
  for (const name of Object.keys(schema.properties ?? {}).sort()) {
    const property = schema.properties?.[name];
    if (property === undefined) continue;
    kubectl.out(`${indent}${name}\t${schemaType(property)}${schema.required?.includes(name) === true ? ' -required-' : ''}\n`);
    if (recursive) {
      kubectl.out(enumLine(property, indent));
      printFields(kubectl, schemaWithin(property), depth + 1, true);
    } else kubectl.out(`${enumLine(property, indent)}${descriptionLines(property, `${indent}  `, '<no description>')}\n`);
  }
}

/** When an event was last seen: `5m` or `10s (x3 over 2m)`. */
export function eventWhen(kubectl: Pick<Kubectl, 'invocation'>, event: KubeObject): string {
  const { host } = kubectl.invocation;
  const first = text(at(event, 'eventTime')) || text(at(event, 'firstTimestamp')) || event.metadata.creationTimestamp;
  const count = number(at(event, 'series', 'count'), number(at(event, 'count'), 1));
  return count > 1 ? `${ageOf(host, lastTime(event))} (x${count} over ${ageOf(host, first)})` : ageOf(host, first);
}

const lastTime = (event: KubeObject): string =>
  text(at(event, 'series', 'lastObservedTime')) || text(at(event, 'lastTimestamp')) || text(at(event, 'eventTime')) || (event.metadata.creationTimestamp ?? '');

export const events = defineVerb({
  name: 'events',
  summary: 'what controllers reported (--for pod/NAME, -A)',
  flags: [
    allNamespacesFlag,
    outputFlag,
    { name: 'for', type: 'string' },
    { name: 'types', type: 'list' },
    { name: 'watch', short: 'w', type: 'bool' },
    { name: 'no-headers', type: 'bool' },
  ],
  run: (kubectl) => {
    const { flags, invocation } = kubectl;
    const everywhere = flags.bool('all-namespaces');
    const { view } = invocation.host.api;
    let found = (everywhere ? view.list('Event') : view.list('Event', kubectl.namespace)).filter(
      (event) =>
        flags.all('types').length === 0 ||
        flags
          .all('types')
          .flatMap((types) => types.split(','))
          .includes(text(at(event, 'type'))),
    );
    if (flags.has('for')) {
      const { requests } = readResources(kubectl, [flags.get('for')]);
      found = found.filter((event) =>
        requests.some(({ kind, name }) => text(at(event, 'involvedObject', 'kind')) === kind.kind && text(at(event, 'involvedObject', 'name')) === name),
      );
    }
    if (found.length === 0) {
      kubectl.err(everywhere ? 'No events found.\n' : `No events found in ${kubectl.namespace} namespace.\n`);
      return 0;
    }
    const rows = found
      .toSorted((a, b) => (parseRfc3339(lastTime(a)) ?? 0) - (parseRfc3339(lastTime(b)) ?? 0))
      .map((event) => [
        ...(everywhere ? [event.metadata.namespace ?? ''] : []),
        eventWhen(kubectl, event),
        text(at(event, 'type')),
        text(at(event, 'reason')),
        `${text(at(event, 'involvedObject', 'kind'))}/${text(at(event, 'involvedObject', 'name'))}`,
        text(at(event, 'message')).trim(),
      ]);
    const header = [...(everywhere ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
    kubectl.out(formatTable(flags.bool('no-headers') ? rows : [header, ...rows]));
    return 0;
  },
});

function parseCondition(value: string): WaitCondition {
  if (value === 'delete' || value === 'create') return { kind: value };
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(value);
  if (condition !== null) return { kind: 'condition', type: condition[1] ?? '', value: condition[2] ?? 'true' };
  const path = /^jsonpath=\{?\.?([^}=]+)\}?(?:=(.*))?$/.exec(value.replace(/['"]/g, ''));
  if (path !== null) return { kind: 'jsonpath', path: (path[1] ?? '').split('.'), value: path[2] };
  throw new KubectlError(`error: unrecognized condition: "${value}"`);
}

export const wait = defineVerb({
  name: 'wait',
  summary: 'waits for a condition (--for=condition=Ready pod/NAME --timeout=30s)',
  completes: 'resources',
  flags: [
    filenameFlag,
    selectorFlag,
    allNamespacesFlag,
    outputFlag,
    { name: 'for', type: 'string' },
    { name: 'timeout', type: 'string' },
    { name: 'all', type: 'bool' },
  ],
  run: (kubectl): Outcome => {
    const { flags, invocation } = kubectl;
    if (!flags.has('for')) throw new KubectlError('error: unrecognized condition: ""');
    if (flags.args.length === 0) throw new KubectlError(MUST_PROVIDE);
    const condition = parseCondition(flags.get('for'));
    const timeout = flags.has('timeout') ? parseDuration(flags.get('timeout').replace(/^-/, '')) : 30;
    if (timeout === undefined)
      throw new KubectlError(`error: invalid argument "${flags.get('timeout')}" for "--timeout" flag: time: invalid duration "${flags.get('timeout')}"`);
    let waiting: { key: string; title: string }[];
    if (condition.kind === 'create' || condition.kind === 'delete') {
      const { requests } = readResources(kubectl, flags.args);
      waiting = requests.flatMap(({ kind, name }) =>
        name === undefined ? [] : [{ key: keyOf(kind, kubectl.namespace, name), title: `${qualifiedName(kind)}/${name}` }],
      );
      const missing = waiting.find((entry) => condition.kind === 'delete' && invocation.host.api.view.find(entry.key) === undefined);
      if (missing !== undefined) return 0;
    } else {
      const { objects, failed } = selectObjects(kubectl, flags.args);
      if (failed) return 1;
      if (objects.length === 0) throw new KubectlError('error: no matching resources found');
      waiting = objects.map(([kind, object]) => ({
        key: keyOf(kind, object.metadata.namespace ?? '', object.metadata.name),
        title: `${qualifiedName(kind)}/${object.metadata.name}`,
      }));
    }
    const state: WaitState = { waiting, condition, lastLine: '' };
    // What holds already needs no clock.
    for (const entry of [...waiting]) {
      if (!conditionHolds(invocation.host.api.view.find(entry.key), condition)) continue;
      kubectl.out(`${entry.title} ${condition.kind === 'delete' ? 'deleted' : 'condition met'}\n`);
      waiting.splice(waiting.indexOf(entry), 1);
    }
    return waiting.length === 0 ? 0 : { kind: 'watch', watch: 'kubectl-wait', state, timeoutSeconds: timeout };
  },
});
