/** kubectl describe node, configmap, secret, serviceaccount and the small network kinds. */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, pairs, record, text } from '../../json.ts';
import { ageOf } from '../age.ts';
import { type DescribeContext, describeEvents, heading, metadata, timeOr } from './common.ts';
import { formatAmount, parseQuantity } from './quantity.ts';
import type { PrefixWriter } from './writer.ts';

const ROLE = 'node-role.kubernetes.io/';

export function describeNode(writer: PrefixWriter, node: KubeObject, context: DescribeContext): void {
  const { name } = node.metadata;
  const roles = Object.keys(node.metadata.labels ?? {})
    .filter((label) => label.startsWith(ROLE))
    .map((label) => label.slice(ROLE.length))
    .sort();
  writer.write(0, `Name:\t${name}\nRoles:\t${roles.join(',') || '<none>'}\n`);
  metadata(writer, node);
  writer.write(0, `CreationTimestamp:\t${timeOr(node.metadata.creationTimestamp, '<unset>')}\n`);
  const taints = list(at(node, 'spec', 'taints')).map(
    (taint) => `${text(at(taint, 'key'))}${text(at(taint, 'value')) === '' ? '' : `=${text(at(taint, 'value'))}`}:${text(at(taint, 'effect'))}`,
  );
  writer.write(0, `Taints:\t${taints.length === 0 ? '<none>' : taints.join('\n\t')}\n`);
  writer.write(0, `Unschedulable:\t${at(node, 'spec', 'unschedulable') === true}\n`);
  describeLease(writer, context.host.api.view.find(`Lease/kube-node-lease/${name}`), name);
  const conditions = list(at(node, 'status', 'conditions'));
  if (conditions.length > 0) {
    writer.write(
      0,
      'Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n  ----\t------\t-----------------\t------------------\t------\t-------\n',
    );
    for (const condition of conditions) {
      writer.write(
        1,
        `${text(at(condition, 'type'))} \t${text(at(condition, 'status'))} \t${timeOr(at(condition, 'lastHeartbeatTime'))} \t${timeOr(at(condition, 'lastTransitionTime'))} \t${text(at(condition, 'reason'))} \t${text(at(condition, 'message'))}\n`,
      );
    }
  }
  writer.write(0, 'Addresses:\n');
  for (const address of list(at(node, 'status', 'addresses'))) writer.write(1, `${text(at(address, 'type'))}:\t${text(at(address, 'address'))}\n`);
  for (const [title, field] of [
    ['Capacity', 'capacity'],
    ['Allocatable', 'allocatable'],
  ] as const) {
    const entries = pairs(at(node, 'status', field));
    if (entries.length === 0) continue;
    writer.write(0, `${title}:\n`);
    for (const [resource, quantity] of entries) writer.write(1, `${resource}:\t${quantity}\n`);
  }
  const info = (field: string): string => text(at(node, 'status', 'nodeInfo', field));
  writer.write(0, 'System Info:\n');
  for (const [title, field] of [
    ['Machine ID', 'machineID'],
    ['System UUID', 'systemUUID'],
    ['Boot ID', 'bootID'],
    ['Kernel Version', 'kernelVersion'],
    ['OS Image', 'osImage'],
    ['Operating System', 'operatingSystem'],
    ['Architecture', 'architecture'],
    ['Container Runtime Version', 'containerRuntimeVersion'],
    ['Kubelet Version', 'kubeletVersion'],
    ['Kube-Proxy Version', 'kubeProxyVersion'],
  ] as const) {
    writer.write(1, `${title}:\t${info(field)}\n`);
  }
  const podCidr = text(at(node, 'spec', 'podCIDR'));
  const podCidrs = list(at(node, 'spec', 'podCIDRs'))
    .map(text)
    .join(',');
  if (podCidr !== '') writer.write(0, `PodCIDR:\t${podCidr}\n`);
  if (podCidrs !== '') writer.write(0, `PodCIDRs:\t${podCidrs}\n`);
  describeNodePods(writer, node, context);
  describeEvents(writer, context);
}

/** Without one kubectl says what the server answered. */
function describeLease(writer: PrefixWriter, lease: KubeObject | undefined, name: string): void {
  if (lease === undefined) {
    writer.write(0, `Lease:\tFailed to get lease: leases.coordination.k8s.io ${JSON.stringify(name)} not found\n`);
    return;
  }
  writer.write(0, 'Lease:\n');
  writer.write(1, `HolderIdentity:\t${text(at(lease, 'spec', 'holderIdentity'))}\n`);
  writer.write(1, `AcquireTime:\t${timeOr(at(lease, 'spec', 'acquireTime'), '<unset>')}\n`);
  writer.write(1, `RenewTime:\t${timeOr(at(lease, 'spec', 'renewTime'), '<unset>')}\n`);
}

const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'] as const;

function describeNodePods(writer: PrefixWriter, node: KubeObject, context: DescribeContext): void {
  const pods = context.host.api.view
    .list('Pod')
    .filter((pod) => text(at(pod, 'spec', 'nodeName')) === node.metadata.name && !['Succeeded', 'Failed'].includes(text(at(pod, 'status', 'phase'))));
  const allocatable = (resource: string): number => parseQuantity(text(at(node, 'status', 'allocatable', resource)));
  const amount = (pod: KubeObject, side: 'requests' | 'limits', resource: string): number =>
    list(at(pod, 'spec', 'containers')).reduce<number>((sum, container) => sum + parseQuantity(text(at(container, 'resources', side, resource))), 0);
  const percent = (value: number, resource: string): string =>
    `${formatAmount(value, resource)} (${allocatable(resource) === 0 ? 0 : Math.floor((value / allocatable(resource)) * 100)}%)`;
  writer.write(0, `Non-terminated Pods:\t(${pods.length} in total)\n`);
  writer.write(1, 'Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n');
  writer.write(1, '---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n');
  for (const pod of pods) {
    const cells = (['cpu', 'memory'] as const).flatMap((resource) =>
      (['requests', 'limits'] as const).map((side) => percent(amount(pod, side, resource), resource)),
    );
    writer.write(1, `${pod.metadata.namespace ?? ''}\t${pod.metadata.name}\t\t${cells.join('\t')}\t${ageOf(context.host, pod.metadata.creationTimestamp)}\n`);
  }
  writer.write(
    0,
    'Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n  Resource\tRequests\tLimits\n  --------\t--------\t------\n',
  );
  const pages = Object.keys(record(at(node, 'status', 'allocatable')))
    .filter((resource) => resource.startsWith('hugepages-'))
    .sort();
  for (const resource of [...RESOURCES, ...pages]) {
    const total = (side: 'requests' | 'limits'): number => pods.reduce((sum, pod) => sum + amount(pod, side, resource), 0);
    writer.write(1, `${resource}\t${percent(total('requests'), resource)}\t${percent(total('limits'), resource)}\n`);
  }
}

export function describeConfigMap(writer: PrefixWriter, map: KubeObject, context: DescribeContext): void {
  heading(writer, map);
  metadata(writer, map);
  writer.write(0, '\nData\n====\n');
  for (const [key, value] of pairs(at(map, 'data'))) writer.write(0, `${key}:\n----\n${value}\n\n`);
  writer.write(0, '\nBinaryData\n====\n');
  for (const key of Object.keys(record(at(map, 'binaryData'))).sort()) {
    const value = at(map, 'binaryData', key);
    const bytes = Array.isArray(value) ? value.length : Math.floor((text(value).replace(/=+$/, '').length * 3) / 4);
    writer.write(0, `${key}: ${bytes} bytes\n`);
  }
  writer.write(0, '\n');
  describeEvents(writer, context);
}

export function describeSecret(writer: PrefixWriter, secret: KubeObject): void {
  heading(writer, secret);
  metadata(writer, secret);
  writer.write(0, `\nType:\t${text(at(secret, 'type')) || 'Opaque'}\n\nData\n====\n`);
  for (const [key, value] of pairs(at(secret, 'data'))) writer.write(0, `${key}:\t${Math.floor((value.replace(/=+$/, '').length * 3) / 4)} bytes\n`);
}

export function describeServiceAccount(writer: PrefixWriter, account: KubeObject, context: DescribeContext): void {
  heading(writer, account);
  metadata(writer, account);
  const secrets = list(at(account, 'imagePullSecrets')).map((secret) => text(at(secret, 'name')));
  writer.write(0, `Image pull secrets:\t${secrets.length === 0 ? '<none>' : secrets.join('\n\t')}\n`);
  describeEvents(writer, context);
}

export function describeServiceCidr(writer: PrefixWriter, object: KubeObject, context: DescribeContext): void {
  heading(writer, object);
  metadata(writer, object);
  writer.write(
    0,
    `CIDRs:\t${list(at(object, 'spec', 'cidrs'))
      .map(text)
      .join(', ')}\n`,
  );
  const conditions = list(at(object, 'status', 'conditions'));
  if (conditions.length > 0) {
    writer.write(0, 'Status:\nConditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage\n  ----\t------\t------------------\t------\t-------\n');
    for (const condition of conditions)
      writer.write(
        1,
        `${text(at(condition, 'type'))}\t${text(at(condition, 'status'))}\t${timeOr(at(condition, 'lastTransitionTime'))}\t${text(at(condition, 'reason'))}\t${text(at(condition, 'message'))}\n`,
      );
  }
  describeEvents(writer, context);
}

export function describeIpAddress(writer: PrefixWriter, object: KubeObject, context: DescribeContext): void {
  heading(writer, object);
  metadata(writer, object);
  const parent = at(object, 'spec', 'parentRef');
  writer.write(0, 'Parent Reference:\n');
  for (const [title, field] of [
    ['Group', 'group'],
    ['Resource', 'resource'],
    ['Namespace', 'namespace'],
    ['Name', 'name'],
  ] as const)
    writer.write(1, `${title}:\t${text(at(parent, field))}\n`);
  describeEvents(writer, context);
}
