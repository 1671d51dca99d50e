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

/** Fields with a `name` in them that names another object, where no `kind` beside it says otherwise. */
export const kindsByParent: Readonly<Record<string, string>> = {
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  configMap: 'ConfigMap',
  secretRef: 'Secret',
  secretKeyRef: 'Secret',
  imagePullSecrets: 'Secret',
  certificateRefs: 'Secret',
  service: 'Service',
  backendRefs: 'Service',
  backendRef: 'Service',
  parentRefs: 'Gateway',
  namespaceRef: 'Namespace',
  scaleTargetRef: 'Deployment',
  roleRef: 'ClusterRole',
  subjects: 'ServiceAccount',
  claimRef: 'PersistentVolumeClaim',
};

/** Fields whose whole value is the name of another object. */
export const kindsByKey: Readonly<Record<string, string>> = {
  namespace: 'Namespace',
  serviceAccountName: 'ServiceAccount',
  serviceAccount: 'ServiceAccount',
  serviceName: 'Service',
  nodeName: 'Node',
  secretName: 'Secret',
  claimName: 'PersistentVolumeClaim',
  volumeName: 'PersistentVolume',
  storageClassName: 'StorageClass',
  priorityClassName: 'PriorityClass',
  ingressClassName: 'IngressClass',
  gatewayClassName: 'GatewayClass',
};

export const clusterWideKinds: ReadonlySet<string> = new Set([
  'Node',
  'PersistentVolume',
  'StorageClass',
  'PriorityClass',
  'IngressClass',
  'GatewayClass',
  'ClusterRole',
  'Namespace',
]);

/** Which kind's names a field holds, so that those of the running cluster can be offered. */
export function referencedKind(path: SchemaPath): string | undefined {
  const keys = path.filter((part) => part !== '[]');
  const last = keys.at(-1) ?? '';
  const parent = keys.at(-2) ?? '';
  if (last === 'name') return Object.hasOwn(kindsByParent, parent) ? kindsByParent[parent] : undefined;
  return Object.hasOwn(kindsByKey, last) ? kindsByKey[last] : undefined;
}
