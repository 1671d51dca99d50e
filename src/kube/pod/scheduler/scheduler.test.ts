import { describe, expect, it } from 'vitest';
import { TestCluster } from '../../testing/cluster.ts';
import { clusterYaml, deploymentYaml, flannelYaml, nodeYaml, podYaml, serviceYaml } from '../../testing/manifests.ts';
import { findCondition, type Pod } from '../types.ts';

const tail = (resolvable: number, hopeless: number): string => {
  const parts = [
    ...(resolvable > 0 ? [`${resolvable} No preemption victims found for incoming pod`] : []),
    ...(hopeless > 0 ? [`${hopeless} Preemption is not helpful for scheduling`] : []),
  ];
  return ` no new claims to deallocate, preemption: 0/${resolvable + hopeless} nodes are available: ${parts.join(', ')}.`;
};
const message = (cluster: TestCluster, name: string) => findCondition(cluster.get<Pod>(`Pod/default/${name}`).status?.conditions, 'PodScheduled')?.message;
const nodeOf = (cluster: TestCluster, name: string) => cluster.get<Pod>(`Pod/default/${name}`).spec.nodeName;
const perNode = (cluster: TestCluster) => {
  const counts: Record<string, number> = {};
  for (const pod of cluster.pods()) counts[pod.spec.nodeName ?? ''] = (counts[pod.spec.nodeName ?? ''] ?? 0) + 1;
  return counts;
};
const controlPlane = nodeYaml('controlplane', 'spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}');

describe('the scheduler', () => {
  it('tells why no node can take a pod, in kube-scheduler’s words', () => {
    const cluster = new TestCluster()
      .apply([controlPlane, nodeYaml('n1'), flannelYaml].join('\n---\n'))
      .apply(podYaml('big', '', 'nginx').replace('image: nginx', 'image: nginx, resources: {requests: {cpu: "64"}}'));
    const words = `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.${tail(0, 2)}`;
    expect(message(cluster, 'big')).toBe(words);
    expect(cluster.events('Pod', 'big')).toEqual([`FailedScheduling: ${words}`]);
    expect(cluster.row('Pod/default/big').slice(0, 4)).toEqual(['big', '0/1', 'Pending', '0']);
  });

  it('says that there are no nodes', () => {
    expect(message(new TestCluster().apply(podYaml('web')), 'web')).toBe('no nodes available to schedule pods');
  });

  it('places waiting pods as soon as a node comes', () => {
    const cluster = new TestCluster().apply(podYaml('web')).apply(clusterYaml(1));
    expect(nodeOf(cluster, 'web')).toBe('n1');
  });

  it('respects nodeSelector, required affinity, tolerations and cordon', () => {
    const cluster = new TestCluster().apply([nodeYaml('n1', '  labels: {disk: ssd}'), nodeYaml('n2'), controlPlane, flannelYaml].join('\n---\n'));
    cluster.apply(podYaml('selected', 'nodeSelector: {disk: ssd}'));
    expect(nodeOf(cluster, 'selected')).toBe('n1');
    cluster.apply(
      podYaml(
        'away',
        'affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: DoesNotExist}]}]}}}',
      ),
    );
    expect(nodeOf(cluster, 'away')).toBe('n2');
    cluster.apply(
      podYaml(
        'tolerant',
        'nodeSelector: {kubernetes.io/hostname: controlplane}\n  tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]',
      ),
    );
    expect(nodeOf(cluster, 'tolerant')).toBe('controlplane');
    cluster.apply(podYaml('nowhere', 'nodeSelector: {disk: tape}'));
    expect(message(cluster, 'nowhere')).toBe(
      `0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node affinity/selector.${tail(0, 3)}`,
    );
    const n1 = cluster.get('Node/n1');
    cluster.must(cluster.api.update({ ...n1, spec: { ...(n1.spec as object), unschedulable: true } }));
    cluster.settle().apply(podYaml('late', 'nodeSelector: {disk: ssd}'));
    expect(message(cluster, 'late')).toContain('1 node(s) were unschedulable');
  });

  it('counts requests against what the node can allocate, and its pods against their limit', () => {
    const cluster = new TestCluster().apply([nodeYaml('n1', 'status: {allocatable: {cpu: "1", memory: 1Gi, pods: "4"}}'), flannelYaml].join('\n---\n'));
    const half = (name: string) => podYaml(name).replace('image: nginx', 'image: nginx, resources: {requests: {cpu: 500m, memory: 100Mi}}');
    cluster.apply(half('a')).apply(half('b')).apply(half('c'));
    expect(message(cluster, 'c')).toBe(`0/1 nodes are available: 1 Insufficient cpu.${tail(1, 0)}`);
    // flannel, a, b and d: that is four.
    cluster.apply(podYaml('d')).apply(podYaml('e'));
    expect([nodeOf(cluster, 'd'), message(cluster, 'e')]).toEqual(['n1', `0/1 nodes are available: 1 Too many pods.${tail(1, 0)}`]);
    cluster.remove('Pod/default/a');
    expect(nodeOf(cluster, 'c')).toBe('n1');
  });

  it('spreads the replicas of a Deployment evenly over equal nodes', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(3))
      .apply(serviceYaml('web', '{selector: {app: web}, ports: [{port: 80}]}'))
      .apply(deploymentYaml('web', 9));
    expect(perNode(cluster)).toEqual({ n1: 3, n2: 3, n3: 3 });
  });

  it('prefers the node with more room', () => {
    const cluster = new TestCluster().apply(
      [
        nodeYaml('n1', 'status: {allocatable: {cpu: "1", memory: 1Gi, pods: "9"}}'),
        nodeYaml('n2', 'status: {allocatable: {cpu: "8", memory: 8Gi, pods: "9"}}'),
        flannelYaml,
      ].join('\n---\n'),
    );
    expect(nodeOf(cluster.apply(podYaml('web')), 'web')).toBe('n2');
  });

  it('keeps pods apart that must not meet, and says so to the one too many', () => {
    const apart =
      'affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}';
    const cluster = new TestCluster().apply(clusterYaml(2)).apply(deploymentYaml('web', 3, { pod: apart }));
    expect(perNode(cluster)).toEqual({ '': 1, n1: 1, n2: 1 });
    const waiting = cluster.pods().find((pod) => pod.spec.nodeName === undefined);
    expect(message(cluster, waiting?.metadata.name ?? '')).toBe(`0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.${tail(2, 0)}`);
  });

  it('keeps a newcomer away from a pod that refuses its company', () => {
    const apart =
      'affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: noisy}}, topologyKey: kubernetes.io/hostname}]}}';
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('quiet', apart)).apply(podYaml('noisy'));
    expect(message(cluster, 'noisy')).toBe(`0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.${tail(1, 0)}`);
  });

  it('puts pods together that want to be, the first wherever it likes', () => {
    const together =
      'affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}';
    const cluster = new TestCluster().apply(clusterYaml(3)).apply(deploymentYaml('web', 4, { pod: together }));
    expect(Object.values(perNode(cluster))).toEqual([4]);
  });

  it('obeys a hard spread constraint', () => {
    const spread =
      'topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]';
    const cluster = new TestCluster().apply(
      [nodeYaml('n1'), nodeYaml('n2', 'status: {allocatable: {cpu: "2", memory: 4Gi, pods: "2"}}'), flannelYaml].join('\n---\n'),
    );
    cluster.apply(deploymentYaml('web', 4, { pod: spread }));
    // n2 has room for one beside flannel; n1 may be one ahead.
    expect(perNode(cluster)).toEqual({ '': 1, n1: 2, n2: 1 });
  });

  it('serves the more important pods first', () => {
    const cluster = new TestCluster().apply(podYaml('plain')).apply(podYaml('critical', 'priorityClassName: system-cluster-critical'));
    cluster.apply([nodeYaml('n1', 'status: {allocatable: {cpu: "2", memory: 4Gi, pods: "2"}}'), flannelYaml].join('\n---\n'));
    expect([nodeOf(cluster, 'critical'), nodeOf(cluster, 'plain')]).toEqual(['n1', undefined]);
  });

  it('does not give two pods of one node the same host port', () => {
    const port = (name: string) => podYaml(name).replace('image: nginx', 'image: nginx, ports: [{containerPort: 80, hostPort: 8080}]');
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(port('a')).apply(port('b'));
    expect(message(cluster, 'b')).toBe(`0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.${tail(1, 0)}`);
  });

  it('leaves gated pods alone', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web', 'schedulingGates: [{name: example.com/wait}]'));
    expect(cluster.row('Pod/default/web')[2]).toBe('SchedulingGated');
  });
});
