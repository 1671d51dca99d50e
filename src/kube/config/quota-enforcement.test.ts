import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml } from '../testing/manifests.ts';
import type { Deployment, ReplicaSet } from '../workload/types.ts';
import type { ResourceQuota } from './quota.ts';

const quotaYaml = (hard: string, more = ''): string => `apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
spec: {hard: ${hard}${more}}`;
const limitsYaml = (limits: string): string => `apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [${limits}]}`;
const podYaml = (name: string, resources = '{}', more = ''): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec: {containers: [{name: c, image: nginx, resources: ${resources}}]${more}}`;
const quota = (world: TestCluster) => world.get<ResourceQuota>('ResourceQuota/default/q').status;
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};

describe('a ResourceQuota', () => {
  it('counts what pods ask for and gives back what has gone', () => {
    const world = new TestCluster()
      .apply(clusterYaml(1))
      .apply(quotaYaml('{pods: "3", requests.cpu: "1", limits.memory: 1Gi, count/pods: "5"}'))
      .apply(podYaml('a', '{requests: {cpu: 250m}, limits: {memory: 512Mi}}'));
    expect(quota(world)).toEqual({
      hard: { 'count/pods': '5', 'limits.memory': '1Gi', pods: '3', 'requests.cpu': '1' },
      used: { 'count/pods': '1', 'limits.memory': '512Mi', pods: '1', 'requests.cpu': '250m' },
    });
    later(world.apply(podYaml('b', '{requests: {cpu: 500m}, limits: {memory: 256Mi}}')), 1);
    expect(quota(world)?.used).toEqual({ 'count/pods': '2', 'limits.memory': '768Mi', pods: '2', 'requests.cpu': '750m' });
    world.must(world.api.remove('Pod/default/a', { gracePeriodSeconds: 0 }));
    expect(quota(world.settle())?.used).toEqual({ 'count/pods': '1', 'limits.memory': '256Mi', pods: '1', 'requests.cpu': '500m' });
  });

  it('refuses what exceeds it, with the amounts', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{pods: "1", requests.cpu: "1", memory: 1Gi}'));
    expect(world.refusal(podYaml('a', '{requests: {cpu: "2", memory: 1536Mi}}')).message).toBe(
      'pods "a" is forbidden: exceeded quota: q, requested: memory=1536Mi,requests.cpu=2, used: memory=0,requests.cpu=0, limited: memory=1Gi,requests.cpu=1',
    );
    world.apply(podYaml('a', '{requests: {cpu: 100m, memory: 1Mi}}'));
    expect(world.refusal(podYaml('b', '{requests: {cpu: 100m, memory: 1Mi}}')).message).toBe(
      'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    );
  });

  it('wants every container to say what it counts', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{limits.cpu: "1", limits.memory: 1Gi, requests.cpu: "1"}'));
    const failure = world.refusal(podYaml('a', '{requests: {cpu: 100m}}'));
    expect(failure).toMatchObject({
      reason: 'Forbidden',
      message: 'pods "a" is forbidden: failed quota: q: must specify limits.cpu for: c; limits.memory for: c',
    });
  });

  it('counts objects of any kind, Services by type, claims by class', () => {
    const world = new TestCluster()
      .apply(clusterYaml(1))
      .apply(quotaYaml('{count/deployments.apps: "1", services.nodeports: "2", requests.storage: 3Gi, gold.storageclass.storage.k8s.io/requests.storage: 1Gi}'))
      .apply(deploymentYaml('web', 1));
    expect(world.refusal(deploymentYaml('api', 1)).message).toBe(
      'deployments.apps "api" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
    const service = (name: string, type: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {type: ${type}, selector: {app: web}, ports: [{name: a, port: 80}, {name: b, port: 81}]}`;
    world.apply(service('one', 'NodePort')).apply(service('two', 'ClusterIP'));
    expect(world.refusal(service('two', 'NodePort')).message).toContain('exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=2');
    const claim = (size: string) => `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: gold, resources: {requests: {storage: ${size}}}}`;
    expect(world.refusal(claim('2Gi')).message).toBe(
      'persistentvolumeclaims "data" is forbidden: exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=2Gi, used: gold.storageclass.storage.k8s.io/requests.storage=0, limited: gold.storageclass.storage.k8s.io/requests.storage=1Gi',
    );
    expect(quota(world.apply(claim('1Gi')))?.used).toMatchObject({ 'requests.storage': '1Gi' });
  });

  it('with scopes counts only pods that are so', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{pods: "0"}', ', scopes: [BestEffort]'));
    expect(world.refusal(podYaml('a')).message).toContain('exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0');
    world.apply(podYaml('b', '{requests: {cpu: 1m}}'));
  });

  it('lets a ReplicaSet make what fits; then it says why, and tries again ever more seldom', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{pods: "2"}')).apply(deploymentYaml('web', 5));
    expect(world.pods()).toHaveLength(2);
    const [set] = world.api.view.list<ReplicaSet>('ReplicaSet', 'default');
    const words = /^pods "web-[a-z0-9]+-[a-z0-9]{5}" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2$/;
    expect(set?.status?.conditions).toEqual([
      { type: 'ReplicaFailure', status: 'True', lastTransitionTime: '2026-04-04T09:00:00Z', reason: 'FailedCreate', message: expect.stringMatching(words) },
    ]);
    const deployment = world.get<Deployment>('Deployment/default/web');
    expect(deployment.status?.conditions?.map((one) => `${one.type}=${one.status} ${one.reason}`)).toEqual([
      'Available=False MinimumReplicasUnavailable',
      'Progressing=True ReplicaSetUpdated',
      'ReplicaFailure=True FailedCreate',
    ]);
    expect(
      world.events('ReplicaSet', set?.metadata.name ?? '').some((one) => /^FailedCreate: Error creating: pods "web-.*" is forbidden: exceeded/.test(one)),
    ).toBe(true);
    const before = world.api.nextDueNs ?? 0;
    expect(before).toBeLessThan(1e9);
    later(world, 60);
    expect((world.api.nextDueNs ?? 0) - world.nowNs).toBeGreaterThan(5e9);
    world.must(world.api.patch('ResourceQuota/default/q', { spec: { hard: { pods: '9' } } }, 'merge'));
    later(world, 200);
    expect(world.pods()).toHaveLength(5);
    expect(world.get<Deployment>('Deployment/default/web').status?.conditions?.some((one) => one.type === 'ReplicaFailure')).toBe(false);
  });

  it('says in the Deployment when not even its ReplicaSet may be made', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{count/replicasets.apps: "0"}')).apply(deploymentYaml('web', 1));
    expect(world.get<Deployment>('Deployment/default/web').status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Progressing',
        status: 'False',
        reason: 'ReplicaSetCreateError',
        message: expect.stringMatching(/^Failed to create new replica set "web-\w+": replicasets.apps "web-\w+" is forbidden: exceeded quota: q, /),
      }),
    );
  });

  it('comes back with a snapshot, retries included', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(quotaYaml('{pods: "2"}')).apply(deploymentYaml('web', 5));
    const snapshot = world.api.snapshot();
    const due = later(world, 30).api.nextDueNs;
    world.api.restore(snapshot);
    world.nowNs = 0;
    expect(later(world, 30).api.nextDueNs).toBe(due);
  });
});

describe('a LimitRange', () => {
  it('fills in requests and limits and says so', () => {
    const world = new TestCluster()
      .apply(clusterYaml(1))
      .apply(limitsYaml('{type: Container, default: {cpu: 500m, memory: 512Mi}, defaultRequest: {cpu: 250m}}'))
      .apply(podYaml('a', '{limits: {memory: 1Gi}}'));
    const pod = world.pods()[0];
    expect(pod?.spec.containers[0]?.resources).toEqual({ limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '250m', memory: '1Gi' } });
    expect(pod?.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe('LimitRanger plugin set: cpu request for container c; cpu limit for container c');
  });

  it('refuses what is too small, too large or too far apart', () => {
    const world = (limits: string): TestCluster => new TestCluster().apply(clusterYaml(1)).apply(limitsYaml(limits));
    const forbidden = (limits: string, resources: string): string => world(limits).refusal(podYaml('a', resources)).message;
    expect(forbidden('{type: Container, min: {cpu: 200m}}', '{requests: {cpu: 100m}}')).toBe(
      'pods "a" is forbidden: minimum cpu usage per Container is 200m, but request is 100m',
    );
    expect(forbidden('{type: Container, max: {cpu: 800m, memory: 1Gi}}', '{limits: {cpu: "1.5", memory: 2Gi}}')).toBe(
      'pods "a" is forbidden: [maximum cpu usage per Container is 800m, but limit is 1500m, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
    );
    expect(forbidden('{type: Pod, max: {cpu: "1"}}', '{requests: {cpu: 100m}}')).toBe(
      'pods "a" is forbidden: maximum cpu usage per Pod is 1.  No limit is specified',
    );
    expect(forbidden('{type: Container, maxLimitRequestRatio: {cpu: "2"}}', '{requests: {cpu: 100m}, limits: {cpu: 300m}}')).toBe(
      'pods "a" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    );
    expect(
      world('{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 2Gi}}').refusal(`apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 3Gi}}}`).message,
    ).toBe('persistentvolumeclaims "data" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi');
  });
});
