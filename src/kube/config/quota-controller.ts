/** Tells each ResourceQuota how much of it is taken, and gives back what has gone. Kubernetes: pkg/controller/resourcequota. */
import { deepEqual } from '../../base/equal.ts';
import { parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import { objectKey } from '../../objects/types.ts';
import { isFinished, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import type { ResourceQuota } from './quota.ts';
import { measure } from './quota-admission.ts';
import { formatAmount } from './quota-usage.ts';

/** What can be counted, beside custom resources. */
const kinds = [
  { kind: 'Pod', resource: 'pods' },
  { kind: 'Service', resource: 'services' },
  { kind: 'PersistentVolumeClaim', resource: 'persistentvolumeclaims' },
  { kind: 'ConfigMap', resource: 'configmaps' },
  { kind: 'Secret', resource: 'secrets' },
  { kind: 'ResourceQuota', resource: 'resourcequotas' },
  { kind: 'Endpoints', resource: 'endpoints' },
  { kind: 'ServiceAccount', resource: 'serviceaccounts' },
  { kind: 'Deployment', resource: 'deployments.apps' },
  { kind: 'ReplicaSet', resource: 'replicasets.apps' },
  { kind: 'StatefulSet', resource: 'statefulsets.apps' },
  { kind: 'DaemonSet', resource: 'daemonsets.apps' },
  { kind: 'Job', resource: 'jobs.batch' },
  { kind: 'CronJob', resource: 'cronjobs.batch' },
  { kind: 'Ingress', resource: 'ingresses.networking.k8s.io' },
  { kind: 'NetworkPolicy', resource: 'networkpolicies.networking.k8s.io' },
  { kind: 'HorizontalPodAutoscaler', resource: 'horizontalpodautoscalers.autoscaling' },
];

export const quotaController = defineController({
  name: 'resourcequota-controller',
  watches: kinds.map((one) => one.kind),
  keysFor(changed, view) {
    const quotas = view.list<ResourceQuota>('ResourceQuota', namespaceOf(changed));
    if (quotas.length === 0) return [];
    // A pod that goes on takes what it has taken at admission.
    if (changed.kind === 'Pod' && view.find(objectKey(changed)) !== undefined && !isFinished(changed as Pod) && !isTerminating(changed)) return [];
    return quotas.map(objectKey);
  },
  reconcile(key, context) {
    const quota = context.view.find<ResourceQuota>(key);
    if (quota === undefined) return;
    const hard = quota.spec?.hard ?? {};
    const total = measure(quota, kinds, context.view, parseRfc3339(context.timestamp) ?? 0);
    const used = Object.fromEntries([...total].map(([name, amount]) => [name, formatAmount(name, amount)]));
    const status = { hard, used };
    if (!deepEqual(status, quota.status)) context.updateStatus({ ...quota, status });
  },
});
