/** What -o can be: tables, yaml, json, name, jsonpath, custom-columns. */
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { type Kind, type KubeObject, writtenKind } from '../../objects/types.ts';
import { formatTable } from '../table.ts';
import { qualifiedName } from './client.ts';
import { KubectlError } from './flags.ts';
import { GoTemplateError, goText, renderGoTemplate } from './go-template.ts';
import { evaluatePath, JsonPathError, parseJsonPath, parseRelaxedPath, renderJsonPath, sortKeys } from './jsonpath.ts';
import { formatKyaml } from './kyaml.ts';

export type OutputFormat =
  | { readonly kind: 'table'; readonly wide: boolean }
  | { readonly kind: 'yaml' | 'json' | 'name' | 'kyaml' }
  | { readonly kind: 'jsonpath' | 'jsonpath-as-json' | 'go-template'; readonly template: string }
  | { readonly kind: 'custom-columns'; readonly columns: readonly { readonly header: string; readonly path: string }[]; readonly headers: boolean };

const ALLOWED =
  'custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,wide,yaml';

const ALLOWED_FOR_OBJECTS = ALLOWED.split(',')
  .filter((word) => !/^(?:custom|wide)/.test(word))
  .join(',');

/** `tables`: whether the verb can print any. @throws {KubectlError} for an unknown format. */
export function parseOutput(text: string, noHeaders: boolean, read?: (file: string) => string, tables = true): OutputFormat {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const argument = equals < 0 ? undefined : text.slice(equals + 1);
  switch (name) {
    case '':
      return { kind: 'table', wide: false };
    case 'wide':
      if (!tables) break;
      return { kind: 'table', wide: true };
    case 'yaml':
    case 'json':
    case 'name':
    case 'kyaml':
      return { kind: name };
    case 'jsonpath':
    case 'jsonpath-as-json':
      if (argument === undefined) throw new KubectlError('error: template format specified but no template given');
      return { kind: name, template: argument };
    case 'custom-columns': {
      if (!tables) break;
      if (argument === undefined || argument === '') throw new KubectlError('error: custom-columns format specified but no custom columns given');
      const columns = argument.split(',').map((part) => {
        const colon = part.indexOf(':');
        if (colon < 0) throw new KubectlError(`error: unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`);
        return { header: part.slice(0, colon), path: part.slice(colon + 1) };
      });
      return { kind: 'custom-columns', columns, headers: !noHeaders };
    }
    case 'go-template':
    case 'template':
      if (argument === undefined) throw new KubectlError('error: template format specified but no template given');
      return { kind: 'go-template', template: argument };
    case 'jsonpath-file':
    case 'go-template-file':
    case 'templatefile':
      if (argument === undefined) throw new KubectlError('error: template format specified but no template given');
      if (read === undefined) break;
      return { kind: name === 'jsonpath-file' ? 'jsonpath' : 'go-template', template: read(argument) };
    case 'custom-columns-file': {
      if (read === undefined || argument === undefined) break;
      const [headers = '', paths = ''] = read(argument).split('\n');
      const fields = paths.trim().split(/\s+/);
      const columns = headers.trim().split(/\s+/);
      if (columns.length !== fields.length)
        throw new KubectlError(`error: number of headers (${columns.length}) and field specifications (${fields.length}) don't match`);
      return { kind: 'custom-columns', columns: columns.map((header, index) => ({ header, path: fields[index] ?? '' })), headers: !noHeaders };
    }
  }
  throw new KubectlError(
    `error: unable to match a printer suitable for the output format "${text}", allowed formats are: ${tables ? ALLOWED : ALLOWED_FOR_OBJECTS}`,
  );
}

/** As kubectl prints an object: without managedFields, with the kind of its text. */
export function visibleObject(stored: KubeObject): KubeObject {
  const kind = writtenKind(stored.kind);
  const object = kind === stored.kind ? stored : { ...stored, kind };
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Go's JSON: sorted keys, four spaces, HTML escaped. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(sortKeys(value), undefined, 4).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
}

/** Plain JSON without absent fields, as formatYaml takes it. */
function plain(value: unknown): Parameters<typeof formatYaml>[0] {
  return sortKeys(value) as Parameters<typeof formatYaml>[0];
}

/** Text of objects in a format other than a table. `single`: one object was asked for by name. */
export function formatObjects(
  format: Exclude<OutputFormat, { kind: 'table' }>,
  objects: readonly (readonly [Pick<Kind, 'kind' | 'apiVersion'>, KubeObject])[],
  single: boolean,
  withOwners = false,
): string {
  const visible = objects.map(([, object]) => (withOwners ? object : visibleObject(object)));
  const whole = single ? visible[0] : { apiVersion: 'v1', items: visible, kind: 'List', metadata: { resourceVersion: '' } };
  switch (format.kind) {
    case 'yaml':
      return formatYaml(plain(whole));
    case 'kyaml':
      return formatKyaml(sortKeys(whole));
    case 'jsonpath-as-json':
      return jsonPathValues(format.template, whole);
    case 'json':
      return formatJson(whole);
    case 'name':
      return objects.map(([kind, object]) => `${qualifiedName(kind)}/${object.metadata.name}\n`).join('');
    case 'jsonpath':
      return renderTemplate(format.template, whole);
    case 'go-template':
      return goTemplate(format.template, whole);
    case 'custom-columns': {
      const rows = visible.map((object) =>
        format.columns.map((column) => {
          const node = parseTemplate(() => parseRelaxedPath(column.path))[0];
          const values = node?.kind === 'path' ? evaluatePath(node.steps, object, false) : [];
          return values.length === 0 ? '<none>' : values.map((value) => (value === null ? '<nil>' : goText(value))).join(',');
        }),
      );
      return formatTable([...(format.headers ? [format.columns.map((column) => column.header)] : []), ...rows]);
    }
  }
}

function parseTemplate<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof JsonPathError) throw new KubectlError(`error: error parsing jsonpath: ${error.message}`);
    throw error;
  }
}

function goTemplate(template: string, value: unknown): string {
  try {
    return renderGoTemplate(template, value);
  } catch (error) {
    if (error instanceof GoTemplateError) throw new KubectlError(`error: error parsing template ${template}, ${error.message}`);
    throw error;
  }
}

/** What a template's paths yield, as one JSON list. */
function jsonPathValues(template: string, value: unknown): string {
  const nodes = parseTemplateFor(template.includes('{') ? template : `{${template}}`);
  const values = nodes.flatMap((node) => (node.kind === 'path' ? evaluatePath(node.steps, value, false) : []));
  return formatJson(values);
}

function renderTemplate(template: string, value: unknown): string {
  // kubectl also takes a bare path without braces.
  const text = template.includes('{') ? template : `{${template}}`;
  const nodes = parseTemplateFor(text);
  try {
    return renderJsonPath(nodes, value, false);
  } catch (error) {
    if (error instanceof JsonPathError)
      throw new KubectlError(
        `error: error executing jsonpath "${template}": Error executing template: ${error.message}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${template}`,
      );
    throw error;
  }
}

function parseTemplateFor(template: string): ReturnType<typeof parseJsonPath> {
  try {
    return parseJsonPath(template);
  } catch (error) {
    if (error instanceof JsonPathError) throw new KubectlError(`error: error parsing jsonpath ${template}, ${error.message}`);
    throw error;
  }
}
