/** Parts that many descriptions share: labels, annotations, selectors, endpoints, events. Kubernetes: kubectl/pkg/describe/describe.go */
import { parseRfc3339 } from '../../../base/time.ts';
import type { KubeObject } from '../../../objects/types.ts';
import type { ShellHost } from '../../../world/shell-host.ts';
import { at, list, number, pairs, text } from '../../json.ts';
import { ageOf, rfc1123 } from '../age.ts';
import type { PrefixWriter } from './writer.ts';

export interface DescribeContext {
  readonly host: ShellHost;
  /** Events about the object, oldest first; undefined with --show-events=false. */
  readonly events: readonly KubeObject[] | undefined;
}

const MAX_ANNOTATION = 140;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** `Title:  a=b` and one more per line below. */
export function labels(writer: PrefixWriter, title: string, value: unknown): void {
  const entries = pairs(value);
  writer.write(0, `${title}:\t`);
  if (entries.length === 0) writer.write(0, '<none>\n');
  for (const [index, [key, label]] of entries.entries()) writer.write(0, `${index === 0 ? '' : '\t'}${key}=${label}\n`);
}

export function annotations(writer: PrefixWriter, title: string, value: unknown): void {
  const entries = pairs(value).filter(([key]) => key !== LAST_APPLIED);
  writer.write(0, `${title}:\t`);
  if (entries.length === 0) writer.write(0, '<none>\n');
  const shorten = (line: string): string => (line.length > MAX_ANNOTATION - 2 ? `${line.slice(0, MAX_ANNOTATION - 2)}...` : line);
  for (const [index, [key, raw]] of entries.entries()) {
    const indent = index === 0 ? '' : '\t';
    const content = raw.replace(/\n$/, '');
    if (content.length + key.length + 2 > MAX_ANNOTATION || content.includes('\n')) {
      writer.write(0, `${indent}${key}:\n`);
      for (const line of content.split('\n')) writer.write(0, `\t  ${shorten(line)}\n`);
    } else writer.write(0, `${indent}${key}: ${content}\n`);
  }
}

/** `a=b,c=d`, `<none>` when empty. */
export function formatLabels(value: unknown): string {
  const entries = pairs(value);
  return entries.length === 0 ? '<none>' : entries.map(([key, label]) => `${key}=${label}`).join(',');
}

/** A LabelSelector in one line, in order of key. */
export function formatSelector(selector: unknown): string {
  const parts: (readonly [string, string])[] = pairs(at(selector, 'matchLabels')).map(([key, label]) => [key, `${key}=${label}`] as const);
  for (const expression of list(at(selector, 'matchExpressions'))) {
    const key = text(at(expression, 'key'));
    const values = list(at(expression, 'values')).map(text).sort().join(',');
    const operator = text(at(expression, 'operator'));
    parts.push([
      key,
      operator === 'In' ? `${key} in (${values})` : operator === 'NotIn' ? `${key} notin (${values})` : operator === 'Exists' ? key : `!${key}`,
    ]);
  }
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return parts.length === 0 ? '<none>' : parts.map(([, part]) => part).join(',');
}

/** `ReplicaSet/web-64c966cf88`, '' when nothing controls it. */
export function controllerOf(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  return owner === undefined ? '' : `${owner.kind}/${owner.name}`;
}

export function slicesOf(host: ShellHost, namespace: string, service: string): readonly KubeObject[] {
  return host.api.view.select('EndpointSlice', namespace, { 'kubernetes.io/service-name': service });
}

/** Ready endpoints of the port with this name, three of them and a count of the rest. */
export function formatEndpoints(slices: readonly KubeObject[], portName: string): string {
  if (slices.length === 0) return '<none>';
  const shown: string[] = [];
  let count = 0;
  for (const slice of slices) {
    const ports = list(at(slice, 'ports'));
    const wanted = ports.length === 0 ? [undefined] : ports.filter((port) => text(at(port, 'name')) === portName);
    for (const port of wanted) {
      for (const endpoint of list(at(slice, 'endpoints'))) {
        if (at(endpoint, 'conditions', 'ready') === false) continue;
        const address = text(list(at(endpoint, 'addresses'))[0]);
        count += 1;
        if (shown.length < 3) shown.push(port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${text(at(port, 'port'))}`);
      }
    }
  }
  return count > 3 ? `${shown.join(',')} + ${count - 3} more...` : shown.join(',');
}

export function timeOr(value: unknown, otherwise = ''): string {
  const timestamp = text(value);
  return timestamp === '' ? otherwise : rfc1123(timestamp);
}

/** Core and events.k8s.io forms of an event have these under different names. */
function eventTimes(event: KubeObject): { readonly first: string; readonly last: string; readonly count: number; readonly source: string } {
  const created = event.metadata.creationTimestamp ?? '';
  const first = text(at(event, 'firstTimestamp')) || text(at(event, 'eventTime')) || created;
  return {
    first,
    last: text(at(event, 'series', 'lastObservedTime')) || text(at(event, 'lastTimestamp')) || first,
    count: number(at(event, 'series', 'count'), number(at(event, 'count'), 1)),
    source: text(at(event, 'source', 'component')) || text(at(event, 'reportingComponent')) || text(at(event, 'reportingController')),
  };
}

export function sortEvents(events: readonly KubeObject[]): readonly KubeObject[] {
  const keyed = events.map((event) => [parseRfc3339(eventTimes(event).last) ?? 0, event] as const);
  return keyed.toSorted(([a], [b]) => a - b).map(([, event]) => event);
}

export function describeEvents(writer: PrefixWriter, context: DescribeContext): void {
  if (context.events === undefined) return;
  if (context.events.length === 0) {
    writer.write(0, 'Events:\t<none>\n');
    return;
  }
  writer.write(0, 'Events:\n  Type\tReason\tAge\tFrom\tMessage\n');
  writer.write(1, '----\t------\t----\t----\t-------\n');
  for (const event of sortEvents(context.events)) {
    const { first, last, count, source } = eventTimes(event);
    const interval = count > 1 ? `${ageOf(context.host, last)} (x${count} over ${ageOf(context.host, first)})` : ageOf(context.host, first);
    writer.write(1, `${text(at(event, 'type'))}\t${text(at(event, 'reason'))}\t${interval}\t${source}\t${text(at(event, 'message')).trim()}\n`);
  }
}

/** Go's `True`, `False`, and `<unset>` for what is absent. */
export function yesOrUnset(value: unknown): string {
  return value === undefined ? '<unset>' : value === true ? 'True' : 'False';
}

const CONDITION_COLUMNS = {
  autoscaler: ['Type', 'Status', 'Reason', 'Message'],
  namespace: ['Type', 'Status', 'LastTransitionTime', 'Reason', 'Message'],
  claim: ['Type', 'Status', 'LastProbeTime', 'LastTransitionTime', 'Reason', 'Message'],
} as const;

/** The table of conditions, with the columns this kind's description has; nothing when there are none. */
export function describeConditionTable(writer: PrefixWriter, object: KubeObject, kind: keyof typeof CONDITION_COLUMNS): void {
  const conditions = list(at(object, 'status', 'conditions'));
  if (conditions.length === 0) return;
  const columns = CONDITION_COLUMNS[kind];
  writer.write(0, 'Conditions:\n');
  writer.write(1, `${columns.join('\t')}\n`);
  writer.write(1, `${columns.map((column) => (column === 'LastProbeTime' ? '-----------------' : '-'.repeat(column.length))).join('\t')}\n`);
  for (const condition of conditions) {
    const cells = columns.map((column) => {
      const value = at(condition, column.charAt(0).toLowerCase() + column.slice(1));
      return column.endsWith('Time') ? timeOr(value) : text(value);
    });
    writer.write(1, `${cells.join(kind === 'claim' ? ' \t' : '\t')}\n`);
  }
}

/** Name, and namespace where there is one. */
export function heading(writer: PrefixWriter, object: KubeObject): void {
  writer.write(0, `Name:\t${object.metadata.name}\n`);
  if (object.metadata.namespace !== undefined) writer.write(0, `Namespace:\t${object.metadata.namespace}\n`);
}

export function metadata(writer: PrefixWriter, object: KubeObject): void {
  labels(writer, 'Labels', object.metadata.labels);
  annotations(writer, 'Annotations', object.metadata.annotations);
}
