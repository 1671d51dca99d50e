/** kubectl describe job, cronjob. Kubernetes: kubectl/pkg/describe/describe.go */
import { parseRfc3339 } from '../../../base/time.ts';
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, text } from '../../json.ts';
import { humanDuration } from '../age.ts';
import { controllerOf, type DescribeContext, describeEvents, formatSelector, heading, metadata, timeOr, yesOrUnset } from './common.ts';
import { describeTemplate } from './containers.ts';
import type { PrefixWriter } from './writer.ts';

/** Characters of a list of completed indexes that are shown. */
const MAX_INDEXES = 50;

function capIndexes(indexes: string): string {
  if (indexes === '') return '<none>';
  if (indexes.length <= MAX_INDEXES) return indexes;
  return `${indexes.slice(0, indexes.lastIndexOf(',', MAX_INDEXES - 4) + 1)}...`;
}

export function describeJob(writer: PrefixWriter, job: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  const spec = (field: string): unknown => at(job, 'spec', field);
  const status = (field: string): unknown => at(job, 'status', field);
  const known = (title: string, value: unknown, unit = ''): void => {
    if (value !== undefined) line(title, `${text(value)}${unit}`);
  };
  heading(writer, job);
  line('Selector', formatSelector(spec('selector')));
  metadata(writer, job);
  if (controllerOf(job) !== '') line('Controlled By', controllerOf(job));
  known('Parallelism', spec('parallelism'));
  line('Completions', text(spec('completions')) || '<unset>');
  known('Completion Mode', spec('completionMode'));
  known('Suspend', spec('suspend'));
  known('Backoff Limit', spec('backoffLimit'));
  known('TTL Seconds After Finished', spec('ttlSecondsAfterFinished'));
  const started = text(status('startTime'));
  const completed = text(status('completionTime'));
  if (started !== '') line('Start Time', timeOr(started));
  if (completed !== '') line('Completed At', timeOr(completed));
  const [from, to] = [parseRfc3339(started), parseRfc3339(completed)];
  if (from !== undefined && to !== undefined) line('Duration', humanDuration(Math.floor((to - from) / 1000)));
  known('Active Deadline Seconds', spec('activeDeadlineSeconds'), 's');
  const ready = status('ready') === undefined ? '' : ` (${number(status('ready'))} Ready)`;
  line('Pods Statuses', `${number(status('active'))} Active${ready} / ${number(status('succeeded'))} Succeeded / ${number(status('failed'))} Failed`);
  if (spec('completionMode') === 'Indexed') line('Completed Indexes', capIndexes(text(status('completedIndexes'))));
  describeTemplate(writer, 0, spec('template'));
  describeEvents(writer, context);
}

export function describeCronJob(writer: PrefixWriter, job: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  const spec = (...path: string[]): unknown => at(job, 'spec', ...path);
  const orUnset = (title: string, value: unknown, unit = ''): void => line(title, value === undefined ? '<unset>' : `${text(value)}${unit}`);
  heading(writer, job);
  metadata(writer, job);
  line('Schedule', text(spec('schedule')));
  if (spec('timeZone') !== undefined) line('Time Zone', text(spec('timeZone')));
  line('Concurrency Policy', text(spec('concurrencyPolicy')));
  line('Suspend', yesOrUnset(spec('suspend')));
  orUnset('Successful Job History Limit', spec('successfulJobsHistoryLimit'));
  orUnset('Failed Job History Limit', spec('failedJobsHistoryLimit'));
  orUnset('Starting Deadline Seconds', spec('startingDeadlineSeconds'), 's');
  const template = spec('jobTemplate', 'spec');
  line('Selector', at(template, 'selector') === undefined ? '<unset>' : formatSelector(at(template, 'selector')));
  orUnset('Parallelism', at(template, 'parallelism'));
  orUnset('Completions', at(template, 'completions'));
  if (at(template, 'activeDeadlineSeconds') !== undefined) line('Active Deadline Seconds', `${text(at(template, 'activeDeadlineSeconds'))}s`);
  describeTemplate(writer, 0, at(template, 'template'));
  line('Last Schedule Time', timeOr(at(job, 'status', 'lastScheduleTime'), '<unset>'));
  const active = list(at(job, 'status', 'active')).map((reference) => text(at(reference, 'name')));
  line('Active Jobs', active.join(', ') || '<none>');
  describeEvents(writer, context);
}
