import { describe, expect, it } from 'vitest';
import type { Pod } from '../pod/types.ts';
import type { EndpointSlice } from '../service/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, serviceYaml } from '../testing/manifests.ts';
import { parseLatencies } from './watch-latency.ts';

const controlPlaneYaml = (latencies: string): string => `apiVersion: kubehop.dev/v1alpha1
kind: ControlPlane
metadata: {name: cluster}
spec: {watchLatency: ${latencies}}`;
const cluster = (latencies: string): TestCluster => {
  const world = new TestCluster()
    .apply(controlPlaneYaml(latencies))
    .apply(clusterYaml(2))
    .apply(deploymentYaml('web', 2))
    .apply(serviceYaml('web', '{selector: {app: web}, ports: [{port: 80}]}'));
  world.api.startClock();
  return world;
};
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const endpoints = (world: TestCluster) => world.api.view.list<EndpointSlice>('EndpointSlice', 'default').flatMap((slice) => slice.endpoints ?? []);
const running = (world: TestCluster) => world.pods().filter((pod: Pod) => pod.status?.phase === 'Running').length;

describe('control-plane lag', () => {
  it('does not concern the cluster as it is found', () => {
    expect(running(cluster('{kubelet: 5s, endpointslice-controller: 1s}'))).toBe(2);
  });

  it('lets a late controller act that long after the change', () => {
    const world = cluster('{endpointslice-controller: 2s}').scale('Deployment/default/web', 4);
    expect(running(world)).toBe(4);
    expect(endpoints(world)).toHaveLength(2);
    expect(endpoints(later(world, 1.9))).toHaveLength(2);
    expect(endpoints(later(world, 0.1))).toHaveLength(4);
  });

  it('adds up along the way from Deployment to pod', () => {
    const world = cluster('{deployment-controller: 1s, replicaset-controller: 1s, kube-scheduler: 1s, kubelet: 1s}').scale('Deployment/default/web', 3);
    expect(running(later(world, 3.9))).toBe(2);
    expect(running(later(world, 0.1))).toBe(3);
  });

  it('can be told of one node, which counts more', () => {
    const world = cluster('{}');
    world.must(world.api.patch('Node/n2', { metadata: { annotations: { 'kubehop.dev/watch-latency': 'kubelet=3s' } } }, 'merge'));
    world.settle();
    later(world, 3).scale('Deployment/default/web', 6);
    expect(running(world)).toBe(4);
    expect(running(later(world, 3))).toBe(6);
  });

  it('comes back with a snapshot', () => {
    const world = cluster('{kubelet: 2s}').scale('Deployment/default/web', 4);
    const snapshot = world.api.snapshot();
    expect(running(later(world, 2))).toBe(4);
    world.api.restore(snapshot);
    world.nowNs = 0;
    expect(running(later(world, 1))).toBe(2);
    expect(running(later(world, 1))).toBe(4);
  });

  it('refuses what is no time', () => {
    expect(new TestCluster().refusal(controlPlaneYaml('{kubelet: soon}')).message).toContain(
      'spec.watchLatency[kubelet]: Invalid value: "soon": must be a time such as 200us, 1ms or 2s',
    );
    expect([...parseLatencies('kube-proxy=3s, kubelet=500ms,x,y=soon')]).toEqual([
      ['kube-proxy', 3e9],
      ['kubelet', 5e8],
    ]);
  });
});
