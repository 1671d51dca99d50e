import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, nodeYaml, podYaml, serviceYaml } from '../testing/manifests.ts';
import type { EndpointSlice, Endpoints } from './types.ts';

const slices = (cluster: TestCluster, name: string): readonly EndpointSlice[] =>
  cluster.api.view.select<EndpointSlice>('EndpointSlice', 'default', { 'kubernetes.io/service-name': name });
const addresses = (cluster: TestCluster, name: string) =>
  slices(cluster, name).flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => endpoint.addresses[0]));
const web = serviceYaml('web', '{selector: {app: web}, ports: [{port: 80}]}');

describe('the EndpointSlice controller', () => {
  it('lists the pods that the selector matches, in order of address, with labels, owner and a generated name', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(deploymentYaml('web', 3)).apply(web);
    const [slice] = slices(cluster, 'web');
    expect(slice?.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(slice?.metadata.labels).toEqual({
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'kubernetes.io/service-name': 'web',
    });
    expect(slice?.metadata.ownerReferences?.map((owner) => `${owner.kind}/${owner.name}`)).toEqual(['Service/web']);
    expect(slice?.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
    expect(addresses(cluster, 'web')).toEqual(['10.244.0.2', '10.244.0.3', '10.244.0.4']);
    expect(slice?.endpoints?.[0]).toMatchObject({
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'n1',
      targetRef: { kind: 'Pod', namespace: 'default' },
    });
    expect(cluster.row('Endpoints/default/web').slice(0, 2)).toEqual(['web', '10.244.0.2:80,10.244.0.3:80,10.244.0.4:80']);
  });

  it('follows the pods up and down and keeps one empty slice at nothing', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(web).apply(deploymentYaml('web', 2)).scale('Deployment/default/web', 4);
    expect(addresses(cluster, 'web')).toHaveLength(4);
    cluster.scale('Deployment/default/web', 0);
    expect(slices(cluster, 'web').map((slice) => slice.endpoints ?? [])).toEqual([[]]);
    expect(cluster.row('Endpoints/default/web')[1]).toBe('<none>');
    cluster.scale('Deployment/default/web', 1);
    expect(slices(cluster, 'web')).toHaveLength(1);
    expect(addresses(cluster, 'web')).toHaveLength(1);
  });

  it('finds named ports by container, so that one name may be two numbers in two slices', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(serviceYaml('web', '{selector: {team: a}, ports: [{port: 80, targetPort: http}]}'));
    const pod = (name: string, port: number) =>
      podYaml(name).replace(`{app: ${name}}`, '{team: a}').replace('image: nginx', `image: nginx, ports: [{name: http, containerPort: ${port}}]`);
    cluster.apply(pod('old', 80)).apply(pod('new', 8080));
    expect(
      slices(cluster, 'web')
        .map((slice) => [slice.ports?.[0]?.port, slice.endpoints?.length])
        .sort(),
    ).toEqual([
      [80, 1],
      [8080, 1],
    ]);
  });

  it('has an endpoint without a port where the pod has no port of that name', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(deploymentYaml('web', 1))
      .apply(serviceYaml('web', '{selector: {app: web}, ports: [{port: 80, targetPort: htpp}]}'));
    expect(slices(cluster, 'web').map((slice) => [slice.ports ?? [], slice.endpoints?.length])).toEqual([[[], 1]]);
    expect(cluster.row('Endpoints/default/web')[1]).toBe('<none>');
  });

  it('marks pods that are not ready, unless the Service publishes them anyway', () => {
    const gate = 'readinessGates: [{conditionType: example.com/ok}]';
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(podYaml('web', gate))
      .apply(web)
      .apply(serviceYaml('all', '{selector: {app: web}, publishNotReadyAddresses: true, ports: [{port: 80}]}'));
    expect(slices(cluster, 'web')[0]?.endpoints?.[0]?.conditions).toEqual({ ready: false, serving: false, terminating: false });
    expect(slices(cluster, 'all')[0]?.endpoints?.[0]?.conditions).toMatchObject({ ready: true });
    const subset = cluster.get<Endpoints>('Endpoints/default/web').subsets?.[0];
    expect([subset?.addresses, subset?.notReadyAddresses?.length]).toEqual([undefined, 1]);
  });

  it('splits at a hundred endpoints and moves nobody who is placed', () => {
    const nodes = nodeYaml('n1', 'spec: {podCIDR: 10.244.0.0/22}\nstatus: {allocatable: {pods: "1000"}}');
    const cluster = new TestCluster()
      .apply([nodes, clusterYaml(0)].join('\n---\n'))
      .apply(web)
      .apply(deploymentYaml('web', 250));
    const before = new Map(slices(cluster, 'web').map((slice) => [slice.metadata.name, (slice.endpoints ?? []).map((endpoint) => endpoint.targetRef?.name)]));
    expect([...before.values()].map((names) => names.length).sort()).toEqual([100, 100, 50]);
    cluster.scale('Deployment/default/web', 260);
    for (const slice of slices(cluster, 'web')) {
      const now = (slice.endpoints ?? []).map((endpoint) => endpoint.targetRef?.name);
      expect(now).toEqual(expect.arrayContaining(before.get(slice.metadata.name) ?? []));
    }
    expect(addresses(cluster, 'web')).toHaveLength(260);
    // What does not fit whole into the room that is left gets a slice of its own: one write instead of two.
    const sizes = () =>
      slices(cluster, 'web')
        .map((slice) => slice.endpoints?.length ?? 0)
        .sort((a, b) => a - b);
    expect(sizes()).toEqual([60, 100, 100]);
    cluster.scale('Deployment/default/web', 310);
    expect(sizes()).toEqual([50, 60, 100, 100]);
  });

  it('labels the slices of a headless Service and gives host names', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1))
      .apply(serviceYaml('db', '{clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}'))
      .apply(podYaml('db', 'hostname: db-0\n  subdomain: db'));
    const [slice] = slices(cluster, 'db');
    expect([slice?.metadata.labels?.['service.kubernetes.io/headless'], slice?.endpoints?.[0]?.hostname]).toEqual(['', 'db-0']);
  });

  it('hints at the own zone and node of ready endpoints when the Service asks for near ones, and takes the hints back', () => {
    const cluster = new TestCluster()
      .apply(clusterYaml(1).replace('  name: n1', '  name: n1\n  labels: {topology.kubernetes.io/zone: z1}'))
      .apply(deploymentYaml('web', 1));
    const hints = (distribution: string) => {
      cluster.apply(serviceYaml('web', `{${distribution}selector: {app: web}, ports: [{port: 80}]}`));
      return slices(cluster, 'web')[0]?.endpoints?.[0]?.hints;
    };
    expect(hints('')).toBeUndefined();
    for (const near of ['PreferClose', 'PreferSameZone']) expect(hints(`trafficDistribution: ${near}, `)).toEqual({ forZones: [{ name: 'z1' }] });
    expect(hints('trafficDistribution: PreferSameNode, ')).toEqual({ forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] });
    expect(hints('')).toBeUndefined();
  });

  it('leaves a Service without a selector to its author, whose Endpoints it mirrors', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(serviceYaml('outside', '{ports: [{port: 80}]}'));
    expect(slices(cluster, 'outside')).toEqual([]);
    cluster.apply('apiVersion: v1\nkind: Endpoints\nmetadata: {name: outside}\nsubsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 8080}]}]');
    expect(
      slices(cluster, 'outside').map((slice) => [slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'], slice.endpoints?.[0]?.addresses]),
    ).toEqual([['endpointslicemirroring-controller.k8s.io', ['192.0.2.7']]]);
  });

  it('moves endpoints with the labels of pods and with the selector', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web')).apply(podYaml('other')).apply(web);
    expect(addresses(cluster, 'web')).toHaveLength(1);
    cluster.apply(serviceYaml('web', '{selector: {app: nobody}, ports: [{port: 80}]}'));
    expect(addresses(cluster, 'web')).toEqual([]);
    cluster.apply(podYaml('other').replace('app: other', 'app: nobody'));
    expect(addresses(cluster, 'web')).toEqual([cluster.row('Pod/default/other')[5]]);
  });

  it('goes with its Service', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web')).apply(web).remove('Service/default/web');
    expect([slices(cluster, 'web').length, cluster.api.view.find('Endpoints/default/web')]).toEqual([0, undefined]);
  });
});

describe('the Service kubernetes', () => {
  it('stands at the first address of the service range and leads to the control plane', () => {
    const labels = '  labels: {node-role.kubernetes.io/control-plane: ""}';
    const cluster = new TestCluster().apply([nodeYaml('cp', labels), clusterYaml(1)].join('\n---\n'));
    expect(cluster.row('Service/default/kubernetes').slice(0, 5)).toEqual(['kubernetes', 'ClusterIP', '10.96.0.1', '<none>', '443/TCP']);
    expect(cluster.row('Endpoints/default/kubernetes')[1]).toBe('172.30.1.2:6443');
  });
});
