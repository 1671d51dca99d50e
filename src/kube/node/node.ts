/** The kind Node. Kubernetes: pkg/printers/internalversion/printers.go, printNode. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError } from '../../objects/types.ts';
import { isCidr } from '../addresses.ts';
import { forbidden, invalid, invalidEach } from '../field-errors.ts';
import { qualifiedNameErrors } from '../names.ts';
import { findCondition } from '../pod/types.ts';
import { anything, anythings, choice, flag, kindSchema, list, mapOf, quantity, struct, text, texts } from '../schema.ts';
import type { Node } from './types.ts';

const schema = kindSchema('A machine of the cluster: a host with a root network namespace, a kubelet and, usually, a network card on the underlay.', {
  spec: struct('How the node takes part in the cluster.', {
    podCIDR: text('Range from which pods on this node get their addresses. Assigned from the cluster range when absent.'),
    podCIDRs: texts('The same as a list, one per IP family.'),
    taints: list(
      'Keeps pods off the node unless they tolerate it.',
      struct(
        'A taint.',
        {
          key: text('Key.'),
          value: text('Value.'),
          effect: choice('What happens to pods that do not tolerate it.', ['NoExecute', 'NoSchedule', 'PreferNoSchedule']),
          timeAdded: text('When it was added.', { format: 'date-time' }),
        },
        ['key', 'effect'],
      ),
    ),
    unschedulable: flag('No new pods (kubectl cordon).'),
    providerID: text('Identity of the machine at its cloud.'),
    configSource: anything('Obsolete.'),
    externalID: text('Obsolete.'),
  }),
  status: {
    ...struct('What the kubelet reports. Addresses and capacity given here are kept.', {
      addresses: list(
        'Addresses of the machine.',
        struct(
          'An address.',
          { type: choice('What kind of address.', ['ExternalDNS', 'ExternalIP', 'Hostname', 'InternalDNS', 'InternalIP']), address: text('The address.') },
          ['type', 'address'],
        ),
        ['type'],
      ),
      capacity: mapOf('All resources of the machine.', quantity('Amount.')),
      allocatable: mapOf('Resources for pods: cpu, memory, pods.', quantity('Amount.')),
      conditions: anythings('Conditions such as Ready.'),
      nodeInfo: anything('Versions of kernel, runtime and kubelet.'),
    }),
    'x-kubernetes-preserve-unknown-fields': true,
  },
});

function validate(node: Node, old: Node | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  const keys = new Set<string>();
  (node.spec?.taints ?? []).forEach((taint, index) => {
    const at = `spec.taints[${index}]`;
    errors.push(...invalidEach(`${at}.key`, taint.key, qualifiedNameErrors(taint.key)));
    const identity = `${taint.key}:${taint.effect}`;
    if (keys.has(identity))
      errors.push({ path: at, type: 'Duplicate value', message: `Duplicate value: ${JSON.stringify(taint)}: taints must be unique by key and effect pair` });
    keys.add(identity);
  });
  const cidrs = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]);
  cidrs.forEach((cidr, index) => {
    if (!isCidr(cidr)) errors.push(invalid(`spec.podCIDRs[${index}]`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'));
  });
  const oldCidrs = old?.spec?.podCIDRs ?? [];
  if (oldCidrs.length > 0 && (oldCidrs.length !== cidrs.length || oldCidrs.some((cidr, index) => cidr !== cidrs[index]))) {
    errors.push(forbidden('spec', `node updates may not change podCIDR except from "" to valid`));
  }
  return errors;
}

/** `podCIDR` and `podCIDRs[0]` are the same thing; whichever is given fills the other. */
function defaults(node: Node): Node {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  if (podCIDR !== undefined && podCIDRs === undefined) return { ...node, spec: { ...node.spec, podCIDRs: [podCIDR] } };
  if (podCIDR === undefined && podCIDRs?.[0] !== undefined) return { ...node, spec: { ...node.spec, podCIDR: podCIDRs[0] } };
  return node;
}

const rolePrefix = 'node-role.kubernetes.io/';

/** Roles as the ROLES column lists them. */
export function nodeRoles(node: Node): readonly string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].sort();
}

export function nodeStatusText(node: Node): string {
  const ready = findCondition(node.status?.conditions, 'Ready')?.status;
  const words = [ready === 'True' ? 'Ready' : ready === 'False' ? 'NotReady' : ready === 'Unknown' ? 'NotReady' : 'Unknown'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

const addressOf = (node: Node, type: string): string => node.status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
const known = (value: string | undefined): string => (value === undefined || value === '' ? '<unknown>' : value);

export const node = defineKind<Node>({
  apiVersion: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  schema,
  defaults,
  validate,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'STATUS', priority: 0 },
    { name: 'ROLES', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'VERSION', priority: 0 },
    { name: 'INTERNAL-IP', priority: 1 },
    { name: 'EXTERNAL-IP', priority: 1 },
    { name: 'OS-IMAGE', priority: 1 },
    { name: 'KERNEL-VERSION', priority: 1 },
    { name: 'CONTAINER-RUNTIME', priority: 1 },
  ],
  row: (object, context) => {
    const info = object.status?.nodeInfo;
    return [
      object.metadata.name,
      nodeStatusText(object),
      nodeRoles(object).join(',') || '<none>',
      context.age(object.metadata.creationTimestamp),
      info?.kubeletVersion ?? '',
      addressOf(object, 'InternalIP'),
      addressOf(object, 'ExternalIP'),
      known(info?.osImage),
      known(info?.kernelVersion),
      known(info?.containerRuntimeVersion),
    ];
  },
  describe: (object) => ({ title: object.metadata.name, subtitle: addressOf(object, 'InternalIP'), badges: nodeRoles(object) }),
});
