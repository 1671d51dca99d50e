/** How far a rollout is, in kubectl's words. Kubernetes: kubectl/pkg/polymorphichelpers/rollout_status.go */
import type { KubeObject } from '../../objects/types.ts';
import { at, list, number, text } from '../json.ts';

export interface RolloutStatus {
  readonly line: string;
  readonly done: boolean;
  readonly failed: boolean;
}

const progress = (line: string): RolloutStatus => ({ line, done: false, failed: false });

export function rolloutStatus(object: KubeObject): RolloutStatus {
  const { name } = object.metadata;
  const status = (field: string): number => number(at(object, 'status', field));
  const observed = status('observedGeneration') >= (object.metadata.generation ?? 0);
  if (object.kind === 'DaemonSet') {
    const desired = status('desiredNumberScheduled');
    if (!observed) return progress('Waiting for daemon set spec update to be observed...');
    if (status('updatedNumberScheduled') < desired)
      return progress(
        `Waiting for daemon set "${name}" rollout to finish: ${status('updatedNumberScheduled')} out of ${desired} new pods have been updated...`,
      );
    if (status('numberAvailable') < desired)
      return progress(`Waiting for daemon set "${name}" rollout to finish: ${status('numberAvailable')} of ${desired} updated pods are available...`);
    return { line: `daemon set "${name}" successfully rolled out`, done: true, failed: false };
  }
  if (object.kind === 'StatefulSet') {
    const desired = number(at(object, 'spec', 'replicas'), 1);
    if (!observed) return progress('Waiting for statefulset spec update to be observed...');
    if (status('readyReplicas') < desired) return progress(`Waiting for ${desired - status('readyReplicas')} pods to be ready...`);
    const updated = status('updatedReplicas');
    const partition = at(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
    if (typeof partition === 'number') {
      if (updated < desired - partition)
        return progress(`Waiting for partitioned roll out to finish: ${updated} out of ${desired - partition} new pods have been updated...`);
      return { line: `partitioned roll out complete: ${updated} new pods have been updated...`, done: true, failed: false };
    }
    if (text(at(object, 'status', 'updateRevision')) !== text(at(object, 'status', 'currentRevision')))
      return progress(`waiting for statefulset rolling update to complete ${updated} pods at revision ${text(at(object, 'status', 'updateRevision'))}...`);
    return {
      line: `statefulset rolling update complete ${status('updatedReplicas')} pods at revision ${text(at(object, 'status', 'updateRevision'))}...`,
      done: true,
      failed: false,
    };
  }
  if (!observed) return progress('Waiting for deployment spec update to be observed...');
  const desired = number(at(object, 'spec', 'replicas'), 1);
  const stuck = list(at(object, 'status', 'conditions')).find(
    (condition) => text(at(condition, 'type')) === 'Progressing' && text(at(condition, 'reason')) === 'ProgressDeadlineExceeded',
  );
  if (stuck !== undefined) return { line: `deployment "${name}" exceeded its progress deadline`, done: false, failed: true };
  const updated = status('updatedReplicas');
  if (updated < desired) return progress(`Waiting for deployment "${name}" rollout to finish: ${updated} out of ${desired} new replicas have been updated...`);
  if (status('replicas') > updated)
    return progress(`Waiting for deployment "${name}" rollout to finish: ${status('replicas') - updated} old replicas are pending termination...`);
  if (status('availableReplicas') < updated)
    return progress(`Waiting for deployment "${name}" rollout to finish: ${status('availableReplicas')} of ${updated} updated replicas are available...`);
  return { line: `deployment "${name}" successfully rolled out`, done: true, failed: false };
}
