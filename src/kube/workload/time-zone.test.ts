import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { inZone, nextStrike, parseCronSchedule } from './cron-schedule.ts';
import { metSuccessRule } from './job-indexes.ts';
import { zoneOffsetMs } from './time-zone.ts';
import type { Job } from './types.ts';

const at = (text: string): number => Date.parse(text);
const next = (schedule: string, zone: string, after: string): string => {
  const parsed = parseCronSchedule(schedule);
  if (parsed === undefined) throw new Error(schedule);
  return new Date(nextStrike(inZone(parsed, zone), at(after)) ?? 0).toISOString();
};

describe('a schedule in a time zone', () => {
  it('strikes by its clocks, in summer and in winter', () => {
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-01-10T00:00:00Z')).toBe('2026-01-10T08:00:00.000Z');
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-07-10T00:00:00Z')).toBe('2026-07-10T07:00:00.000Z');
    expect(next('30 4 * * *', 'Asia/Kolkata', '2026-07-10T00:00:00Z')).toBe('2026-07-10T23:00:00.000Z');
    expect(next('0 22 * * 5', 'America/New_York', '2026-07-10T00:00:00Z')).toBe('2026-07-11T02:00:00.000Z');
  });

  it('does not strike at times that the clocks skip, and once at those they show twice', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-30T00:30:00.000Z');
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z');
  });

  it('is refused where the zone is unknown', () => {
    expect([zoneOffsetMs('Nowhere/Land', 0), zoneOffsetMs('Etc/UTC', 0)]).toEqual([undefined, 0]);
    const { message } = new TestCluster().refusal(`apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: "0 9 * * *"
  timeZone: Nowhere/Land
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}`);
    expect(message).toContain('spec.timeZone: Invalid value: "Nowhere/Land": unknown time zone Nowhere/Land');
  });
});

describe('the success policy of a Job', () => {
  const job = (rules: readonly { readonly succeededIndexes?: string; readonly succeededCount?: number }[]) =>
    ({ spec: { completions: 5, successPolicy: { rules } } }) as unknown as Job;

  it('is met by all listed numbers, by a count, or by a count of the listed', () => {
    expect(metSuccessRule(job([{ succeededIndexes: '0,2' }]), new Set([0, 1]))).toBeUndefined();
    expect(metSuccessRule(job([{ succeededIndexes: '0,2' }]), new Set([0, 2]))).toBe(0);
    expect(metSuccessRule(job([{ succeededIndexes: '4' }, { succeededCount: 2 }]), new Set([0, 1]))).toBe(1);
    expect(metSuccessRule(job([{ succeededIndexes: '0-3', succeededCount: 2 }]), new Set([0, 4]))).toBeUndefined();
    expect(metSuccessRule(job([{ succeededIndexes: '0-3', succeededCount: 2 }]), new Set([0, 3]))).toBe(0);
    expect(metSuccessRule(job([]), new Set([0]))).toBeUndefined();
  });

  it('ends the Job and its other pods', () => {
    const world = new TestCluster().apply(`apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: net}
spec: {cidr: 172.30.0.0/16}`);
    world.apply(`apiVersion: batch/v1
kind: Job
metadata: {name: lead}
spec:
  completions: 3
  parallelism: 3
  completionMode: Indexed
  successPolicy: {rules: [{succeededIndexes: "0"}]}
  template: {spec: {terminationGracePeriodSeconds: 0, restartPolicy: Never, containers: [{name: c, image: busybox, command: [sleep, "1000"]}]}}`);
    const [leader] = world.pods();
    if (leader === undefined) throw new Error('no pod');
    world.must(world.api.updateStatus({ ...leader, status: { ...leader.status, phase: 'Succeeded' } }));
    world.settle();
    expect(world.get<Job>('Job/default/lead').status?.conditions?.map((one) => `${one.type} ${one.reason}: ${one.message}`)).toEqual([
      'SuccessCriteriaMet SuccessPolicy: Matched rules at index 0',
      'Complete SuccessPolicy: Matched rules at index 0',
    ]);
    expect(world.pods().map((pod) => pod.status?.phase)).toEqual(['Succeeded']);
  });
});
