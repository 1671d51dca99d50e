/** Finds the schema of a field by its path. */
import { objectMetaSchema } from '../schema/object-meta.ts';
import type { Kind, Schema } from '../types.ts';
import type { SchemaPath } from './cursor.ts';

/** A kind's schema with the three members that every object has. */
export function rootSchema(kind: Kind): Schema {
  return {
    ...kind.schema,
    properties: {
      apiVersion: { type: 'string', description: 'Version of the API this object is written in.' },
      kind: { type: 'string', description: 'The kind of the object.' },
      metadata: objectMetaSchema,
      ...kind.schema.properties,
    },
  };
}

export function findSchema(root: Schema, path: SchemaPath): Schema | undefined {
  let schema: Schema | undefined = root;
  for (const part of path) {
    if (schema === undefined) return undefined;
    if (part === '[]') schema = schema.items;
    else schema = schema.properties !== undefined && Object.hasOwn(schema.properties, part) ? schema.properties[part] : schema.additionalProperties;
  }
  return schema;
}

/** As `kubectl explain` names types: `integer`, `[]Object`, `map[string]string`. */
export function typeName(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'int or string';
  if (schema.type === 'array') return `[]${schema.items === undefined ? 'Object' : typeName(schema.items)}`;
  if (schema.type === 'object')
    return schema.additionalProperties !== undefined && schema.properties === undefined ? `map[string]${typeName(schema.additionalProperties)}` : 'Object';
  return schema.type ?? 'any';
}

/** Which kinds' names a field holds, so that those of the running cluster can be offered. */
export function referencedKind(path: SchemaPath): string | undefined {
  const last = path.at(-1);
  const parent = path.at(-2);
  if (last === 'namespace' || (last === 'name' && parent === 'namespaceRef')) return 'Namespace';
  if (last === 'nodeName') return 'Node';
  if (last === 'serviceAccountName' || last === 'serviceAccount') return 'ServiceAccount';
  if (last === 'serviceName' || (last === 'name' && parent === 'service')) return 'Service';
  if (last === 'secretName' || (last === 'name' && (parent === 'secretKeyRef' || parent === 'secretRef'))) return 'Secret';
  if (last === 'name' && (parent === 'configMapKeyRef' || parent === 'configMapRef' || parent === 'configMap')) return 'ConfigMap';
  return undefined;
}
