/** kubectl describe role, clusterrole, their bindings, priorityclass and poddisruptionbudget. Kubernetes: kubectl/pkg/describe/describe.go */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, text } from '../../json.ts';
import { annotations, type DescribeContext, describeEvents, formatLabels, formatSelector, labels } from './common.ts';
import type { PrefixWriter } from './writer.ts';

interface Row {
  readonly resource: string;
  readonly url: string;
  readonly names: readonly string[];
  readonly verbs: string[];
}

const bracketed = (words: readonly string[]): string => `[${words.join(' ')}]`;

/** One row a resource or path; rules that differ in nothing but their verbs are one. Kubernetes: kubectl/pkg/util/rbac/rbac.go */
function rowsOf(role: KubeObject): readonly Row[] {
  const rows = new Map<string, Row>();
  const add = (resource: string, url: string, names: readonly string[], verbs: readonly string[]): void => {
    const key = JSON.stringify([resource, url, names]);
    const row = rows.get(key) ?? { resource, url, names, verbs: [] };
    for (const verb of verbs) if (!row.verbs.includes(verb)) row.verbs.push(verb);
    rows.set(key, row);
  };
  for (const rule of list(at(role, 'rules'))) {
    const words = (field: string): readonly string[] => list(at(rule, field)).map(text);
    const verbs = words('verbs');
    const names = words('resourceNames');
    for (const group of words('apiGroups')) for (const resource of words('resources')) add(group === '' ? resource : `${resource}.${group}`, '', names, verbs);
    for (const url of words('nonResourceURLs')) add('', url, [], verbs);
  }
  // kubectl orders rules by how Go prints them, and verbs come first there.
  const rank = ({ resource, url, names, verbs }: Row): string => {
    const dot = resource.indexOf('.');
    const [plural, group] = dot < 0 ? [resource, ''] : [resource.slice(0, dot), resource.slice(dot + 1)];
    return `${bracketed(verbs)},${bracketed(group === '' ? [] : [group])},${bracketed([plural])},${bracketed(names)},${bracketed([url])}`;
  };
  return [...rows.values()].toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function titled(writer: PrefixWriter, object: KubeObject): void {
  writer.write(0, `Name:\t${object.metadata.name}\n`);
  labels(writer, 'Labels', object.metadata.labels);
  annotations(writer, 'Annotations', object.metadata.annotations);
}

export function describeRole(writer: PrefixWriter, role: KubeObject): void {
  titled(writer, role);
  writer.write(0, 'PolicyRule:\n');
  writer.write(1, 'Resources\tNon-Resource URLs\tResource Names\tVerbs\n');
  writer.write(1, '---------\t-----------------\t--------------\t-----\n');
  for (const { resource, url, names, verbs } of rowsOf(role))
    writer.write(1, `${resource}\t${bracketed(url === '' ? [] : [url])}\t${bracketed(names)}\t${bracketed(verbs)}\n`);
}

export function describeBinding(writer: PrefixWriter, binding: KubeObject): void {
  titled(writer, binding);
  writer.write(0, 'Role:\n');
  writer.write(1, `Kind:\t${text(at(binding, 'roleRef', 'kind'))}\n`);
  writer.write(1, `Name:\t${text(at(binding, 'roleRef', 'name'))}\n`);
  writer.write(0, 'Subjects:\n');
  writer.write(1, 'Kind\tName\tNamespace\n');
  writer.write(1, '----\t----\t---------\n');
  for (const subject of list(at(binding, 'subjects')))
    writer.write(1, `${text(at(subject, 'kind'))}\t${text(at(subject, 'name'))}\t${text(at(subject, 'namespace'))}\n`);
}

export function describePriorityClass(writer: PrefixWriter, priority: KubeObject, context: DescribeContext): void {
  writer.write(0, `Name:\t${priority.metadata.name}\n`);
  writer.write(0, `Value:\t${number(at(priority, 'value'))}\n`);
  writer.write(0, `GlobalDefault:\t${at(priority, 'globalDefault') === true}\n`);
  writer.write(0, `PreemptionPolicy:\t${text(at(priority, 'preemptionPolicy'))}\n`);
  writer.write(0, `Description:\t${text(at(priority, 'description'))}\n`);
  writer.write(0, `Annotations:\t${formatLabels(priority.metadata.annotations)}\n`);
  describeEvents(writer, context);
}

export function describeDisruptionBudget(writer: PrefixWriter, budget: KubeObject, context: DescribeContext): void {
  writer.write(0, `Name:\t${budget.metadata.name}\nNamespace:\t${budget.metadata.namespace ?? ''}\n`);
  const [least, most] = [at(budget, 'spec', 'minAvailable'), at(budget, 'spec', 'maxUnavailable')];
  if (least !== undefined) writer.write(0, `Min available:\t${text(least)}\n`);
  else if (most !== undefined) writer.write(0, `Max unavailable:\t${text(most)}\n`);
  writer.write(0, `Selector:\t${at(budget, 'spec', 'selector') === undefined ? '<unset>' : formatSelector(at(budget, 'spec', 'selector'))}\n`);
  writer.write(0, 'Status:\n');
  for (const [title, field] of [
    ['Allowed disruptions', 'disruptionsAllowed'],
    ['Current', 'currentHealthy'],
    ['Desired', 'desiredHealthy'],
    ['Total', 'expectedPods'],
  ] as const)
    writer.write(2, `${title}:\t${number(at(budget, 'status', field))}\n`);
  describeEvents(writer, context);
}
