/** OpenAPI v3 of the kinds, one document a group and version: what `kubectl explain` prints from, and how kubectl learns that the server validates fields. */
import type { Kind, Schema } from '../types.ts';
import { type ApiResponse, json } from './exchange.ts';

type Groups = ReadonlyMap<string, ReadonlyMap<string, readonly Kind[]>>;

const pathOf = (group: string, version: string): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);

/** Schema nesting never gets that deep in ours. */
const MAX_DEPTH = 40;

const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

const described = (schema: Schema): object =>
  schema.description === undefined ? {} : { description: `${schema.description}${schema.notSimulated === true ? ' (not simulated)' : ''}` };

function schemaOf(schema: Schema, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) return {};
  if (schema['x-kubernetes-int-or-string'] === true) return { ...described(schema), allOf: [{ $ref: `#/components/schemas/${INT_OR_STRING}` }] };
  return {
    ...described(schema),
    ...(schema.type === undefined ? {} : { type: schema.type }),
    ...(schema.format === undefined ? {} : { format: schema.format }),
    ...(schema.enum === undefined ? {} : { enum: schema.enum }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    ...(schema.required === undefined ? {} : { required: schema.required }),
    ...(schema.properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, schemaOf(property, depth + 1)])) }),
    ...(schema.additionalProperties === undefined ? {} : { additionalProperties: schemaOf(schema.additionalProperties, depth + 1) }),
    ...(schema.items === undefined ? {} : { items: schemaOf(schema.items, depth + 1) }),
  };
}

function documentOf(group: string, version: string, kinds: readonly Kind[]): unknown {
  const schemas: Record<string, unknown> = {
    [INT_OR_STRING]: { description: 'A number or a name.', format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  };
  const paths: Record<string, unknown> = {};
  for (const kind of kinds) {
    const identity = { group, version, kind: kind.kind };
    schemas[`io.k8s.${group === '' ? 'core' : group}.${version}.${kind.kind}`] = { ...schemaOf(kind.schema, 0), 'x-kubernetes-group-version-kind': [identity] };
    const place = `/${pathOf(group, version)}/${kind.namespaced ? 'namespaces/{namespace}/' : ''}${kind.plural}/{name}`;
    const query = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
    paths[place] = {
      get: { 'x-kubernetes-action': 'get', 'x-kubernetes-group-version-kind': identity },
      patch: {
        parameters: [query('dryRun'), query('fieldManager'), query('fieldValidation'), query('force')],
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': identity,
      },
    };
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'kubehop' }, paths, components: { schemas } };
}

/** Answers `/openapi/v3` and below; undefined for other paths. */
export function openapiOf(path: string, groups: Groups): ApiResponse | undefined {
  if (path === '/openapi/v3') {
    const paths: Record<string, unknown> = {};
    for (const [group, versions] of groups)
      for (const version of versions.keys()) paths[pathOf(group, version)] = { serverRelativeURL: `/openapi/v3/${pathOf(group, version)}` };
    return json(200, { paths });
  }
  const match = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path);
  if (match === null) return undefined;
  const [, group = '', version = ''] = match;
  const kinds = groups.get(group)?.get(version);
  return kinds === undefined ? undefined : json(200, documentOf(group, version, kinds));
}
