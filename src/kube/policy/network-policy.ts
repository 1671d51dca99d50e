/** The kind NetworkPolicy: what the API server makes of it. Enforcing it needs a CNI that does (`enforcement.ts`), and flannel does not. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { isCidr, isStrictSubset } from '../addresses.ts';
import { forbidden, invalid, invalidEach, portRange, required, unsupported } from '../field-errors.ts';
import { formatSelector, type LabelSelector, labelSelectorSchema, validateSelector } from '../label-selector.ts';
import { portNameErrors } from '../names.ts';
import { anything, choice, integer, intOrString, kindSchema, list, struct, text, texts, withDefault } from '../schema.ts';

export interface NetworkPolicyPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}
export interface NetworkPolicyPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr?: string; readonly except?: readonly string[] };
}
export interface NetworkPolicyRule {
  readonly ports?: readonly NetworkPolicyPort[];
  readonly from?: readonly NetworkPolicyPeer[];
  readonly to?: readonly NetworkPolicyPeer[];
}
export interface NetworkPolicy extends KubeObject {
  readonly spec?: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly NetworkPolicyRule[];
    readonly egress?: readonly NetworkPolicyRule[];
  };
}

const peer = struct('Who: an address range, or pods by the labels of pod and namespace (both together: both must match).', {
  podSelector: labelSelectorSchema('Pods.'),
  namespaceSelector: labelSelectorSchema('Namespaces of the pods.'),
  ipBlock: struct('An address range.', { cidr: text('The range.'), except: texts('Ranges inside it that are left out.') }),
});
const ports = list(
  'Ports; all when absent.',
  struct('A port.', {
    protocol: withDefault(choice('Protocol.', ['TCP', 'UDP', 'SCTP']), 'TCP'),
    port: intOrString('Number or name of a port of the pods; all when absent.'),
    endPort: integer('Last port of a range that begins at port.'),
  }),
);

const schema = kindSchema('Which traffic pods may take part in. A pod that no policy selects may do everything.', {
  spec: struct(
    'What is allowed.',
    {
      podSelector: labelSelectorSchema('Pods it applies to; an empty selector means all pods of the namespace.'),
      policyTypes: texts('Directions it restricts: Ingress, Egress or both.'),
      ingress: list(
        'What may come in.',
        struct('A rule.', { from: list('Sources; all when absent.', peer), ports }, [], { goType: 'NetworkPolicyIngressRule' }),
      ),
      egress: list(
        'What may go out.',
        struct('A rule.', { to: list('Destinations; all when absent.', peer), ports }, [], { goType: 'NetworkPolicyEgressRule' }),
      ),
    },
    [],
    { goType: 'NetworkPolicySpec' },
  ),
  status: anything('Obsolete.'),
});

/** Kubernetes: pkg/apis/networking/validation/validation.go. */
function portErrors(path: string, port: NetworkPolicyPort): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof port.port === 'number') {
    errors.push(...portRange(`${path}.port`, port.port));
    if (port.endPort !== undefined) {
      if (port.endPort < port.port) errors.push(invalid(`${path}.endPort`, port.endPort, 'must be greater than or equal to `port`'));
      errors.push(...portRange(`${path}.endPort`, port.endPort));
    }
    return errors;
  }
  if (port.port !== undefined) errors.push(...invalidEach(`${path}.port`, port.port, portNameErrors(port.port)));
  if (port.endPort !== undefined) {
    errors.push(invalid(`${path}.endPort`, port.endPort, `may not be specified when \`port\` is ${port.port === undefined ? 'not specified' : 'non-numeric'}`));
  }
  return errors;
}

function peerErrors(path: string, one: NetworkPolicyPeer): FieldError[] {
  const errors: FieldError[] = [];
  if (one.podSelector !== undefined) errors.push(...validateSelector(`${path}.podSelector`, one.podSelector));
  if (one.namespaceSelector !== undefined) errors.push(...validateSelector(`${path}.namespaceSelector`, one.namespaceSelector));
  if (one.ipBlock !== undefined) errors.push(...blockErrors(`${path}.ipBlock`, one.ipBlock));
  const kinds = [one.podSelector, one.namespaceSelector, one.ipBlock].filter((part) => part !== undefined).length;
  if (kinds === 0) errors.push(required(path, 'must specify a peer'));
  else if (one.ipBlock !== undefined && kinds > 1) errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

const cidrWords = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

function blockErrors(path: string, block: NonNullable<NetworkPolicyPeer['ipBlock']>): FieldError[] {
  const range = block.cidr ?? '';
  if (range === '') return [required(`${path}.cidr`)];
  if (!isCidr(range)) return [invalid(`${path}.cidr`, range, cidrWords)];
  return (block.except ?? []).flatMap((except, index) => {
    if (!isCidr(except)) return [invalid(`${path}.except[${index}]`, except, cidrWords)];
    return isStrictSubset(except, range) ? [] : [invalid(`${path}.except[${index}]`, except, 'must be a strict subset of `cidr`')];
  });
}

function validate({ spec = {} }: NetworkPolicy): readonly FieldError[] {
  const errors: FieldError[] = validateSelector('spec.podSelector', spec.podSelector ?? {});
  for (const [direction, side] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    (spec[direction] ?? []).forEach((rule, index) => {
      const path = `spec.${direction}[${index}]`;
      (rule.ports ?? []).forEach((port, position) => {
        errors.push(...portErrors(`${path}.ports[${position}]`, port));
      });
      (rule[side] ?? []).forEach((one, position) => {
        errors.push(...peerErrors(`${path}.${side}[${position}]`, one));
      });
    });
  }
  const types = spec.policyTypes ?? [];
  if (types.length > 2) return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  types.forEach((type, index) => {
    if (type !== 'Ingress' && type !== 'Egress') errors.push(unsupported(`spec.policyTypes[${index}]`, type, ['Ingress', 'Egress']));
  });
  return errors;
}

/** Kubernetes: pkg/apis/networking/v1/defaults.go. */
function defaults(policy: NetworkPolicy): NetworkPolicy {
  const { spec } = policy;
  if (spec === undefined || (spec.policyTypes !== undefined && spec.policyTypes.length > 0)) return policy;
  return { ...policy, spec: { ...spec, policyTypes: (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'] } };
}

export const networkPolicy = defineKind<NetworkPolicy>({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  schema,
  defaults,
  validate,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'POD-SELECTOR', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, formatSelector(object.spec?.podSelector), context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: formatSelector(object.spec?.podSelector) }),
});
