/** kubectl describe for kinds without a describer of their own: every field, as of custom resources. Kubernetes: kubectl/pkg/describe/describe.go, printUnstructuredContent */
import type { KubeObject } from '../../../objects/types.ts';
import { record, text } from '../../json.ts';
import { type DescribeContext, describeEvents, metadata } from './common.ts';
import type { PrefixWriter } from './writer.ts';

const MAX_DEPTH = 40;
/** Said elsewhere, or never. */
const SKIPPED: ReadonlySet<string> = new Set(['.metadata.managedFields', '.metadata.name', '.metadata.namespace', '.metadata.labels', '.metadata.annotations']);
const ACRONYMS: ReadonlySet<string> = new Set(['API', 'URL', 'UID', 'OSB', 'GUID']);

export function describeGeneric(writer: PrefixWriter, object: KubeObject, context: DescribeContext): void {
  writer.write(0, `Name:\t${object.metadata.name}\nNamespace:\t${object.metadata.namespace ?? ''}\n`);
  metadata(writer, object);
  fields(writer, object, 0, '');
  describeEvents(writer, context);
}

/** `clusterIP` is `Cluster IP`; a name with anything but letters and hyphens stays as it is. */
function labelOf(field: string): string {
  if (!/^[\p{L}-]*$/u.test(field)) return field;
  // Runs of capitals, the last of which belongs to the lower-case letters behind it.
  const parts = field.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|-+/gu) ?? [field];
  return parts.map((part) => (ACRONYMS.has(part.toUpperCase()) ? part.toUpperCase() : part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())).join(' ');
}

function fields(writer: PrefixWriter, value: unknown, level: number, path: string): void {
  if (level > MAX_DEPTH) return;
  const entries = Object.entries(record(value)).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, child] of entries) {
    const here = `${path}.${key}`;
    if (child === undefined || SKIPPED.has(here)) continue;
    if (Array.isArray(child)) {
      writer.write(level, `${labelOf(key)}:\n`);
      for (const item of child) {
        if (typeof item === 'object' && item !== null && !Array.isArray(item)) fields(writer, item, level + 1, here);
        else writer.write(level + 1, `${goValue(item)}\n`);
      }
    } else if (typeof child === 'object' && child !== null) {
      writer.write(level, `${labelOf(key)}:\n`);
      fields(writer, child, level + 1, here);
    } else writer.write(level, `${labelOf(key)}:\t${goValue(child)}\n`);
  }
}

/** Go's %v of what is in a list. */
function goValue(value: unknown): string {
  if (value === null) return '<nil>';
  return Array.isArray(value) ? `[${value.map(goValue).join(' ')}]` : text(value);
}
