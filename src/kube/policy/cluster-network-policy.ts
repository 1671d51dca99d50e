/** Policies of the whole cluster: ClusterNetworkPolicy, and AdminNetworkPolicy and BaselineAdminNetworkPolicy before it. network-policy-api: apis/v1alpha2, apis/v1alpha1. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, JsonValue, Kind, KubeObject, Schema } from '../../objects/types.ts';
import { isCidr } from '../addresses.ts';
import { columnsOf } from '../columns.ts';
import { invalid, required, tooMany } from '../field-errors.ts';
import { type LabelSelector, labelSelectorSchema, validateSelector } from '../label-selector.ts';
import { anything, choice, integer, kindSchema, list, struct, text, texts, withDefault } from '../schema.ts';

export interface NamespacedPods {
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector?: LabelSelector;
}
export interface ClusterPolicyPeer {
  readonly namespaces?: LabelSelector;
  readonly pods?: NamespacedPods;
  readonly nodes?: LabelSelector;
  readonly networks?: readonly string[];
  readonly domainNames?: readonly string[];
}
export interface ClusterPort {
  readonly number?: number;
  readonly range?: { readonly start: number; readonly end: number };
}
export interface ClusterPolicyProtocol {
  readonly tcp?: { readonly destinationPort?: ClusterPort };
  readonly udp?: { readonly destinationPort?: ClusterPort };
  readonly sctp?: { readonly destinationPort?: ClusterPort };
  readonly destinationNamedPort?: string;
}
/** v1alpha1's way to say ports. */
export interface AdminPolicyPort {
  readonly portNumber?: { readonly protocol?: string; readonly port: number };
  readonly portRange?: { readonly protocol?: string; readonly start: number; readonly end: number };
  readonly namedPort?: string;
}
export interface ClusterPolicyRule {
  readonly name?: string;
  readonly action: string;
  readonly from?: readonly ClusterPolicyPeer[];
  readonly to?: readonly ClusterPolicyPeer[];
  readonly protocols?: readonly ClusterPolicyProtocol[];
  readonly ports?: readonly AdminPolicyPort[];
}
export interface ClusterNetworkPolicy extends KubeObject {
  readonly spec?: {
    readonly tier?: string;
    readonly priority?: number;
    readonly subject?: { readonly namespaces?: LabelSelector; readonly pods?: NamespacedPods };
    readonly ingress?: readonly ClusterPolicyRule[];
    readonly egress?: readonly ClusterPolicyRule[];
  };
}

const group = 'policy.networking.k8s.io';
const namespacedPods = struct(
  'Pods by their labels, in namespaces by theirs.',
  { namespaceSelector: labelSelectorSchema('Namespaces; all when empty.'), podSelector: labelSelectorSchema('Pods; all when empty.') },
  ['podSelector'],
);
const somePods = { namespaces: labelSelectorSchema('All pods of these namespaces.'), pods: namespacedPods };
const outsiders = {
  nodes: labelSelectorSchema('Nodes, by their labels: their own addresses.'),
  networks: texts('Address ranges. Pods in them are meant too.'),
};
const subject = struct('Pods it applies to; never those in their node’s network.', somePods);
const portNumber = (what: string): Schema => integer(what, { minimum: 1, maximum: 65535 });
const port = struct('Port; all when absent.', {
  number: portNumber('Number.'),
  range: struct('A range.', { start: portNumber('First port.'), end: portNumber('Last port.') }, ['start', 'end']),
});
const protocol = (name: string) => struct(`${name}.`, { destinationPort: port });
const protocols = list(
  'What of the traffic; all when absent.',
  struct('One of these.', {
    tcp: protocol('TCP'),
    udp: protocol('UDP'),
    sctp: protocol('SCTP'),
    destinationNamedPort: text('Name of a port of the destination pod.'),
  }),
);
const word = withDefault(choice('Protocol.', ['TCP', 'UDP', 'SCTP']), 'TCP' as JsonValue);
const adminPorts = list(
  'Ports; all when absent.',
  struct('One of these.', {
    portNumber: struct('A port.', { protocol: word, port: portNumber('Number.') }, ['port']),
    portRange: struct('A range.', { protocol: word, start: portNumber('First port.'), end: portNumber('Last port.') }, ['start', 'end']),
    namedPort: text('Name of a port of the destination pod.'),
  }),
);

interface Version {
  readonly kind: 'ClusterNetworkPolicy' | 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy';
  readonly actions: readonly string[];
  readonly most: number;
}

const rulesOf = (side: 'from' | 'to', version: Version): Schema =>
  list(
    side === 'from' ? 'What may come in: the first rule that matches counts.' : 'What may go out: the first rule that matches counts.',
    struct(
      'A rule.',
      {
        name: text('What to call it.', { format: 'name' }),
        action: choice('What to do with what matches; Pass: ask the next tier.', version.actions),
        [side]: list(
          'Who is at the other end.',
          struct('One of these.', {
            ...somePods,
            ...(side === 'to' ? outsiders : {}),
            ...(side === 'to' && version.kind !== 'BaselineAdminNetworkPolicy'
              ? { domainNames: texts('Names, `*.` for all below; in Accept rules only.') }
              : {}),
          }),
        ),
        ...(version.kind === 'ClusterNetworkPolicy' ? { protocols } : { ports: adminPorts }),
      },
      ['action', side],
    ),
  );

function only(path: string, value: object | undefined): FieldError[] {
  const count = Object.values(value ?? {}).filter((one) => one !== undefined).length;
  if (count === 0) return [invalid(path, 0, `${path} in body should have at least 1 properties`)];
  return count > 1 ? [{ path, type: 'Too many', message: `Too many: ${count}: must have at most 1 item` }] : [];
}

function podsErrors(path: string, one: { readonly namespaces?: LabelSelector; readonly pods?: NamespacedPods }): FieldError[] {
  return [
    ...(one.namespaces === undefined ? [] : validateSelector(`${path}.namespaces`, one.namespaces)),
    ...validateSelector(`${path}.pods.namespaceSelector`, one.pods?.namespaceSelector ?? {}),
    ...validateSelector(`${path}.pods.podSelector`, one.pods?.podSelector ?? {}),
  ];
}

const domainPattern = /^(\*\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$/;

function peerErrors(path: string, peer: ClusterPolicyPeer, action: string): FieldError[] {
  const errors = [...only(path, peer), ...podsErrors(path, peer)];
  if (peer.nodes !== undefined) errors.push(...validateSelector(`${path}.nodes`, peer.nodes));
  (peer.networks ?? []).forEach((range, index) => {
    if (!isCidr(range)) errors.push(invalid(`${path}.networks[${index}]`, range, 'Invalid CIDR format provided'));
  });
  (peer.domainNames ?? []).forEach((name, index) => {
    if (name.length > 253 || !domainPattern.test(name))
      errors.push(invalid(`${path}.domainNames[${index}]`, name, `${path}.domainNames[${index}] in body should match '${domainPattern.source}'`));
  });
  if (peer.domainNames !== undefined && action !== 'Accept' && action !== 'Allow')
    errors.push(invalid(path, 'object', 'domainNames peer is only supported for Accept rules'));
  return errors;
}

function portErrors(path: string, { destinationPort }: { readonly destinationPort?: ClusterPort }): FieldError[] {
  if (destinationPort === undefined) return [invalid(path, 0, `${path} in body should have at least 1 properties`)];
  const { range } = destinationPort;
  return [
    ...only(`${path}.destinationPort`, destinationPort),
    ...(range !== undefined && range.start >= range.end ? [invalid(`${path}.destinationPort.range`, 'object', 'Start port must be less than End port')] : []),
  ];
}

function ruleErrors(path: string, rule: ClusterPolicyRule, side: 'from' | 'to', most: number): FieldError[] {
  const errors: FieldError[] = [];
  const peers = rule[side] ?? [];
  if ((rule.name ?? '').length > 100) errors.push({ path: `${path}.name`, type: 'Too long', message: 'Too long: may not be more than 100 bytes' });
  if (peers.length === 0) errors.push(invalid(`${path}.${side}`, 0, `${path}.${side} in body should have at least 1 items`));
  if (peers.length > most) errors.push(tooMany(`${path}.${side}`, peers.length, most));
  peers.forEach((peer, index) => {
    errors.push(...peerErrors(`${path}.${side}[${index}]`, peer, rule.action));
  });
  const named = [...(rule.protocols ?? []), ...(rule.ports ?? [])].some((one) => 'destinationNamedPort' in one || 'namedPort' in one);
  if (named && peers.some((peer) => peer.networks !== undefined || peer.nodes !== undefined || peer.domainNames !== undefined))
    errors.push(
      invalid(path, 'object', 'networks/nodes/domainNames peer cannot be set with namedPorts since there are no namedPorts for networks/nodes/domainNames'),
    );
  (rule.protocols ?? []).forEach((one, index) => {
    const at = `${path}.protocols[${index}]`;
    errors.push(...only(at, one));
    for (const name of ['tcp', 'udp', 'sctp'] as const) {
      const part = one[name];
      if (part !== undefined) errors.push(...portErrors(`${at}.${name}`, part));
    }
  });
  (rule.ports ?? []).forEach((one, index) => {
    errors.push(...only(`${path}.ports[${index}]`, one));
    if (one.portRange !== undefined && one.portRange.start >= one.portRange.end)
      errors.push(invalid(`${path}.ports[${index}].portRange`, 'object', 'Start port must be less than End port'));
  });
  return errors;
}

function validate({ spec = {} }: ClusterNetworkPolicy, version: Version): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (spec.subject === undefined) errors.push(required('spec.subject'));
  else errors.push(...only('spec.subject', spec.subject), ...podsErrors('spec.subject', spec.subject));
  for (const [direction, side] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    const rules = spec[direction] ?? [];
    if (rules.length > version.most) errors.push(tooMany(`spec.${direction}`, rules.length, version.most));
    rules.slice(0, version.most).forEach((rule, index) => {
      errors.push(...ruleErrors(`spec.${direction}[${index}]`, rule, side, version.most));
    });
  }
  return errors;
}

function kindOf(version: Version, plural: string, shortName: string, columns: string, description: string): Kind {
  const cluster = version.kind === 'ClusterNetworkPolicy';
  const ordered = version.kind !== 'BaselineAdminNetworkPolicy';
  return defineKind<ClusterNetworkPolicy>({
    apiVersion: `${group}/${cluster ? 'v1alpha2' : 'v1alpha1'}`,
    ...(cluster ? { otherVersions: [`${group}/v1beta1`] } : {}),
    kind: version.kind,
    plural,
    singular: version.kind.toLowerCase(),
    shortNames: [shortName],
    namespaced: false,
    schema: kindSchema(
      description,
      {
        spec: struct(
          'What is wanted.',
          {
            ...(cluster ? { tier: choice('Admin: before every NetworkPolicy; Baseline: after them.', ['Admin', 'Baseline']) } : {}),
            ...(ordered ? { priority: integer('Lower is asked first.', { minimum: 0, maximum: 1000 }) } : {}),
            subject,
            ingress: rulesOf('from', version),
            egress: rulesOf('to', version),
          },
          [...(cluster ? ['tier'] : []), ...(ordered ? ['priority'] : []), 'subject'],
        ),
        status: anything('What the implementation reports.'),
      },
      ['spec'],
    ),
    validate: (object) => [
      ...(version.kind === 'BaselineAdminNetworkPolicy' && object.metadata.name !== 'default'
        ? [invalid('', 'object', 'Only one baseline admin network policy with metadata.name="default" can be created in the cluster')]
        : []),
      ...validate(object, version),
    ],
    columns: columnsOf(columns),
    row: ({ metadata, spec }, context) => [
      metadata.name,
      ...(cluster ? [spec?.tier ?? ''] : []),
      ...(ordered ? [String(spec?.priority ?? '')] : []),
      context.age(metadata.creationTimestamp),
    ],
    describe: ({ metadata, spec }) => ({ title: metadata.name, subtitle: cluster ? `${spec?.tier ?? ''} ${spec?.priority ?? ''}` : version.kind }),
  });
}

const admin = ['Allow', 'Deny', 'Pass'];
export const clusterPolicyKinds: readonly Kind[] = [
  kindOf(
    { kind: 'AdminNetworkPolicy', actions: admin, most: 100 },
    'adminnetworkpolicies',
    'anp',
    'NAME, PRIORITY, AGE',
    'A rule of the cluster’s administrators, before every NetworkPolicy. ClusterNetworkPolicy of tier Admin has taken its place.',
  ),
  kindOf(
    { kind: 'BaselineAdminNetworkPolicy', actions: ['Allow', 'Deny'], most: 100 },
    'baselineadminnetworkpolicies',
    'banp',
    'NAME, AGE',
    'What holds for pods that no NetworkPolicy selects. ClusterNetworkPolicy of tier Baseline has taken its place.',
  ),
  kindOf(
    { kind: 'ClusterNetworkPolicy', actions: ['Accept', 'Deny', 'Pass'], most: 25 },
    'clusternetworkpolicies',
    'cnp',
    'NAME, TIER, PRIORITY, AGE',
    'What the cluster’s administrators allow and deny: before every NetworkPolicy (tier Admin), or for what no NetworkPolicy decides (Baseline).',
  ),
];
