import { describe, expect, it } from 'vitest';
import { formatCidr, isCidr, isIp, isStrictSubset, parseCidr } from '../addresses.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, nodeYaml } from '../testing/manifests.ts';
import { freeRanges } from './node-ipam-controller.ts';
import { internalIp, type Node, podCidrOf } from './types.ts';

const nodes = (cluster: TestCluster) => cluster.api.view.list<Node>('Node');
const kubeadm = (podSubnet: string, extra = '') =>
  `apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: ${podSubnet}}\n${extra}`;

describe('node IPAM', () => {
  it('gives each node a /24 of the cluster range, and leaves ranges that were given', () => {
    const cluster = new TestCluster().apply([nodeYaml('a'), nodeYaml('b', 'spec: {podCIDR: 10.244.1.0/24}'), nodeYaml('c')].join('\n---\n'));
    expect(nodes(cluster).map(podCidrOf)).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']);
    expect(nodes(cluster)[0]?.spec?.podCIDRs).toEqual(['10.244.0.0/24']);
  });

  it('says when the cluster range is used up', () => {
    const cluster = new TestCluster().apply(kubeadm('10.244.0.0/23')).apply([nodeYaml('a'), nodeYaml('b'), nodeYaml('c')].join('\n---\n'));
    expect(nodes(cluster).map(podCidrOf)).toEqual(['10.244.0.0/24', '10.244.1.0/24', undefined]);
    expect(cluster.events('Node', 'c')).toContain('CIDRNotAvailable: Node c status is now: CIDRNotAvailable');
  });

  it('takes the size of the ranges from kube-controller-manager’s flag', () => {
    const cluster = new TestCluster()
      .apply(kubeadm('10.0.0.0/8', 'controllerManager: {extraArgs: [{name: node-cidr-mask-size, value: "20"}]}'))
      .apply(`${nodeYaml('a')}\n---\n${nodeYaml('b')}`);
    expect(nodes(cluster).map(podCidrOf)).toEqual(['10.0.0.0/20', '10.0.16.0/20']);
  });

  it('passes over ranges that overlap a taken one of another size', () => {
    const cluster = parseCidr('10.244.0.0/16');
    const taken = parseCidr('10.244.0.0/23');
    if (cluster === undefined || taken === undefined) throw new Error('no CIDR');
    const first = freeRanges(cluster, 24, [taken]).next();
    expect(first.done === true ? 'none' : formatCidr(first.value)).toBe('10.244.2.0/24');
  });
});

describe('a node', () => {
  it('without an address gets the next one of the underlay', () => {
    const cluster = new TestCluster().apply([nodeYaml('a'), nodeYaml('b')].join('\n---\n'));
    expect(nodes(cluster).map(internalIp)).toEqual(['172.30.1.2', '172.30.2.2']);
    const small = new TestCluster()
      .apply('apiVersion: kubehop.dev/v1alpha1\nkind: Network\nmetadata: {name: lan}\nspec: {cidr: 192.168.5.0/24}')
      .apply([nodeYaml('a'), nodeYaml('b')].join('\n---\n'));
    expect(nodes(small).map(internalIp)).toEqual(['192.168.5.2', '192.168.5.3']);
  });

  it('is NotReady and tainted until a CNI runs on it', () => {
    const cluster = new TestCluster().apply(nodeYaml('n1'));
    expect([cluster.row('Node/n1')[1], cluster.get<Node>('Node/n1').spec?.taints]).toEqual([
      'NotReady',
      [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }],
    ]);
    cluster.apply(clusterYaml(0));
    expect([cluster.row('Node/n1')[1], cluster.get<Node>('Node/n1').spec?.taints]).toEqual(['Ready', undefined]);
    expect(cluster.events('Node', 'n1')).toContain('NodeReady: Node n1 status is now: NodeReady');
  });

  it('is tainted when it is cordoned', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(nodeYaml('n1', 'spec: {unschedulable: true}'));
    expect([cluster.row('Node/n1')[1], cluster.get<Node>('Node/n1').spec?.taints]).toEqual([
      'Ready,SchedulingDisabled',
      [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
    ]);
  });

  it('shows its roles', () => {
    const cluster = new TestCluster().apply(nodeYaml('cp', '  labels: {node-role.kubernetes.io/control-plane: ""}'));
    expect(cluster.row('Node/cp').slice(2, 3)).toEqual(['control-plane']);
  });

  it('keeps its pod range once it has one', () => {
    const cluster = new TestCluster().apply(nodeYaml('n1', 'spec: {podCIDR: 10.244.9.0/24}'));
    expect(cluster.refusal(nodeYaml('n1', 'spec: {podCIDR: 10.244.8.0/24, podCIDRs: [10.244.8.0/24]}')).message).toContain(
      'spec: Forbidden: node updates may not change podCIDR except from "" to valid',
    );
  });
});

describe('a kind configuration', () => {
  it('brings its nodes, named as kind names them', () => {
    const cluster = new TestCluster().apply(
      'apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnodes: [{role: control-plane}, {role: worker}, {role: worker}]\nnetworking: {podSubnet: 10.10.0.0/16}',
    );
    expect(nodes(cluster).map((node) => [node.metadata.name, podCidrOf(node)])).toEqual([
      ['kind-control-plane', '10.10.0.0/24'],
      ['kind-worker', '10.10.1.0/24'],
      ['kind-worker2', '10.10.2.0/24'],
    ]);
  });
});

describe('addresses', () => {
  it('are told from what only looks like one', () => {
    expect(['10.0.0.1', '::1', 'fd00::1:2', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1'].map(isIp)).toEqual([true, true, true, true, true]);
    expect(['10.0.0', '10.0.0.256', '010.0.0.1', '1:2:3', '1::2::3', 'fe80::1%eth0', ''].map(isIp)).toEqual([false, false, false, false, false, false, false]);
    expect(['10.0.0.0/8', 'fd00::/48', '10.0.0.1', '10.0.0.0/33', '10.0.0.0/8/9'].map(isCidr)).toEqual([true, true, false, false, false]);
  });
  it('know which range lies inside which', () => {
    expect(isStrictSubset('10.1.0.0/16', '10.0.0.0/8')).toBe(true);
    expect(isStrictSubset('10.0.0.0/8', '10.0.0.0/8')).toBe(false);
    expect(isStrictSubset('fd00:192:168:3::/64', 'fd00:192:168::/48')).toBe(true);
    expect(isStrictSubset('fd00:192:169:3::/64', 'fd00:192:168::/48')).toBe(false);
    expect(isStrictSubset('10.1.0.0/16', 'fd00::/8')).toBe(false);
  });
});
