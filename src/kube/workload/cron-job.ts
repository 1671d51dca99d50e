/** The kind CronJob. Kubernetes: pkg/apis/batch/{v1/defaults.go,validation/validation.go}. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { columnsOf } from '../columns.ts';
import { invalid, notNegative, required, unsupported } from '../field-errors.ts';
import { formatSelector } from '../label-selector.ts';
import { podSpecDefaults } from '../pod/defaults.ts';
import { validatePodSpec } from '../pod/validate.ts';
import { anything, choice, flag, integer, kindSchema, longInteger, struct, text } from '../schema.ts';
import { cronScheduleError } from './cron-schedule-errors.ts';
import { job } from './other-kinds.ts';
import { containerImages, containerNames } from './template.ts';
import { zoneOffsetMs } from './time-zone.ts';
import type { Job } from './types.ts';

export interface CronJob extends KubeObject {
  readonly spec: {
    readonly schedule: string;
    readonly timeZone?: string;
    readonly startingDeadlineSeconds?: number;
    readonly concurrencyPolicy?: 'Allow' | 'Forbid' | 'Replace';
    readonly suspend?: boolean;
    readonly successfulJobsHistoryLimit?: number;
    readonly failedJobsHistoryLimit?: number;
    readonly jobTemplate: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: Job['spec'];
    };
  };
  readonly status?: {
    readonly active?: readonly { readonly name?: string; readonly namespace?: string; readonly uid?: string }[];
    readonly lastScheduleTime?: string;
    readonly lastSuccessfulTime?: string;
  };
}

/** A Job's name gets eleven characters more, and must still fit a label. */
const maxNameLength = 52;

function scheduleErrors({ schedule, timeZone }: CronJob['spec']): FieldError[] {
  const errors: FieldError[] = [];
  const hasZone = schedule.includes('TZ');
  if (hasZone) {
    const words =
      timeZone === undefined
        ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        : 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    errors.push(invalid('spec.schedule', schedule, words));
  }
  const wrong = hasZone ? undefined : cronScheduleError(schedule);
  if (wrong !== undefined) errors.push(invalid('spec.schedule', schedule, wrong));
  if (timeZone === '') errors.push(invalid('spec.timeZone', '', 'must be nil or non-empty string'));
  else if (timeZone?.toLowerCase() === 'local')
    errors.push(invalid('spec.timeZone', timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'));
  else if (timeZone !== undefined && (!/^[A-Za-z]/.test(timeZone) || zoneOffsetMs(timeZone, 0) === undefined))
    errors.push(invalid('spec.timeZone', timeZone, `unknown time zone ${timeZone}`));
  return errors;
}

export const cronJob = defineKind<CronJob>({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  namespaced: true,
  schema: kindSchema(
    'Makes Jobs at the times of a schedule.',
    {
      spec: struct(
        'What is wanted.',
        {
          schedule: text('When, in the form of cron: minute, hour, day of the month, month, day of the week.'),
          timeZone: text('The time zone of the schedule: Europe/Berlin. UTC without one.'),
          startingDeadlineSeconds: longInteger('How late a Job may start.'),
          concurrencyPolicy: choice('What happens while the last Job still runs.', ['Allow', 'Forbid', 'Replace'], { default: 'Allow' }),
          suspend: flag('No Jobs for now.', { default: false }),
          successfulJobsHistoryLimit: integer('How many Jobs that ended well are kept.', { default: 3 }),
          failedJobsHistoryLimit: integer('How many failed Jobs are kept.', { default: 1 }),
          jobTemplate: struct(
            'From this, Jobs are made.',
            { metadata: anything('Labels and annotations of the Jobs.'), spec: job.schema.properties?.spec ?? {} },
            ['spec'],
            { goType: 'JobTemplateSpec' },
          ),
        },
        ['schedule', 'jobTemplate'],
        { goType: 'CronJobSpec' },
      ),
      status: anything('What the controller reports.'),
    },
    ['spec'],
  ),
  defaults: (object) => {
    const template = object.spec?.jobTemplate?.spec?.template;
    if (template?.spec === undefined) return object;
    const spec = podSpecDefaults(template.spec, false);
    if (spec === template.spec) return object;
    const { jobTemplate } = object.spec;
    return { ...object, spec: { ...object.spec, jobTemplate: { ...jobTemplate, spec: { ...jobTemplate.spec, template: { ...template, spec } } } } };
  },
  validate: (object, old) => {
    const { spec } = object;
    const errors: FieldError[] = [];
    const { name } = object.metadata;
    if (old === undefined && name.length > maxNameLength) errors.push(invalid('metadata.name', name, `must be no more than ${maxNameLength} characters`));
    errors.push(...scheduleErrors(spec));
    errors.push(...notNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds));
    const at = 'spec.jobTemplate.spec';
    const inner = spec.jobTemplate.spec;
    errors.push(...notNegative(`${at}.parallelism`, inner.parallelism), ...notNegative(`${at}.completions`, inner.completions));
    errors.push(...validatePodSpec(`${at}.template.spec`, inner.template.spec));
    const policy = inner.template.spec.restartPolicy;
    if (policy === undefined || policy === 'Always') errors.push(required(`${at}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
    else if (policy !== 'OnFailure' && policy !== 'Never') errors.push(unsupported(`${at}.template.spec.restartPolicy`, policy, ['OnFailure', 'Never']));
    const { selector } = inner as { readonly selector?: unknown };
    if (selector !== undefined) errors.push(invalid(`${at}.selector`, selector, '`selector` will be auto-generated'));
    errors.push(...notNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit));
    errors.push(...notNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit));
    return errors;
  },
  columns: columnsOf('NAME, SCHEDULE, TIMEZONE, SUSPEND, ACTIVE, LAST SCHEDULE, AGE, +CONTAINERS, +IMAGES, +SELECTOR'),
  row: (object, context) => [
    object.metadata.name,
    object.spec.schedule,
    object.spec.timeZone ?? '<none>',
    object.spec.suspend === true ? 'True' : 'False',
    `${object.status?.active?.length ?? 0}`,
    object.status?.lastScheduleTime === undefined ? '<none>' : context.age(object.status.lastScheduleTime),
    context.age(object.metadata.creationTimestamp),
    containerNames(object.spec.jobTemplate.spec.template),
    containerImages(object.spec.jobTemplate.spec.template),
    formatSelector(undefined),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec.schedule }),
});
