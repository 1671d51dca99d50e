/** kubectl describe pod. */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, text } from '../../json.ts';
import { ageOf } from '../age.ts';
import { controllerOf, type DescribeContext, describeEvents, heading, labels, metadata, timeOr } from './common.ts';
import { describeContainers, describeVolumes, resources, tolerations } from './containers.ts';
import type { PrefixWriter } from './writer.ts';

export function describePod(writer: PrefixWriter, pod: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  const optional = (title: string, value: string): void => {
    if (value !== '') line(title, value);
  };
  heading(writer, pod);
  const priority = at(pod, 'spec', 'priority');
  if (typeof priority === 'number') line('Priority', String(priority));
  optional('Priority Class Name', text(at(pod, 'spec', 'priorityClassName')));
  optional('Runtime Class Name', text(at(pod, 'spec', 'runtimeClassName')));
  optional('Service Account', text(at(pod, 'spec', 'serviceAccountName')));
  const node = text(at(pod, 'spec', 'nodeName'));
  line('Node', node === '' ? '<none>' : `${node}/${text(at(pod, 'status', 'hostIP'))}`);
  optional('Start Time', timeOr(at(pod, 'status', 'startTime')));
  metadata(writer, pod);
  const phase = text(at(pod, 'status', 'phase'));
  if (pod.metadata.deletionTimestamp !== undefined && phase !== 'Failed' && phase !== 'Succeeded') {
    line('Status', `Terminating (lasts ${ageOf(context.host, pod.metadata.deletionTimestamp)})`);
    line('Termination Grace Period', `${pod.metadata.deletionGracePeriodSeconds ?? 0}s`);
  } else line('Status', phase);
  optional('Reason', text(at(pod, 'status', 'reason')));
  optional('Message', text(at(pod, 'status', 'message')));
  optional('SeccompProfile', text(at(pod, 'spec', 'securityContext', 'seccompProfile', 'type')));
  line('IP', text(at(pod, 'status', 'podIP')));
  const ips = list(at(pod, 'status', 'podIPs'));
  writer.write(0, ips.length === 0 ? 'IPs:\t<none>\n' : 'IPs:\n');
  for (const ip of ips) writer.write(0, `  IP:\t${text(at(ip, 'ip'))}\n`);
  optional('Controlled By', controllerOf(pod));
  optional('NominatedNodeName', text(at(pod, 'status', 'nominatedNodeName')));
  if (at(pod, 'spec', 'resources') !== undefined) {
    writer.write(0, 'Resources:\n');
    resources(writer, at(pod, 'spec', 'resources'), 1);
  }
  for (const [title, field, statuses] of [
    ['Init Containers', 'initContainers', 'initContainerStatuses'],
    ['Containers', 'containers', 'containerStatuses'],
    ['Ephemeral Containers', 'ephemeralContainers', 'ephemeralContainerStatuses'],
  ] as const) {
    const containers = list(at(pod, 'spec', field));
    if (containers.length > 0 || field === 'containers') describeContainers(writer, title, containers, list(at(pod, 'status', statuses)), '', pod);
  }
  describeConditions(writer, pod);
  describeVolumes(writer, list(at(pod, 'spec', 'volumes')), '');
  line('QoS Class', text(at(pod, 'status', 'qosClass')) || 'BestEffort');
  labels(writer, 'Node-Selectors', at(pod, 'spec', 'nodeSelector'));
  tolerations(writer, 'Tolerations', at(pod, 'spec', 'tolerations'));
  spreadConstraints(writer, list(at(pod, 'spec', 'topologySpreadConstraints')));
  describeEvents(writer, context);
}

function describeConditions(writer: PrefixWriter, pod: KubeObject): void {
  const conditions = list(at(pod, 'status', 'conditions'));
  const gates = list(at(pod, 'spec', 'readinessGates'));
  if (gates.length > 0) {
    writer.write(0, 'Readiness Gates:\n  Type\tStatus\n');
    for (const gate of gates) {
      const type = text(at(gate, 'conditionType'));
      const found = conditions.find((condition) => text(at(condition, 'type')) === type);
      writer.write(1, `${type} \t${found === undefined ? '<none>' : text(at(found, 'status'))} \n`);
    }
  }
  if (conditions.length === 0) return;
  writer.write(0, 'Conditions:\n  Type\tStatus\n');
  for (const condition of conditions) writer.write(1, `${text(at(condition, 'type'))} \t${text(at(condition, 'status'))} \n`);
}

function spreadConstraints(writer: PrefixWriter, constraints: readonly unknown[]): void {
  if (constraints.length === 0) return;
  writer.write(0, 'Topology Spread Constraints:\t');
  for (const [index, constraint] of constraints.entries()) {
    writer.write(
      0,
      `${index === 0 ? '' : '\t'}${text(at(constraint, 'topologyKey'))}:${text(at(constraint, 'whenUnsatisfiable'))} when max skew ${number(at(constraint, 'maxSkew'))} is exceeded\n`,
    );
  }
}
