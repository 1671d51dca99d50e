/** The kind CustomResourceDefinition. Kubernetes: apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go. */
import { defineController, defineKind } from '../../objects/define.ts';
import { isFields } from '../../objects/patch/values.ts';
import { type FieldError, objectKey } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { forbidden, immutable, invalid, invalidEach, required, unsupported } from '../field-errors.ts';
import { dns1035LabelErrors, dnsSubdomainErrors } from '../names.ts';
import { anything, anythings, flag, kindSchema, list, struct, text, texts } from '../schema.ts';
import { type CustomResourceDefinition, customKind } from './custom-kind.ts';
import type { JsonSchema } from './json-schema.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Deeper schemas are refused. */
const maxDepth = 40;

/** What makes a schema structural, and its bounds. Kubernetes: apiextensions-apiserver/pkg/apiserver/schema/validation.go. */
function structuralErrors(schema: JsonSchema, path: string, depth: number): FieldError[] {
  if (depth > maxDepth) return [forbidden(path, 'schema is nested too deeply')];
  const errors: FieldError[] = [];
  const { type = '' } = schema;
  const isOpen = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === '' && !isOpen)
    errors.push(required(`${path}.type`, depth === 0 ? 'must not be empty at the root' : 'must not be empty for specified object fields'));
  else if (type !== '' && !types.includes(type)) errors.push(unsupported(`${path}.type`, type, types));
  if (depth === 0 && type !== '' && type !== 'object') errors.push(invalid(`${path}.type`, type, 'must be object at the root'));
  if (type === 'array' && schema.items === undefined) errors.push(required(`${path}.items`, 'must be specified'));
  if (schema.uniqueItems === true)
    errors.push(forbidden(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'));
  if (schema.properties !== undefined && schema.additionalProperties !== undefined)
    errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  if (schema.additionalProperties === false) errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'map' && (schema['x-kubernetes-list-map-keys'] ?? []).length === 0)
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
  if (listType !== undefined && !['atomic', 'map', 'set'].includes(listType))
    errors.push(unsupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    // The server knows the metadata better.
    if (depth === 0 && (name === 'metadata' || name === 'apiVersion' || name === 'kind')) continue;
    errors.push(...structuralErrors(inner, `${path}.properties[${name}]`, depth + 1));
  }
  if (schema.items !== undefined) errors.push(...structuralErrors(schema.items, `${path}.items`, depth + 1));
  if (isFields(schema.additionalProperties))
    errors.push(...structuralErrors(schema.additionalProperties as JsonSchema, `${path}.additionalProperties`, depth + 1));
  return errors;
}

function validate(object: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const { spec } = object;
  const { group = '', names, scope = '', versions = [] } = spec;
  const errors: FieldError[] = [];
  const wanted = `${names?.plural ?? ''}.${group}`;
  if (object.metadata.name !== wanted) errors.push(invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (group === '') errors.push(required('spec.group'));
  else {
    const wrong = dnsSubdomainErrors(group);
    errors.push(...invalidEach('spec.group', group, wrong));
    if (wrong.length === 0 && !group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
  if (scope === '') errors.push(required('spec.scope'));
  else if (scope !== 'Cluster' && scope !== 'Namespaced') errors.push(unsupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  if (versions.length === 0) errors.push(required('spec.versions', 'must have at least one version'));
  const storing = versions.filter((one) => one.storage).length;
  if (versions.length > 0 && storing !== 1) errors.push(invalid('spec.versions', versions, 'must have exactly one version marked as storage version'));
  const seen = new Set<string>();
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}]`;
    errors.push(...invalidEach(`${path}.name`, version.name, dns1035LabelErrors(version.name)));
    if (seen.has(version.name)) errors.push(invalid('spec.versions', versions, 'must contain unique version names'));
    seen.add(version.name);
    const schema = version.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else errors.push(...structuralErrors(schema, `${path}.schema.openAPIV3Schema`, 0));
    (version.additionalPrinterColumns ?? []).forEach((column, at) => {
      const place = `${path}.additionalPrinterColumns[${at}]`;
      if ((column.name ?? '') === '') errors.push(required(`${place}.name`));
      if (!['boolean', 'date', 'integer', 'number', 'string'].includes(column.type ?? ''))
        errors.push(invalid(`${place}.type`, column.type ?? '', 'must be one of boolean,date,integer,number,string'));
      if ((column.jsonPath ?? '') === '') errors.push(required(`${place}.jsonPath`));
    });
  });
  if ((names?.kind ?? '') === '') errors.push(required('spec.names.kind'));
  else errors.push(...invalidEach('spec.names.kind', names.kind, dns1035LabelErrors(names.kind.toLowerCase())));
  if ((names?.plural ?? '') === '') errors.push(required('spec.names.plural'));
  else errors.push(...invalidEach('spec.names.plural', names.plural, dns1035LabelErrors(names.plural)));
  (names?.shortNames ?? []).forEach((name, index) => {
    errors.push(...invalidEach(`spec.names.shortNames[${index}]`, name, dns1035LabelErrors(name)));
  });
  if (old !== undefined) errors.push(...immutable('spec.group', group, old.spec.group), ...immutable('spec.scope', scope, old.spec.scope));
  if (old !== undefined)
    errors.push(...immutable('spec.names.plural', names.plural, old.spec.names.plural), ...immutable('spec.names.kind', names.kind, old.spec.names.kind));
  return errors;
}

export const customResourceDefinition = defineKind<CustomResourceDefinition>({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  namespaced: false,
  schema: kindSchema(
    'Declares a kind of one’s own. Its objects are stored, checked and printed; nothing acts on them here.',
    {
      spec: struct('The kind.', {
        group: text('Its API group.'),
        scope: text('Namespaced or Cluster.'),
        names: struct('Its names.', {
          plural: text('As in URLs.'),
          singular: text('As kubectl says it.'),
          kind: text('As in YAML.'),
          listKind: text('A list of it.'),
          shortNames: texts('Short names.'),
          categories: texts('Groups such as all.'),
        }),
        versions: list(
          'Its versions.',
          struct('A version.', {
            name: text('Its name.'),
            served: flag('Whether clients may use it.'),
            storage: flag('Whether it is the stored one.'),
            deprecated: flag('Whether clients are warned.'),
            deprecationWarning: text('With which words.'),
            schema: anything('Its OpenAPI schema. oneOf, anyOf, allOf, not and CEL rules are stored without effect.'),
            subresources: anything('status and scale.'),
            additionalPrinterColumns: anythings('Columns of kubectl get.'),
            selectableFields: anythings('Fields for field selectors.'),
          }),
        ),
        conversion: anything('How versions become one another. Only None has an effect.'),
        preserveUnknownFields: flag('Obsolete.'),
      }),
      status: anything('What is served.'),
    },
    ['spec'],
  ),
  defaults: (object) => {
    const { names } = object.spec ?? {};
    if (names?.kind === undefined || (names.singular !== undefined && names.listKind !== undefined && object.spec.conversion !== undefined)) return object;
    return {
      ...object,
      spec: {
        ...object.spec,
        conversion: object.spec.conversion ?? { strategy: 'None' },
        names: { ...names, singular: names.singular ?? names.kind.toLowerCase(), listKind: names.listKind ?? `${names.kind}List` },
      },
    };
  },
  validate,
  declares: customKind,
  columns: columnsOf('NAME, CREATED AT'),
  row: (object) => [object.metadata.name, object.metadata.creationTimestamp ?? '<unknown>'],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec.names.kind }),
});

/** Says in a definition's status whether its kind is served. Kubernetes: apiextensions-apiserver/pkg/controller/{status,establish}. */
export const crdController = defineController({
  name: 'crd-naming-controller',
  watches: ['CustomResourceDefinition'],
  keysFor: (changed) => [objectKey(changed)],
  reconcile(key, context) {
    const object = context.view.find<CustomResourceDefinition>(key);
    if (object === undefined || object.status?.conditions !== undefined) return;
    const { names, versions } = object.spec;
    const condition = (type: string, reason: string, message: string) => ({ type, status: 'True', lastTransitionTime: context.timestamp, reason, message });
    context.updateStatus({
      ...object,
      status: {
        acceptedNames: names,
        conditions: [
          condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
          condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
        ],
        storedVersions: versions.filter((one) => one.storage).map((one) => one.name),
      },
    });
  },
});
