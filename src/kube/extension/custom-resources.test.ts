/** A CustomResourceDefinition's kind is served, checked, printed and undone as the API server does it. */
import { describe, expect, it } from 'vitest';
import { ApiServer } from '../../objects/api-server.ts';
import { causeText } from '../../objects/status.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { kinds } from '../index.ts';
import { crdController } from './custom-resource-definition.ts';
import { firstAt } from './json-path.ts';
import { checkSchema } from './json-schema.ts';

const definition = (spec: object = {}, schema: object = {}): KubeObject =>
  ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  required: ['cronSpec'],
                  properties: {
                    cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
                    image: { type: 'string', enum: ['a', 'b'] },
                    replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
                    tags: { type: 'array', maxItems: 2, items: { type: 'string', minLength: 2 } },
                  },
                },
                status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              },
              ...schema,
            },
          },
          additionalPrinterColumns: [
            { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
            { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
            { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
        },
      ],
      ...spec,
    },
  }) as KubeObject;
const cronTab = (spec: unknown, name = 'my'): KubeObject => ({ apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name }, spec }) as KubeObject;

function server() {
  const api = new ApiServer({ kinds, controllers: [crdController], nowNs: () => 0, epochMs: 0, seed: 1 });
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const errorsOf = (object: KubeObject): readonly string[] => {
    const result = api.create(object);
    api.settle();
    return result.ok ? [] : result.causes.length === 0 ? [result.message] : result.causes.map(causeText);
  };
  return { api, errorsOf };
}

it('a pattern of a stranger takes no more time than its text is long', () => {
  const errors: FieldError[] = [];
  checkSchema({ type: 'string', pattern: '^(a*)*(a|aa)*a*a*a*a*a*a*b$' }, 'a'.repeat(2_000), 'spec.x', errors);
  expect(errors).toHaveLength(1);
});

describe('a custom resource', () => {
  it('is nothing before its definition, and a kind with names, defaults and columns after it', () => {
    const { api, errorsOf } = server();
    expect(errorsOf(cronTab({ cronSpec: '* * * * */5' }))).toEqual(['no matches for kind "CronTab" in version "stable.example.com/v1"']);
    expect(errorsOf(definition())).toEqual([]);
    expect(api.view.find('CustomResourceDefinition/crontabs.stable.example.com')?.status).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
      storedVersions: ['v1'],
    });
    for (const word of ['ct', 'crontab', 'crontabs.stable.example.com']) expect(api.findKind(word)?.kind).toBe('CronTab');
    expect(errorsOf(cronTab({ cronSpec: '* * * * */5' }))).toEqual([]);
    const object = api.view.find('CronTab/default/my') as KubeObject;
    expect(object).toMatchObject({ metadata: { generation: 1 }, spec: { cronSpec: '* * * * */5', replicas: 1 } });
    const kind = api.findKind('ct');
    expect(kind?.columns).toEqual([
      { name: 'NAME', priority: 0 },
      { name: 'SPEC', priority: 0 },
      { name: 'REPLICAS', priority: 0 },
      { name: 'IMAGE', priority: 1 },
      { name: 'AGE', priority: 0 },
    ]);
    expect(kind?.row(object, { nowNs: 0, view: api.view, age: () => '5s' })).toEqual(['my', '* * * * */5', '1', '', '5s']);
  });

  it('is refused where the schema says so', () => {
    const { errorsOf } = server();
    errorsOf(definition());
    expect(errorsOf(cronTab({ cronSpec: 'x', image: 'c', replicas: 11, tags: ['a', 'bb', 'cc'] }))).toEqual([
      'spec.cronSpec: Invalid value: "x": spec.cronSpec in body should match \'^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$\'',
      'spec.image: Unsupported value: "c": supported values: "a", "b"',
      'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
      'spec.tags: Too many: 3: must have at most 2 items',
      'spec.tags[0]: Invalid value: "a": spec.tags[0] in body should be at least 2 chars long',
    ]);
    expect(errorsOf(cronTab({ replicas: 'many' }))).toEqual([
      'spec.cronSpec: Required value',
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ]);
    expect(errorsOf(cronTab({ cronSpec: '* * * * *', foo: 1 }))[0]).toContain('unknown field "spec.foo"');
  });

  it('goes with its definition, and both come back with a snapshot', () => {
    const { api, errorsOf } = server();
    const before = api.snapshot();
    errorsOf(definition());
    errorsOf(cronTab({ cronSpec: '* * * * *' }));
    const after = api.snapshot();
    api.remove('CustomResourceDefinition/crontabs.stable.example.com');
    api.settle();
    expect(api.view.list('CronTab')).toEqual([]);
    expect(api.findKind('ct')).toBeUndefined();
    api.restore(after);
    expect(api.findKind('ct')?.kind).toBe('CronTab');
    expect(api.view.find('CronTab/default/my')).toBeDefined();
    api.restore(before);
    expect(api.findKind('ct')).toBeUndefined();
  });
});

describe('a CustomResourceDefinition', () => {
  it('must have a structural schema and a name made of its plural and group', () => {
    const { errorsOf } = server();
    expect(errorsOf({ ...definition(), metadata: { name: 'crontab.example.com' } })).toEqual([
      'metadata.name: Invalid value: "crontab.example.com": must be spec.names.plural+"."+spec.group',
    ]);
    const path = 'spec.versions[0].schema.openAPIV3Schema';
    expect(errorsOf(definition({}, { properties: { spec: {} } }))).toEqual([
      `${path}.properties[spec].type: Required value: must not be empty for specified object fields`,
    ]);
    expect(errorsOf(definition({}, { properties: { a: { type: 'array' } } }))).toEqual([`${path}.properties[a].items: Required value: must be specified`]);
  });

  it('does not take the name of a kind that is there', () => {
    const { api, errorsOf } = server();
    errorsOf(definition({ names: { plural: 'crontabs', kind: 'Pod' } }));
    expect(api.findKind('pods')?.apiVersion).toBe('v1');
    expect(api.findKind('crontabs')).toBeUndefined();
  });
});

describe('a printer column’s path', () => {
  const object = { status: { conditions: [{ type: 'Ready', status: 'True' }], list: [1, 2] }, metadata: { labels: { 'a.b/c': 'x' } } };
  it.each([
    ['.status.conditions[?(@.type=="Ready")].status', 'True'],
    ['.status.list[1]', 2],
    ['.status.list[*]', 1],
    [".metadata.labels['a.b/c']", 'x'],
    ['.metadata.labels.a\\.b/c', 'x'],
    ['.status.none', undefined],
    ['.status..list', undefined],
  ])('%s gives %s', (path, value) => {
    expect(firstAt(object, path)).toBe(value);
  });
});
