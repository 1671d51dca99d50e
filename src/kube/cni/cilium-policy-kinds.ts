/** The kinds CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy. Cilium: pkg/k8s/apis/cilium.io/v2, pkg/policy/api/rule_validation.go */
import { compileGoRegexp } from '../../base/go-regexp.ts';
import { defineKind } from '../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../objects/types.ts';
import { isCidr, isStrictSubset } from '../addresses.ts';
import { invalid, required } from '../field-errors.ts';
import { formatSelector, type LabelSelector } from '../label-selector.ts';
import { anything, anythings, choice, flag, integer, intOrString, kindSchema, list, notSimulated, struct, text, textMap, texts } from '../schema.ts';

export interface CiliumCidrRule {
  readonly cidr?: string;
  readonly except?: readonly string[];
}
export interface CiliumPortRule {
  readonly ports?: readonly { readonly port?: string; readonly endPort?: number; readonly protocol?: string }[];
  readonly rules?: {
    readonly http?: readonly {
      readonly method?: string;
      readonly path?: string;
      readonly host?: string;
      readonly headers?: readonly string[];
      readonly headerMatches?: readonly { readonly name?: string; readonly value?: string }[];
    }[];
    readonly dns?: readonly CiliumName[];
  };
}
interface CiliumName {
  readonly matchName?: string;
  readonly matchPattern?: string;
}
/** What both directions say of the other side; only one of each pair is in a rule. */
export interface CiliumPeers {
  readonly fromEndpoints?: readonly LabelSelector[];
  readonly toEndpoints?: readonly LabelSelector[];
  readonly fromEntities?: readonly string[];
  readonly toEntities?: readonly string[];
  readonly fromCIDR?: readonly string[];
  readonly toCIDR?: readonly string[];
  readonly fromCIDRSet?: readonly CiliumCidrRule[];
  readonly toCIDRSet?: readonly CiliumCidrRule[];
  readonly fromNodes?: readonly LabelSelector[];
  readonly toNodes?: readonly LabelSelector[];
  readonly toFQDNs?: readonly CiliumName[];
  readonly toServices?: readonly { readonly k8sService?: { readonly serviceName?: string; readonly namespace?: string } }[];
}
export interface CiliumSideRule extends CiliumPeers {
  readonly toPorts?: readonly CiliumPortRule[];
  readonly icmps?: readonly { readonly fields?: readonly { readonly family?: string; readonly type?: number | string }[] }[];
}
export interface CiliumRuleSpec {
  readonly endpointSelector?: LabelSelector;
  readonly nodeSelector?: LabelSelector;
  readonly ingress?: readonly CiliumSideRule[];
  readonly ingressDeny?: readonly CiliumSideRule[];
  readonly egress?: readonly CiliumSideRule[];
  readonly egressDeny?: readonly CiliumSideRule[];
  readonly enableDefaultDeny?: { readonly ingress?: boolean; readonly egress?: boolean };
  readonly description?: string;
}
export interface CiliumNetworkPolicy extends KubeObject {
  readonly spec?: CiliumRuleSpec;
  readonly specs?: readonly CiliumRuleSpec[];
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

const ENTITIES = ['all', 'world', 'cluster', 'host', 'init', 'ingress', 'unmanaged', 'remote-node', 'health', 'none', 'kube-apiserver'];

/** Keys may name a source: `k8s:app`, `reserved:host`. */
const selector = (description: string): Schema =>
  struct(description, { matchLabels: textMap('Labels that must all be there.'), matchExpressions: anythings('Conditions that must all hold.') });
const names = (description: string): Schema =>
  list(
    description,
    struct('A name.', { matchName: text('The whole name.'), matchPattern: text('A name with *, which stands for any run of characters but a dot.') }),
  );
const ports = (description: string): Schema =>
  list(
    description,
    struct('Ports, and what may be said on them.', {
      ports: list(
        'The ports.',
        struct('A port.', {
          port: text('Number, as text, or name; "0" is all.'),
          endPort: integer('Last port of a range.'),
          protocol: choice('Protocol; ANY when absent.', ['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6', 'ANY']),
        }),
      ),
      rules: struct('Rules about contents: a proxy reads what passes.', {
        http: list(
          'Requests that may pass.',
          struct('A request: all that is given must match.', {
            method: text('Regular expression.'),
            path: text('Regular expression for the whole path.'),
            host: text('Regular expression.'),
            headers: texts('Headers that must be there: "Name" or "Name value".'),
            headerMatches: list(
              'The same with more care.',
              struct('A header.', {
                name: text('Name.'),
                value: text('Value.'),
                mismatch: notSimulated(text('What is done instead of refusing.')),
                secret: notSimulated(anything('Where the value is kept.')),
              }),
            ),
          }),
        ),
        dns: names('Names that may be asked for.'),
        kafka: notSimulated(anythings('Kafka requests.')),
        l7proto: notSimulated(text('Another parser.')),
        l7: notSimulated(anythings('Rules of another parser.')),
      }),
      terminatingTLS: notSimulated(anything('TLS that the proxy ends.')),
      originatingTLS: notSimulated(anything('TLS that the proxy begins.')),
      serverNames: notSimulated(texts('Server names in TLS.')),
      listener: notSimulated(anything('A listener of Envoy.')),
    }),
  );
const icmps = list(
  'ICMP messages.',
  struct('Messages.', {
    fields: list('Types.', struct('A type.', { family: choice('Family.', ['IPv4', 'IPv6']), type: intOrString('Number or name: 8, EchoRequest.') })),
  }),
);

function side(direction: 'from' | 'to'): Schema {
  const other = direction === 'from' ? 'Sources' : 'Destinations';
  return list(
    `${other} and ports; an empty rule is nobody.`,
    struct('A rule.', {
      [`${direction}Endpoints`]: list(`${other} by their labels; in the policy's namespace unless one is named.`, selector('A selector.')),
      [`${direction}Entities`]: list(`${other} that have no labels.`, choice('An entity.', ENTITIES)),
      [`${direction}CIDR`]: texts('Address ranges outside the cluster.'),
      [`${direction}CIDRSet`]: list(
        'Address ranges with exceptions.',
        struct('A range.', {
          cidr: text('The range.'),
          except: texts('Ranges inside it that are left out.'),
          cidrGroupRef: notSimulated(text('A CiliumCIDRGroup.')),
        }),
      ),
      [`${direction}Nodes`]: notSimulated(list('Nodes by their labels.', selector('A selector.'))),
      [`${direction}Requires`]: notSimulated(list('Labels that are asked for besides.', selector('A selector.'))),
      [`${direction}Groups`]: notSimulated(anythings('Groups of a cloud.')),
      ...(direction === 'to'
        ? {
            toFQDNs: names('Names: their addresses are learned from answers that the DNS proxy sees.'),
            toServices: list(
              'Services.',
              struct('A Service.', {
                k8sService: struct('By its name.', { serviceName: text('Name.'), namespace: text('Namespace.') }),
                k8sServiceSelector: notSimulated(anything('By its labels.')),
              }),
            ),
          }
        : {}),
      toPorts: ports('Ports; all when absent.'),
      icmps,
      authentication: notSimulated(anything('Mutual authentication.')),
    }),
  );
}

const spec = struct('Who may talk to the endpoints that it selects.', {
  endpointSelector: selector('Endpoints it is for; {} is all of the namespace.'),
  nodeSelector: notSimulated(selector('Nodes it is for (host firewall).')),
  ingress: side('from'),
  ingressDeny: side('from'),
  egress: side('to'),
  egressDeny: side('to'),
  enableDefaultDeny: struct('False: what the policy does not allow is not denied by it.', { ingress: flag('Ingress.'), egress: flag('Egress.') }),
  description: text('A remark.'),
  labels: anythings('Labels of the rule.'),
  log: notSimulated(anything('A text for the flow log.')),
});

function ruleErrors(path: string, rule: CiliumSideRule): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['fromCIDR', 'toCIDR'] as const)
    (rule[key] ?? []).forEach((one, i) => {
      if (!isCidr(one)) errors.push(invalid(`${path}.${key}[${i}]`, one, `unable to parse CIDRRule "${one}"`));
    });
  for (const key of ['fromCIDRSet', 'toCIDRSet'] as const)
    (rule[key] ?? []).forEach(({ cidr = '', except = [] }, i) => {
      if (!isCidr(cidr)) errors.push(invalid(`${path}.${key}[${i}].cidr`, cidr, `unable to parse CIDRRule "${cidr}"`));
      else
        except.forEach((one, j) => {
          if (!isCidr(one) || !isStrictSubset(one, cidr))
            errors.push(invalid(`${path}.${key}[${i}].except[${j}]`, one, `allow CIDR prefix ${cidr} does not contain exclude CIDR prefix ${one}`));
        });
    });
  (rule.toFQDNs ?? []).forEach(({ matchName = '', matchPattern = '' }, i) => {
    const at = `${path}.toFQDNs[${i}]`;
    if (matchName === '' && matchPattern === '') errors.push(required(at, 'empty FQDNSelector is not allowed'));
    else if (!/^[-a-zA-Z0-9_.*]*$/.test(`${matchName}${matchPattern}`) || matchName.includes('*'))
      errors.push(invalid(at, matchName || matchPattern, 'Invalid characters in FQDN'));
  });
  (rule.icmps ?? []).forEach(({ fields = [] }, i) => {
    fields.forEach(({ type }, j) => {
      if (typeof type === 'number' ? type < 0 || type > 255 : !/^[A-Z][A-Za-z]+$|^\d{1,3}$/.test(type ?? ''))
        errors.push(invalid(`${path}.icmps[${i}].fields[${j}].type`, type, 'must be a number from 0 to 255 or the name of a type'));
    });
  });
  (rule.toPorts ?? []).forEach((one, i) => {
    const at = `${path}.toPorts[${i}]`;
    (one.ports ?? []).forEach(({ port = '', endPort = 0 }, j) => {
      const number = Number(port);
      if (port === '') errors.push(invalid(`${at}.ports[${j}].port`, port, 'Port must be specified'));
      else if (/^\d+$/.test(port) && number > 65535)
        errors.push(invalid(`${at}.ports[${j}].port`, port, `Unable to parse port: strconv.ParseUint: parsing "${port}": value out of range`));
      else if (endPort > 0 && endPort < number) errors.push(invalid(`${at}.ports[${j}].endPort`, endPort, 'must be greater than or equal to `port`'));
    });
    (one.rules?.http ?? []).forEach((http, j) => {
      for (const key of ['method', 'path', 'host'] as const) {
        const pattern = http[key];
        const result = pattern === undefined ? undefined : compileGoRegexp(pattern);
        if (result?.ok === false) errors.push(invalid(`${at}.rules.http[${j}].${key}`, pattern, result.error));
      }
    });
  });
  return errors;
}

function validate(policy: CiliumNetworkPolicy): readonly FieldError[] {
  const errors: FieldError[] = [];
  const check = (path: string, rule: CiliumRuleSpec): void => {
    if (rule.endpointSelector === undefined && rule.nodeSelector === undefined)
      errors.push(required(path, 'rule must have one of EndpointSelector or NodeSelector'));
    else if (rule.endpointSelector !== undefined && rule.nodeSelector !== undefined)
      errors.push(invalid(path, '', 'rule cannot have both EndpointSelector and NodeSelector'));
    for (const key of ['ingress', 'ingressDeny', 'egress', 'egressDeny'] as const)
      (rule[key] ?? []).forEach((one, i) => {
        errors.push(...ruleErrors(`${path}.${key}[${i}]`, one));
      });
  };
  if (policy.spec === undefined && policy.specs === undefined) errors.push(required('spec', 'at least one of spec or specs must be set'));
  if (policy.spec !== undefined) check('spec', policy.spec);
  (policy.specs ?? []).forEach((one, i) => {
    check(`specs[${i}]`, one);
  });
  return errors;
}

const validity = ({ status }: CiliumNetworkPolicy): string => status?.conditions?.find(({ type }) => type === 'Valid')?.status ?? '';

function policyKind(kind: string, plural: string, shortNames: readonly string[], namespaced: boolean, description: string): Kind {
  return defineKind<CiliumNetworkPolicy>({
    apiVersion: 'cilium.io/v2',
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    namespaced,
    schema: kindSchema(description, { spec, specs: list('Several rules.', spec), status: anything('Whether it could be read.') }),
    validate,
    columns: [
      { name: 'NAME', priority: 0 },
      { name: 'AGE', priority: 0 },
      { name: 'VALID', priority: 0 },
    ],
    row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp), validity(object)],
    describe: (object) => ({ title: object.metadata.name, subtitle: formatSelector(object.spec?.endpointSelector) }),
  });
}

export const ciliumPolicyKinds: readonly Kind[] = [
  policyKind(
    'CiliumClusterwideNetworkPolicy',
    'ciliumclusterwidenetworkpolicies',
    ['ccnp'],
    false,
    'Which traffic endpoints of the whole cluster may take part in. Cilium enforces it; other CNIs do not know it.',
  ),
  policyKind(
    'CiliumNetworkPolicy',
    'ciliumnetworkpolicies',
    ['cnp', 'ciliumnp'],
    true,
    'Which traffic endpoints of the namespace may take part in, with names, requests and entities besides labels. Cilium enforces it; other CNIs do not know it.',
  ),
];
