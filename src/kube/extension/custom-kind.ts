/** The kind that a CustomResourceDefinition declares: stored, checked and printed as it says, and simulated by nobody. */
import type { FieldError, Kind, KubeObject, RowContext } from '../../objects/types.ts';
import { firstAt } from './json-path.ts';
import { checkSchema, type JsonSchema, shapeOf } from './json-schema.ts';

export interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
  readonly subresources?: { readonly status?: unknown; readonly scale?: unknown };
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
}
interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}
export interface CustomResourceDefinition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: {
      readonly plural: string;
      readonly singular?: string;
      readonly kind: string;
      readonly listKind?: string;
      readonly shortNames?: readonly string[];
    };
    readonly versions: readonly CrdVersion[];
    readonly conversion?: { readonly strategy?: string };
    readonly preserveUnknownFields?: boolean;
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[]; readonly storedVersions?: readonly string[] };
}

const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

function cell(column: PrinterColumn, object: KubeObject, context: RowContext): string {
  const value = firstAt(object, column.jsonPath);
  if (value === undefined || value === null) return '';
  if (column.type === 'date') return typeof value === 'string' ? context.age(value) : '<invalid>';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The version that is stored is the one that is served; others of the same definition are read as it. */
export function customKind({ spec }: CustomResourceDefinition): Kind | undefined {
  const version = spec.versions.find((one) => one.storage && one.served) ?? spec.versions.find((one) => one.served);
  if (version === undefined) return undefined;
  const schema = version.schema?.openAPIV3Schema ?? { type: 'object' };
  const shape = shapeOf(schema);
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...properties } = shape.properties ?? {};
  const columns = version.additionalPrinterColumns ?? [];
  const shown = columns.length === 0 ? [ageColumn] : columns;
  const marked = properties.spec === undefined ? properties : { ...properties, spec: { ...properties.spec, notSimulated: true } };
  const parts = Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'metadata' && name !== 'apiVersion' && name !== 'kind');
  const own: JsonSchema = { ...schema, properties: Object.fromEntries(parts) };
  return {
    apiVersion: `${spec.group}/${version.name}`,
    otherVersions: spec.versions.filter((one) => one.served && one !== version).map((one) => `${spec.group}/${one.name}`),
    kind: spec.names.kind,
    plural: spec.names.plural,
    singular: spec.names.singular ?? spec.names.kind.toLowerCase(),
    shortNames: spec.names.shortNames ?? [],
    namespaced: spec.scope === 'Namespaced',
    hasGeneration: true,
    schema: { ...shape, type: 'object', description: schema.description ?? 'A custom resource. Stored only.', properties: marked },
    validate: (object) => {
      const errors: FieldError[] = [];
      const { apiVersion: _, kind: __, metadata: ___, ...rest } = object;
      checkSchema(own, rest, '', errors);
      return errors;
    },
    columns: [
      { name: 'NAME', priority: 0 },
      ...shown.map((column) => ({ name: column.name.toUpperCase(), priority: (column.priority ?? 0) > 0 ? (1 as const) : (0 as const) })),
    ],
    row: (object, context) => [object.metadata.name, ...shown.map((column) => cell(column, object, context))],
    describe: (object) => ({ title: object.metadata.name, subtitle: 'not simulated' }),
  };
}
