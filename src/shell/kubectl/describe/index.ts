/** Contents page of `kubectl describe`: one describer a kind. */
import type { KubeObject } from '../../../objects/types.ts';
import type { ShellHost } from '../../../world/shell-host.ts';
import { at, text } from '../../json.ts';
import { describeAutoscaler } from './autoscaler.ts';
import { describeCronJob, describeJob } from './batch.ts';
import { describeConfigMap, describeIpAddress, describeNode, describeSecret, describeServiceAccount, describeServiceCidr } from './cluster.ts';
import type { DescribeContext } from './common.ts';
import { describeGeneric } from './generic.ts';
import { describeLimitRange, describeNamespace, describeQuota } from './limits.ts';
import { describePod } from './pod.ts';
import { describeBinding, describeDisruptionBudget, describePriorityClass, describeRole } from './rights.ts';
import { describeEndpointSlice, describeEndpoints, describeIngress, describeIngressClass, describeNetworkPolicy, describeService } from './service.ts';
import { describeClaim, describeStorageClass, describeVolume } from './storage.ts';
import { describeDaemonSet, describeDeployment, describeReplicaSet, describeStatefulSet } from './workload.ts';
import { PrefixWriter, renderTabs } from './writer.ts';

type Describer = (writer: PrefixWriter, object: KubeObject, context: DescribeContext) => void;

const describers: ReadonlyMap<string, Describer> = new Map<string, Describer>([
  ['Pod', describePod],
  ['Service', describeService],
  ['Node', describeNode],
  ['Deployment', describeDeployment],
  ['ReplicaSet', describeReplicaSet],
  ['DaemonSet', describeDaemonSet],
  ['StatefulSet', describeStatefulSet],
  ['EndpointSlice', describeEndpointSlice],
  ['Endpoints', describeEndpoints],
  ['ConfigMap', describeConfigMap],
  ['Secret', describeSecret],
  ['Namespace', describeNamespace],
  ['NetworkPolicy', describeNetworkPolicy],
  ['Ingress', describeIngress],
  ['IngressClass', describeIngressClass],
  ['ServiceAccount', describeServiceAccount],
  ['ServiceCIDR', describeServiceCidr],
  ['IPAddress', describeIpAddress],
  ['Role', describeRole],
  ['ClusterRole', describeRole],
  ['RoleBinding', describeBinding],
  ['ClusterRoleBinding', describeBinding],
  ['PriorityClass', describePriorityClass],
  ['PodDisruptionBudget', describeDisruptionBudget],
  ['HorizontalPodAutoscaler', describeAutoscaler],
  ['Job', describeJob],
  ['CronJob', describeCronJob],
  ['PersistentVolume', describeVolume],
  ['PersistentVolumeClaim', describeClaim],
  ['StorageClass', describeStorageClass],
  ['ResourceQuota', describeQuota],
  ['LimitRange', describeLimitRange],
]);

/** The whole text of one object. */
export function describeObject(host: ShellHost, object: KubeObject, showEvents: boolean): string {
  const writer = new PrefixWriter();
  const describe = describers.get(object.kind) ?? describeGeneric;
  describe(writer, object, { host, events: showEvents ? eventsAbout(host, object) : undefined });
  return renderTabs(writer.text);
}

function eventsAbout(host: ShellHost, object: KubeObject): readonly KubeObject[] {
  const namespace = object.metadata.namespace ?? 'default';
  return host.api.view
    .list('Event', namespace)
    .filter((event) => text(at(event, 'involvedObject', 'kind')) === object.kind && text(at(event, 'involvedObject', 'name')) === object.metadata.name);
}
