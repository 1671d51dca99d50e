import { describe, expect, it } from 'vitest';
import { findCondition } from '../pod/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml } from '../testing/manifests.ts';
import type { DaemonSet, Deployment, StatefulSet } from './types.ts';

const key = 'Deployment/default/web';
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const status = (world: TestCluster) => world.get<Deployment>(key).status;
const progressing = (world: TestCluster) => findCondition(status(world)?.conditions, 'Progressing');
const images = (world: TestCluster) =>
  world
    .pods()
    .map((pod) => pod.spec.containers[0]?.image)
    .sort();
const cluster = () => new TestCluster().apply(clusterYaml(2));

describe('minReadySeconds', () => {
  const slow = (image: string) =>
    deploymentYaml('web', 2, { image, spec: 'minReadySeconds: 10\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}' });

  it('lets ready pods count as available only after that time', () => {
    const world = cluster().apply(slow('nginx'));
    expect(status(world)).toMatchObject({ readyReplicas: 2, unavailableReplicas: 2 });
    expect(status(world)?.availableReplicas).toBeUndefined();
    expect(status(later(world, 9))?.availableReplicas).toBeUndefined();
    expect(status(later(world, 1))?.availableReplicas).toBe(2);
    expect(progressing(world)?.reason).toBe('NewReplicaSetAvailable');
  });

  it('makes a rolling update wait for each new pod', () => {
    const world = later(cluster().apply(slow('nginx')), 10).apply(slow('httpd'));
    expect(images(world)).toEqual(['httpd', 'nginx', 'nginx']);
    expect(images(later(world, 10))).toEqual(['httpd', 'httpd', 'nginx']);
    expect(images(later(world, 10))).toEqual(['httpd', 'httpd']);
  });

  it('can be changed under way', () => {
    const world = cluster().apply(slow('nginx'));
    world.must(world.api.patch(key, { spec: { minReadySeconds: 0 } }, 'merge'));
    expect(status(world.settle())?.availableReplicas).toBe(2);
  });

  const other = (kind: string, spec: string) => `apiVersion: apps/v1
kind: ${kind}
metadata: {name: db}
spec:
  minReadySeconds: 10
  ${spec}
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: nginx}]}}`;

  it('of a StatefulSet holds the next pod back', () => {
    const world = cluster().apply(other('StatefulSet', 'replicas: 2'));
    expect(world.pods()).toHaveLength(1);
    expect(later(world, 10).pods()).toHaveLength(2);
    expect(world.get<StatefulSet>('StatefulSet/default/db').status?.availableReplicas).toBe(1);
    expect(later(world, 10).get<StatefulSet>('StatefulSet/default/db').status?.availableReplicas).toBe(2);
  });

  it('of a DaemonSet counts too', () => {
    const world = cluster().apply(other('DaemonSet', ''));
    expect(world.get<DaemonSet>('DaemonSet/default/db').status).toMatchObject({ numberReady: 2, numberUnavailable: 2 });
    expect(later(world, 10).get<DaemonSet>('DaemonSet/default/db').status).toMatchObject({ numberReady: 2, numberAvailable: 2 });
  });
});

describe('progressDeadlineSeconds', () => {
  const stuck = deploymentYaml('web', 2, { spec: 'progressDeadlineSeconds: 60', pod: 'nodeSelector: {disk: ssd}' });

  it('reports a rollout that has not moved for so long', () => {
    const world = cluster().apply(stuck);
    expect(progressing(later(world, 59))?.status).toBe('True');
    const { name } = world.api.view.list('ReplicaSet', 'default')[0]?.metadata ?? {};
    expect(progressing(later(world, 1))).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${name}" has timed out progressing.`,
    });
  });

  it('is over once the rollout moves again', () => {
    const world = later(cluster().apply(stuck), 100);
    world.must(world.api.patch('Node/n1', { metadata: { labels: { disk: 'ssd' } } }, 'merge'));
    expect(progressing(world.settle())).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('does not concern a rollout that has once succeeded', () => {
    const world = cluster().apply(deploymentYaml('web', 2, { spec: 'progressDeadlineSeconds: 60' }));
    for (const name of ['n1', 'n2']) world.must(world.api.patch(`Node/${name}`, { metadata: { annotations: { 'kubehop.dev/stopped': 'kubelet' } } }, 'merge'));
    later(world.settle(), 200);
    expect(progressing(world)?.reason).toBe('NewReplicaSetAvailable');
    expect(findCondition(status(world)?.conditions, 'Available')?.status).toBe('False');
  });
});
