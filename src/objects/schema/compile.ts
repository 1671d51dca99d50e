/** Schemas prepared for speed: maps instead of records, names of Go types resolved, subtrees without defaults or rules marked. */
import type { Kind, Schema } from '../types.ts';
import { objectMetaSchema } from './object-meta.ts';

export interface CompiledSchema {
  readonly schema: Schema;
  /** What JSON type is taken: `any` takes all, `intOrString` integers and strings. */
  readonly accepts: 'object' | 'map' | 'array' | 'string' | 'quantity' | 'int32' | 'int64' | 'number' | 'boolean' | 'intOrString' | 'any';
  readonly properties: ReadonlyMap<string, CompiledSchema>;
  /** Fields that are not listed are kept as they are. */
  readonly open: boolean;
  readonly values: CompiledSchema | undefined;
  readonly items: CompiledSchema | undefined;
  /** `DeploymentSpec`: the Go struct, for objects with properties. */
  readonly struct: string;
  /** `int32`, `[]v1.Container`: the Go type. */
  readonly goType: string;
  readonly hasDefaults: boolean;
  readonly hasRules: boolean;
  readonly hasNotSimulated: boolean;
}

const structOf: Readonly<Record<string, string>> = {
  metadata: 'ObjectMeta',
  template: 'PodTemplateSpec',
  selector: 'LabelSelector',
  podSelector: 'LabelSelector',
  namespaceSelector: 'LabelSelector',
  containers: 'Container',
  initContainers: 'Container',
  ephemeralContainers: 'EphemeralContainer',
  env: 'EnvVar',
  envFrom: 'EnvFromSource',
  valueFrom: 'EnvVarSource',
  fieldRef: 'ObjectFieldSelector',
  configMapKeyRef: 'ConfigMapKeySelector',
  secretKeyRef: 'SecretKeySelector',
  volumes: 'Volume',
  volumeMounts: 'VolumeMount',
  resources: 'ResourceRequirements',
  readinessProbe: 'Probe',
  livenessProbe: 'Probe',
  startupProbe: 'Probe',
  httpGet: 'HTTPGetAction',
  tcpSocket: 'TCPSocketAction',
  exec: 'ExecAction',
  grpc: 'GRPCAction',
  tolerations: 'Toleration',
  taints: 'Taint',
  conditions: 'Condition',
  matchExpressions: 'LabelSelectorRequirement',
  ownerReferences: 'OwnerReference',
  strategy: 'DeploymentStrategy',
  updateStrategy: 'UpdateStrategy',
  addresses: 'NodeAddress',
  dnsConfig: 'PodDNSConfig',
  hostAliases: 'HostAlias',
  topologySpreadConstraints: 'TopologySpreadConstraint',
  endpoints: 'Endpoint',
};

/** The struct a property holds, guessed from its name and that of the struct around it, as Kubernetes' own types are named. */
function guessStruct(parent: string, property: string): string {
  if (property === 'spec') return parent === 'PodTemplateSpec' ? 'PodSpec' : `${parent}Spec`;
  if (property === 'status') return `${parent}Status`;
  if (property === 'ports') {
    if (parent === 'Container') return 'ContainerPort';
    return parent === 'EndpointSlice' ? 'EndpointPort' : `${parent.replace(/Spec$/, '')}Port`;
  }
  const known = structOf[property];
  if (known !== undefined) return known;
  const singular = property.endsWith('s') && !property.endsWith('ss') ? property.slice(0, -1) : property;
  return singular.charAt(0).toUpperCase() + singular.slice(1);
}

function acceptsOf(schema: Schema): CompiledSchema['accepts'] {
  if (schema['x-kubernetes-int-or-string'] === true) return 'intOrString';
  switch (schema.type) {
    case 'object':
      return schema.properties === undefined && schema.additionalProperties !== undefined ? 'map' : 'object';
    case 'integer':
      return schema.format === 'int64' ? 'int64' : 'int32';
    case 'string':
      return schema.format === 'quantity' ? 'quantity' : 'string';
    case undefined:
      return 'any';
    default:
      return schema.type;
  }
}

const goScalars: Readonly<Partial<Record<CompiledSchema['accepts'], string>>> = {
  string: 'string',
  quantity: 'resource.Quantity',
  int32: 'int32',
  int64: 'int64',
  number: 'float64',
  boolean: 'bool',
  intOrString: 'intstr.IntOrString',
  any: 'interface {}',
};

/** Deeper schemas are refused: ours are trees of a few levels. */
const maxSchemaDepth = 60;

function compile(schema: Schema, struct: string, depth: number): CompiledSchema {
  if (depth > maxSchemaDepth) throw new Error(`schema is deeper than ${maxSchemaDepth} levels at ${struct}`);
  const own = schema.goType ?? struct;
  const accepts = acceptsOf(schema);
  const properties = new Map<string, CompiledSchema>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) properties.set(name, compile(property, guessStruct(own, name), depth + 1));
  const values = schema.additionalProperties === undefined ? undefined : compile(schema.additionalProperties, own, depth + 1);
  const items = schema.items === undefined ? undefined : compile(schema.items, own, depth + 1);
  const below = [...properties.values(), ...(values === undefined ? [] : [values]), ...(items === undefined ? [] : [items])];
  let goType = goScalars[accepts];
  if (accepts === 'array') goType = `[]${items?.goType ?? 'interface {}'}`;
  else if (accepts === 'map') goType = `map[string]${values?.goType ?? 'interface {}'}`;
  else if (accepts === 'object') goType = `v1.${own}`;
  return {
    schema,
    accepts,
    properties,
    open: schema['x-kubernetes-preserve-unknown-fields'] === true || (accepts === 'object' && schema.properties === undefined),
    values,
    items,
    struct: own,
    goType: goType ?? 'interface {}',
    hasDefaults: below.some((one) => one.hasDefaults || one.schema.default !== undefined),
    hasRules:
      schema.enum !== undefined ||
      schema.minimum !== undefined ||
      schema.maximum !== undefined ||
      schema.pattern !== undefined ||
      (schema.required?.length ?? 0) > 0 ||
      below.some((one) => one.hasRules),
    hasNotSimulated: schema.notSimulated === true || below.some((one) => one.hasNotSimulated),
  };
}

/** A kind's schema; `apiVersion`, `kind` and `metadata` are added where the kind leaves them out. */
export function compileKind(kind: Kind): CompiledSchema {
  const properties = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: objectMetaSchema, ...kind.schema.properties } as const;
  return compile({ ...kind.schema, type: 'object', properties }, kind.kind, 0);
}
