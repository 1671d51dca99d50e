/** The kinds Ingress and IngressClass: what they look like and what the API server says of them. Controllers are in folders beside this file. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { isIp } from '../addresses.ts';
import { immutable, invalid, invalidEach, portRange, required } from '../field-errors.ts';
import { dns1035LabelErrors, dnsSubdomainErrors, portNameErrors, wildcardDnsErrors } from '../names.ts';
import { anything, choice, integer, kindSchema, list, struct, text, texts } from '../schema.ts';
import type { LoadBalancerIngress } from '../service/types.ts';

export interface IngressBackend {
  readonly service?: { readonly name?: string; readonly port?: { readonly name?: string; readonly number?: number } };
  readonly resource?: { readonly apiGroup?: string; readonly kind: string; readonly name: string };
}
export interface IngressPath {
  readonly path?: string;
  readonly pathType?: string;
  readonly backend?: IngressBackend;
}
export interface Ingress extends KubeObject {
  readonly spec?: {
    readonly ingressClassName?: string;
    readonly defaultBackend?: IngressBackend;
    readonly rules?: readonly { readonly host?: string; readonly http?: { readonly paths?: readonly IngressPath[] } }[];
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly LoadBalancerIngress[] } };
}

const backend = struct(
  'Where matching requests go.',
  {
    service: struct('A Service.', {
      name: text('Name of the Service, in the same namespace.'),
      port: struct('Port of the Service, by name or number.', { name: text('Name.'), number: integer('Number.') }),
    }),
    resource: struct('Another object.', { apiGroup: text('API group.'), kind: text('Kind.'), name: text('Name.') }, ['kind', 'name']),
  },
  [],
  { goType: 'IngressBackend' },
);

const schema = kindSchema('HTTP routes from outside to Services.', {
  spec: struct(
    'The routes.',
    {
      ingressClassName: text('The IngressClass, and with it the controller.'),
      defaultBackend: backend,
      tls: list('Certificates.', struct('A certificate.', { hosts: texts('Names it is for.'), secretName: text('The Secret that holds it.') })),
      rules: list(
        'Routes by host.',
        struct('A host.', {
          host: text('Name, perhaps with a leading *.; all when absent.'),
          http: struct('Its paths.', {
            paths: list(
              'Paths.',
              struct(
                'A path.',
                {
                  path: text('The path.'),
                  pathType: choice('How it is compared: Exact, Prefix by elements, or as the controller does.', ['Exact', 'ImplementationSpecific', 'Prefix']),
                  backend,
                },
                ['backend'],
                { goType: 'HTTPIngressPath' },
              ),
            ),
          }),
        }),
      ),
    },
    [],
    { goType: 'IngressSpec' },
  ),
  status: anything('Where it can be reached.'),
});

/** Kubernetes: pkg/apis/networking/validation/validation.go. */
function backendErrors(path: string, one: IngressBackend): FieldError[] {
  const { service, resource } = one;
  if (service !== undefined && resource !== undefined) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (service === undefined && resource === undefined) return [invalid(path, '', 'resource or service backend is required')];
  if (service === undefined) return [];
  const errors: FieldError[] = [];
  const name = service.name ?? '';
  if (name === '') errors.push(required(`${path}.service.name`));
  else errors.push(...invalidEach(`${path}.service.name`, name, dns1035LabelErrors(name)));
  const portName = service.port?.name ?? '';
  const number = service.port?.number ?? 0;
  if (portName !== '' && number !== 0) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (portName === '' && number === 0) errors.push(required(path, 'port name or number is required'));
  else if (portName !== '') errors.push(...invalidEach(`${path}.service.port.name`, portName, portNameErrors(portName)));
  else errors.push(...portRange(`${path}.service.port.number`, number));
  return errors;
}

const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEndings = ['/..', '/.'];

function pathErrors(path: string, one: IngressPath): FieldError[] {
  const errors: FieldError[] = [];
  const value = one.path ?? '';
  if (one.pathType === undefined) errors.push(required(`${path}.pathType`, 'pathType must be specified'));
  else if (one.pathType === 'Exact' || one.pathType === 'Prefix') {
    if (!value.startsWith('/')) errors.push(invalid(`${path}.path`, value, 'must be an absolute path'));
    for (const bad of badSequences) if (value.includes(bad)) errors.push(invalid(`${path}.path`, value, `must not contain '${bad}'`));
    for (const bad of badEndings) if (value.endsWith(bad)) errors.push(invalid(`${path}.path`, value, `cannot end with '${bad}'`));
  } else if (one.pathType === 'ImplementationSpecific' && value !== '' && !value.startsWith('/'))
    errors.push(invalid(`${path}.path`, value, 'must be an absolute path'));
  errors.push(...backendErrors(`${path}.backend`, one.backend ?? {}));
  return errors;
}

function hostErrors(path: string, host: string): FieldError[] {
  if (host === '') return [];
  if (isIp(host)) return [invalid(path, host, 'must be a DNS name, not an IP address')];
  return invalidEach(path, host, host.includes('*') ? wildcardDnsErrors(host) : dnsSubdomainErrors(host));
}

const classAnnotation = 'kubernetes.io/ingress.class';

function validate(ingress: Ingress, old: Ingress | undefined): readonly FieldError[] {
  const spec = ingress.spec ?? {};
  const errors: FieldError[] = [];
  const annotated = ingress.metadata.annotations?.[classAnnotation];
  if (old === undefined && annotated !== undefined && spec.ingressClassName !== undefined && annotated !== spec.ingressClassName) {
    errors.push(invalid(`annotations.${classAnnotation}`, annotated, 'must match `ingressClassName` when both are specified'));
  }
  const rules = spec.rules ?? [];
  if (rules.length === 0 && spec.defaultBackend === undefined) errors.push(invalid('spec', spec, 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend !== undefined) errors.push(...backendErrors('spec.defaultBackend', spec.defaultBackend));
  rules.forEach((rule, index) => {
    const path = `spec.rules[${index}]`;
    errors.push(...hostErrors(`${path}.host`, rule.host ?? ''));
    if (rule.http === undefined) return;
    const paths = rule.http.paths ?? [];
    if (paths.length === 0) errors.push(required(`${path}.http.paths`));
    paths.forEach((one, position) => {
      errors.push(...pathErrors(`${path}.http.paths[${position}]`, one));
    });
  });
  (spec.tls ?? []).forEach((one, index) => {
    const path = `spec.tls[${index}]`;
    (one.hosts ?? []).forEach((host, position) => {
      errors.push(...hostErrors(`${path}.hosts[${position}]`, host));
    });
    if (one.secretName !== undefined && one.secretName !== '')
      errors.push(...invalidEach(`${path}.secretName`, one.secretName, dnsSubdomainErrors(one.secretName)));
  });
  if (spec.ingressClassName !== undefined)
    errors.push(...invalidEach('spec.ingressClassName', spec.ingressClassName, dnsSubdomainErrors(spec.ingressClassName)));
  return errors;
}

/** At most three hosts, then how many more. Kubernetes: printers.go, formatHosts. */
function hostsText(ingress: Ingress): string {
  const hosts = (ingress.spec?.rules ?? []).map((rule) => rule.host ?? '').filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  return hosts.length > 3 ? `${hosts.slice(0, 3).join(',')} + ${hosts.length - 3} more...` : hosts.join(',');
}

export const ingress = defineKind<Ingress>({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  namespaced: true,
  schema,
  validate,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'CLASS', priority: 0 },
    { name: 'HOSTS', priority: 0 },
    { name: 'ADDRESS', priority: 0 },
    { name: 'PORTS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => {
    const addresses = [...new Set((object.status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || '').filter((one) => one !== ''))]
      .sort()
      .join(',');
    return [
      object.metadata.name,
      object.spec?.ingressClassName ?? object.metadata.annotations?.[classAnnotation] ?? '<none>',
      hostsText(object),
      context.wide !== true && addresses.length > 16 ? `${addresses.slice(0, 13)}...` : addresses,
      (object.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
      context.age(object.metadata.creationTimestamp),
    ];
  },
  describe: (object) => ({ title: object.metadata.name, subtitle: hostsText(object) }),
});

interface IngressClass extends KubeObject {
  readonly spec?: { readonly controller?: string; readonly parameters?: { readonly apiGroup?: string; readonly kind?: string; readonly name?: string } };
}

function parametersText({ spec }: IngressClass): string {
  const parameters = spec?.parameters;
  if (parameters === undefined) return '<none>';
  const kind = `${parameters.kind ?? ''}${parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`}`;
  return `${kind}/${parameters.name ?? ''}`;
}

export const ingressClass = defineKind<IngressClass>({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  singular: 'ingressclass',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('A kind of ingress controller that Ingresses can ask for.', {
    spec: struct('The controller.', {
      controller: text('Its name, such as k8s.io/ingress-nginx.'),
      parameters: struct('Further settings.', {
        apiGroup: text('API group.'),
        kind: text('Kind.'),
        name: text('Name.'),
        scope: text('Cluster or Namespace.'),
        namespace: text('Namespace.'),
      }),
    }),
  }),
  validate: (object, old) => {
    const { controller = '', parameters } = object.spec ?? {};
    const errors: FieldError[] = [];
    if (controller === '') errors.push(required('spec.controller'));
    else if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[^\s/?#%][^\s?#%]*$/.test(controller))
      errors.push(invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'));
    if (parameters !== undefined) {
      for (const field of ['kind', 'name'] as const) if ((parameters[field] ?? '') === '') errors.push(required(`spec.parameters.${field}`));
    }
    return old === undefined ? errors : [...errors, ...immutable('spec.controller', controller, old.spec?.controller)];
  },
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'CONTROLLER', priority: 0 },
    { name: 'PARAMETERS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec?.controller ?? '', parametersText(object), context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.controller ?? '' }),
});
