import { describe, expect, it } from 'vitest';
import { findCondition } from '../pod/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml } from '../testing/manifests.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import type { Deployment } from './types.ts';

const web = (load: string, replicas = 1) =>
  deploymentYaml('web', replicas)
    .replace('metadata: {name: web}', `metadata: {name: web, annotations: {kubehop.dev/cpu-load: ${load}}}`)
    .replace('image: nginx,', 'image: nginx, resources: {requests: {cpu: 100m}},');
const autoscaler = (spec = '') => `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  ${spec}`;
const key = 'HorizontalPodAutoscaler/default/web';
const cluster = (workload: string, spec = '') => new TestCluster().apply(clusterYaml(2)).apply(workload).apply(autoscaler(spec));
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const size = (world: TestCluster) => world.get<Deployment>('Deployment/default/web').spec.replicas;
const status = (world: TestCluster) => world.get<HorizontalPodAutoscaler>(key).status;
const condition = (world: TestCluster, type: string) => findCondition(status(world)?.conditions, type);
const load = (world: TestCluster, value: string | null): TestCluster => {
  world.must(world.api.patch('Deployment/default/web', { metadata: { annotations: { 'kubehop.dev/cpu-load': value } } }, 'merge'));
  return world.settle();
};

describe('a HorizontalPodAutoscaler', () => {
  it('brings the usage per pod to its goal, not faster than four pods or twice as many in 15 s', () => {
    const world = cluster(web('400m'));
    expect(size(later(world, 14))).toBe(1);
    expect(size(later(world, 1))).toBe(5);
    expect(condition(world, 'ScalingLimited')).toMatchObject({ status: 'True', reason: 'ScaleUpLimit' });
    expect(world.events('HorizontalPodAutoscaler', 'web')).toContain(
      'SuccessfulRescale: New size: 5; reason: cpu resource utilization (percentage of request) above target',
    );
    expect(size(later(world, 15))).toBe(8);
    expect(size(later(world, 300))).toBe(8);
    expect(status(world)?.currentMetrics).toEqual([{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '50m' } } }]);
    expect(world.row(key).slice(1, 6)).toEqual(['Deployment/web', 'cpu: 50%/50%', '1', '10', '8']);
  });

  it('leaves alone what is within ten per cent', () => {
    expect(size(later(cluster(web('108m', 2)), 60))).toBe(2);
    expect(size(later(cluster(web('112m', 2)), 60))).toBe(3);
  });

  it('goes down only when five minutes have asked for no more', () => {
    const world = later(cluster(web('400m', 8)), 60);
    load(world, '100m');
    expect(size(later(world, 285))).toBe(8);
    expect(condition(world, 'AbleToScale')?.reason).toBe('ScaleDownStabilized');
    expect(size(later(world, 30))).toBe(2);
    expect(world.events('HorizontalPodAutoscaler', 'web')).toContain('SuccessfulRescale: New size: 2; reason: All metrics below target');
  });

  it('goes as slowly as its policies say', () => {
    const slow = 'behavior: {scaleDown: {stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 1, periodSeconds: 60}]}}';
    const world = load(later(cluster(web('400m', 8), slow), 15), '50m');
    expect(size(later(world, 15))).toBe(7);
    expect(size(later(world, 45))).toBe(7);
    expect(size(later(world, 15))).toBe(6);
  });

  it('keeps within its bounds and says so', () => {
    const world = later(cluster(web('5000m', 9)), 15);
    expect(size(world)).toBe(10);
    expect(condition(world, 'ScalingLimited')).toMatchObject({
      reason: 'TooManyReplicas',
      message: 'the desired replica count is more than the maximum replica count',
    });
    expect(size(later(cluster(web('100m', 12)), 15))).toBe(10);
  });

  it('does nothing without metrics, requests or pods wanted', () => {
    const world = load(cluster(web('400m')), null);
    expect(size(later(world, 15))).toBe(1);
    expect(condition(world, 'ScalingActive')).toMatchObject({
      status: 'False',
      reason: 'FailedGetResourceMetric',
      message:
        'the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)',
    });
    const bare = later(cluster(web('400m').replace('resources: {requests: {cpu: 100m}},', '')), 15);
    expect(condition(bare, 'ScalingActive')?.message).toContain(`missing request for cpu in container web of Pod ${bare.pods()[0]?.metadata.name}`);
    expect(condition(later(cluster(web('400m', 0)), 15), 'ScalingActive')?.reason).toBe('ScalingDisabled');
  });
});
