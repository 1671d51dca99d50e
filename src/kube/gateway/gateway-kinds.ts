/** The kinds of the Gateway API, v1, checked as their CRDs check them. The controller and the proxy are in files beside this one. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, Kind, KubeObject, RowContext, Schema } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { duplicate, invalid, required, tooMany } from '../field-errors.ts';
import type { Condition } from '../pod/types.ts';
import { anything, anythings, choice, integer, kindSchema, list, notSimulated, struct, text, textMap, texts } from '../schema.ts';
import { inferencePool } from './inference-kind.ts';
import { envoyKinds } from './policies/kinds.ts';

const group = 'gateway.networking.k8s.io';
const status = anything('What the implementation reports.');

interface Reference {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly port?: number;
  readonly weight?: number;
}
interface Listener {
  readonly name?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly tls?: { readonly mode?: string; readonly certificateRefs?: readonly unknown[] };
}
interface RouteRule {
  readonly backendRefs?: readonly Reference[];
  readonly matches?: readonly { readonly path?: { readonly type?: string; readonly value?: string } }[];
  readonly filters?: readonly { readonly type?: string }[];
}
export interface GatewayClass extends KubeObject {
  readonly spec?: { readonly controllerName?: string; readonly description?: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}
export interface Gateway extends KubeObject {
  readonly spec?: { readonly gatewayClassName?: string; readonly listeners?: readonly Listener[] };
  readonly status?: { readonly addresses?: readonly { readonly value?: string }[]; readonly conditions?: readonly Condition[] };
}
export interface GatewayRoute extends KubeObject {
  readonly spec?: { readonly parentRefs?: readonly Reference[]; readonly hostnames?: readonly string[]; readonly rules?: readonly RouteRule[] };
}

const reference = (description: string, defaults: { readonly group: string; readonly kind: string }): Schema =>
  struct(
    description,
    {
      group: text('API group.', { default: defaults.group }),
      kind: text('Kind.', { default: defaults.kind }),
      name: text('Name.'),
      namespace: text('Namespace; another one needs a ReferenceGrant there.'),
      port: integer('Port.', { minimum: 1, maximum: 65535 }),
      sectionName: text('Part of it, such as a listener.'),
    },
    ['name'],
  );
const parentRefs = list('The Gateways (or Services) it belongs to.', reference('A parent.', { group, kind: 'Gateway' }));
const backend = reference('A backend.', { group: '', kind: 'Service' });
const backendRefs = list('Where it goes.', {
  ...backend,
  properties: {
    ...backend.properties,
    weight: integer('Its share.', { default: 1, minimum: 0, maximum: 1_000_000 }),
    filters: anythings('What is changed on the way there.'),
  },
});
const valueMatch = (what: string, types: readonly string[]): Schema =>
  list(
    what,
    struct('A match.', { type: choice('How it is compared.', types, { default: 'Exact' }), name: text('Name.'), value: text('Value.') }, ['name', 'value']),
    ['name'],
  );

const httpRule = struct('A rule.', {
  name: text('Its name.'),
  matches: list(
    'One of these must fit.',
    struct('A match.', {
      path: struct('The path.', {
        type: choice('How it is compared.', ['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
        value: text('Path.', { default: '/' }),
      }),
      headers: valueMatch('Headers.', ['Exact', 'RegularExpression']),
      queryParams: valueMatch('Query parameters.', ['Exact', 'RegularExpression']),
      method: choice('The method.', ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']),
    }),
  ),
  filters: anythings('What is changed.'),
  backendRefs,
  timeouts: struct('How long.', { request: text('The whole request.'), backendRequest: text('The request to the backend.') }),
  retry: anything('What is tried again.'),
  sessionPersistence: notSimulated(anything('What keeps a client at its backend.')),
});
const grpcRule = struct('A rule.', {
  name: text('Its name.'),
  matches: list(
    'One of these must fit.',
    struct('A match.', {
      method: struct('The method.', {
        type: choice('How it is compared.', ['Exact', 'RegularExpression'], { default: 'Exact' }),
        service: text('Service.'),
        method: text('Method.'),
      }),
      headers: valueMatch('Headers.', ['Exact', 'RegularExpression']),
    }),
  ),
  filters: anythings('What is changed.'),
  backendRefs,
  sessionPersistence: anything('What keeps a client at its backend.'),
});
const streamRule = struct('A rule.', { name: text('Its name.'), backendRefs });

const ONCE = ['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'];
const MAX_HOSTNAMES = 16;
const MAX_RULES = 16;
const MAX_LISTENERS = 64;
const hostnamePattern = '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
const hostnameTest = new RegExp(hostnamePattern);

/** Where a CRD's schema has a pattern, the server names it. */
const hostnameErrors = (path: string, value: string): FieldError[] =>
  value.length <= 253 && hostnameTest.test(value) ? [] : [invalid(path, value, `${path} in body should match '${hostnamePattern}'`)];

const listenerList = list(
  'Where it listens.',
  struct(
    'A listener.',
    {
      name: text('Its name.'),
      hostname: text('Only for this host.'),
      port: integer('Port.', { minimum: 1, maximum: 65535 }),
      protocol: text('HTTP, HTTPS, TLS, TCP or UDP.'),
      tls: struct('TLS.', {
        mode: choice('Who ends it.', ['Terminate', 'Passthrough'], { default: 'Terminate' }),
        certificateRefs: anythings('Secrets.'),
        options: textMap('Options.'),
      }),
      allowedRoutes: anything('Whose routes it takes.'),
    },
    ['name', 'port', 'protocol'],
  ),
  ['name'],
);

function routeErrors({ spec = {} }: GatewayRoute): FieldError[] {
  const errors: FieldError[] = [];
  const hostnames = spec.hostnames ?? [];
  const rules = spec.rules ?? [];
  if (hostnames.length > MAX_HOSTNAMES) errors.push(tooMany('spec.hostnames', hostnames.length, MAX_HOSTNAMES));
  hostnames.forEach((value, index) => {
    errors.push(...hostnameErrors(`spec.hostnames[${index}]`, value));
  });
  if (rules.length > MAX_RULES) errors.push(tooMany('spec.rules', rules.length, MAX_RULES));
  rules.forEach((rule, index) => {
    (rule.backendRefs ?? []).forEach((one, at) => {
      if ((one.kind ?? 'Service') === 'Service' && (one.group ?? '') === '' && one.port === undefined)
        errors.push(invalid(`spec.rules[${index}].backendRefs[${at}]`, one, 'Must have port for Service reference'));
    });
    const types = (rule.filters ?? []).map(({ type = '' }) => type);
    const filters = `spec.rules[${index}].filters`;
    if (types.includes('RequestRedirect') && types.includes('URLRewrite'))
      errors.push(invalid(filters, rule.filters, 'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both'));
    for (const type of ONCE)
      if (types.filter((one) => one === type).length > 1) errors.push(invalid(filters, rule.filters, `${type} filter cannot be repeated`));
    if (types.includes('RequestRedirect') && (rule.backendRefs ?? []).length > 0)
      errors.push(invalid(`spec.rules[${index}]`, rule, 'RequestRedirect filter must not be used together with backendRefs'));
    (rule.matches ?? []).forEach((match, at) => {
      const { type, value } = match.path ?? {};
      if (value !== undefined && type !== 'RegularExpression' && !value.startsWith('/'))
        errors.push(
          invalid(
            `spec.rules[${index}].matches[${at}].path`,
            match.path,
            "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
          ),
        );
    });
  });
  return errors;
}

function gatewayErrors({ spec = {} }: Gateway): FieldError[] {
  const errors: FieldError[] = [];
  const listeners = spec.listeners ?? [];
  if (listeners.length > MAX_LISTENERS) errors.push(tooMany('spec.listeners', listeners.length, MAX_LISTENERS));
  const names = new Set<string>();
  const places = new Set<string>();
  listeners.forEach((listener, index) => {
    const path = `spec.listeners[${index}]`;
    const { name = '', hostname, protocol = '', port = 0, tls } = listener;
    if (hostname !== undefined) errors.push(...hostnameErrors(`${path}.hostname`, hostname));
    if (names.has(name)) errors.push(duplicate(path, { name }));
    names.add(name);
    const place = `${port} ${protocol} ${hostname ?? ''}`;
    if (places.has(place)) errors.push(invalid('spec.listeners', listeners, 'Combination of port, protocol and hostname must be unique for each listener'));
    places.add(place);
    if (tls !== undefined && ['HTTP', 'TCP', 'UDP'].includes(protocol))
      errors.push(invalid('spec.listeners', listeners, "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"));
    if (hostname !== undefined && (protocol === 'TCP' || protocol === 'UDP'))
      errors.push(invalid('spec.listeners', listeners, "hostname must not be specified for protocols ['TCP', 'UDP']"));
    if (protocol === 'HTTPS' && tls?.mode !== undefined && tls.mode !== 'Terminate')
      errors.push(invalid('spec.listeners', listeners, 'tls mode must be Terminate for protocol HTTPS'));
  });
  return errors;
}

const conditionOf = (object: { readonly status?: { readonly conditions?: readonly Condition[] } }, type: string): string =>
  object.status?.conditions?.find((one) => one.type === type)?.status ?? '';
const age = (object: KubeObject, context: RowContext): string => context.age(object.metadata.creationTimestamp);

const gatewayClass = defineKind<GatewayClass>({
  apiVersion: `${group}/v1`,
  otherVersions: [`${group}/v1beta1`],
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  singular: 'gatewayclass',
  shortNames: ['gc'],
  namespaced: false,
  schema: kindSchema(
    'Which program makes Gateways of this class.',
    {
      spec: struct('The class.', { controllerName: text('The program.'), description: text('What it is.'), parametersRef: anything('Its parameters.') }, [
        'controllerName',
      ]),
      status,
    },
    ['spec'],
  ),
  validate: (object, old) => {
    const name = object.spec?.controllerName ?? '';
    const errors = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[-A-Za-z0-9/._~%!$&'()*+,;=:]+$/.test(name)
      ? []
      : [invalid('spec.controllerName', name, 'must be a domain prefixed path')];
    return old !== undefined && old.spec?.controllerName !== name ? [...errors, invalid('spec.controllerName', name, 'Value is immutable')] : errors;
  },
  columns: columnsOf('NAME, CONTROLLER, ACCEPTED, AGE, +DESCRIPTION'),
  row: (object, context) => [
    object.metadata.name,
    object.spec?.controllerName ?? '',
    conditionOf(object, 'Accepted') || 'Unknown',
    age(object, context),
    object.spec?.description ?? '',
  ],
  defaults: (object) => (object.status === undefined && object.spec !== undefined ? { ...object, status: { conditions: [waiting('Accepted')] } } : object),
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.controllerName ?? '' }),
});

/** What the CRDs write into a fresh object's status. */
const waiting = (type: string): Condition => ({
  type,
  status: 'Unknown',
  reason: 'Pending',
  message: 'Waiting for controller',
  lastTransitionTime: '1970-01-01T00:00:00Z',
});

const gateway = defineKind<Gateway>({
  apiVersion: `${group}/v1`,
  otherVersions: [`${group}/v1beta1`],
  kind: 'Gateway',
  plural: 'gateways',
  singular: 'gateway',
  shortNames: ['gtw'],
  namespaced: true,
  schema: kindSchema(
    'Where traffic comes in.',
    {
      spec: struct(
        'What is wanted.',
        {
          gatewayClassName: text('Its class.'),
          listeners: listenerList,
          addresses: list('Wanted addresses.', struct('An address.', { type: text('Its type.', { default: 'IPAddress' }), value: text('The address.') })),
          infrastructure: anything('What is made for it.'),
          allowedListeners: anything('Whose listeners it takes.'),
          tls: anything('TLS of the whole Gateway.'),
        },
        ['gatewayClassName', 'listeners'],
      ),
      status,
    },
    ['spec'],
  ),
  validate: gatewayErrors,
  defaults: (object) =>
    object.status === undefined && object.spec !== undefined ? { ...object, status: { conditions: [waiting('Accepted'), waiting('Programmed')] } } : object,
  columns: columnsOf('NAME, CLASS, ADDRESS, PROGRAMMED, AGE'),
  row: (object, context) => [
    object.metadata.name,
    object.spec?.gatewayClassName ?? '',
    (object.status?.addresses ?? []).map((one) => one.value ?? '').join(','),
    conditionOf(object, 'Programmed'),
    age(object, context),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.gatewayClassName ?? '' }),
});

function route(version: string, kind: string, rule: Schema, hasHostnames: boolean, shortNames: readonly string[] = []): Kind {
  return defineKind<GatewayRoute>({
    apiVersion: `${group}/${version}`,
    otherVersions: [version === 'v1' ? `${group}/v1beta1` : `${group}/v1`],
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames,
    namespaced: true,
    schema: kindSchema(
      'Where the traffic of a Gateway goes.',
      {
        spec: struct('What is wanted.', {
          parentRefs,
          ...(hasHostnames ? { hostnames: texts('For these hosts.') } : {}),
          rules: list('Rules.', rule),
          useDefaultGateways: notSimulated(text('Whether default Gateways take it.')),
        }),
        status,
      },
      ['spec'],
    ),
    validate: routeErrors,
    columns: hasHostnames && kind !== 'TLSRoute' ? columnsOf('NAME, HOSTNAMES, AGE') : columnsOf('NAME, AGE'),
    row: (object, context) =>
      hasHostnames && kind !== 'TLSRoute'
        ? [object.metadata.name, object.spec?.hostnames === undefined ? '' : JSON.stringify(object.spec.hostnames), age(object, context)]
        : [object.metadata.name, age(object, context)],
    describe: (object) => ({ title: object.metadata.name, subtitle: (object.spec?.hostnames ?? []).join(', ') }),
  });
}

interface ReferenceGrant extends KubeObject {
  readonly spec?: { readonly from?: readonly Reference[]; readonly to?: readonly Reference[] };
}
const referenceGrant = defineKind<ReferenceGrant>({
  apiVersion: `${group}/v1beta1`,
  otherVersions: [`${group}/v1`, `${group}/v1alpha2`],
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  singular: 'referencegrant',
  shortNames: ['refgrant'],
  namespaced: true,
  schema: kindSchema('Who from other namespaces may point here.', {
    spec: struct(
      'What is wanted.',
      {
        from: list('Who.', struct('A source.', { group: text('API group.'), kind: text('Kind.'), namespace: text('Namespace.') }, ['kind', 'namespace'])),
        to: list('At what.', struct('A target.', { group: text('API group.'), kind: text('Kind.'), name: text('Name.') }, ['kind'])),
      },
      ['from', 'to'],
    ),
  }),
  validate: ({ spec = {} }) => (['from', 'to'] as const).flatMap((part) => ((spec[part] ?? []).length === 0 ? [required(`spec.${part}`)] : [])),
  columns: columnsOf('NAME, AGE'),
  row: (object, context) => [object.metadata.name, age(object, context)],
  describe: (object) => ({ title: object.metadata.name }),
});

const listenerSet = defineKind<Gateway>({
  apiVersion: `${group}/v1`,
  kind: 'ListenerSet',
  plural: 'listenersets',
  singular: 'listenerset',
  shortNames: ['lset'],
  namespaced: true,
  schema: kindSchema(
    'Listeners that are added to a Gateway.',
    {
      spec: struct('What is wanted.', { parentRef: reference('The Gateway.', { group, kind: 'Gateway' }), listeners: listenerList }, [
        'parentRef',
        'listeners',
      ]),
      status,
    },
    ['spec'],
  ),
  validate: gatewayErrors,
  columns: columnsOf('NAME, ACCEPTED, PROGRAMMED, AGE'),
  row: (object, context) => [object.metadata.name, conditionOf(object, 'Accepted'), conditionOf(object, 'Programmed'), age(object, context)],
  describe: (object) => ({ title: object.metadata.name }),
});

const backendTlsPolicy = defineKind({
  apiVersion: `${group}/v1`,
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  singular: 'backendtlspolicy',
  shortNames: ['btlspolicy'],
  namespaced: true,
  schema: kindSchema('How a Gateway speaks TLS to backends.', {
    spec: struct(
      'What is wanted.',
      {
        targetRefs: anythings('Services, by port where they name one.'),
        validation: anything('What certificates must be.'),
        options: notSimulated(textMap('Options.')),
      },
      ['targetRefs', 'validation'],
    ),
    status,
  }),
  columns: columnsOf('NAME, AGE'),
  row: (object, context) => [object.metadata.name, age(object, context)],
  describe: (object) => ({ title: object.metadata.name }),
});

export const gatewayKinds: readonly Kind[] = [
  ...envoyKinds,
  inferencePool,
  backendTlsPolicy,
  gatewayClass,
  gateway,
  route('v1', 'GRPCRoute', grpcRule, true),
  route('v1', 'HTTPRoute', httpRule, true),
  listenerSet,
  referenceGrant,
  route('v1alpha2', 'TCPRoute', streamRule, false),
  route('v1alpha2', 'TLSRoute', streamRule, true),
  route('v1alpha2', 'UDPRoute', streamRule, false),
];
