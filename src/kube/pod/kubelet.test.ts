import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, flannelYaml, nodeYaml, podYaml } from '../testing/manifests.ts';
import { exitCodeOf, isScripted } from './container-exit.ts';
import { milliUnits, parseQuantity } from './quantity.ts';
import type { Pod } from './types.ts';

const pod = (cluster: TestCluster, name: string): Pod => cluster.get<Pod>(`Pod/default/${name}`);
const columns = (cluster: TestCluster, name: string) => cluster.row(`Pod/default/${name}`).slice(1, 4);
const one = (cluster: TestCluster) => cluster.pods()[0] as Pod;

describe('a pod on a node with a network', () => {
  it('runs, is ready and has an address', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web'));
    const { status } = pod(cluster, 'web');
    expect(columns(cluster, 'web')).toEqual(['1/1', 'Running', '0']);
    expect([status?.podIP, status?.podIPs, status?.hostIP, status?.qosClass]).toEqual(['10.244.0.2', [{ ip: '10.244.0.2' }], '172.30.1.2', 'BestEffort']);
    expect(status?.conditions?.map(({ type, status: holds }) => [type, holds])).toEqual([
      ['PodReadyToStartContainers', 'True'],
      ['Initialized', 'True'],
      ['Ready', 'True'],
      ['ContainersReady', 'True'],
      ['PodScheduled', 'True'],
    ]);
    expect([...cluster.events('Pod', 'web')].sort()).toEqual([
      'Created: Created container: web',
      'Pulled: Container image "nginx" already present on machine',
      'Scheduled: Successfully assigned default/web to n1',
      'Started: Started container web',
    ]);
  });

  it('with hostNetwork has the node’s address and needs no CNI', () => {
    const cluster = new TestCluster().apply(nodeYaml('n1')).apply(podYaml('agent', 'nodeName: n1\n  hostNetwork: true'));
    expect([columns(cluster, 'agent'), pod(cluster, 'agent').status?.podIP]).toEqual([['1/1', 'Running', '0'], '172.30.1.2']);
  });

  it('gets another address each time it is made anew', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 3));
    const before = cluster
      .pods()
      .map((each) => each.status?.podIP)
      .sort();
    cluster.scale('Deployment/default/web', 0).scale('Deployment/default/web', 3);
    expect(before).toEqual(['10.244.0.2', '10.244.0.3', '10.244.0.4']);
    expect(
      cluster
        .pods()
        .map((each) => each.status?.podIP)
        .sort(),
    ).toEqual(['10.244.0.5', '10.244.0.6', '10.244.0.7']);
  });

  it('is started anew in place when its image changes: same pod, same address, one restart', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(podYaml('web'))
      .apply(podYaml('web', '', 'httpd'));
    expect([columns(cluster, 'web')[2], pod(cluster, 'web').status?.podIP, pod(cluster, 'web').status?.containerStatuses?.[0]?.image]).toEqual([
      '1 (0s ago)',
      '10.244.0.2',
      'docker.io/library/httpd:latest',
    ]);
  });

  it('may change nothing but its images', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web'));
    expect(cluster.refusal(podYaml('web', 'hostNetwork: true')).message).toContain(
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
    );
  });
});

describe('a pod on a node without a network', () => {
  const words =
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

  it('stays ContainerCreating with the kubelet’s words, and the node is NotReady', () => {
    const cluster = new TestCluster().apply(nodeYaml('n1')).apply(podYaml('web', 'nodeName: n1'));
    expect(columns(cluster, 'web')).toEqual(['0/1', 'ContainerCreating', '0']);
    expect(cluster.events('Pod', 'web')).toEqual([`NetworkNotReady: network is not ready: ${words}`]);
    expect(cluster.row('Node/n1')[1]).toBe('NotReady');
    expect(cluster.get<Pod>('Pod/default/web').status?.podIP).toBeUndefined();
  });

  it('starts when flannel comes', () => {
    const cluster = new TestCluster().apply(nodeYaml('n1')).apply(podYaml('web', 'nodeName: n1')).apply(flannelYaml);
    expect([columns(cluster, 'web'), cluster.row('Node/n1')[1]]).toEqual([['1/1', 'Running', '0'], 'Ready']);
  });

  it('waits for flannel’s ConfigMap, which flannel itself waits for', () => {
    const [namespace, , daemonSet] = flannelYaml.split('\n---\n');
    const cluster = new TestCluster().apply(nodeYaml('n1')).apply(`${namespace}\n---\n${daemonSet}`);
    const [flannel] = cluster.pods('kube-flannel');
    expect(cluster.events('Pod', flannel?.metadata.name ?? '')).toContain(
      'FailedMount: MountVolume.SetUp failed for volume "flannel-cfg" : configmap "kube-flannel-cfg" not found',
    );
    expect(cluster.row('Node/n1')[1]).toBe('NotReady');
    cluster.apply(flannelYaml);
    expect(cluster.row('Node/n1')[1]).toBe('Ready');
  });

  it('stays so while flannel crashes over its configuration, and starts when that is mended', () => {
    const cluster = new TestCluster()
      .apply(nodeYaml('n1'))
      .apply(flannelYaml.replace('"Type": "vxlan"', '"Type": "vxlam"'))
      .apply(podYaml('web', 'nodeName: n1'));
    const [flannel] = cluster.pods('kube-flannel');
    expect(cluster.row(`Pod/kube-flannel/${flannel?.metadata.name}`).slice(1, 3)).toEqual(['0/1', 'CrashLoopBackOff']);
    expect(flannel?.status?.containerStatuses?.[0]?.lastState?.terminated?.message).toBe('Error fetching backend: unknown backend type: vxlam');
    expect(columns(cluster, 'web')[1]).toBe('ContainerCreating');
    expect(columns(cluster.apply(flannelYaml), 'web')[1]).toBe('Running');
  });

  it('gets no address when the range of its node is full, in host-local’s words', () => {
    const cluster = new TestCluster()
      .apply([nodeYaml('n1', 'spec: {podCIDR: 10.244.0.0/30}'), flannelYaml].join('\n---\n'))
      .apply(podYaml('a'))
      .apply(podYaml('b'));
    expect([columns(cluster, 'a')[1], columns(cluster, 'b')[1]]).toEqual(['Running', 'ContainerCreating']);
    expect(cluster.events('Pod', 'b').find((event) => event.startsWith('Failed'))).toMatch(
      /^FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="flannel" failed \(add\): failed to delegate add: failed to allocate for range 0: no IP addresses available in range set: 10\.244\.0\.1-10\.244\.0\.2$/,
    );
    cluster.remove('Pod/default/a');
    expect(columns(cluster, 'b')[1]).toBe('Running');
  });
});

describe('containers that cannot start or do not last', () => {
  it('wait for a ConfigMap their environment names', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(podYaml('web').replace('image: nginx', 'image: nginx, envFrom: [{configMapRef: {name: settings}}]'));
    expect(columns(cluster, 'web')).toEqual(['0/1', 'CreateContainerConfigError', '0']);
    expect(cluster.events('Pod', 'web')).toContain('Failed: Error: configmap "settings" not found');
    cluster.apply('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}');
    expect(columns(cluster, 'web')).toEqual(['1/1', 'Running', '0']);
  });

  it('loop when a shell has nothing to do, and end when they are not to be restarted', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(podYaml('box', '', 'busybox'))
      .apply(podYaml('once', 'restartPolicy: Never', 'busybox'));
    expect(columns(cluster, 'box').slice(0, 2)).toEqual(['0/1', 'CrashLoopBackOff']);
    expect(columns(cluster, 'once')).toEqual(['0/1', 'Completed', '0']);
    expect(cluster.get<Pod>('Pod/default/once').status?.phase).toBe('Succeeded');
  });

  it('are judged by image and command', () => {
    const exit = (image: string, command?: readonly string[], extra = {}) =>
      exitCodeOf({ name: 'a', image, ...(command === undefined ? {} : { command }), ...extra });
    expect(exit('nginx')).toBeUndefined();
    expect(exit('nicolaka/netshoot:v0.13')).toBe(0);
    expect(exit('nicolaka/netshoot', undefined, { stdin: true, tty: true })).toBeUndefined();
    expect(exit('busybox', ['sleep', '3600'])).toBeUndefined();
    expect(exit('busybox', ['sh', '-c', 'true && exit 3'])).toBe(3);
    expect(isScripted({ name: 'a', image: 'busybox', command: ['sh', '-c', 'while true; do sleep 1; done'] })).toBe(false);
    expect(isScripted({ name: 'a', image: 'busybox', command: ['sh', '-c', 'while true; do date; sleep 1; done'] })).toBe(true);
    expect(exit('busybox', ['false'])).toBe(1);
    expect(exit('nicolaka/netshoot', ['sh'], { stdin: true, tty: true })).toBeUndefined();
  });

  it('leave an ended pod’s address to others', () => {
    const range = [nodeYaml('n1', 'spec: {podCIDR: 10.244.0.0/30}'), flannelYaml].join('\n---\n');
    const cluster = new TestCluster()
      .apply(range)
      .apply(podYaml('once', 'restartPolicy: Never', 'busybox'))
      .apply(podYaml('web'));
    expect(pod(cluster, 'web').status?.podIP).toBe(pod(cluster, 'once').status?.podIP);
  });
});

describe('nodes that go', () => {
  it('take their pods along, which come back elsewhere', () => {
    const cluster = new TestCluster().apply(clusterYaml(2)).apply(deploymentYaml('web', 1));
    const from = one(cluster).spec.nodeName;
    cluster.remove(`Node/${from}`);
    expect(cluster.pods().map((each) => [each.spec.nodeName, each.status?.phase])).toEqual([[from === 'n1' ? 'n2' : 'n1', 'Running']]);
  });
});

describe('quantities', () => {
  it('are read in decimal, binary and scientific form', () => {
    expect([parseQuantity('500m'), parseQuantity('1.5'), parseQuantity('128Mi'), parseQuantity('2G'), parseQuantity('1e3'), parseQuantity('12e2')]).toEqual([
      0.5, 1.5, 134217728, 2e9, 1000, 1200,
    ]);
    expect([milliUnits('0.1'), milliUnits('100m'), milliUnits('2')]).toEqual([100, 100, 2000]);
  });
  it('are refused when they are none', () => {
    expect(['', 'abc', '1.2.3', '5 Gi', '1KiB'].map(parseQuantity)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});
