/** The kinds ResourceQuota and LimitRange. Kubernetes: pkg/apis/core/validation/validation.go, ValidateResourceQuotaSpec, ValidateLimitRange. */
import { deepEqual } from '../../base/equal.ts';
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { duplicate, forbidden, invalid, invalidEach } from '../field-errors.ts';
import { qualifiedNameErrors } from '../names.ts';
import { parseQuantity } from '../pod/quantity.ts';
import { anything, kindSchema, list, mapOf, quantity, struct, text, texts } from '../schema.ts';

type Amounts = Readonly<Record<string, string>>;

export interface ResourceQuota extends KubeObject {
  readonly spec?: { readonly hard?: Amounts; readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly hard?: Amounts; readonly used?: Amounts };
}

export interface LimitRangeItem {
  readonly type: string;
  readonly max?: Amounts;
  readonly min?: Amounts;
  readonly default?: Amounts;
  readonly defaultRequest?: Amounts;
  readonly maxLimitRequestRatio?: Amounts;
}
export interface LimitRange extends KubeObject {
  readonly spec?: { readonly limits?: readonly LimitRangeItem[] };
}

const quotaNames: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
const wholeNames: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);
const scopes = ['BestEffort', 'CrossNamespacePodAffinity', 'NotBestEffort', 'NotTerminating', 'PriorityClass', 'Terminating', 'VolumeAttributesClass'];

function amountErrors(path: string, name: string, amount: string): FieldError[] {
  const value = parseQuantity(amount) ?? 0;
  if (value < 0) return [invalid(path, amount, 'must be greater than or equal to 0')];
  return wholeNames.has(name) && !Number.isInteger(value) ? [invalid(path, amount, 'must be an integer')] : [];
}

export const resourceQuota = defineKind<ResourceQuota>({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema('How much all objects of a namespace may ask for together.', {
    spec: struct('What is wanted.', {
      hard: mapOf('At most.', quantity('Amount.')),
      scopes: texts('Only objects that are like this.'),
      scopeSelector: anything('Only objects that this selects.'),
    }),
    status: anything('How much is used.'),
  }),
  validate: ({ spec = {} }, old) => {
    const errors: FieldError[] = [];
    for (const [name, amount] of Object.entries(spec.hard ?? {})) {
      const path = `spec.hard[${name}]`;
      errors.push(...invalidEach(path, name, qualifiedNameErrors(name)));
      if (!name.includes('/') && !quotaNames.has(name) && !name.startsWith('requests.hugepages-') && !name.startsWith('hugepages-'))
        errors.push(invalid(path, name, 'must be a standard resource for quota'));
      errors.push(...amountErrors(path, name, amount));
    }
    const unknown = (spec.scopes ?? []).filter((scope) => !scopes.includes(scope));
    if (unknown.length > 0) errors.push(invalid('spec.scopes', spec.scopes, 'unsupported scope'));
    const has = (scope: string): boolean => spec.scopes?.includes(scope) === true;
    if ((has('BestEffort') && has('NotBestEffort')) || (has('Terminating') && has('NotTerminating')))
      errors.push(invalid('spec.scopes', spec.scopes, 'conflicting scopes'));
    if (old !== undefined && !deepEqual(spec.scopes ?? [], old.spec?.scopes ?? []))
      errors.push(invalid('spec.scopes', spec.scopes ?? null, 'field is immutable'));
    return errors;
  },
  columns: columnsOf('NAME, REQUEST, LIMIT, AGE'),
  row: (object, context) => {
    const hard = object.status?.hard ?? object.spec?.hard ?? {};
    const shown = Object.keys(hard)
      .sort()
      .map((name) => ({ name, text: `${name}: ${object.status?.used?.[name] ?? '0'}/${hard[name] ?? ''}` }));
    const words = (isLimit: boolean): string =>
      shown
        .filter((one) => one.name.startsWith('limits.') === isLimit)
        .map((one) => one.text)
        .join(', ');
    return [object.metadata.name, words(false), words(true), context.age(object.metadata.creationTimestamp)];
  },
  describe: (object) => ({ title: object.metadata.name, subtitle: Object.keys(object.spec?.hard ?? {}).join(', ') }),
});

const limitTypes: ReadonlySet<string> = new Set(['Pod', 'Container', 'PersistentVolumeClaim']);
const containerResources: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

type Part = 'max' | 'min' | 'default' | 'defaultRequest' | 'maxLimitRequestRatio';
/** What may not be greater than what: the field that is told, the one whose value is shown, the smaller and the greater one with their words. */
const orders: readonly (readonly [Part, Part, Part, string, Part, string])[] = [
  ['min', 'min', 'min', 'min', 'max', 'max'],
  ['defaultRequest', 'defaultRequest', 'min', 'min', 'defaultRequest', 'default request'],
  ['defaultRequest', 'defaultRequest', 'defaultRequest', 'default request', 'max', 'max'],
  ['defaultRequest', 'defaultRequest', 'defaultRequest', 'default request', 'default', 'default limit'],
  ['default', 'min', 'min', 'min', 'default', 'default'],
  ['default', 'max', 'default', 'default', 'max', 'max'],
];

function itemErrors(path: string, item: LimitRangeItem): FieldError[] {
  const errors: FieldError[] = [];
  if (item.type === 'Pod') {
    if (Object.keys(item.default ?? {}).length > 0) errors.push(forbidden(`${path}.default`, "may not be specified when `type` is 'Pod'"));
    if (Object.keys(item.defaultRequest ?? {}).length > 0) errors.push(forbidden(`${path}.defaultRequest`, "may not be specified when `type` is 'Pod'"));
  }
  if (item.type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined)
    errors.push({
      path: `${path}.limits`,
      type: 'Required value',
      message: 'Required value: either minimum or maximum storage value is required, but neither was provided',
    });
  const parts: readonly Part[] = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'];
  const names = new Set(parts.flatMap((part) => Object.keys(item[part] ?? {})));
  for (const part of parts)
    for (const name of Object.keys(item[part] ?? {})) {
      errors.push(...invalidEach(`${path}.${part}[${name}]`, name, qualifiedNameErrors(name)));
      if (!name.includes('/') && item.type !== 'PersistentVolumeClaim' && !containerResources.has(name) && !name.startsWith('hugepages-'))
        errors.push(invalid(`${path}.${part}[${name}]`, name, 'must be a standard resource for containers'));
    }
  for (const name of names) {
    for (const [part, shown, less, lessWords, more, moreWords] of orders) {
      const [low, high] = [item[less]?.[name], item[more]?.[name]];
      if (low === undefined || high === undefined || (parseQuantity(low) ?? 0) <= (parseQuantity(high) ?? 0)) continue;
      errors.push(invalid(`${path}.${part}[${name}]`, item[shown]?.[name], `${lessWords} value ${low} is greater than ${moreWords} value ${high}`));
    }
    const ratio = item.maxLimitRequestRatio?.[name];
    if (ratio !== undefined && (parseQuantity(ratio) ?? 0) < 1)
      errors.push(invalid(`${path}.maxLimitRequestRatio[${name}]`, ratio, `ratio ${ratio} is less than 1`));
  }
  return errors;
}

export const limitRange = defineKind<LimitRange>({
  apiVersion: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema('How much one object of a namespace may ask for, and what it gets where it asks for nothing.', {
    spec: struct(
      'What is wanted.',
      {
        limits: list(
          'By type.',
          struct(
            'Limits of one type.',
            {
              type: text('Pod, Container or PersistentVolumeClaim.'),
              max: mapOf('At most.', quantity('Amount.')),
              min: mapOf('At least.', quantity('Amount.')),
              default: mapOf('The limit where none is written.', quantity('Amount.')),
              defaultRequest: mapOf('The request where none is written.', quantity('Amount.')),
              maxLimitRequestRatio: mapOf('How many times the request the limit may be.', quantity('Factor.')),
            },
            ['type'],
            { goType: 'LimitRangeItem' },
          ),
        ),
      },
      ['limits'],
    ),
  }),
  defaults: (object) => {
    const limits = object.spec?.limits;
    if (limits === undefined || limits.every((item) => item.type !== 'Container' || isFilled(item))) return object;
    return { ...object, spec: { ...object.spec, limits: limits.map((item) => (item.type === 'Container' ? filled(item) : item)) } };
  },
  validate: ({ spec = {} }) => {
    const errors: FieldError[] = [];
    const seen = new Set<string>();
    (spec.limits ?? []).forEach((item, index) => {
      const path = `spec.limits[${index}]`;
      const wrong = qualifiedNameErrors(item.type);
      errors.push(...invalidEach(`${path}.type`, item.type, wrong));
      if (wrong.length === 0 && !item.type.includes('/') && !limitTypes.has(item.type))
        errors.push(invalid(`${path}.type`, item.type, 'must be a standard limit type or fully qualified'));
      if (seen.has(item.type)) errors.push(duplicate(`${path}.type`, item.type));
      seen.add(item.type);
      errors.push(...itemErrors(path, item));
    });
    return errors;
  },
  columns: columnsOf('NAME, CREATED AT'),
  row: (object) => [object.metadata.name, object.metadata.creationTimestamp ?? '<unknown>'],
  describe: (object) => ({ title: object.metadata.name }),
});

/** Kubernetes: SetDefaults_LimitRangeItem: the default limit is the maximum, the default request is the default limit, else the minimum. */
function filled(item: LimitRangeItem): LimitRangeItem {
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  return {
    ...item,
    ...(Object.keys(limits).length === 0 ? {} : { default: limits }),
    ...(Object.keys(requests).length === 0 ? {} : { defaultRequest: requests }),
  };
}

function isFilled(item: LimitRangeItem): boolean {
  const limits = { ...item.max, ...item.default };
  const has = (amounts: Amounts | undefined, names: readonly string[]): boolean => names.every((name) => amounts?.[name] !== undefined);
  return has(item.default, Object.keys(limits)) && has(item.defaultRequest, Object.keys({ ...item.min, ...limits }));
}
