/** Kinds that are stored so that manifests apply as they are: identity and rights (which are not part of the simulation), leases, priorities and webhooks. */

import { defineKind } from '../../objects/define.ts';
import type { FieldError, Kind, KubeObject, TableColumn } from '../../objects/types.ts';
import { forbidden, immutable, invalid, notNegative, unsupported } from '../field-errors.ts';
import { type Lease, liveLease } from '../node/leases.ts';
import { anything, anythings, flag, integer, kindSchema, list, notSimulated, struct, text, texts } from '../schema.ts';
import { type Binding, bindingDefaults, bindingErrors, type Role, ruleErrors } from './access-rules.ts';

/** Roles print when they were made rather than how old they are. */
const createdAt: readonly TableColumn[] = [
  { name: 'NAME', priority: 0 },
  { name: 'CREATED AT', priority: 0 },
];
const createdAtRow = (object: KubeObject): readonly string[] => [object.metadata.name, object.metadata.creationTimestamp ?? '<unknown>'];
const titled = (object: KubeObject) => ({ title: object.metadata.name });

interface ServiceAccount extends KubeObject {
  readonly secrets?: readonly unknown[];
}

export const serviceAccount = defineKind<ServiceAccount>({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema('The identity of the programs in pods.', {
    secrets: anythings('Secrets it may use.'),
    imagePullSecrets: anythings('Secrets for pulling images.'),
    automountServiceAccountToken: flag('Whether pods get a token.'),
  }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'SECRETS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, `${(object.secrets ?? []).length}`, context.age(object.metadata.creationTimestamp)],
  describe: titled,
});

const rules = list(
  'What is allowed.',
  struct(
    'A rule.',
    {
      apiGroups: texts('API groups.'),
      resources: texts('Resources.'),
      verbs: texts('Verbs.'),
      resourceNames: texts('Names.'),
      nonResourceURLs: texts('Paths.'),
    },
    [],
    { goType: 'PolicyRule' },
  ),
);
const roleRef = struct('The role.', { apiGroup: text('API group.'), kind: text('Role or ClusterRole.'), name: text('Name.') });
const subjects = list(
  'Who gets it.',
  struct('A subject.', { kind: text('ServiceAccount, User or Group.'), apiGroup: text('API group.'), name: text('Name.'), namespace: text('Namespace.') }),
);

const subjectNames = (binding: Binding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace ?? ''}/${subject.name ?? ''}` : (subject.name ?? '')))
    .join(', ');

function role(kind: string, namespaced: boolean): Kind {
  return defineKind<Role>({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced,
    nameFormat: 'pathSegment',
    schema: kindSchema('A set of rights.', { rules, aggregationRule: anything('Roles it is made of.') }),
    validate: (object) => ruleErrors(object, namespaced),
    columns: createdAt,
    row: createdAtRow,
    describe: titled,
  });
}

function binding(kind: string, namespaced: boolean): Kind {
  return defineKind<Binding>({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced,
    nameFormat: 'pathSegment',
    schema: kindSchema('Gives a role to somebody.', { roleRef, subjects }),
    defaults: bindingDefaults,
    validate: (object, old) => bindingErrors(object, old, namespaced),
    columns: [
      { name: 'NAME', priority: 0 },
      { name: 'ROLE', priority: 0 },
      { name: 'AGE', priority: 0 },
      { name: 'USERS', priority: 1 },
      { name: 'GROUPS', priority: 1 },
      { name: 'SERVICEACCOUNTS', priority: 1 },
    ],
    row: (object, context) => [
      object.metadata.name,
      `${object.roleRef?.kind ?? ''}/${object.roleRef?.name ?? ''}`,
      context.age(object.metadata.creationTimestamp),
      subjectNames(object, 'User'),
      subjectNames(object, 'Group'),
      subjectNames(object, 'ServiceAccount'),
    ],
    describe: titled,
  });
}

const lease = defineKind<Lease>({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  shortNames: [],
  namespaced: true,
  hasGeneration: false,
  schema: kindSchema('Who is in charge of something, and how long.', {
    spec: struct('The lease.', {
      holderIdentity: text('Who holds it.'),
      leaseDurationSeconds: integer('How long it holds.'),
      acquireTime: text('Since when.'),
      renewTime: text('Renewed when.'),
      leaseTransitions: integer('How often it changed hands.'),
      strategy: text('How the holder is chosen.'),
      preferredHolder: text('Who should hold it.'),
    }),
  }),
  live: liveLease,
  // Kubernetes: pkg/apis/coordination/validation/validation.go.
  validate: ({ spec = {} }) => [
    ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
      ? [invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...notNegative('spec.leaseTransitions', spec.leaseTransitions),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'HOLDER', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec?.holderIdentity ?? '', context.age(object.metadata.creationTimestamp)],
  describe: titled,
});

export interface PriorityClass extends KubeObject {
  readonly value?: number;
  readonly globalDefault?: boolean;
  readonly preemptionPolicy?: string;
}
/** Kubernetes: pkg/apis/scheduling/validation/validation.go. */
function priorityErrors(object: PriorityClass, old: PriorityClass | undefined): FieldError[] {
  const { name } = object.metadata;
  const { value = 0, preemptionPolicy } = object;
  const errors: FieldError[] = [];
  if (name.startsWith('system-') && !systemClasses.has(name))
    errors.push(forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only`));
  if (value > HIGHEST_USER_PRIORITY && !systemClasses.has(name))
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  if (preemptionPolicy !== undefined && preemptionPolicy !== 'PreemptLowerPriority' && preemptionPolicy !== 'Never')
    errors.push(unsupported('preemptionPolicy', preemptionPolicy, ['Never', 'PreemptLowerPriority']));
  if (old === undefined) return errors;
  if (value !== (old.value ?? 0)) errors.push(forbidden('value', 'may not be changed in an update.'));
  return [...errors, ...immutable('preemptionPolicy', preemptionPolicy, old.preemptionPolicy)];
}
const HIGHEST_USER_PRIORITY = 1_000_000_000;
const systemClasses: ReadonlySet<string> = new Set(['system-cluster-critical', 'system-node-critical']);

const priorityClass = defineKind<PriorityClass>({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  schema: kindSchema(
    'A name for the importance of pods. The scheduler places more important pods first.',
    {
      value: integer('The importance.'),
      globalDefault: flag('For pods that name no class.'),
      description: text('What it is for.'),
      preemptionPolicy: text('Whether less important pods are evicted for it.', { default: 'PreemptLowerPriority' }),
    },
    ['value'],
  ),
  validate: (object, old) => priorityErrors(object, old),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'VALUE', priority: 0 },
    { name: 'GLOBAL-DEFAULT', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'PREEMPTIONPOLICY', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${object.value ?? 0}`,
    `${object.globalDefault === true}`,
    context.age(object.metadata.creationTimestamp),
    object.preemptionPolicy ?? '',
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${object.value ?? 0}` }),
});

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly unknown[];
}
const webhookConfiguration = (kind: string): Kind =>
  defineKind<WebhookConfiguration>({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced: false,
    schema: kindSchema('Asks a Service before objects are stored.', { webhooks: notSimulated(anythings('Webhooks.')) }),
    columns: [
      { name: 'NAME', priority: 0 },
      { name: 'WEBHOOKS', priority: 0 },
      { name: 'AGE', priority: 0 },
    ],
    row: (object, context) => [object.metadata.name, `${(object.webhooks ?? []).length}`, context.age(object.metadata.creationTimestamp)],
    describe: titled,
  });

export const accessKinds: readonly Kind[] = [
  serviceAccount,
  role('ClusterRole', false),
  binding('ClusterRoleBinding', false),
  role('Role', true),
  binding('RoleBinding', true),
  lease,
  priorityClass,
  webhookConfiguration('MutatingWebhookConfiguration'),
  webhookConfiguration('ValidatingWebhookConfiguration'),
];
