/** kubectl describe deployment, replicaset, daemonset, statefulset. */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, record, text } from '../../json.ts';
import { sortKeys } from '../jsonpath.ts';
import { controllerOf, type DescribeContext, describeEvents, formatLabels, formatSelector, heading, metadata, timeOr } from './common.ts';
import { describeTemplate } from './containers.ts';
import { describeClaimTemplates } from './storage.ts';
import type { PrefixWriter } from './writer.ts';

function conditions(writer: PrefixWriter, object: KubeObject): void {
  const entries = list(at(object, 'status', 'conditions'));
  if (entries.length === 0) return;
  writer.write(0, 'Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------\n');
  for (const entry of entries) writer.write(1, `${text(at(entry, 'type'))} \t${text(at(entry, 'status'))}\t${text(at(entry, 'reason'))}\n`);
}

/** A template's identity: all but the label the controller adds. */
function templateText(template: unknown): string {
  const { labels: _labels, ...rest } = record(at(template, 'metadata'));
  const labels = Object.entries(record(at(template, 'metadata', 'labels'))).filter(([key]) => key !== 'pod-template-hash');
  return JSON.stringify(sortKeys({ ...record(template), metadata: { ...rest, labels: Object.fromEntries(labels) } }));
}

function setText(set: KubeObject): string {
  return `${set.metadata.name} (${number(at(set, 'status', 'replicas'))}/${number(at(set, 'spec', 'replicas'), 1)} replicas created)`;
}

export function describeDeployment(writer: PrefixWriter, deployment: KubeObject, context: DescribeContext): void {
  const status = (field: string): number => number(at(deployment, 'status', field));
  heading(writer, deployment);
  writer.write(0, `CreationTimestamp:\t${timeOr(deployment.metadata.creationTimestamp, '<unset>')}\n`);
  metadata(writer, deployment);
  writer.write(0, `Selector:\t${formatSelector(at(deployment, 'spec', 'selector'))}\n`);
  writer.write(
    0,
    `Replicas:\t${number(at(deployment, 'spec', 'replicas'), 1)} desired | ${status('updatedReplicas')} updated | ${status('replicas')} total | ${status('availableReplicas')} available | ${status('unavailableReplicas')} unavailable\n`,
  );
  writer.write(0, `StrategyType:\t${text(at(deployment, 'spec', 'strategy', 'type'))}\n`);
  writer.write(0, `MinReadySeconds:\t${number(at(deployment, 'spec', 'minReadySeconds'))}\n`);
  const rolling = at(deployment, 'spec', 'strategy', 'rollingUpdate');
  if (rolling !== undefined)
    writer.write(0, `RollingUpdateStrategy:\t${text(at(rolling, 'maxUnavailable'))} max unavailable, ${text(at(rolling, 'maxSurge'))} max surge\n`);
  describeTemplate(writer, 0, at(deployment, 'spec', 'template'));
  conditions(writer, deployment);
  const sets = context.host.api.view.owned('ReplicaSet', deployment.metadata.uid ?? '');
  const wanted = templateText(at(deployment, 'spec', 'template'));
  const current = sets.find((set) => templateText(at(set, 'spec', 'template')) === wanted);
  const old = sets.filter((set) => set !== current).map(setText);
  writer.write(0, `OldReplicaSets:\t${old.length === 0 ? '<none>' : old.join(', ')}\n`);
  writer.write(0, `NewReplicaSet:\t${current === undefined ? '<none>' : setText(current)}\n`);
  describeEvents(writer, context);
}

/** `2 Running / 0 Waiting / 0 Succeeded / 0 Failed` of the pods an object controls. */
function podStatuses(object: KubeObject, context: DescribeContext): string {
  const count = { Running: 0, Pending: 0, Succeeded: 0, Failed: 0 };
  for (const pod of context.host.api.view.owned('Pod', object.metadata.uid ?? '')) {
    const phase = text(at(pod, 'status', 'phase'));
    if (Object.hasOwn(count, phase)) count[phase as keyof typeof count] += 1;
  }
  return `${count.Running} Running / ${count.Pending} Waiting / ${count.Succeeded} Succeeded / ${count.Failed} Failed`;
}

export function describeReplicaSet(writer: PrefixWriter, set: KubeObject, context: DescribeContext): void {
  heading(writer, set);
  writer.write(0, `Selector:\t${formatSelector(at(set, 'spec', 'selector'))}\n`);
  metadata(writer, set);
  const controller = controllerOf(set);
  if (controller !== '') writer.write(0, `Controlled By:\t${controller}\n`);
  writer.write(0, `Replicas:\t${number(at(set, 'status', 'replicas'))} current / ${number(at(set, 'spec', 'replicas'), 1)} desired\n`);
  writer.write(0, `Pods Status:\t${podStatuses(set, context)}\n`);
  describeTemplate(writer, 0, at(set, 'spec', 'template'));
  conditions(writer, set);
  describeEvents(writer, context);
}

export function describeDaemonSet(writer: PrefixWriter, set: KubeObject, context: DescribeContext): void {
  const status = (field: string): number => number(at(set, 'status', field));
  heading(writer, set);
  writer.write(0, `Selector:\t${formatSelector(at(set, 'spec', 'selector'))}\n`);
  writer.write(0, `Node-Selector:\t${formatLabels(at(set, 'spec', 'template', 'spec', 'nodeSelector'))}\n`);
  metadata(writer, set);
  writer.write(0, `Desired Number of Nodes Scheduled: ${status('desiredNumberScheduled')}\n`);
  writer.write(0, `Current Number of Nodes Scheduled: ${status('currentNumberScheduled')}\n`);
  writer.write(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status('updatedNumberScheduled')}\n`);
  writer.write(0, `Number of Nodes Scheduled with Available Pods: ${status('numberAvailable')}\n`);
  writer.write(0, `Number of Nodes Misscheduled: ${status('numberMisscheduled')}\n`);
  writer.write(0, `Pods Status:\t${podStatuses(set, context)}\n`);
  describeTemplate(writer, 0, at(set, 'spec', 'template'));
  describeEvents(writer, context);
}

export function describeStatefulSet(writer: PrefixWriter, set: KubeObject, context: DescribeContext): void {
  heading(writer, set);
  writer.write(0, `CreationTimestamp:\t${timeOr(set.metadata.creationTimestamp, '<unset>')}\n`);
  writer.write(0, `Selector:\t${formatSelector(at(set, 'spec', 'selector'))}\n`);
  metadata(writer, set);
  writer.write(0, `Replicas:\t${number(at(set, 'spec', 'replicas'), 1)} desired | ${number(at(set, 'status', 'replicas'))} total\n`);
  writer.write(0, `Update Strategy:\t${text(at(set, 'spec', 'updateStrategy', 'type'))}\n`);
  const partition = at(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
  const unavailable = at(set, 'spec', 'updateStrategy', 'rollingUpdate', 'maxUnavailable');
  if (partition !== undefined) writer.write(1, `Partition:\t${number(partition, 0)}\n`);
  if (partition !== undefined && unavailable !== undefined) writer.write(1, `MaxUnavailable:\t${String(unavailable)}\n`);
  writer.write(0, `Pods Status:\t${podStatuses(set, context)}\n`);
  describeTemplate(writer, 0, at(set, 'spec', 'template'));
  describeClaimTemplates(writer, list(at(set, 'spec', 'volumeClaimTemplates')));
  describeEvents(writer, context);
}
