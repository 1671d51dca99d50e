import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import type { Pod } from '../pod/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, nodeYaml, podYaml } from '../testing/manifests.ts';
import { deletionOrder } from './pods.ts';
import type { Deployment, ReplicaSet } from './types.ts';

const sets = (cluster: TestCluster) => cluster.api.view.list<ReplicaSet>('ReplicaSet', 'default');
const images = (cluster: TestCluster) => cluster.pods().map((pod) => pod.spec.containers[0]?.image);

describe('a Deployment', () => {
  it('makes a ReplicaSet named after its template, which makes the pods', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 3));
    const [set] = sets(cluster);
    expect(set?.metadata.name).toMatch(/^web-[4-9bcdf]{6,10}$/);
    expect(cluster.pods().every((pod) => /^web-[4-9bcdf]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/.test(pod.metadata.name))).toBe(true);
    expect(cluster.row('Deployment/default/web').slice(0, 4)).toEqual(['web', '3/3', '3', '3']);
    expect(cluster.get<Deployment>('Deployment/default/web').status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
    expect(cluster.events('Deployment', 'web')).toEqual([`ScalingReplicaSet: Scaled up replica set ${set?.metadata.name} from 0 to 3`]);
  });

  it('replaces all pods when the template changes, and keeps the empty old set for a way back', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(deploymentYaml('web', 4))
      .apply(deploymentYaml('web', 4, { image: 'httpd' }));
    expect(images(cluster)).toEqual(['httpd', 'httpd', 'httpd', 'httpd']);
    expect(
      sets(cluster)
        .map((set) => [set.spec.replicas, set.metadata.annotations?.['deployment.kubernetes.io/revision']])
        .sort(),
    ).toEqual([
      [0, '1'],
      [4, '2'],
    ]);
    expect(cluster.get('Deployment/default/web').metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    const steps = cluster.events('Deployment', 'web').filter((event) => event.includes('Scaled down'));
    expect(steps.length).toBeGreaterThan(1);
  });

  it('uses the old set again on the way back, with a new revision', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(deploymentYaml('web', 2))
      .apply(deploymentYaml('web', 2, { image: 'httpd' }));
    cluster.apply(deploymentYaml('web', 2));
    expect(images(cluster)).toEqual(['nginx', 'nginx']);
    expect(sets(cluster)).toHaveLength(2);
    expect(cluster.get('Deployment/default/web').metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('stops half-way when the new pods cannot start, and keeps the old ones serving', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 4));
    cluster.apply(deploymentYaml('web', 4, { pod: 'nodeSelector: {disk: ssd}' }));
    expect(cluster.row('Deployment/default/web').slice(0, 4)).toEqual(['web', '3/4', '2', '3']);
    expect(cluster.pods().filter((pod) => pod.status?.phase === 'Running')).toHaveLength(3);
  });

  it('with Recreate lets all old pods go before the first new one comes', () => {
    const cluster = new TestCluster().apply(clusterYaml(1));
    cluster
      .apply(deploymentYaml('web', 3, { spec: 'strategy: {type: Recreate}' }))
      .apply(deploymentYaml('web', 3, { spec: 'strategy: {type: Recreate}', image: 'httpd' }));
    expect(images(cluster)).toEqual(['httpd', 'httpd', 'httpd']);
    expect(
      cluster
        .events('Deployment', 'web')
        .filter((event) => event.includes('Scaled down'))
        .map((event) => event.replace(/set \S+ /, 'set … ')),
    ).toEqual(['ScalingReplicaSet: Scaled down replica set … from 3 to 0']);
  });

  it('scales without touching its template, and to nothing', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 3)).scale('Deployment/default/web', 5);
    expect(cluster.pods()).toHaveLength(5);
    expect(sets(cluster)).toHaveLength(1);
    cluster.scale('Deployment/default/web', 0);
    expect(cluster.row('Deployment/default/web').slice(1, 4)).toEqual(['0/0', '0', '0']);
  });

  it('takes its ReplicaSet and pods along when it is deleted', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 3)).remove('Deployment/default/web');
    expect([sets(cluster).length, cluster.pods().length]).toEqual([0, 0]);
  });

  it('brings a deleted pod back under another name', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 1));
    const [before] = cluster.pods();
    cluster.remove(`Pod/default/${before?.metadata.name}`);
    const [after] = cluster.pods();
    expect(after?.metadata.name).not.toBe(before?.metadata.name);
    expect(after?.status?.podIP).not.toBe(before?.status?.podIP);
  });

  it('is refused when its selector does not match its own template', () => {
    const yaml = deploymentYaml('web', 1).replace('labels: {app: web}', 'labels: {app: other}');
    expect(new TestCluster().refusal(yaml).message).toBe(
      'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
    );
  });

  it('is refused when selector, template or containers are missing', () => {
    const cluster = new TestCluster();
    const head = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n';
    expect(cluster.refusal(`${head}spec: {}`).causes.map((cause) => cause.path)).toEqual(['spec.selector', 'spec.template']);
    expect(cluster.refusal(`${head}spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}`).message).toContain(
      'spec.template.spec.containers: Required value',
    );
  });
});

describe('a ReplicaSet', () => {
  const yaml =
    'apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web}\nspec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx}]}}}';

  it('adopts an orphan that its selector matches instead of making another pod', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web')).apply(yaml);
    expect(cluster.pods()).toHaveLength(2);
    expect(cluster.get('Pod/default/web').metadata.ownerReferences?.[0]?.kind).toBe('ReplicaSet');
  });

  it('releases a pod whose label was changed and makes a new one: the way to take a pod out of service', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(yaml);
    const pod = cluster.pods()[0] as Pod;
    cluster.must(cluster.api.update({ ...pod, metadata: { ...pod.metadata, labels: { app: 'debug' } } }));
    cluster.settle();
    expect(cluster.pods()).toHaveLength(3);
    expect(cluster.get(`Pod/default/${pod.metadata.name}`).metadata.ownerReferences ?? []).toEqual([]);
  });
});

describe('which pod goes first when there are too many', () => {
  const pod = (
    name: string,
    options: {
      readonly node?: string;
      readonly phase?: string;
      readonly ready?: boolean;
      readonly since?: string;
      readonly cost?: string;
      readonly restarts?: number;
    },
  ): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(options.cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': options.cost } }),
    },
    spec: { containers: [], nodeName: options.node ?? 'n1' },
    status: {
      phase: options.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True', lastTransitionTime: options.since ?? '2026-01-01T00:00:00Z' }],
      containerStatuses: [{ restartCount: options.restarts ?? 0 }],
    },
  });
  const first = (pods: readonly Pod[], crowd: Readonly<Record<string, number>> = {}) =>
    deletionOrder(pods, new Map(Object.entries(crowd)), '2026-01-02T00:00:00Z')[0]?.metadata.name;

  it('is one without a node, then a pending, then an unready one', () => {
    expect(first([pod('a', { ready: false }), pod('b', { node: '' })])).toBe('b');
    expect(first([pod('a', { ready: false }), pod('b', { phase: 'Pending' })])).toBe('b');
    expect(first([pod('a', {}), pod('b', { ready: false })])).toBe('b');
  });
  it('is the one with the lower deletion cost', () => {
    expect(first([pod('a', { cost: '10' }), pod('b', { cost: '-1' })])).toBe('b');
  });
  it('is the one on the node with more of its kind', () => {
    expect(first([pod('a', { node: 'n1' }), pod('b', { node: 'n2' })], { n1: 1, n2: 2 })).toBe('b');
  });
  it('is the one that became ready later, then the one that restarted more often', () => {
    expect(first([pod('a', {}), pod('b', { since: '2026-01-01T23:00:00Z' })])).toBe('b');
    expect(first([pod('a', {}), pod('b', { restarts: 3 })])).toBe('b');
  });
});

describe('a DaemonSet', () => {
  const yaml = (image = 'nginx', pod = '') =>
    `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  selector: {matchLabels: {app: agent}}\n  template:\n    metadata: {labels: {app: agent}}\n    spec:\n      ${pod}\n      containers: [{name: agent, image: ${image}}]`;
  const nodesOf = (cluster: TestCluster) =>
    cluster
      .pods()
      .map((pod) => pod.spec.nodeName)
      .sort();

  it('runs one pod on each node, and on a node that comes later', () => {
    const cluster = new TestCluster().apply(clusterYaml(2)).apply(yaml());
    expect(nodesOf(cluster)).toEqual(['n1', 'n2']);
    cluster.apply(nodeYaml('n3'));
    expect(nodesOf(cluster)).toEqual(['n1', 'n2', 'n3']);
    expect(cluster.row('DaemonSet/default/agent').slice(1, 6)).toEqual(['3', '3', '3', '3', '3']);
  });

  it('stays off nodes whose taint it does not tolerate or whose labels do not fit', () => {
    const tainted = new TestCluster().apply(clusterYaml(1)).apply(nodeYaml('n2', 'spec: {taints: [{key: a, effect: NoSchedule}]}')).apply(yaml());
    expect(nodesOf(tainted)).toEqual(['n1']);
    const labelled = new TestCluster().apply(clusterYaml(2)).apply(yaml('nginx', 'nodeSelector: {disk: ssd}'));
    expect(nodesOf(labelled)).toEqual([]);
  });

  it('replaces its pods when the template changes', () => {
    const cluster = new TestCluster().apply(clusterYaml(3)).apply(yaml()).apply(yaml('httpd'));
    expect(cluster.pods().map((pod) => pod.spec.containers[0]?.image)).toEqual(['httpd', 'httpd', 'httpd']);
  });
});

describe('a StatefulSet', () => {
  const yaml = (replicas: number, image = 'nginx') =>
    `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  replicas: ${replicas}\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template:\n    metadata: {labels: {app: db}}\n    spec: {containers: [{name: db, image: ${image}}]}`;

  it('numbers its pods and gives each a host name under its Service', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(yaml(3));
    expect(cluster.pods().map((pod) => [pod.metadata.name, pod.spec.hostname, pod.spec.subdomain])).toEqual([
      ['db-0', 'db-0', 'db'],
      ['db-1', 'db-1', 'db'],
      ['db-2', 'db-2', 'db'],
    ]);
    expect(cluster.row('StatefulSet/default/db').slice(0, 2)).toEqual(['db', '3/3']);
  });

  it('waits with the next pod until the one before is ready', () => {
    const cluster = new TestCluster().apply(yaml(3));
    expect(cluster.pods().map((pod) => pod.metadata.name)).toEqual(['db-0']);
  });

  it('takes the highest number away first, and renews pods under their names', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(yaml(3)).scale('StatefulSet/default/db', 1);
    expect(cluster.pods().map((pod) => pod.metadata.name)).toEqual(['db-0']);
    cluster.apply(yaml(2, 'httpd'));
    expect(cluster.pods().map((pod) => [pod.metadata.name, pod.spec.containers[0]?.image])).toEqual([
      ['db-0', 'httpd'],
      ['db-1', 'httpd'],
    ]);
  });
});

describe('a dump of a real cluster', () => {
  it('keeps names, addresses, nodes and owners', () => {
    const meta = (name: string, uid: string, owner?: readonly [string, string, string]): Record<string, unknown> => ({
      name,
      namespace: 'default',
      uid,
      labels: { app: 'web', ...(owner === undefined ? {} : { 'pod-template-hash': '64c966cf88' }) },
      ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', kind: owner[0], name: owner[1], uid: owner[2], controller: true }] }),
    });
    const labels = { app: 'web', 'pod-template-hash': '64c966cf88' };
    const spec = { containers: [{ name: 'nginx', image: 'nginx' }] };
    const cluster = new TestCluster().apply(clusterYaml(1));
    const objects = [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: meta('web', 'u1'),
        spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec } },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: meta('web-64c966cf88', 'u2', ['Deployment', 'web', 'u1']),
        spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: meta('web-64c966cf88-45528', 'u3', ['ReplicaSet', 'web-64c966cf88', 'u2']),
        spec: { ...spec, nodeName: 'n1' },
        status: { phase: 'Running', podIP: '10.244.0.77' },
      },
    ];
    for (const object of objects) cluster.must(cluster.api.create(object as unknown as KubeObject));
    cluster.settle();
    expect(cluster.pods().map((pod) => [pod.metadata.name, pod.status?.podIP, pod.spec.nodeName])).toEqual([['web-64c966cf88-45528', '10.244.0.77', 'n1']]);
    expect(sets(cluster).map((set) => set.metadata.name)).toEqual(['web-64c966cf88']);
  });
});
