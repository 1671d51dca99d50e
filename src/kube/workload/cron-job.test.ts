import { describe, expect, it } from 'vitest';
import { formatRfc3339, parseRfc3339 } from '../../base/time.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml } from '../testing/manifests.ts';
import type { CronJob } from './cron-job.ts';
import { nextStrike, parseCronSchedule, strikesBetween } from './cron-schedule.ts';

const next = (schedule: string, after: string): string | undefined => {
  const parsed = parseCronSchedule(schedule);
  const strike = parsed === undefined ? undefined : nextStrike(parsed, parseRfc3339(after) ?? 0);
  return strike === undefined ? undefined : formatRfc3339(strike);
};

describe('a cron schedule', () => {
  it.each([
    ['*/15 * * * *', '2026-04-04T09:00:00Z', '2026-04-04T09:15:00Z'],
    ['0 3 * * *', '2026-04-04T09:00:00Z', '2026-04-05T03:00:00Z'],
    ['30 8-18/5 * * MON-fri', '2026-04-04T09:00:00Z', '2026-04-06T08:30:00Z'],
    ['0 0 29 2 *', '2026-04-04T09:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 13 * 5', '2026-04-04T09:00:00Z', '2026-04-10T00:00:00Z'],
    ['0 0 */2 * 1', '2026-04-04T09:00:00Z', '2026-04-05T00:00:00Z'],
    ['5/20 1 1 jan,JUL ?', '2026-04-04T09:00:00Z', '2026-07-01T01:05:00Z'],
    ['@monthly', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
    ['@weekly', '2026-04-04T09:00:00Z', '2026-04-05T00:00:00Z'],
    ['@every 1h30m', '2026-04-04T09:00:07Z', '2026-04-04T10:30:07Z'],
  ])('%s after %s strikes at %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it('of a day that never comes strikes never', () => {
    expect(next('0 0 30 2 *', '2026-04-04T09:00:00Z')).toBeUndefined();
  });

  it('over years names its latest strike and about how many there were', () => {
    const minutely = parseCronSchedule('* * * * *');
    if (minutely === undefined) throw new Error('no schedule');
    const from = parseRfc3339('2024-01-01T00:00:00Z') ?? 0;
    const to = parseRfc3339('2026-01-01T00:00:30Z') ?? 0;
    const { latest, count } = strikesBetween(minutely, from, to);
    expect(formatRfc3339(latest ?? 0)).toBe('2026-01-01T00:00:00Z');
    expect(count).toBe((to - 30_000 - from) / 60_000);
  });
});

const cronYaml = (spec: string, command = '"true"'): string => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: tick }
spec:
  schedule: "* * * * *"
  ${spec}
  jobTemplate:
    metadata: { labels: { made: by-cron } }
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: main, image: busybox, command: [${command}] }]
`;
const cluster = (spec = '', command?: string) => new TestCluster().apply(clusterYaml(1)).apply(cronYaml(spec, command));
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const jobs = (world: TestCluster) => world.api.view.list('Job', 'default').map((job) => job.metadata.name);

describe('a CronJob', () => {
  it('makes a Job at each strike, named after the minute, and nothing before', () => {
    const world = cluster();
    expect(jobs(world)).toEqual([]);
    expect(jobs(later(world, 59))).toEqual([]);
    later(world, 1);
    const minute = (parseRfc3339('2026-04-04T09:01:00Z') ?? 0) / 60_000;
    expect(jobs(world)).toEqual([`tick-${minute}`]);
    expect(world.get(`Job/default/tick-${minute}`).metadata).toMatchObject({
      labels: { made: 'by-cron' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-04-04T09:01:00Z' },
    });
    expect(world.get<CronJob>('CronJob/default/tick').status).toEqual({ lastScheduleTime: '2026-04-04T09:01:00Z', lastSuccessfulTime: '2026-04-04T09:01:00Z' });
    expect([...world.events('CronJob', 'tick')].sort()).toEqual([
      `SawCompletedJob: Saw completed job: tick-${minute}, condition: Complete`,
      `SuccessfulCreate: Created job tick-${minute}`,
    ]);
  });

  it('keeps three Jobs that ended well', () => {
    expect(jobs(later(cluster(), 600))).toHaveLength(3);
    expect(jobs(later(cluster('successfulJobsHistoryLimit: 1'), 600))).toHaveLength(1);
  });

  it('with Forbid skips a strike while the last Job runs', () => {
    const world = later(cluster('concurrencyPolicy: Forbid', 'sleep, "1000"'), 180);
    expect(jobs(world)).toHaveLength(1);
    expect(world.events('CronJob', 'tick')).toContain('JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid');
  });

  it('with Replace ends the last Job for the next', () => {
    // Process 1 takes no notice of SIGTERM: the old pod has its 30 seconds.
    const world = later(cluster('concurrencyPolicy: Replace', 'sleep, "1000"'), 180);
    expect(jobs(world)).toHaveLength(1);
    expect(later(world, 35).pods()).toHaveLength(1);
  });

  it('with Allow lets them run beside each other', () => {
    expect(jobs(later(cluster('', 'sleep, "1000"'), 180))).toHaveLength(3);
  });

  it('suspended makes none; resumed, it makes up for the latest missed strike only', () => {
    const world = later(cluster('suspend: true'), 180);
    expect(jobs(world)).toEqual([]);
    world.must(world.api.patch('CronJob/default/tick', { spec: { suspend: false } }, 'merge'));
    expect(jobs(later(world, 30))).toHaveLength(1);
  });

  it('does not make up for a strike older than startingDeadlineSeconds', () => {
    const world = later(cluster('suspend: true\n  startingDeadlineSeconds: 10'), 150);
    world.must(world.api.patch('CronJob/default/tick', { spec: { suspend: false } }, 'merge'));
    expect(jobs(later(world, 20))).toEqual([]);
  });
});
