/** kubectl describe horizontalpodautoscaler (autoscaling/v2). Kubernetes: kubectl/pkg/describe/describe.go */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, text } from '../../json.ts';
import { type DescribeContext, describeConditionTable, describeEvents, heading, metadata, timeOr } from './common.ts';
import type { PrefixWriter } from './writer.ts';

const UNKNOWN = '<unknown>';

/** Name and `current / target` of one metric; `current` is the status of the same place in the list. */
function metricLine(metric: unknown, current: unknown): string {
  const type = text(at(metric, 'type'));
  const field = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
  const source = at(metric, field);
  const measured = at(current, field, 'current');
  const target = at(source, 'target');
  const byAverage = at(target, 'averageValue') !== undefined;
  const value = byAverage ? 'averageValue' : 'value';
  const pair = `${text(at(measured, value)) || UNKNOWN} / ${text(at(target, value))}`;
  const quoted = JSON.stringify(text(at(source, 'metric', 'name')));
  switch (type) {
    case 'External':
      return `${quoted} (target ${byAverage ? 'average ' : ''}value):\t${pair}`;
    case 'Pods':
      return `${quoted} on pods:\t${pair}`;
    case 'Object': {
      const on = `${text(at(source, 'describedObject', 'kind'))}/${text(at(source, 'describedObject', 'name'))}`;
      return `${quoted} on ${on} (target ${byAverage ? 'average ' : ''}value):\t${pair}`;
    }
    case 'Resource':
    case 'ContainerResource': {
      const of = type === 'Resource' ? '' : ` of container "${text(at(source, 'container'))}"`;
      const title = `resource ${text(at(source, 'name'))}${of} on pods`;
      if (byAverage) return `${title}:\t${pair}`;
      const used = at(measured, 'averageUtilization');
      const now = used === undefined ? UNKNOWN : `${text(used)}% (${text(at(measured, 'averageValue'))})`;
      const wanted = at(target, 'averageUtilization');
      return `${title}  (as a percentage of request):\t${now} / ${wanted === undefined ? '<auto>' : `${text(wanted)}%`}`;
    }
    default:
      return `<unknown metric type ${JSON.stringify(type)}>`;
  }
}

function direction(writer: PrefixWriter, title: string, rules: unknown): void {
  if (rules === undefined) return;
  writer.write(1, `${title}:\n`);
  const window = at(rules, 'stabilizationWindowSeconds');
  if (window !== undefined) writer.write(2, `Stabilization Window: ${text(window)} seconds\n`);
  const policies = list(at(rules, 'policies'));
  if (policies.length === 0) return;
  writer.write(2, `Select Policy: ${text(at(rules, 'selectPolicy')) || 'Max'}\n`);
  writer.write(2, 'Policies:\n');
  for (const policy of policies)
    writer.write(3, `- Type: ${text(at(policy, 'type'))}\tValue: ${number(at(policy, 'value'))}\tPeriod: ${number(at(policy, 'periodSeconds'))} seconds\n`);
}

export function describeAutoscaler(writer: PrefixWriter, scaler: KubeObject, context: DescribeContext): void {
  const spec = (...path: string[]): unknown => at(scaler, 'spec', ...path);
  heading(writer, scaler);
  metadata(writer, scaler);
  writer.write(0, `CreationTimestamp:\t${timeOr(scaler.metadata.creationTimestamp)}\n`);
  const kind = text(spec('scaleTargetRef', 'kind'));
  writer.write(0, `Reference:\t${kind}/${text(spec('scaleTargetRef', 'name'))}\n`);
  writer.write(0, 'Metrics:\t( current / target )\n');
  const measured = list(at(scaler, 'status', 'currentMetrics'));
  for (const [index, metric] of list(spec('metrics')).entries()) writer.write(1, `${metricLine(metric, measured[index])}\n`);
  writer.write(0, `Min replicas:\t${text(spec('minReplicas')) || '<unset>'}\n`);
  writer.write(0, `Max replicas:\t${number(spec('maxReplicas'))}\n`);
  if (spec('behavior') !== undefined) {
    writer.write(0, 'Behavior:\n');
    direction(writer, 'Scale Up', spec('behavior', 'scaleUp'));
    direction(writer, 'Scale Down', spec('behavior', 'scaleDown'));
  }
  const replicas = (field: string): number => number(at(scaler, 'status', field));
  writer.write(0, `${kind} pods:\t${replicas('currentReplicas')} current / ${replicas('desiredReplicas')} desired\n`);
  describeConditionTable(writer, scaler, 'autoscaler');
  describeEvents(writer, context);
}
