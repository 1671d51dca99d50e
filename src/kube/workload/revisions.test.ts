import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { isReady, type Pod } from '../pod/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml } from '../testing/manifests.ts';
import type { ControllerRevision } from './controller-revision.ts';
import type { DaemonSet, StatefulSet } from './types.ts';

const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};
const setYaml = (image: string, more = ''): string => `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 4
  serviceName: db
  selector: {matchLabels: {app: db}}
${more}
  template:
    metadata: {labels: {app: db}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "${image}"}]}`;
const daemonYaml = (image: string, rolling: string): string => `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: ${rolling}}
  minReadySeconds: 10
  template:
    metadata: {labels: {app: agent}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "${image}"}]}`;
const images = (world: TestCluster): readonly string[] => world.pods().map((pod) => `${pod.metadata.name} ${pod.spec.containers[0]?.image}`);
const revisions = (world: TestCluster) => world.api.view.list<ControllerRevision>('ControllerRevision', 'default').toSorted((a, b) => a.revision - b.revision);
const status = (world: TestCluster) => world.get<StatefulSet>('StatefulSet/default/db').status;
const db = () => later(new TestCluster().apply(clusterYaml(2)).apply(setYaml('nginx:1')), 1);

describe('the revisions of a StatefulSet', () => {
  it('are one object for each template, owned by the set', () => {
    const world = later(db().apply(setYaml('nginx:2')), 60);
    expect(revisions(world).map((one) => [one.revision, one.data?.spec?.template?.spec.containers[0]?.image, one.metadata.ownerReferences?.[0]?.kind])).toEqual(
      [
        [1, 'nginx:1', 'StatefulSet'],
        [2, 'nginx:2', 'StatefulSet'],
      ],
    );
    const [, newest] = revisions(world);
    expect(status(world)).toMatchObject({
      currentRevision: newest?.metadata.name,
      updateRevision: newest?.metadata.name,
      currentReplicas: 4,
      updatedReplicas: 4,
    });
    expect(world.pods()[0]?.metadata.labels?.['controller-revision-hash']).toBe(newest?.metadata.name);
    expect(world.row(`ControllerRevision/default/${newest?.metadata.name}`).slice(1, 3)).toEqual(['statefulset.apps/db', '2']);
  });

  it('become the newest again when a template comes back, and the oldest go beyond the limit', () => {
    const world = later(db().apply(setYaml('nginx:2')), 60);
    later(world.apply(setYaml('nginx:1')), 60);
    expect(revisions(world).map((one) => [one.revision, one.data?.spec?.template?.spec.containers[0]?.image])).toEqual([
      [2, 'nginx:2'],
      [3, 'nginx:1'],
    ]);
    for (const tag of [3, 4, 5]) later(world.apply(setYaml(`nginx:${tag}`, '  revisionHistoryLimit: 1')), 60);
    expect(revisions(world).map((one) => one.data?.spec?.template?.spec.containers[0]?.image)).toEqual(['nginx:4', 'nginx:5']);
  });

  it('keep pods below the partition as they were, also those that are made anew', () => {
    const world = later(db().apply(setYaml('nginx:2', '  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}')), 60);
    expect(images(world)).toEqual(['db-0 nginx:1', 'db-1 nginx:1', 'db-2 nginx:2', 'db-3 nginx:2']);
    expect(status(world)).toMatchObject({ currentReplicas: 2, updatedReplicas: 2 });
    world.must(world.api.remove('Pod/default/db-0', { gracePeriodSeconds: 0 }));
    world.must(world.api.remove('Pod/default/db-3', { gracePeriodSeconds: 0 }));
    expect(images(later(world.settle(), 60))).toEqual(['db-0 nginx:1', 'db-1 nginx:1', 'db-2 nginx:2', 'db-3 nginx:2']);
  });

  it('OnDelete wait until somebody deletes the pods', () => {
    const world = later(db().apply(setYaml('nginx:2', '  updateStrategy: {type: OnDelete, rollingUpdate: null}')), 60);
    expect(images(world).every((one) => one.endsWith('nginx:1'))).toBe(true);
    world.must(world.api.remove('Pod/default/db-1', { gracePeriodSeconds: 0 }));
    expect(images(later(world.settle(), 60))).toContain('db-1 nginx:2');
  });
});

describe('the claims of a StatefulSet', () => {
  const templates = `  volumeClaimTemplates: [{metadata: {name: data, labels: {tier: db}}, spec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}}]`;
  const volume = (n: number): string => `apiVersion: v1
kind: PersistentVolume
metadata: {name: pv${n}}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: "", hostPath: {path: /data}}`;
  const claims = (world: TestCluster): readonly KubeObject[] => world.api.view.list('PersistentVolumeClaim', 'default');
  const withClaims = (more = ''): TestCluster => {
    const world = new TestCluster().apply(clusterYaml(1));
    for (let n = 0; n < 4; n += 1) world.apply(volume(n));
    return later(world.apply(setYaml('nginx:1', `${templates}\n${more}`)), 1);
  };

  it('are made before the pods, mounted by the template name, and stay when pods go', () => {
    const world = withClaims();
    expect(claims(world).map((one) => [one.metadata.name, one.metadata.labels, one.metadata.ownerReferences])).toEqual(
      [0, 1, 2, 3].map((n) => [`data-db-${n}`, { app: 'db', tier: 'db' }, undefined]),
    );
    expect(world.pods()[1]?.spec.volumes?.[0]).toEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } });
    expect(world.events('StatefulSet', 'db')).toContain('SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success');
    expect(claims(later(world.scale('StatefulSet/default/db', 1), 60))).toHaveLength(4);
    world.must(world.api.remove('StatefulSet/default/db'));
    expect(claims(later(world.settle(), 60))).toHaveLength(4);
  });

  it('go with pods that are too many, or with the set, where its policy says so', () => {
    const scaled = withClaims('  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Retain}');
    expect(claims(later(scaled.scale('StatefulSet/default/db', 2), 60)).map((one) => one.metadata.name)).toEqual(['data-db-0', 'data-db-1']);
    const deleted = withClaims('  persistentVolumeClaimRetentionPolicy: {whenScaled: Retain, whenDeleted: Delete}');
    deleted.must(deleted.api.remove('StatefulSet/default/db'));
    expect(claims(later(deleted.settle(), 60))).toEqual([]);
  });
});

describe('a DaemonSet', () => {
  const agents = (rolling: string) => later(new TestCluster().apply(clusterYaml(3)).apply(daemonYaml('nginx:1', rolling)), 11);
  const told = (world: TestCluster): string => {
    const pods = world.pods().filter((pod: Pod) => pod.metadata.deletionTimestamp === undefined);
    const count = (tag: string) => pods.filter((pod) => pod.spec.containers[0]?.image === `nginx:${tag}` && isReady(pod)).length;
    return `${count('1')} old, ${count('2')} new`;
  };

  it('replaces one pod after the other by default', () => {
    const world = agents('{maxUnavailable: 1}').apply(daemonYaml('nginx:2', '{maxUnavailable: 1}'));
    expect(told(later(world, 5))).toBe('2 old, 1 new');
    expect(told(later(world, 10))).toBe('1 old, 2 new');
    expect(told(later(world, 20))).toBe('0 old, 3 new');
    expect(revisions(world).map((one) => one.revision)).toEqual([1, 2]);
    expect(world.get<DaemonSet>('DaemonSet/default/agent').status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
  });

  it('with a surge starts the new pod beside the old one, which goes when the new one has been ready for long enough', () => {
    const rolling = '{maxSurge: 2, maxUnavailable: 0}';
    const world = agents(rolling).apply(daemonYaml('nginx:2', rolling));
    expect(told(later(world, 5))).toBe('3 old, 2 new');
    expect(told(later(world, 6))).toBe('1 old, 3 new');
    expect(told(later(world, 20))).toBe('0 old, 3 new');
  });
});
