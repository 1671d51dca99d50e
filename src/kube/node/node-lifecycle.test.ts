import { describe, expect, it } from 'vitest';
import type { Pod } from '../pod/types.ts';
import { findCondition } from '../pod/types.ts';
import type { EndpointSlice } from '../service/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, podYaml, serviceYaml } from '../testing/manifests.ts';
import { graceSeconds } from './node-lifecycle.ts';
import type { Node } from './types.ts';

const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const annotate = (world: TestCluster, value: string | null): TestCluster => {
  world.must(world.api.patch('Node/n2', { metadata: { annotations: { 'kubehop.dev/stopped': value } } }, 'merge'));
  return world.settle();
};
const node = (world: TestCluster) => world.get<Node>('Node/n2');
const readiness = (world: TestCluster) => findCondition(node(world).status?.conditions, 'Ready');
const taints = (world: TestCluster) => (node(world).spec?.taints ?? []).map((taint) => `${taint.key}:${taint.effect}`);
const placed = (world: TestCluster, name: string) => world.pods().filter((pod) => pod.spec.nodeName === name);
const cluster = () =>
  new TestCluster().apply(clusterYaml(2)).apply(deploymentYaml('web', 4)).apply(serviceYaml('web', '{selector: {app: web}, ports: [{port: 80}]}'));
const readyEndpoints = (world: TestCluster) =>
  world.api.view.list<EndpointSlice>('EndpointSlice', 'default').flatMap((slice) => slice.endpoints?.filter((one) => one.conditions?.ready === true) ?? []);

describe('a node whose kubelet has stopped', () => {
  it('is NotReady once nothing was heard of it for the grace period: 50 s, before 1.32 40 s', () => {
    const world = annotate(cluster(), 'kubelet');
    expect(readiness(later(world, 49))?.status).toBe('True');
    expect(taints(world)).toEqual([]);
    later(world, 1);
    expect(readiness(world)).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' });
    expect(readiness(world)?.lastHeartbeatTime).toBe('2026-04-04T09:00:00Z');
    expect(readiness(world)?.lastTransitionTime).toBe('2026-04-04T09:00:50Z');
    expect(taints(world)).toEqual(['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute']);
    expect(world.row('Node/n2')[1]).toBe('NotReady');
    expect(world.events('Node', 'n2')).toContain('NodeNotReady: Node n2 status is now: NodeNotReady');
    expect([graceSeconds('v1.31.9'), graceSeconds('v1.32.0')]).toEqual([40, 50]);
  });

  it('takes its pods out of the Services: they are not ready from then on', () => {
    const world = cluster();
    expect(readyEndpoints(world)).toHaveLength(4);
    later(annotate(world, 'true'), 50);
    expect(readyEndpoints(world).every((one) => one.nodeName === 'n1')).toBe(true);
    const [pod] = placed(world, 'n2');
    expect(world.events('Pod', pod?.metadata.name ?? '')).toContain('NodeNotReady: Node is not ready');
  });

  it('loses its pods five minutes later; others come up elsewhere', () => {
    const world = later(annotate(cluster(), 'kubelet'), 349);
    const lost = placed(world, 'n2').map((pod) => pod.metadata.name);
    expect(lost).toHaveLength(2);
    later(world, 1);
    // Nobody can tell whether they have ended: they stay until the kubelet is heard of.
    expect(
      placed(world, 'n2').map((pod) => [pod.metadata.name, pod.metadata.deletionGracePeriodSeconds, world.row(`Pod/default/${pod.metadata.name}`)[2]]),
    ).toEqual(lost.map((name) => [name, 30, 'Terminating']));
    expect(placed(world, 'n1').filter((pod) => pod.status?.phase === 'Running')).toHaveLength(4);
    expect(world.events('Pod', lost[0] ?? '')).toContain(`TaintManagerEviction: Marking for deletion Pod default/${lost[0]}`);
    expect(placed(annotate(later(world, 1000), null), 'n2')).toHaveLength(0);
  });

  it('lets a pod go that is deleted by force', () => {
    const world = later(annotate(cluster(), 'kubelet'), 350);
    const [pod] = placed(world, 'n2');
    world.must(world.api.remove(`Pod/default/${pod?.metadata.name}`));
    expect(placed(world.settle(), 'n2')).toHaveLength(2);
    world.must(world.api.remove(`Pod/default/${pod?.metadata.name}`, { gracePeriodSeconds: 0 }));
    expect(placed(world.settle(), 'n2')).toHaveLength(1);
  });

  it('gets no new pods, and starts none that are already bound', () => {
    const world = annotate(cluster(), 'kubelet').apply(podYaml('late', 'nodeName: n2'));
    expect(world.get<Pod>('Pod/default/late').status?.phase).toBe('Pending');
    later(world, 60).scale('Deployment/default/web', 8);
    expect(placed(world, 'n1').length).toBe(6);
  });

  it('comes back with its pods when the kubelet is started in time', () => {
    const world = annotate(later(annotate(cluster(), 'kubelet'), 100), null);
    expect(readiness(world)).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    expect(taints(world)).toEqual([]);
    expect(node(world).metadata.annotations?.['kubehop.dev/stopped-since']).toBeUndefined();
    expect(readyEndpoints(world)).toHaveLength(4);
    expect(placed(later(world, 1000), 'n2')).toHaveLength(2);
  });
});

describe('a NoExecute taint', () => {
  const taint = (world: TestCluster): TestCluster => {
    world.must(world.api.patch('Node/n2', { spec: { taints: [{ key: 'maintenance', effect: 'NoExecute' }] } }, 'merge'));
    return world.settle();
  };

  it('evicts at once who does not tolerate it', () => {
    const world = taint(cluster());
    expect(placed(world, 'n2').filter((pod) => pod.metadata.deletionTimestamp === undefined)).toHaveLength(0);
    expect(placed(world, 'n1')).toHaveLength(4);
  });

  it('lets stay who tolerates it, as long as the toleration says', () => {
    const tolerating = (seconds: string) => `nodeName: n2\n  tolerations: [{key: maintenance, operator: Exists, effect: NoExecute${seconds}}]`;
    const world = new TestCluster()
      .apply(clusterYaml(2))
      .apply(podYaml('forever', tolerating('')))
      .apply(podYaml('minute', tolerating(', tolerationSeconds: 60')));
    later(taint(world), 59);
    expect(world.pods().map((pod) => pod.metadata.name)).toEqual(['forever', 'minute']);
    later(world, 1);
    expect(
      world
        .pods()
        .filter((pod) => pod.metadata.deletionTimestamp === undefined)
        .map((pod) => pod.metadata.name),
    ).toEqual(['forever']);
  });
});
